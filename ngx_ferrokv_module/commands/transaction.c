#include "commands/transaction.h"
#include "rules/field.h"

#include <string.h>


static void
watches_drop(fkv_transaction_t *transaction)
{
    for (unsigned i = 0; i < transaction->watches_n; i++) {
        fkv__free((void *) (uintptr_t) transaction->watches[i].key.data);
    }

    fkv__free(transaction->watches);
    transaction->watches = NULL;
    transaction->watches_n = 0;
}


void
fkv_transaction_drop(fkv_transaction_t **transaction)
{
    fkv_transaction_t  *dropped = *transaction;

    if (dropped == NULL) {
        return;
    }

    *transaction = NULL;

    for (unsigned i = 0; i < dropped->n; i++) {
        fkv__free((void *) (uintptr_t) dropped->requests[i].argv);
    }

    fkv__free(dropped->requests);
    watches_drop(dropped);
    fkv__free(dropped);
}


static fkv_transaction_t *
transaction_of(fkv_client_t *client)
{
    if (client->transaction == NULL) {
        client->transaction = fkv__zalloc(sizeof(fkv_transaction_t));
    }

    return client->transaction;
}


/* One piece of memory: argv, and behind it the bytes. */
static fkv_str_t *
request_copy(const fkv_request_t *request, uint64_t *bytes)
{
    fkv_str_t  *argv;
    uint8_t    *p;

    *bytes = request->argc * sizeof(fkv_str_t);

    for (unsigned i = 0; i < request->argc; i++) {
        *bytes += request->argv[i].len;
    }

    argv = fkv__alloc(*bytes);
    if (argv == NULL) {
        return NULL;
    }

    p = (uint8_t *) (argv + request->argc);

    for (unsigned i = 0; i < request->argc; i++) {
        argv[i] = (fkv_str_t) { p, request->argv[i].len };
        memcpy(p, request->argv[i].data, request->argv[i].len);
        p += argv[i].len;
    }

    return argv;
}


static int
transaction_reserve(fkv_transaction_t *transaction)
{
    unsigned        max = fkv__max(transaction->max * 2, 8);
    fkv_request_t  *requests;

    if (transaction->n < transaction->max) {
        return FKV_OK;
    }

    requests = fkv__realloc(transaction->requests,
                            max * sizeof(fkv_request_t));
    if (requests == NULL) {
        return FKV_ENOMEM;
    }

    transaction->requests = requests;
    transaction->max = max;

    return FKV_OK;
}


static int
transaction_add(fkv_transaction_t *transaction, const fkv_request_t *request)
{
    uint64_t    bytes;
    fkv_str_t  *argv;

    if (transaction_reserve(transaction) != FKV_OK) {
        return FKV_ENOMEM;
    }

    argv = request_copy(request, &bytes);
    if (argv == NULL) {
        return FKV_ENOMEM;
    }

    transaction->requests[transaction->n++] = (fkv_request_t) {
        .argv = argv, .argc = request->argc, .command = request->command
    };
    transaction->bytes += bytes + sizeof(fkv_request_t);
    transaction->flags |= request->command->flags;

    return FKV_OK;
}


void
fkv_transaction_queue(fkv_client_t *client, const fkv_request_t *request,
    fkv_reply_t *reply)
{
    fkv_transaction_t  *transaction = client->transaction;

    if (request->command->flags & FKV_COMMAND_NOMULTI) {
        transaction->failed = true;
        fkv_reply_error(reply,
                        "ERR Command not allowed inside a transaction");
        return;
    }

    if (transaction->bytes > client->multi_max) {
        transaction->failed = true;
        fkv_reply_error(reply, "ERR the transaction is too large");
        return;
    }

    /* what has failed is not run: it needs no memory */
    if (!transaction->failed
        && transaction_add(transaction, request) != FKV_OK)
    {
        transaction->failed = true;
        fkv_reply_error(reply, "ERR out of memory");
        return;
    }

    fkv_reply_status(reply, "QUEUED");
}


static int
multi_call(fkv_call_t *call)
{
    fkv_transaction_t  *transaction;

    if (fkv_transaction_open(call->client)) {
        return fkv_call_fail(call, "ERR MULTI calls can not be nested");
    }

    transaction = transaction_of(call->client);
    if (transaction == NULL) {
        return FKV_ENOMEM;
    }

    transaction->open = true;
    fkv_reply_ok(call->reply);

    return FKV_OK;
}


/* It is called when there is nothing to run: fkv_transaction_run(). */
static int
exec_call(fkv_call_t *call)
{
    if (!fkv_transaction_open(call->client)) {
        return fkv_call_fail(call, "ERR EXEC without MULTI");
    }

    fkv_transaction_drop(&call->client->transaction);

    return fkv_call_fail(call, "EXECABORT Transaction discarded because of "
                         "previous errors.");
}


static int
discard_call(fkv_call_t *call)
{
    if (!fkv_transaction_open(call->client)) {
        return fkv_call_fail(call, "ERR DISCARD without MULTI");
    }

    fkv_transaction_drop(&call->client->transaction);
    fkv_reply_ok(call->reply);

    return FKV_OK;
}


static bool
is_watched(const fkv_transaction_t *transaction, unsigned ns, fkv_str_t key)
{
    for (unsigned i = 0; i < transaction->watches_n; i++) {
        const fkv_watch_t  *watch = &transaction->watches[i];

        if (watch->ns == ns && watch->key.len == key.len
            && memcmp(watch->key.data, key.data, key.len) == 0)
        {
            return true;
        }
    }

    return false;
}


/* There is room for it. */
static int
watch_add(fkv_transaction_t *transaction, const fkv_watch_t *watch)
{
    uint8_t  *key;

    if (is_watched(transaction, watch->ns, watch->key)) {
        return FKV_OK;
    }

    key = fkv__alloc(watch->key.len + 1);
    if (key == NULL) {
        return FKV_ENOMEM;
    }

    memcpy(key, watch->key.data, watch->key.len);
    transaction->watches[transaction->watches_n] = *watch;
    transaction->watches[transaction->watches_n++].key.data = key;

    return FKV_OK;
}


static int
watches_add(fkv_client_t *client, const fkv_watch_t *added, unsigned n)
{
    fkv_watch_t        *watches;
    fkv_transaction_t  *transaction = transaction_of(client);

    if (transaction == NULL) {
        return FKV_ENOMEM;
    }

    watches = fkv__realloc(transaction->watches,
                        (transaction->watches_n + n) * sizeof(fkv_watch_t));
    if (watches == NULL) {
        return FKV_ENOMEM;
    }

    transaction->watches = watches;

    for (unsigned i = 0; i < n; i++) {
        if (watch_add(transaction, &added[i]) != FKV_OK) {
            return FKV_ENOMEM;
        }
    }

    return FKV_OK;
}


/* All are read before the first is watched: it may run several times. */
static int
watch_call(fkv_call_t *call)
{
    int                       rc;
    unsigned                  n = call->argc - 1;
    fkv_watch_t              *watches;
    fkv_call_value_t          value;
    const fkv_transaction_t  *before = call->client->transaction;

    if (fkv_transaction_open(call->client)) {
        return fkv_call_fail(call, "ERR WATCH inside MULTI is not allowed");
    }

    if (n + (before ? before->watches_n : 0) > FKV_TRANSACTION_WATCHES_MAX) {
        return fkv_call_fail(call, "ERR too many watched keys");
    }

    watches = fkv_call_alloc(call, n * sizeof(fkv_watch_t));

    for (unsigned i = 0; i < n; i++) {
        rc = fkv_call_get_any(call, call->ns, call->argv[i + 1], &value);

        if (rc != FKV_OK && rc != FKV_NOTFOUND) {
            return rc;
        }

        watches[i] = (fkv_watch_t) {
            .ns = call->ns, .key = call->argv[i + 1],
            .version = (rc == FKV_OK) ? value.version : 0
        };
    }

    rc = watches_add(call->client, watches, n);
    if (rc == FKV_OK) {
        fkv_reply_ok(call->reply);
    }

    return rc;
}


static int
unwatch_call(fkv_call_t *call)
{
    if (call->client->transaction != NULL) {
        watches_drop(call->client->transaction);
    }

    fkv_reply_ok(call->reply);

    return FKV_OK;
}


bool
fkv_transaction_is_exec(const fkv_command_t *command)
{
    return command->call == exec_call;
}


bool
fkv_transaction_direct(const fkv_command_t *command)
{
    return command->call == multi_call || command->call == exec_call
           || command->call == discard_call || command->call == watch_call;
}


void
fkv_transaction_refuse(fkv_client_t *client, const fkv_command_t *command,
    fkv_reply_t *reply)
{
    size_t             at = 0;
    fkv_reply_token_t  token;
    char               why[128] = "";

    if (command == NULL || command->call != exec_call) {
        client->transaction->failed = true;
        return;
    }

    /* "ERR " goes */
    if (fkv_reply_next(reply, &at, &token) == FKV_OK && token.str.len > 4) {
        size_t  len = fkv__min(token.str.len - 4, sizeof(why) - 1);

        memcpy(why, token.str.data + 4, len);
        why[len] = '\0';
    }

    fkv_transaction_drop(&client->transaction);
    fkv_reply_cut(reply, 0);
    fkv_reply_error(reply, "EXECABORT Transaction discarded because of: %s",
                    why);
}


bool
fkv_transaction_run(fkv_client_t *client, fkv_turn_t *turn)
{
    fkv_exec_t         *exec = &turn->exec;
    fkv_transaction_t  *transaction = client->transaction;

    if (turn->request.command->call != exec_call
        || !fkv_transaction_open(client)
        || transaction->failed)
    {
        return false;
    }

    client->transaction = NULL;

    turn->transaction = transaction;
    turn->alone = (transaction->flags & FKV_COMMAND_SESSION) != 0;

    exec->requests = transaction->requests;
    exec->n = transaction->n;
    exec->multi = true;
    exec->watches = transaction->watches;
    exec->watches_n = transaction->watches_n;

    return true;
}


const fkv_command_t  fkv_commands_transaction[] = {
    { .name = "MULTI", .arity = 1, .flags = FKV_COMMAND_SESSION,
      .call = multi_call, .group = "transactions", .since = "1.2.0",
      .usage = "", .summary = "Start a transaction" },

    { .name = "EXEC", .arity = 1, .flags = FKV_COMMAND_SESSION,
      .call = exec_call, .group = "transactions", .since = "1.2.0",
      .usage = "", .summary = "Execute all commands issued after MULTI" },

    { .name = "DISCARD", .arity = 1, .flags = FKV_COMMAND_SESSION,
      .call = discard_call, .group = "transactions", .since = "2.0.0",
      .usage = "", .summary = "Discard all commands issued after MULTI" },

    { .name = "WATCH", .arity = -2,
      .flags = FKV_COMMAND_SESSION|FKV_COMMAND_READ|FKV_COMMAND_BARE,
      .first_key = 1, .last_key = -1, .key_step = 1,
      .call = watch_call, .group = "transactions", .since = "2.2.0",
      .usage = "key [key ...]",
      .summary = "Let EXEC do nothing if one of the keys has changed" },

    { .name = "UNWATCH", .arity = 1, .flags = FKV_COMMAND_SESSION,
      .call = unwatch_call, .group = "transactions", .since = "2.2.0",
      .usage = "", .summary = "Forget about all watched keys" },

    { .name = NULL }
};
