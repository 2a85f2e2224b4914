/*
 * base_bytes.c - integers and varints in memory, order of strings.
 */

#include "check.h"


static void
integers_are_little_endian(void **state)
{
    uint8_t  bytes[9] = { 0 };

    (void) state;

    fkv__put_le16(bytes + 1, 0x0102);
    check_hex(bytes + 1, 2, "0201");
    assert_int_equal(fkv__get_le16(bytes + 1), 0x0102);

    fkv__put_le32(bytes + 1, 0x01020304);
    check_hex(bytes + 1, 4, "04030201");
    assert_int_equal(fkv__get_le32(bytes + 1), 0x01020304);

    fkv__put_le64(bytes + 1, 0x0102030405060708);
    check_hex(bytes + 1, 8, "0807060504030201");
    assert_int_equal(fkv__get_le64(bytes + 1), 0x0102030405060708);
    assert_int_equal(fkv__get_be64(bytes + 1), 0x0807060504030201);
}


static void
varints_have_these_bytes(void **state)
{
    static const struct {
        uint64_t     v;
        const char  *hex;
    } golden[] = {
        { 0,           "00" },
        { 127,         "7f" },
        { 128,         "80 01" },
        { 300,         "ac 02" },
        { 16383,       "ff 7f" },
        { 16384,       "80 80 01" },
        { UINT32_MAX,  "ff ff ff ff 0f" },
        { UINT64_MAX,  "ff ff ff ff ff ff ff ff ff 01" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
        uint8_t  bytes[FKV__VARINT_MAX];
        size_t   n = (size_t) (fkv__put_varint(bytes, golden[i].v) - bytes);

        assert_int_equal(n, fkv__varint_size(golden[i].v));
        check_hex(bytes, n, golden[i].hex);
    }
}


static void
varints_survive_the_round_trip_and_not_their_truncation(void **state)
{
    uint64_t  random = 1;

    (void) state;

    for (int i = 0; i < 100000; i++) {
        uint64_t        r = check_random(&random), got;
        uint64_t        v = r >> (r & 63);
        uint8_t         bytes[FKV__VARINT_MAX];
        const uint8_t  *end = fkv__put_varint(bytes, v);

        assert_ptr_equal(fkv__get_varint(bytes, end, &got), end);
        assert_int_equal(got, v);
        assert_null(fkv__get_varint(bytes, end - 1, &got));
    }
}


static void
too_long_varints_are_refused(void **state)
{
    static const uint8_t  overflow[10] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02
    };
    static const uint8_t  eleven[11] = {
        0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00
    };
    uint64_t              v;

    (void) state;

    assert_null(fkv__get_varint(overflow, overflow + 10, &v));
    assert_null(fkv__get_varint(eleven, eleven + 11, &v));
}


static void
a_prefix_sorts_first(void **state)
{
    (void) state;

    assert_int_equal(fkv__str_cmp(FKV_STR_NULL, FKV_STR_NULL), 0);
    assert_true(fkv__str_cmp(FKV_STR_NULL, FKV_STR("a")) < 0);
    assert_true(fkv__str_cmp(FKV_STR("a"), FKV_STR("ab")) < 0);
    assert_true(fkv__str_cmp(FKV_STR("ab"), FKV_STR("a")) > 0);
    assert_true(fkv__str_cmp(FKV_STR("ab"), FKV_STR("b")) < 0);
    assert_true(fkv__str_cmp(FKV_STR("\xff"), FKV_STR("a")) > 0);
    assert_int_equal(fkv__str_cmp(FKV_STR("ab"), FKV_STR("ab")), 0);

    assert_true(fkv__str_eq(FKV_STR_NULL, FKV_STR("")));
    assert_true(fkv__str_eq(FKV_STR("a\0b"), FKV_STR("a\0b")));
    assert_false(fkv__str_eq(FKV_STR("a\0b"), FKV_STR("a\0c")));
    assert_false(fkv__str_eq(FKV_STR("a"), FKV_STR("ab")));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(integers_are_little_endian),
        cmocka_unit_test(varints_have_these_bytes),
        cmocka_unit_test(
            varints_survive_the_round_trip_and_not_their_truncation),
        cmocka_unit_test(too_long_varints_are_refused),
        cmocka_unit_test(a_prefix_sorts_first),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
