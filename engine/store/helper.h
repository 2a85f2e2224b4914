/*
 * helper.h - the helper role: one process that keeps the disk in order.
 *
 * Shape      FLUSH thread    flush.h, recycle.h, log_sync.h, the clock
 *            COMPACT thread  compact.h
 *            JOBS thread     job.h, checkpoint.h, count.h; what the threads do
 *                            when is in duty.h
 *            EVICT thread    evict.h
 *            caller          fkv_helper(): takes the role, reaps the dead;
 *                            in the process's own thread, since reaping pins
 * Processes  the one that state.helper names; a role whose owner died is
 *            given back by the reaper
 * Threads    the catalog is under one mutex, which is held for an edit and
 *            never for long work; whatever else they share is atomic
 * If killed  at any instruction.  Tables that no edit names are orphans, and
 *            so are files that a last edit dropped: the next owner removes
 *            both.  An edit that was appended but not announced is adopted.
 *            Steps: helper.1 the role is taken, nothing done; helper.2 the
 *            catalog is announced and swept; edit.1 nothing is written yet of
 *            an edit; edit.2 it is appended, not announced; edit.3 it is
 *            announced, nobody is woken
 *
 * fkv_helper() and fkv_helper_stop() are in fkv.h.
 */

#ifndef FKV_STORE_HELPER_H
#define FKV_STORE_HELPER_H

#include "store/budget.h"
#include "store/catalog.h"
#include "store/hook.h"
#include "store/mix.h"
#include "store/pick.h"
#include "store/renew.h"
#include "store/store.h"

#include <pthread.h>

#define FKV__HELPER_TABLE_BYTES   (16 * 1024 * 1024)    /* at most */
#define FKV__HELPER_SLICE_TABLES  4             /* about a second of work */

typedef struct fkv__blob_collect_s  fkv__blob_collect_t;  /* blob_collect.h */

#define FKV__ORPHANS  32            /* remembered at most: orphan.h */

struct fkv__helper_s {
    fkv_t            *store;
    uid_t             uid;              /* owner of new files, -1: ours */
    gid_t             gid;

    pthread_mutex_t   mutex;            /* of these */
    fkv__catalog_t    catalog;
    uint64_t          next_file;
    bool              swept;            /* orphans are removed */
    fkv__buf_t        orphans[FKV__ORPHANS];
    bool              compact_due;      /* look for work */
    unsigned          running;          /* threads that have not ended */
    bool              jobs_due;         /* the same for JOBS */
    pthread_cond_t    compact_wake;     /* with mutex */
    pthread_cond_t    jobs_wake;        /* with mutex */
    pthread_cond_t    evict_wake;       /* with mutex */
    pthread_cond_t    ended;            /* with mutex */

    pthread_mutex_t   warm;             /* of slot->filling, warm.h */
    bool              stop;             /* atomic */
    bool              reserved;         /* atomic: reserve.h */
    bool              compact_full;     /* atomic: COMPACT lacks room */
    bool              log_held;         /* atomic: no arena leaves the set */
    uint64_t          populated;        /* FLUSH's own: of the segment */
    uint32_t          log_cut;          /* FLUSH's own: files of no length */
    unsigned          orphans_seconds;  /* FLUSH's own: they wait so long */
    bool              log_idle;         /* FLUSH's own: nobody writes */
    fkv__pick_t       pick;             /* COMPACT's own, but for base_bytes */
    fkv__mix_t        mix;              /* COMPACT's own */
    fkv__budget_t     budget;           /* COMPACT's own */
    bool              flushing;         /* atomic: FLUSH writes a table */
    uint64_t          asked;            /* FLUSH's own: warm.h */
    uint64_t          busy_us;          /* it worked since level 0 shrank */
    fkv__blob_collect_t  *blobs;        /* COMPACT's own */
    uint64_t          table_bytes;      /* of what it writes, ... */
    uint64_t          slice_bytes;      /* ... until an edit; tests change it */

    fkv__told_t       told;             /* by EXPIRE, of the caller */
    fkv__renew_t      renew;            /* by COMPACT, of the caller */

    unsigned          threads;          /* of these, not joined yet */
    pthread_t         thread[5];        /* ... EXPIRE, EVICT: duty.h */
};


/*
 * What the threads stand on, without the threads; no I/O.  The caller owns the
 * role.  NULL: out of memory
 */
fkv__helper_t *fkv__helper_new(fkv_t *store);
void           fkv__helper_free(fkv__helper_t *helper);

/*
 * Opens the catalog if that has not been done or the last edit failed, and
 * announces what it holds; the first time, orphans are removed too.  It must
 * have answered FKV_OK before tables are made.
 * FKV_OK · as fkv__catalog_open (logged)
 */
int fkv__helper_open(fkv__helper_t *helper);

/* Long work asks now and then and gives up with FKV_ECANCELED. */
static inline bool
fkv__helper_stopping(const fkv__helper_t *helper)
{
    return __atomic_load_n(&helper->stop, __ATOMIC_ACQUIRE);
}


/*
 * The version after the last edit, pinned.  Only COMPACT drops tables, FLUSH
 * only adds to level 0: so each may build upon what it has seen.
 * FKV_OK · as fkv__helper_open, which it does
 */
int fkv__helper_version(fkv__helper_t *helper, fkv__version_t **version);

/*
 * An id for a new table, which no other file gets while the segment lives: who
 * dies before the edit that names it leaves blocks in the cache (warm.h).
 */
uint64_t fkv__helper_file_id(fkv__helper_t *helper);

/*
 * Completes the edit (clock, next file), appends and announces it, and wakes
 * everybody.
 * FKV_OK · FKV_ENOMEM, FKV_ECORRUPT: nothing has happened · FKV_EIO, FKV_EFULL:
 * it is withdrawn, but a crash might bring it back: leave the files alone
 * that it names
 */
int fkv__helper_edit(fkv__helper_t *helper, fkv__edit_t *edit);

/*
 * Calls between() while no edit can happen, with the version of the last one.
 * It must be short: a flush may be waiting.
 * What between() answers · as fkv__helper_open, which it does
 */
int fkv__helper_between(fkv__helper_t *helper,
    int (*between)(void *data, fkv__version_t *version), void *data);

/* COMPACT, JOBS look for work now. */
void fkv__helper_wake_compact(fkv__helper_t *helper);
void fkv__helper_wake_jobs(fkv__helper_t *helper);

/* Unlinks DIR/sst/ID.sst; failures leave an orphan for the next owner. */
void fkv__helper_unlink(fkv__helper_t *helper, uint64_t id);


/*
 * Publishes the catalog's version in shared memory and wakes every process.
 * Also for the master, when it has opened the store.
 */
void fkv__announce(fkv_t *store, const fkv__catalog_t *catalog);


#endif /* FKV_STORE_HELPER_H */
