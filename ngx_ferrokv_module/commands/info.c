/*
 * info.c - INFO: Redis' fields, those that tools look for, as far as there is
 * something to be said; and what is ours, its name beginning with "ferrokv_".
 *
 * used_memory is what maxmemory bounds: bytes that live in the store, most of
 * them on disk.  What the machine's memory holds of it is used_memory_rss: the
 * shared segment.
 */

#include "commands/server.h"
#include "commands/text.h"
#include "rules/field.h"

#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

typedef struct {
    const fkv_call_t    *call;
    const fkv_server_t  *server;
    fkv_stats_t          stats;
    fkv_meter_sums_t     sums;
    fkv_text_t           text;
} info_t;

typedef struct {
    const char  *name;
    bool         usual;             /* also if nobody asks for it */
    void       (*print)(info_t *info);
} section_t;


/* name:n, and name_human. */
static void
info_bytes(info_t *info, const char *name, uint64_t bytes)
{
    char  human[FKV_TEXT_HUMAN_BYTES];

    fkv_text_human(human, bytes);
    fkv_text_add(&info->text, "%s:%" PRIu64 "\r\n%s_human:%s\r\n", name, bytes,
                 name, human);
}


static void
info_id(info_t *info, const char *name, uint64_t mask)
{
    const uint64_t  *id = info->server->meter->shm->id;

    fkv_text_add(&info->text, "%s:%016" PRIx64 "%016" PRIx64 "%08" PRIx32
                 "\r\n", name, id[0] ^ mask, id[1], (uint32_t) id[2]);
}


static void
info_server(info_t *info)
{
    const fkv_server_t  *server = info->server;
    uint64_t             now_ms = info->call->now_ms;
    uint64_t             opened_ms = server->meter->shm->opened_ms, up;
    struct utsname       system;

    up = (now_ms > opened_ms) ? (now_ms - opened_ms) / 1000 : 0;

    fkv_text_add(&info->text,
                 "redis_version:" FKV_SERVER_VERSION "\r\n"
                 "redis_mode:standalone\r\n"
                 "ferrokv_version:%s\r\n"
                 "ferrokv_host:%s\r\n"
                 "ferrokv_store:%s\r\n"
                 "ferrokv_io:%s\r\n",
                 server->version, server->host, server->name,
                 info->stats.io ? info->stats.io : "");

    if (uname(&system) == 0) {
        fkv_text_add(&info->text, "os:%s %s %s\r\n", system.sysname,
                     system.release, system.machine);
    }

    fkv_text_add(&info->text,
                 "arch_bits:%u\r\n"
                 "multiplexing_api:epoll\r\n"
                 "process_id:%d\r\n"
                 "ferrokv_workers:%u\r\n",
                 (unsigned) sizeof(void *) * 8, (int) getpid(),
                 server->processes);

    info_id(info, "run_id", 0);

    fkv_text_add(&info->text,
                 "tcp_port:%u\r\n"
                 "server_time_usec:%" PRIu64 "\r\n"
                 "uptime_in_seconds:%" PRIu64 "\r\n"
                 "uptime_in_days:%" PRIu64 "\r\n"
                 "executable:%s\r\n"
                 "config_file:%s\r\n",
                 server->port, now_ms * 1000, up, up / 86400,
                 server->executable, server->config);
}


static void
info_clients(info_t *info)
{
    fkv_text_add(&info->text,
                 "connected_clients:%" PRIu64 "\r\n"
                 "cluster_connections:0\r\n"
                 "maxclients:%u\r\n"
                 "blocked_clients:0\r\n"
                 "tracking_clients:0\r\n",
                 info->sums.clients, info->server->clients_max);
}


static void
info_memory(info_t *info)
{
    const fkv_stats_t  *stats = &info->stats;
    long                pages = sysconf(_SC_PHYS_PAGES);
    long                page_bytes = sysconf(_SC_PAGESIZE);

    info_bytes(info, "used_memory", stats->size);
    info_bytes(info, "used_memory_rss", stats->memory + stats->memory_private);
    fkv_text_add(&info->text, "used_memory_dataset:%" PRIu64 "\r\n",
                 stats->size);

    if (pages > 0 && page_bytes > 0) {
        info_bytes(info, "total_system_memory",
                   (uint64_t) pages * (uint64_t) page_bytes);
    }

    info_bytes(info, "maxmemory", stats->max_size);
    fkv_text_add(&info->text, "maxmemory_policy:%s\r\n",
                 fkv_server_policy(stats->evict));
    fkv_text_add(&info->text,
                 "mem_allocator:%s\r\n"
                 "ferrokv_memory:%" PRIu64 "\r\n"
                 "ferrokv_memory_arenas:%" PRIu64 "\r\n"
                 "ferrokv_memory_arenas_used:%" PRIu64 "\r\n"
                 "ferrokv_memory_cache:%" PRIu64 "\r\n"
                 "ferrokv_memory_cache_used:%" PRIu64 "\r\n"
                 "ferrokv_memory_meta:%" PRIu64 "\r\n"
                 "ferrokv_memory_private:%" PRIu64 "\r\n",
                 fkv_alloc_name(), stats->memory, stats->memory_arenas,
                 stats->memory_used, stats->memory_cache,
                 stats->memory_cache_used, stats->memory_meta,
                 stats->memory_private);
}


/* All of it is on disk always; what is about snapshots says that none runs. */
static void
info_persistence(info_t *info)
{
    const fkv_stats_t  *stats = &info->stats;
    const char         *status = stats->readonly ? "err" : "ok";

    fkv_text_add(&info->text,
                 "loading:0\r\n"
                 "async_loading:0\r\n"
                 "rdb_changes_since_last_save:0\r\n"
                 "rdb_bgsave_in_progress:0\r\n"
                 "rdb_last_save_time:%" PRIu64 "\r\n"
                 "rdb_last_bgsave_status:%s\r\n"
                 "rdb_last_bgsave_time_sec:-1\r\n"
                 "rdb_current_bgsave_time_sec:-1\r\n"
                 "aof_enabled:1\r\n"
                 "aof_rewrite_in_progress:0\r\n"
                 "aof_rewrite_scheduled:0\r\n"
                 "aof_last_rewrite_time_sec:-1\r\n"
                 "aof_current_rewrite_time_sec:-1\r\n"
                 "aof_last_bgrewrite_status:ok\r\n"
                 "aof_last_write_status:%s\r\n",
                 fkv_server_saved_ms(info->call, stats) / 1000, status, status);
    fkv_text_add(&info->text,
                 "ferrokv_readonly:%d\r\n"
                 "ferrokv_disk_full:%d\r\n"
                 "ferrokv_tables:%u\r\n"
                 "ferrokv_table_bytes:%" PRIu64 "\r\n"
                 "ferrokv_blob_bytes:%" PRIu64 "\r\n"
                 "ferrokv_flushes:%" PRIu64 "\r\n"
                 "ferrokv_compactions:%" PRIu64 "\r\n"
                 "ferrokv_compaction_debt:%" PRIu64 "\r\n"
                 "ferrokv_lsn_ready:%" PRIu64 "\r\n"
                 "ferrokv_lsn_durable:%" PRIu64 "\r\n",
                 stats->readonly, stats->disk_full, stats->tables,
                 stats->table_bytes, stats->blob_bytes, stats->flushes,
                 stats->compactions, stats->compaction_debt, stats->lsn_ready,
                 stats->lsn_durable);
}


static void
info_stats(info_t *info)
{
    const fkv_meter_sums_t  *sums = &info->sums;

    fkv_text_add(&info->text,
                 "total_connections_received:%" PRIu64 "\r\n"
                 "total_commands_processed:%" PRIu64 "\r\n"
                 "instantaneous_ops_per_sec:%" PRIu64 "\r\n"
                 "total_net_input_bytes:%" PRIu64 "\r\n"
                 "total_net_output_bytes:%" PRIu64 "\r\n"
                 "instantaneous_input_kbps:%.2f\r\n"
                 "instantaneous_output_kbps:%.2f\r\n"
                 "rejected_connections:%" PRIu64 "\r\n",
                 sums->connections, sums->commands,
                 sums->rates[FKV_METER_RATE_COMMANDS], sums->input_bytes,
                 sums->output_bytes,
                 (double) sums->rates[FKV_METER_RATE_INPUT] / 1024,
                 (double) sums->rates[FKV_METER_RATE_OUTPUT] / 1024,
                 sums->refused);
    fkv_text_add(&info->text,
                 "sync_full:0\r\n"
                 "sync_partial_ok:0\r\n"
                 "sync_partial_err:0\r\n"
                 "expired_keys:%" PRIu64 "\r\n"
                 "evicted_keys:%" PRIu64 "\r\n"
                 "keyspace_hits:%" PRIu64 "\r\n"
                 "keyspace_misses:%" PRIu64 "\r\n"
                 "pubsub_channels:0\r\n"
                 "pubsub_patterns:0\r\n"
                 "latest_fork_usec:0\r\n"
                 "total_forks:0\r\n"
                 "total_error_replies:%" PRIu64 "\r\n",
                 sums->expired, sums->evicted, sums->hits, sums->misses,
                 sums->errors);
}


static void
info_replication(info_t *info)
{
    fkv_text_add(&info->text,
                 "role:master\r\n"
                 "connected_slaves:0\r\n"
                 "master_failover_state:no-failover\r\n");
    info_id(info, "master_replid", UINT64_MAX);
    fkv_text_add(&info->text,
                 "master_replid2:%040d\r\n"
                 "master_repl_offset:%" PRIu64 "\r\n"
                 "second_repl_offset:-1\r\n"
                 "repl_backlog_active:0\r\n"
                 "repl_backlog_size:0\r\n"
                 "repl_backlog_first_byte_offset:0\r\n"
                 "repl_backlog_histlen:0\r\n",
                 0, info->stats.lsn_ready);
}


/* Of the worker that answers: of another process nobody knows. */
static void
info_cpu(info_t *info)
{
    struct rusage  self;

    if (getrusage(RUSAGE_SELF, &self) != 0) {
        return;
    }

    fkv_text_add(&info->text,
                 "used_cpu_sys:%ld.%06ld\r\n"
                 "used_cpu_user:%ld.%06ld\r\n"
                 "used_cpu_sys_children:0.000000\r\n"
                 "used_cpu_user_children:0.000000\r\n",
                 (long) self.ru_stime.tv_sec, (long) self.ru_stime.tv_usec,
                 (long) self.ru_utime.tv_sec, (long) self.ru_utime.tv_usec);
}


static void
info_modules(info_t *info)
{
    if (info->server->modules != NULL) {
        info->server->modules(&info->text, info->server->store, "\r\n");
    }
}


static void
info_commandstats(info_t *info)
{
    fkv_meter_line_t  line;

    for (unsigned i = 0; fkv_meter_line(info->server->meter, i, &line); i++) {

        const fkv_meter_command_shm_t  *sums = &line.sums;

        if (sums->calls + sums->rejected == 0) {
            continue;
        }

        fkv_text_add(&info->text, "cmdstat_");

        if (line.parent != NULL) {
            fkv_text_add_lower(&info->text, line.parent->name);
            fkv_text_add(&info->text, "|");
        }

        fkv_text_add_lower(&info->text, line.command->name);
        fkv_text_add(&info->text, ":calls=%" PRIu64 ",usec=%" PRIu64
                     ",usec_per_call=%.2f,rejected_calls=%" PRIu64
                     ",failed_calls=%" PRIu64 "\r\n", sums->calls, sums->usec,
                     sums->calls ? (double) sums->usec / (double) sums->calls
                                 : 0, sums->rejected, sums->failed);
    }
}


static void
info_errorstats(info_t *info)
{
    for (unsigned i = 0; i < FKV_METER_ERRORS_N; i++) {
        if (info->sums.by_error[i] > 0) {
            fkv_text_add(&info->text, "errorstat_%s:count=%" PRIu64 "\r\n",
                         fkv_meter_error_names[i], info->sums.by_error[i]);
        }
    }
}


static void
info_cluster(info_t *info)
{
    fkv_text_add(&info->text, "cluster_enabled:0\r\n");
}


/* About how many; DBSIZE counts them. */
static void
info_keyspace(info_t *info)
{
    for (unsigned ns = 0; ns < FKV_NAMESPACE_USERS; ns++) {
        if (info->stats.usage[ns].keys > 0) {
            fkv_text_add(&info->text, "db%u:keys=%" PRIu64
                         ",expires=0,avg_ttl=0\r\n", ns,
                         info->stats.usage[ns].keys);
        }
    }
}


static const section_t  sections[] = {
    { "Server", true, info_server },
    { "Clients", true, info_clients },
    { "Memory", true, info_memory },
    { "Persistence", true, info_persistence },
    { "Stats", true, info_stats },
    { "Replication", true, info_replication },
    { "CPU", true, info_cpu },
    { "Modules", true, info_modules },
    { "Commandstats", false, info_commandstats },
    { "Errorstats", true, info_errorstats },
    { "Cluster", true, info_cluster },
    { "Keyspace", true, info_keyspace },
    { NULL, false, NULL }
};


static bool
section_asked(const fkv_call_t *call, const section_t *section)
{
    for (unsigned i = 1; i < call->argc; i++) {

        if (fkv_call_is(call, i, section->name)
            || fkv_call_is(call, i, "all")
            || fkv_call_is(call, i, "everything")
            || (section->usual && fkv_call_is(call, i, "default")))
        {
            return true;
        }
    }

    return call->argc == 1 && section->usual;
}


static int
info_call(fkv_call_t *call)
{
    info_t  info = { .call = call, .server = call->server };

    fkv_stats(info.server->store, &info.stats);
    fkv_meter_sum(info.server->meter, info.server->store, &info.stats,
                  &info.sums);

    for (const section_t *section = sections; section->name != NULL; section++)
    {
        if (section_asked(call, section)) {
            fkv_text_add(&info.text, "%s# %s\r\n",
                         info.text.buf.len ? "\r\n" : "", section->name);
            section->print(&info);
        }
    }

    if (info.text.rc == FKV_OK) {
        fkv_reply_text(call->reply, fkv__buf_str(&info.text.buf));
    }

    fkv_text_done(&info.text);

    return info.text.rc;
}


const fkv_command_t  fkv_commands_info[] = {
    { .name = "INFO", .arity = -1, .call = info_call,
      .group = "server", .since = "1.0.0", .usage = "[section [section ...]]",
      .summary = "Figures of the server: about it, its clients, memory, "
                 "commands and keys" },
    { .name = NULL }
};
