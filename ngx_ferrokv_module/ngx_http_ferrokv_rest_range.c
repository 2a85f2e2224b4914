
/*
 * DELETE of all keys with a prefix, or of all there are: one change, however
 * many keys it is about.  Nothing is deleted by a request that could not mean
 * it: no parameter, or an empty one, is refused.
 */

#include "ngx_http_ferrokv_rest.h"


typedef struct {
    ngx_http_ferrokv_target_t  target;
    fkv_update_t               update;
    fkv_change_t               change;
} ngx_http_ferrokv_range_t;


static ngx_int_t ngx_http_ferrokv_range_parse(ngx_http_ferrokv_range_t *range,
    ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_range_meant(
    ngx_http_ferrokv_target_t *target, ngx_http_ferrokv_query_t *query,
    ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_range_key(ngx_http_ferrokv_range_t *range,
    ngx_http_ferrokv_query_t *query, ngx_http_ferrokv_problem_t *problem);
static void ngx_http_ferrokv_range_on_done(fkv_op_t *op);
static ngx_int_t ngx_http_ferrokv_range_answer(void *data, int rc);


ngx_int_t
ngx_http_ferrokv_rest_range(ngx_http_ferrokv_target_t *target)
{
    int                          rc;
    ngx_http_request_t          *r;
    ngx_http_ferrokv_range_t    *range;
    ngx_http_ferrokv_problem_t   problem;

    r = target->request;

    range = ngx_pcalloc(r->pool, sizeof(ngx_http_ferrokv_range_t));
    if (range == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    range->target = *target;

    if (ngx_http_ferrokv_range_parse(range, &problem) != NGX_OK) {
        return ngx_http_ferrokv_send_problem(r, &problem);
    }

    range->change.ns = FKV_NAMESPACE_USER;
    range->change.prefix = true;
    range->change.action = FKV_DELETE;

    range->update.store = target->store->fkv;
    range->update.changes = &range->change;
    range->update.n = 1;
    range->update.now_ms = fkv_now_ms(target->store->fkv);
    range->update.op.on_done = ngx_http_ferrokv_range_on_done;
    range->update.op.data = range;

    rc = fkv_update(&range->update);

    if (rc == FKV_AGAIN) {
        return ngx_http_ferrokv_wait(r);
    }

    return ngx_http_ferrokv_range_answer(range, rc);
}


static ngx_int_t
ngx_http_ferrokv_range_parse(ngx_http_ferrokv_range_t *range,
    ngx_http_ferrokv_problem_t *problem)
{
    ngx_http_ferrokv_query_t    query;
    ngx_http_ferrokv_target_t  *target;

    target = &range->target;

    if (ngx_http_ferrokv_query_parse(target->request, &query,
                                     ngx_http_ferrokv_bit(PREFIX)
                                     |ngx_http_ferrokv_bit(ALL)
                                     |ngx_http_ferrokv_bit(SYNC),
                                     problem)
        != NGX_OK
        || ngx_http_ferrokv_range_meant(target, &query, problem) != NGX_OK
        || ngx_http_ferrokv_query_sync(&query, target->conf->danger,
                                       &range->update.sync, problem)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_ferrokv_range_key(range, &query, problem);
}


static ngx_int_t
ngx_http_ferrokv_range_meant(ngx_http_ferrokv_target_t *target,
    ngx_http_ferrokv_query_t *query, ngx_http_ferrokv_problem_t *problem)
{
    ngx_http_headers_in_t  *in;

    if (!ngx_http_ferrokv_given(query, PREFIX)
        && !ngx_http_ferrokv_given(query, ALL))
    {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "empty_key",
                                     "DELETE without a key: say which keys by "
                                     "\"?prefix=\", or \"?all=true\"");
    }

    if (ngx_http_ferrokv_given(query, PREFIX)
        && ngx_http_ferrokv_given(query, ALL))
    {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_parameter",
                                     "only one of the parameters \"prefix\" "
                                     "and \"all\" may be given");
    }

    if (ngx_http_ferrokv_given(query, PREFIX)
        && query->value[NGX_HTTP_FERROKV_PREFIX].len == 0)
    {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_parameter",
                                     "parameter \"prefix\" is empty: to "
                                     "delete everything say \"?all=true\"");
    }

    if (ngx_http_ferrokv_given(query, ALL) && !target->conf->danger) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_FORBIDDEN,
                                     "danger_off",
                                     "parameter \"all\" is taken only where "
                                     "ferrokv_rest has danger=on");
    }

    in = &target->request->headers_in;

    if (in->if_match || in->if_none_match) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_condition",
                                     "If-Match and If-None-Match are about "
                                     "one key, not about many");
    }

    return NGX_OK;
}


/* What the client calls a prefix has the location's before it. */
static ngx_int_t
ngx_http_ferrokv_range_key(ngx_http_ferrokv_range_t *range,
    ngx_http_ferrokv_query_t *query, ngx_http_ferrokv_problem_t *problem)
{
    u_char     *p;
    ngx_str_t  *before, *value, key;

    before = &range->target.prefix;
    key = *before;

    if (ngx_http_ferrokv_given(query, PREFIX)) {

        value = &query->value[NGX_HTTP_FERROKV_PREFIX];
        key.len = before->len + value->len;

        if (key.len > FKV_KEY_BYTES_MAX) {
            return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                         "key_too_long",
                                         "parameter \"prefix\" is longer than "
                                         "any key");
        }

        key.data = ngx_pnalloc(range->target.request->pool, key.len);
        if (key.data == NULL) {
            ngx_http_ferrokv_fail_code(problem, FKV_ENOMEM);
            return NGX_ERROR;
        }

        p = ngx_cpymem(key.data, before->data, before->len);
        ngx_memcpy(p, value->data, value->len);
    }

    range->change.key = ngx_ferrokv_str(&key);

    return NGX_OK;
}


static void
ngx_http_ferrokv_range_on_done(fkv_op_t *op)
{
    ngx_http_ferrokv_range_t  *range;

    range = op->data;

    ngx_http_ferrokv_done(range->target.request,
                          ngx_http_ferrokv_range_answer, range, op->rc);
}


static ngx_int_t
ngx_http_ferrokv_range_answer(void *data, int rc)
{
    ngx_http_ferrokv_range_t *range = data;

    ngx_ferrokv_json_t   json;
    ngx_http_request_t  *r;

    r = range->target.request;

    if (rc != FKV_OK) {
        return ngx_http_ferrokv_send_failure(&range->target, rc);
    }

    ngx_ferrokv_json_init(&json, r->pool, 64);
    ngx_ferrokv_json_text(&json, "{\"version\":");
    ngx_ferrokv_json_uint(&json, range->change.version);
    ngx_ferrokv_json_text(&json, "}\n");

    return ngx_http_ferrokv_send_json(r, NGX_HTTP_OK, &json);
}
