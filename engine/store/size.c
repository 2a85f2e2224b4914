/*
 * size.c - by how much an update makes the store and each class grow, and who
 * may do that.
 */

#include "store/size.h"
#include "shared/arena.h"
#include "store/element.h"
#include "store/memtable.h"
#include "store/pace.h"
#include "store/update.h"
#include "store/usage.h"

#define SQUEEZE_SHARE  64       /* of the bound: less is no reason to merge */
#define LOOK_MS        10       /* so long what was seen is believed */

_Static_assert(FKV__BOUNDS == FKV__BOUND_STORE + 1, "a bound for each");


static void
max_set(fkv__segment_shm_t *seg, unsigned bound, uint64_t max)
{
    __atomic_store_n(&seg->state.bounds[bound].max, max, __ATOMIC_RELAXED);
}


void
fkv__size_set(fkv__segment_shm_t *seg, const fkv_options_t *opt)
{
    for (unsigned class = 0; class < FKV_CLASSES; class++) {
        max_set(seg, class, opt->quota[class]);
    }

    max_set(seg, FKV__BOUND_STORE, opt->max_size);
}


void
fkv__size_spaces(unsigned bound, unsigned *from, unsigned *to)
{
    *from = 0;
    *to = FKV_NAMESPACES;

    while (bound != FKV__BOUND_STORE && fkv_class(*from) != bound) {
        (*from)++;
    }

    while (bound != FKV__BOUND_STORE && fkv_class(*to - 1) != bound) {
        (*to)--;
    }
}


uint64_t
fkv__size_used(const fkv_t *store, unsigned bound)
{
    unsigned  from, to;

    fkv__size_spaces(bound, &from, &to);

    return fkv__usage_bytes(store, from, to);
}


/* Mostly there is none. */
static bool
has_bounds(const fkv_t *store)
{
    uint64_t  max = 0;

    for (unsigned bound = 0; bound < FKV__BOUNDS; bound++) {
        max |= fkv__size_max(store, bound);
    }

    return max != 0;
}


/* By how much it makes what each bound is of grow. */
static void
update_growth(const fkv_update_t *u, int64_t *growth)
{
    for (unsigned i = 0; i < u->own->n; i++) {
        const fkv_change_t       *change = fkv__update_change(u, i);
        const fkv__update_key_t  *key = fkv__update_key(u, i);
        int64_t                   n;

        if (key->head_len > 0) {
            n = fkv__usage_growth(change, key->ikey.len, key->read)
                + fkv__elements_growth(u->own, key);
            growth[fkv_class(change->ns)] += n;
            growth[FKV__BOUND_STORE] += n;
        }
    }
}


/* What a range delete has hidden counts until its memtable is in tables. */
static void
memtable_hurry(const fkv_t *store)
{
    uint64_t         set;
    fkv__memtable_t  mt;

    set = __atomic_load_n(&store->seg->state.memtables, __ATOMIC_ACQUIRE);
    fkv__memtable_init(&mt, store->seg, fkv__set_arena(set, 0));

    if (fkv__memtable_has_ranges(&mt)) {
        fkv__arena_seal(mt.shm, mt.mem);
    }
}


/*
 * To add up what lives takes longer than all else here.  Far below the bound a
 * process takes its share of the room that is left, and looks again when that
 * is used up, or after a moment.
 */
static bool
looked_lately(fkv_update_t *u, unsigned bound, uint64_t max, uint64_t growth)
{
    fkv__size_look_t  *look = &u->store->size_looks[bound];

    if (look->max != max || growth > look->left || u->now_ms > look->until_ms)
    {
        return false;
    }

    look->left -= growth;

    return true;
}


/* Looks may be far apart on a busy machine, so they are not counted. */
static bool
waited_long(const fkv_update_t *u)
{
    const fkv__pace_t  *pace = &u->own->pace;

    return pace->since_us != 0
           && fkv__monotonic_us() - pace->since_us > FKV__SIZE_WAIT_US;
}


static int
bound_admit(fkv_update_t *u, unsigned bound, uint64_t growth)
{
    fkv_t             *store = u->store;
    fkv__state_shm_t  *state = &store->seg->state;
    fkv__bound_shm_t  *shm = &state->bounds[bound];
    uint64_t           max = fkv__size_max(store, bound), size;
    bool               evicts;

    if (max == 0 || looked_lately(u, bound, max, growth)) {
        return FKV_OK;
    }

    size = fkv__size_used(store, bound) + growth;

    if (size <= max) {
        store->size_looks[bound] = (fkv__size_look_t) {
            .max = max,
            .left = (max - size) / FKV__SLOTS_MAX,
            .until_ms = u->now_ms + LOOK_MS
        };
        return FKV_OK;
    }

    evicts = (fkv__size_policy(store, bound) != FKV_EVICT_NONE);

    if (evicts && size <= max + max / FKV__SIZE_OVER) {
        fkv__pace_evicting(store, &u->own->pace, &shm->next_us, size - max,
                           max / FKV__SIZE_OVER, growth);
        return FKV_OK;
    }

    __atomic_store_n(&state->size_refused, max, __ATOMIC_RELAXED);
    memtable_hurry(store);

    if (evicts && growth <= max && !waited_long(u)
        && !__atomic_load_n(&shm->dry, __ATOMIC_RELAXED))
    {
        fkv__raise(&shm->wanted, growth);
        return FKV_AGAIN;
    }

    fkv__count(store, quota_refused, bound != FKV__BOUND_STORE);

    return (bound != FKV__BOUND_STORE) ? FKV_EQUOTA : FKV_EMAXSIZE;
}


int
fkv__size_admit(fkv_update_t *u)
{
    int64_t  growth[FKV__BOUNDS] = { 0 };
    int      rc = FKV_OK;

    if (!has_bounds(u->store)) {
        return FKV_OK;
    }

    update_growth(u, growth);

    for (unsigned bound = 0; rc == FKV_OK && bound < FKV__BOUNDS; bound++) {
        if (growth[bound] > 0) {
            rc = bound_admit(u, bound, (uint64_t) growth[bound]);
        }
    }

    return rc;
}


bool
fkv__size_squeezes(fkv_t *store, const fkv__version_t *version)
{
    uint64_t  max, bytes = 0;

    max = __atomic_exchange_n(&store->seg->state.size_refused, 0,
                              __ATOMIC_RELAXED);

    for (unsigned level = 0; level < FKV__LEVELS - 1; level++) {
        bytes += version->bytes[level];
    }

    return max != 0 && bytes > max / SQUEEZE_SHARE;
}
