/*
 * help.h - what HELP answers, of any container: from its subcommands'
 * definitions, in Redis' form.
 */

#ifndef FKV_COMMANDS_HELP_H
#define FKV_COMMANDS_HELP_H

#include "commands/command.h"
#include "commands/reply.h"

void fkv_command_help(const fkv_command_t *container, fkv_reply_t *reply);


#endif /* FKV_COMMANDS_HELP_H */
