
#include "ngx_stream_ferrokv_resp.h"


/* What is larger goes when it is empty. */
#define NGX_STREAM_FERROKV_OUT_KEEP  (256 * 1024)


/*
 * Of this process: the memory of what was sent last, for what is next to send.
 * One is enough while clients take what they get.
 */
static fkv__buf_t  ngx_stream_ferrokv_out_spare;


void
ngx_stream_ferrokv_out_init(ngx_stream_ferrokv_out_t *out)
{
    ngx_queue_init(&out->pieces);
    ngx_queue_insert_tail(&out->pieces, &out->first.queue);
}


static void
ngx_stream_ferrokv_piece_done(ngx_stream_ferrokv_out_t *out,
    ngx_stream_ferrokv_piece_t *piece)
{
    fkv__buf_done(&piece->buf);
    ngx_queue_remove(&piece->queue);

    if (piece != &out->first) {
        fkv__free(piece);
    }
}


void
ngx_stream_ferrokv_out_done(ngx_stream_ferrokv_out_t *out)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&out->pieces)) {
        q = ngx_queue_head(&out->pieces);

        ngx_stream_ferrokv_piece_done(out,
                     ngx_queue_data(q, ngx_stream_ferrokv_piece_t, queue));
    }

    out->size = 0;
}


fkv__buf_t *
ngx_stream_ferrokv_out_tail(ngx_stream_ferrokv_out_t *out)
{
    ngx_stream_ferrokv_piece_t  *piece;

    piece = ngx_queue_data(ngx_queue_last(&out->pieces),
                           ngx_stream_ferrokv_piece_t, queue);

    if (piece->offered) {

        piece = fkv__zalloc(sizeof(ngx_stream_ferrokv_piece_t));
        if (piece == NULL) {
            return NULL;
        }

        ngx_queue_insert_tail(&out->pieces, &piece->queue);
    }

    if (piece->buf.data == NULL) {
        piece->buf = ngx_stream_ferrokv_out_spare;
        ngx_memzero(&ngx_stream_ferrokv_out_spare, sizeof(fkv__buf_t));
    }

    return &piece->buf;
}


/* One piece is always there, so that a connection at work allocates none. */

static void
ngx_stream_ferrokv_piece_sent(ngx_stream_ferrokv_out_t *out,
    ngx_stream_ferrokv_piece_t *piece)
{
    piece->buf.len = 0;
    piece->sent = 0;
    piece->offered = 0;

    if (piece->buf.cap <= NGX_STREAM_FERROKV_OUT_KEEP
        && piece->buf.cap > ngx_stream_ferrokv_out_spare.cap)
    {
        fkv__buf_done(&ngx_stream_ferrokv_out_spare);
        ngx_stream_ferrokv_out_spare = piece->buf;
        ngx_memzero(&piece->buf, sizeof(fkv__buf_t));
    }

    fkv__buf_done(&piece->buf);

    if (ngx_queue_last(&out->pieces) != &piece->queue) {
        ngx_stream_ferrokv_piece_done(out, piece);
    }
}


ngx_int_t
ngx_stream_ferrokv_out_send(ngx_stream_ferrokv_out_t *out, ngx_connection_t *c)
{
    ssize_t                      n;
    ngx_stream_ferrokv_piece_t  *piece;

    while (out->size) {

        piece = ngx_queue_data(ngx_queue_head(&out->pieces),
                               ngx_stream_ferrokv_piece_t, queue);

        if (piece->sent == piece->buf.len) {
            ngx_stream_ferrokv_piece_sent(out, piece);
            continue;
        }

        n = c->send(c, piece->buf.data + piece->sent,
                    piece->buf.len - piece->sent);

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (n == NGX_AGAIN || n == 0) {
            piece->offered = 1;
            return NGX_AGAIN;
        }

        piece->sent += n;
        out->size -= n;
    }

    piece = ngx_queue_data(ngx_queue_head(&out->pieces),
                           ngx_stream_ferrokv_piece_t, queue);

    ngx_stream_ferrokv_piece_sent(out, piece);

    return NGX_OK;
}
