
/*
 * ngx_ferrokv_extension_process.h - extensions in a process: they are watched,
 * they start and stop, and what they wait for is waited for by nginx's event
 * loop.
 */

#ifndef _NGX_FERROKV_EXTENSION_PROCESS_H_INCLUDED_
#define _NGX_FERROKV_EXTENSION_PROCESS_H_INCLUDED_


#include "ngx_ferrokv_extension.h"


/*
 * This process has attached the store, and runs operations on it.
 * NGX_OK, or NGX_ERROR after one [emerg] line
 */
ngx_int_t ngx_ferrokv_watch_extensions(ngx_cycle_t *cycle,
    ngx_ferrokv_store_t *store);

/* Before the first of their functions is called: once in a process. */
void ngx_ferrokv_start_extensions(ngx_cycle_t *cycle);

/* While they still are. */
void ngx_ferrokv_stop_extensions(ngx_cycle_t *cycle);


#endif /* _NGX_FERROKV_EXTENSION_PROCESS_H_INCLUDED_ */
