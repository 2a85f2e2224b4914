
#include "ngx_ferrokv_server.h"
#include "extensions/manage.h"


void
ngx_ferrokv_init_server(fkv_server_t *server, ngx_cycle_t *cycle,
    ngx_ferrokv_store_t *store)
{
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    server->store = store->fkv;
    server->meter = store->open->meter;
    server->options = &store->options;
    server->name = (char *) store->name.data;
    server->version = "unreleased";
    server->host = NGINX_VER;
    server->executable = ngx_argv[0];
    server->config = (char *) cycle->conf_file.data;

    server->modules = fkv_manage_modules;

    server->pause = ngx_ferrokv_pause;
    server->unpause = ngx_ferrokv_unpause;

    server->processes = (ngx_process == NGX_PROCESS_SINGLE)
                        ? 1 : ccf->worker_processes;
    server->clients_max = server->processes * cycle->connection_n;
}
