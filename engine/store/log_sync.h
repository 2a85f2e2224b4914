/*
 * log_sync.h - the log reaches the disk, in stores that do not wait for it:
 * before anything has waited a second, and when a flush needs it.
 *
 * With sync=off a flush needs no log: a table holds an arena to its end, and
 * tables are made in the order of arenas, so a prefix survives.  What has come
 * to the disk that way is passed over by the log: written and durable move up
 * to the end of the arena.  Nobody may be writing from the arena then, for it
 * may be used anew at once; so who moves them leads the log meanwhile.
 *
 * Processes  the owner of the helper role, FLUSH thread, beside whoever leads
 *            the log; both raise log.durable by CAS
 * If killed  durable stays where it was; the next one syncs again, or passes
 *            over what is in tables.  Whoever leads is replaced by the reaper.
 *            Steps: log_sync.1 the files are synced, durable is not raised;
 *            log_sync.2 we lead; log_sync.3 written is raised, durable is not
 */

#ifndef FKV_STORE_LOG_SYNC_H
#define FKV_STORE_LOG_SYNC_H

#include "store/store.h"

/*
 * Syncs what has been written and wakes who waited for that.
 * FKV_OK · FKV_END there was nothing, or the store is sync=always or
 * read-only · FKV_EIO the store has become read-only: after a failed sync
 * nobody knows what is on disk, so it is never repeated as if it were clean
 */
int fkv__log_sync(fkv_t *store);

/*
 * sync=off: everything below lsn is in tables that the catalog names.  False:
 * somebody is writing the log, try again.
 */
bool fkv__log_pass(fkv_t *store, uint64_t lsn);


#endif /* FKV_STORE_LOG_SYNC_H */
