/*
 * work.c - what workers ask for, one operation beside the other, and what
 * comes of it.
 */

#define _GNU_SOURCE
#include "sim.h"

#include "store/store.h"

#include <poll.h>
#include <unistd.h>

#define CHANGES_MAX  4
#define SNAPSHOTS    4

typedef enum {
    WORK_UPDATE,
    WORK_GET,
    WORK_SCAN,
    WORK_JOB
} work_e;

/* A lease that everybody may read at. */
typedef struct {
    bool         taken;
    bool         dropping;
    fkv_lease_t  lease;
    uint64_t     lsn;
} snapshot_t;

typedef struct {
    work_e         kind;
    sim_proc_t    *proc;
    uint64_t       lo;              /* visible when it began */
    uint64_t       now_ms;
    snapshot_t    *snapshot;        /* read at; NULL: now */
    unsigned       key;             /* of WORK_GET */

    union {
        fkv_update_t  update;
        fkv_get_t     get;
        fkv_scan_t    scan;
        fkv_job_t     job;
    };

    unsigned       n;
    bool           refuses;         /* decide() may answer no */
    fkv_change_t   changes[CHANGES_MAX];
    uint32_t       numbers[CHANGES_MAX];
    char           names[CHANGES_MAX][SIM_KEY_BYTES];
    uint8_t       *values[CHANGES_MAX];

    uint32_t       ranges[SIM_KEYS];    /* of a range delete: its writes */
    unsigned       ranges_n;

    uint32_t       found[SIM_KEYS];
    uint64_t       versions[SIM_KEYS];
} work_t;

sim_load_t  sim_load;
bool        sim_strict;

static snapshot_t  snapshots[SNAPSHOTS];
static uint32_t    updates;


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


static void
on_turn(void *data)
{
    ((sim_proc_t *) data)->turn = true;
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

    return rc >= 0 || ((rc == FKV_EIO || rc == FKV_EREADONLY
                        || rc == FKV_EFULL)
                       && (!sim_strict || sim_misdirected()));
}


static void
allow(int rc, const char *what)
{
    if (!sim_allowed(rc)) {
        sim_fail("%s answers %s", what, fkv_code_name(rc));
    }
}


/*
 * Who has a value from the engine is stopped before he looks at it: what he
 * was given must stay as it is.
 */
static void
dawdle(void)
{
    if (sim_chance(sim_load.dawdles_one_in)) {
        sim_sleep(sim_below(4 * SIM_SECOND));
    }
}


static void
work_end(work_t *work)
{
    work->proc->ops--;
    sim_progress();

    for (unsigned i = 0; i < CHANGES_MAX; i++) {
        free(work->values[i]);
    }

    free(work);
}


/* Updates. */

static void
update_fate(uint32_t number, sim_fate_e fate, uint64_t version, bool durable)
{
    sim_write_t  *w = sim_write(number);

    if (fate != SIM_ACKED) {
        w->fate = fate;
        return;
    }

    if (w->version != 0 && w->version != version && !sim_misdirected()) {
        sim_fail("write %u of key %u is said to have version %llu, but was "
                 "read with %llu", number, w->key,
                 (unsigned long long) version,
                 (unsigned long long) w->version);
    }

    w->fate = SIM_ACKED;
    w->version = version;
    w->durable = durable;
    sim_figures->acked++;
}


static void
update_end(work_t *work, int rc)
{
    const fkv_update_t  *u = &work->update;
    fkv_sync_e           sync = (u->sync != FKV_SYNC_DEFAULT) ? u->sync
                                                              : sim_load.sync;
    bool                 durable = (sync == FKV_SYNC_ALWAYS);
    sim_fate_e           fate;

    if (rc != FKV_CONFLICT && rc != FKV_PRECONDITION) {
        allow(rc, "an update");
    }

    /* What waited for a log that failed may be there. */
    fate = (rc == FKV_OK) ? SIM_ACKED
           : (rc == FKV_EIO || rc == FKV_EREADONLY || rc == FKV_ECORRUPT)
           ? SIM_MAYBE : SIM_GONE;

    for (unsigned i = 0; i < work->n; i++) {
        const fkv_change_t  *change = &work->changes[i];

        if (work->numbers[i] == SIM_NEVER) {
            continue;
        }

        /* A delete of nothing writes nothing. */
        if (rc == FKV_OK && change->version == 0) {
            update_fate(work->numbers[i], SIM_GONE, 0, false);

        } else {
            update_fate(work->numbers[i], fate, change->version, durable);
        }
    }

    for (unsigned i = 0; i < work->ranges_n; i++) {
        update_fate(work->ranges[i], fate, work->changes[0].version, durable);
    }

    work_end(work);
}


static void
update_done(fkv_op_t *op)
{
    work_t  *work = op->data;

    update_end(work, op->rc);
}


/* It depends on nothing but what it sees. */
static int
decide(fkv_update_t *u)
{
    work_t  *work = u->op.data;
    bool     refused = false;

    for (unsigned i = 0; i < work->n; i++) {
        fkv_change_t  *change = &work->changes[i];
        sim_write_t   *w = sim_write(work->numbers[i]);
        unsigned       key = w->key;

        if (change->blind) {
            continue;
        }

        w->made_of = true;
        w->seen = 0;

        if (change->exists) {
            uint32_t  number;

            w->seen = change->current.version;

            if (change->current.data.data == NULL) {
                continue;
            }

            dawdle();
            number = sim_value_check(key, change->current.data, "decide");

            if (sim_write(number)->fate == SIM_GONE && !sim_misdirected()) {
                sim_fail("decide: key %u: write %u is back", key, number);
            }

            if (sim_write(number)->version == 0) {
                sim_write(number)->version = change->current.version;
            }

            refused |= work->refuses && number % 2 == 0;
        }
    }

    return refused ? FKV_PRECONDITION : FKV_OK;
}


static uint32_t
value_len(void)
{
    uint32_t  scale = sim_load.value_scale;

    return 4 + (uint32_t) (sim_chance(4) ? sim_below(scale)
                                         : sim_below(scale / 8 + 1));
}


static bool
work_has_key(const work_t *work, unsigned key)
{
    for (unsigned i = 0; i < work->n; i++) {
        if (sim_write(work->numbers[i])->key == key) {
            return true;
        }
    }

    return false;
}


static void
change_add(work_t *work, uint32_t update)
{
    unsigned       key = (unsigned) sim_below(sim_load.keys);
    fkv_change_t  *change = &work->changes[work->n];
    uint32_t       number;

    if (work_has_key(work, key)) {
        return;
    }

    change->key = sim_key(key, work->names[work->n]);
    change->blind = !sim_chance(3);
    change->action = sim_chance(5) ? FKV_DELETE : FKV_PUT;

    if (change->action == FKV_PUT && sim_chance(6)) {
        change->expire_at = work->now_ms + 1 + sim_below(3000);
    }

    number = sim_write_new(key, update, change->action == FKV_DELETE,
                           change->expire_at, value_len());

    if (change->action == FKV_PUT) {
        work->values[work->n] = malloc(sim_write(number)->len);
        change->value = sim_value(number, work->values[work->n]);
    }

    work->numbers[work->n++] = number;
}


/* Everything that begins so goes. */
static void
range_add(work_t *work, uint32_t update)
{
    fkv_change_t  *change = &work->changes[0];
    size_t         len = sim_below(3) + (sim_chance(3) ? 4 : 0);
    fkv_str_t      prefix;
    char           name[SIM_KEY_BYTES];

    prefix = sim_key((unsigned) sim_below(sim_load.keys), work->names[0]);
    change->prefix = true;
    change->blind = true;
    change->action = FKV_DELETE;
    change->key = (fkv_str_t) { prefix.data, len };
    work->numbers[0] = SIM_NEVER;
    work->n = 1;

    for (unsigned key = 0; key < SIM_KEYS; key++) {
        fkv_str_t  other = sim_key(key, name);

        if (other.len >= len && memcmp(other.data, change->key.data, len) == 0)
        {
            work->ranges[work->ranges_n++] = sim_write_new(key, update, true,
                                                           0, 0);
        }
    }
}


static int
update_start(work_t *work)
{
    fkv_update_t  *u = &work->update;
    uint32_t       update = ++updates;
    unsigned       n = sim_chance(3) ? 1 + (unsigned) sim_below(CHANGES_MAX)
                                     : 1;

    *u = (fkv_update_t) {
        .op = { .on_done = update_done, .data = work },
        .store = work->proc->store,
        .now_ms = work->now_ms,
        .sync = sim_chance(4) ? (fkv_sync_e) sim_below(4) : FKV_SYNC_DEFAULT,
        .changes = work->changes
    };

    if (sim_chance(60)) {
        range_add(work, update);

    } else {
        while (work->n == 0 || n > 1) {
            change_add(work, update);
            n--;
        }

        u->decide = decide;
        work->refuses = sim_chance(6);
    }

    u->n = work->n;

    return fkv_update(u);
}


/* Reads. */

static uint64_t
read_hi(const work_t *work)
{
    return (work->snapshot != NULL) ? work->snapshot->lsn
                                    : fkv_visible(work->proc->store);
}


/* True if there is nothing to be checked. */
static bool
read_failed(const work_t *work, int rc, const char *what)
{
    if (rc == FKV_GONE && work->snapshot != NULL && work->snapshot->dropping) {
        return true;
    }

    if (rc > 0 && rc != FKV_NOTFOUND) {
        sim_fail("%s answers %s", what, fkv_code_name(rc));
    }

    allow(rc, what);

    return rc < 0;
}


static void
get_end(work_t *work, int rc)
{
    fkv_get_t  *get = &work->get;
    uint32_t    number = SIM_NEVER;

    if (!read_failed(work, rc, "a get")) {
        if (rc == FKV_OK) {
            dawdle();
            number = sim_value_check(work->key, get->value.data, "get");
        }

        sim_figures->reads++;
        sim_check_read(work->key, number, get->value.version, work->lo,
                       read_hi(work), work->now_ms,
                       fkv_now_ms(work->proc->store),
                       work->snapshot != NULL ? "get at a snapshot" : "get");
    }

    fkv_get_done(get);
    work_end(work);
}


static void
get_done(fkv_op_t *op)
{
    get_end(op->data, op->rc);
}


static int
get_start(work_t *work)
{
    work->key = (unsigned) sim_below(sim_load.keys);
    work->get = (fkv_get_t) {
        .op = { .on_done = get_done, .data = work },
        .store = work->proc->store,
        .key = sim_key(work->key, work->names[0]),
        .now_ms = work->now_ms,
        .load_max = SIM_VALUE_MAX
    };

    if (work->snapshot != NULL) {
        work->get.snapshot = work->snapshot->lsn;
        work->get.lease = work->snapshot->lease;
    }

    return fkv_get(&work->get);
}


static int
scan_entry(fkv_scan_t *scan, fkv_str_t name, const fkv_value_t *value)
{
    work_t  *work = scan->op.data;
    int      key = sim_key_of(name);

    if (key < 0) {
        sim_fail("a scan meets a key that nobody wrote: %.*s", (int) name.len,
                 name.data);
    }

    if (work->found[key] != SIM_NEVER) {
        sim_fail("a scan meets key %d twice", key);
    }

    dawdle();
    work->found[key] = sim_value_check((unsigned) key, value->data, "scan");
    work->versions[key] = value->version;

    return FKV_OK;
}


static void
scan_end(work_t *work, int rc)
{
    uint64_t  hi = read_hi(work);
    uint64_t  later = fkv_now_ms(work->proc->store);

    if (!read_failed(work, rc, "a scan")) {
        sim_figures->reads++;

        for (unsigned key = 0; key < SIM_KEYS; key++) {
            sim_check_read(key, work->found[key], work->versions[key],
                           work->lo, hi, work->now_ms, later, "scan");
        }
    }

    work_end(work);
}


static void
scan_done(fkv_op_t *op)
{
    scan_end(op->data, op->rc);
}


static int
scan_start(work_t *work)
{
    for (unsigned key = 0; key < SIM_KEYS; key++) {
        work->found[key] = SIM_NEVER;
    }

    work->scan = (fkv_scan_t) {
        .op = { .on_done = scan_done, .data = work },
        .store = work->proc->store,
        .now_ms = work->now_ms,
        .load_max = SIM_VALUE_MAX,
        .on_entry = scan_entry
    };

    if (work->snapshot != NULL) {
        work->scan.snapshot = work->snapshot->lsn;
        work->scan.lease = work->snapshot->lease;
    }

    return fkv_scan(&work->scan);
}


/* Jobs of the helper, which may die at them. */

static void
job_end(work_t *work, int rc)
{
    if (rc != FKV_EBUSY && rc != FKV_EOWNERDEAD && rc != FKV_EXISTS) {
        allow(rc, "a job");
    }

    if (work->job.kind == FKV_JOB_COUNT && rc == FKV_OK
        && work->job.result > SIM_KEYS)
    {
        sim_fail("%llu keys are counted",
                 (unsigned long long) work->job.result);
    }

    sim_figures->jobs++;
    work_end(work);
}


static void
job_done(fkv_op_t *op)
{
    job_end(op->data, op->rc);
}


static int
job_start(work_t *work)
{
    int  n = sprintf(work->names[0], "c%u", (unsigned) sim_below(6));

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

    return fkv_job(&work->job);
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


static void
work_start(sim_proc_t *proc)
{
    work_t  *work = calloc(1, sizeof(*work));
    int      rc;

    work->proc = proc;
    work->now_ms = fkv_now_ms(proc->store);
    work->kind = sim_chance(3) ? WORK_GET
                 : sim_chance(15) ? WORK_SCAN
                 : sim_chance(100) ? WORK_JOB : WORK_UPDATE;
    sim_model_time(work->now_ms);
    proc->ops++;

    if ((work->kind == WORK_GET || work->kind == WORK_SCAN) && sim_chance(3)) {
        work->snapshot = snapshot_any();
    }

    work->lo = (work->snapshot != NULL) ? work->snapshot->lsn
                                        : fkv_visible(proc->store);

    switch (work->kind) {

    case WORK_UPDATE:
        rc = update_start(work);

        if (rc != FKV_AGAIN) {
            update_end(work, rc);
        }

        return;

    case WORK_GET:
        rc = get_start(work);

        if (rc != FKV_AGAIN) {
            get_end(work, rc);
        }

        return;

    case WORK_SCAN:
        rc = scan_start(work);

        if (rc != FKV_AGAIN) {
            scan_end(work, rc);
        }

        return;

    case WORK_JOB:
        rc = job_start(work);

        if (rc != FKV_AGAIN) {
            job_end(work, rc);
        }

        return;
    }
}


/* One turn of an event loop. */
static void
loop(sim_proc_t *proc, int ms)
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

    rc = fkv_attach(proc->store, FKV_WORKER, &sim_log, on_turn, proc, error);

    if (rc != FKV_OK) {
        allow(rc, "fkv_attach");
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

        loop(proc, (int) sim_below(20));
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

    rc = fkv_attach(proc->store, FKV_HELPER, &sim_log, on_turn, proc, error);

    if (rc != FKV_OK) {
        allow(rc, "fkv_attach");
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


/* After a start. */

static void
verify_done(fkv_op_t *op)
{
    *(bool *) op->data = true;
}


static void
verify_key(sim_proc_t *proc, unsigned key, uint64_t now_ms)
{
    bool       done = false;
    char       name[SIM_KEY_BYTES];
    uint32_t   number = SIM_NEVER;
    int        rc;
    fkv_get_t  get = {
        .op = { .on_done = verify_done, .data = &done },
        .store = proc->store,
        .key = sim_key(key, name),
        .now_ms = now_ms,
        .load_max = SIM_VALUE_MAX
    };

    rc = fkv_get(&get);

    if (rc == FKV_AGAIN) {
        while (!done) {
            loop(proc, 100);
        }

        rc = get.op.rc;
    }

    if (rc != FKV_OK && rc != FKV_NOTFOUND && !sim_misdirected()) {
        sim_fail("after a start key %u cannot be read: %s", key,
                 fkv_code_name(rc));
    }

    if (rc == FKV_OK) {
        number = sim_value_check(key, get.value.data, "start");
    }

    sim_recovered(key, number, (rc == FKV_OK) ? get.value.version : 0);
    fkv_get_done(&get);
    sim_progress();
}


void
sim_verify(fkv_t *store)
{
    sim_proc_t  *proc = sim_proc();
    char         error[FKV_ERROR_BYTES];
    uint64_t     now_ms;

    proc->store = store;
    proc->turn = false;

    if (fkv_attach(store, FKV_WORKER, &sim_log, on_turn, proc, error)
        != FKV_OK)
    {
        sim_fail("attach: %s", error);
    }

    now_ms = fkv_now_ms(store);

    for (unsigned key = 0; key < SIM_KEYS; key++) {
        verify_key(proc, key, now_ms);
    }

    sim_recovered_end(now_ms);
    fkv_detach(store);
}
