
/*
 * ngx_stream_ferrokv_session.c - the course of a session through our handlers.
 */

#include "ngx_stream_ferrokv.h"


ngx_stream_ferrokv_ctx_t *
ngx_stream_ferrokv_ctx(ngx_stream_session_t *s)
{
    ngx_stream_ferrokv_ctx_t  *ctx;

    ctx = ngx_stream_get_module_ctx(s, ngx_stream_ferrokv_module);

    if (ctx == NULL) {
        ctx = ngx_pcalloc(s->connection->pool,
                          sizeof(ngx_stream_ferrokv_ctx_t));

        ngx_stream_set_ctx(s, ctx, ngx_stream_ferrokv_module);
    }

    return ctx;
}


/* Pairs */

static void
ngx_stream_ferrokv_load_done(ngx_ferrokv_load_t *load)
{
    ngx_stream_session_t      *s;
    ngx_stream_ferrokv_ctx_t  *ctx;

    s = load->of;

    ctx = load->data;
    ctx->waiting = 0;

    ngx_stream_core_run_phases(s);
}


/* NGX_OK all of the stage are loaded · NGX_AGAIN wait · NGX_ERROR no memory */

static ngx_int_t
ngx_stream_ferrokv_load(ngx_stream_session_t *s, ngx_uint_t stage)
{
    ngx_int_t                        rc;
    ngx_ferrokv_load_t              *load;
    ngx_stream_ferrokv_ctx_t        *ctx;
    ngx_stream_ferrokv_main_conf_t  *fmcf;

    fmcf = ngx_stream_get_module_main_conf(s, ngx_stream_ferrokv_module);

    if (!fmcf->load[stage]) {
        return NGX_OK;
    }

    ctx = ngx_stream_ferrokv_ctx(s);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ctx->waiting) {
        return NGX_AGAIN;
    }

    load = ctx->load[stage];

    if (load == NULL) {
        load = ngx_pcalloc(s->connection->pool, sizeof(ngx_ferrokv_load_t));
        if (load == NULL) {
            return NGX_ERROR;
        }

        load->of = s;
        load->pairs = &fmcf->pairs;
        load->stage = stage;
        load->on_done = ngx_stream_ferrokv_load_done;
        load->data = ctx;

        ctx->load[stage] = load;
    }

    rc = ngx_ferrokv_load(load);

    ctx->waiting = (rc == NGX_AGAIN);

    return rc;
}


ngx_int_t
ngx_stream_ferrokv_post_accept_handler(ngx_stream_session_t *s)
{
    ngx_int_t  rc;

    rc = ngx_stream_ferrokv_load(s, NGX_STREAM_FERROKV_EARLY);

    return (rc == NGX_OK) ? NGX_DECLINED : rc;
}


/* Actions */

static void
ngx_stream_ferrokv_run_done(ngx_ferrokv_run_t *run)
{
    ngx_stream_session_t      *s;
    ngx_stream_ferrokv_ctx_t  *ctx;

    s = run->of;

    ctx = run->data;
    ctx->waiting = 0;

    ngx_stream_core_run_phases(s);
}


static ngx_int_t
ngx_stream_ferrokv_run(ngx_stream_session_t *s, ngx_stream_ferrokv_ctx_t *ctx,
    ngx_ferrokv_action_t *action)
{
    ngx_int_t  rc;

    if (ctx->run == NULL) {
        ctx->run = ngx_palloc(s->connection->pool, sizeof(ngx_ferrokv_run_t));
        if (ctx->run == NULL) {
            return NGX_ERROR;
        }
    }

    ctx->run->of = s;
    ctx->run->on_done = ngx_stream_ferrokv_run_done;
    ctx->run->data = ctx;

    rc = ngx_ferrokv_run(ctx->run, action);

    ctx->waiting = (rc == NGX_AGAIN);

    return rc;
}


ngx_int_t
ngx_stream_ferrokv_access_handler(ngx_stream_session_t *s)
{
    ngx_int_t                        rc;
    ngx_ferrokv_action_t           **action;
    ngx_stream_ferrokv_ctx_t        *ctx;
    ngx_stream_ferrokv_srv_conf_t   *fscf;

    fscf = ngx_stream_get_module_srv_conf(s, ngx_stream_ferrokv_module);

    if (fscf->actions == NULL) {
        return NGX_DECLINED;
    }

    ctx = ngx_stream_ferrokv_ctx(s);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ctx->waiting) {
        return NGX_AGAIN;
    }

    action = fscf->actions->elts;

    while (ctx->run == NULL || ctx->run->status == 0) {

        if (ctx->action == fscf->actions->nelts) {
            return NGX_DECLINED;
        }

        if (action[ctx->action++]->log) {
            continue;
        }

        rc = ngx_stream_ferrokv_run(s, ctx, action[ctx->action - 1]);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ctx->run->status;
}


ngx_int_t
ngx_stream_ferrokv_log_handler(ngx_stream_session_t *s)
{
    ngx_uint_t                       i;
    ngx_ferrokv_action_t           **action;
    ngx_stream_ferrokv_srv_conf_t   *fscf;

    fscf = ngx_stream_get_module_srv_conf(s, ngx_stream_ferrokv_module);

    if (fscf->actions == NULL) {
        return NGX_OK;
    }

    action = fscf->actions->elts;

    for (i = 0; i < fscf->actions->nelts; i++) {
        if (action[i]->log) {
            ngx_ferrokv_run_detached(s, action[i]);
        }
    }

    return NGX_OK;
}


/* Content */

/* While we wait: the socket's events are the server's handler's. */

static void
ngx_stream_ferrokv_ignore(ngx_event_t *ev)
{
}


static void
ngx_stream_ferrokv_hold_events(ngx_stream_session_t *s)
{
    ngx_connection_t          *c;
    ngx_stream_ferrokv_ctx_t  *ctx;

    c = s->connection;
    ctx = ngx_stream_get_module_ctx(s, ngx_stream_ferrokv_module);

    if (ctx->read == NULL) {
        ctx->read = c->read->handler;
        ctx->write = c->write->handler;

        c->read->handler = ngx_stream_ferrokv_ignore;
        c->write->handler = ngx_stream_ferrokv_ignore;
    }
}


static void
ngx_stream_ferrokv_give_events(ngx_stream_session_t *s)
{
    ngx_connection_t          *c;
    ngx_stream_ferrokv_ctx_t  *ctx;

    c = s->connection;
    ctx = ngx_stream_get_module_ctx(s, ngx_stream_ferrokv_module);

    if (ctx && ctx->read) {
        c->read->handler = ctx->read;
        c->write->handler = ctx->write;
        ctx->read = NULL;
    }
}


void
ngx_stream_ferrokv_content_handler(ngx_stream_session_t *s)
{
    ngx_stream_ferrokv_srv_conf_t  *fscf;

    switch (ngx_stream_ferrokv_load(s, NGX_STREAM_FERROKV_LATE)) {

    case NGX_OK:
        fscf = ngx_stream_get_module_srv_conf(s, ngx_stream_ferrokv_module);

        ngx_stream_ferrokv_give_events(s);
        fscf->handler(s);
        return;

    case NGX_AGAIN:
        ngx_stream_ferrokv_hold_events(s);
        return;
    }

    ngx_stream_finalize_session(s, NGX_STREAM_INTERNAL_SERVER_ERROR);
}
