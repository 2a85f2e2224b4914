
/*
 * ngx_http_ferrokv_cache.h - the response cache: a handler that looks before
 * the content handler does, and filters that store what that one answers.
 *
 * Path       precontent, before try_files: begin -> find -> judge
 *                fresh      the entry is the answer, _serve.c
 *                otherwise  the request goes on to its content handler, and
 *                           _filter.c sees the answer before any other filter
 * Entry      a record of the store's namespace of the cache.  Its value is an
 *            envelope, what rules/entry.h packs, and the body
 * Who knows  rules/ knows RFC 9111; here is only what nginx and the store have
 *            to do with it
 * Failures   the store cannot be read: as if there were no entry.  It cannot be
 *            written: the response went to the client already
 *
 * It is a module of its own, for its filters come first of all and its context
 * has a life of its own.
 */

#ifndef _NGX_HTTP_FERROKV_CACHE_H_INCLUDED_
#define _NGX_HTTP_FERROKV_CACHE_H_INCLUDED_


#include "ngx_http_ferrokv.h"

#include "rules/entry.h"
#include "rules/invalidate.h"
#include "rules/serve.h"
#include "rules/storable.h"
#include "rules/update.h"
#include "rules/vary.h"


/* A body of so many bytes, or less than blob_min, is collected in memory. */
#define NGX_HTTP_FERROKV_CACHE_COLLECT_MAX  (1024 * 1024)

/* Of r->buffered: we hold back what has come, or have more to send.  Only the
   image filter has this bit, too; it waits for the end of all that comes. */
#define NGX_HTTP_FERROKV_CACHE_BUFFERED  0x08


typedef enum {
    NGX_HTTP_FERROKV_CACHE_NONE = 0,
    NGX_HTTP_FERROKV_CACHE_MISS,
    NGX_HTTP_FERROKV_CACHE_BYPASS,
    NGX_HTTP_FERROKV_CACHE_EXPIRED,
    NGX_HTTP_FERROKV_CACHE_STALE,
    NGX_HTTP_FERROKV_CACHE_UPDATING,
    NGX_HTTP_FERROKV_CACHE_REVALIDATED,
    NGX_HTTP_FERROKV_CACHE_HIT
} ngx_http_ferrokv_cache_status_e;


/* ferrokv_cache_use_stale */
#define NGX_HTTP_FERROKV_CACHE_ON_ERROR           0x0002
#define NGX_HTTP_FERROKV_CACHE_ON_TIMEOUT         0x0004
#define NGX_HTTP_FERROKV_CACHE_ON_INVALID_HEADER  0x0008
#define NGX_HTTP_FERROKV_CACHE_ON_UPDATING        0x0010
#define NGX_HTTP_FERROKV_CACHE_ON_500             0x0020
#define NGX_HTTP_FERROKV_CACHE_ON_502             0x0040
#define NGX_HTTP_FERROKV_CACHE_ON_503             0x0080
#define NGX_HTTP_FERROKV_CACHE_ON_504             0x0100
#define NGX_HTTP_FERROKV_CACHE_ON_403             0x0200
#define NGX_HTTP_FERROKV_CACHE_ON_404             0x0400
#define NGX_HTTP_FERROKV_CACHE_ON_429             0x0800
#define NGX_HTTP_FERROKV_CACHE_ON_NOTHING         0x1000


typedef struct {
    ngx_uint_t                        status;       /* 0 = any */
    int64_t                           valid_s;
} ngx_http_ferrokv_cache_valid_t;


typedef struct {
    ngx_ferrokv_ref_t                *store;        /* NULL: off */
    ngx_http_complex_value_t         *key;          /* NULL: the default */
    ngx_array_t                      *valid;        /* .._cache_valid_t */
    ngx_array_t                      *bypass;       /* predicates */
    ngx_array_t                      *no_cache;
    ngx_uint_t                        methods;
    ngx_uint_t                        ignore;       /* FKV_RULES_IGNORE_* */
    size_t                            max_object_size;
    time_t                            inactive;
    ngx_int_t                         min_uses;
    ngx_flag_t                        request_control;
    ngx_int_t                         heuristic;    /* percent */
    time_t                            heuristic_max;
    ngx_array_t                      *targets;      /* fkv_str_t */
    ngx_str_t                         status_name;  /* in Cache-Status */
    ngx_flag_t                        lock;
    ngx_msec_t                        lock_timeout;
    ngx_msec_t                        lock_age;
    ngx_uint_t                        use_stale;    /* .._ON_* */
    ngx_flag_t                        background_update;
    ngx_flag_t                        revalidate;
    ngx_array_t                      *purge;        /* predicates */
    ngx_uint_t                        purge_soft;
    ngx_uint_t                        purge_prefix;
    ngx_http_complex_value_t         *purge_tag;    /* NULL: none */
    ngx_uint_t                        purge_tag_soft;
    ngx_array_t                      *tags;         /* fkv_str_t */
    ngx_flag_t                        invalidate;

    /* This worker's: when the last prefix was purged, as of when. */
    int64_t                           prefix_ms;
    int64_t                           prefix_as_of_ms;
} ngx_http_ferrokv_cache_conf_t;


/* What a record's value begins with. */
typedef struct {
    uint64_t                          generation;   /* of a list of names, and
                                                   of the variants it is for */
    int64_t                           gone_ms;      /* what was asked for by
                                                   then has been purged, ... */
    int64_t                           stale_ms;     /* ... or made stale */
} ngx_http_ferrokv_cache_envelope_t;

#define NGX_HTTP_FERROKV_CACHE_ENVELOPE_LEN  32

/* How long a response may be on its way, for purges to concern it. */
#define NGX_HTTP_FERROKV_CACHE_FETCH_MS  (600 * 1000)

/* How long it is known of a key that its responses cannot be stored. */
#define NGX_HTTP_FERROKV_CACHE_REFUSAL_MS  (10 * 1000)

/* How long a mark lives that is looked at with an entry; no entry does. */
#define NGX_HTTP_FERROKV_CACHE_MARK_MS   (366LL * 86400 * 1000)


/* Of the name of a mark: key.c. */
#define NGX_HTTP_FERROKV_CACHE_MARK_LEN(len)  (sizeof("cache/t") - 1 + (len))


typedef struct ngx_http_ferrokv_cache_s         ngx_http_ferrokv_cache_t;
typedef struct ngx_http_ferrokv_cache_large_s   ngx_http_ferrokv_cache_large_t;
typedef struct ngx_http_ferrokv_cache_stream_s  ngx_http_ferrokv_cache_stream_t;

typedef ngx_int_t (*ngx_http_ferrokv_cache_step_pt)(
    ngx_http_ferrokv_cache_t *cache);

/* Takes cache->get.value, which ends then; rc as of fkv_get(). */
typedef void (*ngx_http_ferrokv_cache_take_pt)(
    ngx_http_ferrokv_cache_t *cache, int rc);

/* What is stored of a response; its values lie in the request's pool. */
typedef struct {
    fkv_rules_entry_t                 entry;
    fkv_rules_fields_t                fields;
    const fkv_rules_tags_t           *tags;
    ngx_str_t                         names;        /* of Vary, may be empty */
    ngx_str_t                         variant;

    off_t                             expected;     /* Content-Length, or -1 */
    size_t                            head_len;     /* before the body */
    size_t                            max;          /* with the body */
    u_char                           *value;        /* ngx_alloc() */
    size_t                            len;
    size_t                            size;

    ngx_http_ferrokv_cache_large_t   *large;        /* the body, if it comes
                                                   apart; value is without */
} ngx_http_ferrokv_cache_capture_t;


/* Of one request; it begins anew after an internal redirect. */
struct ngx_http_ferrokv_cache_s {
    ngx_http_request_t               *request;
    ngx_http_ferrokv_cache_conf_t    *conf;
    ngx_http_ferrokv_cache_step_pt    step;         /* what comes next */

    ngx_http_ferrokv_cache_status_e   status;
    unsigned                          waiting:1;    /* an operation goes on */
    unsigned                          passed:1;     /* to the content handler */
    unsigned                          may_store:1;  /* what that answers */
    unsigned                          answered:1;   /* its header has come */
    unsigned                          stale:1;      /* there is an old entry */
    unsigned                          asked:1;      /* whether it has changed */
    unsigned                          background:1; /* nobody is answered */
    unsigned                          replaced:1;   /* the entry is sent ... */
    unsigned                          sent:1;       /* ... and its body was */
    unsigned                          collapsed:1;  /* waited for another's */
    unsigned                          renewed:1;    /* by a 304, and stored */
    unsigned                          refusable:1;  /* that it is not stored is
                                                   so for everybody */
    unsigned                          refused:1;    /* another's was so */
    unsigned                          large:1;      /* a body came or went by
                                                   pieces */
    ngx_uint_t                        fwd_status;   /* of what was replaced */

    ngx_str_t                         key;          /* as configured */
    ngx_str_t                         name;         /* of the record */
    fkv_get_t                         get;
    ngx_http_ferrokv_cache_take_pt    take;         /* its value */
    int                               rc;           /* of the operation */

    u_char                           *bytes;        /* of the value */
    size_t                            len;
    ngx_http_ferrokv_cache_envelope_t  envelope;
    fkv_rules_entry_t                 entry;
    fkv_rules_served_t                served;

    fkv_blob_t                       *blob;         /* the entry's body, if it
                                                   lies apart; or NULL */
    int64_t                           body_expire_at;
    ngx_http_ferrokv_cache_stream_t  *stream;       /* sends it; or NULL */

    int64_t                           gone_ms;      /* as of what was found */
    int64_t                           stale_ms;
    fkv_str_t                         tags;         /* not looked at yet */
    u_char                            tag_name[
                            NGX_HTTP_FERROKV_CACHE_MARK_LEN(
                                FKV_RULES_TAG_BYTES_MAX)];

    ngx_str_t                         variant;      /* looked for, or empty */
    uint64_t                          generation;   /* of its list of names */
    fkv_rules_control_t               control;      /* of the request */
    ngx_list_t                        headers_in;   /* as the client sent */

    fkv_claim_t                       claim;        /* on asking for it */
    ngx_event_t                       timer;        /* of waiting for it */
    ngx_msec_t                        wait_until;   /* 0: not waited yet */

    int64_t                           begun_ms;     /* asking the upstream */
    ngx_http_ferrokv_cache_capture_t *capture;      /* or NULL */
};


/* ngx_http_ferrokv_cache_module.c */

/* NULL: there is none. */
ngx_http_ferrokv_cache_t *ngx_http_ferrokv_cache_get(ngx_http_request_t *r);

/* A new one, or the same one cleared.  NULL: out of memory. */
ngx_http_ferrokv_cache_t *ngx_http_ferrokv_cache_make(ngx_http_request_t *r,
    ngx_http_ferrokv_cache_conf_t *conf);

extern ngx_module_t  ngx_http_ferrokv_cache_module;


/* An operation has begun; the handler is called again when it has ended. */
static ngx_inline ngx_int_t
ngx_http_ferrokv_cache_wait(ngx_http_ferrokv_cache_t *cache)
{
    cache->waiting = 1;
    ngx_http_ferrokv_hold(cache->request);

    return NGX_AGAIN;
}


/* It has; the last thing on_done does. */
static ngx_inline void
ngx_http_ferrokv_cache_go_on(ngx_http_ferrokv_cache_t *cache)
{
    cache->waiting = 0;
    ngx_http_ferrokv_resume(cache->request);
}


/* ngx_http_ferrokv_cache_conf.c */
void *ngx_http_ferrokv_cache_create_conf(ngx_conf_t *cf);
char *ngx_http_ferrokv_cache_merge_conf(ngx_conf_t *cf, void *parent,
    void *child);
char *ngx_http_ferrokv_cache_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_ferrokv_cache_set_key(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_ferrokv_cache_set_valid(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_ferrokv_cache_set_heuristic(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_ferrokv_cache_set_names(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_ferrokv_cache_set_purge(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_ferrokv_cache_set_purge_tag(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_ferrokv_cache_set_status(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);


/* ngx_http_ferrokv_cache.c: the precontent handler. */
ngx_int_t ngx_http_ferrokv_cache_handler(ngx_http_request_t *r);

/* Steps that others go on with. */
ngx_int_t ngx_http_ferrokv_cache_miss(ngx_http_ferrokv_cache_t *cache);
ngx_int_t ngx_http_ferrokv_cache_judge(ngx_http_ferrokv_cache_t *cache);
ngx_int_t ngx_http_ferrokv_cache_again(ngx_http_ferrokv_cache_t *cache);
ngx_int_t ngx_http_ferrokv_cache_pass(ngx_http_ferrokv_cache_t *cache);

/* What was to be found was not, cache->rc says why.  As a step. */
ngx_int_t ngx_http_ferrokv_cache_unreadable(ngx_http_ferrokv_cache_t *cache);

/* Reads a record, as of a step that has set the next one. */
ngx_int_t ngx_http_ferrokv_cache_load(ngx_http_ferrokv_cache_t *cache,
    ngx_uint_t ns, fkv_str_t name, uint64_t load_max,
    ngx_http_ferrokv_cache_take_pt take);

/* What the request says for these names.  NGX_OK · NGX_DECLINED too long
   · NGX_ERROR */
ngx_int_t ngx_http_ferrokv_cache_variant(ngx_http_ferrokv_cache_t *cache,
    fkv_str_t names, ngx_str_t *variant);


/*
 * ngx_http_ferrokv_cache_key.c: the names of records.
 *
 *     "e" key "m" 16 times 1     the entry, or the names its variants vary on
 *     "e" key "v" digest         a variant
 *     "e" key "b" the same 16    its body, if it lies apart
 *     "u", "h" key ..            how often it was asked for; that what was
 *                                answered could not be stored
 *
 * What follows the key has always the same length, so no key can be made that
 * looks like another's record.  Marks of purges lie in the namespace of the
 * catalog, for from that nothing is evicted:
 *
 *     "cache/t" tag              of the entries with this tag
 *     "cache/p" prefix           of the entries whose keys begin with it
 *     "cache/l"                  when the last mark of a prefix was made
 */

#define NGX_HTTP_FERROKV_CACHE_NAME_LEN(key)  (1 + (key)->len + 1 + 16)

/* NGX_OK · NGX_DECLINED too long, or empty · NGX_ERROR */
ngx_int_t ngx_http_ferrokv_cache_key(ngx_http_request_t *r,
    ngx_http_ferrokv_cache_conf_t *conf, ngx_str_t *key);

/*
 * The default key of a request and the target URI it is made from: the first
 * origin bytes of the key are its scheme and host.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_ferrokv_cache_origin(ngx_http_request_t *r,
    fkv_rules_target_t *target, size_t *origin, ngx_str_t *key);

/* Into p[MARK_LEN], which name then is. */
void ngx_http_ferrokv_cache_mark_name(u_char *p, u_char kind, fkv_str_t of,
    fkv_str_t *name);

/* Into p[NAME_LEN], which name then is; variant empty: the entry's own. */
void ngx_http_ferrokv_cache_name(u_char *p, ngx_str_t *key,
    ngx_str_t *variant, ngx_str_t *name);
void ngx_http_ferrokv_cache_body_name(u_char *p, ngx_str_t *key,
    ngx_str_t *variant, ngx_str_t *name);

/* Into p[STAMP_LEN]: a body's content type, by which its entry knows it. */
#define NGX_HTTP_FERROKV_CACHE_STAMP_LEN  16

void ngx_http_ferrokv_cache_stamp(u_char *p, uint64_t stamp);


/* ngx_http_ferrokv_cache_entry.c: the value of a record. */

/* Into p[ENVELOPE_LEN]. */
void ngx_http_ferrokv_cache_envelope_put(u_char *p,
    const ngx_http_ferrokv_cache_envelope_t *envelope);

/*
 * entry points into bytes.  FKV_OK · FKV_NOTFOUND a mark: there is an envelope
 * and no more · FKV_ECORRUPT · FKV_EVERSION
 */
int ngx_http_ferrokv_cache_unpack(fkv_str_t bytes,
    ngx_http_ferrokv_cache_envelope_t *envelope, fkv_rules_entry_t *entry);


/* ngx_http_ferrokv_cache_fields.c: nginx's lists of headers for the rules. */

/* The next one that is not deleted, or NULL. */
typedef struct {
    ngx_list_part_t                  *part;
    ngx_uint_t                        i;
} ngx_http_ferrokv_cache_walk_t;

ngx_table_elt_t *ngx_http_ferrokv_cache_next(
    ngx_http_ferrokv_cache_walk_t *walk);

/* All of a list.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_ferrokv_cache_fields(ngx_pool_t *pool, ngx_list_t *list,
    fkv_rules_fields_t *fields);

/*
 * said: what the response says of its caching, as the upstream sent it.  shown:
 * what the client is to get, also those of headers_out that are no lines yet,
 * and Connection, if the upstream sent one, for what it names.
 */
ngx_int_t ngx_http_ferrokv_cache_fields_out(ngx_http_request_t *r,
    fkv_rules_fields_t *said, fkv_rules_fields_t *shown);

/* A field of an entry becomes one of r->headers_out. */
ngx_int_t ngx_http_ferrokv_cache_field_send(ngx_http_request_t *r,
    const fkv_rules_field_t *field);

/*
 * The client's conditions and ranges are not for the upstream: it is asked for
 * all, or, by the validators, whether that has changed; NULL: there are none.
 */
ngx_int_t ngx_http_ferrokv_cache_ask(ngx_http_request_t *r,
    const fkv_rules_entry_t *validators);

/* Does the response come from an upstream, not from nginx itself? */
ngx_http_upstream_t *ngx_http_ferrokv_cache_upstream(ngx_http_request_t *r);


/*
 * ngx_http_ferrokv_cache_serve.c: the entry is the answer.  Ends the request;
 * NGX_DONE.
 */
ngx_int_t ngx_http_ferrokv_cache_serve(ngx_http_ferrokv_cache_t *cache);

/* Status and headers of it; its body.  NGX_OK, or what ends the request. */
ngx_int_t ngx_http_ferrokv_cache_serve_header(
    ngx_http_ferrokv_cache_t *cache);
ngx_chain_t *ngx_http_ferrokv_cache_serve_body(
    ngx_http_ferrokv_cache_t *cache);

/* A header of the response; name and value are constants or in r->pool. */
ngx_table_elt_t *ngx_http_ferrokv_cache_line(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);

/* Cache-Status, if it is configured.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_ferrokv_cache_status_send(ngx_http_ferrokv_cache_t *cache);


/* ngx_http_ferrokv_cache_filter.c */
ngx_int_t ngx_http_ferrokv_cache_filter_init(ngx_conf_t *cf);

/* To the filters behind ours; NULL: if one of them has something to send. */
ngx_int_t ngx_http_ferrokv_cache_filter_next(ngx_http_request_t *r,
    ngx_chain_t *in);

/* From on_done, after hold(); the last thing it does. */
void ngx_http_ferrokv_cache_filter_go_on(ngx_http_ferrokv_cache_t *cache);


/*
 * ngx_http_ferrokv_cache_stream.c: bodies of entries that lie apart.
 *
 * open: as a step, of an entry that was found; cache->blob is set if there is
 * such a body, and it is wanted
 */
ngx_int_t ngx_http_ferrokv_cache_open(ngx_http_ferrokv_cache_t *cache);
void ngx_http_ferrokv_cache_close(ngx_http_ferrokv_cache_t *cache);

/* After the header: begins to send it, and goes on.  As a body filter. */
ngx_int_t ngx_http_ferrokv_cache_stream(ngx_http_ferrokv_cache_t *cache);
ngx_int_t ngx_http_ferrokv_cache_stream_next(ngx_http_ferrokv_cache_t *cache);


/*
 * ngx_http_ferrokv_cache_large.c: a body on its way to disk.
 *
 * NGX_OK capture->large is for it · NGX_DECLINED
 */
ngx_int_t ngx_http_ferrokv_cache_large(ngx_http_ferrokv_cache_t *cache,
    ngx_http_ferrokv_cache_capture_t *capture);

/*
 * More of it.  out: what may be passed on now, *last is set if that is the end;
 * passed() when it has been.
 * NGX_OK · NGX_AGAIN some is held: the filter is called again when it can be
 * passed on · NGX_DECLINED it cannot be stored, rest() is to be passed on, too
 * · NGX_ERROR
 */
ngx_int_t ngx_http_ferrokv_cache_large_take(
    ngx_http_ferrokv_cache_large_t *large, ngx_chain_t *in, ngx_chain_t **out,
    ngx_uint_t *last);
void ngx_http_ferrokv_cache_large_passed(
    ngx_http_ferrokv_cache_large_t *large, ngx_chain_t *out);
ngx_chain_t *ngx_http_ferrokv_cache_large_rest(
    ngx_http_ferrokv_cache_large_t *large);

/*
 * The request is through with it; how many bytes that were, and the upload.
 * end: FKV_OK all of it is on disk · FKV_AGAIN on_end will say · a failure
 */
uint64_t ngx_http_ferrokv_cache_large_len(
    ngx_http_ferrokv_cache_large_t *large);
fkv_upload_t *ngx_http_ferrokv_cache_large_upload(
    ngx_http_ferrokv_cache_large_t *large);
int ngx_http_ferrokv_cache_large_end(ngx_http_ferrokv_cache_large_t *large,
    void (*on_end)(void *data, int rc), void *data);

/* At any time but during its update. */
void ngx_http_ferrokv_cache_large_free(ngx_http_ferrokv_cache_large_t *large);


/*
 * ngx_http_ferrokv_cache_store.c: what is written, and when it may be.
 *
 * storable: the header of a response has come.  NGX_OK cache->capture is for
 * its body · NGX_DECLINED it is not stored · NGX_ERROR
 */
ngx_int_t ngx_http_ferrokv_cache_storable(ngx_http_ferrokv_cache_t *cache);

/* The same of a response that says one thing and shows another. */
ngx_int_t ngx_http_ferrokv_cache_plan(ngx_http_ferrokv_cache_t *cache,
    ngx_uint_t status, fkv_rules_fields_t said, fkv_rules_fields_t shown);

/* More of its body.  NGX_DECLINED: it is too long, and given up. */
ngx_int_t ngx_http_ferrokv_cache_collect(ngx_http_ferrokv_cache_t *cache,
    ngx_buf_t *b);

/* All of it is there: it is written, whatever becomes of the request. */
void ngx_http_ferrokv_cache_store(ngx_http_ferrokv_cache_t *cache);

/* capture->value becomes an entry, but for its envelope. */
void ngx_http_ferrokv_cache_pack(ngx_http_ferrokv_cache_t *cache);

/* It will not come, or is too long; whoever waits for it goes on. */
void ngx_http_ferrokv_cache_discard(ngx_http_ferrokv_cache_t *cache);


/*
 * ngx_http_ferrokv_cache_write.c: takes capture->value, which is complete,
 * capture->large, and the claim, which ends when the entry can be found.
 */
void ngx_http_ferrokv_cache_write(ngx_http_ferrokv_cache_t *cache);

/* Of the body that comes with an entry and is to outlive it. */
int64_t ngx_http_ferrokv_cache_body_expire_at(ngx_http_ferrokv_cache_t *cache,
    ngx_http_ferrokv_cache_capture_t *capture, int64_t now_ms);


/*
 * ngx_http_ferrokv_cache_lock.c: one request asks the upstream for an entry,
 * others wait, or are content with an old one.
 *
 * As a step: NGX_OK, the next one is set · NGX_AGAIN · NGX_ERROR · NGX_DONE
 */
ngx_int_t ngx_http_ferrokv_cache_lock(ngx_http_ferrokv_cache_t *cache);
void ngx_http_ferrokv_cache_unlock(ngx_http_ferrokv_cache_t *cache);


/*
 * ngx_http_ferrokv_cache_refusal.c: what is known not to be storable.
 *
 * refused: reads whether it is; as a step that has set the next one
 * refuse: this response is not stored; the claim ends when others know that
 */
ngx_int_t ngx_http_ferrokv_cache_refused(ngx_http_ferrokv_cache_t *cache);
void ngx_http_ferrokv_cache_refuse(ngx_http_ferrokv_cache_t *cache);


/*
 * ngx_http_ferrokv_cache_stale.c: an old entry is the answer.
 */

/* May it be, while another asks? */
ngx_uint_t ngx_http_ferrokv_cache_stale_updating(
    ngx_http_ferrokv_cache_t *cache);

/* May it be, now that the answer would have this status? */
ngx_uint_t ngx_http_ferrokv_cache_stale_error(ngx_http_ferrokv_cache_t *cache,
    ngx_uint_t status);

/* Asks for a new one behind the client's back, with the claim. */
ngx_int_t ngx_http_ferrokv_cache_update(ngx_http_ferrokv_cache_t *cache);


/* ngx_http_ferrokv_cache_tag.c: as a step, are the entry's tags good? */
ngx_int_t ngx_http_ferrokv_cache_tags(ngx_http_ferrokv_cache_t *cache);


/*
 * ngx_http_ferrokv_cache_prefix.c: as a step, was something purged that the
 * entry's key begins with?
 */
ngx_int_t ngx_http_ferrokv_cache_prefixes(ngx_http_ferrokv_cache_t *cache);


/*
 * ngx_http_ferrokv_cache_purge.c: NGX_DECLINED this request is no purge, else
 * as a step.
 */
ngx_int_t ngx_http_ferrokv_cache_purge(ngx_http_ferrokv_cache_t *cache);
ngx_int_t ngx_http_ferrokv_cache_purge_tags(ngx_http_ferrokv_cache_t *cache);

/* Purges a key, and nobody waits for it. */
void ngx_http_ferrokv_cache_invalidate(ngx_http_ferrokv_cache_t *cache,
    ngx_str_t *key);


/*
 * ngx_http_ferrokv_cache_revalidate.c: the upstream says that the entry has not
 * changed.  NGX_OK: it is renewed, and stored if it may be · NGX_DECLINED what
 * it speaks of is another one · NGX_ERROR
 */
ngx_int_t ngx_http_ferrokv_cache_revalidate(ngx_http_ferrokv_cache_t *cache);


#endif /* _NGX_HTTP_FERROKV_CACHE_H_INCLUDED_ */
