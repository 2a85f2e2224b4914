/*
 * warm.c - which blocks of a new table are cached, and caching them.
 */

#include "store/warm.h"

#include "format/filter.h"
#include "shared/blocks.h"

#define BLOCK_BYTES  4096           /* about */


void
fkv__warm_init(fkv__warm_t *warm, fkv__helper_t *helper)
{
    *warm = (fkv__warm_t) { .helper = helper };
}


void
fkv__warm_done(fkv__warm_t *warm)
{
    fkv__buf_done(&warm->room);
}


/* The cache may be looked into until leave; for short. */
static fkv__segment_shm_t *
warm_enter(fkv__helper_t *helper)
{
    fkv_t  *store = helper->store;

    (void) pthread_mutex_lock(&helper->warm);
    __atomic_store_n(&store->own->filling, fkv__blocks_epoch(store->seg),
                     __ATOMIC_SEQ_CST);

    return store->seg;
}


static void
warm_leave(fkv__helper_t *helper)
{
    __atomic_store_n(&helper->store->own->filling, 0, __ATOMIC_RELEASE);
    (void) pthread_mutex_unlock(&helper->warm);
}


bool
fkv__warm_asks(fkv__helper_t *helper, uint64_t id, uint64_t offset)
{
    bool  has = fkv__blocks_has(warm_enter(helper), id, offset);

    warm_leave(helper);

    return has;
}


bool
fkv__warm_flush(fkv__helper_t *helper)
{
    const fkv__segment_shm_t  *seg = helper->store->seg;
    uint64_t                   asked = 0, before = helper->asked;

    for (unsigned i = 0; i < FKV__SLOTS_MAX; i++) {
        const uint64_t  *stats = seg->slots[i].stats;

        asked += __atomic_load_n(&stats[FKV__STAT_block_hits],
                                 __ATOMIC_RELAXED)
                 + __atomic_load_n(&stats[FKV__STAT_block_reads],
                                   __ATOMIC_RELAXED);
    }

    helper->asked = asked;

    /* A process that has gone may have taken its figures with it. */
    return asked > before && asked - before > seg->arena_bytes / BLOCK_BYTES;
}


/* What was just written is not damaged: a failure is one of memory. */
static bool
warm_fill(fkv__warm_t *warm, uint64_t id, const uint8_t *raw, size_t len,
    uint64_t offset, fkv__blocks_kind_e kind)
{
    fkv_t                *store = warm->helper->store;
    fkv_str_t             payload;
    fkv__blocks_work_t    work;

    if (fkv__block_open(raw, len, id, offset, &warm->room, &payload)
        != FKV_OK)
    {
        return false;
    }

    fkv__blocks_fill(warm_enter(warm->helper), store->slot, id, offset, kind,
                     payload, &work);
    warm_leave(warm->helper);

    fkv__count(store, block_fills, work.filled);
    fkv__count(store, block_warmed, work.filled);
    fkv__count(store, block_evictions, work.evicted);
    fkv__count(store, block_moves, work.moved);

    return true;
}


void
fkv__warm_block(fkv__warm_t *warm, uint64_t id, const uint8_t *raw,
    size_t len, uint64_t offset)
{
    if (warm->records > 0 && 2 * warm->cached >= warm->records) {
        warm->any |= warm_fill(warm, id, raw, len, offset, FKV__BLOCKS_DATA);
    }

    warm->records = 0;
    warm->cached = 0;
}


/* The pages that the root leads to. */
static void
warm_pages(fkv__warm_t *warm, const fkv__table_info_t *info,
    const uint8_t *raw, uint64_t offset)
{
    fkv__index_t         index;
    fkv__block_place_t   place;
    const uint8_t       *root = raw + (info->index_offset - offset);

    if (fkv__index_open(&index, (fkv_str_t) { root, info->index_bytes })
        != FKV_OK)
    {
        return;
    }

    for (uint32_t i = 0; i < index.n; i++) {
        if (fkv__table_place(info, 0, &index, i, &place) == FKV_OK) {
            (void) warm_fill(warm, info->id, raw + (place.offset - offset),
                             place.bytes + FKV__BLOCK_TRAILER_BYTES,
                             place.offset, FKV__BLOCKS_META);
        }
    }
}


void
fkv__warm_table(fkv__warm_t *warm, const fkv__table_info_t *info,
    const uint8_t *raw, uint64_t offset)
{
    if (warm->any) {
        for (uint64_t i = 0; i < info->filter_pages; i++) {
            uint64_t  at = info->filter_offset + i * FKV__FILTER_PAGE_BYTES;

            (void) warm_fill(warm, info->id, raw + (at - offset),
                             FKV__FILTER_PAGE_BYTES, at, FKV__BLOCKS_META);
        }

        if (fkv__table_depth(info) > 1) {
            warm_pages(warm, info, raw, offset);
        }

        (void) warm_fill(warm, info->id, raw + (info->index_offset - offset),
                         info->index_bytes + FKV__BLOCK_TRAILER_BYTES,
                         info->index_offset, FKV__BLOCKS_META);
    }

    warm->records = 0;
    warm->cached = 0;
    warm->any = false;
}
