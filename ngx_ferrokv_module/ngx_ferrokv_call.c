
#include "ngx_ferrokv_call.h"
#include "commands/check.h"


#define NGX_FERROKV_CALL_UNAVAILABLE  503


static ngx_int_t ngx_ferrokv_call_prepare(ngx_ferrokv_run_t *run);
static int ngx_ferrokv_call_start(ngx_ferrokv_run_t *run);
static void ngx_ferrokv_call_finish(ngx_ferrokv_run_t *run, int rc);


static ngx_ferrokv_kind_t  ngx_ferrokv_kind_call = {
    ngx_string("ferrokv_call"), 1, 0,
    0,
    ngx_ferrokv_call_prepare,
    ngx_ferrokv_call_start,
    ngx_ferrokv_call_finish
};


/* The directive */

static ngx_int_t
ngx_ferrokv_call_deny(ngx_conf_t *cf, ngx_ferrokv_call_t *call,
    ngx_str_t *value)
{
    ngx_int_t  status;

    status = ngx_atoi(value->data, value->len);

    if (status < 400 || status > 599) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"deny=%V\" in \"ferrokv_call\", it "
                           "must be between 400 and 599", value);
        return NGX_ERROR;
    }

    call->deny = status;

    return NGX_OK;
}


static ngx_int_t
ngx_ferrokv_call_on_error(ngx_conf_t *cf, ngx_ferrokv_call_t *call,
    ngx_str_t *value)
{
    if (ngx_strcmp(value->data, "allow") == 0) {
        call->reject = 0;
        return NGX_OK;
    }

    if (ngx_strcmp(value->data, "reject") == 0) {
        call->reject = 1;
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"on_error=%V\" in \"ferrokv_call\", it "
                       "must be \"allow\" or \"reject\"", value);

    return NGX_ERROR;
}


/* NGX_DECLINED: it is no option, the command begins here */

static ngx_int_t
ngx_ferrokv_call_option(ngx_conf_t *cf, ngx_ferrokv_call_t *call,
    ngx_str_t *store, ngx_str_t *arg)
{
    ngx_str_t  value;

    if (ngx_ferrokv_arg(arg, "store", store)) {
        return NGX_OK;
    }

    if (ngx_ferrokv_arg(arg, "deny", &value)) {
        return ngx_ferrokv_call_deny(cf, call, &value);
    }

    if (ngx_ferrokv_arg(arg, "on_error", &value)) {
        return ngx_ferrokv_call_on_error(cf, call, &value);
    }

    return NGX_DECLINED;
}


/* What a request may not wait for, or may not do. */

static ngx_int_t
ngx_ferrokv_call_suits(ngx_conf_t *cf, ngx_ferrokv_call_t *call,
    const fkv_str_t *argv)
{
    const char  *why;
    char         name[FKV_COMMAND_NAME_BYTES];

    if (call->command->flags & FKV_COMMAND_ADMIN) {
        why = "is for administrators";

    } else if (call->command->flags & FKV_COMMAND_SLOW) {
        why = "may take as long as the store is large";

    } else {
        return NGX_OK;
    }

    fkv_command_name(name, call->command, argv);

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"ferrokv_call\": \"%s\" %s, so it is not for "
                       "requests", name, why);

    return NGX_ERROR;
}


/* As the command itself will be checked, but for what its arguments say. */

static ngx_int_t
ngx_ferrokv_call_check(ngx_conf_t *cf, ngx_ferrokv_call_t *call,
    ngx_str_t *args, ngx_uint_t n)
{
    int                rc;
    size_t             at;
    fkv_str_t         *argv;
    ngx_uint_t         i;
    fkv_reply_t        reply;
    fkv_reply_token_t  token;

    argv = ngx_palloc(cf->pool, n * sizeof(fkv_str_t));
    if (argv == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        argv[i] = ngx_ferrokv_str(&args[i]);
    }

    ngx_memzero(&reply, sizeof(fkv_reply_t));

    rc = fkv_command_check(&call->command, argv, n,
                           FKV_COMMAND_WRITE|FKV_COMMAND_ADMIN, NULL, &reply);

    if (rc == FKV_OK) {
        return ngx_ferrokv_call_suits(cf, call, argv);
    }

    at = 0;

    if (reply.rc == FKV_OK && fkv_reply_next(&reply, &at, &token) == FKV_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"ferrokv_call\": %*s%s",
                           token.str.len, token.str.data,
                           call->command ? ""
                           : "; one of an extension is known behind its "
                             "\"ferrokv_extension\" only");
    }

    fkv_reply_done(&reply);

    return NGX_ERROR;
}


static ngx_int_t
ngx_ferrokv_call_args(ngx_conf_t *cf, ngx_ferrokv_face_t *face,
    ngx_ferrokv_call_t *call, ngx_str_t *args, ngx_uint_t n)
{
    void        **arg;
    ngx_uint_t    i;

    if (ngx_array_init(&call->args, cf->pool, n, sizeof(void *)) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        arg = ngx_array_push(&call->args);
        if (arg == NULL) {
            return NGX_ERROR;
        }

        *arg = face->compile(cf, &args[i]);
        if (*arg == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_ferrokv_call_variable(ngx_conf_t *cf, ngx_ferrokv_action_t *action,
    ngx_str_t *name)
{
    ngx_ferrokv_call_t  *call;

    call = action->call;

    action->index = action->face->variable(cf, name);
    if (action->index == NGX_ERROR) {
        return NGX_ERROR;
    }

    call->variable.len = name->len - 1;
    call->variable.data = ngx_pnalloc(cf->pool, call->variable.len);
    if (call->variable.data == NULL) {
        return NGX_ERROR;
    }

    ngx_strlow(call->variable.data, name->data + 1, call->variable.len);

    return action->face->items(cf, &call->variable);
}


ngx_ferrokv_action_t *
ngx_ferrokv_parse_call(ngx_conf_t *cf, ngx_ferrokv_face_t *face)
{
    ngx_int_t              rc;
    ngx_str_t             *value, store;
    ngx_uint_t             i, n;
    ngx_ferrokv_call_t    *call;
    ngx_ferrokv_action_t  *action;

    value = cf->args->elts;

    action = ngx_pcalloc(cf->pool, sizeof(ngx_ferrokv_action_t));
    call = ngx_pcalloc(cf->pool, sizeof(ngx_ferrokv_call_t));

    if (action == NULL || call == NULL) {
        return NULL;
    }

    action->face = face;
    action->kind = &ngx_ferrokv_kind_call;
    action->call = call;

    if (ngx_ferrokv_call_variable(cf, action, &value[1]) != NGX_OK) {
        return NULL;
    }

    ngx_str_null(&store);

    for (i = 2; i < cf->args->nelts; i++) {
        rc = ngx_ferrokv_call_option(cf, call, &store, &value[i]);

        if (rc == NGX_ERROR) {
            return NULL;
        }

        if (rc == NGX_DECLINED) {
            break;
        }
    }

    n = cf->args->nelts - i;

    if (n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ferrokv_call\" names no command");
        return NULL;
    }

    call->name = ngx_ferrokv_str(&value[i]);

    if (ngx_ferrokv_call_check(cf, call, &value[i], n) != NGX_OK
        || ngx_ferrokv_call_args(cf, face, call, &value[i + 1], n - 1)
           != NGX_OK)
    {
        return NULL;
    }

    action->ref = ngx_ferrokv_store_ref(cf, &store);

    return action->ref ? action : NULL;
}


/* The run */

static ngx_int_t
ngx_ferrokv_call_prepare(ngx_ferrokv_run_t *run)
{
    void                **arg;
    fkv_str_t            *argv;
    ngx_str_t             value;
    ngx_uint_t            i;
    fkv_request_t        *request;
    ngx_ferrokv_call_t   *call;
    ngx_ferrokv_face_t   *face;

    call = run->action->call;
    face = run->action->face;
    arg = call->args.elts;

    argv = ngx_palloc(face->pool(run->of),
                      (call->args.nelts + 1) * sizeof(fkv_str_t));
    if (argv == NULL) {
        return NGX_ERROR;
    }

    argv[0] = call->name;

    for (i = 0; i < call->args.nelts; i++) {

        if (face->eval(run->of, arg[i], &value) != NGX_OK) {
            return NGX_ERROR;
        }

        argv[i + 1] = ngx_ferrokv_str(&value);
    }

    request = &run->op.call.request;

    ngx_memzero(request, sizeof(fkv_request_t));

    request->argv = argv;
    request->argc = call->args.nelts + 1;

    return NGX_OK;
}


static int
ngx_ferrokv_call_start(ngx_ferrokv_run_t *run)
{
    fkv_exec_t          *exec;
    ngx_ferrokv_call_t  *call;

    exec = &run->op.call.exec;
    call = run->action->call;

    if (call->server.store == NULL) {
        ngx_ferrokv_init_server(&call->server, (ngx_cycle_t *) ngx_cycle,
                                run->action->ref->store);
    }

    ngx_memzero(exec, sizeof(fkv_exec_t));

    exec->op.on_done = ngx_ferrokv_run_done;
    exec->op.data = run;
    exec->store = call->server.store;
    exec->server = &call->server;
    exec->rights = FKV_COMMAND_WRITE;
    exec->requests = &run->op.call.request;
    exec->n = 1;

    return fkv_exec(exec);
}


/* No reply, or an error: the variable stays as it is. */

static void
ngx_ferrokv_call_failed(ngx_ferrokv_run_t *run, fkv_str_t *text)
{
    ngx_ferrokv_call_t  *call;
    char                 name[FKV_COMMAND_NAME_BYTES];

    call = run->action->call;

    fkv_command_name(name, call->command, run->op.call.request.argv);

    ngx_log_error(NGX_LOG_ERR, run->action->face->connection(run->of)->log, 0,
                  "\"ferrokv_call\": \"%s\" in store \"%V\": %*s", name,
                  &run->action->ref->store->name, text->len, text->data);

    if (call->reject) {
        run->status = NGX_FERROKV_CALL_UNAVAILABLE;
    }
}


static void
ngx_ferrokv_call_take(ngx_ferrokv_run_t *run, fkv_reply_t *reply)
{
    fkv_str_t              text;
    ngx_ferrokv_call_t    *call;
    ngx_ferrokv_face_t    *face;
    ngx_ferrokv_result_t  *result, **newest;

    call = run->action->call;
    face = run->action->face;

    newest = face->results(run->of);
    result = ngx_ferrokv_result(face->pool(run->of), &call->variable, reply);

    if (result == NULL) {
        text = FKV_STR("out of memory");
        ngx_ferrokv_call_failed(run, &text);
        return;
    }

    result->next = *newest;
    *newest = result;

    if (result->is_scalar) {
        face->set(run->of, run->action->index, result->scalar.data,
                  result->scalar.len);
    }

    if (call->deny && ngx_ferrokv_result_is_true(result)) {
        run->status = call->deny;
    }
}


static void
ngx_ferrokv_call_finish(ngx_ferrokv_run_t *run, int rc)
{
    size_t              at;
    fkv_str_t           text;
    fkv_reply_t        *reply;
    fkv_reply_token_t   token;

    reply = &run->op.call.exec.reply;
    at = 0;

    if (rc != FKV_OK || reply->rc != FKV_OK
        || fkv_reply_next(reply, &at, &token) != FKV_OK)
    {
        text = FKV_STR("out of memory");
        ngx_ferrokv_call_failed(run, &text);

    } else if (token.type == FKV_REPLY_ERROR) {
        ngx_ferrokv_call_failed(run, &token.str);

    } else {
        ngx_ferrokv_call_take(run, reply);
    }

    fkv_exec_done(&run->op.call.exec);
}
