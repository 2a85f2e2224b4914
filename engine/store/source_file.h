/*
 * source_file.h - blocks read and verified in place, blocking, for
 * compaction in the helper's threads.
 *
 * Shape      one table open at a time; a window of FKV__WINDOW_BYTES of data
 *            blocks, read at once; no cache
 * Memory     serves one iterator: one data block and two index pages are out
 *            at most
 */

#ifndef FKV_STORE_SOURCE_FILE_H
#define FKV_STORE_SOURCE_FILE_H

#include "store/source.h"

#define FKV__WINDOW_BYTES  (256 * 1024)

typedef struct {
    fkv__source_t      source;
    const fkv__fs_t   *fs;
    int                sst_dir;
    const fkv_log_t   *log;
    uint64_t           bytes_read;      /* since init */
    uint64_t           errors_corrupt;  /* for the caller to count */

    uint64_t           id;              /* of the open table; 0 = none */
    int                fd;
    fkv__buf_t         window;          /* file bytes from window_at on */
    uint64_t           window_at;
    fkv__buf_t         data_room;       /* unpacked */
    fkv__block_t       data_block;
    fkv__buf_t         index_room[2];   /* as read */
    fkv__block_t       index_block[2];
} fkv__source_file_t;

/* Cannot fail; done closes and frees, after the iterator's done. */
void fkv__source_file_init(fkv__source_file_t *file, const fkv__fs_t *fs,
    int sst_dir, const fkv_log_t *log);
void fkv__source_file_done(fkv__source_file_t *file);


#endif /* FKV_STORE_SOURCE_FILE_H */
