/*
 * histogram.h - counts of durations in nanoseconds, each bucket at most 1/64
 * wide of what it counts; up to 137 s, longer ones count as that long.
 */

#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define BENCH_HISTOGRAM_SUB      64     /* buckets of one power of two */
#define BENCH_HISTOGRAM_BUCKETS  2048

typedef struct {
    uint64_t  n;
    uint64_t  max;
    uint64_t  buckets[BENCH_HISTOGRAM_BUCKETS];
} bench_histogram_t;

static inline unsigned
bench_histogram_bucket(uint64_t ns)
{
    unsigned  shift, bucket;

    if (ns < 2 * BENCH_HISTOGRAM_SUB) {
        return (unsigned) ns;
    }

    shift = 63 - (unsigned) __builtin_clzll(ns) - 6;
    bucket = BENCH_HISTOGRAM_SUB * shift + (unsigned) (ns >> shift);

    return bucket < BENCH_HISTOGRAM_BUCKETS ? bucket
                                            : BENCH_HISTOGRAM_BUCKETS - 1;
}


static inline void
bench_histogram_add(bench_histogram_t *h, uint64_t ns)
{
    h->n++;
    h->buckets[bench_histogram_bucket(ns)]++;

    if (ns > h->max) {
        h->max = ns;
    }
}


void bench_histogram_merge(bench_histogram_t *to,
    const bench_histogram_t *from);

/* The duration that share of all are not above; 0 if there are none. */
uint64_t bench_histogram_at(const bench_histogram_t *h, double share);

#endif /* BENCH_HISTOGRAM_H */
