
/*
 * ngx_ferrokv_json.h - writing JSON into one growing buffer of a pool.
 *
 * A failed allocation is remembered in json->failed and everything after it
 * is ignored: check once, at the end.  Parsing is jansson's affair.
 */

#ifndef _NGX_FERROKV_JSON_H_INCLUDED_
#define _NGX_FERROKV_JSON_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_pool_t                *pool;
    u_char                    *start;
    u_char                    *pos;
    u_char                    *end;
    ngx_uint_t                 failed;
} ngx_ferrokv_json_t;


void ngx_ferrokv_json_init(ngx_ferrokv_json_t *json, ngx_pool_t *pool,
    size_t size);

/* JSON text as it stands. */
void ngx_ferrokv_json_raw(ngx_ferrokv_json_t *json, const void *data,
    size_t len);

#define ngx_ferrokv_json_text(json, literal)                                  \
    ngx_ferrokv_json_raw(json, literal, sizeof(literal) - 1)

/* A quoted string; bytes that are not UTF-8 become U+FFFD. */
void ngx_ferrokv_json_string(ngx_ferrokv_json_t *json, const void *data,
    size_t len);

void ngx_ferrokv_json_uint(ngx_ferrokv_json_t *json, uint64_t n);

/*
 * A member of an object that holds any bytes: "name":"text", or
 * "name_b64":"..." if they are not UTF-8.
 */
void ngx_ferrokv_json_bytes(ngx_ferrokv_json_t *json, const char *name,
    const void *data, size_t len);

/* As RFC 3629 has it: no surrogates, nothing overlong. */
ngx_uint_t ngx_ferrokv_utf8_valid(const u_char *p, size_t len);


static ngx_inline size_t
ngx_ferrokv_json_size(ngx_ferrokv_json_t *json)
{
    return json->pos - json->start;
}


#endif /* _NGX_FERROKV_JSON_H_INCLUDED_ */
