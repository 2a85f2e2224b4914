/*
 * log_sync.c - one fdatasync of every log file that needs it, or none.
 */

#include "store/log_sync.h"
#include "shared/arena.h"
#include "store/slots.h"

#include <errno.h>
#include <string.h>


static int
sync_file(fkv_t *store, unsigned id)
{
    int  rc;

    do {
        rc = store->fs->fdatasync(store->fs, store->log_fds[id]);
    } while (rc == -EINTR);

    if (rc == 0) {
        return FKV_OK;
    }

    fkv__count(store, errors_io, 1);
    fkv__set_readonly(store, "fdatasync of log file %u failed: %s", id,
                      strerror(-rc));

    return FKV_EIO;
}


/*
 * The files of all arenas that hold LSNs of [from, to).  They are in the set:
 * an arena leaves it only after it was durable to its end.
 */
static int
sync_files(fkv_t *store, uint64_t from, uint64_t to)
{
    fkv__segment_shm_t  *seg = store->seg;
    uint64_t             set;

    set = __atomic_load_n(&seg->state.memtables, __ATOMIC_ACQUIRE);

    for (unsigned i = fkv__set_count(set); i-- > 0; ) {
        unsigned           id = fkv__set_arena(set, i);
        uint64_t           base = seg->arenas[id].base;
        fkv__arena_word_t  w = fkv__arena_word(&seg->arenas[id]);

        if (base < to && base + w.top > from
            && sync_file(store, id) != FKV_OK)
        {
            return FKV_EIO;
        }
    }

    return FKV_OK;
}


/* A waiter announces itself, then looks at durable: commit.h, pair 2. */
static void
wake_waiters(fkv_t *store, uint64_t durable)
{
    unsigned  top = fkv__slots_top(store->seg);

    for (unsigned i = 0; i < top; i++) {
        uint64_t  waiting;

        waiting = __atomic_load_n(&store->seg->slots[i].sync_waiting,
                                  __ATOMIC_SEQ_CST);

        if (waiting != 0 && waiting <= durable) {
            fkv__wake(store, i);
        }
    }
}


int
fkv__log_sync(fkv_t *store)
{
    fkv__log_shm_t  *log = &store->seg->log;
    uint64_t         written, durable;

    if (store->options.sync == FKV_SYNC_ALWAYS
        || __atomic_load_n(&store->seg->state.readonly, __ATOMIC_ACQUIRE))
    {
        return FKV_END;
    }

    written = __atomic_load_n(&log->written, __ATOMIC_ACQUIRE);
    durable = __atomic_load_n(&log->durable, __ATOMIC_ACQUIRE);

    if (durable >= written) {
        return FKV_END;
    }

    if (sync_files(store, durable, written) != FKV_OK) {
        return FKV_EIO;
    }

    FKV_STEP("log_sync.1");
    fkv__raise(&log->durable, written);
    fkv__count(store, syncs, 1);
    wake_waiters(store, written);

    return FKV_OK;
}


/* Also those whose turn to lead we have taken: they look again. */
bool
fkv__log_pass(fkv_t *store, uint64_t lsn)
{
    fkv__log_shm_t  *log = &store->seg->log;
    uint32_t         nobody = FKV__NOBODY;

    if (__atomic_load_n(&log->durable, __ATOMIC_ACQUIRE) >= lsn) {
        return true;
    }

    if (!__atomic_compare_exchange_n(&log->leader, &nobody, store->slot + 1,
                                     false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST))
    {
        return false;
    }

    FKV_STEP("log_sync.2");
    fkv__raise(&log->written, lsn);
    FKV_STEP("log_sync.3");
    fkv__raise(&log->durable, lsn);

    __atomic_store_n(&log->leader, FKV__NOBODY, __ATOMIC_SEQ_CST);
    wake_waiters(store, UINT64_MAX);

    return true;
}
