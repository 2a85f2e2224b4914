/*
 * store_tables.c - a worker follows the manifest and keeps files open.
 */

#include "shelf.h"

#include <dirent.h>

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

    if (shelf.store.tables != NULL) {
        shelf_close(&shelf);
    }

    shelf_remove(&shelf);

    return 0;
}


/* Runs the loop until the announced edit is there, as an idle worker would. */
static void
follow(void)
{
    fkv__tables_poll(&shelf.store);

    while (shelf.store.own->edit < shelf.store.seg->state.edit) {
        shelf_loop(&shelf);
    }
}


/* Until what is being closed has been closed. */
static void
settle(void)
{
    while (shelf.store.io.in_flight > 0) {
        shelf_loop(&shelf);
    }
}


static unsigned
open_files(void)
{
    unsigned  n = 0;
    DIR      *dir = opendir("/proc/self/fd");

    while (readdir(dir) != NULL) {
        n++;
    }

    (void) closedir(dir);

    return n;
}


static void
what_was_announced_before_is_there_at_once(void **state)
{
    (void) state;

    shelf_add(&shelf, 1, 1, 0, 10, 100, "value");
    shelf_add(&shelf, 2, 0, 0, 10, 200, "newer");
    assert_int_equal(shelf_open(&shelf, NULL), FKV_OK);

    assert_int_equal(shelf.store.own->edit, 3);
    assert_int_equal(shelf.store.tables->version->n[0], 1);
    shelf_check(&shelf, 5, UINT64_MAX, FKV_OK, 205, "newer");
}


static void
what_was_not_announced_is_not_there(void **state)
{
    fkv__edit_t  edit;

    (void) state;

    shelf_add(&shelf, 1, 1, 0, 10, 100, "value");

    fkv__edit_init(&edit);
    assert_int_equal(fkv__edit_drop(&edit, 1), FKV_OK);
    assert_int_equal(fkv__catalog_append(&shelf.catalog, &edit), FKV_OK);
    fkv__edit_done(&edit);

    assert_int_equal(shelf_open(&shelf, NULL), FKV_OK);
    shelf_check(&shelf, 5, UINT64_MAX, FKV_OK, 105, "value");
    assert_int_equal(shelf.store.own->edit, 2);

    shelf_announce(&shelf);
    shelf_check(&shelf, 5, UINT64_MAX, FKV_NOTFOUND, 0, NULL);
    assert_int_equal(shelf.store.own->edit, 3);
}


static void
every_edit_is_followed(void **state)
{
    (void) state;

    assert_int_equal(shelf_open(&shelf, NULL), FKV_OK);
    assert_int_equal(shelf.store.own->edit, 1);

    for (unsigned i = 1; i < 50; i++) {
        shelf_add(&shelf, i, 0, 0, 10, 100 * i, "value");

        /* By the one who needs it, or in idle time; one edit or several. */
        if (i % 3 == 0) {
            shelf_check(&shelf, 5, UINT64_MAX, FKV_OK, 100 * i + 5, "value");

        } else if (i % 3 == 1) {
            follow();
        }
    }

    follow();
    assert_int_equal(shelf.store.tables->version->n[0], 49);
}


static void
a_new_manifest_is_followed_and_files_stay_open(void **state)
{
    unsigned  open;

    (void) state;

    assert_int_equal(shelf_open(&shelf, NULL), FKV_OK);
    shelf_add(&shelf, 1, 1, 0, 10, 100, "value");
    shelf_check(&shelf, 5, UINT64_MAX, FKV_OK, 105, "value");
    open = open_files();

    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fkv__catalog_rotate(&shelf.catalog, fkv__version_pin(
                             shelf.catalog.version)), FKV_OK);
        shelf_add(&shelf, 10 + i, 0, 0, 10, 200 + 100 * i, "newer");
        follow();
        settle();
    }

    assert_int_equal(open_files(), open);
    assert_int_equal(shelf.store.tables->files.open_n, 1);
    assert_true(shelf.store.tables->version->levels[1][0]->fd >= 0);
    shelf_check(&shelf, 5, UINT64_MAX, FKV_OK, 405, "newer");
}


static void
a_manifest_that_was_replaced_twice_is_looked_for_again(void **state)
{
    (void) state;

    assert_int_equal(shelf_open(&shelf, NULL), FKV_OK);

    assert_int_equal(fkv__catalog_rotate(&shelf.catalog, fkv__version_pin(
                         shelf.catalog.version)), FKV_OK);
    shelf_add(&shelf, 1, 1, 0, 10, 100, "value");
    fkv__tables_poll(&shelf.store);     /* will not find the second one */

    assert_int_equal(fkv__catalog_rotate(&shelf.catalog, fkv__version_pin(
                         shelf.catalog.version)), FKV_OK);
    shelf_add(&shelf, 2, 0, 0, 10, 200, "newer");

    follow();
    assert_int_equal(shelf.logs, 0);
    shelf_check(&shelf, 5, UINT64_MAX, FKV_OK, 205, "newer");
}


static void
flip(int fd, uint64_t offset)
{
    uint8_t  byte;

    assert_int_equal(pread(fd, &byte, 1, (off_t) offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t) offset), 1);
}


/* A second edit, which the worker has not read. */
static uint64_t
edit_to_come(void)
{
    uint64_t  before;

    shelf_add(&shelf, 1, 1, 0, 10, 100, "value");
    assert_int_equal(shelf_open(&shelf, NULL), FKV_OK);
    before = shelf.catalog.len;
    shelf_add(&shelf, 2, 0, 0, 10, 200, "newer");

    return before;
}


static void
a_damaged_edit_is_read_from_the_mirror(void **state)
{
    uint64_t  at = edit_to_come();

    (void) state;

    flip(shelf.catalog.fd, at + 9);
    shelf_check(&shelf, 5, UINT64_MAX, FKV_OK, 205, "newer");
    assert_int_equal(shelf.logs, 1);
    assert_non_null(strstr(shelf.logged, "MANIFEST-000001: edit is damaged"));
    assert_non_null(strstr(shelf.logged, "its mirror is read"));
    assert_int_equal(shelf_stat(&shelf, FKV__STAT_errors_corrupt), 1);

    /* From now on. */
    shelf_add(&shelf, 3, 0, 0, 10, 300, "newest");
    shelf_check(&shelf, 5, UINT64_MAX, FKV_OK, 305, "newest");
    assert_int_equal(shelf.logs, 1);

    /* A new manifest is another matter. */
    assert_int_equal(fkv__catalog_rotate(&shelf.catalog,
                                 fkv__version_pin(shelf.catalog.version)),
                     FKV_OK);
    shelf_add(&shelf, 4, 0, 0, 10, 400, "newer yet");
    flip(shelf.catalog.mirror, 40);
    shelf_check(&shelf, 5, UINT64_MAX, FKV_OK, 405, "newer yet");
    assert_int_equal(shelf.logs, 1);
}


static void
an_edit_damaged_in_both_is_an_error_said_once(void **state)
{
    uint64_t      at = edit_to_come();
    shelf_read_t  reads[3];

    (void) state;

    flip(shelf.catalog.fd, at + 9);
    flip(shelf.catalog.mirror, at + 9);

    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(shelf_read(&shelf, &reads[i], i, UINT64_MAX),
                         FKV_AGAIN);
    }

    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(shelf_wait(&shelf, &reads[i]), FKV_ECORRUPT);
        fkv__lookup_done(&reads[i].lookup);
    }

    assert_int_equal(shelf.logs, 2);
    assert_non_null(strstr(shelf.logged, "MIRROR-000001: edit is damaged"));

    while (shelf.store.io.in_flight > 0) {          /* closing the manifest */
        shelf_loop(&shelf);
    }

    /* Nor does an idle worker try it over and over. */
    fkv__tables_poll(&shelf.store);
    assert_int_equal(shelf.store.io.in_flight, 0);

    flip(shelf.catalog.mirror, at + 9);
    shelf_check(&shelf, 5, UINT64_MAX, FKV_OK, 205, "newer");
}


static void
an_announced_length_that_is_wrong_is_an_error(void **state)
{
    fkv__state_shm_t  *segment = &shelf.store.seg->state;

    (void) state;

    assert_int_equal(shelf_open(&shelf, NULL), FKV_OK);
    shelf_add(&shelf, 1, 1, 0, 10, 100, "value");

    segment->manifest = fkv__manifest_pos(1, shelf.catalog.len + 1);
    shelf_check(&shelf, 5, UINT64_MAX, FKV_ECORRUPT, 0, NULL);

    segment->manifest = fkv__manifest_pos(1, 3);
    segment->edit++;
    shelf_check(&shelf, 5, UINT64_MAX, FKV_ECORRUPT, 0, NULL);

    segment->manifest = fkv__manifest_pos(7, 100);
    shelf_check(&shelf, 5, UINT64_MAX, FKV_ECORRUPT, 0, NULL);
    assert_non_null(strstr(shelf.logged, "MIRROR-000007: file is missing"));

    shelf_announce(&shelf);
    shelf_check(&shelf, 5, UINT64_MAX, FKV_OK, 105, "value");
}


static void
a_worker_attaches_if_one_copy_is_whole(void **state)
{
    (void) state;

    flip(shelf.catalog.fd, 40);
    assert_int_equal(shelf_open(&shelf, NULL), FKV_OK);
    assert_int_equal(shelf.logs, 1);
}


static void
a_worker_cannot_attach_to_a_damaged_manifest(void **state)
{
    (void) state;

    flip(shelf.catalog.fd, 40);
    flip(shelf.catalog.mirror, 40);
    assert_int_equal(shelf_open(&shelf, NULL), FKV_ECORRUPT);
    assert_int_equal(shelf.logs, 2);
}


static void
dropped_tables_are_closed(void **state)
{
    unsigned  before;

    (void) state;

    assert_int_equal(shelf_open(&shelf, NULL), FKV_OK);
    follow();
    before = open_files();

    for (unsigned i = 1; i <= 5; i++) {
        shelf_add(&shelf, i, 0, 0, 10, 100 * i, "value");
        shelf_check(&shelf, 5, UINT64_MAX, FKV_OK, 100 * i + 5, "value");
    }

    assert_int_equal(open_files(), before + 5);

    for (unsigned i = 1; i <= 5; i++) {
        shelf_drop(&shelf, i);
    }

    follow();
    settle();

    assert_int_equal(open_files(), before);
}


/* A read in flight keeps the file of its version open. */
static void
a_dropped_table_is_read_to_the_end(void **state)
{
    shelf_read_t  read;

    (void) state;

    shelf_add(&shelf, 1, 1, 0, 10, 100, "value");
    assert_int_equal(shelf_open(&shelf, NULL), FKV_OK);

    assert_int_equal(shelf_read(&shelf, &read, 5, UINT64_MAX), FKV_AGAIN);
    shelf_loop(&shelf);                 /* it is open now */

    shelf_drop(&shelf, 1);
    shelf_unlink_table(&shelf, 1);
    follow();

    assert_int_equal(shelf_wait(&shelf, &read), FKV_OK);
    assert_int_equal(read.lookup.rec.version, 105);
    fkv__lookup_done(&read.lookup);
    shelf_check(&shelf, 5, UINT64_MAX, FKV_NOTFOUND, 0, NULL);
}


static void
open_files_are_bounded(void **state)
{
    enum { BOUND = 100, N = BOUND + 50 };
    fkv__edit_t   edit;
    shelf_read_t  reads[40];

    (void) state;

    fkv__edit_init(&edit);

    for (unsigned i = 0; i < N; i++) {
        shelf_table_t  table;

        shelf_table(&shelf, &table, i + 1);
        shelf_record(&table, i, 100 + i, "value");
        shelf_put(&table, &edit, 1);
    }

    shelf_edit(&shelf, &edit);
    assert_int_equal(shelf_open(&shelf, NULL), FKV_OK);
    shelf.store.tables->files.open_max = BOUND;

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < N; i++) {
            shelf_check(&shelf, i, UINT64_MAX, FKV_OK, 100 + i, "value");
            assert_true(shelf.store.tables->files.open_n <= BOUND);
        }

        forget_blocks(shelf.store.seg);
    }

    /* Many at once, at the bound. */
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(shelf_read(&shelf, &reads[i], i, UINT64_MAX),
                         FKV_AGAIN);
    }

    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(shelf_wait(&shelf, &reads[i]), FKV_OK);
        assert_int_equal(reads[i].lookup.rec.version, 100 + i);
        fkv__lookup_done(&reads[i].lookup);
    }

    assert_true(shelf.store.tables->files.open_n <= BOUND);
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

    const struct CMUnitTest  tests[] = {
        TEST(what_was_announced_before_is_there_at_once),
        TEST(what_was_not_announced_is_not_there),
        TEST(every_edit_is_followed),
        TEST(a_new_manifest_is_followed_and_files_stay_open),
        TEST(a_manifest_that_was_replaced_twice_is_looked_for_again),
        TEST(a_damaged_edit_is_read_from_the_mirror),
        TEST(an_edit_damaged_in_both_is_an_error_said_once),
        TEST(an_announced_length_that_is_wrong_is_an_error),
        TEST(a_worker_attaches_if_one_copy_is_whole),
        TEST(a_worker_cannot_attach_to_a_damaged_manifest),
        TEST(dropped_tables_are_closed),
        TEST(a_dropped_table_is_read_to_the_end),
        TEST(open_files_are_bounded),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
