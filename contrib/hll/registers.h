/*
 * registers.h - what a HyperLogLog remembers, and how many it has seen.
 *
 * A hash of 64 bits: the lower 14 choose a register, the place of the lowest
 * bit set in the others is a rank from 1 to 51.  A register is the highest rank
 * that came to it, 0 if none has.  So any two are joined by taking the higher
 * of each register: order and repetition are of no account.
 *
 * Bytes, on disk and as an operand; the registers alone decide which form:
 *   1, entries   up to 1000 registers are not 0: of each, in order, 3 bytes,
 *                little-endian: index << 6 | rank
 *   2, ranks     all of them, 6 bits each, 4 in 3 bytes, the lowest bits first
 */

#ifndef HLL_REGISTERS_H
#define HLL_REGISTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGISTERS            16384
#define REGISTERS_BYTES_MAX  (1 + REGISTERS * 6 / 8)

typedef struct {
    uint8_t  rank[REGISTERS];
} registers_t;

void registers_init(registers_t *r);

/* True: a register has changed. */
bool registers_add(registers_t *r, const void *element, size_t len);

/* False: these bytes are none of ours, and r may be half joined. */
bool registers_join(registers_t *r, const void *bytes, size_t len);

/* out has room for REGISTERS_BYTES_MAX; how many they are. */
size_t registers_write(const registers_t *r, uint8_t *out);

/* How many different elements were added; the standard error is 0.81 %. */
uint64_t registers_count(const registers_t *r);


#endif /* HLL_REGISTERS_H */
