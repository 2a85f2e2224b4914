
/*
 * The value of a record, little-endian:
 *
 *      0   1  version, 1
 *      1   7  0
 *      8   8  generation
 *     16   8  gone_ms
 *     24   8  stale_ms
 *     32      what rules/entry.h packs | the body; nothing in a mark
 *
 * If the entry's stamp is not 0 the body lies in a record of its own, whose
 * content type is the stamp in hexadecimal digits.
 */

#include "ngx_http_ferrokv_cache.h"

#include <endian.h>


#define NGX_HTTP_FERROKV_CACHE_VERSION  1


static void
ngx_http_ferrokv_cache_put64(u_char *p, uint64_t n)
{
    n = htole64(n);
    ngx_memcpy(p, &n, sizeof(uint64_t));
}


static uint64_t
ngx_http_ferrokv_cache_get64(const uint8_t *p)
{
    uint64_t  n;

    ngx_memcpy(&n, p, sizeof(uint64_t));

    return le64toh(n);
}


void
ngx_http_ferrokv_cache_envelope_put(u_char *p,
    const ngx_http_ferrokv_cache_envelope_t *envelope)
{
    ngx_memzero(p, NGX_HTTP_FERROKV_CACHE_ENVELOPE_LEN);

    p[0] = NGX_HTTP_FERROKV_CACHE_VERSION;
    ngx_http_ferrokv_cache_put64(p + 8, envelope->generation);
    ngx_http_ferrokv_cache_put64(p + 16, envelope->gone_ms);
    ngx_http_ferrokv_cache_put64(p + 24, envelope->stale_ms);
}


int
ngx_http_ferrokv_cache_unpack(fkv_str_t bytes,
    ngx_http_ferrokv_cache_envelope_t *envelope, fkv_rules_entry_t *entry)
{
    int     rc;
    size_t  body;

    if (bytes.len < NGX_HTTP_FERROKV_CACHE_ENVELOPE_LEN) {
        return FKV_ECORRUPT;
    }

    if (bytes.data[0] != NGX_HTTP_FERROKV_CACHE_VERSION) {
        return FKV_EVERSION;
    }

    envelope->generation = ngx_http_ferrokv_cache_get64(bytes.data + 8);
    envelope->gone_ms = ngx_http_ferrokv_cache_get64(bytes.data + 16);
    envelope->stale_ms = ngx_http_ferrokv_cache_get64(bytes.data + 24);

    bytes.data += NGX_HTTP_FERROKV_CACHE_ENVELOPE_LEN;
    bytes.len -= NGX_HTTP_FERROKV_CACHE_ENVELOPE_LEN;

    if (bytes.len == 0) {
        return FKV_NOTFOUND;
    }

    rc = fkv_rules_entry_unpack(entry, bytes);

    if (rc != FKV_OK) {
        return rc;
    }

    body = bytes.len - entry->meta_len;

    if (body != (entry->stamp ? 0 : entry->body_len)) {
        return FKV_ECORRUPT;
    }

    return FKV_OK;
}
