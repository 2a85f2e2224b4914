/*
 * log.c - log file header and frame header.
 *
 * Header block: magic 8 | format 4 | crc 4 | incarnation 8 | base 8
 * | prev_end 8 | bytes 8 | edit 8 | zero to 4096.  The sum covers the whole
 * block with its own field as zero.
 */

#include "format/log.h"
#include "base/bytes.h"
#include "base/crc32c.h"

static const uint8_t  log_magic[8] = { 'F', 'K', 'V', 'l', 'o', 'g', 13, 10 };

#define FORMAT_AT       8
#define CRC_AT          12
#define INCARNATION_AT  16
#define BASE_AT         24
#define PREV_END_AT     32
#define BYTES_AT        40
#define EDIT_AT         48
#define HEADER_END      56      /* zeros behind it */

#define FRAME_STAMP_AT    8
#define FRAME_DURABLE_AT  16
#define FRAME_BODY_AT     24
#define FRAME_CRC_AT      28


void
fkv__log_header_put(uint8_t *out, const fkv__log_header_t *header)
{
    memset(out, 0, FKV__LOG_HEADER_BYTES);
    memcpy(out, log_magic, sizeof(log_magic));

    fkv__put_le32(out + FORMAT_AT, FKV__LOG_FORMAT);
    fkv__put_le64(out + INCARNATION_AT, header->incarnation);
    fkv__put_le64(out + BASE_AT, header->base);
    fkv__put_le64(out + PREV_END_AT, header->prev_end);
    fkv__put_le64(out + BYTES_AT, header->bytes);
    fkv__put_le64(out + EDIT_AT, header->edit);

    fkv__put_le32(out + CRC_AT, fkv__crc32c(0, out, FKV__LOG_HEADER_BYTES));
}


static uint32_t
log_header_crc(const uint8_t *in)
{
    static const uint8_t  zero[4];
    uint32_t              crc;

    crc = fkv__crc32c(0, in, CRC_AT);
    crc = fkv__crc32c(crc, zero, sizeof(zero));

    return fkv__crc32c(crc, in + CRC_AT + sizeof(zero),
                       FKV__LOG_HEADER_BYTES - CRC_AT - sizeof(zero));
}


int
fkv__log_header_get(const uint8_t *in, fkv__log_header_t *header)
{
    static const uint8_t  zero[FKV__LOG_HEADER_BYTES];

    if (memcmp(in, zero, sizeof(zero)) == 0) {
        return FKV_NOTFOUND;
    }

    if (memcmp(in, log_magic, sizeof(log_magic)) != 0
        || fkv__get_le32(in + CRC_AT) != log_header_crc(in))
    {
        return FKV_ECORRUPT;
    }

    if (fkv__get_le32(in + FORMAT_AT) > FKV__LOG_FORMAT) {
        return FKV_EVERSION;
    }

    header->incarnation = fkv__get_le64(in + INCARNATION_AT);
    header->base = fkv__get_le64(in + BASE_AT);
    header->prev_end = fkv__get_le64(in + PREV_END_AT);
    header->bytes = fkv__get_le64(in + BYTES_AT);
    header->edit = fkv__get_le64(in + EDIT_AT);

    return FKV_OK;
}


static bool
log_header_flip(uint8_t *in, size_t at, unsigned bit)
{
    fkv__log_header_t  header;
    int                rc;

    in[at] ^= (uint8_t) (1u << bit);
    rc = fkv__log_header_get(in, &header);

    if (rc == FKV_OK || rc == FKV_NOTFOUND) {
        return true;
    }

    in[at] ^= (uint8_t) (1u << bit);

    return false;
}


bool
fkv__log_header_mend(uint8_t *in, size_t *at)
{
    size_t  from = 0, to = HEADER_END;

    /* Among zeros only what is none can be wrong. */
    for (size_t i = HEADER_END; i < FKV__LOG_HEADER_BYTES; i++) {
        if (in[i] != 0) {
            from = i;
            to = i + 1;
            break;
        }
    }

    for (*at = from; *at < to; (*at)++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            if (log_header_flip(in, *at, bit)) {
                return true;
            }
        }
    }

    return false;
}


static uint32_t
frame_crc(const uint8_t *p, uint64_t lsn, uint64_t incarnation)
{
    uint8_t  bytes[16 + FRAME_CRC_AT - FRAME_STAMP_AT];

    fkv__put_le64(bytes, lsn);
    fkv__put_le64(bytes + 8, incarnation);
    memcpy(bytes + 16, p + FRAME_STAMP_AT, FRAME_CRC_AT - FRAME_STAMP_AT);

    return fkv__crc32c(0, bytes, sizeof(bytes));
}


void
fkv__frame_seal(uint8_t *p, uint64_t stamp, uint64_t durable,
    uint32_t body_crc, uint64_t lsn, uint64_t incarnation)
{
    /* Others may look at the stamp while we write it. */
    __atomic_store_n((uint64_t *) (void *) (p + FRAME_STAMP_AT), stamp,
                     __ATOMIC_RELAXED);

    fkv__put_le64(p + FRAME_DURABLE_AT, durable);
    fkv__put_le32(p + FRAME_BODY_AT, body_crc);
    fkv__put_le32(p + FRAME_CRC_AT, frame_crc(p, lsn, incarnation));
}


int
fkv__frame_get(const uint8_t *p, size_t avail, uint64_t lsn,
    uint64_t incarnation, fkv__frame_t *frame)
{
    uint64_t  stamp;

    if (avail < FKV__FRAME_HEADER_BYTES) {
        return FKV_END;
    }

    stamp = fkv__get_le64(p + FRAME_STAMP_AT);

    frame->length = fkv__frame_stamp_length(stamp);
    frame->kind = (stamp >> 40) & 0xff;

    if (frame->length < FKV__FRAME_HEADER_BYTES || frame->length > avail
        || frame->length % FKV__FRAME_ALIGN != 0
        || (frame->kind != FKV__FRAME_BATCH && frame->kind != FKV__FRAME_PAD)
        || fkv__get_le32(p + FRAME_CRC_AT) != frame_crc(p, lsn, incarnation))
    {
        return FKV_END;
    }

    frame->durable = fkv__get_le64(p + FRAME_DURABLE_AT);
    frame->body.data = p + FKV__FRAME_HEADER_BYTES;
    frame->body.len = frame->length - FKV__FRAME_HEADER_BYTES;

    if (frame->kind == FKV__FRAME_BATCH
        && fkv__crc32c(0, frame->body.data, frame->body.len)
           != fkv__get_le32(p + FRAME_BODY_AT))
    {
        return FKV_END;
    }

    return FKV_OK;
}
