/*
 * validator.h - entity tags and conditions: RFC 9110, sections 8.8 and 13,
 * RFC 9111, section 4.3.
 *
 * Asking the upstream   send If-None-Match with the stored ETag and
 *                       If-Modified-Since with the stored Last-Modified, both
 *                       as they came, each if there is one; not the client's
 * Answering a client    If-None-Match before If-Modified-Since; If-Match and
 *                       If-Unmodified-Since are not a cache's to judge: they
 *                       make the request one for the upstream
 */

#ifndef FKV_RULES_VALIDATOR_H
#define FKV_RULES_VALIDATOR_H

#include "rules/date.h"
#include "rules/field.h"

typedef struct {
    fkv_str_t  etag;                    /* len 0: none */
    int64_t    last_modified_s;         /* FKV_RULES_NO_TIME: none */
} fkv_rules_validators_t;


/* A quoted string of visible bytes, W/ before it or not. */
bool fkv_rules_etag(fkv_str_t text);

bool fkv_rules_etag_same_weak(fkv_str_t a, fkv_str_t b);
bool fkv_rules_etag_same_strong(fkv_str_t a, fkv_str_t b);

/*
 * Takes the next entity tag off a list; tags may hold commas.
 * FKV_OK · FKV_END · FKV_EINVAL what follows is no tag
 */
int fkv_rules_etag_next(fkv_str_t *rest, fkv_str_t *etag);

/*
 * Whether 304 is the answer to a GET or HEAD whose stored response has status
 * 200.  date_s: its Date, which stands in for a missing Last-Modified.
 */
bool fkv_rules_not_modified(fkv_rules_fields_t request,
    const fkv_rules_validators_t *stored, int64_t date_s, int64_t now_s);

/*
 * Whether a 304 is about the stored response (4.3.4): its strong tag must be
 * the stored one's, a weak one alike, a Last-Modified the same; a 304 that
 * names none is about what was asked for.  false: ask again, unconditionally.
 */
bool fkv_rules_validates(const fkv_rules_validators_t *stored,
    const fkv_rules_validators_t *answer);


#endif /* FKV_RULES_VALIDATOR_H */
