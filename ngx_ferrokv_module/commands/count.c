#include "commands/count.h"
#include "commands/client.h"
#include "commands/listen.h"
#include "commands/server.h"
#include "base/time.h"

#include <string.h>


static fkv_meter_t *
meter_of(const fkv__exec_t *own)
{
    const fkv_server_t  *server = own->exec->server;

    return (server != NULL) ? server->meter : NULL;
}


/* Whose time it is; NULL: nobody's. */
static const fkv_command_t *
timed(const fkv__exec_t *own)
{
    return own->exec->multi ? fkv_command_find(FKV_STR("EXEC"))
                            : own->commands[0];
}


void
fkv__count_begin(fkv__exec_t *own)
{
    fkv_meter_t          *meter = meter_of(own);
    const fkv_command_t  *command = timed(own);

    if (meter != NULL && command != NULL) {
        fkv_meter_begin(meter, command, &own->span);
    }
}


/* Tokens that stand behind this one and belong to it. */
static int64_t
members_of(const fkv_reply_token_t *token)
{
    switch (token->type) {

    case FKV_REPLY_ARRAY:
    case FKV_REPLY_SET:
        return token->n;

    case FKV_REPLY_MAP:
    case FKV_REPLY_PAIRS:
        return 2 * token->n;

    default:
        return 0;
    }
}


/* Its first token, at *at, says whether a reply is an error. */
static bool
reply_failed(fkv_meter_t *meter, const fkv_reply_t *reply, size_t *at,
    int64_t *members)
{
    fkv_reply_token_t  token;

    *members = 0;

    if (fkv_reply_next(reply, at, &token) != FKV_OK) {
        return false;
    }

    *members = members_of(&token);

    if (token.type == FKV_REPLY_ERROR) {
        fkv_meter_error(meter, token.str);
        return true;
    }

    return false;
}


static void
reply_skip(const fkv_reply_t *reply, size_t *at, int64_t tokens)
{
    fkv_reply_token_t  token;

    while (tokens > 0 && fkv_reply_next(reply, at, &token) == FKV_OK) {
        tokens += members_of(&token) - 1;
    }
}


void
fkv_count_rejected(const fkv_server_t *server, const fkv_command_t *command,
    const fkv_reply_t *reply)
{
    size_t   at = 0;
    int64_t  members;

    if (server != NULL && server->meter != NULL
        && reply_failed(server->meter, reply, &at, &members))
    {
        fkv_meter_reject(server->meter, command);
    }
}


/* Who listens hears of the i-th. */
static void
heard(const fkv__exec_t *own, unsigned i, bool failed, uint64_t us)
{
    const fkv_request_t  *request = &own->exec->requests[i];
    const fkv_command_t  *command = own->commands[i];
    fkv_heard_t           heard;

    if (fkv__listener == NULL || command == NULL) {
        return;
    }

    heard = (fkv_heard_t) {
        .store = own->store, .command = command, .ns = own->exec->ns,
        .key = fkv_listen_key(command, request->argc, request->argv),
        .failed = failed, .us = us, .now_ms = own->txn.now_ms
    };

    fkv__listener->after(&heard);
}


/* Each of a transaction's; what was dropped was never called. */
static void
count_several(fkv__exec_t *own, fkv_meter_t *meter)
{
    const fkv_exec_t   *exec = own->exec;
    fkv_reply_token_t   token;
    int64_t             members;
    size_t              at = 0;

    if (fkv_reply_next(&exec->reply, &at, &token) != FKV_OK
        || token.type != FKV_REPLY_ARRAY || token.n != exec->n)
    {
        return;
    }

    for (unsigned i = 0; i < exec->n; i++) {

        bool  failed;

        if (own->commands[i] == NULL) {
            reply_skip(&exec->reply, &at, 1);       /* rejected: it is told */
            continue;
        }

        failed = reply_failed(meter, &exec->reply, &at, &members);
        reply_skip(&exec->reply, &at, members);
        (void) fkv_meter_end(meter, own->commands[i], NULL, failed);
        heard(own, i, failed, 0);
    }
}


/* What a transaction was is told as EXEC and its requests in a row. */
static unsigned
slow_args(const fkv__exec_t *own, fkv_str_t argv[FKV_SLOW_ARGS])
{
    const fkv_exec_t  *exec = own->exec;
    unsigned           argc = 0;

    if (exec->multi) {
        argv[argc++] = FKV_STR("EXEC");
    }

    for (unsigned i = 0; i < exec->n; i++) {

        const fkv_request_t  *request = &exec->requests[i];

        for (unsigned k = 0; k < request->argc; k++) {
            if (argc < FKV_SLOW_ARGS) {
                argv[argc] = request->argv[k];
            }

            argc++;
        }
    }

    return argc;
}


static void
slow_add(fkv__exec_t *own, fkv_meter_t *meter, int64_t usec)
{
    fkv_str_t         argv[FKV_SLOW_ARGS], addr = FKV_STR_NULL;
    fkv_str_t         name = FKV_STR_NULL;
    fkv_client_t     *client = own->exec->client;
    fkv_client_row_t  row;
    unsigned          argc = slow_args(own, argv);

    if (client != NULL && client->host != NULL) {
        client->host->row(client, &row);
        addr = (fkv_str_t) { (uint8_t *) row.addr,
                             strnlen(row.addr, sizeof(row.addr)) };
        name = (fkv_str_t) { (uint8_t *) client->name, client->name_len };
    }

    fkv_slow_add(&meter->shm->slow, own->txn.now_ms, (uint64_t) usec, argv,
                 argc, addr, name);
}


void
fkv__count_end(fkv__exec_t *own)
{
    fkv_meter_t          *meter = meter_of(own);
    const fkv_command_t  *command;
    bool                  failed = false;
    int64_t               usec, members;
    size_t                at = 0;

    if (meter == NULL) {
        return;
    }

    if (own->exec->multi) {
        count_several(own, meter);

    } else {
        failed = reply_failed(meter, &own->exec->reply, &at, &members);
        heard(own, 0, failed, fkv__time_us(CLOCK_MONOTONIC_COARSE)
                              - own->span.coarse_us);
    }

    if (own->txn.hits > 0) {
        fkv_meter_add(meter, hits, own->txn.hits);
    }

    if (own->txn.misses > 0) {
        fkv_meter_add(meter, misses, own->txn.misses);
    }

    command = timed(own);

    if (command == NULL) {
        return;
    }

    usec = fkv_meter_end(meter, command, &own->span, failed);

    /* what is allowed before AUTH may hold a password */
    if (usec >= 0 && !(command->flags & FKV_COMMAND_NOAUTH)) {
        slow_add(own, meter, usec);
    }
}
