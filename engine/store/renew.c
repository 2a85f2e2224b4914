/*
 * renew.c - the list of keys, and taking them.
 */

#include "store/renew.h"
#include "base/bytes.h"
#include "format/key.h"
#include "store/helper.h"

#define HEAD_BYTES  12              /* version and length */


void
fkv__renew_init(fkv__renew_t *renew)
{
    *renew = (fkv__renew_t) { .at = 0 };
    FKV_ASSERT(pthread_mutex_init(&renew->mutex, NULL) == 0);
}


void
fkv__renew_done(fkv__renew_t *renew)
{
    fkv__buf_done(&renew->keys);
    fkv__buf_done(&renew->taken);
    (void) pthread_mutex_destroy(&renew->mutex);
}


/* Only what users have; all else writes its own anew. */
static bool
is_wanted(const fkv_t *store, const fkv__record_t *rec)
{
    const fkv_merge_t  *merge = store->merge;

    return rec->type != 0 && merge != NULL && merge->renews != NULL
           && (rec->kind == FKV__RECORD_VALUE || rec->kind == FKV__RECORD_BLOB)
           && rec->key.len > 0 && rec->key.data[0] < FKV_NAMESPACE_USERS
           && merge->renews(store->merge_data, rec->type, rec->encver);
}


void
fkv__renew_met(fkv__renew_t *renew, fkv_t *store, const fkv__record_t *rec)
{
    uint8_t  head[HEAD_BYTES];
    bool     room;

    if (!is_wanted(store, rec)) {
        return;
    }

    fkv__put_le64(head, rec->version);
    fkv__put_le32(head + 8, (uint32_t) rec->key.len);

    (void) pthread_mutex_lock(&renew->mutex);

    room = renew->keys.len + sizeof(head) + rec->key.len <= FKV_RENEW_BYTES
           && fkv__buf_reserve(&renew->keys, sizeof(head) + rec->key.len)
              == FKV_OK;

    if (room) {
        (void) fkv__buf_append(&renew->keys, head, sizeof(head));
        (void) fkv__buf_append(&renew->keys, rec->key.data, rec->key.len);
    }

    (void) pthread_mutex_unlock(&renew->mutex);

    fkv__count(store, renew_met, room);
    fkv__count(store, renew_lost, !room);
}


/* All that wait, for the thread that tells them. */
static bool
take(fkv__renew_t *renew)
{
    fkv__buf_t  was = renew->taken;

    was.len = 0;
    renew->at = 0;

    (void) pthread_mutex_lock(&renew->mutex);
    renew->taken = renew->keys;
    renew->keys = was;
    (void) pthread_mutex_unlock(&renew->mutex);

    return renew->taken.len > 0;
}


bool
fkv_renew_next(fkv_t *store, fkv_renew_t *next)
{
    fkv__renew_t  *renew = (store->helper != NULL) ? &store->helper->renew
                                                   : NULL;

    while (renew != NULL && (renew->at < renew->taken.len || take(renew))) {
        uint8_t  *head = renew->taken.data + renew->at;
        uint8_t  *key = head + HEAD_BYTES;
        size_t    len = fkv__get_le32(head + 8);

        renew->at += HEAD_BYTES + len;
        next->version = fkv__get_le64(head);

        /* Decoding never grows. */

        if (fkv__key_decode((fkv_str_t) { key, len }, &next->ns, key, &len)
            == FKV_OK)
        {
            next->key = (fkv_str_t) { key, len };
            return true;
        }
    }

    return false;
}


void
fkv_renew_end(fkv_t *store)
{
    fkv__count(store, renewed, 1);
}
