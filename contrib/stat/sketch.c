#include "sketch.h"

#include <stdlib.h>
#include <string.h>


size_t
sketch_size(uint32_t max)
{
    return sizeof(sketch) + max * sizeof(sketch_row);
}


void
sketch_init(sketch *s, uint32_t max)
{
    s->max = max;
}


static uint32_t
hash(uint32_t db, ferrokv_str key)
{
    const uint8_t  *p = key.data;
    uint32_t        h = 2166136261u ^ db;

    for (size_t i = 0; i < key.len; i++) {
        h = (h ^ p[i]) * 16777619u;
    }

    return h ^ h >> 15;
}


static sketch_row *
find(sketch *s, uint32_t h, uint32_t db, const void *key, size_t len)
{
    for (uint32_t i = 0; i < s->used; i++) {
        sketch_row  *row = &s->rows[i];

        if (row->hash == h && row->db == db && row->len == len
            && memcmp(row->key, key, len) == 0)
        {
            return row;
        }
    }

    return NULL;
}


static sketch_row *
rarest(sketch *s)
{
    sketch_row  *row = &s->rows[0];

    for (uint32_t i = 1; i < s->used; i++) {
        if (s->rows[i].count < row->count) {
            row = &s->rows[i];
        }
    }

    return row;
}


void
sketch_count(sketch *s, uint32_t db, ferrokv_str key)
{
    uint32_t     h = hash(db, key);
    size_t       len = key.len < SKETCH_KEY_MAX ? key.len : SKETCH_KEY_MAX;
    sketch_row  *row = find(s, h, db, key.data, len);

    if (row == NULL) {
        if (s->used < s->max) {
            row = &s->rows[s->used++];

        } else {
            row = rarest(s);
            row->error = row->count;
        }

        row->hash = h;
        row->db = (uint8_t) db;
        row->len = (uint8_t) len;
        memcpy(row->key, key.data, len);
    }

    row->count++;
}


int
sketch_add(sketch *s, const sketch_row *row, int sign)
{
    const uint64_t  one = (uint64_t) (int64_t) sign;
    sketch_row     *to = find(s, row->hash, row->db, row->key, row->len);

    if (to == NULL) {
        /* What went out of the sketch since it was taken. */
        if (s->used == s->max || sign < 0) {
            return 0;
        }

        to = &s->rows[s->used++];
        *to = *row;
        return 1;
    }

    /* Its counter may have been another's meanwhile, and begun lower. */
    if (sign < 0 && row->count > to->count) {
        to->count = 0;
        to->error = 0;
        return 1;
    }

    to->count += one * row->count;
    to->error = (sign < 0 && row->error > to->error)
                ? 0 : to->error + one * row->error;

    if (to->error > to->count) {
        to->error = to->count;
    }

    return 1;
}


static int
more(const void *left, const void *right)
{
    const sketch_row  *a = left, *b = right;

    if (a->count != b->count) {
        return a->count < b->count ? 1 : -1;
    }

    return a->len != b->len ? a->len - b->len : memcmp(a->key, b->key, a->len);
}


uint32_t
sketch_sort(sketch *s)
{
    uint32_t  n = 0;

    for (uint32_t i = 0; i < s->used; i++) {
        if (s->rows[i].count != 0) {
            s->rows[n++] = s->rows[i];
        }
    }

    qsort(s->rows, n, sizeof(sketch_row), more);

    return n;
}
