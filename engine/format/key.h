/*
 * key.h - internal keys: how a user's key sorts among everything else.
 *
 *     namespace (1 byte) | key, escaped | 00 00 | [element, not used yet]
 *
 * A zero byte inside the key is written 00 FF, so the terminator sorts before
 * every continuation and memcmp order of internal keys is namespace first,
 * then the order of the user's keys.  On disk, do not change.
 */

#ifndef FKV_FORMAT_KEY_H
#define FKV_FORMAT_KEY_H

#include "base/types.h"

#define FKV_KEY_BYTES_MAX      65536

/*
 * Who owns which keys.  REST shows the first database only, nothing shows the
 * others but the part of the module that they belong to.
 */
#define FKV_NAMESPACE_USER     0        /* 0 .. 15 are the user's databases */
#define FKV_NAMESPACE_USERS    16
#define FKV_NAMESPACE_CACHE    16       /* responses of upstreams */
#define FKV_NAMESPACE_LIMITS   17       /* state of rate limits */
#define FKV_NAMESPACE_CATALOG  18       /* extensions and their settings */
#define FKV_NAMESPACES         19       /* an update may name those below */

/* The most bytes that a key of len bytes needs when encoded. */
#define FKV__KEY_SIZE(len)    (1 + 2 * (len) + 2)


/* Writes at most FKV__KEY_SIZE(key.len) bytes, returns how many. */
size_t fkv__key_encode(uint8_t *out, unsigned ns, fkv_str_t key);

/* As above without the terminator: the prefix of all keys that begin so. */
size_t fkv__key_encode_prefix(uint8_t *out, unsigned ns, fkv_str_t key);

/*
 * Where the keys that begin so end: the first possible key behind them all.
 * Writes and returns as encode_prefix does; ns is below FKV_NAMESPACES.
 */
size_t fkv__key_encode_prefix_end(uint8_t *out, unsigned ns, fkv_str_t key);

/*
 * Unescapes into out, which has room for ikey.len bytes.
 * FKV_OK, or FKV_ECORRUPT if ikey is no internal key without an element.
 */
int fkv__key_decode(fkv_str_t ikey, unsigned *ns, uint8_t *out, size_t *len);


#endif /* FKV_FORMAT_KEY_H */
