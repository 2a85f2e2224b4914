/*
 * own.h - the private part of an fkv_exec_t.
 *
 *   READ --all that is wanted is known--> RUN --FKV_AGAIN--> READ
 *                                          '----> ANSWER
 *   of what writes:
 *   RUN, nothing known --asks for nothing--> UPDATE, blind --> ANSWER
 *     '--FKV_AGAIN--> UPDATE, decide() runs the commands --> ANSWER
 *                       '--they ask for more--> READ or UPDATE
 *   of what writes and looks at elements:
 *   READ --> RUN --> UPDATE, decide() compares the keys' versions --> ANSWER
 *    ^        '-FKV_AGAIN-> READ    '--a key has changed--> READ
 *   of what suspends itself: from RUN or UPDATE to RESUMED, to the beginning
 *
 * Life       from fkv_exec() to fkv_exec_done(); if that comes earlier than
 *            the end, to the end: exec is NULL then, what is not placed is not
 *            written, and what is read is thrown away
 * Children   gets, looks, an await, an update; each that is in flight counts in
 *            pending, and the last one runs the op
 */

#ifndef FKV_COMMANDS_OWN_H
#define FKV_COMMANDS_OWN_H

#include "commands/exec.h"
#include "commands/look.h"
#include "commands/meter.h"
#include "commands/txn.h"

#define FKV__READS_MAX  256     /* in flight at once */

typedef struct {
    fkv_get_t   get;
    unsigned    at;             /* of the key, in the transaction */
    bool        open;           /* its value lies in the engine's memory */
} fkv__read_t;

/* See wait.h; zero: it never was. */
typedef struct {
    uint64_t           wait;        /* not over yet; 0 = there is none */
    bool               asked;       /* in the run that is at its end now */
    bool               parked;      /* it is pending */
    bool               over;        /* go_on runs, with rc */
    int                rc;
    void              *timer;
    fkv_call_go_on_pt  go_on;
    void              *data;
} fkv__suspended_t;

struct fkv__exec_s {
    fkv_link_t             link;        /* of the spare ones */
    fkv_op_t               op;
    fkv_exec_t            *exec;        /* NULL: given up */
    fkv_t                 *store;
    fkv__txn_t             txn;
    fkv_call_t             call;
    fkv_reply_t            each;        /* of several the one that runs */
    fkv__buf_t             spare;       /* for the next reply */

    const fkv_command_t  **commands;    /* NULL of a request that is wrong */
    const fkv_command_t   *one;
    fkv_meter_span_t       span;
    fkv__suspended_t       suspended;
    unsigned               pending;
    unsigned               tries;
    uint64_t               seen;        /* LSN that must be visible to answer */
    uint64_t               behind;      /* LSN that must be complete to read:
                                           what an update has met is there */

    fkv__read_t           *reads;
    fkv__read_t            one_read;
    unsigned               reads_n;
    unsigned               reads_room;
    uint64_t               snapshot;    /* of the reads; 0 = now, one key */
    bool                   gone;        /* it has been dropped meanwhile */
    bool                   complete;    /* so is what lies below exec->after,
                                           and below behind */
    fkv_await_t            await;
    int                    awaited;

    fkv_update_t           update;
    fkv_change_t          *changes;
    fkv_change_t           one_change;
    unsigned               changes_room;
    unsigned               clears;      /* changes before those of keys */
    unsigned               keys;        /* that have a change */
    uint32_t               clearing;    /* namespaces that have one */
    bool                   blind;       /* the run is done */
    bool                   checked;     /* so it is, if the keys are as it has
                                           seen them */
    int                    result;      /* of decide() */
    int                    updated;     /* of the update */
};


/* A child has ended. */
static inline void
fkv__own_child(fkv__exec_t *own)
{
    if (--own->pending == 0) {
        fkv__op_run(&own->op);
    }
}


/* The on_done of own->await. */
static inline void
fkv__own_awaited(fkv_op_t *op)
{
    fkv__exec_t  *own = op->data;

    own->awaited = op->rc;
    fkv__own_child(own);
}


/* What comes next on the connection may start. */
void fkv__own_placed(fkv__exec_t *own, uint64_t lsn);


#endif /* FKV_COMMANDS_OWN_H */
