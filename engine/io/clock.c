/*
 * clock.c - the clocks of Linux.
 */

#include "io/clock.h"

#include <time.h>


static uint64_t
clock_ms(clockid_t id)
{
    struct timespec  ts;

    FKV_ASSERT(clock_gettime(id, &ts) == 0);

    /* A wall clock set before 1970 counts as 1970. */

    if (ts.tv_sec < 0) {
        return 0;
    }

    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}


static uint64_t
clock_wall_ms(const fkv__clock_t *clock)
{
    (void) clock;

    return clock_ms(CLOCK_REALTIME);
}


static uint64_t
clock_boot_ms(const fkv__clock_t *clock)
{
    (void) clock;

    return clock_ms(CLOCK_BOOTTIME);
}


const fkv__clock_t  fkv__clock_linux = {
    .wall_ms = clock_wall_ms,
    .boot_ms = clock_boot_ms,
    .data = NULL
};
