/*
 * sketch.h - the keys that are used most, by few counters: the space-saving
 * sketch of Metwally, Agrawal and El Abbadi.
 *
 * A key without a counter takes that of the rarest, and goes on from its count;
 * how much of that was another's is the counter's error.  A key that made more
 * than total / max of all uses is surely there, and used at least count - error
 * times.
 */

#ifndef STAT_SKETCH_H
#define STAT_SKETCH_H

#include <stddef.h>
#include <stdint.h>

#include <ferrokv_extension.h>

#define SKETCH_KEY_MAX  64          /* of a longer key: its beginning */

typedef struct {
    uint32_t    hash;               /* of db and all of the key */
    uint8_t     db;
    uint8_t     len;
    char        key[SKETCH_KEY_MAX];
    uint64_t    count;
    uint64_t    error;
} sketch_row;

typedef struct {
    uint32_t    max;
    uint32_t    used;
    sketch_row  rows[];
} sketch;

size_t sketch_size(uint32_t max);

/* In memory of sketch_size(max), all zero. */
void sketch_init(sketch *s, uint32_t max);

void sketch_count(sketch *s, uint32_t db, ferrokv_str key);

/*
 * Of another sketch: counts and errors of the same key add up; sign -1 takes
 * off what was added before.  False: there is no room, and it was left out.
 */
int sketch_add(sketch *s, const sketch_row *row, int sign);

/* The most used first; says how many there are. */
uint32_t sketch_sort(sketch *s);


#endif /* STAT_SKETCH_H */
