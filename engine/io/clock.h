/*
 * clock.h - where time comes from; a test brings its own.
 *
 * wall steps when somebody sets the clock; boot (CLOCK_BOOTTIME) never does
 * and goes on while the machine sleeps.  Both in milliseconds.  What expiry
 * makes of the two is in store/expire.h.
 */

#ifndef FKV_IO_CLOCK_H
#define FKV_IO_CLOCK_H

#include "base/types.h"

typedef struct fkv__clock_s  fkv__clock_t;

struct fkv__clock_s {
    uint64_t  (*wall_ms)(const fkv__clock_t *clock);
    uint64_t  (*boot_ms)(const fkv__clock_t *clock);
    void       *data;
};

extern const fkv__clock_t  fkv__clock_linux;

#endif /* FKV_IO_CLOCK_H */
