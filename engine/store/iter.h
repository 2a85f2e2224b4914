/*
 * iter.h - walking one table, or a run of disjoint tables, in internal order:
 * key ascending, of one key version descending.
 *
 * Shape      tables -> root -> index page -> data block -> record; at most one
 *            of each is held
 * Bounds     what lies before a table's smallest key is not there: a merge has
 *            taken it (compact.h)
 * Memory     must not be moved while it is in use; the tables (and the array
 *            that names them) are the caller's until done: pin the version
 *
 * A walk that has to wait for blocks asks for the next ones before it needs
 * them: twice as many as it has seen in a row, FKV__ITER_AHEAD_BYTES at most.
 *
 * A block may have to be waited for, so a move has two parts: seek and next
 * only say where to go, settle goes there and may be called any number of
 * times until it gives something else than FKV_AGAIN.
 */

#ifndef FKV_STORE_ITER_H
#define FKV_STORE_ITER_H

#include "store/source.h"

#define FKV__ITER_AHEAD_BYTES  (128 * 1024)

/* A page of the index on the way to the current block. */
typedef struct {
    fkv__block_t  *block;
    fkv__index_t   page;
    uint32_t       at;              /* the entry that is followed */
    uint64_t       offset;
} fkv__iter_index_t;

typedef struct {
    /* What settle found; NULL unless it said FKV_OK.  The key is whole. */
    const fkv__record_t   *rec;

    fkv__source_t         *source;
    fkv__table_t *const   *tables;
    unsigned               n;

    int                    state;
    int                    rc;          /* why it failed */
    unsigned               at;          /* the current table */
    bool                   seeking;     /* to target; else to the first */
    bool                   entered;     /* a record of it has been found */
    fkv__buf_t             target;
    uint64_t               target_version;
    bool                   has_floor;   /* all records come behind floor */
    fkv__buf_t             floor;
    uint64_t               floor_version;
    uint64_t               data_offset;
    unsigned               run;         /* data blocks, one after the other */
    bool                   cold;        /* one of them had to be read */
    uint32_t               ahead;       /* entries before it are asked for */
    unsigned               depth;       /* pages held: root, page */
    fkv__iter_index_t      index[2];
    fkv__block_t          *data_block;
    fkv__block_iter_t      data;
} fkv__iter_t;

/* tables: one, or several of one level 1 .. in their order; n may be 0. */
void fkv__iter_init(fkv__iter_t *it, fkv__source_t *source,
    fkv__table_t *const *tables, unsigned n);
void fkv__iter_done(fkv__iter_t *it);

/*
 * To the first record at or behind (ikey, version): key > ikey, or key == ikey
 * with a version <= version.  An empty ikey is the very first record.  Also
 * the way out of a failure.
 */
void fkv__iter_seek(fkv__iter_t *it, fkv_str_t ikey, uint64_t version);

/* To the record behind rec, which settle must have found. */
void fkv__iter_next(fkv__iter_t *it);

/*
 * Records before ikey that are older than version are not wanted.  Where whole
 * tables, or the rest of one, hold nothing else they are jumped over.  True if
 * rec was one of them: settle as after a seek.
 */
bool fkv__iter_skip(fkv__iter_t *it, fkv_str_t ikey, uint64_t version);

/*
 * FKV_OK rec is set and stays until the next seek, next or done · FKV_END
 * there is none · FKV_AGAIN · errors as of fkv__source_t.get
 */
int  fkv__iter_settle(fkv__iter_t *it);


#endif /* FKV_STORE_ITER_H */
