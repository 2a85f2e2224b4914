/*
 * commands_shared.c - transactions of several processes at the same keys, and
 * of processes that are killed in the middle of one.
 */

#include "perform.h"
#include "own_commands.h"

#define ROUNDS  1500

static live_t     live;
static perform_t  p;


static void
attach(void)
{
    live_attach(&live, FKV_WORKER);
    p = (perform_t) { .live = &live, .own = own_commands };
}


/* Both counters of "MGET x y"; what does not exist is 0. */
static void
pair_read(long long *x, long long *y)
{
    const char  *reply = perform(&p, "MGET x y"), *at = reply + 4;
    long long   *to[2] = { x, y };

    assert_memory_equal(reply, "*2\r\n", 4);

    for (unsigned i = 0; i < 2; i++) {
        long long  len = strtoll(at + 1, (char **) &at, 10);

        *to[i] = (len < 0) ? 0 : strtoll(at, NULL, 10);
        at += (len < 0) ? 2 : len + 4;
    }
}


/* Both are counted in one transaction, so nobody ever sees them differ. */
static void
count_both(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        long long  x, y;

        (void) perform_multi(&p, (i % 2) ? "INCR x;INCR y" : "INCR y;INCR x",
                             NULL, 0);
        pair_read(&x, &y);
        assert_true(x == y);
    }
}


static void
transactions_of_two_processes(void **state)
{
    int         status;
    long long   x, y;
    pid_t       pid;

    (void) state;

    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_EVERYSEC);
    pid = fork();
    attach();
    count_both(ROUNDS);

    if (pid == 0) {
        fkv_detach(live.store);
        _exit(0);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    pair_read(&x, &y);
    assert_true(x == 2 * ROUNDS);
    assert_true(y == 2 * ROUNDS);

    perform_remove(&p);
}


/* Tells every count that was answered, until it is killed. */
static void
count_until_killed(int to)
{
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_ALWAYS);
    attach();

    for (unsigned i = 0; i < 1000; i++) {
        const char  *reply = perform_multi(&p, "INCR x;INCR z;INCR y", NULL,
                                           0);
        long long    x = strtoll(reply + 5, NULL, 10);

        (void) !write(to, &x, sizeof(x));
    }
}


/* What was answered is there, and x and y are one, whatever the moment. */
static void
all_or_nothing(void **state)
{
    long long  x, y, last = 0;

    (void) state;

    live_dir(&live);

    for (size_t i = 0; i < PERFORM_STEPS; i++) {
        last = perform_killed(perform_steps[i], count_until_killed, last);

        live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_ALWAYS);
        attach();
        pair_read(&x, &y);
        assert_true(x == y);
        assert_true(x == last || x == last + 1);
        last = x;
        perform_close(&p);
        live_detach_close(&live);
    }

    live_remove(&live);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(transactions_of_two_processes),
        cmocka_unit_test(all_or_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
