/*
 * rules_response.c - what a response says, freshness, and whether to store it.
 */

#include "message.h"
#include "rules/storable.h"

#define NOW_S   784111777               /* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOW_MS  (NOW_S * 1000ll)

#define DATE        "Date: Sun, 06 Nov 1994 08:49:37 GMT\n"
#define HOUR_LATER  "Sun, 06 Nov 1994 09:49:37 GMT"
#define DAY_BEFORE  "Sat, 05 Nov 1994 08:49:37 GMT"

static fkv_rules_policy_t    policy;
static fkv_rules_asked_t     asked;
static fkv_rules_control_t   asked_control;
static fkv_rules_response_t  response;
static fkv_rules_fresh_t     fresh;
static message_t             m;


static int
response_setup(void **state)
{
    (void) state;

    policy = (fkv_rules_policy_t) { .valid_s = FKV_RULES_NONE };
    asked = (fkv_rules_asked_t) { .safe_method = true };
    fkv_rules_control_init(&asked_control);

    return 0;
}


static int
response_teardown(void **state)
{
    (void) state;

    message_done(&m);
    m.copy = NULL;

    return 0;
}


/* Asked 300 ms before the header came, in the middle of a second. */
static void
read_status(unsigned status, const char *lines)
{
    message_done(&m);
    fkv_rules_response_read(&response, &policy, message_read(&m, lines),
                            status, NOW_MS + 200, NOW_MS + 500);
    fkv_rules_fresh_read(&fresh, &policy, &response);
}


static void
is_fresh_for(const char *lines, fkv_rules_source_e source, int64_t ms)
{
    read_status(200, lines);

    if (fresh.source != source || fresh.lifetime_ms != ms) {
        fail_msg("\"%s\": source %d, %lld ms", lines, fresh.source,
                 (long long) fresh.lifetime_ms);
    }
}


static void
is_old(const char *lines, int64_t ms)
{
    read_status(200, lines);

    if (fresh.initial_age_ms != ms) {
        fail_msg("\"%s\": %lld ms old", lines,
                 (long long) fresh.initial_age_ms);
    }
}


static void
ends_in(unsigned status, const char *lines, fkv_rules_storable_e expected)
{
    fkv_rules_storable_e  reason;

    read_status(status, lines);
    reason = fkv_rules_storable(&policy, &asked, &response, &fresh);

    if (reason != expected) {
        fail_msg("%u \"%s\": %s", status, lines,
                 fkv_rules_storable_text(reason));
    }
}


static void
the_lifetime_is_the_first_that_is_there(void **state)
{
    (void) state;

    is_fresh_for("Content-Type: a/b", FKV_RULES_BY_NOTHING, 0);
    is_fresh_for(DATE "Expires: " HOUR_LATER, FKV_RULES_BY_EXPIRES, 3600000);
    is_fresh_for(DATE "Expires: " HOUR_LATER "\nCache-Control: max-age=60",
                 FKV_RULES_BY_MAX_AGE, 60000);
    is_fresh_for("Cache-Control: max-age=60, s-maxage=30",
                 FKV_RULES_BY_S_MAXAGE, 30000);
    is_fresh_for("Cache-Control: max-age=60, s-maxage=0",
                 FKV_RULES_BY_S_MAXAGE, 0);
    is_fresh_for("X-Accel-Expires: 10\nCache-Control: s-maxage=30",
                 FKV_RULES_BY_ACCEL, 10300);

    policy.valid_s = 7;
    is_fresh_for("Content-Type: a/b", FKV_RULES_BY_VALID, 7300);
    is_fresh_for("Cache-Control: public", FKV_RULES_BY_VALID, 7300);
    is_fresh_for("Cache-Control: max-age=60", FKV_RULES_BY_MAX_AGE, 60000);
    is_fresh_for("Expires: 0", FKV_RULES_BY_EXPIRES, 0);
}


static void
expires_is_counted_from_date(void **state)
{
    (void) state;

    is_fresh_for("Expires: " HOUR_LATER, FKV_RULES_BY_EXPIRES, 3600000);
    is_fresh_for("Date: " DAY_BEFORE "\nExpires: " HOUR_LATER,
                 FKV_RULES_BY_EXPIRES, 90000000);
    is_fresh_for("Date: bad\nExpires: " HOUR_LATER, FKV_RULES_BY_EXPIRES,
                 3600000);
    is_fresh_for(DATE "Expires: Sun, 06 Nov 1994 08:49:37 GMT",
                 FKV_RULES_BY_EXPIRES, 0);
    is_fresh_for(DATE "Expires: " DAY_BEFORE, FKV_RULES_BY_EXPIRES, 0);
    is_fresh_for("Expires: Sunday, 06-Nov-94 09:49:37 GMT",
                 FKV_RULES_BY_EXPIRES, 3600000);
}


static void
an_expires_that_is_no_date_has_passed(void **state)
{
    (void) state;

    is_fresh_for("Expires: 0", FKV_RULES_BY_EXPIRES, 0);
    is_fresh_for("Expires: -1", FKV_RULES_BY_EXPIRES, 0);
    is_fresh_for("Expires:", FKV_RULES_BY_EXPIRES, 0);
    is_fresh_for("Expires: never", FKV_RULES_BY_EXPIRES, 0);
    is_fresh_for("Expires: Sun, 06 Nov 1994 09:49:37 UTC",
                 FKV_RULES_BY_EXPIRES, 0);
    is_fresh_for("Expires: " HOUR_LATER ", " HOUR_LATER,
                 FKV_RULES_BY_EXPIRES, 0);
    is_fresh_for("Expires: 0\nExpires: " HOUR_LATER, FKV_RULES_BY_EXPIRES, 0);
    is_fresh_for("Expires: " HOUR_LATER "\nExpires: 0", FKV_RULES_BY_EXPIRES,
                 3600000);
}


static void
the_age_is_the_largest_that_anything_says(void **state)
{
    (void) state;

    is_old("Content-Type: a/b", 300);
    is_old(DATE, 300);
    is_old("Age: 100", 100300);
    is_old(DATE "Age: 100", 100300);
    is_old("Date: " DAY_BEFORE "\nAge: 100", 86400000 + 500 - 999);
    is_old("Date: " HOUR_LATER, 300);
    is_old("Date: Sun, 06 Nov 1994 08:49:36 GMT", 501);
    is_old("Date: bad", 300);
}


static void
of_age_the_first_member_counts(void **state)
{
    (void) state;

    is_old("Age: 100, 200", 100300);
    is_old("Age: 100\nAge: 200", 100300);
    is_old("Age: , 7", 7300);
    is_old("Age: abc", 300);
    is_old("Age: abc, 200", 300);
    is_old("Age: -5", 300);
    is_old("Age: 1.5", 300);
    is_old("Age: \"5\"", 300);
    is_old("Age:", 300);
    is_old("Age: 99999999999999999999", FKV_RULES_SECONDS_MAX * 1000 + 300);
}


static void
a_targeted_field_takes_the_place_of_others(void **state)
{
    static const fkv_str_t  targets[] = {
        FKV_STR("Ferrokv-Cache-Control"), FKV_STR("CDN-Cache-Control")
    };

    (void) state;

    is_fresh_for("CDN-Cache-Control: max-age=5\nCache-Control: max-age=60",
                 FKV_RULES_BY_MAX_AGE, 60000);

    policy.target = targets;
    policy.n_targets = 2;

    is_fresh_for("CDN-Cache-Control: max-age=5\nCache-Control: max-age=60",
                 FKV_RULES_BY_MAX_AGE, 5000);
    is_fresh_for("CDN-Cache-Control: max-age=5\nFerrokv-Cache-Control: "
                 "max-age=3\nCache-Control: max-age=60", FKV_RULES_BY_MAX_AGE,
                 3000);
    is_fresh_for("Ferrokv-Cache-Control: max-age=\nCDN-Cache-Control: "
                 "max-age=5\n", FKV_RULES_BY_MAX_AGE, 5000);
    is_fresh_for("CDN-Cache-Control: max-age=5,\nCache-Control: max-age=60",
                 FKV_RULES_BY_MAX_AGE, 60000);
    is_fresh_for("CDN-Cache-Control:\nExpires: " HOUR_LATER,
                 FKV_RULES_BY_EXPIRES, 3600000);
    is_fresh_for("CDN-Cache-Control: public\nExpires: " HOUR_LATER
                 "\nCache-Control: max-age=60", FKV_RULES_BY_NOTHING, 0);

    ends_in(200, "CDN-Cache-Control: max-age=60\nCache-Control: no-store",
            FKV_RULES_STORE);
    ends_in(200, "CDN-Cache-Control: no-store\nCache-Control: max-age=60",
            FKV_RULES_NOT_NO_STORE);

    policy.ignore = FKV_RULES_IGNORE_CACHE_CONTROL;
    ends_in(200, "CDN-Cache-Control: max-age=60", FKV_RULES_NOT_USEFUL);
}


static void
a_guess_is_a_share_with_a_limit(void **state)
{
    (void) state;

    is_fresh_for(DATE "Last-Modified: " DAY_BEFORE, FKV_RULES_BY_NOTHING, 0);

    policy.heuristic_percent = 10;
    policy.heuristic_max_s = 10000;

    is_fresh_for(DATE "Last-Modified: " DAY_BEFORE, FKV_RULES_BY_HEURISTIC,
                 8640000);
    is_fresh_for(DATE "Last-Modified: Sat, 05 Nov 1983 08:49:37 GMT",
                 FKV_RULES_BY_HEURISTIC, 10000000);
    is_fresh_for(DATE "Last-Modified: " HOUR_LATER, FKV_RULES_BY_HEURISTIC, 0);
    is_fresh_for(DATE "Last-Modified: bad", FKV_RULES_BY_NOTHING, 0);
    is_fresh_for(DATE "Last-Modified: " DAY_BEFORE "\nExpires: 0",
                 FKV_RULES_BY_EXPIRES, 0);

    ends_in(302, DATE "Last-Modified: " DAY_BEFORE, FKV_RULES_NOT_EXPLICIT);
    ends_in(302, DATE "Cache-Control: public\nLast-Modified: " DAY_BEFORE,
            FKV_RULES_STORE);
    ends_in(404, DATE "Last-Modified: " DAY_BEFORE, FKV_RULES_STORE);

    policy.valid_s = 3;
    is_fresh_for(DATE "Last-Modified: " DAY_BEFORE, FKV_RULES_BY_VALID, 3300);
}


static void
the_operators_header_stands_above_the_origins(void **state)
{
    (void) state;

    ends_in(200, "X-Accel-Expires: 0\nCache-Control: max-age=60",
            FKV_RULES_NOT_ACCEL);
    ends_in(200, "X-Accel-Expires: 10\nCache-Control: no-store, private, "
            "no-cache", FKV_RULES_STORE);
    assert_int_equal(fresh.flags, 0);
    ends_in(200, "X-Accel-Expires: 10\nSet-Cookie: a=b",
            FKV_RULES_NOT_SET_COOKIE);
    ends_in(200, "X-Accel-Expires: x\nCache-Control: no-store",
            FKV_RULES_NOT_NO_STORE);
    ends_in(200, "X-Accel-Expires:\nCache-Control: max-age=60",
            FKV_RULES_STORE);
    assert_int_equal(fresh.source, FKV_RULES_BY_MAX_AGE);

    is_fresh_for("X-Accel-Expires: @784111787", FKV_RULES_BY_ACCEL, 10300);
    ends_in(200, "X-Accel-Expires: @784111777", FKV_RULES_NOT_ACCEL);
    ends_in(200, "X-Accel-Expires: @5", FKV_RULES_NOT_ACCEL);
    is_fresh_for("X-Accel-Expires: @", FKV_RULES_BY_NOTHING, 0);
    is_fresh_for("X-Accel-Expires: 5\nAge: 100", FKV_RULES_BY_ACCEL, 105300);

    policy.ignore = FKV_RULES_IGNORE_ACCEL_EXPIRES;
    is_fresh_for("X-Accel-Expires: 10\nCache-Control: max-age=60",
                 FKV_RULES_BY_MAX_AGE, 60000);
}


static void
what_is_ignored_is_not_there(void **state)
{
    (void) state;

    policy.valid_s = 5;

    policy.ignore = FKV_RULES_IGNORE_EXPIRES;
    is_fresh_for("Expires: " HOUR_LATER, FKV_RULES_BY_VALID, 5300);
    is_fresh_for("Expires: 0", FKV_RULES_BY_VALID, 5300);

    policy.ignore = FKV_RULES_IGNORE_CACHE_CONTROL;
    ends_in(200, "Cache-Control: no-store, max-age=60", FKV_RULES_STORE);
    is_fresh_for("Cache-Control: max-age=60", FKV_RULES_BY_VALID, 5300);

    policy.ignore = FKV_RULES_IGNORE_SET_COOKIE;
    ends_in(200, "Set-Cookie: a=b", FKV_RULES_STORE);

    policy.ignore = FKV_RULES_IGNORE_VARY;
    ends_in(200, "Vary: *", FKV_RULES_STORE);

    policy.ignore = 0;
    ends_in(200, "Set-Cookie: a=b", FKV_RULES_NOT_SET_COOKIE);
    ends_in(200, "Vary: *", FKV_RULES_NOT_VARY);
}


static void
final_whole_responses_only_are_stored(void **state)
{
    static const unsigned  never[] = { 100, 101, 103, 199, 206, 304, 416 };

    (void) state;

    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        ends_in(never[i], "Cache-Control: max-age=60", FKV_RULES_NOT_STATUS);
    }

    ends_in(200, "Cache-Control: max-age=60\nContent-Range: bytes 0-1/2",
            FKV_RULES_NOT_PARTIAL);
    ends_in(200, "Cache-Control: max-age=60", FKV_RULES_STORE);
    ends_in(201, "Cache-Control: max-age=60", FKV_RULES_STORE);
    ends_in(500, "Cache-Control: max-age=60", FKV_RULES_STORE);
    ends_in(599, "Cache-Control: max-age=60", FKV_RULES_STORE);
    ends_in(599, "Cache-Control: max-age=60, must-understand",
            FKV_RULES_NOT_STATUS);
}


static void
must_understand_makes_no_store_count_for_the_unknown_only(void **state)
{
    (void) state;

    ends_in(200, "Cache-Control: max-age=60, no-store",
            FKV_RULES_NOT_NO_STORE);
    ends_in(200, "Cache-Control: max-age=60, no-store, must-understand",
            FKV_RULES_STORE);
    ends_in(299, "Cache-Control: max-age=60, no-store, must-understand",
            FKV_RULES_NOT_STATUS);
}


static void
a_status_without_a_default_needs_a_word(void **state)
{
    static const unsigned  by_default[] = {
        200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501
    };

    (void) state;

    policy.revalidate = true;

    for (size_t i = 0; i < sizeof(by_default) / sizeof(by_default[0]); i++) {
        ends_in(by_default[i], "ETag: \"a\"", FKV_RULES_STORE);
    }

    ends_in(302, "ETag: \"a\"", FKV_RULES_NOT_EXPLICIT);
    ends_in(500, "ETag: \"a\"", FKV_RULES_NOT_EXPLICIT);
    ends_in(302, "ETag: \"a\"\nCache-Control: public", FKV_RULES_STORE);
    ends_in(302, "Cache-Control: max-age=1", FKV_RULES_STORE);
    ends_in(302, "Expires: " HOUR_LATER, FKV_RULES_STORE);

    policy.valid_s = 1;
    ends_in(302, "ETag: \"a\"", FKV_RULES_STORE);
}


static void
what_is_private_or_asked_not_to_be_is_not_stored(void **state)
{
    (void) state;

    ends_in(200, "Cache-Control: private, max-age=60", FKV_RULES_NOT_PRIVATE);
    ends_in(200, "Cache-Control: private=\"x\", max-age=60", FKV_RULES_STORE);
    ends_in(200, "Cache-Control: public, private, s-maxage=60",
            FKV_RULES_NOT_PRIVATE);
    ends_in(200, "Pragma: no-cache\nCache-Control: max-age=60",
            FKV_RULES_STORE);

    asked.control = &asked_control;
    ends_in(200, "Cache-Control: max-age=60", FKV_RULES_STORE);
    fkv_rules_control_add(&asked_control, str("no-store"));
    ends_in(200, "Cache-Control: max-age=60", FKV_RULES_NOT_REQUESTED);
}


static void
authorization_needs_a_word_of_the_origin(void **state)
{
    (void) state;

    asked.authorization = true;
    policy.valid_s = 60;

    ends_in(200, "", FKV_RULES_NOT_AUTHORIZED);
    ends_in(200, "Cache-Control: max-age=60", FKV_RULES_NOT_AUTHORIZED);
    ends_in(200, "Cache-Control: proxy-revalidate, max-age=60",
            FKV_RULES_NOT_AUTHORIZED);
    ends_in(200, "X-Accel-Expires: 60", FKV_RULES_NOT_AUTHORIZED);
    ends_in(200, "Cache-Control: max-age=60, public", FKV_RULES_STORE);
    ends_in(200, "Cache-Control: max-age=60, must-revalidate",
            FKV_RULES_STORE);
    ends_in(200, "Cache-Control: s-maxage=60", FKV_RULES_STORE);
    ends_in(200, "Cache-Control: s-maxage=x", FKV_RULES_NOT_USEFUL);
}


static void
other_methods_need_explicit_freshness(void **state)
{
    (void) state;

    asked.safe_method = false;
    policy.revalidate = true;
    policy.heuristic_percent = 10;
    policy.heuristic_max_s = 100;

    ends_in(200, DATE "Last-Modified: " DAY_BEFORE, FKV_RULES_NOT_METHOD);
    ends_in(200, "Cache-Control: max-age=60", FKV_RULES_STORE);
}


static void
a_cookie_that_is_kept_out_does_no_harm(void **state)
{
    (void) state;

    ends_in(200, "Set-Cookie: a=b\nCache-Control: max-age=60",
            FKV_RULES_NOT_SET_COOKIE);
    ends_in(200, "Set-Cookie: a=b\nCache-Control: max-age=60, "
            "no-cache=\"Set-Cookie\"", FKV_RULES_STORE);
    ends_in(200, "Set-Cookie: a=b\nCache-Control: max-age=60, "
            "private=\"x, set-cookie\"", FKV_RULES_STORE);
}


static void
a_star_anywhere_varies_on_everything(void **state)
{
    (void) state;

    ends_in(200, "Cache-Control: max-age=60\nVary: a, *", FKV_RULES_NOT_VARY);
    ends_in(200, "Cache-Control: max-age=60\nVary: a\nVary: *,b",
            FKV_RULES_NOT_VARY);
    ends_in(200, "Cache-Control: max-age=60\nVary: a b", FKV_RULES_NOT_VARY);
    ends_in(200, "Cache-Control: max-age=60\nVary: a, x*", FKV_RULES_STORE);
    ends_in(200, "Cache-Control: max-age=60\nVary:", FKV_RULES_STORE);
}


static void
what_could_never_be_used_is_not_stored(void **state)
{
    (void) state;

    ends_in(200, "", FKV_RULES_NOT_USEFUL);
    ends_in(200, "Cache-Control: max-age=0", FKV_RULES_NOT_USEFUL);
    ends_in(200, "Cache-Control: max-age=60\nAge: 60", FKV_RULES_NOT_USEFUL);
    ends_in(200, "Cache-Control: max-age=60\nAge: 59", FKV_RULES_STORE);
    ends_in(200, "Cache-Control: no-cache, max-age=60\nETag: \"a\"",
            FKV_RULES_NOT_USEFUL);
    ends_in(200, "Cache-Control: max-age=0, stale-while-revalidate=1",
            FKV_RULES_STORE);
    ends_in(200, "Cache-Control: max-age=0, stale-if-error=1",
            FKV_RULES_STORE);
    ends_in(200, "Cache-Control: max-age=0, stale-if-error=1, "
            "must-revalidate", FKV_RULES_NOT_USEFUL);

    policy.revalidate = true;
    ends_in(200, "Cache-Control: no-cache\nETag: \"a\"", FKV_RULES_STORE);
    assert_int_equal(fresh.flags, FKV_RULES_ALWAYS_VALIDATE);
    ends_in(200, "Cache-Control: max-age=0\nLast-Modified: " DAY_BEFORE,
            FKV_RULES_STORE);
    ends_in(200, "Cache-Control: max-age=0\nETag: a\nLast-Modified: b",
            FKV_RULES_NOT_USEFUL);

    policy.valid_s = 0;
    ends_in(200, "ETag: \"a\"", FKV_RULES_NOT_USEFUL);
}


static void
validators_are_taken_only_if_right(void **state)
{
    (void) state;

    read_status(200, "ETag: W/\"a\"\nETag: \"b\"\nLast-Modified: " DAY_BEFORE
                "\nLast-Modified: " HOUR_LATER);
    check_str(response.etag, str("W/\"a\""));
    check_str(response.last_modified, str(DAY_BEFORE));
    assert_int_equal(response.last_modified_s, NOW_S - 86400);

    read_status(200, "ETag: a\nLast-Modified: yesterday");
    assert_int_equal(response.etag.len, 0);
    assert_int_equal(response.last_modified.len, 0);
    assert_int_equal(response.last_modified_s, FKV_RULES_NO_TIME);
}


static void
age_grows_with_time_and_never_shrinks(void **state)
{
    (void) state;

    read_status(200, "Age: 10\nCache-Control: max-age=60, "
                "stale-while-revalidate=5, stale-if-error=9");
    assert_int_equal(fkv_rules_age_ms(&fresh, NOW_MS + 500), 10300);
    assert_int_equal(fkv_rules_age_ms(&fresh, NOW_MS + 1500), 11300);
    assert_int_equal(fkv_rules_age_ms(&fresh, NOW_MS - 90000), 10300);
    assert_int_equal(fkv_rules_stale_at_ms(&fresh), NOW_MS + 500 + 49700);
    assert_int_equal(fkv_rules_useless_at_ms(&fresh), NOW_MS + 500 + 58700);

    fkv_rules_fresh_end(&fresh, NOW_MS + 90000);
    assert_int_equal(fresh.lifetime_ms, 60000);
    fkv_rules_fresh_end(&fresh, NOW_MS + 1500);
    assert_int_equal(fkv_rules_stale_at_ms(&fresh), NOW_MS + 1500);
    assert_int_equal(fresh.lifetime_ms, 11300);
}


static void
the_flags_say_what_staleness_may_do(void **state)
{
    (void) state;

    read_status(200, "Cache-Control: max-age=1, must-revalidate");
    assert_int_equal(fresh.flags, FKV_RULES_NEVER_STALE);
    read_status(200, "Cache-Control: max-age=1, proxy-revalidate");
    assert_int_equal(fresh.flags, FKV_RULES_NEVER_STALE);
    read_status(200, "Cache-Control: s-maxage=1");
    assert_int_equal(fresh.flags, FKV_RULES_NOT_BY_CONFIG);
    read_status(200, "Cache-Control: no-cache=\"a\", max-age=1");
    assert_int_equal(fresh.flags, 0);
}


static void
a_304_brings_its_own_date_and_age(void **state)
{
    message_t  updated = { .copy = NULL };

    (void) state;

    message_done(&m);
    fkv_rules_response_update(
        &response, &policy,
        message_read(&updated, "Cache-Control: max-age=60\nETag: \"a\""),
        message_read(&m, "Date: " DAY_BEFORE "\nAge: 7\nETag: \"b\"\n"
                     "X-Accel-Expires: 5\nSet-Cookie: a=b\nVary: *"),
        200, NOW_MS, NOW_MS);
    message_done(&updated);

    assert_int_equal(response.status, 200);
    assert_int_equal(response.date_s, NOW_S - 86400);
    assert_int_equal(response.age_s, 7);
    assert_int_equal(response.accel_s, 5);
    assert_int_equal(response.control.max_age_s, 60);
    assert_false(response.set_cookie);
    assert_false(response.vary_any);
}


int
main(void)
{
#define RESPONSE_TEST(name)  cmocka_unit_test_setup(name, response_setup)
    const struct CMUnitTest  tests[] = {
        RESPONSE_TEST(the_lifetime_is_the_first_that_is_there),
        RESPONSE_TEST(expires_is_counted_from_date),
        RESPONSE_TEST(an_expires_that_is_no_date_has_passed),
        RESPONSE_TEST(the_age_is_the_largest_that_anything_says),
        RESPONSE_TEST(of_age_the_first_member_counts),
        RESPONSE_TEST(a_targeted_field_takes_the_place_of_others),
        RESPONSE_TEST(a_guess_is_a_share_with_a_limit),
        RESPONSE_TEST(the_operators_header_stands_above_the_origins),
        RESPONSE_TEST(what_is_ignored_is_not_there),
        RESPONSE_TEST(final_whole_responses_only_are_stored),
        RESPONSE_TEST(
            must_understand_makes_no_store_count_for_the_unknown_only),
        RESPONSE_TEST(a_status_without_a_default_needs_a_word),
        RESPONSE_TEST(what_is_private_or_asked_not_to_be_is_not_stored),
        RESPONSE_TEST(authorization_needs_a_word_of_the_origin),
        RESPONSE_TEST(other_methods_need_explicit_freshness),
        RESPONSE_TEST(a_cookie_that_is_kept_out_does_no_harm),
        RESPONSE_TEST(a_star_anywhere_varies_on_everything),
        RESPONSE_TEST(what_could_never_be_used_is_not_stored),
        RESPONSE_TEST(validators_are_taken_only_if_right),
        RESPONSE_TEST(age_grows_with_time_and_never_shrinks),
        RESPONSE_TEST(the_flags_say_what_staleness_may_do),
        RESPONSE_TEST(a_304_brings_its_own_date_and_age),
    };

    return cmocka_run_group_tests(tests, NULL, response_teardown);
}
