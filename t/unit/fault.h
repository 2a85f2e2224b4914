/*
 * fault.h - a disk, and memory, of which the n-th call fails.
 *
 * One counter for each kind of call, whichever way it comes: fault_fs is the
 * table of blocking calls, fault_io a back end without threads that does what
 * it is asked for when it is asked, so the same run counts the same calls.
 */

#ifndef FKV_T_FAULT_H
#define FKV_T_FAULT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "check.h"
#include "fkv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define FAULT_MAP(X)                                                          \
    X(NONE,     "nothing")                                                    \
    X(OPEN,     "open")                                                       \
    X(READ,     "read")                                                       \
    X(WRITE,    "write")                                                      \
    X(SYNC,     "sync")                                                       \
    X(ALLOCATE, "allocate")                                                   \
    X(TRUNCATE, "truncate")                                                   \
    X(RENAME,   "rename")                                                     \
    X(UNLINK,   "unlink")                                                     \
    X(MKDIR,    "mkdir")                                                      \
    X(LINK,     "link")                                                       \
    X(MEMORY,   "memory")

typedef enum {
#define FAULT_ENUM(name, text)  FAULT_##name,
    FAULT_MAP(FAULT_ENUM)
#undef FAULT_ENUM
    FAULT_KINDS
} fault_kind_e;

static const char *const  fault_names[] = {
#define FAULT_NAME(name, text)  text,
    FAULT_MAP(FAULT_NAME)
#undef FAULT_NAME
};

static struct {
    fault_kind_e  kind;
    unsigned      at;           /* the n-th from now on, 1 is the next */
    bool          for_good;     /* and all behind it */
    int           error;        /* errno; 0 of reads and writes: they move a
                                   part only */

    unsigned      seen;
    unsigned      hits;
} fault;


static inline void
fault_arm(fault_kind_e kind, unsigned at, bool for_good, int error)
{
    fault.at = at;
    fault.for_good = for_good;
    fault.error = error;
    __atomic_store_n(&fault.seen, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&fault.hits, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&fault.kind, kind, __ATOMIC_RELEASE);
}


/* Returns whether anything has failed. */
static inline bool
fault_disarm(void)
{
    __atomic_store_n(&fault.kind, FAULT_NONE, __ATOMIC_RELEASE);

    return __atomic_load_n(&fault.hits, __ATOMIC_RELAXED) > 0;
}


static inline bool
fault_hits(fault_kind_e kind)
{
    unsigned  seen;

    if (__atomic_load_n(&fault.kind, __ATOMIC_ACQUIRE) != kind) {
        return false;
    }

    seen = __atomic_add_fetch(&fault.seen, 1, __ATOMIC_RELAXED);

    if (seen != fault.at && !(fault.for_good && seen > fault.at)) {
        return false;
    }

    __atomic_add_fetch(&fault.hits, 1, __ATOMIC_RELAXED);

    return true;
}


/*
 * What a disk does whose sync fails: the bytes that were written since the last
 * sync of the file are not there, and the next sync says that all is well.
 */
typedef struct {
    dev_t     dev;
    ino_t     ino;
    uint64_t  offset;
    size_t    len;              /* of what there was before */
    uint8_t  *before;
} fault_write_t;

static struct {
    fault_write_t  *writes;
    size_t          n;
    size_t          cap;
} fault_unsynced;


/* Of a descriptor that may be for direct I/O another, that is not. */
static inline int
fault_reopen(int fd, int flags)
{
    char  path[40];

    (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);

    return open(path, flags | O_CLOEXEC);
}


static inline void
fault_remember(int fd, uint64_t offset, size_t len)
{
    int             in;
    ssize_t         n;
    struct stat     st;
    fault_write_t  *write;

    if (__atomic_load_n(&fault.kind, __ATOMIC_ACQUIRE) != FAULT_SYNC) {
        return;
    }

    if (fault_unsynced.n == fault_unsynced.cap) {
        fault_unsynced.cap = 2 * fault_unsynced.cap + 64;
        fault_unsynced.writes = realloc(fault_unsynced.writes,
                                        fault_unsynced.cap * sizeof(*write));
        assert_non_null(fault_unsynced.writes);
    }

    in = fault_reopen(fd, O_RDONLY);
    assert_true(in >= 0);
    assert_int_equal(fstat(in, &st), 0);
    write = &fault_unsynced.writes[fault_unsynced.n++];
    *write = (fault_write_t) { st.st_dev, st.st_ino, offset, len,
                               calloc(1, len + 1) };
    assert_non_null(write->before);
    n = pread(in, write->before, len, (off_t) offset);
    assert_true(n >= 0);
    (void) close(in);
}


/* The file is synced, or it is not and forgets. */
static inline void
fault_forget(int fd, bool lost)
{
    int          out;
    size_t       kept = 0;
    struct stat  st;

    if (fault_unsynced.n == 0 || fstat(fd, &st) != 0) {
        return;
    }

    out = (lost && S_ISREG(st.st_mode)) ? fault_reopen(fd, O_WRONLY) : -1;

    for (size_t i = fault_unsynced.n; out >= 0 && i-- > 0; ) {
        fault_write_t  *w = &fault_unsynced.writes[i];

        if (w->dev == st.st_dev && w->ino == st.st_ino) {
            assert_int_equal(pwrite(out, w->before, w->len,
                                    (off_t) w->offset), w->len);
        }
    }

    for (size_t i = 0; i < fault_unsynced.n; i++) {
        fault_write_t  *w = &fault_unsynced.writes[i];

        if (w->dev == st.st_dev && w->ino == st.st_ino) {
            free(w->before);

        } else {
            fault_unsynced.writes[kept++] = *w;
        }
    }

    fault_unsynced.n = kept;

    if (out >= 0) {
        (void) close(out);
    }
}


static inline bool
fault_memory(size_t size)
{
    (void) size;

    return fault_hits(FAULT_MEMORY);
}


static inline int
fault_open(const fkv__fs_t *fs, int dir, const char *path, int flags,
    mode_t mode)
{
    (void) fs;

    return fault_hits(FAULT_OPEN)
           ? -fault.error
           : fkv__fs_linux.open(&fkv__fs_linux, dir, path, flags, mode);
}


static inline int64_t
fault_pread(const fkv__fs_t *fs, int fd, void *buf, size_t len,
    uint64_t offset)
{
    (void) fs;

    if (fault_hits(FAULT_READ)) {
        if (fault.error != 0) {
            return -fault.error;
        }

        len = fkv__min(len, len / 2 + 1);
    }

    return fkv__fs_linux.pread(&fkv__fs_linux, fd, buf, len, offset);
}


static inline int64_t
fault_pwrite(const fkv__fs_t *fs, int fd, const void *buf, size_t len,
    uint64_t offset)
{
    (void) fs;

    if (fault_hits(FAULT_WRITE)) {
        if (fault.error != 0) {
            return -fault.error;
        }

        len = fkv__min(len, len / 2 + 1);
    }

    fault_remember(fd, offset, len);

    return fkv__fs_linux.pwrite(&fkv__fs_linux, fd, buf, len, offset);
}


static inline int
fault_sync(const fkv__fs_t *fs, int fd)
{
    (void) fs;

    if (fault_hits(FAULT_SYNC)) {
        fault_forget(fd, true);
        return -fault.error;
    }

    fault_forget(fd, false);

    return 0;
}


static inline int
fault_push(const fkv__fs_t *fs, int fd, uint64_t offset, uint64_t len,
    bool wait)
{
    (void) fs;
    (void) fd;
    (void) offset;
    (void) len;
    (void) wait;

    return fault_hits(FAULT_SYNC) ? -fault.error : 0;
}


static inline int
fault_allocate(const fkv__fs_t *fs, int fd, uint64_t bytes)
{
    (void) fs;

    return fault_hits(FAULT_ALLOCATE)
           ? -fault.error
           : fkv__fs_linux.allocate(&fkv__fs_linux, fd, bytes);
}


static inline int
fault_truncate(const fkv__fs_t *fs, int fd, uint64_t bytes)
{
    (void) fs;

    return fault_hits(FAULT_TRUNCATE)
           ? -fault.error
           : fkv__fs_linux.truncate(&fkv__fs_linux, fd, bytes);
}


static inline int
fault_rename(const fkv__fs_t *fs, int dir, const char *from, const char *to)
{
    (void) fs;

    return fault_hits(FAULT_RENAME)
           ? -fault.error
           : fkv__fs_linux.rename(&fkv__fs_linux, dir, from, to);
}


static inline int
fault_rename_new(const fkv__fs_t *fs, int dir, const char *from,
    const char *to)
{
    (void) fs;

    return fault_hits(FAULT_RENAME)
           ? -fault.error
           : fkv__fs_linux.rename_new(&fkv__fs_linux, dir, from, to);
}


static inline int
fault_unlink(const fkv__fs_t *fs, int dir, const char *path)
{
    (void) fs;

    return fault_hits(FAULT_UNLINK)
           ? -fault.error
           : fkv__fs_linux.unlink(&fkv__fs_linux, dir, path);
}


static inline int
fault_mkdir(const fkv__fs_t *fs, int dir, const char *path, mode_t mode)
{
    (void) fs;

    return fault_hits(FAULT_MKDIR)
           ? -fault.error
           : fkv__fs_linux.mkdir(&fkv__fs_linux, dir, path, mode);
}


static inline int
fault_link(const fkv__fs_t *fs, int dir, const char *path, int to_dir,
    const char *to)
{
    (void) fs;

    return fault_hits(FAULT_LINK)
           ? -fault.error
           : fkv__fs_linux.link(&fkv__fs_linux, dir, path, to_dir, to);
}


static inline const fkv__fs_t *
fault_fs(void)
{
    static fkv__fs_t  fs;

    fs = fkv__fs_linux;
    fs.open = fault_open;
    fs.pread = fault_pread;
    fs.pwrite = fault_pwrite;
    fs.fdatasync = fault_sync;
    fs.fsync = fault_sync;
    fs.push = fault_push;
    fs.allocate = fault_allocate;
    fs.truncate = fault_truncate;
    fs.rename = fault_rename;
    fs.rename_new = fault_rename_new;
    fs.unlink = fault_unlink;
    fs.mkdir = fault_mkdir;
    fs.link = fault_link;

    return &fs;
}


/* The back end: what was submitted, in order, is done when it is reaped. */

static inline int
fault_io_open(fkv__io_t *io, unsigned depth)
{
    fkv_link_t  *queue = malloc(sizeof(*queue));

    (void) depth;
    assert_non_null(queue);
    fkv__list_init(queue);
    io->backend = queue;

    return FKV_OK;
}


static inline void
fault_io_submit(fkv__io_t *io, fkv__io_req_t *req)
{
    fkv__list_append(io->backend, &req->link);
    fkv__io_signal(io->eventfd);
}


static inline void
fault_io_flush(fkv__io_t *io)
{
    (void) io;
}


static inline int64_t
fault_io_run(fkv__io_req_t *req)
{
    const fkv__fs_t  *fs = fault_fs();
    int64_t           res;

    switch (req->kind) {

    case FKV__IO_READ:
        return fs->pread(fs, req->fd, req->iov[0].iov_base,
                         req->iov[0].iov_len, req->offset);

    case FKV__IO_WRITE:
        res = fs->pwrite(fs, req->fd, req->iov[0].iov_base,
                         req->iov[0].iov_len, req->offset);

        return (res > 0 && req->dsync && fs->fdatasync(fs, req->fd) < 0)
               ? -fault.error : res;

    case FKV__IO_FDATASYNC:
    case FKV__IO_FSYNC:
        return fs->fsync(fs, req->fd);

    case FKV__IO_OPEN:
        return fs->open(fs, req->fd, req->path, req->flags, 0600);

    case FKV__IO_CLOSE:
        return fs->close(fs, req->fd);
    }

    return -EINVAL;
}


static inline unsigned
fault_io_reap(fkv__io_t *io)
{
    unsigned     n = 0;
    fkv_link_t  *queue = io->backend, now;

    fkv__io_drain(io->eventfd);

    /* on_done may submit more, which is for the next time. */
    fkv__list_init(&now);

    while (!fkv__list_empty(queue)) {
        fkv_link_t  *link = queue->next;

        fkv__list_remove(link);
        fkv__list_append(&now, link);
    }

    while (!fkv__list_empty(&now)) {
        fkv__io_req_t  *req = fkv__container(now.next, fkv__io_req_t, link);

        fkv__list_remove(&req->link);

        while (!fkv__io_progress(req, fault_io_run(req))) {
            /* the rest */
        }

        fkv__io_finish(io, req);
        n++;
    }

    return n;
}


static inline void
fault_io_close(fkv__io_t *io)
{
    while (fault_io_reap(io) > 0) {
        /* all of it */
    }

    free(io->backend);
}


static const fkv__io_ops_t  fault_io = {
    "faults", fault_io_open, fault_io_submit, fault_io_flush, fault_io_reap,
    fault_io_close
};


#endif /* FKV_T_FAULT_H */
