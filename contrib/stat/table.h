/*
 * table.h - counters by name, of a fixed number of names: what comes when it is
 * full is counted under "(others)".
 *
 * The time of calls is a histogram of powers of two: its slot i counts those
 * that took less than 2^i microseconds, and no slot before it, so percentiles
 * are known to a factor of two.
 */

#ifndef STAT_TABLE_H
#define STAT_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include <ferrokv_extension.h>

#define TABLE_NAME_MAX  48          /* longer names are cut */
#define TABLE_TIMES     26          /* the last: half a minute and more */

typedef struct {
    uint8_t    len;
    char       name[TABLE_NAME_MAX];
    uint64_t   calls;
    uint64_t   errors;
    uint64_t   micros;
    uint64_t   times[TABLE_TIMES];
} table_row;

typedef struct {
    uint32_t   max;                 /* a power of two, 2 at least */
    uint32_t   used;
    table_row  rows[];              /* by hash, the next free one */
} table;

size_t table_size(uint32_t max);

/* In memory of table_size(max), all zero. */
void table_init(table *t, uint32_t max);

/* The row of this name, or of "(others)". */
table_row *table_at(table *t, ferrokv_str name);

void table_count(table_row *row, uint64_t micros, int failed);

/* Adds row to that of its name; sign -1 takes it off again. */
void table_add(table *t, const table_row *row, int sign);

/* Moves those that were called to the front, the longest time first; says how
   many they are.  No name can be found any more then. */
uint32_t table_sort(table *t);

/* Microseconds that so many per cent of the calls took at most. */
uint64_t table_percentile(const table_row *row, unsigned percent);


#endif /* STAT_TABLE_H */
