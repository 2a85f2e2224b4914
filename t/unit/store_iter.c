/*
 * store_iter.c - walking tables, one, a level, and several merged, with a
 * source that answers at once and with one that makes us ask again.
 */

#include "shelf.h"
#include "store/merge.h"
#include "store/source_file.h"

static shelf_t  shelf;


static int
setup(void **state)
{
    (void) state;
    shelf_make(&shelf);
    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    shelf_remove(&shelf);
    return 0;
}


/* Passes on to a source, but says FKV_AGAIN every other time. */
typedef struct {
    fkv__source_t        source;
    fkv__source_file_t   file;
    uint64_t             random;
    unsigned             again;
} slow_t;


static int
slow_get(fkv__source_t *source, fkv__table_t *table, fkv__block_place_t place,
    fkv__source_kind_e kind, fkv__block_t **block)
{
    slow_t  *slow = fkv__container(source, slow_t, source);

    if (slow->random != 0 && check_random(&slow->random) % 2 == 0) {
        slow->again++;
        return FKV_AGAIN;
    }

    return slow->file.source.get(&slow->file.source, table, place, kind,
                                 block);
}


static void
slow_put(fkv__source_t *source, fkv__block_t *block)
{
    slow_t  *slow = fkv__container(source, slow_t, source);

    slow->file.source.put(&slow->file.source, block);
}


static void
slow_damaged(fkv__source_t *source, const fkv__table_t *table, uint64_t offset)
{
    slow_t  *slow = fkv__container(source, slow_t, source);

    slow->file.source.damaged(&slow->file.source, table, offset);
}


static void
slow_init(slow_t *slow, uint64_t random)
{
    *slow = (slow_t) { .source = { slow_get, slow_put, slow_damaged },
                       .random = random };

    fkv__source_file_init(&slow->file, &fkv__fs_linux, shelf.store.sst_dir,
                          &shelf.log);
}


static int
settle(fkv__iter_t *it)
{
    int  rc;

    while ((rc = fkv__iter_settle(it)) == FKV_AGAIN) {
        assert_null(it->rec);
    }

    return rc;
}


static int
settle_merge(fkv__merge_t *merge)
{
    int  rc;

    while ((rc = fkv__merge_settle(merge)) == FKV_AGAIN) {
        assert_null(merge->rec);
    }

    return rc;
}


static void
check_at(const fkv__record_t *rec, unsigned number, uint64_t version)
{
    uint8_t  room[32];

    check_str(rec->key, shelf_key(number, room));
    assert_int_equal(rec->version, version);
}


#define TABLES      5
#define PER_TABLE   500
#define VERSIONS    3

/* Level 1: keys 0, 2, 4 ..., each in versions 3, 2, 1; 500 keys a table. */
static void
make_level(void)
{
    fkv__edit_t  edit;

    fkv__edit_init(&edit);

    for (unsigned t = 0; t < TABLES; t++) {
        shelf_table_t  table;

        shelf_table(&shelf, &table, t + 1);

        for (unsigned i = 0; i < PER_TABLE * VERSIONS; i++) {
            shelf_record(&table, 2 * (t * PER_TABLE + i / VERSIONS),
                         VERSIONS - i % VERSIONS, "some bytes of a value");
        }

        shelf_put(&table, &edit, 1);
    }

    shelf_edit(&shelf, &edit);
}


static void
iter_open(fkv__iter_t *it, slow_t *slow, uint64_t random)
{
    fkv__version_t  *version = shelf.catalog.version;

    slow_init(slow, random);
    fkv__iter_init(it, &slow->source, version->levels[1], version->n[1]);
}


static void
iter_close(fkv__iter_t *it, slow_t *slow)
{
    fkv__iter_done(it);
    fkv__source_file_done(&slow->file);
}


static void
walk_level(uint64_t random)
{
    slow_t       slow;
    fkv__iter_t  it;

    iter_open(&it, &slow, random);
    assert_int_equal(settle(&it), FKV_END);

    for (unsigned round = 0; round < 2; round++) {
        fkv__iter_seek(&it, FKV_STR_NULL, UINT64_MAX);

        for (unsigned i = 0; i < TABLES * PER_TABLE * VERSIONS; i++) {
            assert_int_equal(settle(&it), FKV_OK);
            check_at(it.rec, 2 * (i / VERSIONS), VERSIONS - i % VERSIONS);
            check_str(it.rec->value, FKV_STR("some bytes of a value"));
            fkv__iter_next(&it);
        }

        assert_int_equal(settle(&it), FKV_END);
        assert_int_equal(settle(&it), FKV_END);
    }

    assert_true(random == 0 || slow.again > TABLES);
    iter_close(&it, &slow);
}


static void
a_level_is_walked_in_order(void **state)
{
    (void) state;

    make_level();
    walk_level(0);
    walk_level(99);
}


/* Where (number, version) must lead to; false: to the end. */
static bool
model_seek(unsigned *number, uint64_t *version)
{
    if (*number % 2 != 0) {
        ++*number;
        *version = VERSIONS;
    }

    *version = fkv__min(*version, VERSIONS);

    if (*version == 0) {
        *number += 2;
        *version = VERSIONS;
    }

    return *number < 2 * TABLES * PER_TABLE;
}


static void
seek_finds_the_first_at_or_behind(void **state)
{
    slow_t       slow;
    uint64_t     random = 7;
    fkv__iter_t  it;

    (void) state;

    make_level();
    iter_open(&it, &slow, 5);

    for (unsigned i = 0; i < 20000; i++) {
        unsigned  number = (unsigned) (check_random(&random) % 5010);
        uint64_t  version = check_random(&random) % 6;
        uint8_t   room[32];

        fkv__iter_seek(&it, shelf_key(number, room), version);
        memset(room, 0, sizeof(room));

        /* A seek may also replace another one that is under way. */
        if (i % 5 == 0) {
            (void) fkv__iter_settle(&it);
            continue;
        }

        if (!model_seek(&number, &version)) {
            assert_int_equal(settle(&it), FKV_END);
            continue;
        }

        assert_int_equal(settle(&it), FKV_OK);
        check_at(it.rec, number, version);

        fkv__iter_next(&it);
        version--;

        if (model_seek(&number, &version)) {
            assert_int_equal(settle(&it), FKV_OK);
            check_at(it.rec, number, version);

        } else {
            assert_int_equal(settle(&it), FKV_END);
        }
    }

    iter_close(&it, &slow);
}


static void
a_merge_is_ordered_and_has_no_twins(void **state)
{
    enum { N = 4 };
    slow_t         slow[N];
    unsigned       n = 0;
    fkv__iter_t    iters[N];
    fkv__merge_t   merge;
    fkv__table_t **tables;

    (void) state;

    /* Table t has every (t + 1)-th key; the fourth source is the first. */
    for (unsigned t = 0; t < 3; t++) {
        shelf_table_t  table;
        fkv__edit_t    edit;

        fkv__edit_init(&edit);
        shelf_table(&shelf, &table, 10 + t);

        for (unsigned i = 0; i < 1200; i += t + 1) {
            shelf_record(&table, i, 5 + t, "v");
        }

        shelf_put(&table, &edit, 0);
        shelf_edit(&shelf, &edit);
    }

    tables = shelf.catalog.version->levels[0];

    for (unsigned t = 0; t < N; t++) {
        slow_init(&slow[t], t);
        fkv__iter_init(&iters[t], &slow[t].source, &tables[t % 3], 1);
    }

    fkv__merge_init(&merge, iters, N);
    fkv__merge_seek(&merge, FKV_STR_NULL, UINT64_MAX);

    for (unsigned i = 0; i < 1200; i++) {
        for (unsigned t = 3; t-- > 0; ) {
            if (i % (t + 1) == 0) {
                assert_int_equal(settle_merge(&merge), FKV_OK);
                check_at(merge.rec, i, 5 + t);
                fkv__merge_next(&merge);
                n++;
            }
        }
    }

    assert_int_equal(settle_merge(&merge), FKV_END);
    assert_int_equal(n, 1200 + 600 + 400);

    for (unsigned t = 0; t < N; t++) {
        iter_close(&iters[t], &slow[t]);
    }
}


static void
the_window_spares_reads(void **state)
{
    slow_t       slow;
    fkv__iter_t  it;
    uint64_t     bytes;

    (void) state;

    make_level();
    bytes = shelf.catalog.version->bytes[1];

    iter_open(&it, &slow, 0);
    fkv__iter_seek(&it, FKV_STR_NULL, UINT64_MAX);

    while (settle(&it) == FKV_OK) {
        fkv__iter_next(&it);
    }

    assert_true(slow.file.bytes_read <= bytes);
    assert_true(slow.file.bytes_read > bytes / 2);

    iter_close(&it, &slow);
}


/* A whole walk: how many records, and with what it ended. */
static int
walk(unsigned *records)
{
    int          rc;
    slow_t       slow;
    fkv__iter_t  it;

    iter_open(&it, &slow, 0);
    fkv__iter_seek(&it, FKV_STR_NULL, UINT64_MAX);

    for (*records = 0; (rc = settle(&it)) == FKV_OK; ++*records) {
        fkv__iter_next(&it);
    }

    assert_int_equal(settle(&it), rc);
    iter_close(&it, &slow);

    return rc;
}


static void
flip_bytes(fkv_compression_e compression)
{
    unsigned                  records;
    uint64_t                  random = 3;
    const fkv__table_info_t  *info;

    shelf.store.options.compression = compression;
    shelf_add(&shelf, 1, 1, 0, 3000, 100, "value of a record in a block");
    info = &shelf.catalog.version->levels[1][0]->info;

    for (unsigned i = 0; i < 300; i++) {
        uint64_t  at = check_random(&random) % info->bytes;
        bool      read = at < info->filter_offset
                         || (at >= info->index_offset
                             && at < info->index_offset + info->index_bytes
                                     + FKV__BLOCK_TRAILER_BYTES);

        shelf.logs = 0;
        shelf_flip(&shelf, 1, at);

        /* What lies between the last block and the filter is no record. */
        if (walk(&records) == FKV_END) {
            assert_true(!read || at + 4096 > info->filter_offset);
            assert_int_equal(records, 3000);

        } else {
            assert_true(read);
            assert_int_equal(shelf.logs, 1);
            assert_non_null(strstr(shelf.logged, "sst/000001.sst"));
        }

        shelf_flip(&shelf, 1, at);
    }

    assert_int_equal(walk(&records), FKV_END);
}


static void
no_flipped_byte_goes_unseen(void **state)
{
    (void) state;

    flip_bytes(FKV_COMPRESSION_NONE);
}


static void
nor_in_blocks_of_lz4(void **state)
{
    (void) state;

    flip_bytes(FKV_COMPRESSION_LZ4);
}


static void
nor_in_blocks_of_zstd(void **state)
{
    (void) state;

    flip_bytes(FKV_COMPRESSION_ZSTD);
}


/* A file of verified blocks in any order, and the info that fits. */
typedef struct {
    fkv__buf_t            bytes;
    fkv__block_builder_t  block;
    fkv__block_place_t    places[8];
    unsigned              n;
} forged_t;


static void
forged_record(fkv__block_builder_t *block, unsigned number)
{
    uint8_t        room[32];
    fkv__record_t  rec = { .kind = FKV__RECORD_VALUE, .version = 7,
                           .value = FKV_STR("forged") };

    rec.key = shelf_key(number, room);
    assert_int_equal(fkv__block_builder_add(block, &rec, NULL, 0), FKV_OK);
}


/* Data block with keys from .. to, both in it. */
static void
forged_block(forged_t *forged, unsigned from, unsigned to)
{
    fkv__block_builder_t  block;

    fkv__block_builder_init(&block);

    for (unsigned i = from; i <= to; i++) {
        forged_record(&block, i);
    }

    assert_int_equal(fkv__block_builder_finish(&block, &forged->bytes, 1,
                                               forged->bytes.len,
                                               &forged->places[forged->n++]),
                     FKV_OK);
    fkv__block_builder_done(&block);
}


/* The index says that its first block begins at base. */
static void
forged_write(forged_t *forged, fkv__index_builder_t *index, uint64_t base)
{
    int                   fd;
    size_t                at = forged->bytes.len;
    uint8_t               room[32];
    fkv_str_t             key;
    fkv__edit_t           edit;
    fkv__table_info_t     info;

    fkv__table_info_init(&info);
    assert_int_equal(fkv__index_builder_finish(index, FKV__INDEX_LINEAR, base,
                                               &forged->bytes),
                     FKV_OK);
    fkv__index_builder_done(index);

    key = (fkv_str_t) { forged->bytes.data + at, forged->bytes.len - at };
    info.index_offset = at;
    info.index_bytes = key.len;

    assert_int_equal(fkv__buf_reserve(&forged->bytes,
                                      FKV__BLOCK_TRAILER_BYTES),
                     FKV_OK);
    key.data = forged->bytes.data + at;
    fkv__block_trailer_put(forged->bytes.data + forged->bytes.len, key, 1, at);
    forged->bytes.len += FKV__BLOCK_TRAILER_BYTES;

    info.id = 1;
    info.bytes = forged->bytes.len + 200;
    info.entries = info.keys = 1;
    info.version_min = info.version_max = 7;

    key = shelf_key(0, room);
    assert_int_equal(fkv__buf_append(&info.smallest, key.data, key.len),
                     FKV_OK);
    key = shelf_key(999, room);
    assert_int_equal(fkv__buf_append(&info.largest, key.data, key.len),
                     FKV_OK);

    fd = openat(shelf.store.sst_dir, "000001.sst", O_CREAT | O_RDWR, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, forged->bytes.data, forged->bytes.len),
                     (ssize_t) forged->bytes.len);
    (void) close(fd);

    fkv__edit_init(&edit);
    assert_int_equal(fkv__edit_add(&edit, 1, &info), FKV_OK);
    shelf_edit(&shelf, &edit);

    fkv__table_info_done(&info);
    fkv__buf_done(&forged->bytes);
}


static void
forged_index(fkv__index_builder_t *index, unsigned number,
    fkv__block_place_t place)
{
    uint8_t  room[32];

    assert_int_equal(fkv__index_builder_add(index, shelf_key(number, room), 7,
                                            FKV_STR_NULL, place.bytes
                                            + FKV__BLOCK_TRAILER_BYTES),
                     FKV_OK);
}


static void
check_forged(void)
{
    unsigned  records;

    shelf.logs = 0;
    assert_int_equal(walk(&records), FKV_ECORRUPT);
    assert_int_equal(shelf.logs, 1);
    assert_non_null(strstr(shelf.logged, "makes no sense at offset"));
}


static void
verified_blocks_in_a_wrong_order_are_damage(void **state)
{
    forged_t              forged = { .n = 0 };
    fkv__index_builder_t  index;

    (void) state;

    forged_block(&forged, 10, 20);
    forged_block(&forged, 5, 9);
    fkv__index_builder_init(&index);
    forged_index(&index, 20, forged.places[0]);
    forged_index(&index, 30, forged.places[1]);
    forged_write(&forged, &index, 0);

    check_forged();
}


static void
a_block_that_outruns_its_index_is_damage(void **state)
{
    forged_t              forged = { .n = 0 };
    fkv__index_builder_t  index;

    (void) state;

    forged_block(&forged, 10, 20);
    fkv__index_builder_init(&index);
    forged_index(&index, 15, forged.places[0]);
    forged_write(&forged, &index, 0);

    check_forged();
}


static void
an_index_that_names_no_block_is_damage(void **state)
{
    forged_t              forged = { .n = 0 };
    fkv__index_builder_t  index;

    (void) state;

    forged_block(&forged, 10, 20);
    fkv__index_builder_init(&index);
    forged_index(&index, 20, forged.places[0]);
    forged_write(&forged, &index, 1 << 20);

    check_forged();
}


static void
a_missing_table_is_gone(void **state)
{
    unsigned  records;

    (void) state;

    shelf_add(&shelf, 1, 1, 0, 10, 100, "value");
    shelf_unlink_table(&shelf, 1);
    assert_int_equal(walk(&records), FKV_GONE);
    assert_int_equal(records, 0);
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

    const struct CMUnitTest  tests[] = {
        TEST(a_level_is_walked_in_order),
        TEST(seek_finds_the_first_at_or_behind),
        TEST(a_merge_is_ordered_and_has_no_twins),
        TEST(the_window_spares_reads),
        TEST(no_flipped_byte_goes_unseen),
        TEST(nor_in_blocks_of_lz4),
        TEST(nor_in_blocks_of_zstd),
        TEST(verified_blocks_in_a_wrong_order_are_damage),
        TEST(a_block_that_outruns_its_index_is_damage),
        TEST(an_index_that_names_no_block_is_damage),
        TEST(a_missing_table_is_gone),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
