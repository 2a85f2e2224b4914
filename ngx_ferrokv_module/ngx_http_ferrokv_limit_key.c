
/*
 * ngx_http_ferrokv_limit_key.c - what a limit is for one request: its key, its
 * rate, its burst and cost, whether it applies at all.
 */

#include "ngx_http_ferrokv_limit.h"


#define NGX_HTTP_FERROKV_LIMIT_LOG_SECONDS  60


void
ngx_http_ferrokv_limit_trouble(ngx_log_t *log,
    ngx_http_ferrokv_limit_zone_t *zone, const char *what, ngx_str_t *value)
{
    u_char     buf[NGX_FERROKV_LOG_KEY_SIZE];
    ngx_str_t  text;

    ngx_http_ferrokv_limit_add(zone, NGX_HTTP_FERROKV_LIMIT_ERROR);

    if (zone->logged
        && ngx_time() - zone->logged < NGX_HTTP_FERROKV_LIMIT_LOG_SECONDS)
    {
        return;
    }

    zone->logged = ngx_time();

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "\"ferrokv_limit\": zone \"%V\": %s \"%V\" "
                  "(further ones within a minute are only counted)",
                  &zone->name, what,
                  ngx_ferrokv_log_key(&text, buf, value->data, value->len));
}


/* if=: absent, or anything but empty and "0" */

static ngx_int_t
ngx_http_ferrokv_limit_applies(ngx_http_request_t *r,
    ngx_http_complex_value_t *filter)
{
    ngx_str_t  value;

    if (filter == NULL) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, filter, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.len == 0 || (value.len == 1 && value.data[0] == '0')) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


#if (NGX_HAVE_INET6)

/* An IPv4 address in IPv6's clothes is one address, not a network. */

static void
ngx_http_ferrokv_limit_mask(u_char *addr, ngx_uint_t prefix)
{
    ngx_uint_t  i, bits;

    if (IN6_IS_ADDR_V4MAPPED((struct in6_addr *) addr)) {
        return;
    }

    for (i = 0; i < 16; i++) {
        bits = (prefix > i * 8) ? ngx_min(prefix - i * 8, 8) : 0;
        addr[i] &= (u_char) (0xff00 >> bits);
    }
}


static void
ngx_http_ferrokv_limit_mask_key(ngx_http_ferrokv_limit_zone_t *zone,
    ngx_str_t *key)
{
    struct in6_addr  addr;

    if (zone->ipv6_prefix == 128) {
        return;
    }

    if (zone->binary) {

        if (key->len == 16) {
            ngx_http_ferrokv_limit_mask(key->data, zone->ipv6_prefix);
        }

        return;
    }

    if (ngx_inet6_addr(key->data, key->len, addr.s6_addr) == NGX_OK) {
        ngx_http_ferrokv_limit_mask(addr.s6_addr, zone->ipv6_prefix);
        key->len = ngx_inet6_ntop(addr.s6_addr, key->data,
                                  NGX_INET6_ADDRSTRLEN);
    }
}

#endif


/* "ZONE:KEY" in the request's pool. */

static ngx_int_t
ngx_http_ferrokv_limit_key(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_zone_t *zone, fkv_str_t *result)
{
    u_char     *p, *last;
    ngx_str_t   key;

    if (ngx_http_complex_value(r, zone->key, &key) != NGX_OK) {
        return NGX_ERROR;
    }

    if (key.len == 0) {
        return NGX_DECLINED;
    }

    if (zone->name.len + 1 + key.len > FKV_KEY_BYTES_MAX) {
        ngx_http_ferrokv_limit_trouble(r->connection->log, zone,
                                       "the key is too long:", &key);
        return NGX_ABORT;
    }

    p = ngx_pnalloc(r->pool, zone->name.len + 1
                             + ngx_max(key.len, NGX_INET6_ADDRSTRLEN));
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = ngx_cpymem(p, zone->name.data, zone->name.len);
    *last++ = ':';

    ngx_memcpy(last, key.data, key.len);
    key.data = last;

#if (NGX_HAVE_INET6)
    ngx_http_ferrokv_limit_mask_key(zone, &key);
#endif

    result->data = p;
    result->len = last + key.len - p;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_limit_rate(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_zone_t *zone, fkv_rules_limit_rate_t *rate)
{
    ngx_str_t  value;

    if (zone->rate_value == NULL) {
        *rate = zone->rate;
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, zone->rate_value, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (fkv_rules_limit_parse_rate(ngx_ferrokv_str(&value), rate) != FKV_OK) {
        ngx_http_ferrokv_limit_trouble(r->connection->log, zone,
                                       "invalid rate", &value);
        return NGX_ABORT;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_limit_number(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_t *limit, ngx_http_ferrokv_limit_number_t *from,
    uint64_t max, const char *what, uint64_t *number)
{
    ngx_str_t  value;

    if (from->value == NULL) {
        *number = from->number;
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, from->value, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (fkv_rules_limit_parse_number(ngx_ferrokv_str(&value), max, number)
        != FKV_OK)
    {
        ngx_http_ferrokv_limit_trouble(r->connection->log, limit->zone, what,
                                       &value);
        return NGX_ABORT;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_limit_prepare_cost(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_t *limit, ngx_http_ferrokv_limit_check_t *check)
{
    ngx_int_t  rc;

    rc = ngx_http_ferrokv_limit_applies(r, limit->filter);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_ferrokv_limit_number(r, limit, &limit->cost,
                                         FKV_RULES_LIMIT_COST_MAX,
                                         "invalid cost", &check->cost);
}


ngx_int_t
ngx_http_ferrokv_limit_prepare(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_t *limit, ngx_http_ferrokv_limit_check_t *check)
{
    ngx_int_t                       rc;
    ngx_http_ferrokv_limit_zone_t  *zone;

    zone = limit->zone;

    check->limit = limit;
    check->cost = 1;

    if (limit->phase != NGX_HTTP_FERROKV_LIMIT_LOG) {
        rc = ngx_http_ferrokv_limit_prepare_cost(r, limit, check);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_ferrokv_limit_key(r, zone, &check->key);
    if (rc != NGX_OK) {
        return rc;
    }

    check->rule.algorithm = zone->algorithm;
    check->rule.delay = limit->delay;

    rc = ngx_http_ferrokv_limit_rate(r, zone, &check->rule.rate);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_ferrokv_limit_number(r, limit, &limit->burst,
                                         FKV_RULES_LIMIT_BURST_MAX,
                                         "invalid burst", &check->rule.burst);
}
