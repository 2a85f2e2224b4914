/*
 * edits.c - events of tables and ranges, sorted by whom they concern.
 */

#include "store/edits.h"

#include <stdlib.h>

typedef enum {
    TABLES,                     /* named by their ids */
    RANGES,                     /* and by their versions */
    KINDS
} kind_e;

typedef struct {
    kind_e        kind;
    uint64_t      name;
    size_t        seq;          /* in each edit, drops come first */
    fkv__edit_t  *edit;         /* that adds it; NULL: it is dropped */
    size_t        at;           /* among its adds or ranges */
} event_t;

typedef struct {
    event_t   *list;
    size_t     n;
    uint64_t  *before[KINDS];   /* names that were there, ascending */
    size_t     n_before[KINDS];
} events_t;


int
fkv__edits_read(fkv__edits_t *edits, fkv_str_t file, uint64_t number,
    uint64_t *offset)
{
    for ( ;; ) {
        fkv__edits_one_t  one;
        int               rc;

        rc = fkv__manifest_get(file, number, *offset, &one.edit, &one.end);

        if (rc != FKV_OK) {
            return (rc == FKV_END) ? FKV_OK : rc;
        }

        if (fkv__buf_append(&edits->list, &one, sizeof(one)) != FKV_OK) {
            fkv__edit_done(&one.edit);
            return FKV_ENOMEM;
        }

        *offset = one.end;
    }
}


void
fkv__edits_done(fkv__edits_t *edits)
{
    for (size_t i = 0; i < fkv__edits_n(edits); i++) {
        fkv__edit_done(&fkv__edits_at(edits, i)->edit);
    }

    fkv__buf_done(&edits->list);
}


static int
compare_names(const void *a, const void *b)
{
    uint64_t  x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}


static int
compare_events(const void *a, const void *b)
{
    const event_t  *x = a, *y = b;

    if (x->kind != y->kind) {
        return (x->kind > y->kind) - (x->kind < y->kind);
    }

    if (x->name != y->name) {
        return (x->name > y->name) - (x->name < y->name);
    }

    return (x->seq > y->seq) - (x->seq < y->seq);
}


/* FKV_OK · FKV_ENOMEM; done is needed either way */
static int
events_before(events_t *events, const fkv__version_t *from)
{
    const fkv__ranges_t  *ranges = from->ranges;
    size_t                n[KINDS] = { 0, (ranges != NULL) ? ranges->n : 0 };

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        n[TABLES] += from->n[level];
    }

    for (unsigned kind = 0; kind < KINDS; kind++) {
        events->before[kind] = fkv__alloc((n[kind] + 1) * sizeof(uint64_t));
        events->n_before[kind] = n[kind];

        if (events->before[kind] == NULL) {
            return FKV_ENOMEM;
        }
    }

    for (size_t i = 0; i < n[TABLES]; i++) {
        events->before[TABLES][i] = from->levels[0][i]->info.id;
    }

    for (size_t i = 0; i < n[RANGES]; i++) {
        events->before[RANGES][i] = ranges->nodes[i].range.version;
    }

    for (unsigned kind = 0; kind < KINDS; kind++) {
        qsort(events->before[kind], n[kind], sizeof(uint64_t), compare_names);
    }

    return FKV_OK;
}


static void
events_add(events_t *events, kind_e kind, uint64_t name, fkv__edit_t *edit,
    size_t at)
{
    events->list[events->n] = (event_t) {
        .kind = kind, .name = name, .seq = events->n, .edit = edit, .at = at
    };
    events->n++;
}


/* FKV_OK · FKV_ENOMEM; done is needed either way */
static int
events_list(events_t *events, const fkv__edits_t *edits, size_t first)
{
    size_t  n = 1;

    for (size_t i = first; i < fkv__edits_n(edits); i++) {
        const fkv__edit_t  *edit = &fkv__edits_at(edits, i)->edit;

        n += edit->n_drops + edit->n_adds + edit->n_range_drops
             + edit->n_ranges;
    }

    events->list = fkv__alloc(n * sizeof(event_t));
    if (events->list == NULL) {
        return FKV_ENOMEM;
    }

    for (size_t i = first; i < fkv__edits_n(edits); i++) {
        fkv__edit_t  *edit = &fkv__edits_at(edits, i)->edit;

        for (size_t k = 0; k < edit->n_drops; k++) {
            events_add(events, TABLES, edit->drops[k], NULL, k);
        }

        for (size_t k = 0; k < edit->n_adds; k++) {
            events_add(events, TABLES, edit->adds[k].info.id, edit, k);
        }

        for (size_t k = 0; k < edit->n_range_drops; k++) {
            events_add(events, RANGES, edit->range_drops[k], NULL, k);
        }

        for (size_t k = 0; k < edit->n_ranges; k++) {
            events_add(events, RANGES, edit->ranges[k].version, edit, k);
        }
    }

    qsort(events->list, events->n, sizeof(event_t), compare_events);

    return FKV_OK;
}


static void
events_done(events_t *events)
{
    fkv__free(events->list);
    fkv__free(events->before[TABLES]);
    fkv__free(events->before[RANGES]);
}


static int
sum_drop(fkv__edit_t *sum, const event_t *event)
{
    return (event->kind == TABLES) ? fkv__edit_drop(sum, event->name)
                                   : fkv__edit_range_drop(sum, event->name);
}


static int
sum_add(fkv__edit_t *sum, const event_t *event)
{
    const fkv__edit_table_t  *add;

    if (event->kind == RANGES) {
        return fkv__edit_range(sum, &event->edit->ranges[event->at]);
    }

    add = &event->edit->adds[event->at];

    return fkv__edit_add(sum, add->level, &add->info);
}


/* What all events of one name, *at the first of them, come to. */
static int
sum_name(const events_t *events, size_t *at, fkv__edit_t *sum)
{
    const event_t  *first = &events->list[*at], *event = first;
    const event_t  *end = events->list + events->n;
    bool            was, there;
    int             rc = FKV_OK;

    was = (bsearch(&first->name, events->before[first->kind],
                   events->n_before[first->kind], sizeof(uint64_t),
                   compare_names) != NULL);
    there = was;

    for ( ; event < end && event->kind == first->kind
            && event->name == first->name; event++)
    {
        if (there == (event->edit != NULL)) {
            return FKV_ECORRUPT;
        }

        there = !there;
    }

    *at = (size_t) (event - events->list);

    if (was) {
        rc = sum_drop(sum, first);
    }

    return (rc == FKV_OK && there) ? sum_add(sum, event - 1) : rc;
}


/* What the later one says, if it says anything. */
static void
sum_numbers(fkv__edit_t *sum, const fkv__edit_t *edit)
{
    sum->number = edit->number;

#define SUM_NUMBER(tag, name)                                                 \
    sum->name = (edit->name != 0) ? edit->name : sum->name;

    FKV__EDIT_MAP(SUM_NUMBER)
#undef SUM_NUMBER
}


/* All before a snapshot is void. */
static size_t
edits_first(const fkv__edits_t *edits)
{
    for (size_t i = fkv__edits_n(edits); i-- > 0; ) {
        if (fkv__edits_at(edits, i)->edit.snapshot) {
            return i;
        }
    }

    return 0;
}


int
fkv__edits_sum(const fkv__edits_t *edits, const fkv__version_t *from,
    fkv__edit_t *sum)
{
    static const fkv__version_t  nothing;
    size_t                       first = edits_first(edits);
    events_t                     events = { 0 };
    int                          rc;

    fkv__edit_init(sum);

    for (size_t i = first; i < fkv__edits_n(edits); i++) {
        const fkv__edit_t  *edit = &fkv__edits_at(edits, i)->edit;

        if (i > first && edit->number <= sum->number) {
            return FKV_ECORRUPT;
        }

        sum_numbers(sum, edit);
    }

    rc = events_before(&events, sum->snapshot ? &nothing : from);

    if (rc == FKV_OK) {
        rc = events_list(&events, edits, first);
    }

    for (size_t i = 0; rc == FKV_OK && i < events.n; ) {
        rc = sum_name(&events, &i, sum);
    }

    events_done(&events);

    if (rc != FKV_OK) {
        fkv__edit_done(sum);
    }

    return rc;
}
