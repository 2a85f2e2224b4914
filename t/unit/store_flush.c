/*
 * store_flush.c - memtables become tables, step by step.
 */

#include "disk.h"
#include "store/slots.h"

#define MEMORY  FKV_MEMORY_MIN

static disk_t  disk;


static int
flush_setup(void **state)
{
    (void) state;
    disk_begin(&disk, MEMORY);

    return 0;
}


static int
flush_teardown(void **state)
{
    (void) state;
    disk_end(&disk);

    return 0;
}


static void
only_what_is_sealed_and_durable_is_flushed(void **state)
{
    uint64_t  end;

    (void) state;
    disk.store->options.sync = FKV_SYNC_EVERYSEC;

    for (unsigned key = 0; key < 50; key++) {
        disk_put(&disk, key);
    }

    disk_settle(&disk);
    end = disk.store->seg->log.written;

    assert_false(fkv__flush_wanted(disk.store));
    assert_int_equal(fkv__flush(disk.helper), FKV_END);

    disk_seal(&disk);
    assert_true(fkv__flush_wanted(disk.store));
    assert_true(fkv__flush_needs_sync(disk.store));
    assert_int_equal(fkv__flush(disk.helper), FKV_END);

    assert_int_equal(fkv__log_sync(disk.store), FKV_OK);
    assert_false(fkv__flush_needs_sync(disk.store));
    assert_int_equal(fkv__log_sync(disk.store), FKV_END);
    assert_int_equal(disk.store->seg->log.durable, end);
    assert_int_equal(fkv__flush(disk.helper), FKV_OK);

    assert_false(fkv__flush_wanted(disk.store));
    assert_int_equal(fkv__flush(disk.helper), FKV_END);
    assert_int_equal(disk_state(&disk)->floor, end);
    assert_int_equal(disk_state(&disk)->tables, 1);
    assert_int_equal(disk_state(&disk)->levels[0], 1);
    assert_int_equal(disk_state(&disk)->usage[0].keys, 50);
    assert_int_equal(disk_count(&disk, FKV__STAT_flushes), 1);
    assert_int_equal(disk_count(&disk, FKV__STAT_flush_bytes),
                     disk_state(&disk)->table_bytes);

    assert_int_equal(disk_check(&disk, UINT64_MAX), 50);
    disk_check_gets(&disk);
}


/* sync=off: what is in a table never goes through the log. */
static void
a_flush_needs_no_log(void **state)
{
    fkv__log_shm_t  *log = &disk.store->seg->log;
    uint64_t         end;

    (void) state;

    for (unsigned key = 0; key < 50; key++) {
        disk_put(&disk, key);
    }

    end = fkv__commit_advance(disk.store);
    disk_seal(&disk);
    assert_false(fkv__flush_needs_sync(disk.store));
    assert_int_equal(fkv__flush(disk.helper), FKV_OK);

    assert_int_equal(disk_state(&disk)->floor, end);
    assert_int_equal(log->written, end);
    assert_int_equal(log->durable, end);
    assert_int_equal(log->leader, FKV__NOBODY);
    assert_int_equal(disk_count(&disk, FKV__STAT_commits), 0);

    /* The next memtable's log goes on where no file has ended. */

    for (unsigned key = 25; key < 100; key++) {
        disk_put(&disk, key);
    }

    disk_settle(&disk);
    assert_true(disk_count(&disk, FKV__STAT_commits) > 0);

    disk_close(&disk);
    disk_open(&disk, MEMORY);
    disk_attach(&disk);
    disk_check_gets(&disk);
    assert_int_equal(disk_check(&disk, UINT64_MAX), 125);
}


/* An arena from which somebody writes is not used anew. */
static void
the_log_is_not_passed_over_while_it_is_written(void **state)
{
    fkv__segment_shm_t  *seg;
    uint64_t             set;

    (void) state;
    seg = disk.store->seg;

    disk_put(&disk, 1);
    disk_seal(&disk);

    seg->log.leader = 9 + 1;
    assert_int_equal(fkv__flush(disk.helper), FKV_OK);
    assert_true(seg->log.durable < disk_state(&disk)->floor);

    /* All but the two in the set are in use: it would be asked to leave. */

    for (unsigned id = 0; id < FKV__ARENAS; id++) {
        if (seg->arenas[id].state != FKV__ARENA_USED) {
            seg->arenas[id].state = FKV__ARENA_CLAIMED;
        }
    }

    set = seg->state.memtables;
    assert_int_not_equal(fkv__recycle(disk.helper), FKV_ECANCELED);
    assert_int_equal(seg->state.memtables, set);

    seg->log.leader = FKV__NOBODY;
    fkv__flush_pass(disk.store);
    assert_int_equal(seg->log.durable, disk_state(&disk)->floor);
    assert_int_equal(fkv__recycle(disk.helper), FKV_OK);
    assert_int_not_equal(seg->state.memtables, set);

    for (unsigned id = 0; id < FKV__ARENAS; id++) {
        if (seg->arenas[id].state == FKV__ARENA_CLAIMED) {
            seg->arenas[id].state = FKV__ARENA_DIRTY;
        }
    }
}


static void
an_empty_memtable_needs_no_flush(void **state)
{
    (void) state;

    disk_seal(&disk);
    assert_false(fkv__flush_wanted(disk.store));

    disk_put(&disk, 1);
    disk_flush(&disk);
    assert_int_equal(disk_state(&disk)->tables, 1);

    disk_flush(&disk);
    assert_int_equal(disk_state(&disk)->tables, 1);
    assert_int_equal(disk_check(&disk, UINT64_MAX), 1);
}


static void
shadowed_versions_stay_behind(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 20; i++) {
        disk_put(&disk, 7);
    }

    disk_flush(&disk);
    assert_int_equal(disk_check(&disk, UINT64_MAX), 1);
}


static void
tombstones_go_unless_they_hide_something(void **state)
{
    (void) state;

    disk_put(&disk, 1);
    disk_put(&disk, 3);
    disk_delete(&disk, 1);
    disk_flush(&disk);
    assert_int_equal(disk_check(&disk, UINT64_MAX), 1);

    disk_delete(&disk, 1);
    disk_delete(&disk, 3);
    disk_flush(&disk);
    assert_int_equal(disk_check(&disk, UINT64_MAX), 2);
    assert_int_equal(disk_state(&disk)->tables, 2);
}


static void
a_memtable_of_nothing_but_tombstones_makes_no_table(void **state)
{
    (void) state;

    for (unsigned key = 0; key < 9; key++) {
        disk_put(&disk, key);
        disk_delete(&disk, key);
    }

    disk_flush(&disk);
    assert_int_equal(disk_state(&disk)->tables, 0);
    assert_int_equal(disk_files(&disk), 0);
}


static void
what_a_snapshot_sees_is_kept(void **state)
{
    uint64_t  first, second;

    (void) state;

    disk_put(&disk, 1);
    disk_put(&disk, 1);
    first = fkv__visible(disk.store);
    disk_put(&disk, 1);
    disk_delete(&disk, 1);
    second = fkv__visible(disk.store);
    disk_put(&disk, 1);
    disk_put(&disk, 1);

    disk.store->seg->slots[9].snapshot = first;
    disk.store->seg->slots[8].snapshot = second;
    disk_flush(&disk);

    (void) disk_check(&disk, first);
    (void) disk_check(&disk, second);
    assert_int_equal(disk_check(&disk, UINT64_MAX), 5);
}


static void
a_full_disk_loses_nothing(void **state)
{
    (void) state;

    for (unsigned key = 0; key < DISK_KEYS; key++) {
        disk_put(&disk, key);
    }

    disk_settle(&disk);
    disk_seal(&disk);
    (void) fkv__log_sync(disk.store);

    disk_break(&disk, "pwrite", ENOSPC, 0);
    assert_int_equal(fkv__flush(disk.helper), FKV_EFULL);
    assert_int_equal(disk_files(&disk), 0);
    assert_true(fkv__flush_wanted(disk.store));

    disk_break(&disk, "fdatasync", EIO, 0);
    assert_int_equal(fkv__flush(disk.helper), FKV_EIO);
    assert_int_equal(disk_files(&disk), 0);

    disk_break(&disk, "open", ENOSPC, 0);
    assert_int_equal(fkv__flush(disk.helper), FKV_EFULL);

    disk_mend(&disk);
    assert_int_equal(fkv__flush(disk.helper), FKV_OK);
    assert_int_equal(disk_check(&disk, UINT64_MAX), DISK_KEYS);
}


/* Every call that the flush makes fails once, in turn. */
static void
whichever_call_fails_the_next_flush_succeeds(void **state)
{
    static const char  *calls[] = { "open", "pwrite", "fdatasync" };

    (void) state;

    for (unsigned c = 0; c < 3; c++) {
        for (unsigned after = 0; after < 6; after++) {
            int  rc;

            disk_churn(&disk, 50, false);
            disk_settle(&disk);
            disk_seal(&disk);
            (void) fkv__log_sync(disk.store);

            disk_break(&disk, calls[c], EIO, after);
            rc = fkv__flush(disk.helper);
            disk_mend(&disk);
            assert_true(rc == FKV_OK || rc == FKV_EIO);

            while (fkv__flush_wanted(disk.store)) {
                rc = fkv__flush(disk.helper);
                assert_true(rc == FKV_OK || rc == FKV_END);
            }

            (void) disk_check(&disk, UINT64_MAX);
        }
    }

    disk_check_gets(&disk);
}


static void
a_flush_that_is_asked_to_stop_leaves_nothing(void **state)
{
    (void) state;

    for (unsigned key = 0; key < DISK_KEYS; key++) {
        disk_put(&disk, key);
    }

    disk_settle(&disk);
    disk_seal(&disk);
    (void) fkv__log_sync(disk.store);

    disk.helper->stop = true;
    assert_int_equal(fkv__flush(disk.helper), FKV_ECANCELED);
    assert_int_equal(disk_files(&disk), 0);

    disk.helper->stop = false;
    assert_int_equal(fkv__flush(disk.helper), FKV_OK);
    (void) disk_check(&disk, UINT64_MAX);
}


static void
a_failed_sync_of_the_log_makes_the_store_read_only(void **state)
{
    uint64_t  durable;

    (void) state;

    disk_put(&disk, 1);
    disk_settle(&disk);
    durable = disk.store->seg->log.durable;

    disk_break(&disk, "fdatasync", EIO, 0);
    assert_int_equal(fkv__log_sync(disk.store), FKV_EIO);
    disk_mend(&disk);

    assert_int_equal(disk_state(&disk)->readonly, 1);
    assert_int_equal(disk.store->seg->log.durable, durable);
    assert_int_equal(fkv__log_sync(disk.store), FKV_END);
    assert_non_null(strstr(disk_state(&disk)->cause, "fdatasync"));
}


static void
a_sync_wakes_who_waits_for_it(void **state)
{
    uint64_t  n;

    (void) state;

    disk_put(&disk, 1);
    disk_settle(&disk);
    (void) read(disk.store->eventfds[5], &n, sizeof(n));

    fkv__slots_raise(disk.store->seg, 6);
    disk.store->seg->slots[5].sync_waiting = disk.store->seg->log.written + 1;
    assert_int_equal(fkv__log_sync(disk.store), FKV_OK);
    assert_int_equal(read(disk.store->eventfds[5], &n, sizeof(n)), -1);

    disk_put(&disk, 1);
    disk_settle(&disk);
    assert_int_equal(fkv__log_sync(disk.store), FKV_OK);
    assert_int_equal(read(disk.store->eventfds[5], &n, sizeof(n)), sizeof(n));
    disk.store->seg->slots[5].sync_waiting = 0;
}


static void
a_restart_reads_tables_and_log(void **state)
{
    (void) state;

    disk_churn(&disk, 500, false);
    disk_flush(&disk);
    disk_churn(&disk, 500, false);
    disk_settle(&disk);
    disk_close(&disk);

    disk_open(&disk, MEMORY);
    disk_attach(&disk);
    disk_check_gets(&disk);
    (void) disk_check(&disk, UINT64_MAX);
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, flush_setup, flush_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(only_what_is_sealed_and_durable_is_flushed),
        TEST(a_flush_needs_no_log),
        TEST(the_log_is_not_passed_over_while_it_is_written),
        TEST(an_empty_memtable_needs_no_flush),
        TEST(shadowed_versions_stay_behind),
        TEST(tombstones_go_unless_they_hide_something),
        TEST(a_memtable_of_nothing_but_tombstones_makes_no_table),
        TEST(what_a_snapshot_sees_is_kept),
        TEST(a_full_disk_loses_nothing),
        TEST(whichever_call_fails_the_next_flush_succeeds),
        TEST(a_flush_that_is_asked_to_stop_leaves_nothing),
        TEST(a_failed_sync_of_the_log_makes_the_store_read_only),
        TEST(a_sync_wakes_who_waits_for_it),
        TEST(a_restart_reads_tables_and_log),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
