/*
 * read.c - what workers read: keys, their elements, large values bit by bit,
 * all keys at once; now and at snapshots.
 */

#include "work.h"


uint64_t
sim_read_hi(const work_t *work)
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

    sim_allow(rc, what);

    return rc < 0;
}


static void
get_check(work_t *work, uint32_t number)
{
    sim_figures->reads++;
    sim_check_read(work->key, number, work->version, work->lo, work->hi,
                   work->now_ms, work->later_ms,
                   work->snapshot != NULL ? "get at a snapshot" : "get");
}


/* A large value, bit by bit; its key may have another one meanwhile. */

static void
blob_end(work_t *work, int rc)
{
    fkv_blob_close(work->blob.blob);

    if (rc == FKV_END) {
        get_check(work, sim_value_check(work->key, (fkv_str_t) {
                                            work->bytes, work->len }, "blob"));
        sim_figures->streams++;

    } else {
        sim_allow(rc, "a large value");
    }

    sim_work_end(work);
}


static void
blob_go(work_t *work, int rc)
{
    fkv_blob_read_t  *read = &work->blob;

    while (rc == FKV_OK) {
        if (work->len + read->piece.len > SIM_VALUE_MAX) {
            sim_fail("a large value has more than %d bytes", SIM_VALUE_MAX);
        }

        sim_dawdle();

        if (read->piece.len > 0) {
            memcpy(work->bytes + work->len, read->piece.data, read->piece.len);
            work->len += read->piece.len;
        }

        rc = fkv_blob_read(read);
    }

    if (sim_chance(20) && rc == FKV_AGAIN) {
        blob_end(work, FKV_OK);         /* he has seen enough */

    } else if (rc != FKV_AGAIN) {
        blob_end(work, rc);
    }
}


static void
blob_done(fkv_op_t *op)
{
    blob_go(op->data, op->rc);
}


static void
blob_start(work_t *work, fkv_blob_t *blob, uint64_t size)
{
    work->bytes = malloc(SIM_VALUE_MAX);
    work->blob = (fkv_blob_read_t) {
        .op = { .on_done = blob_done, .data = work },
        .blob = blob,
        .to = size
    };

    blob_go(work, FKV_OK);
}


/* The elements of the key at the snapshot at which it was read. */

static int
elements_entry(fkv_scan_t *scan, fkv_str_t name, const fkv_value_t *value)
{
    work_t   *work = scan->op.data;
    unsigned  i = (unsigned) (name.data[0] - 'a');

    if (name.len != 1 || i >= SIM_ELEMENTS
        || value->data.len != sizeof(uint32_t))
    {
        sim_fail("key %u has an element that nobody wrote", work->key);
    }

    sim_dawdle();
    memcpy(&work->found[i], value->data.data, sizeof(uint32_t));

    return FKV_OK;
}


static void
elements_end(work_t *work, int rc)
{
    if (!read_failed(work, rc, "a scan of elements")) {
        sim_elements_check(work->numbers[0], work->found, "elements");
    }

    sim_work_end(work);
}


static void
elements_done(fkv_op_t *op)
{
    elements_end(op->data, op->rc);
}


static void
elements_start(work_t *work, uint64_t stamp)
{
    int  rc;

    for (unsigned i = 0; i < SIM_ELEMENTS; i++) {
        work->found[i] = SIM_NEVER;
    }

    work->scan = (fkv_scan_t) {
        .op = { .on_done = elements_done, .data = work },
        .store = work->proc->store,
        .key = sim_key(work->key, work->names[0]),
        .stamp = stamp,
        .now_ms = work->now_ms,
        .snapshot = work->snapshot->lsn,
        .lease = work->snapshot->lease,
        .on_entry = elements_entry
    };

    rc = fkv_scan(&work->scan);

    if (rc != FKV_AGAIN) {
        elements_end(work, rc);
    }
}


/* Keys. */

static void
get_found(work_t *work, fkv_get_t *get)
{
    fkv_blob_t  *blob = get->value.blob;
    uint64_t     size = get->value.size, stamp = get->value.stamp;

    work->version = get->value.version;

    if (blob != NULL) {
        get->value.blob = NULL;
        fkv_get_done(get);
        blob_start(work, blob, size);
        return;
    }

    sim_dawdle();
    work->numbers[0] = sim_value_check(work->key, get->value.data, "get");
    fkv_get_done(get);
    get_check(work, work->numbers[0]);

    if (stamp != sim_write(work->numbers[0])->stamp) {
        sim_fail("key %u: write %u has another stamp", work->key,
                 work->numbers[0]);
    }

    if (stamp != 0 && work->snapshot != NULL) {
        elements_start(work, stamp);

    } else {
        sim_work_end(work);
    }
}


static void
get_end(work_t *work, int rc)
{
    work->hi = sim_read_hi(work);
    work->later_ms = fkv_now_ms(work->proc->store);

    if (rc == FKV_OK) {
        get_found(work, &work->get);
        return;
    }

    if (!read_failed(work, rc, "a get")) {
        get_check(work, SIM_NEVER);
    }

    fkv_get_done(&work->get);
    sim_work_end(work);
}


static void
get_done(fkv_op_t *op)
{
    get_end(op->data, op->rc);
}


void
sim_get_start(work_t *work)
{
    int  rc;

    work->key = (unsigned) sim_below(sim_load.keys);
    work->get = (fkv_get_t) {
        .op = { .on_done = get_done, .data = work },
        .store = work->proc->store,
        .key = sim_key(work->key, work->names[0]),
        .now_ms = work->now_ms,
        .load_max = (!sim_key_merges(work->key) && sim_chance(2))
                    ? 0 : SIM_LOAD_MAX
    };

    if (work->snapshot != NULL) {
        work->get.snapshot = work->snapshot->lsn;
        work->get.lease = work->snapshot->lease;
    }

    rc = fkv_get(&work->get);

    if (rc != FKV_AGAIN) {
        get_end(work, rc);
    }
}


/* All keys. */

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

    sim_dawdle();
    work->found[key] = sim_value_check((unsigned) key, value->data, "scan");
    work->versions[key] = value->version;

    return FKV_OK;
}


static void
scan_end(work_t *work, int rc)
{
    uint64_t  hi = sim_read_hi(work);
    uint64_t  later = fkv_now_ms(work->proc->store);

    if (!read_failed(work, rc, "a scan")) {
        sim_figures->reads++;

        for (unsigned key = 0; key < SIM_KEYS; key++) {
            sim_check_read(key, work->found[key], work->versions[key],
                           work->lo, hi, work->now_ms, later, "scan");
        }
    }

    sim_work_end(work);
}


static void
scan_done(fkv_op_t *op)
{
    scan_end(op->data, op->rc);
}


void
sim_scan_start(work_t *work)
{
    int  rc;

    for (unsigned key = 0; key < SIM_KEYS; key++) {
        work->found[key] = SIM_NEVER;
    }

    work->scan = (fkv_scan_t) {
        .op = { .on_done = scan_done, .data = work },
        .store = work->proc->store,
        .now_ms = work->now_ms,
        .load_max = SIM_LOAD_MAX,
        .on_entry = scan_entry
    };

    if (work->snapshot != NULL) {
        work->scan.snapshot = work->snapshot->lsn;
        work->scan.lease = work->snapshot->lease;
    }

    rc = fkv_scan(&work->scan);

    if (rc != FKV_AGAIN) {
        scan_end(work, rc);
    }
}
