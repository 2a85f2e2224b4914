/*
 * time.h - microseconds of a clock of the system, for what is measured and put
 * off.  What keys live by is store time (io/clock.h, store/expire.h).
 */

#ifndef FKV_BASE_TIME_H
#define FKV_BASE_TIME_H

#include "base/types.h"

#include <time.h>

static inline uint64_t
fkv__time_us(clockid_t clock)
{
    struct timespec  ts;

    FKV_ASSERT(clock_gettime(clock, &ts) == 0);

    return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}


/* For delays: store time may stand still. */
static inline uint64_t
fkv__monotonic_us(void)
{
    return fkv__time_us(CLOCK_MONOTONIC);
}


#endif /* FKV_BASE_TIME_H */
