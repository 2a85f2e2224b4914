/*
 * driver_wiredtiger.c - WiredTiger, a B-tree with a log; a session is a
 * thread.
 */

#include "driver.h"

#include <wiredtiger.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define URI  "table:bench"

typedef struct {
    WT_CONNECTION     *connection;
    bool               snappy;      /* its extension was found */
    bench_settings_t   settings;
} bench_wt_t;

typedef struct {
    bench_wt_t  *wt;
    WT_SESSION  *session;
    WT_CURSOR   *cursor;
} session_t;

static const char *const  extensions[] = {
    "/usr/lib/x86_64-linux-gnu/libwiredtiger_snappy.so",
    "/usr/lib/aarch64-linux-gnu/libwiredtiger_snappy.so",
};


static void
check(int rc, const char *what)
{
    if (rc != 0) {
        bench_die("wiredtiger: %s: %s", what, wiredtiger_strerror(rc));
    }
}


static const char *
extension(void)
{
    for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
        FILE  *file = fopen(extensions[i], "re");

        if (file != NULL) {
            (void) fclose(file);
            return extensions[i];
        }
    }

    return NULL;
}


/* Its cache holds what others keep in write buffers. */
static void
connection_config(const bench_wt_t *wt, const char *snappy, char *text,
    size_t size)
{
    const bench_settings_t  *s = &wt->settings;

    (void) snprintf(text, size, "create,cache_size=%" PRIu64 ",session_max=300"
                    ",log=(enabled=true),transaction_sync=(enabled=%s,"
                    "method=fsync),checkpoint=(wait=60,log_size=256MB),"
                    "eviction=(threads_min=1,threads_max=%u)%s%s%s%s",
                    s->memory, s->sync ? "true" : "false", s->threads,
                    s->direct ? ",direct_io=[data]" : "",
                    snappy != NULL ? ",extensions=[" : "",
                    snappy != NULL ? snappy : "", snappy != NULL ? "]" : "");
}


static void *
db_open(const bench_settings_t *settings)
{
    char         config[1024];
    WT_SESSION  *session;
    const char  *snappy = (settings->compression == BENCH_PLAIN)
                          ? NULL : extension();
    bench_wt_t  *wt = calloc(1, sizeof(*wt));

    if (wt == NULL) {
        bench_die("out of memory");
    }

    wt->settings = *settings;
    wt->snappy = (snappy != NULL);
    connection_config(wt, snappy, config, sizeof(config));

    check(wiredtiger_open(settings->dir, NULL, config, &wt->connection),
          "open");
    check(wt->connection->open_session(wt->connection, NULL, NULL, &session),
          "session");
    check(session->create(session, URI, wt->snappy
                          ? "key_format=u,value_format=u,"
                            "block_compressor=snappy"
                          : "key_format=u,value_format=u"), "create");
    check(session->close(session, NULL), "close session");

    return wt;
}


static void *
db_session(void *store)
{
    bench_wt_t  *wt = store;
    session_t   *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        bench_die("out of memory");
    }

    s->wt = wt;
    check(wt->connection->open_session(wt->connection, NULL,
                                       "isolation=snapshot", &s->session),
          "session");
    check(s->session->open_cursor(s->session, URI, NULL, "overwrite=true",
                                  &s->cursor), "cursor");

    return s;
}


static void
db_key(session_t *s, bench_request_t *request)
{
    WT_ITEM  key = { .data = request->key, .size = BENCH_KEY_BYTES };

    s->cursor->set_key(s->cursor, &key);
}


static void
db_entry(session_t *s)
{
    WT_ITEM  key, value;

    check(s->cursor->get_key(s->cursor, &key), "key");
    check(s->cursor->get_value(s->cursor, &value), "value");
    bench_check(&s->wt->settings, key.data, key.size, value.data, value.size);
}


static void
db_get(session_t *s, bench_request_t *request)
{
    int  rc;

    db_key(s, request);
    rc = s->cursor->search(s->cursor);

    if (rc == 0) {
        db_entry(s);
        request->found = 1;

    } else if (rc != WT_NOTFOUND) {
        check(rc, "search");
    }

    check(s->cursor->reset(s->cursor), "reset");
}


/* Two writers of one key: one of them is told to try again. */
static void
db_write(session_t *s, bench_request_t *request)
{
    int      rc;
    WT_ITEM  value = { .data = request->value, .size = request->value_len };

    do {
        db_key(s, request);

        if (request->kind == BENCH_DELETE) {
            rc = s->cursor->remove(s->cursor);
            rc = (rc == WT_NOTFOUND) ? 0 : rc;

        } else {
            s->cursor->set_value(s->cursor, &value);
            rc = s->cursor->insert(s->cursor);
        }
    } while (rc == WT_ROLLBACK);

    check(rc, "write");
    check(s->cursor->reset(s->cursor), "reset");
}


static void
db_scan(session_t *s, bench_request_t *request)
{
    int  rc, exact;

    db_key(s, request);
    rc = s->cursor->search_near(s->cursor, &exact);

    if (rc == 0 && exact < 0) {
        rc = s->cursor->next(s->cursor);
    }

    while (rc == 0) {
        db_entry(s);

        if (++request->found == request->limit) {
            break;
        }

        rc = s->cursor->next(s->cursor);
    }

    check(rc == WT_NOTFOUND ? 0 : rc, "scan");
    check(s->cursor->reset(s->cursor), "reset");
}


static bool
db_start(void *session, bench_request_t *request)
{
    request->found = 0;

    switch (request->kind) {
    case BENCH_GET:     db_get(session, request);    break;
    case BENCH_SCAN:    db_scan(session, request);   break;
    case BENCH_PUT:
    case BENCH_DELETE:  db_write(session, request);  break;
    case BENCH_CHANGE:  db_get(session, request);
                        db_write(session, request);  break;
    case BENCH_KINDS:                                break;
    }

    return true;
}


static void
db_session_end(void *session)
{
    session_t  *s = session;

    check(s->session->close(s->session, NULL), "close session");
    free(s);
}


static void
db_close(void *store)
{
    bench_wt_t  *wt = store;

    check(wt->connection->close(wt->connection, NULL), "close");
    free(wt);
}


static void
db_describe(void *store, FILE *out)
{
    bench_wt_t  *wt = store;

    fprintf(out, "B-tree, cache_size=%" PRIu64 "m, log enabled, "
            "transaction_sync=%s, %s (Debian's has no lz4, no zstd), no "
            "filter, eviction threads_max=%u, checkpoint each 60 s or 256m of "
            "log%s",
            wt->settings.memory >> 20,
            wt->settings.sync ? "fsync" : "off",
            wt->snappy ? "snappy" : "no compression", wt->settings.threads,
            wt->settings.direct ? ", direct_io=[data]" : "");
}


const bench_driver_t  bench_driver_wiredtiger = {
    .name = "wiredtiger",
    .open = db_open,
    .session = db_session,
    .start = db_start,
    .session_end = db_session_end,
    .close = db_close,
    .describe = db_describe,
};
