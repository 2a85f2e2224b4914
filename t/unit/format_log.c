/*
 * format_log.c - log header and frames: their bytes, and damage to them.
 */

#include "check.h"
#include "base/crc32c.h"
#include "format/log.h"

#define FRAME_BYTES  (FKV__FRAME_HEADER_BYTES + 24)
#define LSN          0x0102030405060708
#define INCARNATION  0x1112131415161718

static const fkv__log_header_t  header = {
    .incarnation = 0x1112131415161718,
    .base = 0x2122232425262728,
    .prev_end = 0x3132333435363738,
    .bytes = 0x4142434445464748,
    .edit = 0x5152535455565758
};


static void
frame_make(uint8_t *frame, fkv__frame_kind_e kind)
{
    uint8_t  *body = frame + FKV__FRAME_HEADER_BYTES;
    size_t    len = FRAME_BYTES - FKV__FRAME_HEADER_BYTES;

    memset(frame, 0, FRAME_BYTES);
    memcpy(body, "twenty bytes of record", 20);

    fkv__frame_seal(frame, fkv__frame_stamp(FRAME_BYTES, 5, kind),
                    0x2122232425262728, fkv__crc32c(0, body, len), LSN,
                    INCARNATION);
}


static void
header_has_these_bytes(void **state)
{
    static const uint8_t  zero[FKV__LOG_HEADER_BYTES];
    uint8_t               bytes[FKV__LOG_HEADER_BYTES];

    (void) state;

    fkv__log_header_put(bytes, &header);

    check_hex(bytes, 56,
              "464b566c6f670d0a 01000000 17ce103d"
              " 1817161514131211 2827262524232221 3837363534333231"
              " 4847464544434241 5857565554535251");
    assert_memory_equal(bytes + 56, zero, sizeof(bytes) - 56);
}


static void
header_survives_the_round_trip(void **state)
{
    uint8_t            bytes[FKV__LOG_HEADER_BYTES];
    fkv__log_header_t  got;

    (void) state;

    fkv__log_header_put(bytes, &header);

    assert_int_equal(fkv__log_header_get(bytes, &got), FKV_OK);
    assert_int_equal(got.incarnation, header.incarnation);
    assert_int_equal(got.base, header.base);
    assert_int_equal(got.prev_end, header.prev_end);
    assert_int_equal(got.bytes, header.bytes);
    assert_int_equal(got.edit, header.edit);
}


static void
every_flipped_bit_of_a_header_is_found(void **state)
{
    uint8_t            bytes[FKV__LOG_HEADER_BYTES];
    fkv__log_header_t  got;

    (void) state;

    fkv__log_header_put(bytes, &header);

    for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
        bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
        assert_int_equal(fkv__log_header_get(bytes, &got), FKV_ECORRUPT);
        bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
    }
}


static void
a_flipped_bit_of_a_header_is_set_right(void **state)
{
    uint8_t  was[2][FKV__LOG_HEADER_BYTES] = { { 0 } };
    uint8_t  bytes[FKV__LOG_HEADER_BYTES];
    size_t   at;

    (void) state;

    fkv__log_header_put(was[0], &header);           /* the other is empty */

    for (unsigned i = 0; i < 2; i++) {
        for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
            memcpy(bytes, was[i], sizeof(bytes));
            bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);

            assert_true(fkv__log_header_mend(bytes, &at));
            assert_int_equal(at, bit / 8);
            assert_memory_equal(bytes, was[i], sizeof(bytes));
        }
    }
}


static void
two_flipped_bits_of_a_header_are_damage(void **state)
{
    uint8_t  bytes[FKV__LOG_HEADER_BYTES], was[FKV__LOG_HEADER_BYTES];
    size_t   at;

    (void) state;

    fkv__log_header_put(was, &header);

    for (size_t bit = 1; bit < 8 * sizeof(bytes); bit += 1 + bit / 100) {
        memcpy(bytes, was, sizeof(bytes));
        bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
        bytes[(bit - 1) / 2 / 8] ^= (uint8_t) (1 << (bit - 1) / 2 % 8);
        memcpy(was, bytes, sizeof(bytes));

        assert_false(fkv__log_header_mend(bytes, &at));
        assert_memory_equal(bytes, was, sizeof(bytes));
        fkv__log_header_put(was, &header);
    }
}


static void
header_of_a_newer_build_is_refused_as_such(void **state)
{
    uint8_t            bytes[FKV__LOG_HEADER_BYTES];
    fkv__log_header_t  got;

    (void) state;

    fkv__log_header_put(bytes, &header);
    fkv__put_le32(bytes + 8, FKV__LOG_FORMAT + 1);
    fkv__put_le32(bytes + 12, 0);
    fkv__put_le32(bytes + 12, fkv__crc32c(0, bytes, sizeof(bytes)));

    assert_int_equal(fkv__log_header_get(bytes, &got), FKV_EVERSION);
}


static void
file_of_zeros_was_never_used(void **state)
{
    uint8_t            bytes[FKV__LOG_HEADER_BYTES] = { 0 };
    fkv__log_header_t  got;

    (void) state;

    assert_int_equal(fkv__log_header_get(bytes, &got), FKV_NOTFOUND);

    bytes[sizeof(bytes) - 1] = 1;
    assert_int_equal(fkv__log_header_get(bytes, &got), FKV_ECORRUPT);
}


static void
frame_has_these_bytes(void **state)
{
    _Alignas(8) uint8_t  frame[FRAME_BYTES];

    (void) state;

    frame_make(frame, FKV__FRAME_BATCH);

    check_hex(frame, sizeof(frame),
              "0000000000000000 3800000005010000 2827262524232221"
              " 2abaee42 77987cda"
              " 7477656e7479206279746573206f66207265636f 00000000");
}


static void
frame_survives_the_round_trip(void **state)
{
    _Alignas(8) uint8_t  bytes[FRAME_BYTES];
    fkv__frame_t         frame;

    (void) state;

    frame_make(bytes, FKV__FRAME_BATCH);

    assert_int_equal(fkv__frame_get(bytes, sizeof(bytes), LSN, INCARNATION,
                                    &frame),
                     FKV_OK);
    assert_int_equal(frame.kind, FKV__FRAME_BATCH);
    assert_int_equal(frame.length, FRAME_BYTES);
    assert_int_equal(frame.durable, 0x2122232425262728);
    assert_ptr_equal(frame.body.data, bytes + FKV__FRAME_HEADER_BYTES);
    assert_int_equal(frame.body.len, 24);
}


static void
every_flipped_bit_behind_the_first_eight_bytes_is_found(void **state)
{
    _Alignas(8) uint8_t  bytes[FRAME_BYTES];
    fkv__frame_t         frame;

    (void) state;

    frame_make(bytes, FKV__FRAME_BATCH);

    for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
        bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
        assert_int_equal(fkv__frame_get(bytes, sizeof(bytes), LSN,
                                        INCARNATION, &frame),
                         bit < 64 ? FKV_OK : FKV_END);
        bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
    }
}


static void
body_of_a_pad_is_not_looked_at(void **state)
{
    _Alignas(8) uint8_t  bytes[FRAME_BYTES];
    fkv__frame_t         frame;

    (void) state;

    frame_make(bytes, FKV__FRAME_PAD);
    memset(bytes + FKV__FRAME_HEADER_BYTES, 0xee,
           FRAME_BYTES - FKV__FRAME_HEADER_BYTES);

    assert_int_equal(fkv__frame_get(bytes, sizeof(bytes), LSN, INCARNATION,
                                    &frame),
                     FKV_OK);
    assert_int_equal(frame.kind, FKV__FRAME_PAD);

    for (size_t bit = 64; bit < 8 * FKV__FRAME_HEADER_BYTES; bit++) {
        bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
        assert_int_equal(fkv__frame_get(bytes, sizeof(bytes), LSN,
                                        INCARNATION, &frame),
                         FKV_END);
        bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
    }
}


static void
frame_counts_only_at_its_place_in_its_life(void **state)
{
    _Alignas(8) uint8_t  bytes[FRAME_BYTES];
    fkv__frame_t         frame;

    (void) state;

    frame_make(bytes, FKV__FRAME_BATCH);

    for (int bit = 0; bit < 64; bit++) {
        uint64_t  flip = (uint64_t) 1 << bit;

        assert_int_equal(fkv__frame_get(bytes, sizeof(bytes), LSN ^ flip,
                                        INCARNATION, &frame),
                         FKV_END);
        assert_int_equal(fkv__frame_get(bytes, sizeof(bytes), LSN,
                                        INCARNATION ^ flip, &frame),
                         FKV_END);
    }
}


static void
torn_frame_is_the_end(void **state)
{
    _Alignas(8) uint8_t  bytes[FRAME_BYTES];

    (void) state;

    frame_make(bytes, FKV__FRAME_BATCH);

    for (size_t cut = 0; cut < sizeof(bytes); cut++) {
        uint8_t       *part = check_copy(bytes, cut);
        fkv__frame_t   frame;

        assert_int_equal(fkv__frame_get(part, cut, LSN, INCARNATION, &frame),
                         FKV_END);
        free(part);
    }
}


static void
impossible_lengths_and_kinds_are_the_end(void **state)
{
    static const struct {
        uint32_t  length;
        unsigned  kind;
    } bad[] = {
        { 0, 1 }, { 8, 1 }, { 24, 1 }, { 33, 1 }, { 52, 1 }, { 64, 1 },
        { UINT32_MAX, 1 }, { UINT32_MAX - 7, 1 }, { 56, 0 }, { 56, 3 },
        { 56, 255 },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        _Alignas(8) uint8_t  bytes[FRAME_BYTES];
        fkv__frame_t         frame;

        /* Sealed, so that the sum alone does not give it away. */
        frame_make(bytes, FKV__FRAME_BATCH);
        fkv__frame_seal(bytes,
                        (uint64_t) bad[i].length
                        | (uint64_t) bad[i].kind << 40, 0,
                        fkv__get_le32(bytes + 24), LSN, INCARNATION);

        assert_int_equal(fkv__frame_get(bytes, sizeof(bytes), LSN,
                                        INCARNATION, &frame),
                         FKV_END);
    }
}


static void
shortest_frame_is_its_header(void **state)
{
    _Alignas(8) uint8_t  bytes[FKV__FRAME_HEADER_BYTES] = { 0 };
    fkv__frame_t         frame;

    (void) state;

    fkv__frame_seal(bytes,
                    fkv__frame_stamp(sizeof(bytes), 0, FKV__FRAME_BATCH),
                    1, fkv__crc32c(0, NULL, 0), LSN, INCARNATION);

    assert_int_equal(fkv__frame_get(bytes, sizeof(bytes), LSN, INCARNATION,
                                    &frame),
                     FKV_OK);
    assert_int_equal(frame.body.len, 0);
}


static void
stamp_gives_back_its_parts(void **state)
{
    uint64_t  stamp = fkv__frame_stamp(UINT32_MAX, 255, FKV__FRAME_PAD);

    (void) state;

    assert_int_equal(stamp, 0x000002ffffffffff);
    assert_int_equal(fkv__frame_stamp_length(stamp), UINT32_MAX);
    assert_int_equal(fkv__frame_stamp_slot(stamp), 255);
}


static void
garbage_is_no_frame(void **state)
{
    uint64_t  random = 10;

    (void) state;

    for (int i = 0; i < 50000; i++) {
        uint8_t       bytes[96], *copy;
        size_t        len = check_random(&random) % (sizeof(bytes) + 1);
        fkv__frame_t  frame;

        check_random_bytes(&random, bytes, sizeof(bytes));
        fkv__put_le64(bytes + 8,
                      fkv__frame_stamp(8 * (check_random(&random) % 14), 1,
                                       FKV__FRAME_BATCH));

        copy = check_copy(bytes, len);
        assert_int_equal(fkv__frame_get(copy, len, LSN, INCARNATION, &frame),
                         FKV_END);
        free(copy);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(header_has_these_bytes),
        cmocka_unit_test(header_survives_the_round_trip),
        cmocka_unit_test(every_flipped_bit_of_a_header_is_found),
        cmocka_unit_test(a_flipped_bit_of_a_header_is_set_right),
        cmocka_unit_test(two_flipped_bits_of_a_header_are_damage),
        cmocka_unit_test(header_of_a_newer_build_is_refused_as_such),
        cmocka_unit_test(file_of_zeros_was_never_used),
        cmocka_unit_test(frame_has_these_bytes),
        cmocka_unit_test(frame_survives_the_round_trip),
        cmocka_unit_test(
            every_flipped_bit_behind_the_first_eight_bytes_is_found),
        cmocka_unit_test(body_of_a_pad_is_not_looked_at),
        cmocka_unit_test(frame_counts_only_at_its_place_in_its_life),
        cmocka_unit_test(torn_frame_is_the_end),
        cmocka_unit_test(impossible_lengths_and_kinds_are_the_end),
        cmocka_unit_test(shortest_frame_is_its_header),
        cmocka_unit_test(stamp_gives_back_its_parts),
        cmocka_unit_test(garbage_is_no_frame),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
