/*
 * store_ranges.c - range deletes against a model of every key's versions, in
 * memory, in tables on all levels, at snapshots, after reopening.
 */

#include "disk.h"
#include "store/scan.h"

#define MEMORY  FKV_MEMORY_MIN

static disk_t  disk;


static int
ranges_setup(void **state)
{
    (void) state;

    disk_begin(&disk, MEMORY);

    /* Levels so small that a few hundred keys fill several. */

    disk.helper->table_bytes = 16 * 1024;
    disk.helper->pick.base_bytes = 1024;

    return 0;
}


static int
ranges_teardown(void **state)
{
    (void) state;
    disk_end(&disk);

    return 0;
}


/* Two snapshots may be held at a time. */
static fkv_lease_t  leases[2];


static uint64_t
hold(unsigned i)
{
    uint64_t  lsn;

    assert_int_equal(fkv_snapshot_take(disk.store, 1000000, 1, &leases[i],
                                       &lsn), FKV_OK);

    return lsn;
}


static void
let_go(unsigned i)
{
    assert_int_equal(fkv_snapshot_drop(disk.store, &leases[i]), FKV_OK);
}


typedef struct {
    fkv_scan_t  scan;
    bool        done;
    unsigned    got[DISK_KEYS];
    unsigned    entries;
} look_t;


static int
look_entry(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    look_t    *look = fkv__container(scan, look_t, scan);
    unsigned   number = check_number(key, strlen("key"));

    assert_true(number < DISK_KEYS);
    look->got[number] = check_number(value->data, 0);
    check_str(value->data, disk_value(look->got[number]));
    look->entries++;

    return FKV_OK;
}


static void
look_done(fkv_op_t *op)
{
    fkv__container(fkv__container(op, fkv_scan_t, op), look_t, scan)->done
        = true;
}


/* What a scan of everything gives agrees with the model. */
static unsigned
check_scan(uint64_t snapshot, fkv_lease_t lease)
{
    uint64_t  until = live_ms() + 20000;
    look_t    look = { .scan = { .store = disk.store, .lease = lease,
                                 .now_ms = fkv_now_ms(disk.store),
                                 .on_entry = look_entry,
                                 .op = { .on_done = look_done } } };
    int       rc = fkv_scan(&look.scan);

    while (rc == FKV_AGAIN && !look.done) {
        live_loop(&disk.live, 100);
        assert_true(live_ms() < until);
    }

    if (rc == FKV_AGAIN) {
        rc = look.scan.op.rc;
    }

    assert_int_equal(rc, FKV_OK);
    assert_true(look.scan.complete);

    for (unsigned key = 0; key < DISK_KEYS; key++) {
        unsigned  want = disk_expected(&disk, key, snapshot != 0 ? snapshot
                                       : UINT64_MAX, look.scan.now_ms);

        if (look.got[key] != want) {
            fail_msg("scan at %llu, key %u: %u, not %u",
                     (unsigned long long) snapshot, key, look.got[key], want);
        }
    }

    return look.entries;
}


static unsigned
check_now(void)
{
    return check_scan(0, (fkv_lease_t) { 0 });
}


/* Scan and gets at what is held. */
static void
check_held(uint64_t snapshot, unsigned i)
{
    (void) check_scan(snapshot, leases[i]);

    for (unsigned key = 0; key < DISK_KEYS; key++) {
        bool       done = false;
        char       name[16];
        unsigned   got = 0, want;
        fkv_get_t  get = { .store = disk.store, .lease = leases[i],
                           .now_ms = fkv_now_ms(disk.store),
                           .op = { .on_done = live_done, .data = &done } };

        disk_key(key, name);
        get.key = live_str(name);
        want = disk_expected(&disk, key, snapshot, get.now_ms);

        if (live_wait(&disk.live, &get.op, fkv_get(&get), &done) == FKV_OK) {
            got = check_number(get.value.data, 0);
        }

        fkv_get_done(&get);

        if (got != want) {
            fail_msg("get at %llu, key %u: %u, not %u",
                     (unsigned long long) snapshot, key, got, want);
        }
    }
}


static void
recycle(void)
{
    while (fkv__recycle(disk.helper) == FKV_OK) {
        /* go on */
    }
}


static unsigned
ranges_in_version(void)
{
    fkv__version_t  *version;
    unsigned         n;

    assert_int_equal(fkv__helper_version(disk.helper, &version), FKV_OK);
    n = (version->ranges != NULL) ? version->ranges->n : 0;
    fkv__version_unpin(version);

    return n;
}


/* Now and then: puts and deletes in between, and a prefix of some length. */
static void
churn_ranges(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        char      prefix[16];
        unsigned  length;

        disk_churn(&disk, (unsigned) (check_random(&disk.random) % 40), false);

        disk_key((unsigned) (check_random(&disk.random) % DISK_KEYS), prefix);
        length = 5 + (unsigned) (check_random(&disk.random) % 4);
        prefix[length] = '\0';
        disk_delete_prefix(&disk, prefix);
    }
}


static void
a_set_answers_as_if_all_were_looked_at(void **state)
{
    enum { N = 60 };
    static char     names[100][4];
    fkv__range_t    list[N];
    uint64_t        random = 1;
    fkv__ranges_t  *set;

    (void) state;

    assert_int_equal(fkv__ranges_new(&set, NULL, 0), FKV_OK);
    assert_null(set);
    assert_null(fkv__ranges_newest(set, FKV_STR("k"), FKV_STR("k"),
                                   UINT64_MAX));

    for (unsigned i = 0; i < 100; i++) {
        (void) sprintf(names[i], "k%02u", i);
    }

    for (unsigned round = 0; round < 50; round++) {
        unsigned  n = 1 + (unsigned) (check_random(&random) % N);

        for (unsigned i = 0; i < n; i++) {
            unsigned  begin = (unsigned) (check_random(&random) % 99);

            list[i].begin = live_str(names[begin]);
            list[i].end = live_str(names[begin + 1
                                         + check_random(&random)
                                           % (99 - begin)]);
            list[i].version = 1 + i * 7 % n + n * (i * 7 / n);
        }

        assert_int_equal(fkv__ranges_new(&set, list, n), FKV_OK);

        for (unsigned ask = 0; ask < 300; ask++) {
            unsigned             from, to;
            uint64_t             below = check_random(&random) % (8 * N);
            const fkv__range_t  *want = NULL, *got;

            from = (unsigned) (check_random(&random) % 100);
            to = from + (unsigned) (check_random(&random) % (100 - from));
            to = (ask % 2 == 0) ? from : to;

            for (unsigned i = 0; i < n; i++) {
                if (list[i].version < below
                    && fkv__range_has(&list[i], live_str(names[from]))
                    && fkv__range_has(&list[i], live_str(names[to]))
                    && (want == NULL || list[i].version > want->version))
                {
                    want = &list[i];
                }
            }

            got = fkv__ranges_newest(set, live_str(names[from]),
                                     live_str(names[to]), below);

            assert_int_equal(got == NULL, want == NULL);
            assert_true(got == NULL || got->version == want->version);
        }

        fkv__ranges_unpin(set);
    }
}


static void
a_deleted_prefix_is_gone_and_the_rest_stays(void **state)
{
    (void) state;

    for (unsigned key = 0; key < DISK_KEYS; key++) {
        disk_put(&disk, key);
    }

    disk_delete_prefix(&disk, "key001");
    disk_put(&disk, 150);
    disk_delete_prefix(&disk, "none");

    assert_int_equal(check_now(), DISK_KEYS - 99);
    disk_check_gets(&disk);
    assert_int_equal(disk_count(&disk, FKV__STAT_range_deletes), 2);

    disk_delete_prefix(&disk, "");
    assert_int_equal(check_now(), 0);
    disk_check_gets(&disk);
}


static void
memory_and_tables_agree_with_the_model(void **state)
{
    uint64_t  held[2] = { 0, 0 };

    (void) state;

    for (unsigned round = 0; round < 60; round++) {
        churn_ranges(1 + round % 7);

        if (round % 3 == 0) {
            disk_flush(&disk);
        }

        if (round % 5 == 0) {
            (void) disk_compact(&disk);
        }

        (void) check_now();

        for (unsigned i = 0; i < 2; i++) {
            if (held[i] != 0) {
                check_held(held[i], i);
            }

            if (round % 10 == 4 - i) {
                held[i] = hold(i);

            } else if (held[i] != 0 && round % 10 == 9 - 2 * i) {
                held[i] = 0;
                let_go(i);
            }
        }
    }

    disk_check_gets(&disk);
    disk_flush(&disk);
    (void) disk_compact(&disk);
    (void) check_now();
    disk_check_gets(&disk);
    assert_true(disk_count(&disk, FKV__STAT_range_dropped) > 0);
}


static void
nothing_comes_back_after_reopening(void **state)
{
    (void) state;

    for (unsigned life = 0; life < 8; life++) {
        churn_ranges(6);

        if (life % 2 == 1) {
            disk_flush(&disk);
            churn_ranges(3);
        }

        disk_settle(&disk);
        disk_close(&disk);
        disk_open(&disk, MEMORY);
        disk_attach(&disk);
        (void) check_now();
        disk_check_gets(&disk);

        if (life % 3 == 2) {
            (void) disk_compact(&disk);
            (void) check_now();
        }
    }
}


static void
a_snapshot_from_before_sees_everything(void **state)
{
    uint64_t  before;

    (void) state;

    for (unsigned key = 0; key < DISK_KEYS; key++) {
        disk_put(&disk, key);

        if (key == 300) {
            disk_flush(&disk);
            (void) disk_compact(&disk);
        }
    }

    before = hold(0);
    disk_delete_prefix(&disk, "");

    disk_flush(&disk);
    (void) disk_compact(&disk);
    assert_int_equal(check_now(), 0);
    check_held(before, 0);
    assert_int_equal(ranges_in_version(), 1);

    let_go(0);
    (void) disk_compact(&disk);
    assert_int_equal(check_now(), 0);
    assert_int_equal(disk_state(&disk)->tables, 0);
    assert_int_equal(ranges_in_version(), 0);
}


static void
a_deleted_prefix_gives_its_space_back(void **state)
{
    unsigned  tables;
    uint64_t  written;

    (void) state;

    for (unsigned key = 0; key < DISK_KEYS; key++) {
        disk_put(&disk, key);
    }

    disk_flush(&disk);

    for (unsigned i = 0; i < FKV__PICK_L0; i++) {
        disk_put(&disk, 0);
        disk_put(&disk, DISK_KEYS - 1);
        disk_flush(&disk);
    }

    (void) disk_compact(&disk);
    tables = (unsigned) disk_state(&disk)->tables;
    assert_true(tables > 8);

    /* Only the table that it cuts is written anew, 16 KiB of it. */

    written = disk_count(&disk, FKV__STAT_compaction_written);
    disk_delete_prefix(&disk, "key003");
    disk_delete_prefix(&disk, "key004");
    disk_delete_prefix(&disk, "key005");
    disk_put(&disk, 7);
    disk_flush(&disk);
    (void) disk_compact(&disk);

    assert_int_equal(check_now(), 300);
    assert_true(disk_state(&disk)->tables <= tables / 2 + 2);
    assert_true(disk_count(&disk, FKV__STAT_compaction_written) - written
                < 2 * 17 * 1024);
    assert_true(disk_count(&disk, FKV__STAT_range_dropped) > 290);
    assert_int_equal(disk_files(&disk), disk_state(&disk)->tables);

    disk_delete_prefix(&disk, "");
    disk_flush(&disk);
    (void) disk_compact(&disk);
    assert_int_equal(disk_state(&disk)->tables, 0);
    assert_int_equal(disk_files(&disk), 0);
    assert_int_equal(ranges_in_version(), 0);
}


static int
run_update(fkv_update_t *u, bool *done)
{
    u->store = disk.store;
    u->now_ms = fkv_now_ms(disk.store);
    u->op = (fkv_op_t) { .on_done = live_done, .data = done };

    return live_wait(&disk.live, &u->op, fkv_update(u), done);
}


static void
changes_of_a_batch_take_effect_in_their_order(void **state)
{
    bool           done = false;
    char           text[8];
    fkv_change_t   changes[3] = {
        { .key = FKV_STR("a:1"), .blind = true, .action = FKV_PUT,
          .value = FKV_STR("old") },
        { .key = FKV_STR("a:"), .prefix = true, .action = FKV_DELETE },
        { .key = FKV_STR("a:2"), .blind = true, .action = FKV_PUT,
          .value = FKV_STR("new") }
    };
    fkv_update_t   u = { .changes = changes, .n = 3 };

    (void) state;

    assert_int_equal(run_update(&u, &done), FKV_OK);
    assert_true(changes[0].version < changes[1].version);
    assert_true(changes[1].version < changes[2].version);

    assert_int_equal(live_get(&disk.live, "a:1", text, 8), FKV_NOTFOUND);
    assert_int_equal(live_get(&disk.live, "a:2", text, 8), FKV_OK);

    disk_close(&disk);
    disk_open(&disk, MEMORY);
    disk_attach(&disk);

    assert_int_equal(live_get(&disk.live, "a:1", text, 8), FKV_NOTFOUND);
    assert_int_equal(live_get(&disk.live, "a:2", text, 8), FKV_OK);
    assert_string_equal(text, "new");
}


static unsigned  decided;


/* While the first try thinks, somebody deletes everything. */
static int
decide_and_delete(fkv_update_t *u)
{
    if (decided++ == 0) {
        assert_true(u->changes[0].exists);
        disk_delete_prefix(&disk, "");

    } else {
        assert_false(u->changes[0].exists);
    }

    u->changes[0].action = FKV_PUT;
    u->changes[0].value = FKV_STR("v");

    return FKV_OK;
}


static void
a_read_modify_write_sees_range_deletes(void **state)
{
    bool           done;
    int64_t        value;
    fkv_change_t   change = { .key = FKV_STR("n") };
    fkv_update_t   u = { .changes = &change, .n = 1,
                         .decide = decide_and_delete };

    (void) state;

    for (unsigned in_table = 0; in_table < 2; in_table++) {
        assert_int_equal(live_incr(&disk.live, "n", 5, &value), FKV_OK);

        if (in_table) {
            disk_flush(&disk);
            recycle();
        }

        disk_delete_prefix(&disk, "n");
        assert_int_equal(live_incr(&disk.live, "n", 2, &value), FKV_OK);
        assert_int_equal(value, 2);

        decided = 0;
        done = false;
        assert_int_equal(run_update(&u, &done), FKV_OK);
        assert_int_equal(decided, 2);
        disk_delete_prefix(&disk, "n");
    }

    assert_int_equal(disk_count(&disk, FKV__STAT_conflicts), 2);
}


static void
namespaces_are_apart(void **state)
{
    bool           done = false;
    char           text[8];
    fkv_change_t   change = { .ns = FKV_NAMESPACE_CACHE, .prefix = true,
                              .action = FKV_DELETE };
    fkv_update_t   u = { .changes = &change, .n = 1 };

    (void) state;

    assert_int_equal(live_put(&disk.live, "\xff\xff", "v"), FKV_OK);
    assert_int_equal(live_put(&disk.live, "\x01", "v"), FKV_OK);
    assert_int_equal(run_update(&u, &done), FKV_OK);
    assert_int_equal(live_get(&disk.live, "\x01", text, 8), FKV_OK);

    change.ns = 0;
    change.key = FKV_STR("\xff");
    done = false;
    assert_int_equal(run_update(&u, &done), FKV_OK);
    assert_int_equal(live_get(&disk.live, "\xff\xff", text, 8), FKV_NOTFOUND);
    assert_int_equal(live_get(&disk.live, "\x01", text, 8), FKV_OK);

    change.ns = FKV_NAMESPACES;
    assert_int_equal(run_update(&u, &done), FKV_EINVAL);
}


static void
many_of_them_end_a_memtable(void **state)
{
    fkv__segment_shm_t  *seg = disk.store->seg;

    (void) state;

    for (unsigned key = 0; key < DISK_KEYS; key++) {
        disk_put(&disk, key);
    }

    for (unsigned i = 0; i < 3 * FKV__MEMTABLE_RANGES; i++) {
        char  prefix[16];

        disk_key(i, prefix);
        disk_delete_prefix(&disk, prefix);
        disk_put(&disk, i % 7);
        recycle();
    }

    assert_true(fkv__set_count(seg->state.memtables) >= 3);
    (void) check_now();
    disk_check_gets(&disk);

    disk_flush(&disk);
    (void) disk_compact(&disk);
    (void) check_now();
    disk_check_gets(&disk);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(a_set_answers_as_if_all_were_looked_at),
#define RANGES_TEST(name)                                                     \
        cmocka_unit_test_setup_teardown(name, ranges_setup, ranges_teardown)
        RANGES_TEST(a_deleted_prefix_is_gone_and_the_rest_stays),
        RANGES_TEST(memory_and_tables_agree_with_the_model),
        RANGES_TEST(nothing_comes_back_after_reopening),
        RANGES_TEST(a_snapshot_from_before_sees_everything),
        RANGES_TEST(a_deleted_prefix_gives_its_space_back),
        RANGES_TEST(changes_of_a_batch_take_effect_in_their_order),
        RANGES_TEST(a_read_modify_write_sees_range_deletes),
        RANGES_TEST(namespaces_are_apart),
        RANGES_TEST(many_of_them_end_a_memtable),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
