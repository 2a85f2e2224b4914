/*
 * walk.h - the keys of a range in order, each with the newest version that a
 * snapshot sees, over memtables and tables.
 *
 * Shape      iterators of the pinned memtables and one merge of all tables;
 *            sources hold for one memtable set and one version and are made
 *            anew where the walk is when either has changed
 * Memory     embedded in an operation; must not be moved
 *
 * 1  Memtables are pinned by the caller, within a turn only.  While the set's
 *    number is the same its arenas were never touched, so positions in them
 *    still hold after a wait.
 * 2  at and after say which keys are through.  They change when a key has
 *    been dealt with, so a wait in the middle repeats nothing.
 * 3  A range tombstone that the snapshot sees was linked before that was
 *    taken: those of the memtables are collected once for each set.
 * 4  What a range tombstone hides is jumped over where a source holds nothing
 *    newer than it; elsewhere it is passed key by key.
 * 5  A memtable with a run of dead keys that is in tables is no source, nor is
 *    any older one: all they hold is there, and what newer ones hide.
 */

#ifndef FKV_STORE_WALK_H
#define FKV_STORE_WALK_H

#include "format/key.h"
#include "store/memtable.h"
#include "store/merge.h"
#include "store/reader.h"

typedef struct {
    fkv_t                  *store;
    uint64_t                snapshot;   /* version < snapshot is seen */

    /* The range, as internal keys. */
    fkv__buf_t              prefix;     /* the space is part of it */
    fkv__buf_t              end;        /* exclusive; empty = none */
    fkv__buf_t              at;         /* go on here ... */
    bool                    after;      /* ... or behind it */

    uint64_t                set;
    fkv__version_t         *version;    /* pinned; NULL = no sources */
    unsigned                memtables_n;
    fkv__memtable_t         memtables[FKV__ARENAS];
    fkv__memtable_iter_t    at_memtable[FKV__ARENAS];
    fkv__ranges_t          *recent;     /* of these memtables */
    unsigned                from;       /* memtable of the last record ... */
    unsigned                dead;       /* keys in a row that gave nothing */
    unsigned                iters_n;
    fkv__iter_t            *iters;
    fkv__merge_t            merge;
    fkv__reader_t           reader;
    fkv__follow_wait_t      follow;
} fkv__walk_t;

/* op is run when a wait is over.  done also ends a wait. */
void fkv__walk_init(fkv__walk_t *walk, fkv_t *store, fkv_op_t *op);
void fkv__walk_done(fkv__walk_t *walk);

/*
 * The names of a space that begin with prefix, from start on, or behind it if
 * after is set, to end, exclusive; each may be empty.  FKV_OK or FKV_ENOMEM.
 */
int fkv__walk_range(fkv__walk_t *walk, const fkv__space_t *space,
    fkv_str_t prefix, fkv_str_t start, bool after, fkv_str_t end);

/*
 * At the beginning of a turn and after FKV_GONE, with set pinned: sources that
 * hold for it and for the announced edit.
 * FKV_OK · FKV_AGAIN op is run later · errors as of fkv__follow()
 */
int fkv__walk_hold(fkv__walk_t *walk, uint64_t set);

/*
 * Looks at one record or one key, so that the caller can count its work.
 * FKV_OK rec is the version to see of rec->key, also a tombstone or an expired
 * record; valid until pass, hold or the end of the turn · FKV_NOTFOUND none
 * here, go on · FKV_END of the range · FKV_AGAIN op is run later · FKV_GONE
 * hold again · FKV_ECORRUPT · FKV_EVERSION · FKV_EIO (logged) · FKV_ENOMEM
 */
int fkv__walk_step(fkv__walk_t *walk, fkv__record_t *rec);

/* Step's record was a value to see; or it was not (dead.h). */
static inline void
fkv__walk_live(fkv__walk_t *walk)
{
    walk->dead = 0;
}

void fkv__walk_dead(fkv__walk_t *walk);

/* The key that step found has been dealt with.  FKV_OK or FKV_ENOMEM. */
int fkv__walk_pass(fkv__walk_t *walk, fkv_str_t ikey);

/*
 * After pass, within the same turn: on to the first key at or behind that of
 * this name.  One that the walk is through with changes nothing.
 * FKV_OK or FKV_ENOMEM.
 */
int fkv__walk_seek(fkv__walk_t *walk, const fkv__space_t *space,
    fkv_str_t name);


#endif /* FKV_STORE_WALK_H */
