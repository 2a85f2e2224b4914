
/*
 * A cursor is a place between keys, told in letters a URL can hold: base64url
 * of { format 1, crc32 of the rest 4, key }.  The sum tells a cursor that was
 * cut, mistyped or made up from one of ours; it is no secret.
 */

#include "ngx_http_ferrokv_rest.h"


#define NGX_HTTP_FERROKV_CURSOR_FORMAT  1
#define NGX_HTTP_FERROKV_CURSOR_HEAD    5


ngx_int_t
ngx_http_ferrokv_cursor_print(ngx_pool_t *pool, ngx_str_t *key,
    ngx_str_t *cursor)
{
    u_char     *p;
    uint32_t    crc;
    ngx_str_t   raw;

    raw.len = NGX_HTTP_FERROKV_CURSOR_HEAD + key->len;
    raw.data = ngx_pnalloc(pool, raw.len);
    cursor->data = ngx_pnalloc(pool, ngx_base64_encoded_length(raw.len));

    if (raw.data == NULL || cursor->data == NULL) {
        return NGX_ERROR;
    }

    crc = ngx_crc32_long(key->data, key->len);

    p = raw.data;
    *p++ = NGX_HTTP_FERROKV_CURSOR_FORMAT;
    *p++ = (u_char) crc;
    *p++ = (u_char) (crc >> 8);
    *p++ = (u_char) (crc >> 16);
    *p++ = (u_char) (crc >> 24);
    ngx_memcpy(p, key->data, key->len);

    ngx_encode_base64url(cursor, &raw);

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_cursor_parse(ngx_pool_t *pool, ngx_str_t *cursor,
    ngx_str_t *key)
{
    u_char     *p;
    uint32_t    crc;
    ngx_str_t   raw;

    raw.data = ngx_pnalloc(pool, ngx_base64_decoded_length(cursor->len));
    if (raw.data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_decode_base64url(&raw, cursor) != NGX_OK
        || raw.len <= NGX_HTTP_FERROKV_CURSOR_HEAD
        || raw.data[0] != NGX_HTTP_FERROKV_CURSOR_FORMAT)
    {
        return NGX_DECLINED;
    }

    p = raw.data + 1;
    crc = p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16
          | (uint32_t) p[3] << 24;

    key->data = raw.data + NGX_HTTP_FERROKV_CURSOR_HEAD;
    key->len = raw.len - NGX_HTTP_FERROKV_CURSOR_HEAD;

    return (crc == ngx_crc32_long(key->data, key->len)) ? NGX_OK
                                                        : NGX_DECLINED;
}
