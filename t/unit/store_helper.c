/*
 * store_helper.c - the role: its threads under load, its passing on, and the
 * death of its owner at every step.
 */

#include "disk.h"

#include <sys/mman.h>

#define MEMORY    FKV_MEMORY_MIN
#define HELPERS   12

static disk_t  disk;

/* Shared with the helper processes: each waits for its turn. */
typedef struct {
    uint32_t  go[HELPERS];
    uint32_t  quit[HELPERS];
    uint32_t  owns[HELPERS];        /* has had the role */
} stage_t;

static stage_t  *stage;
static pid_t     pids[HELPERS];


static int
helper_setup(void **state)
{
    (void) state;

    memset(&disk, 0, sizeof(disk));
    memset(pids, 0, sizeof(pids));
    disk.real_time = true;
    disk.random = 88172645463325252ull;
    live_dir(&disk.live);
    disk.live.quiet = true;
    disk_open(&disk, MEMORY);

    stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(stage != MAP_FAILED);

    return 0;
}


static int
helper_teardown(void **state)
{
    (void) state;

    for (unsigned i = 0; i < HELPERS; i++) {
        if (pids[i] > 0) {
            (void) kill(pids[i], SIGKILL);
            (void) waitpid(pids[i], NULL, 0);
        }
    }

    disk_end(&disk);
    (void) munmap(stage, sizeof(*stage));

    return 0;
}


static void
nap(unsigned ms)
{
    (void) poll(NULL, 0, (int) ms);
}


static uint32_t
role(void)
{
    return __atomic_load_n(&disk_state(&disk)->helper, __ATOMIC_SEQ_CST);
}


/*
 * A helper process: attaches when told to go, works until told to quit.
 * rude: it leaves as nginx's helper does, with its threads running.
 */
static void
helper_fork(unsigned i, const char *step, bool rude)
{
    pid_t  pid = fork();

    assert_true(pid >= 0);

    if (pid > 0) {
        pids[i] = pid;
        return;
    }

    if (step != NULL) {
        (void) setenv("FKV_KILL", step, 1);
    }

    while (!__atomic_load_n(&stage->go[i], __ATOMIC_ACQUIRE)) {
        nap(1);
    }

    if (fkv_attach(disk.store, FKV_HELPER, &disk.live.log, NULL, NULL,
                   disk.live.error) != FKV_OK)
    {
        _exit(2);
    }

    while (!__atomic_load_n(&stage->quit[i], __ATOMIC_ACQUIRE)) {
        unsigned  ms = fkv_helper(disk.store);

        if (disk.store->helper != NULL) {
            __atomic_store_n(&stage->owns[i], 1, __ATOMIC_RELEASE);
        }

        nap(fkv__min(ms, 20u));
    }

    if (rude) {
        exit(0);
    }

    fkv_detach(disk.store);
    fkv_close(disk.store);
    _exit(0);
}


static void
helper_go(unsigned i)
{
    __atomic_store_n(&stage->go[i], 1, __ATOMIC_RELEASE);
}


static int
helper_quit(unsigned i)
{
    int  status = -1;

    __atomic_store_n(&stage->go[i], 1, __ATOMIC_RELEASE);
    __atomic_store_n(&stage->quit[i], 1, __ATOMIC_RELEASE);
    assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
    pids[i] = 0;

    return status;
}


/* Has it been killed by its own hand?  Does not wait. */
static bool
helper_died(unsigned i)
{
    int  status;

    if (waitpid(pids[i], &status, WNOHANG) != pids[i]) {
        return false;
    }

    pids[i] = 0;

    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
        fail_msg("the helper ended with %d", status);
    }

    return true;
}


/* The tables and everything else agree with the model, now and later. */
static void
check_all(void)
{
    disk_check_gets(&disk);

    disk_state(&disk)->helper = disk.store->slot + 1;
    disk.helper = fkv__helper_new(disk.store);
    disk_flush(&disk);
    (void) disk_check(&disk, UINT64_MAX);
    assert_int_equal(disk_files(&disk), disk_state(&disk)->tables);

    disk_close(&disk);
    disk_open(&disk, MEMORY);
    disk_attach(&disk);
    disk_check_gets(&disk);
}


static void
a_worker_alone_may_have_the_role(void **state)
{
    uint64_t  written, until = live_ms() + 10000;

    (void) state;

    live_attach(&disk.live, FKV_WORKER);
    assert_in_range(fkv_helper(disk.store), 1, 1000);
    assert_int_equal(role(), disk.store->slot + 1);
    assert_in_range(fkv_helper(disk.store), 1, 1000);

    disk_churn(&disk, 20000, true);
    assert_true(disk_count(&disk, FKV__STAT_flushes) > 0);

    disk_settle(&disk);
    written = disk.store->seg->log.written;

    while (__atomic_load_n(&disk.store->seg->log.durable, __ATOMIC_ACQUIRE)
           < written)
    {
        nap(10);
        assert_true(live_ms() < until);
    }

    fkv_helper_stop(disk.store);
    assert_null(disk.store->helper);
    assert_int_equal(role(), FKV__NOBODY);
    fkv_helper_stop(disk.store);

    check_all();
}


static void
there_is_one_helper_and_then_the_next(void **state)
{
    (void) state;

    helper_fork(0, NULL, false);
    helper_fork(1, NULL, false);
    live_attach(&disk.live, FKV_WORKER);

    helper_go(0);

    while (!__atomic_load_n(&stage->owns[0], __ATOMIC_ACQUIRE)) {
        nap(1);
    }

    helper_go(1);
    disk_churn(&disk, 3000, false);
    assert_int_equal(stage->owns[1], 0);
    assert_int_equal(fkv_helper(disk.store), 100);

    assert_int_equal(helper_quit(0), 0);
    disk_churn(&disk, 3000, false);

    while (!__atomic_load_n(&stage->owns[1], __ATOMIC_ACQUIRE)) {
        nap(1);
    }

    assert_int_equal(helper_quit(1), 0);
    assert_int_equal(role(), FKV__NOBODY);
    check_all();
}


static void
helpers_that_leave_with_running_threads_are_replaced(void **state)
{
    unsigned  i = 0;

    (void) state;

    for (i = 0; i < HELPERS; i++) {
        helper_fork(i, NULL, true);
    }

    live_attach(&disk.live, FKV_WORKER);

    for (i = 0; i < HELPERS; i++) {
        uint64_t  until = live_ms() + 150;

        helper_go(i);

        while (live_ms() < until) {
            disk_churn(&disk, 20, false);
        }

        (void) helper_quit(i);
    }

    disk_churn(&disk, 8000, false);
    fkv_helper_stop(disk.store);
    check_all();
}


/* One helper dies at the step, another follows; nothing may be missing. */
static void
survive(const char *step)
{
    bool      died = false;
    unsigned  writes = 0, more = 1500;

    (void) helper_setup(NULL);

    /* The log is written, into files of zeros. */

    if (strcmp(step, "log_sync.1") == 0 || strcmp(step, "recycle.4") == 0) {
        disk.store->options.sync = FKV_SYNC_EVERYSEC;
    }

    helper_fork(0, step, false);
    helper_fork(1, NULL, false);
    live_attach(&disk.live, FKV_WORKER);
    helper_go(0);

    /* Else this worker, waiting for memory, might be the first owner. */

    while (!__atomic_load_n(&stage->owns[0], __ATOMIC_ACQUIRE)
           && !(died = helper_died(0)))
    {
        nap(1);
    }

    if (died) {
        helper_go(1);
    }

    while (more > 0) {
        disk_churn(&disk, 20, false);
        writes += 20;
        more -= died ? 20 : 0;

        if (!died && helper_died(0)) {
            died = true;
            helper_go(1);
        }

        if (writes > 40000) {
            fail_msg("%s was not reached", step);
        }
    }

    assert_int_equal(helper_quit(1), 0);
    fkv_helper_stop(disk.store);
    check_all();

    (void) helper_teardown(NULL);
}


static void
the_helper_may_die_at_any_step(void **state)
{
    static const char  *steps[] = {
        "helper.1", "helper.2",
        "flush.1", "flush.2:300", "flush.3:3", "flush.4:2",
        "edit.1:2", "edit.2", "edit.2:3", "edit.3:2", "edit.3:6",
        "recycle.1", "recycle.1:3", "recycle.2:9", "recycle.3:9", "recycle.4",
        "recycle.5:3", "recycle.5:9", "recycle.6:3",
        "compact.1", "compact.2:200", "compact.3", "compact.4",
        "log_sync.1", "log_sync.2:2", "log_sync.3:3",
        "table_file.1:2", "table_file.2:3", "table_file.3:5",
        "catalog.1:2", "catalog.2:3", "catalog.2:6", "catalog.3:4",
        "catalog.4:3",
    };

    (void) state;
    (void) helper_teardown(NULL);

    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        survive(steps[i]);
    }

    (void) helper_setup(NULL);
}


static unsigned  said_full, said_room;


static void
disk_log(void *data, fkv_log_level_e level, const char *text)
{
    (void) data;
    (void) level;

    if (strstr(text, "the disk is full") != NULL) {
        (void) __atomic_fetch_add(&said_full, 1, __ATOMIC_ACQ_REL);
    }

    if (strstr(text, "has room again") != NULL) {
        (void) __atomic_fetch_add(&said_room, 1, __ATOMIC_ACQ_REL);
    }
}


/* Waits until it has been said, and that it is so now. */
static void
await(const unsigned *said, uint32_t full)
{
    uint64_t  until = live_ms() + 20000;

    while (__atomic_load_n(said, __ATOMIC_ACQUIRE) == 0) {
        nap(10);
        assert_true(live_ms() < until);
    }

    assert_int_equal(__atomic_load_n(&disk_state(&disk)->disk_full,
                                     __ATOMIC_ACQUIRE), full);
}


static void
a_full_disk_is_said_once_and_ends_when_there_is_room(void **state)
{
    (void) state;

    said_full = 0;
    said_room = 0;
    disk.store->options.sync = FKV_SYNC_EVERYSEC;
    disk.live.log.write = disk_log;

    live_attach(&disk.live, FKV_WORKER);
    disk_break(&disk, "pwrite", ENOSPC, 0);
    (void) fkv_helper(disk.store);

    await(&said_full, 1);
    nap(2500);                          /* it has been tried again */
    disk_mend(&disk);

    await(&said_room, 0);
    assert_int_equal(said_full, 1);
    assert_int_equal(said_room, 1);

    disk_churn(&disk, 3000, false);
    fkv_helper_stop(disk.store);
    check_all();
}


/*
 * What tells of expiries has a handle of its own, whose end waits for the log,
 * and the log's leader is who waits for that.
 */
static void
a_leader_leaves_without_waiting_for_its_own_threads(void **state)
{
    bool           done = false;
    uint64_t       begin;
    fkv_stats_t    stats = { 0 };
    fkv_change_t   change = { .key = live_str("key"), .blind = true,
                              .action = FKV_PUT, .value = live_str("a") };
    fkv_update_t   u = { .changes = &change, .n = 1,
                         .op = { .on_done = live_done, .data = &done } };

    (void) state;

    disk.store->options.sync = FKV_SYNC_ALWAYS;
    live_attach(&disk.live, FKV_WORKER);
    (void) fkv_helper(disk.store);

    assert_int_equal(live_put_at(&disk.live, "key", live_str("a"),
                                 fkv_now_ms(disk.store) + DISK_HOUR,
                                 FKV_SYNC_DEFAULT), FKV_OK);

    while (stats.processes < 2) {
        nap(10);
        fkv_stats(disk.store, &stats);
    }

    u.store = disk.store;
    u.now_ms = fkv_now_ms(disk.store);
    assert_int_equal(fkv_update(&u), FKV_AGAIN);
    fkv_turn(disk.store);

    begin = live_ms();
    fkv_detach(disk.store);
    assert_true(live_ms() - begin < 4000);
    assert_null(disk.store->helper);
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, helper_setup, helper_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(a_worker_alone_may_have_the_role),
        TEST(there_is_one_helper_and_then_the_next),
        TEST(helpers_that_leave_with_running_threads_are_replaced),
        TEST(a_full_disk_is_said_once_and_ends_when_there_is_room),
        TEST(a_leader_leaves_without_waiting_for_its_own_threads),
        TEST(the_helper_may_die_at_any_step),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
