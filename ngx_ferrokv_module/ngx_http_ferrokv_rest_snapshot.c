
/*
 * Snapshots across requests: POST ?snapshot takes one, POST ?snapshot=TOKEN
 * makes it live longer, DELETE ?snapshot=TOKEN ends it, reads name it.
 *
 * None of these changes data, and who may only read needs them most, so they
 * do not ask for write=on.  But a snapshot keeps old versions on the disk:
 * without write=on it lives as a cursor does, a minute at a time.
 */

#include "ngx_http_ferrokv_rest.h"

#include <sys/random.h>


#define NGX_HTTP_FERROKV_TOKEN_BYTES   16
#define NGX_HTTP_FERROKV_TOKEN_LEN     22
#define NGX_HTTP_FERROKV_SNAPSHOT_MAX  (60 * 60 * 1000)


static ngx_int_t ngx_http_ferrokv_snapshot_query(
    ngx_http_ferrokv_target_t *target, fkv_lease_t *lease, uint64_t *ttl_ms,
    ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_snapshot_send(
    ngx_http_ferrokv_target_t *target, ngx_uint_t status, fkv_lease_t *lease,
    uint64_t ttl_ms);


ngx_int_t
ngx_http_ferrokv_rest_snapshot(ngx_http_ferrokv_target_t *target)
{
    int                          rc;
    fkv_t                       *store;
    uint64_t                     ttl_ms, nonce, lsn;
    ngx_uint_t                   status;
    fkv_lease_t                  lease;
    ngx_http_request_t          *r;
    ngx_http_ferrokv_problem_t   problem;

    r = target->request;
    store = target->store->fkv;

    if (ngx_http_ferrokv_snapshot_query(target, &lease, &ttl_ms, &problem)
        != NGX_OK)
    {
        return ngx_http_ferrokv_send_problem(r, &problem);
    }

    if (r->method == NGX_HTTP_DELETE) {
        rc = fkv_snapshot_drop(store, &lease);

        return (rc == FKV_OK)
               ? ngx_http_ferrokv_send_empty(r, NGX_HTTP_NO_CONTENT)
               : ngx_http_ferrokv_send_failure(target, rc);
    }

    if (lease.id) {
        status = NGX_HTTP_OK;
        rc = fkv_snapshot_renew(store, &lease, ttl_ms, false, &ttl_ms);

    } else {
        status = NGX_HTTP_CREATED;
        rc = (ngx_http_ferrokv_nonce(&nonce) == NGX_OK)
             ? fkv_snapshot_take(store, ttl_ms, nonce, &lease, &lsn)
             : FKV_ENOMEM;
    }

    if (rc == FKV_EFULL) {
        return ngx_http_ferrokv_send_crowded(r);
    }

    if (rc != FKV_OK) {
        return ngx_http_ferrokv_send_failure(target, rc);
    }

    return ngx_http_ferrokv_snapshot_send(target, status, &lease, ttl_ms);
}


/* lease.id is 0 if there is no token, which only a POST may lack. */
static ngx_int_t
ngx_http_ferrokv_snapshot_query(ngx_http_ferrokv_target_t *target,
    fkv_lease_t *lease, uint64_t *ttl_ms, ngx_http_ferrokv_problem_t *problem)
{
    uint64_t                    max;
    ngx_uint_t                  post;
    ngx_http_ferrokv_query_t    query;
    ngx_http_ferrokv_expiry_t   expiry;

    post = (target->request->method == NGX_HTTP_POST);

    if (ngx_http_ferrokv_query_parse(target->request, &query,
                                     post ? ngx_http_ferrokv_bit(SNAPSHOT)
                                            |ngx_http_ferrokv_bit(TTL)
                                          : ngx_http_ferrokv_bit(SNAPSHOT),
                                     problem)
        != NGX_OK
        || ngx_http_ferrokv_query_expiry(&query, 0, &expiry, problem)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    max = target->conf->write ? NGX_HTTP_FERROKV_SNAPSHOT_MAX
                              : NGX_HTTP_FERROKV_LEASE_MS;

    *ttl_ms = expiry.ttl_ms ? expiry.ttl_ms : NGX_HTTP_FERROKV_LEASE_MS;

    if (*ttl_ms > max) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_parameter",
                                     "parameter \"ttl\": a snapshot lives for "
                                     "%uL seconds at most here, unless it is "
                                     "renewed", max / 1000);
    }

    ngx_memzero(lease, sizeof(fkv_lease_t));

    if (post && query.value[NGX_HTTP_FERROKV_SNAPSHOT].len == 0) {
        return NGX_OK;
    }

    return ngx_http_ferrokv_query_lease(&query, lease, problem);
}


static ngx_int_t
ngx_http_ferrokv_snapshot_send(ngx_http_ferrokv_target_t *target,
    ngx_uint_t status, fkv_lease_t *lease, uint64_t ttl_ms)
{
    ngx_str_t            token, raw;
    u_char               text[NGX_HTTP_FERROKV_TOKEN_LEN + 2];
    u_char               bytes[NGX_HTTP_FERROKV_TOKEN_BYTES];
    ngx_ferrokv_json_t   json;

    raw.data = bytes;
    raw.len = ngx_http_ferrokv_print_lease(bytes, lease) - bytes;
    token.data = text;
    ngx_encode_base64url(&token, &raw);

    ngx_ferrokv_json_init(&json, target->request->pool, 128);
    ngx_ferrokv_json_text(&json, "{\"snapshot\":\"");
    ngx_ferrokv_json_raw(&json, token.data, token.len);
    ngx_ferrokv_json_text(&json, "\",\"ttl_ms\":");
    ngx_ferrokv_json_uint(&json, ttl_ms);
    ngx_ferrokv_json_text(&json, "}\n");

    return ngx_http_ferrokv_send_json(target->request, status, &json);
}


ngx_int_t
ngx_http_ferrokv_query_lease(ngx_http_ferrokv_query_t *query,
    fkv_lease_t *lease, ngx_http_ferrokv_problem_t *problem)
{
    u_char      bytes[NGX_HTTP_FERROKV_TOKEN_BYTES + 2];
    ngx_str_t  *token, raw;

    token = &query->value[NGX_HTTP_FERROKV_SNAPSHOT];
    raw.data = bytes;

    if (token->len == NGX_HTTP_FERROKV_TOKEN_LEN
        && ngx_decode_base64url(&raw, token) == NGX_OK
        && raw.len == NGX_HTTP_FERROKV_TOKEN_BYTES)
    {
        (void) ngx_http_ferrokv_scan_lease(raw.data, lease);

        if (lease->id) {
            return NGX_OK;
        }
    }

    return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                 "bad_snapshot",
                                 "parameter \"snapshot\" is not a token that "
                                 "POST ?snapshot gave");
}


u_char *
ngx_http_ferrokv_print_lease(u_char *p, const fkv_lease_t *lease)
{
    ngx_uint_t  i;

    for (i = 0; i < 8; i++) {
        *p++ = (u_char) (lease->id >> 8 * i);
    }

    for (i = 0; i < 8; i++) {
        *p++ = (u_char) (lease->nonce >> 8 * i);
    }

    return p;
}


u_char *
ngx_http_ferrokv_scan_lease(u_char *p, fkv_lease_t *lease)
{
    ngx_uint_t  i;

    ngx_memzero(lease, sizeof(fkv_lease_t));

    for (i = 0; i < 8; i++) {
        lease->id |= (uint64_t) *p++ << 8 * i;
    }

    for (i = 0; i < 8; i++) {
        lease->nonce |= (uint64_t) *p++ << 8 * i;
    }

    return p;
}


ngx_int_t
ngx_http_ferrokv_nonce(uint64_t *nonce)
{
    return (getrandom(nonce, sizeof(uint64_t), GRND_NONBLOCK)
            == (ssize_t) sizeof(uint64_t))
           ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_ferrokv_send_crowded(ngx_http_request_t *r)
{
    ngx_http_ferrokv_problem_t  problem;

    (void) ngx_http_ferrokv_fail(&problem, NGX_HTTP_SERVICE_UNAVAILABLE,
                                 "too_many_snapshots",
                                 "too many snapshots and cursors are held; "
                                 "the oldest end within their time to live");

    return ngx_http_ferrokv_send_problem(r, &problem);
}
