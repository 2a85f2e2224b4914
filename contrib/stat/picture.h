/*
 * picture.h - what one process has counted, as bytes in the own map, and all
 * of these together.
 *
 * Each process has one element, "p/" and its id, which it writes anew every few
 * seconds as part of somebody's write: there is nothing else that a hook may
 * write.  So one process's figures have one writer, and nobody waits.  "b/" and
 * the same id is what stood there at the last STAT.RESET, and is taken off.
 *
 * A picture is numbers as varints (ferrokv_encode.h) and names behind their
 * lengths:
 *
 *   1 now since                           the version, when, since when
 *   (1 name calls errors micros times)* 0    commands
 *   the same                                 prefixes
 *   (1 hash db key count error)* 0           keys
 */

#ifndef STAT_PICTURE_H
#define STAT_PICTURE_H

#include "sketch.h"
#include "table.h"

#define PICTURE_BYTES_MAX  (56 * 1024)      /* what fits into an element */
#define PICTURE_AGE_MAX    3600000          /* ms; then the process is gone */

typedef struct {
    uint64_t   now;             /* ms since 1970, when it was taken */
    uint64_t   since;           /* and since when it counts */
    table     *commands;
    table     *prefixes;
    sketch    *keys;
} picture;

/* Into PICTURE_BYTES_MAX bytes; returns how many.  Rows that do not fit are
   left out. */
size_t picture_put(const picture *pic, uint8_t *out);

/* now and since of such bytes.  FERROKV_OK · FERROKV_ECORRUPT */
int picture_head(ferrokv_str bytes, uint64_t *now, uint64_t *since);

/*
 * Adds what the bytes say to pic, or takes it off (sign -1).
 * FERROKV_OK · FERROKV_ECORRUPT they are damaged; what came before was added
 */
int picture_add(const picture *pic, ferrokv_str bytes, int sign);


#endif /* STAT_PICTURE_H */
