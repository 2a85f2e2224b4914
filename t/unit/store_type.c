/*
 * store_type.c - type, encoding and stamp stay with a value wherever it goes.
 */

#include "disk.h"

#include "store/checkpoint.h"

#define MEMORY  (8 * 1024 * 1024)
#define LARGE   (100 * 1024)
#define KINDS   (sizeof(kinds) / sizeof(kinds[0]))

/* In the order of their keys. */
static const struct {
    const char  *key;
    size_t       len;
    uint16_t     type;
    uint16_t     encver;
    uint64_t     stamp;
    uint64_t     left_ms;               /* 0 = it does not expire */
    const char  *content_type;
} kinds[] = {
    { "bytes",   10,    0, 0, 0, 0, "" },
    { "encver",  10,    0, 3, 0, 0, "" },
    { "head",    0,     7, 1, (1ull << 63) - 1, 0, "" },
    { "large",   LARGE, 9, 2, 0x1122334455667788ull, DISK_HOUR, "text/plain" },
    { "most",    10,    UINT16_MAX, UINT16_MAX, 1, DISK_HOUR, "a" },
    { "stamped", 10,    0, 0, 42, 0, "" },
    { "typed",   10,    1, 0, 0, 0, "" },
};

static disk_t   disk;
static char     saved[100];
static uint8_t  bytes[LARGE];
static size_t   met;


static int
type_setup(void **state)
{
    (void) state;

    memset(&disk, 0, sizeof(disk));
    live_dir(&disk.live);
    (void) sprintf(saved, "%s/saved", disk.live.dir);
    disk.checkpoints = saved;
    disk_open(&disk, MEMORY);
    disk_attach(&disk);

    return 0;
}


static int
type_teardown(void **state)
{
    (void) state;
    disk_end(&disk);

    return 0;
}


static void
check_kind(size_t i, const fkv_value_t *value)
{
    assert_int_equal(value->size, kinds[i].len);
    assert_int_equal(value->type, kinds[i].type);
    assert_int_equal(value->encver, kinds[i].encver);
    assert_true(value->stamp == kinds[i].stamp);
    assert_int_equal(value->expire_at, kinds[i].left_ms == 0
                                       ? 0 : DISK_EPOCH_MS + kinds[i].left_ms);
    check_str(value->content_type, live_str(kinds[i].content_type));
}


static void
put_all(void)
{
    for (size_t i = 0; i < KINDS; i++) {
        bool          done = false;
        fkv_change_t  change = {
            .key = live_str(kinds[i].key),
            .blind = true,
            .action = FKV_PUT,
            .value = { bytes, kinds[i].len },
            .type = kinds[i].type,
            .encver = kinds[i].encver,
            .stamp = kinds[i].stamp,
            .content_type = live_str(kinds[i].content_type),
            .expire_at = (kinds[i].left_ms == 0)
                         ? 0 : DISK_EPOCH_MS + kinds[i].left_ms
        };
        fkv_update_t  u = { .store = disk.store, .changes = &change, .n = 1,
                            .op = { .on_done = live_done, .data = &done } };

        assert_int_equal(live_wait(&disk.live, &u.op, fkv_update(&u), &done),
                         FKV_OK);
    }
}


static int
keep_and_check(fkv_update_t *u)
{
    for (size_t i = 0; i < KINDS; i++) {
        assert_true(u->changes[i].exists);
        check_kind(i, &u->changes[i].current);
    }

    return FKV_OK;
}


static int
on_entry(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    (void) scan;

    check_str(key, live_str(kinds[met].key));
    check_kind(met++, value);

    return FKV_OK;
}


static void
check_all(void)
{
    bool          done = false;
    fkv_change_t  changes[KINDS] = { 0 };
    fkv_update_t  u = { .store = disk.store, .changes = changes, .n = KINDS,
                        .now_ms = DISK_EPOCH_MS, .decide = keep_and_check,
                        .op = { .on_done = live_done, .data = &done } };
    fkv_scan_t    scan = { .store = disk.store, .now_ms = DISK_EPOCH_MS,
                           .on_entry = on_entry,
                           .op = { .on_done = live_done, .data = &done } };

    for (size_t i = 0; i < KINDS; i++) {
        fkv_get_t  get = { .store = disk.store, .key = live_str(kinds[i].key),
                           .now_ms = DISK_EPOCH_MS, .load_max = LARGE,
                           .op = { .on_done = live_done, .data = &done } };

        done = false;
        changes[i].key = get.key;
        changes[i].load = true;
        assert_int_equal(live_wait(&disk.live, &get.op, fkv_get(&get), &done),
                         FKV_OK);
        check_kind(i, &get.value);
        fkv_get_done(&get);
    }

    done = false;
    assert_int_equal(live_wait(&disk.live, &u.op, fkv_update(&u), &done),
                     FKV_OK);

    done = false;
    met = 0;
    assert_int_equal(live_wait(&disk.live, &scan.op, fkv_scan(&scan), &done),
                     FKV_OK);
    assert_int_equal(met, KINDS);
}


static void
reopen(void)
{
    disk_close(&disk);
    disk_open(&disk, MEMORY);
    disk_attach(&disk);
}


static void
what_a_value_is_outlives_log_flush_and_compaction(void **state)
{
    (void) state;

    put_all();
    check_all();                        /* in the memtable */

    reopen();
    check_all();                        /* replayed from the log */

    put_all();
    disk_flush(&disk);
    check_all();

    for (unsigned i = 0; i < 8; i++) {
        put_all();
        disk_flush(&disk);
    }

    assert_true(disk_compact(&disk) > 0);
    check_all();

    reopen();
    check_all();
}


static void
it_is_in_a_checkpoint_too(void **state)
{
    uint64_t  n;

    (void) state;

    put_all();
    disk_flush(&disk);
    put_all();
    disk_settle(&disk);
    (void) fkv__log_sync(disk.store);
    assert_int_equal(fkv__checkpoint(disk.helper, FKV_STR("one"), &n), FKV_OK);
    disk_close(&disk);

    (void) strcat(disk.live.dir, "/saved/one");
    disk_open(&disk, MEMORY);
    disk_attach(&disk);
    check_all();
    disk_close(&disk);

    disk.live.dir[strlen(disk.live.dir) - strlen("/saved/one")] = '\0';
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, type_setup, type_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(what_a_value_is_outlives_log_flush_and_compaction),
        TEST(it_is_in_a_checkpoint_too),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
