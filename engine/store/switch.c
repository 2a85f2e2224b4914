/*
 * switch.c - claiming and activating an arena.
 */

#include "store/switch.h"
#include "shared/arena.h"

#define BASE_ALIGN  4096


static int
arena_claim(fkv_t *store)
{
    for (unsigned id = 0; id < FKV__ARENAS; id++) {
        uint32_t  state = FKV__ARENA_FREE;

        if (__atomic_compare_exchange_n(&store->seg->arenas[id].state, &state,
                                        FKV__ARENA_CLAIM(store->slot), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        {
            return (int) id;
        }
    }

    return -1;
}


int
fkv__switch_arena(fkv_t *store)
{
    int                       id, rc = FKV_OK;
    uint64_t                  set = fkv__pin(store);
    fkv__arena_shm_t         *arena;
    fkv__arena_word_t         w;
    const fkv__arena_shm_t   *full;

    full = &store->seg->arenas[fkv__set_arena(set, 0)];
    w = fkv__arena_word(full);

    if (!w.sealed) {
        goto done;                          /* somebody was faster */
    }

    id = arena_claim(store);

    if (id < 0) {
        rc = FKV_EFULL;
        goto done;
    }

    FKV_STEP("switch.1");

    arena = &store->seg->arenas[id];
    arena->used = 1;
    arena->prev_end = full->base + w.top;
    arena->base = fkv__align(arena->prev_end, BASE_ALIGN);
    arena->begin_ms = fkv_now_ms(store);
    arena->incarnation = 1 + __atomic_fetch_add(&store->seg->state.incarnation,
                                                1, __ATOMIC_RELAXED);

    if (__atomic_compare_exchange_n(&store->seg->state.memtables, &set,
                                    fkv__set_with(set, (unsigned) id), false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    {
        FKV_STEP("switch.2");
        __atomic_store_n(&arena->state, FKV__ARENA_USED, __ATOMIC_SEQ_CST);

    } else {
        __atomic_store_n(&arena->state, FKV__ARENA_FREE, __ATOMIC_SEQ_CST);
    }

done:

    fkv__unpin(store);

    return rc;
}


void
fkv__retry_arena(fkv_t *store, fkv_op_t *op)
{
    __atomic_store_n(&store->own->wants_arena, 1, __ATOMIC_SEQ_CST);
    fkv__retry(store, op, false);
}
