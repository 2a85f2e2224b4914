
/*
 * ngx_stream_ferrokv_resp_conf.c - the directive ferrokv_resp.
 */

#include "ngx_stream_ferrokv_resp.h"
#include "ngx_ferrokv_server.h"


#define NGX_STREAM_FERROKV_OUTPUT_LIMIT  (64 * 1024 * 1024)


static ngx_int_t ngx_stream_ferrokv_option(ngx_conf_t *cf,
    ngx_stream_ferrokv_resp_conf_t *rcf, ngx_str_t *store, ngx_str_t *arg);


char *
ngx_stream_ferrokv_resp(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stream_ferrokv_srv_conf_t *fscf = conf;

    ngx_str_t                       *value, store;
    ngx_uint_t                       i;
    ngx_stream_core_srv_conf_t      *cscf;
    ngx_stream_ferrokv_resp_conf_t  *rcf;

    if (fscf->resp) {
        return "is duplicate";
    }

    rcf = ngx_pcalloc(cf->pool, sizeof(ngx_stream_ferrokv_resp_conf_t));
    if (rcf == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_null(&store);
    rcf->rights = FKV_COMMAND_WRITE;
    rcf->output_limit = NGX_STREAM_FERROKV_OUTPUT_LIMIT;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_stream_ferrokv_option(cf, rcf, &store, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    rcf->ref = ngx_ferrokv_store_ref(cf, &store);
    rcf->table = ngx_stream_ferrokv_table(cf);

    if (rcf->ref == NULL || rcf->table == NULL) {
        return NGX_CONF_ERROR;
    }

    fscf->resp = rcf;

    cscf = ngx_stream_conf_get_module_srv_conf(cf, ngx_stream_core_module);
    cscf->handler = ngx_stream_ferrokv_resp_handler;

    return NGX_CONF_OK;
}


/* NGX_ERROR: logged. */

static ngx_int_t
ngx_stream_ferrokv_option(ngx_conf_t *cf, ngx_stream_ferrokv_resp_conf_t *rcf,
    ngx_str_t *store, ngx_str_t *arg)
{
    ssize_t    size;
    ngx_str_t  text;

    if (ngx_ferrokv_arg(arg, "store", &text) && text.len) {
        *store = text;
        return NGX_OK;
    }

    if (ngx_ferrokv_arg(arg, "password", &text) && text.len) {
        rcf->passwords = ngx_ferrokv_read_secrets(cf, &text);
        return rcf->passwords ? NGX_OK : NGX_ERROR;
    }

    if (arg->len == 8 && ngx_strncmp(arg->data, "readonly", 8) == 0) {
        rcf->rights &= ~FKV_COMMAND_WRITE;
        return NGX_OK;
    }

    if (ngx_ferrokv_arg(arg, "admin", &text)) {

        if (text.len == 2 && ngx_strncmp(text.data, "on", 2) == 0) {
            rcf->rights |= FKV_COMMAND_ADMIN;
            return NGX_OK;
        }

        if (text.len == 3 && ngx_strncmp(text.data, "off", 3) == 0) {
            rcf->rights &= ~FKV_COMMAND_ADMIN;
            return NGX_OK;
        }
    }

    if (ngx_ferrokv_arg(arg, "output_limit", &text)) {

        size = ngx_parse_size(&text);

        if (size != NGX_ERROR && size != 0) {
            rcf->output_limit = size;
            return NGX_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"ferrokv_resp\"", arg);

    return NGX_ERROR;
}


/* The one that listens on more addresses says the first. */

static in_port_t
ngx_stream_ferrokv_port(ngx_cycle_t *cycle, ngx_stream_core_srv_conf_t *cscf)
{
    ngx_uint_t             i, k;
    ngx_listening_t       *ls;
    ngx_stream_in_addr_t  *addr;
    ngx_stream_port_t     *port;

    ls = cycle->listening.elts;

    for (i = 0; i < cycle->listening.nelts; i++) {

        if (ls[i].handler != ngx_stream_init_connection
            || ls[i].sockaddr->sa_family != AF_INET)
        {
            continue;
        }

        port = ls[i].servers;
        addr = port->addrs;

        for (k = 0; k < port->naddrs; k++) {
            if (addr[k].conf.ctx == cscf->ctx) {
                return ngx_inet_get_port(ls[i].sockaddr);
            }
        }
    }

    return 0;
}


void
ngx_stream_ferrokv_resp_init_process(ngx_cycle_t *cycle,
    ngx_stream_core_main_conf_t *cmcf)
{
    ngx_uint_t                       i;
    ngx_stream_core_srv_conf_t     **cscf;
    ngx_stream_ferrokv_srv_conf_t   *fscf;
    ngx_stream_ferrokv_resp_conf_t  *rcf;

    cscf = cmcf->servers.elts;

    for (i = 0; i < cmcf->servers.nelts; i++) {
        fscf = cscf[i]->ctx->srv_conf[ngx_stream_ferrokv_module.ctx_index];
        rcf = fscf->resp;

        if (rcf == NULL || rcf->ref->store->fkv == NULL) {
            continue;
        }

        ngx_ferrokv_init_server(&rcf->server, cycle, rcf->ref->store);

        rcf->server.port = ngx_stream_ferrokv_port(cycle, cscf[i]);
        rcf->server.output_max = rcf->output_limit;
        rcf->server.password = (rcf->passwords != NULL);

        ngx_stream_ferrokv_table_sweep(rcf->table);
    }
}
