/*
 * recover.c - from what a store's directory holds to the start of a new life.
 */

#include "store/recover.h"
#include "store/blob_write.h"

#include "fkv.h"
#include "shared/segment.h"
#include "store/catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES      40
#define QUIET_MS        10000   /* for the last I/O of the dead */
#define LSN_FIRST       4096    /* of a new store; 0 is never a version */
#define LSN_ALIGN       4096
#define EPOCH_SHIFT     32      /* of incarnations */

typedef struct {
    const fkv__recover_t  *in;
    fkv__recovered_t      *out;
    char                  *error;
    const fkv__fs_t       *fs;
    fkv__version_t        *version;     /* as the manifest has it */
    uint64_t               manifest;    /* its number, 0 = new store */
    bool                   edits_lost;  /* log headers know of later edits */
    fkv__log_files_t       files;
    fkv__edit_t            edit;        /* the version to be, as a snapshot */
    size_t                 n_tables;    /* of version; those behind are new */
} recover_t;


/* The first damage is the one that is told. */
static void __attribute__((format(printf, 2, 3)))
recover_damaged(recover_t *r, const char *fmt, ...)
{
    va_list  args;

    if (r->out->damaged) {
        return;
    }

    r->out->damaged = true;

    va_start(args, fmt);
    (void) vsnprintf(r->out->damage, sizeof(r->out->damage), fmt, args);
    va_end(args);
}


/*
 * No CURRENT and no manifest, yet data: the directory has lost them.  The
 * tables must not be taken for orphans.
 */
static int
recover_new(recover_t *r)
{
    int         rc;
    fkv__buf_t  tables = { 0 };
    bool        used = (r->files.n_valid > 0);

    rc = fkv__directory_numbers(r->in->directory->sst_dir, "", 6, ".sst",
                                &tables);
    if (rc != FKV_OK) {
        return fkv__error(r->error, rc, "listing sst/ failed: %s",
                          fkv_code_text(rc));
    }

    for (size_t i = 0; i < r->files.n; i++) {
        used = used || r->files.files[i].state != FKV__LOG_FILE_EMPTY;
    }

    used = used || tables.len > 0;
    fkv__buf_done(&tables);

    if (used) {
        return fkv__error(r->error, FKV_ECORRUPT, "CURRENT and the manifest "
                          "are missing though there are %s",
                          r->files.n_valid > 0 ? "log files" : "tables");
    }

    r->version = fkv__version_new();
    if (r->version == NULL) {
        return fkv__error(r->error, FKV_ENOMEM, "out of memory");
    }

    r->version->log_floor = LSN_FIRST;
    r->version->next_lsn = LSN_FIRST;
    r->version->next_file = 1;
    r->version->next_blob = 1;

    return FKV_OK;
}


static int
recover_load(recover_t *r)
{
    int            rc;
    fkv__loaded_t  loaded;

    rc = fkv__log_files_find(&r->files, r->in->directory, QUIET_MS, r->error);
    if (rc != FKV_OK) {
        return rc;
    }

    rc = fkv__version_load(r->fs, r->in->directory->dir, &loaded, r->error);

    if (rc == FKV_NOTFOUND) {
        return recover_new(r);
    }

    if (rc == FKV_OK) {
        r->version = loaded.version;
        r->manifest = loaded.number;
    }

    if (rc == FKV_OK && loaded.damage[0] != '\0') {
        fkv__log(r->in->log, FKV_LOG_ALERT, "%s; nothing is lost, a new "
                 "manifest is written", loaded.damage);
    }

    return rc;
}


static void
recover_check_headers(recover_t *r)
{
    char  damage[FKV__LOG_DAMAGE_BYTES];

    for (size_t i = 0; i < r->files.n; i++) {
        if (r->files.files[i].mended) {
            fkv__log_file_mended(&r->files.files[i], damage);
            fkv__log(r->in->log, FKV_LOG_ALERT, "%s", damage);
        }
    }

    fkv__log_files_check(&r->files, r->manifest, r->version->edit, damage,
                         &r->edits_lost);

    if (damage[0] != '\0') {
        recover_damaged(r, "%s", damage);
    }
}


/* FKV_OK is the size or, 0, the file does not exist. */
static int
table_size(recover_t *r, uint64_t id, uint64_t *size)
{
    int      fd;
    char     name[NAME_BYTES];
    int64_t  n;

    fkv__table_name(name, id);
    *size = 0;

    fd = r->fs->open(r->fs, r->in->directory->sst_dir, name, O_RDONLY, 0);

    if (fd == -ENOENT) {
        return FKV_OK;
    }

    n = (fd >= 0) ? r->fs->size(r->fs, fd) : fd;

    if (fd >= 0) {
        (void) r->fs->close(r->fs, fd);
    }

    if (n < 0) {
        return fkv__error(r->error, FKV_EIO, "opening sst/%s failed: %s", name,
                          strerror((int) -n));
    }

    *size = (uint64_t) n;

    return FKV_OK;
}


static int
recover_check_table(recover_t *r, const fkv__table_info_t *info)
{
    int       rc;
    char      name[NAME_BYTES];
    uint64_t  size;

    rc = table_size(r, info->id, &size);

    if (rc != FKV_OK || size == info->bytes) {
        return rc;
    }

    r->out->tables_bad++;
    fkv__table_name(name, info->id);

    fkv__log(r->in->log, FKV_LOG_ALERT, "sst/%s is %s: %llu bytes of %llu; "
             "its %llu keys answer errors, the rest stays readable, and it "
             "takes part in no compaction", name,
             size == 0 ? "missing" : "damaged", (unsigned long long) size,
             (unsigned long long) info->bytes,
             (unsigned long long) info->keys);

    return FKV_OK;
}


static int
recover_check_tables(recover_t *r)
{
    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < r->version->n[level]; i++) {
            int  rc;

            rc = recover_check_table(r, &r->version->levels[level][i]->info);
            if (rc != FKV_OK) {
                return rc;
            }
        }
    }

    return FKV_OK;
}


/*
 * Tables that no edit names were being written when their process died.  They
 * stay if edits were lost: then they may be all that is left of the data.
 */
static int
recover_orphans(recover_t *r)
{
    int         rc;
    char        name[NAME_BYTES];
    uint64_t    id;
    fkv__buf_t  ids = { 0 };

    rc = fkv__directory_numbers(r->in->directory->sst_dir, "", 6, ".sst",
                                &ids);
    if (rc != FKV_OK) {
        return fkv__error(r->error, rc, "listing sst/ failed: %s",
                          fkv_code_text(rc));
    }

    for (size_t at = 0; at < ids.len; at += sizeof(id)) {
        memcpy(&id, ids.data + at, sizeof(id));

        /* Also a number that the manifest has not given out is taken. */
        r->edit.next_file = fkv__max(r->edit.next_file, id + 1);

        if (r->edits_lost || fkv__version_has(r->version, id)) {
            continue;
        }

        fkv__table_name(name, id);

        if (r->fs->unlink(r->fs, r->in->directory->sst_dir, name) == 0) {
            fkv__log(r->in->log, FKV_LOG_INFO, "removed sst/%s, which was "
                     "not finished", name);
        }
    }

    fkv__buf_done(&ids);

    return FKV_OK;
}


static int
recover_log(recover_t *r)
{
    int                  rc;
    fkv__spill_target_t  target = {
        .fs = r->fs,
        .sst_dir = r->in->directory->sst_dir,
        .uid = r->in->uid,
        .gid = r->in->gid,
        .now_ms = r->edit.clock_ms,
        .options = r->in->table_options,
        .edit = &r->edit,
        .next_file = &r->edit.next_file
    };
    fkv__chain_t         chain = {
        .directory = r->in->directory,
        .files = &r->files,
        .log = r->in->log,
        .target = &target,
        .promised = r->version->next_lsn,
        .end = r->version->log_floor
    };

    rc = fkv__chain_follow(&chain, r->error);
    if (rc != FKV_OK) {
        return rc;
    }

    if (chain.damage[0] != '\0') {
        recover_damaged(r, "%s", chain.damage);
    }

    r->out->floor = chain.end;
    r->out->segments = chain.segments;
    r->out->tables = (unsigned) (r->edit.n_adds - r->n_tables);
    r->out->frames = chain.frames;
    r->out->records = chain.records;
    r->out->bytes = chain.bytes;
    r->out->dropped_bytes = chain.dropped_bytes;

    return FKV_OK;
}


/* Argument 2 of the header. */
static uint64_t
recover_first_base(const recover_t *r)
{
    uint64_t  base = fkv__max(r->out->floor, r->version->next_lsn);
    uint64_t  bytes = r->in->arena_bytes;

    if (r->manifest == 0) {
        return LSN_FIRST;
    }

    for (size_t i = 0; i < r->files.n_valid; i++) {
        const fkv__log_header_t  *header = &r->files.files[i].header;

        base = fkv__max(base, header->base + header->bytes);
        bytes = fkv__max(bytes, header->bytes);
    }

    return fkv__align(base + FKV__ARENAS * bytes, LSN_ALIGN);
}


static uint64_t
recover_epoch(const recover_t *r)
{
    uint64_t  epoch = fkv__max(r->version->next_incarnation >> EPOCH_SHIFT, 1);

    for (size_t i = 0; i < r->files.n_valid; i++) {
        epoch = fkv__max(epoch, (r->files.files[i].header.incarnation
                                 >> EPOCH_SHIFT) + 1);
    }

    return epoch;
}


/* The edit begins as what the manifest says; the log adds to it. */
static int
recover_edit(recover_t *r)
{
    uint64_t  now_ms = r->in->clock->wall_ms(r->in->clock);

    if (fkv__version_snapshot(r->version, &r->edit) != FKV_OK) {
        return fkv__error(r->error, FKV_ENOMEM, "out of memory");
    }

    r->n_tables = r->edit.n_adds;
    r->out->stopped_ms = r->version->clock_ms;
    r->edit.clock_ms = fkv__max(now_ms, r->version->clock_ms);
    r->edit.next_incarnation = (recover_epoch(r) + 1) << EPOCH_SHIFT;

    return FKV_OK;
}


static int
recover_catalog(recover_t *r)
{
    int              rc;
    uint64_t         epoch = recover_epoch(r);
    fkv__version_t  *version;
    fkv__catalog_t   catalog = {
        .fs = r->fs,
        .dir = r->in->directory->dir,
        .uid = r->in->uid,
        .gid = r->in->gid,
        .number = r->manifest
    };

    r->edit.log_floor = r->out->floor;
    r->out->first_base = recover_first_base(r);

    /* The next open must come to the same damage, and nothing is written. */
    if (!r->out->damaged) {
        r->edit.next_lsn = r->out->first_base;
        r->edit.number++;
    }

    rc = fkv__version_apply(r->version, &r->edit, &version);
    if (rc != FKV_OK) {
        return fkv__error(r->error, rc, "the tables of the log do not fit: %s",
                          fkv_code_text(rc));
    }

    rc = fkv__catalog_rotate(&catalog, version);

    if (rc != FKV_OK) {
        fkv__version_unpin(version);
        return fkv__error(r->error, rc, "writing a new manifest failed: %s",
                          strerror(errno));
    }

    r->out->version = fkv__version_pin(version);
    r->out->manifest = catalog.number;
    r->out->manifest_len = catalog.len;
    r->out->clock_ms = r->edit.clock_ms;
    r->out->incarnation = epoch << EPOCH_SHIFT;

    fkv__catalog_close(&catalog);

    return FKV_OK;
}


static int
recover_stale(recover_t *r, const char *prefix, void (*name_of)(char *out,
    uint64_t number))
{
    int         rc;
    char        name[NAME_BYTES];
    uint64_t    number;
    fkv__buf_t  numbers = { 0 };

    rc = fkv__directory_numbers(r->in->directory->dir, prefix, 6, "",
                                &numbers);

    for (size_t at = 0; rc == FKV_OK && at < numbers.len;
         at += sizeof(number))
    {
        memcpy(&number, numbers.data + at, sizeof(number));

        if (number == r->out->manifest) {
            continue;
        }

        name_of(name, number);
        (void) r->fs->unlink(r->fs, r->in->directory->dir, name);

        /* The one that counted until now is no news. */
        if (number != r->manifest) {
            fkv__log(r->in->log, FKV_LOG_INFO, "removed %s, which is not the "
                     "current one", name);
        }
    }

    fkv__buf_done(&numbers);

    if (rc != FKV_OK) {
        return fkv__error(r->error, rc, "listing the store failed: %s",
                          fkv_code_text(rc));
    }

    return FKV_OK;
}


/* Nothing names them, and their numbers are not used again. */
static int
recover_stale_manifests(recover_t *r)
{
    int  rc = recover_stale(r, "MANIFEST-", fkv__manifest_name);

    return (rc == FKV_OK) ? recover_stale(r, "MIRROR-", fkv__mirror_name) : rc;
}


/* What an open that fails has written; the manifest does not name it. */
static void
recover_withdraw(recover_t *r)
{
    char  name[NAME_BYTES];

    for (size_t i = r->n_tables; i < r->edit.n_adds; i++) {
        fkv__table_name(name, r->edit.adds[i].info.id);
        (void) r->fs->unlink(r->fs, r->in->directory->sst_dir, name);
    }
}


/*
 * A number is taken if a file has it, or if a record names it.  Which files
 * nobody refers to is for the helper to find out.
 */
static int
recover_blobs(recover_t *r)
{
    int         rc;
    uint64_t    id;
    fkv__buf_t  ids = { 0 };

    rc = fkv__blob_ids(r->in->directory->blob_dir, &ids);
    if (rc != FKV_OK) {
        return fkv__error(r->error, rc, "listing blob/ failed: %s",
                          fkv_code_text(rc));
    }

    r->edit.next_blob = fkv__max(r->version->next_blob, 1);

    for (size_t at = 0; at < ids.len; at += sizeof(id)) {
        memcpy(&id, ids.data + at, sizeof(id));
        r->edit.next_blob = fkv__max(r->edit.next_blob, id + 1);
    }

    fkv__buf_done(&ids);

    for (size_t i = 0; i < r->edit.n_adds; i++) {
        const fkv__buf_t  *uses = &r->edit.adds[i].info.blobs;
        size_t             n = fkv__blob_uses_n(uses);

        if (n > 0) {
            id = fkv__blob_uses(uses)[n - 1].file;
            r->edit.next_blob = fkv__max(r->edit.next_blob, id + 1);
        }
    }

    return FKV_OK;
}


/* Everything that may fail without a trace: nothing counts yet. */
static int
recover_tables(recover_t *r)
{
    int  rc;

    rc = recover_check_tables(r);

    if (rc == FKV_OK) {
        rc = recover_orphans(r);
    }

    if (rc == FKV_OK) {
        rc = recover_log(r);
    }

    if (rc == FKV_OK) {
        rc = recover_blobs(r);
    }

    if (rc == FKV_OK
        && fkv__file_sync_dir(r->fs, r->in->directory->sst_dir) != FKV_OK)
    {
        rc = fkv__error(r->error, FKV_EIO, "syncing sst/ failed: %s",
                        strerror(errno));
    }

    if (rc != FKV_OK) {
        recover_withdraw(r);
    }

    return rc;
}


static int
recover_run(recover_t *r)
{
    int  rc;

    rc = recover_load(r);

    if (rc == FKV_OK) {
        recover_check_headers(r);
        rc = recover_edit(r);
    }

    if (rc == FKV_OK) {
        FKV_STEP("recover.1");
        rc = recover_tables(r);
    }

    if (rc == FKV_OK) {
        FKV_STEP("recover.2");
        rc = recover_catalog(r);
    }

    if (rc == FKV_OK) {
        FKV_STEP("recover.3");
        rc = recover_stale_manifests(r);
    }

    if (rc == FKV_OK) {
        rc = fkv__log_files_renew(&r->files, r->in->directory,
                                  r->in->arena_bytes, r->out->damaged,
                                  r->in->uid, r->in->gid, r->error);
    }

    FKV_STEP("recover.5");

    return rc;
}


static void
recover_tell(const recover_t *r)
{
    const fkv__recovered_t  *out = r->out;

    fkv__log(r->in->log, FKV_LOG_INFO, "replayed %u log files: %llu frames, "
             "%llu records, %llu bytes, into %u tables in %llu ms",
             out->segments, (unsigned long long) out->frames,
             (unsigned long long) out->records,
             (unsigned long long) out->bytes, out->tables,
             (unsigned long long) out->ms);
}


int
fkv__recover(fkv__recovered_t *out, const fkv__recover_t *in, char *error)
{
    int        rc;
    uint64_t   begin_ms = in->clock->boot_ms(in->clock);
    recover_t  r = {
        .in = in,
        .out = out,
        .error = error,
        .fs = in->directory->fs
    };

    memset(out, 0, sizeof(*out));
    fkv__edit_init(&r.edit);

    rc = recover_run(&r);

    if (rc == FKV_OK) {
        out->ms = in->clock->boot_ms(in->clock) - begin_ms;
        recover_tell(&r);

    } else if (out->version != NULL) {
        fkv__version_unpin(out->version);
        out->version = NULL;
    }

    if (r.version != NULL) {
        fkv__version_unpin(r.version);
    }

    fkv__edit_done(&r.edit);
    fkv__log_files_done(&r.files);

    return rc;
}
