/*
 * record.c - encoding of one record.
 */

#include "format/record.h"
#include "base/bytes.h"

/* What few records have, all before the lengths. */
#define RECORD_OPTIONAL                                                       \
    (FKV__RECORD_EXPIRE | FKV__RECORD_TYPE | FKV__RECORD_STAMP                \
     | FKV__RECORD_META)


static uint8_t
record_flags(const fkv__record_t *rec)
{
    unsigned  flags = rec->kind;

    flags |= (rec->expire_at != 0) ? FKV__RECORD_EXPIRE : 0;
    flags |= (rec->type != 0 || rec->encver != 0) ? FKV__RECORD_TYPE : 0;
    flags |= (rec->stamp != 0) ? FKV__RECORD_STAMP : 0;
    flags |= (rec->meta.len != 0) ? FKV__RECORD_META : 0;
    flags |= (rec->version != 0) ? FKV__RECORD_VERSION : 0;

    return (uint8_t) flags;
}


size_t
fkv__record_size(const fkv__record_t *rec)
{
    size_t  n = 1;

    n += (rec->expire_at != 0) ? 8 : 0;
    n += (rec->type != 0 || rec->encver != 0) ? 4 : 0;
    n += (rec->stamp != 0) ? fkv__varint_size(rec->stamp) : 0;
    n += (rec->meta.len != 0) ? fkv__varint_size(rec->meta.len) : 0;
    n += fkv__varint_size(rec->shared);
    n += fkv__varint_size(rec->key.len);
    n += fkv__varint_size(rec->value.len);
    n += (rec->version != 0) ? fkv__varint_size(rec->version) : 0;

    return n + rec->meta.len + rec->key.len + rec->value.len;
}


static uint8_t *
record_put_optional(uint8_t *p, const fkv__record_t *rec, uint8_t flags)
{
    if (flags & FKV__RECORD_EXPIRE) {
        fkv__put_le64(p, rec->expire_at);
        p += 8;
    }

    if (flags & FKV__RECORD_TYPE) {
        fkv__put_le16(p, rec->type);
        fkv__put_le16(p + 2, rec->encver);
        p += 4;
    }

    if (flags & FKV__RECORD_STAMP) {
        p = fkv__put_varint(p, rec->stamp);
    }

    if (flags & FKV__RECORD_META) {
        p = fkv__put_varint(p, rec->meta.len);
    }

    return p;
}


uint8_t *
fkv__record_put(uint8_t *p, const fkv__record_t *rec)
{
    uint8_t  flags = record_flags(rec);

    *p++ = flags;

    if (flags & RECORD_OPTIONAL) {
        p = record_put_optional(p, rec, flags);
    }

    p = fkv__put_varint(p, rec->shared);
    p = fkv__put_varint(p, rec->key.len);
    p = fkv__put_varint(p, rec->value.len);

    if (flags & FKV__RECORD_VERSION) {
        p = fkv__put_varint(p, rec->version);
    }

    if (rec->meta.len > 0) {
        memcpy(p, rec->meta.data, rec->meta.len);
        p += rec->meta.len;
    }

    if (rec->key.len > 0) {
        memcpy(p, rec->key.data, rec->key.len);
        p += rec->key.len;
    }

    return p;
}


/* What comes before the lengths; returns the byte behind it or NULL. */
static const uint8_t *
record_get_optional(const uint8_t *p, const uint8_t *end, uint8_t flags,
    fkv__record_t *rec, uint64_t *meta_len)
{
    if (flags & FKV__RECORD_EXPIRE) {
        if (end - p < 8) {
            return NULL;
        }

        rec->expire_at = fkv__get_le64(p);
        p += 8;
    }

    if (flags & FKV__RECORD_TYPE) {
        if (end - p < 4) {
            return NULL;
        }

        rec->type = fkv__get_le16(p);
        rec->encver = fkv__get_le16(p + 2);
        p += 4;
    }

    if (flags & FKV__RECORD_STAMP) {
        p = fkv__get_varint(p, end, &rec->stamp);
    }

    if (p != NULL && (flags & FKV__RECORD_META)) {
        p = fkv__get_varint(p, end, meta_len);
    }

    return p;
}


int
fkv__record_get(const uint8_t *p, const uint8_t *end, fkv__record_t *rec,
    const uint8_t **next)
{
    uint8_t   flags;
    uint64_t  meta_len = 0, shared, key_len, value_len, left;

    if (p >= end || (*p & FKV__RECORD_KIND) == FKV__RECORD_END) {
        return FKV_END;
    }

    flags = *p++;

    rec->kind = flags & FKV__RECORD_KIND;
    rec->type = 0;
    rec->encver = 0;
    rec->expire_at = 0;
    rec->stamp = 0;
    rec->version = 0;

    if (rec->kind > FKV__RECORD_BLOB) {
        return FKV_ECORRUPT;
    }

    if (flags & RECORD_OPTIONAL) {
        p = record_get_optional(p, end, flags, rec, &meta_len);
    }

    if (p == NULL
        || (p = fkv__get_varint(p, end, &shared)) == NULL
        || (p = fkv__get_varint(p, end, &key_len)) == NULL
        || (p = fkv__get_varint(p, end, &value_len)) == NULL)
    {
        return FKV_ECORRUPT;
    }

    if (flags & FKV__RECORD_VERSION) {
        p = fkv__get_varint(p, end, &rec->version);
        if (p == NULL) {
            return FKV_ECORRUPT;
        }
    }

    left = (uint64_t) (end - p);

    if (meta_len > left || key_len > left - meta_len
        || value_len > left - meta_len - key_len)
    {
        return FKV_ECORRUPT;
    }

    rec->shared = shared;
    rec->meta = (fkv_str_t) { p, meta_len };
    rec->key = (fkv_str_t) { p + meta_len, key_len };
    rec->value = (fkv_str_t) { p + meta_len + key_len, value_len };

    *next = p + meta_len + key_len + value_len;

    return FKV_OK;
}
