/*
 * serve.c - what the origin allows, then what the client wants of it.
 */

#include "rules/serve.h"

#define SECOND_MS  1000


/*
 * By the client's no-cache, max-age and min-fresh.  What has just come is not
 * young enough for max-age=0, which means to ask.
 */
static bool
wanted_younger(const fkv_rules_control_t *control, int64_t age_ms,
    int64_t left_ms)
{
    if (control->flags & FKV_RULES_NO_CACHE) {
        return true;
    }

    if (control->max_age_s != FKV_RULES_NONE
        && age_ms >= control->max_age_s * SECOND_MS)
    {
        return true;
    }

    return control->min_fresh_s != FKV_RULES_NONE
           && left_ms < control->min_fresh_s * SECOND_MS;
}


static bool
wanted_stale(const fkv_rules_control_t *control, int64_t late_ms)
{
    return (control->flags & FKV_RULES_MAX_STALE)
           || (control->max_stale_s != FKV_RULES_NONE
               && late_ms <= control->max_stale_s * SECOND_MS);
}


static bool
within(int64_t window_s, int64_t late_ms)
{
    return window_s > 0 && late_ms <= window_s * SECOND_MS;
}


/* Whole seconds, downwards: -1 is stale since up to a second. */
static int64_t
ttl_s(int64_t left_ms)
{
    return (left_ms >= 0) ? left_ms / SECOND_MS
                          : -((-left_ms + SECOND_MS - 1) / SECOND_MS);
}


void
fkv_rules_serve(fkv_rules_served_t *served, const fkv_rules_fresh_t *fresh,
    const fkv_rules_control_t *control, int64_t now_ms)
{
    static const fkv_rules_control_t  nothing = {
        .max_age_s = FKV_RULES_NONE, .s_maxage_s = FKV_RULES_NONE,
        .max_stale_s = FKV_RULES_NONE, .min_fresh_s = FKV_RULES_NONE,
        .while_revalidate_s = FKV_RULES_NONE, .if_error_s = FKV_RULES_NONE
    };
    int64_t  age = fkv_rules_age_ms(fresh, now_ms);
    int64_t  left = fresh->lifetime_ms - age;
    bool     validate = (fresh->flags & FKV_RULES_ALWAYS_VALIDATE);
    bool     never = validate || (fresh->flags & FKV_RULES_NEVER_STALE);
    bool     serve;

    control = (control != NULL) ? control : &nothing;

    *served = (fkv_rules_served_t) {
        .how = FKV_RULES_SERVE,
        .stale = (left <= 0),
        .age_s = age / SECOND_MS,
        .ttl_s = ttl_s(left),
        .by_config = !never && !(fresh->flags & FKV_RULES_NOT_BY_CONFIG)
    };

    served->if_error = (!never && within(fresh->if_error_s, -left))
                       || (served->by_config
                           && within(control->if_error_s, -left));

    served->update = served->stale && !never
                     && within(fresh->while_revalidate_s, -left);

    serve = !validate
            && (!served->stale || served->update
                || (served->by_config && wanted_stale(control, -left)));

    served->by_request = serve && wanted_younger(control, age, left);

    if (!serve || served->by_request) {
        served->update = false;
        served->how = (control->flags & FKV_RULES_ONLY_IF_CACHED)
                      ? FKV_RULES_REFUSE : FKV_RULES_VALIDATE;
    }
}
