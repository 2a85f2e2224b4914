/*
 * invalidate.h - what an unsafe request makes invalid: RFC 9111, section 4.4,
 * RFC 3986, section 5.
 *
 * Shape      method and status -> whether; Location and Content-Location ->
 *            the path and query of the same origin that they name
 *
 * The target URI itself is always one of them.  References to another origin
 * are left alone, or anybody could empty anybody's cache.
 */

#ifndef FKV_RULES_INVALIDATE_H
#define FKV_RULES_INVALIDATE_H

#include "base/types.h"

typedef struct {
    fkv_str_t  scheme;                  /* "http", "https" */
    fkv_str_t  authority;               /* host, with a port if one was given */
    fkv_str_t  uri;                     /* path and query, begins with `/` */
} fkv_rules_target_t;


/* Not GET, HEAD, OPTIONS or TRACE, and answered by 2xx or 3xx. */
bool fkv_rules_invalidates(fkv_str_t method, unsigned status);

/*
 * Resolves a reference against the target, without its fragment, into
 * out[room]; room: target->uri.len + reference.len + 1 is enough
 * FKV_OK · FKV_NOTFOUND it is of another origin
 * FKV_EINVAL no URI reference, or too little room
 */
int fkv_rules_resolve(const fkv_rules_target_t *target, fkv_str_t reference,
    uint8_t *out, size_t room, size_t *len);


#endif /* FKV_RULES_INVALIDATE_H */
