/*
 * monitor.h - a request as MONITOR shows it.
 */

#ifndef FKV_COMMANDS_MONITOR_H
#define FKV_COMMANDS_MONITOR_H

#include "commands/command.h"

#define FKV_MONITOR_LINE_MAX  4096      /* bytes; what is longer is cut */

typedef struct {
    uint64_t              now_us;       /* since 1970 */
    unsigned              ns;
    const char           *addr;
    const fkv_command_t  *command;      /* or NULL */
    const fkv_str_t      *argv;
    unsigned              argc;
} fkv_monitor_t;

/* Is it for everybody's eyes?  Administrative commands are not. */
bool fkv_monitor_shown(const fkv_command_t *command);

/*
 * `1339518083.107412 [0 127.0.0.1:60866] "set" "key" "\x00"`, without a line's
 * end; passwords are "(redacted)".  Returns its length.
 */
size_t fkv_monitor_line(char out[FKV_MONITOR_LINE_MAX],
    const fkv_monitor_t *monitor);


#endif /* FKV_COMMANDS_MONITOR_H */
