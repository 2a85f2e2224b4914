/*
 * reserve.c - the file, and when it is there.
 */

#include "store/reserve.h"

#include <errno.h>
#include <fcntl.h>

#define NAME  "RESERVE"


bool
fkv__reserve_drop(const fkv__fs_t *fs, int dir)
{
    return fs->unlink(fs, dir, NAME) == 0;
}


static uint64_t
reserve_bytes(const fkv__helper_t *helper)
{
    return helper->store->seg->arena_bytes + helper->slice_bytes;
}


/* A predecessor's.  What is not whole, or another user's, only takes room. */
static bool
reserve_adopt(const fkv__helper_t *helper)
{
    const fkv_t      *store = helper->store;
    const fkv__fs_t  *fs = store->fs;
    int               fd = fs->open(fs, store->dir, NAME, O_RDONLY, 0);
    int64_t           size;

    if (fd == -ENOENT) {
        return false;
    }

    if (fd >= 0) {
        size = fs->size(fs, fd);
        (void) fs->close(fs, fd);

        if (size == (int64_t) reserve_bytes(helper)) {
            return true;
        }
    }

    (void) fkv__reserve_drop(fs, store->dir);

    return false;
}


/* False: there is no room.  What else fails leaves us without the file. */
static bool
reserve_take(const fkv__helper_t *helper)
{
    const fkv_t      *store = helper->store;
    const fkv__fs_t  *fs = store->fs;
    int               fd, rc;

    fd = fs->open(fs, store->dir, NAME, O_RDWR | O_CREAT, 0600);
    rc = fd;

    if (fd >= 0) {
        FKV_STEP("disk_reserve.1");

        do {
            rc = fs->allocate(fs, fd, reserve_bytes(helper));
        } while (rc == -EINTR);

        (void) fs->close(fs, fd);
    }

    if (rc >= 0) {
        return true;
    }

    (void) fkv__reserve_drop(fs, store->dir);

    return rc != -ENOSPC && rc != -EDQUOT;
}


static void
disk_full(fkv_t *store, bool full)
{
    uint32_t  was;

    was = __atomic_exchange_n(&store->seg->state.disk_full, full,
                              __ATOMIC_SEQ_CST);

    if (full && !was) {
        fkv__log(store->log, FKV_LOG_ERROR, "the disk is full: store \"%s\" "
                 "takes nothing but deletes until there is room again",
                 store->path);

    } else if (!full && was) {
        fkv__log(store->log, FKV_LOG_NOTICE, "the disk has room again: store "
                 "\"%s\" takes writes", store->path);
    }
}


bool
fkv__reserve_give(fkv__helper_t *helper)
{
    fkv_t  *store = helper->store;
    bool    had = __atomic_exchange_n(&helper->reserved, false,
                                      __ATOMIC_ACQ_REL);

    disk_full(store, true);

    if (had) {
        (void) fkv__reserve_drop(store->fs, store->dir);
    }

    return had;
}


void
fkv__reserve_look(fkv__helper_t *helper, bool lacking)
{
    fkv_t     *store = helper->store;
    uint64_t   least = FKV__ARENAS * store->seg->arena_bytes;
    uint64_t   most = least + store->seg->arena_bytes + reserve_bytes(helper);
    int64_t    room = store->fs->room(store->fs, store->dir);

    /* What cannot be asked will say so when it is full. */

    if (room < 0) {
        room = INT64_MAX;
    }

    if (__atomic_load_n(&helper->reserved, __ATOMIC_ACQUIRE)) {
        if ((uint64_t) room < least) {
            (void) fkv__reserve_give(helper);
        }

        return;
    }

    if (!lacking
        && (reserve_adopt(helper)
            || ((uint64_t) room >= most && reserve_take(helper))))
    {
        __atomic_store_n(&helper->reserved, true, __ATOMIC_RELEASE);
        disk_full(store, false);

    } else {
        disk_full(store, true);
    }
}
