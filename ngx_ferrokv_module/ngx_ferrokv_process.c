
/*
 * ngx_ferrokv_process.c - what turns nginx's events into calls of the engine.
 *
 *   eventfd readable --> fkv_poll() --.
 *   posted event ------> fkv_turn() --+--> set the timer to fkv_timeout_ms()
 *   timer -------------> fkv_poll() --'
 *
 * The posted event is how the engine collects the writes of one turn of the
 * event loop into one commit: nginx runs posted events after all I/O events
 * and timers, and one that is posted from inside another still runs in this
 * turn.
 *
 * A worker that shuts down gracefully looks at timers only, so while
 * operations are in flight there is a timer, and it is not cancelable.
 *
 * The helper is nginx's cache manager process.
 */

#include "ngx_ferrokv_extension_process.h"
#include "ngx_ferrokv_extension_store.h"
#include "extensions/set.h"


/* The engine asks for no timer, but operations are in flight: hold one. */
#define NGX_FERROKV_HOLD_MS     1000

/* In master_process off there is no cache manager process. */
#define NGX_FERROKV_HELP_MS     100

#define NGX_FERROKV_RETRY_MS    1000


static void ngx_ferrokv_close_dropped(void);
static ngx_int_t ngx_ferrokv_attach(ngx_cycle_t *cycle,
    ngx_ferrokv_store_t *store);
static ngx_int_t ngx_ferrokv_watch(ngx_cycle_t *cycle,
    ngx_ferrokv_open_t *open);
static void ngx_ferrokv_on_turn(void *data);
static void ngx_ferrokv_turn_handler(ngx_event_t *ev);
static void ngx_ferrokv_poll_handler(ngx_event_t *ev);
static void ngx_ferrokv_set_timer(ngx_ferrokv_open_t *open);
static void ngx_ferrokv_detach(ngx_ferrokv_open_t *open);

static ngx_msec_t ngx_ferrokv_manager(void *data);
static ngx_msec_t ngx_ferrokv_help(ngx_ferrokv_open_t *open);
static void ngx_ferrokv_start_single(ngx_cycle_t *cycle);
static void ngx_ferrokv_single_handler(ngx_event_t *ev);


static ngx_uint_t        ngx_ferrokv_started;
static ngx_event_t       ngx_ferrokv_single;
static ngx_connection_t  ngx_ferrokv_single_connection;


/*
 * A reload would begin no process: what has attached, timers and extensions
 * would stay with the older configuration, whose memory goes.
 */

ngx_uint_t
ngx_ferrokv_alone(void)
{
    return ngx_ferrokv_started && ngx_process == NGX_PROCESS_SINGLE;
}


ngx_int_t
ngx_ferrokv_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t             i;
    ngx_ferrokv_conf_t    *fcf;
    ngx_ferrokv_store_t  **store;

    ngx_ferrokv_use_extensions(cycle);

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    if (ngx_ferrokv_started || cycle->connections == NULL) {
        return NGX_OK;
    }

    ngx_ferrokv_started = 1;

    ngx_ferrokv_close_dropped();

    fcf = (ngx_ferrokv_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                              ngx_ferrokv_module);
    store = fcf->stores.elts;

    for (i = 0; i < fcf->stores.nelts; i++) {
        if (ngx_ferrokv_attach(cycle, store[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_ferrokv_start_extensions(cycle);

    if (ngx_process == NGX_PROCESS_SINGLE && fcf->stores.nelts) {
        ngx_ferrokv_start_single(cycle);
    }

    return NGX_OK;
}


/* What the master keeps for the helper only; else its lock would stay, too. */

static void
ngx_ferrokv_close_dropped(void)
{
    ngx_queue_t         *q, *next;
    ngx_ferrokv_open_t  *open;

    for (q = ngx_queue_head(&ngx_ferrokv_table);
         q != ngx_queue_sentinel(&ngx_ferrokv_table);
         q = next)
    {
        next = ngx_queue_next(q);
        open = ngx_queue_data(q, ngx_ferrokv_open_t, queue);

        if (open->cycles == 0) {
            ngx_ferrokv_close_store(open);
        }
    }
}


static ngx_int_t
ngx_ferrokv_attach(ngx_cycle_t *cycle, ngx_ferrokv_store_t *store)
{
    int                  rc;
    char                 error[FKV_ERROR_BYTES];
    ngx_ferrokv_open_t  *open;

    open = store->open;
    error[0] = '\0';

    rc = fkv_attach(open->fkv, FKV_WORKER, &open->log, ngx_ferrokv_on_turn,
                    open, error);

    if (rc != FKV_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "ferrokv: no access to \"%V\": %s", &open->path,
                      error[0] ? error : fkv_code_text(rc));
        return NGX_ERROR;
    }

    open->attached = 1;
    open->loop = open->fkv;
    fkv_meter_attach(open->meter, fkv_slot(open->fkv));

    if (ngx_ferrokv_begin_extensions(cycle, store,
                                     ngx_process == NGX_PROCESS_SINGLE)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_ferrokv_watch(cycle, open);
}


static ngx_int_t
ngx_ferrokv_watch(ngx_cycle_t *cycle, ngx_ferrokv_open_t *open)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(fkv_eventfd(open->loop), cycle->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->data = open;
    c->log = cycle->log;

    c->read->handler = ngx_ferrokv_poll_handler;
    c->read->log = cycle->log;
    c->write->log = cycle->log;

    open->connection = c;

    /* nginx's debug log looks at ev->data as at a connection */

    open->turn.handler = ngx_ferrokv_turn_handler;
    open->turn.data = c;
    open->turn.log = cycle->log;

    open->timer.handler = ngx_ferrokv_poll_handler;
    open->timer.data = c;
    open->timer.log = cycle->log;

    if (ngx_add_event(c->read, NGX_READ_EVENT, NGX_CLEAR_EVENT) != NGX_OK) {
        return NGX_ERROR;
    }

    /* what fkv_attach() has found to do */

    ngx_post_event(&open->turn, &ngx_posted_events);

    return NGX_OK;
}


static void
ngx_ferrokv_on_turn(void *data)
{
    ngx_ferrokv_open_t *open = data;

    if (open->connection) {
        ngx_post_event(&open->turn, &ngx_posted_events);
    }
}


static void
ngx_ferrokv_turn_handler(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_ferrokv_open_t  *open;

    c = ev->data;
    open = c->data;

    fkv_turn(open->loop);

    ngx_ferrokv_look_extensions(open);
    ngx_ferrokv_set_timer(open);
}


/* Of the eventfd, whose counter nobody reads, and of the timer. */

static void
ngx_ferrokv_poll_handler(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_ferrokv_open_t  *open;

    c = ev->data;
    open = c->data;

    fkv_poll(open->loop);

    ngx_ferrokv_look_extensions(open);
    ngx_ferrokv_set_timer(open);
}


static void
ngx_ferrokv_set_timer(ngx_ferrokv_open_t *open)
{
    int64_t       ms;
    ngx_uint_t    busy;
    ngx_msec_t    key;
    ngx_event_t  *timer;

    timer = &open->timer;
    busy = (fkv_in_flight(open->loop) != 0);
    ms = fkv_timeout_ms(open->loop);

    if (ms < 0 && busy) {
        ms = NGX_FERROKV_HOLD_MS;
    }

    timer->cancelable = !busy;

    /*
     * A timer that is set for earlier, or not needed, may stay: one needless
     * fkv_poll() costs less than the tree does in every turn.  ngx_add_timer()
     * would let one stay that is set for later, too.
     */

    if (ms < 0) {
        return;
    }

    key = ngx_current_msec + (ngx_msec_t) ms;

    if (timer->timer_set) {

        if ((ngx_msec_int_t) (timer->timer.key - key) <= 0) {
            return;
        }

        ngx_del_timer(timer);
    }

    ngx_add_timer(timer, (ngx_msec_t) ms);
}


/* Threads first: they may be in the middle of an extension's function. */

static void
ngx_ferrokv_rest(ngx_cycle_t *cycle)
{
    ngx_queue_t         *q;
    ngx_ferrokv_open_t  *open;

    for (q = ngx_queue_head(&ngx_ferrokv_table);
         q != ngx_queue_sentinel(&ngx_ferrokv_table);
         q = ngx_queue_next(q))
    {
        open = ngx_queue_data(q, ngx_ferrokv_open_t, queue);

        if (open->attached) {
            fkv_helper_stop(open->fkv);
        }
    }

    ngx_ferrokv_stop_extensions(cycle);
}


void
ngx_ferrokv_exit_process(ngx_cycle_t *cycle)
{
    ngx_queue_t         *q;
    ngx_ferrokv_open_t  *open;

    if (ngx_ferrokv_single.timer_set) {
        ngx_del_timer(&ngx_ferrokv_single);
    }

    ngx_ferrokv_rest(cycle);

    for (q = ngx_queue_head(&ngx_ferrokv_table);
         q != ngx_queue_sentinel(&ngx_ferrokv_table);
         q = ngx_queue_next(q))
    {
        open = ngx_queue_data(q, ngx_ferrokv_open_t, queue);

        if (open->attached) {
            ngx_ferrokv_detach(open);
        }
    }
}


/* Operations do not run here any more. */

static void
ngx_ferrokv_unwatch(ngx_ferrokv_open_t *open)
{
    ngx_connection_t  *c;

    ngx_ferrokv_end_extensions(open);

    c = open->connection;
    open->connection = NULL;

    if (c) {
        if (open->timer.timer_set) {
            ngx_del_timer(&open->timer);
        }

        if (open->turn.posted) {
            ngx_delete_posted_event(&open->turn);
        }

        if (c->read->active) {
            (void) ngx_del_event(c->read, NGX_READ_EVENT, 0);
        }

        /* the descriptor is the engine's */

        ngx_free_connection(c);
        c->fd = (ngx_socket_t) -1;
    }

    if (open->loop && open->loop != open->fkv) {
        fkv_twin_close(open->loop);
    }

    open->loop = NULL;
}


static void
ngx_ferrokv_detach(ngx_ferrokv_open_t *open)
{
    ngx_ferrokv_unwatch(open);

    open->attached = 0;

    fkv_helper_stop(open->fkv);
    fkv_detach(open->fkv);
}


ngx_int_t
ngx_ferrokv_add_helper(ngx_cycle_t *cycle)
{
    ngx_path_t          *path, **slot;
    ngx_ferrokv_open_t  *open;

    if (ngx_queue_empty(&ngx_ferrokv_table)) {
        return NGX_OK;
    }

    /*
     * nginx creates and chowns the path of a cache manager.  The directory of
     * an open store is there already and is the workers' own.
     */

    open = ngx_queue_data(ngx_queue_head(&ngx_ferrokv_table),
                          ngx_ferrokv_open_t, queue);

    path = ngx_pcalloc(cycle->pool, sizeof(ngx_path_t));
    if (path == NULL) {
        return NGX_ERROR;
    }

    path->name.len = open->path.len;
    path->name.data = ngx_pnalloc(cycle->pool, open->path.len + 1);
    if (path->name.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(path->name.data, open->path.data, open->path.len + 1);

    path->manager = ngx_ferrokv_manager;
    path->data = &ngx_ferrokv_table;
    path->conf_file = (u_char *) "ferrokv_store";

    slot = ngx_array_push(&cycle->paths);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = path;

    return NGX_OK;
}


/*
 * The whole work of the helper process; threads of the engine do the rest.
 * It serves every store that was open when it was forked.
 */

static ngx_msec_t
ngx_ferrokv_manager(void *data)
{
    ngx_msec_t           ms, next_ms;
    ngx_queue_t         *q, *next;
    ngx_ferrokv_open_t  *open;

    next_ms = 60 * 1000;

    for (q = ngx_queue_head(&ngx_ferrokv_table);
         q != ngx_queue_sentinel(&ngx_ferrokv_table);
         q = next)
    {
        next = ngx_queue_next(q);
        open = ngx_queue_data(q, ngx_ferrokv_open_t, queue);

        ms = ngx_ferrokv_help(open);
        next_ms = ngx_min(ms, next_ms);
    }

    return next_ms;
}


static void
ngx_ferrokv_no_turn(void *data)
{
    /* fkv_helper() is called again anyway */
}


/* nginx ends a cache manager process by exit() and asks no module. */

static void
ngx_ferrokv_exit_helper(void)
{
    ngx_ferrokv_rest((ngx_cycle_t *) ngx_cycle);
}


static void
ngx_ferrokv_catch_exit(void)
{
    ngx_ferrokv_conf_t  *fcf;

    static ngx_uint_t  caught;

    fcf = (ngx_ferrokv_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                              ngx_ferrokv_module);

    if (!caught && fcf->extensions->n) {
        caught = (atexit(ngx_ferrokv_exit_helper) == 0);
    }
}


static ngx_int_t
ngx_ferrokv_attach_helper(ngx_ferrokv_open_t *open)
{
    int   rc;
    char  error[FKV_ERROR_BYTES];

    error[0] = '\0';

    rc = fkv_attach(open->fkv, FKV_HELPER, &open->log, ngx_ferrokv_no_turn,
                    open, error);

    if (rc == FKV_OK) {
        open->attached = 1;
        ngx_ferrokv_catch_exit();
        return NGX_OK;
    }

    if (!open->failed) {
        open->failed = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "ferrokv: the helper has no access to \"%V\", "
                      "it tries again: %s", &open->path,
                      error[0] ? error : fkv_code_text(rc));
    }

    return NGX_ERROR;
}


static ngx_ferrokv_store_t *
ngx_ferrokv_store_of(ngx_ferrokv_open_t *open)
{
    ngx_uint_t             i;
    ngx_ferrokv_conf_t    *fcf;
    ngx_ferrokv_store_t  **store;

    fcf = (ngx_ferrokv_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                              ngx_ferrokv_module);
    store = fcf->stores.elts;

    for (i = 0; i < fcf->stores.nelts; i++) {
        if (store[i]->open == open) {
            return store[i];
        }
    }

    return NULL;
}


/* What extensions need done are operations: a second handle runs them. */

static void
ngx_ferrokv_help_extensions(ngx_ferrokv_open_t *open)
{
    char                  error[FKV_ERROR_BYTES];
    ngx_cycle_t          *cycle;
    ngx_ferrokv_store_t  *store;

    cycle = (ngx_cycle_t *) ngx_cycle;
    store = ngx_ferrokv_store_of(open);

    if (open->loop || store == NULL
        || !ngx_ferrokv_has_extensions(cycle, store))
    {
        return;
    }

    error[0] = '\0';

    if (fkv_twin_open(&open->loop, open->fkv, ngx_ferrokv_on_turn, open, error)
        == FKV_OK)
    {
        if (ngx_ferrokv_begin_extensions(cycle, store, 1) == NGX_OK
            && ngx_ferrokv_watch(cycle, open) == NGX_OK)
        {
            return;
        }

        ngx_ferrokv_unwatch(open);
    }

    if (!open->failed) {
        open->failed = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "ferrokv: the helper does nothing for the extensions of "
                      "\"%V\", it tries again: %s", &open->path, error);
    }
}


static ngx_msec_t
ngx_ferrokv_help(ngx_ferrokv_open_t *open)
{
    ngx_msec_t   ms;
    fkv_stats_t  stats;

    if (!open->attached && ngx_ferrokv_attach_helper(open) != NGX_OK) {
        return NGX_FERROKV_RETRY_MS;
    }

    ms = fkv_helper(open->fkv);

    if (open->cycles) {
        ngx_ferrokv_help_extensions(open);
        return ngx_min(ms, NGX_FERROKV_RETRY_MS);
    }

    ngx_ferrokv_unwatch(open);

    /* the configuration has dropped it: stay as long as anybody drains */

    fkv_stats(open->fkv, &stats);

    if (stats.processes > 1) {
        return ngx_min(ms, NGX_FERROKV_RETRY_MS);
    }

    ngx_ferrokv_detach(open);

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "ferrokv: nobody uses \"%V\" any more", &open->path);

    ngx_ferrokv_close_store(open);

    return NGX_FERROKV_RETRY_MS;
}


static void
ngx_ferrokv_start_single(ngx_cycle_t *cycle)
{
    ngx_ferrokv_single_connection.fd = (ngx_socket_t) -1;

    ngx_ferrokv_single.handler = ngx_ferrokv_single_handler;
    ngx_ferrokv_single.data = &ngx_ferrokv_single_connection;
    ngx_ferrokv_single.log = cycle->log;
    ngx_ferrokv_single.cancelable = 1;

    ngx_ferrokv_single_handler(&ngx_ferrokv_single);
}


static void
ngx_ferrokv_single_handler(ngx_event_t *ev)
{
    ngx_queue_t         *q;
    ngx_ferrokv_open_t  *open;

    for (q = ngx_queue_head(&ngx_ferrokv_table);
         q != ngx_queue_sentinel(&ngx_ferrokv_table);
         q = ngx_queue_next(q))
    {
        open = ngx_queue_data(q, ngx_ferrokv_open_t, queue);

        if (open->attached) {
            (void) fkv_helper(open->fkv);
        }
    }

    ngx_add_timer(ev, NGX_FERROKV_HELP_MS);
}
