/*
 * own_commands.h - the smallest commands that need every part of a call, so
 * that its tests depend on no family.
 */

#ifndef FKV_T_OWN_COMMANDS_H
#define FKV_T_OWN_COMMANDS_H

#include "commands/call.h"
#include "commands/number.h"

#include <ctype.h>


static int
t_get(fkv_call_t *call)
{
    fkv_call_value_t  value;
    int               rc = fkv_call_get(call, call->argv[1], &value);

    if (rc == FKV_NOTFOUND) {
        fkv_reply_null(call->reply);
        return FKV_OK;
    }

    if (rc == FKV_OK) {
        fkv_reply_str(call->reply, value.data);
    }

    return rc;
}


static int
t_mget(fkv_call_t *call)
{
    fkv_reply_array(call->reply, call->argc - 1);

    for (unsigned i = 1; i < call->argc; i++) {
        fkv_call_value_t  value;
        int               rc = fkv_call_get(call, call->argv[i], &value);

        if (rc == FKV_OK) {
            fkv_reply_str(call->reply, value.data);

        } else if (rc == FKV_NOTFOUND) {
            fkv_reply_null(call->reply);

        } else {
            return rc;
        }
    }

    return FKV_OK;
}


/* SET key value [until], and any number of pairs for MSET. */
static int
t_set(fkv_call_t *call)
{
    for (unsigned i = 1; i + 1 < call->argc; i += 2) {
        int  rc = fkv_call_put(call, call->argv[i], call->argv[i + 1], 0);

        if (rc != FKV_OK) {
            return rc;
        }
    }

    fkv_reply_ok(call->reply);

    return FKV_OK;
}


static int
t_setuntil(fkv_call_t *call)
{
    int64_t  until;
    int      rc = fkv_call_int(call, 3, &until);

    if (rc == FKV_OK) {
        fkv_reply_ok(call->reply);
        rc = fkv_call_put(call, call->argv[1], call->argv[2],
                          (uint64_t) until);
    }

    return rc;
}


static int
t_setnx(fkv_call_t *call)
{
    fkv_call_value_t  value;
    int               rc = fkv_call_get(call, call->argv[1], &value);

    if (rc == FKV_NOTFOUND) {
        fkv_reply_int(call->reply, 1);
        return fkv_call_put(call, call->argv[1], call->argv[2], 0);
    }

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply, 0);
    }

    return rc;
}


static int
t_incr(fkv_call_t *call)
{
    fkv_call_value_t   value;
    int64_t            n = 0;
    char              *text;
    int                rc = fkv_call_get(call, call->argv[1], &value);

    if (rc == FKV_OK && fkv_number_int(value.data, &n) != FKV_OK) {
        return fkv_call_fail(call, "ERR value is not an integer or out of "
                             "range");
    }

    if (rc != FKV_OK && rc != FKV_NOTFOUND) {
        return rc;
    }

    text = fkv_call_alloc(call, FKV_NUMBER_INT_BYTES);
    fkv_reply_int(call->reply, ++n);

    return fkv_call_put(call, call->argv[1],
                        (fkv_str_t) { (uint8_t *) text,
                                      fkv_number_int_put(text, n) }, 0);
}


/* Puts the value first, and finds only then that it should not have. */
static int
t_setbad(fkv_call_t *call)
{
    (void) fkv_call_put(call, call->argv[1], call->argv[2], 0);
    fkv_reply_ok(call->reply);

    return fkv_call_fail(call, "ERR bad");
}


static int
t_del(fkv_call_t *call)
{
    int64_t  n = 0;

    for (unsigned i = 1; i < call->argc; i++) {
        int  rc = fkv_call_delete(call, call->argv[i]);

        if (rc != FKV_OK && rc != FKV_NOTFOUND) {
            return rc;
        }

        n += (rc == FKV_OK);
    }

    fkv_reply_int(call->reply, n);

    return FKV_OK;
}


/* RENAME from to: a value that get gave is put. */
static int
t_rename(fkv_call_t *call)
{
    fkv_call_value_t  value;
    int               rc = fkv_call_get(call, call->argv[1], &value);

    if (rc == FKV_NOTFOUND) {
        return fkv_call_fail(call, "ERR no such key");
    }

    if (rc == FKV_OK) {
        rc = fkv_call_delete(call, call->argv[1]);
    }

    if (rc == FKV_OK) {
        rc = fkv_call_put(call, call->argv[2], value.data, value.expire_at);
    }

    fkv_reply_ok(call->reply);

    return rc;
}


/* MOVE key ns: a key that no definition names. */
static int
t_move(fkv_call_t *call)
{
    fkv_call_value_t  value, there;
    int64_t           ns;
    int               rc = fkv_call_int(call, 2, &ns);

    if (rc != FKV_OK) {
        return rc;
    }

    rc = fkv_call_get(call, call->argv[1], &value);

    if (rc == FKV_OK) {
        rc = fkv_call_get_any(call, (unsigned) ns, call->argv[1], &there);
        rc = (rc == FKV_OK) ? FKV_NOTFOUND
             : (rc == FKV_NOTFOUND) ? FKV_OK : rc;
    }

    if (rc == FKV_NOTFOUND) {
        fkv_reply_int(call->reply, 0);
        return FKV_OK;
    }

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply, 1);
        (void) fkv_call_delete(call, call->argv[1]);
        rc = fkv_call_put_in(call, (unsigned) ns, call->argv[1], value.data,
                             0);
    }

    return rc;
}


static int
t_flush(fkv_call_t *call)
{
    fkv_reply_ok(call->reply);

    return fkv_call_clear(call, call->ns);
}


static int
t_on_key(fkv_call_t *call, fkv_str_t key, void *data)
{
    (*(size_t *) data)++;
    fkv_reply_str(call->reply, key);

    return FKV_OK;
}


/* KEYSX wants keys with an x in them. */
static bool
t_wants_x(const fkv_call_t *call, fkv_str_t key, unsigned type)
{
    fkv_str_t  name = call->argv[0];

    (void) type;

    return memchr(key.data, tolower(name.data[name.len - 1]), key.len) != NULL;
}


/* KEYS prefix after n: "+" stands for nothing. */
static int
t_walk(fkv_call_t *call, fkv_call_wants_pt wants)
{
    fkv_str_t  prefix = call->argv[1], after = call->argv[2], last;
    int64_t    n;
    size_t     begin, given = 0;
    int        rc = fkv_call_int(call, 3, &n);

    if (rc != FKV_OK) {
        return rc;
    }

    prefix.len = (prefix.data[0] == '+') ? 0 : prefix.len;
    after.len = (after.data[0] == '+') ? 0 : after.len;
    begin = fkv_reply_array_begin(call->reply);
    rc = fkv_call_scan(call, call->ns, prefix, after, (uint64_t) n, wants,
                       t_on_key, &given, &last);

    if (rc == FKV_OK) {
        fkv_reply_status(call->reply, "MORE");
        given++;
    }

    fkv_reply_array_end(call->reply, begin, given);

    return (rc == FKV_END) ? FKV_OK : rc;
}


static int
t_keys(fkv_call_t *call)
{
    return t_walk(call, NULL);
}


static int
t_keysx(fkv_call_t *call)
{
    return t_walk(call, t_wants_x);
}


static int
t_count(fkv_call_t *call)
{
    uint64_t  n;
    int       rc = fkv_call_count(call, call->ns, &n);

    fkv_reply_int(call->reply, (int64_t) n);

    return rc;
}


static int
t_select(fkv_call_t *call)
{
    int64_t  ns;
    int      rc = fkv_call_int(call, 1, &ns);

    if (rc == FKV_OK) {
        call->ns = (unsigned) ns;
        fkv_reply_ok(call->reply);
    }

    return rc;
}


/* More than there is. */
static int
t_hungry(fkv_call_t *call)
{
    (void) fkv_call_alloc(call, (size_t) 1 << 62);
    fkv_reply_ok(call->reply);

    return FKV_OK;
}


#define T_READ   FKV_COMMAND_READ
#define T_WRITE  FKV_COMMAND_WRITE
#define T_BLIND  (FKV_COMMAND_WRITE | FKV_COMMAND_BLIND)

static const fkv_command_t  own_commands[] = {
    { .name = "GET", .arity = 2, .flags = T_READ, .call = t_get,
      .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = "MGET", .arity = -2, .flags = T_READ, .call = t_mget,
      .first_key = 1, .last_key = -1, .key_step = 1 },
    { .name = "SET", .arity = 3, .flags = T_BLIND, .call = t_set,
      .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = "SETUNTIL", .arity = 4, .flags = T_BLIND, .call = t_setuntil,
      .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = "MSET", .arity = -3, .flags = T_BLIND, .call = t_set,
      .first_key = 1, .last_key = -1, .key_step = 2 },
    { .name = "SETNX", .arity = 3, .flags = T_WRITE, .call = t_setnx,
      .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = "SETBAD", .arity = 3, .flags = T_WRITE, .call = t_setbad,
      .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = "INCR", .arity = 2, .flags = T_WRITE, .call = t_incr,
      .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = "DEL", .arity = -2, .flags = T_WRITE | FKV_COMMAND_BARE,
      .call = t_del, .first_key = 1, .last_key = -1, .key_step = 1 },
    { .name = "RENAME", .arity = 3, .flags = T_WRITE, .call = t_rename,
      .first_key = 1, .last_key = 2, .key_step = 1 },
    { .name = "MOVE", .arity = 3, .flags = T_WRITE, .call = t_move,
      .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = "FLUSH", .arity = 1, .flags = T_WRITE, .call = t_flush },
    { .name = "KEYS", .arity = 4, .flags = T_READ, .call = t_keys },
    { .name = "KEYSX", .arity = 4, .flags = T_READ, .call = t_keysx },
    { .name = "COUNT", .arity = 1, .flags = T_READ, .call = t_count },
    { .name = "SELECT", .arity = 2, .flags = 0, .call = t_select },
    { .name = "HUNGRY", .arity = 1, .flags = 0, .call = t_hungry },
    { .name = NULL }
};


#endif /* FKV_T_OWN_COMMANDS_H */
