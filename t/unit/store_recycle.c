/*
 * store_recycle.c - arenas leave the set and come back zeroed.
 */

#include "disk.h"

#include "format/log.h"

#include <sys/stat.h>

#define MEMORY  FKV_MEMORY_MIN

static disk_t  disk;


static int
recycle_setup(void **state)
{
    (void) state;
    disk_begin(&disk, MEMORY);
    disk.store->options.sync = FKV_SYNC_EVERYSEC;

    return 0;
}


static int
recycle_teardown(void **state)
{
    (void) state;
    disk_end(&disk);

    return 0;
}


static unsigned
count_state(fkv__arena_state_e what)
{
    unsigned  n = 0;

    for (unsigned id = 0; id < FKV__ARENAS; id++) {
        n += (disk.store->seg->arenas[id].state == what);
    }

    return n;
}


static bool
is_zero(const void *p, size_t n)
{
    const uint8_t  *bytes = p;

    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }

    return true;
}


static void
check_clean(unsigned id)
{
    fkv__segment_shm_t  *seg = disk.store->seg;
    fkv__arena_shm_t    *arena = &seg->arenas[id];
    fkv__arena_word_t    w = fkv__arena_word(arena);
    struct stat          st;

    assert_int_equal(arena->state, FKV__ARENA_FREE);
    assert_int_equal(arena->used, 0);
    assert_int_equal(arena->usage[0].keys, 0);
    assert_int_equal(w.top, 0);
    assert_int_equal(w.bottom, seg->arena_bytes);
    assert_false(w.sealed);
    assert_true(is_zero(arena->head, sizeof(arena->head)));
    assert_true(is_zero(fkv__segment_arena(seg, id), seg->arena_bytes));
    assert_true(is_zero(fkv__segment_buckets(seg, id),
                        seg->buckets * sizeof(uint32_t)));

    assert_int_equal(fstat(disk.store->log_fds[id], &st), 0);
    assert_true((uint64_t) st.st_size
                >= FKV__LOG_HEADER_BYTES + seg->arena_bytes);
}


static int
recycle_all(void)
{
    int  rc;

    while ((rc = fkv__recycle(disk.helper)) == FKV_OK) {
        /* go on */
    }

    return rc;
}


/* A set of n arenas, all but the newest sealed and in tables. */
static void
grow(unsigned n)
{
    while (fkv__set_count(disk_state(&disk)->memtables) < n) {
        disk_churn(&disk, 20, false);
        disk_flush(&disk);
    }
}


static void
all_arenas_are_prepared_at_the_beginning(void **state)
{
    (void) state;

    assert_int_equal(count_state(FKV__ARENA_DIRTY), FKV__ARENAS - 1);
    assert_int_equal(recycle_all(), FKV_END);
    assert_int_equal(count_state(FKV__ARENA_FREE), FKV__ARENAS - 1);

    for (unsigned id = 1; id < FKV__ARENAS; id++) {
        check_clean(id);
    }
}


static void
flushed_arenas_stay_as_a_cache_until_others_are_needed(void **state)
{
    (void) state;

    grow(6);
    assert_int_equal(recycle_all(), FKV_END);
    assert_int_equal(fkv__set_count(disk_state(&disk)->memtables), 6);
    assert_int_equal(count_state(FKV__ARENA_FREE), 2);

    disk_churn(&disk, 20, false);
    disk_flush(&disk);
    assert_int_equal(fkv__set_count(disk_state(&disk)->memtables), 7);
    assert_int_equal(recycle_all(), FKV_END);
    assert_int_equal(fkv__set_count(disk_state(&disk)->memtables), 6);
    assert_int_equal(count_state(FKV__ARENA_FREE), 2);
    check_clean(0);

    disk_check_gets(&disk);
}


static void
an_arena_that_is_not_in_tables_stays_in_the_set(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 7; i++) {
        disk_churn(&disk, 20, false);
        disk_settle(&disk);
        disk_seal(&disk);
    }

    assert_int_equal(recycle_all(), FKV_END);
    assert_int_equal(fkv__set_count(disk_state(&disk)->memtables), 8);
    assert_int_equal(count_state(FKV__ARENA_FREE), 0);

    (void) fkv__log_sync(disk.store);
    assert_int_equal(fkv__flush(disk.helper), FKV_OK);
    assert_int_equal(recycle_all(), FKV_END);
    assert_int_equal(count_state(FKV__ARENA_FREE), 1);
    check_clean(0);
}


static void
a_pin_holds_an_arena_that_has_left_the_set(void **state)
{
    fkv__slot_shm_t  *slot = &disk.store->seg->slots[40];
    uint64_t          set;

    (void) state;

    grow(7);
    set = disk_state(&disk)->memtables;

    slot->state = FKV__SLOT_LIVE;
    slot->pin = fkv__set_number(set);

    assert_int_equal(recycle_all(), FKV_AGAIN);
    assert_int_equal(recycle_all(), FKV_AGAIN);
    assert_int_equal(fkv__set_count(disk_state(&disk)->memtables), 6);
    assert_int_equal(count_state(FKV__ARENA_FREE), 1);
    assert_int_equal(disk.store->seg->arenas[0].state, FKV__ARENA_USED);
    assert_false(is_zero(fkv__segment_arena(disk.store->seg, 0), 4096));

    slot->pin = fkv__set_number(disk_state(&disk)->memtables);
    assert_int_equal(recycle_all(), FKV_END);
    check_clean(0);

    slot->pin = 0;
    slot->state = FKV__SLOT_FREE;
}


static void
what_a_dead_owner_left_is_taken_up(void **state)
{
    fkv__segment_shm_t  *seg = disk.store->seg;

    (void) state;

    /* It died when the arena had left the set, and when it was half zero. */

    grow(7);
    seg->state.memtables = fkv__set_without_oldest(seg->state.memtables);
    assert_int_equal(recycle_all(), FKV_END);
    check_clean(0);

    grow(7);
    seg->state.memtables = fkv__set_without_oldest(seg->state.memtables);
    assert_int_equal(seg->arenas[1].state, FKV__ARENA_USED);
    seg->arenas[1].state = FKV__ARENA_DIRTY;
    memset(fkv__segment_arena(seg, 1), 0, 100);
    assert_int_equal(recycle_all(), FKV_END);
    check_clean(1);

    disk_check_gets(&disk);
}


static void
a_claim_is_left_alone(void **state)
{
    (void) state;

    (void) recycle_all();
    disk.store->seg->arenas[3].state = FKV__ARENA_CLAIM(9);
    assert_int_equal(recycle_all(), FKV_END);
    assert_int_equal(disk.store->seg->arenas[3].state, FKV__ARENA_CLAIM(9));
}


static void
without_space_for_one_file_the_others_are_prepared(void **state)
{
    (void) state;

    grow(7);
    assert_int_equal(recycle_all(), FKV_END);
    grow(7);

    /* The arena whose file is short cannot be had, the oldest can. */

    assert_int_equal(ftruncate(disk.store->log_fds[7], 8192), 0);
    disk.store->seg->arenas[7].state = FKV__ARENA_DIRTY;

    disk_break(&disk, "pwrite", ENOSPC, 0);
    assert_int_equal(recycle_all(), FKV_EFULL);
    assert_int_equal(disk.store->seg->arenas[7].state, FKV__ARENA_DIRTY);
    assert_true(count_state(FKV__ARENA_FREE) >= 1);

    disk_mend(&disk);
    assert_int_equal(recycle_all(), FKV_END);
    check_clean(7);
}


static void
who_waits_for_an_arena_is_woken(void **state)
{
    fkv__slot_shm_t  *slot = &disk.store->seg->slots[40];
    uint64_t          n;

    (void) state;

    slot->wants_arena = 1;
    assert_int_equal(fkv__recycle(disk.helper), FKV_OK);
    assert_int_equal(read(disk.store->eventfds[40], &n, sizeof(n)),
                     sizeof(n));
    slot->wants_arena = 0;
}


static void
a_preparation_that_is_asked_to_stop_goes_on_later(void **state)
{
    (void) state;

    disk.helper->stop = true;
    assert_int_equal(fkv__recycle(disk.helper), FKV_ECANCELED);
    disk.helper->stop = false;
    assert_int_equal(recycle_all(), FKV_END);
    assert_int_equal(count_state(FKV__ARENA_FREE), FKV__ARENAS - 1);
}


static int
lazy_setup(void **state)
{
    (void) state;
    disk_begin(&disk, MEMORY);

    return 0;
}


static uint64_t
file_blocks(unsigned id)
{
    struct stat  st;

    assert_int_equal(fstat(disk.store->log_fds[id], &st), 0);

    return (uint64_t) st.st_blocks * 512;
}


static void
sync_off_has_files_for_what_is_not_in_tables(void **state)
{
    fkv__segment_shm_t  *seg = disk.store->seg;

    (void) state;

    assert_int_equal(recycle_all(), FKV_END);
    assert_int_equal(count_state(FKV__ARENA_FREE), FKV__ARENAS_SPARE);
    assert_int_equal(count_state(FKV__ARENA_DIRTY),
                     FKV__ARENAS - 1 - FKV__ARENAS_SPARE);

    for (unsigned round = 0; round < 12; round++) {
        grow(5 + round % 3);
        assert_int_equal(recycle_all(), FKV_END);
        assert_int_equal(count_state(FKV__ARENA_FREE), FKV__ARENAS_SPARE);

        for (unsigned id = 0; id < FKV__ARENAS; id++) {
            bool  newest = (id == fkv__set_arena(seg->state.memtables, 0));

            if (newest || seg->arenas[id].state == FKV__ARENA_FREE) {
                assert_true(file_blocks(id) >= seg->arena_bytes);

            } else {
                assert_int_equal(file_blocks(id), 0);
            }
        }
    }

    /* When nobody writes, one will do. */

    disk.helper->log_idle = true;

    for (unsigned i = 0; i < FKV__ARENAS; i++) {
        assert_int_equal(recycle_all(), FKV_END);
    }

    assert_int_equal(count_state(FKV__ARENA_FREE), 1);
    assert_true(fkv__set_count(seg->state.memtables) > 3);

    for (unsigned id = 0; id < FKV__ARENAS; id++) {
        if (seg->arenas[id].state == FKV__ARENA_DIRTY) {
            assert_int_equal(file_blocks(id), 0);
        }
    }

    disk.helper->log_idle = false;
    assert_int_equal(recycle_all(), FKV_END);
    assert_int_equal(count_state(FKV__ARENA_FREE), FKV__ARENAS_SPARE);

    /* What is in no table keeps its file. */

    disk_churn(&disk, 20, false);
    disk_settle(&disk);
    disk_seal(&disk);
    assert_int_equal(recycle_all(), FKV_END);
    assert_true(file_blocks(fkv__set_arena(seg->state.memtables, 1)) > 0);

    disk_close(&disk);
    disk_open(&disk, MEMORY);
    disk_attach(&disk);
    disk_check_gets(&disk);
}


/* Also where space cannot be allocated but by writing. */
static void
sync_off_has_space_for_what_it_may_write(void **state)
{
    (void) state;

    disk_break(&disk, "allocate", ENOSPC, 0);
    assert_int_equal(recycle_all(), FKV_EFULL);
    assert_int_equal(count_state(FKV__ARENA_FREE), 0);

    disk_break(&disk, "allocate", EOPNOTSUPP, 0);
    assert_int_equal(recycle_all(), FKV_END);
    assert_int_equal(count_state(FKV__ARENA_FREE), FKV__ARENAS_SPARE);
    check_clean(1);
    assert_true(file_blocks(1) >= disk.store->seg->arena_bytes);
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, recycle_setup, recycle_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(all_arenas_are_prepared_at_the_beginning),
        TEST(flushed_arenas_stay_as_a_cache_until_others_are_needed),
        TEST(an_arena_that_is_not_in_tables_stays_in_the_set),
        TEST(a_pin_holds_an_arena_that_has_left_the_set),
        TEST(what_a_dead_owner_left_is_taken_up),
        TEST(a_claim_is_left_alone),
        TEST(without_space_for_one_file_the_others_are_prepared),
        TEST(who_waits_for_an_arena_is_woken),
        TEST(a_preparation_that_is_asked_to_stop_goes_on_later),
        cmocka_unit_test_setup_teardown(
            sync_off_has_files_for_what_is_not_in_tables, lazy_setup,
            recycle_teardown),
        cmocka_unit_test_setup_teardown(
            sync_off_has_space_for_what_it_may_write, lazy_setup,
            recycle_teardown),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
