
/*
 * ngx_ferrokv_parse.c - the grammar and the words that all faces share.
 */

#include "ngx_ferrokv.h"
#include "commands/number.h"

#include <ngx_http.h>


typedef struct {
    ngx_str_t                  name;
    uint64_t                   ms;
} ngx_ferrokv_unit_t;


static ngx_ferrokv_unit_t  ngx_ferrokv_units[] = {
    { ngx_string(""), 1000 },
    { ngx_string("ms"), 1 },
    { ngx_string("s"), 1000 },
    { ngx_string("m"), 60 * 1000 },
    { ngx_string("h"), 3600 * 1000 },
    { ngx_string("d"), 86400 * 1000 },
    { ngx_string("w"), 7 * 86400 * 1000 },
};


ngx_uint_t
ngx_ferrokv_arg(ngx_str_t *arg, const char *name, ngx_str_t *value)
{
    size_t  len;

    len = ngx_strlen(name);

    if (arg->len <= len
        || arg->data[len] != '='
        || ngx_strncmp(arg->data, name, len) != 0)
    {
        return 0;
    }

    value->data = arg->data + len + 1;
    value->len = arg->len - len - 1;

    return 1;
}


ngx_int_t
ngx_ferrokv_parse_ttl(ngx_str_t *text, uint64_t *ttl_ms)
{
    u_char      *p, *last;
    uint64_t     n, ms;
    ngx_uint_t   i;
    ngx_str_t   *unit;

    n = 0;
    p = text->data;
    last = p + text->len;

    for ( /* void */ ; p < last && *p >= '0' && *p <= '9'; p++) {

        if (n > NGX_FERROKV_TTL_MAX) {
            return NGX_ERROR;
        }

        n = n * 10 + (*p - '0');
    }

    if (p == text->data || n == 0) {
        return NGX_ERROR;
    }

    for (i = 0; i < sizeof(ngx_ferrokv_units) / sizeof(ngx_ferrokv_unit_t); i++)
    {
        unit = &ngx_ferrokv_units[i].name;
        ms = ngx_ferrokv_units[i].ms;

        if (unit->len != (size_t) (last - p)
            || ngx_strncmp(unit->data, p, unit->len) != 0)
        {
            continue;
        }

        if (n > NGX_FERROKV_TTL_MAX / ms) {
            return NGX_ERROR;
        }

        *ttl_ms = n * ms;

        return NGX_OK;
    }

    return NGX_ERROR;
}


ngx_int_t
ngx_ferrokv_parse_int(const u_char *p, size_t len, int64_t *n)
{
    fkv_str_t  text = { p, len };

    return fkv_number_int(text, n) == FKV_OK ? NGX_OK : NGX_ERROR;
}


ngx_str_t *
ngx_ferrokv_log_key(ngx_str_t *out, u_char *buf, const void *key, size_t len)
{
    fkv_str_t  str = { key, len };

    out->data = buf;
    out->len = fkv_text_key((char *) buf, str);

    return out;
}


ngx_uint_t
ngx_ferrokv_http_status(int rc)
{
    switch (rc) {

    case FKV_OK:
        return NGX_HTTP_OK;

    case FKV_NOTFOUND:
    case FKV_END:
        return NGX_HTTP_NOT_FOUND;

    case FKV_EXISTS:
    case FKV_PRECONDITION:
        return NGX_HTTP_PRECONDITION_FAILED;

    case FKV_NOTINT:
    case FKV_WRONGTYPE:
        return NGX_HTTP_CONFLICT;

    case FKV_GONE:
        return 410;

    case FKV_EINVAL:
        return NGX_HTTP_BAD_REQUEST;

    case FKV_EDENIED:
        return NGX_HTTP_FORBIDDEN;

    case FKV_EMISSING:
        return NGX_HTTP_NOT_IMPLEMENTED;

    case FKV_ETOOBIG:
        return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;

    case FKV_EFULL:
    case FKV_EMAXSIZE:
    case FKV_EQUOTA:
        return NGX_HTTP_INSUFFICIENT_STORAGE;

    case FKV_CONFLICT:
    case FKV_EREADONLY:
    case FKV_EIO:
    case FKV_ENOMEM:
    case FKV_EBUSY:
    case FKV_EOWNERDEAD:
    case FKV_ECANCELED:
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    /* FKV_ECORRUPT, FKV_EVERSION, and FKV_AGAIN, which is no end */

    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}


fkv_str_t
ngx_ferrokv_code_said(ngx_ferrokv_store_t *store, int rc)
{
    fkv_str_t    said;
    const char  *text;

    if (rc == FKV_EDENIED) {
        said = fkv_refusal(store->fkv);

        if (said.len > 0) {
            return said;
        }
    }

    text = fkv_code_text(rc);
    said.data = (const u_char *) text;
    said.len = ngx_strlen(text);

    return said;
}


ngx_uint_t
ngx_ferrokv_log_level(int rc)
{
    switch (rc) {

    case FKV_ECORRUPT:
    case FKV_EIO:
    case FKV_EFULL:
    case FKV_ENOMEM:
        return NGX_LOG_CRIT;

    case FKV_CONFLICT:
    case FKV_EMAXSIZE:
    case FKV_EDENIED:
        return NGX_LOG_WARN;
    }

    return NGX_LOG_ERR;
}


void
ngx_ferrokv_log_failure(ngx_log_t *log, ngx_str_t *what,
    ngx_ferrokv_store_t *store, fkv_str_t key, int rc)
{
    u_char     buf[NGX_FERROKV_LOG_KEY_SIZE];
    ngx_str_t  text;
    fkv_str_t  said;

    said = ngx_ferrokv_code_said(store, rc);

    ngx_log_error(ngx_ferrokv_log_level(rc), log, 0,
                  "\"%V\": key \"%V\" of store \"%V\": %*s", what,
                  ngx_ferrokv_log_key(&text, buf, key.data, key.len),
                  &store->name, said.len, said.data);
}
