/*
 * orphan.h - elements that nobody can name any more: their key has gone, or has
 * another stamp.
 *
 * Shape      a merge asks once for each key and stamp that it meets, and leaves
 *            those out.  Where a delete of a key with elements is flushed or
 *            merged, that is remembered; before the next merge is picked,
 *            elements that fill a table or more are hidden by a range tombstone
 *            of our own (ranges.h), so that their tables go unread (pick.h)
 * Processes  COMPACT; FLUSH and workers only remember
 * If killed  what is remembered is lost: then elements go when their tables are
 *            merged
 *
 * Why nobody misses what is dropped.  A stamp is used for one life of a key: a
 * head (the key's record) that has lost it never has it again.
 *
 * 1  Only elements below "lowest" are dropped: the lower of the lowest position
 *    that is held (keep.h) and of the version's log floor.  Their heads are
 *    below it too, a frame holds both.  So whoever is about to have their stamp
 *    has it already.
 * 2  Where may somebody see a head with it?  At a position that is held below
 *    the keep's floor: the newest head below each has not the stamp.  From the
 *    floor on: the newest one in tables has it not, nor any in memtables that
 *    is not below the version's log floor; and what was flushed since is below
 *    the keep's floor, or we do not know.  After a crash: what tables hold is
 *    there, and of the log a part of the same memtables.  To ask for the newest
 *    alone would not do, for expiry is no version: a head may have expired in
 *    a table and been written anew before that, in a memtable, with its stamp.
 *    What has expired counts as gone where keep.h may drop it, under its rule
 *    of the clock.
 * 3  Who read a head before it expired and writes it after we have looked?  We
 *    look at memtables under the head's latch; who writes looks at the clock
 *    under it (frame.c).  If he is first, we see what he wrote; if he is
 *    second, his clock is not before ours, and he sees that it has expired.
 * 4  Snapshots may be many, and each may see another version of the head: as
 *    many are looked at as differ, up to a bound.  Behind it this is left:
 *    whoever sees elements below "lowest" with a stamp had a head with it below
 *    that.  If the newest one below it bears another, the stamp was lost before
 *    the oldest of them was taken, and none has it.
 *
 * Whatever cannot be read or latched: the elements are kept, until another
 * merge.
 */

#ifndef FKV_STORE_ORPHAN_H
#define FKV_STORE_ORPHAN_H

#include "store/helper.h"
#include "store/keep.h"

#define FKV__ORPHANS_TABLES     (1024 * 1024)   /* bytes of elements: less are
                                                   nothing to hurry for */
#define FKV__ORPHANS_SECONDS    5

typedef struct {
    const fkv__helper_t  *helper;
    const fkv__keep_t    *keep;
    uint64_t              lowest;
    fkv_t                *twin;         /* NULL until there are elements */
    bool                  failed;       /* there is none */
    fkv__buf_t            group;        /* that dead is about */
    bool                  dead;
    uint64_t              dropped;
} fkv__orphans_t;

/* keep has been initialized, and is the caller's, as its version. */
void fkv__orphans_init(fkv__orphans_t *orphans, const fkv__helper_t *helper,
    const fkv__keep_t *keep);
void fkv__orphans_done(fkv__orphans_t *orphans);

/* Of an element; records come in order.  True: leave it out. */
bool fkv__orphan_element(fkv__orphans_t *orphans, const fkv__record_t *rec);

static inline bool
fkv__orphan(fkv__orphans_t *orphans, const fkv__record_t *rec)
{
    return rec->key.data[0] >= FKV__NAMESPACE_ELEMENTS
           && fkv__orphan_element(orphans, rec);
}


/* A head of this stamp has died, perhaps.  FLUSH and COMPACT. */
void fkv__orphans_remember(fkv__helper_t *helper, fkv_str_t ikey,
    uint64_t stamp);

/*
 * Hides what is remembered and worth it.
 * FKV_OK an edit was made, the version is not the newest any more · FKV_END
 * nothing is to be done · as fkv__keep_init() and fkv__helper_edit()
 */
int fkv__orphans_hide(fkv__helper_t *helper, const fkv__version_t *version);

/*
 * A head with elements was deleted in this arena; the deletes of an arena in
 * which that happened are worth a flush, though nobody writes any more.
 */
static inline void
fkv__orphans_made(fkv__arena_shm_t *arena)
{
    if (!__atomic_load_n(&arena->orphans, __ATOMIC_RELAXED)) {
        __atomic_store_n(&arena->orphans, 1, __ATOMIC_RELAXED);
    }
}

bool fkv__orphans_wait(const fkv_t *store);


/*
 * Our range tombstones have versions from here on: below lowest, where a frame
 * ends, and behind its last record, which is longer.  So what a flush says of
 * the ranges that were applied to its tables must not go further; a merge has
 * applied all below lowest, and asked for each group itself.
 */
static inline uint64_t
fkv__orphans_ranged(uint64_t lowest)
{
    return lowest - fkv__min(lowest, 7);
}


#endif /* FKV_STORE_ORPHAN_H */
