/*
 * trail.c - from frame to frame, from arena to arena.
 */

#include "store/trail.h"
#include "format/log.h"
#include "shared/arena.h"
#include "store/memtable.h"
#include "store/read.h"

#define STAMP_AT  8             /* in a frame, see format/log.h */


static void
trail_frame(const fkv__trail_t *trail, const fkv__memtable_t *mt, uint32_t at,
    uint32_t length)
{
    const uint8_t  *p = mt->mem + at + FKV__FRAME_HEADER_BYTES;
    const uint8_t  *end = mt->mem + at + length, *next;
    fkv__record_t   rec;

    while (fkv__record_get(p, end, &rec, &next) == FKV_OK) {
        trail->on_record(trail->data, &rec,
                         mt->shm->base + (uint64_t) (p - mt->mem));
        p = next;
    }
}


/* Frames from one offset to the other, or fewer; where it has come to. */
static uint32_t
trail_frames(const fkv__trail_t *trail, const fkv__memtable_t *mt,
    uint32_t at, uint32_t to)
{
    uint32_t  stop = fkv__min(at + FKV__TRAIL_BYTES, to);

    while (at < stop) {
        const uint8_t  *p = mt->mem + at;
        uint64_t        stamp;
        uint32_t        length;

        stamp = __atomic_load_n((const uint64_t *) (const void *)
                                (p + STAMP_AT), __ATOMIC_ACQUIRE);
        length = fkv__frame_stamp_length(stamp);

        if (length < FKV__FRAME_HEADER_BYTES || length > to - at) {
            return to;                      /* shared memory is damaged */
        }

        if (__atomic_load_n((const uint32_t *) (const void *) p,
                            __ATOMIC_ACQUIRE)
            == FKV__FRAME_READY)
        {
            trail_frame(trail, mt, at, length);
        }

        at += length;
    }

    return at;
}


/* True if there was nothing in it before the end. */
static bool
trail_arena(fkv__trail_t *trail, unsigned id, uint64_t end)
{
    fkv__memtable_t    mt;
    fkv__arena_word_t  w;
    uint64_t           base;
    uint32_t           at;

    fkv__memtable_init(&mt, trail->store->seg, id);
    w = fkv__arena_word(mt.shm);
    base = mt.shm->base;
    end = fkv__min(end, base + w.top);

    if (trail->at >= end) {
        return true;
    }

    if (trail->expiring
        && !__atomic_load_n(&mt.shm->expiring, __ATOMIC_ACQUIRE))
    {
        trail->at = end;
        return true;
    }

    at = (trail->at > base) ? (uint32_t) (trail->at - base) : 0;
    trail->at = base + trail_frames(trail, &mt, at, (uint32_t) (end - base));

    return false;
}


int
fkv__trail(fkv__trail_t *trail, uint64_t end)
{
    uint64_t  set = fkv__pin(trail->store);
    uint64_t  oldest = fkv__read_oldest(trail->store, set);
    int       rc = FKV_END;

    if (trail->at < oldest) {
        trail->at = oldest;
        rc = FKV_GONE;
    }

    for (unsigned i = fkv__set_count(set); i-- > 0 && rc == FKV_END; ) {
        if (!trail_arena(trail, fkv__set_arena(set, i), end)) {
            rc = FKV_AGAIN;
        }
    }

    fkv__unpin(trail->store);

    return rc;
}
