/*
 * blocks.h - verified blocks of tables, shared by all processes: file id and
 * offset in, bytes out.
 *
 * Shape      | header | chunks' words | directories | buckets | chunks |
 *            A chunk is filled from its beginning, by everybody at once: room
 *            is reserved by one CAS, the block copied, its place noted in the
 *            chunk's directory and then in a bucket, where readers find it.
 *            When the open chunk is full another is opened and the oldest one
 *            evicted: what was used since goes to the open chunk as a new
 *            block, the rest is forgotten (CLOCK).  Index and filter fill
 *            chunks of their own, which grow FKV__BLOCKS_META_AGE times as
 *            old.  See README.md for why chunks, not frames
 * Processes  workers find and fill without locks; opening, closing and
 *            evicting chunks is the evictor's, a word that names its owner:
 *            who does not get it at once does without caching its block
 * If killed  in a fill: room that nobody finds, gone with its chunk.  As the
 *            evictor: fkv__blocks_repair() closes what it left open and frees
 *            the word; an eviction that was begun is begun again.  In a read:
 *            its epoch is cleared, fkv__slot_clear()
 *
 * Epochs.  Who finds or fills has published in its slot an epoch that it read
 * before (epochs.h, warm.h in store/).  Every closing and every eviction takes
 * the current epoch as its stamp and begins a new one.
 *
 * 1  A word in a bucket is followed only by who published before reading it;
 *    an evicted chunk is used again only after no word leads to it, and then
 *    no slot shows an epoch up to its stamp.  Publish, read word | clear word,
 *    read slots: all four are sequentially consistent, so a reader has missed
 *    the word, or its epoch, which is not above the stamp, is seen.
 * 2  A closed chunk is evicted only when no slot shows an epoch up to its
 *    stamp: all that reserved in it before have finished, or are dead, and its
 *    directory does not change any more.
 * 3  Directory before bucket (release, acquire): an eviction meets every block
 *    that can be found.
 * 4  A chunk's generation becomes odd before its first word is cleared, and
 *    even again when it is opened.  So a remembered place whose even generation
 *    is still there is as good as a word (fkv__blocks_hint_t).
 */

#ifndef FKV_SHARED_BLOCKS_H
#define FKV_SHARED_BLOCKS_H

#include "shared/segment.h"

#define FKV__BLOCKS_WAYS       8        /* words of a bucket: a cache line */
#define FKV__BLOCKS_UNIT       64       /* places are counted in these */
#define FKV__BLOCKS_META_AGE   8
#define FKV__BLOCKS_GONE       512      /* latest files that are remembered */
#define FKV__BLOCKS_BYTES_MAX  (192ull << 30)

typedef enum {
    FKV__BLOCKS_DATA = 0,
    FKV__BLOCKS_META = 1,               /* index and filter */
    FKV__BLOCKS_KINDS
} fkv__blocks_kind_e;

typedef enum {
    FKV__CHUNK_FREE = 0,
    FKV__CHUNK_OPEN,
    FKV__CHUNK_CLOSED,                  /* full; blocks are found in it */
    FKV__CHUNK_EVICTED                  /* somebody may still read it */
} fkv__chunk_state_e;

/*
 * One chunk; all but reserve is the evictor's.
 *   reserve   closed (1) | blocks (31) | bytes (32), by CAS
 */
typedef struct {
    _Alignas(FKV__CACHE_LINE)
    uint64_t  reserve;
    uint64_t  stamp;
    uint64_t  born;                     /* which opening of all it was */
    uint32_t  state;                    /* fkv__chunk_state_e */
    uint32_t  kind;                     /* fkv__blocks_kind_e */
    uint32_t  generation;
    uint32_t  unused;
} fkv__chunk_shm_t;

/* One block, its bytes behind it. */
typedef struct {
    uint64_t  id;                       /* of the file */
    uint64_t  offset;
    uint32_t  len;
    uint32_t  bucket;
    uint32_t  used;                     /* found since it was copied here */
    uint32_t  kind;
} fkv__block_shm_t;

typedef struct {
    uint64_t  epoch;                    /* current; from 1 on */
    _Alignas(FKV__CACHE_LINE)
    uint32_t  evictor;                  /* slot + 1 */
    uint32_t  open[FKV__BLOCKS_KINDS];  /* chunk + 1; 0 = none yet */
    uint32_t  unused;
    uint64_t  born;
    _Alignas(FKV__CACHE_LINE)
    uint32_t  chunks_n;                 /* fixed from here on */
    uint32_t  chunk_bytes;
    uint32_t  chunk_blocks;             /* directory's length */
    uint32_t  buckets_n;                /* a power of two */
    uint64_t  words_at;                 /* bytes from this header */
    uint64_t  directories_at;
    uint64_t  buckets_at;
    uint64_t  chunks_at;
    uint64_t  bytes;
    _Alignas(FKV__CACHE_LINE)
    uint64_t  gone[FKV__BLOCKS_GONE];   /* files, by the helper: id % _GONE */
} fkv__blocks_shm_t;

_Static_assert(sizeof(fkv__chunk_shm_t) == FKV__CACHE_LINE, "chunk");
_Static_assert(sizeof(fkv__block_shm_t) == 32, "block");

/* Where a block was; stays right or is found out to be stale. */
typedef struct {
    uint32_t  place;                    /* 0 = nowhere */
    uint32_t  generation;
} fkv__blocks_hint_t;

/* What a fill had to do. */
typedef struct {
    unsigned  filled;
    unsigned  evicted;
    unsigned  moved;
} fkv__blocks_work_t;


static inline fkv__blocks_shm_t *
fkv__blocks(const fkv__segment_shm_t *seg)
{
    return (fkv__blocks_shm_t *) (void *) ((uint8_t *) (uintptr_t) seg
                                           + seg->blocks_at);
}


/* Divides the room at seg->blocks_at, which is zero. */
void fkv__blocks_create(fkv__segment_shm_t *seg);

/* Longer ones are not kept. */
size_t fkv__blocks_len_max(const fkv__segment_shm_t *seg,
    fkv__blocks_kind_e kind);

/* To be published before find and fill. */
static inline uint64_t
fkv__blocks_epoch(const fkv__segment_shm_t *seg)
{
    return __atomic_load_n(&fkv__blocks(seg)->epoch, __ATOMIC_SEQ_CST);
}


/*
 * The caller's slot shows an epoch; payload stays as it is while it does.
 *   hint   NULL, or where it may be; set to where it is
 * True if it was found.
 */
bool fkv__blocks_find(fkv__segment_shm_t *seg, uint64_t id, uint64_t offset,
    fkv__blocks_hint_t *hint, fkv_str_t *payload);

/*
 * Begins to load what a find by this hint looks at, and so many bytes, up to a
 * cache line, from there on in the payload.  The hint may be stale.
 */
static inline void
fkv__blocks_prefetch(const fkv__segment_shm_t *seg,
    const fkv__blocks_hint_t *hint, size_t at, size_t len)
{
    const uint8_t  *block = (const uint8_t *) fkv__blocks(seg)
                            + (uint64_t) hint->place * FKV__BLOCKS_UNIT;
    const uint8_t  *p = block + sizeof(fkv__block_shm_t) + at;

    __builtin_prefetch(block);
    __builtin_prefetch(p);
    __builtin_prefetch(p + len - 1);
}


/* The same, only asked: the block does not count as used. */
bool fkv__blocks_has(const fkv__segment_shm_t *seg, uint64_t id,
    uint64_t offset);

/*
 * Copies a block in; the caller's slot shows an epoch.  What cannot be kept
 * at once is not kept.
 */
void fkv__blocks_fill(fkv__segment_shm_t *seg, unsigned slot, uint64_t id,
    uint64_t offset, fkv__blocks_kind_e kind, fkv_str_t payload,
    fkv__blocks_work_t *work);

/* The file is gone: of its blocks none survives the eviction of its chunk. */
void fkv__blocks_forget(fkv__segment_shm_t *seg, uint64_t id);

/* For the reaper: slot is dead.  May be repeated. */
void fkv__blocks_repair(fkv__segment_shm_t *seg, unsigned slot);

/* Bytes that blocks take, those that nobody finds any more among them. */
uint64_t fkv__blocks_used(const fkv__segment_shm_t *seg);


#endif /* FKV_SHARED_BLOCKS_H */
