/*
 * scan.c - the operation around a walk: its snapshot, its turns, its bounds.
 *
 *     WALK: pin the memtables, go on with the walk for one turn, unpin
 *       |-- a block, or the manifest, must be read --> WALK
 *       |-- the turn is used up: yield             --> WALK
 *       '-- end
 *
 * The snapshot is held (hold.h), so no version that it sees is dropped, in
 * whatever file it is.
 */

#include "store/scan.h"

#include "base/hash.h"
#include "store/read.h"

#define TURN_STEPS      256
#define TURN_BYTES      (64 * 1024)

typedef enum {
    SCAN_WALK
} scan_state_e;


static void
fold_done(fkv__scan_t *own)
{
    if (own->folded != 0) {
        own->folded = 0;
        fkv_get_done(&own->get);
    }
}


static void
scan_free(fkv__scan_t *own)
{
    fkv__hold_drop(own->walk.store, &own->hold);
    fkv__walk_done(&own->walk);
    fkv__blob_fetch_done(&own->fetch);
    fold_done(own);
    fkv__buf_done(&own->key);
    fkv__list_remove(&own->link);
    fkv__free(own);
}


/* Others may go on where this scan ends, at its snapshot. */
static int
scan_lease(fkv_scan_t *scan)
{
    fkv_t     *store = scan->store;
    uint64_t   left_ms;

    if (scan->complete) {
        return FKV_OK;
    }

    if (scan->lease.id != 0) {
        return fkv_snapshot_renew(store, &scan->lease, scan->lease_ms, false,
                                  &left_ms);
    }

    return fkv__hold_lease(store, &scan->own->hold, true, scan->lease_ms,
                           scan->nonce, &scan->lease);
}


static fkv__turn_e
scan_end(fkv_scan_t *scan, int rc)
{
    if (rc == FKV_OK && scan->lease_ms != 0) {
        rc = scan_lease(scan);
    }

    scan_free(scan->own);
    scan->own = NULL;

    scan->store->in_flight--;

    return fkv__op_end(&scan->op, rc);
}


/* Makes the entry's key; FKV_OK · FKV_ECORRUPT · FKV_ENOMEM */
static int
scan_decode(fkv__scan_t *own, fkv_str_t ikey, fkv_str_t *key)
{
    unsigned  ns;
    int       rc;

    if (own->space.stamp != 0) {
        *key = fkv__str_from(ikey, own->group);
        return FKV_OK;
    }

    if (fkv__buf_reserve(&own->key, ikey.len) != FKV_OK) {
        return FKV_ENOMEM;
    }

    rc = fkv__key_decode(ikey, &ns, own->key.data, &key->len);
    key->data = own->key.data;

    return rc;
}


static fkv__turn_e
scan_damaged(fkv_scan_t *scan, const fkv__record_t *rec, int rc)
{
    if (rc == FKV_ECORRUPT) {
        fkv__count(scan->store, errors_corrupt, 1);
        fkv__log(scan->store->log, FKV_LOG_ALERT, "the record of version %llu "
                 "makes no sense, the scan that met it answers an error",
                 (unsigned long long) rec->version);
    }

    return scan_end(scan, rc);
}


/* An entry for the caller.  NEXT if the walk may go on. */
static fkv__turn_e
scan_give(fkv_scan_t *scan, const fkv__record_t *rec, const fkv_value_t *value)
{
    fkv__scan_t  *own = scan->own;
    fkv_str_t     key;
    size_t        bytes;
    int           rc;

    /* Now it is known that there is more. */
    if (scan->limit != 0 && own->entries == scan->limit) {
        return scan_end(scan, FKV_OK);
    }

    rc = scan_decode(own, rec->key, &key);
    if (rc != FKV_OK) {
        return scan_damaged(scan, rec, rc);
    }

    bytes = own->bytes + key.len + value->data.len;

    /* At least one, else a caller that goes on from here never would. */
    if (scan->bytes_max != 0 && own->entries > 0 && bytes > scan->bytes_max) {
        return scan_end(scan, FKV_OK);
    }

    scan->seek.len = 0;

    rc = scan->on_entry(scan, key, value);
    FKV_ASSERT(rc != FKV_AGAIN);

    if (rc != FKV_OK) {
        return scan_end(scan, rc);
    }

    own->bytes = bytes;
    own->entries++;

    return FKV__TURN_NEXT;
}


/*
 * Loads a large value that is wanted.  While it is waited for, the walk stays
 * where it is and finds the record again, perhaps with a new place.
 * FKV_OK · FKV_AGAIN · FKV_GONE look again · failure
 */
static int
scan_load(fkv_scan_t *scan, const fkv__record_t *rec, fkv_value_t *value)
{
    fkv__scan_t      *own = scan->own;
    fkv__blob_ref_t   ref = own->fetch.ref, now;

    if (rec->kind != FKV__RECORD_BLOB || value->size > scan->load_max) {
        return FKV_OK;
    }

    (void) fkv__blob_ref_get(rec->value, &now);     /* has been looked at */

    if (own->fetched == rec->version && own->fetch.rc == FKV_GONE
        && memcmp(&now, &ref, sizeof(ref)) == 0)
    {
        return fkv__blob_missing(scan->store, &ref, rec->expire_at);
    }

    if (own->fetched != rec->version || own->fetch.rc == FKV_GONE) {
        fkv__blob_fetch_done(&own->fetch);

        own->fetched = rec->version;
        own->fetch.op = &scan->op;

        (void) fkv__blob_fetch(&own->fetch, scan->store, rec,
                               fkv__hash(rec->key), true);
    }

    if (own->fetch.rc == FKV_OK) {
        value->data.data = own->fetch.data;
        value->data.len = value->size;
    }

    return own->fetch.rc;
}


static void
on_folded(fkv_op_t *op)
{
    fkv__scan_t  *own = op->data;

    own->fold_rc = op->rc;
    fkv__op_run(&own->scan->op);
}


/*
 * An operand: what its chain makes is read at the walk's snapshot, which is
 * held.  What no operator puts together is given without its bytes.
 * FKV_OK · FKV_NOTFOUND · FKV_AGAIN · failure
 */
static int
scan_fold(fkv_scan_t *scan, const fkv__record_t *rec, fkv_value_t *value)
{
    fkv__scan_t  *own = scan->own;
    fkv_str_t     key;
    int           rc;

    if (own->folded != rec->version) {
        fold_done(own);
        rc = scan_decode(own, rec->key, &key);

        if (rc != FKV_OK) {
            return rc;
        }

        own->folded = rec->version;
        own->get = (fkv_get_t) {
            .store = scan->store, .ns = scan->ns, .key = key,
            .now_ms = scan->now_ms, .snapshot = own->walk.snapshot,
            .held = true, .head = true, .quiet = true,
            .op = { .on_done = on_folded, .data = own }
        };

        own->fold_rc = fkv_get(&own->get);
    }

    *value = own->get.value;

    return own->fold_rc;
}


/* On behind the key, or, if it was given out, to where on_entry wants to go. */
static fkv__turn_e
scan_pass(fkv_scan_t *scan, fkv_str_t ikey, bool given)
{
    fkv__walk_t  *walk = &scan->own->walk;
    int           rc = fkv__walk_pass(walk, ikey);

    if (rc == FKV_OK && given && scan->seek.len > 0) {
        rc = fkv__walk_seek(walk, &scan->own->space, scan->seek);
    }

    return (rc == FKV_OK) ? FKV__TURN_NEXT : scan_end(scan, rc);
}


/* value is NULL: the key does not exist.  NEXT if the walk may go on. */
static fkv__turn_e
scan_entry(fkv_scan_t *scan, const fkv__record_t *rec,
    const fkv_value_t *value)
{
    if (value != NULL && scan_give(scan, rec, value) != FKV__TURN_NEXT) {
        return FKV__TURN_DONE;
    }

    if (value != NULL) {
        fkv__walk_live(&scan->own->walk);

    } else {
        fkv__walk_dead(&scan->own->walk);
    }

    return scan_pass(scan, rec->key, value != NULL);
}


/* A key whose newest version is an operand. */
static fkv__turn_e
scan_chain(fkv_scan_t *scan, const fkv__record_t *rec)
{
    fkv_value_t  value;
    fkv__turn_e  turn;
    int          rc = scan_fold(scan, rec, &value);

    if (rc == FKV_AGAIN) {
        return FKV__TURN_WAIT;
    }

    if (rc != FKV_OK && rc != FKV_NOTFOUND) {
        return scan_end(scan, rc);
    }

    turn = scan_entry(scan, rec, (rc == FKV_OK) ? &value : NULL);

    if (turn != FKV__TURN_DONE) {
        fold_done(scan->own);
    }

    return turn;
}


/* A key with a version to see.  NEXT if the walk may go on. */
static fkv__turn_e
scan_key(fkv_scan_t *scan, const fkv__record_t *rec)
{
    fkv_value_t   value;
    int           rc;

    if (rec->kind == FKV__RECORD_MERGE) {
        return scan_chain(scan, rec);
    }

    rc = fkv__read_value(rec, scan->now_ms, &value);

    if (rc < 0) {
        return scan_damaged(scan, rec, rc);
    }

    if (rc == FKV_OK) {
        rc = scan_load(scan, rec, &value);

        if (rc == FKV_AGAIN) {
            return FKV__TURN_WAIT;
        }

        if (rc == FKV_GONE) {
            fkv__yield(scan->store, &scan->op);
            return FKV__TURN_WAIT;
        }

        if (rc < 0) {
            return scan_end(scan, rc);
        }
    }

    return scan_entry(scan, rec, (rc == FKV_OK) ? &value : NULL);
}


/* What the walk has answered.  NEXT if it may go on. */
static fkv__turn_e
scan_answer(fkv_scan_t *scan, int rc, const fkv__record_t *rec)
{
    switch (rc) {

    case FKV_OK:
        return scan_key(scan, rec);

    case FKV_NOTFOUND:
        return FKV__TURN_NEXT;

    case FKV_AGAIN:
        return FKV__TURN_WAIT;

    case FKV_END:
        scan->complete = true;
        return scan_end(scan, FKV_OK);
    }

    return scan_end(scan, rc);
}


static fkv__turn_e
scan_turn(fkv_scan_t *scan, uint64_t set)
{
    fkv__scan_t    *own = scan->own;
    size_t          bytes_max = own->bytes + TURN_BYTES;
    fkv__record_t   rec;
    fkv__turn_e     turn;
    int             rc;

    rc = fkv__walk_hold(&own->walk, set);

    if (rc != FKV_OK) {
        return (rc == FKV_AGAIN) ? FKV__TURN_WAIT : scan_end(scan, rc);
    }

    for (unsigned i = 0; i < TURN_STEPS && own->bytes < bytes_max; i++) {
        rc = fkv__walk_step(&own->walk, &rec);

        if (rc == FKV_GONE) {
            return FKV__TURN_NEXT;
        }

        turn = scan_answer(scan, rc, &rec);

        if (turn != FKV__TURN_NEXT) {
            return turn;
        }
    }

    fkv__yield(scan->store, &scan->op);

    return FKV__TURN_WAIT;
}


static fkv__turn_e
scan_walk(fkv_scan_t *scan)
{
    fkv_t        *store = scan->store;
    uint64_t      set;
    fkv__turn_e   turn;

    if (scan->own->folded != 0 && scan->own->fold_rc == FKV_AGAIN) {
        return FKV__TURN_WAIT;              /* somebody else woke us */
    }

    set = fkv__pin(store);
    turn = scan_turn(scan, set);
    fkv__unpin(store);

    return turn;
}


static fkv__turn_e
scan_step(fkv_op_t *op)
{
    fkv_scan_t  *scan = fkv__container(op, fkv_scan_t, op);

    switch ((scan_state_e) op->state) {
    case SCAN_WALK:  return scan_walk(scan);
    }

    fkv__unreachable();
}


int
fkv_scan(fkv_scan_t *scan)
{
    fkv_t        *store = scan->store;
    fkv__scan_t  *own;
    int           rc;

    fkv__count(store, scans, 1);
    scan->complete = false;

    if (scan->stamp != 0 && scan->ns >= FKV_NAMESPACE_USERS) {
        return FKV_EINVAL;
    }

    own = fkv__zalloc(sizeof(*own));
    scan->own = own;

    if (own == NULL) {
        return FKV_ENOMEM;
    }

    own->scan = scan;
    fkv__list_append(&store->tables->scans, &own->link);
    fkv__walk_init(&own->walk, store, &scan->op);

    own->space = (fkv__space_t) { scan->ns, scan->key, scan->stamp };
    rc = fkv__walk_range(&own->walk, &own->space, scan->prefix, scan->start,
                         scan->after, scan->end);
    own->group = own->walk.prefix.len - scan->prefix.len;

    if (rc == FKV_OK) {
        rc = fkv__hold_take(store, &own->hold, scan->snapshot, &scan->lease);
        own->walk.snapshot = own->hold.lsn;
    }

    store->in_flight++;

    if (rc != FKV_OK) {
        (void) scan_end(scan, rc);
        return rc;
    }

    return fkv__op_start(&scan->op, "scan", scan_step, SCAN_WALK);
}


void
fkv__scan_close(fkv_t *store)
{
    fkv_link_t  *scans = &store->tables->scans;

    while (!fkv__list_empty(scans)) {
        scan_free(fkv__container(scans->next, fkv__scan_t, link));
    }
}
