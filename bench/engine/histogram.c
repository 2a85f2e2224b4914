/*
 * histogram.c - merging histograms and reading them.
 */

#include "histogram.h"


void
bench_histogram_merge(bench_histogram_t *to, const bench_histogram_t *from)
{
    to->n += from->n;
    to->max = from->max > to->max ? from->max : to->max;

    for (unsigned i = 0; i < BENCH_HISTOGRAM_BUCKETS; i++) {
        to->buckets[i] += from->buckets[i];
    }
}


/* The highest duration that the bucket counts. */
static uint64_t
bucket_top(unsigned bucket)
{
    unsigned  shift;

    if (bucket < 2 * BENCH_HISTOGRAM_SUB) {
        return bucket;
    }

    shift = bucket / BENCH_HISTOGRAM_SUB - 1;

    return ((uint64_t) (bucket - BENCH_HISTOGRAM_SUB * shift + 1) << shift)
           - 1;
}


uint64_t
bench_histogram_at(const bench_histogram_t *h, double share)
{
    uint64_t  rank = (uint64_t) (share * (double) h->n);
    uint64_t  seen = 0;

    for (unsigned i = 0; i < BENCH_HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];

        if (seen > rank) {
            uint64_t  top = bucket_top(i);

            return top < h->max ? top : h->max;
        }
    }

    return h->max;
}
