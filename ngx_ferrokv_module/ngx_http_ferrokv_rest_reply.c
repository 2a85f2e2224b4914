
#include "ngx_http_ferrokv_rest.h"
#include "commands/types.h"


static const char *ngx_http_ferrokv_title(ngx_uint_t status);


ngx_int_t
ngx_http_ferrokv_fail(ngx_http_ferrokv_problem_t *problem, ngx_uint_t status,
    const char *code, const char *fmt, ...)
{
    u_char   *end;
    va_list   args;

    problem->status = status;
    problem->code = code;
    problem->allow = NULL;

    va_start(args, fmt);
    end = ngx_vslprintf(problem->detail,
                        problem->detail + NGX_HTTP_FERROKV_DETAIL_BYTES,
                        fmt, args);
    va_end(args);

    problem->detail_len = end - problem->detail;

    return NGX_ERROR;
}


void
ngx_http_ferrokv_fail_code(ngx_http_ferrokv_problem_t *problem, int rc)
{
    (void) ngx_http_ferrokv_fail(problem, ngx_ferrokv_http_status(rc),
                                 ngx_http_ferrokv_code_word(rc), "%s",
                                 fkv_code_text(rc));
}


const char *
ngx_http_ferrokv_code_word(int rc)
{
    switch (rc) {

    case FKV_NOTFOUND:
        return "not_found";

    case FKV_EXISTS:
        return "exists";

    case FKV_CONFLICT:
        return "conflict";

    case FKV_PRECONDITION:
        return "precondition_failed";

    case FKV_NOTINT:
        return "not_an_integer";

    case FKV_WRONGTYPE:
        return "wrong_type";

    case FKV_GONE:
        return "gone";

    case FKV_EIO:
        return "io_error";

    case FKV_ECORRUPT:
        return "corrupt";

    case FKV_ENOMEM:
        return "out_of_memory";

    case FKV_EFULL:
        return "full";

    case FKV_EMAXSIZE:
        return "max_size";

    case FKV_EQUOTA:
        return "quota";

    case FKV_EREADONLY:
        return "read_only";

    case FKV_EDENIED:
        return "denied";

    case FKV_EMISSING:
        return "extension_missing";

    case FKV_ETOOBIG:
        return "too_large";

    default:
        return "internal_error";
    }
}


/* The phrase of the status line, which "about:blank" promises. */
static const char *
ngx_http_ferrokv_title(ngx_uint_t status)
{
    switch (status) {

    case NGX_HTTP_BAD_REQUEST:
        return "Bad Request";

    case NGX_HTTP_FORBIDDEN:
        return "Forbidden";

    case NGX_HTTP_NOT_FOUND:
        return "Not Found";

    case NGX_HTTP_NOT_ALLOWED:
        return "Method Not Allowed";

    case NGX_HTTP_CONFLICT:
        return "Conflict";

    case 410:
        return "Gone";

    case NGX_HTTP_PRECONDITION_FAILED:
        return "Precondition Failed";

    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE:
        return "Content Too Large";

    case NGX_HTTP_UNSUPPORTED_MEDIA_TYPE:
        return "Unsupported Media Type";

    case NGX_HTTP_RANGE_NOT_SATISFIABLE:
        return "Range Not Satisfiable";

    case NGX_HTTP_NOT_IMPLEMENTED:
        return "Not Implemented";

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        return "Service Unavailable";

    case NGX_HTTP_INSUFFICIENT_STORAGE:
        return "Insufficient Storage";

    default:
        return "Internal Server Error";
    }
}


ngx_int_t
ngx_http_ferrokv_send_problem(ngx_http_request_t *r,
    ngx_http_ferrokv_problem_t *problem)
{
    const char          *title;
    ngx_ferrokv_json_t   json;

    ngx_http_ferrokv_drop_body(r);

    title = ngx_http_ferrokv_title(problem->status);

    ngx_ferrokv_json_init(&json, r->pool, 512);
    ngx_ferrokv_json_text(&json, "{\"type\":\"about:blank\",\"title\":");
    ngx_ferrokv_json_string(&json, title, ngx_strlen(title));
    ngx_ferrokv_json_text(&json, ",\"status\":");
    ngx_ferrokv_json_uint(&json, problem->status);
    ngx_ferrokv_json_text(&json, ",\"detail\":");
    ngx_ferrokv_json_string(&json, problem->detail, problem->detail_len);
    ngx_ferrokv_json_text(&json, ",\"code\":");
    ngx_ferrokv_json_string(&json, problem->code, ngx_strlen(problem->code));
    ngx_ferrokv_json_text(&json, "}\n");

    if (json.failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (problem->allow
        && ngx_http_ferrokv_add_header(r, "Allow", sizeof("Allow") - 1,
                                       (u_char *) problem->allow,
                                       ngx_strlen(problem->allow))
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (problem->status == NGX_HTTP_SERVICE_UNAVAILABLE
        && ngx_http_ferrokv_add_header(r, "Retry-After",
                                       sizeof("Retry-After") - 1,
                                       (u_char *) "1", 1)
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_ferrokv_send_body(r, problem->status,
                                      "application/problem+json",
                                      sizeof("application/problem+json") - 1,
                                      json.start,
                                      ngx_ferrokv_json_size(&json));
}


/*
 * As nginx does before its own 413: no 100-continue, and what comes all the
 * same is thrown away.
 */
void
ngx_http_ferrokv_drop_body(ngx_http_request_t *r)
{
    if (r != r->main) {
        return;
    }

    r->expect_tested = 1;

    if (r->reading_body) {
        r->keepalive = 0;
        r->read_event_handler = ngx_http_block_reading;

#if (NGX_HTTP_V2)
        if (r->stream) {
            r->stream->skip_data = 1;
        }
#endif

        return;
    }

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }
}


ngx_int_t
ngx_http_ferrokv_send_failure(ngx_http_ferrokv_target_t *target, int rc)
{
    fkv_str_t                    said;
    ngx_http_request_t          *r;
    ngx_http_ferrokv_problem_t   problem;

    static ngx_str_t  directive = ngx_string("ferrokv_rest");

    r = target->request;

    if (rc < 0) {
        ngx_http_ferrokv_log_failure(r->connection->log, &directive,
                                     target->store,
                                     ngx_ferrokv_str(&target->key), rc);
    }

    said = ngx_ferrokv_code_said(target->store, rc);

    (void) ngx_http_ferrokv_fail(&problem, ngx_ferrokv_http_status(rc),
                                 ngx_http_ferrokv_code_word(rc), "%*s",
                                 said.len, said.data);

    return ngx_http_ferrokv_send_problem(r, &problem);
}


ngx_table_elt_t *
ngx_http_ferrokv_add_header(ngx_http_request_t *r, const char *name,
    size_t name_len, u_char *value, size_t len)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = name_len;
    h->value.data = value;
    h->value.len = len;
    h->lowcase_key = NULL;

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
}


u_char *
ngx_http_ferrokv_add_etag(ngx_http_request_t *r, u_char *p, uint64_t version)
{
    u_char  *last;

    last = p;
    *last++ = '"';
    last = ngx_http_ferrokv_print_uint(last, version);
    *last++ = '"';

    r->headers_out.etag = ngx_http_ferrokv_add_header(r, "ETag",
                                            sizeof("ETag") - 1, p, last - p);

    return (r->headers_out.etag == NULL) ? NULL : last;
}


/* Values are anybody's bytes: a browser must not guess what they are. */
ngx_int_t
ngx_http_ferrokv_add_nosniff(ngx_http_request_t *r)
{
    if (ngx_http_ferrokv_add_header(r, "X-Content-Type-Options",
                                    sizeof("X-Content-Type-Options") - 1,
                                    (u_char *) "nosniff",
                                    sizeof("nosniff") - 1)
        == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_send_empty(ngx_http_request_t *r, ngx_uint_t status)
{
    if (ngx_http_ferrokv_add_nosniff(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n =
        (status == NGX_HTTP_CREATED) ? 0 : -1;
    r->header_only = 1;
    r->disable_not_modified = 1;

    return ngx_http_send_header(r);
}


ngx_int_t
ngx_http_ferrokv_send_body(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, size_t type_len, u_char *data, size_t len)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    if (ngx_http_ferrokv_add_nosniff(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n = len;
    r->headers_out.content_type.data = (u_char *) type;
    r->headers_out.content_type.len = type_len;
    r->headers_out.content_type_len = type_len;
    r->headers_out.content_type_lowcase = NULL;

    /* conditions are ours: ngx_http_ferrokv_match() */
    r->disable_not_modified = 1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = data;
    b->last = data + len;
    b->memory = len ? 1 : 0;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;
    b->sync = (b->last_buf || b->memory) ? 0 : 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


void
ngx_http_ferrokv_json_meta(ngx_ferrokv_json_t *json, const fkv_value_t *value,
    uint64_t now_ms)
{
    ngx_ferrokv_json_text(json, ",\"ttl_ms\":");

    if (value->expire_at) {
        ngx_ferrokv_json_uint(json, value->expire_at - now_ms);

    } else {
        ngx_ferrokv_json_text(json, "null");
    }

    ngx_ferrokv_json_text(json, ",\"version\":");
    ngx_ferrokv_json_uint(json, value->version);
    ngx_ferrokv_json_text(json, ",\"size\":");
    ngx_ferrokv_json_uint(json, value->size);
}


void
ngx_http_ferrokv_json_value(ngx_ferrokv_json_t *json, const fkv_value_t *value)
{
    if (value->type == 0 && value->data.len == value->size) {
        ngx_ferrokv_json_text(json, ",");
        ngx_ferrokv_json_bytes(json, "value", value->data.data,
                               value->data.len);
    }
}


void
ngx_http_ferrokv_json_type(ngx_ferrokv_json_t *json, const fkv_value_t *value)
{
    ngx_ferrokv_json_text(json, ",\"content_type\":");

    if (value->content_type.len) {
        ngx_ferrokv_json_string(json, value->content_type.data,
                                value->content_type.len);

    } else {
        ngx_ferrokv_json_text(json, "null");
    }
}


void
ngx_http_ferrokv_json_kind(ngx_ferrokv_json_t *json, const fkv_t *store,
    const fkv_value_t *value)
{
    const char  *label;

    if (value->type != 0) {
        label = fkv_types_label(store, value->type);

        ngx_ferrokv_json_text(json, ",\"type\":");
        ngx_ferrokv_json_string(json, label, ngx_strlen(label));
    }
}


ngx_int_t
ngx_http_ferrokv_send_json(ngx_http_request_t *r, ngx_uint_t status,
    ngx_ferrokv_json_t *json)
{
    if (json->failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_ferrokv_send_body(r, status, "application/json",
                                      sizeof("application/json") - 1,
                                      json->start,
                                      ngx_ferrokv_json_size(json));
}


ngx_int_t
ngx_http_ferrokv_wait(ngx_http_request_t *r)
{
    /* count: the caller's share ends with NGX_DONE, this one with _done() */
    r->main->count++;

    ngx_http_ferrokv_hold(r);

    return NGX_DONE;
}


void
ngx_http_ferrokv_done(ngx_http_request_t *r,
    ngx_int_t (*answer)(void *data, int rc), void *data, int rc)
{
    ngx_connection_t  *c;

    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    r->main->blocked--;

    /*
     * If nginx has tried to terminate the request meanwhile, c->error is set:
     * the answer goes nowhere then and the request ends here all the same.
     */

    ngx_http_finalize_request(r, answer(data, rc));
    ngx_http_run_posted_requests(c);
}
