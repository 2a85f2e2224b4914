/*
 * run.h - one run of the commands over what the transaction knows.
 */

#ifndef FKV_COMMANDS_RUN_H
#define FKV_COMMANDS_RUN_H

#include "commands/own.h"

/*
 * Which commands the requests are for, and their keys: all are wanted, but
 * those of a writing transaction's FKV_COMMAND_BLIND commands.
 * FKV_OK · FKV_EINVAL replied: the one there is is wrong · FKV_ENOMEM
 */
int fkv__run_prepare(fkv__exec_t *own);

/* May a run without anything known come to its end? */
bool fkv__run_blind(const fkv__exec_t *own);

/*
 * FKV_OK the reply is there, errors included · FKV_AGAIN something is wanted
 */
int fkv__run(fkv__exec_t *own);

/* FKV_ENOMEM for the bound of a command is FKV_EBOUND. */
int fkv__run_why(const fkv__exec_t *own, int rc);

/* The reply to a code that is a failure. */
void fkv__run_failed(fkv_reply_t *reply, int rc);


#endif /* FKV_COMMANDS_RUN_H */
