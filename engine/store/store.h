/*
 * store.h - what one process knows of an open store; private to store/.
 *
 * Made by the master in fkv_open(), inherited over fork, completed in each
 * child by fkv_attach().  Everything here is this process's own; what all
 * processes share is in seg (shared/segment.h).
 */

#ifndef FKV_STORE_STORE_H
#define FKV_STORE_STORE_H

#include "fkv.h"
#include "base/list.h"
#include "base/time.h"
#include "shared/segment.h"
#include "shared/set.h"
#include "store/commit.h"

#include <string.h>

typedef struct fkv__tables_s  fkv__tables_t;    /* store/tables.h */
typedef struct fkv__helper_s  fkv__helper_t;    /* store/helper.h */
typedef struct fkv__blob_writer_s  fkv__blob_writer_t;  /* blob_write.h */
typedef struct fkv__blob_files_s   fkv__blob_files_t;   /* blob_files.h */

/* Room that this process may use up before it looks again. */
typedef struct {
    uint64_t  max;              /* of the bound, as it was */
    uint64_t  left;
    uint64_t  until_ms;
} fkv__size_look_t;


struct fkv_s {
    fkv_options_t        options;       /* every default filled in */
    char                *path;
    char                *checkpoints_path;      /* or NULL */
    const fkv_log_t     *log;
    const fkv__fs_t     *fs;
    const fkv__clock_t  *clock;
    fkv__segment_shm_t  *seg;

    /* Descriptors made by the master and inherited. */
    int                  dir;
    int                  sst_dir;
    int                  blob_dir;
    int                  log_dir;
    int                  lock;
    int                  checkpoints;   /* directory; -1 = none */
    int                  eventfds[FKV__SLOTS_MAX];

    /* From here on: valid in an attached process. */
    bool                 attached;
    fkv_process_e        process;
    bool                 twin;          /* of a thread: fkv__twin_new() */
    unsigned             slot;
    fkv__slot_shm_t     *own;           /* &seg->slots[slot] */
    int                  log_fds[FKV__ARENAS];
    bool                 direct;        /* log files are open O_DIRECT */
    bool                 reads_only;    /* leads no commit: twin.h */

    fkv__io_t            io;            /* workers only */
    void               (*on_turn)(void *data);
    void                *on_turn_data;
    bool                 turn_wanted;   /* on_turn was called, turn not yet */

    unsigned             pins;          /* nesting of fkv__pin() */
    unsigned             in_flight;     /* operations not ended */
    uint64_t             stuck_since_ms;/* boot time; somebody waits and ... */
    uint64_t             stuck_at;      /* ... visible stays here; 0 = no */
    uint64_t             checked_ms;    /* boot time of the last sweep */
    uint64_t             holders_ms;    /* the same for holders of claims */

    fkv_link_t           durable_waiters;   /* fkv__wait_t, commit.h */
    fkv_link_t           retry;         /* ops: latch, arena, unfilled frame */
    bool                 retry_soon;    /* some of them in 1 ms, not 10 */
    fkv_link_t           runnable;      /* ops that yielded */
    fkv_link_t           paced;         /* fkv__pace_t, pace.h */

    uint64_t             lazy_lsn;      /* sync=off: what is not written up to
                                           here has been waiting ... */
    uint64_t             lazy_since_ms; /* ... since then, or longer */
    bool                 lazy_due;      /* that is long enough */
    fkv_link_t           updates;       /* fkv__update_t, not ended */
    fkv_link_t           updates_spare;
    fkv_link_t           update_blobs;  /* fkv__update_blob_t */
    fkv_link_t           uploads;       /* fkv__upload_t */
    fkv_link_t           jobs;          /* fkv__job_t, not ended */
    fkv_link_t           claims;        /* ops that wait for another's end */

    const fkv_merge_t   *merge;         /* fold.h; NULL = no operator */
    void                *merge_data;
    const fkv_hooks_t   *hooks;         /* hook.h; NULL = none */
    void                *hooks_data;
    bool                 hooks_expire;  /* atomic: the EXPIRE thread looks */
    size_t               refusal_len;
    char                 refusal[FKV_REFUSAL_BYTES];

    uint64_t             random;        /* of evict.h */
    fkv__size_look_t     size_looks[FKV__BOUNDS];   /* size.c */
    fkv__commit_t        commit;
    fkv__tables_t       *tables;
    fkv__blob_writer_t  *blob_writer;
    fkv__blob_files_t   *blob_files;
    fkv__helper_t       *helper;        /* if its threads run here */
};


/* Index of each counter in a slot's stats. */
enum {
#define FKV__STAT_INDEX(name, text)  FKV__STAT_##name,
    FKV_STAT_COUNTERS(FKV__STAT_INDEX)
#undef FKV__STAT_INDEX
    FKV__STAT_COUNT
};

_Static_assert(FKV__STAT_COUNT <= FKV__STATS_MAX, "room in the slot");

/* Only this process adds; helper threads share a slot, so it is atomic. */
#define fkv__count(store, name, n)                                            \
    ((void) __atomic_fetch_add(&(store)->own->stats[FKV__STAT_##name], (n),   \
                               __ATOMIC_RELAXED))


/*
 * What readers may see: LSNs below this.  Durable in a store with
 * sync=always, ready otherwise.
 */
static inline uint64_t
fkv__visible(const fkv_t *store)
{
    const fkv__log_shm_t  *log = &store->seg->log;

    return __atomic_load_n(store->options.sync == FKV_SYNC_ALWAYS
                           ? &log->durable : &log->ready, __ATOMIC_ACQUIRE);
}


/*
 * Holds the arenas of the current memtable set in place and returns the set.
 * Pins nest; an inner pin may see a newer set, the outer one protects it too.
 * Never hold one over a return to the event loop.  For the process's own
 * thread only: the helper's threads do without, they are who recycles.
 */
uint64_t fkv__pin(fkv_t *store);
void     fkv__unpin(fkv_t *store);

/* Asks the caller for an fkv_turn(). */
void fkv__want_turn(fkv_t *store);

/* Runs what stands on the list when it is called, not what is added. */
void fkv__run_all(fkv_link_t *list);

/*
 * Puts a waiting op aside: to be run again by the next fkv_poll() of a coming
 * event-loop turn (yield), or when a latch, an arena or an unfilled frame may
 * have become free (retry; soon = in a millisecond).  The step returns WAIT.
 */
void fkv__yield(fkv_t *store, fkv_op_t *op);
void fkv__retry(fkv_t *store, fkv_op_t *op, bool soon);

/* Closes those that are open and sets them to -1. */
void fkv__fds_close(int *fds, unsigned n);

/* Wakes the process of a slot; the helper, if there is one; all that live. */
void fkv__wake(fkv_t *store, unsigned slot);
void fkv__wake_helper(fkv_t *store);
void fkv__wake_all(fkv_t *store);

/*
 * Another handle on the open store for a second thread of this process, to be
 * attached and detached like a process of its own.  NULL: out of memory.
 */
fkv_t *fkv__twin_new(const fkv_t *store);
void   fkv__twin_free(fkv_t *twin);

/*
 * The store becomes read-only until it is opened again; says why once.  Any
 * process and thread.
 */
void fkv__set_readonly(fkv_t *store, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));


#endif /* FKV_STORE_STORE_H */
