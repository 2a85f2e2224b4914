/*
 * files.c - what the kernel has of files: paths, open files and who has them
 * open, and locks, which fall with the last of those.
 *
 * Everything is done at once; fs.c gives it time and lets it fail.
 */

#define _GNU_SOURCE
#include "sim.h"

#include "sanitize.h"

#include <errno.h>
#include <fcntl.h>

#define FDS        200000                   /* descriptors from here on */
#define FDS_MAX    4096
#define LOCKS_MAX  512

struct sim_file_s {
    sim_node_t  *node;
    int          flags;
    unsigned     refs;          /* descriptors and requests in flight */
};

typedef struct {
    sim_file_t        *file;
    const sim_proc_t  *proc;
} descriptor_t;

typedef struct {
    const sim_file_t  *file;
    const sim_node_t  *node;
    uint64_t           byte;
} lock_t;

static descriptor_t  fds[FDS_MAX];
static lock_t        locks[LOCKS_MAX];
static unsigned      locks_n;


bool
sim_fd_is(int fd)
{
    return fd >= FDS && fd < FDS + FDS_MAX;
}


static sim_file_t *
fd_file(int fd)
{
    return sim_fd_is(fd) ? fds[fd - FDS].file : NULL;
}


/*
 * Of a blocking call, which holds nothing while it waits: who dies in it has
 * nothing open any more.
 */
sim_file_t *
sim_file_of(int fd)
{
    sim_file_t  *file = fd_file(fd);

    if (file == NULL) {
        sim_fail("descriptor %d is not open", fd);
    }

    return file;
}


/* Paths. */

/*
 * The directory that a path's last component is in, and that component; of a
 * path that ends there an empty one.
 */
static int
path_walk(int dir, const char *path, sim_node_t **at, char *name)
{
    const sim_file_t  *file = fd_file(dir);
    sim_node_t            *node = (path[0] == '/') ? sim_disk_root()
                              : (file != NULL) ? file->node : NULL;

    if (node == NULL) {
        return -EBADF;
    }

    name[0] = '\0';

    for ( ;; ) {
        size_t  len;

        path += strspn(path, "/");
        len = strcspn(path, "/");

        if (len == 0) {
            *at = node;
            return 0;
        }

        if (name[0] != '\0') {
            node = sim_node_find(node, name);

            if (node == NULL) {
                return -ENOENT;
            }
        }

        if (!sim_node_directory(node)) {
            return -ENOTDIR;
        }

        if (len >= SIM_NAME_MAX) {
            return -ENAMETOOLONG;
        }

        (void) snprintf(name, SIM_NAME_MAX, "%.*s", (int) len, path);
        path += len;

        if (strcmp(name, ".") == 0) {
            name[0] = '\0';
        }
    }
}


static int
path_node(int dir, const char *path, sim_node_t **node)
{
    char  name[SIM_NAME_MAX];
    int   res = path_walk(dir, path, node, name);

    if (res != 0 || name[0] == '\0') {
        return res;
    }

    *node = sim_node_find(*node, name);

    return (*node != NULL) ? 0 : -ENOENT;
}


static int
fd_new(const sim_proc_t *proc, sim_node_t *node, int flags)
{
    for (int i = 0; i < FDS_MAX; i++) {
        if (fds[i].file == NULL) {
            sim_file_t  *file = calloc(1, sizeof(*file));

            file->node = node;
            file->flags = flags;
            file->refs = 1;
            sim_node_hold(node);
            fds[i] = (descriptor_t) { file, proc };

            return FDS + i;
        }
    }

    return -EMFILE;
}


int
sim_files_open(const sim_proc_t *proc, int dir, const char *path, int flags)
{
    char         name[SIM_NAME_MAX];
    sim_node_t  *node;
    int          res = path_walk(dir, path, &node, name);

    if (res != 0) {
        return res;
    }

    if (name[0] != '\0') {
        sim_node_t  *at = node;

        node = sim_node_find(at, name);

        if (node == NULL) {
            if (!(flags & O_CREAT)) {
                return -ENOENT;
            }

            node = sim_node_new(false);
            sim_node_set(at, name, node);

        } else if ((flags & O_CREAT) && (flags & O_EXCL)) {
            return -EEXIST;
        }
    }

    if ((flags & O_DIRECTORY) && !sim_node_directory(node)) {
        return -ENOTDIR;
    }

    if (sim_node_directory(node) && (flags & O_ACCMODE) != O_RDONLY) {
        return -EISDIR;
    }

    if (flags & O_TRUNC) {
        sim_node_resize(node, 0);
    }

    return fd_new(proc, node, flags);
}


int
sim_files_close(int fd)
{
    sim_file_t  *file = fd_file(fd);

    if (file == NULL) {
        sim_fail("descriptor %d is closed twice", fd);
    }

    fds[fd - FDS].file = NULL;
    sim_file_drop(file);

    return 0;
}


void
sim_files_close_all(const sim_proc_t *proc)
{
    for (unsigned i = 0; i < FDS_MAX; i++) {
        if (fds[i].file != NULL && (proc == NULL || fds[i].proc == proc)) {
            sim_file_drop(fds[i].file);
            fds[i].file = NULL;
        }
    }
}


void
sim_files_cut(void)
{
    sim_files_close_all(NULL);

    if (locks_n != 0) {
        sim_fail("a lock is left of a file that nobody has open");
    }
}


int
sim_files_unlink(int dir, const char *path, bool directory)
{
    char         name[SIM_NAME_MAX];
    sim_node_t  *at, *node;
    int          res = path_walk(dir, path, &at, name);

    if (res != 0) {
        return res;
    }

    node = sim_node_find(at, name);

    if (node == NULL) {
        return -ENOENT;
    }

    if (sim_node_directory(node) != directory) {
        return directory ? -ENOTDIR : -EISDIR;
    }

    if (directory && sim_node_name(node, 0) != NULL) {
        return -ENOTEMPTY;
    }

    sim_node_set(at, name, NULL);

    if (sim_chance(20)) {
        sim_disk_sweep();
    }

    return 0;
}


int
sim_files_rename(int dir, const char *from, const char *to, bool replace)
{
    char         from_name[SIM_NAME_MAX], to_name[SIM_NAME_MAX];
    sim_node_t  *node, *other;
    int          res = path_walk(dir, from, &node, from_name);

    if (res == 0) {
        res = path_walk(dir, to, &other, to_name);
    }

    if (res != 0) {
        return res;
    }

    if (sim_node_find(node, from_name) == NULL) {
        return -ENOENT;
    }

    if (!replace && sim_node_find(other, to_name) != NULL) {
        return -EEXIST;
    }

    if (node != other) {
        sim_fail("a rename to another directory");
    }

    sim_node_rename(node, from_name, to_name);

    return 0;
}


int
sim_files_mkdir(int dir, const char *path)
{
    char         name[SIM_NAME_MAX];
    sim_node_t  *at;
    int          res = path_walk(dir, path, &at, name);

    if (res != 0) {
        return res;
    }

    if (name[0] == '\0' || sim_node_find(at, name) != NULL) {
        return -EEXIST;
    }

    sim_node_set(at, name, sim_node_new(true));

    return 0;
}


int
sim_files_link(int dir, const char *path, int to_dir, const char *to)
{
    char         name[SIM_NAME_MAX];
    sim_node_t  *node, *into;
    int          res = path_node(dir, path, &node);

    if (res == 0) {
        res = path_walk(to_dir, to, &into, name);
    }

    if (res != 0) {
        return res;
    }

    if (sim_node_find(into, name) != NULL) {
        return -EEXIST;
    }

    sim_node_set(into, name, node);

    return 0;
}


int
sim_files_stat(int dir, const char *path, struct stat *st)
{
    sim_node_t  *node;
    int          res = path_node(dir, path, &node);

    if (res == 0) {
        sim_node_stat(node, st);
    }

    return res;
}


const char *
sim_files_name(int dir, unsigned i)
{
    return sim_node_name(fd_file(dir)->node, i);
}


/* Locks are owned by the open file. */
int
sim_files_lock(int fd, uint64_t byte, bool take, bool ask)
{
    const sim_file_t  *file = fd_file(fd);
    unsigned           i = 0;

    while (i < locks_n && (locks[i].node != file->node
                           || locks[i].byte != byte))
    {
        i++;
    }

    if (ask) {
        return i < locks_n && locks[i].file != file;
    }

    if (!take) {
        if (i < locks_n && locks[i].file == file) {
            locks[i] = locks[--locks_n];
        }

        return 0;
    }

    if (i < locks_n) {
        return (locks[i].file == file) ? 0 : -EAGAIN;
    }

    if (locks_n == LOCKS_MAX) {
        sim_fail("too many locks");
    }

    locks[locks_n++] = (lock_t) { file, file->node, byte };

    return 0;
}


/* Open files. */

sim_file_t *
sim_file_hold(int fd)
{
    sim_file_t  *file = sim_file_of(fd);

    file->refs++;

    return file;
}


void
sim_file_drop(sim_file_t *file)
{
    if (--file->refs > 0) {
        return;
    }

    for (unsigned i = 0; i < locks_n; ) {
        if (locks[i].file == file) {
            locks[i] = locks[--locks_n];

        } else {
            i++;
        }
    }

    sim_node_drop(file->node);

    sanitize_kernel(true);
    free(file);
    sanitize_kernel(false);
}


bool
sim_file_aligned(const sim_file_t *file, const void *buf, size_t len,
    uint64_t offset)
{
    return !(file->flags & O_DIRECT)
           || ((uintptr_t) buf % SIM_SECTOR == 0 && len % SIM_SECTOR == 0
               && offset % SIM_SECTOR == 0);
}


sim_node_t *
sim_file_node(const sim_file_t *file)
{
    return file->node;
}


int64_t
sim_file_read(sim_file_t *file, void *to, size_t len, uint64_t offset)
{
    return sim_node_directory(file->node)
           ? -EISDIR : sim_node_read(file->node, to, len, offset);
}


int64_t
sim_file_write(sim_file_t *file, const void *from, size_t len,
    uint64_t offset, bool dsync)
{
    return (sim_node_directory(file->node)
            || (file->flags & O_ACCMODE) == O_RDONLY)
           ? -EBADF : sim_node_write(file->node, from, len, offset, dsync);
}


void
sim_file_tear(sim_file_t *file, const void *from, size_t len, uint64_t offset)
{
    for (size_t at = 0; at < len; at += SIM_SECTOR) {
        if (sim_chance(2)) {
            (void) sim_file_write(file, (const uint8_t *) from + at,
                                  fkv__min((size_t) SIM_SECTOR, len - at),
                                  offset + at, false);
        }
    }
}
