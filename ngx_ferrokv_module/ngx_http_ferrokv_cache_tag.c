
/*
 * Tags of an entry that was found: is one of them purged?  A read of each tag's
 * mark, one after the other, mostly from memory.
 */

#include "ngx_http_ferrokv_cache.h"


static ngx_int_t ngx_http_ferrokv_cache_tag_next(
    ngx_http_ferrokv_cache_t *cache);
static void ngx_http_ferrokv_cache_tag_done(fkv_op_t *op);
static void ngx_http_ferrokv_cache_tag_take(ngx_http_ferrokv_cache_t *cache,
    int rc);


u_char *
ngx_http_ferrokv_cache_tag_name(u_char *p, fkv_str_t tag)
{
    *p++ = 't';

    return ngx_cpymem(p, tag.data, tag.len);
}


ngx_int_t
ngx_http_ferrokv_cache_tags(ngx_http_ferrokv_cache_t *cache)
{
    cache->tags = cache->entry.tags;
    cache->step = ngx_http_ferrokv_cache_tag_next;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_cache_tag_next(ngx_http_ferrokv_cache_t *cache)
{
    int         rc;
    fkv_get_t  *get;
    fkv_str_t   tag;

    if (cache->gone_ms >= cache->entry.request_ms) {
        return ngx_http_ferrokv_cache_miss(cache);
    }

    if (!fkv_rules_entry_tag(&cache->tags, &tag)) {
        return ngx_http_ferrokv_cache_judge(cache);
    }

    get = &cache->get;
    ngx_memzero(get, sizeof(fkv_get_t));

    get->op.on_done = ngx_http_ferrokv_cache_tag_done;
    get->op.data = cache;
    get->store = cache->conf->store->store->fkv;
    get->ns = FKV_NAMESPACE_CACHE;
    get->key.data = cache->tag_name;
    get->key.len = ngx_http_ferrokv_cache_tag_name(cache->tag_name, tag)
                   - cache->tag_name;
    get->now_ms = cache->begun_ms;

    rc = fkv_get(get);

    if (rc == FKV_AGAIN) {
        cache->waiting = 1;
        ngx_http_ferrokv_hold(cache->request);
        return NGX_AGAIN;
    }

    ngx_http_ferrokv_cache_tag_take(cache, rc);

    return NGX_OK;
}


static void
ngx_http_ferrokv_cache_tag_done(fkv_op_t *op)
{
    ngx_http_ferrokv_cache_t  *cache;

    cache = op->data;
    cache->waiting = 0;

    ngx_http_ferrokv_cache_tag_take(cache, op->rc);
    ngx_http_ferrokv_resume(cache->request);
}


/* A mark that cannot be read may be one that says no. */

static void
ngx_http_ferrokv_cache_tag_take(ngx_http_ferrokv_cache_t *cache, int rc)
{
    fkv_rules_entry_t                   entry;
    ngx_http_ferrokv_cache_envelope_t   mark;

    if (rc == FKV_OK) {
        rc = ngx_http_ferrokv_cache_unpack(cache->get.value.data, &mark,
                                           &entry);

        if (rc == FKV_NOTFOUND) {
            cache->gone_ms = ngx_max(cache->gone_ms, (int64_t) mark.gone_ms);
            cache->stale_ms = ngx_max(cache->stale_ms,
                                      (int64_t) mark.stale_ms);
        }
    }

    fkv_get_done(&cache->get);

    if (rc != FKV_OK && rc != FKV_NOTFOUND) {
        cache->gone_ms = cache->entry.request_ms;
    }
}
