#include "picture.h"

#include <ferrokv_encode.h>

#include <string.h>

#define VERSION        1

#define VARINT_MAX     10
#define ROW_BYTES_MAX  (2 + TABLE_NAME_MAX + (3 + TABLE_TIMES) * VARINT_MAX)
#define KEY_BYTES_MAX  (2 + SKETCH_KEY_MAX + 4 * VARINT_MAX)


typedef struct {
    const uint8_t  *p;
    const uint8_t  *end;
    int             damaged;
} reader;


/* Each row stands behind a 1, and a 0 behind the last. */
static uint8_t *
put_table(const table *t, uint8_t *p, const uint8_t *end)
{
    for (uint32_t i = 0; i < t->max; i++) {
        const table_row  *row = &t->rows[i];

        if (row->len == 0) {
            continue;
        }

        if (end - p < ROW_BYTES_MAX + 2) {
            break;
        }

        *p++ = 1;
        p = ferrokv_packed_put(p, (ferrokv_str) { row->name, row->len });
        p = ferrokv_put_varint(p, row->calls);
        p = ferrokv_put_varint(p, row->errors);
        p = ferrokv_put_varint(p, row->micros);

        for (int j = 0; j < TABLE_TIMES; j++) {
            p = ferrokv_put_varint(p, row->times[j]);
        }
    }

    *p++ = 0;

    return p;
}


static uint8_t *
put_sketch(const sketch *s, uint8_t *p, const uint8_t *end)
{
    for (uint32_t i = 0; i < s->used; i++) {
        const sketch_row  *row = &s->rows[i];

        if (end - p < KEY_BYTES_MAX + 2) {
            break;
        }

        *p++ = 1;
        p = ferrokv_put_varint(p, row->hash);
        p = ferrokv_put_varint(p, row->db);
        p = ferrokv_packed_put(p, (ferrokv_str) { row->key, row->len });
        p = ferrokv_put_varint(p, row->count);
        p = ferrokv_put_varint(p, row->error);
    }

    *p++ = 0;

    return p;
}


size_t
picture_put(const picture *pic, uint8_t *out)
{
    const size_t    third = PICTURE_BYTES_MAX / 3;
    const uint8_t  *end = out + PICTURE_BYTES_MAX;
    uint8_t        *p = ferrokv_put_varint(out, VERSION);

    p = ferrokv_put_varint(p, pic->now);
    p = ferrokv_put_varint(p, pic->since);
    p = put_table(pic->commands, p, end - 2 * third);
    p = put_table(pic->prefixes, p, end - third);
    p = put_sketch(pic->keys, p, end);

    return (size_t) (p - out);
}


static uint64_t
get_number(reader *r)
{
    uint64_t  n = 0;

    if (!r->damaged) {
        r->p = ferrokv_get_varint(r->p, r->end, &n);
        r->damaged = (r->p == NULL);
    }

    return r->damaged ? 0 : n;
}


/* Not longer than max: else it was not ours. */
static uint8_t
get_name(reader *r, char *name, size_t max)
{
    size_t  len = get_number(r);

    if (r->damaged || len > max || len > (size_t) (r->end - r->p)) {
        r->damaged = 1;
        return 0;
    }

    memcpy(name, r->p, len);
    r->p += len;

    return (uint8_t) len;
}


static void
add_table(table *t, reader *r, int sign)
{
    while (get_number(r) == 1) {
        table_row  row;

        memset(&row, 0, sizeof(row));
        row.len = get_name(r, row.name, TABLE_NAME_MAX);
        row.calls = get_number(r);
        row.errors = get_number(r);
        row.micros = get_number(r);

        for (int i = 0; i < TABLE_TIMES; i++) {
            row.times[i] = get_number(r);
        }

        if (!r->damaged) {
            table_add(t, &row, sign);
        }
    }
}


static void
add_sketch(sketch *s, reader *r, int sign)
{
    while (get_number(r) == 1) {
        sketch_row  row;

        memset(&row, 0, sizeof(row));
        row.hash = (uint32_t) get_number(r);
        row.db = (uint8_t) get_number(r);
        row.len = get_name(r, row.key, SKETCH_KEY_MAX);
        row.count = get_number(r);
        row.error = get_number(r);

        if (!r->damaged) {
            sketch_add(s, &row, sign);
        }
    }
}


static reader
reader_of(ferrokv_str bytes)
{
    const uint8_t  *p = bytes.data;

    return (reader) { p, p + bytes.len, 0 };
}


static int
get_head(reader *r, uint64_t *now, uint64_t *since)
{
    uint64_t  version = get_number(r);

    *now = get_number(r);
    *since = get_number(r);

    return (r->damaged || version != VERSION) ? FERROKV_ECORRUPT : FERROKV_OK;
}


int
picture_head(ferrokv_str bytes, uint64_t *now, uint64_t *since)
{
    reader  r = reader_of(bytes);

    return get_head(&r, now, since);
}


int
picture_add(const picture *pic, ferrokv_str bytes, int sign)
{
    reader    r = reader_of(bytes);
    uint64_t  now, since;

    if (get_head(&r, &now, &since) != FERROKV_OK) {
        return FERROKV_ECORRUPT;
    }

    add_table(pic->commands, &r, sign);
    add_table(pic->prefixes, &r, sign);
    add_sketch(pic->keys, &r, sign);

    return r.damaged ? FERROKV_ECORRUPT : FERROKV_OK;
}
