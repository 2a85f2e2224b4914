/*
 * store_directory.c - a store's directory is made, owned by one, and refused
 * in one sentence when it cannot be.
 */

#include "scratch.h"
#include "store/directory.h"

#define NOBODY  65534

static fkv__directory_t  directory;
static char              path[512];


static int
setup(void **state)
{
    int  rc = scratch_setup(state);

    (void) snprintf(path, sizeof(path), "%s/store", scratch.path);

    return rc;
}


static int
open_as(uid_t uid, gid_t gid)
{
    return fkv__directory_open(&directory, &fkv__fs_linux, path, uid, gid,
                               scratch.error);
}


static int
open_it(void)
{
    return open_as((uid_t) -1, (gid_t) -1);
}


static void
refused(const char *sentence)
{
    assert_int_equal(open_it(), FKV_EIO);
    assert_non_null(strstr(scratch.error, sentence));
    assert_non_null(strstr(scratch.error, scratch.path));
}


static void
it_is_made_for_its_owner_only(void **state)
{
    static const char *const  dirs[] = { "store", "store/log", "store/sst" };
    struct stat               st;

    (void) state;

    assert_int_equal(open_it(), FKV_OK);

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(stat(scratch_name(dirs[i]), &st), 0);
        assert_int_equal(st.st_mode, S_IFDIR | 0700);
    }

    assert_int_equal(stat(scratch_name("store/LOCK"), &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0600);

    fkv__directory_close(&directory);
    assert_int_equal(open_it(), FKV_OK);
    fkv__directory_close(&directory);
}


static void
root_gives_all_of_it_to_the_workers(void **state)
{
    static const char *const  names[] = {
        "store", "store/log", "store/sst", "store/LOCK"
    };
    struct stat               st;

    (void) state;

    if (geteuid() != 0) {
        skip();
    }

    assert_int_equal(open_as(NOBODY, NOBODY), FKV_OK);
    fkv__directory_close(&directory);

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(stat(scratch_name(names[i]), &st), 0);
        assert_int_equal(st.st_uid, NOBODY);
        assert_int_equal(st.st_gid, NOBODY);
    }

    assert_int_equal(open_as(NOBODY - 1, NOBODY), FKV_EIO);
    assert_non_null(strstr(scratch.error, "belongs to uid 65534, but the "
                           "workers run as uid 65533"));
}


/* Forks: the child opens the store, says so, and stays until it is killed. */
static pid_t
child_holds(void)
{
    int    ready[2];
    char   byte;
    pid_t  pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();

    if (pid == 0) {
        byte = (open_it() == FKV_OK) ? 'y' : 'n';
        (void) !write(ready[1], &byte, 1);
        (void) pause();
        _exit(0);
    }

    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    close(ready[0]);
    close(ready[1]);

    return pid;
}


static void
a_held_lock_names_who_holds_it(void **state)
{
    char   pids[32];
    pid_t  pid = child_holds();

    (void) state;

    (void) snprintf(pids, sizeof(pids), "(pid %d)", (int) pid);

    assert_int_equal(open_it(), FKV_EBUSY);
    assert_non_null(strstr(scratch.error, pids));
    assert_non_null(strstr(scratch.error, path));

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);

    assert_int_equal(open_it(), FKV_OK);
    fkv__directory_close(&directory);
}


static void
the_lock_lives_as_long_as_any_heir(void **state)
{
    pid_t  pid;

    (void) state;

    assert_int_equal(open_it(), FKV_OK);

    pid = fork();

    if (pid == 0) {
        (void) pause();
        _exit(0);
    }

    fkv__directory_close(&directory);
    assert_int_equal(open_it(), FKV_EBUSY);

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);

    assert_int_equal(open_it(), FKV_OK);
    fkv__directory_close(&directory);
}


static void
we_ourselves_can_hold_it(void **state)
{
    char              pids[32];
    fkv__directory_t  first;

    (void) state;

    assert_int_equal(open_it(), FKV_OK);
    first = directory;

    (void) snprintf(pids, sizeof(pids), "(pid %d)", (int) getpid());
    assert_int_equal(open_it(), FKV_EBUSY);
    assert_non_null(strstr(scratch.error, pids));

    fkv__directory_close(&first);
}


static void
somebody_elses_directory_is_left_alone(void **state)
{
    (void) state;

    assert_int_equal(mkdir(path, 0755), 0);
    scratch_write("store/index.html", "hello", 5, 0);

    refused("is not empty and holds no store");
    assert_false(scratch_exists("store/LOCK"));
    assert_false(scratch_exists("store/log"));
}


static void
an_empty_directory_will_do(void **state)
{
    (void) state;

    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(mkdir(scratch_name("store/lost+found"), 0700), 0);

    assert_int_equal(open_it(), FKV_OK);
    fkv__directory_close(&directory);
}


static void
a_copy_without_a_lock_will_do(void **state)
{
    (void) state;

    assert_int_equal(mkdir(path, 0700), 0);
    scratch_write("store/CURRENT", "x", 1, 0);

    assert_int_equal(open_it(), FKV_OK);
    fkv__directory_close(&directory);
}


static void
what_is_no_directory_is_refused(void **state)
{
    (void) state;

    scratch_write("store", "x", 1, 0);
    refused("Not a directory");

    assert_int_equal(unlink(path), 0);
    strncat(path, "/deeper", sizeof(path) - strlen(path) - 1);
    refused("cannot create");
    assert_non_null(strstr(scratch.error, "No such file or directory"));
}


static void
a_directory_that_we_may_not_write_is_refused(void **state)
{
    pid_t  pid;
    int    status;

    (void) state;

    assert_int_equal(chmod(scratch.path, 0755), 0);
    assert_int_equal(mkdir(path, 0755), 0);

    pid = fork();

    if (pid == 0) {
        if (geteuid() == 0 && setuid(NOBODY) != 0) {
            _exit(1);
        }

        (void) chmod(path, 0555);

        _exit(open_it() == FKV_EIO
              && strstr(scratch.error, "Permission denied") != NULL
              && strstr(scratch.error, path) != NULL ? 0 : 2);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}


static void
a_failure_leaves_nothing_open(void **state)
{
    int  rc, first = dup(0);

    (void) state;

    close(first);

    for (unsigned n = 1; ; n++) {
        int  next;

        scratch_fail(n, (n % 2) ? -EIO : -ENOSPC, false);
        rc = fkv__directory_open(&directory, &scratch_fs, path, (uid_t) -1,
                                 (gid_t) -1, scratch.error);
        if (rc == FKV_OK) {
            break;
        }

        assert_int_equal(rc, (n % 2) ? FKV_EIO : FKV_EFULL);
        assert_in_range(n, 1, 15);

        next = dup(0);
        assert_int_equal(next, first);
        close(next);
    }

    fkv__directory_close(&directory);
}


/* fsyncs so far, and how many there were at the first mkdir in the store. */
static unsigned  syncs, syncs_before;


static int
counting_fsync(const fkv__fs_t *fs, int fd)
{
    syncs += scratch_exists("store/LOCK");

    return scratch_fs.fsync(fs, fd);
}


static int
counting_mkdir(const fkv__fs_t *fs, int dir, const char *name, mode_t mode)
{
    if (strcmp(name, "log") == 0) {
        syncs_before = syncs;
    }

    return scratch_fs.mkdir(fs, dir, name, mode);
}


static void
a_cut_never_leaves_other_names_without_the_lock(void **state)
{
    fkv__fs_t  fs = scratch_fs;

    (void) state;

    fs.fsync = counting_fsync;
    fs.mkdir = counting_mkdir;
    syncs = 0;

    assert_int_equal(fkv__directory_open(&directory, &fs, path, (uid_t) -1,
                                         (gid_t) -1, scratch.error), FKV_OK);
    assert_int_equal(syncs_before, 1);
    assert_true(syncs > 1);

    fkv__directory_close(&directory);
}


static int
open_other(int *fd, const char *name)
{
    return fkv__directory_open_other(fd, &scratch_fs, scratch_name(name),
                                     (uid_t) -1, (gid_t) -1, scratch.error);
}


static void
another_directory_is_made_if_it_is_missing(void **state)
{
    int          fd;
    struct stat  st;

    (void) state;

    assert_int_equal(open_other(&fd, "other"), FKV_OK);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0700);
    close(fd);

    /* As it is, whatever lies in it. */
    assert_int_equal(chmod(scratch_name("other"), 0755), 0);
    scratch_write("other/mine", "x", 1, 0);
    assert_int_equal(open_other(&fd, "other"), FKV_OK);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0755);
    close(fd);

    assert_int_equal(open_other(&fd, "none/deeper"), FKV_EIO);
    assert_non_null(strstr(scratch.error, "cannot create"));
    assert_non_null(strstr(scratch.error, scratch.path));
    assert_int_equal(open_other(&fd, "other/mine"), FKV_EIO);
    assert_non_null(strstr(scratch.error, "Not a directory"));
    assert_int_equal(rmdir(scratch_name("other")), -1);
}


static void
files_are_found_by_their_only_spelling(void **state)
{
    static const char *const  names[] = {
        "store/00.log", "store/07.log", "store/7.log", "store/123.log",
        "store/0123.log", "store/x1.log", "store/11.logs", "store/.log",
        "store/99999999999999999999999.log"
    };
    fkv__buf_t                numbers = { 0 };
    uint64_t                  sum = 0;

    (void) state;

    assert_int_equal(open_it(), FKV_OK);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        scratch_write(names[i], "", 0, 0);
    }

    assert_int_equal(fkv__directory_numbers(directory.dir, "", 2, ".log",
                                            &numbers), FKV_OK);

    for (size_t i = 0; i < numbers.len; i += 8) {
        sum += fkv__get_le64(numbers.data + i);
    }

    assert_int_equal(numbers.len, 3 * 8);
    assert_int_equal(sum, 0 + 7 + 123);

    fkv__buf_done(&numbers);
    fkv__directory_close(&directory);
}


#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup,              \
                                                    scratch_teardown)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        TEST(it_is_made_for_its_owner_only),
        TEST(root_gives_all_of_it_to_the_workers),
        TEST(a_held_lock_names_who_holds_it),
        TEST(the_lock_lives_as_long_as_any_heir),
        TEST(we_ourselves_can_hold_it),
        TEST(somebody_elses_directory_is_left_alone),
        TEST(an_empty_directory_will_do),
        TEST(a_copy_without_a_lock_will_do),
        TEST(what_is_no_directory_is_refused),
        TEST(a_directory_that_we_may_not_write_is_refused),
        TEST(a_failure_leaves_nothing_open),
        TEST(a_cut_never_leaves_other_names_without_the_lock),
        TEST(another_directory_is_made_if_it_is_missing),
        TEST(files_are_found_by_their_only_spelling)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
