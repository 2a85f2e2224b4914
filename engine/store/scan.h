/*
 * scan.h - the private part of an fkv_scan_t.
 */

#ifndef FKV_STORE_SCAN_H
#define FKV_STORE_SCAN_H

#include "store/hold.h"
#include "store/blob_read.h"
#include "store/walk.h"

struct fkv__scan_s {
    fkv_link_t    link;             /* of tables->scans */
    fkv_scan_t   *scan;
    fkv__hold_t   hold;             /* the walk's snapshot */
    fkv__walk_t   walk;
    fkv__space_t  space;            /* whose names are walked */
    size_t        group;            /* so many bytes are before an element's */
    unsigned      entries;          /* given out so far */
    size_t        bytes;
    fkv__buf_t    key;              /* room for the decoded key */

    fkv__blob_fetch_t  fetch;       /* of the large value at hand ... */
    uint64_t           fetched;     /* ... which is of this version, 0 = none */

    fkv_get_t          get;         /* of the chain of operands at hand ... */
    uint64_t           folded;      /* ... likewise */
    int                fold_rc;
};

/* Frees all that have not ended. */
void fkv__scan_close(fkv_t *store);


#endif /* FKV_STORE_SCAN_H */
