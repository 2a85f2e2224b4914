/*
 * store_catalog.c - edits reach the manifest, or they have not happened.
 */

#include "scratch.h"
#include "store/catalog.h"

static fkv__catalog_t  catalog;


static int
setup(void **state)
{
    fkv__version_t  *version;

    if (scratch_setup(state) != 0) {
        return -1;
    }

    catalog = (fkv__catalog_t) {
        .fs = &scratch_fs,
        .dir = open(scratch.path, O_RDONLY | O_DIRECTORY),
        .uid = (uid_t) -1,
        .gid = (gid_t) -1
    };

    version = fkv__version_new();
    version->edit = 1;
    version->next_file = 1;

    return (fkv__catalog_rotate(&catalog, version) == FKV_OK) ? 0 : -1;
}


static int
teardown(void **state)
{
    fkv__catalog_close(&catalog);
    close(catalog.dir);

    return scratch_teardown(state);
}


static void
info_make(fkv__table_info_t *info, uint64_t id)
{
    fkv__table_info_init(info);

    info->id = id;
    info->bytes = 10000;
    info->index_offset = 4096;
    info->index_bytes = 100;
    info->entries = info->keys = 1;
    info->version_min = info->version_max = id;
    assert_int_equal(fkv__buf_append(&info->smallest, "a", 1), FKV_OK);
    assert_int_equal(fkv__buf_append(&info->largest, "z", 1), FKV_OK);
}


/* One edit that adds a table to level 0. */
static int
append(uint64_t id)
{
    int                rc;
    fkv__edit_t        edit;
    fkv__table_info_t  info;

    fkv__edit_init(&edit);
    info_make(&info, id);
    assert_int_equal(fkv__edit_add(&edit, 0, &info), FKV_OK);
    edit.next_file = id + 1;

    rc = fkv__catalog_append(&catalog, &edit);

    fkv__table_info_done(&info);
    fkv__edit_done(&edit);

    return rc;
}


/* How many tables somebody else finds who reads the manifest now. */
static unsigned
tables_on_disk(void)
{
    unsigned       n;
    fkv__loaded_t  loaded;

    scratch_fail(0, 0, false);
    assert_int_equal(fkv__version_load(&scratch_fs, catalog.dir, &loaded,
                                       scratch.error), FKV_OK);
    n = loaded.version->n[0];
    fkv__version_unpin(loaded.version);

    return n;
}


static void
reopen(void)
{
    scratch_fail(0, 0, false);
    assert_int_equal(fkv__catalog_open(&catalog, scratch.error), FKV_OK);
}


static void
an_edit_is_there_after_reopening(void **state)
{
    (void) state;

    for (uint64_t id = 1; id <= 10; id++) {
        assert_int_equal(append(id), FKV_OK);
        assert_int_equal(catalog.version->edit, 1 + id);
    }

    assert_int_equal(tables_on_disk(), 10);

    reopen();
    assert_int_equal(catalog.number, 1);
    assert_int_equal(catalog.version->n[0], 10);
    assert_int_equal(catalog.version->edit, 11);
    assert_int_equal(catalog.len, scratch_size("MANIFEST-000001"));

    assert_int_equal(append(11), FKV_OK);
    assert_int_equal(tables_on_disk(), 11);
}


static void
a_wrong_edit_changes_nothing(void **state)
{
    uint64_t     len = catalog.len;
    fkv__edit_t  edit;

    (void) state;

    fkv__edit_init(&edit);
    assert_int_equal(fkv__edit_drop(&edit, 99), FKV_OK);
    assert_int_equal(fkv__catalog_append(&catalog, &edit), FKV_ECORRUPT);
    fkv__edit_done(&edit);

    assert_int_equal(catalog.len, len);
    assert_int_equal(append(1), FKV_OK);
    assert_int_equal(tables_on_disk(), 1);
}


static void
a_failed_edit_has_not_happened(void **state)
{
    (void) state;

    assert_int_equal(append(1), FKV_OK);

    /*
     * The write, then the sync, of the manifest and of its mirror: the record
     * is there in part, or as a whole, once or twice.
     */
    for (unsigned n = 1; n <= 4; n++) {
        bool  full = (n % 2 == 1);

        scratch_fail(n, full ? -ENOSPC : -EIO, false);
        assert_int_equal(append(1 + n), full ? FKV_EFULL : FKV_EIO);
        assert_int_equal(tables_on_disk(), 1);

        /* Not before it has been opened again. */
        assert_int_equal(append(50), FKV_EIO);

        reopen();
        assert_int_equal(catalog.number, 1 + n);
        assert_int_equal(catalog.version->n[0], 1);
    }

    assert_int_equal(append(9), FKV_OK);
    assert_int_equal(tables_on_disk(), 2);
}


static void
a_dying_disk_gives_the_edit_or_not_and_never_half_of_it(void **state)
{
    (void) state;

    for (unsigned n = 1; n <= 5; n++) {
        unsigned  before = tables_on_disk(), after;

        scratch_fail(n, -EIO, true);
        assert_int_equal(append(n), (n <= 4) ? FKV_EIO : FKV_OK);

        after = tables_on_disk();
        assert_true(after == before || after == before + 1);

        reopen();
        assert_int_equal(catalog.version->n[0], after);
    }
}


static void
a_torn_end_is_not_appended_to(void **state)
{
    (void) state;

    assert_int_equal(append(1), FKV_OK);
    scratch_write("MANIFEST-000001", "\x20\0\0\0torn", 8, catalog.len);

    reopen();
    assert_int_equal(catalog.number, 2);

    assert_int_equal(append(2), FKV_OK);
    assert_int_equal(tables_on_disk(), 2);
}


static void
a_copy_that_is_damaged_is_written_anew(void **state)
{
    (void) state;

    for (uint64_t id = 1; id <= 3; id++) {
        assert_int_equal(append(id), FKV_OK);
    }

    scratch_flip("MANIFEST-000001", catalog.len - 5);
    reopen();
    assert_int_equal(catalog.number, 2);
    assert_int_equal(catalog.version->n[0], 3);
    assert_true(scratch_exists("MIRROR-000002"));

    scratch_flip("MIRROR-000002", 50);
    reopen();
    assert_int_equal(catalog.number, 3);
    assert_false(scratch_exists("MIRROR-000001"));

    /* As a death between the two leaves it: no damage, but not whole. */
    assert_int_equal(append(4), FKV_OK);
    assert_int_equal(truncate(scratch_name("MIRROR-000003"),
                              (off_t) catalog.len - 5), 0);
    reopen();
    assert_int_equal(catalog.number, 4);
    assert_int_equal(catalog.version->n[0], 4);

    reopen();
    assert_int_equal(catalog.number, 4);
    assert_int_equal(scratch_size("MIRROR-000004"),
                     scratch_size("MANIFEST-000004"));
}


static void
a_long_manifest_is_followed_by_a_new_one(void **state)
{
    unsigned     n = 0;
    fkv__edit_t  edit;

    (void) state;

    assert_int_equal(append(1), FKV_OK);
    fkv__edit_init(&edit);

    while (catalog.number == 1) {
        edit.clock_ms = ++n;
        assert_int_equal(fkv__catalog_append(&catalog, &edit), FKV_OK);
        assert_int_equal(catalog.version->clock_ms, n);
    }

    assert_true(n > 1000);
    assert_int_equal(catalog.version->edit, 2 + n);
    assert_in_range(scratch_size("MANIFEST-000002"), 1, 1000);
    assert_int_equal(tables_on_disk(), 1);
    fkv__edit_done(&edit);

    /* Who was told of the last one can still read it, not of older ones. */
    assert_true(scratch_exists("MANIFEST-000001"));
    assert_int_equal(fkv__catalog_rotate(&catalog,
                                         fkv__version_pin(catalog.version)),
                     FKV_OK);
    assert_true(scratch_exists("MANIFEST-000002"));
    assert_false(scratch_exists("MANIFEST-000001"));
}


/* Else it would double with each reload. */
static void
to_open_it_does_not_let_it_become_longer(void **state)
{
    static uint8_t  key[20000];
    fkv__edit_t     edit;
    unsigned        n;

    (void) state;

    memset(key, 'k', sizeof(key));
    assert_int_equal(append(1), FKV_OK);

    for (n = 2; catalog.number == 1; n += 2) {
        fkv__range_t  range = { { key, sizeof(key) },
                                { (const uint8_t *) "l", 1 }, n };

        fkv__edit_init(&edit);
        assert_int_equal(fkv__edit_range(&edit, &range), FKV_OK);
        assert_int_equal(fkv__catalog_append(&catalog, &edit), FKV_OK);
        fkv__edit_done(&edit);

        assert_int_equal(fkv__edit_range_drop(&edit, n), FKV_OK);
        assert_int_equal(fkv__catalog_append(&catalog, &edit), FKV_OK);
        fkv__edit_done(&edit);

        assert_in_range(catalog.len, 1, FKV__CATALOG_BYTES_MAX
                                        + 2 * sizeof(key));
        reopen();
    }

    assert_true(n * sizeof(key) / 2 > FKV__CATALOG_BYTES_MAX);
    assert_int_equal(tables_on_disk(), 1);
}


static void
a_failed_rotation_leaves_a_whole_state(void **state)
{
    unsigned  n = 0;
    int       rc;

    (void) state;

    assert_int_equal(append(1), FKV_OK);

    do {
        fkv__version_t  *same = fkv__version_pin(catalog.version);

        n++;
        scratch_fail(n, -ENOSPC, (n % 2) == 0);
        rc = fkv__catalog_rotate(&catalog, same);

        if (rc != FKV_OK) {
            assert_true(rc == FKV_EIO || rc == FKV_EFULL);
            fkv__version_unpin(same);
            assert_int_equal(append(50), FKV_EIO);
        }

        assert_int_equal(tables_on_disk(), 1);
        reopen();
    } while (rc != FKV_OK);

    assert_in_range(n, 13, 20);
    assert_int_equal(append(2), FKV_OK);
    assert_int_equal(tables_on_disk(), 2);
}


static void
nothing_leaks(void **state)
{
    size_t  before;

    (void) state;

    before = fkv_alloc_bytes();
    assert_int_equal(append(1), FKV_OK);
    fkv__catalog_close(&catalog);
    fkv__catalog_close(&catalog);
    assert_true(fkv_alloc_bytes() < before);
    assert_int_equal(fkv_alloc_bytes(), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(an_edit_is_there_after_reopening,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_edit_changes_nothing,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_edit_has_not_happened,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_dying_disk_gives_the_edit_or_not_and_never_half_of_it,
            setup, teardown),
        cmocka_unit_test_setup_teardown(a_torn_end_is_not_appended_to,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_that_is_damaged_is_written_anew,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_long_manifest_is_followed_by_a_new_one, setup, teardown),
        cmocka_unit_test_setup_teardown(
            to_open_it_does_not_let_it_become_longer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_rotation_leaves_a_whole_state,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_leaks, setup, teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
