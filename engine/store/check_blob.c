/*
 * check_blob.c - large values: each piece that a record refers to.
 */

#include "store/check_blob.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "store/blob_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES  40

typedef struct {
    uint64_t  id;
    uint64_t  bytes;
    uint64_t  named;            /* values that records refer to; missing: 1 as
                                   soon as it has been told */
    bool      missing;
    bool      headed;           /* its header is valid */
} check_file_t;


static int
file_cmp(const void *p1, const void *p2)
{
    uint64_t  a = ((const check_file_t *) p1)->id;
    uint64_t  b = ((const check_file_t *) p2)->id;

    return (a > b) - (a < b);
}


static check_file_t *
blob_files(const fkv__check_t *check, size_t *n)
{
    *n = check->blobs.len / sizeof(check_file_t);

    return (check_file_t *) (void *) check->blobs.data;
}


static int
blob_open(fkv__check_t *check, uint64_t id)
{
    const fkv__directory_t  *d = &check->directory;
    char                     name[NAME_BYTES];

    if (check->blob_open == id) {
        return FKV_OK;
    }

    if (check->blob_open != 0) {
        (void) d->fs->close(d->fs, check->blob_fd);
        check->blob_open = 0;
    }

    fkv__blob_name(name, id);
    check->blob_fd = d->fs->open(d->fs, d->blob_dir, name, O_RDONLY, 0);

    if (check->blob_fd < 0) {
        errno = -check->blob_fd;
        return FKV_EIO;
    }

    check->blob_open = id;

    return FKV_OK;
}


/* Of a file to which nothing refers the header may never have been written. */
static int
blob_look(fkv__check_t *check, check_file_t *file)
{
    const fkv__directory_t  *d = &check->directory;
    int                      rc;
    int64_t                  size;
    uint8_t                  raw[FKV__BLOB_HEADER_BYTES];
    fkv__blob_header_t       header;

    rc = blob_open(check, file->id);
    if (rc != FKV_OK) {
        return rc;
    }

    size = d->fs->size(d->fs, check->blob_fd);

    if (size < 0) {
        errno = (int) -size;
        return FKV_EIO;
    }

    file->bytes = (uint64_t) size;
    check->blob_files++;
    check->blob_bytes += file->bytes;

    if (file->bytes < sizeof(raw)) {
        return FKV_OK;
    }

    rc = fkv__file_read(d->fs, check->blob_fd, raw, sizeof(raw), 0);
    if (rc != FKV_OK) {
        return rc;
    }

    file->headed = (fkv__blob_header_get((fkv_str_t) { raw, sizeof(raw) },
                                         &header) == FKV_OK
                    && header.id == file->id);

    return FKV_OK;
}


int
fkv__check_blobs_begin(fkv__check_t *check, char *error)
{
    int         rc;
    fkv__buf_t  ids = { 0 };

    rc = fkv__blob_ids(check->directory.blob_dir, &ids);

    for (size_t at = 0; rc == FKV_OK && at < ids.len; at += sizeof(uint64_t)) {
        check_file_t  file = { 0 };

        memcpy(&file.id, ids.data + at, sizeof(file.id));
        rc = blob_look(check, &file);

        if (rc == FKV_OK) {
            rc = fkv__buf_append(&check->blobs, &file, sizeof(file));
        }
    }

    fkv__buf_done(&ids);

    if (rc != FKV_OK) {
        return fkv__error(error, rc, "reading blob/ failed: %s",
                          rc == FKV_EIO ? strerror(errno) : fkv_code_text(rc));
    }

    if (check->blobs.len > 0) {
        size_t         n;
        check_file_t  *files = blob_files(check, &n);

        qsort(files, n, sizeof(*files), file_cmp);
    }

    return FKV_OK;
}


/* NULL: out of memory.  One that is not there gets a place, too. */
static check_file_t *
blob_find(fkv__check_t *check, uint64_t id)
{
    size_t         n;
    check_file_t   wanted = { .id = id, .missing = true }, *file = NULL;
    check_file_t  *files = blob_files(check, &n);

    if (n > 0) {
        file = bsearch(&wanted, files, n, sizeof(wanted), file_cmp);
    }

    if (file != NULL) {
        return file;
    }

    if (fkv__buf_append(&check->blobs, &wanted, sizeof(wanted)) != FKV_OK) {
        return NULL;
    }

    files = blob_files(check, &n);
    qsort(files, n, sizeof(*files), file_cmp);

    return bsearch(&wanted, files, n, sizeof(wanted), file_cmp);
}


/* The entry's header is for people and tools; what it says is known. */
static int
value_check_entry(fkv__check_t *check, const fkv__blob_ref_t *ref,
    uint64_t hash, const char *name, const char *where)
{
    const fkv__directory_t  *d = &check->directory;
    int                      rc;
    uint64_t                 expire_at;
    uint8_t                  raw[FKV__BLOB_ENTRY_BYTES];
    uint8_t                  again[FKV__BLOB_ENTRY_BYTES];

    rc = fkv__file_read(d->fs, check->blob_fd, raw, sizeof(raw), ref->offset);
    if (rc != FKV_OK) {
        return rc;
    }

    /* A move keeps it, a later change of the key's expiry does not tell it. */
    expire_at = fkv__get_le64(raw + 16);
    fkv__blob_entry_put(again, ref, hash, expire_at);

    if (memcmp(raw, again, sizeof(raw)) != 0) {
        fkv__check_say(check, FKV__CHECK_DAMAGE, "blob/%s is damaged at "
                       "offset %llu: this is not the value that %s refers to",
                       name, (unsigned long long) ref->offset, where);
    }

    return FKV_OK;
}


static int
value_check_frames(fkv__check_t *check, const fkv__blob_ref_t *ref,
    uint64_t hash, const char *name, const char *where)
{
    const fkv__directory_t  *d = &check->directory;
    int                      rc = FKV_OK;
    uint8_t                 *frame = fkv__alloc(FKV__BLOB_FRAME_BYTES);
    uint64_t                 n = fkv__blob_pieces(ref->length);

    if (frame == NULL) {
        return FKV_ENOMEM;
    }

    for (uint64_t i = 0; rc == FKV_OK && i < n; i++) {
        size_t    len = fkv__blob_piece_len(ref->length, i) + 4;
        uint64_t  at = fkv__blob_frame_at(ref, i);

        rc = fkv__file_read(d->fs, check->blob_fd, frame, len, at);
        fkv__check_progress(check, len);

        if (rc == FKV_OK
            && fkv__blob_frame_check(frame, len, ref, hash, i) != FKV_OK)
        {
            fkv__check_say(check, FKV__CHECK_DAMAGE, "blob/%s is damaged at "
                           "offset %llu: checksum of a piece of the value "
                           "that %s refers to is wrong", name,
                           (unsigned long long) at, where);
        }
    }

    fkv__free(frame);

    return rc;
}


/* A file goes when all in it has expired, whoever still names it. */
static void
value_missing(fkv__check_t *check, check_file_t *file,
    const fkv__record_t *rec, const char *name, const char *where)
{
    if (file->named > 0 || fkv__record_expired(rec, check->now_ms)) {
        return;
    }

    file->named++;
    fkv__check_say(check, FKV__CHECK_DAMAGE, "blob/%s is missing: %s refers "
                   "to it, at offset 0", name, where);
}


int
fkv__check_value(fkv__check_t *check, const fkv__record_t *rec,
    const char *where)
{
    int              rc;
    uint64_t         hash = fkv__hash(rec->key);
    char             name[NAME_BYTES];
    check_file_t    *file;
    fkv__blob_ref_t  ref;

    if (fkv__blob_ref_get(rec->value, &ref) != FKV_OK) {
        fkv__check_say(check, FKV__CHECK_DAMAGE, "%s: a reference to a large "
                       "value makes no sense", where);
        return FKV_OK;
    }

    fkv__blob_name(name, ref.file);
    file = blob_find(check, ref.file);

    if (file == NULL) {
        return FKV_ENOMEM;
    }

    if (file->missing) {
        value_missing(check, file, rec, name, where);
        return FKV_OK;
    }

    if (file->named == 0 && !file->headed) {
        fkv__check_say(check, FKV__CHECK_DAMAGE, "blob/%s is damaged at "
                       "offset 0: its header is not valid", name);
    }

    check->values++;
    check->value_bytes += ref.length;
    file->named++;

    if (ref.offset > file->bytes
        || fkv__blob_entry_bytes(ref.length) > file->bytes - ref.offset)
    {
        fkv__check_say(check, FKV__CHECK_DAMAGE, "blob/%s is damaged at "
                       "offset %llu: it ends there, and %s refers to %llu "
                       "bytes at offset %llu", name,
                       (unsigned long long) file->bytes, where,
                       (unsigned long long) ref.length,
                       (unsigned long long) ref.offset);
        return FKV_OK;
    }

    rc = blob_open(check, ref.file);

    if (rc == FKV_OK) {
        rc = value_check_entry(check, &ref, hash, name, where);
    }

    return (rc == FKV_OK)
           ? value_check_frames(check, &ref, hash, name, where) : rc;
}


void
fkv__check_blobs_orphans(fkv__check_t *check)
{
    size_t               n;
    const check_file_t  *files = blob_files(check, &n);

    for (size_t i = 0; i < n; i++) {
        char  name[NAME_BYTES];

        if (!files[i].missing && files[i].named == 0) {
            fkv__blob_name(name, files[i].id);
            fkv__check_say(check, FKV__CHECK_NOTE, "nothing refers to "
                           "blob/%s, %llu bytes; it goes by itself", name,
                           (unsigned long long) files[i].bytes);
            check->orphans++;
        }
    }
}


void
fkv__check_blobs_end(fkv__check_t *check)
{
    if (check->blob_open != 0) {
        (void) check->directory.fs->close(check->directory.fs,
                                          check->blob_fd);
        check->blob_open = 0;
    }

    fkv__buf_done(&check->blobs);
}
