/*
 * recycle.c - taking arenas out of the set, zeroing them, filling their files.
 *
 * Set, states and pins are read and written sequentially consistent: pair 3 of
 * commit.h.
 */

#include "store/recycle.h"
#include "format/log.h"
#include "shared/arena.h"

#include <errno.h>
#include <string.h>

#define PAGE         4096
#define PIECE_BYTES  (1024 * 1024)
#define FAULT_BYTES  (4 * 1024 * 1024)


static uint32_t
arena_state(const fkv__arena_shm_t *arena)
{
    return __atomic_load_n(&arena->state, __ATOMIC_SEQ_CST);
}


/* Does nobody read a set that is older than this number any more? */
static bool
pins_gone(const fkv__segment_shm_t *seg, uint64_t number)
{
    for (unsigned i = 0; i < FKV__SLOTS_MAX; i++) {
        const fkv__slot_shm_t  *slot = &seg->slots[i];
        uint64_t                pin;

        if (__atomic_load_n(&slot->state, __ATOMIC_SEQ_CST)
            != FKV__SLOT_LIVE)
        {
            continue;
        }

        pin = __atomic_load_n(&slot->pin, __ATOMIC_SEQ_CST);

        if (pin != 0 && pin < number) {
            return false;
        }
    }

    return true;
}


/*
 * Has it left the set?  Its state is read first: it becomes USED only after
 * it has entered.
 */
static bool
left_set(const fkv__segment_shm_t *seg, unsigned id, uint64_t *number)
{
    uint64_t  set;

    if (arena_state(&seg->arenas[id]) != FKV__ARENA_USED) {
        return false;
    }

    set = __atomic_load_n(&seg->state.memtables, __ATOMIC_SEQ_CST);
    *number = fkv__set_number(set);

    return !fkv__set_has(set, id);
}


/*
 * The reserve word goes last: until then it says what is not zero, also to a
 * next owner of the role.
 */
static void
arena_zero(fkv__segment_shm_t *seg, unsigned id)
{
    fkv__arena_shm_t   *arena = &seg->arenas[id];
    uint8_t            *mem = fkv__segment_arena(seg, id);
    fkv__arena_word_t   w = fkv__arena_word(arena);

    if (arena->used != 0) {
        if (w.top > w.bottom || w.bottom > seg->arena_bytes) {
            w.top = 0;
            w.bottom = 0;
        }

        memset(mem, 0, w.top);
        memset(mem + w.bottom, 0, seg->arena_bytes - w.bottom);
        memset(fkv__segment_buckets(seg, id), 0,
               seg->buckets * sizeof(uint32_t));
        memset(arena->head, 0, sizeof(arena->head));
        arena->ranges = 0;
        arena->ranges_n = 0;
        /* who sees this sees the table that has been announced: notice.c */
        __atomic_store_n(&arena->expiring, 0, __ATOMIC_RELEASE);
        arena->dead = 0;
        arena->orphans = 0;
        memset(arena->usage, 0, sizeof(arena->usage));
        arena->blob_bytes = 0;
    }

    FKV_STEP("recycle.3");
    fkv__arena_reset(arena, (uint32_t) seg->arena_bytes);
    arena->used = 0;
}


/* Writes zeros from byte at on; what stands there is of no use any more. */
static int
file_extend(fkv__helper_t *helper, int fd, uint64_t at, uint64_t bytes)
{
    int       rc = FKV_OK;
    uint8_t  *zeros = fkv__alloc_pages(PIECE_BYTES);

    if (zeros == NULL) {
        errno = ENOMEM;
        return FKV_ENOMEM;
    }

    memset(zeros, 0, PIECE_BYTES);

    for (at = fkv__align_down(at, PAGE); at < bytes && rc == FKV_OK; ) {
        uint64_t  n = fkv__min(bytes - at, PIECE_BYTES);

        rc = fkv__helper_stopping(helper)
             ? FKV_ECANCELED
             : fkv__file_write(helper->store->fs, fd, zeros, n, at);
        FKV_STEP("recycle.4");

        at += n;
    }

    fkv__free(zeros);

    return rc;
}


/* FKV_OK · FKV_END the file system knows no such thing · FKV_EFULL · FKV_EIO */
static int
file_allocate(const fkv__fs_t *fs, int fd, uint64_t bytes)
{
    int  rc;

    do {
        rc = fs->allocate(fs, fd, bytes);
    } while (rc == -EINTR);

    if (rc == 0 || rc == -EOPNOTSUPP) {
        return (rc == 0) ? FKV_OK : FKV_END;
    }

    errno = -rc;

    return (errno == ENOSPC || errno == EDQUOT) ? FKV_EFULL : FKV_EIO;
}


static int
file_prepare(fkv__helper_t *helper, unsigned id)
{
    const fkv_t      *store = helper->store;
    const fkv__fs_t  *fs = store->fs;
    int               fd = store->log_fds[id], rc;
    uint64_t          bytes = FKV__LOG_HEADER_BYTES + store->seg->arena_bytes;
    int64_t           size = fs->size(fs, fd);

    if (size < 0) {
        errno = (int) -size;
        return FKV_EIO;
    }

    if ((uint64_t) size >= bytes) {
        return FKV_OK;
    }

    if (store->options.sync == FKV_SYNC_OFF) {
        rc = file_allocate(fs, fd, bytes);

        if (rc != FKV_END) {
            return rc;
        }
    }

    rc = file_extend(helper, fd, (uint64_t) size, bytes);
    if (rc != FKV_OK) {
        return rc;
    }

    rc = fs->fdatasync(fs, fd);
    if (rc == 0) {
        return FKV_OK;
    }

    errno = -rc;

    return (errno == ENOSPC || errno == EDQUOT) ? FKV_EFULL : FKV_EIO;
}


static void
wake_waiters(fkv_t *store)
{
    for (unsigned i = 0; i < FKV__SLOTS_MAX; i++) {
        if (__atomic_load_n(&store->seg->slots[i].wants_arena,
                            __ATOMIC_SEQ_CST))
        {
            fkv__wake(store, i);
        }
    }
}


static int
arena_clean(fkv__helper_t *helper, unsigned id)
{
    fkv_t             *store = helper->store;
    fkv__arena_shm_t  *arena = &store->seg->arenas[id];
    int                rc;

    FKV_STEP("recycle.2");
    fkv__segment_populate(store->seg, fkv__segment_arena_at(store->seg, id),
                          fkv__segment_arena_at(store->seg, id + 1));
    arena_zero(store->seg, id);

    rc = file_prepare(helper, id);
    if (rc != FKV_OK) {
        return rc;
    }

    helper->log_cut &= ~(1u << id);
    __atomic_store_n(&arena->state, FKV__ARENA_FREE, __ATOMIC_SEQ_CST);
    FKV_STEP("recycle.5");
    wake_waiters(store);

    return FKV_OK;
}


/*
 * Takes the oldest arena out of the set if its data are in tables, and nobody
 * writes the log from it: commit.c, lead_start.  A death behind the exchange
 * leaves settled_ms too early, which costs a few records (fold.h), and the next
 * arena's end mends it.
 */
static int
set_shrink(fkv__segment_shm_t *seg)
{
    const fkv__arena_shm_t  *oldest;
    fkv__arena_word_t        w;
    uint64_t                 set, floor;

    set = __atomic_load_n(&seg->state.memtables, __ATOMIC_SEQ_CST);

    if (fkv__set_count(set) < 2) {
        return FKV_END;
    }

    oldest = &seg->arenas[fkv__set_arena(set, fkv__set_count(set) - 1)];
    w = fkv__arena_word(oldest);
    floor = __atomic_load_n(&seg->state.floor, __ATOMIC_ACQUIRE);

    if (!w.sealed || oldest->base + w.top > floor
        || __atomic_load_n(&seg->log.durable, __ATOMIC_SEQ_CST)
           < oldest->base + w.top
        || arena_state(oldest) != FKV__ARENA_USED)
    {
        return FKV_END;
    }

    /* A failed exchange: a worker has just put a new arena in. */

    if (__atomic_compare_exchange_n(&seg->state.memtables, &set,
                                    fkv__set_without_oldest(set), false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    {
        FKV_STEP("recycle.1");
        oldest = &seg->arenas[fkv__set_arena(set, fkv__set_count(set) - 2)];
        fkv__raise(&seg->state.settled_ms, oldest->begin_ms);
    }

    return FKV_OK;
}


/* Is all that the file may hold in tables, and does nobody write to it? */
static bool
file_useless(const fkv__segment_shm_t *seg, unsigned id)
{
    const fkv__arena_shm_t  *arena = &seg->arenas[id];
    uint32_t                 state = arena_state(arena);
    fkv__arena_word_t        w;
    uint64_t                 end;

    if (state != FKV__ARENA_USED) {
        return state == FKV__ARENA_DIRTY;
    }

    w = fkv__arena_word(arena);
    end = arena->base + w.top;

    return w.sealed
           && end <= __atomic_load_n(&seg->state.floor, __ATOMIC_ACQUIRE)
           && end <= __atomic_load_n(&seg->log.durable, __ATOMIC_SEQ_CST);
}


/* What cannot be cut takes its space on. */
static void
files_cut(fkv__helper_t *helper)
{
    const fkv_t  *store = helper->store;

    if (store->options.sync != FKV_SYNC_OFF) {
        return;
    }

    for (unsigned id = 0; id < FKV__ARENAS; id++) {
        if (!(helper->log_cut & 1u << id) && file_useless(store->seg, id)) {
            (void) store->fs->truncate(store->fs, store->log_fds[id], 0);
            helper->log_cut |= 1u << id;
            FKV_STEP("recycle.6");
        }
    }
}


/* How many arenas shall be FREE, if there are so many. */
static unsigned
free_wanted(const fkv__helper_t *helper)
{
    if (helper->store->options.sync != FKV_SYNC_OFF) {
        return FKV__ARENAS;
    }

    return helper->log_idle ? 1 : FKV__ARENAS_SPARE;
}


/* One that is FREE becomes DIRTY again, unless a worker takes it. */
static void
free_give_up(fkv__segment_shm_t *seg)
{
    for (unsigned id = FKV__ARENAS; id-- > 0; ) {
        uint32_t  state = FKV__ARENA_FREE;

        if (__atomic_compare_exchange_n(&seg->arenas[id].state, &state,
                                        FKV__ARENA_DIRTY, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        {
            return;
        }
    }
}


/*
 * The next piece of the segment that no process has touched yet.  What is in
 * use stays as it is.
 */
static int
segment_fault_in(fkv__helper_t *helper)
{
    fkv__segment_shm_t  *seg = helper->store->seg;
    uint64_t             from = helper->populated;
    uint64_t             to = fkv__min(from + FAULT_BYTES, seg->bytes);

    to = fkv__align_down(to, PAGE);

    if (from >= to) {
        return FKV_END;
    }

    fkv__segment_populate(seg, from, to);
    helper->populated = to;

    return FKV_OK;
}


unsigned
fkv__recycle_free(const fkv_t *store)
{
    unsigned  n = 0;

    for (unsigned id = 0; id < FKV__ARENAS; id++) {
        n += (arena_state(&store->seg->arenas[id]) == FKV__ARENA_FREE);
    }

    return n;
}


int
fkv__recycle(fkv__helper_t *helper)
{
    fkv__segment_shm_t  *seg = helper->store->seg;
    unsigned             spare = fkv__recycle_free(helper->store);
    unsigned             wanted = free_wanted(helper);
    uint64_t             number;
    int                  rc = FKV_END;

    if (spare > wanted) {
        free_give_up(seg);
    }

    for (unsigned id = 0; id < FKV__ARENAS; id++) {
        fkv__arena_shm_t  *arena = &seg->arenas[id];

        if (left_set(seg, id, &number)) {
            if (!pins_gone(seg, number)) {
                rc = (rc == FKV_END) ? FKV_AGAIN : rc;
                spare++;
                continue;
            }

            __atomic_store_n(&arena->state, FKV__ARENA_DIRTY,
                             __ATOMIC_SEQ_CST);
        }

        if (arena_state(arena) == FKV__ARENA_DIRTY && spare < wanted) {
            int  cleaned = arena_clean(helper, id);

            if (cleaned == FKV_OK) {
                return FKV_OK;
            }

            /* Another one's file may need nothing that the disk lacks. */
            rc = cleaned;
        }
    }

    files_cut(helper);

    if (spare < fkv__min(wanted, FKV__ARENAS_SPARE)
        && !__atomic_load_n(&helper->log_held, __ATOMIC_ACQUIRE)
        && set_shrink(seg) == FKV_OK)
    {
        return FKV_OK;
    }

    return (rc == FKV_END) ? segment_fault_in(helper) : rc;
}
