/*
 * store_reserve.c - room that is kept back, and what a full disk does with it.
 */

#include "disk.h"
#include "store/reserve.h"

#define MEMORY  (8 * 1024 * 1024)
#define MB      (1024 * 1024ull)
#define VALUE   5000

static disk_t  disk;


static int
reserve_setup(void **state)
{
    (void) state;
    disk_begin(&disk, MEMORY);

    return 0;
}


static int
reserve_teardown(void **state)
{
    (void) state;
    disk_end(&disk);

    return 0;
}


/* Bytes that the file takes of the disk; 0: it is not there. */
static uint64_t
reserve_bytes(void)
{
    char         path[128];
    struct stat  st;

    (void) sprintf(path, "%s/RESERVE", disk.live.dir);

    return (stat(path, &st) == 0) ? (uint64_t) st.st_blocks * 512 : 0;
}


static uint64_t
reserve_wanted(void)
{
    return disk.store->seg->arena_bytes + disk.helper->slice_bytes;
}


static int
write_key(unsigned key, size_t len)
{
    static uint8_t  bytes[VALUE];
    bool            done = false;
    char            name[16];
    fkv_change_t    change = { .action = (len > 0) ? FKV_PUT : FKV_DELETE,
                               .value = { bytes, len } };
    fkv_update_t    u = { .store = disk.store, .changes = &change, .n = 1,
                          .now_ms = fkv_now_ms(disk.store),
                          .op = { .on_done = live_done, .data = &done } };

    disk_key(key, name);
    change.key = live_str(name);

    return live_wait(&disk.live, &u.op, fkv_update(&u), &done);
}


static bool
has_key(unsigned key)
{
    char  name[16], text[VALUE + 1];
    int   rc;

    disk_key(key, name);
    rc = live_get(&disk.live, name, text, sizeof(text));
    assert_true(rc == FKV_OK || rc == FKV_NOTFOUND);

    return rc == FKV_OK;
}


static void
it_is_given_once_and_taken_back(void **state)
{
    (void) state;

    assert_int_equal(reserve_bytes(), 0);
    fkv__reserve_look(disk.helper, false);
    assert_true(reserve_bytes() >= reserve_wanted());
    assert_false(fkv__reserve_given(disk.store));

    assert_true(fkv__reserve_give(disk.helper));
    assert_int_equal(reserve_bytes(), 0);
    assert_true(fkv__reserve_given(disk.store));
    assert_int_equal(write_key(1, 10), FKV_EFULL);
    assert_int_equal(write_key(1, 0), FKV_OK);
    assert_false(fkv__reserve_give(disk.helper));

    fkv__reserve_look(disk.helper, false);
    assert_true(reserve_bytes() >= reserve_wanted());
    assert_int_equal(write_key(1, 10), FKV_OK);
}


static void
the_next_owner_adopts_it_if_it_is_whole(void **state)
{
    char  path[128];

    (void) state;

    fkv__reserve_look(disk.helper, false);
    disk.helper->reserved = false;

    /* There is no room for another one. */
    disk.capacity = disk_used(&disk);
    fkv__reserve_look(disk.helper, false);
    assert_true(disk.helper->reserved);
    assert_false(fkv__reserve_given(disk.store));

    (void) sprintf(path, "%s/RESERVE", disk.live.dir);
    assert_int_equal(truncate(path, 4096), 0);
    disk.helper->reserved = false;
    fkv__reserve_look(disk.helper, false);
    assert_false(disk.helper->reserved);
    assert_true(fkv__reserve_given(disk.store));
    assert_int_equal(reserve_bytes(), 0);

    disk.capacity = 0;
    fkv__reserve_look(disk.helper, false);
    assert_true(reserve_bytes() >= reserve_wanted());
}


static void
what_cannot_preallocate_leaves_room(void **state)
{
    (void) state;

    disk_break(&disk, "allocate", EOPNOTSUPP, 0);
    fkv__reserve_look(disk.helper, false);
    assert_true(disk.helper->reserved);
    assert_int_equal(reserve_bytes(), 0);
    assert_true(fkv__reserve_give(disk.helper));

    disk.capacity = disk_used(&disk) + reserve_wanted();
    fkv__reserve_look(disk.helper, false);
    assert_true(fkv__reserve_given(disk.store));

    disk.capacity = disk_used(&disk) + 3 * reserve_wanted();
    fkv__reserve_look(disk.helper, false);
    assert_false(fkv__reserve_given(disk.store));

    /* Room that others lack is not taken, whatever is said of it. */
    (void) fkv__reserve_give(disk.helper);
    fkv__reserve_look(disk.helper, true);
    assert_true(fkv__reserve_given(disk.store));
    fkv__reserve_look(disk.helper, false);
    assert_false(fkv__reserve_given(disk.store));

    /* That there is no room is another matter. */
    (void) fkv__reserve_give(disk.helper);
    disk_break(&disk, "allocate", EDQUOT, 0);
    fkv__reserve_look(disk.helper, false);
    assert_true(fkv__reserve_given(disk.store));
    assert_int_equal(reserve_bytes(), 0);
}


/* What memory can hold will need room: the disk is full before it is. */
static void
it_is_given_before_a_flush_fails(void **state)
{
    uint64_t  arena = disk.store->seg->arena_bytes;

    (void) state;

    fkv__reserve_look(disk.helper, false);
    disk.capacity = disk_used(&disk) + FKV__ARENAS * arena;
    fkv__reserve_look(disk.helper, false);
    assert_false(fkv__reserve_given(disk.store));

    disk.capacity--;
    fkv__reserve_look(disk.helper, false);
    assert_true(fkv__reserve_given(disk.store));

    /* Not so soon again. */
    disk.capacity += arena;
    fkv__reserve_look(disk.helper, false);
    assert_true(fkv__reserve_given(disk.store));

    disk.capacity += 1;
    fkv__reserve_look(disk.helper, false);
    assert_false(fkv__reserve_given(disk.store));
}


/* The store's own threads, on a disk with so many bytes. */
static void
run_on(uint64_t capacity)
{
    disk_close(&disk);
    disk.real_time = true;
    disk.capacity = capacity;
    disk_open(&disk, MEMORY);
    live_attach(&disk.live, FKV_WORKER);
    (void) fkv_helper(disk.store);
    assert_non_null(disk.store->helper);
}


static void
wait_for_room(void)
{
    uint64_t  until = live_ms() + 60000;

    while (fkv__reserve_given(disk.store)) {
        live_loop(&disk.live, 100);
        assert_true(live_ms() < until);
    }
}


/* Nothing but the store writes to the disk, and nobody helps. */
static void
a_full_disk_recovers_when_half_is_deleted(void **state)
{
    unsigned  n = 0;
    int       rc;

    (void) state;
    run_on(40 * MB);

    for (unsigned round = 0; round < 3; round++) {
        while ((rc = write_key(n, VALUE)) == FKV_OK) {
            assert_true(++n < 20000);
        }

        assert_int_equal(rc, FKV_EFULL);
        assert_true(round > 0 || n > 10 * MB / VALUE);

        for (unsigned key = 0; key < n; key += 2) {
            assert_int_equal(write_key(key, 0), FKV_OK);
        }

        wait_for_room();

        for (unsigned key = 0; key < n; key++) {
            assert_true(has_key(key) == (key % 2 == 1));
        }

        assert_int_equal(write_key(0, VALUE), FKV_OK);
        n = n / 2;
        assert_int_equal(write_key(0, 0), FKV_OK);
    }

    fkv_helper_stop(disk.store);
}


/* The log is replayed into tables, and that takes room. */
static void
a_store_on_a_full_disk_opens(void **state)
{
    unsigned  n = 0;

    (void) state;
    run_on(0);

    while (reserve_bytes() < 4 * 1024) {
        live_loop(&disk.live, 10);
    }

    fkv_helper_stop(disk.store);

    /* Half of a memtable, which nobody flushes. */

    while (n * VALUE < disk.store->seg->arena_bytes / 2) {
        assert_int_equal(write_key(n++, VALUE), FKV_OK);
    }

    disk_settle(&disk);
    live_detach_close(&disk.live);
    disk.store = NULL;

    disk.capacity = disk_used(&disk);
    disk_open(&disk, MEMORY);
    assert_int_equal(reserve_bytes(), 0);
    live_attach(&disk.live, FKV_WORKER);

    for (unsigned key = 0; key < n; key++) {
        assert_true(has_key(key));
    }

    (void) fkv_helper(disk.store);

    while (!fkv__reserve_given(disk.store)) {
        live_loop(&disk.live, 10);
    }

    assert_int_equal(write_key(0, 100), FKV_EFULL);
    assert_int_equal(write_key(0, 0), FKV_OK);
    __atomic_store_n(&disk.capacity, 0, __ATOMIC_RELAXED);
    wait_for_room();
    assert_int_equal(write_key(0, 100), FKV_OK);
    fkv_helper_stop(disk.store);
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, reserve_setup,      \
                                                    reserve_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(it_is_given_once_and_taken_back),
        TEST(the_next_owner_adopts_it_if_it_is_whole),
        TEST(what_cannot_preallocate_leaves_room),
        TEST(it_is_given_before_a_flush_fails),
        TEST(a_full_disk_recovers_when_half_is_deleted),
        TEST(a_store_on_a_full_disk_opens),
    };

#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
