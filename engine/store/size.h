/*
 * size.h - how many bytes may live: in the whole store, max_size=, and in each
 * class of namespaces, its quota, so that a flood of one, of cached responses
 * say, leaves room for the others.
 *
 * Shape      size = what namespaces need of the disk (usage.h): tables
 *            without what is known to be dead in them, and what memtables will
 *            add to that.  The log's files do not count, they have their fixed
 *            size, nor does garbage that waits for compaction.  So deletes make
 *            room at once and overwriting takes none: to know what they
 *            replace, also blind writes read where size is bounded
 *            A bound is in the segment, 0 = none, beside what evicts (evict.h)
 *            when it is reached:
 *              the store, the user's databases   what evict= says
 *              the cache    lru, or lfu if evict= says so
 *              limits and the catalog            nothing, ever
 *            Without eviction a write that adds is refused from the bound on.
 *            With it what adds slows down beyond the bound (pace.h), more and
 *            more; from 1/FKV__SIZE_OVER beyond it waits until there is room,
 *            for FKV__SIZE_WAIT_US at most, and is refused when there is
 *            nothing to evict
 *            Elements are not read before they are overwritten: they count as
 *            what adds, and a key that goes makes room for its elements only
 *            when compaction has dropped them, which is soon
 *            A range delete counts once it is flushed, so who is refused or
 *            waits seals a memtable that has one
 * Processes  whoever writes looks; the helper squeezes and evicts; the master
 *            and who reloads set
 * If killed  nothing is held.  All words are relaxed, each by itself.  Without
 *            eviction two who look at a time may both be let in: a bound is
 *            kept but for what is in flight
 */

#ifndef FKV_STORE_SIZE_H
#define FKV_STORE_SIZE_H

#include "store/store.h"
#include "store/version.h"

#define FKV__SIZE_OVER       32
#define FKV__SIZE_WAIT_US    (5 * 1000 * 1000)

#define FKV__BOUND_STORE     FKV_CLASSES    /* those before it: fkv_class_e */

/* Puts the bounds of the options into force, in all processes. */
void fkv__size_set(fkv__segment_shm_t *seg, const fkv_options_t *opt);

static inline uint64_t
fkv__size_max(const fkv_t *store, unsigned bound)
{
    return __atomic_load_n(&store->seg->state.bounds[bound].max,
                           __ATOMIC_RELAXED);
}


/* Is there a bound to what this namespace holds? */
static inline bool
fkv__size_bounded(const fkv_t *store, unsigned ns)
{
    return fkv__size_max(store, FKV__BOUND_STORE) != 0
           || fkv__size_max(store, fkv_class(ns)) != 0;
}


/* The namespaces [from, to) that the bound is of. */
void fkv__size_spaces(unsigned bound, unsigned *from, unsigned *to);

/* Bytes that live in them. */
uint64_t fkv__size_used(const fkv_t *store, unsigned bound);

static inline bool
fkv__evict_by_use(fkv_evict_e evict)
{
    return evict == FKV_EVICT_LRU || evict == FKV_EVICT_LFU;
}


/* What goes when the bound is reached. */
static inline fkv_evict_e
fkv__size_policy(const fkv_t *store, unsigned bound)
{
    fkv_evict_e  evict = __atomic_load_n(&store->seg->state.evict,
                                         __ATOMIC_RELAXED);

    switch (bound) {

    case FKV_CLASS_CACHE:
        return fkv__evict_by_use(evict) ? evict : FKV_EVICT_LRU;

    case FKV_CLASS_LIMITS:
    case FKV_CLASS_CATALOG:
        return FKV_EVICT_NONE;
    }

    return evict;
}


/*
 * May the update, which is encoded, be written?  It may if it fits, or takes no
 * more than what it replaces.  Perhaps fkv__pace_admit() puts it aside then.
 * FKV_OK · FKV_AGAIN a moment later, perhaps · FKV_EMAXSIZE · FKV_EQUOTA
 */
int fkv__size_admit(fkv_update_t *u);

/*
 * By the helper: is there so much unknown garbage, perhaps, above the last
 * level that it is worth a merge, since writes have been refused lately?
 */
bool fkv__size_squeezes(fkv_t *store, const fkv__version_t *version);


#endif /* FKV_STORE_SIZE_H */
