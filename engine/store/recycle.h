/*
 * recycle.h - arenas and log files are made ready for use, again.
 *
 *     in the set, USED --flushed, oldest, others are needed--> out of it, USED
 *     out of it, USED  --no pin is older than that-->          DIRTY
 *     DIRTY            --zeroed, file as long as it-->         FREE
 *     FREE             --sync=off, nobody writes-->            DIRTY
 *
 * None leaves while a checkpoint copies the log (helper->log_held).
 *
 * The file of a store whose log is written all the time is written with zeros
 * before its first use: direct writes into blocks that are merely allocated are
 * slower.  With sync=off hardly anything is written (log_sync.h), so no more
 * than FKV__ARENAS_SPARE are made ready, one when nobody writes, their blocks
 * are allocated, which lets no later write fail for space, and the file of an
 * arena that is in tables is cut: beside little data eight files as large as
 * the memtables are much.
 *
 * When there is nothing else to do the rest of the segment is faulted in, piece
 * by piece: the master leaves that out, so that opening does not wait for it.
 *
 * Flushed arenas are kept as a cache and leave one by one, the oldest first,
 * when fewer than FKV__ARENAS_SPARE others are free or on their way.
 *
 * Processes  the owner of the helper role, FLUSH thread; workers claim FREE
 *            ones
 * If killed  the state above is all there is: whoever owns the role next goes
 *            on from it, every step may be repeated.  Steps: recycle.1 an
 *            arena has left the set; recycle.2 it is DIRTY, its memory as it
 *            was; recycle.3 the memory is zero, the reserve word is the old;
 *            recycle.4 within its file; recycle.5 it is FREE, nobody is woken;
 *            recycle.6 the file of an arena in tables has been cut
 *
 * A process with the set pinned may still read an arena that has left it.
 * It publishes its pin, then looks at the set again; we change the set, then
 * look at the pins.
 */

#ifndef FKV_STORE_RECYCLE_H
#define FKV_STORE_RECYCLE_H

#include "store/helper.h"

#define FKV__ARENAS_SPARE  2

/* How many arenas a writer could claim now. */
unsigned fkv__recycle_free(const fkv_t *store);

/*
 * Does the next thing there is to do, one arena at a time.
 * FKV_OK something was done, call again · FKV_END nothing is to be done
 * · FKV_AGAIN somebody's pin must go first, look again in a millisecond
 * · FKV_ECANCELED · FKV_EFULL · FKV_EIO · FKV_ENOMEM the file; call later
 */
int fkv__recycle(fkv__helper_t *helper);


#endif /* FKV_STORE_RECYCLE_H */
