/*
 * helper.c - the role, the catalog between the threads, start and stop.
 */

#define _GNU_SOURCE
#include "store/helper.h"
#include "store/blob_collect.h"
#include "shared/blocks.h"
#include "store/directory.h"
#include "store/duty.h"
#include "store/notice.h"
#include "store/pace.h"
#include "store/reap.h"
#include "store/usage.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OWNER_MS      100       /* until the next call, when we own the role */
#define TELLING_MS    1         /* when more keys have expired than were told */
#define OTHER_MS      100       /* when somebody else does */
#define JOIN_SECONDS  5         /* longer: a thread hangs in the kernel */
#define NAME_BYTES    40
#define THREADS       5


static void
announce_figures(fkv__state_shm_t *state, const fkv__version_t *version)
{
    uint64_t  tables = 0, bytes = 0, expiring = 0;

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        tables += version->n[level];
        bytes += version->bytes[level];

        for (unsigned i = 0; i < version->n[level]; i++) {
            expiring += version->levels[level][i]->info.expiring;
        }

        __atomic_store_n(&state->levels[level], version->n[level],
                         __ATOMIC_RELAXED);
    }

    __atomic_store_n(&state->tables, tables, __ATOMIC_RELAXED);
    __atomic_store_n(&state->table_bytes, bytes, __ATOMIC_RELAXED);
    __atomic_store_n(&state->table_expiring, expiring, __ATOMIC_RELEASE);
}


void
fkv__announce(fkv_t *store, const fkv__catalog_t *catalog)
{
    fkv__state_shm_t      *state = &store->seg->state;
    const fkv__version_t  *version = catalog->version;

    announce_figures(state, version);
    fkv__usage_announce(store, version);

    /* Who sees the edit sees where to read it. */

    __atomic_store_n(&state->manifest,
                     fkv__manifest_pos(catalog->number, catalog->len),
                     __ATOMIC_RELEASE);
    __atomic_store_n(&state->floor, version->log_floor, __ATOMIC_RELEASE);
    __atomic_store_n(&state->edit, version->edit, __ATOMIC_RELEASE);

    FKV_STEP("edit.3");

    fkv__wake_all(store);
}


void
fkv__helper_unlink(fkv__helper_t *helper, uint64_t id)
{
    const fkv_t  *store = helper->store;
    char          name[NAME_BYTES];

    fkv__table_name(name, id);
    (void) store->fs->unlink(store->fs, store->sst_dir, name);
    fkv__blocks_forget(store->seg, id);
}


/*
 * Files that no edit names: our predecessor was writing them, or had not come
 * to unlink them.  What fails here is found by the next owner.
 */
static void
orphans_remove(fkv__helper_t *helper)
{
    fkv__buf_t  ids = { 0 };

    if (fkv__directory_numbers(helper->store->sst_dir, "", 6, ".sst", &ids)
        == FKV_OK)
    {
        for (size_t at = 0; at < ids.len; at += sizeof(uint64_t)) {
            uint64_t  id;

            memcpy(&id, ids.data + at, sizeof(id));

            if (!fkv__version_has(helper->catalog.version, id)) {
                fkv__helper_unlink(helper, id);
            }
        }
    }

    fkv__buf_done(&ids);
}


/* The catalog has a new version; what it leaves to do is announced with it. */
static void
announce_locked(fkv__helper_t *helper)
{
    fkv__pace_debt(helper->store,
                   fkv__pick_debt(&helper->pick, helper->catalog.version),
                   fkv__max(helper->pick.base_bytes,
                            helper->store->seg->arena_bytes));
    fkv__announce(helper->store, &helper->catalog);
}


static int
open_locked(fkv__helper_t *helper)
{
    fkv_t  *store = helper->store;
    char    error[FKV_ERROR_BYTES];
    int     rc, cause;

    if (helper->catalog.usable) {
        return FKV_OK;
    }

    rc = fkv__catalog_open(&helper->catalog, error);

    if (rc != FKV_OK) {
        cause = errno;
        fkv__log(store->log, FKV_LOG_ERROR, "the catalog of store \"%s\" "
                 "cannot be opened: %s", store->path, error);
        errno = cause;
        return rc;
    }

    helper->next_file = fkv__max(helper->next_file,
                                 helper->catalog.version->next_file);
    helper->next_file = fkv__max(helper->next_file,
                                 __atomic_load_n(&store->seg->state.next_file,
                                                 __ATOMIC_ACQUIRE));
    announce_locked(helper);

    if (!helper->swept) {
        orphans_remove(helper);
        helper->swept = true;
        FKV_STEP("helper.2");
    }

    return FKV_OK;
}


int
fkv__helper_open(fkv__helper_t *helper)
{
    int  rc;

    (void) pthread_mutex_lock(&helper->mutex);
    rc = open_locked(helper);
    (void) pthread_mutex_unlock(&helper->mutex);

    return rc;
}


int
fkv__helper_version(fkv__helper_t *helper, fkv__version_t **version)
{
    int  rc;

    (void) pthread_mutex_lock(&helper->mutex);
    rc = open_locked(helper);

    if (rc == FKV_OK) {
        *version = fkv__version_pin(helper->catalog.version);
    }

    (void) pthread_mutex_unlock(&helper->mutex);

    return rc;
}


int
fkv__helper_between(fkv__helper_t *helper,
    int (*between)(void *data, fkv__version_t *version), void *data)
{
    int  rc;

    (void) pthread_mutex_lock(&helper->mutex);
    rc = open_locked(helper);

    if (rc == FKV_OK) {
        rc = between(data, helper->catalog.version);
    }

    (void) pthread_mutex_unlock(&helper->mutex);

    return rc;
}


uint64_t
fkv__helper_file_id(fkv__helper_t *helper)
{
    uint64_t  id;

    (void) pthread_mutex_lock(&helper->mutex);
    id = helper->next_file++;
    __atomic_store_n(&helper->store->seg->state.next_file, helper->next_file,
                     __ATOMIC_RELEASE);
    (void) pthread_mutex_unlock(&helper->mutex);

    return id;
}


static int
edit_locked(fkv__helper_t *helper, fkv__edit_t *edit)
{
    int  rc = open_locked(helper);

    if (rc != FKV_OK) {
        return rc;
    }

    edit->clock_ms = fkv_now_ms(helper->store);
    edit->next_file = helper->next_file;
    edit->next_blob = __atomic_load_n(&helper->store->seg->state.next_blob,
                                      __ATOMIC_SEQ_CST);
    FKV_STEP("edit.1");

    rc = fkv__catalog_append(&helper->catalog, edit);
    FKV_STEP("edit.2");

    if (rc == FKV_OK) {
        announce_locked(helper);
    }

    return rc;
}


int
fkv__helper_edit(fkv__helper_t *helper, fkv__edit_t *edit)
{
    int  rc;

    (void) pthread_mutex_lock(&helper->mutex);
    rc = edit_locked(helper, edit);
    (void) pthread_mutex_unlock(&helper->mutex);

    return rc;
}


void
fkv__helper_wake_compact(fkv__helper_t *helper)
{
    (void) pthread_mutex_lock(&helper->mutex);
    helper->compact_due = true;
    (void) pthread_cond_signal(&helper->compact_wake);
    (void) pthread_mutex_unlock(&helper->mutex);
}


void
fkv__helper_wake_jobs(fkv__helper_t *helper)
{
    (void) pthread_mutex_lock(&helper->mutex);
    helper->jobs_due = true;
    (void) pthread_cond_signal(&helper->jobs_wake);
    (void) pthread_mutex_unlock(&helper->mutex);
}


static void
helper_init(fkv__helper_t *helper, fkv_t *store)
{
    pthread_condattr_t  attr;

    /* Who is not root makes files that are its own. */
    bool  root = (geteuid() == 0);

    helper->store = store;
    helper->table_bytes = fkv__min(store->seg->arena_bytes,
                                   FKV__HELPER_TABLE_BYTES);
    helper->slice_bytes = FKV__HELPER_SLICE_TABLES * helper->table_bytes;
    fkv__pick_init(&helper->pick);
    helper->pick.base_bytes = fkv__max(FKV__PICK_L0 / 2
                                       * store->seg->arena_bytes,
                                       2 * helper->table_bytes);
    __atomic_store_n(&store->seg->state.tables_damaged, 0, __ATOMIC_RELAXED);

    helper->uid = root ? store->options.uid : (uid_t) -1;
    helper->gid = root ? store->options.gid : (gid_t) -1;

    helper->catalog = (fkv__catalog_t) {
        .fs = store->fs,
        .log = store->log,
        .dir = store->dir,
        .uid = helper->uid,
        .gid = helper->gid
    };

    FKV_ASSERT(pthread_mutex_init(&helper->mutex, NULL) == 0);
    FKV_ASSERT(pthread_mutex_init(&helper->warm, NULL) == 0);
    fkv__told_init(&helper->told);
    fkv__renew_init(&helper->renew);
    FKV_ASSERT(pthread_condattr_init(&attr) == 0);
    FKV_ASSERT(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    FKV_ASSERT(pthread_cond_init(&helper->compact_wake, &attr) == 0);
    FKV_ASSERT(pthread_cond_init(&helper->jobs_wake, &attr) == 0);
    FKV_ASSERT(pthread_cond_init(&helper->evict_wake, &attr) == 0);
    FKV_ASSERT(pthread_cond_init(&helper->ended, &attr) == 0);
    (void) pthread_condattr_destroy(&attr);
}


fkv__helper_t *
fkv__helper_new(fkv_t *store)
{
    fkv__helper_t  *helper = fkv__zalloc(sizeof(*helper));

    if (helper != NULL) {
        helper_init(helper, store);
    }

    return helper;
}


void
fkv__helper_free(fkv__helper_t *helper)
{
    FKV_ASSERT(helper->threads == 0);

    fkv__catalog_close(&helper->catalog);
    fkv__pick_done(&helper->pick);
    fkv__blob_collect_done(helper);

    for (unsigned i = 0; i < FKV__ORPHANS; i++) {
        fkv__buf_done(&helper->orphans[i]);
    }

    (void) pthread_cond_destroy(&helper->compact_wake);
    (void) pthread_cond_destroy(&helper->jobs_wake);
    (void) pthread_cond_destroy(&helper->evict_wake);
    (void) pthread_cond_destroy(&helper->ended);
    (void) pthread_mutex_destroy(&helper->mutex);
    (void) pthread_mutex_destroy(&helper->warm);
    fkv__told_done(&helper->told);
    fkv__renew_done(&helper->renew);
    fkv__free(helper);
}


static void
thread_ends(fkv__helper_t *helper)
{
    (void) pthread_mutex_lock(&helper->mutex);
    helper->running--;
    (void) pthread_cond_signal(&helper->ended);
    (void) pthread_mutex_unlock(&helper->mutex);
}


static void *
flush_thread(void *helper)
{
    fkv__duty_flush(helper);
    thread_ends(helper);

    return NULL;
}


static void *
compact_thread(void *helper)
{
    fkv__duty_compact(helper);
    thread_ends(helper);

    return NULL;
}


static void *
evict_thread(void *helper)
{
    fkv__duty_evict(helper);
    thread_ends(helper);

    return NULL;
}


static void *
jobs_thread(void *helper)
{
    fkv__duty_jobs(helper);
    thread_ends(helper);

    return NULL;
}


static void *
expire_thread(void *helper)
{
    fkv__duty_expire(helper);
    thread_ends(helper);

    return NULL;
}


/* Signals are for the process's own thread. */
static int
threads_start(fkv__helper_t *helper)
{
    static const struct {
        const char   *name;
        void       *(*body)(void *helper);
    } threads[THREADS] = {
        { "fkv flush", flush_thread },
        { "fkv compact", compact_thread },
        { "fkv jobs", jobs_thread },
        { "fkv expire", expire_thread },
        { "fkv evict", evict_thread }
    };
    sigset_t  all, old;

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &old);
    (void) pthread_mutex_lock(&helper->mutex);

    for (unsigned i = 0; i < THREADS; i++) {
        if (pthread_create(&helper->thread[i], NULL, threads[i].body, helper)
            != 0)
        {
            break;
        }

        (void) pthread_setname_np(helper->thread[i], threads[i].name);
        helper->threads++;
        helper->running++;
    }

    (void) pthread_mutex_unlock(&helper->mutex);
    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    return (helper->threads == THREADS) ? FKV_OK : FKV_ENOMEM;
}


static void
evict_wake(fkv__helper_t *helper)
{
    (void) pthread_mutex_lock(&helper->mutex);
    (void) pthread_cond_signal(&helper->evict_wake);
    (void) pthread_mutex_unlock(&helper->mutex);
}


/* False if one of them hangs: then it still uses all that is here. */
static bool
threads_stop(fkv__helper_t *helper)
{
    struct timespec  until;
    bool             ended;
    int              rc = 0;

    __atomic_store_n(&helper->stop, true, __ATOMIC_RELEASE);
    fkv__helper_wake_compact(helper);
    fkv__helper_wake_jobs(helper);
    evict_wake(helper);
    fkv__wake(helper->store, helper->store->slot);

    FKV_ASSERT(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    until.tv_sec += JOIN_SECONDS;

    (void) pthread_mutex_lock(&helper->mutex);

    while (helper->running > 0 && rc == 0) {
        rc = pthread_cond_timedwait(&helper->ended, &helper->mutex, &until);
    }

    ended = (helper->running == 0);
    (void) pthread_mutex_unlock(&helper->mutex);

    while (ended && helper->threads > 0) {
        (void) pthread_join(helper->thread[--helper->threads], NULL);
    }

    return ended;
}


static bool
role_take(fkv_t *store)
{
    uint32_t  nobody = FKV__NOBODY;

    return __atomic_compare_exchange_n(&store->seg->state.helper, &nobody,
                                       store->slot + 1, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}


static void
role_give(fkv_t *store)
{
    __atomic_store_n(&store->seg->state.helper, FKV__NOBODY,
                     __ATOMIC_SEQ_CST);
}


/* The role is ours.  All I/O is the threads': the caller may be a worker. */
static void
helper_start(fkv_t *store)
{
    FKV_STEP("helper.1");
    store->helper = fkv__helper_new(store);

    if (store->helper != NULL && threads_start(store->helper) == FKV_OK) {
        return;
    }

    fkv__log(store->log, FKV_LOG_ERROR, "the helper of store \"%s\" cannot "
             "start its threads: out of memory", store->path);

    if (store->helper != NULL) {
        fkv_helper_stop(store);

    } else {
        role_give(store);
    }
}


unsigned
fkv_helper(fkv_t *store)
{
    if (!store->attached) {
        return OWNER_MS;
    }

    /*
     * Here and not in a thread: a reaper pins the memtables, and pins are the
     * business of the process's own thread.
     */
    (void) fkv__reap_sweep(store);

    if (store->helper != NULL) {
        return fkv__told_tell(&store->helper->told, store) ? TELLING_MS
                                                           : OWNER_MS;
    }

    if (!role_take(store)) {
        return OTHER_MS;
    }

    helper_start(store);

    return OWNER_MS;
}


void
fkv_helper_stop(fkv_t *store)
{
    fkv__helper_t  *helper = store->helper;

    if (helper == NULL) {
        return;
    }

    if (!threads_stop(helper)) {
        fkv__log(store->log, FKV_LOG_WARN, "a helper thread of store \"%s\" "
                 "hangs; it keeps the role until the process ends",
                 store->path);
        return;
    }

    store->helper = NULL;
    fkv__helper_free(helper);
    role_give(store);
}
