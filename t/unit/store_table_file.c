/*
 * store_table_file.c - a table on disk, also when the disk says no.
 */

#include "scratch.h"
#include "store/table_file.h"
#include "store/version.h"

#define VALUE_BYTES  1000

static int  sst_dir;


static int
setup(void **state)
{
    if (scratch_setup(state) != 0) {
        return -1;
    }

    sst_dir = open(scratch.path, O_RDONLY | O_DIRECTORY);

    return (sst_dir >= 0) ? 0 : -1;
}


static int
teardown(void **state)
{
    close(sst_dir);

    return scratch_teardown(state);
}


/* n records: more than one piece of a megabyte if n is over a thousand. */
static int
write_table(uint64_t id, unsigned n, fkv__table_info_t *info)
{
    int                   rc;
    fkv__table_file_t     file;
    fkv__table_options_t  options;

    fkv__table_options(&(fkv_options_t) { .compression = FKV_COMPRESSION_NONE },
                       &options);
    options.created_ms = 77;
    rc = fkv__table_file_open(&file, &scratch_fs, sst_dir, id, (uid_t) -1,
                              (gid_t) -1, &options);
    if (rc != FKV_OK) {
        return rc;
    }

    for (unsigned i = 0; i < n && rc == FKV_OK; i++) {
        uint8_t        value[VALUE_BYTES];
        char           key[32];
        int            len = snprintf(key, sizeof(key), "key%08u", i);
        fkv__record_t  rec = {
            .kind = FKV__RECORD_VALUE,
            .version = 100 + i,
            .key = { (uint8_t *) key, (size_t) len },
            .value = { value, sizeof(value) }
        };

        memset(value, (int) i, sizeof(value));
        rc = fkv__table_file_add(&file, &rec);
    }

    if (rc == FKV_OK) {
        rc = fkv__table_file_finish(&file, info);
    }

    if (rc != FKV_OK) {
        fkv__table_file_abort(&file);
    }

    return rc;
}


static void
a_finished_table_is_complete(void **state)
{
    fkv__buf_t          bytes = { 0 };
    fkv__table_info_t   info, read;
    fkv__block_place_t  properties;
    const uint8_t      *footer;

    (void) state;

    assert_int_equal(write_table(7, 3000, &info), FKV_OK);
    assert_int_equal(info.bytes, scratch_size("000007.sst"));
    assert_int_equal(info.entries, 3000);
    assert_int_equal(info.created_ms, 77);

    assert_int_equal(fkv__file_slurp(&scratch_fs, sst_dir, "000007.sst",
                                     &bytes), FKV_OK);

    footer = bytes.data + bytes.len - FKV__TABLE_FOOTER_BYTES;
    assert_int_equal(fkv__table_footer_get(footer, bytes.len, &read,
                                           &properties), FKV_OK);
    assert_int_equal(fkv__table_properties_get(bytes.data + properties.offset,
                         properties.bytes + FKV__BLOCK_TRAILER_BYTES,
                         properties.offset, &read), FKV_OK);

    assert_int_equal(read.id, 7);
    assert_int_equal(read.entries, 3000);
    check_str(fkv__buf_str(&read.largest), FKV_STR("key00002999"));

    fkv__table_info_done(&info);
    fkv__table_info_done(&read);
    fkv__buf_done(&bytes);
}


static void
it_replaces_an_orphan_of_its_name(void **state)
{
    static const uint8_t  junk[100000];
    fkv__table_info_t     info;

    (void) state;

    scratch_write("000007.sst", junk, sizeof(junk), 0);

    assert_int_equal(write_table(7, 1, &info), FKV_OK);
    assert_int_equal(info.bytes, scratch_size("000007.sst"));
    fkv__table_info_done(&info);
}


static void
any_failure_leaves_no_file(void **state)
{
    size_t             before = fkv_alloc_bytes();
    fkv__table_info_t  info;
    unsigned           n = 0;

    (void) state;

    for ( ;; ) {
        int   rc;
        char  name[40];

        n++;
        scratch_fail(n, (n % 2) ? -EIO : -ENOSPC, false);
        rc = write_table(n, 3000, &info);

        if (rc == FKV_OK) {
            break;
        }

        assert_int_equal(rc, (n % 2) ? FKV_EIO : FKV_EFULL);
        assert_int_equal(fkv_alloc_bytes(), before);

        fkv__table_name(name, n);
        assert_false(scratch_exists(name));
    }

    assert_in_range(n, 8, 25);
    fkv__table_info_done(&info);
}


static void
only_the_owner_may_read_it(void **state)
{
    struct stat        st;
    fkv__table_info_t  info;

    (void) state;

    assert_int_equal(write_table(1, 1, &info), FKV_OK);
    assert_int_equal(stat(scratch_name("000001.sst"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    fkv__table_info_done(&info);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(a_finished_table_is_complete,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(it_replaces_an_orphan_of_its_name,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(any_failure_leaves_no_file,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_owner_may_read_it,
                                        setup, teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
