/*
 * blob_move.c - rewriting a table and the values that it refers to.
 */

#include "store/blob_move.h"

#include "base/hash.h"
#include "store/blob_write.h"
#include "store/directory.h"
#include "store/expire.h"
#include "store/iter.h"
#include "store/output.h"
#include "store/source_file.h"
#include "store/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define NAME_BYTES  40

/* A new file of one bucket. */
typedef struct {
    int       fd;               /* -1: there is none */
    uint64_t  id;
    uint64_t  at;
} target_t;

typedef struct {
    fkv__helper_t       *helper;
    fkv_t               *store;
    const fkv__fs_t     *fs;
    fkv__buf_t          *files;     /* to be moved from */
    uint64_t             now_ms;    /* 0: nothing may be taken for expired */
    int                  from;      /* the open source; -1: none */
    uint64_t             from_id;
    target_t             to[FKV__BLOB_BUCKETS];
    uint8_t             *frame;     /* as read, or as it is to be written */
    uint8_t             *piece;
    uint8_t              ref[FKV__BLOB_REF_MAX];
    uint64_t             bytes;
} move_t;


static int
move_code(int64_t res)
{
    if (res >= 0) {
        return FKV_OK;
    }

    errno = (int) -res;

    return (errno == ENOSPC || errno == EDQUOT) ? FKV_EFULL : FKV_EIO;
}


/* The value stays where it is, and so does its file from now on. */
static int
source_bad(move_t *m, uint64_t id, uint64_t offset, const char *what)
{
    fkv__blob_use_t  *use;

    use = (fkv__blob_use_t *) fkv__blob_uses_find(m->files, id);

    if (use->bytes != 0) {
        use->bytes = 0;
        fkv__count(m->store, errors_corrupt, 1);
        fkv__log(m->store->log, FKV_LOG_ALERT, "blob/%06llu.blob: %s at "
                 "offset %llu, the file is left as it is",
                 (unsigned long long) id, what, (unsigned long long) offset);
    }

    return FKV_NOTFOUND;
}


static void
source_close(move_t *m)
{
    if (m->from >= 0) {
        (void) m->fs->close(m->fs, m->from);
        m->from = -1;
    }
}


static int
source_open(move_t *m, uint64_t id)
{
    char  name[NAME_BYTES];
    int   fd;

    if (m->from >= 0 && m->from_id == id) {
        return FKV_OK;
    }

    source_close(m);
    fkv__blob_name(name, id);
    fd = m->fs->open(m->fs, m->store->blob_dir, name, O_RDONLY, 0);

    if (fd == -ENOENT) {
        return source_bad(m, id, 0, "file is missing");
    }

    m->from = fd;
    m->from_id = id;

    return move_code(fd);
}


static int
target_open(move_t *m, unsigned bucket)
{
    target_t            *to = &m->to[bucket];
    char                 name[NAME_BYTES];
    uint8_t              out[FKV__BLOB_HEADER_BYTES];
    fkv__blob_header_t   header = {
        .created_ms = fkv_now_ms(m->store),
        .bucket = bucket
    };
    int                  rc;

    if (to->fd >= 0) {
        return FKV_OK;
    }

    to->id = __atomic_fetch_add(&m->store->seg->state.next_blob, 1,
                                __ATOMIC_SEQ_CST);
    to->at = FKV__BLOB_HEADER_BYTES;

    header.id = to->id;
    fkv__blob_header_put(out, &header);

    fkv__blob_name(name, to->id);
    to->fd = m->fs->open(m->fs, m->store->blob_dir, name,
                         O_RDWR | O_CREAT | O_EXCL, 0600);

    rc = move_code(to->fd);

    if (rc == FKV_OK) {
        rc = fkv__directory_own(to->fd, m->helper->uid, m->helper->gid);
    }

    if (rc == FKV_OK) {
        rc = fkv__file_write(m->fs, to->fd, out, sizeof(out), 0);
    }

    return rc;
}


/*
 * Piece i from its old to its new place.  FKV_NOTFOUND it is damaged.
 */
static int
piece_copy(move_t *m, const fkv__blob_ref_t *from, const target_t *target,
    const fkv__blob_ref_t *to, uint64_t hash, uint64_t i)
{
    uint64_t  at = fkv__blob_frame_at(from, i);
    size_t    n = fkv__blob_piece_len(from->length, i) + 4;
    int       rc = fkv__file_read(m->fs, m->from, m->frame, n, at);

    if (rc == FKV_EIO && errno == ENODATA) {
        return source_bad(m, from->file, at, "it ends too early");
    }

    if (rc != FKV_OK) {
        return rc;
    }

    if (fkv__blob_frame_check(m->frame, n, from, hash, i) != FKV_OK) {
        return source_bad(m, from->file, at, "damaged piece");
    }

    (void) fkv__blob_frame_put(m->piece, to, hash, i, m->frame);

    return fkv__file_write(m->fs, target->fd, m->piece, n,
                           fkv__blob_frame_at(to, i));
}


/* FKV_NOTFOUND leave the record as it is. */
static int
value_copy(move_t *m, const fkv__record_t *rec, const fkv__blob_ref_t *from,
    fkv__blob_ref_t *to)
{
    unsigned   bucket = fkv__blob_bucket(rec->expire_at,
                                         fkv_now_ms(m->store));
    target_t  *target = &m->to[bucket];
    uint64_t   hash = fkv__hash(rec->key), n = fkv__blob_pieces(from->length);
    uint8_t    entry[FKV__BLOB_ENTRY_BYTES];
    int        rc = source_open(m, from->file);

    if (rc == FKV_OK) {
        rc = target_open(m, bucket);
    }

    if (rc != FKV_OK) {
        return rc;
    }

    to->file = target->id;
    to->offset = target->at;
    to->length = from->length;

    fkv__blob_entry_put(entry, to, hash, rec->expire_at);
    rc = fkv__file_write(m->fs, target->fd, entry, sizeof(entry), to->offset);

    for (uint64_t i = 0; i < n && rc == FKV_OK; i++) {
        rc = piece_copy(m, from, target, to, hash, i);
    }

    if (rc == FKV_OK) {
        target->at += fkv__blob_entry_bytes(from->length);
        m->bytes += fkv__blob_entry_bytes(from->length);
        FKV_STEP("blob_move.2");
    }

    return rc;
}


/* Is the value of rec one to be moved? */
static bool
record_moves(const move_t *m, const fkv__record_t *rec, fkv__blob_ref_t *ref)
{
    const fkv__blob_use_t  *use;

    if (rec->kind != FKV__RECORD_BLOB
        || fkv__record_expired(rec, m->now_ms)
        || fkv__blob_ref_get(rec->value, ref) != FKV_OK)
    {
        return false;
    }

    use = fkv__blob_uses_find(m->files, ref->file);

    return use != NULL && use->bytes != 0;
}


static int
move_record(move_t *m, fkv__output_t *output, const fkv__iter_t *it)
{
    uint64_t         id = it->tables[it->at]->info.id;
    bool             cached = fkv__warm_asks(m->helper, id, it->data_offset);
    fkv__record_t    out = *it->rec;
    fkv__blob_ref_t  from, to;
    int              rc;

    if (record_moves(m, it->rec, &from)) {
        rc = value_copy(m, it->rec, &from, &to);

        if (rc == FKV_OK) {
            out.value.data = m->ref;
            out.value.len = fkv__blob_ref_put(m->ref, &to);

        } else if (rc != FKV_NOTFOUND) {
            return rc;
        }
    }

    return fkv__output_add(output, &out, cached);
}


static int
move_records(move_t *m, fkv__iter_t *it, fkv__output_t *output)
{
    int  rc;

    fkv__iter_seek(it, FKV_STR_NULL, UINT64_MAX);

    while ((rc = fkv__iter_settle(it)) == FKV_OK) {
        rc = move_record(m, output, it);
        if (rc != FKV_OK) {
            return rc;
        }

        fkv__iter_next(it);

        /* Each may have been a large value: who stops must not wait long. */
        if (fkv__helper_stopping(m->helper)) {
            return FKV_ECANCELED;
        }
    }

    return (rc == FKV_END) ? fkv__output_finish(output) : rc;
}


/* The values are on disk before an edit names who refers to them. */
static int
targets_sync(move_t *m)
{
    bool  any = false;
    int   rc = FKV_OK;

    for (unsigned i = 0; i < FKV__BLOB_BUCKETS && rc == FKV_OK; i++) {
        if (m->to[i].fd >= 0) {
            any = true;
            rc = move_code(m->fs->fdatasync(m->fs, m->to[i].fd));
        }
    }

    if (rc == FKV_OK && any) {
        rc = fkv__file_sync_dir(m->fs, m->store->blob_dir);
    }

    return rc;
}


static int
move_init(move_t *m, fkv__helper_t *helper, fkv__buf_t *files)
{
    *m = (move_t) {
        .helper = helper,
        .store = helper->store,
        .fs = helper->store->fs,
        .files = files,
        .now_ms = fkv_now_ms(helper->store),
        .from = -1
    };

    for (unsigned i = 0; i < FKV__BLOB_BUCKETS; i++) {
        m->to[i].fd = -1;
    }

    if (!fkv__clock_drops_allowed(m->store, m->now_ms)) {
        m->now_ms = 0;
    }

    m->frame = fkv__alloc(FKV__BLOB_FRAME_BYTES);
    m->piece = fkv__alloc(FKV__BLOB_FRAME_BYTES);

    errno = ENOMEM;

    return (m->frame != NULL && m->piece != NULL) ? FKV_OK : FKV_ENOMEM;
}


static void
move_done(move_t *m)
{
    int  cause = errno;

    source_close(m);

    for (unsigned i = 0; i < FKV__BLOB_BUCKETS; i++) {
        if (m->to[i].fd >= 0) {
            (void) m->fs->close(m->fs, m->to[i].fd);
        }
    }

    fkv__free(m->frame);
    fkv__free(m->piece);
    errno = cause;
}


/* Leaves the new table and its values on disk, and both in the edit. */
static int
move_table(move_t *m, fkv__table_t *table, fkv__edit_t *edit)
{
    fkv_t               *store = m->store;
    fkv__source_file_t   source;
    fkv__iter_t          it;
    fkv__output_t        output;
    int                  rc;

    fkv__source_file_init(&source, store->fs, store->sst_dir, store->log);
    fkv__iter_init(&it, &source.source, &table, 1);
    fkv__output_init(&output, m->helper, edit, table->level, UINT64_MAX);
    FKV_STEP("blob_move.1");

    rc = move_records(m, &it, &output);

    if (rc == FKV_OK) {
        rc = targets_sync(m);
    }

    fkv__warm_done(&output.warm);

    if (rc != FKV_OK) {
        fkv__output_abort(&output);
    }

    fkv__count(store, compaction_read, source.bytes_read);
    fkv__count(store, errors_corrupt, source.errors_corrupt);
    fkv__iter_done(&it);
    fkv__source_file_done(&source);

    fkv__count(store, compaction_written, output.bytes);

    return rc;
}


/* What the table made the store grow by is what its successors did. */
static void
move_usage(const fkv__table_t *table, fkv__edit_t *edit)
{
    fkv__usage_shm_t  nets[FKV__USAGES] = { 0 };

    fkv__usage_gone(nets, &table->info, UINT64_MAX);
    fkv__usage_merge(edit, edit->n_adds, nets);
}


int
fkv__blob_move(fkv__helper_t *helper, fkv__table_t *table, fkv__buf_t *files)
{
    move_t       m;
    fkv__edit_t  edit;
    int          rc = move_init(&m, helper, files);

    fkv__edit_init(&edit);

    if (rc == FKV_OK) {
        rc = fkv__edit_drop(&edit, table->info.id);
    }

    if (rc == FKV_OK) {
        rc = move_table(&m, table, &edit);
    }

    if (rc == FKV_OK) {
        move_usage(table, &edit);
        FKV_STEP("blob_move.3");
        rc = fkv__helper_edit(helper, &edit);
    }

    if (rc == FKV_OK) {
        FKV_STEP("blob_move.4");
        fkv__count(helper->store, blob_moved_bytes, m.bytes);
        fkv__helper_unlink(helper, table->info.id);
    }

    fkv__edit_done(&edit);
    move_done(&m);

    return (rc == FKV_GONE || rc == FKV_EVERSION) ? FKV_ECORRUPT : rc;
}
