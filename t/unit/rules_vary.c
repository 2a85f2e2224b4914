/*
 * rules_vary.c - names of Vary, and which requests are one variant.
 */

#include "message.h"
#include "rules/vary.h"


static void
has_names(const char *lines, const char *expected)
{
    message_t  m;
    uint8_t    out[FKV_RULES_VARY_BYTES_MAX];
    size_t     len = 9999;

    assert_int_equal(fkv_rules_vary_names(message_read(&m, lines), out, &len),
                     FKV_OK);
    check_str((fkv_str_t) { out, len }, str(expected));
    assert_true(fkv_rules_vary_names_right(str(expected)));
    message_done(&m);
}


static void
has_no_names(const char *lines, int rc)
{
    message_t  m;
    uint8_t    out[FKV_RULES_VARY_BYTES_MAX];
    size_t     len;

    assert_int_equal(fkv_rules_vary_names(message_read(&m, lines), out, &len),
                     rc);
    message_done(&m);
}


static void
is_variant(const char *names, const char *lines, const char *expected)
{
    message_t  m;
    uint8_t    out[512];
    size_t     len;

    assert_int_equal(fkv_rules_variant(str(names), message_read(&m, lines),
                                       out, sizeof(out), &len), FKV_OK);
    check_str((fkv_str_t) { out, len }, str(expected));
    message_done(&m);
}


static void
names_are_small_sorted_and_each_once(void **state)
{
    (void) state;

    has_names("Server: a", "");
    has_names("Vary:", "");
    has_names("Vary: Cookie", "cookie");
    has_names("Vary: ,Cookie,,Accept ,\tcookie , accept-encoding",
              "accept,accept-encoding,cookie");
    has_names("vary: b\nX: y\nVARY: A, b", "a,b");
    has_names("Vary: ab, a, abc", "a,ab,abc");
}


static void
a_star_or_no_name_matches_nothing(void **state)
{
    (void) state;

    has_no_names("Vary: *", FKV_EINVAL);
    has_no_names("Vary: a, *", FKV_EINVAL);
    has_no_names("Vary: *, a", FKV_EINVAL);
    has_no_names("Vary: a\nVary: b,*", FKV_EINVAL);
    has_no_names("Vary: a b", FKV_EINVAL);
    has_no_names("Vary: \"a\"", FKV_EINVAL);
    has_no_names("Vary: a;b", FKV_EINVAL);
}


static void
too_many_names_are_refused(void **state)
{
    char    many[8192] = "Vary: ";
    size_t  len = strlen(many);

    (void) state;

    for (unsigned i = 0; i < FKV_RULES_VARY_NAMES_MAX; i++) {
        len += (size_t) snprintf(many + len, sizeof(many) - len, "n%02u,", i);
    }

    {
        message_t  m;
        uint8_t    out[FKV_RULES_VARY_BYTES_MAX];
        size_t     n;

        assert_int_equal(fkv_rules_vary_names(message_read(&m, many), out, &n),
                         FKV_OK);
        assert_int_equal(n, FKV_RULES_VARY_NAMES_MAX * 4 - 1);
        message_done(&m);
    }

    (void) snprintf(many + len, sizeof(many) - len, "n00, N31");
    has_no_names(many, FKV_OK);

    (void) snprintf(many + len, sizeof(many) - len, "one-more");
    has_no_names(many, FKV_ETOOBIG);

    (void) snprintf(many + len, sizeof(many) - len, "one-more\nVary: *");
    has_no_names(many, FKV_EINVAL);

    (void) snprintf(many, sizeof(many), "Vary: %01100d", 7);
    has_no_names(many, FKV_ETOOBIG);
}


static void
names_of_another_form_are_not_right(void **state)
{
    (void) state;

    assert_true(fkv_rules_vary_names_right(str("")));
    assert_true(fkv_rules_vary_names_right(str("a,b")));
    assert_false(fkv_rules_vary_names_right(str("b,a")));
    assert_false(fkv_rules_vary_names_right(str("A")));
    assert_false(fkv_rules_vary_names_right(str("a,a")));
    assert_false(fkv_rules_vary_names_right(str("a, b")));
    assert_false(fkv_rules_vary_names_right(str("a,")));
    assert_false(fkv_rules_vary_names_right(str("*")));
    assert_false(fkv_rules_vary_names_right(str("a\nb")));
}


static void
absent_empty_and_given_are_three_variants(void **state)
{
    (void) state;

    is_variant("", "Cookie: a", "");
    is_variant("cookie", "Accept: a", "cookie!\n");
    is_variant("cookie", "Cookie:", "cookie:\n");
    is_variant("cookie", "COOKIE:  a=b; c  ", "cookie:a=b; c\n");
    is_variant("accept,cookie", "Cookie: a\nAccept: b",
               "accept:b\ncookie:a\n");
}


static void
lines_are_one_value(void **state)
{
    (void) state;

    is_variant("foo", "Foo: 1\nBar: x\nfoo: 2", "foo:1, 2\n");
    is_variant("foo", "Foo: 1, 2", "foo:1, 2\n");
    is_variant("foo", "Foo: 1,2", "foo:1,2\n");
    is_variant("accept-encoding", "Accept-Encoding: gzip\n"
               "Accept-Encoding: br", "accept-encoding:gzip,br\n");
}


static void
values_are_made_alike_where_it_means_the_same(void **state)
{
    (void) state;

    is_variant("accept-encoding", "Accept-Encoding: gzip, deflate ,br",
               "accept-encoding:gzip,deflate,br\n");
    is_variant("accept-encoding", "Accept-Encoding: , GZIP ;\tq=0.5,, br,",
               "accept-encoding:gzip;q=0.5,br\n");
    is_variant("accept-language", "Accept-Language: en-US,  de",
               "accept-language:en-us,de\n");
    is_variant("accept", "Accept: Text/HTML; x=A , b",
               "accept:Text/HTML;x=A,b\n");
    is_variant("accept", "Accept: a; b=\"c , d\"", "accept:a; b=\"c , d\"\n");
    is_variant("foo", "Foo: A , b", "foo:A , b\n");
    is_variant("accept-encoding", "Accept-Encoding: , ,", "accept-encoding:\n");
}


static void
what_does_not_fit_is_refused(void **state)
{
    message_t  m;
    uint8_t    out[8];
    size_t     len;

    (void) state;

    (void) message_read(&m, "a: 123456");

    for (size_t room = 0; room <= 8; room++) {
        uint8_t  *exact = check_copy(out, room);

        assert_int_equal(fkv_rules_variant(str("a"), m.fields, exact, room,
                                           &len), FKV_ETOOBIG);
        free(exact);
    }

    message_done(&m);
    (void) message_read(&m, "a: 12345");
    assert_int_equal(fkv_rules_variant(str("a"), m.fields, out, 8, &len),
                     FKV_OK);
    assert_int_equal(len, 8);
    message_done(&m);
}


static void
digests_are_these_on_disk(void **state)
{
    uint8_t  a[FKV_RULES_DIGEST_BYTES], b[FKV_RULES_DIGEST_BYTES];

    (void) state;

    fkv_rules_variant_digest(str("cookie:a\n"), a);
    fkv_rules_variant_digest(str("cookie:b\n"), b);
    assert_memory_not_equal(a, b, sizeof(a));

    fkv_rules_variant_digest(str(""), a);
    check_hex(a, sizeof(a), "99aa06d3014798d86001c324468d497f");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(names_are_small_sorted_and_each_once),
        cmocka_unit_test(a_star_or_no_name_matches_nothing),
        cmocka_unit_test(too_many_names_are_refused),
        cmocka_unit_test(names_of_another_form_are_not_right),
        cmocka_unit_test(absent_empty_and_given_are_three_variants),
        cmocka_unit_test(lines_are_one_value),
        cmocka_unit_test(values_are_made_alike_where_it_means_the_same),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(digests_are_these_on_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
