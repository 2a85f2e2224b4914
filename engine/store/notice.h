/*
 * notice.h - that a key has expired is noticed within 100 ms, and told.
 *
 * Shape      the log is followed through the memtables: whatever is written
 *            with an expiry goes into a bounded heap (due.h), whatever is
 *            written anew leaves it.  When its time has come a key is told to
 *            the listeners.  What is not in the heap is looked for in tables
 *            (refill.h): when a helper begins, and when the heap had been full
 *            and is half empty
 * Processes  the owner of the helper role, EXPIRE thread, attached to the store
 *            like a worker (a slot and pins of its own, so an arena that is
 *            being read is not recycled; each look is short).  It writes
 *            nothing and leaves the log to workers.  Attached as soon as
 *            anything is there that expires; before, a turn is a few loads
 * If killed  as any worker: the slot is reaped.  The next helper goes on from
 *            state.noticed_ms: whatever expired up to then has been told.
 *            Steps: notice.1 keys have been told, noticed_ms is as before, so
 *            they are told again; notice.2 it is raised
 *
 * 1  The heap holds every visible key that expires between now and the horizon,
 *    as of the followed position; it is followed up to the heap's bound, which
 *    is the horizon unless a refill is running.
 * 2  A refill looks for what is behind the horizon and older than the position
 *    where it began: the rest has been followed.  So nothing is told twice.
 *    When it ends the bound is the new horizon.
 * 3  noticed_ms does not pass the horizon.  What is older than noticed_lsn has
 *    been told up to noticed_ms; that is raised first.
 * 4  All that was written before a key's expiry was noticed counts: a key that
 *    is written anew in the last moment has not expired, nor has one that was
 *    deleted.
 *
 * Time is store time: a wall that steps forward by an hour lets an hour's keys
 * expire at once, and one that steps back changes nothing.  How late a notice
 * is does not count what the clock jumped over.
 *
 * The namespace of limits is passed by: fkv__due_wants().
 *
 * What compaction drops before a refill finds it is not told: space does not
 * wait for this.  What expired while no helper ran, is.
 */

#ifndef FKV_STORE_NOTICE_H
#define FKV_STORE_NOTICE_H

#include "store/refill.h"

#define FKV__NOTICE_TURN_MS  50         /* between two looks, at most */
#define FKV__NOTICE_LATE_MS  100        /* more is counted as late */

typedef struct {
    fkv_str_t  ikey;
    uint64_t   version;
    uint64_t   expire_at;
    uint64_t   late_ms;
} fkv__expired_t;

/*
 * Called by the thread for each key; must not block.  ready, if it is not NULL,
 * says whether it can take one now; else all keys wait.
 */
typedef struct {
    void  (*on_expired)(void *data, const fkv__expired_t *expired);
    bool  (*ready)(void *data);
    void   *data;
} fkv__listener_t;

typedef struct {
    fkv__helper_t          *helper;
    const fkv__listener_t  *listeners;
    unsigned                listeners_n;

    fkv_t                  *twin;       /* NULL = not attached */
    fkv__due_t              due;
    fkv__refill_t           refill;
    bool                    refilling;  /* a piece has begun and ... */
    uint64_t                refill_us;  /* ... when; else when one may begin */
    fkv__trail_t            trail;      /* what is followed */
    fkv__moment_t           horizon;
    uint64_t                now_ms;     /* of the last turn: store time, ... */
    uint64_t                boot_ms;    /* ... and boot time, 0 = none yet */
} fkv__notice_t;

/* The listeners are the caller's. */
void fkv__notice_init(fkv__notice_t *notice, fkv__helper_t *helper,
    const fkv__listener_t *listeners, unsigned n);
void fkv__notice_done(fkv__notice_t *notice);

/*
 * Follows, tells, refills for a moment.  Returns after how many milliseconds
 * to come again, or when fkv__notice_fd() is readable.
 */
int fkv__notice_turn(fkv__notice_t *notice);

/* -1: not attached. */
int fkv__notice_fd(const fkv__notice_t *notice);


/* The thread's loop, and its listener, which counts and tells the hooks. */
void fkv__duty_expire(fkv__helper_t *helper);


#endif /* FKV_STORE_NOTICE_H */
