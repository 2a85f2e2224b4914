/*
 * files.c - opening and closing tables.
 */

#define _GNU_SOURCE
#include "store/files.h"
#include "store/tables.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define OPEN_LEAST  64
#define OPEN_MOST   65536

/* A request in flight; the table, if there is one, is pinned. */
typedef struct {
    fkv_link_t      link;           /* in files->busy */
    fkv__io_req_t   io;
    fkv_t          *store;
    fkv__table_t   *table;
    char            name[48];
} file_req_t;


void
fkv__files_open(fkv__files_t *files)
{
    struct rlimit  limit = { OPEN_LEAST, OPEN_LEAST };

    (void) getrlimit(RLIMIT_NOFILE, &limit);

    files->open_n = 0;
    files->open_max = (unsigned) fkv__max(fkv__min(limit.rlim_cur / 2,
                                                   OPEN_MOST), OPEN_LEAST);
    files->buffered = false;
    fkv__list_init(&files->open);
    fkv__list_init(&files->busy);
}


static void
req_free(file_req_t *req)
{
    fkv__list_remove(&req->link);
    fkv__free(req);
}


void
fkv__files_close(fkv__files_t *files)
{
    while (!fkv__list_empty(&files->busy)) {
        file_req_t  *req = fkv__container(files->busy.next, file_req_t, link);

        if (req->table != NULL) {
            fkv__table_unpin(req->table);
        }

        req_free(req);
    }
}


static file_req_t *
req_new(fkv_t *store)
{
    file_req_t  *req = fkv__zalloc(sizeof(*req));

    if (req != NULL) {
        req->store = store;
        req->io.data = req;
        fkv__list_append(&store->tables->files.busy, &req->link);
    }

    return req;
}


static void
req_submit(file_req_t *req)
{
    fkv__io_submit(&req->store->io, &req->io);
    fkv__want_turn(req->store);
}


static void
on_closed(fkv__io_req_t *io)
{
    req_free(io->data);
}


void
fkv__files_close_fd(fkv_t *store, int fd)
{
    file_req_t  *req = NULL;

    if (!store->tables->closing) {
        req = req_new(store);
    }

    if (req == NULL) {
        (void) close(fd);           /* may block, but must not leak */
        return;
    }

    req->io.kind = FKV__IO_CLOSE;
    req->io.fd = fd;
    req->io.on_done = on_closed;

    req_submit(req);
}


static void
file_close(fkv_t *store, fkv__table_t *table)
{
    FKV_ASSERT(table->reading == 0);

    fkv__list_remove(&table->open_link);
    store->tables->files.open_n--;
    fkv__files_close_fd(store, table->fd);
    table->fd = -1;
}


static void
on_table_free(fkv__table_t *table, void *data)
{
    if (table->fd >= 0) {
        file_close(data, table);
    }
}


static void
files_evict(fkv_t *store)
{
    fkv__files_t  *files = &store->tables->files;
    fkv_link_t    *link = files->open.next;

    while (link != &files->open && files->open_n > files->open_max) {
        fkv__table_t  *table = fkv__container(link, fkv__table_t, open_link);

        link = link->next;

        if (table->reading == 0) {
            file_close(store, table);
        }
    }
}


static int
opened(fkv_t *store, fkv__table_t *table, int64_t res, const char *name)
{
    fkv__files_t  *files = &store->tables->files;

    if (res >= 0) {
        table->fd = (int) res;
        fkv__list_append(&files->open, &table->open_link);
        return FKV_OK;
    }

    files->open_n--;

    if (res == -ENOENT) {
        return FKV_GONE;
    }

    fkv__count(store, errors_io, 1);
    fkv__log(store->log, FKV_LOG_ERROR, "%s: open failed: %s, reads of its "
             "keys answer an error", name, strerror((int) -res));

    return (res == -ENOMEM) ? FKV_ENOMEM : FKV_EIO;
}


/* True if direct I/O was refused and the file is being opened without. */
static bool
opened_again(file_req_t *req)
{
    fkv_t  *store = req->store;

    if (req->io.res != -EINVAL || (req->io.flags & O_DIRECT) == 0) {
        return false;
    }

    if (!store->tables->files.buffered) {
        fkv__log(store->log, FKV_LOG_NOTICE, "the file system of \"%s\" has "
                 "no direct I/O, tables are read through the page cache",
                 store->path);
    }

    store->tables->files.buffered = true;
    req->io.flags &= ~O_DIRECT;
    req_submit(req);

    return true;
}


static void
on_opened(fkv__io_req_t *io)
{
    file_req_t    *req = io->data;
    fkv_t         *store = req->store;
    fkv__table_t  *table = req->table;
    fkv_link_t     waits;
    int            rc;

    if (opened_again(req)) {
        return;
    }

    rc = opened(store, table, io->res, req->name);
    req_free(req);

    table->opening = false;
    fkv__list_take(&waits, &table->opening_waits);

    /* All at once: the first user may be through before the second starts. */
    for (fkv_link_t *l = waits.next; rc == FKV_OK && l != &waits; l = l->next) {
        table->reading++;
    }

    while (!fkv__list_empty(&waits)) {
        fkv__file_wait_t  *wait;

        wait = fkv__container(waits.next, fkv__file_wait_t, link);
        fkv__list_remove(&wait->link);
        wait->on_open(wait, rc);
    }

    fkv__table_unpin(table);
}


static int
file_open(fkv_t *store, fkv__table_t *table)
{
    file_req_t    *req = req_new(store);

    if (req == NULL) {
        return FKV_ENOMEM;
    }

    memcpy(req->name, "sst/", 4);
    fkv__table_name(req->name + 4, table->info.id);

    req->table = fkv__table_pin(table);
    req->io.kind = FKV__IO_OPEN;
    req->io.fd = store->sst_dir;
    req->io.path = req->name + 4;
    req->io.flags = O_RDONLY | O_CLOEXEC
                    | (store->tables->files.buffered ? 0 : O_DIRECT);
    req->io.on_done = on_opened;

    table->opening = true;
    table->on_free = on_table_free;
    table->on_free_data = store;

    store->tables->files.open_n++;
    files_evict(store);
    req_submit(req);

    return FKV_OK;
}


int
fkv__files_use(fkv_t *store, fkv__table_t *table, fkv__file_wait_t *wait)
{
    if (table->fd >= 0) {
        table->reading++;
        fkv__list_remove(&table->open_link);
        fkv__list_append(&store->tables->files.open, &table->open_link);
        return FKV_OK;
    }

    if (!table->opening && file_open(store, table) != FKV_OK) {
        return FKV_ENOMEM;
    }

    fkv__list_append(&table->opening_waits, &wait->link);

    return FKV_AGAIN;
}


void
fkv__files_unuse(fkv_t *store, fkv__table_t *table)
{
    FKV_ASSERT(table->reading > 0);

    table->reading--;
    files_evict(store);
}
