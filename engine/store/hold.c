/*
 * hold.c - publishing what is read at, and leases.
 */

#include "store/hold.h"
#include "shared/lease.h"
#include "store/tables.h"

#define TRIES  8


static uint64_t
boot_ms(const fkv_t *store)
{
    return store->clock->boot_ms(store->clock);
}


/* The crowd stands in order, lowest first; a new one is mostly the highest. */
static void
crowd_publish(fkv_t *store)
{
    fkv_link_t  *crowd = &store->tables->crowd;
    uint64_t     lowest = 0;

    if (!fkv__list_empty(crowd)) {
        lowest = fkv__container(crowd->next, fkv__hold_t, link)->lsn;
    }

    __atomic_store_n(&store->own->snapshot, lowest, __ATOMIC_SEQ_CST);
}


static void
crowd_join(fkv_t *store, fkv__hold_t *hold)
{
    fkv_link_t  *crowd = &store->tables->crowd, *before = crowd->prev;

    while (before != crowd
           && fkv__container(before, fkv__hold_t, link)->lsn > hold->lsn)
    {
        before = before->prev;
    }

    /* In front of a link is at the end of the list that it heads. */
    fkv__list_append(before->next, &hold->link);
    crowd_publish(store);
}


static void
hold_publish(fkv_t *store, fkv__hold_t *hold, uint64_t lsn)
{
    uint64_t  *places = store->own->snapshots;

    hold->lsn = lsn;

    for (unsigned i = 0; i < FKV__SLOT_SNAPSHOTS; i++) {
        if (__atomic_load_n(&places[i], __ATOMIC_RELAXED) == 0) {
            hold->place = i;
            __atomic_store_n(&places[i], lsn, __ATOMIC_SEQ_CST);
            return;
        }
    }

    hold->place = FKV__HOLD_CROWD;
    crowd_join(store, hold);
}


void
fkv__hold_drop(fkv_t *store, fkv__hold_t *hold)
{
    if (hold->lsn == 0) {
        return;
    }

    hold->lsn = 0;

    if (hold->place == FKV__HOLD_CROWD) {
        fkv__list_remove(&hold->link);
        crowd_publish(store);
        return;
    }

    __atomic_store_n(&store->own->snapshots[hold->place], 0,
                     __ATOMIC_SEQ_CST);
}


static int
hold_leased(fkv_t *store, fkv__hold_t *hold, const fkv_lease_t *lease)
{
    uint64_t  lsn;

    if (fkv__lease_find(store->seg, lease, boot_ms(store), &lsn) != FKV_OK) {
        return FKV_GONE;
    }

    hold_publish(store, hold, lsn);

    if (fkv__lease_find(store->seg, lease, boot_ms(store), &lsn) != FKV_OK) {
        fkv__hold_drop(store, hold);
        return FKV_GONE;
    }

    return FKV_OK;
}


int
fkv__hold_take(fkv_t *store, fkv__hold_t *hold, uint64_t wanted,
    const fkv_lease_t *lease)
{
    if (lease->id != 0) {
        return hold_leased(store, hold, lease);
    }

    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t  lsn = (wanted != 0) ? wanted : fkv__visible(store);
        uint64_t  ready, floor;

        /* Frames beyond may not be filled yet. */
        ready = __atomic_load_n(&store->seg->log.ready, __ATOMIC_ACQUIRE);

        hold_publish(store, hold, fkv__min(lsn, ready));

        floor = __atomic_load_n(&store->seg->state.gc_floor,
                                __ATOMIC_SEQ_CST);

        if (hold->lsn >= floor) {
            return FKV_OK;
        }

        fkv__hold_drop(store, hold);

        if (wanted != 0) {
            break;
        }
    }

    return FKV_GONE;
}


int
fkv__hold_lease(fkv_t *store, const fkv__hold_t *hold, bool cursor,
    uint64_t ttl_ms, uint64_t nonce, fkv_lease_t *lease)
{
    uint64_t  now_ms = boot_ms(store);
    int       rc;

    rc = fkv__lease_take(store->seg, cursor, hold->lsn, now_ms,
                         now_ms + ttl_ms, nonce, lease);

    if (rc == FKV_OK) {
        (void) __atomic_fetch_add(&store->seg->state.handoffs, 1,
                                  __ATOMIC_SEQ_CST);
    }

    return rc;
}


int
fkv_snapshot_take(fkv_t *store, uint64_t ttl_ms, uint64_t nonce,
    fkv_lease_t *lease, uint64_t *lsn)
{
    fkv__hold_t  hold = { .lsn = 0 };
    int          rc;

    *lease = (fkv_lease_t) { 0 };
    rc = fkv__hold_take(store, &hold, 0, lease);

    if (rc == FKV_OK) {
        *lsn = hold.lsn;
        rc = fkv__hold_lease(store, &hold, false, ttl_ms, nonce, lease);
    }

    fkv__hold_drop(store, &hold);

    return rc;
}


int
fkv_snapshot_renew(fkv_t *store, const fkv_lease_t *lease, uint64_t ttl_ms,
    bool shorten, uint64_t *left_ms)
{
    uint64_t  now_ms = boot_ms(store), deadline_ms = now_ms + ttl_ms;
    int       rc;

    rc = fkv__lease_renew(store->seg, lease, now_ms, shorten, &deadline_ms);
    *left_ms = deadline_ms - now_ms;

    return rc;
}


int
fkv_snapshot_drop(fkv_t *store, const fkv_lease_t *lease)
{
    return fkv__lease_drop(store->seg, lease, boot_ms(store));
}
