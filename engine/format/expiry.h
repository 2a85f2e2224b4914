/*
 * expiry.h - when the records of a table expire: how many by which time.
 *
 * Shape      a count for each span of time left when the table was begun.
 *            Spans grow with the distance, four to each doubling: what has a
 *            minute left is told to about ten seconds, a month to some days.
 *            On disk varint | varint | ..: spans passed over, count of the one
 *            that follows
 *
 * An answer is a lower bound: a span counts when all of it has passed.
 */

#ifndef FKV_FORMAT_EXPIRY_H
#define FKV_FORMAT_EXPIRY_H

#include "base/buf.h"

#define FKV__EXPIRY_SPANS  128

/* Records with at most so many varints: gap and count of each span. */
#define FKV__EXPIRY_BYTES_MAX  (FKV__EXPIRY_SPANS * 2 * 5)

typedef struct {
    uint32_t  n[FKV__EXPIRY_SPANS];
} fkv__expiry_t;

/* One record more. */
void fkv__expiry_add(fkv__expiry_t *expiry, uint64_t begun_ms,
    uint64_t expire_at);

/* Nothing of an empty one.  FKV_OK or FKV_ENOMEM. */
int fkv__expiry_put(const fkv__expiry_t *expiry, fkv__buf_t *to);

/* FKV_OK · FKV_ECORRUPT; total: what all counts together must not exceed */
int fkv__expiry_check(fkv_str_t bytes, uint64_t total);

/* How many have expired at now_ms, at least. */
uint64_t fkv__expiry_passed(fkv_str_t bytes, uint64_t begun_ms,
    uint64_t now_ms);


#endif /* FKV_FORMAT_EXPIRY_H */
