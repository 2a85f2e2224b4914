/*
 * check.h - which command a request is for, and whether who sends it may run
 * it: the same answers on every face, and before a request is queued in MULTI.
 */

#ifndef FKV_COMMANDS_CHECK_H
#define FKV_COMMANDS_CHECK_H

#include "commands/call.h"

/*
 * argc is at least 1; rights as of fkv_exec_t; client may be NULL.
 * FKV_OK command is set: of a container the subcommand, but the container
 * itself if HELP is asked for: then it has subs and argc is not 1, and what
 * helps is fkv_command_help() · FKV_EINVAL replied; command is what was found,
 * or NULL
 */
int fkv_command_check(const fkv_command_t **command, const fkv_str_t *argv,
    unsigned argc, unsigned rights, const fkv_client_t *client,
    fkv_reply_t *reply);

/* "client|id": room for any, with its NUL. */
#define FKV_COMMAND_NAME_BYTES  64

void fkv_command_name(char name[FKV_COMMAND_NAME_BYTES],
    const fkv_command_t *command, const fkv_str_t *argv);


#endif /* FKV_COMMANDS_CHECK_H */
