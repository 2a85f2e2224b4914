/*
 * cache_status.h - a member of Cache-Status: RFC 9211, as RFC 8941 writes it.
 *
 * Shape      name; hit | name; fwd=miss; fwd-status=200; stored | .. and so on
 *
 * Send it as a line of its own behind those that the response has.  Whatever
 * the name and the key hold, nothing but visible ASCII and spaces comes out.
 */

#ifndef FKV_RULES_CACHE_STATUS_H
#define FKV_RULES_CACHE_STATUS_H

#include "base/types.h"

#define FKV_RULES_CACHE_STATUS_KEY_MAX  64      /* the rest is cut off */
#define FKV_RULES_CACHE_STATUS_MAX      640

typedef enum {
    FKV_RULES_FWD_NONE,                 /* a hit, or refused without asking */
    FKV_RULES_FWD_BYPASS,
    FKV_RULES_FWD_METHOD,
    FKV_RULES_FWD_URI_MISS,
    FKV_RULES_FWD_VARY_MISS,
    FKV_RULES_FWD_MISS,
    FKV_RULES_FWD_REQUEST,
    FKV_RULES_FWD_STALE,
    FKV_RULES_FWD_PARTIAL
} fkv_rules_fwd_e;

typedef struct {
    fkv_str_t        name;              /* of it 64 bytes */
    fkv_str_t        key;               /* len 0: not told */
    fkv_str_t        detail;            /* a word or two, len 0: none */
    bool             hit;
    fkv_rules_fwd_e  fwd;
    unsigned         fwd_status;        /* 0: not told */
    bool             has_ttl;
    int64_t          ttl_s;
    bool             stored;
    bool             collapsed;
} fkv_rules_cache_status_t;


/* Into out[FKV_RULES_CACHE_STATUS_MAX]; returns how many bytes. */
size_t fkv_rules_cache_status(const fkv_rules_cache_status_t *status,
    uint8_t *out);


#endif /* FKV_RULES_CACHE_STATUS_H */
