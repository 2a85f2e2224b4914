/*
 * ring.c - file I/O through io_uring, one ring a process.
 *
 * A request that is started has a submission entry or is in the kernel.  No
 * more than depth are started at once and the ring has at least that many
 * entries, so an entry is always free, and the completion queue, twice as
 * long, cannot overflow.  The others wait in queue, in order.
 *
 * With DEFER_TASKRUN (Linux 6.1) a completion signals the eventfd and waits
 * until reap enters the kernel.  Without it the kernel interrupts the process
 * to run the completion: every epoll_wait() that sleeps over an I/O then ends
 * with EINTR (measured), costs a second one, and nginx logs it.
 *
 * The completion is posted when reap enters, which signals the eventfd once
 * more.  So reap enters first, drains the eventfd then, and looks last: what
 * completes after the drain signals anew, what completed before is seen.
 */

#include "io/io.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <string.h>
#include <time.h>

#define RING_NEW_FILE_MODE  0600
#define FLUSH_AT            8

typedef struct {
    struct io_uring  uring;
    unsigned         depth;
    unsigned         started;
    fkv_link_t       queue;
    bool             refused;   /* the kernel took nothing last time */
} ring_t;

/* The best the kernel knows: it says EINVAL to what it does not. */
static const unsigned  ring_setup_flags[] = {
    IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER
    | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    IORING_SETUP_CLAMP
};


static int
ring_setup(struct io_uring *uring, unsigned depth, int eventfd)
{
    int       rc = -EINVAL;
    unsigned  n = sizeof(ring_setup_flags) / sizeof(ring_setup_flags[0]);

    for (unsigned i = 0; i < n && rc == -EINVAL; i++) {
        rc = io_uring_queue_init(depth, uring, ring_setup_flags[i]);
    }

    if (rc < 0) {
        return rc;
    }

    rc = io_uring_register_eventfd(uring, eventfd);
    if (rc < 0) {
        io_uring_queue_exit(uring);
    }

    return rc;
}


static int
ring_open(fkv__io_t *io, unsigned depth)
{
    ring_t  *ring = fkv__zalloc(sizeof(*ring));
    int      rc;

    if (ring == NULL) {
        errno = ENOMEM;
        return FKV_ENOMEM;
    }

    rc = ring_setup(&ring->uring, depth, io->eventfd);
    if (rc < 0) {
        fkv__free(ring);
        errno = -rc;
        return (rc == -ENOMEM) ? FKV_ENOMEM : FKV_EIO;
    }

    ring->depth = fkv__min(depth, ring->uring.sq.ring_entries);
    fkv__list_init(&ring->queue);
    io->backend = ring;

    return FKV_OK;
}


static unsigned
ring_in_kernel(const ring_t *ring)
{
    return ring->started - io_uring_sq_ready(&ring->uring);
}


static void
ring_prepare(struct io_uring_sqe *sqe, fkv__io_req_t *req)
{
    switch (req->kind) {

    case FKV__IO_READ:
        io_uring_prep_readv(sqe, req->fd, req->iov, req->iov_n, req->offset);
        return;

    case FKV__IO_WRITE:
        io_uring_prep_writev(sqe, req->fd, req->iov, req->iov_n, req->offset);
        sqe->rw_flags = req->dsync ? RWF_DSYNC : 0;
        return;

    case FKV__IO_FDATASYNC:
        io_uring_prep_fsync(sqe, req->fd, IORING_FSYNC_DATASYNC);
        return;

    case FKV__IO_FSYNC:
        io_uring_prep_fsync(sqe, req->fd, 0);
        return;

    case FKV__IO_OPEN:
        io_uring_prep_openat(sqe, req->fd, req->path, req->flags | O_CLOEXEC,
                             RING_NEW_FILE_MODE);
        return;

    case FKV__IO_CLOSE:
        io_uring_prep_close(sqe, req->fd);

        /*
         * The last close of an unlinked file frees its blocks.  The kernel
         * would do that here, on the way back from io_uring_enter().
         */
        sqe->flags |= IOSQE_ASYNC;
        return;
    }

    fkv__unreachable();
}


/* The request is started: it is new and there is room, or it goes on. */
static void
ring_put(ring_t *ring, fkv__io_req_t *req)
{
    struct io_uring_sqe  *sqe = io_uring_get_sqe(&ring->uring);

    FKV_ASSERT(sqe != NULL);

    ring_prepare(sqe, req);
    io_uring_sqe_set_data(sqe, req);

    /* What was not ready once goes to a thread that may wait for it. */

    if (req->tries > 0) {
        sqe->flags |= IOSQE_ASYNC;
    }
}


/* True when something of the queue was started. */
static bool
ring_start_queued(ring_t *ring)
{
    bool  any = false;

    while (ring->started < ring->depth && !fkv__list_empty(&ring->queue)) {
        fkv_link_t  *link = ring->queue.next;

        fkv__list_remove(link);
        ring->started++;
        ring_put(ring, fkv__container(link, fkv__io_req_t, link));
        any = true;
    }

    return any;
}


/* The kernel takes no entry now, mostly for want of memory. */
static void
ring_refused(fkv__io_t *io, ring_t *ring, int rc)
{
    if (!ring->refused) {
        fkv__log(io->log, FKV_LOG_WARN,
                 "io_uring_enter() refused %u requests (%d: %s), they are "
                 "tried again", io_uring_sq_ready(&ring->uring), -rc,
                 strerror(-rc));
    }

    ring->refused = true;

    /* A completion gives the next turn, or nobody but us does. */

    if (ring_in_kernel(ring) == 0) {
        fkv__io_signal(io->eventfd);
    }
}


static void
ring_flush(fkv__io_t *io)
{
    ring_t  *ring = io->backend;

    /* Older kernels stop behind an entry they find wrong: hence the loop. */

    while (io_uring_sq_ready(&ring->uring) > 0) {
        int  rc = io_uring_submit(&ring->uring);

        FKV_ASSERT(rc != -EEXIST);      /* another thread than opened it */

        if (rc <= 0) {
            ring_refused(io, ring, rc);
            return;
        }

        ring->refused = false;
    }
}


static void
ring_submit(fkv__io_t *io, fkv__io_req_t *req)
{
    ring_t  *ring = io->backend;

    if (ring->started == ring->depth || !fkv__list_empty(&ring->queue)) {
        fkv__list_append(&ring->queue, &req->link);
        return;
    }

    ring->started++;
    ring_put(ring, req);

    /* The disk need not wait for the rest of a long turn. */

    if (io_uring_sq_ready(&ring->uring) >= FLUSH_AT && !ring->refused) {
        ring_flush(io);
    }
}


/*
 * Ends or continues what the kernel has completed; returns how many ended.
 *
 * What on_done submits is often complete when it has been submitted, if it is
 * in the page cache: that is for the next turn, or there would be no end while
 * somebody reads.
 */
static unsigned
ring_complete(fkv__io_t *io, ring_t *ring)
{
    bool                  more = false;
    unsigned              n = 0, left;
    struct io_uring_cqe  *cqe;

    /* One at least: peek also asks the kernel for what did not fit. */
    left = fkv__max(io_uring_cq_ready(&ring->uring), 1);

    while (left > 0 && io_uring_peek_cqe(&ring->uring, &cqe) == 0) {
        fkv__io_req_t  *req = io_uring_cqe_get_data(cqe);
        int64_t         res = cqe->res;

        io_uring_cqe_seen(&ring->uring, cqe);
        left--;

        if (fkv__io_progress(req, res)) {
            ring->started--;
            fkv__io_finish(io, req);
            n++;

        } else {
            ring_put(ring, req);
            more = true;
        }
    }

    if (ring_start_queued(ring) || more) {
        ring_flush(io);
    }

    if (left == 0 && io_uring_peek_cqe(&ring->uring, &cqe) == 0) {
        fkv__io_signal(io->eventfd);
    }

    return n;
}


static unsigned
ring_reap(fkv__io_t *io)
{
    ring_t  *ring = io->backend;

    if (IO_URING_READ_ONCE(*ring->uring.sq.kflags) & IORING_SQ_TASKRUN) {
        (void) io_uring_get_events(&ring->uring);
    }

    fkv__io_drain(io->eventfd);

    return ring_complete(io, ring);
}


static void
ring_close(fkv__io_t *io)
{
    static const struct timespec  pause = { 0, 1000000 };

    ring_t               *ring = io->backend;
    struct io_uring_cqe  *cqe;

    while (io->in_flight > 0) {
        ring_flush(io);

        if (ring_in_kernel(ring) == 0) {
            (void) nanosleep(&pause, NULL);
            continue;
        }

        /* EINTR is no harm: complete finds nothing then. */

        FKV_ASSERT(io_uring_wait_cqe(&ring->uring, &cqe) != -EEXIST);
        (void) ring_complete(io, ring);
    }

    io_uring_queue_exit(&ring->uring);
    fkv__free(ring);
    io->backend = NULL;
}


const fkv__io_ops_t  fkv__io_ring = {
    .name = "io_uring",
    .open = ring_open,
    .submit = ring_submit,
    .flush = ring_flush,
    .reap = ring_reap,
    .close = ring_close
};
