/*
 * store_size.c - what lives is known before compaction has removed the rest,
 * and max_size bounds it.
 */

#include "disk.h"
#include "store/size.h"

#define MEMORY   (16 * 1024 * 1024)
#define VALUE    500
#define N        2000
#define RECORD   (9 + 3 + VALUE)

static disk_t   disk;
static uint8_t  bytes[300 * 1024];


static void
bound(uint64_t max_size)
{
    fkv_options_t  opt = *fkv_options(disk.store);

    opt.max_size = max_size;
    fkv_change(disk.store, &opt);
}


static int
size_setup(void **state)
{
    (void) state;
    disk_begin(&disk, MEMORY);
    bound(1024 * 1024 * 1024);

    return 0;
}


static int
size_teardown(void **state)
{
    (void) state;
    disk_end(&disk);

    return 0;
}


/* A put of so many bytes, or with 0 a delete; FKV_OK or why not. */
static int
write_key(unsigned key, size_t len, bool blind)
{
    bool           done = false;
    char           name[16];
    fkv_change_t   change = { .blind = blind };
    fkv_update_t   u = { .store = disk.store, .changes = &change, .n = 1,
                         .now_ms = fkv_now_ms(disk.store),
                         .op = { .on_done = live_done, .data = &done } };

    (void) sprintf(name, "key%06u", key);
    change.key = live_str(name);
    change.action = (len > 0) ? FKV_PUT : FKV_DELETE;

    for (size_t i = 0; i < sizeof(bytes) && i < len; i++) {
        disk.random = disk.random * 6364136223846793005ull + 1;
        bytes[i] = (uint8_t) (disk.random >> 56);
    }

    change.value = (fkv_str_t) { bytes, len };

    return live_wait(&disk.live, &u.op, fkv_update(&u), &done);
}


static void
write_keys(unsigned from, unsigned to, size_t len, bool blind)
{
    for (unsigned key = from; key < to; key++) {
        assert_int_equal(write_key(key, len, blind), FKV_OK);
    }
}


/* Within so many percent. */
static void
size_is_about(uint64_t wanted, unsigned percent)
{
    uint64_t  size = fkv__size_used(disk.store, FKV__BOUND_STORE);

    if (size < wanted - wanted * percent / 100
        || size > wanted + wanted * percent / 100)
    {
        fail_msg("size is %llu, not about %llu", (unsigned long long) size,
                 (unsigned long long) wanted);
    }
}


static void
overwriting_takes_no_size(void **state)
{
    (void) state;

    write_keys(0, N, VALUE, false);
    size_is_about(N * RECORD, 15);
    disk_flush(&disk);
    size_is_about(N * RECORD, 10);

    for (unsigned i = 0; i < 3; i++) {
        write_keys(0, N, VALUE, i & 1);
        size_is_about(N * RECORD, 15);
        disk_flush(&disk);
        size_is_about(N * RECORD, 10);
    }

    assert_true(disk_state(&disk)->table_bytes > 3 * N * RECORD);

    disk_compact(&disk);
    size_is_about(N * RECORD, 10);
    assert_true(disk_state(&disk)->table_bytes < N * RECORD * 11 / 10);
}


static void
deletes_make_room_at_once(void **state)
{
    (void) state;

    write_keys(0, N, VALUE, false);
    disk_flush(&disk);
    write_keys(0, N / 2, 0, false);
    size_is_about(N / 2 * RECORD, 20);

    disk_flush(&disk);
    size_is_about(N / 2 * RECORD, 15);

    /* Also for who opens the store anew. */
    disk_close(&disk);
    disk_open(&disk, MEMORY);
    disk_attach(&disk);
    size_is_about(N / 2 * RECORD, 15);

    for (unsigned i = 0; i < 3; i++) {
        write_keys(N + i, N + i + 1, VALUE, false);
        disk_flush(&disk);
    }

    disk_compact(&disk);
    size_is_about(N / 2 * RECORD, 10);
    assert_true(disk_state(&disk)->table_bytes < N / 2 * RECORD * 11 / 10);
}


static void
what_is_replaced_in_memory_is_not_counted_twice(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 20; i++) {
        write_keys(0, 100, VALUE, false);
    }

    size_is_about(100 * RECORD, 1);
    disk_flush(&disk);
    size_is_about(100 * RECORD, 15);        /* a filter's page */
    write_keys(0, 100, 0, false);
    disk_flush(&disk);
    assert_true(fkv__size_used(disk.store, FKV__BOUND_STORE) < 20 * RECORD);
}


static void
a_merge_in_slices_counts_nothing_twice(void **state)
{
    (void) state;
    disk.helper->table_bytes = 64 * 1024;
    disk.helper->slice_bytes = 128 * 1024;

    write_keys(0, N, VALUE, false);
    disk_flush(&disk);
    disk_compact(&disk);

    for (unsigned i = 0; i < 4; i++) {
        write_keys(i * N / 4, (i + 1) * N / 4, VALUE, false);
        disk_flush(&disk);
    }

    for (unsigned i = 0; ; i++) {
        if (fkv__compact(disk.helper) != FKV_OK) {
            assert_true(i > 5);
            break;
        }

        size_is_about(N * RECORD, 15);
    }
}


static void
expired_records_do_not_count(void **state)
{
    (void) state;

    for (unsigned key = 0; key < 300; key++) {
        disk_write(&disk, key, 100 + key, fkv_now_ms(disk.store) + 1000);
    }

    disk_flush(&disk);
    assert_true(fkv__size_used(disk.store, FKV__BOUND_STORE) > 300 * 100);

    disk_pass(&disk, 2000);
    write_key(0, 1, false);
    disk_flush(&disk);
    assert_true(fkv__size_used(disk.store, FKV__BOUND_STORE) < 10000);
}


static void
a_full_store_takes_deletes_and_what_does_not_grow(void **state)
{
    unsigned  n = 0;
    uint64_t  max = 1024 * 1024;

    (void) state;
    bound(max);

    while (write_key(n, VALUE, n & 1) == FKV_OK) {
        n++;

        if (n % 500 == 0) {
            disk_flush(&disk);
        }
    }

    assert_true(n > max / RECORD * 3 / 4);
    assert_true(fkv__size_used(disk.store, FKV__BOUND_STORE) <= max);

    assert_int_equal(write_key(n, VALUE, false), FKV_EMAXSIZE);
    assert_int_equal(write_key(n, VALUE, true), FKV_EMAXSIZE);
    assert_int_equal(write_key(1, VALUE + RECORD, false), FKV_EMAXSIZE);
    assert_int_equal(write_key(1, VALUE, false), FKV_OK);
    assert_int_equal(write_key(2, VALUE, true), FKV_OK);
    assert_int_equal(write_key(2, VALUE - 1, false), FKV_OK);

    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(write_key(i, VALUE - 100, false), FKV_OK);
    }

    assert_int_equal(write_key(3, 0, false), FKV_OK);
    assert_int_equal(write_key(4, 0, true), FKV_OK);
    assert_int_equal(write_key(n, VALUE, false), FKV_OK);
    assert_true(fkv__size_used(disk.store, FKV__BOUND_STORE) <= max);

    /* It is a setting like others, and counts at once. */
    bound(2 * max);
    write_keys(n + 1, 3 * n / 2, VALUE, false);
}


/* Of what is replaced only the size is known. */
static void
a_large_value_is_overwritten_in_a_full_store(void **state)
{
    size_t    large = 300 * 1024;
    unsigned  n = 2;

    (void) state;
    bound(1024 * 1024);

    assert_int_equal(write_key(0, large, false), FKV_OK);
    assert_int_equal(write_key(1, large, false), FKV_OK);

    while (write_key(n, VALUE, false) == FKV_OK) {
        n++;
    }

    assert_true(disk_count(&disk, FKV__STAT_blob_writes) == 2);

    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(write_key(0, large, false), FKV_OK);
        assert_int_equal(write_key(1, large, true), FKV_OK);
    }

    assert_int_equal(write_key(n, large, false), FKV_EMAXSIZE);
}


static void
garbage_that_nobody_knows_of_is_looked_for(void **state)
{
    uint64_t  max = 2 * 1024 * 1024;

    (void) state;
    bound(0);

    write_keys(0, N, VALUE, true);
    disk_flush(&disk);
    disk_compact(&disk);
    write_keys(0, N, VALUE, true);
    disk_flush(&disk);
    write_keys(0, N, VALUE, true);
    disk_flush(&disk);
    size_is_about(3 * N * RECORD, 10);

    bound(max);
    assert_int_equal(fkv__compact(disk.helper), FKV_END);
    assert_int_equal(write_key(N, VALUE, false), FKV_EMAXSIZE);
    disk_compact(&disk);
    size_is_about(N * RECORD, 10);
    assert_int_equal(write_key(N, VALUE, false), FKV_OK);
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, size_setup,         \
                                                    size_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(overwriting_takes_no_size),
        TEST(deletes_make_room_at_once),
        TEST(what_is_replaced_in_memory_is_not_counted_twice),
        TEST(a_merge_in_slices_counts_nothing_twice),
        TEST(expired_records_do_not_count),
        TEST(a_full_store_takes_deletes_and_what_does_not_grow),
        TEST(a_large_value_is_overwritten_in_a_full_store),
        TEST(garbage_that_nobody_knows_of_is_looked_for),
    };

#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
