
/*
 * ngx_stream_ferrokv_resp_clients.c - the clients of all workers.
 *
 * Shape      a zone of shared memory: a row for each client, what all of them
 *            are told (pause, kill), and the ring that MONITOR reads
 * Processes  a row belongs to the process whose pid it holds, taken by compare
 *            and swap from 0; others read it as it is and bound what they
 *            read.  The ring is written and read under the zone's mutex, which
 *            nginx unlocks when its owner dies: its end moves when the line is
 *            in it
 * If killed  the rows stay until a worker begins, or somebody asks for a list:
 *            both free those of processes that are gone
 * Hearing    a worker that has clients looks every NGX_STREAM_FERROKV_TICK_MS
 *            whether it was told something
 *
 * Ending     nginx waits for timers only: the tick cannot be canceled while
 *            some client is not idle
 *
 * A client that finds no row is served all the same, but not listed.
 */

#include "ngx_stream_ferrokv_resp.h"
#include "commands/monitor.h"


#define NGX_STREAM_FERROKV_CLIENTS   8192
#define NGX_STREAM_FERROKV_NO_ROW    NGX_STREAM_FERROKV_CLIENTS
#define NGX_STREAM_FERROKV_RING      (256 * 1024)
#define NGX_STREAM_FERROKV_TICK_MS   50


typedef struct {
    ngx_atomic_t               owner;       /* pid; 0: it is free */
    ngx_atomic_t               kill;        /* the id of who is to go */
    fkv_client_row_t           row;         /* id 0: not filled in yet */
} ngx_stream_ferrokv_client_shm_t;


typedef struct {
    /* looked at for every command */
    ngx_atomic_t               pause_until; /* ngx_current_msec; 0: none */
    ngx_atomic_t               pause_what;
    ngx_atomic_t               monitors;
    u_char                     pad[104];    /* of another line */

    ngx_atomic_t               ids;
    ngx_atomic_t               kills;       /* how many there were */
    ngx_atomic_t               rows;        /* those beyond were never used */
    uint64_t                   ring_end;    /* bytes ever written */
    u_char                     ring[NGX_STREAM_FERROKV_RING];

    ngx_stream_ferrokv_client_shm_t  clients[NGX_STREAM_FERROKV_CLIENTS];
} ngx_stream_ferrokv_table_shm_t;


/* Of a configuration; from clients on, of this process. */
struct ngx_stream_ferrokv_table_s {
    ngx_shm_zone_t                  *zone;
    ngx_slab_pool_t                 *pool;
    ngx_stream_ferrokv_table_shm_t  *shm;

    ngx_queue_t                      clients;
    ngx_uint_t                       busy;      /* clients that are not idle */
    ngx_uint_t                       hint;      /* where a row may be free */
    ngx_uint_t                       monitors;
    ngx_uint_t                       paused;    /* some client waits */
    ngx_atomic_uint_t                kills;     /* heard of */
    ngx_event_t                      tick;
    ngx_connection_t                 connection;    /* for the tick's log */
};


static void ngx_stream_ferrokv_tick(ngx_event_t *ev);


static ngx_int_t
ngx_stream_ferrokv_table_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_stream_ferrokv_table_t *before = data;

    ngx_stream_ferrokv_table_t  *table;

    table = zone->data;
    table->pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (before) {
        table->shm = before->shm;
        return NGX_OK;
    }

    if (zone->shm.exists) {
        table->shm = table->pool->data;
        return NGX_OK;
    }

    /* pages that nobody has touched are zero, and cost nothing */

    table->shm = ngx_slab_alloc(table->pool,
                                sizeof(ngx_stream_ferrokv_table_shm_t));
    if (table->shm == NULL) {
        return NGX_ERROR;
    }

    table->pool->data = table->shm;

    return NGX_OK;
}


ngx_stream_ferrokv_table_t *
ngx_stream_ferrokv_table(ngx_conf_t *cf)
{
    size_t                       size;
    ngx_shm_zone_t              *zone;
    ngx_stream_ferrokv_table_t  *table;

    static ngx_str_t  name = ngx_string("ferrokv_clients");

    /* slab keeps a description of each page */

    size = sizeof(ngx_stream_ferrokv_table_shm_t) * 65 / 64 + 16 * ngx_pagesize;

    zone = ngx_shared_memory_add(cf, &name, size, &ngx_stream_ferrokv_module);
    if (zone == NULL) {
        return NULL;
    }

    if (zone->data) {
        return zone->data;
    }

    table = ngx_pcalloc(cf->pool, sizeof(ngx_stream_ferrokv_table_t));
    if (table == NULL) {
        return NULL;
    }

    table->zone = zone;
    table->connection.fd = (ngx_socket_t) -1;

    table->tick.handler = ngx_stream_ferrokv_tick;
    table->tick.data = &table->connection;
    table->tick.log = &cf->cycle->new_log;
    table->tick.cancelable = 1;

    table->connection.data = table;
    ngx_queue_init(&table->clients);

    zone->data = table;
    zone->init = ngx_stream_ferrokv_table_init;

    return table;
}


/* Rows */

static ngx_uint_t
ngx_stream_ferrokv_is_gone(ngx_atomic_uint_t pid)
{
    return kill((ngx_pid_t) pid, 0) == -1 && ngx_errno == NGX_ESRCH;
}


/* Of a process that is gone.  Others may do so at the same time: one does. */

static void
ngx_stream_ferrokv_row_reclaim(ngx_stream_ferrokv_table_shm_t *shm,
    ngx_stream_ferrokv_client_shm_t *client, ngx_atomic_uint_t pid)
{
    if (!ngx_atomic_cmp_set(&client->owner, pid, (ngx_atomic_uint_t) ngx_pid))
    {
        return;
    }

    if (client->row.monitors) {
        (void) ngx_atomic_fetch_add(&shm->monitors, -1);
    }

    client->row.id = 0;
    client->row.monitors = 0;

    ngx_memory_barrier();
    client->owner = 0;
}


void
ngx_stream_ferrokv_table_sweep(ngx_stream_ferrokv_table_t *table)
{
    ngx_uint_t                        i;
    ngx_atomic_uint_t                 owner, alive;
    ngx_stream_ferrokv_client_shm_t  *client;

    alive = ngx_pid;

    for (i = 0; i < table->shm->rows; i++) {
        client = &table->shm->clients[i];
        owner = client->owner;

        if (owner == 0 || owner == alive) {
            continue;
        }

        if (ngx_stream_ferrokv_is_gone(owner)) {
            ngx_stream_ferrokv_row_reclaim(table->shm, client, owner);
        } else {
            alive = owner;
        }
    }
}


static void
ngx_stream_ferrokv_rows_used(ngx_stream_ferrokv_table_shm_t *shm, ngx_uint_t n)
{
    ngx_atomic_uint_t  rows;

    do {
        rows = shm->rows;
    } while (rows < n && !ngx_atomic_cmp_set(&shm->rows, rows, n));
}


static ngx_uint_t
ngx_stream_ferrokv_row_take(ngx_stream_ferrokv_table_t *table)
{
    ngx_uint_t                        i, n;
    ngx_stream_ferrokv_client_shm_t  *client;

    for (n = 0; n < NGX_STREAM_FERROKV_CLIENTS; n++) {

        i = (table->hint + n) % NGX_STREAM_FERROKV_CLIENTS;
        client = &table->shm->clients[i];

        if (client->owner == 0
            && ngx_atomic_cmp_set(&client->owner, 0,
                                  (ngx_atomic_uint_t) ngx_pid))
        {
            client->kill = 0;
            ngx_stream_ferrokv_rows_used(table->shm, i + 1);
            table->hint = i + 1;
            return i;
        }
    }

    return NGX_STREAM_FERROKV_NO_ROW;
}


static uint64_t
ngx_stream_ferrokv_wall_ms(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (uint64_t) tp->sec * 1000 + tp->msec;
}


static void
ngx_stream_ferrokv_row_write(ngx_stream_ferrokv_resp_t *resp,
    fkv_client_row_t *row)
{
    fkv_client_t                *client;
    ngx_stream_ferrokv_chunk_t  *chunk;

    chunk = resp->chunk;
    client = &resp->client;

    row->active_ms = ngx_stream_ferrokv_wall_ms();
    row->query_bytes = chunk ? chunk->last - chunk->pos : 0;
    row->query_free = chunk ? chunk->end - chunk->last : 0;
    row->out_bytes = resp->out.size;
    row->memory = sizeof(*resp) + row->query_bytes + row->query_free
                  + row->out_bytes + resp->pinned;
    fkv_session_row(client, row);

    ngx_memcpy(row->cmd, resp->cmd, FKV_CLIENT_CMD_SIZE);
}


static void
ngx_stream_ferrokv_row_begin(ngx_stream_ferrokv_resp_t *resp,
    fkv_client_row_t *row)
{
    ngx_memzero(row, sizeof(fkv_client_row_t));

    row->created_ms = resp->created_ms;
    row->fd = resp->session ? resp->session->connection->fd : -1;
    ngx_memcpy(row->addr, resp->addr, FKV_CLIENT_ADDR_SIZE);
    ngx_memcpy(row->laddr, resp->laddr, FKV_CLIENT_ADDR_SIZE);
    ngx_stream_ferrokv_row_write(resp, row);

    ngx_memory_barrier();
    row->id = resp->client.id;
}


static ngx_stream_ferrokv_client_shm_t *
ngx_stream_ferrokv_row_of(ngx_stream_ferrokv_resp_t *resp)
{
    return (resp->row == NGX_STREAM_FERROKV_NO_ROW)
           ? NULL : &resp->conf->table->shm->clients[resp->row];
}


void
ngx_stream_ferrokv_client_seen(ngx_stream_ferrokv_resp_t *resp)
{
    ngx_stream_ferrokv_client_shm_t  *client;

    client = ngx_stream_ferrokv_row_of(resp);

    if (client) {
        ngx_stream_ferrokv_row_write(resp, &client->row);
    }
}


/* Coming and going */

static void
ngx_stream_ferrokv_address(u_char out[FKV_CLIENT_ADDR_SIZE],
    struct sockaddr *sa, socklen_t socklen)
{
    size_t  len;

    len = ngx_sock_ntop(sa, socklen, out, FKV_CLIENT_ADDR_SIZE - 1, 1);
    out[len] = '\0';
}


static void
ngx_stream_ferrokv_addresses(ngx_stream_ferrokv_resp_t *resp)
{
    ngx_connection_t  *c;

    c = resp->session->connection;

    ngx_stream_ferrokv_address(resp->addr, c->sockaddr, c->socklen);

    if (ngx_connection_local_sockaddr(c, NULL, 1) == NGX_OK) {
        ngx_stream_ferrokv_address(resp->laddr, c->local_sockaddr,
                                   c->local_socklen);
    }
}


static void
ngx_stream_ferrokv_tick_set(ngx_stream_ferrokv_table_t *table)
{
    if (!table->tick.timer_set) {
        ngx_add_timer(&table->tick, NGX_STREAM_FERROKV_TICK_MS);
    }
}


void
ngx_stream_ferrokv_client_come(ngx_stream_ferrokv_resp_t *resp)
{
    ngx_stream_ferrokv_table_t       *table;
    ngx_stream_ferrokv_client_shm_t  *client;

    table = resp->conf->table;

    if (ngx_queue_empty(&table->clients)) {
        table->kills = table->shm->kills;
    }

    resp->client.id = ngx_atomic_fetch_add(&table->shm->ids, 1) + 1;
    resp->created_ms = ngx_stream_ferrokv_wall_ms();
    ngx_stream_ferrokv_addresses(resp);

    ngx_queue_insert_tail(&table->clients, &resp->queue);
    resp->row = ngx_stream_ferrokv_row_take(table);

    client = ngx_stream_ferrokv_row_of(resp);

    if (client) {
        ngx_stream_ferrokv_row_begin(resp, &client->row);
    }

    table->busy++;
    table->tick.cancelable = 0;
    fkv_meter_add(resp->conf->server.meter, connections, 1);
    fkv_meter_clients(resp->conf->server.meter, 1);

    ngx_stream_ferrokv_tick_set(table);
}


void
ngx_stream_ferrokv_client_idle(ngx_stream_ferrokv_resp_t *resp,
    ngx_uint_t idle)
{
    ngx_stream_ferrokv_table_t  *table;

    if (resp->idle == idle) {
        return;
    }

    table = resp->conf->table;

    resp->idle = idle;
    table->busy += idle ? -1 : 1;
    table->tick.cancelable = (table->busy == 0);
}


void
ngx_stream_ferrokv_client_gone(ngx_stream_ferrokv_resp_t *resp)
{
    ngx_stream_ferrokv_table_t       *table;
    ngx_stream_ferrokv_client_shm_t  *client;

    table = resp->conf->table;
    client = ngx_stream_ferrokv_row_of(resp);

    ngx_queue_remove(&resp->queue);
    ngx_stream_ferrokv_client_idle(resp, 1);
    fkv_meter_clients(resp->conf->server.meter, -1);

    if (resp->client.monitors) {
        table->monitors--;
        (void) ngx_atomic_fetch_add(&table->shm->monitors, -1);
    }

    if (client) {
        client->row.id = 0;
        client->row.monitors = 0;

        ngx_memory_barrier();
        client->owner = 0;

        table->hint = resp->row;
    }
}


/* What clients ask of each other */

static void
ngx_stream_ferrokv_host_row(fkv_client_t *client, fkv_client_row_t *row)
{
    ngx_stream_ferrokv_row_begin(client->data, row);
}


/* This process's own clients are asked themselves. */

static void
ngx_stream_ferrokv_refresh(ngx_stream_ferrokv_table_t *table,
    ngx_stream_ferrokv_resp_t *asking)
{
    uint64_t                          active_ms;
    ngx_queue_t                      *q;
    ngx_stream_ferrokv_resp_t        *resp;
    ngx_stream_ferrokv_client_shm_t  *client;

    for (q = ngx_queue_head(&table->clients);
         q != ngx_queue_sentinel(&table->clients);
         q = ngx_queue_next(q))
    {
        resp = ngx_queue_data(q, ngx_stream_ferrokv_resp_t, queue);
        client = ngx_stream_ferrokv_row_of(resp);

        if (client == NULL) {
            continue;
        }

        active_ms = client->row.active_ms;
        ngx_stream_ferrokv_row_write(resp, &client->row);

        if (resp != asking) {
            client->row.active_ms = active_ms;
        }
    }
}


static void
ngx_stream_ferrokv_host_each(fkv_client_t *client,
    bool (*on_row)(const fkv_client_row_t *row, void *data), void *data)
{
    ngx_uint_t                        i;
    fkv_client_row_t                  row;
    ngx_stream_ferrokv_resp_t        *resp;
    ngx_stream_ferrokv_table_t       *table;
    ngx_stream_ferrokv_client_shm_t  *shown;

    resp = client->data;
    table = resp->conf->table;

    ngx_stream_ferrokv_table_sweep(table);
    ngx_stream_ferrokv_refresh(table, resp);

    for (i = 0; i < table->shm->rows; i++) {

        shown = &table->shm->clients[i];

        if (shown->owner == 0 || shown->row.id == 0) {
            continue;
        }

        row = shown->row;

        if (!on_row(&row, data)) {
            return;
        }
    }
}


static ngx_stream_ferrokv_resp_t *
ngx_stream_ferrokv_client_by_id(ngx_stream_ferrokv_table_t *table, uint64_t id)
{
    ngx_queue_t                *q;
    ngx_stream_ferrokv_resp_t  *resp;

    for (q = ngx_queue_head(&table->clients);
         q != ngx_queue_sentinel(&table->clients);
         q = ngx_queue_next(q))
    {
        resp = ngx_queue_data(q, ngx_stream_ferrokv_resp_t, queue);

        if (resp->client.id == id) {
            return resp;
        }
    }

    return NULL;
}


static bool
ngx_stream_ferrokv_host_kill(fkv_client_t *client, uint64_t id)
{
    ngx_uint_t                        i;
    ngx_stream_ferrokv_resp_t        *resp;
    ngx_stream_ferrokv_table_t       *table;
    ngx_stream_ferrokv_client_shm_t  *killed;

    resp = client->data;
    table = resp->conf->table;

    resp = ngx_stream_ferrokv_client_by_id(table, id);

    if (resp) {
        ngx_stream_ferrokv_resp_break(resp);
        return true;
    }

    for (i = 0; i < table->shm->rows; i++) {

        killed = &table->shm->clients[i];

        if (killed->owner && killed->row.id == id) {
            killed->kill = id;
            ngx_memory_barrier();
            (void) ngx_atomic_fetch_add(&table->shm->kills, 1);
            return true;
        }
    }

    return false;
}


/* Who is told to wait for less waits for as long as others have said. */

static void
ngx_stream_ferrokv_host_pause(fkv_client_t *client, uint64_t ms,
    fkv_client_pause_e what)
{
    ngx_atomic_uint_t                until;
    ngx_stream_ferrokv_resp_t       *resp;
    ngx_stream_ferrokv_table_shm_t  *shm;

    resp = client->data;
    shm = resp->conf->table->shm;

    if (ms == 0) {
        shm->pause_until = 0;
        return;
    }

    until = ngx_current_msec + ngx_min(ms, (uint64_t) NGX_MAX_INT32_VALUE);

    if (shm->pause_until == 0 || what == FKV_CLIENT_PAUSE_ALL) {
        shm->pause_what = what;
    }

    if (shm->pause_until < until) {
        shm->pause_until = until;
    }
}


ngx_uint_t
ngx_stream_ferrokv_client_paused(ngx_stream_ferrokv_resp_t *resp)
{
    const fkv_command_t             *command;
    ngx_stream_ferrokv_table_shm_t  *shm;

    shm = resp->conf->table->shm;

    if (shm->pause_until == 0 || shm->pause_until <= ngx_current_msec) {
        return 0;
    }

    command = fkv_command_find(resp->parser.argv[0]);

    if (!fkv_session_pauses(&resp->client, command,
                            (fkv_client_pause_e) shm->pause_what))
    {
        return 0;
    }

    resp->conf->table->paused = 1;

    return 1;
}


static bool
ngx_stream_ferrokv_host_password(fkv_client_t *client, fkv_str_t given)
{
    ngx_stream_ferrokv_resp_t  *resp;

    resp = client->data;

    return ngx_ferrokv_is_secret(resp->conf->passwords, given.data, given.len);
}


/* MONITOR */

static void
ngx_stream_ferrokv_host_monitor(fkv_client_t *client, bool on)
{
    ngx_int_t                    n;
    ngx_stream_ferrokv_resp_t   *resp;
    ngx_stream_ferrokv_table_t  *table;

    resp = client->data;
    table = resp->conf->table;
    n = on ? 1 : -1;

    resp->monitor_at = table->shm->ring_end;

    table->monitors += n;
    (void) ngx_atomic_fetch_add(&table->shm->monitors, n);

    ngx_stream_ferrokv_client_seen(resp);
}


static void
ngx_stream_ferrokv_ring_copy(ngx_stream_ferrokv_table_shm_t *shm, uint64_t at,
    u_char *p, size_t len, ngx_uint_t in)
{
    size_t  from, first;

    from = at % NGX_STREAM_FERROKV_RING;
    first = ngx_min(len, NGX_STREAM_FERROKV_RING - from);

    if (in) {
        ngx_memcpy(shm->ring + from, p, first);
        ngx_memcpy(shm->ring, p + first, len - first);
    } else {
        ngx_memcpy(p, shm->ring + from, first);
        ngx_memcpy(p + first, shm->ring, len - first);
    }
}


/* A line is its length, two bytes, and its bytes. */

static void
ngx_stream_ferrokv_ring_write(ngx_stream_ferrokv_table_t *table, u_char *line,
    size_t len)
{
    u_char                           head[2];
    ngx_stream_ferrokv_table_shm_t  *shm;

    shm = table->shm;
    head[0] = (u_char) len;
    head[1] = (u_char) (len >> 8);

    ngx_shmtx_lock(&table->pool->mutex);

    ngx_stream_ferrokv_ring_copy(shm, shm->ring_end, head, 2, 1);
    ngx_stream_ferrokv_ring_copy(shm, shm->ring_end + 2, line, len, 1);

    ngx_memory_barrier();
    shm->ring_end += 2 + len;

    ngx_shmtx_unlock(&table->pool->mutex);
}


/* The next line; 0: there is none.  Who is too slow misses some. */

static size_t
ngx_stream_ferrokv_ring_read(ngx_stream_ferrokv_table_t *table, uint64_t *at,
    u_char line[FKV_MONITOR_LINE_MAX])
{
    size_t                           len;
    u_char                           head[2];
    ngx_stream_ferrokv_table_shm_t  *shm;

    len = 0;
    shm = table->shm;

    ngx_shmtx_lock(&table->pool->mutex);

    if (shm->ring_end - *at > NGX_STREAM_FERROKV_RING) {
        *at = shm->ring_end;
    }

    if (*at < shm->ring_end) {
        ngx_stream_ferrokv_ring_copy(shm, *at, head, 2, 0);

        len = head[0] + 256 * (size_t) head[1];
        len = ngx_min(len, FKV_MONITOR_LINE_MAX);

        ngx_stream_ferrokv_ring_copy(shm, *at + 2, line, len, 0);
        *at += 2 + len;
    }

    ngx_shmtx_unlock(&table->pool->mutex);

    return len;
}


void
ngx_stream_ferrokv_client_monitored(ngx_stream_ferrokv_resp_t *resp)
{
    char                         line[FKV_MONITOR_LINE_MAX];
    size_t                       len;
    ngx_time_t                  *tp;
    fkv_monitor_t                monitor;
    ngx_stream_ferrokv_table_t  *table;

    table = resp->conf->table;

    if (table->shm->monitors == 0) {
        return;
    }

    tp = ngx_timeofday();

    monitor.now_us = ((uint64_t) tp->sec * 1000 + tp->msec) * 1000;
    monitor.ns = resp->client.ns;
    monitor.addr = (char *) resp->addr;
    monitor.command = fkv_command_find(resp->parser.argv[0]);
    monitor.argv = resp->parser.argv;
    monitor.argc = resp->parser.argc;

    if (fkv_monitor_shown(monitor.command)) {
        len = fkv_monitor_line(line, &monitor);
        ngx_stream_ferrokv_ring_write(table, (u_char *) line, len);
    }
}


static void
ngx_stream_ferrokv_monitor_tell(ngx_stream_ferrokv_resp_t *resp)
{
    size_t  len;
    u_char  line[FKV_MONITOR_LINE_MAX];

    for ( ;; ) {

        len = ngx_stream_ferrokv_ring_read(resp->conf->table,
                                           &resp->monitor_at, line);

        if (len == 0 || resp->broken) {
            return;
        }

        ngx_stream_ferrokv_pipeline_say(resp, line, len);
    }
}


/* What this process's clients are to hear from others. */

static void
ngx_stream_ferrokv_tick_client(ngx_stream_ferrokv_table_t *table,
    ngx_stream_ferrokv_resp_t *resp, ngx_uint_t killed)
{
    ngx_stream_ferrokv_client_shm_t  *client;

    client = ngx_stream_ferrokv_row_of(resp);

    if (killed && client && client->kill == resp->client.id) {
        ngx_stream_ferrokv_resp_break(resp);
    }

    if (resp->client.monitors) {
        ngx_stream_ferrokv_monitor_tell(resp);
    }

    if (resp->request && !ngx_stream_ferrokv_client_paused(resp)) {
        ngx_stream_ferrokv_resp_post(resp);
    }
}


static void
ngx_stream_ferrokv_tick(ngx_event_t *ev)
{
    ngx_uint_t                   killed;
    ngx_queue_t                 *q;
    ngx_connection_t            *c;
    ngx_atomic_uint_t            kills;
    ngx_stream_ferrokv_table_t  *table;

    c = ev->data;
    table = c->data;

    if (ngx_queue_empty(&table->clients)) {
        return;
    }

    kills = table->shm->kills;
    killed = (kills != table->kills);
    table->kills = kills;

    if (killed || table->monitors || table->paused) {

        table->paused = 0;

        for (q = ngx_queue_head(&table->clients);
             q != ngx_queue_sentinel(&table->clients);
             q = ngx_queue_next(q))
        {
            ngx_stream_ferrokv_tick_client(table,
                  ngx_queue_data(q, ngx_stream_ferrokv_resp_t, queue), killed);
        }
    }

    ngx_stream_ferrokv_tick_set(table);
}


const fkv_client_host_t  ngx_stream_ferrokv_client_host = {
    .each = ngx_stream_ferrokv_host_each,
    .row = ngx_stream_ferrokv_host_row,
    .kill = ngx_stream_ferrokv_host_kill,
    .pause = ngx_stream_ferrokv_host_pause,
    .monitor = ngx_stream_ferrokv_host_monitor,
    .password = ngx_stream_ferrokv_host_password,
    .version = FKV_SERVER_VERSION
};
