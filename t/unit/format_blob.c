/*
 * format_blob.c - blob files, references, what a table says of them.
 */

#include "check.h"
#include "format/blob.h"
#include "format/table.h"

#define HASH  0x1122334455667788ull


static void
golden_header(void **state)
{
    static const uint8_t  golden[FKV__BLOB_HEADER_BYTES] = {
        'F', 'K', 'V', 'b', 'l', 'b', 13, 10, 1, 0, 0, 0,
        0x4c, 0xbc, 0x22, 0x25,
        7, 0, 0, 0, 0, 0, 0, 0, 0xe8, 3, 0, 0, 0, 0, 0, 0,
        2, 0, 0, 0, 0, 0, 0, 0
    };
    fkv__blob_header_t    header = { 7, 1000, 2 }, got;
    uint8_t               out[FKV__BLOB_HEADER_BYTES];
    fkv_str_t             file = { out, sizeof(out) };

    (void) state;

    fkv__blob_header_put(out, &header);
    assert_memory_equal(out, golden, sizeof(golden));

    assert_int_equal(fkv__blob_header_get(file, &got), FKV_OK);
    assert_memory_equal(&got, &header, sizeof(got));

    for (size_t i = 0; i < sizeof(out) * 8; i++) {
        out[i / 8] ^= 1u << i % 8;
        assert_int_equal(fkv__blob_header_get(file, &got), FKV_ECORRUPT);
        out[i / 8] ^= 1u << i % 8;
    }

    file.len--;
    assert_int_equal(fkv__blob_header_get(file, &got), FKV_ECORRUPT);
}


static void
golden_entry(void **state)
{
    static const uint8_t  golden_entry[FKV__BLOB_ENTRY_BYTES] = {
        5, 0, 0, 0, 0, 0, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
        9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x7c, 0xe0, 0x29, 0x74
    };
    static const uint8_t  golden_frame[] = {
        'A', 'l', 'i', 'c', 'e', 0x99, 0x55, 0x62, 0x35
    };
    static const uint8_t  golden_ref[] = { 7, 0xac, 2, 5 };
    fkv__blob_ref_t       ref = { 7, 300, 5 }, got;
    uint8_t               out[64];

    (void) state;

    fkv__blob_entry_put(out, &ref, HASH, 9);
    assert_memory_equal(out, golden_entry, sizeof(golden_entry));

    assert_int_equal(fkv__blob_frame_put(out, &ref, HASH, 0,
                                         (const uint8_t *) "Alice"),
                     sizeof(golden_frame));
    assert_memory_equal(out, golden_frame, sizeof(golden_frame));

    assert_int_equal(fkv__blob_ref_put(out, &ref), sizeof(golden_ref));
    assert_memory_equal(out, golden_ref, sizeof(golden_ref));

    assert_int_equal(fkv__blob_ref_get((fkv_str_t) { out, 4 }, &got), FKV_OK);
    assert_memory_equal(&got, &ref, sizeof(got));
}


static void
reference_that_makes_no_sense_is_corrupt(void **state)
{
    static const fkv__blob_ref_t  bad[] = {
        { 0, 300, 5 }, { 7, 63, 5 }, { 7, 300, 0 },
        { 7, 300, FKV__BLOB_LENGTH_MAX + 1 }, { 7, INT64_MAX, 5 }
    };
    fkv__blob_ref_t               ref = { UINT64_MAX, 64, 1 };
    uint8_t                       out[FKV__BLOB_REF_MAX + 1];
    size_t                        n;

    (void) state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        n = fkv__blob_ref_put(out, &bad[i]);
        assert_int_equal(fkv__blob_ref_get((fkv_str_t) { out, n }, &ref),
                         FKV_ECORRUPT);
    }

    ref = (fkv__blob_ref_t) { UINT64_MAX, 64, 1 };
    n = fkv__blob_ref_put(out, &ref);

    for (size_t len = 0; len <= n + 1; len++) {
        assert_int_equal(fkv__blob_ref_get((fkv_str_t) { out, len }, &ref),
                         len == n ? FKV_OK : FKV_ECORRUPT);
    }
}


static void
pieces_cover_the_value_exactly(void **state)
{
    static const uint64_t  lengths[] = {
        1, 4, 65531, 65532, 65533, 131064, 131065, 1048576, 10000000
    };

    (void) state;

    for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
        uint64_t         length = lengths[l], sum = 0;
        uint64_t         n = fkv__blob_pieces(length);
        fkv__blob_ref_t  ref = { 1, 64, length };

        for (uint64_t i = 0; i < n; i++) {
            size_t  piece = fkv__blob_piece_len(length, i);

            assert_true(piece > 0);
            assert_true(piece == FKV__BLOB_PIECE_BYTES || i == n - 1);
            assert_int_equal(fkv__blob_frame_at(&ref, i) + piece + 4,
                             i < n - 1 ? fkv__blob_frame_at(&ref, i + 1)
                             : 64 + fkv__blob_entry_bytes(length));
            sum += piece;
        }

        assert_int_equal(sum, length);
    }
}


/* Right bytes at a wrong place, of another file, key or piece are damage. */
static void
frame_is_believed_only_where_it_belongs(void **state)
{
    static uint8_t   data[FKV__BLOB_PIECE_BYTES];
    static uint8_t   frame[FKV__BLOB_FRAME_BYTES];
    fkv__blob_ref_t  ref = { 7, 300, 3 * FKV__BLOB_PIECE_BYTES }, other;
    size_t           n;

    (void) state;

    memset(data, 'x', sizeof(data));
    n = fkv__blob_frame_put(frame, &ref, HASH, 1, data);

    assert_int_equal(fkv__blob_frame_check(frame, n, &ref, HASH, 1), FKV_OK);
    assert_int_equal(fkv__blob_frame_check(frame, n, &ref, HASH, 0),
                     FKV_ECORRUPT);
    assert_int_equal(fkv__blob_frame_check(frame, n, &ref, HASH + 1, 1),
                     FKV_ECORRUPT);
    assert_int_equal(fkv__blob_frame_check(frame, n - 1, &ref, HASH, 1),
                     FKV_ECORRUPT);

    other = ref;
    other.file++;
    assert_int_equal(fkv__blob_frame_check(frame, n, &other, HASH, 1),
                     FKV_ECORRUPT);

    other = ref;
    other.offset++;
    assert_int_equal(fkv__blob_frame_check(frame, n, &other, HASH, 1),
                     FKV_ECORRUPT);

    for (size_t i = 0; i < n; i += 1023) {
        frame[i] ^= 4;
        assert_int_equal(fkv__blob_frame_check(frame, n, &ref, HASH, 1),
                         FKV_ECORRUPT);
        frame[i] ^= 4;
    }
}


static void
uses_add_up_by_file(void **state)
{
    fkv__buf_t                uses = { 0 }, out = { 0 }, got = { 0 };
    const fkv__blob_use_t    *use;
    static const uint64_t     files[] = { 5, 3, 9, 5, 4, 3 };

    (void) state;

    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(fkv__blob_uses_add(&uses, &(fkv__blob_use_t) {
                                                .file = files[i],
                                                .bytes = 10 + i,
                                                .expire_at = 100 * i
                                            }), FKV_OK);
    }

    assert_int_equal(fkv__blob_uses_n(&uses), 4);
    assert_int_equal(fkv__blob_uses_put(&out, &uses), FKV_OK);
    assert_int_equal(fkv__blob_uses_get(fkv__buf_str(&out), &got), FKV_OK);
    assert_int_equal(got.len, uses.len);
    assert_memory_equal(got.data, uses.data, uses.len);

    use = fkv__blob_uses_find(&got, 3);
    assert_int_equal(use->bytes, 11 + 15);
    assert_int_equal(use->expire_at, 500);

    /* One of the two never expires. */
    use = fkv__blob_uses_find(&got, 5);
    assert_int_equal(use->bytes, 10 + 13);
    assert_int_equal(use->expire_at, 0);

    assert_null(fkv__blob_uses_find(&got, 1));
    assert_null(fkv__blob_uses_find(&got, 10));

    got.len = 0;
    out.len--;
    assert_int_equal(fkv__blob_uses_get(fkv__buf_str(&out), &got),
                     FKV_ECORRUPT);

    /* Not ascending. */
    got.len = 0;
    assert_int_equal(fkv__blob_uses_get(FKV_STR("\5\1\0\5\1\0"), &got),
                     FKV_ECORRUPT);

    fkv__buf_done(&uses);
    fkv__buf_done(&out);
    fkv__buf_done(&got);
}


/* What the builder counts is what manifest and properties give back. */
static void
table_says_what_its_records_refer_to(void **state)
{
    fkv__table_builder_t      table;
    fkv__table_info_t         info, got;
    fkv__buf_t                fields = { 0 };
    const fkv__blob_use_t    *use;

    (void) state;

    fkv__table_builder_init(&table, 3, &(fkv__table_options_t) {
                                .block_bytes = 4096, .bits_per_key = 10
                            });

    for (unsigned i = 0; i < 10; i++) {
        char             key[8];
        uint8_t          value[FKV__BLOB_REF_MAX];
        fkv__blob_ref_t  ref = { 20 + i % 2, 64 + 70000 * i, 70000 };
        fkv__record_t    rec = {
            .kind = (i == 8) ? FKV__RECORD_VALUE : FKV__RECORD_BLOB,
            .version = 100 + i, .expire_at = 1000 + i
        };

        rec.value.data = value;
        rec.value.len = (i == 9) ? 1 : fkv__blob_ref_put(value, &ref);
        rec.key.data = (uint8_t *) key;
        rec.key.len = (size_t) sprintf(key, "k%u", i);

        assert_int_equal(fkv__table_builder_add(&table, &rec), FKV_OK);
    }

    assert_int_equal(fkv__table_builder_finish(&table, &info), FKV_OK);
    assert_int_equal(fkv__table_info_put(&fields, &info), FKV_OK);
    assert_int_equal(fkv__table_info_get(fkv__buf_str(&fields), &got), FKV_OK);

    assert_int_equal(fkv__blob_uses_n(&got.blobs), 2);

    use = fkv__blob_uses_find(&got.blobs, 20);
    assert_int_equal(use->bytes, 4 * fkv__blob_entry_bytes(70000));
    assert_int_equal(use->expire_at, 1006);

    use = fkv__blob_uses_find(&got.blobs, 21);
    assert_int_equal(use->bytes, 4 * fkv__blob_entry_bytes(70000));
    assert_int_equal(use->expire_at, 1007);

    fkv__table_info_done(&info);
    fkv__table_info_done(&got);
    fkv__table_builder_done(&table);
    fkv__buf_done(&fields);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(golden_header),
        cmocka_unit_test(golden_entry),
        cmocka_unit_test(reference_that_makes_no_sense_is_corrupt),
        cmocka_unit_test(pieces_cover_the_value_exactly),
        cmocka_unit_test(frame_is_believed_only_where_it_belongs),
        cmocka_unit_test(uses_add_up_by_file),
        cmocka_unit_test(table_says_what_its_records_refer_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
