/*
 * expire.h - the store clock: what expiry is decided by.
 *
 * Shape      store time = boot time + state.clock_offset_ms; the offset is one
 *            word, so it is read and moved in one piece, without a lock
 * Processes  all read; the owner of the helper role ticks
 * If killed  between the two stores of a tick: drops wait for an hour that
 *            nobody needed, or the next tick sees the same step again
 *
 *     wall steps forward    followed at once by reads; a step of more than a
 *                           minute may be a mistake that somebody is about to
 *                           correct, so what expired by it is not dropped from
 *                           the disk for an hour
 *     wall steps backward   store time goes on at the rate of CLOCK_BOOTTIME
 *                           until the wall has caught up
 *     restart               begins at the later of the wall and the last time
 *                           that the catalog knows
 *
 * fkv_now_ms() is in fkv.h.
 */

#ifndef FKV_STORE_EXPIRE_H
#define FKV_STORE_EXPIRE_H

#include "store/store.h"

#define FKV__CLOCK_STEP_MS   (60 * 1000)        /* more is a step, not drift */
#define FKV__CLOCK_DELAY_MS  (60 * 60 * 1000)   /* of drops, after a step */

/*
 * For the master, when it has opened the store.  clock_ms is the catalog's, 0
 * of a new store.  A gap of more than a minute between it and the wall delays
 * drops as a step does: a long stop cannot be told from a wrong clock.
 */
void fkv__clock_init(fkv_t *store, uint64_t clock_ms);

/* Once a second, by the owner of the helper role. */
void fkv__clock_tick(fkv_t *store);

/* May what has expired at now_ms leave the disk? */
bool fkv__clock_drops_allowed(const fkv_t *store, uint64_t now_ms);


#endif /* FKV_STORE_EXPIRE_H */
