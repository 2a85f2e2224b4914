/*
 * combine.c - what several sorted sets have in common, have together, and what
 * the first has alone.
 */

#include "zset.h"
#include "../collection/args.h"
#include "../collection/number.h"
#include "../collection/seen.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum { INTERSECT, UNITE, SUBTRACT } how_e;
typedef enum { SUM, MIN, MAX } aggregate_e;

typedef struct {
    members_t    m;
    double       weight;
    size_t       i;             /* among the arguments */
} source_t;

typedef struct {
    ferrokv_ctx  *ctx;
    how_e         how;
    const char   *name;         /* of the command, in lower case */
    bool          stores;
    bool          counts;       /* only how many is wanted: ZINTERCARD */

    source_t     *sources;
    size_t        n;
    aggregate_e   aggregate;
    bool          scores;
    int64_t       limit;

    source_t     *current;
    seen_t        seen;         /* of UNITE */
    entries_t     found;
    int           rc;           /* FERROKV_ENOTYET */
} combine_t;


static double
weighted(const source_t *source, double score)
{
    double  n = source->weight * score;

    return isnan(n) ? 0 : n;
}


static void
aggregate(const combine_t *c, double *target, double n)
{
    switch (c->aggregate) {

    case SUM:
        *target += n;

        /* infinities of both signs */
        if (isnan(*target)) {
            *target = 0;
        }

        break;

    case MIN:
        *target = (n < *target) ? n : *target;
        break;

    case MAX:
        *target = (n > *target) ? n : *target;
        break;
    }
}


/* The numbers of keys, the keys, and what of the arguments is behind them. */
static int
keys_read(combine_t *c, size_t argc, const ferrokv_str *argv, size_t i,
    size_t *behind)
{
    ferrokv_ctx  *ctx = c->ctx;
    int64_t       n;
    int           rc = args_int(ctx, argv[i], &n), result = FERROKV_OK;

    if (rc != FERROKV_OK) {
        return rc;
    }

    if (n < 1) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR at least 1 input key is "
                              "needed for '%s' command", c->name);
    }

    if ((uint64_t) n > argc - i - 1) {
        return args_syntax(ctx);
    }

    c->n = (size_t) n;
    c->sources = ctx->api->alloc(ctx, c->n * sizeof(source_t));

    for (size_t k = 0; k < c->n; k++) {
        c->sources[k].weight = 1;
        c->sources[k].i = k;
        rc = members_open(&c->sources[k].m, &zset_kind, ctx,
                          argv[i + 1 + k]);

        if (rc < 0 && rc != FERROKV_ENOTYET) {
            return rc;
        }

        result = (rc < 0) ? rc : result;
    }

    *behind = i + 1 + c->n;

    return result;
}


static int
weights_read(combine_t *c, const ferrokv_str *argv)
{
    for (size_t k = 0; k < c->n; k++) {
        if (!number_real(argv[k], &c->sources[k].weight)) {
            return c->ctx->api->fail(c->ctx, FERROKV_EARG,
                                     "ERR weight value is not a float");
        }
    }

    return FERROKV_OK;
}


static int
aggregate_read(combine_t *c, ferrokv_str arg)
{
    static const char *const  names[] = { "SUM", "MIN", "MAX" };

    for (int k = SUM; k <= MAX; k++) {
        if (args_is(arg, names[k])) {
            c->aggregate = (aggregate_e) k;
            return FERROKV_OK;
        }
    }

    return args_syntax(c->ctx);
}


static int
options_read(combine_t *c, size_t argc, const ferrokv_str *argv, size_t i)
{
    bool  combines = (c->how != SUBTRACT && !c->counts);
    int   rc = FERROKV_OK;

    while (i < argc && rc == FERROKV_OK) {
        size_t  left = argc - i;

        if (combines && left > c->n && args_is(argv[i], "WEIGHTS")) {
            rc = weights_read(c, argv + i + 1);
            i += 1 + c->n;

        } else if (combines && left > 1 && args_is(argv[i], "AGGREGATE")) {
            rc = aggregate_read(c, argv[i + 1]);
            i += 2;

        } else if (!c->stores && !c->counts && args_is(argv[i], "WITHSCORES")) {
            c->scores = true;
            i++;

        } else if (c->counts && left > 1 && args_is(argv[i], "LIMIT")) {
            rc = args_range(c->ctx, argv[i + 1], 0, LONG_MAX,
                            "LIMIT can't be negative", &c->limit);
            i += 2;

        } else {
            rc = args_syntax(c->ctx);
        }
    }

    return rc;
}


/* Fewest members first, else as they were said: sums depend on it. */
static int
source_order(const void *a, const void *b)
{
    const source_t  *x = a, *y = b;

    if (x->m.count != y->m.count) {
        return (x->m.count > y->m.count) - (x->m.count < y->m.count);
    }

    return (x->i > y->i) - (x->i < y->i);
}


static int
unite_one(members_t *m, void *data, const member_t *member)
{
    combine_t     *c = data;
    double         n = weighted(c->current, zset_score(member->value));
    bool           new;
    seen_entry_t  *entry = seen_add(&c->seen, member->name, &new);

    (void) m;

    if (new) {
        entry->number = n;

    } else {
        aggregate(c, &entry->number, n);
    }

    return FERROKV_OK;
}


static int
unite(combine_t *c)
{
    int  rc, result = FERROKV_OK;

    seen_init(&c->seen, c->ctx);

    for (size_t k = 0; k < c->n; k++) {
        c->current = &c->sources[k];
        rc = members_each(&c->current->m, unite_one, c);

        if (rc < 0 && rc != FERROKV_ENOTYET) {
            return rc;
        }

        result = (rc < 0) ? rc : result;
    }

    for (size_t k = 0; k < c->seen.n; k++) {
        entry_t  entry = { c->seen.list[k].str, c->seen.list[k].number };

        entries_add(c->ctx, &c->found, &entry);
    }

    return result;
}


/* Is a member of the first to be found?  entry->score becomes the result's. */
static int
judge(combine_t *c, entry_t *entry)
{
    double  score;
    int     rc;

    for (size_t k = 1; k < c->n; k++) {
        rc = zset_get(&c->sources[k].m, entry->name, &score);

        if (rc < 0) {
            return rc;
        }

        if ((rc == FERROKV_OK) == (c->how == SUBTRACT)) {
            return FERROKV_NONE;
        }

        if (rc == FERROKV_OK) {
            aggregate(c, &entry->score, weighted(&c->sources[k], score));
        }
    }

    return FERROKV_OK;
}


static int
judge_one(members_t *m, void *data, const member_t *member)
{
    combine_t  *c = data;
    entry_t     entry = { member->name, weighted(&c->sources[0],
                                                 zset_score(member->value)) };
    int         rc = judge(c, &entry);

    (void) m;

    if (rc == FERROKV_ENOTYET) {
        c->rc = rc;             /* more is asked for meanwhile */
        return FERROKV_OK;
    }

    if (rc != FERROKV_OK) {
        return (rc < 0) ? rc : FERROKV_OK;
    }

    entries_add(c->ctx, &c->found, &entry);

    return (c->limit != 0 && c->found.n == (uint64_t) c->limit) ? MEMBERS_STOP
           : FERROKV_OK;
}


static int
combine(combine_t *c)
{
    int  rc;

    if (c->how != SUBTRACT) {
        qsort(c->sources, c->n, sizeof(source_t), source_order);
    }

    if (c->how == UNITE) {
        rc = unite(c);

    } else {
        rc = members_each(&c->sources[0].m, judge_one, c);
        rc = (rc < 0) ? rc : c->rc;
    }

    if (rc == FERROKV_OK && c->found.n > 0) {
        qsort(c->found.list, c->found.n, sizeof(entry_t), entry_order);
    }

    return rc;
}


/* The number of keys is argv[i]. */
static int
combine_run(combine_t *c, size_t argc, const ferrokv_str *argv, size_t i)
{
    size_t  behind = 0;
    int     rc = keys_read(c, argc, argv, i, &behind);

    if (rc != FERROKV_OK
        || (rc = options_read(c, argc, argv, behind)) != FERROKV_OK
        || (rc = combine(c)) != FERROKV_OK)
    {
        return rc;
    }

    if (c->counts) {
        return c->ctx->api->say_int(c->ctx, (int64_t) c->found.n);
    }

    if (c->stores) {
        return entries_store(c->ctx, argv[1], &c->found);
    }

    entries_say(c->ctx, &c->found, c->scores && c->found.n > 0);

    return FERROKV_OK;
}


static int
zunion(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    combine_t  c = { .ctx = ctx, .how = UNITE, .name = "zunion" };

    return combine_run(&c, argc, argv, 1);
}


static int
zinter(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    combine_t  c = { .ctx = ctx, .how = INTERSECT, .name = "zinter" };

    return combine_run(&c, argc, argv, 1);
}


static int
zdiff(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    combine_t  c = { .ctx = ctx, .how = SUBTRACT, .name = "zdiff" };

    return combine_run(&c, argc, argv, 1);
}


static int
zintercard(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    combine_t  c = { .ctx = ctx, .how = INTERSECT, .name = "zintercard",
                     .counts = true };

    return combine_run(&c, argc, argv, 1);
}


static int
zunionstore(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    combine_t  c = { .ctx = ctx, .how = UNITE, .name = "zunionstore",
                     .stores = true };

    return combine_run(&c, argc, argv, 2);
}


static int
zinterstore(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    combine_t  c = { .ctx = ctx, .how = INTERSECT, .name = "zinterstore",
                     .stores = true };

    return combine_run(&c, argc, argv, 2);
}


static int
zdiffstore(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    combine_t  c = { .ctx = ctx, .how = SUBTRACT, .name = "zdiffstore",
                     .stores = true };

    return combine_run(&c, argc, argv, 2);
}


#define WEIGHTS  "[WEIGHTS weight [weight ...]] [AGGREGATE SUM | MIN | MAX]"

const ferrokv_command  zset_zunion = {
    ZSET_READS, "ZUNION", -3, 0, 0, 0, zunion,
    "numkeys key [key ...] " WEIGHTS " [WITHSCORES]",
    "Gives the members that any of the sorted sets has."
};

const ferrokv_command  zset_zinter = {
    ZSET_READS, "ZINTER", -3, 0, 0, 0, zinter,
    "numkeys key [key ...] " WEIGHTS " [WITHSCORES]",
    "Gives the members that all sorted sets have."
};

const ferrokv_command  zset_zdiff = {
    ZSET_READS, "ZDIFF", -3, 0, 0, 0, zdiff,
    "numkeys key [key ...] [WITHSCORES]",
    "Gives the members that only the first sorted set has."
};

const ferrokv_command  zset_zintercard = {
    ZSET_READS, "ZINTERCARD", -3, 0, 0, 0, zintercard,
    "numkeys key [key ...] [LIMIT limit]",
    "Says how many members all sorted sets have."
};

const ferrokv_command  zset_zunionstore = {
    ZSET_WRITES, "ZUNIONSTORE", -4, 1, 1, 1, zunionstore,
    "destination numkeys key [key ...] " WEIGHTS,
    "Stores the members that any of the sorted sets has."
};

const ferrokv_command  zset_zinterstore = {
    ZSET_WRITES, "ZINTERSTORE", -4, 1, 1, 1, zinterstore,
    "destination numkeys key [key ...] " WEIGHTS,
    "Stores the members that all sorted sets have."
};

const ferrokv_command  zset_zdiffstore = {
    ZSET_WRITES, "ZDIFFSTORE", -4, 1, 1, 1, zdiffstore,
    "destination numkeys key [key ...]",
    "Stores the members that only the first sorted set has."
};
