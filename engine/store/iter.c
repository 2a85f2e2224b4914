/*
 * iter.c - walking tables, one settled step at a time.
 *
 *     INDEX --> DATA --> READY --next--> STEP --> READY
 *       ^        ^                        | block is over
 *       |        +------ next block ------+
 *       +---------------- next table -----+          END, FAILED
 *
 * A verified block may still be nonsense, so order is checked, not believed:
 *   1  a record lies at or before its block's index record
 *   2  a block's first record lies behind floor, the index record before
 * With the order inside a block (block.c) the walk as a whole ascends.
 */

#include "store/iter.h"

typedef enum {
    ITER_INDEX,             /* the index block of table at is wanted */
    ITER_DATA,              /* the block that index.rec names is wanted */
    ITER_STEP,              /* the record behind data.rec is wanted */
    ITER_READY,             /* rec is data.rec */
    ITER_END,
    ITER_FAILED
} iter_state_e;


void
fkv__iter_init(fkv__iter_t *it, fkv__source_t *source,
    fkv__table_t *const *tables, unsigned n)
{
    memset(it, 0, offsetof(fkv__iter_t, index));

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


static void
iter_put_blocks(fkv__iter_t *it)
{
    iter_put_data(it);

    if (it->index_block != NULL) {
        fkv__block_iter_done(&it->index);
        it->source->put(it->source, it->index_block);
        it->index_block = NULL;
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
iter_blame_index(fkv__iter_t *it, int rc)
{
    return iter_blame(it, it->tables[it->at]->info.index_offset, rc);
}


static int
iter_next_table(fkv__iter_t *it)
{
    iter_put_blocks(it);

    it->at++;
    it->seeking = false;
    it->entered = false;
    it->state = ITER_INDEX;

    return FKV_OK;
}


/*
 * A table begins with its smallest key, whatever its file begins with: to be
 * sought at its beginning, and where the target lies before it.
 */
static int
iter_position(fkv__block_iter_t *block, const fkv__iter_t *it)
{
    fkv_str_t  smallest = fkv__buf_str(&it->tables[it->at]->info.smallest);

    if (!it->entered
        && (!it->seeking
            || fkv__str_cmp(fkv__buf_str(&it->target), smallest) < 0))
    {
        return fkv__block_iter_seek(block, smallest, UINT64_MAX);
    }

    if (!it->seeking) {
        return fkv__block_iter_first(block);
    }

    return fkv__block_iter_seek(block, fkv__buf_str(&it->target),
                                it->target_version);
}


static int
iter_index(fkv__iter_t *it)
{
    int             rc;
    fkv__table_t   *table;
    fkv__block_t   *block;

    if (it->at == it->n) {
        it->state = ITER_END;
        return FKV_OK;
    }

    table = it->tables[it->at];

    rc = it->source->get(it->source, table, fkv__source_index_place(table),
                         FKV__SOURCE_INDEX, &block);
    if (rc != FKV_OK) {
        return rc;
    }

    it->index_block = block;

    rc = fkv__block_iter_init(&it->index, block->payload);
    if (rc == FKV_OK) {
        rc = iter_position(&it->index, it);
    }

    /* The last key is the target's, but all its versions come before. */
    if (rc == FKV_END && it->seeking) {
        return iter_next_table(it);
    }

    if (rc != FKV_OK) {
        return iter_blame_index(it, rc);
    }

    it->state = ITER_DATA;

    return FKV_OK;
}


static int
iter_ready(fkv__iter_t *it)
{
    const fkv__record_t  *rec = &it->data.rec, *last = &it->index.rec;

    /* Rule 1. */
    if (fkv__block_cmp(rec->key, rec->version, last->key, last->version) > 0) {
        return iter_blame(it, it->data_offset, FKV_ECORRUPT);
    }

    it->rec = rec;
    it->seeking = false;
    it->entered = true;
    it->state = ITER_READY;

    return FKV_OK;
}


static int
iter_data(fkv__iter_t *it)
{
    int                   rc;
    fkv__table_t         *table = it->tables[it->at];
    fkv__block_t         *block;
    fkv__block_place_t    place;
    const fkv__record_t  *rec = &it->data.rec;

    rc = fkv__table_place_get(&table->info, it->index.rec.value, &place);
    if (rc != FKV_OK) {
        return iter_blame_index(it, rc);
    }

    rc = it->source->get(it->source, table, place, FKV__SOURCE_DATA, &block);
    if (rc != FKV_OK) {
        return rc;
    }

    it->data_block = block;
    it->data_offset = place.offset;

    rc = fkv__block_iter_init(&it->data, block->payload);
    if (rc == FKV_OK) {
        rc = iter_position(&it->data, it);
    }

    /* Rule 2. */
    if (rc == FKV_OK && it->has_floor
        && fkv__block_cmp(rec->key, rec->version, fkv__buf_str(&it->floor),
                          it->floor_version)
           <= 0)
    {
        rc = FKV_ECORRUPT;
    }

    if (rc != FKV_OK) {
        return iter_blame(it, place.offset, rc);
    }

    return iter_ready(it);
}


static int
iter_next_block(fkv__iter_t *it)
{
    int  rc;

    iter_put_data(it);

    if (iter_copy(&it->floor, it->index.rec.key) != FKV_OK) {
        return FKV_ENOMEM;
    }

    it->floor_version = it->index.rec.version;
    it->has_floor = true;

    rc = fkv__block_iter_next(&it->index);

    if (rc == FKV_END) {
        return iter_next_table(it);
    }

    if (rc != FKV_OK) {
        return iter_blame_index(it, rc);
    }

    it->state = ITER_DATA;

    return FKV_OK;
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
