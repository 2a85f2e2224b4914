/*
 * rules_control.c - every corner of Cache-Control, and targeted fields.
 */

#include "message.h"
#include "rules/control.h"
#include "rules/dictionary.h"

static fkv_rules_control_t   control;
static message_t             m;


static int
control_teardown(void **state)
{
    (void) state;

    message_done(&m);
    m.copy = NULL;

    return 0;
}


/* Lines of Cache-Control, newlines between them. */
static void
read_lines(const char *lines)
{
    fkv_str_t  rest;
    size_t     len = strlen(lines);

    message_done(&m);
    m.copy = check_copy(lines, len);
    rest = (fkv_str_t) { m.copy, len };
    fkv_rules_control_init(&control);

    do {
        const uint8_t  *end = memchr(rest.data, '\n', rest.len);
        size_t          n = end ? (size_t) (end - rest.data) : rest.len;

        fkv_rules_control_add(&control, (fkv_str_t) { rest.data, n });
        rest = fkv__str_from(rest, n + 1);
    } while (rest.len > 0);
}


static void
has_flags(const char *lines, unsigned flags)
{
    read_lines(lines);

    if (control.flags != flags) {
        fail_msg("\"%s\" has flags %x", lines, control.flags);
    }
}


static void
has_max_age(const char *lines, int64_t seconds)
{
    read_lines(lines);

    if (control.max_age_s != seconds) {
        fail_msg("\"%s\" has max-age %lld", lines,
                 (long long) control.max_age_s);
    }
}


static void
nothing_says_nothing(void **state)
{
    (void) state;

    read_lines("");
    assert_int_equal(control.flags, 0);
    assert_int_equal(control.max_age_s, FKV_RULES_NONE);
    assert_int_equal(control.s_maxage_s, FKV_RULES_NONE);
    assert_int_equal(control.max_stale_s, FKV_RULES_NONE);
    assert_int_equal(control.min_fresh_s, FKV_RULES_NONE);
    assert_int_equal(control.while_revalidate_s, FKV_RULES_NONE);
    assert_int_equal(control.if_error_s, FKV_RULES_NONE);
    assert_int_equal(control.n_without, 0);
}


static void
every_directive_is_known_in_any_case(void **state)
{
    (void) state;

    has_flags("no-store", FKV_RULES_NO_STORE);
    has_flags("No-Store", FKV_RULES_NO_STORE);
    has_flags("NO-CACHE", FKV_RULES_NO_CACHE);
    has_flags("private", FKV_RULES_PRIVATE);
    has_flags("public", FKV_RULES_PUBLIC);
    has_flags("must-revalidate", FKV_RULES_MUST_REVALIDATE);
    has_flags("proxy-revalidate", FKV_RULES_PROXY_REVALIDATE);
    has_flags("must-understand", FKV_RULES_MUST_UNDERSTAND);
    has_flags("only-if-cached", FKV_RULES_ONLY_IF_CACHED);
    has_flags("max-stale", FKV_RULES_MAX_STALE);

    read_lines("Max-Age=1, S-MaxAge=2, max-stale=3, min-fresh=4, "
               "stale-while-revalidate=5, stale-if-error=6");
    assert_int_equal(control.flags, 0);
    assert_int_equal(control.max_age_s, 1);
    assert_int_equal(control.s_maxage_s, 2);
    assert_int_equal(control.max_stale_s, 3);
    assert_int_equal(control.min_fresh_s, 4);
    assert_int_equal(control.while_revalidate_s, 5);
    assert_int_equal(control.if_error_s, 6);
}


static void
lines_blanks_and_empty_members_are_nothing(void **state)
{
    (void) state;

    has_flags("public\nno-store", FKV_RULES_PUBLIC | FKV_RULES_NO_STORE);
    has_flags(",, public\t ,,no-store , ", FKV_RULES_PUBLIC
              | FKV_RULES_NO_STORE);
    has_flags("\n\n,\n \t\npublic", FKV_RULES_PUBLIC);
    has_flags("public,no-store,private", FKV_RULES_PUBLIC | FKV_RULES_NO_STORE
              | FKV_RULES_PRIVATE);
    has_max_age("foo\nbar, max-age=7", 7);
}


static void
the_unknown_is_passed_over(void **state)
{
    (void) state;

    has_flags("no-stored, xno-store, no, store, community=\"UCI\", immutable",
              0);
    has_flags("foo=\"no-store\", bar=\"a, no-store, b\", x=no-store", 0);
    has_flags("foo=\"\\\", no-store\", public", FKV_RULES_PUBLIC);
    has_flags("\"no-store\", \"a, public\"", 0);
    has_flags("foo \"a, public, b\"", 0);
    has_max_age("foo=\"max-age=3\", x-max-age=5, maxage=6", FKV_RULES_NONE);
    has_max_age("\"a, max-age=60, b\"", FKV_RULES_NONE);
}


static void
what_forbids_counts_with_any_argument(void **state)
{
    (void) state;

    has_flags("no-store=1", FKV_RULES_NO_STORE);
    has_flags("no-store=\"\"", FKV_RULES_NO_STORE);
    has_flags("no-store foo", FKV_RULES_NO_STORE);
    has_flags("no-store=\"abc", FKV_RULES_NO_STORE);
    has_flags("must-revalidate=0", FKV_RULES_MUST_REVALIDATE);
    has_flags("no-store;x", FKV_RULES_NO_STORE);
}


static void
what_allows_counts_only_if_right(void **state)
{
    (void) state;

    has_flags("public=1", 0);
    has_flags("public foo", 0);
    has_flags("public=", 0);
    has_flags("must-understand=\"x\"", 0);
    has_flags("only-if-cached=?", 0);

    read_lines("stale-while-revalidate=x, stale-if-error=-1, max-stale=1s, "
               "min-fresh=");
    assert_int_equal(control.while_revalidate_s, FKV_RULES_NONE);
    assert_int_equal(control.if_error_s, FKV_RULES_NONE);
    assert_int_equal(control.max_stale_s, FKV_RULES_NONE);
    assert_int_equal(control.min_fresh_s, FKV_RULES_NONE);
    assert_int_equal(control.flags, 0);
}


static void
a_wrong_lifetime_is_stale(void **state)
{
    (void) state;

    has_max_age("max-age=60", 60);
    has_max_age("max-age=\"60\"", 60);
    has_max_age("max-age=060", 60);
    has_max_age("max-age=60 , foo", 60);
    has_max_age("max-age=2147483649", FKV_RULES_SECONDS_MAX);
    has_max_age("max-age=99999999999999999999999", FKV_RULES_SECONDS_MAX);

    has_max_age("max-age", 0);
    has_max_age("max-age=", 0);
    has_max_age("max-age=-1", 0);
    has_max_age("max-age=+60", 0);
    has_max_age("max-age=60.5", 0);
    has_max_age("max-age=60s", 0);
    has_max_age("max-age=abc", 0);
    has_max_age("max-age=\"\"", 0);
    has_max_age("max-age=\"60", 0);
    has_max_age("max-age=\"60\"x", 0);
    has_max_age("max-age=\"6\\0\"", 0);
    has_max_age("max-age='60'", 0);
    has_max_age("max-age 60", 0);
    has_max_age("max-age =60", 0);
    has_max_age("max-age= 60", 0);
    has_max_age("max-age:60", 0);

    read_lines("s-maxage=x, max-age=60");
    assert_int_equal(control.s_maxage_s, 0);
}


static void
of_two_the_first_holds(void **state)
{
    (void) state;

    has_max_age("max-age=60, max-age=3600", 60);
    has_max_age("max-age=3600\nmax-age=60", 3600);
    has_max_age("max-age=60, max-age=x", 60);
    has_max_age("max-age=x, max-age=60", 0);
    has_flags("public, private, no-cache, no-store",
              FKV_RULES_PUBLIC | FKV_RULES_PRIVATE | FKV_RULES_NO_CACHE
              | FKV_RULES_NO_STORE);
}


static void
a_quote_without_an_end_hides_no_directive_and_makes_stale(void **state)
{
    (void) state;

    has_flags("foo=\"bar, no-store", FKV_RULES_NO_STORE);
    has_max_age("foo=\"bar, max-age=60", 0);
    has_max_age("max-age=60, foo=\"bar", 0);

    read_lines("s-maxage=60, foo=\"");
    assert_int_equal(control.s_maxage_s, 0);

    /* the next line is right again */

    has_flags("foo=\"bar\nfoo=\"no-store\", public", FKV_RULES_PUBLIC);
}


static void
lists_of_fields_are_kept_out(void **state)
{
    (void) state;

    has_flags("no-cache=\"Set-Cookie\", private=\"x-a , X-B,\"", 0);
    assert_int_equal(control.n_without, 2);
    assert_true(fkv_rules_control_without(&control, str("set-cookie")));
    assert_true(fkv_rules_control_without(&control, str("X-A")));
    assert_true(fkv_rules_control_without(&control, str("x-b")));
    assert_false(fkv_rules_control_without(&control, str("x-c")));
    assert_false(fkv_rules_control_without(&control, str("x-a ")));

    has_flags("private=token", 0);
    assert_true(fkv_rules_control_without(&control, str("Token")));

    has_flags("no-cache=\"a\", no-cache", FKV_RULES_NO_CACHE);
    assert_true(fkv_rules_control_without(&control, str("a")));
}


static void
a_list_that_is_none_forbids_all(void **state)
{
    char    many[FKV_RULES_WITHOUT_MAX * 16 + 32] = "";
    size_t  len = 0;

    (void) state;

    has_flags("no-cache=\"\"", FKV_RULES_NO_CACHE);
    has_flags("private=\" , \"", FKV_RULES_PRIVATE);
    has_flags("private=", FKV_RULES_PRIVATE);
    has_flags("private=\"a b\"", FKV_RULES_PRIVATE);
    has_flags("private=\"a, b;c\"", FKV_RULES_PRIVATE);
    has_flags("no-cache=\"a", FKV_RULES_NO_CACHE);
    has_flags("no-cache=\"a\"b", FKV_RULES_NO_CACHE);
    has_flags("no-cache= \"a\"", FKV_RULES_NO_CACHE);
    has_flags("no-cache foo", FKV_RULES_NO_CACHE);

    for (unsigned i = 0; i <= FKV_RULES_WITHOUT_MAX; i++) {
        len += (size_t) snprintf(many + len, sizeof(many) - len,
                                 "private=f%u,", i);
    }

    has_flags(many, FKV_RULES_PRIVATE);
    assert_int_equal(control.n_without, FKV_RULES_WITHOUT_MAX);
}


static int
targeted(const char *lines)
{
    message_done(&m);

    return fkv_rules_control_targeted(&control, message_read(&m, lines),
                                      str("CDN-Cache-Control"));
}


static void
a_targeted_field_is_a_dictionary(void **state)
{
    (void) state;

    assert_int_equal(targeted("CDN-Cache-Control: max-age=60"), FKV_OK);
    assert_int_equal(control.max_age_s, 60);

    assert_int_equal(targeted("cdn-cache-control:   a;b=\"c\";d,\t no-store  "),
                     FKV_OK);
    assert_int_equal(control.flags, FKV_RULES_NO_STORE);

    assert_int_equal(targeted("CDN-Cache-Control: max-age=60;x=?0, "
                              "private=\"a, b\", no-cache=?0, "
                              "must-revalidate=?1, x=(1 2.5 \"a\";b);c, "
                              "y=:YQ==:"),
                     FKV_OK);
    assert_int_equal(control.flags, FKV_RULES_MUST_REVALIDATE);
    assert_int_equal(control.max_age_s, 60);
    assert_true(fkv_rules_control_without(&control, str("b")));
}


static void
lines_of_a_targeted_field_are_one_and_the_last_holds(void **state)
{
    (void) state;

    assert_int_equal(targeted("CDN-Cache-Control: max-age=60, no-store\n"
                              "Cache-Control: max-age=5\n"
                              "CDN-Cache-Control: max-age=30, no-store=?0,"
                              " private=\"a\", private"), FKV_OK);
    assert_int_equal(control.max_age_s, 30);
    assert_int_equal(control.flags, FKV_RULES_PRIVATE);
    assert_int_equal(control.n_without, 0);

    assert_int_equal(targeted("CDN-Cache-Control: private, private=\"a\""),
                     FKV_OK);
    assert_int_equal(control.flags, 0);
    assert_int_equal(control.n_without, 1);
}


static void
values_of_a_wrong_type_are_not_used_but_still_forbid(void **state)
{
    (void) state;

    assert_int_equal(targeted("CDN-Cache-Control: max-age=60.5, "
                              "s-maxage=\"60\", stale-if-error=ten, "
                              "public=1, no-store=1, private=(a)"), FKV_OK);
    assert_int_equal(control.max_age_s, 0);
    assert_int_equal(control.s_maxage_s, 0);
    assert_int_equal(control.if_error_s, FKV_RULES_NONE);
    assert_int_equal(control.flags, FKV_RULES_NO_STORE | FKV_RULES_PRIVATE);

    assert_int_equal(targeted("CDN-Cache-Control: max-age=-60"), FKV_OK);
    assert_int_equal(control.max_age_s, 0);
}


static void
a_malformed_or_empty_targeted_field_is_not_there(void **state)
{
    static const char *const  wrong[] = {
        "", ",", "max-age=60,", ",max-age=60", "max-age=60,,a", "Max-Age=60",
        "max-age=", "max-age= 60", "max-age =60", "max-age=60 no-store",
        "max-age=6\"0\"", "a=\"b", "a=\"b\\c\"", "a=\"b\x01\"", "a=\"\xc3\"",
        "a=?2", "a=?", "a=:YQ", "a=:Y Q:", "a=(1", "a=(1 \"b)", "a=(1,2)",
        "a=(1\"b\")", "a;", "a;B", "a;b=", "1a", "a=1.", "a=1.2345",
        "a=1234567890123456", "a=1234567890123.1", "a=-", "a=--1", "a=@1",
        "a b", "\xff", "a=\"b\"c", "max-age=60, foo=\"", "a\tb", "\ta=1"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        fkv_rules_field_t  field = message_field(str("cdn-cache-control"),
                                                 FKV_STR_NULL);
        size_t             len = strlen(wrong[i]);
        uint8_t           *copy = check_copy(wrong[i], len);

        field.value = (fkv_str_t) { copy, len };

        if (fkv_rules_control_targeted(&control,
                                       (fkv_rules_fields_t) { &field, 1 },
                                       str("CDN-Cache-Control"))
            != FKV_NOTFOUND)
        {
            fail_msg("\"%s\" is taken", wrong[i]);
        }

        assert_int_equal(control.max_age_s, FKV_RULES_NONE);
        assert_int_equal(control.flags, 0);
        free(copy);
    }

    assert_int_equal(targeted("Cache-Control: no-store"), FKV_NOTFOUND);
    assert_int_equal(control.flags, 0);
    assert_int_equal(targeted("CDN-Cache-Control: no-store\n"
                              "CDN-Cache-Control: max-age=60,"), FKV_NOTFOUND);
    assert_int_equal(control.flags, 0);
    assert_int_equal(targeted("CDN-Cache-Control: no-store\n"
                              "CDN-Cache-Control:"), FKV_NOTFOUND);
}


static void
no_bytes_lead_beyond_their_end(void **state)
{
    static const char  alphabet[] = "max-age=60, no-cache=\"a\\\"b\";?1:(){}\t";
    uint64_t           random = 99;

    (void) state;

    for (unsigned i = 0; i < 200000; i++) {
        char      junk[24];
        uint8_t  *copy;
        size_t    len = check_random(&random) % sizeof(junk);

        for (size_t k = 0; k < len; k++) {
            junk[k] = alphabet[check_random(&random) % (sizeof(alphabet) - 1)];
        }

        copy = check_copy(junk, len);
        fkv_rules_control_init(&control);
        fkv_rules_control_add(&control, (fkv_str_t) { copy, len });
        (void) fkv_rules_control_without(&control, str("a"));

        {
            fkv_rules_field_t  field = message_field(str("x"),
                (fkv_str_t) { copy, len });

            (void) fkv_rules_control_targeted(
                       &control, (fkv_rules_fields_t) { &field, 1 }, str("x"));
        }

        free(copy);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(nothing_says_nothing),
        cmocka_unit_test(every_directive_is_known_in_any_case),
        cmocka_unit_test(lines_blanks_and_empty_members_are_nothing),
        cmocka_unit_test(the_unknown_is_passed_over),
        cmocka_unit_test(what_forbids_counts_with_any_argument),
        cmocka_unit_test(what_allows_counts_only_if_right),
        cmocka_unit_test(a_wrong_lifetime_is_stale),
        cmocka_unit_test(of_two_the_first_holds),
        cmocka_unit_test(
            a_quote_without_an_end_hides_no_directive_and_makes_stale),
        cmocka_unit_test(lists_of_fields_are_kept_out),
        cmocka_unit_test(a_list_that_is_none_forbids_all),
        cmocka_unit_test(a_targeted_field_is_a_dictionary),
        cmocka_unit_test(lines_of_a_targeted_field_are_one_and_the_last_holds),
        cmocka_unit_test(values_of_a_wrong_type_are_not_used_but_still_forbid),
        cmocka_unit_test(a_malformed_or_empty_targeted_field_is_not_there),
        cmocka_unit_test(no_bytes_lead_beyond_their_end),
    };

    return cmocka_run_group_tests(tests, NULL, control_teardown);
}
