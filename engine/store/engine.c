/*
 * engine.c - attaching a process to an open store, and the event-loop entry
 * points: wiring only, the work is done in the other files.
 */

#define _GNU_SOURCE
#include "store/store.h"
#include "shared/claim.h"
#include "store/claim.h"
#include "store/job.h"
#include "store/pace.h"
#include "store/reap.h"
#include "store/slots.h"
#include "store/tables.h"
#include "store/update.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define IO_DEPTH         256
#define DRAIN_DEPTH      8
#define LIVENESS_MS      10         /* a waiter looks whether its hope lives */
#define MOVING_MS        100        /* the same while the log moves */
#define LATCH_MS         1
#define NO_HELPER_MS     200        /* then a waiting worker does its work */


void
fkv__fds_close(int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (fds[i] >= 0) {
            (void) close(fds[i]);
            fds[i] = -1;
        }
    }
}


/*
 * Each process opens the log files itself, after the fork: its lock bytes
 * belong to these open files.
 */
static int
log_files_open(fkv_t *store, char *error)
{
    char  name[16];
    int   flags = O_RDWR | O_DIRECT;

    for (unsigned i = 0; i < FKV__ARENAS; i++) {
        int  fd;

        (void) snprintf(name, sizeof(name), "%02u.log", i);
        fd = store->fs->open(store->fs, store->log_dir, name, flags, 0);

        if (fd == -EINVAL && flags != O_RDWR) {
            fkv__log(store->log, FKV_LOG_NOTICE, "the file system of \"%s\" "
                     "has no direct I/O, the log is written through the page "
                     "cache", store->path);
            flags = O_RDWR;
            fkv__fds_close(store->log_fds, i);
            i = (unsigned) -1;              /* all alike, from the start */
            continue;
        }

        if (fd < 0) {
            return fkv__error(error, FKV_EIO, "cannot open \"%s/log/%s\""
                              ": %s", store->path, name, strerror(-fd));
        }

        store->log_fds[i] = fd;
    }

    store->direct = (flags != O_RDWR);

    return FKV_OK;
}


static int
slot_take(fkv_t *store, char *error)
{
    int  slot = fkv__slot_claim(store->log_fds, FKV__ARENAS);

    if (slot < 0) {
        return fkv__error(error, FKV_EFULL, "all %u process slots of "
                          "\"%s\" are taken", FKV__SLOTS_MAX, store->path);
    }

    store->slot = (unsigned) slot;
    store->own = &store->seg->slots[slot];

    fkv__slots_raise(store->seg, store->slot + 1);

    fkv__reap_locked(store, store->slot);

    __atomic_store_n(&store->own->pid, (uint32_t) getpid(), __ATOMIC_RELAXED);
    __atomic_store_n(&store->own->edit, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&store->own->state, FKV__SLOT_LIVE, __ATOMIC_SEQ_CST);

    return FKV_OK;
}


static int
worker_open(fkv_t *store, char *error)
{
    int  rc;

    fkv__segment_populate(store->seg, 0, fkv__segment_first(store->seg));

    rc = fkv__io_open(&store->io, store->options.io, IO_DEPTH,
                      store->eventfds[store->slot], store->log);

    if (rc == FKV_OK) {
        rc = fkv__commit_open(store);
    }

    if (rc == FKV_OK) {
        rc = fkv__tables_open(store);
    }

    if (rc != FKV_OK) {
        (void) snprintf(error, FKV_ERROR_BYTES, "cannot prepare I/O for "
                        "\"%s\": %s", store->path, fkv_code_text(rc));
    }

    return rc;
}


int
fkv_attach(fkv_t *store, fkv_process_e as, const fkv_log_t *log,
    void (*on_turn)(void *data), void *data, char *error)
{
    int  rc;

    FKV_ASSERT(!store->attached);

    store->log = log;
    store->process = as;
    store->on_turn = on_turn;
    store->on_turn_data = data;
    store->turn_wanted = false;

    rc = log_files_open(store, error);

    if (rc == FKV_OK) {
        rc = slot_take(store, error);
    }

    if (rc != FKV_OK) {
        fkv__fds_close(store->log_fds, FKV__ARENAS);
        return rc;
    }

    store->attached = true;

    if (as == FKV_WORKER) {
        rc = worker_open(store, error);

        if (rc != FKV_OK) {
            fkv_detach(store);
        }
    }

    return rc;
}


static void
leader_give_back(fkv_t *store)
{
    uint32_t  leader = store->slot + 1;

    (void) __atomic_compare_exchange_n(&store->seg->log.leader, &leader,
                                       FKV__NOBODY, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}


static void
slot_give_back(fkv_t *store)
{
    leader_give_back(store);
    fkv__job_drop(store->seg, store->slot);

    if (fkv__claim_drop_all(store->seg, store->slot)) {
        fkv__claim_tell_all(store);
    }

    fkv__slot_clear(store->own);
    __atomic_store_n(&store->own->state, FKV__SLOT_FREE, __ATOMIC_SEQ_CST);

    fkv__slot_unlock(store->log_fds, FKV__ARENAS, store->slot);
}


/*
 * Operations that were in flight end with their I/O, unheard; then, with I/O
 * of its own, the log is brought to disk.
 */
static void
worker_close(fkv_t *store)
{
    fkv__list_init(&store->durable_waiters);
    fkv__list_init(&store->retry);
    fkv__list_init(&store->paced);
    fkv__list_init(&store->claims);
    fkv__list_init(&store->runnable);
    store->turn_wanted = true;              /* nobody is called any more */

    if (store->io.ops != NULL) {
        fkv__io_close(&store->io);
    }

    if (store->tables != NULL) {
        fkv__tables_close(store);
        store->commit.busy = false;

        if (fkv__io_open(&store->io, store->options.io, DRAIN_DEPTH,
                         store->eventfds[store->slot], NULL)
            == FKV_OK)
        {
            fkv__commit_drain(store);
            fkv__io_close(&store->io);
        }
    }

    fkv__commit_close(store);
}


void
fkv_detach(fkv_t *store)
{
    if (!store->attached) {
        return;
    }

    /*
     * The helper's threads may have handles of their own, whose end waits for
     * the log: it must have no leader that only waits for them.
     */
    worker_close(store);
    leader_give_back(store);
    fkv_helper_stop(store);

    fkv__update_close(store);
    fkv__job_close(store);

    store->attached = false;

    /* A helper's thread that hangs goes on: only our death frees the slot. */
    if (store->helper == NULL) {
        slot_give_back(store);
        fkv__fds_close(store->log_fds, FKV__ARENAS);
    }
}


int
fkv_eventfd(const fkv_t *store)
{
    return store->eventfds[store->slot];
}


static void
run_retries(fkv_t *store)
{
    if (fkv__list_empty(&store->retry)) {
        return;
    }

    /* Whoever still needs an arena says so again. */
    __atomic_store_n(&store->own->wants_arena, 0, __ATOMIC_SEQ_CST);
    store->retry_soon = false;

    fkv__run_all(&store->retry);
}


/*
 * Somebody waits and nothing moves: is whoever should move it dead, or is
 * there no helper to free an arena?
 */
static void
check_moving(fkv_t *store)
{
    uint64_t  now, visible, patience;

    if (fkv__list_empty(&store->durable_waiters)
        && fkv__list_empty(&store->retry)
        && fkv__list_empty(&store->paced))
    {
        store->stuck_since_ms = 0;
        return;
    }

    now = store->clock->boot_ms(store->clock);
    visible = fkv__visible(store);

    if (store->stuck_since_ms == 0 || visible != store->stuck_at) {
        if (store->stuck_since_ms == 0) {
            store->checked_ms = now;
        }

        store->stuck_since_ms = now;
        store->stuck_at = visible;
    }

    /* What moves may be another part of the log than the one waited for. */
    patience = (store->stuck_since_ms == now) ? MOVING_MS : LIVENESS_MS;

    if (now - store->checked_ms >= patience) {
        store->checked_ms = now;

        if (fkv__reap_sweep(store)) {
            fkv__want_turn(store);
        }
    }

    if (now - store->stuck_since_ms >= NO_HELPER_MS
        && __atomic_load_n(&store->seg->state.helper, __ATOMIC_ACQUIRE)
           == FKV__NOBODY)
    {
        (void) fkv_helper(store);
    }
}


/* A claim ends when its holder likes: only its death is looked for. */
static void
check_holders(fkv_t *store)
{
    uint64_t  now;

    if (fkv__list_empty(&store->claims)) {
        return;
    }

    now = store->clock->boot_ms(store->clock);

    if (now - store->holders_ms >= FKV__CLAIM_LIVENESS_MS) {
        store->holders_ms = now;
        (void) fkv__reap_sweep(store);
    }
}


/* Is there something to be written that nobody here may be waiting for? */
static bool
log_waits(fkv_t *store)
{
    const fkv__log_shm_t  *log = &store->seg->log;

    if (store->options.sync == FKV_SYNC_OFF) {
        fkv__commit_lazy(store);
        return store->lazy_due;
    }

    return __atomic_load_n(&log->ready, __ATOMIC_RELAXED)
           > __atomic_load_n(&log->written, __ATOMIC_RELAXED);
}


void
fkv_poll(fkv_t *store)
{
    (void) fkv__io_reap(&store->io);

    fkv__tables_poll(store);
    fkv__run_all(&store->runnable);
    run_retries(store);
    fkv__pace_poll(store);
    fkv__claim_poll(store);
    check_moving(store);
    check_holders(store);

    /* Others may have moved the log, or left it without a leader. */
    fkv__commit_run_waiters(store);

    if (!fkv__list_empty(&store->durable_waiters) || log_waits(store)) {
        fkv__want_turn(store);
    }

    fkv__io_flush(&store->io);
}


void
fkv_turn(fkv_t *store)
{
    store->turn_wanted = false;

    if (store->options.sync == FKV_SYNC_OFF) {
        fkv__commit_lazy(store);
    }

    fkv__commit_turn(store);
    fkv__io_flush(&store->io);
}


/* But for the writes that have a time of their own. */
static int64_t
timeout_waiting(const fkv_t *store)
{
    const fkv__log_shm_t  *log = &store->seg->log;

    if (!fkv__list_empty(&store->retry)) {
        return store->retry_soon ? LATCH_MS : LIVENESS_MS;
    }

    if (!fkv__list_empty(&store->durable_waiters)) {
        return LIVENESS_MS;
    }

    if (store->options.sync == FKV_SYNC_OFF
        && __atomic_load_n(&log->ready, __ATOMIC_RELAXED)
           > __atomic_load_n(&log->written, __ATOMIC_RELAXED))
    {
        return FKV__LAZY_MS;
    }

    return fkv__list_empty(&store->claims) ? -1 : FKV__CLAIM_LIVENESS_MS;
}


int64_t
fkv_timeout_ms(const fkv_t *store)
{
    int64_t  waiting = timeout_waiting(store);
    int64_t  paced = fkv__pace_timeout_ms(store);

    if (waiting < 0 || paced < 0) {
        return fkv__max(waiting, paced);
    }

    return fkv__min(waiting, paced);
}


unsigned
fkv_in_flight(const fkv_t *store)
{
    return store->in_flight;
}


_Static_assert(FKV_SLOTS == FKV__SLOTS_MAX, "slots");


unsigned
fkv_slot(const fkv_t *store)
{
    FKV_ASSERT(store->attached);

    return store->slot;
}


bool
fkv_slot_used(const fkv_t *store, unsigned slot)
{
    FKV_ASSERT(slot < FKV__SLOTS_MAX);

    return __atomic_load_n(&store->seg->slots[slot].state, __ATOMIC_ACQUIRE)
           == FKV__SLOT_LIVE;
}


const char *
fkv_path(const fkv_t *store)
{
    return store->path;
}


const fkv_options_t *
fkv_options(const fkv_t *store)
{
    return &store->options;
}
