/*
 * add.c - members come, get another score, and go.
 */

#include "zset.h"
#include "../collection/args.h"
#include "../collection/number.h"

#include <math.h>

typedef struct {
    bool  nx, xx, gt, lt, ch, incr;
} add_t;

typedef struct {
    uint64_t  added, updated;
    bool      done;             /* the last one has this score now */
    double    score;
} result_t;


/* Returns where scores begin. */
static size_t
options_read(size_t argc, const ferrokv_str *argv, add_t *add)
{
    size_t  i;

    for (i = 2; i < argc; i++) {

        if (args_is(argv[i], "NX")) {
            add->nx = true;

        } else if (args_is(argv[i], "XX")) {
            add->xx = true;

        } else if (args_is(argv[i], "GT")) {
            add->gt = true;

        } else if (args_is(argv[i], "LT")) {
            add->lt = true;

        } else if (args_is(argv[i], "CH")) {
            add->ch = true;

        } else if (args_is(argv[i], "INCR")) {
            add->incr = true;

        } else {
            break;
        }
    }

    return i;
}


static int
options_check(ferrokv_ctx *ctx, const add_t *add, size_t pairs)
{
    if (add->nx && add->xx) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR XX and NX options at the "
                              "same time are not compatible");
    }

    if (add->nx + add->gt + add->lt > 1) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR GT, LT, and/or NX "
                              "options at the same time are not compatible");
    }

    if (add->incr && pairs > 1) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR INCR option supports a "
                              "single increment-element pair");
    }

    return FERROKV_OK;
}


static int
add_one(members_t *m, const add_t *add, ferrokv_str name, double score,
    result_t *result)
{
    double  old = 0;
    int     rc = zset_get(m, name, &old);
    bool    new = (rc == FERROKV_NONE);

    result->done = false;

    if (rc < 0 || (new ? add->xx : add->nx)) {
        return (rc < 0) ? rc : FERROKV_OK;
    }

    if (!new && add->incr) {
        score += old;

        if (isnan(score)) {
            return m->ctx->api->fail(m->ctx, FERROKV_EARG, "ERR resulting "
                                     "score is not a number (NaN)");
        }
    }

    if (!new && ((add->lt && score >= old) || (add->gt && score <= old))) {
        return FERROKV_OK;
    }

    result->done = true;
    result->score = score;
    result->added += new;
    result->updated += (!new && score != old);

    return (!new && score == old) ? FERROKV_OK
           : zset_put(m, name, new ? NULL : &old, score);
}


static int
names_ahead(members_t *m, size_t argc, const ferrokv_str *argv, size_t first)
{
    return members_ahead(m, argv + first + 1, (argc - first) / 2, 2);
}


static int
add_all(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv, size_t first,
    const add_t *add, result_t *result)
{
    members_t  m;
    size_t     pairs = (argc - first) / 2;
    double    *scores = ctx->api->alloc(ctx, pairs * sizeof(double));
    int        rc;

    for (size_t i = 0; i < pairs; i++) {
        if (!number_real(argv[first + 2 * i], &scores[i])) {
            return ctx->api->fail(ctx, FERROKV_EARG,
                                  "ERR value is not a valid float");
        }
    }

    rc = members_open_write(&m, &zset_kind, ctx, argv[1]);

    if (rc == FERROKV_OK) {
        rc = names_ahead(&m, argc, argv, first);
    }

    for (size_t i = 0; i < pairs && rc == FERROKV_OK; i++) {
        rc = add_one(&m, add, argv[first + 2 * i + 1], scores[i], result);
    }

    return (rc == FERROKV_OK) ? members_close(&m) : rc;
}


static int
add_say(ferrokv_ctx *ctx, const add_t *add, const result_t *result)
{
    if (add->incr) {
        return result->done ? ctx->api->say_real(ctx, result->score)
               : ctx->api->say_null(ctx);
    }

    return ctx->api->say_int(ctx, (int64_t) (result->added
                                             + (add->ch ? result->updated
                                                        : 0)));
}


static int
zadd(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    add_t     add = { false, false, false, false, false, false };
    result_t  result = { 0, 0, false, 0 };
    size_t    first = options_read(argc, argv, &add);
    int       rc;

    if (first == argc || (argc - first) % 2 != 0) {
        return args_syntax(ctx);
    }

    if ((rc = options_check(ctx, &add, (argc - first) / 2)) != FERROKV_OK
        || (rc = add_all(ctx, argc, argv, first, &add, &result)) != FERROKV_OK)
    {
        return rc;
    }

    return add_say(ctx, &add, &result);
}


static int
zincrby(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    add_t     add = { false, false, false, false, false, true };
    result_t  result = { 0, 0, false, 0 };
    int       rc = add_all(ctx, argc, argv, 2, &add, &result);

    return (rc == FERROKV_OK) ? add_say(ctx, &add, &result) : rc;
}


static int
zrem(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    members_t  m;
    int64_t    n = 0;
    double     score;
    int        rc = members_open_write(&m, &zset_kind, ctx, argv[1]);

    if (rc == FERROKV_OK) {
        rc = members_ahead(&m, argv + 2, argc - 2, 1);
    }

    for (size_t i = 2; i < argc && rc >= 0; i++) {
        rc = zset_get(&m, argv[i], &score);

        if (rc == FERROKV_OK) {
            rc = zset_del(&m, argv[i], score);
            n++;
        }
    }

    if (rc < 0 || (rc = members_close(&m)) != FERROKV_OK) {
        return rc;
    }

    return ctx->api->say_int(ctx, n);
}


const ferrokv_command  zset_zadd = {
    ZSET_WRITES, "ZADD", -4, 1, 1, 1, zadd,
    "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
    "Adds members, or gives them another score."
};

const ferrokv_command  zset_zincrby = {
    ZSET_WRITES, "ZINCRBY", 4, 1, 1, 1, zincrby,
    "key increment member", "Adds to the score of a member."
};

const ferrokv_command  zset_zrem = {
    ZSET_WRITES, "ZREM", -3, 1, 1, 1, zrem,
    "key member [member ...]", "Removes members."
};
