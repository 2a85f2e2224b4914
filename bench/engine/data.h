/*
 * data.h - keys, values and the distributions they are drawn from; all of it
 * follows from a seed.
 *
 * A key is a number, written as 16 decimal digits.  Of KEYS loaded keys the
 * i-th has the number 10 * i; 10 * i + 5 is never written (a key that is
 * missing from the midst); other last digits are for keys inserted later, so
 * that inserts fall everywhere.
 *
 * A value begins with its key's number, again in the middle, and is otherwise
 * random, each half the same: half compressible.
 */

#ifndef BENCH_DATA_H
#define BENCH_DATA_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t  state;
} bench_random_t;

static inline uint64_t
bench_mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;

    return x ^ x >> 31;
}


static inline uint64_t
bench_random(bench_random_t *random)
{
    random->state += 0x9e3779b97f4a7c15;

    return bench_mix(random->state);
}


static inline uint64_t
bench_below(bench_random_t *random, uint64_t n)
{
    return (uint64_t) ((unsigned __int128) bench_random(random) * n >> 64);
}


/* Each of 0 .. n - 1 once, in an order without pattern. */
typedef struct {
    uint64_t  n;
    uint64_t  seed;
    unsigned  bits;             /* of a half */
} bench_shuffle_t;

void     bench_shuffle_init(bench_shuffle_t *shuffle, uint64_t n,
    uint64_t seed);
uint64_t bench_shuffle(const bench_shuffle_t *shuffle, uint64_t i);


/*
 * Zipfian ranks, 0 the most frequent, exponent 0.99, as YCSB draws them
 * (Gray et al., "Quickly generating billion-record synthetic databases").
 */
typedef struct {
    uint64_t  n;
    double    zeta;             /* sum of 1 / i^0.99 for i in 1 .. n */
    double    eta;
} bench_zipf_t;

void     bench_zipf_init(bench_zipf_t *zipf, uint64_t n);
void     bench_zipf_grow(bench_zipf_t *zipf);       /* n + 1 */
uint64_t bench_zipf(const bench_zipf_t *zipf, bench_random_t *random);


#define BENCH_LOADED(i)   ((i) * 10)
#define BENCH_MISSING(i)  ((i) * 10 + 5)

void     bench_key(char *key, uint64_t number);
uint64_t bench_key_number(const char *key);


typedef struct {
    char      *bytes;
    size_t     pieces;
    size_t     value_bytes;
} bench_values_t;

#define BENCH_VALUE_MIN  32

void bench_values_init(bench_values_t *values, size_t value_bytes,
    uint64_t seed);

/* Into value[value_bytes]. */
void bench_value(const bench_values_t *values, uint64_t number,
    bench_random_t *random, char *value);

#endif /* BENCH_DATA_H */
