/*
 * wait.c - pins, wakeups, and the lists of ops that wait for a turn.
 */

#define _GNU_SOURCE
#include "store/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>


uint64_t
fkv__pin(fkv_t *store)
{
    uint64_t  *memtables = &store->seg->state.memtables;
    uint64_t   set = __atomic_load_n(memtables, __ATOMIC_ACQUIRE);

    if (store->pins++ > 0) {
        return set;
    }

    /* Invariant 3 of commit.h. */
    for ( ;; ) {
        uint64_t  again;

        __atomic_store_n(&store->own->pin, fkv__set_number(set),
                         __ATOMIC_SEQ_CST);

        again = __atomic_load_n(memtables, __ATOMIC_SEQ_CST);

        if (again == set) {
            return set;
        }

        set = again;
    }
}


void
fkv__unpin(fkv_t *store)
{
    FKV_ASSERT(store->pins > 0);

    if (--store->pins == 0) {
        __atomic_store_n(&store->own->pin, 0, __ATOMIC_RELEASE);
    }
}


void
fkv__want_turn(fkv_t *store)
{
    if (!store->turn_wanted) {
        store->turn_wanted = true;
        store->on_turn(store->on_turn_data);
    }
}


void
fkv__wake(fkv_t *store, unsigned slot)
{
    uint64_t  one = 1;

    /* It fails only if the counter is full, and then it is readable. */
    if (write(store->eventfds[slot], &one, sizeof(one)) < 0) {
        return;
    }
}


void
fkv__wake_helper(fkv_t *store)
{
    uint32_t  owner = __atomic_load_n(&store->seg->state.helper,
                                      __ATOMIC_SEQ_CST);

    if (owner != FKV__NOBODY && owner <= FKV__SLOTS_MAX) {
        fkv__wake(store, owner - 1);
    }
}


void
fkv__wake_all(fkv_t *store)
{
    for (unsigned i = 0; i < FKV__SLOTS_MAX; i++) {
        if (__atomic_load_n(&store->seg->slots[i].state, __ATOMIC_ACQUIRE)
            == FKV__SLOT_LIVE)
        {
            fkv__wake(store, i);
        }
    }
}


void
fkv__run_all(fkv_link_t *list)
{
    fkv_link_t  ops;

    fkv__list_take(&ops, list);

    while (!fkv__list_empty(&ops)) {
        fkv_op_t  *op = fkv__container(ops.next, fkv_op_t, link);

        fkv__list_remove(&op->link);
        fkv__op_run(op);
    }
}


void
fkv__yield(fkv_t *store, fkv_op_t *op)
{
    fkv__list_append(&store->runnable, &op->link);
    fkv__wake(store, store->slot);
}


void
fkv__retry(fkv_t *store, fkv_op_t *op, bool soon)
{
    fkv__list_append(&store->retry, &op->link);
    store->retry_soon |= soon;

    /* So that the caller asks for our timeout. */
    fkv__want_turn(store);
}


void
fkv__set_readonly(fkv_t *store, const char *fmt, ...)
{
    char                text[sizeof(store->seg->state.cause)];
    uint32_t            writable = 0;
    va_list             args;
    fkv__state_shm_t   *state = &store->seg->state;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    /* 2 while the cause is being written, by one process only. */
    if (!__atomic_compare_exchange_n(&state->readonly, &writable, 2, false,
                                     __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    {
        return;
    }

    memcpy(state->cause, text, sizeof(text));
    __atomic_store_n(&state->readonly, 1, __ATOMIC_SEQ_CST);

    fkv__log(store->log, FKV_LOG_ALERT, "store \"%s\" is read-only from now "
             "on, reads go on, restart when the cause is mended: %s",
             store->path, text);

    fkv__wake_all(store);
}
