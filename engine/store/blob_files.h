/*
 * blob_files.h - a worker's blob files that are open for reading.
 *
 * Shape      opened when a read wants them; of those that nobody reads
 *            FKV__BLOB_FILES_MAX stay open, the least recently used one is
 *            closed first, and all of them when the helper has unlinked some
 * Processes  private; one thread; asynchronous through store->io
 * If killed  nothing remains
 */

#ifndef FKV_STORE_BLOB_FILES_H
#define FKV_STORE_BLOB_FILES_H

#include "store/store.h"

#define FKV__BLOB_FILES_MAX  64

typedef struct {
    fkv_link_t      link;           /* of the files, last used last */
    fkv_t          *store;
    uint64_t        id;
    int             fd;             /* -1: being opened */
    unsigned        users;
    fkv_link_t      waits;          /* for the open */
    fkv__io_req_t   io;
    char            name[48];       /* blob/ID.blob */
} fkv__blob_file_t;

struct fkv__blob_files_s {
    fkv_link_t  files;
    unsigned    n;
    uint64_t    drops;              /* state.blob_drops when we looked last */
    fkv_link_t  blobs;              /* fkv_blob_t, blob_read.c */
    fkv_link_t  loads;              /* fetches that wait for others' end */
    uint64_t    loading;            /* bytes of those that have begun */
};

/* The caller's until on_open, which is not called from inside use. */
typedef struct fkv__blob_wait_s  fkv__blob_wait_t;

struct fkv__blob_wait_s {
    fkv_link_t          link;
    fkv__blob_file_t   *file;       /* if FKV_OK */
    void              (*on_open)(fkv__blob_wait_t *wait, int rc);
};

/* FKV_OK or FKV_ENOMEM. */
int  fkv__blob_files_open(fkv_t *store);

/* After store->io was closed. */
void fkv__blob_files_close(fkv_t *store);

/* Lets go of files that may have been unlinked. */
void fkv__blob_files_poll(fkv_t *store);

/*
 * wait->file may be read from until unuse.
 * FKV_OK · FKV_AGAIN on_open() follows with one of the others, which are
 * FKV_GONE there is no such file · FKV_EIO, logged · FKV_ENOMEM
 */
int  fkv__blob_files_use(fkv_t *store, uint64_t id, fkv__blob_wait_t *wait);
void fkv__blob_files_unuse(fkv__blob_file_t *file);


#endif /* FKV_STORE_BLOB_FILES_H */
