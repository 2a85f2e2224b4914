
/*
 * ngx_http_ferrokv_limit.h - rate limits: what a zone and a limit are, and the
 * run of a request's limits.
 *
 * A zone says by which key and rate, a limit where and how strictly.  What a
 * key owes, rules/limit.h, is a record "ZONE:KEY" of the store's own namespace
 * of limits.  It expires when it owes nothing, so a zone holds the keys that
 * are in use and no others.
 *
 * All limits of a location that concern one moment are one update of the
 * engine: it reads the newest state of each key, decides, and writes all or
 * nothing.  So no two workers let the same unit pass, and what one limit
 * rejects is not charged to another.  A rejection writes nothing.
 *
 *   collect --> update --> decide (again, if a key has changed meanwhile)
 *                 |
 *                 |-- the result is there: conclude
 *                 `-- FKV_AGAIN --> limit_done --> resume --> conclude
 *
 * phase=access  charged and decided in the preaccess phase
 * phase=miss    the same when the request goes to the content handler because
 *               no cache has it
 * phase=log     decided in preaccess as if it cost 1, charged after the
 *               response whatever it cost then
 */

#ifndef _NGX_HTTP_FERROKV_LIMIT_H_INCLUDED_
#define _NGX_HTTP_FERROKV_LIMIT_H_INCLUDED_


#include "ngx_http_ferrokv.h"

#include "rules/limit.h"


#define NGX_HTTP_FERROKV_LIMIT_ACCESS   0x01
#define NGX_HTTP_FERROKV_LIMIT_MISS     0x02
#define NGX_HTTP_FERROKV_LIMIT_LOG      0x04

#define NGX_HTTP_FERROKV_LIMIT_NONE     0       /* "off" */
#define NGX_HTTP_FERROKV_LIMIT_DRAFT    0x01    /* ferrokv_limit_headers */
#define NGX_HTTP_FERROKV_LIMIT_LEGACY   0x02
#define NGX_HTTP_FERROKV_LIMIT_PROBLEM  1       /* ferrokv_limit_body */
#define NGX_HTTP_FERROKV_LIMIT_ALLOW    0       /* ferrokv_limit_on_error */
#define NGX_HTTP_FERROKV_LIMIT_REJECT   1

#define NGX_HTTP_FERROKV_LIMIT_FIELDS   5       /* Retry-After not counted */


/* In the order of nginx's words for them. */
typedef enum {
    NGX_HTTP_FERROKV_LIMIT_PASSED = 1,
    NGX_HTTP_FERROKV_LIMIT_DELAYED,
    NGX_HTTP_FERROKV_LIMIT_REJECTED,
    NGX_HTTP_FERROKV_LIMIT_DELAYED_DRY_RUN,
    NGX_HTTP_FERROKV_LIMIT_REJECTED_DRY_RUN,
    NGX_HTTP_FERROKV_LIMIT_ERROR        /* has no word: a counter only */
} ngx_http_ferrokv_limit_status_e;


/* Of a zone, in memory that all workers share: added to, never locked. */
typedef struct {
    ngx_atomic_t                  n[NGX_HTTP_FERROKV_LIMIT_ERROR];
} ngx_http_ferrokv_limit_count_t;


/* A number of a directive, or the expression that gives it. */
typedef struct {
    uint64_t                      number;
    ngx_http_complex_value_t     *value;    /* NULL: number */
} ngx_http_ferrokv_limit_number_t;


typedef struct {
    ngx_str_t                     name;     /* letters, digits, "_", "-", "." */
    ngx_ferrokv_ref_t            *ref;
    ngx_http_complex_value_t     *key;
    ngx_uint_t                    binary;   /* key is $binary_remote_addr */
    ngx_uint_t                    ipv6_prefix;

    fkv_rules_limit_algorithm_e   algorithm;
    fkv_rules_limit_rate_t        rate;
    ngx_http_complex_value_t     *rate_value;   /* NULL: rate */
    fkv_sync_e                    sync;

    ngx_http_ferrokv_limit_count_t  *count;
    time_t                        logged;   /* by this process, its trouble */
} ngx_http_ferrokv_limit_zone_t;


typedef struct {
    ngx_str_t                     zone_name;
    ngx_http_ferrokv_limit_zone_t  *zone;   /* when all is parsed */
    ngx_uint_t                    phase;

    ngx_http_ferrokv_limit_number_t  burst;
    ngx_http_ferrokv_limit_number_t  cost;
    uint64_t                      delay;
    ngx_http_complex_value_t     *filter;

    u_char                       *file;     /* where it was configured */
    ngx_uint_t                    line;
} ngx_http_ferrokv_limit_t;


typedef struct ngx_http_ferrokv_limit_check_s  ngx_http_ferrokv_limit_check_t;

/* One limit applied to one request. */
struct ngx_http_ferrokv_limit_check_s {
    ngx_http_ferrokv_limit_t     *limit;
    ngx_http_ferrokv_limit_check_t  *next;  /* in run->checks */

    fkv_str_t                     key;      /* "ZONE:KEY" */
    fkv_rules_limit_rule_t        rule;
    uint64_t                      cost;

    fkv_rules_limit_state_t       state;    /* after the decision */
    fkv_rules_limit_decision_t    decision;
    u_char                        bytes[FKV_RULES_LIMIT_STATE_SIZE];
};


static ngx_inline void
ngx_http_ferrokv_limit_tell(ngx_http_ferrokv_limit_check_t *check,
    fkv_rules_limit_figures_t *figures)
{
    fkv_rules_limit_tell(&check->rule, check->cost, &check->state,
                         &check->decision, figures);
}


/*
 * What decide() works on: all checks are asked and charged or, where rejected
 * is set afterwards, none is.
 */
typedef struct {
    fkv_update_t                  update;
    ngx_http_request_t           *request;  /* phase=log: it has gone */
    fkv_change_t                 *changes;
    ngx_http_ferrokv_limit_check_t  *checks;
    ngx_uint_t                    n;
    ngx_uint_t                    charge;   /* whether they pass or not */
    ngx_uint_t                    rejected;
} ngx_http_ferrokv_limit_batch_t;


/* All limits of a request, over its internal redirects. */
struct ngx_http_ferrokv_limit_run_s {
    ngx_http_ferrokv_limit_batch_t  *batch;     /* under way, or NULL */
    ngx_http_ferrokv_limit_check_t  *checks;    /* decided, the last first */
    ngx_http_ferrokv_limit_check_t  *strictest; /* of them */
    ngx_uint_t                    status;   /* _status_e; 0: none yet */
    ngx_table_elt_t              *fields[NGX_HTTP_FERROKV_LIMIT_FIELDS];
};


/* ngx_http_ferrokv_limit_key.c */

/*
 * What the key, rate, burst, cost and if= of a limit are for this request; of
 * phase=log the cost is 1, and if= not asked.
 * NGX_OK · NGX_DECLINED it does not apply · NGX_ABORT a variable is no rate or
 * number, counted · NGX_ERROR no memory
 */
ngx_int_t ngx_http_ferrokv_limit_prepare(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_t *limit, ngx_http_ferrokv_limit_check_t *check);

/* Only cost and if=, as above. */
ngx_int_t ngx_http_ferrokv_limit_prepare_cost(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_t *limit, ngx_http_ferrokv_limit_check_t *check);

/* Counts, and logs once a minute, that a zone cannot decide. */
void ngx_http_ferrokv_limit_trouble(ngx_log_t *log,
    ngx_http_ferrokv_limit_zone_t *zone, const char *what, ngx_str_t *value);


/* ngx_http_ferrokv_limit_answer.c */

/* What run->checks say, over what was said before.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_ferrokv_limit_add_headers(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_run_t *run, ngx_uint_t headers);

/* Of a rejection.  A status, or NGX_DONE: r has been finalized. */
ngx_int_t ngx_http_ferrokv_limit_answer(ngx_http_request_t *r,
    ngx_http_ferrokv_limit_run_t *run, ngx_http_ferrokv_limit_conf_t *lcf);


/* ngx_http_ferrokv_limit_count.c */

/* The memory of all zones; they get their part of it when it is there. */
char *ngx_http_ferrokv_limit_count(ngx_conf_t *cf,
    ngx_http_ferrokv_main_conf_t *fmcf);

static ngx_inline void
ngx_http_ferrokv_limit_add(ngx_http_ferrokv_limit_zone_t *zone,
    ngx_uint_t status)
{
    (void) ngx_atomic_fetch_add(&zone->count->n[status - 1], 1);
}


#endif /* _NGX_HTTP_FERROKV_LIMIT_H_INCLUDED_ */
