/*
 * blob_write.c - appending to blob files.
 *
 *     CREATE -> HEADER -> NAME -> READY
 *         any may fail: then all who wait fail, and the file is left to the
 *         helper
 */

#include "store/blob_write.h"

#include "store/directory.h"
#include "store/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define CHUNK_FRAMES  4
#define CHUNK_BYTES   (FKV__BLOB_ENTRY_BYTES                                  \
                       + CHUNK_FRAMES * FKV__BLOB_FRAME_BYTES)
#define NAME_BYTES    48
#define MINUTE_MS     (60 * 1000ull)

typedef enum {
    OUT_CREATE,
    OUT_HEADER,
    OUT_NAME,
    OUT_READY
} out_state_e;

/* A file that this process appends to. */
struct fkv__blob_out_s {
    fkv_link_t      link;           /* of the writer */
    fkv_t          *store;
    uint64_t        id;
    int             fd;
    unsigned        place;          /* in slot.blobs */
    unsigned        bucket;
    out_state_e     state;
    int             rc;             /* not FKV_OK: it has failed for good */
    uint64_t        at;             /* the next entry's offset */
    unsigned        users;          /* puts not done */
    bool            busy;           /* io is in flight */
    uint64_t        created_ms;     /* boot time */
    uint64_t        used_ms;
    fkv_link_t      waiting;        /* puts: to be READY, then for a sync */
    fkv_link_t      syncing;        /* whom the sync in flight serves */
    fkv__io_req_t   io;
    uint8_t         header[FKV__BLOB_HEADER_BYTES];
    char            name[NAME_BYTES];   /* blob/ID.blob */
};

struct fkv__blob_writer_s {
    fkv_link_t        puts;         /* not ended */
    fkv_link_t        outs;
    fkv__blob_out_t  *current[FKV__BLOB_BUCKETS];
};

/* A value that lives no longer than this goes to the bucket. */
static const uint64_t  bucket_ms[FKV__BLOB_BUCKETS] = {
    0, MINUTE_MS, 10 * MINUTE_MS, 60 * MINUTE_MS, 6 * 60 * MINUTE_MS,
    24 * 60 * MINUTE_MS, 7 * 24 * 60 * MINUTE_MS, UINT64_MAX
};


void
fkv__blob_name(char *out, uint64_t id)
{
    (void) snprintf(out, 40, "%06llu.blob", (unsigned long long) id);
}


int
fkv__blob_ids(int dir, fkv__buf_t *ids)
{
    return fkv__directory_numbers(dir, "", 6, ".blob", ids);
}


int
fkv__blob_write_open(fkv_t *store)
{
    fkv__blob_writer_t  *writer = fkv__zalloc(sizeof(*writer));

    if (writer == NULL) {
        return FKV_ENOMEM;
    }

    fkv__list_init(&writer->puts);
    fkv__list_init(&writer->outs);
    store->blob_writer = writer;

    return FKV_OK;
}


bool
fkv__blob_wanted(const fkv_t *store, size_t len)
{
    return len >= store->options.blob_min;
}


unsigned
fkv__blob_bucket(uint64_t expire_at, uint64_t now_ms)
{
    uint64_t  left = (expire_at > now_ms) ? expire_at - now_ms : 0;
    unsigned  bucket = 1;

    if (expire_at == 0) {
        return 0;
    }

    while (left > bucket_ms[bucket]) {
        bucket++;
    }

    return bucket;
}


/* A place in our slot that names no file; -1: there is none. */
static int
place_free(const fkv_t *store)
{
    for (int i = 0; i < FKV__BLOBS_OPEN; i++) {
        if (__atomic_load_n(&store->own->blobs[i], __ATOMIC_RELAXED) == 0) {
            return i;
        }
    }

    return -1;
}


/*
 * The helper loads next_blob, then looks at the slots.  If it does not see
 * our FROM, our id is not below the next_blob that it saw.
 */
static void
place_take(fkv__blob_out_t *out)
{
    fkv_t     *store = out->store;
    uint64_t  *place = &store->own->blobs[out->place];
    uint64_t  *next = &store->seg->state.next_blob;

    __atomic_store_n(place, FKV__BLOB_FROM
                            | __atomic_load_n(next, __ATOMIC_SEQ_CST),
                     __ATOMIC_SEQ_CST);

    out->id = __atomic_fetch_add(next, 1, __ATOMIC_SEQ_CST);

    __atomic_store_n(place, out->id, __ATOMIC_SEQ_CST);
}


static void
out_free(fkv__blob_out_t *out)
{
    fkv_t  *store = out->store;

    if (out->fd >= 0) {
        fkv__files_close_fd(store, out->fd);
    }

    fkv__list_remove(&out->link);
    __atomic_store_n(&store->own->blobs[out->place], 0, __ATOMIC_SEQ_CST);
    fkv__free(out);
}


static bool
out_current(const fkv__blob_out_t *out)
{
    return out->store->blob_writer->current[out->bucket] == out;
}


/* No new put comes to it; with the last old one it goes. */
static void
out_retire(fkv__blob_out_t *out)
{
    if (out_current(out)) {
        out->store->blob_writer->current[out->bucket] = NULL;
    }

    if (out->users == 0 && !out->busy) {
        out_free(out);
    }
}


static void
put_end(fkv__blob_put_t *put, int rc)
{
    fkv__free(put->chunk);
    put->chunk = NULL;
    put->rc = rc;

    fkv__list_remove(&put->link);
    fkv__list_remove(&put->all);

    put->on_done(put);
}


/* All on the list, which may be of a file that goes with the last of them. */
static void
puts_end(fkv_link_t *list, int rc)
{
    fkv_link_t  puts;

    fkv__list_take(&puts, list);

    while (!fkv__list_empty(&puts)) {
        put_end(fkv__container(puts.next, fkv__blob_put_t, link), rc);
    }
}


/* Of what an I/O answered; says it unless the disk is full. */
static int
out_failed(fkv__blob_out_t *out, int64_t res, const char *what)
{
    fkv_t  *store = out->store;

    if (res == -ENOSPC || res == -EDQUOT) {
        return FKV_EFULL;
    }

    if (res == -ENOMEM) {
        return FKV_ENOMEM;
    }

    fkv__count(store, errors_io, 1);
    fkv__log(store->log, FKV_LOG_ERROR, "%s: %s failed: %s, the large values "
             "that it was to take are refused", out->name, what,
             strerror((int) -res));

    return FKV_EIO;
}


static void
out_submit(fkv__blob_out_t *out, void (*on_done)(fkv__io_req_t *io))
{
    out->busy = true;
    out->io.on_done = on_done;
    out->io.data = out;

    fkv__io_submit(&out->store->io, &out->io);
    fkv__want_turn(out->store);
}


/* Whoever waits fails, and whoever comes; the file may be gone afterwards. */
static void
out_broken(fkv__blob_out_t *out, int rc)
{
    out->rc = rc;
    out->users++;                   /* until we are through */
    out_retire(out);

    puts_end(&out->syncing, rc);
    puts_end(&out->waiting, rc);

    out->users--;
    out_retire(out);
}


static void put_write(fkv__blob_put_t *put);
static void out_sync(fkv__blob_out_t *out);


static void
on_synced(fkv__io_req_t *io)
{
    fkv__blob_out_t  *out = io->data;

    out->busy = false;

    /* What a failed sync has left unwritten, the next one may not tell. */
    if (io->res < 0) {
        out_broken(out, out_failed(out, io->res, "sync"));
        return;
    }

    FKV_STEP("blob.5");

    out->users++;
    puts_end(&out->syncing, FKV_OK);
    out->users--;

    if (!fkv__list_empty(&out->waiting)) {
        out_sync(out);

    } else if (!out_current(out)) {
        out_retire(out);
    }
}


static void
out_sync(fkv__blob_out_t *out)
{
    fkv__list_take(&out->syncing, &out->waiting);

    out->io.kind = FKV__IO_FDATASYNC;
    out->io.fd = out->fd;

    out_submit(out, on_synced);
}


/* The chunk takes the next pieces; the entry's header before the first. */
static void
chunk_begin(fkv__blob_put_t *put)
{
    const fkv__blob_ref_t  *ref = &put->ref;

    put->chunk_at = fkv__blob_frame_at(ref, put->piece);
    put->chunk_len = 0;
    put->chunk_end = fkv__min(fkv__blob_pieces(ref->length),
                              put->piece + CHUNK_FRAMES);

    if (put->piece == 0) {
        put->chunk_at = ref->offset;
        put->chunk_len = FKV__BLOB_ENTRY_BYTES;
        fkv__blob_entry_put(put->chunk, ref, put->hash, put->expire_at);
    }
}


static void
on_written(fkv__io_req_t *io)
{
    fkv__blob_put_t  *put = io->data;
    fkv__blob_out_t  *out = put->out;

    put->writing = false;

    if (put->canceled) {
        put_end(put, FKV_ECANCELED);
        return;
    }

    if (io->res < 0) {
        int  rc = out_failed(out, io->res, "write");

        put_end(put, rc);
        return;
    }

    if (put->piece < fkv__blob_pieces(put->ref.length)) {
        chunk_begin(put);

        if (put->value.data == NULL) {
            put->on_room(put);

        } else {
            put_write(put);
        }

        return;
    }

    FKV_STEP("blob.4");

    fkv__free(put->chunk);
    put->chunk = NULL;

    if (out->rc != FKV_OK) {
        put_end(put, out->rc);
        return;
    }

    fkv__list_append(&out->waiting, &put->link);

    if (!out->busy) {
        out_sync(out);
    }
}


/* The chunk, which is full if the value is fed and is filled if it is not. */
static void
put_write(fkv__blob_put_t *put)
{
    const uint8_t  *value = put->value.data;

    while (put->piece < put->chunk_end) {
        put->chunk_len += fkv__blob_frame_put(put->chunk + put->chunk_len,
                                              &put->ref, put->hash, put->piece,
                                              value + put->piece
                                                    * FKV__BLOB_PIECE_BYTES);
        put->piece++;
    }

    put->io.kind = FKV__IO_WRITE;
    put->io.fd = put->out->fd;
    put->io.dsync = false;
    put->io.offset = put->chunk_at;
    put->io.iov_n = 1;
    put->io.iov[0].iov_base = put->chunk;
    put->io.iov[0].iov_len = put->chunk_len;
    put->io.on_done = on_written;
    put->io.data = put;
    put->writing = true;

    fkv__io_submit(&put->store->io, &put->io);
    fkv__want_turn(put->store);
}


/* Writes, now or when the file is there. */
static void
put_go(fkv__blob_put_t *put)
{
    if (put->out->state == OUT_READY) {
        put_write(put);

    } else {
        fkv__list_append(&put->out->waiting, &put->link);
    }
}


void
fkv__blob_put_feed(fkv__blob_put_t *put, fkv_str_t *bytes)
{
    FKV_ASSERT(put->rc == FKV_AGAIN);

    if (put->piece == put->chunk_end) {
        return;                             /* it is being written */
    }

    if (put->out->rc != FKV_OK) {
        put_end(put, put->out->rc);
        return;
    }

    while (bytes->len > 0 && put->piece < put->chunk_end) {
        uint8_t  *frame = put->chunk + put->chunk_len;
        size_t    len = fkv__blob_piece_len(put->ref.length, put->piece);
        size_t    n = fkv__min(bytes->len, len - put->fed);

        memcpy(frame + put->fed, bytes->data, n);
        bytes->data += n;
        bytes->len -= n;
        put->fed += n;

        if (put->fed == len) {
            put->chunk_len += fkv__blob_frame_seal(frame, &put->ref, put->hash,
                                                   put->piece);
            put->piece++;
            put->fed = 0;
        }
    }

    if (put->piece == put->chunk_end) {
        put_go(put);
    }
}


void
fkv__blob_put_cancel(fkv__blob_put_t *put)
{
    FKV_ASSERT(put->rc == FKV_AGAIN);

    if (put->writing) {
        put->canceled = true;

    } else {
        put_end(put, FKV_ECANCELED);
    }
}


/* Its room in the file; a file that has become long takes no more. */
static void
put_place(fkv__blob_put_t *put)
{
    fkv__blob_out_t  *out = put->out;

    put->ref.file = out->id;
    put->ref.offset = out->at;
    put->ref.length = put->value.len;

    out->at += fkv__blob_entry_bytes(put->value.len);

    if (out->at >= FKV__BLOB_FILE_BYTES) {
        out_retire(out);
    }
}


static void
out_ready(fkv__blob_out_t *out)
{
    fkv_link_t  puts;

    FKV_STEP("blob.3");

    out->state = OUT_READY;
    fkv__list_take(&puts, &out->waiting);

    while (!fkv__list_empty(&puts)) {
        fkv__blob_put_t  *put = fkv__container(puts.next, fkv__blob_put_t,
                                               link);

        fkv__list_remove(&put->link);
        put_write(put);
    }
}


static void
on_made(fkv__io_req_t *io)
{
    static const char *const  whats[] = { "open", "write", "sync of blob/" };
    fkv__blob_out_t          *out = io->data;
    const fkv_options_t      *opt = &out->store->options;

    out->busy = false;

    if (io->res < 0) {
        out_broken(out, out_failed(out, io->res, whats[out->state]));
        return;
    }

    switch (out->state) {

    case OUT_CREATE:
        FKV_STEP("blob.2");
        out->fd = (int) io->res;
        out->state = OUT_HEADER;

        /* Root's, in nginx's one process; a worker could not read it. */
        if (fkv__directory_own(out->fd, opt->uid, opt->gid) != FKV_OK) {
            out_broken(out, out_failed(out, -errno, "change of the owner"));
            return;
        }

        io->kind = FKV__IO_WRITE;
        io->fd = out->fd;
        io->dsync = false;
        io->offset = 0;
        io->iov_n = 1;
        io->iov[0].iov_base = out->header;
        io->iov[0].iov_len = sizeof(out->header);
        out_submit(out, on_made);
        return;

    case OUT_HEADER:
        out->state = OUT_NAME;
        io->kind = FKV__IO_FSYNC;
        io->fd = out->store->blob_dir;
        out_submit(out, on_made);
        return;

    case OUT_NAME:
        out_ready(out);
        return;

    case OUT_READY:
        break;
    }

    fkv__unreachable();
}


static void
out_create(fkv__blob_out_t *out, uint64_t now_ms)
{
    fkv__blob_header_t  header = {
        .id = out->id,
        .created_ms = now_ms,
        .bucket = out->bucket
    };

    fkv__blob_header_put(out->header, &header);

    memcpy(out->name, "blob/", 5);
    fkv__blob_name(out->name + 5, out->id);

    out->io.kind = FKV__IO_OPEN;
    out->io.fd = out->store->blob_dir;
    out->io.path = out->name + 5;
    out->io.flags = O_RDWR | O_CREAT | O_EXCL;

    out_submit(out, on_made);
}


static int
out_new(fkv_t *store, unsigned bucket, uint64_t now_ms, fkv__blob_out_t **new)
{
    int               place = place_free(store);
    fkv__blob_out_t  *out;

    if (place < 0) {
        return FKV_EBUSY;
    }

    out = fkv__zalloc(sizeof(*out));
    if (out == NULL) {
        return FKV_ENOMEM;
    }

    out->store = store;
    out->fd = -1;
    out->place = (unsigned) place;
    out->bucket = bucket;
    out->at = FKV__BLOB_HEADER_BYTES;
    out->created_ms = store->clock->boot_ms(store->clock);

    fkv__list_init(&out->waiting);
    fkv__list_init(&out->syncing);
    fkv__list_append(&store->blob_writer->outs, &out->link);
    store->blob_writer->current[bucket] = out;

    place_take(out);
    FKV_STEP("blob.1");
    out_create(out, now_ms);

    *new = out;

    return FKV_OK;
}


/* The file that takes values of this bucket now. */
static int
out_for(fkv_t *store, unsigned bucket, uint64_t now_ms, fkv__blob_out_t **out)
{
    uint64_t  boot_ms = store->clock->boot_ms(store->clock);

    *out = store->blob_writer->current[bucket];

    if (*out != NULL
        && boot_ms - (*out)->created_ms > bucket_ms[bucket] / 4
        && bucket != 0)
    {
        out_retire(*out);
        *out = NULL;
    }

    return (*out != NULL) ? FKV_OK : out_new(store, bucket, now_ms, out);
}


int
fkv__blob_put(fkv__blob_put_t *put, uint64_t now_ms)
{
    fkv_t            *store = put->store;
    unsigned          bucket = fkv__blob_bucket(put->expire_at, now_ms);
    fkv__blob_out_t  *out;
    int               rc;

    FKV_ASSERT(put->value.len > 0);

    put->chunk = fkv__alloc(CHUNK_BYTES);
    if (put->chunk == NULL) {
        return FKV_ENOMEM;
    }

    rc = out_for(store, bucket, now_ms, &out);

    if (rc != FKV_OK) {
        fkv__free(put->chunk);
        put->chunk = NULL;
        return rc;
    }

    out->users++;
    out->used_ms = store->clock->boot_ms(store->clock);

    put->rc = FKV_AGAIN;
    put->out = out;
    put->piece = 0;
    put->fed = 0;
    put->writing = false;
    put->canceled = false;
    fkv__list_init(&put->link);
    fkv__list_append(&store->blob_writer->puts, &put->all);

    fkv__count(store, blob_writes, 1);
    fkv__count(store, blob_write_bytes, fkv__blob_entry_bytes(put->value.len));

    put_place(put);
    chunk_begin(put);

    if (put->value.data != NULL) {
        put_go(put);
    }

    return FKV_AGAIN;
}


void
fkv__blob_put_done(fkv__blob_put_t *put)
{
    fkv__blob_out_t  *out = put->out;

    FKV_ASSERT(put->rc != FKV_AGAIN);

    if (out == NULL) {
        return;
    }

    put->out = NULL;
    out->users--;

    if (!out_current(out)) {
        out_retire(out);
    }
}


void
fkv__blob_write_poll(fkv_t *store)
{
    uint64_t  boot_ms;

    if (fkv__list_empty(&store->blob_writer->outs)) {
        return;
    }

    boot_ms = store->clock->boot_ms(store->clock);

    for (unsigned i = 0; i < FKV__BLOB_BUCKETS; i++) {
        fkv__blob_out_t  *out = store->blob_writer->current[i];

        if (out != NULL && out->users == 0
            && boot_ms - out->used_ms > FKV__BLOB_IDLE_MS)
        {
            out_retire(out);
        }
    }
}


void
fkv__blob_write_close(fkv_t *store)
{
    fkv__blob_writer_t  *writer = store->blob_writer;

    if (writer == NULL) {
        return;
    }

    while (!fkv__list_empty(&writer->puts)) {
        fkv__blob_put_t  *put = fkv__container(writer->puts.next,
                                               fkv__blob_put_t, all);

        fkv__list_remove(&put->all);
        fkv__free(put->chunk);
    }

    while (!fkv__list_empty(&writer->outs)) {
        out_free(fkv__container(writer->outs.next, fkv__blob_out_t, link));
    }

    fkv__free(writer);
    store->blob_writer = NULL;
}
