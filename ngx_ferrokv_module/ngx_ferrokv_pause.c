
/*
 * ngx_ferrokv_pause.c - a timer for a command or an extension that waits.  It
 * holds up no worker that shuts down.
 */

#include "ngx_ferrokv_server.h"


typedef struct {
    ngx_event_t                event;
    ngx_connection_t           connection;  /* for nginx's debug log */
    void                     (*on_over)(void *data);
    void                      *data;
} ngx_ferrokv_pause_t;


static void
ngx_ferrokv_pause_handler(ngx_event_t *ev)
{
    ngx_connection_t     *c;
    ngx_ferrokv_pause_t   pause;

    c = ev->data;
    pause = *(ngx_ferrokv_pause_t *) c->data;

    ngx_free(c->data);

    pause.on_over(pause.data);
}


void *
ngx_ferrokv_pause(uint64_t ms, void (*on_over)(void *data), void *data)
{
    ngx_ferrokv_pause_t  *pause;

    pause = ngx_calloc(sizeof(ngx_ferrokv_pause_t), ngx_cycle->log);
    if (pause == NULL) {
        return NULL;
    }

    pause->on_over = on_over;
    pause->data = data;

    pause->connection.fd = (ngx_socket_t) -1;
    pause->connection.data = pause;

    pause->event.handler = ngx_ferrokv_pause_handler;
    pause->event.data = &pause->connection;
    pause->event.log = ngx_cycle->log;
    pause->event.cancelable = 1;

    ngx_add_timer(&pause->event, (ngx_msec_t) ms);

    return pause;
}


void
ngx_ferrokv_unpause(void *data)
{
    ngx_ferrokv_pause_t  *pause;

    pause = data;

    ngx_del_timer(&pause->event);
    ngx_free(pause);
}
