/*
 * due.c - an indexed heap.
 */

#include "store/due.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_MIN  64


void
fkv__due_init(fkv__due_t *due, size_t bytes_max)
{
    *due = (fkv__due_t) {
        .bytes_max = bytes_max,
        .bound = FKV__MOMENT_NEVER
    };
}


void
fkv__due_done(fkv__due_t *due)
{
    for (size_t i = 0; i < due->n; i++) {
        fkv__free(due->heap[i]);
    }

    fkv__free(due->heap);
    fkv__free(due->buckets);
    fkv__due_init(due, due->bytes_max);
}


static size_t
entry_bytes(const fkv__due_entry_t *entry)
{
    return sizeof(*entry) + entry->key_len;
}


static void
heap_set(fkv__due_t *due, size_t place, fkv__due_entry_t *entry)
{
    due->heap[place] = entry;
    entry->place = place;
}


static void
heap_up(fkv__due_t *due, fkv__due_entry_t *entry)
{
    size_t  place = entry->place;

    while (place > 0) {
        fkv__due_entry_t  *parent = due->heap[(place - 1) / 2];

        if (!fkv__moment_after(parent->moment, entry->moment)) {
            break;
        }

        heap_set(due, place, parent);
        place = (place - 1) / 2;
    }

    heap_set(due, place, entry);
}


static void
heap_down(fkv__due_t *due, fkv__due_entry_t *entry)
{
    size_t  place = entry->place, child;

    while ((child = 2 * place + 1) < due->n) {
        if (child + 1 < due->n
            && fkv__moment_after(due->heap[child]->moment,
                                 due->heap[child + 1]->moment))
        {
            child++;
        }

        if (!fkv__moment_after(entry->moment, due->heap[child]->moment)) {
            break;
        }

        heap_set(due, place, due->heap[child]);
        place = child;
    }

    heap_set(due, place, entry);
}


static fkv__due_entry_t **
bucket(const fkv__due_t *due, uint64_t hash)
{
    return &due->buckets[hash & (2 * due->room - 1)];
}


/* The link that leads to the key's entry, or NULL. */
static fkv__due_entry_t **
link_find(const fkv__due_t *due, fkv_str_t key, uint64_t hash)
{
    fkv__due_entry_t  **link = (due->n > 0) ? bucket(due, hash) : NULL;

    while (link != NULL && *link != NULL) {
        fkv__due_entry_t  *entry = *link;

        if (entry->moment.hash == hash
            && fkv__str_eq((fkv_str_t) { entry->key, entry->key_len }, key))
        {
            return link;
        }

        link = &entry->next;
    }

    return NULL;
}


static void
due_unlink(fkv__due_t *due, fkv__due_entry_t **link)
{
    fkv__due_entry_t  *entry = *link, *last = due->heap[--due->n];

    *link = entry->next;

    if (last != entry) {
        heap_set(due, entry->place, last);
        heap_up(due, last);
        heap_down(due, last);
    }

    due->bytes -= entry_bytes(entry);
    fkv__free(entry);
}


void
fkv__due_remove(fkv__due_t *due, fkv_str_t key, uint64_t hash)
{
    fkv__due_entry_t  **link = link_find(due, key, hash);

    if (link != NULL) {
        due_unlink(due, link);
    }
}


static void
due_remove_entry(fkv__due_t *due, const fkv__due_entry_t *entry)
{
    fkv__due_remove(due, (fkv_str_t) { entry->key, entry->key_len },
                    entry->moment.hash);
}


void
fkv__due_drop_first(fkv__due_t *due)
{
    due_remove_entry(due, due->heap[0]);
}


/*
 * From the last place to the first: what a removal moves behind the place has
 * been looked at, or stands in it now and is looked at next.
 */
void
fkv__due_remove_range(fkv__due_t *due, const fkv__range_t *range)
{
    for (size_t i = due->n; i-- > 0; ) {
        const fkv__due_entry_t  *entry = due->heap[i];

        if (fkv__range_has(range, (fkv_str_t) { entry->key, entry->key_len }))
        {
            due_remove_entry(due, entry);
            i = fkv__min(i + 1, due->n);
        }
    }
}


/* Whatever is behind the bound goes. */
static void
due_cut(fkv__due_t *due)
{
    for (size_t i = due->n; i-- > 0; ) {
        if (fkv__moment_after(due->heap[i]->moment, due->bound)) {
            due_remove_entry(due, due->heap[i]);
            i = fkv__min(i + 1, due->n);
        }
    }
}


static int
soonest_first(const void *a, const void *b)
{
    const fkv__due_entry_t *const  *x = a, *const *y = b;

    return fkv__moment_after((*x)->moment, (*y)->moment)
           - fkv__moment_after((*y)->moment, (*x)->moment);
}


/* The latest quarter goes; what is sorted is a heap, too. */
static void
due_shrink(fkv__due_t *due)
{
    size_t  bytes = due->bytes - due->bytes / 4;

    qsort(due->heap, due->n, sizeof(due->heap[0]), soonest_first);

    for (size_t i = 0; i < due->n; i++) {
        due->heap[i]->place = i;
    }

    while (due->n > 1 && due->bytes > bytes) {
        due_remove_entry(due, due->heap[due->n - 1]);
    }

    if (due->n > 0) {
        due->bound = due->heap[due->n - 1]->moment;
    }
}


static void
buckets_fill(fkv__due_t *due)
{
    for (size_t i = 0; i < due->n; i++) {
        fkv__due_entry_t   *entry = due->heap[i];
        fkv__due_entry_t  **head = bucket(due, entry->moment.hash);

        entry->next = *head;
        *head = entry;
    }
}


/* Room for one more: FKV_OK or FKV_ENOMEM. */
static int
due_grow(fkv__due_t *due)
{
    size_t              room = fkv__max(2 * due->room, ROOM_MIN);
    fkv__due_entry_t  **heap, **buckets;

    if (due->n < due->room) {
        return FKV_OK;
    }

    heap = fkv__realloc(due->heap, room * sizeof(*heap));
    if (heap == NULL) {
        return FKV_ENOMEM;
    }

    due->heap = heap;
    buckets = fkv__zalloc(2 * room * sizeof(*buckets));

    if (buckets == NULL) {
        return FKV_ENOMEM;
    }

    fkv__free(due->buckets);
    due->bytes += 3 * (room - due->room) * sizeof(*heap);
    due->buckets = buckets;
    due->room = room;
    buckets_fill(due);

    return FKV_OK;
}


/* A copy in the heap, or NULL. */
static fkv__due_entry_t *
due_add(fkv__due_t *due, fkv_str_t key, const fkv__due_entry_t *entry)
{
    fkv__due_entry_t  *copy, **head;

    if (due_grow(due) != FKV_OK) {
        return NULL;
    }

    copy = fkv__alloc(sizeof(*copy) + key.len);
    if (copy == NULL) {
        return NULL;
    }

    *copy = *entry;
    copy->key_len = key.len;
    memcpy(copy->key, key.data, key.len);

    head = bucket(due, entry->moment.hash);
    copy->next = *head;
    *head = copy;

    due->bytes += entry_bytes(copy);
    copy->place = due->n++;
    heap_up(due, copy);

    return copy;
}


static fkv__moment_t
moment_before(fkv__moment_t moment)
{
    return (moment.hash > 0)
           ? (fkv__moment_t) { moment.at_ms, moment.hash - 1 }
           : (fkv__moment_t) { moment.at_ms - 1, UINT64_MAX };
}


void
fkv__due_put(fkv__due_t *due, fkv_str_t key, const fkv__due_entry_t *entry)
{
    fkv__due_entry_t  **link = link_find(due, key, entry->moment.hash);

    if (link != NULL && (*link)->version > entry->version) {
        return;
    }

    if (link != NULL) {
        due_unlink(due, link);
    }

    if (fkv__moment_after(entry->moment, due->bound)) {
        return;
    }

    if (due_add(due, key, entry) == NULL) {
        due->bound = moment_before(entry->moment);      /* out of memory */
        due_cut(due);
        return;
    }

    if (due->bytes > due->bytes_max) {
        due_shrink(due);
    }
}
