/*
 * count.h - how many keys exist, counted one by one at one snapshot.
 *
 * Shape      an ordinary scan (scan.h) in a thread that is attached to the
 *            store like a worker: a slot, I/O and pins of its own
 * Processes  the owner of the helper role, JOBS thread; workers do not notice
 * If killed  as any worker: the slot is reaped.  Step: count.1 within the scan
 */

#ifndef FKV_STORE_COUNT_H
#define FKV_STORE_COUNT_H

#include "store/helper.h"

/*
 * Sees everything that was visible when it was called.
 * FKV_OK · FKV_ECANCELED · FKV_EFULL no slot is free · as fkv_scan
 */
int fkv__count_keys(fkv__helper_t *helper, unsigned ns, fkv_str_t prefix,
    uint64_t *keys);


#endif /* FKV_STORE_COUNT_H */
