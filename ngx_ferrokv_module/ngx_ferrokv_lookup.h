
/*
 * ngx_ferrokv_lookup.h - the value of an entry of a zone.
 *
 * Shape      a zone of type=string: one read of the key
 *            type=ip, type=prefix: one scan that goes from one possible name
 *            of an entry to the next: what lies between is passed over
 *
 * An address lies in at most 33 networks, or 129, each of which has one name,
 * and a key begins with as many prefixes as it has bytes.  In the order of the
 * store these names lie apart: the scan is put at the first of them, and from
 * the entry it meets there, or behind, to the next name that is not smaller.
 * So it costs a seek for each entry that matches and for each gap in which
 * others lie, whatever the zone holds, and sees the zone at one moment.
 */

#ifndef _NGX_FERROKV_LOOKUP_H_INCLUDED_
#define _NGX_FERROKV_LOOKUP_H_INCLUDED_


#include "ngx_ferrokv_zone.h"


typedef struct ngx_ferrokv_lookup_s  ngx_ferrokv_lookup_t;

struct ngx_ferrokv_lookup_s {
    ngx_pool_t                *pool;        /* to be set; lives until the end */
    ngx_ferrokv_zone_t        *zone;
    ngx_str_t                  key;
    void                     (*on_done)(ngx_ferrokv_lookup_t *lookup, int rc);
    void                      *data;

    ngx_str_t                  value;       /* the result, in pool */

    fkv_str_t                  name;        /* of the entry: "NAME:" and key */
    ngx_str_t                 *names;       /* type=ip: of the networks, */
    ngx_uint_t                 n;           /*   the largest first */
    ngx_uint_t                 best;        /* no use for those before */
    ngx_uint_t                 found;

    union {
        fkv_get_t              get;
        fkv_scan_t             scan;
    } op;
};

/*
 * Those of the struct that are to be set are, the others are zero.
 * FKV_OK value is set · FKV_NOTFOUND, also of an empty key, and of one that is
 * no address · FKV_AGAIN on_done follows · FKV_ENOMEM · as fkv_get, fkv_scan
 */
int ngx_ferrokv_lookup(ngx_ferrokv_lookup_t *lookup);


#endif /* _NGX_FERROKV_LOOKUP_H_INCLUDED_ */
