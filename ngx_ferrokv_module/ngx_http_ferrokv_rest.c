
/*
 * ferrokv_rest: the directive, and the first steps of every request - is the
 * method allowed, which key is meant.
 */

#include "ngx_http_ferrokv_rest.h"


static char *ngx_http_ferrokv_rest_arg(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_http_ferrokv_rest_conf_t *rest, ngx_str_t *store);
static ngx_int_t ngx_http_ferrokv_rest_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_ferrokv_rest_target(
    ngx_http_ferrokv_target_t *target, ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_rest_path(ngx_http_ferrokv_target_t *target,
    ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_rest_prefix(
    ngx_http_ferrokv_target_t *target, ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_rest_dispatch(
    ngx_http_ferrokv_target_t *target);
static ngx_int_t ngx_http_ferrokv_rest_act(ngx_http_ferrokv_target_t *target);
static ngx_int_t ngx_http_ferrokv_rest_look(
    ngx_http_ferrokv_target_t *target);
static ngx_int_t ngx_http_ferrokv_rest_allowed(
    ngx_http_ferrokv_target_t *target, ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_rest_no_key(
    ngx_http_ferrokv_target_t *target);


char *
ngx_http_ferrokv_rest(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ferrokv_loc_conf_t *flcf = conf;

    char                          *rv;
    ngx_str_t                     *args, store;
    ngx_uint_t                     i;
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_ferrokv_rest_conf_t  *rest;

    if (flcf->rest) {
        return "is duplicate";
    }

    rest = ngx_pcalloc(cf->pool, sizeof(ngx_http_ferrokv_rest_conf_t));
    if (rest == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_null(&store);
    args = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        rv = ngx_http_ferrokv_rest_arg(cf, &args[i], rest, &store);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    rest->store = ngx_ferrokv_store_ref(cf, &store);
    if (rest->store == NULL) {
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (rest->key == NULL
        && (clcf->named
#if (NGX_PCRE)
            || clcf->regex
#endif
           ))
    {
        return "needs key= in a location that is named or a regular "
               "expression";
    }

    rest->location = clcf->name;

    clcf->handler = ngx_http_ferrokv_rest_handler;
    flcf->rest = rest;

    return NGX_CONF_OK;
}


static char *
ngx_http_ferrokv_rest_arg(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_http_ferrokv_rest_conf_t *rest, ngx_str_t *store)
{
    ngx_str_t                  value;
    ngx_http_complex_value_t **expr;

    if (ngx_http_ferrokv_arg(arg, "store", store)) {
        return NGX_CONF_OK;
    }

    if (ngx_http_ferrokv_arg(arg, "write", &value)) {
        return ngx_http_ferrokv_flag(cf, &value, &rest->write);
    }

    if (ngx_http_ferrokv_arg(arg, "danger", &value)) {
        return ngx_http_ferrokv_flag(cf, &value, &rest->danger);
    }

    if (ngx_http_ferrokv_arg(arg, "key", &value)) {
        expr = &rest->key;

    } else if (ngx_http_ferrokv_arg(arg, "prefix", &value)) {
        expr = &rest->prefix;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\"", arg);
        return NGX_CONF_ERROR;
    }

    if (value.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "parameter \"%V\" is empty", arg);
        return NGX_CONF_ERROR;
    }

    *expr = ngx_http_ferrokv_compile(cf, &value);

    return *expr ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_http_ferrokv_flag(ngx_conf_t *cf, ngx_str_t *value, ngx_flag_t *flag)
{
    if (value->len == 2 && ngx_memcmp(value->data, "on", 2) == 0) {
        *flag = 1;

    } else if (value->len == 3 && ngx_memcmp(value->data, "off", 3) == 0) {
        *flag = 0;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\", it must be \"on\" or "
                           "\"off\"", value);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_ferrokv_rest_merge(ngx_conf_t *cf, ngx_http_ferrokv_loc_conf_t *prev,
    ngx_http_ferrokv_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* as proxy_pass: "if" and limit_except go on with the outer handler */

    if (conf->rest == NULL
        && prev->rest
        && clcf->noname
        && clcf->handler == NULL)
    {
        conf->rest = prev->rest;
        clcf->handler = ngx_http_ferrokv_rest_handler;
    }

    /* the core module has merged before us: max_value governs, not this */

    if (conf->rest) {
        clcf->client_max_body_size = 0;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_ferrokv_rest_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_ferrokv_target_t     target;
    ngx_http_ferrokv_problem_t    problem;
    ngx_http_ferrokv_loc_conf_t  *flcf;

    flcf = ngx_http_get_module_loc_conf(r, ngx_http_ferrokv_module);

    ngx_memzero(&target, sizeof(ngx_http_ferrokv_target_t));

    target.request = r;
    target.conf = flcf->rest;
    target.store = flcf->rest->store->store;

    if (ngx_http_ferrokv_rest_target(&target, &problem) != NGX_OK
        || ngx_http_ferrokv_rest_allowed(&target, &problem) != NGX_OK)
    {
        return ngx_http_ferrokv_send_problem(r, &problem);
    }

    if (r->method == NGX_HTTP_PUT
        || (r->method == NGX_HTTP_POST && target.collection
            && !target.snapshot))
    {
        return ngx_http_ferrokv_rest_dispatch(&target);
    }

    /* no other request has a body that means anything */

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_ferrokv_rest_dispatch(&target);
}


/* Finds the key; no copy is made unless it has to be decoded or prefixed. */
static ngx_int_t
ngx_http_ferrokv_rest_target(ngx_http_ferrokv_target_t *target,
    ngx_http_ferrokv_problem_t *problem)
{
    ngx_http_ferrokv_rest_conf_t  *conf;

    conf = target->conf;

    if (target->store == NULL || target->store->fkv == NULL) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_SERVICE_UNAVAILABLE,
                                     "closed", "the store is not open");
    }

    if (conf->key) {
        if (ngx_http_complex_value(target->request, conf->key, &target->key)
            != NGX_OK)
        {
            ngx_http_ferrokv_fail_code(problem, FKV_ENOMEM);
            return NGX_ERROR;
        }

        if (target->key.len == 0) {
            return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                         "empty_key", "the key is empty");
        }

    } else {
        if (ngx_http_ferrokv_rest_path(target, problem) != NGX_OK) {
            return NGX_ERROR;
        }

        target->collection = (target->key.len == 0);
    }

    if (conf->prefix
        && ngx_http_ferrokv_rest_prefix(target, problem) != NGX_OK)
    {
        return NGX_ERROR;
    }

    target->snapshot = target->collection
                       && (target->request->method
                           & (NGX_HTTP_POST|NGX_HTTP_DELETE))
                       && ngx_http_ferrokv_query_has(target->request,
                                                   NGX_HTTP_FERROKV_SNAPSHOT);

    if (target->key.len > FKV_KEY_BYTES_MAX) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "key_too_long",
                                     "the key is longer than %d bytes",
                                     FKV_KEY_BYTES_MAX);
    }

    return NGX_OK;
}


/*
 * The key is what the client wrote behind the location's name.  nginx's own
 * r->uri has lost double slashes and dots, so two keys could become one.  The
 * path of a subrequest is not the client's: it comes from the configuration or
 * a page, is decoded and has lost nothing.
 */
static ngx_int_t
ngx_http_ferrokv_rest_path(ngx_http_ferrokv_target_t *target,
    ngx_http_ferrokv_problem_t *problem)
{
    size_t               bad;
    u_char              *p, *end;
    ngx_str_t           *name, *path, raw;
    ngx_uint_t           encoded;
    ngx_http_request_t  *r;

    r = target->request;
    name = &target->conf->location;
    path = (r == r->main) ? &r->unparsed_uri : &r->uri;

    if (path->len < name->len
        || ngx_memcmp(path->data, name->data, name->len) != 0)
    {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_path",
                                     "the path of the request does not begin "
                                     "with the location's");
    }

    raw.data = path->data + name->len;
    raw.len = path->len - name->len;
    target->key = raw;

    if (r != r->main) {
        return NGX_OK;
    }

    end = raw.data + raw.len;
    encoded = 0;

    for (p = raw.data; p < end && *p != '?' && *p != '#'; p++) {
        encoded |= (*p == '%');
    }

    raw.len = p - raw.data;
    target->key = raw;

    if (!encoded) {
        return NGX_OK;
    }

    target->key.data = ngx_pnalloc(r->pool, raw.len);
    if (target->key.data == NULL) {
        ngx_http_ferrokv_fail_code(problem, FKV_ENOMEM);
        return NGX_ERROR;
    }

    if (ngx_http_ferrokv_decode(target->key.data, &raw, 0, &target->key.len,
                                &bad)
        != NGX_OK)
    {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_encoding",
                                     "malformed percent-encoding at position "
                                     "%uz of the path", name->len + bad);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_rest_prefix(ngx_http_ferrokv_target_t *target,
    ngx_http_ferrokv_problem_t *problem)
{
    u_char              *p;
    ngx_http_request_t  *r;

    r = target->request;

    if (ngx_http_complex_value(r, target->conf->prefix, &target->prefix)
        != NGX_OK)
    {
        ngx_http_ferrokv_fail_code(problem, FKV_ENOMEM);
        return NGX_ERROR;
    }

    /* a variable that is empty must not open the whole store */

    if (target->prefix.len == 0) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_FORBIDDEN,
                                     "empty_prefix",
                                     "this request has no key prefix");
    }

    p = ngx_pnalloc(r->pool, target->prefix.len + target->key.len);
    if (p == NULL) {
        ngx_http_ferrokv_fail_code(problem, FKV_ENOMEM);
        return NGX_ERROR;
    }

    ngx_memcpy(p, target->prefix.data, target->prefix.len);
    ngx_memcpy(p + target->prefix.len, target->key.data, target->key.len);

    target->key.data = p;
    target->key.len += target->prefix.len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_rest_allowed(ngx_http_ferrokv_target_t *target,
    ngx_http_ferrokv_problem_t *problem)
{
    const char          *allow;
    ngx_uint_t           known;
    ngx_http_request_t  *r;

    r = target->request;

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        return NGX_OK;
    }

    /* a snapshot is for reading */

    if (target->snapshot && r == r->main) {
        return NGX_OK;
    }

    /* a mirrored or included request would write twice */

    if (!target->conf->write || r != r->main) {
        known = 0;
        allow = "GET, HEAD";

    } else if (target->collection) {
        known = NGX_HTTP_POST|NGX_HTTP_DELETE|NGX_HTTP_PUT|NGX_HTTP_PATCH;
        allow = "GET, HEAD, POST, DELETE";

    } else {
        known = NGX_HTTP_POST|NGX_HTTP_DELETE|NGX_HTTP_PUT|NGX_HTTP_PATCH;
        allow = "GET, HEAD, PUT, POST, PATCH, DELETE";
    }

    if (r->method & known) {
        return NGX_OK;
    }

    (void) ngx_http_ferrokv_fail(problem, NGX_HTTP_NOT_ALLOWED,
                                 "method_not_allowed",
                                 "%V is not allowed here", &r->method_name);
    problem->allow = allow;

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_ferrokv_rest_dispatch(ngx_http_ferrokv_target_t *target)
{
    if (target->snapshot) {
        return ngx_http_ferrokv_rest_snapshot(target);
    }

    switch (target->request->method) {

    case NGX_HTTP_PUT:
        return target->collection ? ngx_http_ferrokv_rest_no_key(target)
                                  : ngx_http_ferrokv_rest_put(target);

    case NGX_HTTP_PATCH:
        return target->collection ? ngx_http_ferrokv_rest_no_key(target)
                                  : ngx_http_ferrokv_rest_patch(target);

    case NGX_HTTP_POST:
        return target->collection ? ngx_http_ferrokv_rest_act(target)
                                  : ngx_http_ferrokv_rest_post(target);

    case NGX_HTTP_DELETE:
        return target->collection ? ngx_http_ferrokv_rest_range(target)
                                  : ngx_http_ferrokv_rest_delete(target);

    default: /* GET, HEAD */
        return target->collection ? ngx_http_ferrokv_rest_look(target)
                                  : ngx_http_ferrokv_rest_read(target);
    }
}


/* What the collection is asked to do: a parameter says it. */
static ngx_int_t
ngx_http_ferrokv_rest_act(ngx_http_ferrokv_target_t *target)
{
    if (ngx_http_ferrokv_query_has(target->request,
                                   NGX_HTTP_FERROKV_CHECKPOINT))
    {
        return ngx_http_ferrokv_rest_checkpoint(target);
    }

    return ngx_http_ferrokv_rest_batch(target);
}


static ngx_int_t
ngx_http_ferrokv_rest_look(ngx_http_ferrokv_target_t *target)
{
    if (ngx_http_ferrokv_query_has(target->request, NGX_HTTP_FERROKV_COUNT)) {
        return ngx_http_ferrokv_rest_count(target);
    }

    return ngx_http_ferrokv_rest_list(target);
}


static ngx_int_t
ngx_http_ferrokv_rest_no_key(ngx_http_ferrokv_target_t *target)
{
    ngx_http_ferrokv_problem_t  problem;

    (void) ngx_http_ferrokv_fail(&problem, NGX_HTTP_BAD_REQUEST, "empty_key",
                                 "%V without a key",
                                 &target->request->method_name);

    return ngx_http_ferrokv_send_problem(target->request, &problem);
}
