/*
 * record.h - one version of one key, the same bytes in log and table.
 *
 *   flags 1 | expire_at 8 | type 2, encver 2 | stamp v | meta_len v
 *   | shared v | key_len v | value_len v | version v | meta | key | value
 *
 * v is a varint.  The low three bits of flags are the kind, the others say
 * which optional fields follow: expire_at, type and encver, stamp, meta_len,
 * version.  "shared" is how many bytes the key takes from the head of
 * its group in a block, and 0 in the log; "version" is absent in the
 * log, where the record's own position is its version.  Expiry stands before
 * key and value, so it is decided before the value is touched.
 */

#ifndef FKV_FORMAT_RECORD_H
#define FKV_FORMAT_RECORD_H

#include "base/types.h"

/* On disk, do not change. */
typedef enum {
    FKV__RECORD_END = 0,            /* padding: no further record here */
    FKV__RECORD_VALUE = 1,
    FKV__RECORD_TOMBSTONE = 2,      /* expire_at: of a value that had expired */
    FKV__RECORD_MERGE = 3,          /* the value is an operand of the type's
                                       operator; stamp: when it was written */
    FKV__RECORD_RANGE_TOMBSTONE = 4,/* key = begin, value = end; log only */
    FKV__RECORD_BLOB = 5            /* the value is where blob.h says */
} fkv__record_kind_e;

#define FKV__RECORD_KIND     0x07
#define FKV__RECORD_EXPIRE   0x08
#define FKV__RECORD_TYPE     0x10
#define FKV__RECORD_STAMP    0x20
#define FKV__RECORD_META     0x40
#define FKV__RECORD_VERSION  0x80

/* Bounds what a record's head can need beside meta, key and value. */
#define FKV__RECORD_HEAD_MAX  (1 + 8 + 4 + 6 * 10)

typedef struct {
    fkv__record_kind_e  kind;
    uint16_t            type;       /* 0 = bytes */
    uint16_t            encver;
    uint64_t            expire_at;  /* milliseconds, 0 = never */
    uint64_t            stamp;      /* 0 = none */
    uint64_t            version;    /* LSN, 0 = not in the record */
    size_t              shared;     /* bytes of the key that are not here */
    fkv_str_t           meta;       /* content type, empty = none */
    fkv_str_t           key;        /* internal key behind the shared bytes */
    fkv_str_t           value;
} fkv__record_t;


/* Bytes that the encoded record takes. */
size_t fkv__record_size(const fkv__record_t *rec);

/*
 * Writes everything before the value: fkv__record_size() - value.len bytes.
 * Returns the place of the value, which the caller copies.
 */
uint8_t *fkv__record_put(uint8_t *p, const fkv__record_t *rec);

/*
 * Reads one record; rec points into the bytes.  *next is the byte behind it.
 * FKV_OK · FKV_END at padding or at the end · FKV_ECORRUPT
 */
int fkv__record_get(const uint8_t *p, const uint8_t *end, fkv__record_t *rec,
    const uint8_t **next);


static inline bool
fkv__record_expired(const fkv__record_t *rec, uint64_t now_ms)
{
    return rec->expire_at != 0 && rec->expire_at <= now_ms;
}


#endif /* FKV_FORMAT_RECORD_H */
