/*
 * footprint.c - MEMORY: what keys take, and what the store does.
 */

#include "commands/server.h"
#include "commands/text.h"
#include "commands/types.h"

#include <inttypes.h>

/* Of a record in a memtable: its header, node and chain; about. */
#define RECORD_BYTES  56


/* Bytes that it stands for, as its type says if that is here. */
static uint64_t
value_weight(const fkv_call_t *call, fkv_str_t key,
    const fkv_call_value_t *value)
{
    const fkv_type_t  *type = fkv_types_by_id(fkv_types_of(call->store),
                                              value->type);

    return (type != NULL && type->weight != NULL)
           ? type->weight(type, call, key, value) : value->data.len;
}


static int
memory_usage(fkv_call_t *call)
{
    fkv_call_value_t  value;
    int64_t           samples;
    int               rc;

    if (call->argc != 3 && (call->argc != 5
                            || !fkv_call_is(call, 3, "SAMPLES")))
    {
        return fkv_call_syntax(call);
    }

    if (call->argc == 5) {

        if (fkv_call_int(call, 4, &samples) != FKV_OK) {
            return FKV_EINVAL;
        }

        if (samples < 0) {
            return fkv_call_syntax(call);
        }
    }

    rc = fkv_call_get_any(call, call->ns, call->argv[2], &value);

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply,
                      (int64_t) (RECORD_BYTES + call->argv[2].len
                                 + value_weight(call, call->argv[2],
                                                &value)));

    } else if (rc == FKV_NOTFOUND) {
        fkv_reply_null(call->reply);
        rc = FKV_OK;
    }

    return rc;
}


static int
memory_doctor(fkv_call_t *call)
{
    fkv_stats_t  stats;
    fkv_text_t   text = { .rc = FKV_OK };

    fkv_stats(call->server->store, &stats);

    if (stats.readonly) {
        fkv_text_add(&text, " * The store is read-only: %s\r\n", stats.cause);
    }

    if (stats.disk_full) {
        fkv_text_add(&text, " * The disk is full.\r\n");
    }

    if (stats.max_size > 0 && stats.size > stats.max_size) {
        fkv_text_add(&text, " * %" PRIu64 " bytes live, maxmemory is %" PRIu64
                     ".\r\n", stats.size, stats.max_size);
    }

    if (stats.arenas_free == 0) {
        fkv_text_add(&text, " * No memtable is free, writes wait for a flush: "
                     "a larger memory= of ferrokv_store helps.\r\n");
    }

    if (text.buf.len == 0) {
        fkv_text_add(&text, "Nothing is wrong with the memory of this store."
                     "\r\n");
    }

    if (text.rc == FKV_OK) {
        fkv_reply_text(call->reply, fkv__buf_str(&text.buf));
    }

    fkv_text_done(&text);

    return text.rc;
}


static void
reply_figure(fkv_reply_t *reply, const char *name, uint64_t n)
{
    fkv_reply_cstr(reply, name);
    fkv_reply_int(reply, (int64_t) n);
}


/* Names as Redis has them, where they mean anything; ours. */
static int
memory_stats(fkv_call_t *call)
{
    fkv_stats_t   stats;
    fkv_reply_t  *reply = call->reply;

    fkv_stats(call->server->store, &stats);

    fkv_reply_map(reply, 11);
    reply_figure(reply, "total.allocated",
                 stats.memory + stats.memory_private);
    reply_figure(reply, "replication.backlog", 0);
    reply_figure(reply, "overhead.total",
                 stats.memory_meta + stats.memory_private);
    reply_figure(reply, "keys.count", stats.keys_estimated);
    reply_figure(reply, "keys.bytes-per-key",
                 stats.keys_estimated ? stats.size / stats.keys_estimated : 0);
    reply_figure(reply, "dataset.bytes", stats.size);
    reply_figure(reply, "memtables.bytes", stats.memory_arenas);
    reply_figure(reply, "memtables.used", stats.memory_used);
    reply_figure(reply, "cache.bytes", stats.memory_cache);
    reply_figure(reply, "cache.used", stats.memory_cache_used);
    reply_figure(reply, "process.bytes", stats.memory_private);

    return FKV_OK;
}


static const fkv_command_t  subs[] = {
    { .name = "DOCTOR", .arity = 2, .call = memory_doctor,
      .group = "server", .since = "4.0.0",
      .summary = "What is wrong with the memory, in words" },
    { .name = "STATS", .arity = 2, .call = memory_stats,
      .group = "server", .since = "4.0.0",
      .summary = "What memory is taken for" },
    { .name = "USAGE", .arity = -3,
      .flags = FKV_COMMAND_READ | FKV_COMMAND_UNSEEN,
      .first_key = 2, .last_key = 2, .key_step = 1, .call = memory_usage,
      .group = "server", .since = "4.0.0", .usage = "key [SAMPLES count]",
      .summary = "Bytes that a key and its value take" },
    { .name = NULL }
};

const fkv_command_t  fkv_commands_memory[] = {
    { .name = "MEMORY", .arity = -2, .subs = subs, .group = "server",
      .since = "4.0.0", .summary = "Container of commands about memory" },
    { .name = NULL }
};
