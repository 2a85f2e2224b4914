/*
 * count.c - one scan that only counts.
 */

#include "store/count.h"
#include "store/twin.h"

typedef struct {
    fkv_scan_t            scan;
    const fkv__helper_t  *helper;
    uint64_t              keys;
} count_t;


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


int
fkv__count_keys(fkv__helper_t *helper, unsigned ns, fkv_str_t prefix,
    uint64_t *keys)
{
    int      rc;
    char     error[FKV_ERROR_BYTES];
    fkv_t   *store = helper->store, *twin;
    count_t  count = {
        .helper = helper,
        .scan = {
            .op = { .on_done = fkv__twin_done },
            .ns = ns,
            .prefix = prefix,
            .now_ms = fkv_now_ms(store),
            .on_entry = on_entry
        }
    };

    *keys = 0;
    rc = fkv__twin_open(&twin, store, error);

    if (rc != FKV_OK) {
        fkv__log(store->log, FKV_LOG_ERROR, "the keys of store \"%s\" cannot "
                 "be counted: %s", store->path, error);
        return rc;
    }

    count.scan.store = twin;
    rc = fkv__twin_wait(twin, &count.scan.op, fkv_scan(&count.scan),
                        &helper->stop);
    fkv_twin_close(twin);
    *keys = count.keys;

    return rc;
}
