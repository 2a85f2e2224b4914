/*
 * payload.h - what DUMP gives and RESTORE takes: the form of Redis 7.0, so
 * strings can go from one to the other.
 *
 *     type 1 (0 = string) | string | version 2 (10) | CRC-64 of all before 8
 *
 * A value of another type is of none that Redis has:
 *
 *     type 1 (200) | name of the type, a length and as many bytes | encver 2
 *         | value, a length and as many bytes | number of elements, a length
 *         | of each: name and value, a length and as many bytes; expire_at 8
 *         | version 2 (10) | CRC-64
 *
 * A string is its length (1, 2, 5 or 9 bytes) and its bytes; a number of up to
 * 32 bits in 1 to 4 bytes; or packed by LZF.  All three are read, the last is
 * never written.  The bytes come from anybody: nothing is taken for granted,
 * and no memory is asked for that could not be filled.  Numbers are
 * little-endian, but the 4 and 8 bytes of a length.
 */

#ifndef FKV_COMMANDS_PAYLOAD_H
#define FKV_COMMANDS_PAYLOAD_H

#include "commands/number.h"

/* Room for any value of so many bytes. */
#define FKV_PAYLOAD_SIZE(len)  ((len) + 1 + 9 + 2 + 8)

/* Likewise of another type, of its elements each. */
#define FKV_PAYLOAD_TYPED_SIZE(name, len)                                     \
    (1 + 9 + (name) + 2 + 9 + (len) + 9 + 2 + 8)
#define FKV_PAYLOAD_ELEMENT_SIZE(name, len)  (9 + (name) + 9 + (len) + 8)

typedef struct {
    size_t     len;             /* of the value */
    fkv_str_t  bytes;           /* of it; or packed, if packed says so */
    bool       packed;
    bool       number;          /* neither: digits */
    char       digits[FKV_NUMBER_INT_BYTES];
    fkv_str_t  type;            /* its name; empty: a string */
    unsigned   encver;
    uint64_t   elements;        /* that are still to come, ... */
    fkv_str_t  rest;            /* ... here */
} fkv_payload_t;


/* Writes at most FKV_PAYLOAD_SIZE(value.len) bytes, returns how many. */
size_t fkv_payload_put(uint8_t *out, fkv_str_t value);

/*
 * Of another type: what stands before the elements, each of them, and what
 * stands behind them, of all that was written from begin to end.  They return
 * how many bytes they have written.
 */
size_t fkv_payload_put_typed(uint8_t *out, fkv_str_t type, unsigned encver,
    fkv_str_t value, uint64_t elements);
size_t fkv_payload_put_element(uint8_t *out, fkv_str_t name, fkv_str_t value,
    uint64_t expire_at);
size_t fkv_payload_put_end(const uint8_t *begin, uint8_t *end);

/*
 * FKV_OK · FKV_EVERSION of a later version, or the sum is wrong · FKV_ECORRUPT
 * it holds neither
 */
int fkv_payload_get(fkv_str_t in, fkv_payload_t *payload);

/* Writes payload->len bytes; FKV_OK · FKV_ECORRUPT */
int fkv_payload_value(const fkv_payload_t *payload, uint8_t *out);

/* The next element, in the payload's bytes.  FKV_OK · FKV_END · FKV_ECORRUPT */
int fkv_payload_element(fkv_payload_t *payload, fkv_str_t *name,
    fkv_str_t *value, uint64_t *expire_at);


#endif /* FKV_COMMANDS_PAYLOAD_H */
