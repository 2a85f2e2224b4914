/*
 * store_element_kill.c - a key says which elements it has; processes that write
 * them die, and whatever is there afterwards is what the key says.
 */

#include "live.h"
#include "shared/segment.h"
#include "store/reap.h"

#include <sys/prctl.h>

#define KEYS    4
#define NAMES   24
#define MEMORY  FKV_MEMORY_MIN

/* The value of a key with elements: their values, 0 = there is none. */
typedef struct {
    uint32_t  values[NAMES];
} says_t;

typedef struct {
    fkv_update_t   u;
    fkv_change_t   change;
    fkv_element_t  elements[NAMES];
    char           names[NAMES][8];
    says_t         says;
    char           key[8];
    uint64_t       random;          /* where a try begins */
    bool           done;
} step_t;

static live_t     live;
static uint32_t  *given;            /* shared: values and stamps given out */


static int
kill_setup(void **state)
{
    (void) state;
    given = live_share(&live, sizeof(*given));

    return 0;
}


static int
kill_teardown(void **state)
{
    (void) state;
    live_unshare(&live, given, sizeof(*given));

    return 0;
}


static uint32_t
give(void)
{
    return __atomic_add_fetch(given, 1, __ATOMIC_RELAXED);
}


/* Some elements come, some go; or all of them with their stamp. */
static int
step_decide(fkv_update_t *u)
{
    step_t        *step = fkv__container(u, step_t, u);
    fkv_change_t  *change = &step->change;
    uint64_t       random = step->random;
    unsigned       what = (unsigned) (check_random(&random) % 16), n = 0;

    change->stamp = 0;
    change->elements_n = 0;
    change->expire_at = 0;
    change->value = FKV_STR("plain");

    if (what < 2) {
        change->action = (what == 0) ? FKV_DELETE : FKV_PUT;
        return FKV_OK;
    }

    memset(&step->says, 0, sizeof(step->says));
    change->action = FKV_PUT;
    change->value = (fkv_str_t) { (uint8_t *) &step->says,
                                  sizeof(step->says) };

    if (change->exists && change->current.stamp != 0 && what > 2) {
        change->stamp = change->current.stamp;
        memcpy(&step->says, change->current.data.data, sizeof(step->says));

    } else {
        change->stamp = give();
    }

    if (what == 15) {
        change->expire_at = u->now_ms + 1 + check_random(&random) % 20;
    }

    for (unsigned i = 0; i < NAMES; i++) {
        uint32_t  *value = &step->says.values[i];

        if (check_random(&random) % 4 == 0) {
            *value = (*value == 0 || check_random(&random) % 2 == 0)
                     ? give() : 0;
            step->elements[n++] = (fkv_element_t) {
                .name = live_str(step->names[i]),
                .value = { (uint8_t *) value, sizeof(*value) },
                .gone = (*value == 0)
            };
        }
    }

    change->elements_n = n;

    return FKV_OK;
}


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


static int
step_run(uint64_t *random)
{
    static step_t  step;

    memset(&step, 0, sizeof(step));
    step.random = check_random(random);
    (void) sprintf(step.key, "k%u", (unsigned) (check_random(random) % KEYS));

    for (unsigned i = 0; i < NAMES; i++) {
        (void) sprintf(step.names[i], "n%02u", i);
    }

    step.change.key = live_str(step.key);
    step.change.elements = step.elements;
    step.u = (fkv_update_t) { .store = live.store, .changes = &step.change,
                              .n = 1, .decide = step_decide,
                              .now_ms = fkv_now_ms(live.store),
                              .op = { .on_done = live_done,
                                      .data = &step.done } };

    return wait_for(&step.u.op, fkv_update(&step.u), &step.done);
}


static pid_t
child(unsigned seed, const char *kill)
{
    pid_t     pid = fork();
    uint64_t  random = seed + 1;

    assert_true(pid >= 0);

    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

        if (kill != NULL) {
            (void) setenv("FKV_KILL", kill, 1);
        }

        live_attach(&live, FKV_WORKER);

        for ( ;; ) {
            if (step_run(&random) != FKV_OK) {
                _exit(3);
            }
        }
    }

    return pid;
}


static void
check_killed(pid_t pid)
{
    int  status;

    assert_int_equal(waitpid(pid, &status, 0), pid);

    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
        fail_msg("a writer has ended by itself: %x", status);
    }
}


/* What an element scan of a key has to meet, and has met so far. */
typedef struct {
    fkv_scan_t  scan;
    says_t      says;
    unsigned    met;
    bool        done;
} seen_t;


static int
on_entry(fkv_scan_t *scan, fkv_str_t name, const fkv_value_t *value)
{
    seen_t    *seen = fkv__container(scan, seen_t, scan);
    unsigned   i = check_number(name, 1);
    uint32_t   number;

    assert_int_equal(value->data.len, sizeof(number));
    memcpy(&number, value->data.data, sizeof(number));
    assert_int_equal(seen->says.values[i], number);
    seen->met++;

    return FKV_OK;
}


/* Returns how many elements the key has. */
static unsigned
key_check(const char *key)
{
    seen_t     seen = { .met = 0 };
    unsigned   n = 0;
    uint64_t   stamp = 0, lsn = fkv_visible(live.store);
    fkv_get_t  get = { .store = live.store, .key = live_str(key),
                       .now_ms = fkv_now_ms(live.store),
                       .op = { .on_done = live_done, .data = &seen.done } };
    int        rc = wait_for(&get.op, fkv_get(&get), &seen.done);

    if (rc == FKV_OK && get.value.stamp != 0) {
        stamp = get.value.stamp;
        assert_int_equal(get.value.data.len, sizeof(seen.says));
        memcpy(&seen.says, get.value.data.data, sizeof(seen.says));
    }

    fkv_get_done(&get);
    assert_true(rc == FKV_OK || rc == FKV_NOTFOUND);
    assert_int_equal(lsn, fkv_visible(live.store));

    if (stamp == 0) {
        return 0;
    }

    for (unsigned i = 0; i < NAMES; i++) {
        n += (seen.says.values[i] != 0);
    }

    seen.done = false;
    seen.scan = (fkv_scan_t) { .store = live.store, .key = live_str(key),
                               .stamp = stamp, .on_entry = on_entry,
                               .now_ms = fkv_now_ms(live.store),
                               .op = { .on_done = live_done,
                                       .data = &seen.done } };
    assert_int_equal(wait_for(&seen.scan.op, fkv_scan(&seen.scan),
                              &seen.done), FKV_OK);
    assert_int_equal(seen.met, n);

    return n;
}


static unsigned
check_all(void)
{
    uint64_t  random = 1;
    unsigned  n = 0;
    char      key[8];

    live_attach(&live, FKV_WORKER);
    (void) fkv__reap_sweep(live.store);

    /* Once this is visible nothing of the dead is still to come. */
    assert_int_equal(step_run(&random), FKV_OK);

    for (unsigned i = 0; i < KEYS; i++) {
        (void) sprintf(key, "k%u", i);
        n += key_check(key);
    }

    fkv_detach(live.store);

    return n;
}


static void
keys_and_elements_stand_or_fall_together(void **state)
{
    static const char *const  kills[] = {
        "update.1:40", "reserve.1:70", "reserve.2:90", "update.2:100",
        "update.3:60", "link.1:500", "link.2:300", "link.3:400", "link.4:777",
        "update.4:120", "update.5:33", "update.6:200", "commit.2:20"
    };

    unsigned  n = 0;

    (void) state;
    check_many_processes();

    for (unsigned i = 0; i < sizeof(kills) / sizeof(kills[0]); i++) {
        struct timespec  nap = { 0, 20 * 1000000 };
        pid_t            other = child(2 * i, NULL);

        check_killed(child(2 * i + 1, kills[i]));
        (void) nanosleep(&nap, NULL);
        assert_int_equal(kill(other, SIGKILL), 0);
        check_killed(other);

        n += check_all();

        /* And as the log has it. */

        if (i % 3 == 2) {
            fkv_close(live.store);
            live_open(&live, MEMORY, FKV_SYNC_EVERYSEC);
            n += check_all();
        }
    }

    assert_true(n > 0);
    live_attach(&live, FKV_WORKER);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(
            keys_and_elements_stand_or_fall_together, kill_setup,
            kill_teardown),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
