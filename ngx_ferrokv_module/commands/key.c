/*
 * key.c - commands over whole keys, and over whole databases.
 */

#include "commands/call.h"
#include "commands/number.h"
#include "commands/types.h"

#include <string.h>

/* Where elements are copied to. */
typedef struct {
    unsigned   ns;
    fkv_str_t  to;
} place_t;


/* What each key answered, counted. */
static int
keys_count(fkv_call_t *call, int (*each)(fkv_call_t *call, fkv_str_t key))
{
    int64_t  n = 0;

    for (unsigned i = 1; i < call->argc; i++) {
        int  rc = each(call, call->argv[i]);

        if (rc != FKV_OK && rc != FKV_NOTFOUND) {
            return rc;
        }

        n += (rc == FKV_OK);
    }

    fkv_reply_int(call->reply, n);

    return FKV_OK;
}


static int
key_exists(fkv_call_t *call, fkv_str_t key)
{
    fkv_call_value_t  value;

    return fkv_call_get_any(call, call->ns, key, &value);
}


static int
keys_del(fkv_call_t *call)
{
    return keys_count(call, fkv_call_delete);
}


static int
keys_exists(fkv_call_t *call)
{
    return keys_count(call, key_exists);
}


static int
key_type(fkv_call_t *call)
{
    fkv_call_value_t  value;
    int               rc = fkv_call_get_any(call, call->ns, call->argv[1],
                                            &value);

    if (rc != FKV_OK && rc != FKV_NOTFOUND) {
        return rc;
    }

    fkv_reply_status(call->reply, (rc == FKV_OK)
                                  ? fkv_types_label(call->store, value.type)
                                  : "none");

    return FKV_OK;
}


/* FKV_OK only if the key exists; else the failure, replied. */
static int
rename_from(fkv_call_t *call, fkv_call_value_t *value)
{
    int  rc = fkv_call_get_any(call, call->ns, call->argv[1], value);

    return (rc == FKV_NOTFOUND) ? fkv_call_fail(call, "ERR no such key") : rc;
}


static bool
rename_itself(const fkv_call_t *call)
{
    return call->argv[1].len == call->argv[2].len
           && memcmp(call->argv[1].data, call->argv[2].data,
                     call->argv[1].len) == 0;
}


static int
element_place(fkv_call_t *call, fkv_str_t name, const fkv_call_value_t *value,
    void *data)
{
    const place_t  *place = data;

    return fkv_call_put_element(call, place->ns, place->to, name, value->data,
                                value->expire_at);
}


/* The first key's value, and its elements, under another name. */
static int
key_place(fkv_call_t *call, unsigned ns, fkv_str_t to,
    const fkv_call_value_t *value)
{
    place_t           place = { .ns = ns, .to = to };
    fkv_call_value_t  copy = *value;
    int               rc;

    copy.stamp = 0;
    rc = fkv_call_put_value(call, ns, to, &copy);

    if (rc == FKV_OK && value->stamp != 0) {
        rc = fkv_call_each_element(call, call->ns, call->argv[1],
                                   element_place, &place);
    }

    return rc;
}


static int
rename_move(fkv_call_t *call, const fkv_call_value_t *value)
{
    int  rc = key_place(call, call->ns, call->argv[2], value);

    return (rc == FKV_OK) ? fkv_call_delete(call, call->argv[1]) : rc;
}


static int
key_rename(fkv_call_t *call)
{
    fkv_call_value_t  value;
    int               rc = rename_from(call, &value);

    if (rc == FKV_OK && !rename_itself(call)) {
        rc = rename_move(call, &value);
    }

    if (rc == FKV_OK) {
        fkv_reply_ok(call->reply);
    }

    return rc;
}


static int
key_renamenx(fkv_call_t *call)
{
    fkv_call_value_t  value, other;
    int               rc = rename_from(call, &value);

    if (rc != FKV_OK) {
        return rc;
    }

    rc = fkv_call_get_any(call, call->ns, call->argv[2], &other);

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply, 0);
        return FKV_OK;
    }

    if (rc == FKV_NOTFOUND) {
        rc = rename_move(call, &value);
    }

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply, 1);
    }

    return rc;
}


/* Argument i as a user's database; a failure is replied. */
static int
database_at(fkv_call_t *call, unsigned i, unsigned *ns)
{
    int64_t  n;

    if (fkv_call_int(call, i, &n) != FKV_OK) {
        return FKV_EINVAL;
    }

    if (n < 0 || n >= FKV_NAMESPACE_USERS) {
        return fkv_call_fail(call, "ERR DB index is out of range");
    }

    *ns = (unsigned) n;

    return FKV_OK;
}


static int
same_objects(fkv_call_t *call)
{
    return fkv_call_fail(call, "ERR source and destination objects are the "
                         "same");
}


/* Puts the first key's value there; 1 is replied, or 0 if it cannot be. */
static int
key_duplicate(fkv_call_t *call, unsigned ns, fkv_str_t to, bool replace,
    bool drop)
{
    fkv_call_value_t  value, other;
    int               rc = fkv_call_get_any(call, call->ns, call->argv[1],
                                            &value);

    if ((rc == FKV_OK || rc == FKV_NOTFOUND) && !drop) {
        fkv_call_looked(call, rc == FKV_OK);
    }

    if (rc == FKV_OK && !replace) {
        rc = fkv_call_get_any(call, ns, to, &other);
        rc = (rc == FKV_OK) ? FKV_EXISTS : (rc == FKV_NOTFOUND) ? FKV_OK : rc;
    }

    if (rc == FKV_NOTFOUND || rc == FKV_EXISTS) {
        fkv_reply_int(call->reply, 0);
        return FKV_OK;
    }

    if (rc == FKV_OK) {
        rc = key_place(call, ns, to, &value);
    }

    if (rc == FKV_OK && drop) {
        rc = fkv_call_delete(call, call->argv[1]);
    }

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply, 1);
    }

    return rc;
}


static int
key_copy(fkv_call_t *call)
{
    unsigned  ns = call->ns;
    bool      replace = false;

    for (unsigned i = 3; i < call->argc; i++) {

        if (fkv_call_is(call, i, "REPLACE")) {
            replace = true;

        } else if (fkv_call_is(call, i, "DB") && i + 1 < call->argc) {

            if (database_at(call, ++i, &ns) != FKV_OK) {
                return FKV_EINVAL;
            }

        } else {
            return fkv_call_syntax(call);
        }
    }

    if (ns == call->ns && rename_itself(call)) {
        return same_objects(call);
    }

    return key_duplicate(call, ns, call->argv[2], replace, false);
}


static int
key_move(fkv_call_t *call)
{
    unsigned  ns = call->ns;

    if (database_at(call, 2, &ns) != FKV_OK) {
        return FKV_EINVAL;
    }

    if (ns == call->ns) {
        return same_objects(call);
    }

    return key_duplicate(call, ns, call->argv[1], false, true);
}


static int
database_size(fkv_call_t *call)
{
    uint64_t  n;
    int       rc = fkv_call_count(call, call->ns, &n);

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply, (int64_t) n);
    }

    return rc;
}


/* Either way it takes no time: a range is deleted, whatever is in it. */
static int
databases_clear(fkv_call_t *call, unsigned from, unsigned to)
{
    if (call->argc > 2
        || (call->argc == 2 && !fkv_call_is(call, 1, "ASYNC")
            && !fkv_call_is(call, 1, "SYNC")))
    {
        return fkv_call_syntax(call);
    }

    for (unsigned ns = from; ns <= to; ns++) {
        int  rc = fkv_call_clear(call, ns);

        if (rc != FKV_OK) {
            return rc;
        }
    }

    fkv_reply_ok(call->reply);

    return FKV_OK;
}


static int
database_flush(fkv_call_t *call)
{
    return databases_clear(call, call->ns, call->ns);
}


static int
databases_flush(fkv_call_t *call)
{
    return databases_clear(call, 0, FKV_NAMESPACE_USERS - 1);
}


/*
 * Each key on disk carries the number of its database, so nothing less than
 * writing both anew could swap them.
 */
static int
databases_swap(fkv_call_t *call)
{
    static const char *const  which[] = { "first", "second" };
    unsigned                  ns;
    int64_t                   n;

    for (unsigned i = 0; i < 2; i++) {
        if (fkv_number_int(call->argv[i + 1], &n) != FKV_OK) {
            return fkv_call_fail(call, "ERR invalid %s DB index", which[i]);
        }
    }

    for (unsigned i = 1; i <= 2; i++) {
        if (database_at(call, i, &ns) != FKV_OK) {
            return FKV_EINVAL;
        }
    }

    return fkv_call_fail(call, "ERR SWAPDB is not supported: every key holds "
                         "the number of its database, all would have to be "
                         "written again");
}


#define READ_BARELY                                                           \
    (FKV_COMMAND_READ | FKV_COMMAND_BARE | FKV_COMMAND_QUIET)

const fkv_command_t  fkv_commands_key[] = {
    { "COPY", -3, FKV_COMMAND_WRITE, 1, 2, 1, key_copy, "generic", "6.2.0",
      "source destination [DB destination-db] [REPLACE]",
      "Puts a key's value and expiry under another key, too.", NULL },
    { "DBSIZE", 1, FKV_COMMAND_READ | FKV_COMMAND_SLOW, 0, 0, 0,
      database_size, "server", "1.0.0", "",
      "Counts the keys of the selected database.", NULL },
    { "DEL", -2, FKV_COMMAND_WRITE | FKV_COMMAND_BARE, 1, -1, 1, keys_del,
      "generic", "1.0.0", "key [key ...]", "Deletes keys.", NULL },
    { "EXISTS", -2, READ_BARELY, 1, -1, 1, keys_exists, "generic", "1.0.0",
      "key [key ...]",
      "Counts those of the keys that exist.", NULL },
    { "FLUSHALL", -1, FKV_COMMAND_WRITE | FKV_COMMAND_ADMIN, 0, 0, 0,
      databases_flush, "server", "1.0.0", "[ASYNC | SYNC]",
      "Deletes all keys of all databases, at once.", NULL },
    { "FLUSHDB", -1, FKV_COMMAND_WRITE | FKV_COMMAND_ADMIN, 0, 0, 0,
      database_flush, "server", "1.0.0", "[ASYNC | SYNC]",
      "Deletes all keys of the selected database, at once.", NULL },
    { "MOVE", 3, FKV_COMMAND_WRITE, 1, 1, 1, key_move, "generic", "1.0.0",
      "key db", "Moves a key to another database.", NULL },
    { "RENAME", 3, FKV_COMMAND_WRITE, 1, 2, 1, key_rename, "generic",
      "1.0.0", "key newkey",
      "Gives a key another name, whatever had that before.", NULL },
    { "RENAMENX", 3, FKV_COMMAND_WRITE, 1, 2, 1, key_renamenx, "generic",
      "1.0.0", "key newkey",
      "Gives a key another name that no key has yet.", NULL },
    { "SWAPDB", 3, FKV_COMMAND_WRITE, 0, 0, 0, databases_swap, "server",
      "4.0.0", "index1 index2", "Answers why databases are not swapped.",
      NULL },
    { "TOUCH", -2, FKV_COMMAND_READ | FKV_COMMAND_BARE, 1, -1, 1,
      keys_exists, "generic", "3.2.1", "key [key ...]",
      "Uses keys, for eviction to know, and counts those that exist.", NULL },
    { "TYPE", 2, READ_BARELY, 1, 1, 1, key_type, "generic", "1.0.0", "key",
      "Tells what a key holds.", NULL },
    { "UNLINK", -2, FKV_COMMAND_WRITE | FKV_COMMAND_BARE, 1, -1, 1, keys_del,
      "generic", "4.0.0", "key [key ...]", "Deletes keys.", NULL },
    { .name = NULL }
};
