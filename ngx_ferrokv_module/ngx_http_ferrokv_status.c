
/*
 * ngx_http_ferrokv_status.c - ferrokv_status: the figures of every store, for
 * programs (json, prometheus) and for people (text).
 *
 * Everything is printed into one buffer whose size is reckoned beforehand;
 * printing stops at its end, never behind it.
 */

#include "ngx_http_ferrokv.h"


/* More than all names, texts and numbers of one store take. */
#define NGX_HTTP_FERROKV_STATUS_SIZE  32768

#define NGX_HTTP_FERROKV_LEVELS       8


typedef enum {
    NGX_HTTP_FERROKV_JSON = 1,
    NGX_HTTP_FERROKV_PROMETHEUS,
    NGX_HTTP_FERROKV_TEXT
} ngx_http_ferrokv_format_e;


/* What extensions of a store say of themselves. */
typedef struct {
    ngx_str_t                     list;     /* JSON */
    ngx_str_t                     hooks;
    ngx_str_t                     text;
} ngx_http_ferrokv_status_ext_t;


typedef struct {
    u_char                         *pos;
    u_char                         *last;
    u_char                         *end;

    ngx_http_ferrokv_main_conf_t   *fmcf;

    ngx_uint_t                      n;      /* of stores */
    ngx_ferrokv_store_t           **store;
    fkv_stats_t                    *stats;
    ngx_http_ferrokv_status_ext_t  *extensions;
} ngx_http_ferrokv_status_t;


/* A figure that is no counter. */
typedef struct {
    const char                   *name;     /* in JSON and in text */
    const char                   *metric;   /* in Prometheus */
    const char                   *text;
    size_t                        offset;
    size_t                        size;
} ngx_http_ferrokv_gauge_t;


#define ngx_http_ferrokv_gauge(field, metric, text)                           \
    { #field, metric, text, offsetof(fkv_stats_t, field),                     \
      sizeof(((fkv_stats_t *) 0)->field) }


static ngx_http_ferrokv_gauge_t  ngx_http_ferrokv_counters[] = {
#define ngx_http_ferrokv_counter(name, text)                                  \
    ngx_http_ferrokv_gauge(name, #name "_total", text),

    FKV_STAT_COUNTERS(ngx_http_ferrokv_counter)

    { NULL, NULL, NULL, 0, 0 }
};


static ngx_http_ferrokv_gauge_t  ngx_http_ferrokv_gauges[] = {
    ngx_http_ferrokv_gauge(keys_estimated, "keys_estimated",
                           "keys, estimated: of tables and of memtables"),
    ngx_http_ferrokv_gauge(memory, "memory_bytes",
                           "bytes of the shared segment"),
    ngx_http_ferrokv_gauge(memory_arenas, "memory_arenas_bytes",
                           "bytes of the segment that are arenas"),
    ngx_http_ferrokv_gauge(memory_used, "memory_used_bytes",
                           "bytes of the arenas that hold records and nodes"),
    ngx_http_ferrokv_gauge(memory_cache, "memory_cache_bytes",
                           "bytes of the segment that cache table blocks"),
    ngx_http_ferrokv_gauge(memory_cache_used, "memory_cache_used_bytes",
                           "bytes of the cache that hold blocks"),
    ngx_http_ferrokv_gauge(memory_meta, "memory_meta_bytes",
                           "bytes of everything else in the segment"),
    ngx_http_ferrokv_gauge(memory_private, "memory_private_bytes",
                           "bytes the engine has allocated in this process"),
    ngx_http_ferrokv_gauge(arenas, "arenas", "arenas"),
    ngx_http_ferrokv_gauge(arenas_free, "arenas_free", "arenas that are free"),
    ngx_http_ferrokv_gauge(arenas_sealed, "arenas_sealed",
                           "arenas that wait for their flush"),
    ngx_http_ferrokv_gauge(stall_max_us, "stall_max_us",
                           "longest that a write was put aside, microseconds"),
    ngx_http_ferrokv_gauge(compaction_debt, "compaction_debt_bytes",
                           "bytes that compaction has to do"),
    ngx_http_ferrokv_gauge(compaction_level_0, "compaction_level_0",
                           "tables of level 0 that make it due"),
    ngx_http_ferrokv_gauge(compaction_runs, "compaction_runs",
                           "runs that may be above the deepest level"),
    ngx_http_ferrokv_gauge(lsn_ready, "lsn_ready",
                           "log position up to which all is filled in"),
    ngx_http_ferrokv_gauge(lsn_durable, "lsn_durable",
                           "log position up to which all is on disk"),
    ngx_http_ferrokv_gauge(tables, "tables", "tables on disk"),
    ngx_http_ferrokv_gauge(table_bytes, "table_bytes", "bytes of the tables"),
    ngx_http_ferrokv_gauge(blob_files, "blob_files",
                           "files of large values"),
    ngx_http_ferrokv_gauge(blob_bytes, "blob_file_bytes",
                           "bytes of the files of large values"),
    ngx_http_ferrokv_gauge(blob_live, "blob_live_bytes",
                           "bytes of them that tables refer to"),
    ngx_http_ferrokv_gauge(blob_missing, "blob_missing",
                           "files of large values that are missing"),
    ngx_http_ferrokv_gauge(size, "size_bytes",
                           "bytes that live, in tables and memtables"),
    ngx_http_ferrokv_gauge(max_size, "max_size_bytes",
                           "bytes that may live, 0: no bound"),
    ngx_http_ferrokv_gauge(edit, "edit", "number of the last manifest edit"),
    ngx_http_ferrokv_gauge(leases, "leases",
                           "snapshots and list cursors that are held"),
    ngx_http_ferrokv_gauge(leases_max, "leases_max",
                           "so many may be held at a time"),
    ngx_http_ferrokv_gauge(snapshot_oldest, "snapshot_oldest",
                           "log position of the oldest snapshot, 0: none"),
    ngx_http_ferrokv_gauge(expiry_late_max_ms, "expiry_late_max_ms",
                           "how late the latest notice of an expiry was"),
    ngx_http_ferrokv_gauge(latches, "latches", "latches of keys that are held"),
    ngx_http_ferrokv_gauge(claims, "claims",
                           "claims on a work that are held"),
    ngx_http_ferrokv_gauge(jobs, "jobs", "jobs of the helper's"),
    ngx_http_ferrokv_gauge(readers, "readers",
                           "processes that look into memtables"),
    ngx_http_ferrokv_gauge(block_readers, "block_readers",
                           "processes that look into cached blocks"),
    ngx_http_ferrokv_gauge(processes, "processes",
                           "processes that are attached"),
    ngx_http_ferrokv_gauge(helper, "helper", "1 if the helper lives"),
    ngx_http_ferrokv_gauge(readonly, "readonly",
                           "1 if the store refuses writes"),
    ngx_http_ferrokv_gauge(disk_full, "disk_full", "1 if the disk is full"),
    ngx_http_ferrokv_gauge(tables_damaged, "tables_damaged",
                           "damaged tables that compaction leaves alone"),

    { NULL, NULL, NULL, 0, 0 }
};


static ngx_int_t ngx_http_ferrokv_status_handler(ngx_http_request_t *r);


static void ngx_cdecl
ngx_http_ferrokv_print(ngx_http_ferrokv_status_t *st, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    st->last = ngx_vslprintf(st->last, st->end, fmt, args);
    va_end(args);
}


static uint64_t
ngx_http_ferrokv_value(fkv_stats_t *stats, ngx_http_ferrokv_gauge_t *gauge)
{
    u_char  *p;

    p = (u_char *) stats + gauge->offset;

    switch (gauge->size) {

    case sizeof(uint64_t):
        return *(uint64_t *) p;

    case sizeof(unsigned):
        return *(unsigned *) p;

    default: /* a bool */
        return *(bool *) p;
    }
}


static uint64_t
ngx_http_ferrokv_batch_x100(fkv_stats_t *stats)
{
    return stats->commits ? stats->commit_frames * 100 / stats->commits : 0;
}


/* The engine's own words: plain text, but a file name may hold anything. */

static void
ngx_http_ferrokv_print_escaped(ngx_http_ferrokv_status_t *st, const char *text)
{
    size_t  len;

    len = ngx_strlen(text);

    if ((size_t) (st->end - st->last)
        < len + ngx_escape_json(NULL, (u_char *) text, len))
    {
        return;
    }

    st->last = (u_char *) ngx_escape_json(st->last, (u_char *) text, len);
}


/* The user's have numbers. */

static const char *
ngx_http_ferrokv_namespace(ngx_uint_t ns)
{
    static const char *const  names[FKV_NAMESPACES] = {
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12",
        "13", "14", "15", "cache", "limits", "catalog"
    };

    return names[ns];
}


/* The first one always, the others if there is anything to be said. */

static ngx_uint_t
ngx_http_ferrokv_namespace_shown(fkv_stats_t *stats, ngx_uint_t ns)
{
    return ns == FKV_NAMESPACE_USER
           || stats->usage[ns].keys
           || stats->usage[ns].bytes
           || stats->quota[fkv_class(ns)];
}


static void
ngx_http_ferrokv_json_namespaces(ngx_http_ferrokv_status_t *st,
    fkv_stats_t *stats)
{
    ngx_uint_t  ns;

    for (ns = 0; ns < FKV_NAMESPACES; ns++) {

        if (!ngx_http_ferrokv_namespace_shown(stats, ns)) {
            continue;
        }

        ngx_http_ferrokv_print(st, "%s\"%s\":{\"keys\":%uL,\"bytes\":%uL,"
                                   "\"quota\":%uL}",
                               ns ? "," : "", ngx_http_ferrokv_namespace(ns),
                               stats->usage[ns].keys, stats->usage[ns].bytes,
                               stats->quota[fkv_class(ns)]);
    }
}


static void
ngx_http_ferrokv_json_store(ngx_http_ferrokv_status_t *st, ngx_uint_t i)
{
    ngx_uint_t                 n;
    fkv_stats_t               *stats;
    ngx_http_ferrokv_gauge_t  *g;

    stats = &st->stats[i];

    ngx_http_ferrokv_print(st, "%s\"%V\":{\"io\":\"%s\"", i ? "," : "",
                           &st->store[i]->name, stats->io ? stats->io : "");

    for (g = ngx_http_ferrokv_gauges; g->name; g++) {

        if (g->size == sizeof(bool)) {
            ngx_http_ferrokv_print(st, ",\"%s\":%s", g->name,
                                   ngx_http_ferrokv_value(stats, g)
                                   ? "true" : "false");
            continue;
        }

        ngx_http_ferrokv_print(st, ",\"%s\":%uL", g->name,
                               ngx_http_ferrokv_value(stats, g));
    }

    ngx_http_ferrokv_print(st, ",\"cause\":\"");
    ngx_http_ferrokv_print_escaped(st, stats->cause);
    ngx_http_ferrokv_print(st, "\",\"levels\":[");

    for (n = 0; n < NGX_HTTP_FERROKV_LEVELS; n++) {
        ngx_http_ferrokv_print(st, "%s%uD", n ? "," : "", stats->levels[n]);
    }

    ngx_http_ferrokv_print(st, "],\"namespaces\":{");
    ngx_http_ferrokv_json_namespaces(st, stats);

    ngx_http_ferrokv_print(st, "},\"batch_mean\":%uL.%02uL",
                           ngx_http_ferrokv_batch_x100(stats) / 100,
                           ngx_http_ferrokv_batch_x100(stats) % 100);

    for (g = ngx_http_ferrokv_counters; g->name; g++) {
        ngx_http_ferrokv_print(st, ",\"%s\":%uL", g->name,
                               ngx_http_ferrokv_value(stats, g));
    }

    ngx_http_ferrokv_print(st, ",\"extensions\":%V,\"hooks\":%V",
                           &st->extensions[i].list, &st->extensions[i].hooks);

    ngx_http_ferrokv_print(st, ",\"commands\":");
    st->last = ngx_http_ferrokv_commands_status_json(st->last, st->end,
                                                     st->store[i], stats);

    ngx_http_ferrokv_print(st, "}");
}


static void
ngx_http_ferrokv_print_json(ngx_http_ferrokv_status_t *st)
{
    ngx_uint_t  i;

    ngx_http_ferrokv_print(st, "{\"pid\":%P,\"allocator\":\"%s\",\"stores\":{",
                           ngx_pid, fkv_alloc_name());

    for (i = 0; i < st->n; i++) {
        ngx_http_ferrokv_json_store(st, i);
    }

    ngx_http_ferrokv_print(st, "},\"limits\":{");
    st->last = ngx_http_ferrokv_limit_status_json(st->last, st->end, st->fmcf);
    ngx_http_ferrokv_print(st, "}}\n");
}


static void
ngx_http_ferrokv_print_metric(ngx_http_ferrokv_status_t *st,
    ngx_http_ferrokv_gauge_t *g, const char *type)
{
    ngx_uint_t  i;

    ngx_http_ferrokv_print(st, "# HELP ferrokv_%s %s\n# TYPE ferrokv_%s %s\n",
                           g->metric, g->text, g->metric, type);

    for (i = 0; i < st->n; i++) {
        ngx_http_ferrokv_print(st, "ferrokv_%s{store=\"%V\"} %uL\n",
                               g->metric, &st->store[i]->name,
                               ngx_http_ferrokv_value(&st->stats[i], g));
    }
}


static uint64_t
ngx_http_ferrokv_namespace_value(fkv_stats_t *stats, ngx_uint_t ns,
    const char *what)
{
    switch (*what) {

    case 'k':
        return stats->usage[ns].keys;

    case 'b':
        return stats->usage[ns].bytes;

    default: /* quota */
        return stats->quota[fkv_class(ns)];
    }
}


static void
ngx_http_ferrokv_print_namespaces(ngx_http_ferrokv_status_t *st,
    const char *what, const char *text)
{
    ngx_uint_t    i, ns;
    fkv_stats_t  *stats;

    ngx_http_ferrokv_print(st, "# HELP ferrokv_namespace_%s %s\n"
                               "# TYPE ferrokv_namespace_%s gauge\n",
                           what, text, what);

    for (i = 0; i < st->n; i++) {
        stats = &st->stats[i];

        for (ns = 0; ns < FKV_NAMESPACES; ns++) {

            if (!ngx_http_ferrokv_namespace_shown(stats, ns)) {
                continue;
            }

            ngx_http_ferrokv_print(st, "ferrokv_namespace_%s{store=\"%V\","
                                       "namespace=\"%s\"} %uL\n",
                                   what, &st->store[i]->name,
                                   ngx_http_ferrokv_namespace(ns),
                                   ngx_http_ferrokv_namespace_value(stats, ns,
                                                                    what));
        }
    }
}


static void
ngx_http_ferrokv_print_prometheus(ngx_http_ferrokv_status_t *st)
{
    ngx_uint_t                 i, n;
    ngx_http_ferrokv_gauge_t  *g;

    for (g = ngx_http_ferrokv_counters; g->name; g++) {
        ngx_http_ferrokv_print_metric(st, g, "counter");
    }

    for (g = ngx_http_ferrokv_gauges; g->name; g++) {
        ngx_http_ferrokv_print_metric(st, g, "gauge");
    }

    ngx_http_ferrokv_print(st, "# HELP ferrokv_level_tables tables of a level\n"
                               "# TYPE ferrokv_level_tables gauge\n");

    for (i = 0; i < st->n; i++) {
        for (n = 0; n < NGX_HTTP_FERROKV_LEVELS; n++) {
            ngx_http_ferrokv_print(st, "ferrokv_level_tables{store=\"%V\","
                                       "level=\"%ui\"} %uD\n",
                                   &st->store[i]->name, n,
                                   st->stats[i].levels[n]);
        }
    }

    ngx_http_ferrokv_print_namespaces(st, "keys", "keys of a namespace, about");
    ngx_http_ferrokv_print_namespaces(st, "bytes",
                                      "bytes of disk it needs, about");
    ngx_http_ferrokv_print_namespaces(st, "quota_bytes",
                                      "what its class may need, 0: no bound");

    st->last = ngx_http_ferrokv_commands_status_prometheus(st->last, st->end,
                                                           st->store,
                                                           st->stats, st->n);

    st->last = ngx_http_ferrokv_extensions_status_prometheus(st->last, st->end,
                                                             st->store, st->n);

    st->last = ngx_http_ferrokv_limit_status_prometheus(st->last, st->end,
                                                        st->fmcf);

    ngx_http_ferrokv_print(st, "# HELP ferrokv_info what the module runs on\n"
                               "# TYPE ferrokv_info gauge\n");

    for (i = 0; i < st->n; i++) {
        ngx_http_ferrokv_print(st, "ferrokv_info{store=\"%V\",io=\"%s\","
                                   "allocator=\"%s\"} 1\n",
                               &st->store[i]->name,
                               st->stats[i].io ? st->stats[i].io : "",
                               fkv_alloc_name());
    }
}


static void
ngx_http_ferrokv_text_store(ngx_http_ferrokv_status_t *st, ngx_uint_t i)
{
    ngx_uint_t                 n;
    fkv_stats_t               *stats;
    ngx_http_ferrokv_gauge_t  *g;

    stats = &st->stats[i];

    ngx_http_ferrokv_print(st, "store %V: %s%s%s\n", &st->store[i]->name,
                           stats->readonly ? "READ-ONLY" : "ok",
                           stats->cause[0] ? ", " : "", stats->cause);

    for (g = ngx_http_ferrokv_gauges; g->name; g++) {
        ngx_http_ferrokv_print(st, "%20uL  %s\n",
                               ngx_http_ferrokv_value(stats, g), g->text);
    }

    for (n = 0; n < NGX_HTTP_FERROKV_LEVELS; n++) {
        if (stats->levels[n]) {
            ngx_http_ferrokv_print(st, "%20uD  tables of level %ui\n",
                                   stats->levels[n], n);
        }
    }

    for (n = 0; n < FKV_NAMESPACES; n++) {

        if (ngx_http_ferrokv_namespace_shown(stats, n)) {
            ngx_http_ferrokv_print(st, "%20uL  keys in namespace %s, about\n"
                                       "%20uL  bytes of disk for them\n",
                                   stats->usage[n].keys,
                                   ngx_http_ferrokv_namespace(n),
                                   stats->usage[n].bytes);
        }
    }

    for (g = ngx_http_ferrokv_counters; g->name; g++) {
        ngx_http_ferrokv_print(st, "%20uL  %s\n",
                               ngx_http_ferrokv_value(stats, g), g->text);
    }

    ngx_http_ferrokv_print(st, "%17uL.%02uL  batches in a write of the log\n"
                               "%V\n",
                           ngx_http_ferrokv_batch_x100(stats) / 100,
                           ngx_http_ferrokv_batch_x100(stats) % 100,
                           &st->extensions[i].text);
}


static void
ngx_http_ferrokv_print_text(ngx_http_ferrokv_status_t *st)
{
    ngx_uint_t  i;

    ngx_http_ferrokv_print(st, "answered by process %P, memory by %s\n\n",
                           ngx_pid, fkv_alloc_name());

    for (i = 0; i < st->n; i++) {
        ngx_http_ferrokv_text_store(st, i);
    }

    st->last = ngx_http_ferrokv_limit_status_text(st->last, st->end, st->fmcf);
}


static ngx_int_t
ngx_http_ferrokv_status_collect(ngx_http_request_t *r,
    ngx_http_ferrokv_status_t *st)
{
    size_t                          size;
    ngx_uint_t                      i;
    ngx_ferrokv_conf_t             *fcf;
    ngx_http_ferrokv_status_ext_t  *ext;

    fcf = (ngx_ferrokv_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                              ngx_ferrokv_module);

    st->n = fcf->stores.nelts;
    st->store = fcf->stores.elts;

    st->stats = ngx_pcalloc(r->pool, (st->n + 1) * sizeof(fkv_stats_t));
    if (st->stats == NULL) {
        return NGX_ERROR;
    }

    st->extensions = ngx_pcalloc(r->pool, (st->n + 1)
                                     * sizeof(ngx_http_ferrokv_status_ext_t));
    if (st->extensions == NULL) {
        return NGX_ERROR;
    }

    st->fmcf = ngx_http_get_module_main_conf(r, ngx_http_ferrokv_module);

    size = (st->n + 1) * NGX_HTTP_FERROKV_STATUS_SIZE
           + ngx_http_ferrokv_limit_status_size(st->fmcf);

    for (i = 0; i < st->n; i++) {
        fkv_stats(st->store[i]->fkv, &st->stats[i]);

        ext = &st->extensions[i];

        if (ngx_http_ferrokv_extensions_status(r->pool, st->store[i],
                                               &ext->list)
            != NGX_OK
            || ngx_http_ferrokv_hooks_status(r->pool, st->store[i],
                                             &ext->hooks)
               != NGX_OK
            || ngx_http_ferrokv_extensions_status_text(r->pool, st->store[i],
                                                       &ext->text)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        size += st->store[i]->name.len * 128 + ext->list.len + ext->hooks.len
                + ext->text.len
                + ngx_http_ferrokv_extensions_status_size(st->store[i])
                + ngx_http_ferrokv_commands_status_size(st->store[i]);
    }

    st->pos = ngx_pnalloc(r->pool, size);
    if (st->pos == NULL) {
        return NGX_ERROR;
    }

    st->last = st->pos;
    st->end = st->pos + size;

    return NGX_OK;
}


static void
ngx_http_ferrokv_status_print(ngx_http_request_t *r,
    ngx_http_ferrokv_status_t *st)
{
    ngx_http_ferrokv_loc_conf_t  *flcf;

    flcf = ngx_http_get_module_loc_conf(r, ngx_http_ferrokv_module);

    switch ((ngx_http_ferrokv_format_e) flcf->status) {

    case NGX_HTTP_FERROKV_JSON:
        ngx_str_set(&r->headers_out.content_type, "application/json");
        ngx_http_ferrokv_print_json(st);
        break;

    case NGX_HTTP_FERROKV_PROMETHEUS:
        ngx_str_set(&r->headers_out.content_type, "text/plain; version=0.0.4");
        ngx_http_ferrokv_print_prometheus(st);
        break;

    case NGX_HTTP_FERROKV_TEXT:
        ngx_str_set(&r->headers_out.content_type, "text/plain");
        ngx_http_ferrokv_print_text(st);
        break;
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
}


static ngx_int_t
ngx_http_ferrokv_status_handler(ngx_http_request_t *r)
{
    ngx_buf_t                  *b;
    ngx_int_t                   rc;
    ngx_chain_t                 out;
    ngx_http_ferrokv_status_t   st;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_ferrokv_status_collect(r, &st) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_ferrokv_status_print(r, &st);

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = st.pos;
    b->last = st.last;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = b->last - b->pos;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, &out);
}


char *
ngx_http_ferrokv_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ferrokv_loc_conf_t *flcf = conf;

    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    if (flcf->status) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 1 || ngx_strcmp(value[1].data, "json") == 0) {
        flcf->status = NGX_HTTP_FERROKV_JSON;

    } else if (ngx_strcmp(value[1].data, "prometheus") == 0) {
        flcf->status = NGX_HTTP_FERROKV_PROMETHEUS;

    } else if (ngx_strcmp(value[1].data, "text") == 0) {
        flcf->status = NGX_HTTP_FERROKV_TEXT;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid format \"%V\" in \"ferrokv_status\", it "
                           "must be \"json\", \"prometheus\" or \"text\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_ferrokv_status_handler;

    return NGX_CONF_OK;
}


/* An "if" block and limit_except answer as their location does. */

char *
ngx_http_ferrokv_merge_status(ngx_conf_t *cf,
    ngx_http_ferrokv_loc_conf_t *prev, ngx_http_ferrokv_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (conf->status == 0
        && prev->status
        && clcf->handler == NULL
        && (clcf->noname || clcf->lmt_excpt))
    {
        conf->status = prev->status;
        clcf->handler = ngx_http_ferrokv_status_handler;
    }

    return NGX_CONF_OK;
}
