/*
 * dump.c - DUMP and RESTORE.
 */

#include "commands/call.h"
#include "commands/payload.h"
#include "commands/types.h"

#include <string.h>

typedef struct {
    bool  replace;
    bool  absolute;
} restore_t;

typedef struct {
    uint64_t   elements;
    size_t     bytes;           /* that they take at most */
    uint8_t   *at;
} dump_t;


static int
element_measure(fkv_call_t *call, fkv_str_t name,
    const fkv_call_value_t *value, void *data)
{
    dump_t  *dump = data;

    dump->elements++;
    dump->bytes += FKV_PAYLOAD_ELEMENT_SIZE(name.len, value->data.len);

    if (dump->bytes > fkv_call_value_max(call)) {
        return fkv_call_fail(call, "ERR the key and its elements are too "
                             "large to be dumped (max_value is %llu bytes)",
                             (unsigned long long) fkv_call_value_max(call));
    }

    return FKV_OK;
}


static int
element_dump(fkv_call_t *call, fkv_str_t name, const fkv_call_value_t *value,
    void *data)
{
    dump_t  *dump = data;

    (void) call;
    dump->at += fkv_payload_put_element(dump->at, name, value->data,
                                        value->expire_at);

    return FKV_OK;
}


/* Its elements are gone through twice, the second time in memory. */
static int
dump_typed(fkv_call_t *call, const fkv_call_value_t *value)
{
    const fkv_type_t  *type = fkv_types_by_id(fkv_types_of(call->store),
                                              value->type);
    fkv_str_t          key = call->argv[1], name;
    dump_t             dump = { .elements = 0 };
    uint8_t           *out;
    int                rc;

    if (type == NULL) {
        return fkv_call_wrong_type(call, value);
    }

    rc = fkv_call_each_element(call, call->ns, key, element_measure, &dump);

    if (rc != FKV_OK) {
        return rc;
    }

    name = (fkv_str_t) { (const uint8_t *) type->name, strlen(type->name) };
    out = fkv_call_alloc(call, dump.bytes
                         + FKV_PAYLOAD_TYPED_SIZE(name.len, value->data.len));
    dump.at = out + fkv_payload_put_typed(out, name, value->encver,
                                          value->data, dump.elements);
    rc = fkv_call_each_element(call, call->ns, key, element_dump, &dump);

    if (rc == FKV_OK) {
        dump.at += fkv_payload_put_end(out, dump.at);
        fkv_reply_str(call->reply,
                      (fkv_str_t) { out, (size_t) (dump.at - out) });
    }

    return rc;
}


static int
dump_key(fkv_call_t *call)
{
    fkv_call_value_t  value;
    uint8_t          *out;
    int               rc = fkv_call_get_any(call, call->ns, call->argv[1],
                                            &value);

    if (rc == FKV_NOTFOUND) {
        fkv_reply_null(call->reply);
        return FKV_OK;
    }

    if (rc == FKV_OK && value.type != 0) {
        return dump_typed(call, &value);
    }

    if (rc == FKV_OK) {
        out = fkv_call_alloc(call, FKV_PAYLOAD_SIZE(value.data.len));
        fkv_reply_str(call->reply, (fkv_str_t) {
            out, fkv_payload_put(out, value.data)
        });
    }

    return rc;
}


/* The number behind option i, from 0 to max. */
static int
use_read(fkv_call_t *call, unsigned i, const char *name, int64_t max,
    const char *bound)
{
    int64_t  n;

    if (fkv_call_int(call, i + 1, &n) != FKV_OK) {
        return FKV_EINVAL;
    }

    if (n < 0 || n > max) {
        return fkv_call_fail(call, "ERR Invalid %s value, must be >= 0%s",
                             name, bound);
    }

    return FKV_OK;
}


/*
 * How a key was used elsewhere is nothing that this store keeps, but it is
 * looked whether it makes sense.
 */
static int
options_read(fkv_call_t *call, restore_t *restore)
{
    bool  idle = false, often = false;
    int   rc = FKV_OK;

    for (unsigned i = 4; i < call->argc && rc == FKV_OK; i++) {
        bool  more = (i + 1 < call->argc);

        if (fkv_call_is(call, i, "REPLACE")) {
            restore->replace = true;

        } else if (fkv_call_is(call, i, "ABSTTL")) {
            restore->absolute = true;

        } else if (fkv_call_is(call, i, "IDLETIME") && more && !often) {
            idle = true;
            rc = use_read(call, i++, "IDLETIME", INT64_MAX, "");

        } else if (fkv_call_is(call, i, "FREQ") && more && !idle) {
            often = true;
            rc = use_read(call, i++, "FREQ", UINT8_MAX, " and <= 255");

        } else {
            rc = fkv_call_syntax(call);
        }
    }

    return rc;
}


/* 0 = never. */
static int
until_read(fkv_call_t *call, const restore_t *restore, int64_t *until)
{
    if (fkv_call_int(call, 2, until) != FKV_OK) {
        return FKV_EINVAL;
    }

    if (*until < 0) {
        return fkv_call_fail(call, "ERR Invalid TTL value, must be >= 0");
    }

    if (*until != 0 && !restore->absolute
        && __builtin_add_overflow(*until, (int64_t) call->now_ms, until))
    {
        *until = INT64_MAX;
    }

    return FKV_OK;
}


static int
bad_format(fkv_call_t *call)
{
    return fkv_call_fail(call, "ERR Bad data format");
}


/* The type here that has the name of what was dumped. */
static int
type_read(fkv_call_t *call, const fkv_payload_t *payload,
    fkv_call_value_t *value)
{
    fkv_str_t          name = payload->type;
    const fkv_type_t  *type = fkv_types_by_name(fkv_types_of(call->store),
                                                name);
    const uint8_t     *dot;

    if (type == NULL) {
        dot = memchr(name.data, '.', name.len);

        return fkv_call_fail(call, "EXTMISSING extension \"%.*s\" is needed "
                             "for the value",
                             (int) fkv__min(dot != NULL ? (size_t)
                                            (dot - name.data) : name.len,
                                            (size_t) FKV_TYPE_NAME_MAX),
                             (const char *) name.data);
    }

    if (type->owner != NULL && payload->encver > type->encver) {
        return fkv_call_fail(call, "ERR the value was written by a later "
                             "version of extension \"%s\"", type->extension);
    }

    value->type = type->id;
    value->encver = (uint16_t) payload->encver;

    return FKV_OK;
}


static int
elements_restore(fkv_call_t *call, fkv_payload_t *payload)
{
    fkv_str_t  name, value;
    uint64_t   until;
    int        rc;

    while ((rc = fkv_payload_element(payload, &name, &value, &until))
           == FKV_OK)
    {
        rc = fkv_call_put_element(call, call->ns, call->argv[1], name, value,
                                  until);

        if (rc != FKV_OK) {
            return rc;
        }
    }

    return (rc == FKV_END) ? FKV_OK : bad_format(call);
}


static int
value_read(fkv_call_t *call, fkv_payload_t *payload, fkv_call_value_t *value)
{
    uint8_t  *out;
    int       rc = fkv_payload_get(call->argv[3], payload);

    if (rc == FKV_EVERSION) {
        return fkv_call_fail(call, "ERR DUMP payload version or checksum are "
                             "wrong");
    }

    if (rc == FKV_OK && payload->len > fkv_call_value_max(call)) {
        return fkv_call_fail(call, "ERR string exceeds maximum allowed size "
                             "(max_value is %llu bytes)", (unsigned long long)
                             fkv_call_value_max(call));
    }

    if (rc == FKV_OK) {
        out = fkv_call_alloc(call, payload->len);
        rc = fkv_payload_value(payload, out);
        value->data = (fkv_str_t) { out, payload->len };
    }

    if (rc != FKV_OK) {
        return bad_format(call);
    }

    return (payload->type.len > 0) ? type_read(call, payload, value) : FKV_OK;
}


static int
restore_key(fkv_call_t *call)
{
    restore_t         restore = { false, false };
    fkv_call_value_t  old, value = { .type = 0 };
    fkv_payload_t     payload;
    int64_t           until;
    int               rc;

    if (options_read(call, &restore) != FKV_OK) {
        return FKV_EINVAL;
    }

    if (!restore.replace) {
        rc = fkv_call_get_any(call, call->ns, call->argv[1], &old);

        if (rc == FKV_OK) {
            return fkv_call_fail(call, "BUSYKEY Target key name already "
                                 "exists.");
        }

        if (rc != FKV_NOTFOUND) {
            return rc;
        }
    }

    if (until_read(call, &restore, &until) != FKV_OK
        || value_read(call, &payload, &value) != FKV_OK)
    {
        return FKV_EINVAL;
    }

    if (until != 0 && until <= (int64_t) call->now_ms) {
        rc = fkv_call_delete(call, call->argv[1]);
        rc = (rc == FKV_NOTFOUND) ? FKV_OK : rc;

    } else {
        value.expire_at = (uint64_t) until;
        rc = fkv_call_put_value(call, call->ns, call->argv[1], &value);

        if (rc == FKV_OK && payload.elements > 0) {
            rc = elements_restore(call, &payload);
        }
    }

    if (rc == FKV_OK) {
        fkv_reply_ok(call->reply);
    }

    return rc;
}


const fkv_command_t  fkv_commands_dump[] = {
    { "DUMP", 2, FKV_COMMAND_READ, 1, 1, 1, dump_key, "generic", "2.6.0",
      "key", "Gives a key's value in a form that RESTORE takes, Redis' too.",
      NULL },
    { "RESTORE", -4, FKV_COMMAND_WRITE | FKV_COMMAND_BARE, 1, 1, 1,
      restore_key, "generic", "2.6.0", "key ttl serialized-value [REPLACE] "
      "[ABSTTL] [IDLETIME seconds] [FREQ frequency]",
      "Makes a key of what DUMP gave, here or in Redis.", NULL },
    { .name = NULL }
};
