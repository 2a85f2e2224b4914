/*
 * driver_rocksdb.c - RocksDB through its C API, set up as its experts would;
 * a session is a thread.
 */

#include "data.h"
#include "driver.h"

#include <rocksdb/c.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES   4096
#define WRITE_BUFFERS 4
#define ZSTD_WINDOW   -14       /* RocksDB's default */
#define ZSTD_LEVEL    1         /* as ours */

typedef struct {
    rocksdb_t               *db;
    rocksdb_options_t       *options;
    rocksdb_readoptions_t   *read;
    rocksdb_writeoptions_t  *write;
    rocksdb_cache_t         *cache;
    bench_settings_t         settings;
} bench_rocksdb_t;

rocksdb_cache_t *bench_hyper_clock(size_t bytes, size_t block_bytes);


static void
check(char *error, const char *what)
{
    if (error != NULL) {
        bench_die("rocksdb: %s: %s", what, error);
    }
}


/*
 * Format 5 gives the cache-local Bloom filter; its hash index in data blocks
 * serves point reads.
 */
static rocksdb_block_based_table_options_t *
table_options(bench_rocksdb_t *r)
{
    rocksdb_block_based_table_options_t  *table;

    table = rocksdb_block_based_options_create();
    r->cache = bench_hyper_clock(r->settings.cache, BLOCK_BYTES);

    rocksdb_block_based_options_set_block_cache(table, r->cache);
    rocksdb_block_based_options_set_block_size(table, BLOCK_BYTES);
    rocksdb_block_based_options_set_format_version(table, 5);
    rocksdb_block_based_options_set_filter_policy(table,
        rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_block_based_options_set_data_block_index_type(table,
        rocksdb_block_based_table_data_block_index_type_binary_search_and_hash
        );
    rocksdb_block_based_options_set_data_block_hash_ratio(table, 0.75);

    if (r->settings.bounded) {
        rocksdb_block_based_options_set_cache_index_and_filter_blocks(table,
                                                                      1);
        rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache
            (table, 1);
    }

    return table;
}


/* In the default recovery mode this version of RocksDB recycles no log. */
static rocksdb_options_t *
options_make(bench_rocksdb_t *r)
{
    static const int  compressions[BENCH_COMPRESSIONS] = {
        [BENCH_LZ4] = rocksdb_lz4_compression,
        [BENCH_ZSTD] = rocksdb_zstd_compression,
        [BENCH_PLAIN] = rocksdb_no_compression
    };
    const bench_settings_t               *s = &r->settings;
    rocksdb_options_t                    *o = rocksdb_options_create();
    rocksdb_block_based_table_options_t  *table = table_options(r);

    rocksdb_options_set_block_based_table_factory(o, table);
    rocksdb_block_based_options_destroy(table);

    rocksdb_options_set_create_if_missing(o, 1);
    rocksdb_options_set_compression(o, compressions[s->compression]);

    if (s->compression == BENCH_ZSTD) {
        rocksdb_options_set_compression_options(o, ZSTD_WINDOW, ZSTD_LEVEL, 0,
                                                0);
    }

    rocksdb_options_set_write_buffer_size(o, s->buffers / WRITE_BUFFERS);
    rocksdb_options_set_max_write_buffer_number(o, WRITE_BUFFERS);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
    rocksdb_options_set_max_background_jobs(o, (int) s->threads);
    rocksdb_options_set_enable_pipelined_write(o, 1);
    rocksdb_options_set_recycle_log_file_num(o, WRITE_BUFFERS);
    rocksdb_options_set_wal_recovery_mode(o,
                                rocksdb_skip_any_corrupted_records_recovery);
    rocksdb_options_set_bytes_per_sync(o, 1024 * 1024);
    rocksdb_options_set_max_open_files(o, -1);
    rocksdb_options_set_use_direct_reads(o, s->direct);

    return o;
}


static void *
db_open(const bench_settings_t *settings)
{
    char             *error = NULL;
    bench_rocksdb_t  *r = calloc(1, sizeof(*r));

    if (r == NULL) {
        bench_die("out of memory");
    }

    r->settings = *settings;
    r->options = options_make(r);
    r->read = rocksdb_readoptions_create();
    r->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(r->write, settings->sync);

    if (settings->ttl_s != 0) {
        r->db = rocksdb_open_with_ttl(r->options, settings->dir,
                                      (int) settings->ttl_s, &error);
    } else {
        r->db = rocksdb_open(r->options, settings->dir, &error);
    }

    check(error, "open");

    return r;
}


static void *
db_session(void *store)
{
    return store;
}


static void
db_get(bench_rocksdb_t *r, bench_request_t *request)
{
    char                     *error = NULL;
    size_t                    len;
    const char               *value;
    rocksdb_pinnableslice_t  *slice;

    slice = rocksdb_get_pinned(r->db, r->read, request->key, BENCH_KEY_BYTES,
                               &error);
    check(error, "get");

    if (slice != NULL) {
        value = rocksdb_pinnableslice_value(slice, &len);
        bench_check(&r->settings, request->key, BENCH_KEY_BYTES, value, len);
        rocksdb_pinnableslice_destroy(slice);
        request->found = 1;
    }
}


static void
db_put(bench_rocksdb_t *r, bench_request_t *request)
{
    char  *error = NULL;

    rocksdb_put(r->db, r->write, request->key, BENCH_KEY_BYTES, request->value,
                request->value_len, &error);
    check(error, "put");
}


static void
db_delete(bench_rocksdb_t *r, bench_request_t *request)
{
    char  *error = NULL;

    rocksdb_delete(r->db, r->write, request->key, BENCH_KEY_BYTES, &error);
    check(error, "delete");
}


static void
db_scan(bench_rocksdb_t *r, bench_request_t *request)
{
    char                *error = NULL;
    rocksdb_iterator_t  *it = rocksdb_create_iterator(r->db, r->read);

    rocksdb_iter_seek(it, request->key, BENCH_KEY_BYTES);

    while (request->found < request->limit && rocksdb_iter_valid(it)) {
        size_t       key_len, value_len;
        const char  *key = rocksdb_iter_key(it, &key_len);
        const char  *value = rocksdb_iter_value(it, &value_len);

        bench_check(&r->settings, key, key_len, value, value_len);

        if (++request->found < request->limit) {
            rocksdb_iter_next(it);
        }
    }

    rocksdb_iter_get_error(it, &error);
    check(error, "iterator");
    rocksdb_iter_destroy(it);
}


static bool
db_start(void *session, bench_request_t *request)
{
    bench_rocksdb_t  *r = session;

    request->found = 0;

    switch (request->kind) {
    case BENCH_GET:     db_get(r, request);     break;
    case BENCH_PUT:     db_put(r, request);     break;
    case BENCH_DELETE:  db_delete(r, request);  break;
    case BENCH_SCAN:    db_scan(r, request);    break;
    case BENCH_CHANGE:  db_get(r, request);
                        db_put(r, request);     break;
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
    bench_rocksdb_t  *r = store;

    rocksdb_close(r->db);
    rocksdb_options_destroy(r->options);
    rocksdb_readoptions_destroy(r->read);
    rocksdb_writeoptions_destroy(r->write);
    rocksdb_cache_destroy(r->cache);
    free(r);
}


static void
db_describe(void *store, FILE *out)
{
    bench_rocksdb_t         *r = store;
    const bench_settings_t  *s = &r->settings;

    fprintf(out, "HyperClockCache %" PRIu64 "m, write_buffer_size=%" PRIu64
            "m x %d, sync=%d, direct_reads=%d, "
            "cache_index_and_filter_blocks=%d, "
            "max_background_jobs=%u, block_size=%d, format_version=5 "
            "(cache-local Bloom, 10 bits), data_block_hash 0.75, "
            "compression=%s%s, "
            "dynamic_level_bytes, pipelined_write, recycle_log_file_num=%d "
            "(skip_any_corrupted_records), bytes_per_sync=1m, "
            "max_open_files=-1", s->cache >> 20,
            s->buffers / WRITE_BUFFERS >> 20, WRITE_BUFFERS, s->sync,
            s->direct, s->bounded, s->threads, BLOCK_BYTES,
            bench_compression(s->compression),
            s->compression == BENCH_ZSTD ? " level 1" : "", WRITE_BUFFERS);
}


const bench_driver_t  bench_driver_rocksdb = {
    .name = "rocksdb",
    .ttl = true,
    .open = db_open,
    .session = db_session,
    .start = db_start,
    .session_end = db_session_end,
    .close = db_close,
    .describe = db_describe,
};
