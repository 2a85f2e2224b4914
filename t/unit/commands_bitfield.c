/*
 * commands_bitfield.c - types of bit fields, and numbers that run over.
 */

#include "check.h"
#include "commands/bitfield.h"


static fkv_bitfield_type_t
type(const char *text)
{
    fkv_bitfield_type_t  made;

    assert_int_equal(fkv_bitfield_type((fkv_str_t) { (const uint8_t *) text,
                                                     strlen(text) }, &made),
                     FKV_OK);

    return made;
}


static void
types(void **state)
{
    static const char *const  wrong[] = {
        "", "u", "i", "u0", "i0", "u64", "i65", "x8", "8", "U8", "I8", "u08",
        "u-1", "u8 ", "i8x"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        fkv_bitfield_type_t  made;
        fkv_str_t            text = { (const uint8_t *) wrong[i],
                                      strlen(wrong[i]) };

        assert_int_equal(fkv_bitfield_type(text, &made), FKV_NOTINT);
    }

    assert_true(type("i64").is_signed);
    assert_int_equal(type("i64").width, 64);
    assert_false(type("u63").is_signed);
    assert_int_equal(type("u1").width, 1);

    assert_int_equal(fkv_bitfield_value(type("i8"), 0xff), -1);
    assert_int_equal(fkv_bitfield_value(type("u8"), 0xff), 255);
    assert_true(fkv_bitfield_value(type("i64"), 1ull << 63) == INT64_MIN);
}


static void
numbers_run_over(void **state)
{
    static const struct {
        const char  *type;
        int64_t      n, by;
        int64_t      wrap, sat;
        bool         fits;
    } sums[] = {
        { "u8", 250, 5, 255, 255, true },
        { "u8", 250, 6, 0, 255, false },
        { "u8", 3, -4, 255, 0, false },
        { "u1", 1, 1, 0, 1, false },
        { "i8", 127, 1, -128, 127, false },
        { "i8", -128, -1, 127, -128, false },
        { "i8", -128, 255, 127, 127, true },
        { "i1", 0, 1, -1, 0, false },
        { "u63", INT64_MAX, 1, 0, INT64_MAX, false },
        { "u63", 0, INT64_MIN, 0, 0, false },
        { "i64", INT64_MAX, INT64_MAX, -2, INT64_MAX, false },
        { "i64", INT64_MIN, -1, INT64_MAX, INT64_MIN, false },
        { "i16", 0, INT64_MIN, 0, -32768, false },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
        fkv_bitfield_type_t  of = type(sums[i].type);
        int64_t              sum;

        assert_true(fkv_bitfield_add(of, sums[i].n, sums[i].by,
                                     FKV_BITFIELD_WRAP, &sum));
        assert_true(sum == sums[i].wrap);
        assert_true(fkv_bitfield_add(of, sums[i].n, sums[i].by,
                                     FKV_BITFIELD_SAT, &sum));
        assert_true(sum == sums[i].sat);
        assert_int_equal(fkv_bitfield_add(of, sums[i].n, sums[i].by,
                                          FKV_BITFIELD_FAIL, &sum),
                         sums[i].fits);
    }
}


static void
negative_numbers_are_large_for_unsigned_fields(void **state)
{
    int64_t  set;

    (void) state;

    assert_true(fkv_bitfield_set(type("u8"), -1, FKV_BITFIELD_SAT, &set));
    assert_int_equal(set, 255);
    assert_true(fkv_bitfield_set(type("u8"), -2, FKV_BITFIELD_WRAP, &set));
    assert_int_equal(set, 254);
    assert_false(fkv_bitfield_set(type("u8"), -1, FKV_BITFIELD_FAIL, &set));

    assert_true(fkv_bitfield_set(type("i8"), -129, FKV_BITFIELD_SAT, &set));
    assert_int_equal(set, -128);
    assert_true(fkv_bitfield_set(type("i8"), INT64_MIN, FKV_BITFIELD_SAT,
                                 &set));
    assert_int_equal(set, -128);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(types),
        cmocka_unit_test(numbers_run_over),
        cmocka_unit_test(negative_numbers_are_large_for_unsigned_fields),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
