/*
 * held.h - what a key holds, for commands that change a part of it.
 *
 * A key that does not exist holds nothing.  A value ends where the store's
 * max_value does; in Redis that is proto-max-bulk-len, 512 MB unless changed,
 * and the error is the same.
 */

#ifndef FKV_COMMANDS_HELD_H
#define FKV_COMMANDS_HELD_H

#include "commands/call.h"

typedef struct {
    bool              exists;
    fkv_call_value_t  value;        /* else empty, and never expires */
} fkv_held_t;


/* Of the key that is argument i.  FKV_OK, or as fkv_call_get() but NOTFOUND. */
int fkv_held_get(fkv_call_t *call, unsigned i, fkv_held_t *held);

/* Whatever its type. */
int fkv_held_any(fkv_call_t *call, unsigned i, fkv_held_t *held);

/*
 * The value as bytes that may be changed, size of them at least: zeros follow
 * what it held.  FKV_OK · FKV_EINVAL, replied: longer than a value may be
 */
int fkv_held_copy(fkv_call_t *call, const fkv_held_t *held, uint64_t size,
    uint8_t **data);

/* It was read for its value, also by a command that may write: counted. */
void fkv_held_looked(fkv_call_t *call, const fkv_held_t *held);

/* The value, or nil; looked at. */
void fkv_held_reply(fkv_call_t *call, const fkv_held_t *held);


/*
 * What of `len` things lies from one to the other, inclusive, each counted from
 * the end if negative; what lies before the first is the first.
 * false: none; else first < end <= len
 */
bool fkv_held_range(int64_t from, int64_t to, uint64_t len, uint64_t *first,
    uint64_t *end);

/* Both from the end and in the wrong order: none, for GETRANGE and BITCOUNT. */
bool fkv_held_reversed(int64_t from, int64_t to);


#endif /* FKV_COMMANDS_HELD_H */
