/*
 * pick_down.c - what goes down together.
 */

#include "store/pick_down.h"

#include <string.h>

#define LAST  (FKV__LEVELS - 1)


bool
fkv__pick_is_damaged(const fkv__pick_t *pick, const fkv__table_t *table)
{
    for (size_t at = 0; at < pick->damaged.len; at += sizeof(uint64_t)) {
        if (memcmp(pick->damaged.data + at, &table->info.id, sizeof(uint64_t))
            == 0)
        {
            return true;
        }
    }

    return false;
}


bool
fkv__pick_overlaps_below(const fkv__version_t *version, unsigned level,
    const fkv__table_t *table)
{
    return fkv__version_overlaps(version, level, fkv__table_smallest(table),
                                 fkv__table_largest(table));
}


bool
fkv__pick_overlaps_above(const fkv__version_t *version, unsigned level,
    const fkv__table_t *table)
{
    for (unsigned l = 1; l <= level; l++) {
        unsigned  i = fkv__version_find(version, l, fkv__table_smallest(table));

        if (i < version->n[l]
            && fkv__tables_overlap(version->levels[l][i], table))
        {
            return true;
        }
    }

    return false;
}


bool
fkv__pick_overlaps_level_0(const fkv__version_t *version, unsigned i,
    const fkv__table_t *table)
{
    for ( ; i < version->n[0]; i++) {
        const fkv__table_t  *other = version->levels[0][i];

        if (other != table && fkv__tables_overlap(other, table)) {
            return true;
        }
    }

    return false;
}


static bool
has_damaged(const fkv__pick_t *pick, const fkv__version_t *version,
    unsigned level)
{
    for (unsigned i = 0; i < version->n[level]; i++) {
        if (fkv__pick_is_damaged(pick, version->levels[level][i])) {
            return true;
        }
    }

    return false;
}


/* Above the base there is nothing, so each level there will do. */
static unsigned
base_undamaged(const fkv__pick_t *pick, const fkv__version_t *version)
{
    unsigned  base = fkv__pick_base(pick, version);

    while (base > 1 && has_damaged(pick, version, base)) {
        base--;
    }

    return base;
}


uint64_t
fkv__pick_begun(const fkv__version_t *version)
{
    for (unsigned i = version->n[0]; i-- > 0; ) {
        if (version->levels[0][i]->info.merging != 0) {
            return version->levels[0][i]->info.merging;
        }
    }

    return 0;
}


/*
 * Adds what the next level has between the smallest and the largest key, also
 * where there is a gap between the tables: an output may bridge it.  False if
 * one of these is damaged.
 */
static bool
take_below(fkv__pick_t *pick, const fkv__version_t *version)
{
    fkv_str_t  from = fkv__table_smallest(pick->tables[0]);
    fkv_str_t  to = fkv__table_largest(pick->tables[0]);

    pick->n_from = pick->n;

    for (unsigned i = 1; i < pick->n_from; i++) {
        if (fkv__str_cmp(fkv__table_smallest(pick->tables[i]), from) < 0) {
            from = fkv__table_smallest(pick->tables[i]);
        }

        if (fkv__str_cmp(fkv__table_largest(pick->tables[i]), to) > 0) {
            to = fkv__table_largest(pick->tables[i]);
        }
    }

    for (unsigned i = fkv__version_find(version, pick->to, from);
         i < version->n[pick->to]
         && fkv__str_cmp(fkv__table_smallest(version->levels[pick->to][i]), to)
            <= 0;
         i++)
    {
        if (fkv__pick_is_damaged(pick, version->levels[pick->to][i])) {
            return false;
        }

        pick->tables[pick->n++] = version->levels[pick->to][i];
    }

    return true;
}


/* Would a merge leave something of the table out, or make it a tombstone? */
static bool
drop_due(const fkv__pick_t *pick, const fkv__version_t *version,
    const fkv__table_t *table, uint64_t floor, uint64_t now_ms)
{
    const fkv__table_info_t  *info = &table->info;

    if (info->entries > info->keys && info->version_min < floor) {
        return true;
    }

    if (info->expire_at_min != 0 && info->expire_at_min <= now_ms) {
        return true;
    }

    return info->tombstones > 0
           && !fkv__pick_overlaps_below(version, pick->to + 1, table);
}


static bool
may_move(const fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t floor, uint64_t now_ms)
{
    uint64_t  bytes = 0;

    if (pick->n > pick->n_from) {
        return false;
    }

    for (unsigned i = 0; i < pick->n; i++) {
        const fkv__table_t  *table = pick->tables[i];

        for (unsigned k = 0; k < i; k++) {
            if (fkv__tables_overlap(table, pick->tables[k])) {
                return false;
            }
        }

        if (drop_due(pick, version, table, floor, now_ms)) {
            return false;
        }

        bytes += table->info.bytes;
    }

    /* Many small ones had better become few. */

    return pick->n == 1 || bytes / pick->n >= FKV__PICK_MOVE_BYTES;
}


int
fkv__pick_down(fkv__pick_t *pick, const fkv__version_t *version, uint64_t floor,
    uint64_t now_ms)
{
    if (!take_below(pick, version)) {
        pick->n = 0;
        return FKV_END;
    }

    pick->what = may_move(pick, version, floor, now_ms) ? FKV__PICK_MOVE
                                                        : FKV__PICK_MERGE;

    return FKV_OK;
}


void
fkv__pick_take_level_0(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t merging)
{
    fkv__table_t *const  *tables = version->levels[0];
    unsigned              n = version->n[0];
    uint64_t              bytes = 0;

    for (unsigned i = n; i-- > 0 && pick->n < FKV__PICK_L0_MAX; ) {
        unsigned  taken = 0;
        bool      stays = fkv__pick_is_damaged(pick, tables[i]);

        bytes += tables[i]->info.bytes - tables[i]->info.taken;

        if (pick->room != 0 && pick->n > 0 && bytes > pick->room) {
            break;
        }

        if (merging != 0 && tables[i]->info.merging != merging) {
            stays = true;
        }

        for (unsigned k = n; k-- > i + 1 && !stays; ) {
            if (taken < pick->n && pick->tables[taken] == tables[k]) {
                taken++;

            } else {
                stays = fkv__tables_overlap(tables[i], tables[k]);
            }
        }

        if (!stays) {
            pick->tables[pick->n++] = tables[i];
        }
    }
}


bool
fkv__pick_disjoint(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t floor, uint64_t now_ms)
{
    unsigned  n = 0;

    for (unsigned i = 0; i < pick->n; i++) {
        fkv__table_t  *table = pick->tables[i];

        if (table->info.bytes >= FKV__PICK_MOVE_BYTES
            && !drop_due(pick, version, table, floor, now_ms)
            && !fkv__pick_overlaps_level_0(version, 0, table)
            && !fkv__pick_overlaps_above(version, pick->to, table))
        {
            pick->tables[n++] = table;
        }
    }

    if (n == 0) {
        return false;
    }

    pick->n = n;
    pick->n_from = n;
    pick->what = FKV__PICK_MOVE;

    return true;
}


int
fkv__pick_level_0(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t floor, uint64_t now_ms)
{
    pick->from = 0;
    pick->to = base_undamaged(pick, version);
    fkv__pick_take_level_0(pick, version, fkv__pick_begun(version));

    if (pick->n == 0) {
        /* A damaged one holds it up. */
        fkv__pick_take_level_0(pick, version, 0);
    }

    if (pick->n == 0) {
        return FKV_END;
    }

    if (fkv__pick_disjoint(pick, version, floor, now_ms)) {
        return FKV_OK;
    }

    return fkv__pick_down(pick, version, floor, now_ms);
}
