
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
