/*
 * keep.c - what is held, and the decision about one record.
 */

#include "store/keep.h"
#include "shared/lease.h"
#include "store/expire.h"

#include <errno.h>
#include <stdlib.h>


/* What is held, as it is found. */
typedef struct {
    uint64_t  *at;
    size_t     n;
    size_t     max;
    uint64_t   floor;           /* from here on all are held */
    uint64_t   lowest;
} held_t;


static void
held_add(held_t *held, uint64_t lsn)
{
    if (lsn == 0 || lsn >= held->floor) {
        return;
    }

    held->lowest = fkv__min(held->lowest, lsn);

    if (held->n < held->max) {
        held->at[held->n++] = lsn;
    }
}


/*
 * Leases first: from a lease a snapshot may go to a slot.  Slots of the dead
 * count too until they are reaped, which costs nothing but a few versions.
 */
static void
held_look(held_t *held, fkv_t *store)
{
    fkv__segment_shm_t  *seg = store->seg;
    uint64_t             boot_ms = store->clock->boot_ms(store->clock);

    for (unsigned i = 0; i < seg->leases; i++) {
        held_add(held, fkv__lease_snapshot(seg, i, boot_ms));
    }

    for (unsigned i = 0; i < FKV__SLOTS_MAX; i++) {
        const fkv__slot_shm_t  *slot = &seg->slots[i];
        uint64_t                all;

        for (unsigned k = 0; k < FKV__SLOT_SNAPSHOTS; k++) {
            held_add(held, __atomic_load_n(&slot->snapshots[k],
                                           __ATOMIC_SEQ_CST));
        }

        all = __atomic_load_n(&slot->snapshot, __ATOMIC_SEQ_CST);

        if (all != 0) {
            held->floor = fkv__min(held->floor, all);
        }
    }

    held->lowest = fkv__min(held->lowest, held->floor);
}


/* Rule 3 of hold.h. */
static void
held_collect(held_t *held, fkv_t *store)
{
    const uint64_t  *handoffs = &store->seg->state.handoffs;
    uint64_t         before, now = __atomic_load_n(handoffs, __ATOMIC_SEQ_CST);

    do {
        before = now;
        held->n = 0;
        held_look(held, store);
        now = __atomic_load_n(handoffs, __ATOMIC_SEQ_CST);
    } while (now != before);
}


static uint64_t
held_lowest(fkv_t *store, uint64_t floor)
{
    held_t  held = { .floor = floor, .lowest = floor };

    held_look(&held, store);

    return held.lowest;
}


uint64_t
fkv__keep_floor_now(fkv_t *store)
{
    return held_lowest(store, fkv__visible(store));
}


uint64_t
fkv__keep_oldest(fkv_t *store)
{
    uint64_t  lowest = held_lowest(store, UINT64_MAX);

    return (lowest == UINT64_MAX) ? 0 : lowest;
}


static int
highest_first(const void *a, const void *b)
{
    uint64_t  x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return (x < y) - (x > y);
}


/* The floor and what is held below it, in order, each once. */
static void
keep_positions(fkv__keep_t *keep, const held_t *held)
{
    unsigned  n = 0;

    qsort(held->at, held->n, sizeof(uint64_t), highest_first);

    keep->floor = held->floor;
    keep->positions = held->at;

    for (size_t i = 0; i < held->n; i++) {
        uint64_t  last = (n > 0) ? held->at[n - 1] : keep->floor;

        if (held->at[i] < last) {
            held->at[n++] = held->at[i];
        }
    }

    keep->positions_n = n;
}


int
fkv__keep_init(fkv__keep_t *keep, fkv_t *store, const fkv__version_t *version,
    unsigned below)
{
    fkv__segment_shm_t  *seg = store->seg;
    held_t               held = { .floor = fkv__visible(store) };

    *keep = (fkv__keep_t) {
        .now_ms = fkv_now_ms(store),
        .version = version,
        .below = below,
        .ranges = version->ranges
    };

    keep->drops = fkv__clock_drops_allowed(store, keep->now_ms);

    held.max = seg->leases + FKV__SLOTS_MAX * FKV__SLOT_SNAPSHOTS;
    held.at = fkv__alloc(held.max * sizeof(uint64_t));

    if (held.at == NULL) {
        errno = ENOMEM;
        return FKV_ENOMEM;
    }

    fkv__raise(&seg->state.gc_floor, held.floor);
    held_collect(&held, store);
    keep_positions(keep, &held);

    return FKV_OK;
}


void
fkv__keep_done(fkv__keep_t *keep)
{
    fkv__free(keep->positions);
    fkv__free(keep->above);
    keep->positions = NULL;
    keep->above = NULL;
}


static bool
is_input(const fkv__table_t *table, fkv__table_t *const *inputs, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (inputs[i] == table) {
            return true;
        }
    }

    return false;
}


int
fkv__keep_above(fkv__keep_t *keep, uint64_t since_ms,
    fkv__table_t *const *inputs, unsigned n)
{
    const fkv__version_t  *version = keep->version;
    unsigned               all = 0;

    for (unsigned level = 0; level < keep->below; level++) {
        all += version->n[level];
    }

    keep->since_ms = since_ms;
    keep->above = fkv__alloc((all + 1) * sizeof(*keep->above));

    if (keep->above == NULL) {
        errno = ENOMEM;
        return FKV_ENOMEM;
    }

    for (unsigned level = 0; level < keep->below; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            fkv__table_t  *table = version->levels[level][i];

            if (table->info.operands > 0 && !is_input(table, inputs, n)) {
                keep->above[keep->above_n++] = table;
            }
        }
    }

    return FKV_OK;
}


bool
fkv__keep_stub(const fkv__keep_t *keep, fkv_str_t key, uint64_t expire_at)
{
    if (expire_at > keep->since_ms) {
        return true;
    }

    for (unsigned i = 0; i < keep->above_n; i++) {
        const fkv__table_info_t  *info = &keep->above[i]->info;

        if (fkv__str_cmp(fkv__buf_str(&info->smallest), key) <= 0
            && fkv__str_cmp(fkv__buf_str(&info->largest), key) >= 0)
        {
            return true;
        }
    }

    return false;
}


static void
keep_bury(fkv__record_t *rec, uint64_t expire_at)
{
    *rec = (fkv__record_t) {
        .kind = FKV__RECORD_TOMBSTONE,
        .version = rec->version,
        .stamp = rec->stamp,
        .expire_at = expire_at,
        .key = rec->key
    };
}


unsigned
fkv__keep_seen(const fkv__keep_t *keep, uint64_t version)
{
    unsigned  low = 0, high = keep->positions_n;

    while (low < high) {
        unsigned  middle = (low + high) / 2;

        if (keep->positions[middle] > version) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low + 1;
}


/*
 * By a range tombstone, from all positions above the record?  What is hidden
 * from the lowest of them is hidden from the others, too.
 */
static bool
keep_hidden(const fkv__keep_t *keep, const fkv__record_t *rec, unsigned seen)
{
    uint64_t             lowest;
    const fkv__range_t  *range;

    lowest = (seen > 1) ? keep->positions[seen - 2] : keep->floor;
    range = fkv__ranges_newest(keep->ranges, rec->key, rec->key, lowest);

    return range != NULL && range->version > rec->version;
}


bool
fkv__keep(fkv__keep_t *keep, fkv__record_t *rec)
{
    unsigned  seen;
    bool      expired, stub;

    if (rec->version >= keep->floor) {
        keep->operands = (rec->kind == FKV__RECORD_MERGE);
        return true;
    }

    /* Positions above it see it, or a newer one that has come before it. */

    seen = fkv__keep_seen(keep, rec->version);

    if (seen <= keep->answered) {
        return false;
    }

    if (keep->ranges != NULL && keep_hidden(keep, rec, seen)) {
        keep->answered = seen;
        keep->covered++;
        return false;
    }

    /* Rule 5: it answers nobody without what is older. */

    if (rec->kind == FKV__RECORD_MERGE) {
        keep->operands = true;
        return true;
    }

    keep->answered = seen;

    stub = (rec->kind == FKV__RECORD_TOMBSTONE && rec->expire_at != 0);

    if (keep->operands && (stub || rec->kind != FKV__RECORD_TOMBSTONE)) {
        keep->operands = false;
        return true;
    }

    keep->operands = false;

    expired = !stub && keep->drops && fkv__record_expired(rec, keep->now_ms);

    if (!expired && rec->kind != FKV__RECORD_TOMBSTONE) {
        return true;
    }

    keep->expired += expired;
    stub = (stub || expired)
           && fkv__keep_stub(keep, rec->key, rec->expire_at);

    /* Older ones that a position below needs are not to be uncovered. */

    if (!stub && seen > keep->positions_n
        && !fkv__version_overlaps(keep->version, keep->below, rec->key,
                                  rec->key))
    {
        return false;
    }

    if (expired || rec->expire_at != 0) {
        keep_bury(rec, stub ? rec->expire_at : 0);
    }

    return true;
}
