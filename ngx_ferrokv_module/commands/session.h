/*
 * session.h - the course of a connection's requests: who it is, what is run
 * and what is queued.
 *
 * Life       init; for each request, in order: begin, and if that says so
 *            fkv_exec(), placed when it is, end when its reply is there; done
 * Pipelines  the next request may begin when the one before is placed; behind
 *            one that is `alone`, when that has ended
 * Replies    are sent in the order of the requests, in the turn's protocol
 */

#ifndef FKV_COMMANDS_SESSION_H
#define FKV_COMMANDS_SESSION_H

#include "commands/client.h"
#include "commands/exec.h"

typedef struct {
    fkv_exec_t          exec;           /* the reply; see begin */
    fkv_request_t       request;        /* argv and argc: to be set */
    fkv_transaction_t  *transaction;    /* what EXEC runs */
    unsigned            protocol;       /* of the reply */
    bool                alone;
    bool                mute;           /* the reply is not to be sent */
    bool                skipped;        /* because of CLIENT REPLY SKIP */
} fkv_turn_t;                           /* zero-initialized */


/* What is the holder's has been filled in. */
void fkv_session_init(fkv_client_t *client);
void fkv_session_done(fkv_client_t *client);

/*
 * FKV_OK the reply is there · FKV_AGAIN exec is for fkv_exec(): all is set but
 * op, store, server and on_placed
 */
int fkv_session_begin(fkv_client_t *client, fkv_turn_t *turn);

/* Only if it was run; lsn is set. */
void fkv_session_placed(fkv_client_t *client, fkv_turn_t *turn);

/* In any case.  client NULL: the connection is gone. */
void fkv_session_end(fkv_client_t *client, fkv_turn_t *turn);

/* Does CLIENT PAUSE hold a request back?  command may be NULL. */
bool fkv_session_pauses(const fkv_client_t *client,
    const fkv_command_t *command, fkv_client_pause_e what);

/* What a row says that the session knows. */
void fkv_session_row(const fkv_client_t *client, fkv_client_row_t *row);


#endif /* FKV_COMMANDS_SESSION_H */
