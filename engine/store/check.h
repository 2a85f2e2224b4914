/*
 * check.h - is everything in a store's directory as it should be?  Every byte
 * that a reader may come to believe is read and compared with all that is
 * said of it elsewhere.
 *
 *     CURRENT -> manifest, both copies -> headers of log files -> log behind
 *       the floor: frames, records, the values they refer to
 *     manifest -> tables: footer, properties, filter, index, blocks, records,
 *       their order and counts, the values they refer to
 *     directories -> files that nothing names, files that are missing
 *
 * What a crash may leave is no damage: a torn end of log or manifest, tables
 * and values that nothing names.  It is told as a note.
 *
 * Processes  any, but not beside one that has the store open; blocking
 * Disk       nothing is changed: it has no calls that could
 * Memory     a log file, the filter of a table, 24 bytes a blob file
 */

#ifndef FKV_STORE_CHECK_H
#define FKV_STORE_CHECK_H

#include "store/directory.h"
#include "store/version.h"

typedef enum {
    FKV__CHECK_NOTE,
    FKV__CHECK_DAMAGE
} fkv__check_e;

/* The caller's fields first, zeros behind them. */
typedef struct {
    const char      *path;
    const fkv__fs_t *fs;            /* NULL = the real ones */
    uint64_t         now_ms;        /* what has expired by then may be gone;
                                       what the store knew counts if later */
    void           (*on_say)(void *data, fkv__check_e what, const char *text);
    void           (*on_progress)(void *data, uint64_t done, uint64_t all);
    void            *data;          /*   bytes; both may be NULL */

    uint64_t         damages;
    char             first[FKV_ERROR_BYTES];    /* of them, or empty */

    uint64_t         manifest;      /* its number */
    uint64_t         edit;
    unsigned         log_files;     /* with frames behind the floor */
    uint64_t         log_frames;
    uint64_t         log_records;
    uint64_t         log_bytes;
    unsigned         tables;
    unsigned         levels[FKV__LEVELS];
    uint64_t         table_bytes;
    uint64_t         blocks;
    uint64_t         records;
    uint64_t         keys;
    uint64_t         tombstones;
    uint64_t         expiring;
    unsigned         ranges;
    unsigned         blob_files;
    uint64_t         blob_bytes;
    uint64_t         values;        /* that records refer to, each read */
    uint64_t         value_bytes;
    unsigned         orphans;       /* files that nothing names */

    fkv__fs_t         own_fs;       /* its own */
    fkv__directory_t  directory;
    fkv__version_t   *version;
    fkv__buf_t        blobs;        /* check_blob.h */
    int               blob_fd;
    uint64_t          blob_open;
    uint64_t          done;
    uint64_t          all;
} fkv__check_t;

/*
 * FKV_OK there is no damage · FKV_ECORRUPT there is, on_say was told of each
 * · else it could not be found out, error[FKV_ERROR_BYTES] says why: FKV_EBUSY
 * it is in use · FKV_EVERSION · FKV_EIO · FKV_ENOMEM
 */
int fkv__check(fkv__check_t *check, char *error);


/* For check_table.c and check_blob.c. */
void fkv__check_say(fkv__check_t *check, fkv__check_e what, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));
void fkv__check_progress(fkv__check_t *check, uint64_t bytes);

/* Is this a key that the engine writes? */
bool fkv__check_key(fkv_str_t ikey);


#endif /* FKV_STORE_CHECK_H */
