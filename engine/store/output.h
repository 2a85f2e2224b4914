/*
 * output.h - records become tables of one level, and these the additions of
 * an edit; for flush and compaction.
 *
 * Tables are cut between keys, never within one, so that no two tables of a
 * level share a key.  Compaction's are cut where a table of the level below
 * them ends, once they are half full, or when they overlap FKV__OUTPUT_BELOW
 * times their own size there: so none will cost much to be merged down.
 *
 * If killed: files that no edit names, see helper.h.
 */

#ifndef FKV_STORE_OUTPUT_H
#define FKV_STORE_OUTPUT_H

#include "store/helper.h"
#include "store/table_file.h"
#include "store/warm.h"

#define FKV__OUTPUT_BELOW  10

typedef struct {
    fkv__helper_t       *helper;
    fkv__edit_t         *edit;          /* the caller's */
    unsigned             level;
    uint64_t             table_bytes;   /* cut at the next key behind this */
    uint64_t             ranged;        /* of the tables, the caller's word */
    bool                 open;          /* file is being written */
    fkv__table_file_t    file;
    fkv__warm_t          warm;
    uint64_t             bytes;         /* of finished tables */
    unsigned             n;             /* of them: the first in edit */

    fkv__table_t *const *below;         /* tables of the next level ... */
    unsigned             n_below;
    unsigned             at_below;      /* ... whose largest is not passed */
    uint64_t             bytes_below;   /* passed by the open table */
} fkv__output_t;

void fkv__output_init(fkv__output_t *output, fkv__helper_t *helper,
    fkv__edit_t *edit, unsigned level, uint64_t table_bytes);

/* Also cuts by these tables, sorted and disjoint; they are the caller's. */
void fkv__output_align(fkv__output_t *output, fkv__table_t *const *below,
    unsigned n);

/*
 * The next record is of another key, this one.  FKV_OK, output->open tells
 * whether a table goes on · EIO · EFULL · ENOMEM
 */
int fkv__output_next_key(fkv__output_t *output, fkv_str_t key);

/*
 * In order; cached as in warm.h.  FKV_OK · FKV_EIO · FKV_EFULL · FKV_ENOMEM
 * · FKV_ECORRUPT rec does not come behind its predecessor; the cause of a
 * failure, here and below, is in errno
 */
int fkv__output_add(fkv__output_t *output, const fkv__record_t *rec,
    bool cached);

/* All tables are on disk and in the edit; there may be none. */
int fkv__output_finish(fkv__output_t *output);

/* Unlinks what was written.  Not after the edit was tried. */
void fkv__output_abort(fkv__output_t *output);


#endif /* FKV_STORE_OUTPUT_H */
