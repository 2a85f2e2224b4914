/*
 * slots.h - who lives: one slot and one lock byte per process.
 *
 * Shape      an attached process owns slot s while its own open files of the
 *            log hold the OFD lock on byte s of every one of them
 * Processes  claim by locking byte s of all files; the same lock is what a
 *            reaper takes, so there is one reaper, and it cannot be overtaken
 *            by a claimer
 * If killed  the kernel drops the bytes when the process and its last I/O on
 *            the file are gone; a write in flight keeps its file's byte.  All
 *            bytes free = nothing of the owner moves any more
 *
 * The lock says nothing within one process (same open files): never ask about
 * one's own slot.
 */

#ifndef FKV_STORE_SLOTS_H
#define FKV_STORE_SLOTS_H

#include "shared/segment.h"

/*
 * Takes the bytes of a slot in all n files, or none.
 * FKV_OK · FKV_EBUSY its owner lives, or is being reaped
 */
int  fkv__slot_lock(const int *log_fds, unsigned n, unsigned slot);
void fkv__slot_unlock(const int *log_fds, unsigned n, unsigned slot);

/*
 * Locks the first slot that can be had: its number, or -1.  Its state may be
 * LIVE: then its owner died and must be reaped before it is used.
 */
int fkv__slot_claim(const int *log_fds, unsigned n);

/*
 * Slots from top() on were never taken, so who wakes others need not look at
 * them.  Its owner raises it before it announces that it waits, and the waker
 * reads it after what it announces, all sequentially consistent: whoever the
 * waker does not see so will see what the waker has announced.
 */
void     fkv__slots_raise(fkv__segment_shm_t *seg, unsigned top);
unsigned fkv__slots_top(const fkv__segment_shm_t *seg);

/* Nothing is pinned, read at or waited for by this slot any more. */
void fkv__slot_clear(fkv__slot_shm_t *slot);


#endif /* FKV_STORE_SLOTS_H */
