/*
 * merge.h - several iterators as one, in internal order.
 *
 * Moves have two parts as in iter.h.  A record that several iterators have
 * (same key, same version: recovery may have written it twice) comes once.
 */

#ifndef FKV_STORE_MERGE_H
#define FKV_STORE_MERGE_H

#include "store/iter.h"

typedef struct {
    const fkv__record_t  *rec;      /* as in fkv__iter_t */
    fkv__iter_t          *iters;
    unsigned              n;
    fkv__iter_t          *at;       /* the one that has rec */
    bool                  ties;     /* another one has it too */
} fkv__merge_t;

/* The iterators are the caller's, to be initialized before, done after. */
void fkv__merge_init(fkv__merge_t *merge, fkv__iter_t *iters, unsigned n);

void fkv__merge_seek(fkv__merge_t *merge, fkv_str_t ikey, uint64_t version);
void fkv__merge_next(fkv__merge_t *merge);
int  fkv__merge_settle(fkv__merge_t *merge);

/*
 * After settle: records before ikey that are older than version are not
 * wanted.  If the iterator that has rec can, it leaves them out; then settle
 * says what is next.
 */
void fkv__merge_skip(fkv__merge_t *merge, fkv_str_t ikey, uint64_t version);


#endif /* FKV_STORE_MERGE_H */
