/*
 * loop.h - what an extension's waits need of the process's event loop.  Whoever
 * has one fills this in; where there is none, nothing waits.
 */

#ifndef FKV_EXTENSIONS_LOOP_H
#define FKV_EXTENSIONS_LOOP_H

#include "base/types.h"

typedef struct {
    /* Calls on_over(data) once, in so many ms, not before it returns.  FKV_OK
       · FKV_ENOMEM nothing is called */
    int  (*timer)(uint64_t ms, void (*on_over)(void *data), void *data);

    /*
     * Calls on_ready(data, events) whenever the descriptor is readable (1),
     * writable (2), or has failed (both), until it is watched for something
     * else; events 0: no more, and nothing is called any more.
     * FKV_OK · FKV_EINVAL it cannot be watched · FKV_ENOMEM
     */
    int  (*watch)(int fd, int events, void (*on_ready)(void *data, int events),
              void *data);
} fkv_loop_t;

/* Of the process; NULL: it has none. */
void fkv_loop_set(const fkv_loop_t *loop);
const fkv_loop_t *fkv_loop(void);


#endif /* FKV_EXTENSIONS_LOOP_H */
