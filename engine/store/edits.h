/*
 * edits.h - many edits as one, which leads to the same version.
 *
 * Shape      a list of edits in their order; what they say of one table, or of
 *            one range, is played through for itself, and only what comes of it
 *            is in the sum.  So n edits cost n log n, where to make a version
 *            of each costs n times the tables and ranges of a version: seconds,
 *            of every process that begins
 * Processes  private
 */

#ifndef FKV_STORE_EDITS_H
#define FKV_STORE_EDITS_H

#include "base/buf.h"
#include "store/version.h"

typedef struct {
    fkv__edit_t  edit;
    uint64_t     end;               /* where the next one begins */
} fkv__edits_one_t;

/* Zero-initialized: none. */
typedef struct {
    fkv__buf_t  list;
} fkv__edits_t;

static inline size_t
fkv__edits_n(const fkv__edits_t *edits)
{
    return edits->list.len / sizeof(fkv__edits_one_t);
}


static inline fkv__edits_one_t *
fkv__edits_at(const fkv__edits_t *edits, size_t i)
{
    return (fkv__edits_one_t *) (void *) edits->list.data + i;
}


/*
 * Reads the records in file[*offset .. ) of manifest number, as far as they can
 * be read; *offset is then where that is.
 * FKV_OK up to the end · FKV_ECORRUPT · FKV_EVERSION · FKV_ENOMEM
 */
int fkv__edits_read(fkv__edits_t *edits, fkv_str_t file, uint64_t number,
    uint64_t *offset);

/*
 * sum, uninitialized and empty after a failure, is to be applied to from.
 * FKV_OK · FKV_ECORRUPT one of them does not fit what is before it; only
 * applying them one by one says which one · FKV_ENOMEM
 */
int fkv__edits_sum(const fkv__edits_t *edits, const fkv__version_t *from,
    fkv__edit_t *sum);

void fkv__edits_done(fkv__edits_t *edits);


#endif /* FKV_STORE_EDITS_H */
