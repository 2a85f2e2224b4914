/*
 * tables.h - a worker's view of the tables: its version, its open files, its
 * block cache, and the two ways to read through them.
 *
 * Shape      version (store/version.h) of the last edit it has read; files
 *            opened on demand; what is being read from them; holds on the
 *            blocks that all processes share (shared/blocks.h)
 * Processes  private; reads land in private memory and are shared when they
 *            have been verified
 * If killed  nothing remains but its lock bytes until its reads are over
 *
 * Everything is asynchronous through store->io; a call answers FKV_AGAIN after
 * it has arranged that the op it was given is run again (fkv__op_run).
 */

#ifndef FKV_STORE_TABLES_H
#define FKV_STORE_TABLES_H

#include "store/fetch.h"
#include "store/files.h"
#include "store/fold.h"
#include "store/follow.h"
#include "store/epochs.h"
#include "store/store.h"
#include "store/version.h"

typedef struct fkv__held_s  fkv__held_t;    /* reader.c */

struct fkv__tables_s {
    fkv__version_t   *version;
    fkv__epochs_t      epochs;
    fkv__held_t      *held_spare;
    fkv__files_t      files;
    fkv__fetches_t    fetches;
    fkv__follow_t     follow;
    fkv_link_t        lookups;      /* not done */
    fkv_link_t        lookups_spare;
    fkv_link_t        gets;         /* not done */
    fkv_link_t        gets_spare;
    fkv_link_t        scans;        /* not ended */
    fkv_link_t        crowd;        /* of holds, hold.h: lowest first */
    bool              closing;
};

/*
 * Reads the announced version, blocking, and publishes own->edit; store->own
 * must be set.
 * FKV_OK · FKV_ECORRUPT · FKV_EVERSION · FKV_EIO (logged) · FKV_ENOMEM; closed
 * after a failure, too, for I/O may be in flight
 */
int  fkv__tables_open(fkv_t *store);

/*
 * After store->io was closed.  Frees also what operations that have not ended
 * hold here; they must not be touched again.
 */
void fkv__tables_close(fkv_t *store);

/*
 * Called by fkv_poll(): if the announced edit is newer than the version,
 * starts to catch up, so that idle workers let go of dropped files.
 */
void fkv__tables_poll(fkv_t *store);


/*
 * One point read: the newest record of ikey with version < below in the
 * tables of a version that is not older than the announced edit at the time
 * of the call, and if whole is set all of its chain (fold.h), read in one
 * version.  Embedded in the op that waits for it.
 */
typedef struct {
    fkv_t           *store;
    fkv_op_t        *op;            /* run again when it is done */
    fkv_str_t        ikey;          /* the caller's until the end */
    uint64_t         hash;          /* fkv__hash(ikey) */
    uint64_t         below;
    bool             whole;         /* operands are put aside, into ops, and
                                       rec is the base below them */
    int              rc;            /* FKV_AGAIN while it goes on */
    fkv__record_t    rec;           /* key not set; points into block */
    fkv__operands_t  ops;           /* until done */
    struct fkv__lookup_own_s  *own;
} fkv__lookup_t;

/*
 * FKV_OK rec is set (also a tombstone or an expired record: the caller
 * judges) · FKV_NOTFOUND · FKV_AGAIN: op is run again later, and
 * lookup->rc is one of the others then · FKV_ECORRUPT · FKV_EIO · FKV_ENOMEM
 * (logged with file and offset)
 */
int  fkv__lookup_start(fkv__lookup_t *lookup);

/* Lets go of the block behind rec; in every case, once, after the end. */
void fkv__lookup_done(fkv__lookup_t *lookup);

/*
 * A hint that one for this key will follow: begins to load from memory what
 * filters will say, of tables as this process knew them last.  No I/O.
 */
void fkv__lookup_prefetch(fkv_t *store, fkv_str_t ikey, uint64_t hash);


#endif /* FKV_STORE_TABLES_H */
