
/*
 * The module of the cache: its directives, its context and its place.
 *
 * It stands behind all modules of nginx, so its filters are called before
 * theirs (a loaded module stands there by itself; for one that is linked in,
 * see config), and its precontent handler runs before try_files and mirror.
 */

#include "ngx_http_ferrokv_cache.h"


static ngx_int_t ngx_http_ferrokv_cache_variables(ngx_conf_t *cf);
static ngx_int_t ngx_http_ferrokv_cache_init(ngx_conf_t *cf);
static void *ngx_http_ferrokv_cache_create_conf(ngx_conf_t *cf);
static char *ngx_http_ferrokv_cache_merge_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_ferrokv_cache_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_ferrokv_cache_set_key(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_ferrokv_cache_set_valid(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_ferrokv_cache_set_heuristic(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_ferrokv_cache_set_names(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_ferrokv_cache_set_purge(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_ferrokv_cache_set_purge_tag(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_ferrokv_cache_set_status(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);


static ngx_conf_bitmask_t  ngx_http_ferrokv_cache_methods[] = {
    { ngx_string("GET"), NGX_HTTP_GET },
    { ngx_string("HEAD"), NGX_HTTP_HEAD },
    { ngx_string("POST"), NGX_HTTP_POST },
    { ngx_null_string, 0 }
};


static ngx_conf_bitmask_t  ngx_http_ferrokv_cache_ignore[] = {
    { ngx_string("X-Accel-Expires"), FKV_RULES_IGNORE_ACCEL_EXPIRES },
    { ngx_string("Expires"), FKV_RULES_IGNORE_EXPIRES },
    { ngx_string("Cache-Control"), FKV_RULES_IGNORE_CACHE_CONTROL },
    { ngx_string("Set-Cookie"), FKV_RULES_IGNORE_SET_COOKIE },
    { ngx_string("Vary"), FKV_RULES_IGNORE_VARY },
    { ngx_null_string, 0 }
};


static ngx_conf_bitmask_t  ngx_http_ferrokv_cache_stale[] = {
    { ngx_string("off"), NGX_HTTP_FERROKV_CACHE_ON_NOTHING },
    { ngx_string("error"), NGX_HTTP_FERROKV_CACHE_ON_ERROR },
    { ngx_string("timeout"), NGX_HTTP_FERROKV_CACHE_ON_TIMEOUT },
    { ngx_string("invalid_header"), NGX_HTTP_FERROKV_CACHE_ON_INVALID_HEADER },
    { ngx_string("updating"), NGX_HTTP_FERROKV_CACHE_ON_UPDATING },
    { ngx_string("http_500"), NGX_HTTP_FERROKV_CACHE_ON_500 },
    { ngx_string("http_502"), NGX_HTTP_FERROKV_CACHE_ON_502 },
    { ngx_string("http_503"), NGX_HTTP_FERROKV_CACHE_ON_503 },
    { ngx_string("http_504"), NGX_HTTP_FERROKV_CACHE_ON_504 },
    { ngx_string("http_403"), NGX_HTTP_FERROKV_CACHE_ON_403 },
    { ngx_string("http_404"), NGX_HTTP_FERROKV_CACHE_ON_404 },
    { ngx_string("http_429"), NGX_HTTP_FERROKV_CACHE_ON_429 },
    { ngx_null_string, 0 }
};


static ngx_conf_num_bounds_t  ngx_http_ferrokv_cache_min_uses = {
    ngx_conf_check_num_bounds, 1, -1
};


static ngx_command_t  ngx_http_ferrokv_cache_commands[] = {

    { ngx_string("ferrokv_cache"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_ferrokv_cache_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ferrokv_cache_key"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_ferrokv_cache_set_key,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ferrokv_cache_valid"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_ferrokv_cache_set_valid,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ferrokv_cache_methods"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_cache_conf_t, methods),
      &ngx_http_ferrokv_cache_methods },

    { ngx_string("ferrokv_cache_bypass"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_set_predicate_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_cache_conf_t, bypass),
      NULL },

    { ngx_string("ferrokv_no_cache"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_set_predicate_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_cache_conf_t, no_cache),
      NULL },

    { ngx_string("ferrokv_cache_ignore_headers"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_cache_conf_t, ignore),
      &ngx_http_ferrokv_cache_ignore },

    { ngx_string("ferrokv_cache_max_object_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_cache_conf_t, max_object_size),
      NULL },

    { ngx_string("ferrokv_cache_inactive"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_cache_conf_t, inactive),
      NULL },

    { ngx_string("ferrokv_cache_min_uses"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_cache_conf_t, min_uses),
      &ngx_http_ferrokv_cache_min_uses },

    { ngx_string("ferrokv_cache_request_control"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_cache_conf_t, request_control),
      NULL },

    { ngx_string("ferrokv_cache_heuristic"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_ferrokv_cache_set_heuristic,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ferrokv_cache_targets"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_ferrokv_cache_set_names,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_cache_conf_t, targets),
      NULL },

    { ngx_string("ferrokv_cache_tag"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_ferrokv_cache_set_names,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_cache_conf_t, tags),
      NULL },

    { ngx_string("ferrokv_cache_purge"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE123,
      ngx_http_ferrokv_cache_set_purge,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ferrokv_cache_purge_tag"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_ferrokv_cache_set_purge_tag,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ferrokv_cache_invalidate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_cache_conf_t, invalidate),
      NULL },

    { ngx_string("ferrokv_cache_status_header"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_ferrokv_cache_set_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ferrokv_cache_lock"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_cache_conf_t, lock),
      NULL },

    { ngx_string("ferrokv_cache_lock_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_cache_conf_t, lock_timeout),
      NULL },

    { ngx_string("ferrokv_cache_lock_age"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_cache_conf_t, lock_age),
      NULL },

    { ngx_string("ferrokv_cache_use_stale"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_cache_conf_t, use_stale),
      &ngx_http_ferrokv_cache_stale },

    { ngx_string("ferrokv_cache_background_update"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_cache_conf_t, background_update),
      NULL },

    { ngx_string("ferrokv_cache_revalidate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_ferrokv_cache_conf_t, revalidate),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_ferrokv_cache_module_ctx = {
    ngx_http_ferrokv_cache_variables,      /* preconfiguration */
    ngx_http_ferrokv_cache_init,           /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_ferrokv_cache_create_conf,    /* create location configuration */
    ngx_http_ferrokv_cache_merge_conf      /* merge location configuration */
};


ngx_module_t  ngx_http_ferrokv_cache_module = {
    NGX_MODULE_V1,
    &ngx_http_ferrokv_cache_module_ctx,    /* module context */
    ngx_http_ferrokv_cache_commands,       /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void
ngx_http_ferrokv_cache_cleanup(void *data)
{
    ngx_http_ferrokv_cache_discard(data);
    ngx_http_ferrokv_cache_close(data);
}


ngx_http_ferrokv_cache_t *
ngx_http_ferrokv_cache_get(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_ferrokv_cache_t  *cache;

    cache = ngx_http_get_module_ctx(r, ngx_http_ferrokv_cache_module);

    if (cache || !(r->internal || r->filter_finalize)) {
        return cache;
    }

    /* an internal redirect has cleared the slot */

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_ferrokv_cache_cleanup) {
            continue;
        }

        cache = cln->data;

        /* subrequests share the pool */

        if (cache->request == r) {
            ngx_http_set_ctx(r, cache, ngx_http_ferrokv_cache_module);
            return cache;
        }
    }

    return NULL;
}


ngx_http_ferrokv_cache_t *
ngx_http_ferrokv_cache_make(ngx_http_request_t *r,
    ngx_http_ferrokv_cache_conf_t *conf)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_ferrokv_cache_t  *cache;

    cache = ngx_http_ferrokv_cache_get(r);

    if (cache) {
        ngx_http_ferrokv_cache_cleanup(cache);

    } else {
        cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_ferrokv_cache_t));
        if (cln == NULL) {
            return NULL;
        }

        cln->handler = ngx_http_ferrokv_cache_cleanup;
        cache = cln->data;
    }

    ngx_memzero(cache, sizeof(ngx_http_ferrokv_cache_t));

    cache->request = r;
    cache->conf = conf;

    ngx_http_set_ctx(r, cache, ngx_http_ferrokv_cache_module);

    return cache;
}


static ngx_int_t
ngx_http_ferrokv_cache_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    static ngx_str_t           words[] = {
        ngx_null_string,
        ngx_string("MISS"),
        ngx_string("BYPASS"),
        ngx_string("EXPIRED"),
        ngx_string("STALE"),
        ngx_string("UPDATING"),
        ngx_string("REVALIDATED"),
        ngx_string("HIT")
    };

    ngx_str_t                 *word;
    ngx_http_ferrokv_cache_t  *cache;

    cache = ngx_http_ferrokv_cache_get(r);

    if (cache == NULL || cache->status == NGX_HTTP_FERROKV_CACHE_NONE) {
        v->not_found = 1;
        return NGX_OK;
    }

    word = &words[cache->status];

    v->data = word->data;
    v->len = word->len;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_cache_variables(ngx_conf_t *cf)
{
    ngx_str_t             name = ngx_string("ferrokv_cache_status");

    ngx_http_variable_t  *var;

    var = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
    if (var == NULL) {
        return NGX_ERROR;
    }

    var->get_handler = ngx_http_ferrokv_cache_status;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_cache_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_ferrokv_cache_handler;

    return ngx_http_ferrokv_cache_filter_init(cf);
}


static void *
ngx_http_ferrokv_cache_create_conf(ngx_conf_t *cf)
{
    ngx_http_ferrokv_cache_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_ferrokv_cache_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->key = NULL;
     *     conf->methods = 0;
     *     conf->ignore = 0;
     *     conf->use_stale = 0;
     *     conf->purge_soft = 0;
     *     conf->purge_prefix = 0;
     *     conf->purge_tag = NULL;
     *     conf->purge_tag_soft = 0;
     *     conf->status_name = { 0, NULL };
     *     conf->prefix_ms = 0;
     *     conf->prefix_as_of_ms = 0;
     */

    conf->store = NGX_CONF_UNSET_PTR;
    conf->valid = NGX_CONF_UNSET_PTR;
    conf->bypass = NGX_CONF_UNSET_PTR;
    conf->no_cache = NGX_CONF_UNSET_PTR;
    conf->max_object_size = NGX_CONF_UNSET_SIZE;
    conf->inactive = NGX_CONF_UNSET;
    conf->min_uses = NGX_CONF_UNSET;
    conf->request_control = NGX_CONF_UNSET;
    conf->heuristic = NGX_CONF_UNSET;
    conf->heuristic_max = NGX_CONF_UNSET;
    conf->targets = NGX_CONF_UNSET_PTR;
    conf->lock = NGX_CONF_UNSET;
    conf->lock_timeout = NGX_CONF_UNSET_MSEC;
    conf->lock_age = NGX_CONF_UNSET_MSEC;
    conf->background_update = NGX_CONF_UNSET;
    conf->revalidate = NGX_CONF_UNSET;
    conf->purge = NGX_CONF_UNSET_PTR;
    conf->tags = NGX_CONF_UNSET_PTR;
    conf->invalidate = NGX_CONF_UNSET;

    return conf;
}


static char *
ngx_http_ferrokv_cache_merge_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_ferrokv_cache_conf_t *prev = parent;
    ngx_http_ferrokv_cache_conf_t *conf = child;

    ngx_http_ferrokv_loc_conf_t  *flcf;

    ngx_conf_merge_ptr_value(conf->store, prev->store, NULL);
    ngx_conf_merge_ptr_value(conf->valid, prev->valid, NULL);
    ngx_conf_merge_ptr_value(conf->bypass, prev->bypass, NULL);
    ngx_conf_merge_ptr_value(conf->no_cache, prev->no_cache, NULL);
    ngx_conf_merge_ptr_value(conf->targets, prev->targets, NULL);
    ngx_conf_merge_size_value(conf->max_object_size, prev->max_object_size,
                              NGX_HTTP_FERROKV_CACHE_COLLECT_MAX);
    ngx_conf_merge_sec_value(conf->inactive, prev->inactive, 600);
    ngx_conf_merge_value(conf->min_uses, prev->min_uses, 1);
    ngx_conf_merge_value(conf->request_control, prev->request_control, 0);
    ngx_conf_merge_value(conf->heuristic, prev->heuristic, 0);
    ngx_conf_merge_sec_value(conf->heuristic_max, prev->heuristic_max, 86400);
    ngx_conf_merge_str_value(conf->status_name, prev->status_name, "");

    ngx_conf_merge_bitmask_value(conf->methods, prev->methods,
                                 NGX_CONF_BITMASK_SET
                                 |NGX_HTTP_GET
                                 |NGX_HTTP_HEAD);
    ngx_conf_merge_bitmask_value(conf->ignore, prev->ignore,
                                 NGX_CONF_BITMASK_SET);

    ngx_conf_merge_bitmask_value(conf->use_stale, prev->use_stale,
                                 NGX_CONF_BITMASK_SET
                                 |NGX_HTTP_FERROKV_CACHE_ON_NOTHING);
    ngx_conf_merge_value(conf->lock, prev->lock, 0);
    ngx_conf_merge_msec_value(conf->lock_timeout, prev->lock_timeout, 5000);
    ngx_conf_merge_msec_value(conf->lock_age, prev->lock_age, 5000);
    ngx_conf_merge_value(conf->background_update, prev->background_update, 0);
    ngx_conf_merge_value(conf->revalidate, prev->revalidate, 0);
    ngx_conf_merge_ptr_value(conf->tags, prev->tags, NULL);
    ngx_conf_merge_value(conf->invalidate, prev->invalidate, 1);

    if (conf->purge == NGX_CONF_UNSET_PTR) {
        conf->purge = (prev->purge == NGX_CONF_UNSET_PTR) ? NULL : prev->purge;
        conf->purge_soft = prev->purge_soft;
        conf->purge_prefix = prev->purge_prefix;
    }

    if (conf->purge_tag == NULL) {
        conf->purge_tag = prev->purge_tag;
        conf->purge_tag_soft = prev->purge_tag_soft;
    }

    if (conf->use_stale & NGX_HTTP_FERROKV_CACHE_ON_NOTHING) {
        conf->use_stale = NGX_CONF_BITMASK_SET
                          |NGX_HTTP_FERROKV_CACHE_ON_NOTHING;
    }

    /* the bit of a set mask is that of NGX_HTTP_UNKNOWN, too */

    conf->methods &= ~NGX_CONF_BITMASK_SET;
    conf->methods |= NGX_HTTP_GET|NGX_HTTP_HEAD;

    if (conf->key == NULL) {
        conf->key = prev->key;
    }

    /* limits of phase=miss are for what the cache lets through */

    flcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_ferrokv_module);
    flcf->limit.late = (conf->store != NULL);

    return NGX_CONF_OK;
}


static char *
ngx_http_ferrokv_cache_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ferrokv_cache_conf_t *ccf = conf;

    ngx_str_t  *value;

    if (ccf->store != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        ccf->store = NULL;
        return NGX_CONF_OK;
    }

    ccf->store = ngx_ferrokv_store_ref(cf, &value[1]);

    return ccf->store ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_ferrokv_cache_set_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ferrokv_cache_conf_t *ccf = conf;

    ngx_str_t  *value;

    if (ccf->key) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "must not be empty";
    }

    ccf->key = ngx_http_ferrokv_compile(cf, &value[1]);

    return ccf->key ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* [code ...] time */

static ngx_int_t
ngx_http_ferrokv_cache_code(ngx_str_t *text)
{
    ngx_int_t  status;

    if (text->len == 3 && ngx_strncmp(text->data, "any", 3) == 0) {
        return 0;
    }

    status = ngx_atoi(text->data, text->len);

    return (status >= 100 && status <= 599) ? status : NGX_ERROR;
}


static char *
ngx_http_ferrokv_cache_add_valid(ngx_array_t *valid, ngx_uint_t status,
    time_t seconds)
{
    ngx_http_ferrokv_cache_valid_t  *v;

    v = ngx_array_push(valid);
    if (v == NULL) {
        return NGX_CONF_ERROR;
    }

    v->status = status;
    v->valid_s = seconds;

    return NGX_CONF_OK;
}


static char *
ngx_http_ferrokv_cache_set_valid(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_ferrokv_cache_conf_t *ccf = conf;

    static ngx_uint_t  statuses[] = { NGX_HTTP_OK,
                                      NGX_HTTP_MOVED_PERMANENTLY,
                                      NGX_HTTP_MOVED_TEMPORARILY };

    time_t       seconds;
    ngx_int_t    status;
    ngx_str_t   *value;
    ngx_uint_t   i, last;

    value = cf->args->elts;
    last = cf->args->nelts - 1;

    if (ccf->valid == NGX_CONF_UNSET_PTR) {
        ccf->valid = ngx_array_create(cf->pool, 4,
                                    sizeof(ngx_http_ferrokv_cache_valid_t));
        if (ccf->valid == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    seconds = ngx_parse_time(&value[last], 1);

    if (seconds == (time_t) NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid time \"%V\"",
                           &value[last]);
        return NGX_CONF_ERROR;
    }

    if (last == 1) {

        for (i = 0; i < sizeof(statuses) / sizeof(ngx_uint_t); i++) {
            if (ngx_http_ferrokv_cache_add_valid(ccf->valid, statuses[i],
                                                 seconds)
                != NGX_CONF_OK)
            {
                return NGX_CONF_ERROR;
            }
        }

        return NGX_CONF_OK;
    }

    for (i = 1; i < last; i++) {

        status = ngx_http_ferrokv_cache_code(&value[i]);

        if (status == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid status \"%V\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        if (ngx_http_ferrokv_cache_add_valid(ccf->valid, status, seconds)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* off | percent% [max=time] */

static char *
ngx_http_ferrokv_cache_set_heuristic(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_ferrokv_cache_conf_t *ccf = conf;

    ngx_str_t  *value, text;

    if (ccf->heuristic != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0 && cf->args->nelts == 2) {
        ccf->heuristic = 0;
        return NGX_CONF_OK;
    }

    if (value[1].len < 2 || value[1].data[value[1].len - 1] != '%') {
        return "needs a percentage or \"off\"";
    }

    ccf->heuristic = ngx_atoi(value[1].data, value[1].len - 1);

    if (ccf->heuristic < 1 || ccf->heuristic > 100) {
        return "needs a percentage from 1% to 100%";
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (!ngx_http_ferrokv_arg(&value[2], "max", &text)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    ccf->heuristic_max = ngx_parse_time(&text, 1);

    if (ccf->heuristic_max == (time_t) NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid time \"%V\"", &text);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* Names of header fields. */

static char *
ngx_http_ferrokv_cache_set_names(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char  *p = conf;

    fkv_str_t     *name;
    ngx_str_t     *value;
    ngx_uint_t     i;
    ngx_array_t  **names;

    names = (ngx_array_t **) (p + cmd->offset);

    if (*names != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    *names = ngx_array_create(cf->pool, 2, sizeof(fkv_str_t));
    if (*names == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        name = ngx_array_push(*names);
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        *name = ngx_ferrokv_str(&value[i]);

        if (!fkv_rules_token(*name)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid header name \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* condition [soft] [prefix] */

static char *
ngx_http_ferrokv_cache_set_purge(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_ferrokv_cache_conf_t *ccf = conf;

    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_complex_value_t  *cv;

    if (ccf->purge != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "soft") == 0) {
            ccf->purge_soft = 1;

        } else if (ngx_strcmp(value[i].data, "prefix") == 0) {
            ccf->purge_prefix = 1;

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    ccf->purge = ngx_array_create(cf->pool, 1,
                                  sizeof(ngx_http_complex_value_t));
    if (ccf->purge == NULL) {
        return NGX_CONF_ERROR;
    }

    cv = ngx_http_ferrokv_compile(cf, &value[1]);
    if (cv == NULL) {
        return NGX_CONF_ERROR;
    }

    *(ngx_http_complex_value_t *) ngx_array_push(ccf->purge) = *cv;

    return NGX_CONF_OK;
}


/* tags [soft] */

static char *
ngx_http_ferrokv_cache_set_purge_tag(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_ferrokv_cache_conf_t *ccf = conf;

    ngx_str_t  *value;

    if (ccf->purge_tag) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 3) {

        if (ngx_strcmp(value[2].data, "soft") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        ccf->purge_tag_soft = 1;
    }

    ccf->purge_tag = ngx_http_ferrokv_compile(cf, &value[1]);

    return ccf->purge_tag ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* on | off | the name of this cache */

static char *
ngx_http_ferrokv_cache_set_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_ferrokv_cache_conf_t *ccf = conf;

    ngx_str_t  *value;

    if (ccf->status_name.data) {
        return "is duplicate";
    }

    value = cf->args->elts;
    ccf->status_name = value[1];

    if (ngx_strcmp(value[1].data, "off") == 0) {
        ccf->status_name.len = 0;

    } else if (ngx_strcmp(value[1].data, "on") == 0) {
        ngx_str_set(&ccf->status_name, "ferrokv");

    } else if (value[1].len == 0 || value[1].len > 64
               || !fkv_rules_token(ngx_ferrokv_str(&value[1])))
    {
        return "needs \"on\", \"off\", or a name of up to 64 letters";
    }

    return NGX_CONF_OK;
}
