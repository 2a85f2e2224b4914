/*
 * fetch.c - reading a block.
 */

#include "store/fetch.h"

#include "store/reader.h"
#include "store/tables.h"

#define PAGE              4096
#define SPARE_ROOM        (16 * 1024)
#define UNPACKED_MAX      (64 * 1024)
#define SPARE_MAX         64


void
fkv__fetches_open(fkv__fetches_t *fetches)
{
    for (unsigned i = 0; i < FKV__FETCH_BUCKETS; i++) {
        fkv__list_init(&fetches->flying[i]);
    }

    fkv__list_init(&fetches->spare);
    fetches->spare_n = 0;
}


static const fkv_link_t *
fetches_bucket(const fkv__fetches_t *fetches, uint64_t id, uint64_t offset)
{
    uint64_t  hash = (id ^ offset >> 8) * 0x9e3779b97f4a7c15;

    return &fetches->flying[(hash >> 32) % FKV__FETCH_BUCKETS];
}


fkv__fetch_t *
fkv__fetch_find(const fkv__fetches_t *fetches, uint64_t id, uint64_t offset)
{
    const fkv_link_t  *bucket = fetches_bucket(fetches, id, offset);

    for (fkv_link_t *l = bucket->next; l != bucket; l = l->next) {
        fkv__fetch_t  *fetch = fkv__container(l, fkv__fetch_t, link);

        if (fetch->id == id && fetch->place.offset == offset) {
            return fetch;
        }
    }

    return NULL;
}


static void
fetch_free(fkv__fetch_t *fetch)
{
    fkv__list_remove(&fetch->link);
    fkv__buf_done(&fetch->unpacked);
    fkv__free(fetch->buffer);
    fkv__free(fetch);
}


void
fkv__fetch_let_go(fkv__fetch_t *fetch)
{
    fkv__fetches_t  *fetches = &fetch->store->tables->fetches;

    FKV_ASSERT(fetch->refs > 0);

    if (--fetch->refs > 0) {
        return;
    }

    if (fetch->room != SPARE_ROOM || fetch->unpacked.cap > UNPACKED_MAX
        || fetches->spare_n == SPARE_MAX)
    {
        fetch_free(fetch);
        return;
    }

    fkv__list_remove(&fetch->link);
    fkv__list_append(&fetches->spare, &fetch->link);
    fetches->spare_n++;
}


static void
fetches_free(fkv_link_t *list)
{
    while (!fkv__list_empty(list)) {
        fkv__fetch_t  *fetch = fkv__container(list->next, fkv__fetch_t, link);

        if (fetch->refs > 0) {
            fetch->table->reading = 0;
            fkv__table_unpin(fetch->table);
        }

        fetch_free(fetch);
    }
}


void
fkv__fetches_close(fkv__fetches_t *fetches)
{
    for (unsigned i = 0; i < FKV__FETCH_BUCKETS; i++) {
        fetches_free(&fetches->flying[i]);
    }

    fetches_free(&fetches->spare);
}


/* One with room for so many bytes, zeroed but for its buffers. */
static fkv__fetch_t *
fetch_new(fkv__fetches_t *fetches, size_t bytes)
{
    fkv__fetch_t  *fetch;
    uint8_t       *buffer;
    fkv__buf_t     unpacked = { 0 };
    size_t         room = fkv__max(bytes, SPARE_ROOM);

    if (room == SPARE_ROOM && fetches->spare_n > 0) {
        fetch = fkv__container(fetches->spare.next, fkv__fetch_t, link);
        fkv__list_remove(&fetch->link);
        fetches->spare_n--;
        buffer = fetch->buffer;
        unpacked = fetch->unpacked;

    } else {
        fetch = fkv__alloc(sizeof(*fetch));
        buffer = fkv__alloc_pages(room);

        if (fetch == NULL || buffer == NULL) {
            fkv__free(fetch);
            fkv__free(buffer);
            return NULL;
        }
    }

    memset(fetch, 0, sizeof(*fetch));
    fetch->buffer = buffer;
    fetch->room = room;
    fetch->unpacked = unpacked;

    return fetch;
}


void
fkv__fetch_complain(fkv_t *store, const fkv__table_t *table, uint64_t offset,
    const char *what)
{
    char  name[40];

    fkv__table_name(name, table->info.id);

    fkv__log(store->log, FKV_LOG_ALERT, "sst/%s: %s at offset %llu, the key "
             "range answers an error", name, what,
             (unsigned long long) offset);
}


static void
fetch_share(fkv__fetch_t *fetch)
{
    fkv_t                *store = fetch->store;
    fkv__epochs_t         *epochs = &store->tables->epochs;
    fkv__blocks_work_t    work;
    unsigned              hold = fkv__epochs_enter(epochs);

    fkv__blocks_fill(store->seg, store->slot, fetch->id, fetch->place.offset,
                     fetch->kind == FKV__SOURCE_DATA ? FKV__BLOCKS_DATA
                                                     : FKV__BLOCKS_META,
                     fetch->payload, &work);
    fkv__epochs_leave(epochs, hold);

    fkv__count(store, block_fills, work.filled);

    if (work.evicted + work.moved > 0) {
        fkv__count(store, block_evictions, work.evicted);
        fkv__count(store, block_moves, work.moved);
    }
}


/* Every reader has its answer before the first of them acts upon it. */
static void
fetch_end(fkv__fetch_t *fetch, int rc)
{
    fkv_link_t  readers;

    fkv__list_remove(&fetch->link);
    fkv__table_unpin(fetch->table);

    if (rc == FKV_OK) {
        fetch_share(fetch);
    }

    fkv__list_take(&readers, &fetch->readers);

    for (fkv_link_t *l = readers.next; l != &readers; l = l->next) {
        fkv__reader_t  *reader = fkv__container(l, fkv__reader_t, link);

        reader->rc = rc;

        if (rc == FKV_OK) {
            reader->came = fetch;
            fetch->refs++;
        }
    }

    fkv__fetch_let_go(fetch);

    while (!fkv__list_empty(&readers)) {
        fkv__reader_t  *reader;

        reader = fkv__container(readers.next, fkv__reader_t, link);
        fkv__list_remove(&reader->link);
        fkv__op_run(reader->op);
    }
}


static int
fetch_check(fkv__fetch_t *fetch)
{
    fkv_t     *store = fetch->store;
    uint64_t   offset = fetch->place.offset;
    size_t     len = fetch->place.bytes + FKV__BLOCK_TRAILER_BYTES;
    int        rc;

    if (fetch->io.res < 0) {
        fkv__count(store, errors_io, 1);
        fkv__fetch_complain(store, fetch->table, offset,
                            strerror((int) -fetch->io.res));
        return FKV_EIO;
    }

    if ((uint64_t) fetch->io.res < fetch->skip + len) {
        fkv__count(store, errors_corrupt, 1);
        fkv__fetch_complain(store, fetch->table, offset,
                            "file ends too early");
        return FKV_ECORRUPT;
    }

    rc = fkv__block_open(fetch->buffer + fetch->skip, len, fetch->id, offset,
                         &fetch->unpacked, &fetch->payload);

    if (rc == FKV_ECORRUPT) {
        fkv__count(store, errors_corrupt, 1);
        fkv__fetch_complain(store, fetch->table, offset, "checksum is wrong");
    }

    if (rc == FKV_EVERSION) {
        fkv__fetch_complain(store, fetch->table, offset,
                            "block of a newer version");
    }

    return rc;
}


static void
on_read(fkv__io_req_t *io)
{
    fkv__fetch_t  *fetch = io->data;
    int            rc = fetch_check(fetch);

    fkv__files_unuse(fetch->store, fetch->table);
    fetch_end(fetch, rc);
}


static void
fetch_read(fkv__fetch_t *fetch)
{
    fkv__io_req_t  *io = &fetch->io;
    size_t          bytes;

    bytes = fetch->skip + fetch->place.bytes + FKV__BLOCK_TRAILER_BYTES;

    fkv__count(fetch->store, block_reads, 1);

    io->kind = FKV__IO_READ;
    io->fd = fetch->table->fd;
    io->offset = fetch->place.offset - fetch->skip;
    io->enough = bytes;
    io->iov_n = 1;
    io->iov[0].iov_base = fetch->buffer;
    io->iov[0].iov_len = fkv__align(bytes, PAGE);
    io->on_done = on_read;
    io->data = fetch;

    fkv__io_submit(&fetch->store->io, io);
    fkv__want_turn(fetch->store);
}


static void
on_open(fkv__file_wait_t *wait, int rc)
{
    fkv__fetch_t  *fetch = fkv__container(wait, fkv__fetch_t, file_wait);

    if (rc != FKV_OK) {
        fetch_end(fetch, rc);
        return;
    }

    fetch_read(fetch);
}


int
fkv__fetch_start(fkv_t *store, fkv__table_t *table, fkv__block_place_t place,
    fkv__source_kind_e kind, fkv__fetch_t **out)
{
    fkv__fetches_t  *fetches = &store->tables->fetches;
    size_t           skip = place.offset % PAGE;
    fkv__fetch_t    *fetch;
    int              rc;

    fetch = fetch_new(fetches, fkv__align(skip + place.bytes
                                          + FKV__BLOCK_TRAILER_BYTES, PAGE));
    if (fetch == NULL) {
        return FKV_ENOMEM;
    }

    fetch->store = store;
    fetch->table = fkv__table_pin(table);
    fetch->file_wait.on_open = on_open;
    fetch->kind = kind;
    fetch->id = table->info.id;
    fetch->place = place;
    fetch->skip = skip;
    fetch->refs = 1;
    fkv__list_init(&fetch->readers);
    fkv__list_append((fkv_link_t *) (uintptr_t)
                     fetches_bucket(fetches, fetch->id, place.offset),
                     &fetch->link);

    rc = fkv__files_use(store, table, &fetch->file_wait);

    if (rc == FKV_OK) {
        fetch_read(fetch);

    } else if (rc != FKV_AGAIN) {
        fkv__table_unpin(table);
        fkv__fetch_let_go(fetch);
        return rc;
    }

    *out = fetch;

    return FKV_OK;
}
