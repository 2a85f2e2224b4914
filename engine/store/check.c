/*
 * check.c - the order in which a store is looked at, its log and its files.
 */

#include "store/check.h"

#include "fkv.h"
#include "store/chain.h"
#include "store/check_blob.h"
#include "store/check_table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_BYTES  40
#define QUIET_MS    10000       /* for the last I/O of the dead */


void
fkv__check_say(fkv__check_t *check, fkv__check_e what, const char *fmt, ...)
{
    va_list  args;
    char     text[FKV_ERROR_BYTES];

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    if (what == FKV__CHECK_DAMAGE && check->damages++ == 0) {
        memcpy(check->first, text, sizeof(text));
    }

    if (check->on_say != NULL) {
        check->on_say(check->data, what, text);
    }
}


void
fkv__check_progress(fkv__check_t *check, uint64_t bytes)
{
    check->done += bytes;

    if (check->on_progress != NULL) {
        check->on_progress(check->data, fkv__min(check->done, check->all),
                           check->all);
    }
}


bool
fkv__check_key(fkv_str_t ikey)
{
    bool       valid = false;
    size_t     len, group;
    unsigned   ns;
    uint64_t   stamp;
    uint8_t   *out;

    if (ikey.len == 0 || ikey.len > FKV__KEY_SIZE(2 * FKV_KEY_BYTES_MAX)) {
        return false;
    }

    out = fkv__alloc(ikey.len);

    /* Not the key's fault. */
    if (out == NULL) {
        return true;
    }

    if (ikey.data[0] < FKV_NAMESPACES) {
        valid = (fkv__key_decode(ikey, &ns, out, &len) == FKV_OK);

    } else {
        group = fkv__key_group(ikey);
        valid = (group != 0
                 && fkv__key_head(out, (fkv_str_t) { ikey.data, group },
                                  &stamp) != 0
                 && stamp != 0);
    }

    fkv__free(out);

    return valid;
}


/* Of the calls of a file system those that change nothing. */

static int
look_open(const fkv__fs_t *fs, int dir, const char *path, int flags,
    mode_t mode)
{
    const fkv__check_t  *check = fs->data;
    const fkv__fs_t     *real = check->fs;

    if (flags & (O_CREAT | O_TRUNC)) {
        return -EROFS;
    }

    /* Only who may write to LOCK can lock it. */
    if (strcmp(path, "LOCK") != 0) {
        flags &= ~O_ACCMODE;
    }

    return real->open(real, dir, path, flags, mode);
}


static int
look_close(const fkv__fs_t *fs, int fd)
{
    const fkv__fs_t  *real = ((const fkv__check_t *) fs->data)->fs;

    return real->close(real, fd);
}


static int64_t
look_pread(const fkv__fs_t *fs, int fd, void *buf, size_t len, uint64_t offset)
{
    const fkv__fs_t  *real = ((const fkv__check_t *) fs->data)->fs;

    return real->pread(real, fd, buf, len, offset);
}


static int64_t
look_size(const fkv__fs_t *fs, int fd)
{
    const fkv__fs_t  *real = ((const fkv__check_t *) fs->data)->fs;

    return real->size(real, fd);
}


/* A record of the log, found by the entry that replay made of it. */
static int
log_record(fkv__check_t *check, const fkv__replay_t *replay,
    const fkv__spill_entry_t *entry, const char *where)
{
    const uint8_t  *p = entry->key - entry->head, *next;
    fkv__record_t   rec;

    if (fkv__record_get(p, replay->mem + replay->bytes, &rec, &next) != FKV_OK
        || !fkv__check_key(rec.key))
    {
        fkv__check_say(check, FKV__CHECK_DAMAGE, "%s is damaged at offset "
                       "%llu: a record has no key of the engine's", where,
                       (unsigned long long) (FKV__LOG_HEADER_BYTES
                                             + (p - replay->mem)));
        return FKV_OK;
    }

    return (rec.kind == FKV__RECORD_BLOB) ? fkv__check_value(check, &rec, where)
                                          : FKV_OK;
}


static int
log_on_read(void *data, const fkv__replay_t *replay)
{
    int            rc = FKV_OK;
    char           name[NAME_BYTES], where[NAME_BYTES + 8];
    fkv__check_t  *check = data;

    fkv__log_name(name, replay->file->number);
    (void) snprintf(where, sizeof(where), "log/%s", name);

    for (size_t i = 0; rc == FKV_OK && i < replay->spill.n; i++) {
        rc = log_record(check, replay, &replay->spill.entries[i], where);
    }

    fkv__check_progress(check, replay->loaded);

    return rc;
}


/* What the chain tells is what a crash may leave. */
static void
log_on_note(void *data, fkv_log_level_e level, const char *text)
{
    (void) level;
    fkv__check_say(data, FKV__CHECK_NOTE, "%s", text);
}


static int
check_log(fkv__check_t *check, const fkv__log_files_t *files, char *error)
{
    int           rc;
    bool          lost;
    char          damage[FKV__LOG_DAMAGE_BYTES];
    fkv_log_t     log = { log_on_note, check };
    fkv__chain_t  chain = {
        .directory = &check->directory,
        .files = files,
        .log = &log,
        .on_read = log_on_read,
        .data = check,
        .promised = check->version->next_lsn,
        .end = check->version->log_floor
    };

    for (size_t i = 0; i < files->n; i++) {
        if (files->files[i].mended) {
            fkv__log_file_mended(&files->files[i], damage);
            fkv__check_say(check, FKV__CHECK_DAMAGE, "%s", damage);
        }
    }

    fkv__log_files_check(files, check->manifest, check->version->edit, damage,
                         &lost);

    if (damage[0] != '\0') {
        fkv__check_say(check, FKV__CHECK_DAMAGE, "%s", damage);
    }

    rc = fkv__chain_follow(&chain, error);
    if (rc != FKV_OK) {
        return rc;
    }

    if (chain.damage[0] != '\0') {
        fkv__check_say(check, FKV__CHECK_DAMAGE, "%s", chain.damage);
    }

    check->log_files = chain.segments;
    check->log_frames = chain.frames;
    check->log_records = chain.records;
    check->log_bytes = chain.bytes;

    return FKV_OK;
}


static int
check_tables(fkv__check_t *check, char *error)
{
    const fkv__version_t  *version = check->version;

    check->ranges = (version->ranges != NULL) ? version->ranges->n : 0;

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        check->levels[level] = version->n[level];

        for (unsigned i = 0; i < version->n[level]; i++) {
            int                       rc;
            const fkv__table_info_t  *info = &version->levels[level][i]->info;

            check->tables++;
            check->table_bytes += info->bytes;

            rc = fkv__check_table(check, info, error);
            if (rc != FKV_OK) {
                return rc;
            }
        }
    }

    return FKV_OK;
}


/* Tables and manifests that nothing names: a crash may leave them. */
static int
check_orphans(fkv__check_t *check, int dir, const char *prefix,
    const char *suffix, bool (*named)(const fkv__check_t *check, uint64_t id),
    char *error)
{
    int         rc;
    fkv__buf_t  ids = { 0 };

    rc = fkv__directory_numbers(dir, prefix, 6, suffix, &ids);

    for (size_t at = 0; rc == FKV_OK && at < ids.len; at += sizeof(uint64_t)) {
        uint64_t  id;

        memcpy(&id, ids.data + at, sizeof(id));

        if (!named(check, id)) {
            fkv__check_say(check, FKV__CHECK_NOTE, "nothing names %s%s%06llu"
                           "%s; the next open removes it",
                           suffix[0] != '\0' ? "sst/" : "", prefix,
                           (unsigned long long) id, suffix);
            check->orphans++;
        }
    }

    fkv__buf_done(&ids);

    return (rc == FKV_OK)
           ? FKV_OK : fkv__error(error, rc, "listing the store failed: %s",
                                 fkv_code_text(rc));
}


static bool
names_table(const fkv__check_t *check, uint64_t id)
{
    return fkv__version_has(check->version, id);
}


static bool
names_manifest(const fkv__check_t *check, uint64_t id)
{
    return id == check->manifest;
}


/* Bytes of the files of a directory, for the progress. */
static uint64_t
check_size(int dir)
{
    DIR            *entries;
    int             fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint64_t        bytes = 0;
    struct stat     st;
    struct dirent  *entry;

    entries = (fd >= 0) ? fdopendir(fd) : NULL;

    if (entries == NULL) {
        if (fd >= 0) {
            (void) close(fd);
        }

        return 0;
    }

    while ((entry = readdir(entries)) != NULL) {
        if (fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0
            && S_ISREG(st.st_mode))
        {
            bytes += (uint64_t) st.st_size;
        }
    }

    (void) closedir(entries);

    return bytes;
}


/* FKV_NOTFOUND it holds nothing yet · as fkv__version_load */
static int
check_manifest(fkv__check_t *check, char *error)
{
    int            rc;
    fkv__loaded_t  loaded;

    rc = fkv__version_load(check->directory.fs, check->directory.dir, &loaded,
                           error);
    if (rc != FKV_OK) {
        return rc;
    }

    check->version = loaded.version;
    check->manifest = loaded.number;
    check->edit = loaded.version->edit;
    check->now_ms = fkv__max(check->now_ms, loaded.version->clock_ms);

    if (loaded.damage[0] != '\0') {
        fkv__check_say(check, FKV__CHECK_DAMAGE, "%s; the other copy is whole",
                       loaded.damage);

    } else if (!loaded.whole) {
        fkv__check_say(check, FKV__CHECK_NOTE, "MANIFEST-%06llu ends with an "
                       "edit that was not acknowledged",
                       (unsigned long long) loaded.number);
    }

    return FKV_OK;
}


/* Without CURRENT and manifest: was there ever anything? */
static int
check_nothing(fkv__check_t *check, const fkv__log_files_t *files)
{
    bool  used = check_size(check->directory.sst_dir) > 0;

    for (size_t i = 0; i < files->n; i++) {
        used = used || files->files[i].state != FKV__LOG_FILE_EMPTY;
    }

    if (used) {
        fkv__check_say(check, FKV__CHECK_DAMAGE, "CURRENT and the manifest "
                       "are missing though there are %s",
                       files->n_valid > 0 ? "log files" : "tables");

    } else {
        fkv__check_say(check, FKV__CHECK_NOTE, "nothing was ever in it");
    }

    return FKV_OK;
}


static int
check_all(fkv__check_t *check, const fkv__log_files_t *files, char *error)
{
    int  rc = check_manifest(check, error);

    if (rc == FKV_NOTFOUND) {
        return check_nothing(check, files);
    }

    /* Without it nobody knows what of the rest counts. */
    if (rc == FKV_ECORRUPT) {
        fkv__check_say(check, FKV__CHECK_DAMAGE, "%s", error);
        return FKV_OK;
    }

    if (rc == FKV_OK) {
        rc = fkv__check_blobs_begin(check, error);
    }

    if (rc == FKV_OK) {
        rc = check_tables(check, error);
    }

    if (rc == FKV_OK) {
        rc = check_log(check, files, error);
    }

    if (rc == FKV_OK) {
        rc = check_orphans(check, check->directory.sst_dir, "", ".sst",
                           names_table, error);
    }

    if (rc == FKV_OK) {
        rc = check_orphans(check, check->directory.dir, "MANIFEST-", "",
                           names_manifest, error);
    }

    if (rc == FKV_OK) {
        fkv__check_blobs_orphans(check);
    }

    return rc;
}


int
fkv__check(fkv__check_t *check, char *error)
{
    int               rc;
    fkv__log_files_t  files = { 0 };

    if (check->fs == NULL) {
        check->fs = &fkv__fs_linux;
    }

    check->own_fs = (fkv__fs_t) {
        .open = look_open,
        .close = look_close,
        .pread = look_pread,
        .size = look_size,
        .data = check
    };

    rc = fkv__directory_look(&check->directory, &check->own_fs, check->path,
                             error);

    if (rc == FKV_NOTFOUND || rc == FKV_ECORRUPT) {
        fkv__check_say(check, rc == FKV_NOTFOUND ? FKV__CHECK_NOTE
                                                 : FKV__CHECK_DAMAGE,
                       "%s", error);
        return (rc == FKV_NOTFOUND) ? FKV_OK : rc;
    }

    if (rc != FKV_OK) {
        return rc;
    }

    check->all = check_size(check->directory.sst_dir)
                 + check_size(check->directory.blob_dir)
                 + check_size(check->directory.log_dir);

    rc = fkv__log_files_find(&files, &check->directory, QUIET_MS, error);

    if (rc == FKV_OK) {
        rc = check_all(check, &files, error);
    }

    if (check->version != NULL) {
        fkv__version_unpin(check->version);
        check->version = NULL;
    }

    fkv__log_files_done(&files);
    fkv__check_blobs_end(check);
    fkv__directory_close(&check->directory);

    return (rc == FKV_OK && check->damages > 0) ? FKV_ECORRUPT : rc;
}
