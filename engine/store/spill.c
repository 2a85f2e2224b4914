/*
 * spill.c - a radix sort, and the loop that feeds tables.
 *
 * qsort() would be most of the time that a replay takes: 1.8 million entries
 * need 0.4 to 0.5 s, here 0.05 s.  The radix sort is stable, so entries of one
 * key stay in the order of the log and the last one is the newest.
 */

#include "store/spill.h"

#include "base/bytes.h"
#include "store/ranges.h"
#include "store/table_file.h"
#include "store/usage.h"

#include <errno.h>
#include <stdlib.h>

#define PREFIX_BYTES  8
#define AHEAD         8         /* records lie all over the file's memory */


/* How many of the first n bytes of a and b are equal. */
static size_t
spill_common(const uint8_t *a, const uint8_t *b, size_t n)
{
    size_t  i = 0;

    while (i < n && a[i] == b[i]) {
        i++;
    }

    return i;
}


int
fkv__spill_add(fkv__spill_t *spill, const uint8_t *p, const fkv__record_t *rec)
{
    size_t               cap;
    fkv__spill_entry_t  *entries;

    if (spill->n == spill->cap) {
        cap = fkv__max(2 * spill->cap, 4096);

        entries = fkv__realloc(spill->entries, cap * sizeof(*entries));
        if (entries == NULL) {
            errno = ENOMEM;
            return FKV_ENOMEM;
        }

        spill->entries = entries;
        spill->cap = cap;
    }

    if (spill->n == 0) {
        spill->common = rec->key.len;

    } else {
        spill->common = spill_common(spill->entries[0].key, rec->key.data,
                                     fkv__min(spill->common, rec->key.len));
    }

    spill->entries[spill->n++] = (fkv__spill_entry_t) {
        .key = rec->key.data,
        .key_len = (uint32_t) rec->key.len,
        .head = (uint32_t) (rec->key.data - p)
    };

    return FKV_OK;
}


int
fkv__spill_add_range(fkv__spill_t *spill, uint64_t at,
    const fkv__record_t *rec)
{
    fkv__record_t  placed = *rec;
    fkv__range_t   range;

    placed.version = at;

    if (fkv__range_get(&placed, &range) != FKV_OK) {
        return FKV_ECORRUPT;
    }

    if (fkv__buf_append(&spill->ranges, &range, sizeof(range)) != FKV_OK) {
        errno = ENOMEM;
        return FKV_ENOMEM;
    }

    return FKV_OK;
}


void
fkv__spill_done(fkv__spill_t *spill)
{
    fkv__buf_done(&spill->ranges);
    fkv__free(spill->entries);
    memset(spill, 0, sizeof(*spill));
}


/* The bytes behind the common ones as a number; short keys end in zeros. */
static uint64_t
spill_prefix(const fkv__spill_entry_t *entry, size_t common)
{
    size_t   n = entry->key_len - common;
    uint8_t  bytes[PREFIX_BYTES] = { 0 };

    if (n >= PREFIX_BYTES) {
        return fkv__get_be64(entry->key + common);
    }

    memcpy(bytes, entry->key + common, n);

    return fkv__get_be64(bytes);
}


static int
spill_cmp_keys(const fkv__spill_entry_t *a, const fkv__spill_entry_t *b)
{
    return fkv__str_cmp((fkv_str_t) { a->key, a->key_len },
                        (fkv_str_t) { b->key, b->key_len });
}


/* For entries of one prefix; those of one key stay in the log's order. */
static int
spill_cmp(const void *p1, const void *p2)
{
    const fkv__spill_entry_t  *a = p1, *b = p2;
    int                        rc = spill_cmp_keys(a, b);

    return (rc != 0) ? rc : (a->key > b->key) - (a->key < b->key);
}


/* One pass by one byte of the prefix.  False: all have the same, no pass. */
static bool
spill_pass(const fkv__spill_entry_t *from, fkv__spill_entry_t *to, size_t n,
    unsigned shift)
{
    size_t  at[256] = { 0 }, sum = 0;

    for (size_t i = 0; i < n; i++) {
        at[(from[i].prefix >> shift) & 0xff]++;
    }

    if (at[(from[0].prefix >> shift) & 0xff] == n) {
        return false;
    }

    for (unsigned byte = 0; byte < 256; byte++) {
        size_t  count = at[byte];

        at[byte] = sum;
        sum += count;
    }

    for (size_t i = 0; i < n; i++) {
        to[at[(from[i].prefix >> shift) & 0xff]++] = from[i];
    }

    return true;
}


/*
 * Keys that are alike beyond the prefix: sorts them unless they are in order,
 * as the many versions of one hot key always are.
 */
static void
spill_sort_ties(fkv__spill_t *spill)
{
    size_t               begin = 0;
    fkv__spill_entry_t  *e = spill->entries;

    while (begin < spill->n) {
        bool    sorted = true;
        size_t  end = begin + 1;

        while (end < spill->n && e[end].prefix == e[begin].prefix) {
            sorted = sorted && spill_cmp_keys(&e[end - 1], &e[end]) <= 0;
            end++;
        }

        if (!sorted) {
            qsort(e + begin, end - begin, sizeof(*e), spill_cmp);
        }

        begin = end;
    }
}


static int
spill_sort(fkv__spill_t *spill)
{
    fkv__spill_entry_t  *from = spill->entries, *to, *swap;

    to = fkv__alloc(spill->n * sizeof(*to));
    if (to == NULL) {
        errno = ENOMEM;
        return FKV_ENOMEM;
    }

    for (size_t i = 0; i < spill->n; i++) {
        from[i].prefix = spill_prefix(&from[i], spill->common);
    }

    for (unsigned shift = 0; shift < 8 * PREFIX_BYTES; shift += 8) {
        if (spill_pass(from, to, spill->n, shift)) {
            swap = from;
            from = to;
            to = swap;
        }
    }

    fkv__free(to);
    spill->entries = from;
    spill->cap = spill->n;

    spill_sort_ties(spill);

    return FKV_OK;
}


static int
spill_finish(fkv__table_file_t *file, const fkv__spill_target_t *target)
{
    int                rc;
    fkv__table_info_t  info;

    rc = fkv__table_file_finish(file, &info);
    if (rc != FKV_OK) {
        return rc;
    }

    fkv__usage_replay(&info);
    rc = fkv__edit_add(target->edit, 0, &info);
    fkv__table_info_done(&info);

    return rc;
}


/* Is the next entry a newer version of the same key? */
static bool
spill_has_newer(const fkv__spill_t *spill, size_t i)
{
    const fkv__spill_entry_t  *e = &spill->entries[i];

    return i + 1 < spill->n && e[0].prefix == e[1].prefix
           && spill_cmp_keys(&e[0], &e[1]) == 0;
}


static bool
spill_is_operand(const fkv__spill_entry_t *entry)
{
    const uint8_t  *record = entry->key - entry->head;

    return (*record & FKV__RECORD_KIND) == FKV__RECORD_MERGE;
}


/*
 * The entries [i, end) are the versions of a key, oldest first.  Those from
 * *from on are of use: the newest one, and below an operand what is older.
 */
static size_t
spill_key(const fkv__spill_t *spill, size_t i, size_t *from)
{
    size_t  end = i + 1;

    while (spill_has_newer(spill, end - 1)) {
        end++;
    }

    *from = end - 1;

    while (*from > i && spill_is_operand(&spill->entries[*from])) {
        (*from)--;
    }

    return end;
}


static int
spill_record(const fkv__spill_entry_t *entry, const uint8_t *mem,
    const uint8_t *end, uint64_t base, fkv__table_file_t *file)
{
    const uint8_t  *next, *p = entry->key - entry->head;
    fkv__record_t   rec;

    /* As when the entry was added. */
    FKV_ASSERT(fkv__record_get(p, end, &rec, &next) == FKV_OK);

    rec.version = base + (uint64_t) (p - mem);

    return fkv__table_file_add(file, &rec);
}


/*
 * The file's range tombstones, with their versions, into the edit and as a set.
 *   ranged   every range tombstone below it is of this file or older
 */
static int
spill_ranges(const fkv__spill_t *spill, uint64_t base,
    const fkv__spill_target_t *target, fkv__ranges_t **set, uint64_t *ranged)
{
    fkv__range_t  *ranges = (fkv__range_t *) (void *) spill->ranges.data;
    size_t         n = spill->ranges.len / sizeof(*ranges);
    int            rc = FKV_OK;

    *ranged = base;

    for (size_t i = 0; rc == FKV_OK && i < n; i++) {
        ranges[i].version += base;
        *ranged = fkv__max(*ranged, ranges[i].version + 1);
        rc = fkv__edit_range(target->edit, &ranges[i]);
    }

    return (rc == FKV_OK) ? fkv__ranges_new(set, ranges, n) : rc;
}


/* Leaves out the entries that a range tombstone hides. */
static void
spill_cover(fkv__spill_t *spill, const fkv__ranges_t *set, const uint8_t *mem,
    uint64_t base)
{
    size_t  kept = 0;

    for (size_t i = 0; i < spill->n; i++) {
        const fkv__spill_entry_t  *entry = &spill->entries[i];
        const fkv__range_t        *range;
        fkv_str_t                  key = { entry->key, entry->key_len };

        range = fkv__ranges_newest(set, key, key, UINT64_MAX);

        if (range == NULL
            || range->version
               < base + (uint64_t) (entry->key - entry->head - mem))
        {
            spill->entries[kept++] = *entry;
        }
    }

    spill->n = kept;
}


/* Writes entries from *i on, until the table is long enough. */
static int
spill_table(const fkv__spill_t *spill, const uint8_t *mem, const uint8_t *end,
    uint64_t base, uint64_t ranged, const fkv__spill_target_t *target,
    size_t *i)
{
    int                   rc;
    fkv__table_file_t     file;
    fkv__table_options_t  options = *target->options;

    options.created_ms = target->now_ms;

    rc = fkv__table_file_open(&file, target->fs, target->sst_dir,
                              (*target->next_file)++, target->uid,
                              target->gid, &options);
    if (rc != FKV_OK) {
        return rc;
    }

    file.builder.info.ranged = ranged;

    while (*i < spill->n
           && fkv__table_file_bytes(&file) < FKV__SPILL_TABLE_BYTES)
    {
        const fkv__spill_entry_t  *entry = &spill->entries[*i];
        size_t                     from, to = spill_key(spill, *i, &from);

        if (*i + AHEAD < spill->n) {
            __builtin_prefetch(entry[AHEAD].key - entry[AHEAD].head);
            __builtin_prefetch(entry[AHEAD].key + entry[AHEAD].key_len);
        }

        /* Newest first, as tables have them. */

        for (size_t k = to; k-- > from; ) {
            rc = spill_record(&spill->entries[k], mem, end, base, &file);
            if (rc != FKV_OK) {
                goto failed;
            }
        }

        *i = to;
    }

    rc = spill_finish(&file, target);
    if (rc == FKV_OK) {
        return FKV_OK;
    }

failed:

    fkv__table_file_abort(&file);

    return rc;
}


int
fkv__spill_write(fkv__spill_t *spill, const uint8_t *mem, const uint8_t *end,
    uint64_t base, const fkv__spill_target_t *target)
{
    int             rc;
    uint64_t        ranged;
    fkv__ranges_t  *set = NULL;

    rc = spill_ranges(spill, base, target, &set, &ranged);

    if (rc == FKV_OK && set != NULL) {
        spill_cover(spill, set, mem, base);
    }

    fkv__ranges_unpin(set);

    if (rc == FKV_OK && spill->n > 0) {
        rc = spill_sort(spill);
    }

    for (size_t i = 0; rc == FKV_OK && i < spill->n; ) {
        rc = spill_table(spill, mem, end, base, ranged, target, &i);
    }

    return rc;
}
