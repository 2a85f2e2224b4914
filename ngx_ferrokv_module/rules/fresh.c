/*
 * fresh.c - lifetimes by their order of precedence, age by its formula.
 */

#include "rules/fresh.h"

#define SECOND_MS  1000

/* Below all this, sums of two or three times cannot overflow. */
#define TIME_MS_MAX  ((int64_t) 1 << 60)


bool
fkv_rules_status_heuristic(unsigned status)
{
    switch (status) {
    case 200: case 203: case 204: case 206:
    case 300: case 301: case 308:
    case 404: case 405: case 410: case 414:
    case 501:
        return true;
    }

    return false;
}


static int64_t
seconds_ms(int64_t seconds)
{
    return fkv__min(fkv__max(seconds, 0), TIME_MS_MAX / SECOND_MS) * SECOND_MS;
}


static int64_t
initial_age_ms(const fkv_rules_response_t *response)
{
    int64_t  delay = response->response_ms - response->request_ms;
    int64_t  corrected = seconds_ms(response->age_s) + fkv__max(delay, 0);
    int64_t  apparent = response->response_ms - (SECOND_MS - 1)
                        - response->date_s * SECOND_MS;

    return fkv__max(apparent, corrected);
}


/* Milliseconds, or FKV_RULES_NONE. */
static int64_t
heuristic(const fkv_rules_policy_t *policy,
    const fkv_rules_response_t *response)
{
    int64_t  since;

    if (policy->heuristic_percent == 0
        || response->last_modified_s == FKV_RULES_NO_TIME
        || !(fkv_rules_status_heuristic(response->status)
             || (response->control.flags & FKV_RULES_PUBLIC)))
    {
        return FKV_RULES_NONE;
    }

    since = response->date_s - response->last_modified_s;
    since = seconds_ms(since) / 100 * policy->heuristic_percent;

    return fkv__min(since, seconds_ms(policy->heuristic_max_s));
}


static void
lifetime(fkv_rules_fresh_t *fresh, fkv_rules_source_e source, int64_t ms)
{
    fresh->source = source;
    fresh->lifetime_ms = fkv__min(ms, TIME_MS_MAX);
}


static void
lifetime_read(fkv_rules_fresh_t *fresh, const fkv_rules_policy_t *policy,
    const fkv_rules_response_t *response)
{
    const fkv_rules_control_t  *control = &response->control;
    int64_t                     guess = heuristic(policy, response);

    if (response->accel_s != FKV_RULES_NONE) {
        lifetime(fresh, FKV_RULES_BY_ACCEL,
                 seconds_ms(response->accel_s) + fresh->initial_age_ms);

    } else if (control->s_maxage_s != FKV_RULES_NONE) {
        lifetime(fresh, FKV_RULES_BY_S_MAXAGE,
                 seconds_ms(control->s_maxage_s));

    } else if (control->max_age_s != FKV_RULES_NONE) {
        lifetime(fresh, FKV_RULES_BY_MAX_AGE, seconds_ms(control->max_age_s));

    } else if (response->expires_s != FKV_RULES_NO_TIME) {
        lifetime(fresh, FKV_RULES_BY_EXPIRES,
                 seconds_ms(response->expires_s - response->date_s));

    } else if (policy->valid_s != FKV_RULES_NONE) {
        lifetime(fresh, FKV_RULES_BY_VALID,
                 seconds_ms(policy->valid_s) + fresh->initial_age_ms);

    } else if (guess != FKV_RULES_NONE) {
        lifetime(fresh, FKV_RULES_BY_HEURISTIC, guess);
    }
}


void
fkv_rules_fresh_read(fkv_rules_fresh_t *fresh,
    const fkv_rules_policy_t *policy, const fkv_rules_response_t *response)
{
    const fkv_rules_control_t  *control = &response->control;
    unsigned                    flags = control->flags;

    *fresh = (fkv_rules_fresh_t) {
        .source = FKV_RULES_BY_NOTHING,
        .response_ms = response->response_ms,
        .initial_age_ms = initial_age_ms(response),
        .while_revalidate_s = fkv__max(control->while_revalidate_s, 0),
        .if_error_s = fkv__max(control->if_error_s, 0)
    };

    lifetime_read(fresh, policy, response);

    if ((flags & FKV_RULES_NO_CACHE) && fresh->source != FKV_RULES_BY_ACCEL) {
        fresh->flags |= FKV_RULES_ALWAYS_VALIDATE;
    }

    if (flags & (FKV_RULES_MUST_REVALIDATE | FKV_RULES_PROXY_REVALIDATE)) {
        fresh->flags |= FKV_RULES_NEVER_STALE;
    }

    if (control->s_maxage_s != FKV_RULES_NONE) {
        fresh->flags |= FKV_RULES_NOT_BY_CONFIG;
    }
}


int64_t
fkv_rules_age_ms(const fkv_rules_fresh_t *fresh, int64_t now_ms)
{
    return fresh->initial_age_ms + fkv__max(now_ms - fresh->response_ms, 0);
}


int64_t
fkv_rules_stale_at_ms(const fkv_rules_fresh_t *fresh)
{
    return fresh->response_ms
           + fkv__max(fresh->lifetime_ms - fresh->initial_age_ms, 0);
}


int64_t
fkv_rules_useless_at_ms(const fkv_rules_fresh_t *fresh)
{
    int64_t  window = fkv__max(fresh->while_revalidate_s, fresh->if_error_s);

    if (fresh->flags & (FKV_RULES_NEVER_STALE | FKV_RULES_ALWAYS_VALIDATE)) {
        window = 0;
    }

    return fkv_rules_stale_at_ms(fresh) + seconds_ms(window);
}


void
fkv_rules_fresh_end(fkv_rules_fresh_t *fresh, int64_t at_ms)
{
    fresh->lifetime_ms = fkv__min(fresh->lifetime_ms,
                                  fkv_rules_age_ms(fresh, at_ms));
}
