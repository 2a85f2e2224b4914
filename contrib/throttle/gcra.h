/*
 * gcra.h - the arithmetic of CL.THROTTLE.
 *
 * A key is one time, when it will owe nothing ("theoretical arrival time").  A
 * unit moves it on by period / count; it passes if the key then owes at most
 * burst + 1 units.  Pure: now is an argument, all times are nanoseconds since
 * 1970.
 */

#ifndef THROTTLE_GCRA_H
#define THROTTLE_GCRA_H

#include <stdbool.h>
#include <stdint.h>

#define GCRA_SECOND    INT64_C(1000000000)

/* No key owes more than 100 years: now and two of these are below 2^63. */
#define GCRA_DEBT_MAX  (100 * GCRA_SECOND * 365 * 86400)

typedef struct {
    int64_t   step;             /* of one unit */
    int64_t   tolerance;        /* what may be owed: (burst + 1) * step */
    int64_t   limit;            /* burst + 1 */
} gcra_rule;

typedef struct {
    bool      limited;
    int64_t   remaining;        /* units that would pass now */
    int64_t   retry_after;      /* of what was refused; -1: it passed, or never
                                   will */
    int64_t   reset_after;      /* then it owes nothing */
} gcra_result;

/* False: out of range.  No number is negative, or above 10^13. */
bool gcra_make(gcra_rule *rule, int64_t burst, int64_t count, int64_t period);

/* False: so many units are out of range. */
bool gcra_fits(const gcra_rule *rule, int64_t units);

/* May units pass?  *tat, 0 of a key that is not there, becomes what follows
   if they do. */
gcra_result gcra_take(const gcra_rule *rule, int64_t now, int64_t units,
    int64_t *tat);

/* Units that passed did not count after all. */
gcra_result gcra_give(const gcra_rule *rule, int64_t now, int64_t units,
    int64_t *tat);

/* As redis-cell says them: a part of a second, if it is a millisecond, is a
   whole one; -1 is -1. */
int64_t gcra_seconds(int64_t time);


#endif /* THROTTLE_GCRA_H */
