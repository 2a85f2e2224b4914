/*
 * rules_invalidate.c - unsafe methods, and references of the same origin.
 */

#include "message.h"
#include "rules/invalidate.h"

#define OTHER_ORIGIN  NULL

static fkv_rules_target_t  target;


static int
target_setup(void **state)
{
    (void) state;

    target = (fkv_rules_target_t) {
        FKV_STR("http"), FKV_STR("Example.com"), FKV_STR("/b/c/d;p?q")
    };

    return 0;
}


/* expected: NULL is another origin */
static void
resolves(const char *reference, const char *expected)
{
    size_t    room = target.uri.len + strlen(reference) + 1, len = 0;
    uint8_t  *out = malloc(room);
    uint8_t  *copy = check_copy(reference, strlen(reference));
    int       rc;

    rc = fkv_rules_resolve(&target, (fkv_str_t) { copy, strlen(reference) },
                           out, room, &len);

    if (expected == NULL) {
        assert_int_equal(rc, FKV_NOTFOUND);

    } else {
        assert_int_equal(rc, FKV_OK);
        check_str((fkv_str_t) { out, len }, str(expected));
    }

    free(out);
    free(copy);
}


static void
successful_unsafe_methods_invalidate(void **state)
{
    (void) state;

    assert_true(fkv_rules_invalidates(str("POST"), 200));
    assert_true(fkv_rules_invalidates(str("PUT"), 204));
    assert_true(fkv_rules_invalidates(str("DELETE"), 303));
    assert_true(fkv_rules_invalidates(str("M-SEARCH"), 200));
    assert_true(fkv_rules_invalidates(str("get"), 200));
    assert_false(fkv_rules_invalidates(str("GET"), 200));
    assert_false(fkv_rules_invalidates(str("HEAD"), 200));
    assert_false(fkv_rules_invalidates(str("OPTIONS"), 200));
    assert_false(fkv_rules_invalidates(str("TRACE"), 200));
    assert_false(fkv_rules_invalidates(str("POST"), 400));
    assert_false(fkv_rules_invalidates(str("POST"), 500));
    assert_false(fkv_rules_invalidates(str("POST"), 101));
}


/* RFC 3986, section 5.4, seen from one origin. */
static void
references_resolve_as_in_the_rfc(void **state)
{
    (void) state;

    resolves("g", "/b/c/g");
    resolves("./g", "/b/c/g");
    resolves("g/", "/b/c/g/");
    resolves("/g", "/g");
    resolves("?y", "/b/c/d;p?y");
    resolves("g?y", "/b/c/g?y");
    resolves("#s", "/b/c/d;p?q");
    resolves("g#s", "/b/c/g");
    resolves("g?y#s", "/b/c/g?y");
    resolves(";x", "/b/c/;x");
    resolves("g;x?y#s", "/b/c/g;x?y");
    resolves("", "/b/c/d;p?q");
    resolves(".", "/b/c/");
    resolves("./", "/b/c/");
    resolves("..", "/b/");
    resolves("../", "/b/");
    resolves("../g", "/b/g");
    resolves("../..", "/");
    resolves("../../", "/");
    resolves("../../g", "/g");
    resolves("../../../g", "/g");
    resolves("/./g", "/g");
    resolves("/../g", "/g");
    resolves("g.", "/b/c/g.");
    resolves(".g", "/b/c/.g");
    resolves("g..", "/b/c/g..");
    resolves("..g", "/b/c/..g");
    resolves("./../g", "/b/g");
    resolves("./g/.", "/b/c/g/");
    resolves("g/./h", "/b/c/g/h");
    resolves("g/../h", "/b/c/h");
    resolves("g;x=1/./y", "/b/c/g;x=1/y");
    resolves("g?y/./x", "/b/c/g?y/./x");
    resolves("g?y/../x", "/b/c/g?y/../x");
    resolves("a//b", "/b/c/a//b");
}


static void
the_same_origin_has_scheme_host_and_port_alike(void **state)
{
    (void) state;

    resolves("http://example.com/x?y#z", "/x?y");
    resolves("HTTP://EXAMPLE.COM:80/x", "/x");
    resolves("//example.com/x", "/x");
    resolves("http://example.com", "/");
    resolves("http://example.com?a", "/?a");
    resolves("http://example.com:/x", "/x");

    resolves("https://example.com/x", OTHER_ORIGIN);
    resolves("http://example.com:8080/x", OTHER_ORIGIN);
    resolves("http://example.org/x", OTHER_ORIGIN);
    resolves("http://www.example.com/x", OTHER_ORIGIN);
    resolves("http://user@example.com/x", OTHER_ORIGIN);
    resolves("//example.com.evil/x", OTHER_ORIGIN);
    resolves("http:/x", OTHER_ORIGIN);
    resolves("mailto:a@example.com", OTHER_ORIGIN);

    target.authority = FKV_STR("[::1]:8443");
    target.scheme = FKV_STR("https");
    resolves("https://[::1]:8443/x", "/x");
    resolves("https://[::1]/x", OTHER_ORIGIN);

    target.authority = FKV_STR("[::1]");
    resolves("https://[::1]:443/x", "/x");
}


static void
what_is_no_reference_is_refused(void **state)
{
    static const char *const  wrong[] = {
        "/a b", "/a\r\nb", "/\xc3\xa4", "\t", ":", "1http://example.com/",
        "ht_tp://example.com/", "://example.com/"
    };
    uint8_t                   out[64];
    size_t                    len;

    (void) state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(fkv_rules_resolve(&target, str(wrong[i]), out,
                                           sizeof(out), &len), FKV_EINVAL);
    }

    assert_int_equal(fkv_rules_resolve(&target, str("/abc"), out, 4, &len),
                     FKV_EINVAL);
}


static void
no_reference_leads_beyond_its_room(void **state)
{
    static const char  alphabet[] = "../a?#:;";
    uint64_t           random = 7;

    (void) state;

    for (unsigned i = 0; i < 200000; i++) {
        char      junk[16];
        size_t    n = check_random(&random) % sizeof(junk), len;
        size_t    room = target.uri.len + n + 1;
        uint8_t  *out = malloc(room), *copy;

        for (size_t k = 0; k < n; k++) {
            junk[k] = alphabet[check_random(&random) % (sizeof(alphabet) - 1)];
        }

        copy = check_copy(junk, n);

        if (fkv_rules_resolve(&target, (fkv_str_t) { copy, n }, out, room,
                              &len) == FKV_OK)
        {
            assert_true(len > 0 && len <= room);
            assert_int_equal(out[0], '/');
        }

        free(out);
        free(copy);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(successful_unsafe_methods_invalidate),
        cmocka_unit_test_setup(references_resolve_as_in_the_rfc, target_setup),
        cmocka_unit_test_setup(the_same_origin_has_scheme_host_and_port_alike,
                               target_setup),
        cmocka_unit_test_setup(what_is_no_reference_is_refused, target_setup),
        cmocka_unit_test_setup(no_reference_leads_beyond_its_room,
                               target_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
