/*
 * path.h - paths into a document, and what they choose.
 *
 *   $  .name  ['name']  ["name"]  [0]  [-1]  [1:3]  [::2]  [*]  .*  ..name  ..*
 *
 * A path that does not begin with $ is one of the old kind: ".", ".a.b",
 * "a[0]".  It means one value, the first that it finds.
 *
 * Chosen     each value once, in the document's order as far as one part of the
 *            path goes: so however many parts there are, no more values than
 *            the document has
 */

#ifndef JSON_PATH_H
#define JSON_PATH_H

#include "doc.h"

#define PATH_PARTS_MAX  64

typedef enum {
    PATH_NAME,
    PATH_INDEX,
    PATH_SLICE,
    PATH_ALL
} path_part_e;

typedef struct {
    path_part_e   kind;
    bool          below;        /* "..": at any depth */
    ferrokv_str   name;
    int64_t       from;         /* of an index, too */
    int64_t       to;
    int64_t       step;
} path_part_t;

typedef struct {
    ferrokv_str   text;         /* as it was given */
    bool          old;
    unsigned      n;
    path_part_t   parts[PATH_PARTS_MAX];
} path_t;

/* A value and where it stands; parent is NULL of the root. */
typedef struct {
    doc_node_t   *parent;
    size_t        at;
    doc_node_t   *value;
} path_match_t;

typedef struct {
    path_match_t  *at;
    size_t         n;
    size_t         max;
} path_matches_t;

/* FERROKV_OK · FERROKV_EARG: fail() has said what is wrong with it */
int path_parse(ferrokv_ctx *ctx, ferrokv_str text, path_t *path);

bool path_is_root(const path_t *path);

/* Does it name one place at most, whether or not something is there? */
bool path_is_one(const path_t *path);

/* What the first n parts choose. */
path_matches_t path_find(ferrokv_ctx *ctx, const path_t *path, unsigned n,
    doc_node_t *root);

/* A path of the old kind has found nothing (that is a `what`, or ""). */
int path_missing(ferrokv_ctx *ctx, const path_t *path, const char *what);


#endif /* JSON_PATH_H */
