
/*
 * ngx_http_ferrokv_rest.h - the REST face: one key or one collection a
 * request.
 *
 * Path       handler: method allowed? -> key -> query -> _read, _write,
 *            _range, _list or _batch, each of which parses everything it will
 *            need into its own struct, starts one operation of the engine and
 *            answers
 * Wrong      a parser fills an ngx_http_ferrokv_problem_t and returns
 *            NGX_ERROR; whoever called it first sends the problem
 * Waiting    _wait() holds the request (count and blocked) until on_done, which
 *            ends in _done().  Nothing watches the client meanwhile: whatever
 *            it does, pool, key and body outlive the operation, and a client
 *            that has gone is noticed when the answer is written.  So an
 *            operation is never cancelled, and none outlives its memory.
 */

#ifndef _NGX_HTTP_FERROKV_REST_H_INCLUDED_
#define _NGX_HTTP_FERROKV_REST_H_INCLUDED_


#include "ngx_http_ferrokv.h"
#include "ngx_ferrokv_json.h"


/* A body of so many bytes is not collected in memory. */
#define NGX_HTTP_FERROKV_UPLOAD_MIN  (256 * 1024)

/* Of a request with a JSON body; larger values go through PUT. */
#define NGX_HTTP_FERROKV_BATCH_BYTES_MAX  (1024 * 1024)
#define NGX_HTTP_FERROKV_LIST_LIMIT       100
#define NGX_HTTP_FERROKV_LIST_LIMIT_MAX   1000
#define NGX_HTTP_FERROKV_LIST_BYTES_MAX   (1024 * 1024)
/* What is walked over for a page that shows no values. */
#define NGX_HTTP_FERROKV_LIST_WALK_MAX    (32 * 1024 * 1024)

/* How long a snapshot and a cursor live; a listing that has ended: its last
   page may be asked for again. */
#define NGX_HTTP_FERROKV_LEASE_MS         (60 * 1000)
#define NGX_HTTP_FERROKV_LEASE_ENDED_MS   (10 * 1000)


struct ngx_http_ferrokv_rest_conf_s {
    ngx_ferrokv_ref_t         *store;
    ngx_http_complex_value_t  *key;         /* NULL: from the path */
    ngx_http_complex_value_t  *prefix;      /* NULL: none */
    ngx_str_t                  location;    /* what the path begins with */

    ngx_flag_t                 write;
    ngx_flag_t                 danger;
};


#define NGX_HTTP_FERROKV_DETAIL_BYTES  256

typedef struct {
    ngx_uint_t                 status;
    const char                *code;        /* stable, for programs */
    const char                *allow;       /* methods, for 405 only */
    size_t                     detail_len;
    u_char                     detail[NGX_HTTP_FERROKV_DETAIL_BYTES];
} ngx_http_ferrokv_problem_t;


typedef enum {
    NGX_HTTP_FERROKV_ALL = 0,
    NGX_HTTP_FERROKV_ATOMIC,
    NGX_HTTP_FERROKV_BATCH,
    NGX_HTTP_FERROKV_CHECKPOINT,
    NGX_HTTP_FERROKV_COUNT,
    NGX_HTTP_FERROKV_CURSOR,
    NGX_HTTP_FERROKV_END,
    NGX_HTTP_FERROKV_EXPIRES_AT,
    NGX_HTTP_FERROKV_INCR,
    NGX_HTTP_FERROKV_INIT,
    NGX_HTTP_FERROKV_KEEPTTL,
    NGX_HTTP_FERROKV_LIMIT,
    NGX_HTTP_FERROKV_META,
    NGX_HTTP_FERROKV_PERSIST,
    NGX_HTTP_FERROKV_PREFIX,
    NGX_HTTP_FERROKV_SNAPSHOT,
    NGX_HTTP_FERROKV_START,
    NGX_HTTP_FERROKV_SYNC,
    NGX_HTTP_FERROKV_TTL,
    NGX_HTTP_FERROKV_TYPE,
    NGX_HTTP_FERROKV_VALUES,
    NGX_HTTP_FERROKV_PARAMS
} ngx_http_ferrokv_param_e;

#define ngx_http_ferrokv_bit(param)  (1u << NGX_HTTP_FERROKV_##param)

/* The decoded parameters; a value is set only if its bit in given is. */
typedef struct {
    ngx_uint_t                 given;
    ngx_str_t                  value[NGX_HTTP_FERROKV_PARAMS];
} ngx_http_ferrokv_query_t;

#define ngx_http_ferrokv_given(query, param)                                  \
    ((query)->given & ngx_http_ferrokv_bit(param))


/* What every operation begins with. */
typedef struct {
    ngx_http_request_t            *request;
    ngx_http_ferrokv_rest_conf_t  *conf;
    ngx_ferrokv_store_t           *store;

    ngx_str_t                      prefix;  /* of conf, evaluated */
    ngx_str_t                      key;     /* with the prefix */
    ngx_uint_t                     collection; /* no key in the path */
    ngx_uint_t                     snapshot; /* POST or DELETE of one */
} ngx_http_ferrokv_target_t;


/* When a record that is written will expire. */
typedef struct {
    uint64_t                   ttl_ms;      /* 0 = not given */
    uint64_t                   expire_at;   /* 0 = not given */
    ngx_uint_t                 keep;        /* as it is */
    ngx_uint_t                 persist;     /* never */
} ngx_http_ferrokv_expiry_t;


/* A body being read; embedded in what its reader allocates. */
typedef struct ngx_http_ferrokv_body_s  ngx_http_ferrokv_body_t;

struct ngx_http_ferrokv_body_s {
    size_t                     max;
    /* problem: NULL if data and len are the whole body, or upload has it.
       Returns what ngx_http_finalize_request() takes. */
    ngx_int_t                (*on_body)(ngx_http_request_t *r,
                                   ngx_http_ferrokv_body_t *body,
                                   ngx_http_ferrokv_problem_t *problem);

    u_char                    *data;
    size_t                     len;
    size_t                     size;        /* allocated, 0: data is nginx's */

    /* Takes the body as it comes, its length is known; or NULL, also if it
       turns out that it cannot. */
    fkv_upload_t              *upload;
    ngx_http_request_t        *request;
};


/* A large value and what its response says of it. */
typedef struct {
    fkv_blob_t                *blob;
    uint64_t                   size;
    uint64_t                   version;
    uint64_t                   ttl_s;       /* 0 = it does not expire */
    ngx_str_t                  type;        /* in r->pool */
    ngx_uint_t                 partial;     /* [first, end) was asked for */
    uint64_t                   first;
    uint64_t                   end;
} ngx_http_ferrokv_stream_t;


/* ngx_http_ferrokv_rest_query.c */

/* Decodes r->args; at most the parameters of the mask allowed. */
ngx_int_t ngx_http_ferrokv_query_parse(ngx_http_request_t *r,
    ngx_http_ferrokv_query_t *query, ngx_uint_t allowed,
    ngx_http_ferrokv_problem_t *problem);

/* Is a parameter of this name there, whatever its value? */
ngx_uint_t ngx_http_ferrokv_query_has(ngx_http_request_t *r,
    ngx_http_ferrokv_param_e param);

/* Percent-decodes; plus is a space in a query only.  dst has len bytes. */
ngx_int_t ngx_http_ferrokv_decode(u_char *dst, ngx_str_t *src,
    ngx_uint_t plus, size_t *len, size_t *bad);

ngx_int_t ngx_http_ferrokv_query_int(ngx_http_ferrokv_query_t *query,
    ngx_http_ferrokv_param_e param, int64_t *n,
    ngx_http_ferrokv_problem_t *problem);

/* ttl, expires_at, keepttl, persist: at most one of them. */
ngx_int_t ngx_http_ferrokv_query_expiry(ngx_http_ferrokv_query_t *query,
    uint64_t now_ms, ngx_http_ferrokv_expiry_t *expiry,
    ngx_http_ferrokv_problem_t *problem);

ngx_int_t ngx_http_ferrokv_query_sync(ngx_http_ferrokv_query_t *query,
    ngx_flag_t danger, fkv_sync_e *sync, ngx_http_ferrokv_problem_t *problem);

/* "1700000000" seconds or "1700000000000ms", after now. */
ngx_int_t ngx_http_ferrokv_parse_time(ngx_str_t *text, uint64_t now_ms,
    uint64_t *expire_at);


/* ngx_http_ferrokv_rest.c: "on" or "off"; else [emerg] has been logged. */
char *ngx_http_ferrokv_flag(ngx_conf_t *cf, ngx_str_t *value,
    ngx_flag_t *flag);


/* ngx_http_ferrokv_rest_batch.c: does the body say that it is JSON? */
ngx_uint_t ngx_http_ferrokv_is_json(ngx_http_request_t *r);


/* ngx_http_ferrokv_rest_body.c */

/* Reads the whole body into memory, then calls body->on_body, perhaps at
   once. */
ngx_int_t ngx_http_ferrokv_body_read(ngx_http_request_t *r,
    ngx_http_ferrokv_body_t *body);


/*
 * ngx_http_ferrokv_rest_read.c, _write.c, _range.c, _list.c, _batch.c, _job.c:
 * the answers.
 */

ngx_int_t ngx_http_ferrokv_rest_read(ngx_http_ferrokv_target_t *target);
ngx_int_t ngx_http_ferrokv_rest_put(ngx_http_ferrokv_target_t *target);
ngx_int_t ngx_http_ferrokv_rest_post(ngx_http_ferrokv_target_t *target);
ngx_int_t ngx_http_ferrokv_rest_patch(ngx_http_ferrokv_target_t *target);
ngx_int_t ngx_http_ferrokv_rest_delete(ngx_http_ferrokv_target_t *target);
ngx_int_t ngx_http_ferrokv_rest_range(ngx_http_ferrokv_target_t *target);
ngx_int_t ngx_http_ferrokv_rest_list(ngx_http_ferrokv_target_t *target);
ngx_int_t ngx_http_ferrokv_rest_batch(ngx_http_ferrokv_target_t *target);
ngx_int_t ngx_http_ferrokv_rest_checkpoint(ngx_http_ferrokv_target_t *target);
ngx_int_t ngx_http_ferrokv_rest_count(ngx_http_ferrokv_target_t *target);


/* ngx_http_ferrokv_rest_snapshot.c */

ngx_int_t ngx_http_ferrokv_rest_snapshot(ngx_http_ferrokv_target_t *target);

/* The parameter snapshot, which is given, must be a token. */
ngx_int_t ngx_http_ferrokv_query_lease(ngx_http_ferrokv_query_t *query,
    fkv_lease_t *lease, ngx_http_ferrokv_problem_t *problem);

/* A lease as 16 bytes; both return the byte behind. */
u_char *ngx_http_ferrokv_print_lease(u_char *p, const fkv_lease_t *lease);
u_char *ngx_http_ferrokv_scan_lease(u_char *p, fkv_lease_t *lease);

ngx_int_t ngx_http_ferrokv_nonce(uint64_t *nonce);

/* All leases are taken. */
ngx_int_t ngx_http_ferrokv_send_crowded(ngx_http_request_t *r);


/* ETag, FerroKV-TTL and Content-Type, by ngx_http_ferrokv_rest_read.c. */
ngx_int_t ngx_http_ferrokv_read_headers(ngx_http_request_t *r,
    ngx_http_ferrokv_stream_t *value);


/* ngx_http_ferrokv_rest_stream.c: closes the blob, returns what
   ngx_http_finalize_request() takes. */
ngx_int_t ngx_http_ferrokv_stream(ngx_http_ferrokv_target_t *target,
    ngx_http_ferrokv_stream_t *value);


/* ngx_http_ferrokv_rest_part.c: NGX_OK [first, end) is asked for
   · NGX_DECLINED all of it · NGX_HTTP_RANGE_NOT_SATISFIABLE */
ngx_int_t ngx_http_ferrokv_part(ngx_http_request_t *r, uint64_t version,
    uint64_t size, uint64_t *first, uint64_t *end);


/* ngx_http_ferrokv_rest_cursor.c: where a listing goes on. */

typedef struct {
    ngx_str_t                  key;         /* the last one that was listed */
    fkv_lease_t                lease;       /* of the listing's snapshot */
    ngx_uint_t                 own;         /* the listing took the lease */
} ngx_http_ferrokv_cursor_t;

ngx_int_t ngx_http_ferrokv_cursor_print(ngx_pool_t *pool,
    ngx_http_ferrokv_cursor_t *cursor, ngx_str_t *text);

/* NGX_OK, NGX_DECLINED it is no cursor of ours, NGX_ERROR out of memory. */
ngx_int_t ngx_http_ferrokv_cursor_parse(ngx_pool_t *pool, ngx_str_t *text,
    ngx_http_ferrokv_cursor_t *cursor);


/* ngx_http_ferrokv_rest_condition.c */

/* If-Match and If-None-Match; true if the request may go on. */
ngx_uint_t ngx_http_ferrokv_match(ngx_http_request_t *r, ngx_uint_t exists,
    uint64_t version);
ngx_uint_t ngx_http_ferrokv_if_match(ngx_http_request_t *r, ngx_uint_t exists,
    uint64_t version);
ngx_uint_t ngx_http_ferrokv_if_none_match(ngx_http_request_t *r,
    ngx_uint_t exists, uint64_t version);


/* ngx_http_ferrokv_rest_number.c */

/*
 * What INCR makes of a value: current + by, or init + by if current is NULL.
 * FKV_OK, or FKV_NOTINT: it is no integer, or the sum is none (overflow set).
 */
int ngx_http_ferrokv_add(fkv_str_t *current, int64_t by, int64_t init,
    int64_t *sum, ngx_uint_t *overflow);

/* Returns the byte behind the decimal digits; 20 at most. */
u_char *ngx_http_ferrokv_print_uint(u_char *p, uint64_t n);


/* ngx_http_ferrokv_rest_reply.c */

/* Fills in problem and returns NGX_ERROR; fmt is ngx_sprintf()'s. */
ngx_int_t ngx_http_ferrokv_fail(ngx_http_ferrokv_problem_t *problem,
    ngx_uint_t status, const char *code, const char *fmt, ...);

/* The same for a code of the engine. */
void ngx_http_ferrokv_fail_code(ngx_http_ferrokv_problem_t *problem, int rc);

/* Stable word of a code of the engine, and a sentence. */
const char *ngx_http_ferrokv_code_word(int rc);

ngx_int_t ngx_http_ferrokv_send_problem(ngx_http_request_t *r,
    ngx_http_ferrokv_problem_t *problem);

/* The request ends before its body has been read. */
void ngx_http_ferrokv_drop_body(ngx_http_request_t *r);

/* A failed operation: to the log if it is a failure, and to the client. */
ngx_int_t ngx_http_ferrokv_send_failure(ngx_http_ferrokv_target_t *target,
    int rc);

/* A header whose name and value are string constants or in r->pool. */
ngx_table_elt_t *ngx_http_ferrokv_add_header(ngx_http_request_t *r,
    const char *name, size_t name_len, u_char *value, size_t len);

#define NGX_HTTP_FERROKV_ETAG_LEN  (sizeof("\"\"") - 1 + 20)

/* Writes the tag to p and sets the header; returns the byte behind. */
u_char *ngx_http_ferrokv_add_etag(ngx_http_request_t *r, u_char *p,
    uint64_t version);

/* X-Content-Type-Options; _send_empty() and _send_body() do it. */
ngx_int_t ngx_http_ferrokv_add_nosniff(ngx_http_request_t *r);

/* Status and headers without a body. */
ngx_int_t ngx_http_ferrokv_send_empty(ngx_http_request_t *r,
    ngx_uint_t status);

/* data stays until the request ends. */
ngx_int_t ngx_http_ferrokv_send_body(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, size_t type_len, u_char *data, size_t len);

ngx_int_t ngx_http_ferrokv_send_json(ngx_http_request_t *r,
    ngx_uint_t status, ngx_ferrokv_json_t *json);

/* Member value of an entry; left out if it is too large to be loaded, or no
   string. */
void ngx_http_ferrokv_json_value(ngx_ferrokv_json_t *json,
    const fkv_value_t *value);

/* Members of an entry: ttl_ms, version, size; and content_type. */
void ngx_http_ferrokv_json_meta(ngx_ferrokv_json_t *json,
    const fkv_value_t *value, uint64_t now_ms);
void ngx_http_ferrokv_json_type(ngx_ferrokv_json_t *json,
    const fkv_value_t *value);

/* Member type, of a value that is no string. */
void ngx_http_ferrokv_json_kind(ngx_ferrokv_json_t *json, const fkv_t *store,
    const fkv_value_t *value);

/* Holds the request until _done(); returns NGX_DONE. */
ngx_int_t ngx_http_ferrokv_wait(ngx_http_request_t *r);

/* From on_done: what ngx_http_finalize_request() takes, by answer(data). */
void ngx_http_ferrokv_done(ngx_http_request_t *r,
    ngx_int_t (*answer)(void *data, int rc), void *data, int rc);


#endif /* _NGX_HTTP_FERROKV_REST_H_INCLUDED_ */
