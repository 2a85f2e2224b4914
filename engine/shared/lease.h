/*
 * lease.h - snapshots that outlive the request and the process that took
 * them: a bounded table, independent of process slots.
 *
 * Shape      one word of an entry is its state: deadline (44 bits, boot
 *            milliseconds; 0 = free) and generation (20).  It changes together
 *            with the snapshot, by one 16-byte CAS, so an entry is never half
 *            of anything; the nonce follows, and until it has come nobody can
 *            name the lease
 * Processes  all; an entry has no owner.  Who meets one whose deadline is over
 *            frees it, or takes it over: both by the CAS that a renewal would
 *            need too, so one of them wins
 * If killed  before the CAS: nothing.  Between it and the nonce (lease.1): a
 *            lease that nobody knows lasts until its deadline
 *
 * 1  A lease lives until its word has changed, whatever the clock says.  Who
 *    drops versions frees what has expired first and spares what then lives
 *    (store/keep.h): a lease that was found alive holds its snapshot.
 * 2  All is sequentially consistent; lease and slot, lease and gc_floor are
 *    store-load pairs (store/hold.h).
 *
 * Deadlines are in boot time: a step of the wall ends no lease, and leases end
 * with the segment.
 */

#ifndef FKV_SHARED_LEASE_H
#define FKV_SHARED_LEASE_H

#include "shared/segment.h"

/*
 * A cursor is had by anybody who may list; so one of so many entries is only
 * for those who ask for a snapshot.
 */
#define FKV__LEASE_RESERVED  4

/*
 * Takes an entry until the deadline.  nonce: random, by the caller; cursor: not
 * one of the reserved ones.
 * FKV_OK lease is set · FKV_EFULL all are taken
 */
int fkv__lease_take(fkv__segment_shm_t *seg, bool cursor, uint64_t snapshot,
    uint64_t now_ms, uint64_t deadline_ms, uint64_t nonce, fkv_lease_t *lease);

/* FKV_OK snapshot is set · FKV_GONE unknown, dropped or expired */
int fkv__lease_find(const fkv__segment_shm_t *seg, const fkv_lease_t *lease,
    uint64_t now_ms, uint64_t *snapshot);

/*
 * Sets another deadline; in *deadline_ms is returned which one holds: an
 * earlier one is taken only if shorten is set.  FKV_OK · FKV_GONE
 */
int fkv__lease_renew(fkv__segment_shm_t *seg, const fkv_lease_t *lease,
    uint64_t now_ms, bool shorten, uint64_t *deadline_ms);

/* FKV_OK · FKV_GONE */
int fkv__lease_drop(fkv__segment_shm_t *seg, const fkv_lease_t *lease,
    uint64_t now_ms);

/*
 * Frees the i-th if its deadline is over: its snapshot if it lives, else 0.
 */
uint64_t fkv__lease_snapshot(fkv__segment_shm_t *seg, unsigned i,
    uint64_t now_ms);


#endif /* FKV_SHARED_LEASE_H */
