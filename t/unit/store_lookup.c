/*
 * store_lookup.c - point reads of tables, from disk and from the cache.
 */

#include "shelf.h"

static shelf_t  shelf;


static int
setup(void **state)
{
    (void) state;
    shelf_make(&shelf);
    return shelf_open(&shelf, NULL);
}


static int
setup_pool(void **state)
{
    (void) state;
    shelf_make(&shelf);
    return shelf_open(&shelf, &fkv__io_pool);
}


static int
teardown(void **state)
{
    (void) state;
    shelf_close(&shelf);
    shelf_remove(&shelf);
    return 0;
}


static fkv__table_t *
table(unsigned level, unsigned i)
{
    return shelf.catalog.version->levels[level][i];
}


static void
an_empty_store_has_nothing(void **state)
{
    (void) state;

    shelf_check(&shelf, 1, UINT64_MAX, FKV_NOTFOUND, 0, NULL);
    shelf_check(&shelf, 1, 0, FKV_NOTFOUND, 0, NULL);
}


static void
the_newest_version_below_the_bound_is_found(void **state)
{
    (void) state;

    shelf_add(&shelf, 1, 6, 0, 1000, 1000, "bottom");
    shelf_add(&shelf, 2, 1, 500, 1000, 3000, "middle");
    shelf_add(&shelf, 3, 0, 0, 600, 5000, "old");
    shelf_add(&shelf, 4, 0, 550, 10, 7000, "new");

    for (unsigned round = 0; round < 2; round++) {
        shelf_check(&shelf, 555, UINT64_MAX, FKV_OK, 7005, "new");
        shelf_check(&shelf, 555, 7006, FKV_OK, 7005, "new");
        shelf_check(&shelf, 555, 7005, FKV_OK, 5555, "old");
        shelf_check(&shelf, 555, 5555, FKV_OK, 3055, "middle");
        shelf_check(&shelf, 555, 3055, FKV_OK, 1555, "bottom");
        shelf_check(&shelf, 555, 1555, FKV_NOTFOUND, 0, NULL);
        shelf_check(&shelf, 0, UINT64_MAX, FKV_OK, 5000, "old");
        shelf_check(&shelf, 1499, UINT64_MAX, FKV_OK, 3999, "middle");
        shelf_check(&shelf, 1500, UINT64_MAX, FKV_NOTFOUND, 0, NULL);
    }
}


/* Level 0 is ordered by the newest record of all, not by that of the key. */
static void
all_of_level_0_is_asked_as_far_as_it_may_matter(void **state)
{
    shelf_table_t  one, two;
    fkv__edit_t    edit;

    (void) state;

    fkv__edit_init(&edit);
    shelf_table(&shelf, &one, 1);
    shelf_record(&one, 1, 10, "older");
    shelf_record(&one, 2, 90, "x");
    shelf_put(&one, &edit, 0);

    shelf_table(&shelf, &two, 2);
    shelf_record(&two, 1, 20, "newer");
    shelf_record(&two, 2, 80, "y");
    shelf_put(&two, &edit, 0);
    shelf_edit(&shelf, &edit);

    shelf_check(&shelf, 1, UINT64_MAX, FKV_OK, 20, "newer");
    shelf_check(&shelf, 2, UINT64_MAX, FKV_OK, 90, "x");
    shelf_check(&shelf, 1, 20, FKV_OK, 10, "older");
}


static void
a_tombstone_is_an_answer(void **state)
{
    shelf_read_t  read;

    (void) state;

    shelf_add(&shelf, 1, 1, 0, 10, 100, "value");
    shelf_add(&shelf, 2, 0, 0, 10, 200, NULL);

    (void) shelf_read(&shelf, &read, 5, UINT64_MAX);
    assert_int_equal(shelf_wait(&shelf, &read), FKV_OK);
    assert_int_equal(read.lookup.rec.kind, FKV__RECORD_TOMBSTONE);
    fkv__lookup_done(&read.lookup);
}


static void
what_is_cached_is_answered_at_once(void **state)
{
    shelf_read_t  read;
    uint64_t      reads, hits;

    (void) state;

    shelf_add(&shelf, 1, 1, 0, 100, 100, "value");

    assert_int_equal(shelf_read(&shelf, &read, 5, UINT64_MAX), FKV_AGAIN);
    assert_int_equal(shelf_wait(&shelf, &read), FKV_OK);
    fkv__lookup_done(&read.lookup);
    reads = shelf_stat(&shelf, FKV__STAT_block_reads);
    hits = shelf_stat(&shelf, FKV__STAT_block_hits);
    assert_int_equal(reads, 3);             /* filter, index, data */

    assert_int_equal(shelf_read(&shelf, &read, 5, UINT64_MAX), FKV_OK);
    fkv__lookup_done(&read.lookup);
    assert_int_equal(shelf_stat(&shelf, FKV__STAT_block_reads), reads);
    assert_int_equal(shelf_stat(&shelf, FKV__STAT_block_hits), hits + 3);

    forget_blocks(shelf.store.seg);

    assert_int_equal(shelf_read(&shelf, &read, 5, UINT64_MAX), FKV_AGAIN);
    assert_int_equal(shelf_wait(&shelf, &read), FKV_OK);
    fkv__lookup_done(&read.lookup);
}


static void
the_filter_spares_the_other_blocks(void **state)
{
    (void) state;

    shelf_table_t  t;
    fkv__edit_t    edit;

    fkv__edit_init(&edit);
    shelf_table(&shelf, &t, 1);

    for (unsigned i = 0; i < 2000; i += 2) {
        shelf_record(&t, i, 10, "value");
    }

    shelf_put(&t, &edit, 1);
    shelf_edit(&shelf, &edit);

    for (unsigned i = 1; i < 2000; i += 2) {
        shelf_check(&shelf, i, UINT64_MAX, FKV_NOTFOUND, 0, NULL);
    }

    assert_true(shelf_stat(&shelf, FKV__STAT_block_reads) < 40);
    assert_true(shelf_stat(&shelf, FKV__STAT_block_hits) < 1100);
}


static void
many_at_once_share_one_read(void **state)
{
    enum { N = 50 };
    shelf_read_t  reads[N];

    (void) state;

    shelf_add(&shelf, 1, 1, 0, 50, 100, "value");

    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(shelf_read(&shelf, &reads[i], i, UINT64_MAX),
                         FKV_AGAIN);
    }

    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(shelf_wait(&shelf, &reads[i]), FKV_OK);
        assert_int_equal(reads[i].lookup.rec.version, 100 + i);
    }

    assert_int_equal(shelf_stat(&shelf, FKV__STAT_block_reads), 3);

    for (unsigned i = 0; i < N; i++) {
        fkv__lookup_done(&reads[i].lookup);
    }
}


static void
values_larger_than_the_cache_are_read(void **state)
{
    size_t          len = 12 * 1024 * 1024;
    char           *value = malloc(len + 1);
    shelf_table_t   t;
    fkv__edit_t     edit;

    (void) state;

    memset(value, 'v', len);
    value[len] = '\0';

    fkv__edit_init(&edit);
    shelf_table(&shelf, &t, 1);
    shelf_record(&t, 1, 10, value);
    shelf_record(&t, 2, 11, "small");
    shelf_put(&t, &edit, 1);
    shelf_edit(&shelf, &edit);

    shelf_check(&shelf, 2, UINT64_MAX, FKV_OK, 11, "small");
    shelf_check(&shelf, 1, UINT64_MAX, FKV_OK, 10, value);
    shelf_check(&shelf, 1, UINT64_MAX, FKV_OK, 10, value);
    shelf_check(&shelf, 2, UINT64_MAX, FKV_OK, 11, "small");

    assert_true(fkv__blocks_used(shelf.store.seg) < 64 * 1024);
    free(value);
}


static void
the_cache_is_bounded(void **state)
{
    enum { N = 20000 };
    char      value[1001];
    uint64_t  random = 11;

    (void) state;

    memset(value, 'v', 1000);
    value[1000] = '\0';
    shelf_add(&shelf, 1, 2, 0, N, 100, value);

    for (unsigned i = 0; i < N; i++) {
        unsigned  key = (unsigned) (check_random(&random) % N);

        shelf_check(&shelf, key, UINT64_MAX, FKV_OK, 100 + key, value);
    }

    assert_true(fkv__blocks_used(shelf.store.seg)
                > shelf.store.seg->blocks_bytes / 2);
    assert_true(shelf_stat(&shelf, FKV__STAT_block_evictions) > N / 4);
    assert_true(shelf_stat(&shelf, FKV__STAT_block_reads) > N / 4);
}


static void
damage_is_an_error_with_a_place(void **state)
{
    const fkv__table_info_t  *info;
    char                      at[60];

    (void) state;

    shelf_add(&shelf, 1, 1, 0, 1000, 100, "value");
    info = &table(1, 0)->info;

    shelf_flip(&shelf, 1, 10);
    shelf_check(&shelf, 0, UINT64_MAX, FKV_ECORRUPT, 0, NULL);
    assert_non_null(strstr(shelf.logged, "sst/000001.sst: checksum is wrong "
                                         "at offset 0,"));
    assert_int_equal(shelf_stat(&shelf, FKV__STAT_errors_corrupt), 1);

    /* The others can be read; what is damaged is not cached. */
    shelf_check(&shelf, 999, UINT64_MAX, FKV_OK, 1099, "value");
    shelf_check(&shelf, 0, UINT64_MAX, FKV_ECORRUPT, 0, NULL);
    shelf_flip(&shelf, 1, 10);
    shelf_check(&shelf, 0, UINT64_MAX, FKV_OK, 100, "value");

    forget_blocks(shelf.store.seg);
    shelf_flip(&shelf, 1, info->index_offset);
    shelf_check(&shelf, 0, UINT64_MAX, FKV_ECORRUPT, 0, NULL);
    (void) sprintf(at, "at offset %llu,",
                   (unsigned long long) info->index_offset);
    assert_non_null(strstr(shelf.logged, at));
    shelf_flip(&shelf, 1, info->index_offset);

    forget_blocks(shelf.store.seg);
    shelf_flip(&shelf, 1, info->filter_offset + 4090);
    shelf_check(&shelf, 0, UINT64_MAX, FKV_ECORRUPT, 0, NULL);
    (void) sprintf(at, "at offset %llu,",
                   (unsigned long long) info->filter_offset);
    assert_non_null(strstr(shelf.logged, at));
}


static void
a_file_that_is_cut_off_is_damage(void **state)
{
    char  name[40];
    int   fd;

    (void) state;

    shelf_add(&shelf, 1, 1, 0, 1000, 100, "value");

    fkv__table_name(name, 1);
    fd = openat(shelf.store.sst_dir, name, O_RDWR);
    assert_int_equal(ftruncate(fd, 5000), 0);
    (void) close(fd);

    shelf_check(&shelf, 0, UINT64_MAX, FKV_ECORRUPT, 0, NULL);
    assert_non_null(strstr(shelf.logged, "ends too early"));
}


static void
a_table_that_cannot_be_opened_is_an_io_error(void **state)
{
    (void) state;

    shelf_add(&shelf, 1, 1, 0, 10, 100, "value");
    shelf_unlink_table(&shelf, 1);
    assert_int_equal(symlinkat("000001.sst", shelf.store.sst_dir,
                               "000001.sst"), 0);

    shelf_check(&shelf, 5, UINT64_MAX, FKV_EIO, 0, NULL);
    assert_non_null(strstr(shelf.logged, "sst/000001.sst: open failed"));
    assert_int_equal(shelf_stat(&shelf, FKV__STAT_errors_io), 1);
}


static void
a_missing_table_is_damage(void **state)
{
    (void) state;

    shelf_add(&shelf, 1, 1, 0, 10, 100, "value");
    shelf_unlink_table(&shelf, 1);

    shelf_check(&shelf, 5, UINT64_MAX, FKV_ECORRUPT, 0, NULL);
    assert_non_null(strstr(shelf.logged,
                           "sst/000001.sst: table is missing"));
}


/* A read has begun in a version whose table is gone when it comes there. */
static void
a_table_that_was_replaced_is_looked_for_in_the_new_version(void **state)
{
    shelf_read_t  read;

    (void) state;

    shelf_add(&shelf, 1, 1, 0, 10, 100, "value");
    fkv__tables_poll(&shelf.store);
    shelf_loop(&shelf);
    assert_int_equal(shelf.store.own->edit, 2);

    assert_int_equal(shelf_read(&shelf, &read, 5, UINT64_MAX), FKV_AGAIN);

    shelf_drop(&shelf, 1);
    shelf_unlink_table(&shelf, 1);
    shelf_add(&shelf, 2, 2, 0, 10, 100, "value");

    assert_int_equal(shelf_wait(&shelf, &read), FKV_OK);
    assert_int_equal(read.lookup.rec.version, 105);
    assert_int_equal(shelf.logs, 0);
    assert_int_equal(shelf.store.own->edit, 4);
    fkv__lookup_done(&read.lookup);
}


static void
reads_in_flight_may_be_left_behind(void **state)
{
    shelf_read_t  reads[20];

    (void) state;

    shelf_add(&shelf, 1, 1, 0, 1000, 100, "value");
    shelf_add(&shelf, 2, 0, 0, 10, 2000, "value");
    shelf_check(&shelf, 999, UINT64_MAX, FKV_OK, 1099, "value");

    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(shelf_read(&shelf, &reads[i], i, UINT64_MAX),
                         FKV_AGAIN);

        if (i == 10) {
            shelf_loop(&shelf);
            shelf_add(&shelf, 3, 3, 0, 1000, 10, "x");
        }
    }

    /* teardown closes */
}


/* Tables at random, every answer against all records that were written. */
static void
answers_agree_with_a_model(void **state)
{
    enum { KEYS = 400, TABLES = 40 };
    static uint64_t  versions[KEYS][TABLES];
    uint64_t         random = 12345, version = 1;

    (void) state;

    memset(versions, 0, sizeof(versions));

    for (unsigned t = 0; t < TABLES; t++) {
        shelf_table_t  one;
        fkv__edit_t    edit;
        unsigned       step = 1 + (unsigned) (check_random(&random) % 9);

        fkv__edit_init(&edit);
        shelf_table(&shelf, &one, t + 1);

        for (unsigned k = step; k < KEYS; k += step) {
            versions[k][t] = version++;
            shelf_record(&one, k, versions[k][t], "v");
        }

        /* Deeper levels are older: the first six go there. */
        shelf_put(&one, &edit, t < 6 ? 6 - t : 0);
        shelf_edit(&shelf, &edit);

        for (unsigned i = 0; i < 200; i++) {
            unsigned  k = (unsigned) (check_random(&random) % (KEYS + 5));
            uint64_t  below = 1 + check_random(&random) % (version + 10);
            uint64_t  want = 0;

            for (unsigned u = 0; k < KEYS && u <= t; u++) {
                if (versions[k][u] < below) {
                    want = fkv__max(want, versions[k][u]);
                }
            }

            shelf_check(&shelf, k, below, want ? FKV_OK : FKV_NOTFOUND, want,
                        "v");

            if (i % 50 == 0) {
                forget_blocks(shelf.store.seg);
            }
        }
    }

    assert_int_equal(shelf.logs, 0);
}


static void
no_flipped_byte_gives_a_wrong_answer(void **state)
{
    uint64_t  random = 77;

    (void) state;

    shelf_add(&shelf, 1, 1, 0, 2000, 100, "value of a record");

    for (unsigned i = 0; i < 300; i++) {
        uint64_t      at = check_random(&random) % table(1, 0)->info.bytes;
        unsigned      k = (unsigned) (check_random(&random) % 2000);
        shelf_read_t  read;
        int           rc;

        shelf_flip(&shelf, 1, at);
        forget_blocks(shelf.store.seg);

        (void) shelf_read(&shelf, &read, k, UINT64_MAX);
        rc = shelf_wait(&shelf, &read);

        if (rc == FKV_OK) {
            assert_int_equal(read.lookup.rec.version, 100 + k);
            check_str(read.lookup.rec.value, FKV_STR("value of a record"));

        } else {
            assert_int_equal(rc, FKV_ECORRUPT);
        }

        fkv__lookup_done(&read.lookup);
        shelf_flip(&shelf, 1, at);
    }
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)
#define POOL(name)                                                            \
    { #name "_with_threads", name, setup_pool, teardown, NULL }

    const struct CMUnitTest  tests[] = {
        TEST(an_empty_store_has_nothing),
        TEST(the_newest_version_below_the_bound_is_found),
        TEST(all_of_level_0_is_asked_as_far_as_it_may_matter),
        TEST(a_tombstone_is_an_answer),
        TEST(what_is_cached_is_answered_at_once),
        TEST(the_filter_spares_the_other_blocks),
        TEST(many_at_once_share_one_read),
        TEST(values_larger_than_the_cache_are_read),
        TEST(the_cache_is_bounded),
        TEST(damage_is_an_error_with_a_place),
        TEST(a_file_that_is_cut_off_is_damage),
        TEST(a_table_that_cannot_be_opened_is_an_io_error),
        TEST(a_missing_table_is_damage),
        TEST(a_table_that_was_replaced_is_looked_for_in_the_new_version),
        TEST(reads_in_flight_may_be_left_behind),
        TEST(answers_agree_with_a_model),
        TEST(no_flipped_byte_gives_a_wrong_answer),

        POOL(the_newest_version_below_the_bound_is_found),
        POOL(many_at_once_share_one_read),
        POOL(a_table_that_cannot_be_opened_is_an_io_error),
        POOL(a_table_that_was_replaced_is_looked_for_in_the_new_version),
        POOL(reads_in_flight_may_be_left_behind),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
