/*
 * pick.h - which tables are to be compacted next.
 *
 * Level 0 is due when it holds FKV__PICK_L0 tables, level 1 to 5 when its
 * bytes exceed its target; the one that exceeds most goes first.  Every pick
 * is bounded, so that an edit follows within about a second of work:
 *
 *   level 0    the oldest tables, up to FKV__PICK_BYTES_MAX, with all tables
 *              of level 1 within their range.  What stays in level 0 is
 *              newer than what goes
 *   level n    the next table by key, with all tables of level n + 1 within
 *              its range.  Tables of one level never share a key, so no
 *              record of that key stays behind
 *
 * Beside that, tables of which everything has expired are dropped as they
 * are, and when nothing else is due a table that is mostly dead is pushed
 * down, so that idle stores give space back.
 *
 * Pure: version in, list of tables out; no I/O, no shared memory.
 */

#ifndef FKV_STORE_PICK_H
#define FKV_STORE_PICK_H

#include "store/version.h"

#define FKV__PICK_L0          4
#define FKV__PICK_BYTES_MAX   (128 * 1024 * 1024)
#define FKV__PICK_L1_BYTES    (64 * 1024 * 1024)
#define FKV__PICK_RATIO       10
#define FKV__PICK_MOVE_BYTES  (4 * 1024 * 1024) /* several move if so large */

typedef enum {
    FKV__PICK_DROP,             /* the tables go as they are */
    FKV__PICK_MOVE,             /* they change the level as they are */
    FKV__PICK_MERGE             /* their records are written anew */
} fkv__pick_e;

typedef struct {
    uint64_t        l1_bytes;       /* target of level 1 */
    fkv__buf_t      cursors[FKV__LEVELS];   /* where each level was left */

    /* The pick; tables are the version's. */
    fkv__pick_e     what;
    unsigned        from;           /* level */
    unsigned        to;
    fkv__table_t  **tables;         /* n_from of level from, oldest first ... */
    unsigned        n;              /* ... then those of level to */
    unsigned        n_from;
    unsigned        tables_cap;
} fkv__pick_t;

/* Every level begins with its first keys. */
void fkv__pick_init(fkv__pick_t *pick);
void fkv__pick_done(fkv__pick_t *pick);

/*
 *   floor      as of fkv__keep_floor_now(): versions below it are final
 *   now_ms     0 = what has expired may not be dropped
 * FKV_OK · FKV_END nothing is due · FKV_ENOMEM
 */
int fkv__pick(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t floor, uint64_t now_ms);

/* The pick was done: the level goes on behind it. */
void fkv__pick_advance(fkv__pick_t *pick);


#endif /* FKV_STORE_PICK_H */
