#include "doc.h"

#include <ferrokv_encode.h>

#include <string.h>

#define REAL_BYTES  8
#define ITEMS_MIN   4

typedef struct {
    ferrokv_ctx          *ctx;
    const unsigned char  *p;        /* NULL: it is damaged */
    const unsigned char  *end;
} reader_t;


doc_node_t *
doc_new(ferrokv_ctx *ctx, doc_kind_e kind)
{
    doc_node_t  *node = ctx->api->alloc(ctx, sizeof(doc_node_t));

    memset(node, 0, sizeof(doc_node_t));
    node->kind = kind;

    return node;
}


bool
doc_is_container(const doc_node_t *node)
{
    return node->kind == DOC_ARRAY || node->kind == DOC_OBJECT;
}


const char *
doc_kind_name(const doc_node_t *node)
{
    static const char *const  names[] = {
        "null", "boolean", "boolean", "integer", "number", "string", "array",
        "object"
    };

    return names[node->kind];
}


doc_item_t *
doc_member(const doc_node_t *object, ferrokv_str name)
{
    for (size_t i = 0; i < object->n; i++) {
        doc_item_t  *item = &object->items[i];

        if (item->value != NULL && item->name.len == name.len
            && (name.len == 0
                || memcmp(item->name.data, name.data, name.len) == 0))
        {
            return item;
        }
    }

    return NULL;
}


static void
items_grow(ferrokv_ctx *ctx, doc_node_t *node, size_t max)
{
    doc_item_t  *items = ctx->api->alloc(ctx, max * sizeof(doc_item_t));

    if (node->n > 0) {
        memcpy(items, node->items, node->n * sizeof(doc_item_t));
    }

    node->items = items;
    node->max = max;
}


/* Without a look at what is there already. */
static void
items_add(ferrokv_ctx *ctx, doc_node_t *node, ferrokv_str name,
    doc_node_t *value)
{
    if (node->n == node->max) {
        items_grow(ctx, node, node->max > 0 ? 2 * node->max : ITEMS_MIN);
    }

    node->items[node->n++] = (doc_item_t) { name, value };
}


void
doc_put(ferrokv_ctx *ctx, doc_node_t *node, ferrokv_str name,
    doc_node_t *value)
{
    doc_item_t  *item = NULL;

    if (node->kind == DOC_OBJECT) {
        item = doc_member(node, name);
    }

    if (item != NULL) {
        item->value = value;

    } else {
        items_add(ctx, node, name, value);
    }
}


void
doc_assign(ferrokv_ctx *ctx, doc_node_t *node, const doc_node_t *value)
{
    doc_node_t  copy = *value;

    copy.seen = node->seen;
    copy.walked = node->walked;
    copy.dead = false;
    copy.items = NULL;
    copy.n = 0;
    copy.max = 0;

    for (size_t i = 0; i < value->n; i++) {
        doc_node_t  *child = doc_new(ctx, DOC_NULL);

        doc_assign(ctx, child, value->items[i].value);
        items_add(ctx, &copy, value->items[i].name, child);
    }

    *node = copy;
}


void
doc_sweep(doc_node_t *node)
{
    size_t  n = 0;

    for (size_t i = 0; i < node->n; i++) {
        if (node->items[i].value != NULL) {
            doc_sweep(node->items[i].value);
            node->items[n++] = node->items[i];
        }
    }

    node->n = n;
}


unsigned
doc_depth(const doc_node_t *node)
{
    unsigned  deepest = 0;

    for (size_t i = 0; i < node->n; i++) {
        unsigned  depth = doc_depth(node->items[i].value);

        deepest = depth > deepest ? depth : deepest;
    }

    return doc_is_container(node) ? deepest + 1 : 0;
}


static uint64_t
read_number(reader_t *r)
{
    uint64_t  n = 0;

    if (r->p != NULL) {
        r->p = ferrokv_get_varint(r->p, r->end, &n);
    }

    return n;
}


static ferrokv_str
read_text(reader_t *r)
{
    ferrokv_str  text = { "", 0 };
    uint64_t     len = read_number(r);

    if (r->p != NULL && len > (size_t) (r->end - r->p)) {
        r->p = NULL;
    }

    if (r->p != NULL && len > 0) {
        text.data = r->p;
        text.len = (size_t) len;
        r->p += len;
    }

    return text;
}


static double
read_real(reader_t *r)
{
    uint64_t  bits = 0;
    double    real;

    if (r->end - r->p < REAL_BYTES) {
        r->p = NULL;
        return 0;
    }

    for (int i = REAL_BYTES; i-- > 0; ) {
        bits = bits << 8 | r->p[i];
    }

    r->p += REAL_BYTES;
    memcpy(&real, &bits, sizeof(real));

    /* JSON has no infinities, and nothing that is not a number. */
    if (real - real != 0) {
        r->p = NULL;
    }

    return real;
}


static doc_node_t *read_value(reader_t *r, unsigned depth);


static void
read_items(reader_t *r, doc_node_t *node, unsigned depth)
{
    uint64_t  n = read_number(r);

    /* An item takes a byte at least, so no count makes us allocate a lot. */
    if (r->p == NULL || depth == 0 || n > (size_t) (r->end - r->p)) {
        r->p = NULL;
        return;
    }

    if (n > 0) {
        items_grow(r->ctx, node, (size_t) n);
    }

    for (uint64_t i = 0; i < n && r->p != NULL; i++) {
        ferrokv_str   name = { "", 0 };
        doc_node_t   *value;

        if (node->kind == DOC_OBJECT) {
            name = read_text(r);
        }

        value = read_value(r, depth - 1);

        if (r->p != NULL) {
            items_add(r->ctx, node, name, value);
        }
    }
}


static doc_node_t *
read_value(reader_t *r, unsigned depth)
{
    doc_node_t  *node;
    uint64_t     n;

    if (r->p == NULL || r->p == r->end || *r->p > DOC_OBJECT) {
        r->p = NULL;
        return NULL;
    }

    node = doc_new(r->ctx, (doc_kind_e) *r->p++);

    switch (node->kind) {

    case DOC_NULL:
    case DOC_FALSE:
    case DOC_TRUE:
        break;

    case DOC_INTEGER:
        n = read_number(r);
        node->integer = (int64_t) (n >> 1 ^ -(n & 1));
        break;

    case DOC_REAL:
        node->real = read_real(r);
        break;

    case DOC_STRING:
        node->text = read_text(r);
        break;

    case DOC_ARRAY:
    case DOC_OBJECT:
        read_items(r, node, depth);
        break;
    }

    return node;
}


int
doc_read(ferrokv_ctx *ctx, ferrokv_str bytes, doc_node_t **root)
{
    const unsigned char  *p = bytes.data;
    reader_t              r = { ctx, p, p + bytes.len };

    if (bytes.len == 0) {
        return FERROKV_ECORRUPT;
    }

    *root = read_value(&r, DOC_DEPTH_MAX);

    return (r.p != NULL && r.p == r.end) ? FERROKV_OK : FERROKV_ECORRUPT;
}


static uint64_t
zigzag(int64_t n)
{
    return (uint64_t) n << 1 ^ (uint64_t) (n >> 63);
}


static size_t
size_of(const doc_node_t *node)
{
    size_t  size = 1;

    switch (node->kind) {

    case DOC_NULL:
    case DOC_FALSE:
    case DOC_TRUE:
        break;

    case DOC_INTEGER:
        size += ferrokv_varint_size(zigzag(node->integer));
        break;

    case DOC_REAL:
        size += REAL_BYTES;
        break;

    case DOC_STRING:
        size += ferrokv_packed_size(node->text.len);
        break;

    case DOC_ARRAY:
    case DOC_OBJECT:
        size += ferrokv_varint_size(node->n);

        for (size_t i = 0; i < node->n; i++) {
            size += size_of(node->items[i].value);
            size += (node->kind == DOC_OBJECT)
                    ? ferrokv_packed_size(node->items[i].name.len) : 0;
        }
    }

    return size;
}


static unsigned char *
write_value(unsigned char *p, const doc_node_t *node)
{
    uint64_t  bits;

    *p++ = (unsigned char) node->kind;

    switch (node->kind) {

    case DOC_NULL:
    case DOC_FALSE:
    case DOC_TRUE:
        break;

    case DOC_INTEGER:
        p = ferrokv_put_varint(p, zigzag(node->integer));
        break;

    case DOC_REAL:
        memcpy(&bits, &node->real, sizeof(bits));

        for (int i = 0; i < REAL_BYTES; i++) {
            *p++ = (unsigned char) (bits >> 8 * i);
        }

        break;

    case DOC_STRING:
        p = ferrokv_packed_put(p, node->text);
        break;

    case DOC_ARRAY:
    case DOC_OBJECT:
        p = ferrokv_put_varint(p, node->n);

        for (size_t i = 0; i < node->n; i++) {
            if (node->kind == DOC_OBJECT) {
                p = ferrokv_packed_put(p, node->items[i].name);
            }

            p = write_value(p, node->items[i].value);
        }
    }

    return p;
}


ferrokv_str
doc_write(ferrokv_ctx *ctx, const doc_node_t *root)
{
    size_t          size = size_of(root);
    unsigned char  *bytes = ctx->api->alloc(ctx, size);

    write_value(bytes, root);

    return (ferrokv_str) { bytes, size };
}
