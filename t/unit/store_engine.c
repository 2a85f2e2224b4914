/*
 * store_engine.c - a store as a whole: writes, reads, processes, restarts.
 */

#include "live.h"

#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#define MEMORY  (8 * 1024 * 1024)

static live_t  live;


static int
setup(void **state)
{
    (void) state;
    live_dir(&live);
    return 0;
}


static int
teardown(void **state)
{
    (void) state;

    if (live.store != NULL) {
        live_detach_close(&live);
    }

    live_remove(&live);

    return 0;
}


static void
check_value(const char *key, const char *want)
{
    char  got[64];

    assert_int_equal(live_get(&live, key, got, sizeof(got)), FKV_OK);
    assert_string_equal(got, want);
}


static void
check_absent(const char *key)
{
    char  got[64];

    assert_int_equal(live_get(&live, key, got, sizeof(got)), FKV_NOTFOUND);
}


static void
what_was_put_is_read_until_it_is_deleted(void **state)
{
    (void) state;

    live_open(&live, MEMORY, FKV_SYNC_ALWAYS);
    live_attach(&live, FKV_WORKER);

    check_absent("user:101");
    assert_int_equal(live_put(&live, "user:101", "Alice"), FKV_OK);
    check_value("user:101", "Alice");
    assert_int_equal(live_put(&live, "user:101", ""), FKV_OK);
    check_value("user:101", "");
    assert_int_equal(live_delete(&live, "user:101"), FKV_OK);
    check_absent("user:101");
    assert_int_equal(live_delete(&live, "user:101"), FKV_OK);
}


static void
a_write_is_invisible_until_it_is_durable(void **state)
{
    bool          done = false;
    fkv_change_t  change = { .key = FKV_STR("k"), .blind = true,
                             .action = FKV_PUT, .value = FKV_STR("v") };
    fkv_update_t  u = { .changes = &change, .n = 1,
                        .op = { .on_done = live_done, .data = &done } };
    fkv_stats_t   stats;

    (void) state;

    live_open(&live, MEMORY, FKV_SYNC_ALWAYS);
    live_attach(&live, FKV_WORKER);

    u.store = live.store;
    assert_int_equal(fkv_update(&u), FKV_AGAIN);
    check_absent("k");

    fkv_stats(live.store, &stats);
    assert_true(stats.lsn_durable <= change.version);

    assert_int_equal(live_wait(&live, &u.op, FKV_AGAIN, &done), FKV_OK);
    check_value("k", "v");

    fkv_stats(live.store, &stats);
    assert_true(stats.lsn_durable > change.version);
}


static void
expired_values_are_absent_and_may_be_made_anew(void **state)
{
    struct timespec  nap = { 0, 40 * 1000000 };

    (void) state;

    live_open(&live, MEMORY, FKV_SYNC_EVERYSEC);
    live_attach(&live, FKV_WORKER);

    assert_int_equal(live_put_at(&live, "k", FKV_STR("v"),
                                 fkv_now_ms(live.store) + 30, 0), FKV_OK);
    check_value("k", "v");
    (void) nanosleep(&nap, NULL);
    check_absent("k");
    assert_int_equal(live_put(&live, "k", "w"), FKV_OK);
    check_value("k", "w");
}


static void
everything_acknowledged_is_there_after_reopening(void **state)
{
    char  key[32], value[32];

    (void) state;

    for (unsigned life = 0; life < 4; life++) {
        live_open(&live, MEMORY << (life & 1), FKV_SYNC_ALWAYS);
        live_attach(&live, FKV_WORKER);

        for (unsigned i = 0; i < life * 50; i++) {
            (void) sprintf(key, "key%u", i);
            (void) sprintf(value, "value%u", i);
            check_value(key, value);
        }

        check_absent("gone");

        for (unsigned i = life * 50; i < (life + 1) * 50; i++) {
            (void) sprintf(key, "key%u", i);
            (void) sprintf(value, "value%u", i);
            assert_int_equal(live_put(&live, key, value), FKV_OK);
        }

        assert_int_equal(live_put(&live, "gone", "x"), FKV_OK);
        assert_int_equal(live_delete(&live, "gone"), FKV_OK);

        live_detach_close(&live);
    }
}


static void
more_than_memory_goes_through_flush_and_compaction(void **state)
{
    static char  value[1000];
    char         key[32], got[64];
    fkv_stats_t  stats;

    (void) state;

    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_EVERYSEC);
    live_attach(&live, FKV_WORKER);
    memset(value, 'x', sizeof(value));

    for (unsigned i = 0; i < 20000; i++) {
        (void) sprintf(key, "key%06u", i * 7919 % 20000);
        (void) memcpy(value, key, strlen(key));
        assert_int_equal(live_put_at(&live, key,
                             (fkv_str_t) { (uint8_t *) value, sizeof(value) },
                             0, 0), FKV_OK);
    }

    fkv_stats(live.store, &stats);
    assert_true(stats.flushes >= 10);
    assert_true(stats.tables > 0);

    for (unsigned i = 0; i < 20000; i += 37) {
        (void) sprintf(key, "key%06u", i);
        assert_int_equal(live_get(&live, key, got, 10), FKV_OK);
        assert_string_equal(got, key);
    }

    live_detach_close(&live);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_ALWAYS);
    live_attach(&live, FKV_WORKER);

    for (unsigned i = 0; i < 20000; i += 41) {
        (void) sprintf(key, "key%06u", i);
        assert_int_equal(live_get(&live, key, got, 10), FKV_OK);
        assert_string_equal(got, key);
    }
}


/* Shared between a test and the processes it forks. */
typedef struct {
    uint64_t  acked[4];
    uint64_t  begun[4];
    bool      others_done;      /* atomic */
} tally_t;


static tally_t *
tally_new(void)
{
    tally_t  *tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(tally != MAP_FAILED);

    return tally;
}


static pid_t
worker_fork(unsigned n, tally_t *tally, unsigned rounds, const char *kill)
{
    pid_t    pid = fork();
    int64_t  value;
    char     key[16], own[32], padded[600];

    assert_true(pid >= 0);

    if (pid > 0) {
        return pid;
    }

    if (kill != NULL) {
        (void) setenv("FKV_KILL", kill, 1);
    }

    live_attach(&live, FKV_WORKER);

    for (unsigned i = 0; i < rounds; i++) {
        (void) sprintf(key, "hot%u", i % 3);
        (void) sprintf(own, "w%u-%u", n, i);
        (void) sprintf(padded, "%-599s", key);

        tally->begun[n]++;

        if (live_incr(&live, key, 1, &value) != FKV_OK
            || live_put(&live, own, padded) != FKV_OK
            || live_put(&live, "shared", own) != FKV_OK)
        {
            _exit(3);
        }

        tally->acked[n]++;
    }

    if (n == 1) {
        while (!__atomic_load_n(&tally->others_done, __ATOMIC_ACQUIRE)) {
            live_loop(&live, 1);
        }

        if (live_put(&live, "shared", "last") != FKV_OK) {
            _exit(4);
        }
    }

    live_detach_close(&live);
    _exit(0);
}


static int64_t
hot_sum(void)
{
    char     key[16], got[64];
    int64_t  sum = 0;

    for (unsigned i = 0; i < 3; i++) {
        (void) sprintf(key, "hot%u", i);

        if (live_get(&live, key, got, sizeof(got)) == FKV_OK) {
            sum += atoll(got);
        }
    }

    return sum;
}


static void
two_processes_count_exactly(void **state)
{
    tally_t  *tally = tally_new();
    pid_t     pids[2];
    int       status;

    (void) state;
    check_many_processes();

    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_ALWAYS);

    for (unsigned n = 0; n < 2; n++) {
        pids[n] = worker_fork(n, tally, 1000, NULL);
    }

    tally->others_done = true;

    for (unsigned n = 0; n < 2; n++) {
        assert_int_equal(waitpid(pids[n], &status, 0), pids[n]);
        assert_int_equal(status, 0);
    }

    live_attach(&live, FKV_WORKER);
    assert_int_equal(hot_sum(), 2000);
    live_detach_close(&live);

    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_ALWAYS);
    live_attach(&live, FKV_WORKER);
    assert_int_equal(hot_sum(), 2000);
    (void) munmap(tally, sizeof(*tally));
}


#define PAIR_ROUNDS  3000

typedef struct {
    fkv_update_t  u;
    fkv_change_t  changes[2];
    bool          done;
    unsigned      me;           /* of the two keys; 2: reads only */
    unsigned      seen;         /* of the keys that existed, a bit each */
} pair_t;


static void
pair_look(pair_t *pair)
{
    pair->seen = 0;

    for (unsigned i = 0; i < 2; i++) {
        pair->seen |= pair->changes[i].exists ? 1u << i : 0;
        pair->changes[i].action = FKV_KEEP;
    }
}


/* Mine only if the other one's is not there: the other is kept, not written. */
static int
skew_decide(fkv_update_t *u)
{
    pair_t  *pair = fkv__container(u, pair_t, u);

    pair_look(pair);
    (void) sched_yield();       /* between reading and writing */

    if (pair->me < 2 && pair->seen == 0) {
        pair->changes[pair->me].action = FKV_PUT;
        pair->changes[pair->me].value = FKV_STR("here");
    }

    return FKV_OK;
}


/* Both keys are there, or none: written in one update. */
static int
twin_decide(fkv_update_t *u)
{
    pair_t  *pair = fkv__container(u, pair_t, u);

    pair_look(pair);

    for (unsigned i = 0; i < 2 && pair->me < 2; i++) {
        pair->changes[i].action = (pair->seen == 0) ? FKV_PUT : FKV_DELETE;
        pair->changes[i].value = FKV_STR("here");
    }

    return FKV_OK;
}


/* As if it read only, and answers that what it saw is refused. */
static int
refusing_decide(fkv_update_t *u)
{
    pair_look(fkv__container(u, pair_t, u));

    return FKV_PRECONDITION;
}


/* All keys that begin so, in one record. */
static int
pair_delete(const char *prefix)
{
    bool          done = false;
    fkv_change_t  change = { .key = live_str(prefix), .prefix = true,
                             .action = FKV_DELETE };
    fkv_update_t  u = { .store = live.store, .changes = &change, .n = 1,
                        .now_ms = fkv_now_ms(live.store),
                        .op = { .on_done = live_done, .data = &done } };

    return live_wait(&live, &u.op, fkv_update(&u), &done);
}


static int
pair_update(unsigned me, int (*decide)(fkv_update_t *), unsigned *seen)
{
    int     rc;
    pair_t  pair = { .me = me };

    pair.changes[0].key = FKV_STR("pair0");
    pair.changes[1].key = FKV_STR("pair1");
    pair.u = (fkv_update_t) { .store = live.store, .changes = pair.changes,
                              .n = 2, .decide = decide,
                              .now_ms = fkv_now_ms(live.store),
                              .op = { .on_done = live_done,
                                      .data = &pair.done } };

    rc = live_wait(&live, &pair.u.op, fkv_update(&pair.u), &pair.done);
    *seen = pair.seen;

    return rc;
}


/* A child; its status is 1 if it has seen what must not be. */
static pid_t
pair_fork(void (*body)(unsigned me), unsigned me)
{
    pid_t  pid = fork();

    assert_true(pid >= 0);

    if (pid == 0) {
        live_attach(&live, FKV_WORKER);
        body(me);
        live_detach_close(&live);
        _exit(0);
    }

    return pid;
}


static void
pair_run(void (*body)(unsigned me))
{
    pid_t  pids[3];
    int    status;

    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_EVERYSEC);

    for (unsigned i = 0; i < 3; i++) {
        pids[i] = pair_fork(body, i);
    }

    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }

    live_attach(&live, FKV_WORKER);
}


static void
skew_body(unsigned me)
{
    const char  *mine = me == 0 ? "pair0" : "pair1";
    unsigned     seen;

    for (unsigned i = 0; i < PAIR_ROUNDS; i++) {
        int  wrote = pair_update(me, skew_decide, &seen);
        int  read = pair_update(2, skew_decide, &seen);

        if (read == FKV_OK && seen == 3) {
            _exit(1);
        }

        if ((wrote != FKV_OK && wrote != FKV_CONFLICT)
            || (read != FKV_OK && read != FKV_CONFLICT))
        {
            _exit(3);
        }

        if (me < 2 && (i % 2 ? pair_delete(mine) : live_delete(&live, mine))
                      != FKV_OK)
        {
            _exit(2);
        }
    }
}


static void
a_key_that_is_only_read_is_a_condition_too(void **state)
{
    (void) state;
    check_many_processes();
    pair_run(skew_body);
}


static void
twin_body(unsigned me)
{
    unsigned  seen;
    int       rc;

    for (unsigned i = 0; i < PAIR_ROUNDS; i++) {
        rc = pair_update(me, (me == 2 && i % 2) ? refusing_decide
                                                : twin_decide, &seen);

        if (rc != FKV_OK && rc != FKV_PRECONDITION && rc != FKV_CONFLICT) {
            _exit(2);
        }

        if (rc != FKV_CONFLICT && seen != 0 && seen != 3) {
            _exit(1);
        }

        if (me == 1 && pair_delete("pair") != FKV_OK) {
            _exit(3);
        }
    }
}


static void
what_is_read_together_was_there_together(void **state)
{
    (void) state;
    check_many_processes();
    pair_run(twin_body);
}


static void
check_acked(const tally_t *tally)
{
    char      own[32], want[16], got[8];
    uint64_t  acked = 0, begun = 0;
    int64_t   sum = hot_sum();

    for (unsigned n = 0; n < 2; n++) {
        acked += tally->acked[n];
        begun += tally->begun[n];

        for (unsigned i = 0; i < tally->acked[n]; i++) {
            (void) sprintf(own, "w%u-%u", n, i);
            (void) sprintf(want, "hot%u", i % 3);
            assert_int_equal(live_get(&live, own, got, 5), FKV_OK);
            assert_string_equal(got, want);
        }
    }

    assert_true(sum >= (int64_t) acked);
    assert_true(sum <= (int64_t) begun);
}


/*
 * One of two workers dies at a kill point; the other must go on to its end,
 * nothing acknowledged may be missing, then or after a restart, and no
 * increment may count that was not begun.
 */
static bool
survive(const char *kill, fkv_sync_e sync)
{
    tally_t  *tally = tally_new();
    pid_t     dying, living;
    int       status;
    bool      died;

    live_dir(&live);
    live.quiet = true;
    live_open(&live, FKV_MEMORY_MIN, sync);

    dying = worker_fork(0, tally, 600, kill);
    living = worker_fork(1, tally, 600, NULL);

    assert_int_equal(waitpid(dying, &status, 0), dying);
    died = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    __atomic_store_n(&tally->others_done, true, __ATOMIC_RELEASE);
    assert_int_equal(waitpid(living, &status, 0), living);

    if (status != 0) {
        fail_msg("%s: the other worker ended with %d", kill, status);
    }

    for (unsigned life = 0; life < 2; life++) {
        live_attach(&live, FKV_WORKER);
        check_acked(tally);

        /* Blind writes of one key: the dead must not come out on top. */
        check_value("shared", "last");

        live_detach_close(&live);
        live_open(&live, FKV_MEMORY_MIN, sync);
    }

    live_attach(&live, FKV_WORKER);

    live_detach_close(&live);
    live_remove(&live);
    (void) munmap(tally, sizeof(*tally));

    return died;
}


static void
a_worker_may_die_at_any_step(void **state)
{
    static const char  *steps[] = {
        "reserve.1", "reserve.2", "update.1", "update.2", "update.3",
        "update.4", "update.5", "update.6", "link.1", "link.2", "link.3",
        "link.4", "commit.1", "commit.2", "commit.3", "commit.4", "commit.5",
        "commit.6", "switch.1", "switch.2",
    };
    char      kill[32];
    unsigned  died = 0;

    (void) state;
    check_many_processes();
    (void) teardown(NULL);

    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        bool  rare = (strncmp(steps[i], "switch", 6) == 0
                      || strncmp(steps[i], "commit", 6) == 0);

        (void) snprintf(kill, sizeof(kill), "%s:%u", steps[i], rare ? 1 : 50);

        /* The other worker may lead or switch all the time: nobody dies. */
        if (survive(kill, (i & 1) ? FKV_SYNC_ALWAYS : FKV_SYNC_EVERYSEC)
            || survive(kill, FKV_SYNC_ALWAYS))
        {
            died++;

        } else if (!rare) {
            fail_msg("%s was not reached", kill);
        }
    }

    assert_true(died >= 15);

    (void) setup(NULL);
}


/* The thread pool, but log writes fail while this is set. */
static bool           failing;
static fkv__io_ops_t  failing_ops;


static void
failing_submit(fkv__io_t *io, fkv__io_req_t *req)
{
    if (failing && req->kind == FKV__IO_WRITE) {
        req->fd = -1;
    }

    fkv__io_pool.submit(io, req);
}


static void
a_failed_log_write_makes_the_store_read_only(void **state)
{
    fkv_stats_t  stats;

    (void) state;

    failing = false;
    failing_ops = fkv__io_pool;
    failing_ops.submit = failing_submit;
    live.quiet = true;

    assert_int_equal(live_open_with(&live, (fkv_options_t) {
                                        .memory = MEMORY,
                                        .sync = FKV_SYNC_ALWAYS,
                                        .io = &failing_ops
                                    }), FKV_OK);
    live_attach(&live, FKV_WORKER);
    assert_int_equal(live_put(&live, "k", "old"), FKV_OK);

    failing = true;
    assert_int_equal(live_put(&live, "k", "new"), FKV_EREADONLY);
    failing = false;

    /* As if nothing had happened to the disk: it stays read-only. */
    assert_int_equal(live_put(&live, "l", "new"), FKV_EREADONLY);
    check_value("k", "old");
    check_absent("l");

    fkv_stats(live.store, &stats);
    assert_true(stats.readonly);
    assert_non_null(strstr(stats.cause, "writing the log failed"));
    assert_int_equal(stats.errors_io, 1);

    live_detach_close(&live);
    live_open(&live, MEMORY, FKV_SYNC_ALWAYS);
    live_attach(&live, FKV_WORKER);
    check_value("k", "old");
    assert_int_equal(live_put(&live, "k", "newer"), FKV_OK);
}


static void
both_back_ends_write_and_read(void **state)
{
    static const fkv__io_ops_t  *ops[] = { &fkv__io_pool, NULL };
    char                         key[16];

    (void) state;

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(live_open_with(&live, (fkv_options_t) {
                                            .memory = MEMORY,
                                            .sync = FKV_SYNC_ALWAYS,
                                            .io = ops[i]
                                        }), FKV_OK);
        live_attach(&live, FKV_WORKER);

        for (unsigned n = 0; n < 100; n++) {
            (void) sprintf(key, "key%u", n);
            assert_int_equal(live_put(&live, key, key), FKV_OK);
        }

        live_detach_close(&live);
        live_open(&live, MEMORY, FKV_SYNC_ALWAYS);
        live_attach(&live, FKV_WORKER);

        for (unsigned n = 0; n < 100; n++) {
            (void) sprintf(key, "key%u", n);
            check_value(key, key);
        }

        live_detach_close(&live);
    }
}


static void
one_write_may_ask_for_more_or_less_than_the_store(void **state)
{
    fkv_stats_t   stats;
    bool          done = false;
    fkv_change_t  change = { .key = FKV_STR("less"), .blind = true,
                             .action = FKV_PUT, .value = FKV_STR("v") };
    fkv_update_t  u = { .changes = &change, .n = 1, .sync = FKV_SYNC_OFF,
                        .op = { .on_done = live_done, .data = &done } };

    (void) state;

    live_open(&live, MEMORY, FKV_SYNC_EVERYSEC);
    live_attach(&live, FKV_WORKER);
    assert_int_equal(live_put_at(&live, "k", FKV_STR("v"), 0,
                                 FKV_SYNC_ALWAYS), FKV_OK);
    fkv_stats(live.store, &stats);
    assert_int_equal(stats.lsn_durable, stats.lsn_ready);
    assert_true(stats.syncs > 0);
    live_detach_close(&live);

    live_open(&live, MEMORY, FKV_SYNC_ALWAYS);
    live_attach(&live, FKV_WORKER);
    u.store = live.store;
    assert_int_equal(fkv_update(&u), FKV_OK);
    check_absent("less");

    for (unsigned i = 0; i < 100 && !fkv_in_flight(live.store); i++) {
        live_loop(&live, 5);
    }

    check_value("less", "v");
}


static int
exists_already(fkv_update_t *u)
{
    return u->changes[0].exists ? FKV_EXISTS : FKV_OK;
}


/* What it saw is not on disk yet, and it asked for no disk. */
static void
who_asks_for_less_does_not_wait_for_what_it_saw(void **state)
{
    int           rc;
    bool          done = false;
    fkv_change_t  change = { .key = FKV_STR("k"), .action = FKV_PUT,
                             .value = FKV_STR("v") };
    fkv_update_t  u = { .changes = &change, .n = 1,
                        .sync = FKV_SYNC_EVERYSEC, .decide = exists_already,
                        .op = { .on_done = live_done, .data = &done } };

    (void) state;

    live_open(&live, MEMORY, FKV_SYNC_ALWAYS);
    live_attach(&live, FKV_WORKER);
    u.store = live.store;
    assert_int_equal(fkv_update(&u), FKV_OK);
    assert_int_equal(fkv_update(&u), FKV_EXISTS);
    check_absent("k");

    u.sync = FKV_SYNC_DEFAULT;
    rc = fkv_update(&u);
    assert_int_equal(rc, FKV_AGAIN);
    assert_int_equal(live_wait(&live, &u.op, rc, &done), FKV_EXISTS);
    check_value("k", "v");
}


static void
a_store_that_is_left_in_peace_loses_nothing(void **state)
{
    static const fkv_sync_e  syncs[] = { FKV_SYNC_EVERYSEC, FKV_SYNC_OFF };
    char                     key[16];

    (void) state;

    for (unsigned i = 0; i < 2; i++) {
        live_open(&live, MEMORY, syncs[i]);
        live_attach(&live, FKV_WORKER);

        for (unsigned n = 0; n < 100; n++) {
            (void) sprintf(key, "key%u-%u", i, n);
            assert_int_equal(live_put(&live, key, key), FKV_OK);
        }

        live_detach_close(&live);
        live_open(&live, MEMORY, syncs[i]);
        live_attach(&live, FKV_WORKER);
        check_value(key, key);
        live_detach_close(&live);
    }
}


static uint64_t
durable(void)
{
    fkv_stats_t  stats;

    fkv_stats(live.store, &stats);

    return stats.lsn_durable;
}


/* Lets the loop run until the position is durable; false after ms. */
static bool
becomes_durable(uint64_t lsn, unsigned ms)
{
    uint64_t  until = live_ms() + ms;

    while (durable() <= lsn && live_ms() < until) {
        live_loop(&live, 20);
        (void) fkv_helper(live.store);
    }

    return durable() > lsn;
}


static void
a_lazy_store_writes_within_some_seconds(void **state)
{
    (void) state;

    live_open(&live, MEMORY, FKV_SYNC_OFF);
    live_attach(&live, FKV_WORKER);

    assert_int_equal(live_put(&live, "k", "v"), FKV_OK);
    assert_true(becomes_durable(durable(), 5000));
}


/* How long a write of a leader that dies before it is on disk waits for it. */
static uint64_t
dead_leader_ms(const char *step)
{
    int       status;
    pid_t     pid;
    uint64_t  began;

    live_open(&live, MEMORY, FKV_SYNC_EVERYSEC);
    live.quiet = true;
    pid = fork();

    if (pid == 0) {
        (void) setenv("FKV_KILL", step, 1);
        live_attach(&live, FKV_WORKER);
        (void) live_put(&live, "k", "leader");

        for ( ;; ) {
            live_loop(&live, 10);
        }
    }

    /* It has answered, and died; we write nothing. */
    assert_int_equal(waitpid(pid, &status, 0), pid);
    began = live_ms();
    live_attach(&live, FKV_WORKER);
    check_value("k", "leader");
    assert_true(becomes_durable(durable(), 10000));
    began = live_ms() - began;
    live_detach_close(&live);

    return began;
}


/* Within a second; on a machine that is busy with other things, within some. */
static void
what_a_dead_leader_left_is_written_by_who_is_idle(void **state)
{
    static const char *const  steps[] = { "commit.3", "commit.4" };

    (void) state;

    for (unsigned i = 0; i < 2; i++) {
        uint64_t  ms = dead_leader_ms(steps[i]);

        printf("# %s: on disk after %u ms\n", steps[i], (unsigned) ms);
        assert_true(ms < 5000);
    }
}


static void
a_sync_is_not_put_off_by_other_writes(void **state)
{
    bool          done = false;
    unsigned      others = 0;
    fkv_change_t  change = { .key = FKV_STR("k"), .blind = true,
                             .action = FKV_PUT, .value = FKV_STR("v") };
    fkv_update_t  u = { .changes = &change, .n = 1, .sync = FKV_SYNC_ALWAYS,
                        .op = { .on_done = live_done, .data = &done } };

    (void) state;

    live_open(&live, MEMORY, FKV_SYNC_EVERYSEC);
    live_attach(&live, FKV_WORKER);
    u.store = live.store;
    assert_int_equal(fkv_update(&u), FKV_AGAIN);

    while (!done && others < 2000) {
        assert_int_equal(live_put(&live, "other", "x"), FKV_OK);
        live_loop(&live, 1);
        others++;
    }

    assert_true(done);
}


static void
never_done(fkv_op_t *op)
{
    *(bool *) op->data = true;
}


static void
who_leaves_hears_no_more_of_what_was_in_flight(void **state)
{
    bool          done = false;
    fkv_change_t  change = { .key = FKV_STR("k"), .blind = true,
                             .action = FKV_PUT, .value = FKV_STR("v") };
    fkv_update_t  u = { .changes = &change, .n = 1,
                        .op = { .on_done = never_done, .data = &done } };

    (void) state;

    live_open(&live, MEMORY, FKV_SYNC_ALWAYS);
    live_attach(&live, FKV_WORKER);
    u.store = live.store;
    assert_int_equal(fkv_update(&u), FKV_AGAIN);
    live_detach_close(&live);
    assert_false(done);

    live_open(&live, MEMORY, FKV_SYNC_ALWAYS);
    live_attach(&live, FKV_WORKER);
    check_value("k", "v");
}


static int
swap_decide(fkv_update_t *u)
{
    for (unsigned i = 0; i < 2; i++) {
        const fkv_change_t  *other = &u->changes[1 - i];

        u->changes[i].action = other->exists ? FKV_PUT : FKV_DELETE;
        u->changes[i].value = other->current.data;
    }

    return FKV_OK;
}


static int
refuse_decide(fkv_update_t *u)
{
    u->changes[0].action = FKV_PUT;
    u->changes[0].value = FKV_STR("never");

    return FKV_PRECONDITION;
}


static void
an_update_of_several_keys_is_all_or_nothing(void **state)
{
    bool          done = false;
    fkv_change_t  changes[2] = { { .key = FKV_STR("a") },
                                 { .key = FKV_STR("b") } };
    fkv_update_t  u = { .changes = changes, .n = 2, .decide = swap_decide,
                        .op = { .on_done = live_done, .data = &done } };

    (void) state;

    live_open(&live, MEMORY, FKV_SYNC_ALWAYS);
    live_attach(&live, FKV_WORKER);
    u.store = live.store;

    assert_int_equal(live_put(&live, "a", "one"), FKV_OK);
    assert_int_equal(live_wait(&live, &u.op, fkv_update(&u), &done), FKV_OK);
    check_absent("a");
    check_value("b", "one");
    assert_true(changes[0].version < changes[1].version);

    u.decide = refuse_decide;
    done = false;
    assert_int_equal(live_wait(&live, &u.op, fkv_update(&u), &done),
                     FKV_PRECONDITION);
    check_absent("a");
    check_value("b", "one");
}


static void
options_that_cannot_work_are_named(void **state)
{
    fkv_options_t  opt = { .path = "/x", .sync = FKV_SYNC_ALWAYS };
    char           error[FKV_ERROR_BYTES];

    (void) state;

    opt.memory = 1024;
    assert_int_equal(fkv_options_check(&opt, error), FKV_EINVAL);
    assert_non_null(strstr(error, "memory=1024 is too small"));

    opt.memory = MEMORY;
    opt.value_max = FKV_VALUE_MAX_MAX + 1ull;
    assert_int_equal(fkv_options_check(&opt, error), FKV_EINVAL);
    assert_non_null(strstr(error, "max_value=1073741825 is too large"));

    opt.value_max = FKV_VALUE_MAX_MAX;
    opt.blob_min = MEMORY;
    assert_int_equal(fkv_options_check(&opt, error), FKV_EINVAL);
    assert_non_null(strstr(error, "blob_min=8388608"));

    opt.blob_min = 1;
    assert_int_equal(fkv_options_check(&opt, error), FKV_EINVAL);
    assert_non_null(strstr(error, "blob_min=1 is too small"));

    opt.blob_min = 0;
    assert_int_equal(fkv_options_check(&opt, error), FKV_OK);
}


static void
a_value_or_key_that_is_too_large_writes_nothing(void **state)
{
    static uint8_t  big[1024 * 1024 + 1];
    fkv_str_t       value = { big, fkv_value_max_default(MEMORY) + 1 };
    char            key[FKV_KEY_BYTES_MAX + 2];

    (void) state;

    live_open(&live, MEMORY, FKV_SYNC_ALWAYS);
    live_attach(&live, FKV_WORKER);

    assert_true(value.len <= sizeof(big));
    assert_int_equal(live_put_at(&live, "k", value, 0, 0), FKV_ETOOBIG);
    value.len--;
    assert_int_equal(live_put_at(&live, "k", value, 0, 0), FKV_OK);

    memset(key, 'k', sizeof(key));
    key[sizeof(key) - 1] = '\0';
    assert_int_equal(live_put(&live, key, "v"), FKV_EINVAL);
    key[sizeof(key) - 2] = '\0';
    assert_int_equal(live_put(&live, key, "v"), FKV_OK);
    check_value(key, "v");
    assert_int_equal(live_put(&live, "", "v"), FKV_EINVAL);
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

    const struct CMUnitTest  tests[] = {
        TEST(what_was_put_is_read_until_it_is_deleted),
        TEST(a_write_is_invisible_until_it_is_durable),
        TEST(expired_values_are_absent_and_may_be_made_anew),
        TEST(everything_acknowledged_is_there_after_reopening),
        TEST(more_than_memory_goes_through_flush_and_compaction),
        TEST(two_processes_count_exactly),
        TEST(a_key_that_is_only_read_is_a_condition_too),
        TEST(what_is_read_together_was_there_together),
        TEST(a_worker_may_die_at_any_step),
        TEST(a_failed_log_write_makes_the_store_read_only),
        TEST(both_back_ends_write_and_read),
        TEST(one_write_may_ask_for_more_or_less_than_the_store),
        TEST(who_asks_for_less_does_not_wait_for_what_it_saw),
        TEST(a_store_that_is_left_in_peace_loses_nothing),
        TEST(a_lazy_store_writes_within_some_seconds),
        TEST(what_a_dead_leader_left_is_written_by_who_is_idle),
        TEST(a_sync_is_not_put_off_by_other_writes),
        TEST(who_leaves_hears_no_more_of_what_was_in_flight),
        TEST(an_update_of_several_keys_is_all_or_nothing),
        TEST(options_that_cannot_work_are_named),
        TEST(a_value_or_key_that_is_too_large_writes_nothing),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
