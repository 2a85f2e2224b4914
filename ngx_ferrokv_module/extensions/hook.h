/*
 * hook.h - who is asked and told of writes, and of commands.
 *
 * Order      all CHECK, then REWRITE, then OBSERVE; in each phase as extensions
 *            stand in nginx.conf, and in each of these as it provides them
 * Store      hooks of writes are of the engine's one choke point (fkv_hooks_t),
 *            so that no face can pass them by.  They see user's keys only
 * Who works  where an extension is not ready its OBSERVE and REWRITE are passed
 *            over; its CHECK refuses while it is in quarantine, has failed, or
 *            the catalog is still to be read, and what is FERROKV_REQUIRED also
 *            while it is dormant
 * Prefix     the delete of all keys that begin so: shown if one of that and the
 *            hook's prefix begins with the other: key is the prefix, val NULL
 * Operands   nobody has read what they make of a key: val is of their type and
 *            has no bytes, and REWRITE is passed over
 * Others'    a value of another extension's type has that type, whose address
 *            says nothing to who does not know it; it cannot be rewritten
 */

#ifndef FKV_EXTENSIONS_HOOK_H
#define FKV_EXTENSIONS_HOOK_H

#include "extensions/host.h"
#include "extensions/set.h"

typedef struct fkv_hook_list_s  fkv_hook_list_t;

/*
 * Hooks of these extensions that are attached to this store (host.h) are asked
 * of what handle writes from now on: the store's own, or that of which it is
 * another handle.  FKV_OK *list is NULL if there are none · FKV_ENOMEM
 */
int  fkv_hook_list_new(fkv_hook_list_t **list, fkv_t *handle,
    const fkv_t *store, const fkv_extensions_t *set);

/* Asked before all others, as fkv_hooks_t.write is; no update is in flight. */
void fkv_hook_list_guard(fkv_hook_list_t *list,
    int (*guard)(void *data, fkv_update_t *update), void *data);

/* Nobody is asked any more; no update is in flight. */
void fkv_hook_list_free(fkv_hook_list_t *list);

/* Those that are asked in this process of what handle writes, or NULL. */
const fkv_hook_list_t *fkv_hook_list_of(const fkv_t *handle);

/* The i-th in their order; NULL: no i-th. */
const ferrokv_hook *fkv_hook_list_at(const fkv_hook_list_t *list, unsigned i,
    const fkv_extension_t **extension);


/* What the own map of an extension gets by an OBSERVE of ON_WRITE: blind. */
struct fkv_hook_more_s {
    fkv__memory_t   memory;         /* of all that the update is given */
    fkv_change_t   *changes;
    unsigned        n;
    unsigned        room;
    size_t          value_max;      /* below blob_min */
};

/* value data NULL: it is deleted.  FKV_OK · FKV_ENOMEM · FKV_ETOOBIG */
int fkv_hook_add(fkv_hook_more_t *more, fkv_str_t key, fkv_str_t value,
    uint64_t expire_at);


#endif /* FKV_EXTENSIONS_HOOK_H */
