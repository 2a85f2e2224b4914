
/*
 * The body of a large value, a verified piece at a time: the next one is asked
 * for when nginx has sent the one before.  So a response takes two pieces of
 * memory however long the value and however slow the client is.
 *
 *     READ --piece--> SEND --sent--> READ ..  --last piece--> nginx ends it
 *       '-- damaged: nothing was sent: 500; else the connection is closed,
 *           short of Content-Length
 *
 * The first piece is read before the header is sent.  The value stays open
 * until the request's pool goes, whatever happens to its key meanwhile.
 */

#include "ngx_http_ferrokv_rest.h"


typedef struct {
    ngx_http_ferrokv_target_t  target;
    ngx_http_ferrokv_stream_t  value;
    fkv_blob_read_t            read;
    ngx_uint_t                 begun;       /* the header is sent */
    ngx_buf_t                  buf;
} ngx_http_ferrokv_streaming_t;


static void ngx_http_ferrokv_stream_cleanup(void *data);
static void ngx_http_ferrokv_stream_read(ngx_http_ferrokv_streaming_t *st);
static void ngx_http_ferrokv_stream_on_done(fkv_op_t *op);
static void ngx_http_ferrokv_stream_piece(ngx_http_ferrokv_streaming_t *st,
    int rc);
static void ngx_http_ferrokv_stream_failed(ngx_http_ferrokv_streaming_t *st,
    int rc);
static ngx_int_t ngx_http_ferrokv_stream_header(
    ngx_http_ferrokv_streaming_t *st);
static ngx_int_t ngx_http_ferrokv_stream_content_range(
    ngx_http_ferrokv_streaming_t *st);
static void ngx_http_ferrokv_stream_send(ngx_http_ferrokv_streaming_t *st);
static void ngx_http_ferrokv_stream_writer(ngx_http_request_t *r);
static void ngx_http_ferrokv_stream_sent(ngx_http_ferrokv_streaming_t *st,
    ngx_int_t rc);
static ngx_int_t ngx_http_ferrokv_stream_bad_range(ngx_http_request_t *r,
    uint64_t size);


ngx_int_t
ngx_http_ferrokv_stream(ngx_http_ferrokv_target_t *target,
    ngx_http_ferrokv_stream_t *value)
{
    ngx_int_t                      rc;
    ngx_pool_cleanup_t            *cln;
    ngx_http_request_t            *r;
    ngx_http_ferrokv_ctx_t        *ctx;
    ngx_http_ferrokv_streaming_t  *st;

    r = target->request;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_ferrokv_streaming_t));
    ctx = ngx_http_ferrokv_make_ctx(r);

    if (cln == NULL || ctx == NULL) {
        fkv_blob_close(value->blob);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    st = cln->data;
    ngx_memzero(st, sizeof(ngx_http_ferrokv_streaming_t));

    st->target = *target;
    st->value = *value;
    st->read.blob = value->blob;
    st->read.to = value->size;
    st->read.op.on_done = ngx_http_ferrokv_stream_on_done;
    st->read.op.data = st;

    cln->handler = ngx_http_ferrokv_stream_cleanup;
    ctx->rest = st;

    rc = ngx_http_ferrokv_part(r, value->version, value->size,
                               &st->read.from, &st->read.to);

    if (rc == NGX_HTTP_RANGE_NOT_SATISFIABLE) {
        return ngx_http_ferrokv_stream_bad_range(r, value->size);
    }

    st->value.partial = (rc == NGX_OK);

    /* the request's own share; it goes with the finalization of the stream */
    r->main->count++;

    ngx_http_ferrokv_stream_read(st);

    return NGX_DONE;
}


static void
ngx_http_ferrokv_stream_cleanup(void *data)
{
    ngx_http_ferrokv_streaming_t *st = data;

    fkv_blob_close(st->read.blob);
}


static void
ngx_http_ferrokv_stream_read(ngx_http_ferrokv_streaming_t *st)
{
    int                  rc;
    ngx_http_request_t  *r;

    r = st->target.request;

    if (!st->begun) {
        /* what the range begins and ends with is known from here on */
        st->value.first = st->read.from;
        st->value.end = st->read.to;
    }

    rc = fkv_blob_read(&st->read);

    if (rc == FKV_AGAIN) {
        r->write_event_handler = ngx_http_request_empty_handler;
        ngx_http_ferrokv_hold(r);
        return;
    }

    ngx_http_ferrokv_stream_piece(st, rc);
}


static void
ngx_http_ferrokv_stream_on_done(fkv_op_t *op)
{
    ngx_connection_t              *c;
    ngx_http_request_t            *r;
    ngx_http_ferrokv_streaming_t  *st;

    st = op->data;
    r = st->target.request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    r->main->blocked--;

    ngx_http_ferrokv_stream_piece(st, op->rc);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_ferrokv_stream_piece(ngx_http_ferrokv_streaming_t *st, int rc)
{
    ngx_int_t            status;
    ngx_http_request_t  *r;

    r = st->target.request;

    if (r->connection->error) {
        /* nginx has tried to terminate the request meanwhile */
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (rc != FKV_OK) {
        ngx_http_ferrokv_stream_failed(st, rc);
        return;
    }

    if (!st->begun) {
        status = ngx_http_ferrokv_stream_header(st);

        if (status != NGX_OK) {
            ngx_http_finalize_request(r, status);
            return;
        }

        st->begun = 1;
    }

    ngx_http_ferrokv_stream_send(st);
}


/* What was sent cannot be taken back: all there is left is to stop. */
static void
ngx_http_ferrokv_stream_failed(ngx_http_ferrokv_streaming_t *st, int rc)
{
    ngx_http_request_t  *r;

    r = st->target.request;

    if (!st->begun) {
        ngx_http_finalize_request(r,
                             ngx_http_ferrokv_send_failure(&st->target, rc));
        return;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "ferrokv_rest: the response ends at byte %uL of %uL: %s",
                  st->read.from, st->value.size, fkv_code_text(rc));

    r->keepalive = 0;
    ngx_http_finalize_request(r, NGX_ERROR);
}


static ngx_int_t
ngx_http_ferrokv_stream_header(ngx_http_ferrokv_streaming_t *st)
{
    ngx_int_t                   rc;
    ngx_table_elt_t            *h;
    ngx_http_request_t         *r;
    ngx_http_ferrokv_stream_t  *value;

    r = st->target.request;
    value = &st->value;

    if (ngx_http_ferrokv_read_headers(r, value) != NGX_OK
        || ngx_http_ferrokv_add_nosniff(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = value->end - value->first;
    r->disable_not_modified = 1;
    r->allow_ranges = 0;

    if (value->partial) {
        r->headers_out.status = NGX_HTTP_PARTIAL_CONTENT;

        if (ngx_http_ferrokv_stream_content_range(st) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

    } else {
        h = ngx_http_ferrokv_add_header(r, "Accept-Ranges",
                                        sizeof("Accept-Ranges") - 1,
                                        (u_char *) "bytes",
                                        sizeof("bytes") - 1);
        if (h == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        r->headers_out.accept_ranges = h;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }

    /* a filter wants no body: nothing more to send */
    return r->header_only ? NGX_HTTP_CLOSE : NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_stream_content_range(ngx_http_ferrokv_streaming_t *st)
{
    u_char                     *p, *last;
    ngx_http_ferrokv_stream_t  *value;

    value = &st->value;

    p = ngx_pnalloc(st->target.request->pool,
                    sizeof("bytes -/") - 1 + 3 * NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = ngx_sprintf(p, "bytes %uL-%uL/%uL", value->first, value->end - 1,
                       value->size);

    st->target.request->headers_out.content_range =
        ngx_http_ferrokv_add_header(st->target.request, "Content-Range",
                                    sizeof("Content-Range") - 1, p, last - p);

    return st->target.request->headers_out.content_range ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_ferrokv_stream_send(ngx_http_ferrokv_streaming_t *st)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = st->target.request;
    b = &st->buf;

    ngx_memzero(b, sizeof(ngx_buf_t));

    b->pos = (u_char *) st->read.piece.data;
    b->last = b->pos + st->read.piece.len;
    b->memory = 1;

    /* else a short one would wait for more, and so would we */
    b->flush = 1;

    if (st->read.from >= st->value.end) {
        b->last_buf = 1;
        b->last_in_chain = 1;
    }

    out.buf = b;
    out.next = NULL;

    rc = ngx_http_output_filter(r, &out);

    if (b->last_buf) {
        /* nginx sends what is left; the pool holds the piece until then */
        ngx_http_finalize_request(r, rc);
        return;
    }

    ngx_http_ferrokv_stream_sent(st, rc);
}


/* A write event: as ngx_http_writer(), but there is more to come. */
static void
ngx_http_ferrokv_stream_writer(ngx_http_request_t *r)
{
    ngx_event_t             *wev;
    ngx_connection_t        *c;
    ngx_http_ferrokv_ctx_t  *ctx;

    c = r->connection;
    wev = c->write;
    ctx = ngx_http_ferrokv_get_ctx(r);

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    ngx_http_ferrokv_stream_sent(ctx->rest, wev->delayed
                                            ? NGX_AGAIN
                                            : ngx_http_output_filter(r, NULL));
}


/* Has nginx let go of the piece?  Then the next one. */
static void
ngx_http_ferrokv_stream_sent(ngx_http_ferrokv_streaming_t *st, ngx_int_t rc)
{
    ngx_event_t               *wev;
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = st->target.request;
    c = r->connection;
    wev = c->write;

    if (rc == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (!r->buffered && !c->buffered && !wev->delayed) {

        if (wev->timer_set) {
            ngx_del_timer(wev);
        }

        ngx_http_ferrokv_stream_read(st);
        return;
    }

    r->write_event_handler = ngx_http_ferrokv_stream_writer;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


static ngx_int_t
ngx_http_ferrokv_stream_bad_range(ngx_http_request_t *r, uint64_t size)
{
    u_char                      *p, *last;
    ngx_http_ferrokv_problem_t   problem;

    p = ngx_pnalloc(r->pool, sizeof("bytes */") - 1 + NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    last = ngx_sprintf(p, "bytes */%uL", size);

    if (ngx_http_ferrokv_add_header(r, "Content-Range",
                                    sizeof("Content-Range") - 1, p, last - p)
        == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    (void) ngx_http_ferrokv_fail(&problem, NGX_HTTP_RANGE_NOT_SATISFIABLE,
                                 "bad_range", "the value has no such bytes");

    return ngx_http_ferrokv_send_problem(r, &problem);
}
