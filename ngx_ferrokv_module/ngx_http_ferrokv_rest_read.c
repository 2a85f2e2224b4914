
/*
 * GET and HEAD of one key.  The hot path: one allocation for the operation,
 * one for what is sent, copied out of the engine so that a slow client pins
 * nothing.  A large value goes its own way: ngx_http_ferrokv_rest_stream.c.
 */

#include "ngx_http_ferrokv_rest.h"
#include "commands/document.h"


typedef struct {
    ngx_http_ferrokv_target_t  target;
    fkv_get_t                  get;
    ngx_uint_t                 meta;
    ngx_buf_t                  buf;
} ngx_http_ferrokv_read_t;


static void ngx_http_ferrokv_read_on_done(fkv_op_t *op);
static ngx_int_t ngx_http_ferrokv_read_answer(void *data, int rc);
static ngx_int_t ngx_http_ferrokv_read_unmodified(
    ngx_http_ferrokv_read_t *read);
static ngx_int_t ngx_http_ferrokv_read_found(ngx_http_ferrokv_read_t *read);
static u_char *ngx_http_ferrokv_read_ttl(ngx_http_request_t *r,
    uint64_t seconds, u_char *p);
static uint64_t ngx_http_ferrokv_read_seconds(ngx_http_ferrokv_read_t *read);
static ngx_int_t ngx_http_ferrokv_read_typed(ngx_http_ferrokv_read_t *read);
static ngx_int_t ngx_http_ferrokv_read_whole(ngx_http_ferrokv_read_t *read);
static ngx_int_t ngx_http_ferrokv_read_document(ngx_http_ferrokv_read_t *read,
    fkv__buf_t *document);
static ngx_int_t ngx_http_ferrokv_read_large(ngx_http_ferrokv_read_t *read);
static void ngx_http_ferrokv_read_type(ngx_http_request_t *r, u_char *type,
    size_t len);
static ngx_int_t ngx_http_ferrokv_read_send(ngx_http_ferrokv_read_t *read,
    u_char *data, size_t len);
static ngx_int_t ngx_http_ferrokv_read_bad_range(ngx_http_request_t *r);
static ngx_int_t ngx_http_ferrokv_read_meta(ngx_http_ferrokv_read_t *read);


ngx_int_t
ngx_http_ferrokv_rest_read(ngx_http_ferrokv_target_t *target)
{
    int                          rc;
    fkv_get_t                   *get;
    ngx_http_request_t          *r;
    ngx_http_ferrokv_read_t     *read;
    ngx_http_ferrokv_query_t     query;
    ngx_http_ferrokv_problem_t   problem;

    r = target->request;

    if (ngx_http_ferrokv_query_parse(r, &query,
                                     ngx_http_ferrokv_bit(META)
                                     |ngx_http_ferrokv_bit(SNAPSHOT),
                                     &problem)
        != NGX_OK)
    {
        return ngx_http_ferrokv_send_problem(r, &problem);
    }

    read = ngx_pcalloc(r->pool, sizeof(ngx_http_ferrokv_read_t));
    if (read == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_ferrokv_given(&query, SNAPSHOT)
        && ngx_http_ferrokv_query_lease(&query, &read->get.lease, &problem)
           != NGX_OK)
    {
        return ngx_http_ferrokv_send_problem(r, &problem);
    }

    read->target = *target;
    read->meta = ngx_http_ferrokv_given(&query, META);

    get = &read->get;
    get->store = target->store->fkv;
    get->ns = FKV_NAMESPACE_USER;
    get->key = ngx_ferrokv_str(&target->key);
    get->now_ms = fkv_now_ms(get->store);
    get->head = (read->meta || r->method == NGX_HTTP_HEAD);
    get->op.on_done = ngx_http_ferrokv_read_on_done;
    get->op.data = read;

    if (read->meta) {
        get->load_max = NGX_HTTP_FERROKV_LIST_BYTES_MAX;

    } else if (r != r->main) {
        get->load_max = NGX_MAX_OFF_T_VALUE;
    }

    rc = fkv_get(get);

    if (rc == FKV_AGAIN) {
        return ngx_http_ferrokv_wait(r);
    }

    return ngx_http_ferrokv_read_answer(read, rc);
}


static void
ngx_http_ferrokv_read_on_done(fkv_op_t *op)
{
    ngx_http_ferrokv_read_t  *read;

    read = op->data;

    ngx_http_ferrokv_done(read->target.request, ngx_http_ferrokv_read_answer,
                          read, op->rc);
}


static ngx_int_t
ngx_http_ferrokv_read_answer(void *data, int rc)
{
    ngx_http_ferrokv_read_t *read = data;

    fkv_value_t         *value;
    ngx_http_request_t  *r;

    r = read->target.request;
    value = &read->get.value;

    /* a key that is not there has no tag: even "If-Match: *" fails */

    if ((rc == FKV_OK || rc == FKV_NOTFOUND)
        && r == r->main
        && !read->meta
        && !ngx_http_ferrokv_if_match(r, rc == FKV_OK, value->version))
    {
        rc = FKV_PRECONDITION;
    }

    if (rc != FKV_OK) {
        fkv_get_done(&read->get);
        return ngx_http_ferrokv_send_failure(&read->target, rc);
    }

    if (read->meta) {
        return ngx_http_ferrokv_read_meta(read);
    }

    if (r == r->main
        && !ngx_http_ferrokv_if_none_match(r, 1, value->version))
    {
        return ngx_http_ferrokv_read_unmodified(read);
    }

    if (value->type != 0) {
        return ngx_http_ferrokv_read_typed(read);
    }

    if (value->blob) {
        return ngx_http_ferrokv_read_large(read);
    }

    return ngx_http_ferrokv_read_found(read);
}


/* The value of another type is what that type says of it, in JSON. */
static ngx_int_t
ngx_http_ferrokv_read_typed(ngx_http_ferrokv_read_t *read)
{
    int                          rc;
    char                         error[FKV_DOCUMENT_ERROR];
    ngx_int_t                    sent;
    fkv_get_t                   *get;
    fkv__buf_t                   document;
    ngx_http_ferrokv_problem_t   problem;

    get = &read->get;

    if (get->value.data.len != get->value.size) {
        return ngx_http_ferrokv_read_whole(read);
    }

    ngx_memzero(&document, sizeof(fkv__buf_t));

    rc = fkv_document_get(get, &document, error);

    if (rc == FKV_OK) {
        sent = ngx_http_ferrokv_read_document(read, &document);
        fkv__buf_done(&document);
        return sent;
    }

    fkv__buf_done(&document);
    fkv_get_done(get);

    if (rc != FKV_WRONGTYPE && rc != FKV_EMISSING && rc != FKV_EINVAL) {
        return ngx_http_ferrokv_send_failure(&read->target, rc);
    }

    if (rc == FKV_EINVAL) {
        rc = FKV_ECORRUPT;              /* its type does not know it */
    }

    (void) ngx_http_ferrokv_fail(&problem, ngx_ferrokv_http_status(rc),
                                 ngx_http_ferrokv_code_word(rc), "%s", error);

    return ngx_http_ferrokv_send_problem(read->target.request, &problem);
}


/* It was too large to be loaded: once more, at any length. */
static ngx_int_t
ngx_http_ferrokv_read_whole(ngx_http_ferrokv_read_t *read)
{
    int         rc;
    fkv_get_t  *get;

    get = &read->get;

    fkv_get_done(get);

    get->head = 0;
    get->load_max = NGX_MAX_OFF_T_VALUE;

    rc = fkv_get(get);

    if (rc == FKV_AGAIN) {
        return ngx_http_ferrokv_wait(read->target.request);
    }

    return ngx_http_ferrokv_read_answer(read, rc);
}


static ngx_int_t
ngx_http_ferrokv_read_document(ngx_http_ferrokv_read_t *read,
    fkv__buf_t *document)
{
    u_char              *p;
    ngx_http_request_t  *r;

    r = read->target.request;

    p = ngx_pnalloc(r->pool, NGX_HTTP_FERROKV_ETAG_LEN + NGX_INT64_LEN
                             + document->len);

    if (p == NULL
        || (p = ngx_http_ferrokv_add_etag(r, p, read->get.value.version))
           == NULL
        || (p = ngx_http_ferrokv_read_ttl(r,
                                          ngx_http_ferrokv_read_seconds(read),
                                          p))
           == NULL)
    {
        fkv_get_done(&read->get);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    fkv_get_done(&read->get);
    ngx_memcpy(p, document->data, document->len);

    return ngx_http_ferrokv_send_body(r, NGX_HTTP_OK, "application/json",
                                      sizeof("application/json") - 1, p,
                                      document->len);
}


static ngx_int_t
ngx_http_ferrokv_read_large(ngx_http_ferrokv_read_t *read)
{
    fkv_value_t                *value;
    ngx_http_request_t         *r;
    ngx_http_ferrokv_stream_t   stream;

    r = read->target.request;
    value = &read->get.value;

    ngx_memzero(&stream, sizeof(ngx_http_ferrokv_stream_t));

    stream.size = value->size;
    stream.version = value->version;
    stream.ttl_s = ngx_http_ferrokv_read_seconds(read);
    stream.type.len = value->content_type.len;
    stream.type.data = ngx_pnalloc(r->pool, value->content_type.len + 1);

    if (stream.type.data == NULL) {
        fkv_get_done(&read->get);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(stream.type.data, value->content_type.data, stream.type.len);

    stream.blob = value->blob;
    value->blob = NULL;
    fkv_get_done(&read->get);

    return ngx_http_ferrokv_stream(&read->target, &stream);
}


ngx_int_t
ngx_http_ferrokv_read_headers(ngx_http_request_t *r,
    ngx_http_ferrokv_stream_t *value)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, NGX_HTTP_FERROKV_ETAG_LEN + NGX_INT64_LEN);

    if (p == NULL
        || (p = ngx_http_ferrokv_add_etag(r, p, value->version)) == NULL
        || ngx_http_ferrokv_read_ttl(r, value->ttl_s, p) == NULL)
    {
        return NGX_ERROR;
    }

    ngx_http_ferrokv_read_type(r, value->type.data, value->type.len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_read_unmodified(ngx_http_ferrokv_read_t *read)
{
    u_char              *tag;
    uint64_t             version;
    ngx_http_request_t  *r;

    r = read->target.request;
    version = read->get.value.version;

    fkv_get_done(&read->get);

    tag = ngx_pnalloc(r->pool, NGX_HTTP_FERROKV_ETAG_LEN);

    if (tag == NULL || ngx_http_ferrokv_add_etag(r, tag, version) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_ferrokv_send_empty(r, NGX_HTTP_NOT_MODIFIED);
}


static ngx_int_t
ngx_http_ferrokv_read_found(ngx_http_ferrokv_read_t *read)
{
    u_char              *p, *type;
    size_t               len;
    ngx_int_t            rc;
    fkv_value_t         *value;
    ngx_http_request_t  *r;

    r = read->target.request;
    value = &read->get.value;

    len = (r->method == NGX_HTTP_HEAD) ? 0 : value->data.len;

    p = ngx_pnalloc(r->pool, NGX_HTTP_FERROKV_ETAG_LEN + NGX_INT64_LEN
                             + value->content_type.len + len);

    if (p == NULL
        || (p = ngx_http_ferrokv_add_etag(r, p, value->version)) == NULL
        || (p = ngx_http_ferrokv_read_ttl(r,
                                          ngx_http_ferrokv_read_seconds(read),
                                          p))
           == NULL)
    {
        fkv_get_done(&read->get);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    type = p;
    p = ngx_cpymem(p, value->content_type.data, value->content_type.len);
    ngx_memcpy(p, value->data.data, len);

    r->headers_out.content_length_n = value->size;
    ngx_http_ferrokv_read_type(r, type, value->content_type.len);

    fkv_get_done(&read->get);

    rc = ngx_http_ferrokv_read_send(read, p, len);

    if (rc == NGX_HTTP_RANGE_NOT_SATISFIABLE) {
        return ngx_http_ferrokv_read_bad_range(r);
    }

    return rc;
}


/* What is left, rounded up: 0 only for a value that does not expire. */
static uint64_t
ngx_http_ferrokv_read_seconds(ngx_http_ferrokv_read_t *read)
{
    uint64_t  expire_at;

    expire_at = read->get.value.expire_at;

    return expire_at ? (expire_at - read->get.now_ms + 999) / 1000 : 0;
}


static u_char *
ngx_http_ferrokv_read_ttl(ngx_http_request_t *r, uint64_t seconds, u_char *p)
{
    u_char  *last;

    if (seconds == 0) {
        return p;
    }

    last = ngx_http_ferrokv_print_uint(p, seconds);

    if (ngx_http_ferrokv_add_header(r, "FerroKV-TTL",
                                    sizeof("FerroKV-TTL") - 1, p, last - p)
        == NULL)
    {
        return NULL;
    }

    return last;
}


static void
ngx_http_ferrokv_read_type(ngx_http_request_t *r, u_char *type, size_t len)
{
    if (len == 0) {
        ngx_str_set(&r->headers_out.content_type, "application/octet-stream");
        r->headers_out.content_type_len = r->headers_out.content_type.len;
        return;
    }

    ngx_http_ferrokv_content_type(r, type, len);
}


static ngx_int_t
ngx_http_ferrokv_read_send(ngx_http_ferrokv_read_t *read, u_char *data,
    size_t len)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = read->target.request;

    if (ngx_http_ferrokv_add_nosniff(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->allow_ranges = 1;
    r->disable_not_modified = 1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = &read->buf;

    b->pos = data;
    b->last = data + len;
    b->memory = len ? 1 : 0;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;
    b->sync = (b->last_buf || b->memory) ? 0 : 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/*
 * The range filter has refused before any header was sent, and has set
 * Content-Range.  nginx's page would be HTML.
 */
static ngx_int_t
ngx_http_ferrokv_read_bad_range(ngx_http_request_t *r)
{
    ngx_http_ferrokv_problem_t  problem;

    r->allow_ranges = 0;
    r->headers_out.etag->hash = 0;
    r->headers_out.etag = NULL;

    (void) ngx_http_ferrokv_fail(&problem, NGX_HTTP_RANGE_NOT_SATISFIABLE,
                                 "bad_range",
                                 "the value has no such bytes");

    return ngx_http_ferrokv_send_problem(r, &problem);
}


static ngx_int_t
ngx_http_ferrokv_read_meta(ngx_http_ferrokv_read_t *read)
{
    fkv_value_t                *value;
    ngx_ferrokv_json_t          json;
    ngx_http_ferrokv_target_t  *target;

    target = &read->target;
    value = &read->get.value;

    ngx_ferrokv_json_init(&json, target->request->pool,
                          256 + target->key.len + value->data.len);

    ngx_ferrokv_json_text(&json, "{");
    ngx_ferrokv_json_bytes(&json, "key", target->key.data + target->prefix.len,
                           target->key.len - target->prefix.len);
    ngx_http_ferrokv_json_value(&json, value);
    ngx_http_ferrokv_json_meta(&json, value, read->get.now_ms);
    ngx_http_ferrokv_json_kind(&json, read->get.store, value);
    ngx_http_ferrokv_json_type(&json, value);
    ngx_ferrokv_json_text(&json, "}\n");

    fkv_get_done(&read->get);

    return ngx_http_ferrokv_send_json(target->request, NGX_HTTP_OK, &json);
}
