/*
 * scan.h - the private part of an fkv_scan_t.
 */

#ifndef FKV_STORE_SCAN_H
#define FKV_STORE_SCAN_H

#include "store/hold.h"
#include "store/walk.h"

struct fkv__scan_s {
    fkv_link_t    link;             /* of tables->scans */
    fkv_scan_t   *scan;
    fkv__hold_t   hold;             /* the walk's snapshot */
    fkv__walk_t   walk;
    unsigned      entries;          /* given out so far */
    size_t        bytes;
    fkv__buf_t    key;              /* room for the decoded key */
};

/* Frees all that have not ended. */
void fkv__scan_close(fkv_t *store);


#endif /* FKV_STORE_SCAN_H */
