/*
 * store_quota.c - quotas of classes of namespaces, of which nothing is evicted.
 */

#include "disk.h"
#include "store/size.h"

#define MEMORY  FKV_MEMORY_MIN
#define QUOTA   (1024 * 1024)
#define VALUE   1000

static disk_t  disk;


static void
quota_is(uint64_t limits, uint64_t user)
{
    fkv_options_t  opt = *fkv_options(disk.store);

    opt.quota[FKV_CLASS_LIMITS] = limits;
    opt.quota[FKV_CLASS_USER] = user;
    fkv_change(disk.store, &opt);
}


static int
quota_setup(void **state)
{
    (void) state;

    disk_begin(&disk, MEMORY);
    quota_is(QUOTA, 0);

    return 0;
}


static int
quota_teardown(void **state)
{
    (void) state;
    disk_end(&disk);

    return 0;
}


static int
change(fkv_change_t *changes, unsigned n)
{
    bool          done = false;
    fkv_update_t  u = { .store = disk.store, .changes = changes, .n = n,
                        .now_ms = fkv_now_ms(disk.store),
                        .op = { .on_done = live_done, .data = &done } };

    return live_wait(&disk.live, &u.op, fkv_update(&u), &done);
}


static uint8_t  value[5 * VALUE];


static int
put(unsigned ns, unsigned key, size_t len)
{
    char          name[16];
    fkv_change_t  c = { .ns = ns, .action = FKV_PUT, .value = { value, len } };

    disk_key(key, name);
    c.key = live_str(name);

    return change(&c, 1);
}


static int
delete(unsigned ns, unsigned key)
{
    char          name[16];
    fkv_change_t  c = { .ns = ns, .action = FKV_DELETE };

    disk_key(key, name);
    c.key = live_str(name);

    return change(&c, 1);
}


/* How many keys it takes; flushes now and then. */
static unsigned
fill(unsigned ns)
{
    unsigned  key = 0;
    int       rc;

    while ((rc = put(ns, key, VALUE)) == FKV_OK) {
        assert_true(++key < 5000);

        if (key % 300 == 0) {
            disk_flush(&disk);
        }
    }

    assert_int_equal(rc, FKV_EQUOTA);

    return key;
}


static void
class_holds_its_quota_and_no_more(void **state)
{
    uint64_t  used;
    unsigned  n;

    (void) state;

    n = fill(FKV_NAMESPACE_LIMITS);
    used = fkv__size_used(disk.store, FKV_CLASS_LIMITS);
    assert_true(used <= QUOTA);
    assert_true(used > QUOTA - 2 * VALUE);
    assert_true(n > QUOTA / VALUE * 8 / 10);
    assert_true(disk_count(&disk, FKV__STAT_quota_refused) > 0);

    /* Others go on. */

    for (unsigned key = 0; key < 300; key++) {
        assert_int_equal(put(FKV_NAMESPACE_USER, key, VALUE), FKV_OK);
        assert_int_equal(put(FKV_NAMESPACE_CACHE, key, 10), FKV_OK);
    }
}


static void
what_does_not_add_goes_on(void **state)
{
    (void) state;

    (void) fill(FKV_NAMESPACE_LIMITS);
    assert_int_equal(put(FKV_NAMESPACE_LIMITS, 3, VALUE), FKV_OK);
    assert_int_equal(put(FKV_NAMESPACE_LIMITS, 4, VALUE / 2), FKV_OK);
    assert_int_equal(put(FKV_NAMESPACE_LIMITS, 5, 5 * VALUE), FKV_EQUOTA);

    for (unsigned key = 10; key < 15; key++) {
        assert_int_equal(delete(FKV_NAMESPACE_LIMITS, key), FKV_OK);
    }

    assert_int_equal(put(FKV_NAMESPACE_LIMITS, 4000, VALUE), FKV_OK);
}


/* Its bytes are in no memory when they are replaced, but they are known. */
static void
large_value_is_overwritten_at_the_edge(void **state)
{
    static uint8_t  large[200 * 1024];
    uint64_t        written;
    fkv_change_t    c = { .ns = FKV_NAMESPACE_LIMITS, .key = FKV_STR("large"),
                          .action = FKV_PUT,
                          .value = { large, sizeof(large) } };

    (void) state;

    assert_int_equal(change(&c, 1), FKV_OK);
    (void) fill(FKV_NAMESPACE_LIMITS);
    written = disk_count(&disk, FKV__STAT_blob_writes);

    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(change(&c, 1), FKV_OK);
        disk_flush(&disk);
    }

    assert_int_equal(disk_count(&disk, FKV__STAT_blob_writes), written + 3);

    c.key = FKV_STR("another");
    assert_int_equal(change(&c, 1), FKV_EQUOTA);
}


/* One of two in a batch is of another class: all or nothing. */
static void
batch_is_refused_as_a_whole(void **state)
{
    fkv_change_t  c[2] = {
        { .ns = FKV_NAMESPACE_USER, .key = FKV_STR("with"),
          .action = FKV_PUT },
        { .ns = FKV_NAMESPACE_LIMITS, .key = FKV_STR("new"),
          .action = FKV_PUT, .value = { value, 2 * VALUE } }
    };
    char          text[8];

    (void) state;

    (void) fill(FKV_NAMESPACE_LIMITS);
    assert_int_equal(change(c, 2), FKV_EQUOTA);
    assert_int_equal(live_get(&disk.live, "with", text, sizeof(text)),
                     FKV_NOTFOUND);
}


static void
users_databases_share_theirs(void **state)
{
    unsigned  n;

    (void) state;

    quota_is(0, QUOTA);
    n = fill(3);
    assert_int_equal(put(5, 0, VALUE), FKV_EQUOTA);
    assert_int_equal(put(FKV_NAMESPACE_LIMITS, 0, VALUE), FKV_OK);

    quota_is(0, 2 * QUOTA);
    assert_int_equal(put(5, 0, VALUE), FKV_OK);
    quota_is(0, 0);
    assert_int_equal(put(5, 1, VALUE), FKV_OK);
    assert_true(n > 0);
}


/* The refusal sees to it that the range delete soon counts. */
static void
range_delete_makes_room_once_it_is_flushed(void **state)
{
    fkv_change_t  all = { .ns = FKV_NAMESPACE_LIMITS, .prefix = true,
                          .action = FKV_DELETE };

    (void) state;

    (void) fill(FKV_NAMESPACE_LIMITS);
    disk_flush(&disk);
    assert_int_equal(change(&all, 1), FKV_OK);
    assert_int_equal(put(FKV_NAMESPACE_LIMITS, 1, 2 * VALUE), FKV_EQUOTA);
    assert_true(fkv__flush_wanted(disk.store));

    disk_flush_sealed(&disk);
    assert_int_equal(put(FKV_NAMESPACE_LIMITS, 1, 2 * VALUE), FKV_OK);
}


static void
quota_is_checked_when_it_is_given(void **state)
{
    char           error[FKV_ERROR_BYTES];
    fkv_options_t  opt = *fkv_options(disk.store);

    (void) state;

    opt.quota[FKV_CLASS_CACHE] = 1000;
    assert_int_equal(fkv_options_check(&opt, error), FKV_EINVAL);
    assert_non_null(strstr(error, "a quota of 1000 is too small"));

    opt.quota[FKV_CLASS_CACHE] = QUOTA;
    assert_int_equal(fkv_options_check(&opt, error), FKV_OK);
}


int
main(void)
{
#define QUOTA_TEST(test)                                                      \
    cmocka_unit_test_setup_teardown(test, quota_setup, quota_teardown)

    const struct CMUnitTest  tests[] = {
        QUOTA_TEST(class_holds_its_quota_and_no_more),
        QUOTA_TEST(what_does_not_add_goes_on),
        QUOTA_TEST(large_value_is_overwritten_at_the_edge),
        QUOTA_TEST(batch_is_refused_as_a_whole),
        QUOTA_TEST(users_databases_share_theirs),
        QUOTA_TEST(range_delete_makes_room_once_it_is_flushed),
        QUOTA_TEST(quota_is_checked_when_it_is_given),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
