/*
 * log_files.c - finding log files by their headers, and renewing them.
 */

#include "store/log_files.h"

#include "fkv.h"
#include "shared/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES       32
#define PIECE_BYTES      (1024 * 1024)
#define QUIET_STEP_MS    10
#define FRAMES_MAX       UINT32_MAX     /* arenas are addressed by 32 bits */


void
fkv__log_name(char *out, uint64_t number)
{
    (void) snprintf(out, NAME_BYTES, "%02llu.log",
                    (unsigned long long) number);
}


/* The cause is in errno. */
static int
log_file_failed(char *error, int rc, const char *what, uint64_t number)
{
    char  name[NAME_BYTES];

    fkv__log_name(name, number);
    (void) snprintf(error, FKV_ERROR_BYTES, "%s log/%s failed: %s", what, name,
                    strerror(errno));

    return rc;
}


static int
log_file_open(const fkv__directory_t *d, uint64_t number, int flags)
{
    int   fd;
    char  name[NAME_BYTES];

    fkv__log_name(name, number);

    fd = d->fs->open(d->fs, d->log_dir, name, flags, 0600);

    if (fd < 0) {
        errno = -fd;
    }

    return fd;
}


/*
 * A process can be gone while its last write is still on its way; the lock
 * byte of its slot falls only after that.
 */
static bool
log_file_quiet(int fd, unsigned quiet_ms)
{
    unsigned  waited = 0;

    for (unsigned slot = 0; slot < FKV__SLOTS_MAX; slot++) {
        while (fkv__file_lock_held(fd, slot)) {
            if (waited >= quiet_ms) {
                return false;
            }

            (void) poll(NULL, 0, QUIET_STEP_MS);
            waited += QUIET_STEP_MS;
        }
    }

    return true;
}


/* What the file is too short for counts as zeros. */
static int
log_file_read_header(const fkv__directory_t *d, int fd, fkv__log_file_t *file,
    char *error)
{
    int       rc;
    int64_t   size;
    uint8_t   block[FKV__LOG_HEADER_BYTES] = { 0 };

    size = d->fs->size(d->fs, fd);

    if (size < 0) {
        errno = (int) -size;
        return log_file_failed(error, FKV_EIO, "reading", file->number);
    }

    rc = fkv__file_read(d->fs, fd, block,
                        fkv__min((uint64_t) size, sizeof(block)), 0);
    if (rc != FKV_OK) {
        return log_file_failed(error, FKV_EIO, "reading", file->number);
    }

    rc = fkv__log_header_get(block, &file->header);

    if (rc == FKV_ECORRUPT && fkv__log_header_mend(block, &file->mended_at)) {
        file->mended = true;
        rc = fkv__log_header_get(block, &file->header);
    }

    if (rc == FKV_EVERSION) {
        char  name[NAME_BYTES];

        fkv__log_name(name, file->number);
        (void) snprintf(error, FKV_ERROR_BYTES,
                        "log/%s was written by a newer version", name);
        return rc;
    }

    if (rc != FKV_OK) {
        file->state = (rc == FKV_NOTFOUND) ? FKV__LOG_FILE_EMPTY
                                           : FKV__LOG_FILE_BAD;
        return FKV_OK;
    }

    file->state = FKV__LOG_FILE_VALID;
    file->bytes = (uint64_t) size - fkv__min((uint64_t) size, sizeof(block));
    file->bytes = fkv__min(file->bytes, file->header.bytes);

    if (file->header.bytes > FRAMES_MAX
        || file->header.base > UINT64_MAX / 2
        || file->header.prev_end > file->header.base)
    {
        file->state = FKV__LOG_FILE_BAD;
    }

    return FKV_OK;
}


static int
log_file_look(const fkv__directory_t *d, fkv__log_file_t *file,
    unsigned quiet_ms, char *error)
{
    int   rc;
    int   fd = log_file_open(d, file->number, O_RDWR);
    char  name[NAME_BYTES];

    if (fd < 0) {
        return log_file_failed(error, FKV_EIO, "opening", file->number);
    }

    if (log_file_quiet(fd, quiet_ms)) {
        rc = log_file_read_header(d, fd, file, error);

    } else {
        fkv__log_name(name, file->number);
        (void) snprintf(error, FKV_ERROR_BYTES, "log/%s is still being "
                        "written for a process that has ended", name);
        rc = FKV_EBUSY;
    }

    (void) d->fs->close(d->fs, fd);

    return rc;
}


static int
log_file_cmp(const void *p1, const void *p2)
{
    const fkv__log_file_t  *a = p1, *b = p2;
    bool                    valid = (a->state == FKV__LOG_FILE_VALID);

    if (valid != (b->state == FKV__LOG_FILE_VALID)) {
        return valid ? -1 : 1;
    }

    if (valid && a->header.base != b->header.base) {
        return (a->header.base < b->header.base) ? -1 : 1;
    }

    return (a->number > b->number) - (a->number < b->number);
}


int
fkv__log_files_find(fkv__log_files_t *files, const fkv__directory_t *directory,
    unsigned quiet_ms, char *error)
{
    int         rc;
    size_t      n;
    fkv__buf_t  numbers = { 0 };

    memset(files, 0, sizeof(*files));

    rc = fkv__directory_numbers(directory->log_dir, "", 2, ".log", &numbers);
    n = numbers.len / sizeof(uint64_t);

    if (rc == FKV_OK && n > 0) {
        files->files = fkv__zalloc(n * sizeof(*files->files));
        rc = (files->files != NULL) ? FKV_OK : FKV_ENOMEM;
    }

    if (rc != FKV_OK) {
        (void) snprintf(error, FKV_ERROR_BYTES, "listing log/ failed: %s",
                        fkv_code_text(rc));
    }

    for (size_t i = 0; rc == FKV_OK && i < n; i++) {
        fkv__log_file_t  *file = &files->files[files->n++];

        memcpy(&file->number, numbers.data + i * sizeof(uint64_t),
               sizeof(uint64_t));

        rc = log_file_look(directory, file, quiet_ms, error);
        files->n_valid += (file->state == FKV__LOG_FILE_VALID);
    }

    fkv__buf_done(&numbers);

    if (rc != FKV_OK) {
        fkv__log_files_done(files);
        return rc;
    }

    if (files->n > 0) {
        qsort(files->files, files->n, sizeof(*files->files), log_file_cmp);
    }

    return FKV_OK;
}


void
fkv__log_files_done(fkv__log_files_t *files)
{
    fkv__free(files->files);
    memset(files, 0, sizeof(*files));
}


void
fkv__log_file_mended(const fkv__log_file_t *file,
    char damage[FKV__LOG_DAMAGE_BYTES])
{
    char  name[NAME_BYTES];

    fkv__log_name(name, file->number);
    (void) snprintf(damage, FKV__LOG_DAMAGE_BYTES, "log/%s is damaged at "
                    "offset %zu: a bit of its header is wrong; its sum says "
                    "which one, nothing is lost", name, file->mended_at);
}


void
fkv__log_files_check(const fkv__log_files_t *files, uint64_t manifest,
    uint64_t edit, char *damage, bool *edits_lost)
{
    damage[0] = '\0';
    *edits_lost = false;

    for (size_t i = 0; i < files->n; i++) {
        char                    name[NAME_BYTES], text[FKV__LOG_DAMAGE_BYTES];
        const fkv__log_file_t  *file = &files->files[i];

        fkv__log_name(name, file->number);
        text[0] = '\0';

        if (file->state == FKV__LOG_FILE_BAD) {
            (void) snprintf(text, sizeof(text), "log/%s is damaged: its "
                            "header at offset 0 is not valid", name);

        } else if (file->state == FKV__LOG_FILE_VALID
                   && file->header.edit > edit)
        {
            *edits_lost = true;
            (void) snprintf(text, sizeof(text), "MANIFEST-%06llu is damaged: "
                            "it ends with edit %llu, but log/%s was written "
                            "after edit %llu", (unsigned long long) manifest,
                            (unsigned long long) edit, name,
                            (unsigned long long) file->header.edit);
        }

        /* The first is the one that is told. */
        if (damage[0] == '\0') {
            memcpy(damage, text, sizeof(text));
        }
    }
}


/* Zeros from the end of the file on; written, for writes into space that was
 * only allocated are slow. */
static int
log_file_extend(const fkv__directory_t *d, int fd, uint64_t bytes)
{
    int       rc = FKV_OK;
    int64_t   size = d->fs->size(d->fs, fd);
    uint8_t  *zeros;

    if (size < 0) {
        errno = (int) -size;
        return FKV_EIO;
    }

    zeros = fkv__zalloc(PIECE_BYTES);
    if (zeros == NULL) {
        errno = ENOMEM;
        return FKV_ENOMEM;
    }

    for (uint64_t at = (uint64_t) size; rc == FKV_OK && at < bytes; ) {
        uint64_t  n = fkv__min(bytes - at, PIECE_BYTES - at % PIECE_BYTES);

        rc = fkv__file_write(d->fs, fd, zeros, n, at);
        at += n;
    }

    fkv__free(zeros);

    return rc;
}


static int
log_file_sync(const fkv__directory_t *d, int fd)
{
    int  rc = d->fs->fdatasync(d->fs, fd);

    if (rc == 0) {
        return FKV_OK;
    }

    errno = -rc;

    return (errno == ENOSPC || errno == EDQUOT) ? FKV_EFULL : FKV_EIO;
}


/* One file of the new life: there, ours, without an old header. */
static int
log_file_renew(const fkv__directory_t *d, uint64_t number, bool clear,
    uint64_t bytes, uid_t uid, gid_t gid, char *error)
{
    static const uint8_t  zeros[FKV__LOG_HEADER_BYTES];
    int                   rc, fd;

    fd = log_file_open(d, number, O_RDWR | O_CREAT);

    if (fd < 0) {
        rc = (errno == ENOSPC || errno == EDQUOT) ? FKV_EFULL : FKV_EIO;
        return log_file_failed(error, rc, "opening", number);
    }

    rc = fkv__directory_own(fd, uid, gid);

    if (rc == FKV_OK && clear) {
        rc = fkv__file_write(d->fs, fd, zeros, sizeof(zeros), 0);
    }

    if (rc == FKV_OK && bytes > 0) {
        rc = log_file_extend(d, fd, bytes);
    }

    if (rc == FKV_OK) {
        rc = log_file_sync(d, fd);
    }

    if (rc != FKV_OK) {
        rc = log_file_failed(error, rc, "writing", number);
    }

    (void) d->fs->close(d->fs, fd);

    return rc;
}


/* One that is valid; or one that is not used, but with a wrong bit. */
static bool
log_files_dirty(const fkv__log_files_t *files, uint64_t number)
{
    for (size_t i = 0; i < files->n; i++) {
        if (files->files[i].number == number) {
            return i < files->n_valid || files->files[i].mended;
        }
    }

    return false;
}


/* Also those that an interrupted open did not come to. */
static void
log_files_unlink(const fkv__log_files_t *files, const fkv__directory_t *d)
{
    char  name[NAME_BYTES];

    for (size_t i = 0; i < files->n; i++) {
        if (files->files[i].number >= FKV__ARENAS) {
            fkv__log_name(name, files->files[i].number);
            (void) d->fs->unlink(d->fs, d->log_dir, name);
        }
    }
}


int
fkv__log_files_renew(const fkv__log_files_t *files,
    const fkv__directory_t *directory, uint64_t arena_bytes, bool keep,
    uid_t uid, gid_t gid, char *error)
{
    int  rc;

    for (unsigned i = 0; i < FKV__ARENAS; i++) {
        bool  clear = !keep && log_files_dirty(files, i);

        rc = log_file_renew(directory, i, clear, 0, uid, gid, error);
        if (rc != FKV_OK) {
            return rc;
        }
    }

    FKV_STEP("recover.4");

    if (!keep) {
        log_files_unlink(files, directory);

        rc = log_file_renew(directory, 0, false,
                            FKV__LOG_HEADER_BYTES + arena_bytes, uid, gid,
                            error);
        if (rc != FKV_OK) {
            return rc;
        }
    }

    if (fkv__file_sync_dir(directory->fs, directory->log_dir) != FKV_OK) {
        (void) snprintf(error, FKV_ERROR_BYTES, "syncing log/ failed: %s",
                        strerror(errno));
        return FKV_EIO;
    }

    return FKV_OK;
}
