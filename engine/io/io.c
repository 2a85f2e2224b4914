/*
 * io.c - what the two back ends share.
 */

#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>


static int
io_open_with(fkv__io_t *io, const fkv__io_ops_t *ops, unsigned depth)
{
    int  rc = ops->open(io, depth);

    if (rc == FKV_OK) {
        io->ops = ops;
    }

    return rc;
}


int
fkv__io_open(fkv__io_t *io, const fkv__io_ops_t *ops, unsigned depth,
    int eventfd, const fkv_log_t *log)
{
    FKV_ASSERT(depth > 0);
    FKV_ASSERT((fcntl(eventfd, F_GETFL) & O_NONBLOCK) != 0);

    memset(io, 0, sizeof(*io));
    io->eventfd = eventfd;
    io->log = log;

    if (ops != NULL) {
        return io_open_with(io, ops, depth);
    }

    if (io_open_with(io, &fkv__io_ring, depth) == FKV_OK) {
        return FKV_OK;
    }

    fkv__log(log, FKV_LOG_NOTICE,
             "io_uring cannot be used here (%d: %s), file I/O goes through "
             "a pool of threads", errno, strerror(errno));

    return io_open_with(io, &fkv__io_pool, depth);
}


void
fkv__io_close(fkv__io_t *io)
{
    if (io->ops == NULL) {
        return;
    }

    io->closing = true;
    io->ops->close(io);
    io->ops = NULL;

    FKV_ASSERT(io->in_flight == 0);
}


static uint64_t
io_iov_bytes(const fkv__io_req_t *req)
{
    uint64_t  bytes = 0;

    for (unsigned i = 0; i < req->iov_n; i++) {
        bytes += req->iov[i].iov_len;
    }

    return bytes;
}


static void
io_iov_consume(fkv__io_req_t *req, uint64_t bytes)
{
    unsigned  used = 0;

    req->offset += bytes;
    req->done += bytes;

    while (used < req->iov_n && bytes >= req->iov[used].iov_len) {
        bytes -= req->iov[used].iov_len;
        used++;
    }

    req->iov_n -= used;
    memmove(&req->iov[0], &req->iov[used], req->iov_n * sizeof(req->iov[0]));

    if (bytes > 0) {
        FKV_ASSERT(req->iov_n > 0);
        req->iov[0].iov_base = (char *) req->iov[0].iov_base + bytes;
        req->iov[0].iov_len -= bytes;
    }
}


static bool
io_again(const fkv__io_req_t *req, int64_t res)
{
    return (res == -EINTR || res == -EAGAIN) && req->kind != FKV__IO_CLOSE;
}


static bool
io_end(fkv__io_req_t *req, int64_t res)
{
    req->res = res;
    return true;
}


bool
fkv__io_progress(fkv__io_req_t *req, int64_t res)
{
    /* Linux has freed the descriptor although close() was interrupted. */

    if (req->kind == FKV__IO_CLOSE && res == -EINTR) {
        return io_end(req, 0);
    }

    if (io_again(req, res) && ++req->tries < FKV__IO_TRIES_MAX) {
        return false;
    }

    if (res < 0 || (req->kind != FKV__IO_READ && req->kind != FKV__IO_WRITE)) {
        return io_end(req, res);
    }

    io_iov_consume(req, (uint64_t) res);

    if (io_iov_bytes(req) == 0
        || (req->enough != 0 && req->done >= req->enough))
    {
        return io_end(req, (int64_t) req->done);
    }

    if (res > 0) {
        req->tries = 0;
        return false;
    }

    /* A read has met the end of file; a write that moves nothing never will. */

    return io_end(req, req->kind == FKV__IO_READ ? (int64_t) req->done : -EIO);
}


void
fkv__io_finish(fkv__io_t *io, fkv__io_req_t *req)
{
    FKV_ASSERT(io->in_flight > 0);
    io->in_flight--;

    if (!io->closing) {
        req->on_done(req);
        return;
    }

    if (req->kind == FKV__IO_OPEN && req->res >= 0) {
        (void) close((int) req->res);
    }
}


void
fkv__io_drain(int eventfd)
{
    eventfd_t  count;

    (void) eventfd_read(eventfd, &count);
}


void
fkv__io_signal(int eventfd)
{
    /* Fails only when the counter is full: it is readable then. */

    (void) eventfd_write(eventfd, 1);
}
