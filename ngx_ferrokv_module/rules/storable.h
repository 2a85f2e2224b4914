/*
 * storable.h - may a shared cache store this response: RFC 9111, sections 3,
 * 3.5 and 5.2.2.3, and nginx's own rules on X-Accel-Expires and Set-Cookie.
 *
 * Shape      policy + request + response -> a reason, the first that holds
 *
 * A right X-Accel-Expires is the operator's own word: it stands above private,
 * no-store and no-cache, as in nginx, but not above Authorization, Set-Cookie
 * and Vary.  must-understand makes no-store count for statuses only that we do
 * not know.  A response that could never be used again, stale at once and with
 * nothing to ask by, is not stored.
 *
 * The caller asks about complete, final responses only, and only for methods
 * its configuration names.
 */

#ifndef FKV_RULES_STORABLE_H
#define FKV_RULES_STORABLE_H

#include "rules/fresh.h"

#define FKV_RULES_STORABLE_MAP(X)                                             \
    X(FKV_RULES_STORE,          "it is stored")                               \
    X(FKV_RULES_NOT_STATUS,     "its status cannot be cached")                \
    X(FKV_RULES_NOT_PARTIAL,    "it is partial")                              \
    X(FKV_RULES_NOT_METHOD,     "its method needs explicit freshness")        \
    X(FKV_RULES_NOT_REQUESTED,  "the request says no-store")                  \
    X(FKV_RULES_NOT_NO_STORE,   "the response says no-store")                 \
    X(FKV_RULES_NOT_PRIVATE,    "the response is private")                    \
    X(FKV_RULES_NOT_AUTHORIZED, "the request has Authorization")              \
    X(FKV_RULES_NOT_ACCEL,      "X-Accel-Expires says no")                    \
    X(FKV_RULES_NOT_SET_COOKIE, "the response sets a cookie")                 \
    X(FKV_RULES_NOT_VARY,       "the response varies on everything")          \
    X(FKV_RULES_NOT_EXPLICIT,   "nothing says that it may be cached")         \
    X(FKV_RULES_NOT_USEFUL,     "it is stale at once")

typedef enum {
#define FKV_RULES_STORABLE_ENUM(name, text)  name,
    FKV_RULES_STORABLE_MAP(FKV_RULES_STORABLE_ENUM)
#undef FKV_RULES_STORABLE_ENUM
} fkv_rules_storable_e;

typedef struct {
    bool                        safe_method;    /* GET, HEAD */
    bool                        authorization;
    const fkv_rules_control_t  *control;        /* NULL: no directives, or the
                                                   configuration ignores them */
} fkv_rules_asked_t;


fkv_rules_storable_e fkv_rules_storable(const fkv_rules_policy_t *policy,
    const fkv_rules_asked_t *asked, const fkv_rules_response_t *response,
    const fkv_rules_fresh_t *fresh);

/* A reason as half a sentence, for logs. */
const char *fkv_rules_storable_text(fkv_rules_storable_e reason);


#endif /* FKV_RULES_STORABLE_H */
