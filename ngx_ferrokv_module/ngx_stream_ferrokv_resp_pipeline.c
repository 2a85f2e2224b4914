
/*
 * ngx_stream_ferrokv_resp_pipeline.c - requests in flight, in their order.
 *
 *   parser --> begun --> placed: the next may begin --> done
 *                '--------------- queue -----------------'
 *   replies leave at the head of the queue, when it is done
 *
 * A command that ends at once and has none before it is never queued.
 */

#include "ngx_stream_ferrokv_resp.h"
#include "commands/ahead.h"
#include "commands/resp.h"


#define NGX_STREAM_FERROKV_TURN_SPARES  1024


/* Of this process. */
static ngx_queue_t  ngx_stream_ferrokv_turns = { &ngx_stream_ferrokv_turns,
                                                 &ngx_stream_ferrokv_turns };
static ngx_uint_t   ngx_stream_ferrokv_turns_n;


static ngx_stream_ferrokv_turn_t *
ngx_stream_ferrokv_turn_new(ngx_stream_ferrokv_resp_t *resp)
{
    ngx_queue_t                *q;
    ngx_stream_ferrokv_turn_t  *turn;

    if (ngx_queue_empty(&ngx_stream_ferrokv_turns)) {

        turn = fkv__zalloc(sizeof(ngx_stream_ferrokv_turn_t));
        if (turn == NULL) {
            return NULL;
        }

    } else {
        q = ngx_queue_head(&ngx_stream_ferrokv_turns);
        ngx_queue_remove(q);
        ngx_stream_ferrokv_turns_n--;

        turn = ngx_queue_data(q, ngx_stream_ferrokv_turn_t, queue);
        ngx_memzero(&turn->turn, sizeof(fkv_turn_t));
    }

    turn->resp = resp;
    turn->chunk = NULL;
    turn->bytes = 0;
    turn->kept = 0;
    turn->done = 0;
    turn->placed = 0;

    return turn;
}


static void
ngx_stream_ferrokv_turn_free(ngx_stream_ferrokv_turn_t *turn)
{
    fkv_exec_done(&turn->turn.exec);
    turn->resp->kept -= turn->kept;

    if (turn->chunk) {
        ngx_stream_ferrokv_chunk_unpin(turn->chunk);
        turn->resp->pinned -= turn->bytes;
    }

    if (turn->argv_max > 64) {
        fkv__free(turn->argv);
        turn->argv = NULL;
        turn->argv_max = 0;
    }

    if (ngx_stream_ferrokv_turns_n < NGX_STREAM_FERROKV_TURN_SPARES) {
        ngx_queue_insert_head(&ngx_stream_ferrokv_turns, &turn->queue);
        ngx_stream_ferrokv_turns_n++;
        return;
    }

    fkv__free(turn->argv);
    fkv__free(turn);
}


/* A client that has not taken that much will not take the rest. */

static ngx_uint_t
ngx_stream_ferrokv_overrun(ngx_stream_ferrokv_resp_t *resp, size_t size,
    size_t limit)
{
    if (size <= limit) {
        return 0;
    }

    if (!resp->broken) {
        ngx_log_error(NGX_LOG_WARN, resp->log, 0,
                      "ferrokv: client closed: it has left %uz bytes of "
                      "replies unread (output_limit)", size);

        ngx_stream_ferrokv_resp_break(resp);
    }

    return 1;
}


static void
ngx_stream_ferrokv_turn_say(ngx_stream_ferrokv_turn_t *turn)
{
    size_t                      before;
    fkv__buf_t                 *buf;
    ngx_stream_ferrokv_resp_t  *resp;

    resp = turn->resp;

    if (resp->session == NULL || resp->broken || turn->turn.mute
        || ngx_stream_ferrokv_overrun(resp, resp->out.size,
                                      resp->conf->output_limit))
    {
        return;
    }

    buf = ngx_stream_ferrokv_out_tail(&resp->out);
    before = buf ? buf->len : 0;

    if (buf == NULL
        || fkv_resp_put(buf, &turn->turn.exec.reply, turn->turn.protocol)
           != FKV_OK)
    {
        ngx_stream_ferrokv_resp_break(resp);
        return;
    }

    resp->out.size += buf->len - before;
}


void
ngx_stream_ferrokv_pipeline_say(ngx_stream_ferrokv_resp_t *resp,
    const u_char *line, size_t len)
{
    fkv__buf_t  *buf;

    if (resp->broken
        || ngx_stream_ferrokv_overrun(resp, resp->out.size,
                                      resp->conf->output_limit))
    {
        return;
    }

    buf = ngx_stream_ferrokv_out_tail(&resp->out);

    if (buf == NULL || fkv__buf_reserve(buf, len + 3) != FKV_OK) {
        ngx_stream_ferrokv_resp_break(resp);
        return;
    }

    (void) fkv__buf_append(buf, "+", 1);
    (void) fkv__buf_append(buf, line, len);
    (void) fkv__buf_append(buf, CRLF, 2);

    resp->out.size += len + 3;
    ngx_stream_ferrokv_resp_post(resp);
}


static void
ngx_stream_ferrokv_turn_release(ngx_stream_ferrokv_turn_t *turn)
{
    ngx_stream_ferrokv_turn_say(turn);
    ngx_stream_ferrokv_turn_free(turn);
}


static void
ngx_stream_ferrokv_release(ngx_stream_ferrokv_resp_t *resp)
{
    ngx_queue_t                *q;
    ngx_stream_ferrokv_turn_t  *turn;

    while (!ngx_queue_empty(&resp->turns)) {

        q = ngx_queue_head(&resp->turns);
        turn = ngx_queue_data(q, ngx_stream_ferrokv_turn_t, queue);

        if (!turn->done) {
            return;
        }

        ngx_queue_remove(q);
        resp->turns_n--;

        ngx_stream_ferrokv_turn_release(turn);
    }
}


static void
ngx_stream_ferrokv_turn_queue(ngx_stream_ferrokv_turn_t *turn)
{
    ngx_queue_insert_tail(&turn->resp->turns, &turn->queue);
    turn->resp->turns_n++;
}


static void
ngx_stream_ferrokv_turn_placed(ngx_stream_ferrokv_turn_t *turn)
{
    if (turn->placed) {
        return;
    }

    turn->placed = 1;
    fkv_session_placed(&turn->resp->client, &turn->turn);

    if (turn->resp->last == turn) {
        turn->resp->last = NULL;
    }
}


static void
ngx_stream_ferrokv_turn_done(ngx_stream_ferrokv_turn_t *turn)
{
    ngx_stream_ferrokv_resp_t  *resp;

    resp = turn->resp;

    turn->done = 1;
    turn->kept = turn->turn.exec.reply.bytes.len;
    resp->kept += turn->kept;
    resp->expected = ngx_max(resp->expected - resp->expected / 8, turn->kept);
    fkv_session_end(&resp->client, &turn->turn);

    if (resp->alone == turn) {
        resp->alone = NULL;
    }
}


static void
ngx_stream_ferrokv_on_placed(fkv_exec_t *exec)
{
    ngx_stream_ferrokv_turn_t  *turn;

    turn = exec->op.data;

    ngx_stream_ferrokv_turn_placed(turn);
    ngx_stream_ferrokv_resp_post(turn->resp);
}


static void
ngx_stream_ferrokv_on_done(fkv_op_t *op)
{
    ngx_stream_ferrokv_turn_t  *turn;
    ngx_stream_ferrokv_resp_t  *resp;

    turn = op->data;
    resp = turn->resp;

    ngx_stream_ferrokv_turn_placed(turn);
    ngx_stream_ferrokv_turn_done(turn);
    ngx_stream_ferrokv_release(resp);

    if (resp->session) {
        (void) ngx_stream_ferrokv_overrun(resp, resp->out.size + resp->kept,
                                          NGX_STREAM_FERROKV_KEPT_LIMITS
                                          * resp->conf->output_limit
                                          + fkv_options(resp->store)
                                            ->value_max);

        ngx_stream_ferrokv_resp_post(resp);

    } else if (ngx_queue_empty(&resp->turns)) {
        ngx_stream_ferrokv_resp_free(resp);
    }
}


ngx_uint_t
ngx_stream_ferrokv_pipeline_leave(ngx_stream_ferrokv_resp_t *resp)
{
    ngx_uint_t                  n;
    ngx_queue_t                *q;
    ngx_stream_ferrokv_turn_t  *turn;

    n = 0;

    for (q = ngx_queue_head(&resp->turns);
         q != ngx_queue_sentinel(&resp->turns);
         q = ngx_queue_next(q))
    {
        turn = ngx_queue_data(q, ngx_stream_ferrokv_turn_t, queue);

        if (turn->done || !fkv_exec_waits(&turn->turn.exec)) {
            continue;
        }

        fkv_exec_done(&turn->turn.exec);

        ngx_stream_ferrokv_turn_placed(turn);
        ngx_stream_ferrokv_turn_done(turn);
        turn->turn.mute = 1;
        n++;
    }

    if (n) {
        ngx_stream_ferrokv_release(resp);
    }

    return n;
}


/* What was done for a client that is gone; writes go on. */

void
ngx_stream_ferrokv_pipeline_drop(ngx_stream_ferrokv_resp_t *resp)
{
    ngx_queue_t                *q;
    const fkv_command_t        *command;
    ngx_stream_ferrokv_turn_t  *turn;

    (void) ngx_stream_ferrokv_pipeline_leave(resp);

    for (q = ngx_queue_head(&resp->turns);
         q != ngx_queue_sentinel(&resp->turns);
         q = ngx_queue_next(q))
    {
        turn = ngx_queue_data(q, ngx_stream_ferrokv_turn_t, queue);
        command = turn->turn.request.command;

        if (turn->done) {
            fkv_exec_done(&turn->turn.exec);

        } else if (!turn->turn.exec.multi && command
                   && (command->flags & FKV_COMMAND_READ))
        {
            fkv_exec_done(&turn->turn.exec);

            ngx_stream_ferrokv_turn_placed(turn);
            ngx_stream_ferrokv_turn_done(turn);
        }

        turn->turn.mute = 1;
    }

    ngx_stream_ferrokv_release(resp);
}


/* Its bytes and argv are its own as long as it goes on. */

static void
ngx_stream_ferrokv_turn_hold(ngx_stream_ferrokv_turn_t *turn)
{
    unsigned                    argv_max;
    fkv_str_t                  *argv;
    fkv_parser_t               *parser;
    ngx_stream_ferrokv_resp_t  *resp;

    resp = turn->resp;
    parser = &resp->parser;

    argv = turn->argv;
    argv_max = turn->argv_max;

    turn->argv = parser->argv;
    turn->argv_max = parser->argv_max;

    parser->argv = argv;
    parser->argv_max = argv_max;

    turn->chunk = resp->chunk;
    turn->chunk->refs++;
    turn->bytes = parser->used;
    resp->pinned += parser->used;
}


static int
ngx_stream_ferrokv_turn_exec(ngx_stream_ferrokv_turn_t *turn)
{
    int                         rc;
    fkv_exec_t                 *exec;
    ngx_stream_ferrokv_resp_t  *resp;

    resp = turn->resp;
    exec = &turn->turn.exec;

    exec->op.on_done = ngx_stream_ferrokv_on_done;
    exec->op.data = turn;
    exec->store = resp->store;
    exec->server = &resp->conf->server;
    exec->on_placed = ngx_stream_ferrokv_on_placed;

    rc = fkv_exec(exec);

    if (rc == FKV_OK || exec->placed) {
        ngx_stream_ferrokv_turn_placed(turn);
    } else {
        resp->last = turn;
    }

    if (rc == FKV_AGAIN && turn->turn.alone) {
        resp->alone = turn;
    }

    return rc;
}


/* For CLIENT LIST. */

static void
ngx_stream_ferrokv_remember(ngx_stream_ferrokv_resp_t *resp,
    fkv_request_t *request)
{
    if (request->command && request->command != resp->command) {
        resp->command = request->command;
        fkv_command_name(resp->cmd, request->command, request->argv);
    }
}


static ngx_int_t
ngx_stream_ferrokv_begin(ngx_stream_ferrokv_resp_t *resp)
{
    int                         rc;
    ngx_stream_ferrokv_turn_t  *turn;

    turn = ngx_stream_ferrokv_turn_new(resp);
    if (turn == NULL) {
        return NGX_ERROR;
    }

    turn->turn.request.argv = resp->parser.argv;
    turn->turn.request.argc = resp->parser.argc;

    rc = fkv_session_begin(&resp->client, &turn->turn);

    ngx_stream_ferrokv_remember(resp, &turn->turn.request);

    if (rc == FKV_AGAIN) {
        rc = ngx_stream_ferrokv_turn_exec(turn);

    } else {
        fkv_count_rejected(&resp->conf->server, turn->turn.request.command,
                           &turn->turn.exec.reply);
    }

    if (rc == FKV_AGAIN) {
        ngx_stream_ferrokv_turn_hold(turn);
        ngx_stream_ferrokv_turn_queue(turn);
        return NGX_OK;
    }

    ngx_stream_ferrokv_turn_done(turn);

    if (ngx_queue_empty(&resp->turns)) {
        ngx_stream_ferrokv_turn_release(turn);
    } else {
        ngx_stream_ferrokv_turn_queue(turn);
    }

    return NGX_OK;
}


/* What follows cannot be understood: this is the last reply. */

static void
ngx_stream_ferrokv_malformed(ngx_stream_ferrokv_resp_t *resp)
{
    ngx_stream_ferrokv_turn_t  *turn;

    turn = ngx_stream_ferrokv_turn_new(resp);
    if (turn == NULL) {
        ngx_stream_ferrokv_resp_break(resp);
        return;
    }

    ngx_log_error(NGX_LOG_INFO, resp->log, 0, "ferrokv: client sent what is "
                  "no request: %s", resp->parser.error);

    fkv_reply_error(&turn->turn.exec.reply, "ERR %s", resp->parser.error);
    turn->turn.protocol = resp->client.protocol;
    turn->done = 1;

    resp->ending = 1;
    ngx_stream_ferrokv_turn_queue(turn);
    ngx_stream_ferrokv_release(resp);
}


/* NGX_OK a request is there · NGX_AGAIN · NGX_DONE it was nothing · NGX_ERROR
 * nothing follows */

static ngx_int_t
ngx_stream_ferrokv_parse(ngx_stream_ferrokv_resp_t *resp)
{
    fkv_parser_t                *parser;
    ngx_stream_ferrokv_chunk_t  *chunk;

    chunk = resp->chunk;
    parser = &resp->parser;

    if (chunk == NULL || chunk->pos == chunk->last) {
        resp->wanted = 1;
        return NGX_AGAIN;
    }

    resp->limits.authenticated = resp->client.authenticated;

    switch (fkv_parser_next(parser, chunk->pos, chunk->last - chunk->pos,
                            &resp->limits))
    {
    case FKV_OK:
        break;

    case FKV_AGAIN:
        resp->wanted = parser->wanted;
        return NGX_AGAIN;

    case FKV_EINVAL:
        ngx_stream_ferrokv_malformed(resp);
        return NGX_ERROR;

    default: /* FKV_ENOMEM */
        ngx_stream_ferrokv_resp_break(resp);
        return NGX_ERROR;
    }

    chunk->pos += parser->used;

    if (resp->ahead) {
        resp->ahead--;

    } else if (chunk->pos != chunk->last) {
        resp->ahead = fkv_ahead(resp->store, resp->client.ns, chunk->pos,
                                chunk->last - chunk->pos);
    }

    if (parser->argc == 0) {
        return NGX_DONE;
    }

    if (fkv_request_is_http(parser->argv[0])) {
        ngx_log_error(NGX_LOG_WARN, resp->log, 0, "ferrokv: client closed: it "
                      "sent an HTTP request to a listener of the Redis "
                      "protocol");

        ngx_stream_ferrokv_resp_break(resp);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * What goes on is expected to answer as much as what has ended; the first ones
 * are few.  Where that is wrong, overrun() is the bound.
 */

static ngx_uint_t
ngx_stream_ferrokv_full(ngx_stream_ferrokv_resp_t *resp)
{
    size_t  limit;

    limit = resp->conf->output_limit;

    return resp->last || resp->alone
           || resp->turns_n >= NGX_STREAM_FERROKV_TURNS_MAX
           || resp->pinned >= NGX_STREAM_FERROKV_PINNED_MAX
           || resp->kept >= limit
           || (resp->turns_n && resp->turns_n * resp->expected >= limit);
}


ngx_stream_ferrokv_state_e
ngx_stream_ferrokv_pipeline_run(ngx_stream_ferrokv_resp_t *resp,
    ngx_uint_t *burst)
{
    ngx_int_t  rc;

    for ( ;; ) {

        if (resp->ending || resp->broken || resp->client.closing) {
            return NGX_STREAM_FERROKV_STOPPED;
        }

        if (ngx_stream_ferrokv_full(resp)) {
            return NGX_STREAM_FERROKV_WAITING;
        }

        if (*burst == 0) {
            return NGX_STREAM_FERROKV_BUSY;
        }

        (*burst)--;

        if (!resp->request) {

            rc = ngx_stream_ferrokv_parse(resp);

            if (rc == NGX_AGAIN) {
                return NGX_STREAM_FERROKV_HUNGRY;
            }

            if (rc != NGX_OK) {
                continue;
            }

            resp->request = 1;
        }

        if (ngx_stream_ferrokv_client_paused(resp)) {
            return NGX_STREAM_FERROKV_WAITING;
        }

        ngx_stream_ferrokv_client_monitored(resp);

        resp->request = 0;

        if (ngx_stream_ferrokv_begin(resp) != NGX_OK) {
            ngx_stream_ferrokv_resp_break(resp);
        }
    }
}
