/*
 * update.c - read-modify-write: the life of every write.
 *
 *   START -> READ --miss--> LOOKUP          read all keys, decide
 *             |  ^------------' all are in
 *             |--conflict, latch, arena, pace: READ again
 *             |--large values to load or to write: READ again after it
 *             v
 *           frame.c: latch, check, reserve, link, fill, READY
 *             v                              (one turn, no wait between)
 *           WAIT until durable, or visible, or at once -> done
 */

#include "store/update.h"
#include "base/hash.h"
#include "format/log.h"
#include "shared/latch.h"
#include "store/blob_update.h"
#include "store/chain_update.h"
#include "store/frame.h"
#include "store/hook.h"
#include "store/read.h"
#include "store/reap.h"
#include "store/reserve.h"
#include "store/size.h"
#include "store/switch.h"

typedef enum {
    UPDATE_READ,
    UPDATE_LOOKUP,
    UPDATE_WAIT
} update_state_e;

#define TRIES_MAX       100
#define SPINS           1000
#define HELD_BYTES_MAX  (16 * 1024 * 1024)  /* of values read from tables */
#define LOOKUPS_MAX     32                  /* in flight at once */
#define FULL_US_MAX     (5 * 1000 * 1000)   /* for memory on a full disk */


static fkv__update_t *
own_new(fkv_t *store)
{
    fkv__update_t  *own;

    if (!fkv__list_empty(&store->updates_spare)) {
        own = fkv__container(store->updates_spare.next, fkv__update_t, link);
        fkv__list_remove(&own->link);

    } else {
        own = fkv__zalloc(sizeof(fkv__update_t));
    }

    if (own != NULL) {
        fkv__list_append(&store->updates, &own->link);
    }

    return own;
}


static void
own_free(fkv__update_t *own)
{
    fkv__list_remove(&own->link);
    fkv__buf_done(&own->bytes);
    fkv__buf_done(&own->elements);
    fkv__buf_done(&own->element_heads);
    fkv__buf_done(&own->element_key);

    if (own->keys != &own->one) {
        fkv__free(own->keys);
    }

    fkv__free(own->more);
    fkv__free(own);
}


static void
owns_free(fkv_link_t *owns)
{
    while (!fkv__list_empty(owns)) {
        own_free(fkv__container(owns->next, fkv__update_t, link));
    }
}


void
fkv__update_close(fkv_t *store)
{
    fkv__update_blobs_close(store);
    owns_free(&store->updates);
    owns_free(&store->updates_spare);
}


static void
lookups_done(fkv_update_t *u)
{
    for (unsigned i = 0; i < u->n; i++) {
        fkv__update_key_t  *key = &u->own->keys[i];

        if (key->looked) {
            fkv__lookup_done(&key->lookup);
            key->looked = false;
        }
    }
}


static size_t
own_bytes(const fkv__update_t *own)
{
    return own->bytes.cap + own->elements.cap + own->element_heads.cap
           + own->element_key.cap;
}


static fkv__turn_e
update_end(fkv_update_t *u, int rc)
{
    fkv__update_t  *own = u->own;

    lookups_done(u);
    fkv__update_blobs_done(u);
    fkv__chains_done(u);

    if (own->hooked) {
        fkv__hook_end(u, rc);
    }

    u->store->in_flight--;
    u->own = NULL;

    if (own->keys != &own->one || own_bytes(own) > FKV__UPDATE_SPARE_BYTES) {
        own_free(own);

    } else {
        own->bytes.len = 0;
        fkv__list_remove(&own->link);
        fkv__list_append(&u->store->updates_spare, &own->link);
    }

    return fkv__op_end(&u->op, rc);
}


/* Ends with rc once everything decide() saw is visible. */
static fkv__turn_e
update_answer(fkv_update_t *u, int rc, fkv__wait_e what, uint64_t lsn)
{
    fkv__update_t  *own = u->own;

    own->rc = rc;

    if (fkv__commit_reached(u->store, what, lsn)) {
        return update_end(u, rc);
    }

    own->wait.op = &u->op;
    own->wait.what = what;
    own->wait.lsn = lsn;
    u->op.state = UPDATE_WAIT;

    fkv__commit_wait(u->store, &own->wait);

    return FKV__TURN_WAIT;
}


/* From here on it only waits; who is to be told is told by update_step(). */
static void
update_placed(fkv_update_t *u, uint64_t lsn)
{
    u->placed = true;
    u->lsn = lsn;
}


/* Nothing is written: what decide() saw may be waited for. */
static fkv__turn_e
update_unwritten(fkv_update_t *u, int rc)
{
    update_placed(u, u->own->depends);

    if (u->store->options.sync == FKV_SYNC_ALWAYS
        && (u->sync == FKV_SYNC_EVERYSEC || u->sync == FKV_SYNC_OFF))
    {
        return update_end(u, rc);           /* less was asked for */
    }

    return update_answer(u, rc, FKV__WAIT_VISIBLE, u->own->depends);
}


static fkv__turn_e
update_waited(fkv_update_t *u)
{
    fkv__wait_t  *wait = &u->own->wait;

    /* Woken early only because the store became read-only. */
    if (!fkv__commit_reached(u->store, wait->what, wait->lsn)) {
        return update_end(u, FKV_EREADONLY);
    }

    return update_end(u, u->own->rc);
}


/* Waits a moment for another process that is copying a value just now. */
static bool
frame_settles(const fkv__memtable_t *mt, uint32_t frame)
{
    const uint32_t  *state = (const uint32_t *) (const void *)
                             (mt->mem + frame);

    for (unsigned i = 0; i < SPINS; i++) {
        if (__atomic_load_n(state, __ATOMIC_ACQUIRE) != FKV__FRAME_RESERVED) {
            return true;
        }

        fkv__cpu_relax();
    }

    return false;
}


/*
 * Reads what is newest of one key.
 * FKV_OK, perhaps with a large value in flight · FKV_AGAIN its frame is not
 * complete yet · FKV_NOTFOUND the tables must be asked · FKV_ECORRUPT
 * · FKV_EIO · FKV_ENOMEM
 */
static int
key_read(fkv_update_t *u, unsigned i, uint64_t set)
{
    int                   rc;
    bool                  found = false, memory;
    fkv__record_t         rec;
    fkv_change_t         *change = &u->changes[i];
    fkv__update_key_t    *key = &u->own->keys[i];
    fkv__memtable_t       mt;
    fkv__memtable_pos_t   pos;

    key->seen = 0;
    key->read = false;
    key->chained = false;
    change->exists = false;
    memset(&change->current, 0, sizeof(change->current));

    if (fkv__read_memtables(u->store, set, key->ikey, key->hash, UINT64_MAX,
                            0, &mt, &pos, NULL))
    {
        if (!pos.ready && !frame_settles(&mt, pos.frame)) {
            return FKV_AGAIN;
        }

        if (!pos.ready) {
            return key_read(u, i, set);     /* complete or void by now */
        }

        found = true;
    }

    memory = (found && !fkv__update_gone(key, pos.version));

    if (memory) {
        rc = fkv__memtable_record(&mt, pos.entry, &rec);

    } else if (!key->looked || key->read_at < fkv__read_oldest(u->store, set)) {
        return FKV_NOTFOUND;

    } else {
        rc = key->lookup.rc;
        rec = key->lookup.rec;
    }

    if (memory ? rc == FKV_OK && rec.kind == FKV__RECORD_MERGE
               : fkv__operands_n(&key->lookup.ops) > 0)
    {
        rc = fkv__chain_read(u, i, set, memory, &rec);

        if (rc == FKV_OK) {
            key->read = true;
            return fkv__chain_current(u, i);
        }

        if (rc != FKV_END) {
            return rc;
        }

        rc = key->lookup.rc;
    }

    key->read = (rc == FKV_OK || rc == FKV_NOTFOUND);

    if (rc == FKV_NOTFOUND) {
        return FKV_OK;
    }

    if (rc != FKV_OK) {
        return rc;
    }

    key->seen = rec.version;
    rc = fkv__read_value(&rec, fkv__max(u->now_ms, u->own->now_ms),
                         &change->current);
    change->exists = (rc == FKV_OK);

    if (rc == FKV_OK && rec.kind == FKV__RECORD_BLOB) {
        rc = fkv__update_load(u, i, &rec);

        if (rc == FKV_GONE) {
            return FKV_NOTFOUND;
        }

        change->exists = (rc == FKV_OK);
    }

    return (rc == FKV_NOTFOUND) ? FKV_OK : rc;
}


/* Asks the tables; the answer is in, or own->looking counts it. */
static void
key_lookup(fkv_update_t *u, unsigned i, uint64_t set)
{
    fkv__update_key_t  *key = &u->own->keys[i];

    if (key->looked) {
        fkv__lookup_done(&key->lookup);
    }

    memset(&key->lookup, 0, sizeof(key->lookup));
    key->lookup.store = u->store;
    key->lookup.op = &u->op;
    key->lookup.ikey = key->ikey;
    key->lookup.hash = key->hash;
    key->lookup.below = UINT64_MAX;
    key->lookup.whole = true;

    key->tables_at = fkv__read_oldest(u->store, set);
    key->looked = true;

    /* What lies above a chain's rest in memory must be there still. */

    key->read_at = (key->chain != NULL) ? key->tables_at : u->own->began_at;

    key->lookup.rc = fkv__lookup_start(&key->lookup);
    u->own->looking += (key->lookup.rc == FKV_AGAIN);
}


/* How many lookups at once: what they bring is held. */
static unsigned
lookups_max(const fkv_t *store, bool load)
{
    const fkv_options_t  *opt = &store->options;
    uint64_t              bytes = fkv__min(opt->value_max, opt->blob_min);
    uint64_t              n = HELD_BYTES_MAX / (load ? opt->value_max : bytes);

    return (unsigned) fkv__max(fkv__min(n, LOOKUPS_MAX), 1);
}


/*
 * Reads a key, from the tables if need be; a lookup that is in flight counts
 * as read.  FKV_OK · FKV_AGAIN its frame is not complete yet · failure
 */
static int
key_read_or_look(fkv_update_t *u, unsigned i, uint64_t set)
{
    fkv__update_t  *own = u->own;
    int             rc = key_read(u, i, set);

    if (rc != FKV_NOTFOUND) {
        return rc;
    }

    key_lookup(u, i, set);

    return (own->keys[i].lookup.rc == FKV_AGAIN) ? FKV_OK
                                                 : key_read(u, i, set);
}


/* Where size is bounded it matters what a blind write replaces. */
static bool
key_is_read(const fkv_update_t *u, unsigned i)
{
    const fkv_change_t  *change = &u->changes[i];

    return !change->prefix
           && (!change->blind || u->own->keys[i].folds
               || (change->action != FKV_MERGE
                   && fkv__size_bounded(u->store, change->ns)));
}


/*
 * FKV_OK all keys are read, or in flight · FKV_AGAIN a frame is not complete
 * yet · failure
 */
static int
keys_read_all(fkv_update_t *u, uint64_t set)
{
    size_t          held = 0;
    fkv__update_t  *own = u->own;

    own->depends = 0;

    for (unsigned i = 0; i < u->n; i++) {
        const fkv_change_t  *change = &u->changes[i];
        int                  rc;

        if (!key_is_read(u, i)) {
            continue;
        }

        if (own->looking >= lookups_max(u->store, change->load)) {
            break;
        }

        rc = key_read_or_look(u, i, set);

        if (change->blind && rc != FKV_AGAIN) {
            continue;                       /* good to know, no more */
        }

        if (rc != FKV_OK) {
            return rc;
        }

        if (own->keys[i].seen != 0) {
            own->depends = fkv__max(own->depends, own->keys[i].seen + 1);
        }

        held += (own->keys[i].looked || change->load)
                ? change->current.data.len : 0;

        if (held > HELD_BYTES_MAX + u->store->options.value_max) {
            return FKV_ETOOBIG;
        }
    }

    return FKV_OK;
}


/*
 * FKV_OK all keys are read · FKV_AGAIN the op waits · failure.  With lookups
 * in flight nothing else is waited for and nothing ends: they run the op.
 */
static int
keys_read(fkv_update_t *u, uint64_t set)
{
    int  rc = keys_read_all(u, set);

    if (u->own->looking > 0) {
        u->op.state = UPDATE_LOOKUP;
        return FKV_AGAIN;
    }

    if (rc == FKV_AGAIN) {
        fkv__retry(u->store, &u->op, true);
    }

    return rc;
}


/* After the frame is READY: what must be waited for before the answer? */
static fkv__turn_e
update_written(fkv_update_t *u, uint64_t end)
{
    fkv_t       *store = u->store;
    fkv_sync_e   sync = u->sync;

    if (sync == FKV_SYNC_DEFAULT) {
        sync = store->options.sync;
    }

    update_placed(u, end);
    fkv__want_turn(store);

    if (sync == FKV_SYNC_ALWAYS) {
        return update_answer(u, FKV_OK, FKV__WAIT_DURABLE, end);
    }

    if (store->options.sync == FKV_SYNC_ALWAYS) {
        return update_end(u, FKV_OK);       /* less was asked for */
    }

    (void) fkv__commit_advance(store);

    return update_answer(u, FKV_OK, FKV__WAIT_VISIBLE, end);
}


/* What was read is not what is there now: read again. */
static fkv__turn_e
update_conflict(fkv_update_t *u)
{
    fkv__count(u->store, conflicts, 1);

    if (++u->own->tries >= TRIES_MAX) {
        return update_end(u, FKV_CONFLICT);
    }

    return fkv__op_enter(&u->op, UPDATE_READ);
}


static fkv__turn_e
update_write(fkv_update_t *u)
{
    fkv_t     *store = u->store;
    uint64_t   end = 0;

    switch (fkv__frame_write(u, &end)) {

    case FKV_OK:
        fkv__pace_done(store, &u->own->pace);
        return update_written(u, end);

    case FKV_CONFLICT:
        return update_conflict(u);

    case FKV_EBUSY:
        fkv__count(store, wait_latch, 1);
        (void) fkv__reap(store, u->own->blocker);
        break;

    case FKV_EFULL:
        if (fkv__switch_arena(store) == FKV_OK) {
            return fkv__op_enter(&u->op, UPDATE_READ);
        }

        fkv__count(store, wait_arena, 1);
        fkv__pace_stalled(&u->own->pace);

        /* Deletes are let through a full disk, but do not wait for ever. */

        if (fkv__reserve_given(store)
            && fkv__monotonic_us() - u->own->pace.since_us > FULL_US_MAX)
        {
            return update_end(u, FKV_EFULL);
        }

        fkv__retry_arena(store, &u->op);
        u->op.state = UPDATE_READ;
        return FKV__TURN_WAIT;

    default:
        fkv__unreachable();
    }

    u->op.state = UPDATE_READ;
    fkv__retry(store, &u->op, true);

    return FKV__TURN_WAIT;
}


/*
 * A full disk takes no more values, a full store none that add; deletes are
 * let through.
 */
static int
write_allowed(fkv_update_t *u)
{
    const fkv__state_shm_t  *state = &u->store->seg->state;

    if (__atomic_load_n(&state->readonly, __ATOMIC_ACQUIRE)) {
        return FKV_EREADONLY;
    }

    if (!fkv__reserve_given(u->store)) {
        return fkv__size_admit(u);
    }

    for (unsigned i = 0; i < u->n; i++) {
        if (u->changes[i].action == FKV_PUT) {
            return FKV_EFULL;
        }
    }

    return FKV_OK;
}


/* FKV_OK · FKV_AGAIN the op waits · failure */
static int
update_blobs(fkv_update_t *u)
{
    int  rc = fkv__update_write_blobs(u);

    u->op.state = UPDATE_READ;

    if (rc == FKV_EBUSY) {
        fkv__retry(u->store, &u->op, false);
        return FKV_AGAIN;
    }

    return rc;
}


/* Eviction makes room; a moment later all is read again. */
static fkv__turn_e
update_parks(fkv_update_t *u)
{
    fkv__count(u->store, wait_evict, u->own->parks == 0);
    u->own->parks++;
    fkv__pace_stalled(&u->own->pace);
    u->op.state = UPDATE_READ;
    fkv__retry(u->store, &u->op, false);

    return FKV__TURN_WAIT;
}


/* What the hook has changed is undone: it is asked again. */
static int
update_decide(fkv_update_t *u)
{
    int  rc = FKV_OK;

    if (u->own->hooked) {
        fkv__hook_undo(u);
    }

    if (u->decide != NULL) {
        rc = u->decide(u);
    }

    if (rc == FKV_OK && u->store->hooks != NULL) {
        rc = fkv__hook_write(u);
    }

    return rc;
}


/*
 * Read, decide, write.
 *
 * began_at is taken before the set.  What was visible then is in the set's
 * memtables or in announced tables, so the reads below meet it.  What comes
 * later has an LSN from began_at on, and keys_unchanged() meets it in a
 * memtable, or sees that the oldest memtable begins behind began_at.
 */
static fkv__turn_e
update_attempt(fkv_update_t *u)
{
    int       rc;
    uint64_t  set;

    u->own->began_at = fkv__visible(u->store);
    set = fkv__pin(u->store);

    if (u->own->began_at < fkv__read_oldest(u->store, set)) {
        return FKV__TURN_NEXT;              /* the set shrank between the two */
    }

    rc = keys_read(u, set);

    if (rc == FKV_AGAIN) {
        return FKV__TURN_WAIT;
    }

    if (rc != FKV_OK) {
        return update_end(u, rc);
    }

    rc = update_decide(u);

    if (rc == FKV_OK && u->store->merge != NULL && fkv__chain_reads(u, set)) {
        return fkv__op_enter(&u->op, UPDATE_READ);
    }

    if (rc == FKV_OK && u->store->merge != NULL
        && u->store->merge->fits != NULL && !fkv__chain_fits(u, set))
    {
        rc = FKV_WRONGTYPE;
    }

    if (rc == FKV_OK) {
        rc = update_blobs(u);

        if (rc == FKV_AGAIN) {
            return FKV__TURN_WAIT;
        }
    }

    if (rc == FKV_OK) {
        rc = fkv__frame_encode(u);
    }

    if (rc < 0) {
        return update_answer(u, rc, FKV__WAIT_VISIBLE, u->own->depends);
    }

    if (rc != FKV_OK || u->own->frame_bytes == 0) {
        if (!fkv__frame_check(u)) {
            return update_conflict(u);
        }

        return update_unwritten(u, rc);
    }

    rc = write_allowed(u);

    if (rc == FKV_AGAIN) {
        return update_parks(u);
    }

    if (rc != FKV_OK) {
        return update_end(u, rc);
    }

    if (!fkv__pace_admit(u->store, &u->own->pace, &u->op,
                         u->own->frame_bytes))
    {
        u->op.state = UPDATE_READ;
        return FKV__TURN_WAIT;
    }

    return update_write(u);
}


static fkv__turn_e
update_step(fkv_op_t *op)
{
    fkv_update_t  *u = fkv__container(op, fkv_update_t, op);
    fkv_t         *store = u->store;
    fkv__turn_e    turn;

    switch ((update_state_e) op->state) {

    case UPDATE_LOOKUP:
        if (--u->own->looking > 0) {
            return FKV__TURN_WAIT;
        }

        return fkv__op_enter(op, UPDATE_READ);

    case UPDATE_READ:
        turn = update_attempt(u);
        fkv__unpin(store);

        /* Once: it does not come back to this state. */
        if (u->placed && u->on_placed != NULL) {
            u->on_placed(u);
        }

        return turn;

    case UPDATE_WAIT:
        return update_waited(u);
    }

    fkv__unreachable();
}


/* Bytes that the changes may need in own->bytes; 0: they are not valid. */
static size_t
update_bytes(const fkv_update_t *u)
{
    size_t  bytes = 0;

    for (unsigned i = 0; i < u->n; i++) {
        const fkv_change_t  *change = &u->changes[i];

        if ((change->key.len == 0 && !change->prefix)
            || change->key.len > FKV_KEY_BYTES_MAX
            || change->ns >= FKV_NAMESPACES)
        {
            return 0;
        }

        /* Room for the internal keys and, later, for the record's head. */
        bytes += (2 << change->prefix) * FKV__KEY_SIZE(change->key.len)
                 + FKV__RECORD_HEAD_MAX + FKV__UPDATE_META_MAX;
    }

    return bytes;
}


static void
key_encode(const fkv_change_t *change, fkv__update_key_t *key,
    fkv__buf_t *bytes)
{
    uint8_t  *at = bytes->data + bytes->len;

    key->looked = false;
    key->read = false;
    key->ikey.data = at;
    key->end = FKV_STR_NULL;

    if (!change->prefix) {
        key->ikey.len = fkv__key_encode(at, change->ns, change->key);

    } else {
        key->ikey.len = fkv__key_encode_prefix(at, change->ns, change->key);
        key->end.data = at + key->ikey.len;
        key->end.len = fkv__key_encode_prefix_end(at + key->ikey.len,
                                                  change->ns, change->key);
    }

    bytes->len += key->ikey.len + key->end.len;
    key->hash = fkv__hash(key->ikey);
}


/* Keys, hashes and stripes: what does not change from try to try. */
static int
update_init(fkv_update_t *u)
{
    fkv__update_t  *own = u->own;
    size_t          bytes = update_bytes(u);

    if (bytes == 0) {
        return FKV_EINVAL;
    }

    if (fkv__buf_reserve(&own->bytes, bytes) != FKV_OK) {
        return FKV_ENOMEM;
    }

    for (unsigned i = 0; i < u->n; i++) {
        key_encode(&u->changes[i], &own->keys[i], &own->bytes);
        own->stripes[i] = fkv__latch_stripe(own->keys[i].hash);
        u->changes[i].version = 0;
        own->keys[i].blob = NULL;
        own->keys[i].chain = NULL;
        own->keys[i].folds = false;
        own->keys[i].chained = false;
        own->keys[i].folded = false;
    }

    own->keys_bytes = own->bytes.len;
    own->n_stripes = fkv__latch_sort(own->stripes, u->n);

    return FKV_OK;
}


static int
own_prepare(fkv_update_t *u)
{
    fkv__update_t  *own = own_new(u->store);
    size_t          bytes = sizeof(fkv__update_key_t) + sizeof(uint32_t);

    if (own == NULL) {
        return FKV_ENOMEM;
    }

    own->tries = 0;
    own->now_ms = 0;
    own->parks = 0;
    own->looking = 0;
    own->pace = (fkv__pace_t) { .since_us = 0 };
    own->blobs_n = 0;
    own->blobs_rc = FKV_OK;
    own->bytes.len = 0;
    own->n = u->n;
    own->hooked = false;
    own->more = NULL;
    own->refused = false;
    own->keys = &own->one;
    own->stripes = &own->one_stripe;
    u->own = own;

    if (u->n > 1) {
        own->keys = fkv__zalloc(u->n * bytes);

        if (own->keys == NULL) {
            own->keys = &own->one;
            return FKV_ENOMEM;
        }

        own->stripes = (uint32_t *) (void *) (own->keys + u->n);
    }

    return update_init(u);
}


int
fkv_update(fkv_update_t *u)
{
    int  rc;

    if (u->n == 0 || u->n > FKV_BATCH_KEYS_MAX) {
        return FKV_EINVAL;
    }

    if (__atomic_load_n(&u->store->seg->state.readonly, __ATOMIC_ACQUIRE)) {
        return FKV_EREADONLY;
    }

    u->own = NULL;
    u->placed = false;
    u->more_n = 0;
    u->refusal = FKV_STR_NULL;
    rc = own_prepare(u);

    if (rc != FKV_OK) {
        if (u->own != NULL) {
            own_free(u->own);
            u->own = NULL;
        }

        return rc;
    }

    u->store->in_flight++;

    return fkv__op_start(&u->op, "update", update_step, UPDATE_READ);
}
