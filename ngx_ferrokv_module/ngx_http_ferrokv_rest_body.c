
/*
 * The body of a request, whole and in memory, or on its way to disk.  nginx's
 * own reading would put a large one into a temporary file, which is blocking
 * I/O, so it is asked for the unbuffered way.  A small body has come with the
 * headers and is used where it lies; any other is collected in one buffer.  If
 * the client goes away before the end, nginx ends the request and nothing has
 * been written.
 *
 * What an upload takes is not collected: nginx's buffer is given back when its
 * bytes are taken, and the socket is not read meanwhile, so that a client can
 * send no faster than the disk writes.
 */

#include "ngx_http_ferrokv_rest.h"


#define NGX_HTTP_FERROKV_BODY_FIRST  16384


static void ngx_http_ferrokv_body_start(ngx_http_request_t *r);
static void ngx_http_ferrokv_body_event(ngx_http_request_t *r);
static ngx_int_t ngx_http_ferrokv_body_whole(ngx_http_request_t *r,
    ngx_http_ferrokv_body_t *body, ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_body_part(ngx_http_request_t *r,
    ngx_http_ferrokv_body_t *body, ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_body_feed(ngx_http_request_t *r,
    ngx_http_ferrokv_body_t *body, ngx_http_ferrokv_problem_t *problem);
static void ngx_http_ferrokv_body_on_fed(fkv_op_t *op);
static ngx_int_t ngx_http_ferrokv_body_room(ngx_http_request_t *r,
    ngx_http_ferrokv_body_t *body, size_t more);
static void ngx_http_ferrokv_body_end(ngx_http_request_t *r,
    ngx_http_ferrokv_body_t *body, ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_body_too_large(ngx_http_ferrokv_body_t *body,
    ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_body_refused(ngx_http_request_t *r,
    ngx_int_t rc, ngx_http_ferrokv_problem_t *problem);


ngx_int_t
ngx_http_ferrokv_body_read(ngx_http_request_t *r,
    ngx_http_ferrokv_body_t *body)
{
    ngx_int_t                    rc;
    ngx_http_ferrokv_ctx_t      *ctx;
    ngx_http_ferrokv_problem_t   problem;

    if (r->headers_in.content_length_n > (off_t) body->max) {
        (void) ngx_http_ferrokv_body_too_large(body, &problem);
        return body->on_body(r, body, &problem);
    }

    ctx = ngx_http_ferrokv_make_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->rest = body;
    body->request = r;

    if (body->upload) {
        body->upload->op.on_done = ngx_http_ferrokv_body_on_fed;
        body->upload->op.data = body;
    }

    r->request_body_no_buffering = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_ferrokv_body_start);

    if (rc < NGX_HTTP_SPECIAL_RESPONSE) {
        return NGX_DONE;
    }

    if (ngx_http_ferrokv_body_refused(r, rc, &problem) != NGX_OK) {
        return body->on_body(r, body, &problem);
    }

    return rc;
}


/* nginx's post handler: what has been read so far is in r->request_body. */
static void
ngx_http_ferrokv_body_start(ngx_http_request_t *r)
{
    ngx_http_ferrokv_ctx_t      *ctx;
    ngx_http_ferrokv_body_t     *body;
    ngx_http_ferrokv_problem_t   problem;

    ctx = ngx_http_ferrokv_get_ctx(r);
    body = ctx->rest;

    if (r->reading_body || body->upload) {
        r->read_event_handler = ngx_http_ferrokv_body_event;
        ngx_http_ferrokv_body_event(r);
        return;
    }

    if (ngx_http_ferrokv_body_whole(r, body, &problem) != NGX_OK) {
        ngx_http_ferrokv_body_end(r, body, &problem);
        return;
    }

    ngx_http_ferrokv_body_end(r, body, NULL);
}


static void
ngx_http_ferrokv_body_event(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_http_ferrokv_ctx_t      *ctx;
    ngx_http_ferrokv_body_t     *body;
    ngx_http_ferrokv_problem_t   problem;

    ctx = ngx_http_ferrokv_get_ctx(r);
    body = ctx->rest;

    for ( ;; ) {

        rc = ngx_http_ferrokv_body_part(r, body, &problem);

        if (rc == NGX_AGAIN) {
            return;
        }

        if (rc != NGX_OK) {
            ngx_http_ferrokv_body_end(r, body, &problem);
            return;
        }

        if (!r->reading_body) {
            r->read_event_handler = ngx_http_block_reading;
            ngx_http_ferrokv_body_end(r, body, NULL);
            return;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {

            if (ngx_http_ferrokv_body_refused(r, rc, &problem) == NGX_OK) {
                ngx_http_finalize_request(r, rc);
                return;
            }

            ngx_http_ferrokv_body_end(r, body, &problem);
            return;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            return;
        }
    }
}


/* All of it is there; used in place if it is in one piece. */
static ngx_int_t
ngx_http_ferrokv_body_whole(ngx_http_request_t *r,
    ngx_http_ferrokv_body_t *body, ngx_http_ferrokv_problem_t *problem)
{
    ngx_chain_t  *cl;

    cl = r->request_body ? r->request_body->bufs : NULL;

    /* the last piece of a chunked body is empty */

    if (cl == NULL
        || (cl->next != NULL
            && (cl->next->next != NULL || ngx_buf_size(cl->next->buf) != 0)))
    {
        return ngx_http_ferrokv_body_part(r, body, problem);
    }

    body->data = cl->buf->pos;
    body->len = cl->buf->last - cl->buf->pos;

    if (body->len > body->max) {
        return ngx_http_ferrokv_body_too_large(body, problem);
    }

    return NGX_OK;
}


/*
 * Collects what has come, or feeds the upload, and gives nginx its buffers
 * back.  NGX_AGAIN: the upload goes on when it has taken the first of them.
 */
static ngx_int_t
ngx_http_ferrokv_body_part(ngx_http_request_t *r,
    ngx_http_ferrokv_body_t *body, ngx_http_ferrokv_problem_t *problem)
{
    size_t        n;
    ngx_chain_t  *cl, *next;

    if (r->request_body == NULL) {
        return NGX_OK;
    }

    if (body->upload) {
        return ngx_http_ferrokv_body_feed(r, body, problem);
    }

    cl = r->request_body->bufs;
    r->request_body->bufs = NULL;

    for ( /* void */ ; cl; cl = next) {

        next = cl->next;
        n = cl->buf->last - cl->buf->pos;

        if (n > body->max - body->len) {
            return ngx_http_ferrokv_body_too_large(body, problem);
        }

        if (ngx_http_ferrokv_body_room(r, body, n) != NGX_OK) {
            ngx_http_ferrokv_fail_code(problem, FKV_ENOMEM);
            return NGX_ERROR;
        }

        ngx_memcpy(body->data + body->len, cl->buf->pos, n);
        body->len += n;

        cl->buf->pos = cl->buf->last;
        ngx_free_chain(r->pool, cl);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_body_feed(ngx_http_request_t *r,
    ngx_http_ferrokv_body_t *body, ngx_http_ferrokv_problem_t *problem)
{
    int            rc;
    size_t         n;
    ngx_chain_t   *cl;
    fkv_upload_t  *upload;

    upload = body->upload;

    while ((cl = r->request_body->bufs) != NULL) {

        n = cl->buf->last - cl->buf->pos;

        if (n) {

            if (n > upload->size - body->len) {
                return ngx_http_ferrokv_body_too_large(body, problem);
            }

            upload->data.data = cl->buf->pos;
            upload->data.len = n;

            rc = fkv_upload(upload);

            if (rc == FKV_EBUSY && upload->own == NULL) {
                /* so many are under way that this one is collected */
                body->upload = NULL;
                return ngx_http_ferrokv_body_part(r, body, problem);
            }

            if (rc != FKV_OK && rc != FKV_AGAIN) {
                ngx_http_ferrokv_fail_code(problem, rc);
                return NGX_ERROR;
            }

            body->len += n;

            if (rc == FKV_AGAIN) {

                if (r->connection->read->timer_set) {
                    ngx_del_timer(r->connection->read);
                }

                r->read_event_handler = ngx_http_block_reading;
                ngx_http_ferrokv_hold(r);

                return NGX_AGAIN;
            }

            cl->buf->pos = cl->buf->last;
        }

        r->request_body->bufs = cl->next;
        ngx_free_chain(r->pool, cl);
    }

    return NGX_OK;
}


static void
ngx_http_ferrokv_body_on_fed(fkv_op_t *op)
{
    ngx_buf_t                   *b;
    ngx_connection_t            *c;
    ngx_http_request_t          *r;
    ngx_http_ferrokv_body_t     *body;
    ngx_http_ferrokv_problem_t   problem;

    body = op->data;
    r = body->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    r->main->blocked--;

    if (c->error) {
        /* nginx has tried to terminate the request meanwhile */
        ngx_http_finalize_request(r, NGX_ERROR);

    } else if (op->rc != FKV_OK) {
        ngx_http_ferrokv_fail_code(&problem, op->rc);
        ngx_http_ferrokv_body_end(r, body, &problem);

    } else {
        b = r->request_body->bufs->buf;
        b->pos = b->last;

        r->read_event_handler = ngx_http_ferrokv_body_event;
        ngx_http_ferrokv_body_event(r);
    }

    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_ferrokv_body_room(ngx_http_request_t *r,
    ngx_http_ferrokv_body_t *body, size_t more)
{
    size_t   size;
    u_char  *data;

    if (body->data && more <= body->size - body->len) {
        return NGX_OK;
    }

    if (body->size == 0 && !r->headers_in.chunked) {
        /* what was announced; untouched pages cost nothing */
        size = r->headers_in.content_length_n;

    } else {
        size = ngx_max(2 * body->size, NGX_HTTP_FERROKV_BODY_FIRST);
    }

    size = ngx_max(size, body->len + more);

    data = ngx_pnalloc(r->pool, size);
    if (data == NULL) {
        return NGX_ERROR;
    }

    if (body->len) {
        ngx_memcpy(data, body->data, body->len);
        (void) ngx_pfree(r->pool, body->data);
    }

    body->data = data;
    body->size = size;

    return NGX_OK;
}


static void
ngx_http_ferrokv_body_end(ngx_http_request_t *r,
    ngx_http_ferrokv_body_t *body, ngx_http_ferrokv_problem_t *problem)
{
    ngx_http_finalize_request(r, body->on_body(r, body, problem));
}


static ngx_int_t
ngx_http_ferrokv_body_too_large(ngx_http_ferrokv_body_t *body,
    ngx_http_ferrokv_problem_t *problem)
{
    return ngx_http_ferrokv_fail(problem, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                 "too_large",
                                 "the body is larger than %uz bytes",
                                 body->max);
}


/*
 * nginx gave up reading.  NGX_OK: the client is gone, nobody waits for words;
 * else the problem to send, for nginx's own page would be HTML.
 */
static ngx_int_t
ngx_http_ferrokv_body_refused(ngx_http_request_t *r, ngx_int_t rc,
    ngx_http_ferrokv_problem_t *problem)
{
    if (r->connection->error
        || r->connection->timedout
        || rc != NGX_HTTP_BAD_REQUEST)
    {
        return NGX_OK;
    }

    r->keepalive = 0;
    r->lingering_close = 1;

    return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST, "bad_body",
                                 "the body's framing is invalid");
}
