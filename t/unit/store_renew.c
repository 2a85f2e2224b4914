/*
 * store_renew.c - what compaction meets and wants to have written anew.
 */

#include "disk.h"

#include "store/renew.h"

#define KEYS  40
#define OLD   7                     /* a type whose encoding 0 is old */

static disk_t    disk;
static uint64_t  versions[KEYS];


static bool
renews(void *data, uint16_t type, uint16_t encver)
{
    assert_ptr_equal(data, &disk);
    assert_true(type == OLD || type == OLD + 1);

    return type == OLD && encver == 0;
}


static const fkv_merge_t  merge = { .renews = renews };


/* By hand, as it would be with threads. */
static int
renew_setup(void **state)
{
    (void) state;

    memset(&disk, 0, sizeof(disk));
    live_dir(&disk.live);
    disk.live.quiet = true;
    disk_open(&disk, 8 * 1024 * 1024);
    fkv_merge_set(disk.store, &merge, &disk);
    disk_attach(&disk);
    disk.store->helper = disk.helper;

    return 0;
}


static int
renew_teardown(void **state)
{
    (void) state;
    disk.store->helper = NULL;
    disk_end(&disk);

    return 0;
}


static uint64_t
put(unsigned ns, const char *key, uint16_t type, uint16_t encver, size_t bytes)
{
    static char   value[100000];
    bool          done = false;
    fkv_change_t  change = { .blind = true, .action = FKV_PUT, .ns = ns,
                             .key = live_str(key), .type = type,
                             .encver = encver,
                             .value = { (uint8_t *) value, bytes } };
    fkv_update_t  u = { .store = disk.store, .changes = &change, .n = 1,
                        .now_ms = fkv_now_ms(disk.store),
                        .op = { .on_done = live_done, .data = &done } };

    assert_int_equal(live_wait(&disk.live, &u.op, fkv_update(&u), &done),
                     FKV_OK);

    return change.version;
}


static void
put_number(unsigned key, uint16_t type, uint16_t encver, size_t bytes)
{
    char  name[300];

    (void) sprintf(name, "k%02u", key);
    versions[key] = put(0, name, type, encver, bytes);
}


static void
compact(void)
{
    for (unsigned i = 0; i < 2 * FKV__PICK_L0_WRITES; i++) {
        (void) put(0, "a", 0, 0, 10);
        (void) put(0, "z", 0, 0, 10);
        disk_flush(&disk);
    }

    assert_true(disk_compact(&disk) > 0);
}


/* Those that are told, in order, each once. */
static unsigned
told(void)
{
    fkv_renew_t  next;
    unsigned     n = 0, last = 0;

    while (fkv_renew_next(disk.store, &next)) {
        unsigned  key = check_number(next.key, 1);

        assert_int_equal(next.ns, 0);
        assert_true(key < KEYS && key >= last);
        assert_int_equal(next.version, versions[key]);
        last = key;
        n++;
    }

    return n;
}


static void
old_encodings_are_told(void **state)
{
    (void) state;

    for (unsigned i = 0; i < KEYS; i++) {
        put_number(i, i % 4 == 3 ? OLD + 1 : i % 4 == 2 ? 0 : OLD,
                   i % 4 == 1, 100);
    }

    (void) put(FKV_NAMESPACE_CATALOG, "k", OLD, 0, 10);
    assert_int_equal(told(), 0);
    compact();
    assert_int_equal(told(), KEYS / 4);
    assert_int_equal(told(), 0);
    assert_int_equal(disk_count(&disk, FKV__STAT_renew_met), KEYS / 4);
    assert_int_equal(disk_count(&disk, FKV__STAT_renew_lost), 0);
}


static void
a_large_value_is_told(void **state)
{
    (void) state;

    put_number(1, OLD, 0, 100000);
    compact();
    assert_int_equal(told(), 1);
}


static void
of_a_key_the_newest_is_told(void **state)
{
    (void) state;

    put_number(1, OLD, 0, 100);
    put_number(2, OLD, 0, 100);
    disk_flush(&disk);
    put_number(1, OLD, 1, 100);
    put_number(2, OLD, 0, 100);
    disk_flush(&disk);
    compact();
    assert_int_equal(told(), 1);
}


/* Written anew it is not told again, else each time. */
static void
what_stays_is_told_again(void **state)
{
    (void) state;

    put_number(1, OLD, 0, 100);
    put_number(2, OLD, 0, 100);
    compact();
    assert_int_equal(told(), 2);

    put_number(1, OLD, 1, 100);
    fkv_renew_end(disk.store);
    compact();
    assert_int_equal(told(), 1);
    assert_int_equal(disk_count(&disk, FKV__STAT_renewed), 1);
}


static void
what_has_no_room_is_told_later(void **state)
{
    char      name[FKV_KEY_BYTES_MAX];
    uint64_t  met, lost;
    unsigned  n = 0;

    (void) state;
    memset(name, 'k', sizeof(name));

    for (unsigned i = 0; i < 400; i++) {
        (void) sprintf(name + 250, "%03u", i);
        (void) put(0, name, OLD, 0, 10);
    }

    compact();
    met = disk_count(&disk, FKV__STAT_renew_met);
    lost = disk_count(&disk, FKV__STAT_renew_lost);
    assert_true(met > 0 && lost > 0);
    assert_true(met * (12 + 250) < FKV_RENEW_BYTES);

    for (fkv_renew_t next; fkv_renew_next(disk.store, &next); n++) {
        assert_int_equal(next.key.len, 253);
        (void) memcpy(name, next.key.data, next.key.len);
        name[next.key.len] = '\0';
        (void) put(next.ns, name, OLD, 1, 10);
    }

    assert_int_equal(n, met);
    compact();
    assert_true(disk_count(&disk, FKV__STAT_renew_met) > met);
}


/* A helper that dies takes the list with it. */
static void
another_helper_meets_them_again(void **state)
{
    (void) state;

    put_number(1, OLD, 0, 100);
    compact();
    disk.store->helper = NULL;
    assert_int_equal(told(), 0);
    disk_settle(&disk);
    disk_close(&disk);
    disk_open(&disk, 8 * 1024 * 1024);
    fkv_merge_set(disk.store, &merge, &disk);
    disk_attach(&disk);
    disk.store->helper = disk.helper;
    assert_int_equal(told(), 0);
    compact();
    assert_int_equal(told(), 1);
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, renew_setup,        \
                                                    renew_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(old_encodings_are_told),
        TEST(a_large_value_is_told),
        TEST(of_a_key_the_newest_is_told),
        TEST(what_stays_is_told_again),
        TEST(what_has_no_room_is_told_later),
        TEST(another_helper_meets_them_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
