
/*
 * ngx_http_ferrokv_status_extensions.c - extensions of a store in the status:
 * what FERROKV.EXTENSION LIST says, as this process has read it last, HOOKS and
 * INFO, and figures for Prometheus.
 */

#include "ngx_http_ferrokv.h"
#include "ngx_ferrokv_json.h"
#include "extensions/host.h"
#include "extensions/manage.h"
#include "extensions/set.h"


/* Of one line, or of the two in front of a metric's: its fixed words. */
#define NGX_HTTP_FERROKV_EXTENSION_SIZE  512


typedef struct {
    const char                *name;
    const char                *type;
    const char                *text;
    size_t                     offset;
    size_t                     size;
} ngx_http_ferrokv_extension_figure_t;


#define ngx_http_ferrokv_extension_figure(field, name, type, text)            \
    { name, type, text, offsetof(fkv_shared_state_t, field),                  \
      sizeof(((fkv_shared_state_t *) 0)->field) }

static ngx_http_ferrokv_extension_figure_t  ngx_http_ferrokv_ext_sums[] = {
    ngx_http_ferrokv_extension_figure(crashes, "crashes_total", "counter",
                                      "processes that died in it"),
    ngx_http_ferrokv_extension_figure(aside, "values_aside", "gauge",
                                      "values it has died of twice"),
    ngx_http_ferrokv_extension_figure(slow, "slow_calls_total", "counter",
                                      "calls that held up others too long"),
    ngx_http_ferrokv_extension_figure(kept, "memory_bytes", "gauge",
                                      "what it keeps in all processes"),
    ngx_http_ferrokv_extension_figure(quarantined, "quarantined", "gauge",
                                      "1: it has crashed too often"),
    { NULL, NULL, NULL, 0, 0 }
};


static void ngx_http_ferrokv_status_value(ngx_ferrokv_json_t *json,
    fkv_reply_t *reply, size_t *at);


static void
ngx_http_ferrokv_status_members(ngx_ferrokv_json_t *json, fkv_reply_t *reply,
    size_t *at, ngx_uint_t n, ngx_uint_t map)
{
    ngx_uint_t  i;

    ngx_ferrokv_json_raw(json, map ? "{" : "[", 1);

    for (i = 0; i < n; i++) {

        if (i) {
            ngx_ferrokv_json_text(json, ",");
        }

        if (map) {
            ngx_http_ferrokv_status_value(json, reply, at);
            ngx_ferrokv_json_text(json, ":");
        }

        ngx_http_ferrokv_status_value(json, reply, at);
    }

    ngx_ferrokv_json_raw(json, map ? "}" : "]", 1);
}


/* As deep as a description is. */

static void
ngx_http_ferrokv_status_value(ngx_ferrokv_json_t *json, fkv_reply_t *reply,
    size_t *at)
{
    fkv_reply_token_t  token;

    if (fkv_reply_next(reply, at, &token) != FKV_OK) {
        json->failed = 1;
        return;
    }

    switch (token.type) {

    case FKV_REPLY_INT:
        if (token.n < 0) {
            ngx_ferrokv_json_text(json, "-");
            token.n = -token.n;
        }

        ngx_ferrokv_json_uint(json, (uint64_t) token.n);
        return;

    case FKV_REPLY_STR:
        ngx_ferrokv_json_string(json, token.str.data, token.str.len);
        return;

    case FKV_REPLY_ARRAY:
    case FKV_REPLY_MAP:
        ngx_http_ferrokv_status_members(json, reply, at, token.n,
                                        token.type == FKV_REPLY_MAP);
        return;

    default: /* FKV_REPLY_NULL */
        ngx_ferrokv_json_text(json, "null");
    }
}


/* Of the reply, which is taken. */
static ngx_int_t
ngx_http_ferrokv_extensions_render(ngx_pool_t *pool, fkv_reply_t *reply,
    ngx_str_t *text)
{
    size_t              at;
    ngx_ferrokv_json_t  json;

    at = 0;
    ngx_ferrokv_json_init(&json, pool, 1024);

    if (reply->rc != FKV_OK) {
        json.failed = 1;

    } else {
        ngx_http_ferrokv_status_value(&json, reply, &at);
    }

    fkv_reply_done(reply);

    text->data = json.start;
    text->len = ngx_ferrokv_json_size(&json);

    return json.failed ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_extensions_status(ngx_pool_t *pool,
    ngx_ferrokv_store_t *store, ngx_str_t *text)
{
    fkv_reply_t     reply;
    fkv_catalog_t  *catalog;

    ngx_str_set(text, "[]");

    catalog = fkv_catalog_of(store->fkv);
    if (catalog == NULL) {
        return NGX_OK;
    }

    ngx_memzero(&reply, sizeof(fkv_reply_t));
    fkv_manage_list(&reply, catalog);

    return ngx_http_ferrokv_extensions_render(pool, &reply, text);
}


ngx_int_t
ngx_http_ferrokv_hooks_status(ngx_pool_t *pool, ngx_ferrokv_store_t *store,
    ngx_str_t *text)
{
    fkv_reply_t  reply;

    ngx_memzero(&reply, sizeof(fkv_reply_t));
    fkv_manage_hooks(&reply, store->fkv);

    return ngx_http_ferrokv_extensions_render(pool, &reply, text);
}


ngx_int_t
ngx_http_ferrokv_extensions_status_text(ngx_pool_t *pool,
    ngx_ferrokv_store_t *store, ngx_str_t *text)
{
    u_char      *p;
    ngx_int_t    rc;
    fkv_text_t   lines;

    ngx_memzero(&lines, sizeof(fkv_text_t));
    fkv_manage_modules(&lines, store->fkv, "\n");

    rc = NGX_ERROR;
    p = (lines.rc == FKV_OK) ? ngx_pnalloc(pool, lines.buf.len + 1) : NULL;

    if (p) {
        ngx_memcpy(p, lines.buf.data, lines.buf.len);
        text->data = p;
        text->len = lines.buf.len;
        rc = NGX_OK;
    }

    fkv_text_done(&lines);

    return rc;
}


static fkv_extensions_t *
ngx_http_ferrokv_extensions(void)
{
    ngx_ferrokv_conf_t  *fcf;

    fcf = (ngx_ferrokv_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                              ngx_ferrokv_module);

    return fcf->extensions;
}


size_t
ngx_http_ferrokv_extensions_status_size(ngx_ferrokv_store_t *store)
{
    size_t             lines;
    ngx_uint_t         i;
    fkv_extensions_t  *set;

    set = ngx_http_ferrokv_extensions();
    lines = 4;

    for (i = 0; i < set->n; i++) {
        lines += 4 + 2 * set->list[i]->metrics_n;
    }

    return lines * (NGX_HTTP_FERROKV_EXTENSION_SIZE + store->name.len);
}


static uint64_t
ngx_http_ferrokv_extension_value(fkv_shared_state_t *state,
    ngx_http_ferrokv_extension_figure_t *f)
{
    u_char  *p;

    p = (u_char *) state + f->offset;

    return (f->size == sizeof(bool)) ? *(bool *) p : *(uint64_t *) p;
}


static u_char *
ngx_http_ferrokv_extension_sum(u_char *p, u_char *end,
    ngx_ferrokv_store_t **store, ngx_uint_t n,
    ngx_http_ferrokv_extension_figure_t *f)
{
    ngx_uint_t           i, k;
    fkv_extensions_t    *set;
    fkv_shared_state_t   state;

    set = ngx_http_ferrokv_extensions();

    p = ngx_slprintf(p, end, "# HELP ferrokv_extension_%s %s\n"
                             "# TYPE ferrokv_extension_%s %s\n",
                     f->name, f->text, f->name, f->type);

    for (i = 0; i < n; i++) {
        for (k = 0; k < set->n; k++) {

            if (!fkv_host_figures(set->list[k], store[i]->fkv, &state)) {
                continue;
            }

            p = ngx_slprintf(p, end, "ferrokv_extension_%s{store=\"%V\","
                                     "extension=\"%s\"} %uL\n",
                             f->name, &store[i]->name, set->list[k]->name,
                             ngx_http_ferrokv_extension_value(&state, f));
        }
    }

    return p;
}


static u_char *
ngx_http_ferrokv_extension_metric(u_char *p, u_char *end,
    ngx_ferrokv_store_t **store, ngx_uint_t n, fkv_extension_t *extension,
    ngx_uint_t k)
{
    char                  name[FKV_EXTENSION_METRIC_BYTES];
    ngx_uint_t            i;
    ferrokv_metric       *metric;
    fkv_shared_figure_t   figure;

    metric = &extension->metrics[k];

    fkv_extension_metric_name(name, metric->name, metric->gauge);

    p = ngx_slprintf(p, end, "# HELP ferrokv_ext_%s a figure of extension "
                             "\"%s\"\n# TYPE ferrokv_ext_%s %s\n",
                     name, extension->name, name,
                     metric->gauge ? "gauge" : "counter");

    for (i = 0; i < n; i++) {

        if (!fkv_host_metric(extension, store[i]->fkv, k, &figure)) {
            continue;
        }

        p = ngx_slprintf(p, end, "ferrokv_ext_%s{store=\"%V\"} %L\n",
                         name, &store[i]->name, figure.value);
    }

    return p;
}


u_char *
ngx_http_ferrokv_extensions_status_prometheus(u_char *p, u_char *end,
    ngx_ferrokv_store_t **store, ngx_uint_t n)
{
    ngx_uint_t                            i, k;
    fkv_extensions_t                     *set;
    ngx_http_ferrokv_extension_figure_t  *f;

    set = ngx_http_ferrokv_extensions();

    if (set->n == 0) {
        return p;
    }

    for (f = ngx_http_ferrokv_ext_sums; f->name; f++) {
        p = ngx_http_ferrokv_extension_sum(p, end, store, n, f);
    }

    for (i = 0; i < set->n; i++) {
        for (k = 0; k < set->list[i]->metrics_n; k++) {
            p = ngx_http_ferrokv_extension_metric(p, end, store, n,
                                                  set->list[i], k);
        }
    }

    return p;
}
