/*
 * range.h - which members: by place, by score, or by name.
 */

#ifndef ZSET_RANGE_H
#define ZSET_RANGE_H

#include "zset.h"

typedef enum { RANGE_AUTO, RANGE_RANK, RANGE_SCORE, RANGE_LEX } range_by_e;

typedef struct {
    range_by_e     by;
    bool           reverse;
    int64_t        start, stop;         /* RANK: from the end, if below 0 */
    unsigned char  min[8], max[8];      /* SCORE: encoded, both belong to it */
    bool           none;                /* SCORE, LEX: nothing can be in it */
    ferrokv_str    from, to;            /* LEX: to does not; empty: no end */
    int64_t        offset, limit;       /* below 0: all; nothing */
} range_t;

/* min and max of a range whose `by` and `reverse` are set. */
int range_read(ferrokv_ctx *ctx, ferrokv_str min, ferrokv_str max,
    range_t *range);

/* What is in it, in its order. */
int range_find(members_t *m, const range_t *range, entries_t *found);

/* How many are in it, of SCORE and LEX. */
int range_count(members_t *m, const range_t *range, uint64_t *n);


#endif /* ZSET_RANGE_H */
