/*
 * pick.h - which tables are to be compacted next.
 *
 * Leveled: the last level holds most of the data, and each level above it a
 * tenth of the one below, as far up as is worth it: the base, into which
 * level 0 goes directly, is the first level of which a tenth is no more than
 * some batches from level 0.  So a small store has two levels, and what is
 * superseded never takes more than about a tenth of the space.
 *
 *   level 0    due when it holds FKV__PICK_L0 tables, or more where writes are
 *              more often than reads (pick->level_0); then all of them go, for
 *              the more go at once, the less is written in the long run
 *   level n    due when it exceeds its target: the table that overlaps the
 *              least of level n + 1, for its size
 *
 * The one that exceeds most goes first.  Tables that overlap nothing move as
 * they are.  A merge is done in slices of about a second (compact.h): what
 * it has taken off the front of a table is no longer the table's, and tables
 * of level 0 that a merge has begun with bear its number (info.merging), so
 * that they go on together.
 *
 * Tables of which a range tombstone hides everything go at once, so that the
 * delete of a prefix or a namespace gives its space back.  One that the begin
 * or the end of a range cuts through is written anew in its place, or goes
 * down from level 0, when nothing else is due.  A range within a table waits
 * until that is merged anyway: to write a table for a few keys would not pay,
 * unless ranges get many.
 *
 * A table in which scans met a run of dead keys (dead.h) goes the way of those
 * that are mostly dead, however few they are.
 *
 * Beside that, tables of which everything has expired are dropped as they are,
 * unless operands above may need to know (fold.h); the one with the largest
 * share of expired records (expiry.h says how many there are at least) and
 * final tombstones goes down, or, where nothing older lies below it, is written
 * anew in its place, if the share is large, and with it neighbours that have
 * become small.  Level 0 goes down if half of all that is in it has expired,
 * and the base is not too large for that.
 *
 * Tiered, pick_runs.h: each level that holds something is one run, and level 0
 * becomes another.  A record is written fewer times, and a read looks into more
 * tables.  While a table is damaged, leveled.
 *
 * Damaged tables stay where they are, with what they hide: nothing that is
 * newer and overlaps may pass below them.  A damaged table of level 0 that
 * has become the oldest moves down, as it is, to above the base; and the base
 * is never a level with a damaged table while there is a free one above it.
 *
 * Pure: version in, list of tables out; no I/O, no shared memory.
 */

#ifndef FKV_STORE_PICK_H
#define FKV_STORE_PICK_H

#include "store/version.h"

#define FKV__PICK_L0          4
#define FKV__PICK_L0_WRITES   8         /* if hardly anybody reads */
#define FKV__PICK_L0_MAX      64                    /* in one merge */
#define FKV__PICK_BASE_BYTES  (64 * 1024 * 1024)    /* a batch of level 0 */
#define FKV__PICK_BATCHES     8         /* a larger base gets one above it */
#define FKV__PICK_RATIO       10
#define FKV__PICK_MOVE_BYTES  (4 * 1024 * 1024) /* several move if so large */
#define FKV__PICK_RANGES      1024      /* more are many */
#define FKV__PICK_RUNS        (FKV__LEVELS - 2)     /* the most */
#define FKV__PICK_WANTED      8

typedef enum {
    FKV__PICK_DROP,             /* the tables go as they are: expired, */
    FKV__PICK_HIDDEN,           /* or a range tombstone hides all of each */
    FKV__PICK_MOVE,             /* they change the level as they are */
    FKV__PICK_MERGE             /* their records are written anew */
} fkv__pick_e;

typedef struct {
    uint64_t        base_bytes;     /* what level 0 gives at once, about */
    unsigned        level_0;        /* so many tables of it are due */
    unsigned        runs;           /* above the deepest one, 0 = leveled;
                                       set atomically, for the debt */
    fkv__buf_t      damaged;        /* ids of tables to leave alone */
    bool            squeeze;        /* nothing shall stay above the last */
    uint64_t        room;           /* 0 = any; else leveled, of level 0 no
                                       more at once, but for one table, and
                                       nothing beside what is dead */
    uint64_t        wanted[FKV__PICK_WANTED];   /* and of some to take soon */
    uint64_t        since_ms;       /* as of fkv__fold_since_ms() */

    /* The pick; tables are the version's. */
    fkv__pick_e     what;
    uint64_t        floor;          /* FKV__PICK_HIDDEN holds from here on */
    unsigned        from;           /* level */
    unsigned        to;             /* from: written anew in its place */
    fkv__table_t  **tables;         /* n_from of level from, oldest first ... */
    unsigned        n;              /* ... then those of level to */
    bool            wide;           /* n_from: and of all levels between */
    unsigned        n_from;
    unsigned        tables_cap;
} fkv__pick_t;

void fkv__pick_init(fkv__pick_t *pick);
void fkv__pick_done(fkv__pick_t *pick);

/* The table is no longer picked.  FKV_OK or FKV_ENOMEM. */
int fkv__pick_leave_alone(fkv__pick_t *pick, uint64_t id);

/*
 *   floor      as of fkv__keep_floor_now(): versions below it are final
 *   now_ms     0 = what has expired may not be dropped
 * FKV_OK · FKV_END nothing is due · FKV_ENOMEM
 */
int fkv__pick(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t floor, uint64_t now_ms);

/* The level into which level 0 goes, were nothing damaged. */
unsigned fkv__pick_base(const fkv__pick_t *pick,
    const fkv__version_t *version);

/* What level 1 .. may hold; of the last one and empty ones it says nothing. */
uint64_t fkv__pick_target(const fkv__version_t *version, unsigned level);

/* Bytes of level 0, half of them once a merge has begun, and over targets. */
uint64_t fkv__pick_debt(const fkv__pick_t *pick,
    const fkv__version_t *version);


#endif /* FKV_STORE_PICK_H */
