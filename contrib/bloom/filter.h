/*
 * filter.h - a chain of layers as a key: open, look and add, close.
 *
 *   filter_open()              what there is; or filter_create()
 *   filter_has(), filter_add()
 *   filter_close()             writes what has changed
 *
 * Stored: the chain is the key's value, each block that has a bit set is an
 * element, named by its layer, one byte, and its number, four, big-endian.  So
 * to add an item writes one block and the head, however large the filter is.
 * All may be given up at any point: nothing has been written then.
 */

#ifndef BLOOM_FILTER_H
#define BLOOM_FILTER_H

#include <ferrokv_extension.h>

#include "chain.h"

typedef struct filter_block_s  filter_block_t;

typedef struct {
    ferrokv_ctx      *ctx;
    ferrokv_str       key;
    uint64_t          expires;
    chain_t           chain;
    bool              dirty;
    filter_block_t  **changed;      /* a table of changed_n, by place */
    size_t            changed_n;    /* a power of two */
} filter_t;

extern const ferrokv_type  filter_type;

/* FERROKV_OK · FERROKV_NONE: none is there · failure */
int filter_open(filter_t *filter, ferrokv_ctx *ctx, ferrokv_str key);

/* In place of one that is not there; error, capacity, expansion in range.
   FERROKV_OK · failure */
int filter_create(filter_t *filter, double error, uint64_t capacity,
    uint32_t expansion, bool fixed);

/* Asks for all that these items need, so that the disk is asked once. */
int filter_ahead(filter_t *filter, const ferrokv_str *items, size_t n);

/* FERROKV_OK: it may have been added · FERROKV_NONE: it was not · failure */
int filter_has(filter_t *filter, ferrokv_str item);

/* At most n, after each other.  FERROKV_OK: it was not there · FERROKV_NONE: it
   may have been · failure */
void filter_adds(filter_t *filter, size_t n);
int filter_add(filter_t *filter, ferrokv_str item);

int filter_close(filter_t *filter);


#endif /* BLOOM_FILTER_H */
