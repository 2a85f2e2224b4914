/*
 * extensions_roll.c - processes that read the catalog, and die.
 */

#include "check.h"
#include "extensions/roll.h"


/* A child in this slot that has read this, and waits to be killed. */
static pid_t
child(fkv_roll_t *roll, unsigned slot, uint64_t read_it)
{
    int    ready[2];
    char   c;
    pid_t  pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();

    if (pid == 0) {
        fkv_roll_attach(roll, slot);
        fkv_roll_read(roll, read_it);
        _exit(write(ready[1], "x", 1) == 1 && pause());
    }

    assert_int_equal(read(ready[0], &c, 1), 1);
    (void) close(ready[0]);
    (void) close(ready[1]);

    return pid;
}


static void
end(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}


static void
all_have_read_it_when_the_last_one_has(void **state)
{
    fkv_roll_t  *roll = fkv_roll_open();
    pid_t        slow, fast;

    (void) state;

    assert_non_null(roll);
    assert_int_equal(fkv_roll_generation(roll), 0);
    assert_true(fkv_roll_all_read(roll, 5));

    slow = child(roll, 3, 4);
    fast = child(roll, 9, 7);
    assert_int_equal(fkv_roll_generation(roll), 7);
    assert_true(fkv_roll_all_read(roll, 4));
    assert_false(fkv_roll_all_read(roll, 5));

    fkv_roll_attach(roll, 1);
    assert_false(fkv_roll_all_read(roll, 1));
    fkv_roll_read(roll, 6);
    assert_int_equal(fkv_roll_generation(roll), 7);

    /* who has died reads nothing any more */
    end(slow);
    assert_true(fkv_roll_all_read(roll, 6));
    assert_false(fkv_roll_all_read(roll, 7));
    fkv_roll_detach(roll);
    assert_true(fkv_roll_all_read(roll, 7));

    end(fast);
    fkv_roll_close(roll);
}


static void
older_configurations_end_with_their_processes(void **state)
{
    fkv_roll_t  *roll = fkv_roll_open();
    pid_t        old, young;

    (void) state;

    fkv_roll_configure(roll);
    old = child(roll, 0, 1);
    assert_true(fkv_roll_newest_only(roll));

    fkv_roll_configure(roll);
    young = child(roll, 1, 1);
    assert_false(fkv_roll_newest_only(roll));
    end(old);
    assert_true(fkv_roll_newest_only(roll));

    end(young);
    fkv_roll_close(roll);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(all_have_read_it_when_the_last_one_has),
        cmocka_unit_test(older_configurations_end_with_their_processes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
