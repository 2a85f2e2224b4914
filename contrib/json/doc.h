/*
 * doc.h - a document: as a tree while a call works on it, as bytes in between.
 *
 * Tree       all of it is memory of the call, and never freed singly
 * Bytes      a tag, then what belongs to it; numbers are varints
 *              0 null · 1 false · 2 true
 *              3 integer   zigzag
 *              4 real      8 bytes, IEEE 754, little-endian
 *              5 string    length, bytes
 *              6 array     count, values
 *              7 object    count, for each: length and bytes of its name, value
 *            Tags are on disk: do not change.  This is encver 1 of the type
 * Trust      bytes may come from anybody: doc_read() refuses what is damaged,
 *            too deep, or not at its end where it should be
 */

#ifndef JSON_DOC_H
#define JSON_DOC_H

#include <ferrokv_extension.h>

#include <stdbool.h>

#define DOC_DEPTH_MAX  256      /* of any document, whatever json.max_depth */

typedef enum {                  /* on disk: do not change */
    DOC_NULL = 0,
    DOC_FALSE = 1,
    DOC_TRUE = 2,
    DOC_INTEGER = 3,
    DOC_REAL = 4,
    DOC_STRING = 5,
    DOC_ARRAY = 6,
    DOC_OBJECT = 7
} doc_kind_e;

typedef struct doc_node  doc_node_t;

typedef struct {
    ferrokv_str   name;         /* of an array's: empty */
    doc_node_t   *value;        /* NULL: it was taken out, see doc_sweep() */
} doc_item_t;

struct doc_node {
    doc_kind_e    kind;
    uint32_t      seen;         /* path.c: chosen by this part of a path */
    uint32_t      walked;       /*   and this one has been below it */
    bool          dead;         /* below what was taken out */
    int64_t       integer;
    double        real;
    ferrokv_str   text;
    doc_item_t   *items;
    size_t        n;
    size_t        max;
};

doc_node_t *doc_new(ferrokv_ctx *ctx, doc_kind_e kind);
bool doc_is_container(const doc_node_t *node);

/* "integer", as JSON.TYPE says it. */
const char *doc_kind_name(const doc_node_t *node);

/* NULL: it has none of this name. */
doc_item_t *doc_member(const doc_node_t *object, ferrokv_str name);

/* Puts value at the end; of an object, in the place of the one of this name. */
void doc_put(ferrokv_ctx *ctx, doc_node_t *node, ferrokv_str name,
    doc_node_t *value);

/* *node becomes a copy of value, which is not shared with anything. */
void doc_assign(ferrokv_ctx *ctx, doc_node_t *node, const doc_node_t *value);

/* Closes the gaps below node. */
void doc_sweep(doc_node_t *node);

/* Levels of containers: 0 of a scalar. */
unsigned doc_depth(const doc_node_t *node);

/* FERROKV_OK · FERROKV_ECORRUPT */
int doc_read(ferrokv_ctx *ctx, ferrokv_str bytes, doc_node_t **root);

ferrokv_str doc_write(ferrokv_ctx *ctx, const doc_node_t *root);


#endif /* JSON_DOC_H */
