/*
 * blob_collect.h - giving back what blob files hold for nobody.
 *
 * Shape      the directory says which files there are, the tables of the last
 *            version how much of each is live: the sum of what they say they
 *            refer to.  So no count is kept, and none can go astray
 *
 *     appended to --> sealed --> settled --+--> nothing refers to it, or all
 *                                          |    of it has expired: unlinked
 *                                          '--> less than half is live: its
 *                                               values are moved (blob_move.h)
 *
 * Threads    COMPACT
 * If killed  nothing is lost: the next owner of the role looks again.  Step
 *            blob_collect.1 before a file is unlinked
 *
 *   1  Sealed: no slot names the file, and its id is below a next_blob that was
 *      loaded before the slots were looked at (blob_write.c).  No record that
 *      names it will be reserved any more.
 *   2  Settled: all data below the end of the log, as it was when the file was
 *      found sealed, are in tables.  So all records that name it are in the
 *      version, or were dropped because no snapshot sees them.
 *   3  Who has read such a record before it was dropped, or given a new place,
 *      and comes too late to open the file, asks the tables again (get.c).
 */

#ifndef FKV_STORE_BLOB_COLLECT_H
#define FKV_STORE_BLOB_COLLECT_H

#include "store/helper.h"

/*
 * Looks at all files, at most once in FKV__BLOB_LOOK_MS, unlinks those that
 * may go, moves the values of one table.
 * FKV_OK there may be more to do · FKV_END nothing to do now · as
 * fkv__blob_move()
 */
int  fkv__blob_collect(fkv__helper_t *helper);

#define FKV__BLOB_LOOK_MS  1000

/* What is known of one file. */
typedef struct {
    uint64_t  id;
    uint64_t  bytes;
    uint64_t  settled_at;       /* LSN; 0: it is appended to */
    bool      bad;              /* of its values one cannot be read */
} fkv__blob_known_t;

/* Of the helper, made when it is needed. */
struct fkv__blob_collect_s {
    fkv__buf_t  known;          /* fkv__blob_known_t, ascending by id */
    uint64_t    looked_ms;      /* boot time + 1; 0: never */
};

void fkv__blob_collect_done(fkv__helper_t *helper);


#endif /* FKV_STORE_BLOB_COLLECT_H */
