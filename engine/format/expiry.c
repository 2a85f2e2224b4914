/*
 * expiry.c - spans of time and their counts.
 *
 * In units of 256 ms: span 0 to 3 are one unit each, then four spans to each
 * power of two.  The last one has no end.
 */

#include "format/expiry.h"
#include "base/bytes.h"

#define UNIT_BITS  8
#define LAST       (FKV__EXPIRY_SPANS - 1)


static unsigned
span_of(uint64_t left_ms)
{
    uint64_t  units = left_ms >> UNIT_BITS;
    unsigned  power;

    if (units < 4) {
        return (unsigned) units;
    }

    power = 63 - (unsigned) __builtin_clzll(units);

    return fkv__min(4 * (power - 1) + ((units >> (power - 2)) & 3), LAST);
}


/* The first millisecond behind it. */
static uint64_t
span_end(unsigned span)
{
    uint64_t  units;

    if (span < 4) {
        units = span + 1;

    } else {
        units = (uint64_t) (span % 4 + 5) << (span / 4 - 1);
    }

    return (span == LAST) ? UINT64_MAX : units << UNIT_BITS;
}


void
fkv__expiry_add(fkv__expiry_t *expiry, uint64_t begun_ms, uint64_t expire_at)
{
    uint64_t   left = (expire_at > begun_ms) ? expire_at - begun_ms : 0;
    uint32_t  *n = &expiry->n[span_of(left)];

    *n += (*n < UINT32_MAX);
}


int
fkv__expiry_put(const fkv__expiry_t *expiry, fkv__buf_t *to)
{
    unsigned  next = 0;

    if (fkv__buf_reserve(to, FKV__EXPIRY_BYTES_MAX) != FKV_OK) {
        return FKV_ENOMEM;
    }

    for (unsigned i = 0; i < FKV__EXPIRY_SPANS; i++) {
        uint8_t  *p = to->data + to->len;

        if (expiry->n[i] > 0) {
            p = fkv__put_varint(p, i - next);
            p = fkv__put_varint(p, expiry->n[i]);
            to->len = (size_t) (p - to->data);
            next = i + 1;
        }
    }

    return FKV_OK;
}


/* FKV_OK, the next one's span and count · FKV_END · FKV_ECORRUPT */
static int
span_next(fkv_str_t *bytes, uint64_t *span, uint64_t *n)
{
    const uint8_t  *p = bytes->data, *end = p + bytes->len;
    uint64_t        gap;

    if (bytes->len == 0) {
        return FKV_END;
    }

    p = fkv__get_varint(p, end, &gap);

    if (p == NULL || (p = fkv__get_varint(p, end, n)) == NULL
        || gap > LAST || *span + gap > LAST)
    {
        return FKV_ECORRUPT;
    }

    *span += gap;
    *bytes = (fkv_str_t) { p, (size_t) (end - p) };

    return FKV_OK;
}


int
fkv__expiry_check(fkv_str_t bytes, uint64_t total)
{
    uint64_t  span = 0, n;
    int       rc;

    while ((rc = span_next(&bytes, &span, &n)) == FKV_OK) {
        if (n > total) {
            return FKV_ECORRUPT;
        }

        total -= n;
        span++;
    }

    return (rc == FKV_END) ? FKV_OK : rc;
}


uint64_t
fkv__expiry_passed(fkv_str_t bytes, uint64_t begun_ms, uint64_t now_ms)
{
    uint64_t  span = 0, n, passed = 0;

    while (now_ms > begun_ms && span_next(&bytes, &span, &n) == FKV_OK
           && span_end((unsigned) span) - 1 <= now_ms - begun_ms)
    {
        passed += n;
        span++;
    }

    return passed;
}
