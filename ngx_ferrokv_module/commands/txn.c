/*
 * txn.c - finding keys, and what is written over them.
 */

#include "commands/txn.h"
#include "commands/element.h"
#include "base/hash.h"

#include <string.h>

#define KEEP_ROOM  64           /* keys: more are given back at the end */
#define RUN_SHARES  4           /* a run copies, converts, sorts */

/* How a key was before the command that has just begun. */
typedef struct {
    unsigned      at;           /* of a key, or of an element */
    bool          element;
    fkv__wrote_t  wrote;
} undo_t;


void
fkv__txn_init(fkv__txn_t *txn, fkv_t *store, uint64_t now_ms,
    size_t bytes_max)
{
    if (txn->keys == NULL) {
        txn->keys = txn->few;
        txn->room = FKV__TXN_FEW;
    }

    txn->store = store;
    txn->now_ms = now_ms;
    txn->writes = false;
    txn->undoable = false;
    txn->given_up = false;
    txn->n = 0;
    txn->hint = 0;
    txn->cleared = 0;
    txn->looks = NULL;
    txn->elements_n = 0;
    txn->by_elements = false;
    txn->reads = NULL;
    txn->rows = NULL;
    txn->hits = 0;
    txn->misses = 0;

    fkv__memory_bound(&txn->kept, bytes_max);
    fkv__memory_bound(&txn->run, RUN_SHARES * bytes_max);
}


bool
fkv__txn_refused(const fkv__txn_t *txn)
{
    return txn->kept.refused || txn->run.refused;
}


void
fkv__txn_end(fkv__txn_t *txn)
{
    if (txn->buckets != NULL) {
        fkv__free(txn->buckets);
        txn->buckets = NULL;
    }

    if (txn->room > KEEP_ROOM) {
        fkv__free(txn->keys);
        txn->keys = txn->few;
        txn->room = FKV__TXN_FEW;
    }

    fkv__txn_elements_end(txn);
    fkv__memory_reset(&txn->run);
    fkv__memory_reset(&txn->kept);
}


void
fkv__txn_done(fkv__txn_t *txn)
{
    fkv__free(txn->buckets);
    fkv__free(txn->elements);
    fkv__free(txn->element_buckets);

    if (txn->keys != txn->few) {
        fkv__free(txn->keys);
    }

    fkv__buf_done(&txn->undo);
    fkv__memory_done(&txn->run);
    fkv__memory_done(&txn->kept);
}


/* Keys of one application mostly differ in their last bytes. */
static inline uint64_t
key_tag(fkv_str_t key)
{
    uint64_t  tag = 0;

    if (key.len >= sizeof(tag)) {
        memcpy(&tag, key.data + key.len - sizeof(tag), sizeof(tag));

    } else {
        memcpy(&tag, key.data, key.len);
    }

    return tag ^ key.len;
}


static inline bool
key_is(const fkv__txn_key_t *known, unsigned ns, fkv_str_t key, uint64_t tag)
{
    return known->tag == tag && known->key.len == key.len && known->ns == ns
           && memcmp(known->key.data, key.data, key.len) == 0;
}


static uint32_t *
bucket_of(fkv__txn_t *txn, unsigned ns, fkv_str_t key)
{
    uint64_t  hash = fkv__hash(key) + ns;

    return &txn->buckets[hash & (txn->buckets_n - 1)];
}


static void
bucket_add(fkv__txn_t *txn, unsigned at)
{
    fkv__txn_key_t  *key = &txn->keys[at];
    uint32_t        *bucket = bucket_of(txn, key->ns, key->key);

    key->next = *bucket;
    *bucket = at + 1;
}


fkv__txn_key_t *
fkv__txn_find(fkv__txn_t *txn, unsigned ns, fkv_str_t key)
{
    uint64_t               tag = key_tag(key);
    const fkv__txn_key_t  *hint = &txn->keys[txn->hint];

    /* Mostly they are asked for in the order in which they were named. */
    if (txn->hint < txn->n && hint->key.data == key.data
        && hint->key.len == key.len && hint->ns == ns)
    {
        return &txn->keys[txn->hint++];
    }

    if (txn->buckets != NULL) {
        uint32_t  at = *bucket_of(txn, ns, key);

        while (at != 0 && !key_is(&txn->keys[at - 1], ns, key, tag)) {
            at = txn->keys[at - 1].next;
        }

        return (at != 0) ? &txn->keys[at - 1] : NULL;
    }

    for (unsigned i = 0; i < txn->n; i++) {
        if (key_is(&txn->keys[i], ns, key, tag)) {
            return &txn->keys[i];
        }
    }

    return NULL;
}


/* More than few keys are hashed, anew whenever they have doubled. */
static int
keys_hash(fkv__txn_t *txn)
{
    unsigned   n = 2 * txn->room;
    uint32_t  *buckets = fkv__zalloc(n * sizeof(uint32_t));

    if (buckets == NULL) {
        return FKV_ENOMEM;
    }

    fkv__free(txn->buckets);
    txn->buckets = buckets;
    txn->buckets_n = n;

    for (unsigned i = 0; i < txn->n; i++) {
        bucket_add(txn, i);
    }

    return FKV_OK;
}


static int
keys_grow(fkv__txn_t *txn)
{
    size_t           bytes = sizeof(fkv__txn_key_t);
    bool             few = (txn->keys == txn->few);
    fkv__txn_key_t  *keys;

    keys = fkv__realloc(few ? NULL : txn->keys, 2 * txn->room * bytes);
    if (keys == NULL) {
        return FKV_ENOMEM;
    }

    if (few) {
        memcpy(keys, txn->few, txn->n * bytes);
    }

    txn->keys = keys;
    txn->room *= 2;

    return keys_hash(txn);
}


fkv__txn_key_t *
fkv__txn_key(fkv__txn_t *txn, unsigned ns, fkv_str_t key, bool copy)
{
    fkv__txn_key_t  *known = fkv__txn_find(txn, ns, key);

    if (known != NULL) {
        return known;
    }

    if (copy && fkv__memory_copy(&txn->kept, &key) != FKV_OK) {
        return NULL;
    }

    if (txn->n == txn->room && keys_grow(txn) != FKV_OK) {
        return NULL;
    }

    /* Room that was kept from before may be larger than few. */
    if (txn->n == FKV__TXN_FEW && txn->buckets == NULL
        && keys_hash(txn) != FKV_OK)
    {
        return NULL;
    }

    known = &txn->keys[txn->n];
    known->ns = ns;
    known->tag = key_tag(key);
    known->key = key;
    known->wanted = false;
    known->load = false;
    known->quiet = false;
    known->known = false;
    known->unread = FKV_OK;
    known->wrote.what = FKV__WROTE_NOTHING;
    txn->n++;

    if (txn->buckets != NULL) {
        bucket_add(txn, txn->n - 1);
    }

    return known;
}


void
fkv__txn_drop(fkv__txn_t *txn)
{
    for (unsigned i = 0; i < txn->n; i++) {
        txn->keys[i].wrote.what = FKV__WROTE_NOTHING;
    }

    for (unsigned i = 0; i < txn->elements_n; i++) {
        txn->elements[i].wrote.what = FKV__WROTE_NOTHING;
    }

    txn->cleared = 0;
    txn->element_bytes = 0;
}


void
fkv__txn_begin(fkv__txn_t *txn)
{
    fkv__txn_drop(txn);
    txn->hint = 0;
    txn->stamps = 0;
    fkv__memory_reset(&txn->run);
    txn->hits = 0;
    txn->misses = 0;
}


bool
fkv__txn_wrote(const fkv__txn_t *txn)
{
    for (unsigned i = 0; i < txn->n; i++) {
        if (txn->keys[i].wrote.what != FKV__WROTE_NOTHING) {
            return true;
        }
    }

    return txn->cleared != 0;
}


void
fkv__txn_forget(fkv__txn_t *txn)
{
    for (unsigned i = 0; i < txn->n; i++) {
        txn->keys[i].known = false;
    }

    for (unsigned i = 0; i < txn->elements_n; i++) {
        txn->elements[i].known = false;
    }
}


void
fkv__txn_mark(fkv__txn_t *txn)
{
    txn->undo.len = 0;
    txn->undo_cleared = txn->cleared;
}


void
fkv__txn_undo(fkv__txn_t *txn)
{
    const undo_t  *undo = (const undo_t *) (const void *) txn->undo.data;
    size_t         n = txn->undo.len / sizeof(undo_t);

    /* The oldest of a key is the one that counts. */
    while (n-- > 0) {
        if (undo[n].element) {
            txn->elements[undo[n].at].wrote = undo[n].wrote;

        } else {
            txn->keys[undo[n].at].wrote = undo[n].wrote;
        }
    }

    txn->cleared = txn->undo_cleared;
    txn->undo.len = 0;
}


int
fkv__txn_written(const fkv__txn_t *txn, const fkv__txn_key_t *key,
    fkv_call_value_t *value)
{
    const fkv__wrote_t  *wrote = &key->wrote;

    if (wrote->what == FKV__WROTE_NOTHING) {
        return fkv__txn_cleared(txn, key->ns) ? FKV_NOTFOUND : FKV_AGAIN;
    }

    if (wrote->what == FKV__WROTE_MERGE) {
        return FKV_AGAIN;
    }

    if (wrote->what == FKV__WROTE_DELETE
        || (wrote->expire_at != 0 && wrote->expire_at <= txn->now_ms))
    {
        return FKV_NOTFOUND;
    }

    *value = (fkv_call_value_t) {
        .data = wrote->data, .expire_at = wrote->expire_at,
        .type = wrote->type, .encver = wrote->encver, .stamp = wrote->stamp
    };

    return FKV_OK;
}


int
fkv__txn_get(fkv__txn_t *txn, fkv__txn_key_t *key, bool load,
    fkv_call_value_t *value)
{
    int  rc = FKV_AGAIN;

    if (txn->writes) {
        rc = fkv__txn_written(txn, key, value);
    }

    if (rc != FKV_AGAIN) {
        return rc;
    }

    if (key->known && key->rc == FKV_OK && load && key->value.data.len > 0
        && key->value.data.data == NULL)
    {
        key->known = false;             /* large, and not loaded yet */
    }

    if (!key->known) {
        key->wanted = true;
        key->load |= load;
        return FKV_AGAIN;
    }

    *value = key->value;

    return (key->rc == FKV_OK && load) ? key->unread : key->rc;
}


uint64_t
fkv__txn_stamp(const fkv__txn_t *txn, const fkv__txn_key_t *key, unsigned type)
{
    fkv_call_value_t  value;
    int               rc = fkv__txn_written(txn, key, &value);

    if (rc == FKV_AGAIN && key->known) {
        value = key->value;
        rc = key->rc;
    }

    return (rc == FKV_OK && value.type == type) ? value.stamp : 0;
}


static int
undo_add(fkv__txn_t *txn, size_t at, bool element, const fkv__wrote_t *was)
{
    undo_t  undo = { (unsigned) at, element, *was };

    return fkv__buf_append(&txn->undo, &undo, sizeof(undo));
}


int
fkv__txn_write(fkv__txn_t *txn, fkv__txn_key_t *key, const fkv__wrote_t *wrote)
{
    if (txn->undoable
        && undo_add(txn, (size_t) (key - txn->keys), false, &key->wrote)
           != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    key->wrote = *wrote;

    return FKV_OK;
}


int
fkv__txn_write_element(fkv__txn_t *txn, fkv__element_t *element,
    const fkv__wrote_t *wrote)
{
    if (txn->undoable
        && undo_add(txn, (size_t) (element - txn->elements), true,
                    &element->wrote) != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    element->wrote = *wrote;
    txn->element_bytes += element->name.len + wrote->data.len;

    return FKV_OK;
}


int
fkv__txn_clear(fkv__txn_t *txn, unsigned ns)
{
    static const fkv__wrote_t  nothing = { .what = FKV__WROTE_NOTHING };

    for (unsigned i = 0; i < txn->n; i++) {
        fkv__txn_key_t  *key = &txn->keys[i];

        if (key->ns == ns && key->wrote.what != FKV__WROTE_NOTHING
            && fkv__txn_write(txn, key, &nothing) != FKV_OK)
        {
            return FKV_ENOMEM;
        }
    }

    txn->cleared |= 1u << ns;

    return FKV_OK;
}
