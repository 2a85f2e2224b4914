#include "extensions/renew.h"
#include "commands/text.h"
#include "commands/types.h"

#include <string.h>


/*
 * What it becomes.  FKV_OK · FKV_NOTFOUND it stays as it is, as does what a
 * newer library has written · FKV_EINVAL, replied · failure
 */
static int
renew_value(fkv_call_t *call, const fkv_type_t *type, fkv_call_value_t *value)
{
    fkv_call_value_t  was = *value;
    bool              recoded = (was.encver != type->encver);
    fkv_str_t         key = call->argv[0], data;
    int               rc;

    if (was.encver > type->encver) {
        return FKV_NOTFOUND;
    }

    if (recoded) {
        rc = (type->recode != NULL)
             ? type->recode(type, call, call->ns, key, &was, &value->data)
             : FKV_NOTFOUND;

        if (rc != FKV_OK) {
            return rc;
        }

        value->encver = type->encver;
    }

    rc = (type->compact != NULL)
         ? type->compact(type, call, call->ns, key, value, &data)
         : FKV_NOTFOUND;

    if (rc == FKV_OK && data.len < value->data.len) {
        value->data = data;
        return FKV_OK;
    }

    return (rc == FKV_OK || rc == FKV_NOTFOUND)
           ? (recoded ? FKV_OK : FKV_NOTFOUND) : rc;
}


static int
renew_call(fkv_call_t *call)
{
    fkv_renewal_t     *renewal = fkv__container(call->command, fkv_renewal_t,
                                                command);
    fkv_call_value_t   value;
    const fkv_type_t  *type;
    int                rc;

    renewal->written = false;
    rc = fkv_call_get_any(call, call->ns, call->argv[0], &value);

    if (rc == FKV_OK) {
        type = fkv_types_by_id(fkv_types_of(call->store), value.type);

        rc = (type != NULL && type->owner != NULL
              && value.version == renewal->version)
             ? renew_value(call, type, &value) : FKV_NOTFOUND;
    }

    if (rc == FKV_OK) {
        rc = fkv_call_put_value(call, call->ns, call->argv[0], &value);
        renewal->written = (rc == FKV_OK);
    }

    if (rc == FKV_OK || rc == FKV_NOTFOUND) {
        fkv_reply_ok(call->reply);
        rc = FKV_OK;
    }

    return rc;
}


static void
renewal_ended(fkv_renewal_t *renewal)
{
    fkv_reply_token_t  token = { .type = FKV_REPLY_ERROR,
                                 .str = FKV_STR("out of memory") };
    char               key[FKV_TEXT_KEY_BYTES];
    size_t             at = 0;

    (void) fkv_reply_next(&renewal->exec.reply, &at, &token);

    if (token.type != FKV_REPLY_ERROR) {
        renewal->told = false;

        if (renewal->written) {
            fkv_renew_end(renewal->helper);
        }

    } else if (!renewal->told) {
        renewal->told = true;
        (void) fkv_text_key(key, renewal->argv);
        fkv__log(renewal->log, FKV_LOG_ERROR, "the value of key \"%s\" in "
                 "store \"%s\" stays as it is, it could not be written anew: "
                 "%.*s", key, renewal->name, (int) token.str.len,
                 (const char *) token.str.data);
    }

    fkv_exec_done(&renewal->exec);
}


static void
on_exec_done(fkv_op_t *op)
{
    fkv_renewal_t  *renewal = op->data;

    renewal_ended(renewal);
    renewal->on_done(renewal);
}


int
fkv_renewal(fkv_renewal_t *renewal)
{
    fkv_renew_t  next;

    if (!fkv_renew_next(renewal->helper, &next)) {
        return FKV_END;
    }

    memcpy(renewal->key, next.key.data, next.key.len);
    renewal->argv = (fkv_str_t) { renewal->key, next.key.len };
    renewal->version = next.version;

    renewal->command = (fkv_command_t) {
        .name = "FERROKV.EXTENSION",
        .arity = 1,
        .flags = FKV_COMMAND_WRITE | FKV_COMMAND_ELEMENTS | FKV_COMMAND_QUIET
                 | FKV_COMMAND_UNSEEN,
        .call = renew_call
    };

    renewal->request = (fkv_request_t) {
        .argv = &renewal->argv,
        .argc = 1,
        .command = &renewal->command
    };

    renewal->exec = (fkv_exec_t) {
        .op = { .on_done = on_exec_done, .data = renewal },
        .store = renewal->store,
        .ns = next.ns,
        .rights = FKV_COMMAND_WRITE | FKV_COMMAND_ADMIN,
        .requests = &renewal->request,
        .n = 1
    };

    if (fkv_exec(&renewal->exec) == FKV_AGAIN) {
        return FKV_AGAIN;
    }

    renewal_ended(renewal);

    return FKV_OK;
}
