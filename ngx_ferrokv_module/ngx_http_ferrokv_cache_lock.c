
/*
 * One request per key asks the upstream: the one that holds the claim on it, an
 * engine's claim, so all workers agree and a dead worker's ends with it.  Who
 * holds it lets go when the entry can be found, or when it is known that there
 * will be none.  Who waited then looks again; it waits for
 * ferrokv_cache_lock_timeout in all and asks the upstream itself afterwards,
 * and a claim older than ferrokv_cache_lock_age is taken over.  Nobody waits
 * for what is known not to be storable.
 */

#include "ngx_http_ferrokv_cache.h"


static ngx_int_t ngx_http_ferrokv_cache_lock_claim(
    ngx_http_ferrokv_cache_t *cache);
static uint64_t ngx_http_ferrokv_cache_lock_id(
    ngx_http_ferrokv_cache_t *cache);
static ngx_int_t ngx_http_ferrokv_cache_locked(
    ngx_http_ferrokv_cache_t *cache);
static ngx_int_t ngx_http_ferrokv_cache_lock_wait(
    ngx_http_ferrokv_cache_t *cache);
static void ngx_http_ferrokv_cache_lock_done(fkv_op_t *op);
static void ngx_http_ferrokv_cache_lock_timer(ngx_event_t *ev);
static ngx_int_t ngx_http_ferrokv_cache_lock_answer(
    ngx_http_ferrokv_cache_t *cache);


ngx_int_t
ngx_http_ferrokv_cache_lock(ngx_http_ferrokv_cache_t *cache)
{
    cache->step = ngx_http_ferrokv_cache_lock_claim;

    if (ngx_http_ferrokv_cache_stale_updating(cache)) {
        return NGX_OK;
    }

    if (cache->conf->lock) {
        return ngx_http_ferrokv_cache_refused(cache);
    }

    cache->step = ngx_http_ferrokv_cache_pass;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_cache_lock_claim(ngx_http_ferrokv_cache_t *cache)
{
    int           rc;
    fkv_claim_t  *claim;

    if (cache->refused) {
        cache->step = ngx_http_ferrokv_cache_pass;
        return NGX_OK;
    }

    claim = &cache->claim;
    ngx_memzero(claim, sizeof(fkv_claim_t));

    claim->op.on_done = ngx_http_ferrokv_cache_lock_done;
    claim->op.data = cache;
    claim->store = cache->conf->store->store->fkv;
    claim->id = ngx_http_ferrokv_cache_lock_id(cache);
    claim->wait = !ngx_http_ferrokv_cache_stale_updating(cache);
    claim->age_ms = cache->conf->lock_age;

    rc = fkv_claim(claim);

    if (rc == FKV_AGAIN) {
        return ngx_http_ferrokv_cache_lock_wait(cache);
    }

    cache->rc = rc;

    return ngx_http_ferrokv_cache_lock_answer(cache);
}


static uint64_t
ngx_http_ferrokv_cache_lock_id(ngx_http_ferrokv_cache_t *cache)
{
    union {
        uint8_t   digest[FKV_RULES_DIGEST_BYTES];
        uint64_t  id;
    } u;

    fkv_rules_variant_digest(ngx_ferrokv_str(&cache->name), u.digest);

    return u.id;
}


static ngx_int_t
ngx_http_ferrokv_cache_lock_answer(ngx_http_ferrokv_cache_t *cache)
{
    cache->step = ngx_http_ferrokv_cache_pass;

    if (cache->rc == FKV_OK) {
        return ngx_http_ferrokv_cache_locked(cache);
    }

    if (ngx_http_ferrokv_cache_stale_updating(cache)) {

        /* another asks; or nobody, if there are too many claims */

        cache->status = NGX_HTTP_FERROKV_CACHE_UPDATING;
        return ngx_http_ferrokv_cache_serve(cache);
    }

    if (cache->rc == FKV_EXISTS) {
        cache->collapsed = 1;
        cache->step = ngx_http_ferrokv_cache_again;
    }

    return NGX_OK;
}


/* We ask. */

static ngx_int_t
ngx_http_ferrokv_cache_locked(ngx_http_ferrokv_cache_t *cache)
{
    if (ngx_http_ferrokv_cache_stale_updating(cache)
        && (cache->conf->background_update || cache->served.update))
    {
        if (ngx_http_ferrokv_cache_update(cache) != NGX_OK) {
            return NGX_ERROR;
        }

        cache->status = NGX_HTTP_FERROKV_CACHE_STALE;

        return ngx_http_ferrokv_cache_serve(cache);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_cache_lock_wait(ngx_http_ferrokv_cache_t *cache)
{
    ngx_msec_t   left;
    ngx_event_t *timer;

    if (cache->wait_until == 0) {
        cache->wait_until = ngx_current_msec + cache->conf->lock_timeout;
    }

    left = cache->wait_until - ngx_current_msec;

    if ((ngx_msec_int_t) left <= 0) {
        fkv_claim_drop(&cache->claim);
        cache->may_store = 0;
        cache->step = ngx_http_ferrokv_cache_pass;
        return NGX_OK;
    }

    timer = &cache->timer;

    timer->handler = ngx_http_ferrokv_cache_lock_timer;
    timer->data = cache;
    timer->log = cache->request->connection->log;

    ngx_add_timer(timer, ngx_min(left, cache->claim.left_ms + 1));

    cache->step = ngx_http_ferrokv_cache_lock_answer;

    return ngx_http_ferrokv_cache_wait(cache);
}


static void
ngx_http_ferrokv_cache_lock_done(fkv_op_t *op)
{
    ngx_http_ferrokv_cache_t  *cache;

    cache = op->data;

    if (cache->timer.timer_set) {
        ngx_del_timer(&cache->timer);
    }

    cache->rc = op->rc;

    ngx_http_ferrokv_cache_go_on(cache);
}


/* Either our time or the claim's is over: taking it again says which. */

static void
ngx_http_ferrokv_cache_lock_timer(ngx_event_t *ev)
{
    ngx_http_ferrokv_cache_t  *cache;

    cache = ev->data;

    fkv_claim_drop(&cache->claim);

    cache->step = ngx_http_ferrokv_cache_lock;

    ngx_http_ferrokv_cache_go_on(cache);
}


void
ngx_http_ferrokv_cache_unlock(ngx_http_ferrokv_cache_t *cache)
{
    if (cache->claim.held) {
        fkv_claim_drop(&cache->claim);
    }
}
