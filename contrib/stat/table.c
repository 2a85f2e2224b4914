#include "table.h"

#include <stdlib.h>
#include <string.h>

#define OTHERS  "(others)"


size_t
table_size(uint32_t max)
{
    return sizeof(table) + max * sizeof(table_row);
}


void
table_init(table *t, uint32_t max)
{
    t->max = max;
}


/* FNV-1a: names come from clients, but all they can make long is one search of
   a table that is small. */
static uint32_t
hash(ferrokv_str name)
{
    const uint8_t  *p = name.data;
    uint32_t        h = 2166136261u;

    for (size_t i = 0; i < name.len; i++) {
        h = (h ^ p[i]) * 16777619u;
    }

    return h ^ h >> 15;
}


static table_row *
find(table *t, ferrokv_str name)
{
    uint32_t  i = hash(name) & (t->max - 1);

    for ( ;; ) {
        table_row  *row = &t->rows[i];

        if (row->len == 0
            || (row->len == name.len
                && memcmp(row->name, name.data, name.len) == 0))
        {
            return row;
        }

        i = (i + 1) & (t->max - 1);
    }
}


/* A quarter stays free, so that a search ends soon; one more is "(others)". */
table_row *
table_at(table *t, ferrokv_str name)
{
    table_row  *row;

    if (name.len == 0) {
        name = (ferrokv_str) { "(none)", 6 };
    }

    if (name.len > TABLE_NAME_MAX) {
        name.len = TABLE_NAME_MAX;
    }

    row = find(t, name);

    if (row->len == 0 && t->used + 1 >= t->max - t->max / 4) {
        name = (ferrokv_str) { OTHERS, sizeof(OTHERS) - 1 };
        row = find(t, name);
    }

    if (row->len == 0) {
        memcpy(row->name, name.data, name.len);
        row->len = (uint8_t) name.len;
        t->used++;
    }

    return row;
}


void
table_count(table_row *row, uint64_t micros, int failed)
{
    unsigned  slot = (micros == 0) ? 0 : 64 - __builtin_clzll(micros);

    row->calls++;
    row->errors += failed != 0;
    row->micros += micros;
    row->times[slot < TABLE_TIMES ? slot : TABLE_TIMES - 1]++;
}


void
table_add(table *t, const table_row *row, int sign)
{
    const uint64_t  one = (uint64_t) (int64_t) sign;
    table_row      *to = table_at(t, (ferrokv_str) { row->name, row->len });

    to->calls += one * row->calls;
    to->errors += one * row->errors;
    to->micros += one * row->micros;

    for (int i = 0; i < TABLE_TIMES; i++) {
        to->times[i] += one * row->times[i];
    }
}


static int
longer(const void *left, const void *right)
{
    const table_row  *a = left, *b = right;

    if (a->micros != b->micros) {
        return a->micros < b->micros ? 1 : -1;
    }

    return a->len != b->len ? a->len - b->len
                            : memcmp(a->name, b->name, a->len);
}


uint32_t
table_sort(table *t)
{
    uint32_t  n = 0;

    for (uint32_t i = 0; i < t->max; i++) {
        if (t->rows[i].len != 0 && (int64_t) t->rows[i].calls > 0) {
            t->rows[n++] = t->rows[i];
        }
    }

    qsort(t->rows, n, sizeof(table_row), longer);

    return n;
}


uint64_t
table_percentile(const table_row *row, unsigned percent)
{
    uint64_t  seen = 0;

    for (unsigned i = 0; i < TABLE_TIMES; i++) {
        seen += row->times[i];

        if (seen >= row->calls - row->calls / 100 * (100 - percent)
                    - row->calls % 100 * (100 - percent) / 100)
        {
            return (UINT64_C(1) << i) - 1;
        }
    }

    return (UINT64_C(1) << (TABLE_TIMES - 1)) - 1;
}
