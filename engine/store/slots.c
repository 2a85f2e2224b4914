/*
 * slots.c - claiming slots by their lock bytes.
 */

#include "store/slots.h"
#include "io/file.h"


int
fkv__slot_lock(const int *log_fds, unsigned n, unsigned slot)
{
    for (unsigned i = 0; i < n; i++) {
        if (fkv__file_lock_take(log_fds[i], slot) != FKV_OK) {
            fkv__slot_unlock(log_fds, i, slot);
            return FKV_EBUSY;
        }
    }

    return FKV_OK;
}


void
fkv__slot_unlock(const int *log_fds, unsigned n, unsigned slot)
{
    for (unsigned i = 0; i < n; i++) {
        fkv__file_lock_drop(log_fds[i], slot);
    }
}


int
fkv__slot_claim(const int *log_fds, unsigned n)
{
    for (unsigned slot = 0; slot < FKV__SLOTS_MAX; slot++) {
        if (fkv__slot_lock(log_fds, n, slot) == FKV_OK) {
            return (int) slot;
        }
    }

    return -1;
}


void
fkv__slots_raise(fkv__segment_shm_t *seg, unsigned top)
{
    uint32_t  was = __atomic_load_n(&seg->state.slots_top, __ATOMIC_SEQ_CST);

    while (was < top
           && !__atomic_compare_exchange_n(&seg->state.slots_top, &was, top,
                                           false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST))
    {
        continue;
    }
}


unsigned
fkv__slots_top(const fkv__segment_shm_t *seg)
{
    uint32_t  top = __atomic_load_n(&seg->state.slots_top, __ATOMIC_SEQ_CST);

    return fkv__min(top, FKV__SLOTS_MAX);
}


void
fkv__slot_clear(fkv__slot_shm_t *slot)
{
    for (unsigned i = 0; i < FKV__SLOT_SNAPSHOTS; i++) {
        __atomic_store_n(&slot->snapshots[i], 0, __ATOMIC_SEQ_CST);
    }

    __atomic_store_n(&slot->snapshot, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&slot->waiting, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&slot->sync_waiting, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&slot->wants_arena, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&slot->claims_moved, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&slot->pin, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&slot->reading, 0, __ATOMIC_SEQ_CST);

    for (unsigned i = 0; i < FKV__BLOBS_OPEN; i++) {
        __atomic_store_n(&slot->blobs[i], 0, __ATOMIC_SEQ_CST);
    }

    __atomic_store_n(&slot->filling, 0, __ATOMIC_SEQ_CST);
}
