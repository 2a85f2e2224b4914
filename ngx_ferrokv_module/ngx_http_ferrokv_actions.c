
/*
 * ngx_http_ferrokv_actions.c - the directives ferrokv_get, _set, _incr, _ttl
 * and _del, and when they run.
 *
 * All actions are numbered.  Each runs at most once for a client request, in
 * the order of its location's list, however often internal redirects bring the
 * request through the preaccess phase: ctx->done has a bit for each that has
 * run.  For one of phase=log the bit says that a location of the request has
 * it; those, and the ones of the location in which the request ends, run after
 * the response.
 */

#include "ngx_http_ferrokv_action.h"


typedef struct {
    char                         *name;
    ngx_uint_t                    param;
    size_t                        offset;   /* of a complex value */
    ngx_int_t                   (*check)(ngx_str_t *value);
} ngx_http_ferrokv_param_t;


static ngx_int_t ngx_http_ferrokv_check_ttl(ngx_str_t *value);
static ngx_int_t ngx_http_ferrokv_check_int(ngx_str_t *value);


static ngx_http_ferrokv_param_t  ngx_http_ferrokv_params[] = {
    { "default", NGX_HTTP_FERROKV_PARAM_DEFAULT,
      offsetof(ngx_http_ferrokv_action_t, fallback), NULL },

    { "ttl", NGX_HTTP_FERROKV_PARAM_TTL,
      offsetof(ngx_http_ferrokv_action_t, ttl), ngx_http_ferrokv_check_ttl },

    { "by", NGX_HTTP_FERROKV_PARAM_BY,
      offsetof(ngx_http_ferrokv_action_t, by), ngx_http_ferrokv_check_int },

    { "init", NGX_HTTP_FERROKV_PARAM_INIT,
      offsetof(ngx_http_ferrokv_action_t, init), ngx_http_ferrokv_check_int },

    { "if", NGX_HTTP_FERROKV_PARAM_IF,
      offsetof(ngx_http_ferrokv_action_t, filter), NULL },

    { NULL, 0, 0, NULL }
};


/* What the configuration says */

static ngx_int_t
ngx_http_ferrokv_check_ttl(ngx_str_t *value)
{
    uint64_t  ttl_ms;

    return value->len ? ngx_ferrokv_parse_ttl(value, &ttl_ms) : NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_check_int(ngx_str_t *value)
{
    int64_t  n;

    return value->len ? ngx_ferrokv_parse_int(value->data, value->len, &n)
                      : NGX_OK;
}


/* NGX_DECLINED: it is no parameter with an expression. */

static ngx_int_t
ngx_http_ferrokv_expression_param(ngx_conf_t *cf,
    ngx_http_ferrokv_action_t *action, ngx_str_t *arg)
{
    ngx_str_t                   value;
    ngx_http_complex_value_t   *cv, **slot;
    ngx_http_ferrokv_param_t   *param;

    for (param = ngx_http_ferrokv_params; param->name; param++) {

        if (!(action->kind->params & param->param)
            || !ngx_http_ferrokv_arg(arg, param->name, &value))
        {
            continue;
        }

        cv = ngx_http_ferrokv_compile(cf, &value);
        if (cv == NULL) {
            return NGX_ERROR;
        }

        if (param->check && cv->lengths == NULL
            && param->check(&cv->value) != NGX_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\" in \"%V\"", arg,
                               &action->kind->name);
            return NGX_ERROR;
        }

        slot = (ngx_http_complex_value_t **)
                   ((u_char *) action + param->offset);
        *slot = cv;

        return NGX_OK;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_ferrokv_param(ngx_conf_t *cf, ngx_http_ferrokv_action_t *action,
    ngx_str_t *store, ngx_str_t *arg)
{
    ngx_int_t   rc;
    ngx_str_t   value;
    ngx_uint_t  params;

    params = action->kind->params;

    if (ngx_http_ferrokv_arg(arg, "store", &value) && value.len) {
        *store = value;
        return NGX_OK;
    }

    if (params & NGX_HTTP_FERROKV_PARAM_CONDITION) {

        if (ngx_strcmp(arg->data, "nx") == 0) {
            action->condition = NGX_HTTP_FERROKV_NX;
            return NGX_OK;
        }

        if (ngx_strcmp(arg->data, "xx") == 0) {
            action->condition = NGX_HTTP_FERROKV_XX;
            return NGX_OK;
        }
    }

    if (params & NGX_HTTP_FERROKV_PARAM_PHASE) {

        if (ngx_strcmp(arg->data, "phase=access") == 0) {
            action->log = 0;
            return NGX_OK;
        }

        if (ngx_strcmp(arg->data, "phase=log") == 0) {
            action->log = 1;
            return NGX_OK;
        }
    }

    rc = ngx_http_ferrokv_expression_param(cf, action, arg);

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" in \"%V\"", arg,
                           &action->kind->name);
        return NGX_ERROR;
    }

    return rc;
}


static ngx_int_t
ngx_http_ferrokv_add_action(ngx_conf_t *cf, ngx_http_ferrokv_loc_conf_t *flcf,
    ngx_http_ferrokv_action_t *action)
{
    ngx_http_ferrokv_action_t     **slot;
    ngx_http_ferrokv_main_conf_t   *fmcf;

    fmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_ferrokv_module);

    if (flcf->actions == NULL) {
        flcf->actions = ngx_array_create(cf->pool, 4, sizeof(void *));
        if (flcf->actions == NULL) {
            return NGX_ERROR;
        }
    }

    slot = ngx_array_push(flcf->actions);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = action;

    slot = ngx_array_push(&fmcf->actions);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = action;

    action->number = fmcf->actions.nelts - 1;
    fmcf->log |= action->log;

    return NGX_OK;
}


/* DIRECTIVE [$var] KEY [VALUE] [PARAMETER]... */

char *
ngx_http_ferrokv_action(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                  *value, store;
    ngx_uint_t                  i;
    ngx_http_ferrokv_kind_t    *kind;
    ngx_http_ferrokv_action_t  *action;

    kind = cmd->post;
    value = cf->args->elts;
    i = 1;

    action = ngx_pcalloc(cf->pool, sizeof(ngx_http_ferrokv_action_t));
    if (action == NULL) {
        return NGX_CONF_ERROR;
    }

    action->kind = kind;

    if (kind->variable) {
        action->index = ngx_http_ferrokv_variable(cf, &value[i++]);
        if (action->index == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }
    }

    action->key = ngx_http_ferrokv_compile(cf, &value[i++]);
    if (action->key == NULL) {
        return NGX_CONF_ERROR;
    }

    if (kind->value) {
        action->value = ngx_http_ferrokv_compile(cf, &value[i++]);
        if (action->value == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    ngx_str_null(&store);

    for ( /* void */ ; i < cf->args->nelts; i++) {
        if (ngx_http_ferrokv_param(cf, action, &store, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    action->ref = ngx_ferrokv_store_ref(cf, &store);
    if (action->ref == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_ferrokv_add_action(cf, conf, action) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_ferrokv_merge_actions(ngx_conf_t *cf,
    ngx_http_ferrokv_loc_conf_t *prev, ngx_http_ferrokv_loc_conf_t *conf)
{
    void         *elts;
    ngx_array_t  *all;

    ngx_conf_init_value(conf->inherit, 1);

    if (!conf->inherit || prev->actions == NULL) {
        return NGX_CONF_OK;
    }

    if (conf->actions == NULL) {
        conf->actions = prev->actions;
        return NGX_CONF_OK;
    }

    all = ngx_array_create(cf->pool,
                           prev->actions->nelts + conf->actions->nelts,
                           sizeof(void *));
    if (all == NULL) {
        return NGX_CONF_ERROR;
    }

    elts = ngx_array_push_n(all, prev->actions->nelts);
    ngx_memcpy(elts, prev->actions->elts,
               prev->actions->nelts * sizeof(void *));

    elts = ngx_array_push_n(all, conf->actions->nelts);
    ngx_memcpy(elts, conf->actions->elts,
               conf->actions->nelts * sizeof(void *));

    conf->actions = all;

    return NGX_CONF_OK;
}


/* The phases */

static ngx_http_ferrokv_ctx_t *
ngx_http_ferrokv_actions_ctx(ngx_http_request_t *r)
{
    ngx_http_ferrokv_ctx_t        *ctx;
    ngx_http_ferrokv_main_conf_t  *fmcf;

    ctx = ngx_http_ferrokv_make_ctx(r);

    if (ctx == NULL || ctx->done) {
        return ctx;
    }

    fmcf = ngx_http_get_module_main_conf(r, ngx_http_ferrokv_module);

    ctx->done = ngx_pcalloc(r->pool, (fmcf->actions.nelts + 7) / 8);
    if (ctx->done == NULL) {
        return NULL;
    }

    return ctx;
}


static ngx_uint_t
ngx_http_ferrokv_is_marked(ngx_http_ferrokv_ctx_t *ctx,
    ngx_http_ferrokv_action_t *action)
{
    return ctx->done[action->number / 8] & (1 << (action->number % 8));
}


static void
ngx_http_ferrokv_mark(ngx_http_ferrokv_ctx_t *ctx,
    ngx_http_ferrokv_action_t *action)
{
    ctx->done[action->number / 8] |= (1 << (action->number % 8));
}


ngx_int_t
ngx_http_ferrokv_preaccess_handler(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    ngx_http_ferrokv_ctx_t        *ctx;
    ngx_http_ferrokv_action_t    **action;
    ngx_http_ferrokv_loc_conf_t   *flcf;

    flcf = ngx_http_get_module_loc_conf(r, ngx_http_ferrokv_module);

    if (flcf->actions == NULL || r != r->main) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_ferrokv_actions_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->waiting) {
        return NGX_AGAIN;                       /* an event of the socket */
    }

    action = flcf->actions->elts;

    for (i = 0; i < flcf->actions->nelts; i++) {

        if (ngx_http_ferrokv_is_marked(ctx, action[i])) {
            continue;
        }

        ngx_http_ferrokv_mark(ctx, action[i]);

        if (action[i]->log) {
            continue;
        }

        rc = ngx_http_ferrokv_run(r, ctx, action[i]);

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        if (rc != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_ferrokv_log_handler(ngx_http_request_t *r)
{
    ngx_uint_t                      i;
    ngx_http_ferrokv_ctx_t         *ctx;
    ngx_http_ferrokv_action_t     **action;
    ngx_http_ferrokv_loc_conf_t    *flcf;
    ngx_http_ferrokv_main_conf_t   *fmcf;

    if (r != r->main) {
        return NGX_OK;
    }

    ctx = ngx_http_ferrokv_actions_ctx(r);
    if (ctx == NULL) {
        return NGX_OK;
    }

    flcf = ngx_http_get_module_loc_conf(r, ngx_http_ferrokv_module);

    if (flcf->actions) {
        action = flcf->actions->elts;

        for (i = 0; i < flcf->actions->nelts; i++) {
            ngx_http_ferrokv_mark(ctx, action[i]);
        }
    }

    fmcf = ngx_http_get_module_main_conf(r, ngx_http_ferrokv_module);
    action = fmcf->actions.elts;

    for (i = 0; i < fmcf->actions.nelts; i++) {

        if (action[i]->log && ngx_http_ferrokv_is_marked(ctx, action[i])) {
            ngx_http_ferrokv_run_detached(r, action[i]);
        }
    }

    return NGX_OK;
}
