/*
 * latency.c - LATENCY, of an instance that watches no events: its answers are
 * those of Redis whose latency-monitor-threshold is 0.  What is slow is in
 * SLOWLOG, and how long commands take in INFO commandstats.
 */

#include "commands/server.h"


static int
latency_none(fkv_call_t *call)
{
    fkv_reply_array(call->reply, 0);

    return FKV_OK;
}


static int
latency_histogram(fkv_call_t *call)
{
    fkv_reply_map(call->reply, 0);

    return FKV_OK;
}


static int
latency_reset(fkv_call_t *call)
{
    fkv_reply_int(call->reply, 0);

    return FKV_OK;
}


static int
latency_doctor(fkv_call_t *call)
{
    fkv_reply_text(call->reply,
                   FKV_STR("No events are watched here. SLOWLOG GET lists "
                           "commands that took long, INFO commandstats what "
                           "each of them takes.\n"));

    return FKV_OK;
}


static int
latency_graph(fkv_call_t *call)
{
    return fkv_call_fail(call, "ERR No samples available for event '%.*s'",
                         (int) fkv__min(call->argv[2].len, 128),
                         (const char *) call->argv[2].data);
}


static const fkv_command_t  subs[] = {
    { .name = "DOCTOR", .arity = 2, .call = latency_doctor,
      .group = "server", .since = "2.8.13",
      .summary = "Where to look for what is slow" },
    { .name = "GRAPH", .arity = 3, .call = latency_graph,
      .group = "server", .since = "2.8.13", .usage = "event",
      .summary = "A picture of an event's samples: there are none" },
    { .name = "HISTOGRAM", .arity = -2, .call = latency_histogram,
      .group = "server", .since = "7.0.0", .usage = "[command [command ...]]",
      .summary = "Distributions of what commands took: none are kept" },
    { .name = "HISTORY", .arity = 3, .call = latency_none,
      .group = "server", .since = "2.8.13", .usage = "event",
      .summary = "Samples of an event: there are none" },
    { .name = "LATEST", .arity = 2, .call = latency_none,
      .group = "server", .since = "2.8.13",
      .summary = "The last samples of all events: there are none" },
    { .name = "RESET", .arity = -2, .call = latency_reset,
      .group = "server", .since = "2.8.13", .usage = "[event [event ...]]",
      .summary = "Forgets samples: there are none" },
    { .name = NULL }
};

const fkv_command_t  fkv_commands_latency[] = {
    { .name = "LATENCY", .arity = -2, .subs = subs, .group = "server",
      .since = "2.8.13", .summary = "Container of commands about latency" },
    { .name = NULL }
};
