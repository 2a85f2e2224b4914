/*
 * pick.c - choosing tables.
 */

#include "store/pick.h"
#include "base/bytes.h"

#include <string.h>

#define LAST            (FKV__LEVELS - 1)
#define DEAD_SOON       0.5     /* such a share of a table is worth a rewrite */
#define DEAD_IDLE       0.25    /* likewise if nothing else is due */
#define LEVEL_0_URGENT  2.0     /* a score that leaves no time for others */
#define REMNANTS        8       /* a table is small if a batch has so many */


void
fkv__pick_init(fkv__pick_t *pick)
{
    memset(pick, 0, sizeof(*pick));
    pick->base_bytes = FKV__PICK_BASE_BYTES;
}


void
fkv__pick_done(fkv__pick_t *pick)
{
    fkv__buf_done(&pick->damaged);
    fkv__free(pick->tables);
    memset(pick, 0, sizeof(*pick));
}


int
fkv__pick_leave_alone(fkv__pick_t *pick, uint64_t id)
{
    return fkv__buf_append(&pick->damaged, &id, sizeof(id));
}


static bool
is_damaged(const fkv__pick_t *pick, const fkv__table_t *table)
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


/* Room for all tables of the version; the list is empty then. */
static int
pick_begin(fkv__pick_t *pick, const fkv__version_t *version)
{
    unsigned        n = 0;
    fkv__table_t  **tables;

    pick->n = 0;
    pick->n_from = 0;
    pick->wide = false;

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


/* Does any table of levels >= level share keys with it? */
static bool
overlaps_below(const fkv__version_t *version, unsigned level,
    const fkv__table_t *table)
{
    return fkv__version_overlaps(version, level, smallest(table),
                                 largest(table));
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

    return overlaps_below(version, level + 1, table);
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


static int
pick_hidden(fkv__pick_t *pick, const fkv__version_t *version, uint64_t floor)
{
    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            fkv__table_t        *table = version->levels[level][i];
            const fkv__range_t  *range;

            range = fkv__ranges_newest(version->ranges, smallest(table),
                                       largest(table), floor);

            if (range != NULL && table->info.version_max < range->version) {
                pick->tables[pick->n++] = table;
            }
        }
    }

    pick->what = FKV__PICK_HIDDEN;
    pick->floor = floor;

    return (pick->n > 0) ? FKV_OK : FKV_END;
}


/* Never 0. */
uint64_t
fkv__pick_target(const fkv__version_t *version, unsigned level)
{
    uint64_t  target = version->bytes[LAST];

    for (unsigned i = level; i < LAST; i++) {
        target /= FKV__PICK_RATIO;
    }

    return target + 1;
}


/* A level that holds something is not passed over. */
unsigned
fkv__pick_base(const fkv__pick_t *pick, const fkv__version_t *version)
{
    unsigned  base = LAST;

    while (base > 1 && fkv__pick_target(version, base)
                       > FKV__PICK_BATCHES * pick->base_bytes)
    {
        base--;
    }

    for (unsigned level = 1; level < base; level++) {
        if (version->n[level] > 0) {
            return level;
        }
    }

    return base;
}


uint64_t
fkv__pick_debt(const fkv__pick_t *pick, const fkv__version_t *version)
{
    uint64_t  debt = 0;

    for (unsigned i = 0; i < version->n[0]; i++) {
        const fkv__table_info_t  *info = &version->levels[0][i]->info;

        debt += (info->merging != 0) ? info->bytes / 2 : info->bytes;
    }

    /* Runs may wait, so they are no debt. */

    for (unsigned level = fkv__pick_base(pick, version);
         level < LAST && __atomic_load_n(&pick->runs, __ATOMIC_RELAXED) == 0;
         level++)
    {
        uint64_t  target = fkv__pick_target(version, level);

        debt += version->bytes[level] - fkv__min(version->bytes[level],
                                                 target);
    }

    return debt;
}


static bool
has_damaged(const fkv__pick_t *pick, const fkv__version_t *version,
    unsigned level)
{
    for (unsigned i = 0; i < version->n[level]; i++) {
        if (is_damaged(pick, version->levels[level][i])) {
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


/* Tables of level 0 with which a merge has begun, if there are any. */
static uint64_t
merge_begun(const fkv__version_t *version)
{
    for (unsigned i = version->n[0]; i-- > 0; ) {
        if (version->levels[0][i]->info.merging != 0) {
            return version->levels[0][i]->info.merging;
        }
    }

    return 0;
}


static bool
is_tiered(const fkv__pick_t *pick)
{
    return pick->runs > 0 && pick->damaged.len == 0;
}


/* The deepest level from 1 on that a merge with this number has begun with. */
static unsigned
runs_begun(const fkv__version_t *version, uint64_t merging)
{
    for (unsigned level = LAST; level > 0; level--) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            if (version->levels[level][i]->info.merging == merging) {
                return level;
            }
        }
    }

    return 0;
}


/* Likewise if level 0 has already gone. */
static uint64_t
runs_merging(const fkv__version_t *version)
{
    uint64_t  merging = merge_begun(version);

    for (unsigned level = 1; level < LAST && merging == 0; level++) {
        if (version->n[level] > 0) {
            merging = version->levels[level][0]->info.merging;
        }
    }

    return merging;
}


/* What a level has beyond what it may have: 1 is neither. */
static double
level_score(const fkv__pick_t *pick, const fkv__version_t *version,
    unsigned level)
{
    double    score;
    uint64_t  merging;

    if (level == 0) {
        score = (double) version->n[0] / FKV__PICK_L0;
        merging = is_tiered(pick) ? runs_merging(version)
                                  : merge_begun(version);

        return (merging != 0) ? fkv__max(score, 1.0) : score;
    }

    if (is_tiered(pick)) {
        return 0;
    }

    return (double) version->bytes[level]
           / (double) fkv__pick_target(version, level);
}


/* The level that has most too much, but for those tried; or FKV__LEVELS. */
static unsigned
level_due(const fkv__pick_t *pick, const fkv__version_t *version,
    unsigned tried)
{
    double    most = 0;
    unsigned  due = FKV__LEVELS;

    for (unsigned level = 0; level < LAST; level++) {
        double  score = level_score(pick, version, level);

        if (pick->squeeze && version->n[level] > 0) {
            score = fkv__max(score, 1.0);
        }

        if (!(tried & 1u << level) && score >= 1 && score > most) {
            most = score;
            due = level;
        }
    }

    return due;
}


/*
 * Adds what the next level has between the smallest and the largest key, also
 * where there is a gap between the tables: an output may bridge it.  False if
 * one of these is damaged.
 */
static bool
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
        if (is_damaged(pick, version->levels[pick->to][i])) {
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
           && !overlaps_below(version, pick->to + 1, table);
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


/* The tables of level from are chosen: with what, and how, do they go down? */
static int
pick_down(fkv__pick_t *pick, const fkv__version_t *version, uint64_t floor,
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


/*
 * Of level 0, oldest first, what no table that stays there is in the way of:
 * a damaged one, or one that waits behind it.  Only those of the merge with
 * this number, unless it is 0.
 */
static void
take_level_0(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t merging)
{
    fkv__table_t *const  *tables = version->levels[0];
    unsigned              n = version->n[0];

    for (unsigned i = n; i-- > 0 && pick->n < FKV__PICK_L0_MAX; ) {
        unsigned  taken = 0;
        bool      stays = is_damaged(pick, tables[i]);

        if (merging != 0 && tables[i]->info.merging != merging) {
            stays = true;
        }

        for (unsigned k = n; k-- > i + 1 && !stays; ) {
            if (taken < pick->n && pick->tables[taken] == tables[k]) {
                taken++;

            } else {
                stays = tables_overlap(tables[i], tables[k]);
            }
        }

        if (!stays) {
            pick->tables[pick->n++] = tables[i];
        }
    }
}


/* Does any table of levels 1 to level share keys with it? */
static bool
overlaps_above(const fkv__version_t *version, unsigned level,
    const fkv__table_t *table)
{
    for (unsigned l = 1; l <= level; l++) {
        unsigned  i = fkv__version_find(version, l, smallest(table));

        if (i < version->n[l] && tables_overlap(version->levels[l][i], table))
        {
            return true;
        }
    }

    return false;
}


/* Does another table of level 0, from the i-th on, share keys with it? */
static bool
overlaps_level_0(const fkv__version_t *version, unsigned i,
    const fkv__table_t *table)
{
    for ( ; i < version->n[0]; i++) {
        const fkv__table_t  *other = version->levels[0][i];

        if (other != table && tables_overlap(other, table)) {
            return true;
        }
    }

    return false;
}


/* Those that overlap nothing at all go as they are. */
static bool
pick_disjoint(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t floor, uint64_t now_ms)
{
    unsigned  n = 0;

    for (unsigned i = 0; i < pick->n; i++) {
        fkv__table_t  *table = pick->tables[i];

        if (table->info.bytes >= FKV__PICK_MOVE_BYTES
            && !drop_due(pick, version, table, floor, now_ms)
            && !overlaps_level_0(version, 0, table)
            && !overlaps_above(version, pick->to, table))
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


static int
pick_level_0(fkv__pick_t *pick, const fkv__version_t *version, uint64_t floor,
    uint64_t now_ms)
{
    pick->from = 0;
    pick->to = base_undamaged(pick, version);
    take_level_0(pick, version, merge_begun(version));

    if (pick->n == 0) {
        take_level_0(pick, version, 0);     /* a damaged one holds it up */
    }

    if (pick->n == 0) {
        return FKV_END;
    }

    if (pick_disjoint(pick, version, floor, now_ms)) {
        return FKV_OK;
    }

    return pick_down(pick, version, floor, now_ms);
}


/* The next level from this on that holds something, or FKV__LEVELS. */
static unsigned
run_at(const fkv__version_t *version, unsigned level)
{
    while (level < FKV__LEVELS && version->n[level] == 0) {
        level++;
    }

    return level;
}


/* Into which level does level 0 go now, and with it all levels above that? */
static unsigned
runs_due(const fkv__pick_t *pick, const fkv__version_t *version)
{
    unsigned  top = run_at(version, 1), to = top, deepest = top, n = 0, next;
    uint64_t  above = version->bytes[0], bytes = version->bytes[0];

    if (top == FKV__LEVELS) {
        return LAST;
    }

    while ((next = run_at(version, deepest + 1)) < FKV__LEVELS) {
        above += version->bytes[deepest];
        deepest = next;
        n++;
    }

    if (above >= version->bytes[deepest]) {
        return deepest;
    }

    if (top > 1 && n < pick->runs) {
        return top - 1;
    }

    for ( ;; ) {
        bytes += version->bytes[to];
        next = run_at(version, to + 1);

        if (next == FKV__LEVELS || version->bytes[next] > bytes) {
            return to;
        }

        to = next;
    }
}


/* Where the merge goes on: into the run behind the deepest that it takes. */
static unsigned
runs_going_on(const fkv__version_t *version, uint64_t merging)
{
    unsigned  deepest = runs_begun(version, merging);
    unsigned  to = run_at(version, deepest + 1);

    if (to < FKV__LEVELS) {
        return to;
    }

    return (deepest > 0) ? deepest : LAST;
}


/*
 * Level 0, and all tables of the levels above the one it goes to: nothing may
 * pass what is older.
 */
static int
pick_runs(fkv__pick_t *pick, const fkv__version_t *version, uint64_t floor,
    uint64_t now_ms)
{
    uint64_t  merging = runs_merging(version);

    if (merging == 0 || merge_begun(version) != 0) {
        take_level_0(pick, version, merging);
    }

    pick->from = 0;
    pick->to = fkv__min(run_at(version, 1), LAST);

    if (merging == 0 && pick_disjoint(pick, version, floor, now_ms)) {
        return FKV_OK;
    }

    pick->to = (merging != 0) ? runs_going_on(version, merging)
                              : runs_due(pick, version);

    for (unsigned level = 1; level < pick->to; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            pick->tables[pick->n++] = version->levels[level][i];
            pick->wide = true;
        }
    }

    return (pick->n > 0) ? pick_down(pick, version, floor, now_ms) : FKV_END;
}


/*
 * Bytes of level + 1 between the table's keys; UINT64_MAX if a damaged table
 * is among them.  *at goes on where it was for the table before.
 */
static uint64_t
bytes_below(const fkv__pick_t *pick, const fkv__version_t *version,
    const fkv__table_t *table, unsigned level, unsigned *at)
{
    fkv__table_t *const  *below = version->levels[level + 1];
    unsigned              n = version->n[level + 1];
    uint64_t              bytes = 0;

    while (*at < n && fkv__str_cmp(largest(below[*at]), smallest(table)) < 0) {
        (*at)++;
    }

    for (unsigned i = *at; i < n && tables_overlap(below[i], table); i++) {
        if (is_damaged(pick, below[i])) {
            return UINT64_MAX;
        }

        bytes += below[i]->info.bytes;
    }

    return bytes;
}


static int
pick_level(fkv__pick_t *pick, const fkv__version_t *version, unsigned level,
    uint64_t floor, uint64_t now_ms)
{
    double         least = 0;
    fkv__table_t  *best = NULL;
    unsigned       at = 0;

    for (unsigned i = 0; i < version->n[level]; i++) {
        fkv__table_t  *table = version->levels[level][i];
        uint64_t       below = bytes_below(pick, version, table, level, &at);
        double         cost = (double) below / (double) (table->info.bytes + 1);

        if (below != UINT64_MAX && !is_damaged(pick, table)
            && (best == NULL || cost < least))
        {
            best = table;
            least = cost;
        }
    }

    if (best == NULL) {
        return FKV_END;
    }

    pick->from = level;
    pick->to = level + 1;
    pick->tables[pick->n++] = best;

    return pick_down(pick, version, floor, now_ms);
}


/* A damaged table of level 0 that holds others up, and may leave. */
static int
pick_damaged(fkv__pick_t *pick, const fkv__version_t *version)
{
    for (unsigned i = version->n[0]; i-- > 0 && pick->damaged.len > 0; ) {
        fkv__table_t  *table = version->levels[0][i];
        unsigned       to = 0;

        if (!is_damaged(pick, table) || overlaps_level_0(version, i, table)) {
            continue;
        }

        while (to < LAST && !overlaps_above(version, to + 1, table)) {
            to++;
        }

        if (to > 0) {
            pick->from = 0;
            pick->to = to;
            pick->tables[pick->n++] = table;
            pick->n_from = 1;
            pick->what = FKV__PICK_MOVE;
            return FKV_OK;
        }
    }

    return FKV_END;
}


/*
 * Which share of it is tombstones and expired records, at least?  So what is
 * picked for it gives back so much.  Nothing while somebody may still read what
 * is in it.
 */
static double
dead_share(const fkv__table_info_t *info, uint64_t floor, uint64_t now_ms)
{
    if (info->version_max >= floor) {
        return 0;
    }

    return (double) (info->tombstones + fkv__table_expired(info, now_ms))
           / (double) info->entries;
}


/* Is it worth little by itself, and nothing older below it? */
static bool
is_remnant(const fkv__pick_t *pick, const fkv__version_t *version,
    unsigned level, unsigned i, uint64_t floor, uint64_t now_ms)
{
    const fkv__table_t  *table = version->levels[level][i];

    return !is_damaged(pick, table)
           && !overlaps_below(version, level + 1, table)
           && (table->info.bytes < pick->base_bytes / REMNANTS
               || dead_share(&table->info, floor, now_ms) >= DEAD_IDLE);
}


/* Of a level: the table with the largest dead share, if it is so large. */
static fkv__table_t *
most_dead(const fkv__pick_t *pick, const fkv__version_t *version,
    unsigned level, double share, uint64_t floor, uint64_t now_ms)
{
    fkv__table_t  *found = NULL;

    for (unsigned i = 0; i < version->n[level]; i++) {
        fkv__table_t  *table = version->levels[level][i];
        double         dead = dead_share(&table->info, floor, now_ms);

        if (dead >= share && !is_damaged(pick, table)) {
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
    unsigned              from = at, end = at + 1;

    while (from > 0 && bytes < pick->base_bytes
           && is_remnant(pick, version, level, from - 1, floor, now_ms))
    {
        bytes += tables[--from]->info.bytes;
    }

    while (end < version->n[level] && bytes < pick->base_bytes
           && is_remnant(pick, version, level, end, floor, now_ms))
    {
        bytes += tables[end++]->info.bytes;
    }

    while (from < end) {
        pick->tables[pick->n++] = tables[from++];
    }

    pick->n_from = pick->n;
}


/* Where nothing older lies below, the dead go when it is written anew. */
static int
pick_rewrite(fkv__pick_t *pick, const fkv__version_t *version, double share,
    uint64_t floor, uint64_t now_ms)
{
    for (unsigned level = LAST; level > 0; level--) {
        fkv__table_t  *table = most_dead(pick, version, level, share, floor,
                                         now_ms);

        if (table != NULL && !overlaps_below(version, level + 1, table)) {
            pick->from = level;
            pick->to = level;
            pick->what = FKV__PICK_MERGE;
            take_neighbours(pick, version, level,
                            fkv__version_find(version, level, smallest(table)),
                            floor, now_ms);
            return FKV_OK;
        }
    }

    return FKV_END;
}


/* Elsewhere they go a level down each time, so this ends. */
static int
pick_dead(fkv__pick_t *pick, const fkv__version_t *version, uint64_t floor,
    uint64_t now_ms)
{
    for (unsigned level = 1; level < LAST; level++) {
        fkv__table_t  *table = most_dead(pick, version, level, DEAD_IDLE,
                                         floor, now_ms);

        if (table != NULL) {
            pick->from = level;
            pick->to = level + 1;
            pick->tables[pick->n++] = table;

            if (pick_down(pick, version, floor, now_ms) == FKV_OK) {
                return FKV_OK;
            }
        }
    }

    return FKV_END;
}


static int
pick_due(fkv__pick_t *pick, const fkv__version_t *version, uint64_t floor,
    uint64_t now_ms)
{
    unsigned  level, tried = 0;

    while ((level = level_due(pick, version, tried)) < FKV__LEVELS) {
        int  rc = (level > 0)
                  ? pick_level(pick, version, level, floor, now_ms)
                  : is_tiered(pick)
                  ? pick_runs(pick, version, floor, now_ms)
                  : pick_level_0(pick, version, floor, now_ms);

        if (rc == FKV_OK) {
            return FKV_OK;
        }

        tried |= 1u << level;
        pick->n = 0;
    }

    return FKV_END;
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
        return pick_level_0(pick, version, floor, now_ms);
    }

    pick->from = table->level;
    pick->to = table->level;
    pick->tables[pick->n++] = table;

    if (overlaps_below(version, table->level + 1, table)) {
        pick->to++;
        return pick_down(pick, version, floor, now_ms);
    }

    pick->n_from = 1;
    pick->what = FKV__PICK_MERGE;

    return FKV_OK;
}


/*
 * A table stays wanted while somebody may still read what died in it, and when
 * it only moves.
 */
static int
pick_wanted(fkv__pick_t *pick, const fkv__version_t *version, uint64_t floor,
    uint64_t now_ms)
{
    for (unsigned i = 0; i < FKV__PICK_WANTED; i++) {
        uint64_t       id = pick->wanted[i];
        fkv__table_t  *table = (id != 0) ? table_of(version, id) : NULL;

        if (table != NULL && table->info.version_max >= floor) {
            continue;
        }

        pick->wanted[i] = 0;

        if (table == NULL || is_damaged(pick, table)
            || (dead_share(&table->info, floor, now_ms) <= 0
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
            && (many || fkv__range_has(range, smallest(table))
                || fkv__range_has(range, largest(table))))
        {
            return true;
        }
    }

    return false;
}


/* Level 0 is done with when it has gone down; the rest where it is. */
static int
pick_cut(fkv__pick_t *pick, const fkv__version_t *version, uint64_t floor,
    uint64_t now_ms)
{
    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            fkv__table_t  *table = version->levels[level][i];

            if (is_damaged(pick, table) || !is_cut(version, table, floor)) {
                continue;
            }

            if (level == 0) {
                if (pick_level_0(pick, version, floor, now_ms) == FKV_OK) {
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


int
fkv__pick(fkv__pick_t *pick, const fkv__version_t *version, uint64_t floor,
    uint64_t now_ms)
{
    if (pick_begin(pick, version) != FKV_OK) {
        return FKV_ENOMEM;
    }

    if (pick_expired(pick, version, now_ms) == FKV_OK
        || pick_damaged(pick, version) == FKV_OK)
    {
        return FKV_OK;
    }

    if (version->ranges != NULL
        && pick_hidden(pick, version, floor) == FKV_OK)
    {
        return FKV_OK;
    }

    if (level_score(pick, version, 0) < LEVEL_0_URGENT
        && (pick_rewrite(pick, version, DEAD_SOON, floor, now_ms) == FKV_OK
            || pick_wanted(pick, version, floor, now_ms) == FKV_OK))
    {
        return FKV_OK;
    }

    if (pick_due(pick, version, floor, now_ms) == FKV_OK
        || pick_rewrite(pick, version, DEAD_IDLE, floor, now_ms) == FKV_OK)
    {
        return FKV_OK;
    }

    if (pick_dead(pick, version, floor, now_ms) == FKV_OK) {
        return FKV_OK;
    }

    return (version->ranges != NULL)
           ? pick_cut(pick, version, floor, now_ms) : FKV_END;
}
