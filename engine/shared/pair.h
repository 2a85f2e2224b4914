/*
 * pair.h - two 64-bit words that change in one piece.
 */

#ifndef FKV_SHARED_PAIR_H
#define FKV_SHARED_PAIR_H

#include "base/types.h"

typedef unsigned __int128  fkv__pair_t;


static inline fkv__pair_t
fkv__pair(uint64_t low, uint64_t high)
{
    return (fkv__pair_t) high << 64 | low;
}


/* at[2] is aligned to 16 bytes.  A full barrier. */
static inline bool
fkv__pair_cas(uint64_t *at, fkv__pair_t from, fkv__pair_t to)
{
    /* The only 16-byte CAS that compilers inline. */
    return __sync_bool_compare_and_swap((fkv__pair_t *) (void *) at, from, to);
}


#endif /* FKV_SHARED_PAIR_H */
