/*
 * evict.h - what has reached its bound (size.h) deletes what is worth least.
 *
 * Shape      begins at the bound, or when a write waits for room, and ends at
 *            FKV__EVICT_LOW percent, or lower if that write needs more.  Each
 *            bound has its own hands and pool, so a namespace beyond its quota
 *            evicts within itself
 *            A round samples keys by scans of FKV__EVICT_RUN each, at places
 *            that hands remember: a hand goes through one table's range, then
 *            through that of another table, chosen by chance and by how much
 *            of the namespaces it holds; the first one goes through everything
 *            Samples go into a pool; its worst are deleted, the rest of the
 *            better half is forgotten, and what stays is compared with the
 *            next samples: so a run of keys that are all in use loses none
 *              lru, lfu  by the sketch (shared/sketch.h)
 *              ttl       what expires first; keys that do not expire stay
 *              random    by chance
 *            A delete is an ordinary one, in an update like any other, on
 *            condition that the key still has the version that was sampled: a
 *            newer write is never evicted
 * What       of the store: the user's databases and the cache, not limits and
 *            catalog; beside that each class that has a quota and a policy.
 *            The sketch has one meaning for all: lfu if evict= says so, or lru
 * Processes  the owner of the helper role, EVICT thread, attached to the store
 *            like a worker as long as a bound is near: a slot and I/O of its
 *            own
 * If killed  as any worker; the pool is gone, the next helper samples anew.
 *            Steps: evict.1 the worst are chosen, none is deleted; evict.2
 *            they are deleted
 * Dry        if so much was sampled that everything was met, and nothing could
 *            be deleted, the bound's dry says so, and writes are refused
 */

#ifndef FKV_STORE_EVICT_H
#define FKV_STORE_EVICT_H

#include "base/buf.h"
#include "shared/sketch.h"
#include "store/helper.h"
#include "store/size.h"

#define FKV__EVICT_LOW    95    /* percent of the bound */
#define FKV__EVICT_NEAR   75    /* likewise: from here on it is attached ... */
#define FKV__EVICT_FAR    50    /* ... until here */
#define FKV__EVICT_HANDS  8
#define FKV__EVICT_RUN    32    /* keys of one scan */
#define FKV__EVICT_POOL   512
#define FKV__EVICT_BATCH  32    /* keys of one update */

typedef struct {
    unsigned    ns;
    uint64_t    version;
    uint64_t    expire_at;
    uint64_t    bytes;
    uint64_t    hash;
    uint64_t    worth;          /* the less, the sooner it goes */
    fkv__buf_t  key;            /* the user's */
} fkv__evict_key_t;

typedef struct {
    unsigned    ns;
    fkv__buf_t  key;            /* behind it; empty: from the first */
    fkv__buf_t  until;          /* internal key; empty: to the end */
} fkv__evict_hand_t;

/* What is known of one bound's namespaces. */
typedef struct {
    unsigned            bound;
    unsigned            from;           /* namespaces ... */
    unsigned            to;             /* ... below this one */
    bool                active;
    uint64_t            sampled;        /* since something was deleted */
    fkv__evict_hand_t   hands[FKV__EVICT_HANDS];
    fkv__evict_key_t    pool[2 * FKV__EVICT_POOL];
    unsigned            n;
} fkv__evict_scope_t;

typedef struct {
    fkv_t              *store;          /* attached as a worker */
    const bool         *stop;           /* atomic; or NULL */
    uint64_t            random;
    uint64_t            swept;          /* line of the sketch */
    fkv__evict_scope_t  scopes[FKV__BOUNDS];

    /* The scan or update that goes on; a stop may leave it behind. */
    fkv__evict_scope_t *scope;
    fkv__evict_hand_t  *hand;
    fkv_evict_e         policy;
    bool                past;           /* the hand is through its range */
    fkv__buf_t          start;
    fkv_scan_t          scan;
    fkv_update_t        update;
    fkv_change_t        changes[FKV__EVICT_BATCH];
    fkv__evict_key_t    keys[FKV__EVICT_BATCH];
} fkv__evict_t;

/* evict is zero-initialized, but for what its caller has set. */
void fkv__evict_init(fkv__evict_t *evict);

/*
 * Deletes something where there is too much.
 * FKV_OK call again · FKV_END there is nowhere · FKV_NOTFOUND it is dry there
 * · FKV_ECANCELED · as fkv_scan, fkv_update
 */
int fkv__evict(fkv__evict_t *evict);

/* After the store, which is the caller's, was detached. */
void fkv__evict_done(fkv__evict_t *evict);

/*
 * Is there a bound with a policy, and so much below it that it may be reached
 * before the next look?  percent of the bound, 0: just is there one
 */
bool fkv__evict_wanted(const fkv_t *store, unsigned percent);

/* The thread, as long as a bound is near. */
void fkv__evict_run(fkv__helper_t *helper);

/* The policy that goes by the use of this namespace's keys, or NONE. */
static inline fkv_evict_e
fkv__evict_uses(const fkv_t *store, unsigned ns)
{
    fkv_evict_e  evict = __atomic_load_n(&store->seg->state.evict,
                                         __ATOMIC_RELAXED);

    if (fkv__evict_by_use(evict)) {
        return evict;
    }

    return (ns == FKV_NAMESPACE_CACHE
            && fkv__size_max(store, FKV_CLASS_CACHE) != 0)
           ? FKV_EVICT_LRU : FKV_EVICT_NONE;
}


/* By readers: the key will perhaps have been used. */
static inline void
fkv__evict_prefetch(const fkv_t *store, unsigned ns, uint64_t hash)
{
    if (fkv__evict_uses(store, ns) != FKV_EVICT_NONE) {
        fkv__sketch_prefetch(store->seg, hash);
    }
}


/* By readers and writers: it was. */
static inline void
fkv__evict_used(fkv_t *store, unsigned ns, uint64_t hash, uint64_t now_ms)
{
    fkv_evict_e  evict = fkv__evict_uses(store, ns);

    if (evict == FKV_EVICT_NONE) {
        return;
    }

    store->random = store->random * 6364136223846793005ull
                    + 1442695040888963407ull;
    fkv__sketch_touch(store->seg,
                      (evict == FKV_EVICT_LRU) ? FKV__SKETCH_LRU
                                               : FKV__SKETCH_LFU,
                      hash, now_ms, store->random);
}


#endif /* FKV_STORE_EVICT_H */
