/*
 * fresh.h - how long a response is fresh, and how old it is: RFC 9111,
 * section 4.2.
 *
 * Shape      what a response says -> five numbers that are stored with it, and
 *            at any later time its age
 *
 * The lifetime is the first of these that is there:
 *   1  X-Accel-Expires         counted from the arrival, not by Age
 *   2  s-maxage, max-age       of Cache-Control or of the targeted field
 *   3  Expires - Date
 *   4  the configuration's for this status, from the arrival too
 *   5  a share of Date - Last-Modified, for the statuses of RFC 9110, section
 *      15.1, or if it is public
 * As in nginx, the configuration fills what the response does not say.
 *
 * Times are milliseconds.  Date has whole seconds and the message may be as
 * young as the end of its second, so 999 ms of apparent age count for nothing.
 */

#ifndef FKV_RULES_FRESH_H
#define FKV_RULES_FRESH_H

#include "rules/response.h"

typedef enum {                          /* on disk, do not change */
    FKV_RULES_BY_NOTHING   = 0,
    FKV_RULES_BY_ACCEL     = 1,
    FKV_RULES_BY_S_MAXAGE  = 2,
    FKV_RULES_BY_MAX_AGE   = 3,
    FKV_RULES_BY_EXPIRES   = 4,
    FKV_RULES_BY_VALID     = 5,
    FKV_RULES_BY_HEURISTIC = 6
} fkv_rules_source_e;

enum {                                  /* on disk, do not change */
    FKV_RULES_ALWAYS_VALIDATE = 1 << 0, /* no-cache */
    FKV_RULES_NEVER_STALE     = 1 << 1, /* must-, proxy-revalidate */
    FKV_RULES_NOT_BY_CONFIG   = 1 << 2  /* s-maxage: stale only in the windows
                                           that the origin itself gives */
};

typedef struct {
    fkv_rules_source_e  source;
    unsigned            flags;
    int64_t             response_ms;
    int64_t             initial_age_ms;     /* when it came */
    int64_t             lifetime_ms;
    int64_t             while_revalidate_s; /* 0: not allowed */
    int64_t             if_error_s;
} fkv_rules_fresh_t;


void fkv_rules_fresh_read(fkv_rules_fresh_t *fresh,
    const fkv_rules_policy_t *policy, const fkv_rules_response_t *response);

/* Section 4.2.3; a clock that went back makes it no younger than it came. */
int64_t fkv_rules_age_ms(const fkv_rules_fresh_t *fresh, int64_t now_ms);

/* When it becomes stale; when no window of the origin's is left, either. */
int64_t fkv_rules_stale_at_ms(const fkv_rules_fresh_t *fresh);
int64_t fkv_rules_useless_at_ms(const fkv_rules_fresh_t *fresh);

/* A soft purge: stale from at_ms on, if it was not before. */
void fkv_rules_fresh_end(fkv_rules_fresh_t *fresh, int64_t at_ms);

/* RFC 9110, section 15.1: may be stored though nothing says so. */
bool fkv_rules_status_heuristic(unsigned status);


#endif /* FKV_RULES_FRESH_H */
