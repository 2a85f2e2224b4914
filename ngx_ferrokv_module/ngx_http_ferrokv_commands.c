
/*
 * ferrokv_commands: the directive, and the first steps of every request - may
 * it ask at all, which way does it, what are the arguments.
 */

#include "ngx_http_ferrokv_commands.h"
#include "ngx_ferrokv_secret.h"


static char *ngx_http_ferrokv_commands_arg(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_http_ferrokv_commands_conf_t *conf, ngx_str_t *store);
static char *ngx_http_ferrokv_commands_right(ngx_conf_t *cf, ngx_str_t *value,
    unsigned *rights, unsigned right);
static ngx_int_t ngx_http_ferrokv_commands_handler(ngx_http_request_t *r);
static ngx_http_ferrokv_commands_t *ngx_http_ferrokv_commands_create(
    ngx_http_request_t *r, ngx_http_ferrokv_commands_conf_t *conf);
static ngx_table_elt_t *ngx_http_ferrokv_commands_header(
    ngx_http_request_t *r, const char *name);
static ngx_uint_t ngx_http_ferrokv_commands_authorized(ngx_http_request_t *r,
    ngx_http_ferrokv_commands_conf_t *conf);
static ngx_int_t ngx_http_ferrokv_commands_refuse(ngx_http_request_t *r);
static ngx_int_t ngx_http_ferrokv_commands_path(
    ngx_http_ferrokv_commands_t *commands, ngx_str_t *rest);
static ngx_int_t ngx_http_ferrokv_commands_not_allowed(ngx_http_request_t *r,
    const char *allow, const char *why);
static ngx_int_t ngx_http_ferrokv_commands_post(
    ngx_http_ferrokv_commands_t *commands, ngx_str_t *rest);
static ngx_int_t ngx_http_ferrokv_commands_on_body(ngx_http_request_t *r,
    ngx_http_ferrokv_body_t *body, ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_commands_get(
    ngx_http_ferrokv_commands_t *commands, ngx_str_t *rest);
static ngx_int_t ngx_http_ferrokv_commands_split(
    ngx_http_ferrokv_commands_t *commands, ngx_str_t *rest);


char *
ngx_http_ferrokv_commands_conf(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_ferrokv_loc_conf_t *flcf = conf;

    char                              *rv;
    ngx_str_t                         *args, store;
    ngx_uint_t                         i;
    ngx_http_core_loc_conf_t          *clcf;
    ngx_http_ferrokv_commands_conf_t  *commands;

    if (flcf->commands) {
        return "is duplicate";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->named
#if (NGX_PCRE)
        || clcf->regex
#endif
       )
    {
        return "is not for a location that is named or a regular expression: "
               "the path behind its name says what to do";
    }

    commands = ngx_pcalloc(cf->pool, sizeof(ngx_http_ferrokv_commands_conf_t));
    if (commands == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_null(&store);
    args = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        rv = ngx_http_ferrokv_commands_arg(cf, &args[i], commands, &store);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    commands->store = ngx_ferrokv_store_ref(cf, &store);
    if (commands->store == NULL) {
        return NGX_CONF_ERROR;
    }

    commands->location = clcf->name;

    clcf->handler = ngx_http_ferrokv_commands_handler;
    flcf->commands = commands;

    return NGX_CONF_OK;
}


static char *
ngx_http_ferrokv_commands_arg(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_http_ferrokv_commands_conf_t *conf, ngx_str_t *store)
{
    ngx_str_t  value;

    if (ngx_http_ferrokv_arg(arg, "store", store)) {
        return NGX_CONF_OK;
    }

    if (ngx_http_ferrokv_arg(arg, "write", &value)) {
        return ngx_http_ferrokv_commands_right(cf, &value, &conf->rights,
                                               FKV_COMMAND_WRITE);
    }

    if (ngx_http_ferrokv_arg(arg, "admin", &value)) {
        return ngx_http_ferrokv_commands_right(cf, &value, &conf->rights,
                                               FKV_COMMAND_ADMIN);
    }

    if (ngx_http_ferrokv_arg(arg, "token", &value) && value.len) {
        conf->tokens = ngx_ferrokv_read_secrets(cf, &value);

        return conf->tokens ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"", arg);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_ferrokv_commands_right(ngx_conf_t *cf, ngx_str_t *value,
    unsigned *rights, unsigned right)
{
    char        *rv;
    ngx_flag_t   flag;

    rv = ngx_http_ferrokv_flag(cf, value, &flag);

    if (rv == NGX_CONF_OK) {
        *rights = flag ? (*rights | right) : (*rights & ~right);
    }

    return rv;
}


char *
ngx_http_ferrokv_commands_merge(ngx_conf_t *cf,
    ngx_http_ferrokv_loc_conf_t *prev, ngx_http_ferrokv_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* as proxy_pass: "if" and limit_except go on with the outer handler */

    if (conf->commands == NULL
        && prev->commands
        && clcf->noname
        && clcf->handler == NULL)
    {
        conf->commands = prev->commands;
        clcf->handler = ngx_http_ferrokv_commands_handler;

    } else if (conf->commands) {
        conf->commands->body_max = clcf->client_max_body_size
                                   ? clcf->client_max_body_size
                                   : NGX_MAX_SIZE_T_VALUE;
    }

    /* the limit is kept, and its answer is ours */

    if (conf->commands) {
        clcf->client_max_body_size = 0;
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_ferrokv_commands_is_open(ngx_http_ferrokv_commands_conf_t *conf)
{
    if (conf->server.store == NULL) {
        ngx_ferrokv_init_server(&conf->server, (ngx_cycle_t *) ngx_cycle,
                                conf->store->store);
    }

    return conf->server.store != NULL;
}


static ngx_int_t
ngx_http_ferrokv_commands_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_str_t                     rest;
    ngx_http_ferrokv_commands_t  *commands;
    ngx_http_ferrokv_loc_conf_t  *flcf;

    flcf = ngx_http_get_module_loc_conf(r, ngx_http_ferrokv_module);

    if (!ngx_http_ferrokv_commands_authorized(r, flcf->commands)) {
        return ngx_http_ferrokv_commands_refuse(r);
    }

    if (!ngx_http_ferrokv_commands_is_open(flcf->commands)) {
        return ngx_http_ferrokv_commands_fail(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                              "ERR the store is not open");
    }

    commands = ngx_http_ferrokv_commands_create(r, flcf->commands);
    if (commands == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_ferrokv_commands_path(commands, &rest) != NGX_OK) {
        return ngx_http_ferrokv_commands_fail(r, NGX_HTTP_BAD_REQUEST,
                                              "ERR the path does not go on "
                                              "from the location's");
    }

    if (r->method == NGX_HTTP_POST && r == r->main) {
        return ngx_http_ferrokv_commands_post(commands, &rest);
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_http_ferrokv_commands_not_allowed(r, "GET, HEAD, POST",
                                                  "commands come by POST, or "
                                                  "by GET if they only read");
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_ferrokv_commands_get(commands, &rest);
}


static ngx_http_ferrokv_commands_t *
ngx_http_ferrokv_commands_create(ngx_http_request_t *r,
    ngx_http_ferrokv_commands_conf_t *conf)
{
    ngx_table_elt_t              *encoding;
    ngx_pool_cleanup_t           *cln;
    ngx_http_ferrokv_commands_t  *commands;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_ferrokv_commands_t));
    if (cln == NULL) {
        return NULL;
    }

    commands = cln->data;
    ngx_memzero(commands, sizeof(ngx_http_ferrokv_commands_t));

    cln->handler = ngx_http_ferrokv_commands_cleanup;

    commands->request = r;
    commands->conf = conf;
    commands->rights = conf->rights;

    encoding = ngx_http_ferrokv_commands_header(r, "Upstash-Encoding");

    commands->base64 = (encoding
                        && encoding->value.len == sizeof("base64") - 1
                        && ngx_strncasecmp(encoding->value.data,
                                           (u_char *) "base64",
                                           sizeof("base64") - 1)
                           == 0);

    return commands;
}


static ngx_table_elt_t *
ngx_http_ferrokv_commands_header(ngx_http_request_t *r, const char *name)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == len
                && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
            {
                return &h[i];
            }
        }
    }

    return NULL;
}


/* "Authorization: Bearer TOKEN" */

static ngx_uint_t
ngx_http_ferrokv_commands_authorized(ngx_http_request_t *r,
    ngx_http_ferrokv_commands_conf_t *conf)
{
    size_t      len;
    ngx_str_t  *value;

    static u_char  scheme[] = "Bearer ";

    if (conf->tokens == NULL) {
        return 1;
    }

    if (r->headers_in.authorization == NULL) {
        return 0;
    }

    value = &r->headers_in.authorization->value;
    len = sizeof(scheme) - 1;

    return value->len > len
           && ngx_strncasecmp(value->data, scheme, len) == 0
           && ngx_ferrokv_is_secret(conf->tokens, value->data + len,
                                    value->len - len);
}


static ngx_int_t
ngx_http_ferrokv_commands_refuse(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = ngx_http_ferrokv_add_header(r, "WWW-Authenticate",
                                    sizeof("WWW-Authenticate") - 1,
                                    (u_char *) "Bearer", sizeof("Bearer") - 1);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.www_authenticate = h;

    return ngx_http_ferrokv_commands_fail(r, NGX_HTTP_UNAUTHORIZED,
                                          "ERR unauthorized: no token, or a "
                                          "wrong one");
}


/*
 * What the client wrote behind the location's name, without the slash between
 * them.  See ngx_http_ferrokv_rest_path() for why it is not r->uri.
 */

static ngx_int_t
ngx_http_ferrokv_commands_path(ngx_http_ferrokv_commands_t *commands,
    ngx_str_t *rest)
{
    u_char              *p, *end;
    ngx_str_t           *name, *path;
    ngx_http_request_t  *r;

    r = commands->request;
    name = &commands->conf->location;
    path = (r == r->main) ? &r->unparsed_uri : &r->uri;

    if (path->len < name->len
        || ngx_memcmp(path->data, name->data, name->len) != 0)
    {
        return NGX_ERROR;
    }

    p = path->data + name->len;
    end = path->data + path->len;

    rest->data = p;

    if (r == r->main) {
        while (p < end && *p != '?' && *p != '#') {
            p++;
        }

        end = p;
    }

    rest->len = end - rest->data;

    if (rest->len == 0 || name->data[name->len - 1] == '/') {
        return NGX_OK;
    }

    if (rest->data[0] != '/') {
        return NGX_ERROR;
    }

    rest->data++;
    rest->len--;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_commands_not_allowed(ngx_http_request_t *r, const char *allow,
    const char *why)
{
    if (ngx_http_ferrokv_add_header(r, "Allow", sizeof("Allow") - 1,
                                    (u_char *) allow, ngx_strlen(allow))
        == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_ferrokv_commands_fail(r, NGX_HTTP_NOT_ALLOWED, "ERR %s",
                                          why);
}


static ngx_uint_t
ngx_http_ferrokv_commands_is(ngx_str_t *rest, const char *word)
{
    return rest->len == ngx_strlen(word)
           && ngx_strncmp(rest->data, word, rest->len) == 0;
}


static ngx_int_t
ngx_http_ferrokv_commands_post(ngx_http_ferrokv_commands_t *commands,
    ngx_str_t *rest)
{
    ngx_http_request_t       *r;
    ngx_http_ferrokv_body_t  *body;

    r = commands->request;
    body = &commands->body;

    if (ngx_http_ferrokv_commands_is(rest, "pipeline")) {
        commands->kind = NGX_HTTP_FERROKV_COMMANDS_PIPELINE;

    } else if (ngx_http_ferrokv_commands_is(rest, "multi-exec")) {
        commands->kind = NGX_HTTP_FERROKV_COMMANDS_MULTI;

    } else if (rest->len) {
        return ngx_http_ferrokv_commands_fail(r, NGX_HTTP_NOT_FOUND,
                                              "ERR a JSON array is posted to "
                                              "the location itself, or to "
                                              "pipeline or multi-exec in it");
    }

    /* a form of a foreign page cannot send this type, or a token, unasked */

    if (commands->conf->tokens == NULL && !ngx_http_ferrokv_is_json(r)) {
        return ngx_http_ferrokv_commands_fail(r,
                                              NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                              "ERR Content-Type: application/"
                                              "json is needed where no token "
                                              "is");
    }

    body->max = commands->conf->body_max;
    body->on_body = ngx_http_ferrokv_commands_on_body;

    return ngx_http_ferrokv_body_read(r, body);
}


static ngx_int_t
ngx_http_ferrokv_commands_on_body(ngx_http_request_t *r,
    ngx_http_ferrokv_body_t *body, ngx_http_ferrokv_problem_t *problem)
{
    int                           rc;
    ngx_str_t                     detail;
    fkv_json_request_t           *json;
    ngx_http_ferrokv_commands_t  *commands;

    commands = (ngx_http_ferrokv_commands_t *) (void *)
               ((u_char *) body - offsetof(ngx_http_ferrokv_commands_t, body));

    if (problem) {
        detail.data = problem->detail;
        detail.len = problem->detail_len;

        return ngx_http_ferrokv_commands_fail(r, problem->status, "ERR %V",
                                              &detail);
    }

    json = &commands->json;

    rc = fkv_json_request_parse(json, body->data, body->len,
                        commands->kind != NGX_HTTP_FERROKV_COMMANDS_ONE);

    if (rc == FKV_EINVAL) {
        return ngx_http_ferrokv_commands_fail(r, NGX_HTTP_BAD_REQUEST,
                                              "ERR the body is not what it "
                                              "should be: before byte %uz: %s",
                                              json->at, json->error);
    }

    if (rc != FKV_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    commands->requests = json->requests;
    commands->n = json->n;

    if (commands->n == 0) {
        return ngx_http_ferrokv_send_body(r, NGX_HTTP_OK, "application/json",
                                          sizeof("application/json") - 1,
                                          (u_char *) "[]\n", 3);
    }

    return ngx_http_ferrokv_commands_start(commands);
}


static ngx_int_t
ngx_http_ferrokv_commands_get(ngx_http_ferrokv_commands_t *commands,
    ngx_str_t *rest)
{
    ngx_http_request_t   *r;
    const fkv_request_t  *request;
    const fkv_command_t  *command;

    r = commands->request;

    if (ngx_http_ferrokv_commands_is(rest, "pipeline")
        || ngx_http_ferrokv_commands_is(rest, "multi-exec"))
    {
        return ngx_http_ferrokv_commands_not_allowed(r, "POST",
                                               "that takes a JSON array, by "
                                               "POST");
    }

    if (rest->len == 0) {
        return ngx_http_ferrokv_commands_fail(r, NGX_HTTP_BAD_REQUEST,
                                              "ERR the path names no command");
    }

    if (r == r->main && r->args.len) {
        return ngx_http_ferrokv_commands_fail(r, NGX_HTTP_BAD_REQUEST,
                                              "ERR arguments are parts of the "
                                              "path, not behind \"?\"");
    }

    if (ngx_http_ferrokv_commands_split(commands, rest) != NGX_OK) {
        return ngx_http_ferrokv_commands_fail(r, NGX_HTTP_BAD_REQUEST,
                                              "ERR malformed percent-encoding "
                                              "in the path");
    }

    request = commands->requests;
    command = fkv_command_find(request->argv[0]);

    if (command && command->subs && request->argc > 1) {
        command = fkv_command_sub(command, request->argv[1]);
    }

    /* a link, or a picture of a foreign page, is a GET */

    if (command && (command->flags & (FKV_COMMAND_WRITE|FKV_COMMAND_ADMIN))) {
        return ngx_http_ferrokv_commands_not_allowed(r, "POST",
                                               "GET is for commands that only "
                                               "read: POST a JSON array");
    }

    return ngx_http_ferrokv_commands_start(commands);
}


/* Between slashes, each percent-decoded: "%2F" is one that is not between. */

static ngx_int_t
ngx_http_ferrokv_commands_split(ngx_http_ferrokv_commands_t *commands,
    ngx_str_t *rest)
{
    size_t               len, bad;
    u_char              *p, *end, *slash, *out;
    ngx_str_t            part;
    fkv_str_t           *argv;
    ngx_uint_t           n;
    ngx_pool_t          *pool;
    fkv_request_t       *request;
    ngx_http_request_t  *r;

    r = commands->request;
    pool = r->pool;
    end = rest->data + rest->len;

    for (n = 1, p = rest->data; p < end; p++) {
        n += (*p == '/');
    }

    request = ngx_pcalloc(pool, sizeof(fkv_request_t));
    argv = ngx_palloc(pool, n * sizeof(fkv_str_t));
    out = ngx_pnalloc(pool, rest->len);

    if (request == NULL || argv == NULL || out == NULL) {
        return NGX_ERROR;
    }

    for (n = 0, p = rest->data; p <= end; p = slash + 1) {

        slash = ngx_strlchr(p, end, '/');

        if (slash == NULL) {
            slash = end;
        }

        part.data = p;
        part.len = slash - p;

        if (r != r->main) {                     /* nginx has decoded it */
            argv[n].data = part.data;
            argv[n++].len = part.len;
            continue;
        }

        if (ngx_http_ferrokv_decode(out, &part, 0, &len, &bad) != NGX_OK) {
            return NGX_ERROR;
        }

        argv[n].data = out;
        argv[n++].len = len;
        out += len;
    }

    request->argv = argv;
    request->argc = n;

    commands->kind = NGX_HTTP_FERROKV_COMMANDS_PATH;
    commands->requests = request;
    commands->n = 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_commands_fail(ngx_http_request_t *r, ngx_uint_t status,
    const char *fmt, ...)
{
    u_char              *end;
    va_list              args;
    ngx_ferrokv_json_t   json;
    u_char               text[NGX_HTTP_FERROKV_DETAIL_BYTES];

    ngx_http_ferrokv_drop_body(r);

    va_start(args, fmt);
    end = ngx_vslprintf(text, text + sizeof(text), fmt, args);
    va_end(args);

    ngx_ferrokv_json_init(&json, r->pool, 512);
    ngx_ferrokv_json_text(&json, "{\"error\":");
    ngx_ferrokv_json_string(&json, text, end - text);
    ngx_ferrokv_json_text(&json, "}\n");

    return ngx_http_ferrokv_send_json(r, status, &json);
}
