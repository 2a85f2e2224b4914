/*
 * io_clock.c - the clocks of Linux.
 */

#include "io/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>
#include <cmocka.h>


static void
wall_clock_is_the_time_of_day(void **state)
{
    uint64_t  before, now, after;

    (void) state;

    before = (uint64_t) time(NULL);
    now = fkv__clock_linux.wall_ms(&fkv__clock_linux);
    after = (uint64_t) time(NULL);

    /* time() may lag behind by a tick. */

    assert_in_range(now / 1000, before, after + 1);
}


static void
boot_clock_runs_in_milliseconds(void **state)
{
    uint64_t               start, end;
    const struct timespec  pause = { 0, 30000000 };

    (void) state;

    start = fkv__clock_linux.boot_ms(&fkv__clock_linux);
    assert_int_equal(nanosleep(&pause, NULL), 0);
    end = fkv__clock_linux.boot_ms(&fkv__clock_linux);

    assert_in_range(end - start, 29, 20000);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(wall_clock_is_the_time_of_day),
        cmocka_unit_test(boot_clock_runs_in_milliseconds)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
