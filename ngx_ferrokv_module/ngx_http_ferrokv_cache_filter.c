
/*
 * The filters of the cache.  They are the first of all, so that they see the
 * response as the content handler made it: before gzip, before ranges are cut
 * out of it and before a condition turns it into a 304.  The client's ranges
 * are then cut from the same whole response that is stored.
 *
 * Bytes that lie in a file, nginx's buffer of a long response or a static file,
 * are read as nginx's own copy filter reads them.
 */

#include "ngx_http_ferrokv_cache.h"


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


static void ngx_http_ferrokv_cache_invalidated(
    ngx_http_ferrokv_cache_t *cache);
static void ngx_http_ferrokv_cache_invalidate_reference(
    ngx_http_ferrokv_cache_t *cache, ngx_table_elt_t *h);
static ngx_int_t ngx_http_ferrokv_cache_answer(
    ngx_http_ferrokv_cache_t *cache);
static ngx_int_t ngx_http_ferrokv_cache_not_changed(
    ngx_http_ferrokv_cache_t *cache);
static ngx_int_t ngx_http_ferrokv_cache_replace(
    ngx_http_ferrokv_cache_t *cache, ngx_http_ferrokv_cache_status_e status);
static ngx_int_t ngx_http_ferrokv_cache_large_filter(
    ngx_http_ferrokv_cache_t *cache, ngx_chain_t *in);
static ngx_int_t ngx_http_ferrokv_cache_capture(
    ngx_http_ferrokv_cache_t *cache, ngx_chain_t *in);
static void ngx_http_ferrokv_cache_swallow(ngx_chain_t *in);


static ngx_int_t
ngx_http_ferrokv_cache_header_filter(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_ferrokv_cache_t  *cache;

    cache = ngx_http_ferrokv_cache_get(r);

    if (cache == NULL || !cache->passed || cache->answered) {
        return ngx_http_next_header_filter(r);
    }

    cache->answered = 1;

    if (cache->conf->invalidate
        && !(r->method & cache->conf->methods)
        && fkv_rules_invalidates(ngx_ferrokv_str(&r->method_name),
                                 r->headers_out.status))
    {
        ngx_http_ferrokv_cache_invalidated(cache);
    }

    rc = ngx_http_ferrokv_cache_answer(cache);

    if (rc != NGX_OK) {
        return rc;
    }

    if (cache->background) {
        r->header_sent = 1;
        return NGX_OK;
    }

    return ngx_http_next_header_filter(r);
}


/*
 * The key of the request, and of what Location and Content-Location name, if
 * keys are made from URIs: what an expression would say of them is not known.
 */

static void
ngx_http_ferrokv_cache_invalidated(ngx_http_ferrokv_cache_t *cache)
{
    ngx_str_t                       key;
    ngx_table_elt_t                *h;
    ngx_http_request_t             *r;
    ngx_http_ferrokv_cache_walk_t   walk;

    r = cache->request;

    if (ngx_http_ferrokv_cache_key(r, cache->conf, &key) != NGX_OK) {
        return;
    }

    ngx_http_ferrokv_cache_invalidate(cache, &key);

    if (cache->conf->key || r != r->main) {
        return;
    }

    walk.part = &r->headers_out.headers.part;
    walk.i = 0;

    while ((h = ngx_http_ferrokv_cache_next(&walk)) != NULL) {

        switch (fkv_rules_name(ngx_ferrokv_str(&h->key))) {

        case FKV_RULES_LOCATION:
        case FKV_RULES_CONTENT_LOCATION:
            ngx_http_ferrokv_cache_invalidate_reference(cache, h);
            break;

        default:
            break;
        }
    }
}


static void
ngx_http_ferrokv_cache_invalidate_reference(ngx_http_ferrokv_cache_t *cache,
    ngx_table_elt_t *h)
{
    u_char              *p;
    size_t               len, room, origin;
    ngx_str_t            key;
    fkv_rules_target_t   target;
    ngx_http_request_t  *r;

    r = cache->request;

    if (ngx_http_ferrokv_cache_origin(r, &target, &origin, &key) != NGX_OK) {
        return;
    }

    room = target.uri.len + h->value.len + 1;

    p = ngx_pnalloc(r->pool, origin + room);
    if (p == NULL) {
        return;
    }

    ngx_memcpy(p, key.data, origin);

    if (fkv_rules_resolve(&target, ngx_ferrokv_str(&h->value), p + origin,
                          room, &len)
        != FKV_OK)
    {
        return;
    }

    key.data = p;
    key.len = origin + len;

    ngx_http_ferrokv_cache_invalidate(cache, &key);
}


/* The content handler's header is there: store it, or send the entry? */

static ngx_int_t
ngx_http_ferrokv_cache_answer(ngx_http_ferrokv_cache_t *cache)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = cache->request;

    if (cache->asked && r->headers_out.status == NGX_HTTP_NOT_MODIFIED) {
        return ngx_http_ferrokv_cache_not_changed(cache);
    }

    if (ngx_http_ferrokv_cache_stale_error(cache, r->headers_out.status)) {
        return ngx_http_ferrokv_cache_replace(cache,
                                              NGX_HTTP_FERROKV_CACHE_STALE);
    }

    rc = ngx_http_ferrokv_cache_storable(cache);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        ngx_http_ferrokv_cache_refuse(cache);
        return ngx_http_ferrokv_cache_status_send(cache);
    }

    /* a 304 would end before its body has come */

    r->disable_not_modified = 1;

    if (r->headers_out.status == NGX_HTTP_OK) {
        r->allow_ranges = 1;
        r->single_range = 1;
    }

    return ngx_http_ferrokv_cache_status_send(cache);
}


/*
 * A 304 that is about something else says nothing of what the client wants.
 * The entry goes, or the next one would ask by it and be told the same.
 */

static ngx_int_t
ngx_http_ferrokv_cache_not_changed(ngx_http_ferrokv_cache_t *cache)
{
    ngx_int_t  rc;

    cache->replaced = 1;

    rc = ngx_http_ferrokv_cache_revalidate(cache);

    if (rc == NGX_OK) {
        return ngx_http_ferrokv_cache_replace(cache,
                                          NGX_HTTP_FERROKV_CACHE_REVALIDATED);
    }

    cache->replaced = 0;
    ngx_http_ferrokv_cache_unlock(cache);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    ngx_http_ferrokv_cache_invalidate(cache, &cache->key);

    return ngx_http_filter_finalize_request(cache->request, NULL,
                                            NGX_HTTP_BAD_GATEWAY);
}


/* The entry takes the place of the response. */

static ngx_int_t
ngx_http_ferrokv_cache_replace(ngx_http_ferrokv_cache_t *cache,
    ngx_http_ferrokv_cache_status_e status)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = cache->request;

    cache->status = status;
    cache->replaced = 1;
    cache->fwd_status = r->headers_out.status;

    ngx_http_ferrokv_cache_unlock(cache);
    ngx_http_clean_header(r);

    rc = ngx_http_ferrokv_cache_serve_header(cache);

    return (rc == NGX_OK) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_ferrokv_cache_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t               *out;
    ngx_http_ferrokv_cache_t  *cache;

    cache = ngx_http_ferrokv_cache_get(r);

    if (cache == NULL || !cache->passed) {
        return ngx_http_next_body_filter(r, in);
    }

    if (cache->stream) {
        ngx_http_ferrokv_cache_swallow(in);
        return ngx_http_ferrokv_cache_stream_next(cache);
    }

    if (cache->capture && cache->capture->large) {
        return ngx_http_ferrokv_cache_large_filter(cache, in);
    }

    if (in == NULL) {
        return cache->large ? ngx_http_ferrokv_cache_filter_next(r, NULL)
                            : ngx_http_next_body_filter(r, NULL);
    }

    if (cache->capture
        && ngx_http_ferrokv_cache_capture(cache, in) != NGX_OK)
    {
        ngx_http_ferrokv_cache_refuse(cache);
        ngx_http_ferrokv_cache_discard(cache);
    }

    if (!cache->replaced && !cache->background) {
        return ngx_http_next_body_filter(r, in);
    }

    ngx_http_ferrokv_cache_swallow(in);

    if (cache->background || cache->sent) {
        return NGX_OK;
    }

    cache->sent = 1;

    if (cache->blob) {
        return ngx_http_ferrokv_cache_stream(cache);
    }

    out = ngx_http_ferrokv_cache_serve_body(cache);

    return out ? ngx_http_next_body_filter(r, out) : NGX_ERROR;
}


static ngx_int_t
ngx_http_ferrokv_cache_large_filter(ngx_http_ferrokv_cache_t *cache,
    ngx_chain_t *in)
{
    ngx_int_t             rc, next;
    ngx_uint_t            last;
    ngx_chain_t          *out, **end;
    ngx_http_request_t   *r;

    r = cache->request;
    out = NULL;
    last = 0;

    rc = ngx_http_ferrokv_cache_large_take(cache->capture->large, in, &out,
                                           &last);
    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_AGAIN) {
        r->buffered |= NGX_HTTP_FERROKV_CACHE_BUFFERED;

    } else {
        r->buffered &= ~NGX_HTTP_FERROKV_CACHE_BUFFERED;
    }

    if (rc == NGX_DECLINED) {

        for (end = &out; *end; end = &(*end)->next) { /* void */ }

        *end = ngx_http_ferrokv_cache_large_rest(cache->capture->large);
        ngx_http_ferrokv_cache_discard(cache);

    } else if (last) {
        ngx_http_ferrokv_cache_store(cache);
    }

    if (cache->background) {
        ngx_http_ferrokv_cache_swallow(out);
        next = NGX_OK;

    } else {
        next = ngx_http_ferrokv_cache_filter_next(r, out);
    }

    if (cache->capture) {
        ngx_http_ferrokv_cache_large_passed(cache->capture->large, out);
    }

    return (next == NGX_OK && rc == NGX_AGAIN) ? NGX_AGAIN : next;
}


ngx_int_t
ngx_http_ferrokv_cache_filter_next(ngx_http_request_t *r, ngx_chain_t *in)
{
    if (in == NULL
        && !r->connection->buffered
        && !(r->buffered & ~NGX_HTTP_FERROKV_CACHE_BUFFERED)
        && r->postponed == NULL)
    {
        return NGX_OK;
    }

    return ngx_http_next_body_filter(r, in);
}


/*
 * nginx would not call the filters if it has nothing new for them; then whoever
 * produces the response learns what has become free.
 */

void
ngx_http_ferrokv_cache_filter_go_on(ngx_http_ferrokv_cache_t *cache)
{
    ngx_http_request_t  *r;

    r = cache->request;

    ngx_http_set_log_request(r->connection->log, r);

    if (!r->connection->error && !r->done) {
        (void) ngx_http_output_filter(r, NULL);
    }

    ngx_http_ferrokv_resume(r);
}


static ngx_int_t
ngx_http_ferrokv_cache_capture(ngx_http_ferrokv_cache_t *cache,
    ngx_chain_t *in)
{
    ngx_uint_t           last;
    ngx_chain_t         *cl;
    ngx_http_request_t  *r;

    r = cache->request;
    last = 0;

    for (cl = in; cl; cl = cl->next) {

        if (ngx_http_ferrokv_cache_collect(cache, cl->buf) != NGX_OK) {
            return NGX_DECLINED;
        }

        last |= cl->buf->last_buf || (r != r->main && cl->buf->last_in_chain);
    }

    if (last) {
        ngx_http_ferrokv_cache_store(cache);
    }

    return NGX_OK;
}


static void
ngx_http_ferrokv_cache_swallow(ngx_chain_t *in)
{
    for ( /* void */ ; in; in = in->next) {
        in->buf->pos = in->buf->last;
        in->buf->file_pos = in->buf->file_last;
    }
}


ngx_int_t
ngx_http_ferrokv_cache_filter_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_ferrokv_cache_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_ferrokv_cache_body_filter;

    return NGX_OK;
}
