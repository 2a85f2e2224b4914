
/*
 * ngx_http_ferrokv_zone.c - ferrokv_zone.
 *
 * A zone NAME is the keys of a store that begin with "NAME:", nothing else: so
 * every face can write its entries, and a listing shows them together.  No
 * name holds a colon, so no zone lies in another one.
 */

#include "ngx_http_ferrokv_zone.h"


ngx_int_t
ngx_http_ferrokv_zone_name(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *name)
{
    u_char     *p;
    size_t      i;
    ngx_str_t   size;

    *name = *value;

    p = ngx_strlchr(value->data, value->data + value->len, ':');

    if (p) {
        name->len = p - value->data;

        size.data = p + 1;
        size.len = value->data + value->len - size.data;

        if (ngx_parse_size(&size) == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid zone size \"%V\"", value);
            return NGX_ERROR;
        }
    }

    for (i = 0; i < name->len; i++) {
        if (name->data[i] <= ' ' || name->data[i] == '=') {
            break;
        }
    }

    if (name->len == 0 || i < name->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone name \"%V\"", value);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_http_ferrokv_zone_t *
ngx_http_ferrokv_find_zone(ngx_http_ferrokv_main_conf_t *fmcf, ngx_str_t *name)
{
    ngx_uint_t                 i;
    ngx_http_ferrokv_zone_t  **zone;

    zone = fmcf->zones.elts;

    for (i = 0; i < fmcf->zones.nelts; i++) {
        if (zone[i]->name.len == name->len
            && ngx_memcmp(zone[i]->name.data, name->data, name->len) == 0)
        {
            return zone[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_ferrokv_zone_param(ngx_conf_t *cf, ngx_http_ferrokv_zone_t *zone,
    ngx_str_t *store, ngx_str_t *arg)
{
    ngx_str_t  value;

    if (ngx_http_ferrokv_arg(arg, "store", &value) && value.len) {
        *store = value;
        return NGX_OK;
    }

    if (ngx_http_ferrokv_arg(arg, "timeout", &value)) {

        if (ngx_ferrokv_parse_ttl(&value, &zone->timeout_ms) == NGX_OK) {
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"ferrokv_zone\"", arg);
        return NGX_ERROR;
    }

    if (ngx_strcmp(arg->data, "type=string") == 0) {
        return NGX_OK;
    }

    if (ngx_strcmp(arg->data, "type=ip") == 0
        || ngx_strcmp(arg->data, "type=prefix") == 0
        || ngx_strcmp(arg->data, "sync") == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "parameter \"%V\" of \"ferrokv_zone\" "
                           "is not supported yet", arg);
        return NGX_ERROR;
    }

    if (ngx_http_ferrokv_arg(arg, "state", &value)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ferrokv_zone\" needs no \"state=\": "
                           "its store is on disk");
        return NGX_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"ferrokv_zone\"", arg);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_ferrokv_add_zone(ngx_conf_t *cf, ngx_http_ferrokv_main_conf_t *fmcf,
    ngx_http_ferrokv_zone_t *zone)
{
    ngx_http_ferrokv_zone_t  **slot;

    if (ngx_http_ferrokv_find_zone(fmcf, &zone->name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ferrokv_zone\" \"%V\" is defined twice",
                           &zone->name);
        return NGX_ERROR;
    }

    zone->prefix.len = zone->name.len + 1;
    zone->prefix.data = ngx_pnalloc(cf->pool, zone->prefix.len);
    if (zone->prefix.data == NULL) {
        return NGX_ERROR;
    }

    *ngx_cpymem(zone->prefix.data, zone->name.data, zone->name.len) = ':';

    slot = ngx_array_push(&fmcf->zones);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = zone;

    fmcf->timeouts |= (zone->timeout_ms != 0);

    return NGX_OK;
}


char *
ngx_http_ferrokv_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                *value, name, store;
    ngx_uint_t                i;
    ngx_http_ferrokv_zone_t  *zone;

    value = cf->args->elts;

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_ferrokv_zone_t));
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (!ngx_http_ferrokv_arg(&value[1], "zone", &name)) {
        name = value[1];
    }

    if (ngx_http_ferrokv_zone_name(cf, &name, &zone->name) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_str_null(&store);

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_ferrokv_zone_param(cf, zone, &store, &value[i]) != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    zone->ref = ngx_ferrokv_store_ref(cf, &store);
    if (zone->ref == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_ferrokv_add_zone(cf, conf, zone) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


uint64_t
ngx_http_ferrokv_default_ttl(ngx_http_request_t *r, ngx_ferrokv_store_t *store,
    fkv_str_t key)
{
    ngx_uint_t                      i;
    ngx_http_ferrokv_zone_t       **zone;
    ngx_http_ferrokv_main_conf_t   *fmcf;

    fmcf = ngx_http_get_module_main_conf(r, ngx_http_ferrokv_module);

    if (!fmcf->timeouts) {
        return 0;
    }

    zone = fmcf->zones.elts;

    for (i = 0; i < fmcf->zones.nelts; i++) {
        if (zone[i]->ref->store == store
            && key.len >= zone[i]->prefix.len
            && ngx_memcmp(key.data, zone[i]->prefix.data, zone[i]->prefix.len)
               == 0)
        {
            return zone[i]->timeout_ms;
        }
    }

    return 0;
}
