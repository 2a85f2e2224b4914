/*
 * iter.c - walking tables, one settled step at a time.
 *
 *     INDEX --> DATA --> READY --next--> STEP --> READY
 *       ^        ^                        | block is over
 *       |        +------ next block ------+
 *       +------------ next page, table ---+          END, FAILED
 *
 * A verified block may still be nonsense, so order is checked, not believed:
 *   1  a block's last record lies at or before its separator
 *   2  a block's first record lies behind floor, the last one before it
 * With the order inside a block (block.c) the walk as a whole ascends, and a
 * search misses nothing that the walk finds.
 */

#include "store/iter.h"

typedef enum {
    ITER_INDEX,             /* the page at depth of table at is wanted */
    ITER_DATA,              /* the block that the last page names is wanted */
    ITER_STEP,              /* the record behind data.rec is wanted */
    ITER_READY,             /* rec is data.rec */
    ITER_END,
    ITER_FAILED
} iter_state_e;


void
fkv__iter_init(fkv__iter_t *it, fkv__source_t *source,
    fkv__table_t *const *tables, unsigned n)
{
    memset(it, 0, offsetof(fkv__iter_t, data));

    it->source = source;
    it->tables = tables;
    it->n = n;
    it->state = ITER_END;
}


static void
iter_put_data(fkv__iter_t *it)
{
    if (it->data_block != NULL) {
        fkv__block_iter_done(&it->data);
        it->source->put(it->source, it->data_block);
        it->data_block = NULL;
    }

    it->rec = NULL;
}


/* The deepest page that is held. */
static fkv__iter_index_t *
iter_page(fkv__iter_t *it)
{
    FKV_ASSERT(it->depth > 0);

    return &it->index[it->depth - 1];
}


static void
iter_put_page(fkv__iter_t *it)
{
    it->source->put(it->source, iter_page(it)->block);
    it->depth--;
}


static void
iter_put_blocks(fkv__iter_t *it)
{
    iter_put_data(it);

    while (it->depth > 0) {
        iter_put_page(it);
    }
}


void
fkv__iter_done(fkv__iter_t *it)
{
    iter_put_blocks(it);
    fkv__buf_done(&it->target);
    fkv__buf_done(&it->floor);
}


static int
iter_copy(fkv__buf_t *buf, fkv_str_t key)
{
    buf->len = 0;

    return fkv__buf_append(buf, key.data, key.len);
}


void
fkv__iter_seek(fkv__iter_t *it, fkv_str_t ikey, uint64_t version)
{
    iter_put_blocks(it);

    it->has_floor = false;
    it->entered = false;

    if (iter_copy(&it->target, ikey) != FKV_OK) {
        it->state = ITER_FAILED;
        it->rc = FKV_ENOMEM;
        return;
    }

    it->target_version = version;
    it->seeking = true;
    it->at = fkv__table_find(it->tables, it->n, ikey);
    it->state = ITER_INDEX;
}


void
fkv__iter_next(fkv__iter_t *it)
{
    FKV_ASSERT(it->state == ITER_READY);

    it->rec = NULL;
    it->state = ITER_STEP;
}


bool
fkv__iter_skip(fkv__iter_t *it, fkv_str_t ikey, uint64_t version)
{
    unsigned   at = it->at;
    fkv_str_t  to = ikey;

    if (it->state != ITER_READY || fkv__str_cmp(it->rec->key, ikey) >= 0) {
        return false;
    }

    while (at < it->n && it->tables[at]->info.version_max < version) {
        at++;
    }

    if (at == it->at) {
        return false;
    }

    if (at < it->n) {
        fkv_str_t  smallest = fkv__buf_str(&it->tables[at]->info.smallest);

        to = (fkv__str_cmp(smallest, ikey) < 0) ? smallest : ikey;
    }

    fkv__iter_seek(it, to, UINT64_MAX);

    return true;
}


/* Blames a block of the current table for a structure error. */
static int
iter_blame(fkv__iter_t *it, uint64_t offset, int rc)
{
    if (rc == FKV_ECORRUPT || rc == FKV_END) {
        it->source->damaged(it->source, it->tables[it->at], offset);
        return FKV_ECORRUPT;
    }

    return rc;
}


static int
iter_blame_page(fkv__iter_t *it, int rc)
{
    return iter_blame(it, iter_page(it)->offset, rc);
}


/* The entry behind the current one, of whichever page has one. */
static int
iter_advance(fkv__iter_t *it)
{
    iter_put_data(it);

    while (it->depth > 0) {
        fkv__iter_index_t  *index = iter_page(it);

        if (index->at + 1 < index->page.n) {
            index->at++;
            it->state = (it->depth
                         < fkv__table_depth(&it->tables[it->at]->info))
                        ? ITER_INDEX : ITER_DATA;
            return FKV_OK;
        }

        iter_put_page(it);
    }

    it->at++;
    it->seeking = false;
    it->entered = false;
    it->state = ITER_INDEX;

    return FKV_OK;
}


/* Where the block that is wanted next lies. */
static int
iter_place(fkv__iter_t *it, fkv__block_place_t *place)
{
    const fkv__table_info_t  *info = &it->tables[it->at]->info;
    fkv__iter_index_t        *index;
    int                       rc;

    if (it->depth == 0) {
        *place = fkv__table_root(info);
        return FKV_OK;
    }

    index = iter_page(it);
    rc = fkv__table_place(info, it->depth - 1, &index->page, index->at, place);

    return (rc == FKV_OK) ? FKV_OK : iter_blame_page(it, rc);
}


/*
 * Where to begin in a page or block; false: at its first record.  A table
 * begins with its smallest key, whatever its file begins with.
 */
static bool
iter_aim(const fkv__iter_t *it, fkv_str_t *ikey, uint64_t *version)
{
    fkv_str_t  smallest = fkv__buf_str(&it->tables[it->at]->info.smallest);

    *ikey = fkv__buf_str(&it->target);
    *version = it->target_version;

    if (!it->entered
        && (!it->seeking || fkv__str_cmp(*ikey, smallest) < 0))
    {
        *ikey = smallest;
        *version = UINT64_MAX;
        return true;
    }

    return it->seeking;
}


static int
iter_enter_page(fkv__iter_t *it)
{
    fkv__iter_index_t  *index = iter_page(it);
    fkv_str_t           ikey;
    uint64_t            version;
    int                 rc;

    it->ahead = 0;
    rc = fkv__index_open(&index->page, index->block->payload);

    if (rc == FKV_OK && iter_aim(it, &ikey, &version)) {
        rc = fkv__index_seek(&index->page, ikey, version, &index->at, NULL);
    }

    if (rc != FKV_OK) {
        return iter_blame_page(it, rc);
    }

    if (index->at == index->page.n) {
        index->at--;
        return iter_advance(it);
    }

    it->state = (it->depth < fkv__table_depth(&it->tables[it->at]->info))
                ? ITER_INDEX : ITER_DATA;

    return FKV_OK;
}


static int
iter_index(fkv__iter_t *it)
{
    int                  rc;
    fkv__block_t        *block;
    fkv__block_place_t   place;

    if (it->at == it->n) {
        it->state = ITER_END;
        return FKV_OK;
    }

    rc = iter_place(it, &place);
    if (rc != FKV_OK) {
        return rc;
    }

    rc = it->source->get(it->source, it->tables[it->at], place,
                         FKV__SOURCE_INDEX, &block);
    if (rc != FKV_OK) {
        return rc;
    }

    it->index[it->depth++] = (fkv__iter_index_t) {
        .block = block, .offset = place.offset
    };

    return iter_enter_page(it);
}


static int
iter_ready(fkv__iter_t *it)
{
    it->rec = &it->data.rec;
    it->seeking = false;
    it->entered = true;
    it->state = ITER_READY;

    return FKV_OK;
}


/* The page that the walk comes to behind the current one. */
static void
iter_ahead_page(fkv__iter_t *it)
{
    fkv__table_t              *table = it->tables[it->at];
    const fkv__iter_index_t   *root = &it->index[0];
    fkv__block_place_t         place;

    if (it->depth > 1 && root->at + 1 < root->page.n) {

        if (fkv__table_place(&table->info, 0, &root->page, root->at + 1,
                             &place) != FKV_OK)
        {
            return;
        }

    } else if (it->at + 1 < it->n) {
        table = it->tables[it->at + 1];
        place = fkv__table_root(&table->info);

    } else {
        return;
    }

    it->source->ahead(it->source, table, place, FKV__SOURCE_INDEX);
}


/* What is wrong with an entry, the walk itself will find out. */
static void
iter_ahead_next(fkv__iter_t *it)
{
    fkv__table_t             *table = it->tables[it->at];
    const fkv__iter_index_t  *index = iter_page(it);
    fkv__block_place_t        place;

    if (it->ahead < index->page.n
        && fkv__table_place(&table->info, it->depth - 1, &index->page,
                            it->ahead, &place)
           == FKV_OK)
    {
        it->source->ahead(it->source, table, place, FKV__SOURCE_DATA);
        it->ahead++;
        return;
    }

    iter_ahead_page(it);
    it->ahead = UINT32_MAX;
}


/* bytes: of the current block. */
static void
iter_ahead(fkv__iter_t *it, size_t bytes)
{
    uint32_t  next = iter_page(it)->at + 1;
    size_t    wanted = fkv__min(2 * (size_t) it->run,
                                FKV__ITER_AHEAD_BYTES / (bytes + 1));

    if (!it->cold || it->run < 2 || it->source->ahead == NULL) {
        return;
    }

    it->ahead = fkv__max(it->ahead, next);

    while (it->ahead - next < wanted) {
        iter_ahead_next(it);
    }
}


static int
iter_position(fkv__iter_t *it)
{
    int                   rc;
    fkv_str_t             ikey;
    uint64_t              version;
    const fkv__record_t  *rec = &it->data.rec;

    rc = iter_aim(it, &ikey, &version)
         ? fkv__block_iter_seek(&it->data, ikey, version)
         : fkv__block_iter_first(&it->data);

    /* Rule 2. */
    if (rc == FKV_OK && it->has_floor
        && fkv__block_cmp(rec->key, rec->version, fkv__buf_str(&it->floor),
                          it->floor_version)
           <= 0)
    {
        return FKV_ECORRUPT;
    }

    return rc;
}


static int
iter_data(fkv__iter_t *it)
{
    int                  rc;
    fkv__block_t        *block;
    fkv__block_place_t   place;

    rc = iter_place(it, &place);
    if (rc != FKV_OK) {
        return rc;
    }

    rc = it->source->get(it->source, it->tables[it->at], place,
                         FKV__SOURCE_DATA, &block);

    it->cold |= (rc == FKV_AGAIN);
    iter_ahead(it, place.bytes);

    if (rc != FKV_OK) {
        return rc;
    }

    it->data_block = block;
    it->data_offset = place.offset;

    rc = fkv__block_iter_init(&it->data, block->payload);
    if (rc == FKV_OK) {
        rc = iter_position(it);
    }

    /* The separator is larger than the last record: the next block has it. */
    if (rc == FKV_END && (it->seeking || !it->entered)) {
        return iter_advance(it);
    }

    if (rc != FKV_OK) {
        return iter_blame(it, place.offset, rc);
    }

    return iter_ready(it);
}


static int
iter_next_block(fkv__iter_t *it)
{
    int                   rc;
    fkv__iter_index_t    *index = iter_page(it);
    const fkv__record_t  *last = &it->data.rec;

    /* Rule 1. */
    rc = fkv__index_covers(&index->page, index->at, last->key, last->version);

    if (rc != FKV_OK) {
        return iter_blame(it, it->data_offset, rc);
    }

    if (iter_copy(&it->floor, last->key) != FKV_OK) {
        return FKV_ENOMEM;
    }

    it->floor_version = last->version;
    it->has_floor = true;
    it->run++;

    return iter_advance(it);
}


static int
iter_step(fkv__iter_t *it)
{
    int  rc = fkv__block_iter_next(&it->data);

    switch (rc) {

    case FKV_OK:
        return iter_ready(it);

    case FKV_END:
        return iter_next_block(it);
    }

    return iter_blame(it, it->data_offset, rc);
}


static int
iter_turn(fkv__iter_t *it)
{
    switch ((iter_state_e) it->state) {
    case ITER_INDEX:   return iter_index(it);
    case ITER_DATA:    return iter_data(it);
    case ITER_STEP:    return iter_step(it);
    case ITER_READY:
    case ITER_END:
    case ITER_FAILED:  break;
    }

    fkv__unreachable();
}


int
fkv__iter_settle(fkv__iter_t *it)
{
    for ( ;; ) {
        int  rc;

        switch ((iter_state_e) it->state) {
        case ITER_READY:   return FKV_OK;
        case ITER_END:     return FKV_END;
        case ITER_FAILED:  return it->rc;
        case ITER_INDEX:
        case ITER_DATA:
        case ITER_STEP:    break;
        }

        rc = iter_turn(it);

        if (rc == FKV_AGAIN) {
            return rc;
        }

        if (rc != FKV_OK) {
            iter_put_blocks(it);
            it->rc = rc;
            it->state = ITER_FAILED;
        }
    }
}
