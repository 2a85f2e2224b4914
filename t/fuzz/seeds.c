/*
 * seeds.c - first inputs for targets whose formats nobody types: seeds DIR
 * writes them to DIR/TARGET/NAME, by the engine's own writers.
 */

#include "fuzz.h"
#include "commands/payload.h"
#include "format/log.h"
#include "format/manifest.h"
#include "rules/entry.h"

#include <errno.h>
#include <sys/stat.h>

static const char  *corpus;


static void
seed(const char *target, const char *name, fkv_str_t bytes)
{
    char   path[256];
    FILE  *file;

    (void) snprintf(path, sizeof(path), "%s/%s", corpus, target);
    (void) mkdir(path, 0777);
    (void) snprintf(path, sizeof(path), "%s/%s/%s", corpus, target, name);

    file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes.data, 1, bytes.len, file) != bytes.len
        || fclose(file) != 0)
    {
        (void) fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
}


static void
append(fkv__buf_t *buf, const void *data, size_t len)
{
    assert_int_equal(fkv__buf_append(buf, data, len), FKV_OK);
}


/* n records of every kind and with every field, some keys several times. */
static void
table_make(fkv__buf_t *file, fkv__table_info_t *info, unsigned n,
    const fkv__table_options_t *options, uint64_t id)
{
    char                  key[32], value[64];
    fkv__table_builder_t  builder;

    fkv__table_builder_init(&builder, id, options);

    for (unsigned i = 0; i < n; i++) {
        int            len = sprintf(key, "%ckey%04u%c", '\0', i / 2 * 3, '\0');
        fkv__record_t  rec = {
            .kind = (fkv__record_kind_e []) { FKV__RECORD_VALUE,
                FKV__RECORD_TOMBSTONE, FKV__RECORD_VALUE, FKV__RECORD_MERGE,
                FKV__RECORD_BLOB }[i % 5],
            .type = (uint16_t) (i % 7 == 3 ? 200 : 0),
            .encver = (uint16_t) (i % 7 == 3),
            .expire_at = (i % 4 == 1) ? 1700000000000 + i * 1000 : 0,
            .stamp = (i % 6 == 5) ? i * 77777777 : 0,
            .version = 100000 - i * 8,
            .meta = { (uint8_t *) "text/plain", i % 8 == 0 ? 10 : 0 },
            .key = { (uint8_t *) key, (size_t) len + 1 }
        };

        rec.value = (fkv_str_t) { (uint8_t *) value,
                                  (size_t) sprintf(value, "value %u %*u", i,
                                                   (int) (i % 30), i) };

        if (rec.kind == FKV__RECORD_TOMBSTONE) {
            rec.value.len = 0;

        } else if (rec.kind == FKV__RECORD_BLOB) {
            fkv__blob_ref_t  ref = { 3 + i % 2, 64 + i * 4096, 100000 + i };

            rec.value.len = fkv__blob_ref_put((uint8_t *) value, &ref);
        }

        assert_int_equal(fkv__table_builder_add(&builder, &rec), FKV_OK);
    }

    assert_int_equal(fkv__table_builder_finish(&builder, info), FKV_OK);
    append(file, builder.out.data, builder.out.len);
    fkv__table_builder_done(&builder);
}


static void
seed_table(const char *name, const char *how, unsigned n,
    fkv__table_options_t options)
{
    fkv__buf_t         file = { .data = NULL };
    fkv__table_info_t  info;

    options.created_ms = 1700000000000;
    append(&file, how, 5);
    table_make(&file, &info, n, &options, 9);
    seed("table", name, fkv__buf_str(&file));
    fkv__table_info_done(&info);
    fkv__buf_done(&file);
}


static void
seed_tables(void)
{
    seed_table("one", "\0\0\0\0\0", 1, (fkv__table_options_t) {
                   .block_bytes = 4096, .page_bytes = 4096 });
    seed_table("small", "\x81\1\30\10\0", 20, (fkv__table_options_t) {
                   .block_bytes = 4096, .page_bytes = 4096, .fingers = true });
    seed_table("pages", "\xc2\0\40\4\1", 60, (fkv__table_options_t) {
                   .block_bytes = 200, .page_bytes = 150, .fingers = true });
    seed_table("lines", "\x40\2\20\1\2", 60, (fkv__table_options_t) {
                   .block_bytes = 100, .page_bytes = 8192,
                   .index = FKV__INDEX_LEARNED });
    seed_table("lz4", "\1\1\1\1\1", 80, (fkv__table_options_t) {
                   .block_bytes = 1024, .page_bytes = 300, .fingers = true,
                   .compression = FKV__BLOCK_LZ4 });
    seed_table("zstd", "\xc0\1\60\1\1", 80, (fkv__table_options_t) {
                   .block_bytes = 2048, .page_bytes = 300,
                   .index = FKV__INDEX_BINARY,
                   .compression = FKV__BLOCK_ZSTD });
    seed_table("filter", "\xc0\1\60\1\1", 8, (fkv__table_options_t) {
                   .block_bytes = 2048, .page_bytes = 300,
                   .bits_per_key = 10 });
}


static void
manifest_add(fkv__buf_t *file, fkv__edit_t *edit)
{
    assert_int_equal(fkv__manifest_put(file, 7, file->len, edit), FKV_OK);
    fkv__edit_done(edit);
    fkv__edit_init(edit);
}


static void
seed_manifest(void)
{
    uint8_t               head[FKV__MANIFEST_HEADER_BYTES];
    char                  text[FKV__CURRENT_BYTES_MAX];
    fkv__buf_t            file = { .data = NULL }, table = file;
    fkv__edit_t           edit;
    fkv__table_info_t     info;
    fkv__table_options_t  options = { .block_bytes = 200, .page_bytes = 150,
                                      .bits_per_key = 10 };

    seed("manifest", "current", (fkv_str_t) {
             (uint8_t *) text, fkv__current_put(text, 17) });

    fkv__manifest_header_put(head, 7);
    append(&file, head, sizeof(head));
    fkv__edit_init(&edit);
    edit.number = 5;
    edit.snapshot = 1;
    edit.clock_ms = 1700000000000;
    edit.log_floor = 1000;
    edit.next_file = 30;
    edit.next_incarnation = 1ull << 32;
    edit.next_lsn = 5000;
    edit.next_blob = 4;
    table_make(&table, &info, 30, &options, 20);
    assert_int_equal(fkv__edit_add(&edit, 0, &info), FKV_OK);
    fkv__table_info_done(&info);
    manifest_add(&file, &edit);
    seed("manifest", "snapshot", fkv__buf_str(&file));

    edit.number = 6;
    assert_int_equal(fkv__edit_range(&edit, &(fkv__range_t) {
                         .begin = { (uint8_t *) "\0key", 4 },
                         .end = { (uint8_t *) "\0kez", 4 },
                         .version = 900 }), FKV_OK);
    manifest_add(&file, &edit);

    edit.number = 7;
    assert_int_equal(fkv__edit_drop(&edit, 20), FKV_OK);
    table_make(&table, &info, 7, &options, 21);
    assert_int_equal(fkv__edit_add(&edit, 1, &info), FKV_OK);
    assert_int_equal(fkv__edit_range_drop(&edit, 900), FKV_OK);
    fkv__table_info_done(&info);
    manifest_add(&file, &edit);
    seed("manifest", "edits", fkv__buf_str(&file));

    fkv__buf_done(&file);
    fkv__buf_done(&table);
}


static void
log_record(fkv__buf_t *body, fkv__record_kind_e kind, const char *key,
    const char *value, uint64_t expire_at)
{
    uint8_t        head[128];
    fkv__record_t  rec = {
        .kind = kind, .expire_at = expire_at,
        .type = (kind == FKV__RECORD_MERGE) ? 200 : 0,
        .key = { (const uint8_t *) key, strlen(key) },
        .value = { (const uint8_t *) value, strlen(value) }
    };
    size_t         len = (size_t) (fkv__record_put(head, &rec) - head);

    append(body, head, len);
    append(body, value, rec.value.len);
}


/* One more frame of the records in body, which is empty afterwards. */
static void
log_frame(fkv__buf_t *file, fkv__buf_t *body, fkv__frame_kind_e kind)
{
    static const uint8_t  zero[8];
    _Alignas(8) uint8_t   head[FKV__FRAME_HEADER_BYTES] = { 1 };

    append(body, zero, (8 - body->len % 8) % 8);
    fkv__frame_seal(head, fkv__frame_stamp((uint32_t) (sizeof(head)
                                                       + body->len), 3, kind),
                    0x10000, 0, 0, 0);
    append(file, head, sizeof(head));
    append(file, body->data, body->len);
    body->len = 0;
}


static void
seed_log(void)
{
    fkv__buf_t  file = { .data = NULL }, body = file;

    append(&file, "", 1);
    log_record(&body, FKV__RECORD_VALUE, "alpha", "one", 0);
    log_frame(&file, &body, FKV__FRAME_BATCH);
    seed("log", "one", fkv__buf_str(&file));

    log_record(&body, FKV__RECORD_VALUE, "beta", "two", 1700000000000);
    log_record(&body, FKV__RECORD_MERGE, "alpha", "+1", 0);
    log_record(&body, FKV__RECORD_TOMBSTONE, "gamma", "", 0);
    log_frame(&file, &body, FKV__FRAME_BATCH);
    append(&body, "void, void, void", 16);
    log_frame(&file, &body, FKV__FRAME_PAD);
    seed("log", "batch", fkv__buf_str(&file));

    log_record(&body, FKV__RECORD_RANGE_TOMBSTONE, "b", "c", 0);
    log_record(&body, FKV__RECORD_VALUE, "beta", "three", 0);
    log_record(&body, FKV__RECORD_MERGE, "beta", "+2", 0);
    log_record(&body, FKV__RECORD_MERGE, "beta", "+3", 0);
    log_frame(&file, &body, FKV__FRAME_BATCH);
    seed("log", "range", fkv__buf_str(&file));

    fkv__buf_done(&file);
    fkv__buf_done(&body);
}


/* Version and sum, which come last, are the target's to add. */
static void
seed_payload(const char *name, const uint8_t *bytes, size_t len)
{
    seed("payload", name, (fkv_str_t) { bytes, len - 10 });
}


static void
seed_payloads(void)
{
    /* "abcabcabcabcabc", packed: three as they are, twelve from before. */
    static const uint8_t  packed[] = { 0, 0xc3, 7, 15, 2, 'a', 'b', 'c',
                                       0xe0, 3, 2, 10, 0, 0, 0, 0, 0, 0, 0, 0,
                                       0 };
    static const uint8_t  number[] = { 0, 0xc1, 0x39, 0x30, 10, 0, 0, 0, 0, 0,
                                       0, 0, 0, 0 };
    uint8_t               out[512], *p = out;
    fkv_str_t             text = { (const uint8_t *) "a value", 7 };
    fkv_str_t             type = { (const uint8_t *) "hash", 4 };

    seed_payload("string", out, fkv_payload_put(out, text));
    seed_payload("number", number, sizeof(number));
    seed_payload("packed", packed, sizeof(packed));

    p += fkv_payload_put_typed(p, type, 1, text, 2);
    p += fkv_payload_put_element(p, type, text, 0);
    p += fkv_payload_put_element(p, text, type, 1700000000000);
    p += fkv_payload_put_end(out, p);
    seed_payload("typed", out, (size_t) (p - out));
}


static void
seed_entry(void)
{
    fkv_rules_field_t   field[] = {
        { FKV_STR("Content-Type"), FKV_STR("text/html"), 0 },
        { FKV_STR("X-A"), FKV_STR("b"), 0 }
    };
    uint8_t             which = 3, bytes[1024];
    size_t              len;
    fkv_rules_fields_t  fields = { field, 2 };
    fkv_rules_tags_t    tags = { { FKV_STR("one"), FKV_STR("two") }, 2 };
    fkv_rules_entry_t   entry = {
        .status = 200, .body_len = 7, .stamp = 8, .request_ms = 1700000000000,
        .date_s = 1700000000, .last_modified_s = 1600000000,
        .key = FKV_STR("GET /"), .etag = FKV_STR("\"e\""),
        .names = FKV_STR("accept"), .variant = FKV_STR("accept!\n")
    };
    fkv__buf_t          file = { .data = NULL };

    for (size_t i = 0; i < 2; i++) {
        field[i].id = fkv_rules_name(field[i].name);
    }

    assert_int_equal(fkv_rules_entry_size(&entry, fields, &tags, &len),
                     FKV_OK);
    fkv_rules_entry_pack(&entry, fields, &tags, bytes);
    append(&file, &which, 1);
    append(&file, bytes, len);
    seed("cache", "entry", fkv__buf_str(&file));
    fkv__buf_done(&file);
}


int
main(int argc, char **argv)
{
    if (argc != 2) {
        (void) fprintf(stderr, "seeds DIR\n");
        return 1;
    }

    corpus = argv[1];
    seed_tables();
    seed_manifest();
    seed_payloads();
    seed_log();
    seed_entry();

    return 0;
}
