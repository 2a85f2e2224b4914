/*
 * list.h - intrusive doubly linked list; the head is a link of its own.
 *
 * A link that is on no list points at itself, so fkv__list_remove() may be
 * called twice.
 */

#ifndef FKV_BASE_LIST_H
#define FKV_BASE_LIST_H

#include "base/types.h"

typedef struct fkv_link_s  fkv_link_t;

struct fkv_link_s {
    fkv_link_t  *prev;
    fkv_link_t  *next;
};


static inline void
fkv__list_init(fkv_link_t *head)
{
    head->prev = head;
    head->next = head;
}


static inline bool
fkv__list_empty(const fkv_link_t *head)
{
    return head->next == head;
}


static inline void
fkv__list_append(fkv_link_t *head, fkv_link_t *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}


static inline void
fkv__list_remove(fkv_link_t *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    fkv__list_init(link);
}


/* Moves all of from, which may be empty, to the empty list to. */
static inline void
fkv__list_take(fkv_link_t *to, fkv_link_t *from)
{
    fkv__list_init(to);

    if (!fkv__list_empty(from)) {
        *to = *from;
        to->next->prev = to;
        to->prev->next = to;
        fkv__list_init(from);
    }
}


#endif /* FKV_BASE_LIST_H */
