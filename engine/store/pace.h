/*
 * pace.h - how fast writes may come in, so that flush and compaction keep up
 * and nobody has to stop for long.
 *
 * Shape      two debts, each beside what is known of how fast it is paid:
 *              flush       bytes of the log that are in no table
 *              compaction  bytes of level 0, and of others over their target
 *            Below a low mark writes are as fast as they can be.  From there
 *            on they have a rate, which falls as the debt grows: at first
 *            three times what is paid, at the high mark half of it.  So debt
 *            settles in between, and the delay of one write changes by little
 *            from one to the next.  A write has to wait for an arena only if
 *            that was not enough
 * Time       state.pace_next_us is when the next write may go.  A write takes
 *            the time that its bytes need at the rate, by CAS, and waits for
 *            its beginning, put aside: no process sleeps.  Less than a
 *            millisecond is no reason to wait, so timers need not be finer
 * Eviction   what is beyond a bound (size.h) is a debt of the same kind, with a
 *            rate and a next_us of its own, so only writes that add to what it
 *            bounds wait for it: neither deletes, eviction's among them, nor
 *            what others write
 * Processes  any worker; the rates are the helper's
 * If killed  who dies while it waits has taken some time from the others
 */

#ifndef FKV_STORE_PACE_H
#define FKV_STORE_PACE_H

#include "store/store.h"

#define FKV__PACE_FLUSH_LOW     3       /* halves of an arena */
#define FKV__PACE_FLUSH_HIGH    10
#define FKV__PACE_COMPACT_LOW   3       /* batches of level 0 (pick.h) */
#define FKV__PACE_COMPACT_HIGH  9

/* Of one op that waits; zero it before the first time. */
typedef struct {
    fkv_link_t  link;           /* in store->paced, soonest first */
    fkv_op_t   *op;
    uint64_t    since_us;       /* put aside for the first time; 0 = never */
    uint64_t    until_us;       /* 0 = it need not wait */
    bool        admitted;       /* it has had its turn */
} fkv__pace_t;

/*
 * Bytes a second for a debt that is paid at the rate paid; UINT64_MAX = any.
 * Pure.
 */
uint64_t fkv__pace_rate(uint64_t paid, uint64_t debt, uint64_t low,
    uint64_t high);

/*
 * May an op that is about to write so many bytes go on?  False: it has been
 * put aside and will be run again, the step returns WAIT.
 */
bool fkv__pace_admit(fkv_t *store, fkv__pace_t *pace, fkv_op_t *op,
    uint64_t bytes);

/*
 * Before that: it will add so many bytes where debt bytes are to be evicted,
 * and not before eviction comes to them; next_us is that bound's.
 */
void fkv__pace_evicting(fkv_t *store, fkv__pace_t *pace, uint64_t *next_us,
    uint64_t debt, uint64_t high, uint64_t bytes);

/* It is put aside for another reason; it has written. */
void fkv__pace_stalled(fkv__pace_t *pace);
void fkv__pace_done(fkv_t *store, const fkv__pace_t *pace);

/* By fkv_poll(): runs those whose time has come.  -1: none waits. */
void    fkv__pace_poll(fkv_t *store);
int64_t fkv__pace_timeout_ms(const fkv_t *store);

/* By the helper: so many bytes were evicted in so much time. */
void fkv__pace_evicted(fkv_t *store, uint64_t bytes, uint64_t us);

/* By the helper: so much of the log has become tables in so much time. */
void fkv__pace_flushed(fkv_t *store, uint64_t log_bytes, uint64_t table_bytes,
    uint64_t us);

/* Bytes of tables a second that flushes make, lately; 0 = not known. */
uint64_t fkv__pace_flush_rate(const fkv_t *store);

/*
 * By the helper: so much of level 0 has left it in so much time of work, 0 =
 * none; what is left to do, in bytes of tables, and what a batch is.
 */
void fkv__pace_compacted(fkv_t *store, uint64_t table_bytes, uint64_t us);
void fkv__pace_debt(fkv_t *store, uint64_t debt, uint64_t batch_bytes);


#endif /* FKV_STORE_PACE_H */
