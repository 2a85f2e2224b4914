
/*
 * ngx_ferrokv_module.c - the core module: ferrokv_store, and the life of
 * stores across configurations.
 *
 * Stores are opened in init_conf, when everything has been parsed: a store
 * that cannot be opened then fails a reload like any wrong directive, while a
 * failing init_module would end the master.  nginx -t and nginx -s come here
 * too and must not touch the disk.
 */

#include "ngx_ferrokv_extension.h"
#include "ngx_ferrokv_zone.h"


#define NGX_FERROKV_MEMORY  (256 * 1024 * 1024)


typedef struct {
    ngx_str_t                  name;
    char                    *(*set)(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
                                  ngx_str_t *value);    /* NULL: not yet */
} ngx_ferrokv_param_t;


static void *ngx_ferrokv_create_conf(ngx_cycle_t *cycle);
static char *ngx_ferrokv_init_conf(ngx_cycle_t *cycle, void *conf);
static ngx_int_t ngx_ferrokv_init_module(ngx_cycle_t *cycle);

static char *ngx_ferrokv_store(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_ferrokv_set_path(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
    ngx_str_t *value);
static char *ngx_ferrokv_set_checkpoints(ngx_conf_t *cf,
    ngx_ferrokv_store_t *store, ngx_str_t *value);
static char *ngx_ferrokv_set_memory(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
    ngx_str_t *value);
static char *ngx_ferrokv_set_sync(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
    ngx_str_t *value);
static char *ngx_ferrokv_set_blob_min(ngx_conf_t *cf,
    ngx_ferrokv_store_t *store, ngx_str_t *value);
static char *ngx_ferrokv_set_max_value(ngx_conf_t *cf,
    ngx_ferrokv_store_t *store, ngx_str_t *value);
static char *ngx_ferrokv_set_max_size(ngx_conf_t *cf,
    ngx_ferrokv_store_t *store, ngx_str_t *value);
static char *ngx_ferrokv_set_evict(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
    ngx_str_t *value);
static char *ngx_ferrokv_set_cache_quota(ngx_conf_t *cf,
    ngx_ferrokv_store_t *store, ngx_str_t *value);
static char *ngx_ferrokv_set_compression(ngx_conf_t *cf,
    ngx_ferrokv_store_t *store, ngx_str_t *value);
static char *ngx_ferrokv_set_index(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
    ngx_str_t *value);
static char *ngx_ferrokv_set_compaction(ngx_conf_t *cf,
    ngx_ferrokv_store_t *store, ngx_str_t *value);


static ngx_ferrokv_param_t  ngx_ferrokv_params[] = {
    { ngx_string("path="), ngx_ferrokv_set_path },
    { ngx_string("memory="), ngx_ferrokv_set_memory },
    { ngx_string("sync="), ngx_ferrokv_set_sync },
    { ngx_string("max_value="), ngx_ferrokv_set_max_value },
    { ngx_string("blob_min="), ngx_ferrokv_set_blob_min },
    { ngx_string("compression="), ngx_ferrokv_set_compression },
    { ngx_string("checkpoints="), ngx_ferrokv_set_checkpoints },
    { ngx_string("index="), ngx_ferrokv_set_index },
    { ngx_string("compaction="), ngx_ferrokv_set_compaction },
    { ngx_string("max_size="), ngx_ferrokv_set_max_size },
    { ngx_string("evict="), ngx_ferrokv_set_evict },
    { ngx_string("cache_quota="), ngx_ferrokv_set_cache_quota },
    { ngx_null_string, NULL }
};


static ngx_command_t  ngx_ferrokv_commands[] = {

    { ngx_string("ferrokv_store"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_1MORE,
      ngx_ferrokv_store,
      0,
      0,
      NULL },

    { ngx_string("ferrokv_extension_path"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_ferrokv_extension_path,
      0,
      0,
      NULL },

    { ngx_string("ferrokv_extension"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_1MORE,
      ngx_ferrokv_extension,
      0,
      0,
      NULL },

    { ngx_string("ferrokv_param"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE2,
      ngx_ferrokv_extension_param,
      0,
      0,
      NULL },

    { ngx_string("ferrokv_missing_extension"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_ferrokv_missing_extension,
      0,
      0,
      NULL },

    { ngx_string("ferrokv_extension_crash_limit"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_ferrokv_extension_crash_limit,
      0,
      0,
      NULL },

    { ngx_string("ferrokv_slow_call"),
      NGX_MAIN_CONF|NGX_DIRECT_CONF|NGX_CONF_TAKE1,
      ngx_ferrokv_slow_call,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_core_module_t  ngx_ferrokv_module_ctx = {
    ngx_string("ferrokv"),
    ngx_ferrokv_create_conf,
    ngx_ferrokv_init_conf
};


ngx_module_t  ngx_ferrokv_module = {
    NGX_MODULE_V1,
    &ngx_ferrokv_module_ctx,               /* module context */
    ngx_ferrokv_commands,                  /* module directives */
    NGX_CORE_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_ferrokv_init_module,               /* init module */
    ngx_ferrokv_init_process,              /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_ferrokv_exit_process,              /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_ferrokv_create_conf(ngx_cycle_t *cycle)
{
    ngx_ferrokv_conf_t  *fcf;

    fcf = ngx_pcalloc(cycle->pool, sizeof(ngx_ferrokv_conf_t));
    if (fcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&fcf->stores, cycle->pool, 2,
                       sizeof(ngx_ferrokv_store_t *))
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_array_init(&fcf->refs, cycle->pool, 4, sizeof(ngx_ferrokv_ref_t *))
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_array_init(&fcf->zones, cycle->pool, 4, sizeof(void *)) != NGX_OK
        || ngx_array_init(&fcf->zone_refs, cycle->pool, 4, sizeof(void *))
           != NGX_OK)
    {
        return NULL;
    }

    fcf->extensions = ngx_ferrokv_create_extensions(cycle);
    if (fcf->extensions == NULL) {
        return NULL;
    }

    return fcf;
}


u_char *
ngx_ferrokv_conf_file(ngx_conf_t *cf)
{
    if (cf->conf_file->file.name.data == NULL) {
        return (u_char *) "command line";
    }

    return cf->conf_file->file.name.data;
}


ngx_ferrokv_ref_t *
ngx_ferrokv_store_ref(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_str_t           *value;
    ngx_ferrokv_ref_t   *ref, **slot;
    ngx_ferrokv_conf_t  *fcf;

    fcf = (ngx_ferrokv_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                              ngx_ferrokv_module);

    ref = ngx_pcalloc(cf->pool, sizeof(ngx_ferrokv_ref_t));
    if (ref == NULL) {
        return NULL;
    }

    value = cf->args->elts;

    if (name) {
        ref->name = *name;
    }

    ref->directive = value[0];
    ref->file = ngx_ferrokv_conf_file(cf);
    ref->line = cf->conf_file->line;

    slot = ngx_array_push(&fcf->refs);
    if (slot == NULL) {
        return NULL;
    }

    *slot = ref;

    return ref;
}


ngx_ferrokv_store_t *
ngx_ferrokv_store_by_name(ngx_cycle_t *cycle, ngx_str_t *name)
{
    ngx_uint_t             i;
    ngx_ferrokv_conf_t    *fcf;
    ngx_ferrokv_store_t  **store;

    fcf = (ngx_ferrokv_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                              ngx_ferrokv_module);
    store = fcf->stores.elts;

    for (i = 0; i < fcf->stores.nelts; i++) {
        if (store[i]->name.len == name->len
            && ngx_memcmp(store[i]->name.data, name->data, name->len) == 0)
        {
            return store[i];
        }
    }

    return NULL;
}


static char *
ngx_ferrokv_resolve(ngx_cycle_t *cycle, ngx_ferrokv_conf_t *fcf,
    ngx_ferrokv_ref_t *ref)
{
    ngx_ferrokv_store_t  **store;

    if (ref->name.len) {
        ref->store = ngx_ferrokv_store_by_name(cycle, &ref->name);

        if (ref->store == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "\"%V\" names the unknown store \"%V\" in %s:%ui",
                          &ref->directive, &ref->name, ref->file, ref->line);
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    if (fcf->stores.nelts == 1) {
        store = fcf->stores.elts;
        ref->store = store[0];

        return NGX_CONF_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                  fcf->stores.nelts
                  ? "\"%V\" needs \"store=\", as there are several stores, "
                    "in %s:%ui"
                  : "\"%V\" needs a store, but there is no \"ferrokv_store\", "
                    "in %s:%ui",
                  &ref->directive, ref->file, ref->line);

    return NGX_CONF_ERROR;
}


/* The engine's eventfd is never read, so only an edge tells of a change. */

static char *
ngx_ferrokv_check_events(ngx_cycle_t *cycle)
{
    ngx_event_conf_t  *ecf;

    ecf = ngx_event_get_conf(cycle->conf_ctx, ngx_event_core_module);

    if (ecf == NULL || ngx_strcmp(ecf->name, "epoll") == 0) {
        return NGX_CONF_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                  "\"ferrokv_store\" needs the event method epoll, "
                  "not \"use %s\"", ecf->name);

    return NGX_CONF_ERROR;
}


/* Files belong to who the workers will run as. */

static void
ngx_ferrokv_set_owner(ngx_cycle_t *cycle, ngx_ferrokv_store_t *store)
{
    ngx_core_conf_t  *ccf;

    if (geteuid() != 0) {
        return;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    store->options.uid = ccf->user;
    store->options.gid = ccf->group;
}


/*
 * A cache in the directory of a store would delete the store's files, and
 * nginx would hand them to somebody else's process.
 */

static char *
ngx_ferrokv_check_path(ngx_cycle_t *cycle, ngx_ferrokv_store_t *store)
{
    ngx_uint_t    i;
    ngx_path_t  **path;

    path = cycle->paths.elts;

    for (i = 0; i < cycle->paths.nelts; i++) {

        if (path[i]->name.len == store->path.len
            && ngx_memcmp(path[i]->name.data, store->path.data,
                          store->path.len)
               == 0)
        {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "the path \"%V\" of \"ferrokv_store\" \"%V\" is used "
                          "by another directive too", &store->path,
                          &store->name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_ferrokv_open_stores(ngx_cycle_t *cycle, ngx_ferrokv_conf_t *fcf)
{
    ngx_uint_t             i;
    ngx_ferrokv_store_t  **store;

    store = fcf->stores.elts;

    for (i = 0; i < fcf->stores.nelts; i++) {
        ngx_ferrokv_set_owner(cycle, store[i]);

        if (ngx_ferrokv_open_store(cycle, store[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_ferrokv_add_helper(cycle) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_ferrokv_init_conf(ngx_cycle_t *cycle, void *conf)
{
    ngx_ferrokv_conf_t *fcf = conf;

    ngx_uint_t             i;
    ngx_ferrokv_ref_t    **ref;
    ngx_ferrokv_store_t  **store;

    if (ngx_ferrokv_alone()
        && (fcf->stores.nelts || !ngx_queue_empty(&ngx_ferrokv_table)))
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "ferrokv: with \"master_process off\" there is no "
                      "reload, nginx has to be started anew");
        return NGX_CONF_ERROR;
    }

    ref = fcf->refs.elts;

    for (i = 0; i < fcf->refs.nelts; i++) {
        if (ngx_ferrokv_resolve(cycle, fcf, ref[i]) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_ferrokv_resolve_zones(cycle, fcf) != NGX_OK
        || ngx_ferrokv_init_extensions(cycle, fcf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (fcf->stores.nelts
        && ngx_ferrokv_check_events(cycle) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    store = fcf->stores.elts;

    for (i = 0; i < fcf->stores.nelts; i++) {
        if (ngx_ferrokv_check_path(cycle, store[i]) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_test_config || ngx_process == NGX_PROCESS_SIGNALLER) {
        return NGX_CONF_OK;
    }

    ngx_ferrokv_sweep_stores();

    return ngx_ferrokv_open_stores(cycle, fcf);
}


static ngx_int_t
ngx_ferrokv_init_module(ngx_cycle_t *cycle)
{
    ngx_ferrokv_conf_t  *fcf;

    if (ngx_test_config) {
        return NGX_OK;
    }

    fcf = (ngx_ferrokv_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                              ngx_ferrokv_module);

    if (fcf->stores.nelts && ngx_is_init_cycle(cycle->old_cycle)) {
        ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                      "ferrokv: memory is allocated by %s", fkv_alloc_name());
    }

    ngx_ferrokv_commit_stores(cycle);

    return NGX_OK;
}


static char *
ngx_ferrokv_check_name(ngx_conf_t *cf, ngx_str_t *name)
{
    size_t  i;
    u_char  c;

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.')
        {
            continue;
        }

        break;
    }

    if (name->len == 0 || i < name->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name \"%V\" in \"ferrokv_store\": letters, "
                           "digits, \"_\", \"-\" and \".\" make a name", name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_ferrokv_store_param(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
    ngx_str_t *arg)
{
    ngx_str_t             value;
    ngx_ferrokv_param_t  *param;

    for (param = ngx_ferrokv_params; param->name.len; param++) {

        if (arg->len < param->name.len
            || ngx_strncmp(arg->data, param->name.data, param->name.len) != 0)
        {
            continue;
        }

        value.data = arg->data + param->name.len;
        value.len = arg->len - param->name.len;

        if (param->set(cf, store, &value) == NGX_CONF_OK) {
            return NGX_CONF_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"ferrokv_store\"", arg);
        return NGX_CONF_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"ferrokv_store\"", arg);

    return NGX_CONF_ERROR;
}


static char *
ngx_ferrokv_check_unique(ngx_conf_t *cf, ngx_ferrokv_conf_t *fcf,
    ngx_ferrokv_store_t *store)
{
    ngx_uint_t             i;
    ngx_ferrokv_store_t  **other;

    if (ngx_ferrokv_store_by_name(cf->cycle, &store->name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ferrokv_store\" \"%V\" is defined twice",
                           &store->name);
        return NGX_CONF_ERROR;
    }

    other = fcf->stores.elts;

    for (i = 0; i < fcf->stores.nelts; i++) {

        if (other[i]->path.len == store->path.len
            && ngx_memcmp(other[i]->path.data, store->path.data,
                          store->path.len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"ferrokv_store\" \"%V\" has the path \"%V\" "
                               "of \"ferrokv_store\" \"%V\"", &store->name,
                               &store->path, &other[i]->name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* A store's directory holds nothing that is not the store's. */

static char *
ngx_ferrokv_check_checkpoints(ngx_conf_t *cf, ngx_ferrokv_store_t *store)
{
    const char  *path;

    path = store->options.checkpoints;

    if (path == NULL
        || ngx_strncmp(path, store->path.data, store->path.len) != 0
        || (path[store->path.len] != '/' && path[store->path.len] != '\0'))
    {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"checkpoints=\" of \"ferrokv_store\" \"%V\" is "
                       "inside of its \"path=\"", &store->name);

    return NGX_CONF_ERROR;
}


static char *
ngx_ferrokv_add_store(ngx_conf_t *cf, ngx_ferrokv_conf_t *fcf,
    ngx_ferrokv_store_t *store)
{
    char                   error[FKV_ERROR_BYTES];
    ngx_ferrokv_store_t  **slot;

    if (store->path.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ferrokv_store\" \"%V\" has no \"path=\"",
                           &store->name);
        return NGX_CONF_ERROR;
    }

    if (store->options.value_max == 0) {
        store->options.value_max =
                                 fkv_value_max_default(store->options.memory);
    }

    if (fkv_options_check(&store->options, error) != FKV_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ferrokv_store\" \"%V\": %s", &store->name, error);
        return NGX_CONF_ERROR;
    }

    if (ngx_ferrokv_check_unique(cf, fcf, store) != NGX_CONF_OK
        || ngx_ferrokv_check_checkpoints(cf, store) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    slot = ngx_array_push(&fcf->stores);
    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = store;

    return NGX_CONF_OK;
}


static char *
ngx_ferrokv_store(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_ferrokv_conf_t *fcf = conf;

    ngx_str_t            *value;
    ngx_uint_t            i;
    ngx_ferrokv_store_t  *store;

    value = cf->args->elts;

    store = ngx_pcalloc(cf->pool, sizeof(ngx_ferrokv_store_t));
    if (store == NULL) {
        return NGX_CONF_ERROR;
    }

    store->name = value[1];
    store->file = ngx_ferrokv_conf_file(cf);
    store->line = cf->conf_file->line;

    store->options.memory = NGX_FERROKV_MEMORY;
    store->options.sync = FKV_SYNC_ALWAYS;
    store->options.uid = (uid_t) -1;
    store->options.gid = (gid_t) -1;

    if (ngx_ferrokv_check_name(cf, &store->name) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_ferrokv_store_param(cf, store, &value[i]) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return ngx_ferrokv_add_store(cf, fcf, store);
}


/* "/a//b/./c/" is "/a/b/c": two names of one path shall be seen as one. */

static char *
ngx_ferrokv_parse_path(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *path)
{
    u_char     *p, *last, *d;
    ngx_str_t   full;

    if (value->len == 0) {
        return NGX_CONF_ERROR;
    }

    full = *value;

    if (ngx_conf_full_name(cf->cycle, &full, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    d = ngx_pnalloc(cf->pool, full.len + 1);
    if (d == NULL) {
        return NGX_CONF_ERROR;
    }

    path->data = d;
    last = full.data + full.len;

    for (p = full.data; p < last; p++) {

        if (*p == '/') {
            if (p + 1 == last || p[1] == '/') {
                continue;
            }

            if (p[1] == '.' && (p + 2 == last || p[2] == '/')) {
                p++;
                continue;
            }
        }

        *d++ = *p;
    }

    if (d == path->data) {
        return NGX_CONF_ERROR;                  /* it was "/" */
    }

    *d = '\0';
    path->len = d - path->data;

    return NGX_CONF_OK;
}


static char *
ngx_ferrokv_set_path(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
    ngx_str_t *value)
{
    if (ngx_ferrokv_parse_path(cf, value, &store->path) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    store->options.path = (char *) store->path.data;

    return NGX_CONF_OK;
}


static char *
ngx_ferrokv_set_checkpoints(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
    ngx_str_t *value)
{
    ngx_str_t  path;

    if (ngx_ferrokv_parse_path(cf, value, &path) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    store->options.checkpoints = (char *) path.data;

    return NGX_CONF_OK;
}


static char *
ngx_ferrokv_parse_bytes(ngx_str_t *value, uint64_t *bytes)
{
    off_t  n;

    n = ngx_parse_offset(value);

    if (n == NGX_ERROR || n == 0) {
        return NGX_CONF_ERROR;
    }

    *bytes = n;

    return NGX_CONF_OK;
}


static char *
ngx_ferrokv_set_memory(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
    ngx_str_t *value)
{
    return ngx_ferrokv_parse_bytes(value, &store->options.memory);
}


static char *
ngx_ferrokv_set_max_value(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
    ngx_str_t *value)
{
    return ngx_ferrokv_parse_bytes(value, &store->options.value_max);
}


static char *
ngx_ferrokv_set_blob_min(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
    ngx_str_t *value)
{
    return ngx_ferrokv_parse_bytes(value, &store->options.blob_min);
}


static char *
ngx_ferrokv_set_max_size(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
    ngx_str_t *value)
{
    return ngx_ferrokv_parse_bytes(value, &store->options.max_size);
}


static char *
ngx_ferrokv_set_evict(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
    ngx_str_t *value)
{
    ngx_uint_t  i;

    static const struct {
        const char   *name;
        fkv_evict_e   evict;
    } policies[] = {
        { "none", FKV_EVICT_NONE },
        { "lru", FKV_EVICT_LRU },
        { "lfu", FKV_EVICT_LFU },
        { "ttl", FKV_EVICT_TTL },
        { "random", FKV_EVICT_RANDOM }
    };

    for (i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        if (ngx_strcmp(value->data, policies[i].name) == 0) {
            store->options.evict = policies[i].evict;
            return NGX_CONF_OK;
        }
    }

    return NGX_CONF_ERROR;
}


static char *
ngx_ferrokv_set_cache_quota(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
    ngx_str_t *value)
{
    return ngx_ferrokv_parse_bytes(value,
                                   &store->options.quota[FKV_CLASS_CACHE]);
}


static char *
ngx_ferrokv_set_sync(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
    ngx_str_t *value)
{
    if (ngx_strcmp(value->data, "always") == 0) {
        store->options.sync = FKV_SYNC_ALWAYS;

    } else if (ngx_strcmp(value->data, "everysec") == 0) {
        store->options.sync = FKV_SYNC_EVERYSEC;

    } else if (ngx_strcmp(value->data, "off") == 0) {
        store->options.sync = FKV_SYNC_OFF;

    } else {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_ferrokv_set_compression(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
    ngx_str_t *value)
{
    if (ngx_strcmp(value->data, "lz4") == 0) {
        store->options.compression = FKV_COMPRESSION_LZ4;

    } else if (ngx_strcmp(value->data, "zstd") == 0) {
        store->options.compression = FKV_COMPRESSION_ZSTD;

    } else if (ngx_strcmp(value->data, "none") == 0) {
        store->options.compression = FKV_COMPRESSION_NONE;

    } else {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_ferrokv_set_index(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
    ngx_str_t *value)
{
    if (ngx_strcmp(value->data, "learned") == 0) {
        store->options.index = FKV_INDEX_LEARNED;

    } else if (ngx_strcmp(value->data, "linear") == 0) {
        store->options.index = FKV_INDEX_LINEAR;

    } else if (ngx_strcmp(value->data, "binary") == 0) {
        store->options.index = FKV_INDEX_BINARY;

    } else {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_ferrokv_set_compaction(ngx_conf_t *cf, ngx_ferrokv_store_t *store,
    ngx_str_t *value)
{
    if (ngx_strcmp(value->data, "leveled") == 0) {
        store->options.compaction = FKV_COMPACTION_LEVELED;

    } else if (ngx_strcmp(value->data, "tiered") == 0) {
        store->options.compaction = FKV_COMPACTION_TIERED;

    } else if (ngx_strcmp(value->data, "adaptive") == 0) {
        store->options.compaction = FKV_COMPACTION_ADAPTIVE;

    } else {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
