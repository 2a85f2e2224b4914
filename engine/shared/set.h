/*
 * set.h - the memtable set: which arenas hold live data, newest first.
 *
 * One 64-bit word, so that it changes by one CAS and is read by one load:
 *
 *     arena ids, 3 bits each, newest lowest (24) | count (4) | number (36)
 *
 * The number grows with every change; pins (slots.h) are numbers of sets.
 */

#ifndef FKV_SHARED_SET_H
#define FKV_SHARED_SET_H

#include "shared/segment.h"

_Static_assert(FKV__ARENAS <= 8, "three bits an id");


static inline unsigned
fkv__set_count(uint64_t set)
{
    return (unsigned) (set >> 24) & 0xf;
}


/* The i-th newest arena; 0 is the active one. */
static inline unsigned
fkv__set_arena(uint64_t set, unsigned i)
{
    return (unsigned) (set >> (3 * i)) & 7;
}


static inline bool
fkv__set_has(uint64_t set, unsigned arena)
{
    for (unsigned i = 0; i < fkv__set_count(set); i++) {
        if (fkv__set_arena(set, i) == arena) {
            return true;
        }
    }

    return false;
}


static inline uint64_t
fkv__set_number(uint64_t set)
{
    return set >> 28;
}


static inline uint64_t
fkv__set_make(uint64_t ids, unsigned count, uint64_t number)
{
    return (ids & 0xffffff) | (uint64_t) count << 24 | number << 28;
}


static inline uint64_t
fkv__set_with(uint64_t set, unsigned arena)
{
    return fkv__set_make((set & 0xffffff) << 3 | arena,
                         fkv__set_count(set) + 1, fkv__set_number(set) + 1);
}


/* Without the oldest. */
static inline uint64_t
fkv__set_without_oldest(uint64_t set)
{
    unsigned  n = fkv__set_count(set) - 1;

    return fkv__set_make(set & ((1u << (3 * n)) - 1), n,
                         fkv__set_number(set) + 1);
}


#endif /* FKV_SHARED_SET_H */
