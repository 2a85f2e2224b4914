/*
 * string.c - commands that read and write whole values, and parts of them.
 */

#include "commands/held.h"
#include "commands/types.h"

#include <string.h>

#define SECOND_MS  1000

typedef enum {
    OPTION_NX      = 0x001,
    OPTION_XX      = 0x002,
    OPTION_GET     = 0x004,
    OPTION_KEEPTTL = 0x008,
    OPTION_PERSIST = 0x010,
    OPTION_EX      = 0x020,
    OPTION_PX      = 0x040,
    OPTION_EXAT    = 0x080,
    OPTION_PXAT    = 0x100
} option_e;

#define OPTIONS_TIME                                                          \
    (OPTION_EX | OPTION_PX | OPTION_EXAT | OPTION_PXAT)
#define OPTIONS_SET    (OPTIONS_TIME | OPTION_NX | OPTION_XX | OPTION_GET     \
                        | OPTION_KEEPTTL)
#define OPTIONS_GETEX  (OPTIONS_TIME | OPTION_PERSIST)

/* The other times, and what is said of the time by a word alone. */
#define NOT_WITH(time)                                                        \
    ((OPTIONS_TIME & ~(time)) | OPTION_KEEPTTL | OPTION_PERSIST)

static const struct {
    const char  *word;
    option_e     option;
    unsigned     not_with;
} options[] = {
    { "NX",      OPTION_NX,      OPTION_XX },
    { "XX",      OPTION_XX,      OPTION_NX },
    { "GET",     OPTION_GET,     0 },
    { "KEEPTTL", OPTION_KEEPTTL, OPTIONS_TIME },
    { "PERSIST", OPTION_PERSIST, OPTIONS_TIME },
    { "EX",      OPTION_EX,      NOT_WITH(OPTION_EX) },
    { "PX",      OPTION_PX,      NOT_WITH(OPTION_PX) },
    { "EXAT",    OPTION_EXAT,    NOT_WITH(OPTION_EXAT) },
    { "PXAT",    OPTION_PXAT,    NOT_WITH(OPTION_PXAT) },
};

typedef struct {
    unsigned  given;            /* of option_e */
    unsigned  time;             /* the argument that holds it, of the last */
} how_t;


/* The option of `known` that argument i is; 0: it is none, or cannot be. */
static option_e
option_at(const fkv_call_t *call, unsigned i, unsigned known, unsigned given)
{
    for (size_t k = 0; k < sizeof(options) / sizeof(options[0]); k++) {
        if ((options[k].option & known)
            && fkv_call_is(call, i, options[k].word))
        {
            return (given & options[k].not_with) ? 0 : options[k].option;
        }
    }

    return 0;
}


static int
options_read(fkv_call_t *call, unsigned i, unsigned known, how_t *how)
{
    for ( ; i < call->argc; i++) {
        option_e  option = option_at(call, i, known, how->given);

        if (option == 0) {
            return fkv_call_syntax(call);
        }

        how->given |= option;

        if (option & OPTIONS_TIME) {
            if (++i == call->argc) {
                return fkv_call_syntax(call);
            }

            how->time = i;
        }
    }

    return FKV_OK;
}


/* Argument i as a time to live, or a time if option is EXAT or PXAT. */
static int
time_read(fkv_call_t *call, unsigned i, option_e option, const char *name,
    uint64_t *until)
{
    int64_t  unit = (option & (OPTION_EX | OPTION_EXAT)) ? SECOND_MS : 1;
    int64_t  from = (option & (OPTION_EX | OPTION_PX))
                    ? (int64_t) call->now_ms : 0;
    int64_t  n;

    if (fkv_call_int(call, i, &n) != FKV_OK) {
        return FKV_EINVAL;
    }

    if (n <= 0
        || __builtin_mul_overflow(n, unit, &n)
        || __builtin_add_overflow(n, from, &n))
    {
        return fkv_call_fail(call, "ERR invalid expire time in '%s' command",
                             name);
    }

    *until = (uint64_t) n;

    return FKV_OK;
}


static int
how_until(fkv_call_t *call, const how_t *how, const char *name,
    uint64_t *until)
{
    if (how->time == 0) {
        *until = 0;
        return FKV_OK;
    }

    return time_read(call, how->time, how->given & OPTIONS_TIME, name, until);
}


/* What would end before it begins is not there. */
static int
put_until(fkv_call_t *call, fkv_str_t data, uint64_t until)
{
    int  rc;

    if (until == 0 || until > call->now_ms) {
        return fkv_call_put(call, call->argv[1], data, until);
    }

    rc = fkv_call_delete(call, call->argv[1]);

    return (rc == FKV_NOTFOUND) ? FKV_OK : rc;
}


/* What its type says as a value; mostly there is no such thing. */
static int
typed_reply(fkv_call_t *call, const fkv_call_value_t *value)
{
    const fkv_type_t  *type = fkv_types_by_id(fkv_types_of(call->store),
                                              value->type);

    if (type == NULL || type->owner == NULL || type->output == NULL) {
        return fkv_call_wrong_type(call, value);
    }

    return type->output(type, call, call->argv[1], value);
}


static int
string_get(fkv_call_t *call)
{
    fkv_held_t  held;
    int         rc = fkv_held_any(call, 1, &held);

    if (rc == FKV_OK && held.value.type != 0) {
        return typed_reply(call, &held.value);
    }

    if (rc == FKV_OK) {
        fkv_held_reply(call, &held);
    }

    return rc;
}


/* Options that must know what is there. */
static int
set_with(fkv_call_t *call, const how_t *how, uint64_t until)
{
    fkv_held_t  held;
    bool        get = how->given & OPTION_GET;
    int         rc = get ? fkv_held_get(call, 1, &held)
                         : fkv_held_any(call, 1, &held);

    if (rc != FKV_OK) {
        return rc;
    }

    if (how->given & (held.exists ? OPTION_NX : OPTION_XX)) {
        if (get) {
            fkv_held_reply(call, &held);
        } else {
            fkv_reply_null(call->reply);
        }

        return FKV_OK;
    }

    if (how->given & OPTION_KEEPTTL) {
        until = held.value.expire_at;
    }

    rc = put_until(call, call->argv[2], until);
    if (rc != FKV_OK) {
        return rc;
    }

    if (get) {
        fkv_held_reply(call, &held);
    } else {
        fkv_reply_ok(call->reply);
    }

    return FKV_OK;
}


static int
string_set(fkv_call_t *call)
{
    how_t     how = { 0, 0 };
    uint64_t  until;
    int       rc;

    if (options_read(call, 3, OPTIONS_SET, &how) != FKV_OK
        || how_until(call, &how, "set", &until) != FKV_OK)
    {
        return FKV_EINVAL;
    }

    if (how.given & ~OPTIONS_TIME) {
        return set_with(call, &how, until);
    }

    rc = put_until(call, call->argv[2], until);
    if (rc == FKV_OK) {
        fkv_reply_ok(call->reply);
    }

    return rc;
}


static int
set_for(fkv_call_t *call, option_e option, const char *name)
{
    uint64_t  until = 0;
    int       rc = time_read(call, 2, option, name, &until);

    if (rc == FKV_OK) {
        rc = put_until(call, call->argv[3], until);
    }

    if (rc == FKV_OK) {
        fkv_reply_ok(call->reply);
    }

    return rc;
}


static int
string_setex(fkv_call_t *call)
{
    return set_for(call, OPTION_EX, "setex");
}


static int
string_psetex(fkv_call_t *call)
{
    return set_for(call, OPTION_PX, "psetex");
}


static int
string_setnx(fkv_call_t *call)
{
    fkv_held_t  held;
    int         rc = fkv_held_any(call, 1, &held);

    if (rc == FKV_OK && !held.exists) {
        rc = fkv_call_put(call, call->argv[1], call->argv[2], 0);
    }

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply, !held.exists);
    }

    return rc;
}


static int
string_getset(fkv_call_t *call)
{
    fkv_held_t  held;
    int         rc = fkv_held_get(call, 1, &held);

    if (rc == FKV_OK) {
        rc = fkv_call_put(call, call->argv[1], call->argv[2], 0);
    }

    if (rc == FKV_OK) {
        fkv_held_reply(call, &held);
    }

    return rc;
}


static int
string_getdel(fkv_call_t *call)
{
    fkv_held_t  held;
    int         rc = fkv_held_get(call, 1, &held);

    if (rc == FKV_OK && held.exists) {
        rc = fkv_call_delete(call, call->argv[1]);
    }

    if (rc == FKV_OK) {
        fkv_held_reply(call, &held);
    }

    return rc;
}


static int
string_getex(fkv_call_t *call)
{
    fkv_held_t  held;
    how_t       how = { 0, 0 };
    uint64_t    until;
    int         rc;

    if (options_read(call, 2, OPTIONS_GETEX, &how) != FKV_OK) {
        return FKV_EINVAL;
    }

    /* A time is not looked at if there is nothing that it could be of. */
    rc = fkv_held_get(call, 1, &held);
    if (rc == FKV_OK && held.exists) {
        rc = how_until(call, &how, "getex", &until);

        if (rc == FKV_OK && how.given && until != held.value.expire_at) {
            rc = put_until(call, held.value.data, until);
        }
    }

    if (rc == FKV_OK) {
        fkv_held_reply(call, &held);
    }

    return rc;
}


static int
string_mget(fkv_call_t *call)
{
    fkv_reply_array(call->reply, call->argc - 1);

    for (unsigned i = 1; i < call->argc; i++) {
        fkv_held_t  held;
        int         rc = fkv_held_any(call, i, &held);

        if (rc != FKV_OK) {
            return rc;
        }

        held.exists = held.exists && held.value.type == 0;
        fkv_held_reply(call, &held);
    }

    return FKV_OK;
}


static int
put_all(fkv_call_t *call)
{
    for (unsigned i = 1; i < call->argc; i += 2) {
        int  rc = fkv_call_put(call, call->argv[i], call->argv[i + 1], 0);

        if (rc != FKV_OK) {
            return rc;
        }
    }

    return FKV_OK;
}


/* Each key needs its value. */
static int
pairs_check(fkv_call_t *call, const char *name)
{
    if (call->argc % 2 == 0) {
        return fkv_call_fail(call, "ERR wrong number of arguments for '%s' "
                             "command", name);
    }

    return FKV_OK;
}


static int
string_mset(fkv_call_t *call)
{
    int  rc = pairs_check(call, "mset");

    if (rc == FKV_OK) {
        rc = put_all(call);
    }

    if (rc == FKV_OK) {
        fkv_reply_ok(call->reply);
    }

    return rc;
}


static int
string_msetnx(fkv_call_t *call)
{
    int  rc = pairs_check(call, "msetnx");

    for (unsigned i = 1; rc == FKV_OK && i < call->argc; i += 2) {
        fkv_held_t  held;

        rc = fkv_held_any(call, i, &held);

        if (rc == FKV_OK && held.exists) {
            fkv_reply_int(call->reply, 0);
            return FKV_OK;
        }
    }

    if (rc == FKV_OK) {
        rc = put_all(call);
    }

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply, 1);
    }

    return rc;
}


static int
string_strlen(fkv_call_t *call)
{
    fkv_held_t  held;
    int         rc = fkv_held_get(call, 1, &held);

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply, (int64_t) held.value.data.len);
    }

    return rc;
}


/* The argument i is written at a place of what is held; the answer is all. */
static int
write_at(fkv_call_t *call, const fkv_held_t *held, uint64_t at, unsigned i)
{
    fkv_str_t  part = call->argv[i];
    fkv_str_t  all = { NULL, fkv__max(held->value.data.len, at + part.len) };
    uint8_t   *data;
    int        rc = fkv_held_copy(call, held, all.len, &data);

    if (rc != FKV_OK) {
        return rc;
    }

    if (part.len > 0) {
        memcpy(data + at, part.data, part.len);
    }

    all.data = data;
    rc = fkv_call_put(call, call->argv[1], all, held->value.expire_at);

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply, (int64_t) all.len);
    }

    return rc;
}


static int
string_append(fkv_call_t *call)
{
    fkv_held_t  held;
    int         rc = fkv_held_get(call, 1, &held);

    return (rc == FKV_OK) ? write_at(call, &held, held.value.data.len, 2) : rc;
}


static int
string_setrange(fkv_call_t *call)
{
    fkv_held_t  held;
    int64_t     at;
    int         rc = fkv_call_int(call, 2, &at);

    if (rc != FKV_OK) {
        return rc;
    }

    if (at < 0) {
        return fkv_call_fail(call, "ERR offset is out of range");
    }

    rc = fkv_held_get(call, 1, &held);
    if (rc != FKV_OK) {
        return rc;
    }

    /* Nothing is written, so nothing is padded either. */
    if (call->argv[3].len == 0) {
        fkv_reply_int(call->reply, (int64_t) held.value.data.len);
        return FKV_OK;
    }

    return write_at(call, &held, (uint64_t) at, 3);
}


static int
string_getrange(fkv_call_t *call)
{
    fkv_held_t  held;
    fkv_str_t   part = FKV_STR_NULL;
    int64_t     from, to;
    uint64_t    first, end;
    int         rc;

    if (fkv_call_int(call, 2, &from) != FKV_OK
        || fkv_call_int(call, 3, &to) != FKV_OK)
    {
        return FKV_EINVAL;
    }

    rc = fkv_held_get(call, 1, &held);
    if (rc != FKV_OK) {
        return rc;
    }

    if (!fkv_held_reversed(from, to)
        && fkv_held_range(from, to, held.value.data.len, &first, &end))
    {
        part.data = held.value.data.data + first;
        part.len = end - first;
    }

    fkv_reply_str(call->reply, part);

    return FKV_OK;
}


#define READ   FKV_COMMAND_READ
#define WRITE  FKV_COMMAND_WRITE
#define BARE   FKV_COMMAND_BARE
#define BLIND  (FKV_COMMAND_WRITE | FKV_COMMAND_BLIND)

const fkv_command_t  fkv_commands_string[] = {
    { "APPEND", 3, WRITE, 1, 1, 1, string_append, "string", "2.0.0",
      "key value",
      "Puts bytes behind a value, which may not exist yet.", NULL },
    { "GET", 2, READ, 1, 1, 1, string_get, "string", "1.0.0",
      "key",
      "The value of a key.", NULL },
    { "GETDEL", 2, WRITE, 1, 1, 1, string_getdel, "string", "6.2.0",
      "key",
      "The value of a key, which is deleted.", NULL },
    { "GETEX", -2, WRITE, 1, 1, 1, string_getex, "string", "6.2.0",
      "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
      "PXAT unix-time-milliseconds | PERSIST]",
      "The value of a key, whose time to live is changed.", NULL },
    { "GETRANGE", 4, READ, 1, 1, 1, string_getrange, "string", "2.4.0",
      "key start end",
      "Bytes of a value, from the first to the last that are named.", NULL },
    { "GETSET", 3, WRITE, 1, 1, 1, string_getset, "string", "1.0.0",
      "key value",
      "The value that a key had before it was set to another.", NULL },
    { "MGET", -2, READ, 1, -1, 1, string_mget, "string", "1.0.0",
      "key [key ...]",
      "The values of several keys, at one moment.", NULL },
    { "MSET", -3, BLIND, 1, -1, 2, string_mset, "string", "1.0.1",
      "key value [key value ...]",
      "Sets several keys, all or none.", NULL },
    { "MSETNX", -3, WRITE | BARE, 1, -1, 2, string_msetnx, "string", "1.0.1",
      "key value [key value ...]",
      "Sets several keys if none of them exists.", NULL },
    { "PSETEX", 4, BLIND, 1, 1, 1, string_psetex, "string", "2.6.0",
      "key milliseconds value",
      "Sets a key that lives for so many milliseconds.", NULL },
    { "SET", -3, BLIND, 1, 1, 1, string_set, "string", "1.0.0",
      "key value [NX | XX] [GET] [EX seconds | PX milliseconds | "
      "EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
      "Sets a key, on conditions and for a time if they are given.", NULL },
    { "SETEX", 4, BLIND, 1, 1, 1, string_setex, "string", "2.0.0",
      "key seconds value",
      "Sets a key that lives for so many seconds.", NULL },
    { "SETNX", 3, WRITE | BARE, 1, 1, 1, string_setnx, "string", "1.0.0",
      "key value",
      "Sets a key if it does not exist.", NULL },
    { "SETRANGE", 4, WRITE, 1, 1, 1, string_setrange, "string", "2.2.0",
      "key offset value",
      "Overwrites a part of a value; zeros fill a gap before it.", NULL },
    { "STRLEN", 2, READ | BARE, 1, 1, 1, string_strlen, "string", "2.2.0",
      "key",
      "The number of bytes of a value.", NULL },
    { "SUBSTR", 4, READ, 1, 1, 1, string_getrange, "string", "1.0.0",
      "key start end",
      "The old name of GETRANGE.", NULL },
    { .name = NULL }
};
