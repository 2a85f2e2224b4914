/*
 * reader.c - giving out blocks, and waiting for those that are being read.
 */

#include "store/reader.h"

/* A block that was given out. */
struct fkv__held_s {
    fkv__block_t    block;
    fkv__held_t    *next;           /* spare */
    fkv__fetch_t   *fetch;          /* counted; NULL: it is shared ... */
    unsigned        hold;           /* ... and this keeps it there */
};


static fkv__held_t *
held_new(fkv__tables_t *tables)
{
    fkv__held_t  *held = tables->held_spare;

    if (held == NULL) {
        return fkv__alloc(sizeof(*held));
    }

    tables->held_spare = held->next;

    return held;
}


static void
held_free(fkv__tables_t *tables, fkv__held_t *held)
{
    held->next = tables->held_spare;
    tables->held_spare = held;
}


void
fkv__reader_close(fkv_t *store)
{
    fkv__held_t  *held;

    while ((held = store->tables->held_spare) != NULL) {
        store->tables->held_spare = held->next;
        fkv__free(held);
    }
}


/* Where this process saw the block last; NULL: it does not remember such. */
static fkv__blocks_hint_t *
reader_hint(fkv__table_t *table, fkv__block_place_t place,
    fkv__source_kind_e kind)
{
    const fkv__table_info_t  *info = &table->info;
    uint64_t                  page;

    if (kind == FKV__SOURCE_DATA) {
        return NULL;
    }

    if (table->hints == NULL) {
        table->hints = fkv__zalloc((1 + info->filter_pages)
                                   * sizeof(*table->hints));
        if (table->hints == NULL) {
            return NULL;
        }
    }

    if (kind == FKV__SOURCE_INDEX) {
        return (place.offset == info->index_offset) ? &table->hints[0] : NULL;
    }

    page = (place.offset - info->filter_offset) / FKV__FILTER_PAGE_BYTES;

    return (page < info->filter_pages) ? &table->hints[1 + page] : NULL;
}


/* NULL: it is not in shared memory, or there is no memory for the handle. */
static fkv__held_t *
reader_shared(fkv__reader_t *reader, fkv__table_t *table,
    fkv__block_place_t place, fkv__source_kind_e kind)
{
    fkv_t          *store = reader->store;
    fkv__tables_t  *tables = store->tables;
    fkv__held_t    *held = held_new(tables);

    if (held == NULL) {
        return NULL;
    }

    held->fetch = NULL;
    held->hold = fkv__epochs_enter(&tables->epochs);

    if (fkv__blocks_find(store->seg, table->info.id, place.offset,
                         reader_hint(table, place, kind),
                         &held->block.payload))
    {
        fkv__count(store, block_hits, 1);
        return held;
    }

    fkv__epochs_leave(&tables->epochs, held->hold);
    held_free(tables, held);

    return NULL;
}


/* Gives out what the wait has brought; its count passes on. */
static int
reader_came(fkv__reader_t *reader, fkv__fetch_t *came, fkv__block_t **block)
{
    fkv__held_t  *held = held_new(reader->store->tables);

    if (held == NULL) {
        fkv__fetch_let_go(came);
        return FKV_ENOMEM;
    }

    held->fetch = came;
    held->block.payload = came->payload;
    *block = &held->block;

    return FKV_OK;
}


static int
reader_wait(fkv__reader_t *reader, fkv__table_t *table,
    fkv__block_place_t place, fkv__source_kind_e kind)
{
    fkv__fetch_t  *fetch;

    fetch = fkv__fetch_find(&reader->store->tables->fetches, table->info.id,
                            place.offset);

    if (fetch == NULL) {
        int  rc = fkv__fetch_start(reader->store, table, place, kind, &fetch);

        if (rc != FKV_OK) {
            return rc;
        }
    }

    reader->id = table->info.id;
    reader->offset = place.offset;
    reader->rc = FKV_AGAIN;
    fkv__list_append(&fetch->readers, &reader->link);

    return FKV_AGAIN;
}


static int
reader_get(fkv__source_t *source, fkv__table_t *table,
    fkv__block_place_t place, fkv__source_kind_e kind, fkv__block_t **block)
{
    fkv__reader_t  *reader = fkv__container(source, fkv__reader_t, source);
    fkv__fetch_t   *came = reader->came;
    fkv__held_t    *held;
    int             rc = reader->rc;

    FKV_ASSERT(rc != FKV_AGAIN);

    reader->rc = FKV_OK;
    reader->came = NULL;

    if (reader->id == table->info.id && reader->offset == place.offset) {

        if (rc != FKV_OK) {
            return rc;
        }

        if (came != NULL) {
            return reader_came(reader, came, block);
        }

    } else if (came != NULL) {
        fkv__fetch_let_go(came);
    }

    held = reader_shared(reader, table, place, kind);

    if (held != NULL) {
        *block = &held->block;
        return FKV_OK;
    }

    return reader_wait(reader, table, place, kind);
}


static void
reader_put(fkv__source_t *source, fkv__block_t *block)
{
    fkv__reader_t  *reader = fkv__container(source, fkv__reader_t, source);
    fkv__tables_t  *tables = reader->store->tables;
    fkv__held_t    *held = fkv__container(block, fkv__held_t, block);

    if (held->fetch != NULL) {
        fkv__fetch_let_go(held->fetch);

    } else {
        fkv__epochs_leave(&tables->epochs, held->hold);
    }

    held_free(tables, held);
}


/* Only for what will be found when it has come. */
static void
reader_ahead(fkv__source_t *source, fkv__table_t *table,
    fkv__block_place_t place, fkv__source_kind_e kind)
{
    fkv__reader_t  *reader = fkv__container(source, fkv__reader_t, source);
    fkv_t          *store = reader->store;
    fkv__epochs_t  *epochs = &store->tables->epochs;
    fkv__fetch_t   *fetch;
    fkv_str_t       payload;
    unsigned        entered;
    bool            found;

    if (place.bytes > fkv__blocks_len_max(store->seg, FKV__BLOCKS_DATA)
        || fkv__fetch_find(&store->tables->fetches, table->info.id,
                           place.offset) != NULL)
    {
        return;
    }

    entered = fkv__epochs_enter(epochs);
    found = fkv__blocks_find(store->seg, table->info.id, place.offset, NULL,
                             &payload);
    fkv__epochs_leave(epochs, entered);

    if (!found) {
        (void) fkv__fetch_start(store, table, place, kind, &fetch);
    }
}


static void
reader_damaged(fkv__source_t *source, const fkv__table_t *table,
    uint64_t offset)
{
    fkv__reader_t  *reader = fkv__container(source, fkv__reader_t, source);

    fkv__count(reader->store, errors_corrupt, 1);
    fkv__fetch_complain(reader->store, table, offset, "block makes no sense");
}


void
fkv__reader_init(fkv__reader_t *reader, fkv_t *store, fkv_op_t *op)
{
    *reader = (fkv__reader_t) {
        .source = { reader_get, reader_put, reader_damaged, reader_ahead },
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
        fkv__fetch_let_go(reader->came);
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
