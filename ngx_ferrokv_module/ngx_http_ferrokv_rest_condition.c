
/*
 * Conditions of RFC 9110 on our entity tags, the version in quotes.  nginx's
 * own filter comes too late for writes, answers in HTML and takes a missing
 * Last-Modified for an old one, so it is switched off where we answer.
 */

#include "ngx_http_ferrokv_rest.h"


static ngx_uint_t ngx_http_ferrokv_tag_listed(ngx_table_elt_t *header,
    uint64_t version, ngx_uint_t weak);


/*
 * Is the version in the list?  A tag of ours holds neither comma nor quote, so
 * the list may be cut at commas: a foreign tag with a comma in it matches
 * nothing in either piece, for both pieces lack a quote.
 */
static ngx_uint_t
ngx_http_ferrokv_tag_listed(ngx_table_elt_t *header, uint64_t version,
    ngx_uint_t weak)
{
    size_t   len;
    u_char  *p, *end, *comma, *last, tag[NGX_HTTP_FERROKV_ETAG_LEN];

    tag[0] = '"';
    last = ngx_http_ferrokv_print_uint(tag + 1, version);
    *last++ = '"';
    len = last - tag;

    p = header->value.data;
    end = p + header->value.len;

    for ( ;; ) {

        comma = ngx_strlchr(p, end, ',');
        last = comma ? comma : end;

        while (p < last && (*p == ' ' || *p == '\t')) {
            p++;
        }

        while (last > p && (last[-1] == ' ' || last[-1] == '\t')) {
            last--;
        }

        /* gzip makes our tag a weak one on its way out */

        if (weak && last - p > 2 && p[0] == 'W' && p[1] == '/') {
            p += 2;
        }

        if ((size_t) (last - p) == len && ngx_memcmp(p, tag, len) == 0) {
            return 1;
        }

        if (comma == NULL) {
            return 0;
        }

        p = comma + 1;
    }
}


ngx_uint_t
ngx_http_ferrokv_if_match(ngx_http_request_t *r, ngx_uint_t exists,
    uint64_t version)
{
    ngx_table_elt_t  *h;

    h = r->headers_in.if_match;

    if (h == NULL) {
        return 1;
    }

    if (!exists) {
        return 0;
    }

    return (h->value.len == 1 && h->value.data[0] == '*')
           || ngx_http_ferrokv_tag_listed(h, version, 0);
}


ngx_uint_t
ngx_http_ferrokv_if_none_match(ngx_http_request_t *r, ngx_uint_t exists,
    uint64_t version)
{
    ngx_table_elt_t  *h;

    h = r->headers_in.if_none_match;

    if (h == NULL || !exists) {
        return 1;
    }

    if (h->value.len == 1 && h->value.data[0] == '*') {
        return 0;
    }

    return !ngx_http_ferrokv_tag_listed(h, version, 1);
}


ngx_uint_t
ngx_http_ferrokv_match(ngx_http_request_t *r, ngx_uint_t exists,
    uint64_t version)
{
    return ngx_http_ferrokv_if_match(r, exists, version)
           && ngx_http_ferrokv_if_none_match(r, exists, version);
}
