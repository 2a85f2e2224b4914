/*
 * tables.c - a worker's view of the tables: made, polled, taken down.
 */

#include "store/tables.h"

#include "store/blob_read.h"
#include "store/blob_upload.h"
#include "store/blob_write.h"
#include "store/lookup.h"
#include "store/read.h"
#include "store/reader.h"
#include "store/scan.h"


int
fkv__tables_open(fkv_t *store)
{
    int             rc;
    fkv__tables_t  *tables;

    tables = fkv__zalloc(sizeof(*tables));
    if (tables == NULL) {
        return FKV_ENOMEM;
    }

    tables->follow.fd = -1;
    fkv__files_open(&tables->files);
    fkv__fetches_open(&tables->fetches);
    fkv__epochs_init(&tables->epochs, store->seg, store->own);
    fkv__list_init(&tables->lookups);
    fkv__list_init(&tables->lookups_spare);
    fkv__list_init(&tables->gets);
    fkv__list_init(&tables->gets_spare);
    fkv__list_init(&tables->scans);
    fkv__list_init(&tables->crowd);

    store->tables = tables;

    tables->version = fkv__version_new();
    rc = (tables->version != NULL) ? FKV_OK : FKV_ENOMEM;

    if (rc == FKV_OK) {
        rc = fkv__blob_files_open(store);
    }

    if (rc == FKV_OK) {
        rc = fkv__blob_write_open(store);
    }

    return (rc == FKV_OK) ? fkv__follow_open(store) : rc;
}


void
fkv__tables_close(fkv_t *store)
{
    fkv__tables_t  *tables = store->tables;

    if (tables == NULL) {
        return;
    }

    tables->closing = true;

    fkv__scan_close(store);
    fkv__lookup_close(store);
    fkv__fetches_close(&tables->fetches);
    fkv__reader_close(store);
    fkv__get_close(tables);
    fkv__blob_read_close(store);
    fkv__blob_files_close(store);
    fkv__blob_write_close(store);
    fkv__upload_close_all(store);
    fkv__files_close(&tables->files);

    if (tables->version != NULL) {
        fkv__version_unpin(tables->version);
    }

    fkv__follow_close(store);
    fkv__free(tables);

    store->tables = NULL;
}


void
fkv__tables_poll(fkv_t *store)
{
    fkv__follow_idle(store);
    fkv__blob_files_poll(store);
    fkv__blob_write_poll(store);
}
