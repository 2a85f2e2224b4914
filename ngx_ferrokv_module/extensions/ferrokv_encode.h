/*
 * ferrokv_encode.h - values as element names that sort as the values do, and
 * packed sequences of byte strings.
 *
 * Order    elements are ordered as bytes are, by memcmp, the shorter one first.
 *          What is put together of the parts below sorts by the first part,
 *          then by the second ...; the last part may be any bytes as they are
 * Packed   a small collection that lives whole in its key's head: items one
 *          after the other, each behind its length
 * Trust    what is read may come from anybody: readers stay inside what they
 *          are given, and say what is damaged
 *
 * Nothing here calls ferrokv; all of it is C99 and C++11.
 */

#ifndef FERROKV_ENCODE_H
#define FERROKV_ENCODE_H

#include "ferrokv_extension.h"

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FERROKV_ENCODED_BYTES  8        /* of a number */
#define FERROKV_VARINT_BYTES   10       /* the most */


/* Whole numbers without a sign, big-endian. */
static inline void
ferrokv_put_u64(void *out, uint64_t n)
{
    unsigned char  *p = (unsigned char *) out;
    int             i;

    for (i = FERROKV_ENCODED_BYTES - 1; i >= 0; i--) {
        p[i] = (unsigned char) n;
        n >>= 8;
    }
}


static inline uint64_t
ferrokv_get_u64(const void *in)
{
    const unsigned char  *p = (const unsigned char *) in;
    uint64_t              n = 0;
    int                   i;

    for (i = 0; i < FERROKV_ENCODED_BYTES; i++) {
        n = n << 8 | p[i];
    }

    return n;
}


/* Whole numbers: the smallest becomes 0. */
static inline void
ferrokv_put_i64(void *out, int64_t n)
{
    ferrokv_put_u64(out, (uint64_t) n ^ (uint64_t) 1 << 63);
}


static inline int64_t
ferrokv_get_i64(const void *in)
{
    uint64_t  bits = ferrokv_get_u64(in) ^ (uint64_t) 1 << 63;
    int64_t   n;

    memcpy(&n, &bits, sizeof(n));

    return n;
}


/*
 * Real numbers: from -infinity to infinity, -0 as 0, and behind them all what
 * is not a number (as one that is positive).
 */
static inline void
ferrokv_put_double(void *out, double n)
{
    uint64_t  bits, sign = (uint64_t) 1 << 63;

    memcpy(&bits, &n, sizeof(bits));

    if (n == 0 || n != n) {
        bits &= ~sign;
    }

    ferrokv_put_u64(out, (bits & sign) ? ~bits : bits | sign);
}


static inline double
ferrokv_get_double(const void *in)
{
    uint64_t  bits = ferrokv_get_u64(in), sign = (uint64_t) 1 << 63;
    double    n;

    bits = (bits & sign) ? bits & ~sign : ~bits;
    memcpy(&n, &bits, sizeof(n));

    return n;
}


/*
 * Bytes of any length with something behind them: 00 becomes 00 FF, and 00 00
 * ends them.  Writes at most 2 len + 2 bytes, returns how many.
 */
static inline size_t
ferrokv_put_text(void *out, ferrokv_str text)
{
    const unsigned char  *in = (const unsigned char *) text.data;
    unsigned char        *p = (unsigned char *) out;
    size_t                i;

    for (i = 0; i < text.len; i++) {
        *p++ = in[i];

        if (in[i] == 0) {
            *p++ = 0xff;
        }
    }

    *p++ = 0;
    *p++ = 0;

    return (size_t) (p - (unsigned char *) out);
}


/*
 * The text at the beginning of `in`: *len bytes of it into out, which has room
 * for in.len.  Returns how many it took of `in`; 0: it is damaged.
 */
static inline size_t
ferrokv_get_text(ferrokv_str in, void *out, size_t *len)
{
    const unsigned char  *p = (const unsigned char *) in.data;
    unsigned char        *o = (unsigned char *) out;
    size_t                i;

    *len = 0;

    for (i = 0; i < in.len; i++) {
        *o = p[i];

        if (p[i] == 0) {
            if (++i == in.len) {
                return 0;
            }

            if (p[i] == 0) {
                *len = (size_t) (o - (unsigned char *) out);
                return i + 1;
            }

            if (p[i] != 0xff) {
                return 0;
            }
        }

        o++;
    }

    return 0;
}


/* Small numbers in few bytes, seven bits each, low ones first; no order. */
static inline size_t
ferrokv_varint_size(uint64_t n)
{
    size_t  size = 1;

    while (n >= 0x80) {
        n >>= 7;
        size++;
    }

    return size;
}


static inline unsigned char *
ferrokv_put_varint(unsigned char *p, uint64_t n)
{
    while (n >= 0x80) {
        *p++ = (unsigned char) (n | 0x80);
        n >>= 7;
    }

    *p++ = (unsigned char) n;

    return p;
}


/* Returns the byte behind it; NULL: it is damaged. */
static inline const unsigned char *
ferrokv_get_varint(const unsigned char *p, const unsigned char *end,
    uint64_t *n)
{
    unsigned  shift;

    *n = 0;

    for (shift = 0; p != end && shift < 64; shift += 7) {
        if (shift == 63 && *p > 1) {
            return NULL;
        }

        *n |= (uint64_t) (*p & 0x7f) << shift;

        if (*p++ < 0x80) {
            return p;
        }
    }

    return NULL;
}


/* What an item takes in a packed sequence. */
static inline size_t
ferrokv_packed_size(size_t len)
{
    return ferrokv_varint_size(len) + len;
}


/* Returns the byte behind it. */
static inline unsigned char *
ferrokv_packed_put(unsigned char *p, ferrokv_str item)
{
    p = ferrokv_put_varint(p, item.len);

    if (item.len > 0) {
        memcpy(p, item.data, item.len);
    }

    return p + item.len;
}


/*
 * Takes the first item off the sequence; item is inside of it.
 * FERROKV_OK · FERROKV_NONE it is empty · FERROKV_ECORRUPT
 */
static inline int
ferrokv_packed_next(ferrokv_str *packed, ferrokv_str *item)
{
    const unsigned char  *p = (const unsigned char *) packed->data;
    const unsigned char  *end;
    uint64_t              len;

    if (packed->len == 0) {
        return FERROKV_NONE;
    }

    if (*p < 0x80) {                    /* nearly all of them */
        len = *p++;
        packed->len--;

    } else {
        end = p + packed->len;
        p = ferrokv_get_varint(p, end, &len);

        if (p == NULL) {
            return FERROKV_ECORRUPT;
        }

        packed->len = (size_t) (end - p);
    }

    if (len > packed->len) {
        return FERROKV_ECORRUPT;
    }

    item->data = p;
    item->len = (size_t) len;
    packed->data = p + len;
    packed->len -= (size_t) len;

    return FERROKV_OK;
}


/* How many items; a damaged one ends them. */
static inline size_t
ferrokv_packed_count(ferrokv_str packed)
{
    ferrokv_str  item;
    size_t       n = 0;

    while (ferrokv_packed_next(&packed, &item) == FERROKV_OK) {
        n++;
    }

    return n;
}


#ifdef __cplusplus
}
#endif

#endif /* FERROKV_ENCODE_H */
