/*
 * blocks.h - what the measurements of the table format have in common.
 *
 * They run in memory, on one thread; times are of the CPU, the least of
 * several rounds, so that other programs on the machine disturb little.
 */

#ifndef BENCH_BLOCKS_H
#define BENCH_BLOCKS_H

#include "base/buf.h"
#include "base/bytes.h"

#define ROUNDS    5
#define KEY_ROOM  128       /* more than XXH3 may seem to read of a key */

/* Each prints tables in Markdown. */
void measure_sizes(void);
void measure_index(void);
void measure_filter(void);

/* CPU time of the process. */
double seconds(void);

/* rc is FKV_OK, or the measurement ends. */
void must(int rc);

/* What is read often and at random: huge pages, as a store's segment has. */
uint8_t *room(size_t bytes);

/* The internal key of one of bench/engine's; lies in room_for_key[KEY_ROOM]. */
fkv_str_t ikey_of(uint64_t number, uint8_t *room_for_key);

#endif /* BENCH_BLOCKS_H */
