
/*
 * ngx_http_ferrokv_pair.c - "ferrokv $key $var zone=NAME".
 *
 * The variables must be right wherever they are used, in rewrite, map and if
 * too, where nothing can wait: they are all loaded in the post-read phase, one
 * after the other, which is once for a client request and never for a
 * subrequest.
 *
 * A variable that the configuration mentions nowhere has no index, and is not
 * loaded.  Somebody may still ask for it by name: Lua, njs and Perl, where all
 * pairs get an index, and SSI, where the log says what to do.
 */

#include "ngx_http_ferrokv.h"


#define NGX_HTTP_FERROKV_UNUSED  (-1)


typedef struct {
    ngx_http_complex_value_t     *key;
    ngx_str_t                     variable; /* without the dollar */
    ngx_int_t                     index;
    ngx_http_complex_value_t     *fallback;

    ngx_ferrokv_zone_ref_t       *ref;
} ngx_http_ferrokv_pair_t;


static ngx_str_t  ngx_http_ferrokv_pair_name = ngx_string("ferrokv");


/* Nothing has loaded it: a request that was broken from the start, or SSI. */

static ngx_int_t
ngx_http_ferrokv_pair_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_ferrokv_pair_t *pair = (ngx_http_ferrokv_pair_t *) data;

    v->not_found = 1;

    if (pair->index == NGX_HTTP_FERROKV_UNUSED) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"$%V\" is not loaded, because the configuration "
                      "does not mention it: add \"set $ferrokv_use $%V;\"",
                      &pair->variable, &pair->variable);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_add_pair_variable(ngx_conf_t *cf,
    ngx_http_ferrokv_pair_t *pair, ngx_str_t *name)
{
    ngx_http_variable_t  *v;

    if (name->len < 2 || name->data[0] != '$') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid variable name \"%V\"", name);
        return NGX_ERROR;
    }

    pair->variable.len = name->len - 1;
    pair->variable.data = name->data + 1;

    v = ngx_http_add_variable(cf, &pair->variable, 0);
    if (v == NULL) {
        return NGX_ERROR;
    }

    v->get_handler = ngx_http_ferrokv_pair_variable;
    v->data = (uintptr_t) pair;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_pair_param(ngx_conf_t *cf, ngx_http_ferrokv_pair_t *pair,
    ngx_str_t *arg)
{
    ngx_str_t  value;

    if (ngx_http_ferrokv_arg(arg, "zone", &value)) {
        pair->ref = ngx_ferrokv_zone_ref(cf, &value);
        return pair->ref ? NGX_OK : NGX_ERROR;
    }

    if (ngx_http_ferrokv_arg(arg, "default", &value)) {
        pair->fallback = ngx_http_ferrokv_compile(cf, &value);
        return pair->fallback ? NGX_OK : NGX_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"ferrokv\"", arg);

    return NGX_ERROR;
}


/* ferrokv $key $var zone=NAME [default=VALUE] */

char *
ngx_http_ferrokv_pair(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ferrokv_main_conf_t *fmcf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_ferrokv_pair_t   *pair, **slot;

    value = cf->args->elts;

    pair = ngx_pcalloc(cf->pool, sizeof(ngx_http_ferrokv_pair_t));
    slot = ngx_array_push(&fmcf->pairs);

    if (pair == NULL || slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = pair;

    pair->index = NGX_HTTP_FERROKV_UNUSED;

    pair->key = ngx_http_ferrokv_compile(cf, &value[1]);
    if (pair->key == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_ferrokv_add_pair_variable(cf, pair, &value[2]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 3; i < cf->args->nelts; i++) {
        if (ngx_http_ferrokv_pair_param(cf, pair, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (pair->ref == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ferrokv\" \"%V\" has no \"zone=\"", &value[2]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* Modules whose scripts ask for variables by name. */

static ngx_uint_t
ngx_http_ferrokv_has_scripts(ngx_cycle_t *cycle)
{
    ngx_uint_t  i;

    for (i = 0; cycle->modules[i]; i++) {
        if (ngx_strcmp(cycle->modules[i]->name, "ngx_http_lua_module") == 0
            || ngx_strcmp(cycle->modules[i]->name, "ngx_http_js_module") == 0
            || ngx_strcmp(cycle->modules[i]->name, "ngx_http_perl_module")
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_ferrokv_index_pairs(ngx_conf_t *cf,
    ngx_http_ferrokv_main_conf_t *fmcf)
{
    ngx_uint_t                 i;
    ngx_http_ferrokv_pair_t  **pair;

    if (!ngx_http_ferrokv_has_scripts(cf->cycle)) {
        return NGX_OK;
    }

    pair = fmcf->pairs.elts;

    for (i = 0; i < fmcf->pairs.nelts; i++) {
        if (ngx_http_get_variable_index(cf, &pair[i]->variable) == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_variable_index(ngx_http_core_main_conf_t *cmcf,
    ngx_str_t *name)
{
    ngx_uint_t            i;
    ngx_http_variable_t  *v;

    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        if (v[i].name.len == name->len
            && ngx_strncasecmp(v[i].name.data, name->data, name->len) == 0)
        {
            return i;
        }
    }

    return NGX_HTTP_FERROKV_UNUSED;
}


void
ngx_http_ferrokv_init_pairs(ngx_http_core_main_conf_t *cmcf,
    ngx_http_ferrokv_main_conf_t *fmcf)
{
    ngx_uint_t                 i;
    ngx_http_ferrokv_pair_t  **pair;

    pair = fmcf->pairs.elts;

    for (i = 0; i < fmcf->pairs.nelts; i++) {
        pair[i]->index = ngx_http_ferrokv_variable_index(cmcf,
                                                         &pair[i]->variable);

        if (pair[i]->index != NGX_HTTP_FERROKV_UNUSED) {
            fmcf->load = 1;
        }
    }
}


static ngx_http_ferrokv_pair_t *
ngx_http_ferrokv_current_pair(ngx_http_request_t *r,
    ngx_http_ferrokv_ctx_t *ctx)
{
    ngx_http_ferrokv_pair_t       **pair;
    ngx_http_ferrokv_main_conf_t   *fmcf;

    fmcf = ngx_http_get_module_main_conf(r, ngx_http_ferrokv_module);
    pair = fmcf->pairs.elts;

    for ( /* void */ ; ctx->pair < fmcf->pairs.nelts; ctx->pair++) {
        if (pair[ctx->pair]->index != NGX_HTTP_FERROKV_UNUSED) {
            return pair[ctx->pair];
        }
    }

    return NULL;
}


/* After a failure the variable is empty; the default is for absent keys. */

static void
ngx_http_ferrokv_pair_finish(ngx_http_request_t *r,
    ngx_http_ferrokv_ctx_t *ctx, ngx_http_ferrokv_pair_t *pair, int rc)
{
    ngx_str_t              value;
    ngx_ferrokv_lookup_t  *lookup;

    ctx->pair++;
    lookup = ctx->lookup;

    if (rc == FKV_OK) {
        ngx_http_ferrokv_set_variable(r, pair->index, lookup->value.data,
                                      lookup->value.len);
        return;
    }

    if (rc != FKV_NOTFOUND) {
        ngx_http_ferrokv_log_failure(r->connection->log,
                                     &ngx_http_ferrokv_pair_name,
                                     lookup->zone->ref->store, lookup->name,
                                     rc);
        return;
    }

    if (pair->fallback
        && ngx_http_complex_value(r, pair->fallback, &value) == NGX_OK)
    {
        ngx_http_ferrokv_set_variable(r, pair->index, value.data, value.len);
    }
}


static void
ngx_http_ferrokv_pair_done(ngx_ferrokv_lookup_t *lookup, int rc)
{
    ngx_http_request_t       *r;
    ngx_http_ferrokv_ctx_t   *ctx;
    ngx_http_ferrokv_pair_t  *pair;

    ctx = lookup->data;
    r = ctx->request;
    pair = ngx_http_ferrokv_current_pair(r, ctx);

    ngx_http_ferrokv_pair_finish(r, ctx, pair, rc);

    ctx->waiting = 0;

    ngx_http_ferrokv_resume(r);
}


/* NGX_AGAIN: the request waits · NGX_OK · NGX_ERROR no memory. */

static ngx_int_t
ngx_http_ferrokv_load_pair(ngx_http_request_t *r, ngx_http_ferrokv_ctx_t *ctx,
    ngx_http_ferrokv_pair_t *pair)
{
    int                    rc;
    ngx_ferrokv_lookup_t  *lookup;

    if (ctx->lookup == NULL) {
        ctx->lookup = ngx_palloc(r->pool, sizeof(ngx_ferrokv_lookup_t));
        if (ctx->lookup == NULL) {
            return NGX_ERROR;
        }
    }

    lookup = ctx->lookup;
    ngx_memzero(lookup, sizeof(ngx_ferrokv_lookup_t));

    if (ngx_http_complex_value(r, pair->key, &lookup->key) != NGX_OK) {
        return NGX_ERROR;
    }

    lookup->pool = r->pool;
    lookup->zone = pair->ref->zone;
    lookup->on_done = ngx_http_ferrokv_pair_done;
    lookup->data = ctx;

    rc = ngx_ferrokv_lookup(lookup);

    if (rc == FKV_AGAIN) {
        ctx->waiting = 1;
        ngx_http_ferrokv_hold(r);

        return NGX_AGAIN;
    }

    ngx_http_ferrokv_pair_finish(r, ctx, pair, rc);

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_post_read_handler(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_http_ferrokv_ctx_t        *ctx;
    ngx_http_ferrokv_pair_t       *pair;
    ngx_http_ferrokv_main_conf_t  *fmcf;

    fmcf = ngx_http_get_module_main_conf(r, ngx_http_ferrokv_module);

    if (!fmcf->load || r != r->main) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_ferrokv_make_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->waiting) {
        return NGX_AGAIN;
    }

    for ( ;; ) {
        pair = ngx_http_ferrokv_current_pair(r, ctx);

        if (pair == NULL) {
            return NGX_DECLINED;
        }

        rc = ngx_http_ferrokv_load_pair(r, ctx, pair);

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        if (rc != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }
}
