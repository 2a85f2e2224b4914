/*
 * use.c - how a key was used, and where scans are.
 */

#include "base/alloc.h"
#include "base/hash.h"
#include "shared/cursor.h"
#include "store/evict.h"
#include "store/store.h"

_Static_assert(FKV_CURSOR_BYTES_MAX == FKV__CURSOR_BYTES, "cursor");


uint64_t
fkv_cursor_put(fkv_t *store, uint64_t from, fkv_str_t place, uint64_t random)
{
    return fkv__cursor_put(store->seg, from, place, random);
}


int
fkv_cursor_get(fkv_t *store, uint64_t cursor, uint8_t *place, size_t *len)
{
    return fkv__cursor_get(store->seg, cursor, place, len);
}


void
fkv_cursor_end(fkv_t *store, uint64_t cursor)
{
    fkv__cursor_end(store->seg, cursor);
}


void
fkv_use(fkv_t *store, unsigned ns, fkv_str_t key, uint64_t now_ms,
    fkv_use_t *use)
{
    uint8_t   *ikey = fkv__alloc(FKV__KEY_SIZE(key.len));
    uint64_t   hash;
    uint32_t   worth;

    *use = (fkv_use_t) { .by = FKV_EVICT_NONE };

    if (ikey == NULL) {
        return;
    }

    hash = fkv__hash((fkv_str_t) { ikey, fkv__key_encode(ikey, ns, key) });
    fkv__free(ikey);

    use->by = fkv__evict_uses(store, ns);

    if (use->by == FKV_EVICT_LRU) {
        worth = fkv__sketch_worth(store->seg, FKV__SKETCH_LRU, hash, now_ms);
        use->idle_ms = fkv__sketch_age_ms(worth);

    } else if (use->by == FKV_EVICT_LFU) {
        worth = fkv__sketch_worth(store->seg, FKV__SKETCH_LFU, hash, now_ms);
        use->often = fkv__sketch_often(worth);
    }
}
