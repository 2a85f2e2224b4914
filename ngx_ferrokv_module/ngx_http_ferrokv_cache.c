
/*
 * The handler of the cache: looks for an entry and says whether it is the
 * answer.
 *
 *     begin --> find --> found --names--> find the variant --> found
 *       |         ^        |                                     |
 *       |         |        '----------- a response --------------+
 *       |         |                                              v
 *       |         '--wait-- lock <--------- miss, old ------- judge
 *       |                     |                                  |
 *       '------bypass-------->+                                  v
 *                             '--> pass to the content handler   serve
 *
 * A step returns NGX_OK when the next one may run at once, NGX_AGAIN when an
 * operation goes on, and else what the handler returns.  An operation's result
 * is copied into the request's pool before anything else happens.
 */

#include "ngx_http_ferrokv_cache.h"


static ngx_int_t ngx_http_ferrokv_cache_body(ngx_http_ferrokv_cache_t *cache);
static void ngx_http_ferrokv_cache_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_ferrokv_cache_begin(ngx_http_ferrokv_cache_t *cache);
static ngx_int_t ngx_http_ferrokv_cache_request(
    ngx_http_ferrokv_cache_t *cache);
static void ngx_http_ferrokv_cache_control(ngx_http_ferrokv_cache_t *cache);
static ngx_int_t ngx_http_ferrokv_cache_find(ngx_http_ferrokv_cache_t *cache);
static void ngx_http_ferrokv_cache_loaded(fkv_op_t *op);
static void ngx_http_ferrokv_cache_take(ngx_http_ferrokv_cache_t *cache,
    int rc);
static ngx_int_t ngx_http_ferrokv_cache_found(ngx_http_ferrokv_cache_t *cache);
static ngx_int_t ngx_http_ferrokv_cache_good(ngx_http_ferrokv_cache_t *cache);
static ngx_int_t ngx_http_ferrokv_cache_names(ngx_http_ferrokv_cache_t *cache);


ngx_int_t
ngx_http_ferrokv_cache_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_http_ferrokv_cache_t       *cache;
    ngx_http_ferrokv_cache_conf_t  *conf;

    conf = ngx_http_get_module_loc_conf(r, ngx_http_ferrokv_cache_module);

    if (conf->store == NULL || conf->store->store->fkv == NULL) {
        return NGX_DECLINED;
    }

    cache = ngx_http_ferrokv_cache_get(r);

    if (cache && cache->passed && r->error_page
        && ngx_http_ferrokv_cache_stale_error(cache, r->err_status))
    {
        /* better than an error page */

        cache->status = NGX_HTTP_FERROKV_CACHE_STALE;
        cache->fwd_status = r->err_status;
        r->err_status = 0;
        ngx_http_ferrokv_cache_unlock(cache);

        return ngx_http_ferrokv_cache_serve(cache);
    }

    if (cache == NULL || cache->passed) {

        cache = ngx_http_ferrokv_cache_make(r, conf);
        if (cache == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        cache->step = (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))
                      ? ngx_http_ferrokv_cache_begin
                      : ngx_http_ferrokv_cache_body;
    }

    if (cache->waiting) {
        return NGX_AGAIN;
    }

    do {
        rc = cache->step(cache);
    } while (rc == NGX_OK);

    return (rc == NGX_ERROR) ? NGX_HTTP_INTERNAL_SERVER_ERROR : rc;
}


/* The key of a POST may have to do with its body: that must be there first. */

static ngx_int_t
ngx_http_ferrokv_cache_body(ngx_http_ferrokv_cache_t *cache)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = cache->request;
    cache->step = ngx_http_ferrokv_cache_begin;

    if (!(r->method & cache->conf->methods) || r != r->main) {
        return NGX_OK;
    }

    rc = ngx_http_read_client_request_body(r,
                                         ngx_http_ferrokv_cache_body_handler);
    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


static void
ngx_http_ferrokv_cache_body_handler(ngx_http_request_t *r)
{
    r->preserve_body = 1;

    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}


static ngx_int_t
ngx_http_ferrokv_cache_begin(ngx_http_ferrokv_cache_t *cache)
{
    u_char     *p;
    ngx_int_t   rc;

    cache->step = ngx_http_ferrokv_cache_pass;

    rc = ngx_http_ferrokv_cache_purge(cache);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_ferrokv_cache_purge_tags(cache);
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_ferrokv_cache_request(cache);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    switch (ngx_http_test_predicates(cache->request, cache->conf->bypass)) {

    case NGX_ERROR:
        return NGX_ERROR;

    case NGX_DECLINED:
        cache->status = NGX_HTTP_FERROKV_CACHE_BYPASS;
        return NGX_OK;
    }

    p = ngx_pnalloc(cache->request->pool,
                    NGX_HTTP_FERROKV_CACHE_NAME_LEN(&cache->key));
    if (p == NULL) {
        return NGX_ERROR;
    }

    cache->name.data = p;
    cache->step = ngx_http_ferrokv_cache_again;

    return NGX_OK;
}


/* From the key's main record on. */

ngx_int_t
ngx_http_ferrokv_cache_again(ngx_http_ferrokv_cache_t *cache)
{
    ngx_str_null(&cache->variant);
    ngx_http_ferrokv_cache_close(cache);

    cache->stale = 0;
    cache->refused = 0;
    cache->gone_ms = 0;
    cache->stale_ms = 0;
    cache->begun_ms = fkv_now_ms(cache->conf->store->store->fkv);

    ngx_http_ferrokv_cache_name(cache->name.data, &cache->key,
                                &cache->variant, &cache->name);

    cache->step = ngx_http_ferrokv_cache_find;

    return NGX_OK;
}


/* NGX_DECLINED: it is none of the cache's business. */

static ngx_int_t
ngx_http_ferrokv_cache_request(ngx_http_ferrokv_cache_t *cache)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = cache->request;

    /* If-Match and If-Unmodified-Since are not a cache's to judge */

    if (!(r->method & cache->conf->methods)
        || (r == r->main && (r->headers_in.if_match
                             || r->headers_in.if_unmodified_since)))
    {
        return NGX_DECLINED;
    }

    rc = ngx_http_ferrokv_cache_key(r, cache->conf, &cache->key);

    if (rc != NGX_OK) {
        return rc;
    }

    cache->headers_in = r->headers_in.headers;
    cache->may_store = (r->method != NGX_HTTP_HEAD);
    cache->begun_ms = fkv_now_ms(cache->conf->store->store->fkv);

    ngx_http_ferrokv_cache_control(cache);

    return NGX_OK;
}


static void
ngx_http_ferrokv_cache_control(ngx_http_ferrokv_cache_t *cache)
{
    ngx_table_elt_t                *h;
    ngx_http_ferrokv_cache_walk_t   walk;

    fkv_rules_control_init(&cache->control);

    if (!cache->conf->request_control) {
        return;
    }

    ngx_memzero(&walk, sizeof(ngx_http_ferrokv_cache_walk_t));
    walk.part = &cache->headers_in.part;

    while ((h = ngx_http_ferrokv_cache_next(&walk)) != NULL) {

        if (fkv_rules_name(ngx_ferrokv_str(&h->key))
            == FKV_RULES_CACHE_CONTROL)
        {
            fkv_rules_control_add(&cache->control,
                                  ngx_ferrokv_str(&h->value));
        }
    }
}


static ngx_int_t
ngx_http_ferrokv_cache_find(ngx_http_ferrokv_cache_t *cache)
{
    cache->step = ngx_http_ferrokv_cache_found;

    return ngx_http_ferrokv_cache_load(cache, FKV_NAMESPACE_CACHE,
                                       ngx_ferrokv_str(&cache->name),
                                       NGX_MAX_OFF_T_VALUE,
                                       ngx_http_ferrokv_cache_take);
}


ngx_int_t
ngx_http_ferrokv_cache_load(ngx_http_ferrokv_cache_t *cache, ngx_uint_t ns,
    fkv_str_t name, uint64_t load_max, ngx_http_ferrokv_cache_take_pt take)
{
    int         rc;
    fkv_get_t  *get;

    get = &cache->get;
    ngx_memzero(get, sizeof(fkv_get_t));

    get->op.on_done = ngx_http_ferrokv_cache_loaded;
    get->op.data = cache;
    get->store = cache->conf->store->store->fkv;
    get->ns = ns;
    get->key = name;
    get->now_ms = cache->begun_ms;
    get->load_max = load_max;

    cache->take = take;

    rc = fkv_get(get);

    if (rc == FKV_AGAIN) {
        return ngx_http_ferrokv_cache_wait(cache);
    }

    take(cache, rc);
    fkv_get_done(get);

    return NGX_OK;
}


static void
ngx_http_ferrokv_cache_loaded(fkv_op_t *op)
{
    ngx_http_ferrokv_cache_t  *cache;

    cache = op->data;

    cache->take(cache, op->rc);
    fkv_get_done(&cache->get);

    ngx_http_ferrokv_cache_go_on(cache);
}


/* Copies what was found and looks whether it is what we have written. */

static void
ngx_http_ferrokv_cache_take(ngx_http_ferrokv_cache_t *cache, int rc)
{
    fkv_str_t     bytes;
    fkv_value_t  *value;

    value = &cache->get.value;

    if (rc == FKV_OK) {
        cache->bytes = ngx_pnalloc(cache->request->pool, value->data.len + 1);

        if (cache->bytes == NULL) {
            rc = FKV_ENOMEM;

        } else {
            cache->len = value->data.len;
            ngx_memcpy(cache->bytes, value->data.data, cache->len);
        }
    }

    if (rc == FKV_OK) {
        bytes.data = cache->bytes;
        bytes.len = cache->len;

        rc = ngx_http_ferrokv_cache_unpack(bytes, &cache->envelope,
                                           &cache->entry);
    }

    cache->rc = rc;
}


static ngx_int_t
ngx_http_ferrokv_cache_found(ngx_http_ferrokv_cache_t *cache)
{
    fkv_rules_entry_t   *entry;

    entry = &cache->entry;

    if (cache->rc != FKV_OK) {
        return ngx_http_ferrokv_cache_unreadable(cache);
    }

    if (cache->variant.len == 0) {

        if (entry->kind == FKV_RULES_ENTRY_VARIES) {
            return ngx_http_ferrokv_cache_names(cache);
        }

        return ngx_http_ferrokv_cache_good(cache);
    }

    /* of an older list of names, or of another request with this digest */

    if (entry->kind != FKV_RULES_ENTRY_RESPONSE
        || cache->envelope.generation != cache->generation
        || entry->variant.len != cache->variant.len
        || ngx_memcmp(entry->variant.data, cache->variant.data,
                      cache->variant.len)
           != 0)
    {
        return ngx_http_ferrokv_cache_miss(cache);
    }

    return ngx_http_ferrokv_cache_good(cache);
}


ngx_int_t
ngx_http_ferrokv_cache_unreadable(ngx_http_ferrokv_cache_t *cache)
{
    static ngx_str_t  what = ngx_string("ferrokv_cache");

    if (cache->rc != FKV_NOTFOUND) {
        ngx_http_ferrokv_log_failure(cache->request->connection->log, &what,
                                     cache->conf->store->store,
                                     ngx_ferrokv_str(&cache->key), cache->rc);
    }

    return ngx_http_ferrokv_cache_miss(cache);
}


/* If its body is there, and no mark says something else. */

static ngx_int_t
ngx_http_ferrokv_cache_good(ngx_http_ferrokv_cache_t *cache)
{
    cache->stale_ms = ngx_max(cache->stale_ms, cache->envelope.stale_ms);

    return ngx_http_ferrokv_cache_open(cache);
}


/* Which variant is this request for? */

static ngx_int_t
ngx_http_ferrokv_cache_names(ngx_http_ferrokv_cache_t *cache)
{
    ngx_int_t  rc;

    rc = ngx_http_ferrokv_cache_variant(cache, cache->entry.names,
                                        &cache->variant);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? ngx_http_ferrokv_cache_miss(cache)
                                    : NGX_ERROR;
    }

    cache->generation = cache->envelope.generation;
    cache->stale_ms = cache->envelope.stale_ms;

    ngx_http_ferrokv_cache_name(cache->name.data, &cache->key,
                                &cache->variant, &cache->name);

    cache->step = ngx_http_ferrokv_cache_find;

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_cache_variant(ngx_http_ferrokv_cache_t *cache,
    fkv_str_t names, ngx_str_t *variant)
{
    u_char              *p;
    size_t               len;
    fkv_rules_fields_t   fields;

    p = ngx_pnalloc(cache->request->pool, FKV_RULES_VARIANT_BYTES_MAX);

    if (p == NULL
        || ngx_http_ferrokv_cache_fields(cache->request->pool,
                                         &cache->headers_in, &fields)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (fkv_rules_variant(names, fields, p, FKV_RULES_VARIANT_BYTES_MAX, &len)
        != FKV_OK)
    {
        return NGX_DECLINED;
    }

    variant->data = p;
    variant->len = len;

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_cache_miss(ngx_http_ferrokv_cache_t *cache)
{
    cache->status = NGX_HTTP_FERROKV_CACHE_MISS;

    if (cache->control.flags & FKV_RULES_ONLY_IF_CACHED) {
        return NGX_HTTP_GATEWAY_TIME_OUT;
    }

    cache->step = cache->may_store ? ngx_http_ferrokv_cache_lock
                                   : ngx_http_ferrokv_cache_pass;

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_cache_judge(ngx_http_ferrokv_cache_t *cache)
{
    fkv_rules_served_t  *served;

    served = &cache->served;

    if (cache->entry.request_ms <= cache->stale_ms) {
        fkv_rules_fresh_end(&cache->entry.fresh, cache->stale_ms);
    }

    fkv_rules_serve(served, &cache->entry.fresh,
                    cache->conf->request_control ? &cache->control : NULL,
                    cache->begun_ms);

    cache->stale = served->stale;
    cache->step = ngx_http_ferrokv_cache_lock;

    switch (served->how) {

    case FKV_RULES_SERVE:

        if (served->update) {
            cache->status = NGX_HTTP_FERROKV_CACHE_STALE;
            return NGX_OK;
        }

        cache->status = served->stale ? NGX_HTTP_FERROKV_CACHE_STALE
                                      : NGX_HTTP_FERROKV_CACHE_HIT;

        return ngx_http_ferrokv_cache_serve(cache);

    case FKV_RULES_REFUSE:
        cache->status = NGX_HTTP_FERROKV_CACHE_EXPIRED;
        return NGX_HTTP_GATEWAY_TIME_OUT;

    case FKV_RULES_VALIDATE:
        break;
    }

    cache->status = NGX_HTTP_FERROKV_CACHE_EXPIRED;

    if (!cache->may_store) {
        cache->step = ngx_http_ferrokv_cache_pass;
    }

    return NGX_OK;
}


/* To the next handler, and in the end to the content handler. */

ngx_int_t
ngx_http_ferrokv_cache_pass(ngx_http_ferrokv_cache_t *cache)
{
    ngx_int_t           rc;
    fkv_rules_entry_t  *validators;

    rc = ngx_http_ferrokv_limit_miss(cache->request);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    cache->passed = 1;

    if (!cache->may_store) {
        return NGX_DECLINED;
    }

    validators = NULL;

    if (cache->conf->revalidate
        && cache->status == NGX_HTTP_FERROKV_CACHE_EXPIRED
        && cache->entry.status == NGX_HTTP_OK
        && (cache->entry.etag.len
            || cache->entry.last_modified_s != FKV_RULES_NO_TIME))
    {
        validators = &cache->entry;
        cache->asked = 1;
    }

    if (ngx_http_ferrokv_cache_ask(cache->request, validators) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}
