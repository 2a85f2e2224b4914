/*
 * log.h - the bytes of a log file: one header block, then frames.
 *
 *     0      header block, 4096 bytes
 *     4096   frames, each 8-aligned, from LSN = base on
 *
 * A file is recycled without being cleared, so nothing in it proves itself by
 * position alone: every frame's sum is seeded with its absolute LSN and the
 * file's incarnation number, which no two lives of any file share.
 *
 * Frame header, 32 bytes, little-endian:
 *
 *     0   4  state    memory only: fkv__frame_state_e; ignored on disk
 *     4   4  nodes    memory only: where the frame's memtable nodes are
 *     8   8  stamp    length (32 bits, with header, multiple of 8)
 *                     | slot (8) | kind (8) | zero (16)
 *    16   8  durable  the durable LSN when the frame was filled
 *    24   4  body     CRC-32C of the bytes behind the header
 *    28   4  crc      CRC-32C of {lsn, incarnation, bytes 8 to 27}
 *
 * The first eight bytes lie outside the sum because they change after the
 * frame is complete; the stamp is one aligned word because a frame's owner,
 * the next reserver and the reaper may all write it, always the same value.
 */

#ifndef FKV_FORMAT_LOG_H
#define FKV_FORMAT_LOG_H

#include "base/stamp.h"

#define FKV__LOG_HEADER_BYTES    4096
#define FKV__LOG_FORMAT          1

#define FKV__FRAME_HEADER_BYTES  32
#define FKV__FRAME_ALIGN         8

/* In memory only. */
typedef enum {
    FKV__FRAME_RESERVED = 0,        /* not all there yet */
    FKV__FRAME_READY = 1,
    FKV__FRAME_VOID = 2             /* became a PAD */
} fkv__frame_state_e;

typedef struct {
    uint64_t  incarnation;
    uint64_t  base;                 /* LSN of the first byte of frames */
    uint64_t  prev_end;             /* LSN where the predecessor ended */
    uint64_t  bytes;                /* room for frames in this file */
    uint64_t  edit;                 /* manifest edit when it was written */
} fkv__log_header_t;

typedef struct {
    fkv__frame_kind_e  kind;
    uint32_t           length;
    uint64_t           durable;
    fkv_str_t          body;        /* records, then zero padding */
} fkv__frame_t;


/* Fills out[FKV__LOG_HEADER_BYTES]. */
void fkv__log_header_put(uint8_t *out, const fkv__log_header_t *header);

/*
 * FKV_OK · FKV_NOTFOUND all zero, never used · FKV_ECORRUPT
 * · FKV_EVERSION written by a newer build
 */
int fkv__log_header_get(const uint8_t *in, fkv__log_header_t *header);

/*
 * One that answers FKV_ECORRUPT: is a single bit of it wrong?  Then that is set
 * right, also if it is all zero then, and *at is the byte that it is in: no
 * other header is so near to what the sum says.  (Of blocks that are wrong in
 * many places one in ten million would pass; frames have sums of their own.)
 */
bool fkv__log_header_mend(uint8_t *in, size_t *at);


/* Fills bytes 8 to 31 of the frame at p. */
void fkv__frame_seal(uint8_t *p, uint64_t stamp, uint64_t durable,
    uint32_t body_crc, uint64_t lsn, uint64_t incarnation);

/*
 * Reads the frame at p, of which avail bytes are there.  A PAD's body is not
 * looked at.
 * FKV_OK · FKV_END no frame with a valid sum is here
 */
int fkv__frame_get(const uint8_t *p, size_t avail, uint64_t lsn,
    uint64_t incarnation, fkv__frame_t *frame);


#endif /* FKV_FORMAT_LOG_H */
