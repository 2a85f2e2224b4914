/*
 * store_compact.c - compaction against a model of everything that was written.
 */

#include "disk.h"

#include "store/pace.h"

#include <fcntl.h>
#include <sys/stat.h>

#define MEMORY  FKV_MEMORY_MIN

static disk_t  disk;


static int
compact_setup(void **state)
{
    (void) state;

    disk_begin(&disk, MEMORY);

    /* Levels so small that a few hundred keys fill several. */

    disk.helper->table_bytes = 16 * 1024;
    disk.helper->slice_bytes = 48 * 1024;
    disk.helper->pick.base_bytes = 1024;

    return 0;
}


static int
compact_teardown(void **state)
{
    (void) state;
    disk_end(&disk);

    return 0;
}


static void
flush_rounds(unsigned rounds, unsigned writes, bool expiry)
{
    for (unsigned i = 0; i < rounds; i++) {
        disk_churn(&disk, writes, expiry);
        disk_flush(&disk);
    }
}


static unsigned
deepest(void)
{
    unsigned  level = FKV__LEVELS;

    while (level-- > 0) {
        if (disk_state(&disk)->levels[level] > 0) {
            return level;
        }
    }

    return 0;
}


static void
tables_agree_with_the_model_on_every_level(void **state)
{
    unsigned  compactions = 0;

    (void) state;

    for (unsigned round = 0; round < 40; round++) {
        flush_rounds(1, 150, false);
        compactions += disk_compact(&disk);
        (void) disk_check(&disk, UINT64_MAX);
    }

    assert_true(compactions > 40);
    assert_int_equal(deepest(), FKV__LEVELS - 1);
    assert_true(disk_state(&disk)->levels[0] < FKV__PICK_L0_WRITES);
    assert_int_equal(disk_files(&disk), disk_state(&disk)->tables);
    assert_int_equal(disk_count(&disk, FKV__STAT_compactions), compactions);
    assert_true(disk_count(&disk, FKV__STAT_compaction_read) > 0);
    assert_true(disk_count(&disk, FKV__STAT_compaction_written) > 0);
    disk_check_gets(&disk);

    disk_close(&disk);
    disk_open(&disk, MEMORY);
    disk_attach(&disk);
    disk_check_gets(&disk);
}


static void
values_that_expire_do_not_uncover_older_ones(void **state)
{
    (void) state;

    for (unsigned round = 0; round < 40; round++) {
        flush_rounds(1, 150, true);
        disk_pass(&disk, check_random(&disk.random) % 30000);
        fkv__clock_tick(disk.store);
        (void) disk_compact(&disk);
        (void) disk_check(&disk, UINT64_MAX);
    }

    assert_true(disk_count(&disk, FKV__STAT_expired_dropped) > 0);
    disk_check_gets(&disk);
}


static void
published_snapshots_go_on_seeing_what_they_saw(void **state)
{
    uint64_t  snapshots[4] = { 0 };

    (void) state;

    for (unsigned round = 0; round < 24; round++) {
        unsigned  i = round % 4;

        /* The oldest of four ends, a new one begins. */

        snapshots[i] = fkv__visible(disk.store);
        disk.store->seg->slots[20 + i].snapshot = snapshots[i];

        flush_rounds(1, 120, round % 2);
        disk_pass(&disk, 5000);
        (void) disk_compact(&disk);

        for (unsigned k = 0; k < 4 && k <= round; k++) {
            (void) disk_check(&disk, snapshots[k]);
        }

        (void) disk_check(&disk, UINT64_MAX);
    }

    memset(&disk.store->seg->slots[20], 0, 4 * sizeof(fkv__slot_shm_t));
}


static void
deleting_everything_gives_the_space_back(void **state)
{
    (void) state;

    flush_rounds(8, 300, false);
    (void) disk_compact(&disk);
    assert_true(disk_state(&disk)->table_bytes > 100000);

    for (unsigned i = 0; i < FKV__PICK_L0; i++) {
        for (unsigned key = i; key < DISK_KEYS; key += FKV__PICK_L0) {
            disk_delete(&disk, key);
        }

        disk_flush(&disk);
    }

    (void) disk_compact(&disk);

    for (unsigned i = 0; i < FKV__PICK_L0; i++) {
        disk_delete(&disk, 0);
        disk_delete(&disk, DISK_KEYS - 1);
        disk_flush(&disk);
    }

    (void) disk_compact(&disk);
    (void) disk_check(&disk, UINT64_MAX);
    assert_true(disk_state(&disk)->table_bytes < 10000);
}


static void
what_has_wholly_expired_goes_without_being_read(void **state)
{
    uint64_t  at = fkv_now_ms(disk.store) + 50000;

    (void) state;

    for (unsigned key = 0; key < 300; key++) {
        disk_write(&disk, key, ++disk.values, at);
    }

    disk_flush(&disk);
    assert_int_equal(disk_compact(&disk), 0);
    assert_int_equal(disk_state(&disk)->tables, 1);

    /* As time passes; a step of the wall would delay it. */

    for (unsigned i = 0; i < 51; i++) {
        disk_pass(&disk, 1000);
        fkv__clock_tick(disk.store);
    }

    assert_int_equal(disk_compact(&disk), 1);
    assert_int_equal(disk_state(&disk)->tables, 0);
    assert_int_equal(disk_files(&disk), 0);
    assert_int_equal(disk_count(&disk, FKV__STAT_expired_dropped), 300);
    assert_int_equal(disk_count(&disk, FKV__STAT_compaction_read), 0);
    (void) disk_check(&disk, UINT64_MAX);
}


static void
after_a_step_of_the_wall_nothing_is_dropped_for_an_hour(void **state)
{
    uint64_t  at = fkv_now_ms(disk.store) + 10000;
    unsigned  records;

    (void) state;

    for (unsigned i = 0; i < FKV__PICK_L0; i++) {
        for (unsigned key = i * 50; key < i * 50 + 100; key++) {
            disk_write(&disk, key, ++disk.values, at);
        }

        disk_flush(&disk);
    }

    disk.stepped_ms = DISK_HOUR / 2;
    fkv__clock_tick(disk.store);
    assert_true(fkv_now_ms(disk.store) > at);

    assert_true(disk_compact(&disk) > 0);
    records = disk_check(&disk, UINT64_MAX);
    assert_int_equal(records, FKV__PICK_L0 * 50 + 50);

    /* It was a mistake: the data of the next hour are all there. */

    disk_pass(&disk, DISK_HOUR);
    assert_true(disk_compact(&disk) > 0);
    assert_int_equal(disk_check(&disk, UINT64_MAX), 0);
    assert_int_equal(disk_state(&disk)->tables, 0);
}


static void
ascending_keys_are_moved_not_rewritten(void **state)
{
    (void) state;

    for (unsigned i = 0; i < FKV__PICK_L0; i++) {
        for (unsigned key = i * 100; key < i * 100 + 100; key++) {
            disk_put(&disk, key);
        }

        disk_flush(&disk);
    }

    /* Level 0's are merged, being small; level 1's move. */

    assert_true(disk_compact(&disk) > 0);
    assert_true(deepest() >= 2);
    assert_true(disk_count(&disk, FKV__STAT_compaction_written)
                < 2 * disk_state(&disk)->table_bytes);
    assert_int_equal(disk_check(&disk, UINT64_MAX), FKV__PICK_L0 * 100);
    assert_int_equal(disk_files(&disk), disk_state(&disk)->tables);
}


/* The largest table's file: its first bytes are blocks, not padding. */
static void
some_file(char *path)
{
    char            dir[100];
    off_t           largest = 0;
    DIR            *entries;
    struct stat     st;
    struct dirent  *entry;

    (void) sprintf(dir, "%s/sst", disk.live.dir);
    entries = opendir(dir);
    assert_non_null(entries);

    while ((entry = readdir(entries)) != NULL) {
        assert_int_equal(fstatat(dirfd(entries), entry->d_name, &st, 0), 0);

        if (S_ISREG(st.st_mode) && st.st_size > largest) {
            largest = st.st_size;
            (void) snprintf(path, 400, "%s/%s", dir, entry->d_name);
        }
    }

    (void) closedir(entries);
}


/* Compaction goes on around the table, and nothing that was there is lost. */
static void
check_left_alone(const char *path)
{
    unsigned  compactions = 0, files;

    assert_int_equal(fkv__compact(disk.helper), FKV_OK);
    assert_int_equal(disk_state(&disk)->tables_damaged, 1);
    assert_non_null(strstr(disk.live.logged, strrchr(path, '/') + 1));

    (void) disk_compact(&disk);
    files = disk_files(&disk);
    assert_int_equal(disk_count(&disk, FKV__STAT_errors_corrupt),
                     access(path, F_OK) == 0);

    for (unsigned round = 0; round < 30; round++) {
        flush_rounds(1, 100, false);
        compactions += disk_compact(&disk);
    }

    assert_true(compactions > 20);
    assert_true(disk_state(&disk)->levels[0] < 2 * FKV__PICK_L0_WRITES);
    assert_true(disk_files(&disk) < files + 60);
    assert_int_equal(disk_state(&disk)->tables_damaged, 1);
}


static uint8_t
flip(const char *path, off_t at)
{
    uint8_t  byte;
    int      fd = open(path, O_RDWR);

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void) close(fd);

    return byte;
}


static void
a_damaged_table_is_left_alone_and_all_else_goes_on(void **state)
{
    char      path[400] = "";
    unsigned  key, answered = 0;

    (void) state;

    flush_rounds(FKV__PICK_L0, 100, false);
    some_file(path);
    (void) flip(path, 1000);
    check_left_alone(path);
    assert_int_equal(access(path, F_OK), 0);

    /* What does not depend on its bad block answers, and right. */

    for (key = 0; key < DISK_KEYS; key++) {
        char      name[16], text[1200];
        unsigned  got = 0;
        int       rc;

        disk_key(key, name);
        rc = live_get(&disk.live, name, text, sizeof(text));

        if (rc == FKV_OK) {
            assert_int_equal(sscanf(text, "%u:", &got), 1);
        }

        if (rc != FKV_ECORRUPT) {
            assert_int_equal(got, disk_expected(&disk, key, UINT64_MAX, 0));
            answered++;
        }
    }

    assert_true(answered > DISK_KEYS * 9 / 10);

    /* The block is whole again, so is everything. */

    (void) flip(path, 1000);
    disk_close(&disk);
    disk_open(&disk, MEMORY);
    disk_attach(&disk);
    (void) disk_compact(&disk);
    (void) disk_check(&disk, UINT64_MAX);
    assert_int_equal(disk_state(&disk)->tables_damaged, 0);
}


static void
a_damaged_table_of_a_deep_level_is_left_alone_too(void **state)
{
    char  path[400] = "";

    (void) state;

    flush_rounds(20, 150, false);
    (void) disk_compact(&disk);
    assert_int_equal(disk_state(&disk)->levels[0], 0);
    some_file(path);
    (void) flip(path, 1000);

    /* Until a pick has met it, and then some more. */

    for (unsigned round = 0, more = 0; round < 200 && more < 10; round++) {
        flush_rounds(1, 150, false);
        (void) disk_compact(&disk);
        more += (disk_state(&disk)->tables_damaged > 0);
    }

    assert_int_equal(disk_state(&disk)->tables_damaged, 1);
    assert_true(disk_state(&disk)->levels[0] < 2 * FKV__PICK_L0_WRITES);
    assert_int_equal(access(path, F_OK), 0);

    (void) flip(path, 1000);
    disk_close(&disk);
    disk_open(&disk, MEMORY);
    disk_attach(&disk);
    (void) disk_compact(&disk);
    (void) disk_check(&disk, UINT64_MAX);
}


static void
a_missing_table_is_left_alone_too(void **state)
{
    char  path[400] = "";

    (void) state;

    flush_rounds(FKV__PICK_L0, 100, false);
    some_file(path);
    assert_int_equal(unlink(path), 0);
    check_left_alone(path);
}


static void
after_each_slice_the_store_is_whole(void **state)
{
    unsigned  slices = 0;
    bool      trimmed = false;

    (void) state;

    disk.helper->slice_bytes = 1;
    flush_rounds(10, 150, true);

    while (fkv__compact(disk.helper) == FKV_OK) {
        fkv__version_t  *version;

        slices++;
        (void) disk_check(&disk, UINT64_MAX);
        assert_int_equal(disk_files(&disk), disk_state(&disk)->tables);

        assert_int_equal(fkv__helper_version(disk.helper, &version), FKV_OK);

        for (unsigned i = 0; i < version->n[0]; i++) {
            trimmed = trimmed || version->levels[0][i]->info.merging != 0;
        }

        fkv__version_unpin(version);

        if (slices % 5 == 0) {
            disk_check_gets(&disk);
        }

        /* Another one takes over, in the middle of the merge. */

        if (slices % 7 == 0) {
            disk_close(&disk);
            disk_open(&disk, MEMORY);
            disk_attach(&disk);
            disk.helper->table_bytes = 16 * 1024;
            disk.helper->slice_bytes = 1;
            disk.helper->pick.base_bytes = 1024;
        }
    }

    assert_true(trimmed);
    assert_true(slices > 10);
    assert_true(disk_state(&disk)->levels[0] < FKV__PICK_L0_WRITES);
}


static void
compaction_as(fkv_compaction_e compaction)
{
    fkv_options_t  options = disk.store->options;

    options.compaction = compaction;
    fkv_change(disk.store, &options);
}


static unsigned
levels_in_use(void)
{
    unsigned  n = 0;

    for (unsigned level = 1; level < FKV__LEVELS; level++) {
        n += (disk_state(&disk)->levels[level] > 0);
    }

    return n;
}


/* Runs come and go, a slice at a time, and the style changes under them. */
static void
tiered_tables_agree_with_the_model_after_each_slice(void **state)
{
    uint64_t  snapshot = 0;
    unsigned  runs = 0;

    (void) state;

    disk.helper->slice_bytes = 1;
    compaction_as(FKV_COMPACTION_TIERED);

    for (unsigned round = 0; round < 120; round++) {
        if (round % 40 == 10) {
            snapshot = fkv__visible(disk.store);
            disk.store->seg->slots[20].snapshot = snapshot;
        }

        if (round == 80) {
            compaction_as(FKV_COMPACTION_LEVELED);

        } else if (round == 85) {
            compaction_as(FKV_COMPACTION_TIERED);
        }

        flush_rounds(1, 40, round % 2);

        for (unsigned slices = 0;
             slices < 3 && fkv__compact(disk.helper) == FKV_OK; slices++)
        {
            (void) disk_check(&disk, UINT64_MAX);
        }

        if (snapshot != 0) {
            (void) disk_check(&disk, snapshot);
        }

        runs = fkv__max(runs, levels_in_use());
    }

    memset(&disk.store->seg->slots[20], 0, sizeof(fkv__slot_shm_t));
    assert_true(runs > 2);
    (void) disk_compact(&disk);
    (void) disk_check(&disk, UINT64_MAX);
    disk_check_gets(&disk);
}


/* Every call that a compaction makes fails once, in turn. */
static void
whichever_call_fails_the_next_compaction_succeeds(void **state)
{
    static const char  *calls[] = { "open", "pread", "pwrite", "fdatasync" };

    (void) state;

    for (unsigned c = 0; c < 4; c++) {
        for (unsigned after = 0; after < 8; after++) {
            int  rc;

            flush_rounds(FKV__PICK_L0, 30, false);

            disk_break(&disk, calls[c], c % 2 ? EIO : ENOSPC, after);

            while ((rc = fkv__compact(disk.helper)) == FKV_OK) {
                /* go on */
            }

            disk_mend(&disk);
            assert_true(rc == FKV_END || rc == FKV_EIO || rc == FKV_EFULL);
            assert_int_equal(disk_state(&disk)->tables_damaged, 0);

            (void) disk_check(&disk, UINT64_MAX);
            (void) disk_compact(&disk);
            (void) disk_check(&disk, UINT64_MAX);
        }
    }

    disk_check_gets(&disk);
}


static void
a_compaction_that_is_asked_to_stop_leaves_nothing(void **state)
{
    unsigned  files;

    (void) state;

    disk.helper->slice_bytes = UINT64_MAX;
    flush_rounds(FKV__PICK_L0, 200, false);
    files = disk_files(&disk);

    disk.helper->stop = true;
    assert_int_equal(fkv__compact(disk.helper), FKV_ECANCELED);
    disk.helper->stop = false;

    assert_int_equal(disk_files(&disk), files);
    assert_true(disk_compact(&disk) > 0);
    (void) disk_check(&disk, UINT64_MAX);
}


static void
orphans_are_removed_by_the_next_owner(void **state)
{
    char      path[200];
    unsigned  files;
    int       fd;

    (void) state;

    flush_rounds(2, 50, false);
    files = disk_files(&disk);

    (void) sprintf(path, "%s/sst/000777.sst", disk.live.dir);
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    (void) close(fd);

    fkv__helper_free(disk.helper);
    disk.helper = fkv__helper_new(disk.store);
    assert_int_equal(fkv__helper_open(disk.helper), FKV_OK);

    assert_int_equal(disk_files(&disk), files);
    (void) disk_check(&disk, UINT64_MAX);
}


/* The begin of a range cuts through the deepest tables: they are rewritten. */
static void
what_lies_deep_waits_for_a_flush(void **state)
{
    fkv__state_shm_t  *shm = disk_state(&disk);
    uint64_t           began, us[2];

    (void) state;
    disk.helper->table_bytes = disk.store->seg->arena_bytes;
    disk.helper->slice_bytes = 10 * disk.helper->table_bytes;

    for (unsigned i = 0; i < 2; i++) {
        for (unsigned key = 0; key < DISK_KEYS; key++) {
            disk_put(&disk, key);
        }

        flush_rounds(FKV__PICK_L0, 10, false);
        (void) disk_compact(&disk);
        assert_int_equal(shm->levels[0], 0);
        disk_delete_prefix(&disk, "key000");
        disk_flush(&disk);

        /* Half a second for all that is there. */

        shm->pace_shrink = 1024;
        shm->pace_flush = FKV__BUDGET_PART * 2 * shm->table_bytes;
        disk.helper->flushing = (i == 1);

        began = fkv__monotonic_us();
        (void) disk_compact(&disk);
        us[i] = fkv__monotonic_us() - began;
    }

    /* The first look is when the flush is met. */

    printf("# %llu us, beside a flush %llu us\n", (unsigned long long) us[0],
           (unsigned long long) us[1]);
    assert_true(us[1] > 100000);
    (void) disk_check(&disk, UINT64_MAX);
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, compact_setup, compact_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(tables_agree_with_the_model_on_every_level),
        TEST(values_that_expire_do_not_uncover_older_ones),
        TEST(published_snapshots_go_on_seeing_what_they_saw),
        TEST(deleting_everything_gives_the_space_back),
        TEST(what_has_wholly_expired_goes_without_being_read),
        TEST(after_a_step_of_the_wall_nothing_is_dropped_for_an_hour),
        TEST(ascending_keys_are_moved_not_rewritten),
        TEST(a_damaged_table_is_left_alone_and_all_else_goes_on),
        TEST(a_damaged_table_of_a_deep_level_is_left_alone_too),
        TEST(a_missing_table_is_left_alone_too),
        TEST(after_each_slice_the_store_is_whole),
        TEST(tiered_tables_agree_with_the_model_after_each_slice),
        TEST(whichever_call_fails_the_next_compaction_succeeds),
        TEST(a_compaction_that_is_asked_to_stop_leaves_nothing),
        TEST(what_lies_deep_waits_for_a_flush),
        TEST(orphans_are_removed_by_the_next_owner),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
