
/*
 * A 304 of the upstream renews an entry: fields that it has replace the stored
 * ones, the body stays, and the clock begins anew.
 */

#include "ngx_http_ferrokv_cache.h"


static ngx_uint_t ngx_http_ferrokv_cache_validates(
    ngx_http_ferrokv_cache_t *cache, fkv_rules_response_t *answer);
static ngx_int_t ngx_http_ferrokv_cache_merge(ngx_http_ferrokv_cache_t *cache,
    fkv_rules_fields_t answer, const fkv_rules_control_t *control,
    ngx_uint_t times, fkv_rules_fields_t *merged);
static ngx_int_t ngx_http_ferrokv_cache_renew(ngx_http_ferrokv_cache_t *cache);


ngx_int_t
ngx_http_ferrokv_cache_revalidate(ngx_http_ferrokv_cache_t *cache)
{
    ngx_int_t              rc;
    fkv_rules_fields_t     said, shown, merged_said, merged_shown;
    ngx_http_request_t    *r;
    fkv_rules_policy_t     policy;
    fkv_rules_response_t   answer;

    r = cache->request;

    if (ngx_http_ferrokv_cache_fields_out(r, &said, &shown) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&policy, sizeof(fkv_rules_policy_t));

    fkv_rules_response_read(&answer, &policy, said, NGX_HTTP_NOT_MODIFIED,
                            cache->begun_ms,
                            fkv_now_ms(cache->conf->store->store->fkv));

    if (!ngx_http_ferrokv_cache_validates(cache, &answer)) {
        return NGX_DECLINED;
    }

    if (ngx_http_ferrokv_cache_merge(cache, said, &answer.control, 1,
                                     &merged_said)
           == NGX_OK
        && ngx_http_ferrokv_cache_merge(cache, shown, &answer.control, 0,
                                        &merged_shown)
           == NGX_OK)
    {
        rc = ngx_http_ferrokv_cache_plan(cache, cache->entry.status,
                                         merged_said, merged_shown);

        if (rc == NGX_OK) {
            rc = ngx_http_ferrokv_cache_renew(cache);
        }

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    fkv_rules_serve(&cache->served, &cache->entry.fresh, NULL,
                    fkv_now_ms(cache->conf->store->store->fkv));

    return NGX_OK;
}


static ngx_uint_t
ngx_http_ferrokv_cache_validates(ngx_http_ferrokv_cache_t *cache,
    fkv_rules_response_t *answer)
{
    fkv_rules_validators_t  stored, said;

    stored.etag = cache->entry.etag;
    stored.last_modified_s = cache->entry.last_modified_s;

    said.etag = answer->etag;
    said.last_modified_s = answer->last_modified_s;

    return fkv_rules_validates(&stored, &said);
}


/* times: Date and Age, which are not stored, but count. */

static ngx_int_t
ngx_http_ferrokv_cache_merge(ngx_http_ferrokv_cache_t *cache,
    fkv_rules_fields_t answer, const fkv_rules_control_t *control,
    ngx_uint_t times, fkv_rules_fields_t *merged)
{
    size_t               n, i;
    fkv_str_t            rest;
    ngx_pool_t          *pool;
    fkv_rules_name_e     id;
    fkv_rules_field_t   *stored, *out;
    fkv_rules_fields_t   fields;

    pool = cache->request->pool;

    stored = ngx_palloc(pool, (cache->entry.n_fields + 1)
                              * sizeof(fkv_rules_field_t));
    out = ngx_palloc(pool, (FKV_RULES_FIELDS_MAX + answer.n)
                           * sizeof(fkv_rules_field_t));

    if (stored == NULL || out == NULL) {
        return NGX_ERROR;
    }

    rest = cache->entry.fields;

    for (n = 0; n < cache->entry.n_fields; n++) {

        if (!fkv_rules_entry_field(&rest, &stored[n])) {
            break;
        }
    }

    fields.field = stored;
    fields.n = n;

    if (fkv_rules_update(fields, answer, control, out, &n) != FKV_OK) {
        return NGX_DECLINED;
    }

    for (i = 0; times && i < answer.n; i++) {

        id = answer.field[i].id;

        if (id == FKV_RULES_DATE
            || id == FKV_RULES_AGE
            || id == FKV_RULES_X_ACCEL_EXPIRES)
        {
            out[n++] = answer.field[i];
        }
    }

    merged->field = out;
    merged->n = n;

    return NGX_OK;
}


/* The old body with the new head: to the store, and to the client. */

static ngx_int_t
ngx_http_ferrokv_cache_renew(ngx_http_ferrokv_cache_t *cache)
{
    u_char                            *p;
    fkv_str_t                          bytes;
    ngx_buf_t                          body;
    ngx_http_ferrokv_cache_capture_t  *capture;

    ngx_memzero(&body, sizeof(ngx_buf_t));

    body.last = cache->bytes + cache->len;
    body.pos = body.last - cache->entry.body_len;
    body.memory = 1;

    if (cache->entry.body_len
        && cache->entry.stamp == 0
        && ngx_http_ferrokv_cache_collect(cache, &body) != NGX_OK)
    {
        ngx_http_ferrokv_cache_discard(cache);
        return NGX_OK;
    }

    capture = cache->capture;

    p = ngx_pnalloc(cache->request->pool, capture->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_ferrokv_cache_pack(cache);
    ngx_memcpy(p, capture->value, capture->len);

    bytes.data = p;
    bytes.len = capture->len;

    ngx_http_ferrokv_cache_envelope_put(p, &cache->envelope);

    if (ngx_http_ferrokv_cache_unpack(bytes, &cache->envelope, &cache->entry)
        != FKV_OK)
    {
        return NGX_ERROR;
    }

    cache->bytes = p;
    cache->len = bytes.len;
    cache->renewed = 1;

    ngx_http_ferrokv_cache_write(cache);
    ngx_http_ferrokv_cache_discard(cache);

    return NGX_OK;
}
