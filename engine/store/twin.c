/*
 * twin.c - attaching a second handle, and an event loop around it.
 */

#include "store/twin.h"

#include <poll.h>
#include <stdio.h>

#define LOOK_MS  100            /* is somebody asking us to stop? */


/* The loop looks at turn_wanted. */
static void
loop_on_turn(void *data)
{
    (void) data;
}


int
fkv_twin_open(fkv_t **twin, const fkv_t *store, void (*on_turn)(void *data),
    void *data, char *error)
{
    int  rc;

    *twin = fkv__twin_new(store);

    if (*twin == NULL) {
        return fkv__error(error, FKV_ENOMEM, "%s", fkv_code_text(FKV_ENOMEM));
    }

    rc = fkv_attach(*twin, FKV_WORKER, store->log, on_turn, data, error);

    if (rc != FKV_OK) {
        fkv__twin_free(*twin);
        *twin = NULL;
    }

    return rc;
}


void
fkv_twin_close(fkv_t *twin)
{
    fkv_detach(twin);
    fkv__twin_free(twin);
}


int
fkv__twin_open(fkv_t **twin, const fkv_t *store, char *error)
{
    return fkv_twin_open(twin, store, loop_on_turn, NULL, error);
}


void
fkv__twin_turn(fkv_t *twin, int64_t ms_max)
{
    int64_t        ms;
    struct pollfd  wake = { .fd = fkv_eventfd(twin), .events = POLLIN };

    if (twin->turn_wanted) {
        fkv_turn(twin);
    }

    ms = fkv_timeout_ms(twin);
    ms = (ms < 0) ? ms_max : fkv__min(ms, ms_max);

    (void) poll(&wake, 1, twin->turn_wanted ? 0 : (int) ms);
    fkv_poll(twin);
}


void
fkv__twin_done(fkv_op_t *op)
{
    (void) op;
}


int
fkv__twin_wait(fkv_t *twin, const fkv_op_t *op, int rc, const bool *stop)
{
    if (rc != FKV_AGAIN) {
        return rc;
    }

    while (op->rc == FKV_AGAIN) {
        if (stop != NULL && __atomic_load_n(stop, __ATOMIC_ACQUIRE)) {
            return FKV_ECANCELED;
        }

        fkv__twin_turn(twin, LOOK_MS);
    }

    return op->rc;
}
