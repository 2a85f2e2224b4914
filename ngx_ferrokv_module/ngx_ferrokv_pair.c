
/*
 * ngx_ferrokv_pair.c - "ferrokv KEY $VAR zone=NAME", in http and in stream.
 */

#include "ngx_ferrokv_pair.h"


static ngx_str_t  ngx_ferrokv_pair_name = ngx_string("ferrokv");


static ngx_int_t
ngx_ferrokv_pair_param(ngx_conf_t *cf, ngx_ferrokv_pair_t *pair,
    ngx_str_t *arg)
{
    ngx_str_t  value;

    if (ngx_ferrokv_arg(arg, "zone", &value)) {
        pair->ref = ngx_ferrokv_zone_ref(cf, &value);
        return pair->ref ? NGX_OK : NGX_ERROR;
    }

    if (ngx_ferrokv_arg(arg, "default", &value)) {
        pair->fallback = pair->face->compile(cf, &value);
        return pair->fallback ? NGX_OK : NGX_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"ferrokv\"", arg);

    return NGX_ERROR;
}


/* ferrokv KEY $VAR zone=NAME [default=VALUE] */

ngx_ferrokv_pair_t *
ngx_ferrokv_parse_pair(ngx_conf_t *cf, ngx_ferrokv_face_t *face)
{
    ngx_str_t           *value;
    ngx_uint_t           i;
    ngx_ferrokv_pair_t  *pair;

    value = cf->args->elts;

    pair = ngx_pcalloc(cf->pool, sizeof(ngx_ferrokv_pair_t));
    if (pair == NULL) {
        return NULL;
    }

    pair->face = face;
    pair->index = NGX_FERROKV_PAIR_UNUSED;

    if (value[2].len < 2 || value[2].data[0] != '$') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid variable name \"%V\"", &value[2]);
        return NULL;
    }

    pair->variable.len = value[2].len - 1;
    pair->variable.data = value[2].data + 1;

    pair->key = face->compile(cf, &value[1]);
    if (pair->key == NULL) {
        return NULL;
    }

    for (i = 3; i < cf->args->nelts; i++) {
        if (ngx_ferrokv_pair_param(cf, pair, &value[i]) != NGX_OK) {
            return NULL;
        }
    }

    if (pair->ref == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ferrokv\" \"%V\" has no \"zone=\"", &value[2]);
        return NULL;
    }

    return pair;
}


ngx_uint_t
ngx_ferrokv_has_module(ngx_cycle_t *cycle, const char **names)
{
    ngx_uint_t    i;
    const char  **name;

    for (i = 0; cycle->modules[i]; i++) {
        for (name = names; *name; name++) {
            if (ngx_strcmp(cycle->modules[i]->name, *name) == 0) {
                return 1;
            }
        }
    }

    return 0;
}


static ngx_ferrokv_pair_t *
ngx_ferrokv_load_current(ngx_ferrokv_load_t *load)
{
    ngx_ferrokv_pair_t  **pair;

    pair = load->pairs->elts;

    for ( /* void */ ; load->at < load->pairs->nelts; load->at++) {

        if (pair[load->at]->index != NGX_FERROKV_PAIR_UNUSED
            && pair[load->at]->stage == load->stage)
        {
            return pair[load->at];
        }
    }

    return NULL;
}


/* After a failure the variable is empty; the default is for absent keys. */

static void
ngx_ferrokv_load_finish(ngx_ferrokv_load_t *load, ngx_ferrokv_pair_t *pair,
    int rc)
{
    ngx_str_t              value;
    ngx_ferrokv_lookup_t  *lookup;

    load->at++;
    lookup = &load->lookup;

    if (rc == FKV_OK) {
        pair->face->set(load->of, pair->index, lookup->value.data,
                        lookup->value.len);
        return;
    }

    if (rc != FKV_NOTFOUND) {
        ngx_ferrokv_log_failure(pair->face->connection(load->of)->log,
                                &ngx_ferrokv_pair_name,
                                lookup->zone->ref->store, lookup->name, rc);
        return;
    }

    if (pair->fallback
        && pair->face->eval(load->of, pair->fallback, &value) == NGX_OK)
    {
        pair->face->set(load->of, pair->index, value.data, value.len);
    }
}


static void
ngx_ferrokv_load_done(ngx_ferrokv_lookup_t *lookup, int rc)
{
    ngx_ferrokv_load_t  *load;

    load = lookup->data;

    ngx_ferrokv_load_finish(load, ngx_ferrokv_load_current(load), rc);

    load->on_done(load);
}


ngx_int_t
ngx_ferrokv_load(ngx_ferrokv_load_t *load)
{
    int                    rc;
    ngx_ferrokv_pair_t    *pair;
    ngx_ferrokv_lookup_t  *lookup;

    lookup = &load->lookup;

    while ((pair = ngx_ferrokv_load_current(load)) != NULL) {

        ngx_memzero(lookup, sizeof(ngx_ferrokv_lookup_t));

        if (pair->face->eval(load->of, pair->key, &lookup->key) != NGX_OK) {
            return NGX_ERROR;
        }

        lookup->pool = pair->face->pool(load->of);
        lookup->zone = pair->ref->zone;
        lookup->on_done = ngx_ferrokv_load_done;
        lookup->data = load;

        rc = ngx_ferrokv_lookup(lookup);

        if (rc == FKV_AGAIN) {
            return NGX_AGAIN;
        }

        ngx_ferrokv_load_finish(load, pair, rc);
    }

    return NGX_OK;
}
