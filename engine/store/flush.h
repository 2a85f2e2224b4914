/*
 * flush.h - a sealed memtable becomes tables of level 0.
 *
 * Shape      sealed arena, ready and durable to its end -> tables, synced
 *            -> directory synced -> edit {add tables, log_floor = its end}
 *            With sync=off the tables make it durable: log_sync.h
 *            The arena stays in the set as a cache of what it holds, until
 *            recycle.h needs it.
 * Processes  the owner of the helper role, FLUSH thread
 * If killed  before the edit: orphans; the next owner flushes it again.
 *            Steps: flush.1 the floor of versions is raised, no file exists;
 *            flush.2 within a table; flush.3 tables are on disk, no edit names
 *            them; flush.4 the edit is announced
 *
 * It is looked at before and after, whether it is what was written into it:
 * intact.h.
 *
 * Its range tombstones go into the edit, but for those that hide nothing in
 * older tables; in its own records they are applied.
 *
 * Where the log is what answers wait for, only what is durable is flushed:
 * nothing becomes visible by being in a table.
 */

#ifndef FKV_STORE_FLUSH_H
#define FKV_STORE_FLUSH_H

#include "store/helper.h"

#define FKV__FLUSH_TABLE_BYTES  (64 * 1024 * 1024)

/* Is there a sealed arena that has not been flushed? */
bool fkv__flush_wanted(fkv_t *store);

/* Does the oldest of them wait for nothing but a sync of the log? */
bool fkv__flush_needs_sync(fkv_t *store);

/* sync=off: the log passes over what is in tables, unless it is written now. */
void fkv__flush_pass(fkv_t *store);

/*
 * Flushes the oldest arena, if it may be.
 * FKV_OK it is in tables · FKV_END none may be · FKV_ECANCELED · FKV_EIO
 * · FKV_EFULL · FKV_ENOMEM · FKV_ECORRUPT its memory is damaged and the store
 * has become read-only, or the catalog is; the arena is as it was in all these
 * cases, the cause is in errno
 */
int fkv__flush(fkv__helper_t *helper);


#endif /* FKV_STORE_FLUSH_H */
