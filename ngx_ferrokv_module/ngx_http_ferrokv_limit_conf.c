
/*
 * ngx_http_ferrokv_limit_conf.c - ferrokv_limit_zone and ferrokv_limit.
 */

#include "ngx_http_ferrokv_limit.h"


static ngx_http_ferrokv_limit_zone_t *ngx_http_ferrokv_find_limit_zone(
    ngx_http_ferrokv_main_conf_t *fmcf, ngx_str_t *name);


/* A name goes as it is into header fields, JSON and metrics. */

static ngx_uint_t
ngx_http_ferrokv_limit_name_char(u_char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
           || (ch >= '0' && ch <= '9')
           || ch == '_' || ch == '-' || ch == '.';
}


/* NAME, or NAME:SIZE as in limit_req_zone; the size means nothing here. */

static ngx_int_t
ngx_http_ferrokv_limit_zone_name(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *name)
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
                               "invalid zone size \"%V\" in "
                               "\"ferrokv_limit_zone\"", value);
            return NGX_ERROR;
        }
    }

    for (i = 0; i < name->len; i++) {
        if (!ngx_http_ferrokv_limit_name_char(name->data[i])) {
            break;
        }
    }

    if (name->len == 0 || i < name->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone name \"%V\" in "
                           "\"ferrokv_limit_zone\", it must be letters, "
                           "digits, \"_\", \"-\" and \".\"", value);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_limit_zone_rate(ngx_conf_t *cf,
    ngx_http_ferrokv_limit_zone_t *zone, ngx_str_t *value)
{
    ngx_http_complex_value_t  *cv;

    cv = ngx_http_ferrokv_compile(cf, value);
    if (cv == NULL) {
        return NGX_ERROR;
    }

    if (cv->lengths) {
        zone->rate_value = cv;
        return NGX_OK;
    }

    return (fkv_rules_limit_parse_rate(ngx_ferrokv_str(value), &zone->rate)
            == FKV_OK)
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_ferrokv_limit_zone_algorithm(ngx_http_ferrokv_limit_zone_t *zone,
    ngx_str_t *value)
{
    if (ngx_strcmp(value->data, "gcra") == 0) {
        zone->algorithm = FKV_RULES_LIMIT_GCRA;

    } else if (ngx_strcmp(value->data, "sliding") == 0) {
        zone->algorithm = FKV_RULES_LIMIT_SLIDING;

    } else if (ngx_strcmp(value->data, "fixed") == 0) {
        zone->algorithm = FKV_RULES_LIMIT_FIXED;

    } else {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_limit_zone_sync(ngx_http_ferrokv_limit_zone_t *zone,
    ngx_str_t *value)
{
    if (ngx_strcmp(value->data, "always") == 0) {
        zone->sync = FKV_SYNC_ALWAYS;

    } else if (ngx_strcmp(value->data, "everysec") == 0) {
        zone->sync = FKV_SYNC_EVERYSEC;

    } else if (ngx_strcmp(value->data, "off") == 0) {
        zone->sync = FKV_SYNC_OFF;

    } else {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_limit_zone_prefix(ngx_http_ferrokv_limit_zone_t *zone,
    ngx_str_t *value)
{
    ngx_int_t  n;

    n = ngx_atoi(value->data, value->len);

    if (n < 1 || n > 128) {
        return NGX_DECLINED;
    }

    zone->ipv6_prefix = n;

    return NGX_OK;
}


/* NGX_DECLINED: its value is none of those that it takes, or no parameter. */

static ngx_int_t
ngx_http_ferrokv_limit_zone_param(ngx_conf_t *cf,
    ngx_http_ferrokv_limit_zone_t *zone, ngx_str_t *store, ngx_str_t *arg)
{
    ngx_str_t  value;

    if (ngx_http_ferrokv_arg(arg, "zone", &value)) {
        return ngx_http_ferrokv_limit_zone_name(cf, &value, &zone->name);
    }

    if (ngx_http_ferrokv_arg(arg, "rate", &value)) {
        return ngx_http_ferrokv_limit_zone_rate(cf, zone, &value);
    }

    if (ngx_http_ferrokv_arg(arg, "store", &value) && value.len) {
        *store = value;
        return NGX_OK;
    }

    if (ngx_http_ferrokv_arg(arg, "algorithm", &value)) {
        return ngx_http_ferrokv_limit_zone_algorithm(zone, &value);
    }

    if (ngx_http_ferrokv_arg(arg, "ipv6_prefix", &value)) {
        return ngx_http_ferrokv_limit_zone_prefix(zone, &value);
    }

    if (ngx_http_ferrokv_arg(arg, "sync", &value)) {
        return ngx_http_ferrokv_limit_zone_sync(zone, &value);
    }

    return NGX_DECLINED;
}


static char *
ngx_http_ferrokv_limit_zone_check(ngx_conf_t *cf,
    ngx_http_ferrokv_main_conf_t *fmcf, ngx_http_ferrokv_limit_zone_t *zone)
{
    if (zone->name.len == 0) {
        return "has no \"zone=\"";
    }

    if (zone->rate.count == 0 && zone->rate_value == NULL) {
        return "has no \"rate=\"";
    }

    if (ngx_http_ferrokv_find_limit_zone(fmcf, &zone->name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ferrokv_limit_zone\" \"%V\" is defined twice",
                           &zone->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* ferrokv_limit_zone KEY zone=NAME rate=RATE [PARAMETER]... */

char *
ngx_http_ferrokv_limit_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ferrokv_main_conf_t *fmcf = conf;

    char                            *rv;
    ngx_int_t                        rc;
    ngx_str_t                       *value, store;
    ngx_uint_t                       i;
    ngx_http_ferrokv_limit_zone_t   *zone, **slot;

    value = cf->args->elts;

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_ferrokv_limit_zone_t));
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->algorithm = FKV_RULES_LIMIT_GCRA;
    zone->sync = FKV_SYNC_EVERYSEC;
    zone->ipv6_prefix = 128;

    zone->key = ngx_http_ferrokv_compile(cf, &value[1]);
    if (zone->key == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->binary = (ngx_strcmp(value[1].data, "$binary_remote_addr") == 0);

    ngx_str_null(&store);

    for (i = 2; i < cf->args->nelts; i++) {
        rc = ngx_http_ferrokv_limit_zone_param(cf, zone, &store, &value[i]);

        if (rc == NGX_DECLINED) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in "
                               "\"ferrokv_limit_zone\"", &value[i]);
        }

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    rv = ngx_http_ferrokv_limit_zone_check(cf, fmcf, zone);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    zone->ref = ngx_ferrokv_store_ref(cf, &store);
    slot = ngx_array_push(&fmcf->limit_zones);

    if (zone->ref == NULL || slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = zone;

    return ngx_http_ferrokv_limit_count(cf, fmcf);
}


static ngx_int_t
ngx_http_ferrokv_limit_param_number(ngx_conf_t *cf, ngx_str_t *value,
    uint64_t max, ngx_http_ferrokv_limit_number_t *number)
{
    ngx_http_complex_value_t  *cv;

    cv = ngx_http_ferrokv_compile(cf, value);
    if (cv == NULL) {
        return NGX_ERROR;
    }

    if (cv->lengths) {
        number->value = cv;
        return NGX_OK;
    }

    return (fkv_rules_limit_parse_number(ngx_ferrokv_str(value), max,
                                         &number->number)
            == FKV_OK)
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_ferrokv_limit_phase(ngx_http_ferrokv_limit_t *limit,
    ngx_str_t *value)
{
    if (ngx_strcmp(value->data, "access") == 0) {
        limit->phase = NGX_HTTP_FERROKV_LIMIT_ACCESS;

    } else if (ngx_strcmp(value->data, "miss") == 0) {
        limit->phase = NGX_HTTP_FERROKV_LIMIT_MISS;

    } else if (ngx_strcmp(value->data, "log") == 0) {
        limit->phase = NGX_HTTP_FERROKV_LIMIT_LOG;

    } else {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* NGX_DECLINED: its value is none of those that it takes, or no parameter. */

static ngx_int_t
ngx_http_ferrokv_limit_param(ngx_conf_t *cf, ngx_http_ferrokv_limit_t *limit,
    ngx_str_t *arg)
{
    ngx_str_t  value;

    if (ngx_strcmp(arg->data, "nodelay") == 0) {
        limit->delay = FKV_RULES_LIMIT_NEVER;
        return NGX_OK;
    }

    if (ngx_http_ferrokv_arg(arg, "zone", &value)) {
        limit->zone_name = value;
        return NGX_OK;
    }

    if (ngx_http_ferrokv_arg(arg, "burst", &value)) {
        return ngx_http_ferrokv_limit_param_number(cf, &value,
                                                   FKV_RULES_LIMIT_BURST_MAX,
                                                   &limit->burst);
    }

    if (ngx_http_ferrokv_arg(arg, "cost", &value)) {
        return ngx_http_ferrokv_limit_param_number(cf, &value,
                                                   FKV_RULES_LIMIT_COST_MAX,
                                                   &limit->cost);
    }

    if (ngx_http_ferrokv_arg(arg, "delay", &value)) {
        return (fkv_rules_limit_parse_number(ngx_ferrokv_str(&value),
                                             FKV_RULES_LIMIT_BURST_MAX,
                                             &limit->delay)
                == FKV_OK)
               ? NGX_OK : NGX_DECLINED;
    }

    if (ngx_http_ferrokv_arg(arg, "if", &value)) {
        limit->filter = ngx_http_ferrokv_compile(cf, &value);
        return limit->filter ? NGX_OK : NGX_ERROR;
    }

    if (ngx_http_ferrokv_arg(arg, "phase", &value)) {
        return ngx_http_ferrokv_limit_phase(limit, &value);
    }

    return NGX_DECLINED;
}


/* Two of one zone would be charged to the same key. */

static ngx_int_t
ngx_http_ferrokv_add_limit(ngx_conf_t *cf,
    ngx_http_ferrokv_main_conf_t *fmcf, ngx_http_ferrokv_limit_conf_t *lcf,
    ngx_http_ferrokv_limit_t *limit)
{
    ngx_uint_t                  i;
    ngx_http_ferrokv_limit_t  **other;

    if (lcf->limits == NULL) {
        lcf->limits = ngx_array_create(cf->pool, 2, sizeof(void *));
        if (lcf->limits == NULL) {
            return NGX_ERROR;
        }
    }

    other = lcf->limits->elts;

    for (i = 0; i < lcf->limits->nelts; i++) {

        if (other[i]->zone_name.len == limit->zone_name.len
            && ngx_memcmp(other[i]->zone_name.data, limit->zone_name.data,
                          limit->zone_name.len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate \"ferrokv_limit\" of zone \"%V\"",
                               &limit->zone_name);
            return NGX_ERROR;
        }
    }

    other = ngx_array_push(lcf->limits);
    if (other == NULL) {
        return NGX_ERROR;
    }

    *other = limit;

    other = ngx_array_push(&fmcf->limits);
    if (other == NULL) {
        return NGX_ERROR;
    }

    *other = limit;

    return NGX_OK;
}


/* ferrokv_limit zone=NAME [PARAMETER]... */

char *
ngx_http_ferrokv_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ferrokv_loc_conf_t *flcf = conf;

    ngx_int_t                      rc;
    ngx_str_t                     *value;
    ngx_uint_t                     i;
    ngx_http_ferrokv_limit_t      *limit;
    ngx_http_ferrokv_main_conf_t  *fmcf;

    fmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_ferrokv_module);
    value = cf->args->elts;

    limit = ngx_pcalloc(cf->pool, sizeof(ngx_http_ferrokv_limit_t));
    if (limit == NULL) {
        return NGX_CONF_ERROR;
    }

    limit->phase = NGX_HTTP_FERROKV_LIMIT_ACCESS;
    limit->cost.number = 1;
    limit->file = cf->conf_file->file.name.data;
    limit->line = cf->conf_file->line;

    for (i = 1; i < cf->args->nelts; i++) {
        rc = ngx_http_ferrokv_limit_param(cf, limit, &value[i]);

        if (rc == NGX_DECLINED) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in "
                               "\"ferrokv_limit\"", &value[i]);
        }

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (limit->zone_name.len == 0) {
        return "has no \"zone=\"";
    }

    if (ngx_http_ferrokv_add_limit(cf, fmcf, &flcf->limit, limit) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* nginx's own handlers do not name the directive. */

static char *
ngx_http_ferrokv_limit_invalid(ngx_conf_t *cf, const char *why)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"%V\"%s", &value[1],
                       &value[0], why);

    return NGX_CONF_ERROR;
}


char *
ngx_http_ferrokv_limit_status_code(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_ferrokv_loc_conf_t *flcf = conf;

    ngx_int_t   status;
    ngx_str_t  *value;

    if (flcf->limit.status != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    status = ngx_atoi(value[1].data, value[1].len);

    if (status < 400 || status > 599) {
        return ngx_http_ferrokv_limit_invalid(cf,
                                        ", it must be between 400 and 599");
    }

    flcf->limit.status = status;

    return NGX_CONF_OK;
}


/* cmd->post is an array of ngx_conf_enum_t. */

char *
ngx_http_ferrokv_limit_word(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t        *value;
    ngx_uint_t       *field;
    ngx_conf_enum_t  *e;

    field = (ngx_uint_t *) ((u_char *) conf + cmd->offset);
    value = cf->args->elts;

    if (*field != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    for (e = cmd->post; e->name.len; e++) {

        if (e->name.len == value[1].len
            && ngx_strcmp(e->name.data, value[1].data) == 0)
        {
            *field = e->value;
            return NGX_CONF_OK;
        }
    }

    return ngx_http_ferrokv_limit_invalid(cf, "");
}


static ngx_http_ferrokv_limit_zone_t *
ngx_http_ferrokv_find_limit_zone(ngx_http_ferrokv_main_conf_t *fmcf,
    ngx_str_t *name)
{
    ngx_uint_t                       i;
    ngx_http_ferrokv_limit_zone_t  **zone;

    zone = fmcf->limit_zones.elts;

    for (i = 0; i < fmcf->limit_zones.nelts; i++) {
        if (zone[i]->name.len == name->len
            && ngx_memcmp(zone[i]->name.data, name->data, name->len) == 0)
        {
            return zone[i];
        }
    }

    return NULL;
}


char *
ngx_http_ferrokv_resolve_limits(ngx_conf_t *cf, void *conf)
{
    ngx_http_ferrokv_main_conf_t  *fmcf = conf;

    ngx_uint_t                  i;
    ngx_http_ferrokv_limit_t  **limit;

    limit = fmcf->limits.elts;

    for (i = 0; i < fmcf->limits.nelts; i++) {
        limit[i]->zone = ngx_http_ferrokv_find_limit_zone(fmcf,
                                                       &limit[i]->zone_name);

        if (limit[i]->zone == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"ferrokv_limit\" names the unknown zone \"%V\" "
                          "in %s:%ui", &limit[i]->zone_name, limit[i]->file,
                          limit[i]->line);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* One update cannot span stores, and only one update is all or nothing. */

static ngx_int_t
ngx_http_ferrokv_check_limit_stores(ngx_conf_t *cf, ngx_array_t *limits)
{
    ngx_str_t                  *first, *name;
    ngx_uint_t                  i;
    ngx_http_ferrokv_limit_t  **limit;

    limit = limits->elts;
    first = &limit[0]->zone->ref->name;

    for (i = 1; i < limits->nelts; i++) {
        name = &limit[i]->zone->ref->name;

        /* who names none means the only one there is */

        if (name->len && first->len
            && (name->len != first->len
                || ngx_memcmp(name->data, first->data, first->len) != 0))
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"ferrokv_limit\" of zones \"%V\" and \"%V\" stand "
                          "together, but are in different stores, in %s:%ui",
                          &limit[0]->zone->name, &limit[i]->zone->name,
                          limit[i]->file, limit[i]->line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void
ngx_http_ferrokv_init_limits(ngx_http_ferrokv_limit_conf_t *lcf)
{
    lcf->status = NGX_CONF_UNSET_UINT;
    lcf->dry_run = NGX_CONF_UNSET;
    lcf->log_level = NGX_CONF_UNSET_UINT;
    lcf->headers = NGX_CONF_UNSET_UINT;
    lcf->body = NGX_CONF_UNSET_UINT;
    lcf->on_error = NGX_CONF_UNSET_UINT;
}


char *
ngx_http_ferrokv_merge_limits(ngx_conf_t *cf,
    ngx_http_ferrokv_limit_conf_t *prev, ngx_http_ferrokv_limit_conf_t *conf)
{
    if (conf->limits == NULL) {
        conf->limits = prev->limits;

    } else if (ngx_http_ferrokv_check_limit_stores(cf, conf->limits)
               != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_conf_merge_uint_value(conf->status, prev->status,
                              NGX_HTTP_TOO_MANY_REQUESTS);
    ngx_conf_merge_value(conf->dry_run, prev->dry_run, 0);
    ngx_conf_merge_uint_value(conf->log_level, prev->log_level, NGX_LOG_ERR);
    ngx_conf_merge_uint_value(conf->headers, prev->headers,
                              NGX_HTTP_FERROKV_LIMIT_DRAFT);
    ngx_conf_merge_uint_value(conf->body, prev->body,
                              NGX_HTTP_FERROKV_LIMIT_NONE);
    ngx_conf_merge_uint_value(conf->on_error, prev->on_error,
                              NGX_HTTP_FERROKV_LIMIT_ALLOW);

    return NGX_CONF_OK;
}
