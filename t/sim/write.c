/*
 * write.c - what workers write: puts and deletes, operands, elements, ranges,
 * and large values that come bit by bit.
 */

#include "work.h"

static uint32_t  updates;


/* Updates. */

static void
update_fate(uint32_t number, sim_fate_e fate, uint64_t version, bool durable)
{
    sim_write_t  *w = sim_write(number);

    if (fate != SIM_ACKED) {
        w->fate = fate;
        return;
    }

    sim_version_is(number, version, "an answer");
    w->fate = SIM_ACKED;
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
        sim_allow(rc, "an update");
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

    fkv_upload_close(&work->upload);
    sim_work_end(work);
}


static void
update_done(fkv_op_t *op)
{
    work_t  *work = op->data;

    update_end(work, op->rc);
}


/* What elements there are when this has been written. */
static void
elements_follow(const work_t *work, fkv_change_t *change, sim_write_t *w,
    const sim_write_t *before)
{
    bool  keeps = work->keeps && before != NULL && before->stamp != 0;

    change->stamp = keeps ? before->stamp : work->stamp;
    w->stamp = change->stamp;

    for (unsigned i = 0; i < SIM_ELEMENTS; i++) {
        w->elements[i] = keeps ? before->elements[i] : SIM_NEVER;
    }

    for (unsigned i = 0; i < change->elements_n; i++) {
        const fkv_element_t  *element = &change->elements[i];

        w->elements[element->name.data[0] - 'a']
            = element->gone ? SIM_NEVER : (uint32_t) (w - sim_write(0));
    }
}


/* The write that decide() sees, or NULL. */
static const sim_write_t *
decide_current(const fkv_change_t *change, sim_write_t *w)
{
    sim_write_t  *before;
    uint32_t      number;

    w->made_of = true;
    w->seen = 0;

    if (!change->exists) {
        return NULL;
    }

    w->seen = change->current.version;

    if (change->current.data.data == NULL) {
        return NULL;
    }

    number = sim_value_check(w->key, change->current.data, "decide");
    before = sim_write(number);

    if (before->fate == SIM_GONE && !sim_misdirected()) {
        sim_fail("decide: key %u: write %u is back", w->key, number);
    }

    if (before->version == 0) {
        sim_version_is(number, change->current.version, "decide");
    }

    if (before->stamp != change->current.stamp) {
        sim_fail("decide: key %u: write %u has another stamp", w->key, number);
    }

    return before;
}


/* It depends on nothing but what it sees. */
static int
decide(fkv_update_t *u)
{
    work_t  *work = u->op.data;
    bool     refused = false;

    for (unsigned i = 0; i < work->n; i++) {
        fkv_change_t       *change = &work->changes[i];
        sim_write_t        *w;
        const sim_write_t  *before;

        if (change->blind) {
            continue;
        }

        sim_dawdle();
        w = sim_write(work->numbers[i]);
        before = decide_current(change, w);
        refused |= work->refuses && before != NULL
                   && (before - sim_write(0)) % 2 == 0;

        if (change->elements != NULL) {
            elements_follow(work, change, w, before);
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


/* Of some elements; their order is that of their names. */
static void
elements_add(work_t *work, fkv_change_t *change, uint32_t number)
{
    static const uint8_t  names[] = "abcdefgh";

    change->elements = work->elements;
    work->keeps = !sim_chance(8);
    work->stamp = 1 + (sim_random() >> 2);

    for (unsigned i = 0; i < SIM_ELEMENTS; i++) {
        if (sim_chance(3)) {
            work->elements[change->elements_n++] = (fkv_element_t) {
                .name = { (uint8_t *) names + i, 1 },
                .value = { work->values[work->n], sizeof(number) },
                .gone = sim_chance(4)
            };
        }
    }
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

    if (sim_key_merges(key) && change->blind && !sim_chance(4)) {
        change->action = FKV_MERGE;
        change->type = SIM_OPERATOR;
    }

    if (change->action == FKV_PUT && !sim_key_owns(key)
        && !sim_key_merges(key) && sim_chance(6))
    {
        change->expire_at = work->now_ms + 1 + sim_below(3000);
    }

    number = sim_write_new(key, update, change->action, change->expire_at,
                           change->action == FKV_MERGE ? SIM_OPERAND_BYTES
                                                       : value_len());
    sim_write(number)->at_ms = work->now_ms;

    if (change->action != FKV_DELETE) {
        work->values[work->n] = malloc(sim_write(number)->len);
        change->value = sim_value(number, work->values[work->n]);
    }

    if (change->action == FKV_PUT && !change->blind && sim_key_owns(key)
        && work->stamp == 0)
    {
        elements_add(work, change, number);
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
            work->ranges[work->ranges_n++] = sim_write_new(key, update,
                                                           FKV_DELETE, 0, 0);
        }
    }
}


static void
update_init(work_t *work)
{
    work->update = (fkv_update_t) {
        .op = { .on_done = update_done, .data = work },
        .store = work->proc->store,
        .now_ms = work->now_ms,
        .sync = sim_chance(4) ? (fkv_sync_e) sim_below(4) : FKV_SYNC_DEFAULT,
        .changes = work->changes,
        .n = work->n,
        .decide = decide
    };
}


static void
update_go(work_t *work)
{
    int  rc = fkv_update(&work->update);

    if (rc != FKV_AGAIN) {
        update_end(work, rc);
    }
}


void
sim_update_start(work_t *work)
{
    uint32_t  update = ++updates;
    unsigned  n = sim_chance(3) ? 1 + (unsigned) sim_below(CHANGES_MAX) : 1;
    bool      range = sim_chance(60);

    if (range) {
        range_add(work, update);

    } else {
        while (work->n == 0 || n > 1) {
            change_add(work, update);
            n--;
        }

        work->refuses = sim_chance(6);
    }

    update_init(work);

    if (range) {
        work->update.decide = NULL;
    }

    update_go(work);
}


/* Large values that come bit by bit. */

static void
upload_over(work_t *work)
{
    sim_write(work->numbers[0])->fate = SIM_GONE;
    fkv_upload_close(&work->upload);
    sim_work_end(work);
}


/*
 * The next bytes, until all are there; or it is given up, also in the middle of
 * a call, whose end nobody is told of then.
 */
static void
upload_go(work_t *work, int rc)
{
    fkv_upload_t  *upload = &work->upload;

    while (rc == FKV_OK && work->uploaded < upload->size) {
        uint64_t  left = upload->size - work->uploaded;

        if (sim_chance(30)) {
            upload_over(work);
            return;
        }

        upload->data = (fkv_str_t) {
            work->values[0] + work->uploaded,
            sim_chance(3) ? left : 1 + sim_below(left)
        };

        work->uploaded += upload->data.len;
        rc = fkv_upload(upload);
    }

    if (rc == FKV_AGAIN) {
        if (sim_chance(30)) {
            upload_over(work);
        }

        return;
    }

    if (rc != FKV_OK) {
        if (rc != FKV_EBUSY) {
            sim_allow(rc, "an upload");
        }

        upload_over(work);
        return;
    }

    sim_figures->uploads++;
    update_init(work);
    update_go(work);
}


static void
upload_done(fkv_op_t *op)
{
    upload_go(op->data, op->rc);
}


void
sim_upload_start(work_t *work)
{
    fkv_change_t  *change = &work->changes[0];
    uint64_t       least = fkv_options(work->proc->store)->blob_min;
    unsigned       key = (unsigned) sim_below(sim_load.keys);
    uint32_t       number = sim_write_new(key, ++updates, FKV_PUT, 0,
                                          (uint32_t) (least + sim_below(
                                              SIM_VALUE_MAX - least)));

    work->values[0] = malloc(sim_write(number)->len);
    work->numbers[0] = number;
    work->n = 1;

    work->upload = (fkv_upload_t) {
        .op = { .on_done = upload_done, .data = work },
        .store = work->proc->store,
        .key = sim_key(key, work->names[0]),
        .size = sim_value(number, work->values[0]).len,
        .now_ms = work->now_ms
    };

    *change = (fkv_change_t) {
        .key = work->upload.key,
        .blind = sim_chance(2),
        .action = FKV_PUT,
        .value = { NULL, work->upload.size },
        .upload = &work->upload
    };

    upload_go(work, FKV_OK);
}
