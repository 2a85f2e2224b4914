
/*
 * ngx_http_ferrokv_action.h - an action is a directive, ferrokv_get, _set,
 * _incr, _ttl or _del; a run is an action under way.
 *
 * In the preaccess phase there is one run at a time and the request waits for
 * it; a later action's key may use what an earlier one has found.  In the log
 * phase the request is going: the run is copied to memory of its own, and
 * nobody waits.
 */

#ifndef _NGX_HTTP_FERROKV_ACTION_H_INCLUDED_
#define _NGX_HTTP_FERROKV_ACTION_H_INCLUDED_


#include "ngx_http_ferrokv.h"


/* Which parameters a kind takes, besides store=. */
#define NGX_HTTP_FERROKV_PARAM_DEFAULT    0x01
#define NGX_HTTP_FERROKV_PARAM_TTL        0x02
#define NGX_HTTP_FERROKV_PARAM_BY         0x04
#define NGX_HTTP_FERROKV_PARAM_INIT       0x08
#define NGX_HTTP_FERROKV_PARAM_IF         0x10
#define NGX_HTTP_FERROKV_PARAM_PHASE      0x20
#define NGX_HTTP_FERROKV_PARAM_CONDITION  0x40


typedef enum {
    NGX_HTTP_FERROKV_ALWAYS = 0,
    NGX_HTTP_FERROKV_NX,
    NGX_HTTP_FERROKV_XX
} ngx_http_ferrokv_condition_e;


struct ngx_http_ferrokv_kind_s {
    ngx_str_t                     name;
    ngx_uint_t                    variable; /* the first argument is $var */
    ngx_uint_t                    value;    /* an argument follows KEY */
    ngx_uint_t                    params;   /* which ones it takes */

    int                         (*start)(ngx_http_ferrokv_run_t *run);
    void                        (*finish)(ngx_http_ferrokv_run_t *run, int rc);
};


struct ngx_http_ferrokv_action_s {
    ngx_http_ferrokv_kind_t      *kind;
    ngx_uint_t                    number;
    ngx_ferrokv_ref_t            *ref;
    ngx_int_t                     index;    /* of the variable */

    ngx_http_complex_value_t     *key;
    ngx_http_complex_value_t     *value;
    ngx_http_complex_value_t     *fallback;
    ngx_http_complex_value_t     *ttl;
    ngx_http_complex_value_t     *by;
    ngx_http_complex_value_t     *init;
    ngx_http_complex_value_t     *filter;

    ngx_http_ferrokv_condition_e  condition;
    ngx_uint_t                    log;      /* phase=log */
};


struct ngx_http_ferrokv_run_s {
    ngx_http_ferrokv_action_t    *action;
    ngx_http_request_t           *request;  /* NULL: it has gone */
    ngx_http_ferrokv_ctx_t       *ctx;

    fkv_str_t                     key;
    fkv_str_t                     value;
    uint64_t                      ttl_ms;   /* 0: none */
    int64_t                       by;
    int64_t                       init;

    union {
        fkv_get_t                 get;
        ngx_ferrokv_counter_t     counter;

        struct {
            fkv_update_t          update;
            fkv_change_t          change;
        } write;
    } op;
};


/* ngx_http_ferrokv_run.c */

/* NGX_AGAIN: the request waits · NGX_OK it is over · NGX_ERROR no memory. */
ngx_int_t ngx_http_ferrokv_run(ngx_http_request_t *r,
    ngx_http_ferrokv_ctx_t *ctx, ngx_http_ferrokv_action_t *action);

/* Starts it, and outlives the request. */
void ngx_http_ferrokv_run_detached(ngx_http_request_t *r,
    ngx_http_ferrokv_action_t *action);

#endif /* _NGX_HTTP_FERROKV_ACTION_H_INCLUDED_ */
