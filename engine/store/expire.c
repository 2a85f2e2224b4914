/*
 * expire.c - the store clock.
 */

#include "store/expire.h"


uint64_t
fkv_now_ms(const fkv_t *store)
{
    uint64_t  offset;

    /*
     * The offset only grows and boot time only grows, so whoever asks later,
     * in whatever process, is not told less.  Sums wrap: a machine whose wall
     * says 1970 has an offset below zero.
     */
    offset = __atomic_load_n(&store->seg->state.clock_offset_ms,
                             __ATOMIC_ACQUIRE);

    return store->clock->boot_ms(store->clock) + offset;
}


/*
 * The wall is read first: a process that sleeps between the two readings
 * then sets the clock late, never early.
 */
static void
clock_read(const fkv_t *store, uint64_t *wall, uint64_t *boot)
{
    *wall = store->clock->wall_ms(store->clock);
    *boot = store->clock->boot_ms(store->clock);
}


void
fkv__clock_init(fkv_t *store, uint64_t clock_ms)
{
    fkv__state_shm_t  *state = &store->seg->state;
    uint64_t           wall, boot, now;

    clock_read(store, &wall, &boot);
    now = fkv__max(wall, clock_ms);

    if (clock_ms != 0 && wall > clock_ms + FKV__CLOCK_STEP_MS) {
        __atomic_store_n(&state->drops_after_ms, now + FKV__CLOCK_DELAY_MS,
                         __ATOMIC_RELAXED);
    }

    __atomic_store_n(&state->noticed_ms, now, __ATOMIC_RELAXED);
    __atomic_store_n(&state->clock_offset_ms, now - boot, __ATOMIC_RELEASE);
}


static void
clock_delay_drops(fkv__state_shm_t *state, uint64_t until)
{
    uint64_t  old = __atomic_load_n(&state->drops_after_ms, __ATOMIC_RELAXED);

    if (old < until) {
        __atomic_store_n(&state->drops_after_ms, until, __ATOMIC_SEQ_CST);
    }
}


void
fkv__clock_tick(fkv_t *store)
{
    fkv__state_shm_t  *state = &store->seg->state;
    uint64_t           wall, boot, now, offset;

    clock_read(store, &wall, &boot);
    offset = __atomic_load_n(&state->clock_offset_ms, __ATOMIC_ACQUIRE);
    now = boot + offset;

    if (wall <= now) {
        return;
    }

    /* Whoever sees the new time must see that it allows no drops yet. */

    if (wall - now > FKV__CLOCK_STEP_MS) {
        clock_delay_drops(state, wall + FKV__CLOCK_DELAY_MS);

        fkv__log(store->log, FKV_LOG_NOTICE, "the wall clock stepped forward "
                 "by %llu s: expired data in \"%s\" stay on disk for an hour",
                 (unsigned long long) (wall - now) / 1000, store->path);
    }

    FKV_STEP("expire.1");       /* drops are delayed, the time is the old */

    /* A failed exchange: somebody else has just followed the same wall. */

    (void) __atomic_compare_exchange_n(&state->clock_offset_ms, &offset,
                                       wall - boot, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}


bool
fkv__clock_drops_allowed(const fkv_t *store, uint64_t now_ms)
{
    return now_ms >= __atomic_load_n(&store->seg->state.drops_after_ms,
                                     __ATOMIC_SEQ_CST);
}
