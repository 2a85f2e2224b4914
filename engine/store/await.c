/*
 * await.c - the operation behind fkv_await().
 *
 *   REACHED --visible is not there yet--> a waiter of commit.h --> REACHED
 *      |  '--a frame below is not complete--> a moment later --> REACHED
 *      v
 *     done
 */

#include "store/store.h"

typedef enum {
    AWAIT_REACHED
} await_state_e;


uint64_t
fkv_visible(const fkv_t *store)
{
    return fkv__visible(store);
}


uint64_t
fkv_ready(fkv_t *store)
{
    return fkv__commit_advance(store);
}


static fkv__turn_e
await_end(fkv_await_t *await, int rc)
{
    await->store->in_flight--;

    return fkv__op_end(&await->op, rc);
}


/* Other processes fill frames in microseconds, or their reaper does. */
static fkv__turn_e
await_complete(fkv_await_t *await)
{
    fkv_t           *store = await->store;
    const uint64_t  *ready = &store->seg->log.ready;

    if (__atomic_load_n(ready, __ATOMIC_ACQUIRE) >= await->lsn
        || fkv__commit_advance(store) >= await->lsn)
    {
        return await_end(await, FKV_OK);
    }

    fkv__retry(store, &await->op, true);

    return FKV__TURN_WAIT;
}


static fkv__turn_e
await_visible(fkv_await_t *await)
{
    fkv_t  *store = await->store;

    if (fkv__commit_reached(store, FKV__WAIT_VISIBLE, await->lsn)) {
        return await_end(await, FKV_OK);
    }

    if (__atomic_load_n(&store->seg->state.readonly, __ATOMIC_ACQUIRE)) {
        return await_end(await, FKV_EREADONLY);
    }

    await->wait.op = &await->op;
    await->wait.what = FKV__WAIT_VISIBLE;
    await->wait.lsn = await->lsn;
    fkv__commit_wait(store, &await->wait);

    return FKV__TURN_WAIT;
}


static fkv__turn_e
await_step(fkv_op_t *op)
{
    fkv_await_t  *await = fkv__container(op, fkv_await_t, op);

    switch ((await_state_e) op->state) {

    case AWAIT_REACHED:
        return await->complete ? await_complete(await) : await_visible(await);
    }

    fkv__unreachable();
}


int
fkv_await(fkv_await_t *await)
{
    await->store->in_flight++;

    return fkv__op_start(&await->op, "await", await_step, AWAIT_REACHED);
}
