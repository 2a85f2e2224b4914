/*
 * usage.c - nets of namespaces: added up, spread, turned into bytes of disk.
 */

#include "store/usage.h"
#include "shared/arena.h"

_Static_assert(FKV__USAGES == FKV__NAMESPACE_ELEMENTS + FKV_NAMESPACE_USERS,
               "a usage for each");

/* Sums wrap around: they are read as int64_t. */
typedef struct {
    fkv__usage_shm_t  net;
    uint64_t          file;
    uint64_t          raw;
} sum_t;


static void
usage_add(uint64_t *sum, int64_t n)
{
    if (n != 0) {
        (void) __atomic_fetch_add(sum, (uint64_t) n, __ATOMIC_RELAXED);
    }
}


void
fkv__usage_write(fkv__arena_shm_t *arena, const fkv_change_t *change,
    size_t key_bytes, bool fresh, bool known)
{
    fkv__usage_shm_t  *usage = &arena->usage[change->ns];

    if (change->action == FKV_MERGE) {
        usage_add(&usage->keys, fresh && !known);
        usage_add(&usage->bytes, fkv__usage_growth(change, key_bytes, known));
        return;
    }

    if (!change->prefix && (known || fresh)) {
        usage_add(&usage->keys, (change->action == FKV_PUT)
                                - (known && change->exists));
        usage_add(&usage->bytes, fkv__usage_growth(change, key_bytes, known));
    }
}


void
fkv__usage_element(fkv__arena_shm_t *arena, unsigned ns, int64_t bytes,
    bool fresh)
{
    fkv__usage_shm_t  *usage = &arena->usage[FKV__NAMESPACE_ELEMENTS + ns];

    if (fresh) {
        usage_add(&usage->keys, bytes > 0);
        usage_add(&usage->bytes, bytes);
    }
}


/* Those of a table's shares that we know the namespace of. */
static fkv__share_t *
known_shares(const fkv__table_info_t *info, size_t *n)
{
    fkv__share_t  *shares = fkv__shares(&info->shares, n);

    while (*n > 0 && shares[*n - 1].ns >= FKV__USAGES) {
        (*n)--;
    }

    return shares;
}


/* So much of the whole as part is of all; what is left goes with the last. */
static int64_t
part_of(uint64_t whole, uint64_t part, uint64_t all)
{
    return (part == all) ? (int64_t) whole
                         : (int64_t) ((double) (int64_t) whole
                                      * (double) part / (double) all);
}


/* Spreads the net of each namespace over the edit's first n tables. */
void
fkv__usage_merge(fkv__edit_t *edit, size_t n, const fkv__usage_shm_t *nets)
{
    uint64_t          raw[FKV__USAGES] = { 0 };
    fkv__usage_shm_t  left[FKV__USAGES];
    fkv__share_t     *shares;
    size_t            m;

    memcpy(left, nets, sizeof(left));

    for (size_t i = 0; i < n; i++) {
        shares = known_shares(&edit->adds[i].info, &m);

        for (size_t k = 0; k < m; k++) {
            raw[shares[k].ns] += shares[k].raw;
        }
    }

    for (size_t i = 0; i < n; i++) {
        shares = known_shares(&edit->adds[i].info, &m);

        for (size_t k = 0; k < m; k++) {
            fkv__share_t  *share = &shares[k];
            uint64_t       ns = share->ns;

            share->net_keys = part_of(left[ns].keys, share->raw, raw[ns]);
            share->net_bytes = part_of(left[ns].bytes, share->raw, raw[ns]);

            left[ns].keys -= (uint64_t) share->net_keys;
            left[ns].bytes -= (uint64_t) share->net_bytes;
            raw[ns] -= share->raw;
        }
    }
}


void
fkv__usage_flush(fkv__edit_t *edit, const fkv__arena_shm_t *arena)
{
    fkv__usage_shm_t  nets[FKV__USAGES];

    for (unsigned ns = 0; ns < FKV__USAGES; ns++) {
        nets[ns].keys = __atomic_load_n(&arena->usage[ns].keys,
                                        __ATOMIC_RELAXED);
        nets[ns].bytes = __atomic_load_n(&arena->usage[ns].bytes,
                                         __ATOMIC_RELAXED);
    }

    fkv__usage_merge(edit, edit->n_adds, nets);
}


/* Which part of a table's data lies before the offset? */
static double
part_before(const fkv__table_info_t *info, uint64_t offset)
{
    uint64_t  end = fkv__table_data_end(info);

    return (offset >= end) ? 1 : (double) offset / (double) end;
}


void
fkv__usage_gone(fkv__usage_shm_t *nets, const fkv__table_info_t *info,
    uint64_t to)
{
    size_t               n;
    const fkv__share_t  *shares = known_shares(info, &n);
    double               part;

    part = part_before(info, to) - part_before(info, info->taken);

    for (size_t i = 0; i < n; i++) {
        nets[shares[i].ns].keys
            += (uint64_t) (int64_t) ((double) shares[i].net_keys * part);
        nets[shares[i].ns].bytes
            += (uint64_t) (int64_t) ((double) shares[i].net_bytes * part);
    }
}


void
fkv__usage_settle(fkv__table_info_t *info)
{
    size_t         n;
    fkv__share_t  *shares = known_shares(info, &n);

    for (size_t i = 0; i < n; i++) {
        shares[i].net_keys = (int64_t) shares[i].keys;
        shares[i].net_bytes = (int64_t) shares[i].bytes;
    }
}


void
fkv__usage_replay(fkv__table_info_t *info)
{
    size_t         n;
    fkv__share_t  *shares = known_shares(info, &n);

    /* Tombstones are not known by namespace; more than one is rare. */

    for (size_t i = 0; i < n; i++) {
        uint64_t  raw = 0, dead;

        for (size_t k = 0; k < n; k++) {
            raw += shares[k].raw;
        }

        dead = (uint64_t) part_of(info->tombstones, shares[i].raw, raw);
        shares[i].net_keys -= (int64_t) dead;

        if (shares[i].keys > 0) {
            shares[i].net_bytes -= (int64_t) (shares[i].bytes
                                              / shares[i].keys * dead);
        }
    }
}


static bool
table_hidden(const fkv__version_t *version, const fkv__table_info_t *info)
{
    const fkv__range_t  *range;

    range = fkv__ranges_newest(version->ranges, fkv__buf_str(&info->smallest),
                               fkv__buf_str(&info->largest), UINT64_MAX);

    return range != NULL && range->version > info->version_max;
}


/* What part of its records is neither taken off its front nor expired? */
static double
table_alive(const fkv__table_info_t *info, uint64_t now_ms)
{
    return (1 - part_before(info, info->taken))
           * (1 - (double) fkv__table_expired(info, now_ms)
                  / (double) info->entries);
}


static void
table_sum(sum_t *sums, const fkv__table_info_t *info, uint64_t now_ms)
{
    double               alive = table_alive(info, now_ms);
    uint64_t             raw = 0, bytes = info->bytes;
    size_t               n;
    const fkv__share_t  *shares = known_shares(info, &n);

    for (size_t i = 0; i < n; i++) {
        raw += shares[i].raw;
    }

    for (size_t i = 0; i < fkv__blob_uses_n(&info->blobs); i++) {
        bytes += fkv__blob_uses(&info->blobs)[i].bytes;
    }

    for (size_t i = 0; i < n; i++) {
        const fkv__share_t  *share = &shares[i];
        sum_t               *sum = &sums[share->ns];

        sum->net.keys += (uint64_t) (int64_t) ((double) share->net_keys
                                               * alive);
        sum->net.bytes += (uint64_t) (int64_t) ((double) share->net_bytes
                                                * alive);
        sum->file += (uint64_t) part_of(bytes, share->raw, raw);
        sum->raw += share->raw;
    }
}


void
fkv__usage_announce(fkv_t *store, const fkv__version_t *version)
{
    fkv__state_shm_t  *state = &store->seg->state;
    sum_t              sums[FKV__USAGES] = { 0 };
    uint64_t           now_ms = fkv_now_ms(store);

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            const fkv__table_info_t  *info = &version->levels[level][i]->info;

            if (!table_hidden(version, info)) {
                table_sum(sums, info, now_ms);
            }
        }
    }

    for (unsigned ns = 0; ns < FKV__USAGES; ns++) {
        __atomic_store_n(&state->usage[ns].keys, sums[ns].net.keys,
                         __ATOMIC_RELAXED);
        __atomic_store_n(&state->usage[ns].bytes, sums[ns].net.bytes,
                         __ATOMIC_RELAXED);
        __atomic_store_n(&state->usage_file[ns], sums[ns].file,
                         __ATOMIC_RELAXED);
        __atomic_store_n(&state->usage_raw[ns], sums[ns].raw,
                         __ATOMIC_RELAXED);
    }
}


static void
usage_sum(sum_t *sum, const fkv__usage_shm_t *usage)
{
    sum->net.keys += __atomic_load_n(&usage->keys, __ATOMIC_RELAXED);
    sum->net.bytes += __atomic_load_n(&usage->bytes, __ATOMIC_RELAXED);
}


/* What tables and memtables have of the namespaces [from, to). */
static void
spaces_sum(const fkv__segment_shm_t *seg, unsigned from, unsigned to,
    sum_t *sum)
{
    const fkv__state_shm_t  *state = &seg->state;
    uint64_t                 set, floor;

    set = __atomic_load_n(&state->memtables, __ATOMIC_ACQUIRE);
    floor = __atomic_load_n(&state->floor, __ATOMIC_ACQUIRE);

    for (unsigned ns = from; ns < to; ns++) {
        usage_sum(sum, &state->usage[ns]);
        sum->file += __atomic_load_n(&state->usage_file[ns],
                                     __ATOMIC_RELAXED);
        sum->raw += __atomic_load_n(&state->usage_raw[ns], __ATOMIC_RELAXED);
    }

    for (unsigned i = 0; i < fkv__set_count(set); i++) {
        const fkv__arena_shm_t  *arena = &seg->arenas[fkv__set_arena(set, i)];

        if (arena->base + fkv__arena_word(arena).top <= floor) {
            continue;
        }

        for (unsigned ns = from; ns < to; ns++) {
            usage_sum(sum, &arena->usage[ns]);
        }
    }
}


static void
elements_sum(const fkv__segment_shm_t *seg, unsigned from, unsigned to,
    sum_t *sum)
{
    to = fkv__min(to, FKV_NAMESPACE_USERS);

    if (from < to) {
        spaces_sum(seg, FKV__NAMESPACE_ELEMENTS + from,
                   FKV__NAMESPACE_ELEMENTS + to, sum);
    }
}


static uint64_t
not_negative(uint64_t sum)
{
    return ((int64_t) sum < 0) ? 0 : sum;
}


static uint64_t
bytes_of_disk(const sum_t *sum)
{
    uint64_t  bytes = not_negative(sum->net.bytes);

    return (sum->raw == 0)
           ? bytes
           : (uint64_t) ((double) bytes * (double) sum->file
                         / (double) sum->raw);
}


fkv_usage_t
fkv__usage(const fkv_t *store, unsigned ns)
{
    sum_t     sum = { .file = 0 };
    uint64_t  keys;

    spaces_sum(store->seg, ns, ns + 1, &sum);
    keys = not_negative(sum.net.keys);
    elements_sum(store->seg, ns, ns + 1, &sum);

    return (fkv_usage_t) { .keys = keys, .bytes = bytes_of_disk(&sum) };
}


uint64_t
fkv__usage_bytes(const fkv_t *store, unsigned from, unsigned to)
{
    sum_t  sum = { .file = 0 };

    spaces_sum(store->seg, from, to, &sum);
    elements_sum(store->seg, from, to, &sum);

    return bytes_of_disk(&sum);
}
