/*
 * evict.c - sampling, choosing, deleting; and an event loop around it.
 */

#include "store/evict.h"
#include "base/hash.h"
#include "store/tables.h"
#include "store/usage.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define RUN_BYTES     (256 * 1024)
#define EMPTY_RUN     4         /* a run counts so many keys, were there none */
#define NAMESPACES    (FKV_NAMESPACE_CACHE + 1)
#define LOOK_MS       100       /* is somebody asking us to stop? */
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


static bool
stopping(const fkv__evict_t *evict)
{
    return evict->stop != NULL && __atomic_load_n(evict->stop,
                                                  __ATOMIC_ACQUIRE);
}


static void
on_done(fkv_op_t *op)
{
    ((fkv__evict_t *) op->data)->ended = true;
}


/* One turn of a loop as a worker's. */
static void
loop_turn(fkv__evict_t *evict, int64_t ms_max)
{
    fkv_t          *store = evict->store;
    int64_t         ms;
    struct pollfd   wake = { .fd = fkv_eventfd(store), .events = POLLIN };

    if (*evict->turn) {
        *evict->turn = false;
        fkv_turn(store);
    }

    ms = fkv_timeout_ms(store);
    ms = (ms < 0) ? ms_max : fkv__min(ms, ms_max);

    if (poll(&wake, 1, *evict->turn ? 0 : (int) ms) > 0) {
        uint64_t  n;

        if (read(wake.fd, &n, sizeof(n)) < 0) {
            n = 0;
        }
    }

    fkv_poll(store);
}


/* The answer of an op that was started, once it is there. */
static int
op_wait(fkv__evict_t *evict, const fkv_op_t *op, int rc)
{
    if (rc != FKV_AGAIN) {
        return rc;
    }

    while (!evict->ended) {
        if (stopping(evict)) {
            return FKV_ECANCELED;
        }

        loop_turn(evict, LOOK_MS);
    }

    return op->rc;
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
    fkv__evict_t      *evict = scan->op.data;
    fkv__evict_key_t  *sample;
    fkv__buf_t         ikey = { 0 };
    int                rc = ikey_make(&ikey, scan->ns, key);

    if (rc == FKV_OK) {
        rc = hand_remember(evict->hand, key);
    }

    if (rc == FKV_OK) {
        evict->past = fkv__str_cmp(fkv__buf_str(&ikey),
                                   fkv__buf_str(&evict->hand->until))
                      >= 0;
    }

    evict->sampled++;
    fkv__count(evict->store, evict_sampled, 1);

    if (rc == FKV_OK && evict->n < 2 * FKV__EVICT_POOL
        && (evict->policy != FKV_EVICT_TTL || value->expire_at != 0))
    {
        sample = &evict->pool[evict->n];
        *sample = (fkv__evict_key_t) {
            .ns = scan->ns,
            .version = value->version,
            .expire_at = value->expire_at,
            .bytes = key.len + value->data.len + value->content_type.len,
            .hash = fkv__hash(fkv__buf_str(&ikey))
        };
        rc = fkv__buf_append(&sample->key, key.data, key.len);
        evict->n += (rc == FKV_OK);
    }

    fkv__buf_done(&ikey);

    return rc;
}


/* A table by chance, the likelier the larger it is; NULL: there is none. */
static const fkv__table_t *
table_by_chance(fkv__evict_t *evict)
{
    const fkv__version_t  *version = evict->store->tables->version;
    uint64_t               bytes = 0, at;

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        bytes += version->bytes[level];
    }

    if (bytes == 0) {
        return NULL;
    }

    at = random_next(evict) % bytes;

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            const fkv__table_t  *table = version->levels[level][i];

            if (at < table->info.bytes) {
                return table;
            }

            at -= table->info.bytes;
        }
    }

    return NULL;
}


/* To the range of another table. */
static void
hand_move(fkv__evict_t *evict, fkv__evict_hand_t *hand)
{
    const fkv__table_t  *table = table_by_chance(evict);
    fkv_str_t            from;
    unsigned             ns;

    hand->until.len = 0;

    if (table == NULL) {
        return;
    }

    from = fkv__buf_str(&table->info.smallest);

    /* What cannot be remembered or read: it goes on where it is. */

    if (fkv__buf_reserve(&hand->key, from.len) != FKV_OK
        || fkv__key_decode(from, &ns, hand->key.data, &hand->key.len) != FKV_OK
        || ns >= NAMESPACES)
    {
        hand->key.len = 0;
        return;
    }

    hand->ns = ns;
    (void) fkv__buf_append(&hand->until, table->info.largest.data,
                           table->info.largest.len);
}


/* One run of a hand.  ns: only in this one, NAMESPACES: in all. */
static int
hand_run(fkv__evict_t *evict, fkv__evict_hand_t *hand, fkv_evict_e policy,
    unsigned ns)
{
    fkv_scan_t  *scan = &evict->scan;
    int          rc;

    evict->hand = hand;
    evict->policy = policy;
    evict->past = false;
    evict->ended = false;
    evict->sampled += EMPTY_RUN;
    evict->start.len = 0;

    /* The scan's own: on_entry moves the hand. */
    rc = fkv__buf_append(&evict->start, hand->key.data, hand->key.len);
    if (rc != FKV_OK) {
        return rc;
    }

    *scan = (fkv_scan_t) {
        .op = { .on_done = on_done, .data = evict },
        .store = evict->store,
        .ns = (ns < NAMESPACES) ? ns : hand->ns,
        .start = fkv__buf_str(&evict->start),
        .after = (hand->key.len > 0),
        .now_ms = fkv_now_ms(evict->store),
        .limit = FKV__EVICT_RUN,
        .bytes_max = RUN_BYTES,
        .on_entry = on_entry
    };

    rc = op_wait(evict, &scan->op, fkv_scan(scan));
    if (rc != FKV_OK) {
        return rc;
    }

    if (scan->complete) {
        hand->key.len = 0;
        hand->ns = (hand->ns + 1) % NAMESPACES;
    }

    /* The first one goes through everything, also what is in no table. */
    if (evict->past && hand != &evict->hands[0]) {
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
pool_sort(fkv__evict_t *evict, fkv_evict_e policy)
{
    uint64_t  now_ms = fkv_now_ms(evict->store);

    for (unsigned i = 0; i < evict->n; i++) {
        evict->pool[i].worth = key_worth(evict, policy, &evict->pool[i],
                                         now_ms);
    }

    qsort(evict->pool, evict->n, sizeof(evict->pool[0]), by_worth);
}


/* The first n leave the pool, and so does what it has no place for. */
static void
pool_drop(fkv__evict_t *evict, unsigned n, unsigned max)
{
    for (unsigned i = 0; i < n; i++) {
        key_forget(&evict->pool[i]);
    }

    evict->n -= n;
    memmove(evict->pool, evict->pool + n, evict->n * sizeof(evict->pool[0]));

    while (evict->n > max) {
        key_forget(&evict->pool[--evict->n]);
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


/* Deletes so many of the pool's first keys, or so many bytes. */
static int
pool_delete(fkv__evict_t *evict, unsigned want, uint64_t bytes_max,
    uint64_t *freed)
{
    fkv__evict_key_t  *keys = evict->keys;
    fkv_update_t      *update = &evict->update;
    uint64_t           bytes = 0, deleted = 0;
    unsigned           taken = 0;
    int                rc;

    evict->ended = false;
    *update = (fkv_update_t) {
        .op = { .on_done = on_done, .data = evict },
        .store = evict->store,
        .now_ms = fkv_now_ms(evict->store),
        .changes = evict->changes,
        .decide = decide
    };

    *freed = 0;

    while (taken < want && taken < evict->n && update->n < FKV__EVICT_BATCH
           && (bytes < bytes_max || update->n == 0))
    {
        fkv__evict_key_t  *key = &evict->pool[taken++];

        if (has_key(keys, update->n, key)) {
            continue;
        }

        keys[update->n] = *key;
        evict->changes[update->n] = (fkv_change_t) {
            .ns = key->ns,
            .key = fkv__buf_str(&key->key)
        };
        update->n++;
        bytes += key->bytes;
    }

    if (update->n == 0) {
        return FKV_NOTFOUND;
    }

    FKV_STEP("evict.1");
    rc = op_wait(evict, &update->op, fkv_update(update));
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
    pool_drop(evict, taken, FKV__EVICT_POOL);

    return (rc == FKV_CONFLICT) ? FKV_OK : rc;
}


static int
evict_round(fkv__evict_t *evict, unsigned ns, fkv_evict_e policy,
    uint64_t bytes, uint64_t *freed)
{
    unsigned  hands = evict->store->tables->version->n[0], n;
    int       rc = FKV_OK;

    for (unsigned level = 1; level < FKV__LEVELS; level++) {
        hands += evict->store->tables->version->n[level];
    }

    hands = fkv__max(fkv__min(hands, FKV__EVICT_HANDS), 1);
    n = (ns < NAMESPACES) ? 1 : hands;
    *freed = 0;

    for (unsigned i = 0; rc == FKV_OK && i < FKV__EVICT_HANDS; i++) {
        rc = hand_run(evict, &evict->hands[i % n], policy, ns);
    }

    if (rc != FKV_OK) {
        return rc;
    }

    pool_sort(evict, policy);
    rc = pool_delete(evict, evict->n / 8 + 1, bytes, freed);

    if (*freed > 0) {
        evict->sampled = 0;
    }

    return (rc == FKV_NOTFOUND) ? FKV_OK : rc;
}


/* So many keys were met that it was everything, about twice. */
static bool
evict_dry(const fkv__evict_t *evict)
{
    uint64_t  keys = 0;

    for (unsigned ns = 0; ns < NAMESPACES; ns++) {
        keys += fkv__usage(evict->store, ns).keys;
    }

    return evict->sampled > 2 * keys + FKV__EVICT_POOL;
}


static void
dry_set(fkv_t *store, bool dry)
{
    uint32_t  was = __atomic_exchange_n(&store->seg->state.evict_dry, dry,
                                        __ATOMIC_RELAXED);

    if (dry && !was) {
        fkv__log(store->log, FKV_LOG_WARN, "store \"%s\" is full, and its "
                 "policy finds nothing to evict: writes that add are refused",
                 store->path);
    }
}


int
fkv__evict(fkv__evict_t *evict)
{
    fkv_t             *store = evict->store;
    fkv__state_shm_t  *state = &store->seg->state;
    uint64_t           size, max, freed;
    fkv_evict_e        policy;
    int                rc;

    policy = __atomic_load_n(&state->evict, __ATOMIC_RELAXED);
    max = __atomic_load_n(&state->max_size, __ATOMIC_RELAXED);

    if (policy == FKV_EVICT_NONE || max == 0) {
        return FKV_END;
    }

    size = fkv__usage_bytes(store);

    if (evict->active ? size <= max / 100 * FKV__EVICT_LOW : size < max) {
        evict->active = false;
        dry_set(store, false);
        pool_drop(evict, evict->n, 0);
        return FKV_END;
    }

    evict->active = true;
    rc = evict_round(evict, NAMESPACES, policy, UINT64_MAX, &freed);

    if (rc != FKV_OK) {
        return rc;
    }

    if (freed > 0) {
        dry_set(store, false);

    } else if (evict_dry(evict)) {
        dry_set(store, true);
        return FKV_NOTFOUND;
    }

    return FKV_OK;
}


int
fkv__evict_ns(fkv__evict_t *evict, unsigned ns, fkv_evict_e policy,
    uint64_t bytes, uint64_t *freed)
{
    pool_drop(evict, evict->n, 0);

    return evict_round(evict, ns, policy, bytes, freed);
}


void
fkv__evict_done(fkv__evict_t *evict)
{
    pool_drop(evict, evict->n, 0);

    for (unsigned i = 0; i < FKV__EVICT_HANDS; i++) {
        fkv__buf_done(&evict->hands[i].key);
        fkv__buf_done(&evict->hands[i].until);
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


static void
on_turn(void *turn)
{
    *(bool *) turn = true;
}


/* As long as there is a policy. */
static void
evict_attached(fkv__helper_t *helper, fkv__evict_t *evict)
{
    while (!fkv__helper_stopping(helper) && fkv__evict_wanted(helper->store)) {
        int  rc = fkv__evict(evict);

        sketch_sweep(evict);

        if (rc < 0 && rc != FKV_ECANCELED && rc != FKV_EREADONLY) {
            fkv__log(helper->store->log, FKV_LOG_ERROR, "eviction of store "
                     "\"%s\" failed: %s; it is tried again",
                     helper->store->path, fkv_code_text(rc));
        }

        if (rc != FKV_OK) {
            loop_turn(evict, (rc == FKV_END) ? IDLE_MS : DRY_MS);
        }
    }
}


void
fkv__evict_run(fkv__helper_t *helper)
{
    char           error[FKV_ERROR_BYTES];
    bool           turn = false;
    fkv_t         *twin = fkv__twin_new(helper->store);
    fkv__evict_t  *evict = fkv__zalloc(sizeof(*evict));

    if (twin == NULL || evict == NULL) {
        fkv__log(helper->store->log, FKV_LOG_ERROR, "store \"%s\" cannot "
                 "evict: out of memory", helper->store->path);

    } else if (fkv_attach(twin, FKV_WORKER, helper->store->log, on_turn, &turn,
                          error) != FKV_OK)
    {
        fkv__log(helper->store->log, FKV_LOG_ERROR, "store \"%s\" cannot "
                 "evict: %s", helper->store->path, error);

    } else {
        evict->store = twin;
        evict->stop = &helper->stop;
        evict->turn = &turn;
        evict->random = fkv_now_ms(twin);
        evict_attached(helper, evict);
        fkv_detach(twin);
        fkv__evict_done(evict);
    }

    fkv__free(evict);

    if (twin != NULL) {
        fkv__twin_free(twin);
    }
}
