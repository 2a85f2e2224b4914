/*
 * sketch.h - which keys were used lately, or often: what eviction goes by.
 *
 * Shape      lines of 64 bytes, found by a key's hash; a line has
 *            FKV__SKETCH_WAYS cells of tag (12 bits of the hash) and value:
 *              LRU  when it was used last, in steps of 128 ms (20 bits)
 *              LFU  how often, a counter (8 bits) that grows the slower the
 *                   higher it is and falls by one a minute, and the minute it
 *                   was touched in (12 bits)
 *            Who finds no cell of its tag takes the one that is worth least,
 *            so a line remembers the best of what comes by, and a key that is
 *            not there is worth less than any that is.  One of 250 keys is
 *            taken for another: it survives a little longer
 * Memory     1/FKV__SKETCH_SHARE of the segment
 * Processes  all, without locks: a cell is one word, read and written relaxed.
 *            Of two who change a cell at once one is forgotten; a line of two
 *            cells with one tag is possible, and harmless: nothing but the
 *            order of eviction hangs on it
 * If killed  nothing is half done, a cell is written or not
 *
 * Values wrap around, so who evicts clears those that are half the range old,
 * line by line (fkv__sketch_sweep).  Time and chance are arguments.
 */

#ifndef FKV_SHARED_SKETCH_H
#define FKV_SHARED_SKETCH_H

#include "shared/segment.h"

#define FKV__SKETCH_WAYS   16
#define FKV__SKETCH_NEW    5        /* where a key's LFU counter begins */

typedef enum {
    FKV__SKETCH_LRU,
    FKV__SKETCH_LFU
} fkv__sketch_e;

typedef struct {
    _Alignas(FKV__CACHE_LINE)
    uint32_t  cells[FKV__SKETCH_WAYS];  /* tag (12) | value (20); 0 = free */
} fkv__sketch_shm_t;

_Static_assert(sizeof(fkv__sketch_shm_t) == FKV__CACHE_LINE, "sketch");


/* The key's line will be wanted soon. */
static inline void
fkv__sketch_prefetch(fkv__segment_shm_t *seg, uint64_t hash)
{
    __builtin_prefetch((uint8_t *) seg + seg->sketch_at
                       + (hash & (seg->sketch_lines - 1)) * FKV__CACHE_LINE,
                       1);
}


/* The key was used.  random: any 64 bits. */
void fkv__sketch_touch(fkv__segment_shm_t *seg, fkv__sketch_e what,
    uint64_t hash, uint64_t now_ms, uint64_t random);

/* What it is worth: 0 = nothing is known of it. */
uint32_t fkv__sketch_worth(fkv__segment_shm_t *seg, fkv__sketch_e what,
    uint64_t hash, uint64_t now_ms);

/* What a worth tells: how long ago it was used; how often, as Redis counts. */
uint64_t fkv__sketch_age_ms(uint32_t worth);
uint32_t fkv__sketch_often(uint32_t worth);

/* Clears what is too old in n lines, line from being the first (modulo all). */
void fkv__sketch_sweep(fkv__segment_shm_t *seg, fkv__sketch_e what,
    uint64_t from, uint64_t n, uint64_t now_ms);

/* Forgets all. */
void fkv__sketch_clear(fkv__segment_shm_t *seg);


#endif /* FKV_SHARED_SKETCH_H */
