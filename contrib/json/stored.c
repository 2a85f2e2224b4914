#include "stored.h"
#include "fields.h"
#include "text.h"


const ferrokv_param  stored_max_depth = {
    FERROKV_PARAM, 0, "json.max_depth", FERROKV_NUMBER, 0, 1, DOC_DEPTH_MAX,
    "128", NULL, "levels of arrays and objects that a document may have"
};


unsigned
stored_depth(ferrokv_ctx *ctx)
{
    int64_t  n;

    ctx->api->param(ctx, &stored_max_depth, &n);

    return (unsigned) n;
}


static int
input(ferrokv_ctx *ctx, ferrokv_str text, ferrokv_value *out)
{
    doc_node_t  *root;
    int          rc = text_read(ctx, text, stored_depth(ctx), &root);

    if (rc == FERROKV_OK) {
        *out = (ferrokv_value) { doc_write(ctx, root), &stored_type, 0 };
    }

    return rc;
}


static int
output(ferrokv_ctx *ctx, const ferrokv_value *val)
{
    doc_node_t  *root;
    text_out_t   out;
    int          rc = doc_read(ctx, val->data, &root);

    if (rc != FERROKV_OK) {
        return rc;
    }

    text_begin(ctx, &out);
    text_put(&out, root);

    return ctx->api->say_str(ctx, text_end(&out));
}


/* Encver 0, of releases up to 1.0, was the text. */
static int
recode(ferrokv_ctx *ctx, uint32_t encver, ferrokv_str old, ferrokv_value *out)
{
    doc_node_t  *root;

    if (encver != 0 || text_read(ctx, old, DOC_DEPTH_MAX, &root) != FERROKV_OK)
    {
        return FERROKV_ECORRUPT;
    }

    *out = (ferrokv_value) { doc_write(ctx, root), &stored_type, 0 };

    return FERROKV_OK;
}


/* Nothing is allocated here, so a document is only as heavy as its bytes. */
static uint64_t
weight(const ferrokv_value *val)
{
    return sizeof(doc_node_t) + val->data.len;
}


const ferrokv_type  stored_type = {
    FERROKV_TYPE, 0, "json", 1, 0, NULL, input, output, recode, NULL, weight
};


int
stored_read(ferrokv_ctx *ctx, ferrokv_str key, doc_node_t **root,
    uint64_t *expires)
{
    const ferrokv_str  head = { NULL, 0 };
    ferrokv_value      value;
    int                rc = ctx->api->get(ctx, key, head, &value);

    if (rc != FERROKV_OK) {
        return rc;
    }

    if (value.type != &stored_type) {
        return ctx->api->fail(ctx, FERROKV_ETYPE, "WRONGTYPE Operation against "
                              "a key holding the wrong kind of value");
    }

    if (expires != NULL) {
        *expires = value.expires;
    }

    return doc_read(ctx, value.data, root);
}


int
stored_need(ferrokv_ctx *ctx, ferrokv_str key, doc_node_t **root,
    uint64_t *expires)
{
    int  rc = stored_read(ctx, key, root, expires);

    return (rc == FERROKV_NONE)
           ? ctx->api->fail(ctx, FERROKV_EARG, "ERR could not perform this "
                            "operation on a key that doesn't exist")
           : rc;
}


int
stored_write(ferrokv_ctx *ctx, ferrokv_str key, doc_node_t *root,
    uint64_t expires)
{
    const ferrokv_str  head = { NULL, 0 };
    ferrokv_value      value = { { NULL, 0 }, &stored_type, expires };
    unsigned           max = stored_depth(ctx);
    int                rc;

    if (doc_depth(root) > max) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR a document has at most "
                              "%u levels (json.max_depth)", max);
    }

    value.data = doc_write(ctx, root);

    rc = ctx->api->put(ctx, key, head, &value);

    return (rc < 0) ? rc : fields_note(ctx, root);
}
