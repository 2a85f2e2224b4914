
/*
 * ngx_stream_ferrokv_resp_chunk.c - where requests come in.
 *
 * Requests are understood where they lie.  A chunk that no turn holds is used
 * from its beginning again; of one that is held only what has not been
 * understood moves to the next.
 */

#include "ngx_stream_ferrokv_resp.h"


#define NGX_STREAM_FERROKV_CHUNK   (16 * 1024)
#define NGX_STREAM_FERROKV_SPARES  64


/* Of this process: chunks of ordinary size that nobody has. */
static ngx_stream_ferrokv_chunk_t  *ngx_stream_ferrokv_spares[
                                                NGX_STREAM_FERROKV_SPARES];
static ngx_uint_t                   ngx_stream_ferrokv_spares_n;


static ngx_stream_ferrokv_chunk_t *
ngx_stream_ferrokv_chunk_new(size_t size)
{
    ngx_stream_ferrokv_chunk_t  *chunk;

    if (size <= NGX_STREAM_FERROKV_CHUNK && ngx_stream_ferrokv_spares_n) {
        chunk = ngx_stream_ferrokv_spares[--ngx_stream_ferrokv_spares_n];

    } else {
        size = ngx_max(size, NGX_STREAM_FERROKV_CHUNK);

        chunk = fkv__alloc(sizeof(ngx_stream_ferrokv_chunk_t) + size);
        if (chunk == NULL) {
            return NULL;
        }

        chunk->end = chunk->data + size;
    }

    chunk->refs = 1;
    chunk->pos = chunk->data;
    chunk->last = chunk->data;

    return chunk;
}


void
ngx_stream_ferrokv_chunk_unpin(ngx_stream_ferrokv_chunk_t *chunk)
{
    if (--chunk->refs) {
        return;
    }

    if (chunk->end - chunk->data == NGX_STREAM_FERROKV_CHUNK
        && ngx_stream_ferrokv_spares_n < NGX_STREAM_FERROKV_SPARES)
    {
        ngx_stream_ferrokv_spares[ngx_stream_ferrokv_spares_n++] = chunk;
        return;
    }

    fkv__free(chunk);
}


void
ngx_stream_ferrokv_chunk_rest(ngx_stream_ferrokv_resp_t *resp)
{
    ngx_stream_ferrokv_chunk_t  *chunk;

    chunk = resp->chunk;

    if (chunk && chunk->pos == chunk->last && !resp->request) {
        resp->chunk = NULL;
        ngx_stream_ferrokv_chunk_unpin(chunk);
    }
}


ngx_int_t
ngx_stream_ferrokv_chunk_room(ngx_stream_ferrokv_resp_t *resp)
{
    size_t                       have, size;
    ngx_stream_ferrokv_chunk_t  *chunk, *next;

    chunk = resp->chunk;

    if (chunk == NULL) {
        resp->chunk = ngx_stream_ferrokv_chunk_new(resp->wanted);
        return resp->chunk ? NGX_OK : NGX_ERROR;
    }

    have = chunk->last - chunk->pos;

    if (chunk->refs == 1 && have == 0) {
        chunk->pos = chunk->data;
        chunk->last = chunk->data;
    }

    if (chunk->last < chunk->end
        && (resp->wanted <= (size_t) (chunk->end - chunk->pos)
            || chunk->end - chunk->last >= (chunk->end - chunk->data) / 4))
    {
        return NGX_OK;
    }

    /*
     * What is announced may never come.  What is wanted may be no more than the
     * next byte: it grows by a part of what is there, or each byte would
     * move all of them.
     */

    size = ngx_max(have * 2, NGX_STREAM_FERROKV_CHUNK);

    if (resp->wanted > have && resp->wanted < size) {
        size = ngx_max(resp->wanted, have + have / 4);
        size = ngx_max(size, NGX_STREAM_FERROKV_CHUNK);
    }

    if (chunk->refs == 1
        && size <= (size_t) (chunk->end - chunk->data))
    {
        ngx_memmove(chunk->data, chunk->pos, have);
        chunk->pos = chunk->data;
        chunk->last = chunk->data + have;

        return NGX_OK;
    }

    next = ngx_stream_ferrokv_chunk_new(size);
    if (next == NULL) {
        return NGX_ERROR;
    }

    next->last = ngx_cpymem(next->data, chunk->pos, have);
    chunk->last = chunk->pos;

    resp->chunk = next;
    ngx_stream_ferrokv_chunk_unpin(chunk);

    return NGX_OK;
}
