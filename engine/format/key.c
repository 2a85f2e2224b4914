/*
 * key.c - escaping and unescaping of internal keys.
 */

#include "format/key.h"
#include "base/bytes.h"


size_t
fkv__key_encode_prefix(uint8_t *out, unsigned ns, fkv_str_t key)
{
    uint8_t        *p = out;
    const uint8_t  *s = key.data, *end = key.data + key.len;

    *p++ = (uint8_t) ns;

    while (s < end) {
        const uint8_t  *nul = memchr(s, 0, (size_t) (end - s));
        size_t          n = (size_t) ((nul != NULL ? nul + 1 : end) - s);

        memcpy(p, s, n);
        p += n;
        s += n;

        if (nul != NULL) {
            *p++ = 0xff;
        }
    }

    return (size_t) (p - out);
}


size_t
fkv__key_encode(uint8_t *out, unsigned ns, fkv_str_t key)
{
    size_t  n = fkv__key_encode_prefix(out, ns, key);

    out[n++] = 0;
    out[n++] = 0;

    return n;
}


size_t
fkv__key_encode_prefix_end(uint8_t *out, unsigned ns, fkv_str_t key)
{
    size_t  n;

    FKV_ASSERT(ns < FKV_NAMESPACES);

    n = fkv__key_encode_prefix(out, ns, key);

    /* Nothing that begins so has a larger byte in the place of the last. */

    while (out[n - 1] == 0xff) {
        n--;
    }

    out[n - 1]++;

    return n;
}


int
fkv__key_decode(fkv_str_t ikey, unsigned *ns, uint8_t *out, size_t *len)
{
    const uint8_t  *s, *end;
    uint8_t        *p = out;

    if (ikey.len < 3) {
        return FKV_ECORRUPT;
    }

    s = ikey.data + 1;
    end = ikey.data + ikey.len;

    *ns = ikey.data[0];

    while (s < end) {
        if (*s != 0) {
            *p++ = *s++;
            continue;
        }

        if (s + 1 == end) {
            return FKV_ECORRUPT;
        }

        if (s[1] == 0) {
            *len = (size_t) (p - out);
            return (s + 2 == end) ? FKV_OK : FKV_ECORRUPT;
        }

        if (s[1] != 0xff) {
            return FKV_ECORRUPT;
        }

        *p++ = 0;
        s += 2;
    }

    return FKV_ECORRUPT;
}


size_t
fkv__space_encode_prefix(uint8_t *out, const fkv__space_t *space,
    fkv_str_t name)
{
    size_t  n;

    if (space->stamp == 0) {
        return fkv__key_encode_prefix(out, space->ns, name);
    }

    FKV_ASSERT(space->ns < FKV_NAMESPACE_USERS);

    n = fkv__key_encode(out, FKV__NAMESPACE_ELEMENTS + space->ns, space->key);
    fkv__put_be64(out + n, space->stamp);
    n += FKV__KEY_STAMP_BYTES;

    if (name.len > 0) {
        memcpy(out + n, name.data, name.len);
    }

    return n + name.len;
}


size_t
fkv__space_encode(uint8_t *out, const fkv__space_t *space, fkv_str_t name)
{
    return (space->stamp == 0)
           ? fkv__key_encode(out, space->ns, name)
           : fkv__space_encode_prefix(out, space, name);
}


size_t
fkv__key_group(fkv_str_t ikey)
{
    const uint8_t  *s = ikey.data + 1, *end = ikey.data + ikey.len, *nul;

    if (ikey.len < 3 + FKV__KEY_STAMP_BYTES
        || ikey.data[0] < FKV__NAMESPACE_ELEMENTS
        || ikey.data[0] >= FKV__NAMESPACE_ELEMENTS + FKV_NAMESPACE_USERS)
    {
        return 0;
    }

    while ((nul = memchr(s, 0, (size_t) (end - s))) != NULL
           && end - nul >= 2 + FKV__KEY_STAMP_BYTES)
    {
        if (nul[1] == 0) {
            return (size_t) (nul + 2 + FKV__KEY_STAMP_BYTES - ikey.data);
        }

        s = nul + 2;
    }

    return 0;
}


size_t
fkv__key_head(uint8_t *out, fkv_str_t group, uint64_t *stamp)
{
    size_t  n = group.len - FKV__KEY_STAMP_BYTES;

    memcpy(out, group.data, n);
    out[0] -= FKV__NAMESPACE_ELEMENTS;
    *stamp = fkv__get_be64(group.data + n);

    return n;
}
