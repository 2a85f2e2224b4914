/*
 * blob_write.h - large values on their way to disk, ahead of their records.
 *
 *     put: file of its bucket --> write, a chunk at a time --> sync --> on_done
 *     file: id taken, created, header, directory synced --> appended to until
 *           it is long or its bucket's time is over --> closed
 *
 * Shape      puts append side by side, each in room of its own.  One sync of a
 *            file is in flight; it serves all that was written when it began,
 *            what is written meanwhile rides the next
 * Buckets    values that expire about together lie in one file, so that it
 *            goes as a whole: 0 never expires, the others are of growing
 *            width.  A file takes values for a quarter of its width
 * Processes  a worker appends to files of its own only.  Which they are stands
 *            in its slot: the helper leaves those alone (blob_collect.h)
 * If killed  what was written is dead bytes, or a file that no record names;
 *            nobody appends to a dead process's files, so its last writes may
 *            land when they like.  Steps: blob.1 an id is taken; blob.2 the
 *            file is there; blob.3 so is its name, on disk; blob.4 a value is
 *            written; blob.5 it is on disk, no record names it
 *
 * A value is on disk before its record whatever sync= says: a log that is
 * synced must name nothing that is not there.
 */

#ifndef FKV_STORE_BLOB_WRITE_H
#define FKV_STORE_BLOB_WRITE_H

#include "format/blob.h"
#include "store/store.h"

#define FKV__BLOB_BUCKETS         8
#define FKV__BLOB_FILE_BYTES      (128 * 1024 * 1024)   /* then a new one */
#define FKV__BLOB_IDLE_MS         60000                 /* then it is closed */
#define FKV__BLOB_UNFLUSHED_MAX   (256 * 1024 * 1024)   /* per memtable */

typedef struct fkv__blob_out_s  fkv__blob_out_t;
typedef struct fkv__blob_put_s  fkv__blob_put_t;

/* The caller's until done; zero-initialize it. */
struct fkv__blob_put_s {
    fkv_t              *store;
    fkv_str_t           value;      /* not empty; stays until on_done; data
                                       NULL: it is fed */
    uint64_t            hash;       /* of the internal key */
    uint64_t            expire_at;
    void              (*on_done)(fkv__blob_put_t *put);
    void              (*on_room)(fkv__blob_put_t *put);     /* if it is fed */
    void               *data;

    int                 rc;         /* FKV_AGAIN while it goes on */
    fkv__blob_ref_t     ref;        /* if FKV_OK */

    fkv_link_t          link;       /* among those that wait for a file */
    fkv_link_t          all;        /* of the writer */
    fkv__blob_out_t    *out;
    uint8_t            *chunk;
    uint64_t            chunk_at;   /* its offset in the file */
    size_t              chunk_len;  /* whole frames in it */
    uint64_t            chunk_end;  /* the piece behind it */
    uint64_t            piece;      /* the next one that goes into it */
    size_t              fed;        /* bytes of that which are there */
    bool                writing;    /* io is in flight */
    bool                canceled;
    fkv__io_req_t       io;
};

/* FKV_OK or FKV_ENOMEM. */
int  fkv__blob_write_open(fkv_t *store);

/* After store->io was closed: forgets all puts and files. */
void fkv__blob_write_close(fkv_t *store);

/* Closes files that have not been used for a while. */
void fkv__blob_write_poll(fkv_t *store);

/* Is a value of this length one for a blob file? */
bool fkv__blob_wanted(const fkv_t *store, size_t len);

/*
 * FKV_AGAIN on_done follows, put->rc is FKV_OK or FKV_EFULL disk full, FKV_EIO
 * (logged), FKV_ENOMEM · FKV_EBUSY too many files are open, try again later
 * · FKV_ENOMEM
 */
int  fkv__blob_put(fkv__blob_put_t *put, uint64_t now_ms);

/*
 * Takes bytes of a value that is fed, as many as there is room for; what is
 * left waits for on_room().  Not after the end.
 */
void fkv__blob_put_feed(fkv__blob_put_t *put, fkv_str_t *bytes);

/* Ends in FKV_ECANCELED; on_done() perhaps from inside. */
void fkv__blob_put_cancel(fkv__blob_put_t *put);

/*
 * After the end, also of a failure, once: when the record that names the
 * value is READY, or none ever will.  Until then its file is not collected.
 */
void fkv__blob_put_done(fkv__blob_put_t *put);

/* The bucket of a value that expires then, 0 = never. */
unsigned fkv__blob_bucket(uint64_t expire_at, uint64_t now_ms);

/* DIR/blob/ID.blob; out has room for 40 bytes. */
void fkv__blob_name(char *out, uint64_t id);

/*
 * All files there are in that directory, also of nobody and being written:
 * appends their ids, uint64_t.  FKV_OK or what went wrong, cause in errno.
 */
int  fkv__blob_ids(int dir, fkv__buf_t *ids);


#endif /* FKV_STORE_BLOB_WRITE_H */
