/*
 * engine.c - opening and attaching a store, and the event-loop entry points:
 * wiring only, the work is done in the other files.
 */

#define _GNU_SOURCE
#include "store/store.h"
#include "format/log.h"
#include "format/record.h"
#include "shared/arena.h"
#include "store/catalog.h"
#include "store/directory.h"
#include "store/expire.h"
#include "store/helper.h"
#include "store/reap.h"
#include "store/recover.h"
#include "store/slots.h"
#include "store/tables.h"
#include "store/update.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define IO_DEPTH         256
#define DRAIN_DEPTH      8
#define LIVENESS_MS      10         /* a waiter looks whether its hope lives */
#define MOVING_MS        100        /* the same while the log moves */
#define LATCH_MS         1
#define NO_HELPER_MS     200        /* then a waiting worker does its work */
#define VALUE_MAX_MAX    (16 * 1024 * 1024)
#define VALUE_OVERHEAD   (FKV__FRAME_HEADER_BYTES + FKV__RECORD_HEAD_MAX      \
                          + FKV__UPDATE_META_MAX + FKV_KEY_BYTES_MAX + 3)


/* A value shares a quarter of an arena with the longest key. */
static uint64_t
value_max_limit(uint64_t memory)
{
    fkv__segment_layout_t  layout;

    fkv__segment_layout(memory, &layout);

    return layout.arena_bytes / 4 - VALUE_OVERHEAD;
}


uint64_t
fkv_value_max_default(uint64_t memory)
{
    return fkv__min(fkv__min(memory / 64, VALUE_MAX_MAX),
                    value_max_limit(memory));
}


int
fkv_options_check(const fkv_options_t *opt, char *error)
{
    uint64_t               value_max = opt->value_max;
    fkv__segment_layout_t  layout;

    if (opt->memory < FKV_MEMORY_MIN) {
        (void) snprintf(error, FKV_ERROR_BYTES, "memory=%llu is too small, "
                        "a store needs at least %u bytes",
                        (unsigned long long) opt->memory, FKV_MEMORY_MIN);
        return FKV_EINVAL;
    }

    fkv__segment_layout(opt->memory, &layout);

    if (layout.arena_bytes > UINT32_MAX) {
        (void) snprintf(error, FKV_ERROR_BYTES, "memory=%llu is too large, "
                        "a store takes at most 32g",
                        (unsigned long long) opt->memory);
        return FKV_EINVAL;
    }

    if (value_max == 0) {
        value_max = fkv_value_max_default(opt->memory);
    }

    if (value_max > value_max_limit(opt->memory)) {
        (void) snprintf(error, FKV_ERROR_BYTES, "memory=%llu is too small for "
                        "max_value=%llu, which may be at most %llu with it",
                        (unsigned long long) opt->memory,
                        (unsigned long long) value_max,
                        (unsigned long long) value_max_limit(opt->memory));
        return FKV_EINVAL;
    }

    return FKV_OK;
}


static fkv_t *
store_new(const fkv_options_t *opt, const fkv_log_t *log)
{
    fkv_t  *store = fkv__zalloc(sizeof(*store));

    if (store == NULL) {
        return NULL;
    }

    store->options = *opt;
    store->log = log;
    store->fs = (opt->fs != NULL) ? opt->fs : &fkv__fs_linux;
    store->clock = (opt->clock != NULL) ? opt->clock : &fkv__clock_linux;
    store->dir = store->sst_dir = store->log_dir = store->lock = -1;

    for (unsigned i = 0; i < FKV__SLOTS_MAX; i++) {
        store->eventfds[i] = -1;
    }

    for (unsigned i = 0; i < FKV__ARENAS; i++) {
        store->log_fds[i] = -1;
    }

    if (opt->value_max == 0) {
        store->options.value_max = fkv_value_max_default(opt->memory);
    }

    store->path = fkv__alloc(strlen(opt->path) + 1);

    if (store->path == NULL) {
        fkv__free(store);
        return NULL;
    }

    memcpy(store->path, opt->path, strlen(opt->path) + 1);
    store->options.path = store->path;

    fkv__list_init(&store->durable_waiters);
    fkv__list_init(&store->retry);
    fkv__list_init(&store->runnable);
    fkv__list_init(&store->updates);

    return store;
}


static int
eventfds_open(fkv_t *store, char *error)
{
    for (unsigned i = 0; i < FKV__SLOTS_MAX; i++) {
        store->eventfds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

        if (store->eventfds[i] < 0) {
            (void) snprintf(error, FKV_ERROR_BYTES, "\"%s\" needs %u file "
                            "descriptors for wakeups, and eventfd() failed: "
                            "%s", store->path, FKV__SLOTS_MAX,
                            strerror(errno));
            return FKV_EIO;
        }
    }

    return FKV_OK;
}


/* Shared memory as it is when everything old is in tables. */
static void
segment_begin(fkv_t *store, const fkv__recovered_t *recovered)
{
    fkv__segment_shm_t  *seg = store->seg;
    fkv__arena_shm_t    *first = &seg->arenas[0];

    for (unsigned id = 0; id < FKV__ARENAS; id++) {
        fkv__arena_reset(&seg->arenas[id], (uint32_t) seg->arena_bytes);
    }

    first->used = 1;
    first->base = recovered->first_base;
    first->prev_end = recovered->floor;
    first->incarnation = recovered->incarnation + 1;
    first->state = FKV__ARENA_USED;

    seg->log.ready = first->base;
    seg->log.written = first->base;
    seg->log.durable = first->base;

    seg->state.incarnation = first->incarnation;
    seg->state.memtables = fkv__set_make(0, 1, 1);

    fkv__clock_init(store, recovered->stopped_ms);
    fkv__announce(store, &(fkv__catalog_t) {
                             .version = recovered->version,
                             .number = recovered->manifest,
                             .len = recovered->manifest_len
                         });

    if (recovered->damaged) {
        fkv__set_readonly(store, "%s", recovered->damage);
    }
}


static int
store_open(fkv_t *store, char *error)
{
    int                    rc;
    fkv__directory_t       directory;
    fkv__recovered_t       recovered;
    fkv__segment_layout_t  layout;

    rc = fkv__directory_open(&directory, store->fs, store->path,
                             store->options.uid, store->options.gid, error);
    if (rc != FKV_OK) {
        return rc;
    }

    store->dir = directory.dir;
    store->log_dir = directory.log_dir;
    store->sst_dir = directory.sst_dir;
    store->lock = directory.lock;

    fkv__segment_layout(store->options.memory, &layout);

    rc = fkv__recover(&recovered, &(fkv__recover_t) {
                          .directory = &directory,
                          .clock = store->clock,
                          .log = store->log,
                          .uid = store->options.uid,
                          .gid = store->options.gid,
                          .arena_bytes = layout.arena_bytes
                      }, error);
    if (rc != FKV_OK) {
        return rc;
    }

    rc = fkv__segment_create(store->options.memory, &store->seg);

    if (rc != FKV_OK) {
        (void) snprintf(error, FKV_ERROR_BYTES, "\"%s\" cannot have its "
                        "memory=%llu: %s", store->path,
                        (unsigned long long) store->options.memory,
                        strerror(errno));

    } else {
        rc = eventfds_open(store, error);
    }

    if (rc == FKV_OK) {
        segment_begin(store, &recovered);
    }

    fkv__version_unpin(recovered.version);

    return rc;
}


int
fkv_open(fkv_t **out, const fkv_options_t *opt, const fkv_log_t *log,
    char *error)
{
    int     rc;
    fkv_t  *store;

    rc = fkv_options_check(opt, error);
    if (rc != FKV_OK) {
        return rc;
    }

    store = store_new(opt, log);
    if (store == NULL) {
        (void) snprintf(error, FKV_ERROR_BYTES, "out of memory");
        return FKV_ENOMEM;
    }

    rc = store_open(store, error);
    if (rc != FKV_OK) {
        fkv_close(store);
        return rc;
    }

    *out = store;

    return FKV_OK;
}


static void
fds_close(int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (fds[i] >= 0) {
            (void) close(fds[i]);
            fds[i] = -1;
        }
    }
}


void
fkv_close(fkv_t *store)
{
    fds_close(store->eventfds, FKV__SLOTS_MAX);
    fds_close(&store->dir, 1);
    fds_close(&store->log_dir, 1);
    fds_close(&store->sst_dir, 1);
    fds_close(&store->lock, 1);

    /* A thread that hangs still looks at these. */
    if (store->helper != NULL) {
        return;
    }

    if (store->seg != NULL) {
        fkv__segment_unmap(store->seg);
    }

    fkv__free(store->path);
    fkv__free(store);
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
            fds_close(store->log_fds, i);
            i = (unsigned) -1;              /* all alike, from the start */
            continue;
        }

        if (fd < 0) {
            (void) snprintf(error, FKV_ERROR_BYTES, "cannot open \"%s/log/%s\""
                            ": %s", store->path, name, strerror(-fd));
            return FKV_EIO;
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
        (void) snprintf(error, FKV_ERROR_BYTES, "all %u process slots of "
                        "\"%s\" are taken", FKV__SLOTS_MAX, store->path);
        return FKV_EFULL;
    }

    store->slot = (unsigned) slot;
    store->own = &store->seg->slots[slot];

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

    fkv__segment_populate(store->seg);

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
        fds_close(store->log_fds, FKV__ARENAS);
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
slot_give_back(fkv_t *store)
{
    uint32_t  leader = store->slot + 1;

    (void) __atomic_compare_exchange_n(&store->seg->log.leader, &leader,
                                       FKV__NOBODY, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);

    __atomic_store_n(&store->own->snapshot, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&store->own->waiting, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&store->own->sync_waiting, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&store->own->wants_arena, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&store->own->pin, 0, __ATOMIC_SEQ_CST);
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

    fkv_helper_stop(store);
    worker_close(store);

    while (!fkv__list_empty(&store->updates)) {
        fkv_link_t  *link = store->updates.next;

        fkv__list_remove(link);
        fkv__update_own_free(fkv__container(link, fkv__update_t, link));
    }

    store->attached = false;

    /* A helper's thread that hangs goes on: only our death frees the slot. */
    if (store->helper == NULL) {
        slot_give_back(store);
        fds_close(store->log_fds, FKV__ARENAS);
    }
}


int
fkv_eventfd(const fkv_t *store)
{
    return store->eventfds[store->slot];
}


/* Runs what stood on the list when it was called, not what is added. */
static void
run_all(fkv_link_t *list)
{
    fkv_link_t  ops;

    fkv__list_take(&ops, list);

    while (!fkv__list_empty(&ops)) {
        fkv_op_t  *op = fkv__container(ops.next, fkv_op_t, link);

        fkv__list_remove(&op->link);
        fkv__op_run(op);
    }
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

    run_all(&store->retry);
}


/*
 * Somebody waits and nothing moves: is whoever should move it dead, or is
 * there no helper to free an arena?
 */
static void
check_liveness(fkv_t *store)
{
    uint64_t  now, visible, patience;

    if (fkv__list_empty(&store->durable_waiters)
        && fkv__list_empty(&store->retry))
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
    run_all(&store->runnable);
    run_retries(store);
    check_liveness(store);

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


int64_t
fkv_timeout_ms(const fkv_t *store)
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

    return -1;
}


unsigned
fkv_in_flight(const fkv_t *store)
{
    return store->in_flight;
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
