/*
 * table.c - a table's file: footer, properties, index, filter, blocks.
 *
 * Whatever the bytes are, a walk gives records in order and ends, and a point
 * read finds a record or an answer.  A table built of the records that a walk
 * gave holds just these: the walk gives them again, point reads and seeks find
 * each of them, and none between.
 *
 * Input    how to build 5 | a file; sums of what is read are made right before
 */

#include "fuzz.h"
#include "base/crc32c.h"
#include "base/hash.h"
#include "store/iter.h"

#define FOOTER_CRC_AT  84
#define MAGIC_AT       88
#define BYTES_AT       56

/* What a walk may unpack in all: packed bytes can stand for very many. */
#define UNPACKED_MAX   (4 << 20)

/* A file, as a source that mends what it is asked for. */
typedef struct {
    fkv__source_t       source;
    fkv_str_t           file;
    bool                mends;
    fkv__table_t        table;
    size_t              unpacked;
} file_t;

typedef struct {
    fkv__block_t        block;          /* first: what the iterator has */
    fkv_str_t           raw;
    fkv__buf_t          room;
} held_t;

typedef struct {
    fkv__record_t      *recs;           /* with bytes of their own */
    size_t              n;
} list_t;


static void
seal(uint8_t *raw, size_t len, uint64_t file_id, uint64_t offset)
{
    uint8_t  seed[16];

    fkv__put_le64(seed, file_id);
    fkv__put_le64(seed + 8, offset);
    fkv__put_le32(raw + len - 4,
                  fkv__crc32c(fkv__crc32c(0, seed, sizeof(seed)), raw,
                              len - 4));
}


/* A copy of a place with its trailer; the sum is right, if it is to be. */
static int
file_read(const file_t *file, uint64_t offset, uint64_t len, fkv_str_t *raw)
{
    if (offset > file->file.len || len > file->file.len - offset) {
        return FKV_EIO;
    }

    *raw = fuzz_copy((fkv_str_t) { file->file.data + offset, len });

    if (file->mends && len >= FKV__BLOCK_TRAILER_BYTES) {
        seal((uint8_t *) (uintptr_t) raw->data, len, file->table.info.id,
             offset);
    }

    return FKV_OK;
}


static int
file_get(fkv__source_t *source, fkv__table_t *table, fkv__block_place_t place,
    fkv__source_kind_e kind, fkv__block_t **block)
{
    file_t  *file = fkv__container(source, file_t, source);
    held_t  *held = calloc(1, sizeof(*held));
    size_t   len = place.bytes + FKV__BLOCK_TRAILER_BYTES;
    int      rc;

    rc = file_read(file, place.offset, len, &held->raw);

    if (rc == FKV_OK) {
        uint64_t  id = table->info.id;

        rc = (kind == FKV__SOURCE_DATA)
             ? fkv__block_open(held->raw.data, len, id, place.offset,
                               &held->room, &held->block.payload)
             : fkv__block_check(held->raw.data, len, id, place.offset,
                                &held->block.payload);
    }

    file->unpacked += held->room.len;

    if (rc == FKV_OK && file->unpacked > UNPACKED_MAX) {
        rc = FKV_EIO;
    }

    *block = &held->block;

    if (rc != FKV_OK) {
        source->put(source, &held->block);
    }

    return rc;
}


static void
file_put(fkv__source_t *source, fkv__block_t *block)
{
    held_t  *held = fkv__container(block, held_t, block);

    (void) source;

    fuzz_free(held->raw);
    fkv__buf_done(&held->room);
    free(held);
}


static void
file_damaged(fkv__source_t *source, const fkv__table_t *table, uint64_t offset)
{
    (void) source;
    (void) table;
    (void) offset;
}


/* FKV_OK: the table's info is set, file_close() is needed. */
static int
file_open(file_t *file, fkv_str_t bytes, bool mends)
{
    int                 rc;
    uint8_t             footer[FKV__TABLE_FOOTER_BYTES];
    fkv_str_t           raw;
    fkv__block_place_t  place;

    memset(file, 0, sizeof(*file));
    file->source = (fkv__source_t) { .get = file_get, .put = file_put,
                                     .damaged = file_damaged };
    file->file = bytes;
    file->mends = mends;

    if (bytes.len < sizeof(footer)) {
        return FKV_ECORRUPT;
    }

    memcpy(footer, bytes.data + bytes.len - sizeof(footer), sizeof(footer));

    if (mends) {
        memcpy(footer + MAGIC_AT, "FKVsst\r\n", 8);
        fkv__put_le64(footer + BYTES_AT, bytes.len);
        fkv__put_le32(footer + FOOTER_CRC_AT,
                      fkv__crc32c(0, footer, FOOTER_CRC_AT));
    }

    rc = fkv__table_footer_get(footer, bytes.len, &file->table.info, &place);

    if (rc == FKV_OK) {
        rc = file_read(file, place.offset,
                       place.bytes + FKV__BLOCK_TRAILER_BYTES, &raw);
    }

    if (rc == FKV_OK) {
        rc = fkv__table_properties_get(raw.data, raw.len, place.offset,
                                       &file->table.info);
        fuzz_free(raw);
    }

    if (rc != FKV_OK) {
        fkv__table_info_done(&file->table.info);
    }

    return rc;
}


static void
file_close(file_t *file)
{
    fkv__table_info_done(&file->table.info);
}


static void
list_add(list_t *list, const fkv__record_t *rec)
{
    fkv__record_t  *copy;

    list->recs = realloc(list->recs, (list->n + 1) * sizeof(*list->recs));
    copy = &list->recs[list->n++];
    *copy = *rec;
    copy->key = fuzz_copy(rec->key);
    copy->meta = fuzz_copy(rec->meta);
    copy->value = fuzz_copy(rec->value);
    copy->shared = 0;
}


static void
list_done(list_t *list)
{
    for (size_t i = 0; i < list->n; i++) {
        fuzz_free(list->recs[i].key);
        fuzz_free(list->recs[i].meta);
        fuzz_free(list->recs[i].value);
    }

    free(list->recs);
}


static void
records_are_same(const fkv__record_t *got, const fkv__record_t *want)
{
    assert_int_equal(got->kind, want->kind);
    assert_int_equal(got->type, want->type);
    assert_int_equal(got->encver, want->encver);
    assert_int_equal(got->expire_at, want->expire_at);
    assert_int_equal(got->stamp, want->stamp);
    assert_int_equal(got->version, want->version);
    check_str(got->meta, want->meta);
    check_str(got->value, want->value);
}


/* Every record, in order. */
static int
walk(file_t *file, list_t *list)
{
    int            rc;
    fkv__iter_t    it;
    fkv__table_t  *tables[1] = { &file->table };

    fkv__iter_init(&it, &file->source, tables, 1);
    fkv__iter_seek(&it, FKV_STR_NULL, UINT64_MAX);

    while ((rc = fkv__iter_settle(&it)) == FKV_OK) {
        const fkv__record_t  *rec = it.rec;

        assert_true(rec->version != 0);

        if (list->n > 0) {
            const fkv__record_t  *last = &list->recs[list->n - 1];

            assert_true(fkv__block_cmp(last->key, last->version, rec->key,
                                       rec->version) < 0);
        }

        list_add(list, rec);
        fkv__iter_next(&it);
    }

    fkv__iter_done(&it);

    return rc;
}


/* What a seek finds. */
static int
seek(file_t *file, fkv_str_t key, uint64_t version, list_t *list)
{
    int            rc;
    fkv__iter_t    it;
    fkv__table_t  *tables[1] = { &file->table };

    fkv__iter_init(&it, &file->source, tables, 1);
    fkv__iter_seek(&it, key, version);
    rc = fkv__iter_settle(&it);

    if (rc == FKV_OK) {
        list_add(list, it.rec);
    }

    fkv__iter_done(&it);

    return rc;
}


static int
filter_maybe(file_t *file, fkv_str_t key, bool *maybe)
{
    uint64_t       hash = fkv__hash(key), pages = file->table.info.filter_pages;
    int            rc;
    fkv__block_t  *page;

    *maybe = true;

    if (pages == 0) {
        return FKV_OK;
    }

    rc = file_get(&file->source, &file->table, (fkv__block_place_t) {
                      file->table.info.filter_offset
                      + fkv__filter_page(hash, pages) * FKV__FILTER_PAGE_BYTES,
                      FKV__FILTER_PAGE_BYTES - FKV__BLOCK_TRAILER_BYTES },
                  FKV__SOURCE_FILTER, &page);

    if (rc == FKV_OK) {
        *maybe = fkv__filter_maybe(page->payload, hash, pages);
        file_put(&file->source, page);
    }

    return rc;
}


/* Down the index to where key and version must be. */
static int
find_place(file_t *file, fkv_str_t key, uint64_t version,
    fkv__block_place_t *place)
{
    const fkv__table_info_t  *info = &file->table.info;

    *place = fkv__table_root(info);

    for (unsigned depth = 0; depth < fkv__table_depth(info); depth++) {
        int            rc;
        uint32_t       at;
        fkv__block_t  *block;
        fkv__index_t   index;

        rc = file_get(&file->source, &file->table, *place, FKV__SOURCE_INDEX,
                      &block);
        if (rc != FKV_OK) {
            return rc;
        }

        rc = fkv__index_open(&index, block->payload);

        if (rc == FKV_OK) {
            rc = fkv__index_seek(&index, key, version, &at, NULL);
        }

        if (rc == FKV_OK) {
            rc = (at == index.n) ? FKV_NOTFOUND
                                 : fkv__table_place(info, depth, &index, at,
                                                    place);
        }

        file_put(&file->source, block);

        if (rc != FKV_OK) {
            return rc;
        }
    }

    return FKV_OK;
}


/* A point read: filter, index, block. */
static int
find(file_t *file, fkv_str_t key, uint64_t version, list_t *list)
{
    int                 rc;
    bool                maybe;
    fkv__block_t       *block;
    fkv__record_t       rec;
    fkv__block_place_t  place;

    rc = filter_maybe(file, key, &maybe);
    if (rc != FKV_OK || !maybe) {
        return rc == FKV_OK ? FKV_NOTFOUND : rc;
    }

    rc = find_place(file, key, version, &place);
    if (rc != FKV_OK) {
        return rc;
    }

    rc = file_get(&file->source, &file->table, place, FKV__SOURCE_DATA,
                  &block);
    if (rc != FKV_OK) {
        return rc;
    }

    rc = fkv__block_find(block->payload, key, fkv__hash(key), version, &rec);

    if (rc == FKV_OK) {
        check_str(rec.key, key);
        assert_true(rec.version <= version);
        list_add(list, &rec);
    }

    file_put(&file->source, block);

    return rc;
}


/* Whatever the answers are; one key with a byte more, or less, each time. */
static void
try_reads(file_t *file, const list_t *list)
{
    for (size_t i = 0; i < list->n && i < 64; i++) {
        list_t     found = { .n = 0 };
        fkv_str_t  key = list->recs[i].key;
        uint64_t   version = list->recs[i].version - i % 2;

        key.len -= (i % 3 == 1 && key.len > 0);
        (void) find(file, key, version, &found);
        (void) seek(file, key, version, &found);
        list_done(&found);
    }
}


static void
build(const list_t *list, fuzz_t *how, uint64_t id, fkv__buf_t *out,
    fkv__table_info_t *info)
{
    uint8_t               packing = fuzz_byte(how), index = fuzz_byte(how);
    fkv__table_builder_t  builder;
    fkv__table_options_t  options = {
        .compression = (fkv__block_type_e) (packing % 3),
        .fingers = packing & 0x80,
        .bits_per_key = packing & 0x40 ? 10 : 0,
        .index = (fkv__index_kind_e) (index % 3),
        .created_ms = (uint64_t) index << 32,
        .block_bytes = 32 + 4u * fuzz_byte(how),
        .page_bytes = 64 + 16u * fuzz_byte(how)
    };

    fkv__table_builder_init(&builder, id, &options);

    for (size_t i = 0; i < list->n; i++) {
        assert_int_equal(fkv__table_builder_add(&builder, &list->recs[i]),
                         FKV_OK);
    }

    assert_int_equal(fkv__table_builder_finish(&builder, info), FKV_OK);
    assert_int_equal(fkv__buf_append(out, builder.out.data, builder.out.len),
                     FKV_OK);
    assert_int_equal(out->len, info->bytes);
    fkv__table_builder_done(&builder);
}


/* This key and version, and what lies just before it. */
static void
reads_find(file_t *file, const list_t *list, size_t at)
{
    const fkv__record_t  *rec = &list->recs[at];
    bool                  last, older;
    list_t                got = { .n = 0 };

    assert_int_equal(find(file, rec->key, rec->version, &got), FKV_OK);
    records_are_same(&got.recs[0], rec);
    assert_int_equal(seek(file, rec->key, rec->version, &got), FKV_OK);
    records_are_same(&got.recs[1], rec);
    check_str(got.recs[1].key, rec->key);

    /* Below its version is the next record, if that is of this key. */
    last = (at + 1 == list->n);
    older = !last && fkv__str_eq(list->recs[at + 1].key, rec->key);
    assert_int_equal(seek(file, rec->key, rec->version - 1, &got),
                     last ? FKV_END : FKV_OK);

    if (!last) {
        records_are_same(&got.recs[2], &list->recs[at + 1]);
        check_str(got.recs[2].key, list->recs[at + 1].key);
    }

    /*
     * Versions of a key may lie in two blocks: then the older one is where the
     * walk has gone on.
     */
    if (!older) {
        int  rc = find(file, rec->key, rec->version - 1, &got);

        assert_true(rc == FKV_NOTFOUND);
    }

    list_done(&got);
}


static void
rebuild(const list_t *list, fuzz_t *how)
{
    list_t             again = { .n = 0 };
    file_t             file;
    fkv_str_t          copy;
    fkv__buf_t         out = { .data = NULL }, first = out, second = out;
    fkv__table_info_t  info;

    build(list, how, 12345, &out, &info);
    copy = fuzz_copy(fkv__buf_str(&out));

    assert_int_equal(file_open(&file, copy, false), FKV_OK);
    assert_int_equal(fkv__table_info_put(&first, &info), FKV_OK);
    assert_int_equal(fkv__table_info_put(&second, &file.table.info), FKV_OK);
    check_str(fkv__buf_str(&second), fkv__buf_str(&first));

    assert_int_equal(walk(&file, &again), FKV_END);
    assert_int_equal(again.n, list->n);

    for (size_t i = 0; i < list->n; i++) {
        check_str(again.recs[i].key, list->recs[i].key);
        records_are_same(&again.recs[i], &list->recs[i]);

        if (i % (list->n / 64 + 1) == 0) {
            file.unpacked = 0;
            reads_find(&file, list, i);
        }
    }

    list_done(&again);
    file_close(&file);
    fkv__table_info_done(&info);
    fkv__buf_done(&out);
    fkv__buf_done(&first);
    fkv__buf_done(&second);
    fuzz_free(copy);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_t     in = { data, size };
    fkv_str_t  how = fuzz_take(&in, 5);
    file_t     file;
    list_t     list = { .n = 0 };

    if (file_open(&file, fuzz_rest(&in), true) != FKV_OK) {
        return 0;
    }

    (void) walk(&file, &list);
    try_reads(&file, &list);
    file_close(&file);

    if (list.n > 0) {
        rebuild(&list, &(fuzz_t) { how.data, how.len });
    }

    list_done(&list);

    return 0;
}
