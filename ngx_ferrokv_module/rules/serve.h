/*
 * serve.h - may a stored response answer this request: RFC 9111, sections 4,
 * 4.2.4 and 5.2.1, RFC 5861.
 *
 *                        fresh                  stale
 *   request no-cache,    VALIDATE               VALIDATE
 *   max-age, min-fresh
 *   response no-cache    VALIDATE               VALIDATE
 *   within               -                      SERVE and update behind
 *   stale-while-revalidate
 *   request max-stale    SERVE                  SERVE
 *   else                 SERVE                  VALIDATE
 *   request only-if-cached: where VALIDATE stands it is REFUSE (504)
 *
 * Whether the upstream failed is the caller's knowledge: it gets two answers
 * for that case.  if_error: the origin (or the client) allows it for statuses
 * 500, 502, 503, 504 and a dead upstream, by stale-if-error.  by_config: no
 * word of the origin forbids it, so ..._use_stale decides.
 *
 * must-revalidate and proxy-revalidate forbid all of it; s-maxage forbids what
 * only the configuration or the client allows.  An origin that gives a window
 * of RFC 5861 beside s-maxage means the window.
 */

#ifndef FKV_RULES_SERVE_H
#define FKV_RULES_SERVE_H

#include "rules/fresh.h"

typedef enum {
    FKV_RULES_SERVE,
    FKV_RULES_VALIDATE,
    FKV_RULES_REFUSE                    /* 504 */
} fkv_rules_serve_e;

typedef struct {
    fkv_rules_serve_e  how;
    bool               stale;           /* what would be served */
    bool               update;          /* SERVE, but ask the upstream, too */
    bool               by_request;      /* but for the request: SERVE */
    bool               if_error;
    bool               by_config;
    int64_t            age_s;           /* for Age */
    int64_t            ttl_s;           /* fresh for so long, or minus */
} fkv_rules_served_t;


/* control: of the request; NULL: none, or the configuration ignores it */
void fkv_rules_serve(fkv_rules_served_t *served,
    const fkv_rules_fresh_t *fresh, const fkv_rules_control_t *control,
    int64_t now_ms);


#endif /* FKV_RULES_SERVE_H */
