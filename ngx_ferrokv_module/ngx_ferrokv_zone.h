
/*
 * ngx_ferrokv_zone.h - a zone is a name for some keys of a store: those that
 * begin with "NAME:".  No name holds a colon, so no zone lies in another one.
 *
 * Zones are of the whole configuration: one that is defined in http may be
 * used in stream and the other way round.  Who uses one takes a reference, as
 * for stores; what is written by any face looks here for what the zone of its
 * key says about it.
 */

#ifndef _NGX_FERROKV_ZONE_H_INCLUDED_
#define _NGX_FERROKV_ZONE_H_INCLUDED_


#include "ngx_ferrokv.h"


/* What an entry matches: the same key; or the longest entry wins of ... */
typedef enum {
    NGX_FERROKV_ZONE_STRING = 0,
    NGX_FERROKV_ZONE_IP,            /* networks that the address lies in */
    NGX_FERROKV_ZONE_PREFIX         /* what the key begins with */
} ngx_ferrokv_zone_type_e;


typedef struct {
    ngx_str_t                  name;
    ngx_str_t                  prefix;      /* "NAME:" */
    ngx_ferrokv_ref_t         *ref;
    ngx_ferrokv_zone_type_e    type;
    uint64_t                   timeout_ms;  /* 0: none */
} ngx_ferrokv_zone_t;


/* A zone named by a directive, before it is known which zones there are. */
typedef struct {
    ngx_str_t                  name;
    ngx_ferrokv_zone_t        *zone;        /* set when all is parsed */

    u_char                    *file;
    ngx_uint_t                 line;
} ngx_ferrokv_zone_ref_t;


/* The handler of ferrokv_zone, in http and in stream. */
char *ngx_ferrokv_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* value is NAME or NAME:SIZE.  NULL: [emerg] has been logged, or no memory. */
ngx_ferrokv_zone_ref_t *ngx_ferrokv_zone_ref(ngx_conf_t *cf, ngx_str_t *value);

/* After parsing, when stores have been resolved.  NGX_ERROR: logged. */
ngx_int_t ngx_ferrokv_resolve_zones(ngx_cycle_t *cycle,
    ngx_ferrokv_conf_t *fcf);


/*
 * The TTL of a record that is created or set without one: the timeout= of the
 * zone its key lies in, in milliseconds; 0 = none.
 */
uint64_t ngx_ferrokv_default_ttl(ngx_ferrokv_store_t *store, fkv_str_t key);

/*
 * May a record with this key be created?  NGX_OK · NGX_ERROR: the zone that it
 * lies in would never find it; error holds one sentence
 */
#define NGX_FERROKV_ZONE_ERROR_BYTES  512

ngx_int_t ngx_ferrokv_check_key(ngx_ferrokv_store_t *store, fkv_str_t key,
    char error[NGX_FERROKV_ZONE_ERROR_BYTES]);


#endif /* _NGX_FERROKV_ZONE_H_INCLUDED_ */
