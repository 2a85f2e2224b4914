/*
 * reserve.h - room on disk that is kept back, for the day when it is full.
 *
 * Shape      DIR/RESERVE, preallocated: a memtable and a slice of compaction.
 *            It is given away (deleted) when flush or compaction finds the
 *            disk full, or before that, when all memtables, which may fill
 *            before the next look, would not fit beside it.  From then on,
 *            state.disk_full, writes that put get FKV_EFULL.  Deletes go on:
 *            they are sealed and flushed at once, for only compaction makes
 *            room of them, and that goes on in steps that fit: of level 0 one
 *            table at a time, or what is no larger than a memtable, since these
 *            files stay until all of them has gone down, and an edit when a
 *            table below is through
 *            When there is room again for the reserve, for all memtables and
 *            one more, it is taken back and writes go on
 * Opening    replays the log into tables, which may need it too: then it is
 *            given away there, and the helper takes it back.  Only who starts
 *            when it has been given, and others took its room, has none
 * Processes  the owner of the helper role: FLUSH looks, it and COMPACT give;
 *            the master while it opens
 * If killed  the file is there or not: the next owner adopts one of the right
 *            length, which preallocation sets at its end, any other is made
 *            anew.  Step: disk_reserve.1 it is there, perhaps not whole
 *
 * Where a file system cannot preallocate there is no file, and as much is only
 * left free.
 */

#ifndef FKV_STORE_RESERVE_H
#define FKV_STORE_RESERVE_H

#include "store/helper.h"

/*
 * By FLUSH, now and then: is there room, and for the reserve?  Not for that
 * while something else lacks room, whatever the file system says.
 */
void fkv__reserve_look(fkv__helper_t *helper, bool lacking);

/* A call found the disk full.  True: now there is room to try again. */
bool fkv__reserve_give(fkv__helper_t *helper);

/* Is it given away? */
static inline bool
fkv__reserve_given(const fkv_t *store)
{
    return __atomic_load_n(&store->seg->state.disk_full, __ATOMIC_RELAXED);
}


/* By the master.  False: it was not there. */
bool fkv__reserve_drop(const fkv__fs_t *fs, int dir);


#endif /* FKV_STORE_RESERVE_H */
