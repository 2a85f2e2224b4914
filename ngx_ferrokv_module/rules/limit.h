/*
 * limit.h - the arithmetic of a rate limit.
 *
 *   (now, state, rule, cost) -> (decision, state)
 *
 * Pure: no clock, no store, no nginx.  Time is microseconds since 1970, what
 * passes is counted in units; a request is one, or what its cost says.
 *
 * GCRA     A key owes time: each unit adds period / count to its debt, which
 *          time pays back.  What passes leaves a debt of at most burst + 1
 *          units.  The debt is kept exactly, as microseconds and a numerator
 *          over count, so the k-th pass at 1000r/h comes after 3.6 k seconds
 *          and not a microsecond sooner or later, whatever k is.
 * Fixed    count + burst units in each period of the clock (in UTC).
 * Sliding  as fixed, but the period before counts too, by the share of it that
 *          lies within the last period_us, whole units.
 *
 * A unit above the rate is excess: of GCRA all but the one that is due, else
 * what goes beyond count.  Up to burst it passes, and what lies above delay of
 * it is put off until it would be none: limit_req's meaning of these words.
 *
 * A state tells the rate it was made by.  With another one it keeps what it
 * owes in units; of another algorithm it is as none.
 *
 * A clock that steps back by up to FKV_RULES_LIMIT_SKEW_US, or of another
 * process, stands still until it has caught up; by more, it goes on from
 * there, and no time has passed.
 */

#ifndef FKV_RULES_LIMIT_H
#define FKV_RULES_LIMIT_H

#include "base/types.h"


#define FKV_RULES_LIMIT_COUNT_MAX   1000000000
#define FKV_RULES_LIMIT_PERIOD_MAX  (366ULL * 86400 * 1000000)
#define FKV_RULES_LIMIT_BURST_MAX   1000000000
#define FKV_RULES_LIMIT_COST_MAX    (1ULL << 40)
#define FKV_RULES_LIMIT_SKEW_US     1000000
#define FKV_RULES_LIMIT_NEVER       UINT64_MAX

/* Bytes of a stored state. */
#define FKV_RULES_LIMIT_STATE_SIZE  37


/* On disk, do not change. */
typedef enum {
    FKV_RULES_LIMIT_NONE = 0,
    FKV_RULES_LIMIT_GCRA = 1,
    FKV_RULES_LIMIT_SLIDING = 2,
    FKV_RULES_LIMIT_FIXED = 3
} fkv_rules_limit_algorithm_e;


typedef struct {
    uint64_t                       count;       /* 1 .. COUNT_MAX units ... */
    uint64_t                       period_us;   /* ... in so much time */
} fkv_rules_limit_rate_t;


typedef struct {
    fkv_rules_limit_algorithm_e  algorithm;   /* not NONE */
    fkv_rules_limit_rate_t       rate;
    uint64_t                       burst;       /* up to BURST_MAX */
    uint64_t                       delay;       /* so much excess is not put
                                                   off; NEVER = "nodelay" */
} fkv_rules_limit_rule_t;


/* All zero: none, as if nothing had ever come. */
typedef struct {
    fkv_rules_limit_algorithm_e  algorithm;
    fkv_rules_limit_rate_t       rate;
    uint64_t                       at_us;       /* when it was so */
    uint64_t                       used;        /* GCRA: microseconds owed;
                                                   else units of this period */
    uint64_t                       rest;        /* GCRA: and so many count-ths;
                                                   else units of the one before
                                                   (sliding) */
} fkv_rules_limit_state_t;


typedef struct {
    bool      pass;
    bool      charged;
    bool      keep;             /* the state must be: it was charged, or was of
                                   another rate or a later time */
    uint64_t  delay_us;         /* if it passes: to be put off so long */
    uint64_t  reset_us;         /* then the state will be as none */
} fkv_rules_limit_decision_t;


/* What may be said about a decision. */
typedef struct {
    uint64_t  excess;           /* thousandths of a unit, with its cost */
    uint64_t  limit;            /* units that can pass at once at most ... */
    uint64_t  window_us;        /* ... and the time that brings them back */
    uint64_t  remaining;        /* units that could pass now, after this */
    uint64_t  retry_us;         /* if it was rejected: it could pass then;
                                   NEVER: the cost is more than limit */
} fkv_rules_limit_figures_t;


typedef enum {
    FKV_RULES_LIMIT_TAKE,       /* charged if it passes */
    FKV_RULES_LIMIT_ASK,        /* nothing is charged */
    FKV_RULES_LIMIT_CHARGE      /* it has passed, and only now one knows its
                                   cost: charged even beyond the burst */
} fkv_rules_limit_how_e;


/*
 * May it pass?  The state becomes what that leaves behind, at now_us; what is
 * not charged need not be kept, unless decision->keep.
 *   cost   up to COST_MAX, which is also what a greater one counts as
 */
void fkv_rules_limit_decide(const fkv_rules_limit_rule_t *rule,
    uint64_t now_us, uint64_t cost, fkv_rules_limit_how_e how,
    fkv_rules_limit_state_t *state, fkv_rules_limit_decision_t *decision);

/* The same rule and cost, and what state and decision have become. */
void fkv_rules_limit_tell(const fkv_rules_limit_rule_t *rule, uint64_t cost,
    const fkv_rules_limit_state_t *state,
    const fkv_rules_limit_decision_t *decision,
    fkv_rules_limit_figures_t *figures);


/*
 * STATE_SIZE bytes that a store keeps, little-endian:
 *
 *      0  1  algorithm            13  8  at_us
 *      1  4  rate.count           21  8  used
 *      5  8  rate.period_us       29  8  rest
 */
void fkv_rules_limit_put(uint8_t *out, const fkv_rules_limit_state_t *state);

/* FKV_OK · FKV_ECORRUPT nothing that we could have put, *state is none */
int fkv_rules_limit_get(fkv_str_t bytes, fkv_rules_limit_state_t *state);


/*
 * "100r/s", "60r/m", "1000r/h", "5000r/d", "10r/5s".
 * FKV_OK · FKV_EINVAL anything else, also a zero, or more than COUNT_MAX or
 * PERIOD_MAX
 */
int fkv_rules_limit_parse_rate(fkv_str_t text, fkv_rules_limit_rate_t *rate);

/* Decimal digits, 0 .. max.  FKV_OK · FKV_EINVAL */
int fkv_rules_limit_parse_number(fkv_str_t text, uint64_t max,
    uint64_t *number);


#endif /* FKV_RULES_LIMIT_H */
