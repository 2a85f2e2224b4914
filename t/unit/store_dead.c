/*
 * store_dead.c - runs of dead keys that scans meet are soon gone.
 */

#include "disk.h"
#include "store/dead.h"

#define MEMORY  (32 * 1024 * 1024)
#define BATCH   500

static disk_t  disk;


static int
dead_setup(void **state)
{
    (void) state;
    disk_begin(&disk, MEMORY);
    disk.helper->table_bytes = 256 * 1024;

    return 0;
}


static int
dead_teardown(void **state)
{
    (void) state;
    disk_end(&disk);

    return 0;
}


/* One change for each key of [from, to), BATCH of them in an update. */
static void
change_all(unsigned from, unsigned to, fkv_action_e action, uint64_t expire_at)
{
    static char          names[BATCH][16];
    static fkv_change_t  changes[BATCH];

    while (from < to) {
        bool          done = false;
        unsigned      n = fkv__min(to - from, BATCH);
        fkv_update_t  u = { .store = disk.store, .changes = changes, .n = n,
                            .now_ms = fkv_now_ms(disk.store),
                            .op = { .on_done = live_done, .data = &done } };

        for (unsigned i = 0; i < n; i++) {
            (void) sprintf(names[i], "key%08u", from + i);

            changes[i] = (fkv_change_t) {
                .key = live_str(names[i]), .blind = true, .action = action,
                .value = FKV_STR("a value of some length"),
                .expire_at = expire_at
            };
        }

        assert_int_equal(live_wait(&disk.live, &u.op, fkv_update(&u), &done),
                         FKV_OK);
        from += n;

        /* What the helper's threads would do meanwhile. */

        disk_flush_sealed(&disk);

        while (fkv__recycle(disk.helper) == FKV_OK) {
            /* go on */
        }
    }
}


static int
count_entry(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    (void) key;
    (void) value;
    (*(unsigned *) scan->op.data)++;

    return FKV_OK;
}


static bool  scanned;


static void
on_scanned(fkv_op_t *op)
{
    (void) op;
    scanned = true;
}


/* A scan of everything; returns how many dead keys it passed. */
static uint64_t
scan(unsigned *entries)
{
    uint64_t    before = disk_count(&disk, FKV__STAT_scans_dead);
    fkv_scan_t  all = { .store = disk.store, .on_entry = count_entry,
                        .now_ms = fkv_now_ms(disk.store),
                        .op = { .on_done = on_scanned, .data = entries } };

    *entries = 0;
    scanned = false;

    assert_int_equal(live_wait(&disk.live, &all.op, fkv_scan(&all), &scanned),
                     FKV_OK);
    assert_true(all.complete);

    return disk_count(&disk, FKV__STAT_scans_dead) - before;
}


/* What a second of the helper does. */
static void
helper_works(void)
{
    disk_flush_sealed(&disk);
    (void) disk_compact(&disk);
}


static void
keys_deleted_one_by_one_do_not_slow_later_scans(void **state)
{
    enum { KEYS = 400000, FROM = 100000, TO = 200000 };
    unsigned  entries;
    uint64_t  written, bytes, dead;

    (void) state;

    change_all(0, KEYS, FKV_PUT, 0);
    disk_flush(&disk);
    (void) disk_compact(&disk);
    bytes = disk_state(&disk)->table_bytes;

    change_all(FROM, TO, FKV_DELETE, 0);
    helper_works();
    written = disk_count(&disk, FKV__STAT_compaction_written);

    dead = scan(&entries);
    assert_int_equal(entries, KEYS - (TO - FROM));
    assert_int_equal(dead, TO - FROM);
    helper_works();

    (void) scan(&entries);
    assert_int_equal(entries, KEYS - (TO - FROM));
    helper_works();

    dead = scan(&entries);
    assert_int_equal(entries, KEYS - (TO - FROM));
    assert_true(dead < FKV__DEAD_RUN);

    /* And the rest of the store was left alone. */

    written = disk_count(&disk, FKV__STAT_compaction_written) - written;
    assert_true(written < bytes / 4);
}


static void
nor_do_keys_that_never_left_memory(void **state)
{
    unsigned  entries;

    (void) state;

    change_all(0, 20000, FKV_PUT, 0);
    change_all(0, 20000, FKV_DELETE, 0);

    assert_int_equal(scan(&entries), 20000);
    helper_works();
    assert_true(scan(&entries) < FKV__DEAD_RUN);
    assert_int_equal(entries, 0);

    /* The memtables that scans pass over hide nothing that comes later. */

    change_all(500, 600, FKV_PUT, 0);
    assert_true(scan(&entries) < FKV__DEAD_RUN);
    assert_int_equal(entries, 100);
}


static void
nor_do_a_deleted_prefix_and_what_expired(void **state)
{
    unsigned      entries;
    bool          done = false;
    fkv_change_t  change = { .prefix = true, .key = FKV_STR("key0001"),
                             .action = FKV_DELETE };
    fkv_update_t  u = { .changes = &change, .n = 1,
                        .op = { .on_done = live_done, .data = &done } };

    (void) state;

    /* Some keys in the midst are newer, so that nothing can be jumped over. */

    change_all(0, 30000, FKV_PUT, 0);
    u.store = disk.store;
    assert_int_equal(live_wait(&disk.live, &u.op, fkv_update(&u), &done),
                     FKV_OK);
    change_all(15000, 15010, FKV_PUT, 0);
    change_all(30000, 50000, FKV_PUT, fkv_now_ms(disk.store) + 1000);
    disk_pass(&disk, 2000);

    assert_true(scan(&entries) >= 20000);
    assert_int_equal(entries, 20010);

    for (unsigned i = 0; i < 2; i++) {
        helper_works();
        (void) scan(&entries);
        assert_int_equal(entries, 20010);
    }

    assert_true(scan(&entries) < 2 * FKV__DEAD_RUN);
}


static void
nothing_is_dropped_that_somebody_may_read(void **state)
{
    unsigned     entries;
    fkv_lease_t  lease;
    uint64_t     lsn;
    fkv_scan_t   all = { .store = disk.store, .on_entry = count_entry,
                         .op = { .on_done = on_scanned, .data = &entries } };

    (void) state;

    change_all(0, 20000, FKV_PUT, 0);
    assert_int_equal(fkv_snapshot_take(disk.store, 1000000, 1, &lease, &lsn),
                     FKV_OK);
    change_all(0, 20000, FKV_DELETE, 0);

    for (unsigned i = 0; i < 3; i++) {
        (void) scan(&entries);
        assert_int_equal(entries, 0);
        helper_works();
    }

    all.lease = lease;
    all.now_ms = fkv_now_ms(disk.store);
    scanned = false;
    entries = 0;

    assert_int_equal(live_wait(&disk.live, &all.op, fkv_scan(&all), &scanned),
                     FKV_OK);
    assert_int_equal(entries, 20000);

    assert_int_equal(fkv_snapshot_drop(disk.store, &lease), FKV_OK);
    helper_works();
    (void) scan(&entries);
    helper_works();
    assert_true(scan(&entries) < FKV__DEAD_RUN);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
#define DEAD_TEST(name)                                                       \
        cmocka_unit_test_setup_teardown(name, dead_setup, dead_teardown)
        DEAD_TEST(keys_deleted_one_by_one_do_not_slow_later_scans),
        DEAD_TEST(nor_do_keys_that_never_left_memory),
        DEAD_TEST(nor_do_a_deleted_prefix_and_what_expired),
        DEAD_TEST(nothing_is_dropped_that_somebody_may_read),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
