/*
 * commands_meter.c - what all processes have counted, whoever of them lives.
 */

#include "live.h"
#include "commands/meter.h"

#define CALLS  1000

static live_t        live;
static fkv_meter_t  *meter;


static int
meter_setup(void **state)
{
    const uint64_t  random[3] = { 1, 2, 3 };

    (void) state;

    live_dir(&live);
    live.quiet = true;
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_EVERYSEC);

    meter = fkv_meter_open(1, random);
    assert_non_null(meter);

    live_attach(&live, FKV_WORKER);
    fkv_meter_attach(meter, fkv_slot(live.store));

    return 0;
}


static int
meter_teardown(void **state)
{
    (void) state;

    fkv_meter_close(meter);
    live_detach_close(&live);
    live_remove(&live);

    return 0;
}


static const fkv_command_t *
command_of(const char *name)
{
    const fkv_command_t  *command = fkv_command_find(live_str(name));

    assert_non_null(command);

    return command;
}


static fkv_meter_command_shm_t
line_of(const fkv_command_t *command)
{
    fkv_meter_line_t  line;

    assert_true(fkv_meter_line(meter, fkv_meter_index(meter, command), &line));
    assert_ptr_equal(line.command, command);

    return line.sums;
}


static fkv_meter_sums_t
sums_now(void)
{
    fkv_stats_t       stats;
    fkv_meter_sums_t  sums;

    fkv_stats(live.store, &stats);
    fkv_meter_sum(meter, live.store, &stats, &sums);

    return sums;
}


static void
every_command_has_a_line(void **state)
{
    const fkv_command_t  *command, *config = command_of("CONFIG");
    const fkv_command_t  *get = fkv_command_sub(config, FKV_STR("GET"));
    fkv_meter_line_t      line;
    fkv_command_t         unknown = *config;
    unsigned              n;

    (void) state;

    for (n = 0; (command = fkv_command_at(n)) != NULL; n++) {
        assert_true(fkv_meter_line(meter, fkv_meter_index(meter, command),
                                   &line));
        assert_ptr_equal(line.command, command);
        assert_null(line.parent);
    }

    assert_true(fkv_meter_line(meter, fkv_meter_index(meter, get), &line));
    assert_ptr_equal(line.command, get);
    assert_ptr_equal(line.parent, config);
    assert_false(fkv_meter_line(meter, fkv_meter_index(meter, &unknown),
                                &line));
}


static void
what_was_asked_is_counted(void **state)
{
    const fkv_command_t     *time = command_of("TIME");
    fkv_meter_span_t         span;
    fkv_meter_command_shm_t  line;
    fkv_meter_sums_t         sums;

    (void) state;

    for (unsigned i = 0; i < CALLS; i++) {
        fkv_meter_begin(meter, time, &span);
        assert_int_equal(fkv_meter_end(meter, time, &span, i < 3), -1);
    }

    (void) fkv_meter_end(meter, time, NULL, false);
    fkv_meter_reject(meter, time);
    fkv_meter_reject(meter, NULL);
    fkv_meter_error(meter, FKV_STR("ERR syntax error"));
    fkv_meter_error(meter, FKV_STR("WRONGTYPE"));
    fkv_meter_error(meter, FKV_STR("ERRO never heard of"));
    fkv_meter_add(meter, hits, 5);
    fkv_meter_clients(meter, 1);
    fkv_meter_clients(meter, 1);
    fkv_meter_clients(meter, -1);

    line = line_of(time);
    assert_int_equal(line.calls, CALLS + 1);
    assert_int_equal(line.failed, 3);
    assert_int_equal(line.rejected, 1);

    sums = sums_now();
    assert_int_equal(sums.commands, CALLS + 1);
    assert_int_equal(sums.hits, 5);
    assert_int_equal(sums.misses, 0);
    assert_int_equal(sums.errors, 3);
    assert_int_equal(sums.by_error[FKV_METER_ERROR_ERR], 1);
    assert_int_equal(sums.by_error[FKV_METER_ERROR_WRONGTYPE], 1);
    assert_int_equal(sums.by_error[FKV_METER_ERROR_UNKNOWN], 1);
    assert_int_equal(sums.clients, 1);

    fkv_meter_reset(meter, live.store);

    line = line_of(time);
    assert_int_equal(line.calls + line.failed + line.rejected + line.usec, 0);
    sums = sums_now();
    assert_int_equal(sums.commands + sums.hits + sums.errors, 0);
    assert_int_equal(sums.by_error[FKV_METER_ERROR_ERR], 0);
    assert_int_equal(sums.clients, 1);

    (void) fkv_meter_end(meter, time, NULL, true);
    assert_int_equal(line_of(time).calls, 1);
    assert_int_equal(sums_now().commands, 1);
}


/* Whatever is measured, it stands for as many calls as there were. */
static void
measured_calls_stand_for_all(void **state)
{
    const fkv_command_t  *time = command_of("TIME");
    const fkv_command_t  *info = command_of("INFO");
    fkv_meter_span_t      span;
    unsigned              weight = 0, measured = 0;

    (void) state;

    for (unsigned i = 0; i < 100 * FKV_METER_EVERY; i++) {

        fkv_meter_begin(meter, time, &span);
        weight += span.weight;
        measured += (span.weight != 0);

        /* what comes in turn is not measured in turn */
        fkv_meter_begin(meter, info, &span);
    }

    assert_int_equal(weight, 16 + 99 * FKV_METER_EVERY);
    assert_int_equal(measured, 16 + 99);

    meter->shm->slower_us = 0;

    for (unsigned i = 0; i < 20; i++) {
        fkv_meter_begin(meter, time, &span);
        assert_int_equal(span.weight, 1);
    }

    fkv_meter_defaults(meter);
    fkv_meter_begin(meter, time, &span);
    assert_int_equal(span.weight, 0);
}


static void
slow_is_what_takes_as_long_as_is_said(void **state)
{
    const fkv_command_t  *time = command_of("TIME");
    struct timespec       moment = { 0, 30 * 1000 * 1000 };
    fkv_meter_span_t      span;

    (void) state;

    /* the first of them are measured exactly, the last by the coarse clock */
    for (unsigned i = 0; i < 20; i++) {
        fkv_meter_begin(meter, time, &span);
        (void) nanosleep(&moment, NULL);
        assert_true(fkv_meter_end(meter, time, &span, false) >= 10000);
    }

    assert_true(line_of(time).usec >= 16 * 30000);

    meter->shm->slower_us = -1;
    fkv_meter_begin(meter, time, &span);
    (void) nanosleep(&moment, NULL);
    assert_int_equal(fkv_meter_end(meter, time, &span, false), -1);

    meter->shm->slower_us = 0;
    fkv_meter_begin(meter, time, &span);
    assert_true(fkv_meter_end(meter, time, &span, false) >= 0);
}


/* What the dead have counted stays; their connections are gone. */
static void
the_dead_have_counted_too(void **state)
{
    const fkv_command_t  *time = command_of("TIME");
    pid_t                 pid;
    fkv_meter_sums_t      sums;

    (void) state;

    for (unsigned slot = 1; slot <= 3; slot++) {

        pid = fork();

        if (pid == 0) {
            fkv_meter_attach(meter, slot);
            fkv_meter_clients(meter, 1);

            for (unsigned i = 0; i < CALLS; i++) {
                (void) fkv_meter_end(meter, time, NULL, false);
            }

            (void) kill(getpid(), SIGKILL);
        }

        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }

    sums = sums_now();
    assert_int_equal(sums.commands, 3 * CALLS);
    assert_int_equal(sums.clients, 0);

    /* who has the slot next goes on with the row, but not with its gauge */
    fkv_meter_attach(meter, 1);
    (void) fkv_meter_end(meter, time, NULL, false);
    assert_int_equal(meter->own->clients, 0);
    assert_int_equal(sums_now().commands, 3 * CALLS + 1);
    assert_int_equal(line_of(time).calls, 3 * CALLS + 1);
}


/* Definitions are another configuration's, names are the same. */
static void
commands_of_extensions_count_on_over_reloads(void **state)
{
    static fkv_command_t        defs[3] = {
        { .name = "X.ONE", .arity = 1, .flags = FKV_COMMAND_EXTENSION },
        { .name = "X.TWO", .arity = 1, .flags = FKV_COMMAND_EXTENSION },
        { .name = "X.ONE", .arity = 1, .flags = FKV_COMMAND_EXTENSION },
    };
    const fkv_command_t *const  first[2] = { &defs[0], &defs[1] };
    const fkv_command_t *const  then[1] = { &defs[2] };
    fkv_meter_line_t            line;
    unsigned                    n = meter->n;

    (void) state;

    fkv_command_use(first, 2);
    assert_int_equal(fkv_meter_index(meter, &defs[0]), meter->n);
    fkv_meter_use(meter);
    assert_int_equal(meter->n, n + 2);
    (void) fkv_meter_end(meter, &defs[0], NULL, false);
    (void) fkv_meter_end(meter, &defs[1], NULL, true);
    assert_int_equal(line_of(&defs[0]).calls, 1);
    assert_int_equal(line_of(&defs[1]).failed, 1);

    fkv_command_use(then, 1);
    fkv_meter_use(meter);
    assert_int_equal(meter->n, n + 2);
    (void) fkv_meter_end(meter, &defs[2], NULL, false);
    assert_int_equal(line_of(&defs[2]).calls, 2);
    assert_int_equal(fkv_meter_index(meter, &defs[0]), meter->n);

    /* it is not here any more: its name is the meter's own */
    defs[1].name = "gone";
    assert_true(fkv_meter_line(meter, n + 1, &line));
    assert_string_equal(line.command->name, "X.TWO");
    assert_int_equal(line.sums.calls, 1);

    fkv_command_use(NULL, 0);
    fkv_meter_use(meter);
    assert_int_equal(line_of(command_of("GET")).calls, 0);
}


int
main(void)
{
#define meter_test(f)  cmocka_unit_test_setup_teardown(f, meter_setup,        \
                                                       meter_teardown)

    const struct CMUnitTest  tests[] = {
        meter_test(every_command_has_a_line),
        meter_test(what_was_asked_is_counted),
        meter_test(measured_calls_stand_for_all),
        meter_test(slow_is_what_takes_as_long_as_is_said),
        meter_test(the_dead_have_counted_too),
        meter_test(commands_of_extensions_count_on_over_reloads)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
