/*
 * driver_ferrokv.c - this project's engine: one process and thread a session,
 * requests of a session in flight together, as in an nginx worker.
 */

#include "data.h"
#include "driver.h"
#include "fkv.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALUE_MAX       (64 * 1024)
#define STARTS_A_TURN   64      /* at most, when nothing has to be waited for */

typedef struct {
    fkv_t             *store;
    bench_settings_t   settings;
    fkv_log_t          log;
    bool               turn;        /* the engine asked for one */
    unsigned           starts;      /* since the last turn */
    uint64_t           now_ms;
    uint64_t           helper_due;
    bench_request_t   *ended;
    char               error[FKV_ERROR_BYTES];
} ferrokv_t;

typedef struct {
    ferrokv_t  *ferrokv;
    union {
        fkv_get_t     get;
        fkv_scan_t    scan;
        struct {
            fkv_update_t  update;
            fkv_change_t  change;
        };
    };
} own_t;

_Static_assert(sizeof(own_t) <= BENCH_OWN_BYTES, "room for an operation");


static void
on_log(void *data, fkv_log_level_e level, const char *text)
{
    (void) data;

    if (level <= FKV_LOG_WARN) {
        fprintf(stderr, "ferrokv: %s\n", text);
    }
}


static void
on_turn(void *data)
{
    ((ferrokv_t *) data)->turn = true;
}


static void *
ferrokv_open(const bench_settings_t *settings)
{
    static const fkv_compression_e  compressions[BENCH_COMPRESSIONS] = {
        [BENCH_LZ4] = FKV_COMPRESSION_LZ4,
        [BENCH_ZSTD] = FKV_COMPRESSION_ZSTD,
        [BENCH_PLAIN] = FKV_COMPRESSION_NONE
    };
    ferrokv_t      *f = calloc(1, sizeof(*f));
    fkv_options_t   options = {
        .path = settings->dir,
        .memory = settings->memory,
        .value_max = VALUE_MAX,
        .sync = settings->sync ? FKV_SYNC_ALWAYS : FKV_SYNC_OFF,
        .compression = compressions[settings->compression],
        .uid = (uid_t) -1,
        .gid = (gid_t) -1,
    };

    if (f == NULL) {
        bench_die("out of memory");
    }

    f->settings = *settings;
    f->log = (fkv_log_t) { on_log, f };

    if (fkv_open(&f->store, &options, &f->log, f->error) != FKV_OK) {
        bench_die("ferrokv: %s", f->error);
    }

    return f;
}


static void
ferrokv_turn(void *session, int wait_ms)
{
    ferrokv_t      *f = session;
    struct pollfd   pfd = { fkv_eventfd(f->store), POLLIN, 0 };
    int64_t         timeout;
    uint64_t        count;

    while (f->turn) {
        f->turn = false;
        fkv_turn(f->store);
    }

    timeout = fkv_timeout_ms(f->store);

    if (timeout >= 0 && timeout < wait_ms) {
        wait_ms = (int) timeout;
    }

    if (poll(&pfd, 1, wait_ms) > 0) {
        (void) !read(pfd.fd, &count, sizeof(count));
    }

    fkv_poll(f->store);

    f->starts = 0;
    f->now_ms = fkv_now_ms(f->store);

    if (f->now_ms >= f->helper_due) {
        f->helper_due = f->now_ms + fkv_helper(f->store);
    }

    while (f->ended != NULL) {
        bench_request_t  *request = f->ended;

        f->ended = request->next;
        request->on_done(request);
    }
}


static void *
ferrokv_session(void *store)
{
    ferrokv_t  *f = store;

    if (fkv_attach(f->store, FKV_WORKER, &f->log, on_turn, f, f->error)
        != FKV_OK)
    {
        bench_die("ferrokv: %s", f->error);
    }

    ferrokv_turn(f, 0);

    return f;
}


static void
get_end(bench_request_t *request, int rc)
{
    own_t      *own = (own_t *) request->own;
    fkv_get_t  *get = &own->get;

    if (rc == FKV_OK) {
        bench_check(&own->ferrokv->settings, request->key, BENCH_KEY_BYTES,
                    (const char *) get->value.data.data, get->value.data.len);
        request->found = 1;

    } else if (rc != FKV_NOTFOUND) {
        bench_die("ferrokv: get: %s", fkv_code_text(rc));
    }

    fkv_get_done(get);
}


static void
request_end(bench_request_t *request, int rc)
{
    if (request->kind == BENCH_GET) {
        get_end(request, rc);

    } else if (rc != FKV_OK) {
        bench_die("ferrokv: %s: %s", request->kind == BENCH_SCAN
                  ? "scan" : "update", fkv_code_text(rc));
    }
}


/* The runner may start the next request in it: not from inside fkv_poll(). */
static void
on_done(fkv_op_t *op)
{
    bench_request_t  *request = op->data;
    own_t            *own = (own_t *) request->own;

    request_end(request, op->rc);
    request->next = own->ferrokv->ended;
    own->ferrokv->ended = request;
}


static int
get_start(own_t *own, bench_request_t *request, fkv_str_t key)
{
    own->get = (fkv_get_t) {
        .op = { .on_done = on_done, .data = request },
        .store = own->ferrokv->store,
        .key = key,
        .ns = FKV_NAMESPACE_USER,
        .now_ms = own->ferrokv->now_ms,
    };

    return fkv_get(&own->get);
}


static int
decide(fkv_update_t *update)
{
    bench_request_t  *request = update->op.data;
    own_t            *own = (own_t *) request->own;
    fkv_change_t     *change = update->changes;

    request->found = 0;

    if (change->exists) {
        bench_check(&own->ferrokv->settings, request->key, BENCH_KEY_BYTES,
                    (const char *) change->current.data.data,
                    change->current.data.len);
        request->found = 1;
    }

    change->action = FKV_PUT;

    return FKV_OK;
}


static int
update_start(own_t *own, bench_request_t *request, fkv_str_t key)
{
    ferrokv_t  *f = own->ferrokv;
    bool        change = (request->kind == BENCH_CHANGE);

    own->change = (fkv_change_t) {
        .ns = FKV_NAMESPACE_USER,
        .key = key,
        .blind = !change,
        .action = (request->kind == BENCH_DELETE) ? FKV_DELETE : FKV_PUT,
        .value = { (const uint8_t *) request->value, request->value_len },
    };

    if (f->settings.ttl_s != 0) {
        own->change.expire_at = f->now_ms
                                + (uint64_t) f->settings.ttl_s * 1000;
    }

    own->update = (fkv_update_t) {
        .op = { .on_done = on_done, .data = request },
        .store = f->store,
        .now_ms = f->now_ms,
        .changes = &own->change,
        .n = 1,
        .decide = change ? decide : NULL,
    };

    return fkv_update(&own->update);
}


static int
on_entry(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    bench_request_t  *request = scan->op.data;
    own_t            *own = (own_t *) request->own;

    bench_check(&own->ferrokv->settings, (const char *) key.data, key.len,
                (const char *) value->data.data, value->data.len);
    request->found++;

    return FKV_OK;
}


static int
scan_start(own_t *own, bench_request_t *request, fkv_str_t key)
{
    own->scan = (fkv_scan_t) {
        .op = { .on_done = on_done, .data = request },
        .store = own->ferrokv->store,
        .ns = FKV_NAMESPACE_USER,
        .start = key,
        .now_ms = own->ferrokv->now_ms,
        .limit = request->limit,
        .on_entry = on_entry,
    };

    return fkv_scan(&own->scan);
}


static bool
ferrokv_start(void *session, bench_request_t *request)
{
    int         rc = FKV_EINVAL;
    own_t      *own = (own_t *) request->own;
    ferrokv_t  *f = session;
    fkv_str_t   key = { (const uint8_t *) request->key, BENCH_KEY_BYTES };

    /* An event loop's turn handles a bounded number of events. */
    if (++f->starts > STARTS_A_TURN) {
        ferrokv_turn(f, 0);
    }

    own->ferrokv = f;
    request->found = 0;

    switch (request->kind) {
    case BENCH_GET:     rc = get_start(own, request, key);     break;
    case BENCH_SCAN:    rc = scan_start(own, request, key);    break;
    case BENCH_PUT:
    case BENCH_DELETE:
    case BENCH_CHANGE:  rc = update_start(own, request, key);  break;
    case BENCH_KINDS:   break;
    }

    if (rc == FKV_AGAIN) {
        return false;
    }

    request_end(request, rc);

    return true;
}


static void
ferrokv_session_end(void *session)
{
    fkv_detach(((ferrokv_t *) session)->store);
}


static void
ferrokv_close(void *store)
{
    fkv_close(((ferrokv_t *) store)->store);
    free(store);
}


static void
ferrokv_describe(void *store, FILE *out)
{
    ferrokv_t    *f = store;
    fkv_stats_t   stats;

    fkv_stats(f->store, &stats);

    fprintf(out, "memory=%" PRIu64 "m of which cache %" PRIu64 "m, memtables %"
            PRIu64 "m in %u, sync=%s, compression=%s, bloom 10 bits, direct "
            "reads, allocator %s", stats.memory >> 20, stats.memory_cache >> 20,
            stats.memory_arenas >> 20, stats.arenas,
            f->settings.sync ? "always" : "off",
            bench_compression(f->settings.compression), fkv_alloc_name());
}


static void
ferrokv_counters(void *store, FILE *out)
{
    ferrokv_t    *f = store;
    fkv_stats_t   stats;

    fkv_stats(f->store, &stats);

#define COUNTER(name, text)                                                   \
    fprintf(out, "\"" #name "\":%" PRIu64 ",", stats.name);

    FKV_STAT_COUNTERS(COUNTER)
#undef COUNTER

    fprintf(out, "\"tables\":%u,\"table_bytes\":%" PRIu64, stats.tables,
            stats.table_bytes);
}


const bench_driver_t  bench_driver_ferrokv = {
    .name = "ferrokv",
    .processes = true,
    .ttl = true,
    .open = ferrokv_open,
    .session = ferrokv_session,
    .start = ferrokv_start,
    .turn = ferrokv_turn,
    .session_end = ferrokv_session_end,
    .close = ferrokv_close,
    .describe = ferrokv_describe,
    .counters = ferrokv_counters,
};
