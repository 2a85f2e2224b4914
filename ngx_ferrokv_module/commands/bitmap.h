/*
 * bitmap.h - offsets of bits as arguments.
 *
 * They may be as large as Redis' are, 2^32 - 1, or the store's max_value if
 * that is more; to write, what max_value has room for.
 */

#ifndef FKV_COMMANDS_BITMAP_H
#define FKV_COMMANDS_BITMAP_H

#include "commands/call.h"

#define FKV_BITMAP_BYTES_MAX  (512ULL * 1024 * 1024)


/*
 * Argument i; of a width other than 0 it may be "#n", the n-th of this width.
 * FKV_OK · FKV_EINVAL, replied
 */
int fkv_bitmap_offset(fkv_call_t *call, unsigned i, unsigned width, bool write,
    uint64_t *at);


#endif /* FKV_COMMANDS_BITMAP_H */
