/*
 * look.c - scans and counts, and what the transaction itself has written among
 * the keys that they have met.
 */

#include "commands/look.h"
#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES  4           /* of a key that is kept */


static void
look_ended(fkv__look_t *look, int rc)
{
    look->done = true;
    look->rc = rc;
}


static int
key_keep(fkv__look_t *look, fkv_str_t key)
{
    fkv__buf_t  *keys = &look->keys;
    int          rc = fkv__memory_count(&look->call.txn->kept,
                                        HEAD_BYTES + key.len);

    if (rc != FKV_OK || fkv__buf_reserve(keys, HEAD_BYTES + key.len) != FKV_OK)
    {
        return (rc != FKV_OK) ? rc : FKV_ENOMEM;
    }

    fkv__put_le32(keys->data + keys->len, (uint32_t) key.len);
    memcpy(keys->data + keys->len + HEAD_BYTES, key.data, key.len);
    keys->len += HEAD_BYTES + key.len;

    return FKV_OK;
}


static int
on_entry(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    fkv__look_t  *look = scan->op.data;
    int           rc;

    if (look->call.txn->given_up) {
        return FKV_ECANCELED;           /* wants() would look at argv */
    }

    look->last.len = 0;

    if (fkv__buf_append(&look->last, key.data, key.len) != FKV_OK) {
        return FKV_ENOMEM;
    }

    if (look->wants != NULL && !look->wants(&look->call, key, value->type)) {
        return FKV_OK;
    }

    look->kept++;
    rc = key_keep(look, key);

    return (rc == FKV_OK && look->kept == look->most) ? FKV_END : rc;
}


/* FKV_END: it has all that it is to keep. */
static void
scan_ended(fkv__look_t *look, int rc)
{
    if (rc == FKV_EBOUND) {             /* others find room again */
        fkv__memory_uncount(&look->call.txn->kept, look->keys.len);
        fkv__buf_done(&look->keys);
    }

    look->complete = (rc == FKV_OK && look->scan.complete);
    look_ended(look, (rc == FKV_END) ? FKV_OK : rc);
}


static void
on_scan_done(fkv_op_t *op)
{
    fkv__look_t  *look = op->data;

    scan_ended(look, op->rc);
    look->on_done(look);
}


static void
on_count_done(fkv_op_t *op)
{
    fkv__look_t  *look = op->data;

    look->count = look->job.result;
    look_ended(look, op->rc);
    look->on_done(look);
}


static int
scan_begin(fkv__look_t *look, uint64_t snapshot)
{
    fkv_scan_t  *scan = &look->scan;

    *scan = (fkv_scan_t) {
        .op = { .on_done = on_scan_done, .data = look },
        .store = look->call.store,
        .ns = look->ns,
        .prefix = look->prefix,
        .start = look->after,
        .after = (look->after.len > 0),
        .now_ms = look->call.now_ms,
        .snapshot = snapshot,
        .limit = (unsigned) fkv__min(look->n, (uint64_t) UINT32_MAX),
        .on_entry = on_entry
    };

    fkv__memory_uncount(&look->call.txn->kept, look->keys.len);
    look->kept = 0;
    look->keys.len = 0;
    look->last.len = 0;

    return fkv_scan(scan);
}


static int
count_begin(fkv__look_t *look)
{
    look->job = (fkv_job_t) {
        .op = { .on_done = on_count_done, .data = look },
        .store = look->call.store,
        .kind = FKV_JOB_COUNT,
        .ns = look->ns
    };

    return fkv_job(&look->job);
}


int
fkv__look_begin(fkv__look_t *look, uint64_t snapshot)
{
    bool  scan = (look->kind == FKV__LOOK_SCAN);
    int   rc = scan ? scan_begin(look, snapshot) : count_begin(look);

    look->begun = true;

    if (rc == FKV_AGAIN) {
        return FKV_AGAIN;
    }

    if (scan) {
        scan_ended(look, rc);

    } else {
        look->count = look->job.result;
        look_ended(look, rc);
    }

    return FKV_OK;
}


void
fkv__look_forget(fkv__txn_t *txn)
{
    for (fkv__look_t *look = txn->looks; look != NULL; look = look->next) {
        look->begun = false;
        look->done = false;
    }
}


void
fkv__looks_done(fkv__txn_t *txn)
{
    for (fkv__look_t *look = txn->looks; look != NULL; look = look->next) {
        fkv__buf_done(&look->keys);
        fkv__buf_done(&look->last);
    }

    txn->looks = NULL;
}


static bool
look_is(const fkv__look_t *look, const fkv__look_t *as)
{
    return look->kind == as->kind && look->ns == as->ns && look->n == as->n
           && look->most == as->most && look->wants == as->wants
           && (look->wants == NULL || look->call.argv == as->call.argv)
           && fkv__str_eq(look->prefix, as->prefix)
           && fkv__str_eq(look->after, as->after);
}


/* The look that was asked for already, or a new one; NULL: out of memory. */
static fkv__look_t *
look_find(fkv__txn_t *txn, const fkv__look_t *as)
{
    fkv__look_t  *look;

    for (look = txn->looks; look != NULL; look = look->next) {
        if (look_is(look, as)) {
            return look;
        }
    }

    look = fkv__memory_alloc(&txn->kept, sizeof(*look));
    if (look == NULL) {
        return NULL;
    }

    *look = *as;

    if (fkv__memory_copy(&txn->kept, &look->prefix) != FKV_OK
        || fkv__memory_copy(&txn->kept, &look->after) != FKV_OK)
    {
        return NULL;
    }

    look->next = txn->looks;
    txn->looks = look;

    return look;
}


static int
keys_compare(const void *a, const void *b)
{
    return fkv__str_cmp(*(const fkv_str_t *) a, *(const fkv_str_t *) b);
}


/* Is this key of the transaction's own one that the scan would have given? */
static bool
own_wanted(const fkv__look_t *look, const fkv__txn_key_t *key)
{
    fkv_call_value_t  value;
    fkv_str_t         last = fkv__buf_str(&look->last);

    bool              there;

    value.type = key->wrote.type;
    there = key->wrote.what == FKV__WROTE_MERGE
            || (key->wrote.what == FKV__WROTE_PUT
                && fkv__txn_written(look->call.txn, key, &value) == FKV_OK);

    return key->ns == look->ns && there
           && key->key.len >= look->prefix.len
           && memcmp(key->key.data, look->prefix.data, look->prefix.len) == 0
           && (look->after.len == 0 || fkv__str_cmp(key->key, look->after) > 0)
           && (look->complete || fkv__str_cmp(key->key, last) <= 0)
           && (look->wants == NULL || look->wants(&look->call, key->key,
                                                   value.type));
}


/* What was written, in order; n of them. */
static fkv_str_t *
own_keys(const fkv__look_t *look, fkv_call_t *call, size_t *n)
{
    fkv__txn_t  *txn = call->txn;
    fkv_str_t   *keys;

    *n = 0;

    if (!txn->writes) {
        return NULL;
    }

    keys = fkv_call_alloc(call, txn->n * sizeof(fkv_str_t));

    for (unsigned i = 0; i < txn->n; i++) {
        if (own_wanted(look, &txn->keys[i])) {
            keys[(*n)++] = txn->keys[i].key;
        }
    }

    qsort(keys, *n, sizeof(fkv_str_t), keys_compare);

    return keys;
}


/* Has this transaction deleted, or put, a key that the scan has met? */
static bool
own_hides(fkv__txn_t *txn, unsigned ns, fkv_str_t key)
{
    const fkv__txn_key_t  *own;

    if (!txn->writes) {
        return false;
    }

    own = fkv__txn_find(txn, ns, key);

    return own != NULL && own->wrote.what != FKV__WROTE_NOTHING;
}


/* The next key that was committed and is still there; false: no further. */
static bool
met_next(const fkv__look_t *look, size_t *at, fkv_str_t *key)
{
    while (*at < look->keys.len) {
        const uint8_t  *p = look->keys.data + *at;

        key->len = fkv__get_le32(p);
        key->data = p + HEAD_BYTES;
        *at += HEAD_BYTES + key->len;

        if (!own_hides(look->call.txn, look->ns, *key)) {
            return true;
        }
    }

    return false;
}


/* Both kinds in one order. */
static int
look_give(const fkv__look_t *look, fkv_call_t *call,
    fkv_call_on_key_pt on_key, void *data)
{
    size_t      n, i = 0, at = 0;
    fkv_str_t  *own = own_keys(look, call, &n), met = FKV_STR_NULL;
    bool        more = met_next(look, &at, &met);

    while (more || i < n) {
        bool  mine = !more || (i < n && fkv__str_cmp(own[i], met) < 0);
        int   rc = on_key(call, mine ? own[i] : met, data);

        if (rc != FKV_OK) {
            return rc;
        }

        if (mine) {
            i++;
        } else {
            more = met_next(look, &at, &met);
        }
    }

    return look->complete ? FKV_END : FKV_OK;
}


static int
look_scan(fkv_call_t *call, const fkv__look_t *as, fkv_call_on_key_pt on_key,
    void *data, fkv_str_t *last)
{
    fkv__look_t  *look = look_find(call->txn, as);

    if (look == NULL) {
        return FKV_ENOMEM;
    }

    if (fkv__txn_cleared(call->txn, as->ns)) {
        const fkv__look_t  empty = { .ns = as->ns, .prefix = look->prefix,
                                     .after = look->after, .wants = as->wants,
                                     .call = *call, .complete = true };

        return look_give(&empty, call, on_key, data);
    }

    if (!look->done) {
        return FKV_AGAIN;
    }

    if (look->rc != FKV_OK) {
        return look->rc;
    }

    if (last != NULL) {
        *last = fkv__buf_str(&look->last);
    }

    return look_give(look, call, on_key, data);
}


int
fkv_call_scan(fkv_call_t *call, unsigned ns, fkv_str_t prefix,
    fkv_str_t after, uint64_t n, fkv_call_wants_pt wants,
    fkv_call_on_key_pt on_key, void *data, fkv_str_t *last)
{
    const fkv__look_t  as = { .kind = FKV__LOOK_SCAN, .ns = ns,
                              .prefix = prefix, .after = after, .n = n,
                              .wants = wants, .call = *call };

    return look_scan(call, &as, on_key, data, last);
}


int
fkv_call_find(fkv_call_t *call, unsigned ns, uint64_t most,
    fkv_call_wants_pt wants, fkv_call_on_key_pt on_key, void *data)
{
    const fkv__look_t  as = { .kind = FKV__LOOK_SCAN, .ns = ns, .most = most,
                              .wants = wants, .call = *call };

    return look_scan(call, &as, on_key, data, NULL);
}


/*
 * What the keys written change of the count of those committed.
 * FKV_OK · FKV_AGAIN: some are wanted · failure
 */
static int
count_written(fkv__txn_t *txn, unsigned ns, int64_t *change)
{
    bool  cleared = fkv__txn_cleared(txn, ns);

    *change = 0;

    for (unsigned i = 0; i < txn->n; i++) {
        fkv__txn_key_t    *key = &txn->keys[i];
        fkv_call_value_t   value;

        if (key->ns != ns || key->wrote.what == FKV__WROTE_NOTHING) {
            continue;
        }

        if (!cleared && !key->known) {
            key->wanted = true;
            return FKV_AGAIN;
        }

        if (!cleared && key->rc != FKV_OK && key->rc != FKV_NOTFOUND) {
            return key->rc;
        }

        *change += (fkv__txn_written(txn, key, &value) == FKV_OK)
                   - (!cleared && key->rc == FKV_OK);
    }

    return FKV_OK;
}


int
fkv_call_count(fkv_call_t *call, unsigned ns, uint64_t *n)
{
    const fkv__look_t   as = { .kind = FKV__LOOK_COUNT, .ns = ns,
                               .call = *call };
    fkv__look_t        *look = NULL;
    int64_t             change = 0;
    int                 rc = FKV_OK;

    if (!fkv__txn_cleared(call->txn, ns)) {
        look = look_find(call->txn, &as);

        if (look == NULL) {
            return FKV_ENOMEM;
        }

        rc = look->done ? look->rc : FKV_AGAIN;
    }

    if (rc == FKV_OK && call->txn->writes) {
        rc = count_written(call->txn, ns, &change);
    }

    *n = ((look != NULL) ? look->count : 0) + (uint64_t) change;

    return rc;
}
