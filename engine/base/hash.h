/*
 * hash.h - the one hash of the engine: XXH3, 64 bits, seed 0.
 *
 * The bits of a table's filter on disk come from it: do not change.
 */

#ifndef FKV_BASE_HASH_H
#define FKV_BASE_HASH_H

#include "base/types.h"

#define XXH_INLINE_ALL
#include <xxhash.h>


static inline uint64_t
fkv__hash(fkv_str_t s)
{
    return XXH3_64bits(s.data, s.len);
}


#endif /* FKV_BASE_HASH_H */
