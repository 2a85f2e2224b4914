/*
 * size.h - what max_size= makes of the bytes that live.
 *
 * Shape      size = what all namespaces need of the disk (usage.h): tables
 *            without what is known to be dead in them, and what memtables will
 *            add to that.  The log's files do not count, they have their fixed
 *            size, nor does garbage that waits for compaction.  So deletes make
 *            room at once and overwriting takes none: to know what they
 *            replace, also blind writes read in a store of bounded size
 *            Without eviction a write that adds is refused from max_size on.
 *            With it (evict.h) eviction begins there; what adds waits while
 *            the store is 1/FKV__SIZE_OVER beyond, for FKV__SIZE_PARKS_MAX
 *            looks at most, and is refused when there is nothing to evict
 * Processes  whoever writes looks; the helper squeezes and evicts
 * If killed  nothing is held
 */

#ifndef FKV_STORE_SIZE_H
#define FKV_STORE_SIZE_H

#include "store/store.h"
#include "store/version.h"

#define FKV__SIZE_OVER       32
#define FKV__SIZE_PARKS_MAX  500        /* of 10 ms each */

/* Is there a max_size? */
static inline bool
fkv__size_bounded(const fkv_t *store)
{
    return __atomic_load_n(&store->seg->state.max_size, __ATOMIC_RELAXED) != 0;
}


/*
 * May the update, which is encoded, be written?  It may if it fits, or takes no
 * more than what it replaces.
 *   parks   how often it has been told to wait
 * FKV_OK · FKV_AGAIN a moment later, perhaps · FKV_EMAXSIZE
 */
int fkv__size_admit(const fkv_update_t *u, unsigned parks);

/*
 * By the helper: is there so much unknown garbage, perhaps, above the last
 * level that it is worth a merge, since writes have been refused lately?
 */
bool fkv__size_squeezes(fkv_t *store, const fkv__version_t *version);


#endif /* FKV_STORE_SIZE_H */
