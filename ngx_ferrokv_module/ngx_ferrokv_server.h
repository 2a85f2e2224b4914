
/*
 * ngx_ferrokv_server.h - this nginx as commands see it (commands/server.h).
 */

#ifndef _NGX_FERROKV_SERVER_H_INCLUDED_
#define _NGX_FERROKV_SERVER_H_INCLUDED_


#include "ngx_ferrokv.h"
#include "commands/server.h"


/*
 * In a worker, when its stores are attached: all but what only a listener has
 * (port, output_max, password), which is left alone.
 */
void ngx_ferrokv_init_server(fkv_server_t *server, ngx_cycle_t *cycle,
    ngx_ferrokv_store_t *store);


/* ngx_ferrokv_pause.c; as server->pause and server->unpause */
void *ngx_ferrokv_pause(uint64_t ms, void (*on_over)(void *data), void *data);
void  ngx_ferrokv_unpause(void *pause);


#endif /* _NGX_FERROKV_SERVER_H_INCLUDED_ */
