
/*
 * A cursor is a place between keys at a moment, told in letters a URL can hold:
 * base64url of { format 1, crc32 of the rest 4, lease 16, key }.  The sum tells
 * a cursor that was cut, mistyped or made up from one of ours; it is no secret.
 */

#include "ngx_http_ferrokv_rest.h"


#define NGX_HTTP_FERROKV_CURSOR_OWN       2     /* formats; 1: no lease */
#define NGX_HTTP_FERROKV_CURSOR_SNAPSHOT  3

#define NGX_HTTP_FERROKV_CURSOR_SUMMED    5
#define NGX_HTTP_FERROKV_CURSOR_HEAD      (5 + 16)


ngx_int_t
ngx_http_ferrokv_cursor_print(ngx_pool_t *pool,
    ngx_http_ferrokv_cursor_t *cursor, ngx_str_t *text)
{
    u_char     *p;
    uint32_t    crc;
    ngx_str_t   raw;

    raw.len = NGX_HTTP_FERROKV_CURSOR_HEAD + cursor->key.len;
    raw.data = ngx_pnalloc(pool, raw.len);
    text->data = ngx_pnalloc(pool, ngx_base64_encoded_length(raw.len));

    if (raw.data == NULL || text->data == NULL) {
        return NGX_ERROR;
    }

    p = raw.data + NGX_HTTP_FERROKV_CURSOR_SUMMED;
    p = ngx_http_ferrokv_print_lease(p, &cursor->lease);
    ngx_memcpy(p, cursor->key.data, cursor->key.len);

    p = raw.data + NGX_HTTP_FERROKV_CURSOR_SUMMED;
    crc = ngx_crc32_long(p, raw.len - NGX_HTTP_FERROKV_CURSOR_SUMMED);

    p = raw.data;
    *p++ = cursor->own ? NGX_HTTP_FERROKV_CURSOR_OWN
                       : NGX_HTTP_FERROKV_CURSOR_SNAPSHOT;
    *p++ = (u_char) crc;
    *p++ = (u_char) (crc >> 8);
    *p++ = (u_char) (crc >> 16);
    *p++ = (u_char) (crc >> 24);

    ngx_encode_base64url(text, &raw);

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_cursor_parse(ngx_pool_t *pool, ngx_str_t *text,
    ngx_http_ferrokv_cursor_t *cursor)
{
    u_char     *p;
    uint32_t    crc;
    ngx_str_t   raw;

    raw.data = ngx_pnalloc(pool, ngx_base64_decoded_length(text->len));
    if (raw.data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_decode_base64url(&raw, text) != NGX_OK
        || raw.len <= NGX_HTTP_FERROKV_CURSOR_HEAD
        || (raw.data[0] != NGX_HTTP_FERROKV_CURSOR_OWN
            && raw.data[0] != NGX_HTTP_FERROKV_CURSOR_SNAPSHOT))
    {
        return NGX_DECLINED;
    }

    p = raw.data + 1;
    crc = p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16
          | (uint32_t) p[3] << 24;

    p = raw.data + NGX_HTTP_FERROKV_CURSOR_SUMMED;

    if (crc != ngx_crc32_long(p, raw.len - NGX_HTTP_FERROKV_CURSOR_SUMMED)) {
        return NGX_DECLINED;
    }

    cursor->own = (raw.data[0] == NGX_HTTP_FERROKV_CURSOR_OWN);
    cursor->key.data = ngx_http_ferrokv_scan_lease(p, &cursor->lease);
    cursor->key.len = raw.len - NGX_HTTP_FERROKV_CURSOR_HEAD;

    return cursor->lease.id ? NGX_OK : NGX_DECLINED;
}
