
/*
 * ngx_ferrokv_extension_store.c - turns of an installer: whenever something of
 * its own has ended, and by a timer that does not hold up a worker that ends.
 */

#include "ngx_ferrokv_extension_store.h"
#include "ngx_ferrokv_extension_process.h"
#include "extensions/guard.h"
#include "extensions/install.h"

#include <poll.h>


/* A start does not wait longer for its extensions. */
#define NGX_FERROKV_BEGIN_MS  2000


struct ngx_ferrokv_install_s {
    ngx_ferrokv_open_t        *open;
    fkv_catalog_t              catalog;
    fkv_installer_t            installer;
    ngx_event_t                turn;
    ngx_event_t                timer;
    ngx_connection_t           connection;  /* for nginx's debug log */
};


static ngx_int_t ngx_ferrokv_settle_extensions(ngx_ferrokv_install_t *install);
static void ngx_ferrokv_guard_extensions(ngx_ferrokv_install_t *install);
static ngx_int_t ngx_ferrokv_missing_extensions(ngx_cycle_t *cycle,
    ngx_ferrokv_install_t *install);
static void ngx_ferrokv_install_on_turn(fkv_installer_t *installer);
static void ngx_ferrokv_install_handler(ngx_event_t *ev);


static const fkv_hooks_t  ngx_ferrokv_guard = {
    fkv_guard_write, NULL, NULL, NULL
};


ngx_uint_t
ngx_ferrokv_has_extensions(ngx_cycle_t *cycle, ngx_ferrokv_store_t *store)
{
    ngx_ferrokv_conf_t  *fcf;

    fcf = (ngx_ferrokv_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                              ngx_ferrokv_module);

    return fcf->extensions->n || fkv_roll_generation(store->open->roll);
}


ngx_int_t
ngx_ferrokv_begin_extensions(ngx_cycle_t *cycle, ngx_ferrokv_store_t *store,
    ngx_uint_t helper)
{
    ngx_ferrokv_open_t     *open;
    ngx_ferrokv_conf_t     *fcf;
    ngx_ferrokv_install_t  *install;

    open = store->open;
    fcf = (ngx_ferrokv_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                              ngx_ferrokv_module);

    if (ngx_ferrokv_watch_extensions(cycle, store) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_ferrokv_start_extensions(cycle);

    install = ngx_calloc(sizeof(ngx_ferrokv_install_t), cycle->log);
    if (install == NULL) {
        return NGX_ERROR;
    }

    install->open = open;

    install->catalog.store = open->loop;
    install->catalog.also = (open->loop != open->fkv) ? open->fkv : NULL;
    install->catalog.name = (char *) store->name.data;
    install->catalog.loaded = fcf->extensions;
    install->catalog.log = &open->log;
    install->catalog.roll = open->roll;
    install->catalog.operators = open->operators;

    install->installer.catalog = &install->catalog;
    install->installer.helper = helper;
    install->installer.on_turn = ngx_ferrokv_install_on_turn;
    install->installer.data = install;

    install->connection.fd = (ngx_socket_t) -1;
    install->connection.data = install;

    install->turn.handler = ngx_ferrokv_install_handler;
    install->turn.data = &install->connection;
    install->turn.log = cycle->log;

    install->timer.handler = ngx_ferrokv_install_handler;
    install->timer.data = &install->connection;
    install->timer.log = cycle->log;
    install->timer.cancelable = 1;

    if (fkv_installer_init(&install->installer) != FKV_OK) {
        ngx_free(install);
        return NGX_ERROR;
    }

    fkv_catalog_open(&install->catalog);
    open->install = install;

    if (ngx_ferrokv_settle_extensions(install) != NGX_OK) {
        return NGX_ERROR;
    }

    if (fcf->extensions->refuse_missing
        && ngx_ferrokv_missing_extensions(cycle, install) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_ferrokv_guard_extensions(install);

    if (helper || fcf->extensions->n || install->catalog.records.n
        || !install->catalog.read)
    {
        ngx_add_timer(&install->timer, 1);
    }

    return NGX_OK;
}


/* Of what clients write; no request has come yet. */

static void
ngx_ferrokv_guard_extensions(ngx_ferrokv_install_t *install)
{
    ngx_ferrokv_open_t  *open;

    open = install->open;

    if (open->loop != open->fkv || !fkv_guard_needed(&install->catalog)) {
        return;
    }

    if (open->hooks) {
        fkv_hook_list_guard(open->hooks, fkv_guard_write, &install->catalog);

    } else {
        fkv_hook(open->loop, &ngx_ferrokv_guard, &install->catalog);
    }
}


/*
 * No request has come yet, so this process may wait for itself: then commands
 * of what needs no steps work from the first one on.
 */

static ngx_int_t
ngx_ferrokv_settle_extensions(ngx_ferrokv_install_t *install)
{
    fkv_t          *fkv;
    uint64_t        ms, now, end;
    struct pollfd   wake;

    fkv = install->open->loop;
    wake.fd = fkv_eventfd(fkv);
    wake.events = POLLIN;

    now = fkv_now_ms(fkv);
    end = now + NGX_FERROKV_BEGIN_MS;

    for ( ;; ) {
        ms = fkv_installer_turn(&install->installer, now);
        now = fkv_now_ms(fkv);

        if (now >= end) {
            return NGX_OK;
        }

        if (ms == 0) {
            continue;
        }

        if (!install->installer.busy) {
            return NGX_OK;
        }

        fkv_turn(fkv);

        /* its answer may come from another process: look again soon */

        (void) poll(&wake, 1, 1);

        fkv_poll(fkv);
    }
}


static ngx_int_t
ngx_ferrokv_missing_extensions(ngx_cycle_t *cycle,
    ngx_ferrokv_install_t *install)
{
    ngx_uint_t            i;
    ngx_str_t             name, version;
    fkv_catalog_entry_t  *entry;

    for (i = 0; i < install->catalog.records.n; i++) {
        entry = &install->catalog.records.entries[i];

        if (entry->extension) {
            continue;
        }

        name.data = (u_char *) entry->in.name.data;
        name.len = entry->in.name.len;
        version.data = (u_char *) entry->in.version.data;
        version.len = entry->in.version.len;

        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "extension \"%V\" %V is installed in store \"%s\", but "
                      "nginx.conf does not load it, and "
                      "\"ferrokv_missing_extension\" says \"refuse\"",
                      &name, &version, install->catalog.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_ferrokv_end_extensions(ngx_ferrokv_open_t *open)
{
    ngx_ferrokv_install_t  *install;

    install = open->install;

    if (install == NULL) {
        return;
    }

    open->install = NULL;

    if (install->timer.timer_set) {
        ngx_del_timer(&install->timer);
    }

    if (install->turn.posted) {
        ngx_delete_posted_event(&install->turn);
    }

    fkv_claim_drop(&install->installer.claim);
    fkv_catalog_close(&install->catalog);

    /* the rest is in use until the store is detached, and the process ends */
}


void
ngx_ferrokv_look_extensions(ngx_ferrokv_open_t *open)
{
    if (open->install && !open->install->installer.busy
        && fkv_catalog_stale(&open->install->catalog))
    {
        ngx_ferrokv_install_on_turn(&open->install->installer);
    }
}


static void
ngx_ferrokv_install_on_turn(fkv_installer_t *installer)
{
    ngx_ferrokv_install_t *install = installer->data;

    if (install->open->connection) {
        ngx_post_event(&install->turn, &ngx_posted_events);
    }
}


static void
ngx_ferrokv_install_handler(ngx_event_t *ev)
{
    uint64_t                ms;
    ngx_connection_t       *c;
    ngx_ferrokv_install_t  *install;

    c = ev->data;
    install = c->data;

    ms = fkv_installer_turn(&install->installer,
                            fkv_now_ms(install->open->loop));

    if (ms == 0) {
        ngx_post_event(&install->turn, &ngx_posted_next_events);
    }

    ngx_add_timer(&install->timer, (ngx_msec_t) ngx_max(ms, 1));
}
