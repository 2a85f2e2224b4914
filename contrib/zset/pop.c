/*
 * pop.c - the lowest and the highest are taken.
 */

#include "range.h"
#include "../collection/args.h"


static int
take(members_t *m, bool highest, int64_t n, entries_t *taken)
{
    range_t  range = { .by = RANGE_RANK, .reverse = highest, .start = 0,
                       .stop = n - 1 };
    int      rc = FERROKV_OK;

    taken->n = 0;

    if (n > 0) {
        rc = range_find(m, &range, taken);
    }

    if (taken->n > 0 && taken->n == m->count) {
        m->count = 0;
        m->changed = true;
    }

    for (uint64_t i = 0; i < taken->n && m->count > 0 && rc == FERROKV_OK; i++)
    {
        rc = zset_del(m, taken->list[i].name, taken->list[i].score);
    }

    return (rc == FERROKV_OK) ? members_close(m) : rc;
}


static int
pop(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv, bool highest)
{
    members_t  m;
    entries_t  taken;
    int64_t    n = 1;
    int        rc = FERROKV_OK;

    if (argc > 3) {
        return args_syntax(ctx);
    }

    if (argc == 3) {
        rc = args_positive(ctx, argv[2], &n);
    }

    if (rc != FERROKV_OK
        || (rc = members_open_write(&m, &zset_kind, ctx, argv[1]))
           != FERROKV_OK
        || (rc = take(&m, highest, n, &taken)) != FERROKV_OK)
    {
        return rc;
    }

    if (argc == 3 || taken.n == 0) {
        entries_say(ctx, &taken, taken.n > 0);
        return FERROKV_OK;
    }

    ctx->api->say_array(ctx, 2);
    ctx->api->say_str(ctx, taken.list[0].name);

    return ctx->api->say_real(ctx, taken.list[0].score);
}


static int
zpopmin(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return pop(ctx, argc, argv, false);
}


static int
zpopmax(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return pop(ctx, argc, argv, true);
}


static void
mpop_say(ferrokv_ctx *ctx, ferrokv_str key, const entries_t *taken)
{
    ctx->api->say_array(ctx, 2);
    ctx->api->say_str(ctx, key);
    ctx->api->say_array(ctx, taken->n);

    for (uint64_t i = 0; i < taken->n; i++) {
        ctx->api->say_array(ctx, 2);
        ctx->api->say_str(ctx, taken->list[i].name);
        ctx->api->say_real(ctx, taken->list[i].score);
    }
}


static int
zmpop(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    members_t  m;
    entries_t  taken;
    int64_t    keys, n;
    bool       highest;
    int        rc = args_pop_keys(ctx, argc, argv, &keys);

    if (rc != FERROKV_OK) {
        return rc;
    }

    highest = args_is(argv[2 + keys], "MAX");

    if (!highest && !args_is(argv[2 + keys], "MIN")) {
        return args_syntax(ctx);
    }

    rc = args_pop_count(ctx, argc, argv, (size_t) keys + 3, &n);

    for (int64_t i = 0; i < keys && rc == FERROKV_OK; i++) {
        rc = members_open_write(&m, &zset_kind, ctx, argv[2 + i]);

        if (rc == FERROKV_OK && m.count > 0) {
            rc = take(&m, highest, n, &taken);

            if (rc == FERROKV_OK) {
                mpop_say(ctx, argv[2 + i], &taken);
            }

            return rc;
        }
    }

    return (rc == FERROKV_OK) ? ctx->api->say_null_array(ctx) : rc;
}


const ferrokv_command  zset_zpopmin = {
    ZSET_WRITES, "ZPOPMIN", -2, 1, 1, 1, zpopmin,
    "key [count]", "Takes the members with the lowest scores."
};

const ferrokv_command  zset_zpopmax = {
    ZSET_WRITES, "ZPOPMAX", -2, 1, 1, 1, zpopmax,
    "key [count]", "Takes the members with the highest scores."
};

const ferrokv_command  zset_zmpop = {
    ZSET_WRITES, "ZMPOP", -4, 0, 0, 0, zmpop,
    "numkeys key [key ...] MIN | MAX [COUNT count]",
    "Takes members of the first sorted set that has any."
};
