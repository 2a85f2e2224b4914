
/*
 * ngx_http_ferrokv_limit.c - the run of a request's limits: collected, decided
 * in one update, and acted on.
 *
 * A zone is asked once for a client request, however often redirects bring the
 * request back, and what has been rejected is not limited again on its way
 * to an error page.
 */

#include "ngx_http_ferrokv_limit.h"


/* The decision */

static fkv_sync_e
ngx_http_ferrokv_limit_sync(ngx_http_ferrokv_limit_batch_t *batch)
{
    fkv_sync_e  sync;
    ngx_uint_t  i;

    sync = FKV_SYNC_OFF;

    /* the more is asked for, the smaller the number */

    for (i = 0; i < batch->n; i++) {
        sync = ngx_min(sync, batch->checks[i].limit->zone->sync);
    }

    return sync;
}


static void
ngx_http_ferrokv_limit_decide_one(ngx_http_ferrokv_limit_batch_t *batch,
    ngx_uint_t i, fkv_rules_limit_how_e how)
{
    uint64_t                         now_ms;
    fkv_str_t                        current;
    fkv_change_t                    *change;
    ngx_http_ferrokv_limit_check_t  *check;

    check = &batch->checks[i];
    change = &batch->changes[i];
    now_ms = batch->update.now_ms;

    current.data = NULL;
    current.len = 0;

    if (change->exists) {
        current = change->current.data;
    }

    /* none, or bytes that say nothing to us: no state */

    (void) fkv_rules_limit_get(current, &check->state);

    fkv_rules_limit_decide(&check->rule, now_ms * 1000, check->cost, how,
                           &check->state, &check->decision);

    change->action = check->decision.keep ? FKV_PUT : FKV_KEEP;

    if (check->decision.keep) {
        fkv_rules_limit_put(check->bytes, &check->state);

        change->value.data = check->bytes;
        change->value.len = FKV_RULES_LIMIT_STATE_SIZE;
        change->expire_at = now_ms + check->decision.reset_us / 1000 + 1;
    }
}


/* The engine calls it again whenever a key has changed meanwhile. */

static int
ngx_http_ferrokv_limit_decide(fkv_update_t *update)
{
    ngx_uint_t                       i;
    fkv_rules_limit_how_e            how;
    ngx_http_ferrokv_limit_check_t  *check;
    ngx_http_ferrokv_limit_batch_t  *batch;

    batch = update->op.data;
    batch->rejected = 0;

    for (i = 0; i < batch->n; i++) {
        check = &batch->checks[i];

        how = batch->charge ? FKV_RULES_LIMIT_CHARGE
              : (check->limit->phase == NGX_HTTP_FERROKV_LIMIT_LOG)
              ? FKV_RULES_LIMIT_ASK : FKV_RULES_LIMIT_TAKE;

        ngx_http_ferrokv_limit_decide_one(batch, i, how);

        batch->rejected |= !check->decision.pass;
    }

    if (!batch->rejected || batch->charge) {
        return FKV_OK;
    }

    for (i = 0; i < batch->n; i++) {

        if (batch->checks[i].decision.pass) {
            ngx_http_ferrokv_limit_decide_one(batch, i, FKV_RULES_LIMIT_ASK);
        }
    }

    return FKV_OK;
}


static int
ngx_http_ferrokv_limit_update(ngx_http_ferrokv_limit_batch_t *batch,
    void (*on_done)(fkv_op_t *op))
{
    ngx_uint_t     i;
    fkv_update_t  *update;

    update = &batch->update;

    ngx_memzero(update, sizeof(fkv_update_t));
    ngx_memzero(batch->changes, batch->n * sizeof(fkv_change_t));

    update->op.on_done = on_done;
    update->op.data = batch;
    update->store = batch->checks[0].limit->zone->ref->store->fkv;
    update->now_ms = fkv_now_ms(update->store);
    update->sync = ngx_http_ferrokv_limit_sync(batch);
    update->changes = batch->changes;
    update->n = batch->n;
    update->decide = ngx_http_ferrokv_limit_decide;

    for (i = 0; i < batch->n; i++) {
        batch->changes[i].ns = FKV_NAMESPACE_LIMITS;
        batch->changes[i].key = batch->checks[i].key;
    }

    return fkv_update(update);
}


static void
ngx_http_ferrokv_limit_failed(ngx_log_t *log,
    ngx_http_ferrokv_limit_batch_t *batch, int rc)
{
    ngx_str_t   text;
    ngx_uint_t  i;

    text.data = (u_char *) fkv_code_text(rc);
    text.len = ngx_strlen(text.data);

    for (i = 0; i < batch->n; i++) {
        ngx_http_ferrokv_limit_trouble(log, batch->checks[i].limit->zone,
                                       "no decision:", &text);
    }
}


/* What to do about it */

static ngx_http_ferrokv_limit_conf_t *
ngx_http_ferrokv_limit_conf(ngx_http_request_t *r)
{
    ngx_http_ferrokv_loc_conf_t  *flcf;

    flcf = ngx_http_get_module_loc_conf(r, ngx_http_ferrokv_module);

    return &flcf->limit;
}


/* Of two that pass, who will reject first; else who rejects longer. */

static ngx_uint_t
ngx_http_ferrokv_limit_stricter(ngx_http_ferrokv_limit_check_t *a,
    ngx_http_ferrokv_limit_check_t *b)
{
    fkv_rules_limit_figures_t  of_a, of_b;

    if (a->decision.pass != b->decision.pass) {
        return !a->decision.pass;
    }

    if (a->decision.delay_us != b->decision.delay_us) {
        return a->decision.delay_us > b->decision.delay_us;
    }

    ngx_http_ferrokv_limit_tell(a, &of_a);
    ngx_http_ferrokv_limit_tell(b, &of_b);

    return a->decision.pass ? of_a.remaining < of_b.remaining
                            : of_a.retry_us > of_b.retry_us;
}


static void
ngx_http_ferrokv_limit_take(ngx_http_ferrokv_limit_run_t *run,
    ngx_http_ferrokv_limit_batch_t *batch)
{
    ngx_uint_t                       i;
    ngx_http_ferrokv_limit_check_t  *check;

    for (i = 0; i < batch->n; i++) {
        check = &batch->checks[i];

        check->next = run->checks;
        run->checks = check;

        if (run->strictest == NULL
            || ngx_http_ferrokv_limit_stricter(check, run->strictest))
        {
            run->strictest = check;
        }
    }
}


static void
ngx_http_ferrokv_limit_count_batch(ngx_http_ferrokv_limit_batch_t *batch,
    ngx_uint_t dry_run)
{
    ngx_uint_t                       i, status;
    ngx_http_ferrokv_limit_check_t  *check;

    for (i = 0; i < batch->n; i++) {
        check = &batch->checks[i];

        if (!check->decision.pass) {
            status = dry_run ? NGX_HTTP_FERROKV_LIMIT_REJECTED_DRY_RUN
                             : NGX_HTTP_FERROKV_LIMIT_REJECTED;

        } else if (batch->rejected) {
            continue;                           /* and nothing was charged */

        } else if (check->decision.delay_us) {
            status = dry_run ? NGX_HTTP_FERROKV_LIMIT_DELAYED_DRY_RUN
                             : NGX_HTTP_FERROKV_LIMIT_DELAYED;

        } else {
            status = NGX_HTTP_FERROKV_LIMIT_PASSED;
        }

        ngx_http_ferrokv_limit_add(check->limit->zone, status);
    }
}


static void
ngx_http_ferrokv_limit_delayed(ngx_http_request_t *r)
{
    ngx_event_t  *wev;

    wev = r->connection->write;

    if (wev->delayed) {

        if (ngx_handle_write_event(wev, 0) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        }

        return;
    }

    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
}


/* A client that leaves meanwhile is noticed. */

static ngx_int_t
ngx_http_ferrokv_limit_delay(ngx_http_request_t *r, uint64_t delay_us)
{
    ngx_event_t  *rev;

    rev = r->connection->read;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);

    } else if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_ferrokv_limit_delayed;

    r->connection->write->delayed = 1;
    ngx_add_timer(r->connection->write, (ngx_msec_t) ((delay_us + 999) / 1000));

    return NGX_AGAIN;
}


/* nginx's words, to the comma that they have and do not have. */

static void
ngx_http_ferrokv_limit_log(ngx_http_request_t *r, ngx_uint_t level,
    const char *fmt, ngx_http_ferrokv_limit_check_t *check,
    ngx_uint_t dry_run)
{
    fkv_rules_limit_figures_t  figures;

    if (r->connection->log->log_level < level) {
        return;
    }

    ngx_http_ferrokv_limit_tell(check, &figures);

    ngx_log_error(level, r->connection->log, 0, fmt,
                  dry_run ? ", dry run" : "",
                  figures.excess / 1000, figures.excess % 1000,
                  &check->limit->zone->name);
}


static ngx_int_t
ngx_http_ferrokv_limit_reject(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_run_t *run, ngx_http_ferrokv_limit_conf_t *lcf)
{
    ngx_http_ferrokv_limit_log(r, lcf->log_level,
                     "limiting requests%s, excess: %uL.%03uL by zone \"%V\"",
                     run->strictest, lcf->dry_run);

    if (lcf->dry_run) {
        run->status = NGX_HTTP_FERROKV_LIMIT_REJECTED_DRY_RUN;
        return NGX_DECLINED;
    }

    run->status = NGX_HTTP_FERROKV_LIMIT_REJECTED;

    return ngx_http_ferrokv_limit_answer(r, run, lcf);
}


static ngx_int_t
ngx_http_ferrokv_limit_pass(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_run_t *run, ngx_http_ferrokv_limit_conf_t *lcf,
    uint64_t delay_us)
{
    if (!lcf->dry_run
        && ngx_http_ferrokv_limit_add_headers(r, run, lcf->headers) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (delay_us == 0) {
        run->status = ngx_max(run->status, NGX_HTTP_FERROKV_LIMIT_PASSED);
        return NGX_DECLINED;
    }

    ngx_http_ferrokv_limit_log(r, ngx_min(lcf->log_level + 1, NGX_LOG_INFO),
                     "delaying request%s, excess: %uL.%03uL, by zone \"%V\"",
                     run->strictest, lcf->dry_run);

    if (lcf->dry_run) {
        run->status = NGX_HTTP_FERROKV_LIMIT_DELAYED_DRY_RUN;
        return NGX_DECLINED;
    }

    run->status = NGX_HTTP_FERROKV_LIMIT_DELAYED;

    return ngx_http_ferrokv_limit_delay(r, delay_us);
}


/* A limit cannot be decided, or a variable of it is nonsense. */

static ngx_int_t
ngx_http_ferrokv_limit_no_decision(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_run_t *run, ngx_http_ferrokv_limit_conf_t *lcf)
{
    if (lcf->on_error == NGX_HTTP_FERROKV_LIMIT_ALLOW || lcf->dry_run) {
        return NGX_DECLINED;
    }

    run->status = NGX_HTTP_FERROKV_LIMIT_REJECTED;

    return NGX_HTTP_SERVICE_UNAVAILABLE;
}


static ngx_int_t
ngx_http_ferrokv_limit_conclude(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_run_t *run, ngx_http_ferrokv_limit_conf_t *lcf,
    int rc)
{
    uint64_t                         delay_us;
    ngx_uint_t                       i;
    ngx_http_ferrokv_limit_batch_t  *batch;

    batch = run->batch;
    run->batch = NULL;

    if (rc != FKV_OK) {
        ngx_http_ferrokv_limit_failed(r->connection->log, batch, rc);
        return ngx_http_ferrokv_limit_no_decision(r, run, lcf);
    }

    ngx_http_ferrokv_limit_take(run, batch);
    ngx_http_ferrokv_limit_count_batch(batch, lcf->dry_run);

    if (batch->rejected) {
        return ngx_http_ferrokv_limit_reject(r, run, lcf);
    }

    delay_us = 0;

    for (i = 0; i < batch->n; i++) {
        delay_us = ngx_max(delay_us, batch->checks[i].decision.delay_us);
    }

    return ngx_http_ferrokv_limit_pass(r, run, lcf, delay_us);
}


/* The run */

static ngx_uint_t
ngx_http_ferrokv_limit_is_decided(ngx_http_ferrokv_limit_run_t *run,
    ngx_http_ferrokv_limit_zone_t *zone)
{
    ngx_http_ferrokv_limit_check_t  *check;

    for (check = run->checks; check; check = check->next) {
        if (check->limit->zone == zone) {
            return 1;
        }
    }

    return 0;
}


static ngx_http_ferrokv_limit_batch_t *
ngx_http_ferrokv_limit_new_batch(ngx_pool_t *pool, ngx_uint_t n)
{
    ngx_http_ferrokv_limit_batch_t  *batch;

    batch = ngx_palloc(pool, sizeof(ngx_http_ferrokv_limit_batch_t)
                             + n * sizeof(fkv_change_t)
                             + n * sizeof(ngx_http_ferrokv_limit_check_t));
    if (batch == NULL) {
        return NULL;
    }

    batch->changes = (fkv_change_t *) (batch + 1);
    batch->checks = (ngx_http_ferrokv_limit_check_t *) (batch->changes + n);
    batch->n = 0;
    batch->charge = 0;

    return batch;
}


/* NGX_OK run->batch, or NULL · NGX_ABORT on_error decides · NGX_ERROR */

static ngx_int_t
ngx_http_ferrokv_limit_collect(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_run_t *run, ngx_http_ferrokv_limit_conf_t *lcf,
    ngx_uint_t phases)
{
    ngx_int_t                         rc;
    ngx_uint_t                        i;
    ngx_http_ferrokv_limit_t        **limit;
    ngx_http_ferrokv_limit_batch_t   *batch;

    batch = NULL;
    limit = lcf->limits->elts;

    for (i = 0; i < lcf->limits->nelts; i++) {

        if (!(limit[i]->phase & phases)
            || ngx_http_ferrokv_limit_is_decided(run, limit[i]->zone))
        {
            continue;
        }

        if (batch == NULL) {
            batch = ngx_http_ferrokv_limit_new_batch(r->pool,
                                                     lcf->limits->nelts - i);
            if (batch == NULL) {
                return NGX_ERROR;
            }
        }

        rc = ngx_http_ferrokv_limit_prepare(r, limit[i],
                                            &batch->checks[batch->n]);

        if (rc == NGX_OK) {
            batch->n++;

        } else if (rc == NGX_ERROR
                   || (rc == NGX_ABORT
                       && lcf->on_error == NGX_HTTP_FERROKV_LIMIT_REJECT
                       && !lcf->dry_run))
        {
            return rc;
        }
    }

    run->batch = (batch && batch->n) ? batch : NULL;

    return NGX_OK;
}


static void
ngx_http_ferrokv_limit_done(fkv_op_t *op)
{
    ngx_http_request_t              *r;
    ngx_http_ferrokv_ctx_t          *ctx;
    ngx_http_ferrokv_limit_batch_t  *batch;

    batch = op->data;
    r = batch->request;

    ctx = ngx_http_ferrokv_get_ctx(r);
    ctx->waiting = 0;

    ngx_http_ferrokv_resume(r);
}


static ngx_http_ferrokv_limit_run_t *
ngx_http_ferrokv_limit_get_run(ngx_http_request_t *r,
    ngx_http_ferrokv_ctx_t *ctx)
{
    if (ctx->limit == NULL) {
        ctx->limit = ngx_pcalloc(r->pool,
                                 sizeof(ngx_http_ferrokv_limit_run_t));
    }

    return ctx->limit;
}


static ngx_int_t
ngx_http_ferrokv_limit_run(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_conf_t *lcf, ngx_uint_t phases)
{
    int                            rc;
    ngx_int_t                      collected;
    ngx_http_ferrokv_ctx_t        *ctx;
    ngx_http_ferrokv_limit_run_t  *run;

    ctx = ngx_http_ferrokv_make_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->waiting) {
        return NGX_AGAIN;                       /* an event of the socket */
    }

    run = ngx_http_ferrokv_limit_get_run(r, ctx);
    if (run == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (run->batch) {
        return ngx_http_ferrokv_limit_conclude(r, run, lcf,
                                               run->batch->update.op.rc);
    }

    if (run->status == NGX_HTTP_FERROKV_LIMIT_REJECTED) {
        return NGX_DECLINED;
    }

    collected = ngx_http_ferrokv_limit_collect(r, run, lcf, phases);

    if (collected != NGX_OK) {
        return (collected == NGX_ABORT)
               ? ngx_http_ferrokv_limit_no_decision(r, run, lcf)
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (run->batch == NULL) {
        return NGX_DECLINED;
    }

    run->batch->request = r;

    rc = ngx_http_ferrokv_limit_update(run->batch,
                                       ngx_http_ferrokv_limit_done);

    if (rc == FKV_AGAIN) {
        ctx->waiting = 1;
        ngx_http_ferrokv_hold(r);

        return NGX_AGAIN;
    }

    return ngx_http_ferrokv_limit_conclude(r, run, lcf, rc);
}


ngx_int_t
ngx_http_ferrokv_limit_handler(ngx_http_request_t *r)
{
    ngx_uint_t                      phases;
    ngx_http_ferrokv_limit_conf_t  *lcf;

    lcf = ngx_http_ferrokv_limit_conf(r);

    if (lcf->limits == NULL || r != r->main) {
        return NGX_DECLINED;
    }

    phases = NGX_HTTP_FERROKV_LIMIT_ACCESS|NGX_HTTP_FERROKV_LIMIT_LOG;

    if (!lcf->late) {
        phases |= NGX_HTTP_FERROKV_LIMIT_MISS;
    }

    return ngx_http_ferrokv_limit_run(r, lcf, phases);
}


ngx_int_t
ngx_http_ferrokv_limit_miss(ngx_http_request_t *r)
{
    ngx_http_ferrokv_limit_conf_t  *lcf;

    lcf = ngx_http_ferrokv_limit_conf(r);

    if (lcf->limits == NULL || r != r->main) {
        return NGX_DECLINED;
    }

    return ngx_http_ferrokv_limit_run(r, lcf, NGX_HTTP_FERROKV_LIMIT_MISS);
}


/* phase=log: the request is going, the charge has memory of its own. */

static void
ngx_http_ferrokv_limit_charged(fkv_op_t *op)
{
    ngx_http_ferrokv_limit_batch_t  *batch;

    batch = op->data;

    if (op->rc != FKV_OK) {
        ngx_http_ferrokv_limit_failed(ngx_cycle->log, batch, op->rc);
    }

    ngx_free(batch);
}


static void
ngx_http_ferrokv_limit_charge(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_check_t *from)
{
    int                              rc;
    u_char                          *p;
    ngx_http_ferrokv_limit_check_t  *check;
    ngx_http_ferrokv_limit_batch_t  *batch;

    if (ngx_http_ferrokv_limit_prepare_cost(r, from->limit, from) != NGX_OK) {
        return;
    }

    batch = ngx_alloc(sizeof(ngx_http_ferrokv_limit_batch_t)
                      + sizeof(fkv_change_t)
                      + sizeof(ngx_http_ferrokv_limit_check_t)
                      + from->key.len, r->connection->log);
    if (batch == NULL) {
        return;
    }

    batch->changes = (fkv_change_t *) (batch + 1);
    batch->checks = (ngx_http_ferrokv_limit_check_t *) (batch->changes + 1);
    batch->n = 1;
    batch->charge = 1;

    check = batch->checks;
    *check = *from;

    p = (u_char *) (check + 1);
    ngx_memcpy(p, from->key.data, from->key.len);
    check->key.data = p;

    rc = ngx_http_ferrokv_limit_update(batch, ngx_http_ferrokv_limit_charged);

    if (rc != FKV_AGAIN) {
        batch->update.op.rc = rc;
        ngx_http_ferrokv_limit_charged(&batch->update.op);
    }
}


ngx_int_t
ngx_http_ferrokv_limit_log_handler(ngx_http_request_t *r)
{
    ngx_http_ferrokv_ctx_t          *ctx;
    ngx_http_ferrokv_limit_check_t  *check;

    ctx = ngx_http_ferrokv_get_ctx(r);

    if (r != r->main
        || ctx == NULL
        || ctx->limit == NULL
        || ctx->limit->status == NGX_HTTP_FERROKV_LIMIT_REJECTED)
    {
        return NGX_OK;
    }

    for (check = ctx->limit->checks; check; check = check->next) {

        if (check->limit->phase == NGX_HTTP_FERROKV_LIMIT_LOG) {
            ngx_http_ferrokv_limit_charge(r, check);
        }
    }

    return NGX_OK;
}
