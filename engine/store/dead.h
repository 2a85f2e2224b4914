/*
 * dead.h - where scans met long runs of keys that are deleted or expired, so
 * that later scans need not walk through them.
 *
 * Shape      the ids of some tables, in the segment; a word in an arena's
 *            header
 * Processes  any worker says so; COMPACT takes the tables (pick.h), FLUSH finds
 *            the arena sealed, and the tables it makes of it are said to be
 *            dead at once.  An arena that is in tables is passed over by
 *            scans, which otherwise keep to memory as long as it is there
 * If killed  a word is lost or comes too early: nobody relies on any
 *
 * What is said is a hint and its room is bounded: of two tables with the same
 * place the later one stays, and a scan that meets the other says so again.
 */

#ifndef FKV_STORE_DEAD_H
#define FKV_STORE_DEAD_H

#include "store/memtable.h"
#include "store/pick.h"
#include "store/store.h"

#define FKV__DEAD_RUN  4096     /* keys in a row: some 0.1 ms of every scan */

void fkv__dead_table(fkv_t *store, uint64_t id);

/*
 * The memtable is sealed, unless the store takes no writes; the set is pinned.
 */
void fkv__dead_memtable(fkv_t *store, const fkv__memtable_t *mt);

static inline bool
fkv__dead_is_memtable(const fkv__memtable_t *mt)
{
    return __atomic_load_n(&mt->shm->dead, __ATOMIC_RELAXED) != 0;
}


/* For COMPACT: moves what was said of tables into pick->wanted. */
void fkv__dead_take(fkv_t *store, fkv__pick_t *pick);


#endif /* FKV_STORE_DEAD_H */
