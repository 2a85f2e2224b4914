/*
 * seen.h - byte strings met so far, and a number of each; in a call's memory.
 */

#ifndef COLLECTION_SEEN_H
#define COLLECTION_SEEN_H

#include "ferrokv_extension.h"

#include <stdbool.h>

typedef struct {
    ferrokv_str   str;
    uint64_t      hash;
    double        number;
} seen_entry_t;

typedef struct {
    ferrokv_ctx   *ctx;
    seen_entry_t  *list;        /* in the order in which they came */
    size_t         n, room;
    uint32_t      *slots;       /* places in the list from 1 on, 0: free */
    size_t         mask;
} seen_t;

void seen_init(seen_t *seen, ferrokv_ctx *ctx);

/* Its entry, valid until the next one comes; new: it has not been there. */
seen_entry_t *seen_add(seen_t *seen, ferrokv_str str, bool *new);

/* NULL: it has not been met. */
seen_entry_t *seen_find(const seen_t *seen, ferrokv_str str);


#endif /* COLLECTION_SEEN_H */
