#include "commands/held.h"

#include <string.h>


static int
held_of(int rc, fkv_held_t *held)
{
    held->exists = (rc == FKV_OK);

    if (rc == FKV_NOTFOUND) {
        memset(&held->value, 0, sizeof(held->value));
        return FKV_OK;
    }

    return rc;
}


int
fkv_held_get(fkv_call_t *call, unsigned i, fkv_held_t *held)
{
    return held_of(fkv_call_get(call, call->argv[i], &held->value), held);
}


int
fkv_held_any(fkv_call_t *call, unsigned i, fkv_held_t *held)
{
    return held_of(fkv_call_get_any(call, call->ns, call->argv[i],
                                    &held->value), held);
}


int
fkv_held_copy(fkv_call_t *call, const fkv_held_t *held, uint64_t size,
    uint8_t **data)
{
    fkv_str_t  was = held->value.data;

    size = fkv__max(size, was.len);

    if (size > fkv_call_value_max(call)) {
        return fkv_call_fail(call, "ERR string exceeds maximum allowed size "
                             "(proto-max-bulk-len)");
    }

    *data = fkv_call_alloc(call, size);

    if (was.len > 0) {
        memcpy(*data, was.data, was.len);
    }

    memset(*data + was.len, 0, size - was.len);

    return FKV_OK;
}


void
fkv_held_looked(fkv_call_t *call, const fkv_held_t *held)
{
    if (call->command->flags & FKV_COMMAND_WRITE) {
        fkv_call_looked(call, held->exists);
    }
}


void
fkv_held_reply(fkv_call_t *call, const fkv_held_t *held)
{
    fkv_held_looked(call, held);

    if (held->exists) {
        fkv_reply_str(call->reply, held->value.data);
    } else {
        fkv_reply_null(call->reply);
    }
}


static int64_t
place(int64_t n, int64_t len)
{
    return (n < 0) ? fkv__max(n + len, 0) : n;
}


bool
fkv_held_range(int64_t from, int64_t to, uint64_t len, uint64_t *first,
    uint64_t *end)
{
    from = place(from, (int64_t) len);
    to = fkv__min(place(to, (int64_t) len), (int64_t) len - 1);

    *first = (uint64_t) from;
    *end = (uint64_t) (to + 1);

    return from <= to;
}


bool
fkv_held_reversed(int64_t from, int64_t to)
{
    return from < 0 && to < 0 && from > to;
}
