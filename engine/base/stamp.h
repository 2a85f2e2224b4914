/*
 * stamp.h - a log frame's length, owner and kind in one aligned word.
 *
 * It is part of the frame on disk (format/log.h) and, before the frame is
 * complete, what makes an arena walkable in shared memory (shared/arena.h):
 *
 *     length, 32 bits | slot, 8 | kind, 8 | zero, 16
 */

#ifndef FKV_BASE_STAMP_H
#define FKV_BASE_STAMP_H

#include "base/types.h"

/* On disk, do not change. */
typedef enum {
    FKV__FRAME_BATCH = 1,           /* records follow; all or none */
    FKV__FRAME_PAD = 2              /* its writer died; the body is void */
} fkv__frame_kind_e;


static inline uint64_t
fkv__frame_stamp(uint32_t length, unsigned slot, fkv__frame_kind_e kind)
{
    return (uint64_t) length | (uint64_t) slot << 32 | (uint64_t) kind << 40;
}


static inline uint32_t
fkv__frame_stamp_length(uint64_t stamp)
{
    return (uint32_t) stamp;
}


static inline unsigned
fkv__frame_stamp_slot(uint64_t stamp)
{
    return (unsigned) (stamp >> 32) & 0xff;
}


#endif /* FKV_BASE_STAMP_H */
