
/*
 * Purges of prefixes: of an entry that was asked for before one, the marks of
 * what its key begins with say whether it is gone, or stale.
 *
 *     "cache/l", the last mark's time --older than the entry--> good
 *                 |
 *                 '--> walk over "cache/p", from the shortest prefix on
 *
 * The last mark's time is read once a millisecond: what else is asked for
 * within it knows the same, for the answer to a purge waits until its
 * millisecond is over.  So where no prefix is purged nothing is paid; else a
 * walk for each older entry, in as many steps as there are marks that apply,
 * and where others branch off, however many those are.
 */

#include "ngx_http_ferrokv_cache.h"


static ngx_int_t ngx_http_ferrokv_cache_prefix_older(
    ngx_http_ferrokv_cache_t *cache);
static void ngx_http_ferrokv_cache_prefix_take(
    ngx_http_ferrokv_cache_t *cache, int rc);
static ngx_int_t ngx_http_ferrokv_cache_prefix_walk(
    ngx_http_ferrokv_cache_t *cache);
static int ngx_http_ferrokv_cache_prefix_mark(fkv_scan_t *scan, fkv_str_t key,
    const fkv_value_t *value);
static void ngx_http_ferrokv_cache_prefix_done(fkv_op_t *op);
static void ngx_http_ferrokv_cache_prefix_end(ngx_http_ferrokv_cache_t *cache,
    int rc);


ngx_int_t
ngx_http_ferrokv_cache_prefixes(ngx_http_ferrokv_cache_t *cache)
{
    if (cache->conf->prefix_as_of_ms == cache->begun_ms) {
        return ngx_http_ferrokv_cache_prefix_older(cache);
    }

    cache->step = ngx_http_ferrokv_cache_prefix_older;

    return ngx_http_ferrokv_cache_load(cache, FKV_NAMESPACE_CATALOG,
                                       FKV_STR("cache/l"), 0,
                                       ngx_http_ferrokv_cache_prefix_take);
}


/* What cannot be read may say that the entry is gone. */

static void
ngx_http_ferrokv_cache_prefix_take(ngx_http_ferrokv_cache_t *cache, int rc)
{
    fkv_rules_entry_t                   entry;
    ngx_http_ferrokv_cache_conf_t      *conf;
    ngx_http_ferrokv_cache_envelope_t   last;

    conf = cache->conf;
    last.stale_ms = 0;

    if (rc == FKV_OK) {
        rc = ngx_http_ferrokv_cache_unpack(cache->get.value.data, &last,
                                           &entry);
    }

    if (rc != FKV_NOTFOUND) {
        cache->gone_ms = cache->entry.request_ms;
        return;
    }

    /* reads may end in another order */

    conf->prefix_ms = ngx_max(conf->prefix_ms, last.stale_ms);
    conf->prefix_as_of_ms = cache->begun_ms;
}


static ngx_int_t
ngx_http_ferrokv_cache_prefix_older(ngx_http_ferrokv_cache_t *cache)
{
    if (cache->gone_ms >= cache->entry.request_ms
        || cache->conf->prefix_ms < cache->entry.request_ms)
    {
        return ngx_http_ferrokv_cache_tags(cache);
    }

    return ngx_http_ferrokv_cache_prefix_walk(cache);
}


static ngx_int_t
ngx_http_ferrokv_cache_prefix_walk(ngx_http_ferrokv_cache_t *cache)
{
    int          rc;
    u_char      *p;
    fkv_scan_t  *scan;

    scan = ngx_pcalloc(cache->request->pool, sizeof(fkv_scan_t));
    p = ngx_pnalloc(cache->request->pool,
                    NGX_HTTP_FERROKV_CACHE_MARK_LEN(cache->key.len + 1));

    if (scan == NULL || p == NULL) {
        return NGX_ERROR;
    }

    /* up to the first one that is longer than the key */

    ngx_http_ferrokv_cache_mark_name(p, 'p', ngx_ferrokv_str(&cache->key),
                                     &scan->end);
    p[scan->end.len++] = '\0';

    scan->op.on_done = ngx_http_ferrokv_cache_prefix_done;
    scan->op.data = cache;
    scan->store = cache->conf->store->store->fkv;
    scan->ns = FKV_NAMESPACE_CATALOG;
    scan->prefix = FKV_STR("cache/p");
    scan->now_ms = cache->begun_ms;
    scan->on_entry = ngx_http_ferrokv_cache_prefix_mark;

    cache->step = ngx_http_ferrokv_cache_tags;

    rc = fkv_scan(scan);

    if (rc == FKV_AGAIN) {
        return ngx_http_ferrokv_cache_wait(cache);
    }

    ngx_http_ferrokv_cache_prefix_end(cache, rc);

    return NGX_OK;
}


/*
 * It applies, or it branches off from the key, below it: then the next one that
 * may apply has one byte more of the key.
 */

static int
ngx_http_ferrokv_cache_prefix_mark(fkv_scan_t *scan, fkv_str_t key,
    const fkv_value_t *value)
{
    size_t                              n;
    fkv_rules_entry_t                   entry;
    ngx_http_ferrokv_cache_t           *cache;
    ngx_http_ferrokv_cache_envelope_t   mark;

    cache = scan->op.data;

    for (n = 0; n < key.len && key.data[n] == scan->end.data[n]; n++) {
        /* void */
    }

    if (n < key.len) {
        scan->seek.data = scan->end.data;
        scan->seek.len = n + 1;
        return FKV_OK;
    }

    if (ngx_http_ferrokv_cache_unpack(value->data, &mark, &entry)
        != FKV_NOTFOUND)
    {
        return FKV_ECORRUPT;
    }

    cache->gone_ms = ngx_max(cache->gone_ms, mark.gone_ms);
    cache->stale_ms = ngx_max(cache->stale_ms, mark.stale_ms);

    return FKV_OK;
}


static void
ngx_http_ferrokv_cache_prefix_done(fkv_op_t *op)
{
    ngx_http_ferrokv_cache_t  *cache;

    cache = op->data;

    ngx_http_ferrokv_cache_prefix_end(cache, op->rc);
    ngx_http_ferrokv_cache_go_on(cache);
}


static void
ngx_http_ferrokv_cache_prefix_end(ngx_http_ferrokv_cache_t *cache, int rc)
{
    if (rc != FKV_OK) {
        cache->gone_ms = cache->entry.request_ms;
    }
}
