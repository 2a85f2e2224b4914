/*
 * disk.c - files in memory, twice: as they are, and as a power cut leaves them.
 *
 * A file has its bytes and what of them is durable, by sectors of 512 bytes.  A
 * write changes the bytes and makes their sectors dirty; a sync makes dirty
 * sectors durable.  The cut keeps any subset of those that are dirty, and for
 * the length either one.  A dirty sector may also become durable at any time,
 * so that what a cut leaves may be older than the last write and newer than the
 * last sync.
 *
 * A directory has its names and what of them is durable; each change waits
 * for the directory's fsync.  The cut makes some of those that wait durable: a
 * prefix (ordered), or any subset that keeps the order of each name.
 */

#define _GNU_SOURCE
#include "sim.h"

#include "sanitize.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SECTOR       512
#define NODES_MAX    4000
#define NODE_BYTES   (64 * 1024 * 1024)     /* of address space */
#define FDS          200000                 /* descriptors from here on */
#define FDS_MAX      4096
#define ENTRIES_MAX  1500
#define WAITING_MAX  3000
#define LOCKS_MAX    512
#define ROOM_BYTES   (1ll << 40)

typedef struct node_s  node_t;

typedef struct {
    char     name[SIM_NAME_MAX];
    node_t  *node;
} entry_t;

/* One change of names: to names are set, or removed (node NULL). */
typedef struct {
    unsigned  n;
    entry_t   to[2];
} change_t;

typedef struct {
    unsigned  n;
    entry_t   entries[ENTRIES_MAX];
} names_t;

struct node_s {
    bool       directory;
    ino_t      number;
    unsigned   refs;            /* open files */

    uint8_t   *bytes;
    uint8_t   *durable;
    uint8_t   *dirty;           /* of each sector */
    uint64_t   size;
    uint64_t   durable_size;

    names_t   *names;
    names_t   *durable_names;
    change_t  *waiting;
    unsigned   waiting_n;
};

struct sim_file_s {
    node_t    *node;
    int        flags;
    unsigned   refs;            /* descriptors and requests in flight */
};

typedef struct {
    sim_file_t        *file;
    const sim_proc_t  *proc;
} descriptor_t;

typedef struct {
    const sim_file_t  *file;
    const node_t      *node;
    uint64_t           byte;
} lock_t;

sim_faults_t  sim_faults;

static node_t        *nodes[NODES_MAX];
static ino_t          last_number;
static descriptor_t   fds[FDS_MAX];
static lock_t         locks[LOCKS_MAX];
static unsigned       locks_n;
static node_t        *root;


static void *
pages_new(size_t bytes)
{
    void  *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) {
        sim_fail("no memory for a file");
    }

    return p;
}


static node_t *
node_new(bool directory)
{
    unsigned  i = 0;
    node_t   *node = calloc(1, sizeof(*node));

    while (nodes[i] != NULL) {
        if (++i == NODES_MAX) {
            sim_fail("too many files");
        }
    }

    nodes[i] = node;
    node->directory = directory;
    node->number = ++last_number;

    if (directory) {
        node->names = calloc(1, sizeof(names_t));
        node->durable_names = calloc(1, sizeof(names_t));
        node->waiting = calloc(WAITING_MAX, sizeof(change_t));

    } else {
        node->bytes = pages_new(NODE_BYTES);
        node->durable = pages_new(NODE_BYTES);
        node->dirty = pages_new(NODE_BYTES / SECTOR);
    }

    return node;
}


static void
node_free(node_t *node)
{
    if (node->directory) {
        free(node->names);
        free(node->durable_names);
        free(node->waiting);

    } else {
        (void) munmap(node->bytes, NODE_BYTES);
        (void) munmap(node->durable, NODE_BYTES);
        (void) munmap(node->dirty, NODE_BYTES / SECTOR);
    }

    free(node);
}


static entry_t *
names_find(names_t *names, const char *name)
{
    for (unsigned i = 0; i < names->n; i++) {
        if (strcmp(names->entries[i].name, name) == 0) {
            return &names->entries[i];
        }
    }

    return NULL;
}


static void
names_set(names_t *names, const char *name, node_t *node)
{
    entry_t  *entry = names_find(names, name);

    if (node == NULL) {
        if (entry != NULL) {
            *entry = names->entries[--names->n];
        }

        return;
    }

    if (entry == NULL) {
        if (names->n == ENTRIES_MAX) {
            sim_fail("too many names in a directory");
        }

        entry = &names->entries[names->n++];
        memset(entry, 0, sizeof(*entry));
        memcpy(entry->name, name, strlen(name) + 1);
    }

    entry->node = node;
}


static bool
names_have(const names_t *names, const node_t *node)
{
    for (unsigned i = 0; i < names->n; i++) {
        if (names->entries[i].node == node) {
            return true;
        }
    }

    return false;
}


static bool
waiting_has(const node_t *dir, const node_t *node)
{
    for (unsigned i = 0; i < dir->waiting_n; i++) {
        for (unsigned k = 0; k < dir->waiting[i].n; k++) {
            if (dir->waiting[i].to[k].node == node) {
                return true;
            }
        }
    }

    return false;
}


/* Files that nobody can come to any more, whatever is cut. */
static void
nodes_sweep(void)
{
    for (unsigned i = 0; i < NODES_MAX; i++) {
        node_t  *node = nodes[i];
        bool     needed = (node == NULL || node == root || node->refs > 0);

        for (unsigned d = 0; d < NODES_MAX && !needed; d++) {
            node_t  *dir = nodes[d];

            needed = dir != NULL && dir->directory
                     && (names_have(dir->names, node)
                         || names_have(dir->durable_names, node)
                         || waiting_has(dir, node));
        }

        if (!needed) {
            nodes[i] = NULL;
            node_free(node);
        }
    }
}


static void
names_apply(names_t *names, const change_t *change)
{
    for (unsigned i = 0; i < change->n; i++) {
        names_set(names, change->to[i].name, change->to[i].node);
    }
}


static void
dir_change(node_t *dir, const change_t *change)
{
    names_apply(dir->names, change);

    if (dir->waiting_n == WAITING_MAX) {
        /* Some of what waits has come to disk by itself. */
        for (unsigned i = 0; i < WAITING_MAX / 2; i++) {
            names_apply(dir->durable_names, &dir->waiting[i]);
        }

        dir->waiting_n -= WAITING_MAX / 2;
        memmove(dir->waiting, dir->waiting + WAITING_MAX / 2,
                dir->waiting_n * sizeof(change_t));
    }

    dir->waiting[dir->waiting_n++] = *change;

    if (sim_plan.cut_soon != 0 && sim_chance(20)) {
        sim_plan.cut = 1 + sim_below(sim_plan.cut_soon);
        sim_plan.cut_soon = 0;
    }

    sim_note(dir->number << 8 ^ change->n);
}


static void
dir_set(node_t *dir, const char *name, node_t *node)
{
    change_t  change = { .n = 1 };

    memcpy(change.to[0].name, name, strlen(name) + 1);
    change.to[0].node = node;
    dir_change(dir, &change);
}


static void
dir_cut(node_t *dir)
{
    bool  all = sim_chance(3), stopped = false;

    for (unsigned i = 0; i < dir->waiting_n; i++) {
        const change_t  *change = &dir->waiting[i];
        bool             lost = !all && sim_chance(3);

        if (sim_faults.ordered) {
            stopped |= lost;
            lost = stopped;
        }

        /* Of one name nothing newer survives than what is lost. */
        for (unsigned k = 0; lost && !sim_faults.ordered && k < change->n;
             k++)
        {
            for (unsigned j = i + 1; j < dir->waiting_n; j++) {
                change_t  *later = &dir->waiting[j];

                for (unsigned m = 0; m < later->n; m++) {
                    if (strcmp(later->to[m].name, change->to[k].name) == 0) {
                        later->n = 0;
                    }
                }
            }
        }

        if (!lost) {
            names_apply(dir->durable_names, change);
        }
    }

    dir->waiting_n = 0;
    *dir->names = *dir->durable_names;
}


static void
file_sectors_durable(node_t *node)
{
    uint64_t  sectors = (node->size + SECTOR - 1) / SECTOR;

    for (uint64_t i = 0; i < sectors; i++) {
        if (node->dirty[i]) {
            memcpy(node->durable + i * SECTOR, node->bytes + i * SECTOR,
                   SECTOR);
            node->dirty[i] = 0;
        }
    }

    node->durable_size = node->size;
}


static void
file_cut(node_t *node)
{
    uint64_t  size, top = fkv__max(node->size, node->durable_size);
    uint64_t  sectors = (top + SECTOR - 1) / SECTOR;
    unsigned  lost_of = (unsigned) sim_below(4);    /* none, all, some, few */

    size = sim_chance(2) ? node->size : node->durable_size;

    for (uint64_t i = 0; i < sectors; i++) {
        uint8_t  *bytes = node->bytes + i * SECTOR;
        uint8_t  *durable = node->durable + i * SECTOR;

        if (!node->dirty[i]) {
            memcpy(bytes, durable, SECTOR);
            continue;
        }

        node->dirty[i] = 0;

        if (lost_of == 1 || (lost_of == 2 && sim_chance(2))
            || (lost_of == 3 && sim_chance(8)))
        {
            memcpy(bytes, durable, SECTOR);
            sim_figures->lost_sectors++;

        } else {
            memcpy(durable, bytes, SECTOR);
        }
    }

    /* Behind the end there is nothing. */
    memset(node->bytes + size, 0, top - size);
    memset(node->durable + size, 0, top - size);
    node->size = node->durable_size = size;
}


void
sim_disk_close_all(const sim_proc_t *proc)
{
    for (unsigned i = 0; i < FDS_MAX; i++) {
        if (fds[i].file != NULL && (proc == NULL || fds[i].proc == proc)) {
            sim_file_drop(fds[i].file);
            fds[i].file = NULL;
        }
    }
}


void
sim_disk_cut(void)
{
    sim_disk_close_all(NULL);

    if (locks_n != 0) {
        sim_fail("a lock is left of a file that nobody has open");
    }

    sanitize_kernel(true);

    for (unsigned i = 0; i < NODES_MAX; i++) {
        if (nodes[i] != NULL) {
            if (nodes[i]->directory) {
                dir_cut(nodes[i]);

            } else {
                file_cut(nodes[i]);
            }
        }
    }

    nodes_sweep();
    sanitize_kernel(false);
}


void
sim_disk_begin(void)
{
    root = node_new(true);
}


/* Faults. */

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


/* Paths. */

static sim_file_t *
fd_file(int fd)
{
    return sim_disk_has(fd) ? fds[fd - FDS].file : NULL;
}


/*
 * Of a blocking call, which holds nothing while it waits: who dies in it has
 * nothing open any more.
 */
static sim_file_t *
fd_open(int fd)
{
    sim_file_t  *file = fd_file(fd);

    if (file == NULL) {
        sim_fail("descriptor %d is not open", fd);
    }

    return file;
}


bool
sim_disk_has(int fd)
{
    return fd >= FDS && fd < FDS + FDS_MAX;
}


/*
 * The directory that a path's last component is in, and that component; of a
 * path that ends there an empty one.
 */
static int
path_walk(int dir, const char *path, node_t **at, char *name)
{
    const sim_file_t  *file = fd_file(dir);
    node_t            *node = (path[0] == '/') ? root
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
            entry_t  *entry = names_find(node->names, name);

            if (entry == NULL) {
                return -ENOENT;
            }

            node = entry->node;
        }

        if (!node->directory) {
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
path_node(int dir, const char *path, node_t **node)
{
    char      name[SIM_NAME_MAX];
    int       res = path_walk(dir, path, node, name);
    entry_t  *entry;

    if (res != 0 || name[0] == '\0') {
        return res;
    }

    entry = names_find((*node)->names, name);

    if (entry == NULL) {
        return -ENOENT;
    }

    *node = entry->node;

    return 0;
}


static int
fd_new(const sim_proc_t *proc, node_t *node, int flags)
{
    for (int i = 0; i < FDS_MAX; i++) {
        if (fds[i].file == NULL) {
            sim_file_t  *file = calloc(1, sizeof(*file));

            file->node = node;
            file->flags = flags;
            file->refs = 1;
            node->refs++;
            fds[i] = (descriptor_t) { file, proc };

            return FDS + i;
        }
    }

    return -EMFILE;
}


int
sim_disk_open_for(const sim_proc_t *proc, int dir, const char *path, int flags)
{
    char      name[SIM_NAME_MAX];
    node_t   *node;
    entry_t  *entry;
    int       res = path_walk(dir, path, &node, name);

    if (res != 0) {
        return res;
    }

    if (name[0] != '\0') {
        entry = names_find(node->names, name);

        if (entry == NULL) {
            node_t  *made;

            if (!(flags & O_CREAT)) {
                return -ENOENT;
            }

            made = node_new(false);
            dir_set(node, name, made);
            node = made;

        } else if ((flags & O_CREAT) && (flags & O_EXCL)) {
            return -EEXIST;

        } else {
            node = entry->node;
        }
    }

    if ((flags & O_DIRECTORY) && !node->directory) {
        return -ENOTDIR;
    }

    if (node->directory && (flags & O_ACCMODE) != O_RDONLY) {
        return -EISDIR;
    }

    if (flags & O_TRUNC) {
        memset(node->bytes, 0, node->size);
        memset(node->dirty, 1, (node->size + SECTOR - 1) / SECTOR);
        node->size = 0;
    }

    return fd_new(proc, node, flags);
}


int
sim_disk_open(int dir, const char *path, int flags, mode_t mode)
{
    int  res, cause;

    (void) mode;
    call_begins();

    if (sim_fault("open", &cause)) {
        return -cause;
    }

    res = sim_disk_open_for(sim_proc(), dir, path, flags);
    call_ends();

    return res;
}


int
sim_disk_close_now(int fd)
{
    sim_file_t  *file = fd_file(fd);

    if (file == NULL) {
        sim_fail("descriptor %d is closed twice", fd);
    }

    fds[fd - FDS].file = NULL;
    sim_file_drop(file);

    return 0;
}


int
sim_disk_close(int fd)
{
    sim_yield(SIM_AT_CALL, NULL);

    return sim_disk_close_now(fd);
}


int
sim_disk_unlink(int dir, const char *path, bool directory)
{
    char      name[SIM_NAME_MAX];
    node_t   *node;
    entry_t  *entry;
    int       res;

    call_begins();
    res = path_walk(dir, path, &node, name);

    if (res != 0) {
        return res;
    }

    entry = names_find(node->names, name);

    if (entry == NULL) {
        return -ENOENT;
    }

    if (entry->node->directory != directory) {
        return directory ? -ENOTDIR : -EISDIR;
    }

    if (directory && entry->node->names->n > 0) {
        return -ENOTEMPTY;
    }

    dir_set(node, name, NULL);

    if (sim_chance(20)) {
        nodes_sweep();
    }

    call_ends();

    return 0;
}


int
sim_disk_stat(int dir, const char *path, struct stat *st)
{
    node_t  *node;
    int      res = path_node(dir, path, &node);

    if (res != 0) {
        return res;
    }

    memset(st, 0, sizeof(*st));
    st->st_mode = node->directory ? (S_IFDIR | 0700) : (S_IFREG | 0600);
    st->st_ino = node->number;
    st->st_dev = 1;
    st->st_nlink = 1;
    st->st_size = (off_t) node->size;
    st->st_blocks = (blkcnt_t) ((node->size + SECTOR - 1) / SECTOR);

    return 0;
}


const char *
sim_disk_name(int dir, unsigned i)
{
    const names_t  *names = fd_file(dir)->node->names;

    return (i < names->n) ? names->entries[i].name : NULL;
}


/* Locks are owned by the open file. */
int
sim_disk_lock(int fd, uint64_t byte, bool take, bool ask)
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
    sim_file_t  *file = fd_open(fd);

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

    file->node->refs--;

    sanitize_kernel(true);
    free(file);
    sanitize_kernel(false);
}


bool
sim_file_aligned(const sim_file_t *file, const void *buf, size_t len,
    uint64_t offset)
{
    return !(file->flags & O_DIRECT)
           || ((uintptr_t) buf % SECTOR == 0 && len % SECTOR == 0
               && offset % SECTOR == 0);
}


int64_t
sim_file_read(sim_file_t *file, void *to, size_t len, uint64_t offset)
{
    const node_t  *node = file->node;

    if (node->directory) {
        return -EISDIR;
    }

    if (offset >= node->size) {
        return 0;
    }

    len = fkv__min(len, node->size - offset);
    memcpy(to, node->bytes + offset, len);

    return (int64_t) len;
}


/* Another place of this file, or the same one of another. */
static node_t *
misdirected(node_t *node, uint64_t *offset)
{
    node_t  *other = nodes[sim_below(NODES_MAX / 50)];

    sim_figures->misdirected++;
    sim_say("a write of file %u at %llu goes elsewhere",
            (unsigned) node->number, (unsigned long long) *offset);

    if (other != NULL && !other->directory && other->size > *offset) {
        return other;
    }

    *offset = (*offset > 4096) ? *offset - 4096 : *offset + 4096;

    return node;
}


int64_t
sim_file_write(sim_file_t *file, const void *from, size_t len,
    uint64_t offset, bool dsync)
{
    node_t    *node = file->node;
    uint64_t   first, behind;

    if (sim_chance(sim_faults.misdirected_one_in)) {
        node = misdirected(node, &offset);
    }

    first = offset / SECTOR;
    behind = (offset + len + SECTOR - 1) / SECTOR;

    if (node->directory || (file->flags & O_ACCMODE) == O_RDONLY) {
        return -EBADF;
    }

    if (offset + len > NODE_BYTES) {
        sim_fail("a file of more than %d bytes", NODE_BYTES);
    }

    memcpy(node->bytes + offset, from, len);
    node->size = fkv__max(node->size, offset + len);
    memset(node->dirty + first, 1, behind - first);
    sim_note(node->number << 40 ^ offset << 8 ^ len);

    if (dsync) {
        memcpy(node->durable + first * SECTOR, node->bytes + first * SECTOR,
               (behind - first) * SECTOR);
        memset(node->dirty + first, 0, behind - first);
        node->durable_size = fkv__max(node->durable_size, offset + len);
    }

    return (int64_t) len;
}


void
sim_file_forget(sim_file_t *file)
{
    node_t    *node = file->node;
    uint64_t   sectors = (node->size + SECTOR - 1) / SECTOR;

    for (uint64_t i = 0; i < sectors && !node->directory; i++) {
        if (node->dirty[i] && sim_chance(2)) {
            node->dirty[i] = 0;
        }
    }
}


void
sim_file_tear(sim_file_t *file, const void *from, size_t len, uint64_t offset)
{
    for (size_t at = 0; at < len; at += SECTOR) {
        if (sim_chance(2)) {
            (void) sim_file_write(file, (const uint8_t *) from + at,
                                  fkv__min((size_t) SECTOR, len - at),
                                  offset + at, false);
        }
    }
}


void
sim_file_sync(sim_file_t *file)
{
    node_t  *node = file->node;

    if (!node->directory) {
        file_sectors_durable(node);
        return;
    }

    for (unsigned i = 0; i < node->waiting_n; i++) {
        names_apply(node->durable_names, &node->waiting[i]);
    }

    node->waiting_n = 0;
}


/* The table's calls. */

static int
fs_open(const fkv__fs_t *fs, int dir, const char *path, int flags, mode_t mode)
{
    (void) fs;

    return sim_disk_open(dir, path, flags, mode);
}


static int
fs_close(const fkv__fs_t *fs, int fd)
{
    (void) fs;

    return sim_disk_close(fd);
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
          : sim_file_read(fd_open(fd), buf, transfer(len), offset);

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
          : sim_file_write(fd_open(fd), buf, transfer(len), offset, false);

    call_ends();

    return res;
}


static int64_t
fs_size(const fkv__fs_t *fs, int fd)
{
    (void) fs;
    sim_yield(SIM_AT_CALL, NULL);

    return (int64_t) fd_file(fd)->node->size;
}


/* What was written before it is durable afterwards, or sooner. */
static int
sync_call(const char *call, int fd)
{
    int   cause;
    bool  soon = sim_chance(2);

    sim_yield(SIM_AT_CALL, NULL);

    if (sim_fault(call, &cause)) {
        sim_file_forget(fd_open(fd));
        return -cause;
    }

    if (soon) {
        sim_file_sync(fd_open(fd));
    }

    sim_sleep(sim_below(3 * SIM_MS));

    if (!soon) {
        sim_file_sync(fd_open(fd));
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
    node_t  *node = fd_file(fd)->node;
    int      cause;

    (void) fs;
    (void) wait;
    call_begins();

    if (sim_fault("push", &cause)) {
        return -cause;
    }

    for (uint64_t i = offset / SECTOR; i < (offset + len) / SECTOR; i++) {
        if (node->dirty[i] && sim_chance(2)) {
            memcpy(node->durable + i * SECTOR, node->bytes + i * SECTOR,
                   SECTOR);
            node->dirty[i] = 0;
        }
    }

    return 0;
}


static int
fs_allocate(const fkv__fs_t *fs, int fd, uint64_t bytes)
{
    node_t  *node = fd_file(fd)->node;
    int      cause;

    (void) fs;
    call_begins();

    if (sim_fault("allocate", &cause)) {
        return -cause;
    }

    if (bytes > NODE_BYTES) {
        sim_fail("a file of more than %d bytes", NODE_BYTES);
    }

    node->size = fkv__max(node->size, bytes);

    return 0;
}


static int
fs_truncate(const fkv__fs_t *fs, int fd, uint64_t bytes)
{
    node_t  *node = fd_file(fd)->node;
    int      cause;

    (void) fs;
    call_begins();

    if (sim_fault("truncate", &cause)) {
        return -cause;
    }

    if (bytes < node->size) {
        uint64_t  first = bytes / SECTOR;

        memset(node->bytes + bytes, 0, node->size - bytes);
        memset(node->dirty + first, 1,
               (node->size + SECTOR - 1) / SECTOR - first);
    }

    node->size = bytes;

    return 0;
}


static int
fs_rename_to(int dir, const char *from, const char *to, bool replace)
{
    int       res, cause;
    node_t   *node, *other;
    entry_t  *entry;
    char      from_name[SIM_NAME_MAX], to_name[SIM_NAME_MAX];
    change_t  change = { .n = 2 };

    call_begins();

    if (sim_fault("rename", &cause)) {
        return -cause;
    }

    res = path_walk(dir, from, &node, from_name);

    if (res == 0) {
        res = path_walk(dir, to, &other, to_name);
    }

    if (res != 0) {
        return res;
    }

    entry = names_find(node->names, from_name);

    if (entry == NULL) {
        return -ENOENT;
    }

    if (!replace && names_find(other->names, to_name) != NULL) {
        return -EEXIST;
    }

    if (node != other) {
        sim_fail("a rename to another directory");
    }

    memcpy(change.to[0].name, from_name, sizeof(from_name));
    memcpy(change.to[1].name, to_name, sizeof(to_name));
    change.to[1].node = entry->node;
    dir_change(node, &change);
    call_ends();

    return 0;
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

    return sim_disk_unlink(dir, path, false);
}


static int
fs_mkdir(const fkv__fs_t *fs, int dir, const char *path, mode_t mode)
{
    int      res, cause;
    char     name[SIM_NAME_MAX];
    node_t  *node;

    (void) fs;
    (void) mode;
    call_begins();

    if (sim_fault("mkdir", &cause)) {
        return -cause;
    }

    res = path_walk(dir, path, &node, name);

    if (res != 0) {
        return res;
    }

    if (name[0] == '\0' || names_find(node->names, name) != NULL) {
        return -EEXIST;
    }

    dir_set(node, name, node_new(true));
    call_ends();

    return 0;
}


static int
fs_link(const fkv__fs_t *fs, int dir, const char *path, int to_dir,
    const char *to)
{
    int      res, cause;
    char     name[SIM_NAME_MAX];
    node_t  *node, *into;

    (void) fs;
    call_begins();

    if (sim_fault("link", &cause)) {
        return -cause;
    }

    res = path_node(dir, path, &node);

    if (res == 0) {
        res = path_walk(to_dir, to, &into, name);
    }

    if (res != 0) {
        return res;
    }

    if (names_find(into->names, name) != NULL) {
        return -EEXIST;
    }

    dir_set(into, name, node);
    call_ends();

    return 0;
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
