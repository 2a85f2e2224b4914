/*
 * work.c - processes: workers and what they ask for, one operation beside the
 * other, and a helper.
 */

#define _GNU_SOURCE
#include "work.h"

#include "store/store.h"

#include <poll.h>
#include <unistd.h>

#define SNAPSHOTS  4

sim_load_t  sim_load;
bool        sim_strict;

static snapshot_t  snapshots[SNAPSHOTS];


static void
log_line(void *data, fkv_log_level_e level, const char *text)
{
    (void) data;
    sim_say("log: %s", text);

    if (level == FKV_LOG_ALERT && sim_strict && !sim_misdirected()) {
        sim_fail("damage where nothing was broken: %s", text);
    }
}


const fkv_log_t  sim_log = { log_line, NULL };


void
sim_on_turn(void *data)
{
    ((sim_proc_t *) data)->turn = true;
}


fkv_t *
sim_fork(const fkv_t *store)
{
    fkv_t  *handle = fkv__twin_new(store);

    handle->twin = false;
    handle->reads_only = false;

    return handle;
}


void
sim_work_begin(void)
{
    memset(snapshots, 0, sizeof(snapshots));
}


bool
sim_allowed(int rc)
{
    if (rc == FKV_ECORRUPT && sim_misdirected()) {
        sim_figures->corrupt++;
        return true;
    }

    if ((rc == FKV_EMAXSIZE || rc == FKV_EQUOTA) && sim_load.bounded) {
        return true;
    }

    return rc >= 0 || ((rc == FKV_EIO || rc == FKV_EREADONLY
                        || rc == FKV_EFULL)
                       && (!sim_strict || sim_misdirected()));
}


void
sim_allow(int rc, const char *what)
{
    if (!sim_allowed(rc)) {
        sim_fail("%s answers %s", what, fkv_code_name(rc));
    }
}


void
sim_dawdle(void)
{
    if (sim_chance(sim_load.dawdles_one_in)) {
        sim_sleep(sim_below(4 * SIM_SECOND));
    }
}


void
sim_work_end(work_t *work)
{
    work->proc->ops--;
    sim_progress();

    for (unsigned i = 0; i < CHANGES_MAX; i++) {
        free(work->values[i]);
    }

    free(work->bytes);
    free(work);
}


/* Jobs of the helper, which may die at them. */

static void
job_end(work_t *work, int rc)
{
    if (rc != FKV_EBUSY && rc != FKV_EOWNERDEAD && rc != FKV_EXISTS) {
        sim_allow(rc, "a job");
    }

    if (work->job.kind == FKV_JOB_COUNT && rc == FKV_OK
        && work->job.result > SIM_KEYS)
    {
        sim_fail("%llu keys are counted",
                 (unsigned long long) work->job.result);
    }

    if (work->job.kind == FKV_JOB_CHECKPOINT && rc == FKV_OK && sim_chance(2))
    {
        sim_copy_open(work->proc->store, work->key, work->lo);
    }

    sim_figures->jobs++;
    sim_work_end(work);
}


static void
job_done(fkv_op_t *op)
{
    job_end(op->data, op->rc);
}


static void
job_start(work_t *work)
{
    int  rc, n;

    work->key = (unsigned) sim_below(SIM_COPIES);
    n = sprintf(work->names[0], "c%u", work->key);

    work->job = (fkv_job_t) {
        .op = { .on_done = job_done, .data = work },
        .store = work->proc->store,
        .kind = FKV_JOB_COUNT
    };

    if (sim_chance(2)) {
        work->job.kind = FKV_JOB_CHECKPOINT;
        work->job.text = (fkv_str_t) { (uint8_t *) work->names[0],
                                       (size_t) n };
    }

    rc = fkv_job(&work->job);

    if (rc != FKV_AGAIN) {
        job_end(work, rc);
    }
}


/* Snapshots are taken and dropped between operations. */
static void
snapshot_turn(fkv_t *store)
{
    snapshot_t  *s = &snapshots[sim_below(SNAPSHOTS)];
    snapshot_t   taken = { .taken = true };
    int          rc;

    if (s->dropping) {
        return;
    }

    if (s->taken) {
        s->dropping = true;
        rc = fkv_snapshot_drop(store, &s->lease);

        if (rc != FKV_OK) {
            sim_fail("a snapshot is dropped: %s", fkv_code_name(rc));
        }

        return;
    }

    rc = fkv_snapshot_take(store, 3600 * 1000, sim_random(), &taken.lease,
                           &taken.lsn);

    if (rc == FKV_OK && !s->taken) {
        *s = taken;

    } else if (rc == FKV_OK) {
        (void) fkv_snapshot_drop(store, &taken.lease);

    } else if (rc != FKV_GONE) {
        sim_fail("a snapshot is taken: %s", fkv_code_name(rc));
    }
}


static snapshot_t *
snapshot_any(void)
{
    snapshot_t  *s = &snapshots[sim_below(SNAPSHOTS)];

    return (s->taken && !s->dropping) ? s : NULL;
}


static work_e
work_any(void)
{
    if (sim_chance(3)) {
        return WORK_GET;
    }

    if (sim_chance(15)) {
        return WORK_SCAN;
    }

    if (sim_chance(100)) {
        return WORK_JOB;
    }

    return (sim_load.uploads_one_in != 0 && sim_chance(sim_load.uploads_one_in))
           ? WORK_UPLOAD : WORK_UPDATE;
}


static void
work_start(sim_proc_t *proc)
{
    work_t  *work = calloc(1, sizeof(*work));

    work->proc = proc;
    work->now_ms = fkv_now_ms(proc->store);
    work->kind = work_any();
    sim_model_time(work->now_ms);
    proc->ops++;

    if ((work->kind == WORK_GET || work->kind == WORK_SCAN) && sim_chance(3)) {
        work->snapshot = snapshot_any();
    }

    work->lo = (work->snapshot != NULL) ? work->snapshot->lsn
                                        : fkv_visible(proc->store);

    switch (work->kind) {
    case WORK_UPDATE:  sim_update_start(work); return;
    case WORK_UPLOAD:  sim_upload_start(work); return;
    case WORK_GET:     sim_get_start(work);    return;
    case WORK_SCAN:    sim_scan_start(work);   return;
    case WORK_JOB:     job_start(work);        return;
    }
}


/* One turn of an event loop. */
void
sim_loop(sim_proc_t *proc, int ms)
{
    fkv_t         *store = proc->store;
    int64_t        timeout;
    uint64_t       count;
    struct pollfd  wake = { .fd = fkv_eventfd(store), .events = POLLIN };

    while (proc->turn) {
        proc->turn = false;
        fkv_turn(store);
    }

    timeout = fkv_timeout_ms(store);

    if (timeout >= 0 && timeout < ms) {
        ms = (int) timeout;
    }

    if (poll(&wake, 1, ms) > 0) {
        (void) !read(wake.fd, &count, sizeof(count));
    }

    fkv_poll(store);
}


void *
sim_worker(void *data)
{
    sim_proc_t  *proc = data;
    char         error[FKV_ERROR_BYTES];
    int          rc;

    rc = fkv_attach(proc->store, FKV_WORKER, &sim_log, sim_on_turn, proc,
                    error);

    if (rc != FKV_OK) {
        sim_allow(rc, "fkv_attach");
        sim_proc_end(proc);
        return NULL;
    }

    while (!proc->stop || proc->ops > 0) {
        while (!proc->stop && proc->ops < sim_load.depth && !sim_chance(4)) {
            work_start(proc);
        }

        if (!proc->stop && sim_chance(50)) {
            snapshot_turn(proc->store);
        }

        sim_loop(proc, (int) sim_below(20));
    }

    fkv_detach(proc->store);
    sim_proc_end(proc);

    return NULL;
}


void *
sim_helper(void *data)
{
    sim_proc_t  *proc = data;
    char         error[FKV_ERROR_BYTES];
    int          rc;

    rc = fkv_attach(proc->store, FKV_HELPER, &sim_log, sim_on_turn, proc,
                    error);

    if (rc != FKV_OK) {
        sim_allow(rc, "fkv_attach");
        sim_proc_end(proc);
        return NULL;
    }

    while (!proc->stop) {
        sim_sleep(fkv_helper(proc->store) * SIM_MS);
    }

    fkv_helper_stop(proc->store);
    fkv_detach(proc->store);
    sim_proc_end(proc);

    return NULL;
}
