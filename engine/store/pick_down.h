/*
 * pick_down.h - tables go down a level: which must come along, and may they
 * move as they are.
 *
 * Shape      from level 0 what nothing older is in the way of, from the level
 *            that they go to all between their smallest and largest key
 *
 * Pure, as pick.h, which owns the pick that is filled here.
 */

#ifndef FKV_STORE_PICK_DOWN_H
#define FKV_STORE_PICK_DOWN_H

#include "store/pick.h"

bool fkv__pick_is_damaged(const fkv__pick_t *pick, const fkv__table_t *table);

/* Does any table of levels >= level share keys with it? */
bool fkv__pick_overlaps_below(const fkv__version_t *version, unsigned level,
    const fkv__table_t *table);

/* Does any table of levels 1 to level share keys with it? */
bool fkv__pick_overlaps_above(const fkv__version_t *version, unsigned level,
    const fkv__table_t *table);

/* Does another table of level 0, from the i-th on, share keys with it? */
bool fkv__pick_overlaps_level_0(const fkv__version_t *version, unsigned i,
    const fkv__table_t *table);

/* Tables of level 0 with which a merge has begun, if there are any. */
uint64_t fkv__pick_begun(const fkv__version_t *version);

/*
 * Of level 0, oldest first, what no table that stays there is in the way of:
 * a damaged one, or one that waits behind it.  Only those of the merge with
 * this number, unless it is 0; and no more than there is room for until they
 * are through, the others go on later.
 */
void fkv__pick_take_level_0(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t merging);

/* Of those taken, the ones that overlap nothing at all go as they are. */
bool fkv__pick_disjoint(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t floor, uint64_t now_ms);

/*
 * The tables of level pick->from are taken, pick->to is known: with what, and
 * how, do they go down?  FKV_OK or, if a damaged one is in the way, FKV_END
 */
int fkv__pick_down(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t floor, uint64_t now_ms);

/* Level 0 into the base.  FKV_OK or FKV_END */
int fkv__pick_level_0(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t floor, uint64_t now_ms);


static inline fkv_str_t
fkv__table_smallest(const fkv__table_t *table)
{
    return fkv__buf_str(&table->info.smallest);
}


static inline fkv_str_t
fkv__table_largest(const fkv__table_t *table)
{
    return fkv__buf_str(&table->info.largest);
}


static inline bool
fkv__tables_overlap(const fkv__table_t *a, const fkv__table_t *b)
{
    return fkv__str_cmp(fkv__table_smallest(a), fkv__table_largest(b)) <= 0
           && fkv__str_cmp(fkv__table_smallest(b), fkv__table_largest(a)) <= 0;
}


#endif /* FKV_STORE_PICK_DOWN_H */
