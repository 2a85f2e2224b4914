/*
 * data.c - keys, values, distributions.
 */

#include "data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define THETA         0.99
#define ROUNDS        4
#define VALUES_BYTES  (1024 * 1024)


void
bench_shuffle_init(bench_shuffle_t *shuffle, uint64_t n, uint64_t seed)
{
    shuffle->n = n;
    shuffle->seed = seed;
    shuffle->bits = 1;

    while (shuffle->bits < 31 && (uint64_t) 1 << 2 * shuffle->bits < n) {
        shuffle->bits++;
    }
}


/* A Feistel network over the next power of four, walked until below n. */
uint64_t
bench_shuffle(const bench_shuffle_t *shuffle, uint64_t i)
{
    uint64_t  mask = ((uint64_t) 1 << shuffle->bits) - 1;

    do {
        uint64_t  left = i >> shuffle->bits;
        uint64_t  right = i & mask;

        for (unsigned round = 0; round < ROUNDS; round++) {
            uint64_t  f = bench_mix(right + shuffle->seed
                                    + round * 0x9e3779b97f4a7c15);
            uint64_t  next = left ^ (f & mask);

            left = right;
            right = next;
        }

        i = left << shuffle->bits | right;
    } while (i >= shuffle->n);

    return i;
}


static void
zipf_eta(bench_zipf_t *zipf)
{
    double  zeta2 = 1 + pow(0.5, THETA);

    zipf->eta = (1 - pow(2.0 / (double) zipf->n, 1 - THETA))
                / (1 - zeta2 / zipf->zeta);
}


void
bench_zipf_init(bench_zipf_t *zipf, uint64_t n)
{
    zipf->n = n;
    zipf->zeta = 0;

    for (uint64_t i = 1; i <= n; i++) {
        zipf->zeta += 1 / pow((double) i, THETA);
    }

    zipf_eta(zipf);
}


void
bench_zipf_grow(bench_zipf_t *zipf)
{
    zipf->n++;
    zipf->zeta += 1 / pow((double) zipf->n, THETA);
    zipf_eta(zipf);
}


uint64_t
bench_zipf(const bench_zipf_t *zipf, bench_random_t *random)
{
    double    u = (double) (bench_random(random) >> 11) / 9007199254740992.0;
    double    uz = u * zipf->zeta;
    uint64_t  rank;

    if (uz < 1) {
        return 0;
    }

    if (uz < 1 + pow(0.5, THETA)) {
        return 1;
    }

    rank = (uint64_t) ((double) zipf->n
                       * pow(zipf->eta * u - zipf->eta + 1, 1 / (1 - THETA)));

    return rank < zipf->n ? rank : zipf->n - 1;
}


void
bench_key(char *key, uint64_t number)
{
    for (int i = 15; i >= 0; i--) {
        key[i] = (char) ('0' + number % 10);
        number /= 10;
    }
}


uint64_t
bench_key_number(const char *key)
{
    uint64_t  number = 0;

    for (int i = 0; i < 16; i++) {
        number = number * 10 + (uint64_t) (key[i] - '0');
    }

    return number;
}


void
bench_values_init(bench_values_t *values, size_t value_bytes, uint64_t seed)
{
    bench_random_t  random = { seed };
    size_t          half = value_bytes / 2;

    values->value_bytes = value_bytes;
    values->pieces = VALUES_BYTES / value_bytes + 1;
    values->bytes = malloc(values->pieces * value_bytes);

    if (values->bytes == NULL) {
        abort();
    }

    for (size_t i = 0; i < values->pieces; i++) {
        char  *piece = values->bytes + i * value_bytes;

        for (size_t b = 0; b < value_bytes; b++) {
            piece[b] = b < half ? (char) bench_random(&random)
                                : piece[b - half];
        }
    }
}


void
bench_value(const bench_values_t *values, uint64_t number,
    bench_random_t *random, char *value)
{
    size_t  piece = bench_below(random, values->pieces);

    memcpy(value, values->bytes + piece * values->value_bytes,
           values->value_bytes);
    memcpy(value, &number, sizeof(number));
    memcpy(value + values->value_bytes / 2, &number, sizeof(number));
}
