/*
 * notice.c - following the log, telling what has expired.
 */

#include "store/notice.h"
#include "base/hash.h"
#include "store/twin.h"

#include <poll.h>
#include <unistd.h>

#define RETRY_MS        1000
#define HEAP_BYTES_MIN  (1024 * 1024)
#define HEAP_BYTES_MAX  (16 * 1024 * 1024)
#define REFILL_REST     9               /* times as long as it works */
#define REFILL_REST_US  (1000 * 1000)   /* at most */


void
fkv__notice_init(fkv__notice_t *notice, fkv__helper_t *helper,
    const fkv__listener_t *listeners, unsigned n)
{
    uint64_t  bytes = helper->store->options.memory / 64;

    *notice = (fkv__notice_t) {
        .helper = helper,
        .listeners = listeners,
        .listeners_n = n
    };

    fkv__due_init(&notice->due, fkv__max(HEAP_BYTES_MIN,
                                         fkv__min(bytes, HEAP_BYTES_MAX)));
}


void
fkv__notice_done(fkv__notice_t *notice)
{
    if (notice->twin != NULL) {
        fkv_twin_close(notice->twin);
        fkv__refill_done(&notice->refill);
        notice->twin = NULL;
    }

    fkv__due_done(&notice->due);
}


int
fkv__notice_fd(const fkv__notice_t *notice)
{
    return (notice->twin != NULL) ? fkv_eventfd(notice->twin) : -1;
}


/*
 * Is there anything that expires?  Writers raise an arena's word before the
 * frame is complete, and a table is announced before its arena leaves.
 */
static bool
anything_expires(const fkv_t *store)
{
    for (unsigned i = 0; i < FKV__ARENAS; i++) {
        if (__atomic_load_n(&store->seg->arenas[i].expiring,
                            __ATOMIC_ACQUIRE))
        {
            return true;
        }
    }

    return __atomic_load_n(&store->seg->state.table_expiring,
                           __ATOMIC_ACQUIRE) > 0;
}


/* Everything anew: what comes is followed, what is there is looked for. */
static void
notice_begin(fkv__notice_t *notice)
{
    const fkv__state_shm_t  *state = &notice->twin->seg->state;
    uint64_t                 told;

    told = __atomic_load_n(&state->noticed_lsn, __ATOMIC_ACQUIRE);

    notice->horizon = (fkv__moment_t) {
        .at_ms = __atomic_load_n(&state->noticed_ms, __ATOMIC_ACQUIRE),
        .hash = UINT64_MAX
    };

    fkv__due_done(&notice->due);
    notice->trail.at = fkv__visible(notice->twin);
    fkv__refill_begin(&notice->refill, notice->horizon, told,
                      notice->trail.at);
}


/* Of the followed log: whatever stands there is the key's newest version. */
static void
on_record(void *data, const fkv__record_t *rec, uint64_t version)
{
    fkv__notice_t     *notice = data;
    fkv__due_t        *due = &notice->due;
    fkv__due_entry_t   entry = {
        .moment = { .at_ms = rec->expire_at },
        .version = version,
        .since_ms = notice->now_ms
    };

    if (rec->kind == FKV__RECORD_RANGE_TOMBSTONE) {
        fkv__due_remove_range(due, &(fkv__range_t) {
                                  .begin = rec->key, .end = rec->value });
        return;
    }

    /* It lives as long as what it lies on. */

    if (rec->kind == FKV__RECORD_MERGE) {
        return;
    }

    if ((rec->expire_at == 0 && due->n == 0) || !fkv__due_wants(rec->key)) {
        return;
    }

    entry.moment.hash = fkv__hash(rec->key);

    if (rec->expire_at == 0) {
        fkv__due_remove(due, rec->key, entry.moment.hash);

    } else {
        fkv__due_put(due, rec->key, &entry);
    }
}


/* It takes no turns of its own: those whose frames wait write the log. */
static int
notice_attach(fkv__notice_t *notice)
{
    fkv_t  *twin;
    char    error[FKV_ERROR_BYTES];
    int     rc = fkv__twin_open(&twin, notice->helper->store, error);

    if (rc != FKV_OK) {
        return rc;
    }

    notice->twin = twin;
    notice->trail = (fkv__trail_t) {
        .store = twin,
        .on_record = on_record,
        .data = notice
    };

    fkv__refill_init(&notice->refill, notice->helper, twin, &notice->due);
    notice_begin(notice);

    return FKV_OK;
}


/*
 * To where the log is visible now.  What was recycled before we came to it is
 * in tables: all begins anew.
 */
static void
follow(fkv__notice_t *notice)
{
    fkv__trail_t  *trail = &notice->trail;
    uint64_t       until = fkv__visible(notice->twin);
    int            rc = FKV_AGAIN;

    while (rc == FKV_AGAIN && !fkv__helper_stopping(notice->helper)) {
        trail->expiring = (notice->due.n == 0);
        rc = fkv__trail(trail, until);
    }

    if (rc == FKV_GONE) {
        notice_begin(notice);
    }
}


/*
 * How late, since it could be known.  If that was after the last turn, no later
 * than that: the rest is a step of the clock.
 */
static uint64_t
lateness(const fkv__notice_t *notice, const fkv__due_entry_t *entry,
    uint64_t now_ms, uint64_t boot_ms)
{
    uint64_t  since = fkv__max(entry->moment.at_ms, entry->since_ms);
    uint64_t  late = (now_ms > since) ? now_ms - since : 0;

    if (notice->boot_ms != 0 && since >= notice->now_ms) {
        late = fkv__min(late, boot_ms - notice->boot_ms);
    }

    return late;
}


/* For the next helper: what is older than this has been told up to then. */
static void
notice_told(fkv__notice_t *notice, uint64_t now_ms)
{
    fkv__state_shm_t  *state = &notice->twin->seg->state;

    if (fkv__moment_after(notice->horizon, notice->due.bound)) {
        notice->horizon = notice->due.bound;
    }

    fkv__raise(&state->noticed_ms, fkv__min(now_ms, notice->horizon.at_ms));
    FKV_STEP("notice.2");
    fkv__raise(&state->noticed_lsn, notice->trail.at);
}


static bool
listeners_ready(const fkv__notice_t *notice)
{
    for (unsigned i = 0; i < notice->listeners_n; i++) {
        const fkv__listener_t  *listener = &notice->listeners[i];

        if (listener->ready != NULL && !listener->ready(listener->data)) {
            return false;
        }
    }

    return true;
}


static void
tell(fkv__notice_t *notice, uint64_t now_ms, uint64_t boot_ms)
{
    const fkv__due_entry_t  *entry;
    bool                     told = false;

    while ((entry = fkv__due_first(&notice->due)) != NULL
           && entry->moment.at_ms <= now_ms
           && listeners_ready(notice)
           && !fkv__helper_stopping(notice->helper))
    {
        fkv__expired_t  expired = {
            .ikey = { entry->key, entry->key_len },
            .version = entry->version,
            .expire_at = entry->moment.at_ms,
            .late_ms = lateness(notice, entry, now_ms, boot_ms)
        };

        for (unsigned i = 0; i < notice->listeners_n; i++) {
            const fkv__listener_t  *listener = &notice->listeners[i];

            listener->on_expired(listener->data, &expired);
        }

        fkv__due_drop_first(&notice->due);
        told = true;
    }

    if (told) {
        FKV_STEP("notice.1");
    }

    if (entry == NULL || entry->moment.at_ms > now_ms) {
        notice_told(notice, now_ms);
    }
}


/* A piece of a refill is over: a rest, so that it takes a tenth of the time. */
static void
refill_rest(fkv__notice_t *notice)
{
    uint64_t  now_us = fkv__monotonic_us();
    uint64_t  rest_us = REFILL_REST * (now_us - notice->refill_us);

    notice->refill_us = now_us + fkv__min(rest_us, REFILL_REST_US);
    notice->refilling = false;
}


/* Invariant 2. */
static void
refill(fkv__notice_t *notice)
{
    fkv__due_t     *due = &notice->due;
    fkv__refill_t  *refill = &notice->refill;

    if (!refill->running) {
        if (!fkv__moment_after(FKV__MOMENT_NEVER, notice->horizon)
            || due->bytes > due->bytes_max / 2)
        {
            return;
        }

        due->bound = FKV__MOMENT_NEVER;
        fkv__refill_begin(refill, notice->horizon, UINT64_MAX,
                          notice->trail.at);
    }

    if (!notice->refilling) {
        if (fkv__monotonic_us() < notice->refill_us) {
            return;
        }

        notice->refilling = true;
        notice->refill_us = fkv__monotonic_us();
        fkv__refill_step(refill);
    }

    if (refill->scanning) {
        fkv_poll(notice->twin);             /* submits what it reads */
    }

    if (!refill->scanning) {
        refill_rest(notice);
    }

    if (!refill->running) {
        notice->horizon = due->bound;
    }
}


static int
wait_ms(const fkv__notice_t *notice)
{
    const fkv__due_entry_t  *first = fkv__due_first(&notice->due);
    uint64_t                 now_ms = fkv_now_ms(notice->twin);
    int64_t                  ms = fkv_timeout_ms(notice->twin);

    ms = (ms < 0) ? FKV__NOTICE_TURN_MS : fkv__min(ms, FKV__NOTICE_TURN_MS);

    if (first != NULL && first->moment.at_ms < now_ms + (uint64_t) ms
        && listeners_ready(notice))
    {
        ms = (first->moment.at_ms > now_ms)
             ? (int64_t) (first->moment.at_ms - now_ms) : 0;
    }

    if (notice->refill.running && !notice->refilling) {
        uint64_t  now_us = fkv__monotonic_us();
        uint64_t  rest_us = (notice->refill_us > now_us)
                            ? notice->refill_us - now_us : 0;

        ms = fkv__min(ms, (int64_t) (rest_us / 1000) + 1);
    }

    return (int) ms;
}


int
fkv__notice_turn(fkv__notice_t *notice)
{
    fkv_t     *store = notice->helper->store;
    uint64_t   now_ms, boot_ms;

    if (notice->twin == NULL) {
        if (!anything_expires(store)) {
            return FKV__NOTICE_TURN_MS;
        }

        if (notice_attach(notice) != FKV_OK) {
            return RETRY_MS;
        }
    }

    fkv_poll(notice->twin);

    /* What is visible by now was written by now; it may be newer. */

    now_ms = fkv_now_ms(store);
    boot_ms = store->clock->boot_ms(store->clock);

    follow(notice);
    tell(notice, now_ms, boot_ms);
    notice->now_ms = now_ms;
    notice->boot_ms = boot_ms;
    refill(notice);

    return wait_ms(notice);
}


static bool
expired_ready(void *data)
{
    fkv__helper_t  *helper = data;

    return fkv__told_ready(&helper->told, helper->store);
}


static void
expired_noticed(void *data, const fkv__expired_t *expired)
{
    fkv__helper_t  *helper = data;
    fkv_t          *store = helper->store;

    fkv__told_add(&helper->told, store, expired->ikey);
    fkv__count(store, expired_noticed, 1);
    fkv__count(store, expired_noticed_late,
               expired->late_ms > FKV__NOTICE_LATE_MS);
    fkv__raise(&store->seg->state.late_max_ms, expired->late_ms);
}


void
fkv__duty_expire(fkv__helper_t *helper)
{
    fkv__notice_t    notice;
    fkv__listener_t  listener = {
        .on_expired = expired_noticed,
        .ready = expired_ready,
        .data = helper
    };

    fkv__notice_init(&notice, helper, &listener, 1);

    while (!fkv__helper_stopping(helper)) {
        int            ms = fkv__notice_turn(&notice);
        struct pollfd  wake = { .fd = fkv__notice_fd(&notice),
                                .events = POLLIN };

        uint64_t       n;

        if (poll(&wake, 1, fkv__min(ms, FKV__NOTICE_TURN_MS)) > 0
            && read(wake.fd, &n, sizeof(n)) < 0)
        {
            continue;               /* somebody else has emptied it */
        }
    }

    fkv__notice_done(&notice);
}
