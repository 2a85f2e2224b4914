
/*
 * A body that is too long to be collected, and whose length is known: it goes
 * to disk as it comes, into a record of its own, which the entry names by its
 * stamp.  Both are written in one update, so there is no entry without its
 * body; a body that is left over, for its entry was replaced, expires.
 *
 *     in --> held --fed to the upload--> passed on to the client
 *             |
 *             '-- the upload is busy: what is held waits, and so does nginx,
 *                 for its buffers are in use; it goes on from on_done
 *
 * So the disk sets the pace, and a request takes no more memory than nginx's
 * buffers and the upload's, however long the body.  Only the last bytes do not
 * wait: they are copied, for to be on disk with them takes a sync.
 *
 * Of a file a piece is read and fed, then this piece of the file is passed on.
 */

#include "ngx_http_ferrokv_cache.h"


#define NGX_HTTP_FERROKV_CACHE_PIECE  (64 * 1024)


struct ngx_http_ferrokv_cache_large_s {
    fkv_upload_t                      upload;
    ngx_pool_t                       *pool;     /* its own: the upload ends
                                                   after the request */
    ngx_http_ferrokv_cache_t         *cache;    /* whose response it is */
    uint64_t                          len;      /* fed in all */
    u_char                           *piece;    /* of a file; or the last */
    ngx_uint_t                        busy;     /* the upload is ... */
    ngx_uint_t                        waiting;  /* ... and the request, too */
    int                               rc;       /* of its last call */

    void                            (*on_end)(void *data, int rc);
    void                             *data;

    ngx_chain_t                      *held;     /* not passed on yet */
    size_t                            fed;      /* of the first of these */
    ngx_chain_t                      *free;     /* pieces of files */
    ngx_chain_t                      *sent;
};


static ngx_int_t ngx_http_ferrokv_cache_large_feed(
    ngx_http_ferrokv_cache_large_t *large, ngx_buf_t *b);
static ngx_int_t ngx_http_ferrokv_cache_large_data(
    ngx_http_ferrokv_cache_large_t *large, ngx_buf_t *b, fkv_str_t *data);
static ngx_int_t ngx_http_ferrokv_cache_large_pass(
    ngx_http_ferrokv_cache_large_t *large, ngx_chain_t ***last);
static void ngx_http_ferrokv_cache_large_on_done(fkv_op_t *op);


ngx_int_t
ngx_http_ferrokv_cache_large(ngx_http_ferrokv_cache_t *cache,
    ngx_http_ferrokv_cache_capture_t *capture)
{
    u_char                          *p;
    ngx_str_t                        name;
    ngx_pool_t                      *pool;
    fkv_upload_t                    *upload;
    ngx_http_ferrokv_cache_large_t  *large;

    pool = ngx_create_pool(1024 + NGX_HTTP_FERROKV_CACHE_NAME_LEN(&cache->key),
                           ngx_cycle->log);
    if (pool == NULL) {
        return NGX_DECLINED;
    }

    large = ngx_pcalloc(pool, sizeof(ngx_http_ferrokv_cache_large_t));
    p = ngx_pnalloc(pool, NGX_HTTP_FERROKV_CACHE_NAME_LEN(&cache->key));

    if (large == NULL || p == NULL) {
        ngx_destroy_pool(pool);
        return NGX_DECLINED;
    }

    ngx_http_ferrokv_cache_body_name(p, &cache->key, &capture->variant, &name);

    large->pool = pool;
    large->cache = cache;

    upload = &large->upload;

    upload->op.on_done = ngx_http_ferrokv_cache_large_on_done;
    upload->op.data = large;
    upload->store = cache->conf->store->store->fkv;
    upload->ns = FKV_NAMESPACE_CACHE;
    upload->key = ngx_ferrokv_str(&name);
    upload->size = capture->expected;
    upload->now_ms = fkv_now_ms(upload->store);
    upload->expire_at = ngx_http_ferrokv_cache_body_expire_at(cache, capture,
                                                             upload->now_ms);
    capture->large = large;
    cache->large = 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_cache_large_take(ngx_http_ferrokv_cache_large_t *large,
    ngx_chain_t *in, ngx_chain_t **out, ngx_uint_t *last)
{
    ngx_int_t             rc;
    ngx_buf_t            *b;
    ngx_chain_t         **end;
    ngx_http_request_t   *r;

    r = large->cache->request;
    end = out;

    if (ngx_chain_add_copy(r->pool, &large->held, in) != NGX_OK) {
        return NGX_ERROR;
    }

    if (large->rc != FKV_OK) {
        return NGX_DECLINED;
    }

    while (large->held && !large->waiting) {

        b = large->held->buf;

        if (!ngx_buf_special(b) && large->fed == 0) {

            rc = ngx_http_ferrokv_cache_large_feed(large, b);

            if (rc != NGX_OK) {
                return rc;
            }

            if (large->waiting) {
                break;
            }
        }

        if (ngx_http_ferrokv_cache_large_pass(large, &end) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    for (in = *out; in; in = in->next) {
        *last |= in->buf->last_buf || (r != r->main && in->buf->last_in_chain);
    }

    return large->held ? NGX_AGAIN : NGX_OK;
}


/* NGX_DECLINED: it cannot be stored. */

static ngx_int_t
ngx_http_ferrokv_cache_large_feed(ngx_http_ferrokv_cache_large_t *large,
    ngx_buf_t *b)
{
    int            rc;
    size_t         n;
    fkv_upload_t  *upload;

    upload = &large->upload;

    if (ngx_http_ferrokv_cache_large_data(large, b, &upload->data) != NGX_OK) {
        return NGX_DECLINED;
    }

    n = upload->data.len;

    rc = fkv_upload(upload);

    if (rc != FKV_OK && rc != FKV_AGAIN) {
        large->rc = rc;
        return NGX_DECLINED;
    }

    large->fed = n;
    large->len += n;

    if (rc == FKV_AGAIN) {
        large->busy = 1;

        if (large->len < upload->size) {
            large->waiting = 1;
            ngx_http_ferrokv_hold(large->cache->request);
        }
    }

    return NGX_OK;
}


/* The next bytes of it, where they can stay until the upload has them. */

static ngx_int_t
ngx_http_ferrokv_cache_large_data(ngx_http_ferrokv_cache_large_t *large,
    ngx_buf_t *b, fkv_str_t *data)
{
    off_t     n;
    uint64_t  left;

    n = ngx_buf_size(b);
    left = large->upload.size - large->len;

    if (n <= 0 || (uint64_t) n > left) {
        return NGX_DECLINED;
    }

    if (ngx_buf_in_memory(b) && (uint64_t) n < left) {
        data->data = b->pos;
        data->len = n;
        return NGX_OK;
    }

    if (ngx_buf_in_memory(b)) {
        large->piece = ngx_palloc(large->pool, n);

        if (large->piece == NULL) {
            return NGX_DECLINED;
        }

        ngx_memcpy(large->piece, b->pos, n);

    } else {
        n = ngx_min(n, NGX_HTTP_FERROKV_CACHE_PIECE);

        if (large->piece == NULL) {
            large->piece = ngx_palloc(large->pool,
                                      NGX_HTTP_FERROKV_CACHE_PIECE);
        }

        if (large->piece == NULL
            || ngx_read_file(b->file, large->piece, n, b->file_pos) != n)
        {
            return NGX_DECLINED;
        }
    }

    data->data = large->piece;
    data->len = n;

    return NGX_OK;
}


/* What has been fed goes to *last, which moves behind it. */

static ngx_int_t
ngx_http_ferrokv_cache_large_pass(ngx_http_ferrokv_cache_large_t *large,
    ngx_chain_t ***last)
{
    ngx_buf_t    *b, *piece;
    ngx_chain_t  *cl;
    ngx_pool_t   *pool;

    cl = large->held;
    b = cl->buf;

    if (ngx_buf_special(b)
        || ngx_buf_in_memory(b)
        || ngx_buf_size(b) == (off_t) large->fed)
    {
        large->held = cl->next;
        large->fed = 0;

        cl->next = NULL;
        **last = cl;
        *last = &cl->next;

        return NGX_OK;
    }

    pool = large->cache->request->pool;

    cl = ngx_chain_get_free_buf(pool, &large->free);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    piece = cl->buf;
    ngx_memzero(piece, sizeof(ngx_buf_t));

    piece->tag = (ngx_buf_tag_t) &ngx_http_ferrokv_cache_module;
    piece->in_file = 1;
    piece->file = b->file;
    piece->file_pos = b->file_pos;
    piece->file_last = b->file_pos + large->fed;

    b->file_pos = piece->file_last;
    large->fed = 0;

    **last = cl;
    *last = &cl->next;

    return NGX_OK;
}


void
ngx_http_ferrokv_cache_large_passed(ngx_http_ferrokv_cache_large_t *large,
    ngx_chain_t *out)
{
    ngx_chain_update_chains(large->cache->request->pool, &large->free,
                            &large->sent, &out,
                            (ngx_buf_tag_t) &ngx_http_ferrokv_cache_module);
}


ngx_chain_t *
ngx_http_ferrokv_cache_large_rest(ngx_http_ferrokv_cache_large_t *large)
{
    return large->held;
}


static void
ngx_http_ferrokv_cache_large_on_done(fkv_op_t *op)
{
    ngx_http_ferrokv_cache_large_t  *large;

    large = op->data;

    large->busy = 0;
    large->rc = op->rc;

    if (large->waiting) {
        large->waiting = 0;
        ngx_http_ferrokv_cache_filter_go_on(large->cache);
        return;
    }

    if (large->on_end) {
        large->on_end(large->data, large->rc);
    }
}


int
ngx_http_ferrokv_cache_large_end(ngx_http_ferrokv_cache_large_t *large,
    void (*on_end)(void *data, int rc), void *data)
{
    large->cache = NULL;

    if (!large->busy) {
        return large->rc;
    }

    large->on_end = on_end;
    large->data = data;

    return FKV_AGAIN;
}


fkv_upload_t *
ngx_http_ferrokv_cache_large_upload(ngx_http_ferrokv_cache_large_t *large)
{
    return &large->upload;
}


uint64_t
ngx_http_ferrokv_cache_large_len(ngx_http_ferrokv_cache_large_t *large)
{
    return large->len;
}


void
ngx_http_ferrokv_cache_large_free(ngx_http_ferrokv_cache_large_t *large)
{
    if (large->waiting) {
        large->cache->request->main->blocked--;
    }

    fkv_upload_close(&large->upload);
    ngx_destroy_pool(large->pool);
}
