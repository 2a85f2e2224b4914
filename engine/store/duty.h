/*
 * duty.h - what the helper's threads do as long as they run.
 *
 *     FLUSH    again and again   sync the log if a flush waits for that,
 *                                flush, make arenas ready, look for the reserve
 *              every second      tick the clock, sync the log; on a full disk
 *                                seal what is in memory
 *              every 10 minutes  let the catalog know the time
 *     COMPACT  again and again   compact; when nothing is due, look again
 *                                after a flush, or a second
 *     JOBS     when FLUSH says so  the jobs that workers have posted
 *     EXPIRE   when a key expires  tell it: notice.h, where its loop is, too
 *     EVICT    when a bound is near      keep what lives below it: evict.h
 *
 * A failure never ends a thread: it is logged and tried again, later and
 * later; what was to be done stays where it is.  A full disk is said once,
 * makes them give the reserve (reserve.h), and is tried again every second.
 */

#ifndef FKV_STORE_DUTY_H
#define FKV_STORE_DUTY_H

#include "store/helper.h"

/* What the threads run; they return when helper->stop is set. */
void fkv__duty_flush(fkv__helper_t *helper);
void fkv__duty_compact(fkv__helper_t *helper);
void fkv__duty_jobs(fkv__helper_t *helper);
void fkv__duty_evict(fkv__helper_t *helper);

#endif /* FKV_STORE_DUTY_H */
