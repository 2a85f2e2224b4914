/*
 * pace.c - the rate, and the ops that wait for their turn.
 */

#include "store/pace.h"

#define SECOND_US       1000000
#define GRAIN_US        1000            /* shorter waits are none */
#define RATE_MIN        (64 * 1024)     /* bytes a second, whatever the debt */
#define FLUSH_GUESS     (64 * 1024 * 1024)      /* before the first flush */
#define SHRINK_ONE      1024            /* of state.pace_shrink */


uint64_t
fkv__pace_rate(uint64_t paid, uint64_t debt, uint64_t low, uint64_t high)
{
    double  at, rate;

    if (debt <= low || paid == 0) {
        return UINT64_MAX;
    }

    at = (double) (debt - low) / (double) (high - low);
    rate = (double) paid * ((at < 1) ? 3 - 2.5 * at : 0.5 / (at * at));

    return fkv__max((uint64_t) rate, (uint64_t) RATE_MIN);
}


static uint64_t
load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}


/*
 * Bytes of the log that are in no table.  LSNs below those of all memtables are
 * none: where a store is opened, they go on some way behind the floor.
 */
static uint64_t
flush_debt(const fkv__segment_shm_t *seg)
{
    uint64_t  set = load(&seg->state.memtables);
    unsigned  oldest = fkv__set_arena(set, fkv__set_count(set) - 1);
    uint64_t  ready = load(&seg->log.ready);
    uint64_t  from = fkv__max(load(&seg->state.floor),
                              load(&seg->arenas[oldest].base));

    return ready - fkv__min(from, ready);
}


/* All that is read here may be a little old: it is a rate, not a limit. */
static uint64_t
rate_now(const fkv_t *store)
{
    const fkv__segment_shm_t  *seg = store->seg;
    const fkv__state_shm_t    *state = &seg->state;
    uint64_t                   half = seg->arena_bytes / 2, rate, paid, batch;

    paid = load(&state->pace_flush);
    rate = fkv__pace_rate(paid != 0 ? paid : FLUSH_GUESS, flush_debt(seg),
                          FKV__PACE_FLUSH_LOW * half,
                          FKV__PACE_FLUSH_HIGH * half);

    batch = load(&state->pace_batch);
    paid = load(&state->pace_compact) * load(&state->pace_shrink) / SHRINK_ONE;

    return fkv__min(rate, fkv__pace_rate(paid, load(&state->pace_debt),
                                         FKV__PACE_COMPACT_LOW * batch,
                                         FKV__PACE_COMPACT_HIGH * batch));
}


/* When the write may begin; the time that it takes is the next one's wait. */
static uint64_t
take_time(uint64_t *next_us, uint64_t now, uint64_t us)
{
    uint64_t  next = load(next_us), begin;

    do {
        begin = fkv__max(next, now);

    } while (!__atomic_compare_exchange_n(next_us, &next, begin + us, false,
                                          __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));

    return begin;
}


void
fkv__pace_evicting(fkv_t *store, fkv__pace_t *pace, uint64_t *next_us,
    uint64_t debt, uint64_t high, uint64_t bytes)
{
    uint64_t  rate = fkv__pace_rate(load(&store->seg->state.pace_evict), debt,
                                    0, high);

    if (!pace->admitted && rate != UINT64_MAX) {
        pace->until_us = fkv__max(pace->until_us,
                                  take_time(next_us, fkv__monotonic_us(),
                                            bytes * SECOND_US / rate));
    }
}


/* Times of one kind only grow, so its place is mostly the last. */
static void
put_aside(fkv_t *store, fkv__pace_t *pace)
{
    fkv_link_t  *at = &store->paced;

    while (at->prev != &store->paced
           && fkv__container(at->prev, fkv__pace_t, link)->until_us
              > pace->until_us)
    {
        at = at->prev;
    }

    fkv__list_append(at, &pace->link);
}


/*
 * Who has been put aside keeps its turn: it does not wait again if it must
 * read anew.
 */
bool
fkv__pace_admit(fkv_t *store, fkv__pace_t *pace, fkv_op_t *op, uint64_t bytes)
{
    uint64_t  rate, now;

    if (pace->admitted) {
        return true;
    }

    pace->admitted = true;
    rate = rate_now(store);

    if (rate == UINT64_MAX && pace->until_us == 0) {
        return true;
    }

    now = fkv__monotonic_us();

    if (rate != UINT64_MAX) {
        pace->until_us = fkv__max(pace->until_us,
                                  take_time(&store->seg->state.pace_next_us,
                                            now, bytes * SECOND_US / rate));
    }

    if (pace->until_us < now + GRAIN_US) {
        return true;
    }

    fkv__count(store, delays, 1);
    fkv__pace_stalled(pace);
    pace->op = op;
    put_aside(store, pace);

    /* So that the caller asks for our timeout. */
    fkv__want_turn(store);

    return false;
}


void
fkv__pace_stalled(fkv__pace_t *pace)
{
    if (pace->since_us == 0) {
        pace->since_us = fkv__monotonic_us();
    }
}


void
fkv__pace_done(fkv_t *store, const fkv__pace_t *pace)
{
    uint64_t  us;

    if (pace->since_us == 0) {
        return;
    }

    us = fkv__monotonic_us() - pace->since_us;

    fkv__count(store, delay_us, us);
    fkv__raise(&store->seg->state.stall_max_us, us);
}


void
fkv__pace_poll(fkv_t *store)
{
    uint64_t  now;

    if (fkv__list_empty(&store->paced)) {
        return;
    }

    now = fkv__monotonic_us();

    while (!fkv__list_empty(&store->paced)) {
        fkv__pace_t  *pace = fkv__container(store->paced.next, fkv__pace_t,
                                            link);

        if (pace->until_us > now) {
            break;
        }

        fkv__list_remove(&pace->link);
        fkv__op_run(pace->op);
    }
}


int64_t
fkv__pace_timeout_ms(const fkv_t *store)
{
    const fkv__pace_t  *pace;
    uint64_t            now;

    if (fkv__list_empty(&store->paced)) {
        return -1;
    }

    pace = fkv__container(store->paced.next, fkv__pace_t, link);
    now = fkv__monotonic_us();

    return (pace->until_us <= now)
           ? 0 : (int64_t) ((pace->until_us - now) / 1000 + 1);
}


/* What was lately, of four; the word has one writer. */
static void
blend(uint64_t *word, uint64_t sample)
{
    uint64_t  old = load(word);

    __atomic_store_n(word, (old == 0) ? sample : (3 * old + sample) / 4,
                     __ATOMIC_RELAXED);
}


void
fkv__pace_evicted(fkv_t *store, uint64_t bytes, uint64_t us)
{
    blend(&store->seg->state.pace_evict, bytes * SECOND_US / (us + 1));
}


void
fkv__pace_flushed(fkv_t *store, uint64_t log_bytes, uint64_t table_bytes,
    uint64_t us)
{
    fkv__state_shm_t  *state = &store->seg->state;

    blend(&state->pace_flush, log_bytes * SECOND_US / (us + 1));

    if (table_bytes > 0) {
        blend(&state->pace_shrink, log_bytes * SHRINK_ONE / table_bytes);
    }
}


uint64_t
fkv__pace_flush_rate(const fkv_t *store)
{
    const fkv__state_shm_t  *state = &store->seg->state;

    return load(&state->pace_flush) * SHRINK_ONE
           / fkv__max(load(&state->pace_shrink), (uint64_t) 1);
}


void
fkv__pace_compacted(fkv_t *store, uint64_t table_bytes, uint64_t us)
{
    blend(&store->seg->state.pace_compact, table_bytes * SECOND_US / (us + 1));
}


void
fkv__pace_debt(fkv_t *store, uint64_t debt, uint64_t batch_bytes)
{
    fkv__state_shm_t  *state = &store->seg->state;

    __atomic_store_n(&state->pace_batch, batch_bytes, __ATOMIC_RELAXED);
    __atomic_store_n(&state->pace_debt, debt, __ATOMIC_RELAXED);
}
