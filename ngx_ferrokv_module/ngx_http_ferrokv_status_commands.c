
/*
 * ngx_http_ferrokv_status_commands.c - what commands have counted, on every
 * face, since the store was opened or CONFIG RESETSTAT.  Commands that nobody
 * has asked for are not listed.
 */

#include "ngx_http_ferrokv.h"
#include "commands/check.h"


/* Of one command: its names and numbers, in all metrics. */
#define NGX_HTTP_FERROKV_COMMAND_SIZE  1024

#define NGX_HTTP_FERROKV_COMMANDS_SIZE 8192


typedef struct {
    const char                *name;
    const char                *text;
    size_t                     offset;
} ngx_http_ferrokv_commands_figure_t;


static ngx_http_ferrokv_commands_figure_t  ngx_http_ferrokv_sums[] = {
#define ngx_http_ferrokv_sum(name, text)                                      \
    { #name, text, offsetof(fkv_meter_sums_t, name) },

    FKV_METER_COUNTERS(ngx_http_ferrokv_sum)

    { NULL, NULL, 0 }
};


static ngx_http_ferrokv_commands_figure_t  ngx_http_ferrokv_lines[] = {
    { "calls", "calls of a command",
      offsetof(fkv_meter_command_shm_t, calls) },
    { "usec", "microseconds that they took, measured on some",
      offsetof(fkv_meter_command_shm_t, usec) },
    { "failed", "calls whose reply was an error",
      offsetof(fkv_meter_command_shm_t, failed) },
    { "rejected", "requests that were not run",
      offsetof(fkv_meter_command_shm_t, rejected) },
    { NULL, NULL, 0 }
};


static uint64_t
ngx_http_ferrokv_figure(void *of, ngx_http_ferrokv_commands_figure_t *figure)
{
    return *(uint64_t *) ((u_char *) of + figure->offset);
}


/* "config|get"; false: there is no i-th, or nobody has asked for it. */

static ngx_uint_t
ngx_http_ferrokv_command_line(fkv_meter_t *meter, ngx_uint_t i,
    fkv_meter_line_t *line, u_char name[FKV_COMMAND_NAME_BYTES])
{
    u_char  *p;

    if (!fkv_meter_line(meter, i, line)
        || line->sums.calls + line->sums.rejected == 0)
    {
        return 0;
    }

    p = ngx_snprintf(name, FKV_COMMAND_NAME_BYTES, "%s%s%s%Z",
                     line->parent ? line->parent->name : "",
                     line->parent ? "|" : "", line->command->name);

    ngx_strlow(name, name, p - name);

    return 1;
}


size_t
ngx_http_ferrokv_commands_status_size(ngx_ferrokv_store_t *store)
{
    return NGX_HTTP_FERROKV_COMMANDS_SIZE
           + store->open->meter->n * (NGX_HTTP_FERROKV_COMMAND_SIZE
                                      + 4 * store->name.len);
}


u_char *
ngx_http_ferrokv_commands_status_json(u_char *p, u_char *end,
    ngx_ferrokv_store_t *store, fkv_stats_t *stats)
{
    u_char                               name[FKV_COMMAND_NAME_BYTES];
    ngx_uint_t                           i, n;
    fkv_meter_t                         *meter;
    fkv_meter_line_t                     line;
    fkv_meter_sums_t                     sums;
    ngx_http_ferrokv_commands_figure_t  *f;

    meter = store->open->meter;

    fkv_meter_sum(meter, store->fkv, stats, &sums);

    p = ngx_slprintf(p, end, "{\"clients\":%uL", sums.clients);

    for (f = ngx_http_ferrokv_sums; f->name; f++) {
        p = ngx_slprintf(p, end, ",\"%s\":%uL", f->name,
                         ngx_http_ferrokv_figure(&sums, f));
    }

    p = ngx_slprintf(p, end, ",\"calls\":{");

    for (i = 0, n = 0; i < meter->n; i++) {

        if (!ngx_http_ferrokv_command_line(meter, i, &line, name)) {
            continue;
        }

        p = ngx_slprintf(p, end, "%s\"%s\":{", n++ ? "," : "", name);

        for (f = ngx_http_ferrokv_lines; f->name; f++) {
            p = ngx_slprintf(p, end, "%s\"%s\":%uL",
                             f == ngx_http_ferrokv_lines ? "" : ",", f->name,
                             ngx_http_ferrokv_figure(&line.sums, f));
        }

        p = ngx_slprintf(p, end, "}");
    }

    return ngx_slprintf(p, end, "}}");
}


static u_char *
ngx_http_ferrokv_command_metric(u_char *p, u_char *end,
    ngx_ferrokv_store_t **store, ngx_uint_t n,
    ngx_http_ferrokv_commands_figure_t *f)
{
    u_char            name[FKV_COMMAND_NAME_BYTES];
    ngx_uint_t        i, k;
    fkv_meter_t      *meter;
    fkv_meter_line_t  line;

    p = ngx_slprintf(p, end, "# HELP ferrokv_command_%s_total %s\n"
                             "# TYPE ferrokv_command_%s_total counter\n",
                     f->name, f->text, f->name);

    for (i = 0; i < n; i++) {
        meter = store[i]->open->meter;

        for (k = 0; k < meter->n; k++) {

            if (!ngx_http_ferrokv_command_line(meter, k, &line, name)) {
                continue;
            }

            p = ngx_slprintf(p, end, "ferrokv_command_%s_total{store=\"%V\","
                                     "command=\"%s\"} %uL\n",
                             f->name, &store[i]->name, name,
                             ngx_http_ferrokv_figure(&line.sums, f));
        }
    }

    return p;
}


static u_char *
ngx_http_ferrokv_commands_metric(u_char *p, u_char *end,
    ngx_ferrokv_store_t **store, fkv_stats_t *stats, ngx_uint_t n,
    ngx_http_ferrokv_commands_figure_t *f, const char *type)
{
    ngx_uint_t        i;
    fkv_meter_sums_t  sums;

    p = ngx_slprintf(p, end, "# HELP ferrokv_commands_%s %s\n"
                             "# TYPE ferrokv_commands_%s %s\n",
                     f->name, f->text, f->name, type);

    for (i = 0; i < n; i++) {
        fkv_meter_sum(store[i]->open->meter, store[i]->fkv, &stats[i], &sums);

        p = ngx_slprintf(p, end, "ferrokv_commands_%s{store=\"%V\"} %uL\n",
                         f->name, &store[i]->name,
                         ngx_http_ferrokv_figure(&sums, f));
    }

    return p;
}


u_char *
ngx_http_ferrokv_commands_status_prometheus(u_char *p, u_char *end,
    ngx_ferrokv_store_t **store, fkv_stats_t *stats, ngx_uint_t n)
{
    ngx_http_ferrokv_commands_figure_t         *f;
    static ngx_http_ferrokv_commands_figure_t   clients = {
        "clients", "connections that are open",
        offsetof(fkv_meter_sums_t, clients)
    };

#define ngx_http_ferrokv_total(name, text)                                    \
    { #name "_total", text, offsetof(fkv_meter_sums_t, name) },

    static ngx_http_ferrokv_commands_figure_t   totals[] = {
        FKV_METER_COUNTERS(ngx_http_ferrokv_total)
        { NULL, NULL, 0 }
    };

    for (f = totals; f->name; f++) {
        p = ngx_http_ferrokv_commands_metric(p, end, store, stats, n, f,
                                             "counter");
    }

    p = ngx_http_ferrokv_commands_metric(p, end, store, stats, n, &clients,
                                         "gauge");

    for (f = ngx_http_ferrokv_lines; f->name; f++) {
        p = ngx_http_ferrokv_command_metric(p, end, store, n, f);
    }

    return p;
}
