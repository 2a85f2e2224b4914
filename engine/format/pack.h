/*
 * pack.h - compression of one block's payload: LZ4, zstd, or none.
 *
 *     type 0, plain       the payload
 *     type 1, LZ4         length of the payload v | an LZ4 block
 *     type 2, zstd        length of the payload v | a zstd frame
 *
 * What does not shrink by an eighth is stored plain: taking it apart again
 * would cost more than its bytes.  A payload over FKV__PACK_BYTES_MAX is
 * never packed, so a length that claims more is damage and nobody allocates
 * by it.
 *
 * Threads    a packer belongs to one; unpacking keeps a context per thread,
 *            which goes with the thread
 */

#ifndef FKV_FORMAT_PACK_H
#define FKV_FORMAT_PACK_H

#include "base/buf.h"

#define FKV__PACK_BYTES_MAX  (16 * 1024 * 1024)

/* On disk, do not change. */
typedef enum {
    FKV__BLOCK_PLAIN = 0,
    FKV__BLOCK_LZ4 = 1,
    FKV__BLOCK_ZSTD = 2
} fkv__block_type_e;


/* Zero-initialized it is empty and valid. */
typedef struct {
    void       *lz4;
    void       *zstd;
    fkv__buf_t  out;
} fkv__packer_t;

void fkv__packer_done(fkv__packer_t *packer);

/*
 * Packs payload in place of the last bytes of buf, which it is: buf->len
 * shrinks if it was worth it.  Without memory it is stored plain as well.
 * Returns the type that was stored.
 */
fkv__block_type_e fkv__pack(fkv__packer_t *packer, fkv__block_type_e type,
    fkv__buf_t *buf, size_t payload_len);

/*
 * Takes stored apart; payload lies in room, whose old content is lost, or is
 * stored itself if that is plain.
 * FKV_OK · FKV_ECORRUPT · FKV_EVERSION unknown type · FKV_ENOMEM
 */
int fkv__unpack(uint8_t type, fkv_str_t stored, fkv__buf_t *room,
    fkv_str_t *payload);


#endif /* FKV_FORMAT_PACK_H */
