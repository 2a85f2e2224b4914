/*
 * keep.h - which versions of a key must live on when its records are written
 * anew, by flush or by compaction.
 *
 * Snapshots are read at positions; version < position is seen, the newest of
 * these answers.  No snapshot is, or will be, below the floor, so of a key
 *
 *   1  every version that is not below the floor stays,
 *   2  the newest below the floor stays, unless it says "there is nothing"
 *      (a tombstone, or expired) and nothing older of the key can lie below,
 *   3  all others go.
 *
 * What has expired but must go on hiding something older becomes a tombstone
 * of the same version.
 */

#ifndef FKV_STORE_KEEP_H
#define FKV_STORE_KEEP_H

#include "format/record.h"
#include "store/store.h"
#include "store/version.h"

/*
 * Raises state.gc_floor to what is visible and returns the lowest position at
 * which anybody reads or ever will: a reader publishes its snapshot, then
 * looks at gc_floor; we set gc_floor, then look at the snapshots.
 */
uint64_t fkv__keep_floor(fkv_t *store);

/*
 * What it would answer now.  Nothing is raised, so nobody's old snapshot is
 * refused, and nothing may be dropped by it.
 */
uint64_t fkv__keep_floor_now(fkv_t *store);

/* Records pass through it in order, newest version of a key first. */
typedef struct {
    uint64_t               floor;
    uint64_t               now_ms;
    bool                   drops;       /* what has expired may go */
    const fkv__version_t  *version;     /* pinned by the caller ... */
    unsigned               below;       /* ... in it, levels from here on may
                                           hold older records */
    bool                   shadowed;    /* rule 3 holds for the rest of key */
    uint64_t               expired;     /* counted: expired records that went */
} fkv__keep_t;

void fkv__keep_init(fkv__keep_t *keep, fkv_t *store,
    const fkv__version_t *version, unsigned below);

/* The next record is of another key. */
static inline void
fkv__keep_next_key(fkv__keep_t *keep)
{
    keep->shadowed = false;
}


/* True: write rec, which may have become a tombstone.  False: leave it out. */
bool fkv__keep(fkv__keep_t *keep, fkv__record_t *rec);


#endif /* FKV_STORE_KEEP_H */
