
/*
 * ngx_stream_ferrokv_module.c - the stream module: its directives, and its
 * place in the phases.
 *
 * A handler that answers NGX_OK, as those of "set" and "allow" do, ends its
 * phase.  So ours is the first of the access phase, not the last of preaccess:
 * behind limit_conn and set, before allow and deny.
 */

#include "ngx_stream_ferrokv.h"
#include "ngx_ferrokv_call.h"
#include "ngx_stream_ferrokv_resp.h"


static void *ngx_stream_ferrokv_create_main_conf(ngx_conf_t *cf);
static void *ngx_stream_ferrokv_create_srv_conf(ngx_conf_t *cf);
static char *ngx_stream_ferrokv_action(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_stream_ferrokv_call(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_stream_ferrokv_init(ngx_conf_t *cf);
static ngx_int_t ngx_stream_ferrokv_init_process(ngx_cycle_t *cycle);


static ngx_command_t  ngx_stream_ferrokv_commands[] = {

    { ngx_string("ferrokv_get"),
      NGX_STREAM_SRV_CONF|NGX_CONF_2MORE,
      ngx_stream_ferrokv_action,
      NGX_STREAM_SRV_CONF_OFFSET,
      0,
      &ngx_ferrokv_kind_get },

    { ngx_string("ferrokv_set"),
      NGX_STREAM_SRV_CONF|NGX_CONF_2MORE,
      ngx_stream_ferrokv_action,
      NGX_STREAM_SRV_CONF_OFFSET,
      0,
      &ngx_ferrokv_kind_set },

    { ngx_string("ferrokv_incr"),
      NGX_STREAM_SRV_CONF|NGX_CONF_2MORE,
      ngx_stream_ferrokv_action,
      NGX_STREAM_SRV_CONF_OFFSET,
      0,
      &ngx_ferrokv_kind_incr },

    { ngx_string("ferrokv_ttl"),
      NGX_STREAM_SRV_CONF|NGX_CONF_2MORE,
      ngx_stream_ferrokv_action,
      NGX_STREAM_SRV_CONF_OFFSET,
      0,
      &ngx_ferrokv_kind_ttl },

    { ngx_string("ferrokv_del"),
      NGX_STREAM_SRV_CONF|NGX_CONF_1MORE,
      ngx_stream_ferrokv_action,
      NGX_STREAM_SRV_CONF_OFFSET,
      0,
      &ngx_ferrokv_kind_del },

    { ngx_string("ferrokv_call"),
      NGX_STREAM_SRV_CONF|NGX_CONF_2MORE,
      ngx_stream_ferrokv_call,
      NGX_STREAM_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ferrokv_resp"),
      NGX_STREAM_SRV_CONF|NGX_CONF_ANY,
      ngx_stream_ferrokv_resp,
      NGX_STREAM_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ferrokv_zone"),
      NGX_STREAM_MAIN_CONF|NGX_CONF_1MORE,
      ngx_ferrokv_zone,
      0,
      0,
      NULL },

    { ngx_string("ferrokv"),
      NGX_STREAM_MAIN_CONF|NGX_CONF_2MORE,
      ngx_stream_ferrokv_pair,
      NGX_STREAM_MAIN_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_stream_module_t  ngx_stream_ferrokv_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_stream_ferrokv_init,               /* postconfiguration */

    ngx_stream_ferrokv_create_main_conf,   /* create main configuration */
    NULL,                                  /* init main configuration */

    ngx_stream_ferrokv_create_srv_conf,    /* create server configuration */
    NULL                                   /* merge server configuration */
};


ngx_module_t  ngx_stream_ferrokv_module = {
    NGX_MODULE_V1,
    &ngx_stream_ferrokv_module_ctx,        /* module context */
    ngx_stream_ferrokv_commands,           /* module directives */
    NGX_STREAM_MODULE,                     /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_stream_ferrokv_init_process,       /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/* What http and stream share sees us through these. */

static void *
ngx_stream_ferrokv_compile(ngx_conf_t *cf, ngx_str_t *value)
{
    ngx_stream_complex_value_t          *cv;
    ngx_stream_compile_complex_value_t   ccv;

    cv = ngx_palloc(cf->pool, sizeof(ngx_stream_complex_value_t));
    if (cv == NULL) {
        return NULL;
    }

    ngx_memzero(&ccv, sizeof(ngx_stream_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = cv;

    return (ngx_stream_compile_complex_value(&ccv) == NGX_OK) ? cv : NULL;
}


static ngx_str_t *
ngx_stream_ferrokv_constant(void *expression)
{
    ngx_stream_complex_value_t  *cv;

    cv = expression;

    return cv->lengths ? NULL : &cv->value;
}


/* Until we have set it, it is not there. */

static ngx_int_t
ngx_stream_ferrokv_no_value(ngx_stream_session_t *s,
    ngx_stream_variable_value_t *v, uintptr_t data)
{
    v->not_found = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_stream_ferrokv_variable(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_str_t               s;
    ngx_stream_variable_t  *v;

    if (name->len < 2 || name->data[0] != '$') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid variable name \"%V\"", name);
        return NGX_ERROR;
    }

    s.len = name->len - 1;
    s.data = name->data + 1;

    v = ngx_stream_add_variable(cf, &s, NGX_STREAM_VAR_CHANGEABLE);
    if (v == NULL) {
        return NGX_ERROR;
    }

    if (v->get_handler == NULL) {
        v->get_handler = ngx_stream_ferrokv_no_value;
    }

    return ngx_stream_get_variable_index(cf, &s);
}


static ngx_int_t
ngx_stream_ferrokv_eval(void *of, void *expression, ngx_str_t *value)
{
    return ngx_stream_complex_value(of, expression, value);
}


static void
ngx_stream_ferrokv_set(void *of, ngx_int_t index, u_char *data, size_t len)
{
    ngx_stream_session_t         *s;
    ngx_stream_variable_value_t  *vv;

    s = of;
    vv = &s->variables[index];

    vv->data = data;
    vv->len = len;
    vv->valid = 1;
    vv->no_cacheable = 0;
    vv->not_found = 0;
}


static ngx_connection_t *
ngx_stream_ferrokv_connection(void *of)
{
    return ((ngx_stream_session_t *) of)->connection;
}


static ngx_pool_t *
ngx_stream_ferrokv_pool(void *of)
{
    return ((ngx_stream_session_t *) of)->connection->pool;
}


static ngx_int_t
ngx_stream_ferrokv_item(ngx_stream_session_t *s,
    ngx_stream_variable_value_t *v, uintptr_t data)
{
    ngx_stream_ferrokv_ctx_t  *ctx;

    ctx = ngx_stream_get_module_ctx(s, ngx_stream_ferrokv_module);

    ngx_ferrokv_item_get(ctx ? ctx->results : NULL, (ngx_str_t *) data, v);

    return NGX_OK;
}


static ngx_int_t
ngx_stream_ferrokv_items(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_str_t               prefix;
    ngx_stream_variable_t  *v;

    if (ngx_ferrokv_item_prefix(cf, name, &prefix) != NGX_OK) {
        return NGX_ERROR;
    }

    v = ngx_stream_add_variable(cf, &prefix, NGX_STREAM_VAR_CHANGEABLE
                                             |NGX_STREAM_VAR_NOCACHEABLE
                                             |NGX_STREAM_VAR_PREFIX);
    if (v == NULL) {
        return NGX_ERROR;
    }

    v->get_handler = ngx_stream_ferrokv_item;

    return NGX_OK;
}


static ngx_ferrokv_result_t **
ngx_stream_ferrokv_results(void *of)
{
    ngx_stream_session_t *s = of;

    ngx_stream_ferrokv_ctx_t  *ctx;

    ctx = ngx_stream_get_module_ctx(s, ngx_stream_ferrokv_module);

    return &ctx->results;
}


ngx_ferrokv_face_t  ngx_stream_ferrokv_face = {
    ngx_stream_ferrokv_compile,
    ngx_stream_ferrokv_constant,
    ngx_stream_ferrokv_variable,
    ngx_stream_ferrokv_eval,
    ngx_stream_ferrokv_set,
    ngx_stream_ferrokv_connection,
    ngx_stream_ferrokv_pool,
    ngx_stream_ferrokv_items,
    ngx_stream_ferrokv_results
};


static void *
ngx_stream_ferrokv_create_main_conf(ngx_conf_t *cf)
{
    ngx_stream_ferrokv_main_conf_t  *fmcf;

    fmcf = ngx_pcalloc(cf->pool, sizeof(ngx_stream_ferrokv_main_conf_t));

    if (fmcf == NULL
        || ngx_array_init(&fmcf->pairs, cf->pool, 4, sizeof(void *)) != NGX_OK)
    {
        return NULL;
    }

    return fmcf;
}


static void *
ngx_stream_ferrokv_create_srv_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_stream_ferrokv_srv_conf_t));
}


static char *
ngx_stream_ferrokv_add_action(ngx_conf_t *cf,
    ngx_stream_ferrokv_srv_conf_t *fscf, ngx_ferrokv_action_t *action)
{
    ngx_ferrokv_action_t           **slot;
    ngx_stream_ferrokv_main_conf_t  *fmcf;

    if (action == NULL) {
        return NGX_CONF_ERROR;
    }

    fmcf = ngx_stream_conf_get_module_main_conf(cf, ngx_stream_ferrokv_module);

    if (fscf->actions == NULL) {
        fscf->actions = ngx_array_create(cf->pool, 4, sizeof(void *));
        if (fscf->actions == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    slot = ngx_array_push(fscf->actions);
    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = action;

    fmcf->actions = 1;

    return NGX_CONF_OK;
}


static char *
ngx_stream_ferrokv_action(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_stream_ferrokv_add_action(cf, conf,
                                ngx_ferrokv_parse_action(cf,
                                                   &ngx_stream_ferrokv_face,
                                                   cmd->post));
}


static char *
ngx_stream_ferrokv_call(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_stream_ferrokv_add_action(cf, conf,
                                ngx_ferrokv_parse_call(cf,
                                                   &ngx_stream_ferrokv_face));
}


/* nginx runs the handlers of a phase from the last one to the first. */

static ngx_int_t
ngx_stream_ferrokv_add_handler(ngx_stream_core_main_conf_t *cmcf,
    ngx_stream_phases phase, ngx_stream_handler_pt handler, ngx_uint_t last)
{
    ngx_array_t            *handlers;
    ngx_stream_handler_pt  *h;

    handlers = &cmcf->phases[phase].handlers;

    h = ngx_array_push(handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    if (last) {
        h = handlers->elts;
        ngx_memmove(h + 1, h,
                    (handlers->nelts - 1) * sizeof(ngx_stream_handler_pt));
    }

    *h = handler;

    return NGX_OK;
}


/* What every server does with a session, we do first. */

static void
ngx_stream_ferrokv_take_content(ngx_stream_core_main_conf_t *cmcf)
{
    ngx_uint_t                       i;
    ngx_stream_core_srv_conf_t     **cscf;
    ngx_stream_ferrokv_srv_conf_t   *fscf;

    cscf = cmcf->servers.elts;

    for (i = 0; i < cmcf->servers.nelts; i++) {
        fscf = cscf[i]->ctx->srv_conf[ngx_stream_ferrokv_module.ctx_index];

        fscf->handler = cscf[i]->handler;
        cscf[i]->handler = ngx_stream_ferrokv_content_handler;
    }
}


static ngx_int_t
ngx_stream_ferrokv_init(ngx_conf_t *cf)
{
    ngx_stream_core_main_conf_t     *cmcf;
    ngx_stream_ferrokv_main_conf_t  *fmcf;

    fmcf = ngx_stream_conf_get_module_main_conf(cf, ngx_stream_ferrokv_module);
    cmcf = ngx_stream_conf_get_module_main_conf(cf, ngx_stream_core_module);

    if (fmcf->pairs.nelts) {

        if (ngx_stream_ferrokv_index_pairs(cf, fmcf) != NGX_OK
            || ngx_stream_ferrokv_add_handler(cmcf,
                                         NGX_STREAM_POST_ACCEPT_PHASE,
                                         ngx_stream_ferrokv_post_accept_handler,
                                         1)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_stream_ferrokv_take_content(cmcf);
    }

    if (fmcf->actions == 0) {
        return NGX_OK;
    }

    if (ngx_stream_ferrokv_add_handler(cmcf, NGX_STREAM_ACCESS_PHASE,
                                       ngx_stream_ferrokv_access_handler, 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_stream_ferrokv_add_handler(cmcf, NGX_STREAM_LOG_PHASE,
                                          ngx_stream_ferrokv_log_handler, 0);
}


static ngx_int_t
ngx_stream_ferrokv_init_process(ngx_cycle_t *cycle)
{
    ngx_stream_core_main_conf_t     *cmcf;
    ngx_stream_ferrokv_main_conf_t  *fmcf;

    cmcf = ngx_stream_cycle_get_module_main_conf(cycle, ngx_stream_core_module);
    fmcf = ngx_stream_cycle_get_module_main_conf(cycle,
                                                 ngx_stream_ferrokv_module);

    if (ngx_ferrokv_init_process(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    if (fmcf) {
        ngx_stream_ferrokv_init_pairs(cmcf, fmcf);
        ngx_stream_ferrokv_resp_init_process(cycle, cmcf);
    }

    return NGX_OK;
}
