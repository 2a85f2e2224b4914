
/*
 * Storing a response.
 *
 *     storable: the header --> collect: the body --> store: the last byte
 *                   |               |
 *                   '-- no          '-- too long, or it breaks off: discard
 *
 * The body is collected behind the room for what stands before it, so it is
 * copied once.  A longer one of known length goes its own way, _large.c.
 */

#include "ngx_http_ferrokv_cache.h"


#define NGX_HTTP_FERROKV_CACHE_FIRST  4096  /* of a body of unknown length */


static const fkv_rules_tags_t  ngx_http_ferrokv_cache_no_tags;


static ngx_int_t ngx_http_ferrokv_cache_tagged(ngx_http_ferrokv_cache_t *cache,
    fkv_rules_fields_t said, ngx_http_ferrokv_cache_capture_t *capture);

static int64_t ngx_http_ferrokv_cache_valid(
    ngx_http_ferrokv_cache_conf_t *conf, ngx_uint_t status);
static ngx_int_t ngx_http_ferrokv_cache_read(ngx_http_ferrokv_cache_t *cache,
    ngx_uint_t status, fkv_rules_fields_t said,
    fkv_rules_response_t *response, fkv_rules_fresh_t *fresh);
static ngx_int_t ngx_http_ferrokv_cache_vary(ngx_http_ferrokv_cache_t *cache,
    fkv_rules_fields_t said, ngx_http_ferrokv_cache_capture_t *capture);
static ngx_int_t ngx_http_ferrokv_cache_keep(ngx_http_ferrokv_cache_t *cache,
    fkv_rules_fields_t shown, fkv_rules_control_t *control,
    ngx_http_ferrokv_cache_capture_t *capture);
static ngx_int_t ngx_http_ferrokv_cache_room(ngx_http_ferrokv_cache_t *cache,
    ngx_http_ferrokv_cache_capture_t *capture);
static ngx_int_t ngx_http_ferrokv_cache_apart(ngx_http_ferrokv_cache_t *cache,
    ngx_http_ferrokv_cache_capture_t *capture);
static u_char *ngx_http_ferrokv_cache_reserve(
    ngx_http_ferrokv_cache_capture_t *capture, size_t n);


ngx_int_t
ngx_http_ferrokv_cache_storable(ngx_http_ferrokv_cache_t *cache)
{
    fkv_rules_fields_t   said, shown;
    ngx_http_request_t  *r;

    r = cache->request;

    if (!cache->may_store) {
        return NGX_DECLINED;
    }

    if (ngx_http_ferrokv_cache_fields_out(r, &said, &shown) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_ferrokv_cache_plan(cache, r->headers_out.status, said,
                                       shown);
}


ngx_int_t
ngx_http_ferrokv_cache_plan(ngx_http_ferrokv_cache_t *cache,
    ngx_uint_t status, fkv_rules_fields_t said, fkv_rules_fields_t shown)
{
    ngx_int_t                          rc;
    fkv_rules_fresh_t                  fresh;
    fkv_rules_response_t               response;
    ngx_http_ferrokv_cache_capture_t  *capture;

    rc = ngx_http_test_predicates(cache->request, cache->conf->no_cache);

    if (rc == NGX_OK) {
        cache->refusable = 1;
        rc = ngx_http_ferrokv_cache_read(cache, status, said, &response,
                                         &fresh);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    capture = ngx_pcalloc(cache->request->pool,
                          sizeof(ngx_http_ferrokv_cache_capture_t));
    if (capture == NULL) {
        return NGX_ERROR;
    }

    capture->tags = &ngx_http_ferrokv_cache_no_tags;
    capture->entry.kind = FKV_RULES_ENTRY_RESPONSE;
    capture->entry.status = status;
    capture->entry.request_ms = cache->begun_ms;
    capture->entry.date_s = response.date_s;
    capture->entry.last_modified_s = response.last_modified_s;
    capture->entry.etag = response.etag;
    capture->entry.fresh = fresh;
    capture->expected = cache->request->headers_out.content_length_n;

    if (cache->asked && cache->replaced) {
        capture->expected = cache->entry.body_len;
        capture->entry.stamp = cache->entry.stamp;
    }

    rc = ngx_http_ferrokv_cache_vary(cache, said, capture);

    if (rc == NGX_OK && cache->conf->tags) {
        rc = ngx_http_ferrokv_cache_tagged(cache, said, capture);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_ferrokv_cache_keep(cache, shown, &response.control,
                                         capture);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_ferrokv_cache_room(cache, capture);
    }

    if (rc == NGX_OK) {
        cache->capture = capture;
    }

    return rc;
}


/* May it be stored, and for how long is it fresh? */

static ngx_int_t
ngx_http_ferrokv_cache_read(ngx_http_ferrokv_cache_t *cache,
    ngx_uint_t status, fkv_rules_fields_t said,
    fkv_rules_response_t *response, fkv_rules_fresh_t *fresh)
{
    fkv_rules_asked_t               asked;
    fkv_rules_policy_t              policy;
    ngx_http_request_t             *r;
    fkv_rules_storable_e            reason;
    ngx_http_ferrokv_cache_conf_t  *conf;

    r = cache->request;
    conf = cache->conf;

    ngx_memzero(&policy, sizeof(fkv_rules_policy_t));

    policy.ignore = conf->ignore;
    policy.valid_s = ngx_http_ferrokv_cache_valid(conf, status);
    policy.heuristic_percent = conf->heuristic;
    policy.heuristic_max_s = conf->heuristic_max;
    policy.revalidate = conf->revalidate;

    if (conf->targets) {
        policy.target = conf->targets->elts;
        policy.n_targets = conf->targets->nelts;
    }

    asked.safe_method = (r->method == NGX_HTTP_GET);
    asked.authorization = (r->headers_in.authorization != NULL);
    asked.control = conf->request_control ? &cache->control : NULL;

    fkv_rules_response_read(response, &policy, said, status, cache->begun_ms,
                            fkv_now_ms(conf->store->store->fkv));
    fkv_rules_fresh_read(fresh, &policy, response);

    reason = fkv_rules_storable(&policy, &asked, response, fresh);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "ferrokv cache: %s", fkv_rules_storable_text(reason));

    if (reason == FKV_RULES_STORE) {
        return NGX_OK;
    }

    cache->refusable = (reason != FKV_RULES_NOT_REQUESTED
                        && reason != FKV_RULES_NOT_AUTHORIZED);

    return NGX_DECLINED;
}


static int64_t
ngx_http_ferrokv_cache_valid(ngx_http_ferrokv_cache_conf_t *conf,
    ngx_uint_t status)
{
    ngx_uint_t                       i;
    ngx_http_ferrokv_cache_valid_t  *valid;

    if (conf->valid == NULL) {
        return FKV_RULES_NONE;
    }

    valid = conf->valid->elts;

    for (i = 0; i < conf->valid->nelts; i++) {

        if (valid[i].status == 0 || valid[i].status == status) {
            return valid[i].valid_s;
        }
    }

    return FKV_RULES_NONE;
}


static ngx_int_t
ngx_http_ferrokv_cache_vary(ngx_http_ferrokv_cache_t *cache,
    fkv_rules_fields_t said, ngx_http_ferrokv_cache_capture_t *capture)
{
    u_char      names[FKV_RULES_VARY_BYTES_MAX];
    size_t      len;
    ngx_int_t   rc;

    if (cache->conf->ignore & FKV_RULES_IGNORE_VARY) {
        return NGX_OK;
    }

    if (fkv_rules_vary_names(said, names, &len) != FKV_OK) {
        return NGX_DECLINED;
    }

    if (len == 0) {
        return NGX_OK;
    }

    capture->names.data = ngx_pnalloc(cache->request->pool, len);
    if (capture->names.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(capture->names.data, names, len);
    capture->names.len = len;

    rc = ngx_http_ferrokv_cache_variant(cache,
                                        ngx_ferrokv_str(&capture->names),
                                        &capture->variant);

    capture->entry.names = ngx_ferrokv_str(&capture->names);
    capture->entry.variant = ngx_ferrokv_str(&capture->variant);

    return rc;
}


/* A tag that cannot be kept would not be found by its purge. */

static ngx_int_t
ngx_http_ferrokv_cache_tagged(ngx_http_ferrokv_cache_t *cache,
    fkv_rules_fields_t said, ngx_http_ferrokv_cache_capture_t *capture)
{
    size_t             i;
    fkv_str_t         *names, rest, tag;
    ngx_uint_t         n;
    fkv_rules_tags_t  *tags;

    tags = ngx_pcalloc(cache->request->pool, sizeof(fkv_rules_tags_t));
    if (tags == NULL) {
        return NGX_ERROR;
    }

    names = cache->conf->tags->elts;

    for (i = 0; i < said.n; i++) {

        for (n = 0; n < cache->conf->tags->nelts; n++) {

            if (fkv_rules_same(said.field[i].name, names[n])
                && fkv_rules_tags_add(tags, said.field[i].value) != FKV_OK)
            {
                return NGX_DECLINED;
            }
        }
    }

    /* a 304 need not say again what was not even stored as a field */

    rest = cache->entry.tags;

    while (cache->replaced && fkv_rules_entry_tag(&rest, &tag)) {

        if (fkv_rules_tags_add(tags, tag) != FKV_OK) {
            return NGX_DECLINED;
        }
    }

    capture->tags = tags;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_cache_keep(ngx_http_ferrokv_cache_t *cache,
    fkv_rules_fields_t shown, fkv_rules_control_t *control,
    ngx_http_ferrokv_cache_capture_t *capture)
{
    fkv_rules_field_t  *kept;

    kept = ngx_palloc(cache->request->pool,
                      ngx_min(shown.n + 1, FKV_RULES_FIELDS_MAX)
                      * sizeof(fkv_rules_field_t));
    if (kept == NULL) {
        return NGX_ERROR;
    }

    capture->fields.field = kept;

    return (fkv_rules_keep(shown, control, kept, &capture->fields.n) == FKV_OK)
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_ferrokv_cache_room(ngx_http_ferrokv_cache_t *cache,
    ngx_http_ferrokv_cache_capture_t *capture)
{
    size_t                meta_len, body;
    uint64_t              value_max;
    const fkv_options_t  *options;

    if (fkv_rules_entry_size(&capture->entry, capture->fields, capture->tags,
                             &meta_len)
        != FKV_OK)
    {
        return NGX_DECLINED;
    }

    capture->head_len = NGX_HTTP_FERROKV_CACHE_ENVELOPE_LEN + meta_len;
    options = fkv_options(cache->conf->store->store->fkv);
    value_max = options->value_max;

    if (capture->head_len > value_max) {
        return NGX_DECLINED;
    }

    body = ngx_min(value_max - capture->head_len,
                   ngx_max(NGX_HTTP_FERROKV_CACHE_COLLECT_MAX,
                           options->blob_min));
    body = ngx_min(body, cache->conf->max_object_size);

    if (capture->entry.stamp || capture->expected > (off_t) body) {
        return ngx_http_ferrokv_cache_apart(cache, capture);
    }

    capture->max = capture->head_len + body;
    capture->size = capture->head_len
                    + ((capture->expected == -1)
                       ? NGX_HTTP_FERROKV_CACHE_FIRST
                       : (size_t) capture->expected);

    capture->value = ngx_alloc(capture->size, cache->request->connection->log);
    if (capture->value == NULL) {
        return NGX_DECLINED;
    }

    capture->len = capture->head_len;

    return NGX_OK;
}


/* The entry without its body, which is there or comes by pieces. */

static ngx_int_t
ngx_http_ferrokv_cache_apart(ngx_http_ferrokv_cache_t *cache,
    ngx_http_ferrokv_cache_capture_t *capture)
{
    const fkv_options_t  *options;

    options = fkv_options(cache->conf->store->store->fkv);

    if (capture->expected > (off_t) options->value_max
        || capture->expected < (off_t) options->blob_min
        || (size_t) capture->expected > cache->conf->max_object_size)
    {
        return NGX_DECLINED;
    }

    capture->max = capture->head_len;
    capture->size = capture->head_len;
    capture->len = capture->head_len;

    capture->value = ngx_alloc(capture->size, cache->request->connection->log);
    if (capture->value == NULL) {
        return NGX_DECLINED;
    }

    if (capture->entry.stamp == 0) {

        capture->entry.stamp = (uint64_t) cache->begun_ms << 20
                               | (ngx_random() & 0xfffff);

        if (ngx_http_ferrokv_cache_large(cache, capture) != NGX_OK) {
            ngx_free(capture->value);
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


/* Room for n bytes more, or NULL. */

static u_char *
ngx_http_ferrokv_cache_reserve(ngx_http_ferrokv_cache_capture_t *capture,
    size_t n)
{
    u_char  *p;
    size_t   size;

    if (n > capture->max - capture->len) {
        return NULL;
    }

    if (n > capture->size - capture->len) {

        size = ngx_min(ngx_max(capture->len + n, 2 * capture->size),
                       capture->max);

        p = ngx_alloc(size, ngx_cycle->log);
        if (p == NULL) {
            return NULL;
        }

        ngx_memcpy(p, capture->value, capture->len);
        ngx_free(capture->value);

        capture->value = p;
        capture->size = size;
    }

    p = capture->value + capture->len;
    capture->len += n;

    return p;
}


ngx_int_t
ngx_http_ferrokv_cache_collect(ngx_http_ferrokv_cache_t *cache, ngx_buf_t *b)
{
    off_t    n;
    u_char  *p;

    if (ngx_buf_special(b)) {
        return NGX_OK;
    }

    n = ngx_buf_size(b);

    if (n < 0 || n > NGX_HTTP_FERROKV_CACHE_COLLECT_MAX) {
        return NGX_DECLINED;
    }

    p = ngx_http_ferrokv_cache_reserve(cache->capture, n);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    if (ngx_buf_in_memory(b)) {
        ngx_memcpy(p, b->pos, n);
        return NGX_OK;
    }

    return (ngx_read_file(b->file, p, n, b->file_pos) == n) ? NGX_OK
                                                            : NGX_DECLINED;
}


void
ngx_http_ferrokv_cache_discard(ngx_http_ferrokv_cache_t *cache)
{
    if (cache->capture) {

        if (cache->capture->value) {
            ngx_free(cache->capture->value);
        }

        if (cache->capture->large) {
            ngx_http_ferrokv_cache_large_free(cache->capture->large);
        }

        cache->capture = NULL;
    }

    ngx_http_ferrokv_cache_unlock(cache);
}


void
ngx_http_ferrokv_cache_store(ngx_http_ferrokv_cache_t *cache)
{
    uint64_t                           len;
    ngx_http_ferrokv_cache_capture_t  *capture;

    capture = cache->capture;
    len = capture->large ? ngx_http_ferrokv_cache_large_len(capture->large)
                         : capture->len - capture->head_len;

    if (capture->expected == -1 || capture->expected == (off_t) len) {
        ngx_http_ferrokv_cache_pack(cache);
        ngx_http_ferrokv_cache_write(cache);
    }

    ngx_http_ferrokv_cache_discard(cache);
}


void
ngx_http_ferrokv_cache_pack(ngx_http_ferrokv_cache_t *cache)
{
    ngx_http_ferrokv_cache_capture_t  *capture;

    capture = cache->capture;
    capture->entry.body_len = capture->entry.stamp
                              ? (uint64_t) capture->expected
                              : capture->len - capture->head_len;

    fkv_rules_entry_pack(&capture->entry, capture->fields, capture->tags,
                         capture->value + NGX_HTTP_FERROKV_CACHE_ENVELOPE_LEN);
}
