/*
 * size.c - who may add.
 */

#include "store/size.h"
#include "store/update.h"
#include "store/usage.h"

#define SQUEEZE_SHARE  64       /* of max_size: less is no reason to merge */


/* FKV_END it puts nothing; else by how much the store would grow. */
static int
update_growth(const fkv_update_t *u, int64_t *growth)
{
    int  rc = FKV_END;

    *growth = 0;

    for (unsigned i = 0; i < u->n; i++) {
        const fkv_change_t       *change = &u->changes[i];
        const fkv__update_key_t  *key = &u->own->keys[i];

        if (key->head_len == 0) {
            continue;
        }

        if (change->action == FKV_PUT) {
            rc = FKV_OK;
        }

        *growth += fkv__usage_growth(change, key->ikey.len, key->read);
    }

    return rc;
}


int
fkv__size_admit(const fkv_update_t *u, unsigned parks)
{
    fkv__state_shm_t  *state = &u->store->seg->state;
    uint64_t           max, size;
    int64_t            growth;
    bool               evicts;

    max = __atomic_load_n(&state->max_size, __ATOMIC_RELAXED);

    if (max == 0 || update_growth(u, &growth) != FKV_OK || growth <= 0) {
        return FKV_OK;
    }

    evicts = (__atomic_load_n(&state->evict, __ATOMIC_RELAXED)
              != FKV_EVICT_NONE);
    size = fkv__usage_bytes(u->store) + (uint64_t) growth;

    if (size <= max + (evicts ? max / FKV__SIZE_OVER : 0)) {
        return FKV_OK;
    }

    __atomic_store_n(&state->size_refused, 1, __ATOMIC_RELAXED);

    return (evicts && parks < FKV__SIZE_PARKS_MAX
            && !__atomic_load_n(&state->evict_dry, __ATOMIC_RELAXED))
           ? FKV_AGAIN : FKV_EMAXSIZE;
}


bool
fkv__size_squeezes(fkv_t *store, const fkv__version_t *version)
{
    fkv__state_shm_t  *state = &store->seg->state;
    uint64_t           bytes = 0, max;

    if (__atomic_exchange_n(&state->size_refused, 0, __ATOMIC_RELAXED) == 0) {
        return false;
    }

    max = __atomic_load_n(&state->max_size, __ATOMIC_RELAXED);

    for (unsigned level = 0; level < FKV__LEVELS - 1; level++) {
        bytes += version->bytes[level];
    }

    return bytes > max / SQUEEZE_SHARE;
}
