
/*
 * An entry is the answer: its fields, Age and Date, and its body, out of the
 * request's pool, so a slow client pins nothing, or by pieces.  Ranges are cut
 * by nginx's filter; conditions are judged here, for nginx's way is older than
 * RFC 9110.
 */

#include "ngx_http_ferrokv_cache.h"

#include "rules/cache_status.h"


static ngx_uint_t ngx_http_ferrokv_cache_not_modified(
    ngx_http_ferrokv_cache_t *cache);


ngx_int_t
ngx_http_ferrokv_cache_serve(ngx_http_ferrokv_cache_t *cache)
{
    ngx_int_t            rc;
    ngx_chain_t         *out;
    ngx_http_request_t  *r;

    r = cache->request;
    cache->passed = 1;
    cache->answered = 1;

    rc = ngx_http_discard_request_body(r);

    if (rc == NGX_OK) {
        rc = ngx_http_ferrokv_cache_serve_header(cache);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_send_header(r);

        if (rc == NGX_OK && !r->header_only && cache->blob) {
            rc = ngx_http_ferrokv_cache_stream(cache);

        } else if (rc == NGX_OK && !r->header_only) {
            out = ngx_http_ferrokv_cache_serve_body(cache);
            rc = out ? ngx_http_output_filter(r, out) : NGX_ERROR;
        }
    }

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


static ngx_int_t
ngx_http_ferrokv_cache_number(ngx_http_request_t *r, const char *name,
    int64_t n)
{
    u_char     *p;
    ngx_str_t   value;

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = ngx_sprintf(p, "%L", n) - p;

    return ngx_http_ferrokv_cache_line(r, name, &value) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_ferrokv_cache_date(ngx_http_request_t *r, int64_t date_s)
{
    u_char     *p;
    ngx_str_t   value;

    p = ngx_pnalloc(r->pool, FKV_RULES_DATE_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = fkv_rules_date_print(p, date_s) - p;

    r->headers_out.date = ngx_http_ferrokv_cache_line(r, "Date", &value);

    return r->headers_out.date ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_ferrokv_cache_serve_header(ngx_http_ferrokv_cache_t *cache)
{
    fkv_str_t            fields;
    fkv_rules_entry_t   *entry;
    fkv_rules_field_t    field;
    ngx_http_request_t  *r;

    r = cache->request;
    entry = &cache->entry;
    fields = entry->fields;

    r->headers_out.status = entry->status;
    r->headers_out.content_length_n = entry->body_len;
    r->headers_out.last_modified_time =
        (entry->last_modified_s == FKV_RULES_NO_TIME)
        ? -1 : (time_t) entry->last_modified_s;

    while (fkv_rules_entry_field(&fields, &field)) {

        if (ngx_http_ferrokv_cache_field_send(r, &field) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (ngx_http_ferrokv_cache_date(r, entry->date_s) != NGX_OK
        || ngx_http_ferrokv_cache_number(r, "Age", cache->served.age_s)
           != NGX_OK
        || ngx_http_ferrokv_cache_status_send(cache) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->disable_not_modified = 1;

    if (ngx_http_ferrokv_cache_not_modified(cache)) {
        r->headers_out.status = NGX_HTTP_NOT_MODIFIED;
        r->headers_out.content_type.len = 0;
        ngx_http_clear_content_length(r);

        if (r->headers_out.content_encoding) {
            r->headers_out.content_encoding->hash = 0;
            r->headers_out.content_encoding = NULL;
        }

    } else if (entry->status == NGX_HTTP_OK) {
        r->allow_ranges = 1;
        r->single_range = (entry->stamp != 0);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_ferrokv_cache_not_modified(ngx_http_ferrokv_cache_t *cache)
{
    ngx_http_request_t      *r;
    fkv_rules_fields_t       fields;
    fkv_rules_validators_t   validators;

    r = cache->request;

    if (r != r->main
        || cache->entry.status != NGX_HTTP_OK
        || (r->headers_in.if_none_match == NULL
            && r->headers_in.if_modified_since == NULL))
    {
        return 0;
    }

    if (ngx_http_ferrokv_cache_fields(r->pool, &cache->headers_in, &fields)
        != NGX_OK)
    {
        return 0;
    }

    validators.etag = cache->entry.etag;
    validators.last_modified_s = cache->entry.last_modified_s;

    return fkv_rules_not_modified(fields, &validators, cache->entry.date_s,
                                  cache->begun_ms / 1000);
}


ngx_chain_t *
ngx_http_ferrokv_cache_serve_body(ngx_http_ferrokv_cache_t *cache)
{
    ngx_buf_t           *b;
    ngx_chain_t         *out;
    ngx_http_request_t  *r;

    r = cache->request;

    b = ngx_calloc_buf(r->pool);
    out = ngx_alloc_chain_link(r->pool);

    if (b == NULL || out == NULL) {
        return NULL;
    }

    b->last = cache->bytes + cache->len;
    b->pos = b->last - cache->entry.body_len;
    b->memory = cache->entry.body_len ? 1 : 0;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;
    b->sync = (b->last_buf || b->memory) ? 0 : 1;

    out->buf = b;
    out->next = NULL;

    return out;
}


ngx_table_elt_t *
ngx_http_ferrokv_cache_line(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;

    return h;
}


static fkv_rules_fwd_e
ngx_http_ferrokv_cache_fwd(ngx_http_ferrokv_cache_t *cache)
{
    switch (cache->status) {

    case NGX_HTTP_FERROKV_CACHE_HIT:
    case NGX_HTTP_FERROKV_CACHE_UPDATING:
        return FKV_RULES_FWD_NONE;

    case NGX_HTTP_FERROKV_CACHE_STALE:
        return cache->fwd_status ? FKV_RULES_FWD_STALE : FKV_RULES_FWD_NONE;

    case NGX_HTTP_FERROKV_CACHE_REVALIDATED:
        return FKV_RULES_FWD_STALE;

    case NGX_HTTP_FERROKV_CACHE_NONE:
        return FKV_RULES_FWD_METHOD;

    case NGX_HTTP_FERROKV_CACHE_BYPASS:
        return FKV_RULES_FWD_BYPASS;

    case NGX_HTTP_FERROKV_CACHE_EXPIRED:
        return cache->served.by_request ? FKV_RULES_FWD_REQUEST
                                        : FKV_RULES_FWD_STALE;

    case NGX_HTTP_FERROKV_CACHE_MISS:
        break;
    }

    return cache->variant.len ? FKV_RULES_FWD_VARY_MISS
                              : FKV_RULES_FWD_URI_MISS;
}


ngx_int_t
ngx_http_ferrokv_cache_status_send(ngx_http_ferrokv_cache_t *cache)
{
    u_char                    *p;
    ngx_str_t                  value;
    fkv_rules_cache_status_t   status;

    if (cache->conf->status_name.len == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(cache->request->pool, FKV_RULES_CACHE_STATUS_MAX);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&status, sizeof(fkv_rules_cache_status_t));

    status.name = ngx_ferrokv_str(&cache->conf->status_name);
    status.fwd = ngx_http_ferrokv_cache_fwd(cache);
    status.hit = (status.fwd == FKV_RULES_FWD_NONE);

    if (status.hit) {
        status.has_ttl = 1;
        status.ttl_s = cache->served.ttl_s;

    } else {
        status.fwd_status = cache->fwd_status
                            ? cache->fwd_status
                            : cache->request->headers_out.status;

        /* of a miss nobody knows yet, if several are awaited */

        status.stored = cache->renewed
                        || (cache->capture != NULL
                            && (cache->conf->min_uses == 1
                                || cache->status
                                   != NGX_HTTP_FERROKV_CACHE_MISS));
    }

    status.collapsed = cache->collapsed;

    value.data = p;
    value.len = fkv_rules_cache_status(&status, p);

    return ngx_http_ferrokv_cache_line(cache->request, "Cache-Status", &value)
           ? NGX_OK : NGX_ERROR;
}
