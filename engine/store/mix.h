/*
 * mix.h - what a store is asked for, writes or reads, and so how many tables
 * level 0 may hold, and how many runs its levels may be (pick.h).
 *
 * Shape      the slots' counters, looked at before each pick: every
 *            FKV__MIX_WINDOW_MS their growth goes into a mean in which a
 *            window counts half as much as the one after it
 *            A run more costs every read that goes to tables a look; a run
 *            less costs writes that a record is written once more.  So there
 *            may be as many as writes are more often than reads, twice: five
 *            if nobody reads, two if there are as many of both, none, that is
 *            leveled, if reads are more than twice as many
 *            So is a table more of level 0, but its look is cheap beside what
 *            is saved where the base is much larger than level 0: the least if
 *            there are as many reads as writes, the most if half as many
 * Processes  the owner of the helper role, COMPACT thread
 * If killed  the next owner begins with leveled, until the first window is over
 */

#ifndef FKV_STORE_MIX_H
#define FKV_STORE_MIX_H

#include "base/types.h"

#define FKV__MIX_WINDOW_MS  10000

/* Zero-initialized it is new. */
typedef struct {
    uint64_t  since_ms;         /* begin of the window; 0 = none */
    uint64_t  reads_at;         /* the counters then */
    uint64_t  writes_at;
    uint64_t  reads;            /* the means */
    uint64_t  writes;
} fkv__mix_t;

/* The counters so far, at this time of a clock that only grows.  Pure. */
void fkv__mix_look(fkv__mix_t *mix, uint64_t reads, uint64_t writes,
    uint64_t now_ms);

/* How many tables of level 0 are no reason to merge, least .. most. */
unsigned fkv__mix_level_0(const fkv__mix_t *mix, unsigned least,
    unsigned most);

/* How many runs there may be above the deepest, 0 .. max. */
unsigned fkv__mix_runs(const fkv__mix_t *mix, unsigned max);


#endif /* FKV_STORE_MIX_H */
