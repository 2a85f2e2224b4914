/*
 * combine.c - what several sets have in common, have together, and what the
 * first has alone.
 *
 * An intersection walks through the smallest set and asks the others; so does a
 * difference with the first.
 */

#include "set.h"
#include "../collection/args.h"
#include "../collection/seen.h"

#include <limits.h>

typedef enum { INTERSECT, UNITE, SUBTRACT } how_e;

typedef struct {
    how_e       how;
    members_t  *sets;
    size_t      n;
    size_t      walked;         /* of INTERSECT, SUBTRACT: the one walked */
    seen_t      found;
    uint64_t    limit;          /* 0: all are wanted */
    int         rc;             /* FERROKV_ENOTYET: something comes from disk */
} combine_t;


static int
sets_open(ferrokv_ctx *ctx, const ferrokv_str *keys, combine_t *c)
{
    int  rc, result = FERROKV_OK;

    c->sets = ctx->api->alloc(ctx, c->n * sizeof(members_t));

    for (size_t i = 0; i < c->n; i++) {
        rc = members_open(&c->sets[i], &set_kind, ctx, keys[i]);

        if (rc < 0 && rc != FERROKV_ENOTYET) {
            return rc;
        }

        result = (rc < 0) ? rc : result;
    }

    return result;
}


static int
add_one(members_t *m, void *data, const member_t *member)
{
    combine_t  *c = data;
    bool        new;

    (void) m;
    seen_add(&c->found, member->name, &new);

    return FERROKV_OK;
}


/* Is it to be found?  Of what is not here yet more is asked for meanwhile. */
static int
judge(combine_t *c, const member_t *member)
{
    member_t  other;

    for (size_t i = 0; i < c->n; i++) {
        int  rc;

        if (i == c->walked) {
            continue;
        }

        rc = members_get(&c->sets[i], member->name, &other);

        if (rc < 0) {
            return rc;
        }

        if ((rc == FERROKV_OK) == (c->how == SUBTRACT)) {
            return FERROKV_NONE;
        }
    }

    return FERROKV_OK;
}


static int
judge_one(members_t *m, void *data, const member_t *member)
{
    combine_t  *c = data;
    int         rc = judge(c, member);

    if (rc == FERROKV_ENOTYET) {
        c->rc = rc;
        return FERROKV_OK;
    }

    if (rc != FERROKV_OK) {
        return (rc < 0) ? rc : FERROKV_OK;
    }

    (void) add_one(m, data, member);

    return (c->limit != 0 && c->found.n == c->limit) ? MEMBERS_STOP
           : FERROKV_OK;
}


static int
unite(combine_t *c)
{
    int  rc, result = FERROKV_OK;

    for (size_t i = 0; i < c->n; i++) {
        rc = members_each(&c->sets[i], add_one, c);

        if (rc < 0 && rc != FERROKV_ENOTYET) {
            return rc;
        }

        result = (rc < 0) ? rc : result;
    }

    return result;
}


/* A set that is empty makes an intersection so: it is the smallest. */
static void
walk_smallest(combine_t *c)
{
    for (size_t i = 1; i < c->n; i++) {
        if (c->sets[i].count < c->sets[c->walked].count) {
            c->walked = i;
        }
    }
}


/* Members found are in the memory of the store or of this call. */
static int
combine(ferrokv_ctx *ctx, const ferrokv_str *keys, size_t n, how_e how,
    uint64_t limit, combine_t *c)
{
    int  rc;

    c->how = how;
    c->n = n;
    c->walked = 0;
    c->limit = limit;
    c->rc = FERROKV_OK;
    seen_init(&c->found, ctx);
    rc = sets_open(ctx, keys, c);

    if (rc != FERROKV_OK || how == UNITE) {
        return (rc != FERROKV_OK) ? rc : unite(c);
    }

    if (how == INTERSECT) {
        walk_smallest(c);
    }

    rc = members_each(&c->sets[c->walked], judge_one, c);

    return (rc < 0) ? rc : c->rc;
}


static int
combine_say(ferrokv_ctx *ctx, const ferrokv_str *keys, size_t n, how_e how)
{
    combine_t  c;
    int        rc = combine(ctx, keys, n, how, 0, &c);

    if (rc != FERROKV_OK) {
        return rc;
    }

    ctx->api->say_set(ctx, c.found.n);

    for (size_t i = 0; i < c.found.n; i++) {
        ctx->api->say_str(ctx, c.found.list[i].str);
    }

    return FERROKV_OK;
}


static int
combine_store(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv, how_e how)
{
    static const ferrokv_str  nothing = { NULL, 0 };
    combine_t  c;
    members_t  m;
    int        rc = combine(ctx, argv + 2, argc - 2, how, 0, &c);

    if (rc == FERROKV_OK) {
        rc = members_replace(&m, &set_kind, ctx, argv[1]);
    }

    for (size_t i = 0; rc == FERROKV_OK && i < c.found.n; i++) {
        rc = members_put(&m, c.found.list[i].str, nothing, false, NULL);
    }

    if (rc != FERROKV_OK || (rc = members_close(&m)) != FERROKV_OK) {
        return rc;
    }

    return ctx->api->say_int(ctx, (int64_t) c.found.n);
}


static int
sinter(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return combine_say(ctx, argv + 1, argc - 1, INTERSECT);
}


static int
sunion(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return combine_say(ctx, argv + 1, argc - 1, UNITE);
}


static int
sdiff(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return combine_say(ctx, argv + 1, argc - 1, SUBTRACT);
}


static int
sinterstore(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return combine_store(ctx, argc, argv, INTERSECT);
}


static int
sunionstore(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return combine_store(ctx, argc, argv, UNITE);
}


static int
sdiffstore(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return combine_store(ctx, argc, argv, SUBTRACT);
}


/* LIMIT n, behind the keys. */
static int
limit_read(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv, size_t i,
    int64_t *limit)
{
    for (*limit = 0; i < argc; i += 2) {
        int  rc;

        if (!args_is(argv[i], "LIMIT") || i + 1 == argc) {
            return args_syntax(ctx);
        }

        rc = args_range(ctx, argv[i + 1], 0, LONG_MAX,
                        "LIMIT can't be negative", limit);

        if (rc != FERROKV_OK) {
            return rc;
        }
    }

    return FERROKV_OK;
}


static int
sintercard(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    combine_t  c;
    int64_t    n, limit;
    int        rc = args_keys(ctx, argc - 1, argv + 1, &n);

    if (rc != FERROKV_OK
        || (rc = limit_read(ctx, argc, argv, 2 + (size_t) n, &limit))
           != FERROKV_OK
        || (rc = combine(ctx, argv + 2, (size_t) n, INTERSECT,
                         (uint64_t) limit, &c)) != FERROKV_OK)
    {
        return rc;
    }

    return ctx->api->say_int(ctx, (int64_t) c.found.n);
}


const ferrokv_command  set_sinter = {
    SET_READS, "SINTER", -2, 1, -1, 1, sinter,
    "key [key ...]", "Gives the members that all sets have."
};

const ferrokv_command  set_sintercard = {
    SET_READS, "SINTERCARD", -3, 0, 0, 0, sintercard,
    "numkeys key [key ...] [LIMIT limit]",
    "Says how many members all sets have."
};

const ferrokv_command  set_sinterstore = {
    SET_WRITES, "SINTERSTORE", -3, 1, -1, 1, sinterstore,
    "destination key [key ...]", "Stores the members that all sets have."
};

const ferrokv_command  set_sunion = {
    SET_READS, "SUNION", -2, 1, -1, 1, sunion,
    "key [key ...]", "Gives the members that any of the sets has."
};

const ferrokv_command  set_sunionstore = {
    SET_WRITES, "SUNIONSTORE", -3, 1, -1, 1, sunionstore,
    "destination key [key ...]", "Stores the members that any of the sets has."
};

const ferrokv_command  set_sdiff = {
    SET_READS, "SDIFF", -2, 1, -1, 1, sdiff,
    "key [key ...]", "Gives the members that only the first set has."
};

const ferrokv_command  set_sdiffstore = {
    SET_WRITES, "SDIFFSTORE", -3, 1, -1, 1, sdiffstore,
    "destination key [key ...]", "Stores the members that only the first has."
};
