/*
 * io_io.c - the choice of the back end, and the account of a transfer.
 */

#define _GNU_SOURCE  1

#include "io/io.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>


static fkv__io_req_t
transfer(fkv__io_kind_e kind, void *data, size_t len)
{
    return (fkv__io_req_t) {
        .kind = kind, .iov_n = 1, .iov = {{ data, len }}
    };
}


/* Makes io_uring_setup() fail with EPERM, as a container's filter does. */
static int
forbid_io_uring(void)
{
    struct sock_filter  filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
    };
    struct sock_fprog   program = { 4, filter };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return -1;
    }

    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}


static unsigned  notices_n;


static void
on_log(void *data, fkv_log_level_e level, const char *text)
{
    (void) data;

    if (level == FKV_LOG_NOTICE && strstr(text, "Operation not permitted")) {
        notices_n++;
    }
}


static int
fallback_child(void)
{
    int        event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    fkv_log_t  log = { on_log, NULL };
    fkv__io_t  io;

    if (forbid_io_uring() != 0) {
        return 77;
    }

    if (fkv__io_open(&io, &fkv__io_ring, 8, event, &log) != FKV_EIO
        || errno != EPERM
        || notices_n != 0)
    {
        return 1;
    }

    if (fkv__io_open(&io, NULL, 8, event, &log) != FKV_OK
        || io.ops != &fkv__io_pool
        || notices_n != 1)
    {
        return 2;
    }

    fkv__io_close(&io);
    fkv__io_close(&io);

    return 0;
}


static void
forbidden_io_uring_gives_the_pool_and_one_notice(void **state)
{
    int    status;
    pid_t  pid;

    (void) state;

    pid = fork();
    if (pid == 0) {
        _exit(fallback_child());
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));

    if (WEXITSTATUS(status) == 77) {
        printf("# skipped: no seccomp here\n");
        return;
    }

    assert_int_equal(WEXITSTATUS(status), 0);
}


static void
short_transfer_goes_on_where_it_stopped(void **state)
{
    uint8_t        bytes[100];
    fkv__io_req_t  req = transfer(FKV__IO_WRITE, NULL, 0);

    (void) state;

    req.offset = 1000;
    req.iov_n = 3;
    req.iov[0] = (struct iovec) { bytes, 10 };
    req.iov[1] = (struct iovec) { bytes + 10, 0 };
    req.iov[2] = (struct iovec) { bytes + 10, 90 };

    assert_false(fkv__io_progress(&req, 4));
    assert_int_equal(req.iov_n, 3);
    assert_ptr_equal(req.iov[0].iov_base, bytes + 4);
    assert_int_equal(req.iov[0].iov_len, 6);
    assert_int_equal(req.offset, 1004);

    assert_false(fkv__io_progress(&req, 6));
    assert_int_equal(req.iov_n, 1);
    assert_ptr_equal(req.iov[0].iov_base, bytes + 10);

    assert_false(fkv__io_progress(&req, 89));
    assert_true(fkv__io_progress(&req, 1));
    assert_int_equal(req.res, 100);
}


static void
interrupted_transfer_is_tried_again_but_not_for_ever(void **state)
{
    uint8_t        bytes[2];
    fkv__io_req_t  req = transfer(FKV__IO_READ, bytes, 2);

    (void) state;

    for (unsigned i = 1; i < FKV__IO_TRIES_MAX; i++) {
        assert_false(fkv__io_progress(&req, -EINTR));
    }

    assert_false(fkv__io_progress(&req, 1));

    for (unsigned i = 1; i < FKV__IO_TRIES_MAX; i++) {
        assert_false(fkv__io_progress(&req, -EAGAIN));
    }

    assert_true(fkv__io_progress(&req, -EAGAIN));
    assert_int_equal(req.res, -EAGAIN);
}


static void
write_that_moves_nothing_is_an_error(void **state)
{
    uint8_t        byte = 0;
    fkv__io_req_t  req = transfer(FKV__IO_WRITE, &byte, 1);

    (void) state;

    assert_true(fkv__io_progress(&req, 0));
    assert_int_equal(req.res, -EIO);
}


static void
error_after_a_short_transfer_is_the_result(void **state)
{
    uint8_t        bytes[2];
    fkv__io_req_t  req = transfer(FKV__IO_WRITE, bytes, 2);

    (void) state;

    assert_false(fkv__io_progress(&req, 1));
    assert_true(fkv__io_progress(&req, -ENOSPC));
    assert_int_equal(req.res, -ENOSPC);
}


static void
interrupted_close_is_not_repeated(void **state)
{
    fkv__io_req_t  req = transfer(FKV__IO_CLOSE, NULL, 0);

    (void) state;

    assert_true(fkv__io_progress(&req, -EINTR));
    assert_int_equal(req.res, 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(forbidden_io_uring_gives_the_pool_and_one_notice),
        cmocka_unit_test(short_transfer_goes_on_where_it_stopped),
        cmocka_unit_test(interrupted_transfer_is_tried_again_but_not_for_ever),
        cmocka_unit_test(write_that_moves_nothing_is_an_error),
        cmocka_unit_test(error_after_a_short_transfer_is_the_result),
        cmocka_unit_test(interrupted_close_is_not_repeated)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
