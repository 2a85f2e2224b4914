#include "range.h"
#include "../collection/args.h"

#include "ferrokv_encode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES  512           /* a longer one is none */
#define TAIL_WALKS    64            /* about as many as zset_tail() makes */
#define TAIL_MAX      100000


/* As strtod() reads it: blanks before it, and nothing at all, are fine. */
static bool
score_parse(ferrokv_str arg, double *score, bool *open)
{
    char         copy[NUMBER_BYTES], *end;
    const char  *p = arg.data;
    size_t       len = arg.len;

    *open = (len > 0 && p[0] == '(');
    p += *open;
    len -= *open;

    if (len >= sizeof(copy)) {
        return false;
    }

    memcpy(copy, (len > 0) ? p : "", len);
    copy[len] = '\0';
    *score = strtod(copy, &end);

    return *end == '\0' && !isnan(*score);
}


/* An end that does not belong to it is the next one that does. */
static int
scores_read(ferrokv_ctx *ctx, ferrokv_str min, ferrokv_str max, range_t *range)
{
    double    low, high;
    bool      low_open, high_open;
    uint64_t  from, to;

    if (!score_parse(min, &low, &low_open)
        || !score_parse(max, &high, &high_open))
    {
        return ctx->api->fail(ctx, FERROKV_EARG,
                              "ERR min or max is not a float");
    }

    ferrokv_put_double(range->min, low);
    ferrokv_put_double(range->max, high);
    from = ferrokv_get_u64(range->min) + low_open;
    to = ferrokv_get_u64(range->max) - high_open;
    ferrokv_put_u64(range->min, from);
    ferrokv_put_u64(range->max, to);
    range->none = (from > to);

    return FERROKV_OK;
}


/* The name itself, or the next one behind it. */
static ferrokv_str
name_bound(ferrokv_ctx *ctx, ferrokv_str arg, bool behind)
{
    unsigned char  *p = ctx->api->alloc(ctx, arg.len + 1);
    ferrokv_str     bound = { p, arg.len - 1 + behind };

    memcpy(p, (const char *) arg.data + 1, arg.len - 1);
    p[arg.len - 1] = 0;

    return bound;
}


/* '-' before all, '+' behind all, [name, (name; first: of what is between. */
static bool
name_parse(ferrokv_ctx *ctx, ferrokv_str arg, bool first, range_t *range)
{
    const char   *p = arg.data;
    ferrokv_str  *bound = first ? &range->from : &range->to;

    bound->data = "";
    bound->len = 0;

    if (arg.len == 1 && (p[0] == '-' || p[0] == '+')) {
        range->none |= (first == (p[0] == '+'));
        return true;
    }

    if (arg.len == 0 || (p[0] != '[' && p[0] != '(')) {
        return false;
    }

    *bound = name_bound(ctx, arg, first == (p[0] == '('));

    /* nothing is before the empty name */
    range->none |= (!first && bound->len == 0);

    return true;
}


static int
names_read(ferrokv_ctx *ctx, ferrokv_str min, ferrokv_str max, range_t *range)
{
    range->none = false;

    if (!name_parse(ctx, min, true, range)
        || !name_parse(ctx, max, false, range))
    {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR min or max not valid "
                              "string range item");
    }

    if (range->to.len > 0 && name_order(range->from, range->to) >= 0) {
        range->none = true;
    }

    return FERROKV_OK;
}


int
range_read(ferrokv_ctx *ctx, ferrokv_str min, ferrokv_str max, range_t *range)
{
    int  rc;

    if (range->by == RANGE_RANK) {
        rc = args_int(ctx, min, &range->start);
        return (rc == FERROKV_OK) ? args_int(ctx, max, &range->stop) : rc;
    }

    if (range->reverse) {
        ferrokv_str  other = min;

        min = max;
        max = other;
    }

    return (range->by == RANGE_SCORE) ? scores_read(ctx, min, max, range)
           : names_read(ctx, min, max, range);
}


/* A walk whose first ones, so many, are not wanted. */
typedef struct {
    entries_t  *found;
    uint64_t    skip;
    uint64_t    left;
} taking_t;


static int
take_one(ferrokv_ctx *ctx, void *data, const entry_t *entry)
{
    taking_t  *taking = data;

    if (taking->skip > 0) {
        taking->skip--;
        return FERROKV_OK;
    }

    entries_add(ctx, taking->found, entry);

    return (--taking->left == 0) ? MEMBERS_STOP : FERROKV_OK;
}


static int
first_one(ferrokv_ctx *ctx, void *data, const entry_t *entry)
{
    (void) ctx;
    *(entry_t *) data = *entry;

    return MEMBERS_STOP;
}


static void
all_scores(unsigned char *min, unsigned char *max)
{
    ferrokv_put_double(min, -INFINITY);
    ferrokv_put_double(max, INFINITY);
}


/* Forward, whatever the range's direction. */
static int
range_walk(members_t *m, const range_t *range, uint64_t n, zset_row row,
    void *data)
{
    unsigned char  min[8], max[8];
    entry_t        first = { { NULL, 0 }, 0 };
    int            rc;

    if (range->none) {
        return FERROKV_OK;
    }

    if (range->by == RANGE_SCORE) {
        return zset_walk(m, range->min, range->max, n, row, data);
    }

    all_scores(min, max);

    if (range->by == RANGE_RANK) {
        return zset_walk(m, min, max, n, row, data);
    }

    rc = zset_walk(m, min, max, 1, first_one, &first);

    return (rc < 0) ? rc : zset_walk_names(m, first.score, range->from,
                                           range->to, row, data);
}


static void
entries_reverse(entries_t *entries)
{
    for (uint64_t i = 0; i < entries->n / 2; i++) {
        entry_t  entry = entries->list[i];

        entries->list[i] = entries->list[entries->n - 1 - i];
        entries->list[entries->n - 1 - i] = entry;
    }
}


/* LIMIT, of what is in order. */
static void
entries_limit(entries_t *entries, int64_t offset, int64_t limit)
{
    if (offset < 0 || (uint64_t) offset >= entries->n) {
        entries->n = 0;
        return;
    }

    entries->list += offset;
    entries->n -= (uint64_t) offset;
    entries->room = entries->n;

    if (limit >= 0 && (uint64_t) limit < entries->n) {
        entries->n = (uint64_t) limit;
    }
}


/* Is a walk through all that lie before the last n dearer than zset_tail()? */
static bool
tail_pays(const members_t *m, uint64_t before, uint64_t n)
{
    return m->form == MEMBERS_ELEMENTS && n < TAIL_MAX
           && before > TAIL_WALKS * (n + TAIL_WALKS) / 4;
}


/* The last n, of which the first so many are wanted.  FERROKV_NONE not so */
static int
find_last(members_t *m, uint64_t n, uint64_t wanted, entries_t *found)
{
    unsigned char  from[8], min[8], max[8];
    taking_t       taking = { found, 0, UINT64_MAX };
    int            rc;

    if (!tail_pays(m, m->count - n, n)) {
        return FERROKV_NONE;
    }

    all_scores(min, max);
    rc = zset_tail(m, min, max, n, from);

    if (rc == FERROKV_OK) {
        rc = zset_walk(m, from, max, 0, take_one, &taking);
    }

    if (rc == FERROKV_OK) {
        entries_limit(found, (int64_t) (found->n - n), (int64_t) wanted);
    }

    return rc;
}


/* Places from the front, in the order of scores. */
static int
find_ranks(members_t *m, const range_t *range, entries_t *found)
{
    int64_t   n = (int64_t) m->count;
    int64_t   start = range->start, stop = range->stop;
    taking_t  taking = { found, 0, 0 };
    int       rc;

    start = (start < 0) ? start + n : start;
    stop = (stop < 0) ? stop + n : stop;
    start = (start < 0) ? 0 : start;
    stop = (stop >= n) ? n - 1 : stop;

    if (start > stop || start >= n) {
        return FERROKV_OK;
    }

    taking.left = (uint64_t) (stop - start + 1);
    taking.skip = (uint64_t) (range->reverse ? n - 1 - stop : start);
    rc = find_last(m, (uint64_t) n - taking.skip, taking.left, found);

    if (rc != FERROKV_NONE) {
        return rc;
    }

    rc = range_walk(m, range, taking.skip + taking.left, take_one, &taking);

    return (rc < 0) ? rc : FERROKV_OK;
}


/* Backward, with a LIMIT: what cannot be among them is left out. */
static int
find_tail(members_t *m, const range_t *range, range_t *tail)
{
    uint64_t  n = (uint64_t) range->offset + (uint64_t) range->limit;
    int       rc;

    *tail = *range;

    if (!range->reverse || range->by != RANGE_SCORE || range->none
        || range->limit < 0 || range->offset >= TAIL_MAX
        || range->limit >= TAIL_MAX || n >= m->count
        || !tail_pays(m, m->count - n, n))
    {
        return FERROKV_OK;
    }

    rc = zset_tail(m, range->min, range->max, n, tail->min);

    if (rc == FERROKV_NONE) {
        *tail = *range;
    }

    return (rc < 0) ? rc : FERROKV_OK;
}


/* Forward a walk ends with the last that is wanted. */
static int
find_between(members_t *m, const range_t *range, entries_t *found)
{
    taking_t  taking = { found, 0, UINT64_MAX };
    range_t   tail;
    uint64_t  most = 0;
    int       rc;

    if (range->offset < 0 || range->limit == 0) {
        return FERROKV_OK;
    }

    if (!range->reverse) {
        taking.skip = (uint64_t) range->offset;
        taking.left = (range->limit < 0) ? UINT64_MAX
                      : (uint64_t) range->limit;
    }

    if (range->by == RANGE_SCORE && taking.left < UINT32_MAX
        && taking.skip < UINT32_MAX)
    {
        most = taking.skip + taking.left;
    }

    rc = find_tail(m, range, &tail);

    if (rc == FERROKV_OK) {
        rc = range_walk(m, &tail, most, take_one, &taking);
    }

    return (rc < 0) ? rc : FERROKV_OK;
}


int
range_find(members_t *m, const range_t *range, entries_t *found)
{
    int  rc;

    memset(found, 0, sizeof(*found));

    if (m->count == 0) {
        return FERROKV_OK;
    }

    rc = (range->by == RANGE_RANK) ? find_ranks(m, range, found)
         : find_between(m, range, found);

    if (rc == FERROKV_OK && range->reverse) {
        entries_reverse(found);

        if (range->by != RANGE_RANK) {
            entries_limit(found, range->offset, range->limit);
        }
    }

    return rc;
}


static int
count_one(ferrokv_ctx *ctx, void *data, const entry_t *entry)
{
    (void) ctx;
    (void) entry;
    ++*(uint64_t *) data;

    return FERROKV_OK;
}


int
range_count(members_t *m, const range_t *range, uint64_t *n)
{
    *n = 0;

    return (m->count == 0) ? FERROKV_OK
           : range_walk(m, range, 0, count_one, n);
}
