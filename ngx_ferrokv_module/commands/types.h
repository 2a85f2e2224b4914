/*
 * types.h - the types of values in a store, as this process knows them: those
 * of extensions that are here, and those of which only the catalog knows.
 *
 * Ids      a store's own, given out by its catalog and never again to another
 *          type; 0 is bytes.  A value whose id is not here is of a type that
 *          another process has just installed, or the catalog is damaged
 * Life     one for each store and process; whoever reads the catalog sets it
 *          (extensions/catalog.h).  Entries are added, and their type changes
 *          when an extension is quarantined; none is removed
 */

#ifndef FKV_COMMANDS_TYPES_H
#define FKV_COMMANDS_TYPES_H

#include "fkv.h"
#include "commands/call.h"

#define FKV_TYPE_NAME_MAX  64

typedef struct fkv_type_s   fkv_type_t;
typedef struct fkv_types_s  fkv_types_t;

struct fkv_type_s {
    uint16_t     id;
    uint16_t     encver;                    /* of what is here */
    char         name[FKV_TYPE_NAME_MAX];   /* "json", "geo.point": unique */
    const char  *label;                     /* what TYPE says; set() takes the
                                               name's end if it is NULL */
    char         extension[FKV_TYPE_NAME_MAX];
    char         version[FKV_TYPE_NAME_MAX];    /* that has written it */
    const void  *owner;                     /* the extension; NULL: missing */
    const void  *def;                       /* its definition; else NULL */

    /*
     * What the extension offers, or NULL; called as fkv_call_* functions are,
     * with what they answer.  value is one of this type, the key's; of output()
     * and weight() in the selected database.
     */
    int        (*output)(const fkv_type_t *type, fkv_call_t *call,
                     fkv_str_t key, const fkv_call_value_t *value);
    int        (*input)(const fkv_type_t *type, fkv_call_t *call,
                     fkv_str_t text, fkv_str_t *data);
    int        (*recode)(const fkv_type_t *type, fkv_call_t *call,
                     unsigned ns, fkv_str_t key, const fkv_call_value_t *value,
                     fkv_str_t *data);
    int        (*compact)(const fkv_type_t *type, fkv_call_t *call,
                     unsigned ns, fkv_str_t key, const fkv_call_value_t *value,
                     fkv_str_t *data);      /* FKV_NOTFOUND: it stays */
    uint64_t   (*weight)(const fkv_type_t *type, const fkv_call_t *call,
                     fkv_str_t key, const fkv_call_value_t *value);

    /*
     * Operands, oldest first, put together with base (NULL: none); PURE: also
     * in the helper's threads.  chain->newest 0: nothing of it is written yet.
     * FKV_OK *data is of fkv__alloc() · FKV_WRONGTYPE base is of another type
     * · FKV_ECORRUPT
     */
    int        (*full)(const fkv_type_t *type, const fkv_t *store,
                     const fkv_chain_t *chain, const fkv_call_value_t *base,
                     const fkv_str_t *ops, unsigned n, fkv_str_t *data);
};

/* Of a store, in this process; NULL: there are none. */
fkv_types_t *fkv_types_of(const fkv_t *store);

const fkv_type_t *fkv_types_by_id(const fkv_types_t *types, unsigned id);
const fkv_type_t *fkv_types_by_name(const fkv_types_t *types, fkv_str_t name);
const fkv_type_t *fkv_types_by_def(const fkv_types_t *types, const void *def);

/* What TYPE says: "string" of bytes; never NULL. */
const char *fkv_types_label(const fkv_t *store, unsigned id);

/*
 * Is what works with values of this type not here?  Then the sentence that says
 * what is needed is in text.
 */
#define FKV_TYPE_SENTENCE  256

bool fkv_types_missing(const fkv_t *store, unsigned id, char *text);

/* Adds it, or changes the one with this id; it is copied.  FKV_OK · FKV_ENOMEM
   · FKV_EINVAL another has this name */
int fkv_types_set(fkv_t *store, const fkv_type_t *type);

/*
 * A command that no library here has, but one that is installed in a store of
 * this process: whose it is, "json", and what version had it.
 */
bool fkv_types_missing_command(fkv_str_t name, fkv_str_t *extension,
    fkv_str_t *version);

/* All of a store's, when it is detached. */
void fkv_types_done(const fkv_t *store);


#endif /* FKV_COMMANDS_TYPES_H */
