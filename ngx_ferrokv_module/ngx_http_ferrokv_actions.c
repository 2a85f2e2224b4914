
/*
 * ngx_http_ferrokv_actions.c - when ferrokv_get, _set, _incr, _ttl, _del and
 * _call run in http.
 *
 * All actions are numbered.  Each runs at most once for a client request, in
 * the order of its location's list, however often internal redirects bring the
 * request through the preaccess phase: ctx->done has a bit for each that has
 * run.  For one of phase=log the bit says that a location of the request has
 * it; those, and the ones of the location in which the request ends, run after
 * the response.
 */

#include "ngx_http_ferrokv.h"
#include "ngx_ferrokv_call.h"


static ngx_int_t
ngx_http_ferrokv_add_action(ngx_conf_t *cf, ngx_http_ferrokv_loc_conf_t *flcf,
    ngx_ferrokv_action_t *action)
{
    ngx_ferrokv_action_t          **slot;
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


char *
ngx_http_ferrokv_action(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_ferrokv_action_t  *action;

    action = ngx_ferrokv_parse_action(cf, &ngx_http_ferrokv_face, cmd->post);

    if (action == NULL
        || ngx_http_ferrokv_add_action(cf, conf, action) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_ferrokv_call(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_ferrokv_action_t  *action;

    action = ngx_ferrokv_parse_call(cf, &ngx_http_ferrokv_face);

    if (action == NULL
        || ngx_http_ferrokv_add_action(cf, conf, action) != NGX_OK)
    {
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
    ngx_ferrokv_action_t *action)
{
    return ctx->done[action->number / 8] & (1 << (action->number % 8));
}


static void
ngx_http_ferrokv_mark(ngx_http_ferrokv_ctx_t *ctx,
    ngx_ferrokv_action_t *action)
{
    ctx->done[action->number / 8] |= (1 << (action->number % 8));
}


static void
ngx_http_ferrokv_run_done(ngx_ferrokv_run_t *run)
{
    ngx_http_request_t      *r;
    ngx_http_ferrokv_ctx_t  *ctx;

    r = run->of;

    ctx = run->data;
    ctx->waiting = 0;

    ngx_http_ferrokv_resume(r);
}


static ngx_int_t
ngx_http_ferrokv_run(ngx_http_request_t *r, ngx_http_ferrokv_ctx_t *ctx,
    ngx_ferrokv_action_t *action)
{
    ngx_int_t  rc;

    if (ctx->run == NULL) {
        ctx->run = ngx_palloc(r->pool, sizeof(ngx_ferrokv_run_t));
        if (ctx->run == NULL) {
            return NGX_ERROR;
        }
    }

    ctx->run->of = r;
    ctx->run->on_done = ngx_http_ferrokv_run_done;
    ctx->run->data = ctx;

    rc = ngx_ferrokv_run(ctx->run, action);

    if (rc == NGX_AGAIN) {
        ctx->waiting = 1;
        ngx_http_ferrokv_hold(r);
    }

    return rc;
}


/* Told once: behind an error_page the request goes on. */

static ngx_uint_t
ngx_http_ferrokv_take_status(ngx_http_ferrokv_ctx_t *ctx)
{
    ngx_uint_t  status;

    if (ctx->run == NULL) {
        return 0;
    }

    status = ctx->run->status;
    ctx->run->status = 0;

    return status;
}


ngx_int_t
ngx_http_ferrokv_preaccess_handler(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i, status;
    ngx_http_ferrokv_ctx_t        *ctx;
    ngx_ferrokv_action_t         **action;
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

        status = ngx_http_ferrokv_take_status(ctx);
        if (status) {
            return status;
        }

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

    status = ngx_http_ferrokv_take_status(ctx);

    return status ? (ngx_int_t) status : NGX_DECLINED;
}


ngx_int_t
ngx_http_ferrokv_log_handler(ngx_http_request_t *r)
{
    ngx_uint_t                      i;
    ngx_http_ferrokv_ctx_t         *ctx;
    ngx_ferrokv_action_t          **action;
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
            ngx_ferrokv_run_detached(r, action[i]);
        }
    }

    return NGX_OK;
}
