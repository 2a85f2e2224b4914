/*
 * store_orphan.c - elements go when their key has gone, and not before.
 */

#include "disk.h"

#include "store/orphan.h"

#include <fcntl.h>
#include <sys/prctl.h>

#define MEMORY   (8 * 1024 * 1024)
#define BATCH    500

static disk_t    disk;
static unsigned  met;


static int
orphan_setup(void **state)
{
    (void) state;
    disk_begin(&disk, MEMORY);

    return 0;
}


static int
orphan_teardown(void **state)
{
    (void) state;
    disk_end(&disk);

    return 0;
}


static int
update(fkv_change_t *change)
{
    bool          done = false;
    fkv_update_t  u = { .store = disk.store, .changes = change, .n = 1,
                        .now_ms = fkv_now_ms(disk.store),
                        .op = { .on_done = live_done, .data = &done } };

    return live_wait(&disk.live, &u.op, fkv_update(&u), &done);
}


/* The key, with elements from .. from + n - 1. */
static void
put_at(const char *key, uint64_t stamp, unsigned from, unsigned n,
    uint64_t expire_at)
{
    static char           names[BATCH][16];
    static fkv_element_t  elements[BATCH];
    fkv_change_t          change = { .key = live_str(key),
                                     .action = FKV_PUT, .stamp = stamp,
                                     .expire_at = expire_at,
                                     .elements = elements, .elements_n = n };

    assert_true(n <= BATCH);

    for (unsigned i = 0; i < n; i++) {
        (void) sprintf(names[i], "e%09u", from + i);
        elements[i] = (fkv_element_t) { .name = live_str(names[i]),
                                        .value = FKV_STR("a value") };
    }

    assert_int_equal(update(&change), FKV_OK);
}


static void
put(const char *key, uint64_t stamp, unsigned n)
{
    put_at(key, stamp, 0, n, 0);
}


static void
delete(const char *key)
{
    fkv_change_t  change = { .key = live_str(key), .action = FKV_DELETE };

    assert_int_equal(update(&change), FKV_OK);
}


static int
on_entry(fkv_scan_t *scan, fkv_str_t name, const fkv_value_t *value)
{
    (void) scan;
    (void) name;
    (void) value;
    met++;

    return FKV_OK;
}


/* Elements that can be named, with a lease as it held them. */
static unsigned
scan_at(const char *key, uint64_t stamp, const fkv_lease_t *lease)
{
    bool        done = false;
    fkv_scan_t  scan = { .store = disk.store, .key = live_str(key),
                         .stamp = stamp, .on_entry = on_entry,
                         .now_ms = fkv_now_ms(disk.store),
                         .op = { .on_done = live_done, .data = &done } };

    if (lease != NULL) {
        scan.lease = *lease;
    }

    met = 0;
    assert_int_equal(live_wait(&disk.live, &scan.op, fkv_scan(&scan), &done),
                     FKV_OK);

    return met;
}


static unsigned
scan(const char *key, uint64_t stamp)
{
    return scan_at(key, stamp, NULL);
}


/* Records of elements in all tables. */
static unsigned
stored(void)
{
    disk_walk_t  walk;
    unsigned     n = 0;

    disk_walk_begin(&disk, &walk);

    while (fkv__merge_settle(&walk.merge) == FKV_OK) {
        n += (walk.merge.rec->key.data[0] >= FKV__NAMESPACE_ELEMENTS);
        fkv__merge_next(&walk.merge);
    }

    disk_walk_end(&walk);

    return n;
}


/* Everything into tables, and these through merges. */
static void
merge_all(void)
{
    for (unsigned i = 0; i < FKV__PICK_L0_WRITES; i++) {
        put("filler", 99, 5);
        disk_flush(&disk);
    }

    (void) disk_compact(&disk);
}


static void
reopen(void)
{
    disk_close(&disk);
    disk_open(&disk, MEMORY);
    disk_attach(&disk);
}


static void
elements_go_with_their_key_however_it_goes(void **state)
{
    fkv_change_t  plain = { .key = FKV_STR("over"), .action = FKV_PUT };

    (void) state;

    put("alive", 1, 100);
    put("gone", 2, 100);
    put("over", 3, 100);
    put("anew", 4, 100);
    put_at("late", 5, 0, 100, fkv_now_ms(disk.store) + 1000);
    merge_all();
    assert_int_equal(stored(), 505);

    delete("gone");
    assert_int_equal(update(&plain), FKV_OK);
    put("anew", 6, 10);
    disk_pass(&disk, 2000);
    merge_all();

    assert_int_equal(stored(), 115);
    assert_int_equal(scan("alive", 1), 100);
    assert_int_equal(scan("gone", 2), 0);
    assert_int_equal(scan("anew", 6), 10);
    assert_true(disk_count(&disk, FKV__STAT_elements_dropped) > 0);

    reopen();
    assert_int_equal(scan("alive", 1), 100);
    assert_int_equal(scan("anew", 6), 10);
}


/* The death is in memory: the log may lose it. */
static void
a_death_that_is_in_no_table_does_not_count(void **state)
{
    (void) state;

    put("k", 1, 100);

    for (unsigned i = 0; i < FKV__PICK_L0_WRITES; i++) {
        put("filler", 99, 5);
        disk_flush(&disk);
    }

    delete("k");
    (void) disk_compact(&disk);
    assert_int_equal(stored(), 105);

    merge_all();
    assert_int_equal(stored(), 5);
}


static void
what_a_snapshot_sees_stays(void **state)
{
    fkv_lease_t  lease;
    uint64_t     lsn;

    (void) state;

    put("k", 1, 100);
    merge_all();
    assert_int_equal(fkv_snapshot_take(disk.store, DISK_HOUR, 4711, &lease,
                                       &lsn), FKV_OK);
    delete("k");
    put("k", 2, 30);
    delete("k");
    merge_all();
    merge_all();

    assert_int_equal(scan_at("k", 1, &lease), 100);
    assert_int_equal(scan_at("k", 2, &lease), 0);
    assert_true(stored() >= 105);

    assert_int_equal(fkv_snapshot_drop(disk.store, &lease), FKV_OK);
    merge_all();
    assert_int_equal(stored(), 5);
}


/* Rule 2: what has expired in a table was written anew before. */
static void
a_key_that_was_kept_alive_in_memory_keeps_its_elements(void **state)
{
    uint64_t  now_ms = fkv_now_ms(disk.store);

    (void) state;

    for (unsigned i = 0; i < FKV__PICK_L0_WRITES; i++) {
        put_at("k", 1, 0, 100, now_ms + 1000);
        disk_flush(&disk);
    }

    put_at("k", 1, 100, 1, now_ms + 100000);
    disk_pass(&disk, 2000);
    (void) disk_compact(&disk);

    assert_int_equal(scan("k", 1), 101);
    merge_all();
    assert_int_equal(scan("k", 1), 101);
    reopen();
    assert_int_equal(scan("k", 1), 101);

    disk_pass(&disk, 100000);
    merge_all();
    assert_int_equal(stored(), 5);
}


/* Rule 2: to the older snapshot it has expired, to the younger it has not. */
static void
a_snapshot_between_two_deaths_keeps_the_elements(void **state)
{
    uint64_t     now_ms = fkv_now_ms(disk.store), lsn;
    fkv_lease_t  older, younger;

    (void) state;

    put_at("k", 1, 0, 100, now_ms + 1000);
    merge_all();
    assert_int_equal(fkv_snapshot_take(disk.store, DISK_HOUR, 1, &older,
                                       &lsn), FKV_OK);
    put_at("k", 1, 100, 1, now_ms + 100000);
    disk_flush(&disk);
    assert_int_equal(fkv_snapshot_take(disk.store, DISK_HOUR, 2, &younger,
                                       &lsn), FKV_OK);
    delete("k");
    disk_pass(&disk, 2000);
    merge_all();
    merge_all();

    assert_int_equal(scan_at("k", 1, &younger), 101);
    assert_int_equal(fkv_snapshot_drop(disk.store, &younger), FKV_OK);
    merge_all();
    assert_true(stored() < 50);
    assert_int_equal(fkv_snapshot_drop(disk.store, &older), FKV_OK);
}


#define SNAPSHOTS  60

/* Each sees another version of every one of the keys. */
static void
snapshots_take(fkv_lease_t *leases, const char *const *keys, uint64_t stamp)
{
    uint64_t  lsn;

    for (unsigned i = 0; i < SNAPSHOTS; i++) {
        for (unsigned k = 0; keys[k] != NULL; k++) {
            put(keys[k], stamp, 1);
        }

        assert_int_equal(fkv_snapshot_take(disk.store, DISK_HOUR, 100 + i,
                                           &leases[i], &lsn), FKV_OK);
    }
}


/*
 * Clients that list and do not come to the end leave some at any time: what was
 * deleted before all of them has to go nevertheless.
 */
static void
many_snapshots_keep_only_what_one_of_them_sees(void **state)
{
    static const char *const  keys[] = { "again", "filler", NULL };
    fkv_lease_t               leases[SNAPSHOTS];

    (void) state;

    put("again", 1, 200);
    put("gone", 1, 200);
    put("seen", 1, 50);
    merge_all();
    delete("again");
    delete("gone");
    put("again", 2, 1);
    disk_flush(&disk);
    snapshots_take(leases, keys, 2);
    delete("seen");
    merge_all();
    merge_all();

    assert_int_equal(scan_at("seen", 1, &leases[0]), 50);
    assert_int_equal(scan_at("again", 2, &leases[0]), 1);
    assert_int_equal(scan("again", 2), 1);
    assert_in_range(stored(), 50, 50 + 4 * SNAPSHOTS);

    for (unsigned i = 0; i < SNAPSHOTS; i++) {
        assert_int_equal(fkv_snapshot_drop(disk.store, &leases[i]), FKV_OK);
    }

    merge_all();
    assert_in_range(stored(), 6, 7);
}


/* Rule 4 is no word on a stamp that came after the oldest snapshot. */
static void
many_snapshots_keep_each_life_that_one_of_them_sees(void **state)
{
    static const char *const  none[] = { "filler", NULL };
    fkv_lease_t               leases[SNAPSHOTS], between[3];
    uint64_t                  lsn;

    (void) state;

    snapshots_take(leases, none, 9);

    for (unsigned life = 0; life < 3; life++) {
        put("k", 1 + life, 20);
        assert_int_equal(fkv_snapshot_take(disk.store, DISK_HOUR, 7 + life,
                                           &between[life], &lsn), FKV_OK);
        delete("k");
        disk_flush(&disk);
    }

    merge_all();
    merge_all();

    for (unsigned life = 0; life < 3; life++) {
        assert_int_equal(scan_at("k", 1 + life, &between[life]), 20);
        assert_int_equal(fkv_snapshot_drop(disk.store, &between[life]),
                         FKV_OK);
    }
}


typedef struct {
    fkv_update_t   u;
    fkv_change_t   change;
    fkv_element_t  element;
    unsigned       calls;
    bool           existed;
} slow_t;


/* Time passes between the read and the write. */
static int
slow_decide(fkv_update_t *u)
{
    slow_t  *slow = fkv__container(u, slow_t, u);

    slow->existed = slow->change.exists;
    slow->change.action = FKV_PUT;
    slow->change.stamp = slow->existed ? slow->change.current.stamp : 8;
    slow->change.elements = &slow->element;
    slow->change.elements_n = 1;

    if (slow->calls++ == 0) {
        disk_pass(&disk, 2000);
    }

    return FKV_OK;
}


/* Rule 3. */
static void
who_writes_too_late_finds_that_the_key_has_expired(void **state)
{
    bool    done = false;
    slow_t  slow = { .change = { .key = FKV_STR("k") },
                     .element = { .name = FKV_STR("n") } };

    (void) state;

    put_at("k", 7, 0, 100, fkv_now_ms(disk.store) + 1000);
    slow.u = (fkv_update_t) { .store = disk.store, .changes = &slow.change,
                              .n = 1, .decide = slow_decide,
                              .now_ms = fkv_now_ms(disk.store),
                              .op = { .on_done = live_done, .data = &done } };

    assert_int_equal(live_wait(&disk.live, &slow.u.op, fkv_update(&slow.u),
                               &done), FKV_OK);
    assert_int_equal(slow.calls, 2);
    assert_false(slow.existed);
    assert_int_equal(scan("k", 8), 1);
    merge_all();
    assert_int_equal(stored(), 6);
}


/* Would a merge leave out an old element of this stamp of key k? */
static bool
judged_dead(uint64_t stamp)
{
    uint8_t          ikey[64];
    fkv__space_t     space = { 0, FKV_STR("k"), stamp };
    fkv__record_t    rec = { .kind = FKV__RECORD_VALUE, .version = 1 };
    fkv__version_t  *version;
    fkv__keep_t      keep;
    fkv__orphans_t   orphans;
    bool             dead;

    rec.key = (fkv_str_t) { ikey,
                            fkv__space_encode(ikey, &space, FKV_STR("n")) };

    assert_int_equal(fkv__helper_version(disk.helper, &version), FKV_OK);
    assert_int_equal(fkv__keep_init(&keep, disk.store, version, 0), FKV_OK);
    fkv__orphans_init(&orphans, disk.helper, &keep);
    dead = fkv__orphan(&orphans, &rec);
    fkv__orphans_done(&orphans);
    fkv__keep_done(&keep);
    fkv__version_unpin(version);

    return dead;
}


static int
spoil(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    uint8_t  garbage[40] = { 0 };
    int      fd;

    (void) st;

    if (flag == FTW_F && strstr(path + ftw->base, ".sst") != NULL) {
        fd = open(path, O_WRONLY);
        assert_int_equal(pwrite(fd, garbage, sizeof(garbage), 0),
                         sizeof(garbage));
        assert_int_equal(close(fd), 0);
    }

    return 0;
}


static void
elements_of_a_key_that_cannot_be_read_stay(void **state)
{
    (void) state;

    put("k", 2, 5);
    disk_flush(&disk);
    assert_true(judged_dead(1));
    assert_false(judged_dead(2));

    reopen();
    assert_int_equal(nftw(disk.live.dir, spoil, 16, FTW_PHYS), 0);
    assert_false(judged_dead(1));
    assert_false(judged_dead(2));
}


static uint64_t
table_bytes(void)
{
    fkv_stats_t  stats;

    fkv_stats(disk.store, &stats);

    return stats.table_bytes;
}


/* FKV_ELEMENTS=1000000 for as many. */
static void
a_large_collection_dies_at_once_and_its_space_comes_back(void **state)
{
    const char  *env = getenv("FKV_ELEMENTS");
    unsigned     n = (env != NULL) ? (unsigned) atoi(env) : 100000;
    uint64_t     before, begun, least = UINT64_MAX;

    (void) state;
    disk.helper->table_bytes = 256 * 1024;
    disk.helper->slice_bytes = 1024 * 1024;

    put("a", 1, 100);
    put("z", 2, 100);

    for (unsigned i = 0; i < n; i += BATCH) {
        put_at("large", 3, i, BATCH, 0);

        if (i % (20 * BATCH) == 0) {
            disk_flush(&disk);
            (void) disk_compact(&disk);
        }
    }

    merge_all();
    before = table_bytes();
    assert_true(before > n * 8);

    begun = fkv__monotonic_us();
    delete("large");
    least = fkv__monotonic_us() - begun;
    assert_true(fkv__orphans_wait(disk.store)
                || before < FKV__ORPHANS_TABLES);

    /* One flush, which the helper does by itself, and no more writes. */

    disk_flush(&disk);
    (void) disk_compact(&disk);

    printf("# %u elements: DEL took %u us, tables %llu -> %llu KiB\n", n,
           (unsigned) least, (unsigned long long) before / 1024,
           (unsigned long long) table_bytes() / 1024);

    assert_true(table_bytes() < before / 10);
    assert_int_equal(scan("a", 1), 100);
    assert_int_equal(scan("z", 2), 100);
    assert_null(disk.helper->orphans[0].data);

    merge_all();
    assert_int_equal(stored(), 205);
}


/* What the helper does in a process of its own, until it is killed. */
static pid_t
helper_begin(void)
{
    pid_t  pid = fork();

    assert_true(pid >= 0);

    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        live_attach(&disk.live, FKV_HELPER);

        for ( ;; ) {
            struct timespec  nap = {
                .tv_nsec = (long) fkv__min(fkv_helper(disk.store), 100)
                           * 1000000
            };

            (void) nanosleep(&nap, NULL);
        }
    }

    return pid;
}


/* Tables have so many bytes, more or less; waits for it. */
static void
wait_for_tables(bool more, uint64_t bytes)
{
    uint64_t  until = live_ms() + 60000;

    while ((table_bytes() >= bytes) != more) {
        live_loop(&disk.live, 50);

        if (live_ms() > until) {
            fail_msg("tables have %llu bytes",
                     (unsigned long long) table_bytes());
        }
    }
}


static void
the_helper_gives_the_space_back_by_itself(void **state)
{
    unsigned  n = 0;
    uint64_t  before;
    pid_t     pid;
    int       status;

    (void) state;
    check_many_processes();

    disk_close(&disk);
    disk.real_time = true;
    disk_open(&disk, MEMORY);
    pid = helper_begin();
    live_attach(&disk.live, FKV_WORKER);

    while (table_bytes() < 2 * FKV__ORPHANS_TABLES) {
        put_at("large", 3, n, BATCH, 0);
        n += BATCH;
        assert_true(n < 10000000);
    }

    before = table_bytes();
    delete("large");
    wait_for_tables(false, before / 4);

    /* Who asks for the dead stamp itself meets what is left of them. */
    assert_true(scan("large", 3) < n / 2);

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, orphan_setup, orphan_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(elements_go_with_their_key_however_it_goes),
        TEST(a_death_that_is_in_no_table_does_not_count),
        TEST(what_a_snapshot_sees_stays),
        TEST(a_key_that_was_kept_alive_in_memory_keeps_its_elements),
        TEST(a_snapshot_between_two_deaths_keeps_the_elements),
        TEST(many_snapshots_keep_only_what_one_of_them_sees),
        TEST(many_snapshots_keep_each_life_that_one_of_them_sees),
        TEST(who_writes_too_late_finds_that_the_key_has_expired),
        TEST(elements_of_a_key_that_cannot_be_read_stay),
        TEST(a_large_collection_dies_at_once_and_its_space_comes_back),
        TEST(the_helper_gives_the_space_back_by_itself),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
