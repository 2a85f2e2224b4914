/*
 * ranges.c - a set of intervals, and stabbing it.
 *
 * The root of nodes [low, high) is the one in the middle.
 */

#include "store/ranges.h"

#include "base/alloc.h"

#include <stdlib.h>

typedef struct {
    fkv_str_t   from;
    fkv_str_t   to;
    uint64_t    below;
} question_t;


static int
compare_nodes(const void *a, const void *b)
{
    const fkv__range_t  *x = &((const fkv__ranges_node_t *) a)->range;
    const fkv__range_t  *y = &((const fkv__ranges_node_t *) b)->range;
    int                  order = fkv__str_cmp(x->begin, y->begin);

    return (order != 0) ? order
                        : (x->version > y->version) - (x->version < y->version);
}


/* The root of the subtree, after all below it; NULL if that is empty. */
static const fkv__ranges_node_t *
node_sum(fkv__ranges_node_t *nodes, unsigned low, unsigned high)
{
    unsigned                   middle = low + (high - low) / 2;
    fkv__ranges_node_t        *node = &nodes[middle];
    const fkv__ranges_node_t  *sides[2];

    if (low == high) {
        return NULL;
    }

    node->end_max = node->range.end;
    node->version_max = node->range.version;

    sides[0] = node_sum(nodes, low, middle);
    sides[1] = node_sum(nodes, middle + 1, high);

    for (unsigned i = 0; i < 2; i++) {
        if (sides[i] == NULL) {
            continue;
        }

        node->version_max = fkv__max(node->version_max,
                                     sides[i]->version_max);

        if (fkv__str_cmp(sides[i]->end_max, node->end_max) > 0) {
            node->end_max = sides[i]->end_max;
        }
    }

    return node;
}


int
fkv__ranges_new(fkv__ranges_t **to, const fkv__range_t *ranges, size_t n)
{
    fkv__ranges_t  *set;

    *to = NULL;

    if (n == 0) {
        return FKV_OK;
    }

    set = fkv__zalloc(sizeof(*set) + n * sizeof(set->nodes[0]));
    if (set == NULL) {
        return FKV_ENOMEM;
    }

    set->refs = 1;

    for (size_t i = 0; i < n; i++) {
        if (fkv__range_copy(&set->nodes[i].range, &ranges[i]) != FKV_OK) {
            fkv__ranges_unpin(set);
            return FKV_ENOMEM;
        }

        set->n++;
    }

    qsort(set->nodes, n, sizeof(set->nodes[0]), compare_nodes);
    (void) node_sum(set->nodes, 0, set->n);

    *to = set;

    return FKV_OK;
}


fkv__ranges_t *
fkv__ranges_pin(fkv__ranges_t *ranges)
{
    if (ranges != NULL) {
        __atomic_fetch_add(&ranges->refs, 1, __ATOMIC_RELAXED);
    }

    return ranges;
}


void
fkv__ranges_unpin(fkv__ranges_t *ranges)
{
    if (ranges == NULL
        || __atomic_sub_fetch(&ranges->refs, 1, __ATOMIC_ACQ_REL) != 0)
    {
        return;
    }

    for (unsigned i = 0; i < ranges->n; i++) {
        fkv__range_done(&ranges->nodes[i].range);
    }

    fkv__free(ranges);
}


/* The better of best and what the subtree [low, high) has. */
static const fkv__range_t *
node_newest(const fkv__ranges_node_t *nodes, unsigned low, unsigned high,
    const question_t *ask, const fkv__range_t *best)
{
    unsigned                   middle = low + (high - low) / 2;
    const fkv__ranges_node_t  *node = &nodes[middle];
    const fkv__range_t        *range = &node->range;

    if (low == high || fkv__str_cmp(node->end_max, ask->to) <= 0
        || (best != NULL && node->version_max <= best->version))
    {
        return best;
    }

    best = node_newest(nodes, low, middle, ask, best);

    if (fkv__str_cmp(range->begin, ask->from) > 0) {
        return best;
    }

    if (range->version < ask->below
        && fkv__str_cmp(ask->to, range->end) < 0
        && (best == NULL || range->version > best->version))
    {
        best = range;
    }

    return node_newest(nodes, middle + 1, high, ask, best);
}


const fkv__range_t *
fkv__ranges_newest(const fkv__ranges_t *ranges, fkv_str_t from, fkv_str_t to,
    uint64_t below)
{
    const question_t  ask = { from, to, below };

    if (ranges == NULL) {
        return NULL;
    }

    return node_newest(ranges->nodes, 0, ranges->n, &ask, NULL);
}
