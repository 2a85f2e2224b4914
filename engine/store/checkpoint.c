/*
 * checkpoint.c - links, the log out of the arenas, a manifest, a name.
 */

#define _GNU_SOURCE
#include "store/checkpoint.h"
#include "format/log.h"
#include "shared/arena.h"
#include "store/blob_write.h"
#include "store/directory.h"
#include "store/log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_BYTES   64
#define PIECE_BYTES  (1024 * 1024)

typedef struct {
    fkv__helper_t     *helper;
    fkv_t             *store;
    const fkv__fs_t   *fs;
    char               name[FKV_CHECKPOINT_NAME_MAX + 1];
    char               partial[NAME_BYTES];     /* until it is complete */
    fkv__directory_t   directory;               /* that one */
    fkv__version_t    *version;
    uint64_t           durable;                 /* where its log ends */
    uint64_t           set;                     /* the arenas that hold it */
    uint64_t           bytes;
    unsigned           tables;
    char               error[FKV_ERROR_BYTES];
} checkpoint_t;


/* Of a call of the table. */
static int
checkpoint_cause(checkpoint_t *c, int res, const char *what, const char *name)
{
    int  rc = FKV_EIO;

    switch (-res) {
    case ENOSPC:
    case EDQUOT:  rc = FKV_EFULL;   break;
    case ENOMEM:  rc = FKV_ENOMEM;  break;
    }

    return fkv__error(c->error, rc, "%s %s failed: %s", what, name,
                      strerror(-res));
}


/* Several stores may share the directory, so this tells whose it is. */
static int
partial_name(checkpoint_t *c)
{
    struct stat  st;

    if (fstat(c->store->dir, &st) != 0) {
        return checkpoint_cause(c, -errno, "looking at", c->store->path);
    }

    (void) snprintf(c->partial, sizeof(c->partial), ".partial-%llx-%llx",
                    (unsigned long long) st.st_dev,
                    (unsigned long long) st.st_ino);

    return FKV_OK;
}


static int
partial_remove(checkpoint_t *c)
{
    if (fkv__file_remove_tree(c->store->checkpoints, c->partial) != FKV_OK) {
        return checkpoint_cause(c, -errno, "removing", c->partial);
    }

    return FKV_OK;
}


static int
checkpoint_begin(checkpoint_t *c)
{
    int          rc;
    char         path[PATH_MAX];
    struct stat  st;

    if (fstatat(c->store->checkpoints, c->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
    {
        return fkv__error(c->error, FKV_EXISTS, "it exists");
    }

    rc = partial_name(c);

    if (rc == FKV_OK) {
        rc = partial_remove(c);
    }

    if (rc != FKV_OK) {
        return rc;
    }

    if ((size_t) snprintf(path, sizeof(path), "%s/%s",
                          c->store->options.checkpoints, c->partial)
        >= sizeof(path))
    {
        return checkpoint_cause(c, -ENAMETOOLONG, "making", c->partial);
    }

    rc = fkv__directory_open(&c->directory, c->fs, path, c->helper->uid,
                             c->helper->gid, c->error);

    if (rc == FKV_OK) {
        FKV_STEP("checkpoint.1");
        return FKV_OK;
    }

    (void) fkv__file_remove_tree(c->store->checkpoints, c->partial);

    return (rc == FKV_EBUSY) ? FKV_EIO : rc;
}


static int
link_table(checkpoint_t *c, const fkv__table_info_t *info)
{
    int   res;
    char  name[NAME_BYTES];

    fkv__table_name(name, info->id);

    res = c->fs->link(c->fs, c->store->sst_dir, name, c->directory.sst_dir,
                      name);

    if (res == -ENOENT) {
        return fkv__error(c->error, FKV_ECORRUPT, "sst/%s is missing", name);
    }

    if (res == -EXDEV) {
        return fkv__error(c->error, FKV_EIO, "\"%.200s\" is not on the store's"
                          " file system, which tables are linked on",
                          c->store->options.checkpoints);
    }

    if (res < 0) {
        return checkpoint_cause(c, res, "linking", name);
    }

    FKV_STEP("checkpoint.2");
    c->bytes += info->bytes;
    c->tables++;

    return FKV_OK;
}


/* One that was collected since it was listed is nobody's. */
static int
link_blob(checkpoint_t *c, uint64_t id)
{
    int          res;
    char         name[NAME_BYTES];
    struct stat  st;

    fkv__blob_name(name, id);
    res = c->fs->link(c->fs, c->store->blob_dir, name, c->directory.blob_dir,
                      name);

    if (res == -ENOENT) {
        return FKV_OK;
    }

    if (res < 0) {
        return checkpoint_cause(c, res, "linking", name);
    }

    FKV_STEP("checkpoint.8");

    if (fstatat(c->directory.blob_dir, name, &st, 0) == 0) {
        c->bytes += (uint64_t) st.st_size;
    }

    return FKV_OK;
}


static int
checkpoint_link_blobs(checkpoint_t *c)
{
    fkv__buf_t  ids = { 0 };
    int         rc = fkv__blob_ids(c->store->blob_dir, &ids);

    if (rc != FKV_OK) {
        rc = fkv__error(c->error, rc, "listing blob/ failed: %s",
                        fkv_code_text(rc));
    }

    for (size_t at = 0; rc == FKV_OK && at < ids.len; at += sizeof(uint64_t)) {
        uint64_t  id;

        memcpy(&id, ids.data + at, sizeof(id));
        rc = link_blob(c, id);
    }

    fkv__buf_done(&ids);

    return rc;
}


static void
checkpoint_let_go(checkpoint_t *c)
{
    __atomic_store_n(&c->helper->log_held, false, __ATOMIC_RELEASE);
}


/* Between two edits.  From the set on nothing that is needed can go away. */
static int
checkpoint_link(void *data, fkv__version_t *version)
{
    int              rc = FKV_OK;
    checkpoint_t    *c = data;
    const fkv_t     *store = c->store;

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; rc == FKV_OK && i < version->n[level]; i++) {
            rc = link_table(c, &version->levels[level][i]->info);
        }
    }

    if (rc != FKV_OK) {
        return rc;
    }

    __atomic_store_n(&c->helper->log_held, true, __ATOMIC_RELEASE);

    c->version = fkv__version_pin(version);
    c->durable = __atomic_load_n(&store->seg->log.durable, __ATOMIC_SEQ_CST);
    c->set = __atomic_load_n(&store->seg->state.memtables, __ATOMIC_SEQ_CST);

    /* A record below durable names no file that came later. */
    rc = checkpoint_link_blobs(c);

    if (rc != FKV_OK) {
        checkpoint_let_go(c);
    }

    return rc;
}


static int
log_write(checkpoint_t *c, int fd, unsigned arena, uint64_t bytes)
{
    int            rc = FKV_OK;
    uint8_t        header[FKV__LOG_HEADER_BYTES];
    const uint8_t  *mem = fkv__segment_arena(c->store->seg, arena);

    fkv__commit_header(c->store, arena, c->version->edit, header);
    rc = fkv__file_write(c->fs, fd, header, sizeof(header), 0);

    for (uint64_t at = 0; rc == FKV_OK && at < bytes; at += PIECE_BYTES) {
        if (fkv__helper_stopping(c->helper)) {
            return FKV_ECANCELED;
        }

        rc = fkv__file_write(c->fs, fd, mem + at,
                             fkv__min(bytes - at, PIECE_BYTES),
                             FKV__LOG_HEADER_BYTES + at);
        FKV_STEP("checkpoint.4");
    }

    c->bytes += FKV__LOG_HEADER_BYTES + bytes;

    return rc;
}


static int
log_copy(checkpoint_t *c, unsigned arena, uint64_t bytes)
{
    int   fd, res, rc;
    char  name[NAME_BYTES];

    fkv__log_name(name, arena);

    fd = c->fs->open(c->fs, c->directory.log_dir, name, O_RDWR | O_CREAT,
                     0600);
    if (fd < 0) {
        return checkpoint_cause(c, fd, "making log file", name);
    }

    rc = log_write(c, fd, arena, bytes);

    if (rc == FKV_OK) {
        res = c->fs->fdatasync(c->fs, fd);
        rc = (res < 0) ? checkpoint_cause(c, res, "syncing log file", name)
                       : FKV_OK;

    } else if (rc != FKV_ECANCELED) {
        rc = checkpoint_cause(c, -errno, "writing log file", name);
    }

    (void) c->fs->close(c->fs, fd);

    return rc;
}


/* Of each arena what is not in tables and was durable. */
static int
checkpoint_log(checkpoint_t *c)
{
    int                  rc = FKV_OK;
    fkv__segment_shm_t  *seg = c->store->seg;

    for (unsigned i = fkv__set_count(c->set); rc == FKV_OK && i-- > 0; ) {
        unsigned           id = fkv__set_arena(c->set, i);
        uint64_t           base = seg->arenas[id].base, end;
        fkv__arena_word_t  w = fkv__arena_word(&seg->arenas[id]);

        end = fkv__min(base + fkv__min(w.top, seg->arena_bytes), c->durable);

        if (end > base && end > c->version->log_floor) {
            rc = log_copy(c, id, end - base);
        }
    }

    return rc;
}


static int
checkpoint_manifest(checkpoint_t *c)
{
    int             rc;
    fkv__version_t  *version = fkv__version_pin(c->version);
    fkv__catalog_t   catalog = {
        .fs = c->fs,
        .dir = c->directory.dir,
        .uid = c->helper->uid,
        .gid = c->helper->gid
    };

    rc = fkv__catalog_rotate(&catalog, version);

    if (rc != FKV_OK) {
        fkv__version_unpin(version);
        return (rc == FKV_ENOMEM)
               ? fkv__error(c->error, rc, "out of memory")
               : checkpoint_cause(c, -errno, "writing", "the manifest");
    }

    c->bytes += catalog.len;
    fkv__catalog_close(&catalog);

    return FKV_OK;
}


static int
checkpoint_sync(checkpoint_t *c)
{
    const int  dirs[] = {
        c->directory.sst_dir, c->directory.blob_dir, c->directory.log_dir,
        c->directory.dir
    };

    for (unsigned i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        if (fkv__file_sync_dir(c->fs, dirs[i]) != FKV_OK) {
            return checkpoint_cause(c, -errno, "syncing", c->partial);
        }
    }

    return FKV_OK;
}


/* Whoever took the name meanwhile keeps it. */
static int
checkpoint_name(checkpoint_t *c)
{
    int  res;

    res = c->fs->rename_new(c->fs, c->store->checkpoints, c->partial, c->name);

    if (res == -EEXIST || res == -ENOTEMPTY) {
        return fkv__error(c->error, FKV_EXISTS, "it exists");
    }

    if (res < 0) {
        return checkpoint_cause(c, res, "renaming", c->partial);
    }

    FKV_STEP("checkpoint.7");

    if (fkv__file_sync_dir(c->fs, c->store->checkpoints) == FKV_OK) {
        return FKV_OK;
    }

    res = -errno;

    /* A failure means that it is not there. */
    (void) fkv__file_remove_tree(c->store->checkpoints, c->name);

    return checkpoint_cause(c, res, "syncing", c->store->options.checkpoints);
}


static int
checkpoint_make(checkpoint_t *c)
{
    int  rc = checkpoint_begin(c);

    if (rc != FKV_OK) {
        return rc;
    }

    rc = fkv__helper_between(c->helper, checkpoint_link, c);

    if (rc == FKV_OK) {
        FKV_STEP("checkpoint.3");
        rc = checkpoint_log(c);
        checkpoint_let_go(c);
    }

    if (rc == FKV_OK) {
        rc = checkpoint_manifest(c);
    }

    if (rc == FKV_OK) {
        FKV_STEP("checkpoint.5");
        rc = checkpoint_sync(c);
    }

    fkv__directory_close(&c->directory);

    if (rc == FKV_OK) {
        FKV_STEP("checkpoint.6");
        rc = checkpoint_name(c);
    }

    if (rc != FKV_OK) {
        (void) fkv__file_remove_tree(c->store->checkpoints, c->partial);
    }

    if (c->version != NULL) {
        fkv__version_unpin(c->version);
    }

    return rc;
}


int
fkv__checkpoint(fkv__helper_t *helper, fkv_str_t name, uint64_t *bytes)
{
    int           rc;
    fkv_t        *store = helper->store;
    checkpoint_t  c = { .helper = helper, .store = store, .fs = store->fs };

    if (store->checkpoints < 0 || !fkv_checkpoint_name_valid(name)) {
        return FKV_EINVAL;
    }

    /* Its log may lack what was acknowledged, and nobody could tell. */
    if (__atomic_load_n(&store->seg->state.readonly, __ATOMIC_ACQUIRE)) {
        return FKV_EREADONLY;
    }

    memcpy(c.name, name.data, name.len);
    rc = checkpoint_make(&c);

    if (rc == FKV_OK) {
        *bytes = c.bytes;
        fkv__count(store, checkpoints, 1);
        fkv__log(store->log, FKV_LOG_NOTICE, "checkpoint \"%s\" of store "
                 "\"%s\": %llu bytes, %u tables", c.name, store->path,
                 (unsigned long long) c.bytes, c.tables);

    } else if (rc < 0 && rc != FKV_ECANCELED) {
        fkv__log(store->log, FKV_LOG_ERROR, "checkpoint \"%s\" of store "
                 "\"%s\" failed: %s", c.name, store->path, c.error);
    }

    return rc;
}
