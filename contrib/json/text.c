#include "text.h"

#include <ferrokv_encode.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES  40
#define OUT_MIN       256

/* A document's bytes, in memory that was there before jansson's was. */
typedef struct {
    unsigned char  *p;
    unsigned        depth;      /* levels left */
    bool            deep;
} packer_t;


/*
 * No value takes more bytes than four times its text and this: a comma, or what
 * begins and ends, is a part of each.
 */
static size_t
packed_max(size_t text)
{
    return 4 * text + 16;
}


static void pack(packer_t *k, json_t *json);


static void
pack_tag(packer_t *k, doc_kind_e kind)
{
    *k->p++ = (unsigned char) kind;
}


static void
pack_real(packer_t *k, double real)
{
    uint64_t  bits;

    memcpy(&bits, &real, sizeof(bits));
    pack_tag(k, DOC_REAL);

    for (int i = 0; i < 8; i++) {
        *k->p++ = (unsigned char) (bits >> 8 * i);
    }
}


static void
pack_items(packer_t *k, json_t *json)
{
    const char  *name;
    json_t      *item;
    size_t       i;

    if (k->depth == 0) {
        k->deep = true;
        return;
    }

    k->depth--;

    if (json_is_array(json)) {
        pack_tag(k, DOC_ARRAY);
        k->p = ferrokv_put_varint(k->p, json_array_size(json));

        json_array_foreach(json, i, item) {
            pack(k, item);
        }

    } else {
        pack_tag(k, DOC_OBJECT);
        k->p = ferrokv_put_varint(k->p, json_object_size(json));

        json_object_foreach(json, name, item) {
            k->p = ferrokv_packed_put(k->p, (ferrokv_str) { name,
                                                            strlen(name) });
            pack(k, item);
        }
    }

    k->depth++;
}


static void
pack(packer_t *k, json_t *json)
{
    int64_t  n;

    if (k->deep) {
        return;
    }

    switch (json_typeof(json)) {

    case JSON_NULL:
        pack_tag(k, DOC_NULL);
        break;

    case JSON_FALSE:
        pack_tag(k, DOC_FALSE);
        break;

    case JSON_TRUE:
        pack_tag(k, DOC_TRUE);
        break;

    case JSON_INTEGER:
        n = json_integer_value(json);
        pack_tag(k, DOC_INTEGER);
        k->p = ferrokv_put_varint(k->p, (uint64_t) n << 1
                                        ^ (uint64_t) (n >> 63));
        break;

    case JSON_REAL:
        pack_real(k, json_real_value(json));
        break;

    case JSON_STRING:
        pack_tag(k, DOC_STRING);
        k->p = ferrokv_packed_put(k->p, (ferrokv_str) {
                                      json_string_value(json),
                                      json_string_length(json) });
        break;

    case JSON_ARRAY:
    case JSON_OBJECT:
        pack_items(k, json);
        break;
    }
}


/*
 * alloc() may end the call, and what jansson holds would be lost with it: so
 * nothing is allocated between its beginning and its end.
 */
int
text_read(ferrokv_ctx *ctx, ferrokv_str text, unsigned max_depth,
    doc_node_t **root)
{
    unsigned char  *bytes = ctx->api->alloc(ctx, packed_max(text.len));
    packer_t        k = { bytes, max_depth, false };
    json_error_t    error;
    json_t         *json;

    json = json_loadb(text.len > 0 ? text.data : "", text.len,
                      JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

    if (json == NULL) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR %s, line %d column %d",
                              error.text, error.line, error.column);
    }

    pack(&k, json);
    json_decref(json);

    if (k.deep) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR a document has at most "
                              "%u levels (json.max_depth)", max_depth);
    }

    return doc_read(ctx, (ferrokv_str) { bytes, (size_t) (k.p - bytes) },
                    root);
}


void
text_begin(ferrokv_ctx *ctx, text_out_t *out)
{
    memset(out, 0, sizeof(text_out_t));
    out->ctx = ctx;
    out->max = OUT_MIN;
    out->data = ctx->api->alloc(ctx, out->max);
}


static void
put(text_out_t *out, const void *data, size_t len)
{
    if (len == 0) {
        return;
    }

    if (len > out->max - out->len) {
        size_t   max = 2 * (out->len + len);
        char    *more = out->ctx->api->alloc(out->ctx, max);

        memcpy(more, out->data, out->len);
        out->data = more;
        out->max = max;
    }

    memcpy(out->data + out->len, data, len);
    out->len += len;
}


static void
put_line(text_out_t *out)
{
    put(out, out->form.newline.data, out->form.newline.len);

    for (unsigned i = 0; out->form.indent.len > 0 && i < out->level; i++) {
        put(out, out->form.indent.data, out->form.indent.len);
    }
}


static void
put_escape(text_out_t *out, unsigned char c)
{
    static const char  plain[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    char               escape[8];

    for (const char *p = plain; *p != '\0'; p += 2) {
        if ((unsigned char) *p == c) {
            put(out, (char[]) { '\\', p[1] }, 2);
            return;
        }
    }

    put(out, escape, (size_t) snprintf(escape, sizeof(escape), "\\u%04x", c));
}


static void
put_text(text_out_t *out, ferrokv_str text)
{
    const unsigned char  *p = text.data;
    size_t                from = 0;

    put(out, "\"", 1);

    for (size_t i = 0; i < text.len; i++) {
        if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\') {
            put(out, p + from, i - from);
            put_escape(out, p[i]);
            from = i + 1;
        }
    }

    if (text.len > from) {
        put(out, p + from, text.len - from);
    }

    put(out, "\"", 1);
}


static void
put_real(text_out_t *out, double real)
{
    char  digits[NUMBER_BYTES];
    int   n = 0;

    for (int precision = 15; precision <= 17; precision++) {
        n = snprintf(digits, sizeof(digits), "%.*g", precision, real);

        if (strtod(digits, NULL) == real) {
            break;
        }
    }

    put(out, digits, (size_t) n);

    if (strpbrk(digits, ".e") == NULL) {
        put(out, ".0", 2);
    }
}


void
text_open(text_out_t *out, char bracket)
{
    put(out, &bracket, 1);
    out->level++;
}


void
text_item(text_out_t *out, size_t n)
{
    if (n > 0) {
        put(out, ",", 1);
    }

    put_line(out);
}


void
text_name(text_out_t *out, ferrokv_str name)
{
    put_text(out, name);
    put(out, ":", 1);
    put(out, out->form.space.data, out->form.space.len);
}


void
text_close(text_out_t *out, char bracket, size_t n)
{
    out->level--;

    if (n > 0) {
        put_line(out);
    }

    put(out, &bracket, 1);
}


static void
put_items(text_out_t *out, const doc_node_t *node)
{
    bool  object = (node->kind == DOC_OBJECT);

    text_open(out, object ? '{' : '[');

    for (size_t i = 0; i < node->n; i++) {
        text_item(out, i);

        if (object) {
            text_name(out, node->items[i].name);
        }

        text_put(out, node->items[i].value);
    }

    text_close(out, object ? '}' : ']', node->n);
}


void
text_put(text_out_t *out, const doc_node_t *node)
{
    char  digits[NUMBER_BYTES];

    switch (node->kind) {

    case DOC_NULL:
        put(out, "null", 4);
        break;

    case DOC_FALSE:
        put(out, "false", 5);
        break;

    case DOC_TRUE:
        put(out, "true", 4);
        break;

    case DOC_INTEGER:
        put(out, digits, (size_t) snprintf(digits, sizeof(digits), "%lld",
                                           (long long) node->integer));
        break;

    case DOC_REAL:
        put_real(out, node->real);
        break;

    case DOC_STRING:
        put_text(out, node->text);
        break;

    case DOC_ARRAY:
    case DOC_OBJECT:
        put_items(out, node);
        break;
    }
}


ferrokv_str
text_end(const text_out_t *out)
{
    return (ferrokv_str) { out->data, out->len };
}
