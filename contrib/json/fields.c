#include "fields.h"
#include "stored.h"

#include <string.h>

#define NAME_BYTES_MAX  256
#define NAMES           "f/"
#define NAMES_END       "f0"
#define NAMES_LEN       2
#define PIECE           64      /* documents in a transaction of the step */

static const ferrokv_str  own_map = { NULL, 0 };
static const ferrokv_str  at = { "at", 2 };

const ferrokv_param  fields_param = {
    FERROKV_PARAM, 0, "json.fields", FERROKV_NUMBER, 0, 0, 1024, "64", NULL,
    "top-level fields of a document that JSON.FIELDS knows of"
};

/* The keys of one piece. */
typedef struct {
    ferrokv_str  keys[PIECE];
    size_t       n;
} piece_t;


/* Most names are there, so none is written that is. */
static int
note(ferrokv_ctx *ctx, ferrokv_str name)
{
    ferrokv_value  value = { { "", 0 }, NULL, 0 };
    char           bytes[NAMES_LEN + NAME_BYTES_MAX];
    ferrokv_str    elem = { bytes, NAMES_LEN + name.len };
    int            rc;

    memcpy(bytes, NAMES, NAMES_LEN);
    memcpy(bytes + NAMES_LEN, name.data, name.len);

    rc = ctx->api->get(ctx, own_map, elem, &value);

    if (rc != FERROKV_NONE) {
        return rc;
    }

    value = (ferrokv_value) { { "", 0 }, NULL, 0 };

    return ctx->api->put(ctx, own_map, elem, &value);
}


int
fields_note(ferrokv_ctx *ctx, const doc_node_t *root)
{
    int64_t  max;

    if (root->kind != DOC_OBJECT) {
        return FERROKV_OK;
    }

    ctx->api->param(ctx, &fields_param, &max);

    for (size_t i = 0; i < root->n && i < (size_t) max; i++) {
        ferrokv_str  name = root->items[i].name;
        int          rc;

        if (name.len == 0 || name.len > NAME_BYTES_MAX) {
            continue;
        }

        rc = note(ctx, name);

        if (rc < 0) {
            return rc;
        }
    }

    return FERROKV_OK;
}


static int
say_field(ferrokv_ctx *ctx, void *data, ferrokv_str elem,
    const ferrokv_value *val)
{
    size_t  *n = data;

    (void) val;
    ++*n;

    return ctx->api->say_str(ctx, (ferrokv_str) {
                                 (const char *) elem.data + NAMES_LEN,
                                 elem.len - NAMES_LEN });
}


static int
fields(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    size_t  n = 0, begin;
    int     rc;

    (void) argc;
    (void) argv;

    if (ctx->schema < 2) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR JSON.FIELDS needs schema "
                              "2 of json in this store: "
                              "FERROKV.EXTENSION UPDATE json");
    }

    begin = ctx->api->say_begin(ctx);
    rc = ctx->api->scan(ctx, own_map, (ferrokv_str) { NAMES, NAMES_LEN },
                        (ferrokv_str) { NAMES_END, NAMES_LEN }, 0, say_field,
                        &n);

    return (rc < 0) ? rc : ctx->api->say_end(ctx, begin, n);
}


const ferrokv_command  fields_command = {
    FERROKV_COMMAND, FERROKV_READ | FERROKV_SLOW | FERROKV_ELEMENTS,
    "JSON.FIELDS", 1, 0, 0, 0, fields, NULL,
    "Which names top-level fields of documents have, or have had."
};


static int
take_key(ferrokv_ctx *ctx, void *data, ferrokv_str key,
    const ferrokv_value *val)
{
    piece_t  *piece = data;
    char     *copy = ctx->api->alloc(ctx, key.len + 1);

    (void) val;

    if (key.len > 0) {
        memcpy(copy, key.data, key.len);
    }

    piece->keys[piece->n++] = (ferrokv_str) { copy, key.len };

    return FERROKV_OK;
}


/* A damaged document has no fields; LIST names it. */
static int
note_key(ferrokv_ctx *ctx, ferrokv_str key)
{
    const ferrokv_str  head = { NULL, 0 };
    ferrokv_value      value;
    doc_node_t        *root;
    int                rc = ctx->api->get(ctx, key, head, &value);

    if (rc == FERROKV_NONE || rc == FERROKV_ETYPE || rc == FERROKV_ECORRUPT) {
        return FERROKV_OK;
    }

    if (rc < 0) {
        return rc;
    }

    if (value.type != &stored_type) {
        return FERROKV_OK;
    }

    rc = doc_read(ctx, value.data, &root);

    return (rc < 0) ? rc : fields_note(ctx, root);
}


int
fields_step(ferrokv_ctx *ctx)
{
    const ferrokv_str  all = { "", 0 };
    ferrokv_value      last = { { "", 0 }, NULL, 0 };
    piece_t            piece = { .n = 0 };
    int                rc = ctx->api->get(ctx, own_map, at, &last);

    if (rc < 0) {
        return rc;
    }

    rc = ctx->api->keys(ctx, all, last.data, PIECE, take_key, &piece);

    for (size_t i = 0; rc >= 0 && i < piece.n; i++) {
        rc = note_key(ctx, piece.keys[i]);
    }

    if (rc < 0) {
        return rc;
    }

    if (piece.n < PIECE) {
        rc = ctx->api->del(ctx, own_map, at);
        return (rc < 0) ? rc : FERROKV_OK;
    }

    last = (ferrokv_value) { piece.keys[piece.n - 1], NULL, 0 };
    rc = ctx->api->put(ctx, own_map, at, &last);

    return (rc < 0) ? rc : FERROKV_AGAIN;
}
