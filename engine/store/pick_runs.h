/*
 * pick_runs.h - tiered: each level that holds something is one run.
 *
 * Shape      level 0 becomes a run above the others, without touching them,
 *            until there are as many as may be (pick->runs above the deepest);
 *            then it goes together with the first of them and those behind
 *            that are no larger than all before them.  Once they are as large
 *            as the deepest run, all become one, so that no more than twice
 *            the data is on disk
 *            Several levels that a merge has begun with bear its number, so
 *            that the next slice finds them
 *
 * Pure, as pick.h.
 */

#ifndef FKV_STORE_PICK_RUNS_H
#define FKV_STORE_PICK_RUNS_H

#include "store/pick.h"

/* The number of the merge that goes on, 0 = none does. */
uint64_t fkv__runs_merging(const fkv__version_t *version);

/* FKV_OK or FKV_END */
int fkv__pick_runs(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t floor, uint64_t now_ms);


#endif /* FKV_STORE_PICK_RUNS_H */
