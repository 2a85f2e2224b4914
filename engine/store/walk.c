/*
 * walk.c - the sources of a walk and their smallest key.
 */

#include "store/walk.h"

#include "base/bytes.h"
#include "shared/arena.h"
#include "store/dead.h"

#include <limits.h>

#define FROM_TABLE  UINT_MAX


void
fkv__walk_init(fkv__walk_t *walk, fkv_t *store, fkv_op_t *op)
{
    memset(walk, 0, sizeof(*walk));

    walk->store = store;
    walk->follow.op = op;
    fkv__list_init(&walk->follow.link);
    fkv__reader_init(&walk->reader, store, op);
}


static void
walk_drop(fkv__walk_t *walk)
{
    for (unsigned i = 0; i < walk->iters_n; i++) {
        fkv__iter_done(&walk->iters[i]);
    }

    fkv__free(walk->iters);
    walk->iters = NULL;
    walk->iters_n = 0;
    walk->memtables_n = 0;

    fkv__ranges_unpin(walk->recent);
    walk->recent = NULL;

    if (walk->version != NULL) {
        fkv__version_unpin(walk->version);
        walk->version = NULL;
    }
}


void
fkv__walk_done(fkv__walk_t *walk)
{
    walk_drop(walk);

    fkv__list_remove(&walk->follow.link);
    fkv__reader_done(&walk->reader);

    fkv__buf_done(&walk->prefix);
    fkv__buf_done(&walk->end);
    fkv__buf_done(&walk->at);
}


static int
walk_encode(fkv__buf_t *buf, const fkv__space_t *space, fkv_str_t name)
{
    if (name.len == 0) {
        return FKV_OK;
    }

    if (fkv__buf_reserve(buf, fkv__space_size(space, name.len)) != FKV_OK) {
        return FKV_ENOMEM;
    }

    buf->len = fkv__space_encode(buf->data, space, name);

    return FKV_OK;
}


int
fkv__walk_range(fkv__walk_t *walk, const fkv__space_t *space,
    fkv_str_t prefix, fkv_str_t start, bool after, fkv_str_t end)
{
    FKV_ASSERT(space->ns <= UINT8_MAX);

    if (fkv__buf_reserve(&walk->prefix, fkv__space_size(space, prefix.len))
        != FKV_OK
        || walk_encode(&walk->at, space, start) != FKV_OK
        || walk_encode(&walk->end, space, end) != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    walk->prefix.len = fkv__space_encode_prefix(walk->prefix.data, space,
                                                prefix);
    walk->after = after;

    if (fkv__str_cmp(fkv__buf_str(&walk->at), fkv__buf_str(&walk->prefix))
        >= 0)
    {
        return FKV_OK;
    }

    walk->after = false;
    walk->at.len = 0;

    return fkv__buf_append(&walk->at, walk->prefix.data, walk->prefix.len);
}


/* Whether the key, and with it all that follow, lies behind the range. */
static bool
walk_beyond(const fkv__walk_t *walk, fkv_str_t ikey)
{
    size_t  n = fkv__min(ikey.len, walk->prefix.len);

    if (walk->end.len > 0
        && fkv__str_cmp(ikey, fkv__buf_str(&walk->end)) >= 0)
    {
        return true;
    }

    return n > 0 && memcmp(ikey.data, walk->prefix.data, n) > 0;
}


/* Whether the key has been dealt with; no source is before at. */
static bool
walk_through(const fkv__walk_t *walk, fkv_str_t ikey)
{
    return walk->after && fkv__str_eq(ikey, fkv__buf_str(&walk->at));
}


/* Rule 5, for the version that is to be pinned. */
static bool
memtable_is_over(const fkv__walk_t *walk, const fkv__memtable_t *mt)
{
    fkv__arena_word_t  w;

    if (!fkv__dead_is_memtable(mt)) {
        return false;
    }

    w = fkv__arena_word(mt->shm);

    return w.sealed
           && mt->shm->base + w.top <= walk->store->tables->version->log_floor;
}


/* FKV_OK · FKV_ECORRUPT · FKV_ENOMEM */
static int
walk_open_memtables(fkv__walk_t *walk, uint64_t set)
{
    unsigned  n = fkv__min(fkv__set_count(set), FKV__ARENAS);

    walk->set = set;

    for (unsigned i = 0; i < n; i++) {
        fkv__memtable_t       *mt = &walk->memtables[i];
        fkv__memtable_iter_t  *it = &walk->at_memtable[i];

        fkv__memtable_init(mt, walk->store->seg, fkv__set_arena(set, i));

        if (memtable_is_over(walk, mt)) {
            break;
        }

        walk->memtables_n++;
        fkv__memtable_iter_seek(it, mt, fkv__buf_str(&walk->at));

        if (it->node != 0 && walk_through(walk, fkv__memtable_iter_key(it))) {
            fkv__memtable_iter_next(it);
        }
    }

    return fkv__memtable_ranges(walk->memtables, walk->memtables_n,
                                &walk->recent);
}


/* Those of n tables, in the order of their keys, that the range meets. */
static void
walk_add_tables(fkv__walk_t *walk, fkv__table_t *const *tables, unsigned n)
{
    unsigned  first = fkv__table_find(tables, n, fkv__buf_str(&walk->at));

    while (n > first
           && walk_beyond(walk, fkv__buf_str(&tables[n - 1]->info.smallest)))
    {
        n--;
    }

    if (n > first) {
        fkv__iter_init(&walk->iters[walk->iters_n++], &walk->reader.source,
                       tables + first, n - first);
    }
}


static int
walk_open_tables(fkv__walk_t *walk)
{
    fkv__version_t  *version = walk->store->tables->version;

    walk->iters = fkv__alloc((version->n[0] + FKV__LEVELS)
                             * sizeof(*walk->iters));
    if (walk->iters == NULL) {
        return FKV_ENOMEM;
    }

    walk->version = fkv__version_pin(version);

    for (unsigned i = 0; i < version->n[0]; i++) {
        walk_add_tables(walk, version->levels[0] + i, 1);
    }

    for (unsigned level = 1; level < FKV__LEVELS; level++) {
        walk_add_tables(walk, version->levels[level], version->n[level]);
    }

    fkv__merge_init(&walk->merge, walk->iters, walk->iters_n);
    fkv__merge_seek(&walk->merge, fkv__buf_str(&walk->at),
                    walk->after ? 0 : UINT64_MAX);

    return FKV_OK;
}


static int
walk_damaged(fkv__walk_t *walk, int rc)
{
    if (rc == FKV_ECORRUPT) {
        fkv__count(walk->store, errors_corrupt, 1);
        fkv__log(walk->store->log, FKV_LOG_ALERT, "a record in memory is "
                 "damaged, what would read it answers an error");
    }

    return rc;
}


/*
 * The edit is looked at after the set was: what had left the memtables by then
 * is in the version.
 */
int
fkv__walk_hold(fkv__walk_t *walk, uint64_t set)
{
    int  rc = walk->follow.rc;

    if (rc == FKV_OK || rc == FKV_AGAIN) {
        rc = fkv__follow(walk->store, &walk->follow);
    }

    if (rc != FKV_OK) {
        return rc;
    }

    if (walk->version == walk->store->tables->version
        && fkv__set_number(walk->set) == fkv__set_number(set))
    {
        return FKV_OK;
    }

    walk_drop(walk);
    rc = walk_open_memtables(walk, set);

    return (rc == FKV_OK) ? walk_open_tables(walk) : walk_damaged(walk, rc);
}


/* The newest version that the snapshot sees of a memtable's current key. */
static int
memtable_version(const fkv__memtable_t *mt, const fkv__memtable_iter_t *it,
    uint64_t snapshot, fkv__record_t *rec)
{
    uint32_t  entry = 0;

    while ((entry = fkv__memtable_iter_version(it, entry)) != 0) {
        int  rc = fkv__memtable_record(mt, entry, rec);

        if (rc != FKV_OK) {
            return rc;
        }

        if (rec->version < snapshot) {
            return FKV_OK;
        }
    }

    return FKV_NOTFOUND;
}


/* The smallest key of all sources: FKV_OK or FKV_END. */
static int
walk_key(const fkv__walk_t *walk, fkv_str_t *ikey)
{
    bool  any = walk->merge.rec != NULL;

    if (any) {
        *ikey = walk->merge.rec->key;
    }

    for (unsigned i = 0; i < walk->memtables_n; i++) {
        const fkv__memtable_iter_t  *it = &walk->at_memtable[i];
        fkv_str_t                    mine;

        if (it->node == 0) {
            continue;
        }

        mine = fkv__memtable_iter_key(it);

        if (!any || fkv__str_cmp(mine, *ikey) < 0) {
            *ikey = mine;
            any = true;
        }
    }

    return (any && !walk_beyond(walk, *ikey)) ? FKV_OK : FKV_END;
}


/* The newest version of the key in all sources that the snapshot sees. */
static int
walk_version(fkv__walk_t *walk, fkv_str_t ikey, fkv__record_t *rec)
{
    const fkv__record_t  *other = walk->merge.rec;
    bool                  found;

    found = other != NULL && fkv__str_eq(other->key, ikey);

    if (found) {
        *rec = *other;
    }

    walk->from = FROM_TABLE;

    for (unsigned i = 0; i < walk->memtables_n; i++) {
        const fkv__memtable_iter_t  *it = &walk->at_memtable[i];
        fkv__record_t                mine;
        int                          rc;

        if (it->node == 0 || !fkv__str_eq(fkv__memtable_iter_key(it), ikey)) {
            continue;
        }

        rc = memtable_version(&walk->memtables[i], it, walk->snapshot, &mine);

        if (rc == FKV_OK && (!found || mine.version > rec->version)) {
            *rec = mine;
            found = true;
            walk->from = i;
        }

        if (rc < 0) {
            return rc;
        }
    }

    return found ? FKV_OK : FKV_NOTFOUND;
}


/* FKV_OK the tables' record, if there is one, may be looked at. */
static int
walk_settle(fkv__walk_t *walk)
{
    const fkv__record_t  *rec;
    int                   rc = fkv__merge_settle(&walk->merge);

    if (rc == FKV_END) {
        return FKV_OK;
    }

    if (rc == FKV_GONE) {
        rc = fkv__reader_gone(&walk->reader, walk->version);

        if (rc == FKV_AGAIN) {
            walk_drop(walk);
            return FKV_GONE;
        }
    }

    if (rc != FKV_OK) {
        return rc;
    }

    rec = walk->merge.rec;

    if (rec->version >= walk->snapshot || walk_through(walk, rec->key)) {
        fkv__merge_next(&walk->merge);
        return FKV_NOTFOUND;
    }

    return FKV_OK;
}


/* The newest range tombstone that hides the record; NULL: none does. */
static const fkv__range_t *
walk_hider(const fkv__walk_t *walk, const fkv__record_t *rec)
{
    const fkv__range_t  *range;

    range = fkv__ranges_newest(walk->recent, rec->key, rec->key,
                               walk->snapshot);

    if (range == NULL) {
        range = fkv__ranges_newest(walk->version->ranges, rec->key, rec->key,
                                   walk->snapshot);
    }

    return (range != NULL && range->version > rec->version) ? range : NULL;
}


/*
 * From a key that the range hides on: sources that hold nothing newer go on
 * behind the range.  A memtable is such a one if the next began before the
 * range was deleted.
 */
static void
walk_jump(fkv__walk_t *walk, const fkv__range_t *range)
{
    fkv__merge_skip(&walk->merge, range->end, range->version);

    for (unsigned i = 1; i < walk->memtables_n; i++) {
        fkv__memtable_iter_t  *it = &walk->at_memtable[i];

        if (it->node != 0
            && walk->memtables[i - 1].shm->base <= range->version
            && fkv__str_cmp(fkv__memtable_iter_key(it), range->end) < 0)
        {
            fkv__memtable_iter_seek(it, it->mt, range->end);
        }
    }
}


int
fkv__walk_step(fkv__walk_t *walk, fkv__record_t *rec)
{
    const fkv__range_t  *range = NULL;
    fkv_str_t            ikey;
    int                  rc;

    FKV_ASSERT(walk->version != NULL);

    rc = walk_settle(walk);
    if (rc != FKV_OK) {
        return rc;
    }

    rc = walk_key(walk, &ikey);
    if (rc != FKV_OK) {
        return rc;
    }

    rc = walk_version(walk, ikey, rec);

    if (rc == FKV_OK) {
        rec->key = ikey;
        range = walk_hider(walk, rec);
    }

    if (range != NULL) {
        rc = FKV_NOTFOUND;
        fkv__walk_dead(walk);
    }

    if (rc == FKV_NOTFOUND && fkv__walk_pass(walk, ikey) != FKV_OK) {
        return FKV_ENOMEM;
    }

    if (range != NULL) {
        walk_jump(walk, range);
    }

    return walk_damaged(walk, rc);
}


void
fkv__walk_dead(fkv__walk_t *walk)
{
    fkv__count(walk->store, scans_dead, 1);

    if (++walk->dead % FKV__DEAD_RUN != 0) {
        return;
    }

    if (walk->from != FROM_TABLE) {
        fkv__dead_memtable(walk->store, &walk->memtables[walk->from]);

    } else if (walk->merge.rec != NULL) {
        const fkv__iter_t  *it = walk->merge.at;

        fkv__dead_table(walk->store, it->tables[it->at]->info.id);
    }
}


int
fkv__walk_pass(fkv__walk_t *walk, fkv_str_t ikey)
{
    walk->at.len = 0;
    walk->after = true;

    if (fkv__buf_append(&walk->at, ikey.data, ikey.len) != FKV_OK) {
        return FKV_ENOMEM;
    }

    for (unsigned i = 0; i < walk->memtables_n; i++) {
        fkv__memtable_iter_t  *it = &walk->at_memtable[i];

        if (it->node != 0 && walk_through(walk, fkv__memtable_iter_key(it))) {
            fkv__memtable_iter_next(it);
        }
    }

    return FKV_OK;
}


int
fkv__walk_seek(fkv__walk_t *walk, const fkv__space_t *space, fkv_str_t name)
{
    fkv__buf_t  to = { 0 };

    if (walk_encode(&to, space, name) != FKV_OK) {
        return FKV_ENOMEM;
    }

    if (fkv__str_cmp(fkv__buf_str(&to), fkv__buf_str(&walk->at)) <= 0) {
        fkv__buf_done(&to);
        return FKV_OK;
    }

    fkv__buf_done(&walk->at);
    walk->at = to;
    walk->after = false;

    for (unsigned i = 0; i < walk->memtables_n; i++) {
        fkv__memtable_iter_t  *it = &walk->at_memtable[i];

        if (it->node != 0
            && fkv__str_cmp(fkv__memtable_iter_key(it), fkv__buf_str(&to)) < 0)
        {
            fkv__memtable_iter_seek(it, it->mt, fkv__buf_str(&to));
        }
    }

    fkv__merge_seek(&walk->merge, fkv__buf_str(&to), UINT64_MAX);

    return FKV_OK;
}
