/*
 * rules_serve.c - what a stored response may answer, and until when.
 */

#include "message.h"
#include "rules/serve.h"

#define CAME  1700000000000

static fkv_rules_fresh_t    fresh;
static fkv_rules_control_t  control;
static fkv_rules_served_t   served;


/* Came 2 seconds old and is fresh for 10: stale after 8. */
static int
serve_setup(void **state)
{
    (void) state;

    fresh = (fkv_rules_fresh_t) {
        .source = FKV_RULES_BY_MAX_AGE,
        .response_ms = CAME,
        .initial_age_ms = 2000,
        .lifetime_ms = 10000
    };
    fkv_rules_control_init(&control);

    return 0;
}


static void
after(int64_t ms, const char *directives)
{
    fkv_rules_control_init(&control);
    fkv_rules_control_add(&control, str(directives));
    fkv_rules_serve(&served, &fresh, &control, CAME + ms);
}


static void
fresh_until_its_lifetime_ends(void **state)
{
    (void) state;

    fkv_rules_serve(&served, &fresh, NULL, CAME);
    assert_int_equal(served.how, FKV_RULES_SERVE);
    assert_int_equal(served.age_s, 2);
    assert_int_equal(served.ttl_s, 8);
    assert_false(served.stale);
    assert_false(served.update);

    fkv_rules_serve(&served, &fresh, NULL, CAME + 7999);
    assert_int_equal(served.how, FKV_RULES_SERVE);
    assert_int_equal(served.age_s, 9);
    assert_int_equal(served.ttl_s, 0);

    fkv_rules_serve(&served, &fresh, NULL, CAME + 8000);
    assert_int_equal(served.how, FKV_RULES_VALIDATE);
    assert_true(served.stale);
    assert_false(served.by_request);
    assert_true(served.by_config);
    assert_false(served.if_error);
    assert_int_equal(served.ttl_s, 0);

    fkv_rules_serve(&served, &fresh, NULL, CAME + 8001);
    assert_int_equal(served.ttl_s, -1);
    fkv_rules_serve(&served, &fresh, NULL, CAME + 10000);
    assert_int_equal(served.ttl_s, -2);
}


static void
no_cache_of_the_response_asks_always(void **state)
{
    (void) state;

    fresh.flags = FKV_RULES_ALWAYS_VALIDATE;
    fresh.while_revalidate_s = 100;
    fresh.if_error_s = 100;

    after(0, "");
    assert_int_equal(served.how, FKV_RULES_VALIDATE);
    assert_false(served.by_request);
    assert_false(served.by_config);

    after(9000, "max-stale");
    assert_int_equal(served.how, FKV_RULES_VALIDATE);
    assert_false(served.if_error);

    after(0, "only-if-cached");
    assert_int_equal(served.how, FKV_RULES_REFUSE);
}


static void
the_origins_windows_begin_when_it_is_stale(void **state)
{
    (void) state;

    fresh.while_revalidate_s = 5;
    fresh.if_error_s = 20;

    after(7999, "");
    assert_false(served.update);

    after(8000, "");
    assert_int_equal(served.how, FKV_RULES_SERVE);
    assert_true(served.stale);
    assert_true(served.update);

    after(13000, "");
    assert_int_equal(served.how, FKV_RULES_SERVE);

    after(13001, "");
    assert_int_equal(served.how, FKV_RULES_VALIDATE);
    assert_false(served.update);
    assert_true(served.if_error);

    after(28000, "");
    assert_true(served.if_error);
    after(28001, "");
    assert_false(served.if_error);
    assert_true(served.by_config);
}


static void
must_revalidate_forbids_all_staleness(void **state)
{
    (void) state;

    fresh.flags = FKV_RULES_NEVER_STALE;
    fresh.while_revalidate_s = 100;
    fresh.if_error_s = 100;

    after(7999, "");
    assert_int_equal(served.how, FKV_RULES_SERVE);

    after(8000, "max-stale, stale-if-error=100");
    assert_int_equal(served.how, FKV_RULES_VALIDATE);
    assert_false(served.update);
    assert_false(served.if_error);
    assert_false(served.by_config);
}


static void
s_maxage_leaves_the_origins_windows_only(void **state)
{
    (void) state;

    fresh.flags = FKV_RULES_NOT_BY_CONFIG;

    after(8000, "max-stale, stale-if-error=100");
    assert_int_equal(served.how, FKV_RULES_VALIDATE);
    assert_false(served.if_error);
    assert_false(served.by_config);

    fresh.while_revalidate_s = 5;
    fresh.if_error_s = 5;

    after(9000, "");
    assert_int_equal(served.how, FKV_RULES_SERVE);
    assert_true(served.update);
    assert_true(served.if_error);
    assert_false(served.by_config);
}


static void
the_request_may_want_it_younger(void **state)
{
    (void) state;

    after(0, "no-cache");
    assert_int_equal(served.how, FKV_RULES_VALIDATE);
    assert_true(served.by_request);
    assert_true(served.by_config);

    after(0, "max-age=0");
    assert_int_equal(served.how, FKV_RULES_VALIDATE);
    after(0, "max-age=1");
    assert_int_equal(served.how, FKV_RULES_VALIDATE);
    after(0, "max-age=3");
    assert_int_equal(served.how, FKV_RULES_SERVE);
    after(999, "max-age=3");
    assert_int_equal(served.how, FKV_RULES_SERVE);
    after(1000, "max-age=3");
    assert_int_equal(served.how, FKV_RULES_VALIDATE);
    assert_true(served.by_request);

    fresh.initial_age_ms = 0;
    after(0, "max-age=0");
    assert_int_equal(served.how, FKV_RULES_VALIDATE);
    fresh.initial_age_ms = 2000;

    after(0, "max-age=x");
    assert_int_equal(served.how, FKV_RULES_VALIDATE);

    after(0, "min-fresh=8");
    assert_int_equal(served.how, FKV_RULES_SERVE);
    after(1, "min-fresh=8");
    assert_int_equal(served.how, FKV_RULES_VALIDATE);
    assert_true(served.by_request);
    after(0, "min-fresh=x");
    assert_int_equal(served.how, FKV_RULES_SERVE);

    after(8000, "no-cache");
    assert_false(served.by_request);
}


static void
the_request_may_take_it_stale(void **state)
{
    (void) state;

    after(8000, "max-stale");
    assert_int_equal(served.how, FKV_RULES_SERVE);
    assert_true(served.stale);
    assert_false(served.update);
    after(999999, "max-stale");
    assert_int_equal(served.how, FKV_RULES_SERVE);

    after(9000, "max-stale=1");
    assert_int_equal(served.how, FKV_RULES_SERVE);
    after(9001, "max-stale=1");
    assert_int_equal(served.how, FKV_RULES_VALIDATE);
    after(8000, "max-stale=x");
    assert_int_equal(served.how, FKV_RULES_VALIDATE);

    after(8000, "max-stale, max-age=5");
    assert_int_equal(served.how, FKV_RULES_VALIDATE);

    after(9000, "stale-if-error=1");
    assert_true(served.if_error);
    after(9001, "stale-if-error=1");
    assert_false(served.if_error);
}


static void
only_if_cached_is_served_or_refused(void **state)
{
    (void) state;

    after(0, "only-if-cached");
    assert_int_equal(served.how, FKV_RULES_SERVE);
    after(8000, "only-if-cached");
    assert_int_equal(served.how, FKV_RULES_REFUSE);
    after(8000, "only-if-cached, max-stale");
    assert_int_equal(served.how, FKV_RULES_SERVE);
    after(0, "only-if-cached, no-cache");
    assert_int_equal(served.how, FKV_RULES_REFUSE);
}


static void
what_is_ended_is_stale_from_then_on(void **state)
{
    (void) state;

    fresh.while_revalidate_s = 5;
    fkv_rules_fresh_end(&fresh, CAME + 1000);

    after(999, "");
    assert_int_equal(served.how, FKV_RULES_SERVE);
    assert_false(served.stale);
    after(1000, "");
    assert_int_equal(served.how, FKV_RULES_SERVE);
    assert_true(served.update);
    after(6001, "");
    assert_int_equal(served.how, FKV_RULES_VALIDATE);
}


int
main(void)
{
#define SERVE_TEST(name)  cmocka_unit_test_setup(name, serve_setup)
    const struct CMUnitTest  tests[] = {
        SERVE_TEST(fresh_until_its_lifetime_ends),
        SERVE_TEST(no_cache_of_the_response_asks_always),
        SERVE_TEST(the_origins_windows_begin_when_it_is_stale),
        SERVE_TEST(must_revalidate_forbids_all_staleness),
        SERVE_TEST(s_maxage_leaves_the_origins_windows_only),
        SERVE_TEST(the_request_may_want_it_younger),
        SERVE_TEST(the_request_may_take_it_stale),
        SERVE_TEST(only_if_cached_is_served_or_refused),
        SERVE_TEST(what_is_ended_is_stale_from_then_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
