/*
 * memtable.h - the index of one arena: hash for point reads, skip list for
 * order, a chain of versions at each key.
 *
 * Shape      node area, growing down from the arena's top:
 *              key node      prefix 16 | hash 4 | hash_next 4 | versions 4
 *                            | key at 4 | key len 4 | namespace 1 | height 1
 *                            | unused 2 | next 4*h
 *              version node  older 4 | record at 4 | frame at 4 | unused 4
 *            Range tombstones are kept apart: version nodes in a list of their
 *            own, newest first, whose head is in the arena's header.  It stays
 *            short, see FKV__MEMTABLE_RANGES.
 *            Offsets are bytes in the arena, 0 is none.  Those of a hash chain,
 *            in its bucket and in hash_next, carry in their unused bits a Bloom
 *            filter of the chain from there on, so most keys that are absent
 *            cost no look at a node.  Keys and values stay
 *            in the record frames below.  A key that is overwritten gets a
 *            version node only: a hot key costs O(1), not O(log n).
 * Processes  any worker inserts, holding the key's latch, or the gate for a
 *            range; all read without lock.  A node is complete before the
 *            release store that links it, and never changes but for its next,
 *            hash_next (before it is linked) and versions words.
 * If killed  between links: the key's latch is still owned by the dead, so
 *            nobody meets the half-linked key for writing before the reaper
 *            has run fkv__memtable_link() again, which finishes what is
 *            missing and repeats nothing.  Readers meet a key without
 *            versions and take it for absent.
 *
 * After W. Pugh, "Skip Lists", CACM 33(6), 1990; insertion with CAS per level
 * as in lock-free lists without deletion.
 */

#ifndef FKV_STORE_MEMTABLE_H
#define FKV_STORE_MEMTABLE_H

#include "format/log.h"
#include "format/range.h"
#include "shared/segment.h"
#include "store/ranges.h"

/*
 * An arena that holds so many range tombstones is sealed before the next one,
 * for every read goes through all of them.
 */
#define FKV__MEMTABLE_RANGES  64

/* A handle on one arena's memtable; copy freely, valid while pinned. */
typedef struct {
    fkv__arena_shm_t  *shm;
    uint8_t           *mem;         /* the arena's bytes */
    uint32_t          *buckets;
    uint32_t           bucket_mask;
    uint32_t           bytes;       /* of the arena */
} fkv__memtable_t;

/* Where a version was found. */
typedef struct {
    uint32_t  node;                 /* of the key; 0 = the key has none */
    uint32_t  entry;                /* version node; 0 = none fits */
    uint32_t  frame;                /* of the record */
    uint64_t  version;              /* its LSN */
    bool      ready;                /* its frame is complete */
} fkv__memtable_pos_t;

void fkv__memtable_init(fkv__memtable_t *mt, fkv__segment_shm_t *seg,
    unsigned arena);

/* Begins to load what a lookup of this hash will need first. */
static inline void
fkv__memtable_prefetch(const fkv__memtable_t *mt, uint64_t hash)
{
    __builtin_prefetch(&mt->buckets[hash & mt->bucket_mask]);
}


/*
 * The first 16 bytes of a key, or of an element's name, as two big-endian
 * numbers, zeros behind them.
 */
typedef struct {
    uint64_t  high;
    uint64_t  low;
} fkv__memtable_prefix_t;

/*
 * What is looked for.  group is the length of what an element has in common
 * with all of its key and stamp, 0 of a key.  Prefixes tell the order of keys,
 * and of elements of one group.  Those of two groups are compared byte by byte,
 * which misses the cache; so a search remembers whether it has met one of the
 * group on either side: then all between are of it.
 */
typedef struct {
    fkv_str_t               key;
    size_t                  group;
    fkv__memtable_prefix_t  prefix;
    uint8_t                 ns;
    bool                    left;   /* passed: one of the group */
    bool                    right;  /* before one of the group */
} fkv__memtable_target_t;


/*
 * A search whose only purpose is that the next one for this key does not wait
 * for memory.  Several go in turn: each begins to load what its next step
 * looks at, and leaves the time that takes to the others.
 *   place    of a key that is not there: also where it would be linked
 */
typedef struct {
    fkv_str_t               ikey;
    uint64_t                hash;
    bool                    place;

    bool                    found;  /* at its end: the key is there */
    enum {
        FKV__WALK_CHAIN,            /* at a node of the hash chain */
        FKV__WALK_VERSION,          /* at the newest version */
        FKV__WALK_SKIP              /* at a node of the skip list */
    }                       state;
    uint32_t                at;
    fkv__memtable_target_t  target; /* of the skip list, as what follows */
    uint32_t                behind; /* as skip_find() has it */
    uint32_t               *links;
    int                     level;
} fkv__memtable_walk_t;

/* After fkv__memtable_prefetch().  False: it has ended. */
bool fkv__memtable_walk_begin(const fkv__memtable_t *mt,
    fkv__memtable_walk_t *walk);
bool fkv__memtable_walk_step(const fkv__memtable_t *mt,
    fkv__memtable_walk_t *walk);


/* Bytes of nodes that a range tombstone needs. */
#define FKV__MEMTABLE_RANGE_NODES  16

/* Bytes of nodes that a record of this hash needs; with_key: the key is new. */
uint32_t fkv__memtable_nodes(uint64_t hash, bool with_key);

/*
 * The newest version of ikey below the bound (UINT64_MAX: newest of all,
 * pending ones included).  Versions of void frames are passed over.
 * True if pos->entry was found; pos->node is set also if only the key was.
 */
bool fkv__memtable_find(const fkv__memtable_t *mt, fkv_str_t ikey,
    uint64_t hash, uint64_t below, fkv__memtable_pos_t *pos);

/*
 * If a range tombstone below the bound covers ikey and is newer than pos, pos
 * becomes the newest of them; its node stays.  True if it did.  (One that is
 * damaged is taken for a hit: reading its record tells.)
 */
bool fkv__memtable_cover(const fkv__memtable_t *mt, fkv_str_t ikey,
    uint64_t below, fkv__memtable_pos_t *pos);

/* Are there any?  All that a memtable without them asks of a read. */
static inline bool
fkv__memtable_has_ranges(const fkv__memtable_t *mt)
{
    return __atomic_load_n(&mt->shm->ranges, __ATOMIC_ACQUIRE) != 0;
}


/*
 * Walks the range tombstones, newest first: start with entry 0, and again with
 * what it returned.  0 = no further.  Void ones are passed.
 */
uint32_t fkv__memtable_next_range(const fkv__memtable_t *mt, uint32_t entry);

/* FKV_OK range points into the arena · FKV_ECORRUPT */
int fkv__memtable_range(const fkv__memtable_t *mt, uint32_t entry,
    fkv__range_t *range);

/*
 * All of n memtables, as a set that the caller unpins; NULL if there are none.
 * FKV_OK · FKV_ECORRUPT · FKV_ENOMEM
 */
int fkv__memtable_ranges(const fkv__memtable_t *memtables, unsigned n,
    fkv__ranges_t **to);

/*
 * The record at a position, pointing into the arena; its key is whole and
 * rec->version is set.  FKV_OK or FKV_ECORRUPT.
 */
int fkv__memtable_record(const fkv__memtable_t *mt, uint32_t entry,
    fkv__record_t *rec);

/*
 * Links the record at record_at of the frame at frame_at.  The caller holds
 * the key's latch.  *nodes is the next unused byte of the frame's node
 * region; advanced over what was used.  Doing it twice links nothing twice.
 */
void fkv__memtable_link(fkv__memtable_t *mt, fkv_str_t ikey, uint64_t hash,
    uint32_t frame_at, uint32_t record_at, uint32_t *nodes);


/* The same for a range tombstone; the caller holds the gate. */
void fkv__memtable_link_range(fkv__memtable_t *mt, uint32_t frame_at,
    uint32_t record_at, uint32_t *nodes);


/*
 * Keys in order, without versions; usable while others insert.
 * seek: first key >= ikey (empty: the first of all).
 */
typedef struct {
    const fkv__memtable_t  *mt;
    uint32_t                node;   /* 0 = at the end */
} fkv__memtable_iter_t;

void fkv__memtable_iter_seek(fkv__memtable_iter_t *it,
    const fkv__memtable_t *mt, fkv_str_t ikey);
void fkv__memtable_iter_next(fkv__memtable_iter_t *it);
fkv_str_t fkv__memtable_iter_key(const fkv__memtable_iter_t *it);

/*
 * Walks the versions of the iterator's key, newest first: start with entry 0,
 * and again with what it returned.  0 = no further.  Void ones are passed.
 */
uint32_t fkv__memtable_iter_version(const fkv__memtable_iter_t *it,
    uint32_t entry);


/*
 * Of a sealed one that nobody may trust: each node and what it says of places
 * lies in the arena, keys ascend, versions of one descend.
 *   records   how many the index leads to, and the sum of their places
 *   at        the offset of the first node that is wrong
 * FKV_OK or FKV_ECORRUPT
 */
typedef struct {
    uint64_t  n;
    uint64_t  places;
} fkv__memtable_records_t;

int fkv__memtable_check(const fkv__memtable_t *mt,
    fkv__memtable_records_t *records, uint32_t *at);


#endif /* FKV_STORE_MEMTABLE_H */
