/*
 * buf.h - a growable byte buffer of one owner.
 *
 * Zero-initialized it is empty and valid.  After a failed reserve the buffer
 * is unchanged.
 */

#ifndef FKV_BASE_BUF_H
#define FKV_BASE_BUF_H

#include "base/alloc.h"

#include <string.h>

typedef struct {
    uint8_t  *data;
    size_t    len;
    size_t    cap;
} fkv__buf_t;


/* Room for n more bytes behind len: FKV_OK or FKV_ENOMEM. */
static inline int
fkv__buf_reserve(fkv__buf_t *buf, size_t n)
{
    size_t    cap = fkv__max(buf->cap * 2, fkv__max(buf->len + n, 64));
    uint8_t  *data;

    if (buf->cap - buf->len >= n) {
        return FKV_OK;
    }

    data = fkv__realloc(buf->data, cap);
    if (data == NULL) {
        return FKV_ENOMEM;
    }

    buf->data = data;
    buf->cap = cap;

    return FKV_OK;
}


static inline int
fkv__buf_append(fkv__buf_t *buf, const void *data, size_t n)
{
    if (fkv__buf_reserve(buf, n) != FKV_OK) {
        return FKV_ENOMEM;
    }

    if (n > 0) {
        memcpy(buf->data + buf->len, data, n);
        buf->len += n;
    }

    return FKV_OK;
}


static inline fkv_str_t
fkv__buf_str(const fkv__buf_t *buf)
{
    return (fkv_str_t) { buf->data, buf->len };
}


static inline void
fkv__buf_done(fkv__buf_t *buf)
{
    fkv__free(buf->data);
    memset(buf, 0, sizeof(*buf));
}


#endif /* FKV_BASE_BUF_H */
