/*
 * object.c - OBJECT: what Redis would know of a value's inner life.
 *
 * Encoding   that which Redis gives to a string when it is set; of others it
 *            is their type
 * Use        as eviction counts it (fkv.h); where it does not count what is
 *            asked for, the answer is Redis' error
 */

#include "commands/call.h"
#include "commands/encoding.h"

#define SECOND_MS         1000

#define ADJUST                                                                \
    "Please note that when switching between policies at runtime LRU and "    \
    "LFU data will take some time to adjust."


/* FKV_OK · FKV_NOTFOUND, nil is replied · failure */
static int
object_get(fkv_call_t *call, fkv_call_value_t *value)
{
    int  rc = fkv_call_get_any(call, call->ns, call->argv[2], value);

    if (rc == FKV_NOTFOUND) {
        fkv_reply_null(call->reply);
    }

    return rc;
}


static int
object_answered(int rc)
{
    return (rc == FKV_NOTFOUND) ? FKV_OK : rc;
}


static int
object_encoding(fkv_call_t *call)
{
    fkv_call_value_t  value;
    int               rc = object_get(call, &value);

    if (rc != FKV_OK) {
        return object_answered(rc);
    }

    fkv_reply_cstr(call->reply, fkv_encoding(call, &value));

    return FKV_OK;
}


static int
object_refcount(fkv_call_t *call)
{
    fkv_call_value_t  value;
    int               rc = object_get(call, &value);

    if (rc != FKV_OK) {
        return object_answered(rc);
    }

    fkv_reply_int(call->reply, fkv_encoding_refcount(&value));

    return FKV_OK;
}


static int
object_use(fkv_call_t *call, fkv_use_t *use)
{
    fkv_call_value_t  value;
    int               rc = object_get(call, &value);

    if (rc == FKV_OK) {
        fkv_use(call->store, call->ns, call->argv[2], call->now_ms, use);
    }

    return rc;
}


static int
object_freq(fkv_call_t *call)
{
    fkv_use_t  use;
    int        rc = object_use(call, &use);

    if (rc != FKV_OK) {
        return object_answered(rc);
    }

    if (use.by != FKV_EVICT_LFU) {
        return fkv_call_fail(call, "ERR An LFU maxmemory policy is not "
                             "selected, access frequency not tracked. "
                             ADJUST);
    }

    fkv_reply_int(call->reply, use.often);

    return FKV_OK;
}


static int
object_idletime(fkv_call_t *call)
{
    fkv_use_t  use;
    int        rc = object_use(call, &use);

    if (rc != FKV_OK) {
        return object_answered(rc);
    }

    if (use.by == FKV_EVICT_LFU) {
        return fkv_call_fail(call, "ERR An LFU maxmemory policy is selected, "
                             "idle time not tracked. " ADJUST);
    }

    if (use.by != FKV_EVICT_LRU) {
        return fkv_call_fail(call, "ERR An LRU maxmemory policy is not "
                             "selected, idle time not tracked. " ADJUST);
    }

    fkv_reply_int(call->reply, (int64_t)
                  ((use.idle_ms + SECOND_MS / 2) / SECOND_MS));

    return FKV_OK;
}


#define LOOK  (FKV_COMMAND_READ | FKV_COMMAND_QUIET | FKV_COMMAND_UNSEEN)

static const fkv_command_t  subs[] = {
    { "ENCODING", 3, LOOK, 2, 2, 1, object_encoding,
      "generic", "2.2.3", "key",
      "Tells how Redis would hold the value.", NULL },
    { "FREQ", 3, LOOK | FKV_COMMAND_BARE, 2, 2, 1, object_freq,
      "generic", "4.0.0", "key",
      "Tells how often the key was used, on a logarithmic scale.", NULL },
    { "IDLETIME", 3, LOOK | FKV_COMMAND_BARE, 2, 2, 1, object_idletime,
      "generic", "2.2.3", "key",
      "Tells for how many seconds the key was not used.", NULL },
    { "REFCOUNT", 3, LOOK, 2, 2, 1, object_refcount, "generic", "2.2.3", "key",
      "Tells how many keys share the value, in Redis.", NULL },
    { .name = NULL }
};

const fkv_command_t  fkv_commands_object[] = {
    { .name = "OBJECT", .arity = -2,
      .group = "generic", .since = "2.2.3", .usage = "",
      .summary = "Looks into a key's value.", .subs = subs },
    { .name = NULL }
};
