/*
 * table_file.h - writing one table to disk, blocking; for flush, compaction
 * and recovery, in the helper's threads or the master.
 */

#ifndef FKV_STORE_TABLE_FILE_H
#define FKV_STORE_TABLE_FILE_H

#include "fkv.h"
#include "format/table.h"
#include "store/warm.h"

typedef struct {
    const fkv__fs_t       *fs;
    int                    sst_dir;
    int                    fd;
    uint64_t               id;
    uint64_t               pushed;      /* bytes that are on disk, or soon */
    fkv__table_builder_t   builder;
    fkv__warm_t           *warm;        /* NULL, or the caller's */
} fkv__table_file_t;

/*
 * How a store with these options builds tables: what fkv_change() may change
 * meanwhile is loaded atomically, and counts from the next table on.  The
 * time is left to the caller.
 */
void fkv__table_options(const fkv_options_t *opt, fkv__table_options_t *out);

/*
 * Creates DIR/sst/ID.sst, mode 0600.  The cause of a failure, here and below,
 * is in errno.
 * FKV_OK · FKV_EIO · FKV_EFULL; nothing is open then
 */
int fkv__table_file_open(fkv__table_file_t *file, const fkv__fs_t *fs,
    int sst_dir, uint64_t id, uid_t uid, gid_t gid,
    const fkv__table_options_t *options);

/*
 * In order, as fkv__table_builder_add.  What was written goes to disk piece by
 * piece: no more than the last two megabytes are in flight, so a write of the
 * log never waits behind a whole table.  FKV_OK · EIO · EFULL · ENOMEM
 */
int fkv__table_file_add(fkv__table_file_t *file, const fkv__record_t *rec);

/* Bytes so far, about. */
uint64_t fkv__table_file_bytes(const fkv__table_file_t *file);

/*
 * Writes the rest, fdatasyncs and closes; the caller syncs sst_dir before it
 * names the table in an edit.  At least one record must have been added.  info
 * is uninitialized and becomes the caller's.
 * FKV_OK · FKV_EIO · FKV_EFULL · FKV_ENOMEM info is empty; abort is needed
 */
int fkv__table_file_finish(fkv__table_file_t *file, fkv__table_info_t *info);

/* Gives up after any failure but that of open: closes and unlinks. */
void fkv__table_file_abort(fkv__table_file_t *file);

#endif /* FKV_STORE_TABLE_FILE_H */
