/*
 * share.h - what a table holds of each namespace.
 *
 * Bytes are those of key, metadata and value, before packing.  A list of
 * shares is an array in a buffer, in order of namespaces; its bytes on disk
 * stand in README.md.
 */

#ifndef FKV_FORMAT_SHARE_H
#define FKV_FORMAT_SHARE_H

#include "base/buf.h"
#include "format/blob.h"
#include "format/record.h"

/*
 *   raw              bytes of all records
 *   keys, bytes      of each key's newest record if that is no tombstone
 *   net_keys,        by so much a store grew by the table: what lies elsewhere
 *   net_bytes          and is hidden by it has been taken off, as far as is
 *                      known; store/usage.h
 */
typedef struct {
    uint64_t  ns;
    uint64_t  raw;
    uint64_t  keys;
    uint64_t  bytes;
    int64_t   net_keys;
    int64_t   net_bytes;
} fkv__share_t;


static inline fkv__share_t *
fkv__shares(const fkv__buf_t *shares, size_t *n)
{
    *n = shares->len / sizeof(fkv__share_t);

    return (fkv__share_t *) (void *) shares->data;
}


/* What a record counts for, a large value as if it were in it. */
static inline uint64_t
fkv__share_bytes(const fkv__record_t *rec)
{
    uint64_t         value = rec->value.len;
    fkv__blob_ref_t  ref;

    if (rec->kind == FKV__RECORD_BLOB
        && fkv__blob_ref_get(rec->value, &ref) == FKV_OK)
    {
        value = ref.length;
    }

    return rec->key.len + rec->meta.len + value;
}


/*
 * Counts a record, with what it holds as its net; records come in order.
 *   new_key   it is the newest of its key
 * FKV_OK or FKV_ENOMEM
 */
int fkv__shares_count(fkv__buf_t *shares, const fkv__record_t *rec,
    bool new_key);

/* Appends the list's bytes to buf.  FKV_OK or FKV_ENOMEM. */
int fkv__shares_put(fkv__buf_t *buf, const fkv__buf_t *shares);

/* Reads them into an empty buffer.  FKV_OK · FKV_ECORRUPT · FKV_ENOMEM */
int fkv__shares_get(fkv_str_t bytes, fkv__buf_t *shares);


#endif /* FKV_FORMAT_SHARE_H */
