/*
 * rules_limit.c - rate limits on a clock of our own: exact to the microsecond,
 * over years, through changes of rate and steps of the clock.
 */

#include "check.h"
#include "rules/limit.h"

#define SECOND  1000000ull
#define HOUR    (3600 * SECOND)
#define NEVER   FKV_RULES_LIMIT_NEVER
#define BEGUN   (1700000000 * SECOND)   /* 20 s into a minute, 800 s into
                                           an hour */

static fkv_rules_limit_rule_t      rule;
static fkv_rules_limit_state_t     state;
static fkv_rules_limit_decision_t  last;
static fkv_rules_limit_figures_t   told;


/* Nobody has come yet; nodelay. */
static void
begin(fkv_rules_limit_algorithm_e algorithm, const char *rate, uint64_t burst)
{
    fkv_str_t  text = { (const uint8_t *) rate, strlen(rate) };

    memset(&rule, 0, sizeof(rule));
    memset(&state, 0, sizeof(state));

    rule.algorithm = algorithm;
    rule.burst = burst;
    rule.delay = NEVER;
    assert_int_equal(fkv_rules_limit_parse_rate(text, &rule.rate), FKV_OK);
}


static void
change_rate(const char *rate)
{
    fkv_str_t  text = { (const uint8_t *) rate, strlen(rate) };

    assert_int_equal(fkv_rules_limit_parse_rate(text, &rule.rate), FKV_OK);
}


/* As a store would: a state goes through its bytes, a rejection leaves none. */
static bool
pass(uint64_t now_us, uint64_t cost)
{
    uint8_t                  bytes[FKV_RULES_LIMIT_STATE_SIZE];
    fkv_rules_limit_state_t  next = state;

    fkv_rules_limit_decide(&rule, now_us, cost, FKV_RULES_LIMIT_TAKE, &next,
                           &last);
    fkv_rules_limit_tell(&rule, cost, &next, &last, &told);

    if (!last.keep) {
        assert_false(last.pass);
        return false;
    }

    fkv_rules_limit_put(bytes, &next);
    assert_int_equal(fkv_rules_limit_get((fkv_str_t) { bytes, sizeof(bytes) },
                                         &state), FKV_OK);
    assert_memory_equal(&state, &next, sizeof(state));

    return last.pass;
}


static void
charge(uint64_t now_us, uint64_t cost)
{
    fkv_rules_limit_decide(&rule, now_us, cost, FKV_RULES_LIMIT_CHARGE, &state,
                           &last);
    assert_true(last.keep);
}


/* How many of cost 1 pass at this moment. */
static unsigned
passes(uint64_t now_us)
{
    unsigned  n = 0;

    while (pass(now_us, 1)) {
        n++;
        assert_true(n < 100000);
    }

    return n;
}


/* It was rejected: it passes after retry_us, not a microsecond before. */
static void
retry_is_exact(uint64_t now_us, uint64_t cost)
{
    fkv_rules_limit_state_t     next;
    fkv_rules_limit_decision_t  then;
    uint64_t                    retry = told.retry_us;

    assert_false(last.pass);
    assert_true(retry > 0);

    next = state;
    fkv_rules_limit_decide(&rule, now_us + retry - 1, cost,
                           FKV_RULES_LIMIT_ASK, &next, &then);
    assert_false(then.pass);

    next = state;
    fkv_rules_limit_decide(&rule, now_us + retry, cost, FKV_RULES_LIMIT_ASK,
                           &next, &then);
    assert_true(then.pass);
}


static void
burst_and_one_pass_at_once(void **test)
{
    (void) test;

    begin(FKV_RULES_LIMIT_GCRA, "10r/s", 5);
    assert_int_equal(passes(BEGUN), 6);
    assert_int_equal(told.excess, 6000);
    assert_int_equal(told.remaining, 0);
    assert_int_equal(told.limit, 6);
    assert_int_equal(told.window_us, 600000);
    assert_int_equal(last.reset_us, 600000);
    assert_int_equal(told.retry_us, 100000);

    assert_int_equal(passes(BEGUN + 99999), 0);
    assert_int_equal(passes(BEGUN + 100000), 1);
    assert_int_equal(passes(BEGUN + 399999), 2);
    assert_int_equal(passes(BEGUN + 3 * HOUR), 6);
}


/* Whoever asks all the time gets the k-th at its second, for days. */
static void
kth_passes_at_its_exact_time(const char *rate, uint64_t every_us)
{
    begin(FKV_RULES_LIMIT_GCRA, rate, 0);

    for (uint64_t k = 0; k < 100000; k++) {
        uint64_t  at = BEGUN + k * every_us;

        if (k > 0) {
            assert_false(pass(at - every_us / 2, 1));
            assert_false(pass(at - 1, 1));
            assert_int_equal(told.retry_us, 1);
        }

        assert_true(pass(at, 1));
    }
}


static void
one_a_minute_and_a_thousand_an_hour(void **test)
{
    (void) test;

    kth_passes_at_its_exact_time("1r/m", 60 * SECOND);
    kth_passes_at_its_exact_time("1000r/h", 3600000);
    kth_passes_at_its_exact_time("5000r/d", 17280000);
    kth_passes_at_its_exact_time("10r/5s", 500000);
}


/* 1/7 s is no whole number of microseconds: nothing is lost or won. */
static void
a_rate_that_does_not_divide_is_exact(void **test)
{
    (void) test;

    begin(FKV_RULES_LIMIT_GCRA, "7r/s", 1);
    assert_true(pass(BEGUN, 1));
    assert_true(pass(BEGUN, 1));

    for (uint64_t k = 1; k < 70000; k++) {
        uint64_t  at = BEGUN + (k * SECOND + 6) / 7;

        assert_false(pass(at - 1, 1));
        assert_true(pass(at, 1));
    }
}


static void
faster_than_microseconds(void **test)
{
    uint64_t  n = 0;

    (void) test;

    begin(FKV_RULES_LIMIT_GCRA, "2500000r/s", 0);

    for (uint64_t us = 0; us < 10000; us++) {
        n += passes(BEGUN + us);
    }

    /* one microsecond pays for two and a half, and one may be kept */
    assert_true(n >= 9999 && n <= 25001);

    begin(FKV_RULES_LIMIT_GCRA, "2500000r/s", 2);
    n = 0;

    for (uint64_t us = 0; us < 10000; us++) {
        n += passes(BEGUN + us);
    }

    assert_true(n >= 24999 && n <= 25003);
}


static void
delay_puts_off_what_is_above_it(void **test)
{
    (void) test;

    begin(FKV_RULES_LIMIT_GCRA, "10r/s", 5);
    rule.delay = 0;

    for (unsigned i = 0; i < 6; i++) {
        assert_true(pass(BEGUN, 1));
        assert_int_equal(told.excess, i * 1000);
        assert_int_equal(last.delay_us, i * 100000);
    }

    assert_false(pass(BEGUN, 1));
    assert_int_equal(last.delay_us, 0);

    begin(FKV_RULES_LIMIT_GCRA, "10r/s", 5);
    rule.delay = 3;

    for (unsigned i = 0; i < 6; i++) {
        assert_true(pass(BEGUN, 1));
        assert_int_equal(last.delay_us, (i > 3) ? (i - 3) * 100000 : 0);
    }

    begin(FKV_RULES_LIMIT_FIXED, "2r/m", 3);
    rule.delay = 1;

    for (unsigned i = 0; i < 5; i++) {
        assert_true(pass(BEGUN, 1));
        assert_int_equal(told.excess, (i < 2) ? 0 : (i - 1) * 1000);
        assert_int_equal(last.delay_us, (i < 3) ? 0 : (i - 2) * 30 * SECOND);
    }

    assert_false(pass(BEGUN, 1));
}


static void
cost_counts_as_so_many(void **test)
{
    (void) test;

    begin(FKV_RULES_LIMIT_GCRA, "10r/s", 9);
    assert_true(pass(BEGUN, 4));
    assert_int_equal(told.remaining, 6);
    assert_int_equal(last.reset_us, 400000);
    assert_false(pass(BEGUN, 7));
    assert_int_equal(told.remaining, 6);
    assert_int_equal(told.retry_us, 100000);
    assert_true(pass(BEGUN, 6));
    assert_int_equal(told.remaining, 0);

    assert_true(pass(BEGUN, 0));
    assert_false(pass(BEGUN, 1));
}


static void
cost_above_the_burst_never_passes(void **test)
{
    fkv_rules_limit_algorithm_e  a;

    (void) test;

    for (a = FKV_RULES_LIMIT_GCRA; a <= FKV_RULES_LIMIT_FIXED; a++) {
        begin(a, "1r/s", 4);
        assert_false(pass(BEGUN, 6));
        assert_int_equal(told.retry_us, NEVER);
        assert_int_equal(told.remaining, 5);
        assert_int_equal(state.algorithm, FKV_RULES_LIMIT_NONE);

        assert_false(pass(BEGUN, UINT64_MAX));
        assert_int_equal(told.retry_us, NEVER);
        assert_true(pass(BEGUN, 5));
    }
}


static void
retry_and_reset_are_exact(void **test)
{
    static const char *const     rates[] = { "1r/s", "7r/s", "1000r/h",
                                             "13r/11s", "3r/d" };
    uint64_t                     random = 9, now;
    fkv_rules_limit_algorithm_e  a;

    (void) test;

    for (a = FKV_RULES_LIMIT_GCRA; a <= FKV_RULES_LIMIT_FIXED; a++) {
        for (unsigned i = 0; i < 5; i++) {
            begin(a, rates[i], i * 3);
            now = BEGUN;

            for (unsigned n = 0; n < 20000; n++) {
                uint64_t  cost = 1 + check_random(&random) % 2;

                now += check_random(&random) % (rule.rate.period_us
                                                / rule.rate.count);

                if (!pass(now, cost) && told.retry_us != NEVER) {
                    retry_is_exact(now, cost);
                }

                if (n % 100 == 99) {
                    now += last.reset_us;
                    assert_true(pass(now, 1));
                    assert_int_equal(told.remaining, told.limit - 1);
                    assert_int_equal(told.excess, 0);
                }
            }
        }
    }
}


static void
fixed_windows_follow_the_clock(void **test)
{
    (void) test;

    begin(FKV_RULES_LIMIT_FIXED, "3r/m", 0);
    assert_int_equal(passes(BEGUN), 3);
    assert_int_equal(told.retry_us, 40 * SECOND);
    assert_int_equal(last.reset_us, 40 * SECOND);
    assert_int_equal(told.limit, 3);
    assert_int_equal(told.window_us, 60 * SECOND);
    assert_int_equal(passes(BEGUN + 40 * SECOND - 1), 0);
    assert_int_equal(passes(BEGUN + 40 * SECOND), 3);
    assert_int_equal(passes(BEGUN + 400 * SECOND), 3);
}


static void
sliding_windows_keep_a_share_of_the_last(void **test)
{
    uint64_t  next = BEGUN + 40 * SECOND;

    (void) test;

    begin(FKV_RULES_LIMIT_SLIDING, "60r/m", 0);
    assert_int_equal(passes(BEGUN), 60);
    assert_int_equal(last.reset_us, 100 * SECOND);
    assert_int_equal(told.retry_us, 40 * SECOND + 1);
    assert_int_equal(passes(next - 1), 0);
    assert_int_equal(passes(next), 0);
    assert_int_equal(passes(next + 1), 1);
    assert_int_equal(passes(next + SECOND), 0);
    assert_int_equal(passes(next + 30 * SECOND), 29);
    assert_int_equal(passes(next + 60 * SECOND - 1), 30);
    assert_int_equal(passes(next + 200 * SECOND), 60);
}


/* No period, wherever it begins, sees twice the rate as a fixed one may. */
static void
sliding_windows_bound_any_period(void **test)
{
    uint64_t  at[4000];
    unsigned  n = 0;

    (void) test;

    begin(FKV_RULES_LIMIT_SLIDING, "20r/s", 0);

    for (uint64_t ms = 0; ms < 100000; ms++) {
        if (pass(BEGUN + ms * 1000, 1)) {
            at[n++] = ms;
        }
    }

    assert_true(n >= 1999 && n <= 2020);

    for (unsigned i = 22; i < n; i++) {
        assert_true(at[i] - at[i - 22] > 1000);
    }
}


static void
a_small_step_back_stands_still(void **test)
{
    fkv_rules_limit_algorithm_e  a;

    (void) test;

    for (a = FKV_RULES_LIMIT_GCRA; a <= FKV_RULES_LIMIT_FIXED; a++) {
        begin(a, "10r/s", 0);
        (void) passes(BEGUN);
        assert_int_equal(passes(BEGUN - FKV_RULES_LIMIT_SKEW_US), 0);
        assert_int_equal(passes(BEGUN - 1), 0);
        assert_int_equal(passes(BEGUN), 0);
    }

    begin(FKV_RULES_LIMIT_GCRA, "10r/s", 0);
    assert_int_equal(passes(BEGUN), 1);
    assert_int_equal(passes(BEGUN - 500000), 0);
    assert_int_equal(passes(BEGUN + 99999), 0);
    assert_int_equal(passes(BEGUN + 100000), 1);
}


static void
a_large_step_back_locks_nobody_out(void **test)
{
    uint64_t  before = BEGUN - 24 * HOUR;

    (void) test;

    begin(FKV_RULES_LIMIT_GCRA, "1r/m", 2);
    assert_int_equal(passes(BEGUN), 3);
    assert_int_equal(passes(before), 0);
    assert_int_equal(told.retry_us, 60 * SECOND);
    assert_int_equal(passes(before + 60 * SECOND), 1);

    begin(FKV_RULES_LIMIT_FIXED, "5r/m", 0);
    assert_int_equal(passes(BEGUN), 5);
    assert_int_equal(passes(before), 0);
    assert_int_equal(passes(before + 40 * SECOND), 5);

    begin(FKV_RULES_LIMIT_SLIDING, "6r/m", 0);
    assert_int_equal(passes(BEGUN), 6);
    assert_int_equal(passes(before), 0);
    assert_int_equal(passes(before + 200 * SECOND), 6);
}


static void
another_rate_keeps_the_units(void **test)
{
    (void) test;

    begin(FKV_RULES_LIMIT_GCRA, "1r/m", 5);
    assert_int_equal(passes(BEGUN), 6);

    change_rate("10r/s");
    assert_int_equal(passes(BEGUN), 0);
    assert_int_equal(told.retry_us, 100000);
    assert_int_equal(passes(BEGUN + 99999), 0);
    assert_int_equal(passes(BEGUN + 100000), 1);
    assert_int_equal(passes(BEGUN + 700000), 6);

    begin(FKV_RULES_LIMIT_GCRA, "10r/s", 5);
    assert_true(pass(BEGUN, 3));
    change_rate("1r/h");
    assert_int_equal(passes(BEGUN), 3);
    assert_int_equal(told.retry_us, HOUR);

    rule.burst = 1;                     /* owes more than there may be now */
    assert_false(pass(BEGUN, 1));
    assert_int_equal(told.remaining, 0);
    assert_int_equal(told.retry_us, 5 * HOUR);
    retry_is_exact(BEGUN, 1);

    begin(FKV_RULES_LIMIT_FIXED, "5r/m", 0);
    assert_true(pass(BEGUN, 4));
    change_rate("10r/h");
    assert_int_equal(passes(BEGUN), 6);

    begin(FKV_RULES_LIMIT_SLIDING, "60r/m", 0);
    assert_int_equal(passes(BEGUN), 60);
    change_rate("100r/h");
    assert_int_equal(passes(BEGUN + 70 * SECOND), 70);  /* half of 60 left */
}


static void
another_algorithm_begins_anew(void **test)
{
    (void) test;

    begin(FKV_RULES_LIMIT_GCRA, "1r/m", 5);
    assert_int_equal(passes(BEGUN), 6);
    rule.algorithm = FKV_RULES_LIMIT_FIXED;
    assert_int_equal(passes(BEGUN), 6);
}


static void
a_charge_goes_beyond_the_burst(void **test)
{
    (void) test;

    begin(FKV_RULES_LIMIT_GCRA, "1000r/s", 0);
    charge(BEGUN, 5000);
    assert_false(last.pass);
    assert_int_equal(last.reset_us, 5 * SECOND);
    assert_false(pass(BEGUN + 5 * SECOND - 1, 1));
    assert_true(pass(BEGUN + 5 * SECOND, 1));

    begin(FKV_RULES_LIMIT_FIXED, "10r/m", 0);
    charge(BEGUN, 500);
    assert_false(pass(BEGUN + 39 * SECOND, 1));
    assert_true(pass(BEGUN + 40 * SECOND, 10));
}


static void
who_asks_is_not_charged(void **test)
{
    fkv_rules_limit_state_t  next;

    (void) test;

    begin(FKV_RULES_LIMIT_GCRA, "10r/s", 5);
    assert_true(pass(BEGUN, 2));

    next = state;
    fkv_rules_limit_decide(&rule, BEGUN, 4, FKV_RULES_LIMIT_ASK, &next, &last);
    fkv_rules_limit_tell(&rule, 4, &next, &last, &told);
    assert_int_equal(told.excess, 5000);
    assert_true(last.pass);
    assert_false(last.keep);
    assert_int_equal(told.remaining, 4);
    assert_memory_equal(&next, &state, sizeof(state));

    fkv_rules_limit_decide(&rule, BEGUN, 5, FKV_RULES_LIMIT_ASK, &next, &last);
    fkv_rules_limit_tell(&rule, 5, &next, &last, &told);
    assert_false(last.pass);
    assert_int_equal(told.remaining, 4);
}


/* The largest of everything; UBSan and the bounds see what goes wrong. */
static void
nothing_overflows(void **test)
{
    fkv_rules_limit_algorithm_e  a;

    (void) test;

    for (a = FKV_RULES_LIMIT_GCRA; a <= FKV_RULES_LIMIT_FIXED; a++) {
        for (unsigned i = 0; i < 4; i++) {
            begin(a, "1r/s", FKV_RULES_LIMIT_BURST_MAX);
            rule.delay = 0;
            rule.rate.count = (i & 1) ? 1 : FKV_RULES_LIMIT_COUNT_MAX;
            rule.rate.period_us = (i & 2) ? 1 : FKV_RULES_LIMIT_PERIOD_MAX;

            for (unsigned n = 0; n < 100; n++) {
                charge(BEGUN + n, UINT64_MAX);
            }

            assert_false(pass(BEGUN + 99, FKV_RULES_LIMIT_BURST_MAX));
            assert_int_equal(told.remaining, 0);
            assert_true(told.retry_us <= 2 * 100 * 366 * 24 * HOUR
                        || told.retry_us == NEVER);

            rule.rate.count ^= FKV_RULES_LIMIT_COUNT_MAX ^ 1;
            rule.rate.period_us = (i & 2) ? FKV_RULES_LIMIT_PERIOD_MAX : 1;
            (void) pass(BEGUN + 100, 1);
            (void) pass(UINT64_MAX, 1);
            (void) pass(0, 1);
            (void) pass(INT64_MAX, FKV_RULES_LIMIT_COST_MAX);
        }
    }
}


static void
what_was_never_put_is_no_state(void **test)
{
    uint64_t  random = 5;
    uint8_t   bytes[FKV_RULES_LIMIT_STATE_SIZE + 1] = { 0 };

    (void) test;

    begin(FKV_RULES_LIMIT_GCRA, "7r/s", 3);
    assert_true(pass(BEGUN, 3));
    fkv_rules_limit_put(bytes, &state);

    for (size_t len = 0; len <= sizeof(bytes); len++) {
        uint8_t  *copy = check_copy(bytes, len);
        int       rc = fkv_rules_limit_get((fkv_str_t) { copy, len }, &state);

        free(copy);
        assert_int_equal(rc, (len == FKV_RULES_LIMIT_STATE_SIZE)
                             ? FKV_OK : FKV_ECORRUPT);
        assert_int_equal(state.algorithm, (rc == FKV_OK)
                                          ? FKV_RULES_LIMIT_GCRA
                                          : FKV_RULES_LIMIT_NONE);
    }

    for (unsigned i = 0; i < 200000; i++) {
        fkv_str_t  str = { bytes, FKV_RULES_LIMIT_STATE_SIZE };

        check_random_bytes(&random, bytes, sizeof(bytes));
        bytes[0] &= 3;

        bytes[4] &= 0x3f;

        for (unsigned end = 13; end <= str.len; end += 8) {
            size_t  n = check_random(&random) % 9;

            memset(bytes + end - n, 0, n);      /* often within its bounds */
        }

        if (fkv_rules_limit_get(str, &state) == FKV_OK) {
            (void) pass(BEGUN, 1);      /* whatever it says */
        }
    }
}


/* On disk: these bytes do not change. */
static void
golden_bytes(void **test)
{
    static const uint8_t  golden[FKV_RULES_LIMIT_STATE_SIZE] = {
        1, 7, 0, 0, 0, 0x40, 0x42, 0x0f, 0, 0, 0, 0, 0,
        0, 0x40, 0x1e, 0x18, 0x24, 0x0a, 0x06, 0,
        0x1b, 0x8a, 0x06, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0
    };
    uint8_t               bytes[FKV_RULES_LIMIT_STATE_SIZE];

    (void) test;

    begin(FKV_RULES_LIMIT_GCRA, "7r/s", 3);
    assert_true(pass(BEGUN, 3));
    fkv_rules_limit_put(bytes, &state);
    assert_memory_equal(bytes, golden, sizeof(golden));
}


static void
rates_are_read(void **test)
{
    static const struct {
        const char  *text;
        uint64_t     count;
        uint64_t     period_us;         /* 0: it is none */
    } rates[] = {
        { "100r/s", 100, SECOND },
        { "60r/m", 60, 60 * SECOND },
        { "1000r/h", 1000, HOUR },
        { "5000r/d", 5000, 24 * HOUR },
        { "10r/5s", 10, 5 * SECOND },
        { "1000000000r/366d", 1000000000, FKV_RULES_LIMIT_PERIOD_MAX },
        { "", 0, 0 }, { "r", 0, 0 }, { "r/s", 0, 0 }, { "1r/", 0, 0 },
        { "1r", 0, 0 }, { "1", 0, 0 }, { "1/s", 0, 0 }, { "1rs", 0, 0 },
        { "0r/s", 0, 0 }, { "1r/0s", 0, 0 }, { "-1r/s", 0, 0 },
        { "1.5r/s", 0, 0 }, { "1r/y", 0, 0 }, { "1r/5", 0, 0 },
        { "1r/ss", 0, 0 }, { " 1r/s", 0, 0 }, { "1r/s ", 0, 0 },
        { "1000000001r/s", 0, 0 }, { "1r/367d", 0, 0 },
        { "99999999999999999999999r/s", 0, 0 },
        { "1r/99999999999999999999999s", 0, 0 },
    };

    (void) test;

    for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        size_t                   len = strlen(rates[i].text);
        uint8_t                 *copy = check_copy(rates[i].text, len);
        fkv_rules_limit_rate_t   rate;
        int                      rc;

        rc = fkv_rules_limit_parse_rate((fkv_str_t) { copy, len }, &rate);
        free(copy);

        if (rates[i].period_us == 0) {
            assert_int_equal(rc, FKV_EINVAL);
            continue;
        }

        assert_int_equal(rc, FKV_OK);
        assert_int_equal(rate.count, rates[i].count);
        assert_int_equal(rate.period_us, rates[i].period_us);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(burst_and_one_pass_at_once),
        cmocka_unit_test(one_a_minute_and_a_thousand_an_hour),
        cmocka_unit_test(a_rate_that_does_not_divide_is_exact),
        cmocka_unit_test(faster_than_microseconds),
        cmocka_unit_test(delay_puts_off_what_is_above_it),
        cmocka_unit_test(cost_counts_as_so_many),
        cmocka_unit_test(cost_above_the_burst_never_passes),
        cmocka_unit_test(retry_and_reset_are_exact),
        cmocka_unit_test(fixed_windows_follow_the_clock),
        cmocka_unit_test(sliding_windows_keep_a_share_of_the_last),
        cmocka_unit_test(sliding_windows_bound_any_period),
        cmocka_unit_test(a_small_step_back_stands_still),
        cmocka_unit_test(a_large_step_back_locks_nobody_out),
        cmocka_unit_test(another_rate_keeps_the_units),
        cmocka_unit_test(another_algorithm_begins_anew),
        cmocka_unit_test(a_charge_goes_beyond_the_burst),
        cmocka_unit_test(who_asks_is_not_charged),
        cmocka_unit_test(nothing_overflows),
        cmocka_unit_test(what_was_never_put_is_no_state),
        cmocka_unit_test(golden_bytes),
        cmocka_unit_test(rates_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
