/*
 * installed.h - an extension as a store has it: a record of its catalog.
 *
 * It is the value of key "e/NAME" in FKV_NAMESPACE_CATALOG.  On disk, do not
 * change; tags as format/field.h says, so that it can grow:
 *
 *     byte 0      1, the form of what follows; another is FKV_EVERSION
 *     behind it   fields: tag, varint | length, varint | that many bytes
 *       2   state, number: fkv_installed_e
 *       4   version, text: of the library that was there last
 *       6   schema, number: steps that are done
 *       8   cursor, number: calls of the next step that are done; when it is
 *           dropped: pieces that are deleted
 *       9   file, text: of the library
 *       10  cascade, number: when it is dropped its values go, too
 *       11  absent, number: since this version its hooks have seen no writes
 *       12  definition, fields, once for each:
 *             2   kind, number: FERROKV_KIND_...
 *             4   name, text
 *             6   id, number: of a type
 *             8   encver, number: of a type, the highest that was written
 *             10  event, 12 phase, numbers, 14 prefix, text: of a hook
 *             16  flags, number
 *       13  problem, text: why the step or the drop has stopped
 *
 * A number that is 0 is left out.  Types stay when a later library has them no
 * more, for there may be values; their ids are never given to another type.
 *
 * The catalog itself is the value of key "c": byte 0 as above, and
 *       2   next, number: the id that the next type will have
 * It is written with every record, so its version is that of the catalog.
 */

#ifndef FKV_EXTENSIONS_INSTALLED_H
#define FKV_EXTENSIONS_INSTALLED_H

#include "fkv.h"
#include "base/buf.h"
#include "commands/types.h"
#include "extensions/extension.h"

#define FKV_INSTALLED_KEY      "e/"
#define FKV_INSTALLED_HEAD     "c"
#define FKV_INSTALLED_OWN_MAP  "m/"         /* "m/NAME/" and the element */

#define FKV_INSTALLED_DEFS_MAX  1024
#define FKV_INSTALLED_TEXT_MAX  4096        /* of any text in it */
#define FKV_INSTALLED_KEY_BYTES (2 + FKV_EXTENSION_NAME_MAX)

/* On disk, do not change. */
typedef enum {
    FKV_INSTALLED        = 1,
    FKV_INSTALLING       = 2,
    FKV_UPDATING         = 3,
    FKV_DROPPING         = 4
} fkv_installed_e;

typedef struct {
    uint64_t    kind;
    fkv_str_t   name;
    uint64_t    id;
    uint64_t    encver;
    uint64_t    event;
    uint64_t    phase;
    fkv_str_t   prefix;
    uint64_t    flags;
} fkv_installed_def_t;

/* Texts are the caller's, as those of parse() are of the bytes given to it. */
typedef struct {
    fkv_str_t             name;
    fkv_installed_e       state;
    fkv_str_t             version;
    uint64_t              schema;
    uint64_t              cursor;
    fkv_str_t             file;
    bool                  cascade;
    uint64_t              absent;
    fkv_str_t             problem;
    fkv_installed_def_t  *defs;         /* ours, until done() */
    unsigned              defs_n;
} fkv_installed_t;


/* The key of its record; returns how many of the bytes it takes. */
size_t fkv_installed_key(uint8_t key[FKV_INSTALLED_KEY_BYTES],
    fkv_str_t name);

/* Is this one?  name: the part behind "e/". */
bool fkv_installed_key_is(fkv_str_t key, fkv_str_t *name);

/*
 * Any bytes may be given.  FKV_OK · FKV_ECORRUPT · FKV_EVERSION · FKV_ENOMEM;
 * done() in any case.
 */
int  fkv_installed_parse(fkv_installed_t *in, fkv_str_t name,
    fkv_str_t bytes);
void fkv_installed_done(fkv_installed_t *in);

/* FKV_OK · FKV_ENOMEM */
int  fkv_installed_put(const fkv_installed_t *in, fkv__buf_t *out);

/* The head: next is 1 if bytes are empty.  As parse and put. */
int  fkv_installed_head_parse(fkv_str_t bytes, uint64_t *next);
int  fkv_installed_head_put(uint64_t next, fkv__buf_t *out);

/*
 * Version, file and definitions become those of the extension: types of the
 * same name keep their ids, others get new ones from *next on.
 * FKV_OK · FKV_EFULL there is no id left · FKV_ENOMEM
 */
int  fkv_installed_take(fkv_installed_t *in, const fkv_extension_t *extension,
    uint64_t *next);

/* Is it already as take() would make it? */
bool fkv_installed_same(const fkv_installed_t *in,
    const fkv_extension_t *extension);

/* "installed", "installing" ... */
const char *fkv_installed_text(fkv_installed_e state);


#endif /* FKV_EXTENSIONS_INSTALLED_H */
