
/*
 * When an entry that is too old is the answer nevertheless: while it is being
 * updated, and when the upstream fails.  The origin may allow it (RFC 5861), or
 * ferrokv_cache_use_stale, unless the origin forbids it.
 *
 * nginx does not tell which of its own 502 comes from a connection and which
 * from a bad header: error and invalid_header mean both.
 */

#include "ngx_http_ferrokv_cache.h"


ngx_uint_t
ngx_http_ferrokv_cache_stale_updating(ngx_http_ferrokv_cache_t *cache)
{
    if (!cache->stale || cache->background) {
        return 0;
    }

    return cache->served.update
           || (cache->served.by_config
               && !cache->served.by_request
               && (cache->conf->use_stale
                   & NGX_HTTP_FERROKV_CACHE_ON_UPDATING));
}


/* What this response is in the words of ferrokv_cache_use_stale. */

static ngx_uint_t
ngx_http_ferrokv_cache_stale_word(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_uint_t  own;

    own = (r->upstream == NULL
           || r->upstream->headers_in.status_n != status);

    switch (status) {

    case NGX_HTTP_INTERNAL_SERVER_ERROR:
        return NGX_HTTP_FERROKV_CACHE_ON_500;

    case NGX_HTTP_BAD_GATEWAY:
        return own ? NGX_HTTP_FERROKV_CACHE_ON_ERROR
                     |NGX_HTTP_FERROKV_CACHE_ON_INVALID_HEADER
                   : NGX_HTTP_FERROKV_CACHE_ON_502;

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        return NGX_HTTP_FERROKV_CACHE_ON_503;

    case NGX_HTTP_GATEWAY_TIME_OUT:
        return own ? NGX_HTTP_FERROKV_CACHE_ON_TIMEOUT
                   : NGX_HTTP_FERROKV_CACHE_ON_504;

    case NGX_HTTP_FORBIDDEN:
        return NGX_HTTP_FERROKV_CACHE_ON_403;

    case NGX_HTTP_NOT_FOUND:
        return NGX_HTTP_FERROKV_CACHE_ON_404;

    case NGX_HTTP_TOO_MANY_REQUESTS:
        return NGX_HTTP_FERROKV_CACHE_ON_429;
    }

    return 0;
}


ngx_uint_t
ngx_http_ferrokv_cache_stale_error(ngx_http_ferrokv_cache_t *cache,
    ngx_uint_t status)
{
    ngx_uint_t  word;

    if (!cache->stale || cache->background || cache->served.by_request) {
        return 0;
    }

    word = ngx_http_ferrokv_cache_stale_word(cache->request, status);

    if (cache->served.if_error
        && word
        && status >= NGX_HTTP_INTERNAL_SERVER_ERROR)
    {
        return 1;
    }

    return cache->served.by_config && (cache->conf->use_stale & word);
}


ngx_int_t
ngx_http_ferrokv_cache_update(ngx_http_ferrokv_cache_t *cache)
{
    ngx_http_request_t        *r, *sr;
    ngx_http_ferrokv_cache_t  *update;

    r = cache->request;

    if (ngx_http_subrequest(r, &r->uri, &r->args, &sr, NULL,
                            NGX_HTTP_SUBREQUEST_CLONE
                            |NGX_HTTP_SUBREQUEST_BACKGROUND)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    sr->method = NGX_HTTP_GET;
    ngx_str_set(&sr->method_name, "GET");

    update = ngx_http_ferrokv_cache_make(sr, cache->conf);
    if (update == NULL) {
        return NGX_ERROR;
    }

    update->status = NGX_HTTP_FERROKV_CACHE_EXPIRED;
    update->background = 1;
    update->may_store = 1;
    update->stale = 1;
    update->key = cache->key;
    update->name = cache->name;
    update->bytes = cache->bytes;
    update->len = cache->len;
    update->envelope = cache->envelope;
    update->entry = cache->entry;
    update->body_expire_at = cache->body_expire_at;
    update->control = cache->control;
    update->headers_in = cache->headers_in;
    update->begun_ms = cache->begun_ms;
    update->step = ngx_http_ferrokv_cache_pass;

    update->claim = cache->claim;
    cache->claim.held = 0;

    return NGX_OK;
}
