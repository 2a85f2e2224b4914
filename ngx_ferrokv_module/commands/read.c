/*
 * read.c - gets and looks, as many at once as there are.
 */

#include "commands/read.h"
#include "commands/rows.h"

#define TRIES_MAX  32


/* The read has ended; keep: its value is copied. */
static void
read_ended(fkv__exec_t *own, fkv__read_t *read, int rc, bool keep)
{
    fkv__txn_key_t     *key = &own->txn.keys[read->at];
    const fkv_value_t  *value = &read->get.value;

    own->gone |= (rc == FKV_GONE);
    key->rc = rc;
    key->known = true;

    if (rc == FKV_OK || rc == FKV_EMISSING) {
        fkv__txn_committed(key, value);     /* its type says what is missing */
    }

    read->open = true;

    if (keep || rc != FKV_OK) {
        read->open = false;

        if (rc == FKV_OK && value->data.data != NULL
            && fkv__memory_copy(&own->txn.kept, &key->value.data) != FKV_OK)
        {
            key->rc = FKV_ENOMEM;
        }

        fkv_get_done(&read->get);
    }
}


static void
on_get_done(fkv_op_t *op)
{
    fkv__read_t  *read = fkv__container(op, fkv__read_t, get.op);
    fkv__exec_t  *own = op->data;

    if (own->exec == NULL) {
        fkv_get_done(&read->get);

    } else {
        read_ended(own, read, op->rc, true);
    }

    fkv__own_child(own);
}


void
fkv__read_settle(fkv__exec_t *own, bool keep)
{
    for (unsigned i = 0; i < own->reads_n; i++) {
        fkv__read_t  *read = &own->reads[i];

        if (read->open && keep) {
            read_ended(own, read, FKV_OK, true);

        } else if (read->open) {
            fkv_get_done(&read->get);
            read->open = false;
        }
    }

    own->reads_n = 0;
}


void
fkv__read_init(fkv__exec_t *own, fkv__read_t *read)
{
    read->get = (fkv_get_t) {
        .op = { .on_done = on_get_done, .data = own },
        .head = true
    };
}


static int
reads_reserve(fkv__exec_t *own, unsigned n)
{
    fkv__read_t  *reads;

    if (n <= own->reads_room) {
        return FKV_OK;
    }

    reads = fkv__alloc(n * sizeof(*reads));
    if (reads == NULL) {
        return FKV_ENOMEM;
    }

    for (unsigned i = 0; i < n; i++) {
        fkv__read_init(own, &reads[i]);
    }

    if (own->reads != &own->one_read) {
        fkv__free(own->reads);
    }

    own->reads = reads;
    own->reads_room = n;

    return FKV_OK;
}


/* A transaction that writes, but not without having read before. */
static bool
reads_first(const fkv__exec_t *own)
{
    return own->txn.writes && own->txn.by_elements;
}


static void
key_read(fkv__exec_t *own, unsigned at)
{
    const fkv__txn_key_t  *key = &own->txn.keys[at];
    fkv__read_t           *read = &own->reads[own->reads_n++];
    fkv_get_t             *get = &read->get;
    int                    rc;

    read->at = at;
    read->open = false;

    get->store = own->store;
    get->ns = key->ns;
    get->key = key->key;
    get->now_ms = own->txn.now_ms;
    get->snapshot = own->snapshot;
    get->after = own->exec->after;
    get->load_max = key->load ? UINT64_MAX : 0;
    get->head = !key->load;
    get->quiet = key->quiet;

    rc = fkv_get(get);

    if (rc == FKV_AGAIN) {
        own->pending++;
        return;
    }

    /* What is still needed by an update must pin nothing while that waits. */
    read_ended(own, read, rc, reads_first(own));
}


static unsigned
keys_wanted(const fkv__txn_t *txn, unsigned *known)
{
    unsigned  n = 0;

    *known = 0;

    for (unsigned i = 0; i < txn->n; i++) {
        n += txn->keys[i].wanted && !txn->keys[i].known;
        *known += txn->keys[i].known;
    }

    return n;
}


/* Some that are wanted, as many as there is room for. */
static void
keys_read(fkv__exec_t *own)
{
    fkv__txn_t  *txn = &own->txn;

    for (unsigned i = 0; i < txn->n && own->reads_n < own->reads_room; i++) {
        if (txn->keys[i].wanted && !txn->keys[i].known) {
            key_read(own, i);
        }
    }
}


static void
on_look_done(fkv__look_t *look)
{
    fkv__exec_t  *own = look->data;

    own->gone |= (look->rc == FKV_GONE);
    fkv__own_child(own);
}


static bool
looks_wanted(const fkv__exec_t *own, fkv__look_e kind)
{
    for (fkv__look_t *look = own->txn.looks; look != NULL; look = look->next) {
        if (!look->begun && look->kind == kind) {
            return true;
        }
    }

    return false;
}


static void
looks_begin(fkv__exec_t *own)
{
    for (fkv__look_t *look = own->txn.looks; look != NULL; look = look->next) {
        if (look->begun) {
            continue;
        }

        look->on_done = on_look_done;
        look->data = own;

        if (fkv__look_begin(look, own->snapshot) == FKV_AGAIN) {
            own->pending++;

        } else {
            own->gone |= (look->rc == FKV_GONE);
        }
    }
}


static void
snapshot_take(fkv__exec_t *own)
{
    uint64_t  visible = fkv_visible(own->store);

    own->snapshot = fkv__max(visible, own->exec->after);
    own->gone = false;

    if (reads_first(own)) {
        own->snapshot = fkv__max(fkv_ready(own->store), own->snapshot);
    }

    if (own->snapshot > visible) {
        own->seen = own->snapshot;
    }

    fkv__txn_forget(&own->txn);
    fkv__look_forget(&own->txn);
    fkv__rows_forget(&own->txn);
}


/*
 * What this connection has written must be complete to be read, and visible to
 * be counted, for that is done by others.
 */
static int
read_await(fkv__exec_t *own)
{
    uint64_t  after = fkv__max(own->exec->after, own->behind);
    bool      count;
    int       rc;

    if (after == 0 || after <= fkv_visible(own->store)) {
        return FKV_OK;
    }

    count = looks_wanted(own, FKV__LOOK_COUNT);

    if (own->complete && !count) {
        return FKV_OK;
    }

    own->await = (fkv_await_t) {
        .op = { .on_done = fkv__own_awaited, .data = own },
        .store = own->store,
        .lsn = after,
        .complete = !count
    };

    own->complete = true;
    own->seen = after;
    rc = fkv_await(&own->await);
    own->pending += (rc == FKV_AGAIN);

    return rc;
}


/* What was found out was of different moments: all anew, at another one. */
static int
read_anew(fkv__exec_t *own)
{
    if (++own->tries > TRIES_MAX) {
        return FKV_CONFLICT;
    }

    fkv__read_settle(own, false);
    snapshot_take(own);

    return FKV_OK;
}


/*
 * One wave; FKV_OK there may be more · FKV_AGAIN it is in flight · FKV_END
 * nothing is left
 */
static int
read_some(fkv__exec_t *own)
{
    unsigned  known, n = keys_wanted(&own->txn, &known);
    bool      scans = looks_wanted(own, FKV__LOOK_SCAN);
    bool      counts = looks_wanted(own, FKV__LOOK_COUNT);

    bool      keys = !own->txn.writes || reads_first(own);  /* else the
                                                   update's affair */
    bool      first = own->txn.by_elements && own->snapshot == 0;

    if ((!keys || n == 0) && !scans && !counts && !first) {
        return FKV_END;
    }

    if (own->reads_n > 0) {
        fkv__read_settle(own, true);
    }

    if (first || (own->snapshot == 0 && (n + known > 1 || scans))) {
        snapshot_take(own);
        n = keys_wanted(&own->txn, &known);
    }

    n = keys ? n : 0;

    if (reads_reserve(own, fkv__min(n, FKV__READS_MAX)) != FKV_OK) {
        return FKV_ENOMEM;
    }

    if (n > 0) {
        keys_read(own);
    }

    looks_begin(own);

    if (own->pending == 0) {
        return (own->gone || n > FKV__READS_MAX) ? FKV_OK : FKV_END;
    }

    fkv__read_settle(own, true);

    /* What comes later may begin, but for a count, which others make. */
    if (!counts && !own->txn.writes) {
        fkv__own_placed(own, 0);
    }

    return FKV_AGAIN;
}


bool
fkv__read_wanted(const fkv__exec_t *own)
{
    unsigned  known;

    return keys_wanted(&own->txn, &known) > 0
           || looks_wanted(own, FKV__LOOK_SCAN)
           || looks_wanted(own, FKV__LOOK_COUNT);
}


int
fkv__read(fkv__exec_t *own)
{
    int  rc = own->awaited;

    while (rc == FKV_OK) {
        rc = own->gone ? read_anew(own) : FKV_OK;

        if (rc == FKV_OK) {
            rc = read_await(own);
        }

        if (rc == FKV_OK) {
            rc = read_some(own);
        }
    }

    return (rc == FKV_END) ? FKV_OK : rc;
}
