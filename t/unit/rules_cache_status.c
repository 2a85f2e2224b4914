/*
 * rules_cache_status.c - members of Cache-Status, and what may not get in.
 */

#include "message.h"
#include "rules/cache_status.h"


static void
is(fkv_rules_cache_status_t status, const char *expected)
{
    uint8_t  out[FKV_RULES_CACHE_STATUS_MAX];
    size_t   len = fkv_rules_cache_status(&status, out);

    check_str((fkv_str_t) { out, len }, str(expected));
}


static void
hits_and_misses_say_what_they_are(void **state)
{
    (void) state;

    is((fkv_rules_cache_status_t) { .name = str("ferrokv"), .hit = true },
       "ferrokv; hit");
    is((fkv_rules_cache_status_t) { .name = str("ferrokv"), .hit = true,
                                    .has_ttl = true, .ttl_s = 376 },
       "ferrokv; hit; ttl=376");
    is((fkv_rules_cache_status_t) { .name = str("ferrokv"), .hit = true,
                                    .has_ttl = true, .ttl_s = -412 },
       "ferrokv; hit; ttl=-412");
    is((fkv_rules_cache_status_t) { .name = str("c"),
                                    .fwd = FKV_RULES_FWD_STALE,
                                    .fwd_status = 304, .has_ttl = true,
                                    .ttl_s = 0, .stored = true,
                                    .collapsed = true },
       "c; fwd=stale; fwd-status=304; ttl=0; stored; collapsed");
    is((fkv_rules_cache_status_t) { .name = str("c"), .detail = str("locked"),
                                    .fwd = FKV_RULES_FWD_URI_MISS,
                                    .key = str("/a") },
       "c; fwd=uri-miss; key=\"/a\"; detail=locked");
}


static void
every_reason_has_its_word(void **state)
{
    static const char *const  words[] = {
        NULL, "bypass", "method", "uri-miss", "vary-miss", "miss", "request",
        "stale", "partial"
    };

    (void) state;

    is((fkv_rules_cache_status_t) { .name = str("c") }, "c");

    for (int fwd = FKV_RULES_FWD_BYPASS; fwd <= FKV_RULES_FWD_PARTIAL; fwd++) {
        char  expected[40];

        (void) snprintf(expected, sizeof(expected), "c; fwd=%s", words[fwd]);
        is((fkv_rules_cache_status_t) { .name = str("c"),
                                        .fwd = (fkv_rules_fwd_e) fwd },
           expected);
    }
}


static void
what_belongs_to_a_forward_is_not_told_of_a_hit(void **state)
{
    (void) state;

    is((fkv_rules_cache_status_t) { .name = str("c"), .hit = true,
                                    .fwd_status = 200, .stored = true,
                                    .collapsed = true }, "c; hit");
}


static void
names_that_are_no_tokens_become_strings(void **state)
{
    (void) state;

    is((fkv_rules_cache_status_t) { .name = str("my cache") }, "\"my cache\"");
    is((fkv_rules_cache_status_t) { .name = str("1a") }, "\"1a\"");
    is((fkv_rules_cache_status_t) { .name = str("*a") }, "*a");
    is((fkv_rules_cache_status_t) { .name = str("a\"\\") }, "\"a\\\"\\\\\"");
    is((fkv_rules_cache_status_t) { .name = str("") }, "\"\"");
}


static void
nothing_invisible_comes_out_and_nothing_too_long(void **state)
{
    fkv_rules_cache_status_t  status = {
        .fwd = FKV_RULES_FWD_VARY_MISS, .fwd_status = 999, .has_ttl = true,
        .ttl_s = INT64_MIN, .stored = true, .collapsed = true
    };
    uint8_t                   worst[70000], byte = 0;
    uint8_t                  *out;

    (void) state;

    is((fkv_rules_cache_status_t) { .name = str("c"), .hit = true,
                                    .key = str("/a\r\nX: b\t\xc3\"\\") },
       "c; hit; key=\"/a??X: b??\\\"\\\\\"");

    /* every byte doubles */

    memset(worst, '"', sizeof(worst));
    status.name = (fkv_str_t) { worst, sizeof(worst) };
    status.key = status.detail = status.name;

    out = check_copy(worst, FKV_RULES_CACHE_STATUS_MAX);
    assert_true(fkv_rules_cache_status(&status, out)
                <= FKV_RULES_CACHE_STATUS_MAX);

    for (size_t i = 0; i < sizeof(worst); i++) {
        worst[i] = byte++;
    }

    for (size_t len = fkv_rules_cache_status(&status, out); len-- > 0; ) {
        assert_in_range(out[len], 0x20, 0x7e);
    }

    free(out);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(hits_and_misses_say_what_they_are),
        cmocka_unit_test(every_reason_has_its_word),
        cmocka_unit_test(what_belongs_to_a_forward_is_not_told_of_a_hit),
        cmocka_unit_test(names_that_are_no_tokens_become_strings),
        cmocka_unit_test(nothing_invisible_comes_out_and_nothing_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
