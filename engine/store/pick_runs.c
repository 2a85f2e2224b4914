/*
 * pick_runs.c - which runs become one.
 */

#include "store/pick_runs.h"
#include "base/bytes.h"
#include "store/pick_down.h"

#define LAST  (FKV__LEVELS - 1)


/* The next level from this on that holds something, or FKV__LEVELS. */
static unsigned
run_at(const fkv__version_t *version, unsigned level)
{
    while (level < FKV__LEVELS && version->n[level] == 0) {
        level++;
    }

    return level;
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


/* Also when level 0 has already gone. */
uint64_t
fkv__runs_merging(const fkv__version_t *version)
{
    uint64_t  merging = fkv__pick_begun(version);

    for (unsigned level = 1; level < LAST && merging == 0; level++) {
        if (version->n[level] > 0) {
            merging = version->levels[level][0]->info.merging;
        }
    }

    return merging;
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
int
fkv__pick_runs(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t floor, uint64_t now_ms)
{
    uint64_t  merging = fkv__runs_merging(version);

    if (merging == 0 || fkv__pick_begun(version) != 0) {
        fkv__pick_take_level_0(pick, version, merging);
    }

    pick->from = 0;
    pick->to = fkv__min(run_at(version, 1), LAST);

    if (merging == 0 && fkv__pick_disjoint(pick, version, floor, now_ms)) {
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

    return (pick->n > 0) ? fkv__pick_down(pick, version, floor, now_ms)
                         : FKV_END;
}
