/*
 * forget.h - the shared blocks are found no more, as if all were evicted.
 */

#ifndef FKV_T_FORGET_H
#define FKV_T_FORGET_H

#include "shared/blocks.h"

#include <string.h>


/* Nobody may be filling. */
static inline void
forget_blocks(fkv__segment_shm_t *seg)
{
    fkv__blocks_shm_t  *blocks = fkv__blocks(seg);
    fkv__chunk_shm_t   *chunks = (void *) ((uint8_t *) blocks
                                           + blocks->words_at);

    for (uint32_t i = 0; i < blocks->chunks_n; i++) {
        chunks[i].generation += 2;
    }

    memset((uint8_t *) blocks + blocks->buckets_at, 0,
           (size_t) blocks->buckets_n * FKV__BLOCKS_WAYS * sizeof(uint64_t));
}


#endif /* FKV_T_FORGET_H */
