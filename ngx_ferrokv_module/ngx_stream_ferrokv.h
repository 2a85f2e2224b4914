
/*
 * ngx_stream_ferrokv.h - what the parts of the stream module share.
 *
 * The module is a shared object of its own, for nginx's stream module may be
 * one.  What it shares with http, and the engine, it takes from
 * ngx_ferrokv_module.so: nginx opens modules for all that are loaded later.
 *
 * Waiting    While an operation of a session is in flight, a phase's handler
 *            answers NGX_AGAIN whatever event calls it; on_done takes the
 *            result and runs the phases again.  nginx finalizes a session only
 *            from its phases and its content handler, so it is there at the
 *            end of the operation.
 *
 *   post-accept    pairs of stage 0, whose key is known then
 *   access         actions, before allow and deny
 *   TLS, preread
 *   content        the other pairs; then the server's own handler
 *   log            actions of phase=log
 */

#ifndef _NGX_STREAM_FERROKV_H_INCLUDED_
#define _NGX_STREAM_FERROKV_H_INCLUDED_


#include "ngx_ferrokv_action.h"
#include "ngx_ferrokv_pair.h"

#include <ngx_stream.h>


/* When a pair is loaded. */
#define NGX_STREAM_FERROKV_EARLY  0
#define NGX_STREAM_FERROKV_LATE   1


typedef struct {
    ngx_array_t                     pairs;      /* of ngx_ferrokv_pair_t * */
    ngx_uint_t                      load[2];    /* some of a stage are used */
    ngx_uint_t                      actions;    /* some server has one */
} ngx_stream_ferrokv_main_conf_t;


typedef struct {
    ngx_array_t                    *actions;    /* of ngx_ferrokv_action_t * */
    ngx_stream_content_handler_pt   handler;    /* of the server itself */

    /* of ferrokv_resp, or NULL: ngx_stream_ferrokv_resp.h */
    struct ngx_stream_ferrokv_resp_conf_s  *resp;
} ngx_stream_ferrokv_srv_conf_t;


typedef struct {
    ngx_uint_t                      waiting;    /* an operation goes on */
    ngx_ferrokv_load_t             *load[2];    /* by stage; may be NULL */
    ngx_ferrokv_run_t              *run;        /* of actions; may be NULL */
    ngx_uint_t                      action;     /* how many are through */
    ngx_ferrokv_result_t           *results;    /* of ferrokv_call */
    struct ngx_stream_ferrokv_resp_s  *resp;    /* of ferrokv_resp, or NULL */

    ngx_event_handler_pt            read;       /* while we wait in content */
    ngx_event_handler_pt            write;
} ngx_stream_ferrokv_ctx_t;


/* ngx_stream_ferrokv_module.c */

extern ngx_ferrokv_face_t  ngx_stream_ferrokv_face;
extern ngx_module_t  ngx_stream_ferrokv_module;


/* ngx_stream_ferrokv_pair.c */

char *ngx_stream_ferrokv_pair(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Before variables are counted: gives all of them an index if need be. */
ngx_int_t ngx_stream_ferrokv_index_pairs(ngx_conf_t *cf,
    ngx_stream_ferrokv_main_conf_t *fmcf);

/* After they have been counted: which of them are used at all. */
void ngx_stream_ferrokv_init_pairs(ngx_stream_core_main_conf_t *cmcf,
    ngx_stream_ferrokv_main_conf_t *fmcf);


/* ngx_stream_ferrokv_session.c */

/* NULL: no memory. */
ngx_stream_ferrokv_ctx_t *ngx_stream_ferrokv_ctx(ngx_stream_session_t *s);

ngx_int_t ngx_stream_ferrokv_post_accept_handler(ngx_stream_session_t *s);
ngx_int_t ngx_stream_ferrokv_access_handler(ngx_stream_session_t *s);
void ngx_stream_ferrokv_content_handler(ngx_stream_session_t *s);
ngx_int_t ngx_stream_ferrokv_log_handler(ngx_stream_session_t *s);


#endif /* _NGX_STREAM_FERROKV_H_INCLUDED_ */
