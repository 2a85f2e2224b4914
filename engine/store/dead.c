/*
 * dead.c - hints of runs of dead keys.
 */

#include "store/dead.h"
#include "shared/arena.h"

_Static_assert(FKV__PICK_WANTED == FKV__DEAD_TABLES, "all can be taken");


void
fkv__dead_table(fkv_t *store, uint64_t id)
{
    __atomic_store_n(&store->seg->state.dead_tables[id % FKV__DEAD_TABLES],
                     id, __ATOMIC_RELAXED);
}


void
fkv__dead_memtable(fkv_t *store, const fkv__memtable_t *mt)
{
    const fkv__state_shm_t  *state = &store->seg->state;

    if (fkv__dead_is_memtable(mt)
        || __atomic_load_n(&state->readonly, __ATOMIC_RELAXED)
        || __atomic_load_n(&state->disk_full, __ATOMIC_RELAXED))
    {
        return;
    }

    __atomic_store_n(&mt->shm->dead, 1, __ATOMIC_RELAXED);
    fkv__arena_seal(mt->shm, mt->mem);
}


void
fkv__dead_take(fkv_t *store, fkv__pick_t *pick)
{
    for (unsigned i = 0; i < FKV__DEAD_TABLES; i++) {
        uint64_t  id;

        id = __atomic_exchange_n(&store->seg->state.dead_tables[i], 0,
                                 __ATOMIC_RELAXED);

        if (id != 0) {
            pick->wanted[i] = id;
        }
    }
}
