/*
 * crc32c.h - CRC-32C (Castagnoli), polynomial 0x1EDC6F41 reflected.
 *
 * fkv__crc32c(seed, data, len) continues a sum: the CRC of "ab" is
 * fkv__crc32c(fkv__crc32c(0, "a"), "b").  Start with 0.  The check value of
 * "123456789" is 0xE3069283.  Uses the SSE 4.2 instruction where the CPU has
 * it, a table elsewhere.
 */

#ifndef FKV_BASE_CRC32C_H
#define FKV_BASE_CRC32C_H

#include "base/types.h"

uint32_t fkv__crc32c(uint32_t seed, const void *data, size_t len);

/* The same by table on every CPU, for the test that compares the two. */
uint32_t fkv__crc32c_table(uint32_t seed, const void *data, size_t len);

#endif /* FKV_BASE_CRC32C_H */
