/*
 * blob.c - large values: a file's header, references to values, frames of
 * them, and what a table says of blob files.
 *
 * What can be read is the same after it has been written and read again.  A
 * frame is believed with the bytes and at the place that it was made for, and
 * with no other.
 *
 * Input    which 1 | for a frame: its number 1, hash 8, length of the reference
 *          1 and the reference | a header, whose sum is made right, a
 *          reference, the property of a table, or a frame's bytes
 */

#include "fuzz.h"
#include "base/crc32c.h"
#include "format/blob.h"

#define HEADER_CRC_AT  12


static void
header(fkv_str_t bytes)
{
    uint8_t             *data = (uint8_t *) (uintptr_t) bytes.data;
    uint8_t              out[FKV__BLOB_HEADER_BYTES];
    fkv__blob_header_t   header, again;

    if (bytes.len >= sizeof(out)) {
        fkv__put_le32(data + HEADER_CRC_AT, 0);
        fkv__put_le32(data + HEADER_CRC_AT,
                      fkv__crc32c(0, data, sizeof(out)));
    }

    if (fkv__blob_header_get(bytes, &header) != FKV_OK) {
        return;
    }

    fkv__blob_header_put(out, &header);
    assert_int_equal(fkv__blob_header_get((fkv_str_t) { out, sizeof(out) },
                                          &again), FKV_OK);
    assert_int_equal(again.id, header.id);
    assert_int_equal(again.created_ms, header.created_ms);
    assert_int_equal(again.bucket, header.bucket);
}


static void
ref(fkv_str_t bytes)
{
    uint8_t          out[FKV__BLOB_REF_MAX];
    size_t           n;
    fkv__blob_ref_t  ref, again;

    if (fkv__blob_ref_get(bytes, &ref) != FKV_OK) {
        return;
    }

    assert_in_range(ref.length, 1, FKV__BLOB_LENGTH_MAX);
    n = fkv__blob_ref_put(out, &ref);
    assert_true(n <= sizeof(out));
    assert_int_equal(fkv__blob_ref_get((fkv_str_t) { out, n }, &again),
                     FKV_OK);
    assert_int_equal(again.file, ref.file);
    assert_int_equal(again.offset, ref.offset);
    assert_int_equal(again.length, ref.length);
}


static void
uses(fkv_str_t bytes)
{
    uint64_t    last = 0;
    fkv_str_t   copy;
    fkv__buf_t  uses = { .data = NULL }, out = uses, again = uses;

    if (fkv__blob_uses_get(bytes, &uses) == FKV_OK) {
        for (size_t i = 0; i < fkv__blob_uses_n(&uses); i++) {
            const fkv__blob_use_t  *use = &fkv__blob_uses(&uses)[i];

            assert_true(use->file > last);
            last = use->file;
            assert_ptr_equal(fkv__blob_uses_find(&uses, last), use);
        }

        assert_int_equal(fkv__blob_uses_put(&out, &uses), FKV_OK);
        copy = fuzz_copy(fkv__buf_str(&out));
        assert_int_equal(fkv__blob_uses_get(copy, &again), FKV_OK);
        check_str(fkv__buf_str(&again), fkv__buf_str(&uses));
        fuzz_free(copy);
    }

    fkv__buf_done(&uses);
    fkv__buf_done(&out);
    fkv__buf_done(&again);
}


static void
frame(fuzz_t *in)
{
    size_t           len;
    uint64_t         i = fuzz_byte(in), hash = fuzz_u64(in);
    uint8_t         *frame;
    fkv_str_t        bytes = fuzz_take(in, fuzz_byte(in)), piece;
    fkv__blob_ref_t  ref;

    if (fkv__blob_ref_get(bytes, &ref) != FKV_OK) {
        return;
    }

    /* As it is, of any length. */
    piece = fuzz_copy(fuzz_rest(in));
    i %= fkv__blob_pieces(ref.length);
    len = fkv__blob_piece_len(ref.length, i);
    (void) fkv__blob_frame_check(piece.data, piece.len, &ref, hash, i);

    /* As the piece, if it is so long. */
    if (piece.len >= len) {
        frame = malloc(len + 4);
        assert_int_equal(fkv__blob_frame_put(frame, &ref, hash, i,
                                             piece.data), len + 4);
        assert_int_equal(fkv__blob_frame_check(frame, len + 4, &ref, hash, i),
                         FKV_OK);
        assert_int_equal(fkv__blob_frame_check(frame, len + 3, &ref, hash, i),
                         FKV_ECORRUPT);
        assert_int_equal(fkv__blob_frame_check(frame, len + 4, &ref,
                                               hash + 1, i), FKV_ECORRUPT);
        frame[hash % len] ^= 1;
        assert_int_equal(fkv__blob_frame_check(frame, len + 4, &ref, hash, i),
                         FKV_ECORRUPT);
        free(frame);
    }

    fuzz_free(piece);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_t     in = { data, size };
    uint8_t    which = fuzz_byte(&in) % 4;
    fkv_str_t  bytes;

    if (which == 3) {
        frame(&in);
        return 0;
    }

    bytes = fuzz_copy(fuzz_rest(&in));

    switch (which) {
    case 0:
        header(bytes);
        break;
    case 1:
        ref(bytes);
        break;
    case 2:
        uses(bytes);
        break;
    }

    fuzz_free(bytes);

    return 0;
}
