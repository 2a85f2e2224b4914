/*
 * reap.c - repairing after a death.
 */

#include "store/reap.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "format/log.h"
#include "shared/arena.h"
#include "shared/blocks.h"
#include "shared/claim.h"
#include "shared/latch.h"
#include "store/claim.h"
#include "store/job.h"
#include "store/memtable.h"
#include "store/slots.h"

#define NODES_AT  4             /* in a frame, see format/log.h */
#define STAMP_AT  8


/* Links every record of a whole frame; what is linked already stays so. */
static int
frame_link(fkv__memtable_t *mt, uint32_t at, const fkv__frame_t *frame)
{
    uint32_t        nodes = fkv__get_le32(mt->mem + at + NODES_AT);
    const uint8_t  *p = frame->body.data, *end = p + frame->body.len;

    for ( ;; ) {
        fkv__record_t   rec;
        const uint8_t  *next;
        int             rc = fkv__record_get(p, end, &rec, &next);

        if (rc != FKV_OK) {
            return (rc == FKV_END) ? FKV_OK : rc;
        }

        if (rec.kind == FKV__RECORD_RANGE_TOMBSTONE) {
            fkv__memtable_link_range(mt, at, (uint32_t) (p - mt->mem), &nodes);

        } else {
            fkv__memtable_link(mt, rec.key, fkv__hash(rec.key), at,
                               (uint32_t) (p - mt->mem), &nodes);
        }

        p = next;
    }
}


static void
frame_repair(fkv_t *store, fkv__memtable_t *mt, uint32_t at, uint64_t stamp)
{
    uint8_t       *p = mt->mem + at;
    uint32_t      *state = (uint32_t *) (void *) p;
    uint32_t       length = fkv__frame_stamp_length(stamp);
    uint64_t       lsn = mt->shm->base + at;
    fkv__frame_t   frame;

    if (fkv__frame_get(p, length, lsn, mt->shm->incarnation, &frame) == FKV_OK
        && frame.kind == FKV__FRAME_BATCH
        && frame_link(mt, at, &frame) == FKV_OK)
    {
        FKV_STEP("reap.1");
        __atomic_store_n(state, FKV__FRAME_READY, __ATOMIC_SEQ_CST);
        return;
    }

    stamp = fkv__frame_stamp(length, fkv__frame_stamp_slot(stamp),
                             FKV__FRAME_PAD);
    fkv__frame_seal(p, stamp,
                    __atomic_load_n(&store->seg->log.durable,
                                    __ATOMIC_ACQUIRE),
                    0, lsn, mt->shm->incarnation);

    FKV_STEP("reap.2");
    __atomic_store_n(state, FKV__FRAME_VOID, __ATOMIC_SEQ_CST);
}


static void
arena_repair(fkv_t *store, unsigned id, unsigned slot)
{
    uint64_t           ready, base;
    uint32_t           at;
    fkv__memtable_t    mt;
    fkv__arena_word_t  w;

    fkv__memtable_init(&mt, store->seg, id);
    fkv__arena_stamp_last(mt.shm, mt.mem);

    w = fkv__arena_word(mt.shm);
    base = mt.shm->base;
    ready = __atomic_load_n(&store->seg->log.ready, __ATOMIC_ACQUIRE);

    if (ready >= base + w.top) {
        return;
    }

    for (at = (ready > base) ? (uint32_t) (ready - base) : 0; at < w.top; ) {
        uint64_t  stamp;
        uint32_t  state;

        stamp = __atomic_load_n((uint64_t *) (void *) (mt.mem + at + STAMP_AT),
                                __ATOMIC_ACQUIRE);
        state = __atomic_load_n((uint32_t *) (void *) (mt.mem + at),
                                __ATOMIC_ACQUIRE);

        if (stamp == 0) {
            break;              /* of a living process, reserved just now */
        }

        if (state == FKV__FRAME_RESERVED
            && fkv__frame_stamp_slot(stamp) == slot)
        {
            frame_repair(store, &mt, at, stamp);
        }

        at += fkv__frame_stamp_length(stamp);
    }
}


/* An arena that it had claimed but not put into the set is free again. */
static void
claims_repair(fkv_t *store, uint64_t set, unsigned slot)
{
    for (unsigned id = 0; id < FKV__ARENAS; id++) {
        uint32_t  claim = FKV__ARENA_CLAIM(slot);
        uint32_t  to = fkv__set_has(set, id) ? FKV__ARENA_USED
                                             : FKV__ARENA_FREE;

        (void) __atomic_compare_exchange_n(&store->seg->arenas[id].state,
                                           &claim, to, false,
                                           __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    }
}


static void
role_repair(uint32_t *role, unsigned slot)
{
    uint32_t  owner = slot + 1;

    (void) __atomic_compare_exchange_n(role, &owner, FKV__NOBODY, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}


void
fkv__reap_locked(fkv_t *store, unsigned slot)
{
    fkv__slot_shm_t  *dead = &store->seg->slots[slot];
    uint64_t          set;

    if (__atomic_load_n(&dead->state, __ATOMIC_ACQUIRE) != FKV__SLOT_LIVE) {
        return;
    }

    /*
     * Its frames lie behind log.ready, so their arenas are in the set: only
     * arenas that are ready and durable to their end leave it.
     */
    fkv__slot_clear(dead);
    set = fkv__pin(store);

    for (unsigned i = fkv__set_count(set); i-- > 0; ) {
        arena_repair(store, fkv__set_arena(set, i), slot);
    }

    fkv__unpin(store);
    FKV_STEP("reap.3");

    claims_repair(store, set, slot);
    fkv__job_drop(store->seg, slot);
    (void) fkv__claim_drop_all(store->seg, slot);
    fkv__latch_drop_all(store->seg, slot);
    fkv__blocks_repair(store->seg, slot);
    role_repair(&store->seg->log.leader, slot);
    role_repair(&store->seg->state.helper, slot);
    FKV_STEP("reap.4");

    fkv__log(store->log, FKV_LOG_NOTICE, "process %u died with slot %u of "
             "store \"%s\"; what it left was repaired", dead->pid, slot,
             store->path);

    __atomic_store_n(&dead->state, FKV__SLOT_FREE, __ATOMIC_RELEASE);
    fkv__count(store, reaped, 1);

    /* What the dead would have written, or told, somebody else must. */
    fkv__claim_tell_all(store);
}


bool
fkv__reap(fkv_t *store, unsigned slot)
{
    if (slot >= FKV__SLOTS_MAX || slot == store->slot) {
        return false;
    }

    if (__atomic_load_n(&store->seg->slots[slot].state, __ATOMIC_ACQUIRE)
           != FKV__SLOT_LIVE
        || fkv__slot_lock(store->log_fds, FKV__ARENAS, slot) != FKV_OK)
    {
        return false;
    }

    fkv__reap_locked(store, slot);
    fkv__slot_unlock(store->log_fds, FKV__ARENAS, slot);

    return true;
}


bool
fkv__reap_sweep(fkv_t *store)
{
    bool  reaped = false;

    for (unsigned slot = 0; slot < FKV__SLOTS_MAX; slot++) {
        reaped |= fkv__reap(store, slot);
    }

    return reaped;
}
