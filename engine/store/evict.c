/*
 * evict.c - sampling, choosing, deleting.
 */

#include "store/evict.h"
#include "base/hash.h"
#include "store/pace.h"
#include "store/tables.h"
#include "store/twin.h"
#include "store/usage.h"

#include <stdlib.h>

#define RUN_BYTES     (256 * 1024)
#define EMPTY_RUN     4         /* a run counts so many keys, were there none */
#define IDLE_MS       20        /* until the next look at the size */
#define DRY_MS        200
#define SWEEP_TURNS   50000     /* of IDLE_MS, in which all lines are swept */


static uint64_t
random_next(fkv__evict_t *evict)
{
    evict->random = evict->random * 6364136223846793005ull
                    + 1442695040888963407ull;

    return evict->random ^ evict->random >> 29;
}


static void
key_forget(fkv__evict_key_t *key)
{
    fkv__buf_done(&key->key);
}


static uint64_t
key_worth(fkv__evict_t *evict, fkv_evict_e policy, const fkv__evict_key_t *key,
    uint64_t now_ms)
{
    switch (policy) {

    case FKV_EVICT_LRU:
        return fkv__sketch_worth(evict->store->seg, FKV__SKETCH_LRU, key->hash,
                                 now_ms);
    case FKV_EVICT_LFU:
        return fkv__sketch_worth(evict->store->seg, FKV__SKETCH_LFU, key->hash,
                                 now_ms);
    case FKV_EVICT_TTL:
        return key->expire_at;

    case FKV_EVICT_RANDOM:
    case FKV_EVICT_NONE:
        break;
    }

    return random_next(evict);
}


static int
hand_remember(fkv__evict_hand_t *hand, fkv_str_t key)
{
    hand->key.len = 0;

    return fkv__buf_append(&hand->key, key.data, key.len);
}


static int
ikey_make(fkv__buf_t *buf, unsigned ns, fkv_str_t key)
{
    buf->len = 0;

    if (fkv__buf_reserve(buf, FKV__KEY_SIZE(key.len)) != FKV_OK) {
        return FKV_ENOMEM;
    }

    buf->len = fkv__key_encode(buf->data, ns, key);

    return FKV_OK;
}


static int
on_entry(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    fkv__evict_t        *evict = scan->op.data;
    fkv__evict_scope_t  *scope = evict->scope;
    fkv__evict_key_t    *sample;
    fkv__buf_t           ikey = { 0 };
    int                  rc = ikey_make(&ikey, scan->ns, key);

    if (rc == FKV_OK) {
        rc = hand_remember(evict->hand, key);
    }

    if (rc == FKV_OK) {
        evict->past = fkv__str_cmp(fkv__buf_str(&ikey),
                                   fkv__buf_str(&evict->hand->until))
                      >= 0;
    }

    scope->sampled++;
    fkv__count(evict->store, evict_sampled, 1);

    if (rc == FKV_OK && scope->n < 2 * FKV__EVICT_POOL
        && (evict->policy != FKV_EVICT_TTL || value->expire_at != 0))
    {
        sample = &scope->pool[scope->n];
        *sample = (fkv__evict_key_t) {
            .ns = scan->ns,
            .version = value->version,
            .expire_at = value->expire_at,
            .bytes = key.len + value->size + value->content_type.len,
            .hash = fkv__hash(fkv__buf_str(&ikey))
        };
        rc = fkv__buf_append(&sample->key, key.data, key.len);
        scope->n += (rc == FKV_OK);
    }

    fkv__buf_done(&ikey);

    return rc;
}


/* How much a table holds of the scope's namespaces. */
static uint64_t
table_share(const fkv__evict_scope_t *scope, const fkv__table_t *table)
{
    size_t               n;
    const fkv__share_t  *shares = fkv__shares(&table->info.shares, &n);
    uint64_t             bytes = 0;

    for (size_t i = 0; i < n; i++) {
        if (shares[i].ns >= scope->from && shares[i].ns < scope->to) {
            bytes += shares[i].bytes;
        }
    }

    return bytes;
}


/*
 * The table in which the share of all that lies at so many bytes is; without
 * one, how many bytes there are is added up.
 */
static const fkv__table_t *
table_at(const fkv__evict_t *evict, const uint64_t *at, uint64_t *bytes)
{
    const fkv__version_t  *version = evict->store->tables->version;

    *bytes = 0;

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            const fkv__table_t  *table = version->levels[level][i];

            *bytes += table_share(evict->scope, table);

            if (at != NULL && *at < *bytes) {
                return table;
            }
        }
    }

    return NULL;
}


/* By chance, the likelier the more it holds; NULL: there is none. */
static const fkv__table_t *
table_by_chance(fkv__evict_t *evict)
{
    uint64_t  bytes, at;

    (void) table_at(evict, NULL, &bytes);

    if (bytes == 0) {
        return NULL;
    }

    at = random_next(evict) % bytes;

    return table_at(evict, &at, &bytes);
}


/* To the range of another table, or where the namespaces begin in it. */
static void
hand_move(fkv__evict_t *evict, fkv__evict_hand_t *hand)
{
    const fkv__table_t        *table = table_by_chance(evict);
    const fkv__evict_scope_t  *scope = evict->scope;
    fkv_str_t                  from;
    unsigned                   ns;

    hand->until.len = 0;

    if (table == NULL) {
        return;
    }

    from = fkv__buf_str(&table->info.smallest);

    /* What cannot be remembered or read: it goes on where it is. */

    if (fkv__buf_reserve(&hand->key, from.len) != FKV_OK
        || fkv__key_decode(from, &ns, hand->key.data, &hand->key.len) != FKV_OK
        || ns >= scope->to)
    {
        hand->key.len = 0;
        return;
    }

    if (ns < scope->from) {
        ns = scope->from;
        hand->key.len = 0;
    }

    hand->ns = ns;
    (void) fkv__buf_append(&hand->until, table->info.largest.data,
                           table->info.largest.len);
}


/*
 * Behind what cannot be read, however much that is: a byte of the key grows,
 * and the further to the front it is, the wider the leap.
 */
static void
hand_leap(fkv__evict_t *evict, fkv__evict_hand_t *hand)
{
    size_t  at;

    if (hand->key.len == 0) {
        hand_move(evict, hand);
    }

    if (hand->key.len > 0) {
        at = random_next(evict) % hand->key.len;
        hand->key.len = at + 1;
        hand->key.data[at] += (hand->key.data[at] < UINT8_MAX);
    }
}


/* One run of a hand. */
static int
hand_run(fkv__evict_t *evict, fkv__evict_hand_t *hand)
{
    fkv__evict_scope_t  *scope = evict->scope;
    fkv_scan_t          *scan = &evict->scan;
    int                  rc;

    evict->hand = hand;
    evict->past = false;
    evict->start.len = 0;
    scope->sampled += EMPTY_RUN;

    /* The scan's own: on_entry moves the hand. */
    rc = fkv__buf_append(&evict->start, hand->key.data, hand->key.len);
    if (rc != FKV_OK) {
        return rc;
    }

    *scan = (fkv_scan_t) {
        .op = { .on_done = fkv__twin_done, .data = evict },
        .store = evict->store,
        .ns = hand->ns,
        .start = fkv__buf_str(&evict->start),
        .after = (hand->key.len > 0),
        .now_ms = fkv_now_ms(evict->store),
        .limit = FKV__EVICT_RUN,
        .bytes_max = RUN_BYTES,
        .on_entry = on_entry
    };

    rc = fkv__twin_wait(evict->store, &scan->op, fkv_scan(scan), evict->stop);

    /* A damaged block was counted and logged by who has read it. */

    if (rc == FKV_ECORRUPT) {
        hand_leap(evict, hand);
        return FKV_OK;
    }

    if (rc != FKV_OK) {
        return rc;
    }

    if (scan->complete) {
        hand->key.len = 0;
        hand->ns++;

        if (hand->ns == scope->to) {
            hand->ns = scope->from;
            evict->past = true;
        }
    }

    /* The first one goes through everything, also what is in no table. */
    if (evict->past && hand != &scope->hands[0]) {
        hand_move(evict, hand);
    }

    return FKV_OK;
}


static int
by_worth(const void *a, const void *b)
{
    const fkv__evict_key_t  *x = a, *y = b;

    return (x->worth > y->worth) - (x->worth < y->worth);
}


static void
pool_sort(fkv__evict_t *evict)
{
    fkv__evict_scope_t  *scope = evict->scope;
    uint64_t             now_ms = fkv_now_ms(evict->store);

    for (unsigned i = 0; i < scope->n; i++) {
        scope->pool[i].worth = key_worth(evict, evict->policy,
                                         &scope->pool[i], now_ms);
    }

    qsort(scope->pool, scope->n, sizeof(scope->pool[0]), by_worth);
}


/* The first n leave the pool, and so does what it has no place for. */
static void
pool_drop(fkv__evict_scope_t *scope, unsigned n, unsigned max)
{
    for (unsigned i = 0; i < n; i++) {
        key_forget(&scope->pool[i]);
    }

    scope->n -= n;
    memmove(scope->pool, scope->pool + n, scope->n * sizeof(scope->pool[0]));

    while (scope->n > max) {
        key_forget(&scope->pool[--scope->n]);
    }
}


static int
decide(fkv_update_t *update)
{
    const fkv__evict_t  *evict = update->op.data;

    for (unsigned i = 0; i < update->n; i++) {
        fkv_change_t  *change = &update->changes[i];
        bool           same = change->exists && change->current.version
                                                == evict->keys[i].version;

        change->action = same ? FKV_DELETE : FKV_KEEP;
    }

    return FKV_OK;
}


/* Twice in the pool: both go out of it with the batch. */
static bool
has_key(const fkv__evict_key_t *keys, unsigned n, const fkv__evict_key_t *key)
{
    for (unsigned i = 0; i < n; i++) {
        if (keys[i].hash == key->hash) {
            return true;
        }
    }

    return false;
}


/* Deletes so many of the pool's first keys. */
static int
pool_delete(fkv__evict_t *evict, unsigned want, uint64_t *freed)
{
    fkv__evict_scope_t  *scope = evict->scope;
    fkv__evict_key_t    *keys = evict->keys;
    fkv_update_t        *update = &evict->update;
    uint64_t             deleted = 0;
    unsigned             taken = 0;
    int                  rc;

    *update = (fkv_update_t) {
        .op = { .on_done = fkv__twin_done, .data = evict },
        .store = evict->store,
        .now_ms = fkv_now_ms(evict->store),
        .changes = evict->changes,
        .decide = decide
    };

    while (taken < want && taken < scope->n && update->n < FKV__EVICT_BATCH) {
        fkv__evict_key_t  *key = &scope->pool[taken++];

        if (has_key(keys, update->n, key)) {
            continue;
        }

        keys[update->n] = *key;
        evict->changes[update->n] = (fkv_change_t) {
            .ns = key->ns,
            .key = fkv__buf_str(&key->key),
            .bare = true
        };
        update->n++;
    }

    if (update->n == 0) {
        return FKV_OK;
    }

    FKV_STEP("evict.1");
    rc = fkv__twin_wait(evict->store, &update->op, fkv_update(update),
                        evict->stop);
    FKV_STEP("evict.2");

    if (rc == FKV_ECANCELED) {
        return rc;                          /* the keys are still in use */
    }

    for (unsigned i = 0; i < update->n && rc == FKV_OK; i++) {
        if (evict->changes[i].version != 0) {
            *freed += keys[i].bytes;
            deleted++;
        }
    }

    fkv__count(evict->store, evicted, deleted);
    fkv__count(evict->store, evicted_bytes, *freed);
    fkv__count(evict->store, evict_changed, update->n - deleted);
    pool_drop(scope, taken, FKV__EVICT_POOL);

    return (rc == FKV_CONFLICT) ? FKV_OK : rc;
}


static int
evict_round(fkv__evict_t *evict, uint64_t *freed)
{
    const fkv__version_t  *version = evict->store->tables->version;
    fkv__evict_scope_t    *scope = evict->scope;
    unsigned               hands = version->n[0];
    uint64_t               begin = fkv__monotonic_us();
    int                    rc = FKV_OK;

    for (unsigned level = 1; level < FKV__LEVELS; level++) {
        hands += version->n[level];
    }

    hands = fkv__max(fkv__min(hands, FKV__EVICT_HANDS), 1);
    *freed = 0;

    for (unsigned i = 0; rc == FKV_OK && i < FKV__EVICT_HANDS; i++) {
        rc = hand_run(evict, &scope->hands[i % hands]);
    }

    if (rc == FKV_OK) {
        pool_sort(evict);
        rc = pool_delete(evict, scope->n / 8 + 1, freed);
    }

    if (*freed > 0) {
        scope->sampled = 0;
        fkv__pace_evicted(evict->store, *freed, fkv__monotonic_us() - begin);
    }

    return rc;
}


/* So many keys were met that it was everything, about twice. */
static bool
is_dry(const fkv__evict_t *evict)
{
    const fkv__evict_scope_t  *scope = evict->scope;
    uint64_t                   keys = 0;

    for (unsigned ns = scope->from; ns < scope->to; ns++) {
        keys += fkv__usage(evict->store, ns).keys;
    }

    return scope->sampled > 2 * keys + FKV__EVICT_POOL;
}


static void
dry_set(fkv_t *store, unsigned bound, bool dry)
{
    fkv__bound_shm_t  *shm = &store->seg->state.bounds[bound];
    uint32_t           was;

    was = __atomic_exchange_n(&shm->dry, dry, __ATOMIC_RELAXED);

    if (dry && !was) {
        fkv__log(store->log, FKV_LOG_WARN, "%s of store \"%s\" is reached, and "
                 "its policy finds nothing to evict: writes that add are "
                 "refused",
                 (bound == FKV__BOUND_STORE) ? "max_size" : "a quota",
                 store->path);
    }
}


/* Is there too much, or will be with what a write waits for? */
static bool
scope_full(const fkv__evict_t *evict, uint64_t max)
{
    const fkv__evict_scope_t  *scope = evict->scope;
    fkv__state_shm_t          *state = &evict->store->seg->state;
    uint64_t                   used, wanted;

    wanted = __atomic_load_n(&state->bounds[scope->bound].wanted,
                             __ATOMIC_RELAXED);
    used = fkv__size_used(evict->store, scope->bound);

    return used + wanted > max
           || (scope->active ? used > max / 100 * FKV__EVICT_LOW
                             : used >= max);
}


static int
scope_evict(fkv__evict_t *evict, fkv__evict_scope_t *scope)
{
    fkv_t             *store = evict->store;
    fkv__bound_shm_t  *shm = &store->seg->state.bounds[scope->bound];
    uint64_t           max = fkv__size_max(store, scope->bound), freed;
    int                rc;

    evict->scope = scope;
    evict->policy = fkv__size_policy(store, scope->bound);

    if (max == 0 || evict->policy == FKV_EVICT_NONE) {
        return FKV_END;
    }

    if (!scope_full(evict, max)) {
        scope->active = false;
        __atomic_store_n(&shm->wanted, 0, __ATOMIC_RELAXED);
        dry_set(store, scope->bound, false);
        pool_drop(scope, scope->n, 0);
        return FKV_END;
    }

    scope->active = true;
    rc = evict_round(evict, &freed);

    if (rc != FKV_OK) {
        return rc;
    }

    if (freed > 0) {
        dry_set(store, scope->bound, false);

    } else if (is_dry(evict)) {
        dry_set(store, scope->bound, true);
        __atomic_store_n(&shm->wanted, 0, __ATOMIC_RELAXED);
        return FKV_NOTFOUND;
    }

    return FKV_OK;
}


int
fkv__evict(fkv__evict_t *evict)
{
    int  all = FKV_END;

    for (unsigned i = 0; i < FKV__BOUNDS; i++) {
        int  rc = scope_evict(evict, &evict->scopes[i]);

        if (rc < 0) {
            return rc;
        }

        if (rc == FKV_OK || all == FKV_END) {
            all = rc;
        }
    }

    return all;
}


bool
fkv__evict_wanted(const fkv_t *store, unsigned percent)
{
    for (unsigned bound = 0; bound < FKV__BOUNDS; bound++) {
        const fkv__bound_shm_t  *shm = &store->seg->state.bounds[bound];
        uint64_t                 max = fkv__size_max(store, bound);

        if (max != 0 && fkv__size_policy(store, bound) != FKV_EVICT_NONE
            && (percent == 0
                || __atomic_load_n(&shm->wanted, __ATOMIC_RELAXED) != 0
                || fkv__size_used(store, bound) >= max / 100 * percent))
        {
            return true;
        }
    }

    return false;
}


void
fkv__evict_init(fkv__evict_t *evict)
{
    for (unsigned i = 0; i < FKV__BOUNDS; i++) {
        fkv__evict_scope_t  *scope = &evict->scopes[i];

        scope->bound = i;
        fkv__size_spaces(i, &scope->from, &scope->to);

        if (i == FKV__BOUND_STORE) {
            scope->to = FKV_NAMESPACE_CACHE + 1;
        }

        for (unsigned k = 0; k < FKV__EVICT_HANDS; k++) {
            scope->hands[k].ns = scope->from;
        }
    }
}


void
fkv__evict_done(fkv__evict_t *evict)
{
    for (unsigned i = 0; i < FKV__BOUNDS; i++) {
        fkv__evict_scope_t  *scope = &evict->scopes[i];

        pool_drop(scope, scope->n, 0);

        for (unsigned k = 0; k < FKV__EVICT_HANDS; k++) {
            fkv__buf_done(&scope->hands[k].key);
            fkv__buf_done(&scope->hands[k].until);
        }
    }

    fkv__buf_done(&evict->start);
}


/* A part of the sketch each time, so that no value wraps around. */
static void
sketch_sweep(fkv__evict_t *evict)
{
    fkv__segment_shm_t  *seg = evict->store->seg;
    uint64_t             n = seg->sketch_lines / SWEEP_TURNS + 1;
    uint32_t             policy = __atomic_load_n(&seg->state.evict,
                                                  __ATOMIC_RELAXED);

    fkv__sketch_sweep(seg, (policy == FKV_EVICT_LFU) ? FKV__SKETCH_LFU
                                                     : FKV__SKETCH_LRU,
                      evict->swept, n, fkv_now_ms(evict->store));
    evict->swept += n;
}


/* As long as there is a policy. */
static void
evict_attached(fkv__helper_t *helper, fkv__evict_t *evict)
{
    while (!fkv__helper_stopping(helper)
           && fkv__evict_wanted(helper->store, FKV__EVICT_FAR))
    {
        int  rc = fkv__evict(evict);

        sketch_sweep(evict);

        if (rc < 0 && rc != FKV_ECANCELED && rc != FKV_EREADONLY) {
            fkv__log(helper->store->log, FKV_LOG_ERROR, "eviction of store "
                     "\"%s\" failed: %s; it is tried again",
                     helper->store->path, fkv_code_text(rc));
        }

        if (rc != FKV_OK) {
            fkv__twin_turn(evict->store, (rc == FKV_END) ? IDLE_MS : DRY_MS);
        }
    }
}


void
fkv__evict_run(fkv__helper_t *helper)
{
    char           error[FKV_ERROR_BYTES];
    fkv_t         *twin;
    fkv__evict_t  *evict = fkv__zalloc(sizeof(*evict));

    if (evict == NULL) {
        fkv__log(helper->store->log, FKV_LOG_ERROR, "store \"%s\" cannot "
                 "evict: out of memory", helper->store->path);

    } else if (fkv__twin_open(&twin, helper->store, error) != FKV_OK) {
        fkv__log(helper->store->log, FKV_LOG_ERROR, "store \"%s\" cannot "
                 "evict: %s", helper->store->path, error);

    } else {
        evict->store = twin;
        evict->stop = &helper->stop;
        evict->random = fkv_now_ms(twin);
        fkv__evict_init(evict);
        evict_attached(helper, evict);
        fkv_twin_close(twin);
        fkv__evict_done(evict);
    }

    fkv__free(evict);
}
