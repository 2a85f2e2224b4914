/*
 * io_file.c - blocking file calls, the atomic replace, and the locks.
 */

#define _GNU_SOURCE  1

#include "io/file.h"
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define LOCK_BYTE  5

static struct {
    int       dir;
    char      path[256];

    /* the injected filesystem: */
    unsigned  calls;            /* so far */
    unsigned  fail_at;          /* the call that fails, 0: none */
    int       fail_with;
    char      trace[256];
} test;


static int
setup(void **state)
{
    const char  *tmp = getenv("FKV_TMP");

    (void) state;

    memset(&test, 0, sizeof(test));
    test.fail_with = -EIO;
    snprintf(test.path, sizeof(test.path), "%s/fkv_file_XXXXXX",
             tmp != NULL ? tmp : "/var/tmp");

    if (mkdtemp(test.path) == NULL) {
        return -1;
    }

    test.dir = open(test.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return 0;
}


static int
teardown(void **state)
{
    (void) state;

    unlinkat(test.dir, "data", 0);
    unlinkat(test.dir, "data.tmp", 0);
    unlinkat(test.dir, "lock", 0);
    unlinkat(test.dir, "sub", AT_REMOVEDIR);
    close(test.dir);

    return rmdir(test.path);
}


/* True when this call is the one to fail. */
static bool
faulty_call(const char *name)
{
    size_t  len = strlen(test.trace);

    snprintf(test.trace + len, sizeof(test.trace) - len, "%s ", name);

    return ++test.calls == test.fail_at;
}


static int
faulty_open(const fkv__fs_t *fs, int dir, const char *path, int flags,
    mode_t mode)
{
    if (faulty_call("open")) {
        return test.fail_with;
    }

    return fkv__fs_linux.open(fs, dir, path, flags, mode);
}


static int
faulty_close(const fkv__fs_t *fs, int fd)
{
    int  rc = fkv__fs_linux.close(fs, fd);

    return faulty_call("close") ? test.fail_with : rc;
}


/* Moves at most three bytes at a time. */
static int64_t
faulty_pread(const fkv__fs_t *fs, int fd, void *buf, size_t len,
    uint64_t offset)
{
    if (faulty_call("pread")) {
        return test.fail_with;
    }

    return fkv__fs_linux.pread(fs, fd, buf, fkv__min(len, 3), offset);
}


static int64_t
faulty_pwrite(const fkv__fs_t *fs, int fd, const void *buf, size_t len,
    uint64_t offset)
{
    if (faulty_call("pwrite")) {
        return test.fail_with;
    }

    return fkv__fs_linux.pwrite(fs, fd, buf, fkv__min(len, 3), offset);
}


static int
faulty_fdatasync(const fkv__fs_t *fs, int fd)
{
    if (faulty_call("fdatasync")) {
        return test.fail_with;
    }

    return fkv__fs_linux.fdatasync(fs, fd);
}


static int
faulty_fsync(const fkv__fs_t *fs, int fd)
{
    if (faulty_call("fsync")) {
        return test.fail_with;
    }

    return fkv__fs_linux.fsync(fs, fd);
}


static int
faulty_rename(const fkv__fs_t *fs, int dir, const char *from, const char *to)
{
    if (faulty_call("rename")) {
        return test.fail_with;
    }

    return fkv__fs_linux.rename(fs, dir, from, to);
}


static int
faulty_unlink(const fkv__fs_t *fs, int dir, const char *path)
{
    if (faulty_call("unlink")) {
        return test.fail_with;
    }

    return fkv__fs_linux.unlink(fs, dir, path);
}


static const fkv__fs_t  faulty = {
    .open = faulty_open,
    .close = faulty_close,
    .pread = faulty_pread,
    .pwrite = faulty_pwrite,
    .fdatasync = faulty_fdatasync,
    .fsync = faulty_fsync,
    .rename = faulty_rename,
    .unlink = faulty_unlink
};


static int
file_open(const char *path, int flags)
{
    int  fd = fkv__fs_linux.open(&fkv__fs_linux, test.dir, path, flags, 0600);

    assert_true(fd >= 0);

    return fd;
}


static void
assert_content(const char *path, const char *content)
{
    fkv__buf_t  buf = { NULL, 0, 0 };

    assert_int_equal(fkv__file_slurp(&fkv__fs_linux, test.dir, path, &buf),
                     FKV_OK);
    assert_int_equal(buf.len, strlen(content));
    assert_memory_equal(buf.data, content, buf.len);
    fkv__buf_done(&buf);
}


static void
replace(const char *content)
{
    assert_int_equal(fkv__file_replace(&fkv__fs_linux, test.dir, "data",
                                       content, strlen(content), 0600),
                     FKV_OK);
}


static void
table_does_what_the_calls_do(void **state)
{
    int               fd;
    char              byte;
    const fkv__fs_t  *fs = &fkv__fs_linux;

    (void) state;

    fd = file_open("data", O_RDWR | O_CREAT);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fs->pwrite(fs, fd, "abc", 3, 4), 3);
    assert_int_equal(fs->size(fs, fd), 7);
    assert_int_equal(fs->pread(fs, fd, &byte, 1, 5), 1);
    assert_int_equal(byte, 'b');
    assert_int_equal(fs->fdatasync(fs, fd), 0);
    assert_int_equal(fs->fsync(fs, fd), 0);
    assert_int_equal(fs->push(fs, fd, 0, 7, false), 0);
    assert_int_equal(fs->push(fs, fd, 0, 7, true), 0);
    assert_int_equal(fs->close(fs, fd), 0);

    assert_int_equal(fs->rename(fs, test.dir, "data", "lock"), 0);
    assert_int_equal(fs->unlink(fs, test.dir, "lock"), 0);
    assert_int_equal(fs->mkdir(fs, test.dir, "sub", 0700), 0);

    assert_int_equal(fs->open(fs, test.dir, "data", O_RDONLY, 0), -ENOENT);
    assert_int_equal(fs->close(fs, -1), -EBADF);
    assert_int_equal(fs->pread(fs, -1, &byte, 1, 0), -EBADF);
    assert_int_equal(fs->pwrite(fs, -1, &byte, 1, 0), -EBADF);
    assert_int_equal(fs->size(fs, -1), -EBADF);
    assert_int_equal(fs->fdatasync(fs, -1), -EBADF);
    assert_int_equal(fs->fsync(fs, -1), -EBADF);
    assert_int_equal(fs->push(fs, -1, 0, 7, true), -EBADF);
    assert_int_equal(fs->rename(fs, test.dir, "data", "lock"), -ENOENT);
    assert_int_equal(fs->unlink(fs, test.dir, "data"), -ENOENT);
    assert_int_equal(fs->mkdir(fs, test.dir, "sub", 0700), -EEXIST);
}


static void
file_make(const char *name)
{
    close(file_open(name, O_RDWR | O_CREAT));
}


static bool
file_is_there(const char *name)
{
    return faccessat(test.dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}


static void
a_link_is_another_name_of_the_file(void **state)
{
    struct stat       st;
    const fkv__fs_t  *fs = &fkv__fs_linux;

    (void) state;

    file_make("data");
    assert_int_equal(fs->mkdir(fs, test.dir, "sub", 0700), 0);
    assert_int_equal(fs->link(fs, test.dir, "data", test.dir, "lock"), 0);
    assert_int_equal(fstatat(test.dir, "lock", &st, 0), 0);
    assert_int_equal(st.st_nlink, 2);

    assert_int_equal(fs->link(fs, test.dir, "data", test.dir, "lock"),
                     -EEXIST);
    assert_int_equal(fs->link(fs, test.dir, "none", test.dir, "x"), -ENOENT);
    assert_int_equal(fs->link(fs, test.dir, "sub", test.dir, "x"), -EPERM);
}


static void
a_new_name_replaces_nothing(void **state)
{
    const fkv__fs_t  *fs = &fkv__fs_linux;

    (void) state;

    file_make("data");
    file_make("lock");
    assert_int_equal(fs->mkdir(fs, test.dir, "sub", 0700), 0);

    assert_int_equal(fs->rename_new(fs, test.dir, "data", "lock"), -EEXIST);
    assert_int_equal(fs->rename_new(fs, test.dir, "data", "sub"), -EEXIST);
    assert_int_equal(fs->rename_new(fs, test.dir, "sub", "data"), -EEXIST);
    assert_int_equal(fs->rename_new(fs, test.dir, "none", "x"), -ENOENT);
    assert_true(file_is_there("data"));

    assert_int_equal(fs->unlink(fs, test.dir, "lock"), 0);
    assert_int_equal(fs->rename_new(fs, test.dir, "data", "lock"), 0);
    assert_false(file_is_there("data"));
    assert_true(file_is_there("lock"));
}


static void
a_tree_goes_with_all_that_is_in_it(void **state)
{
    const fkv__fs_t  *fs = &fkv__fs_linux;

    (void) state;

    file_make("data");
    assert_int_equal(fkv__file_remove_tree(test.dir, "none"), FKV_OK);

    assert_int_equal(fs->mkdir(fs, test.dir, "sub", 0700), 0);
    assert_int_equal(fs->mkdir(fs, test.dir, "sub/deep", 0700), 0);
    file_make("sub/deep/file");
    file_make("sub/.hidden");

    /* What links lead to stays. */
    assert_int_equal(symlinkat(test.path, test.dir, "sub/all"), 0);
    assert_int_equal(symlinkat("../data", test.dir, "sub/one"), 0);

    assert_int_equal(fkv__file_remove_tree(test.dir, "sub"), FKV_OK);
    assert_false(file_is_there("sub"));
    assert_true(file_is_there("data"));

    assert_int_equal(symlinkat("data", test.dir, "lock"), 0);
    assert_int_equal(fkv__file_remove_tree(test.dir, "lock"), FKV_OK);
    assert_false(file_is_there("lock"));
    assert_true(file_is_there("data"));

    assert_int_equal(fkv__file_remove_tree(test.dir, "data"), FKV_OK);
    assert_false(file_is_there("data"));
    assert_int_equal(fkv__file_remove_tree(-1, "data"), FKV_EIO);
}


static void
short_and_interrupted_transfers_are_continued(void **state)
{
    int   fd;
    char  in[10];

    (void) state;

    fd = file_open("data", O_RDWR | O_CREAT);
    test.fail_with = -EINTR;

    test.fail_at = test.calls + 2;
    assert_int_equal(fkv__file_write(&faulty, fd, "0123456789", 10, 1),
                     FKV_OK);

    test.fail_at = test.calls + 2;
    assert_int_equal(fkv__file_read(&faulty, fd, in, 10, 1), FKV_OK);
    assert_memory_equal(in, "0123456789", 10);
    assert_int_equal(test.calls, 10);

    close(fd);
}


static void
reading_past_the_end_is_an_error(void **state)
{
    int   fd;
    char  in[4];

    (void) state;

    replace("abc");
    fd = file_open("data", O_RDONLY);
    assert_int_equal(fkv__file_read(&fkv__fs_linux, fd, in, 3, 0), FKV_OK);
    assert_int_equal(fkv__file_read(&fkv__fs_linux, fd, in, 4, 0), FKV_EIO);
    assert_int_equal(errno, ENODATA);
    close(fd);
}


static void
full_disk_has_a_code_of_its_own(void **state)
{
    int  fd;

    (void) state;

    fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        printf("# skipped: no /dev/full here\n");
        return;
    }

    assert_int_equal(fkv__file_write(&fkv__fs_linux, fd, "x", 1, 0),
                     FKV_EFULL);
    assert_int_equal(errno, ENOSPC);
    close(fd);
}


static void
slurp_appends_the_whole_file(void **state)
{
    static char  big[200001];
    fkv__buf_t   buf = { NULL, 0, 0 };

    (void) state;

    memset(big, 'z', sizeof(big) - 1);
    replace(big);

    assert_int_equal(fkv__buf_append(&buf, "ab", 2), FKV_OK);
    assert_int_equal(fkv__file_slurp(&fkv__fs_linux, test.dir, "data", &buf),
                     FKV_OK);
    assert_int_equal(buf.len, 2 + 200000);
    assert_memory_equal(buf.data, "abzz", 4);
    assert_memory_equal(buf.data + 2, big, 200000);

    fkv__buf_done(&buf);
}


static void
failed_slurp_leaves_the_buffer_as_it_was(void **state)
{
    fkv__buf_t  buf = { NULL, 0, 0 };

    (void) state;

    replace("abcdef");
    assert_int_equal(fkv__buf_append(&buf, "ab", 2), FKV_OK);

    test.fail_at = 3;
    assert_int_equal(fkv__file_slurp(&faulty, test.dir, "data", &buf),
                     FKV_EIO);
    assert_string_equal(test.trace, "open pread pread close ");
    assert_int_equal(errno, EIO);
    assert_int_equal(buf.len, 2);

    assert_int_equal(fkv__file_slurp(&fkv__fs_linux, test.dir, "none", &buf),
                     FKV_NOTFOUND);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(buf.len, 2);

    fkv__buf_done(&buf);
}


static void
replace_syncs_the_bytes_then_the_name(void **state)
{
    (void) state;

    assert_int_equal(fkv__file_replace(&faulty, test.dir, "data", "new", 3,
                                       0600), FKV_OK);
    assert_string_equal(test.trace,
                        "open pwrite fdatasync close rename fsync ");
    assert_content("data", "new");
    assert_int_equal(faccessat(test.dir, "data.tmp", F_OK, 0), -1);
}


static void
replace_that_fails_anywhere_leaves_old_or_new(void **state)
{
    unsigned  n;
    int       rc;

    (void) state;

    for (n = 1; n < 100; n++) {
        replace("old content");

        test.calls = 0;
        test.fail_at = n;
        test.fail_with = (n % 2) ? -EIO : -ENOSPC;
        test.trace[0] = '\0';

        rc = fkv__file_replace(&faulty, test.dir, "data", "new", 3, 0600);

        if (rc == FKV_OK) {
            break;
        }

        assert_int_equal(rc, (n % 2) ? FKV_EIO : FKV_EFULL);
        assert_int_equal(errno, -test.fail_with);
        assert_content("data", strstr(test.trace, "fsync ") != NULL
                               ? "new" : "old content");
        assert_int_equal(faccessat(test.dir, "data.tmp", F_OK, 0), -1);
    }

    /* Six calls, each of them has failed once. */

    assert_int_equal(n, 7);
    assert_content("data", "new");
}


static void
replace_overwrites_what_a_crash_left_behind(void **state)
{
    (void) state;

    assert_int_equal(fkv__file_replace(&fkv__fs_linux, test.dir, "data.tmp",
                                       "half of something", 17, 0600),
                     FKV_OK);
    replace("new");
    assert_content("data", "new");
}


static void
lock_is_refused_to_another_open_file(void **state)
{
    int  a = file_open("lock", O_RDWR | O_CREAT);
    int  b = file_open("lock", O_RDWR);

    (void) state;

    assert_false(fkv__file_lock_held(b, LOCK_BYTE));
    assert_int_equal(fkv__file_lock_take(a, LOCK_BYTE), FKV_OK);
    assert_int_equal(fkv__file_lock_take(a, LOCK_BYTE), FKV_OK);
    assert_false(fkv__file_lock_held(a, LOCK_BYTE));
    assert_true(fkv__file_lock_held(b, LOCK_BYTE));
    assert_int_equal(fkv__file_lock_take(b, LOCK_BYTE), FKV_EBUSY);

    assert_false(fkv__file_lock_held(b, LOCK_BYTE + 1));
    assert_int_equal(fkv__file_lock_take(b, LOCK_BYTE + 1), FKV_OK);

    fkv__file_lock_drop(a, LOCK_BYTE);
    assert_int_equal(fkv__file_lock_take(b, LOCK_BYTE), FKV_OK);
    assert_true(fkv__file_lock_held(a, LOCK_BYTE));

    close(b);
    assert_false(fkv__file_lock_held(a, LOCK_BYTE));
    close(a);
}


static void
lock_that_cannot_be_asked_counts_as_held(void **state)
{
    (void) state;

    assert_true(fkv__file_lock_held(-1, LOCK_BYTE));
    assert_int_equal(fkv__file_lock_take(-1, LOCK_BYTE), FKV_EIO);
}


/* Waits until the byte is free; the kernel may still hold it for I/O. */
static bool
lock_falls(int fd)
{
    for (unsigned i = 0; i < 20000; i++) {
        if (!fkv__file_lock_held(fd, LOCK_BYTE)) {
            return true;
        }

        usleep(1000);
    }

    return false;
}


static void
child_kill(pid_t pid)
{
    int  status;

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}


static void
inherited_lock_stays_until_the_child_is_killed(void **state)
{
    pid_t  pid;
    int    own = file_open("lock", O_RDWR | O_CREAT);
    int    other = file_open("lock", O_RDWR);

    (void) state;

    assert_int_equal(fkv__file_lock_take(own, LOCK_BYTE), FKV_OK);

    pid = fork();
    if (pid == 0) {
        for ( ;; ) {
            pause();
        }
    }

    close(own);
    assert_true(fkv__file_lock_held(other, LOCK_BYTE));
    assert_int_equal(fkv__file_lock_take(other, LOCK_BYTE), FKV_EBUSY);

    child_kill(pid);
    assert_true(lock_falls(other));
    close(other);
}


static void
child_on_done(fkv__io_req_t *req)
{
    (void) req;
}


/* Takes the lock on the very file it writes to, and writes for ever. */
static void
child_write(const fkv__io_ops_t *ops, int ready)
{
    enum { N = 16, BYTES = 1 << 20 };
    static fkv__io_req_t  req[N];
    uint8_t              *data = fkv__alloc_pages(BYTES);
    int                   event = eventfd(0, EFD_NONBLOCK);
    int                   fd;
    fkv__io_t             io;

    fd = openat(test.dir, "data", O_RDWR | O_DIRECT | O_CLOEXEC);
    if (fd < 0
        || fkv__file_lock_take(fd, LOCK_BYTE) != FKV_OK
        || fkv__io_open(&io, ops, N, event, NULL) != FKV_OK)
    {
        _exit(77);
    }

    for (uint64_t round = 1; /* void */ ; round++) {
        memset(data, (int) round, BYTES);

        for (uint64_t i = 0; i < N; i++) {
            req[i] = (fkv__io_req_t) {
                .kind = FKV__IO_WRITE, .fd = fd, .dsync = true,
                .offset = i * BYTES, .iov_n = 1, .iov = {{ data, BYTES }},
                .on_done = child_on_done
            };
            fkv__io_submit(&io, &req[i]);
        }

        fkv__io_flush(&io);

        if (write(ready, "", 1) != 1) {
            _exit(1);
        }

        while (io.in_flight > 0) {
            (void) fkv__io_reap(&io);
        }
    }
}


static void
lock_falls_only_when_the_last_write_has_landed(void **state)
{
    int         fds[2], fd;
    char        byte;
    pid_t       pid;
    fkv__buf_t  before = { NULL, 0, 0 }, after = { NULL, 0, 0 };

    fd = file_open("data", O_RDWR | O_CREAT);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);

    pid = fork();
    if (pid == 0) {
        close(fds[0]);
        child_write(*state, fds[1]);
    }

    close(fds[1]);

    if (read(fds[0], &byte, 1) != 1) {
        waitpid(pid, NULL, 0);
        close(fds[0]);
        close(fd);
        printf("# skipped: no direct I/O or no io_uring here\n");
        return;
    }

    assert_true(fkv__file_lock_held(fd, LOCK_BYTE));
    usleep(7000);
    child_kill(pid);
    assert_true(lock_falls(fd));

    assert_int_equal(fkv__file_slurp(&fkv__fs_linux, test.dir, "data",
                                     &before), FKV_OK);
    usleep(100000);

    /* Direct writes would not show up in cached pages. */

    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    assert_int_equal(fkv__file_slurp(&fkv__fs_linux, test.dir, "data",
                                     &after), FKV_OK);
    assert_int_equal(before.len, after.len);
    assert_true(before.len == 0
                || memcmp(before.data, after.data, before.len) == 0);

    fkv__buf_done(&before);
    fkv__buf_done(&after);
    close(fds[0]);
    close(fd);
}


#define TEST(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
#define WITH(io, f)                                                           \
    { #f "_with_" #io, f, setup, teardown, (void *) &fkv__io_##io }


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        TEST(table_does_what_the_calls_do),
        TEST(a_link_is_another_name_of_the_file),
        TEST(a_new_name_replaces_nothing),
        TEST(a_tree_goes_with_all_that_is_in_it),
        TEST(short_and_interrupted_transfers_are_continued),
        TEST(reading_past_the_end_is_an_error),
        TEST(full_disk_has_a_code_of_its_own),
        TEST(slurp_appends_the_whole_file),
        TEST(failed_slurp_leaves_the_buffer_as_it_was),
        TEST(replace_syncs_the_bytes_then_the_name),
        TEST(replace_that_fails_anywhere_leaves_old_or_new),
        TEST(replace_overwrites_what_a_crash_left_behind),
        TEST(lock_is_refused_to_another_open_file),
        TEST(lock_that_cannot_be_asked_counts_as_held),
        TEST(inherited_lock_stays_until_the_child_is_killed),
        WITH(ring, lock_falls_only_when_the_last_write_has_landed),
        WITH(pool, lock_falls_only_when_the_last_write_has_landed)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
