/*
 * check_blob.h - the part of check.h that looks at large values, where a
 * record says that they are.
 */

#ifndef FKV_STORE_CHECK_BLOB_H
#define FKV_STORE_CHECK_BLOB_H

#include "format/record.h"
#include "store/check.h"

/* Finds the files and looks at their headers.  FKV_OK · EIO · ENOMEM */
int fkv__check_blobs_begin(fkv__check_t *check, char *error);

/*
 * Reads the value of a record of kind FKV__RECORD_BLOB, whose key is whole; a
 * file that is missing is told of once.
 *   where   who refers to it, for the message
 * FKV_OK what is wrong was told · FKV_EIO cause in errno · FKV_ENOMEM
 */
int fkv__check_value(fkv__check_t *check, const fkv__record_t *rec,
    const char *where);

/* Tells of files that nothing refers to. */
void fkv__check_blobs_orphans(fkv__check_t *check);

/* Also after a failure. */
void fkv__check_blobs_end(fkv__check_t *check);

#endif /* FKV_STORE_CHECK_BLOB_H */
