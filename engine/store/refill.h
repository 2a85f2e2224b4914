/*
 * refill.h - what expires soonest, looked for in memtables and tables.
 *
 * Shape      the trail of the memtables; then ordinary scans (scan.h), one
 *            after the other, of keys that lie in tables whose expiries meet
 *            what is looked for; each gives some thousand keys to the heap and
 *            ends
 * Threads    belongs to notice.h, which runs it
 * If killed  nothing is shared.  Step: refill.1 a scan has begun
 *
 * Before a key goes into the heap the memtables are asked whether there is a
 * newer version: it might have been followed (notice.h) before.  A scan sees
 * what was visible when it began; if so much has been written meanwhile that
 * the memtables do not reach back to that, it is begun anew.
 *
 * A damaged table ends the scan that meets it; the next begins with the next
 * table.  What expires there is not noticed, like all else that is done to it.
 */

#ifndef FKV_STORE_REFILL_H
#define FKV_STORE_REFILL_H

#include "store/due.h"
#include "store/helper.h"
#include "store/trail.h"

typedef struct {
    fkv__helper_t  *helper;
    fkv_t          *twin;           /* attached; scans are its own */
    fkv__due_t     *due;            /* takes what is found */

    bool            running;
    fkv__moment_t   after;          /* wanted is what comes behind this ... */
    uint64_t        below;          /* ... and is older than this LSN; ... */
    uint64_t        told;           /* ... or, from this one on, before it */

    bool            trailing;       /* the memtables come first, ... */
    uint64_t        trailed;        /* ... which begin here */
    fkv__trail_t    trail;

    unsigned        ns;             /* the next scan begins with this ... */
    fkv__buf_t      key;            /* ... user key, ... */
    bool            passed;         /* ... or behind it */

    fkv_scan_t      scan;
    bool            scanning;
    bool            stale;          /* it was begun anew meanwhile */
    uint64_t        visible;        /* when the scan began */
    fkv__buf_t      ikey;           /* room for one */
} fkv__refill_t;

void fkv__refill_init(fkv__refill_t *refill, fkv__helper_t *helper,
    fkv_t *twin, fkv__due_t *due);

/* After the twin's detach. */
void fkv__refill_done(fkv__refill_t *refill);

/*
 * Everything between after and the heap's bound, with versions below.  What is
 * before after has been told, if it is older than told.
 */
void fkv__refill_begin(fkv__refill_t *refill, fkv__moment_t after,
    uint64_t told, uint64_t below);

/*
 * The next piece, unless a scan is going on.  running is false when there is
 * nothing more to find.
 */
void fkv__refill_step(fkv__refill_t *refill);


#endif /* FKV_STORE_REFILL_H */
