/*
 * due.h - the keys that expire soonest, in bounded memory.
 *
 * Shape      a binary heap by moment, and a hash of the keys in it, so that a
 *            key that is written anew is found and moved.  When it is full the
 *            latest quarter goes, and the bound is drawn in front of it:
 *            nothing behind the bound is taken any more
 * Threads    none of its own: belongs to whoever made it
 *
 * A moment is a time and, for all that expires in the same millisecond, the
 * hash of the key: so however many do, a bound can be drawn between them.
 */

#ifndef FKV_STORE_DUE_H
#define FKV_STORE_DUE_H

#include "base/alloc.h"
#include "format/key.h"
#include "format/range.h"

typedef struct {
    uint64_t  at_ms;
    uint64_t  hash;
} fkv__moment_t;

#define FKV__MOMENT_NEVER  ((fkv__moment_t) { UINT64_MAX, UINT64_MAX })

typedef struct fkv__due_entry_s  fkv__due_entry_t;

struct fkv__due_entry_s {
    fkv__moment_t      moment;      /* hash: of the key */
    uint64_t           version;
    uint64_t           since_ms;    /* nobody could know of it before */
    fkv__due_entry_t  *next;        /* of the same bucket */
    size_t             place;       /* in the heap */
    size_t             key_len;
    uint8_t            key[];       /* internal */
};

typedef struct {
    fkv__due_entry_t  **heap;
    fkv__due_entry_t  **buckets;
    size_t              n;
    size_t              room;       /* of the heap; buckets are twice as many */
    size_t              bytes;      /* of all */
    size_t              bytes_max;
    fkv__moment_t       bound;
} fkv__due_t;

/*
 * What a limit remembers is written with each request and goes when it says
 * nothing any more, and elements are known to those who know their key: nobody
 * wants to be told of that.
 */
static inline bool
fkv__due_wants(fkv_str_t ikey)
{
    return ikey.data[0] != FKV_NAMESPACE_LIMITS
           && ikey.data[0] < FKV__NAMESPACE_ELEMENTS;
}


static inline bool
fkv__moment_after(fkv__moment_t a, fkv__moment_t b)
{
    return (a.at_ms != b.at_ms) ? a.at_ms > b.at_ms : a.hash > b.hash;
}


/* No bound yet. */
void fkv__due_init(fkv__due_t *due, size_t bytes_max);
void fkv__due_done(fkv__due_t *due);

/*
 * The key's newest version: it takes the place of an older one.  Taken or not,
 * everything up to the bound is there afterwards.
 */
void fkv__due_put(fkv__due_t *due, fkv_str_t key,
    const fkv__due_entry_t *entry);

/* The key, or each in the range, expires no more as it was said. */
void fkv__due_remove(fkv__due_t *due, fkv_str_t key, uint64_t hash);
void fkv__due_remove_range(fkv__due_t *due, const fkv__range_t *range);

/* The soonest; NULL if there is none. */
static inline const fkv__due_entry_t *
fkv__due_first(const fkv__due_t *due)
{
    return (due->n > 0) ? due->heap[0] : NULL;
}


void fkv__due_drop_first(fkv__due_t *due);


#endif /* FKV_STORE_DUE_H */
