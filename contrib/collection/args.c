#include "args.h"
#include "number.h"

#include <limits.h>
#include <string.h>


bool
args_is(ferrokv_str arg, const char *word)
{
    const char  *p = arg.data;

    if (arg.len != strlen(word)) {
        return false;
    }

    for (size_t i = 0; i < arg.len; i++) {
        char  c = p[i];

        if (c >= 'a' && c <= 'z') {
            c = (char) (c - 'a' + 'A');
        }

        if (c != word[i]) {
            return false;
        }
    }

    return true;
}


bool
args_equal(ferrokv_str a, ferrokv_str b)
{
    return a.len == b.len
           && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}


int
args_syntax(ferrokv_ctx *ctx)
{
    return ctx->api->fail(ctx, FERROKV_EARG, "ERR syntax error");
}


int
args_arity(ferrokv_ctx *ctx, const char *name)
{
    return ctx->api->fail(ctx, FERROKV_EARG, "ERR wrong number of arguments "
                          "for '%s' command", name);
}


int
args_int(ferrokv_ctx *ctx, ferrokv_str arg, int64_t *n)
{
    return number_int(arg, n) ? FERROKV_OK
           : ctx->api->fail(ctx, FERROKV_EARG, ARGS_NOT_INT);
}


int
args_range(ferrokv_ctx *ctx, ferrokv_str arg, int64_t min, int64_t max,
    const char *wrong, int64_t *n)
{
    bool  ok = number_int(arg, n);

    if (ok && *n >= min && *n <= max) {
        return FERROKV_OK;
    }

    if (wrong != NULL) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR %s", wrong);
    }

    if (!ok) {
        return ctx->api->fail(ctx, FERROKV_EARG, ARGS_NOT_INT);
    }

    return ctx->api->fail(ctx, FERROKV_EARG, "ERR value is out of range, "
                          "value must between %lld and %lld",
                          (long long) min, (long long) max);
}


int
args_positive(ferrokv_ctx *ctx, ferrokv_str arg, int64_t *n)
{
    return args_range(ctx, arg, 0, INT64_MAX,
                      "value is out of range, must be positive", n);
}


int
args_keys(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv, int64_t *n)
{
    int  rc = args_range(ctx, argv[0], 1, INT64_MAX,
                         "numkeys should be greater than 0", n);

    if (rc == FERROKV_OK && (uint64_t) *n > argc - 1) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR Number of keys can't be "
                              "greater than number of args");
    }

    return rc;
}


int
args_pop_keys(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv,
    int64_t *n)
{
    int  rc = args_range(ctx, argv[1], 1, INT64_MAX,
                         "numkeys should be greater than 0", n);

    return (rc == FERROKV_OK && (uint64_t) *n > argc - 3) ? args_syntax(ctx)
                                                          : rc;
}


int
args_pop_count(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv,
    size_t i, int64_t *n)
{
    int  rc;

    *n = 1;

    if (i == argc) {
        return FERROKV_OK;
    }

    if (!args_is(argv[i], "COUNT") || i + 1 == argc) {
        return args_syntax(ctx);
    }

    rc = args_range(ctx, argv[i + 1], 1, INT64_MAX,
                    "count should be greater than 0", n);

    return (rc == FERROKV_OK && i + 2 < argc) ? args_syntax(ctx) : rc;
}
