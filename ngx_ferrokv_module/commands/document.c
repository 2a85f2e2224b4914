/*
 * document.c - a call without a command, over nothing: its memory is all that a
 * type may ask for.
 */

#include "commands/document.h"
#include "commands/json.h"
#include "commands/server.h"
#include "commands/txn.h"
#include "commands/types.h"

#include <stdio.h>

/* A call, and all that it needs. */
typedef struct {
    fkv_server_t  server;
    fkv__txn_t    txn;
    fkv_reply_t   reply;
    fkv_call_t    call;
} frame_t;


static void
frame_init(frame_t *frame, fkv_t *store, uint64_t now_ms,
    const fkv_command_t *command)
{
    frame->server = (fkv_server_t) { .store = store };
    frame->txn = (fkv__txn_t) { .n = 0 };
    frame->reply = (fkv_reply_t) { .rc = FKV_OK };
    fkv__txn_init(&frame->txn, store, now_ms, 0);

    frame->call = (fkv_call_t) { .command = command, .now_ms = now_ms,
                                 .store = store, .reply = &frame->reply,
                                 .server = &frame->server,
                                 .txn = &frame->txn };
}


static void
frame_done(frame_t *frame)
{
    fkv_reply_done(&frame->reply);
    fkv__txn_end(&frame->txn);
    fkv__txn_done(&frame->txn);
}


/* The reply is an error, or there is none. */
static bool
reply_failed(const fkv_reply_t *reply, fkv_reply_token_t *token, char *error)
{
    size_t  at = 0;

    token->str = FKV_STR_NULL;

    if (fkv_reply_next(reply, &at, token) == FKV_OK
        && token->type != FKV_REPLY_ERROR)
    {
        return false;
    }

    (void) snprintf(error, FKV_DOCUMENT_ERROR, "%.*s", (int) token->str.len,
                    (const char *) token->str.data);

    return true;
}


/* A frame of its own: what a jump finds here has not changed since. */
static int
output_run(const fkv_type_t *type, fkv_call_t *call, fkv_str_t key,
    const fkv_call_value_t *value)
{
    if (_setjmp(call->txn->escape) != 0) {
        return FKV_ENOMEM;
    }

    return type->output(type, call, key, value);
}


static int
reply_put(const fkv_reply_t *reply, fkv__buf_t *out, char *error)
{
    fkv_reply_token_t  token;

    if (reply->rc != FKV_OK) {
        return reply->rc;
    }

    if (reply_failed(reply, &token, error)) {
        return FKV_EINVAL;
    }

    if (token.type == FKV_REPLY_STR) {
        return fkv__buf_append(out, token.str.data, token.str.len);
    }

    return fkv_json_put_value(out, reply);
}


static int
output_of(const fkv_type_t *type, const fkv_get_t *get, fkv__buf_t *out,
    char *error)
{
    static const fkv_command_t  command = { .name = "GET", .arity = 2,
                                            .flags = FKV_COMMAND_READ };
    frame_t           frame;
    fkv_call_value_t  copy;
    int               rc;

    frame_init(&frame, get->store, get->now_ms, &command);
    frame.call.ns = get->ns;
    fkv__txn_value(&copy, &get->value);
    rc = output_run(type, &frame.call, get->key, &copy);

    if (rc == FKV_OK || rc == FKV_EINVAL) {
        rc = reply_put(&frame.reply, out, error);
    }

    frame_done(&frame);

    return rc;
}


int
fkv_document_get(const fkv_get_t *get, fkv__buf_t *out, char *error)
{
    unsigned           id = get->value.type;
    const fkv_type_t  *type = fkv_types_by_id(fkv_types_of(get->store), id);

    if (fkv_types_missing(get->store, id, error)) {
        return FKV_EMISSING;
    }

    if (type->output == NULL) {
        (void) snprintf(error, FKV_DOCUMENT_ERROR, "the key holds a value of "
                        "type \"%s\"", fkv_types_label(get->store, id));
        return FKV_WRONGTYPE;
    }

    return output_of(type, get, out, error);
}


/* As output_run. */
static int
input_run(const fkv_type_t *type, fkv_call_t *call, fkv_str_t document,
    fkv_str_t *data)
{
    if (_setjmp(call->txn->escape) != 0) {
        return FKV_ENOMEM;
    }

    return type->input(type, call, document, data);
}


static int
input_of(const fkv_type_t *type, fkv_t *store, fkv_str_t document,
    uint64_t now_ms, fkv__buf_t *out, char *error)
{
    static const fkv_command_t  command = { .name = "SET", .arity = 3,
                                            .flags = FKV_COMMAND_WRITE };
    frame_t            frame;
    fkv_reply_token_t  token;
    fkv_str_t          data;
    int                rc;

    frame_init(&frame, store, now_ms, &command);
    rc = input_run(type, &frame.call, document, &data);

    if (rc == FKV_OK) {
        rc = fkv__buf_append(out, data.data, data.len);

    } else if (rc == FKV_EINVAL) {
        (void) reply_failed(&frame.reply, &token, error);
    }

    frame_done(&frame);

    return rc;
}


int
fkv_document_put(fkv_t *store, fkv_str_t name, fkv_str_t document,
    uint64_t now_ms, fkv_change_t *change, fkv__buf_t *out, char *error)
{
    const fkv_type_t  *type = fkv_types_by_name(fkv_types_of(store), name);

    if (type == NULL) {
        (void) snprintf(error, FKV_DOCUMENT_ERROR, "there is no type \"%.*s\" "
                        "in this store",
                        (int) fkv__min(name.len, (size_t) FKV_TYPE_NAME_MAX),
                        (const char *) name.data);
        return FKV_NOTFOUND;
    }

    if (fkv_types_missing(store, type->id, error)) {
        return FKV_EMISSING;
    }

    if (type->input == NULL) {
        (void) snprintf(error, FKV_DOCUMENT_ERROR, "values of type \"%s\" "
                        "cannot be put as documents", type->name);
        return FKV_WRONGTYPE;
    }

    change->type = type->id;
    change->encver = type->encver;

    return input_of(type, store, document, now_ms, out, error);
}
