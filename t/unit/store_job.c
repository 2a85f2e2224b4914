/*
 * store_job.c - the mailbox: jobs are run in order and once, their clients are
 * told, and nobody's death leaves an entry taken.
 */

#include "disk.h"

#include "store/job.h"
#include "store/reap.h"

#define MEMORY  FKV_MEMORY_MIN

static disk_t  disk;
static pid_t   client;                  /* 0: none */

/* A count, which begins at once. */
typedef struct {
    fkv_job_t  job;
    bool       done;
} count_t;


/* Attached by the tests: some need a child that has nothing of ours. */
static int
job_setup(void **state)
{
    (void) state;

    memset(&disk, 0, sizeof(disk));
    client = 0;
    live_dir(&disk.live);
    disk.live.quiet = true;
    disk_open(&disk, MEMORY);

    return 0;
}


static int
job_teardown(void **state)
{
    (void) state;

    if (client > 0) {
        (void) kill(client, SIGKILL);
        (void) waitpid(client, NULL, 0);
    }

    disk_end(&disk);

    return 0;
}


static void
count_init(count_t *count, const char *prefix)
{
    *count = (count_t) {
        .job = { .store = disk.store, .kind = FKV_JOB_COUNT,
                 .text = live_str(prefix),
                 .op = { .on_done = live_done } }
    };

    count->job.op.data = &count->done;
}


static void
count_start(count_t *count, const char *prefix)
{
    count_init(count, prefix);
    assert_int_equal(fkv_job(&count->job), FKV_AGAIN);
}


static int
count_wait(count_t *count)
{
    return live_wait(&disk.live, &count->job.op, FKV_AGAIN, &count->done);
}


static fkv__job_shm_t *
entry(unsigned i)
{
    return &disk.store->seg->jobs[i];
}


static uint32_t
entry_state(unsigned i)
{
    return __atomic_load_n(&entry(i)->state, __ATOMIC_ACQUIRE);
}


static void
check_free(void)
{
    for (unsigned i = 0; i < FKV__JOBS; i++) {
        assert_int_equal(entry_state(i), FKV__JOB_FREE);
    }
}


static void
take(fkv__job_order_t *order, const char *text)
{
    assert_int_equal(fkv__job_take(disk.store, order), FKV_OK);
    assert_int_equal(order->kind, FKV_JOB_COUNT);
    check_str((fkv_str_t) { order->text, order->text_len }, live_str(text));
}


static void
nothing_to_take(void)
{
    fkv__job_order_t  order;

    assert_false(fkv__job_posted(disk.store));
    assert_int_equal(fkv__job_take(disk.store, &order), FKV_END);
}


static void
its_client_hears_the_result(void **state)
{
    count_t           count;
    fkv__job_order_t  order;

    (void) state;
    disk_attach(&disk);

    nothing_to_take();
    count_start(&count, "a");
    assert_true(fkv__job_posted(disk.store));
    assert_int_equal(fkv_in_flight(disk.store), 1);

    take(&order, "a");
    nothing_to_take();
    live_loop(&disk.live, 0);
    assert_false(count.done);

    fkv__job_end(disk.store, &order, FKV_OK, 4711);
    assert_int_equal(count_wait(&count), FKV_OK);
    assert_int_equal(count.job.result, 4711);
    assert_int_equal(fkv_in_flight(disk.store), 0);
    assert_null(count.job.own);
    check_free();
}


static void
jobs_run_in_the_order_of_posting(void **state)
{
    static const char *const  texts[] = { "a", "b", "c", "d" };
    count_t                   counts[4];
    fkv__job_order_t          order;

    (void) state;
    disk_attach(&disk);

    for (unsigned i = 0; i < 3; i++) {
        count_start(&counts[i], texts[i]);
    }

    /* The first entry is free again and taken by the last job. */
    take(&order, "a");
    fkv__job_end(disk.store, &order, FKV_OK, 0);
    assert_int_equal(count_wait(&counts[0]), FKV_OK);
    count_start(&counts[3], texts[3]);

    for (unsigned i = 1; i < 4; i++) {
        take(&order, texts[i]);
        fkv__job_end(disk.store, &order, FKV_OK, i);
        assert_int_equal(count_wait(&counts[i]), FKV_OK);
        assert_int_equal(counts[i].job.result, i);
    }

    check_free();
}


static void
a_full_mailbox_is_busy(void **state)
{
    count_t           counts[FKV__JOBS], other;
    fkv__job_order_t  order;

    (void) state;
    disk_attach(&disk);

    for (unsigned i = 0; i < FKV__JOBS; i++) {
        count_start(&counts[i], "x");
    }

    count_init(&other, "y");
    assert_int_equal(fkv_job(&other.job), FKV_EBUSY);
    assert_null(other.job.own);
    assert_int_equal(fkv_in_flight(disk.store), FKV__JOBS);

    take(&order, "x");
    fkv__job_end(disk.store, &order, FKV_OK, 0);
    assert_int_equal(count_wait(&counts[0]), FKV_OK);
    count_start(&other, "y");
}


static void
what_cannot_be_asked_for_is_refused(void **state)
{
    static const char *const  names[] = {
        "", ".", "..", ".x", "a/b", "a b", "a\n", "\xc3\xa9"
    };
    char                      name[FKV_CHECKPOINT_NAME_MAX + 2];
    char                      prefix[FKV_COUNT_PREFIX_MAX + 2];
    count_t                   count;

    (void) state;
    disk_attach(&disk);

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_false(fkv_checkpoint_name_valid(live_str(names[i])));
    }

    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    assert_false(fkv_checkpoint_name_valid(live_str(name)));
    assert_true(fkv_checkpoint_name_valid(live_str(name + 1)));
    assert_true(fkv_checkpoint_name_valid(live_str("2026-11-21_a.B")));

    memset(prefix, 'x', sizeof(prefix));
    prefix[sizeof(prefix) - 1] = '\0';
    count_init(&count, prefix);
    assert_int_equal(fkv_job(&count.job), FKV_EINVAL);

    /* No directory for checkpoints. */
    count_init(&count, "name");
    count.job.kind = FKV_JOB_CHECKPOINT;
    assert_int_equal(fkv_job(&count.job), FKV_EINVAL);

    count.job.kind = (fkv_job_e) 77;
    assert_int_equal(fkv_job(&count.job), FKV_EINVAL);
    assert_int_equal(fkv_in_flight(disk.store), 0);
    check_free();
}


static void
what_a_helper_stops_is_run_by_the_next(void **state)
{
    count_t           count;
    fkv__job_order_t  order;

    (void) state;
    disk_attach(&disk);
    count_start(&count, "a");

    /* As often as it likes: that is no failure of the job's. */
    for (unsigned i = 0; i < 3 * FKV__JOB_TRIES; i++) {
        take(&order, "a");
        fkv__job_put_back(disk.store, &order);
        fkv__job_adopt(disk.store);
    }

    take(&order, "a");
    fkv__job_end(disk.store, &order, FKV_EIO, 0);
    assert_int_equal(count_wait(&count), FKV_EIO);
    check_free();
}


static void
a_job_that_helpers_die_of_ends(void **state)
{
    count_t           count;
    fkv__job_order_t  order;

    (void) state;
    disk_attach(&disk);
    count_start(&count, "a");

    for (unsigned i = 0; i < FKV__JOB_TRIES; i++) {
        take(&order, "a");
        fkv__job_adopt(disk.store);     /* the next one's first act */
    }

    nothing_to_take();
    assert_int_equal(count_wait(&count), FKV_EOWNERDEAD);
    check_free();
}


static void
who_leaves_takes_its_jobs_along(void **state)
{
    count_t           posted, running;
    fkv__job_order_t  order;

    (void) state;
    disk_attach(&disk);

    count_start(&running, "running");
    take(&order, "running");
    count_start(&posted, "posted");

    fkv__helper_free(disk.helper);
    disk.helper = NULL;
    fkv_detach(disk.store);
    assert_false(posted.done);
    assert_false(running.done);

    disk_attach(&disk);
    nothing_to_take();
    assert_int_equal(entry_state(order.entry),
                     FKV__JOB_RUNNING);         /* and nobody's */
    fkv__job_end(disk.store, &order, FKV_OK, 1);
    check_free();
}


static void
bytes_in_shared_memory_are_not_believed(void **state)
{
    count_t           count;
    fkv__job_order_t  order;

    (void) state;
    disk_attach(&disk);

    count_start(&count, "abc");
    entry(0)->text_len = UINT32_MAX;
    assert_int_equal(fkv__job_take(disk.store, &order), FKV_OK);
    assert_int_equal(order.text_len, FKV__JOB_TEXT_MAX);
    fkv__job_end(disk.store, &order, FKV_AGAIN, 0);
    assert_int_equal(count_wait(&count), FKV_ECORRUPT);
    check_free();
}


/* A process that posts a job, and lives unless step says otherwise. */
static void
client_fork(const char *step)
{
    client = fork();
    assert_true(client >= 0);

    if (client == 0) {
        count_t  count;

        if (step != NULL) {
            (void) setenv("FKV_KILL", step, 1);
        }

        live_attach(&disk.live, FKV_WORKER);
        count_start(&count, "child");

        for ( ;; ) {
            live_loop(&disk.live, 1000);
        }
    }
}


/* Waits until the child's entry is in this state. */
static void
client_await(fkv__job_state_e what)
{
    uint64_t  until = live_ms() + 20000;

    while (FKV__JOB_STATE(entry_state(0)) != what) {
        (void) poll(NULL, 0, 1);
        assert_true(live_ms() < until);
    }
}


static void
client_dies(int with)
{
    int  status;

    if (with != 0) {
        assert_int_equal(kill(client, with), 0);
    }

    assert_int_equal(waitpid(client, &status, 0), client);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    client = 0;
}


static void
a_client_may_die_before_anybody_works_for_it(void **state)
{
    static const struct {
        const char       *step;
        fkv__job_state_e  left;
    } deaths[] = {
        { "job.1", FKV__JOB_FILLING },
        { "job.2", FKV__JOB_POSTED }
    };

    (void) state;

    for (unsigned i = 0; i < 2; i++) {
        client_fork(deaths[i].step);
        client_dies(0);
        assert_int_equal(FKV__JOB_STATE(entry_state(0)), deaths[i].left);

        /* Who takes the dead one's slot reaps it. */
        disk_attach(&disk);
        nothing_to_take();
        check_free();

        fkv__helper_free(disk.helper);
        disk.helper = NULL;
        fkv_detach(disk.store);
    }
}


static void
a_client_may_die_while_its_job_runs(void **state)
{
    fkv__job_order_t  order;

    (void) state;

    client_fork(NULL);
    client_await(FKV__JOB_POSTED);
    disk_attach(&disk);
    take(&order, "child");
    client_dies(SIGKILL);

    assert_true(fkv__reap_sweep(disk.store));
    assert_int_equal(entry_state(0), FKV__JOB_RUNNING);
    fkv__job_end(disk.store, &order, FKV_OK, 1);
    check_free();
}


static void
a_client_may_die_and_then_its_helper(void **state)
{
    fkv__job_order_t  order;

    (void) state;

    client_fork(NULL);
    client_await(FKV__JOB_POSTED);
    disk_attach(&disk);
    take(&order, "child");
    client_dies(SIGKILL);

    assert_true(fkv__reap_sweep(disk.store));
    fkv__job_adopt(disk.store);
    nothing_to_take();
    check_free();
}


static void
a_client_may_die_before_it_hears_the_result(void **state)
{
    fkv__job_order_t  order;

    (void) state;

    client_fork(NULL);
    client_await(FKV__JOB_POSTED);
    disk_attach(&disk);
    take(&order, "child");
    assert_int_equal(kill(client, SIGSTOP), 0);
    fkv__job_end(disk.store, &order, FKV_OK, 1);
    assert_int_equal(FKV__JOB_STATE(entry_state(0)), FKV__JOB_ENDED);
    client_dies(SIGKILL);

    assert_true(fkv__reap_sweep(disk.store));
    check_free();
}


static void
a_read_only_store_counts(void **state)
{
    count_t           count;
    fkv__job_order_t  order;

    (void) state;
    disk_attach(&disk);
    fkv__set_readonly(disk.store, "the test says so");

    count_start(&count, "a");
    take(&order, "a");
    fkv__job_end(disk.store, &order, FKV_OK, 0);
    assert_int_equal(count_wait(&count), FKV_OK);
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, job_setup, job_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(its_client_hears_the_result),
        TEST(jobs_run_in_the_order_of_posting),
        TEST(a_full_mailbox_is_busy),
        TEST(what_cannot_be_asked_for_is_refused),
        TEST(what_a_helper_stops_is_run_by_the_next),
        TEST(a_job_that_helpers_die_of_ends),
        TEST(who_leaves_takes_its_jobs_along),
        TEST(bytes_in_shared_memory_are_not_believed),
        TEST(a_client_may_die_before_anybody_works_for_it),
        TEST(a_client_may_die_while_its_job_runs),
        TEST(a_client_may_die_and_then_its_helper),
        TEST(a_client_may_die_before_it_hears_the_result),
        TEST(a_read_only_store_counts),
    };

#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
