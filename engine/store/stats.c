/*
 * stats.c - summing up what the slots have counted.
 */

#include "shared/arena.h"
#include "shared/blocks.h"
#include "shared/lease.h"
#include "store/keep.h"
#include "store/size.h"
#include "store/usage.h"

#include <string.h>


static void
stats_counters(const fkv__segment_shm_t *seg, fkv_stats_t *stats)
{
    uint64_t  sums[FKV__STAT_COUNT] = { 0 };

    for (unsigned s = 0; s < FKV__SLOTS_MAX; s++) {
        const fkv__slot_shm_t  *slot = &seg->slots[s];

        if (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == FKV__SLOT_LIVE)
        {
            stats->processes++;
        }

        for (unsigned i = 0; i < FKV__STAT_COUNT; i++) {
            sums[i] += __atomic_load_n(&slot->stats[i], __ATOMIC_RELAXED);
        }
    }

#define STAT_SET(name, text)  stats->name = sums[FKV__STAT_##name];
    FKV_STAT_COUNTERS(STAT_SET)
#undef STAT_SET
}


static void
stats_arenas(const fkv__segment_shm_t *seg, fkv_stats_t *stats)
{
    uint64_t  set, floor;

    set = __atomic_load_n(&seg->state.memtables, __ATOMIC_ACQUIRE);
    floor = __atomic_load_n(&seg->state.floor, __ATOMIC_ACQUIRE);

    for (unsigned id = 0; id < FKV__ARENAS; id++) {
        const fkv__arena_shm_t  *arena = &seg->arenas[id];
        fkv__arena_word_t        w = fkv__arena_word(arena);

        if (__atomic_load_n(&arena->state, __ATOMIC_ACQUIRE)
            == FKV__ARENA_FREE)
        {
            stats->arenas_free++;
        }

        if (!fkv__set_has(set, id)) {
            continue;
        }

        stats->memory_used += w.top + (seg->arena_bytes - w.bottom);

        if (arena->base + w.top > floor) {
            stats->arenas_sealed += w.sealed;
        }
    }
}


/*
 * What processes hold at this moment.  When nobody does anything all of it is
 * 0, whoever has died.
 */
static void
stats_held(fkv__segment_shm_t *seg, fkv_stats_t *stats)
{
    const uint32_t  *latches = fkv__segment_latches(seg);

    for (unsigned i = 0; i < FKV__LATCHES; i++) {
        stats->latches += (__atomic_load_n(&latches[i], __ATOMIC_RELAXED)
                           != FKV__NOBODY);
    }

    stats->latches += (__atomic_load_n(&seg->gate.owner, __ATOMIC_RELAXED)
                       != FKV__NOBODY);

    for (unsigned i = 0; i < FKV__CLAIMS; i++) {
        stats->claims += (__atomic_load_n(&seg->claims[i].word,
                                          __ATOMIC_RELAXED) != 0);
    }

    for (unsigned i = 0; i < FKV__JOBS; i++) {
        stats->jobs += (FKV__JOB_STATE(__atomic_load_n(&seg->jobs[i].state,
                                                       __ATOMIC_RELAXED))
                        != FKV__JOB_FREE);
    }

    for (unsigned s = 0; s < FKV__SLOTS_MAX; s++) {
        const fkv__slot_shm_t  *slot = &seg->slots[s];

        stats->readers += (__atomic_load_n(&slot->pin, __ATOMIC_RELAXED) != 0);
        stats->block_readers
            += (__atomic_load_n(&slot->reading, __ATOMIC_RELAXED) != 0
                || __atomic_load_n(&slot->filling, __ATOMIC_RELAXED) != 0);
    }
}


static void
stats_usage(fkv_t *store, fkv_stats_t *stats)
{
    for (unsigned ns = 0; ns < FKV_NAMESPACES; ns++) {
        stats->usage[ns] = fkv__usage(store, ns);

        if (ns < FKV_NAMESPACE_USERS) {
            stats->keys_estimated += stats->usage[ns].keys;
        }
    }

    for (unsigned class = 0; class < FKV_CLASSES; class++) {
        stats->quota[class] = fkv__size_max(store, class);
    }
}


static void
stats_snapshots(fkv_t *store, fkv_stats_t *stats)
{
    uint64_t  now_ms = store->clock->boot_ms(store->clock);

    stats->leases_max = (unsigned) store->seg->leases;

    for (unsigned i = 0; i < stats->leases_max; i++) {
        stats->leases += (fkv__lease_snapshot(store->seg, i, now_ms) != 0);
    }

    stats->snapshot_oldest = fkv__keep_oldest(store);
}


void
fkv_stats(fkv_t *store, fkv_stats_t *stats)
{
    fkv__segment_shm_t      *seg = store->seg;
    const fkv__state_shm_t  *state = &seg->state;

    memset(stats, 0, sizeof(*stats));

    stats_counters(seg, stats);
    stats_arenas(seg, stats);
    stats_held(seg, stats);
    stats_snapshots(store, stats);
    stats_usage(store, stats);

    stats->memory = seg->bytes;
    stats->memory_arenas = seg->arena_bytes * FKV__ARENAS;
    stats->memory_cache = (uint64_t) fkv__blocks(seg)->chunks_n
                          * fkv__blocks(seg)->chunk_bytes;
    stats->memory_cache_used = fkv__blocks_used(seg);
    stats->memory_meta = seg->bytes - stats->memory_arenas
                         - stats->memory_cache;
    stats->memory_private = fkv_alloc_bytes();
    stats->arenas = FKV__ARENAS;
    stats->lsn_ready = __atomic_load_n(&seg->log.ready, __ATOMIC_RELAXED);
    stats->lsn_durable = __atomic_load_n(&seg->log.durable, __ATOMIC_RELAXED);

    stats->stall_max_us = __atomic_load_n(&state->stall_max_us,
                                          __ATOMIC_RELAXED);
    stats->compaction_debt = __atomic_load_n(&state->pace_debt,
                                             __ATOMIC_RELAXED);
    stats->compaction_level_0 = __atomic_load_n(&state->compact_level_0,
                                                __ATOMIC_RELAXED);
    stats->compaction_runs = __atomic_load_n(&state->compact_runs,
                                             __ATOMIC_RELAXED);

    stats->tables = (unsigned) __atomic_load_n(&state->tables,
                                               __ATOMIC_RELAXED);
    stats->table_bytes = __atomic_load_n(&state->table_bytes,
                                         __ATOMIC_RELAXED);

    stats->size = fkv__size_used(store, FKV__BOUND_STORE);
    stats->max_size = fkv__size_max(store, FKV__BOUND_STORE);
    stats->evict = fkv__size_policy(store, FKV__BOUND_STORE);

    for (unsigned i = 0; i < 8; i++) {
        stats->levels[i] = __atomic_load_n(&state->levels[i],
                                           __ATOMIC_RELAXED);
    }

    stats->blob_files = __atomic_load_n(&state->blob_files, __ATOMIC_RELAXED);
    stats->blob_bytes = __atomic_load_n(&state->blob_bytes, __ATOMIC_RELAXED);
    stats->blob_live = __atomic_load_n(&state->blob_live, __ATOMIC_RELAXED);
    stats->blob_missing = __atomic_load_n(&state->blob_missing,
                                          __ATOMIC_RELAXED);

    stats->expiry_late_max_ms = __atomic_load_n(&state->late_max_ms,
                                                __ATOMIC_RELAXED);
    stats->edit = __atomic_load_n(&state->edit, __ATOMIC_RELAXED);
    stats->helper = __atomic_load_n(&state->helper, __ATOMIC_RELAXED) != 0;
    stats->readonly = __atomic_load_n(&state->readonly, __ATOMIC_ACQUIRE) == 1;
    stats->disk_full = __atomic_load_n(&state->disk_full, __ATOMIC_RELAXED);
    stats->tables_damaged = __atomic_load_n(&state->tables_damaged,
                                            __ATOMIC_RELAXED);

    if (stats->readonly) {
        memcpy(stats->cause, state->cause, sizeof(stats->cause));
    }

    if (store->attached && store->process == FKV_WORKER) {
        stats->io = store->io.ops->name;
    }
}
