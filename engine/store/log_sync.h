/*
 * log_sync.h - the log reaches the disk, in stores that do not wait for it:
 * before anything has waited a second, and when a flush needs it.
 *
 * Processes  the owner of the helper role, FLUSH thread, beside whoever leads
 *            the log; both raise log.durable by CAS
 * If killed  durable stays where it was; the next one syncs again.  Step:
 *            log_sync.1 the files are synced, durable is not raised
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


#endif /* FKV_STORE_LOG_SYNC_H */
