/*
 * bytes.h - little-endian integers and varints in unaligned memory.
 *
 * Everything on disk is written through these, never by a struct cast.
 * Varints are LEB128: seven bits a byte, low bits first, at most ten bytes.
 */

#ifndef FKV_BASE_BYTES_H
#define FKV_BASE_BYTES_H

#include "base/types.h"

#include <string.h>

#define FKV__VARINT_MAX  10

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "ferrokv supports little-endian machines only"
#endif


static inline uint16_t
fkv__get_le16(const void *p)
{
    uint16_t  v;

    memcpy(&v, p, sizeof(v));
    return v;
}


static inline uint32_t
fkv__get_le32(const void *p)
{
    uint32_t  v;

    memcpy(&v, p, sizeof(v));
    return v;
}


static inline uint64_t
fkv__get_le64(const void *p)
{
    uint64_t  v;

    memcpy(&v, p, sizeof(v));
    return v;
}


static inline uint64_t
fkv__get_be64(const void *p)
{
    return __builtin_bswap64(fkv__get_le64(p));
}


static inline void
fkv__put_le16(void *p, uint16_t v)
{
    memcpy(p, &v, sizeof(v));
}


static inline void
fkv__put_le32(void *p, uint32_t v)
{
    memcpy(p, &v, sizeof(v));
}


static inline void
fkv__put_le64(void *p, uint64_t v)
{
    memcpy(p, &v, sizeof(v));
}


static inline void
fkv__put_be64(void *p, uint64_t v)
{
    fkv__put_le64(p, __builtin_bswap64(v));
}


static inline size_t
fkv__varint_size(uint64_t v)
{
    return (size_t) (63 - __builtin_clzll(v | 1)) / 7 + 1;
}


/* Writes fkv__varint_size(v) bytes, returns the byte behind them. */
static inline uint8_t *
fkv__put_varint(uint8_t *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = (uint8_t) (v | 0x80);
        v >>= 7;
    }

    *p++ = (uint8_t) v;
    return p;
}


/* Byte by byte: the end is near, or the varint is long. */
static inline const uint8_t *
fkv__get_varint_slow(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
    unsigned  shift = 0;
    uint64_t  value = 0;

    while (p < end && shift < 64) {
        uint8_t  byte = *p++;

        if (shift == 63 && byte > 1) {
            return NULL;
        }

        value |= (uint64_t) (byte & 0x7f) << shift;

        if (byte < 0x80) {
            *v = value;
            return p;
        }

        shift += 7;
    }

    return NULL;
}


/*
 * Returns the byte behind the varint, NULL if it is cut off or too long.  Up to
 * eight bytes are taken at once: what is behind the last one is masked, then
 * groups of seven bits move together, two, four and eight bytes wide.
 */
static inline const uint8_t *
fkv__get_varint(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
    uint64_t  x, stops;
    unsigned  bits;

    if (p < end && *p < 0x80) {
        *v = *p;
        return p + 1;
    }

    if (end - p < 8) {
        return fkv__get_varint_slow(p, end, v);
    }

    x = fkv__get_le64(p);
    stops = ~x & 0x8080808080808080;

    if (stops == 0) {
        return fkv__get_varint_slow(p, end, v);
    }

    bits = (unsigned) __builtin_ctzll(stops) + 1;

    x &= 0x7f7f7f7f7f7f7f7f >> (64 - bits);
    x = (x & 0x007f007f007f007f) | (x & 0x7f007f007f007f00) >> 1;
    x = (x & 0x00003fff00003fff) | (x & 0x3fff00003fff0000) >> 2;
    x = (x & 0x000000000fffffff) | (x & 0x0fffffff00000000) >> 4;

    *v = x;

    return p + bits / 8;
}


/* memcmp order, a proper prefix sorts first: the order of all keys. */
static inline int
fkv__str_cmp(fkv_str_t a, fkv_str_t b)
{
    size_t  n = fkv__min(a.len, b.len);
    int     rc = (n == 0) ? 0 : memcmp(a.data, b.data, n);

    if (rc != 0) {
        return rc;
    }

    return (a.len > b.len) - (a.len < b.len);
}


/* How many first bytes a and b have in common. */
static inline size_t
fkv__str_common(fkv_str_t a, fkv_str_t b)
{
    size_t  n = fkv__min(a.len, b.len), i = 0;

    for ( ; n - i >= 8; i += 8) {
        uint64_t  diff = fkv__get_le64(a.data + i) ^ fkv__get_le64(b.data + i);

        if (diff != 0) {
            return i + (size_t) __builtin_ctzll(diff) / 8;
        }
    }

    while (i < n && a.data[i] == b.data[i]) {
        i++;
    }

    return i;
}


/* What is behind the first at bytes. */
static inline fkv_str_t
fkv__str_from(fkv_str_t s, size_t at)
{
    return (at < s.len) ? (fkv_str_t) { s.data + at, s.len - at }
                        : FKV_STR_NULL;
}


static inline bool
fkv__str_eq(fkv_str_t a, fkv_str_t b)
{
    return a.len == b.len
           && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}


#endif /* FKV_BASE_BYTES_H */
