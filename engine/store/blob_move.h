/*
 * blob_move.h - giving live values of a mostly dead blob file new places.
 *
 * Shape      one table that refers to such files is written anew at its level,
 *            record by record, versions unchanged; values of those files are
 *            copied, verified, into new files, a file for a bucket of expiry.
 *            One edit replaces the table; then nothing refers to the old
 *            places, and the collector finds their files empty
 * Threads    COMPACT, which alone drops tables
 * If killed  before the edit: a table and blob files that nobody names.  Steps:
 *            blob_move.1 nothing is written; blob_move.2 a value is copied;
 *            blob_move.3 all is on disk, no edit; blob_move.4 it is announced
 *
 * A value that cannot be read stays where it is, and its file is left alone.
 */

#ifndef FKV_STORE_BLOB_MOVE_H
#define FKV_STORE_BLOB_MOVE_H

#include "format/blob.h"
#include "store/helper.h"

/*
 *   table    of version, which is the catalog's and pinned
 *   files    whose values are to be moved, fkv__blob_use_t by file; those
 *            that turn out to be unreadable get bytes = 0
 * FKV_OK the table was replaced · FKV_ECANCELED · FKV_ECORRUPT the table cannot
 * be read (logged) · FKV_EIO · FKV_EFULL · FKV_ENOMEM, cause in errno
 */
int fkv__blob_move(fkv__helper_t *helper, fkv__table_t *table,
    fkv__buf_t *files);


#endif /* FKV_STORE_BLOB_MOVE_H */
