/*
 * store_pace.c - how fast writes may come in.
 */

#include "disk.h"

#include "store/pace.h"

#define MB  (1024 * 1024ull)

static disk_t  disk;


static int
pace_setup(void **state)
{
    (void) state;
    disk_begin(&disk, FKV_MEMORY_MIN);

    return 0;
}


static int
pace_teardown(void **state)
{
    (void) state;
    disk_end(&disk);

    return 0;
}


static void
the_rate_falls_smoothly_as_debt_grows(void **state)
{
    uint64_t  before;

    (void) state;

    assert_true(fkv__pace_rate(100 * MB, 10, 10, 20) == UINT64_MAX);
    assert_true(fkv__pace_rate(0, 15, 10, 20) == UINT64_MAX);

    before = fkv__pace_rate(100 * MB, 1001, 1000, 2000);
    assert_true(before > 299 * MB);
    assert_true(before <= 300 * MB);

    for (unsigned debt = 1002; debt < 4000; debt++) {
        uint64_t  rate = fkv__pace_rate(100 * MB, debt, 1000, 2000);

        assert_true(rate <= before);
        assert_true(before - rate < MB);
        before = rate;
    }

    assert_true(fkv__pace_rate(100 * MB, 2000, 1000, 2000) == 50 * MB);
    assert_true(fkv__pace_rate(100 * MB, 1ull << 60, 1000, 2000) > 0);
}


static void
owe(uint64_t bytes_a_second)
{
    fkv__pace_flushed(disk.store, MB, MB, 1000);
    disk_state(&disk)->pace_compact = bytes_a_second;
    disk_state(&disk)->pace_shrink = 1024;
    fkv__pace_debt(disk.store, FKV__PACE_COMPACT_HIGH * MB, MB);
}


static void
without_debt_nobody_waits(void **state)
{
    (void) state;

    for (unsigned key = 0; key < 100; key++) {
        disk_put(&disk, key);
    }

    assert_int_equal(disk_count(&disk, FKV__STAT_delays), 0);
    assert_true(fkv__pace_timeout_ms(disk.store) == -1);
}


/* At the high mark the rate is half of what is paid. */
static void
with_debt_writes_come_in_at_the_rate(void **state)
{
    uint64_t  begin, ms, bytes = 0, before;

    (void) state;

    owe(2 * MB);
    before = disk.store->seg->log.ready;
    begin = live_ms();

    while (bytes < MB / 4) {
        disk_put(&disk, (unsigned) (bytes % DISK_KEYS));
        bytes = disk.store->seg->log.ready - before;
    }

    ms = live_ms() - begin;

    assert_in_range(ms, 240, 2000);
    assert_true(disk_count(&disk, FKV__STAT_delays) > 20);
    assert_true(disk_count(&disk, FKV__STAT_delay_us) > 200000);
    assert_true(disk_state(&disk)->stall_max_us > 0);
}


static void
on_put(fkv_op_t *op)
{
    (*(unsigned *) op->data)++;
}


/* Those who come together go one after the other, and a timer says when. */
static void
waiting_writes_are_woken_by_the_timer(void **state)
{
    enum { N = 40 };
    static char          names[N][16];
    static fkv_change_t  changes[N];
    static fkv_update_t  updates[N];
    unsigned             done = 0, at_once = 0;
    uint64_t             begin;

    (void) state;

    owe(400 * 1024);
    begin = live_ms();

    for (unsigned i = 0; i < N; i++) {
        disk_key(i, names[i]);
        changes[i] = (fkv_change_t) { .blind = true, .action = FKV_PUT,
                                      .key = live_str(names[i]),
                                      .value = disk_value(142) };
        updates[i] = (fkv_update_t) { .store = disk.store, .n = 1,
                                      .changes = &changes[i], .now_ms = 1,
                                      .op = { .on_done = on_put,
                                              .data = &done } };
        at_once += (fkv_update(&updates[i]) == FKV_OK);
    }

    assert_true(at_once < 10);
    assert_in_range(fkv__pace_timeout_ms(disk.store), 0, 50);
    assert_true(fkv_timeout_ms(disk.store) <= 50);

    while (done + at_once < N) {
        live_loop(&disk.live, 1000);
        assert_true(live_ms() - begin < 10000);
    }

    assert_true(live_ms() - begin >= 150);
    assert_int_equal(fkv_in_flight(disk.store), 0);
    assert_true(fkv__pace_timeout_ms(disk.store) == -1);
}


static void
a_process_may_go_while_its_writes_wait(void **state)
{
    static fkv_change_t  change;
    static fkv_update_t  updates[3];
    unsigned             done = 0;

    (void) state;

    owe(1024);
    change = (fkv_change_t) { .blind = true, .action = FKV_PUT,
                              .key = live_str("k"), .value = live_str("v") };

    for (unsigned i = 0; i < 3; i++) {
        updates[i] = (fkv_update_t) { .store = disk.store, .n = 1,
                                      .changes = &change, .now_ms = 1,
                                      .op = { .on_done = on_put,
                                              .data = &done } };
        (void) fkv_update(&updates[i]);
    }

    assert_false(fkv__list_empty(&disk.store->paced));
    disk_close(&disk);
    assert_int_equal(done, 0);
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, pace_setup, pace_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(the_rate_falls_smoothly_as_debt_grows),
        TEST(without_debt_nobody_waits),
        TEST(with_debt_writes_come_in_at_the_rate),
        TEST(waiting_writes_are_woken_by_the_timer),
        TEST(a_process_may_go_while_its_writes_wait),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
