/*
 * quota.c - by how much an update makes each class grow.
 */

#include "store/quota.h"
#include "shared/arena.h"
#include "store/memtable.h"
#include "store/update.h"
#include "store/usage.h"

_Static_assert(FKV__QUOTAS == FKV_CLASSES, "a quota for each");


void
fkv__quota_set(fkv__segment_shm_t *seg, const fkv_options_t *opt)
{
    for (unsigned class = 0; class < FKV_CLASSES; class++) {
        __atomic_store_n(&seg->state.quota[class], opt->quota[class],
                         __ATOMIC_RELAXED);
    }
}


uint64_t
fkv__quota_used(const fkv_t *store, fkv_class_e class)
{
    uint64_t  bytes = 0;

    for (unsigned ns = 0; ns < FKV_NAMESPACES; ns++) {
        if (fkv_class(ns) == class) {
            bytes += fkv__usage(store, ns).bytes;
        }
    }

    return bytes;
}


/* True if the update puts something into the class. */
static bool
class_growth(const fkv_update_t *u, fkv_class_e class, int64_t *growth)
{
    bool  puts = false;

    *growth = 0;

    for (unsigned i = 0; i < u->n; i++) {
        const fkv_change_t       *change = &u->changes[i];
        const fkv__update_key_t  *key = &u->own->keys[i];

        if (key->head_len == 0 || change->prefix
            || fkv_class(change->ns) != class)
        {
            continue;
        }

        puts = puts || change->action == FKV_PUT;
        *growth += fkv__usage_growth(change, key->ikey.len, key->read);
    }

    return puts;
}


/* What a range delete has hidden counts until its memtable is in tables. */
static void
memtable_hurry(const fkv_t *store)
{
    uint64_t         set;
    fkv__memtable_t  mt;

    set = __atomic_load_n(&store->seg->state.memtables, __ATOMIC_ACQUIRE);
    fkv__memtable_init(&mt, store->seg, fkv__set_arena(set, 0));

    if (fkv__memtable_has_ranges(&mt)) {
        fkv__arena_seal(mt.shm, mt.mem);
    }
}


int
fkv__quota_admit(const fkv_update_t *u)
{
    fkv_t  *store = u->store;

    for (unsigned class = 0; class < FKV_CLASSES; class++) {
        uint64_t  quota = fkv__quota(store, class);
        int64_t   growth;

        if (quota == 0 || !class_growth(u, class, &growth) || growth <= 0
            || fkv__quota_used(store, class) + (uint64_t) growth <= quota)
        {
            continue;
        }

        fkv__count(store, quota_refused, 1);
        memtable_hurry(store);

        return FKV_EQUOTA;
    }

    return FKV_OK;
}
