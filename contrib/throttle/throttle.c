/*
 * throttle.c - CL.THROTTLE, CL.PEEK, CL.REFUND: rate limits by GCRA, with the
 * arguments and the five integers of redis-cell.
 *
 * A limiter is an ordinary value: the time when the key owes nothing, eight
 * bytes, little-endian.  It expires at that time, so an idle key takes no room.
 */

#include <ferrokv_extension.h>

#include "gcra.h"

#define STATE_SIZE  8


static const ferrokv_metric  passed = {
    FERROKV_METRIC, 0, "throttle.passed", 0, 0, "what CL.THROTTLE let pass"
};

static const ferrokv_metric  limited = {
    FERROKV_METRIC, 0, "throttle.limited", 0, 0, "what CL.THROTTLE refused"
};


/* One call: its arguments, and the key as it is. */
typedef struct {
    gcra_rule   rule;
    int64_t     units;
    int64_t     now;
    int64_t     tat;            /* 0: there is no such key */
} limiter;


static int
read_number(ferrokv_str text, int64_t *number)
{
    const char  *p = text.data;

    if (text.len == 0 || text.len > 13) {
        return FERROKV_EARG;
    }

    *number = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return FERROKV_EARG;
        }

        *number = *number * 10 + (p[i] - '0');
    }

    return FERROKV_OK;
}


/* key max_burst count period [quantity] */
static int
read_arguments(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv,
    limiter *lim)
{
    int64_t  burst, count, period;

    if (argc > 6) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR syntax error");
    }

    lim->units = 1;

    if (read_number(argv[2], &burst) < 0 || read_number(argv[3], &count) < 0
        || read_number(argv[4], &period) < 0
        || (argc == 6 && read_number(argv[5], &lim->units) < 0))
    {
        return ctx->api->fail(ctx, FERROKV_EARG,
                              "ERR value is not an integer or out of range");
    }

    if (!gcra_make(&lim->rule, burst, count, period)
        || !gcra_fits(&lim->rule, lim->units))
    {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR no such rate: count and "
                              "period are at least 1, a unit takes at least a "
                              "nanosecond, all of them at most 100 years");
    }

    return FERROKV_OK;
}


static int
read_key(ferrokv_ctx *ctx, ferrokv_str key, limiter *lim)
{
    const ferrokv_str   head = { NULL, 0 };
    const uint8_t      *p;
    ferrokv_value       value;
    int                 rc;

    lim->now = (int64_t) ctx->now * 1000000;
    lim->tat = 0;

    rc = ctx->api->get(ctx, key, head, &value);
    if (rc < 0 || rc == FERROKV_NONE) {
        return rc < 0 ? rc : FERROKV_OK;
    }

    if (value.type != NULL || value.data.len != STATE_SIZE) {
        return ctx->api->fail(ctx, FERROKV_ETYPE, "WRONGTYPE Operation against "
                              "a key holding the wrong kind of value");
    }

    p = value.data.data;

    for (int i = STATE_SIZE; i-- > 0; ) {
        lim->tat = (int64_t) ((uint64_t) lim->tat << 8 | p[i]);
    }

    /* Bytes that SET wrote may say anything. */
    if (lim->tat > lim->now + GCRA_DEBT_MAX) {
        lim->tat = lim->now + GCRA_DEBT_MAX;
    }

    return FERROKV_OK;
}


static int
write_key(ferrokv_ctx *ctx, ferrokv_str key, const limiter *lim)
{
    const ferrokv_str  head = { NULL, 0 };
    uint8_t            state[STATE_SIZE];
    ferrokv_value      value = { { state, sizeof(state) }, NULL, 0 };
    int                rc;

    if (lim->tat <= lim->now) {
        rc = ctx->api->del(ctx, key, head);
        return rc < 0 ? rc : FERROKV_OK;
    }

    for (int i = 0; i < STATE_SIZE; i++) {
        state[i] = (uint8_t) (lim->tat >> 8 * i);
    }

    value.expires = (uint64_t) (lim->tat / 1000000 + 1);

    return ctx->api->put(ctx, key, head, &value);
}


static int
say(ferrokv_ctx *ctx, const limiter *lim, gcra_result result)
{
    const ferrokv_api  *api = ctx->api;

    api->say_array(ctx, 5);
    api->say_int(ctx, result.limited);
    api->say_int(ctx, lim->rule.limit);
    api->say_int(ctx, result.remaining);
    api->say_int(ctx, gcra_seconds(result.retry_after));

    return api->say_int(ctx, gcra_seconds(result.reset_after));
}


static int
throttle(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    limiter      lim;
    gcra_result  result;
    int          rc;

    if ((rc = read_arguments(ctx, argc, argv, &lim)) < 0
        || (rc = read_key(ctx, argv[1], &lim)) < 0)
    {
        return rc;
    }

    result = gcra_take(&lim.rule, lim.now, lim.units, &lim.tat);

    if (lim.units > 0) {
        rc = result.limited ? FERROKV_OK : write_key(ctx, argv[1], &lim);
        if (rc < 0) {
            return rc;
        }

        ctx->api->count(ctx, result.limited ? &limited : &passed, 1);
    }

    return say(ctx, &lim, result);
}


static int
peek(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    limiter      lim;
    gcra_result  asked, is;
    int          rc;

    if ((rc = read_arguments(ctx, argc, argv, &lim)) < 0
        || (rc = read_key(ctx, argv[1], &lim)) < 0)
    {
        return rc;
    }

    is = gcra_take(&lim.rule, lim.now, 0, &lim.tat);
    asked = gcra_take(&lim.rule, lim.now, lim.units, &lim.tat);
    is.limited = asked.limited;
    is.retry_after = asked.retry_after;

    return say(ctx, &lim, is);
}


static int
refund(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    limiter      lim;
    gcra_result  result;
    int          rc;

    if ((rc = read_arguments(ctx, argc, argv, &lim)) < 0
        || (rc = read_key(ctx, argv[1], &lim)) < 0)
    {
        return rc;
    }

    result = gcra_give(&lim.rule, lim.now, lim.units, &lim.tat);

    rc = write_key(ctx, argv[1], &lim);
    if (rc < 0) {
        return rc;
    }

    return say(ctx, &lim, result);
}


static const ferrokv_command  cl_throttle = {
    FERROKV_COMMAND, FERROKV_WRITE, "CL.THROTTLE", -5, 1, 1, 1, throttle,
    "key max_burst count period [quantity]",
    "Asks whether so much may pass at this rate, and counts it if it may."
};

static const ferrokv_command  cl_peek = {
    FERROKV_COMMAND, FERROKV_READ, "CL.PEEK", -5, 1, 1, 1, peek,
    "key max_burst count period [quantity]",
    "Says whether so much would pass at this rate, and counts nothing."
};

static const ferrokv_command  cl_refund = {
    FERROKV_COMMAND, FERROKV_WRITE, "CL.REFUND", -5, 1, 1, 1, refund,
    "key max_burst count period [quantity]",
    "Takes back what CL.THROTTLE has counted."
};

static const void *const  provides[] = {
    &cl_throttle, &cl_peek, &cl_refund, &passed, &limited, NULL
};

static const ferrokv_extension  extension = {
    sizeof(ferrokv_extension), 0, "throttle", FERROKV_VERSION, provides,
    NULL, 0, 0, NULL, NULL
};

FERROKV_DEFINE(extension);
