/*
 * store_mix.c - writes or reads, and what follows from it.
 */

#include "check.h"
#include "store/mix.h"

#define MAX  5


/* So many windows, each with this many more. */
static void
go_on(fkv__mix_t *mix, unsigned windows, uint64_t reads, uint64_t writes)
{
    while (windows-- > 0) {
        fkv__mix_look(mix, mix->reads_at + reads, mix->writes_at + writes,
                      mix->since_ms + FKV__MIX_WINDOW_MS);
    }
}


static void
nothing_is_known_at_first(void **state)
{
    fkv__mix_t  mix = { 0 };

    (void) state;

    assert_int_equal(fkv__mix_runs(&mix, MAX), 0);
    fkv__mix_look(&mix, 0, 1000000, 50);
    assert_int_equal(fkv__mix_runs(&mix, MAX), 0);

    /* What was before the first look is of no window. */

    fkv__mix_look(&mix, 100, 1000000, 50 + FKV__MIX_WINDOW_MS);
    assert_int_equal(fkv__mix_runs(&mix, MAX), 0);
}


static void
who_only_writes_may_have_the_most(void **state)
{
    fkv__mix_t  mix = { 0 };

    (void) state;

    fkv__mix_look(&mix, 7, 7, 1);
    fkv__mix_look(&mix, 7, 1007, FKV__MIX_WINDOW_MS);
    assert_int_equal(fkv__mix_runs(&mix, MAX), 0);
    fkv__mix_look(&mix, 7, 1007, 1 + FKV__MIX_WINDOW_MS);
    assert_int_equal(fkv__mix_runs(&mix, MAX), MAX);
}


static void
it_goes_both_ways(void **state)
{
    fkv__mix_t  mix = { 0 };

    (void) state;

    fkv__mix_look(&mix, 0, 0, 1);
    go_on(&mix, 6, 0, 10000);
    assert_int_equal(fkv__mix_runs(&mix, MAX), MAX);
    go_on(&mix, 12, 10000, 10000);
    assert_int_equal(fkv__mix_runs(&mix, MAX), 2);
    go_on(&mix, 6, 10000, 0);
    assert_int_equal(fkv__mix_runs(&mix, MAX), 0);
    go_on(&mix, 16, 0, 10000);
    assert_int_equal(fkv__mix_runs(&mix, MAX), MAX);
}


/* Otherwise a quiet night would make the morning's first read decide. */
static void
one_window_does_not_turn_it_round(void **state)
{
    fkv__mix_t  mix = { 0 };

    (void) state;

    fkv__mix_look(&mix, 0, 0, 1);
    go_on(&mix, 6, 10000, 100);
    go_on(&mix, 1, 100, 3000);
    assert_int_equal(fkv__mix_runs(&mix, MAX), 0);
}


static void
counters_that_fall_are_no_growth(void **state)
{
    fkv__mix_t  mix = { 0 };

    (void) state;

    fkv__mix_look(&mix, 1000, 1000, 1);
    fkv__mix_look(&mix, 500, 2000, 1 + FKV__MIX_WINDOW_MS);
    assert_int_equal(fkv__mix_runs(&mix, MAX), MAX);
}


static void
level_0_holds_more_if_few_read(void **state)
{
    fkv__mix_t  mix = { 0 };

    (void) state;

    assert_int_equal(fkv__mix_level_0(&mix, 4, 8), 4);
    fkv__mix_look(&mix, 0, 0, 1);
    go_on(&mix, 1, 0, 100);
    assert_int_equal(fkv__mix_level_0(&mix, 4, 8), 8);
    go_on(&mix, 20, 1000, 1500);
    assert_in_range(fkv__mix_level_0(&mix, 4, 8), 5, 6);
    go_on(&mix, 20, 1000, 1000);
    assert_int_equal(fkv__mix_level_0(&mix, 4, 8), 4);
    go_on(&mix, 20, 1000, 10);
    assert_int_equal(fkv__mix_level_0(&mix, 4, 8), 4);
    go_on(&mix, 20, 1, 1000000);
    assert_int_equal(fkv__mix_level_0(&mix, 4, 8), 8);

    /* Left alone, it is as if somebody might read. */

    go_on(&mix, 40, 0, 0);
    assert_int_equal(fkv__mix_level_0(&mix, 4, 8), 4);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(nothing_is_known_at_first),
        cmocka_unit_test(who_only_writes_may_have_the_most),
        cmocka_unit_test(it_goes_both_ways),
        cmocka_unit_test(one_window_does_not_turn_it_round),
        cmocka_unit_test(counters_that_fall_are_no_growth),
        cmocka_unit_test(level_0_holds_more_if_few_read),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
