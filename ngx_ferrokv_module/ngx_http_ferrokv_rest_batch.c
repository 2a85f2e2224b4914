
#include "ngx_http_ferrokv_rest_batch.h"


static ngx_int_t ngx_http_ferrokv_batch_query(ngx_http_ferrokv_batch_t *batch,
    ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_batch_body(ngx_http_request_t *r,
    ngx_http_ferrokv_body_t *body, ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_batch_cleanup(
    ngx_http_ferrokv_batch_t *batch);
static void ngx_http_ferrokv_batch_free(void *data);
static ngx_int_t ngx_http_ferrokv_batch_keys(ngx_http_ferrokv_batch_t *batch,
    ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_batch_slots(ngx_http_ferrokv_batch_t *batch);
static ngx_uint_t ngx_http_ferrokv_batch_slot(ngx_http_ferrokv_batch_t *batch,
    uint16_t *table, ngx_uint_t mask, ngx_str_t *key);
static void ngx_http_ferrokv_batch_expiry(ngx_http_ferrokv_batch_t *batch);
static ngx_int_t ngx_http_ferrokv_batch_start(ngx_http_ferrokv_batch_t *batch);
static int ngx_http_ferrokv_batch_decide(fkv_update_t *update);
static void ngx_http_ferrokv_batch_on_done(fkv_op_t *op);
static ngx_int_t ngx_http_ferrokv_batch_answer(void *data, int rc);
static ngx_int_t ngx_http_ferrokv_batch_failed(
    ngx_http_ferrokv_batch_t *batch, int rc);
static const char *ngx_http_ferrokv_batch_word(
    ngx_http_ferrokv_operation_t *op);
static void ngx_http_ferrokv_batch_result(ngx_http_ferrokv_batch_t *batch,
    ngx_http_ferrokv_operation_t *op, ngx_ferrokv_json_t *json);
static ngx_uint_t ngx_http_ferrokv_batch_status(
    ngx_http_ferrokv_operation_t *op);


ngx_int_t
ngx_http_ferrokv_rest_batch(ngx_http_ferrokv_target_t *target)
{
    ngx_http_request_t          *r;
    ngx_http_ferrokv_batch_t    *batch;
    ngx_http_ferrokv_problem_t   problem;

    r = target->request;

    batch = ngx_pcalloc(r->pool, sizeof(ngx_http_ferrokv_batch_t));
    if (batch == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    batch->target = *target;

    if (ngx_http_ferrokv_batch_query(batch, &problem) != NGX_OK) {
        return ngx_http_ferrokv_send_problem(r, &problem);
    }

    if (ngx_http_ferrokv_batch_cleanup(batch) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    batch->body.max = NGX_HTTP_FERROKV_BATCH_BYTES_MAX;
    batch->body.on_body = ngx_http_ferrokv_batch_body;

    return ngx_http_ferrokv_body_read(r, &batch->body);
}


static ngx_int_t
ngx_http_ferrokv_batch_query(ngx_http_ferrokv_batch_t *batch,
    ngx_http_ferrokv_problem_t *problem)
{
    ngx_http_request_t        *r;
    ngx_http_ferrokv_query_t   query;

    r = batch->target.request;

    if (ngx_http_ferrokv_query_parse(r, &query,
                                     ngx_http_ferrokv_bit(BATCH)
                                     |ngx_http_ferrokv_bit(ATOMIC)
                                     |ngx_http_ferrokv_bit(SYNC),
                                     problem)
        != NGX_OK
        || ngx_http_ferrokv_query_sync(&query, batch->target.conf->danger,
                                       &batch->update.sync, problem)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!ngx_http_ferrokv_given(&query, BATCH)) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "empty_key",
                                     "POST without a key needs the parameter "
                                     "\"batch\"");
    }

    /* a form of a foreign page cannot send this type unasked */

    if (!ngx_http_ferrokv_is_json(r)) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                     "not_json",
                                     "a batch needs Content-Type: "
                                     "application/json");
    }

    batch->atomic = ngx_http_ferrokv_given(&query, ATOMIC);

    return NGX_OK;
}


ngx_uint_t
ngx_http_ferrokv_is_json(ngx_http_request_t *r)
{
    size_t            len;
    u_char            ch;
    ngx_table_elt_t  *h;

    static u_char  json[] = "application/json";

    h = r->headers_in.content_type;
    len = sizeof(json) - 1;

    if (h == NULL
        || h->value.len < len
        || ngx_strncasecmp(h->value.data, json, len) != 0)
    {
        return 0;
    }

    if (h->value.len == len) {
        return 1;
    }

    ch = h->value.data[len];

    return ch == ';' || ch == ' ' || ch == '\t';
}


static ngx_int_t
ngx_http_ferrokv_batch_cleanup(ngx_http_ferrokv_batch_t *batch)
{
    ngx_pool_cleanup_t  *cln;
    ngx_http_request_t  *r;

    r = batch->target.request;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    batch->scratch = ngx_create_pool(NGX_DEFAULT_POOL_SIZE,
                                     r->connection->log);
    if (batch->scratch == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_ferrokv_batch_free;
    cln->data = batch;

    return NGX_OK;
}


static void
ngx_http_ferrokv_batch_free(void *data)
{
    ngx_http_ferrokv_batch_t *batch = data;

    json_decref(batch->json);
    ngx_destroy_pool(batch->scratch);
}


static ngx_int_t
ngx_http_ferrokv_batch_body(ngx_http_request_t *r,
    ngx_http_ferrokv_body_t *body, ngx_http_ferrokv_problem_t *problem)
{
    ngx_http_ferrokv_batch_t    *batch;
    ngx_http_ferrokv_problem_t   bad;

    if (problem) {
        return ngx_http_ferrokv_send_problem(r, problem);
    }

    batch = (ngx_http_ferrokv_batch_t *) (void *)
                ((u_char *) body - offsetof(ngx_http_ferrokv_batch_t, body));

    batch->update.now_ms = fkv_now_ms(batch->target.store->fkv);

    if (ngx_http_ferrokv_batch_parse(batch, &bad) != NGX_OK
        || ngx_http_ferrokv_batch_keys(batch, &bad) != NGX_OK)
    {
        return ngx_http_ferrokv_send_problem(r, &bad);
    }

    if (batch->n == 0) {
        return ngx_http_ferrokv_batch_answer(batch, FKV_OK);
    }

    if (ngx_http_ferrokv_batch_slots(batch) != NGX_OK) {
        return ngx_http_ferrokv_send_failure(&batch->target, FKV_ENOMEM);
    }

    ngx_http_ferrokv_batch_expiry(batch);

    return ngx_http_ferrokv_batch_start(batch);
}


static ngx_uint_t
ngx_http_ferrokv_batch_creates(ngx_http_ferrokv_operation_t *op)
{
    return op->kind == NGX_HTTP_FERROKV_OP_SET
           || op->kind == NGX_HTTP_FERROKV_OP_INCR;
}


static ngx_int_t
ngx_http_ferrokv_batch_keys(ngx_http_ferrokv_batch_t *batch,
    ngx_http_ferrokv_problem_t *problem)
{
    char        error[NGX_FERROKV_ZONE_ERROR_BYTES];
    ngx_uint_t  i;

    for (i = 0; i < batch->n; i++) {

        if (ngx_http_ferrokv_batch_creates(&batch->ops[i])
            && ngx_ferrokv_check_key(batch->target.store,
                                     ngx_ferrokv_str(&batch->ops[i].key),
                                     error)
               != NGX_OK)
        {
            return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                         "bad_key", "operation %ui: %s", i,
                                         error);
        }
    }

    return NGX_OK;
}


/* One change and one slot for each distinct key. */
static ngx_int_t
ngx_http_ferrokv_batch_slots(ngx_http_ferrokv_batch_t *batch)
{
    uint16_t    *table;
    ngx_uint_t   i, size;
    ngx_pool_t  *pool;

    pool = batch->target.request->pool;

    for (size = 16; size < 2 * batch->n; size *= 2) { /* void */ }

    table = ngx_pcalloc(pool, size * sizeof(uint16_t));
    batch->changes = ngx_pcalloc(pool, batch->n * sizeof(fkv_change_t));
    batch->slots = ngx_palloc(pool,
                              batch->n * sizeof(ngx_http_ferrokv_slot_t));

    if (table == NULL || batch->changes == NULL || batch->slots == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < batch->n; i++) {
        batch->ops[i].slot = ngx_http_ferrokv_batch_slot(batch, table,
                                                         size - 1,
                                                         &batch->ops[i].key);
    }

    return NGX_OK;
}


/* table holds a slot's number plus one; 0 is free. */
static ngx_uint_t
ngx_http_ferrokv_batch_slot(ngx_http_ferrokv_batch_t *batch, uint16_t *table,
    ngx_uint_t mask, ngx_str_t *key)
{
    ngx_uint_t     i;
    fkv_change_t  *change;

    i = ngx_murmur_hash2(key->data, key->len) & mask;

    for ( /* void */ ; table[i]; i = (i + 1) & mask) {
        change = &batch->changes[table[i] - 1];

        if (change->key.len == key->len
            && ngx_memcmp(change->key.data, key->data, key->len) == 0)
        {
            return table[i] - 1;
        }
    }

    change = &batch->changes[batch->n_slots++];
    change->ns = FKV_NAMESPACE_USER;
    change->key = ngx_ferrokv_str(key);

    table[i] = (uint16_t) batch->n_slots;

    return batch->n_slots - 1;
}


static void
ngx_http_ferrokv_batch_expiry(ngx_http_ferrokv_batch_t *batch)
{
    uint64_t                       ttl_ms;
    ngx_uint_t                     i;
    ngx_http_ferrokv_operation_t  *op;

    for (i = 0; i < batch->n; i++) {
        op = &batch->ops[i];

        if (op->expire_at) {
            continue;
        }

        ttl_ms = op->ttl_ms;

        if (ttl_ms == 0 && ngx_http_ferrokv_batch_creates(op)) {
            ttl_ms = ngx_ferrokv_default_ttl(batch->target.store,
                                             ngx_ferrokv_str(&op->key));
        }

        op->expire_at = ttl_ms ? batch->update.now_ms + ttl_ms : 0;
    }
}


static ngx_int_t
ngx_http_ferrokv_batch_start(ngx_http_ferrokv_batch_t *batch)
{
    int            rc;
    ngx_uint_t     i;
    fkv_update_t  *update;

    for (i = 0; i < batch->n; i++) {
        switch (batch->ops[i].kind) {

        case NGX_HTTP_FERROKV_OP_GET:
        case NGX_HTTP_FERROKV_OP_TOUCH:
        case NGX_HTTP_FERROKV_OP_PERSIST:
            batch->changes[batch->ops[i].slot].load = 1;
            break;

        default:
            break;
        }
    }

    update = &batch->update;

    update->store = batch->target.store->fkv;
    update->changes = batch->changes;
    update->n = batch->n_slots;
    update->decide = ngx_http_ferrokv_batch_decide;
    update->op.on_done = ngx_http_ferrokv_batch_on_done;
    update->op.data = batch;

    rc = fkv_update(update);

    if (rc == FKV_AGAIN) {
        return ngx_http_ferrokv_wait(batch->target.request);
    }

    return ngx_http_ferrokv_batch_answer(batch, rc);
}


static int
ngx_http_ferrokv_batch_decide(fkv_update_t *update)
{
    return ngx_http_ferrokv_batch_run(update->op.data);
}


static void
ngx_http_ferrokv_batch_on_done(fkv_op_t *op)
{
    ngx_http_ferrokv_batch_t  *batch;

    batch = op->data;

    ngx_http_ferrokv_done(batch->target.request,
                          ngx_http_ferrokv_batch_answer, batch, op->rc);
}


static ngx_int_t
ngx_http_ferrokv_batch_answer(void *data, int rc)
{
    ngx_http_ferrokv_batch_t *batch = data;

    ngx_uint_t           i;
    ngx_ferrokv_json_t   json;

    if (rc != FKV_OK) {
        return ngx_http_ferrokv_batch_failed(batch, rc);
    }

    ngx_ferrokv_json_init(&json, batch->target.request->pool, 4096);
    ngx_ferrokv_json_text(&json, "{\"results\":[");

    for (i = 0; i < batch->n; i++) {

        if (i) {
            ngx_ferrokv_json_text(&json, ",\n");
        }

        ngx_http_ferrokv_batch_result(batch, &batch->ops[i], &json);
    }

    ngx_ferrokv_json_text(&json, "]}\n");

    return ngx_http_ferrokv_send_json(batch->target.request, NGX_HTTP_OK,
                                      &json);
}


/* Nothing was written. */
static ngx_int_t
ngx_http_ferrokv_batch_failed(ngx_http_ferrokv_batch_t *batch, int rc)
{
    const char                    *text;
    ngx_http_request_t            *r;
    ngx_http_ferrokv_problem_t     problem;
    ngx_http_ferrokv_operation_t  *op;

    r = batch->target.request;
    op = batch->failed;

    if (op) {
        text = op->overflow ? "the sum is no 64-bit integer"
                            : fkv_code_text(rc);

        (void) ngx_http_ferrokv_fail(&problem, ngx_ferrokv_http_status(rc),
                                     ngx_http_ferrokv_batch_word(op),
                                     "operation %ui: %s; nothing was written",
                                     (ngx_uint_t) (op - batch->ops), text);

        return ngx_http_ferrokv_send_problem(r, &problem);
    }

    if (rc == FKV_ETOOBIG) {
        (void) ngx_http_ferrokv_fail(&problem,
                         NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, "too_large",
                         "a value, or the batch as a whole, is too large; "
                         "nothing was written");

        return ngx_http_ferrokv_send_problem(r, &problem);
    }

    return ngx_http_ferrokv_send_failure(&batch->target, rc);
}


static const char *
ngx_http_ferrokv_batch_word(ngx_http_ferrokv_operation_t *op)
{
    return op->overflow ? "overflow" : ngx_http_ferrokv_code_word(op->rc);
}


static void
ngx_http_ferrokv_batch_result(ngx_http_ferrokv_batch_t *batch,
    ngx_http_ferrokv_operation_t *op, ngx_ferrokv_json_t *json)
{
    fkv_value_t  *value;
    const char   *word;

    value = &op->result;

    ngx_ferrokv_json_text(json, "{\"status\":");
    ngx_ferrokv_json_uint(json, ngx_http_ferrokv_batch_status(op));

    if (op->rc != FKV_OK) {
        word = ngx_http_ferrokv_batch_word(op);
        ngx_ferrokv_json_text(json, ",\"code\":");
        ngx_ferrokv_json_string(json, word, ngx_strlen(word));
        ngx_ferrokv_json_text(json, "}");
        return;
    }

    if (op->kind == NGX_HTTP_FERROKV_OP_DELETE) {
        ngx_ferrokv_json_text(json, "}");
        return;
    }

    /* what this batch has written got its version with the whole of it */

    if (op->pending) {
        value->version = batch->changes[op->slot].version;
    }

    if (op->kind == NGX_HTTP_FERROKV_OP_GET
        || op->kind == NGX_HTTP_FERROKV_OP_INCR)
    {
        ngx_ferrokv_json_text(json, ",");
        ngx_ferrokv_json_bytes(json, "value", value->data.data,
                               value->data.len);
    }

    if (op->kind == NGX_HTTP_FERROKV_OP_GET) {
        ngx_http_ferrokv_json_type(json, value);
    }

    ngx_http_ferrokv_json_meta(json, value, batch->update.now_ms);
    ngx_ferrokv_json_text(json, "}");
}


static ngx_uint_t
ngx_http_ferrokv_batch_status(ngx_http_ferrokv_operation_t *op)
{
    if (op->rc != FKV_OK) {
        return ngx_ferrokv_http_status(op->rc);
    }

    switch (op->kind) {

    case NGX_HTTP_FERROKV_OP_SET:
        return op->existed ? NGX_HTTP_NO_CONTENT : NGX_HTTP_CREATED;

    case NGX_HTTP_FERROKV_OP_DELETE:
    case NGX_HTTP_FERROKV_OP_TOUCH:
    case NGX_HTTP_FERROKV_OP_PERSIST:
        return NGX_HTTP_NO_CONTENT;

    default: /* get, incr */
        return NGX_HTTP_OK;
    }
}
