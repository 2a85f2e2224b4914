
/*
 * Range and If-Range of a large value, of which only the bytes that are asked
 * for are read.  Of small values nginx's filter cuts the ranges; what is valid
 * here is what is valid there.  Several ranges at once answer the whole value,
 * as RFC 9110 allows: they would be put together in memory.
 */

#include "ngx_http_ferrokv_rest.h"


static ngx_uint_t ngx_http_ferrokv_part_wanted(ngx_http_request_t *r,
    uint64_t version);
static u_char *ngx_http_ferrokv_part_number(u_char *p, u_char *last,
    uint64_t *n);


ngx_int_t
ngx_http_ferrokv_part(ngx_http_request_t *r, uint64_t version, uint64_t size,
    uint64_t *first, uint64_t *end)
{
    u_char     *p, *last, *digits;
    uint64_t    from, to;
    ngx_str_t  *range;

    *first = 0;
    *end = size;

    if (!ngx_http_ferrokv_part_wanted(r, version)) {
        return NGX_DECLINED;
    }

    range = &r->headers_in.range->value;
    p = range->data + sizeof("bytes=") - 1;
    last = range->data + range->len;

    if (ngx_strlchr(p, last, ',')) {
        return NGX_DECLINED;
    }

    while (p < last && *p == ' ') {
        p++;
    }

    digits = p;
    p = ngx_http_ferrokv_part_number(p, last, &from);

    if (p == NULL || p == last || *p++ != '-') {
        return NGX_HTTP_RANGE_NOT_SATISFIABLE;
    }

    if (p - 1 == digits) {

        /* "-N": the last N bytes; some spaces may stand before the minus */

        p = ngx_http_ferrokv_part_number(p, last, &to);

        if (p == NULL || p != last || to == 0) {
            return NGX_HTTP_RANGE_NOT_SATISFIABLE;
        }

        *first = size - ngx_min(to, size);

        return NGX_OK;
    }

    while (p < last && *p == ' ') {
        p++;
    }

    if (p == last) {
        to = size - 1;                      /* "N-" */

    } else {
        p = ngx_http_ferrokv_part_number(p, last, &to);
    }

    if (p == NULL || p != last) {
        return NGX_HTTP_RANGE_NOT_SATISFIABLE;
    }

    if (from >= size || to < from) {
        return NGX_HTTP_RANGE_NOT_SATISFIABLE;
    }

    *first = from;
    *end = ngx_min(to, size - 1) + 1;

    return NGX_OK;
}


/* If-Range is our tag or nothing: dates of values are not known. */
static ngx_uint_t
ngx_http_ferrokv_part_wanted(ngx_http_request_t *r, uint64_t version)
{
    u_char                     tag[NGX_HTTP_FERROKV_ETAG_LEN], *last;
    ngx_str_t                 *text;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->headers_in.range == NULL
        || r->http_version < NGX_HTTP_VERSION_10
        || clcf->max_ranges == 0)
    {
        return 0;
    }

    text = &r->headers_in.range->value;

    if (text->len < sizeof("bytes=") - 1 + 1
        || ngx_strncasecmp(text->data, (u_char *) "bytes=",
                           sizeof("bytes=") - 1)
           != 0)
    {
        return 0;
    }

    if (r->headers_in.if_range == NULL) {
        return 1;
    }

    text = &r->headers_in.if_range->value;

    tag[0] = '"';
    last = ngx_http_ferrokv_print_uint(tag + 1, version);
    *last++ = '"';

    return text->len == (size_t) (last - tag)
           && ngx_memcmp(text->data, tag, text->len) == 0;
}


/* Digits, perhaps none, between spaces; NULL: it is too large. */
static u_char *
ngx_http_ferrokv_part_number(u_char *p, u_char *last, uint64_t *n)
{
    *n = 0;

    while (p < last && *p == ' ') {
        p++;
    }

    while (p < last && *p >= '0' && *p <= '9') {

        if (*n >= NGX_MAX_OFF_T_VALUE / 10) {
            return NULL;
        }

        *n = *n * 10 + (*p++ - '0');
    }

    while (p < last && *p == ' ') {
        p++;
    }

    return p;
}
