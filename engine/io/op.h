/*
 * op.h - an asynchronous operation: one struct, one step function.
 *
 * The step function switches on op->state and answers with a turn: NEXT runs
 * it again, WAIT leaves it until somebody calls fkv__op_run() (an I/O or a
 * commit it waits for is done), DONE ends it with op->rc.
 *
 * Two ends, never both: fkv__op_start() returns the result when the operation
 * ended at once, or FKV_AGAIN, and then on_done is called exactly once, never
 * from inside the starting call.  The caller owns the memory until the end.
 * Cancel by clearing on_done and letting it end.
 *
 * After a step has submitted I/O or queued the op, it touches it no more.
 */

#ifndef FKV_IO_OP_H
#define FKV_IO_OP_H

#include "base/types.h"
#include "base/list.h"

typedef enum {
    FKV__TURN_NEXT,
    FKV__TURN_WAIT,
    FKV__TURN_DONE
} fkv__turn_e;

typedef struct fkv_op_s  fkv_op_t;

typedef void (*fkv_on_done_pt)(fkv_op_t *op);

struct fkv_op_s {
    int              state;     /* changed only by fkv__op_enter() */
    int              rc;        /* the result, set before DONE */
    bool             started;   /* fkv__op_start() has returned FKV_AGAIN */
    const char      *name;      /* "get", for the log of transitions */
    fkv__turn_e    (*step)(fkv_op_t *op);
    fkv_on_done_pt   on_done;   /* NULL: the caller no longer cares */
    void            *data;      /* the caller's */
    fkv_link_t       link;      /* whatever list it waits on */
};


/* name, step and the caller's on_done and data stay as they are. */
int fkv__op_start(fkv_op_t *op, const char *name,
    fkv__turn_e (*step)(fkv_op_t *op), int state);

/* Goes on with an operation that WAITs. */
void fkv__op_run(fkv_op_t *op);

/* The only way to change the state. */
static inline fkv__turn_e
fkv__op_enter(fkv_op_t *op, int state)
{
    op->state = state;
    return FKV__TURN_NEXT;
}


static inline fkv__turn_e
fkv__op_end(fkv_op_t *op, int rc)
{
    op->rc = rc;
    return FKV__TURN_DONE;
}


#endif /* FKV_IO_OP_H */
