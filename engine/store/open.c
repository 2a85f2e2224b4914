/*
 * open.c - what the master does before the fork: checks, directory, recovery,
 * segment, wakeup descriptors.
 */

#define _GNU_SOURCE
#include "store/store.h"
#include "format/log.h"
#include "format/record.h"
#include "shared/arena.h"
#include "shared/blocks.h"
#include "shared/sketch.h"
#include "store/catalog.h"
#include "store/directory.h"
#include "store/expire.h"
#include "store/helper.h"
#include "store/recover.h"
#include "store/reserve.h"
#include "store/size.h"
#include "store/table_file.h"
#include "store/update.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SIZE_MIN           (1024 * 1024)
#define QUOTA_MIN          (1024 * 1024)
#define VALUE_DEFAULT_MIN  (1024 * 1024)
#define VALUE_DEFAULT_MAX  (16 * 1024 * 1024)
#define VALUE_OVERHEAD   (FKV__FRAME_HEADER_BYTES + FKV__RECORD_HEAD_MAX      \
                          + FKV__UPDATE_META_MAX + FKV_KEY_BYTES_MAX + 3)


/* A value in the log shares a quarter of an arena with the longest key. */
static uint64_t
blob_min_limit(uint64_t memory)
{
    fkv__segment_layout_t  layout;

    fkv__segment_layout(memory, &layout);

    return layout.arena_bytes / 4 - VALUE_OVERHEAD;
}


uint64_t
fkv_value_max_default(uint64_t memory)
{
    return fkv__min(fkv__max(memory / 16, VALUE_DEFAULT_MIN),
                    VALUE_DEFAULT_MAX);
}


static uint64_t
blob_min_default(uint64_t memory)
{
    return fkv__min(FKV_BLOB_MIN_DEFAULT, blob_min_limit(memory));
}


int
fkv_options_check(const fkv_options_t *opt, char *error)
{
    fkv__segment_layout_t  layout;
    uint64_t               value_max = (opt->value_max != 0) ? opt->value_max
                                       : fkv_value_max_default(opt->memory);

    if (opt->memory < FKV_MEMORY_MIN) {
        return fkv__error(error, FKV_EINVAL, "memory=%llu is too small, "
                          "a store needs at least %u bytes",
                          (unsigned long long) opt->memory, FKV_MEMORY_MIN);
    }

    fkv__segment_layout(opt->memory, &layout);

    if (layout.blocks_bytes > FKV__BLOCKS_BYTES_MAX) {
        return fkv__error(error, FKV_EINVAL, "memory=%llu is too large, "
                          "a store takes at most 192g",
                          (unsigned long long) opt->memory);
    }

    if (opt->value_max > FKV_VALUE_MAX_MAX) {
        return fkv__error(error, FKV_EINVAL, "max_value=%llu is too large, "
                          "it may be at most 1g",
                          (unsigned long long) opt->value_max);
    }

    if (opt->blob_min != 0 && opt->blob_min < FKV_BLOB_MIN_MIN) {
        return fkv__error(error, FKV_EINVAL, "blob_min=%llu is too small, "
                          "it must be at least 4k",
                          (unsigned long long) opt->blob_min);
    }

    if (opt->blob_min > blob_min_limit(opt->memory)) {
        return fkv__error(error, FKV_EINVAL, "memory=%llu is too small for "
                          "blob_min=%llu, which may be at most %llu with it",
                          (unsigned long long) opt->memory,
                          (unsigned long long) opt->blob_min,
                          (unsigned long long) blob_min_limit(opt->memory));
    }

    if (opt->evict != FKV_EVICT_NONE && opt->max_size == 0) {
        return fkv__error(error, FKV_EINVAL, "evict= needs max_size=");
    }

    if (opt->max_size != 0 && opt->max_size < fkv__max(value_max, SIZE_MIN)) {
        return fkv__error(error, FKV_EINVAL, "max_size=%llu is too small, "
                          "it must be at least %u and max_value=%llu",
                          (unsigned long long) opt->max_size, SIZE_MIN,
                          (unsigned long long) value_max);
    }

    for (unsigned class = 0; class < FKV_CLASSES; class++) {
        if (opt->quota[class] != 0
            && opt->quota[class] < fkv__max(value_max, QUOTA_MIN))
        {
            return fkv__error(error, FKV_EINVAL, "a quota of %llu is too "
                              "small, it must be at least %u and "
                              "max_value=%llu",
                              (unsigned long long) opt->quota[class], QUOTA_MIN,
                              (unsigned long long) value_max);
        }
    }

    return FKV_OK;
}


/* Everything that is a process's own, as before the fork. */
static void
store_init_private(fkv_t *store)
{
    for (unsigned i = 0; i < FKV__ARENAS; i++) {
        store->log_fds[i] = -1;
    }

    fkv__list_init(&store->durable_waiters);
    fkv__list_init(&store->retry);
    fkv__list_init(&store->paced);
    fkv__list_init(&store->runnable);
    fkv__list_init(&store->updates);
    fkv__list_init(&store->updates_spare);
    fkv__list_init(&store->update_blobs);
    fkv__list_init(&store->uploads);
    fkv__list_init(&store->jobs);
    fkv__list_init(&store->claims);
}


/* NULL stays NULL; false: out of memory. */
static bool
store_copy_path(char **to, const char *from)
{
    *to = NULL;

    if (from != NULL) {
        *to = fkv__alloc(strlen(from) + 1);
    }

    if (*to != NULL) {
        memcpy(*to, from, strlen(from) + 1);
    }

    return (*to != NULL) == (from != NULL);
}


static void
store_free(fkv_t *store)
{
    fkv__free(store->path);
    fkv__free(store->checkpoints_path);
    fkv__free(store);
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
    store->checkpoints = -1;
    store->blob_dir = -1;

    for (unsigned i = 0; i < FKV__SLOTS_MAX; i++) {
        store->eventfds[i] = -1;
    }

    if (opt->value_max == 0) {
        store->options.value_max = fkv_value_max_default(opt->memory);
    }

    if (opt->blob_min == 0) {
        store->options.blob_min = blob_min_default(opt->memory);
    }

    if (!store_copy_path(&store->path, opt->path)
        || !store_copy_path(&store->checkpoints_path, opt->checkpoints))
    {
        store_free(store);
        return NULL;
    }

    store->options.path = store->path;
    store->options.checkpoints = store->checkpoints_path;
    store_init_private(store);

    return store;
}


fkv_t *
fkv__twin_new(const fkv_t *store)
{
    fkv_t  *twin = fkv__zalloc(sizeof(*twin));

    if (twin == NULL) {
        return NULL;
    }

    twin->twin = true;
    twin->options = store->options;
    twin->path = store->path;
    twin->checkpoints_path = store->checkpoints_path;
    twin->log = store->log;
    twin->fs = store->fs;
    twin->clock = store->clock;
    twin->merge = store->merge;
    twin->merge_data = store->merge_data;
    twin->seg = store->seg;
    twin->dir = store->dir;
    twin->sst_dir = store->sst_dir;
    twin->blob_dir = store->blob_dir;
    twin->log_dir = store->log_dir;
    twin->lock = store->lock;
    twin->checkpoints = store->checkpoints;
    memcpy(twin->eventfds, store->eventfds, sizeof(twin->eventfds));
    store_init_private(twin);
    twin->reads_only = true;

    return twin;
}


void
fkv__twin_free(fkv_t *twin)
{
    FKV_ASSERT(!twin->attached);

    fkv__free(twin);
}


static int
eventfds_open(fkv_t *store, char *error)
{
    for (unsigned i = 0; i < FKV__SLOTS_MAX; i++) {
        store->eventfds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

        if (store->eventfds[i] < 0) {
            return fkv__error(error, FKV_EIO, "\"%s\" needs %u file "
                              "descriptors for wakeups, and eventfd() failed: "
                              "%s", store->path, FKV__SLOTS_MAX,
                              strerror(errno));
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
    seg->state.next_blob = recovered->version->next_blob;
    seg->state.evict = store->options.evict;
    seg->state.memtables = fkv__set_make(0, 1, 1);
    fkv__size_set(seg, &store->options);

    fkv__clock_init(store, recovered->stopped_ms);
    first->begin_ms = fkv_now_ms(store);
    seg->state.settled_ms = first->begin_ms;
    fkv__announce(store, &(fkv__catalog_t) {
                             .version = recovered->version,
                             .number = recovered->manifest,
                             .len = recovered->manifest_len
                         });

    if (recovered->damaged) {
        fkv__set_readonly(store, "%s", recovered->damage);
    }
}


/*
 * Taking a gigabyte from the kernel lasts as long as replaying a log, so a
 * thread does the one during the other.
 */
typedef struct {
    fkv_t      *store;
    pthread_t   thread;
    bool        started;
    int         rc;
    int         cause;          /* errno */
} segment_task_t;


static void *
segment_task_run(void *data)
{
    segment_task_t  *task = data;

    task->rc = fkv__segment_create(task->store->options.memory,
                                   &task->store->seg);
    task->cause = errno;

    return NULL;
}


static void
segment_task_start(segment_task_t *task, fkv_t *store)
{
    sigset_t  all, old;

    task->store = store;

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &old);

    task->started = (pthread_create(&task->thread, NULL, segment_task_run,
                                    task) == 0);

    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
}


static int
segment_task_join(segment_task_t *task, char *error)
{
    fkv_t  *store = task->store;

    if (task->started) {
        (void) pthread_join(task->thread, NULL);

    } else {
        (void) segment_task_run(task);
    }

    if (task->rc != FKV_OK) {
        (void) snprintf(error, FKV_ERROR_BYTES, "\"%s\" cannot have its "
                        "memory=%llu: %s", store->path,
                        (unsigned long long) store->options.memory,
                        strerror(task->cause));
    }

    return task->rc;
}


static int
store_open(fkv_t *store, char *error)
{
    int                    rc, made;
    char                   memory_error[FKV_ERROR_BYTES];
    char                   cause[FKV_ERROR_BYTES];
    segment_task_t         task;
    fkv__directory_t       directory;
    fkv__recover_t         recover;
    fkv__recovered_t       recovered;
    fkv__table_options_t   table_options;
    fkv__segment_layout_t  layout;

    rc = fkv__directory_open(&directory, store->fs, store->path,
                             store->options.uid, store->options.gid, error);
    if (rc != FKV_OK) {
        return rc;
    }

    store->dir = directory.dir;
    store->log_dir = directory.log_dir;
    store->sst_dir = directory.sst_dir;
    store->blob_dir = directory.blob_dir;
    store->lock = directory.lock;

    if (store->checkpoints_path != NULL) {
        rc = fkv__directory_open_other(&store->checkpoints, store->fs,
                                       store->checkpoints_path,
                                       store->options.uid, store->options.gid,
                                       error);
        if (rc != FKV_OK) {
            return rc;
        }
    }

    fkv__segment_layout(store->options.memory, &layout);
    fkv__table_options(&store->options, &table_options);
    segment_task_start(&task, store);

    recover = (fkv__recover_t) {
        .directory = &directory,
        .clock = store->clock,
        .log = store->log,
        .uid = store->options.uid,
        .gid = store->options.gid,
        .arena_bytes = layout.arena_bytes,
        .table_options = &table_options
    };
    rc = fkv__recover(&recovered, &recover, cause);

    /* What it has written is gone, and now there is more room. */

    if (rc == FKV_EFULL && fkv__reserve_drop(store->fs, directory.dir)) {
        rc = fkv__recover(&recovered, &recover, cause);
    }

    made = segment_task_join(&task, memory_error);

    if (rc != FKV_OK) {
        (void) snprintf(error, FKV_ERROR_BYTES, "\"%.160s\" cannot be opened:"
                        " %.320s", store->path, cause);
        return rc;
    }

    if (made != FKV_OK) {
        memcpy(error, memory_error, sizeof(memory_error));
        rc = made;

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
        return fkv__error(error, FKV_ENOMEM, "out of memory");
    }

    rc = store_open(store, error);
    if (rc != FKV_OK) {
        fkv_close(store);
        return rc;
    }

    *out = store;

    return FKV_OK;
}


void
fkv_change(fkv_t *store, const fkv_options_t *opt)
{
    uint32_t  evict;

    __atomic_store_n(&store->options.compression, opt->compression,
                     __ATOMIC_RELAXED);
    __atomic_store_n(&store->options.index, opt->index, __ATOMIC_RELAXED);
    __atomic_store_n(&store->options.compaction, opt->compaction,
                     __ATOMIC_RELAXED);
    fkv__size_set(store->seg, opt);

    evict = __atomic_exchange_n(&store->seg->state.evict, opt->evict,
                                __ATOMIC_RELAXED);

    if ((evict == FKV_EVICT_LFU) != (opt->evict == FKV_EVICT_LFU)) {
        fkv__sketch_clear(store->seg);      /* it means something else now */
    }
}


void
fkv_close(fkv_t *store)
{
    fkv__fds_close(store->eventfds, FKV__SLOTS_MAX);
    fkv__fds_close(&store->dir, 1);
    fkv__fds_close(&store->log_dir, 1);
    fkv__fds_close(&store->sst_dir, 1);
    fkv__fds_close(&store->checkpoints, 1);
    fkv__fds_close(&store->blob_dir, 1);
    fkv__fds_close(&store->lock, 1);

    /* A thread that hangs still looks at these. */
    if (store->helper != NULL) {
        return;
    }

    if (store->seg != NULL) {
        fkv__segment_unmap(store->seg);
    }

    store_free(store);
}
