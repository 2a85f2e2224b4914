/*
 * shared_latch.c - latches: all or none, one holder, named.
 */

#include "check.h"
#include "shared/latch.h"

#include <pthread.h>

#define ROUNDS  20000

static fkv__segment_shm_t  *seg;
static uint64_t             counters[3];


static int
segment_setup(void **state)
{
    (void) state;
    return fkv__segment_create(4 * 1024 * 1024, &seg);
}


static int
segment_teardown(void **state)
{
    (void) state;
    fkv__segment_unmap(seg);
    return 0;
}


static void
stripes_are_sorted_and_distinct(void **state)
{
    uint32_t  stripes[] = { 9, 3, 9, 1, 3, 4095, 1 };

    (void) state;

    assert_int_equal(fkv__latch_sort(stripes, 7), 4);
    assert_int_equal(stripes[0], 1);
    assert_int_equal(stripes[1], 3);
    assert_int_equal(stripes[2], 9);
    assert_int_equal(stripes[3], 4095);
}


static void
all_are_taken_or_none_and_the_blocker_is_named(void **state)
{
    uint32_t  mine[] = { 5 }, yours[] = { 4, 5, 6 }, rest[] = { 4, 6 };
    unsigned  blocker = 0;

    (void) state;

    assert_int_equal(fkv__latch_take(seg, mine, 1, 17, &blocker), FKV_OK);
    assert_int_equal(fkv__latch_take(seg, yours, 3, 2, &blocker), FKV_EBUSY);
    assert_int_equal(blocker, 17);

    assert_int_equal(fkv__latch_take(seg, rest, 2, 3, &blocker), FKV_OK);
    fkv__latch_drop(seg, rest, 2);

    fkv__latch_drop(seg, mine, 1);
    assert_int_equal(fkv__latch_take(seg, yours, 3, 2, &blocker), FKV_OK);
    fkv__latch_drop(seg, yours, 3);
}


static void
the_reaper_frees_the_latches_of_one_slot_only(void **state)
{
    uint32_t  dead[] = { 1, 2 }, alive[] = { 3 };
    unsigned  blocker;

    (void) state;

    assert_int_equal(fkv__latch_take(seg, dead, 2, 10, &blocker), FKV_OK);
    assert_int_equal(fkv__latch_take(seg, alive, 1, 11, &blocker), FKV_OK);

    fkv__latch_drop_all(seg, 10);

    assert_int_equal(fkv__latch_take(seg, dead, 2, 12, &blocker), FKV_OK);
    assert_int_equal(fkv__latch_take(seg, alive, 1, 12, &blocker), FKV_EBUSY);
    assert_int_equal(blocker, 11);

    fkv__latch_drop(seg, dead, 2);
    fkv__latch_drop(seg, alive, 1);
}


static void *
count_under_latches(void *data)
{
    unsigned  blocker, slot = (unsigned) (uintptr_t) data;
    uint32_t  stripes[] = { 100, 101, 102 };

    for (unsigned i = 0; i < ROUNDS; i++) {
        while (fkv__latch_take(seg, stripes, 3, slot, &blocker) != FKV_OK) {
            assert_int_not_equal(blocker, slot);
        }

        for (unsigned k = 0; k < 3; k++) {
            counters[k]++;
        }

        fkv__latch_drop(seg, stripes, 3);
    }

    return NULL;
}


static void
holders_exclude_each_other(void **state)
{
    pthread_t  threads[2];

    (void) state;

    for (uintptr_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL,
                                        count_under_latches, (void *) i), 0);
    }

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }

    for (unsigned k = 0; k < 3; k++) {
        assert_int_equal(counters[k], 2 * ROUNDS);
    }
}


static void
the_gate_is_all_latches_at_once(void **state)
{
    uint32_t  one[] = { 77 };
    unsigned  blocker = 0;

    (void) state;

    assert_int_equal(fkv__latch_take(seg, one, 1, 4, &blocker), FKV_OK);
    assert_int_equal(fkv__latch_take_gate(seg, 5, &blocker), FKV_EBUSY);
    assert_int_equal(blocker, 4);
    fkv__latch_drop(seg, one, 1);

    assert_int_equal(fkv__latch_take_gate(seg, 5, &blocker), FKV_OK);
    assert_int_equal(fkv__latch_take(seg, one, 1, 4, &blocker), FKV_EBUSY);
    assert_int_equal(blocker, 5);
    assert_int_equal(fkv__latch_take_gate(seg, 6, &blocker), FKV_EBUSY);
    assert_int_equal(blocker, 5);

    fkv__latch_drop_gate(seg);
    assert_int_equal(fkv__latch_take(seg, one, 1, 4, &blocker), FKV_OK);
    fkv__latch_drop(seg, one, 1);
}


static void
the_gate_of_the_dead_is_freed(void **state)
{
    uint32_t  one[] = { 3 };
    unsigned  blocker;

    (void) state;

    assert_int_equal(fkv__latch_take_gate(seg, 9, &blocker), FKV_OK);
    fkv__latch_drop_all(seg, 8);
    assert_int_equal(fkv__latch_take(seg, one, 1, 4, &blocker), FKV_EBUSY);

    fkv__latch_drop_all(seg, 9);
    assert_int_equal(fkv__latch_take(seg, one, 1, 4, &blocker), FKV_OK);
    fkv__latch_drop(seg, one, 1);
}


/* One takes the gate, the other single latches, in turns without a plan. */
static void *
count_behind_the_gate(void *data)
{
    unsigned  blocker, slot = (unsigned) (uintptr_t) data;
    uint32_t  stripe[] = { 100 };

    for (unsigned i = 0; i < ROUNDS; i++) {
        if (slot == 0) {
            while (fkv__latch_take_gate(seg, slot, &blocker) != FKV_OK) {
                assert_int_equal(blocker, 1);
            }

            counters[0]++;
            fkv__latch_drop_gate(seg);
            continue;
        }

        while (fkv__latch_take(seg, stripe, 1, slot, &blocker) != FKV_OK) {
            assert_int_equal(blocker, 0);
        }

        counters[0]++;
        fkv__latch_drop(seg, stripe, 1);
    }

    return NULL;
}


static void
the_gate_and_latches_exclude_each_other(void **state)
{
    pthread_t  threads[2];

    (void) state;

    counters[0] = 0;

    for (uintptr_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL,
                                        count_behind_the_gate, (void *) i), 0);
    }

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }

    assert_int_equal(counters[0], 2 * ROUNDS);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(stripes_are_sorted_and_distinct),
        cmocka_unit_test(all_are_taken_or_none_and_the_blocker_is_named),
        cmocka_unit_test(the_reaper_frees_the_latches_of_one_slot_only),
        cmocka_unit_test(holders_exclude_each_other),
        cmocka_unit_test(the_gate_is_all_latches_at_once),
        cmocka_unit_test(the_gate_of_the_dead_is_freed),
        cmocka_unit_test(the_gate_and_latches_exclude_each_other),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, segment_setup, segment_teardown);
}
