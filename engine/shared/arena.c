/*
 * arena.c - the reserve word and the stamps.
 */

#include "shared/arena.h"
#include "base/stamp.h"
#include "shared/pair.h"

#define STAMP_AT  8             /* in a frame, see format/log.h */


static fkv__arena_word_t
word_unpack(uint64_t low, uint64_t high)
{
    return (fkv__arena_word_t) {
        .top = (uint32_t) low,
        .bottom = (uint32_t) (low >> 32),
        .prev = (uint32_t) high,
        .slot = (uint8_t) (high >> 32),
        .sealed = (high >> 40) & 1,
        .generation = (uint32_t) (high >> 41)
    };
}


static fkv__pair_t
word_pack(const fkv__arena_word_t *w)
{
    uint64_t  low = w->top | (uint64_t) w->bottom << 32;
    uint64_t  high = w->prev | (uint64_t) w->slot << 32
                     | (uint64_t) w->sealed << 40
                     | (uint64_t) w->generation << 41;

    return fkv__pair(low, high);
}


fkv__arena_word_t
fkv__arena_word(const fkv__arena_shm_t *arena)
{
    uint64_t  low, high, again;

    /*
     * Every reservation raises top, and a seal changes the high half only,
     * once: with equal low halves around it, high belongs to low.
     */
    do {
        low = __atomic_load_n(&arena->reserve[0], __ATOMIC_ACQUIRE);
        high = __atomic_load_n(&arena->reserve[1], __ATOMIC_ACQUIRE);
        again = __atomic_load_n(&arena->reserve[0], __ATOMIC_ACQUIRE);
    } while (low != again);

    return word_unpack(low, high);
}


static bool
word_cas(fkv__arena_shm_t *arena, const fkv__arena_word_t *from,
    const fkv__arena_word_t *to)
{
    return fkv__pair_cas(arena->reserve, word_pack(from), word_pack(to));
}


void
fkv__arena_reset(fkv__arena_shm_t *arena, uint32_t arena_bytes)
{
    fkv__arena_word_t  w = fkv__arena_word(arena);
    fkv__pair_t        packed;

    w = (fkv__arena_word_t) {
        .bottom = arena_bytes,
        .generation = (w.generation + 1) & 0x7fffff
    };

    packed = word_pack(&w);

    __atomic_store_n(&arena->reserve[1], (uint64_t) (packed >> 64),
                     __ATOMIC_RELAXED);
    __atomic_store_n(&arena->reserve[0], (uint64_t) packed, __ATOMIC_RELEASE);
}


/*
 * Who finds it stamped by another has that before all it does later, and so
 * have those who find its frame READY and read the stamp without ado.
 */
static void
stamp_last(const fkv__arena_word_t *w, uint8_t *mem)
{
    uint64_t   *stamp, none = 0;

    if (w->top == 0) {
        return;
    }

    stamp = (uint64_t *) (void *) (mem + w->prev + STAMP_AT);

    if (__atomic_load_n(stamp, __ATOMIC_ACQUIRE) != 0) {
        return;
    }

    (void) __atomic_compare_exchange_n(stamp, &none,
               fkv__frame_stamp(w->top - w->prev, w->slot, FKV__FRAME_BATCH),
               false, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE);
}


void
fkv__arena_stamp_last(fkv__arena_shm_t *arena, uint8_t *mem)
{
    fkv__arena_word_t  w = fkv__arena_word(arena);

    stamp_last(&w, mem);
}


int
fkv__arena_reserve(fkv__arena_shm_t *arena, uint8_t *mem, unsigned slot,
    uint32_t frame_bytes, uint32_t node_bytes, fkv__arena_room_t *room)
{
    for ( ;; ) {
        fkv__arena_word_t  w = fkv__arena_word(arena), to = w;

        if (w.sealed) {
            return FKV_EFULL;
        }

        if ((uint64_t) w.top + frame_bytes + node_bytes > w.bottom) {
            fkv__arena_seal(arena, mem);
            return FKV_EFULL;
        }

        stamp_last(&w, mem);

        to.prev = w.top;
        to.slot = (uint8_t) slot;
        to.top = w.top + frame_bytes;
        to.bottom = w.bottom - node_bytes;

        if (word_cas(arena, &w, &to)) {
            FKV_STEP("reserve.1");
            stamp_last(&to, mem);
            FKV_STEP("reserve.2");

            room->frame = w.top;
            room->nodes = to.bottom;

            return FKV_OK;
        }
    }
}


void
fkv__arena_seal(fkv__arena_shm_t *arena, uint8_t *mem)
{
    fkv__arena_word_t  w, to;

    do {
        w = fkv__arena_word(arena);

        if (w.sealed || w.top == 0) {
            return;
        }

        stamp_last(&w, mem);

        to = w;
        to.sealed = true;
    } while (!word_cas(arena, &w, &to));
}
