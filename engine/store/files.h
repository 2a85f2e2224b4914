/*
 * files.h - a worker's open tables.
 *
 * Shape      opened when a read wants them, past the page cache where the
 *            file system allows it; at most a half of the descriptors that the
 *            process may have, the least recently used one that nobody reads
 *            is closed first; closed also when the last version that has the
 *            table goes
 * Processes  private; one thread; asynchronous through store->io
 */

#ifndef FKV_STORE_FILES_H
#define FKV_STORE_FILES_H

#include "store/store.h"
#include "store/version.h"

typedef struct {
    fkv_link_t  open;               /* tables, least recently used first */
    unsigned    open_n;             /* with those that are being opened */
    unsigned    open_max;
    bool        buffered;           /* direct I/O was refused */
    fkv_link_t  busy;               /* requests in flight */
} fkv__files_t;

/* One who waits for a table to be opened; the caller's until on_open. */
typedef struct fkv__file_wait_s  fkv__file_wait_t;

struct fkv__file_wait_s {
    fkv_link_t   link;
    void       (*on_open)(fkv__file_wait_t *wait, int rc);
};

void fkv__files_open(fkv__files_t *files);

/* Frees what the end of I/O has left behind. */
void fkv__files_close(fkv__files_t *files);

/*
 * table->fd may be read from until fkv__files_unuse().
 * FKV_OK · FKV_AGAIN on_open() follows with one of the others, which are
 * FKV_GONE there is no such file · FKV_EIO, logged · FKV_ENOMEM
 */
int  fkv__files_use(fkv_t *store, fkv__table_t *table, fkv__file_wait_t *wait);
void fkv__files_unuse(fkv_t *store, fkv__table_t *table);

/* Closes any descriptor without blocking. */
void fkv__files_close_fd(fkv_t *store, int fd);


#endif /* FKV_STORE_FILES_H */
