/*
 * ahead.h - the keys of requests that are still bytes: of a pipeline, what
 * comes next is known before it is begun.
 *
 * Nothing depends on what is found here: what is no plain request ends the
 * look, and the parser says later what is wrong with it.
 */

#ifndef FKV_COMMANDS_AHEAD_H
#define FKV_COMMANDS_AHEAD_H

#include "commands/command.h"
#include "commands/memory.h"
#include "fkv.h"

#define FKV_AHEAD_MAX  16

#define FKV_AHEAD_ARGS  8       /* more are not looked through */

typedef struct {
    fkv_str_t   keys[FKV_AHEAD_MAX];
    unsigned    n;
} fkv_ahead_keys_t;

typedef struct {
    const fkv_command_t  *command;
    unsigned              argc;
    fkv_str_t             argv[FKV_AHEAD_ARGS];
} fkv_ahead_request_t;

/* Requests that can say which elements they look at, by their first keys. */
typedef struct {
    fkv_ahead_keys_t      keys;
    fkv_ahead_request_t   requests[FKV_AHEAD_MAX];
} fkv_ahead_elements_t;

typedef struct {
    fkv_ahead_keys_t      read;
    fkv_ahead_keys_t      put;
    fkv_ahead_elements_t  elements_read;
    fkv_ahead_elements_t  elements_put;
    unsigned              requests;     /* looked at */
} fkv_ahead_t;


/*
 * Who knows what commands with FKV_COMMAND_AHEAD will look at: names of
 * elements of their first key, by a value that this had just now;
 * FKV_PREFETCH_NAMES at most, which stay as long as memory and argv do.
 * Returns how many.
 */
typedef unsigned (*fkv_ahead_pt)(const fkv_command_t *command,
    const fkv_t *store, const fkv_value_t *value, unsigned argc,
    const fkv_str_t *argv, fkv__memory_t *memory, fkv_str_t *names);

/* Of the process. */
void fkv_ahead_ask(fkv_ahead_pt ask);


/* The first key of each of these requests, where it stands; the same one again
   and again is one. */
void fkv_ahead_look(fkv_ahead_t *ahead, const uint8_t *data, size_t len);

/* fkv_prefetch() of these, and of elements.  How many requests it has looked
   at. */
unsigned fkv_ahead(fkv_t *store, unsigned ns, const uint8_t *data,
    size_t len);


#endif /* FKV_COMMANDS_AHEAD_H */
