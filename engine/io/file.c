/*
 * file.c - blocking file calls: the table for Linux, and helpers on a table.
 */

#define _GNU_SOURCE  1

#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FILE_SLURP_BYTES  (64 * 1024)


static int
linux_open(const fkv__fs_t *fs, int dir, const char *path, int flags,
    mode_t mode)
{
    int  fd = openat(dir, path, flags | O_CLOEXEC, mode);

    (void) fs;

    return (fd < 0) ? -errno : fd;
}


static int
linux_close(const fkv__fs_t *fs, int fd)
{
    (void) fs;

    /* After EINTR the descriptor is free all the same. */

    return (close(fd) != 0 && errno != EINTR) ? -errno : 0;
}


static int64_t
linux_pread(const fkv__fs_t *fs, int fd, void *buf, size_t len,
    uint64_t offset)
{
    ssize_t  n = pread(fd, buf, len, (off_t) offset);

    (void) fs;

    return (n < 0) ? -errno : n;
}


static int64_t
linux_pwrite(const fkv__fs_t *fs, int fd, const void *buf, size_t len,
    uint64_t offset)
{
    ssize_t  n = pwrite(fd, buf, len, (off_t) offset);

    (void) fs;

    return (n < 0) ? -errno : n;
}


static int64_t
linux_size(const fkv__fs_t *fs, int fd)
{
    struct stat  st;

    (void) fs;

    return (fstat(fd, &st) != 0) ? -errno : st.st_size;
}


static int
linux_fdatasync(const fkv__fs_t *fs, int fd)
{
    (void) fs;

    return (fdatasync(fd) != 0) ? -errno : 0;
}


static int
linux_push(const fkv__fs_t *fs, int fd, uint64_t offset, uint64_t len,
    bool wait)
{
    unsigned  flags = SYNC_FILE_RANGE_WRITE;

    (void) fs;

    if (wait) {
        flags |= SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER;
    }

    if (sync_file_range(fd, (off64_t) offset, (off64_t) len, flags) == 0) {
        return 0;
    }

    /* Who does not know it writes when it likes. */

    return (errno == ENOSYS) ? 0 : -errno;
}


static int
linux_allocate(const fkv__fs_t *fs, int fd, uint64_t bytes)
{
    (void) fs;

    return (fallocate(fd, 0, 0, (off_t) bytes) != 0) ? -errno : 0;
}


static int
linux_truncate(const fkv__fs_t *fs, int fd, uint64_t bytes)
{
    (void) fs;

    return (ftruncate(fd, (off_t) bytes) != 0) ? -errno : 0;
}


static int
linux_fsync(const fkv__fs_t *fs, int fd)
{
    (void) fs;

    return (fsync(fd) != 0) ? -errno : 0;
}


static int
linux_rename(const fkv__fs_t *fs, int dir, const char *from, const char *to)
{
    (void) fs;

    return (renameat(dir, from, dir, to) != 0) ? -errno : 0;
}


static int
linux_unlink(const fkv__fs_t *fs, int dir, const char *path)
{
    (void) fs;

    return (unlinkat(dir, path, 0) != 0) ? -errno : 0;
}


static int
linux_mkdir(const fkv__fs_t *fs, int dir, const char *path, mode_t mode)
{
    (void) fs;

    return (mkdirat(dir, path, mode) != 0) ? -errno : 0;
}


static int
linux_link(const fkv__fs_t *fs, int dir, const char *path, int to_dir,
    const char *to)
{
    (void) fs;

    return (linkat(dir, path, to_dir, to, 0) != 0) ? -errno : 0;
}


/* Not every file system can exclude that the name appears in between. */
static int
linux_rename_new(const fkv__fs_t *fs, int dir, const char *from,
    const char *to)
{
    struct stat  st;

    if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }

    if (errno != EINVAL && errno != ENOSYS) {
        return -errno;
    }

    if (fstatat(dir, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        return -EEXIST;
    }

    return linux_rename(fs, dir, from, to);
}


/* What is kept for the superuser is not ours, whoever we are. */
static int64_t
linux_room(const fkv__fs_t *fs, int dir)
{
    struct statvfs  st;

    (void) fs;

    return (fstatvfs(dir, &st) != 0)
           ? -errno : (int64_t) st.f_bavail * (int64_t) st.f_frsize;
}


const fkv__fs_t  fkv__fs_linux = {
    .open = linux_open,
    .close = linux_close,
    .pread = linux_pread,
    .pwrite = linux_pwrite,
    .size = linux_size,
    .fdatasync = linux_fdatasync,
    .fsync = linux_fsync,
    .push = linux_push,
    .allocate = linux_allocate,
    .truncate = linux_truncate,
    .rename = linux_rename,
    .unlink = linux_unlink,
    .mkdir = linux_mkdir,
    .link = linux_link,
    .rename_new = linux_rename_new,
    .room = linux_room,
    .data = NULL
};


/* Turns the table's answer into a code and leaves the cause in errno. */
static int
file_code(int64_t res)
{
    if (res >= 0) {
        return FKV_OK;
    }

    errno = (int) -res;

    switch (errno) {
    case ENOENT:  return FKV_NOTFOUND;
    case ENOMEM:  return FKV_ENOMEM;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:   return FKV_EFULL;
    default:      return FKV_EIO;
    }
}


int
fkv__file_read(const fkv__fs_t *fs, int fd, void *buf, size_t len,
    uint64_t offset)
{
    uint8_t  *p = buf;

    while (len > 0) {
        int64_t  n = fs->pread(fs, fd, p, len, offset);

        if (n == -EINTR) {
            continue;
        }

        if (n <= 0) {
            return file_code(n < 0 ? n : -ENODATA);
        }

        p += n;
        len -= (size_t) n;
        offset += (uint64_t) n;
    }

    return FKV_OK;
}


int
fkv__file_write(const fkv__fs_t *fs, int fd, const void *buf, size_t len,
    uint64_t offset)
{
    const uint8_t  *p = buf;

    while (len > 0) {
        int64_t  n = fs->pwrite(fs, fd, p, len, offset);

        if (n == -EINTR) {
            continue;
        }

        if (n <= 0) {
            return file_code(n < 0 ? n : -EIO);
        }

        p += n;
        len -= (size_t) n;
        offset += (uint64_t) n;
    }

    return FKV_OK;
}


/* Until the end of file, whatever its size was said to be. */
static int
file_slurp_fd(const fkv__fs_t *fs, int fd, fkv__buf_t *buf)
{
    uint64_t  offset = 0;

    for ( ;; ) {
        int64_t  n;

        if (fkv__buf_reserve(buf, FILE_SLURP_BYTES) != FKV_OK) {
            return file_code(-ENOMEM);
        }

        n = fs->pread(fs, fd, buf->data + buf->len, FILE_SLURP_BYTES, offset);

        if (n == 0) {
            return FKV_OK;
        }

        if (n < 0 && n != -EINTR) {
            return file_code(n);
        }

        if (n > 0) {
            buf->len += (size_t) n;
            offset += (uint64_t) n;
        }
    }
}


int
fkv__file_push(const fkv__fs_t *fs, int fd, uint64_t offset, uint64_t len,
    bool wait)
{
    int  rc;

    do {
        rc = fs->push(fs, fd, offset, len, wait);
    } while (rc == -EINTR);

    return file_code(rc);
}


int
fkv__file_slurp(const fkv__fs_t *fs, int dir, const char *path,
    fkv__buf_t *buf)
{
    int     fd, rc, cause;
    size_t  len = buf->len;

    fd = fs->open(fs, dir, path, O_RDONLY, 0);
    if (fd < 0) {
        return file_code(fd);
    }

    rc = file_slurp_fd(fs, fd, buf);
    cause = errno;

    if (rc != FKV_OK) {
        buf->len = len;
    }

    (void) fs->close(fs, fd);
    errno = cause;

    return rc;
}


static int
file_create(const fkv__fs_t *fs, int dir, const char *path, const void *data,
    size_t len, mode_t mode)
{
    int  rc, cause;
    int  fd = fs->open(fs, dir, path, O_WRONLY | O_CREAT | O_TRUNC, mode);

    if (fd < 0) {
        return file_code(fd);
    }

    rc = fkv__file_write(fs, fd, data, len, 0);

    if (rc == FKV_OK) {
        rc = file_code(fs->fdatasync(fs, fd));
    }

    if (rc == FKV_OK) {
        return file_code(fs->close(fs, fd));
    }

    cause = errno;
    (void) fs->close(fs, fd);
    errno = cause;

    return rc;
}


int
fkv__file_replace(const fkv__fs_t *fs, int dir, const char *path,
    const void *data, size_t len, mode_t mode)
{
    int   rc, cause;
    char  temp[NAME_MAX + 1];
    int   temp_len = snprintf(temp, sizeof(temp), "%s.tmp", path);

    FKV_ASSERT(strchr(path, '/') == NULL);
    FKV_ASSERT(temp_len > 0 && (size_t) temp_len < sizeof(temp));

    rc = file_create(fs, dir, temp, data, len, mode);

    if (rc == FKV_OK) {
        rc = file_code(fs->rename(fs, dir, temp, path));
    }

    if (rc != FKV_OK) {
        cause = errno;
        (void) fs->unlink(fs, dir, temp);
        errno = cause;
        return rc;
    }

    return fkv__file_sync_dir(fs, dir);
}


int
fkv__file_sync_dir(const fkv__fs_t *fs, int dir)
{
    return file_code(fs->fsync(fs, dir));
}


static struct flock
file_lock_of(uint64_t byte, int type)
{
    return (struct flock) {
        .l_type = (short) type,
        .l_whence = SEEK_SET,
        .l_start = (off_t) byte,
        .l_len = 1
    };
}


/* All that is in the directory fd, which is closed. */
static int
file_remove_all(int fd)
{
    int             rc = FKV_OK;
    DIR            *entries = fdopendir(fd);
    struct dirent  *entry;

    if (entries == NULL) {
        (void) close(fd);
        return FKV_EIO;
    }

    while (rc == FKV_OK && (entry = readdir(entries)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0
            && strcmp(entry->d_name, "..") != 0)
        {
            rc = fkv__file_remove_tree(dirfd(entries), entry->d_name);
        }
    }

    (void) closedir(entries);

    return rc;
}


int
fkv__file_remove_tree(int dir, const char *path)
{
    int  fd;

    if (unlinkat(dir, path, 0) == 0 || errno == ENOENT) {
        return FKV_OK;
    }

    if (errno != EISDIR && errno != EPERM) {
        return FKV_EIO;
    }

    fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 || file_remove_all(fd) != FKV_OK) {
        return FKV_EIO;
    }

    return (unlinkat(dir, path, AT_REMOVEDIR) == 0) ? FKV_OK : FKV_EIO;
}


int
fkv__file_lock_take(int fd, uint64_t byte)
{
    struct flock  lock = file_lock_of(byte, F_WRLCK);

    if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
        return FKV_OK;
    }

    return (errno == EAGAIN || errno == EACCES) ? FKV_EBUSY : FKV_EIO;
}


void
fkv__file_lock_drop(int fd, uint64_t byte)
{
    struct flock  lock = file_lock_of(byte, F_UNLCK);

    (void) fcntl(fd, F_OFD_SETLK, &lock);
}


bool
fkv__file_lock_held(int fd, uint64_t byte)
{
    struct flock  lock = file_lock_of(byte, F_WRLCK);

    if (fcntl(fd, F_OFD_GETLK, &lock) != 0) {
        return true;
    }

    return lock.l_type != F_UNLCK;
}
