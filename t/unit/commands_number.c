/*
 * commands_number.c - numbers as Redis reads and writes them.
 */

#include "check.h"
#include "commands/number.h"

#include <string.h>


static fkv_str_t
str(const char *text)
{
    return (fkv_str_t) { (const uint8_t *) text, strlen(text) };
}


static void
ints(void **state)
{
    static const char *const  wrong[] = {
        "", "-", "+1", " 1", "1 ", "01", "-0", "-01", "1a", "0x1", "1.0",
        "9223372036854775808", "-9223372036854775809", "99999999999999999999",
        "123456789012345678901234567890"
    };
    static const int64_t  right[] = {
        0, 1, -1, 10, 1234567890123, INT64_MAX, INT64_MIN
    };
    int64_t  n;
    char     text[FKV_NUMBER_INT_BYTES];

    (void) state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(fkv_number_int(str(wrong[i]), &n), FKV_NOTINT);
    }

    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        fkv_str_t  put = { (uint8_t *) text,
                           fkv_number_int_put(text, right[i]) };

        assert_int_equal(fkv_number_int(put, &n), FKV_OK);
        assert_true(n == right[i]);
    }
}


static void
reals(void **state)
{
    static const char *const  wrong[] = {
        "", " 1", "1 ", "\t1", "nan", "-nan", "1.0x", "1,5", "e",
        "1e5000", "-1e5000", "1e-5000"
    };
    static const struct {
        const char  *in, *out;
    } right[] = {
        { "0", "0" }, { "-0", "0" }, { "10.50", "10.5" }, { "5.0e3", "5000" },
        { "3.0", "3" }, { "-1.25", "-1.25" }, { "0.1", "0.1" },
        { "200", "200" }, { "1e20", "100000000000000000000" }
    };
    long double  n;
    char         text[FKV_NUMBER_REAL_BYTES];

    (void) state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(fkv_number_real(str(wrong[i]), &n), FKV_NOTINT);
    }

    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        size_t  len;

        assert_int_equal(fkv_number_real(str(right[i].in), &n), FKV_OK);
        len = fkv_number_real_put(text, n);
        assert_int_equal(len, strlen(right[i].out));
        assert_memory_equal(text, right[i].out, len);
    }

    assert_int_equal(fkv_number_real(str("1.1e4932"), &n), FKV_OK);
    assert_int_equal(fkv_number_real_put(text, n), 4933);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(ints),
        cmocka_unit_test(reals),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
