/*
 * reap.h - what a dead process left in shared memory is put right.
 *
 * Shape      in this order: its unfinished frames (finished if their sums are
 *            right, else void), its arena claim, its jobs, its claims, its
 *            latches, its part in the block cache, leadership, the helper
 *            role, its pins, its slot
 * Processes  any attached one; the dead slot's lock bytes make it one at a
 *            time, and only when no I/O of the dead is in flight any more
 * Threads    the process's own; lock bytes say nothing between threads
 * If killed  the bytes fall, the slot is still LIVE: the next reaper does all
 *            of it again, every step may be repeated
 */

#ifndef FKV_STORE_REAP_H
#define FKV_STORE_REAP_H

#include "store/store.h"

/* True if the slot's owner was dead and has been reaped. */
bool fkv__reap(fkv_t *store, unsigned slot);

/* All slots.  True if any was reaped. */
bool fkv__reap_sweep(fkv_t *store);

/* For a process that has just locked this slot as its own. */
void fkv__reap_locked(fkv_t *store, unsigned slot);

#endif /* FKV_STORE_REAP_H */
