/*
 * store_budget.c - how fast merges may write while a flush goes on.
 */

#include "check.h"
#include "store/budget.h"

#define RATE  (FKV__BUDGET_PART * 1000)         /* 1000 bytes a second */


static uint64_t
wait_ms(fkv__budget_t *budget, bool flushing, uint64_t bytes, uint64_t now_ms)
{
    return fkv__budget_wait_us(budget, flushing, bytes, RATE, now_ms * 1000)
           / 1000;
}


static void
without_a_flush_nobody_waits(void **state)
{
    fkv__budget_t  budget = { 0 };

    (void) state;

    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(wait_ms(&budget, false, i * 100000, i + 1), 0);
    }

    assert_int_equal(wait_ms(&budget, true, 10000000, 200), 0);
    assert_int_equal(wait_ms(&budget, true, 10000500, 200), 500);
    assert_int_equal(wait_ms(&budget, false, 10000500, 200), 0);
}


static void
beside_a_flush_there_is_a_rate(void **state)
{
    fkv__budget_t  budget = { 0 };
    uint64_t       now = 1000, bytes = 77;

    (void) state;

    for (unsigned i = 0; i < 100; i++) {
        now += wait_ms(&budget, true, bytes, now);
        bytes += 100;
    }

    assert_in_range(now, 1000 + 9800, 1000 + 10000);
}


static void
what_was_written_before_the_flush_is_not_owed(void **state)
{
    fkv__budget_t  budget = { 0 };

    (void) state;

    assert_int_equal(wait_ms(&budget, true, 0, 1), 0);
    assert_int_equal(wait_ms(&budget, true, 5000, 1), 5000);
    assert_int_equal(wait_ms(&budget, false, 5000, 2), 0);
    assert_int_equal(wait_ms(&budget, true, 900000, 3), 0);
    assert_int_equal(wait_ms(&budget, true, 900100, 3), 100);

    /* Another merge begins with nothing. */

    assert_int_equal(wait_ms(&budget, true, 0, 4), 0);
    assert_int_equal(wait_ms(&budget, true, 50, 4), 50);
}


static void
a_rate_that_is_not_known_holds_nobody_back(void **state)
{
    fkv__budget_t  budget = { 0 };

    (void) state;

    assert_int_equal(fkv__budget_wait_us(&budget, true, 0, 0, 1), 0);
    assert_int_equal(fkv__budget_wait_us(&budget, true, 1 << 30, 0, 2), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(without_a_flush_nobody_waits),
        cmocka_unit_test(beside_a_flush_there_is_a_rate),
        cmocka_unit_test(what_was_written_before_the_flush_is_not_owed),
        cmocka_unit_test(a_rate_that_is_not_known_holds_nobody_back),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
