/*
 * io_back_ends.c - ring and pool must behave the same.
 */

#define _GNU_SOURCE  1

#include "io/io.h"

#include "base/alloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <cmocka.h>

#define DEPTH       8
#define BLOCK       4096
#define PATIENCE_MS 20000

static struct {
    fkv__io_t  io;
    int        eventfd;
    int        dir;
    int        fd;              /* of "data", buffered */
    unsigned   done_n;
    char       path[256];
    uint8_t   *pages;           /* 64 blocks */
} test;


static bool
ring_works(void)
{
    int        event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int        rc;
    fkv__io_t  io;

    rc = fkv__io_open(&io, &fkv__io_ring, DEPTH, event, NULL);

    if (rc != FKV_OK) {
        printf("# skipped: io_uring cannot be used here (%s), only the pool "
               "is tested\n", strerror(errno));
    }

    fkv__io_close(&io);
    close(event);

    return rc == FKV_OK;
}


static int
setup(void **state)
{
    const char  *tmp = getenv("FKV_TMP");

    memset(&test, 0, sizeof(test));
    snprintf(test.path, sizeof(test.path), "%s/fkv_io_XXXXXX",
             tmp != NULL ? tmp : "/var/tmp");

    if (mkdtemp(test.path) == NULL) {
        return -1;
    }

    test.dir = open(test.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    test.fd = openat(test.dir, "data", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    test.eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    test.pages = fkv__alloc_pages(64 * BLOCK);

    return fkv__io_open(&test.io, *state, DEPTH, test.eventfd, NULL);
}


static int
teardown(void **state)
{
    (void) state;

    fkv__io_close(&test.io);
    fkv__free(test.pages);
    close(test.eventfd);
    close(test.fd);
    unlinkat(test.dir, "data", 0);
    unlinkat(test.dir, "other", 0);
    close(test.dir);

    return rmdir(test.path);
}


static void
on_done(fkv__io_req_t *req)
{
    (void) req;

    test.done_n++;
}


static fkv__io_req_t
request(fkv__io_kind_e kind, int fd)
{
    return (fkv__io_req_t) { .kind = kind, .fd = fd, .on_done = on_done };
}


static fkv__io_req_t
transfer(fkv__io_kind_e kind, int fd, void *data, size_t len,
    uint64_t offset)
{
    fkv__io_req_t  req = request(kind, fd);

    req.iov[0] = (struct iovec) { data, len };
    req.iov_n = 1;
    req.offset = offset;

    return req;
}


/* Sleeps only as a worker does: until the eventfd is readable. */
static void
run(void)
{
    struct pollfd  pfd = { .fd = test.eventfd, .events = POLLIN };

    fkv__io_flush(&test.io);

    while (test.io.in_flight > 0) {
        int  n = poll(&pfd, 1, PATIENCE_MS);

        if (n < 0 && errno == EINTR) {
            continue;
        }

        assert_int_equal(n, 1);
        (void) fkv__io_reap(&test.io);
        fkv__io_flush(&test.io);
    }
}


static int64_t
run_one(fkv__io_req_t *req)
{
    test.done_n = 0;
    fkv__io_submit(&test.io, req);
    run();
    assert_int_equal(test.done_n, 1);

    return req->res;
}


static void
fill(uint8_t *p, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++) {
        p[i] = (uint8_t) (i * 31 + i / 251 + seed);
    }
}


/* -1 where the filesystem has no direct I/O. */
static int
open_direct(void)
{
    int  fd = openat(test.dir, "data", O_RDWR | O_DIRECT | O_CLOEXEC);

    if (fd < 0) {
        printf("# skipped: %s has no direct I/O (%s)\n", test.path,
               strerror(errno));
    }

    return fd;
}


static unsigned
open_descriptors(void)
{
    unsigned  n = 0;
    DIR      *dir = opendir("/proc/self/fd");

    assert_non_null(dir);

    while (readdir(dir) != NULL) {
        n++;
    }

    closedir(dir);

    return n;
}


static void
written_pieces_are_read_back(void **state)
{
    uint8_t        out[6000], in[6000];
    fkv__io_req_t  req;

    (void) state;

    fill(out, sizeof(out), 1);
    req = request(FKV__IO_WRITE, test.fd);
    req.offset = 777;
    req.iov_n = 4;
    req.iov[0] = (struct iovec) { out, 1 };
    req.iov[1] = (struct iovec) { out + 1, 0 };
    req.iov[2] = (struct iovec) { out + 1, 4999 };
    req.iov[3] = (struct iovec) { out + 5000, 1000 };
    assert_int_equal(run_one(&req), 6000);

    req = transfer(FKV__IO_READ, test.fd, in, sizeof(in), 777);
    assert_int_equal(run_one(&req), 6000);
    assert_memory_equal(in, out, sizeof(in));
}


static void
durable_direct_write_is_read_back(void **state)
{
    int            fd;
    fkv__io_req_t  req;

    (void) state;

    fd = open_direct();
    if (fd < 0) {
        return;
    }

    fill(test.pages, 8 * BLOCK, 2);
    req = transfer(FKV__IO_WRITE, fd, test.pages, 8 * BLOCK, BLOCK);
    req.dsync = true;
    assert_int_equal(run_one(&req), 8 * BLOCK);

    req = transfer(FKV__IO_READ, fd, test.pages + 8 * BLOCK, 8 * BLOCK,
                   BLOCK);
    assert_int_equal(run_one(&req), 8 * BLOCK);
    assert_memory_equal(test.pages, test.pages + 8 * BLOCK, 8 * BLOCK);

    close(fd);
}


static void
read_at_the_end_of_file_gives_fewer_bytes(void **state)
{
    uint8_t        out[5000], in[BLOCK * 2];
    fkv__io_req_t  req;

    (void) state;

    fill(out, sizeof(out), 3);
    req = transfer(FKV__IO_WRITE, test.fd, out, sizeof(out), 0);
    assert_int_equal(run_one(&req), 5000);

    req = transfer(FKV__IO_READ, test.fd, in, sizeof(in), 1000);
    assert_int_equal(run_one(&req), 4000);
    assert_memory_equal(in, out + 1000, 4000);

    req = transfer(FKV__IO_READ, test.fd, in, sizeof(in), 5000);
    assert_int_equal(run_one(&req), 0);
}


static void
direct_read_at_an_odd_end_of_file_gives_fewer_bytes(void **state)
{
    int            fd;
    uint8_t        out[5000];
    fkv__io_req_t  req;

    (void) state;

    fill(out, sizeof(out), 4);
    assert_int_equal(pwrite(test.fd, out, sizeof(out), 0), sizeof(out));

    fd = open_direct();
    if (fd < 0) {
        return;
    }

    req = transfer(FKV__IO_READ, fd, test.pages, 2 * BLOCK, 0);
    assert_int_equal(run_one(&req), 5000);
    assert_memory_equal(test.pages, out, 5000);

    close(fd);
}


static void
request_without_bytes_ends(void **state)
{
    fkv__io_req_t  req;

    (void) state;

    req = request(FKV__IO_WRITE, test.fd);
    assert_int_equal(run_one(&req), 0);

    req = request(FKV__IO_READ, test.fd);
    assert_int_equal(run_one(&req), 0);
}


static void
error_is_the_negative_errno(void **state)
{
    uint8_t        byte = 0;
    fkv__io_req_t  req;

    (void) state;

    req = transfer(FKV__IO_READ, -1, &byte, 1, 0);
    assert_int_equal(run_one(&req), -EBADF);

    req = transfer(FKV__IO_WRITE, test.dir, &byte, 1, 0);
    assert_int_equal(run_one(&req), -EBADF);

    req = request(FKV__IO_FDATASYNC, -1);
    assert_int_equal(run_one(&req), -EBADF);

    req = request(FKV__IO_CLOSE, -1);
    assert_int_equal(run_one(&req), -EBADF);

    req = request(FKV__IO_OPEN, test.dir);
    req.path = "missing";
    req.flags = O_RDONLY;
    assert_int_equal(run_one(&req), -ENOENT);
}


static void
one_bad_request_does_not_stop_the_others(void **state)
{
    uint8_t        bytes[DEPTH];
    fkv__io_req_t  req[DEPTH];

    (void) state;

    for (unsigned i = 0; i < DEPTH; i++) {
        req[i] = transfer(FKV__IO_WRITE, i % 2 ? -1 : test.fd, &bytes[i], 1,
                          i);
        bytes[i] = (uint8_t) i;
        fkv__io_submit(&test.io, &req[i]);
    }

    run();

    for (unsigned i = 0; i < DEPTH; i++) {
        assert_int_equal(req[i].res, i % 2 ? -EBADF : 1);
    }
}


static void
file_is_created_synced_and_closed(void **state)
{
    int            fd;
    struct stat    st;
    fkv__io_req_t  req;

    (void) state;

    req = request(FKV__IO_OPEN, test.dir);
    req.path = "other";
    req.flags = O_RDWR | O_CREAT | O_EXCL;
    fd = (int) run_one(&req);
    assert_true(fd >= 0);

    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    req = request(FKV__IO_FDATASYNC, fd);
    assert_int_equal(run_one(&req), 0);

    req = request(FKV__IO_CLOSE, fd);
    assert_int_equal(run_one(&req), 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}


static void
more_requests_than_depth_all_end(void **state)
{
    enum { N = 500 };
    static fkv__io_req_t  req[N];
    static uint64_t       in[N];

    (void) state;

    for (uint64_t i = 0; i < N; i++) {
        in[i] = i;
        req[i] = transfer(FKV__IO_WRITE, test.fd, &in[i], 8, i * 8);
        fkv__io_submit(&test.io, &req[i]);
    }

    assert_int_equal(test.io.in_flight, N);
    run();
    assert_int_equal(test.done_n, N);

    for (uint64_t i = 0; i < N; i++) {
        in[i] = 0;
        req[i] = transfer(FKV__IO_READ, test.fd, &in[i], 8, i * 8);
        fkv__io_submit(&test.io, &req[i]);
    }

    run();

    for (uint64_t i = 0; i < N; i++) {
        assert_int_equal(req[i].res, 8);
        assert_int_equal(in[i], i);
    }
}


static void
nothing_starts_before_the_flush(void **state)
{
    uint8_t        byte = 1;
    fkv__io_req_t  req;
    struct pollfd  pfd = { .fd = test.eventfd, .events = POLLIN };

    (void) state;

    req = transfer(FKV__IO_WRITE, test.fd, &byte, 1, 0);
    fkv__io_submit(&test.io, &req);

    assert_int_equal(poll(&pfd, 1, 20), 0);
    assert_int_equal(fkv__io_reap(&test.io), 0);
    assert_int_equal(test.done_n, 0);

    run();
    assert_int_equal(test.done_n, 1);
}


/* Sleeps as nginx does; counts how often the sleep was cut short. */
static unsigned
sleep_until_readable(int epoll)
{
    int                 n;
    unsigned            interrupted = 0;
    struct epoll_event  event;

    while ((n = epoll_wait(epoll, &event, 1, PATIENCE_MS)) < 0) {
        assert_int_equal(errno, EINTR);
        interrupted++;
    }

    assert_int_equal(n, 1);

    return interrupted;
}


static bool
kernel_is_at_least(unsigned major, unsigned minor)
{
    unsigned        is_major = 0, is_minor = 0;
    struct utsname  uts;

    assert_int_equal(uname(&uts), 0);
    assert_int_equal(sscanf(uts.release, "%u.%u", &is_major, &is_minor), 2);

    return is_major > major || (is_major == major && is_minor >= minor);
}


static void
eventfd_becomes_readable_while_nobody_calls_in(void **state)
{
    int                 fd, epoll;
    unsigned            turns = 20, interrupted = 0;
    fkv__io_req_t       req;
    struct epoll_event  event = { .events = EPOLLIN | EPOLLET };

    (void) state;

    /* Direct where it can be: an interrupt of the disk ends the write then. */

    fd = open_direct();
    if (fd < 0) {
        fd = dup(test.fd);
    }

    epoll = epoll_create1(EPOLL_CLOEXEC);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, test.eventfd, &event),
                     0);
    fill(test.pages, 64 * BLOCK, 5);

    for (unsigned i = 0; i < turns; i++) {
        req = transfer(FKV__IO_WRITE, fd, test.pages, 64 * BLOCK, 0);
        req.dsync = true;
        fkv__io_submit(&test.io, &req);
        fkv__io_flush(&test.io);

        interrupted += sleep_until_readable(epoll);
        assert_int_equal(fkv__io_reap(&test.io), 1);
        assert_int_equal(req.res, 64 * BLOCK);
    }

    /* The end of an earlier ring interrupts too, once. */

    if (kernel_is_at_least(6, 1)) {
        assert_in_range(interrupted, 0, turns / 4);
    }

    close(epoll);
    close(fd);
}


static void
reap_leaves_the_eventfd_unreadable(void **state)
{
    uint8_t        byte = 1;
    fkv__io_req_t  req;
    struct pollfd  pfd = { .fd = test.eventfd, .events = POLLIN };

    (void) state;

    req = transfer(FKV__IO_WRITE, test.fd, &byte, 1, 0);
    req.dsync = true;
    assert_int_equal(run_one(&req), 1);
    assert_int_equal(poll(&pfd, 1, 0), 0);
    assert_int_equal(fkv__io_reap(&test.io), 0);
}


static void
many_turns_lose_no_completion(void **state)
{
    enum { N = 3 * DEPTH };
    static fkv__io_req_t  req[N];
    unsigned              seed = 1;

    (void) state;

    fill(test.pages, 32 * BLOCK, 6);
    assert_int_equal(pwrite(test.fd, test.pages, 32 * BLOCK, 0), 32 * BLOCK);

    for (unsigned turn = 0; turn < 3000; turn++) {
        unsigned  n = 1 + (unsigned) rand_r(&seed) % N;

        test.done_n = 0;

        for (unsigned i = 0; i < n; i++) {
            req[i] = transfer(FKV__IO_READ, test.fd,
                              test.pages + (32 + i) * BLOCK, BLOCK,
                              i * BLOCK);
            fkv__io_submit(&test.io, &req[i]);

            if (rand_r(&seed) % 4 == 0) {
                fkv__io_flush(&test.io);
            }

            if (rand_r(&seed) % 8 == 0) {
                (void) fkv__io_reap(&test.io);
            }
        }

        run();
        assert_int_equal(test.done_n, n);
    }

    assert_memory_equal(test.pages, test.pages + 32 * BLOCK, BLOCK);
}


static void
on_done_again(fkv__io_req_t *req)
{
    unsigned  *left = req->data;

    test.done_n++;

    if (--*left > 0) {
        struct iovec  iov = { &test.pages[*left % BLOCK], 1 };

        req->offset = *left;
        req->iov[0] = iov;
        req->iov_n = 1;
        fkv__io_submit(&test.io, req);
    }
}


static void
on_done_may_submit_again(void **state)
{
    enum { CHAINS = 2 * DEPTH, LENGTH = 200 };
    fkv__io_req_t  req[CHAINS];
    unsigned       left[CHAINS];

    (void) state;

    for (unsigned i = 0; i < CHAINS; i++) {
        left[i] = LENGTH;
        req[i] = transfer(FKV__IO_WRITE, test.fd, test.pages, 1, i);
        req[i].on_done = on_done_again;
        req[i].data = &left[i];
        fkv__io_submit(&test.io, &req[i]);
    }

    run();
    assert_int_equal(test.done_n, CHAINS * LENGTH);
}


static void
close_lets_all_end_and_calls_nobody(void **state)
{
    enum { N = 4 * DEPTH };
    static fkv__io_req_t  req[N];
    uint8_t              *in;

    (void) state;

    fill(test.pages, 64 * BLOCK, 7);

    for (unsigned i = 0; i < N; i++) {
        req[i] = transfer(FKV__IO_WRITE, test.fd, test.pages, 64 * BLOCK,
                          (uint64_t) i * 64 * BLOCK);
        req[i].dsync = true;
        fkv__io_submit(&test.io, &req[i]);

        if (i == N / 2) {
            fkv__io_flush(&test.io);
        }
    }

    fkv__io_close(&test.io);
    assert_int_equal(test.done_n, 0);
    assert_int_equal(test.io.in_flight, 0);

    in = fkv__alloc(64 * BLOCK);

    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(pread(test.fd, in, 64 * BLOCK, i * 64 * BLOCK),
                         64 * BLOCK);
        assert_memory_equal(in, test.pages, 64 * BLOCK);
    }

    fkv__free(in);
}


static void
close_leaks_no_descriptor(void **state)
{
    unsigned       before;
    fkv__io_req_t  req[DEPTH * 2];

    fkv__io_close(&test.io);

    before = open_descriptors();
    assert_int_equal(fkv__io_open(&test.io, *state, DEPTH, test.eventfd,
                                  NULL), FKV_OK);

    for (unsigned i = 0; i < DEPTH * 2; i++) {
        req[i] = request(FKV__IO_OPEN, test.dir);
        req[i].path = "data";
        req[i].flags = O_RDONLY;
        fkv__io_submit(&test.io, &req[i]);

        if (i == DEPTH) {
            fkv__io_flush(&test.io);
        }
    }

    fkv__io_close(&test.io);
    assert_int_equal(open_descriptors(), before);
}


static volatile sig_atomic_t  signals_n;


static void
on_signal(int signo)
{
    (void) signo;

    signals_n++;
}


static void
signals_are_left_to_the_owner(void **state)
{
    uint8_t           byte = 1;
    fkv__io_req_t     req;
    sigset_t          set, pending;
    struct sigaction  action = { .sa_handler = on_signal };

    (void) state;

    signals_n = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);

    req = transfer(FKV__IO_WRITE, test.fd, &byte, 1, 0);
    assert_int_equal(run_one(&req), 1);

    /* Only a thread of the back end could take it now. */

    assert_int_equal(sigprocmask(SIG_BLOCK, &set, NULL), 0);
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(usleep(20000), 0);
    assert_int_equal(signals_n, 0);
    assert_int_equal(sigpending(&pending), 0);
    assert_int_equal(sigismember(&pending, SIGUSR1), 1);

    assert_int_equal(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
    assert_int_equal(signals_n, 1);
}


/* Reads still to be done, and where to. */
typedef struct {
    unsigned  left;
    uint8_t  *to;
} reads_t;


/* Reads its bytes again, as long as there is something left. */
static void
on_done_reads_on(fkv__io_req_t *req)
{
    reads_t  *reads = req->data;

    test.done_n++;

    if (--reads->left > 0) {
        req->iov[0] = (struct iovec) { reads->to, BLOCK };
        req->iov_n = 1;
        req->offset = 0;
        fkv__io_submit(&test.io, req);
    }
}


/* From the page cache they come at once, and others want their turn. */
static void
reading_on_and_on_ends_a_reap(void **state)
{
    reads_t        reads[DEPTH];
    fkv__io_req_t  reqs[DEPTH];

    (void) state;

    assert_int_equal(ftruncate(test.fd, BLOCK), 0);

    for (unsigned i = 0; i < DEPTH; i++) {
        reads[i] = (reads_t) { 100, test.pages + i * BLOCK };
        reqs[i] = transfer(FKV__IO_READ, test.fd, reads[i].to, BLOCK, 0);
        reqs[i].on_done = on_done_reads_on;
        reqs[i].data = &reads[i];
        fkv__io_submit(&test.io, &reqs[i]);
    }

    fkv__io_flush(&test.io);

    while (test.io.in_flight > 0) {
        struct pollfd  pfd = { .fd = test.eventfd, .events = POLLIN };

        assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
        assert_in_range(fkv__io_reap(&test.io), 0, 2 * DEPTH);
        fkv__io_flush(&test.io);
    }

    assert_int_equal(test.done_n, 100 * DEPTH);
}


#define WITH(io, f)                                                           \
    { #f "_with_" #io, f, setup, teardown, (void *) &fkv__io_##io }

#define ALL_WITH(io)                                                          \
    WITH(io, written_pieces_are_read_back),                                   \
    WITH(io, durable_direct_write_is_read_back),                              \
    WITH(io, read_at_the_end_of_file_gives_fewer_bytes),                      \
    WITH(io, direct_read_at_an_odd_end_of_file_gives_fewer_bytes),            \
    WITH(io, request_without_bytes_ends),                                     \
    WITH(io, error_is_the_negative_errno),                                    \
    WITH(io, one_bad_request_does_not_stop_the_others),                       \
    WITH(io, file_is_created_synced_and_closed),                              \
    WITH(io, more_requests_than_depth_all_end),                               \
    WITH(io, nothing_starts_before_the_flush),                                \
    WITH(io, eventfd_becomes_readable_while_nobody_calls_in),                 \
    WITH(io, reap_leaves_the_eventfd_unreadable),                             \
    WITH(io, many_turns_lose_no_completion),                                  \
    WITH(io, on_done_may_submit_again),                                       \
    WITH(io, reading_on_and_on_ends_a_reap),                                  \
    WITH(io, close_lets_all_end_and_calls_nobody),                            \
    WITH(io, close_leaks_no_descriptor),                                      \
    WITH(io, signals_are_left_to_the_owner)


int
main(void)
{
    const struct CMUnitTest  both[] = { ALL_WITH(pool), ALL_WITH(ring) };
    const struct CMUnitTest  pool[] = { ALL_WITH(pool) };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    if (ring_works()) {
        return cmocka_run_group_tests(both, NULL, NULL);
    }

    return cmocka_run_group_tests(pool, NULL, NULL);
}
