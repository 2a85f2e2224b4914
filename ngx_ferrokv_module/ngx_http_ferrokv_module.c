
/*
 * ngx_http_ferrokv_module.c - the http module: its directives, its place in
 * the phases, and what its parts share.
 *
 * Our handlers run last in the post-read and the preaccess phase, so that the
 * client's address is what ngx_http_realip_module has made of it, and a
 * request that limit_req or limit_conn has refused counts nowhere.
 */

#include "ngx_http_ferrokv_limit.h"


static void *ngx_http_ferrokv_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_ferrokv_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_ferrokv_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_http_ferrokv_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_ferrokv_init_process(ngx_cycle_t *cycle);


static ngx_conf_enum_t  ngx_http_ferrokv_limit_log_levels[] = {
    { ngx_string("info"), NGX_LOG_INFO },
    { ngx_string("notice"), NGX_LOG_NOTICE },
    { ngx_string("warn"), NGX_LOG_WARN },
    { ngx_string("error"), NGX_LOG_ERR },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_ferrokv_limit_headers[] = {
    { ngx_string("off"), NGX_HTTP_FERROKV_LIMIT_NONE },
    { ngx_string("draft"), NGX_HTTP_FERROKV_LIMIT_DRAFT },
    { ngx_string("legacy"), NGX_HTTP_FERROKV_LIMIT_LEGACY },
    { ngx_string("all"),
      NGX_HTTP_FERROKV_LIMIT_DRAFT|NGX_HTTP_FERROKV_LIMIT_LEGACY },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_ferrokv_limit_bodies[] = {
    { ngx_string("off"), NGX_HTTP_FERROKV_LIMIT_NONE },
    { ngx_string("problem"), NGX_HTTP_FERROKV_LIMIT_PROBLEM },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_ferrokv_limit_on_errors[] = {
    { ngx_string("allow"), NGX_HTTP_FERROKV_LIMIT_ALLOW },
    { ngx_string("reject"), NGX_HTTP_FERROKV_LIMIT_REJECT },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_ferrokv_commands[] = {

    { ngx_string("ferrokv_get"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_2MORE,
      ngx_http_ferrokv_action,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_ferrokv_kind_get },

    { ngx_string("ferrokv_set"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_2MORE,
      ngx_http_ferrokv_action,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_ferrokv_kind_set },

    { ngx_string("ferrokv_incr"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_2MORE,
      ngx_http_ferrokv_action,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_ferrokv_kind_incr },

    { ngx_string("ferrokv_ttl"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_2MORE,
      ngx_http_ferrokv_action,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_ferrokv_kind_ttl },

    { ngx_string("ferrokv_del"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_ferrokv_action,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &ngx_ferrokv_kind_del },

    { ngx_string("ferrokv_call"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_2MORE,
      ngx_http_ferrokv_call,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ferrokv_inherit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_loc_conf_t, inherit),
      NULL },

    { ngx_string("ferrokv_limit_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_ferrokv_limit_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ferrokv_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_ferrokv_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ferrokv_limit_status"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_ferrokv_limit_status_code,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ferrokv_limit_dry_run"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_loc_conf_t, limit.dry_run),
      NULL },

    { ngx_string("ferrokv_limit_log_level"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_ferrokv_limit_word,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_loc_conf_t, limit.log_level),
      &ngx_http_ferrokv_limit_log_levels },

    { ngx_string("ferrokv_limit_headers"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_ferrokv_limit_word,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_loc_conf_t, limit.headers),
      &ngx_http_ferrokv_limit_headers },

    { ngx_string("ferrokv_limit_body"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_ferrokv_limit_word,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_loc_conf_t, limit.body),
      &ngx_http_ferrokv_limit_bodies },

    { ngx_string("ferrokv_limit_on_error"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_ferrokv_limit_word,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_loc_conf_t, limit.on_error),
      &ngx_http_ferrokv_limit_on_errors },

    { ngx_string("ferrokv_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_ferrokv_zone,
      0,
      0,
      NULL },

    { ngx_string("ferrokv"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_ferrokv_pair,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ferrokv_rest"),
      NGX_HTTP_LOC_CONF|NGX_CONF_ANY,
      ngx_http_ferrokv_rest,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ferrokv_commands"),
      NGX_HTTP_LOC_CONF|NGX_CONF_ANY,
      ngx_http_ferrokv_commands_conf,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ferrokv_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_ferrokv_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_ferrokv_module_ctx = {
    ngx_http_ferrokv_limit_add_variables,  /* preconfiguration */
    ngx_http_ferrokv_init,                 /* postconfiguration */

    ngx_http_ferrokv_create_main_conf,     /* create main configuration */
    ngx_http_ferrokv_resolve_limits,       /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_ferrokv_create_loc_conf,      /* create location configuration */
    ngx_http_ferrokv_merge_loc_conf        /* merge location configuration */
};


ngx_module_t  ngx_http_ferrokv_module = {
    NGX_MODULE_V1,
    &ngx_http_ferrokv_module_ctx,          /* module context */
    ngx_http_ferrokv_commands,             /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_ferrokv_init_process,         /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void
ngx_http_ferrokv_ctx_cleanup(void *data)
{
    /* it has nothing to do but to be found */
}


ngx_http_ferrokv_ctx_t *
ngx_http_ferrokv_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t      *cln;
    ngx_http_ferrokv_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_ferrokv_module);

    if (ctx || !(r->internal || r->filter_finalize)) {
        return ctx;
    }

    /* an internal redirect has cleared the slot */

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_ferrokv_ctx_cleanup) {
            continue;
        }

        ctx = cln->data;

        /* subrequests share the pool */

        if (ctx->request == r) {
            ngx_http_set_ctx(r, ctx, ngx_http_ferrokv_module);
            return ctx;
        }
    }

    return NULL;
}


ngx_http_ferrokv_ctx_t *
ngx_http_ferrokv_make_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t      *cln;
    ngx_http_ferrokv_ctx_t  *ctx;

    ctx = ngx_http_ferrokv_get_ctx(r);

    if (ctx) {
        return ctx;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_ferrokv_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_ferrokv_ctx_t));

    ctx->request = r;

    cln->handler = ngx_http_ferrokv_ctx_cleanup;

    ngx_http_set_ctx(r, ctx, ngx_http_ferrokv_module);

    return ctx;
}


void
ngx_http_ferrokv_resume(ngx_http_request_t *r)
{
    ngx_connection_t  *c;

    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "ferrokv resume: \"%V?%V\"", &r->uri, &r->args);

    r->main->blocked--;

    if (r->done) {

        /* a subrequest that was finalized meanwhile: wake the connection */

        c->write->handler(c->write);
        return;
    }

    r->write_event_handler(r);
    ngx_http_run_posted_requests(c);
}


ngx_http_complex_value_t *
ngx_http_ferrokv_compile(ngx_conf_t *cf, ngx_str_t *value)
{
    ngx_http_complex_value_t          *cv;
    ngx_http_compile_complex_value_t   ccv;

    cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (cv == NULL) {
        return NULL;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = cv;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NULL;
    }

    return cv;
}


/* Until we have set it, it is not there. */

static ngx_int_t
ngx_http_ferrokv_no_value(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    v->not_found = 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_variable(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_str_t             s;
    ngx_http_variable_t  *v;

    if (name->len < 2 || name->data[0] != '$') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid variable name \"%V\"", name);
        return NGX_ERROR;
    }

    s.len = name->len - 1;
    s.data = name->data + 1;

    v = ngx_http_add_variable(cf, &s, NGX_HTTP_VAR_CHANGEABLE);
    if (v == NULL) {
        return NGX_ERROR;
    }

    if (v->get_handler == NULL) {
        v->get_handler = ngx_http_ferrokv_no_value;
    }

    return ngx_http_get_variable_index(cf, &s);
}


void
ngx_http_ferrokv_set_variable(ngx_http_request_t *r, ngx_int_t index,
    u_char *data, size_t len)
{
    ngx_http_variable_value_t  *vv;

    vv = &r->variables[index];

    vv->data = data;
    vv->len = len;
    vv->valid = 1;
    vv->no_cacheable = 0;
    vv->not_found = 0;
}


/* What http and stream share sees us through these. */

static void *
ngx_http_ferrokv_face_compile(ngx_conf_t *cf, ngx_str_t *value)
{
    return ngx_http_ferrokv_compile(cf, value);
}


static ngx_str_t *
ngx_http_ferrokv_face_constant(void *expression)
{
    ngx_http_complex_value_t  *cv;

    cv = expression;

    return cv->lengths ? NULL : &cv->value;
}


static ngx_int_t
ngx_http_ferrokv_face_eval(void *of, void *expression, ngx_str_t *value)
{
    return ngx_http_complex_value(of, expression, value);
}


static void
ngx_http_ferrokv_face_set(void *of, ngx_int_t index, u_char *data, size_t len)
{
    ngx_http_ferrokv_set_variable(of, index, data, len);
}


static ngx_connection_t *
ngx_http_ferrokv_face_connection(void *of)
{
    return ((ngx_http_request_t *) of)->connection;
}


static ngx_pool_t *
ngx_http_ferrokv_face_pool(void *of)
{
    return ((ngx_http_request_t *) of)->pool;
}


static ngx_int_t
ngx_http_ferrokv_item(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_http_ferrokv_ctx_t  *ctx;

    /* subrequests have the variables of the client's request, not its calls */

    ctx = ngx_http_ferrokv_get_ctx(r->main);

    ngx_ferrokv_item_get(ctx ? ctx->results : NULL, (ngx_str_t *) data, v);

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_face_items(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_str_t             prefix;
    ngx_http_variable_t  *v;

    if (ngx_ferrokv_item_prefix(cf, name, &prefix) != NGX_OK) {
        return NGX_ERROR;
    }

    v = ngx_http_add_variable(cf, &prefix, NGX_HTTP_VAR_CHANGEABLE
                                           |NGX_HTTP_VAR_NOCACHEABLE
                                           |NGX_HTTP_VAR_PREFIX);
    if (v == NULL) {
        return NGX_ERROR;
    }

    v->get_handler = ngx_http_ferrokv_item;

    return NGX_OK;
}


static ngx_ferrokv_result_t **
ngx_http_ferrokv_face_results(void *of)
{
    return &ngx_http_ferrokv_get_ctx(of)->results;
}


ngx_ferrokv_face_t  ngx_http_ferrokv_face = {
    ngx_http_ferrokv_face_compile,
    ngx_http_ferrokv_face_constant,
    ngx_http_ferrokv_variable,
    ngx_http_ferrokv_face_eval,
    ngx_http_ferrokv_face_set,
    ngx_http_ferrokv_face_connection,
    ngx_http_ferrokv_face_pool,
    ngx_http_ferrokv_face_items,
    ngx_http_ferrokv_face_results
};


void
ngx_http_ferrokv_content_type(ngx_http_request_t *r, u_char *data, size_t len)
{
    u_char  *semicolon;

    r->headers_out.content_type.data = data;
    r->headers_out.content_type.len = len;

    /* for filters that look a type up, without its parameters */

    semicolon = ngx_strlchr(data, data + len, ';');
    r->headers_out.content_type_len = semicolon ? (size_t) (semicolon - data)
                                                : len;
}


static void *
ngx_http_ferrokv_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_ferrokv_main_conf_t  *fmcf;

    fmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_ferrokv_main_conf_t));
    if (fmcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&fmcf->actions, cf->pool, 4, sizeof(void *))
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_array_init(&fmcf->pairs, cf->pool, 4, sizeof(void *)) != NGX_OK) {
        return NULL;
    }

    if (ngx_array_init(&fmcf->limits, cf->pool, 4, sizeof(void *)) != NGX_OK) {
        return NULL;
    }

    if (ngx_array_init(&fmcf->limit_zones, cf->pool, 4, sizeof(void *))
        != NGX_OK)
    {
        return NULL;
    }

    return fmcf;
}


static void *
ngx_http_ferrokv_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_ferrokv_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_ferrokv_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->actions = NULL;
     *     conf->rest = NULL;
     *     conf->commands = NULL;
     *     conf->status = 0;
     */

    conf->inherit = NGX_CONF_UNSET;

    ngx_http_ferrokv_init_limits(&conf->limit);

    return conf;
}


static char *
ngx_http_ferrokv_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_ferrokv_loc_conf_t *prev = parent;
    ngx_http_ferrokv_loc_conf_t *conf = child;

    char  *rv;

    rv = ngx_http_ferrokv_merge_actions(cf, prev, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_ferrokv_merge_limits(cf, &prev->limit, &conf->limit);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_ferrokv_merge_status(cf, prev, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_ferrokv_commands_merge(cf, prev, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_http_ferrokv_rest_merge(cf, prev, conf);
}


/* nginx runs the handlers of a phase from the last one to the first. */

static ngx_int_t
ngx_http_ferrokv_run_last(ngx_http_core_main_conf_t *cmcf,
    ngx_http_phases phase, ngx_http_handler_pt handler)
{
    ngx_array_t          *handlers;
    ngx_http_handler_pt  *h;

    handlers = &cmcf->phases[phase].handlers;

    if (ngx_array_push(handlers) == NULL) {
        return NGX_ERROR;
    }

    h = handlers->elts;

    ngx_memmove(h + 1, h, (handlers->nelts - 1) * sizeof(ngx_http_handler_pt));

    h[0] = handler;

    return NGX_OK;
}


/* Before the actions: what is rejected does and counts nothing. */

static ngx_int_t
ngx_http_ferrokv_init_limit_phases(ngx_http_core_main_conf_t *cmcf)
{
    ngx_http_handler_pt  *h;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_ferrokv_limit_log_handler;

    return ngx_http_ferrokv_run_last(cmcf, NGX_HTTP_PREACCESS_PHASE,
                                     ngx_http_ferrokv_limit_handler);
}


static ngx_int_t
ngx_http_ferrokv_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt           *h;
    ngx_http_core_main_conf_t     *cmcf;
    ngx_http_ferrokv_main_conf_t  *fmcf;

    fmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_ferrokv_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (fmcf->pairs.nelts) {

        if (ngx_http_ferrokv_index_pairs(cf, fmcf) != NGX_OK) {
            return NGX_ERROR;
        }

        if (ngx_http_ferrokv_run_last(cmcf, NGX_HTTP_POST_READ_PHASE,
                                      ngx_http_ferrokv_post_read_handler)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (fmcf->limits.nelts
        && ngx_http_ferrokv_init_limit_phases(cmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (fmcf->actions.nelts == 0) {
        return NGX_OK;
    }

    if (ngx_http_ferrokv_run_last(cmcf, NGX_HTTP_PREACCESS_PHASE,
                                  ngx_http_ferrokv_preaccess_handler)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!fmcf->log) {
        return NGX_OK;
    }

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_ferrokv_log_handler;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_init_process(ngx_cycle_t *cycle)
{
    ngx_http_core_main_conf_t     *cmcf;
    ngx_http_ferrokv_main_conf_t  *fmcf;

    cmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_core_module);
    fmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_ferrokv_module);

    if (fmcf) {
        ngx_http_ferrokv_init_pairs(cmcf, fmcf);
    }

    /* linked into nginx, the core module was asked before there were events */

    return ngx_ferrokv_init_process(cycle);
}
