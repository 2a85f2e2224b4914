
/*
 * ngx_ferrokv_open.c - the stores that are open in this process, by path.
 *
 *                 open_store()                    last configuration gone
 *   (not there) ---------------> named by 1..n ---------------------------.
 *        ^                            ^      |                            |
 *        |       never committed      |      `-- reload names it again    |
 *        |<---------------------------+                                   |
 *        |                            `------------- taken over --- lingering
 *        `--------------------------------- nobody uses it any more ------'
 *
 * A store that a reload has dropped still has workers that drain, and they
 * need a helper: the master keeps it open (lingering), so that the new helper,
 * forked a moment later, inherits it.  The helper leaves it when it is the
 * only one (ngx_ferrokv_process.c), the master at the next reload.
 *
 * Every configuration that names a store holds it by a cleanup of its pool;
 * a reload that fails in a later step thus undoes what it has opened.
 */

#include "ngx_ferrokv.h"

#include <sys/random.h>


typedef struct {
    ngx_cycle_t               *cycle;
    ngx_ferrokv_open_t        *open;
} ngx_ferrokv_hold_t;


static void ngx_ferrokv_release(void *data);


ngx_queue_t  ngx_ferrokv_table = { &ngx_ferrokv_table, &ngx_ferrokv_table };

/* The configuration in force. */
static ngx_cycle_t  *ngx_ferrokv_cycle;


/* From any thread of the process, as nginx's own thread pools do. */

static void
ngx_ferrokv_log_write(void *data, fkv_log_level_e level, const char *text)
{
    ngx_uint_t  n;

    switch (level) {

    case FKV_LOG_ALERT:
        n = NGX_LOG_ALERT;
        break;

    case FKV_LOG_ERROR:
        n = NGX_LOG_ERR;
        break;

    case FKV_LOG_WARN:
        n = NGX_LOG_WARN;
        break;

    case FKV_LOG_NOTICE:
        n = NGX_LOG_NOTICE;
        break;

    case FKV_LOG_INFO:
        n = NGX_LOG_INFO;
        break;

    default: /* FKV_LOG_DEBUG */
        ngx_log_debug1(NGX_LOG_DEBUG_CORE, ngx_cycle->log, 0,
                       "ferrokv: %s", text);
        return;
    }

    ngx_log_error(n, ngx_cycle->log, 0, "ferrokv: %s", text);
}


const fkv_log_t  ngx_ferrokv_log = { ngx_ferrokv_log_write, NULL };


static ngx_ferrokv_open_t *
ngx_ferrokv_find(ngx_str_t *path)
{
    ngx_queue_t         *q;
    ngx_ferrokv_open_t  *open;

    for (q = ngx_queue_head(&ngx_ferrokv_table);
         q != ngx_queue_sentinel(&ngx_ferrokv_table);
         q = ngx_queue_next(q))
    {
        open = ngx_queue_data(q, ngx_ferrokv_open_t, queue);

        if (open->path.len == path->len
            && ngx_memcmp(open->path.data, path->data, path->len) == 0)
        {
            return open;
        }
    }

    return NULL;
}


static fkv_meter_t *
ngx_ferrokv_open_meter(void)
{
    uint64_t  id[3];

    if (getrandom(id, sizeof(id), 0) != sizeof(id)) {
        return NULL;
    }

    return fkv_meter_open((uint64_t) ngx_time() * 1000, id);
}


static void
ngx_ferrokv_open_free(ngx_ferrokv_open_t *open)
{
    if (open->meter) {
        fkv_meter_close(open->meter);
    }

    if (open->roll) {
        fkv_roll_close(open->roll);
    }

    if (open->shared) {
        fkv_shared_close(open->shared);
    }

    if (open->operators) {
        fkv_operators_free(open->operators);
    }

    ngx_free(open);
}


/* Not from a pool: it outlives the configuration that has opened it. */

static ngx_ferrokv_open_t *
ngx_ferrokv_open_new(ngx_ferrokv_store_t *store, char *error)
{
    int                  rc;
    ngx_ferrokv_open_t  *open;

    open = ngx_calloc(sizeof(ngx_ferrokv_open_t) + store->path.len + 1,
                      ngx_cycle->log);
    if (open == NULL) {
        ngx_cpystrn((u_char *) error, (u_char *) "out of memory",
                    FKV_ERROR_BYTES);
        return NULL;
    }

    open->path.len = store->path.len;
    open->path.data = (u_char *) open + sizeof(ngx_ferrokv_open_t);
    ngx_memcpy(open->path.data, store->path.data, store->path.len);

    open->options = store->options;
    open->options.path = (char *) open->path.data;

    open->log = ngx_ferrokv_log;

    open->meter = ngx_ferrokv_open_meter();
    open->roll = fkv_roll_open();
    open->shared = fkv_shared_open();
    open->operators = fkv_operators_new();

    if (open->meter == NULL || open->roll == NULL || open->shared == NULL
        || open->operators == NULL)
    {
        ngx_cpystrn((u_char *) error, (u_char *) "out of memory",
                    FKV_ERROR_BYTES);
        ngx_ferrokv_open_free(open);
        return NULL;
    }

    rc = fkv_open(&open->fkv, &open->options, &open->log, error);

    if (rc != FKV_OK) {
        if (error[0] == '\0') {
            ngx_cpystrn((u_char *) error, (u_char *) fkv_code_text(rc),
                        FKV_ERROR_BYTES);
        }

        ngx_ferrokv_open_free(open);
        return NULL;
    }

    fkv_merge_set(open->fkv, &fkv_operators_merge, open->operators);

    /* the engine's copy lives as long as the store */
    open->options.checkpoints = fkv_options(open->fkv)->checkpoints;

    ngx_queue_insert_tail(&ngx_ferrokv_table, &open->queue);

    return open;
}


/* What the segment and the files are made for cannot change under way. */

static const char *
ngx_ferrokv_changed(ngx_ferrokv_open_t *open, ngx_ferrokv_store_t *store)
{
    fkv_options_t  *was, *is;

    was = &open->options;
    is = &store->options;

    if (was->memory != is->memory) {
        return "\"memory=\"";
    }

    if (was->value_max != is->value_max) {
        return "\"max_value=\"";
    }

    if (was->blob_min != is->blob_min) {
        return "\"blob_min=\"";
    }

    if (was->sync != is->sync) {
        return "\"sync=\"";
    }

    if ((was->checkpoints == NULL) != (is->checkpoints == NULL)
        || (was->checkpoints
            && ngx_strcmp(was->checkpoints, is->checkpoints) != 0))
    {
        return "\"checkpoints=\"";
    }

    if (was->uid != is->uid || was->gid != is->gid) {
        return "the \"user\"";
    }

    return NULL;
}


static ngx_int_t
ngx_ferrokv_hold(ngx_cycle_t *cycle, ngx_ferrokv_open_t *open)
{
    ngx_pool_cleanup_t  *cln;
    ngx_ferrokv_hold_t  *hold;

    cln = ngx_pool_cleanup_add(cycle->pool, sizeof(ngx_ferrokv_hold_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    hold = cln->data;
    hold->cycle = cycle;
    hold->open = open;

    open->cycles++;
    cln->handler = ngx_ferrokv_release;

    return NGX_OK;
}


ngx_int_t
ngx_ferrokv_open_store(ngx_cycle_t *cycle, ngx_ferrokv_store_t *store)
{
    char                 error[FKV_ERROR_BYTES];
    const char          *changed;
    ngx_ferrokv_open_t  *open;

    error[0] = '\0';

    open = ngx_ferrokv_find(&store->path);

    if (open == NULL) {
        open = ngx_ferrokv_open_new(store, error);

        if (open == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "\"ferrokv_store\" \"%V\" could not open \"%V\": %s",
                          &store->name, &store->path, error);
            return NGX_ERROR;
        }

    } else {
        changed = ngx_ferrokv_changed(open, store);

        if (changed) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "%s of \"ferrokv_store\" \"%V\" cannot be changed "
                          "while \"%V\" is open: restart nginx",
                          changed, &store->name, &store->path);
            return NGX_ERROR;
        }
    }

    if (ngx_ferrokv_hold(cycle, open) != NGX_OK) {
        if (open->cycles == 0 && !open->committed) {
            ngx_ferrokv_close_store(open);
        }

        return NGX_ERROR;
    }

    store->open = open;
    store->fkv = open->fkv;

    return NGX_OK;
}


static void
ngx_ferrokv_release(void *data)
{
    ngx_ferrokv_hold_t *hold = data;

    ngx_ferrokv_open_t  *open;

    open = hold->open;
    open->cycles--;

    if (open->cycles) {
        return;
    }

    if (ngx_process == NGX_PROCESS_WORKER
        || ngx_process == NGX_PROCESS_HELPER)
    {
        return;                                 /* it ends, the kernel closes */
    }

    /*
     * A reload has dropped it: linger.  If the configuration in force goes
     * without a successor of ours, this is the end of the master, or our
     * shared object is about to be unloaded.
     */

    if (open->committed && hold->cycle != ngx_ferrokv_cycle) {
        return;
    }

    ngx_ferrokv_close_store(open);
}


void
ngx_ferrokv_commit_stores(ngx_cycle_t *cycle)
{
    ngx_uint_t             i;
    ngx_ferrokv_conf_t    *fcf;
    ngx_ferrokv_store_t  **store;

    fcf = (ngx_ferrokv_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                              ngx_ferrokv_module);
    store = fcf->stores.elts;

    for (i = 0; i < fcf->stores.nelts; i++) {
        store[i]->open->committed = 1;
        fkv_change(store[i]->fkv, &store[i]->options);
        fkv_meter_defaults(store[i]->open->meter);
        fkv_meter_use(store[i]->open->meter);
        fkv_roll_configure(store[i]->open->roll);

        if (fkv_shared_configure(store[i]->open->shared, fcf->extensions)
            != FKV_OK)
        {
            ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                          "ferrokv: store \"%V\" has seen too many names of "
                          "extensions and metrics: the last ones are neither "
                          "watched nor counted until nginx is started anew",
                          &store[i]->name);
        }
    }

    ngx_ferrokv_cycle = cycle;
}


void
ngx_ferrokv_sweep_stores(void)
{
    fkv_stats_t          stats;
    ngx_queue_t         *q, *next;
    ngx_ferrokv_open_t  *open;

    for (q = ngx_queue_head(&ngx_ferrokv_table);
         q != ngx_queue_sentinel(&ngx_ferrokv_table);
         q = next)
    {
        next = ngx_queue_next(q);
        open = ngx_queue_data(q, ngx_ferrokv_open_t, queue);

        if (open->cycles) {
            continue;
        }

        fkv_stats(open->fkv, &stats);

        if (stats.processes == 0) {
            ngx_ferrokv_close_store(open);
        }
    }
}


void
ngx_ferrokv_close_store(ngx_ferrokv_open_t *open)
{
    ngx_queue_remove(&open->queue);

    fkv_close(open->fkv);

    ngx_ferrokv_open_free(open);
}
