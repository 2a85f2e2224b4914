/*
 * source.h - where an iterator gets a table's blocks from.
 *
 * Two of them: reader.h for a worker, through its cache and asynchronous
 * reads, and source_file.h for the helper's threads, blocking.  The code that
 * walks tables (iter.h) is the same for both.
 */

#ifndef FKV_STORE_SOURCE_H
#define FKV_STORE_SOURCE_H

#include "format/block.h"
#include "store/version.h"

/* For messages, and for what is worth keeping. */
typedef enum {
    FKV__SOURCE_DATA,
    FKV__SOURCE_INDEX,
    FKV__SOURCE_FILTER
} fkv__source_kind_e;

/* Verified; the payload stays as it is until the block is put back. */
typedef struct fkv__block_s {
    fkv_str_t  payload;
} fkv__block_t;

typedef struct fkv__source_s  fkv__source_t;

struct fkv__source_s {
    /*
     * FKV_OK block must be put back · FKV_AGAIN ask the same again when the
     * op has been run · FKV_GONE the file does not exist · FKV_ECORRUPT
     * · FKV_EVERSION · FKV_EIO (all three are logged with file and offset)
     * · FKV_ENOMEM
     */
    int   (*get)(fkv__source_t *source, fkv__table_t *table,
              fkv__block_place_t place, fkv__source_kind_e kind,
              fkv__block_t **block);
    void  (*put)(fkv__source_t *source, fkv__block_t *block);

    /* The verified block at offset makes no sense: says and counts it. */
    void  (*damaged)(fkv__source_t *source, const fkv__table_t *table,
              uint64_t offset);

    /* NULL, or: a get of this block is likely to follow. */
    void  (*ahead)(fkv__source_t *source, fkv__table_t *table,
              fkv__block_place_t place, fkv__source_kind_e kind);
};


#endif /* FKV_STORE_SOURCE_H */
