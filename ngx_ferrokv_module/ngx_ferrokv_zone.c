
/*
 * ngx_ferrokv_zone.c - ferrokv_zone, in http and in stream.
 *
 * The entries of a zone are keys like any other: so every face can write them,
 * and a listing shows them together.
 */

#include "ngx_ferrokv_zone.h"
#include "ngx_ferrokv_network.h"


static ngx_int_t
ngx_ferrokv_zone_name(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *name)
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


static ngx_ferrokv_zone_t *
ngx_ferrokv_find_zone(ngx_ferrokv_conf_t *fcf, ngx_str_t *name)
{
    ngx_uint_t            i;
    ngx_ferrokv_zone_t  **zone;

    zone = fcf->zones.elts;

    for (i = 0; i < fcf->zones.nelts; i++) {
        if (zone[i]->name.len == name->len
            && ngx_memcmp(zone[i]->name.data, name->data, name->len) == 0)
        {
            return zone[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_ferrokv_zone_type(ngx_ferrokv_zone_t *zone, ngx_str_t *value)
{
    ngx_uint_t  i;

    static const char  *types[] = { "string", "ip", "prefix" };

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (ngx_strcmp(value->data, types[i]) == 0) {
            zone->type = (ngx_ferrokv_zone_type_e) i;
            return NGX_OK;
        }
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_ferrokv_zone_param(ngx_conf_t *cf, ngx_ferrokv_zone_t *zone,
    ngx_str_t *store, ngx_str_t *arg)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    if (ngx_ferrokv_arg(arg, "store", &value) && value.len) {
        *store = value;
        return NGX_OK;
    }

    if (ngx_ferrokv_arg(arg, "state", &value)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ferrokv_zone\" needs no \"state=\": "
                           "its store is on disk");
        return NGX_ERROR;
    }

    if (ngx_strcmp(arg->data, "sync") == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ferrokv_zone\" has no \"sync\": "
                           "a store is of one machine");
        return NGX_ERROR;
    }

    if (ngx_ferrokv_arg(arg, "timeout", &value)) {
        rc = ngx_ferrokv_parse_ttl(&value, &zone->timeout_ms);

    } else if (ngx_ferrokv_arg(arg, "type", &value)) {
        rc = ngx_ferrokv_zone_type(zone, &value);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" in \"ferrokv_zone\"", arg);
        return NGX_ERROR;
    }

    if (rc != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"ferrokv_zone\"", arg);
    }

    return rc;
}


static ngx_int_t
ngx_ferrokv_add_zone(ngx_conf_t *cf, ngx_ferrokv_zone_t *zone)
{
    ngx_ferrokv_conf_t   *fcf;
    ngx_ferrokv_zone_t  **slot;

    fcf = (ngx_ferrokv_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                              ngx_ferrokv_module);

    if (ngx_ferrokv_find_zone(fcf, &zone->name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ferrokv_zone\" \"%V\" is defined twice; one is "
                           "enough for http and stream", &zone->name);
        return NGX_ERROR;
    }

    zone->prefix.len = zone->name.len + 1;
    zone->prefix.data = ngx_pnalloc(cf->pool, zone->prefix.len);
    if (zone->prefix.data == NULL) {
        return NGX_ERROR;
    }

    *ngx_cpymem(zone->prefix.data, zone->name.data, zone->name.len) = ':';

    slot = ngx_array_push(&fcf->zones);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = zone;

    return NGX_OK;
}


char *
ngx_ferrokv_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t           *value, name, store;
    ngx_uint_t           i;
    ngx_ferrokv_zone_t  *zone;

    value = cf->args->elts;

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_ferrokv_zone_t));
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (!ngx_ferrokv_arg(&value[1], "zone", &name)) {
        name = value[1];
    }

    if (ngx_ferrokv_zone_name(cf, &name, &zone->name) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_str_null(&store);

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_ferrokv_zone_param(cf, zone, &store, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    zone->ref = ngx_ferrokv_store_ref(cf, &store);
    if (zone->ref == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_ferrokv_add_zone(cf, zone) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_ferrokv_zone_ref_t *
ngx_ferrokv_zone_ref(ngx_conf_t *cf, ngx_str_t *value)
{
    ngx_ferrokv_conf_t       *fcf;
    ngx_ferrokv_zone_ref_t   *ref, **slot;

    fcf = (ngx_ferrokv_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                              ngx_ferrokv_module);

    ref = ngx_pcalloc(cf->pool, sizeof(ngx_ferrokv_zone_ref_t));
    if (ref == NULL) {
        return NULL;
    }

    if (ngx_ferrokv_zone_name(cf, value, &ref->name) != NGX_OK) {
        return NULL;
    }

    ref->file = ngx_ferrokv_conf_file(cf);
    ref->line = cf->conf_file->line;

    slot = ngx_array_push(&fcf->zone_refs);
    if (slot == NULL) {
        return NULL;
    }

    *slot = ref;

    return ref;
}


ngx_int_t
ngx_ferrokv_resolve_zones(ngx_cycle_t *cycle, ngx_ferrokv_conf_t *fcf)
{
    ngx_uint_t                i;
    ngx_array_t              *zones;
    ngx_ferrokv_zone_t      **zone, **slot;
    ngx_ferrokv_zone_ref_t  **ref;

    zone = fcf->zones.elts;

    for (i = 0; i < fcf->zones.nelts; i++) {
        zones = &zone[i]->ref->store->zones;

        if (zones->elts == NULL
            && ngx_array_init(zones, cycle->pool, 4, sizeof(void *)) != NGX_OK)
        {
            return NGX_ERROR;
        }

        slot = ngx_array_push(zones);
        if (slot == NULL) {
            return NGX_ERROR;
        }

        *slot = zone[i];
    }

    ref = fcf->zone_refs.elts;

    for (i = 0; i < fcf->zone_refs.nelts; i++) {
        ref[i]->zone = ngx_ferrokv_find_zone(fcf, &ref[i]->name);

        if (ref[i]->zone == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "\"ferrokv\" names the unknown zone \"%V\" "
                          "in %s:%ui", &ref[i]->name, ref[i]->file,
                          ref[i]->line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* The zone that the key lies in, or NULL. */

static ngx_ferrokv_zone_t *
ngx_ferrokv_zone_of(ngx_ferrokv_store_t *store, fkv_str_t key)
{
    ngx_uint_t            i;
    ngx_ferrokv_zone_t  **zone;

    zone = store->zones.elts;

    for (i = 0; i < store->zones.nelts; i++) {
        if (key.len >= zone[i]->prefix.len
            && ngx_memcmp(key.data, zone[i]->prefix.data, zone[i]->prefix.len)
               == 0)
        {
            return zone[i];
        }
    }

    return NULL;
}


uint64_t
ngx_ferrokv_default_ttl(ngx_ferrokv_store_t *store, fkv_str_t key)
{
    ngx_ferrokv_zone_t  *zone;

    zone = ngx_ferrokv_zone_of(store, key);

    return zone ? zone->timeout_ms : 0;
}


ngx_int_t
ngx_ferrokv_check_key(ngx_ferrokv_store_t *store, fkv_str_t key,
    char error[NGX_FERROKV_ZONE_ERROR_BYTES])
{
    u_char                  name[NGX_FERROKV_NETWORK_LEN];
    u_char                  text[NGX_FERROKV_LOG_KEY_SIZE];
    u_char                 *p, *last;
    ngx_str_t               given, right;
    ngx_ferrokv_zone_t     *zone;
    ngx_ferrokv_network_t   network;

    zone = ngx_ferrokv_zone_of(store, key);

    if (zone == NULL || zone->type != NGX_FERROKV_ZONE_IP) {
        return NGX_OK;
    }

    key.data += zone->prefix.len;
    key.len -= zone->prefix.len;

    (void) ngx_ferrokv_log_key(&given, text, key.data, key.len);

    p = (u_char *) error;
    last = p + NGX_FERROKV_ZONE_ERROR_BYTES - 1;

    if (ngx_ferrokv_network_parse(&network, key.data, key.len) != NGX_OK) {
        p = ngx_slprintf(p, last, "\"%V\" is neither an address nor a "
                         "network, as the zone \"%V\" needs", &given,
                         &zone->name);
        *p = '\0';

        return NGX_ERROR;
    }

    right.data = name;
    right.len = ngx_ferrokv_network_name(&network, network.bits, name);

    if (right.len == key.len && ngx_memcmp(name, key.data, key.len) == 0) {
        return NGX_OK;
    }

    p = ngx_slprintf(p, last, "in the zone \"%V\" it is \"%V\", not \"%V\"",
                     &zone->name, &right, &given);
    *p = '\0';

    return NGX_ERROR;
}
