/*
 * blob_files.c - opening and closing blob files.
 */

#include "store/blob_files.h"

#include "store/blob_write.h"
#include "store/files.h"

#include <errno.h>
#include <fcntl.h>


int
fkv__blob_files_open(fkv_t *store)
{
    fkv__blob_files_t  *files = fkv__zalloc(sizeof(*files));

    if (files == NULL) {
        return FKV_ENOMEM;
    }

    fkv__list_init(&files->files);
    fkv__list_init(&files->blobs);
    fkv__list_init(&files->loads);
    store->blob_files = files;

    return FKV_OK;
}


/* Nobody finds it any more. */
static void
file_forget(fkv__blob_file_t *file)
{
    fkv__list_remove(&file->link);
    file->store->blob_files->n--;
}


static void
file_free(fkv__blob_file_t *file)
{
    if (file->fd >= 0) {
        fkv__files_close_fd(file->store, file->fd);
    }

    file_forget(file);
    fkv__free(file);
}


void
fkv__blob_files_close(fkv_t *store)
{
    fkv__blob_files_t  *files = store->blob_files;

    if (files == NULL) {
        return;
    }

    while (!fkv__list_empty(&files->files)) {
        file_free(fkv__container(files->files.next, fkv__blob_file_t, link));
    }

    fkv__free(files);
    store->blob_files = NULL;
}


/* Closes those that nobody uses, the least recently used first. */
static void
files_evict(fkv__blob_files_t *files, unsigned max)
{
    fkv_link_t  *link = files->files.next;

    while (link != &files->files && files->n > max) {
        fkv__blob_file_t  *file = fkv__container(link, fkv__blob_file_t, link);

        link = link->next;

        if (file->users == 0 && file->fd >= 0) {
            file_free(file);
        }
    }
}


void
fkv__blob_files_poll(fkv_t *store)
{
    fkv__blob_files_t  *files = store->blob_files;
    uint64_t            drops;

    drops = __atomic_load_n(&store->seg->state.blob_drops, __ATOMIC_ACQUIRE);

    if (drops != files->drops) {
        files->drops = drops;
        files_evict(files, 0);
    }
}


static int
open_failed(const fkv__blob_file_t *file, int64_t res)
{
    fkv_t  *store = file->store;

    if (res == -ENOENT) {
        return FKV_GONE;
    }

    fkv__count(store, errors_io, 1);
    fkv__log(store->log, FKV_LOG_ERROR, "%s: open failed: %s, reads of its "
             "keys answer an error", file->name, strerror((int) -res));

    return (res == -ENOMEM) ? FKV_ENOMEM : FKV_EIO;
}


static void
on_opened(fkv__io_req_t *io)
{
    fkv__blob_file_t  *file = io->data;
    fkv_link_t         waits;
    int                rc = FKV_OK;

    if (io->res < 0) {
        rc = open_failed(file, io->res);
        file_forget(file);              /* who asks again opens it again */

    } else {
        file->fd = (int) io->res;
    }

    fkv__list_take(&waits, &file->waits);
    file->users++;                          /* until we are through */

    while (!fkv__list_empty(&waits)) {
        fkv__blob_wait_t  *wait;

        wait = fkv__container(waits.next, fkv__blob_wait_t, link);
        fkv__list_remove(&wait->link);
        wait->file = file;
        file->users += (rc == FKV_OK);
        wait->on_open(wait, rc);
    }

    file->users--;

    if (rc != FKV_OK) {
        fkv__free(file);
    }
}


static fkv__blob_file_t *
file_find(const fkv__blob_files_t *files, uint64_t id)
{
    fkv_link_t  *link = files->files.prev;

    for ( /* void */ ; link != &files->files; link = link->prev) {
        fkv__blob_file_t  *file = fkv__container(link, fkv__blob_file_t, link);

        if (file->id == id) {
            return file;
        }
    }

    return NULL;
}


static fkv__blob_file_t *
file_open(fkv_t *store, uint64_t id)
{
    fkv__blob_file_t  *file = fkv__zalloc(sizeof(*file));

    if (file == NULL) {
        return NULL;
    }

    file->store = store;
    file->id = id;
    file->fd = -1;
    fkv__list_init(&file->waits);
    fkv__list_append(&store->blob_files->files, &file->link);
    store->blob_files->n++;

    memcpy(file->name, "blob/", 5);
    fkv__blob_name(file->name + 5, id);

    file->io.kind = FKV__IO_OPEN;
    file->io.fd = store->blob_dir;
    file->io.path = file->name + 5;
    file->io.flags = O_RDONLY;
    file->io.on_done = on_opened;
    file->io.data = file;

    fkv__io_submit(&store->io, &file->io);
    fkv__want_turn(store);

    return file;
}


int
fkv__blob_files_use(fkv_t *store, uint64_t id, fkv__blob_wait_t *wait)
{
    fkv__blob_files_t  *files = store->blob_files;
    fkv__blob_file_t   *file = file_find(files, id);

    if (file == NULL) {
        files_evict(files, FKV__BLOB_FILES_MAX);
        file = file_open(store, id);

        if (file == NULL) {
            return FKV_ENOMEM;
        }

    } else if (file->fd >= 0) {
        fkv__list_remove(&file->link);
        fkv__list_append(&files->files, &file->link);
        file->users++;
        wait->file = file;
        return FKV_OK;
    }

    fkv__list_append(&file->waits, &wait->link);

    return FKV_AGAIN;
}


void
fkv__blob_files_unuse(fkv__blob_file_t *file)
{
    FKV_ASSERT(file->users > 0);

    file->users--;
    files_evict(file->store->blob_files, FKV__BLOB_FILES_MAX);
}
