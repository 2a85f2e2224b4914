
/*
 * ngx_http_ferrokv_commands.h - commands over HTTP, in Upstash's format.
 *
 *   POST /redis               ["SET","k","v"]           one command
 *   POST /redis/pipeline      [["SET","k","v"],[...]]   each for itself
 *   POST /redis/multi-exec    [["SET","k","v"],[...]]   one transaction
 *   GET  /redis/get/k         a command that only reads; its arguments decoded
 *
 * Path       handler: token -> method and path -> body -> arguments; then runs
 *            of commands/exec.h, as many at a time as the request allows; their
 *            replies are rendered in order
 * Wrong      {"error":"ERR ..."} always, with a status that says whose fault
 * Waiting    as ngx_http_ferrokv_rest.h has it: the request is held until all
 *            that was started has ended, and nothing is ever cancelled
 */

#ifndef _NGX_HTTP_FERROKV_COMMANDS_H_INCLUDED_
#define _NGX_HTTP_FERROKV_COMMANDS_H_INCLUDED_


#include "ngx_http_ferrokv_rest.h"
#include "ngx_ferrokv_server.h"
#include "commands/json.h"
#include "commands/json_request.h"


/* Of a pipeline are so many under way at a time, at first fewer ... */
#define NGX_HTTP_FERROKV_PIPELINE_WINDOW     64
#define NGX_HTTP_FERROKV_PIPELINE_FIRST      8

/* ... so many begun before others of this worker have their turn, for so many
   milliseconds ... */
#define NGX_HTTP_FERROKV_PIPELINE_TURN       512
#define NGX_HTTP_FERROKV_PIPELINE_REST       1

/* ... and none any more when the answers before it are so many bytes. */
#define NGX_HTTP_FERROKV_PIPELINE_BYTES_MAX  (64 * 1024 * 1024)


struct ngx_http_ferrokv_commands_conf_s {
    ngx_ferrokv_ref_t         *store;
    ngx_array_t               *tokens;      /* of ngx_str_t; NULL: none */
    ngx_str_t                  location;    /* what the path begins with */
    unsigned                   rights;      /* as of fkv_exec_t */
    size_t                     body_max;
    fkv_server_t               server;      /* of this process */
};


typedef enum {
    NGX_HTTP_FERROKV_COMMANDS_ONE = 0,
    NGX_HTTP_FERROKV_COMMANDS_PIPELINE,
    NGX_HTTP_FERROKV_COMMANDS_MULTI,
    NGX_HTTP_FERROKV_COMMANDS_PATH          /* one, of a GET */
} ngx_http_ferrokv_commands_e;


typedef struct ngx_http_ferrokv_commands_s  ngx_http_ferrokv_commands_t;

/* A run: of one command, or of a transaction. */
typedef struct {
    fkv_exec_t                     exec;
    ngx_http_ferrokv_commands_t   *commands;
    ngx_uint_t                     done;
    size_t                         kept;        /* of its reply, once done */
} ngx_http_ferrokv_commands_run_t;


struct ngx_http_ferrokv_commands_s {
    ngx_http_request_t                *request;
    ngx_http_ferrokv_commands_conf_t  *conf;
    ngx_http_ferrokv_commands_e        kind;
    ngx_uint_t                         base64;  /* strings of the answer */
    unsigned                           rights;

    ngx_http_ferrokv_body_t            body;
    fkv_json_request_t                 json;    /* lies in the body */
    fkv_request_t                     *requests;
    ngx_uint_t                         n;

    /* runs [first, next) are under way, or wait for those before them */
    ngx_http_ferrokv_commands_run_t   *runs;    /* a ring of window */
    ngx_uint_t                         window;
    ngx_uint_t                         first;
    ngx_uint_t                         next;
    ngx_uint_t                         end;     /* none begins from here on */
    size_t                             kept;    /* of replies behind others */
    size_t                             expected;    /* of a reply, about */
    uint64_t                           after;   /* as of fkv_exec_t */
    ngx_event_t                        turn;

    fkv__buf_t                         out;
    ngx_uint_t                         error;   /* the only reply is one */
    ngx_uint_t                         failed;  /* no memory for out */
};


/* ngx_http_ferrokv_commands_run.c: requests and n are set.
   What ngx_http_finalize_request() takes */
ngx_int_t ngx_http_ferrokv_commands_start(
    ngx_http_ferrokv_commands_t *commands);

/* The pool's: ends what commands hold. */
void ngx_http_ferrokv_commands_cleanup(void *data);


/* {"error":"..."}; fmt is ngx_sprintf()'s, the sentence at most 255 bytes. */
ngx_int_t ngx_http_ferrokv_commands_fail(ngx_http_request_t *r,
    ngx_uint_t status, const char *fmt, ...);


#endif /* _NGX_HTTP_FERROKV_COMMANDS_H_INCLUDED_ */
