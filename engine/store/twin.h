/*
 * twin.h - a thread of the helper works on the store as a worker does.
 *
 * Shape      a second handle on the open store, attached like a process of its
 *            own: a slot, I/O and pins; and a worker's event loop around the
 *            operations that it starts, one after the other
 * Log        a twin that has written nothing leads no commit and drains nothing
 *            when it is closed: those whose frames wait are workers, which do.
 *            Its thread may be of low priority, and the helper waits for it
 *            when it leaves the role
 * Processes  one thread; workers and the helper's other threads do not notice
 * If killed  as any worker: the slot is reaped
 */

#ifndef FKV_STORE_TWIN_H
#define FKV_STORE_TWIN_H

#include "store/store.h"

/* As fkv_twin_open(); for a thread that has nothing else to do. */
int  fkv__twin_open(fkv_t **twin, const fkv_t *store, char *error);

/* One turn of the loop, which waits for so many milliseconds at most. */
void fkv__twin_turn(fkv_t *twin, int64_t ms_max);

/* The on_done of operations that are waited for. */
void fkv__twin_done(fkv_op_t *op);

/*
 * rc is what starting op has answered; turns until it has ended.
 *   stop     atomic, or NULL; once it is set: FKV_ECANCELED, and op goes on
 *            until the twin is closed
 */
int  fkv__twin_wait(fkv_t *twin, const fkv_op_t *op, int rc,
    const bool *stop);


#endif /* FKV_STORE_TWIN_H */
