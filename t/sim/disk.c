/*
 * disk.c - files and directories in memory, twice: as they are, and as a power
 * cut leaves them.
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

#include <sys/mman.h>
#include <sys/stat.h>

#define SECTOR       SIM_SECTOR
#define NODES_MAX    4000
#define NODE_BYTES   SIM_NODE_BYTES         /* of address space */
#define ENTRIES_MAX  1500
#define WAITING_MAX  3000

typedef struct {
    char         name[SIM_NAME_MAX];
    sim_node_t  *node;
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

struct sim_node_s {
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

static sim_node_t  *nodes[NODES_MAX];
static ino_t        last_number;
static sim_node_t  *root;


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


sim_node_t *
sim_node_new(bool directory)
{
    unsigned     i = 0;
    sim_node_t  *node = calloc(1, sizeof(*node));

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
node_free(sim_node_t *node)
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
names_set(names_t *names, const char *name, sim_node_t *node)
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
names_have(const names_t *names, const sim_node_t *node)
{
    for (unsigned i = 0; i < names->n; i++) {
        if (names->entries[i].node == node) {
            return true;
        }
    }

    return false;
}


static bool
waiting_has(const sim_node_t *dir, const sim_node_t *node)
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
void
sim_disk_sweep(void)
{
    for (unsigned i = 0; i < NODES_MAX; i++) {
        sim_node_t  *node = nodes[i];
        bool         needed = (node == NULL || node == root || node->refs > 0);

        for (unsigned d = 0; d < NODES_MAX && !needed; d++) {
            sim_node_t  *dir = nodes[d];

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
dir_change(sim_node_t *dir, const change_t *change)
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


void
sim_node_set(sim_node_t *dir, const char *name, sim_node_t *node)
{
    change_t  change = { .n = 1 };

    memcpy(change.to[0].name, name, strlen(name) + 1);
    change.to[0].node = node;
    dir_change(dir, &change);
}


void
sim_node_rename(sim_node_t *dir, const char *from, const char *to)
{
    change_t  change = { .n = 2 };

    memcpy(change.to[0].name, from, strlen(from) + 1);
    memcpy(change.to[1].name, to, strlen(to) + 1);
    change.to[1].node = names_find(dir->names, from)->node;
    dir_change(dir, &change);
}


static void
dir_cut(sim_node_t *dir)
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
sector_durable(sim_node_t *node, uint64_t i)
{
    memcpy(node->durable + i * SECTOR, node->bytes + i * SECTOR, SECTOR);
    node->dirty[i] = 0;
}


static void
file_sectors_durable(sim_node_t *node)
{
    uint64_t  sectors = (node->size + SECTOR - 1) / SECTOR;

    for (uint64_t i = 0; i < sectors; i++) {
        if (node->dirty[i]) {
            sector_durable(node, i);
        }
    }

    node->durable_size = node->size;
}


static void
file_cut(sim_node_t *node)
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
sim_disk_cut(void)
{
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

    sim_disk_sweep();
    sanitize_kernel(false);
}


void
sim_disk_begin(void)
{
    root = sim_node_new(true);
}


sim_node_t *
sim_disk_root(void)
{
    return root;
}


sim_node_t *
sim_node_find(const sim_node_t *dir, const char *name)
{
    const entry_t  *entry = names_find(dir->names, name);

    return (entry != NULL) ? entry->node : NULL;
}


const char *
sim_node_name(const sim_node_t *dir, unsigned i)
{
    return (i < dir->names->n) ? dir->names->entries[i].name : NULL;
}


bool
sim_node_directory(const sim_node_t *node)
{
    return node->directory;
}


uint64_t
sim_node_size(const sim_node_t *node)
{
    return node->size;
}


void
sim_node_hold(sim_node_t *node)
{
    node->refs++;
}


void
sim_node_drop(sim_node_t *node)
{
    node->refs--;
}


void
sim_node_stat(const sim_node_t *node, struct stat *st)
{
    memset(st, 0, sizeof(*st));
    st->st_mode = node->directory ? (S_IFDIR | 0700) : (S_IFREG | 0600);
    st->st_ino = node->number;
    st->st_dev = 1;
    st->st_nlink = 1;
    st->st_size = (off_t) node->size;
    st->st_blocks = (blkcnt_t) ((node->size + SECTOR - 1) / SECTOR);
}


int64_t
sim_node_read(const sim_node_t *node, void *to, size_t len, uint64_t offset)
{
    if (offset >= node->size) {
        return 0;
    }

    len = fkv__min(len, node->size - offset);
    memcpy(to, node->bytes + offset, len);

    return (int64_t) len;
}


/* Another place of this file, or the same one of another. */
static sim_node_t *
misdirected(sim_node_t *node, uint64_t *offset)
{
    sim_node_t  *other = nodes[sim_below(NODES_MAX / 50)];

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
sim_node_write(sim_node_t *node, const void *from, size_t len, uint64_t offset,
    bool dsync)
{
    uint64_t  first, behind;

    if (sim_chance(sim_faults.misdirected_one_in)) {
        node = misdirected(node, &offset);
    }

    first = offset / SECTOR;
    behind = (offset + len + SECTOR - 1) / SECTOR;

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
sim_node_resize(sim_node_t *node, uint64_t bytes)
{
    if (bytes > NODE_BYTES) {
        sim_fail("a file of more than %d bytes", NODE_BYTES);
    }

    if (bytes < node->size) {
        uint64_t  first = bytes / SECTOR;

        memset(node->bytes + bytes, 0, node->size - bytes);
        memset(node->dirty + first, 1,
               (node->size + SECTOR - 1) / SECTOR - first);
    }

    node->size = bytes;
}


void
sim_node_push(sim_node_t *node, uint64_t offset, uint64_t len)
{
    for (uint64_t i = offset / SECTOR; i < (offset + len) / SECTOR; i++) {
        if (node->dirty[i] && sim_chance(2)) {
            sector_durable(node, i);
        }
    }
}


void
sim_node_forget(sim_node_t *node)
{
    uint64_t  sectors = (node->size + SECTOR - 1) / SECTOR;

    for (uint64_t i = 0; i < sectors && !node->directory; i++) {
        if (node->dirty[i] && sim_chance(2)) {
            node->dirty[i] = 0;
        }
    }
}


void
sim_node_sync(sim_node_t *node)
{
    if (!node->directory) {
        file_sectors_durable(node);
        return;
    }

    for (unsigned i = 0; i < node->waiting_n; i++) {
        names_apply(node->durable_names, &node->waiting[i]);
    }

    node->waiting_n = 0;
}
