
/*
 * ngx_http_ferrokv_limit_answer.c - what a client learns of its limits: header
 * fields, the body of a rejection; and the variables.
 *
 * RateLimit-Policy: "ZONE";q=6;w=1        RateLimit: "ZONE";r=5;t=1
 * are lists with one member for each limit; X-RateLimit-* speak of the
 * strictest.  Nothing in a field comes from the request.
 */

#include "ngx_http_ferrokv_limit.h"
#include "ngx_http_ferrokv_rest.h"


typedef struct {
    char                         *name;
    size_t                        len;
    ngx_uint_t                    when;     /* ferrokv_limit_headers has it */
} ngx_http_ferrokv_limit_field_t;


/* In the order of run->fields. */
static ngx_http_ferrokv_limit_field_t  ngx_http_ferrokv_limit_fields[] = {
#define ngx_http_ferrokv_limit_field(name, when)                              \
    { name, sizeof(name) - 1, when }

    ngx_http_ferrokv_limit_field("RateLimit-Policy",
                                 NGX_HTTP_FERROKV_LIMIT_DRAFT),
    ngx_http_ferrokv_limit_field("RateLimit", NGX_HTTP_FERROKV_LIMIT_DRAFT),
    ngx_http_ferrokv_limit_field("X-RateLimit-Limit",
                                 NGX_HTTP_FERROKV_LIMIT_LEGACY),
    ngx_http_ferrokv_limit_field("X-RateLimit-Remaining",
                                 NGX_HTTP_FERROKV_LIMIT_LEGACY),
    ngx_http_ferrokv_limit_field("X-RateLimit-Reset",
                                 NGX_HTTP_FERROKV_LIMIT_LEGACY),
};


typedef enum {
    NGX_HTTP_FERROKV_LIMIT_LIMIT,
    NGX_HTTP_FERROKV_LIMIT_REMAINING,
    NGX_HTTP_FERROKV_LIMIT_RESET,
    NGX_HTTP_FERROKV_LIMIT_RETRY_AFTER
} ngx_http_ferrokv_limit_figure_e;


static ngx_str_t  ngx_http_ferrokv_limit_words[] = {
    ngx_string("PASSED"),
    ngx_string("DELAYED"),
    ngx_string("REJECTED"),
    ngx_string("DELAYED_DRY_RUN"),
    ngx_string("REJECTED_DRY_RUN")
};


static uint64_t
ngx_http_ferrokv_limit_seconds(uint64_t us)
{
    return us / 1000000 + (us % 1000000 != 0);
}


static uint64_t
ngx_http_ferrokv_limit_figure(ngx_http_ferrokv_limit_check_t *check,
    ngx_uint_t figure)
{
    fkv_rules_limit_figures_t  figures;

    ngx_http_ferrokv_limit_tell(check, &figures);

    switch ((ngx_http_ferrokv_limit_figure_e) figure) {

    case NGX_HTTP_FERROKV_LIMIT_LIMIT:
        return figures.limit;

    case NGX_HTTP_FERROKV_LIMIT_REMAINING:
        return figures.remaining;

    case NGX_HTTP_FERROKV_LIMIT_RESET:
        return ngx_http_ferrokv_limit_seconds(check->decision.reset_us);

    case NGX_HTTP_FERROKV_LIMIT_RETRY_AFTER:
        return ngx_http_ferrokv_limit_seconds(figures.retry_us);
    }

    return 0;
}


/* Header fields */

static size_t
ngx_http_ferrokv_limit_list_size(ngx_http_ferrokv_limit_run_t *run)
{
    size_t                           size;
    ngx_http_ferrokv_limit_check_t  *check;

    size = 0;

    for (check = run->checks; check; check = check->next) {
        size += sizeof(", \"\";q=;w=") - 1 + check->limit->zone->name.len
                + 2 * NGX_INT64_LEN;
    }

    return size;
}


static u_char *
ngx_http_ferrokv_limit_list(u_char *p, ngx_http_ferrokv_limit_run_t *run,
    ngx_uint_t policy)
{
    fkv_rules_limit_figures_t        figures;
    ngx_http_ferrokv_limit_zone_t   *zone;
    ngx_http_ferrokv_limit_check_t  *check;

    for (check = run->checks; check; check = check->next) {
        zone = check->limit->zone;
        ngx_http_ferrokv_limit_tell(check, &figures);

        if (check != run->checks) {
            *p++ = ',';
            *p++ = ' ';
        }

        *p++ = '"';
        p = ngx_cpymem(p, zone->name.data, zone->name.len);
        *p++ = '"';
        *p++ = ';';
        *p++ = policy ? 'q' : 'r';
        *p++ = '=';
        p = ngx_http_ferrokv_print_uint(p, policy ? figures.limit
                                                  : figures.remaining);
        *p++ = ';';
        *p++ = policy ? 'w' : 't';
        *p++ = '=';
        p = ngx_http_ferrokv_print_uint(p,
                ngx_http_ferrokv_limit_seconds(policy
                                               ? figures.window_us
                                               : check->decision.reset_us));
    }

    return p;
}


static u_char *
ngx_http_ferrokv_limit_print_field(u_char *p,
    ngx_http_ferrokv_limit_run_t *run, ngx_uint_t i)
{
    if (i < 2) {
        return ngx_http_ferrokv_limit_list(p, run, (i == 0));
    }

    return ngx_http_ferrokv_print_uint(p,
               ngx_http_ferrokv_limit_figure(run->strictest, i - 2));
}


/* A second decision of the same request overwrites what the first one said. */

static ngx_int_t
ngx_http_ferrokv_limit_set_field(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_run_t *run, ngx_uint_t i)
{
    u_char                          *p;
    ngx_table_elt_t                 *h;
    ngx_http_ferrokv_limit_field_t  *field;

    field = &ngx_http_ferrokv_limit_fields[i];

    p = ngx_pnalloc(r->pool, (i < 2) ? ngx_http_ferrokv_limit_list_size(run)
                                     : NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    h = run->fields[i];

    if (h == NULL) {
        h = ngx_http_ferrokv_add_header(r, field->name, field->len, p, 0);
        if (h == NULL) {
            return NGX_ERROR;
        }

        run->fields[i] = h;
    }

    h->value.data = p;
    h->value.len = ngx_http_ferrokv_limit_print_field(p, run, i) - p;

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_limit_add_headers(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_run_t *run, ngx_uint_t headers)
{
    ngx_uint_t  i;

    if (headers == NGX_HTTP_FERROKV_LIMIT_NONE) {
        return NGX_OK;
    }

    for (i = 0; i < NGX_HTTP_FERROKV_LIMIT_FIELDS; i++) {

        if ((ngx_http_ferrokv_limit_fields[i].when & headers)
            && ngx_http_ferrokv_limit_set_field(r, run, i) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_limit_add_retry(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_run_t *run)
{
    u_char                    *p, *last;
    fkv_rules_limit_figures_t  figures;

    ngx_http_ferrokv_limit_tell(run->strictest, &figures);

    if (figures.retry_us == FKV_RULES_LIMIT_NEVER) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = ngx_http_ferrokv_print_uint(p,
                           ngx_http_ferrokv_limit_seconds(figures.retry_us));

    if (ngx_http_ferrokv_add_header(r, "Retry-After",
                                    sizeof("Retry-After") - 1, p, last - p)
        == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* The body of a rejection: the problem type of the RateLimit draft */

static void
ngx_http_ferrokv_limit_problem(ngx_ferrokv_json_t *json,
    ngx_http_ferrokv_limit_run_t *run, ngx_uint_t status)
{
    ngx_uint_t                       n;
    fkv_rules_limit_figures_t        figures;
    ngx_http_ferrokv_limit_check_t  *check;

    ngx_ferrokv_json_text(json,
        "{\"type\":\"https://iana.org/assignments/http-problem-types"
        "#quota-exceeded\",\"title\":\"Request cannot be satisfied as assigned"
        " quota has been exceeded\",\"status\":");
    ngx_ferrokv_json_uint(json, status);
    ngx_ferrokv_json_text(json,
        ",\"code\":\"rate_limited\",\"violated-policies\":[");

    n = 0;

    for (check = run->checks; check; check = check->next) {

        if (!check->decision.pass) {
            ngx_ferrokv_json_raw(json, ",", n++ ? 1 : 0);
            ngx_ferrokv_json_string(json, check->limit->zone->name.data,
                                    check->limit->zone->name.len);
        }
    }

    ngx_ferrokv_json_text(json, "]");

    ngx_http_ferrokv_limit_tell(run->strictest, &figures);

    if (figures.retry_us != FKV_RULES_LIMIT_NEVER) {
        ngx_ferrokv_json_text(json, ",\"retry_after\":");
        ngx_ferrokv_json_uint(json,
                            ngx_http_ferrokv_limit_seconds(figures.retry_us));
    }

    ngx_ferrokv_json_text(json, "}\n");
}


static ngx_int_t
ngx_http_ferrokv_limit_send_problem(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_run_t *run, ngx_uint_t status)
{
    ngx_int_t           rc;
    ngx_ferrokv_json_t  json;

    ngx_ferrokv_json_init(&json, r->pool, 512);
    ngx_http_ferrokv_limit_problem(&json, run, status);

    if (json.failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_ferrokv_send_body(r, status, "application/problem+json",
                                    sizeof("application/problem+json") - 1,
                                    json.start,
                                    ngx_ferrokv_json_size(&json));

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


ngx_int_t
ngx_http_ferrokv_limit_answer(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_run_t *run, ngx_http_ferrokv_limit_conf_t *lcf)
{
    if (ngx_http_ferrokv_limit_add_headers(r, run, lcf->headers) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (lcf->headers != NGX_HTTP_FERROKV_LIMIT_NONE
        && ngx_http_ferrokv_limit_add_retry(r, run) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (lcf->body != NGX_HTTP_FERROKV_LIMIT_PROBLEM
        || lcf->status == NGX_HTTP_CLOSE)
    {
        return lcf->status;
    }

    return ngx_http_ferrokv_limit_send_problem(r, run, lcf->status);
}


/* The variables */

static ngx_http_ferrokv_limit_run_t *
ngx_http_ferrokv_limit_of(ngx_http_request_t *r)
{
    ngx_http_ferrokv_ctx_t  *ctx;

    ctx = ngx_http_ferrokv_get_ctx(r->main);

    return ctx ? ctx->limit : NULL;
}


static ngx_int_t
ngx_http_ferrokv_limit_status_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                     *word;
    ngx_http_ferrokv_limit_run_t  *run;

    run = ngx_http_ferrokv_limit_of(r);

    if (run == NULL || run->status == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    word = &ngx_http_ferrokv_limit_words[run->status - 1];

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->len = word->len;
    v->data = word->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_limit_figure_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                        *p;
    fkv_rules_limit_figures_t      figures;
    ngx_http_ferrokv_limit_run_t  *run;

    run = ngx_http_ferrokv_limit_of(r);

    if (run == NULL || run->strictest == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    ngx_http_ferrokv_limit_tell(run->strictest, &figures);

    if (data == NGX_HTTP_FERROKV_LIMIT_RETRY_AFTER
        && (figures.retry_us == 0
            || figures.retry_us == FKV_RULES_LIMIT_NEVER))
    {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = p;
    v->len = ngx_http_ferrokv_print_uint(p,
                               ngx_http_ferrokv_limit_figure(run->strictest,
                                                             data))
             - p;

    return NGX_OK;
}


static ngx_http_variable_t  ngx_http_ferrokv_limit_variables[] = {

    { ngx_string("ferrokv_limit_status"), NULL,
      ngx_http_ferrokv_limit_status_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("ferrokv_limit_limit"), NULL,
      ngx_http_ferrokv_limit_figure_variable, NGX_HTTP_FERROKV_LIMIT_LIMIT,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("ferrokv_limit_remaining"), NULL,
      ngx_http_ferrokv_limit_figure_variable, NGX_HTTP_FERROKV_LIMIT_REMAINING,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("ferrokv_limit_reset"), NULL,
      ngx_http_ferrokv_limit_figure_variable, NGX_HTTP_FERROKV_LIMIT_RESET,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("ferrokv_limit_retry_after"), NULL,
      ngx_http_ferrokv_limit_figure_variable,
      NGX_HTTP_FERROKV_LIMIT_RETRY_AFTER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_ferrokv_limit_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_ferrokv_limit_variables; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}
