#include "items.h"

#include "ferrokv_encode.h"

#include <string.h>

#define ELEMENTS_HEAD   17
#define PACKED_ITEM     64          /* a longer one is no small list's */
#define FIRST           ((uint64_t) 1 << 63)

static const ferrokv_str  head_elem = { NULL, 0 };


static ferrokv_str
str(const void *data, size_t len)
{
    ferrokv_str  s = { data, len };

    return s;
}


static int
damaged(items_t *items)
{
    return items->ctx->api->fail(items->ctx, FERROKV_ECORRUPT,
                                 "ERR the value is damaged");
}


/* Room for so many more at one end: twice as many fit then. */
static void
packed_reserve(items_t *items, bool left, size_t more)
{
    size_t        wanted = items->count + more;
    ferrokv_str  *list;

    if (left ? items->begin >= more
             : items->room - items->begin - items->count >= more)
    {
        return;
    }

    items->room = 3 * wanted + 8;
    list = items->ctx->api->alloc(items->ctx, items->room * sizeof(*list));

    if (items->count > 0) {
        memcpy(list + wanted, items->list + items->begin,
               items->count * sizeof(*list));
    }

    items->list = list;
    items->begin = wanted;
}


static int
packed_read(items_t *items, ferrokv_str packed)
{
    size_t        n = ferrokv_packed_count(packed);
    ferrokv_str   item;
    int           rc;

    items->form = ITEMS_PACKED;
    packed_reserve(items, false, n);

    while ((rc = ferrokv_packed_next(&packed, &item)) == FERROKV_OK) {
        items->list[items->begin + items->count++] = item;
    }

    return (rc == FERROKV_NONE) ? FERROKV_OK : damaged(items);
}


static int
head_read(items_t *items, const ferrokv_value *head)
{
    const unsigned char  *p = head->data.data;
    size_t                len = head->data.len;

    items->expires = head->expires;

    if (len > 1 && p[0] == ITEMS_PACKED) {
        return packed_read(items, str(p + 1, len - 1));
    }

    if (len == ELEMENTS_HEAD && p[0] == ITEMS_ELEMENTS) {
        items->form = ITEMS_ELEMENTS;
        items->first = ferrokv_get_u64(p + 1);
        items->count = ferrokv_get_u64(p + 9);

        return FERROKV_OK;
    }

    return damaged(items);
}


int
items_open(items_t *items, ferrokv_ctx *ctx, ferrokv_str key)
{
    ferrokv_value  head;
    int            rc;

    memset(items, 0, sizeof(*items));
    items->ctx = ctx;
    items->key = key;

    rc = ctx->api->get(ctx, key, head_elem, &head);

    if (rc != FERROKV_OK) {
        return (rc == FERROKV_NONE) ? FERROKV_OK : rc;
    }

    if (head.type != &list_type) {
        return ctx->api->fail(ctx, FERROKV_ETYPE, "WRONGTYPE Operation against "
                              "a key holding the wrong kind of value");
    }

    return head_read(items, &head);
}


static int
head_put(items_t *items, const unsigned char *data, size_t len)
{
    ferrokv_value  value = { { NULL, 0 }, &list_type, items->expires };

    value.data = str(data, len);

    return items->ctx->api->put(items->ctx, items->key, head_elem, &value);
}


static int
elements_head(items_t *items)
{
    unsigned char  p[ELEMENTS_HEAD];

    p[0] = ITEMS_ELEMENTS;
    ferrokv_put_u64(p + 1, items->first);
    ferrokv_put_u64(p + 9, items->count);

    return head_put(items, p, sizeof(p));
}


static int
element_put(items_t *items, uint64_t i, ferrokv_str item)
{
    unsigned char  name[FERROKV_ENCODED_BYTES];
    ferrokv_value  value = { item, NULL, 0 };

    ferrokv_put_u64(name, items->first + i);

    return items->ctx->api->put(items->ctx, items->key,
                                str(name, sizeof(name)), &value);
}


static int
elements_put(items_t *items, uint64_t i, const ferrokv_str *list, uint64_t n)
{
    int  rc = FERROKV_OK;

    for (uint64_t k = 0; k < n && rc == FERROKV_OK; k++) {
        rc = element_put(items, i + k, list[k]);
    }

    return rc;
}


static int
elements_del(items_t *items, uint64_t i, uint64_t n)
{
    unsigned char  name[FERROKV_ENCODED_BYTES];
    int            rc = FERROKV_OK;

    for (uint64_t k = 0; k < n && rc >= 0; k++) {
        ferrokv_put_u64(name, items->first + i + k);
        rc = items->ctx->api->del(items->ctx, items->key,
                                  str(name, sizeof(name)));
    }

    return (rc < 0) ? rc : FERROKV_OK;
}


typedef struct {
    items_t      *items;
    ferrokv_str  *to;
    uint64_t      from, n;
} load_t;


static int
load_one(ferrokv_ctx *ctx, void *data, ferrokv_str key,
    const ferrokv_value *val)
{
    load_t  *load = data;

    (void) ctx;

    if (key.len != FERROKV_ENCODED_BYTES
        || ferrokv_get_u64(key.data) != load->from + load->n)
    {
        return damaged(load->items);
    }

    load->to[load->n++] = val->data;

    return FERROKV_OK;
}


int
items_load(items_t *items, uint64_t i, uint64_t n, ferrokv_str *to)
{
    unsigned char  from[FERROKV_ENCODED_BYTES], end[FERROKV_ENCODED_BYTES];
    load_t         load = { items, to, items->first + i, 0 };
    int            rc;

    if (n == 0) {
        return FERROKV_OK;
    }

    if (items->form == ITEMS_PACKED) {
        memcpy(to, items->list + items->begin + i, n * sizeof(*to));
        return FERROKV_OK;
    }

    ferrokv_put_u64(from, load.from);
    ferrokv_put_u64(end, load.from + n);
    rc = items->ctx->api->scan(items->ctx, items->key,
                               str(from, sizeof(from)), str(end, sizeof(end)),
                               n, load_one, &load);

    return (rc == FERROKV_OK && load.n != n) ? damaged(items) : rc;
}


int
items_set(items_t *items, uint64_t i, ferrokv_str item)
{
    if (items->form == ITEMS_ELEMENTS) {
        return element_put(items, i, item);
    }

    items->list[items->begin + i] = item;
    items->changed = true;

    return FERROKV_OK;
}


int
items_push(items_t *items, bool left, ferrokv_str item)
{
    uint64_t  i = left ? 0 : items->count;

    items->changed = true;

    if (items->form == ITEMS_ELEMENTS) {
        items->first -= left;
        items->count++;

        return element_put(items, i, item);
    }

    items->form = ITEMS_PACKED;
    packed_reserve(items, left, 1);
    items->begin -= left;
    items->count++;
    items->list[items->begin + i] = item;

    return FERROKV_OK;
}


int
items_pop(items_t *items, bool left, ferrokv_str *item)
{
    uint64_t  i = left ? 0 : items->count - 1;
    int       rc = items_load(items, i, 1, item);

    if (rc == FERROKV_OK && items->form == ITEMS_ELEMENTS) {
        rc = elements_del(items, i, 1);
    }

    items->changed = true;
    items->begin += left;
    items->first += left;
    items->count--;

    return rc;
}


/* Those behind move. */
static int
replace_tail(items_t *items, uint64_t i, uint64_t n, const ferrokv_str *with,
    uint64_t m)
{
    uint64_t      behind = items->count - i - n;
    ferrokv_str  *tail = items->ctx->api->alloc(items->ctx, (behind + 1)
                                                * sizeof(*tail));
    int           rc = items_load(items, i + n, behind, tail);

    if (rc != FERROKV_OK
        || (rc = elements_put(items, i, with, m)) != FERROKV_OK
        || (rc = elements_put(items, i + m, tail, behind)) != FERROKV_OK)
    {
        return rc;
    }

    return (m < n) ? elements_del(items, items->count - (n - m), n - m)
           : FERROKV_OK;
}


/* Those before move. */
static int
replace_front(items_t *items, uint64_t i, uint64_t n, const ferrokv_str *with,
    uint64_t m)
{
    ferrokv_str  *front = items->ctx->api->alloc(items->ctx, (i + 1)
                                                 * sizeof(*front));
    int           rc = items_load(items, 0, i, front);

    if (rc == FERROKV_OK && m < n) {
        rc = elements_del(items, 0, n - m);
    }

    items->first += n - m;

    if (rc == FERROKV_OK) {
        rc = elements_put(items, 0, front, i);
    }

    return (rc == FERROKV_OK) ? elements_put(items, i, with, m) : rc;
}


static void
replace_packed(items_t *items, uint64_t i, uint64_t n, const ferrokv_str *with,
    uint64_t m)
{
    ferrokv_str  *at;

    packed_reserve(items, false, m);
    at = items->list + items->begin + i;
    memmove(at + m, at + n, (items->count - i - n) * sizeof(*at));

    if (m > 0) {
        memcpy(at, with, m * sizeof(*at));
    }
}


int
items_replace(items_t *items, uint64_t i, uint64_t n, const ferrokv_str *with,
    uint64_t m)
{
    int  rc = FERROKV_OK;

    if (items->form != ITEMS_ELEMENTS) {
        replace_packed(items, i, n, with, m);

    } else if (i < items->count - i - n) {
        rc = replace_front(items, i, n, with, m);

    } else {
        rc = replace_tail(items, i, n, with, m);
    }

    items->changed = true;
    items->count = items->count - n + m;

    return rc;
}


/* Few are left of many: they begin anew. */
static int
trim_anew(items_t *items, uint64_t i, uint64_t n)
{
    ferrokv_str  *list = items->ctx->api->alloc(items->ctx, (n + 1)
                                                * sizeof(*list));
    int           rc = items_load(items, i, n, list);

    if (rc == FERROKV_OK) {
        rc = items->ctx->api->del(items->ctx, items->key, head_elem);
    }

    items->form = ITEMS_PACKED;
    items->list = list;
    items->begin = 0;
    items->room = n + 1;

    return (rc < 0) ? rc : FERROKV_OK;
}


int
items_trim(items_t *items, uint64_t i, uint64_t n)
{
    int  rc = FERROKV_OK;

    if (n == items->count) {
        return FERROKV_OK;
    }

    items->changed = true;

    if (items->form != ITEMS_ELEMENTS) {
        items->begin += i;

    } else if (n < items->count / 2) {
        rc = trim_anew(items, i, n);

    } else {
        rc = elements_del(items, 0, i);

        if (rc == FERROKV_OK) {
            rc = elements_del(items, i + n, items->count - i - n);
        }

        items->first += i;
    }

    items->count = n;

    return rc;
}


/* Bytes as one value; 0: it is too large for that. */
static size_t
packed_size(items_t *items)
{
    const ferrokv_str  *list = items->list + items->begin;
    int64_t             entries, bytes;
    size_t              len = 0;

    (void) items->ctx->api->param(items->ctx, &list_packed_entries, &entries);
    (void) items->ctx->api->param(items->ctx, &list_packed_bytes, &bytes);

    if (items->count > (uint64_t) entries) {
        return 0;
    }

    for (uint64_t i = 0; i < items->count; i++) {
        if (list[i].len > PACKED_ITEM) {
            return 0;
        }

        len += ferrokv_packed_size(list[i].len);
    }

    return (len <= (uint64_t) bytes) ? len : 0;
}


static int
packed_close(items_t *items)
{
    const ferrokv_str  *list = items->list + items->begin;
    size_t              len = packed_size(items);
    unsigned char      *data, *p;
    int                 rc;

    if (len == 0) {
        items->form = ITEMS_ELEMENTS;
        items->first = FIRST;
        rc = elements_head(items);

        return (rc == FERROKV_OK) ? elements_put(items, 0, list, items->count)
               : rc;
    }

    data = items->ctx->api->alloc(items->ctx, 1 + len);
    data[0] = ITEMS_PACKED;
    p = data + 1;

    for (uint64_t i = 0; i < items->count; i++) {
        p = ferrokv_packed_put(p, list[i]);
    }

    return head_put(items, data, 1 + len);
}


int
items_close(items_t *items)
{
    int  rc;

    if (!items->changed) {
        return FERROKV_OK;
    }

    if (items->count > 0) {
        return (items->form == ITEMS_PACKED) ? packed_close(items)
               : elements_head(items);
    }

    rc = items->ctx->api->del(items->ctx, items->key, head_elem);

    return (rc < 0) ? rc : FERROKV_OK;
}
