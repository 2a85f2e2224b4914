
/*
 * Tags of an entry that was found: is one of them purged?  A read of each tag's
 * mark, one after the other, mostly from memory.
 */

#include "ngx_http_ferrokv_cache.h"


static ngx_int_t ngx_http_ferrokv_cache_tag_next(
    ngx_http_ferrokv_cache_t *cache);
static void ngx_http_ferrokv_cache_tag_take(ngx_http_ferrokv_cache_t *cache,
    int rc);


ngx_int_t
ngx_http_ferrokv_cache_tags(ngx_http_ferrokv_cache_t *cache)
{
    cache->tags = cache->entry.tags;
    cache->step = ngx_http_ferrokv_cache_tag_next;

    return ngx_http_ferrokv_cache_tag_next(cache);
}


static ngx_int_t
ngx_http_ferrokv_cache_tag_next(ngx_http_ferrokv_cache_t *cache)
{
    fkv_str_t  tag, name;

    if (cache->gone_ms >= cache->entry.request_ms) {
        return ngx_http_ferrokv_cache_miss(cache);
    }

    if (!fkv_rules_entry_tag(&cache->tags, &tag)) {
        return ngx_http_ferrokv_cache_judge(cache);
    }

    ngx_http_ferrokv_cache_mark_name(cache->tag_name, 't', tag, &name);

    return ngx_http_ferrokv_cache_load(cache, FKV_NAMESPACE_CATALOG, name, 0,
                                       ngx_http_ferrokv_cache_tag_take);
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

    if (rc != FKV_OK && rc != FKV_NOTFOUND) {
        cache->gone_ms = cache->entry.request_ms;
    }
}
