/*
 * share.c - counting records by namespace, and the list's bytes.
 */

#include "format/share.h"

#include "base/bytes.h"

#define SHARE_BYTES_MAX  (6 * FKV__VARINT_MAX)

/* Of a number on disk: sums over a store's tables stay far below 2^63. */
#define NUMBER_MAX  (1ull << 48)


int
fkv__shares_count(fkv__buf_t *shares, const fkv__record_t *rec, bool new_key)
{
    size_t         n;
    fkv__share_t  *share = fkv__shares(shares, &n);
    unsigned       ns = (rec->key.len > 0) ? rec->key.data[0] : 0;

    if (n == 0 || share[n - 1].ns != ns) {
        fkv__share_t  next = { .ns = ns };

        if (fkv__buf_append(shares, &next, sizeof(next)) != FKV_OK) {
            return FKV_ENOMEM;
        }

        share = fkv__shares(shares, &n);
    }

    share += n - 1;
    share->raw += fkv__share_bytes(rec);

    if (new_key && rec->kind != FKV__RECORD_TOMBSTONE) {
        share->keys++;
        share->bytes += fkv__share_bytes(rec);
        share->net_keys++;
        share->net_bytes += (int64_t) fkv__share_bytes(rec);
    }

    return FKV_OK;
}


/* Small numbers of either sign become small numbers: 0, -1, 1, -2, ... */
static uint64_t
zigzag(int64_t n)
{
    return ((uint64_t) n << 1) ^ (n < 0 ? UINT64_MAX : 0);
}


static int64_t
zigzag_undone(uint64_t v)
{
    return (int64_t) ((v >> 1) ^ ((v & 1) ? UINT64_MAX : 0));
}


int
fkv__shares_put(fkv__buf_t *buf, const fkv__buf_t *shares)
{
    size_t               n;
    const fkv__share_t  *share = fkv__shares(shares, &n);

    for (size_t i = 0; i < n; i++, share++) {
        uint8_t  bytes[SHARE_BYTES_MAX], *p = bytes;

        p = fkv__put_varint(p, share->ns);
        p = fkv__put_varint(p, share->raw);
        p = fkv__put_varint(p, share->keys);
        p = fkv__put_varint(p, share->bytes);
        p = fkv__put_varint(p, zigzag((int64_t) share->keys
                                      - share->net_keys));
        p = fkv__put_varint(p, zigzag((int64_t) share->bytes
                                      - share->net_bytes));

        if (fkv__buf_append(buf, bytes, (size_t) (p - bytes)) != FKV_OK) {
            return FKV_ENOMEM;
        }
    }

    return FKV_OK;
}


/* FKV_OK, the share's bytes are taken off the front · FKV_ECORRUPT */
static int
share_get(fkv_str_t *bytes, fkv__share_t *share)
{
    uint64_t        numbers[6];
    const uint8_t  *p = bytes->data, *end = p + bytes->len;

    for (unsigned i = 0; i < 6; i++) {
        p = fkv__get_varint(p, end, &numbers[i]);

        if (p == NULL || numbers[i] > NUMBER_MAX) {
            return FKV_ECORRUPT;
        }
    }

    *bytes = (fkv_str_t) { p, (size_t) (end - p) };

    *share = (fkv__share_t) {
        .ns = numbers[0],
        .raw = numbers[1],
        .keys = numbers[2],
        .bytes = numbers[3],
        .net_keys = (int64_t) numbers[2] - zigzag_undone(numbers[4]),
        .net_bytes = (int64_t) numbers[3] - zigzag_undone(numbers[5])
    };

    return (numbers[0] <= UINT8_MAX) ? FKV_OK : FKV_ECORRUPT;
}


int
fkv__shares_get(fkv_str_t bytes, fkv__buf_t *shares)
{
    int           rc = FKV_OK;
    fkv__share_t  share;
    uint64_t      least = 0;

    while (rc == FKV_OK && bytes.len > 0) {
        rc = share_get(&bytes, &share);

        if (rc == FKV_OK && share.ns < least) {
            rc = FKV_ECORRUPT;
        }

        if (rc == FKV_OK) {
            rc = fkv__buf_append(shares, &share, sizeof(share));
            least = share.ns + 1;
        }
    }

    return rc;
}
