/*
 * payload.h - what DUMP gives and RESTORE takes: the form of Redis 7.0, so
 * strings can go from one to the other.
 *
 *     type 1 (0 = string) | string | version 2 (10) | CRC-64 of all before 8
 *
 * A string is its length (1, 2, 5 or 9 bytes) and its bytes; a number of up to
 * 32 bits in 1 to 4 bytes; or packed by LZF.  All three are read, the last is
 * never written.  The bytes come from anybody: nothing is taken for granted,
 * and no memory is asked for that could not be filled.
 */

#ifndef FKV_COMMANDS_PAYLOAD_H
#define FKV_COMMANDS_PAYLOAD_H

#include "commands/number.h"

/* Room for any value of so many bytes. */
#define FKV_PAYLOAD_SIZE(len)  ((len) + 1 + 9 + 2 + 8)

typedef struct {
    size_t     len;             /* of the value */
    fkv_str_t  bytes;           /* of it; or packed, if packed says so */
    bool       packed;
    bool       number;          /* neither: digits */
    char       digits[FKV_NUMBER_INT_BYTES];
} fkv_payload_t;


/* Writes at most FKV_PAYLOAD_SIZE(value.len) bytes, returns how many. */
size_t fkv_payload_put(uint8_t *out, fkv_str_t value);

/*
 * FKV_OK · FKV_EVERSION of a later version, or the sum is wrong · FKV_ECORRUPT
 * it holds no string
 */
int fkv_payload_get(fkv_str_t in, fkv_payload_t *payload);

/* Writes payload->len bytes; FKV_OK · FKV_ECORRUPT */
int fkv_payload_value(const fkv_payload_t *payload, uint8_t *out);


#endif /* FKV_COMMANDS_PAYLOAD_H */
