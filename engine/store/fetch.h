/*
 * fetch.h - a block on its way from disk: opened, read, verified, shared.
 *
 * Shape      one for a place, however many want it.  The read lands in a
 *            private buffer; what is verified there is copied to the shared
 *            blocks, and whoever waited reads it here, so that it is read once
 *            even if it is not kept there
 * Processes  private; one thread; asynchronous through store->io
 * Memory     a flight and each reader count; the last one frees.  While it is
 *            in flight the buffer is the kernel's
 *
 * Files are read past the page cache where the file system allows it, in whole
 * pages around the block: what memory= says is all that is used for blocks.
 */

#ifndef FKV_STORE_FETCH_H
#define FKV_STORE_FETCH_H

#include "store/files.h"
#include "store/source.h"

#define FKV__FETCH_BUCKETS  64

typedef struct {
    fkv_link_t           link;      /* of tables->fetches, or spare */
    fkv__io_req_t        io;
    fkv_t               *store;
    fkv__table_t        *table;     /* pinned while in flight */
    fkv__file_wait_t     file_wait;
    fkv__source_kind_e   kind;
    uint64_t             id;        /* of the table */
    fkv__block_place_t   place;
    uint8_t             *buffer;    /* page-aligned */
    size_t               room;
    size_t               skip;      /* bytes before the block */
    unsigned             refs;
    fkv__buf_t           unpacked;  /* payload, if the block was packed */
    fkv_str_t            payload;   /* after a success */
    fkv_link_t           readers;   /* fkv__reader_t */
} fkv__fetch_t;

typedef struct {
    fkv_link_t  flying[FKV__FETCH_BUCKETS];
    fkv_link_t  spare;
    unsigned    spare_n;
} fkv__fetches_t;

void fkv__fetches_open(fkv__fetches_t *fetches);

/* Frees what the end of I/O has left behind. */
void fkv__fetches_close(fkv__fetches_t *fetches);

/* The one in flight for the place; NULL: there is none. */
fkv__fetch_t *fkv__fetch_find(const fkv__fetches_t *fetches, uint64_t id,
    uint64_t offset);

/*
 * Starts one; there is none for the place.  When it ends, each of its readers
 * has rc, came with a count, and is run.
 * FKV_OK · FKV_ENOMEM
 */
int  fkv__fetch_start(fkv_t *store, fkv__table_t *table,
    fkv__block_place_t place, fkv__source_kind_e kind, fkv__fetch_t **fetch);

void fkv__fetch_let_go(fkv__fetch_t *fetch);

/* Says what is wrong at offset of the table. */
void fkv__fetch_complain(fkv_t *store, const fkv__table_t *table,
    uint64_t offset, const char *what);


#endif /* FKV_STORE_FETCH_H */
