/*
 * commit.h - group commit: many frames, one write of the log.
 *
 * Shape      ready prefix: all frames below log.ready are complete
 *            leader: the process that writes [written, ready), one write in
 *            flight, what becomes ready meanwhile rides the next
 * Processes  any worker; the leader is named in log.leader
 * If killed  a leader's death leaves written and durable where they were; its
 *            write may still land, the bytes are the same that the next leader
 *            writes; leadership passes when its slot is reaped
 *
 * With sync=off the log is the second best way to the disk: what a flush brings
 * there within a second is never written (log_sync.h), and a leader writes the
 * rest.
 *
 * Three store-load pairs need sequential consistency, else a wakeup is lost:
 *   1  a writer stores READY, then looks for a leader; a leader leaves, then
 *      looks for READY frames
 *   2  a waiter announces slot.waiting, then looks at durable; a leader stores
 *      durable, then looks at slot.waiting
 *   3  a pin is published, then the set is read again; the helper changes the
 *      set, then reads the pins
 */

#ifndef FKV_STORE_COMMIT_H
#define FKV_STORE_COMMIT_H

#include "io/io.h"
#include "io/op.h"

#include "fkv.h"

#define FKV__LAZY_MS  1000      /* sync=off: what nobody has flushed by then is
                                   written */

/* A leader's private state. */
typedef struct {
    fkv__io_req_t  req;
    bool           leading;         /* log.leader names this process */
    bool           busy;            /* req is in flight */
    unsigned       sync_next;       /* first log file not yet synced */
    uint64_t       to;              /* LSN that req brings us to */
    uint64_t       bytes;           /* that req writes */
    uint64_t       frames;          /* log.ready_frames when it started */
    uint64_t       woken;           /* visible when others were woken last */
    uint8_t       *head;            /* one page: the file's header block */
    uint8_t       *tail;            /* one page: the last, partial block */
} fkv__commit_t;

/* FKV_OK or FKV_ENOMEM. */
int  fkv__commit_open(fkv_t *store);
void fkv__commit_close(fkv_t *store);

/* Has it been reached?  fkv__wait_t is in fkv.h. */
bool fkv__commit_reached(const fkv_t *store, fkv__wait_e what, uint64_t lsn);

/* Puts the op aside until it has, or the store became read-only. */
void fkv__commit_wait(fkv_t *store, fkv__wait_t *wait);

/* Moves log.ready over complete frames; returns it. */
uint64_t fkv__commit_advance(fkv_t *store);

/* At the end of a turn, and after a poll: lead if nobody does, announce. */
void fkv__commit_turn(fkv_t *store);

/* The header block of an arena's log file; edit is the last one announced. */
void fkv__commit_header(const fkv_t *store, unsigned arena, uint64_t edit,
    uint8_t *page);

/* Runs waiters whose position has been reached. */
void fkv__commit_run_waiters(fkv_t *store);

/* sync=off: what is ready and not written begins to wait, or is due. */
void fkv__commit_lazy(fkv_t *store);

/*
 * For a process that leaves: everything that is ready now becomes durable, or
 * the disk fails, or it takes too long.  Blocks; nobody waits here any more.
 */
void fkv__commit_drain(fkv_t *store);


#endif /* FKV_STORE_COMMIT_H */
