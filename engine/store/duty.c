/*
 * duty.c - the loops of the two threads.
 */

#define _GNU_SOURCE
#include "store/duty.h"
#include "shared/arena.h"
#include "shared/set.h"
#include "store/blob_collect.h"
#include "store/checkpoint.h"
#include "store/compact.h"
#include "store/count.h"
#include "store/evict.h"
#include "store/expire.h"
#include "store/flush.h"
#include "store/job.h"
#include "store/log_sync.h"
#include "store/orphan.h"
#include "store/recycle.h"
#include "store/reserve.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SECOND_MS       1000
#define RETRY_MS_MAX    30000
#define BUSY_MS         10      /* until the next look, while writes come in */
#define IDLE_MS         100     /* and while none do */
#define PIN_MS          1       /* and while a pin is in the way */
#define COMPACT_NICE    5
#define EVICT_MS        50      /* until the next look at how much there is */
#define PERSIST_MS      (10 * 60 * 1000)
#define SYNC_MS         800     /* what is ready waits so long for its sync */

/* After failures in a row. */
typedef struct {
    const char  *what;
    unsigned     failures;
    uint64_t     at;            /* not before this time */
} retry_t;


/* Says what failed, which is in rc and errno, unless it is a full disk. */
static void
retry_later(retry_t *retry, fkv_t *store, int rc)
{
    uint64_t     ms = SECOND_MS;
    const char  *cause = (rc == FKV_EIO) ? strerror(errno)
                                         : fkv_code_text(rc);

    for (unsigned i = 0; i < retry->failures && ms < RETRY_MS_MAX; i++) {
        ms *= 2;
    }

    if (rc == FKV_EFULL) {
        ms = SECOND_MS;

    } else {
        ms = fkv__min(ms, RETRY_MS_MAX);
        fkv__count(store, errors_io, rc == FKV_EIO);
        fkv__log(store->log, FKV_LOG_ERROR, "%s of store \"%s\" failed: %s; "
                 "it is tried again in %llu s", retry->what, store->path,
                 cause, (unsigned long long) ms / 1000);
    }

    retry->failures++;
    retry->at = fkv__monotonic_us() / 1000 + ms;
}


/* What is in memory of deletes goes to tables, where they make room. */
static void
seal_active(fkv_t *store)
{
    fkv__segment_shm_t  *seg = store->seg;
    uint64_t             set;
    unsigned             id;

    set = __atomic_load_n(&seg->state.memtables, __ATOMIC_ACQUIRE);
    id = fkv__set_arena(set, 0);

    if (fkv__arena_word(&seg->arenas[id]).top > 0) {
        fkv__arena_seal(&seg->arenas[id], fkv__segment_arena(seg, id));
    }
}


/*
 * Whatever a dead owner, or a failed edit, has left in the catalog comes
 * first: the floor may be higher than it looks.
 */
static int
disk_work(fkv__helper_t *helper)
{
    int  flushed = fkv__helper_open(helper);
    int  cause, recycled;

    if (flushed == FKV_OK) {
        flushed = fkv__flush(helper);
    }

    cause = errno;

    if (flushed == FKV_OK) {
        fkv__helper_wake_compact(helper);
    }

    if (flushed == FKV_ECANCELED) {
        return flushed;
    }

    recycled = fkv__recycle(helper);

    if (flushed < 0) {
        errno = cause;
        return flushed;
    }

    return (flushed == FKV_OK && recycled >= 0) ? FKV_OK : recycled;
}


static bool
readonly(const fkv_t *store)
{
    return __atomic_load_n(&store->seg->state.readonly, __ATOMIC_ACQUIRE);
}


/* Returns after how many milliseconds to come again. */
static int
flush_turn(fkv__helper_t *helper, retry_t *retry)
{
    fkv_t  *store = helper->store;
    int     rc;

    if (readonly(store)) {
        return IDLE_MS;
    }

    /* Arenas that are in tables can be used anew though a flush has failed. */

    if (fkv__monotonic_us() / 1000 < retry->at) {
        return (fkv__recycle(helper) == FKV_OK) ? 0 : BUSY_MS;
    }

    /* Full memory cannot wait for the second to be over. */

    if (fkv__flush_needs_sync(store)) {
        (void) fkv__log_sync(store);
    }

    fkv__flush_pass(store);

    rc = disk_work(helper);

    if (rc == FKV_EFULL && fkv__reserve_give(helper)) {
        return 0;
    }

    if (rc < 0 && rc != FKV_ECANCELED) {
        retry_later(retry, store, rc);
        return IDLE_MS;
    }

    if (rc == FKV_OK) {
        return 0;
    }

    retry->failures = 0;

    return (rc == FKV_AGAIN) ? PIN_MS : IDLE_MS;
}


/* So that a restart does not fall behind by more than this. */
static void
clock_persist(fkv__helper_t *helper)
{
    uint64_t         known;
    fkv__edit_t      edit;
    fkv__version_t  *version;

    if (readonly(helper->store)
        || fkv__helper_version(helper, &version) != FKV_OK)
    {
        return;
    }

    known = version->clock_ms;
    fkv__version_unpin(version);

    if (fkv_now_ms(helper->store) < known + PERSIST_MS) {
        return;
    }

    /* Not of importance: the next second tries again. */

    fkv__edit_init(&edit);
    (void) fkv__helper_edit(helper, &edit);
    fkv__edit_done(&edit);
}


/*
 * Large collections may have been deleted, and nobody writes any more: what was
 * deleted is known to compaction when it is in a table.
 */
static void
orphans_turn(fkv__helper_t *helper)
{
    if (!fkv__orphans_wait(helper->store)) {
        helper->orphans_seconds = 0;

    } else if (++helper->orphans_seconds >= FKV__ORPHANS_SECONDS) {
        helper->orphans_seconds = 0;
        seal_active(helper->store);
    }
}


static void
second_turn(fkv__helper_t *helper, const retry_t *retry)
{
    fkv__clock_tick(helper->store);
    clock_persist(helper);

    if (!readonly(helper->store)) {
        fkv__reserve_look(helper, retry->failures > 0
                          || __atomic_load_n(&helper->compact_full,
                                             __ATOMIC_RELAXED));
    }

    if (!readonly(helper->store)) {
        orphans_turn(helper);
    }

    /* One by one: while none can be flushed deletes need them all. */

    if (fkv__reserve_given(helper->store)
        && !fkv__flush_wanted(helper->store))
    {
        seal_active(helper->store);
    }
}


/*
 * Not once a second by the clock, but before anything has waited for a second:
 * it may have been seen late, and its leader may have died before the write.
 *   since   when this began to wait, 0 = nothing does
 */
static void
sync_turn(fkv_t *store, uint64_t now, uint64_t *since)
{
    const fkv__log_shm_t  *log = &store->seg->log;

    if (__atomic_load_n(&log->durable, __ATOMIC_RELAXED)
        >= __atomic_load_n(&log->ready, __ATOMIC_RELAXED))
    {
        *since = 0;

    } else if (*since == 0) {
        *since = now;

    } else if (now - *since >= SYNC_MS && fkv__log_sync(store) == FKV_OK) {
        *since = now;
    }
}


/*
 * Workers wake the slot of the helper process; in a worker that has the role
 * the eventfd belongs to its event loop, and we only look now and then.
 */
static void
flush_wait(fkv_t *store, int ms)
{
    struct pollfd  wake = {
        .fd = store->eventfds[store->slot],
        .events = POLLIN
    };

    if (store->process != FKV_HELPER) {
        (void) poll(NULL, 0, ms);

    } else if (poll(&wake, 1, ms) > 0) {
        uint64_t  n;

        if (read(wake.fd, &n, sizeof(n)) < 0) {
            /* Another one was faster: it is ours to look, all the same. */
            return;
        }
    }
}


void
fkv__duty_flush(fkv__helper_t *helper)
{
    fkv_t     *store = helper->store;
    retry_t    retry = { .what = "flush" };
    uint64_t   second_at = 0, sync_since = 0, ready = 0, ready_at = 0;

    while (!fkv__helper_stopping(helper)) {
        uint64_t  now = fkv__monotonic_us() / 1000, at;
        int       ms;

        if (now >= second_at) {
            second_at = now + SECOND_MS;
            second_turn(helper, &retry);
        }

        /* Writers may be fast, and a full disk is better seen before it is. */

        if (__atomic_load_n(&helper->reserved, __ATOMIC_ACQUIRE)) {
            fkv__reserve_look(helper, false);
        }

        sync_turn(store, now, &sync_since);
        helper->log_idle = (now >= ready_at + SECOND_MS);
        ms = flush_turn(helper, &retry);
        at = __atomic_load_n(&store->seg->log.ready, __ATOMIC_RELAXED);

        if (at != ready) {
            ready = at;
            ready_at = now;
            ms = fkv__min(ms, BUSY_MS);
        }

        if (fkv__job_posted(store)) {
            fkv__helper_wake_jobs(helper);
        }

        if (ms > 0) {
            flush_wait(store, ms);
        }
    }
}


/*
 * Until *due is set, which is cleared; the mutex protects it.  NULL: until the
 * time is over.
 */
static void
due_wait(fkv__helper_t *helper, pthread_cond_t *wake, bool *due, uint64_t ms)
{
    struct timespec  until;

    FKV_ASSERT(clock_gettime(CLOCK_MONOTONIC, &until) == 0);

    until.tv_sec += (time_t) (ms / 1000);
    until.tv_nsec += (long) (ms % 1000) * 1000000;

    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }

    (void) pthread_mutex_lock(&helper->mutex);

    while ((due == NULL || !*due) && !fkv__helper_stopping(helper)) {
        if (pthread_cond_timedwait(wake, &helper->mutex, &until) != 0) {
            break;
        }
    }

    if (due != NULL) {
        *due = false;
    }

    (void) pthread_mutex_unlock(&helper->mutex);
}


static void
compact_wait(fkv__helper_t *helper, uint64_t ms)
{
    due_wait(helper, &helper->compact_wake, &helper->compact_due, ms);
}


void
fkv__duty_compact(fkv__helper_t *helper)
{
    retry_t  retry = { .what = "compaction" };

    /* Workers and flush come first.  On Linux this is of the thread alone. */
    (void) setpriority(PRIO_PROCESS, (id_t) gettid(), COMPACT_NICE);

    while (!fkv__helper_stopping(helper)) {
        uint64_t  now = fkv__monotonic_us() / 1000;
        int       rc;

        if (now < retry.at) {
            compact_wait(helper, retry.at - now);
            continue;
        }

        rc = fkv__compact(helper);

        if (rc == FKV_OK || rc == FKV_END) {
            int  collected = fkv__blob_collect(helper);

            rc = (collected == FKV_END) ? rc : collected;
        }

        if (rc == FKV_EFULL && fkv__reserve_give(helper)) {
            continue;
        }

        if (rc < 0 && rc != FKV_ECANCELED) {
            bool  full = (rc == FKV_EFULL);

            if (full && !__atomic_exchange_n(&helper->compact_full, full,
                                             __ATOMIC_RELAXED))
            {
                fkv__log(helper->store->log, FKV_LOG_ERROR, "compaction of "
                         "store \"%s\" waits: the disk is full",
                         helper->store->path);
            }

            retry_later(&retry, helper->store, rc);
            continue;
        }

        __atomic_store_n(&helper->compact_full, false, __ATOMIC_RELAXED);
        retry.failures = 0;

        if (rc != FKV_OK) {
            compact_wait(helper, SECOND_MS);
        }
    }
}


static int
job_run(fkv__helper_t *helper, const fkv__job_order_t *order, uint64_t *result)
{
    fkv_str_t  text = { order->text, order->text_len };

    switch (order->kind) {
    case FKV_JOB_CHECKPOINT:  return fkv__checkpoint(helper, text, result);
    case FKV_JOB_COUNT:       return fkv__count_keys(helper, order->ns, text,
                                                     result);
    }

    return FKV_ECORRUPT;
}


void
fkv__duty_jobs(fkv__helper_t *helper)
{
    fkv_t             *store = helper->store;
    fkv__job_order_t   order;

    fkv__job_adopt(store);

    while (!fkv__helper_stopping(helper)) {
        int       rc;
        uint64_t  result = 0;

        if (fkv__job_take(store, &order) != FKV_OK) {
            due_wait(helper, &helper->jobs_wake, &helper->jobs_due,
                     SECOND_MS);
            continue;
        }

        rc = job_run(helper, &order, &result);

        if (rc == FKV_ECANCELED) {
            fkv__job_put_back(store, &order);

        } else {
            fkv__job_end(store, &order, rc, result);
        }
    }
}


void
fkv__duty_evict(fkv__helper_t *helper)
{
    while (!fkv__helper_stopping(helper)) {
        if (fkv__evict_wanted(helper->store, FKV__EVICT_NEAR)) {
            fkv__evict_run(helper);
        }

        due_wait(helper, &helper->evict_wake, NULL,
                 fkv__evict_wanted(helper->store, 0) ? EVICT_MS : SECOND_MS);
    }
}
