/*
 * chain.h - following the log from file to file to its end, and telling a torn
 * tail from damage; the rules are in recover.h.
 *
 * Threads    while a file is read and checked, a second thread writes the
 *            tables of the one before it; it has ended when the call returns
 * Memory     what was read of two files, and 48 bytes a record
 */

#ifndef FKV_STORE_CHAIN_H
#define FKV_STORE_CHAIN_H

#include "store/log_files.h"
#include "store/replay.h"
#include "store/version.h"

typedef struct {
    const fkv__directory_t     *directory;
    const fkv__log_files_t     *files;
    const fkv_log_t            *log;
    const fkv__spill_target_t  *target;     /* where the records go; NULL =
                                               nowhere, ... */
    int                       (*on_read)(void *data,
                                    const fkv__replay_t *replay);
    void                       *data;       /* ... but on_read may look at
                                               those of each file */

    /*
     * Frames that say so much was durable make no promise: it is where their
     * life began.
     */
    uint64_t                    promised;

    uint64_t                    end;        /* in: the floor; out: LSN */
    const fkv__log_file_t      *end_file;   /* where that is; NULL = nowhere */
    char                        damage[FKV__DAMAGE_BYTES];  /* or empty */

    unsigned                    segments;   /* with frames */
    uint64_t                    frames;
    uint64_t                    records;
    uint64_t                    bytes;      /* of frames */
    uint64_t                    dropped_bytes;
} fkv__chain_t;

/*
 * Replays all that is behind the floor into tables.  What on_read, which may be
 * NULL, answers but FKV_OK ends it, with errno.
 * FKV_OK end is set, damage or not · FKV_EIO · FKV_EFULL · FKV_ENOMEM; error
 * holds one sentence
 */
int fkv__chain_follow(fkv__chain_t *chain, char *error);

#endif /* FKV_STORE_CHAIN_H */
