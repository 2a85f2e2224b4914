
/*
 * ngx_ferrokv_run.c - an action under way: its expressions evaluated, one
 * operation of the engine, and what is made of its result.
 *
 *   prepare --> start --> finish                     the result was there
 *                 |
 *                 `-- FKV_AGAIN --> run_done --> finish --> on_done
 */

#include "ngx_ferrokv_action.h"


static ngx_int_t ngx_ferrokv_prepare(ngx_ferrokv_run_t *run);
static int ngx_ferrokv_start_read(ngx_ferrokv_run_t *run);
static int ngx_ferrokv_start_set(ngx_ferrokv_run_t *run);
static int ngx_ferrokv_start_incr(ngx_ferrokv_run_t *run);
static int ngx_ferrokv_start_del(ngx_ferrokv_run_t *run);
static void ngx_ferrokv_finish_get(ngx_ferrokv_run_t *run, int rc);
static void ngx_ferrokv_finish_ttl(ngx_ferrokv_run_t *run, int rc);
static void ngx_ferrokv_finish_incr(ngx_ferrokv_run_t *run, int rc);
static void ngx_ferrokv_finish_write(ngx_ferrokv_run_t *run, int rc);


ngx_ferrokv_kind_t  ngx_ferrokv_kind_get = {
    ngx_string("ferrokv_get"), 1, 0,
    NGX_FERROKV_PARAM_DEFAULT,
    ngx_ferrokv_prepare,
    ngx_ferrokv_start_read,
    ngx_ferrokv_finish_get
};


ngx_ferrokv_kind_t  ngx_ferrokv_kind_set = {
    ngx_string("ferrokv_set"), 0, 1,
    NGX_FERROKV_PARAM_TTL|NGX_FERROKV_PARAM_IF
    |NGX_FERROKV_PARAM_PHASE|NGX_FERROKV_PARAM_CONDITION,
    ngx_ferrokv_prepare,
    ngx_ferrokv_start_set,
    ngx_ferrokv_finish_write
};


ngx_ferrokv_kind_t  ngx_ferrokv_kind_incr = {
    ngx_string("ferrokv_incr"), 1, 0,
    NGX_FERROKV_PARAM_BY|NGX_FERROKV_PARAM_INIT
    |NGX_FERROKV_PARAM_TTL|NGX_FERROKV_PARAM_IF
    |NGX_FERROKV_PARAM_PHASE,
    ngx_ferrokv_prepare,
    ngx_ferrokv_start_incr,
    ngx_ferrokv_finish_incr
};


ngx_ferrokv_kind_t  ngx_ferrokv_kind_ttl = {
    ngx_string("ferrokv_ttl"), 1, 0,
    0,
    ngx_ferrokv_prepare,
    ngx_ferrokv_start_read,
    ngx_ferrokv_finish_ttl
};


ngx_ferrokv_kind_t  ngx_ferrokv_kind_del = {
    ngx_string("ferrokv_del"), 0, 0,
    NGX_FERROKV_PARAM_IF|NGX_FERROKV_PARAM_PHASE,
    ngx_ferrokv_prepare,
    ngx_ferrokv_start_del,
    ngx_ferrokv_finish_write
};


static fkv_t *
ngx_ferrokv_run_store(ngx_ferrokv_run_t *run)
{
    return run->action->ref->store->fkv;
}


static ngx_log_t *
ngx_ferrokv_run_log(ngx_ferrokv_run_t *run)
{
    return run->of ? run->action->face->connection(run->of)->log
                   : ngx_cycle->log;
}


static void
ngx_ferrokv_refuse(ngx_ferrokv_run_t *run, const char *why)
{
    u_char     buf[NGX_FERROKV_LOG_KEY_SIZE];
    ngx_str_t  text;

    ngx_log_error(NGX_LOG_ERR, ngx_ferrokv_run_log(run), 0,
                  "\"%V\": key \"%V\" of store \"%V\": %s",
                  &run->action->kind->name,
                  ngx_ferrokv_log_key(&text, buf, run->key.data, run->key.len),
                  &run->action->ref->store->name, why);
}


static void
ngx_ferrokv_failed(ngx_ferrokv_run_t *run, int rc)
{
    ngx_ferrokv_log_failure(ngx_ferrokv_run_log(run), &run->action->kind->name,
                            run->action->ref->store, run->key, rc);
}


/* NGX_DECLINED: there is none, or it is empty, which is the same. */

static ngx_int_t
ngx_ferrokv_eval(ngx_ferrokv_run_t *run, void *expression, ngx_str_t *value)
{
    ngx_str_null(value);

    if (expression == NULL) {
        return NGX_DECLINED;
    }

    if (run->action->face->eval(run->of, expression, value) != NGX_OK) {
        return NGX_ERROR;
    }

    return value->len ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_ferrokv_eval_ttl(ngx_ferrokv_run_t *run)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    if (!(run->action->kind->params & NGX_FERROKV_PARAM_TTL)) {
        return NGX_OK;
    }

    rc = ngx_ferrokv_eval(run, run->action->ttl, &value);

    if (rc == NGX_DECLINED) {
        run->ttl_ms = ngx_ferrokv_default_ttl(run->action->ref->store,
                                              run->key);
        return NGX_OK;
    }

    if (rc == NGX_OK && ngx_ferrokv_parse_ttl(&value, &run->ttl_ms) != NGX_OK) {
        ngx_ferrokv_refuse(run, "\"ttl=\" is not a time");
        return NGX_DECLINED;
    }

    return rc;
}


static ngx_int_t
ngx_ferrokv_eval_int(ngx_ferrokv_run_t *run, void *expression, int64_t *n,
    const char *what)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    rc = ngx_ferrokv_eval(run, expression, &value);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    if (ngx_ferrokv_parse_int(value.data, value.len, n) != NGX_OK) {
        ngx_ferrokv_refuse(run, what);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_ferrokv_eval_numbers(ngx_ferrokv_run_t *run)
{
    ngx_int_t  rc;

    run->by = 1;
    run->init = 0;

    rc = ngx_ferrokv_eval_int(run, run->action->by, &run->by,
                              "\"by=\" is not an integer");
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_ferrokv_eval_int(run, run->action->init, &run->init,
                                "\"init=\" is not an integer");
}


static ngx_int_t
ngx_ferrokv_eval_filter(ngx_ferrokv_run_t *run)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    if (run->action->filter == NULL) {
        return NGX_OK;
    }

    rc = ngx_ferrokv_eval(run, run->action->filter, &value);

    if (rc == NGX_OK && value.len == 1 && value.data[0] == '0') {
        return NGX_DECLINED;
    }

    return rc;
}


/* As all that evaluates: NGX_DECLINED, and the log may say why. */

static ngx_int_t
ngx_ferrokv_eval_key(ngx_ferrokv_run_t *run)
{
    char                   error[NGX_FERROKV_ZONE_ERROR_BYTES];
    ngx_int_t              rc;
    ngx_str_t              value;
    ngx_ferrokv_action_t  *action;

    action = run->action;

    rc = ngx_ferrokv_eval(run, action->key, &value);

    if (rc == NGX_DECLINED) {
        action->kind->finish(run, FKV_NOTFOUND);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    run->key = ngx_ferrokv_str(&value);

    if (run->key.len > FKV_KEY_BYTES_MAX) {
        ngx_ferrokv_refuse(run, "the key is too long");
        return NGX_DECLINED;
    }

    if ((action->kind->params & NGX_FERROKV_PARAM_TTL)
        && ngx_ferrokv_check_key(action->ref->store, run->key, error)
           != NGX_OK)
    {
        ngx_ferrokv_refuse(run, error);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* Evaluates all expressions; key and value lie in the pool of what it is of. */

static ngx_int_t
ngx_ferrokv_prepare(ngx_ferrokv_run_t *run)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    rc = ngx_ferrokv_eval_filter(run);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_ferrokv_eval_key(run);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_ferrokv_eval(run, run->action->value, &value) == NGX_ERROR) {
        return NGX_ERROR;
    }

    run->value = ngx_ferrokv_str(&value);

    rc = ngx_ferrokv_eval_ttl(run);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_ferrokv_eval_numbers(run);
}


void
ngx_ferrokv_run_done(fkv_op_t *op)
{
    ngx_ferrokv_run_t  *run;

    run = op->data;

    run->action->kind->finish(run, op->rc);

    if (run->of == NULL) {
        ngx_free(run);
        return;
    }

    run->on_done(run);
}


static uint64_t
ngx_ferrokv_expire_at(ngx_ferrokv_run_t *run, uint64_t now_ms)
{
    return run->ttl_ms ? now_ms + run->ttl_ms : 0;
}


static int
ngx_ferrokv_start_read(ngx_ferrokv_run_t *run)
{
    fkv_get_t  *get;

    get = &run->op.get;
    ngx_memzero(get, sizeof(fkv_get_t));

    get->op.on_done = ngx_ferrokv_run_done;
    get->op.data = run;
    get->store = ngx_ferrokv_run_store(run);
    get->ns = FKV_NAMESPACE_USER;
    get->key = run->key;
    get->now_ms = fkv_now_ms(get->store);
    get->head = (run->action->kind == &ngx_ferrokv_kind_ttl);
    get->load_max = get->head ? 0 : NGX_MAX_OFF_T_VALUE;

    return fkv_get(get);
}


static int
ngx_ferrokv_decide_set(fkv_update_t *update)
{
    ngx_ferrokv_run_t        *run;
    ngx_ferrokv_condition_e   condition;

    run = update->op.data;
    condition = run->action->condition;

    if (condition == NGX_FERROKV_NX && update->changes[0].exists) {
        return FKV_EXISTS;
    }

    if (condition == NGX_FERROKV_XX && !update->changes[0].exists) {
        return FKV_NOTFOUND;
    }

    return FKV_OK;
}


static fkv_change_t *
ngx_ferrokv_prepare_write(ngx_ferrokv_run_t *run)
{
    fkv_change_t  *change;
    fkv_update_t  *update;

    ngx_memzero(&run->op.write, sizeof(run->op.write));

    update = &run->op.write.update;
    change = &run->op.write.change;

    update->op.on_done = ngx_ferrokv_run_done;
    update->op.data = run;
    update->store = ngx_ferrokv_run_store(run);
    update->now_ms = fkv_now_ms(update->store);
    update->changes = change;
    update->n = 1;

    change->ns = FKV_NAMESPACE_USER;
    change->key = run->key;
    change->bare = true;

    return change;
}


static int
ngx_ferrokv_start_set(ngx_ferrokv_run_t *run)
{
    fkv_change_t  *change;
    fkv_update_t  *update;

    update = &run->op.write.update;
    change = ngx_ferrokv_prepare_write(run);

    change->action = FKV_PUT;
    change->value = run->value;
    change->expire_at = ngx_ferrokv_expire_at(run, update->now_ms);

    if (run->action->condition == NGX_FERROKV_ALWAYS) {
        change->blind = true;

    } else {
        update->decide = ngx_ferrokv_decide_set;
    }

    return fkv_update(update);
}


static int
ngx_ferrokv_start_del(ngx_ferrokv_run_t *run)
{
    fkv_change_t  *change;

    change = ngx_ferrokv_prepare_write(run);
    change->action = FKV_DELETE;

    return fkv_update(&run->op.write.update);
}


static int
ngx_ferrokv_start_incr(ngx_ferrokv_run_t *run)
{
    ngx_ferrokv_counter_t  *counter;

    counter = &run->op.counter;
    ngx_memzero(counter, sizeof(ngx_ferrokv_counter_t));

    counter->update.op.on_done = ngx_ferrokv_run_done;
    counter->update.op.data = run;
    counter->update.store = ngx_ferrokv_run_store(run);
    counter->update.now_ms = fkv_now_ms(counter->update.store);

    counter->change.ns = FKV_NAMESPACE_USER;
    counter->change.key = run->key;

    counter->by = run->by;
    counter->init = run->init;
    counter->expire_at = ngx_ferrokv_expire_at(run,
                                                    counter->update.now_ms);

    return ngx_ferrokv_counter_add(counter);
}


/* What came out: the variable of a request, or a line in the log */

static void
ngx_ferrokv_set_copy(ngx_ferrokv_run_t *run, const u_char *data, size_t len)
{
    u_char              *p;
    ngx_ferrokv_face_t  *face;

    if (run->of == NULL) {
        return;
    }

    face = run->action->face;

    p = ngx_pnalloc(face->pool(run->of), len);
    if (p == NULL) {
        return;
    }

    ngx_memcpy(p, data, len);

    face->set(run->of, run->action->index, p, len);
}


static void
ngx_ferrokv_finish_get(ngx_ferrokv_run_t *run, int rc)
{
    ngx_str_t   value;
    fkv_get_t  *get;

    if (rc == FKV_OK) {
        get = &run->op.get;

        if (get->value.type == 0) {
            ngx_ferrokv_set_copy(run, get->value.data.data,
                                      get->value.data.len);

        } else {
            ngx_ferrokv_failed(run, FKV_WRONGTYPE);
        }

        fkv_get_done(get);
        return;
    }

    if (rc != FKV_NOTFOUND) {
        ngx_ferrokv_failed(run, rc);
        return;
    }

    if (run->action->fallback
        && ngx_ferrokv_eval(run, run->action->fallback, &value) != NGX_ERROR)
    {
        run->action->face->set(run->of, run->action->index, value.data,
                               value.len);
    }
}


/* Redis' words: -2 there is no such key, -1 it does not expire. */

static void
ngx_ferrokv_finish_ttl(ngx_ferrokv_run_t *run, int rc)
{
    u_char      buf[NGX_INT64_LEN];
    int64_t     seconds;
    fkv_get_t  *get;

    get = &run->op.get;

    if (rc == FKV_NOTFOUND) {
        seconds = -2;

    } else if (rc != FKV_OK) {
        ngx_ferrokv_failed(run, rc);
        return;

    } else {
        seconds = -1;

        if (get->value.expire_at) {
            seconds = (get->value.expire_at - get->now_ms + 500) / 1000;
        }

        fkv_get_done(get);
    }

    ngx_ferrokv_set_copy(run, buf,
                              ngx_sprintf(buf, "%L", seconds) - buf);
}


static void
ngx_ferrokv_finish_incr(ngx_ferrokv_run_t *run, int rc)
{
    ngx_ferrokv_counter_t  *counter;

    if (rc == FKV_OK) {
        counter = &run->op.counter;
        ngx_ferrokv_set_copy(run, counter->text, counter->text_len);
        return;
    }

    ngx_ferrokv_finish_write(run, rc);
}


static void
ngx_ferrokv_finish_write(ngx_ferrokv_run_t *run, int rc)
{
    if (rc == FKV_OK || rc == FKV_EXISTS || rc == FKV_NOTFOUND) {
        return;                                 /* nx, xx, an empty key */
    }

    ngx_ferrokv_failed(run, rc);
}


ngx_int_t
ngx_ferrokv_run(ngx_ferrokv_run_t *run, ngx_ferrokv_action_t *action)
{
    int        rc;
    ngx_int_t  prepared;

    run->action = action;
    run->status = 0;
    run->ttl_ms = 0;

    ngx_str_null(&run->key);
    ngx_str_null(&run->value);

    prepared = action->kind->prepare(run);

    if (prepared != NGX_OK) {
        return (prepared == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    rc = action->kind->start(run);

    if (rc == FKV_AGAIN) {
        return NGX_AGAIN;
    }

    action->kind->finish(run, rc);

    return NGX_OK;
}


/* A copy that needs nothing of what the other one is of. */

static ngx_ferrokv_run_t *
ngx_ferrokv_run_copy(ngx_ferrokv_run_t *from)
{
    u_char             *p;
    ngx_ferrokv_run_t  *run;

    run = ngx_alloc(sizeof(ngx_ferrokv_run_t) + from->key.len
                    + from->value.len, ngx_cycle->log);
    if (run == NULL) {
        return NULL;
    }

    *run = *from;

    p = (u_char *) run + sizeof(ngx_ferrokv_run_t);

    run->key.data = p;
    p = ngx_cpymem(p, from->key.data, from->key.len);

    run->value.data = p;
    ngx_memcpy(p, from->value.data, from->value.len);

    run->of = NULL;

    return run;
}


void
ngx_ferrokv_run_detached(void *of, ngx_ferrokv_action_t *action)
{
    int                 rc;
    ngx_ferrokv_run_t   first, *run;

    ngx_memzero(&first, sizeof(ngx_ferrokv_run_t));

    first.action = action;
    first.of = of;

    if (action->kind->prepare(&first) != NGX_OK) {
        return;
    }

    run = ngx_ferrokv_run_copy(&first);
    if (run == NULL) {
        return;
    }

    rc = action->kind->start(run);

    if (rc == FKV_AGAIN) {
        return;
    }

    action->kind->finish(run, rc);

    ngx_free(run);
}
