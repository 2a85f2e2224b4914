/*
 * storable.c - the reasons not to store, in the order in which they are told.
 */

#include "rules/storable.h"


/*
 * Final, and not a status whose meaning depends on a stored response: 304
 * updates one, 206 and 416 are about parts.
 */
static bool
status_storable(unsigned status)
{
    return status >= 200 && status <= 999 && status != 206 && status != 304
           && status != 416;
}


/* RFC 9110's own, for must-understand: nothing more is asked of a cache. */
static bool
status_understood(unsigned status)
{
    switch (status) {
    case 200: case 201: case 202: case 203: case 204: case 205:
    case 300: case 301: case 302: case 303: case 305: case 307: case 308:
    case 400: case 401: case 402: case 403: case 404: case 405: case 406:
    case 407: case 408: case 409: case 410: case 411: case 412: case 413:
    case 414: case 415: case 417: case 421: case 422: case 426:
    case 500: case 501: case 502: case 503: case 504: case 505:
        return true;
    }

    return false;
}


static bool
status_right(const fkv_rules_response_t *response)
{
    return status_storable(response->status)
           && (!(response->control.flags & FKV_RULES_MUST_UNDERSTAND)
               || status_understood(response->status));
}


static bool
no_store(const fkv_rules_response_t *response)
{
    unsigned  flags = response->control.flags;

    return (flags & FKV_RULES_NO_STORE) && !(flags & FKV_RULES_MUST_UNDERSTAND);
}


/* Section 3.5. */
static bool
authorization_allowed(const fkv_rules_control_t *control)
{
    return (control->flags & (FKV_RULES_PUBLIC | FKV_RULES_MUST_REVALIDATE))
           || control->s_maxage_s != FKV_RULES_NONE;
}


/* What the origin itself says about freshness, or the operator. */
static bool
explicit_source(fkv_rules_source_e source)
{
    return source != FKV_RULES_BY_NOTHING && source != FKV_RULES_BY_HEURISTIC;
}


static bool
allowed(const fkv_rules_response_t *response, const fkv_rules_fresh_t *fresh)
{
    return explicit_source(fresh->source)
           || (response->control.flags & FKV_RULES_PUBLIC)
           || fkv_rules_status_heuristic(response->status);
}


static bool
useful(const fkv_rules_policy_t *policy, const fkv_rules_response_t *response,
    const fkv_rules_fresh_t *fresh)
{
    bool  validator = (response->etag.len > 0
                       || response->last_modified.len > 0);

    if (fresh->source == FKV_RULES_BY_VALID && policy->valid_s == 0) {
        return false;
    }

    if (policy->revalidate && validator) {
        return true;
    }

    return !(fresh->flags & FKV_RULES_ALWAYS_VALIDATE)
           && fkv_rules_useless_at_ms(fresh) > response->response_ms;
}


fkv_rules_storable_e
fkv_rules_storable(const fkv_rules_policy_t *policy,
    const fkv_rules_asked_t *asked, const fkv_rules_response_t *response,
    const fkv_rules_fresh_t *fresh)
{
    bool  ordered = (fresh->source == FKV_RULES_BY_ACCEL);

    if (!status_right(response)) {
        return FKV_RULES_NOT_STATUS;
    }

    if (response->partial) {
        return FKV_RULES_NOT_PARTIAL;
    }

    if (!asked->safe_method && !explicit_source(fresh->source)) {
        return FKV_RULES_NOT_METHOD;
    }

    if (asked->control != NULL
        && (asked->control->flags & FKV_RULES_NO_STORE))
    {
        return FKV_RULES_NOT_REQUESTED;
    }

    if (ordered && response->accel_s == 0) {
        return FKV_RULES_NOT_ACCEL;
    }

    if (!ordered && no_store(response)) {
        return FKV_RULES_NOT_NO_STORE;
    }

    if (!ordered && (response->control.flags & FKV_RULES_PRIVATE)) {
        return FKV_RULES_NOT_PRIVATE;
    }

    if (asked->authorization && !authorization_allowed(&response->control)) {
        return FKV_RULES_NOT_AUTHORIZED;
    }

    if (response->set_cookie) {
        return FKV_RULES_NOT_SET_COOKIE;
    }

    if (response->vary_any) {
        return FKV_RULES_NOT_VARY;
    }

    if (!allowed(response, fresh)) {
        return FKV_RULES_NOT_EXPLICIT;
    }

    return useful(policy, response, fresh) ? FKV_RULES_STORE
                                           : FKV_RULES_NOT_USEFUL;
}


const char *
fkv_rules_storable_text(fkv_rules_storable_e reason)
{
    switch (reason) {
#define STORABLE_TEXT(name, text)  case name: return text;
    FKV_RULES_STORABLE_MAP(STORABLE_TEXT)
#undef STORABLE_TEXT
    }

    fkv__unreachable();
}
