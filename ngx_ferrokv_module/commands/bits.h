/*
 * bits.h - bytes as a row of bits: bit 0 is the highest of the first byte.
 *
 * What lies behind the last byte reads as 0.
 */

#ifndef FKV_COMMANDS_BITS_H
#define FKV_COMMANDS_BITS_H

#include "base/types.h"

typedef enum {
    FKV_BITS_AND,
    FKV_BITS_OR,
    FKV_BITS_XOR,
    FKV_BITS_NOT            /* of the first row, the only one */
} fkv_bits_op_e;


unsigned fkv_bits_get(fkv_str_t row, uint64_t at);
void fkv_bits_put(uint8_t *row, uint64_t at, unsigned bit);

/* Ones from `from` to before `to`, which lies in the row. */
uint64_t fkv_bits_count(fkv_str_t row, uint64_t from, uint64_t to);

/* The first such bit of these; to: there is none. */
uint64_t fkv_bits_find(fkv_str_t row, unsigned bit, uint64_t from,
    uint64_t to);

/* into has the length of the longest row; the others end in zeros. */
void fkv_bits_combine(fkv_bits_op_e op, const fkv_str_t *rows, unsigned n,
    uint8_t *into, size_t len);

/* A number of 1 to 64 bits, the highest first. */
uint64_t fkv_bits_number(fkv_str_t row, uint64_t at, unsigned width);
void fkv_bits_number_put(uint8_t *row, uint64_t at, unsigned width,
    uint64_t number);


#endif /* FKV_COMMANDS_BITS_H */
