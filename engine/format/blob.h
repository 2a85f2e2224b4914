/*
 * blob.h - large values, kept out of log and tables in files of their own.
 *
 *     header 64 | entry | entry | ..
 *     entry: header 32 | frame 65536 | frame 65536 | .. | last frame
 *     frame: a piece of the value, up to 65532 bytes | crc 4
 *
 * Pieces   each has a sum of its own, seeded with file id, the frame's offset
 *          and the key's hash: any piece can be read and verified alone, and
 *          right bytes at a wrong place or of another key are damage
 * Reader   goes by the reference in the record; headers are for people and
 *          tools, and say what a file is without its tables
 * Files    are appended to by one process only and never changed; bytes that
 *          no record names are dead
 */

#ifndef FKV_FORMAT_BLOB_H
#define FKV_FORMAT_BLOB_H

#include "base/buf.h"

#define FKV__BLOB_FORMAT        1
#define FKV__BLOB_HEADER_BYTES  64
#define FKV__BLOB_ENTRY_BYTES   32
#define FKV__BLOB_FRAME_BYTES   65536
#define FKV__BLOB_PIECE_BYTES   (FKV__BLOB_FRAME_BYTES - 4)
#define FKV__BLOB_LENGTH_MAX    (1ull << 40)

/* What a file begins with. */
typedef struct {
    uint64_t  id;               /* not 0 */
    uint64_t  created_ms;
    uint64_t  bucket;           /* of expiry, see store/blob_write.h */
} fkv__blob_header_t;

/* The value of a record of kind FKV__RECORD_BLOB. */
typedef struct {
    uint64_t  file;             /* id */
    uint64_t  offset;           /* of the entry */
    uint64_t  length;           /* of the value, not 0 */
} fkv__blob_ref_t;

#define FKV__BLOB_REF_MAX  30   /* encoded */

/* Fills out[FKV__BLOB_HEADER_BYTES]. */
void fkv__blob_header_put(uint8_t *out, const fkv__blob_header_t *header);

/* FKV_OK · FKV_ECORRUPT · FKV_EVERSION */
int fkv__blob_header_get(fkv_str_t file, fkv__blob_header_t *header);

/* Returns how many bytes of out[FKV__BLOB_REF_MAX] it filled. */
size_t fkv__blob_ref_put(uint8_t *out, const fkv__blob_ref_t *ref);

/* FKV_OK or FKV_ECORRUPT. */
int fkv__blob_ref_get(fkv_str_t value, fkv__blob_ref_t *ref);


/* How many pieces a value has, and how long piece i of them is. */
static inline uint64_t
fkv__blob_pieces(uint64_t length)
{
    return (length + FKV__BLOB_PIECE_BYTES - 1) / FKV__BLOB_PIECE_BYTES;
}


static inline size_t
fkv__blob_piece_len(uint64_t length, uint64_t i)
{
    return (size_t) fkv__min(length - i * FKV__BLOB_PIECE_BYTES,
                             (uint64_t) FKV__BLOB_PIECE_BYTES);
}


/* Bytes that the entry of such a value takes in the file. */
static inline uint64_t
fkv__blob_entry_bytes(uint64_t length)
{
    return FKV__BLOB_ENTRY_BYTES + length + 4 * fkv__blob_pieces(length);
}


/* Where the frame of piece i is in the file. */
static inline uint64_t
fkv__blob_frame_at(const fkv__blob_ref_t *ref, uint64_t i)
{
    return ref->offset + FKV__BLOB_ENTRY_BYTES + i * FKV__BLOB_FRAME_BYTES;
}


/* Fills out[FKV__BLOB_ENTRY_BYTES]; hash is that of the internal key. */
void fkv__blob_entry_put(uint8_t *out, const fkv__blob_ref_t *ref,
    uint64_t hash, uint64_t expire_at);

/*
 * Writes the frame of piece i, whose bytes are data[0 .. piece_len), to out;
 * returns its length.
 */
size_t fkv__blob_frame_put(uint8_t *out, const fkv__blob_ref_t *ref,
    uint64_t hash, uint64_t i, const uint8_t *data);

/* As fkv__blob_frame_put() of a piece that lies in frame already. */
size_t fkv__blob_frame_seal(uint8_t *frame, const fkv__blob_ref_t *ref,
    uint64_t hash, uint64_t i);

/* Of the bytes read where piece i should be.  FKV_OK or FKV_ECORRUPT. */
int fkv__blob_frame_check(const uint8_t *frame, size_t len,
    const fkv__blob_ref_t *ref, uint64_t hash, uint64_t i);


/*
 * How much of which blob file a table refers to: fkv__blob_use_t one behind
 * the other in a buffer, ascending by file.
 */
typedef struct {
    uint64_t  file;
    uint64_t  bytes;            /* of the entries */
    uint64_t  expire_at;        /* when the last of them expires, 0 = never */
} fkv__blob_use_t;

static inline size_t
fkv__blob_uses_n(const fkv__buf_t *uses)
{
    return uses->len / sizeof(fkv__blob_use_t);
}


static inline fkv__blob_use_t *
fkv__blob_uses(const fkv__buf_t *uses)
{
    return (fkv__blob_use_t *) (void *) uses->data;
}


/* Adds use to what is said of its file.  FKV_OK or FKV_ENOMEM. */
int fkv__blob_uses_add(fkv__buf_t *uses, const fkv__blob_use_t *use);

/* What is said of a file; NULL: nothing. */
const fkv__blob_use_t *fkv__blob_uses_find(const fkv__buf_t *uses,
    uint64_t file);

/* The property of a table: file, bytes, expire_at as varints, repeated. */
int fkv__blob_uses_put(fkv__buf_t *buf, const fkv__buf_t *uses);

/* uses is empty before.  FKV_OK · FKV_ECORRUPT · FKV_ENOMEM */
int fkv__blob_uses_get(fkv_str_t value, fkv__buf_t *uses);


#endif /* FKV_FORMAT_BLOB_H */
