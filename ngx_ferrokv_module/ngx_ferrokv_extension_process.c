
/*
 * ngx_ferrokv_extension_process.c - nginx's event loop for extensions, and
 * their life in a process.
 *
 * A descriptor that an extension watches is a connection of nginx's without a
 * socket of its own: it is level-triggered, for nobody says how much of it the
 * extension reads.
 */

#include "ngx_ferrokv_extension_process.h"
#include "ngx_ferrokv_server.h"
#include "extensions/host.h"
#include "extensions/loop.h"
#include "extensions/start.h"


typedef struct ngx_ferrokv_ready_s  ngx_ferrokv_ready_t;

struct ngx_ferrokv_ready_s {
    ngx_ferrokv_ready_t       *next;
    ngx_connection_t          *connection;
    void                     (*on_ready)(void *data, int events);
    void                      *data;
};


static int ngx_ferrokv_timer(uint64_t ms, void (*on_over)(void *data),
    void *data);
static int ngx_ferrokv_ready(int fd, int events,
    void (*on_ready)(void *data, int events), void *data);


static const fkv_loop_t  ngx_ferrokv_loop = {
    ngx_ferrokv_timer,
    ngx_ferrokv_ready
};

static ngx_ferrokv_ready_t  *ngx_ferrokv_readies;
static ngx_uint_t            ngx_ferrokv_extensions_started;


static int
ngx_ferrokv_timer(uint64_t ms, void (*on_over)(void *data), void *data)
{
    return ngx_ferrokv_pause(ms, on_over, data) ? FKV_OK : FKV_ENOMEM;
}


static ngx_ferrokv_ready_t **
ngx_ferrokv_ready_find(int fd)
{
    ngx_ferrokv_ready_t  **at;

    for (at = &ngx_ferrokv_readies; *at; at = &(*at)->next) {
        if ((*at)->connection->fd == fd) {
            break;
        }
    }

    return at;
}


static void
ngx_ferrokv_ready_read(ngx_event_t *ev)
{
    ngx_connection_t     *c;
    ngx_ferrokv_ready_t  *ready;

    c = ev->data;
    ready = c->data;

    ready->on_ready(ready->data, 1);
}


static void
ngx_ferrokv_ready_write(ngx_event_t *ev)
{
    ngx_connection_t     *c;
    ngx_ferrokv_ready_t  *ready;

    c = ev->data;
    ready = c->data;

    ready->on_ready(ready->data, 2);
}


static ngx_int_t
ngx_ferrokv_ready_event(ngx_event_t *ev, ngx_int_t event, ngx_uint_t wanted)
{
    if (wanted == ev->active) {
        return NGX_OK;
    }

    return wanted ? ngx_add_event(ev, event, NGX_LEVEL_EVENT)
                  : ngx_del_event(ev, event, 0);
}


static void
ngx_ferrokv_ready_end(ngx_ferrokv_ready_t **at)
{
    ngx_connection_t     *c;
    ngx_ferrokv_ready_t  *ready;

    ready = *at;
    *at = ready->next;

    c = ready->connection;

    (void) ngx_ferrokv_ready_event(c->read, NGX_READ_EVENT, 0);
    (void) ngx_ferrokv_ready_event(c->write, NGX_WRITE_EVENT, 0);

    /* the descriptor is the extension's */

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;

    ngx_free(ready);
}


static ngx_ferrokv_ready_t *
ngx_ferrokv_ready_begin(int fd)
{
    ngx_connection_t     *c;
    ngx_ferrokv_ready_t  *ready;

    ready = ngx_calloc(sizeof(ngx_ferrokv_ready_t), ngx_cycle->log);
    if (ready == NULL) {
        return NULL;
    }

    c = ngx_get_connection(fd, ngx_cycle->log);
    if (c == NULL) {
        ngx_free(ready);
        return NULL;
    }

    c->data = ready;
    c->log = ngx_cycle->log;
    c->read->handler = ngx_ferrokv_ready_read;
    c->read->log = ngx_cycle->log;
    c->write->handler = ngx_ferrokv_ready_write;
    c->write->log = ngx_cycle->log;

    ready->connection = c;
    ready->next = ngx_ferrokv_readies;
    ngx_ferrokv_readies = ready;

    return ready;
}


static int
ngx_ferrokv_ready(int fd, int events, void (*on_ready)(void *data, int events),
    void *data)
{
    ngx_connection_t      *c;
    ngx_ferrokv_ready_t   *ready, **at;

    at = ngx_ferrokv_ready_find(fd);

    if (events == 0) {
        if (*at) {
            ngx_ferrokv_ready_end(at);
        }

        return FKV_OK;
    }

    ready = *at ? *at : ngx_ferrokv_ready_begin(fd);
    if (ready == NULL) {
        return FKV_ENOMEM;
    }

    ready->on_ready = on_ready;
    ready->data = data;

    c = ready->connection;

    if (ngx_ferrokv_ready_event(c->read, NGX_READ_EVENT, events & 1) != NGX_OK
        || ngx_ferrokv_ready_event(c->write, NGX_WRITE_EVENT, events >> 1 & 1)
           != NGX_OK)
    {
        ngx_ferrokv_ready_end(ngx_ferrokv_ready_find(fd));
        return FKV_EINVAL;
    }

    return FKV_OK;
}


static void
ngx_ferrokv_on_crash(void *data, const fkv_shared_crash_t *crash)
{
    ngx_ferrokv_store_t *store = data;

    u_char      *p, *last;
    ngx_uint_t   level;
    u_char       where[FKV_POISON_KEY_BYTES + 64];
    char         key[FKV_POISON_KEY_BYTES];

    level = NGX_LOG_ERR;
    p = where;
    last = where + sizeof(where) - 1;

    if (crash->of.deaths) {
        fkv_poison_key(&crash->of, key);
        p = ngx_slprintf(p, last, ", in %s() of key \"%s\" in database %ud",
                         crash->of.fn, key, crash->of.ns);
    }

    *p = '\0';

    if (crash->quarantined || crash->of.deaths == FKV_POISON_DEATHS) {
        level = NGX_LOG_ALERT;
    }

    ngx_log_error(level, ngx_cycle->log, 0,
                  "ferrokv: extension \"%s\" was running when a process of "
                  "store \"%V\" died%s%s%s", crash->name, &store->name, where,
                  crash->of.deaths == FKV_POISON_DEATHS
                  ? ", once more: the value is put aside, who asks for it is "
                    "answered with an error" : "",
                  crash->quarantined
                  ? ", once too often: it sleeps until the next reload" : "");
}


ngx_int_t
ngx_ferrokv_watch_extensions(ngx_cycle_t *cycle, ngx_ferrokv_store_t *store)
{
    ngx_uint_t           i;
    fkv_extensions_t    *set;
    fkv_shared_limit_t   limit;
    ngx_ferrokv_conf_t  *fcf;
    ngx_ferrokv_open_t  *open;

    open = store->open;
    fcf = (ngx_ferrokv_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                              ngx_ferrokv_module);
    set = fcf->extensions;

    limit.n = set->crash_limit.n;
    limit.ms = set->crash_limit.ms;
    limit.now_ms = fkv_now_ms(open->fkv);
    limit.on_crash = ngx_ferrokv_on_crash;
    limit.data = store;

    fkv_shared_attach(open->shared, open->fkv, &limit);

    for (i = 0; i < set->n; i++) {

        if (!fkv_extension_is_for(set->list[i], ngx_ferrokv_str(&store->name)))
        {
            continue;
        }

        if (fkv_host_attach(set->list[i], open->loop, open->shared)
            != FKV_OK)
        {
            ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                          "ferrokv: extension \"%s\" is neither watched nor "
                          "counted in store \"%V\": out of memory",
                          set->list[i]->name, &store->name);
        }
    }

    fkv_hook_list_free(open->hooks);

    if (fkv_hook_list_new(&open->hooks, open->fkv, open->loop, set) != FKV_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "ferrokv: no hook is asked in store \"%V\": out of "
                      "memory", &store->name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_ferrokv_start_extensions(ngx_cycle_t *cycle)
{
    fkv_extensions_t    *set;
    ngx_ferrokv_conf_t  *fcf;

    if (ngx_ferrokv_extensions_started) {
        return;
    }

    ngx_ferrokv_extensions_started = 1;

    fcf = (ngx_ferrokv_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                              ngx_ferrokv_module);
    set = fcf->extensions;

    fkv_host_log(&ngx_ferrokv_log);
    fkv_host_slow(set->slow_call_us);
    fkv_loop_set(&ngx_ferrokv_loop);

    fkv_extensions_start(set, &ngx_ferrokv_log);
}


void
ngx_ferrokv_stop_extensions(ngx_cycle_t *cycle)
{
    ngx_ferrokv_conf_t  *fcf;

    if (!ngx_ferrokv_extensions_started) {
        return;
    }

    ngx_ferrokv_extensions_started = 0;

    fcf = (ngx_ferrokv_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                              ngx_ferrokv_module);
    fkv_extensions_stop(fcf->extensions);

    /* nginx complains of connections that a worker leaves open */

    while (ngx_ferrokv_readies) {
        ngx_ferrokv_ready_end(&ngx_ferrokv_readies);
    }
}
