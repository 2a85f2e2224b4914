/*
 * random.c - fields at random.
 */

#include "hash.h"
#include "../collection/args.h"
#include "../collection/sample.h"

#include <limits.h>


static int
one(ferrokv_ctx *ctx, ferrokv_str key)
{
    members_t  m;
    sample_t   sample;
    int        rc = members_open(&m, &hash_kind, ctx, key);

    if (rc != FERROKV_OK
        || (rc = sample_distinct(&m, 1, &sample)) != FERROKV_OK)
    {
        return rc;
    }

    return (sample.n == 0) ? FERROKV_NONE
           : ctx->api->say_str(ctx, sample.list[0].name);
}


static int
several(ferrokv_ctx *ctx, ferrokv_str key, int64_t n, bool values)
{
    members_t  m;
    sample_t   sample;
    int        rc = members_open(&m, &hash_kind, ctx, key);

    if (rc != FERROKV_OK) {
        return rc;
    }

    rc = (n < 0) ? sample_any(&m, (uint64_t) -n, &sample)
         : sample_distinct(&m, (uint64_t) n, &sample);

    if (rc != FERROKV_OK) {
        return rc;
    }

    /* nothing is an empty list, of which no protocol makes pairs */
    if (values && sample.n > 0) {
        ctx->api->say_pairs(ctx, sample.n);

    } else {
        ctx->api->say_array(ctx, sample.n);
    }

    for (uint64_t i = 0; i < sample.n; i++) {
        ctx->api->say_str(ctx, sample.list[i].name);

        if (values) {
            ctx->api->say_str(ctx, sample.list[i].value);
        }
    }

    return FERROKV_OK;
}


static int
hrandfield(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    int64_t  n;
    int      rc;

    if (argc == 2) {
        return one(ctx, argv[1]);
    }

    rc = args_range(ctx, argv[2], -LONG_MAX, LONG_MAX, NULL, &n);

    if (rc != FERROKV_OK) {
        return rc;
    }

    if (argc > 4 || (argc == 4 && !args_is(argv[3], "WITHVALUES"))) {
        return args_syntax(ctx);
    }

    if (argc == 4 && (n < -LONG_MAX / 2 || n > LONG_MAX / 2)) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR value is out of range");
    }

    return several(ctx, argv[1], n, argc == 4);
}


const ferrokv_command  hash_hrandfield = {
    HASH_READS, "HRANDFIELD", -2, 1, 1, 1, hrandfield,
    "key [count [WITHVALUES]]", "Gives fields at random."
};
