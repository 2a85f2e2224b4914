/*
 * count.c - an event loop around one scan.
 */

#include "store/count.h"

#include <poll.h>

#define LOOK_MS  100            /* is somebody asking us to stop? */

typedef struct {
    fkv_scan_t            scan;
    const fkv__helper_t  *helper;
    uint64_t              keys;
    bool                  turn;     /* the engine asked for one */
    bool                  ended;
} count_t;


static void
on_turn(void *data)
{
    ((count_t *) data)->turn = true;
}


static int
on_entry(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    count_t  *count = fkv__container(scan, count_t, scan);

    (void) key;
    (void) value;

    FKV_STEP("count.1");
    count->keys++;

    return fkv__helper_stopping(count->helper) ? FKV_ECANCELED : FKV_OK;
}


static void
on_done(fkv_op_t *op)
{
    ((count_t *) op->data)->ended = true;
}


/* As a worker's event loop would do it. */
static int
count_run(count_t *count)
{
    int             rc;
    fkv_t          *twin = count->scan.store;
    struct pollfd   wake = { .fd = fkv_eventfd(twin), .events = POLLIN };

    rc = fkv_scan(&count->scan);

    if (rc != FKV_AGAIN) {
        return rc;
    }

    while (!count->ended) {
        int64_t  ms;

        if (fkv__helper_stopping(count->helper)) {
            return FKV_ECANCELED;
        }

        if (count->turn) {
            count->turn = false;
            fkv_turn(twin);
        }

        ms = fkv_timeout_ms(twin);
        ms = (ms < 0) ? LOOK_MS : fkv__min(ms, LOOK_MS);

        (void) poll(&wake, 1, count->turn ? 0 : (int) ms);
        fkv_poll(twin);
    }

    return count->scan.op.rc;
}


int
fkv__count_keys(fkv__helper_t *helper, unsigned ns, fkv_str_t prefix,
    uint64_t *keys)
{
    int      rc;
    char     error[FKV_ERROR_BYTES];
    fkv_t   *store = helper->store, *twin = fkv__twin_new(store);
    count_t  count = {
        .helper = helper,
        .scan = {
            .op = { .on_done = on_done },
            .store = twin,
            .ns = ns,
            .prefix = prefix,
            .now_ms = fkv_now_ms(store),
            .on_entry = on_entry
        }
    };

    if (twin == NULL) {
        return FKV_ENOMEM;
    }

    count.scan.op.data = &count;

    rc = fkv_attach(twin, FKV_WORKER, store->log, on_turn, &count, error);

    if (rc == FKV_OK) {
        rc = count_run(&count);
        fkv_detach(twin);

    } else {
        fkv__log(store->log, FKV_LOG_ERROR, "the keys of store \"%s\" cannot "
                 "be counted: %s", store->path, error);
    }

    fkv__twin_free(twin);
    *keys = count.keys;

    return rc;
}
