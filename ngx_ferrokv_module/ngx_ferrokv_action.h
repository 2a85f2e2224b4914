
/*
 * ngx_ferrokv_action.h - an action is a directive, ferrokv_get, _set, _incr,
 * _ttl, _del or _call, of http or of stream; a run is an action under way.
 *
 * Shape      kind      what one of the six directives does
 *            action    a directive of the configuration
 *            run       prepare --> start --> finish, or on_done follows
 *
 * A request, or a session, has one run at a time and waits for it; a later
 * action's key may use what an earlier one has found.  When it is going, in
 * its log phase, the run is copied to memory of its own, and nobody waits.
 */

#ifndef _NGX_FERROKV_ACTION_H_INCLUDED_
#define _NGX_FERROKV_ACTION_H_INCLUDED_


#include "ngx_ferrokv_face.h"
#include "ngx_ferrokv_zone.h"
#include "commands/exec.h"


typedef struct ngx_ferrokv_action_s  ngx_ferrokv_action_t;
typedef struct ngx_ferrokv_run_s     ngx_ferrokv_run_t;
typedef struct ngx_ferrokv_call_s    ngx_ferrokv_call_t;    /* ..._call.h */


/* Which parameters a kind takes, besides store=. */
#define NGX_FERROKV_PARAM_DEFAULT    0x01
#define NGX_FERROKV_PARAM_TTL        0x02
#define NGX_FERROKV_PARAM_BY         0x04
#define NGX_FERROKV_PARAM_INIT       0x08
#define NGX_FERROKV_PARAM_IF         0x10
#define NGX_FERROKV_PARAM_PHASE      0x20
#define NGX_FERROKV_PARAM_CONDITION  0x40


typedef enum {
    NGX_FERROKV_ALWAYS = 0,
    NGX_FERROKV_NX,
    NGX_FERROKV_XX
} ngx_ferrokv_condition_e;


typedef struct {
    ngx_str_t                   name;
    ngx_uint_t                  variable;   /* the first argument is $var */
    ngx_uint_t                  value;      /* an argument follows KEY */
    ngx_uint_t                  params;     /* which ones it takes */

    /* NGX_DECLINED: there is nothing to start. */
    ngx_int_t                 (*prepare)(ngx_ferrokv_run_t *run);
    int                       (*start)(ngx_ferrokv_run_t *run);
    void                      (*finish)(ngx_ferrokv_run_t *run, int rc);
} ngx_ferrokv_kind_t;


extern ngx_ferrokv_kind_t  ngx_ferrokv_kind_get;
extern ngx_ferrokv_kind_t  ngx_ferrokv_kind_set;
extern ngx_ferrokv_kind_t  ngx_ferrokv_kind_incr;
extern ngx_ferrokv_kind_t  ngx_ferrokv_kind_ttl;
extern ngx_ferrokv_kind_t  ngx_ferrokv_kind_del;


struct ngx_ferrokv_action_s {
    ngx_ferrokv_face_t         *face;
    ngx_ferrokv_kind_t         *kind;
    ngx_uint_t                  number;     /* http: among all */
    ngx_ferrokv_ref_t          *ref;
    ngx_int_t                   index;      /* of the variable */

    void                       *key;        /* expressions; may be NULL */
    void                       *value;
    void                       *fallback;
    void                       *ttl;
    void                       *by;
    void                       *init;
    void                       *filter;

    ngx_ferrokv_condition_e     condition;
    ngx_uint_t                  log;        /* phase=log */

    ngx_ferrokv_call_t         *call;       /* NULL: it is none */
};


struct ngx_ferrokv_run_s {
    ngx_ferrokv_action_t       *action;
    void                       *of;         /* NULL: it has gone */
    void                      (*on_done)(ngx_ferrokv_run_t *run);
    void                       *data;       /* the caller's */

    ngx_uint_t                  status;     /* over: not 0: what the request
                                               ends with */

    fkv_str_t                   key;
    fkv_str_t                   value;
    uint64_t                    ttl_ms;     /* 0: none */
    int64_t                     by;
    int64_t                     init;

    union {
        fkv_get_t               get;
        ngx_ferrokv_counter_t   counter;

        struct {
            fkv_update_t        update;
            fkv_change_t        change;
        } write;

        struct {
            fkv_exec_t          exec;
            fkv_request_t       request;
        } call;
    } op;
};


/* ngx_ferrokv_action.c */

/*
 * The directive of cf->args: "KIND [$var] KEY [VALUE] [PARAMETER]...".
 * NULL: [emerg] has been logged, or no memory
 */
ngx_ferrokv_action_t *ngx_ferrokv_parse_action(ngx_conf_t *cf,
    ngx_ferrokv_face_t *face, ngx_ferrokv_kind_t *kind);


/* ngx_ferrokv_run.c */

/*
 * of, on_done and data are set.
 * NGX_AGAIN: on_done follows · NGX_OK it is over · NGX_ERROR no memory
 */
ngx_int_t ngx_ferrokv_run(ngx_ferrokv_run_t *run,
    ngx_ferrokv_action_t *action);

/* The on_done of an operation that a kind has started; op->data is the run. */
void ngx_ferrokv_run_done(fkv_op_t *op);

/* Starts it, and outlives what it is of. */
void ngx_ferrokv_run_detached(void *of, ngx_ferrokv_action_t *action);


#endif /* _NGX_FERROKV_ACTION_H_INCLUDED_ */
