
/*
 * ngx_http_ferrokv.h - what the parts of the http module share: one module
 * with one location configuration, one file a concern.
 *
 * Waiting    While an operation of a request is in flight the request is held
 *            by r->main->blocked, as nginx holds it for aio and threads: its
 *            pool, and so the operation with its keys and buffers, stays until
 *            on_done, whatever the client does.  Nothing is ever cancelled.
 *
 *                rc = fkv_get(&ctx->get);
 *                if (rc == FKV_AGAIN) {
 *                    ngx_http_ferrokv_hold(r);
 *                    return NGX_AGAIN;
 *                }
 *
 *                on_done(op):  take the result, fkv_get_done();
 *                              ngx_http_ferrokv_resume(r)
 *
 *            resume() calls r->write_event_handler: ngx_http_core_run_phases
 *            in a phase (the phase's handler is called again), what a content
 *            handler has put there otherwise, or nginx's finalizer if the
 *            request was terminated meanwhile.  The handler may also be called
 *            while the operation is still in flight, by a write event of the
 *            socket: it must look at a flag of its own first.  Results are
 *            taken in on_done, before resume(): after a termination the
 *            handler is not called any more.
 */

#ifndef _NGX_HTTP_FERROKV_H_INCLUDED_
#define _NGX_HTTP_FERROKV_H_INCLUDED_


#include "ngx_ferrokv_action.h"
#include "ngx_ferrokv_pair.h"

#include <ngx_http.h>


/* What all faces share, by the name that http code knows. */
#define ngx_http_ferrokv_arg          ngx_ferrokv_arg
#define ngx_http_ferrokv_log_failure  ngx_ferrokv_log_failure


typedef struct ngx_http_ferrokv_limit_run_s  ngx_http_ferrokv_limit_run_t;

/* Complete in ngx_http_ferrokv_rest.h and known to ngx_http_ferrokv_rest*.c. */
typedef struct ngx_http_ferrokv_rest_conf_s  ngx_http_ferrokv_rest_conf_t;

/* Complete in ngx_http_ferrokv_commands.h. */
typedef struct ngx_http_ferrokv_commands_conf_s
    ngx_http_ferrokv_commands_conf_t;


typedef struct {
    ngx_array_t                   pairs;    /* of ngx_ferrokv_pair_t * */
    ngx_array_t                   actions;  /* of ngx_ferrokv_action_t * */
    ngx_array_t                   limits;   /* ngx_http_ferrokv_limit_t * */
    ngx_array_t                   limit_zones;  /* ..._limit_zone_t * */
    ngx_uint_t                    log;      /* some action has phase=log */
    ngx_uint_t                    load;     /* some pair's variable is used */
} ngx_http_ferrokv_main_conf_t;


/* ferrokv_limit and ferrokv_limit_*; the values in ngx_http_ferrokv_limit.h */
typedef struct {
    ngx_array_t                  *limits;   /* ngx_http_ferrokv_limit_t * */
    ngx_uint_t                    status;
    ngx_flag_t                    dry_run;
    ngx_uint_t                    log_level;
    ngx_uint_t                    headers;
    ngx_uint_t                    body;
    ngx_uint_t                    on_error;
    ngx_uint_t                    late;     /* phase=miss is not for preaccess:
                                               ngx_http_ferrokv_limit_miss()
                                               will be called */
} ngx_http_ferrokv_limit_conf_t;


typedef struct {
    ngx_array_t                  *actions;  /* of ngx_ferrokv_action_t * */
    ngx_flag_t                    inherit;

    ngx_http_ferrokv_limit_conf_t  limit;

    ngx_http_ferrokv_rest_conf_t *rest;     /* NULL: no ferrokv_rest here */
    ngx_http_ferrokv_commands_conf_t
                                 *commands; /* likewise */

    ngx_uint_t                    status;   /* the format, or 0: no status */
} ngx_http_ferrokv_loc_conf_t;


/*
 * The module's context of a request; one struct, as a module has one slot.
 * An internal redirect clears the slot: always come through these functions.
 */
typedef struct {
    ngx_http_request_t           *request;
    ngx_uint_t                    waiting;  /* phases: an operation goes on */

    ngx_ferrokv_load_t           *load;     /* of pairs; may be NULL */
    ngx_ferrokv_run_t            *run;      /* of actions; may be NULL */
    u_char                       *done;     /* bitmap of actions; may be NULL */
    ngx_ferrokv_result_t         *results;  /* of ferrokv_call */

    ngx_http_ferrokv_limit_run_t *limit;    /* may be NULL */

    void                         *rest;     /* the content handler's own */
} ngx_http_ferrokv_ctx_t;


/* ngx_http_ferrokv_module.c */

extern ngx_ferrokv_face_t  ngx_http_ferrokv_face;

/* NULL: there is none yet. */
ngx_http_ferrokv_ctx_t *ngx_http_ferrokv_get_ctx(ngx_http_request_t *r);

/* Finds or makes it.  NULL: out of memory. */
ngx_http_ferrokv_ctx_t *ngx_http_ferrokv_make_ctx(ngx_http_request_t *r);

static ngx_inline void
ngx_http_ferrokv_hold(ngx_http_request_t *r)
{
    r->main->blocked++;
}


/* From on_done, after hold(); the last thing on_done does. */
void ngx_http_ferrokv_resume(ngx_http_request_t *r);

/* NULL: [emerg] has been logged. */
ngx_http_complex_value_t *ngx_http_ferrokv_compile(ngx_conf_t *cf,
    ngx_str_t *value);

/* "$name" made a variable that we set; its index, or NGX_ERROR, logged. */
ngx_int_t ngx_http_ferrokv_variable(ngx_conf_t *cf, ngx_str_t *name);

/* Sets an indexed variable; len 0 is a valid empty value. */
void ngx_http_ferrokv_set_variable(ngx_http_request_t *r, ngx_int_t index,
    u_char *data, size_t len);

/* The header's value; data lies in r->pool. */
void ngx_http_ferrokv_content_type(ngx_http_request_t *r, u_char *data,
    size_t len);



/* ngx_http_ferrokv_actions.c: ferrokv_get, _set, _incr, _ttl, _del, _call. */

/* cmd->post is the kind. */
char *ngx_http_ferrokv_action(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_ferrokv_call(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_ferrokv_merge_actions(ngx_conf_t *cf,
    ngx_http_ferrokv_loc_conf_t *prev, ngx_http_ferrokv_loc_conf_t *conf);
ngx_int_t ngx_http_ferrokv_preaccess_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_ferrokv_log_handler(ngx_http_request_t *r);


/* ngx_http_ferrokv_pair.c: ferrokv $key $var zone=NAME. */

char *ngx_http_ferrokv_pair(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Before variables are counted: gives all of them an index if need be. */
ngx_int_t ngx_http_ferrokv_index_pairs(ngx_conf_t *cf,
    ngx_http_ferrokv_main_conf_t *fmcf);

/* After they have been counted: which of them are used at all. */
void ngx_http_ferrokv_init_pairs(ngx_http_core_main_conf_t *cmcf,
    ngx_http_ferrokv_main_conf_t *fmcf);
ngx_int_t ngx_http_ferrokv_post_read_handler(ngx_http_request_t *r);


/* ngx_http_ferrokv_limit_conf.c: ferrokv_limit_zone, ferrokv_limit. */

char *ngx_http_ferrokv_limit_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_ferrokv_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

char *ngx_http_ferrokv_limit_status_code(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* One of some words, cmd->post. */
char *ngx_http_ferrokv_limit_word(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* After the http block: which zone a limit names.  conf: the main one. */
char *ngx_http_ferrokv_resolve_limits(ngx_conf_t *cf, void *conf);

void ngx_http_ferrokv_init_limits(ngx_http_ferrokv_limit_conf_t *conf);
char *ngx_http_ferrokv_merge_limits(ngx_conf_t *cf,
    ngx_http_ferrokv_limit_conf_t *prev, ngx_http_ferrokv_limit_conf_t *conf);


/* ngx_http_ferrokv_limit.c */

ngx_int_t ngx_http_ferrokv_limit_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_ferrokv_limit_log_handler(ngx_http_request_t *r);

/*
 * The limits of phase=miss, for a phase handler that has found no answer for r
 * and would let it go on to the content handler.  Calling it again is harmless.
 * NGX_DECLINED go on · else return it: NGX_AGAIN, and the handler is called
 * again · NGX_DONE · a status
 */
ngx_int_t ngx_http_ferrokv_limit_miss(ngx_http_request_t *r);


/* ngx_http_ferrokv_limit_answer.c */

ngx_int_t ngx_http_ferrokv_limit_add_variables(ngx_conf_t *cf);


/* ngx_http_ferrokv_status_commands.c: what commands have counted. */

/*
 * ngx_http_ferrokv_status_extensions.c: an array in JSON.  NGX_OK, or
 * NGX_ERROR: no memory
 */
ngx_int_t ngx_http_ferrokv_extensions_status(ngx_pool_t *pool,
    ngx_ferrokv_store_t *store, ngx_str_t *text);
ngx_int_t ngx_http_ferrokv_hooks_status(ngx_pool_t *pool,
    ngx_ferrokv_store_t *store, ngx_str_t *text);

/* Lines for people; as above. */
ngx_int_t ngx_http_ferrokv_extensions_status_text(ngx_pool_t *pool,
    ngx_ferrokv_store_t *store, ngx_str_t *text);

/* What a store needs room for. */
size_t ngx_http_ferrokv_extensions_status_size(ngx_ferrokv_store_t *store);

u_char *ngx_http_ferrokv_extensions_status_prometheus(u_char *p, u_char *end,
    ngx_ferrokv_store_t **store, ngx_uint_t n);

size_t ngx_http_ferrokv_commands_status_size(ngx_ferrokv_store_t *store);

u_char *ngx_http_ferrokv_commands_status_json(u_char *p, u_char *end,
    ngx_ferrokv_store_t *store, fkv_stats_t *stats);
u_char *ngx_http_ferrokv_commands_status_prometheus(u_char *p, u_char *end,
    ngx_ferrokv_store_t **store, fkv_stats_t *stats, ngx_uint_t n);


/* ngx_http_ferrokv_limit_count.c: what zones have counted, for the status. */

size_t ngx_http_ferrokv_limit_status_size(ngx_http_ferrokv_main_conf_t *fmcf);

u_char *ngx_http_ferrokv_limit_status_json(u_char *p, u_char *end,
    ngx_http_ferrokv_main_conf_t *fmcf);
u_char *ngx_http_ferrokv_limit_status_prometheus(u_char *p, u_char *end,
    ngx_http_ferrokv_main_conf_t *fmcf);
u_char *ngx_http_ferrokv_limit_status_text(u_char *p, u_char *end,
    ngx_http_ferrokv_main_conf_t *fmcf);


/* ngx_http_ferrokv_status.c */

char *ngx_http_ferrokv_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_ferrokv_merge_status(ngx_conf_t *cf,
    ngx_http_ferrokv_loc_conf_t *prev, ngx_http_ferrokv_loc_conf_t *conf);


/*
 * ngx_http_ferrokv_rest.c, called by the module.  The directive allocates
 * conf->rest and sets clcf->handler.  merge: a location takes nothing from
 * its parent, an "if" block (clcf->noname) and limit_except (clcf->lmt_excpt)
 * do, handler included; conf->rest is NULL where there is no ferrokv_rest.
 */
char *ngx_http_ferrokv_rest(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_ferrokv_rest_merge(ngx_conf_t *cf,
    ngx_http_ferrokv_loc_conf_t *prev, ngx_http_ferrokv_loc_conf_t *conf);


/* ngx_http_ferrokv_commands.c: likewise, for ferrokv_commands. */
char *ngx_http_ferrokv_commands_conf(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_ferrokv_commands_merge(ngx_conf_t *cf,
    ngx_http_ferrokv_loc_conf_t *prev, ngx_http_ferrokv_loc_conf_t *conf);


extern ngx_module_t  ngx_http_ferrokv_module;


#endif /* _NGX_HTTP_FERROKV_H_INCLUDED_ */
