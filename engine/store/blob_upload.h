/*
 * blob_upload.h - a large value that comes bit by bit.
 *
 *     fkv_upload() --bytes--> put (blob_write.h), fed --all written, synced--.
 *          ^----- room -------'                                              |
 *     fkv_update() with change.upload: the record names it <-----------------'
 *     fkv_upload_close()
 *
 * Shape      a put and whose it is.  It outlives its fkv_upload_t while a write
 *            of it is in flight
 * Processes  private; one thread
 * If killed  dead bytes in a file that is the collector's then
 */

#ifndef FKV_STORE_BLOB_UPLOAD_H
#define FKV_STORE_BLOB_UPLOAD_H

#include "store/blob_write.h"

struct fkv__upload_s {
    fkv_link_t        link;         /* of store->uploads */
    fkv_upload_t     *upload;       /* NULL: closed, ends with the put */
    bool              waiting;      /* its op is */
    fkv__blob_put_t   put;
    uint8_t           ref[FKV__BLOB_REF_MAX];   /* as its record says it */
};

/* After the end of I/O: frees all. */
void fkv__upload_close_all(fkv_t *store);


#endif /* FKV_STORE_BLOB_UPLOAD_H */
