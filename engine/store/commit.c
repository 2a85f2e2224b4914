/*
 * commit.c - moving the ready prefix, leading, and waiting.
 *
 *   NOBODY leads --READY frames, CAS leader--> LEADING --write--> busy
 *        ^                                        |  ^              |
 *        +------------- nothing ready ------------+  +--- on_done --+
 *
 * A leader whose write is done stays leader until the end of the event-loop
 * turn, so that everything the turn brings rides the next write.
 */

#include "store/commit.h"
#include "format/log.h"
#include "shared/arena.h"
#include "store/reap.h"
#include "store/slots.h"
#include "store/store.h"

#include <poll.h>
#include <string.h>

#define PAGE            4096
#define LAZY_BYTES      (1024 * 1024)   /* sync=off: of one write, about */
#define DRAIN_MS        5000            /* a leaving process waits so long */
#define DRAIN_STEP_MS   10


int
fkv__commit_open(fkv_t *store)
{
    fkv__commit_t  *commit = &store->commit;

    memset(commit, 0, sizeof(*commit));

    commit->head = fkv__alloc_pages(PAGE);
    commit->tail = fkv__alloc_pages(PAGE);

    if (commit->head == NULL || commit->tail == NULL) {
        fkv__commit_close(store);
        return FKV_ENOMEM;
    }

    return FKV_OK;
}


void
fkv__commit_close(fkv_t *store)
{
    fkv__free(store->commit.head);
    fkv__free(store->commit.tail);
    memset(&store->commit, 0, sizeof(store->commit));
}


/*
 * The arena where the log goes on at lsn: the oldest that does not lie wholly
 * below it.  *end is the LSN behind its last frame.  -1: there is none.
 */
static int
arena_at(fkv_t *store, uint64_t set, uint64_t lsn, uint64_t *end)
{
    for (unsigned i = fkv__set_count(set); i-- > 0; ) {
        unsigned                 id = fkv__set_arena(set, i);
        const fkv__arena_shm_t  *arena = &store->seg->arenas[id];
        fkv__arena_word_t        w = fkv__arena_word(arena);

        *end = arena->base + w.top;

        if (!w.sealed || lsn < *end) {
            return (int) id;
        }
    }

    return -1;
}


/* The LSN behind the complete frames of [from, end) in this arena. */
static uint64_t
complete_until(fkv_t *store, unsigned id, uint64_t from, uint64_t end,
    uint64_t *frames)
{
    uint64_t        base = store->seg->arenas[id].base;
    const uint8_t  *mem = fkv__segment_arena(store->seg, id);

    while (from < end) {
        const uint8_t   *frame = mem + (from - base);
        const uint32_t  *state = (const uint32_t *) (const void *) frame;
        uint64_t         stamp;

        if (__atomic_load_n(state, __ATOMIC_SEQ_CST) == FKV__FRAME_RESERVED) {
            break;
        }

        stamp = *(const uint64_t *) (const void *) (frame + 8);
        from += fkv__frame_stamp_length(stamp);
        (*frames)++;
    }

    return from;
}


uint64_t
fkv__commit_advance(fkv_t *store)
{
    fkv__log_shm_t  *log = &store->seg->log;
    uint64_t         set = fkv__pin(store);
    uint64_t         ready = __atomic_load_n(&log->ready, __ATOMIC_ACQUIRE);

    for ( ;; ) {
        uint64_t  end, frames = 0, from, to;
        int       id = arena_at(store, set, ready, &end);

        if (id < 0) {
            break;
        }

        from = fkv__max(ready, store->seg->arenas[id].base);
        to = complete_until(store, (unsigned) id, from, end, &frames);

        if (to == from) {
            break;
        }

        if (__atomic_compare_exchange_n(&log->ready, &ready, to, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE))
        {
            (void) __atomic_fetch_add(&log->ready_frames, frames,
                                      __ATOMIC_RELAXED);
            ready = to;
        }
    }

    fkv__unpin(store);

    return ready;
}


/* Invariant 2 of the header: our caller has stored the new position. */
static void
wake_waiters(fkv_t *store)
{
    uint64_t  visible = fkv__visible(store), durable;
    unsigned  top = fkv__slots_top(store->seg);

    durable = __atomic_load_n(&store->seg->log.durable, __ATOMIC_SEQ_CST);

    for (unsigned i = 0; i < top; i++) {
        fkv__slot_shm_t  *slot = &store->seg->slots[i];
        uint64_t          waiting, sync_waiting;

        if (i == store->slot) {
            continue;
        }

        waiting = __atomic_load_n(&slot->waiting, __ATOMIC_SEQ_CST);
        sync_waiting = __atomic_load_n(&slot->sync_waiting, __ATOMIC_SEQ_CST);

        if ((waiting != 0 && waiting <= visible)
            || (sync_waiting != 0 && sync_waiting <= durable))
        {
            fkv__wake(store, i);
        }
    }

    store->commit.woken = visible;
}


static bool
work_wanted(fkv_t *store, uint64_t ready)
{
    const fkv__log_shm_t  *log = &store->seg->log;
    uint64_t               written, wanted, durable;

    written = __atomic_load_n(&log->written, __ATOMIC_ACQUIRE);
    wanted = __atomic_load_n(&log->sync_wanted, __ATOMIC_SEQ_CST);
    durable = __atomic_load_n(&log->durable, __ATOMIC_SEQ_CST);

    if (wanted > durable && ready > durable) {
        return true;
    }

    if (store->options.sync != FKV_SYNC_OFF) {
        return ready > written;
    }

    return ready > written && store->lazy_due && written < store->lazy_lsn;
}


static void commit_done(fkv__io_req_t *req);


static void
commit_submit(fkv_t *store, unsigned id)
{
    fkv__io_req_t  *req = &store->commit.req;

    req->fd = store->log_fds[id];
    req->on_done = commit_done;
    req->data = store;
    store->commit.busy = true;

    fkv__io_submit(&store->io, req);
}


void
fkv__commit_header(const fkv_t *store, unsigned id, uint64_t edit,
    uint8_t *page)
{
    const fkv__arena_shm_t  *arena = &store->seg->arenas[id];
    fkv__log_header_t        header;

    header.incarnation = arena->incarnation;
    header.base = arena->base;
    header.prev_end = arena->prev_end;
    header.bytes = store->seg->arena_bytes;
    header.edit = edit;

    fkv__log_header_put(page, &header);
}


static void
iov_add(fkv__io_req_t *req, void *base, size_t len)
{
    req->iov[req->iov_n++] = (struct iovec) { base, len };
}


/*
 * Writes the blocks that hold bytes [from, to) of the arena: whole blocks as
 * they stand, the last partial one from a zero-padded copy, because behind it
 * others are filling frames.  With byte 0 goes the header block, which lies
 * before it in the file, so a log file becomes valid with its first frames.
 */
static void
write_start(fkv_t *store, unsigned id, uint64_t from, uint64_t to)
{
    fkv__commit_t  *commit = &store->commit;
    fkv__io_req_t  *req = &commit->req;
    uint8_t        *mem = fkv__segment_arena(store->seg, id);
    uint64_t        first = fkv__align_down(from, PAGE);
    uint64_t        last = fkv__align_down(to, PAGE);

    memset(req, 0, sizeof(*req));
    req->kind = FKV__IO_WRITE;
    req->dsync = (store->options.sync == FKV_SYNC_ALWAYS);
    req->offset = FKV__LOG_HEADER_BYTES + first;

    if (from == 0) {
        fkv__commit_header(store, id,
                           __atomic_load_n(&store->seg->state.edit,
                                           __ATOMIC_ACQUIRE),
                           commit->head);
        iov_add(req, commit->head, FKV__LOG_HEADER_BYTES);
        req->offset = 0;
    }

    if (last > first) {
        iov_add(req, mem + first, last - first);
    }

    if (to > last) {
        memcpy(commit->tail, mem + last, to - last);
        memset(commit->tail + (to - last), 0, PAGE - (to - last));
        iov_add(req, commit->tail, PAGE);
    }

    commit->bytes = 0;

    for (unsigned i = 0; i < req->iov_n; i++) {
        commit->bytes += req->iov[i].iov_len;
    }

    commit_submit(store, id);
}


/*
 * Starts an fdatasync of the next log file that holds unsynced frames.  Their
 * arenas are in the set: none leaves it before it is durable to its end.
 */
static bool
sync_start(fkv_t *store)
{
    fkv__commit_t   *commit = &store->commit;
    fkv__log_shm_t  *log = &store->seg->log;
    uint64_t         set = fkv__pin(store), durable;
    bool             started = false;

    durable = __atomic_load_n(&log->durable, __ATOMIC_SEQ_CST);

    while (!started && commit->sync_next < FKV__ARENAS) {
        unsigned                 id = commit->sync_next++;
        const fkv__arena_shm_t  *arena = &store->seg->arenas[id];
        fkv__arena_word_t        w = fkv__arena_word(arena);

        if (fkv__set_has(set, id) && arena->base < commit->to
            && arena->base + w.top > durable)
        {
            memset(&commit->req, 0, sizeof(commit->req));
            commit->req.kind = FKV__IO_FDATASYNC;
            commit_submit(store, id);
            started = true;
        }
    }

    fkv__unpin(store);

    return started;
}


/*
 * A leader that died before it raised written may have raised durable: then
 * its bytes are done with, and so may be their arena.
 */
static uint64_t
written_until(const fkv_t *store)
{
    const fkv__log_shm_t  *log = &store->seg->log;
    uint64_t               written, durable;

    written = __atomic_load_n(&log->written, __ATOMIC_ACQUIRE);
    durable = __atomic_load_n(&log->durable, __ATOMIC_SEQ_CST);

    return fkv__max(written, durable);
}


/* A sync that somebody waits for is not put off by ever more writes. */
static bool
sync_is_next(const fkv_t *store, uint64_t written)
{
    const fkv__log_shm_t  *log = &store->seg->log;
    uint64_t               wanted, durable;

    wanted = __atomic_load_n(&log->sync_wanted, __ATOMIC_SEQ_CST);
    durable = __atomic_load_n(&log->durable, __ATOMIC_SEQ_CST);

    return store->options.sync != FKV_SYNC_ALWAYS && wanted > durable
           && wanted <= written;
}


/*
 * Where this write shall end, and how many frames were ready then.  With
 * sync=off much may have gathered, of which a flush may yet make the rest
 * superfluous, so that goes in pieces.
 */
static void
lead_until(fkv_t *store, unsigned id, uint64_t from, uint64_t to)
{
    fkv__commit_t         *commit = &store->commit;
    const fkv__log_shm_t  *log = &store->seg->log;

    if (store->options.sync != FKV_SYNC_OFF) {
        commit->to = to;
        commit->frames = __atomic_load_n(&log->ready_frames,
                                         __ATOMIC_RELAXED);
        return;
    }

    commit->frames = log->written_frames;
    commit->to = complete_until(store, id, from,
                                fkv__min(to, from + LAZY_BYTES),
                                &commit->frames);
}


/* As leader: starts what there is to do; false if there is nothing. */
static bool
lead_start(fkv_t *store)
{
    fkv__commit_t   *commit = &store->commit;
    fkv__log_shm_t  *log = &store->seg->log;
    uint64_t         ready = fkv__commit_advance(store);
    uint64_t         end, from, set, written;
    int              id;

    if (!work_wanted(store, ready)) {
        return false;
    }

    set = fkv__pin(store);
    written = written_until(store);
    id = (ready > written && !sync_is_next(store, written))
         ? arena_at(store, set, written, &end) : -1;

    if (id >= 0) {
        uint64_t  base = store->seg->arenas[id].base;

        from = fkv__max(written, base);
        lead_until(store, (unsigned) id, from, fkv__min(ready, end));
        write_start(store, (unsigned) id, from - base, commit->to - base);

    } else if (store->options.sync != FKV_SYNC_ALWAYS) {
        commit->to = written;
        commit->sync_next = 0;

        if (!sync_start(store)) {
            fkv__raise(&log->durable, written);   /* all files are clean */
        }
    }

    /* Not durable yet, so the arena stays though we no longer pin it. */
    fkv__unpin(store);

    return commit->busy;
}


static void
lead(fkv_t *store)
{
    fkv__commit_t   *commit = &store->commit;
    fkv__log_shm_t  *log = &store->seg->log;

    if (commit->busy || store->reads_only) {
        return;
    }

    for ( ;; ) {
        uint32_t  nobody = FKV__NOBODY;

        if (__atomic_load_n(&store->seg->state.readonly, __ATOMIC_ACQUIRE)) {
            return;
        }

        /* Invariant 1: our READY stores come before this load. */
        if (!commit->leading) {
            if (!work_wanted(store, fkv__commit_advance(store))
                || !__atomic_compare_exchange_n(&log->leader, &nobody,
                                                store->slot + 1, false,
                                                __ATOMIC_SEQ_CST,
                                                __ATOMIC_SEQ_CST))
            {
                return;
            }

            commit->leading = true;
            FKV_STEP("commit.1");
        }

        if (lead_start(store)) {
            FKV_STEP("commit.2");
            return;
        }

        commit->leading = false;
        __atomic_store_n(&log->leader, FKV__NOBODY, __ATOMIC_SEQ_CST);
        FKV_STEP("commit.3");
    }
}


static void
commit_failed(fkv_t *store, int64_t res)
{
    fkv__count(store, errors_io, 1);
    fkv__set_readonly(store, "writing the log failed: %s",
                      res < 0 ? strerror((int) -res) : "short write");

    store->commit.leading = false;
    __atomic_store_n(&store->seg->log.leader, FKV__NOBODY, __ATOMIC_SEQ_CST);
}


static void
commit_done(fkv__io_req_t *req)
{
    fkv_t           *store = req->data;
    fkv__commit_t   *commit = &store->commit;
    fkv__log_shm_t  *log = &store->seg->log;
    bool             writing = (req->kind == FKV__IO_WRITE);

    commit->busy = false;
    FKV_STEP("commit.4");

    if (req->res != (writing ? (int64_t) commit->bytes : 0)) {
        commit_failed(store, req->res);
        fkv__commit_run_waiters(store);
        return;
    }

    if (writing) {
        fkv__count(store, commits, 1);
        fkv__count(store, commit_bytes, commit->bytes);
        fkv__count(store, commit_frames, commit->frames - log->written_frames);
        log->written_frames = commit->frames;

        /* Durable first: who dies between leaves bytes to write twice. */
        if (store->options.sync == FKV_SYNC_ALWAYS) {
            fkv__raise(&log->durable, commit->to);
            FKV_STEP("commit.5");
        }

        __atomic_store_n(&log->written, commit->to, __ATOMIC_SEQ_CST);

    } else if (sync_start(store)) {
        return;

    } else {
        fkv__count(store, syncs, 1);
        fkv__raise(&log->durable, commit->to);
    }

    FKV_STEP("commit.6");
    wake_waiters(store);
    fkv__commit_run_waiters(store);
    fkv__want_turn(store);
}


bool
fkv__commit_reached(const fkv_t *store, fkv__wait_e what, uint64_t lsn)
{
    uint64_t  at;

    at = (what == FKV__WAIT_VISIBLE)
         ? fkv__visible(store)
         : __atomic_load_n(&store->seg->log.durable, __ATOMIC_SEQ_CST);

    return at >= lsn;
}


void
fkv__commit_wait(fkv_t *store, fkv__wait_t *wait)
{
    fkv__count(store, wait_durable, 1);
    fkv__list_append(&store->durable_waiters, &wait->link);
    fkv__want_turn(store);
}


/* Publishes the least position that anybody here waits for, of each kind. */
static void
announce(fkv_t *store)
{
    uint64_t  visible = 0, durable = 0, durable_max = 0;

    for (fkv_link_t *l = store->durable_waiters.next;
         l != &store->durable_waiters;
         l = l->next)
    {
        fkv__wait_t  *wait = fkv__container(l, fkv__wait_t, link);
        uint64_t     *least = (wait->what == FKV__WAIT_VISIBLE) ? &visible
                                                                : &durable;

        if (*least == 0 || wait->lsn < *least) {
            *least = wait->lsn;
        }

        if (wait->what == FKV__WAIT_DURABLE) {
            durable_max = fkv__max(durable_max, wait->lsn);
        }
    }

    __atomic_store_n(&store->own->waiting, visible, __ATOMIC_SEQ_CST);
    __atomic_store_n(&store->own->sync_waiting, durable, __ATOMIC_SEQ_CST);

    if (durable_max != 0 && store->options.sync != FKV_SYNC_ALWAYS) {
        fkv__raise(&store->seg->log.sync_wanted, durable_max);
    }
}


void
fkv__commit_turn(fkv_t *store)
{
    announce(store);
    lead(store);

    /* In a store that does not wait for the disk, ready is what others see. */
    if (store->options.sync != FKV_SYNC_ALWAYS
        && store->commit.woken != fkv__visible(store))
    {
        wake_waiters(store);
    }

    fkv__commit_run_waiters(store);
}


void
fkv__commit_run_waiters(fkv_t *store)
{
    fkv_link_t  waiters;
    bool        readonly;

    readonly = __atomic_load_n(&store->seg->state.readonly, __ATOMIC_ACQUIRE);
    fkv__list_take(&waiters, &store->durable_waiters);

    while (!fkv__list_empty(&waiters)) {
        fkv__wait_t  *wait = fkv__container(waiters.next, fkv__wait_t, link);

        fkv__list_remove(&wait->link);

        if (readonly || fkv__commit_reached(store, wait->what, wait->lsn)) {
            fkv__op_run(wait->op);

        } else {
            fkv__list_append(&store->durable_waiters, &wait->link);
        }
    }
}


void
fkv__commit_lazy(fkv_t *store)
{
    const fkv__log_shm_t  *log = &store->seg->log;
    uint64_t               ready, written, now;

    ready = __atomic_load_n(&log->ready, __ATOMIC_RELAXED);
    written = __atomic_load_n(&log->written, __ATOMIC_RELAXED);
    store->lazy_due = false;

    if (ready <= written) {
        return;
    }

    now = store->clock->boot_ms(store->clock);

    if (written >= store->lazy_lsn) {
        store->lazy_lsn = ready;
        store->lazy_since_ms = now;
    }

    store->lazy_due = (now - store->lazy_since_ms >= FKV__LAZY_MS);
}


/* Everything that is ready now is durable.  False: that failed. */
static bool
drain(fkv_t *store)
{
    fkv__log_shm_t  *log = &store->seg->log;
    uint64_t         target = fkv__commit_advance(store);
    struct pollfd    done = { store->eventfds[store->slot], POLLIN, 0 };

    fkv__raise(&log->sync_wanted, target);

    for (unsigned i = 0; i < DRAIN_MS / DRAIN_STEP_MS; i++) {
        if (__atomic_load_n(&store->seg->state.readonly, __ATOMIC_ACQUIRE)) {
            return false;
        }

        if (__atomic_load_n(&log->durable, __ATOMIC_SEQ_CST) >= target) {
            return true;
        }

        /* Another process may lead; if it died, nobody would. */
        fkv__commit_turn(store);
        fkv__io_flush(&store->io);
        (void) poll(&done, 1, DRAIN_STEP_MS);
        (void) fkv__io_reap(&store->io);
        (void) fkv__reap_sweep(store);
    }

    return false;
}


/*
 * A frame without records, a PAD, comes last, the mark: it says that all before
 * it was durable.  Without it nobody could tell a damaged last frame from one
 * that was torn (recover.h), and a bit that flips while the server is down
 * would take the last write with it, unnoticed.  If killed before the mark is
 * whole the reaper voids it, like any frame.  A thread's handle puts none: who
 * leads may be the process that waits for the thread.
 */

/* Is all in tables, or is the last frame a mark? */
static bool
mark_is_needless(const fkv_t *store, const fkv__arena_shm_t *arena,
    const uint8_t *mem, const fkv__arena_word_t *w)
{
    uint32_t      state;
    uint64_t      floor, end;
    fkv__frame_t  frame;

    floor = __atomic_load_n(&store->seg->state.floor, __ATOMIC_ACQUIRE);
    end = (w->top > 0) ? arena->base + w->top : arena->prev_end;

    if (floor >= end) {
        return true;
    }

    if (w->top == 0) {
        return false;
    }

    /* One that is not void yet is still written to. */

    state = __atomic_load_n((const uint32_t *) (const void *) (mem + w->prev),
                            __ATOMIC_ACQUIRE);

    return state == FKV__FRAME_VOID
           && fkv__frame_get(mem + w->prev, w->top - w->prev,
                             arena->base + w->prev, arena->incarnation,
                             &frame) == FKV_OK
           && frame.kind == FKV__FRAME_PAD
           && frame.durable >= arena->base + w->prev;
}


/* False: there is one, or no room. */
static bool
mark_put(fkv_t *store)
{
    bool                put = false;
    uint64_t            set = fkv__pin(store), durable, stamp;
    unsigned            id = fkv__set_arena(set, 0);
    fkv__arena_shm_t   *arena = &store->seg->arenas[id];
    uint8_t            *mem = fkv__segment_arena(store->seg, id);
    fkv__arena_word_t   w = fkv__arena_word(arena);
    fkv__arena_room_t   room;

    if (!w.sealed && !mark_is_needless(store, arena, mem, &w)
        && fkv__arena_reserve(arena, mem, store->slot, FKV__FRAME_HEADER_BYTES,
                              0, &room) == FKV_OK)
    {
        FKV_STEP("mark.1");
        durable = __atomic_load_n(&store->seg->log.durable, __ATOMIC_SEQ_CST);
        stamp = fkv__frame_stamp(FKV__FRAME_HEADER_BYTES,
                                 (uint8_t) store->slot, FKV__FRAME_PAD);
        fkv__frame_seal(mem + room.frame, stamp, durable, 0,
                        arena->base + room.frame, arena->incarnation);

        FKV_STEP("mark.2");
        __atomic_store_n((uint32_t *) (void *) (mem + room.frame),
                         FKV__FRAME_VOID, __ATOMIC_SEQ_CST);
        put = true;
    }

    fkv__unpin(store);

    return put;
}


void
fkv__commit_drain(fkv_t *store)
{
    if (!store->reads_only && drain(store) && !store->twin && mark_put(store)) {
        (void) drain(store);
    }
}
