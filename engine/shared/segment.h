/*
 * segment.h - the shared memory of one store: what is where.
 *
 * Shape      | header | slots | log state | arena headers | latches
 *            | leases | cursors | sketch | hash buckets of each arena | arenas
 *            | blocks |
 *            One memfd mapping, made by the master before the fork, at the
 *            same address in every process; still only offsets and ids inside.
 * Processes  all; who may write what stands at each field
 * If killed  everything here can be rebuilt from the disk; what a dead process
 *            held is named by its slot and repaired by store/reap.c
 *
 * Sizes are fixed when the store is opened.  An arena is the memory of one
 * memtable and the image of one log file; arena i writes log file i.
 */

#ifndef FKV_SHARED_SEGMENT_H
#define FKV_SHARED_SEGMENT_H

#include "base/types.h"

#define FKV__SLOTS_MAX        128
#define FKV__ARENAS           8
#define FKV__ARENA_BYTES_MAX  (64u * 1024 * 1024)  /* leaves bits for a link */
#define FKV__LATCHES          4096
#define FKV__DEAD_TABLES      8
#define FKV__CACHE_LINE       64
#define FKV__SKETCH_SHARE     128     /* of the segment, for the sketch */
#define FKV__HEIGHT_MAX       12      /* of a memtable's skip list */
#define FKV__STATS_MAX        96
#define FKV__SLOT_SNAPSHOTS   16
#define FKV__USAGES           48      /* one a namespace: format/key.h */
#define FKV__BLOBS_OPEN       64      /* blob files a process appends to */
#define FKV__BLOB_FROM        (1ull << 63)      /* see fkv__slot_shm_t.blobs */
#define FKV__BOUNDS           5       /* of classes of them, of all */

#define FKV__JOBS             8       /* for the helper, at once */
#define FKV__JOB_TEXT_MAX     1024

#define FKV__CLAIMS           1024
#define FKV__CLAIM_WAYS       8

/* No process owns it; slot s is written as s + 1 in owner words. */
#define FKV__NOBODY           0


typedef enum {
    FKV__SLOT_FREE = 0,
    FKV__SLOT_LIVE = 1
} fkv__slot_state_e;

/*
 * One process.  Written by its owner, or by a reaper that holds the slot's
 * lock byte after the owner's death (shared/slots.h).
 */
typedef struct {
    _Alignas(FKV__CACHE_LINE)
    uint32_t  state;            /* fkv__slot_state_e */
    uint32_t  pid;              /* for messages only */
    uint64_t  pin;              /* memtable set number it reads; 0 none */
    uint64_t  snapshot;         /* it may read at any LSN from here; 0 no */
    uint64_t  waiting;          /* wake it when visible reaches this; 0 no */
    uint64_t  sync_waiting;     /* wake it when durable reaches this; 0 no */
    uint32_t  wants_arena;      /* wake it when an arena is free */
    uint32_t  claims_moved;     /* by others: see store/claim.h */
    uint64_t  edit;             /* manifest edit it has caught up with */
    uint64_t  reading;          /* oldest epoch it reads blocks of; 0 none */

    /*
     * Blob files that it appends to, or that a record which is not READY yet
     * will name; 0 none.  FKV__BLOB_FROM | id: one from id on.
     */
    _Alignas(FKV__CACHE_LINE)
    uint64_t  blobs[FKV__BLOBS_OPEN];

    _Alignas(FKV__CACHE_LINE)
    uint64_t  snapshots[FKV__SLOT_SNAPSHOTS];   /* and at these; 0 none */

    _Alignas(FKV__CACHE_LINE)
    uint64_t  filling;          /* as reading, of the helper's threads */

    _Alignas(FKV__CACHE_LINE)
    uint64_t  stats[FKV__STATS_MAX];
} fkv__slot_shm_t;


/*
 * Positions of the log, all LSNs.  written <= ready, durable <= ready; they
 * only grow.  With sync=always a write is durable when it is done, and durable
 * is raised before written; else durable <= written.  What readers may see is
 * durable (sync=always) or ready.
 */
typedef struct {
    _Alignas(FKV__CACHE_LINE)
    uint64_t  ready;            /* by anyone: CAS upwards */
    uint64_t  ready_frames;     /* how many frames that were, about */
    _Alignas(FKV__CACHE_LINE)
    uint64_t  written;          /* by the leader */
    uint64_t  durable;          /* by leader and helper: CAS upwards */
    uint64_t  sync_wanted;      /* by anyone: CAS upwards */
    uint64_t  written_frames;   /* by the leader */
    _Alignas(FKV__CACHE_LINE)
    uint32_t  leader;           /* slot + 1 of who writes the log */
    uint32_t  unused;
} fkv__log_shm_t;


/* Of a namespace: store/usage.h.  Sums that may be negative, as int64_t. */
typedef struct {
    uint64_t  keys;
    uint64_t  bytes;
} fkv__usage_shm_t;

/* What may live; store/size.h. */
typedef struct {
    uint64_t  max;              /* bytes, 0 = any */
    uint64_t  wanted;           /* by a write for which there is no room */
    uint64_t  next_us;          /* when one that adds may go: by anyone */
    uint32_t  dry;              /* there is nothing to evict */
    uint32_t  unused;
} fkv__bound_shm_t;


/*
 * What the helper publishes.  A reader that loads memtables first and edit
 * afterwards misses nothing: an arena leaves the set only after the edit that
 * names its table was announced.
 */
typedef struct {
    _Alignas(FKV__CACHE_LINE)
    uint64_t  memtables;        /* fkv__set_*: CAS by anyone */
    _Alignas(FKV__CACHE_LINE)
    uint64_t  edit;             /* number of the last announced edit */
    uint64_t  manifest;         /* its file and length: fkv__manifest_pos_* */
    uint64_t  floor;            /* all data below this LSN are in tables */
    uint64_t  gc_floor;         /* compaction may drop what is shadowed below */
    uint64_t  handoffs;         /* snapshots that went from a slot to a lease */
    uint64_t  incarnation;      /* last one given out: fetch_add */
    uint32_t  helper;           /* slot + 1 of the role's owner */
    uint32_t  readonly;         /* set once, after a log error or damage */
    uint32_t  disk_full;
    uint32_t  tables_damaged;   /* compaction leaves them alone */
    uint64_t  next_file;        /* ids below it were given out; by the helper */
    uint64_t  clock_offset_ms;  /* store time - boot time, only grows */
    uint64_t  drops_after_ms;   /* no physical drop of expired data before */
    uint64_t  pace_next_us;     /* when the next write may go: by anyone */
    uint64_t  pace_flush;       /* bytes of log a second, lately */
    uint64_t  pace_compact;     /* bytes of level 0 a second, lately */
    uint64_t  pace_shrink;      /* bytes of log for 1024 of level 0 */
    uint64_t  pace_evict;       /* bytes evicted a second, lately */
    uint64_t  pace_debt;        /* bytes that compaction has to do */
    uint64_t  pace_batch;       /* what it does at once */
    uint32_t  compact_level_0;  /* tables of level 0 that make it due */
    uint32_t  compact_runs;     /* that may be above the deepest level */
    uint64_t  stall_max_us;     /* longest that a write was put aside */
    uint64_t  noticed_ms;       /* what expired up to here has been told ... */
    uint64_t  noticed_lsn;      /* ... if it is older than this */
    uint64_t  late_max_ms;      /* the latest notice */
    uint64_t  operands_ms;      /* store/fold.h: 0 = nobody wrote any */
    uint64_t  settled_ms;       /* older operands are in tables only */
    uint64_t  table_expiring;   /* records in tables with an expiry */
    uint64_t  tables;           /* figures for the status page */
    uint64_t  table_bytes;
    uint64_t  size_refused;     /* by a bound of so many bytes, lately */
    uint32_t  evict;            /* fkv_evict_e */
    uint32_t  slots_top;        /* those from here on were never taken */
    uint32_t  levels[8];
    uint64_t  dead_tables[FKV__DEAD_TABLES];    /* store/dead.h */
    uint64_t  next_blob;        /* id of the next blob file: fetch_add */
    uint64_t  blob_drops;       /* grows when blob files are unlinked */
    uint64_t  blob_files;       /* figures, as the helper saw them last */
    uint64_t  blob_bytes;
    uint64_t  blob_live;
    uint64_t  blob_missing;
    char      cause[128];       /* why it is read-only */
    fkv__usage_shm_t  usage[FKV__USAGES];   /* of tables ... */
    uint64_t  usage_file[FKV__USAGES];      /* ... which need so much disk */
    uint64_t  usage_raw[FKV__USAGES];       /* ... for so many bytes */
    fkv__bound_shm_t  bounds[FKV__BOUNDS];
} fkv__state_shm_t;


/* All latches at once: shared/latch.h. */
typedef struct {
    _Alignas(FKV__CACHE_LINE)
    uint32_t  owner;            /* slot + 1 */
    uint32_t  unused;
} fkv__gate_shm_t;


/* A claim carries its owner in the same word: CLAIMED | (slot + 1) << 8. */
typedef enum {
    FKV__ARENA_DIRTY = 0,       /* to be zeroed and its file prepared */
    FKV__ARENA_FREE = 1,
    FKV__ARENA_CLAIMED = 2,     /* being put into the set by a process */
    FKV__ARENA_USED = 3         /* in the set */
} fkv__arena_state_e;

#define FKV__ARENA_CLAIM(slot)  (FKV__ARENA_CLAIMED | ((slot) + 1) << 8)

/*
 * One arena.  The reserve word is changed by 16-byte CAS only:
 *   low   record top (32) | node bottom (32)
 *   high  previous frame (32) | slot (8) | sealed (1) | generation (23)
 */
typedef struct {
    _Alignas(FKV__CACHE_LINE)
    uint64_t  reserve[2];
    _Alignas(FKV__CACHE_LINE)
    uint32_t  state;            /* fkv__arena_state_e, or a claim */
    uint32_t  orphans;          /* store/orphan.h */
    uint64_t  base;             /* LSN of byte 0; fixed while in the set */
    uint64_t  prev_end;         /* where the predecessor ended */
    uint64_t  incarnation;
    uint64_t  begin_ms;         /* store time when it came into the set */
    uint64_t  used;             /* nonzero: memory must be zeroed */
    uint32_t  ranges;           /* newest range tombstone; 0 = there is none */
    uint32_t  ranges_n;         /* how many there are */
    uint32_t  expiring;         /* nonzero: something in it expires */
    uint32_t  dead;             /* store/dead.h */
    uint64_t  blob_bytes;       /* in blob files, of its records: fetch_add */
    uint32_t  head[FKV__HEIGHT_MAX];    /* the skip list's first nodes */
    fkv__usage_shm_t  usage[FKV__USAGES];
} fkv__arena_shm_t;


/*
 * A snapshot that outlives requests and processes; lease.h.  Each half changes
 * by 16-byte CAS only.
 */
typedef struct {
    _Alignas(16)
    uint64_t  word;             /* deadline (44) | generation (20) */
    uint64_t  snapshot;         /* of the word's generation */
    uint64_t  nonce;            /* of the generation that follows */
    uint64_t  named;
} fkv__lease_shm_t;

_Static_assert(sizeof(fkv__lease_shm_t) == 32, "lease");
_Static_assert(offsetof(fkv__lease_shm_t, nonce) == 16, "lease halves");


/* The client is in the same word: state | (slot + 1) << 8. */
typedef enum {
    FKV__JOB_FREE = 0,
    FKV__JOB_FILLING = 1,       /* its client writes what is to be done */
    FKV__JOB_POSTED = 2,        /* the helper may take it */
    FKV__JOB_RUNNING = 3,       /* the helper has; client NOBODY: it died */
    FKV__JOB_ENDED = 4          /* its client may read rc and result */
} fkv__job_state_e;

#define FKV__JOB_OF(state, slot)  ((state) | ((slot) + 1) << 8)
#define FKV__JOB_STATE(word)      ((word) & 0xff)

/* Work for the helper; store/job.h.  Written by whom the state names. */
typedef struct {
    _Alignas(FKV__CACHE_LINE)
    uint32_t  state;            /* fkv__job_state_e and client */
    uint32_t  kind;             /* fkv_job_e */
    uint64_t  number;           /* in the order of posting */
    uint32_t  tries;            /* how many helpers have begun it */
    int32_t   rc;
    uint64_t  result;
    uint32_t  ns;
    uint32_t  text_len;
    uint8_t   text[FKV__JOB_TEXT_MAX];
} fkv__job_shm_t;


/* What a process works on; shared/claim.h. */
typedef struct {
    uint64_t  word;             /* token << 8 | slot + 1 of its holder; or 0 */
    uint64_t  id;               /* changes only while word is 0, as since_ms */
    uint64_t  since_ms;         /* boot time */
    uint64_t  waiters[FKV__SLOTS_MAX / 64];     /* bits of slots: by anyone */
} fkv__claim_shm_t;

_Static_assert(sizeof(fkv__claim_shm_t) == 40, "claim");


/* Of a scan; shared/cursor.h, as all that stands here. */
#define FKV__CURSORS_MAX   2048
#define FKV__CURSOR_BYTES  232

typedef struct {
    uint64_t  cursor;           /* its number; 0: none */
    uint64_t  sum;              /* CRC-32C (32) | length (32) */
    uint64_t  words[FKV__CURSOR_BYTES / 8];
} fkv__cursor_place_shm_t;

typedef struct {
    uint64_t                 word;
    uint64_t                 unused;
    fkv__cursor_place_shm_t  places[2];
} fkv__cursor_shm_t;

_Static_assert(sizeof(fkv__cursor_shm_t) == 512, "cursor");


typedef struct {
    uint64_t          magic;
    uint64_t          bytes;            /* of the whole segment */
    uint64_t          arena_bytes;
    uint64_t          buckets;          /* per arena, a power of two */
    uint64_t          leases;           /* how many */
    uint64_t          latches_at;       /* byte offsets in the segment */
    uint64_t          leases_at;
    uint64_t          cursors;          /* how many */
    uint64_t          cursors_at;
    uint64_t          sketch_at;        /* shared/sketch.h */
    uint64_t          sketch_lines;     /* a power of two */
    uint64_t          buckets_at;
    uint64_t          arenas_at;
    uint64_t          blocks_at;        /* shared/blocks.h */
    uint64_t          blocks_bytes;
    fkv__slot_shm_t   slots[FKV__SLOTS_MAX];
    fkv__gate_shm_t   gate;
    fkv__log_shm_t    log;
    fkv__state_shm_t  state;
    fkv__arena_shm_t  arenas[FKV__ARENAS];
    uint64_t          jobs_posted;      /* last number given out: fetch_add */
    fkv__job_shm_t    jobs[FKV__JOBS];
    uint64_t          claims_taken;     /* last token given out: add_fetch */
    fkv__claim_shm_t  claims[FKV__CLAIMS];
    uint64_t          cursors_used;     /* last number given out: add_fetch */
} fkv__segment_shm_t;

_Static_assert(sizeof(fkv__slot_shm_t)
               == 128 + 8 * (FKV__BLOBS_OPEN + FKV__SLOT_SNAPSHOTS
                             + FKV__STATS_MAX), "slot");
_Static_assert(offsetof(fkv__arena_shm_t, reserve) % 16 == 0, "reserve");
_Static_assert(sizeof(fkv__arena_shm_t) % FKV__CACHE_LINE == 0, "arena");
_Static_assert(sizeof(fkv__job_shm_t) == 1088, "job");


/*
 * How a store of so many bytes is divided: of what is left beside the fixed
 * parts arenas get a half, small stores' a little more, since a value must fit
 * into a quarter of one; table blocks get the rest.  All are 4 KiB multiples.
 */
#define FKV__ARENAS_BYTES_MIN   (FKV__ARENAS * 440ull * 1024)
#define FKV__ARENAS_BYTES_FEW   (FKV__ARENAS * 5ull * 1024 * 1024)
#define FKV__ARENAS_BYTES_MAX   (FKV__ARENAS * (uint64_t) FKV__ARENA_BYTES_MAX)

typedef struct {
    uint64_t  arena_bytes;
    uint64_t  buckets;
    uint64_t  leases;
    uint64_t  latches_at;
    uint64_t  leases_at;
    uint64_t  cursors;
    uint64_t  cursors_at;
    uint64_t  sketch_at;
    uint64_t  sketch_lines;
    uint64_t  buckets_at;
    uint64_t  arenas_at;
    uint64_t  blocks_at;
    uint64_t  blocks_bytes;
} fkv__segment_layout_t;

void fkv__segment_layout(uint64_t memory, fkv__segment_layout_t *layout);

/*
 * A fresh, zeroed segment with its layout filled in.  All its memory is taken,
 * and faulted in as far as a worker needs it at once (fkv__segment_first).
 * FKV_OK · FKV_ENOMEM, cause in errno
 */
int fkv__segment_create(uint64_t memory, fkv__segment_shm_t **segment);
void fkv__segment_unmap(fkv__segment_shm_t *segment);

/*
 * Faults in the bytes [from, to), multiples of 4096, so that no event loop
 * meets their pages one by one.  The helper does it for what is to be used
 * next: what it has touched need not be cleared in a worker.
 */
void fkv__segment_populate(fkv__segment_shm_t *segment, uint64_t from,
    uint64_t to);


static inline uint32_t *
fkv__segment_latches(fkv__segment_shm_t *seg)
{
    return (uint32_t *) (void *) ((uint8_t *) seg + seg->latches_at);
}


static inline fkv__lease_shm_t *
fkv__segment_leases(fkv__segment_shm_t *seg)
{
    return (fkv__lease_shm_t *) (void *) ((uint8_t *) seg + seg->leases_at);
}


static inline fkv__cursor_shm_t *
fkv__segment_cursors(fkv__segment_shm_t *seg)
{
    return (fkv__cursor_shm_t *) (void *) ((uint8_t *) seg + seg->cursors_at);
}


static inline uint32_t *
fkv__segment_buckets(fkv__segment_shm_t *seg, unsigned arena)
{
    return (uint32_t *) (void *) ((uint8_t *) seg + seg->buckets_at)
           + arena * seg->buckets;
}


static inline uint64_t
fkv__segment_arena_at(const fkv__segment_shm_t *seg, unsigned arena)
{
    return seg->arenas_at + arena * seg->arena_bytes;
}


static inline uint8_t *
fkv__segment_arena(fkv__segment_shm_t *seg, unsigned arena)
{
    return (uint8_t *) seg + fkv__segment_arena_at(seg, arena);
}


/* Everything before the second arena. */
static inline uint64_t
fkv__segment_first(const fkv__segment_shm_t *seg)
{
    return fkv__segment_arena_at(seg, 1);
}


/* Moves a position upwards, never down; sequentially consistent. */
static inline void
fkv__raise(uint64_t *position, uint64_t to)
{
    uint64_t  from = __atomic_load_n(position, __ATOMIC_SEQ_CST);

    while (from < to
           && !__atomic_compare_exchange_n(position, &from, to, false,
                                           __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST))
    {
        /* from has been read again */
    }
}


/* The manifest position packs the file's number and its announced length. */
static inline uint64_t
fkv__manifest_pos(uint64_t number, uint64_t len)
{
    return number << 32 | len;
}


static inline uint64_t
fkv__manifest_pos_number(uint64_t pos)
{
    return pos >> 32;
}


static inline uint64_t
fkv__manifest_pos_len(uint64_t pos)
{
    return pos & 0xffffffff;
}


#endif /* FKV_SHARED_SEGMENT_H */
