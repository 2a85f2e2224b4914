/*
 * job.c - posting a job and waiting for it, and the helper's side of it.
 *
 *   DURABLE --the log is--> POST --entry found--> WAIT --ENDED--> done
 */

#include "store/job.h"

typedef enum {
    JOB_DURABLE,
    JOB_POST,
    JOB_WAIT
} job_state_e;

struct fkv__job_s {
    fkv_link_t        link;             /* of store->jobs */
    fkv__wait_t       wait;
    fkv__job_shm_t   *entry;
};


static uint32_t
entry_state(const fkv__job_shm_t *entry)
{
    return __atomic_load_n(&entry->state, __ATOMIC_ACQUIRE);
}


static bool
entry_move(fkv__job_shm_t *entry, uint32_t from, uint32_t to)
{
    return __atomic_compare_exchange_n(&entry->state, &from, to, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}


static uint32_t
with_state(uint32_t word, fkv__job_state_e state)
{
    return (word & ~0xffu) | state;
}


bool
fkv_checkpoint_name_valid(fkv_str_t name)
{
    if (name.len == 0 || name.len > FKV_CHECKPOINT_NAME_MAX
        || name.data[0] == '.')
    {
        return false;
    }

    for (size_t i = 0; i < name.len; i++) {
        uint8_t  c = name.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')
            && !(c >= '0' && c <= '9') && c != '_' && c != '-' && c != '.')
        {
            return false;
        }
    }

    return true;
}


static int
job_check(const fkv_job_t *job)
{
    switch (job->kind) {

    case FKV_JOB_CHECKPOINT:
        return (job->store->checkpoints >= 0
                && fkv_checkpoint_name_valid(job->text))
               ? FKV_OK : FKV_EINVAL;

    case FKV_JOB_COUNT:
        return (job->text.len <= FKV_COUNT_PREFIX_MAX) ? FKV_OK : FKV_EINVAL;
    }

    return FKV_EINVAL;
}


static fkv__turn_e
job_ends(fkv_job_t *job, int rc)
{
    job->store->in_flight--;
    fkv__list_remove(&job->own->link);
    fkv__free(job->own);
    job->own = NULL;

    return fkv__op_end(&job->op, rc);
}


/* What was acknowledged until now is below this position of the log. */
static fkv__turn_e
job_durable(fkv_job_t *job)
{
    fkv_t        *store = job->store;
    fkv__wait_t  *wait = &job->own->wait;

    if (wait->lsn == 0) {
        wait->op = &job->op;
        wait->what = FKV__WAIT_DURABLE;
        wait->lsn = fkv__commit_advance(store);
    }

    if (fkv__commit_reached(store, wait->what, wait->lsn)) {
        return fkv__op_enter(&job->op, JOB_POST);
    }

    if (__atomic_load_n(&store->seg->state.readonly, __ATOMIC_ACQUIRE)) {
        return job_ends(job, FKV_EREADONLY);
    }

    fkv__commit_wait(store, wait);

    return FKV__TURN_WAIT;
}


static void
entry_fill(fkv__job_shm_t *entry, const fkv_job_t *job)
{
    uint64_t  *posted = &job->store->seg->jobs_posted;

    entry->kind = job->kind;
    entry->tries = 0;
    entry->ns = job->ns;
    entry->text_len = (uint32_t) job->text.len;

    if (job->text.len > 0) {
        memcpy(entry->text, job->text.data, job->text.len);
    }

    entry->number = __atomic_fetch_add(posted, 1, __ATOMIC_RELAXED);
}


static fkv__turn_e
job_post(fkv_job_t *job)
{
    fkv_t     *store = job->store;
    uint32_t   filling = FKV__JOB_OF(FKV__JOB_FILLING, store->slot);

    for (unsigned i = 0; i < FKV__JOBS; i++) {
        fkv__job_shm_t  *entry = &store->seg->jobs[i];

        if (!entry_move(entry, FKV__JOB_FREE, filling)) {
            continue;
        }

        FKV_STEP("job.1");
        entry_fill(entry, job);
        __atomic_store_n(&entry->state, with_state(filling, FKV__JOB_POSTED),
                         __ATOMIC_SEQ_CST);
        FKV_STEP("job.2");

        job->own->entry = entry;
        fkv__wake_helper(store);

        return fkv__op_enter(&job->op, JOB_WAIT);
    }

    return job_ends(job, FKV_EBUSY);
}


/* Looked at whenever the process is woken, and now and then. */
static fkv__turn_e
job_wait(fkv_job_t *job)
{
    int              rc;
    fkv__job_shm_t  *entry = job->own->entry;

    if (FKV__JOB_STATE(entry_state(entry)) != FKV__JOB_ENDED) {
        fkv__retry(job->store, &job->op, false);
        return FKV__TURN_WAIT;
    }

    rc = entry->rc;
    job->result = entry->result;
    __atomic_store_n(&entry->state, FKV__JOB_FREE, __ATOMIC_SEQ_CST);

    /* Never AGAIN, whatever the memory says. */
    return job_ends(job, rc == FKV_AGAIN ? FKV_ECORRUPT : rc);
}


static fkv__turn_e
job_step(fkv_op_t *op)
{
    fkv_job_t  *job = fkv__container(op, fkv_job_t, op);

    switch ((job_state_e) op->state) {
    case JOB_DURABLE:  return job_durable(job);
    case JOB_POST:     return job_post(job);
    case JOB_WAIT:     return job_wait(job);
    }

    fkv__unreachable();
}


int
fkv_job(fkv_job_t *job)
{
    int  rc = job_check(job);

    if (rc != FKV_OK) {
        return rc;
    }

    job->own = fkv__zalloc(sizeof(*job->own));
    if (job->own == NULL) {
        return FKV_ENOMEM;
    }

    job->store->in_flight++;
    fkv__list_append(&job->store->jobs, &job->own->link);

    return fkv__op_start(&job->op, "job", job_step,
                         job->kind == FKV_JOB_CHECKPOINT ? JOB_DURABLE
                                                         : JOB_POST);
}


void
fkv__job_close(fkv_t *store)
{
    while (!fkv__list_empty(&store->jobs)) {
        fkv__job_t  *own = fkv__container(store->jobs.next, fkv__job_t, link);

        fkv__list_remove(&own->link);
        fkv__free(own);
    }
}


bool
fkv__job_posted(const fkv_t *store)
{
    for (unsigned i = 0; i < FKV__JOBS; i++) {
        if (FKV__JOB_STATE(entry_state(&store->seg->jobs[i]))
            == FKV__JOB_POSTED)
        {
            return true;
        }
    }

    return false;
}


static void
entry_end(fkv_t *store, fkv__job_shm_t *entry, int rc, uint64_t result)
{
    uint32_t  word = entry_state(entry);

    entry->rc = rc;
    entry->result = result;
    FKV_STEP("job.4");

    /* Its client may die just now, and the entry become nobody's. */

    while (FKV__JOB_STATE(word) == FKV__JOB_RUNNING) {
        bool      nobody = (word >> 8 == FKV__NOBODY);
        uint32_t  to = nobody ? FKV__JOB_FREE
                              : with_state(word, FKV__JOB_ENDED);

        if (entry_move(entry, word, to)) {
            FKV_STEP("job.5");

            if (!nobody && (word >> 8) - 1 < FKV__SLOTS_MAX) {
                fkv__wake(store, (word >> 8) - 1);
            }

            return;
        }

        word = entry_state(entry);
    }
}


static void
entry_put_back(fkv__job_shm_t *entry)
{
    uint32_t  word = entry_state(entry);

    while (FKV__JOB_STATE(word) == FKV__JOB_RUNNING
           && !entry_move(entry, word,
                          word >> 8 == FKV__NOBODY
                          ? FKV__JOB_FREE
                          : with_state(word, FKV__JOB_POSTED)))
    {
        word = entry_state(entry);
    }
}


void
fkv__job_adopt(fkv_t *store)
{
    for (unsigned i = 0; i < FKV__JOBS; i++) {
        fkv__job_shm_t  *entry = &store->seg->jobs[i];

        if (FKV__JOB_STATE(entry_state(entry)) != FKV__JOB_RUNNING) {
            continue;
        }

        if (entry->tries >= FKV__JOB_TRIES) {
            entry_end(store, entry, FKV_EOWNERDEAD, 0);

        } else {
            entry_put_back(entry);
        }
    }
}


int
fkv__job_take(fkv_t *store, fkv__job_order_t *order)
{
    uint32_t         word, posted = 0;
    fkv__job_shm_t  *first = NULL;

    for (unsigned i = 0; i < FKV__JOBS; i++) {
        fkv__job_shm_t  *entry = &store->seg->jobs[i];

        word = entry_state(entry);

        if (FKV__JOB_STATE(word) == FKV__JOB_POSTED
            && (first == NULL || entry->number < first->number))
        {
            first = entry;
            posted = word;
        }
    }

    if (first == NULL
        || !entry_move(first, posted, with_state(posted, FKV__JOB_RUNNING)))
    {
        return FKV_END;
    }

    first->tries++;
    FKV_STEP("job.3");

    order->entry = (unsigned) (first - store->seg->jobs);
    order->kind = (fkv_job_e) first->kind;
    order->ns = first->ns;
    order->text_len = fkv__min(first->text_len, FKV__JOB_TEXT_MAX);
    memcpy(order->text, first->text, order->text_len);

    return FKV_OK;
}


void
fkv__job_end(fkv_t *store, const fkv__job_order_t *order, int rc,
    uint64_t result)
{
    entry_end(store, &store->seg->jobs[order->entry], rc, result);
}


void
fkv__job_put_back(fkv_t *store, const fkv__job_order_t *order)
{
    fkv__job_shm_t  *entry = &store->seg->jobs[order->entry];

    entry->tries--;
    entry_put_back(entry);
}


void
fkv__job_drop(fkv__segment_shm_t *seg, unsigned slot)
{
    for (unsigned i = 0; i < FKV__JOBS; i++) {
        fkv__job_shm_t  *entry = &seg->jobs[i];
        uint32_t         word = entry_state(entry);

        while (word >> 8 == slot + 1) {
            bool      running = (FKV__JOB_STATE(word) == FKV__JOB_RUNNING);
            uint32_t  to = running ? FKV__JOB_RUNNING : FKV__JOB_FREE;

            if (entry_move(entry, word, to)) {
                break;
            }

            word = entry_state(entry);
        }
    }
}
