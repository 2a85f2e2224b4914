
/*
 * An entry on its way into the store.  It belongs to no request: it has a pool
 * of its own, and its end is only logged.
 *
 * The first change is always that of the key's main record.  If the response
 * varies, the main record is the list of names, and the entry is another
 * change; both carry one generation.  A list of other names gets a new one, so
 * what was stored under the old list is not found any more, and expires.
 *
 * A body that lies apart is another change, which has an upload.
 *
 * With ferrokv_cache_min_uses a key that has no entry has a record that counts
 * how often one could have been stored; it goes with the one that is.
 */

#include "ngx_http_ferrokv_cache.h"


typedef struct {
    fkv_update_t          update;
    fkv_change_t          changes[4];   /* main record, ... */
    fkv_change_t         *variant;      /* or NULL, as what follows */
    fkv_change_t         *uses;
    fkv_change_t         *body;         /* if it lies apart */
    ngx_uint_t            min_uses;
    u_char                count[NGX_INT_T_LEN];
    ngx_pool_t           *pool;
    ngx_ferrokv_store_t  *store;
    ngx_str_t             key;
    fkv_claim_t           claim;
    int64_t               begun_ms;     /* asking for it */

    u_char               *value;        /* of the entry: ngx_alloc() */
    size_t                len;
    ngx_http_ferrokv_cache_large_t  *large;

    ngx_str_t             names;        /* of Vary; or empty */
    u_char               *list;         /* the value of its record */
    size_t                list_len;
    uint64_t              generation;   /* if it is a new list */
} ngx_http_ferrokv_cache_write_t;


static ngx_int_t ngx_http_ferrokv_cache_write_init(
    ngx_http_ferrokv_cache_write_t *write, ngx_http_ferrokv_cache_t *cache);
static void ngx_http_ferrokv_cache_write_run(void *data, int rc);
static int64_t ngx_http_ferrokv_cache_expire_at(
    ngx_http_ferrokv_cache_t *cache, ngx_http_ferrokv_cache_capture_t *capture,
    int64_t now_ms);
static ngx_int_t ngx_http_ferrokv_cache_write_uses(
    ngx_http_ferrokv_cache_write_t *write,
    ngx_http_ferrokv_cache_conf_t *conf);
static ngx_int_t ngx_http_ferrokv_cache_write_variant(
    ngx_http_ferrokv_cache_write_t *write,
    ngx_http_ferrokv_cache_capture_t *capture);
static ngx_int_t ngx_http_ferrokv_cache_write_body(
    ngx_http_ferrokv_cache_write_t *write,
    ngx_http_ferrokv_cache_capture_t *capture);
static ngx_int_t ngx_http_ferrokv_cache_write_change(
    ngx_http_ferrokv_cache_write_t *write, fkv_change_t *change,
    u_char kind, ngx_str_t *variant);
static ngx_int_t ngx_http_ferrokv_cache_write_list(
    ngx_http_ferrokv_cache_write_t *write);
static int ngx_http_ferrokv_cache_write_decide(fkv_update_t *update);
static void ngx_http_ferrokv_cache_write_done(fkv_op_t *op);


void
ngx_http_ferrokv_cache_write(ngx_http_ferrokv_cache_t *cache)
{
    int                              rc;
    ngx_pool_t                      *pool;
    ngx_http_ferrokv_cache_write_t  *write;

    pool = ngx_create_pool(1024 + sizeof(ngx_http_ferrokv_cache_write_t),
                           ngx_cycle->log);
    if (pool == NULL) {
        return;
    }

    write = ngx_pcalloc(pool, sizeof(ngx_http_ferrokv_cache_write_t));

    if (write == NULL
        || (write->pool = pool,
            ngx_http_ferrokv_cache_write_init(write, cache) != NGX_OK))
    {
        ngx_destroy_pool(pool);
        return;
    }

    write->value = cache->capture->value;
    write->len = cache->capture->len;
    cache->capture->value = NULL;

    write->large = cache->capture->large;
    cache->capture->large = NULL;

    write->claim = cache->claim;
    cache->claim.held = 0;

    rc = write->large ? ngx_http_ferrokv_cache_large_end(write->large,
                                         ngx_http_ferrokv_cache_write_run,
                                         write)
                      : FKV_OK;

    if (rc != FKV_AGAIN) {
        ngx_http_ferrokv_cache_write_run(write, rc);
    }
}


/* The body, if it lies apart, is on disk. */

static void
ngx_http_ferrokv_cache_write_run(void *data, int rc)
{
    ngx_http_ferrokv_cache_write_t *write = data;

    if (rc == FKV_OK) {
        rc = fkv_update(&write->update);
    }

    if (rc != FKV_AGAIN) {
        write->update.op.rc = rc;
        ngx_http_ferrokv_cache_write_done(&write->update.op);
    }
}


static ngx_int_t
ngx_http_ferrokv_cache_write_init(ngx_http_ferrokv_cache_write_t *write,
    ngx_http_ferrokv_cache_t *cache)
{
    ngx_str_t                          none;
    fkv_change_t                      *main;
    ngx_http_ferrokv_cache_capture_t  *capture;

    capture = cache->capture;
    main = &write->changes[0];
    ngx_str_null(&none);

    write->store = cache->conf->store->store;
    write->update.op.on_done = ngx_http_ferrokv_cache_write_done;
    write->update.op.data = write;
    write->update.store = write->store->fkv;
    write->update.now_ms = fkv_now_ms(write->store->fkv);
    write->update.changes = write->changes;
    write->update.n = 1;
    write->update.decide = ngx_http_ferrokv_cache_write_decide;
    write->begun_ms = cache->begun_ms;

    main->expire_at = ngx_http_ferrokv_cache_expire_at(cache, capture,
                                                       write->update.now_ms);

    write->key.data = ngx_pstrdup(write->pool, &cache->key);
    write->key.len = cache->key.len;

    if (write->key.data == NULL
        || ngx_http_ferrokv_cache_write_change(write, main, 'e', &none)
           != NGX_OK
        || ngx_http_ferrokv_cache_write_uses(write, cache->conf) != NGX_OK
        || ngx_http_ferrokv_cache_write_variant(write, capture) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_ferrokv_cache_write_body(write, capture);
}


/* Marks, and the body of a renewed entry, must live longer. */

static int64_t
ngx_http_ferrokv_cache_expire_at(ngx_http_ferrokv_cache_t *cache,
    ngx_http_ferrokv_cache_capture_t *capture, int64_t now_ms)
{
    int64_t  expire_at;

    expire_at = fkv_rules_useless_at_ms(&capture->entry.fresh)
                + (int64_t) cache->conf->inactive * 1000;

    expire_at = ngx_min(expire_at, now_ms + NGX_HTTP_FERROKV_CACHE_MARK_MS
                                   - NGX_HTTP_FERROKV_CACHE_FETCH_MS);

    if (capture->entry.stamp && capture->large == NULL) {
        expire_at = ngx_min(expire_at, cache->body_expire_at);
    }

    return ngx_max(expire_at, now_ms + 1);
}


/*
 * The body of an entry that can be renewed lives for ten times its life, a day
 * at least: a 304 writes another entry, but the same body cannot be written.
 */

int64_t
ngx_http_ferrokv_cache_body_expire_at(ngx_http_ferrokv_cache_t *cache,
    ngx_http_ferrokv_cache_capture_t *capture, int64_t now_ms)
{
    int64_t  life;

    life = fkv_rules_useless_at_ms(&capture->entry.fresh) - now_ms
           + (int64_t) cache->conf->inactive * 1000;

    if (cache->conf->revalidate
        && (capture->entry.etag.len
            || capture->entry.last_modified_s != FKV_RULES_NO_TIME))
    {
        life = ngx_max(ngx_min(life, NGX_HTTP_FERROKV_CACHE_MARK_MS / 10) * 10,
                       86400 * 1000);
    }

    life = ngx_min(life, NGX_HTTP_FERROKV_CACHE_MARK_MS);

    return now_ms + ngx_max(life, 1);
}


static ngx_int_t
ngx_http_ferrokv_cache_write_uses(ngx_http_ferrokv_cache_write_t *write,
    ngx_http_ferrokv_cache_conf_t *conf)
{
    ngx_str_t  none;

    write->min_uses = conf->min_uses;

    if (write->min_uses < 2) {
        return NGX_OK;
    }

    ngx_str_null(&none);

    write->uses = &write->changes[write->update.n++];
    write->uses->expire_at = write->update.now_ms + 1
                             + (int64_t) conf->inactive * 1000;

    return ngx_http_ferrokv_cache_write_change(write, write->uses, 'u', &none);
}


static ngx_int_t
ngx_http_ferrokv_cache_write_variant(ngx_http_ferrokv_cache_write_t *write,
    ngx_http_ferrokv_cache_capture_t *capture)
{
    if (capture->names.len == 0) {
        return NGX_OK;
    }

    write->names.data = ngx_pstrdup(write->pool, &capture->names);
    write->names.len = capture->names.len;
    write->variant = &write->changes[write->update.n++];
    write->variant->expire_at = write->changes[0].expire_at;
    write->variant->blind = 1;

    if (write->names.data == NULL
        || ngx_http_ferrokv_cache_write_change(write, write->variant, 'e',
                                               &capture->variant)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_ferrokv_cache_write_list(write);
}


static ngx_int_t
ngx_http_ferrokv_cache_write_body(ngx_http_ferrokv_cache_write_t *write,
    ngx_http_ferrokv_cache_capture_t *capture)
{
    u_char        *p;
    fkv_change_t  *body;
    fkv_upload_t  *upload;

    if (capture->large == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(write->pool, NGX_HTTP_FERROKV_CACHE_STAMP_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_ferrokv_cache_stamp(p, capture->entry.stamp);

    upload = ngx_http_ferrokv_cache_large_upload(capture->large);
    body = &write->changes[write->update.n++];

    body->ns = upload->ns;
    body->key = upload->key;
    body->blind = 1;
    body->upload = upload;
    body->value.len = upload->size;
    body->content_type.data = p;
    body->content_type.len = NGX_HTTP_FERROKV_CACHE_STAMP_LEN;
    body->expire_at = upload->expire_at;

    write->body = body;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_cache_write_change(ngx_http_ferrokv_cache_write_t *write,
    fkv_change_t *change, u_char kind, ngx_str_t *variant)
{
    u_char     *p;
    ngx_str_t   name;

    p = ngx_pnalloc(write->pool, NGX_HTTP_FERROKV_CACHE_NAME_LEN(&write->key));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_ferrokv_cache_name(p, &write->key, variant, &name);
    p[0] = kind;

    change->ns = FKV_NAMESPACE_CACHE;
    change->key = ngx_ferrokv_str(&name);

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_cache_write_list(ngx_http_ferrokv_cache_write_t *write)
{
    size_t              len;
    fkv_rules_tags_t    no_tags;
    fkv_rules_entry_t   list;
    fkv_rules_fields_t  none;

    ngx_memzero(&list, sizeof(fkv_rules_entry_t));
    ngx_memzero(&none, sizeof(fkv_rules_fields_t));
    no_tags.n = 0;

    list.kind = FKV_RULES_ENTRY_VARIES;
    list.last_modified_s = FKV_RULES_NO_TIME;
    list.names = ngx_ferrokv_str(&write->names);

    if (fkv_rules_entry_size(&list, none, &no_tags, &len) != FKV_OK) {
        return NGX_ERROR;
    }

    write->list_len = NGX_HTTP_FERROKV_CACHE_ENVELOPE_LEN + len;
    write->list = ngx_pnalloc(write->pool, write->list_len);

    if (write->list == NULL) {
        return NGX_ERROR;
    }

    fkv_rules_entry_pack(&list, none, &no_tags,
                         write->list + NGX_HTTP_FERROKV_CACHE_ENVELOPE_LEN);

    write->generation = write->update.now_ms << 20
                        | ((uint64_t) ngx_random() & 0xfffff);

    return NGX_OK;
}


/* What is there, if it is anything, and whether it is a list of our names. */

static ngx_uint_t
ngx_http_ferrokv_cache_write_look(ngx_http_ferrokv_cache_write_t *write,
    fkv_change_t *change, ngx_http_ferrokv_cache_envelope_t *envelope)
{
    fkv_rules_entry_t  entry;

    ngx_memzero(envelope, sizeof(ngx_http_ferrokv_cache_envelope_t));

    if (!change->exists
        || change->current.data.data == NULL
        || ngx_http_ferrokv_cache_unpack(change->current.data, envelope,
                                         &entry)
           != FKV_OK)
    {
        return 0;
    }

    return entry.kind == FKV_RULES_ENTRY_VARIES
           && entry.names.len == write->names.len
           && ngx_memcmp(entry.names.data, write->names.data,
                         write->names.len)
              == 0;
}


/* Counts a use.  True if it is one of those before the first that is stored. */

static ngx_uint_t
ngx_http_ferrokv_cache_write_early(ngx_http_ferrokv_cache_write_t *write)
{
    u_char        *last;
    ngx_int_t      n;
    fkv_change_t  *uses;

    uses = write->uses;
    n = 0;

    if (uses->exists && uses->current.data.data) {
        n = ngx_atoi((u_char *) uses->current.data.data,
                     uses->current.data.len);
    }

    n = ngx_max(n, 0) + 1;

    if ((ngx_uint_t) n >= write->min_uses) {
        uses->action = FKV_DELETE;
        return 0;
    }

    last = ngx_sprintf(write->count, "%i", n);

    uses->action = FKV_PUT;
    uses->value.data = write->count;
    uses->value.len = last - write->count;

    return 1;
}


static int
ngx_http_ferrokv_cache_write_decide(fkv_update_t *update)
{
    ngx_uint_t                          same;
    fkv_change_t                       *main, *entry;
    ngx_http_ferrokv_cache_write_t     *write;
    ngx_http_ferrokv_cache_envelope_t   there, envelope;

    write = update->op.data;
    main = &write->changes[0];
    entry = write->variant ? write->variant : main;

    same = ngx_http_ferrokv_cache_write_look(write, main, &there);

    /* purged, or made stale, since it was asked for */

    if (there.gone_ms >= write->begun_ms
        || there.stale_ms >= write->begun_ms)
    {
        return FKV_PRECONDITION;
    }

    /* a mark of a purge is no entry */

    if (write->uses && (!main->exists || there.gone_ms)
        && ngx_http_ferrokv_cache_write_early(write))
    {
        main->action = FKV_KEEP;
        entry->action = FKV_KEEP;

        if (write->body) {
            write->body->action = FKV_KEEP;
        }

        return FKV_OK;
    }

    if (write->body) {
        write->body->action = FKV_PUT;
    }

    ngx_memzero(&envelope, sizeof(ngx_http_ferrokv_cache_envelope_t));
    main->action = FKV_PUT;

    if (write->variant) {

        if (same) {
            envelope = there;

            if (main->current.expire_at >= main->expire_at) {
                main->action = FKV_KEEP;
            }

        } else {
            envelope.generation = write->generation;
        }

        ngx_http_ferrokv_cache_envelope_put(write->list, &envelope);

        main->value.data = write->list;
        main->value.len = write->list_len;
    }

    envelope.stale_ms = 0;
    ngx_http_ferrokv_cache_envelope_put(write->value, &envelope);

    entry->action = FKV_PUT;
    entry->value.data = write->value;
    entry->value.len = write->len;

    return FKV_OK;
}


static void
ngx_http_ferrokv_cache_write_done(fkv_op_t *op)
{
    static time_t                    logged;
    static ngx_str_t                 what = ngx_string("ferrokv_cache");

    ngx_http_ferrokv_cache_write_t  *write;

    write = op->data;

    /* a store that is full would say so with each response */

    if (op->rc != FKV_OK && op->rc != FKV_PRECONDITION
        && logged != ngx_time())
    {
        logged = ngx_time();
        ngx_http_ferrokv_log_failure(ngx_cycle->log, &what, write->store,
                                     ngx_ferrokv_str(&write->key), op->rc);
    }

    if (write->claim.held) {
        fkv_claim_drop(&write->claim);
    }

    if (write->large) {
        ngx_http_ferrokv_cache_large_free(write->large);
    }

    ngx_free(write->value);
    ngx_destroy_pool(write->pool);
}
