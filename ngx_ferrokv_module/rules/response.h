/*
 * response.h - what a response says about its caching, read once.
 *
 * Shape      fields of the upstream's response -> one struct
 *
 * Give the fields as the upstream sent them: nginx's proxy hides Date and
 * X-Accel-Expires from its own list of response headers, and they count here.
 * A response that nginx made itself has no upstream: then it is that list.
 *
 *   Date           missing or wrong: the time the response came
 *   Age            the first member counts, one that is no number is ignored
 *                  (RFC 9111, section 5.1)
 *   Expires        the first line counts; what is no date has passed (5.3)
 *   Cache-Control  a targeted field of the policy's list that is there and
 *                  right takes its place and that of Expires (RFC 9213, 2.2)
 *   ETag, Last-Modified   only if they are right; of several the first
 *   Pragma         means nothing in a response (5.4)
 */

#ifndef FKV_RULES_RESPONSE_H
#define FKV_RULES_RESPONSE_H

#include "rules/control.h"
#include "rules/date.h"

/* nginx's ..._ignore_headers; bit 0 says there that a mask has been set. */
enum {
    FKV_RULES_IGNORE_ACCEL_EXPIRES = 1 << 1,
    FKV_RULES_IGNORE_EXPIRES       = 1 << 2,
    FKV_RULES_IGNORE_CACHE_CONTROL = 1 << 3,    /* and targeted fields */
    FKV_RULES_IGNORE_SET_COOKIE    = 1 << 4,
    FKV_RULES_IGNORE_VARY          = 1 << 5
};

typedef struct {
    unsigned          ignore;           /* FKV_RULES_IGNORE_* */
    const fkv_str_t  *target;           /* names of targeted fields, in order */
    size_t            n_targets;
    int64_t           valid_s;          /* what the configuration gives this
                                           status, or FKV_RULES_NONE */
    unsigned          heuristic_percent;    /* of the time since Last-Modified,
                                               0: no heuristics */
    int64_t           heuristic_max_s;
    bool              revalidate;       /* a stale one is asked about, so it is
                                           worth its room with a validator */
} fkv_rules_policy_t;

typedef struct {
    unsigned             status;
    int64_t              request_ms;    /* when the upstream was asked */
    int64_t              response_ms;   /* when its header came */

    fkv_rules_control_t  control;
    int64_t              date_s;
    int64_t              age_s;         /* 0: none */
    int64_t              expires_s;     /* FKV_RULES_NO_TIME: none; wrong: 0 */
    int64_t              accel_s;       /* X-Accel-Expires: seconds from
                                           response_ms, 0: do not store,
                                           FKV_RULES_NONE */
    int64_t              last_modified_s;   /* FKV_RULES_NO_TIME: none */
    fkv_str_t            last_modified; /* as it came */
    fkv_str_t            etag;          /* with its quotes and W/ */
    bool                 set_cookie;    /* that would be stored */
    bool                 vary_any;      /* a `*`, or not a list of names */
    bool                 partial;       /* Content-Range */
} fkv_rules_response_t;


/* Times are those of the wall clock. */
void fkv_rules_response_read(fkv_rules_response_t *response,
    const fkv_rules_policy_t *policy, fkv_rules_fields_t fields,
    unsigned status, int64_t request_ms, int64_t response_ms);

/*
 * The same for a stored response that a 304 has just updated: most of it from
 * the updated fields (update.h); Date, Age and X-Accel-Expires, which are not
 * stored, from those of the 304.  status: of the stored response
 */
void fkv_rules_response_update(fkv_rules_response_t *response,
    const fkv_rules_policy_t *policy, fkv_rules_fields_t updated,
    fkv_rules_fields_t answer, unsigned status, int64_t request_ms,
    int64_t response_ms);


#endif /* FKV_RULES_RESPONSE_H */
