/*
 * store_deaths.c - processes die one after the other, at any instruction, and
 * those that live go on; afterwards nothing is held by anybody.
 *
 * Mortals    writers and a helper, each with a successor that goes on where it
 *            was; one half dies at a numbered step, the other by a timer
 * Calm       workers that live; the longest of their operations is the figure
 *
 * FKV_SEED= repeats the choices, FKV_SECONDS= is the long form: 10,000 deaths,
 * as far as the time goes.
 */

#include "live.h"
#include "shared/arena.h"
#include "shared/segment.h"
#include "store/reap.h"
#include "store/slots.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/time.h>

#define WRITERS    3
#define CALM       2
#define KEYS       12
#define OLD        3000         /* keys that nobody changes: in tables */
#define DEATHS     250
#define LONG       10000
#define BLOB_MIN   16384
#define GAP_MS     20000        /* of a machine that has much else to do */

/* A number is the value of a key; every eighth is a delete. */
#define is_delete(number)  ((number) % 8 == 7)

typedef struct {
    uint32_t  acked;
    uint32_t  begun;
} number_t;

/* Of all processes. */
typedef struct {
    number_t  of[WRITERS + CALM][KEYS];
    number_t  batch[WRITERS + CALM];
    number_t  hot;
    uint64_t  ops[WRITERS + CALM];
    uint64_t  gap_us[CALM];
    bool      stop;
} told_t;

static live_t     live;
static told_t    *told;
static uint64_t   seed;
static unsigned   seconds;      /* 0: the short form */


static uint64_t
now_us(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}


/* A child has no test to fail: its exit status says where. */
static void
sure(bool ok, int status)
{
    if (!ok) {
        _exit(status);
    }
}


static int
ended(fkv_op_t *op, int rc, bool *done)
{
    uint64_t  until = live_ms() + 60000;

    live_loop(&live, 0);

    while (rc == FKV_AGAIN && !*done) {
        live_loop(&live, 100);
        sure(live_ms() < until, 2);
    }

    return (rc == FKV_AGAIN) ? op->rc : rc;
}


typedef struct {
    fkv_update_t  u;
    fkv_change_t  changes[3];
    char          names[3][16];
    char          value[4 * BLOB_MIN];
    bool          done;
} write_t;

static write_t  write_op;


/* The number into keys[n]; how long the value is, the number says as well. */
static int
put_number(unsigned n, uint32_t number)
{
    write_t  *w = &write_op;
    size_t    len = (number % 31 == 3) ? 3 * BLOB_MIN : 16 + number % 700;

    (void) sprintf(w->value, "%-15u", number);
    memset(w->value + 15, 'x', len - 15);
    memset(w->changes, 0, sizeof(w->changes));
    w->done = false;

    for (unsigned i = 0; i < n; i++) {
        w->changes[i] = (fkv_change_t) {
            .key = live_str(w->names[i]), .blind = true,
            .action = is_delete(number) ? FKV_DELETE : FKV_PUT,
            .value = { (uint8_t *) w->value, len } };
    }

    w->u = (fkv_update_t) { .store = live.store, .changes = w->changes, .n = n,
                            .now_ms = fkv_now_ms(live.store),
                            .op = { .on_done = live_done, .data = &w->done } };

    return ended(&w->u.op, fkv_update(&w->u), &w->done);
}


static void
write_numbers(number_t *number, unsigned n)
{
    uint32_t  next = number->begun + 1;

    __atomic_store_n(&number->begun, next, __ATOMIC_SEQ_CST);
    sure(put_number(n, next) == FKV_OK, 3);
    __atomic_store_n(&number->acked, next, __ATOMIC_SEQ_CST);
}


/* The number of a key; of one that is not there, 7. */
static int
read_number(const char *key, uint32_t *number)
{
    bool       done = false;
    int        rc;
    char       text[16] = "7";
    fkv_get_t  get = { .store = live.store, .key = live_str(key),
                       .now_ms = fkv_now_ms(live.store), .load_max = SIZE_MAX,
                       .op = { .on_done = live_done, .data = &done } };

    rc = ended(&get.op, fkv_get(&get), &done);

    if (rc == FKV_OK) {
        memcpy(text, get.value.data.data,
               fkv__min(get.value.data.len, sizeof(text) - 1));
    }

    fkv_get_done(&get);
    *number = (uint32_t) atol(text);

    return (rc == FKV_NOTFOUND) ? FKV_OK : rc;
}


static bool
possible(const number_t *number, uint32_t seen)
{
    if (seen != 7) {
        return seen >= number->acked && seen <= number->begun;
    }

    for (uint32_t n = number->acked; n <= number->begun; n++) {
        if (n == 0 || is_delete(n)) {
            return true;
        }
    }

    return false;
}


static int
hot_decide(fkv_update_t *u)
{
    write_t       *w = fkv__container(u, write_t, u);
    fkv_change_t  *change = u->changes;
    long           old = 0;

    if (change->exists) {
        char  text[16] = "";

        memcpy(text, change->current.data.data,
               fkv__min(change->current.data.len, sizeof(text) - 1));
        old = atol(text);
    }

    change->action = FKV_PUT;
    change->value.data = (uint8_t *) w->value;
    change->value.len = (size_t) sprintf(w->value, "%ld", old + 1);

    return FKV_OK;
}


/* Of all, so that they meet at its latch. */
static void
add_to_hot(void)
{
    write_t  *w = &write_op;

    memset(w->changes, 0, sizeof(w->changes));
    w->done = false;
    w->changes[0].key = FKV_STR("hot");
    w->u = (fkv_update_t) { .store = live.store, .changes = w->changes, .n = 1,
                            .now_ms = fkv_now_ms(live.store),
                            .decide = hot_decide,
                            .op = { .on_done = live_done, .data = &w->done } };

    (void) __atomic_add_fetch(&told->hot.begun, 1, __ATOMIC_SEQ_CST);
    sure(ended(&w->u.op, fkv_update(&w->u), &w->done) == FKV_OK, 4);
    (void) __atomic_add_fetch(&told->hot.acked, 1, __ATOMIC_SEQ_CST);
}


static int
on_entry(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    (void) scan;
    (void) key;
    (void) value;

    return FKV_OK;
}


/* What it holds, for a while or in its steps, is left behind by some. */
static void
scan_some(uint64_t random)
{
    bool        done = false;
    fkv_scan_t  scan = { .store = live.store, .prefix = FKV_STR("w"),
                         .now_ms = fkv_now_ms(live.store),
                         .limit = (random % 2 == 0) ? 20 : 0,
                         .lease_ms = 50, .nonce = random | 1,
                         .on_entry = on_entry,
                         .op = { .on_done = live_done, .data = &done } };
    int         rc = ended(&scan.op, fkv_scan(&scan), &done);

    sure(rc == FKV_OK || rc == FKV_EFULL, 5);
}


/* All latches: the gate. */
static void
delete_range(void)
{
    bool          done = false;
    fkv_change_t  change = { .prefix = true, .key = FKV_STR("d"),
                             .action = FKV_DELETE };
    fkv_update_t  u = { .store = live.store, .changes = &change, .n = 1,
                        .now_ms = fkv_now_ms(live.store),
                        .op = { .on_done = live_done, .data = &done } };

    sure(ended(&u.op, fkv_update(&u), &done) == FKV_OK, 6);
}


static void
claim_some(uint64_t random, fkv_claim_t *claim)
{
    bool  done = false;
    int   rc;

    fkv_claim_drop(claim);
    *claim = (fkv_claim_t) { .store = live.store, .id = random % 16 + 1,
                             .op = { .on_done = live_done, .data = &done } };
    rc = ended(&claim->op, fkv_claim(claim), &done);
    sure(rc == FKV_OK || rc == FKV_EXISTS || rc == FKV_EFULL, 7);
}


/* From a table, where blocks are held meanwhile. */
static void
read_old(unsigned key)
{
    char      name[16];
    uint32_t  seen;

    (void) sprintf(name, "old:%u", key);
    sure(read_number(name, &seen) == FKV_OK, 11);
    sure(seen == 8 * key, 12);
}


/* Who writes keys of its own; calm ones do what mortals do. */
static void
one_operation(unsigned who, uint64_t *random, fkv_claim_t *claim)
{
    write_t   *w = &write_op;
    unsigned   what = (unsigned) (check_random(random) % 100);
    unsigned   key = (unsigned) (check_random(random) % KEYS);
    uint32_t   seen;

    (void) sprintf(w->names[0], "w%u:%u", who, key);

    if (what < 45) {
        write_numbers(&told->of[who][key], 1);

    } else if (what < 50) {
        for (unsigned i = 0; i < 8; i++) {
            read_old((unsigned) (check_random(random) % OLD));
        }

    } else if (what < 55) {
        sure(read_number(w->names[0], &seen) == FKV_OK, 8);
        sure(possible(&told->of[who][key], seen), 9);

    } else if (what < 62) {
        for (unsigned i = 0; i < 3; i++) {
            (void) sprintf(w->names[i], "b%u:%u", who, i);
        }

        write_numbers(&told->batch[who], 3);

    } else if (what < 70) {
        add_to_hot();

    } else if (what < 76) {
        (void) sprintf(w->names[0], "d%u:%u", who, key);
        sure(put_number(1, 1) == FKV_OK, 10);

    } else if (what < 78) {
        delete_range();

    } else if (what < 96) {
        scan_some(check_random(random));

    } else {
        claim_some(check_random(random), claim);
    }

    told->ops[who]++;
}


static void
mortal(unsigned who, uint64_t random)
{
    fkv_claim_t  claim = { .held = false };

    live_attach(&live, FKV_WORKER);

    for ( ;; ) {
        one_operation(who, &random, &claim);
    }
}


static void
helper(unsigned who, uint64_t random)
{
    (void) who;
    (void) random;
    live_attach(&live, FKV_HELPER);

    for ( ;; ) {
        struct timespec  nap = { 0, fkv__min(fkv_helper(live.store), 50u)
                                    * 1000000l };

        (void) nanosleep(&nap, NULL);
    }
}


static void
calm(unsigned who, uint64_t random)
{
    uint64_t     begun, *gap_us = &told->gap_us[who - WRITERS];
    fkv_claim_t  claim = { .held = false };

    live_attach(&live, FKV_WORKER);

    while (!__atomic_load_n(&told->stop, __ATOMIC_RELAXED)) {
        begun = now_us();
        one_operation(who, &random, &claim);
        *gap_us = fkv__max(*gap_us, now_us() - begun);
    }

    fkv_claim_drop(&claim);

    while (fkv_in_flight(live.store) > 0) {
        live_loop(&live, 10);
    }

    fkv_detach(live.store);
    _exit(0);
}


/* At a step, mostly one of the first; or when the timer says so. */
static void
set_death(uint64_t random)
{
    char              kill[32];
    struct itimerval  timer = { { 0, 0 }, { 0, 1 } };

    if (random % 2 == 0) {
        timer.it_value.tv_usec = (suseconds_t) (100 + random / 2 % 25000);
        (void) setitimer(ITIMER_REAL, &timer, NULL);
        return;
    }

    (void) sprintf(kill, "*:%u",
                   1 + (unsigned) (random / 32 % (1u << (random / 2 % 11))));
    (void) setenv("FKV_KILL", kill, 1);

    /* One that has nothing to do passes no steps. */
    timer.it_value.tv_usec = 200000;
    (void) setitimer(ITIMER_REAL, &timer, NULL);
}


static pid_t
child(void (*body)(unsigned who, uint64_t random), unsigned who, bool dies)
{
    uint64_t  random = check_random(&seed);
    pid_t     pid = fork();

    assert_true(pid >= 0);

    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

        if (dies) {
            set_death(random >> 20);
        }

        body(who, random);
    }

    return pid;
}


static void
check_died(int status)
{
    if (!WIFSIGNALED(status)
        || (WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGALRM))
    {
        fail_msg("a process has ended by itself: status %x", status);
    }
}


/* Deaths, until there are so many, or the time is over. */
static unsigned
let_die(unsigned deaths, uint64_t until)
{
    pid_t     pids[WRITERS + 1], pid;
    unsigned  died = 0;
    int       status;

    for (unsigned i = 0; i <= WRITERS; i++) {
        pids[i] = child(i < WRITERS ? mortal : helper, i, true);
    }

    for (unsigned left = WRITERS + 1; left > 0; ) {
        pid = waitpid(-1, &status, 0);
        assert_true(pid > 0);

        for (unsigned i = 0; i <= WRITERS; i++) {
            if (pids[i] != pid) {
                continue;
            }

            check_died(status);

            if (++died + left <= deaths && live_ms() < until) {
                pids[i] = child(i < WRITERS ? mortal : helper, i, true);

            } else {
                left--;
            }
        }
    }

    return died;
}


/* What somebody holds, beside two that live. */
static bool
is_quiet(void)
{
    fkv_stats_t  stats;

    live_loop(&live, 10);
    (void) fkv__reap_sweep(live.store);
    fkv_stats(live.store, &stats);

    return stats.processes == 2 && stats.helper && stats.latches == 0
           && stats.claims == 0 && stats.jobs == 0 && stats.readers == 0
           && stats.block_readers == 0 && stats.leases == 0
           && stats.arenas_sealed == 0 && stats.lsn_ready == stats.lsn_durable;
}


static void
say_held(void)
{
    fkv_stats_t  stats;

    fkv_stats(live.store, &stats);
    fail_msg("held: %u processes, helper %u, %u latches, %u claims, %u jobs, "
             "%u readers, %u block readers, %u leases, %u sealed, ready %llu, "
             "durable %llu", stats.processes, stats.helper, stats.latches,
             stats.claims, stats.jobs, stats.readers, stats.block_readers,
             stats.leases, stats.arenas_sealed,
             (unsigned long long) stats.lsn_ready,
             (unsigned long long) stats.lsn_durable);
}


/* Every slot but ours and the helper's is free, with nothing in it. */
static void
check_slots(void)
{
    fkv__segment_shm_t  *seg = live.store->seg;
    unsigned             used = 0;

    for (unsigned s = 0; s < FKV__SLOTS_MAX; s++) {
        fkv__slot_shm_t  *slot = &seg->slots[s];

        if (slot->state == FKV__SLOT_LIVE) {
            used++;
            continue;
        }

        assert_int_equal(slot->pin, 0);
        assert_int_equal(slot->snapshot, 0);

        for (unsigned i = 0; i < FKV__BLOBS_OPEN; i++) {
            assert_int_equal(slot->blobs[i], 0);
        }

        for (unsigned i = 0; i < FKV__SLOT_SNAPSHOTS; i++) {
            assert_int_equal(slot->snapshots[i], 0);
        }

        /* Its lock bytes, too. */
        assert_int_equal(fkv__slot_lock(live.store->log_fds, FKV__ARENAS, s),
                         FKV_OK);
        fkv__slot_unlock(live.store->log_fds, FKV__ARENAS, s);
    }

    assert_int_equal(used, 2);
}


/* Each is in the set, free, or about to be: none is claimed by anybody. */
static void
check_arenas(void)
{
    fkv__segment_shm_t  *seg = live.store->seg;
    uint64_t             set = seg->state.memtables;

    for (unsigned id = 0; id < FKV__ARENAS; id++) {
        assert_int_equal(seg->arenas[id].state == FKV__ARENA_USED,
                         fkv__set_has(set, id));
        assert_int_equal(seg->arenas[id].state & 0xff, seg->arenas[id].state);
        assert_int_not_equal(seg->arenas[id].state, FKV__ARENA_CLAIMED);
    }
}


static void
check_numbers(void)
{
    char      name[16];
    uint32_t  seen, first = 0;

    for (unsigned who = 0; who < WRITERS + CALM; who++) {
        for (unsigned key = 0; key < KEYS; key++) {
            number_t  *number = &told->of[who][key];

            (void) sprintf(name, "w%u:%u", who, key);
            assert_int_equal(read_number(name, &seen), FKV_OK);

            if (!possible(number, seen)) {
                fail_msg("%s is %u, not %u to %u", name, seen, number->acked,
                         number->begun);
            }

            number->acked = number->begun = seen;
        }

        for (unsigned i = 0; i < 3; i++) {
            (void) sprintf(name, "b%u:%u", who, i);
            assert_int_equal(read_number(name, &seen), FKV_OK);
            first = (i == 0) ? seen : first;
            assert_int_equal(seen, first);
        }

        if (!possible(&told->batch[who], first)) {
            fail_msg("batch %u is %u, not %u to %u", who, first,
                     told->batch[who].acked, told->batch[who].begun);
        }

        told->batch[who].acked = told->batch[who].begun = first;
    }

    assert_int_equal(read_number("hot", &seen), FKV_OK);
    seen = (seen == 7 && told->hot.acked == 0) ? 0 : seen;

    if (seen < told->hot.acked || seen > told->hot.begun) {
        fail_msg("hot is %u, not %u to %u", seen, told->hot.acked,
                 told->hot.begun);
    }

    told->hot.acked = told->hot.begun = seen;
}


/* A store lives on while so many die in it; then it is quiet. */
static unsigned
die_in_it(unsigned deaths, uint64_t until)
{
    pid_t     calms[CALM], helps;
    unsigned  died;
    int       status;

    told->stop = false;

    for (unsigned i = 0; i < CALM; i++) {
        calms[i] = child(calm, WRITERS + i, false);
    }

    died = let_die(deaths, until);
    told->stop = true;

    for (unsigned i = 0; i < CALM; i++) {
        assert_int_equal(waitpid(calms[i], &status, 0), calms[i]);
        assert_int_equal(status, 0);
    }

    helps = child(helper, 0, false);
    live_attach(&live, FKV_WORKER);

    for (uint64_t end = live_ms() + 20000; !is_quiet(); ) {
        if (live_ms() > end) {
            say_held();
        }
    }

    check_slots();
    check_arenas();
    check_numbers();

    assert_int_equal(kill(helps, SIGKILL), 0);
    assert_int_equal(waitpid(helps, &status, 0), helps);

    return died;
}


static void
open_store(fkv_sync_e sync)
{
    int  rc = live_open_with(&live, (fkv_options_t) {
        .memory = FKV_MEMORY_MIN, .sync = sync, .blob_min = BLOB_MIN });

    if (rc != FKV_OK) {
        fail_msg("open: %s", live.error);
    }
}


static void
write_old(void)
{
    live_attach(&live, FKV_WORKER);

    for (unsigned key = 0; key < OLD; key++) {
        (void) sprintf(write_op.names[0], "old:%u", key);
        assert_int_equal(put_number(1, 8 * key), FKV_OK);
    }

    fkv_detach(live.store);
}


static void
whoever_dies_the_others_go_on_and_nothing_is_left_held(void **state)
{
    unsigned  wanted = seconds ? LONG : DEATHS, died = 0, rounds = 0;
    uint64_t  until = live_ms() + (seconds ? seconds * 1000ull : 60000);
    uint64_t  gap_us = 0, ops = 0;

    (void) state;
    check_many_processes();

    while (died < wanted && live_ms() < until) {
        open_store(rounds % 2 == 0 ? FKV_SYNC_EVERYSEC : FKV_SYNC_ALWAYS);

        if (rounds == 0) {
            write_old();
        }

        died += die_in_it(fkv__min(wanted - died, wanted / 2), until);
        rounds++;

        fkv_detach(live.store);
        fkv_close(live.store);
    }

    /* And as the log has it. */
    open_store(FKV_SYNC_ALWAYS);
    live_attach(&live, FKV_WORKER);
    check_numbers();
    live_detach_close(&live);

    for (unsigned i = 0; i < WRITERS + CALM; i++) {
        ops += told->ops[i];
        gap_us = fkv__max(gap_us, i < CALM ? told->gap_us[i] : 0);
    }

    printf("# %u deaths in %u stores, %llu operations; the longest of those "
           "who lived took %llu ms\n", died, rounds, (unsigned long long) ops,
           (unsigned long long) gap_us / 1000);
    assert_true(gap_us / 1000 < GAP_MS);
}


static int
deaths_setup(void **state)
{
    const char  *text = getenv("FKV_SEED"), *time = getenv("FKV_SECONDS");

    (void) state;
    seed = text ? strtoull(text, NULL, 10) : now_us() % 100000;
    seconds = time ? (unsigned) atol(time) : 0;
    printf("# FKV_SEED=%llu\n", (unsigned long long) seed);
    seed++;

    live_dir(&live);
    live.quiet = true;
    told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(told != MAP_FAILED);

    return 0;
}


static int
deaths_teardown(void **state)
{
    (void) state;
    live_remove(&live);
    (void) munmap(told, sizeof(*told));

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(
            whoever_dies_the_others_go_on_and_nothing_is_left_held,
            deaths_setup, deaths_teardown),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
