/*
 * store_reap.c - deaths in the middle of a range delete, and range deletes that
 * race puts between processes.
 */

#include "live.h"
#include "shared/segment.h"
#include "store/memtable.h"
#include "store/reap.h"

#include <sys/prctl.h>

#define KEYS    10
#define ROUNDS  1500

/* Shared by the processes of a test. */
typedef struct {
    uint64_t  put;              /* version of the last put of all ... */
    unsigned  value;            /* ... keys, and what it said */
    uint64_t  deleted;          /* version of the last range delete */
    bool      stop;             /* atomic */
} told_t;

static live_t   live;
static told_t  *told;


static int
reap_setup(void **state)
{
    (void) state;

    told = live_share(&live, sizeof(*told));

    return 0;
}


static int
reap_teardown(void **state)
{
    (void) state;

    live_unshare(&live, told, sizeof(*told));

    return 0;
}


static void
key_name(unsigned key, char *name)
{
    (void) sprintf(name, "k:%u", key);
}


/*
 * As live_wait(), but a child that waits in vain has no test to fail, and who
 * need not wait turns its loop too: it may be the leader.
 */
static int
wait_for(fkv_op_t *op, int rc, bool *done)
{
    uint64_t  until = live_ms() + 60000;

    live_loop(&live, 0);

    while (rc == FKV_AGAIN && !*done) {
        live_loop(&live, 100);

        if (live_ms() > until) {
            _exit(2);
        }
    }

    return (rc == FKV_AGAIN) ? op->rc : rc;
}


/* Every key of the prefix; version is that of the record. */
static int
delete_all(uint64_t *version)
{
    bool          done = false;
    int           rc;
    fkv_change_t  change = { .prefix = true, .key = FKV_STR("k:"),
                             .action = FKV_DELETE };
    fkv_update_t  u = { .store = live.store, .changes = &change, .n = 1,
                        .now_ms = fkv_now_ms(live.store),
                        .op = { .on_done = live_done, .data = &done } };

    rc = wait_for(&u.op, fkv_update(&u), &done);
    *version = change.version;

    return rc;
}


typedef struct {
    fkv_update_t  u;
    fkv_change_t  changes[KEYS];
    char          names[KEYS][8];
    char          value[600];
    unsigned      next;         /* what to write, 0: read only */
    unsigned      exist;
    unsigned      seen;         /* what all say, of those that exist */
    bool          torn;
    bool          done;
} all_t;


static int
all_decide(fkv_update_t *u)
{
    all_t  *all = fkv__container(u, all_t, u);

    all->exist = 0;
    all->seen = 0;
    all->torn = false;

    for (unsigned i = 0; i < KEYS; i++) {
        fkv_change_t  *change = &all->changes[i];
        unsigned       value;

        change->action = (all->next != 0) ? FKV_PUT : FKV_KEEP;
        change->value = (fkv_str_t) { (uint8_t *) all->value,
                                      sizeof(all->value) };

        if (change->exists) {
            value = (unsigned) atoi((const char *) change->current.data.data);
            all->torn |= (all->exist > 0 && value != all->seen);
            all->seen = value;
            all->exist++;
        }
    }

    all->torn |= (all->exist != 0 && all->exist != KEYS);

    return FKV_OK;
}


/* Reads all keys at once and, if next is not 0, writes them. */
static int
update_all(all_t *all, unsigned next)
{
    memset(all, 0, sizeof(*all));
    all->next = next;
    (void) sprintf(all->value, "%-599u", next);

    for (unsigned i = 0; i < KEYS; i++) {
        key_name(i, all->names[i]);
        all->changes[i].key = live_str(all->names[i]);
    }

    all->u = (fkv_update_t) { .store = live.store, .changes = all->changes,
                              .n = KEYS, .decide = all_decide,
                              .now_ms = fkv_now_ms(live.store),
                              .op = { .on_done = live_done,
                                      .data = &all->done } };

    return wait_for(&all->u.op, fkv_update(&all->u), &all->done);
}


static pid_t
child(void (*body)(void), const char *kill)
{
    pid_t  pid = fork();

    assert_true(pid >= 0);

    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

        if (kill != NULL) {
            (void) setenv("FKV_KILL", kill, 1);
        }

        live_attach(&live, FKV_WORKER);
        body();
        live_detach_close(&live);
        _exit(0);
    }

    return pid;
}


static int
child_status(pid_t pid)
{
    int  status;

    assert_int_equal(waitpid(pid, &status, 0), pid);

    return status;
}


static void
delete_body(void)
{
    uint64_t  version;

    if (delete_all(&version) != FKV_OK) {
        _exit(3);
    }
}


/* Range tombstones in the active memtable that are not void. */
static unsigned
ranges_linked(void)
{
    fkv__memtable_t  mt;
    uint32_t         at = 0;
    unsigned         n = 0;

    fkv__memtable_init(&mt, live.store->seg,
                       fkv__set_arena(live.store->seg->state.memtables, 0));

    while ((at = fkv__memtable_next_range(&mt, at)) != 0) {
        n++;
    }

    return n;
}


/*
 * From update.3 on the record's bytes are all there, so the delete is finished
 * by who finds it; before, it never was.
 */
static void
range_delete_of_the_dead_is_whole_or_never_was(void **state)
{
    static const struct {
        const char  *kill;
        bool         deletes;
    } steps[] = {
        { "latch.1", false },
        { "update.1", false },
        { "reserve.1", false },
        { "reserve.2", false },
        { "update.2", false },
        { "update.3", true },
        { "link.5", true },
        { "update.4", true },
        { "update.5", true },
        { "update.6", true }
    };

    all_t     all;
    unsigned  linked = 0;

    (void) state;
    live_attach(&live, FKV_WORKER);

    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        int  status;

        assert_int_equal(update_all(&all, i + 1), FKV_OK);
        fkv_detach(live.store);
        status = child_status(child(delete_body, steps[i].kill));

        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
            fail_msg("%s is not on the way", steps[i].kill);
        }

        live_attach(&live, FKV_WORKER);
        (void) fkv__reap_sweep(live.store);

        /* One of the keys, one of their elements. */
        linked += 2 * steps[i].deletes;

        if (ranges_linked() != linked) {
            fail_msg("%s: %u ranges, not %u", steps[i].kill, ranges_linked(),
                     linked);
        }

        /* The gate is open, and nobody sees half of it. */

        assert_int_equal(update_all(&all, 0), FKV_OK);
        assert_false(all.torn);
        assert_int_equal(all.exist, steps[i].deletes ? 0 : KEYS);
        assert_int_equal(update_all(&all, 100 + i), FKV_OK);
        assert_int_equal(update_all(&all, 0), FKV_OK);
        assert_int_equal(all.exist, KEYS);
        assert_int_equal(all.seen, 100 + i);
    }
}


static void
put_body(void)
{
    all_t  all;

    for (unsigned i = 1; i <= ROUNDS; i++) {
        if (update_all(&all, i) != FKV_OK || all.torn) {
            _exit(3);
        }

        told->put = all.changes[0].version;
        told->value = i;
    }
}


static void
deletes_body(void)
{
    while (!__atomic_load_n(&told->stop, __ATOMIC_ACQUIRE)) {
        if (delete_all(&told->deleted) != FKV_OK) {
            _exit(3);
        }
    }
}


static void
read_body(void)
{
    all_t     all;
    unsigned  last = 0;

    while (!__atomic_load_n(&told->stop, __ATOMIC_ACQUIRE)) {
        if (update_all(&all, 0) != FKV_OK || all.torn) {
            _exit(3);
        }

        if (all.exist > 0 && all.seen < last) {
            _exit(4);                       /* what was deleted came back */
        }

        last = fkv__max(last, all.seen);
    }
}


/* The later of the last two has the last word, now and after a restart. */
static void
check_last_word(void)
{
    all_t  all;

    assert_int_equal(update_all(&all, 0), FKV_OK);
    assert_false(all.torn);
    assert_int_equal(all.exist, told->put > told->deleted ? KEYS : 0);
    assert_int_equal(all.seen, told->put > told->deleted ? told->value : 0);
}


static void
puts_and_range_deletes_have_one_order_for_all(void **state)
{
    pid_t  pids[3];

    (void) state;
    check_many_processes();

    pids[0] = child(deletes_body, NULL);
    pids[1] = child(read_body, NULL);
    pids[2] = child(put_body, NULL);

    assert_int_equal(child_status(pids[2]), 0);
    __atomic_store_n(&told->stop, true, __ATOMIC_RELEASE);
    assert_int_equal(child_status(pids[0]), 0);
    assert_int_equal(child_status(pids[1]), 0);

    assert_true(told->deleted > 0);

    live_attach(&live, FKV_WORKER);
    check_last_word();
    live_detach_close(&live);

    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_EVERYSEC);
    live_attach(&live, FKV_WORKER);
    check_last_word();
}


/* One after the other dies over its delete; who puts goes on. */
static void
deaths_do_not_stop_who_puts(void **state)
{
    static const char *const  kills[] = {
        "latch.1:3", "update.1:5", "reserve.1:2", "update.2:4", "update.3:7",
        "link.5:6", "update.4:2", "update.5:9", "update.6:1"
    };

    pid_t  pid;

    (void) state;
    check_many_processes();

    pid = child(put_body, NULL);

    for (unsigned i = 0; i < sizeof(kills) / sizeof(kills[0]); i++) {
        (void) child_status(child(deletes_body, kills[i]));
    }

    assert_int_equal(child_status(pid), 0);
    live_attach(&live, FKV_WORKER);
}


int
main(void)
{
#define REAP_TEST(test)                                                       \
    cmocka_unit_test_setup_teardown(test, reap_setup, reap_teardown)

    const struct CMUnitTest  tests[] = {
        REAP_TEST(range_delete_of_the_dead_is_whole_or_never_was),
        REAP_TEST(puts_and_range_deletes_have_one_order_for_all),
        REAP_TEST(deaths_do_not_stop_who_puts),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
