/*
 * store_usage.c - what is said of each namespace, against a model that counts.
 */

#include "disk.h"
#include "store/usage.h"

#define MEMORY  FKV_MEMORY_MIN
#define KEYS    300

static const unsigned  spaces[] = { 0, 3, FKV_NAMESPACE_CACHE };

#define SPACES  (sizeof(spaces) / sizeof(spaces[0]))

static disk_t    disk;
static uint64_t  held[SPACES][KEYS];    /* bytes of a key, 0 = none */


static int
usage_setup(void **state)
{
    (void) state;

    memset(held, 0, sizeof(held));
    disk_begin(&disk, MEMORY);

    /* Levels so small that a few hundred keys fill several. */

    disk.helper->table_bytes = 16 * 1024;
    disk.helper->pick.base_bytes = 1024;

    return 0;
}


static int
usage_teardown(void **state)
{
    (void) state;
    disk_end(&disk);

    return 0;
}


static void
change(unsigned space, const char *name, fkv_action_e action, size_t len,
    bool prefix)
{
    static uint8_t  bytes[1000];
    bool            done = false;
    fkv_change_t    c = { .ns = spaces[space], .key = live_str(name),
                          .action = action, .prefix = prefix,
                          .value = { bytes, len } };
    fkv_update_t    u = { .store = disk.store, .changes = &c, .n = 1,
                          .now_ms = fkv_now_ms(disk.store),
                          .op = { .on_done = live_done, .data = &done } };

    assert_int_equal(live_wait(&disk.live, &u.op, fkv_update(&u), &done),
                     FKV_OK);
}


static void
put(unsigned space, unsigned key, size_t len)
{
    char  name[16];

    disk_key(key, name);
    change(space, name, FKV_PUT, len, false);
    held[space][key] = strlen(name) + 3 + len;
}


static void
delete(unsigned space, unsigned key)
{
    char  name[16];

    disk_key(key, name);
    change(space, name, FKV_DELETE, 0, false);
    held[space][key] = 0;
}


/* Overwrites are most of it, and few keys get most of them. */
static void
churn(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned  space = (unsigned) (check_random(&disk.random) % SPACES);
        unsigned  key = (unsigned) (check_random(&disk.random) % KEYS);

        if (check_random(&disk.random) % 2 != 0) {
            key %= 10;
        }

        if (check_random(&disk.random) % 4 == 0) {
            delete(space, key);

        } else {
            put(space, key, (size_t) (check_random(&disk.random) % 1000));
        }
    }
}


/* The sums themselves, before bytes of keys and values become those of disk. */
static void
sums(unsigned ns, int64_t *keys, int64_t *bytes)
{
    const fkv__segment_shm_t  *seg = disk.store->seg;
    uint64_t                   set = seg->state.memtables;

    *keys = (int64_t) seg->state.usage[ns].keys;
    *bytes = (int64_t) seg->state.usage[ns].bytes;

    for (unsigned i = 0; i < fkv__set_count(set); i++) {
        const fkv__arena_shm_t  *arena = &seg->arenas[fkv__set_arena(set, i)];

        if (arena->base + fkv__arena_word(arena).top > seg->state.floor) {
            *keys += (int64_t) arena->usage[ns].keys;
            *bytes += (int64_t) arena->usage[ns].bytes;
        }
    }
}


static void
model(unsigned space, int64_t *keys, int64_t *bytes)
{
    *keys = 0;
    *bytes = 0;

    for (unsigned key = 0; key < KEYS; key++) {
        *keys += (held[space][key] != 0);
        *bytes += (int64_t) held[space][key];
    }
}


static void
check_exact(void)
{
    for (unsigned i = 0; i < SPACES; i++) {
        int64_t  keys, bytes, want_keys, want_bytes;

        sums(spaces[i], &keys, &bytes);
        model(i, &want_keys, &want_bytes);
        assert_true(keys == want_keys);
        assert_true(bytes == want_bytes);
        assert_int_equal(fkv__usage(disk.store, spaces[i]).keys, want_keys);
    }
}


static bool
about(int64_t got, int64_t want)
{
    return got * 10 >= want * 9 && got * 10 <= want * 11;
}


static void
check_about(void)
{
    for (unsigned i = 0; i < SPACES; i++) {
        int64_t  keys, bytes, want_keys, want_bytes;

        sums(spaces[i], &keys, &bytes);
        model(i, &want_keys, &want_bytes);
        assert_true(about(keys, want_keys));
        assert_true(about(bytes, want_bytes));
    }
}


static void
sums_of_two_levels_are_exact(void **state)
{
    (void) state;

    disk.helper->pick.base_bytes = 64 * 1024 * 1024;

    for (unsigned round = 0; round < 30; round++) {
        churn(200);
        check_exact();

        disk_flush(&disk);
        check_exact();

        if (round % 3 == 0) {
            (void) disk_compact(&disk);
            check_exact();
        }
    }

    assert_true(disk_count(&disk, FKV__STAT_compactions) >= 3);
}


/* What a merge between levels leaves, a table has a part of by its size. */
static void
sums_of_many_levels_are_about_right(void **state)
{
    (void) state;

    for (unsigned round = 0; round < 30; round++) {
        churn(200);
        disk_flush(&disk);
        (void) disk_compact(&disk);
        check_about();
    }

    assert_true(disk_state(&disk)->levels[5] > 0);
}


/* How often it is written to memory and to tables does not matter. */
static void
hot_key_is_one_key(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 5; i++) {
        for (unsigned k = 0; k < 200; k++) {
            put(0, 7, 900);
        }

        check_exact();
        disk_flush(&disk);
        check_exact();
    }
}


/* Blind writes are counted once a memtable, until their tables are merged. */
static void
merging_to_the_end_tells_the_truth(void **state)
{
    int64_t  keys, bytes;

    (void) state;

    for (unsigned i = 0; i < 3; i++) {
        for (unsigned k = 0; k < 300; k++) {
            disk_put(&disk, k % 100);
        }

        sums(0, &keys, &bytes);
        assert_true(keys == 100 * (i + 1));
        disk_flush(&disk);
        sums(0, &keys, &bytes);
        assert_true(keys == 100 * (i + 1));
    }

    /* Four tables of level 0 are merged. */

    disk_put(&disk, 0);
    disk_flush(&disk);
    assert_true(disk_compact(&disk) > 0);
    sums(0, &keys, &bytes);
    assert_true(keys == 100);
    assert_int_equal(fkv__usage(disk.store, 0).keys, 100);
}


static void
range_delete_counts_when_it_is_in_tables(void **state)
{
    (void) state;

    churn(500);
    disk_flush(&disk);
    (void) disk_compact(&disk);
    assert_true(fkv__usage(disk.store, spaces[2]).keys > 50);

    change(2, "", FKV_DELETE, 0, true);
    memset(held[2], 0, sizeof(held[2]));
    put(2, 5, 100);
    disk_flush(&disk);
    (void) disk_compact(&disk);
    check_exact();
}


/* The log does not tell what a write had read: about is good enough. */
static void
after_a_replay_it_is_about_right(void **state)
{
    int64_t  keys, bytes, want_keys, want_bytes;

    (void) state;

    for (unsigned i = 0; i < 2 * KEYS; i++) {
        put(1, i % KEYS, 500);
    }

    disk_flush(&disk);
    (void) disk_compact(&disk);

    for (unsigned i = 0; i < KEYS; i += 3) {
        delete(1, i);
    }

    put(1, 0, 400);
    disk_close(&disk);
    disk_open(&disk, MEMORY);
    disk_attach(&disk);

    sums(3, &keys, &bytes);
    model(1, &want_keys, &want_bytes);
    assert_true(keys >= want_keys);
    assert_true(keys <= want_keys + 1);
    assert_true(bytes > want_bytes / 2);
    assert_true(bytes < want_bytes * 2);
}


static void
expired_records_count_less_with_each_edit(void **state)
{
    fkv_usage_t  usage;

    (void) state;

    for (unsigned key = 0; key < 100; key++) {
        disk_write(&disk, key, ++disk.values, fkv_now_ms(disk.store)
                                              + (key + 1) * 1000);
    }

    disk_flush(&disk);
    usage = fkv__usage(disk.store, 0);
    assert_int_equal(usage.keys, 100);

    disk_pass(&disk, 51000);
    put(1, 0, 10);
    disk_flush(&disk);
    usage = fkv__usage(disk.store, 0);
    assert_in_range(usage.keys, 45, 55);

    disk_pass(&disk, 51000);
    put(1, 0, 10);
    disk_flush(&disk);
    usage = fkv__usage(disk.store, 0);
    assert_int_equal(usage.keys, 0);
    assert_int_equal(usage.bytes, 0);
}


/* Of two namespaces in a table each has its share of the file. */
static void
bytes_are_those_of_the_disk(void **state)
{
    uint64_t     table_bytes;
    fkv_usage_t  a, b;

    (void) state;

    for (unsigned key = 0; key < KEYS; key++) {
        put(0, key, 100);
        put(2, key, 300);
    }

    disk_flush(&disk);
    table_bytes = disk_state(&disk)->table_bytes;
    a = fkv__usage(disk.store, spaces[0]);
    b = fkv__usage(disk.store, spaces[2]);

    assert_in_range(a.bytes + b.bytes, table_bytes - 2, table_bytes + 2);
    assert_in_range(b.bytes * 111 / a.bytes, 310, 312);
    assert_int_equal(fkv__usage(disk.store, 1).bytes, 0);
}


static void
status_has_all_namespaces(void **state)
{
    fkv_stats_t  stats;

    (void) state;

    put(0, 1, 100);
    put(1, 1, 100);
    put(1, 2, 100);
    put(2, 1, 200);
    fkv_stats(disk.store, &stats);

    assert_int_equal(stats.usage[0].keys, 1);
    assert_int_equal(stats.usage[0].bytes, 111);
    assert_int_equal(stats.usage[3].keys, 2);
    assert_int_equal(stats.usage[FKV_NAMESPACE_CACHE].bytes, 211);
    assert_int_equal(stats.keys_estimated, 3);
}


int
main(void)
{
#define USAGE_TEST(test)                                                      \
    cmocka_unit_test_setup_teardown(test, usage_setup, usage_teardown)

    const struct CMUnitTest  tests[] = {
        USAGE_TEST(sums_of_two_levels_are_exact),
        USAGE_TEST(sums_of_many_levels_are_about_right),
        USAGE_TEST(hot_key_is_one_key),
        USAGE_TEST(merging_to_the_end_tells_the_truth),
        USAGE_TEST(range_delete_counts_when_it_is_in_tables),
        USAGE_TEST(after_a_replay_it_is_about_right),
        USAGE_TEST(expired_records_count_less_with_each_edit),
        USAGE_TEST(bytes_are_those_of_the_disk),
        USAGE_TEST(status_has_all_namespaces),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
