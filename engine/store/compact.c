/*
 * compact.c - doing what was picked.
 */

#include "store/compact.h"
#include "store/expire.h"
#include "store/keep.h"
#include "store/merge.h"
#include "store/output.h"
#include "store/source_file.h"

#include <errno.h>
#include <string.h>

#define RECORDS_PER_LOOK  256       /* is somebody asking us to stop? */

/* The inputs: tables of level 0 one by one, other levels as one run each. */
typedef struct {
    fkv__iter_t         *iters;
    fkv__source_file_t  *sources;
    unsigned             n;
    fkv__merge_t         merge;
    fkv__buf_t           key;       /* of the last record */
} input_t;


static void
input_add(input_t *input, const fkv_t *store, fkv__table_t **tables,
    unsigned n)
{
    fkv__source_file_t  *source = &input->sources[input->n];

    if (n == 0) {
        return;
    }

    fkv__source_file_init(source, store->fs, store->sst_dir, store->log);
    fkv__iter_init(&input->iters[input->n], &source->source, tables, n);
    input->n++;
}


static int
input_init(input_t *input, const fkv_t *store, const fkv__pick_t *pick)
{
    unsigned  runs = (pick->from == 0) ? pick->n_from : 1;

    *input = (input_t) { .n = 0 };

    input->iters = fkv__alloc((runs + 1) * sizeof(*input->iters));
    input->sources = fkv__alloc((runs + 1) * sizeof(*input->sources));

    if (input->iters == NULL || input->sources == NULL) {
        fkv__free(input->iters);
        fkv__free(input->sources);
        errno = ENOMEM;
        return FKV_ENOMEM;
    }

    for (unsigned i = 0; i < runs; i++) {
        input_add(input, store, pick->tables + i, pick->n_from / runs);
    }

    input_add(input, store, pick->tables + pick->n_from,
              pick->n - pick->n_from);

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
    fkv__buf_done(&input->key);

    errno = cause;
}


/*
 * A damaged or missing table.  To go on without it would drop data, to try
 * again would do the same work every second; an operator must look.
 */
static int
input_failed(input_t *input, fkv_t *store, int rc)
{
    char  name[40] = "?";

    if (rc != FKV_ECORRUPT && rc != FKV_EVERSION && rc != FKV_GONE) {
        return rc;
    }

    for (unsigned i = 0; i < input->n; i++) {
        const fkv__iter_t  *it = &input->iters[i];

        if (it->rc == rc && it->at < it->n) {
            fkv__table_name(name, it->tables[it->at]->info.id);
        }
    }

    __atomic_store_n(&store->seg->state.compaction_stopped, 1,
                     __ATOMIC_RELEASE);

    fkv__log(store->log, FKV_LOG_ALERT, "compaction of store \"%s\" is "
             "stopped until it is opened again: table sst/%s is %s",
             store->path, name, (rc == FKV_GONE) ? "missing"
             : (rc == FKV_EVERSION) ? "of a newer version" : "damaged");

    return FKV_ECORRUPT;
}


static int
merge_record(input_t *input, fkv__keep_t *keep, fkv__output_t *output)
{
    fkv__record_t  rec = *input->merge.rec;
    int            rc = FKV_OK;

    if (input->key.len == 0
        || !fkv__str_eq(fkv__buf_str(&input->key), rec.key))
    {
        input->key.len = 0;
        fkv__keep_next_key(keep);

        rc = fkv__buf_append(&input->key, rec.key.data, rec.key.len);

        if (rc == FKV_OK) {
            rc = fkv__output_next_key(output);
        }
    }

    if (rc == FKV_OK && fkv__keep(keep, &rec)) {
        rc = fkv__output_add(output, &rec);
        FKV_STEP("compact.2");
    }

    return rc;
}


static int
merge_records(fkv__helper_t *helper, input_t *input, fkv__keep_t *keep,
    fkv__output_t *output)
{
    unsigned  records = 0;
    int       rc;

    while ((rc = fkv__merge_settle(&input->merge)) == FKV_OK) {

        rc = merge_record(input, keep, output);
        if (rc != FKV_OK) {
            return rc;
        }

        fkv__merge_next(&input->merge);

        if (++records % RECORDS_PER_LOOK == 0 && fkv__helper_stopping(helper))
        {
            return FKV_ECANCELED;
        }
    }

    return (rc == FKV_END) ? fkv__output_finish(output)
                           : input_failed(input, helper->store, rc);
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
    fkv__output_t       output;

    rc = fkv__keep_init(&keep, helper->store, version, pick->to + 1);
    if (rc != FKV_OK) {
        return rc;
    }

    rc = input_init(&input, helper->store, pick);
    if (rc != FKV_OK) {
        fkv__keep_done(&keep);
        return rc;
    }

    fkv__output_init(&output, helper, edit, pick->to, helper->table_bytes);
    FKV_STEP("compact.1");

    rc = merge_records(helper, &input, &keep, &output);
    input_done(&input, helper->store);
    fkv__keep_done(&keep);

    if (rc != FKV_OK) {
        fkv__output_abort(&output);
        return rc;
    }

    fkv__count(helper->store, compaction_written, output.bytes);
    fkv__count(helper->store, expired_dropped, keep.expired);

    return FKV_OK;
}


static int
compact_move(const fkv__pick_t *pick, fkv__edit_t *edit)
{
    for (unsigned i = 0; i < pick->n; i++) {
        if (fkv__edit_add(edit, pick->to, &pick->tables[i]->info) != FKV_OK) {
            errno = ENOMEM;
            return FKV_ENOMEM;
        }
    }

    return FKV_OK;
}


static int
compact_inputs(const fkv__pick_t *pick, fkv__edit_t *edit)
{
    for (unsigned i = 0; i < pick->n; i++) {
        if (fkv__edit_drop(edit, pick->tables[i]->info.id) != FKV_OK) {
            errno = ENOMEM;
            return FKV_ENOMEM;
        }
    }

    return FKV_OK;
}


static int
compact_edit(fkv__helper_t *helper, const fkv__version_t *version,
    fkv__edit_t *edit)
{
    const fkv__pick_t  *pick = &helper->pick;
    int                 rc = compact_inputs(pick, edit);

    if (rc != FKV_OK) {
        return rc;
    }

    switch (pick->what) {
    case FKV__PICK_DROP:   break;
    case FKV__PICK_MOVE:   rc = compact_move(pick, edit); break;
    case FKV__PICK_MERGE:  rc = compact_merge(helper, version, edit); break;
    }

    if (rc != FKV_OK) {
        return rc;
    }

    FKV_STEP("compact.3");

    return fkv__helper_edit(helper, edit);
}


/* The edit is announced: the inputs are nobody's but open readers'. */
static void
compact_announced(fkv__helper_t *helper)
{
    fkv_t        *store = helper->store;
    fkv__pick_t  *pick = &helper->pick;

    FKV_STEP("compact.4");
    fkv__count(store, compactions, 1);

    for (unsigned i = 0; i < pick->n && pick->what != FKV__PICK_MOVE; i++) {
        const fkv__table_info_t  *info = &pick->tables[i]->info;

        if (pick->what == FKV__PICK_DROP) {
            fkv__count(store, expired_dropped, info->entries);
        }

        fkv__helper_unlink(helper, info->id);
    }

    fkv__pick_advance(pick);
}


static int
compact_picked(fkv__helper_t *helper, const fkv__version_t *version)
{
    int          rc;
    fkv__edit_t  edit;

    fkv__edit_init(&edit);
    rc = compact_edit(helper, version, &edit);
    fkv__edit_done(&edit);

    if (rc == FKV_OK) {
        compact_announced(helper);
    }

    return rc;
}


int
fkv__compact(fkv__helper_t *helper)
{
    fkv_t                    *store = helper->store;
    const fkv__state_shm_t   *state = &store->seg->state;
    int                       rc;
    uint64_t                  now_ms = fkv_now_ms(store);
    fkv__version_t           *version;

    if (__atomic_load_n(&state->compaction_stopped, __ATOMIC_ACQUIRE)
        || __atomic_load_n(&state->readonly, __ATOMIC_ACQUIRE))
    {
        return FKV_END;
    }

    rc = fkv__helper_version(helper, &version);
    if (rc != FKV_OK) {
        return rc;
    }

    if (!fkv__clock_drops_allowed(store, now_ms)) {
        now_ms = 0;
    }

    rc = fkv__pick(&helper->pick, version, fkv__keep_floor_now(store), now_ms);

    if (rc == FKV_OK) {
        rc = compact_picked(helper, version);
    }

    fkv__version_unpin(version);

    return rc;
}
