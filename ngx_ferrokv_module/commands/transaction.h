/*
 * transaction.h - what WATCH and MULTI have collected for EXEC.
 *
 * It is the client's until EXEC hands it over to its turn, for the next MULTI
 * may come before that has ended.
 */

#ifndef FKV_COMMANDS_TRANSACTION_H
#define FKV_COMMANDS_TRANSACTION_H

#include "commands/session.h"

/* Each has to be compared in the update that the transaction becomes. */
#define FKV_TRANSACTION_WATCHES_MAX  FKV_BATCH_KEYS_MAX

struct fkv_transaction_s {
    bool            open;           /* MULTI was there */
    bool            failed;         /* something could not be queued */
    unsigned        flags;          /* of all that is queued */
    fkv_request_t  *requests;
    unsigned        n;
    unsigned        max;
    uint64_t        bytes;          /* of what is queued */
    fkv_watch_t    *watches;
    unsigned        watches_n;
};

static inline bool
fkv_transaction_open(const fkv_client_t *client)
{
    return client->transaction != NULL && client->transaction->open;
}


/* Does it run between MULTI and EXEC, not by EXEC? */
bool fkv_transaction_direct(const fkv_command_t *command);

bool fkv_transaction_is_exec(const fkv_command_t *command);

/* Copies the request, replies QUEUED or why not. */
void fkv_transaction_queue(fkv_client_t *client, const fkv_request_t *request,
    fkv_reply_t *reply);

/* The reply says why a request is not queued: EXEC will fail. */
void fkv_transaction_refuse(fkv_client_t *client,
    const fkv_command_t *command, fkv_reply_t *reply);

/* EXEC: the turn gets the transaction.  False: there is nothing to run. */
bool fkv_transaction_run(fkv_client_t *client, fkv_turn_t *turn);

/* Of a client, or a turn; may be NULL. */
void fkv_transaction_drop(fkv_transaction_t **transaction);


#endif /* FKV_COMMANDS_TRANSACTION_H */
