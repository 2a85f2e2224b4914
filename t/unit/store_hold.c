/*
 * store_hold.c - snapshots that outlive operations, on a live store whose
 * tables are rewritten meanwhile.
 */

#include "disk.h"
#include "shared/lease.h"

#include <pthread.h>

#define MEMORY      FKV_MEMORY_MIN
#define MINUTE_MS   (60 * 1000)

static disk_t    disk;
static unsigned  seen[DISK_KEYS];       /* by a scan: a value, or 0 */


static int
hold_setup(void **state)
{
    (void) state;

    disk_begin(&disk, MEMORY);
    disk.helper->table_bytes = 16 * 1024;
    disk.helper->pick.base_bytes = 1024;

    return 0;
}


static int
hold_teardown(void **state)
{
    (void) state;
    disk_end(&disk);

    return 0;
}


static fkv_lease_t
take(uint64_t ttl_ms, uint64_t *lsn)
{
    fkv_lease_t  lease;

    assert_int_equal(fkv_snapshot_take(disk.store, ttl_ms,
                                       check_random(&disk.random), &lease,
                                       lsn), FKV_OK);

    return lease;
}


/* The value's number, 0 if there is none, or minus the code. */
static int
get_at(unsigned key, fkv_lease_t lease)
{
    bool       done = false;
    char       name[16];
    int        rc;
    unsigned   value = 0;
    fkv_get_t  get = { .store = disk.store, .lease = lease,
                       .now_ms = fkv_now_ms(disk.store),
                       .op = { .on_done = live_done, .data = &done } };

    disk_key(key, name);
    get.key = live_str(name);
    rc = live_wait(&disk.live, &get.op, fkv_get(&get), &done);

    if (rc == FKV_OK) {
        value = check_number(get.value.data, 0);
        check_str(get.value.data, disk_value(value));
    }

    fkv_get_done(&get);

    return (rc == FKV_OK || rc == FKV_NOTFOUND) ? (int) value : -rc;
}


static int
on_entry(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    unsigned  at = check_number(key, strlen("key"));

    (void) scan;

    assert_true(at < DISK_KEYS);
    seen[at] = check_number(value->data, 0);

    return FKV_OK;
}


static int
scan_run(fkv_scan_t *scan)
{
    bool  done = false;

    scan->store = disk.store;
    scan->now_ms = fkv_now_ms(disk.store);
    scan->on_entry = on_entry;
    scan->op.on_done = live_done;
    scan->op.data = &done;
    memset(seen, 0, sizeof(seen));

    return live_wait(&disk.live, &scan->op, fkv_scan(scan), &done);
}


/* All that the model knows of that moment, and nothing else, is seen. */
static void
check_at(fkv_lease_t lease, uint64_t lsn)
{
    fkv_scan_t  scan = { .lease = lease };

    assert_int_equal(scan_run(&scan), FKV_OK);
    assert_true(scan.complete);

    for (unsigned key = 0; key < DISK_KEYS; key++) {
        unsigned  want = disk_expected(&disk, key, lsn,
                                       fkv_now_ms(disk.store));

        assert_int_equal(seen[key], want);

        if (key % 7 == 0) {
            assert_int_equal(get_at(key, lease), want);
        }
    }
}


static unsigned
records(void)
{
    unsigned  got[DISK_KEYS], n;

    disk_read(&disk, UINT64_MAX, fkv_now_ms(disk.store), got, &n);

    return n;
}


static void
a_lease_goes_on_seeing_its_moment(void **state)
{
    fkv_lease_t  leases[3];
    uint64_t     lsn[3], left;

    (void) state;

    for (unsigned round = 0; round < 15; round++) {
        unsigned  i = round % 3;

        leases[i] = take(MINUTE_MS, &lsn[i]);
        disk_churn(&disk, 150, round % 2);
        disk_flush(&disk);
        (void) disk_compact(&disk);
        disk_pass(&disk, 1000);

        for (unsigned k = 0; k < 3 && k <= round; k++) {
            check_at(leases[k], lsn[k]);
        }
    }

    for (unsigned k = 0; k < 3; k++) {
        assert_int_equal(fkv_snapshot_drop(disk.store, &leases[k]), FKV_OK);
        assert_int_equal(get_at(1, leases[k]), -FKV_GONE);
        assert_int_equal(fkv_snapshot_renew(disk.store, &leases[k], 1000,
                                            false, &left), FKV_GONE);
    }

    assert_int_equal(disk.store->own->snapshot, 0);
    (void) disk_check(&disk, UINT64_MAX);
}


/* Ten versions of each key, two snapshots among them: three stay, then one. */
static void
what_nobody_can_see_is_dropped_at_once(void **state)
{
    fkv_lease_t  first, second;
    uint64_t     lsn;
    fkv_stats_t  stats;

    (void) state;

    for (unsigned version = 0; version < 10; version++) {
        for (unsigned key = 0; key < 30; key++) {
            disk_put(&disk, key);
        }

        if (version == 2) {
            first = take(MINUTE_MS, &lsn);
        }

        if (version == 6) {
            second = take(MINUTE_MS, &lsn);
        }
    }

    fkv_stats(disk.store, &stats);
    assert_int_equal(stats.leases, 2);
    assert_true(stats.snapshot_oldest != 0);
    assert_true(stats.snapshot_oldest < lsn);

    disk_flush(&disk);
    assert_int_equal(records(), 90);

    /* Into the next table, and merged with this one. */

    assert_int_equal(fkv_snapshot_drop(disk.store, &first), FKV_OK);
    disk_pass(&disk, MINUTE_MS);
    fkv_stats(disk.store, &stats);
    assert_int_equal(stats.leases, 0);
    assert_int_equal(stats.snapshot_oldest, 0);
    assert_int_equal(get_at(1, second), -FKV_GONE);

    for (unsigned table = 0; table < FKV__PICK_L0; table++) {
        disk_put(&disk, table);
        disk_flush(&disk);
    }

    assert_true(disk_compact(&disk) > 0);
    assert_int_equal(records(), 30);
}


static void
expired_and_foreign_leases_are_gone(void **state)
{
    uint64_t     lsn, left = 0;
    fkv_lease_t  lease = take(1000, &lsn), foreign;

    (void) state;

    disk_put(&disk, 1);
    assert_int_equal(get_at(1, lease), 0);

    foreign = lease;
    foreign.nonce ^= 1;
    assert_int_equal(get_at(1, foreign), -FKV_GONE);

    disk_pass(&disk, 900);
    assert_int_equal(fkv_snapshot_renew(disk.store, &lease, 500, false, &left),
                     FKV_OK);
    assert_int_equal(left, 500);
    disk_pass(&disk, 499);
    assert_int_equal(get_at(1, lease), 0);
    disk_pass(&disk, 1);
    assert_int_equal(get_at(1, lease), -FKV_GONE);
    assert_int_equal(fkv_snapshot_drop(disk.store, &lease), FKV_GONE);
}


/* The wall steps by an hour, both ways: leases are in boot time. */
static void
a_step_of_the_wall_ends_no_lease(void **state)
{
    uint64_t     lsn;
    fkv_lease_t  lease = take(1000, &lsn);

    (void) state;

    disk_put(&disk, 1);
    disk.stepped_ms += DISK_HOUR;
    fkv__clock_tick(disk.store);
    assert_int_equal(get_at(1, lease), 0);

    disk.stepped_ms -= DISK_HOUR;
    fkv__clock_tick(disk.store);
    assert_int_equal(get_at(1, lease), 0);

    disk_pass(&disk, 1000);
    assert_int_equal(get_at(1, lease), -FKV_GONE);
}


static void
a_raw_snapshot_below_the_floor_is_gone(void **state)
{
    uint64_t   lsn;
    int        rc;
    bool       done = false;
    fkv_get_t  get = { .store = disk.store, .key = live_str("key00001"),
                       .op = { .on_done = live_done, .data = &done } };

    (void) state;

    disk_put(&disk, 1);
    disk_settle(&disk);
    lsn = fkv__visible(disk.store);
    disk_put(&disk, 1);
    get.snapshot = lsn;
    rc = live_wait(&disk.live, &get.op, fkv_get(&get), &done);
    assert_int_equal(rc, FKV_OK);
    assert_int_equal(get.value.version, disk.writes[1][0].version);
    fkv_get_done(&get);

    disk_flush(&disk);
    get.snapshot = lsn;
    rc = live_wait(&disk.live, &get.op, fkv_get(&get), &done);
    assert_int_equal(rc, FKV_GONE);
    fkv_get_done(&get);
}


/* Pages of a listing: each holds the moment of the first for the next. */
static void
pages_see_one_moment(void **state)
{
    static unsigned  all[DISK_KEYS];
    uint64_t         lsn = 0;
    unsigned         pages = 0;
    char             last[16];
    fkv_stats_t      stats;
    fkv_scan_t       scan = { .lease_ms = MINUTE_MS, .nonce = 9, .limit = 50 };

    (void) state;

    for (unsigned key = 0; key < DISK_KEYS; key++) {
        disk_put(&disk, key);
    }

    disk_settle(&disk);
    lsn = fkv__visible(disk.store);

    do {
        assert_int_equal(scan_run(&scan), FKV_OK);

        for (unsigned key = 0; key < DISK_KEYS; key++) {
            if (seen[key] != 0) {
                assert_int_equal(all[key], 0);
                all[key] = seen[key];
                disk_key(key, last);
            }
        }

        scan.start = live_str(last);
        scan.after = true;
        pages++;

        disk_churn(&disk, 100, false);
        disk_flush(&disk);
        (void) disk_compact(&disk);
        disk_pass(&disk, MINUTE_MS - 1);
    } while (!scan.complete);

    assert_int_equal(pages, DISK_KEYS / 50);

    for (unsigned key = 0; key < DISK_KEYS; key++) {
        assert_int_equal(all[key], disk_expected(&disk, key, lsn, 0));
    }

    /* The last renewed nothing, and one page needs no lease. */

    disk_pass(&disk, 1);
    fkv_stats(disk.store, &stats);
    assert_int_equal(stats.leases, 0);

    scan = (fkv_scan_t) { .lease_ms = MINUTE_MS, .nonce = 9 };
    assert_int_equal(scan_run(&scan), FKV_OK);
    fkv_stats(disk.store, &stats);
    assert_int_equal(stats.leases, 0);
}


static void
a_full_table_is_an_answer(void **state)
{
    fkv_lease_t  lease;
    uint64_t     lsn;
    fkv_scan_t   scan = { .lease_ms = 1000, .limit = 1 };

    (void) state;

    disk_put(&disk, 1);
    disk_put(&disk, 2);

    for (unsigned i = 0; i < disk.store->seg->leases; i++) {
        (void) take(1000, &lsn);
    }

    assert_int_equal(fkv_snapshot_take(disk.store, 1000, 1, &lease, &lsn),
                     FKV_EFULL);
    assert_int_equal(scan_run(&scan), FKV_EFULL);
    disk_pass(&disk, 1000);
    assert_int_equal(scan_run(&scan), FKV_OK);
}


static bool  stop;

static void *
compact_on(void *arg)
{
    (void) arg;

    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        int  rc;

        (void) fkv__log_sync(disk.store);
        rc = fkv__flush(disk.helper);

        if (rc == FKV_END) {
            rc = fkv__compact(disk.helper);
        }

        (void) fkv__recycle(disk.helper);

        if (rc < 0) {
            return (void *) fkv_code_name(rc);
        }
    }

    return NULL;
}


/* The race: snapshots are taken, handed on and ended while tables change. */
static void
snapshots_are_taken_while_a_compaction_runs(void **state)
{
    pthread_t    thread;
    void        *wrong;
    fkv_lease_t  leases[4] = { { 0, 0 } };
    uint64_t     lsn[4], until = live_ms() + 4000;

    (void) state;

    stop = false;
    assert_int_equal(pthread_create(&thread, NULL, compact_on, NULL), 0);

    for (unsigned round = 0; live_ms() < until; round++) {
        unsigned  i = round % 4;

        disk_churn(&disk, 40, false);

        if (leases[i].id != 0) {
            check_at(leases[i], lsn[i]);
            (void) fkv_snapshot_drop(disk.store, &leases[i]);
        }

        if (round % 3 == 0) {
            fkv_scan_t  scan = { .lease_ms = MINUTE_MS, .limit = 1,
                                 .nonce = round };

            assert_int_equal(scan_run(&scan), FKV_OK);
            leases[i] = scan.lease;
            assert_int_equal(fkv__lease_find(disk.store->seg, &leases[i],
                                             DISK_HOUR, &lsn[i]), FKV_OK);

        } else {
            leases[i] = take(MINUTE_MS, &lsn[i]);
        }

        if (round % 8 == 0) {
            fkv__arena_seal(&disk.store->seg->arenas[fkv__set_arena(
                                disk.store->seg->state.memtables, 0)],
                            fkv__segment_arena(disk.store->seg,
                                fkv__set_arena(
                                    disk.store->seg->state.memtables, 0)));
        }
    }

    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(thread, &wrong), 0);
    assert_null(wrong);
    assert_true(disk_count(&disk, FKV__STAT_compactions) > 0);
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, hold_setup, hold_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(a_lease_goes_on_seeing_its_moment),
        TEST(what_nobody_can_see_is_dropped_at_once),
        TEST(expired_and_foreign_leases_are_gone),
        TEST(a_step_of_the_wall_ends_no_lease),
        TEST(a_raw_snapshot_below_the_floor_is_gone),
        TEST(pages_see_one_moment),
        TEST(a_full_table_is_an_answer),
        TEST(snapshots_are_taken_while_a_compaction_runs),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
