
/*
 * ngx_ferrokv_pair.h - "ferrokv KEY $VAR zone=NAME", in http and in stream.
 *
 * The variables must be right wherever they are used, in a map too, where
 * nothing can wait: so they are loaded before that, one after the other, in
 * one stage or two, of which a pair belongs to one.  A variable that the
 * configuration mentions nowhere has no index, and is not loaded.
 */

#ifndef _NGX_FERROKV_PAIR_H_INCLUDED_
#define _NGX_FERROKV_PAIR_H_INCLUDED_


#include "ngx_ferrokv_face.h"
#include "ngx_ferrokv_lookup.h"


#define NGX_FERROKV_PAIR_UNUSED  (-1)


typedef struct {
    ngx_ferrokv_face_t        *face;
    ngx_ferrokv_zone_ref_t    *ref;
    void                      *key;         /* expressions */
    void                      *fallback;    /* NULL: none */
    ngx_str_t                  variable;    /* without the dollar */
    ngx_int_t                  index;       /* of it, or UNUSED */
    ngx_uint_t                 stage;
} ngx_ferrokv_pair_t;


/* The pairs of one stage for a request or a session. */
typedef struct ngx_ferrokv_load_s  ngx_ferrokv_load_t;

struct ngx_ferrokv_load_s {
    void                      *of;          /* to be set */
    ngx_array_t               *pairs;       /* of ngx_ferrokv_pair_t * */
    ngx_uint_t                 stage;
    void                     (*on_done)(ngx_ferrokv_load_t *load);
    void                      *data;

    ngx_uint_t                 at;          /* how many are through */
    ngx_ferrokv_lookup_t       lookup;
};


/*
 * The directive of cf->args; the variable is not made yet, the stage is 0.
 * NULL: [emerg] has been logged, or no memory
 */
ngx_ferrokv_pair_t *ngx_ferrokv_parse_pair(ngx_conf_t *cf,
    ngx_ferrokv_face_t *face);

/* Has a module of one of these names been loaded?  The last one is NULL. */
ngx_uint_t ngx_ferrokv_has_module(ngx_cycle_t *cycle, const char **names);

/*
 * NGX_OK all are loaded · NGX_AGAIN on_done follows, and then this is to be
 * called again · NGX_ERROR no memory
 */
ngx_int_t ngx_ferrokv_load(ngx_ferrokv_load_t *load);


#endif /* _NGX_FERROKV_PAIR_H_INCLUDED_ */
