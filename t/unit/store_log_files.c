/*
 * store_log_files.c - log files are known by their headers, and not looked at
 * before the last write of the dead is over.
 */

#include "scratch.h"
#include "shared/segment.h"
#include "store/log_files.h"

#define QUIET_MS  30

static fkv__directory_t  directory;
static fkv__log_files_t  files;


static int
setup(void **state)
{
    char  path[512];

    if (scratch_setup(state) != 0) {
        return -1;
    }

    (void) snprintf(path, sizeof(path), "%s/store", scratch.path);

    return fkv__directory_open(&directory, &scratch_fs, path, (uid_t) -1,
                               (gid_t) -1, scratch.error);
}


static int
teardown(void **state)
{
    fkv__log_files_done(&files);
    fkv__directory_close(&directory);

    return scratch_teardown(state);
}


static void
write_header(unsigned number, uint64_t base, uint64_t prev_end, uint64_t bytes)
{
    char               name[64];
    uint8_t            block[FKV__LOG_HEADER_BYTES];
    fkv__log_header_t  header = {
        .incarnation = 7, .base = base, .prev_end = prev_end, .bytes = bytes,
        .edit = 3
    };

    fkv__log_header_put(block, &header);
    (void) snprintf(name, sizeof(name), "store/log/%02u.log", number);
    scratch_write(name, block, sizeof(block), 0);
}


static void
find(void)
{
    fkv__log_files_done(&files);
    assert_int_equal(fkv__log_files_find(&files, &directory, QUIET_MS,
                                         scratch.error), FKV_OK);
}


static void
valid_ones_come_first_by_base(void **state)
{
    static const uint8_t  zeros[8192];

    (void) state;

    write_header(3, 8192, 100, 4096);
    write_header(12, 4096, 0, 65536);
    write_header(0, 81920, 70000, 65536);
    scratch_write("store/log/01.log", "", 0, 0);
    scratch_write("store/log/02.log", zeros, sizeof(zeros), 0);
    scratch_write("store/log/04.log", "garbage", 7, 0);
    scratch_write("store/log/3.log", "not ours", 8, 0);
    scratch_write("store/log/03.log", zeros, 8192, 4096);

    find();
    assert_int_equal(files.n, 6);
    assert_int_equal(files.n_valid, 3);
    assert_int_equal(files.files[0].number, 12);
    assert_int_equal(files.files[1].number, 3);
    assert_int_equal(files.files[2].number, 0);

    /* What can be in it: neither more than the file nor than was said. */
    assert_int_equal(files.files[0].bytes, 0);
    assert_int_equal(files.files[1].bytes, 4096);

    assert_int_equal(files.files[3].state, FKV__LOG_FILE_EMPTY);
    assert_int_equal(files.files[4].state, FKV__LOG_FILE_EMPTY);
    assert_int_equal(files.files[5].state, FKV__LOG_FILE_BAD);
    assert_int_equal(files.files[5].number, 4);
}


static void
a_header_that_cannot_be_is_bad(void **state)
{
    (void) state;

    write_header(0, 4096, 4097, 4096);          /* begins before its end */
    write_header(1, UINT64_MAX - 10, 0, 4096);
    write_header(2, 4096, 0, UINT64_MAX - 10);

    find();
    assert_int_equal(files.n, 3);
    assert_int_equal(files.n_valid, 0);
    assert_int_equal(files.files[2].state, FKV__LOG_FILE_BAD);
}


/* A child that holds a lock byte, as one does whose write is in flight. */
static pid_t
child_holds(unsigned slot, unsigned ms)
{
    int    ready[2], fd;
    char   byte = 0;
    pid_t  pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();

    if (pid == 0) {
        fd = open(scratch_name("store/log/05.log"), O_RDWR);
        byte = (fkv__file_lock_take(fd, slot) == FKV_OK) ? 'y' : 'n';
        (void) !write(ready[1], &byte, 1);
        (void) usleep(ms * 1000);
        _exit(0);
    }

    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    close(ready[0]);
    close(ready[1]);

    return pid;
}


static void
a_write_in_flight_is_waited_for(void **state)
{
    pid_t  pid;

    (void) state;

    write_header(5, 4096, 0, 4096);

    pid = child_holds(FKV__SLOTS_MAX - 1, 10000);
    assert_int_equal(fkv__log_files_find(&files, &directory, QUIET_MS,
                                         scratch.error), FKV_EBUSY);
    assert_non_null(strstr(scratch.error, "log/05.log is still being written"));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);

    pid = child_holds(0, 50);
    assert_int_equal(fkv__log_files_find(&files, &directory, 10000,
                                         scratch.error), FKV_OK);
    assert_int_equal(files.n_valid, 1);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}


static int
renew(uint64_t arena_bytes, bool keep)
{
    return fkv__log_files_renew(&files, &directory, arena_bytes, keep,
                                (uid_t) -1, (gid_t) -1, scratch.error);
}


static void
renewing_clears_and_prepares(void **state)
{
    (void) state;

    write_header(0, 4096, 0, 4096);
    write_header(3, 8192, 0, 4096);
    write_header(9, 12288, 0, 4096);
    find();

    assert_int_equal(renew(3000000, false), FKV_OK);
    assert_int_equal(scratch_size("store/log/00.log"), 4096 + 3000000);
    assert_int_equal(scratch_size("store/log/03.log"), 4096);
    assert_false(scratch_exists("store/log/09.log"));

    find();
    assert_int_equal(files.n, FKV__ARENAS);
    assert_int_equal(files.n_valid, 0);

    /* A longer file is left so. */
    assert_int_equal(renew(4096, false), FKV_OK);
    assert_int_equal(scratch_size("store/log/00.log"), 4096 + 3000000);
}


static void
what_is_to_be_kept_is_not_touched(void **state)
{
    (void) state;

    write_header(0, 4096, 0, 4096);
    write_header(9, 12288, 0, 4096);
    find();

    assert_int_equal(renew(65536, true), FKV_OK);
    assert_int_equal(scratch_size("store/log/00.log"), 4096);
    assert_int_equal(scratch_size("store/log/07.log"), 0);

    find();
    assert_int_equal(files.n_valid, 2);
    assert_int_equal(files.n, FKV__ARENAS + 1);
}


#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        TEST(valid_ones_come_first_by_base),
        TEST(a_header_that_cannot_be_is_bad),
        TEST(a_write_in_flight_is_waited_for),
        TEST(renewing_clears_and_prepares),
        TEST(what_is_to_be_kept_is_not_touched)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
