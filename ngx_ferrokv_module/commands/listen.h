/*
 * listen.h - who is asked before a command runs, and told behind it.  While
 * nobody is, that costs a predicted branch.
 */

#ifndef FKV_COMMANDS_LISTEN_H
#define FKV_COMMANDS_LISTEN_H

#include "commands/call.h"

/* What was run. */
typedef struct {
    const fkv_t          *store;
    const fkv_command_t  *command;
    unsigned              ns;
    fkv_str_t             key;          /* the first; empty: it has none */
    bool                  failed;       /* the reply is an error */
    uint64_t              us;           /* to a tick of the clock; 0 of one of
                                           several */
    uint64_t              now_ms;
} fkv_heard_t;

typedef struct {
    /* Before a run, so maybe again: FKV_OK · else as a command answers. */
    int   (*before)(fkv_call_t *call);

    /* Once, when it is answered; not of what was given up. */
    void  (*after)(const fkv_heard_t *heard);
} fkv_listener_t;

/* Of the process; NULL: nobody. */
void fkv_listen(const fkv_listener_t *listener);

extern const fkv_listener_t  *fkv__listener;

/* The first key among the arguments; empty: there is none. */
fkv_str_t fkv_listen_key(const fkv_command_t *command, unsigned argc,
    const fkv_str_t *argv);


#endif /* FKV_COMMANDS_LISTEN_H */
