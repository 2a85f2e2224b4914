/*
 * reader.h - blocks for a worker's operation: from shared memory, or read.
 *
 * Shape      get --shared--> block, where it is
 *               | not        a fetch (fetch.h); all readers that want the
 *               v            block wait for the one
 *            fetch --> op is run, asks the same again, and gets it
 * Memory     embedded in the operation; one wait at a time
 */

#ifndef FKV_STORE_READER_H
#define FKV_STORE_READER_H

#include "store/fetch.h"
#include "store/source.h"
#include "store/tables.h"

typedef struct {
    fkv__source_t   source;
    fkv_t          *store;
    fkv_op_t       *op;
    fkv_link_t      link;           /* among the readers of a fetch */
    int             rc;             /* FKV_AGAIN while it waits */
    uint64_t        id;             /* what it waited for */
    uint64_t        offset;
    fkv__fetch_t   *came;           /* counted; given out by the next get */
} fkv__reader_t;

/* op is run when a wait is over. */
void fkv__reader_init(fkv__reader_t *reader, fkv_t *store, fkv_op_t *op);

/* Also ends a wait: op is not run any more. */
void fkv__reader_done(fkv__reader_t *reader);

/*
 * What a FKV_GONE means to one who reads by this version: FKV_AGAIN take a
 * newer one, it is announced · FKV_ECORRUPT the table is missing (logged)
 */
int fkv__reader_gone(fkv__reader_t *reader, const fkv__version_t *version);

/* Frees spare handles; nobody holds a block any more. */
void fkv__reader_close(fkv_t *store);


#endif /* FKV_STORE_READER_H */
