
/*
 * The body of an entry that lies apart, in verified pieces: the next one is
 * read when nginx has let go of the one before, so a response takes two pieces
 * of memory however slow the client is.
 *
 *     begin --> read --piece--> pass it on --sent--> read ..  --last--> end
 *                '-- damaged: the connection is closed, short of
 *                    Content-Length, and the entry goes
 *
 * It is part of the body filter, which nginx calls again, without anything new,
 * as long as r->buffered says that there is more: so it is the same whether an
 * entry is the answer from the beginning or instead of the upstream's.
 *
 * Of a range only what it needs is read.  nginx's filter, the next one, cuts it
 * out and counts bytes: what lies before it is a buffer of a file that nobody
 * reads, for that filter drops it.
 */

#include "ngx_http_ferrokv_cache.h"


struct ngx_http_ferrokv_cache_stream_s {
    fkv_blob_read_t                   read;
    int                               rc;       /* of it */
    ngx_uint_t                        reading;
    ngx_uint_t                        got;      /* rc is of a piece not sent */
    ngx_uint_t                        ended;
    ngx_uint_t                        failed;
    ngx_buf_t                         buf;
};


static ngx_int_t ngx_http_ferrokv_cache_open_body(
    ngx_http_ferrokv_cache_t *cache);
static void ngx_http_ferrokv_cache_open_take(ngx_http_ferrokv_cache_t *cache,
    int rc);
static ngx_int_t ngx_http_ferrokv_cache_opened(
    ngx_http_ferrokv_cache_t *cache);
static ngx_int_t ngx_http_ferrokv_cache_stream_hole(
    ngx_http_ferrokv_cache_t *cache);
static void ngx_http_ferrokv_cache_stream_read(
    ngx_http_ferrokv_cache_t *cache);
static void ngx_http_ferrokv_cache_stream_on_done(fkv_op_t *op);
static ngx_int_t ngx_http_ferrokv_cache_stream_piece(
    ngx_http_ferrokv_cache_t *cache);
static ngx_int_t ngx_http_ferrokv_cache_stream_pass(
    ngx_http_ferrokv_cache_t *cache);
static ngx_int_t ngx_http_ferrokv_cache_stream_failed(
    ngx_http_ferrokv_cache_t *cache);


ngx_int_t
ngx_http_ferrokv_cache_open(ngx_http_ferrokv_cache_t *cache)
{
    if (cache->entry.stamp == 0 || cache->request->method == NGX_HTTP_HEAD) {
        return ngx_http_ferrokv_cache_prefixes(cache);
    }

    return ngx_http_ferrokv_cache_open_body(cache);
}


static ngx_int_t
ngx_http_ferrokv_cache_open_body(ngx_http_ferrokv_cache_t *cache)
{
    u_char     *p;
    ngx_str_t   name;

    p = ngx_pnalloc(cache->request->pool,
                    NGX_HTTP_FERROKV_CACHE_NAME_LEN(&cache->key));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_ferrokv_cache_body_name(p, &cache->key, &cache->variant, &name);

    cache->step = ngx_http_ferrokv_cache_opened;

    return ngx_http_ferrokv_cache_load(cache, FKV_NAMESPACE_CACHE,
                                       ngx_ferrokv_str(&name), 0,
                                       ngx_http_ferrokv_cache_open_take);
}


/* It may be another entry's, written between the two reads. */

static void
ngx_http_ferrokv_cache_open_take(ngx_http_ferrokv_cache_t *cache, int rc)
{
    u_char        stamp[NGX_HTTP_FERROKV_CACHE_STAMP_LEN];
    fkv_value_t  *value;

    value = &cache->get.value;

    if (rc == FKV_OK) {
        ngx_http_ferrokv_cache_stamp(stamp, cache->entry.stamp);

        if (value->blob
            && value->size == cache->entry.body_len
            && value->content_type.len == sizeof(stamp)
            && ngx_memcmp(value->content_type.data, stamp, sizeof(stamp)) == 0)
        {
            cache->blob = value->blob;
            cache->body_expire_at = value->expire_at;
            value->blob = NULL;

        } else {
            rc = FKV_NOTFOUND;
        }
    }

    cache->rc = rc;
}


static ngx_int_t
ngx_http_ferrokv_cache_opened(ngx_http_ferrokv_cache_t *cache)
{
    if (cache->rc == FKV_OK) {
        return ngx_http_ferrokv_cache_prefixes(cache);
    }

    return ngx_http_ferrokv_cache_unreadable(cache);
}


void
ngx_http_ferrokv_cache_close(ngx_http_ferrokv_cache_t *cache)
{
    if (cache->blob) {
        fkv_blob_close(cache->blob);
        cache->blob = NULL;
    }
}


ngx_int_t
ngx_http_ferrokv_cache_stream(ngx_http_ferrokv_cache_t *cache)
{
    ngx_http_request_t               *r;
    ngx_http_ferrokv_cache_stream_t  *stream;

    r = cache->request;

    stream = ngx_pcalloc(r->pool, sizeof(ngx_http_ferrokv_cache_stream_t));
    if (stream == NULL) {
        return NGX_ERROR;
    }

    stream->read.op.on_done = ngx_http_ferrokv_cache_stream_on_done;
    stream->read.op.data = cache;
    stream->read.blob = cache->blob;
    stream->read.to = cache->entry.body_len;

    cache->stream = stream;
    cache->large = 1;
    r->buffered |= NGX_HTTP_FERROKV_CACHE_BUFFERED;

    if (r->headers_out.status == NGX_HTTP_PARTIAL_CONTENT
        && r->headers_out.content_length_n > 0)
    {
        stream->read.from = r->headers_out.content_offset;
        stream->read.to = stream->read.from + r->headers_out.content_length_n;

        if (ngx_http_ferrokv_cache_stream_hole(cache) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_http_ferrokv_cache_stream_next(cache);
}


static ngx_int_t
ngx_http_ferrokv_cache_stream_hole(ngx_http_ferrokv_cache_t *cache)
{
    ngx_buf_t                        *b;
    ngx_http_ferrokv_cache_stream_t  *stream;

    stream = cache->stream;

    if (stream->read.from == 0) {
        return NGX_OK;
    }

    b = &stream->buf;
    ngx_memzero(b, sizeof(ngx_buf_t));

    b->in_file = 1;
    b->file_last = stream->read.from;

    return (ngx_http_ferrokv_cache_stream_pass(cache) == NGX_ERROR)
           ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_cache_stream_next(ngx_http_ferrokv_cache_t *cache)
{
    ngx_int_t                         rc;
    ngx_http_request_t               *r;
    ngx_http_ferrokv_cache_stream_t  *stream;

    r = cache->request;
    stream = cache->stream;

    rc = ngx_http_ferrokv_cache_filter_next(r, NULL);

    while (rc != NGX_ERROR
           && !stream->ended
           && ngx_buf_size(&stream->buf) == 0)
    {
        if (!stream->got && !stream->reading) {
            ngx_http_ferrokv_cache_stream_read(cache);
        }

        if (stream->reading) {
            break;
        }

        rc = ngx_http_ferrokv_cache_stream_piece(cache);
    }

    return (rc != NGX_ERROR && !stream->ended) ? NGX_AGAIN : rc;
}


static void
ngx_http_ferrokv_cache_stream_read(ngx_http_ferrokv_cache_t *cache)
{
    int                               rc;
    ngx_http_ferrokv_cache_stream_t  *stream;

    stream = cache->stream;

    rc = fkv_blob_read(&stream->read);

    if (rc == FKV_AGAIN) {
        stream->reading = 1;
        ngx_http_ferrokv_hold(cache->request);
        return;
    }

    stream->rc = rc;
    stream->got = 1;
}


static void
ngx_http_ferrokv_cache_stream_on_done(fkv_op_t *op)
{
    ngx_http_ferrokv_cache_t         *cache;
    ngx_http_ferrokv_cache_stream_t  *stream;

    cache = op->data;
    stream = cache->stream;

    stream->rc = op->rc;
    stream->got = 1;
    stream->reading = 0;

    ngx_http_ferrokv_cache_filter_go_on(cache);
}


static ngx_int_t
ngx_http_ferrokv_cache_stream_piece(ngx_http_ferrokv_cache_t *cache)
{
    ngx_buf_t                        *b;
    ngx_http_request_t               *r;
    ngx_http_ferrokv_cache_stream_t  *stream;

    r = cache->request;
    stream = cache->stream;

    if (stream->rc != FKV_OK) {
        return ngx_http_ferrokv_cache_stream_failed(cache);
    }

    stream->got = 0;

    b = &stream->buf;
    ngx_memzero(b, sizeof(ngx_buf_t));

    b->pos = (u_char *) stream->read.piece.data;
    b->last = b->pos + stream->read.piece.len;
    b->memory = 1;

    if (stream->read.from < stream->read.to) {
        /* else a short one would wait for more, and so would we */
        b->flush = 1;

    } else {
        b->last_buf = (r == r->main) ? 1 : 0;
        b->last_in_chain = 1;

        stream->ended = 1;
        r->buffered &= ~NGX_HTTP_FERROKV_CACHE_BUFFERED;
    }

    return ngx_http_ferrokv_cache_stream_pass(cache);
}


static ngx_int_t
ngx_http_ferrokv_cache_stream_pass(ngx_http_ferrokv_cache_t *cache)
{
    ngx_chain_t  out;

    out.buf = &cache->stream->buf;
    out.next = NULL;

    return ngx_http_ferrokv_cache_filter_next(cache->request, &out);
}


/* What was sent cannot be taken back; but the next one is to find no entry. */

static ngx_int_t
ngx_http_ferrokv_cache_stream_failed(ngx_http_ferrokv_cache_t *cache)
{
    ngx_http_request_t               *r;
    ngx_http_ferrokv_cache_stream_t  *stream;

    r = cache->request;
    stream = cache->stream;

    if (!stream->failed) {
        stream->failed = 1;

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "ferrokv_cache: the response ends at byte %uL of %uL: %s",
                      stream->read.from, (uint64_t) cache->entry.body_len,
                      fkv_code_text(stream->rc));

        ngx_http_ferrokv_cache_invalidate(cache, &cache->key);
    }

    r->keepalive = 0;

    return NGX_ERROR;
}
