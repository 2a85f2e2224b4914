/*
 * io_op.c - the operation loop: an operation has two ends, never both.
 */

#include "io/op.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

typedef enum { JOB_FIRST, JOB_WAITING, JOB_LAST } job_state_e;

typedef struct {
    fkv_op_t  op;
    unsigned  waits;            /* how often it will WAIT */
    unsigned  steps;
    unsigned  done_n;
    bool      again_in_on_done;
} job_t;


static fkv__turn_e
job_step(fkv_op_t *op)
{
    job_t  *job = fkv__container(op, job_t, op);

    job->steps++;

    switch ((job_state_e) op->state) {

    case JOB_FIRST:
        return fkv__op_enter(op, job->waits > 0 ? JOB_WAITING : JOB_LAST);

    case JOB_WAITING:
        if (job->waits == 0) {
            return fkv__op_enter(op, JOB_LAST);
        }

        job->waits--;
        return FKV__TURN_WAIT;

    case JOB_LAST:
        return fkv__op_end(op, FKV_NOTFOUND);
    }

    fkv__unreachable();
}


static void
job_on_done(fkv_op_t *op)
{
    job_t  *job = fkv__container(op, job_t, op);

    assert_true(op->started);
    job->done_n++;

    if (job->again_in_on_done) {
        job->again_in_on_done = false;
        assert_int_equal(fkv__op_start(op, "job", job_step, JOB_LAST),
                         FKV_NOTFOUND);
    }
}


static job_t
job_new(unsigned waits)
{
    job_t  job;

    memset(&job, 0, sizeof(job));
    job.waits = waits;
    job.op.on_done = job_on_done;

    return job;
}


static void
operation_that_ends_at_once_returns_its_result(void **state)
{
    job_t  job = job_new(0);

    (void) state;

    assert_int_equal(fkv__op_start(&job.op, "job", job_step, JOB_FIRST),
                     FKV_NOTFOUND);
    assert_int_equal(job.done_n, 0);
    assert_int_equal(job.steps, 2);
    assert_false(job.op.started);
}


static void
operation_that_waits_calls_on_done_once(void **state)
{
    job_t  job = job_new(2);

    (void) state;

    assert_int_equal(fkv__op_start(&job.op, "job", job_step, JOB_FIRST),
                     FKV_AGAIN);
    assert_int_equal(job.steps, 2);
    assert_int_equal(job.op.state, JOB_WAITING);
    assert_true(fkv__list_empty(&job.op.link));

    fkv__op_run(&job.op);
    assert_int_equal(job.done_n, 0);

    fkv__op_run(&job.op);
    assert_int_equal(job.done_n, 1);
    assert_int_equal(job.op.rc, FKV_NOTFOUND);
}


static void
canceled_operation_ends_in_silence(void **state)
{
    job_t  job = job_new(1);

    (void) state;

    assert_int_equal(fkv__op_start(&job.op, "job", job_step, JOB_FIRST),
                     FKV_AGAIN);
    job.op.on_done = NULL;
    fkv__op_run(&job.op);

    assert_int_equal(job.done_n, 0);
    assert_int_equal(job.op.rc, FKV_NOTFOUND);
}


static void
on_done_may_start_the_operation_again(void **state)
{
    job_t  job = job_new(1);

    (void) state;

    job.again_in_on_done = true;

    assert_int_equal(fkv__op_start(&job.op, "job", job_step, JOB_FIRST),
                     FKV_AGAIN);
    fkv__op_run(&job.op);
    assert_int_equal(job.done_n, 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(operation_that_ends_at_once_returns_its_result),
        cmocka_unit_test(operation_that_waits_calls_on_done_once),
        cmocka_unit_test(canceled_operation_ends_in_silence),
        cmocka_unit_test(on_done_may_start_the_operation_again)
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
