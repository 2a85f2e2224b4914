/*
 * reader.c - loading blocks.
 *
 * While a load is in flight the kernel owns the entry's raw bytes: the load
 * holds the entry, uses the file, and pins the table until it has ended.
 */

#include "store/reader.h"

typedef struct fkv__load_s {
    fkv_link_t          link;       /* in tables->loads */
    fkv__io_req_t       io;
    fkv_t              *store;
    fkv__table_t       *table;
    fkv__cached_t      *cached;
    fkv__file_wait_t    file_wait;
    fkv__source_kind_e  kind;
    fkv_link_t          readers;
} load_t;

/* Larger data blocks are not kept: one of them would drop many others. */
#define KEEP_BYTES_MAX  (FKV__BLOCKS_BYTES_MAX / 16)


static void
complain(fkv_t *store, const fkv__table_t *table, uint64_t offset,
    const char *what)
{
    char  name[40];

    fkv__table_name(name, table->info.id);

    fkv__log(store->log, FKV_LOG_ALERT, "sst/%s: %s at offset %llu, the key "
             "range answers an error", name, what,
             (unsigned long long) offset);
}


/* Lets go of everything but the readers. */
static void
load_free(load_t *load)
{
    fkv__cache_t  *cache = &load->store->tables->cache;

    load->cached->load = NULL;
    fkv__cache_let_go(cache, load->cached);
    fkv__table_unpin(load->table);
    fkv__list_remove(&load->link);
    fkv__free(load);
}


void
fkv__reader_close_loads(fkv_t *store)
{
    fkv_link_t  *loads = &store->tables->loads;

    while (!fkv__list_empty(loads)) {
        load_t  *load = fkv__container(loads->next, load_t, link);

        fkv__cache_forget(&store->tables->cache, load->cached);
        load->table->reading = 0;
        load_free(load);
    }
}


/* Every reader has its answer before the first of them acts upon it. */
static void
load_end(load_t *load, int rc)
{
    fkv_link_t     readers;
    fkv__cache_t  *cache = &load->store->tables->cache;

    fkv__list_take(&readers, &load->readers);

    for (fkv_link_t *l = readers.next; l != &readers; l = l->next) {
        fkv__reader_t  *reader = fkv__container(l, fkv__reader_t, link);

        reader->rc = rc;

        if (rc == FKV_OK) {
            fkv__cache_hold(cache, load->cached);
            reader->came = load->cached;
        }
    }

    if (rc != FKV_OK
        || (load->kind == FKV__SOURCE_DATA
            && load->cached->len > KEEP_BYTES_MAX))
    {
        fkv__cache_forget(cache, load->cached);
    }

    load_free(load);

    while (!fkv__list_empty(&readers)) {
        fkv__reader_t  *reader;

        reader = fkv__container(readers.next, fkv__reader_t, link);
        fkv__list_remove(&reader->link);
        fkv__op_run(reader->op);
    }
}


static int
load_check(load_t *load)
{
    fkv_t          *store = load->store;
    fkv__cached_t  *cached = load->cached;
    int             rc;

    if (load->io.res < 0) {
        fkv__count(store, errors_io, 1);
        complain(store, load->table, cached->offset,
                 strerror((int) -load->io.res));
        return FKV_EIO;
    }

    if ((uint64_t) load->io.res < cached->len) {
        fkv__count(store, errors_corrupt, 1);
        complain(store, load->table, cached->offset, "file ends too early");
        return FKV_ECORRUPT;
    }

    rc = fkv__block_open(cached->raw, cached->len, cached->id,
                         cached->offset, &cached->room,
                         &cached->block.payload);
    store->tables->cache.bytes += cached->room.cap;

    if (rc == FKV_ECORRUPT) {
        fkv__count(store, errors_corrupt, 1);
        complain(store, load->table, cached->offset, "checksum is wrong");
    }

    if (rc == FKV_EVERSION) {
        complain(store, load->table, cached->offset,
                 "block of a newer version");
    }

    return rc;
}


static void
on_read(fkv__io_req_t *io)
{
    load_t  *load = io->data;
    int      rc = load_check(load);

    fkv__files_unuse(load->store, load->table);
    load_end(load, rc);
}


static void
load_read(load_t *load)
{
    fkv__cached_t  *cached = load->cached;
    fkv__io_req_t  *io = &load->io;

    fkv__count(load->store, block_reads, 1);

    io->kind = FKV__IO_READ;
    io->fd = load->table->fd;
    io->offset = cached->offset;
    io->iov_n = 1;
    io->iov[0].iov_base = cached->raw;
    io->iov[0].iov_len = cached->len;
    io->on_done = on_read;
    io->data = load;

    fkv__io_submit(&load->store->io, io);
    fkv__want_turn(load->store);
}


static void
on_open(fkv__file_wait_t *wait, int rc)
{
    load_t  *load = fkv__container(wait, load_t, file_wait);

    if (rc != FKV_OK) {
        load_end(load, rc);
        return;
    }

    load_read(load);
}


static int
load_start(fkv_t *store, fkv__table_t *table, fkv__block_place_t place,
    fkv__source_kind_e kind, fkv__cached_t **cached)
{
    load_t  *load;
    int      rc;

    load = fkv__zalloc(sizeof(*load));
    if (load == NULL) {
        return FKV_ENOMEM;
    }

    load->cached = fkv__cache_new(&store->tables->cache, table->info.id,
                                  place.offset,
                                  place.bytes + FKV__BLOCK_TRAILER_BYTES);
    if (load->cached == NULL) {
        fkv__free(load);
        return FKV_ENOMEM;
    }

    load->cached->load = load;
    load->store = store;
    load->table = fkv__table_pin(table);
    load->file_wait.on_open = on_open;
    load->kind = kind;
    fkv__list_init(&load->readers);
    fkv__list_append(&store->tables->loads, &load->link);

    rc = fkv__files_use(store, table, &load->file_wait);

    if (rc == FKV_OK) {
        load_read(load);

    } else if (rc != FKV_AGAIN) {
        fkv__cache_forget(&store->tables->cache, load->cached);
        load_free(load);
        return rc;
    }

    *cached = load->cached;

    return FKV_OK;
}


/* What the wait has brought, if it was this block that was waited for. */
static int
reader_collect(fkv__reader_t *reader, uint64_t id, uint64_t offset,
    fkv__cached_t **cached)
{
    int             rc = reader->rc;
    bool            same = reader->id == id && reader->offset == offset;
    fkv__cached_t  *came = reader->came;

    FKV_ASSERT(rc != FKV_AGAIN);

    reader->rc = FKV_OK;
    reader->came = NULL;

    if (same) {
        *cached = came;
        return rc;
    }

    if (came != NULL) {
        fkv__cache_let_go(&reader->store->tables->cache, came);
    }

    return FKV_OK;
}


static int
reader_get(fkv__source_t *source, fkv__table_t *table,
    fkv__block_place_t place, fkv__source_kind_e kind, fkv__block_t **block)
{
    fkv__reader_t  *reader = fkv__container(source, fkv__reader_t, source);
    fkv_t          *store = reader->store;
    fkv__cache_t   *cache = &store->tables->cache;
    fkv__cached_t  *cached = NULL;
    int             rc;

    rc = reader_collect(reader, table->info.id, place.offset, &cached);
    if (rc != FKV_OK) {
        return rc;
    }

    if (cached != NULL) {
        *block = &cached->block;
        return FKV_OK;
    }

    cached = fkv__cache_find(cache, table->info.id, place.offset);

    if (cached != NULL && cached->load == NULL) {
        fkv__count(store, block_hits, 1);
        fkv__cache_hold(cache, cached);
        *block = &cached->block;
        return FKV_OK;
    }

    if (cached == NULL) {
        rc = load_start(store, table, place, kind, &cached);
        if (rc != FKV_OK) {
            return rc;
        }
    }

    reader->id = table->info.id;
    reader->offset = place.offset;
    reader->rc = FKV_AGAIN;
    fkv__list_append(&cached->load->readers, &reader->link);

    return FKV_AGAIN;
}


static void
reader_put(fkv__source_t *source, fkv__block_t *block)
{
    fkv__reader_t  *reader = fkv__container(source, fkv__reader_t, source);

    fkv__cache_let_go(&reader->store->tables->cache,
                      fkv__container(block, fkv__cached_t, block));
}


static void
reader_damaged(fkv__source_t *source, const fkv__table_t *table,
    uint64_t offset)
{
    fkv__reader_t  *reader = fkv__container(source, fkv__reader_t, source);

    fkv__count(reader->store, errors_corrupt, 1);
    complain(reader->store, table, offset, "block makes no sense");
}


void
fkv__reader_init(fkv__reader_t *reader, fkv_t *store, fkv_op_t *op)
{
    *reader = (fkv__reader_t) {
        .source = { reader_get, reader_put, reader_damaged },
        .store = store, .op = op, .rc = FKV_OK
    };

    fkv__list_init(&reader->link);
}


void
fkv__reader_done(fkv__reader_t *reader)
{
    fkv__list_remove(&reader->link);
    reader->rc = FKV_OK;

    if (reader->came != NULL) {
        fkv__cache_let_go(&reader->store->tables->cache, reader->came);
        reader->came = NULL;
    }
}


int
fkv__reader_gone(fkv__reader_t *reader, const fkv__version_t *version)
{
    fkv_t  *store = reader->store;
    char    name[40];

    if (version->edit < fkv__follow_announced(store)
        || version->edit < store->tables->version->edit)
    {
        return FKV_AGAIN;
    }

    fkv__table_name(name, reader->id);

    fkv__count(store, errors_corrupt, 1);
    fkv__log(store->log, FKV_LOG_ALERT, "sst/%s: table is missing, its keys "
             "answer an error", name);

    return FKV_ECORRUPT;
}
