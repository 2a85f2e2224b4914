/*
 * expire.c - commands over the time to live.
 *
 * A time that is over deletes the key at once, as Redis does; one that is said
 * in seconds is answered to the nearest.
 */

#include "commands/call.h"

#define SECOND_MS  1000

typedef enum {
    EXPIRE_NX = 0x1,
    EXPIRE_XX = 0x2,
    EXPIRE_GT = 0x4,
    EXPIRE_LT = 0x8
} expire_e;


static int
options_read(fkv_call_t *call, unsigned *options)
{
    static const struct {
        const char  *word;
        expire_e     option;
    } words[] = {
        { "NX", EXPIRE_NX }, { "XX", EXPIRE_XX },
        { "GT", EXPIRE_GT }, { "LT", EXPIRE_LT }
    };

    *options = 0;

    for (unsigned i = 3; i < call->argc; i++) {
        unsigned  option = 0;

        for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
            if (fkv_call_is(call, i, words[k].word)) {
                option = words[k].option;
            }
        }

        if (option == 0) {
            return fkv_call_fail(call, "ERR Unsupported option %.*s",
                                 (int) fkv__min(call->argv[i].len, 128),
                                 (const char *) call->argv[i].data);
        }

        *options |= option;
    }

    if ((*options & EXPIRE_NX) && (*options & ~(unsigned) EXPIRE_NX)) {
        return fkv_call_fail(call, "ERR NX and XX, GT or LT options at the "
                             "same time are not compatible");
    }

    if ((*options & EXPIRE_GT) && (*options & EXPIRE_LT)) {
        return fkv_call_fail(call, "ERR GT and LT options at the same time "
                             "are not compatible");
    }

    return FKV_OK;
}


/* The second argument as a moment, which may be over. */
static int
until_read(fkv_call_t *call, const char *name, int64_t unit, bool absolute,
    int64_t *until)
{
    int64_t  from = absolute ? 0 : (int64_t) call->now_ms;

    if (fkv_call_int(call, 2, until) != FKV_OK) {
        return FKV_EINVAL;
    }

    if (__builtin_mul_overflow(*until, unit, until)
        || __builtin_add_overflow(*until, from, until))
    {
        return fkv_call_fail(call, "ERR invalid expire time in '%s' command",
                             name);
    }

    return FKV_OK;
}


/* What never expires, does so later than anything. */
static bool
expire_may(unsigned options, uint64_t has, int64_t until)
{
    if ((options & EXPIRE_NX) && has != 0) {
        return false;
    }

    if ((options & EXPIRE_XX) && has == 0) {
        return false;
    }

    if ((options & EXPIRE_GT) && (has == 0 || until <= (int64_t) has)) {
        return false;
    }

    return !(options & EXPIRE_LT) || has == 0 || until < (int64_t) has;
}


static int
expire_put(fkv_call_t *call, fkv_call_value_t *value, uint64_t until)
{
    value->expire_at = until;

    return fkv_call_put_value(call, call->ns, call->argv[1], value);
}


static int
expire_set(fkv_call_t *call, const char *name, int64_t unit, bool absolute)
{
    fkv_call_value_t  value;
    unsigned          options;
    int64_t           until;
    int               rc;

    if (options_read(call, &options) != FKV_OK
        || until_read(call, name, unit, absolute, &until) != FKV_OK)
    {
        return FKV_EINVAL;
    }

    rc = fkv_call_get_any(call, call->ns, call->argv[1], &value);

    if (rc == FKV_OK && !expire_may(options, value.expire_at, until)) {
        rc = FKV_NOTFOUND;
    }

    if (rc == FKV_NOTFOUND) {
        fkv_reply_int(call->reply, 0);
        return FKV_OK;
    }

    if (rc == FKV_OK) {
        rc = (until <= (int64_t) call->now_ms)
             ? fkv_call_delete(call, call->argv[1])
             : expire_put(call, &value, (uint64_t) until);
    }

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply, 1);
    }

    return rc;
}


static int
expire_for_seconds(fkv_call_t *call)
{
    return expire_set(call, "expire", SECOND_MS, false);
}


static int
expire_for_ms(fkv_call_t *call)
{
    return expire_set(call, "pexpire", 1, false);
}


static int
expire_at_seconds(fkv_call_t *call)
{
    return expire_set(call, "expireat", SECOND_MS, true);
}


static int
expire_at_ms(fkv_call_t *call)
{
    return expire_set(call, "pexpireat", 1, true);
}


static int
expire_get(fkv_call_t *call, uint64_t unit, bool absolute)
{
    fkv_call_value_t  value;
    uint64_t          from = absolute ? 0 : call->now_ms;
    int               rc = fkv_call_get_any(call, call->ns, call->argv[1],
                                            &value);

    if (rc != FKV_OK && rc != FKV_NOTFOUND) {
        return rc;
    }

    if (rc == FKV_NOTFOUND) {
        fkv_reply_int(call->reply, -2);

    } else if (value.expire_at == 0) {
        fkv_reply_int(call->reply, -1);

    } else {
        fkv_reply_int(call->reply, (int64_t)
                      ((value.expire_at - from + unit / 2) / unit));
    }

    return FKV_OK;
}


static int
expire_ttl(fkv_call_t *call)
{
    return expire_get(call, SECOND_MS, false);
}


static int
expire_pttl(fkv_call_t *call)
{
    return expire_get(call, 1, false);
}


static int
expire_time(fkv_call_t *call)
{
    return expire_get(call, SECOND_MS, true);
}


static int
expire_ptime(fkv_call_t *call)
{
    return expire_get(call, 1, true);
}


static int
expire_persist(fkv_call_t *call)
{
    fkv_call_value_t  value;
    int               rc = fkv_call_get_any(call, call->ns, call->argv[1],
                                            &value);
    bool              change = (rc == FKV_OK && value.expire_at != 0);

    if (change) {
        rc = expire_put(call, &value, 0);
    }

    if (rc != FKV_OK && rc != FKV_NOTFOUND) {
        return rc;
    }

    fkv_reply_int(call->reply, change);

    return FKV_OK;
}


#define READ_BARELY                                                           \
    (FKV_COMMAND_READ | FKV_COMMAND_BARE | FKV_COMMAND_QUIET)

const fkv_command_t  fkv_commands_expire[] = {
    { "EXPIRE", -3, FKV_COMMAND_WRITE, 1, 1, 1, expire_for_seconds,
      "generic", "1.0.0", "key seconds [NX | XX | GT | LT]",
      "Has a key expire after so many seconds.", NULL },
    { "EXPIREAT", -3, FKV_COMMAND_WRITE, 1, 1, 1, expire_at_seconds,
      "generic", "1.2.0", "key unix-time-seconds [NX | XX | GT | LT]",
      "Has a key expire at a time in seconds.", NULL },
    { "EXPIRETIME", 2, READ_BARELY, 1, 1, 1, expire_time, "generic",
      "7.0.0", "key",
      "Tells when a key expires, in seconds.", NULL },
    { "PERSIST", 2, FKV_COMMAND_WRITE, 1, 1, 1, expire_persist, "generic",
      "2.2.0", "key", "Lets a key expire no more.", NULL },
    { "PEXPIRE", -3, FKV_COMMAND_WRITE, 1, 1, 1, expire_for_ms, "generic",
      "2.6.0", "key milliseconds [NX | XX | GT | LT]",
      "Has a key expire after so many milliseconds.", NULL },
    { "PEXPIREAT", -3, FKV_COMMAND_WRITE, 1, 1, 1, expire_at_ms, "generic",
      "2.6.0", "key unix-time-milliseconds [NX | XX | GT | LT]",
      "Has a key expire at a time in milliseconds.", NULL },
    { "PEXPIRETIME", 2, READ_BARELY, 1, 1, 1, expire_ptime, "generic",
      "7.0.0", "key",
      "Tells when a key expires, in milliseconds.", NULL },
    { "PTTL", 2, READ_BARELY, 1, 1, 1, expire_pttl, "generic", "2.6.0",
      "key",
      "Tells how many milliseconds a key has to live.", NULL },
    { "TTL", 2, READ_BARELY, 1, 1, 1, expire_ttl, "generic", "1.0.0",
      "key",
      "Tells how many seconds a key has to live.", NULL },
    { .name = NULL }
};
