/*
 * latch.h - short locks on keys, striped by hash, named by owner.
 *
 * Shape      FKV__LATCHES words, 0 or slot + 1 of the owner
 * Processes  any worker; held for the expectation check, reserve, header and
 *            links of one write: a few hundred nanoseconds, no I/O, no waiting
 * If killed  the word keeps the dead slot; only the reaper, after it has
 *            finished or voided that slot's frames, sets it free
 *
 * A process takes all stripes of one write in ascending order and each once,
 * so two writers never wait for each other in a circle.
 */

#ifndef FKV_SHARED_LATCH_H
#define FKV_SHARED_LATCH_H

#include "shared/segment.h"

static inline uint32_t
fkv__latch_stripe(uint64_t hash)
{
    return (uint32_t) (hash >> 40) % FKV__LATCHES;
}


/* Sorts stripes and removes repetitions; returns how many remain. */
unsigned fkv__latch_sort(uint32_t *stripes, unsigned n);

/*
 * Takes all or none; stripes are sorted and distinct.  Spins for a bounded
 * time on each.
 * FKV_OK · FKV_EBUSY blocker is the slot that holds one of them
 */
int  fkv__latch_take(fkv__segment_shm_t *seg, const uint32_t *stripes,
    unsigned n, unsigned slot, unsigned *blocker);
void fkv__latch_drop(fkv__segment_shm_t *seg, const uint32_t *stripes,
    unsigned n);

/* For the reaper: frees every latch of a dead slot. */
void fkv__latch_drop_all(fkv__segment_shm_t *seg, unsigned slot);


#endif /* FKV_SHARED_LATCH_H */
