#include "gcra.h"


bool
gcra_make(gcra_rule *rule, int64_t burst, int64_t count, int64_t period)
{
    if (count == 0 || period == 0 || period > GCRA_DEBT_MAX / GCRA_SECOND) {
        return false;
    }

    rule->step = period * GCRA_SECOND / count;
    rule->limit = burst + 1;

    if (rule->step == 0 || !gcra_fits(rule, rule->limit)) {
        return false;
    }

    rule->tolerance = rule->step * rule->limit;

    return true;
}


bool
gcra_fits(const gcra_rule *rule, int64_t units)
{
    return units <= GCRA_DEBT_MAX / rule->step;
}


static void
tell(const gcra_rule *rule, int64_t owed, gcra_result *result)
{
    int64_t  free = rule->tolerance - owed;

    result->remaining = free > 0 ? free / rule->step : 0;
    result->reset_after = owed;
}


gcra_result
gcra_take(const gcra_rule *rule, int64_t now, int64_t units, int64_t *tat)
{
    gcra_result  result = { .limited = false, .retry_after = -1 };
    int64_t      owed = *tat > now ? *tat - now : 0;
    int64_t      cost = rule->step * units;
    int64_t      wait = owed + cost - rule->tolerance;

    /* Nothing asked for is nothing refused. */
    if (wait > 0 && units > 0) {
        result.limited = true;
        result.retry_after = cost <= rule->tolerance ? wait : -1;

    } else {
        owed += cost;
        *tat = now + owed;
    }

    tell(rule, owed, &result);

    return result;
}


gcra_result
gcra_give(const gcra_rule *rule, int64_t now, int64_t units, int64_t *tat)
{
    gcra_result  result = { .limited = false, .retry_after = -1 };
    int64_t      owed = *tat > now ? *tat - now : 0;
    int64_t      back = rule->step * units;

    owed = owed > back ? owed - back : 0;
    *tat = now + owed;
    tell(rule, owed, &result);

    return result;
}


int64_t
gcra_seconds(int64_t time)
{
    if (time < 0) {
        return -1;
    }

    return time / GCRA_SECOND + (time % GCRA_SECOND >= GCRA_SECOND / 1000);
}
