/*
 * exec.h - runs commands on a store: one alone, or several as one transaction.
 *
 * Life       zero-initialize, fill in, fkv_exec(); FKV_AGAIN: on_done follows;
 *            afterwards take the reply, fkv_exec_done()
 * One end    the answer is there when everything that it tells of is as durable
 *            as the store's sync says
 * Order      who starts a second one behind the first without waiting for its
 *            answer (a pipeline) waits until the first is placed: then what
 *            comes later sees what it wrote, if `after` says so; and gives the
 *            replies in order
 *
 * Commands are found, their number of arguments and the rights of whoever
 * sends them are checked here (check.h), so every face gives the same answers.
 */

#ifndef FKV_COMMANDS_EXEC_H
#define FKV_COMMANDS_EXEC_H

#include "fkv.h"
#include "commands/call.h"

typedef struct {
    const fkv_str_t      *argv;
    unsigned              argc;     /* at least 1 */
    const fkv_command_t  *command;  /* by fkv_command_check(), which was
                                       content; NULL: it is still to be asked */
} fkv_request_t;

/* A key that must not have changed since. */
typedef struct {
    unsigned          ns;
    fkv_str_t         key;
    uint64_t          version;      /* 0 = it did not exist */
} fkv_watch_t;

/*
 * What one may read, and what it may answer, is each bounded by the server's
 * output_max, or by this if it has none, and one value more; the answer is an
 * error then.  So what it holds in all is about six times that, at most.
 */
#define FKV_EXEC_BYTES_MAX  (64 * 1024 * 1024)

typedef struct fkv__exec_s  fkv__exec_t;
typedef struct fkv_exec_s   fkv_exec_t;

struct fkv_exec_s {
    fkv_op_t              op;
    fkv_t                *store;
    fkv_server_t         *server;
    fkv_client_t         *client;   /* or NULL */
    unsigned              ns;       /* also the result: SELECT changes it */
    unsigned              rights;   /* FKV_COMMAND_WRITE and _ADMIN */
    uint64_t              after;    /* reads see what was written before this
                                       LSN, though it is not visible yet */
    uint64_t              now_ms;   /* 0 = ask the store's clock */

    const fkv_request_t  *requests; /* the caller's until the end */
    unsigned              n;
    bool                  multi;    /* reply: an array of n; what one of them
                                       answers with an error stops no other */
    const fkv_watch_t    *watches;
    unsigned              watches_n;

    void                (*on_placed)(fkv_exec_t *exec);
    bool                  placed;
    uint64_t              lsn;      /* placed: the `after` for what comes next,
                                       if it is higher than what that had: 0 if
                                       nothing was written, or seen that is not
                                       visible yet */

    fkv_reply_t           reply;    /* failures, too, are replies */

    fkv__exec_t          *own;
};

/*
 * FKV_OK · FKV_AGAIN, on_done follows with FKV_OK; in both cases placed may
 * be set when it returns.  Else on_placed is called before on_done, not from
 * inside fkv_exec().
 */
int  fkv_exec(fkv_exec_t *exec);

/* Is its command suspended?  Then nothing is under way but the wait. */
bool fkv_exec_waits(const fkv_exec_t *exec);

/* At any time: what goes on ends unheard.  The reply is freed. */
void fkv_exec_done(fkv_exec_t *exec);


#endif /* FKV_COMMANDS_EXEC_H */
