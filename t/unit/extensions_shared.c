/*
 * extensions_shared.c - what processes of a store know of its extensions:
 * deaths are counted, once each, and figures added up over processes and
 * configurations.
 */

#include "live.h"
#include "extensions/shared.h"

#include <sys/wait.h>
#include <unistd.h>

#define NOW  1000000ull

static live_t              live;
static fkv_shared_t       *shared;
static fkv_extension_t     one, two;
static ferrokv_metric      metrics[2];
static fkv_extensions_t    set;
static unsigned            crashes, quarantines;
static uint64_t            deaths;      /* by one key, as was said last */
static fkv_shared_limit_t  limit;


static void
on_any_crash(void *data, const fkv_shared_crash_t *crash)
{
    (void) data;
    assert_non_null(crash->name);
    crashes++;
    quarantines += crash->quarantined;
    deaths = crash->of.deaths;
}


static void
on_crash(void *data, const fkv_shared_crash_t *crash)
{
    assert_string_equal(crash->name, "one");
    on_any_crash(data, crash);
}


static int
setup(void **state)
{
    (void) state;

    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_ALWAYS);
    shared = fkv_shared_open();
    assert_non_null(shared);

    one = (fkv_extension_t) { .name = "one" };
    two = (fkv_extension_t) { .name = "two" };
    metrics[0] = (ferrokv_metric) { FERROKV_METRIC, 0, "two.calls", 0, 0, "" };
    metrics[1] = (ferrokv_metric) { FERROKV_METRIC, 0, "two.open", 1, 0, "" };
    two.metrics = metrics;
    two.metrics_n = 2;
    memset(&set, 0, sizeof(set));
    set.list[0] = &one;
    set.list[1] = &two;
    set.n = 2;
    assert_int_equal(fkv_shared_configure(shared, &set), FKV_OK);

    crashes = 0;
    quarantines = 0;
    limit = (fkv_shared_limit_t) { .n = 3, .ms = 60000, .now_ms = NOW,
                                   .on_crash = on_crash };

    return 0;
}


static int
teardown(void **state)
{
    (void) state;

    fkv_close(live.store);
    fkv_shared_close(shared);
    live_remove(&live);

    return 0;
}


/* A process that dies while it runs the extension, asked of that, or not. */
static void
process_asks(unsigned at, int64_t n, bool dies, const fkv_poison_ask_t *ask)
{
    pid_t  pid = fork();
    int    status;

    if (pid == 0) {
        uint64_t  before;

        live_attach(&live, FKV_WORKER);
        limit.on_crash = on_any_crash;
        fkv_shared_attach(shared, live.store, &limit);
        before = fkv_shared_enter(shared, at, ask);
        fkv_shared_count(shared, 0, n);
        fkv_shared_count(shared, 1, n);
        fkv_shared_slow(shared, at);

        if (dies) {
            raise(SIGKILL);
        }

        fkv_shared_leave(shared, before);
        fkv_detach(live.store);
        _exit(0);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WIFSIGNALED(status), dies);
}


static void
process(unsigned at, int64_t n, bool dies)
{
    process_asks(at, n, dies, NULL);
}


static int64_t
figure(unsigned i)
{
    fkv_shared_figure_t  figure;

    assert_true(fkv_shared_figure(shared, live.store, i, &figure));

    return figure.value;
}


static fkv_shared_state_t
state_of(unsigned i)
{
    fkv_shared_state_t  state;

    assert_true(fkv_shared_state(shared, live.store, i, &state));

    return state;
}


static void
a_death_is_counted_once(void **state)
{
    (void) state;

    process(0, 1, true);
    process(0, 1, false);           /* counts it, and dies well */
    assert_int_equal(state_of(0).crashes, 1);

    live_attach(&live, FKV_WORKER);
    fkv_shared_attach(shared, live.store, &limit);
    assert_int_equal(crashes, 0);
    fkv_detach(live.store);

    process(0, 1, true);
    live_attach(&live, FKV_WORKER);
    fkv_shared_attach(shared, live.store, &limit);
    fkv_shared_attach(shared, live.store, &limit);
    assert_int_equal(crashes, 1);
    assert_int_equal(state_of(0).crashes, 2);
    assert_int_equal(state_of(1).crashes, 0);
    fkv_detach(live.store);
}


static void
too_many_within_the_time_are_a_quarantine(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 3; i++) {
        process(0, 1, true);
        assert_false(fkv_shared_quarantined(shared, 0));
    }

    live_attach(&live, FKV_WORKER);
    fkv_shared_attach(shared, live.store, &limit);
    assert_true(fkv_shared_quarantined(shared, 0));
    assert_false(fkv_shared_quarantined(shared, 1));
    assert_int_equal(quarantines, 1);
    fkv_detach(live.store);

    process(0, 1, true);
    live_attach(&live, FKV_WORKER);
    fkv_shared_attach(shared, live.store, &limit);
    assert_int_equal(quarantines, 1);
    assert_true(state_of(0).quarantined);

    assert_int_equal(fkv_shared_configure(shared, &set), FKV_OK);
    assert_false(fkv_shared_quarantined(shared, 0));
    assert_int_equal(state_of(0).crashes, 4);
    fkv_detach(live.store);
}


static void
deaths_that_are_far_apart_are_none(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 6; i++) {
        process(0, 1, true);
        limit.now_ms += 30001;
    }

    live_attach(&live, FKV_WORKER);
    fkv_shared_attach(shared, live.store, &limit);
    assert_false(fkv_shared_quarantined(shared, 0));
    assert_int_equal(state_of(0).crashes, 6);
    fkv_detach(live.store);
}


static void
who_kills_twice_is_known(void **state)
{
    fkv_poison_ask_t   ask = { FKV_POISON_FULL,
                               { 0, FKV_STR("k"), 1, 2 } };
    fkv_poison_shm_t  *poison = &shared->shm->poison;

    (void) state;

    for (unsigned i = 0; i < 2; i++) {
        process_asks(0, 1, false, &ask);
        assert_false(fkv_poison_is(poison, 0, &ask));
        process_asks(0, 1, true, &ask);
    }

    process(0, 1, true);
    process(0, 1, true);

    /* What is known to die of it is put aside, instead of its extension. */
    live_attach(&live, FKV_WORKER);
    fkv_shared_attach(shared, live.store, &limit);
    assert_true(fkv_poison_is(poison, 0, &ask));
    assert_int_equal(state_of(0).crashes, 4);
    assert_int_equal(state_of(0).aside, 1);
    assert_int_equal(deaths, 0);        /* the last one was of no key */
    assert_false(state_of(0).quarantined);
    fkv_detach(live.store);

    process(0, 1, true);
    live_attach(&live, FKV_WORKER);
    fkv_shared_attach(shared, live.store, &limit);
    assert_true(state_of(0).quarantined);
    fkv_detach(live.store);

    assert_int_equal(fkv_shared_configure(shared, &set), FKV_OK);
    assert_true(fkv_poison_is(poison, 0, &ask));
    (void) strcpy(one.version, "2.0");
    assert_int_equal(fkv_shared_configure(shared, &set), FKV_OK);
    assert_false(fkv_poison_is(poison, 0, &ask));
}


static void
a_word_within_another_comes_back(void **state)
{
    uint64_t  a, b;

    (void) state;

    live_attach(&live, FKV_WORKER);
    fkv_shared_attach(shared, live.store, &limit);
    a = fkv_shared_enter(shared, 0, NULL);
    b = fkv_shared_enter(shared, 1, NULL);
    assert_int_equal(a, 0);
    fkv_shared_leave(shared, b);
    assert_int_equal(fkv_shared_enter(shared, 1, NULL), b);
    fkv_shared_leave(shared, a);
    assert_int_equal(fkv_shared_enter(shared, FKV_SHARED_EXTENSIONS, NULL), 0);
    fkv_detach(live.store);
}


static void
figures_outlive_processes_and_gauges_do_not(void **state)
{
    (void) state;

    process(1, 5, false);
    process(1, 7, true);
    assert_int_equal(figure(0), 12);
    fkv_shared_count(shared, 0, 1);     /* not attached: nothing */
    assert_int_equal(figure(0), 12);
    assert_int_equal(state_of(1).slow, 2);

    live_attach(&live, FKV_WORKER);
    limit.on_crash = on_any_crash;
    fkv_shared_attach(shared, live.store, &limit);
    assert_int_equal(crashes, 1);
    assert_int_equal(figure(1), 0);
    fkv_shared_count(shared, 1, 3);
    fkv_shared_count(shared, 1, -1);
    assert_int_equal(figure(1), 2);
    fkv_detach(live.store);
}


static void
names_keep_their_places(void **state)
{
    static fkv_extension_t  many[FKV_SHARED_EXTENSIONS];

    (void) state;

    assert_int_equal(fkv_shared_metric(shared, "two.open"), 1);
    assert_int_equal(fkv_shared_metric(shared, "two"), FKV_SHARED_METRICS);
    set.list[0] = &two;
    set.list[1] = &one;
    assert_int_equal(fkv_shared_configure(shared, &set), FKV_OK);
    assert_int_equal(fkv_shared_extension(shared, "one"), 0);
    assert_int_equal(fkv_shared_metric(shared, "two.calls"), 0);

    for (unsigned i = 0; i < FKV_SHARED_EXTENSIONS; i++) {
        (void) snprintf(many[i].name, sizeof(many[i].name), "x%u", i);
        set.list[0] = &many[i];
        set.n = 1;
        assert_int_equal(fkv_shared_configure(shared, &set),
                         i < FKV_SHARED_EXTENSIONS - 2 ? FKV_OK : FKV_EFULL);
    }

    assert_int_equal(fkv_shared_extension(shared, "x5"), 7);
    assert_int_equal(fkv_shared_extension(shared, "x127"),
                     FKV_SHARED_EXTENSIONS);
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest  tests[] = {
        TEST(a_death_is_counted_once),
        TEST(too_many_within_the_time_are_a_quarantine),
        TEST(deaths_that_are_far_apart_are_none),
        TEST(who_kills_twice_is_known),
        TEST(a_word_within_another_comes_back),
        TEST(figures_outlive_processes_and_gauges_do_not),
        TEST(names_keep_their_places),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
