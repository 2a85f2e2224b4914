
#include "ngx_http_ferrokv_rest.h"


static ngx_int_t ngx_http_ferrokv_query_one(ngx_http_request_t *r,
    ngx_http_ferrokv_query_t *query, u_char *p, u_char *end,
    ngx_uint_t allowed, ngx_http_ferrokv_problem_t *problem);
static ngx_uint_t ngx_http_ferrokv_query_find(ngx_str_t *name);
static ngx_int_t ngx_http_ferrokv_query_flag(ngx_str_t *value,
    ngx_uint_t param, ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_bad_param(
    ngx_http_ferrokv_problem_t *problem, ngx_uint_t param, const char *why);


#define NGX_HTTP_FERROKV_LOG_NAME  64

typedef struct {
    ngx_str_t                  name;
    ngx_uint_t                 flag;        /* takes no value */
} ngx_http_ferrokv_param_t;

/* In the order of ngx_http_ferrokv_param_e. */
static ngx_http_ferrokv_param_t  ngx_http_ferrokv_params[] = {
    { ngx_string("all"), 1 },
    { ngx_string("atomic"), 1 },
    { ngx_string("batch"), 1 },
    { ngx_string("checkpoint"), 0 },
    { ngx_string("count"), 1 },
    { ngx_string("cursor"), 0 },
    { ngx_string("end"), 0 },
    { ngx_string("expires_at"), 0 },
    { ngx_string("incr"), 0 },
    { ngx_string("init"), 0 },
    { ngx_string("keepttl"), 1 },
    { ngx_string("limit"), 0 },
    { ngx_string("meta"), 1 },
    { ngx_string("persist"), 1 },
    { ngx_string("prefix"), 0 },
    { ngx_string("snapshot"), 0 },
    { ngx_string("start"), 0 },
    { ngx_string("sync"), 0 },
    { ngx_string("ttl"), 0 },
    { ngx_string("type"), 0 },
    { ngx_string("values"), 1 }
};


ngx_int_t
ngx_http_ferrokv_query_parse(ngx_http_request_t *r,
    ngx_http_ferrokv_query_t *query, ngx_uint_t allowed,
    ngx_http_ferrokv_problem_t *problem)
{
    u_char  *p, *end, *amp;

    query->given = 0;

    if (r->args.len == 0) {
        return NGX_OK;
    }

    p = r->args.data;
    end = p + r->args.len;

    while (p < end) {

        amp = ngx_strlchr(p, end, '&');

        if (amp == NULL) {
            amp = end;
        }

        if (amp > p
            && ngx_http_ferrokv_query_one(r, query, p, amp, allowed, problem)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        p = amp + 1;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_ferrokv_query_has(ngx_http_request_t *r,
    ngx_http_ferrokv_param_e param)
{
    u_char     *p, *end, *last;
    ngx_str_t  *name;

    name = &ngx_http_ferrokv_params[param].name;
    p = r->args.data;
    last = p + r->args.len;

    while (p < last) {

        end = ngx_strlchr(p, last, '&');

        if (end == NULL) {
            end = last;
        }

        if ((size_t) (end - p) >= name->len
            && ngx_memcmp(p, name->data, name->len) == 0
            && (p + name->len == end || p[name->len] == '='))
        {
            return 1;
        }

        p = end + 1;
    }

    return 0;
}


static ngx_int_t
ngx_http_ferrokv_query_one(ngx_http_request_t *r,
    ngx_http_ferrokv_query_t *query, u_char *p, u_char *end,
    ngx_uint_t allowed, ngx_http_ferrokv_problem_t *problem)
{
    size_t      bad;
    u_char     *equal;
    ngx_str_t   name, raw, *value;
    ngx_uint_t  param;

    equal = ngx_strlchr(p, end, '=');

    name.data = p;
    name.len = (equal ? equal : end) - p;
    raw.data = equal ? equal + 1 : end;
    raw.len = end - raw.data;

    param = ngx_http_ferrokv_query_find(&name);

    if (param == NGX_HTTP_FERROKV_PARAMS) {
        name.len = ngx_min(name.len, NGX_HTTP_FERROKV_LOG_NAME);
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "unknown_parameter",
                                     "unknown parameter \"%V\"", &name);
    }

    if ((allowed & (1u << param)) == 0) {
        return ngx_http_ferrokv_bad_param(problem, param,
                                          "does not go with this request");
    }

    if (query->given & (1u << param)) {
        return ngx_http_ferrokv_bad_param(problem, param, "is given twice");
    }

    query->given |= 1u << param;
    value = &query->value[param];
    *value = raw;

    if (ngx_strlchr(raw.data, end, '%') || ngx_strlchr(raw.data, end, '+')) {

        value->data = ngx_pnalloc(r->pool, raw.len);

        if (value->data == NULL) {
            ngx_http_ferrokv_fail_code(problem, FKV_ENOMEM);
            return NGX_ERROR;
        }

        if (ngx_http_ferrokv_decode(value->data, &raw, 1, &value->len, &bad)
            != NGX_OK)
        {
            return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                         "bad_encoding",
                         "parameter \"%V\": malformed percent-encoding at "
                         "position %uz of the query",
                         &ngx_http_ferrokv_params[param].name,
                         (size_t) (raw.data - r->args.data) + bad);
        }
    }

    if (ngx_http_ferrokv_params[param].flag) {
        return ngx_http_ferrokv_query_flag(value, param, problem);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_ferrokv_query_find(ngx_str_t *name)
{
    ngx_str_t   *known;
    ngx_uint_t   i;

    for (i = 0; i < NGX_HTTP_FERROKV_PARAMS; i++) {
        known = &ngx_http_ferrokv_params[i].name;

        if (known->len == name->len
            && ngx_memcmp(known->data, name->data, name->len) == 0)
        {
            break;
        }
    }

    return i;
}


/* "?meta", also "?meta=1" and "?meta=true"; "?meta=no" is not a "no". */
static ngx_int_t
ngx_http_ferrokv_query_flag(ngx_str_t *value, ngx_uint_t param,
    ngx_http_ferrokv_problem_t *problem)
{
    if (value->len == 0
        || (value->len == 1 && value->data[0] == '1')
        || (value->len == 4 && ngx_memcmp(value->data, "true", 4) == 0))
    {
        return NGX_OK;
    }

    return ngx_http_ferrokv_bad_param(problem, param, "takes no value");
}


static ngx_int_t
ngx_http_ferrokv_bad_param(ngx_http_ferrokv_problem_t *problem,
    ngx_uint_t param, const char *why)
{
    return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                 "bad_parameter", "parameter \"%V\" %s",
                                 &ngx_http_ferrokv_params[param].name, why);
}


ngx_int_t
ngx_http_ferrokv_decode(u_char *dst, ngx_str_t *src, ngx_uint_t plus,
    size_t *len, size_t *bad)
{
    u_char     *p, *end, *out;
    ngx_int_t   byte;

    p = src->data;
    end = p + src->len;
    out = dst;

    while (p < end) {

        if (*p == '+' && plus) {
            *out++ = ' ';
            p++;
            continue;
        }

        if (*p != '%') {
            *out++ = *p++;
            continue;
        }

        byte = (end - p >= 3) ? ngx_hextoi(p + 1, 2) : NGX_ERROR;

        if (byte == NGX_ERROR) {
            *bad = p - src->data;
            return NGX_ERROR;
        }

        *out++ = (u_char) byte;
        p += 3;
    }

    *len = out - dst;

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_query_int(ngx_http_ferrokv_query_t *query,
    ngx_http_ferrokv_param_e param, int64_t *n,
    ngx_http_ferrokv_problem_t *problem)
{
    ngx_str_t  *value;

    if ((query->given & (1u << param)) == 0) {
        return NGX_OK;
    }

    value = &query->value[param];

    if (ngx_ferrokv_parse_int(value->data, value->len, n) != NGX_OK) {
        return ngx_http_ferrokv_bad_param(problem, param,
                                          "is not a 64-bit integer");
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_parse_time(ngx_str_t *text, uint64_t now_ms,
    uint64_t *expire_at)
{
    size_t   len;
    int64_t  n;

    len = text->len;

    if (len > 2 && text->data[len - 2] == 'm' && text->data[len - 1] == 's') {

        if (ngx_ferrokv_parse_int(text->data, len - 2, &n) != NGX_OK) {
            return NGX_ERROR;
        }

    } else {

        if (ngx_ferrokv_parse_int(text->data, len, &n) != NGX_OK
            || n < 0 || n > INT64_MAX / 1000)
        {
            return NGX_ERROR;
        }

        n *= 1000;
    }

    if (n <= (int64_t) now_ms
        || (uint64_t) n - now_ms > NGX_FERROKV_TTL_MAX)
    {
        return NGX_ERROR;
    }

    *expire_at = n;

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_query_expiry(ngx_http_ferrokv_query_t *query,
    uint64_t now_ms, ngx_http_ferrokv_expiry_t *expiry,
    ngx_http_ferrokv_problem_t *problem)
{
    ngx_uint_t  given;

    ngx_memzero(expiry, sizeof(ngx_http_ferrokv_expiry_t));

    given = query->given & (ngx_http_ferrokv_bit(TTL)
                            |ngx_http_ferrokv_bit(EXPIRES_AT)
                            |ngx_http_ferrokv_bit(KEEPTTL)
                            |ngx_http_ferrokv_bit(PERSIST));

    if (given & (given - 1)) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                         "bad_parameter",
                         "at most one of the parameters \"ttl\", "
                         "\"expires_at\", \"keepttl\" and \"persist\" may "
                         "be given");
    }

    if (ngx_http_ferrokv_given(query, TTL)
        && ngx_ferrokv_parse_ttl(&query->value[NGX_HTTP_FERROKV_TTL],
                                 &expiry->ttl_ms)
           != NGX_OK)
    {
        return ngx_http_ferrokv_bad_param(problem, NGX_HTTP_FERROKV_TTL,
                         "is not a time to live: say \"1500ms\", \"30s\", "
                         "\"5m\", \"2h\", \"1d\" or seconds, at most 100 "
                         "years");
    }

    if (ngx_http_ferrokv_given(query, EXPIRES_AT)
        && ngx_http_ferrokv_parse_time(
                         &query->value[NGX_HTTP_FERROKV_EXPIRES_AT],
                         now_ms, &expiry->expire_at)
           != NGX_OK)
    {
        return ngx_http_ferrokv_bad_param(problem,
                         NGX_HTTP_FERROKV_EXPIRES_AT,
                         "is not a time to come: say seconds since 1970, or "
                         "milliseconds with \"ms\" behind");
    }

    expiry->keep = ngx_http_ferrokv_given(query, KEEPTTL) ? 1 : 0;
    expiry->persist = ngx_http_ferrokv_given(query, PERSIST) ? 1 : 0;

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_query_sync(ngx_http_ferrokv_query_t *query,
    ngx_flag_t danger, fkv_sync_e *sync, ngx_http_ferrokv_problem_t *problem)
{
    ngx_str_t  *value;

    *sync = FKV_SYNC_DEFAULT;

    if (!ngx_http_ferrokv_given(query, SYNC)) {
        return NGX_OK;
    }

    value = &query->value[NGX_HTTP_FERROKV_SYNC];

    if (value->len == 6 && ngx_memcmp(value->data, "always", 6) == 0) {
        *sync = FKV_SYNC_ALWAYS;

    } else if (value->len == 8 && ngx_memcmp(value->data, "everysec", 8) == 0)
    {
        *sync = FKV_SYNC_EVERYSEC;

    } else if (value->len == 3 && ngx_memcmp(value->data, "off", 3) == 0) {
        *sync = FKV_SYNC_OFF;

        if (!danger) {
            return ngx_http_ferrokv_fail(problem, NGX_HTTP_FORBIDDEN,
                         "danger_off",
                         "parameter \"sync\" may be \"off\" only where "
                         "ferrokv_rest has danger=on");
        }

    } else {
        return ngx_http_ferrokv_bad_param(problem, NGX_HTTP_FERROKV_SYNC,
                         "is not \"always\", \"everysec\" or \"off\"");
    }

    return NGX_OK;
}
