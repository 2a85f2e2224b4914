/*
 * replay.h - reading one log file: its frames, and what lies behind them.
 *
 * Shape      the file is read in large pieces, only as far as frames are
 *            followed; the records stay in that memory until close, and the
 *            entries of spill point into it
 * Memory     as much as was read, in a mapping of its own, and the entries
 */

#ifndef FKV_STORE_REPLAY_H
#define FKV_STORE_REPLAY_H

#include "store/log_files.h"
#include "store/spill.h"

typedef struct {
    const fkv__fs_t        *fs;
    const fkv__log_file_t  *file;
    int                     fd;
    uint8_t                *mem;        /* LSN file->header.base is here */
    uint64_t                bytes;      /* of frames that can be in the file */
    uint64_t                loaded;     /* so many of them have been read */

    uint64_t                end;        /* LSN behind the last good frame */
    bool                    invalid;    /* its sum is right, its records are
                                           not: damage at end */
    uint64_t                frames;
    uint64_t                records;
    fkv__spill_t            spill;
} fkv__replay_t;

/* What replay found behind the end of the log. */
typedef struct {
    uint64_t  bytes;            /* that were once written on purpose */
    uint64_t  proof;            /* LSN of the first frame which says that more
                                   than the end was durable; 0 = none */
    uint64_t  proof_file;       /* number of the log file it is in */
    uint64_t  proof_offset;     /* in that file */
} fkv__replay_rest_t;


/*
 * file must outlive it.  FKV_OK, close is needed · FKV_EIO · FKV_ENOMEM,
 * cause in errno
 */
int  fkv__replay_open(fkv__replay_t *replay,
    const fkv__directory_t *directory, const fkv__log_file_t *file);
void fkv__replay_close(fkv__replay_t *replay);

/*
 * Follows the frames from an LSN of this file on and collects their records.
 * FKV_OK end is set · FKV_EIO · FKV_ENOMEM, cause in errno
 */
int fkv__replay_read(fkv__replay_t *replay, uint64_t from);

/*
 * Searches the file from an LSN on for frames that are valid there.
 *   from      the end of the log if that is in this file, else its base
 *   durable   a frame that says that more was durable is a proof
 *   rest      is added to; a proof that is there stays
 * FKV_OK · FKV_EIO
 */
int fkv__replay_search(fkv__replay_t *replay, uint64_t from, uint64_t durable,
    fkv__replay_rest_t *rest);


#endif /* FKV_STORE_REPLAY_H */
