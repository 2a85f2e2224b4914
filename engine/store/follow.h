/*
 * follow.h - a worker follows the manifest.
 *
 * Shape      the segment names the last announced edit and where the manifest
 *            that holds it ends; what is new there is read and applied, from
 *            its mirror if the manifest is damaged.  One reader a process, all
 *            who need the edit wait for it
 * Processes  private; one thread; asynchronous through store->io
 * If killed  slot.edit stays where it was
 */

#ifndef FKV_STORE_FOLLOW_H
#define FKV_STORE_FOLLOW_H

#include "store/store.h"

typedef struct {
    bool           busy;            /* a request is in flight */
    fkv__io_req_t  io;
    fkv_link_t     waits;
    int            fd;              /* of the manifest; -1: not open */
    uint64_t       number;          /* of the manifest */
    uint64_t       damaged;         /* the one whose mirror is read instead */
    uint64_t       have;            /* its bytes that are in the version */
    uint64_t       pos;             /* what is being read: position ... */
    uint8_t       *bytes;           /* ... and memory for all of the file */
    uint64_t       complained;      /* position of which an error was logged */
    char           name[40];
} fkv__follow_t;

/* One op that waits; embedded in it. */
typedef struct {
    fkv_link_t   link;
    fkv_op_t    *op;
    int          rc;
} fkv__follow_wait_t;

/*
 * Begins, blocking: reads the announced manifest into store->tables->version,
 * which is empty.  Exactly what was announced, not what else may lie on disk:
 * an edit whose write failed at the end may yet be withdrawn.
 * FKV_OK · errors as of fkv__follow(); close is needed either way
 */
int  fkv__follow_open(fkv_t *store);
void fkv__follow_close(fkv_t *store);

/* The last announced edit. */
static inline uint64_t
fkv__follow_announced(const fkv_t *store)
{
    return __atomic_load_n(&store->seg->state.edit, __ATOMIC_ACQUIRE);
}


/*
 * Brings store->tables->version to the announced edit, or beyond.
 * FKV_OK it is there · FKV_AGAIN wait->op is run when it is, or with wait->rc
 * one of the following · FKV_ECORRUPT · FKV_EVERSION · FKV_EIO (logged)
 * · FKV_ENOMEM
 */
int fkv__follow(fkv_t *store, fkv__follow_wait_t *wait);

/* As above for nobody in particular. */
void fkv__follow_idle(fkv_t *store);


#endif /* FKV_STORE_FOLLOW_H */
