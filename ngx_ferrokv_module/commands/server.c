/*
 * server.c - small commands about the server, and what the larger ones share.
 */

#include "commands/server.h"
#include "commands/number.h"

#include <string.h>


const char *
fkv_server_policy(fkv_evict_e evict)
{
    switch (evict) {
    case FKV_EVICT_NONE:    return "noeviction";
    case FKV_EVICT_LRU:     return "allkeys-lru";
    case FKV_EVICT_LFU:     return "allkeys-lfu";
    case FKV_EVICT_TTL:     return "volatile-ttl";
    case FKV_EVICT_RANDOM:  return "allkeys-random";
    }

    fkv__unreachable();
}


static void
reply_number(fkv_reply_t *reply, uint64_t n)
{
    char  text[FKV_NUMBER_INT_BYTES];

    fkv_reply_str(reply, (fkv_str_t) {
                      (const uint8_t *) text,
                      fkv_number_int_put(text, (int64_t) n) });
}


/* The clock that expiry goes by, to its millisecond. */
static int
server_time(fkv_call_t *call)
{
    fkv_reply_array(call->reply, 2);
    reply_number(call->reply, call->now_ms / 1000);
    reply_number(call->reply, call->now_ms % 1000 * 1000);

    return FKV_OK;
}


uint64_t
fkv_server_saved_ms(const fkv_call_t *call, const fkv_stats_t *stats)
{
    const fkv_server_t  *server = call->server;

    if (server->options->sync == FKV_SYNC_ALWAYS
        || stats->lsn_durable >= stats->lsn_ready)
    {
        return call->now_ms;
    }

    return (server->options->sync == FKV_SYNC_EVERYSEC)
           ? call->now_ms - 1000 : server->meter->shm->opened_ms;
}


static int
server_lastsave(fkv_call_t *call)
{
    fkv_stats_t  stats;

    fkv_stats(call->server->store, &stats);
    fkv_reply_int(call->reply,
                  (int64_t) (fkv_server_saved_ms(call, &stats) / 1000));

    return FKV_OK;
}


/* Nobody ever acknowledges, so there is nothing to wait for. */
static int
server_wait(fkv_call_t *call)
{
    int64_t  replicas, timeout;

    if (fkv_call_int(call, 1, &replicas) != FKV_OK) {
        return FKV_EINVAL;
    }

    if (fkv_number_int(call->argv[2], &timeout) != FKV_OK) {
        return fkv_call_fail(call, "ERR timeout is not an integer or out of "
                             "range");
    }

    if (timeout < 0) {
        return fkv_call_fail(call, "ERR timeout is negative");
    }

    fkv_reply_int(call->reply, 0);

    return FKV_OK;
}


/* There are no scripts and no functions, so they are gone already. */
static int
server_flush(fkv_call_t *call, const char *refusal)
{
    if (call->argc > 3
        || (call->argc == 3 && !fkv_call_is(call, 2, "SYNC")
            && !fkv_call_is(call, 2, "ASYNC")))
    {
        return fkv_call_fail(call, "%s", refusal);
    }

    fkv_reply_ok(call->reply);

    return FKV_OK;
}


static int
server_function_flush(fkv_call_t *call)
{
    return server_flush(call, "ERR FUNCTION FLUSH only supports SYNC|ASYNC "
                        "option");
}


static int
server_script_flush(fkv_call_t *call)
{
    return server_flush(call, "ERR SCRIPT FLUSH only support SYNC|ASYNC "
                        "option");
}


static const fkv_command_t  function_subs[] = {
    { .name = "FLUSH", .arity = -2, .call = server_function_flush,
      .group = "scripting", .since = "7.0.0", .usage = "[ASYNC | SYNC]",
      .summary = "Does nothing, for there are no functions" },
    { .name = NULL }
};

static const fkv_command_t  script_subs[] = {
    { .name = "FLUSH", .arity = -2, .call = server_script_flush,
      .group = "scripting", .since = "2.6.0", .usage = "[ASYNC | SYNC]",
      .summary = "Does nothing, for there are no scripts" },
    { .name = NULL }
};

const fkv_command_t  fkv_commands_server[] = {
    { .name = "TIME", .arity = 1, .call = server_time,
      .group = "server", .since = "2.6.0",
      .summary = "The server's time: seconds and microseconds" },
    { .name = "LASTSAVE", .arity = 1, .call = server_lastsave,
      .group = "server", .since = "1.0.0",
      .summary = "Up to when everything is on disk, in seconds since 1970" },
    { .name = "WAIT", .arity = 3, .call = server_wait,
      .group = "generic", .since = "3.0.0", .usage = "numreplicas timeout",
      .summary = "How many replicas have the writes: none ever has" },
    { .name = "FUNCTION", .arity = -2, .subs = function_subs,
      .group = "scripting", .since = "7.0.0",
      .summary = "Container of commands about functions" },
    { .name = "SCRIPT", .arity = -2, .subs = script_subs,
      .group = "scripting", .since = "2.6.0",
      .summary = "Container of commands about scripts" },
    { .name = NULL }
};
