/*
 * exec.c - the life of an execution; its picture is in own.h.
 */

#include "commands/exec.h"
#include "commands/count.h"
#include "commands/own.h"
#include "commands/read.h"
#include "commands/rows.h"
#include "commands/run.h"
#include "commands/server.h"
#include "commands/wait.h"
#include "commands/write.h"

#include <sys/random.h>
#include <unistd.h>

typedef enum {
    EXEC_READ,
    EXEC_RUN,
    EXEC_UPDATE,
    EXEC_UPDATED,
    EXEC_RESUMED,
    EXEC_ANSWERED
} exec_state_e;

#define TRIES_MAX          100
#define SPARES_MAX         256
#define SPARE_REPLY_BYTES  (64 * 1024)

/* Of this process, whose commands all run in one thread. */
static struct {
    fkv_link_t  owns;
    unsigned    n;
    bool        init;
    uint64_t    random;
} spares;


/* Steele, Lea, Flood, "Fast splittable pseudorandom number generators". */
static uint64_t
random_next(void)
{
    uint64_t  n = spares.random += 0x9e3779b97f4a7c15;

    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
    n = (n ^ n >> 27) * 0x94d049bb133111eb;

    return n ^ n >> 31;
}


/*
 * No two processes, of this start or another, may have the same: stamps that
 * are drawn from it must not come again.
 */
static void
random_seed(const fkv__exec_t *own)
{
    if (getrandom(&spares.random, sizeof(spares.random), 0)
        != sizeof(spares.random) || spares.random == 0)
    {
        spares.random = own->txn.now_ms ^ (uintptr_t) own
                        ^ (uint64_t) getpid() << 32;
    }
}


static fkv__exec_t *
own_new(void)
{
    fkv__exec_t  *own;

    if (!spares.init) {
        fkv__list_init(&spares.owns);
        spares.init = true;
    }

    if (!fkv__list_empty(&spares.owns)) {
        own = fkv__container(spares.owns.prev, fkv__exec_t, link);
        fkv__list_remove(&own->link);
        spares.n--;
        return own;
    }

    own = fkv__zalloc(sizeof(*own));

    if (own != NULL) {
        own->reads = &own->one_read;
        own->reads_room = 1;
        own->changes = &own->one_change;
        own->changes_room = 1;
        fkv__read_init(own, &own->one_read);
        fkv__write_init(own);
    }

    return own;
}


static void
own_free(fkv__exec_t *own)
{
    if (own->reads != &own->one_read) {
        fkv__free(own->reads);
    }

    if (own->changes != &own->one_change) {
        fkv__free(own->changes);
    }

    fkv__buf_done(&own->spare);
    fkv_reply_done(&own->each);
    fkv__txn_done(&own->txn);
    fkv__free(own);
}


/* What it holds of ordinary size is used again. */
static void
own_spare(fkv__exec_t *own)
{
    fkv__txn_end(&own->txn);

    if (own->spare.cap > SPARE_REPLY_BYTES) {
        fkv__buf_done(&own->spare);
    }

    if (own->each.bytes.cap > SPARE_REPLY_BYTES) {
        fkv_reply_done(&own->each);
    }

    if (spares.n == SPARES_MAX) {
        own_free(own);
        return;
    }

    fkv__list_append(&spares.owns, &own->link);
    spares.n++;
}


void
fkv__own_placed(fkv__exec_t *own, uint64_t lsn)
{
    fkv_exec_t  *exec = own->exec;

    if (exec == NULL || exec->placed) {
        return;
    }

    exec->placed = true;
    exec->lsn = lsn;

    if (own->op.started && exec->on_placed != NULL) {
        exec->on_placed(exec);
    }
}


static fkv__turn_e
exec_end(fkv__exec_t *own)
{
    fkv__wait_drop(own);                /* a run may have asked in vain */
    fkv__read_settle(own, false);
    fkv__looks_done(&own->txn);
    fkv__rows_done(&own->txn);
    fkv__own_placed(own, own->seen);

    if (own->exec != NULL) {
        fkv__count_end(own);
    }

    return fkv__op_end(&own->op, FKV_OK);
}


static fkv__turn_e
exec_failed(fkv__exec_t *own, int rc)
{
    fkv_reply_t  *reply = &own->exec->reply;

    fkv_str_t     said = fkv_refusal(own->store);

    reply->rc = FKV_OK;
    fkv__run_failed(reply, fkv__run_why(own, rc));

    if (rc == FKV_EDENIED && said.len > 0) {
        fkv_reply_cut(reply, 0);
        fkv_reply_error(reply, "NOPERM %.*s", (int) said.len, said.data);
    }

    return exec_end(own);
}


/* Nothing is told that could be lost yet. */
static fkv__turn_e
exec_answer(fkv__exec_t *own)
{
    own->op.state = EXEC_ANSWERED;
    own->exec->ns = own->call.ns;

    if (own->seen == 0 || own->seen <= fkv_visible(own->store)) {
        return exec_end(own);
    }

    fkv__read_settle(own, false);
    fkv__own_placed(own, own->seen);

    own->await = (fkv_await_t) {
        .op = { .on_done = fkv__own_awaited, .data = own },
        .store = own->store,
        .lsn = own->seen
    };

    own->awaited = fkv_await(&own->await);

    if (own->awaited == FKV_AGAIN) {
        own->pending++;
        return FKV__TURN_WAIT;
    }

    return FKV__TURN_NEXT;
}


static bool
looks_missing(const fkv__exec_t *own)
{
    for (fkv__look_t *look = own->txn.looks; look != NULL; look = look->next) {
        if (!look->done) {
            return true;
        }
    }

    return false;
}


static exec_state_e
exec_first(const fkv__exec_t *own)
{
    if (!own->txn.writes || own->txn.by_elements) {
        return EXEC_READ;
    }

    return fkv__run_blind(own) ? EXEC_RUN : EXEC_UPDATE;
}


/* The run that has ended wants no more: nothing of the store is held. */
static fkv__turn_e
exec_suspend(fkv__exec_t *own)
{
    bool  waits = fkv__wait_park(own);

    fkv__read_settle(own, false);
    fkv__memory_move(&own->txn.kept, &own->txn.run);
    own->op.state = EXEC_RESUMED;

    return (waits || own->pending > 0) ? FKV__TURN_WAIT : FKV__TURN_NEXT;
}


/* All begins anew, at this moment. */
static fkv__turn_e
exec_resumed(fkv__exec_t *own)
{
    own->tries = 0;
    own->snapshot = 0;
    own->gone = false;
    own->checked = false;
    fkv__txn_forget(&own->txn);
    fkv__look_forget(&own->txn);
    fkv__rows_forget(&own->txn);

    if (own->exec->now_ms == 0) {
        own->txn.now_ms = own->call.now_ms = fkv_now_ms(own->store);
    }

    return fkv__op_enter(&own->op, exec_first(own));
}


/* The commands want more than they have: all begins again with that. */
static fkv__turn_e
exec_wants(fkv__exec_t *own)
{
    if (own->suspended.asked) {
        return exec_suspend(own);
    }

    if (++own->tries > TRIES_MAX) {
        return exec_failed(own, FKV_CONFLICT);
    }

    fkv__txn_forget(&own->txn);

    if (own->txn.by_elements) {
        own->checked = false;
        own->snapshot = 0;              /* another moment */
        return fkv__op_enter(&own->op, EXEC_READ);
    }

    return fkv__op_enter(&own->op, looks_missing(own) ? EXEC_READ
                                                      : EXEC_UPDATE);
}


static fkv__turn_e
exec_precondition(fkv__exec_t *own)
{
    fkv_reply_t  *reply = &own->exec->reply;

    fkv_reply_cut(reply, 0);
    fkv_reply_null_array(reply);

    return exec_answer(own);
}


static fkv__turn_e
exec_updated(fkv__exec_t *own)
{
    switch (own->updated) {

    case FKV_OK:
        return exec_answer(own);

    case FKV_GONE:
        return exec_wants(own);

    case FKV_PRECONDITION:
        return exec_precondition(own);
    }

    return exec_failed(own, own->updated);
}


static fkv__turn_e
exec_update(fkv__exec_t *own)
{
    int  rc;

    own->op.state = EXEC_UPDATED;
    rc = fkv__write(own);

    if (rc == FKV_AGAIN) {
        return FKV__TURN_WAIT;
    }

    if (own->exec == NULL) {
        return exec_end(own);           /* given up when it was placed */
    }

    return (rc == FKV_OK) ? exec_updated(own) : exec_failed(own, rc);
}


/* A run has ended in FKV_AGAIN. */
static fkv__turn_e
exec_asks(fkv__exec_t *own)
{
    if (own->suspended.asked) {
        return exec_suspend(own);
    }

    if (own->pending > 0) {
        fkv__read_settle(own, true);    /* elements are on their way */
        own->op.state = EXEC_READ;
        return FKV__TURN_WAIT;
    }

    if (own->txn.by_elements) {
        return fkv__op_enter(&own->op, EXEC_READ);
    }

    if (own->txn.writes && !looks_missing(own)) {
        return fkv__op_enter(&own->op, EXEC_UPDATE);
    }

    FKV_ASSERT(fkv__read_wanted(own));

    return fkv__op_enter(&own->op, EXEC_READ);
}


static fkv__turn_e
exec_run(fkv__exec_t *own)
{
    fkv__txn_t  *txn = &own->txn;

    if (txn->by_elements && !fkv__write_watches(own)) {
        return exec_precondition(own);
    }

    if (fkv__run(own) == FKV_AGAIN || own->pending > 0 || own->gone) {
        return exec_asks(own);
    }

    if (txn->writes && fkv__txn_wrote(txn)) {
        own->checked = txn->by_elements;
        own->blind = !own->checked;
        return exec_update(own);
    }

    return exec_answer(own);
}


static fkv__turn_e
exec_read(fkv__exec_t *own)
{
    int  rc = fkv__read(own);

    if (rc == FKV_AGAIN) {
        return FKV__TURN_WAIT;
    }

    if (rc != FKV_OK) {
        return exec_failed(own, rc);
    }

    if (own->txn.writes && !own->txn.by_elements && !fkv__run_blind(own)) {
        return fkv__op_enter(&own->op, EXEC_UPDATE);
    }

    return exec_run(own);
}


static fkv__turn_e
exec_step(fkv_op_t *op)
{
    fkv__exec_t  *own = fkv__container(op, fkv__exec_t, op);

    if (own->exec == NULL) {
        return exec_end(own);
    }

    switch ((exec_state_e) op->state) {

    case EXEC_READ:
        return exec_read(own);

    case EXEC_RUN:
        return exec_run(own);

    case EXEC_UPDATE:
        return exec_update(own);

    case EXEC_UPDATED:
        return exec_updated(own);

    case EXEC_RESUMED:
        return exec_resumed(own);

    case EXEC_ANSWERED:
        return (own->awaited == FKV_OK) ? exec_end(own)
                                        : exec_failed(own, own->awaited);
    }

    fkv__unreachable();
}


static void
exec_done(fkv_op_t *op)
{
    fkv__exec_t  *own = fkv__container(op, fkv__exec_t, op);
    fkv_exec_t   *exec = own->exec;

    if (exec == NULL) {
        own_spare(own);
        return;
    }

    own->op.started = false;            /* nothing goes on any more */
    exec->op.rc = FKV_OK;

    if (exec->op.on_done != NULL) {
        exec->op.on_done(&exec->op);
    }
}


static int
watches_add(fkv__exec_t *own)
{
    const fkv_exec_t  *exec = own->exec;

    for (unsigned i = 0; i < exec->watches_n; i++) {
        const fkv_watch_t  *watch = &exec->watches[i];
        fkv__txn_key_t     *key = fkv__txn_key(&own->txn, watch->ns,
                                               watch->key, false);

        if (key == NULL) {
            return FKV_ENOMEM;
        }

        key->wanted = true;
    }

    return FKV_OK;
}


static size_t
bytes_max(const fkv_exec_t *exec)
{
    const fkv_server_t  *server = exec->server;

    return ((server != NULL && server->output_max > 0)
            ? server->output_max : FKV_EXEC_BYTES_MAX)
           + fkv_options(exec->store)->value_max;
}


static int
own_prepare(fkv__exec_t *own, fkv_exec_t *exec)
{
    int     rc;
    size_t  max = bytes_max(exec);

    own->exec = exec;
    own->store = exec->store;
    own->pending = 0;
    own->tries = 0;
    own->seen = 0;
    own->reads_n = 0;
    own->snapshot = 0;
    own->gone = false;
    own->complete = false;
    own->awaited = FKV_OK;
    own->clearing = 0;
    own->blind = false;
    own->checked = false;
    own->behind = 0;
    own->suspended = (fkv__suspended_t) { .wait = 0 };

    exec->reply.bytes = own->spare;
    exec->reply.bytes.len = 0;
    exec->reply.max = max;
    exec->reply.rc = FKV_OK;
    own->spare = (fkv__buf_t) { NULL, 0, 0 };

    fkv__txn_init(&own->txn, exec->store,
                  exec->now_ms != 0 ? exec->now_ms
                                    : fkv_now_ms(exec->store), max);

    if (spares.random == 0) {
        random_seed(own);
    }

    own->call = (fkv_call_t) {
        .now_ms = own->txn.now_ms,
        .random = random_next(),
        .store = exec->store,
        .client = exec->client,
        .server = exec->server,
        .txn = &own->txn
    };

    own->txn.random = own->call.random;
    rc = fkv__run_prepare(own);

    return (rc == FKV_OK) ? watches_add(own) : rc;
}


/* What was wrong is replied: nothing is begun. */
static int
exec_wrong(fkv__exec_t *own, int rc)
{
    if (rc != FKV_EINVAL) {
        fkv__run_failed(&own->exec->reply, fkv__run_why(own, rc));
    }

    fkv__own_placed(own, 0);

    return FKV_OK;
}


int
fkv_exec(fkv_exec_t *exec)
{
    fkv__exec_t  *own = own_new();
    int           rc;

    exec->own = own;
    exec->placed = false;
    exec->lsn = 0;

    if (own == NULL) {
        fkv__run_failed(&exec->reply, FKV_ENOMEM);
        exec->placed = true;
        return FKV_OK;
    }

    own->op.started = false;
    own->op.on_done = exec_done;
    rc = own_prepare(own, exec);

    if (rc != FKV_OK) {
        return exec_wrong(own, rc);
    }

    fkv__count_begin(own);

    return fkv__op_start(&own->op, "exec", exec_step, exec_first(own));
}


bool
fkv_exec_waits(const fkv_exec_t *exec)
{
    return exec->own != NULL && exec->own->suspended.parked;
}


void
fkv_exec_done(fkv_exec_t *exec)
{
    fkv__exec_t  *own = exec->own;

    exec->own = NULL;

    if (own == NULL) {
        fkv_reply_done(&exec->reply);
        return;
    }

    own->spare = exec->reply.bytes;
    exec->reply.bytes = (fkv__buf_t) { NULL, 0, 0 };
    own->exec = NULL;
    own->txn.given_up = true;

    if (!own->op.started) {
        own_spare(own);

    } else {
        fkv__wait_drop(own);
    }
}
