/*
 * rules_field.c - names, tokens, lists and numbers of fields.
 */

#include "message.h"

#include <ctype.h>


static void
a_known_name_has_its_number_in_any_case(void **state)
{
    (void) state;

#define NAME_CHECK(id, value, text)                                           \
    {                                                                         \
        char  upper[] = text;                                                 \
                                                                              \
        for (size_t i = 0; i < sizeof(upper); i++) {                          \
            upper[i] = (char) toupper(upper[i]);                              \
        }                                                                     \
                                                                              \
        assert_int_equal(id, value);                                          \
        assert_int_equal(fkv_rules_name(str(text)), id);                      \
        assert_int_equal(fkv_rules_name(str(upper)), id);                     \
    }

    FKV_RULES_NAME_MAP(NAME_CHECK)
#undef NAME_CHECK

    assert_int_equal(fkv_rules_name(str("")), FKV_RULES_OTHER);
    assert_int_equal(fkv_rules_name(str("vari")), FKV_RULES_OTHER);
    assert_int_equal(fkv_rules_name(str("cache\rcontrol")), FKV_RULES_OTHER);
    assert_int_equal(fkv_rules_name(str("x-cache-control")), FKV_RULES_OTHER);
}


static void
tokens_have_these_bytes_only(void **state)
{
    const char  *others = "!#$%&'*+-.^_`|~";

    (void) state;

    for (unsigned byte = 0; byte < 256; byte++) {
        bool  expected = byte < 128 && byte > 0
                         && (isalnum((int) byte)
                             || strchr(others, (int) byte) != NULL);

        assert_int_equal(fkv_rules_token_byte((uint8_t) byte), expected);
    }

    assert_true(fkv_rules_token(str("Cache-Control")));
    assert_false(fkv_rules_token(str("")));
    assert_false(fkv_rules_token(str("a b")));
}


static bool
safe(fkv_str_t name, fkv_str_t value)
{
    return fkv_rules_field_safe(message_field(name, value));
}


static void
a_line_end_is_never_safe(void **state)
{
    (void) state;

    assert_true(safe(str("a"), str("b\tc \xff")));
    assert_true(safe(str("a"), str("")));
    assert_false(safe(str("a"), str("b\r\nX: c")));
    assert_false(safe(str("a"), str("\n")));
    assert_false(safe(str("a"), FKV_STR("b\0c")));
    assert_false(safe(str(""), str("b")));
    assert_false(safe(str("a:"), str("b")));
    assert_false(safe(str("a\n"), str("b")));
}


/* Each length, each place in it, each byte there instead of a letter. */
static void
only_the_case_of_letters_makes_no_difference(void **state)
{
    (void) state;

    for (size_t len = 1; len <= 33; len++) {
        uint8_t    text[33], other[33];
        fkv_str_t  a = { text, len }, b = { other, len };

        for (size_t i = 0; i < len; i++) {
            text[i] = (uint8_t) ("qZ-[@`{z\xda"[i % 9]);
        }

        for (size_t at = 0; at < len; at++) {
            memcpy(other, text, len);

            for (unsigned byte = 0; byte < 256; byte++) {
                other[at] = (uint8_t) byte;
                assert_int_equal(fkv_rules_same(a, b),
                                 fkv_rules_lower(text[at])
                                 == fkv_rules_lower((uint8_t) byte));
            }
        }

        b.len--;
        assert_false(fkv_rules_same(a, b));
    }

    assert_true(fkv_rules_same(str(""), str("")));
}


static void
lists_are_cut_at_commas_and_trimmed(void **state)
{
    static const char *const  members[] = { "a", "b c", "\"d", "e\"", "f" };
    fkv_str_t                 rest = str(" ,a,, b c\t,\"d,e\" ,\t, f"), member;

    (void) state;

    for (unsigned i = 0; i < 5; i++) {
        assert_true(fkv_rules_list_next(&rest, &member));
        check_str(member, str(members[i]));
    }

    assert_false(fkv_rules_list_next(&rest, &member));

    rest = str(" , ,");
    assert_false(fkv_rules_list_next(&rest, &member));
}


static void
quoted_strings_end_at_their_quote(void **state)
{
    (void) state;

    assert_int_equal(fkv_rules_quoted(str("\"\"")), 2);
    assert_int_equal(fkv_rules_quoted(str("\"a\\\"b\" c\"")), 6);
    assert_int_equal(fkv_rules_quoted(str("\"a\\\\\"\"")), 5);
    assert_int_equal(fkv_rules_quoted(str("\"abc")), 0);
    assert_int_equal(fkv_rules_quoted(str("\"abc\\")), 0);
    assert_int_equal(fkv_rules_quoted(str("\"abc\\\"")), 0);
    assert_int_equal(fkv_rules_quoted(str("\"")), 0);
}


static void
seconds_are_digits_and_end_at_a_limit(void **state)
{
    static const char *const  wrong[] = {
        "", "-1", "+1", " 1", "1 ", "1.0", "1s", "0x1", "one", "1,2"
    };
    int64_t                   seconds;

    (void) state;

    assert_int_equal(fkv_rules_seconds(str("0"), &seconds), FKV_OK);
    assert_int_equal(seconds, 0);
    assert_int_equal(fkv_rules_seconds(str("0060"), &seconds), FKV_OK);
    assert_int_equal(seconds, 60);
    assert_int_equal(fkv_rules_seconds(str("2147483647"), &seconds), FKV_OK);
    assert_int_equal(seconds, 2147483647);
    assert_int_equal(fkv_rules_seconds(str("2147483649"), &seconds), FKV_OK);
    assert_int_equal(seconds, FKV_RULES_SECONDS_MAX);
    assert_int_equal(fkv_rules_seconds(str("99999999999999999999999999999999"),
                                       &seconds), FKV_OK);
    assert_int_equal(seconds, FKV_RULES_SECONDS_MAX);

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        seconds = 42;
        assert_int_equal(fkv_rules_seconds(str(wrong[i]), &seconds),
                         FKV_EINVAL);
        assert_int_equal(seconds, 42);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(a_known_name_has_its_number_in_any_case),
        cmocka_unit_test(tokens_have_these_bytes_only),
        cmocka_unit_test(a_line_end_is_never_safe),
        cmocka_unit_test(only_the_case_of_letters_makes_no_difference),
        cmocka_unit_test(lists_are_cut_at_commas_and_trimmed),
        cmocka_unit_test(quoted_strings_end_at_their_quote),
        cmocka_unit_test(seconds_are_digits_and_end_at_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
