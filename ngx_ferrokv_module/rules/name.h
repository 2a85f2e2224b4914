/*
 * name.h - the field names that caching knows, as small numbers.
 *
 * Shape      name -> id by length and bytes, case ignored; 0 is any other name
 *
 * Ids are stored with each field of an entry (entry.h), so that who serves one
 * need not compare names.  On disk, do not change; a new name takes a new id,
 * and a reader takes an id it does not know for 0.
 */

#ifndef FKV_RULES_NAME_H
#define FKV_RULES_NAME_H

#include "base/types.h"

#define FKV_RULES_NAME_MAP(X)                                                 \
    X(FKV_RULES_ACCEPT_RANGES,              1, "accept-ranges")               \
    X(FKV_RULES_AGE,                        2, "age")                         \
    X(FKV_RULES_CACHE_CONTROL,              3, "cache-control")               \
    X(FKV_RULES_CACHE_STATUS,               4, "cache-status")                \
    X(FKV_RULES_CONNECTION,                 5, "connection")                  \
    X(FKV_RULES_CONTENT_DIGEST,             6, "content-digest")              \
    X(FKV_RULES_CONTENT_ENCODING,           7, "content-encoding")            \
    X(FKV_RULES_CONTENT_LENGTH,             8, "content-length")              \
    X(FKV_RULES_CONTENT_LOCATION,           9, "content-location")            \
    X(FKV_RULES_CONTENT_RANGE,             10, "content-range")               \
    X(FKV_RULES_CONTENT_TYPE,              11, "content-type")                \
    X(FKV_RULES_DATE,                      12, "date")                        \
    X(FKV_RULES_ETAG,                      13, "etag")                        \
    X(FKV_RULES_EXPIRES,                   14, "expires")                     \
    X(FKV_RULES_KEEP_ALIVE,                15, "keep-alive")                  \
    X(FKV_RULES_LAST_MODIFIED,             16, "last-modified")               \
    X(FKV_RULES_LINK,                      17, "link")                        \
    X(FKV_RULES_LOCATION,                  18, "location")                    \
    X(FKV_RULES_PRAGMA,                    19, "pragma")                      \
    X(FKV_RULES_PROXY_AUTHENTICATE,        20, "proxy-authenticate")          \
    X(FKV_RULES_PROXY_AUTHENTICATION_INFO, 21, "proxy-authentication-info")   \
    X(FKV_RULES_PROXY_AUTHORIZATION,       22, "proxy-authorization")         \
    X(FKV_RULES_PROXY_CONNECTION,          23, "proxy-connection")            \
    X(FKV_RULES_REFRESH,                   24, "refresh")                     \
    X(FKV_RULES_SERVER,                    25, "server")                      \
    X(FKV_RULES_SET_COOKIE,                26, "set-cookie")                  \
    X(FKV_RULES_TE,                        27, "te")                          \
    X(FKV_RULES_TRAILER,                   28, "trailer")                     \
    X(FKV_RULES_TRANSFER_ENCODING,         29, "transfer-encoding")           \
    X(FKV_RULES_UPGRADE,                   30, "upgrade")                     \
    X(FKV_RULES_VARY,                      31, "vary")                        \
    X(FKV_RULES_WWW_AUTHENTICATE,          32, "www-authenticate")            \
    X(FKV_RULES_X_ACCEL_BUFFERING,         33, "x-accel-buffering")           \
    X(FKV_RULES_X_ACCEL_CHARSET,           34, "x-accel-charset")             \
    X(FKV_RULES_X_ACCEL_EXPIRES,           35, "x-accel-expires")             \
    X(FKV_RULES_X_ACCEL_LIMIT_RATE,        36, "x-accel-limit-rate")          \
    X(FKV_RULES_X_ACCEL_REDIRECT,          37, "x-accel-redirect")            \
    X(FKV_RULES_AUTHORIZATION,             38, "authorization")               \
    X(FKV_RULES_IF_MODIFIED_SINCE,         39, "if-modified-since")           \
    X(FKV_RULES_IF_NONE_MATCH,             40, "if-none-match")

typedef enum {
    FKV_RULES_OTHER = 0,
#define FKV_RULES_NAME_ENUM(id, value, text)  id = value,
    FKV_RULES_NAME_MAP(FKV_RULES_NAME_ENUM)
#undef FKV_RULES_NAME_ENUM
} fkv_rules_name_e;

fkv_rules_name_e fkv_rules_name(fkv_str_t name);


#endif /* FKV_RULES_NAME_H */
