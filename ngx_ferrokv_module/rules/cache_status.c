/*
 * cache_status.c - parameters in the order in which RFC 9211 names them.
 */

#include "rules/cache_status.h"
#include "rules/field.h"

#include <string.h>

#define NAME_MAX  64
#define NUMBER_MAX  999999999999999     /* of a structured field: 15 digits */


static uint8_t *
text(uint8_t *p, const char *literal)
{
    size_t  len = strlen(literal);

    memcpy(p, literal, len);
    return p + len;
}


static uint8_t *
number(uint8_t *p, int64_t n)
{
    uint8_t   digits[20];
    size_t    i = sizeof(digits);
    uint64_t  rest;

    n = fkv__max(fkv__min(n, NUMBER_MAX), -NUMBER_MAX);

    if (n < 0) {
        *p++ = '-';
        n = -n;
    }

    rest = (uint64_t) n;

    do {
        digits[--i] = (uint8_t) ('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);

    memcpy(p, digits + i, sizeof(digits) - i);

    return p + sizeof(digits) - i;
}


/* What a string cannot hold becomes a question mark. */
static uint8_t *
string(uint8_t *p, fkv_str_t s, size_t max)
{
    *p++ = '"';

    for (size_t i = 0; i < fkv__min(s.len, max); i++) {
        uint8_t  byte = s.data[i];

        if (byte == '"' || byte == '\\') {
            *p++ = '\\';
        }

        *p++ = (byte < 0x20 || byte > 0x7e) ? '?' : byte;
    }

    *p++ = '"';

    return p;
}


/* A token of structured fields begins with a letter or `*`. */
static bool
sf_token(fkv_str_t s)
{
    uint8_t  first = (s.len > 0) ? fkv_rules_lower(s.data[0]) : 0;

    return (first == '*' || (first >= 'a' && first <= 'z'))
           && fkv_rules_token(s);
}


static uint8_t *
token_or_string(uint8_t *p, fkv_str_t s)
{
    if (s.len <= NAME_MAX && sf_token(s)) {
        memcpy(p, s.data, s.len);
        return p + s.len;
    }

    return string(p, s, NAME_MAX);
}


static const char *
fwd_text(fkv_rules_fwd_e fwd)
{
    switch (fwd) {
    case FKV_RULES_FWD_NONE:       return NULL;
    case FKV_RULES_FWD_BYPASS:     return "; fwd=bypass";
    case FKV_RULES_FWD_METHOD:     return "; fwd=method";
    case FKV_RULES_FWD_URI_MISS:   return "; fwd=uri-miss";
    case FKV_RULES_FWD_VARY_MISS:  return "; fwd=vary-miss";
    case FKV_RULES_FWD_MISS:       return "; fwd=miss";
    case FKV_RULES_FWD_REQUEST:    return "; fwd=request";
    case FKV_RULES_FWD_STALE:      return "; fwd=stale";
    case FKV_RULES_FWD_PARTIAL:    return "; fwd=partial";
    }

    fkv__unreachable();
}


size_t
fkv_rules_cache_status(const fkv_rules_cache_status_t *status, uint8_t *out)
{
    const char  *fwd = fwd_text(status->fwd);
    uint8_t     *p = token_or_string(out, status->name);

    p = text(p, status->hit ? "; hit" : "");
    p = text(p, fwd ? fwd : "");

    if (fwd != NULL && status->fwd_status > 0) {
        p = number(text(p, "; fwd-status="), status->fwd_status);
    }

    if (status->has_ttl) {
        p = number(text(p, "; ttl="), status->ttl_s);
    }

    p = text(p, (fwd != NULL && status->stored) ? "; stored" : "");
    p = text(p, (fwd != NULL && status->collapsed) ? "; collapsed" : "");

    if (status->key.len > 0) {
        p = string(text(p, "; key="), status->key,
                   FKV_RULES_CACHE_STATUS_KEY_MAX);
    }

    if (status->detail.len > 0) {
        p = token_or_string(text(p, "; detail="), status->detail);
    }

    return (size_t) (p - out);
}
