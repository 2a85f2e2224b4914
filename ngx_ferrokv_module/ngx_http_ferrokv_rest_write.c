
/*
 * PUT, POST ?incr, PATCH and DELETE of one key: one update of one change.
 * The conditions of the request are checked in decide(), against the newest
 * version, so a compare-and-set is one however many workers do it at once.
 */

#include "ngx_http_ferrokv_rest.h"
#include "commands/document.h"


typedef struct {
    ngx_http_ferrokv_target_t  target;
    ngx_http_ferrokv_body_t    body;
    ngx_http_ferrokv_expiry_t  expiry;
    ngx_str_t                  type;        /* of values, or null: bytes */

    fkv_update_t               update;
    fkv_change_t               change;
    fkv_upload_t               upload;      /* of a large value */
    uint64_t                   expire_at;   /* what expiry means now */

    int64_t                    by;
    int64_t                    init;
    ngx_uint_t                 overflow;

    ngx_uint_t                 created;
    u_char                    *copy;        /* of what decide() saw */
    size_t                     copy_size;

    u_char                     text[NGX_INT64_LEN];
    u_char                     etag[NGX_HTTP_FERROKV_ETAG_LEN];
} ngx_http_ferrokv_write_t;


static ngx_http_ferrokv_write_t *ngx_http_ferrokv_write_create(
    ngx_http_ferrokv_target_t *target, int (*decide)(fkv_update_t *update));
static ngx_int_t ngx_http_ferrokv_write_query(ngx_http_ferrokv_write_t *write,
    ngx_http_ferrokv_query_t *query, ngx_uint_t allowed,
    ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_write_key(ngx_http_ferrokv_write_t *write,
    ngx_http_ferrokv_problem_t *problem);
static uint64_t ngx_http_ferrokv_write_expire_at(
    ngx_http_ferrokv_write_t *write, uint64_t now_ms);
static ngx_int_t ngx_http_ferrokv_write_start(
    ngx_http_ferrokv_write_t *write);
static void ngx_http_ferrokv_write_on_done(fkv_op_t *op);
static ngx_int_t ngx_http_ferrokv_write_answer(void *data, int rc);
static ngx_int_t ngx_http_ferrokv_write_number(
    ngx_http_ferrokv_write_t *write);

static ngx_int_t ngx_http_ferrokv_put_upload(ngx_http_ferrokv_write_t *write);
static void ngx_http_ferrokv_put_cleanup(void *data);
static ngx_int_t ngx_http_ferrokv_put_body(ngx_http_request_t *r,
    ngx_http_ferrokv_body_t *body, ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_put_typed(ngx_http_ferrokv_write_t *write,
    ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_put_value(ngx_http_ferrokv_write_t *write,
    fkv__buf_t *value, ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_put_type(ngx_http_ferrokv_write_t *write,
    ngx_http_ferrokv_problem_t *problem);

static int ngx_http_ferrokv_decide_put(fkv_update_t *update);
static int ngx_http_ferrokv_decide_incr(fkv_update_t *update);
static int ngx_http_ferrokv_decide_existing(ngx_http_ferrokv_write_t *write);
static int ngx_http_ferrokv_decide_touch(fkv_update_t *update);
static int ngx_http_ferrokv_decide_delete(fkv_update_t *update);
static int ngx_http_ferrokv_copy_current(ngx_http_ferrokv_write_t *write,
    ngx_uint_t value);

#define ngx_http_ferrokv_write_of(update)                                     \
    ((ngx_http_ferrokv_write_t *) (void *)                                    \
        ((u_char *) (update) - offsetof(ngx_http_ferrokv_write_t, update)))


ngx_int_t
ngx_http_ferrokv_rest_put(ngx_http_ferrokv_target_t *target)
{
    ngx_http_request_t          *r;
    ngx_http_ferrokv_write_t    *write;
    ngx_http_ferrokv_query_t     query;
    ngx_http_ferrokv_problem_t   problem;

    r = target->request;

    write = ngx_http_ferrokv_write_create(target, ngx_http_ferrokv_decide_put);
    if (write == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_ferrokv_write_query(write, &query,
                                     ngx_http_ferrokv_bit(TTL)
                                     |ngx_http_ferrokv_bit(EXPIRES_AT)
                                     |ngx_http_ferrokv_bit(KEEPTTL)
                                     |ngx_http_ferrokv_bit(SYNC)
                                     |ngx_http_ferrokv_bit(TYPE),
                                     &problem)
        != NGX_OK
        || ngx_http_ferrokv_write_key(write, &problem) != NGX_OK
        || ngx_http_ferrokv_put_type(write, &problem) != NGX_OK)
    {
        return ngx_http_ferrokv_send_problem(r, &problem);
    }

    write->change.bare = 1;
    write->body.max = target->store->options.value_max;
    write->body.on_body = ngx_http_ferrokv_put_body;

    if (ngx_http_ferrokv_given(&query, TYPE)) {
        write->type = query.value[NGX_HTTP_FERROKV_TYPE];
        write->change.content_type = FKV_STR_NULL;

    } else if (ngx_http_ferrokv_put_upload(write) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_ferrokv_body_read(r, &write->body);
}


/* A long value of known length goes to disk as it comes. */
static ngx_int_t
ngx_http_ferrokv_put_upload(ngx_http_ferrokv_write_t *write)
{
    off_t                  size;
    fkv_upload_t          *upload;
    const fkv_options_t   *options;
    ngx_pool_cleanup_t    *cln;

    size = write->target.request->headers_in.content_length_n;
    options = fkv_options(write->target.store->fkv);

    if (size < NGX_HTTP_FERROKV_UPLOAD_MIN
        || size < (off_t) options->blob_min
        || size > (off_t) options->value_max)
    {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(write->target.request->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    upload = &write->upload;

    cln->handler = ngx_http_ferrokv_put_cleanup;
    cln->data = upload;

    upload->store = write->target.store->fkv;
    upload->ns = write->change.ns;
    upload->key = write->change.key;
    upload->size = size;
    upload->now_ms = fkv_now_ms(upload->store);
    upload->expire_at = ngx_http_ferrokv_write_expire_at(write,
                                                         upload->now_ms);

    write->body.upload = upload;

    return NGX_OK;
}


static void
ngx_http_ferrokv_put_cleanup(void *data)
{
    fkv_upload_close(data);
}


static ngx_int_t
ngx_http_ferrokv_put_body(ngx_http_request_t *r, ngx_http_ferrokv_body_t *body,
    ngx_http_ferrokv_problem_t *problem)
{
    ngx_http_ferrokv_write_t    *write;
    ngx_http_ferrokv_problem_t   wrong;

    if (problem) {
        return ngx_http_ferrokv_send_problem(r, problem);
    }

    write = (ngx_http_ferrokv_write_t *) (void *)
                ((u_char *) body - offsetof(ngx_http_ferrokv_write_t, body));

    write->change.value.data = body->data;
    write->change.value.len = body->len;
    write->change.upload = body->upload;

    if (write->type.data
        && ngx_http_ferrokv_put_typed(write, &wrong) != NGX_OK)
    {
        return ngx_http_ferrokv_send_problem(r, &wrong);
    }

    return ngx_http_ferrokv_write_start(write);
}


/* The body is a document, of which its type makes the value. */
static ngx_int_t
ngx_http_ferrokv_put_typed(ngx_http_ferrokv_write_t *write,
    ngx_http_ferrokv_problem_t *problem)
{
    ngx_int_t   rc;
    fkv__buf_t  value;

    ngx_memzero(&value, sizeof(fkv__buf_t));

    rc = ngx_http_ferrokv_put_value(write, &value, problem);

    fkv__buf_done(&value);

    return rc;
}


static ngx_int_t
ngx_http_ferrokv_put_value(ngx_http_ferrokv_write_t *write, fkv__buf_t *value,
    ngx_http_ferrokv_problem_t *problem)
{
    int            rc;
    char           error[FKV_DOCUMENT_ERROR];
    u_char        *data;
    fkv_t         *store;
    fkv_change_t  *change;

    store = write->target.store->fkv;
    change = &write->change;

    rc = fkv_document_put(store, ngx_ferrokv_str(&write->type), change->value,
                          fkv_now_ms(store), change, value, error);

    switch (rc) {

    case FKV_OK:
        break;

    case FKV_NOTFOUND:
    case FKV_WRONGTYPE:
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_type", "%s", error);

    case FKV_EINVAL:
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_value", "%s", error);

    case FKV_EMISSING:
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_NOT_IMPLEMENTED,
                                     "extension_missing", "%s", error);

    default:
        ngx_http_ferrokv_fail_code(problem, rc);
        return NGX_ERROR;
    }

    data = ngx_pnalloc(write->target.request->pool, value->len + 1);
    if (data == NULL) {
        ngx_http_ferrokv_fail_code(problem, FKV_ENOMEM);
        return NGX_ERROR;
    }

    ngx_memcpy(data, value->data, value->len);
    change->value.data = data;
    change->value.len = value->len;

    return NGX_OK;
}


/* What curl says of any --data is no statement about the value. */
static ngx_int_t
ngx_http_ferrokv_put_type(ngx_http_ferrokv_write_t *write,
    ngx_http_ferrokv_problem_t *problem)
{
    size_t            len;
    ngx_table_elt_t  *h;

    static const char  form[] = "application/x-www-form-urlencoded";

    h = write->target.request->headers_in.content_type;
    len = sizeof(form) - 1;

    if (h == NULL
        || (h->value.len >= len
            && ngx_strncasecmp(h->value.data, (u_char *) form, len) == 0))
    {
        return NGX_OK;
    }

    if (h->value.len > NGX_FERROKV_TYPE_MAX) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_content_type",
                                     "Content-Type is longer than %d bytes",
                                     NGX_FERROKV_TYPE_MAX);
    }

    write->change.content_type = ngx_ferrokv_str(&h->value);

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_rest_post(ngx_http_ferrokv_target_t *target)
{
    ngx_http_request_t          *r;
    ngx_http_ferrokv_write_t    *write;
    ngx_http_ferrokv_query_t     query;
    ngx_http_ferrokv_problem_t   problem;

    r = target->request;

    write = ngx_http_ferrokv_write_create(target, ngx_http_ferrokv_decide_incr);
    if (write == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_ferrokv_write_query(write, &query,
                                     ngx_http_ferrokv_bit(INCR)
                                     |ngx_http_ferrokv_bit(INIT)
                                     |ngx_http_ferrokv_bit(TTL)
                                     |ngx_http_ferrokv_bit(EXPIRES_AT)
                                     |ngx_http_ferrokv_bit(SYNC),
                                     &problem)
        != NGX_OK
        || ngx_http_ferrokv_write_key(write, &problem) != NGX_OK)
    {
        return ngx_http_ferrokv_send_problem(r, &problem);
    }

    if (!ngx_http_ferrokv_given(&query, INCR)) {
        (void) ngx_http_ferrokv_fail(&problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_parameter",
                                     "POST to a key needs the parameter "
                                     "\"incr\"");
        return ngx_http_ferrokv_send_problem(r, &problem);
    }

    if (ngx_http_ferrokv_query_int(&query, NGX_HTTP_FERROKV_INCR, &write->by,
                                   &problem)
        != NGX_OK
        || ngx_http_ferrokv_query_int(&query, NGX_HTTP_FERROKV_INIT,
                                      &write->init, &problem)
           != NGX_OK)
    {
        return ngx_http_ferrokv_send_problem(r, &problem);
    }

    return ngx_http_ferrokv_write_start(write);
}


ngx_int_t
ngx_http_ferrokv_rest_patch(ngx_http_ferrokv_target_t *target)
{
    ngx_http_request_t          *r;
    ngx_http_ferrokv_write_t    *write;
    ngx_http_ferrokv_query_t     query;
    ngx_http_ferrokv_problem_t   problem;

    r = target->request;

    write = ngx_http_ferrokv_write_create(target,
                                          ngx_http_ferrokv_decide_touch);
    if (write == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* what only gets another expiry is written anew all the same */
    write->change.load = 1;

    if (ngx_http_ferrokv_write_query(write, &query,
                                     ngx_http_ferrokv_bit(TTL)
                                     |ngx_http_ferrokv_bit(EXPIRES_AT)
                                     |ngx_http_ferrokv_bit(PERSIST)
                                     |ngx_http_ferrokv_bit(SYNC),
                                     &problem)
        != NGX_OK)
    {
        return ngx_http_ferrokv_send_problem(r, &problem);
    }

    if ((query.given & ~ngx_http_ferrokv_bit(SYNC)) == 0) {
        (void) ngx_http_ferrokv_fail(&problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_parameter",
                                     "PATCH needs one of the parameters "
                                     "\"ttl\", \"expires_at\" and "
                                     "\"persist\"");
        return ngx_http_ferrokv_send_problem(r, &problem);
    }

    return ngx_http_ferrokv_write_start(write);
}


ngx_int_t
ngx_http_ferrokv_rest_delete(ngx_http_ferrokv_target_t *target)
{
    ngx_http_ferrokv_write_t    *write;
    ngx_http_ferrokv_query_t     query;
    ngx_http_ferrokv_problem_t   problem;

    write = ngx_http_ferrokv_write_create(target,
                                          ngx_http_ferrokv_decide_delete);
    if (write == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    write->change.bare = 1;

    if (ngx_http_ferrokv_write_query(write, &query,
                                     ngx_http_ferrokv_bit(SYNC), &problem)
        != NGX_OK)
    {
        return ngx_http_ferrokv_send_problem(target->request, &problem);
    }

    return ngx_http_ferrokv_write_start(write);
}


static ngx_http_ferrokv_write_t *
ngx_http_ferrokv_write_create(ngx_http_ferrokv_target_t *target,
    int (*decide)(fkv_update_t *update))
{
    ngx_http_ferrokv_write_t  *write;

    write = ngx_pcalloc(target->request->pool,
                        sizeof(ngx_http_ferrokv_write_t));
    if (write == NULL) {
        return NULL;
    }

    write->target = *target;

    write->change.ns = FKV_NAMESPACE_USER;
    write->change.key = ngx_ferrokv_str(&target->key);

    write->update.store = target->store->fkv;
    write->update.changes = &write->change;
    write->update.n = 1;
    write->update.decide = decide;
    write->update.op.on_done = ngx_http_ferrokv_write_on_done;
    write->update.op.data = write;

    return write;
}


static ngx_int_t
ngx_http_ferrokv_write_query(ngx_http_ferrokv_write_t *write,
    ngx_http_ferrokv_query_t *query, ngx_uint_t allowed,
    ngx_http_ferrokv_problem_t *problem)
{
    ngx_http_ferrokv_target_t  *target;

    target = &write->target;

    if (ngx_http_ferrokv_query_parse(target->request, query, allowed, problem)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (query->given == 0) {
        return NGX_OK;
    }

    if (ngx_http_ferrokv_query_expiry(query, fkv_now_ms(target->store->fkv),
                                      &write->expiry, problem)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_ferrokv_query_sync(query, target->conf->danger,
                                       &write->update.sync, problem);
}


static ngx_int_t
ngx_http_ferrokv_write_key(ngx_http_ferrokv_write_t *write,
    ngx_http_ferrokv_problem_t *problem)
{
    char  error[NGX_FERROKV_ZONE_ERROR_BYTES];

    if (ngx_ferrokv_check_key(write->target.store, write->change.key, error)
        == NGX_OK)
    {
        return NGX_OK;
    }

    return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST, "bad_key",
                                 "%s", error);
}


static uint64_t
ngx_http_ferrokv_write_expire_at(ngx_http_ferrokv_write_t *write,
    uint64_t now_ms)
{
    uint64_t  ttl_ms;

    if (write->expiry.expire_at || write->expiry.persist) {
        return write->expiry.expire_at;
    }

    ttl_ms = write->expiry.ttl_ms;

    if (ttl_ms == 0) {
        ttl_ms = ngx_ferrokv_default_ttl(write->target.store,
                                         write->change.key);
    }

    return ttl_ms ? now_ms + ttl_ms : 0;
}


/* A TTL runs from here, when the value has arrived. */
static ngx_int_t
ngx_http_ferrokv_write_start(ngx_http_ferrokv_write_t *write)
{
    int                         rc;
    ngx_http_ferrokv_target_t  *target;

    target = &write->target;

    write->update.now_ms = fkv_now_ms(target->store->fkv);
    write->expire_at = ngx_http_ferrokv_write_expire_at(write,
                                                        write->update.now_ms);

    rc = fkv_update(&write->update);

    if (rc == FKV_AGAIN) {
        return ngx_http_ferrokv_wait(target->request);
    }

    return ngx_http_ferrokv_write_answer(write, rc);
}


static void
ngx_http_ferrokv_write_on_done(fkv_op_t *op)
{
    ngx_http_ferrokv_write_t  *write;

    write = op->data;

    ngx_http_ferrokv_done(write->target.request,
                          ngx_http_ferrokv_write_answer, write, op->rc);
}


static ngx_int_t
ngx_http_ferrokv_write_answer(void *data, int rc)
{
    ngx_http_ferrokv_write_t *write = data;

    ngx_http_request_t          *r;
    ngx_http_ferrokv_problem_t   problem;

    r = write->target.request;

    if (rc != FKV_OK) {

        if (rc == FKV_NOTINT && write->overflow) {
            (void) ngx_http_ferrokv_fail(&problem, NGX_HTTP_CONFLICT,
                                         "overflow",
                                         "the sum is no 64-bit integer");
            return ngx_http_ferrokv_send_problem(r, &problem);
        }

        return ngx_http_ferrokv_send_failure(&write->target, rc);
    }

    if (write->change.action == FKV_DELETE) {
        return ngx_http_ferrokv_send_empty(r, NGX_HTTP_NO_CONTENT);
    }

    if (ngx_http_ferrokv_add_etag(r, write->etag, write->change.version)
        == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (write->update.decide == ngx_http_ferrokv_decide_incr) {
        return ngx_http_ferrokv_write_number(write);
    }

    return ngx_http_ferrokv_send_empty(r, write->created
                                          ? NGX_HTTP_CREATED
                                          : NGX_HTTP_NO_CONTENT);
}


static ngx_int_t
ngx_http_ferrokv_write_number(ngx_http_ferrokv_write_t *write)
{
    return ngx_http_ferrokv_send_body(write->target.request, NGX_HTTP_OK,
                                      "text/plain", sizeof("text/plain") - 1,
                                      write->text, write->change.value.len);
}


static int
ngx_http_ferrokv_decide_put(fkv_update_t *update)
{
    fkv_change_t              *change;
    ngx_http_ferrokv_write_t  *write;

    write = ngx_http_ferrokv_write_of(update);
    change = &write->change;

    if (!ngx_http_ferrokv_match(write->target.request, change->exists,
                                change->current.version))
    {
        return FKV_PRECONDITION;
    }

    write->created = !change->exists;

    change->action = FKV_PUT;
    change->expire_at = (write->expiry.keep && change->exists)
                        ? change->current.expire_at
                        : write->expire_at;

    return FKV_OK;
}


static int
ngx_http_ferrokv_decide_incr(fkv_update_t *update)
{
    int                        rc;
    int64_t                    sum;
    fkv_change_t              *change;
    ngx_http_ferrokv_write_t  *write;

    write = ngx_http_ferrokv_write_of(update);
    change = &write->change;

    write->overflow = 0;

    if (!ngx_http_ferrokv_match(write->target.request, change->exists,
                                change->current.version))
    {
        return FKV_PRECONDITION;
    }

    if (change->exists && change->current.type != 0) {
        return FKV_WRONGTYPE;
    }

    rc = ngx_http_ferrokv_add(change->exists ? &change->current.data : NULL,
                              write->by, write->init, &sum, &write->overflow);

    if (rc != FKV_OK) {
        return rc;
    }

    change->action = FKV_PUT;
    change->expire_at = write->expire_at;
    change->content_type = FKV_STR_NULL;

    if (change->exists) {
        change->expire_at = change->current.expire_at;
        rc = ngx_http_ferrokv_copy_current(write, 0);
    }

    change->value.data = write->text;
    change->value.len = ngx_sprintf(write->text, "%L", sum) - write->text;

    return rc;
}


/* For changes of a value that must be there. */

static int
ngx_http_ferrokv_decide_existing(ngx_http_ferrokv_write_t *write)
{
    fkv_change_t  *change;

    change = &write->change;

    if (!ngx_http_ferrokv_match(write->target.request, change->exists,
                                change->current.version))
    {
        return FKV_PRECONDITION;
    }

    return change->exists ? FKV_OK : FKV_NOTFOUND;
}


static int
ngx_http_ferrokv_decide_touch(fkv_update_t *update)
{
    int                        rc;
    fkv_change_t              *change;
    ngx_http_ferrokv_write_t  *write;

    write = ngx_http_ferrokv_write_of(update);

    rc = ngx_http_ferrokv_decide_existing(write);

    if (rc != FKV_OK) {
        return rc;
    }

    change = &write->change;
    change->action = FKV_PUT;
    change->expire_at = write->expire_at;
    change->type = change->current.type;
    change->encver = change->current.encver;
    change->stamp = change->current.stamp;

    return ngx_http_ferrokv_copy_current(write, 1);
}


static int
ngx_http_ferrokv_decide_delete(fkv_update_t *update)
{
    ngx_http_ferrokv_write_t  *write;

    write = ngx_http_ferrokv_write_of(update);
    write->change.action = FKV_DELETE;

    return ngx_http_ferrokv_decide_existing(write);
}


/*
 * current is gone when decide() returns, and what is written must stay: the
 * content type, and the value if it is wanted, move into the request's pool.
 */
static int
ngx_http_ferrokv_copy_current(ngx_http_ferrokv_write_t *write,
    ngx_uint_t value)
{
    size_t         size;
    u_char        *p;
    fkv_value_t   *current;
    fkv_change_t  *change;

    change = &write->change;
    current = &change->current;

    change->content_type.len = current->content_type.len;
    change->value.len = value ? current->data.len : 0;

    size = change->content_type.len + change->value.len;

    if (size > write->copy_size || write->copy == NULL) {

        if (size == 0) {
            change->content_type = FKV_STR_NULL;
            change->value = FKV_STR_NULL;
            return FKV_OK;
        }

        write->copy = ngx_pnalloc(write->target.request->pool, size);
        if (write->copy == NULL) {
            return FKV_ENOMEM;
        }

        write->copy_size = size;
    }

    p = write->copy;
    change->content_type.data = p;
    p = ngx_cpymem(p, current->content_type.data, change->content_type.len);

    change->value.data = p;
    ngx_memcpy(p, current->data.data, change->value.len);

    return FKV_OK;
}
