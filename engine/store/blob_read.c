/*
 * blob_read.c - pieces of large values.
 */

#include "store/blob_read.h"

#include <string.h>

typedef enum {
    READ_PIECE
} read_state_e;

/* One piece, as it lies on disk. */
typedef struct {
    fkv_blob_t     *blob;
    bool            used;           /* piece is meant */
    bool            reading;
    bool            verified;
    uint64_t        piece;
    fkv__io_req_t   io;
    uint8_t        *data;           /* FKV__BLOB_FRAME_BYTES */
} frame_t;

struct fkv_blob_s {
    fkv_link_t          link;       /* of files->blobs */
    fkv_t              *store;
    fkv__blob_file_t   *file;
    fkv__blob_ref_t     ref;
    uint64_t            hash;
    fkv_blob_read_t    *reader;     /* waits for a frame */
    bool                closed;     /* goes when nothing is being read */
    uint8_t            *whole;      /* of a fetch that loads */
    frame_t             frames[2];
};


static fkv_blob_t *
blob_new(fkv__blob_file_t *file, const fkv__blob_ref_t *ref, uint64_t hash)
{
    fkv_t       *store = file->store;
    fkv_blob_t  *blob = fkv__zalloc(sizeof(*blob));

    if (blob != NULL) {
        blob->store = store;
        blob->file = file;
        blob->ref = *ref;
        blob->hash = hash;
        fkv__list_append(&store->blob_files->blobs, &blob->link);
    }

    return blob;
}


static void
blob_free(fkv_blob_t *blob)
{
    for (unsigned i = 0; i < 2; i++) {
        fkv__free(blob->frames[i].data);
    }

    fkv__free(blob->whole);
    fkv__list_remove(&blob->link);
    fkv__blob_files_unuse(blob->file);
    fkv__free(blob);
}


static bool
blob_reading(const fkv_blob_t *blob)
{
    return blob->frames[0].reading || blob->frames[1].reading;
}


/* Who waits is an operation in flight: a worker that ends waits for it. */
static void
blob_await(fkv_blob_t *blob, fkv_blob_read_t *reader)
{
    blob->store->in_flight += (reader != NULL);
    blob->store->in_flight -= (blob->reader != NULL);
    blob->reader = reader;
}


void
fkv_blob_close(fkv_blob_t *blob)
{
    blob->closed = true;
    blob_await(blob, NULL);

    if (!blob_reading(blob)) {
        blob_free(blob);
    }
}


void
fkv__blob_read_close(fkv_t *store)
{
    while (store->blob_files != NULL
           && !fkv__list_empty(&store->blob_files->blobs))
    {
        blob_free(fkv__container(store->blob_files->blobs.next, fkv_blob_t,
                                 link));
    }
}


static void
on_read(fkv__io_req_t *io)
{
    frame_t     *frame = io->data;
    fkv_blob_t  *blob = frame->blob;

    frame->reading = false;

    if (blob->closed) {
        fkv_blob_close(blob);

    } else if (blob->reader != NULL) {
        fkv_blob_read_t  *reader = blob->reader;

        blob_await(blob, NULL);
        fkv__op_run(&reader->op);
    }
}


/* FKV_OK it is on its way · FKV_ENOMEM */
static int
frame_start(fkv_blob_t *blob, frame_t *frame, uint64_t piece)
{
    fkv__io_req_t  *io = &frame->io;

    if (frame->data == NULL) {
        frame->data = fkv__alloc(FKV__BLOB_FRAME_BYTES);

        if (frame->data == NULL) {
            return FKV_ENOMEM;
        }
    }

    frame->blob = blob;
    frame->used = true;
    frame->reading = true;
    frame->verified = false;
    frame->piece = piece;

    io->kind = FKV__IO_READ;
    io->fd = blob->file->fd;
    io->offset = fkv__blob_frame_at(&blob->ref, piece);
    io->iov_n = 1;
    io->iov[0].iov_base = frame->data;
    io->iov[0].iov_len = fkv__blob_piece_len(blob->ref.length, piece) + 4;
    io->on_done = on_read;
    io->data = frame;

    fkv__count(blob->store, blob_reads, 1);
    fkv__io_submit(&blob->store->io, io);
    fkv__want_turn(blob->store);

    return FKV_OK;
}


/* Says where and what; a piece that failed is read again by who asks again. */
static int
frame_failed(frame_t *frame, int rc, const char *what)
{
    fkv_blob_t  *blob = frame->blob;
    uint64_t     at = fkv__blob_frame_at(&blob->ref, frame->piece);

    frame->used = false;

    if (rc == FKV_EIO) {
        fkv__count(blob->store, errors_io, 1);

    } else {
        fkv__count(blob->store, errors_corrupt, 1);
    }

    fkv__log(blob->store->log, FKV_LOG_ALERT, "%s: %s at offset %llu, the "
             "value that lies there cannot be read", blob->file->name, what,
             (unsigned long long) at);

    return rc;
}


static int
frame_verify(frame_t *frame)
{
    const fkv_blob_t  *blob = frame->blob;

    if (frame->verified) {
        return FKV_OK;
    }

    if (frame->io.res < 0) {
        return frame_failed(frame, FKV_EIO,
                            strerror((int) -frame->io.res));
    }

    if (fkv__blob_frame_check(frame->data, (size_t) frame->io.res, &blob->ref,
                              blob->hash, frame->piece)
        != FKV_OK)
    {
        return frame_failed(frame, FKV_ECORRUPT, "damaged piece");
    }

    frame->verified = true;

    return FKV_OK;
}


/* The frame that holds the piece, or will, or could; NULL: both are busy. */
static frame_t *
frame_for(fkv_blob_t *blob, uint64_t piece)
{
    frame_t  *idle = NULL;

    for (unsigned i = 0; i < 2; i++) {
        frame_t  *frame = &blob->frames[i];

        if (frame->used && frame->piece == piece) {
            return frame;
        }

        if (!frame->reading) {
            idle = frame;
        }
    }

    return idle;
}


/* Reads on in the frame that was not given out. */
static void
read_ahead(const fkv_blob_read_t *read, const frame_t *given)
{
    fkv_blob_t  *blob = read->blob;
    frame_t     *other = &blob->frames[given == blob->frames];
    uint64_t     next = given->piece + 1;

    if (next * FKV__BLOB_PIECE_BYTES < read->to && !other->reading
        && !(other->used && other->piece == next))
    {
        /* For want of memory it is read when it is asked for. */
        (void) frame_start(blob, other, next);
    }
}


static fkv__turn_e
read_piece(fkv_blob_read_t *read)
{
    fkv_blob_t  *blob = read->blob;
    uint64_t     piece = read->from / FKV__BLOB_PIECE_BYTES, begin, end;
    frame_t     *frame;
    int          rc = FKV_OK;

    if (read->from >= read->to) {
        return fkv__op_end(&read->op, FKV_END);
    }

    frame = frame_for(blob, piece);

    if (frame != NULL && !(frame->used && frame->piece == piece)) {
        rc = frame_start(blob, frame, piece);
    }

    if (rc == FKV_OK && (frame == NULL || frame->reading)) {
        blob_await(blob, read);
        return FKV__TURN_WAIT;
    }

    if (rc == FKV_OK) {
        rc = frame_verify(frame);
    }

    if (rc != FKV_OK) {
        return fkv__op_end(&read->op, rc);
    }

    begin = piece * FKV__BLOB_PIECE_BYTES;
    end = fkv__min(begin + fkv__blob_piece_len(blob->ref.length, piece),
                   read->to);

    read->piece.data = frame->data + (read->from - begin);
    read->piece.len = end - read->from;
    read->from = end;

    read_ahead(read, frame);

    return fkv__op_end(&read->op, FKV_OK);
}


static fkv__turn_e
read_step(fkv_op_t *op)
{
    fkv_blob_read_t  *read = fkv__container(op, fkv_blob_read_t, op);

    switch ((read_state_e) op->state) {
    case READ_PIECE:  return read_piece(read);
    }

    fkv__unreachable();
}


int
fkv_blob_read(fkv_blob_read_t *read)
{
    read->to = fkv__min(read->to, read->blob->ref.length);
    read->piece = FKV_STR_NULL;

    return fkv__op_start(&read->op, "blob_read", read_step, READ_PIECE);
}


/* Copies pieces until one must be waited for, or all are there. */
static int
fetch_load(fkv__blob_fetch_t *fetch, int rc)
{
    for ( /* void */ ; rc == FKV_OK; rc = fkv_blob_read(&fetch->read)) {
        fkv_str_t  piece = fetch->read.piece;

        if (piece.len > 0) {
            memcpy(fetch->blob->whole + fetch->loaded, piece.data, piece.len);
            fetch->loaded += piece.len;
        }
    }

    if (rc == FKV_END) {
        fetch->data = fetch->blob->whole;
        return FKV_OK;
    }

    return rc;
}


static void
fetch_end(fkv__blob_fetch_t *fetch, int rc)
{
    if (rc != FKV_AGAIN) {
        fetch->rc = rc;
        fkv__op_run(fetch->op);
    }
}


static bool
load_fits(const fkv__blob_files_t *files, uint64_t bytes)
{
    return files->loading == 0
           || files->loading + bytes <= FKV__BLOB_LOADING_MAX;
}


static int  load_begin(fkv__blob_fetch_t *fetch);


static void
load_leave(fkv__blob_fetch_t *fetch)
{
    fetch->store->blob_files->loading -= fetch->room;
    fetch->room = 0;

    if (fetch->waits) {
        fkv__list_remove(&fetch->link);
        fetch->waits = false;
    }
}


/* One has ended: those that wait may go on.  Who ends meanwhile calls it. */
static void
load_next(fkv__blob_files_t *files)
{
    while (!fkv__list_empty(&files->loads)) {
        fkv__blob_fetch_t  *fetch = fkv__container(files->loads.next,
                                                   fkv__blob_fetch_t, link);

        if (!load_fits(files, fetch->ref.length)) {
            return;
        }

        load_leave(fetch);
        fetch_end(fetch, load_begin(fetch));
    }
}


static void
on_piece(fkv_op_t *op)
{
    fkv__blob_fetch_t  *fetch = op->data;
    fkv__blob_files_t  *files = fetch->store->blob_files;
    int                 rc = fetch_load(fetch, op->rc);

    if (rc == FKV_AGAIN) {
        return;
    }

    load_leave(fetch);
    fetch_end(fetch, rc);
    load_next(files);
}


/* FKV_AGAIN · FKV_ENOMEM; nothing of it is there yet */
static int
load_begin(fkv__blob_fetch_t *fetch)
{
    int          rc;
    fkv_blob_t  *blob = fetch->blob;

    blob->whole = fkv__alloc(fetch->ref.length);
    if (blob->whole == NULL) {
        return FKV_ENOMEM;
    }

    fetch->room = fetch->ref.length;
    fetch->store->blob_files->loading += fetch->room;

    fetch->read = (fkv_blob_read_t) {
        .op = { .on_done = on_piece, .data = fetch },
        .blob = blob,
        .to = fetch->ref.length
    };

    rc = fetch_load(fetch, FKV_OK);

    if (rc != FKV_AGAIN) {
        load_leave(fetch);
    }

    return rc;
}


static int
fetch_opened(fkv__blob_fetch_t *fetch)
{
    fkv__blob_files_t  *files = fetch->store->blob_files;
    fkv_blob_t         *blob;

    blob = blob_new(fetch->wait.file, &fetch->ref, fetch->hash);

    if (blob == NULL) {
        fkv__blob_files_unuse(fetch->wait.file);
        return FKV_ENOMEM;
    }

    fetch->blob = blob;

    if (!fetch->load) {
        return FKV_OK;
    }

    if (!fkv__list_empty(&files->loads)
        || !load_fits(files, fetch->ref.length))
    {
        fetch->waits = true;
        fkv__list_append(&files->loads, &fetch->link);
        return FKV_AGAIN;
    }

    return load_begin(fetch);
}


static void
on_open(fkv__blob_wait_t *wait, int rc)
{
    fkv__blob_fetch_t  *fetch = fkv__container(wait, fkv__blob_fetch_t, wait);

    fetch_end(fetch, (rc == FKV_OK) ? fetch_opened(fetch) : rc);
}


int
fkv__blob_fetch(fkv__blob_fetch_t *fetch, fkv_t *store,
    const fkv__record_t *rec, uint64_t hash, bool load)
{
    int  rc;

    fetch->store = store;
    fetch->hash = hash;
    fetch->load = load;
    fetch->waits = false;
    fetch->room = 0;
    fetch->loaded = 0;
    fetch->data = NULL;
    fetch->blob = NULL;
    fetch->wait.on_open = on_open;

    rc = fkv__blob_ref_get(rec->value, &fetch->ref);

    if (rc == FKV_OK) {
        rc = fkv__blob_files_use(store, fetch->ref.file, &fetch->wait);
    }

    if (rc == FKV_OK) {
        rc = fetch_opened(fetch);
    }

    fetch->rc = rc;

    return rc;
}


void
fkv__blob_fetch_done(fkv__blob_fetch_t *fetch)
{
    if (fetch->blob != NULL) {
        load_leave(fetch);
        fkv_blob_close(fetch->blob);
    }

    fetch->blob = NULL;
    fetch->data = NULL;
}


int
fkv__blob_missing(fkv_t *store, const fkv__blob_ref_t *ref,
    uint64_t expire_at)
{
    if (expire_at != 0 && expire_at <= fkv_now_ms(store)) {
        return FKV_NOTFOUND;
    }

    fkv__count(store, errors_corrupt, 1);
    fkv__log(store->log, FKV_LOG_ALERT, "blob/%06llu.blob is missing, the "
             "large values in it cannot be read",
             (unsigned long long) ref->file);

    return FKV_ECORRUPT;
}
