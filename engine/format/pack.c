/*
 * pack.c - blocks through LZ4 and zstd.
 *
 * Blocks are a few KiB, so contexts count: a fresh LZ4 table is 16 KiB of
 * zeros and a fresh zstd context some hundred, more than the work itself.
 */

#include "format/pack.h"
#include "base/bytes.h"

#include <lz4.h>
#include <pthread.h>
#include <zstd.h>

#define ZSTD_LEVEL  1           /* 3 wins 2% of space, costs half as much
                                   again: format/tables.md */


static pthread_once_t  unpack_once = PTHREAD_ONCE_INIT;
static pthread_key_t   unpack_key;
static bool            unpack_keyed;


void
fkv__packer_done(fkv__packer_t *packer)
{
    LZ4_freeStream(packer->lz4);
    ZSTD_freeCCtx(packer->zstd);
    fkv__buf_done(&packer->out);
    memset(packer, 0, sizeof(*packer));
}


/* Both return the bytes that were written, 0 if it could not be done. */

static size_t
pack_lz4(fkv__packer_t *packer, fkv_str_t payload, uint8_t *out, size_t room)
{
    int  n;

    if (packer->lz4 == NULL) {
        packer->lz4 = LZ4_createStream();
        if (packer->lz4 == NULL) {
            return 0;
        }
    }

    LZ4_resetStream_fast(packer->lz4);
    n = LZ4_compress_fast_continue(packer->lz4, (const char *) payload.data,
                                   (char *) out, (int) payload.len,
                                   (int) room, 1);

    return (n > 0) ? (size_t) n : 0;
}


static size_t
pack_zstd(fkv__packer_t *packer, fkv_str_t payload, uint8_t *out, size_t room)
{
    size_t  n;

    if (packer->zstd == NULL) {
        packer->zstd = ZSTD_createCCtx();
        if (packer->zstd == NULL) {
            return 0;
        }
    }

    n = ZSTD_compressCCtx(packer->zstd, out, room, payload.data, payload.len,
                          ZSTD_LEVEL);

    return ZSTD_isError(n) ? 0 : n;
}


fkv__block_type_e
fkv__pack(fkv__packer_t *packer, fkv__block_type_e type, fkv__buf_t *buf,
    size_t payload_len)
{
    size_t     head, n, room = payload_len - payload_len / 8;
    fkv_str_t  payload = { buf->data + buf->len - payload_len, payload_len };

    head = fkv__varint_size(payload_len);
    packer->out.len = 0;

    if (type == FKV__BLOCK_PLAIN || room <= head
        || payload_len > FKV__PACK_BYTES_MAX
        || fkv__buf_reserve(&packer->out, room) != FKV_OK)
    {
        return FKV__BLOCK_PLAIN;
    }

    (void) fkv__put_varint(packer->out.data, payload_len);

    n = (type == FKV__BLOCK_LZ4)
        ? pack_lz4(packer, payload, packer->out.data + head, room - head)
        : pack_zstd(packer, payload, packer->out.data + head, room - head);

    if (n == 0) {
        return FKV__BLOCK_PLAIN;
    }

    buf->len -= payload_len;
    (void) fkv__buf_append(buf, packer->out.data, head + n);

    return type;
}


static void
unpack_free(void *context)
{
    ZSTD_freeDCtx(context);
}


static void
unpack_init(void)
{
    unpack_keyed = (pthread_key_create(&unpack_key, unpack_free) == 0);
}


/* The thread's own; NULL: out of memory. */
static ZSTD_DCtx *
unpack_context(void)
{
    ZSTD_DCtx  *context;

    (void) pthread_once(&unpack_once, unpack_init);

    if (!unpack_keyed) {
        return NULL;
    }

    context = pthread_getspecific(unpack_key);

    if (context == NULL) {
        context = ZSTD_createDCtx();

        if (context != NULL && pthread_setspecific(unpack_key, context) != 0) {
            ZSTD_freeDCtx(context);
            context = NULL;
        }
    }

    return context;
}


static int
unpack_lz4(fkv_str_t packed, uint8_t *out, size_t len)
{
    int  n = LZ4_decompress_safe((const char *) packed.data, (char *) out,
                                 (int) packed.len, (int) len);

    return (n >= 0 && (size_t) n == len) ? FKV_OK : FKV_ECORRUPT;
}


static int
unpack_zstd(fkv_str_t packed, uint8_t *out, size_t len)
{
    ZSTD_DCtx  *context = unpack_context();

    if (context == NULL) {
        return FKV_ENOMEM;
    }

    return (ZSTD_decompressDCtx(context, out, len, packed.data, packed.len)
            == len) ? FKV_OK : FKV_ECORRUPT;
}


int
fkv__unpack(uint8_t type, fkv_str_t stored, fkv__buf_t *room,
    fkv_str_t *payload)
{
    const uint8_t  *p, *end = stored.data + stored.len;
    uint64_t        len;
    fkv_str_t       packed;

    if (type == FKV__BLOCK_PLAIN) {
        *payload = stored;
        return FKV_OK;
    }

    if (type != FKV__BLOCK_LZ4 && type != FKV__BLOCK_ZSTD) {
        return FKV_EVERSION;
    }

    p = fkv__get_varint(stored.data, end, &len);

    if (p == NULL || len == 0 || len > FKV__PACK_BYTES_MAX
        || stored.len > len)
    {
        return FKV_ECORRUPT;
    }

    packed = (fkv_str_t) { p, (size_t) (end - p) };
    room->len = 0;

    if (fkv__buf_reserve(room, len) != FKV_OK) {
        return FKV_ENOMEM;
    }

    room->len = len;
    *payload = fkv__buf_str(room);

    return (type == FKV__BLOCK_LZ4) ? unpack_lz4(packed, room->data, len)
                                    : unpack_zstd(packed, room->data, len);
}
