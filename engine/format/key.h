/*
 * key.h - internal keys: how a user's key sorts among everything else.
 *
 *     namespace 1 | key, escaped | 00 00
 *     FKV__NAMESPACE_ELEMENTS + namespace 1 | key, escaped | 00 00 | stamp 8
 *         | name
 *
 * A zero byte inside the key is written 00 FF, so the terminator sorts before
 * every continuation and memcmp order of internal keys is namespace first,
 * then the order of the user's keys.  Elements have namespaces of their own,
 * so who walks keys never meets them; of one key and stamp (big-endian) they
 * lie together, in the order of their names, which stand as they are.  On disk,
 * do not change.
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

/* Keys of the databases may have elements: 32 .. 47. */
#define FKV__NAMESPACE_ELEMENTS  32

/* The most bytes that a key of len bytes needs when encoded. */
#define FKV__KEY_SIZE(len)    (1 + 2 * (len) + 2)

#define FKV__KEY_STAMP_BYTES  8


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


/* Where names are: keys of a namespace, or elements of one key and stamp. */
typedef struct {
    unsigned   ns;
    fkv_str_t  key;
    uint64_t   stamp;           /* 0 = of keys; then there is no key */
} fkv__space_t;

/* The most bytes that a name of len bytes needs there. */
static inline size_t
fkv__space_size(const fkv__space_t *space, size_t len)
{
    return (space->stamp == 0)
           ? FKV__KEY_SIZE(len)
           : FKV__KEY_SIZE(space->key.len) + FKV__KEY_STAMP_BYTES + len;
}


/* As fkv__key_encode() and fkv__key_encode_prefix(). */
size_t fkv__space_encode(uint8_t *out, const fkv__space_t *space,
    fkv_str_t name);
size_t fkv__space_encode_prefix(uint8_t *out, const fkv__space_t *space,
    fkv_str_t name);

/*
 * Of an element: how many bytes it has in common with all others of its key
 * and stamp; its name is the rest.  0: it is none.
 */
size_t fkv__key_group(fkv_str_t ikey);

/*
 * The key that such a group belongs to, internal; out has room for group.len
 * bytes.  Returns its length, *stamp is the group's.
 */
size_t fkv__key_head(uint8_t *out, fkv_str_t group, uint64_t *stamp);


#endif /* FKV_FORMAT_KEY_H */
