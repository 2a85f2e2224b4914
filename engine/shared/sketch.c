/*
 * sketch.c - cells, and what they say at a time.
 */

#include "shared/sketch.h"

#define VALUE_BITS   20
#define VALUE_MASK   ((1u << VALUE_BITS) - 1)
#define TICK_SHIFT   7          /* LRU: a step is 128 ms */
#define MINUTE_BITS  12         /* LFU: below the counter */
#define MINUTE_MASK  ((1u << MINUTE_BITS) - 1)
#define MINUTE_MS    60000
#define COUNTER_MAX  255
#define LOG_FACTOR   10         /* of ten times as much use the counter tells */


static fkv__sketch_shm_t *
line_of(fkv__segment_shm_t *seg, uint64_t hash)
{
    fkv__sketch_shm_t  *lines = (void *) ((uint8_t *) seg + seg->sketch_at);

    return &lines[hash & (seg->sketch_lines - 1)];
}


static uint32_t
tag_of(uint64_t hash)
{
    return (uint32_t) (hash >> 52) << VALUE_BITS;
}


static uint32_t
load(const uint32_t *cell)
{
    return __atomic_load_n(cell, __ATOMIC_RELAXED);
}


/* Processes' clocks are read at different moments: the future is now. */
static uint32_t
age_of(uint32_t value, uint32_t now, uint32_t mask)
{
    uint32_t  age = (now - value) & mask;

    return (age > mask / 4 * 3) ? 0 : age;
}


static uint32_t
lru_now(uint64_t now_ms)
{
    return (uint32_t) (now_ms >> TICK_SHIFT) & VALUE_MASK;
}


static uint32_t
lfu_now(uint64_t now_ms)
{
    return (uint32_t) (now_ms / MINUTE_MS) & MINUTE_MASK;
}


static uint32_t
lfu_counter(uint32_t cell, uint64_t now_ms)
{
    uint32_t  counter = (cell & VALUE_MASK) >> MINUTE_BITS;
    uint32_t  age = age_of(cell & MINUTE_MASK, lfu_now(now_ms), MINUTE_MASK);

    return counter - fkv__min(age, counter);
}


static uint32_t
worth(fkv__sketch_e what, uint32_t cell, uint64_t now_ms)
{
    if (cell == 0) {
        return 0;
    }

    if (what == FKV__SKETCH_LFU) {
        return lfu_counter(cell, now_ms) + 1;
    }

    return VALUE_MASK + 1 - age_of(cell & VALUE_MASK, lru_now(now_ms),
                                   VALUE_MASK);
}


static uint32_t
value_used(fkv__sketch_e what, uint32_t cell, uint64_t now_ms,
    uint64_t random)
{
    uint32_t  counter, over;

    if (what == FKV__SKETCH_LRU) {
        return lru_now(now_ms);
    }

    counter = (cell != 0) ? lfu_counter(cell, now_ms) : FKV__SKETCH_NEW;
    over = counter - fkv__min(counter, FKV__SKETCH_NEW);

    if (cell != 0 && counter < COUNTER_MAX
        && (random >> 32) % (over * LOG_FACTOR + 1) == 0)
    {
        counter++;
    }

    return counter << MINUTE_BITS | lfu_now(now_ms);
}


/* Mostly it is there.  FKV__SKETCH_WAYS: it is not. */
static unsigned
cell_of(const fkv__sketch_shm_t *line, uint32_t tag)
{
    unsigned  i = 0;

    while (i < FKV__SKETCH_WAYS) {
        uint32_t  cell = load(&line->cells[i]);

        if ((cell & ~VALUE_MASK) == tag && cell != 0) {
            break;
        }

        i++;
    }

    return i;
}


static unsigned
cell_of_least_worth(const fkv__sketch_shm_t *line, fkv__sketch_e what,
    uint64_t now_ms)
{
    uint32_t  least = UINT32_MAX;
    unsigned  at = 0;

    for (unsigned i = 0; i < FKV__SKETCH_WAYS; i++) {
        uint32_t  is = worth(what, load(&line->cells[i]), now_ms);

        if (is < least) {
            least = is;
            at = i;
        }
    }

    return at;
}


void
fkv__sketch_touch(fkv__segment_shm_t *seg, fkv__sketch_e what, uint64_t hash,
    uint64_t now_ms, uint64_t random)
{
    fkv__sketch_shm_t  *line = line_of(seg, hash);
    uint32_t            tag = tag_of(hash), found = 0, used;
    unsigned            at = cell_of(line, tag);

    if (at < FKV__SKETCH_WAYS) {
        found = load(&line->cells[at]);

    } else {
        at = cell_of_least_worth(line, what, now_ms);
    }

    used = tag | value_used(what, found, now_ms, random);

    /* A line that does not change stays in everybody's cache. */
    if (used != found) {
        __atomic_store_n(&line->cells[at], used, __ATOMIC_RELAXED);
    }
}


uint32_t
fkv__sketch_worth(fkv__segment_shm_t *seg, fkv__sketch_e what, uint64_t hash,
    uint64_t now_ms)
{
    const fkv__sketch_shm_t  *line = line_of(seg, hash);
    uint32_t                  most = 0;

    for (unsigned i = 0; i < FKV__SKETCH_WAYS; i++) {
        uint32_t  cell = load(&line->cells[i]);

        if ((cell & ~VALUE_MASK) == tag_of(hash)) {
            most = fkv__max(most, worth(what, cell, now_ms));
        }
    }

    return most;
}


/* Of what nothing is known, as long as anything is remembered. */
uint64_t
fkv__sketch_age_ms(uint32_t is)
{
    uint64_t  age = (is != 0) ? VALUE_MASK + 1 - is : VALUE_MASK / 2;

    return age << TICK_SHIFT;
}


uint32_t
fkv__sketch_often(uint32_t is)
{
    return (is != 0) ? is - 1 : 0;
}


static bool
too_old(fkv__sketch_e what, uint32_t cell, uint64_t now_ms)
{
    return (what == FKV__SKETCH_LFU)
           ? age_of(cell & MINUTE_MASK, lfu_now(now_ms), MINUTE_MASK)
             > MINUTE_MASK / 2
           : age_of(cell & VALUE_MASK, lru_now(now_ms), VALUE_MASK)
             > VALUE_MASK / 2;
}


void
fkv__sketch_sweep(fkv__segment_shm_t *seg, fkv__sketch_e what, uint64_t from,
    uint64_t n, uint64_t now_ms)
{
    for (uint64_t i = from; i < from + n; i++) {
        fkv__sketch_shm_t  *line = line_of(seg, i);

        for (unsigned k = 0; k < FKV__SKETCH_WAYS; k++) {
            uint32_t  cell = load(&line->cells[k]);

            if (cell != 0 && too_old(what, cell, now_ms)) {
                __atomic_store_n(&line->cells[k], 0, __ATOMIC_RELAXED);
            }
        }
    }
}


void
fkv__sketch_clear(fkv__segment_shm_t *seg)
{
    for (uint64_t i = 0; i < seg->sketch_lines; i++) {
        fkv__sketch_shm_t  *line = line_of(seg, i);

        for (unsigned k = 0; k < FKV__SKETCH_WAYS; k++) {
            __atomic_store_n(&line->cells[k], 0, __ATOMIC_RELAXED);
        }
    }
}
