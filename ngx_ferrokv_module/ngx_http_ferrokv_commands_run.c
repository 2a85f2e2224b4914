
/*
 * Runs of a request's commands, and the answer.  A pipeline's command begins
 * when the one before it has its place in the log: so it sees what that wrote,
 * and does not wait until it is durable, for many share one write.
 */

#include "ngx_http_ferrokv_commands.h"
#include "commands/check.h"


static ngx_int_t ngx_http_ferrokv_commands_check(
    ngx_http_ferrokv_commands_t *commands);
static ngx_int_t ngx_http_ferrokv_commands_abort(
    ngx_http_ferrokv_commands_t *commands, fkv_str_t *why);
static ngx_uint_t ngx_http_ferrokv_commands_step(
    ngx_http_ferrokv_commands_t *commands);
static void ngx_http_ferrokv_commands_render(
    ngx_http_ferrokv_commands_t *commands);
static int ngx_http_ferrokv_commands_put(
    ngx_http_ferrokv_commands_t *commands, fkv_reply_t *reply);
static ngx_uint_t ngx_http_ferrokv_commands_may_begin(
    ngx_http_ferrokv_commands_t *commands);
static void ngx_http_ferrokv_commands_begin(
    ngx_http_ferrokv_commands_t *commands);
static void ngx_http_ferrokv_commands_on_placed(fkv_exec_t *exec);
static void ngx_http_ferrokv_commands_on_done(fkv_op_t *op);
static void ngx_http_ferrokv_commands_on_turn(ngx_event_t *ev);
static void ngx_http_ferrokv_commands_go_on(
    ngx_http_ferrokv_commands_t *commands);
static ngx_int_t ngx_http_ferrokv_commands_answer(void *data, int rc);
static int ngx_http_ferrokv_commands_put_end(
    ngx_http_ferrokv_commands_t *commands);


static ngx_uint_t
ngx_http_ferrokv_commands_is_pipeline(ngx_http_ferrokv_commands_t *commands)
{
    return commands->kind == NGX_HTTP_FERROKV_COMMANDS_PIPELINE;
}


static ngx_http_ferrokv_commands_run_t *
ngx_http_ferrokv_commands_run(ngx_http_ferrokv_commands_t *commands,
    ngx_uint_t i)
{
    return &commands->runs[i % commands->window];
}


ngx_int_t
ngx_http_ferrokv_commands_start(ngx_http_ferrokv_commands_t *commands)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = commands->request;

    if (commands->kind == NGX_HTTP_FERROKV_COMMANDS_MULTI) {
        rc = ngx_http_ferrokv_commands_check(commands);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    /* a transaction is one run of all its commands */

    commands->end = ngx_http_ferrokv_commands_is_pipeline(commands)
                    ? commands->n : 1;
    commands->window = ngx_min(commands->end,
                               NGX_HTTP_FERROKV_PIPELINE_WINDOW);

    commands->runs = ngx_palloc(r->pool, commands->window
                                    * sizeof(ngx_http_ferrokv_commands_run_t));
    if (commands->runs == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    commands->expected = NGX_HTTP_FERROKV_PIPELINE_BYTES_MAX
                         / NGX_HTTP_FERROKV_PIPELINE_FIRST;

    commands->turn.handler = ngx_http_ferrokv_commands_on_turn;
    commands->turn.data = commands;
    commands->turn.log = r->connection->log;

    if (ngx_http_ferrokv_commands_step(commands)) {
        return ngx_http_ferrokv_commands_answer(commands, FKV_OK);
    }

    return ngx_http_ferrokv_wait(r);
}


/*
 * As while MULTI queues: a command that cannot run keeps all of them from it.
 * NGX_DECLINED: there is none
 */

static ngx_int_t
ngx_http_ferrokv_commands_check(ngx_http_ferrokv_commands_t *commands)
{
    size_t              at;
    fkv_str_t           why;
    ngx_int_t           rc;
    ngx_uint_t          i;
    fkv_reply_t         reply;
    fkv_request_t      *request;
    fkv_reply_token_t   token;

    ngx_memzero(&reply, sizeof(fkv_reply_t));

    for (i = 0; i < commands->n; i++) {

        request = &commands->requests[i];

        if (fkv_command_check(&request->command, request->argv, request->argc,
                              commands->rights, NULL, &reply)
            != FKV_OK)
        {
            at = 0;
            why = (reply.rc == FKV_OK
                   && fkv_reply_next(&reply, &at, &token) == FKV_OK)
                  ? token.str : FKV_STR("ERR out of memory");

            rc = ngx_http_ferrokv_commands_abort(commands, &why);
            fkv_reply_done(&reply);

            return rc;
        }

        if (request->command->flags & FKV_COMMAND_NOMULTI) {
            why = FKV_STR("ERR Command not allowed inside a transaction");

            return ngx_http_ferrokv_commands_abort(commands, &why);
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_ferrokv_commands_abort(ngx_http_ferrokv_commands_t *commands,
    fkv_str_t *why)
{
    return ngx_http_ferrokv_commands_fail(commands->request,
                                          NGX_HTTP_BAD_REQUEST,
                                          "EXECABORT Transaction discarded "
                                          "because of: %*s", why->len,
                                          why->data);
}


/* True: all that was to run has ended. */

static ngx_uint_t
ngx_http_ferrokv_commands_step(ngx_http_ferrokv_commands_t *commands)
{
    ngx_uint_t  begun;

    for (begun = 0; /* void */ ; begun++) {

        ngx_http_ferrokv_commands_render(commands);

        if (commands->first == commands->end) {
            return 1;
        }

        if (!ngx_http_ferrokv_commands_may_begin(commands)) {
            return 0;
        }

        if (begun == NGX_HTTP_FERROKV_PIPELINE_TURN) {
            /* a timer also keeps a worker that is to leave */

            if (!commands->turn.timer_set) {
                ngx_add_timer(&commands->turn, NGX_HTTP_FERROKV_PIPELINE_REST);
            }

            return 0;
        }

        ngx_http_ferrokv_commands_begin(commands);
    }
}


/* What has ended, in order. */

static void
ngx_http_ferrokv_commands_render(ngx_http_ferrokv_commands_t *commands)
{
    ngx_http_ferrokv_commands_run_t  *run;

    while (commands->first < commands->next) {

        run = ngx_http_ferrokv_commands_run(commands, commands->first);

        if (!run->done) {
            return;
        }

        if (ngx_http_ferrokv_commands_put(commands, &run->exec.reply)
            != FKV_OK)
        {
            commands->failed = 1;
        }

        fkv_exec_done(&run->exec);
        commands->kept -= run->kept;
        commands->first++;

        if (commands->failed
            || commands->out.len > NGX_HTTP_FERROKV_PIPELINE_BYTES_MAX)
        {
            commands->end = commands->next;
        }
    }
}


static int
ngx_http_ferrokv_commands_put(ngx_http_ferrokv_commands_t *commands,
    fkv_reply_t *reply)
{
    size_t              at;
    fkv__buf_t         *out;
    fkv_reply_token_t   token;

    out = &commands->out;

    switch (commands->kind) {

    case NGX_HTTP_FERROKV_COMMANDS_PIPELINE:
        if (fkv__buf_append(out, commands->first ? "," : "[", 1) != FKV_OK) {
            return FKV_ENOMEM;
        }

        return fkv_json_put(out, reply, commands->base64);

    case NGX_HTTP_FERROKV_COMMANDS_ONE:
    case NGX_HTTP_FERROKV_COMMANDS_PATH:
    case NGX_HTTP_FERROKV_COMMANDS_MULTI:
        break;
    }

    at = 0;
    commands->error = (reply->rc == FKV_OK
                       && fkv_reply_next(reply, &at, &token) == FKV_OK
                       && token.type == FKV_REPLY_ERROR);

    return (commands->kind == NGX_HTTP_FERROKV_COMMANDS_MULTI)
           ? fkv_json_put_all(out, reply, commands->base64)
           : fkv_json_put(out, reply, commands->base64);
}


static ngx_uint_t
ngx_http_ferrokv_commands_may_begin(ngx_http_ferrokv_commands_t *commands)
{
    ngx_http_ferrokv_commands_run_t  *before;

    if (commands->next >= commands->end
        || commands->next - commands->first == commands->window)
    {
        return 0;
    }

    if (commands->next == commands->first) {
        return 1;
    }

    /* what goes on is expected to answer as much as what has ended */

    if (commands->kept + (commands->next - commands->first)
                         * commands->expected
        >= NGX_HTTP_FERROKV_PIPELINE_BYTES_MAX)
    {
        return 0;
    }

    before = ngx_http_ferrokv_commands_run(commands, commands->next - 1);

    return before->done || before->exec.placed;
}


static void
ngx_http_ferrokv_commands_ended(ngx_http_ferrokv_commands_run_t *run)
{
    ngx_http_ferrokv_commands_t  *commands;

    commands = run->commands;

    run->done = 1;
    run->kept = run->exec.reply.bytes.len;

    commands->kept += run->kept;
    commands->expected = ngx_max(commands->expected - commands->expected / 8,
                                 run->kept);
}


static void
ngx_http_ferrokv_commands_begin(ngx_http_ferrokv_commands_t *commands)
{
    fkv_exec_t                       *exec;
    ngx_http_ferrokv_commands_run_t  *run;

    run = ngx_http_ferrokv_commands_run(commands, commands->next);

    ngx_memzero(run, sizeof(ngx_http_ferrokv_commands_run_t));

    run->commands = commands;

    exec = &run->exec;

    exec->op.on_done = ngx_http_ferrokv_commands_on_done;
    exec->op.data = run;
    exec->on_placed = ngx_http_ferrokv_commands_on_placed;
    exec->store = commands->conf->server.store;
    exec->server = &commands->conf->server;
    exec->rights = commands->rights;
    exec->after = commands->after;
    exec->requests = commands->requests;
    exec->n = commands->n;
    exec->multi = (commands->kind == NGX_HTTP_FERROKV_COMMANDS_MULTI);

    if (!exec->multi) {
        exec->requests += commands->next;
        exec->n = 1;
    }

    commands->next++;

    if (fkv_exec(exec) == FKV_OK) {
        ngx_http_ferrokv_commands_ended(run);
    }

    if (exec->placed && exec->lsn) {
        commands->after = exec->lsn;
    }
}


static void
ngx_http_ferrokv_commands_on_placed(fkv_exec_t *exec)
{
    ngx_http_ferrokv_commands_run_t  *run;

    run = exec->op.data;

    if (exec->lsn) {
        run->commands->after = exec->lsn;
    }

    ngx_http_ferrokv_commands_go_on(run->commands);
}


static void
ngx_http_ferrokv_commands_on_done(fkv_op_t *op)
{
    ngx_http_ferrokv_commands_run_t  *run;

    run = op->data;

    ngx_http_ferrokv_commands_ended(run);

    ngx_http_ferrokv_commands_go_on(run->commands);
}


static void
ngx_http_ferrokv_commands_on_turn(ngx_event_t *ev)
{
    ngx_http_ferrokv_commands_go_on(ev->data);
}


static void
ngx_http_ferrokv_commands_go_on(ngx_http_ferrokv_commands_t *commands)
{
    if (ngx_http_ferrokv_commands_step(commands)) {
        ngx_http_ferrokv_done(commands->request,
                              ngx_http_ferrokv_commands_answer, commands,
                              FKV_OK);
    }
}


static ngx_int_t
ngx_http_ferrokv_commands_answer(void *data, int rc)
{
    ngx_http_ferrokv_commands_t *commands = data;

    if (rc != FKV_OK || commands->failed) {
        return ngx_http_ferrokv_commands_fail(commands->request,
                                              NGX_HTTP_INTERNAL_SERVER_ERROR,
                                              "ERR out of memory");
    }

    if (ngx_http_ferrokv_commands_put_end(commands) != FKV_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_ferrokv_send_body(commands->request,
                                      commands->error ? NGX_HTTP_BAD_REQUEST
                                                      : NGX_HTTP_OK,
                                      "application/json",
                                      sizeof("application/json") - 1,
                                      commands->out.data, commands->out.len);
}


/* What did not run, and the end of the array. */

static int
ngx_http_ferrokv_commands_put_end(ngx_http_ferrokv_commands_t *commands)
{
    int          rc;
    ngx_uint_t   i;
    fkv__buf_t  *out;

    out = &commands->out;

    if (!ngx_http_ferrokv_commands_is_pipeline(commands)) {
        return fkv__buf_append(out, "\n", 1);
    }

    rc = FKV_OK;

    for (i = commands->end; i < commands->n && rc == FKV_OK; i++) {

        rc = fkv__buf_append(out, ",", 1);

        if (rc == FKV_OK) {
            rc = fkv_json_put_error(out,
                                    FKV_STR("ERR not run: the answers before "
                                            "this one are too large together"));
        }
    }

    return (rc == FKV_OK) ? fkv__buf_append(out, "]\n", 2) : rc;
}


void
ngx_http_ferrokv_commands_cleanup(void *data)
{
    ngx_http_ferrokv_commands_t *commands = data;

    ngx_http_ferrokv_commands_run_t  *run;

    if (commands->turn.timer_set) {
        ngx_del_timer(&commands->turn);
    }

    for ( /* void */ ; commands->first < commands->next; commands->first++) {
        run = ngx_http_ferrokv_commands_run(commands, commands->first);
        fkv_exec_done(&run->exec);
    }

    fkv_json_request_done(&commands->json);
    fkv__buf_done(&commands->out);
}
