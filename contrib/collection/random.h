/*
 * random.h - numbers from a seed: the same in every run of a call.
 */

#ifndef COLLECTION_RANDOM_H
#define COLLECTION_RANDOM_H

#include <stdint.h>


/* splitmix64 */
static inline uint64_t
random_next(uint64_t *state)
{
    uint64_t  z = (*state += 0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;

    return z ^ z >> 31;
}


static inline uint64_t
random_below(uint64_t *state, uint64_t n)
{
    return (uint64_t) ((unsigned __int128) random_next(state) * n >> 64);
}


#endif /* COLLECTION_RANDOM_H */
