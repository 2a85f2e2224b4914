/*
 * recover.h - logs written by hand, and what a recovery makes of them.
 *
 * Keys are internal keys as they stand, so that tests can be read.
 */

#ifndef FKV_T_RECOVER_H
#define FKV_T_RECOVER_H

#include "scratch.h"
#include "base/crc32c.h"
#include "fkv.h"
#include "store/catalog.h"
#include "store/iter.h"
#include "store/recover.h"
#include "store/source_file.h"
#include "store/table_file.h"

#define ARENA_BYTES   16384
#define ARENA_MAX     65536
#define MODEL_BYTES   16384
#define FRAME_HEADER  FKV__FRAME_HEADER_BYTES

/* A log file in the making. */
typedef struct {
    fkv__log_header_t  header;
    uint64_t           at;              /* of the next frame, from base on */
    uint64_t           durable;         /* what the next frame says */
    uint64_t           last;            /* LSN of the last frame */
    uint8_t            image[FKV__LOG_HEADER_BYTES + ARENA_MAX];
} log_t;

static struct {
    fkv__recovered_t   out;
    uint64_t           arena_bytes;
    uint64_t           wall_ms;
    char               model[MODEL_BYTES];      /* see recover_dump() */
    char               expected[MODEL_BYTES];
} recovery;


static inline uint64_t
recover_clock(const fkv__clock_t *clock)
{
    (void) clock;

    return recovery.wall_ms;
}


static const fkv__clock_t  recover_clock_ops = {
    .wall_ms = recover_clock, .boot_ms = recover_clock
};


/* One record of a table, in the order of internal keys, is appended. */
static inline void
recover_dump_record(const fkv__record_t *rec, fkv__buf_t *records)
{
    char  line[256];
    int   n;

    n = snprintf(line, sizeof(line), "%.*s %020llu %c%.*s",
                 (int) rec->key.len, rec->key.data,
                 (unsigned long long) rec->version,
                 rec->kind == FKV__RECORD_TOMBSTONE ? 'x' : '=',
                 (int) fkv__min(rec->value.len, 20u),
                 rec->value.len == 0 ? (const uint8_t *) ""
                                     : rec->value.data);

    assert_true(n > 0 && n < (int) sizeof(line));
    line[n] = '\0';
    assert_int_equal(fkv__buf_append(records, line, sizeof(line)), FKV_OK);
}


static inline void
recover_dump_table(const fkv__directory_t *d, const fkv__table_info_t *info,
    fkv__buf_t *records)
{
    int                  rc;
    fkv__iter_t          it;
    fkv__table_t         table = { .refs = 1, .info = *info };
    fkv__table_t        *tables = &table;
    fkv__source_file_t   source;

    fkv__source_file_init(&source, &fkv__fs_linux, d->sst_dir, NULL);
    fkv__iter_init(&it, &source.source, &tables, 1);
    fkv__iter_seek(&it, FKV_STR_NULL, UINT64_MAX);

    while ((rc = fkv__iter_settle(&it)) == FKV_OK) {
        recover_dump_record(it.rec, records);
        fkv__iter_next(&it);
    }

    assert_int_equal(rc, FKV_END);
    fkv__iter_done(&it);
    fkv__source_file_done(&source);
}


/* By key, of one key the newest first. */
static inline int
recover_cmp(const void *a, const void *b)
{
    const char  *x = a, *y = b;
    size_t       n = fkv__max(strcspn(x, " "), strcspn(y, " "));
    int          rc = strncmp(x, y, n + 1);

    return (rc != 0) ? rc : strcmp(y + n, x + n);
}


/* "key version =value" or "key version x", one line a key, sorted. */
static inline void
recover_dump(const fkv__directory_t *d)
{
    size_t      n, len = 0;
    fkv__buf_t  records = { 0 };

    recovery.model[0] = '\0';

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < recovery.out.version->n[level]; i++) {
            recover_dump_table(d, &recovery.out.version->levels[level][i]->info,
                               &records);
        }
    }

    n = records.len / 256;

    if (n > 0) {
        qsort(records.data, n, 256, recover_cmp);
    }

    for (size_t i = 0; i < n; i++) {
        const char  *line = (const char *) records.data + 256 * i;
        size_t       key = strcspn(line, " ") + 1;

        if (i == 0 || strncmp(line - 256, line, key) != 0) {
            len += (size_t) snprintf(recovery.model + len,
                                     sizeof(recovery.model) - len, "%s\n",
                                     line);
            assert_true(len < sizeof(recovery.model));
        }
    }

    fkv__buf_done(&records);
}


/* With scratch_fs, so it may fail; out stays until recover_done(). */
static inline int
recover_try(void)
{
    int                   rc;
    char                  path[512];
    fkv__directory_t      d;
    fkv__table_options_t  options;
    fkv__recover_t        in = {
        .directory = &d,
        .clock = &recover_clock_ops,
        .log = &scratch_log,
        .uid = (uid_t) -1,
        .gid = (gid_t) -1,
        .arena_bytes = recovery.arena_bytes,
        .table_options = &options
    };

    fkv__table_options(&(fkv_options_t) { 0 }, &options);

    (void) snprintf(path, sizeof(path), "%s/store", scratch.path);
    scratch.said[0] = '\0';

    rc = fkv__directory_open(&d, &scratch_fs, path, in.uid, in.gid,
                             scratch.error);
    if (rc != FKV_OK) {
        return rc;
    }

    rc = fkv__recover(&recovery.out, &in, scratch.error);

    if (rc == FKV_OK && recovery.out.tables_bad == 0) {
        recover_dump(&d);
    }

    fkv__directory_close(&d);

    return rc;
}


static inline void
recover_done(void)
{
    if (recovery.out.version != NULL) {
        fkv__version_unpin(recovery.out.version);
        recovery.out.version = NULL;
    }
}


/* Succeeds.  Frees the version: its numbers are in a copy. */
static inline const fkv__recovered_t *
recover(void)
{
    int  rc;

    recover_done();
    rc = recover_try();

    if (rc != FKV_OK) {
        print_error("%s\n", scratch.error);
    }

    assert_int_equal(rc, FKV_OK);
    assert_int_equal(recovery.out.version->log_floor, recovery.out.floor);
    assert_true(recovery.out.damaged
                || recovery.out.version->next_lsn == recovery.out.first_base);
    assert_int_equal(recovery.out.first_base % 4096, 0);
    assert_true(recovery.out.first_base >= recovery.out.floor);

    return &recovery.out;
}


/* The first file of the life that the last recovery began. */
static inline void
log_begin(log_t *log)
{
    memset(log, 0, sizeof(*log));

    log->header = (fkv__log_header_t) {
        .incarnation = recovery.out.incarnation + 1,
        .base = recovery.out.first_base,
        .prev_end = recovery.out.floor,
        .bytes = recovery.arena_bytes,
        .edit = recovery.out.version->edit
    };

    log->durable = log->header.base;
}


static inline uint64_t
log_end(const log_t *log)
{
    return log->header.base + log->at;
}


/* The one that follows. */
static inline void
log_continue(log_t *log, const log_t *prev)
{
    memset(log, 0, sizeof(*log));

    log->header = prev->header;
    log->header.incarnation++;
    log->header.prev_end = log_end(prev);
    log->header.base = fkv__align(log_end(prev), 4096);
    log->durable = prev->durable;
}


/* One frame with these bytes as its body. */
static inline void
log_frame(log_t *log, fkv__frame_kind_e kind, const void *body, size_t len)
{
    uint32_t  length = (uint32_t) fkv__align(FRAME_HEADER + len, 8);
    uint8_t  *p = log->image + FKV__LOG_HEADER_BYTES + log->at;

    assert_true(log->at + length <= log->header.bytes);

    memset(p, 0, length);
    fkv__put_le32(p, FKV__FRAME_READY);
    fkv__put_le32(p + 4, 0xabcd);

    if (len > 0) {
        memcpy(p + FRAME_HEADER, body, len);
    }

    fkv__frame_seal(p, fkv__frame_stamp(length, 3, kind), log->durable,
                    fkv__crc32c(0, p + FRAME_HEADER, length - FRAME_HEADER),
                    log_end(log), log->header.incarnation);

    log->last = log_end(log);
    log->at += length;
}


/* Appends a record to a body; value NULL is a tombstone.  Returns its len. */
static inline size_t
log_record(uint8_t *out, const char *key, const char *value)
{
    uint8_t        *p;
    fkv__record_t   rec = {
        .kind = (value != NULL) ? FKV__RECORD_VALUE : FKV__RECORD_TOMBSTONE,
        .key = { (const uint8_t *) key, strlen(key) }
    };

    if (value != NULL) {
        rec.value = (fkv_str_t) { (const uint8_t *) value, strlen(value) };
    }

    p = fkv__record_put(out, &rec);

    if (value != NULL) {
        memcpy(p, value, rec.value.len);
    }

    return fkv__record_size(&rec);
}


/* What the model must hold afterwards; keys in ascending order. */
static inline void
expect(const char *key, uint64_t version, const char *value)
{
    size_t  len = strlen(recovery.expected);

    (void) snprintf(recovery.expected + len, sizeof(recovery.expected) - len,
                    "%s %020llu %s%s\n", key, (unsigned long long) version,
                    value == NULL ? "x" : "=", value == NULL ? "" : value);
}


static inline void
expected(void)
{
    assert_string_equal(recovery.model, recovery.expected);
}


/* A frame with one record; returns the record's LSN, its version. */
static inline uint64_t
log_put(log_t *log, const char *key, const char *value)
{
    uint8_t  body[1024];
    size_t   len = log_record(body, key, value);

    log_frame(log, FKV__FRAME_BATCH, body, len);

    return log->last + FRAME_HEADER;
}


/* As much as the writer would have written: whole blocks, padded. */
static inline void
log_write(log_t *log, unsigned number)
{
    char  name[40];

    fkv__log_header_put(log->image, &log->header);

    (void) snprintf(name, sizeof(name), "store/log/%02u.log", number);
    scratch_write(name, log->image,
                  FKV__LOG_HEADER_BYTES + fkv__align(log->at, 4096), 0);
}


static inline int
recover_setup(void **state)
{
    memset(&recovery, 0, sizeof(recovery));
    recovery.arena_bytes = ARENA_BYTES;
    recovery.wall_ms = 1000000;

    return scratch_setup(state);
}


static inline int
recover_teardown(void **state)
{
    recover_done();

    return scratch_teardown(state);
}


#endif /* FKV_T_RECOVER_H */
