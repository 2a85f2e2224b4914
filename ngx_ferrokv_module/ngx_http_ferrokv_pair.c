
/*
 * ngx_http_ferrokv_pair.c - "ferrokv KEY $VAR zone=NAME" in http: all are
 * loaded in the post-read phase, which is once for a client request, before
 * rewrite and if, and never for a subrequest.
 *
 * Somebody may ask by name for a variable that the configuration mentions
 * nowhere: Lua, njs and Perl, where all pairs get an index, and SSI, where the
 * log says what to do.
 */

#include "ngx_http_ferrokv.h"


/* Nothing has loaded it: a request that was broken from the start, or SSI. */

static ngx_int_t
ngx_http_ferrokv_pair_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_ferrokv_pair_t *pair = (ngx_ferrokv_pair_t *) data;

    v->not_found = 1;

    if (pair->index == NGX_FERROKV_PAIR_UNUSED) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"$%V\" is not loaded, because the configuration "
                      "does not mention it: add \"set $ferrokv_use $%V;\"",
                      &pair->variable, &pair->variable);
    }

    return NGX_OK;
}


char *
ngx_http_ferrokv_pair(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ferrokv_main_conf_t *fmcf = conf;

    ngx_ferrokv_pair_t   *pair, **slot;
    ngx_http_variable_t  *v;

    pair = ngx_ferrokv_parse_pair(cf, &ngx_http_ferrokv_face);
    slot = ngx_array_push(&fmcf->pairs);

    if (pair == NULL || slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = pair;

    v = ngx_http_add_variable(cf, &pair->variable, 0);
    if (v == NULL) {
        return NGX_CONF_ERROR;
    }

    v->get_handler = ngx_http_ferrokv_pair_variable;
    v->data = (uintptr_t) pair;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_ferrokv_index_pairs(ngx_conf_t *cf,
    ngx_http_ferrokv_main_conf_t *fmcf)
{
    ngx_uint_t            i;
    ngx_ferrokv_pair_t  **pair;

    /* their scripts ask for variables by name */
    static const char  *scripts[] = {
        "ngx_http_lua_module", "ngx_http_js_module", "ngx_http_perl_module",
        NULL
    };

    if (!ngx_ferrokv_has_module(cf->cycle, scripts)) {
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

    return NGX_FERROKV_PAIR_UNUSED;
}


void
ngx_http_ferrokv_init_pairs(ngx_http_core_main_conf_t *cmcf,
    ngx_http_ferrokv_main_conf_t *fmcf)
{
    ngx_uint_t            i;
    ngx_ferrokv_pair_t  **pair;

    pair = fmcf->pairs.elts;

    for (i = 0; i < fmcf->pairs.nelts; i++) {
        pair[i]->index = ngx_http_ferrokv_variable_index(cmcf,
                                                         &pair[i]->variable);

        if (pair[i]->index != NGX_FERROKV_PAIR_UNUSED) {
            fmcf->load = 1;
        }
    }
}


static void
ngx_http_ferrokv_load_done(ngx_ferrokv_load_t *load)
{
    ngx_http_ferrokv_ctx_t  *ctx;

    ctx = load->data;
    ctx->waiting = 0;

    ngx_http_ferrokv_resume(load->of);
}


static ngx_ferrokv_load_t *
ngx_http_ferrokv_load_create(ngx_http_request_t *r,
    ngx_http_ferrokv_ctx_t *ctx, ngx_array_t *pairs)
{
    ngx_ferrokv_load_t  *load;

    load = ngx_pcalloc(r->pool, sizeof(ngx_ferrokv_load_t));

    if (load) {
        load->of = r;
        load->pairs = pairs;
        load->on_done = ngx_http_ferrokv_load_done;
        load->data = ctx;
    }

    return load;
}


ngx_int_t
ngx_http_ferrokv_post_read_handler(ngx_http_request_t *r)
{
    ngx_http_ferrokv_ctx_t        *ctx;
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

    if (ctx->load == NULL) {
        ctx->load = ngx_http_ferrokv_load_create(r, ctx, &fmcf->pairs);
        if (ctx->load == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    switch (ngx_ferrokv_load(ctx->load)) {

    case NGX_OK:
        return NGX_DECLINED;

    case NGX_AGAIN:
        ctx->waiting = 1;
        ngx_http_ferrokv_hold(r);

        return NGX_AGAIN;
    }

    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}
