/*
 * write.c - changes: first the databases that are cleared, then every key that
 * the transaction knows, for an update cannot be given more later.
 */

#include "commands/write.h"
#include "commands/element.h"
#include "commands/run.h"


static fkv__exec_t *
own_of(fkv_update_t *update)
{
    return fkv__container(update, fkv__exec_t, update);
}


/* What is committed, as decide() is told: it stays until decide() returns. */
static void
keys_known(fkv__exec_t *own)
{
    for (unsigned i = 0; i < own->keys; i++) {
        const fkv_change_t  *change = &own->changes[own->clears + i];
        fkv__txn_key_t      *key = &own->txn.keys[i];

        key->known = !change->blind;

        if (change->blind) {
            continue;
        }

        key->rc = change->exists ? FKV_OK : FKV_NOTFOUND;
        fkv__txn_committed(key, &change->current);
    }
}


bool
fkv__write_watches(fkv__exec_t *own)
{
    const fkv_exec_t  *exec = own->exec;

    for (unsigned i = 0; i < exec->watches_n; i++) {
        const fkv_watch_t     *watch = &exec->watches[i];
        const fkv__txn_key_t  *key;
        uint64_t               version;

        key = fkv__txn_find(&own->txn, watch->ns, watch->key);
        version = (key->rc == FKV_OK) ? key->value.version : 0;

        if (version != watch->version) {
            return false;
        }
    }

    return true;
}


static void
change_of(const fkv__txn_key_t *key, fkv_change_t *change)
{
    switch (key->wrote.what) {

    case FKV__WROTE_NOTHING:
        change->action = FKV_KEEP;
        return;

    case FKV__WROTE_DELETE:
        change->action = FKV_DELETE;
        return;

    case FKV__WROTE_PUT:
        change->action = FKV_PUT;
        change->value = key->wrote.data;
        change->expire_at = key->wrote.expire_at;
        change->type = key->wrote.type;
        change->encver = key->wrote.encver;
        change->stamp = key->wrote.stamp;
        return;

    case FKV__WROTE_MERGE:
        change->action = FKV_MERGE;
        change->value = key->wrote.data;
        change->type = key->wrote.type;
        change->encver = key->wrote.encver;
        change->stamp = 0;
        change->expire_at = 0;
        return;
    }

    fkv__unreachable();
}


/*
 * FKV_OK · FKV_GONE something was written that has no change: keys that the run
 * was the first to name, or a database that it was the first to clear
 * · FKV_ENOMEM
 */
static int
changes_fill(fkv__exec_t *own)
{
    fkv__txn_t  *txn = &own->txn;

    for (unsigned i = own->keys; i < txn->n; i++) {
        if (txn->keys[i].wrote.what != FKV__WROTE_NOTHING) {
            return FKV_GONE;
        }
    }

    if (txn->cleared & ~own->clearing) {
        return FKV_GONE;
    }

    for (unsigned i = 0; i < own->clears; i++) {
        fkv_change_t  *change = &own->changes[i];

        change->action = fkv__txn_cleared(txn, change->ns) ? FKV_DELETE
                                                           : FKV_KEEP;
    }

    for (unsigned i = 0; i < own->keys; i++) {
        change_of(&txn->keys[i], &own->changes[own->clears + i]);
    }

    return fkv__txn_elements_fill(txn, own->changes + own->clears);
}


/* FKV_OK · FKV_GONE more is asked for · FKV_PRECONDITION */
static int
run_over_known(fkv__exec_t *own)
{
    keys_known(own);

    if (!fkv__write_watches(own)) {
        return FKV_PRECONDITION;
    }

    return (fkv__run(own) == FKV_OK) ? changes_fill(own) : FKV_GONE;
}


/*
 * Are all keys that the run has seen as it has seen them?  With its version a
 * key's elements are the same, too.
 */
static bool
keys_unchanged(const fkv__exec_t *own)
{
    for (unsigned i = 0; i < own->keys; i++) {
        const fkv_change_t    *change = &own->changes[own->clears + i];
        const fkv__txn_key_t  *key = &own->txn.keys[i];

        if (change->blind) {
            continue;
        }

        if (change->exists != (key->rc == FKV_OK)
            || (change->exists
                && change->current.version != key->value.version))
        {
            return false;
        }
    }

    return true;
}


static int
decide(fkv_update_t *update)
{
    fkv__exec_t  *own = own_of(update);

    if (own->exec == NULL) {
        return FKV_ECANCELED;
    }

    /* Blind, or seen before: the changes are as they shall be. */
    if (own->checked) {
        own->result = keys_unchanged(own) ? FKV_OK : FKV_GONE;

    } else {
        own->result = own->blind ? FKV_OK : run_over_known(own);
    }

    return own->result;
}


static void
on_placed(fkv_update_t *update)
{
    fkv__exec_t  *own = own_of(update);

    /* Another one follows an update that has found out what it should read. */
    if (own->result != FKV_GONE) {
        fkv__own_placed(own, update->lsn);

    } else {
        own->behind = update->lsn;
        own->complete = false;
    }
}


static void
on_updated(fkv_op_t *op)
{
    fkv__exec_t  *own = op->data;

    own->updated = op->rc;
    fkv__own_child(own);
}


static int
changes_reserve(fkv__exec_t *own, unsigned n)
{
    fkv_change_t  *changes;

    if (n > FKV_BATCH_KEYS_MAX) {
        return FKV_ETOOBIG;
    }

    if (n <= own->changes_room) {
        return FKV_OK;
    }

    changes = fkv__zalloc(n * sizeof(*changes));
    if (changes == NULL) {
        return FKV_ENOMEM;
    }

    if (own->changes != &own->one_change) {
        fkv__free(own->changes);
    }

    own->changes = changes;
    own->changes_room = n;

    return FKV_OK;
}


/* The rest is decide()'s, or what no change of ours has: zero for ever. */
static void
change_init(fkv_change_t *change, unsigned ns, fkv_str_t key, bool blind,
    bool prefix, bool load)
{
    change->ns = ns;
    change->key = key;
    change->blind = blind;
    change->prefix = prefix;
    change->load = load;
    change->elements_n = 0;
    change->bare = !load;
}


static void
changes_init(fkv__exec_t *own)
{
    fkv_change_t  *change = own->changes;

    for (uint32_t left = own->clearing; left != 0; left &= left - 1) {
        change_init(change++, (unsigned) __builtin_ctz(left), FKV_STR_NULL,
                    true, true, false);
    }

    for (unsigned i = 0; i < own->keys; i++) {
        const fkv__txn_key_t  *key = &own->txn.keys[i];

        change_init(change++, key->ns, key->key, !key->wanted, false,
                    key->load && !own->checked);
        change[-1].bare = !key->load;
    }
}


/* No key that could be read, as yet. */
static int
run_over_nothing(fkv__exec_t *own)
{
    return (fkv__run(own) == FKV_OK) ? changes_fill(own) : FKV_GONE;
}


void
fkv__write_init(fkv__exec_t *own)
{
    own->update = (fkv_update_t) {
        .op = { .on_done = on_updated, .data = own },
        .decide = decide,
        .on_placed = on_placed
    };
}


int
fkv__write(fkv__exec_t *own)
{
    fkv_update_t  *update = &own->update;
    unsigned       n;
    int            rc;

    own->clearing |= own->txn.cleared;
    own->clears = (unsigned) __builtin_popcount(own->clearing);
    own->keys = own->txn.n;
    n = own->clears + own->keys;

    rc = changes_reserve(own, n);
    if (rc != FKV_OK) {
        return rc;
    }

    if (n == 0) {
        own->updated = run_over_nothing(own);
        return FKV_OK;
    }

    changes_init(own);

    if (own->blind || own->checked) {
        rc = changes_fill(own);         /* each has its change */
    }

    if (rc != FKV_OK) {
        return rc;
    }

    update->store = own->store;
    update->now_ms = own->txn.now_ms;
    update->changes = own->changes;
    update->n = n;

    rc = fkv_update(update);

    if (rc == FKV_AGAIN) {
        own->pending++;
        return FKV_AGAIN;
    }

    own->updated = rc;

    return FKV_OK;
}
