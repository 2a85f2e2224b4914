/*
 * increment.c - fields that are numbers.
 */

#include "hash.h"
#include "../collection/args.h"
#include "../collection/number.h"

#include <math.h>


/* The field's value, empty if it is not there; FERROKV_OK · FERROKV_NONE */
static int
field_open(members_t *m, ferrokv_ctx *ctx, const ferrokv_str *argv,
    ferrokv_str *value)
{
    member_t  member;
    int       rc = members_open_write(m, &hash_kind, ctx, argv[1]);

    if (rc == FERROKV_OK) {
        rc = members_get(m, argv[2], &member);
    }

    if (rc == FERROKV_OK) {
        *value = member.value;
    }

    return rc;
}


static int
field_close(members_t *m, const ferrokv_str *argv, ferrokv_str value)
{
    int  rc = members_put(m, argv[2], value, true, NULL);

    return (rc == FERROKV_OK) ? members_close(m) : rc;
}


static int
hincrby(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    char         text[NUMBER_INT_BYTES];
    int64_t      by, n = 0;
    members_t    m;
    ferrokv_str  value = { text, 0 };
    int          rc = args_int(ctx, argv[3], &by);

    (void) argc;

    if (rc != FERROKV_OK) {
        return rc;
    }

    rc = field_open(&m, ctx, argv, &value);

    if (rc < 0) {
        return rc;
    }

    if (rc == FERROKV_OK && !number_int(value, &n)) {
        return ctx->api->fail(ctx, FERROKV_EARG,
                              "ERR hash value is not an integer");
    }

    if (__builtin_add_overflow(n, by, &n)) {
        return ctx->api->fail(ctx, FERROKV_EARG,
                              "ERR increment or decrement would overflow");
    }

    value.data = text;
    value.len = number_int_put(text, n);
    rc = field_close(&m, argv, value);

    return (rc != FERROKV_OK) ? rc : ctx->api->say_int(ctx, n);
}


static int
hincrbyfloat(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    char         text[NUMBER_REAL_BYTES];
    long double  by, n = 0;
    members_t    m;
    ferrokv_str  value = { text, 0 };
    int          rc;

    (void) argc;

    if (!number_long_real(argv[3], &by)) {
        return ctx->api->fail(ctx, FERROKV_EARG,
                              "ERR value is not a valid float");
    }

    if (isinf(by)) {
        return ctx->api->fail(ctx, FERROKV_EARG,
                              "ERR value is NaN or Infinity");
    }

    rc = field_open(&m, ctx, argv, &value);

    if (rc < 0) {
        return rc;
    }

    if (rc == FERROKV_OK && !number_long_real(value, &n)) {
        return ctx->api->fail(ctx, FERROKV_EARG,
                              "ERR hash value is not a float");
    }

    n += by;

    if (isnan(n) || isinf(n)) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR increment would produce "
                              "NaN or Infinity");
    }

    value.data = text;
    value.len = number_long_real_put(text, n);
    rc = field_close(&m, argv, value);

    return (rc != FERROKV_OK) ? rc : ctx->api->say_str(ctx, value);
}


const ferrokv_command  hash_hincrby = {
    HASH_WRITES, "HINCRBY", 4, 1, 1, 1, hincrby,
    "key field increment", "Adds to a field that is a whole number."
};

const ferrokv_command  hash_hincrbyfloat = {
    HASH_WRITES, "HINCRBYFLOAT", 4, 1, 1, 1, hincrbyfloat,
    "key field increment", "Adds to a field that is a number."
};
