/*
 * blob.c - encoding of blob files, references, and what a table says of both.
 */

#include "format/blob.h"
#include "base/bytes.h"
#include "base/crc32c.h"

static const uint8_t  blob_magic[8] = {
    'F', 'K', 'V', 'b', 'l', 'b', 13, 10
};

#define FORMAT_AT     8
#define CRC_AT        12
#define ID_AT         16
#define CREATED_AT    24
#define BUCKET_AT     32

#define ENTRY_CRC_AT  28


void
fkv__blob_header_put(uint8_t *out, const fkv__blob_header_t *header)
{
    memset(out, 0, FKV__BLOB_HEADER_BYTES);
    memcpy(out, blob_magic, sizeof(blob_magic));

    fkv__put_le32(out + FORMAT_AT, FKV__BLOB_FORMAT);
    fkv__put_le64(out + ID_AT, header->id);
    fkv__put_le64(out + CREATED_AT, header->created_ms);
    fkv__put_le64(out + BUCKET_AT, header->bucket);
    fkv__put_le32(out + CRC_AT, fkv__crc32c(0, out, FKV__BLOB_HEADER_BYTES));
}


int
fkv__blob_header_get(fkv_str_t file, fkv__blob_header_t *header)
{
    uint8_t  copy[FKV__BLOB_HEADER_BYTES];

    if (file.len < FKV__BLOB_HEADER_BYTES
        || memcmp(file.data, blob_magic, sizeof(blob_magic)) != 0)
    {
        return FKV_ECORRUPT;
    }

    memcpy(copy, file.data, sizeof(copy));
    fkv__put_le32(copy + CRC_AT, 0);

    if (fkv__get_le32(file.data + CRC_AT)
        != fkv__crc32c(0, copy, sizeof(copy)))
    {
        return FKV_ECORRUPT;
    }

    if (fkv__get_le32(copy + FORMAT_AT) > FKV__BLOB_FORMAT) {
        return FKV_EVERSION;
    }

    header->id = fkv__get_le64(copy + ID_AT);
    header->created_ms = fkv__get_le64(copy + CREATED_AT);
    header->bucket = fkv__get_le64(copy + BUCKET_AT);

    return (header->id != 0) ? FKV_OK : FKV_ECORRUPT;
}


size_t
fkv__blob_ref_put(uint8_t *out, const fkv__blob_ref_t *ref)
{
    uint8_t  *p;

    p = fkv__put_varint(out, ref->file);
    p = fkv__put_varint(p, ref->offset);
    p = fkv__put_varint(p, ref->length);

    return (size_t) (p - out);
}


int
fkv__blob_ref_get(fkv_str_t value, fkv__blob_ref_t *ref)
{
    const uint8_t  *p, *end = value.data + value.len;

    p = fkv__get_varint(value.data, end, &ref->file);

    if (p == NULL
        || (p = fkv__get_varint(p, end, &ref->offset)) == NULL
        || (p = fkv__get_varint(p, end, &ref->length)) == NULL
        || p != end
        || ref->file == 0
        || ref->offset < FKV__BLOB_HEADER_BYTES
        || ref->offset > INT64_MAX / 2
        || ref->length == 0
        || ref->length > FKV__BLOB_LENGTH_MAX)
    {
        return FKV_ECORRUPT;
    }

    return FKV_OK;
}


/* Of n bytes; what they are and where they belong comes first. */
static uint32_t
blob_crc(uint64_t file, uint64_t offset, uint64_t hash, const uint8_t *data,
    size_t n)
{
    uint8_t  seed[24];

    fkv__put_le64(seed, file);
    fkv__put_le64(seed + 8, offset);
    fkv__put_le64(seed + 16, hash);

    return fkv__crc32c(fkv__crc32c(0, seed, sizeof(seed)), data, n);
}


void
fkv__blob_entry_put(uint8_t *out, const fkv__blob_ref_t *ref, uint64_t hash,
    uint64_t expire_at)
{
    memset(out, 0, FKV__BLOB_ENTRY_BYTES);

    fkv__put_le64(out, ref->length);
    fkv__put_le64(out + 8, hash);
    fkv__put_le64(out + 16, expire_at);
    fkv__put_le32(out + ENTRY_CRC_AT, blob_crc(ref->file, ref->offset, hash,
                                               out, ENTRY_CRC_AT));
}


size_t
fkv__blob_frame_put(uint8_t *out, const fkv__blob_ref_t *ref, uint64_t hash,
    uint64_t i, const uint8_t *data)
{
    memcpy(out, data, fkv__blob_piece_len(ref->length, i));

    return fkv__blob_frame_seal(out, ref, hash, i);
}


size_t
fkv__blob_frame_seal(uint8_t *frame, const fkv__blob_ref_t *ref, uint64_t hash,
    uint64_t i)
{
    size_t  len = fkv__blob_piece_len(ref->length, i);

    fkv__put_le32(frame + len, blob_crc(ref->file, fkv__blob_frame_at(ref, i),
                                        hash, frame, len));

    return len + 4;
}


int
fkv__blob_frame_check(const uint8_t *frame, size_t len,
    const fkv__blob_ref_t *ref, uint64_t hash, uint64_t i)
{
    size_t  piece = fkv__blob_piece_len(ref->length, i);

    if (len != piece + 4
        || fkv__get_le32(frame + piece)
           != blob_crc(ref->file, fkv__blob_frame_at(ref, i), hash, frame,
                       piece))
    {
        return FKV_ECORRUPT;
    }

    return FKV_OK;
}


/* Index of the first use of a file that is not below. */
static size_t
uses_at(const fkv__buf_t *uses, uint64_t file)
{
    const fkv__blob_use_t  *use = fkv__blob_uses(uses);
    size_t                  low = 0, high = fkv__blob_uses_n(uses);

    while (low < high) {
        size_t  middle = low + (high - low) / 2;

        if (use[middle].file < file) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low;
}


int
fkv__blob_uses_add(fkv__buf_t *uses, const fkv__blob_use_t *add)
{
    size_t            n = fkv__blob_uses_n(uses);
    size_t            at = uses_at(uses, add->file);
    fkv__blob_use_t  *use = fkv__blob_uses(uses) + at;

    if (at < n && use->file == add->file) {
        use->bytes += add->bytes;
        use->expire_at = (use->expire_at != 0 && add->expire_at != 0)
                         ? fkv__max(use->expire_at, add->expire_at) : 0;
        return FKV_OK;
    }

    if (fkv__buf_reserve(uses, sizeof(*use)) != FKV_OK) {
        return FKV_ENOMEM;
    }

    use = fkv__blob_uses(uses) + at;
    memmove(use + 1, use, (n - at) * sizeof(*use));
    *use = *add;
    uses->len += sizeof(*use);

    return FKV_OK;
}


const fkv__blob_use_t *
fkv__blob_uses_find(const fkv__buf_t *uses, uint64_t file)
{
    size_t                  at = uses_at(uses, file);
    const fkv__blob_use_t  *use = fkv__blob_uses(uses) + at;

    return (at < fkv__blob_uses_n(uses) && use->file == file) ? use : NULL;
}


int
fkv__blob_uses_put(fkv__buf_t *buf, const fkv__buf_t *uses)
{
    for (size_t i = 0; i < fkv__blob_uses_n(uses); i++) {
        const fkv__blob_use_t  *use = fkv__blob_uses(uses) + i;
        uint8_t                 out[3 * FKV__VARINT_MAX], *p;

        p = fkv__put_varint(out, use->file);
        p = fkv__put_varint(p, use->bytes);
        p = fkv__put_varint(p, use->expire_at);

        if (fkv__buf_append(buf, out, (size_t) (p - out)) != FKV_OK) {
            return FKV_ENOMEM;
        }
    }

    return FKV_OK;
}


int
fkv__blob_uses_get(fkv_str_t value, fkv__buf_t *uses)
{
    const uint8_t  *p = value.data, *end = value.data + value.len;
    uint64_t        last = 0;

    while (p != end) {
        fkv__blob_use_t  use;

        if ((p = fkv__get_varint(p, end, &use.file)) == NULL
            || (p = fkv__get_varint(p, end, &use.bytes)) == NULL
            || (p = fkv__get_varint(p, end, &use.expire_at)) == NULL
            || use.file <= last)
        {
            return FKV_ECORRUPT;
        }

        if (fkv__buf_append(uses, &use, sizeof(use)) != FKV_OK) {
            return FKV_ENOMEM;
        }

        last = use.file;
    }

    return FKV_OK;
}
