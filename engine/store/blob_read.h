/*
 * blob_read.h - a large value, piece by piece or as a whole.
 *
 * Shape      fkv_blob_t: an open file and two frames; one is the caller's, the
 *            next piece is read into the other meanwhile
 *            fetch: opens one for an operation and, if it is asked to, reads
 *            all of it into one buffer
 * Memory     loads go on side by side while all they need is at most
 *            FKV__BLOB_LOADING_MAX; the others wait in the order in which
 *            they came, and none of those that go on waits for anything but
 *            the disk. So a client's thousand gets need no thousand buffers
 * Processes  private; one thread; a file that is unlinked stays readable
 *            until the last fkv_blob_t of it is closed
 * If killed  nothing remains
 *
 * fkv_blob_read() and fkv_blob_close() are in fkv.h.
 */

#ifndef FKV_STORE_BLOB_READ_H
#define FKV_STORE_BLOB_READ_H

#include "format/blob.h"
#include "format/record.h"
#include "store/blob_files.h"

#define FKV__BLOB_LOADING_MAX  (32 * 1024 * 1024)   /* or a single one */

/* Embedded in an operation; zero-initialize it. */
typedef struct {
    fkv_op_t          *op;          /* run when it has ended */
    fkv__blob_ref_t    ref;
    int                rc;          /* FKV_AGAIN while it goes on */
    fkv_blob_t        *blob;        /* if FKV_OK; the caller may take it */
    uint8_t           *data;        /* if FKV_OK and it was to be loaded */

    fkv_t             *store;       /* its own from here on */
    uint64_t           hash;
    bool               load;
    bool               waits;       /* link is in files->loads */
    fkv_link_t         link;
    uint64_t           room;        /* that it takes of files->loading */
    uint64_t           loaded;
    fkv__blob_wait_t   wait;
    fkv_blob_read_t    read;
} fkv__blob_fetch_t;

/*
 * The value of rec, which is of kind FKV__RECORD_BLOB, at the key of that
 * hash; op is set.
 *   load   all of it, verified, into data
 * FKV_OK · FKV_AGAIN op is run, with fetch->rc one of the others: FKV_GONE the
 * file does not exist · FKV_ECORRUPT, FKV_EIO, logged with file and offset
 * · FKV_ENOMEM
 */
int  fkv__blob_fetch(fkv__blob_fetch_t *fetch, fkv_t *store,
    const fkv__record_t *rec, uint64_t hash, bool load);

/* After the end, or if it was never started: closes the blob. */
void fkv__blob_fetch_done(fkv__blob_fetch_t *fetch);

/*
 * A file was gone although the record that names it is the one to be read.
 * FKV_NOTFOUND it has expired meanwhile, so it was dropped · FKV_ECORRUPT
 * it is missing (logged)
 */
int  fkv__blob_missing(fkv_t *store, const fkv__blob_ref_t *ref,
    uint64_t expire_at);

/* Frees all that are open, after the end of I/O. */
void fkv__blob_read_close(fkv_t *store);


#endif /* FKV_STORE_BLOB_READ_H */
