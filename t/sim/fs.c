/*
 * fs.c - calls on files as the engine makes them: fkv__fs_t.  Each takes its
 * time, may fail, and moves less than it was asked to.
 */

#define _GNU_SOURCE
#include "sim.h"

#include <errno.h>

#define ROOM_BYTES  (1ll << 40)

sim_faults_t  sim_faults;


bool
sim_fault(const char *call, int *cause)
{
    bool  takes_room = (strcmp(call, "pwrite") == 0
                        || strcmp(call, "allocate") == 0
                        || strcmp(call, "open") == 0
                        || strcmp(call, "mkdir") == 0
                        || strcmp(call, "link") == 0
                        || strcmp(call, "rename") == 0);

    if (!sim_chance(sim_faults.error_one_in)) {
        return false;
    }

    *cause = (takes_room && sim_faults.full) ? ENOSPC : EIO;
    sim_figures->faults++;
    sim_say("%s fails: %s", call, strerror(*cause));

    return true;
}


/* A blocking call takes its time, begins at one moment and ends at another. */
static void
call_begins(void)
{
    sim_yield(SIM_AT_CALL, NULL);

    if (sim_chance(4)) {
        sim_sleep(sim_below(2 * SIM_MS));
    }
}


static void
call_ends(void)
{
    sim_yield(SIM_AT_CALL, NULL);
}


int
sim_fs_open(int dir, const char *path, int flags, mode_t mode)
{
    int  res, cause;

    (void) mode;
    call_begins();

    if (sim_fault("open", &cause)) {
        return -cause;
    }

    res = sim_files_open(sim_proc(), dir, path, flags);
    call_ends();

    return res;
}


int
sim_fs_close(int fd)
{
    sim_yield(SIM_AT_CALL, NULL);

    return sim_files_close(fd);
}


int
sim_fs_unlink(int dir, const char *path, bool directory)
{
    int  res;

    call_begins();
    res = sim_files_unlink(dir, path, directory);
    call_ends();

    return res;
}


/* The table's calls. */

static int
fs_open(const fkv__fs_t *fs, int dir, const char *path, int flags, mode_t mode)
{
    (void) fs;

    return sim_fs_open(dir, path, flags, mode);
}


static int
fs_close(const fkv__fs_t *fs, int fd)
{
    (void) fs;

    return sim_fs_close(fd);
}


/* How much of it this call moves. */
static size_t
transfer(size_t len)
{
    return (len > 1 && sim_chance(sim_faults.short_one_in))
           ? 1 + sim_below(len - 1) : len;
}


static int64_t
fs_pread(const fkv__fs_t *fs, int fd, void *buf, size_t len, uint64_t offset)
{
    int64_t  res;
    int      cause;

    (void) fs;
    call_begins();

    res = sim_fault("pread", &cause)
          ? -cause
          : sim_file_read(sim_file_of(fd), buf, transfer(len), offset);

    call_ends();

    return res;
}


static int64_t
fs_pwrite(const fkv__fs_t *fs, int fd, const void *buf, size_t len,
    uint64_t offset)
{
    int64_t  res;
    int      cause;

    (void) fs;
    call_begins();

    res = sim_fault("pwrite", &cause)
          ? -cause
          : sim_file_write(sim_file_of(fd), buf, transfer(len), offset, false);

    call_ends();

    return res;
}


static int64_t
fs_size(const fkv__fs_t *fs, int fd)
{
    (void) fs;
    sim_yield(SIM_AT_CALL, NULL);

    return (int64_t) sim_node_size(sim_file_node(sim_file_of(fd)));
}


/* What was written before it is durable afterwards, or sooner. */
static int
sync_call(const char *call, int fd)
{
    int   cause;
    bool  soon = sim_chance(2);

    sim_yield(SIM_AT_CALL, NULL);

    if (sim_fault(call, &cause)) {
        sim_node_forget(sim_file_node(sim_file_of(fd)));
        return -cause;
    }

    if (soon) {
        sim_node_sync(sim_file_node(sim_file_of(fd)));
    }

    sim_sleep(sim_below(3 * SIM_MS));

    if (!soon) {
        sim_node_sync(sim_file_node(sim_file_of(fd)));
    }

    return 0;
}


static int
fs_fdatasync(const fkv__fs_t *fs, int fd)
{
    (void) fs;

    return sync_call("fdatasync", fd);
}


static int
fs_fsync(const fkv__fs_t *fs, int fd)
{
    (void) fs;

    return sync_call("fsync", fd);
}


/* Some sectors come to disk, and that promises nothing. */
static int
fs_push(const fkv__fs_t *fs, int fd, uint64_t offset, uint64_t len, bool wait)
{
    int  cause;

    (void) fs;
    (void) wait;
    call_begins();

    if (sim_fault("push", &cause)) {
        return -cause;
    }

    sim_node_push(sim_file_node(sim_file_of(fd)), offset, len);

    return 0;
}


static int
fs_allocate(const fkv__fs_t *fs, int fd, uint64_t bytes)
{
    sim_node_t  *node;
    int          cause;

    (void) fs;
    call_begins();

    if (sim_fault("allocate", &cause)) {
        return -cause;
    }

    node = sim_file_node(sim_file_of(fd));
    sim_node_resize(node, fkv__max(sim_node_size(node), bytes));

    return 0;
}


static int
fs_truncate(const fkv__fs_t *fs, int fd, uint64_t bytes)
{
    int  cause;

    (void) fs;
    call_begins();

    if (sim_fault("truncate", &cause)) {
        return -cause;
    }

    sim_node_resize(sim_file_node(sim_file_of(fd)), bytes);

    return 0;
}


static int
fs_rename_to(int dir, const char *from, const char *to, bool replace)
{
    int  res, cause;

    call_begins();

    if (sim_fault("rename", &cause)) {
        return -cause;
    }

    res = sim_files_rename(dir, from, to, replace);
    call_ends();

    return res;
}


static int
fs_rename(const fkv__fs_t *fs, int dir, const char *from, const char *to)
{
    (void) fs;

    return fs_rename_to(dir, from, to, true);
}


static int
fs_rename_new(const fkv__fs_t *fs, int dir, const char *from, const char *to)
{
    (void) fs;

    return fs_rename_to(dir, from, to, false);
}


static int
fs_unlink(const fkv__fs_t *fs, int dir, const char *path)
{
    int  cause;

    (void) fs;

    if (sim_fault("unlink", &cause)) {
        return -cause;
    }

    return sim_fs_unlink(dir, path, false);
}


static int
fs_mkdir(const fkv__fs_t *fs, int dir, const char *path, mode_t mode)
{
    int  res, cause;

    (void) fs;
    (void) mode;
    call_begins();

    if (sim_fault("mkdir", &cause)) {
        return -cause;
    }

    res = sim_files_mkdir(dir, path);
    call_ends();

    return res;
}


static int
fs_link(const fkv__fs_t *fs, int dir, const char *path, int to_dir,
    const char *to)
{
    int  res, cause;

    (void) fs;
    call_begins();

    if (sim_fault("link", &cause)) {
        return -cause;
    }

    res = sim_files_link(dir, path, to_dir, to);
    call_ends();

    return res;
}


static int64_t
fs_room(const fkv__fs_t *fs, int dir)
{
    (void) fs;
    (void) dir;

    return ROOM_BYTES;
}


fkv__fs_t  sim_fs = {
    .open = fs_open,
    .close = fs_close,
    .pread = fs_pread,
    .pwrite = fs_pwrite,
    .size = fs_size,
    .fdatasync = fs_fdatasync,
    .fsync = fs_fsync,
    .push = fs_push,
    .allocate = fs_allocate,
    .truncate = fs_truncate,
    .rename = fs_rename,
    .unlink = fs_unlink,
    .mkdir = fs_mkdir,
    .link = fs_link,
    .rename_new = fs_rename_new,
    .room = fs_room
};
