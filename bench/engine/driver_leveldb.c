/*
 * driver_leveldb.c - LevelDB through its C API; a session is a thread.
 */

#include "driver.h"

#include <leveldb/c.h>

#include <inttypes.h>
#include <stdlib.h>

#define BLOCK_BYTES      4096
#define MAX_OPEN_FILES   100000
#define FILTER_BITS      10

typedef struct {
    leveldb_t               *db;
    leveldb_options_t       *options;
    leveldb_readoptions_t   *read;
    leveldb_writeoptions_t  *write;
    leveldb_cache_t         *cache;
    leveldb_filterpolicy_t  *filter;
    bench_settings_t         settings;
} bench_leveldb_t;


static void
check(char *error, const char *what)
{
    if (error != NULL) {
        bench_die("leveldb: %s: %s", what, error);
    }
}


/* It keeps two write buffers: one that is filled, one that is flushed. */
static void
options_set(bench_leveldb_t *l)
{
    leveldb_options_t  *o = leveldb_options_create();

    l->options = o;
    l->cache = leveldb_cache_create_lru(l->settings.cache);
    l->filter = leveldb_filterpolicy_create_bloom(FILTER_BITS);

    leveldb_options_set_create_if_missing(o, 1);
    leveldb_options_set_cache(o, l->cache);
    leveldb_options_set_filter_policy(o, l->filter);
    leveldb_options_set_write_buffer_size(o, l->settings.buffers / 2);
    leveldb_options_set_block_size(o, BLOCK_BYTES);
    leveldb_options_set_max_open_files(o, MAX_OPEN_FILES);
    leveldb_options_set_compression(o, l->settings.compression == BENCH_PLAIN
                                    ? leveldb_no_compression
                                    : leveldb_snappy_compression);
}


static void *
db_open(const bench_settings_t *settings)
{
    char             *error = NULL;
    bench_leveldb_t  *l = calloc(1, sizeof(*l));

    if (l == NULL) {
        bench_die("out of memory");
    }

    l->settings = *settings;
    options_set(l);
    l->read = leveldb_readoptions_create();
    l->write = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(l->write, settings->sync);

    l->db = leveldb_open(l->options, settings->dir, &error);
    check(error, "open");

    return l;
}


static void *
db_session(void *store)
{
    return store;
}


static void
db_get(bench_leveldb_t *l, bench_request_t *request)
{
    char    *error = NULL;
    char    *value;
    size_t   len;

    value = leveldb_get(l->db, l->read, request->key, BENCH_KEY_BYTES, &len,
                        &error);
    check(error, "get");

    if (value != NULL) {
        bench_check(&l->settings, request->key, BENCH_KEY_BYTES, value, len);
        leveldb_free(value);
        request->found = 1;
    }
}


static void
db_put(bench_leveldb_t *l, bench_request_t *request)
{
    char  *error = NULL;

    leveldb_put(l->db, l->write, request->key, BENCH_KEY_BYTES, request->value,
                request->value_len, &error);
    check(error, "put");
}


static void
db_delete(bench_leveldb_t *l, bench_request_t *request)
{
    char  *error = NULL;

    leveldb_delete(l->db, l->write, request->key, BENCH_KEY_BYTES, &error);
    check(error, "delete");
}


static void
db_scan(bench_leveldb_t *l, bench_request_t *request)
{
    char                *error = NULL;
    leveldb_iterator_t  *it = leveldb_create_iterator(l->db, l->read);

    leveldb_iter_seek(it, request->key, BENCH_KEY_BYTES);

    while (request->found < request->limit && leveldb_iter_valid(it)) {
        size_t       key_len, value_len;
        const char  *key = leveldb_iter_key(it, &key_len);
        const char  *value = leveldb_iter_value(it, &value_len);

        bench_check(&l->settings, key, key_len, value, value_len);

        if (++request->found < request->limit) {
            leveldb_iter_next(it);
        }
    }

    leveldb_iter_get_error(it, &error);
    check(error, "iterator");
    leveldb_iter_destroy(it);
}


static bool
db_start(void *session, bench_request_t *request)
{
    bench_leveldb_t  *l = session;

    request->found = 0;

    switch (request->kind) {
    case BENCH_GET:     db_get(l, request);     break;
    case BENCH_PUT:     db_put(l, request);     break;
    case BENCH_DELETE:  db_delete(l, request);  break;
    case BENCH_SCAN:    db_scan(l, request);    break;
    case BENCH_CHANGE:  db_get(l, request);
                        db_put(l, request);     break;
    case BENCH_KINDS:                           break;
    }

    return true;
}


static void
db_session_end(void *session)
{
    (void) session;
}


static void
db_close(void *store)
{
    bench_leveldb_t  *l = store;

    leveldb_close(l->db);
    leveldb_options_destroy(l->options);
    leveldb_readoptions_destroy(l->read);
    leveldb_writeoptions_destroy(l->write);
    leveldb_cache_destroy(l->cache);
    leveldb_filterpolicy_destroy(l->filter);
    free(l);
}


static void
db_describe(void *store, FILE *out)
{
    bench_leveldb_t  *l = store;

    fprintf(out, "cache %" PRIu64 "m, write_buffer_size=%" PRIu64
            "m x 2, sync=%d, block_size=%d, bloom %d bits, %s, "
            "max_open_files=%d; one background thread, no direct I/O",
            l->settings.cache >> 20, l->settings.buffers / 2 >> 20,
            l->settings.sync, BLOCK_BYTES, FILTER_BITS,
            l->settings.compression == BENCH_PLAIN
            ? "no compression" : "snappy (it has no lz4, no zstd)",
            MAX_OPEN_FILES);
}


const bench_driver_t  bench_driver_leveldb = {
    .name = "leveldb",
    .open = db_open,
    .session = db_session,
    .start = db_start,
    .session_end = db_session_end,
    .close = db_close,
    .describe = db_describe,
};
