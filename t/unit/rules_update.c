/*
 * rules_update.c - fields that are stored, and what a 304 makes of them.
 */

#include "message.h"
#include "rules/update.h"

static fkv_rules_control_t  control;
static fkv_rules_field_t    out[FKV_RULES_FIELDS_MAX];
static size_t               n;


static void
are(const char *expected)
{
    char    got[4096] = "";
    size_t  len = 0;

    for (size_t i = 0; i < n; i++) {
        len += (size_t) snprintf(got + len, sizeof(got) - len, "%s%.*s: %.*s",
                                 i > 0 ? "\n" : "", (int) out[i].name.len,
                                 out[i].name.data, (int) out[i].value.len,
                                 out[i].value.data);
    }

    assert_string_equal(got, expected);
}


static void
keeps(const char *lines, const char *expected)
{
    message_t  m;

    fkv_rules_control_init(&control);
    (void) message_read(&m, lines);

    for (size_t i = 0; i < m.fields.n; i++) {
        if (fkv_rules_name(m.field[i].name) == FKV_RULES_CACHE_CONTROL) {
            fkv_rules_control_add(&control, m.field[i].value);
        }
    }

    assert_int_equal(fkv_rules_keep(m.fields, &control, out, &n), FKV_OK);
    are(expected);
    message_done(&m);
}


static void
becomes(const char *stored, const char *answer, const char *expected)
{
    message_t  a, b;

    fkv_rules_control_init(&control);
    fkv_rules_control_add(&control, str("private=\"x-secret\""));
    assert_int_equal(fkv_rules_update(message_read(&a, stored),
                                      message_read(&b, answer), &control, out,
                                      &n), FKV_OK);
    are(expected);
    message_done(&a);
    message_done(&b);
}


static void
ordinary_fields_stay_in_order(void **state)
{
    (void) state;

    keeps("", "");
    keeps("B: 1\na: 2\nB: 3\nContent-Type: x/y\nSet-Cookie: c=d\nVary: a",
          "B: 1\na: 2\nB: 3\nContent-Type: x/y\nSet-Cookie: c=d\nVary: a");
}


static void
fields_of_the_connection_are_dropped(void **state)
{
    (void) state;

    keeps("Connection: close, X-Hop ,, foo\nx-hop: 1\nFOO: 2\nbar: 3\n"
          "close: 4\nCONNECTION: bar\nbaz: 5", "baz: 5");
    keeps("Keep-Alive: a\nProxy-Connection: a\nTE: a\nTrailer: a\n"
          "Transfer-Encoding: chunked\nUpgrade: a\nProxy-Authenticate: a\n"
          "Proxy-Authentication-Info: a\nProxy-Authorization: a\nAge: 5\n"
          "Content-Length: 7\nDate: x\nX-Accel-Redirect: /a\n"
          "X-Accel-Expires: 5\nX-Accel-Buffering: no\n"
          "X-Accel-Limit-Rate: 1\nX-Accel-Charset: a\nX-Accel-Other: 1",
          "X-Accel-Other: 1");
}


static void
fields_that_no_cache_and_private_list_are_dropped(void **state)
{
    (void) state;

    keeps("Cache-Control: no-cache=\"Set-Cookie\", private=\"x-a, x-b\"\n"
          "Set-Cookie: a=b\nX-A: 1\nx-b: 2\nX-C: 3",
          "Cache-Control: no-cache=\"Set-Cookie\", private=\"x-a, x-b\"\n"
          "X-C: 3");
}


static void
a_304_takes_the_place_of_its_names(void **state)
{
    (void) state;

    becomes("Cache-Control: max-age=1\nX-A: 1\nX-A: 2\nETag: \"a\"\nX-B: 3",
            "cache-control: max-age=5\nx-a: 9\nETag: \"b\"\nX-C: 4",
            "X-B: 3\ncache-control: max-age=5\nx-a: 9\nETag: \"b\"\nX-C: 4");
    becomes("X-A: 1", "X-A: 2\nX-A: 3", "X-A: 2\nX-A: 3");
    becomes("X-A: 1", "", "X-A: 1");
}


static void
what_describes_the_body_stays(void **state)
{
    (void) state;

    becomes("Content-Type: a/b\nContent-Encoding: gzip\nContent-Digest: d\n"
            "Content-Language: en",
            "Content-Type: text/html\nContent-Encoding: br\n"
            "Content-Range: bytes 0-1/2\nContent-Length: 0\n"
            "Content-Digest: e\nContent-Language: de\nSet-Cookie: a=b",
            "Content-Type: a/b\nContent-Encoding: gzip\nContent-Digest: d\n"
            "Content-Language: de");
}


static void
a_304s_own_connection_changes_nothing(void **state)
{
    (void) state;

    becomes("X-A: 1\nX-Secret: 2", "Connection: x-a\nX-A: 9\nX-Secret: 3\n"
            "Transfer-Encoding: chunked\nAge: 5\nDate: d",
            "X-A: 1\nX-Secret: 2");
}


static void
what_is_not_safe_is_refused(void **state)
{
    fkv_rules_field_t   field[2] = {
        message_field(str("a"), str("b")),
        message_field(str("c"), str("d\r\ne: f"))
    };
    fkv_rules_fields_t  fields = { field, 2 };

    (void) state;

    fkv_rules_control_init(&control);
    assert_int_equal(fkv_rules_keep(fields, &control, out, &n), FKV_EINVAL);
    assert_int_equal(fkv_rules_update((fkv_rules_fields_t) { field, 1 },
                                      fields, &control, out, &n), FKV_EINVAL);

    field[1] = message_field(str("c d"), str("e"));
    assert_int_equal(fkv_rules_keep(fields, &control, out, &n), FKV_EINVAL);
}


static void
too_many_fields_are_refused(void **state)
{
    static fkv_rules_field_t  many[10000];
    fkv_rules_fields_t        fields = { many, FKV_RULES_FIELDS_MAX };

    (void) state;

    fkv_rules_control_init(&control);

    for (size_t i = 0; i < 10000; i++) {
        many[i] = message_field(str("x"), str("y"));
    }

    assert_int_equal(fkv_rules_keep(fields, &control, out, &n), FKV_OK);
    assert_int_equal(n, FKV_RULES_FIELDS_MAX);

    fields.n++;
    assert_int_equal(fkv_rules_keep(fields, &control, out, &n), FKV_ETOOBIG);
    assert_int_equal(fkv_rules_update(fields, fields, &control, out, &n),
                     FKV_ETOOBIG);

    many[0] = message_field(str("Connection"), str("x"));
    fields.n = 10000;
    assert_int_equal(fkv_rules_keep(fields, &control, out, &n), FKV_ETOOBIG);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(ordinary_fields_stay_in_order),
        cmocka_unit_test(fields_of_the_connection_are_dropped),
        cmocka_unit_test(fields_that_no_cache_and_private_list_are_dropped),
        cmocka_unit_test(a_304_takes_the_place_of_its_names),
        cmocka_unit_test(what_describes_the_body_stays),
        cmocka_unit_test(a_304s_own_connection_changes_nothing),
        cmocka_unit_test(what_is_not_safe_is_refused),
        cmocka_unit_test(too_many_fields_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
