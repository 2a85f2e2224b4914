/*
 * merge.c - the smallest of several records, again and again.
 *
 * A linear minimum: with the few sources there are (level 0's tables and one
 * per deeper level) a heap would save no comparison worth its code.
 */

#include "store/merge.h"


static int
compare(const fkv__record_t *a, const fkv__record_t *b)
{
    return fkv__block_cmp(a->key, a->version, b->key, b->version);
}


void
fkv__merge_init(fkv__merge_t *merge, fkv__iter_t *iters, unsigned n)
{
    *merge = (fkv__merge_t) { .iters = iters, .n = n };
}


void
fkv__merge_seek(fkv__merge_t *merge, fkv_str_t ikey, uint64_t version)
{
    merge->rec = NULL;

    for (unsigned i = 0; i < merge->n; i++) {
        fkv__iter_seek(&merge->iters[i], ikey, version);
    }
}


void
fkv__merge_next(fkv__merge_t *merge)
{
    FKV_ASSERT(merge->rec != NULL);

    for (unsigned i = 0; merge->ties && i < merge->n; i++) {
        fkv__iter_t  *it = &merge->iters[i];

        if (it != merge->at && it->rec != NULL
            && compare(it->rec, merge->rec) == 0)
        {
            fkv__iter_next(it);
        }
    }

    merge->rec = NULL;
    fkv__iter_next(merge->at);
}


void
fkv__merge_skip(fkv__merge_t *merge, fkv_str_t ikey, uint64_t version)
{
    if (merge->rec != NULL && fkv__iter_skip(merge->at, ikey, version)) {
        merge->rec = NULL;
    }
}


int
fkv__merge_settle(fkv__merge_t *merge)
{
    fkv__iter_t  *min = NULL;
    bool          ties = false;

    for (unsigned i = 0; i < merge->n; i++) {
        fkv__iter_t  *it = &merge->iters[i];
        int           rc = fkv__iter_settle(it), order;

        if (rc == FKV_END) {
            continue;
        }

        if (rc != FKV_OK) {
            return rc;
        }

        order = (min == NULL) ? -1 : compare(it->rec, min->rec);

        if (order < 0) {
            min = it;
            ties = false;

        } else if (order == 0) {
            ties = true;
        }
    }

    if (min == NULL) {
        return FKV_END;
    }

    merge->at = min;
    merge->ties = ties;
    merge->rec = min->rec;

    return FKV_OK;
}
