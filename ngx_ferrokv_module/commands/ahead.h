/*
 * ahead.h - the keys of requests that are still bytes: of a pipeline, what
 * comes next is known before it is begun.
 *
 * Nothing depends on what is found here: what is no plain request ends the
 * look, and the parser says later what is wrong with it.
 */

#ifndef FKV_COMMANDS_AHEAD_H
#define FKV_COMMANDS_AHEAD_H

#include "fkv.h"

#define FKV_AHEAD_MAX  16

typedef struct {
    fkv_str_t   keys[FKV_AHEAD_MAX];
    unsigned    n;
} fkv_ahead_keys_t;

typedef struct {
    fkv_ahead_keys_t  read;
    fkv_ahead_keys_t  put;
    unsigned          requests;     /* looked at */
} fkv_ahead_t;


/* The first key of each of these requests, where it stands. */
void fkv_ahead_look(fkv_ahead_t *ahead, const uint8_t *data, size_t len);

/* fkv_prefetch() of these.  How many requests it has looked at. */
unsigned fkv_ahead(fkv_t *store, unsigned ns, const uint8_t *data,
    size_t len);


#endif /* FKV_COMMANDS_AHEAD_H */
