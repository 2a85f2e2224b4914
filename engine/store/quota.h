/*
 * quota.h - what a class of namespaces may hold at most, so that a flood of
 * one, responses of upstreams say, leaves room for the others.
 *
 * Shape      a bound for each class in the segment, 0 = none, compared with
 *            what its namespaces hold (usage.h).  A write is refused if it
 *            would make its class larger than that; deletes, and writes that
 *            take no more than they replace, go on.  A blind put is taken for a
 *            new key.  A range delete counts once it is flushed, so a refusal
 *            seals a memtable that has one
 * Processes  all look, the master and who reloads set
 * If killed  nothing is held.  Two who look at a time may both be let in: a
 *            quota is kept but for what is in flight
 */

#ifndef FKV_STORE_QUOTA_H
#define FKV_STORE_QUOTA_H

#include "store/store.h"

/* Puts the quotas of the options into force, in all processes. */
void fkv__quota_set(fkv__segment_shm_t *seg, const fkv_options_t *opt);

static inline uint64_t
fkv__quota(const fkv_t *store, fkv_class_e class)
{
    return __atomic_load_n(&store->seg->state.quota[class], __ATOMIC_RELAXED);
}


/* Bytes that a class holds. */
uint64_t fkv__quota_used(const fkv_t *store, fkv_class_e class);

/*
 * May the update, which is encoded, be written?  The set is pinned.
 * FKV_OK · FKV_EQUOTA
 */
int fkv__quota_admit(const fkv_update_t *u);


#endif /* FKV_STORE_QUOTA_H */
