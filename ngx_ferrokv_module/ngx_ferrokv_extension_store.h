
/*
 * ngx_ferrokv_extension_store.h - extensions of a store in a process: the
 * catalog is read, and what is to be done is done, in nginx's event loop.
 */

#ifndef _NGX_FERROKV_EXTENSION_STORE_H_INCLUDED_
#define _NGX_FERROKV_EXTENSION_STORE_H_INCLUDED_


#include "ngx_ferrokv_extension.h"


/*
 * In a process whose store->open->loop is attached, before its events are
 * watched: what a worker begins with is done when this returns, or goes on
 * behind it if that takes longer.  helper: this process does all the rest, too.
 * NGX_OK, or NGX_ERROR after one [emerg] line
 */
ngx_int_t ngx_ferrokv_begin_extensions(ngx_cycle_t *cycle,
    ngx_ferrokv_store_t *store, ngx_uint_t helper);

/* While it is still attached. */
void ngx_ferrokv_end_extensions(ngx_ferrokv_open_t *open);

/* In a turn of the loop: somebody may know a newer catalog. */
void ngx_ferrokv_look_extensions(ngx_ferrokv_open_t *open);

/* Is there anything that a helper would have to do? */
ngx_uint_t ngx_ferrokv_has_extensions(ngx_cycle_t *cycle,
    ngx_ferrokv_store_t *store);


#endif /* _NGX_FERROKV_EXTENSION_STORE_H_INCLUDED_ */
