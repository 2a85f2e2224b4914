
/*
 * ngx_http_ferrokv_rest_batch.h - POST ?batch: many operations, one update.
 *
 *     JSON --parse--> operations --rest_batch.c--> slots, one a distinct key
 *                                                    | fkv_update
 *     answer <-- results <------- run, in order <-- decide()
 *
 * The engine takes each key once, so the operations run on slots, in decide(),
 * and only what a slot holds at the end is written: all at one version, in one
 * frame, whether the batch is atomic or not.  Atomic means that a failing
 * operation ends the batch; else it fails alone.
 */

#ifndef _NGX_HTTP_FERROKV_REST_BATCH_H_INCLUDED_
#define _NGX_HTTP_FERROKV_REST_BATCH_H_INCLUDED_


#include "ngx_http_ferrokv_rest.h"

#include <jansson.h>


typedef enum {
    NGX_HTTP_FERROKV_OP_GET = 0,
    NGX_HTTP_FERROKV_OP_SET,
    NGX_HTTP_FERROKV_OP_INCR,
    NGX_HTTP_FERROKV_OP_DELETE,
    NGX_HTTP_FERROKV_OP_TOUCH,
    NGX_HTTP_FERROKV_OP_PERSIST,
    NGX_HTTP_FERROKV_OPS
} ngx_http_ferrokv_op_e;


typedef struct {
    ngx_http_ferrokv_op_e      kind;
    ngx_uint_t                 slot;
    ngx_str_t                  key;         /* with the location's prefix */
    ngx_str_t                  value;       /* set */
    uint64_t                   ttl_ms;      /* 0 = not given */
    uint64_t                   expire_at;   /* 0 = never */
    int64_t                    by;          /* incr */
    int64_t                    init;
    ngx_uint_t                 conditional;
    uint64_t                   if_version;  /* 0: it must not exist */

    /* the result; written anew by each run */
    int                        rc;
    ngx_uint_t                 overflow;
    ngx_uint_t                 existed;
    ngx_uint_t                 pending;     /* version: of the slot's change */
    fkv_value_t                result;      /* in batch->scratch */
} ngx_http_ferrokv_operation_t;


/* A key while the operations run. */
typedef struct {
    ngx_uint_t                 exists;
    ngx_uint_t                 written;
    fkv_value_t                value;       /* version: 0 once written */
} ngx_http_ferrokv_slot_t;


typedef struct {
    ngx_http_ferrokv_target_t      target;
    ngx_http_ferrokv_body_t        body;
    ngx_uint_t                     atomic;
    json_t                        *json;    /* keys and values lie in it */

    ngx_http_ferrokv_operation_t  *ops;
    ngx_uint_t                     n;

    fkv_update_t                   update;
    fkv_change_t                  *changes; /* changes[i] is of slots[i] */
    ngx_http_ferrokv_slot_t       *slots;
    ngx_uint_t                     n_slots;

    ngx_pool_t                    *scratch; /* of one run */
    size_t                         read;    /* bytes of values read */
    ngx_http_ferrokv_operation_t  *failed;  /* what ended an atomic batch */
} ngx_http_ferrokv_batch_t;


/* ngx_http_ferrokv_rest_batch_parse.c: body -> json, ops, n. */
ngx_int_t ngx_http_ferrokv_batch_parse(ngx_http_ferrokv_batch_t *batch,
    ngx_http_ferrokv_problem_t *problem);

/*
 * ngx_http_ferrokv_rest_batch_run.c: all operations on slots as the engine
 * has read them.  FKV_OK changes say what to write · FKV_ENOMEM · FKV_ETOOBIG
 * more is read than an answer may hold · of an atomic batch the code of
 * batch->failed
 */
int ngx_http_ferrokv_batch_run(ngx_http_ferrokv_batch_t *batch);


#endif /* _NGX_HTTP_FERROKV_REST_BATCH_H_INCLUDED_ */
