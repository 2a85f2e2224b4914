
/*
 * ngx_ferrokv.h - what every face of ngx_ferrokv shares: stores of the
 * configuration, the process they are open in, the grammar of TTL and
 * numbers, one mapping of the engine's codes.
 *
 * Stores     ferrokv_store makes an ngx_ferrokv_store_t.  A directive that
 *            names one (store=, or none if there is one only) takes an
 *            ngx_ferrokv_ref_t while it is parsed; after all parsing ref->store
 *            is set, and a wrong name has failed the configuration.
 * At run     ref->store->fkv is the engine's handle, attached in every worker.
 *            It is NULL under nginx -t and in the helper: no request is there.
 * Calls      fkv.h.  Events, turns and timers are done here: a face starts an
 *            operation and gets its on_done, nothing else.
 */

#ifndef _NGX_FERROKV_H_INCLUDED_
#define _NGX_FERROKV_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "fkv.h"
#include "commands/meter.h"
#include "commands/text.h"
#include "extensions/extension.h"
#include "extensions/hook.h"
#include "extensions/operator.h"
#include "extensions/roll.h"
#include "extensions/shared.h"


typedef struct ngx_ferrokv_open_s  ngx_ferrokv_open_t;
typedef struct ngx_ferrokv_install_s  ngx_ferrokv_install_t;

typedef struct {
    ngx_str_t                  name;
    ngx_str_t                  path;        /* full, null-terminated */
    fkv_options_t              options;     /* value_max is never 0 */
    fkv_t                     *fkv;
    ngx_ferrokv_open_t        *open;        /* the entry in the table */
    ngx_array_t                zones;       /* of ngx_ferrokv_zone_t * */

    u_char                    *file;        /* where it was configured */
    ngx_uint_t                 line;
} ngx_ferrokv_store_t;


/* A store named by a directive, before it is known which stores there are. */
typedef struct {
    ngx_str_t                  name;        /* empty: the only one */
    ngx_ferrokv_store_t       *store;       /* set when all is parsed */

    ngx_str_t                  directive;
    u_char                    *file;
    ngx_uint_t                 line;
} ngx_ferrokv_ref_t;


typedef struct {
    ngx_array_t                stores;      /* of ngx_ferrokv_store_t * */
    ngx_array_t                refs;        /* of ngx_ferrokv_ref_t * */
    ngx_array_t                zones;       /* of ngx_ferrokv_zone_t * */
    ngx_array_t                zone_refs;   /* of ngx_ferrokv_zone_ref_t * */

    fkv_extensions_t          *extensions;  /* never NULL */
    ngx_str_t                  extension_path;

    unsigned                   missing_extension_set:1;
    unsigned                   crash_limit_set:1;
    unsigned                   slow_call_set:1;
} ngx_ferrokv_conf_t;


/*
 * Called by the handler of the directive cf->args is about; name NULL or
 * empty: there must be one store.  NULL: out of memory.
 */
ngx_ferrokv_ref_t *ngx_ferrokv_store_ref(ngx_conf_t *cf, ngx_str_t *name);

/* Where the directive stands that is being parsed. */
u_char *ngx_ferrokv_conf_file(ngx_conf_t *cf);

/* After parsing.  NULL: no such store. */
ngx_ferrokv_store_t *ngx_ferrokv_store_by_name(ngx_cycle_t *cycle,
    ngx_str_t *name);


/*
 * ngx_ferrokv_open.c: the stores that are open in this process, by path.  The
 * table outlives configurations and is inherited over fork().
 */
struct ngx_ferrokv_open_s {
    ngx_queue_t                queue;       /* in ngx_ferrokv_table */
    ngx_uint_t                 cycles;      /* configurations that name it */
    ngx_uint_t                 committed;   /* there are processes with it */

    fkv_t                     *fkv;
    fkv_options_t              options;
    fkv_log_t                  log;
    fkv_meter_t               *meter;       /* of commands */
    fkv_roll_t                *roll;        /* of processes that know types */
    fkv_shared_t              *shared;      /* of extensions */
    fkv_operators_t           *operators;   /* theirs, of this process */
    fkv_hook_list_t           *hooks;       /* this process's; or NULL */
    ngx_str_t                  path;        /* null-terminated */

    /* this process's, see ngx_ferrokv_process.c */
    ngx_uint_t                 attached;
    ngx_uint_t                 failed;      /* the last attach was refused */
    fkv_t                     *loop;        /* what runs operations here: fkv,
                                               or the helper's twin; or NULL */
    ngx_ferrokv_install_t     *install;     /* or NULL */
    ngx_connection_t          *connection;  /* of the engine's eventfd */
    ngx_event_t                turn;
    ngx_event_t                timer;
};

extern ngx_queue_t  ngx_ferrokv_table;

/* To nginx's log, from any thread. */
extern const fkv_log_t  ngx_ferrokv_log;

/*
 * Opens the store or takes it over; undone when cycle->pool goes.
 * NGX_OK, or NGX_ERROR after one [emerg] line
 */
ngx_int_t ngx_ferrokv_open_store(ngx_cycle_t *cycle,
    ngx_ferrokv_store_t *store);

/* The configuration has been taken: its stores will have processes. */
void ngx_ferrokv_commit_stores(ngx_cycle_t *cycle);

/* Closes stores that no configuration names and no process uses. */
void ngx_ferrokv_sweep_stores(void);

/* Forgets the store; this process's share of it only. */
void ngx_ferrokv_close_store(ngx_ferrokv_open_t *open);


/* ngx_ferrokv_process.c: workers and the helper. */

/* Registers the helper, nginx's cache manager process, if a store is open. */
ngx_int_t ngx_ferrokv_add_helper(ngx_cycle_t *cycle);

/*
 * Attaches the stores to a worker.  Called from init_process of every module
 * of ours: the core module's may come before the event module's, and does
 * nothing then; further calls do nothing.
 */
ngx_int_t ngx_ferrokv_init_process(ngx_cycle_t *cycle);

/* Is this the only process, at work with stores?  It cannot be reloaded. */
ngx_uint_t ngx_ferrokv_alone(void);

void ngx_ferrokv_exit_process(ngx_cycle_t *cycle);


/* ngx_ferrokv_parse.c: the grammar that all faces share. */

/* Is arg name=value?  name comes without the "="; value may be empty. */
ngx_uint_t ngx_ferrokv_arg(ngx_str_t *arg, const char *name, ngx_str_t *value);

/* 100 years of 365 days: sums with it stay exact in JSON and in int64_t. */
#define NGX_FERROKV_TTL_MAX   (100ULL * 365 * 86400 * 1000)

/*
 * "30s", "5m", "1h", "1d", "2w", "1500ms"; a bare number is seconds.
 * NGX_OK, ttl_ms is 1 .. NGX_FERROKV_TTL_MAX; NGX_ERROR: anything else, also
 * negative, zero, overflowing, empty.
 */
ngx_int_t ngx_ferrokv_parse_ttl(ngx_str_t *text, uint64_t *ttl_ms);

/*
 * A decimal int64 as Redis takes it: no plus sign, no spaces, no leading
 * zeros, no "-0".  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_ferrokv_parse_int(const u_char *p, size_t len, int64_t *n);

/*
 * A key for the log: at most 64 of its bytes, controls, quotes, backslash and
 * bytes above 126 as \xHH, "..." if it was cut.  Returns out, which lies in
 * buf[NGX_FERROKV_LOG_KEY_SIZE]; print it with "%V".
 */
#define NGX_FERROKV_LOG_KEY_SIZE  FKV_TEXT_KEY_BYTES

ngx_str_t *ngx_ferrokv_log_key(ngx_str_t *out,
    u_char *buf, const void *key, size_t len);

/* One place that maps the engine's codes; 200 for FKV_OK. */
ngx_uint_t ngx_ferrokv_http_status(int rc);

/* What it means, and of what an extension refused just now what that said. */
fkv_str_t ngx_ferrokv_code_said(ngx_ferrokv_store_t *store, int rc);

/* The level at which a failed operation is logged. */
ngx_uint_t ngx_ferrokv_log_level(int rc);

/* One line about an operation that failed; what is the directive's name. */
void ngx_ferrokv_log_failure(ngx_log_t *log, ngx_str_t *what,
    ngx_ferrokv_store_t *store, fkv_str_t key, int rc);


/* ngx_ferrokv_counter.c: atomic addition, for every face that has one. */

#define NGX_FERROKV_TYPE_MAX  255

typedef struct {
    fkv_update_t               update;      /* update.op: the caller's */
    fkv_change_t               change;

    int64_t                    by;          /* to be set: */
    int64_t                    init;
    uint64_t                   expire_at;   /* if it creates; 0 = never */

    int64_t                    value;       /* the result */
    ngx_uint_t                 created;     /* it did not exist */

    size_t                     text_len;    /* value in decimal */
    u_char                     text[NGX_INT64_LEN];
    u_char                     type[NGX_FERROKV_TYPE_MAX];
} ngx_ferrokv_counter_t;

/*
 * current + by, or init + by if the key does not exist.  TTL and content type
 * stay.  The caller has zeroed the struct and set by, init, expire_at,
 * change.ns, change.key, update.store, update.now_ms, update.sync,
 * update.op.on_done and .data; all must live until the end.
 * FKV_OK value and text are set · FKV_NOTINT not an integer, or overflow;
 * nothing is written · FKV_AGAIN · as fkv_update()
 */
int ngx_ferrokv_counter_add(ngx_ferrokv_counter_t *counter);


static ngx_inline fkv_str_t
ngx_ferrokv_str(ngx_str_t *s)
{
    fkv_str_t  str;

    str.data = s->data;
    str.len = s->len;

    return str;
}


extern ngx_module_t  ngx_ferrokv_module;


#endif /* _NGX_FERROKV_H_INCLUDED_ */
