/*
 * hook.c - asking, undoing, telling.
 */

#include "store/hook.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "shared/latch.h"
#include "store/blob_write.h"
#include "store/frame.h"

#define TOLD_AT_ONCE  1000
#define LEN_BYTES     4


void
fkv_hook(fkv_t *store, const fkv_hooks_t *hooks, void *data)
{
    store->hooks = hooks;
    store->hooks_data = data;
    __atomic_store_n(&store->hooks_expire,
                     hooks != NULL && hooks->expire != NULL, __ATOMIC_RELAXED);
}


fkv_str_t
fkv_refusal(const fkv_t *store)
{
    return (fkv_str_t) { (const uint8_t *) store->refusal,
                         store->refusal_len };
}


void
fkv__hook_undo(fkv_update_t *u)
{
    fkv__update_t  *own = u->own;

    for (unsigned i = 0; i < u->n; i++) {
        u->changes[i].value = own->keys[i].decided;
        u->changes[i].expire_at = own->keys[i].decided_expire;
    }

    u->more = NULL;
    u->more_n = 0;
    own->n = u->n;
}


static void
remember(fkv_update_t *u)
{
    for (unsigned i = 0; i < u->n; i++) {
        u->own->keys[i].decided = u->changes[i].value;
        u->own->keys[i].decided_expire = u->changes[i].expire_at;
    }
}


static bool
writes(const fkv_update_t *u)
{
    for (unsigned i = 0; i < u->n; i++) {
        if (fkv__frame_writes(&u->changes[i])) {
            return true;
        }
    }

    return false;
}


static void
keep_refusal(fkv_update_t *u)
{
    fkv__update_t  *own = u->own;

    own->refused = true;
    own->refusal_len = fkv__min(u->refusal.len, FKV_REFUSAL_BYTES);

    /* It comes into logs and protocols of lines. */

    for (size_t i = 0; i < own->refusal_len; i++) {
        own->refusal[i] = (char) fkv__max(u->refusal.data[i], ' ');
    }

    u->refusal = FKV_STR_NULL;
}


/* Uploads are on disk already: their record says where. */
static bool
uploads_kept(const fkv_update_t *u)
{
    for (unsigned i = 0; i < u->n; i++) {
        const fkv_change_t  *change = &u->changes[i];
        const fkv_str_t     *decided = &u->own->keys[i].decided;

        if (change->upload != NULL
            && (change->value.data != decided->data
                || change->value.len != decided->len))
        {
            return false;
        }
    }

    return true;
}


static int
more_check(const fkv_t *store, const fkv_change_t *change)
{
    if (change->ns != FKV_NAMESPACE_CATALOG || change->prefix
        || (change->action != FKV_PUT && change->action != FKV_DELETE)
        || change->upload != NULL || change->elements_n > 0
        || change->key.len == 0 || change->key.len > FKV_KEY_BYTES_MAX)
    {
        return FKV_EINVAL;
    }

    return fkv__blob_wanted(store, change->value.len) ? FKV_ETOOBIG : FKV_OK;
}


static size_t
more_bytes(const fkv_change_t *change)
{
    return 2 * FKV__KEY_SIZE(change->key.len) + FKV__RECORD_HEAD_MAX
           + fkv__min(change->content_type.len, FKV__UPDATE_META_MAX);
}


/* One piece of memory: keys, stripes of all, internal keys, room for heads. */
static int
more_new(fkv_update_t *u, size_t bytes)
{
    fkv__update_t  *own = u->own;
    size_t          keys = u->more_n * sizeof(fkv__update_key_t);
    size_t          stripes = (u->n + u->more_n) * sizeof(uint32_t);

    fkv__free(own->more);
    own->more = fkv__zalloc(keys + stripes + bytes);

    if (own->more == NULL) {
        return FKV_ENOMEM;
    }

    own->stripes = (uint32_t *) (void *) (own->more + u->more_n);
    own->more_heads = (fkv__buf_t) {
        .data = (uint8_t *) own->stripes + stripes, .cap = bytes
    };

    return FKV_OK;
}


static void
more_encode(fkv_change_t *change, fkv__update_key_t *key, fkv__buf_t *bytes)
{
    change->blind = true;
    change->exists = false;
    change->version = 0;

    key->ikey.data = bytes->data;
    key->ikey.len = fkv__key_encode(bytes->data, change->ns, change->key);
    key->hash = fkv__hash(key->ikey);

    bytes->data += key->ikey.len;
    bytes->cap -= key->ikey.len;
}


/* FKV_OK · FKV_EINVAL · FKV_ETOOBIG · FKV_ENOMEM */
static int
more_take(fkv_update_t *u)
{
    int             rc;
    size_t          bytes = 0;
    fkv__update_t  *own = u->own;

    if (u->more_n > FKV_BATCH_KEYS_MAX) {
        return FKV_ETOOBIG;
    }

    for (unsigned i = 0; i < u->more_n; i++) {
        rc = more_check(u->store, &u->more[i]);

        if (rc != FKV_OK) {
            return rc;
        }

        bytes += more_bytes(&u->more[i]);
    }

    rc = more_new(u, bytes);

    if (rc != FKV_OK) {
        return rc;
    }

    for (unsigned i = 0; i < u->more_n; i++) {
        more_encode(&u->more[i], &own->more[i], &own->more_heads);
    }

    own->n = u->n + u->more_n;

    for (unsigned i = 0; i < own->n; i++) {
        own->stripes[i] = fkv__latch_stripe(fkv__update_key(u, i)->hash);
    }

    own->n_stripes = fkv__latch_sort(own->stripes, own->n);

    return FKV_OK;
}


int
fkv__hook_write(fkv_update_t *u)
{
    const fkv_hooks_t  *hooks = u->store->hooks;
    int                 rc;

    if (hooks->write == NULL || !writes(u)) {
        return FKV_OK;
    }

    if (!u->own->hooked) {
        u->hook = NULL;
    }

    remember(u);
    u->own->hooked = true;
    rc = hooks->write(u->store->hooks_data, u);
    FKV_STEP("hook.1");

    if (rc != FKV_OK) {
        keep_refusal(u);
        return (rc == FKV_AGAIN) ? FKV_EDENIED : rc;
    }

    if (!uploads_kept(u)) {
        return FKV_EINVAL;
    }

    return (u->more_n > 0 || u->own->more != NULL) ? more_take(u) : FKV_OK;
}


static bool
written(const fkv_update_t *u)
{
    for (unsigned i = 0; i < u->n; i++) {
        if (u->changes[i].version != 0) {
            return true;
        }
    }

    return false;
}


void
fkv__hook_end(fkv_update_t *u, int rc)
{
    fkv_t              *store = u->store;
    fkv__update_t      *own = u->own;
    const fkv_hooks_t  *hooks = store->hooks;

    if (hooks != NULL && hooks->commit != NULL && rc == FKV_OK && written(u)) {
        FKV_STEP("hook.2");
        hooks->commit(store->hooks_data, u);
    }

    if (hooks != NULL && hooks->end != NULL) {
        hooks->end(store->hooks_data, u);
    }

    fkv__hook_undo(u);

    if (own->refused) {
        memcpy(store->refusal, own->refusal, own->refusal_len);
        store->refusal_len = own->refusal_len;
        u->refusal = fkv_refusal(store);
    }

    fkv__free(own->more);
    own->more = NULL;
}


void
fkv__told_init(fkv__told_t *told)
{
    *told = (fkv__told_t) { .at = 0 };
    FKV_ASSERT(pthread_mutex_init(&told->mutex, NULL) == 0);
}


void
fkv__told_done(fkv__told_t *told)
{
    fkv__buf_done(&told->keys);
    fkv__buf_done(&told->telling);
    (void) pthread_mutex_destroy(&told->mutex);
}


static bool
anybody_asks(const fkv_t *store)
{
    return __atomic_load_n(&store->hooks_expire, __ATOMIC_RELAXED);
}


bool
fkv__told_ready(fkv__told_t *told, const fkv_t *store)
{
    bool  room;

    if (!anybody_asks(store)) {
        return true;
    }

    (void) pthread_mutex_lock(&told->mutex);
    room = (told->keys.len < FKV_EXPIRED_BYTES);
    (void) pthread_mutex_unlock(&told->mutex);

    return room;
}


void
fkv__told_add(fkv__told_t *told, const fkv_t *store, fkv_str_t ikey)
{
    uint8_t  len[LEN_BYTES];

    if (!anybody_asks(store)) {
        return;
    }

    fkv__put_le32(len, (uint32_t) ikey.len);
    (void) pthread_mutex_lock(&told->mutex);

    /* Without memory it is not told. */

    if (fkv__buf_reserve(&told->keys, sizeof(len) + ikey.len) == FKV_OK) {
        (void) fkv__buf_append(&told->keys, len, sizeof(len));
        (void) fkv__buf_append(&told->keys, ikey.data, ikey.len);
    }

    (void) pthread_mutex_unlock(&told->mutex);
}


/* The next key, of those that were taken together. */
static bool
told_next(fkv__told_t *told, uint8_t **ikey, size_t *len)
{
    if (told->at == told->telling.len) {
        fkv__buf_t  was = told->telling;

        was.len = 0;
        told->at = 0;

        (void) pthread_mutex_lock(&told->mutex);
        told->telling = told->keys;
        told->keys = was;
        (void) pthread_mutex_unlock(&told->mutex);
    }

    if (told->telling.len == 0) {
        return false;
    }

    *len = fkv__get_le32(told->telling.data + told->at);
    *ikey = told->telling.data + told->at + LEN_BYTES;
    told->at += LEN_BYTES + *len;

    return true;
}


bool
fkv__told_tell(fkv__told_t *told, fkv_t *store)
{
    uint8_t   *ikey;
    size_t     len;

    if (!anybody_asks(store)) {
        return false;
    }

    for (unsigned i = 0; i < TOLD_AT_ONCE; i++) {
        unsigned   ns;

        if (!told_next(told, &ikey, &len)) {
            return false;
        }

        /* Elements have no key of their own.  Decoding never grows. */

        if (fkv__key_decode((fkv_str_t) { ikey, len }, &ns, ikey, &len)
            == FKV_OK)
        {
            FKV_STEP("hook.3");
            store->hooks->expire(store->hooks_data, ns,
                                 (fkv_str_t) { ikey, len });
        }
    }

    return true;
}
