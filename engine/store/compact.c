/*
 * compact.c - doing what was picked.
 */

#include "store/compact.h"
#include "store/dead.h"
#include "store/expire.h"
#include "store/fold.h"
#include "store/keep.h"
#include "store/merge.h"
#include "store/orphan.h"
#include "store/output.h"
#include "store/pace.h"
#include "store/press.h"
#include "store/reserve.h"
#include "store/size.h"
#include "store/source_file.h"
#include "store/usage.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define RECORDS_PER_LOOK  64        /* has somebody something against it? */
#define WAIT_US_MAX       10000     /* until the flush is looked at again */

/*
 * The inputs: tables of level 0 one by one, other levels as one run each, in
 * the order of the pick.
 */
typedef struct {
    uint64_t  id;                   /* of the table, 0 = none yet */
    uint64_t  offset;
    bool      cached;
} input_block_t;

typedef struct {
    fkv__iter_t         *iters;
    fkv__source_file_t  *sources;
    input_block_t       *blocks;    /* the last one of each */
    unsigned             n;
    fkv__merge_t         merge;
    fkv__buf_t           key;       /* of the last record ... */
    bool                 first;     /* ... which is its newest */
    uint64_t             stamp;     /* of the newest, if that is a value */
} input_t;


static void
input_add(input_t *input, const fkv_t *store, fkv__table_t **tables,
    unsigned n)
{
    fkv__source_file_t  *source = &input->sources[input->n];

    fkv__source_file_init(source, store->fs, store->sst_dir, store->log);
    fkv__iter_init(&input->iters[input->n], &source->source, tables, n);
    input->n++;
}


static int
input_init(input_t *input, const fkv_t *store, const fkv__pick_t *pick)
{
    unsigned  n;

    *input = (input_t) { .n = 0 };

    input->iters = fkv__alloc(pick->n * sizeof(*input->iters));
    input->sources = fkv__alloc(pick->n * sizeof(*input->sources));
    input->blocks = fkv__zalloc(pick->n * sizeof(*input->blocks));

    if (input->iters == NULL || input->sources == NULL
        || input->blocks == NULL)
    {
        fkv__free(input->iters);
        fkv__free(input->sources);
        fkv__free(input->blocks);
        errno = ENOMEM;
        return FKV_ENOMEM;
    }

    for (unsigned i = 0; i < pick->n; i += n) {
        unsigned  level = pick->tables[i]->level;

        n = 1;

        while (level > 0 && i + n < pick->n
               && pick->tables[i + n]->level == level)
        {
            n++;
        }

        input_add(input, store, pick->tables + i, n);
    }

    fkv__merge_init(&input->merge, input->iters, input->n);
    fkv__merge_seek(&input->merge, FKV_STR_NULL, UINT64_MAX);

    return FKV_OK;
}


static void
input_done(input_t *input, fkv_t *store)
{
    int  cause = errno;

    for (unsigned i = 0; i < input->n; i++) {
        fkv__iter_done(&input->iters[i]);

        fkv__count(store, compaction_read, input->sources[i].bytes_read);
        fkv__count(store, errors_corrupt, input->sources[i].errors_corrupt);

        fkv__source_file_done(&input->sources[i]);
    }

    fkv__free(input->iters);
    fkv__free(input->sources);
    fkv__free(input->blocks);
    fkv__buf_done(&input->key);

    errno = cause;
}


/*
 * A damaged or missing table.  To go on without it would drop data, to try
 * again would do the same work every second.
 */
static int
input_damaged(const input_t *input, fkv__helper_t *helper, int rc)
{
    fkv_t  *store = helper->store;
    char    name[40];

    for (unsigned i = 0; i < input->n; i++) {
        const fkv__iter_t  *it = &input->iters[i];

        if (it->rc != rc || it->at >= it->n) {
            continue;
        }

        if (fkv__pick_leave_alone(&helper->pick, it->tables[it->at]->info.id)
            != FKV_OK)
        {
            errno = ENOMEM;
            return FKV_ENOMEM;
        }

        fkv__table_name(name, it->tables[it->at]->info.id);
        (void) __atomic_add_fetch(&store->seg->state.tables_damaged, 1,
                                  __ATOMIC_RELAXED);

        fkv__log(store->log, FKV_LOG_ALERT, "table sst/%s of store \"%s\" is "
                 "%s: compaction leaves it alone and goes on with others",
                 name, store->path, (rc == FKV_GONE) ? "missing"
                 : (rc == FKV_EVERSION) ? "of a newer version" : "damaged");
    }

    return FKV_ECORRUPT;
}


/* Does the record lie in a block that workers have in the cache? */
static bool
merge_cached(input_t *input, fkv__helper_t *helper)
{
    const fkv__iter_t  *it = input->merge.at;
    input_block_t      *block = &input->blocks[it - input->iters];
    uint64_t            id = it->tables[it->at]->info.id;

    if (block->id != id || block->offset != it->data_offset) {
        *block = (input_block_t) {
            .id = id, .offset = it->data_offset,
            .cached = fkv__warm_asks(helper, id, it->data_offset)
        };
    }

    return block->cached;
}


/* A record of a head was kept, perhaps as a tombstone, or was not. */
static void
merge_stamp(input_t *input, fkv__helper_t *helper, const fkv__record_t *rec,
    bool kept)
{
    bool  value = kept && rec->kind != FKV__RECORD_TOMBSTONE;

    if (rec->kind == FKV__RECORD_MERGE) {
        return;                             /* its stamp is a time: fold.h */
    }

    if (input->first) {
        input->first = false;
        input->stamp = value ? rec->stamp : 0;
    }

    if (rec->stamp != 0 && rec->stamp != input->stamp && !value) {
        fkv__orphans_remember(helper, rec->key, rec->stamp);
    }
}


static int
merge_record(input_t *input, fkv__press_t *press, fkv__orphans_t *orphans)
{
    fkv__helper_t  *helper = press->output->helper;
    fkv__record_t   rec = *input->merge.rec;
    int             rc = FKV_OK;
    bool            kept, newest;

    if (fkv__orphan(orphans, &rec)) {
        return FKV_OK;
    }

    newest = input->first && !press->keep->operands;
    kept = fkv__keep(press->keep, &rec);
    merge_stamp(input, helper, &rec, kept);

    if (kept && newest) {
        fkv__renew_met(&helper->renew, helper->store, &rec);
    }

    if (kept) {
        rc = fkv__press_add(press, &rec, merge_cached(input, helper));
        FKV_STEP("compact.2");
    }

    return rc;
}


/*
 * On a full disk when a table of the level below is through: one of which a
 * part is left keeps the room of all, and perhaps nothing more goes there.
 */
static bool
slice_ends(const input_t *input, const fkv__output_t *output)
{
    const fkv__helper_t  *helper = output->helper;
    const fkv__iter_t    *below = &input->iters[input->n - 1];
    bool                  full = fkv__reserve_given(helper->store);

    if (full && below->tables[0]->level > 0) {
        return below->at > 0;
    }

    return !output->open
           && output->bytes >= (full ? 1 : helper->slice_bytes);
}


/* FKV_OK · FKV_END a slice is done, this key belongs to the next · failure */
static int
merge_next_key(input_t *input, fkv__press_t *press)
{
    fkv__output_t        *output = press->output;
    const fkv__record_t  *rec = input->merge.rec;
    int                   rc;

    if (input->key.len > 0
        && fkv__str_eq(fkv__buf_str(&input->key), rec->key))
    {
        return FKV_OK;
    }

    rc = fkv__press_end_key(press);

    if (rc == FKV_OK) {
        rc = fkv__output_next_key(output, rec->key);
    }

    if (rc != FKV_OK) {
        return rc;
    }

    if (slice_ends(input, output)) {
        FKV_STEP("compact.6");
        return FKV_END;
    }

    input->key.len = 0;
    input->first = true;
    fkv__keep_next_key(press->keep);

    return fkv__buf_append(&input->key, rec->key.data, rec->key.len);
}


/* Merges that do not begin in level 0 let a flush go first: budget.h. */
static void
merge_wait(fkv__helper_t *helper, const fkv__output_t *output)
{
    uint64_t  bytes = output->bytes, us;

    if (helper->pick.from == 0) {
        return;
    }

    if (output->open) {
        bytes += fkv__table_file_bytes(&output->file);
    }

    while (!fkv__helper_stopping(helper)
           && (us = fkv__budget_wait_us(&helper->budget,
                        __atomic_load_n(&helper->flushing, __ATOMIC_RELAXED),
                        bytes, fkv__pace_flush_rate(helper->store),
                        fkv__monotonic_us()))
              > 0)
    {
        struct timespec  pause = {
            .tv_nsec = (long) fkv__min(us, WAIT_US_MAX) * 1000
        };

        (void) nanosleep(&pause, NULL);
    }
}


/* Until the end, or until a slice is done. */
static int
merge_records(fkv__helper_t *helper, input_t *input, fkv__press_t *press,
    fkv__orphans_t *orphans)
{
    fkv__output_t  *output = press->output;
    unsigned        records = 0;
    int             rc;

    while ((rc = fkv__merge_settle(&input->merge)) == FKV_OK) {

        rc = merge_next_key(input, press);

        if (rc == FKV_OK) {
            rc = merge_record(input, press, orphans);
        }

        if (rc != FKV_OK) {
            return (rc == FKV_END) ? fkv__output_finish(output) : rc;
        }

        fkv__merge_next(&input->merge);

        if (++records % RECORDS_PER_LOOK != 0) {
            continue;
        }

        merge_wait(helper, output);

        if (fkv__helper_stopping(helper)) {
            return FKV_ECANCELED;
        }
    }

    if (rc == FKV_END) {
        rc = fkv__press_end_key(press);

        return (rc == FKV_OK) ? fkv__output_finish(output) : rc;
    }

    if (rc == FKV_ECORRUPT || rc == FKV_EVERSION || rc == FKV_GONE) {
        rc = input_damaged(input, helper, rc);
    }

    return rc;
}


/*
 * What is left of a table goes back into the edit.  The iterator stands on
 * its first record if at is set, else nothing of it was read.  A number, if
 * the table is to go on with others.
 */
static int
trim_table(const fkv__table_t *table, const fkv__record_t *at,
    uint64_t offset, uint64_t merging, fkv__edit_t *edit)
{
    fkv__table_info_t  info = table->info;

    if (at != NULL) {
        info.taken = offset;
        info.smallest = (fkv__buf_t) {
            .data = (uint8_t *) (uintptr_t) at->key.data, .len = at->key.len
        };
    }

    if (merging != 0) {
        info.merging = merging;

    } else if (at == NULL
               || fkv__str_eq(at->key, fkv__buf_str(&table->info.smallest)))
    {
        return FKV_OK;                          /* it is as it was */
    }

    if (fkv__edit_drop(edit, info.id) != FKV_OK
        || fkv__edit_add(edit, table->level, &info) != FKV_OK)
    {
        errno = ENOMEM;
        return FKV_ENOMEM;
    }

    return FKV_OK;
}


/* All inputs have gone, or after a slice what lies before the next key. */
static int
merge_inputs(const input_t *input, const fkv__pick_t *pick, fkv__edit_t *edit)
{
    /* A number that no other merge bears while these tables are there. */
    uint64_t  merging = (pick->tables[0]->info.merging != 0)
                        ? pick->tables[0]->info.merging
                        : pick->tables[0]->info.id;

    for (unsigned i = 0; i < input->n; i++) {
        const fkv__iter_t  *it = &input->iters[i];

        for (unsigned k = 0; k < it->n; k++) {
            const fkv__table_t  *table = it->tables[k];
            int                  rc = FKV_OK;

            if (k < it->at) {
                rc = fkv__edit_drop(edit, table->info.id);

            } else {
                bool  marked = table->level == 0
                               || (pick->wide && table->level < pick->to);

                rc = trim_table(table, (k == it->at) ? it->rec : NULL,
                                it->data_offset, marked ? merging : 0, edit);
            }

            if (rc != FKV_OK) {
                errno = ENOMEM;
                return FKV_ENOMEM;
            }
        }
    }

    return FKV_OK;
}


/* The first n tables of the edit are what was made of the inputs. */
static void
merge_usage(const input_t *input, const fkv__pick_t *pick,
    const fkv__version_t *version, fkv__edit_t *edit, size_t n)
{
    fkv__usage_shm_t  nets[FKV__USAGES] = { 0 };

    if (n == 0
        || !fkv__version_overlaps(version, pick->to + 1,
                fkv__buf_str(&edit->adds[0].info.smallest),
                fkv__buf_str(&edit->adds[n - 1].info.largest)))
    {
        return;
    }

    for (unsigned i = 0; i < input->n; i++) {
        const fkv__iter_t  *it = &input->iters[i];

        for (unsigned k = 0; k < it->n && k <= it->at; k++) {
            if (k < it->at || it->rec != NULL) {
                fkv__usage_gone(nets, &it->tables[k]->info,
                                (k < it->at) ? UINT64_MAX : it->data_offset);
            }
        }
    }

    fkv__usage_merge(edit, n, nets);
}


/* Leaves the outputs on disk and in the edit. */
static int
compact_merge(fkv__helper_t *helper, const fkv__version_t *version,
    fkv__edit_t *edit)
{
    const fkv__pick_t  *pick = &helper->pick;
    int                 rc;
    input_t             input;
    fkv__keep_t         keep;
    fkv__orphans_t      orphans;
    fkv__output_t       output;
    fkv__press_t        press;

    rc = fkv__keep_init(&keep, helper->store, version, pick->to + 1);
    if (rc != FKV_OK) {
        return rc;
    }

    rc = fkv__keep_above(&keep, pick->since_ms, pick->tables, pick->n);

    if (rc == FKV_OK) {
        rc = input_init(&input, helper->store, pick);
    }

    if (rc != FKV_OK) {
        fkv__keep_done(&keep);
        return rc;
    }

    fkv__output_init(&output, helper, edit, pick->to, helper->table_bytes);

    if (pick->to + 1 < FKV__LEVELS) {
        fkv__output_align(&output, version->levels[pick->to + 1],
                          version->n[pick->to + 1]);
    }

    /* Range tombstones above the log's floor are not in the version yet. */
    fkv__orphans_init(&orphans, helper, &keep);
    output.ranged = orphans.lowest;
    FKV_STEP("compact.1");

    fkv__press_init(&press, &keep, &output);
    rc = merge_records(helper, &input, &press, &orphans);
    fkv__press_done(&press);

    if (rc == FKV_OK) {
        merge_usage(&input, pick, version, edit, output.n);
        rc = merge_inputs(&input, pick, edit);
    }

    input_done(&input, helper->store);
    fkv__orphans_done(&orphans);
    fkv__keep_done(&keep);
    fkv__warm_done(&output.warm);

    if (rc != FKV_OK) {
        fkv__output_abort(&output);
        return rc;
    }

    fkv__count(helper->store, compaction_written, output.bytes);
    fkv__count(helper->store, expired_dropped, keep.expired);
    fkv__count(helper->store, range_dropped, keep.covered);
    fkv__count(helper->store, elements_dropped, orphans.dropped);

    return FKV_OK;
}


/* The tables go; if they move, they are added where they come to be. */
static int
compact_whole(const fkv__pick_t *pick, const fkv__version_t *version,
    fkv__edit_t *edit)
{
    for (unsigned i = 0; i < pick->n; i++) {
        fkv__table_info_t  info = pick->tables[i]->info;
        bool               moves = (pick->what == FKV__PICK_MOVE);

        info.merging = 0;

        if (fkv__edit_drop(edit, info.id) != FKV_OK
            || (moves && fkv__edit_add(edit, pick->to, &info) != FKV_OK))
        {
            errno = ENOMEM;
            return FKV_ENOMEM;
        }

        if (moves
            && !fkv__version_overlaps(version, pick->to + 1,
                                      fkv__buf_str(&info.smallest),
                                      fkv__buf_str(&info.largest)))
        {
            fkv__usage_settle(&edit->adds[edit->n_adds - 1].info);
        }
    }

    return FKV_OK;
}


static int
compact_edit(fkv__helper_t *helper, const fkv__version_t *version,
    fkv__edit_t *edit)
{
    int  rc;

    rc = (helper->pick.what == FKV__PICK_MERGE)
         ? compact_merge(helper, version, edit)
         : compact_whole(&helper->pick, version, edit);

    if (rc != FKV_OK) {
        return rc;
    }

    FKV_STEP("compact.3");

    return fkv__helper_edit(helper, edit);
}


static bool
edit_adds(const fkv__edit_t *edit, uint64_t id)
{
    for (size_t i = 0; i < edit->n_adds; i++) {
        if (edit->adds[i].info.id == id) {
            return true;
        }
    }

    return false;
}


/* How fast is level 0 worked off, other levels' work included? */
static void
compact_paced(fkv__helper_t *helper, const fkv__edit_t *edit)
{
    const fkv__pick_t  *pick = &helper->pick;
    uint64_t            bytes = 0;

    for (unsigned i = 0; i < pick->n; i++) {
        const fkv__table_t  *table = pick->tables[i];

        if (table->level == 0 && !edit_adds(edit, table->info.id)) {
            bytes += table->info.bytes;
        }
    }

    if (bytes > 0) {
        fkv__pace_compacted(helper->store, bytes, helper->busy_us);
        helper->busy_us = 0;
    }
}


/* The edit is announced: what it has dropped is nobody's but open readers'. */
static void
compact_announced(fkv__helper_t *helper, const fkv__edit_t *edit)
{
    fkv_t              *store = helper->store;
    const fkv__pick_t  *pick = &helper->pick;

    FKV_STEP("compact.4");
    fkv__count(store, compactions, 1);

    for (unsigned i = 0; i < pick->n; i++) {
        uint64_t  entries = pick->tables[i]->info.entries;

        if (pick->what == FKV__PICK_DROP) {
            fkv__count(store, expired_dropped, entries);

        } else if (pick->what == FKV__PICK_HIDDEN) {
            fkv__count(store, range_dropped, entries);
        }
    }

    for (size_t i = 0; i < edit->n_drops; i++) {
        if (!edit_adds(edit, edit->drops[i])) {
            fkv__helper_unlink(helper, edit->drops[i]);
        }
    }
}


static int
compact_picked(fkv__helper_t *helper, const fkv__version_t *version)
{
    size_t       damaged = helper->pick.damaged.len;
    int          rc;
    uint64_t     begin = fkv__monotonic_us();
    fkv__edit_t  edit;

    fkv__edit_init(&edit);
    rc = compact_edit(helper, version, &edit);
    helper->busy_us += fkv__monotonic_us() - begin;

    if (rc == FKV_OK) {
        compact_paced(helper, &edit);
        compact_announced(helper, &edit);
    }

    fkv__edit_done(&edit);

    /* Other tables will be picked now. */

    return (helper->pick.damaged.len > damaged) ? FKV_OK : rc;
}


/*
 * Range tombstones that hide nothing any more are forgotten.  All that is older
 * than one of the version's lies in its tables, and only we change these.
 */
static int
compact_ranges(fkv__helper_t *helper, const fkv__version_t *version)
{
    const fkv__ranges_t  *ranges = version->ranges;
    fkv__edit_t           edit;
    int                   rc = FKV_OK;

    fkv__edit_init(&edit);

    for (unsigned i = 0; rc == FKV_OK && ranges != NULL && i < ranges->n; i++)
    {
        const fkv__range_t  *range = &ranges->nodes[i].range;

        if (!fkv__version_hides(version, range)) {
            rc = fkv__edit_range_drop(&edit, range->version);
        }
    }

    if (rc == FKV_OK && edit.n_range_drops > 0) {
        FKV_STEP("compact.5");
        rc = fkv__helper_edit(helper, &edit);
    }

    fkv__edit_done(&edit);

    return rc;
}


/*
 * Tables that range tombstones hide go without a look at each record, so
 * nobody may read below the tombstones: that nobody did when they were picked
 * is not enough.
 */
static int
compact_allowed(fkv__helper_t *helper, const fkv__version_t *version,
    bool *allowed)
{
    int          rc;
    fkv__keep_t  keep;

    *allowed = true;

    if (helper->pick.what != FKV__PICK_HIDDEN) {
        return FKV_OK;
    }

    rc = fkv__keep_init(&keep, helper->store, version, 0);

    if (rc == FKV_OK) {
        *allowed = fkv__keep_lowest(&keep) >= helper->pick.floor;
        fkv__keep_done(&keep);
    }

    return rc;
}


/* Of all processes. */
static uint64_t
counted(const fkv_t *store, unsigned stat)
{
    uint64_t  sum = 0;

    for (unsigned i = 0; i < FKV__SLOTS_MAX; i++) {
        sum += __atomic_load_n(&store->seg->slots[i].stats[stat],
                               __ATOMIC_RELAXED);
    }

    return sum;
}


static void
mix_look(fkv__helper_t *helper)
{
    const fkv_t  *store = helper->store;
    uint64_t      reads, writes;

    reads = counted(store, FKV__STAT_gets) + counted(store, FKV__STAT_scans);
    reads -= fkv__min(reads, counted(store, FKV__STAT_gets_memtable));
    writes = counted(store, FKV__STAT_puts) + counted(store, FKV__STAT_deletes);

    fkv__mix_look(&helper->mix, reads, writes, fkv__monotonic_us() / 1000);
}


/* What compaction= says, or what the mix of requests asks for. */
static unsigned
runs_wanted(const fkv__helper_t *helper)
{
    const fkv_t  *store = helper->store;

    switch (__atomic_load_n(&store->options.compaction, __ATOMIC_RELAXED)) {

    case FKV_COMPACTION_TIERED:
        return FKV__PICK_RUNS;

    case FKV_COMPACTION_ADAPTIVE:
        return fkv__mix_runs(&helper->mix, FKV__PICK_RUNS);

    default:
        return 0;
    }
}


/* What may be now, and let the status say it. */
static void
style_choose(fkv__helper_t *helper)
{
    fkv__state_shm_t  *state = &helper->store->seg->state;
    fkv__pick_t       *pick = &helper->pick;

    mix_look(helper);

    pick->level_0 = fkv__mix_level_0(&helper->mix, FKV__PICK_L0,
                                     FKV__PICK_L0_WRITES);
    __atomic_store_n(&pick->runs, runs_wanted(helper), __ATOMIC_RELAXED);

    __atomic_store_n(&state->compact_level_0, pick->level_0, __ATOMIC_RELAXED);
    __atomic_store_n(&state->compact_runs, pick->runs, __ATOMIC_RELAXED);
}


int
fkv__compact(fkv__helper_t *helper)
{
    fkv_t           *store = helper->store;
    int              rc;
    bool             allowed;
    uint64_t         now_ms = fkv_now_ms(store);
    fkv__version_t  *version;

    if (__atomic_load_n(&store->seg->state.readonly, __ATOMIC_ACQUIRE)) {
        return FKV_END;
    }

    helper->pick.since_ms = fkv__fold_since_ms(store);
    rc = fkv__helper_version(helper, &version);

    if (rc != FKV_OK) {
        return rc;
    }

    if (!fkv__clock_drops_allowed(store, now_ms)) {
        now_ms = 0;
    }

    fkv__dead_take(store, &helper->pick);
    style_choose(helper);
    helper->pick.squeeze = fkv__size_squeezes(store, version)
                           || fkv__reserve_given(store);
    helper->pick.room = fkv__reserve_given(store) ? store->seg->arena_bytes
                                                  : 0;
    rc = fkv__orphans_hide(helper, version);

    if (rc != FKV_END) {
        fkv__version_unpin(version);
        return rc;
    }

    rc = compact_ranges(helper, version);

    if (rc == FKV_OK) {
        rc = fkv__pick(&helper->pick, version, fkv__keep_floor_now(store),
                       now_ms);
    }

    if (rc == FKV_OK) {
        rc = compact_allowed(helper, version, &allowed);
    }

    if (rc == FKV_OK && allowed) {
        rc = compact_picked(helper, version);
    }

    fkv__version_unpin(version);

    return rc;
}
