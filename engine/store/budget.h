/*
 * budget.h - how fast merges may write while a flush goes on.
 *
 * Shape      flush comes first, for without it writers run out of memory; then
 *            level 0, which every read looks into and writes are delayed for;
 *            then what lies deeper.  Only the last can wait: while a flush goes
 *            on it writes no more than FKV__BUDGET_PART of what flushes bring.
 *            They take little of the time, so it is late by little; but what
 *            it had not written when a flush began is not owed to it either
 * Processes  the owner of the helper role, COMPACT thread
 * If killed  the next owner begins with nothing written
 *
 * Beside that COMPACT runs at a lower priority than FLUSH: duty.c.
 */

#ifndef FKV_STORE_BUDGET_H
#define FKV_STORE_BUDGET_H

#include "base/types.h"

#define FKV__BUDGET_PART  4

/* Zero-initialized it is new. */
typedef struct {
    uint64_t  since_us;         /* a flush was first met then; 0 = none is */
    uint64_t  bytes;            /* that had been written then */
} fkv__budget_t;

/*
 * So many microseconds have to pass before more is written; 0 = none.  Pure.
 *   bytes    that the merge has written so far
 *   rate     bytes of tables a second that flushes make, 0 = not known
 *   now_us   of a clock that only grows
 */
uint64_t fkv__budget_wait_us(fkv__budget_t *budget, bool flushing,
    uint64_t bytes, uint64_t rate, uint64_t now_us);


#endif /* FKV_STORE_BUDGET_H */
