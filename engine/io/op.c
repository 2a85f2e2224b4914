/*
 * op.c - the one loop that runs every operation.
 */

#include "io/op.h"


/* True when the operation has ended. */
static bool
op_turns(fkv_op_t *op)
{
    for ( ;; ) {
        switch (op->step(op)) {

        case FKV__TURN_NEXT:
            continue;

        case FKV__TURN_WAIT:
            return false;

        case FKV__TURN_DONE:
            return true;
        }

        fkv__unreachable();
    }
}


int
fkv__op_start(fkv_op_t *op, const char *name,
    fkv__turn_e (*step)(fkv_op_t *op), int state)
{
    op->state = state;
    op->rc = FKV_AGAIN;
    op->started = false;
    op->name = name;
    op->step = step;
    fkv__list_init(&op->link);

    if (op_turns(op)) {
        return op->rc;
    }

    op->started = true;

    return FKV_AGAIN;
}


void
fkv__op_run(fkv_op_t *op)
{
    FKV_ASSERT(op->started);

    if (op_turns(op) && op->on_done != NULL) {
        op->on_done(op);
    }
}
