/*
 * io.h - a process's asynchronous file I/O: io_uring, or a thread pool.
 *
 * Shape      submit queues a request, flush starts what is queued, at the end
 *            of a turn (a back end may begin earlier), completions signal the
 *            eventfd, reap calls on_done
 * Processes  private to one process; opened, used and closed by one and the
 *            same thread of it (io_uring enforces this); made after the fork,
 *            never inherited
 * If killed  the kernel may still finish what is in flight: buffers of reads
 *            are private memory, and the file's OFD lock stays until then
 *
 * Both back ends retry EINTR, EAGAIN and short transfers themselves: on_done
 * sees all bytes, an error, or (reads only) fewer bytes at the end of file.
 * What fails FKV__IO_TRIES_MAX times in a row without a byte moved is an error.
 */

#ifndef FKV_IO_IO_H
#define FKV_IO_IO_H

#include "base/types.h"
#include "base/list.h"

#include <sys/uio.h>

typedef enum {
    FKV__IO_READ,           /* fd, iov, iov_n, offset */
    FKV__IO_WRITE,          /* fd, iov, iov_n, offset, dsync */
    FKV__IO_FDATASYNC,      /* fd */
    FKV__IO_FSYNC,          /* fd, a directory too */
    FKV__IO_OPEN,           /* fd of the directory, path, flags; res is a fd */
    FKV__IO_CLOSE           /* fd */
} fkv__io_kind_e;

#define FKV__IO_IOV_MAX    4
#define FKV__IO_TRIES_MAX  64

typedef struct fkv__io_req_s  fkv__io_req_t;
typedef struct fkv__io_s      fkv__io_t;

/* The caller's; must stay until on_done, as must buffers, iov and path. */
struct fkv__io_req_s {
    fkv__io_kind_e   kind;
    int              fd;
    bool             dsync;         /* the write is durable when it is done */
    int              flags;         /* of open(2); O_CLOEXEC is added */
    const char      *path;          /* O_CREAT makes it with mode 0600 */
    uint64_t         offset;        /* this and iov move as bytes move */
    uint64_t         enough;        /* a read may end with so many; 0 = all */
    unsigned         iov_n;
    struct iovec     iov[FKV__IO_IOV_MAX];
    int64_t          res;           /* bytes, descriptor, or -errno */
    void           (*on_done)(fkv__io_req_t *req);  /* never NULL */
    void            *data;

    /* the back end's own: */
    fkv_link_t       link;
    uint64_t         done;          /* bytes moved so far */
    unsigned         tries;         /* in a row that moved nothing */
};

/*
 * What a back end is; a test may bring its own.  open sets errno when it
 * fails; close lets everything submitted end through fkv__io_finish().
 */
typedef struct {
    const char  *name;
    int        (*open)(fkv__io_t *io, unsigned depth);
    void       (*submit)(fkv__io_t *io, fkv__io_req_t *req);
    void       (*flush)(fkv__io_t *io);
    unsigned   (*reap)(fkv__io_t *io);
    void       (*close)(fkv__io_t *io);
} fkv__io_ops_t;

struct fkv__io_s {
    const fkv__io_ops_t  *ops;          /* NULL: closed */
    int                   eventfd;      /* not ours to close */
    unsigned              in_flight;    /* submitted, on_done to come */
    bool                  closing;      /* on_done is called no more */
    const fkv_log_t      *log;
    void                 *backend;
};

extern const fkv__io_ops_t  fkv__io_ring;
extern const fkv__io_ops_t  fkv__io_pool;


/*
 * ops NULL: io_uring, and where the kernel refuses it the pool with one
 * NOTICE.  depth bounds what is in flight at once (a power of two); further
 * requests wait in a private queue, submit never fails.  The eventfd must be
 * EFD_NONBLOCK; others may signal it too.
 * FKV_OK · FKV_ENOMEM · FKV_EIO the back end cannot work here; errno is set
 */
int fkv__io_open(fkv__io_t *io, const fkv__io_ops_t *ops, unsigned depth,
    int eventfd, const fkv_log_t *log);

/*
 * Waits until all that was submitted has ended (on_done is not called, a file
 * that was being opened is closed again), then frees.  Does nothing to a
 * closed or zeroed io.
 */
void fkv__io_close(fkv__io_t *io);

static inline void
fkv__io_submit(fkv__io_t *io, fkv__io_req_t *req)
{
    req->done = 0;
    req->tries = 0;
    io->in_flight++;
    io->ops->submit(io, req);
}


/* Starts everything queued; cheap when nothing is. */
static inline void
fkv__io_flush(fkv__io_t *io)
{
    io->ops->flush(io);
}


/*
 * Calls on_done of what is complete, returns how many; never blocks.  on_done
 * may submit; flush afterwards.
 *
 * Reads the eventfd, before the first on_done: whatever else the eventfd
 * announces must be looked at after this call, not before.
 */
static inline unsigned
fkv__io_reap(fkv__io_t *io)
{
    return io->ops->reap(io);
}


/*
 * For back ends: account for res of one transfer.  True when the request is
 * finished, req->res is set then; false when the rest must be submitted again.
 */
bool fkv__io_progress(fkv__io_req_t *req, int64_t res);

/* For back ends: the request has ended; req may be gone afterwards. */
void fkv__io_finish(fkv__io_t *io, fkv__io_req_t *req);

/* For back ends: make the eventfd unreadable, and readable. */
void fkv__io_drain(int eventfd);
void fkv__io_signal(int eventfd);


#endif /* FKV_IO_IO_H */
