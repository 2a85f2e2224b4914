#include "commands/payload.h"
#include "base/bytes.h"

#include <string.h>

#define VERSION         10
#define FOOTER_BYTES    10
#define TYPE_STRING     0
#define TYPE_TYPED      200

/* What the two high bits of a length's first byte say. */
#define LENGTH_6        0x00
#define LENGTH_14       0x40
#define LENGTH_32       0x80
#define LENGTH_64       0x81
#define LENGTH_SPECIAL  0xc0

/* The low bits of LENGTH_SPECIAL. */
#define SPECIAL_INT8    0
#define SPECIAL_INT16   1
#define SPECIAL_INT32   2
#define SPECIAL_LZF     3

#define INT_DIGITS_MAX  11      /* "-2147483648" */

#define LZF_RATIO_MAX   88      /* three bytes become 264 */


/* CRC-64 "Jones", reflected, four bits at a time. */
static uint64_t
crc64(fkv_str_t bytes)
{
    static const uint64_t  table[16] = {
        0x0000000000000000, 0x7d08ff3b88be6f81,
        0xfa11fe77117cdf02, 0x8719014c99c2b083,
        0xdf7adabd7a6e2d6f, 0xa2722586f2d042ee,
        0x256b24ca6b12f26d, 0x5863dbf1e3ac9dec,
        0x95ac9329ac4bc9b5, 0xe8a46c1224f5a634,
        0x6fbd6d5ebd3716b7, 0x12b5926535897936,
        0x4ad64994d625e4da, 0x37deb6af5e9b8b5b,
        0xb0c7b7e3c7593bd8, 0xcdcf48d84fe75459
    };
    uint64_t  crc = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= bytes.data[i];
        crc = (crc >> 4) ^ table[crc & 15];
        crc = (crc >> 4) ^ table[crc & 15];
    }

    return crc;
}


/* A number that Redis would write in a few bytes; 0: it is none. */
static size_t
int_put(uint8_t *out, fkv_str_t value)
{
    int64_t  n;

    if (value.len > INT_DIGITS_MAX || fkv_number_int(value, &n) != FKV_OK) {
        return 0;
    }

    if (n >= INT8_MIN && n <= INT8_MAX) {
        out[0] = LENGTH_SPECIAL | SPECIAL_INT8;
        out[1] = (uint8_t) n;
        return 2;
    }

    if (n >= INT16_MIN && n <= INT16_MAX) {
        out[0] = LENGTH_SPECIAL | SPECIAL_INT16;
        fkv__put_le16(out + 1, (uint16_t) n);
        return 3;
    }

    if (n >= INT32_MIN && n <= INT32_MAX) {
        out[0] = LENGTH_SPECIAL | SPECIAL_INT32;
        fkv__put_le32(out + 1, (uint32_t) n);
        return 5;
    }

    return 0;
}


static size_t
length_put(uint8_t *out, uint64_t len)
{
    if (len < 1 << 6) {
        out[0] = (uint8_t) (LENGTH_6 | len);
        return 1;
    }

    if (len < 1 << 14) {
        out[0] = (uint8_t) (LENGTH_14 | len >> 8);
        out[1] = (uint8_t) len;
        return 2;
    }

    if (len <= UINT32_MAX) {
        out[0] = LENGTH_32;
        fkv__put_le32(out + 1, __builtin_bswap32((uint32_t) len));
        return 5;
    }

    out[0] = LENGTH_64;
    fkv__put_le64(out + 1, __builtin_bswap64(len));

    return 9;
}


/* A length and as many bytes. */
static size_t
bytes_put(uint8_t *out, fkv_str_t bytes)
{
    size_t  n = length_put(out, bytes.len);

    if (bytes.len > 0) {
        memcpy(out + n, bytes.data, bytes.len);
    }

    return n + bytes.len;
}


size_t
fkv_payload_put_end(const uint8_t *begin, uint8_t *end)
{
    uint8_t  *p = end;

    fkv__put_le16(p, VERSION);
    p += 2;
    fkv__put_le64(p, crc64((fkv_str_t) { begin, (size_t) (p - begin) }));

    return (size_t) (p + 8 - end);
}


size_t
fkv_payload_put(uint8_t *out, fkv_str_t value)
{
    uint8_t  *p = out;
    size_t    n;

    *p++ = TYPE_STRING;
    n = int_put(p, value);
    p += (n > 0) ? n : bytes_put(p, value);
    p += fkv_payload_put_end(out, p);

    return (size_t) (p - out);
}


size_t
fkv_payload_put_typed(uint8_t *out, fkv_str_t type, unsigned encver,
    fkv_str_t value, uint64_t elements)
{
    uint8_t  *p = out;

    *p++ = TYPE_TYPED;
    p += bytes_put(p, type);
    fkv__put_le16(p, (uint16_t) encver);
    p += 2;
    p += bytes_put(p, value);
    p += length_put(p, elements);

    return (size_t) (p - out);
}


size_t
fkv_payload_put_element(uint8_t *out, fkv_str_t name, fkv_str_t value,
    uint64_t expire_at)
{
    uint8_t  *p = out;

    p += bytes_put(p, name);
    p += bytes_put(p, value);
    fkv__put_le64(p, expire_at);

    return (size_t) (p + 8 - out);
}


/* The next n bytes; NULL: there are not so many. */
static const uint8_t *
take(fkv_str_t *in, uint64_t n)
{
    const uint8_t  *p = in->data;

    if (in->len < n) {
        return NULL;
    }

    in->data += n;
    in->len -= n;

    return p;
}


/* FKV_OK · FKV_NOTINT it is special, *len says what · FKV_ECORRUPT */
static int
length_get(fkv_str_t *in, uint64_t *len)
{
    const uint8_t  *p = take(in, 1);
    uint8_t         first;

    if (p == NULL) {
        return FKV_ECORRUPT;
    }

    first = *p;

    switch (first & 0xc0) {

    case LENGTH_6:
        *len = first & 0x3f;
        return FKV_OK;

    case LENGTH_14:
        p = take(in, 1);
        *len = (p != NULL) ? (uint64_t) (first & 0x3f) << 8 | *p : 0;
        return (p != NULL) ? FKV_OK : FKV_ECORRUPT;

    case LENGTH_SPECIAL:
        *len = first & 0x3f;
        return FKV_NOTINT;
    }

    p = take(in, (first == LENGTH_64) ? 8 : 4);

    if (p == NULL || first > LENGTH_64) {
        return FKV_ECORRUPT;
    }

    *len = (first == LENGTH_64) ? fkv__get_be64(p)
                                : __builtin_bswap32(fkv__get_le32(p));

    return FKV_OK;
}


static int
int_get(fkv_str_t *in, unsigned bytes, fkv_payload_t *payload)
{
    const uint8_t  *p = take(in, bytes);
    int64_t         n;

    if (p == NULL) {
        return FKV_ECORRUPT;
    }

    n = (bytes == 1) ? (int8_t) *p
        : (bytes == 2) ? (int16_t) fkv__get_le16(p)
        : (int32_t) fkv__get_le32(p);

    payload->number = true;
    payload->len = fkv_number_int_put(payload->digits, n);

    return FKV_OK;
}


static int
packed_get(fkv_str_t *in, fkv_payload_t *payload)
{
    uint64_t        bytes, len;
    const uint8_t  *p;

    if (length_get(in, &bytes) != FKV_OK || length_get(in, &len) != FKV_OK) {
        return FKV_ECORRUPT;
    }

    p = take(in, bytes);

    if (p == NULL || len / LZF_RATIO_MAX > bytes) {
        return FKV_ECORRUPT;
    }

    payload->packed = true;
    payload->bytes = (fkv_str_t) { p, bytes };
    payload->len = len;

    return FKV_OK;
}


static int
string_get(fkv_str_t *in, fkv_payload_t *payload)
{
    uint64_t        len;
    const uint8_t  *p;
    int             rc = length_get(in, &len);

    if (rc == FKV_NOTINT) {
        switch (len) {
        case SPECIAL_INT8:   return int_get(in, 1, payload);
        case SPECIAL_INT16:  return int_get(in, 2, payload);
        case SPECIAL_INT32:  return int_get(in, 4, payload);
        case SPECIAL_LZF:    return packed_get(in, payload);
        }
    }

    p = (rc == FKV_OK) ? take(in, len) : NULL;
    if (p == NULL) {
        return FKV_ECORRUPT;
    }

    payload->bytes = (fkv_str_t) { p, len };
    payload->len = len;

    return FKV_OK;
}


static int
bytes_get(fkv_str_t *in, fkv_str_t *bytes)
{
    uint64_t  len;
    int       rc = length_get(in, &len);

    if (rc != FKV_OK) {
        return FKV_ECORRUPT;
    }

    bytes->data = take(in, len);
    bytes->len = len;

    return (bytes->data != NULL) ? FKV_OK : FKV_ECORRUPT;
}


static int
typed_get(fkv_str_t *in, fkv_payload_t *payload)
{
    const uint8_t  *encver;

    if (bytes_get(in, &payload->type) != FKV_OK || payload->type.len == 0) {
        return FKV_ECORRUPT;
    }

    encver = take(in, 2);

    if (encver == NULL || bytes_get(in, &payload->bytes) != FKV_OK
        || length_get(in, &payload->elements) != FKV_OK)
    {
        return FKV_ECORRUPT;
    }

    payload->encver = fkv__get_le16(encver);
    payload->len = payload->bytes.len;
    payload->rest = *in;

    return (payload->elements > 0 || in->len == 0) ? FKV_OK : FKV_ECORRUPT;
}


int
fkv_payload_element(fkv_payload_t *payload, fkv_str_t *name, fkv_str_t *value,
    uint64_t *expire_at)
{
    const uint8_t  *until;

    if (payload->elements == 0) {
        return (payload->rest.len == 0) ? FKV_END : FKV_ECORRUPT;
    }

    if (bytes_get(&payload->rest, name) != FKV_OK
        || bytes_get(&payload->rest, value) != FKV_OK)
    {
        return FKV_ECORRUPT;
    }

    until = take(&payload->rest, 8);

    if (until == NULL) {
        return FKV_ECORRUPT;
    }

    *expire_at = fkv__get_le64(until);
    payload->elements--;

    return FKV_OK;
}


int
fkv_payload_get(fkv_str_t in, fkv_payload_t *payload)
{
    const uint8_t  *footer, *type;

    memset(payload, 0, sizeof(*payload));

    if (in.len < FOOTER_BYTES) {
        return FKV_EVERSION;
    }

    in.len -= FOOTER_BYTES;
    footer = in.data + in.len;

    if (fkv__get_le16(footer) > VERSION
        || fkv__get_le64(footer + 2)
           != crc64((fkv_str_t) { in.data, in.len + 2 }))
    {
        return FKV_EVERSION;
    }

    type = take(&in, 1);

    if (type != NULL && *type == TYPE_TYPED) {
        return typed_get(&in, payload);
    }

    if (type == NULL || *type != TYPE_STRING
        || string_get(&in, payload) != FKV_OK || in.len > 0)
    {
        return FKV_ECORRUPT;
    }

    return FKV_OK;
}


/*
 * LZF: a byte below 32 says how many bytes follow as they are, less one; else
 * its high bits (all set: and the next byte) say how many of those written
 * before are repeated, less two, and the rest and the next byte how far back.
 */
static int
unpack(fkv_str_t in, uint8_t *out, size_t len)
{
    size_t  n = 0;

    while (in.len > 0) {
        uint8_t         c = *take(&in, 1);
        const uint8_t  *p;
        size_t          count, back;

        if (c < 32) {
            count = c + 1u;
            p = take(&in, count);

            if (p == NULL || count > len - n) {
                return FKV_ECORRUPT;
            }

            memcpy(out + n, p, count);
            n += count;
            continue;
        }

        count = (c >> 5) + 2u;
        p = take(&in, (count == 9) ? 2 : 1);

        if (p == NULL) {
            return FKV_ECORRUPT;
        }

        if (count == 9) {
            count += *p++;
        }

        back = ((size_t) (c & 31) << 8 | *p) + 1;

        if (back > n || count > len - n) {
            return FKV_ECORRUPT;
        }

        /* The two may overlap: then what was just written is repeated. */

        for ( ; count > 0; count--, n++) {
            out[n] = out[n - back];
        }
    }

    return (n == len) ? FKV_OK : FKV_ECORRUPT;
}


int
fkv_payload_value(const fkv_payload_t *payload, uint8_t *out)
{
    if (payload->packed) {
        return unpack(payload->bytes, out, payload->len);
    }

    if (payload->len > 0) {
        memcpy(out, payload->number ? (const uint8_t *) payload->digits
                                    : payload->bytes.data, payload->len);
    }

    return FKV_OK;
}
