/*
 * limit.c - the three algorithms, and a state's bytes.
 *
 * All sums are exact, in "shares": a unit is period_us of them, so that a
 * microsecond pays back count.  Bounds: a period has 45 bits, a count 30, what
 * is owed OWED_MAX_US, thus 52, or USED_MAX, thus 42; no product of a line
 * below has more than 127.
 */

#include "rules/limit.h"
#include "base/bytes.h"

#define OWED_MAX_US  (100ULL * 365 * 86400 * 1000000)
#define USED_MAX     (1ULL << 42)
#define EXCESS_MAX   (1ULL << 50)

typedef unsigned __int128  wide_t;


static uint64_t
divide_up(wide_t n, uint64_t by)
{
    return (uint64_t) ((n + by - 1) / by);
}


static bool
same_rate(const fkv_rules_limit_rate_t *a, const fkv_rules_limit_rate_t *b)
{
    return a->count == b->count && a->period_us == b->period_us;
}


/* How much time has passed since the state; at_us moves on. */
static uint64_t
state_elapse(fkv_rules_limit_state_t *state, uint64_t now_us)
{
    uint64_t  elapsed;

    if (now_us < state->at_us) {
        return 0;
    }

    elapsed = now_us - state->at_us;
    state->at_us = now_us;

    return elapsed;
}


/* The clock has been set back: go on from there. */
static bool
state_step_back(fkv_rules_limit_state_t *state, uint64_t now_us)
{
    if (state->at_us <= now_us
        || state->at_us - now_us <= FKV_RULES_LIMIT_SKEW_US)
    {
        return false;
    }

    state->at_us = now_us;

    return true;
}


/* GCRA */

static wide_t
gcra_owed(const fkv_rules_limit_state_t *state)
{
    return (wide_t) state->used * state->rate.count + state->rest;
}


static void
gcra_owe(fkv_rules_limit_state_t *state, wide_t shares)
{
    uint64_t  count = state->rate.count;

    if (shares > (wide_t) OWED_MAX_US * count) {
        shares = (wide_t) OWED_MAX_US * count;
    }

    state->used = (uint64_t) (shares / count);
    state->rest = (uint64_t) (shares - (wide_t) state->used * count);
}


static void
gcra_move(fkv_rules_limit_state_t *state,
    const fkv_rules_limit_rate_t *rate, uint64_t now_us)
{
    uint64_t  elapsed = state_elapse(state, now_us);
    wide_t    shares;

    if (state->used >= elapsed) {
        state->used -= elapsed;

    } else {
        state->used = 0;
        state->rest = 0;
    }

    if (same_rate(&state->rate, rate)) {
        return;
    }

    shares = gcra_owed(state) * rate->period_us / state->rate.period_us;
    state->rate = *rate;
    gcra_owe(state, shares);
}


/* Windows */

/*
 * What the last period_us have seen.  The share of the period before is whole
 * units, rounded down: else who asks all the time would lose one a period.
 */
static uint64_t
window_owed(const fkv_rules_limit_state_t *state)
{
    uint64_t  period = state->rate.period_us;
    uint64_t  left = period - state->at_us % period;

    return state->used + (uint64_t) ((wide_t) state->rest * left / period);
}


static void
window_move(fkv_rules_limit_state_t *state,
    const fkv_rules_limit_rate_t *rate, uint64_t now_us)
{
    uint64_t  period = state->rate.period_us;
    uint64_t  from = state->at_us / period, to;
    bool      sliding = (state->algorithm == FKV_RULES_LIMIT_SLIDING);

    (void) state_elapse(state, now_us);

    to = state->at_us / period;

    if (to > from) {
        state->rest = (sliding && to == from + 1) ? state->used : 0;
        state->used = 0;
    }

    if (rate->period_us != period) {
        state->used = window_owed(state);
        state->rest = 0;
    }

    state->rate = *rate;
}


/* When a state that owes nothing but this will be none. */
static uint64_t
window_reset(const fkv_rules_limit_state_t *state)
{
    uint64_t  period = state->rate.period_us;
    uint64_t  left = period - state->at_us % period;

    if (state->used == 0) {
        return state->rest ? left : 0;
    }

    return (state->algorithm == FKV_RULES_LIMIT_SLIDING) ? left + period
                                                           : left;
}


/* The least time after which no more than most of units, left yet, remain. */
static uint64_t
window_fade(uint64_t units, uint64_t most, uint64_t left, uint64_t period)
{
    uint64_t  enough;

    if (units <= most) {
        return 0;
    }

    enough = (uint64_t) ((((wide_t) most + 1) * period - 1) / units);

    return (enough < left) ? left - enough : 0;
}


/* Until cost, more than there is room for now, fits below limit. */
static uint64_t
window_retry(const fkv_rules_limit_state_t *state, uint64_t cost,
    uint64_t limit)
{
    uint64_t  period = state->rate.period_us;
    uint64_t  left = period - state->at_us % period;

    if (state->used + cost <= limit) {
        return window_fade(state->rest, limit - cost - state->used, left,
                           period);
    }

    if (state->algorithm == FKV_RULES_LIMIT_FIXED) {
        return left;
    }

    return left + window_fade(state->used, limit - cost, period, period);
}


/* Of all algorithms */

static wide_t
state_owed(const fkv_rules_limit_state_t *state)
{
    if (state->algorithm == FKV_RULES_LIMIT_GCRA) {
        return gcra_owed(state);
    }

    return (wide_t) window_owed(state) * state->rate.period_us;
}


/*
 * Makes it a state of this rule and this moment.  True: in a way that must be
 * kept even if nothing passes, or it would be the same step again and again.
 */
static bool
state_move(fkv_rules_limit_state_t *state,
    const fkv_rules_limit_rule_t *rule, uint64_t now_us)
{
    bool  jump;

    if (state->algorithm != rule->algorithm) {
        memset(state, 0, sizeof(*state));
        state->algorithm = rule->algorithm;
        state->rate = rule->rate;
        state->at_us = now_us;
        return false;
    }

    jump = state_step_back(state, now_us)
           || !same_rate(&state->rate, &rule->rate);

    if (rule->algorithm == FKV_RULES_LIMIT_GCRA) {
        gcra_move(state, &rule->rate, now_us);

    } else {
        window_move(state, &rule->rate, now_us);
    }

    return jump;
}


static void
state_add(fkv_rules_limit_state_t *state, uint64_t cost)
{
    if (state->algorithm == FKV_RULES_LIMIT_GCRA) {
        gcra_owe(state,
                 gcra_owed(state) + (wide_t) cost * state->rate.period_us);

    } else {
        state->used = fkv__min(state->used + cost, USED_MAX);
    }
}


static uint64_t
state_reset(const fkv_rules_limit_state_t *state)
{
    return (state->algorithm == FKV_RULES_LIMIT_GCRA)
           ? state->used + (state->rest != 0)
           : window_reset(state);
}


/* Units that count as no excess. */
static uint64_t
rule_free(const fkv_rules_limit_rule_t *rule)
{
    return (rule->algorithm == FKV_RULES_LIMIT_GCRA) ? 1 : rule->rate.count;
}


/* Shares that may be owed; more than can be counted are not. */
static wide_t
rule_room(const fkv_rules_limit_rule_t *rule)
{
    wide_t  most = (wide_t) OWED_MAX_US * rule->rate.count;
    wide_t  room = (wide_t) (rule_free(rule) + rule->burst)
                   * rule->rate.period_us;

    return (rule->algorithm == FKV_RULES_LIMIT_GCRA) ? fkv__min(room, most)
                                                     : room;
}


/* owed: with this cost, and it passes */
static uint64_t
decide_delay(const fkv_rules_limit_rule_t *rule, wide_t owed)
{
    wide_t  at_once;

    if (rule->delay >= rule->burst) {
        return 0;
    }

    at_once = (wide_t) (rule_free(rule) + rule->delay) * rule->rate.period_us;

    return (owed > at_once) ? divide_up(owed - at_once, rule->rate.count) : 0;
}


void
fkv_rules_limit_decide(const fkv_rules_limit_rule_t *rule, uint64_t now_us,
    uint64_t cost, fkv_rules_limit_how_e how, fkv_rules_limit_state_t *state,
    fkv_rules_limit_decision_t *decision)
{
    wide_t  owed;

    cost = fkv__min(cost, FKV_RULES_LIMIT_COST_MAX);
    decision->keep = state_move(state, rule, now_us);

    owed = state_owed(state) + (wide_t) cost * rule->rate.period_us;
    decision->pass = (owed <= rule_room(rule));
    decision->delay_us = decision->pass ? decide_delay(rule, owed) : 0;

    decision->charged = (how == FKV_RULES_LIMIT_CHARGE
                         || (how == FKV_RULES_LIMIT_TAKE && decision->pass));

    if (decision->charged) {
        decision->keep = true;
        state_add(state, cost);
    }

    decision->reset_us = state_reset(state);
}


static uint64_t
tell_excess(const fkv_rules_limit_rule_t *rule, wide_t owed)
{
    uint64_t  period = rule->rate.period_us, units;
    wide_t    due = (wide_t) rule_free(rule) * period;

    if (owed <= due) {
        return 0;
    }

    owed -= due;
    units = (uint64_t) fkv__min(owed / period, EXCESS_MAX);

    return units * 1000 + (uint64_t) (owed % period * 1000 / period);
}


static uint64_t
tell_retry(const fkv_rules_limit_rule_t *rule, uint64_t cost,
    const fkv_rules_limit_state_t *state, uint64_t limit)
{
    wide_t  room = rule_room(rule);
    wide_t  shares = (wide_t) cost * rule->rate.period_us;

    if (shares > room) {
        return FKV_RULES_LIMIT_NEVER;
    }

    if (rule->algorithm != FKV_RULES_LIMIT_GCRA) {
        return window_retry(state, cost, limit);
    }

    return divide_up(gcra_owed(state) + shares - room, rule->rate.count);
}


void
fkv_rules_limit_tell(const fkv_rules_limit_rule_t *rule, uint64_t cost,
    const fkv_rules_limit_state_t *state,
    const fkv_rules_limit_decision_t *decision,
    fkv_rules_limit_figures_t *figures)
{
    uint64_t  period = rule->rate.period_us;
    wide_t    owed = state_owed(state), room = rule_room(rule);

    cost = fkv__min(cost, FKV_RULES_LIMIT_COST_MAX);

    figures->limit = rule_free(rule) + rule->burst;
    figures->window_us = (rule->algorithm == FKV_RULES_LIMIT_GCRA)
                         ? divide_up(room, rule->rate.count) : period;
    figures->remaining = (owed < room) ? (uint64_t) ((room - owed) / period)
                                       : 0;
    figures->retry_us = (decision->pass || decision->charged)
                        ? 0 : tell_retry(rule, cost, state, figures->limit);

    if (!decision->charged) {
        owed += (wide_t) cost * period;
    }

    figures->excess = tell_excess(rule, owed);
}


/* A state's bytes */

void
fkv_rules_limit_put(uint8_t *out, const fkv_rules_limit_state_t *state)
{
    out[0] = (uint8_t) state->algorithm;
    fkv__put_le32(out + 1, (uint32_t) state->rate.count);
    fkv__put_le64(out + 5, state->rate.period_us);
    fkv__put_le64(out + 13, state->at_us);
    fkv__put_le64(out + 21, state->used);
    fkv__put_le64(out + 29, state->rest);
}


static bool
rate_valid(const fkv_rules_limit_rate_t *rate)
{
    return rate->count > 0 && rate->count <= FKV_RULES_LIMIT_COUNT_MAX
           && rate->period_us > 0
           && rate->period_us <= FKV_RULES_LIMIT_PERIOD_MAX;
}


static bool
state_valid(const fkv_rules_limit_state_t *state)
{
    if (!rate_valid(&state->rate)) {
        return false;
    }

    switch (state->algorithm) {

    case FKV_RULES_LIMIT_GCRA:
        return state->used <= OWED_MAX_US && state->rest < state->rate.count;

    case FKV_RULES_LIMIT_SLIDING:
        return state->used <= USED_MAX && state->rest <= USED_MAX;

    case FKV_RULES_LIMIT_FIXED:
        return state->used <= USED_MAX && state->rest == 0;

    default:
        return false;
    }
}


int
fkv_rules_limit_get(fkv_str_t bytes, fkv_rules_limit_state_t *state)
{
    const uint8_t  *p = bytes.data;

    if (bytes.len == FKV_RULES_LIMIT_STATE_SIZE) {
        state->algorithm = (fkv_rules_limit_algorithm_e) p[0];
        state->rate.count = fkv__get_le32(p + 1);
        state->rate.period_us = fkv__get_le64(p + 5);
        state->at_us = fkv__get_le64(p + 13);
        state->used = fkv__get_le64(p + 21);
        state->rest = fkv__get_le64(p + 29);

        if (state_valid(state)) {
            return FKV_OK;
        }
    }

    memset(state, 0, sizeof(*state));

    return FKV_ECORRUPT;
}


/* Text */

int
fkv_rules_limit_parse_number(fkv_str_t text, uint64_t max, uint64_t *number)
{
    uint64_t  n = 0;

    for (size_t i = 0; i < text.len; i++) {

        if (text.data[i] < '0' || text.data[i] > '9') {
            return FKV_EINVAL;
        }

        n = n * 10 + (uint64_t) (text.data[i] - '0');

        if (n > max) {
            return FKV_EINVAL;
        }
    }

    *number = n;

    return text.len ? FKV_OK : FKV_EINVAL;
}


static uint64_t
parse_unit(uint8_t unit)
{
    switch (unit) {

    case 's':
        return 1000000ULL;

    case 'm':
        return 60 * 1000000ULL;

    case 'h':
        return 3600 * 1000000ULL;

    case 'd':
        return 86400 * 1000000ULL;

    default:
        return 0;
    }
}


int
fkv_rules_limit_parse_rate(fkv_str_t text, fkv_rules_limit_rate_t *rate)
{
    size_t     at = 0;
    uint64_t   unit, times = 1;
    fkv_str_t  count, number;

    while (at < text.len && text.data[at] != 'r') {
        at++;
    }

    /* "r/", perhaps a number, and one letter */

    if (text.len - at < 3 || text.data[at + 1] != '/') {
        return FKV_EINVAL;
    }

    count = (fkv_str_t) { text.data, at };
    number = (fkv_str_t) { text.data + at + 2, text.len - at - 3 };
    unit = parse_unit(text.data[text.len - 1]);

    if (unit == 0
        || fkv_rules_limit_parse_number(count, FKV_RULES_LIMIT_COUNT_MAX,
                                        &rate->count)
           != FKV_OK
        || (number.len > 0
            && fkv_rules_limit_parse_number(number, FKV_RULES_LIMIT_PERIOD_MAX
                                                    / unit,
                                            &times)
               != FKV_OK))
    {
        return FKV_EINVAL;
    }

    rate->period_us = unit * times;

    return rate_valid(rate) ? FKV_OK : FKV_EINVAL;
}
