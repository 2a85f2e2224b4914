
/*
 * ngx_stream_ferrokv_resp.h - the Redis protocol: ferrokv_resp.
 *
 *   socket --> chunk --> parser --> turn --> fkv_exec() --> reply --> out
 *              _chunk               _pipeline                         _out
 *
 * Life       ngx_stream_ferrokv_resp_t is made when the session has come to
 *            its content, and goes when both the connection and the last turn
 *            in flight have: commands that have begun end, though nobody
 *            hears their replies
 * Order      turns are a queue; a command begins when the one before is placed
 *            (exec.h), replies are released from its head
 * Fairness   a connection begins NGX_STREAM_FERROKV_BURST commands in a turn
 *            of the event loop and reads some chunks, then others are heard;
 *            it begins none while too much of it is in flight
 * Sending    replies are gathered, and sent by a posted event: once in a turn
 *            of the event loop, also when the engine ends many commands then
 * Memory     an idle connection has neither chunk nor output
 */

#ifndef _NGX_STREAM_FERROKV_RESP_H_INCLUDED_
#define _NGX_STREAM_FERROKV_RESP_H_INCLUDED_


#include "ngx_stream_ferrokv.h"
#include "ngx_ferrokv_secret.h"

#include "commands/check.h"
#include "commands/count.h"
#include "commands/request.h"
#include "commands/server.h"
#include "commands/session.h"


typedef struct ngx_stream_ferrokv_resp_conf_s
                                           ngx_stream_ferrokv_resp_conf_t;
typedef struct ngx_stream_ferrokv_resp_s   ngx_stream_ferrokv_resp_t;
typedef struct ngx_stream_ferrokv_chunk_s  ngx_stream_ferrokv_chunk_t;
typedef struct ngx_stream_ferrokv_table_s  ngx_stream_ferrokv_table_t;


#define NGX_STREAM_FERROKV_BURST  256

/* In flight, of one connection. */
#define NGX_STREAM_FERROKV_TURNS_MAX   1024
#define NGX_STREAM_FERROKV_PINNED_MAX  (1024 * 1024)

/* In flight before anything is known of a client's replies. */
#define NGX_STREAM_FERROKV_TURNS_FIRST  64

/* So many times output_limit may wait behind a reply that is not there yet. */
#define NGX_STREAM_FERROKV_KEPT_LIMITS  2


/* The directive, of one server. */
struct ngx_stream_ferrokv_resp_conf_s {
    ngx_ferrokv_ref_t             *ref;
    ngx_array_t                   *passwords;   /* of ngx_str_t; or NULL */
    ngx_uint_t                     rights;      /* as of fkv_exec_t */
    size_t                         output_limit;
    ngx_stream_ferrokv_table_t    *table;       /* of all clients */
    fkv_server_t                   server;      /* in a worker */
};


/* One request, from its bytes to its reply. */
typedef struct {
    fkv_turn_t                     turn;
    ngx_queue_t                    queue;
    ngx_stream_ferrokv_resp_t     *resp;
    ngx_stream_ferrokv_chunk_t    *chunk;       /* where its bytes are */
    size_t                         bytes;       /* so many */
    size_t                         kept;        /* of its reply, once done */
    fkv_str_t                     *argv;        /* ours while it goes on */
    unsigned                       argv_max;
    unsigned                       done:1;
    unsigned                       placed:1;
} ngx_stream_ferrokv_turn_t;


/* Bytes that have come.  Turns in flight hold those that they point to. */
struct ngx_stream_ferrokv_chunk_s {
    ngx_uint_t                     refs;
    u_char                        *pos;         /* not yet understood */
    u_char                        *last;
    u_char                        *end;
    u_char                         data[];
};


/*
 * Bytes to go.  Once a socket has refused some of them they stay where they
 * are, for that is what TLS asks for: what is added begins another piece.
 */
typedef struct {
    ngx_queue_t                    queue;
    fkv__buf_t                     buf;
    size_t                         sent;
    ngx_uint_t                     offered;
} ngx_stream_ferrokv_piece_t;


typedef struct {
    ngx_queue_t                    pieces;
    size_t                         size;        /* not yet sent */
    ngx_stream_ferrokv_piece_t     first;       /* most need no other */
} ngx_stream_ferrokv_out_t;


struct ngx_stream_ferrokv_resp_s {
    fkv_client_t                   client;
    ngx_stream_session_t          *session;     /* NULL: it is gone */
    ngx_stream_ferrokv_resp_conf_t *conf;
    fkv_t                         *store;
    ngx_log_t                     *log;

    fkv_parser_t                   parser;
    fkv_request_limits_t           limits;
    ngx_stream_ferrokv_chunk_t    *chunk;       /* NULL: nothing is there */
    size_t                         wanted;      /* by the parser, at least */
    ngx_uint_t                     ahead;       /* requests to come whose keys
                                                   are loaded already */

    ngx_queue_t                    turns;
    ngx_uint_t                     turns_n;
    size_t                         pinned;      /* bytes of theirs */
    size_t                         kept;        /* of replies behind others */
    size_t                         expected;    /* of a reply, at most, about */
    ngx_stream_ferrokv_turn_t     *last;        /* begun, not yet placed */
    ngx_stream_ferrokv_turn_t     *alone;       /* nothing begins before its
                                                   end */
    ngx_stream_ferrokv_out_t       out;

    ngx_event_t                    work;        /* posted: begin, send */
    ngx_event_t                    next;        /* the same, a turn later */

    ngx_queue_t                    queue;       /* of this process's clients */
    ngx_uint_t                     row;         /* in the table; see there */
    uint64_t                       created_ms;
    uint64_t                       monitor_at;  /* in the ring; see there */
    const fkv_command_t           *command;     /* the last one, */
    char                           cmd[FKV_COMMAND_NAME_BYTES]; /* its name */
    u_char                         addr[FKV_CLIENT_ADDR_SIZE];
    u_char                         laddr[FKV_CLIENT_ADDR_SIZE];

    unsigned                       request:1;   /* parsed, not yet begun */
    unsigned                       hungry:1;    /* no whole request is there */
    unsigned                       resume:1;    /* something may go on */
    unsigned                       idle:1;
    unsigned                       eof:1;       /* nothing comes any more */
    unsigned                       ending:1;    /* closed when all is sent */
    unsigned                       broken:1;    /* closed at once */
    unsigned                       farewell:1;  /* closed when it is idle */
    };


/* ngx_stream_ferrokv_resp_conf.c */

char *ngx_stream_ferrokv_resp(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* In a worker, before its first client. */
void ngx_stream_ferrokv_resp_init_process(ngx_cycle_t *cycle,
    ngx_stream_core_main_conf_t *cmcf);


/* ngx_stream_ferrokv_resp_connection.c */

void ngx_stream_ferrokv_resp_handler(ngx_stream_session_t *s);

/* Something may go on: commands, replies. */
void ngx_stream_ferrokv_resp_post(ngx_stream_ferrokv_resp_t *resp);

/* Closed soon, whatever is still to be sent. */
void ngx_stream_ferrokv_resp_break(ngx_stream_ferrokv_resp_t *resp);

/* The connection is gone, and nothing is in flight. */
void ngx_stream_ferrokv_resp_free(ngx_stream_ferrokv_resp_t *resp);


/* ngx_stream_ferrokv_resp_chunk.c */

/*
 * Room behind chunk->last, so that some more of the request can come: as much
 * as it needs, but no more than about what has come of it.  NGX_OK, NGX_ERROR
 */
ngx_int_t ngx_stream_ferrokv_chunk_room(ngx_stream_ferrokv_resp_t *resp);

/* Nobody has a use for it any more, if nothing is in it. */
void ngx_stream_ferrokv_chunk_rest(ngx_stream_ferrokv_resp_t *resp);

void ngx_stream_ferrokv_chunk_unpin(ngx_stream_ferrokv_chunk_t *chunk);


/* ngx_stream_ferrokv_resp_out.c */

void ngx_stream_ferrokv_out_init(ngx_stream_ferrokv_out_t *out);
void ngx_stream_ferrokv_out_done(ngx_stream_ferrokv_out_t *out);

/* Where to append; NULL: no memory.  Afterwards: added(), with the bytes. */
fkv__buf_t *ngx_stream_ferrokv_out_tail(ngx_stream_ferrokv_out_t *out);

/* NGX_OK all has gone · NGX_AGAIN the socket is full · NGX_ERROR */
ngx_int_t ngx_stream_ferrokv_out_send(ngx_stream_ferrokv_out_t *out,
    ngx_connection_t *c);


/* ngx_stream_ferrokv_resp_pipeline.c */

typedef enum {
    NGX_STREAM_FERROKV_HUNGRY,      /* all that has come has begun */
    NGX_STREAM_FERROKV_WAITING,     /* for a turn in flight, or a pause */
    NGX_STREAM_FERROKV_BUSY,        /* enough for this turn */
    NGX_STREAM_FERROKV_STOPPED      /* nothing begins any more */
} ngx_stream_ferrokv_state_e;

/* Begins what has come, as far as it may. */
ngx_stream_ferrokv_state_e ngx_stream_ferrokv_pipeline_run(
    ngx_stream_ferrokv_resp_t *resp, ngx_uint_t *burst);

/* The client has gone: what is suspended ends unheard.  How many there were. */
ngx_uint_t ngx_stream_ferrokv_pipeline_leave(ngx_stream_ferrokv_resp_t *resp);

/* Nobody is there any more: what only reads, or has ended, is given up. */
void ngx_stream_ferrokv_pipeline_drop(ngx_stream_ferrokv_resp_t *resp);

/* "+LINE", between two replies. */
void ngx_stream_ferrokv_pipeline_say(ngx_stream_ferrokv_resp_t *resp,
    const u_char *line, size_t len);


/*
 * ngx_stream_ferrokv_resp_clients.c: the table of all processes' clients, in a
 * zone of shared memory.
 */

extern const fkv_client_host_t  ngx_stream_ferrokv_client_host;

/* While parsing.  NULL: logged. */
ngx_stream_ferrokv_table_t *ngx_stream_ferrokv_table(ngx_conf_t *cf);

/* In a worker: frees the rows of processes that are gone. */
void ngx_stream_ferrokv_table_sweep(ngx_stream_ferrokv_table_t *table);

void ngx_stream_ferrokv_client_come(ngx_stream_ferrokv_resp_t *resp);
void ngx_stream_ferrokv_client_gone(ngx_stream_ferrokv_resp_t *resp);

/* Whether it could be closed without anybody missing something. */
void ngx_stream_ferrokv_client_idle(ngx_stream_ferrokv_resp_t *resp,
    ngx_uint_t idle);

/* Its row says what it does now. */
void ngx_stream_ferrokv_client_seen(ngx_stream_ferrokv_resp_t *resp);

/* May the request at the parser not begin now?  It is begun again later. */
ngx_uint_t ngx_stream_ferrokv_client_paused(ngx_stream_ferrokv_resp_t *resp);

/* The request at the parser begins: for who monitors. */
void ngx_stream_ferrokv_client_monitored(ngx_stream_ferrokv_resp_t *resp);


#endif /* _NGX_STREAM_FERROKV_RESP_H_INCLUDED_ */
