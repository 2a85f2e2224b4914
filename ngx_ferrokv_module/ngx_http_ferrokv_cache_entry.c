
/*
 * The value of a record, little-endian:
 *
 *      0   1  version, 1
 *      1   7  0
 *      8   8  generation
 *     16      what rules/entry.h packs | the body
 */

#include "ngx_http_ferrokv_cache.h"

#include <endian.h>


#define NGX_HTTP_FERROKV_CACHE_VERSION  1


void
ngx_http_ferrokv_cache_envelope_put(u_char *p,
    const ngx_http_ferrokv_cache_envelope_t *envelope)
{
    uint64_t  generation;

    ngx_memzero(p, NGX_HTTP_FERROKV_CACHE_ENVELOPE_LEN);

    p[0] = NGX_HTTP_FERROKV_CACHE_VERSION;

    generation = htole64(envelope->generation);
    ngx_memcpy(p + 8, &generation, sizeof(uint64_t));
}


int
ngx_http_ferrokv_cache_unpack(fkv_str_t bytes,
    ngx_http_ferrokv_cache_envelope_t *envelope, fkv_rules_entry_t *entry)
{
    int       rc;
    uint64_t  generation;

    if (bytes.len < NGX_HTTP_FERROKV_CACHE_ENVELOPE_LEN) {
        return FKV_ECORRUPT;
    }

    if (bytes.data[0] != NGX_HTTP_FERROKV_CACHE_VERSION) {
        return FKV_EVERSION;
    }

    ngx_memcpy(&generation, bytes.data + 8, sizeof(uint64_t));
    envelope->generation = le64toh(generation);

    bytes.data += NGX_HTTP_FERROKV_CACHE_ENVELOPE_LEN;
    bytes.len -= NGX_HTTP_FERROKV_CACHE_ENVELOPE_LEN;

    rc = fkv_rules_entry_unpack(entry, bytes);

    if (rc == FKV_OK && entry->body_len != bytes.len - entry->meta_len) {
        return FKV_ECORRUPT;
    }

    return rc;
}
