/*
 * keep.c - the floor, and the decision about one record.
 */

#include "store/keep.h"
#include "store/expire.h"


/*
 * Slots of the dead count too until they are reaped: that costs nothing but a
 * few versions.
 */
static uint64_t
lowest_snapshot(const fkv__segment_shm_t *seg, uint64_t floor)
{
    for (unsigned i = 0; i < FKV__SLOTS_MAX; i++) {
        uint64_t  snapshot;

        snapshot = __atomic_load_n(&seg->slots[i].snapshot, __ATOMIC_SEQ_CST);

        if (snapshot != 0 && snapshot < floor) {
            floor = snapshot;
        }
    }

    return floor;
}


uint64_t
fkv__keep_floor(fkv_t *store)
{
    fkv__segment_shm_t  *seg = store->seg;
    uint64_t             floor = fkv__visible(store);

    fkv__raise(&seg->state.gc_floor, floor);

    return lowest_snapshot(seg, floor);
}


uint64_t
fkv__keep_floor_now(fkv_t *store)
{
    return lowest_snapshot(store->seg, fkv__visible(store));
}


void
fkv__keep_init(fkv__keep_t *keep, fkv_t *store, const fkv__version_t *version,
    unsigned below)
{
    *keep = (fkv__keep_t) {
        .floor = fkv__keep_floor(store),
        .now_ms = fkv_now_ms(store),
        .version = version,
        .below = below
    };

    keep->drops = fkv__clock_drops_allowed(store, keep->now_ms);
}


static void
keep_bury(fkv__record_t *rec)
{
    *rec = (fkv__record_t) {
        .kind = FKV__RECORD_TOMBSTONE,
        .version = rec->version,
        .key = rec->key
    };
}


bool
fkv__keep(fkv__keep_t *keep, fkv__record_t *rec)
{
    bool  expired;

    if (rec->version >= keep->floor) {
        return true;
    }

    if (keep->shadowed) {
        return false;
    }

    keep->shadowed = true;

    expired = keep->drops && fkv__record_expired(rec, keep->now_ms);

    if (!expired && rec->kind != FKV__RECORD_TOMBSTONE) {
        return true;
    }

    keep->expired += expired;

    if (!fkv__version_overlaps(keep->version, keep->below, rec->key,
                               rec->key))
    {
        return false;
    }

    if (expired) {
        keep_bury(rec);
    }

    return true;
}
