/*
 * lookup.c - the point read: filter, index, data of one table after another.
 *
 *     FOLLOW --> TABLE: the next candidate, or end
 *                  |  ^------------- not in it ------------+
 *                  v                                       |
 *                FILTER --maybe--> INDEX --place--> DATA --+--> TABLE, end
 *                                  |   ^ root, page
 *                                  +---+
 *
 * Candidates come newest first, so the first answer that nothing newer can
 * follow is final: what is found in level 0 is newer than all records of the
 * key below, and a level 0 table whose version_max is not above the version
 * found has nothing newer either.
 *
 * States: FOLLOW   version may be NULL
 *         others   version is pinned
 *         FILTER.. table is in it
 *         INDEX    place is its root's, or that of the page at depth
 *         DATA     place is one of its blocks
 * held and lookup->rec go together: the newest record so far.
 */

#include "store/lookup.h"

#include "format/filter.h"

typedef enum {
    LOOKUP_FOLLOW,
    LOOKUP_TABLE,
    LOOKUP_FILTER,
    LOOKUP_INDEX,
    LOOKUP_DATA
} lookup_state_e;


static fkv__turn_e
lookup_end(fkv__lookup_own_t *own, int rc)
{
    if (own->version != NULL) {
        fkv__version_unpin(own->version);
        own->version = NULL;
    }

    own->lookup->rc = rc;

    return fkv__op_end(&own->op, rc);
}


static void
lookup_let_go(fkv__lookup_own_t *own)
{
    if (own->held != NULL) {
        own->reader.source.put(&own->reader.source, own->held);
        own->held = NULL;
    }
}


/* After a failure to get a block. */
static fkv__turn_e
lookup_failed(fkv__lookup_own_t *own, int rc)
{
    if (rc == FKV_AGAIN) {
        return FKV__TURN_WAIT;
    }

    if (rc == FKV_GONE) {
        rc = fkv__reader_gone(&own->reader, own->version);

        if (rc == FKV_AGAIN) {
            return fkv__op_enter(&own->op, LOOKUP_FOLLOW);
        }
    }

    return lookup_end(own, rc);
}


/* Something is wrong inside a verified block. */
static fkv__turn_e
lookup_damaged(fkv__lookup_own_t *own, uint64_t offset, int rc)
{
    if (rc == FKV_ECORRUPT) {
        own->reader.source.damaged(&own->reader.source, own->table, offset);
    }

    return lookup_end(own, rc);
}


/* Versions of the key that are less are deleted, whatever table has them. */
static uint64_t
lookup_hidden(const fkv__lookup_own_t *own)
{
    const fkv__lookup_t  *lookup = own->lookup;
    const fkv__range_t   *range;

    range = fkv__ranges_newest(own->version->ranges, lookup->ikey,
                               lookup->ikey, own->below);

    return (range != NULL) ? range->version : 0;
}


/* From the newest table on. */
static fkv__turn_e
lookup_begin(fkv__lookup_own_t *own, uint64_t below)
{
    own->below = below;
    own->hidden = lookup_hidden(own);
    own->level = 0;
    own->next = 0;
    own->ahead = false;

    return fkv__op_enter(&own->op, LOOKUP_TABLE);
}


/* All tables have been asked: what is held, if anything is, is the answer. */
static fkv__turn_e
lookup_found(fkv__lookup_own_t *own)
{
    fkv__lookup_t  *lookup = own->lookup;
    uint64_t        version = lookup->rec.version;

    if (own->held == NULL) {
        return lookup_end(own, FKV_NOTFOUND);
    }

    if (!lookup->whole || lookup->rec.kind != FKV__RECORD_MERGE) {
        return lookup_end(own, FKV_OK);
    }

    if (fkv__operands_add(&lookup->ops, &lookup->rec) != FKV_OK) {
        return lookup_end(own, FKV_ENOMEM);
    }

    lookup_let_go(own);

    return lookup_begin(own, version);
}


static fkv__turn_e
lookup_follow(fkv__lookup_own_t *own)
{
    fkv_t  *store = own->lookup->store;
    int     rc;

    if (own->follow.rc != FKV_OK) {
        return lookup_end(own, own->follow.rc);
    }

    rc = fkv__follow(store, &own->follow);

    if (rc == FKV_AGAIN) {
        return FKV__TURN_WAIT;
    }

    if (rc != FKV_OK) {
        return lookup_end(own, rc);
    }

    lookup_let_go(own);

    if (own->version != NULL) {
        fkv__version_unpin(own->version);
    }

    own->version = fkv__version_pin(store->tables->version);
    fkv__operands_clear(&own->lookup->ops);

    return lookup_begin(own, own->lookup->below);
}


static bool
table_covers(const fkv__table_t *table, const fkv__lookup_own_t *own)
{
    const fkv__lookup_t  *lookup = own->lookup;

    return table->info.version_min < own->below
           && table->info.version_max > own->hidden
           && fkv__str_cmp(fkv__buf_str(&table->info.smallest), lookup->ikey)
              <= 0
           && fkv__str_cmp(fkv__buf_str(&table->info.largest), lookup->ikey)
              >= 0;
}


/* The next table of level 0 that may hold something newer than what is held. */
static fkv__table_t *
lookup_next_overlapping(fkv__lookup_own_t *own)
{
    const fkv__version_t  *version = own->version;
    const fkv__lookup_t   *lookup = own->lookup;

    while (own->next < version->n[0]) {
        fkv__table_t  *table = version->levels[0][own->next++];

        if (own->held != NULL
            && table->info.version_max <= lookup->rec.version)
        {
            break;
        }

        if (table_covers(table, own)) {
            return table;
        }
    }

    own->level = 1;

    return NULL;
}


/* NULL: what is held, if anything is, is the answer. */
static fkv__table_t *
lookup_next(fkv__lookup_own_t *own)
{
    const fkv__version_t  *version = own->version;
    fkv__table_t          *table = NULL;

    if (own->level == 0) {
        table = lookup_next_overlapping(own);
    }

    while (table == NULL && own->held == NULL && own->level < FKV__LEVELS) {
        unsigned  level = own->level++, i;

        i = fkv__version_find(version, level, own->lookup->ikey);

        if (i < version->n[level]
            && table_covers(version->levels[level][i], own))
        {
            table = version->levels[level][i];
        }
    }

    return table;
}


static fkv__turn_e
lookup_root(fkv__lookup_own_t *own)
{
    own->depth = 0;
    own->place = fkv__table_root(&own->table->info);

    return fkv__op_enter(&own->op, LOOKUP_INDEX);
}


static fkv__turn_e
lookup_table(fkv__lookup_own_t *own)
{
    own->table = lookup_next(own);

    if (own->table == NULL) {
        return lookup_found(own);
    }

    if (own->table->info.filter_pages == 0) {
        return lookup_root(own);
    }

    return fkv__op_enter(&own->op, LOOKUP_FILTER);
}


/* The page that knows about the key. */
static fkv__block_place_t
lookup_filter_place(const fkv__lookup_own_t *own, const fkv__table_t *table)
{
    const fkv__table_info_t  *info = &table->info;
    uint64_t                  page;

    page = fkv__filter_page(own->lookup->hash, info->filter_pages);

    return (fkv__block_place_t) {
        info->filter_offset + page * FKV__FILTER_PAGE_BYTES,
        FKV__FILTER_PAGE_BYTES - FKV__BLOCK_TRAILER_BYTES
    };
}


/*
 * The first block is being waited for: what the tables behind may need first
 * is read at the same time, once a lookup.
 */
static void
lookup_ahead(fkv__lookup_own_t *own)
{
    fkv__source_t  *source = &own->reader.source;
    unsigned        level = own->level, next = own->next;
    fkv__table_t   *table;

    if (own->ahead) {
        return;
    }

    own->ahead = true;

    while ((table = lookup_next(own)) != NULL) {
        if (table->info.filter_pages > 0) {
            source->ahead(source, table, lookup_filter_place(own, table),
                          FKV__SOURCE_FILTER);

        } else {
            source->ahead(source, table, fkv__table_root(&table->info),
                          FKV__SOURCE_INDEX);
        }
    }

    own->level = level;
    own->next = next;
}


void
fkv__lookup_prefetch(fkv_t *store, fkv_str_t ikey, uint64_t hash)
{
    fkv__lookup_t       lookup = { .ikey = ikey };
    fkv__lookup_own_t   own = { .lookup = &lookup, .below = UINT64_MAX,
                                .version = store->tables->version };
    fkv__table_t       *table;

    while ((table = lookup_next(&own)) != NULL) {

        uint64_t  pages = table->info.filter_pages;

        if (pages > 0 && table->hints != NULL) {
            fkv__blocks_prefetch(store->seg,
                                 &table->hints[1 + fkv__filter_page(hash,
                                                                    pages)],
                                 fkv__filter_at(hash, pages),
                                 FKV__FILTER_LINE_BYTES);
        }
    }
}


static fkv__turn_e
lookup_filter(fkv__lookup_own_t *own)
{
    const fkv__table_info_t  *info = &own->table->info;
    fkv__source_t            *source = &own->reader.source;
    uint64_t                  hash = own->lookup->hash;
    fkv__block_t             *block;
    bool                      maybe;
    int                       rc;

    rc = source->get(source, own->table, lookup_filter_place(own, own->table),
                     FKV__SOURCE_FILTER, &block);

    if (rc == FKV_AGAIN) {
        lookup_ahead(own);
    }

    if (rc != FKV_OK) {
        return lookup_failed(own, rc);
    }

    maybe = fkv__filter_maybe(block->payload, hash, info->filter_pages);
    source->put(source, block);

    return maybe ? lookup_root(own) : fkv__op_enter(&own->op, LOOKUP_TABLE);
}


/* Where the page says the key is.  FKV_OK · FKV_END nowhere · FKV_ECORRUPT */
static int
index_find(const fkv__lookup_own_t *own, fkv_str_t payload,
    fkv__block_place_t *place)
{
    const fkv__lookup_t  *lookup = own->lookup;
    fkv__index_t          index;
    uint32_t              at;

    if (fkv__index_open(&index, payload) != FKV_OK
        || fkv__index_seek(&index, lookup->ikey, own->below - 1, &at, NULL)
           != FKV_OK)
    {
        return FKV_ECORRUPT;
    }

    if (at == index.n) {
        return FKV_END;
    }

    return fkv__table_place(&own->table->info, own->depth, &index, at, place);
}


static fkv__turn_e
lookup_index(fkv__lookup_own_t *own)
{
    fkv__source_t       *source = &own->reader.source;
    fkv__block_t        *block;
    fkv__block_place_t   place;
    int                  rc;

    rc = source->get(source, own->table, own->place, FKV__SOURCE_INDEX,
                     &block);
    if (rc != FKV_OK) {
        return lookup_failed(own, rc);
    }

    rc = index_find(own, block->payload, &place);
    source->put(source, block);

    if (rc == FKV_END) {
        return fkv__op_enter(&own->op, LOOKUP_TABLE);
    }

    if (rc != FKV_OK) {
        return lookup_damaged(own, own->place.offset, rc);
    }

    own->place = place;
    own->depth++;

    return fkv__op_enter(&own->op,
                         own->depth < fkv__table_depth(&own->table->info)
                         ? LOOKUP_INDEX : LOOKUP_DATA);
}


/* Takes the block over if rec is the newest record of the key so far. */
static void
lookup_take(fkv__lookup_own_t *own, fkv__block_t *block,
    const fkv__record_t *rec)
{
    fkv__lookup_t  *lookup = own->lookup;

    if (rec->version < own->hidden
        || (own->held != NULL && lookup->rec.version >= rec->version))
    {
        own->reader.source.put(&own->reader.source, block);
        return;
    }

    lookup_let_go(own);

    own->held = block;
    lookup->rec = *rec;
    lookup->rec.key = FKV_STR_NULL;
}


static fkv__turn_e
lookup_data(fkv__lookup_own_t *own)
{
    const fkv__lookup_t  *lookup = own->lookup;
    fkv__source_t        *source = &own->reader.source;
    fkv__block_t         *block;
    fkv__record_t         rec;
    int                   rc;

    rc = source->get(source, own->table, own->place, FKV__SOURCE_DATA,
                     &block);
    if (rc != FKV_OK) {
        return lookup_failed(own, rc);
    }

    rc = fkv__block_find(block->payload, lookup->ikey, lookup->hash,
                         own->below - 1, &rec);

    if (rc == FKV_OK) {
        lookup_take(own, block, &rec);

    } else {
        source->put(source, block);
    }

    if (rc == FKV_ECORRUPT) {
        return lookup_damaged(own, own->place.offset, rc);
    }

    return fkv__op_enter(&own->op, LOOKUP_TABLE);
}


static fkv__turn_e
lookup_step(fkv_op_t *op)
{
    fkv__lookup_own_t  *own = fkv__container(op, fkv__lookup_own_t, op);

    switch ((lookup_state_e) op->state) {
    case LOOKUP_FOLLOW:  return lookup_follow(own);
    case LOOKUP_TABLE:   return lookup_table(own);
    case LOOKUP_FILTER:  return lookup_filter(own);
    case LOOKUP_INDEX:   return lookup_index(own);
    case LOOKUP_DATA:    return lookup_data(own);
    }

    fkv__unreachable();
}


static void
on_lookup_done(fkv_op_t *op)
{
    fkv__lookup_own_t  *own = fkv__container(op, fkv__lookup_own_t, op);

    fkv__op_run(own->lookup->op);
}


static fkv__lookup_own_t *
own_new(fkv__tables_t *tables)
{
    fkv_link_t  *link = tables->lookups_spare.next;

    if (link == &tables->lookups_spare) {
        return fkv__alloc(sizeof(fkv__lookup_own_t));
    }

    fkv__list_remove(link);

    return fkv__container(link, fkv__lookup_own_t, link);
}


int
fkv__lookup_start(fkv__lookup_t *lookup)
{
    fkv__tables_t      *tables = lookup->store->tables;
    fkv__lookup_own_t  *own = own_new(tables);
    unsigned            entered;
    int                 rc;

    lookup->own = own;
    lookup->rc = FKV_AGAIN;

    if (own == NULL) {
        lookup->rc = FKV_ENOMEM;
        return FKV_ENOMEM;
    }

    memset(own, 0, sizeof(*own));

    own->lookup = lookup;
    own->op.on_done = on_lookup_done;
    fkv__reader_init(&own->reader, lookup->store, &own->op);
    own->follow.op = &own->op;
    fkv__list_init(&own->follow.link);
    fkv__list_append(&tables->lookups, &own->link);

    if (lookup->below == 0) {
        lookup->rc = FKV_NOTFOUND;
        return FKV_NOTFOUND;
    }

    /* Once for all blocks, if all are there. */
    entered = fkv__epochs_enter(&tables->epochs);
    rc = fkv__op_start(&own->op, "lookup", lookup_step, LOOKUP_FOLLOW);
    fkv__epochs_leave(&tables->epochs, entered);

    return rc;
}


void
fkv__lookup_done(fkv__lookup_t *lookup)
{
    fkv__lookup_own_t  *own = lookup->own;

    if (own == NULL) {
        return;
    }

    FKV_ASSERT(lookup->rc != FKV_AGAIN);

    lookup_let_go(own);
    fkv__reader_done(&own->reader);
    fkv__operands_done(&lookup->ops);
    lookup->ops = (fkv__operands_t) { .list.len = 0 };
    lookup->own = NULL;

    fkv__list_remove(&own->link);
    fkv__list_append(&lookup->store->tables->lookups_spare, &own->link);
}


static void
lookups_free(fkv_link_t *lookups)
{
    while (!fkv__list_empty(lookups)) {
        fkv__lookup_own_t  *own;

        own = fkv__container(lookups->next, fkv__lookup_own_t, link);

        if (own->version != NULL) {
            fkv__version_unpin(own->version);
        }

        lookup_let_go(own);
        fkv__reader_done(&own->reader);
        fkv__list_remove(&own->link);
        fkv__free(own);
    }
}


void
fkv__lookup_close(fkv_t *store)
{
    lookups_free(&store->tables->lookups);
    lookups_free(&store->tables->lookups_spare);
}
