/*
 * blocks.c - finding, filling, evicting.
 */

#include "shared/blocks.h"

#include <string.h>

#define CLOSED            (1ull << 63)
#define CHUNK_BYTES_MIN   (48 * 1024)
#define CHUNK_BYTES_MAX   (512 * 1024)
#define CHUNKS_WANTED     16
#define CHUNKS_MAX        4096      /* about; they are looked through */
#define BLOCK_BYTES_LEAST 512       /* a directory has a place for so many */
#define BYTES_PER_WORD    2048      /* half of a common block */
#define SPARES            2         /* chunks evicted ahead of their need */


static uint64_t *
blocks_bucket(const fkv__blocks_shm_t *blocks, uint32_t bucket)
{
    return (uint64_t *) (void *) ((uint8_t *) (uintptr_t) blocks
                                  + blocks->buckets_at)
           + (size_t) bucket * FKV__BLOCKS_WAYS;
}


static fkv__chunk_shm_t *
blocks_chunk(const fkv__blocks_shm_t *blocks, uint32_t chunk)
{
    return (fkv__chunk_shm_t *) (void *) ((uint8_t *) (uintptr_t) blocks
                                          + blocks->words_at) + chunk;
}


static uint32_t *
blocks_directory(const fkv__blocks_shm_t *blocks, uint32_t chunk)
{
    return (uint32_t *) (void *) ((uint8_t *) (uintptr_t) blocks
                                  + blocks->directories_at)
           + (size_t) chunk * blocks->chunk_blocks;
}


/* The place of a chunk's first byte, in units. */
static uint32_t
blocks_first(const fkv__blocks_shm_t *blocks, uint32_t chunk)
{
    return (uint32_t) ((blocks->chunks_at
                        + (uint64_t) chunk * blocks->chunk_bytes)
                       / FKV__BLOCKS_UNIT);
}


/* NULL: no block can be there. */
static fkv__block_shm_t *
blocks_at(const fkv__blocks_shm_t *blocks, uint32_t place)
{
    uint64_t           at = (uint64_t) place * FKV__BLOCKS_UNIT;
    fkv__block_shm_t  *block;

    if (at < blocks->chunks_at || at + sizeof(*block) > blocks->bytes) {
        return NULL;
    }

    block = (fkv__block_shm_t *) (void *) ((uint8_t *) (uintptr_t) blocks
                                           + at);

    if (block->len > blocks->bytes - at - sizeof(*block)) {
        return NULL;
    }

    return block;
}


static uint32_t
blocks_chunk_of(const fkv__blocks_shm_t *blocks, uint32_t place)
{
    return (uint32_t) (((uint64_t) place * FKV__BLOCKS_UNIT
                        - blocks->chunks_at) / blocks->chunk_bytes);
}


static uint64_t
blocks_hash(uint64_t id, uint64_t offset)
{
    uint64_t  hash = (id * 0x9e3779b97f4a7c15 ^ offset) * 0xff51afd7ed558ccd;

    return (hash ^ hash >> 29) * 0xc4ceb9fe1a85ec53;
}


/* A word is the hash's upper half and a place. */
static uint64_t
word_make(uint64_t hash, uint32_t place)
{
    return (hash & 0xffffffff00000000) | place;
}


static uint32_t
word_place(uint64_t word)
{
    return (uint32_t) word;
}


static bool
word_alike(uint64_t word, uint64_t hash)
{
    return ((word ^ hash) >> 32) == 0 && word_place(word) != 0;
}


static uint64_t
word_load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}


static bool
word_swap(uint64_t *word, uint64_t from, uint64_t to)
{
    return __atomic_compare_exchange_n(word, &from, to, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}


void
fkv__blocks_create(fkv__segment_shm_t *seg)
{
    fkv__blocks_shm_t  *blocks = fkv__blocks(seg);
    uint64_t            at, bytes = seg->blocks_bytes, words = 1, chunk;

    while (words * FKV__BLOCKS_WAYS * BYTES_PER_WORD < bytes) {
        words *= 2;
    }

    chunk = fkv__min(bytes / CHUNKS_WANTED, CHUNK_BYTES_MAX);
    chunk = fkv__max(fkv__max(chunk, CHUNK_BYTES_MIN), bytes / CHUNKS_MAX);
    chunk = fkv__align_down(chunk, FKV__BLOCKS_UNIT);

    blocks->bytes = bytes;
    blocks->chunk_bytes = (uint32_t) chunk;
    blocks->chunk_blocks = (uint32_t) chunk / BLOCK_BYTES_LEAST;
    blocks->buckets_n = (uint32_t) words;

    at = fkv__align(sizeof(*blocks), FKV__CACHE_LINE);
    blocks->buckets_at = at;
    at += words * FKV__BLOCKS_WAYS * sizeof(uint64_t);

    blocks->chunks_n = (uint32_t)
                       ((bytes - at - FKV__CACHE_LINE)
                        / (chunk + sizeof(fkv__chunk_shm_t)
                           + blocks->chunk_blocks * sizeof(uint32_t)));

    blocks->words_at = at;
    at += blocks->chunks_n * sizeof(fkv__chunk_shm_t);
    blocks->directories_at = at;
    at += (uint64_t) blocks->chunks_n * blocks->chunk_blocks
          * sizeof(uint32_t);
    blocks->chunks_at = fkv__align(at, FKV__CACHE_LINE);

    blocks->epoch = 1;
}


size_t
fkv__blocks_len_max(const fkv__segment_shm_t *seg, fkv__blocks_kind_e kind)
{
    size_t  chunk = fkv__blocks(seg)->chunk_bytes;

    /* A large one closes a chunk that is half empty. */
    return (kind == FKV__BLOCKS_META ? chunk : chunk / 2)
           - sizeof(fkv__block_shm_t);
}


static bool
block_is(const fkv__block_shm_t *block, uint64_t id, uint64_t offset)
{
    return block != NULL && block->offset == offset && block->id == id;
}


static void
block_use(fkv__block_shm_t *block)
{
    /* Mostly it is set, and its line stays clean. */
    if (__atomic_load_n(&block->used, __ATOMIC_RELAXED) == 0) {
        __atomic_store_n(&block->used, 1, __ATOMIC_RELAXED);
    }
}


static void
block_payload(const fkv__block_shm_t *block, fkv_str_t *payload)
{
    payload->data = (const uint8_t *) (block + 1);
    payload->len = block->len;
}


static uint32_t
blocks_generation(const fkv__blocks_shm_t *blocks, uint32_t place)
{
    uint32_t  chunk = blocks_chunk_of(blocks, place);

    return __atomic_load_n(&blocks_chunk(blocks, chunk)->generation,
                           __ATOMIC_SEQ_CST);
}


/* An odd generation is about to end: nothing to be remembered. */
static void
blocks_remember(const fkv__blocks_shm_t *blocks, uint32_t place,
    fkv__blocks_hint_t *hint)
{
    uint32_t  generation = blocks_generation(blocks, place);

    hint->place = (generation % 2 == 0) ? place : 0;
    hint->generation = generation;
}


static fkv__block_shm_t *
blocks_search(const fkv__blocks_shm_t *blocks, uint64_t id, uint64_t offset,
    fkv__blocks_hint_t *hint)
{
    uint64_t   hash = blocks_hash(id, offset);
    uint64_t  *words = blocks_bucket(blocks,
                                     (uint32_t) hash & (blocks->buckets_n - 1));

    for (unsigned i = 0; i < FKV__BLOCKS_WAYS; i++) {
        uint64_t           word = word_load(&words[i]);
        fkv__block_shm_t  *block;

        if (!word_alike(word, hash)) {
            continue;
        }

        block = blocks_at(blocks, word_place(word));

        if (!block_is(block, id, offset)) {
            continue;
        }

        if (hint != NULL) {
            blocks_remember(blocks, word_place(word), hint);
        }

        return block;
    }

    return NULL;
}


bool
fkv__blocks_find(fkv__segment_shm_t *seg, uint64_t id, uint64_t offset,
    fkv__blocks_hint_t *hint, fkv_str_t *payload)
{
    const fkv__blocks_shm_t  *blocks = fkv__blocks(seg);
    fkv__block_shm_t         *block;

    if (hint != NULL && hint->place != 0
        && blocks_generation(blocks, hint->place) == hint->generation)
    {
        block = blocks_at(blocks, hint->place);

    } else {
        block = blocks_search(blocks, id, offset, hint);
    }

    if (!block_is(block, id, offset)) {
        return false;
    }

    block_use(block);
    block_payload(block, payload);

    return true;
}


bool
fkv__blocks_has(const fkv__segment_shm_t *seg, uint64_t id, uint64_t offset)
{
    return blocks_search(fkv__blocks(seg), id, offset, NULL) != NULL;
}


static uint64_t
epoch_shown(const uint64_t *word)
{
    uint64_t  epoch = __atomic_load_n(word, __ATOMIC_SEQ_CST);

    return (epoch != 0) ? epoch : UINT64_MAX;
}


/* The lowest epoch that a slot shows; UINT64_MAX: none does. */
static uint64_t
epochs_lowest(const fkv__segment_shm_t *seg)
{
    uint64_t  lowest = UINT64_MAX;

    for (unsigned i = 0; i < FKV__SLOTS_MAX; i++) {
        const fkv__slot_shm_t  *slot = &seg->slots[i];

        lowest = fkv__min(lowest, epoch_shown(&slot->reading));
        lowest = fkv__min(lowest, epoch_shown(&slot->filling));
    }

    return lowest;
}


/* Sets where in the chunk, and which of its directory. */
static bool
chunk_reserve(const fkv__blocks_shm_t *blocks, uint32_t id, size_t bytes,
    uint32_t *at, uint32_t *entry)
{
    fkv__chunk_shm_t  *chunk = blocks_chunk(blocks, id);
    uint64_t           from, to;

    from = __atomic_load_n(&chunk->reserve, __ATOMIC_ACQUIRE);

    do {
        *at = (uint32_t) from;
        *entry = (uint32_t) (from >> 32);

        if ((from & CLOSED) != 0 || *entry >= blocks->chunk_blocks
            || bytes > blocks->chunk_bytes
            || *at > blocks->chunk_bytes - bytes)
        {
            return false;
        }

        to = (uint64_t) (*entry + 1) << 32 | (*at + (uint32_t) bytes);

    } while (!__atomic_compare_exchange_n(&chunk->reserve, &from, to, false,
                                          __ATOMIC_ACQ_REL,
                                          __ATOMIC_ACQUIRE));

    return true;
}


/*
 * The word that shall give way in a full bucket: one that was not used, data
 * first.
 */
static unsigned
bucket_victim(const fkv__blocks_shm_t *blocks, const uint64_t *words,
    unsigned hand)
{
    unsigned  victim = hand % FKV__BLOCKS_WAYS, least = UINT32_MAX;

    for (unsigned i = 0; i < FKV__BLOCKS_WAYS; i++) {
        unsigned                 way = (hand + i) % FKV__BLOCKS_WAYS, worth;
        const fkv__block_shm_t  *block;

        block = blocks_at(blocks, word_place(word_load(&words[way])));
        worth = (block == NULL) ? 0
                : 2 * (block->kind == FKV__BLOCKS_META)
                  + __atomic_load_n(&block->used, __ATOMIC_RELAXED);

        if (worth < least) {
            least = worth;
            victim = way;
        }
    }

    return victim;
}


/* Lets readers find the block, unless it is found already, elsewhere. */
static void
bucket_put(const fkv__blocks_shm_t *blocks, const fkv__block_shm_t *block,
    uint64_t hash, uint32_t place, fkv__blocks_work_t *work)
{
    uint64_t  *words = blocks_bucket(blocks, block->bucket), word;
    unsigned   way;

    if (blocks_search(blocks, block->id, block->offset, NULL) != NULL) {
        return;
    }

    for (way = 0; way < FKV__BLOCKS_WAYS; way++) {
        if (word_load(&words[way]) == 0
            && word_swap(&words[way], 0, word_make(hash, place)))
        {
            work->filled++;
            return;
        }
    }

    way = bucket_victim(blocks, words, place);
    word = word_load(&words[way]);

    if (word_swap(&words[way], word, word_make(hash, place))) {
        work->filled++;
        work->evicted += (word != 0);
    }
}


/* Copies a block to room that was reserved and notes it in the directory. */
static fkv__block_shm_t *
chunk_put(fkv__blocks_shm_t *blocks, uint32_t chunk, uint32_t at,
    uint32_t entry, const fkv__block_shm_t *head, const uint8_t *payload,
    uint32_t *place)
{
    fkv__block_shm_t  *block;

    *place = blocks_first(blocks, chunk) + at / FKV__BLOCKS_UNIT;
    block = (fkv__block_shm_t *) (void *) ((uint8_t *) blocks + (uint64_t)
                                           *place * FKV__BLOCKS_UNIT);
    *block = *head;
    memcpy(block + 1, payload, head->len);
    FKV_STEP("blocks.2");

    __atomic_store_n(&blocks_directory(blocks, chunk)[entry], *place,
                     __ATOMIC_RELEASE);
    FKV_STEP("blocks.3");

    return block;
}


static size_t
block_bytes(size_t len)
{
    return fkv__align(sizeof(fkv__block_shm_t) + len, FKV__BLOCKS_UNIT);
}


static uint64_t *
blocks_gone(fkv__blocks_shm_t *blocks, uint64_t id)
{
    return &blocks->gone[id % FKV__BLOCKS_GONE];
}


void
fkv__blocks_forget(fkv__segment_shm_t *seg, uint64_t id)
{
    __atomic_store_n(blocks_gone(fkv__blocks(seg), id), id, __ATOMIC_RELAXED);
}


/* A used block of a chunk that is being evicted goes to the open one. */
static bool
block_move(fkv__blocks_shm_t *blocks, const fkv__block_shm_t *from,
    uint64_t *word, uint64_t was)
{
    uint32_t          chunk, at, entry, place;
    fkv__block_shm_t  head = {
        .id = from->id, .offset = from->offset, .len = from->len,
        .bucket = from->bucket, .kind = from->kind
    };

    chunk = blocks->open[head.kind % FKV__BLOCKS_KINDS];

    if (chunk == 0
        || !chunk_reserve(blocks, chunk - 1, block_bytes(head.len), &at,
                          &entry))
    {
        return false;
    }

    (void) chunk_put(blocks, chunk - 1, at, entry, &head,
                     (const uint8_t *) (from + 1), &place);

    /* A failure: a full bucket has let it go. */
    (void) word_swap(word, was, word_make(was, place));

    return true;
}


/* The bucket's word that leads to place; NULL: none does any more. */
static uint64_t *
bucket_word(const fkv__blocks_shm_t *blocks, uint32_t bucket, uint32_t place)
{
    uint64_t  *words;

    if (bucket >= blocks->buckets_n) {
        return NULL;
    }

    words = blocks_bucket(blocks, bucket);

    for (unsigned i = 0; i < FKV__BLOCKS_WAYS; i++) {
        if (word_place(word_load(&words[i])) == place) {
            return &words[i];
        }
    }

    return NULL;
}


/* Nothing is reserved in it any more. */
static void
chunk_close(fkv__blocks_shm_t *blocks, uint32_t id)
{
    fkv__chunk_shm_t  *chunk = blocks_chunk(blocks, id);

    (void) __atomic_fetch_or(&chunk->reserve, CLOSED, __ATOMIC_SEQ_CST);

    chunk->stamp = __atomic_fetch_add(&blocks->epoch, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&chunk->state, FKV__CHUNK_CLOSED, __ATOMIC_RELEASE);
}


/*
 * Whatever share of it was used, at most three quarters move on: each eviction
 * makes room.
 */
static void
chunk_evict(fkv__blocks_shm_t *blocks, uint32_t id, fkv__blocks_work_t *work)
{
    fkv__chunk_shm_t  *chunk = blocks_chunk(blocks, id);
    const uint32_t    *directory = blocks_directory(blocks, id);
    uint32_t           n, budget = blocks->chunk_bytes / 4 * 3;

    n = (uint32_t) ((chunk->reserve & ~CLOSED) >> 32);

    __atomic_store_n(&chunk->generation, chunk->generation | 1,
                     __ATOMIC_SEQ_CST);

    for (uint32_t i = 0; i < fkv__min(n, blocks->chunk_blocks); i++) {
        uint32_t                 place;
        uint64_t                *word, was;
        const fkv__block_shm_t  *block;

        place = __atomic_load_n(&directory[i], __ATOMIC_ACQUIRE);
        block = blocks_at(blocks, place);
        word = (block != NULL) ? bucket_word(blocks, block->bucket, place)
                               : NULL;

        if (word == NULL) {
            continue;
        }

        was = word_load(word);

        if (__atomic_load_n(&block->used, __ATOMIC_RELAXED) != 0
            && __atomic_load_n(blocks_gone(blocks, block->id),
                               __ATOMIC_RELAXED) != block->id
            && block_bytes(block->len) <= budget
            && block_move(blocks, block, word, was))
        {
            budget -= (uint32_t) block_bytes(block->len);
            work->moved++;

        } else if (word_place(was) == place && word_swap(word, was, 0)) {
            work->evicted++;
        }

        FKV_STEP("blocks.6");
    }

    chunk->stamp = __atomic_fetch_add(&blocks->epoch, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&chunk->state, FKV__CHUNK_EVICTED, __ATOMIC_RELEASE);
    FKV_STEP("blocks.7");
}


/* A chunk that nobody looks into: its number + 1, or 0. */
static uint32_t
chunk_find_free(fkv__blocks_shm_t *blocks, uint64_t lowest)
{
    for (uint32_t i = 0; i < blocks->chunks_n; i++) {
        const fkv__chunk_shm_t  *chunk = blocks_chunk(blocks, i);

        if (chunk->state == FKV__CHUNK_FREE
            || (chunk->state == FKV__CHUNK_EVICTED && chunk->stamp < lowest))
        {
            return i + 1;
        }
    }

    return 0;
}


/* Opens a chunk for this kind and closes the one that was open. */
static bool
chunk_open(fkv__blocks_shm_t *blocks, fkv__blocks_kind_e kind,
    uint64_t lowest)
{
    uint32_t           id = chunk_find_free(blocks, lowest), old;
    fkv__chunk_shm_t  *chunk;

    if (id == 0) {
        return false;
    }

    chunk = blocks_chunk(blocks, id - 1);
    __atomic_store_n(&chunk->state, FKV__CHUNK_OPEN, __ATOMIC_RELAXED);
    FKV_STEP("blocks.4");

    memset(blocks_directory(blocks, id - 1), 0,
           blocks->chunk_blocks * sizeof(uint32_t));
    __atomic_store_n(&chunk->generation, (chunk->generation | 1) + 1,
                     __ATOMIC_SEQ_CST);
    chunk->kind = kind;
    chunk->born = ++blocks->born;
    __atomic_store_n(&chunk->reserve, 0, __ATOMIC_RELEASE);

    old = blocks->open[kind];
    __atomic_store_n(&blocks->open[kind], id, __ATOMIC_RELEASE);
    FKV_STEP("blocks.5");

    if (old != 0) {
        chunk_close(blocks, old - 1);
    }

    return true;
}


/* The chunk that is next to be evicted + 1, or 0. */
static uint32_t
blocks_victim(const fkv__blocks_shm_t *blocks, uint64_t lowest)
{
    uint64_t  age[FKV__BLOCKS_KINDS] = { 0 };
    uint32_t  oldest[FKV__BLOCKS_KINDS] = { 0 };

    for (uint32_t i = 0; i < blocks->chunks_n; i++) {
        const fkv__chunk_shm_t  *chunk = blocks_chunk(blocks, i);
        unsigned                 kind = chunk->kind % FKV__BLOCKS_KINDS;

        if (chunk->state == FKV__CHUNK_CLOSED && chunk->stamp < lowest
            && blocks->born - chunk->born >= age[kind])
        {
            age[kind] = blocks->born - chunk->born;
            oldest[kind] = i + 1;
        }
    }

    if (oldest[FKV__BLOCKS_DATA] != 0
        && age[FKV__BLOCKS_META] <= age[FKV__BLOCKS_DATA]
                                    * FKV__BLOCKS_META_AGE)
    {
        return oldest[FKV__BLOCKS_DATA];
    }

    return (oldest[FKV__BLOCKS_META] != 0) ? oldest[FKV__BLOCKS_META]
                                           : oldest[FKV__BLOCKS_DATA];
}


static unsigned
blocks_spare(const fkv__blocks_shm_t *blocks)
{
    unsigned  n = 0;

    for (uint32_t i = 0; i < blocks->chunks_n; i++) {
        uint32_t  state = blocks_chunk(blocks, i)->state;

        n += (state == FKV__CHUNK_FREE || state == FKV__CHUNK_EVICTED);
    }

    return n;
}


/* Room for this kind; as many chunks evicted as were opened. */
static void
blocks_turn(fkv__segment_shm_t *seg, fkv__blocks_kind_e kind,
    fkv__blocks_work_t *work)
{
    fkv__blocks_shm_t  *blocks = fkv__blocks(seg);
    uint64_t            lowest = epochs_lowest(seg);
    uint32_t            victim;

    (void) chunk_open(blocks, kind, lowest);

    for (unsigned n = blocks_spare(blocks); n < SPARES; n++) {
        victim = blocks_victim(blocks, lowest);

        if (victim == 0) {
            return;
        }

        chunk_evict(blocks, victim - 1, work);
    }
}


static bool
evictor_take(fkv__blocks_shm_t *blocks, unsigned slot)
{
    uint32_t  nobody = FKV__NOBODY;

    return __atomic_compare_exchange_n(&blocks->evictor, &nobody, slot + 1,
                                       false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}


static void
evictor_drop(fkv__blocks_shm_t *blocks)
{
    __atomic_store_n(&blocks->evictor, FKV__NOBODY, __ATOMIC_RELEASE);
}


/* Sets chunk and room in it; false: not now. */
static bool
blocks_reserve(fkv__segment_shm_t *seg, unsigned slot,
    fkv__blocks_kind_e kind, size_t bytes, uint32_t *chunk, uint32_t *at,
    uint32_t *entry, fkv__blocks_work_t *work)
{
    fkv__blocks_shm_t  *blocks = fkv__blocks(seg);

    for (unsigned i = 0; i < 2; i++) {
        uint32_t  open = __atomic_load_n(&blocks->open[kind],
                                         __ATOMIC_ACQUIRE);

        *chunk = open - 1;

        if (open != 0 && chunk_reserve(blocks, *chunk, bytes, at, entry)) {
            return true;
        }

        if (i > 0 || !evictor_take(blocks, slot)) {
            return false;
        }

        /* Somebody else may have just opened one. */
        if (__atomic_load_n(&blocks->open[kind], __ATOMIC_RELAXED) == open) {
            blocks_turn(seg, kind, work);
        }

        evictor_drop(blocks);
    }

    return false;
}


void
fkv__blocks_fill(fkv__segment_shm_t *seg, unsigned slot, uint64_t id,
    uint64_t offset, fkv__blocks_kind_e kind, fkv_str_t payload,
    fkv__blocks_work_t *work)
{
    fkv__blocks_shm_t       *blocks = fkv__blocks(seg);
    uint64_t                 hash = blocks_hash(id, offset);
    uint32_t                 chunk, at, entry, place;
    const fkv__block_shm_t  *block;

    fkv__block_shm_t  head = {
        .id = id, .offset = offset, .len = (uint32_t) payload.len,
        .bucket = (uint32_t) hash & (blocks->buckets_n - 1), .kind = kind
    };

    memset(work, 0, sizeof(*work));

    if (payload.len > fkv__blocks_len_max(seg, kind)
        || blocks_search(blocks, id, offset, NULL) != NULL
        || !blocks_reserve(seg, slot, kind, block_bytes(payload.len), &chunk,
                           &at, &entry, work))
    {
        return;
    }

    FKV_STEP("blocks.1");
    block = chunk_put(blocks, chunk, at, entry, &head, payload.data, &place);
    bucket_put(blocks, block, hash, place, work);
}


void
fkv__blocks_repair(fkv__segment_shm_t *seg, unsigned slot)
{
    fkv__blocks_shm_t  *blocks = fkv__blocks(seg);
    uint32_t            owner = slot + 1;

    if (__atomic_load_n(&blocks->evictor, __ATOMIC_ACQUIRE) != owner) {
        return;
    }

    for (uint32_t i = 0; i < blocks->chunks_n; i++) {
        if (blocks_chunk(blocks, i)->state != FKV__CHUNK_OPEN
            || blocks->open[FKV__BLOCKS_DATA] == i + 1
            || blocks->open[FKV__BLOCKS_META] == i + 1)
        {
            continue;
        }

        /* Opened by halves, or not closed: what can be found stays so. */
        chunk_close(blocks, i);
    }

    (void) __atomic_compare_exchange_n(&blocks->evictor, &owner, FKV__NOBODY,
                                       false, __ATOMIC_RELEASE,
                                       __ATOMIC_RELAXED);
}


uint64_t
fkv__blocks_used(const fkv__segment_shm_t *seg)
{
    const fkv__blocks_shm_t  *blocks = fkv__blocks(seg);
    uint64_t                  used = 0;

    for (uint32_t i = 0; i < blocks->chunks_n; i++) {
        const fkv__chunk_shm_t  *chunk = blocks_chunk(blocks, i);
        uint32_t                 state;

        state = __atomic_load_n(&chunk->state, __ATOMIC_RELAXED);

        if (state == FKV__CHUNK_OPEN || state == FKV__CHUNK_CLOSED) {
            used += (uint32_t) __atomic_load_n(&chunk->reserve,
                                               __ATOMIC_RELAXED);
        }
    }

    return used;
}
