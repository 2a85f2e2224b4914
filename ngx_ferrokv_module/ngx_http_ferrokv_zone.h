
/*
 * ngx_http_ferrokv_zone.h - a zone is a name for some keys of a store.
 */

#ifndef _NGX_HTTP_FERROKV_ZONE_H_INCLUDED_
#define _NGX_HTTP_FERROKV_ZONE_H_INCLUDED_


#include "ngx_http_ferrokv.h"


typedef struct {
    ngx_str_t                     name;
    ngx_str_t                     prefix;   /* "name:" */
    ngx_ferrokv_ref_t            *ref;
    uint64_t                      timeout_ms;
} ngx_http_ferrokv_zone_t;


/*
 * NAME or NAME:SIZE, as in keyval_zone; the size means nothing here.
 * NGX_ERROR: it is neither, logged
 */
ngx_int_t ngx_http_ferrokv_zone_name(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *name);

/* NULL: no such zone. */
ngx_http_ferrokv_zone_t *ngx_http_ferrokv_find_zone(
    ngx_http_ferrokv_main_conf_t *fmcf, ngx_str_t *name);


#endif /* _NGX_HTTP_FERROKV_ZONE_H_INCLUDED_ */
