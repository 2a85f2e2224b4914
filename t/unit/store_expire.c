/*
 * store_expire.c - the store clock under wall clocks that step.
 */

#include "check.h"
#include "store/expire.h"

#define HOUR    (60 * 60 * 1000ull)
#define MINUTE  (60 * 1000ull)
#define START   (1700000000ull * 1000)

static fkv__segment_shm_t  seg;
static fkv_t               store;
static uint64_t            wall, boot;


static uint64_t
wall_now(const fkv__clock_t *c)
{
    (void) c;

    return wall;
}


static uint64_t
boot_now(const fkv__clock_t *c)
{
    (void) c;

    return boot;
}


static const fkv__clock_t  fake = { wall_now, boot_now, NULL };


static int
expire_setup(void **state)
{
    (void) state;

    memset(&seg, 0, sizeof(seg));
    memset(&store, 0, sizeof(store));
    store.seg = &seg;
    store.clock = &fake;

    wall = START;
    boot = 5000;

    return 0;
}


/* Real time passes; both clocks see it. */
static void
pass(uint64_t ms)
{
    wall += ms;
    boot += ms;
}


static bool
drops(void)
{
    return fkv__clock_drops_allowed(&store, fkv_now_ms(&store));
}


static void
a_new_store_begins_at_the_wall(void **state)
{
    (void) state;

    fkv__clock_init(&store, 0);
    assert_int_equal(fkv_now_ms(&store), START);
    assert_true(drops());

    pass(1234);
    assert_int_equal(fkv_now_ms(&store), START + 1234);

    fkv__clock_tick(&store);
    assert_int_equal(fkv_now_ms(&store), START + 1234);
    assert_true(drops());
}


static void
a_step_forward_is_followed_at_once_but_drops_wait_an_hour(void **state)
{
    (void) state;

    fkv__clock_init(&store, 0);
    pass(1000);
    wall += HOUR;

    assert_int_equal(fkv_now_ms(&store), START + 1000);
    fkv__clock_tick(&store);
    assert_int_equal(fkv_now_ms(&store), START + 1000 + HOUR);
    assert_false(drops());

    pass(HOUR - 1);
    fkv__clock_tick(&store);
    assert_false(drops());

    pass(1);
    fkv__clock_tick(&store);
    assert_int_equal(fkv_now_ms(&store), wall);
    assert_true(drops());
}


static void
drift_is_followed_and_drops_do_not_wait(void **state)
{
    (void) state;

    fkv__clock_init(&store, 0);

    for (unsigned i = 0; i < 100; i++) {
        pass(1000);
        wall += 3;
        fkv__clock_tick(&store);
        assert_int_equal(fkv_now_ms(&store), wall);
    }

    wall += MINUTE;
    fkv__clock_tick(&store);
    assert_int_equal(fkv_now_ms(&store), wall);
    assert_true(drops());

    wall += MINUTE + 1;
    fkv__clock_tick(&store);
    assert_false(drops());
}


static void
a_step_backward_is_not_followed_and_time_goes_on(void **state)
{
    uint64_t  before;

    (void) state;

    fkv__clock_init(&store, 0);
    pass(1000);
    wall -= HOUR;

    for (unsigned i = 0; i < 3600; i++) {
        before = fkv_now_ms(&store);
        pass(1000);
        fkv__clock_tick(&store);
        assert_int_equal(fkv_now_ms(&store), before + 1000);
    }

    assert_int_equal(fkv_now_ms(&store), wall + HOUR);
    assert_true(drops());
}


static void
a_wrong_step_that_is_taken_back_costs_no_data(void **state)
{
    (void) state;

    fkv__clock_init(&store, 0);
    wall += 24 * HOUR;
    fkv__clock_tick(&store);

    pass(10 * MINUTE);
    wall -= 24 * HOUR;
    fkv__clock_tick(&store);

    assert_int_equal(fkv_now_ms(&store), wall + 24 * HOUR);
    assert_false(drops());
}


static void
a_restart_does_not_fall_behind_the_catalog(void **state)
{
    (void) state;

    fkv__clock_init(&store, START + HOUR);
    assert_int_equal(fkv_now_ms(&store), START + HOUR);
    assert_true(drops());

    pass(1000);
    fkv__clock_tick(&store);
    assert_int_equal(fkv_now_ms(&store), START + HOUR + 1000);
}


static void
after_a_long_stop_drops_wait_an_hour(void **state)
{
    (void) state;

    fkv__clock_init(&store, START - MINUTE);
    assert_true(drops());

    fkv__clock_init(&store, START - HOUR);
    assert_int_equal(fkv_now_ms(&store), START);
    assert_false(drops());

    pass(HOUR);
    assert_true(drops());
}


static void
a_wall_before_the_machine_booted_is_a_clock_too(void **state)
{
    (void) state;

    wall = 0;
    boot = 10 * HOUR;
    fkv__clock_init(&store, 0);
    assert_int_equal(fkv_now_ms(&store), 0);

    pass(7);
    assert_int_equal(fkv_now_ms(&store), 7);

    wall = START;
    fkv__clock_tick(&store);
    assert_int_equal(fkv_now_ms(&store), START);
}


static void
a_second_step_prolongs_the_delay(void **state)
{
    (void) state;

    fkv__clock_init(&store, 0);
    wall += HOUR;
    fkv__clock_tick(&store);

    pass(HOUR / 2);
    wall += HOUR;
    fkv__clock_tick(&store);
    assert_false(drops());

    pass(HOUR - 1);
    fkv__clock_tick(&store);
    assert_false(drops());

    pass(1);
    assert_true(drops());
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup(name, expire_setup)

    const struct CMUnitTest  tests[] = {
        TEST(a_new_store_begins_at_the_wall),
        TEST(a_step_forward_is_followed_at_once_but_drops_wait_an_hour),
        TEST(drift_is_followed_and_drops_do_not_wait),
        TEST(a_step_backward_is_not_followed_and_time_goes_on),
        TEST(a_wrong_step_that_is_taken_back_costs_no_data),
        TEST(a_restart_does_not_fall_behind_the_catalog),
        TEST(after_a_long_stop_drops_wait_an_hour),
        TEST(a_wall_before_the_machine_booted_is_a_clock_too),
        TEST(a_second_step_prolongs_the_delay),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
