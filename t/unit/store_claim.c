/*
 * store_claim.c - one process at a time holds a claim, and its end, also by
 * death, is told to those who wait.
 */

#include "live.h"

#include "shared/claim.h"
#include "shared/latch.h"
#include "shared/segment.h"
#include "store/store.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define ID      12345
#define ROUNDS  3000
#define HANDS   4

typedef struct {
    unsigned  holders;          /* atomic, as are all */
    unsigned  taken;
    bool      wrong;
} told_t;

typedef struct {
    fkv_claim_t  claim;
    bool         done;
} hand_t;

static live_t   live;
static told_t  *told;


static int
claim_setup(void **state)
{
    (void) state;

    told = live_share(&live, sizeof(*told));

    return 0;
}


static int
claim_teardown(void **state)
{
    (void) state;

    live_unshare(&live, told, sizeof(*told));

    return 0;
}


static int
take(hand_t *hand, uint64_t id, bool wait, uint64_t age_ms)
{
    *hand = (hand_t) {
        .claim = { .store = live.store, .id = id, .wait = wait,
                   .age_ms = age_ms, .op = { .on_done = live_done } }
    };

    hand->claim.op.data = &hand->done;

    return fkv_claim(&hand->claim);
}


static void
one_has_it_until_it_lets_go(void **state)
{
    hand_t  first, second;

    (void) state;
    live_attach(&live, FKV_WORKER);

    assert_int_equal(take(&first, ID, false, 0), FKV_OK);
    assert_true(first.claim.held);
    assert_int_equal(take(&second, ID, false, 0), FKV_EXISTS);
    assert_false(second.claim.held);
    assert_int_equal(take(&second, ID + 1, false, 0), FKV_OK);
    fkv_claim_drop(&second.claim);

    assert_int_equal(take(&second, ID, true, 0), FKV_AGAIN);
    live_loop(&live, 10);
    assert_false(second.done);
    assert_int_equal(fkv_in_flight(live.store), 1);

    fkv_claim_drop(&first.claim);
    assert_int_equal(live_wait(&live, &second.claim.op, FKV_AGAIN,
                               &second.done), FKV_EXISTS);
    assert_false(second.claim.held);
    assert_int_equal(fkv_in_flight(live.store), 0);

    assert_int_equal(take(&second, ID, false, 0), FKV_OK);
    fkv_claim_drop(&second.claim);
    fkv_claim_drop(&second.claim);
}


static void
who_gives_up_is_not_told(void **state)
{
    hand_t  first, second;

    (void) state;
    live_attach(&live, FKV_WORKER);

    assert_int_equal(take(&first, ID, false, 0), FKV_OK);
    assert_int_equal(take(&second, ID, true, 0), FKV_AGAIN);
    fkv_claim_drop(&second.claim);
    fkv_claim_drop(&first.claim);
    live_loop(&live, 10);
    live_loop(&live, 10);
    assert_false(second.done);
    assert_int_equal(fkv_in_flight(live.store), 0);
}


static void
what_is_too_old_is_taken_over(void **state)
{
    hand_t  first, second, third;

    (void) state;
    live_attach(&live, FKV_WORKER);

    assert_int_equal(take(&first, ID, false, 0), FKV_OK);
    assert_int_equal(take(&second, ID, false, 60000), FKV_EXISTS);
    assert_in_range(second.claim.left_ms, 30000, 60000);

    live_loop(&live, 5);
    (void) usleep(3000);
    assert_int_equal(take(&second, ID, false, 2), FKV_OK);

    /* Its old holder's end is nothing to the new one. */
    fkv_claim_drop(&first.claim);
    assert_int_equal(take(&third, ID, false, 0), FKV_EXISTS);
    fkv_claim_drop(&second.claim);
    assert_int_equal(take(&third, ID, false, 0), FKV_OK);
    fkv_claim_drop(&third.claim);
}


static void
a_full_set_refuses(void **state)
{
    hand_t         hands[FKV__CLAIM_WAYS], more;
    const uint64_t  sets = FKV__CLAIMS / FKV__CLAIM_WAYS;

    (void) state;
    live_attach(&live, FKV_WORKER);

    for (unsigned i = 0; i < FKV__CLAIM_WAYS; i++) {
        assert_int_equal(take(&hands[i], ID + i * sets, false, 0), FKV_OK);
    }

    assert_int_equal(take(&more, ID + FKV__CLAIM_WAYS * sets, true, 0),
                     FKV_EFULL);
    fkv_claim_drop(&hands[3].claim);
    assert_int_equal(take(&more, ID + FKV__CLAIM_WAYS * sets, true, 0),
                     FKV_OK);
}


static void
a_latch_that_is_taken_is_waited_for(void **state)
{
    hand_t    hand;
    unsigned  blocker;

    (void) state;
    live_attach(&live, FKV_WORKER);

    assert_int_equal(fkv__latch_take_gate(live.store->seg, live.store->slot,
                                          &blocker), FKV_OK);
    assert_int_equal(take(&hand, ID, false, 0), FKV_AGAIN);
    live_loop(&live, 2);
    assert_false(hand.done);
    fkv__latch_drop_gate(live.store->seg);

    assert_int_equal(live_wait(&live, &hand.claim.op, FKV_AGAIN, &hand.done),
                     FKV_OK);
    assert_true(hand.claim.held);
    fkv_claim_drop(&hand.claim);
}


/* A child that does so and is killed where step says, or waits for it. */
static pid_t
child(void (*run)(void), const char *step)
{
    pid_t  pid = fork();

    assert_true(pid >= 0);

    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

        if (step != NULL) {
            (void) setenv("FKV_KILL", step, 1);
        }

        live_attach(&live, FKV_WORKER);
        run();
        _exit(0);
    }

    return pid;
}


static void
takes_and_stays(void)
{
    hand_t  hand;

    if (take(&hand, ID, false, 0) == FKV_OK) {
        (void) __atomic_add_fetch(&told->taken, 1, __ATOMIC_SEQ_CST);
    }

    for ( ;; ) {
        (void) pause();
    }
}


static void
a_dead_holders_claim_ends(void **state)
{
    hand_t  hand;
    pid_t   pid = child(takes_and_stays, NULL);

    (void) state;

    while (__atomic_load_n(&told->taken, __ATOMIC_SEQ_CST) == 0) {
        (void) usleep(1000);
    }

    live_attach(&live, FKV_WORKER);
    assert_int_equal(take(&hand, ID, true, 0), FKV_AGAIN);
    live_loop(&live, 20);
    assert_false(hand.done);

    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, NULL, 0);

    assert_int_equal(live_wait(&live, &hand.claim.op, FKV_AGAIN, &hand.done),
                     FKV_EXISTS);
    assert_int_equal(take(&hand, ID, true, 0), FKV_OK);
    fkv_claim_drop(&hand.claim);
}


static void
takes_and_lets_go(void)
{
    hand_t  hand;

    while (take(&hand, ID, false, 0) != FKV_OK) {
        (void) usleep(1000);
    }

    (void) __atomic_add_fetch(&told->taken, 1, __ATOMIC_SEQ_CST);
    (void) usleep(100000);
    fkv_claim_drop(&hand.claim);
}


static void
killed_at(const char *step)
{
    int     status;
    pid_t   pid = child(takes_and_lets_go, step);
    hand_t  hand;

    (void) waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));

    live_attach(&live, FKV_WORKER);

    for (unsigned tries = 0; ; tries++) {
        int  rc = live_wait(&live, &hand.claim.op,
                            take(&hand, ID, true, 0), &hand.done);

        if (rc == FKV_OK) {
            break;
        }

        assert_int_equal(rc, FKV_EXISTS);
        assert_true(tries < 2);
    }

    fkv_claim_drop(&hand.claim);
    fkv_detach(live.store);
}


static void
a_death_at_any_step_leaves_nothing_taken(void **state)
{
    (void) state;

    killed_at("claim.1");
    killed_at("claim.2");
    live_attach(&live, FKV_WORKER);
}


/* Takes it again and again; nobody else may be within. */
static void
works(void)
{
    for (unsigned i = 0; i < ROUNDS; ) {
        hand_t  hand;
        int     rc;

        rc = live_wait(&live, &hand.claim.op, take(&hand, ID, true, 0),
                       &hand.done);
        if (rc != FKV_OK) {
            continue;
        }

        if (__atomic_add_fetch(&told->holders, 1, __ATOMIC_SEQ_CST) != 1) {
            told->wrong = true;
        }

        if (i % 7 == 0) {
            (void) sched_yield();
        }

        (void) __atomic_sub_fetch(&told->holders, 1, __ATOMIC_SEQ_CST);
        fkv_claim_drop(&hand.claim);
        i++;
    }
}


static void
many_take_turns(void **state)
{
    pid_t  pids[HANDS];

    (void) state;

    for (unsigned i = 0; i < HANDS; i++) {
        pids[i] = child(works, NULL);
    }

    for (unsigned i = 0; i < HANDS; i++) {
        int  status;

        (void) waitpid(pids[i], &status, 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }

    assert_false(told->wrong);
    live_attach(&live, FKV_WORKER);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(one_has_it_until_it_lets_go,
                                        claim_setup, claim_teardown),
        cmocka_unit_test_setup_teardown(who_gives_up_is_not_told,
                                        claim_setup, claim_teardown),
        cmocka_unit_test_setup_teardown(what_is_too_old_is_taken_over,
                                        claim_setup, claim_teardown),
        cmocka_unit_test_setup_teardown(a_full_set_refuses,
                                        claim_setup, claim_teardown),
        cmocka_unit_test_setup_teardown(a_latch_that_is_taken_is_waited_for,
                                        claim_setup, claim_teardown),
        cmocka_unit_test_setup_teardown(a_dead_holders_claim_ends,
                                        claim_setup, claim_teardown),
        cmocka_unit_test_setup_teardown(
            a_death_at_any_step_leaves_nothing_taken, claim_setup,
            claim_teardown),
        cmocka_unit_test_setup_teardown(many_take_turns, claim_setup,
                                        claim_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
