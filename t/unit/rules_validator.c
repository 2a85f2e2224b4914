/*
 * rules_validator.c - entity tags, conditions, and which 304 is about what.
 */

#include "message.h"
#include "rules/validator.h"

#define CHANGED_S  784111777            /* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOW_S      (CHANGED_S + 1000)

#define AT    "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\n"
#define LATE  "If-Modified-Since: Sun, 06 Nov 1994 08:49:38 GMT\n"
#define SOON  "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\n"


static bool
not_modified(const char *lines, const char *etag, int64_t changed_s)
{
    fkv_rules_validators_t  stored = { str(etag), changed_s };
    message_t               m;
    bool                    answer;

    answer = fkv_rules_not_modified(message_read(&m, lines), &stored,
                                    CHANGED_S, NOW_S);
    message_done(&m);

    return answer;
}


static void
entity_tags_have_quotes_and_visible_bytes(void **state)
{
    (void) state;

    assert_true(fkv_rules_etag(str("\"\"")));
    assert_true(fkv_rules_etag(str("\"abc\"")));
    assert_true(fkv_rules_etag(str("W/\"a,b\"")));
    assert_true(fkv_rules_etag(str("\"\xc3\xa4\\\"")));

    assert_false(fkv_rules_etag(str("")));
    assert_false(fkv_rules_etag(str("abc")));
    assert_false(fkv_rules_etag(str("\"")));
    assert_false(fkv_rules_etag(str("\"abc")));
    assert_false(fkv_rules_etag(str("abc\"")));
    assert_false(fkv_rules_etag(str("w/\"a\"")));
    assert_false(fkv_rules_etag(str("W/")));
    assert_false(fkv_rules_etag(str("W/\"")));
    assert_false(fkv_rules_etag(str("\"a b\"")));
    assert_false(fkv_rules_etag(str("\"a\nb\"")));
    assert_false(fkv_rules_etag(str("\"a\"b")));
    assert_false(fkv_rules_etag(str("\"a\", \"b\"")));
}


static void
strong_and_weak_comparison_are_those_of_the_rfc(void **state)
{
    (void) state;

    assert_false(fkv_rules_etag_same_strong(str("W/\"1\""), str("W/\"1\"")));
    assert_true(fkv_rules_etag_same_weak(str("W/\"1\""), str("W/\"1\"")));
    assert_false(fkv_rules_etag_same_strong(str("W/\"1\""), str("W/\"2\"")));
    assert_false(fkv_rules_etag_same_weak(str("W/\"1\""), str("W/\"2\"")));
    assert_false(fkv_rules_etag_same_strong(str("W/\"1\""), str("\"1\"")));
    assert_true(fkv_rules_etag_same_weak(str("W/\"1\""), str("\"1\"")));
    assert_true(fkv_rules_etag_same_strong(str("\"1\""), str("\"1\"")));
    assert_true(fkv_rules_etag_same_weak(str("\"1\""), str("\"1\"")));
    assert_false(fkv_rules_etag_same_weak(str(""), str("")));
    assert_false(fkv_rules_etag_same_strong(str(""), str("")));
}


static void
lists_of_tags_may_hold_commas_in_tags(void **state)
{
    fkv_str_t  rest = str(" , \"a,b\",W/\"c\"\t ,,\"d\""), etag;

    (void) state;

    assert_int_equal(fkv_rules_etag_next(&rest, &etag), FKV_OK);
    check_str(etag, str("\"a,b\""));
    assert_int_equal(fkv_rules_etag_next(&rest, &etag), FKV_OK);
    check_str(etag, str("W/\"c\""));
    assert_int_equal(fkv_rules_etag_next(&rest, &etag), FKV_OK);
    check_str(etag, str("\"d\""));
    assert_int_equal(fkv_rules_etag_next(&rest, &etag), FKV_END);

    rest = str("\"a\" b");
    assert_int_equal(fkv_rules_etag_next(&rest, &etag), FKV_OK);
    assert_int_equal(fkv_rules_etag_next(&rest, &etag), FKV_EINVAL);
    rest = str("\"a\"b");
    assert_int_equal(fkv_rules_etag_next(&rest, &etag), FKV_EINVAL);
    rest = str("\"a");
    assert_int_equal(fkv_rules_etag_next(&rest, &etag), FKV_EINVAL);
}


static void
if_none_match_compares_weakly_over_all_lines(void **state)
{
    (void) state;

    assert_true(not_modified("If-None-Match: \"a\"", "\"a\"", 0));
    assert_true(not_modified("If-None-Match: W/\"a\"", "\"a\"", 0));
    assert_true(not_modified("If-None-Match: \"a\"", "W/\"a\"", 0));
    assert_true(not_modified("If-None-Match: \"x,\", \"a\"", "\"a\"", 0));
    assert_true(not_modified("If-None-Match: \"x\"\nIf-None-Match: \"a\"",
                             "\"a\"", 0));
    assert_true(not_modified("If-None-Match: *", "\"a\"", 0));
    assert_true(not_modified("If-None-Match: *", "", 0));
    assert_false(not_modified("If-None-Match: \"b\"", "\"a\"", 0));
    assert_false(not_modified("If-None-Match: a", "\"a\"", 0));
    assert_false(not_modified("If-None-Match: \"a\"", "", 0));
    assert_false(not_modified("If-None-Match:", "\"a\"", 0));
    assert_false(not_modified("If-None-Match: \"a\"b, \"a\"", "\"a\"", 0));
}


static void
if_modified_since_is_for_those_without_tags(void **state)
{
    (void) state;

    assert_true(not_modified(AT, "", CHANGED_S));
    assert_true(not_modified(LATE, "", CHANGED_S));
    assert_false(not_modified(SOON, "", CHANGED_S));
    assert_true(not_modified("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 "
                             "GMT", "", CHANGED_S));

    assert_false(not_modified("If-None-Match: \"b\"\n" AT, "\"a\"",
                              CHANGED_S));
    assert_true(not_modified("If-None-Match: \"a\"\n" SOON, "\"a\"",
                             CHANGED_S));

    assert_false(not_modified("If-Modified-Since: yesterday", "", CHANGED_S));
    assert_false(not_modified("If-Modified-Since:", "", CHANGED_S));
    assert_false(not_modified(LATE LATE, "", CHANGED_S));

    /* Date stands in */

    assert_true(not_modified(AT, "", FKV_RULES_NO_TIME));
    assert_false(not_modified(SOON, "", FKV_RULES_NO_TIME));
    assert_false(not_modified("", "\"a\"", CHANGED_S));
}


static bool
validates(const char *stored, int64_t stored_s, const char *answer,
    int64_t answer_s)
{
    fkv_rules_validators_t  a = { str(stored), stored_s };
    fkv_rules_validators_t  b = { str(answer), answer_s };

    return fkv_rules_validates(&a, &b);
}


static void
a_304_is_about_what_its_validators_say(void **state)
{
    (void) state;

    assert_true(validates("\"a\"", 1, "\"a\"", 1));
    assert_true(validates("\"a\"", 1, "\"a\"", 2));
    assert_false(validates("\"a\"", 1, "\"b\"", 1));
    assert_false(validates("W/\"a\"", 1, "\"a\"", 1));
    assert_false(validates("", 1, "\"a\"", 1));
    assert_true(validates("\"a\"", 1, "W/\"a\"", 1));
    assert_false(validates("\"a\"", 1, "W/\"b\"", 1));

    assert_true(validates("\"a\"", 1, "", FKV_RULES_NO_TIME));
    assert_true(validates("", 1, "", 1));
    assert_false(validates("", 1, "", 2));
    assert_true(validates("", FKV_RULES_NO_TIME, "", 2));
    assert_true(validates("", 1, "W/\"a\"", 1));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(entity_tags_have_quotes_and_visible_bytes),
        cmocka_unit_test(strong_and_weak_comparison_are_those_of_the_rfc),
        cmocka_unit_test(lists_of_tags_may_hold_commas_in_tags),
        cmocka_unit_test(if_none_match_compares_weakly_over_all_lines),
        cmocka_unit_test(if_modified_since_is_for_those_without_tags),
        cmocka_unit_test(a_304_is_about_what_its_validators_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
