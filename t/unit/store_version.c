/*
 * store_version.c - versions made from edits, and the manifest on disk.
 */

#include "shelf.h"

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


static fkv_str_t
str(const char *s)
{
    return (fkv_str_t) { (const uint8_t *) s, strlen(s) };
}


/* A table that could be, from key to key. */
static void
add(fkv__edit_t *edit, unsigned level, uint64_t id, const char *from,
    const char *to, uint64_t version_max)
{
    fkv__table_info_t  info;

    fkv__table_info_init(&info);

    info.id = id;
    info.bytes = 4096;
    info.index_offset = 100;
    info.index_bytes = 100;
    info.entries = info.keys = 2;
    info.version_min = 1;
    info.version_max = version_max;

    assert_int_equal(fkv__buf_append(&info.smallest, from, strlen(from)),
                     FKV_OK);
    assert_int_equal(fkv__buf_append(&info.largest, to, strlen(to)), FKV_OK);
    assert_int_equal(fkv__edit_add(edit, level, &info), FKV_OK);

    fkv__table_info_done(&info);
}


/* Replaces *version if it answers FKV_OK; the edit is empty afterwards. */
static int
apply(fkv__version_t **version, fkv__edit_t *edit, uint64_t number)
{
    fkv__version_t  *to;
    int              rc;

    edit->number = number;
    rc = fkv__version_apply(*version, edit, &to);
    fkv__edit_done(edit);

    if (rc == FKV_OK) {
        fkv__version_unpin(*version);
        *version = to;
    }

    return rc;
}


static void
check_ids(const fkv__version_t *version, unsigned level, const char *ids)
{
    char  got[256] = "";

    for (unsigned i = 0; i < version->n[level]; i++) {
        (void) sprintf(got + strlen(got), "%llu ", (unsigned long long)
                       version->levels[level][i]->info.id);
    }

    assert_string_equal(got, ids);
}


static void
tables_are_ordered_by_level(void **state)
{
    fkv__version_t  *version = fkv__version_new();
    fkv__edit_t      edit;

    (void) state;

    fkv__edit_init(&edit);
    add(&edit, 0, 1, "a", "z", 10);
    add(&edit, 0, 2, "b", "c", 30);
    add(&edit, 0, 3, "a", "y", 20);
    add(&edit, 0, 4, "a", "y", 20);
    add(&edit, 1, 5, "m", "p", 5);
    add(&edit, 1, 6, "a", "c", 5);
    add(&edit, 6, 7, "a", "z", 5);
    edit.next_file = 8;
    edit.clock_ms = 77;
    assert_int_equal(apply(&version, &edit, 1), FKV_OK);

    check_ids(version, 0, "2 4 3 1 ");
    check_ids(version, 1, "6 5 ");
    check_ids(version, 2, "");
    check_ids(version, 6, "7 ");
    assert_int_equal(version->bytes[0], 4 * 4096);
    assert_int_equal(version->edit, 1);

    assert_int_equal(fkv__version_find(version, 1, str("")), 0);
    assert_int_equal(fkv__version_find(version, 1, str("c")), 0);
    assert_int_equal(fkv__version_find(version, 1, str("d")), 1);
    assert_int_equal(fkv__version_find(version, 1, str("q")), 2);
    assert_int_equal(fkv__version_find(version, 2, str("a")), 0);

    assert_true(fkv__version_overlaps(version, 0, str("z"), str("z")));
    assert_false(fkv__version_overlaps(version, 7, str("a"), str("z")));
    assert_true(fkv__version_overlaps(version, 1, str("zz"), str("zz"))
                == false);
    assert_true(fkv__version_overlaps(version, 2, str("d"), str("l")));

    fkv__edit_init(&edit);
    assert_int_equal(fkv__edit_drop(&edit, 7), FKV_OK);
    assert_int_equal(fkv__edit_drop(&edit, 2), FKV_OK);
    assert_int_equal(apply(&version, &edit, 5), FKV_OK);

    check_ids(version, 0, "4 3 1 ");
    assert_false(fkv__version_overlaps(version, 1, str("d"), str("l")));
    assert_true(fkv__version_overlaps(version, 1, str("d"), str("m")));
    assert_int_equal(version->next_file, 8);
    assert_int_equal(version->clock_ms, 77);

    fkv__version_unpin(version);
}


static void
impossible_edits_are_refused(void **state)
{
    fkv__version_t  *version = fkv__version_new();
    fkv__edit_t      edit;

    (void) state;

    fkv__edit_init(&edit);
    add(&edit, 1, 1, "a", "c", 10);
    assert_int_equal(apply(&version, &edit, 3), FKV_OK);

    add(&edit, 2, 2, "a", "c", 10);
    assert_int_equal(apply(&version, &edit, 3), FKV_ECORRUPT);

    add(&edit, 2, 1, "a", "c", 10);
    assert_int_equal(apply(&version, &edit, 4), FKV_ECORRUPT);

    add(&edit, 1, 2, "c", "d", 10);
    assert_int_equal(apply(&version, &edit, 4), FKV_ECORRUPT);

    add(&edit, FKV__LEVELS, 2, "x", "y", 10);
    assert_int_equal(apply(&version, &edit, 4), FKV_ECORRUPT);

    assert_int_equal(fkv__edit_drop(&edit, 2), FKV_OK);
    assert_int_equal(apply(&version, &edit, 4), FKV_ECORRUPT);

    assert_int_equal(fkv__edit_drop(&edit, 1), FKV_OK);
    assert_int_equal(fkv__edit_drop(&edit, 1), FKV_OK);
    assert_int_equal(apply(&version, &edit, 4), FKV_ECORRUPT);

    /* A table may move in one edit. */
    assert_int_equal(fkv__edit_drop(&edit, 1), FKV_OK);
    add(&edit, 2, 1, "a", "c", 10);
    assert_int_equal(apply(&version, &edit, 4), FKV_OK);
    check_ids(version, 1, "");
    check_ids(version, 2, "1 ");

    fkv__version_unpin(version);
}


static void
a_snapshot_keeps_the_tables_that_are_known(void **state)
{
    fkv__version_t  *version = fkv__version_new();
    fkv__table_t    *table;
    fkv__edit_t      edit;

    (void) state;

    fkv__edit_init(&edit);
    add(&edit, 0, 1, "a", "c", 10);
    add(&edit, 1, 2, "a", "c", 10);
    edit.log_floor = 5;
    assert_int_equal(apply(&version, &edit, 3), FKV_OK);

    assert_int_equal(fkv__version_snapshot(version, &edit), FKV_OK);
    assert_int_equal(edit.number, 3);
    assert_int_equal(edit.log_floor, 5);

    table = version->levels[1][0];
    add(&edit, 1, 9, "x", "y", 10);
    assert_int_equal(apply(&version, &edit, 3), FKV_OK);
    check_ids(version, 1, "2 9 ");
    assert_ptr_equal(version->levels[1][0], table);
    assert_int_equal(version->log_floor, 5);

    edit.snapshot = 1;
    add(&edit, 1, 9, "x", "y", 10);
    assert_int_equal(apply(&version, &edit, 2), FKV_ECORRUPT);

    edit.snapshot = 1;
    add(&edit, 1, 9, "x", "y", 10);
    assert_int_equal(apply(&version, &edit, 7), FKV_OK);
    check_ids(version, 0, "");
    check_ids(version, 1, "9 ");
    assert_int_equal(version->log_floor, 0);

    fkv__version_unpin(version);
}


static int
load(uint64_t *edit, char *error)
{
    fkv__version_t  *version;
    uint64_t         number, len;
    int              rc;

    rc = fkv__version_load(&fkv__fs_linux, shelf.store.dir, &version, &number,
                           &len, error);

    if (rc == FKV_OK) {
        *edit = version->edit;
        fkv__version_unpin(version);
    }

    return rc;
}


static void
what_was_appended_is_loaded(void **state)
{
    char             error[FKV_ERROR_BYTES];
    fkv__version_t  *version;
    uint64_t         number, len;

    (void) state;

    for (unsigned i = 1; i <= 20; i++) {
        shelf_add(&shelf, i, 0, i, 10, i * 100, "value");
    }

    shelf_drop(&shelf, 3);

    assert_int_equal(fkv__version_load(&fkv__fs_linux, shelf.store.dir,
                                       &version, &number, &len, error),
                     FKV_OK);
    assert_int_equal(version->edit, 22);
    assert_int_equal(version->n[0], 19);
    assert_int_equal(number, shelf.catalog.number);
    assert_int_equal(len, shelf.catalog.len);

    fkv__version_unpin(version);
}


static void
flip_manifest(uint64_t offset)
{
    uint8_t  byte;

    assert_int_equal(pread(shelf.catalog.fd, &byte, 1, (off_t) offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(shelf.catalog.fd, &byte, 1, (off_t) offset), 1);
}


static void
damage_is_told_from_a_torn_end(void **state)
{
    char      error[FKV_ERROR_BYTES], at[40];
    uint64_t  edit, before, last;

    (void) state;

    shelf_add(&shelf, 1, 0, 1, 10, 100, "value");
    before = shelf.catalog.len;
    shelf_add(&shelf, 2, 0, 1, 10, 200, "value");
    last = shelf.catalog.len;
    shelf_add(&shelf, 3, 0, 1, 10, 300, "value");

    flip_manifest(last + 20);
    assert_int_equal(load(&edit, error), FKV_OK);
    assert_int_equal(edit, 3);

    flip_manifest(last + 20);
    flip_manifest(before + 20);
    assert_int_equal(load(&edit, error), FKV_ECORRUPT);
    (void) sprintf(at, "offset %llu:", (unsigned long long) before);
    assert_non_null(strstr(error, "MANIFEST-000001"));
    assert_non_null(strstr(error, at));

    flip_manifest(before + 20);
    flip_manifest(2);
    assert_int_equal(load(&edit, error), FKV_ECORRUPT);
    assert_non_null(strstr(error, "offset 0"));
}


static void
an_edit_that_contradicts_is_damage(void **state)
{
    char         error[FKV_ERROR_BYTES];
    uint64_t     number;
    fkv__buf_t   buf = { 0 };
    fkv__edit_t  edit;

    (void) state;

    fkv__edit_init(&edit);
    assert_int_equal(fkv__edit_drop(&edit, 99), FKV_OK);
    edit.number = 2;
    assert_int_equal(fkv__manifest_put(&buf, 1, shelf.catalog.len, &edit),
                     FKV_OK);
    assert_int_equal(pwrite(shelf.catalog.fd, buf.data, buf.len,
                            (off_t) shelf.catalog.len), (ssize_t) buf.len);

    assert_int_equal(load(&number, error), FKV_ECORRUPT);
    assert_non_null(strstr(error, "contradicts"));

    fkv__buf_done(&buf);
    fkv__edit_done(&edit);
}


static void
missing_files_are_named(void **state)
{
    char      error[FKV_ERROR_BYTES];
    uint64_t  edit;

    (void) state;

    shelf_add(&shelf, 1, 0, 1, 10, 100, "value");

    assert_int_equal(renameat(shelf.store.dir, "MANIFEST-000001",
                              shelf.store.dir, "x"), 0);
    assert_int_equal(load(&edit, error), FKV_ECORRUPT);
    assert_non_null(strstr(error, "MANIFEST-000001 is missing"));

    assert_int_equal(renameat(shelf.store.dir, "x", shelf.store.dir,
                              "MANIFEST-000001"), 0);
    assert_int_equal(unlinkat(shelf.store.dir, "CURRENT", 0), 0);
    assert_int_equal(load(&edit, error), FKV_ECORRUPT);
    assert_non_null(strstr(error, "CURRENT is missing"));

    /* Without data it is the directory of an open that was interrupted. */
    shelf_unlink_table(&shelf, 1);
    assert_int_equal(load(&edit, error), FKV_NOTFOUND);

    assert_int_equal(unlinkat(shelf.store.dir, "MANIFEST-000001", 0), 0);
    assert_int_equal(load(&edit, error), FKV_NOTFOUND);
}


static void
no_flipped_bit_crashes_it(void **state)
{
    char      error[FKV_ERROR_BYTES];
    uint64_t  edit;

    (void) state;

    shelf_add(&shelf, 1, 0, 1, 10, 100, "value");
    shelf_add(&shelf, 2, 1, 1, 10, 200, "value");

    for (uint64_t at = 0; at < shelf.catalog.len; at++) {
        int  rc;

        flip_manifest(at);
        rc = load(&edit, error);
        assert_true(rc == FKV_ECORRUPT || (rc == FKV_OK && edit == 2));
        flip_manifest(at);
    }

    assert_int_equal(load(&edit, error), FKV_OK);
    assert_int_equal(edit, 3);
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

    const struct CMUnitTest  tests[] = {
        TEST(tables_are_ordered_by_level),
        TEST(impossible_edits_are_refused),
        TEST(a_snapshot_keeps_the_tables_that_are_known),
        TEST(what_was_appended_is_loaded),
        TEST(damage_is_told_from_a_torn_end),
        TEST(an_edit_that_contradicts_is_damage),
        TEST(missing_files_are_named),
        TEST(no_flipped_bit_crashes_it),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
