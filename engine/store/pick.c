/*
 * pick.c - choosing tables.
 */

#include "store/pick.h"
#include "base/bytes.h"

#include <string.h>


void
fkv__pick_init(fkv__pick_t *pick)
{
    memset(pick, 0, sizeof(*pick));
    pick->l1_bytes = FKV__PICK_L1_BYTES;
}


void
fkv__pick_done(fkv__pick_t *pick)
{
    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        fkv__buf_done(&pick->cursors[level]);
    }

    fkv__free(pick->tables);
    memset(pick, 0, sizeof(*pick));
}


/* Room for all tables of the version; the list is empty then. */
static int
pick_begin(fkv__pick_t *pick, const fkv__version_t *version)
{
    unsigned        n = 0;
    fkv__table_t  **tables;

    pick->n = 0;
    pick->n_from = 0;

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        n += version->n[level];
    }

    if (n <= pick->tables_cap) {
        return FKV_OK;
    }

    tables = fkv__realloc(pick->tables, 2 * n * sizeof(*tables));
    if (tables == NULL) {
        return FKV_ENOMEM;
    }

    pick->tables = tables;
    pick->tables_cap = 2 * n;

    return FKV_OK;
}


static fkv_str_t
smallest(const fkv__table_t *table)
{
    return fkv__buf_str(&table->info.smallest);
}


static fkv_str_t
largest(const fkv__table_t *table)
{
    return fkv__buf_str(&table->info.largest);
}


static bool
tables_overlap(const fkv__table_t *a, const fkv__table_t *b)
{
    return fkv__str_cmp(smallest(a), largest(b)) <= 0
           && fkv__str_cmp(smallest(b), largest(a)) <= 0;
}


/* Do tables that are older than the i-th of a level share keys with it? */
static bool
older_overlaps(const fkv__version_t *version, unsigned level, unsigned i)
{
    const fkv__table_t  *table = version->levels[level][i];

    if (level == 0) {
        for (unsigned k = i + 1; k < version->n[0]; k++) {
            if (tables_overlap(table, version->levels[0][k])) {
                return true;
            }
        }
    }

    return fkv__version_overlaps(version, level + 1, smallest(table),
                                 largest(table));
}


static bool
wholly_expired(const fkv__table_info_t *info, uint64_t now_ms)
{
    return info->tombstones == 0 && info->expiring == info->entries
           && info->expire_at_max <= now_ms;
}


static int
pick_expired(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t now_ms)
{
    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            fkv__table_t  *table = version->levels[level][i];

            if (wholly_expired(&table->info, now_ms)
                && !older_overlaps(version, level, i))
            {
                pick->tables[pick->n++] = table;
            }
        }
    }

    pick->what = FKV__PICK_DROP;

    return (pick->n > 0) ? FKV_OK : FKV_END;
}


/* What a level has beyond what it may have: 1 is neither. */
static double
level_score(const fkv__pick_t *pick, const fkv__version_t *version,
    unsigned level)
{
    double  target = (double) pick->l1_bytes;

    if (level == 0) {
        return (double) version->n[0] / FKV__PICK_L0;
    }

    for (unsigned i = 1; i < level; i++) {
        target *= FKV__PICK_RATIO;
    }

    /* Being just at the target is no reason to do anything. */

    return (double) version->bytes[level] / (target + 1);
}


/* The level that has most too much; FKV__LEVELS if none has. */
static unsigned
level_due(const fkv__pick_t *pick, const fkv__version_t *version)
{
    double    most = 0;
    unsigned  due = FKV__LEVELS;

    for (unsigned level = 0; level < FKV__LEVELS - 1; level++) {
        double  score = level_score(pick, version, level);

        if (score >= 1 && score > most) {
            most = score;
            due = level;
        }
    }

    return due;
}


static void
take_oldest(fkv__pick_t *pick, const fkv__version_t *version)
{
    uint64_t  bytes = 0;

    for (unsigned i = version->n[0]; i-- > 0; ) {
        fkv__table_t  *table = version->levels[0][i];

        bytes += table->info.bytes;

        if (pick->n > 0 && bytes > FKV__PICK_BYTES_MAX) {
            break;
        }

        pick->tables[pick->n++] = table;
    }
}


static void
take_next(fkv__pick_t *pick, const fkv__version_t *version, unsigned level)
{
    fkv_str_t  cursor = fkv__buf_str(&pick->cursors[level]);
    unsigned   i = 0;

    if (cursor.len > 0) {
        i = fkv__version_find(version, level, cursor);
    }

    /* It may have been cut anew since: a table that begins behind it. */

    if (i < version->n[level] && cursor.len > 0
        && fkv__str_cmp(smallest(version->levels[level][i]), cursor) <= 0)
    {
        i++;
    }

    if (i >= version->n[level]) {
        i = 0;
    }

    pick->tables[pick->n++] = version->levels[level][i];
}


/*
 * Adds what the next level has between the smallest and the largest key, also
 * where there is a gap between the tables: an output may bridge it.
 */
static void
take_below(fkv__pick_t *pick, const fkv__version_t *version)
{
    fkv_str_t  from = smallest(pick->tables[0]);
    fkv_str_t  to = largest(pick->tables[0]);

    pick->n_from = pick->n;

    for (unsigned i = 1; i < pick->n_from; i++) {
        if (fkv__str_cmp(smallest(pick->tables[i]), from) < 0) {
            from = smallest(pick->tables[i]);
        }

        if (fkv__str_cmp(largest(pick->tables[i]), to) > 0) {
            to = largest(pick->tables[i]);
        }
    }

    for (unsigned i = fkv__version_find(version, pick->to, from);
         i < version->n[pick->to]
         && fkv__str_cmp(smallest(version->levels[pick->to][i]), to) <= 0;
         i++)
    {
        pick->tables[pick->n++] = version->levels[pick->to][i];
    }
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
           && !fkv__version_overlaps(version, pick->to + 1, smallest(table),
                                     largest(table));
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
            if (tables_overlap(table, pick->tables[k])) {
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


static void
pick_level(fkv__pick_t *pick, const fkv__version_t *version, unsigned level,
    uint64_t floor, uint64_t now_ms)
{
    pick->from = level;
    pick->to = level + 1;

    if (pick->n == 0 && level == 0) {
        take_oldest(pick, version);

    } else if (pick->n == 0) {
        take_next(pick, version, level);
    }

    take_below(pick, version);

    pick->what = may_move(pick, version, floor, now_ms) ? FKV__PICK_MOVE
                                                        : FKV__PICK_MERGE;
}


/* Is half of it tombstones and expired records, all of them final? */
static bool
mostly_dead(const fkv__table_info_t *info, uint64_t floor, uint64_t now_ms)
{
    uint64_t  dead = info->tombstones;

    if (info->expire_at_max <= now_ms) {
        dead += info->expiring;
    }

    return dead > 0 && 2 * dead >= info->entries && info->version_max < floor;
}


/* Each time it goes a level down, so this ends. */
static int
pick_dead(fkv__pick_t *pick, const fkv__version_t *version, uint64_t floor,
    uint64_t now_ms)
{
    for (unsigned level = 1; level < FKV__LEVELS - 1; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            fkv__table_t  *table = version->levels[level][i];

            if (mostly_dead(&table->info, floor, now_ms)) {
                pick->tables[pick->n++] = table;
                pick_level(pick, version, level, floor, now_ms);
                return FKV_OK;
            }
        }
    }

    return FKV_END;
}


int
fkv__pick(fkv__pick_t *pick, const fkv__version_t *version, uint64_t floor,
    uint64_t now_ms)
{
    unsigned  level;

    if (pick_begin(pick, version) != FKV_OK) {
        return FKV_ENOMEM;
    }

    if (pick_expired(pick, version, now_ms) == FKV_OK) {
        return FKV_OK;
    }

    level = level_due(pick, version);

    if (level < FKV__LEVELS) {
        pick_level(pick, version, level, floor, now_ms);
        return FKV_OK;
    }

    return pick_dead(pick, version, floor, now_ms);
}


void
fkv__pick_advance(fkv__pick_t *pick)
{
    fkv__buf_t  *cursor = &pick->cursors[pick->from];
    fkv_str_t    key;

    if (pick->what == FKV__PICK_DROP || pick->from == 0) {
        return;
    }

    /* Without memory the level begins from the front again. */

    key = largest(pick->tables[0]);
    cursor->len = 0;
    (void) fkv__buf_append(cursor, key.data, key.len);
}
