/*
 * refill.c - from table to table, scan by scan.
 */

#include "store/refill.h"
#include "base/hash.h"
#include "store/read.h"

#define SCAN_KEYS   2048
#define SCAN_BYTES  (256 * 1024)


void
fkv__refill_init(fkv__refill_t *refill, fkv__helper_t *helper, fkv_t *twin,
    fkv__due_t *due)
{
    *refill = (fkv__refill_t) {
        .helper = helper,
        .twin = twin,
        .due = due
    };
}


void
fkv__refill_done(fkv__refill_t *refill)
{
    fkv__buf_done(&refill->key);
    fkv__buf_done(&refill->ikey);
}


void
fkv__refill_begin(fkv__refill_t *refill, fkv__moment_t after, uint64_t told,
    uint64_t below)
{
    refill->running = true;
    refill->stale = refill->scanning;
    refill->trailing = true;
    refill->trail.at = 0;
    refill->trailed = 0;
    refill->after = after;
    refill->told = told;
    refill->below = below;
    refill->ns = 0;
    refill->key.len = 0;
    refill->passed = false;
}


/*
 * Is there a newer version than this, which was the newest when visible was?
 * FKV_OK no · FKV_EXISTS · FKV_CONFLICT nobody can say
 */
static int
newest_check(const fkv__refill_t *refill, fkv_str_t ikey, uint64_t hash,
    uint64_t version)
{
    fkv_t                *twin = refill->twin;
    uint64_t              set = fkv__pin(twin);
    fkv__memtable_t       mt;
    fkv__memtable_pos_t   pos;
    int                   rc = FKV_OK;

    if (fkv__read_oldest(twin, set) > refill->visible) {
        rc = FKV_CONFLICT;

    } else if (fkv__read_memtables(twin, set, ikey, hash,
                                   fkv__visible(twin), version, &mt, &pos,
                                   NULL)
               && pos.version > version)
    {
        rc = FKV_EXISTS;
    }

    fkv__unpin(twin);

    return rc;
}


/* FKV_OK it is in the heap, or not wanted · FKV_CONFLICT */
static int
refill_take(fkv__refill_t *refill, fkv_str_t ikey, uint64_t expire_at,
    uint64_t version)
{
    uint64_t          hash = fkv__hash(ikey);
    fkv__due_entry_t  entry = {
        .moment = { expire_at, hash },
        .version = version
    };
    int               rc;

    if ((!fkv__moment_after(entry.moment, refill->after)
         && version < refill->told)
        || fkv__moment_after(entry.moment, refill->due->bound))
    {
        return FKV_OK;
    }

    rc = newest_check(refill, ikey, hash, version);

    if (rc == FKV_OK) {
        fkv__due_put(refill->due, ikey, &entry);
    }

    return (rc == FKV_EXISTS) ? FKV_OK : rc;
}


/* Newer versions of it lie in the same memtables: there is no conflict. */
static void
on_record(void *data, const fkv__record_t *rec, uint64_t version)
{
    fkv__refill_t  *refill = data;

    if (rec->expire_at != 0 && fkv__due_wants(rec->key)) {
        (void) refill_take(refill, rec->key, rec->expire_at, version);
    }
}


static void
refill_trail(fkv__refill_t *refill)
{
    refill->visible = UINT64_MAX;
    refill->trail.store = refill->twin;
    refill->trail.expiring = true;
    refill->trail.on_record = on_record;
    refill->trail.data = refill;

    switch (fkv__trail(&refill->trail, refill->below)) {

    case FKV_GONE:
        refill->trailed = refill->trail.at;
        break;

    case FKV_END:
        refill->trailing = false;
        break;
    }
}


static int
refill_entry(fkv__refill_t *refill, fkv_str_t key, const fkv_value_t *value)
{
    refill->ikey.len = 0;

    if (fkv__buf_reserve(&refill->ikey, FKV__KEY_SIZE(key.len)) != FKV_OK) {
        return FKV_ENOMEM;
    }

    refill->ikey.len = fkv__key_encode(refill->ikey.data, refill->scan.ns, key);

    return refill_take(refill, fkv__buf_str(&refill->ikey), value->expire_at,
                       value->version);
}


static int
on_entry(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    fkv__refill_t  *refill = fkv__container(scan, fkv__refill_t, scan);
    int             rc = FKV_OK;

    FKV_STEP("refill.1");

    if (refill->stale) {
        return FKV_ECANCELED;
    }

    if (value->expire_at != 0 && value->version < refill->trailed) {
        rc = refill_entry(refill, key, value);
    }

    if (rc != FKV_OK) {
        return rc;
    }

    refill->key.len = 0;
    refill->passed = true;

    return fkv__buf_append(&refill->key, key.data, key.len);
}


static void
next_namespace(fkv__refill_t *refill)
{
    refill->ns++;
    refill->key.len = 0;
    refill->passed = false;
}


/* Where the next scan begins, as an internal key or the begin of one. */
static fkv_str_t
refill_at(fkv__refill_t *refill)
{
    fkv_str_t  key = fkv__buf_str(&refill->key);

    refill->ikey.len = 0;

    if (fkv__buf_reserve(&refill->ikey, FKV__KEY_SIZE(key.len)) != FKV_OK) {
        return FKV_STR_NULL;
    }

    return (fkv_str_t) { refill->ikey.data,
                         fkv__key_encode_prefix(refill->ikey.data, refill->ns,
                                                key) };
}


static bool
table_wanted(const fkv__refill_t *refill, const fkv__table_info_t *info)
{
    return info->expiring > 0 && info->expire_at_max >= refill->after.at_ms
           && info->expire_at_min <= refill->due->bound.at_ms
           && info->version_min < refill->trailed;
}


/*
 * The first key at or behind the place that a wanted table may have; of tables
 * that begin behind it only, if the one there is damaged.  Empty: none.
 */
static fkv_str_t
refill_next(const fkv__refill_t *refill, const fkv__version_t *version,
    fkv_str_t at, bool beginning)
{
    fkv_str_t  next = FKV_STR_NULL;

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            const fkv__table_info_t  *info = &version->levels[level][i]->info;
            fkv_str_t                 from = fkv__buf_str(&info->smallest);

            if (!table_wanted(refill, info)
                || fkv__str_cmp(fkv__buf_str(&info->largest), at) < 0)
            {
                continue;
            }

            if (fkv__str_cmp(from, at) <= 0) {
                if (!beginning) {
                    return at;
                }

            } else if (next.len == 0 || fkv__str_cmp(from, next) < 0) {
                next = from;
            }
        }
    }

    return next;
}


/* Moves on to the next wanted table; false if there is none. */
static bool
refill_move(fkv__refill_t *refill, bool beginning)
{
    fkv__version_t  *version;
    fkv_str_t        at, next;
    int              rc;

    if (refill->ns >= FKV_NAMESPACES
        || fkv__helper_version(refill->helper, &version) != FKV_OK)
    {
        return false;
    }

    at = refill_at(refill);
    next = (at.len > 0) ? refill_next(refill, version, at, beginning)
                        : FKV_STR_NULL;

    if (next.len == 0) {
        rc = FKV_END;

    } else if (next.data == at.data) {
        rc = FKV_OK;

    } else {
        refill->key.len = 0;
        refill->passed = false;
        rc = fkv__buf_reserve(&refill->key, next.len);

        if (rc == FKV_OK) {
            rc = fkv__key_decode(next, &refill->ns, refill->key.data,
                                 &refill->key.len);
        }
    }

    fkv__version_unpin(version);

    return rc == FKV_OK;
}


static void
scan_ended(fkv__refill_t *refill, int rc)
{
    refill->scanning = false;

    if (refill->stale) {
        refill->stale = false;
        return;
    }

    if (rc == FKV_OK && refill->scan.complete) {
        next_namespace(refill);

    } else if (rc < 0) {
        refill->running = refill_move(refill, true);
    }

    /* FKV_GONE, FKV_CONFLICT: again, from where it is. */
}


static void
on_done(fkv_op_t *op)
{
    scan_ended(op->data, op->rc);
}


void
fkv__refill_step(fkv__refill_t *refill)
{
    int  rc;

    if (refill->scanning || !refill->running) {
        return;
    }

    if (refill->trailing) {
        refill_trail(refill);
        return;
    }

    if (!refill_move(refill, false)) {
        refill->running = false;
        return;
    }

    if (refill->ns == FKV_NAMESPACE_LIMITS) {
        next_namespace(refill);
        return;
    }

    refill->visible = fkv__visible(refill->twin);
    refill->scanning = true;
    refill->scan = (fkv_scan_t) {
        .op = { .on_done = on_done, .data = refill },
        .store = refill->twin,
        .ns = refill->ns,
        .start = fkv__buf_str(&refill->key),
        .after = refill->passed,
        .now_ms = refill->after.at_ms - (refill->after.at_ms > 0),
        .limit = SCAN_KEYS,
        .bytes_max = SCAN_BYTES,
        .on_entry = on_entry
    };

    rc = fkv_scan(&refill->scan);

    if (rc != FKV_AGAIN) {
        scan_ended(refill, rc);
    }
}
