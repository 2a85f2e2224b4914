/*
 * store_twin.c - a second handle of a process, and what its end costs.
 */

#include "live.h"

#include "store/twin.h"

static live_t  live;


static int
setup(void **state)
{
    (void) state;

    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_EVERYSEC);
    live_attach(&live, FKV_WORKER);
    assert_int_equal(live_put(&live, "key", "value"), FKV_OK);

    return 0;
}


static int
teardown(void **state)
{
    (void) state;

    live_detach_close(&live);
    live_remove(&live);

    return 0;
}


static uint64_t
durable(void)
{
    return __atomic_load_n(&live.store->seg->log.durable, __ATOMIC_ACQUIRE);
}


static uint64_t
ready(void)
{
    return __atomic_load_n(&live.store->seg->log.ready, __ATOMIC_ACQUIRE);
}


static fkv_t *
twin_open(void)
{
    fkv_t  *twin;

    if (fkv__twin_open(&twin, live.store, live.error) != FKV_OK) {
        fail_msg("open: %s", live.error);
    }

    return twin;
}


/* Else each merge of a store with elements would wait for the disk. */
static void
who_only_reads_leaves_the_log_alone(void **state)
{
    fkv_t     *twin = twin_open();
    fkv_get_t  get = { .store = twin, .key = live_str("key"),
                       .now_ms = fkv_now_ms(twin),
                       .op = { .on_done = fkv__twin_done } };

    (void) state;

    assert_true(durable() < ready());
    assert_int_equal(fkv__twin_wait(twin, &get.op, fkv_get(&get), NULL),
                     FKV_OK);
    check_str(get.value.data, live_str("value"));
    fkv_get_done(&get);

    for (unsigned i = 0; i < 5; i++) {
        fkv__twin_turn(twin, 1);
    }

    fkv_twin_close(twin);
    assert_true(durable() < ready());
}


static void
who_has_written_brings_it_to_disk(void **state)
{
    fkv_t         *twin = twin_open();
    fkv_change_t   change = { .key = live_str("own"), .blind = true,
                              .action = FKV_PUT, .value = live_str("too") };
    fkv_update_t   u = { .store = twin, .changes = &change, .n = 1,
                         .now_ms = fkv_now_ms(twin),
                         .op = { .on_done = fkv__twin_done } };

    (void) state;

    assert_int_equal(fkv__twin_wait(twin, &u.op, fkv_update(&u), NULL),
                     FKV_OK);
    fkv_twin_close(twin);
    assert_int_equal(durable(), ready());
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(who_only_reads_leaves_the_log_alone,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(who_has_written_brings_it_to_disk,
                                        setup, teardown)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
