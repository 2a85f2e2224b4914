
/*
 * Keys of responses, and the names of their records.
 *
 * Without ferrokv_cache_key the key is scheme://host/path?args: the request's
 * line as the client sent it, so that try_files and index may lead wherever
 * they like; a subrequest's is its own URI, for its line is its parent's.
 */

#include "ngx_http_ferrokv_cache.h"


static ngx_int_t
ngx_http_ferrokv_cache_key_default(ngx_http_request_t *r, ngx_str_t *key)
{
    u_char                    *p;
    ngx_str_t                  scheme, host, uri, args;
    ngx_http_core_srv_conf_t  *cscf;

    ngx_str_set(&scheme, "http://");

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        ngx_str_set(&scheme, "https://");
    }
#endif

    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    host = r->headers_in.server.len ? r->headers_in.server : cscf->server_name;
    uri = r->unparsed_uri;
    ngx_str_null(&args);

    if (r != r->main && !r->background) {
        uri = r->uri;
        args = r->args;
    }

    key->len = scheme.len + host.len + uri.len
               + (args.len ? args.len + 1 : 0);

    p = ngx_pnalloc(r->pool, key->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    key->data = p;

    p = ngx_cpymem(p, scheme.data, scheme.len);
    p = ngx_cpymem(p, host.data, host.len);
    p = ngx_cpymem(p, uri.data, uri.len);

    if (args.len) {
        *p++ = '?';
        ngx_memcpy(p, args.data, args.len);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_cache_origin(ngx_http_request_t *r,
    fkv_rules_target_t *target, size_t *origin, ngx_str_t *key)
{
    u_char     *p, *last;
    ngx_str_t  *host;

    if (ngx_http_ferrokv_cache_key_default(r, key) != NGX_OK) {
        return NGX_ERROR;
    }

    last = key->data + key->len;

    p = ngx_strlchr(key->data, last, ':');

    target->scheme.data = key->data;
    target->scheme.len = p - key->data;

    p += sizeof("://") - 1;

    target->uri = ngx_ferrokv_str(&r->unparsed_uri);
    target->authority.data = p;
    target->authority.len = last - p - target->uri.len;

    *origin = key->len - target->uri.len;

    /* with its port, as others write it */

    if (r->headers_in.host) {
        host = &r->headers_in.host->value;
        target->authority = ngx_ferrokv_str(host);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_cache_key(ngx_http_request_t *r,
    ngx_http_ferrokv_cache_conf_t *conf, ngx_str_t *key)
{
    ngx_int_t  rc;

    rc = conf->key ? ngx_http_complex_value(r, conf->key, key)
                   : ngx_http_ferrokv_cache_key_default(r, key);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    if (key->len == 0
        || NGX_HTTP_FERROKV_CACHE_NAME_LEN(key) > FKV_KEY_BYTES_MAX)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


void
ngx_http_ferrokv_cache_mark_name(u_char *p, u_char kind, fkv_str_t of,
    fkv_str_t *name)
{
    name->data = p;
    name->len = NGX_HTTP_FERROKV_CACHE_MARK_LEN(of.len);

    p = ngx_cpymem(p, "cache/", sizeof("cache/") - 1);
    *p++ = kind;
    ngx_memcpy(p, of.data, of.len);
}


void
ngx_http_ferrokv_cache_name(u_char *p, ngx_str_t *key, ngx_str_t *variant,
    ngx_str_t *name)
{
    fkv_str_t  text;

    name->data = p;
    name->len = NGX_HTTP_FERROKV_CACHE_NAME_LEN(key);

    *p++ = 'e';
    p = ngx_cpymem(p, key->data, key->len);

    if (variant->len == 0) {
        *p++ = 'm';
        ngx_memset(p, 1, FKV_RULES_DIGEST_BYTES);
        return;
    }

    text = ngx_ferrokv_str(variant);

    *p++ = 'v';
    fkv_rules_variant_digest(text, p);
}


void
ngx_http_ferrokv_cache_body_name(u_char *p, ngx_str_t *key, ngx_str_t *variant,
    ngx_str_t *name)
{
    ngx_http_ferrokv_cache_name(p, key, variant, name);
    p[1 + key->len] = 'b';
}


void
ngx_http_ferrokv_cache_stamp(u_char *p, uint64_t stamp)
{
    ngx_uint_t  i;

    static const u_char  digit[] = "0123456789abcdef";

    for (i = NGX_HTTP_FERROKV_CACHE_STAMP_LEN; i > 0; i--) {
        p[i - 1] = digit[stamp & 0xf];
        stamp >>= 4;
    }
}
