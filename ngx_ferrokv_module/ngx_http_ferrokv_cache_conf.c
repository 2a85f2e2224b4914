
/*
 * What the cache's directives mean: their values, and how locations take them
 * over from what surrounds them.
 */

#include "ngx_http_ferrokv_cache.h"


void *
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


char *
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


char *
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


char *
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


char *
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

char *
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

char *
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

char *
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

char *
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

char *
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
