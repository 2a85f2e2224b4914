/*
 * ranges.c - ZRANGE in all its forms, and what else is about a range.
 */

#include "range.h"
#include "../collection/args.h"

typedef struct {
    range_t  range;
    bool     may_reverse;       /* REV is an option */
    bool     may_score;         /* WITHSCORES is */
    bool     scores;
} request_t;


static int
limit_read(ferrokv_ctx *ctx, const ferrokv_str *argv, range_t *range)
{
    int  rc = args_int(ctx, argv[0], &range->offset);

    return (rc == FERROKV_OK) ? args_int(ctx, argv[1], &range->limit) : rc;
}


/* One word, and what belongs to it: *i moves to the last of these. */
static int
option_read(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv, size_t *i,
    request_t *request)
{
    ferrokv_str  word = argv[*i];
    range_t     *range = &request->range;

    if (request->may_score && args_is(word, "WITHSCORES")) {
        request->scores = true;

    } else if (args_is(word, "LIMIT") && argc - *i > 2) {
        *i += 2;
        return limit_read(ctx, argv + *i - 1, range);

    } else if (request->may_reverse && !range->reverse
               && args_is(word, "REV"))
    {
        range->reverse = true;

    } else if (range->by == RANGE_AUTO && args_is(word, "BYLEX")) {
        range->by = RANGE_LEX;

    } else if (range->by == RANGE_AUTO && args_is(word, "BYSCORE")) {
        range->by = RANGE_SCORE;

    } else {
        return args_syntax(ctx);
    }

    return FERROKV_OK;
}


/* argv: min max [option ...] */
static int
request_read(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv,
    request_t *request)
{
    range_t  *range = &request->range;
    int       rc;

    range->offset = 0;
    range->limit = -1;

    for (size_t i = 2; i < argc; i++) {
        rc = option_read(ctx, argc, argv, &i, request);

        if (rc != FERROKV_OK) {
            return rc;
        }
    }

    range->by = (range->by == RANGE_AUTO) ? RANGE_RANK : range->by;

    if (range->limit != -1 && range->by == RANGE_RANK) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR syntax error, LIMIT is "
                              "only supported in combination with either "
                              "BYSCORE or BYLEX");
    }

    if (request->scores && range->by == RANGE_LEX) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR syntax error, WITHSCORES "
                              "not supported in combination with BYLEX");
    }

    return range_read(ctx, argv[0], argv[1], range);
}


static int
request_find(ferrokv_ctx *ctx, ferrokv_str key, const request_t *request,
    entries_t *found)
{
    members_t  m;
    int        rc = members_open(&m, &zset_kind, ctx, key);

    return (rc == FERROKV_OK) ? range_find(&m, &request->range, found) : rc;
}


static int
range_say(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv, range_by_e by,
    bool reverse, bool may_reverse)
{
    request_t  request = { { .by = by, .reverse = reverse }, may_reverse,
                           true, false };
    entries_t  found;
    int        rc = request_read(ctx, argc - 2, argv + 2, &request);

    if (rc != FERROKV_OK
        || (rc = request_find(ctx, argv[1], &request, &found)) != FERROKV_OK)
    {
        return rc;
    }

    entries_say(ctx, &found, request.scores && found.n > 0);

    return FERROKV_OK;
}


static int
zrange(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return range_say(ctx, argc, argv, RANGE_AUTO, false, true);
}


static int
zrevrange(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return range_say(ctx, argc, argv, RANGE_RANK, true, false);
}


static int
zrangebyscore(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return range_say(ctx, argc, argv, RANGE_SCORE, false, false);
}


static int
zrevrangebyscore(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return range_say(ctx, argc, argv, RANGE_SCORE, true, false);
}


static int
zrangebylex(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return range_say(ctx, argc, argv, RANGE_LEX, false, false);
}


static int
zrevrangebylex(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return range_say(ctx, argc, argv, RANGE_LEX, true, false);
}


static int
zrangestore(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    request_t  request = { { .by = RANGE_AUTO, .reverse = false }, true, false,
                           false };
    entries_t  found;
    int        rc = request_read(ctx, argc - 3, argv + 3, &request);

    if (rc != FERROKV_OK
        || (rc = request_find(ctx, argv[2], &request, &found)) != FERROKV_OK)
    {
        return rc;
    }

    return entries_store(ctx, argv[1], &found);
}


static int
count(ferrokv_ctx *ctx, const ferrokv_str *argv, range_by_e by)
{
    range_t    range = { .by = by, .reverse = false };
    members_t  m;
    uint64_t   n;
    int        rc = range_read(ctx, argv[2], argv[3], &range);

    if (rc != FERROKV_OK
        || (rc = members_open(&m, &zset_kind, ctx, argv[1])) != FERROKV_OK
        || (rc = range_count(&m, &range, &n)) < 0)
    {
        return rc;
    }

    return ctx->api->say_int(ctx, (int64_t) n);
}


static int
zcount(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) argc;

    return count(ctx, argv, RANGE_SCORE);
}


static int
zlexcount(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) argc;

    return count(ctx, argv, RANGE_LEX);
}


static int
range_remove(ferrokv_ctx *ctx, const ferrokv_str *argv, range_by_e by)
{
    range_t    range = { .by = by, .reverse = false, .limit = -1 };
    members_t  m;
    entries_t  found;
    int        rc = range_read(ctx, argv[2], argv[3], &range);

    if (rc != FERROKV_OK
        || (rc = members_open_write(&m, &zset_kind, ctx, argv[1]))
           != FERROKV_OK
        || (rc = range_find(&m, &range, &found)) != FERROKV_OK)
    {
        return rc;
    }

    if (found.n > 0 && found.n == m.count) {
        m.count = 0;
        m.changed = true;
    }

    for (uint64_t i = 0; i < found.n && m.count > 0 && rc == FERROKV_OK; i++) {
        rc = zset_del(&m, found.list[i].name, found.list[i].score);
    }

    if (rc != FERROKV_OK || (rc = members_close(&m)) != FERROKV_OK) {
        return rc;
    }

    return ctx->api->say_int(ctx, (int64_t) found.n);
}


static int
zremrangebyrank(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) argc;

    return range_remove(ctx, argv, RANGE_RANK);
}


static int
zremrangebyscore(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) argc;

    return range_remove(ctx, argv, RANGE_SCORE);
}


static int
zremrangebylex(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) argc;

    return range_remove(ctx, argv, RANGE_LEX);
}


#define OPTIONS  "[WITHSCORES] [LIMIT offset count]"

const ferrokv_command  zset_zrange = {
    ZSET_READS, "ZRANGE", -4, 1, 1, 1, zrange,
    "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
    "Gives the members from one place, score or name to another."
};

const ferrokv_command  zset_zrevrange = {
    ZSET_READS, "ZREVRANGE", -4, 1, 1, 1, zrevrange,
    "key start stop [WITHSCORES]",
    "Gives the members between two places, the highest score first."
};

const ferrokv_command  zset_zrangebyscore = {
    ZSET_READS, "ZRANGEBYSCORE", -4, 1, 1, 1, zrangebyscore,
    "key min max " OPTIONS, "Gives the members between two scores."
};

const ferrokv_command  zset_zrevrangebyscore = {
    ZSET_READS, "ZREVRANGEBYSCORE", -4, 1, 1, 1, zrevrangebyscore,
    "key max min " OPTIONS,
    "Gives the members between two scores, the highest first."
};

const ferrokv_command  zset_zrangebylex = {
    ZSET_READS, "ZRANGEBYLEX", -4, 1, 1, 1, zrangebylex,
    "key min max [LIMIT offset count]", "Gives the members between two names."
};

const ferrokv_command  zset_zrevrangebylex = {
    ZSET_READS, "ZREVRANGEBYLEX", -4, 1, 1, 1, zrevrangebylex,
    "key max min [LIMIT offset count]",
    "Gives the members between two names, the last first."
};

const ferrokv_command  zset_zrangestore = {
    ZSET_WRITES, "ZRANGESTORE", -5, 1, 2, 1, zrangestore,
    "dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
    "Stores the members of a range."
};

const ferrokv_command  zset_zcount = {
    ZSET_READS, "ZCOUNT", 4, 1, 1, 1, zcount,
    "key min max", "Says how many members are between two scores."
};

const ferrokv_command  zset_zlexcount = {
    ZSET_READS, "ZLEXCOUNT", 4, 1, 1, 1, zlexcount,
    "key min max", "Says how many members are between two names."
};

const ferrokv_command  zset_zremrangebyrank = {
    ZSET_WRITES, "ZREMRANGEBYRANK", 4, 1, 1, 1, zremrangebyrank,
    "key start stop", "Removes the members between two places."
};

const ferrokv_command  zset_zremrangebyscore = {
    ZSET_WRITES, "ZREMRANGEBYSCORE", 4, 1, 1, 1, zremrangebyscore,
    "key min max", "Removes the members between two scores."
};

const ferrokv_command  zset_zremrangebylex = {
    ZSET_WRITES, "ZREMRANGEBYLEX", 4, 1, 1, 1, zremrangebylex,
    "key min max", "Removes the members between two names."
};
