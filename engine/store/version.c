/*
 * version.c - versions: made from edits, and searched.
 *
 * The tables of a version are one array, level after level; levels[] points
 * into it and levels[0] is its beginning.
 */

#include "store/version.h"

#include "base/bytes.h"
#include "store/edits.h"

#include <stdio.h>
#include <stdlib.h>

#define NAME_BYTES  40


fkv__version_t *
fkv__version_new(void)
{
    fkv__version_t  *version = fkv__zalloc(sizeof(*version));

    if (version != NULL) {
        version->refs = 1;
    }

    return version;
}


void
fkv__version_unpin(fkv__version_t *version)
{
    if (__atomic_sub_fetch(&version->refs, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            fkv__table_unpin(version->levels[level][i]);
        }
    }

    fkv__ranges_unpin(version->ranges);
    fkv__free(version->levels[0]);
    fkv__free(version);
}


fkv__table_t *
fkv__table_pin(fkv__table_t *table)
{
    __atomic_fetch_add(&table->refs, 1, __ATOMIC_RELAXED);
    return table;
}


void
fkv__table_unpin(fkv__table_t *table)
{
    if (__atomic_sub_fetch(&table->refs, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }

    if (table->on_free != NULL) {
        table->on_free(table, table->on_free_data);
    }

    fkv__table_info_done(&table->info);
    fkv__free(table->hints);
    fkv__free(table);
}


static fkv__table_t *
table_new(const fkv__edit_table_t *add)
{
    fkv__table_t  *table = fkv__zalloc(sizeof(*table));

    if (table == NULL) {
        return NULL;
    }

    if (fkv__table_info_copy(&table->info, &add->info) != FKV_OK) {
        fkv__free(table);
        return NULL;
    }

    table->refs = 1;
    table->level = add->level;
    table->fd = -1;
    fkv__list_init(&table->open_link);
    fkv__list_init(&table->opening_waits);

    return table;
}


static int
compare_numbers(const void *a, const void *b)
{
    uint64_t  x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}


/* By level; level 0 newest first, the others by key. */
static int
compare_tables(const void *a, const void *b)
{
    const fkv__table_t  *x = *(fkv__table_t *const *) a;
    const fkv__table_t  *y = *(fkv__table_t *const *) b;

    if (x->level != y->level) {
        return (x->level > y->level) - (x->level < y->level);
    }

    if (x->level > 0) {
        return fkv__str_cmp(fkv__buf_str(&x->info.smallest),
                            fkv__buf_str(&y->info.smallest));
    }

    if (x->info.version_max != y->info.version_max) {
        return (x->info.version_max < y->info.version_max) ? 1 : -1;
    }

    return (x->info.id < y->info.id) - (x->info.id > y->info.id);
}


/*
 * A version under construction: it owns a reference to each table in the
 * list, which has room for all that can come.
 */
typedef struct {
    fkv__table_t  **tables;
    size_t          n;
    uint64_t       *ids;        /* scratch: of drops, then of all tables */
    fkv__ranges_t  *ranges;
} apply_t;


static size_t
version_tables(const fkv__version_t *version)
{
    size_t  n = 0;

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        n += version->n[level];
    }

    return n;
}


static int
apply_init(apply_t *apply, const fkv__version_t *from, const fkv__edit_t *edit)
{
    size_t  room = version_tables(from) + edit->n_adds + edit->n_drops + 1;

    apply->n = 0;
    apply->ranges = NULL;
    apply->tables = fkv__alloc(room * sizeof(*apply->tables));
    apply->ids = fkv__alloc(room * sizeof(*apply->ids));

    return (apply->tables != NULL && apply->ids != NULL) ? FKV_OK : FKV_ENOMEM;
}


static void
apply_done(apply_t *apply)
{
    for (size_t i = 0; i < apply->n; i++) {
        fkv__table_unpin(apply->tables[i]);
    }

    fkv__ranges_unpin(apply->ranges);
    fkv__free(apply->tables);
    fkv__free(apply->ids);
}


static bool
ids_distinct(uint64_t *ids, size_t n)
{
    qsort(ids, n, sizeof(*ids), compare_numbers);

    for (size_t i = 1; i < n; i++) {
        if (ids[i - 1] == ids[i]) {
            return false;
        }
    }

    return true;
}


/* What the old version has and the edit does not drop. */
static int
apply_kept(apply_t *apply, fkv__version_t *from, const fkv__edit_t *edit)
{
    size_t  n = version_tables(from);

    for (size_t i = 0; i < edit->n_drops; i++) {
        apply->ids[i] = edit->drops[i];
    }

    if (!ids_distinct(apply->ids, edit->n_drops)) {
        return FKV_ECORRUPT;
    }

    for (size_t i = 0; i < n; i++) {
        fkv__table_t  *table = from->levels[0][i];

        if (bsearch(&table->info.id, apply->ids, edit->n_drops,
                    sizeof(*apply->ids), compare_numbers)
            == NULL)
        {
            apply->tables[apply->n++] = fkv__table_pin(table);
        }
    }

    return (apply->n == n - edit->n_drops) ? FKV_OK : FKV_ECORRUPT;
}


/*
 * The same table in the old version, for a snapshot: its descriptor is kept.
 * One that a merge has taken something off since then is another.
 */
static fkv__table_t *
apply_same(const fkv__version_t *from, const fkv__edit_table_t *add)
{
    for (unsigned i = 0; i < from->n[add->level]; i++) {
        fkv__table_t  *table = from->levels[add->level][i];

        if (table->info.id == add->info.id
            && table->info.merging == add->info.merging
            && fkv__str_eq(fkv__buf_str(&table->info.smallest),
                           fkv__buf_str(&add->info.smallest)))
        {
            return fkv__table_pin(table);
        }
    }

    return NULL;
}


static int
apply_added(apply_t *apply, const fkv__version_t *from,
    const fkv__edit_t *edit)
{
    for (size_t i = 0; i < edit->n_adds; i++) {
        const fkv__edit_table_t  *add = &edit->adds[i];
        fkv__table_t             *table = NULL;

        if (add->level >= FKV__LEVELS) {
            return FKV_ECORRUPT;
        }

        if (edit->snapshot) {
            table = apply_same(from, add);
        }

        if (table == NULL) {
            table = table_new(add);
        }

        if (table == NULL) {
            return FKV_ENOMEM;
        }

        apply->tables[apply->n++] = table;
    }

    return FKV_OK;
}


static int
compare_ranges(const void *a, const void *b)
{
    const fkv__range_t  *x = a, *y = b;

    return (x->version > y->version) - (x->version < y->version);
}


/* Takes what the edit drops out of a list in order of versions. */
static int
ranges_without(fkv__range_t *list, size_t *n, const fkv__edit_t *edit)
{
    size_t  kept = 0;

    for (size_t i = 0; i < edit->n_range_drops; i++) {
        fkv__range_t   name = { .version = edit->range_drops[i] };
        fkv__range_t  *drop;

        drop = bsearch(&name, list, *n, sizeof(name), compare_ranges);

        if (drop == NULL || drop->begin.len == 0) {
            return FKV_ECORRUPT;
        }

        drop->begin.len = 0;
    }

    for (size_t i = 0; i < *n; i++) {
        if (list[i].begin.len > 0) {
            list[kept++] = list[i];
        }
    }

    *n = kept;

    return FKV_OK;
}


/* The list has room for all of both.  Answers as apply_ranges does. */
static int
apply_ranges_to(apply_t *apply, const fkv__ranges_t *from,
    const fkv__edit_t *edit, fkv__range_t *list)
{
    size_t  n = (from != NULL) ? from->n : 0;

    for (size_t i = 0; i < n; i++) {
        list[i] = from->nodes[i].range;
    }

    qsort(list, n, sizeof(*list), compare_ranges);

    if (ranges_without(list, &n, edit) != FKV_OK) {
        return FKV_ECORRUPT;
    }

    for (size_t i = 0; i < edit->n_ranges; i++) {
        list[n++] = edit->ranges[i];
    }

    qsort(list, n, sizeof(*list), compare_ranges);

    for (size_t i = 1; i < n; i++) {
        if (list[i - 1].version == list[i].version) {
            return FKV_ECORRUPT;
        }
    }

    return fkv__ranges_new(&apply->ranges, list, n);
}


/* FKV_OK · FKV_ECORRUPT · FKV_ENOMEM */
static int
apply_ranges(apply_t *apply, fkv__ranges_t *from, const fkv__edit_t *edit)
{
    int            rc;
    size_t         n = edit->n_ranges + ((from != NULL) ? from->n : 0);
    fkv__range_t  *list;

    if (edit->n_ranges == 0 && edit->n_range_drops == 0) {
        apply->ranges = fkv__ranges_pin(from);
        return FKV_OK;
    }

    list = fkv__alloc((n + 1) * sizeof(*list));
    if (list == NULL) {
        return FKV_ENOMEM;
    }

    rc = apply_ranges_to(apply, from, edit, list);
    fkv__free(list);

    return rc;
}


/* Sorts; no file may be there twice, no key in two tables of a level. */
static int
apply_order(apply_t *apply)
{
    qsort(apply->tables, apply->n, sizeof(*apply->tables), compare_tables);

    for (size_t i = 0; i < apply->n; i++) {
        const fkv__table_t  *table = apply->tables[i], *prev;

        apply->ids[i] = table->info.id;

        if (i == 0 || table->level == 0) {
            continue;
        }

        prev = apply->tables[i - 1];

        if (prev->level == table->level
            && fkv__str_cmp(fkv__buf_str(&prev->info.largest),
                            fkv__buf_str(&table->info.smallest))
               >= 0)
        {
            return FKV_ECORRUPT;
        }
    }

    return ids_distinct(apply->ids, apply->n) ? FKV_OK : FKV_ECORRUPT;
}


static uint64_t
latest(uint64_t now, uint64_t before)
{
    return (now != 0) ? now : before;
}


/* Moves the list into the version. */
static void
apply_finish(apply_t *apply, const fkv__version_t *from,
    const fkv__edit_t *edit, fkv__version_t *version)
{
    fkv__table_t  **table = apply->tables;

    version->edit = edit->number;
    version->clock_ms = latest(edit->clock_ms, from->clock_ms);
    version->log_floor = latest(edit->log_floor, from->log_floor);
    version->next_file = latest(edit->next_file, from->next_file);
    version->next_incarnation = latest(edit->next_incarnation,
                                       from->next_incarnation);
    version->next_lsn = latest(edit->next_lsn, from->next_lsn);
    version->next_blob = latest(edit->next_blob, from->next_blob);

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        version->levels[level] = table;

        while (table < apply->tables + apply->n && (*table)->level == level) {
            version->n[level]++;
            version->bytes[level] += (*table)->info.bytes;
            table++;
        }
    }

    version->ranges = apply->ranges;

    apply->tables = NULL;
    apply->ranges = NULL;
    apply->n = 0;
}


int
fkv__version_apply(fkv__version_t *from, const fkv__edit_t *edit,
    fkv__version_t **to)
{
    static const fkv__version_t  nothing;
    int                          rc = FKV_OK;
    apply_t                      apply;
    fkv__version_t              *version = NULL;

    if (edit->number < from->edit
        || (edit->number == from->edit && !edit->snapshot)
        || (edit->snapshot && edit->n_drops != 0)
        || (!edit->snapshot && edit->n_drops > version_tables(from)))
    {
        return FKV_ECORRUPT;
    }

    rc = apply_init(&apply, from, edit);

    if (rc == FKV_OK && !edit->snapshot) {
        rc = apply_kept(&apply, from, edit);
    }

    if (rc == FKV_OK) {
        rc = apply_added(&apply, from, edit);
    }

    if (rc == FKV_OK) {
        rc = apply_ranges(&apply, edit->snapshot ? NULL : from->ranges, edit);
    }

    if (rc == FKV_OK) {
        rc = apply_order(&apply);
    }

    if (rc == FKV_OK) {
        version = fkv__version_new();
        rc = (version != NULL) ? FKV_OK : FKV_ENOMEM;
    }

    if (rc == FKV_OK) {
        apply_finish(&apply, edit->snapshot ? &nothing : from, edit, version);
        *to = version;
    }

    apply_done(&apply);

    return rc;
}


int
fkv__version_snapshot(const fkv__version_t *version, fkv__edit_t *edit)
{
    size_t  n = version_tables(version);

    fkv__edit_init(edit);

    edit->number = version->edit;
    edit->snapshot = 1;
    edit->clock_ms = version->clock_ms;
    edit->log_floor = version->log_floor;
    edit->next_file = version->next_file;
    edit->next_incarnation = version->next_incarnation;
    edit->next_lsn = version->next_lsn;
    edit->next_blob = version->next_blob;

    for (size_t i = 0; i < n; i++) {
        const fkv__table_t  *table = version->levels[0][i];

        if (fkv__edit_add(edit, table->level, &table->info) != FKV_OK) {
            fkv__edit_done(edit);
            return FKV_ENOMEM;
        }
    }

    for (unsigned i = 0; version->ranges != NULL && i < version->ranges->n;
         i++)
    {
        if (fkv__edit_range(edit, &version->ranges->nodes[i].range) != FKV_OK)
        {
            fkv__edit_done(edit);
            return FKV_ENOMEM;
        }
    }

    return FKV_OK;
}


/* Replaces *version if it answers FKV_OK. */
static int
replay_edit(fkv__version_t **version, const fkv__edit_t *edit)
{
    fkv__version_t  *to;
    int              rc = fkv__version_apply(*version, edit, &to);

    if (rc == FKV_OK) {
        fkv__version_unpin(*version);
        *version = to;
    }

    return rc;
}


/* One by one: only so it turns out which of them does not fit. */
static int
replay_each(fkv__version_t **version, const fkv__edits_t *edits,
    uint64_t *offset)
{
    for (size_t i = 0; i < fkv__edits_n(edits); i++) {
        const fkv__edits_one_t  *one = fkv__edits_at(edits, i);
        int                      rc = replay_edit(version, &one->edit);

        if (rc != FKV_OK) {
            return rc;
        }

        *offset = one->end;
    }

    return FKV_OK;
}


static int
replay_all(fkv__version_t **version, const fkv__edits_t *edits,
    uint64_t *offset)
{
    size_t       n = fkv__edits_n(edits);
    fkv__edit_t  sum;
    int          rc;

    if (n < 2 || fkv__edits_sum(edits, *version, &sum) != FKV_OK) {
        return replay_each(version, edits, offset);
    }

    rc = replay_edit(version, &sum);
    fkv__edit_done(&sum);

    if (rc != FKV_OK) {
        return replay_each(version, edits, offset);
    }

    *offset = fkv__edits_at(edits, n - 1)->end;

    return FKV_OK;
}


int
fkv__version_replay(fkv__version_t **version, fkv_str_t file, uint64_t number,
    uint64_t *offset)
{
    fkv__edits_t  edits = { 0 };
    uint64_t      end = *offset;
    int           rc, applied;

    rc = fkv__edits_read(&edits, file, number, &end);

    if (*offset == FKV__MANIFEST_HEADER_BYTES && fkv__edits_n(&edits) > 0
        && !fkv__edits_at(&edits, 0)->edit.snapshot)
    {
        applied = FKV_ECORRUPT;

    } else {
        applied = replay_all(version, &edits, offset);
    }

    fkv__edits_done(&edits);

    return (applied != FKV_OK) ? applied : rc;
}


void
fkv__manifest_name(char *out, uint64_t number)
{
    (void) snprintf(out, NAME_BYTES, "MANIFEST-%06llu",
                    (unsigned long long) number);
}


void
fkv__mirror_name(char *out, uint64_t number)
{
    (void) snprintf(out, NAME_BYTES, "MIRROR-%06llu",
                    (unsigned long long) number);
}


void
fkv__table_name(char *out, uint64_t id)
{
    (void) snprintf(out, NAME_BYTES, "%06llu.sst", (unsigned long long) id);
}


unsigned
fkv__table_find(fkv__table_t *const *tables, unsigned n, fkv_str_t ikey)
{
    unsigned  low = 0, high = n;

    while (low < high) {
        unsigned  middle = low + (high - low) / 2;

        if (fkv__str_cmp(fkv__buf_str(&tables[middle]->info.largest), ikey)
            < 0)
        {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low;
}


unsigned
fkv__version_find(const fkv__version_t *version, unsigned level,
    fkv_str_t ikey)
{
    FKV_ASSERT(level > 0);
    FKV_ASSERT(level < FKV__LEVELS);

    return fkv__table_find(version->levels[level], version->n[level], ikey);
}


static bool
table_overlaps(const fkv__table_t *table, fkv_str_t from, fkv_str_t to)
{
    return fkv__str_cmp(fkv__buf_str(&table->info.smallest), to) <= 0
           && fkv__str_cmp(fkv__buf_str(&table->info.largest), from) >= 0;
}


bool
fkv__version_has(const fkv__version_t *version, uint64_t id)
{
    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            if (version->levels[level][i]->info.id == id) {
                return true;
            }
        }
    }

    return false;
}


bool
fkv__version_overlaps(const fkv__version_t *version, unsigned level,
    fkv_str_t from, fkv_str_t to)
{
    for (unsigned i = 0; level == 0 && i < version->n[0]; i++) {
        if (table_overlaps(version->levels[0][i], from, to)) {
            return true;
        }
    }

    for (level = fkv__max(level, 1u); level < FKV__LEVELS; level++) {
        unsigned  i = fkv__version_find(version, level, from);

        if (i < version->n[level]
            && table_overlaps(version->levels[level][i], from, to))
        {
            return true;
        }
    }

    return false;
}


bool
fkv__table_hides(const fkv__table_t *table, const fkv__range_t *range)
{
    const fkv__table_info_t  *info = &table->info;

    return info->version_min < range->version
           && info->ranged <= range->version
           && fkv__str_cmp(fkv__buf_str(&info->smallest), range->end) < 0
           && fkv__str_cmp(fkv__buf_str(&info->largest), range->begin) >= 0;
}


bool
fkv__version_hides(const fkv__version_t *version, const fkv__range_t *range)
{
    for (unsigned i = 0; i < version->n[0]; i++) {
        if (fkv__table_hides(version->levels[0][i], range)) {
            return true;
        }
    }

    for (unsigned level = 1; level < FKV__LEVELS; level++) {
        for (unsigned i = fkv__version_find(version, level, range->begin);
             i < version->n[level]; i++)
        {
            const fkv__table_t  *table = version->levels[level][i];

            if (fkv__str_cmp(fkv__buf_str(&table->info.smallest), range->end)
                >= 0)
            {
                break;
            }

            if (fkv__table_hides(table, range)) {
                return true;
            }
        }
    }

    return false;
}
