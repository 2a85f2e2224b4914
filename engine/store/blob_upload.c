/*
 * blob_upload.c - feeding a put with what comes.
 */

#include "store/blob_upload.h"

#include "base/hash.h"
#include "format/key.h"

typedef enum {
    UPLOAD_FEED
} upload_state_e;


static void
upload_free(fkv__upload_t *own)
{
    fkv__list_remove(&own->link);
    fkv__free(own);
}


/* Of a put that has ended. */
static void
upload_let_go(fkv__upload_t *own)
{
    fkv__blob_put_done(&own->put);
    upload_free(own);
}


static void
on_room(fkv__blob_put_t *put)
{
    fkv__upload_t  *own = put->data;

    if (own->waiting) {
        own->waiting = false;
        fkv__op_run(&own->upload->op);
    }
}


static void
on_ended(fkv__blob_put_t *put)
{
    fkv__upload_t  *own = put->data;

    if (own->upload == NULL) {
        upload_let_go(own);
        return;
    }

    on_room(put);
}


static fkv__turn_e
upload_end(fkv_upload_t *upload, int rc)
{
    upload->store->in_flight--;

    return fkv__op_end(&upload->op, rc);
}


static fkv__turn_e
upload_feed(fkv_upload_t *upload)
{
    fkv__upload_t    *own = upload->own;
    fkv__blob_put_t  *put = &own->put;

    if (put->rc == FKV_AGAIN) {
        fkv__blob_put_feed(put, &upload->data);
    }

    if (put->rc != FKV_AGAIN) {
        return upload_end(upload, put->rc);
    }

    if (upload->data.len == 0
        && put->piece < fkv__blob_pieces(put->ref.length))
    {
        return upload_end(upload, FKV_OK);
    }

    own->waiting = true;

    return FKV__TURN_WAIT;
}


static fkv__turn_e
upload_step(fkv_op_t *op)
{
    fkv_upload_t  *upload = fkv__container(op, fkv_upload_t, op);

    switch ((upload_state_e) op->state) {
    case UPLOAD_FEED:  return upload_feed(upload);
    }

    fkv__unreachable();
}


static int
upload_hash(const fkv_upload_t *upload, uint64_t *hash)
{
    uint8_t    *bytes = fkv__alloc(FKV__KEY_SIZE(upload->key.len));
    fkv_str_t   ikey = { .data = bytes };

    if (bytes == NULL) {
        return FKV_ENOMEM;
    }

    ikey.len = fkv__key_encode(bytes, upload->ns, upload->key);
    *hash = fkv__hash(ikey);
    fkv__free(bytes);

    return FKV_OK;
}


static int
upload_check(const fkv_upload_t *upload)
{
    const fkv__state_shm_t  *state = &upload->store->seg->state;

    if (upload->key.len == 0 || upload->key.len > FKV_KEY_BYTES_MAX
        || upload->ns >= FKV_NAMESPACES || upload->size == 0)
    {
        return FKV_EINVAL;
    }

    if (upload->size > upload->store->options.value_max) {
        return FKV_ETOOBIG;
    }

    if (__atomic_load_n(&state->readonly, __ATOMIC_ACQUIRE)) {
        return FKV_EREADONLY;
    }

    return __atomic_load_n(&state->disk_full, __ATOMIC_RELAXED) ? FKV_EFULL
                                                                : FKV_OK;
}


static int
upload_begin(fkv_upload_t *upload)
{
    fkv_t          *store = upload->store;
    fkv__upload_t  *own = fkv__zalloc(sizeof(*own));
    int             rc;

    if (own == NULL) {
        return FKV_ENOMEM;
    }

    own->upload = upload;
    own->put.store = store;
    own->put.value.len = upload->size;
    own->put.expire_at = upload->expire_at;
    own->put.on_done = on_ended;
    own->put.on_room = on_room;
    own->put.data = own;
    fkv__list_append(&store->uploads, &own->link);

    rc = upload_hash(upload, &own->put.hash);

    if (rc == FKV_OK) {
        rc = fkv__blob_put(&own->put, upload->now_ms);
    }

    if (rc != FKV_AGAIN) {
        upload_free(own);
        return rc;
    }

    upload->own = own;

    return FKV_OK;
}


int
fkv_upload(fkv_upload_t *upload)
{
    int  rc = FKV_OK;

    if (upload->own == NULL) {
        rc = upload_check(upload);

        if (rc == FKV_OK) {
            rc = upload_begin(upload);
        }
    }

    if (rc != FKV_OK) {
        return rc;
    }

    upload->store->in_flight++;

    return fkv__op_start(&upload->op, "upload", upload_step, UPLOAD_FEED);
}


void
fkv_upload_close(fkv_upload_t *upload)
{
    fkv__upload_t  *own = upload->own;

    if (own == NULL) {
        return;
    }

    if (own->waiting) {
        own->waiting = false;
        upload->store->in_flight--;
    }

    upload->own = NULL;
    own->upload = NULL;

    if (own->put.rc == FKV_AGAIN) {
        fkv__blob_put_cancel(&own->put);
        return;
    }

    upload_let_go(own);
}


void
fkv__upload_close_all(fkv_t *store)
{
    while (!fkv__list_empty(&store->uploads)) {
        upload_free(fkv__container(store->uploads.next, fkv__upload_t, link));
    }
}
