/*
 * memtable.c - nodes, hash chains and skip list of one arena.
 *
 * All links are 32-bit offsets that are read with acquire and written with
 * release or CAS, so a reader that follows one sees a complete node.
 */

#include "store/memtable.h"
#include "store/memtable_node.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "format/key.h"

typedef fkv__memtable_prefix_t  key_prefix_t;
typedef fkv__memtable_target_t  target_t;

#define PREFIX_BYTES  sizeof(key_prefix_t)


void
fkv__memtable_init(fkv__memtable_t *mt, fkv__segment_shm_t *seg,
    unsigned arena)
{
    mt->shm = &seg->arenas[arena];
    mt->mem = fkv__segment_arena(seg, arena);
    mt->buckets = fkv__segment_buckets(seg, arena);
    mt->bucket_mask = (uint32_t) seg->buckets - 1;
    mt->bytes = (uint32_t) seg->arena_bytes;
}


/*
 * One level in four goes a level higher.  The height follows from the hash,
 * so that a reaper reserves nothing anew when it repeats a link.
 */
static uint32_t
height_of(uint64_t hash)
{
    uint32_t  height = 1;

    for (hash >>= 32; height < FKV__HEIGHT_MAX && (hash & 3) == 0; hash >>= 2)
    {
        height++;
    }

    return height;
}


static uint32_t
key_node_bytes(uint64_t hash)
{
    size_t  n = sizeof(key_node_shm_t) + height_of(hash) * sizeof(uint32_t);

    return (uint32_t) fkv__align(n, NODE_ALIGN);
}


uint32_t
fkv__memtable_nodes(uint64_t hash, bool with_key)
{
    return (uint32_t) sizeof(version_node_shm_t)
           + (with_key ? key_node_bytes(hash) : 0);
}


static key_prefix_t
key_prefix(fkv_str_t key, size_t group)
{
    uint8_t         bytes[PREFIX_BYTES] = { 0 };
    const uint8_t  *p = key.data + group;
    size_t          len = key.len - group;

    if (len < PREFIX_BYTES) {
        if (len > 0) {
            memcpy(bytes, p, len);
        }

        p = bytes;
    }

    return (key_prefix_t) { fkv__get_be64(p), fkv__get_be64(p + 8) };
}


static inline target_t
target_of(fkv_str_t key)
{
    uint8_t  ns = (key.len > 0) ? key.data[0] : 0;
    size_t   group = (ns >= FKV__NAMESPACE_ELEMENTS) ? fkv__key_group(key) : 0;

    return (target_t) {
        .key = key, .group = group, .prefix = key_prefix(key, group), .ns = ns
    };
}


static bool
node_of_group(const fkv__memtable_t *mt, const key_node_shm_t *node,
    const target_t *target)
{
    return target->group > 0 && node->key_len >= target->group
           && memcmp(mt->mem + node->key_at, target->key.data, target->group)
              == 0;
}


/* Elements that may be of several groups. */
static int
node_cmp_apart(const fkv__memtable_t *mt, const key_node_shm_t *node,
    target_t *target)
{
    int  rc = fkv__str_cmp(node_key(mt, node), target->key);

    if (node_of_group(mt, node, target)) {
        target->left |= (rc < 0);
        target->right |= (rc >= 0);
    }

    return rc;
}


/* < 0 if the node's key sorts before the target's. */
static inline int
node_cmp(const fkv__memtable_t *mt, const key_node_shm_t *node,
    target_t *target)
{
    if (node->ns != target->ns) {
        return (node->ns < target->ns) ? -1 : 1;
    }

    if (target->ns >= FKV__NAMESPACE_ELEMENTS
        && !(target->left && target->right))
    {
        return node_cmp_apart(mt, node, target);
    }

    if (node->prefix_high != target->prefix.high) {
        return (node->prefix_high < target->prefix.high) ? -1 : 1;
    }

    if (node->prefix_low != target->prefix.low) {
        return (node->prefix_low < target->prefix.low) ? -1 : 1;
    }

    return fkv__str_cmp(node_key(mt, node), target->key);
}


static inline bool
node_has(const fkv__memtable_t *mt, const key_node_shm_t *node,
    const target_t *target)
{
    fkv_str_t  key = target->key;
    size_t     skip = (target->ns < FKV__NAMESPACE_ELEMENTS) ? PREFIX_BYTES : 0;

    return node->key_len == key.len
           && node->ns == target->ns
           && node->prefix_high == target->prefix.high
           && node->prefix_low == target->prefix.low
           && (key.len <= skip
               || memcmp(mt->mem + node->key_at + skip, key.data + skip,
                         key.len - skip) == 0);
}


/*
 * A link of a hash chain: the offset of a node, and in the bits that no offset
 * has, one for each key that lies behind it.
 */
#define CHAIN_OFFSET  (FKV__ARENA_BYTES_MAX - NODE_ALIGN)
#define CHAIN_BITS    9

_Static_assert(__builtin_popcount(~CHAIN_OFFSET) == CHAIN_BITS,
               "six bits above, three below an offset");


/* The bit of a key: by the half of the hash that chose no bucket. */
static uint32_t
chain_bit(uint64_t hash)
{
    uint32_t  bit = (uint32_t) (((hash >> 32) * CHAIN_BITS) >> 32);

    return (bit < 3) ? 1u << bit : 1u << (bit + 23);
}


static uint32_t
hash_find(const fkv__memtable_t *mt, fkv_str_t key, uint64_t hash)
{
    uint32_t  bit = chain_bit(hash);
    uint32_t  link = link_load(&mt->buckets[hash & mt->bucket_mask]);
    target_t  target = target_of(key);

    while (link & bit) {
        uint32_t               at = link & CHAIN_OFFSET;
        const key_node_shm_t  *node = key_node(mt, at);

        if (node->hash == (uint32_t) hash && node_has(mt, node, &target)) {
            return at;
        }

        link = node->hash_next;
    }

    return 0;
}


static void
pos_set(const fkv__memtable_t *mt, uint32_t entry, fkv__memtable_pos_t *pos)
{
    const version_node_shm_t  *version = version_node(mt, entry);
    const uint32_t            *state = (const uint32_t *) (const void *)
                                       (mt->mem + version->frame_at);

    pos->entry = entry;
    pos->frame = version->frame_at;
    pos->version = mt->shm->base + version->record_at;
    pos->ready = __atomic_load_n(state, __ATOMIC_ACQUIRE) == FKV__FRAME_READY;
}


bool
fkv__memtable_find(const fkv__memtable_t *mt, fkv_str_t ikey, uint64_t hash,
    uint64_t below, fkv__memtable_pos_t *pos)
{
    uint64_t  base = mt->shm->base;
    uint32_t  at;

    memset(pos, 0, sizeof(*pos));

    pos->node = hash_find(mt, ikey, hash);
    if (pos->node == 0) {
        return false;
    }

    at = link_load(&key_node(mt, pos->node)->versions);

    while (at != 0) {
        const version_node_shm_t  *version = version_node(mt, at);

        if (base + version->record_at < below
            && !version_is_void(mt, version))
        {
            pos_set(mt, at, pos);
            return true;
        }

        at = version->older;
    }

    return false;
}


/* The first of the list that is not void, from at on. */
static uint32_t
range_from(const fkv__memtable_t *mt, uint32_t at)
{
    while (at != 0 && version_is_void(mt, version_node(mt, at))) {
        at = version_node(mt, at)->older;
    }

    return at;
}


uint32_t
fkv__memtable_next_range(const fkv__memtable_t *mt, uint32_t entry)
{
    return range_from(mt, (entry == 0) ? link_load(&mt->shm->ranges)
                                       : version_node(mt, entry)->older);
}


int
fkv__memtable_range(const fkv__memtable_t *mt, uint32_t entry,
    fkv__range_t *range)
{
    fkv__record_t  rec;

    if (fkv__memtable_record(mt, entry, &rec) != FKV_OK) {
        return FKV_ECORRUPT;
    }

    return fkv__range_get(&rec, range);
}


static int
ranges_collect(const fkv__memtable_t *mt, fkv__buf_t *list)
{
    uint32_t  at = 0;

    while ((at = fkv__memtable_next_range(mt, at)) != 0) {
        fkv__range_t  range;
        int           rc = fkv__memtable_range(mt, at, &range);

        if (rc == FKV_OK) {
            rc = fkv__buf_append(list, &range, sizeof(range));
        }

        if (rc != FKV_OK) {
            return rc;
        }
    }

    return FKV_OK;
}


int
fkv__memtable_ranges(const fkv__memtable_t *memtables, unsigned n,
    fkv__ranges_t **to)
{
    fkv__buf_t  list = { 0 };
    int         rc = FKV_OK;

    *to = NULL;

    for (unsigned i = 0; rc == FKV_OK && i < n; i++) {
        rc = ranges_collect(&memtables[i], &list);
    }

    if (rc == FKV_OK) {
        rc = fkv__ranges_new(to, (const fkv__range_t *) (void *) list.data,
                             list.len / sizeof(fkv__range_t));
    }

    fkv__buf_done(&list);

    return rc;
}


bool
fkv__memtable_cover(const fkv__memtable_t *mt, fkv_str_t ikey, uint64_t below,
    fkv__memtable_pos_t *pos)
{
    uint64_t  base = mt->shm->base;
    uint32_t  at = 0;

    while ((at = fkv__memtable_next_range(mt, at)) != 0) {
        uint64_t      version = base + version_node(mt, at)->record_at;
        fkv__range_t  range;

        if (pos->entry != 0 && version <= pos->version) {
            return false;
        }

        if (version >= below) {
            continue;
        }

        if (fkv__memtable_range(mt, at, &range) != FKV_OK
            || fkv__range_has(&range, ikey))
        {
            pos_set(mt, at, pos);
            return true;
        }
    }

    return false;
}


int
fkv__memtable_record(const fkv__memtable_t *mt, uint32_t entry,
    fkv__record_t *rec)
{
    const uint8_t  *next;
    uint32_t        at = version_node(mt, entry)->record_at;

    if (fkv__record_get(mt->mem + at, mt->mem + mt->bytes, rec, &next)
        != FKV_OK)
    {
        return FKV_ECORRUPT;
    }

    rec->version = mt->shm->base + at;

    return FKV_OK;
}


/*
 * The links that a node of this key follows at each level: prev[] points at
 * the words, next[] at what they hold.  Returns the node that has the key.
 *
 * Every step may miss the cache, so the node that is looked at if the search
 * goes down is fetched while the one at this level is compared.
 */
static uint32_t
skip_find(const fkv__memtable_t *mt, fkv_str_t key, uint32_t *prev[],
    uint32_t next[])
{
    target_t  target = target_of(key);
    uint32_t  *links = mt->shm->head;
    uint32_t   behind = 0;          /* a node known to sort not before key */

    for (int level = FKV__HEIGHT_MAX - 1; level >= 0; level--) {
        uint32_t  at = link_load(&links[level]);

        while (at != 0 && at != behind) {
            key_node_shm_t  *node = key_node(mt, at);

            if (level > 0) {
                __builtin_prefetch(key_node(mt, link_load(&links[level - 1])));
            }

            if (node_cmp(mt, node, &target) >= 0) {
                break;
            }

            links = node->next;
            at = link_load(&links[level]);
        }

        prev[level] = &links[level];
        next[level] = at;
        behind = at;
    }

    if (next[0] != 0 && node_has(mt, key_node(mt, next[0]), &target)) {
        return next[0];
    }

    return 0;
}


/* A node, with the first words of next. */
static void
node_prefetch(const fkv__memtable_t *mt, uint32_t at)
{
    __builtin_prefetch(mt->mem + at);
    __builtin_prefetch(mt->mem + at + sizeof(key_node_shm_t));
}


/* To the next node that must be looked at, which is not looked at yet. */
static bool
walk_skip(const fkv__memtable_t *mt, fkv__memtable_walk_t *walk)
{
    for ( ; walk->level >= 0; walk->level--) {
        walk->at = link_load(&walk->links[walk->level]);

        if (walk->at != 0 && walk->at != walk->behind) {
            node_prefetch(mt, walk->at);
            return true;
        }

        walk->behind = walk->at;
    }

    return false;
}


/* To the node that a link of the hash chain leads to, or out of the chain. */
static bool
walk_chain(const fkv__memtable_t *mt, fkv__memtable_walk_t *walk,
    uint32_t link)
{
    if (link & chain_bit(walk->hash)) {
        walk->state = FKV__WALK_CHAIN;
        walk->at = link & CHAIN_OFFSET;
        node_prefetch(mt, walk->at);
        return true;
    }

    if (!walk->place) {
        return false;
    }

    walk->state = FKV__WALK_SKIP;
    walk->target = target_of(walk->ikey);
    walk->behind = 0;
    walk->links = mt->shm->head;
    walk->level = FKV__HEIGHT_MAX - 1;

    return walk_skip(mt, walk);
}


bool
fkv__memtable_walk_begin(const fkv__memtable_t *mt,
    fkv__memtable_walk_t *walk)
{
    walk->found = false;

    return walk_chain(mt, walk,
                      link_load(&mt->buckets[walk->hash & mt->bucket_mask]));
}


/* All of the hash is as good as the key here. */
static bool
walk_chain_step(const fkv__memtable_t *mt, fkv__memtable_walk_t *walk)
{
    const key_node_shm_t  *node = key_node(mt, walk->at);

    if (node->hash != (uint32_t) walk->hash) {
        return walk_chain(mt, walk, node->hash_next);
    }

    walk->found = true;
    walk->state = FKV__WALK_VERSION;
    walk->at = link_load(&node->versions);
    __builtin_prefetch(mt->mem + node->key_at);
    __builtin_prefetch(mt->mem + walk->at);

    return walk->at != 0;
}


bool
fkv__memtable_walk_step(const fkv__memtable_t *mt, fkv__memtable_walk_t *walk)
{
    const version_node_shm_t  *version;

    switch (walk->state) {
    case FKV__WALK_CHAIN:
        return walk_chain_step(mt, walk);

    case FKV__WALK_VERSION:
        version = version_node(mt, walk->at);
        __builtin_prefetch(mt->mem + version->frame_at);
        __builtin_prefetch(mt->mem + version->record_at);
        __builtin_prefetch(mt->mem + version->record_at + 64);
        return false;

    case FKV__WALK_SKIP:
        if (node_cmp(mt, key_node(mt, walk->at), &walk->target) < 0) {
            walk->links = key_node(mt, walk->at)->next;

        } else {
            walk->behind = walk->at;
            walk->level--;
        }

        return walk_skip(mt, walk);
    }

    fkv__unreachable();
}


/*
 * Links the node into the levels where it is missing, from the bottom up: a
 * node on level n is on all levels below.  prev and next are as skip_find()
 * has left them.
 */
static void
skip_link(fkv__memtable_t *mt, fkv_str_t key, uint32_t at, uint32_t *prev[],
    uint32_t next[])
{
    key_node_shm_t  *node = key_node(mt, at);

    for (uint32_t level = 0; level < node->height; level++) {
        while (next[level] != at) {
            __atomic_store_n(&node->next[level], next[level],
                             __ATOMIC_RELAXED);

            if (__atomic_compare_exchange_n(prev[level], &next[level], at,
                                            false, __ATOMIC_RELEASE,
                                            __ATOMIC_RELAXED))
            {
                break;
            }

            /* A neighbour was faster: look again where we belong. */
            (void) skip_find(mt, key, prev, next);
        }

        FKV_STEP("link.1");
    }
}


static void
hash_link(fkv__memtable_t *mt, uint64_t hash, uint32_t at)
{
    uint32_t  *bucket = &mt->buckets[hash & mt->bucket_mask];
    uint32_t   first = __atomic_load_n(bucket, __ATOMIC_RELAXED);
    uint32_t   link;

    do {
        key_node(mt, at)->hash_next = first;
        link = at | (first & ~CHAIN_OFFSET) | chain_bit(hash);
    } while (!__atomic_compare_exchange_n(bucket, &first, link, false,
                                          __ATOMIC_RELEASE,
                                          __ATOMIC_RELAXED));
}


static uint32_t
nodes_take(uint32_t *nodes, uint32_t bytes)
{
    uint32_t  at = *nodes;

    *nodes += bytes;

    return at;
}


static void
key_node_fill(fkv__memtable_t *mt, uint32_t at, fkv_str_t ikey, uint64_t hash)
{
    key_node_shm_t  *node = key_node(mt, at);
    target_t         key = target_of(ikey);

    node->prefix_high = key.prefix.high;
    node->prefix_low = key.prefix.low;
    node->hash = (uint32_t) hash;
    node->versions = 0;
    node->key_at = (uint32_t) (ikey.data - mt->mem);
    node->key_len = (uint32_t) ikey.len;
    node->ns = key.ns;
    node->height = (uint8_t) height_of(hash);
}


/* The key's node, made and linked as far as it is not yet. */
static uint32_t
key_ensure(fkv__memtable_t *mt, fkv_str_t ikey, uint64_t hash, uint32_t *nodes)
{
    uint32_t  *prev[FKV__HEIGHT_MAX], next[FKV__HEIGHT_MAX];
    uint32_t   at = hash_find(mt, ikey, hash);

    if (at != 0) {
        /* Ours of an earlier try that ended behind the hash link? */
        if (at == *nodes) {
            (void) nodes_take(nodes, key_node_bytes(hash));
        }

        return at;
    }

    at = skip_find(mt, ikey, prev, next);

    if (at == 0) {
        key_node_fill(mt, *nodes, ikey, hash);
        at = *nodes;
    }

    if (at == *nodes) {
        (void) nodes_take(nodes, key_node_bytes(hash));
    }

    skip_link(mt, ikey, at, prev, next);
    FKV_STEP("link.2");

    hash_link(mt, hash, at);
    FKV_STEP("link.3");

    return at;
}


/*
 * Puts version node at in front of a list whose latch is held.  False if it is
 * there already.
 */
static bool
version_link(fkv__memtable_t *mt, uint32_t *newest_at, uint32_t at,
    uint32_t frame_at, uint32_t record_at)
{
    version_node_shm_t  *version = version_node(mt, at);
    uint32_t             newest = __atomic_load_n(newest_at, __ATOMIC_ACQUIRE);

    /*
     * The dead may have linked it and dropped the latch, and others may have
     * linked newer versions on top: it is not the latch that orders those
     * before a reaper, but the load.  A writer's own is always the highest.
     */
    for (uint32_t v = newest; v != 0; v = version_node(mt, v)->older) {
        if (v == at) {
            return false;
        }

        if (version_node(mt, v)->record_at < record_at) {
            break;
        }
    }

    version->older = newest;
    version->record_at = record_at;
    version->frame_at = frame_at;

    __atomic_store_n(newest_at, at, __ATOMIC_RELEASE);

    return true;
}


void
fkv__memtable_link(fkv__memtable_t *mt, fkv_str_t ikey, uint64_t hash,
    uint32_t frame_at, uint32_t record_at, uint32_t *nodes)
{
    uint32_t         at = nodes_take(nodes, sizeof(version_node_shm_t));
    key_node_shm_t  *node = key_node(mt, key_ensure(mt, ikey, hash, nodes));

    if (version_link(mt, &node->versions, at, frame_at, record_at)) {
        FKV_STEP("link.4");
    }
}


void
fkv__memtable_link_range(fkv__memtable_t *mt, uint32_t frame_at,
    uint32_t record_at, uint32_t *nodes)
{
    uint32_t  at = nodes_take(nodes, sizeof(version_node_shm_t));

    if (version_link(mt, &mt->shm->ranges, at, frame_at, record_at)) {
        FKV_STEP("link.5");
        (void) __atomic_fetch_add(&mt->shm->ranges_n, 1, __ATOMIC_RELAXED);
    }
}


void
fkv__memtable_iter_seek(fkv__memtable_iter_t *it, const fkv__memtable_t *mt,
    fkv_str_t ikey)
{
    uint32_t  *prev[FKV__HEIGHT_MAX], next[FKV__HEIGHT_MAX];

    (void) skip_find(mt, ikey, prev, next);

    it->mt = mt;
    it->node = next[0];
}


void
fkv__memtable_iter_next(fkv__memtable_iter_t *it)
{
    it->node = link_load(&key_node(it->mt, it->node)->next[0]);
}


fkv_str_t
fkv__memtable_iter_key(const fkv__memtable_iter_t *it)
{
    return node_key(it->mt, key_node(it->mt, it->node));
}


uint32_t
fkv__memtable_iter_version(const fkv__memtable_iter_t *it, uint32_t entry)
{
    uint32_t  at;

    at = (entry == 0) ? link_load(&key_node(it->mt, it->node)->versions)
                      : version_node(it->mt, entry)->older;

    while (at != 0 && version_is_void(it->mt, version_node(it->mt, at))) {
        at = version_node(it->mt, at)->older;
    }

    return at;
}
