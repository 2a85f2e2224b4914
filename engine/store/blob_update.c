/*
 * blob_update.c - loading and writing the large values of an update.
 */

#include "store/blob_update.h"

#include "base/hash.h"
#include "shared/arena.h"
#include "store/blob_upload.h"

#include <string.h>

#define REWRITES_MAX  100


static fkv__update_blob_t *
blob_of(fkv_update_t *u, fkv__update_key_t *key)
{
    if (key->blob == NULL) {
        key->blob = fkv__zalloc(sizeof(*key->blob));

        if (key->blob != NULL) {
            key->blob->update = u;
            fkv__list_append(&u->store->update_blobs, &key->blob->link);
        }
    }

    return key->blob;
}


static void
blob_free(fkv__update_blob_t *blob)
{
    fkv__list_remove(&blob->link);
    fkv__free(blob);
}


/*
 * The file does not exist: somebody has given the value a new place, which the
 * tables know.  If they name this one again, it is missing.
 */
static int
load_gone(fkv_update_t *u, fkv__update_blob_t *blob, const fkv__record_t *rec)
{
    const fkv__blob_ref_t  *ref = &blob->fetch.ref;

    if (blob->gone == rec->version
        && memcmp(&blob->gone_ref, ref, sizeof(*ref)) == 0)
    {
        return fkv__blob_missing(u->store, ref, rec->expire_at);
    }

    blob->gone = rec->version;
    blob->gone_ref = *ref;

    return FKV_GONE;
}


/* Has this very value been asked for? */
static bool
load_begun(const fkv__update_blob_t *blob, const fkv__record_t *rec)
{
    fkv__blob_ref_t  ref;

    return blob->fetched == rec->version
           && fkv__blob_ref_get(rec->value, &ref) == FKV_OK
           && memcmp(&ref, &blob->fetch.ref, sizeof(ref)) == 0;
}


int
fkv__update_load(fkv_update_t *u, unsigned i, const fkv__record_t *rec)
{
    fkv__update_key_t   *key = &u->own->keys[i];
    fkv_change_t        *change = &u->changes[i];
    fkv__update_blob_t  *blob;

    if (!change->load && key->chain == NULL) {
        return FKV_OK;
    }

    blob = blob_of(u, key);
    if (blob == NULL) {
        return FKV_ENOMEM;
    }

    if (!load_begun(blob, rec)) {
        fkv__blob_fetch_done(&blob->fetch);

        blob->fetched = rec->version;
        blob->fetch.op = &u->op;

        (void) fkv__blob_fetch(&blob->fetch, u->store, rec, key->hash, true);
        u->own->looking += (blob->fetch.rc == FKV_AGAIN);
    }

    switch (blob->fetch.rc) {

    case FKV_OK:
        change->current.data.data = blob->fetch.data;
        change->current.data.len = change->current.size;
        return FKV_OK;

    case FKV_AGAIN:
        return FKV_OK;

    case FKV_GONE:
        return load_gone(u, blob, rec);
    }

    return blob->fetch.rc;
}


bool
fkv__update_gone(const fkv__update_key_t *key, uint64_t version)
{
    return key->blob != NULL && key->blob->gone == version;
}


static void
on_put(fkv__blob_put_t *put)
{
    fkv__update_blob_t  *blob = put->data;
    fkv_update_t        *u = blob->update;

    blob->written = (put->rc == FKV_OK);

    if (!blob->written) {
        u->own->blobs_rc = put->rc;
        fkv__blob_put_done(put);
    }

    if (--u->own->blobs_n == 0) {
        fkv__op_run(&u->op);
    }
}


static int
blob_write(fkv_update_t *u, unsigned i, uint64_t digest)
{
    const fkv__state_shm_t  *state = &u->store->seg->state;
    const fkv_change_t      *change = &u->changes[i];
    fkv__update_key_t       *key = &u->own->keys[i];
    fkv__update_blob_t      *blob = blob_of(u, key);
    int                      rc;

    if (__atomic_load_n(&state->readonly, __ATOMIC_ACQUIRE)) {
        return FKV_EREADONLY;
    }

    if (__atomic_load_n(&state->disk_full, __ATOMIC_RELAXED)) {
        return FKV_EFULL;
    }

    if (blob == NULL) {
        return FKV_ENOMEM;
    }

    if (blob->written) {
        fkv__blob_put_done(&blob->put);
        blob->written = false;

        if (++u->own->tries >= REWRITES_MAX) {
            return FKV_CONFLICT;
        }
    }

    blob->digest = digest;

    blob->put = (fkv__blob_put_t) {
        .store = u->store,
        .value = change->value,
        .hash = key->hash,
        .expire_at = change->expire_at,
        .on_done = on_put,
        .data = blob
    };

    rc = fkv__blob_put(&blob->put, u->now_ms);
    u->own->blobs_n += (rc == FKV_AGAIN);

    return rc;
}


/* FKV_OK it need not be written, or has been · as blob_write() */
static int
change_write(fkv_update_t *u, unsigned i)
{
    const fkv_change_t        *change = &u->changes[i];
    const fkv__update_blob_t  *blob = u->own->keys[i].blob;
    uint64_t                   digest;

    if (change->action != FKV_PUT) {
        return FKV_OK;
    }

    if (change->value.len > u->store->options.value_max) {
        return FKV_ETOOBIG;
    }

    if (change->upload != NULL) {
        return FKV_OK;
    }

    if (!fkv__blob_wanted(u->store, change->value.len)) {
        return FKV_OK;
    }

    digest = fkv__hash(change->value);

    if (blob != NULL && blob->written && blob->digest == digest
        && blob->put.ref.length == change->value.len
        && blob->put.expire_at == change->expire_at)
    {
        return FKV_OK;
    }

    return blob_write(u, i, digest);
}


int
fkv__update_write_blobs(fkv_update_t *u)
{
    fkv__update_t  *own = u->own;
    int             rc = own->blobs_rc;

    own->blobs_rc = FKV_OK;

    for (unsigned i = 0; i < u->n && (rc == FKV_OK || rc == FKV_AGAIN); i++) {
        rc = change_write(u, i);
    }

    if (own->blobs_n == 0) {
        return rc;
    }

    /* Those that are on their way must end before anything else. */
    if (rc != FKV_OK && rc != FKV_AGAIN) {
        own->blobs_rc = rc;
    }

    return FKV_AGAIN;
}


/* Is what was written what the record is about to say? */
static bool
blob_counts(const fkv__update_key_t *key, size_t len)
{
    return key->blob != NULL && key->blob->written
           && key->blob->put.ref.length == len;
}


static void
record_refer(fkv__record_t *rec, uint8_t *bytes, const fkv__blob_ref_t *ref)
{
    rec->kind = FKV__RECORD_BLOB;
    rec->value.data = bytes;
    rec->value.len = fkv__blob_ref_put(bytes, ref);
}


void
fkv__update_refer(const fkv_change_t *change, const fkv__update_key_t *key,
    fkv__record_t *rec)
{
    if (change->upload != NULL) {
        fkv__upload_t  *own = change->upload->own;

        FKV_ASSERT(own->put.rc == FKV_OK);
        FKV_ASSERT(own->put.hash == key->hash);
        FKV_ASSERT(own->put.ref.length == change->value.len);

        record_refer(rec, own->ref, &own->put.ref);

    } else if (blob_counts(key, change->value.len)) {
        record_refer(rec, key->blob->ref, &key->blob->put.ref);
    }
}


void
fkv__update_referred(const fkv_update_t *u, const fkv__memtable_t *mt)
{
    uint64_t  bytes = 0, was;

    for (unsigned i = 0; i < u->n; i++) {
        const fkv__update_blob_t  *blob = u->own->keys[i].blob;

        if (u->changes[i].upload != NULL) {
            bytes += fkv__blob_entry_bytes(u->changes[i].value.len);

        } else if (blob != NULL && blob->written) {
            bytes += fkv__blob_entry_bytes(blob->put.ref.length);
        }
    }

    if (bytes == 0) {
        return;
    }

    was = __atomic_fetch_add(&mt->shm->blob_bytes, bytes, __ATOMIC_RELAXED);

    if (was + bytes >= FKV__BLOB_UNFLUSHED_MAX) {
        fkv__arena_seal(mt->shm, mt->mem);
    }
}


void
fkv__update_blobs_done(fkv_update_t *u)
{
    for (unsigned i = 0; i < u->n; i++) {
        fkv__update_key_t  *key = &u->own->keys[i];

        if (key->blob == NULL) {
            continue;
        }

        if (key->blob->written) {
            fkv__blob_put_done(&key->blob->put);
        }

        fkv__blob_fetch_done(&key->blob->fetch);
        blob_free(key->blob);
        key->blob = NULL;
    }
}


void
fkv__update_blobs_close(fkv_t *store)
{
    fkv_link_t  *blobs = &store->update_blobs;

    while (!fkv__list_empty(blobs)) {
        blob_free(fkv__container(blobs->next, fkv__update_blob_t, link));
    }
}
