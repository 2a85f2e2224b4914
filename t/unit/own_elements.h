/*
 * own_elements.h - the smallest commands over elements: a key of type 1 holds
 * how many it has, and has them.
 */

#ifndef FKV_T_OWN_ELEMENTS_H
#define FKV_T_OWN_ELEMENTS_H

#include "commands/call.h"
#include "commands/number.h"

#define T_TYPE  1


static int
e_head(fkv_call_t *call, int64_t *n)
{
    fkv_call_value_t  value;
    int               rc = fkv_call_get_any(call, call->ns, call->argv[1],
                                            &value);

    *n = 0;

    if (rc == FKV_NOTFOUND) {
        return FKV_OK;
    }

    if (rc == FKV_OK && value.type != T_TYPE) {
        return fkv_call_wrong_type(call, &value);
    }

    if (rc == FKV_OK && fkv_number_int(value.data, n) != FKV_OK) {
        return FKV_ECORRUPT;
    }

    return rc;
}


/* A key without elements does not exist. */
static int
e_head_put(fkv_call_t *call, int64_t n)
{
    char  *text = fkv_call_alloc(call, FKV_NUMBER_INT_BYTES);

    if (n == 0) {
        return fkv_call_delete(call, call->argv[1]);
    }

    return fkv_call_put_typed(call, call->ns, call->argv[1],
                              (fkv_str_t) { (uint8_t *) text,
                                            fkv_number_int_put(text, n) },
                              T_TYPE, 0, 0);
}


/* How many of every second argument from `from` on are there; asks for all. */
static int
e_count(fkv_call_t *call, unsigned from, unsigned step, int64_t *n)
{
    int  result = FKV_OK;

    *n = 0;

    for (unsigned i = from; i < call->argc; i += step) {
        fkv_call_value_t  value;
        int               rc;

        rc = fkv_call_get_element(call, call->ns, call->argv[1],
                                  call->argv[i], &value);

        if (rc == FKV_OK) {
            (*n)++;

        } else if (rc != FKV_NOTFOUND) {
            result = rc;
        }
    }

    return result;
}


/* HSET key name value [name value ...]: names differ */
static int
e_set(fkv_call_t *call)
{
    int64_t  n, there;
    int      rc = e_head(call, &n);

    if (rc == FKV_OK) {
        rc = e_count(call, 2, 2, &there);
    }

    if (rc == FKV_OK) {
        there = (int64_t) (call->argc - 2) / 2 - there;
        rc = e_head_put(call, n + there);
        fkv_reply_int(call->reply, there);
    }

    for (unsigned i = 2; i + 1 < call->argc && rc == FKV_OK; i += 2) {
        rc = fkv_call_put_element(call, call->ns, call->argv[1],
                                  call->argv[i], call->argv[i + 1], 0);
    }

    return rc;
}


/* Writes, and finds then that it should not have. */
static int
e_setbad(fkv_call_t *call)
{
    int  rc = e_set(call);

    return (rc == FKV_OK) ? fkv_call_fail(call, "ERR bad") : rc;
}


static int
e_get(fkv_call_t *call)
{
    fkv_call_value_t  value;
    int64_t           n;
    int               rc = e_head(call, &n);

    if (rc == FKV_OK) {
        rc = fkv_call_get_element(call, call->ns, call->argv[1],
                                  call->argv[2], &value);
    }

    if (rc == FKV_OK) {
        fkv_reply_str(call->reply, value.data);

    } else if (rc == FKV_NOTFOUND) {
        fkv_reply_null(call->reply);
        rc = FKV_OK;
    }

    return rc;
}


/* HDEL key name [name ...]: names differ */
static int
e_del(fkv_call_t *call)
{
    int64_t  n, gone = 0;
    int      rc = e_head(call, &n);

    if (rc == FKV_OK) {
        rc = e_count(call, 2, 1, &gone);
    }

    for (unsigned i = 2; i < call->argc && rc == FKV_OK; i++) {
        rc = fkv_call_delete_element(call, call->ns, call->argv[1],
                                     call->argv[i]);
        rc = (rc == FKV_NOTFOUND) ? FKV_OK : rc;
    }

    if (rc == FKV_OK && gone > 0) {
        rc = e_head_put(call, n - gone);
    }

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply, gone);
    }

    return rc;
}


static int
e_on_element(fkv_call_t *call, fkv_str_t name, const fkv_call_value_t *value,
    void *data)
{
    fkv_reply_str(call->reply, name);
    fkv_reply_str(call->reply, value->data);
    *(size_t *) data += 2;

    return FKV_OK;
}


/* HALL key [from to n]: "+" stands for nothing */
static int
e_all(fkv_call_t *call)
{
    fkv_str_t  from = FKV_STR_NULL, to = FKV_STR_NULL;
    int64_t    n = 0, count;
    size_t     begin, given = 0;
    int        rc = e_head(call, &count);

    if (rc != FKV_OK) {
        return rc;
    }

    if (call->argc == 5) {
        from = call->argv[2];
        to = call->argv[3];
        from.len = (from.data[0] == '+') ? 0 : from.len;
        to.len = (to.data[0] == '+') ? 0 : to.len;
        (void) fkv_number_int(call->argv[4], &n);
    }

    begin = fkv_reply_array_begin(call->reply);
    rc = fkv_call_scan_elements(call, call->ns, call->argv[1], from, to,
                                (uint64_t) n, e_on_element, &given);

    if (rc != FKV_OK && rc != FKV_END) {
        return rc;
    }

    /* The key says how many there are. */
    if (call->argc == 2 && given != 2 * (size_t) count) {
        return fkv_call_fail(call, "ERR %zu of %lld", given / 2,
                             (long long) count);
    }

    fkv_reply_array_end(call->reply, begin, given);

    return FKV_OK;
}


/* HADD key name: counts the element, and the key, up by one */
static int
e_add(fkv_call_t *call)
{
    fkv_call_value_t   value;
    int64_t            n, each = 0;
    char              *text = fkv_call_alloc(call, FKV_NUMBER_INT_BYTES);
    int                rc = e_head(call, &n);

    if (rc == FKV_OK) {
        rc = fkv_call_get_element(call, call->ns, call->argv[1],
                                  call->argv[2], &value);
    }

    if (rc == FKV_OK) {
        rc = fkv_number_int(value.data, &each);
    }

    if (rc == FKV_OK || rc == FKV_NOTFOUND) {
        rc = e_head_put(call, n + 1);
    }

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply, n + 1);
        rc = fkv_call_put_element(call, call->ns, call->argv[1],
                                  call->argv[2],
                                  (fkv_str_t) { (uint8_t *) text,
                                      fkv_number_int_put(text, each + 1) }, 0);
    }

    return rc;
}


#define E_READ   (FKV_COMMAND_READ | FKV_COMMAND_ELEMENTS)
#define E_WRITE  (FKV_COMMAND_WRITE | FKV_COMMAND_ELEMENTS)

/* HSETLATE does not say that it looks at elements. */
static const fkv_command_t  own_elements[] = {
    { .name = "HSET", .arity = -4, .flags = E_WRITE, .call = e_set,
      .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = "HSETLATE", .arity = -4, .flags = FKV_COMMAND_WRITE,
      .call = e_set, .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = "HSETBAD", .arity = -4, .flags = E_WRITE, .call = e_setbad,
      .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = "HGET", .arity = 3, .flags = E_READ, .call = e_get,
      .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = "HGETLATE", .arity = 3, .flags = FKV_COMMAND_READ,
      .call = e_get, .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = "HDEL", .arity = -3, .flags = E_WRITE, .call = e_del,
      .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = "HALL", .arity = -2, .flags = E_READ, .call = e_all,
      .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = "HADD", .arity = 3, .flags = E_WRITE, .call = e_add,
      .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = NULL }
};


#endif /* FKV_T_OWN_ELEMENTS_H */
