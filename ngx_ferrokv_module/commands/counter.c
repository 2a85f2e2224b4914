/*
 * counter.c - commands that count: a value read as a number, and written back.
 */

#include "commands/held.h"
#include "commands/number.h"

#include <math.h>


/* The time to live stays. */
static int
put_text(fkv_call_t *call, const fkv_held_t *held, char *text, size_t len)
{
    fkv_str_t  data = { (uint8_t *) text, len };

    return fkv_call_put(call, call->argv[1], data, held->value.expire_at);
}


static int
counter_add(fkv_call_t *call, int64_t by)
{
    fkv_held_t  held;
    int64_t     n = 0;
    char       *text;
    int         rc = fkv_held_get(call, 1, &held);

    if (rc != FKV_OK) {
        return rc;
    }

    if (held.exists && fkv_number_int(held.value.data, &n) != FKV_OK) {
        return fkv_call_fail(call,
                             "ERR value is not an integer or out of range");
    }

    if (__builtin_add_overflow(n, by, &n)) {
        return fkv_call_fail(call,
                             "ERR increment or decrement would overflow");
    }

    text = fkv_call_alloc(call, FKV_NUMBER_INT_BYTES);
    rc = put_text(call, &held, text, fkv_number_int_put(text, n));

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply, n);
    }

    return rc;
}


static int
counter_incr(fkv_call_t *call)
{
    return counter_add(call, 1);
}


static int
counter_decr(fkv_call_t *call)
{
    return counter_add(call, -1);
}


static int
counter_incrby(fkv_call_t *call)
{
    int64_t  by;
    int      rc = fkv_call_int(call, 2, &by);

    return (rc == FKV_OK) ? counter_add(call, by) : rc;
}


static int
counter_decrby(fkv_call_t *call)
{
    int64_t  by;
    int      rc = fkv_call_int(call, 2, &by);

    if (rc != FKV_OK) {
        return rc;
    }

    if (by == INT64_MIN) {
        return fkv_call_fail(call, "ERR decrement would overflow");
    }

    return counter_add(call, -by);
}


static int
counter_incrbyfloat(fkv_call_t *call)
{
    fkv_held_t   held;
    fkv_str_t    sum;
    long double  n = 0, by;
    char        *text;
    int          rc = fkv_held_get(call, 1, &held);

    if (rc != FKV_OK) {
        return rc;
    }

    if ((held.exists && fkv_number_real(held.value.data, &n) != FKV_OK)
        || fkv_number_real(call->argv[2], &by) != FKV_OK)
    {
        return fkv_call_fail(call, "ERR value is not a valid float");
    }

    if (!isfinite(n + by)) {
        return fkv_call_fail(call,
                             "ERR increment would produce NaN or Infinity");
    }

    text = fkv_call_alloc(call, FKV_NUMBER_REAL_BYTES);
    sum = (fkv_str_t) { (uint8_t *) text, fkv_number_real_put(text, n + by) };
    rc = put_text(call, &held, text, sum.len);

    if (rc == FKV_OK) {
        fkv_reply_str(call->reply, sum);
    }

    return rc;
}


#define WRITE  FKV_COMMAND_WRITE

const fkv_command_t  fkv_commands_counter[] = {
    { "DECR", 2, WRITE, 1, 1, 1, counter_decr, "string", "1.0.0",
      "key",
      "Takes one from an integer.", NULL },
    { "DECRBY", 3, WRITE, 1, 1, 1, counter_decrby, "string", "1.0.0",
      "key decrement",
      "Takes a number from an integer.", NULL },
    { "INCR", 2, WRITE, 1, 1, 1, counter_incr, "string", "1.0.0",
      "key",
      "Adds one to an integer; what does not exist counts as 0.", NULL },
    { "INCRBY", 3, WRITE, 1, 1, 1, counter_incrby, "string", "1.0.0",
      "key increment",
      "Adds a number to an integer.", NULL },
    { "INCRBYFLOAT", 3, WRITE, 1, 1, 1, counter_incrbyfloat, "string",
      "2.6.0",
      "key increment",
      "Adds to a number with a fraction.", NULL },
    { .name = NULL }
};
