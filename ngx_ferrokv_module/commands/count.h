/*
 * count.h - what an execution leaves in the meter: calls, errors, time, what
 * was found, and in the slow log.
 *
 * Everything is counted once, at the end: runs that were for nothing are not
 * seen.  A transaction's time is that of EXEC, its commands are calls without
 * time.
 */

#ifndef FKV_COMMANDS_COUNT_H
#define FKV_COMMANDS_COUNT_H

#include "commands/own.h"

/* Its commands are known and it begins. */
void fkv__count_begin(fkv__exec_t *own);

/* The reply is complete. */
void fkv__count_end(fkv__exec_t *own);

/*
 * A request is not run, and if the reply is an error that is why: command is
 * what was found, or NULL.  server NULL: nobody counts.
 */
void fkv_count_rejected(const fkv_server_t *server,
    const fkv_command_t *command, const fkv_reply_t *reply);


#endif /* FKV_COMMANDS_COUNT_H */
