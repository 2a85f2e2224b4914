/*
 * output.h - records become tables of one level, and these the additions of
 * an edit; for flush and compaction.
 *
 * Tables are cut between keys, never within one, so that no two tables of a
 * level share a key.
 *
 * If killed: files that no edit names, see helper.h.
 */

#ifndef FKV_STORE_OUTPUT_H
#define FKV_STORE_OUTPUT_H

#include "store/helper.h"
#include "store/table_file.h"

typedef struct {
    fkv__helper_t       *helper;
    fkv__edit_t         *edit;          /* the caller's */
    unsigned             level;
    uint64_t             table_bytes;   /* cut at the next key behind this */
    bool                 open;          /* file is being written */
    fkv__table_file_t    file;
    uint64_t             bytes;         /* of finished tables */
} fkv__output_t;

void fkv__output_init(fkv__output_t *output, fkv__helper_t *helper,
    fkv__edit_t *edit, unsigned level, uint64_t table_bytes);

/* The next record is of another key.  FKV_OK · EIO · EFULL · ENOMEM */
int fkv__output_next_key(fkv__output_t *output);

/*
 * In order.  FKV_OK · FKV_EIO · FKV_EFULL · FKV_ENOMEM · FKV_ECORRUPT rec does
 * not come behind its predecessor; the cause of a failure, here and below, is
 * in errno
 */
int fkv__output_add(fkv__output_t *output, const fkv__record_t *rec);

/* All tables are on disk and in the edit; there may be none. */
int fkv__output_finish(fkv__output_t *output);

/* Unlinks what was written.  Not after the edit was tried. */
void fkv__output_abort(fkv__output_t *output);


#endif /* FKV_STORE_OUTPUT_H */
