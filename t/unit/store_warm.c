/*
 * store_warm.c - what is cached stays so when its table is written anew, and
 * what is not does not come by it.
 */

#include "disk.h"

#define MEMORY  (16 * 1024 * 1024)

static disk_t  disk;


static int
setup(void **state)
{
    (void) state;
    disk_begin(&disk, MEMORY);

    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    disk_end(&disk);

    return 0;
}


/* Several tables of level 0, and nothing in memory. */
static void
write_tables(void)
{
    for (unsigned i = 0; i < 6; i++) {
        disk_churn(&disk, 400, false);
        disk_flush(&disk);
    }

    disk_close(&disk);
    disk_open(&disk, MEMORY);
    disk_attach(&disk);
    disk.helper->pick.base_bytes = 1024;
}


static uint64_t
reads_of_all(void)
{
    uint64_t  reads = disk_count(&disk, FKV__STAT_block_reads);

    disk_check_gets(&disk);

    return disk_count(&disk, FKV__STAT_block_reads) - reads;
}


static void
what_was_cached_is_cached_after_a_merge(void **state)
{
    uint64_t  compactions;

    (void) state;

    write_tables();
    assert_true(reads_of_all() > 0);
    assert_int_equal(reads_of_all(), 0);

    compactions = disk_count(&disk, FKV__STAT_compactions);
    assert_true(disk_compact(&disk) > 0);
    assert_true(disk_count(&disk, FKV__STAT_compactions) > compactions);
    assert_true(disk_count(&disk, FKV__STAT_block_warmed) > 0);

    /* The last block of a table only comes when it is asked for. */
    assert_true(reads_of_all() <= disk_state(&disk)->tables);
    assert_int_equal(reads_of_all(), 0);
    (void) disk_check(&disk, UINT64_MAX);
}


static void
what_was_not_cached_is_not_after_a_merge(void **state)
{
    (void) state;

    write_tables();

    assert_true(disk_compact(&disk) > 0);
    assert_int_equal(disk_count(&disk, FKV__STAT_block_warmed), 0);
    assert_true(reads_of_all() > disk_state(&disk)->tables);
}


static void
a_flush_is_cached_while_the_cache_is_asked(void **state)
{
    uint64_t  blocks = disk.store->seg->arena_bytes / 4096;

    (void) state;

    write_tables();
    assert_int_equal(disk_count(&disk, FKV__STAT_block_warmed), 0);

    while (disk_count(&disk, FKV__STAT_block_hits) <= 2 * blocks) {
        disk_check_gets(&disk);
    }

    disk_churn(&disk, 400, false);
    disk_flush(&disk);
    assert_true(disk_count(&disk, FKV__STAT_block_warmed) > 2);

    /* Nobody has asked since. */
    blocks = disk_count(&disk, FKV__STAT_block_warmed);
    disk_churn(&disk, 400, false);
    disk_flush(&disk);
    assert_int_equal(disk_count(&disk, FKV__STAT_block_warmed), blocks);
}


/* It was killed before an edit named what is in the cache already. */
static void
no_two_owners_give_out_the_same_file(void **state)
{
    uint64_t  id;

    (void) state;

    id = fkv__helper_file_id(disk.helper);

    fkv__helper_free(disk.helper);
    disk.helper = fkv__helper_new(disk.store);
    assert_int_equal(fkv__helper_open(disk.helper), FKV_OK);

    assert_int_equal(fkv__helper_file_id(disk.helper), id + 1);
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

    const struct CMUnitTest  tests[] = {
        TEST(what_was_cached_is_cached_after_a_merge),
        TEST(what_was_not_cached_is_not_after_a_merge),
        TEST(a_flush_is_cached_while_the_cache_is_asked),
        TEST(no_two_owners_give_out_the_same_file),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
