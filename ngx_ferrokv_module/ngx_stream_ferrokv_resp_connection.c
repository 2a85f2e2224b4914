
/*
 * ngx_stream_ferrokv_resp_connection.c - a client's socket.
 *
 * Whatever happens to it goes through go(), which reads and begins commands,
 * and flush(), which sends and is the only one to close: so nobody else needs
 * to know whether it is still there.
 */

#include "ngx_stream_ferrokv_resp.h"


/* In one turn of the event loop, of one connection. */
#define NGX_STREAM_FERROKV_READS    8

/* How long a worker that shuts down waits for a client to take its replies. */
#define NGX_STREAM_FERROKV_HOLD_MS  60000

/* And for one more request of a client that is silent. */
#define NGX_STREAM_FERROKV_LINGER_MS  1000


static void ngx_stream_ferrokv_read_handler(ngx_event_t *rev);
static void ngx_stream_ferrokv_write_handler(ngx_event_t *wev);
static void ngx_stream_ferrokv_work_handler(ngx_event_t *ev);
static void ngx_stream_ferrokv_go(ngx_stream_ferrokv_resp_t *resp);
static void ngx_stream_ferrokv_gone(void *data);


static ngx_stream_ferrokv_resp_t *
ngx_stream_ferrokv_resp_of(ngx_connection_t *c)
{
    ngx_stream_session_t      *s;
    ngx_stream_ferrokv_ctx_t  *ctx;

    s = c->data;
    ctx = ngx_stream_get_module_ctx(s, ngx_stream_ferrokv_module);

    return ctx->resp;
}


void
ngx_stream_ferrokv_resp_post(ngx_stream_ferrokv_resp_t *resp)
{
    resp->resume = 1;

    if (resp->session) {
        ngx_post_event(&resp->work, &ngx_posted_events);
    }
}


void
ngx_stream_ferrokv_resp_break(ngx_stream_ferrokv_resp_t *resp)
{
    resp->broken = 1;
    ngx_stream_ferrokv_resp_post(resp);
}


void
ngx_stream_ferrokv_resp_free(ngx_stream_ferrokv_resp_t *resp)
{
    fkv_session_done(&resp->client);
    fkv_parser_done(&resp->parser);
    ngx_stream_ferrokv_out_done(&resp->out);

    if (resp->chunk) {
        ngx_stream_ferrokv_chunk_unpin(resp->chunk);
    }

    fkv__free(resp);
}


/* With the pool of the connection, however it has come to its end. */

static void
ngx_stream_ferrokv_gone(void *data)
{
    ngx_stream_ferrokv_resp_t *resp = data;

    ngx_stream_ferrokv_client_gone(resp);

    if (resp->work.posted) {
        ngx_delete_posted_event(&resp->work);
    }

    if (resp->next.posted) {
        ngx_delete_posted_event(&resp->next);
    }

    resp->session = NULL;

    ngx_stream_ferrokv_pipeline_drop(resp);

    if (ngx_queue_empty(&resp->turns)) {
        ngx_stream_ferrokv_resp_free(resp);
    }
}


/* Bytes that the client has sent behind its last request would make the kernel
 * take back what we have answered. */

static void
ngx_stream_ferrokv_drain(ngx_connection_t *c)
{
    ngx_uint_t  i;
    u_char      buf[4096];

    for (i = 0; i < 16 && c->read->ready; i++) {
        if (c->recv(c, buf, sizeof(buf)) <= 0) {
            return;
        }
    }
}


static void
ngx_stream_ferrokv_close(ngx_stream_ferrokv_resp_t *resp)
{
    if (resp->ending && !resp->eof) {
        ngx_stream_ferrokv_drain(resp->session->connection);
    }

    ngx_stream_finalize_session(resp->session, NGX_STREAM_OK);
}


/* It could be closed without anybody missing something. */

static ngx_uint_t
ngx_stream_ferrokv_is_idle(ngx_stream_ferrokv_resp_t *resp)
{
    return resp->hungry && resp->chunk == NULL && resp->turns_n == 0
           && resp->out.size == 0 && resp->client.transaction == NULL;
}


static ngx_uint_t
ngx_stream_ferrokv_is_over(ngx_stream_ferrokv_resp_t *resp)
{
    if (resp->turns_n || resp->out.size) {
        return 0;
    }

    return resp->ending || resp->client.closing
           || (resp->eof && resp->hungry);
}


/*
 * The worker shuts down.  A request that meets the end of its connection goes
 * unanswered, and the protocol has no word to warn of that.  So the connection
 * ends behind a reply, which is when a client knows that none of its requests
 * is under way; what has come meanwhile is answered, too.  One that has been
 * silent for so long that the worker cannot wait is closed as it is.
 */

static void
ngx_stream_ferrokv_end(ngx_stream_ferrokv_resp_t *resp)
{
    ngx_connection_t  *c;

    c = resp->session->connection;
    c->read->ready = 1;
    c->read->available = 1;     /* as far as nginx knows there is nothing */

    ngx_stream_ferrokv_go(resp);

    if (!ngx_stream_ferrokv_is_idle(resp) || ngx_stream_ferrokv_is_over(resp)) {
        ngx_post_event(&resp->work, &ngx_posted_events);
        return;
    }

    if (resp->farewell) {
        ngx_stream_ferrokv_close(resp);
        return;
    }

    if (!c->read->timer_set) {
        ngx_add_timer(c->read, NGX_STREAM_FERROKV_LINGER_MS);
    }
}


static void
ngx_stream_ferrokv_flush(ngx_stream_ferrokv_resp_t *resp)
{
    size_t             size;
    ngx_int_t          rc;
    ngx_event_t       *wev;
    ngx_connection_t  *c;

    c = resp->session->connection;
    wev = c->write;

    size = resp->out.size;

    rc = resp->broken ? NGX_ERROR
                      : ngx_stream_ferrokv_out_send(&resp->out, c);

    size -= resp->out.size;
    fkv_meter_add(resp->conf->server.meter, output_bytes, size);

    if (size && ngx_exiting) {
        resp->farewell = 1;
    }

    if (rc == NGX_ERROR || ngx_handle_write_event(wev, 0) != NGX_OK) {
        ngx_stream_ferrokv_close(resp);
        return;
    }

    if (rc == NGX_AGAIN && !wev->timer_set) {
        ngx_add_timer(wev, NGX_STREAM_FERROKV_HOLD_MS);
    }

    if (rc == NGX_OK && wev->timer_set) {
        ngx_del_timer(wev);
    }

    c->idle = ngx_stream_ferrokv_is_idle(resp);
    ngx_stream_ferrokv_client_idle(resp, c->idle);

    if (ngx_stream_ferrokv_is_over(resp)) {
        ngx_stream_ferrokv_close(resp);
        return;
    }

    if (c->idle && ngx_exiting) {
        ngx_stream_ferrokv_end(resp);
    }
}


/* NGX_OK · NGX_AGAIN nothing came · NGX_ERROR nothing will come */

static ngx_int_t
ngx_stream_ferrokv_read(ngx_stream_ferrokv_resp_t *resp)
{
    ssize_t                      n;
    ngx_connection_t            *c;
    ngx_stream_ferrokv_chunk_t  *chunk;

    c = resp->session->connection;

    if (!c->read->ready || resp->eof) {
        return NGX_AGAIN;
    }

    if (ngx_stream_ferrokv_chunk_room(resp) != NGX_OK) {
        ngx_stream_ferrokv_resp_break(resp);
        return NGX_ERROR;
    }

    chunk = resp->chunk;

    n = c->recv(c, chunk->last, chunk->end - chunk->last);

    if (n == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (n == NGX_ERROR || n == 0) {
        resp->eof = 1;
        return NGX_ERROR;
    }

    chunk->last += n;
    resp->session->received += n;
    fkv_meter_add(resp->conf->server.meter, input_bytes, n);

    return NGX_OK;
}


/* Nothing is read while a command goes on. */

static ngx_uint_t
ngx_stream_ferrokv_has_left(ngx_connection_t *c)
{
    u_char   byte;
    ssize_t  n;

    if (!c->read->ready) {
        return 0;
    }

#if (NGX_HAVE_EPOLLRDHUP)

    /* also behind bytes that nobody has read */

    if ((ngx_event_flags & NGX_USE_EPOLL_EVENT) && ngx_use_epoll_rdhup) {
        return c->read->pending_eof;
    }

#endif

    n = recv(c->fd, &byte, 1, MSG_PEEK);

    return n == 0 || (n == -1 && ngx_socket_errno != NGX_EAGAIN);
}


/*
 * A client that has closed its side still gets its replies, but nobody waits
 * for it: it could be gone.
 */

static void
ngx_stream_ferrokv_look_client(ngx_stream_ferrokv_resp_t *resp)
{
    if ((resp->eof || ngx_stream_ferrokv_has_left(resp->session->connection))
        && ngx_stream_ferrokv_pipeline_leave(resp))
    {
        resp->eof = 1;
        resp->ending = 1;
        ngx_post_event(&resp->work, &ngx_posted_events);
    }
}


static void
ngx_stream_ferrokv_go(ngx_stream_ferrokv_resp_t *resp)
{
    ngx_uint_t                  burst, reads;
    ngx_stream_ferrokv_state_e  state;

    resp->resume = 0;
    resp->hungry = 0;

    burst = NGX_STREAM_FERROKV_BURST;

    for (reads = NGX_STREAM_FERROKV_READS; /* void */ ; reads--) {

        state = ngx_stream_ferrokv_pipeline_run(resp, &burst);

        if (state != NGX_STREAM_FERROKV_HUNGRY) {
            break;
        }

        if (reads == 0) {
            state = NGX_STREAM_FERROKV_BUSY;
            break;
        }

        if (ngx_stream_ferrokv_read(resp) != NGX_OK) {
            break;
        }
    }

    if (state == NGX_STREAM_FERROKV_WAITING) {
        ngx_stream_ferrokv_look_client(resp);
    }

    if (state == NGX_STREAM_FERROKV_BUSY) {
        ngx_post_event(&resp->next, &ngx_posted_next_events);
    }

    if (state == NGX_STREAM_FERROKV_HUNGRY) {
        resp->hungry = 1;
        ngx_stream_ferrokv_chunk_rest(resp);
    }

    ngx_stream_ferrokv_client_seen(resp);

    if (ngx_handle_read_event(resp->session->connection->read, 0) != NGX_OK) {
        resp->broken = 1;
    }
}


/* What is sent now waits for what else is answered in this turn. */

static void
ngx_stream_ferrokv_read_handler(ngx_event_t *rev)
{
    ngx_connection_t           *c;
    ngx_stream_ferrokv_resp_t  *resp;

    c = rev->data;
    resp = ngx_stream_ferrokv_resp_of(c);

    /* The worker shuts down, or its worker_shutdown_timeout is over. */

    if (c->close || rev->timedout) {
        resp->broken |= c->error;
        resp->farewell |= rev->timedout;
        c->close = 0;
        rev->timedout = 0;
        ngx_stream_ferrokv_flush(resp);
        return;
    }

    ngx_stream_ferrokv_go(resp);

    ngx_post_event(&resp->work, &ngx_posted_events);
}


static void
ngx_stream_ferrokv_work_handler(ngx_event_t *ev)
{
    ngx_connection_t           *c;
    ngx_stream_ferrokv_resp_t  *resp;

    c = ev->data;
    resp = ngx_stream_ferrokv_resp_of(c);

    if (resp->resume || ev == &resp->next) {
        ngx_stream_ferrokv_go(resp);
    }

    ngx_stream_ferrokv_flush(resp);
}


static void
ngx_stream_ferrokv_write_handler(ngx_event_t *wev)
{
    ngx_connection_t           *c;
    ngx_stream_ferrokv_resp_t  *resp;

    c = wev->data;
    resp = ngx_stream_ferrokv_resp_of(c);

    if (wev->timedout) {
        wev->timedout = 0;
        resp->broken = ngx_exiting;
    }

    ngx_stream_ferrokv_flush(resp);
}


static ngx_uint_t
ngx_stream_ferrokv_is_local(struct sockaddr *sa)
{
#if (NGX_HAVE_INET6)
    in_addr_t       *v4;
    struct in6_addr  *v6;
#endif

    switch (sa->sa_family) {

    case AF_UNIX:
        return 1;

    case AF_INET:
        return (ntohl(((struct sockaddr_in *) sa)->sin_addr.s_addr) >> 24)
               == 127;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        v6 = &((struct sockaddr_in6 *) sa)->sin6_addr;
        v4 = (in_addr_t *) &v6->s6_addr[12];

        return IN6_IS_ADDR_LOOPBACK(v6)
               || (IN6_IS_ADDR_V4MAPPED(v6) && ntohl(*v4) >> 24 == 127);
#endif
    }

    return 0;
}


/* As Redis: who has forgotten the password serves nobody else's machine. */

static void
ngx_stream_ferrokv_deny(ngx_stream_session_t *s)
{
    ngx_connection_t    *c;

    static const char  text[] =
        "-DENIED Redis is running in protected mode because protected mode is "
        "enabled and no password is set for the default user. In this mode "
        "connections are only accepted from the loopback interface. To accept "
        "others, give ferrokv_resp a password=FILE in nginx.conf.\r\n";

    c = s->connection;

    ngx_log_error(NGX_LOG_WARN, c->log, 0, "ferrokv: client closed: without "
                  "password= a listener of the Redis protocol serves loopback "
                  "addresses and unix sockets only");

    (void) c->send(c, (u_char *) text, sizeof(text) - 1);

    ngx_stream_ferrokv_drain(c);
    ngx_stream_finalize_session(s, NGX_STREAM_FORBIDDEN);
}


static void
ngx_stream_ferrokv_event(ngx_event_t *ev, ngx_connection_t *c)
{
    ev->handler = ngx_stream_ferrokv_work_handler;
    ev->data = c;
    ev->log = c->log;
}


static void
ngx_stream_ferrokv_resp_init(ngx_stream_ferrokv_resp_t *resp,
    ngx_stream_session_t *s)
{
    fkv_client_t                    *client;
    ngx_connection_t                *c;
    ngx_ferrokv_store_t             *store;
    ngx_stream_ferrokv_srv_conf_t   *fscf;

    c = s->connection;
    fscf = ngx_stream_get_module_srv_conf(s, ngx_stream_ferrokv_module);
    store = fscf->resp->ref->store;

    resp->session = s;
    resp->conf = fscf->resp;
    resp->store = store->fkv;
    resp->expected = resp->conf->output_limit
                     / NGX_STREAM_FERROKV_TURNS_FIRST;
    resp->log = c->log;

    resp->limits.bulk_max = ngx_min(ngx_max(store->options.value_max,
                                            1024 * 1024),
                                    512 * 1024 * 1024);
    resp->limits.request_max = 2 * resp->limits.bulk_max + 1024 * 1024;

    client = &resp->client;
    client->host = &ngx_stream_ferrokv_client_host;
    client->data = resp;
    client->rights = resp->conf->rights;
    client->password = (resp->conf->passwords != NULL);
    client->multi_max = resp->limits.request_max;
    fkv_session_init(client);

    ngx_queue_init(&resp->turns);
    ngx_stream_ferrokv_out_init(&resp->out);

    ngx_stream_ferrokv_event(&resp->work, c);
    ngx_stream_ferrokv_event(&resp->next, c);

    ngx_stream_ferrokv_client_come(resp);
}


/* What preread or TLS has read ahead. */

static ngx_int_t
ngx_stream_ferrokv_take(ngx_stream_ferrokv_resp_t *resp, ngx_buf_t *b)
{
    size_t                       size;
    ngx_stream_ferrokv_chunk_t  *chunk;

    size = b ? b->last - b->pos : 0;

    if (size == 0) {
        return NGX_OK;
    }

    resp->wanted = size;

    if (ngx_stream_ferrokv_chunk_room(resp) != NGX_OK) {
        return NGX_ERROR;
    }

    chunk = resp->chunk;
    size = ngx_min(size, (size_t) (chunk->end - chunk->last));

    chunk->last = ngx_cpymem(chunk->last, b->pos, size);
    b->pos += size;

    return (b->pos == b->last) ? NGX_OK : NGX_ERROR;
}


void
ngx_stream_ferrokv_resp_handler(ngx_stream_session_t *s)
{
    ngx_connection_t               *c;
    ngx_pool_cleanup_t             *cln;
    ngx_stream_ferrokv_ctx_t       *ctx;
    ngx_stream_ferrokv_resp_t      *resp;
    ngx_stream_ferrokv_srv_conf_t  *fscf;

    c = s->connection;
    c->log->action = "serving commands";

    fscf = ngx_stream_get_module_srv_conf(s, ngx_stream_ferrokv_module);

    if (fscf->resp->passwords == NULL
        && !ngx_stream_ferrokv_is_local(c->sockaddr))
    {
        fkv_meter_add(fscf->resp->server.meter, refused, 1);
        ngx_stream_ferrokv_deny(s);
        return;
    }

    ctx = ngx_stream_ferrokv_ctx(s);
    cln = ngx_pool_cleanup_add(c->pool, 0);
    resp = fkv__zalloc(sizeof(ngx_stream_ferrokv_resp_t));

    if (ctx == NULL || cln == NULL || resp == NULL) {
        fkv__free(resp);
        ngx_stream_finalize_session(s, NGX_STREAM_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_stream_ferrokv_resp_init(resp, s);

    ctx->resp = resp;
    cln->handler = ngx_stream_ferrokv_gone;
    cln->data = resp;

    c->read->handler = ngx_stream_ferrokv_read_handler;
    c->write->handler = ngx_stream_ferrokv_write_handler;

    if (ngx_stream_ferrokv_take(resp, c->buffer) != NGX_OK) {
        resp->broken = 1;
    }

    ngx_stream_ferrokv_read_handler(c->read);
}
