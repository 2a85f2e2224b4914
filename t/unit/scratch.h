/*
 * scratch.h - what the tests of files have in common: a directory of their
 * own, a filesystem that fails when told to, what the engine said to the log.
 */

#ifndef FKV_T_SCRATCH_H
#define FKV_T_SCRATCH_H

#define _GNU_SOURCE  1

#include "check.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

static struct {
    char      path[256];            /* of the test's directory */
    char      error[512];           /* FKV_ERROR_BYTES */

    unsigned  calls;                /* of the filesystem so far */
    unsigned  fail_at;              /* the call that fails, 0 = none */
    bool      dead;                 /* and so do all that follow it */
    int       fail_with;

    char      said[8192];           /* one line each: "LEVEL text" */
} scratch;


static inline int
scratch_setup(void **state)
{
    const char  *tmp = getenv("TMPDIR");

    (void) state;

    memset(&scratch, 0, sizeof(scratch));
    scratch.fail_with = -EIO;

    (void) snprintf(scratch.path, sizeof(scratch.path), "%s/fkv_XXXXXX",
                    tmp != NULL ? tmp : "/tmp");

    return (mkdtemp(scratch.path) != NULL) ? 0 : -1;
}


static inline int
scratch_remove(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;

    return remove(path);
}


/* Everything in the directory goes, the directory stays. */
static inline void
scratch_clear(void)
{
    (void) nftw(scratch.path, scratch_remove, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir(scratch.path, 0700), 0);
}


static inline int
scratch_teardown(void **state)
{
    (void) state;

    return nftw(scratch.path, scratch_remove, 16, FTW_DEPTH | FTW_PHYS);
}


static inline const char *
scratch_name(const char *name)
{
    static char  path[512];

    (void) snprintf(path, sizeof(path), "%s/%s", scratch.path, name);

    return path;
}


static inline bool
scratch_exists(const char *name)
{
    return access(scratch_name(name), F_OK) == 0;
}


static inline int64_t
scratch_size(const char *name)
{
    struct stat  st;

    return (stat(scratch_name(name), &st) == 0) ? st.st_size : -1;
}


static inline void
scratch_write(const char *name, const void *data, size_t len, uint64_t offset)
{
    int  fd = open(scratch_name(name), O_WRONLY | O_CREAT, 0600);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, len, (off_t) offset), len);
    close(fd);
}


static inline void
scratch_flip(const char *name, uint64_t offset)
{
    int      fd = open(scratch_name(name), O_RDWR);
    uint8_t  byte;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t) offset), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t) offset), 1);
    close(fd);
}


static inline bool
scratch_fails(void)
{
    unsigned  call = __atomic_add_fetch(&scratch.calls, 1, __ATOMIC_RELAXED);

    return scratch.fail_at != 0
           && (call == scratch.fail_at
               || (scratch.dead && call > scratch.fail_at));
}


static inline int
scratch_open(const fkv__fs_t *fs, int dir, const char *path, int flags,
    mode_t mode)
{
    return scratch_fails() ? scratch.fail_with
                           : fkv__fs_linux.open(fs, dir, path, flags, mode);
}


static inline int
scratch_close(const fkv__fs_t *fs, int fd)
{
    return fkv__fs_linux.close(fs, fd);
}


static inline int64_t
scratch_pread(const fkv__fs_t *fs, int fd, void *buf, size_t len,
    uint64_t offset)
{
    return scratch_fails() ? scratch.fail_with
                           : fkv__fs_linux.pread(fs, fd, buf, len, offset);
}


/* A disk that fails, but lives, writes half of it. */
static inline int64_t
scratch_pwrite(const fkv__fs_t *fs, int fd, const void *buf, size_t len,
    uint64_t offset)
{
    if (!scratch_fails()) {
        return fkv__fs_linux.pwrite(fs, fd, buf, len, offset);
    }

    if (!scratch.dead) {
        (void) fkv__fs_linux.pwrite(fs, fd, buf, len / 2, offset);
    }

    return scratch.fail_with;
}


static inline int64_t
scratch_file_size(const fkv__fs_t *fs, int fd)
{
    return scratch_fails() ? scratch.fail_with : fkv__fs_linux.size(fs, fd);
}


/* Nobody pulls the plug here, so syncs do nothing, quickly. */
static inline int
scratch_sync(const fkv__fs_t *fs, int fd)
{
    (void) fs;
    (void) fd;

    return scratch_fails() ? scratch.fail_with : 0;
}


static inline int
scratch_rename(const fkv__fs_t *fs, int dir, const char *from, const char *to)
{
    return scratch_fails() ? scratch.fail_with
                           : fkv__fs_linux.rename(fs, dir, from, to);
}


static inline int
scratch_push(const fkv__fs_t *fs, int fd, uint64_t offset, uint64_t len,
    bool wait)
{
    return scratch_fails() ? scratch.fail_with
                           : fkv__fs_linux.push(fs, fd, offset, len, wait);
}


static inline int
scratch_unlink(const fkv__fs_t *fs, int dir, const char *path)
{
    return scratch_fails() ? scratch.fail_with
                           : fkv__fs_linux.unlink(fs, dir, path);
}


static inline int
scratch_mkdir(const fkv__fs_t *fs, int dir, const char *path, mode_t mode)
{
    return scratch_fails() ? scratch.fail_with
                           : fkv__fs_linux.mkdir(fs, dir, path, mode);
}


static const fkv__fs_t  scratch_fs = {
    .open = scratch_open,
    .close = scratch_close,
    .pread = scratch_pread,
    .pwrite = scratch_pwrite,
    .size = scratch_file_size,
    .fdatasync = scratch_sync,
    .fsync = scratch_sync,
    .push = scratch_push,
    .rename = scratch_rename,
    .unlink = scratch_unlink,
    .mkdir = scratch_mkdir,
    .data = NULL
};


/* The n-th call from now on fails; 0: none does. */
static inline void
scratch_fail(unsigned n, int with, bool dead)
{
    scratch.calls = 0;
    scratch.fail_at = n;
    scratch.fail_with = with;
    scratch.dead = dead;
}


static inline void
scratch_say(void *data, fkv_log_level_e level, const char *text)
{
    static const char  *const  names[] = {
        "ALERT", "ERROR", "WARN", "NOTICE", "INFO", "DEBUG"
    };
    size_t                     len = strlen(scratch.said);

    (void) data;
    (void) snprintf(scratch.said + len, sizeof(scratch.said) - len, "%s %s\n",
                    names[level], text);
}


static const fkv_log_t  scratch_log = { scratch_say, NULL };


static inline bool
scratch_heard(const char *text)
{
    return strstr(scratch.said, text) != NULL;
}


#endif /* FKV_T_SCRATCH_H */
