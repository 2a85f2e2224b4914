/*
 * verify.c - all that a store holds, read by one process that does nothing
 * else: after a start, and of checkpoints, which are opened as stores of their
 * own.
 */

#define _GNU_SOURCE
#include "sim.h"

#include "store/store.h"

#include <sys/stat.h>

#define PATH_BYTES  40

typedef struct {
    sim_proc_t  *proc;
    const char  *who;
    uint64_t     now_ms;
    bool         done;          /* the operation */
    bool         failed;        /* one has, as it may */
    uint32_t     elements[SIM_ELEMENTS];
} verify_t;

/* A checkpoint of a store that goes on meanwhile. */
static struct {
    bool           busy;
    fkv_options_t  options;
    char           path[PATH_BYTES];
    uint64_t       lo;          /* it holds everything below */
} copy;


static void
verify_done(fkv_op_t *op)
{
    ((verify_t *) op->data)->done = true;
}


/* The end of an operation that answered rc when it was started. */
static int
verify_wait(verify_t *verify, const fkv_op_t *op, int rc, unsigned key)
{
    while (rc == FKV_AGAIN && !verify->done) {
        sim_loop(verify->proc, 100);
    }

    rc = (rc == FKV_AGAIN) ? op->rc : rc;
    verify->done = false;
    sim_progress();

    if (rc != FKV_OK && rc != FKV_NOTFOUND) {
        if (!sim_allowed(rc)) {
            sim_fail("%s: key %u cannot be read: %s", verify->who, key,
                     fkv_code_name(rc));
        }

        verify->failed = true;
    }

    return rc;
}


static int
verify_element(fkv_scan_t *scan, fkv_str_t name, const fkv_value_t *value)
{
    verify_t  *verify = scan->op.data;
    unsigned   i = (unsigned) (name.data[0] - 'a');

    if (i >= SIM_ELEMENTS || value->data.len != sizeof(uint32_t)) {
        sim_fail("%s: an element that nobody wrote", verify->who);
    }

    memcpy(&verify->elements[i], value->data.data, sizeof(uint32_t));

    return FKV_OK;
}


static void
verify_elements(verify_t *verify, unsigned key, uint32_t number,
    uint64_t stamp)
{
    char        name[SIM_KEY_BYTES];
    fkv_scan_t  scan = {
        .op = { .on_done = verify_done, .data = verify },
        .store = verify->proc->store,
        .key = sim_key(key, name),
        .stamp = stamp,
        .now_ms = verify->now_ms,
        .on_entry = verify_element
    };

    memset(verify->elements, 0xff, sizeof(verify->elements));

    if (verify_wait(verify, &scan.op, fkv_scan(&scan), key) == FKV_OK) {
        sim_elements_check(number, verify->elements, verify->who);
    }
}


static void
verify_key(verify_t *verify, unsigned key)
{
    char       name[SIM_KEY_BYTES];
    uint32_t   number = SIM_NEVER;
    uint64_t   stamp = 0;
    int        rc;
    fkv_get_t  get = {
        .op = { .on_done = verify_done, .data = verify },
        .store = verify->proc->store,
        .key = sim_key(key, name),
        .now_ms = verify->now_ms,
        .load_max = SIM_LOAD_MAX
    };

    rc = verify_wait(verify, &get.op, fkv_get(&get), key);

    if (rc == FKV_OK) {
        number = sim_value_check(key, get.value.data, verify->who);
        stamp = get.value.stamp;
    }

    sim_found(key, number, (rc == FKV_OK) ? get.value.version : 0);
    fkv_get_done(&get);

    if (stamp != 0) {
        verify_elements(verify, key, number, stamp);
    }
}


/* False: it could not be read, as may be. */
static bool
verify_all(verify_t *verify, fkv_t *store)
{
    char  error[FKV_ERROR_BYTES];
    int   rc;

    verify->proc->store = store;
    verify->proc->turn = false;
    rc = fkv_attach(store, FKV_WORKER, &sim_log, sim_on_turn, verify->proc,
                    error);

    if (rc != FKV_OK) {
        sim_allow(rc, "fkv_attach");
        return false;
    }

    verify->now_ms = fkv_now_ms(store);

    for (unsigned key = 0; key < SIM_KEYS; key++) {
        verify_key(verify, key);
    }

    fkv_detach(store);

    return !verify->failed;
}


void
sim_verify(fkv_t *store)
{
    verify_t  verify = { .proc = sim_proc(), .who = "start" };

    (void) verify_all(&verify, store);
    sim_recovered_end(verify.now_ms);
}


static bool
copy_read(verify_t *verify)
{
    fkv_t  *store, *twin;
    char    error[FKV_ERROR_BYTES];
    bool    read;
    int     rc = fkv_open(&store, &copy.options, &sim_log, error);

    if (rc != FKV_OK) {
        if (!sim_allowed(rc)) {
            sim_fail("%s does not open: %s", copy.path, error);
        }

        return false;
    }

    fkv_merge_set(store, &sim_merge, NULL);
    twin = sim_fork(store);
    read = verify_all(verify, twin);
    fkv__twin_free(twin);
    fkv_close(store);
    sim_figures->copies++;

    return read;
}


static void
copy_is(const fkv_t *store, unsigned number)
{
    (void) snprintf(copy.path, sizeof(copy.path), "%s/c%u",
                    fkv_options(store)->checkpoints, number);
    copy.options = *fkv_options(store);
    copy.options.path = copy.path;
    copy.options.checkpoints = NULL;
}


static void *
copy_main(void *data)
{
    verify_t  verify = { .proc = data, .who = "checkpoint" };

    if (copy_read(&verify)) {
        sim_copied_end(copy.lo, verify.now_ms);
    }

    copy.busy = false;
    sim_proc_end(verify.proc);

    return NULL;
}


void
sim_copy_open(const fkv_t *store, unsigned number, uint64_t lo)
{
    sim_proc_t  *proc;

    if (copy.busy) {
        return;
    }

    proc = sim_proc_new("copy");
    sim_immortal(proc, true);
    copy_is(store, number);
    copy.busy = true;
    copy.lo = lo;
    (void) sim_spawn(proc, copy_main, proc);
}


bool
sim_copy_busy(void)
{
    return copy.busy;
}


void
sim_copies_begin(void)
{
    copy.busy = false;
}


void
sim_copies_after_start(const fkv_t *store)
{
    struct stat  st;
    verify_t     verify = { .proc = sim_proc(), .who = "old checkpoint" };

    copy_is(store, (unsigned) sim_below(SIM_COPIES));

    if (sim_files_stat(-1, copy.path, &st) == 0) {
        sim_model_other(true);
        (void) copy_read(&verify);
        sim_model_other(false);
    }
}
