
/*
 * Responses that cannot be stored, while one request asks and others wait for
 * what it brings: they would ask one after the other.  So who learns that what
 * it has asked for will not be stored leaves a note before it lets go, and who
 * finds that waits for nobody.  Notes are records of the store, so all workers
 * know of them; they are forgotten soon, for the next response may be another.
 *
 * There is none of what concerns one request only, and none of the upstream's
 * failures: then it is better not to be asked by everybody at once.
 */

#include "ngx_http_ferrokv_cache.h"


typedef struct {
    fkv_update_t          update;
    fkv_change_t          change;
    ngx_pool_t           *pool;     /* its own, for the client may go */
    fkv_claim_t           claim;
} ngx_http_ferrokv_cache_refusal_t;


static ngx_int_t ngx_http_ferrokv_cache_refusal_name(
    ngx_http_ferrokv_cache_t *cache, ngx_pool_t *pool, fkv_str_t *name);
static void ngx_http_ferrokv_cache_refusal_take(
    ngx_http_ferrokv_cache_t *cache, int rc);
static void ngx_http_ferrokv_cache_refusal_done(fkv_op_t *op);


ngx_int_t
ngx_http_ferrokv_cache_refused(ngx_http_ferrokv_cache_t *cache)
{
    fkv_str_t  name;

    if (ngx_http_ferrokv_cache_refusal_name(cache, cache->request->pool, &name)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_ferrokv_cache_load(cache, FKV_NAMESPACE_CACHE, name, 0,
                                       ngx_http_ferrokv_cache_refusal_take);
}


static void
ngx_http_ferrokv_cache_refusal_take(ngx_http_ferrokv_cache_t *cache, int rc)
{
    cache->refused = (rc == FKV_OK);
}


static ngx_int_t
ngx_http_ferrokv_cache_refusal_name(ngx_http_ferrokv_cache_t *cache,
    ngx_pool_t *pool, fkv_str_t *name)
{
    u_char  *p;

    p = ngx_pnalloc(pool, cache->name.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, cache->name.data, cache->name.len);
    p[0] = 'h';

    name->data = p;
    name->len = cache->name.len;

    return NGX_OK;
}


void
ngx_http_ferrokv_cache_refuse(ngx_http_ferrokv_cache_t *cache)
{
    int                                rc;
    ngx_pool_t                        *pool;
    fkv_update_t                      *update;
    fkv_change_t                      *change;
    ngx_http_ferrokv_cache_refusal_t  *refusal;

    if (!cache->claim.held
        || !cache->refusable
        || cache->request->headers_out.status >= NGX_HTTP_INTERNAL_SERVER_ERROR)
    {
        ngx_http_ferrokv_cache_unlock(cache);
        return;
    }

    pool = ngx_create_pool(1024 + cache->name.len, ngx_cycle->log);
    if (pool == NULL) {
        return;
    }

    refusal = ngx_pcalloc(pool, sizeof(ngx_http_ferrokv_cache_refusal_t));

    if (refusal == NULL
        || ngx_http_ferrokv_cache_refusal_name(cache, pool,
                                               &refusal->change.key)
           != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return;
    }

    refusal->pool = pool;
    refusal->claim = cache->claim;
    cache->claim.held = 0;

    update = &refusal->update;
    update->op.on_done = ngx_http_ferrokv_cache_refusal_done;
    update->op.data = refusal;
    update->store = cache->conf->store->store->fkv;
    update->now_ms = fkv_now_ms(update->store);
    update->changes = &refusal->change;
    update->n = 1;

    change = &refusal->change;
    change->ns = FKV_NAMESPACE_CACHE;
    change->blind = 1;
    change->action = FKV_PUT;
    change->value = FKV_STR("h");
    change->expire_at = update->now_ms + NGX_HTTP_FERROKV_CACHE_REFUSAL_MS;

    rc = fkv_update(update);

    if (rc != FKV_AGAIN) {
        ngx_http_ferrokv_cache_refusal_done(&update->op);
    }
}


/* Who waited looks for it now.  If it was not written one of them asks. */

static void
ngx_http_ferrokv_cache_refusal_done(fkv_op_t *op)
{
    ngx_http_ferrokv_cache_refusal_t  *refusal;

    refusal = op->data;

    fkv_claim_drop(&refusal->claim);
    ngx_destroy_pool(refusal->pool);
}
