/*
 * config.c - CONFIG: what Redis calls parameters, where there is such a thing.
 *
 * What can be set is in force in all processes at once and until the next
 * reload or restart of nginx, which go by nginx.conf again.  All of a SET is
 * looked at before any of it is done; to do it again changes nothing, so the
 * command may run twice.
 */

#include "commands/glob.h"
#include "commands/number.h"
#include "commands/server.h"
#include "commands/text.h"
#include "rules/field.h"

#include <string.h>

#define PATTERN_MAX  256        /* longer ones match nothing */

/* What SET is about to put into force. */
typedef struct {
    fkv_options_t  options;
    int64_t        slower_us;
    uint64_t       slow_max;
    bool           bounds;          /* max_size or evict was named */
} wanted_t;

typedef struct {
    const char    *name;
    const char    *constant;        /* or: */
    void         (*get)(const fkv_call_t *call, fkv_text_t *value);
    const char  *(*set)(fkv_str_t value, wanted_t *wanted);
                                    /* NULL, or why not */
    bool           immutable;
} config_t;


static fkv_str_t
str_of(const char *text)
{
    return (fkv_str_t) { (const uint8_t *) text, strlen(text) };
}


static void
maxmemory_get(const fkv_call_t *call, fkv_text_t *value)
{
    fkv_stats_t  stats;

    fkv_stats(call->server->store, &stats);
    fkv_text_add(value, "%llu", (unsigned long long) stats.max_size);
}


static void
policy_get(const fkv_call_t *call, fkv_text_t *value)
{
    fkv_stats_t  stats;

    fkv_stats(call->server->store, &stats);
    fkv_text_add(value, "%s", fkv_server_policy(stats.evict));
}


static void
appendfsync_get(const fkv_call_t *call, fkv_text_t *value)
{
    static const char *const  names[] = {
        [FKV_SYNC_ALWAYS] = "always",
        [FKV_SYNC_EVERYSEC] = "everysec",
        [FKV_SYNC_OFF] = "no"
    };

    fkv_text_add(value, "%s", names[call->server->options->sync]);
}


static void
dir_get(const fkv_call_t *call, fkv_text_t *value)
{
    fkv_text_add(value, "%s", fkv_path(call->server->store));
}


static void
port_get(const fkv_call_t *call, fkv_text_t *value)
{
    fkv_text_add(value, "%u", call->server->port);
}


static void
maxclients_get(const fkv_call_t *call, fkv_text_t *value)
{
    fkv_text_add(value, "%u", call->server->clients_max);
}


static void
threads_get(const fkv_call_t *call, fkv_text_t *value)
{
    fkv_text_add(value, "%u", call->server->processes);
}


static void
bulk_get(const fkv_call_t *call, fkv_text_t *value)
{
    fkv_text_add(value, "%llu",
                 (unsigned long long) call->server->options->value_max);
}


static void
output_get(const fkv_call_t *call, fkv_text_t *value)
{
    fkv_text_add(value, "normal %llu 0 0",
                 (unsigned long long) call->server->output_max);
}


static void
slower_get(const fkv_call_t *call, fkv_text_t *value)
{
    const fkv_meter_shm_t  *shm = call->server->meter->shm;

    fkv_text_add(value, "%lld", (long long) __atomic_load_n(&shm->slower_us,
                                                        __ATOMIC_RELAXED));
}


static void
slow_max_get(const fkv_call_t *call, fkv_text_t *value)
{
    const fkv_slow_shm_t  *slow = &call->server->meter->shm->slow;

    fkv_text_add(value, "%llu",
                 (unsigned long long) __atomic_load_n(&slow->max,
                                                      __ATOMIC_RELAXED));
}


/* "100", "100b", "1k" = 1000, "1kb" = 1024, and so on; FKV_OK or FKV_NOTINT. */
static int
bytes_parse(fkv_str_t text, uint64_t *bytes)
{
    static const struct {
        const char  *name;
        uint64_t     bytes;
    } units[] = {
        { "b", 1 }, { "k", 1000 }, { "kb", 1 << 10 }, { "m", 1000 * 1000 },
        { "mb", 1 << 20 }, { "g", 1000 * 1000 * 1000 }, { "gb", 1 << 30 },
        { "", 1 }
    };
    size_t    digits = 0;
    int64_t   n;
    fkv_str_t unit;

    while (digits < text.len && text.data[digits] >= '0'
           && text.data[digits] <= '9')
    {
        digits++;
    }

    if (fkv_number_int((fkv_str_t) { text.data, digits }, &n) != FKV_OK) {
        return FKV_NOTINT;
    }

    unit = (fkv_str_t) { text.data + digits, text.len - digits };

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (fkv_rules_same(str_of(units[i].name), unit)) {
            return __builtin_mul_overflow((uint64_t) n, units[i].bytes, bytes)
                   ? FKV_NOTINT : FKV_OK;
        }
    }

    return FKV_NOTINT;
}


static const char *
maxmemory_set(fkv_str_t value, wanted_t *wanted)
{
    wanted->bounds = true;

    return (bytes_parse(value, &wanted->options.max_size) == FKV_OK)
           ? NULL : "argument must be a memory value";
}


static const char *
policy_set(fkv_str_t value, wanted_t *wanted)
{
    static const fkv_evict_e  all[] = {
        FKV_EVICT_NONE, FKV_EVICT_LRU, FKV_EVICT_LFU, FKV_EVICT_TTL,
        FKV_EVICT_RANDOM
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (fkv_rules_same(str_of(fkv_server_policy(all[i])), value)) {
            wanted->options.evict = all[i];
            wanted->bounds = true;
            return NULL;
        }
    }

    return "argument(s) must be one of the following: volatile-ttl, "
           "allkeys-lru, allkeys-lfu, allkeys-random, noeviction";
}


static const char *
slower_set(fkv_str_t value, wanted_t *wanted)
{
    if (fkv_number_int(value, &wanted->slower_us) != FKV_OK) {
        return "argument couldn't be parsed into an integer";
    }

    return (wanted->slower_us < -1)
           ? "argument must be between -1 and 9223372036854775807 inclusive"
           : NULL;
}


static const char *
slow_max_set(fkv_str_t value, wanted_t *wanted)
{
    int64_t  n;

    _Static_assert(FKV_SLOW_PLACES == 1024, "what the sentence says");

    if (fkv_number_int(value, &n) != FKV_OK) {
        return "argument couldn't be parsed into an integer";
    }

    wanted->slow_max = (uint64_t) n;

    return (n < 0 || n > FKV_SLOW_PLACES)
           ? "argument must be between 0 and 1024 inclusive" : NULL;
}


static const config_t  configs[] = {
    { .name = "appendfsync", .get = appendfsync_get },
    { .name = "appendonly", .constant = "yes" },
    { .name = "client-output-buffer-limit", .get = output_get },
    { .name = "cluster-enabled", .constant = "no", .immutable = true },
    { .name = "databases", .constant = "16", .immutable = true },
    { .name = "dir", .get = dir_get },
    { .name = "io-threads", .get = threads_get, .immutable = true },
    { .name = "latency-monitor-threshold", .constant = "0" },
    { .name = "maxclients", .get = maxclients_get },
    { .name = "maxmemory", .get = maxmemory_get, .set = maxmemory_set },
    { .name = "maxmemory-policy", .get = policy_get, .set = policy_set },
    { .name = "notify-keyspace-events", .constant = "" },
    { .name = "port", .get = port_get },
    { .name = "proto-max-bulk-len", .get = bulk_get },
    { .name = "requirepass", .constant = "" },
    { .name = "save", .constant = "" },
    { .name = "slowlog-log-slower-than", .get = slower_get,
      .set = slower_set },
    { .name = "slowlog-max-len", .get = slow_max_get, .set = slow_max_set },
    { .name = "timeout", .constant = "0" },
    { .name = NULL }
};


/* FKV_OK or FKV_ENOMEM */
static int
config_value(const fkv_call_t *call, const config_t *config, fkv_text_t *value)
{
    if (config->constant != NULL) {
        fkv_text_add(value, "%s", config->constant);

    } else {
        config->get(call, value);
    }

    return value->rc;
}


static bool
matches(fkv_str_t pattern, const char *name)
{
    uint8_t  lower[PATTERN_MAX];

    if (pattern.len > sizeof(lower)) {
        return false;
    }

    for (size_t i = 0; i < pattern.len; i++) {
        lower[i] = fkv_rules_lower(pattern.data[i]);
    }

    return fkv_glob((fkv_str_t) { lower, pattern.len }, str_of(name));
}


/* Under which name it was asked for: its own, or as it was written, if that
   was no pattern.  data NULL: it was not. */
static fkv_str_t
config_asked(const fkv_call_t *call, const config_t *config)
{
    for (unsigned i = 2; i < call->argc; i++) {

        if (fkv_rules_same(str_of(config->name), call->argv[i])) {
            return call->argv[i];
        }

        if (matches(call->argv[i], config->name)) {
            return str_of(config->name);
        }
    }

    return FKV_STR_NULL;
}


static int
config_get(fkv_call_t *call)
{
    const config_t  *config;
    fkv_str_t        asked[sizeof(configs) / sizeof(configs[0])];
    size_t           n = 0;
    int              rc;

    for (config = configs; config->name != NULL; config++) {
        asked[config - configs] = config_asked(call, config);
        n += (asked[config - configs].data != NULL);
    }

    fkv_reply_map(call->reply, n);

    for (config = configs; config->name != NULL; config++) {

        fkv_text_t  value = { .rc = FKV_OK };

        if (asked[config - configs].data == NULL) {
            continue;
        }

        rc = config_value(call, config, &value);

        if (rc == FKV_OK) {
            fkv_reply_str(call->reply, asked[config - configs]);
            fkv_reply_str(call->reply, fkv__buf_str(&value.buf));
        }

        fkv_text_done(&value);

        if (rc != FKV_OK) {
            return rc;
        }
    }

    return FKV_OK;
}


static const config_t *
config_find(fkv_str_t name)
{
    for (const config_t *config = configs; config->name != NULL; config++) {
        if (fkv_rules_same(str_of(config->name), name)) {
            return config;
        }
    }

    return NULL;
}


static int
config_refuse(fkv_call_t *call, const config_t *config, const char *why)
{
    return fkv_call_fail(call, "ERR CONFIG SET failed (possibly related to "
                         "argument '%s') - %s", config->name, why);
}


/* Is it what it is anyway? */
static int
config_keep(fkv_call_t *call, const config_t *config, fkv_str_t wanted)
{
    fkv_text_t  value = { .rc = FKV_OK };
    int         rc = config_value(call, config, &value);
    bool        same = (rc == FKV_OK
                        && fkv_rules_same(fkv__buf_str(&value.buf), wanted));

    fkv_text_done(&value);

    if (rc != FKV_OK || same) {
        return rc;
    }

    return config_refuse(call, config, "it is not set here: nginx.conf "
                         "decides, or there is no such thing");
}


static int
config_set_one(fkv_call_t *call, unsigned i, wanted_t *wanted)
{
    const config_t  *config = config_find(call->argv[i]);
    const char      *why;

    if (config == NULL) {
        return fkv_call_fail(call, "ERR Unknown option or number of arguments "
                             "for CONFIG SET - '%.*s'",
                             (int) fkv__min(call->argv[i].len, 128),
                             (const char *) call->argv[i].data);
    }

    if (config->immutable) {
        return config_refuse(call, config, "can't set immutable config");
    }

    for (unsigned k = 2; k < i; k += 2) {
        if (config_find(call->argv[k]) == config) {
            return config_refuse(call, config, "duplicate parameter");
        }
    }

    if (config->set == NULL) {
        return config_keep(call, config, call->argv[i + 1]);
    }

    why = config->set(call->argv[i + 1], wanted);

    return (why == NULL) ? FKV_OK : config_refuse(call, config, why);
}


static void
wanted_read(const fkv_server_t *server, wanted_t *wanted)
{
    const fkv_meter_shm_t  *shm = server->meter->shm;
    fkv_stats_t             stats;

    fkv_stats(server->store, &stats);

    wanted->options = *fkv_options(server->store);
    wanted->options.max_size = stats.max_size;
    wanted->options.evict = stats.evict;
    memcpy(wanted->options.quota, stats.quota, sizeof(stats.quota));

    wanted->slower_us = __atomic_load_n(&shm->slower_us, __ATOMIC_RELAXED);
    wanted->slow_max = __atomic_load_n(&shm->slow.max, __ATOMIC_RELAXED);
    wanted->bounds = false;
}


/* Redis has policies that wait for a maxmemory; here they are none so long. */
static int
wanted_check(fkv_call_t *call, const wanted_t *wanted)
{
    fkv_options_t  options = wanted->options;
    char           error[FKV_ERROR_BYTES];

    if (!wanted->bounds) {
        return FKV_OK;
    }

    if (options.max_size == 0) {
        options.evict = FKV_EVICT_NONE;
    }

    if (fkv_options_check(&options, error) != FKV_OK) {
        return config_refuse(call, config_find(FKV_STR("maxmemory")), error);
    }

    return FKV_OK;
}


static void
wanted_apply(const fkv_server_t *server, const wanted_t *wanted)
{
    fkv_meter_shm_t  *shm = server->meter->shm;

    if (wanted->bounds) {
        fkv_change(server->store, &wanted->options);
    }

    __atomic_store_n(&shm->slower_us, wanted->slower_us, __ATOMIC_RELAXED);
    __atomic_store_n(&shm->slow.max, wanted->slow_max, __ATOMIC_RELAXED);
}


static int
config_set(fkv_call_t *call)
{
    wanted_t  wanted;
    int       rc;

    if (call->argc % 2 != 0) {
        return fkv_call_syntax(call);
    }

    wanted_read(call->server, &wanted);

    for (unsigned i = 2; i < call->argc; i += 2) {

        rc = config_set_one(call, i, &wanted);

        if (rc != FKV_OK) {
            return rc;
        }
    }

    if (wanted_check(call, &wanted) != FKV_OK) {
        return FKV_EINVAL;
    }

    wanted_apply(call->server, &wanted);
    fkv_reply_ok(call->reply);

    return FKV_OK;
}


static int
config_resetstat(fkv_call_t *call)
{
    fkv_meter_reset(call->server->meter, call->server->store);
    fkv_reply_ok(call->reply);

    return FKV_OK;
}


/* nginx.conf is written by people. */
static int
config_rewrite(fkv_call_t *call)
{
    return fkv_call_fail(call, "ERR The server is running without a config "
                         "file");
}


static const fkv_command_t  subs[] = {
    { .name = "GET", .arity = -3, .call = config_get,
      .group = "server", .since = "2.0.0",
      .usage = "parameter [parameter ...]",
      .summary = "Parameters whose names match a pattern" },
    { .name = "SET", .arity = -4, .flags = FKV_COMMAND_ADMIN,
      .call = config_set, .group = "server", .since = "2.0.0",
      .usage = "parameter value [parameter value ...]",
      .summary = "Changes parameters until nginx is reloaded or restarted" },
    { .name = "RESETSTAT", .arity = 2, .flags = FKV_COMMAND_ADMIN,
      .call = config_resetstat, .group = "server", .since = "2.0.0",
      .summary = "Counters of INFO begin at nothing" },
    { .name = "REWRITE", .arity = 2, .flags = FKV_COMMAND_ADMIN,
      .call = config_rewrite, .group = "server", .since = "2.8.0",
      .summary = "An error: nobody but you writes nginx.conf" },
    { .name = NULL }
};

const fkv_command_t  fkv_commands_config[] = {
    { .name = "CONFIG", .arity = -2, .subs = subs, .group = "server",
      .since = "2.0.0", .summary = "Container of commands about parameters" },
    { .name = NULL }
};
