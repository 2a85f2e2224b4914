
/*
 * GET of the collection: keys in order, one page an answer.  The page is built
 * while the engine walks, in one buffer, so that a slow client holds nothing
 * in the engine.
 */

#include "ngx_http_ferrokv_rest.h"


typedef struct {
    ngx_http_ferrokv_target_t  target;
    fkv_scan_t                 scan;

    ngx_uint_t                 values;
    ngx_uint_t                 lines;       /* NDJSON */
    ngx_uint_t                 count;
    ngx_ferrokv_json_t         json;

    ngx_str_t                  prefix;      /* of all keys wanted */
    ngx_str_t                  start;
    ngx_str_t                  end;
    ngx_http_ferrokv_cursor_t  next;        /* key of the latest entry */
    size_t                     next_size;
} ngx_http_ferrokv_list_t;


static ngx_int_t ngx_http_ferrokv_list_query(ngx_http_ferrokv_list_t *list,
    ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_list_key(ngx_http_ferrokv_list_t *list,
    ngx_str_t *value, ngx_str_t *key);
static ngx_int_t ngx_http_ferrokv_list_range(ngx_http_ferrokv_list_t *list,
    ngx_http_ferrokv_query_t *query, ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_list_cursor(ngx_http_ferrokv_list_t *list,
    ngx_str_t *text, ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_list_limit(ngx_http_ferrokv_list_t *list,
    ngx_http_ferrokv_query_t *query, ngx_http_ferrokv_problem_t *problem);
static ngx_uint_t ngx_http_ferrokv_list_lines(ngx_http_request_t *r);
static void ngx_http_ferrokv_list_on_done(fkv_op_t *op);
static int ngx_http_ferrokv_list_on_entry(fkv_scan_t *scan, fkv_str_t key,
    const fkv_value_t *value);
static int ngx_http_ferrokv_list_remember(ngx_http_ferrokv_list_t *list,
    fkv_str_t key);
static ngx_int_t ngx_http_ferrokv_list_answer(void *data, int rc);
static void ngx_http_ferrokv_list_ended(ngx_http_ferrokv_list_t *list);
static ngx_int_t ngx_http_ferrokv_list_end(ngx_http_ferrokv_list_t *list);


ngx_int_t
ngx_http_ferrokv_rest_list(ngx_http_ferrokv_target_t *target)
{
    int                          rc;
    fkv_scan_t                  *scan;
    ngx_http_request_t          *r;
    ngx_http_ferrokv_list_t     *list;
    ngx_http_ferrokv_problem_t   problem;

    r = target->request;

    list = ngx_pcalloc(r->pool, sizeof(ngx_http_ferrokv_list_t));
    if (list == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    list->target = *target;
    scan = &list->scan;

    if (ngx_http_ferrokv_list_query(list, &problem) != NGX_OK) {
        return ngx_http_ferrokv_send_problem(r, &problem);
    }

    list->lines = ngx_http_ferrokv_list_lines(r);

    ngx_ferrokv_json_init(&list->json, r->pool, 4096);

    if (!list->lines) {
        ngx_ferrokv_json_text(&list->json, "{\"keys\":[");
    }

    scan->store = target->store->fkv;
    scan->ns = FKV_NAMESPACE_USER;
    scan->prefix = ngx_ferrokv_str(&list->prefix);
    scan->start = ngx_ferrokv_str(&list->start);
    scan->end = ngx_ferrokv_str(&list->end);
    scan->now_ms = fkv_now_ms(scan->store);
    scan->lease_ms = NGX_HTTP_FERROKV_LEASE_MS;
    scan->on_entry = ngx_http_ferrokv_list_on_entry;
    scan->op.on_done = ngx_http_ferrokv_list_on_done;
    scan->op.data = list;

    /* a page can hold at least one entry, however large */

    scan->bytes_max = FKV_KEY_BYTES_MAX
                      + (list->values ? 2 * NGX_HTTP_FERROKV_LIST_BYTES_MAX
                                      : NGX_HTTP_FERROKV_LIST_WALK_MAX);
    scan->load_max = list->values ? NGX_HTTP_FERROKV_LIST_BYTES_MAX : 0;

    rc = fkv_scan(scan);

    if (rc == FKV_AGAIN) {
        return ngx_http_ferrokv_wait(r);
    }

    return ngx_http_ferrokv_list_answer(list, rc);
}


static ngx_int_t
ngx_http_ferrokv_list_query(ngx_http_ferrokv_list_t *list,
    ngx_http_ferrokv_problem_t *problem)
{
    ngx_http_request_t        *r;
    ngx_http_ferrokv_query_t   query;

    r = list->target.request;

    if (ngx_http_ferrokv_query_parse(r, &query,
                                     ngx_http_ferrokv_bit(PREFIX)
                                     |ngx_http_ferrokv_bit(START)
                                     |ngx_http_ferrokv_bit(END)
                                     |ngx_http_ferrokv_bit(LIMIT)
                                     |ngx_http_ferrokv_bit(CURSOR)
                                     |ngx_http_ferrokv_bit(VALUES)
                                     |ngx_http_ferrokv_bit(SNAPSHOT),
                                     problem)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_ferrokv_given(&query, SNAPSHOT)
        && ngx_http_ferrokv_query_lease(&query, &list->scan.lease, problem)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    list->values = ngx_http_ferrokv_given(&query, VALUES);
    list->next.own = (list->scan.lease.id == 0);

    if (list->next.own
        && ngx_http_ferrokv_nonce(&list->scan.nonce) != NGX_OK)
    {
        ngx_http_ferrokv_fail_code(problem, FKV_ENOMEM);
        return NGX_ERROR;
    }

    if (ngx_http_ferrokv_list_limit(list, &query, problem) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_ferrokv_list_range(list, &query, problem);
}


static ngx_int_t
ngx_http_ferrokv_list_limit(ngx_http_ferrokv_list_t *list,
    ngx_http_ferrokv_query_t *query, ngx_http_ferrokv_problem_t *problem)
{
    int64_t  limit;

    limit = NGX_HTTP_FERROKV_LIST_LIMIT;

    if (ngx_http_ferrokv_query_int(query, NGX_HTTP_FERROKV_LIMIT, &limit,
                                   problem)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (limit < 1 || limit > NGX_HTTP_FERROKV_LIST_LIMIT_MAX) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_parameter",
                                     "parameter \"limit\" is not between 1 "
                                     "and %d",
                                     NGX_HTTP_FERROKV_LIST_LIMIT_MAX);
    }

    list->scan.limit = (unsigned) limit;

    return NGX_OK;
}


/* What the client calls a key has the location's prefix before it. */
static ngx_int_t
ngx_http_ferrokv_list_key(ngx_http_ferrokv_list_t *list, ngx_str_t *value,
    ngx_str_t *key)
{
    u_char     *p;
    ngx_str_t  *prefix;

    prefix = &list->target.prefix;

    if (prefix->len == 0) {
        *key = *value;
        return NGX_OK;
    }

    key->len = prefix->len + value->len;
    key->data = ngx_pnalloc(list->target.request->pool, key->len);

    if (key->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(key->data, prefix->data, prefix->len);
    ngx_memcpy(p, value->data, value->len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_list_range(ngx_http_ferrokv_list_t *list,
    ngx_http_ferrokv_query_t *query, ngx_http_ferrokv_problem_t *problem)
{
    size_t      i;
    ngx_int_t   rc;
    ngx_str_t  *value;

    static const struct {
        ngx_http_ferrokv_param_e  param;
        size_t                    offset;
        const char               *name;
    } keys[] = {
        { NGX_HTTP_FERROKV_PREFIX,
          offsetof(ngx_http_ferrokv_list_t, prefix), "prefix" },
        { NGX_HTTP_FERROKV_START,
          offsetof(ngx_http_ferrokv_list_t, start), "start" },
        { NGX_HTTP_FERROKV_END,
          offsetof(ngx_http_ferrokv_list_t, end), "end" }
    };

    list->prefix = list->target.prefix;

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {

        if ((query->given & (1u << keys[i].param)) == 0) {
            continue;
        }

        value = &query->value[keys[i].param];

        if (value->len + list->target.prefix.len > FKV_KEY_BYTES_MAX) {
            return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                         "bad_parameter",
                                         "parameter \"%s\" is longer than a "
                                         "key may be", keys[i].name);
        }

        /* an empty one is as good as none */

        if (value->len == 0) {
            continue;
        }

        rc = ngx_http_ferrokv_list_key(list, value,
                    (ngx_str_t *) (void *) ((u_char *) list + keys[i].offset));

        if (rc != NGX_OK) {
            ngx_http_ferrokv_fail_code(problem, FKV_ENOMEM);
            return NGX_ERROR;
        }
    }

    if (ngx_http_ferrokv_given(query, CURSOR)) {
        return ngx_http_ferrokv_list_cursor(list,
                         &query->value[NGX_HTTP_FERROKV_CURSOR], problem);
    }

    return NGX_OK;
}


/*
 * Goes on behind the cursor's key, at the cursor's snapshot, in the range that
 * was asked for again.
 */
static ngx_int_t
ngx_http_ferrokv_list_cursor(ngx_http_ferrokv_list_t *list, ngx_str_t *text,
    ngx_http_ferrokv_problem_t *problem)
{
    size_t                      n;
    ngx_int_t                   rc;
    ngx_str_t                   last;
    fkv_lease_t                *lease;
    ngx_http_ferrokv_cursor_t   cursor;

    rc = ngx_http_ferrokv_cursor_parse(list->target.request->pool, text,
                                       &cursor);

    if (rc == NGX_OK) {
        rc = ngx_http_ferrokv_list_key(list, &cursor.key, &last);
    }

    if (rc == NGX_ERROR) {
        ngx_http_ferrokv_fail_code(problem, FKV_ENOMEM);
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_cursor",
                                     "parameter \"cursor\" is not one that "
                                     "a listing gave");
    }

    lease = &list->scan.lease;

    if (lease->id
        && (lease->id != cursor.lease.id || lease->nonce != cursor.lease.nonce))
    {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_cursor",
                                     "parameter \"cursor\" is of a listing "
                                     "at another snapshot");
    }

    *lease = cursor.lease;
    list->next.own = cursor.own;

    n = list->prefix.len;

    if (last.len < n || ngx_memcmp(last.data, list->prefix.data, n) != 0) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_cursor",
                                     "parameter \"cursor\" is of a listing "
                                     "with another prefix");
    }

    /* a start behind the cursor is the later of two wishes */

    n = ngx_min(last.len, list->start.len);
    rc = ngx_memcmp(last.data, list->start.data, n);

    if (rc < 0 || (rc == 0 && last.len < list->start.len)) {
        return NGX_OK;
    }

    list->start = last;
    list->scan.after = true;

    return NGX_OK;
}


/* Accept, which nginx parses only in some builds. */
static ngx_uint_t
ngx_http_ferrokv_list_lines(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static u_char  type[] = "application/x-ndjson";

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return 0;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == sizeof("Accept") - 1
            && ngx_strncasecmp(h[i].key.data, (u_char *) "Accept",
                               sizeof("Accept") - 1)
               == 0
            && ngx_strlcasestrn(h[i].value.data,
                                h[i].value.data + h[i].value.len, type,
                                sizeof(type) - 2)
               != NULL)
        {
            return 1;
        }
    }
}


static void
ngx_http_ferrokv_list_on_done(fkv_op_t *op)
{
    ngx_http_ferrokv_list_t  *list;

    list = op->data;

    ngx_http_ferrokv_done(list->target.request, ngx_http_ferrokv_list_answer,
                          list, op->rc);
}


static int
ngx_http_ferrokv_list_on_entry(fkv_scan_t *scan, fkv_str_t key,
    const fkv_value_t *value)
{
    size_t                    cut;
    ngx_ferrokv_json_t       *json;
    ngx_http_ferrokv_list_t  *list;

    list = scan->op.data;
    json = &list->json;
    cut = list->target.prefix.len;

    if (list->count++ && !list->lines) {
        ngx_ferrokv_json_text(json, ",\n");
    }

    ngx_ferrokv_json_text(json, "{");
    ngx_ferrokv_json_bytes(json, "key", key.data + cut, key.len - cut);
    ngx_http_ferrokv_json_meta(json, value, scan->now_ms);
    ngx_http_ferrokv_json_kind(json, scan->store, value);

    if (list->values) {
        ngx_http_ferrokv_json_type(json, value);
        ngx_http_ferrokv_json_value(json, value);
    }

    ngx_ferrokv_json_text(json, "}");

    if (list->lines) {
        ngx_ferrokv_json_text(json, "\n");
    }

    key.data += cut;
    key.len -= cut;

    return ngx_http_ferrokv_list_remember(list, key);
}


static int
ngx_http_ferrokv_list_remember(ngx_http_ferrokv_list_t *list, fkv_str_t key)
{
    if (list->json.failed) {
        return FKV_ENOMEM;
    }

    if (key.len > list->next_size) {

        list->next_size = ngx_max(2 * key.len, 256);
        list->next.key.data = ngx_pnalloc(list->target.request->pool,
                                          list->next_size);

        if (list->next.key.data == NULL) {
            return FKV_ENOMEM;
        }
    }

    list->next.key.len = key.len;
    ngx_memcpy(list->next.key.data, key.data, key.len);

    return FKV_OK;
}


static ngx_int_t
ngx_http_ferrokv_list_answer(void *data, int rc)
{
    ngx_http_ferrokv_list_t *list = data;

    ngx_http_request_t  *r;

    r = list->target.request;

    if (rc == FKV_EFULL) {
        return ngx_http_ferrokv_send_crowded(r);
    }

    if (rc != FKV_OK) {
        return ngx_http_ferrokv_send_failure(&list->target, rc);
    }

    ngx_http_ferrokv_list_ended(list);

    if (ngx_http_ferrokv_list_end(list) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (list->lines) {
        return ngx_http_ferrokv_send_body(r, NGX_HTTP_OK,
                                      "application/x-ndjson",
                                      sizeof("application/x-ndjson") - 1,
                                      list->json.start,
                                      ngx_ferrokv_json_size(&list->json));
    }

    return ngx_http_ferrokv_send_json(r, NGX_HTTP_OK, &list->json);
}


/* The lease of a listing that was in pages is of little use any more. */
static void
ngx_http_ferrokv_list_ended(ngx_http_ferrokv_list_t *list)
{
    uint64_t  left_ms;

    if (list->scan.complete && list->scan.lease.id && list->next.own) {
        (void) fkv_snapshot_renew(list->scan.store, &list->scan.lease,
                                  NGX_HTTP_FERROKV_LEASE_ENDED_MS, true,
                                  &left_ms);
    }
}


/* The end of the object, or the last line of many. */
static ngx_int_t
ngx_http_ferrokv_list_end(ngx_http_ferrokv_list_t *list)
{
    ngx_str_t            cursor;
    ngx_ferrokv_json_t  *json;

    json = &list->json;

    if (list->lines) {
        ngx_ferrokv_json_text(json, "{");

    } else {
        ngx_ferrokv_json_text(json, "],");
    }

    if (list->scan.complete || list->count == 0) {
        ngx_ferrokv_json_text(json, "\"complete\":true,\"cursor\":null}\n");

    } else {
        list->next.lease = list->scan.lease;

        if (ngx_http_ferrokv_cursor_print(list->target.request->pool,
                                          &list->next, &cursor)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_ferrokv_json_text(json, "\"complete\":false,\"cursor\":\"");
        ngx_ferrokv_json_raw(json, cursor.data, cursor.len);
        ngx_ferrokv_json_text(json, "\"}\n");
    }

    return json->failed ? NGX_ERROR : NGX_OK;
}
