/*
 * look.c - one member, its score and its place; some of them.
 */

#include "zset.h"
#include "../collection/args.h"
#include "../collection/sample.h"
#include "../collection/scan.h"

#include "ferrokv_encode.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

#define SCORE_TEXT  32


static int
zscore(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    members_t  m;
    double     score;
    int        rc = members_open(&m, &zset_kind, ctx, argv[1]);

    (void) argc;

    if (rc == FERROKV_OK) {
        rc = zset_get(&m, argv[2], &score);
    }

    return (rc != FERROKV_OK) ? rc : ctx->api->say_real(ctx, score);
}


static void
score_say(ferrokv_ctx *ctx, const member_t *member, const void *data)
{
    (void) data;

    if (member != NULL) {
        ctx->api->say_real(ctx, zset_score(member->value));

    } else {
        ctx->api->say_null(ctx);
    }
}


static int
zmscore(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return members_answer(&zset_kind, ctx, argc, argv, score_say);
}


static int
zcard(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    members_t  m;
    int        rc = members_open(&m, &zset_kind, ctx, argv[1]);

    (void) argc;

    return (rc != FERROKV_OK) ? rc : ctx->api->say_int(ctx, (int64_t) m.count);
}


typedef struct {
    entry_t   entry;
    uint64_t  before;
} place_t;


static int
count_before(ferrokv_ctx *ctx, void *data, const entry_t *entry)
{
    place_t  *place = data;

    (void) ctx;

    if (entry_order(entry, &place->entry) >= 0) {
        return MEMBERS_STOP;
    }

    place->before++;

    return FERROKV_OK;
}


static int
rank(ferrokv_ctx *ctx, const ferrokv_str *argv, bool reverse)
{
    members_t      m;
    unsigned char  min[FERROKV_ENCODED_BYTES], max[FERROKV_ENCODED_BYTES];
    place_t        place = { { argv[2], 0 }, 0 };
    int            rc = members_open(&m, &zset_kind, ctx, argv[1]);

    if (rc != FERROKV_OK
        || (rc = zset_get(&m, argv[2], &place.entry.score)) != FERROKV_OK)
    {
        return rc;
    }

    ferrokv_put_double(min, -INFINITY);
    ferrokv_put_double(max, place.entry.score);
    rc = zset_walk(&m, min, max, 0, count_before, &place);

    if (rc < 0) {
        return rc;
    }

    return ctx->api->say_int(ctx, (int64_t) (reverse
                                             ? m.count - 1 - place.before
                                             : place.before));
}


static int
zrank(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) argc;

    return rank(ctx, argv, false);
}


static int
zrevrank(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) argc;

    return rank(ctx, argv, true);
}


static int
sample_say(ferrokv_ctx *ctx, const sample_t *sample, bool scores)
{
    entries_t  entries = { NULL, 0, 0 };

    for (uint64_t i = 0; i < sample->n; i++) {
        entry_t  entry = { sample->list[i].name,
                           zset_score(sample->list[i].value) };

        entries_add(ctx, &entries, &entry);
    }

    entries_say(ctx, &entries, scores && entries.n > 0);

    return FERROKV_OK;
}


static int
zrandmember(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    members_t  m;
    sample_t   sample;
    int64_t    n = 1;
    int        rc = FERROKV_OK;

    if (argc > 2) {
        rc = args_range(ctx, argv[2], -LONG_MAX, LONG_MAX, NULL, &n);
    }

    if (rc != FERROKV_OK) {
        return rc;
    }

    if (argc > 4 || (argc == 4 && !args_is(argv[3], "WITHSCORES"))) {
        return args_syntax(ctx);
    }

    if (argc == 4 && (n < -LONG_MAX / 2 || n > LONG_MAX / 2)) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR value is out of range");
    }

    rc = members_open(&m, &zset_kind, ctx, argv[1]);

    if (rc == FERROKV_OK) {
        rc = (n < 0) ? sample_any(&m, (uint64_t) -n, &sample)
             : sample_distinct(&m, (uint64_t) n, &sample);
    }

    if (rc != FERROKV_OK) {
        return rc;
    }

    if (argc > 2) {
        return sample_say(ctx, &sample, argc == 4);
    }

    return (sample.n == 0) ? FERROKV_NONE
           : ctx->api->say_str(ctx, sample.list[0].name);
}


static ferrokv_str
score_text(ferrokv_ctx *ctx, ferrokv_str value)
{
    char         *text = ctx->api->alloc(ctx, SCORE_TEXT);
    ferrokv_str   str = { text, 0 };

    str.len = (size_t) snprintf(text, SCORE_TEXT, "%.17g", zset_score(value));

    return str;
}


static int
zscan(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return scan_members(&zset_kind, score_text, ctx, argc, argv);
}


const ferrokv_command  zset_zscore = {
    ZSET_READS, "ZSCORE", 3, 1, 1, 1, zscore,
    "key member", "Gives the score of a member."
};

const ferrokv_command  zset_zmscore = {
    ZSET_READS, "ZMSCORE", -3, 1, 1, 1, zmscore,
    "key member [member ...]", "Gives the scores of members."
};

const ferrokv_command  zset_zcard = {
    ZSET_READS, "ZCARD", 2, 1, 1, 1, zcard,
    "key", "Says how many members there are."
};

const ferrokv_command  zset_zrank = {
    ZSET_READS, "ZRANK", 3, 1, 1, 1, zrank,
    "key member", "Says how many members have a lower score."
};

const ferrokv_command  zset_zrevrank = {
    ZSET_READS, "ZREVRANK", 3, 1, 1, 1, zrevrank,
    "key member", "Says how many members have a higher score."
};

const ferrokv_command  zset_zrandmember = {
    ZSET_READS, "ZRANDMEMBER", -2, 1, 1, 1, zrandmember,
    "key [count [WITHSCORES]]", "Gives members at random."
};

const ferrokv_command  zset_zscan = {
    ZSET_READS, "ZSCAN", -3, 1, 1, 1, zscan,
    "key cursor [MATCH pattern] [COUNT count]",
    "Gives some of the members and scores, and where to go on."
};
