/*
 * pick.c - choosing tables.
 */

#include "store/pick.h"
#include "base/bytes.h"
#include "store/pick_dead.h"
#include "store/pick_down.h"
#include "store/pick_runs.h"

#include <string.h>

#define LAST            (FKV__LEVELS - 1)
#define DEAD_SOON       0.5     /* such a share of a table is worth a rewrite */
#define DEAD_IDLE       0.25    /* likewise if nothing else is due */
#define LEVEL_0_URGENT  2.0     /* a score that leaves no time for others */


void
fkv__pick_init(fkv__pick_t *pick)
{
    memset(pick, 0, sizeof(*pick));
    pick->base_bytes = FKV__PICK_BASE_BYTES;
    pick->level_0 = FKV__PICK_L0;
    pick->since_ms = UINT64_MAX;
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
is_tiered(const fkv__pick_t *pick)
{
    return pick->runs > 0 && pick->damaged.len == 0 && pick->room == 0;
}


/* What a level has beyond what it may have: 1 is neither. */
static double
level_score(const fkv__pick_t *pick, const fkv__version_t *version,
    unsigned level)
{
    double    score;
    uint64_t  merging;

    if (level == 0) {
        score = (double) version->n[0] / pick->level_0;
        merging = is_tiered(pick) ? fkv__runs_merging(version)
                                  : fkv__pick_begun(version);

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

    while (*at < n && fkv__str_cmp(fkv__table_largest(below[*at]),
                                   fkv__table_smallest(table)) < 0)
    {
        (*at)++;
    }

    for (unsigned i = *at; i < n && fkv__tables_overlap(below[i], table); i++) {
        if (fkv__pick_is_damaged(pick, below[i])) {
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

        if (below != UINT64_MAX && !fkv__pick_is_damaged(pick, table)
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

    return fkv__pick_down(pick, version, floor, now_ms);
}


/* A damaged table of level 0 that holds others up, and may leave. */
static int
pick_damaged(fkv__pick_t *pick, const fkv__version_t *version)
{
    for (unsigned i = version->n[0]; i-- > 0 && pick->damaged.len > 0; ) {
        fkv__table_t  *table = version->levels[0][i];
        unsigned       to = 0;

        if (!fkv__pick_is_damaged(pick, table)
            || fkv__pick_overlaps_level_0(version, i, table))
        {
            continue;
        }

        while (to < LAST && !fkv__pick_overlaps_above(version, to + 1, table)) {
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


static int
pick_due(fkv__pick_t *pick, const fkv__version_t *version, uint64_t floor,
    uint64_t now_ms)
{
    unsigned  level, tried = 0;

    while ((level = level_due(pick, version, tried)) < FKV__LEVELS) {
        int  rc = (level > 0)
                  ? pick_level(pick, version, level, floor, now_ms)
                  : is_tiered(pick)
                  ? fkv__pick_runs(pick, version, floor, now_ms)
                  : fkv__pick_level_0(pick, version, floor, now_ms);

        if (rc == FKV_OK) {
            return FKV_OK;
        }

        tried |= 1u << level;
        pick->n = 0;
    }

    return FKV_END;
}


static int
pick_expired_level_0(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t floor, uint64_t now_ms)
{
    if (!fkv__pick_level_0_expired(version, DEAD_SOON, floor, now_ms)
        || version->bytes[fkv__pick_base(pick, version)]
           > FKV__PICK_RATIO * version->bytes[0])
    {
        return FKV_END;
    }

    return is_tiered(pick) ? fkv__pick_runs(pick, version, floor, now_ms)
                           : fkv__pick_level_0(pick, version, floor, now_ms);
}


int
fkv__pick(fkv__pick_t *pick, const fkv__version_t *version, uint64_t floor,
    uint64_t now_ms)
{
    if (pick_begin(pick, version) != FKV_OK) {
        return FKV_ENOMEM;
    }

    if (fkv__pick_expired(pick, version, now_ms) == FKV_OK
        || pick_damaged(pick, version) == FKV_OK)
    {
        return FKV_OK;
    }

    if (version->ranges != NULL
        && fkv__pick_hidden(pick, version, floor) == FKV_OK)
    {
        return FKV_OK;
    }

    if (level_score(pick, version, 0) < LEVEL_0_URGENT
        && (fkv__pick_rewrite(pick, version, DEAD_SOON, floor, now_ms) == FKV_OK
            || fkv__pick_wanted(pick, version, floor, now_ms) == FKV_OK))
    {
        return FKV_OK;
    }

    if (pick_due(pick, version, floor, now_ms) == FKV_OK
        || fkv__pick_rewrite(pick, version, DEAD_IDLE, floor, now_ms) == FKV_OK)
    {
        return FKV_OK;
    }

    if (fkv__pick_dead(pick, version, DEAD_IDLE, floor, now_ms) == FKV_OK
        || pick_expired_level_0(pick, version, floor, now_ms) == FKV_OK)
    {
        return FKV_OK;
    }

    return (version->ranges != NULL)
           ? fkv__pick_cut(pick, version, floor, now_ms) : FKV_END;
}
