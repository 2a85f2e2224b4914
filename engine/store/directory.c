/*
 * directory.c - making the store's directory, its lock, and listing files.
 */

#define _GNU_SOURCE  1

#include "store/directory.h"

#include "fkv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_BYTE    0
#define HOLDERS_MAX  24         /* pids that one sentence has room for */

#define DYING_STEPS    200      /* two seconds for the dead to let go */
#define DYING_STEP_MS  10
#define NUMBER_MAX   20         /* digits */


/* res is what a call of the table answered. */
static int
directory_cause(char *error, int res, const char *what, const char *path,
    const char *name)
{
    int  rc;

    switch (-res) {
    case ENOSPC:
    case EDQUOT:  rc = FKV_EFULL;   break;
    case ENOMEM:  rc = FKV_ENOMEM;  break;
    default:      rc = FKV_EIO;
    }

    return fkv__error(error, rc, "cannot %s \"%.256s%s\": %s", what,
                      path, name, strerror(-res));
}


int
fkv__directory_own(int fd, uid_t uid, gid_t gid)
{
    struct stat  st;

    if (uid == (uid_t) -1) {
        return FKV_OK;
    }

    if (fstat(fd, &st) != 0) {
        return FKV_EIO;
    }

    if (st.st_uid == uid && (gid == (gid_t) -1 || st.st_gid == gid)) {
        return FKV_OK;
    }

    return (fchown(fd, uid, gid) == 0) ? FKV_OK : FKV_EIO;
}


/* NULL, and the cause in errno.  Has an offset of its own. */
static DIR *
directory_list(int dir)
{
    DIR  *entries;
    int   fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        return NULL;
    }

    entries = fdopendir(fd);

    if (entries == NULL) {
        (void) close(fd);
    }

    return entries;
}


/* One number has one spelling: more than width digits do not begin with 0. */
static bool
directory_number(const char *name, const char *prefix, unsigned width,
    const char *suffix, uint64_t *number)
{
    size_t       len = strlen(prefix), digits;
    const char  *p = name + len;

    if (strncmp(name, prefix, len) != 0) {
        return false;
    }

    digits = strspn(p, "0123456789");

    if (digits < fkv__max(width, 1u) || digits >= NUMBER_MAX
        || (digits > width && p[0] == '0')
        || strcmp(p + digits, suffix) != 0)
    {
        return false;
    }

    *number = strtoull(p, NULL, 10);

    return true;
}


int
fkv__directory_numbers(int dir, const char *prefix, unsigned width,
    const char *suffix, fkv__buf_t *numbers)
{
    int             rc = FKV_OK;
    DIR            *entries = directory_list(dir);
    uint64_t        number;
    struct dirent  *entry;

    if (entries == NULL) {
        return FKV_EIO;
    }

    while (rc == FKV_OK) {
        errno = 0;
        entry = readdir(entries);

        if (entry == NULL) {
            rc = (errno == 0) ? FKV_OK : FKV_EIO;
            break;
        }

        if (directory_number(entry->d_name, prefix, width, suffix, &number)) {
            rc = fkv__buf_append(numbers, &number, sizeof(number));
        }
    }

    (void) closedir(entries);

    return rc;
}


/*
 * Whether the directory may become a store, or is one: it has a LOCK, or a
 * CURRENT without one (restored by hand), or nothing at all.
 */
static bool
directory_suits(int dir, bool *empty)
{
    DIR            *entries;
    struct stat     st;
    struct dirent  *entry;

    *empty = false;

    if (fstatat(dir, "LOCK", &st, AT_SYMLINK_NOFOLLOW) == 0
        || fstatat(dir, "CURRENT", &st, AT_SYMLINK_NOFOLLOW) == 0)
    {
        return true;
    }

    entries = directory_list(dir);
    if (entries == NULL) {
        return false;
    }

    *empty = true;

    while ((entry = readdir(entries)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0
            && strcmp(entry->d_name, "..") != 0
            && strcmp(entry->d_name, "lost+found") != 0)
        {
            *empty = false;
            break;
        }
    }

    (void) closedir(entries);

    return *empty;
}


/* The entry of path itself must survive a crash too. */
static void
directory_sync_parent(const fkv__fs_t *fs, const char *path)
{
    int          fd;
    char         parent[PATH_MAX];
    const char  *slash = strrchr(path, '/');

    if (slash == NULL || (size_t) (slash - path) >= sizeof(parent) - 1) {
        return;
    }

    (void) snprintf(parent, sizeof(parent), "%.*s", (int) (slash - path + 1),
                    path);

    /* Who may create in it but not list it cannot sync it: go on. */
    fd = fs->open(fs, AT_FDCWD, parent, O_RDONLY | O_DIRECTORY, 0);

    if (fd >= 0) {
        (void) fkv__file_sync_dir(fs, fd);
        (void) fs->close(fs, fd);
    }
}


/* Checks an existing directory's owner and content, or fits a fresh one. */
static int
directory_check(int dir, const char *path, uid_t uid, gid_t gid, char *error)
{
    bool         empty;
    struct stat  st;

    if (fstat(dir, &st) != 0) {
        return directory_cause(error, -errno, "look at", path, "");
    }

    if (!directory_suits(dir, &empty)) {
        return fkv__error(error, FKV_EIO, "\"%.256s\" is not empty "
                          "and holds no store", path);
    }

    if (empty) {
        /* Also one that root made for a worker user. */
        return (fkv__directory_own(dir, uid, gid) == FKV_OK)
               ? FKV_OK
               : directory_cause(error, -errno, "change the owner of", path,
                                 "");
    }

    if (uid != (uid_t) -1 && st.st_uid != uid) {
        return fkv__error(error, FKV_EIO, "\"%.256s\" belongs to uid "
                          "%u, but the workers run as uid %u", path,
                          (unsigned) st.st_uid, (unsigned) uid);
    }

    return FKV_OK;
}


static int
directory_open_top(fkv__directory_t *d, const char *path, uid_t uid, gid_t gid,
    char *error)
{
    int  rc;

    rc = d->fs->mkdir(d->fs, AT_FDCWD, path, 0700);

    if (rc == 0) {
        directory_sync_parent(d->fs, path);

    } else if (rc != -EEXIST) {
        return directory_cause(error, rc, "create", path, "");
    }

    d->dir = d->fs->open(d->fs, AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);

    if (d->dir < 0) {
        return directory_cause(error, d->dir, "open", path, "");
    }

    return directory_check(d->dir, path, uid, gid, error);
}


/* Makes and opens DIR/name; slash_name is for the message. */
static int
directory_open_sub(const fkv__directory_t *d, const char *path,
    const char *slash_name, uid_t uid, gid_t gid, int *fd, char *error)
{
    int          rc;
    const char  *name = slash_name + 1;

    rc = d->fs->mkdir(d->fs, d->dir, name, 0700);

    if (rc < 0 && rc != -EEXIST) {
        return directory_cause(error, rc, "create", path, slash_name);
    }

    *fd = d->fs->open(d->fs, d->dir, name, O_RDONLY | O_DIRECTORY, 0);

    if (*fd < 0) {
        return directory_cause(error, *fd, "open", path, slash_name);
    }

    if (fkv__directory_own(*fd, uid, gid) != FKV_OK) {
        return directory_cause(error, -errno, "change the owner of", path,
                               slash_name);
    }

    return FKV_OK;
}


/* Does the process have that file open by another descriptor than ours? */
static bool
holder_has(const char *pid, const struct stat *lock, int ours)
{
    DIR            *fds;
    char            path[64];
    bool            found = false, self = (atol(pid) == (long) getpid());
    struct stat     st;
    struct dirent  *entry;

    (void) snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);

    fds = opendir(path);
    if (fds == NULL) {
        return false;
    }

    while (!found && (entry = readdir(fds)) != NULL) {
        found = !(self && atol(entry->d_name) == ours)
                && fstatat(dirfd(fds), entry->d_name, &st, 0) == 0
                && st.st_dev == lock->st_dev && st.st_ino == lock->st_ino;
    }

    (void) closedir(fds);

    return found;
}


/*
 * " (pid 12, 13)" of the processes that have the lock file open: a lock of an
 * open file has no pid, it may have many.  Those of other users are not seen
 * by everybody.
 */
static void
directory_holders(int lock, char *out, size_t room)
{
    DIR            *pids = opendir("/proc");
    size_t          len = 0, n = 0;
    struct stat     st;
    struct dirent  *entry;

    out[0] = '\0';

    if (pids == NULL || fstat(lock, &st) != 0) {
        goto done;
    }

    while (n < HOLDERS_MAX && (entry = readdir(pids)) != NULL) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9'
            || !holder_has(entry->d_name, &st, lock))
        {
            continue;
        }

        len += (size_t) snprintf(out + len, room - len, "%s%.10s",
                                 n == 0 ? " (pid " : ", ", entry->d_name);
        n++;
    }

    if (n > 0) {
        (void) snprintf(out + len, room - len, ")");
    }

done:

    if (pids != NULL) {
        (void) closedir(pids);
    }
}


static int
directory_take_lock(fkv__directory_t *d, const char *path, char *error)
{
    int   rc;
    char  holders[HOLDERS_MAX * 12 + 16];

    rc = fkv__file_lock_take(d->lock, LOCK_BYTE);

    /*
     * A process that was killed just now may hold the lock for a moment when
     * /proc shows its descriptors no more.
     */
    for (unsigned i = 0; rc == FKV_EBUSY && i < DYING_STEPS; i++) {
        directory_holders(d->lock, holders, sizeof(holders));

        if (holders[0] != '\0') {
            break;
        }

        (void) poll(NULL, 0, DYING_STEP_MS);
        rc = fkv__file_lock_take(d->lock, LOCK_BYTE);
    }

    if (rc == FKV_EBUSY) {
        return fkv__error(error, rc, "\"%.160s\" is in use by another "
                          "nginx%s", path, holders);
    }

    if (rc != FKV_OK) {
        return directory_cause(error, -errno, "lock", path, "/LOCK");
    }

    return FKV_OK;
}


static int
directory_lock(fkv__directory_t *d, const char *path, uid_t uid, gid_t gid,
    char *error)
{
    int  rc;

    d->lock = d->fs->open(d->fs, d->dir, "LOCK", O_RDWR | O_CREAT, 0600);

    if (d->lock < 0) {
        return directory_cause(error, d->lock, "open", path, "/LOCK");
    }

    rc = directory_take_lock(d, path, error);

    if (rc == FKV_OK && fkv__directory_own(d->lock, uid, gid) != FKV_OK) {
        return directory_cause(error, -errno, "change the owner of", path,
                               "/LOCK");
    }

    return rc;
}


int
fkv__directory_open(fkv__directory_t *directory, const fkv__fs_t *fs,
    const char *path, uid_t uid, gid_t gid, char *error)
{
    int               rc;
    fkv__directory_t  d = {
        .fs = fs, .dir = -1, .log_dir = -1, .sst_dir = -1, .blob_dir = -1,
        .lock = -1
    };

    rc = directory_open_top(&d, path, uid, gid, error);

    if (rc == FKV_OK) {
        FKV_STEP("directory.1");
        rc = directory_lock(&d, path, uid, gid, error);
    }

    /* First of all names: one that has others but no LOCK is not ours. */

    if (rc == FKV_OK && fkv__file_sync_dir(fs, d.dir) != FKV_OK) {
        rc = directory_cause(error, -errno, "sync", path, "");
    }

    if (rc == FKV_OK) {
        FKV_STEP("directory.2");
        rc = directory_open_sub(&d, path, "/log", uid, gid, &d.log_dir, error);
    }

    if (rc == FKV_OK) {
        rc = directory_open_sub(&d, path, "/sst", uid, gid, &d.sst_dir, error);
    }

    if (rc == FKV_OK) {
        rc = directory_open_sub(&d, path, "/blob", uid, gid, &d.blob_dir,
                                error);
    }

    if (rc == FKV_OK && fkv__file_sync_dir(fs, d.dir) != FKV_OK) {
        rc = directory_cause(error, -errno, "sync", path, "");
    }

    if (rc != FKV_OK) {
        fkv__directory_close(&d);
        return rc;
    }

    *directory = d;

    return FKV_OK;
}


/* Opens what exists; lock stays -1 where nobody can hold one. */
static int
directory_look_lock(fkv__directory_t *d, const char *path, char *error)
{
    d->lock = d->fs->open(d->fs, d->dir, "LOCK", O_RDWR, 0);

    if (d->lock == -ENOENT || d->lock == -EROFS) {
        d->lock = -1;
        return FKV_OK;
    }

    return (d->lock < 0)
           ? directory_cause(error, d->lock, "open", path, "/LOCK")
           : directory_take_lock(d, path, error);
}


static int
directory_look_subs(fkv__directory_t *d, const char *path, char *error)
{
    static const char *const  names[] = { "log", "sst", "blob" };
    int                      *fds[] = { &d->log_dir, &d->sst_dir,
                                        &d->blob_dir };
    struct stat               st;

    for (unsigned i = 0; i < 3; i++) {
        *fds[i] = d->fs->open(d->fs, d->dir, names[i], O_RDONLY | O_DIRECTORY,
                              0);

        if (*fds[i] == -ENOENT
            && fstatat(d->dir, "CURRENT", &st, AT_SYMLINK_NOFOLLOW) != 0)
        {
            return fkv__error(error, FKV_NOTFOUND, "\"%.256s\" was not made "
                              "to its end, the next open does that", path);
        }

        if (*fds[i] == -ENOENT) {
            return fkv__error(error, FKV_ECORRUPT, "\"%.256s\" is damaged: "
                              "its directory %s/ is missing", path, names[i]);
        }

        if (*fds[i] < 0) {
            return directory_cause(error, *fds[i], "open", path, "");
        }
    }

    return FKV_OK;
}


int
fkv__directory_look(fkv__directory_t *directory, const fkv__fs_t *fs,
    const char *path, char *error)
{
    int               rc;
    bool              empty;
    fkv__directory_t  d = {
        .fs = fs, .log_dir = -1, .sst_dir = -1, .blob_dir = -1, .lock = -1
    };

    d.dir = fs->open(fs, AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);

    if (d.dir < 0) {
        return directory_cause(error, d.dir, "open", path, "");
    }

    rc = directory_suits(d.dir, &empty) && !empty
         ? directory_look_lock(&d, path, error)
         : fkv__error(error, FKV_EIO, "\"%.256s\" holds no store", path);

    if (rc == FKV_OK) {
        rc = directory_look_subs(&d, path, error);
    }

    if (rc != FKV_OK) {
        fkv__directory_close(&d);
        return rc;
    }

    *directory = d;

    return FKV_OK;
}


void
fkv__directory_close(fkv__directory_t *d)
{
    int  *fds[] = { &d->log_dir, &d->sst_dir, &d->blob_dir, &d->dir,
                    &d->lock };

    /* The lock last: until then nobody else comes in. */
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (*fds[i] >= 0) {
            (void) d->fs->close(d->fs, *fds[i]);
            *fds[i] = -1;
        }
    }
}


int
fkv__directory_open_other(int *fd, const fkv__fs_t *fs, const char *path,
    uid_t uid, gid_t gid, char *error)
{
    int   rc;
    bool  made;

    rc = fs->mkdir(fs, AT_FDCWD, path, 0700);
    made = (rc == 0);

    if (rc != 0 && rc != -EEXIST) {
        return directory_cause(error, rc, "create", path, "");
    }

    *fd = fs->open(fs, AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0);

    if (*fd < 0) {
        return directory_cause(error, *fd, "open", path, "");
    }

    if (made && fkv__directory_own(*fd, uid, gid) != FKV_OK) {
        rc = directory_cause(error, -errno, "change the owner of", path, "");
        (void) fs->close(fs, *fd);
        *fd = -1;
        return rc;
    }

    if (made) {
        directory_sync_parent(fs, path);
    }

    return FKV_OK;
}
