/*
 * store_check.c - the checker finds nothing wrong with a store that is whole,
 * and names what is wrong with one that is not.
 */

#include "rich.h"

#include "format/log.h"
#include "store/check.h"

#include <dirent.h>
#include <sys/stat.h>

static rich_t  rich;
static char    said[16384];     /* one line each */
static char    checked_error[FKV_ERROR_BYTES];


static void
on_say(void *data, fkv__check_e what, const char *text)
{
    size_t  len = strlen(said);

    (void) data;
    (void) snprintf(said + len, sizeof(said) - len, "%s %s\n",
                    what == FKV__CHECK_DAMAGE ? "DAMAGE" : "note", text);
}


static fkv__check_t
check_run(int wanted)
{
    fkv__check_t  check = { .path = rich.live.dir, .on_say = on_say };
    int           rc;

    said[0] = '\0';
    rc = fkv__check(&check, checked_error);

    if (rc != wanted) {
        fail_msg("%s: %s\n%s", fkv_code_name(rc), rc < 0 ? checked_error : "",
                 said);
    }

    assert_int_equal(check.damages > 0, rc == FKV_ECORRUPT);

    return check;
}


static int
check_setup(void **state)
{
    (void) state;

    rich_base_make();
    rich_dir(&rich);
    rich.synced = true;
    rich_ok(rich_open(&rich));
    rich_ok(rich_attach(&rich));

    return 0;
}


static int
check_teardown(void **state)
{
    (void) state;

    rich_done(&rich);
    rich_base_remove();

    return 0;
}


static void
a_store_that_is_whole_has_no_damage(void **state)
{
    fkv__check_t  check;

    (void) state;

    rich_fill(&rich);
    rich_close(&rich);
    check = check_run(FKV_OK);

    assert_string_equal(said, "");
    assert_true(check.tables >= 4);
    assert_true(check.levels[0] >= 2);
    assert_true(check.records > 100);
    assert_true(check.ranges > 0);
    assert_true(check.values > 4);
    assert_true(check.value_bytes > FKV__BLOB_FRAME_BYTES);
    assert_int_equal(check.log_files, 2);
    assert_true(check.log_frames >= 17);
    assert_true(check.expiring > 0);
    assert_true(check.tombstones > 0);

    /* It has changed nothing: all is there. */
    rich_ok(rich_open(&rich));
    rich_ok(rich_attach(&rich));
    (void) rich_verify(&rich, false, "after the check");
}


static void
a_new_store_has_none_either(void **state)
{
    (void) state;

    rich_close(&rich);
    (void) check_run(FKV_OK);
    assert_string_equal(said, "");
}


static void
a_store_in_use_is_not_looked_at(void **state)
{
    (void) state;

    (void) check_run(FKV_EBUSY);
    assert_non_null(strstr(checked_error, "is in use by another nginx (pid"));
}


static void
what_is_no_store_is_told(void **state)
{
    (void) state;

    rich_close(&rich);
    live_remove(&rich.live);
    (void) check_run(FKV_EIO);
    assert_int_equal(mkdir(rich.live.dir, 0700), 0);
    (void) check_run(FKV_EIO);
    assert_non_null(strstr(checked_error, "holds no store"));
}


/* The first file in the directory of that name whose name ends so. */
static const char *
file_in(const char *dir, const char *end)
{
    static char     path[400];
    char            at[100];
    struct dirent **names;
    int             n;

    (void) snprintf(at, sizeof(at), "%s/%s", rich.live.dir, dir);
    n = scandir(at, &names, NULL, alphasort);
    assert_true(n >= 0);
    path[0] = '\0';

    for (int i = 0; i < n; i++) {
        if (path[0] == '\0' && strstr(names[i]->d_name, end) != NULL) {
            (void) snprintf(path, sizeof(path), "%s/%s", at,
                            names[i]->d_name);
        }

        free(names[i]);
    }

    free(names);
    assert_true(path[0] != '\0');

    return path;
}


static void
says(const char *text)
{
    if (strstr(said, text) == NULL) {
        fail_msg("\"%s\" is not in: %s", text, said);
    }
}


static void
files_that_are_missing_are_told(void **state)
{
    (void) state;

    rich_fill(&rich);
    rich_close(&rich);

    assert_int_equal(unlink(file_in("blob", ".blob")), 0);
    (void) check_run(FKV_ECORRUPT);
    says(".blob is missing: sst/");

    assert_int_equal(truncate(file_in("sst", ".sst"), 1000), 0);
    (void) check_run(FKV_ECORRUPT);
    says("is damaged at offset 1000: it has 1000 bytes, the manifest says");

    assert_int_equal(unlink(file_in("sst", ".sst")), 0);
    (void) check_run(FKV_ECORRUPT);
    says(".sst is missing: nothing is there from offset 0 on");

    assert_int_equal(unlink(file_in("", "MIRROR")), 0);
    (void) check_run(FKV_ECORRUPT);
    says("is missing; the other copy is whole");

    assert_int_equal(unlink(file_in("", "MANIFEST")), 0);
    (void) check_run(FKV_ECORRUPT);
    says("and its other copy is no better");

    assert_int_equal(unlink(file_in("", "CURRENT")), 0);
    (void) check_run(FKV_ECORRUPT);
    says("CURRENT and the manifest are missing though there are log files");
}


/* Nothing was written behind it but the mark of the stop. */
static void
a_damaged_last_write_is_told_after_a_stop(void **state)
{
    const char  *path;
    int          fd;
    char         bytes[8192];
    ssize_t      n;

    (void) state;

    rich_ok(rich_put(&rich, rich_first(RICH_PLAIN), 1));
    rich_close(&rich);
    (void) check_run(FKV_OK);

    path = file_in("log", "00.log");
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    n = pread(fd, bytes, sizeof(bytes), 0);
    assert_int_equal(n, sizeof(bytes));

    bytes[FKV__LOG_HEADER_BYTES + FKV__FRAME_HEADER_BYTES + 2] ^= 1;
    assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 0), n);
    (void) close(fd);

    (void) check_run(FKV_ECORRUPT);
    says("DAMAGE log/00.log is damaged at offset 4096: log/00.log says at "
         "offset ");
}


static void
what_a_crash_may_leave_is_no_damage(void **state)
{
    char          path[200];
    FILE         *file;
    fkv__check_t  check;

    (void) state;

    rich_fill(&rich);
    rich_close(&rich);

    (void) snprintf(path, sizeof(path), "%s/sst/000999.sst", rich.live.dir);
    file = fopen(path, "w");
    assert_non_null(file);
    (void) fputs("half a table", file);
    assert_int_equal(fclose(file), 0);

    file = fopen(file_in("", "MIRROR"), "a");
    assert_non_null(file);
    (void) fputs("half an edit", file);
    assert_int_equal(fclose(file), 0);

    check = check_run(FKV_OK);
    says("note nothing names sst/000999.sst; the next open removes it");
    says("ends with an edit that was not acknowledged");
    assert_int_equal(check.orphans, 1);
}


#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, check_setup, check_teardown)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        TEST(a_store_that_is_whole_has_no_damage),
        TEST(a_new_store_has_none_either),
        TEST(a_store_in_use_is_not_looked_at),
        TEST(what_is_no_store_is_told),
        TEST(files_that_are_missing_are_told),
        TEST(a_damaged_last_write_is_told_after_a_stop),
        TEST(what_a_crash_may_leave_is_no_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
