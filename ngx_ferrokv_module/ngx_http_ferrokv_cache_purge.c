
/*
 * Purging, O(1) each whatever is stored:
 *
 *     a key       its main record is replaced by a mark; a body that lies
 *                 apart goes.  Variants are found through their list of names
 *                 only, which is gone with it; they expire
 *     a prefix    one range delete of the engine's, but not if it is soft, and
 *                 a mark "p" prefix: who finds an older entry looks for the
 *                 marks of what its key begins with
 *     tags        a mark "t" tag for each.  An entry says which tags it has,
 *                 and who finds it looks at their marks: an entry without
 *                 tags pays nothing
 *
 * A mark holds two times: what was asked for at or before gone_ms does not
 * exist, at or before stale_ms it is stale.  So a response that was on its way
 * while its key was purged is not stored, or not found: a key's mark is looked
 * at when a response is written, others when an entry is found.  A mark lives
 * longer than any entry that it may concern: those of keys, and of what is gone
 * with a prefix, as long as a fetch may last.
 *
 * Times are the store's, in milliseconds.  So that what is asked for after the
 * answer to a purge is not taken for older, and sees its mark, the answer waits
 * until the millisecond in which the purge ended is over.
 *
 * Soft marks an entry, a prefix, or a tag stale: it is then updated,
 * revalidated, or used when the upstream fails like any other old entry.
 */

#include "ngx_http_ferrokv_cache.h"


/* One operation; its memory is a pool of its own, for the client may go. */
typedef struct {
    fkv_update_t                      update;
    fkv_change_t                     *changes;
    ngx_pool_t                       *pool;
    ngx_http_ferrokv_cache_t         *cache;    /* NULL: nobody waits */
    ngx_ferrokv_store_t              *store;
    ngx_str_t                         key;      /* for the log */

    fkv_change_t                     *mine;     /* of a prefix: its mark, ... */
    fkv_change_t                     *last;     /* ... and that of the time */

    ngx_uint_t                        soft;
    ngx_uint_t                        found;    /* there was something */
    ngx_http_ferrokv_cache_envelope_t mark;
} ngx_http_ferrokv_cache_purge_t;


static ngx_http_ferrokv_cache_purge_t *ngx_http_ferrokv_cache_purge_new(
    ngx_http_ferrokv_cache_t *cache, ngx_uint_t soft, ngx_uint_t n);
static ngx_int_t ngx_http_ferrokv_cache_purge_key(
    ngx_http_ferrokv_cache_purge_t *purge, ngx_str_t *key);
static ngx_int_t ngx_http_ferrokv_cache_purge_prefix(
    ngx_http_ferrokv_cache_purge_t *purge, ngx_str_t *prefix);
static ngx_int_t ngx_http_ferrokv_cache_purge_below(
    ngx_http_ferrokv_cache_purge_t *purge, fkv_change_t *change,
    fkv_str_t prefix);
static ngx_int_t ngx_http_ferrokv_cache_purge_mark(
    ngx_http_ferrokv_cache_purge_t *purge, u_char kind, fkv_str_t of,
    fkv_str_t *name);
static ngx_int_t ngx_http_ferrokv_cache_purge_tag(
    ngx_http_ferrokv_cache_purge_t *purge, fkv_change_t *change,
    fkv_str_t tag);
static ngx_int_t ngx_http_ferrokv_cache_purge_run(
    ngx_http_ferrokv_cache_purge_t *purge);
static int ngx_http_ferrokv_cache_decide_key(fkv_update_t *update);
static int ngx_http_ferrokv_cache_decide_prefix(fkv_update_t *update);
static int ngx_http_ferrokv_cache_decide_tags(fkv_update_t *update);
static void ngx_http_ferrokv_cache_current(fkv_change_t *change,
    ngx_http_ferrokv_cache_envelope_t *mark);
static ngx_int_t ngx_http_ferrokv_cache_put_mark(
    ngx_http_ferrokv_cache_purge_t *purge, fkv_change_t *change,
    ngx_http_ferrokv_cache_envelope_t *mark);
static void ngx_http_ferrokv_cache_purge_done(fkv_op_t *op);
static void ngx_http_ferrokv_cache_purge_end(
    ngx_http_ferrokv_cache_purge_t *purge, int rc);
static ngx_int_t ngx_http_ferrokv_cache_purged(
    ngx_http_ferrokv_cache_t *cache);
static ngx_int_t ngx_http_ferrokv_cache_purge_wait(
    ngx_http_ferrokv_cache_t *cache);
static void ngx_http_ferrokv_cache_purge_timer(ngx_event_t *ev);


/* NGX_DECLINED: this request is no purge. */

ngx_int_t
ngx_http_ferrokv_cache_purge(ngx_http_ferrokv_cache_t *cache)
{
    ngx_int_t                        rc;
    ngx_http_ferrokv_cache_conf_t   *conf;
    ngx_http_ferrokv_cache_purge_t  *purge;

    conf = cache->conf;

    switch (ngx_http_test_predicates(cache->request, conf->purge)) {

    case NGX_ERROR:
        return NGX_ERROR;

    case NGX_OK:
        return NGX_DECLINED;
    }

    rc = ngx_http_ferrokv_cache_key(cache->request, conf, &cache->key);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_HTTP_NOT_FOUND : NGX_ERROR;
    }

    purge = ngx_http_ferrokv_cache_purge_new(cache, conf->purge_soft, 4);
    if (purge == NULL) {
        return NGX_ERROR;
    }

    purge->cache = cache;
    purge->key = cache->key;

    rc = conf->purge_prefix
         ? ngx_http_ferrokv_cache_purge_prefix(purge, &cache->key)
         : ngx_http_ferrokv_cache_purge_key(purge, &cache->key);

    if (rc != NGX_OK) {
        ngx_destroy_pool(purge->pool);
        return NGX_ERROR;
    }

    return ngx_http_ferrokv_cache_purge_run(purge);
}


ngx_int_t
ngx_http_ferrokv_cache_purge_tags(ngx_http_ferrokv_cache_t *cache)
{
    ngx_str_t                        value;
    ngx_uint_t                       i;
    fkv_rules_tags_t                 tags;
    ngx_http_ferrokv_cache_purge_t  *purge;

    if (cache->conf->purge_tag == NULL) {
        return NGX_DECLINED;
    }

    if (ngx_http_complex_value(cache->request, cache->conf->purge_tag, &value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    tags.n = 0;

    if (fkv_rules_tags_add(&tags, ngx_ferrokv_str(&value)) != FKV_OK) {
        return NGX_HTTP_BAD_REQUEST;
    }

    if (tags.n == 0) {
        return NGX_DECLINED;
    }

    purge = ngx_http_ferrokv_cache_purge_new(cache,
                                             cache->conf->purge_tag_soft,
                                             tags.n);
    if (purge == NULL) {
        return NGX_ERROR;
    }

    purge->cache = cache;
    purge->key = value;
    purge->found = 1;
    purge->update.decide = ngx_http_ferrokv_cache_decide_tags;
    purge->update.n = tags.n;

    for (i = 0; i < tags.n; i++) {

        if (ngx_http_ferrokv_cache_purge_tag(purge, &purge->changes[i],
                                             tags.tag[i])
            != NGX_OK)
        {
            ngx_destroy_pool(purge->pool);
            return NGX_ERROR;
        }
    }

    return ngx_http_ferrokv_cache_purge_run(purge);
}


void
ngx_http_ferrokv_cache_invalidate(ngx_http_ferrokv_cache_t *cache,
    ngx_str_t *key)
{
    int                              rc;
    ngx_http_ferrokv_cache_purge_t  *purge;

    purge = ngx_http_ferrokv_cache_purge_new(cache, 0, 2);
    if (purge == NULL) {
        return;
    }

    if (ngx_http_ferrokv_cache_purge_key(purge, key) != NGX_OK) {
        ngx_destroy_pool(purge->pool);
        return;
    }

    rc = fkv_update(&purge->update);

    if (rc != FKV_AGAIN) {
        ngx_http_ferrokv_cache_purge_end(purge, rc);
    }
}


static ngx_http_ferrokv_cache_purge_t *
ngx_http_ferrokv_cache_purge_new(ngx_http_ferrokv_cache_t *cache,
    ngx_uint_t soft, ngx_uint_t n)
{
    ngx_pool_t                      *pool;
    ngx_http_ferrokv_cache_purge_t  *purge;

    pool = ngx_create_pool(2048, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    purge = ngx_pcalloc(pool, sizeof(ngx_http_ferrokv_cache_purge_t));
    if (purge == NULL) {
        goto failed;
    }

    purge->changes = ngx_pcalloc(pool, n * sizeof(fkv_change_t));
    if (purge->changes == NULL) {
        goto failed;
    }

    purge->pool = pool;
    purge->soft = soft;
    purge->store = cache->conf->store->store;

    purge->update.op.on_done = ngx_http_ferrokv_cache_purge_done;
    purge->update.op.data = purge;
    purge->update.store = purge->store->fkv;
    purge->update.now_ms = fkv_now_ms(purge->store->fkv);
    purge->update.changes = purge->changes;
    purge->update.n = n;

    if (soft) {
        purge->mark.stale_ms = purge->update.now_ms;

    } else {
        purge->mark.gone_ms = purge->update.now_ms;
    }

    return purge;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


static ngx_int_t
ngx_http_ferrokv_cache_purge_key(ngx_http_ferrokv_cache_purge_t *purge,
    ngx_str_t *key)
{
    size_t         len;
    u_char        *p;
    ngx_str_t      none, name;
    fkv_change_t  *change;

    len = NGX_HTTP_FERROKV_CACHE_NAME_LEN(key);

    p = ngx_pnalloc(purge->pool, 2 * len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_str_null(&none);
    ngx_http_ferrokv_cache_name(p, key, &none, &name);

    purge->key.data = name.data + 1;
    purge->key.len = key->len;
    purge->update.n = 2;
    purge->update.decide = ngx_http_ferrokv_cache_decide_key;

    change = &purge->changes[0];
    change->ns = FKV_NAMESPACE_CACHE;
    change->key = ngx_ferrokv_str(&name);
    change->load = purge->soft ? 1 : 0;

    ngx_http_ferrokv_cache_body_name(p + len, key, &none, &name);

    change = &purge->changes[1];
    change->ns = FKV_NAMESPACE_CACHE;
    change->key = ngx_ferrokv_str(&name);
    change->blind = 1;

    return NGX_OK;
}


/*
 * The changes: the mark, when the last one was made, and, if it is not soft,
 * the entries and the marks below, which say less than the new one.  A delete
 * stands before what it must not concern.
 */

static ngx_int_t
ngx_http_ferrokv_cache_purge_prefix(ngx_http_ferrokv_cache_purge_t *purge,
    ngx_str_t *prefix)
{
    fkv_str_t      of, name;
    ngx_int_t      rc;
    fkv_change_t  *change;

    change = purge->changes;
    of = ngx_ferrokv_str(prefix);

    purge->found = 1;
    purge->update.decide = ngx_http_ferrokv_cache_decide_prefix;

    rc = ngx_http_ferrokv_cache_purge_mark(purge, 'p', of, &name);

    if (rc == NGX_OK && !purge->soft) {
        rc = ngx_http_ferrokv_cache_purge_below(purge, change++, of);

        change->ns = FKV_NAMESPACE_CATALOG;
        change->key = name;
        change->blind = 1;
        change->prefix = 1;
        change++->action = FKV_DELETE;
    }

    purge->mine = change;
    change->ns = FKV_NAMESPACE_CATALOG;
    change->key = name;
    change->expire_at = purge->update.now_ms
                        + (purge->soft ? NGX_HTTP_FERROKV_CACHE_MARK_MS
                                       : NGX_HTTP_FERROKV_CACHE_FETCH_MS);
    change++;

    purge->last = change;
    change->ns = FKV_NAMESPACE_CATALOG;
    change->key = FKV_STR("cache/l");
    change->expire_at = purge->update.now_ms + NGX_HTTP_FERROKV_CACHE_MARK_MS;
    change++;

    purge->update.n = change - purge->changes;

    return rc;
}


static ngx_int_t
ngx_http_ferrokv_cache_purge_below(ngx_http_ferrokv_cache_purge_t *purge,
    fkv_change_t *change, fkv_str_t prefix)
{
    u_char  *p;

    p = ngx_pnalloc(purge->pool, prefix.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p[0] = 'e';
    ngx_memcpy(p + 1, prefix.data, prefix.len);

    change->ns = FKV_NAMESPACE_CACHE;
    change->key.data = p;
    change->key.len = prefix.len + 1;
    change->blind = 1;
    change->prefix = 1;
    change->action = FKV_DELETE;

    return NGX_OK;
}


/* The name of a mark. */

static ngx_int_t
ngx_http_ferrokv_cache_purge_mark(ngx_http_ferrokv_cache_purge_t *purge,
    u_char kind, fkv_str_t of, fkv_str_t *name)
{
    u_char  *p;

    p = ngx_pnalloc(purge->pool, NGX_HTTP_FERROKV_CACHE_MARK_LEN(of.len));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_ferrokv_cache_mark_name(p, kind, of, name);

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_cache_purge_tag(ngx_http_ferrokv_cache_purge_t *purge,
    fkv_change_t *change, fkv_str_t tag)
{
    change->ns = FKV_NAMESPACE_CATALOG;
    change->expire_at = purge->update.now_ms + NGX_HTTP_FERROKV_CACHE_MARK_MS;

    return ngx_http_ferrokv_cache_purge_mark(purge, 't', tag, &change->key);
}


static ngx_int_t
ngx_http_ferrokv_cache_purge_run(ngx_http_ferrokv_cache_purge_t *purge)
{
    int                        rc;
    ngx_http_ferrokv_cache_t  *cache;

    cache = purge->cache;
    cache->step = ngx_http_ferrokv_cache_purged;

    rc = fkv_update(&purge->update);

    if (rc == FKV_AGAIN) {
        return ngx_http_ferrokv_cache_wait(cache);
    }

    ngx_http_ferrokv_cache_purge_end(purge, rc);

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_cache_put_mark(ngx_http_ferrokv_cache_purge_t *purge,
    fkv_change_t *change, ngx_http_ferrokv_cache_envelope_t *mark)
{
    u_char  *p;

    p = ngx_pnalloc(purge->pool, NGX_HTTP_FERROKV_CACHE_ENVELOPE_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_ferrokv_cache_envelope_put(p, mark);

    change->action = FKV_PUT;
    change->value.data = p;
    change->value.len = NGX_HTTP_FERROKV_CACHE_ENVELOPE_LEN;

    return NGX_OK;
}


/* A soft purge changes the envelope of what is there and nothing else. */

static int
ngx_http_ferrokv_cache_soften(ngx_http_ferrokv_cache_purge_t *purge,
    fkv_change_t *change, ngx_http_ferrokv_cache_envelope_t *envelope)
{
    u_char  *p;

    p = ngx_pnalloc(purge->pool, change->current.data.len);
    if (p == NULL) {
        return FKV_ENOMEM;
    }

    ngx_memcpy(p, change->current.data.data, change->current.data.len);

    envelope->stale_ms = purge->mark.stale_ms;
    ngx_http_ferrokv_cache_envelope_put(p, envelope);

    change->action = FKV_PUT;
    change->value.data = p;
    change->value.len = change->current.data.len;
    change->expire_at = change->current.expire_at;

    return FKV_OK;
}


static int
ngx_http_ferrokv_cache_decide_key(fkv_update_t *update)
{
    fkv_change_t                       *change;
    fkv_rules_entry_t                   entry;
    ngx_http_ferrokv_cache_purge_t     *purge;
    ngx_http_ferrokv_cache_envelope_t   envelope;

    purge = update->op.data;
    change = &update->changes[0];

    entry.stamp = 0;

    /* a large body is not loaded: then it is no mark, at least */

    purge->found = change->exists
                   && (change->current.data.data == NULL
                       || ngx_http_ferrokv_cache_unpack(change->current.data,
                                                        &envelope, &entry)
                          == FKV_OK);

    update->changes[1].action = (!purge->soft && purge->found && entry.stamp)
                                ? FKV_DELETE : FKV_KEEP;

    if (purge->soft && purge->found) {
        return ngx_http_ferrokv_cache_soften(purge, change, &envelope);
    }

    if (purge->soft) {
        change->action = FKV_KEEP;
        return FKV_OK;
    }

    change->expire_at = update->now_ms + NGX_HTTP_FERROKV_CACHE_FETCH_MS;

    return (ngx_http_ferrokv_cache_put_mark(purge, change, &purge->mark)
            == NGX_OK)
           ? FKV_OK : FKV_ENOMEM;
}


/*
 * Its time is not before that of any other, for it may take the mark of another
 * away.
 */

static int
ngx_http_ferrokv_cache_decide_prefix(fkv_update_t *update)
{
    ngx_http_ferrokv_cache_purge_t     *purge;
    ngx_http_ferrokv_cache_envelope_t   mark, last;

    purge = update->op.data;

    ngx_http_ferrokv_cache_current(purge->mine, &mark);
    ngx_http_ferrokv_cache_current(purge->last, &last);

    last.stale_ms = ngx_max(last.stale_ms, (int64_t) update->now_ms);

    if (purge->soft) {
        mark.stale_ms = last.stale_ms;

    } else {
        mark.gone_ms = last.stale_ms;
    }

    if (ngx_http_ferrokv_cache_put_mark(purge, purge->mine, &mark) != NGX_OK
        || ngx_http_ferrokv_cache_put_mark(purge, purge->last, &last)
           != NGX_OK)
    {
        return FKV_ENOMEM;
    }

    return FKV_OK;
}


/* The mark that is there, or none. */

static void
ngx_http_ferrokv_cache_current(fkv_change_t *change,
    ngx_http_ferrokv_cache_envelope_t *mark)
{
    fkv_rules_entry_t  entry;

    ngx_memzero(mark, sizeof(ngx_http_ferrokv_cache_envelope_t));

    if (change->exists) {
        (void) ngx_http_ferrokv_cache_unpack(change->current.data, mark,
                                             &entry);
    }
}


static int
ngx_http_ferrokv_cache_decide_tags(fkv_update_t *update)
{
    ngx_uint_t                          i;
    fkv_change_t                       *change;
    ngx_http_ferrokv_cache_purge_t     *purge;
    ngx_http_ferrokv_cache_envelope_t   mark;

    purge = update->op.data;

    for (i = 0; i < update->n; i++) {

        change = &update->changes[i];
        ngx_http_ferrokv_cache_current(change, &mark);

        mark.gone_ms = ngx_max(mark.gone_ms, purge->mark.gone_ms);
        mark.stale_ms = ngx_max(mark.stale_ms, purge->mark.stale_ms);

        if (ngx_http_ferrokv_cache_put_mark(purge, change, &mark) != NGX_OK) {
            return FKV_ENOMEM;
        }
    }

    return FKV_OK;
}


static void
ngx_http_ferrokv_cache_purge_done(fkv_op_t *op)
{
    ngx_http_ferrokv_cache_t        *cache;
    ngx_http_ferrokv_cache_purge_t  *purge;

    purge = op->data;
    cache = purge->cache;

    ngx_http_ferrokv_cache_purge_end(purge, op->rc);

    if (cache) {
        ngx_http_ferrokv_cache_go_on(cache);
    }
}


static void
ngx_http_ferrokv_cache_purge_end(ngx_http_ferrokv_cache_purge_t *purge,
    int rc)
{
    static ngx_str_t           what = ngx_string("ferrokv_cache_purge");

    ngx_http_ferrokv_cache_t  *cache;

    cache = purge->cache;

    if (rc != FKV_OK) {
        ngx_ferrokv_log_failure(ngx_cycle->log, &what, purge->store,
                                ngx_ferrokv_str(&purge->key), rc);
    }

    if (cache) {
        cache->begun_ms = fkv_now_ms(purge->store->fkv);
        cache->rc = (rc == FKV_OK && !purge->found) ? FKV_NOTFOUND : rc;
    }

    ngx_destroy_pool(purge->pool);
}


static ngx_int_t
ngx_http_ferrokv_cache_purge_wait(ngx_http_ferrokv_cache_t *cache)
{
    ngx_event_t  *timer;

    timer = &cache->timer;

    timer->handler = ngx_http_ferrokv_cache_purge_timer;
    timer->data = cache;
    timer->log = cache->request->connection->log;

    ngx_add_timer(timer, 1);

    return ngx_http_ferrokv_cache_wait(cache);
}


static void
ngx_http_ferrokv_cache_purge_timer(ngx_event_t *ev)
{
    ngx_http_ferrokv_cache_go_on(ev->data);
}


static ngx_int_t
ngx_http_ferrokv_cache_purged(ngx_http_ferrokv_cache_t *cache)
{
    ngx_int_t  rc;

    if ((int64_t) fkv_now_ms(cache->conf->store->store->fkv)
        <= cache->begun_ms)
    {
        return ngx_http_ferrokv_cache_purge_wait(cache);
    }

    rc = ngx_http_discard_request_body(cache->request);

    if (rc != NGX_OK) {
        return rc;
    }

    if (cache->rc == FKV_OK) {
        return NGX_HTTP_NO_CONTENT;
    }

    return ngx_ferrokv_http_status(cache->rc);
}
