/*
 * file.h - blocking file calls, for the master at opening time and for the
 * helper's threads only; a worker's event loop never comes here.
 *
 * They go through a table, so that tests can fail the N-th call or forget
 * unsynced bytes.  Every call of the table answers 0 or more, or -errno; the
 * helpers below it answer with a code and leave the cause in errno.
 */

#ifndef FKV_IO_FILE_H
#define FKV_IO_FILE_H

#include "base/types.h"
#include "base/buf.h"

#include <sys/types.h>

typedef struct fkv__fs_s  fkv__fs_t;

struct fkv__fs_s {
    int      (*open)(const fkv__fs_t *fs, int dir, const char *path,
                  int flags, mode_t mode);
    int      (*close)(const fkv__fs_t *fs, int fd);
    int64_t  (*pread)(const fkv__fs_t *fs, int fd, void *buf, size_t len,
                  uint64_t offset);
    int64_t  (*pwrite)(const fkv__fs_t *fs, int fd, const void *buf,
                  size_t len, uint64_t offset);
    int64_t  (*size)(const fkv__fs_t *fs, int fd);
    int      (*fdatasync)(const fkv__fs_t *fs, int fd);
    int      (*fsync)(const fkv__fs_t *fs, int fd);    /* directories too */
    int      (*push)(const fkv__fs_t *fs, int fd, uint64_t offset,
                  uint64_t len, bool wait);     /* see fkv__file_push() */
    int      (*allocate)(const fkv__fs_t *fs, int fd, uint64_t bytes);
                                        /* from 0 on; -EOPNOTSUPP: it cannot */
    int      (*truncate)(const fkv__fs_t *fs, int fd, uint64_t bytes);
    int      (*rename)(const fkv__fs_t *fs, int dir, const char *from,
                  const char *to);
    int      (*unlink)(const fkv__fs_t *fs, int dir, const char *path);
    int      (*mkdir)(const fkv__fs_t *fs, int dir, const char *path,
                  mode_t mode);
    int      (*link)(const fkv__fs_t *fs, int dir, const char *path,
                  int to_dir, const char *to);
    int      (*rename_new)(const fkv__fs_t *fs, int dir, const char *from,
                  const char *to);      /* -EEXIST, never replaces */
    int64_t  (*room)(const fkv__fs_t *fs, int dir);     /* bytes free */
    void      *data;                            /* a test's own */
};

/* The real one.  open() always adds O_CLOEXEC. */
extern const fkv__fs_t  fkv__fs_linux;


/*
 * All len bytes or an error; EINTR and short transfers are retried.
 * FKV_OK · FKV_EIO (ENODATA: the end of file) · FKV_EFULL disk full
 * · FKV_ENOMEM
 */
int fkv__file_read(const fkv__fs_t *fs, int fd, void *buf, size_t len,
    uint64_t offset);
int fkv__file_write(const fkv__fs_t *fs, int fd, const void *buf, size_t len,
    uint64_t offset);

/*
 * Has the kernel write these bytes of the file to disk now, and waits for it
 * or not: so that many written bytes do not become one long sync, behind which
 * other processes' I/O has to wait.  It is not a sync: nothing is promised but
 * that what fails here, and then perhaps in no later fdatasync, is told.
 * FKV_OK · FKV_EIO · FKV_EFULL
 */
int fkv__file_push(const fkv__fs_t *fs, int fd, uint64_t offset, uint64_t len,
    bool wait);

/*
 * The whole file, appended to buf; after a failure buf is as it was.  Also
 * FKV_NOTFOUND.
 */
int fkv__file_slurp(const fkv__fs_t *fs, int dir, const char *path,
    fkv__buf_t *buf);

/*
 * Creates path with these bytes so that after a crash either the old or the
 * new content is there: temporary file (path + ".tmp"), fdatasync, rename,
 * directory fsync.  path lies in dir itself, without a slash; one caller at a
 * time.  After a failure the old content is there, except when only the last
 * step failed: then a crash decides.
 */
int fkv__file_replace(const fkv__fs_t *fs, int dir, const char *path,
    const void *data, size_t len, mode_t mode);

/* fsync of the directory itself. */
int fkv__file_sync_dir(const fkv__fs_t *fs, int dir);

/*
 * Unlinks path in dir, and if it is a directory all that is in it first; no
 * symbolic link is followed.  Nothing is synced.
 * FKV_OK it is gone, or was not there · FKV_EIO cause in errno
 */
int fkv__file_remove_tree(int dir, const char *path);

/*
 * Open-file-description lock on one byte.  They are owned by the open file,
 * inherited over fork, and fall when its last user is gone, I/O included.
 * fd must be open for writing.
 * take: FKV_OK · FKV_EBUSY · FKV_EIO the filesystem has no locks
 * held: true if another open file holds it, or if that cannot be known
 */
int fkv__file_lock_take(int fd, uint64_t byte);
void fkv__file_lock_drop(int fd, uint64_t byte);
bool fkv__file_lock_held(int fd, uint64_t byte);


#endif /* FKV_IO_FILE_H */
