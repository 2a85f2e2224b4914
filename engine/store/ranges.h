/*
 * ranges.h - many range tombstones, and which of them hides a key.
 *
 * Shape      immutable and counted; an array by begin, read as a balanced tree
 *            whose nodes know the largest end and the largest version below
 *            them.  A question costs O(log n) and the ranges that overlap
 *            there; a set is NULL if it is empty
 * Threads    counts are atomic, all else is constant
 *
 * Those that are in no memtable any more belong to the version (version.h) and
 * are kept in the manifest, not in tables: so they need no place in the order
 * of levels, moves and cuts of tables do not concern them, and a read knows
 * before it reads a block whether what is there can count.  They are few: each
 * goes as soon as no table holds anything that it hides.
 */

#ifndef FKV_STORE_RANGES_H
#define FKV_STORE_RANGES_H

#include "format/range.h"

typedef struct fkv__ranges_s  fkv__ranges_t;

typedef struct {
    fkv__range_t    range;          /* keys owned */
    fkv_str_t       end_max;        /* of the subtree that it is the root of */
    uint64_t        version_max;
} fkv__ranges_node_t;

struct fkv__ranges_s {
    uint32_t            refs;       /* atomic */
    unsigned            n;
    fkv__ranges_node_t  nodes[];    /* by begin, then version */
};

/* Copies them, in any order.  FKV_OK, *to is NULL if n is 0 · FKV_ENOMEM */
int fkv__ranges_new(fkv__ranges_t **to, const fkv__range_t *ranges, size_t n);

/* Both may be given NULL. */
fkv__ranges_t *fkv__ranges_pin(fkv__ranges_t *ranges);
void           fkv__ranges_unpin(fkv__ranges_t *ranges);

/*
 * The newest range with version < below that holds all keys in [from, to];
 * NULL if there is none.
 */
const fkv__range_t *fkv__ranges_newest(const fkv__ranges_t *ranges,
    fkv_str_t from, fkv_str_t to, uint64_t below);


#endif /* FKV_STORE_RANGES_H */
