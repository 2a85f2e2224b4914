/*
 * latch.h - short locks on keys, striped by hash, named by owner.
 *
 * Shape      FKV__LATCHES words, 0 or slot + 1 of the owner; and the gate, one
 *            such word, which stands for all of them
 * Processes  any worker; held for the expectation check, reserve, header and
 *            links of one write: a few hundred nanoseconds, no I/O, no waiting
 * If killed  the word keeps the dead slot; only the reaper, after it has
 *            finished or voided that slot's frames, sets it free.  Step
 *            latch.1: the gate is ours, some latches may still be another's
 *
 * A process takes all stripes of one write in ascending order and each once,
 * so two writers never wait for each other in a circle.
 *
 * A range delete would need every latch.  It takes the gate instead, then
 * waits until each latch has been seen free once; whoever takes latches looks
 * at the gate afterwards and gives them back if it is another's.  Taking a
 * latch or the gate and looking at the other are sequentially consistent, so
 * of two at the same time one sees the other; both may give way, never both go
 * on.  Latches taken behind a closed gate are given back at once, so the gate
 * waits only for those that were held when it fell: it is not starved.
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

/* All latches, as above. */
int  fkv__latch_take_gate(fkv__segment_shm_t *seg, unsigned slot,
    unsigned *blocker);
void fkv__latch_drop_gate(fkv__segment_shm_t *seg);

/* For the reaper: frees every latch of a dead slot, and the gate. */
void fkv__latch_drop_all(fkv__segment_shm_t *seg, unsigned slot);


#endif /* FKV_SHARED_LATCH_H */
