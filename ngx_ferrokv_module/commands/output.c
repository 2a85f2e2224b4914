/*
 * output.c - a call without a command, over nothing: its memory is all that an
 * output may ask for.
 */

#include "commands/output.h"
#include "commands/json.h"
#include "commands/server.h"
#include "commands/txn.h"
#include "commands/types.h"

#include <stdio.h>


/* A frame of its own: what a jump finds here has not changed since. */
static int
output_run(const fkv_type_t *type, fkv_call_t *call,
    const fkv_call_value_t *value)
{
    if (_setjmp(call->txn->escape) != 0) {
        return FKV_ENOMEM;
    }

    return type->output(type, call, value);
}


static int
reply_put(const fkv_reply_t *reply, fkv__buf_t *out, char *error)
{
    fkv_reply_token_t  token;
    size_t             at = 0;

    if (reply->rc != FKV_OK) {
        return reply->rc;
    }

    if (fkv_reply_next(reply, &at, &token) != FKV_OK
        || token.type == FKV_REPLY_ERROR)
    {
        (void) snprintf(error, FKV_OUTPUT_ERROR, "%.*s", (int) token.str.len,
                        (const char *) token.str.data);
        return FKV_EINVAL;
    }

    if (token.type == FKV_REPLY_STR) {
        return fkv__buf_append(out, token.str.data, token.str.len);
    }

    return fkv_json_put_value(out, reply);
}


static int
output_of(const fkv_type_t *type, fkv_t *store, const fkv_value_t *value,
    uint64_t now_ms, fkv__buf_t *out, char *error)
{
    static const fkv_command_t  command = { .name = "GET", .arity = 2,
                                            .flags = FKV_COMMAND_READ };
    fkv_server_t       server = { .store = store };
    fkv__txn_t         txn = { .n = 0 };
    fkv_reply_t        reply = { .rc = FKV_OK };
    fkv_call_value_t   copy;
    fkv_call_t         call = { .command = &command, .now_ms = now_ms,
                                .store = store, .reply = &reply,
                                .server = &server, .txn = &txn };
    int                rc;

    fkv__txn_init(&txn, store, now_ms);
    fkv__txn_value(&copy, value);
    rc = output_run(type, &call, &copy);

    if (rc == FKV_OK || rc == FKV_EINVAL) {
        rc = reply_put(&reply, out, error);
    }

    fkv_reply_done(&reply);
    fkv__txn_end(&txn);
    fkv__txn_done(&txn);

    return rc;
}


int
fkv_output_json(fkv_t *store, const fkv_value_t *value, uint64_t now_ms,
    fkv__buf_t *out, char *error)
{
    const fkv_type_t  *type = fkv_types_by_id(fkv_types_of(store),
                                              value->type);

    if (fkv_types_missing(store, value->type, error)) {
        return FKV_EMISSING;
    }

    if (type->output == NULL) {
        (void) snprintf(error, FKV_OUTPUT_ERROR, "the key holds a value of "
                        "type \"%s\"", fkv_types_label(store, value->type));
        return FKV_WRONGTYPE;
    }

    return output_of(type, store, value, now_ms, out, error);
}
