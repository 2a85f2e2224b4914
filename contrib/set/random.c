/*
 * random.c - members at random, to look at or to take.
 */

#include "set.h"
#include "../collection/args.h"
#include "../collection/sample.h"

#include <limits.h>


static void
say_sample(ferrokv_ctx *ctx, const sample_t *sample)
{
    for (uint64_t i = 0; i < sample->n; i++) {
        ctx->api->say_str(ctx, sample->list[i].name);
    }
}


/* Takes n of them out of the set; their names stay where they were. */
static int
pop(ferrokv_ctx *ctx, ferrokv_str key, uint64_t n, sample_t *sample)
{
    members_t  m;
    int        rc = members_open_write(&m, &set_kind, ctx, key);

    if (rc != FERROKV_OK
        || (rc = sample_distinct(&m, n, sample)) != FERROKV_OK)
    {
        return rc;
    }

    if (sample->n == m.count && m.count > 0) {
        m.count = 0;
        m.changed = true;
    }

    for (uint64_t i = 0; i < sample->n && m.count > 0 && rc == FERROKV_OK; i++)
    {
        rc = members_del(&m, sample->list[i].name);
    }

    return (rc == FERROKV_OK) ? members_close(&m) : rc;
}


static int
spop(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    sample_t  sample = { NULL, 0 };
    int64_t   n = 1;
    int       rc = FERROKV_OK;

    if (argc > 3) {
        return args_syntax(ctx);
    }

    if (argc == 3) {
        rc = args_positive(ctx, argv[2], &n);
    }

    if (rc != FERROKV_OK
        || (rc = pop(ctx, argv[1], (uint64_t) n, &sample)) != FERROKV_OK)
    {
        return rc;
    }

    if (argc == 3) {
        ctx->api->say_set(ctx, sample.n);

    } else if (sample.n == 0) {
        return FERROKV_NONE;
    }

    say_sample(ctx, &sample);

    return FERROKV_OK;
}


static int
srandmember(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    members_t  m;
    sample_t   sample;
    int64_t    n = 1;
    int        rc = FERROKV_OK;

    if (argc > 3) {
        return args_syntax(ctx);
    }

    if (argc == 3) {
        rc = args_range(ctx, argv[2], -LONG_MAX, LONG_MAX, NULL, &n);
    }

    if (rc != FERROKV_OK
        || (rc = members_open(&m, &set_kind, ctx, argv[1])) != FERROKV_OK)
    {
        return rc;
    }

    rc = (n < 0) ? sample_any(&m, (uint64_t) -n, &sample)
         : sample_distinct(&m, (uint64_t) n, &sample);

    if (rc != FERROKV_OK) {
        return rc;
    }

    if (argc == 3) {
        ctx->api->say_array(ctx, sample.n);

    } else if (sample.n == 0) {
        return FERROKV_NONE;
    }

    say_sample(ctx, &sample);

    return FERROKV_OK;
}


const ferrokv_command  set_spop = {
    SET_WRITES, "SPOP", -2, 1, 1, 1, spop,
    "key [count]", "Takes members at random."
};

const ferrokv_command  set_srandmember = {
    SET_READS, "SRANDMEMBER", -2, 1, 1, 1, srandmember,
    "key [count]", "Gives members at random."
};
