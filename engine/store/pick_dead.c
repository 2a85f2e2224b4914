/*
 * pick_dead.c - shares of what is dead, and the neighbours that go with it.
 */

#include "store/pick_dead.h"
#include "base/bytes.h"
#include "store/pick_down.h"

#define LAST          (FKV__LEVELS - 1)
#define REMNANT_DEAD  0.25   /* so much of it is dead, or ... */
#define REMNANTS      8       /* ... a batch has so many: then it is small */


/* Do tables that are older than the i-th of a level share keys with it? */
static bool
older_overlaps(const fkv__version_t *version, unsigned level, unsigned i)
{
    const fkv__table_t  *table = version->levels[level][i];

    if (level == 0) {
        for (unsigned k = i + 1; k < version->n[0]; k++) {
            if (fkv__tables_overlap(table, version->levels[0][k])) {
                return true;
            }
        }
    }

    return fkv__pick_overlaps_below(version, level + 1, table);
}


/*
 * Do operands lie in what is newer than the table, among its keys?  As keep.h
 * sees it, or a table would be written anew for nothing, again and again.
 */
static bool
operands_above(const fkv__version_t *version, const fkv__table_t *table)
{
    for (unsigned level = 0; level <= table->level; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            const fkv__table_t  *other = version->levels[level][i];

            if (other->info.operands > 0 && other != table
                && fkv__tables_overlap(other, table))
            {
                return true;
            }
        }
    }

    return false;
}


static bool
wholly_expired(const fkv__table_info_t *info, uint64_t now_ms)
{
    return info->tombstones == 0 && info->expiring == info->entries
           && info->expire_at_max <= now_ms;
}


int
fkv__pick_expired(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t now_ms)
{
    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            fkv__table_t  *table = version->levels[level][i];

            if (wholly_expired(&table->info, fkv__min(now_ms, pick->since_ms))
                && !older_overlaps(version, level, i)
                && !operands_above(version, table))
            {
                pick->tables[pick->n++] = table;
            }
        }
    }

    pick->what = FKV__PICK_DROP;

    return (pick->n > 0) ? FKV_OK : FKV_END;
}


int
fkv__pick_hidden(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t floor)
{
    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            fkv__table_t        *table = version->levels[level][i];
            const fkv__range_t  *range;

            range = fkv__ranges_newest(version->ranges,
                                       fkv__table_smallest(table),
                                       fkv__table_largest(table), floor);

            if (range != NULL && table->info.version_max < range->version) {
                pick->tables[pick->n++] = table;
            }
        }
    }

    pick->what = FKV__PICK_HIDDEN;
    pick->floor = floor;

    return (pick->n > 0) ? FKV_OK : FKV_END;
}


/*
 * Which share of it is tombstones and expired records, at least?  So what is
 * picked for it gives back so much.  Nothing while somebody may still read what
 * is in it; and stubs not while something above may need them.
 */
static double
dead_share(const fkv__pick_t *pick, const fkv__version_t *version,
    const fkv__table_t *table, uint64_t floor, uint64_t now_ms)
{
    const fkv__table_info_t  *info = &table->info;
    uint64_t                  dead;

    if (info->version_max >= floor) {
        return 0;
    }

    dead = info->tombstones + fkv__table_expired(info, now_ms);

    if (info->stubs > 0 && (info->stub_at_max > pick->since_ms
                            || operands_above(version, table)))
    {
        dead -= info->stubs;
    }

    return (double) dead / (double) info->entries;
}


/* Is it worth little by itself, and nothing older below it? */
static bool
is_remnant(const fkv__pick_t *pick, const fkv__version_t *version,
    unsigned level, unsigned i, uint64_t floor, uint64_t now_ms)
{
    const fkv__table_t  *table = version->levels[level][i];

    return !fkv__pick_is_damaged(pick, table)
           && !fkv__pick_overlaps_below(version, level + 1, table)
           && (table->info.bytes < pick->base_bytes / REMNANTS
               || dead_share(pick, version, table, floor, now_ms)
                  >= REMNANT_DEAD);
}


/* Of a level: the table with the largest dead share, if it is so large. */
static fkv__table_t *
most_dead(const fkv__pick_t *pick, const fkv__version_t *version,
    unsigned level, double share, uint64_t floor, uint64_t now_ms)
{
    fkv__table_t  *found = NULL;

    for (unsigned i = 0; i < version->n[level]; i++) {
        fkv__table_t  *table = version->levels[level][i];
        double         dead = dead_share(pick, version, table, floor, now_ms);

        if (dead >= share && !fkv__pick_is_damaged(pick, table)) {
            found = table;
            share = dead;
        }
    }

    return found;
}


/*
 * From the table on to both sides: neighbours that are small, or have much in
 * them that is dead, become one with it.  Else what expires bit by bit would
 * leave many small tables.
 */
static void
take_neighbours(fkv__pick_t *pick, const fkv__version_t *version,
    unsigned level, unsigned at, uint64_t floor, uint64_t now_ms)
{
    fkv__table_t *const  *tables = version->levels[level];
    uint64_t              bytes = tables[at]->info.bytes;
    uint64_t              most = (pick->room == 0) ? pick->base_bytes : 0;
    unsigned              from = at, end = at + 1;

    while (from > 0 && bytes < most
           && is_remnant(pick, version, level, from - 1, floor, now_ms))
    {
        bytes += tables[--from]->info.bytes;
    }

    while (end < version->n[level] && bytes < most
           && is_remnant(pick, version, level, end, floor, now_ms))
    {
        bytes += tables[end++]->info.bytes;
    }

    while (from < end) {
        pick->tables[pick->n++] = tables[from++];
    }

    pick->n_from = pick->n;
}


int
fkv__pick_rewrite(fkv__pick_t *pick, const fkv__version_t *version,
    double share, uint64_t floor, uint64_t now_ms)
{
    for (unsigned level = LAST; level > 0; level--) {
        fkv__table_t  *table = most_dead(pick, version, level, share, floor,
                                         now_ms);

        if (table != NULL
            && !fkv__pick_overlaps_below(version, level + 1, table))
        {
            pick->from = level;
            pick->to = level;
            pick->what = FKV__PICK_MERGE;
            take_neighbours(pick, version, level,
                            fkv__version_find(version, level,
                                              fkv__table_smallest(table)),
                            floor, now_ms);
            return FKV_OK;
        }
    }

    return FKV_END;
}


int
fkv__pick_dead(fkv__pick_t *pick, const fkv__version_t *version,
    double share, uint64_t floor, uint64_t now_ms)
{
    for (unsigned level = 1; level < LAST; level++) {
        fkv__table_t  *table = most_dead(pick, version, level, share,
                                         floor, now_ms);

        if (table != NULL) {
            pick->from = level;
            pick->to = level + 1;
            pick->tables[pick->n++] = table;

            if (fkv__pick_down(pick, version, floor, now_ms) == FKV_OK) {
                return FKV_OK;
            }
        }
    }

    return FKV_END;
}


bool
fkv__pick_level_0_expired(const fkv__version_t *version, double share,
    uint64_t floor, uint64_t now_ms)
{
    uint64_t  entries = 0, expired = 0;

    for (unsigned i = 0; i < version->n[0]; i++) {
        const fkv__table_info_t  *info = &version->levels[0][i]->info;

        entries += info->entries;

        if (info->version_max < floor) {
            expired += fkv__table_expired(info, now_ms);
        }
    }

    return expired > 0 && (double) expired >= share * (double) entries;
}


/* Does a range that is in force everywhere hide something in it? */
static bool
is_hiding(const fkv__version_t *version, const fkv__table_t *table,
    uint64_t floor)
{
    const fkv__ranges_t  *ranges = version->ranges;

    for (unsigned i = 0; ranges != NULL && i < ranges->n; i++) {
        const fkv__range_t  *range = &ranges->nodes[i].range;

        if (range->version < fkv__min(floor, version->log_floor)
            && fkv__table_hides(table, range))
        {
            return true;
        }
    }

    return false;
}


static fkv__table_t *
table_of(const fkv__version_t *version, uint64_t id)
{
    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            if (version->levels[level][i]->info.id == id) {
                return version->levels[level][i];
            }
        }
    }

    return NULL;
}


/* Where it is if nothing older lies below, else one level down. */
static int
pick_table(fkv__pick_t *pick, const fkv__version_t *version,
    fkv__table_t *table, uint64_t floor, uint64_t now_ms)
{
    if (table->level == 0) {
        return fkv__pick_level_0(pick, version, floor, now_ms);
    }

    pick->from = table->level;
    pick->to = table->level;
    pick->tables[pick->n++] = table;

    if (fkv__pick_overlaps_below(version, table->level + 1, table)) {
        pick->to++;
        return fkv__pick_down(pick, version, floor, now_ms);
    }

    pick->n_from = 1;
    pick->what = FKV__PICK_MERGE;

    return FKV_OK;
}


/*
 * A table stays wanted while somebody may still read what died in it, and when
 * it only moves.
 */
int
fkv__pick_wanted(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t floor, uint64_t now_ms)
{
    for (unsigned i = 0; i < FKV__PICK_WANTED; i++) {
        uint64_t       id = pick->wanted[i];
        fkv__table_t  *table = (id != 0) ? table_of(version, id) : NULL;

        if (table != NULL && table->info.version_max >= floor) {
            continue;
        }

        pick->wanted[i] = 0;

        if (table == NULL || fkv__pick_is_damaged(pick, table)
            || (dead_share(pick, version, table, floor, now_ms) <= 0
                && !is_hiding(version, table, floor)))
        {
            continue;
        }

        if (pick_table(pick, version, table, floor, now_ms) == FKV_OK) {
            pick->wanted[i] = (pick->what == FKV__PICK_MOVE) ? id : 0;
            return FKV_OK;
        }

        pick->n = 0;
    }

    return FKV_END;
}


/*
 * Does the begin or the end of a range, in force everywhere, cut through what
 * the table holds?
 */
static bool
is_cut(const fkv__version_t *version, const fkv__table_t *table,
    uint64_t floor)
{
    const fkv__ranges_t  *ranges = version->ranges;
    bool                  many = ranges->n > FKV__PICK_RANGES;

    for (unsigned i = 0; i < ranges->n; i++) {
        const fkv__range_t  *range = &ranges->nodes[i].range;

        if (range->version < fkv__min(floor, version->log_floor)
            && fkv__table_hides(table, range)
            && (many || fkv__range_has(range, fkv__table_smallest(table))
                || fkv__range_has(range, fkv__table_largest(table))))
        {
            return true;
        }
    }

    return false;
}


/* Level 0 is done with when it has gone down; the rest where it is. */
int
fkv__pick_cut(fkv__pick_t *pick, const fkv__version_t *version, uint64_t floor,
    uint64_t now_ms)
{
    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            fkv__table_t  *table = version->levels[level][i];

            if (fkv__pick_is_damaged(pick, table)
                || !is_cut(version, table, floor))
            {
                continue;
            }

            if (level == 0) {
                if (fkv__pick_level_0(pick, version, floor, now_ms) == FKV_OK) {
                    return FKV_OK;
                }

                pick->n = 0;
                break;
            }

            pick->tables[0] = table;
            pick->n = pick->n_from = 1;
            pick->from = pick->to = level;
            pick->what = FKV__PICK_MERGE;
            return FKV_OK;
        }
    }

    return FKV_END;
}
