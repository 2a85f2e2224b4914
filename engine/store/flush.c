/*
 * flush.c - writing one arena as tables.
 */

#include "store/flush.h"
#include "shared/arena.h"
#include "store/dead.h"
#include "store/intact.h"
#include "store/orphan.h"
#include "store/keep.h"
#include "store/log_sync.h"
#include "store/memtable.h"
#include "store/output.h"
#include "store/pace.h"
#include "store/press.h"
#include "store/recycle.h"
#include "store/usage.h"

#define KEYS_PER_LOOK  256      /* is somebody asking us to stop? */


/* Between an arena and the next there may be LSNs that nothing ever gets. */
static uint64_t
arena_end(const fkv__arena_shm_t *arena, const fkv__arena_word_t *w)
{
    return (w->top > 0) ? arena->base + w->top : arena->prev_end;
}


/*
 * The oldest arena that is not in tables, if it is sealed.  An arena in the
 * set stays there under us: only our own thread takes arenas out.
 */
static bool
flush_oldest(fkv_t *store, unsigned *arena, uint64_t *end)
{
    fkv__segment_shm_t  *seg = store->seg;
    uint64_t             set, floor;

    set = __atomic_load_n(&seg->state.memtables, __ATOMIC_ACQUIRE);
    floor = __atomic_load_n(&seg->state.floor, __ATOMIC_ACQUIRE);

    for (unsigned i = fkv__set_count(set); i-- > 0; ) {
        unsigned           id = fkv__set_arena(set, i);
        fkv__arena_word_t  w = fkv__arena_word(&seg->arenas[id]);

        *end = arena_end(&seg->arenas[id], &w);

        if (!w.sealed) {
            return false;
        }

        if (*end > floor) {
            *arena = id;
            return true;
        }
    }

    return false;
}


bool
fkv__flush_wanted(fkv_t *store)
{
    unsigned  arena;
    uint64_t  end;

    return flush_oldest(store, &arena, &end);
}


bool
fkv__flush_needs_sync(fkv_t *store)
{
    const fkv__log_shm_t  *log = &store->seg->log;
    unsigned               arena;
    uint64_t               end;

    return store->options.sync != FKV_SYNC_OFF
           && flush_oldest(store, &arena, &end)
           && __atomic_load_n(&log->written, __ATOMIC_ACQUIRE) >= end
           && __atomic_load_n(&log->durable, __ATOMIC_ACQUIRE) < end;
}


void
fkv__flush_pass(fkv_t *store)
{
    if (store->options.sync == FKV_SYNC_OFF) {
        (void) fkv__log_pass(store, __atomic_load_n(&store->seg->state.floor,
                                                    __ATOMIC_ACQUIRE));
    }
}


static bool
flush_allowed(fkv_t *store, uint64_t end)
{
    const fkv__log_shm_t  *log = &store->seg->log;

    return __atomic_load_n(&log->ready, __ATOMIC_ACQUIRE) >= end
           && (store->options.sync == FKV_SYNC_OFF
               || __atomic_load_n(&log->durable, __ATOMIC_ACQUIRE) >= end);
}


/* All versions of the iterator's key that somebody may want to see. */
static int
flush_key(const fkv__memtable_iter_t *it, fkv__press_t *press, bool cached)
{
    fkv__keep_t  *keep = press->keep;
    uint32_t      entry = 0;
    int           rc = fkv__output_next_key(press->output,
                                            fkv__memtable_iter_key(it));

    fkv__keep_next_key(keep);

    while (rc == FKV_OK
           && (entry = fkv__memtable_iter_version(it, entry)) != 0)
    {
        fkv__record_t  rec;

        rc = fkv__memtable_record(it->mt, entry, &rec);

        if (rc == FKV_OK && fkv__keep(keep, &rec)) {
            if (rec.kind == FKV__RECORD_TOMBSTONE && rec.stamp != 0) {
                fkv__orphans_remember(press->output->helper, rec.key,
                                      rec.stamp);
            }

            rc = fkv__press_add(press, &rec, cached);
            FKV_STEP("flush.2");
        }
    }

    return (rc == FKV_OK) ? fkv__press_end_key(press) : rc;
}


static int
flush_keys(fkv__helper_t *helper, const fkv__memtable_t *mt,
    fkv__press_t *press)
{
    int                   rc = FKV_OK;
    unsigned              keys = 0;
    bool                  cached = fkv__warm_flush(helper);
    fkv__memtable_iter_t  it;

    fkv__memtable_iter_seek(&it, mt, FKV_STR_NULL);

    while (it.node != 0 && rc == FKV_OK) {
        rc = flush_key(&it, press, cached);
        fkv__memtable_iter_next(&it);

        if (++keys % KEYS_PER_LOOK != 0) {
            continue;
        }

        if (fkv__helper_stopping(helper)) {
            return FKV_ECANCELED;
        }

        /* What fails now is tried again, and told, after the flush. */

        if (fkv__recycle_free(helper->store) < FKV__ARENAS_SPARE) {
            (void) fkv__recycle(helper);
        }
    }

    return (rc == FKV_OK) ? fkv__output_finish(press->output) : rc;
}


/*
 * Those of the memtable's range tombstones are wanted further on that some
 * position does not see, and of the others those that hide something in a
 * table.
 */
static int
flush_ranges(const fkv__keep_t *keep, const fkv__version_t *version,
    fkv__edit_t *edit)
{
    int  rc = FKV_OK;

    for (unsigned i = 0; keep->ranges != NULL && i < keep->ranges->n; i++) {
        const fkv__range_t  *range = &keep->ranges->nodes[i].range;

        if (rc == FKV_OK
            && (range->version >= fkv__keep_lowest(keep)
                || fkv__version_hides(version, range)))
        {
            rc = fkv__edit_range(edit, range);
        }
    }

    return rc;
}


/* The log has the data; the next open reads them from there. */
static void
flush_damaged(fkv_t *store, unsigned arena, uint32_t at)
{
    fkv__count(store, errors_corrupt, 1);
    fkv__set_readonly(store, "memtable %u is damaged in memory at offset %u; "
                      "its data are in the log, for a restart", arena,
                      (unsigned) at);
}


/*
 * What is newer than this arena begins with the next one.  There may be none
 * yet: then with its own.
 */
static uint64_t
flush_since_ms(const fkv_t *store, unsigned arena)
{
    const fkv__segment_shm_t  *seg = store->seg;
    uint64_t                   since_ms = fkv__fold_since_ms(store), set;

    set = __atomic_load_n(&seg->state.memtables, __ATOMIC_SEQ_CST);

    for (unsigned i = 1; i < fkv__set_count(set); i++) {
        if (fkv__set_arena(set, i) == arena) {
            arena = fkv__set_arena(set, i - 1);
            break;
        }
    }

    return fkv__max(since_ms, seg->arenas[arena].begin_ms);
}


/* Fills the edit and leaves its tables on disk. */
static int
flush_write(fkv__helper_t *helper, unsigned arena,
    const fkv__version_t *version, fkv__edit_t *edit, uint64_t *bytes)
{
    int               rc;
    fkv__keep_t       keep;
    fkv__output_t     output;
    fkv__press_t      press;
    fkv__memtable_t   mt;
    fkv__ranges_t    *ranges = NULL;
    uint32_t          at = 0;

    *bytes = 0;
    rc = fkv__keep_init(&keep, helper->store, version, 0);

    if (rc == FKV_OK) {
        rc = fkv__keep_above(&keep, flush_since_ms(helper->store, arena),
                             NULL, 0);
    }

    if (rc != FKV_OK) {
        fkv__keep_done(&keep);
        return rc;
    }

    fkv__memtable_init(&mt, helper->store->seg, arena);
    fkv__output_init(&output, helper, edit, 0, FKV__FLUSH_TABLE_BYTES);
    fkv__press_init(&press, &keep, &output);
    FKV_STEP("flush.1");

    rc = fkv__intact(&mt, &at);

    if (rc == FKV_OK) {
        rc = fkv__memtable_ranges(&mt, 1, &ranges);
    }

    /* Older ones are of no concern to this memtable. */
    keep.ranges = ranges;
    output.ranged = fkv__min(fkv__keep_lowest(&keep), edit->log_floor);
    output.ranged = fkv__orphans_ranged(output.ranged);

    if (rc == FKV_OK) {
        rc = flush_keys(helper, &mt, &press);
    }

    if (rc == FKV_OK) {
        rc = flush_ranges(&keep, version, edit);
    }

    /* Of what has been read since. */
    if (rc == FKV_OK) {
        rc = fkv__intact_frames(&mt, &at);
    }

    fkv__press_done(&press);
    fkv__keep_done(&keep);
    fkv__ranges_unpin(ranges);
    fkv__warm_done(&output.warm);

    if (rc != FKV_OK) {
        fkv__output_abort(&output);
    }

    if (rc == FKV_ECORRUPT) {
        flush_damaged(helper->store, arena, at);
    }

    fkv__usage_flush(edit, mt.shm);
    *bytes = output.bytes;

    return rc;
}


/* What died in memory lies in these tables now. */
static void
flush_dead(fkv_t *store, unsigned arena, const fkv__edit_t *edit)
{
    fkv__memtable_t  mt;

    fkv__memtable_init(&mt, store->seg, arena);

    for (size_t i = 0; fkv__dead_is_memtable(&mt) && i < edit->n_adds; i++) {
        fkv__dead_table(store, edit->adds[i].info.id);
    }
}


static int
flush_arena(fkv__helper_t *helper, unsigned arena, uint64_t end,
    const fkv__version_t *version)
{
    fkv_t        *store = helper->store;
    int           rc;
    uint64_t      bytes, begin = fkv__monotonic_us();
    fkv__edit_t   edit;

    fkv__edit_init(&edit);
    edit.log_floor = end;

    __atomic_store_n(&helper->flushing, true, __ATOMIC_RELAXED);
    rc = flush_write(helper, arena, version, &edit, &bytes);

    if (rc == FKV_OK) {
        FKV_STEP("flush.3");
        rc = fkv__helper_edit(helper, &edit);
    }

    __atomic_store_n(&helper->flushing, false, __ATOMIC_RELAXED);

    if (rc == FKV_OK) {
        FKV_STEP("flush.4");
        fkv__flush_pass(store);
        flush_dead(store, arena, &edit);
        fkv__count(store, flushes, 1);
        fkv__count(store, flush_bytes, bytes);
        fkv__pace_flushed(store, end - store->seg->arenas[arena].base, bytes,
                          fkv__monotonic_us() - begin);
    }

    fkv__edit_done(&edit);

    return rc;
}


int
fkv__flush(fkv__helper_t *helper)
{
    int              rc;
    unsigned         arena;
    uint64_t         end;
    fkv__version_t  *version;

    if (!fkv__flush_wanted(helper->store)) {
        return FKV_END;
    }

    rc = fkv__helper_version(helper, &version);
    if (rc != FKV_OK) {
        return rc;
    }

    /* The catalog may have been opened just now, and the floor be a new one. */

    rc = FKV_END;

    if (flush_oldest(helper->store, &arena, &end)
        && flush_allowed(helper->store, end))
    {
        rc = flush_arena(helper, arena, end, version);
    }

    fkv__version_unpin(version);

    return rc;
}
