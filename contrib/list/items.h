/*
 * items.h - the items of a list, under one key.
 *
 * Shape      head: form 1, then
 *              packed    item, item ...
 *              elements  first 8 | count 8
 *            elements: position 8 -> item; positions follow each other from
 *            first on, which begins in the middle of what there is
 *            All big-endian.  What is small is packed; once it is not, each
 *            item is an element, for good
 * Ends       cost one element; what comes or goes in between moves all behind
 *            it, or all before it if those are fewer
 * Without    any item there is no key
 */

#ifndef LIST_ITEMS_H
#define LIST_ITEMS_H

#include "ferrokv_extension.h"

#include <stdbool.h>

typedef enum {
    ITEMS_NONE,
    ITEMS_PACKED = 1,               /* on disk, do not change */
    ITEMS_ELEMENTS = 2
} items_form_e;

typedef struct {
    ferrokv_ctx   *ctx;
    ferrokv_str    key;
    uint64_t       expires;         /* the key's */
    items_form_e   form;
    bool           changed;         /* the head is to be written */
    uint64_t       count;

    ferrokv_str   *list;            /* packed: list[begin .. begin + count) */
    size_t         begin, room;

    uint64_t       first;           /* elements */
} items_t;

extern const ferrokv_type   list_type;
extern const ferrokv_param  list_packed_entries, list_packed_bytes;

/* FERROKV_OK, also if there are none, which count says · failures */
int items_open(items_t *items, ferrokv_ctx *ctx, ferrokv_str key);

int items_push(items_t *items, bool left, ferrokv_str item);

/* count is above 0. */
int items_pop(items_t *items, bool left, ferrokv_str *item);

/* i, and i + n - 1, are below count. */
int items_set(items_t *items, uint64_t i, ferrokv_str item);
int items_load(items_t *items, uint64_t i, uint64_t n, ferrokv_str *to);

/* m others instead of n from i on. */
int items_replace(items_t *items, uint64_t i, uint64_t n,
    const ferrokv_str *with, uint64_t m);

/* Only n from i on stay. */
int items_trim(items_t *items, uint64_t i, uint64_t n);

/* What has been changed becomes the key's value; none are left: no key. */
int items_close(items_t *items);


#endif /* LIST_ITEMS_H */
