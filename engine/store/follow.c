/*
 * follow.c - reading what the manifest got since.
 *
 *     look: is the version old?  no --> end, wake
 *       |  the same file                | another file
 *       v                               v
 *     read --> replay --> look        open --> look
 *
 * Damage of a manifest makes its mirror another file: look again.
 */

#include "store/follow.h"

#include "store/tables.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define LOAD_TRIES  1000            /* a millisecond each */

static int follow_look(fkv_t *store);


static void
follow_name(fkv_t *store)
{
    fkv__follow_t  *follow = &store->tables->follow;
    uint64_t        number = fkv__manifest_pos_number(follow->pos);

    if (number == follow->damaged) {
        fkv__mirror_name(follow->name, number);

    } else {
        fkv__manifest_name(follow->name, number);
    }
}


/* Says once per position what is wrong with it. */
static int __attribute__((format(printf, 4, 5)))
follow_failed(fkv_t *store, int rc, uint64_t offset, const char *fmt, ...)
{
    fkv__follow_t  *follow = &store->tables->follow;
    char            what[128];
    va_list         args;

    if (follow->complained == follow->pos) {
        return rc;
    }

    follow->complained = follow->pos;

    va_start(args, fmt);
    (void) vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);

    if (rc == FKV_EIO) {
        fkv__count(store, errors_io, 1);

    } else {
        fkv__count(store, errors_corrupt, 1);
    }

    follow_name(store);
    fkv__log(store->log, FKV_LOG_ALERT, "%s: %s at offset %llu, reads that "
             "need the tables answer an error", follow->name, what,
             (unsigned long long) offset);

    return rc;
}


/* FKV_OK look again, the mirror may do · rc it is the mirror that fails */
static int
follow_damaged(fkv_t *store, int rc, uint64_t offset, const char *what)
{
    fkv__follow_t  *follow = &store->tables->follow;
    uint64_t        number = fkv__manifest_pos_number(follow->pos);

    if (number == follow->damaged) {
        return follow_failed(store, rc, offset, "%s", what);
    }

    follow_name(store);
    fkv__log(store->log, FKV_LOG_ALERT, "%s: %s at offset %llu, its mirror is "
             "read instead", follow->name, what, (unsigned long long) offset);
    fkv__count(store, errors_io, rc == FKV_EIO);
    fkv__count(store, errors_corrupt, rc != FKV_EIO);

    follow->damaged = number;

    if (follow->fd >= 0) {
        fkv__files_close_fd(store, follow->fd);
        follow->fd = -1;
    }

    return FKV_OK;
}


static void
follow_end(fkv_t *store, int rc)
{
    fkv__follow_t  *follow = &store->tables->follow;
    fkv_link_t      waits;

    follow->busy = false;
    fkv__list_take(&waits, &follow->waits);

    for (fkv_link_t *l = waits.next; l != &waits; l = l->next) {
        fkv__container(l, fkv__follow_wait_t, link)->rc = rc;
    }

    while (!fkv__list_empty(&waits)) {
        fkv__follow_wait_t  *wait;

        wait = fkv__container(waits.next, fkv__follow_wait_t, link);
        fkv__list_remove(&wait->link);
        fkv__op_run(wait->op);
    }
}


static int
follow_submit(fkv_t *store, void (*on_done)(fkv__io_req_t *io))
{
    fkv__follow_t  *follow = &store->tables->follow;

    follow->io.on_done = on_done;
    follow->io.data = store;

    fkv__io_submit(&store->io, &follow->io);
    fkv__want_turn(store);

    return FKV_AGAIN;
}


/* The bytes of a manifest that is new to us begin with a header. */
static int
follow_header(fkv_t *store, fkv_str_t file)
{
    fkv__follow_t  *follow = &store->tables->follow;
    uint64_t        number;
    int             rc;

    if (follow->have != 0) {
        return FKV_OK;
    }

    rc = fkv__manifest_header_get(file, &number);

    if (rc == FKV_OK && number != follow->number) {
        rc = FKV_ECORRUPT;
    }

    if (rc == FKV_EVERSION) {
        return follow_failed(store, rc, 0, "header of a newer version");
    }

    if (rc != FKV_OK) {
        return follow_damaged(store, rc, 0, "bad header");
    }

    follow->have = FKV__MANIFEST_HEADER_BYTES;

    return FKV_OK;
}


static int
follow_replay(fkv_t *store, fkv_str_t file)
{
    fkv__tables_t  *tables = store->tables;
    fkv__follow_t  *follow = &tables->follow;
    int             rc;

    rc = follow_header(store, file);
    if (rc != FKV_OK || follow->fd < 0) {
        return rc;
    }

    rc = fkv__version_replay(&tables->version, file, follow->number,
                             &follow->have);

    __atomic_store_n(&store->own->edit, tables->version->edit,
                     __ATOMIC_RELEASE);

    if (rc == FKV_ENOMEM) {
        return rc;
    }

    if (rc == FKV_EVERSION) {
        return follow_failed(store, rc, follow->have,
                             "edit of a newer version");
    }

    /* What was announced is whole: short is as bad as wrong. */
    if (rc != FKV_OK || follow->have != file.len) {
        return follow_damaged(store, FKV_ECORRUPT, follow->have,
                              "edit is damaged");
    }

    return FKV_OK;
}


static void
on_read(fkv__io_req_t *io)
{
    fkv_t          *store = io->data;
    fkv__follow_t  *follow = &store->tables->follow;
    fkv_str_t       file;
    int             rc;

    file.data = follow->bytes;
    file.len = fkv__manifest_pos_len(follow->pos);

    if (io->res < 0) {
        rc = follow_damaged(store, FKV_EIO, follow->have, "read failed");

    } else if ((uint64_t) io->res < file.len - follow->have) {
        rc = follow_damaged(store, FKV_ECORRUPT,
                            follow->have + (uint64_t) io->res,
                            "file ends too early");

    } else {
        rc = follow_replay(store, file);
    }

    fkv__free(follow->bytes);
    follow->bytes = NULL;

    if (rc == FKV_OK) {
        rc = follow_look(store);
    }

    if (rc != FKV_AGAIN) {
        follow_end(store, rc);
    }
}


/*
 * Memory for the whole file keeps offsets what they are; the pages before
 * have are never touched.
 */
static int
follow_read(fkv_t *store)
{
    fkv__follow_t  *follow = &store->tables->follow;
    fkv__io_req_t  *io = &follow->io;
    uint64_t        len = fkv__manifest_pos_len(follow->pos);

    if (len <= follow->have) {
        return follow_failed(store, FKV_ECORRUPT, len,
                             "the announced edit is missing");
    }

    follow->bytes = fkv__alloc(len);
    if (follow->bytes == NULL) {
        return FKV_ENOMEM;
    }

    io->kind = FKV__IO_READ;
    io->fd = follow->fd;
    io->offset = follow->have;
    io->iov_n = 1;
    io->iov[0].iov_base = follow->bytes + follow->have;
    io->iov[0].iov_len = len - follow->have;

    return follow_submit(store, on_read);
}


static uint64_t
follow_pos(fkv_t *store)
{
    return __atomic_load_n(&store->seg->state.manifest, __ATOMIC_ACQUIRE);
}


static int
follow_opened(fkv_t *store, int64_t res)
{
    fkv__follow_t  *follow = &store->tables->follow;
    uint64_t        number = fkv__manifest_pos_number(follow->pos);

    if (res >= 0) {
        if (follow->fd >= 0) {
            fkv__files_close_fd(store, follow->fd);
        }

        if (follow->number != number) {
            follow->number = number;
            follow->have = 0;
        }

        follow->fd = (int) res;

        return FKV_OK;
    }

    /* It was replaced by a newer one before we came. */
    if (res == -ENOENT && follow_pos(store) != follow->pos) {
        return FKV_OK;
    }

    if (res == -ENOENT) {
        return follow_damaged(store, FKV_ECORRUPT, 0, "file is missing");
    }

    return follow_failed(store, FKV_EIO, 0, "open failed: %s",
                         strerror((int) -res));
}


static void
on_opened(fkv__io_req_t *io)
{
    fkv_t  *store = io->data;
    int     rc = follow_opened(store, io->res);

    if (rc == FKV_OK) {
        rc = follow_look(store);
    }

    if (rc != FKV_AGAIN) {
        follow_end(store, rc);
    }
}


static int
follow_open(fkv_t *store)
{
    fkv__follow_t  *follow = &store->tables->follow;
    fkv__io_req_t  *io = &follow->io;

    follow_name(store);

    io->kind = FKV__IO_OPEN;
    io->fd = store->dir;
    io->path = follow->name;
    io->flags = O_RDONLY | O_CLOEXEC;

    return follow_submit(store, on_opened);
}


/*
 * FKV_OK there is nothing to read · FKV_AGAIN a request is in flight.
 * The position is at least as new as the edit that was loaded before it.
 */
static int
follow_look(fkv_t *store)
{
    fkv__tables_t  *tables = store->tables;
    fkv__follow_t  *follow = &tables->follow;

    if (tables->version->edit >= fkv__follow_announced(store)) {
        return FKV_OK;
    }

    follow->pos = follow_pos(store);

    if (follow->fd < 0
        || follow->number != fkv__manifest_pos_number(follow->pos))
    {
        return follow_open(store);
    }

    return follow_read(store);
}


static int
follow_start(fkv_t *store)
{
    fkv__follow_t  *follow = &store->tables->follow;
    int             rc;

    if (follow->busy) {
        return FKV_AGAIN;
    }

    rc = follow_look(store);
    follow->busy = (rc == FKV_AGAIN);

    return rc;
}


int
fkv__follow(fkv_t *store, fkv__follow_wait_t *wait)
{
    int  rc;

    if (store->tables->version->edit >= fkv__follow_announced(store)) {
        return FKV_OK;
    }

    /* A round that is under way looks at the announced edit again. */
    rc = follow_start(store);

    wait->rc = rc;

    if (rc == FKV_AGAIN) {
        fkv__list_append(&store->tables->follow.waits, &wait->link);
    }

    return rc;
}


/* All of the announced position, from the file that is open now. */
static int
follow_load(fkv_t *store)
{
    fkv__follow_t  *follow = &store->tables->follow;
    fkv_str_t       file;
    int             rc;

    file.len = fkv__manifest_pos_len(follow->pos);

    follow->bytes = fkv__alloc(file.len);
    if (follow->bytes == NULL) {
        return FKV_ENOMEM;
    }

    file.data = follow->bytes;

    rc = fkv__file_read(store->fs, follow->fd, follow->bytes, file.len, 0);

    if (rc == FKV_OK) {
        rc = follow_replay(store, file);

    } else if (errno == ENODATA) {
        rc = follow_damaged(store, FKV_ECORRUPT, 0, "file ends too early");

    } else {
        rc = follow_damaged(store, FKV_EIO, 0, "read failed");
    }

    fkv__free(follow->bytes);
    follow->bytes = NULL;

    return rc;
}


/*
 * A helper that starts a new manifest unlinks the old one some time before it
 * announces the new one: then there is nothing to be had but patience.
 */
static int
follow_open_now(fkv_t *store)
{
    static const struct timespec  pause = { 0, 1000000 };
    fkv__follow_t                *follow = &store->tables->follow;
    int                           fd;

    for (unsigned i = 0; ; i++) {
        follow->pos = follow_pos(store);
        follow_name(store);

        fd = store->fs->open(store->fs, store->dir, follow->name, O_RDONLY, 0);

        if (fd != -ENOENT || i == LOAD_TRIES) {
            break;
        }

        (void) nanosleep(&pause, NULL);
    }

    return follow_opened(store, fd);
}


int
fkv__follow_open(fkv_t *store)
{
    fkv__follow_t  *follow = &store->tables->follow;
    int             rc;

    fkv__list_init(&follow->waits);

    /* The second time, if there is one, with the mirror. */

    do {
        rc = follow_open_now(store);

        if (rc == FKV_OK && follow->fd >= 0) {
            rc = follow_load(store);
        }
    } while (rc == FKV_OK && follow->fd < 0);

    return rc;
}


void
fkv__follow_close(fkv_t *store)
{
    fkv__follow_t  *follow = &store->tables->follow;

    if (follow->fd >= 0) {
        fkv__files_close_fd(store, follow->fd);
    }

    fkv__free(follow->bytes);
}


/* What failed once would fail again, and each try wakes us for the next. */
void
fkv__follow_idle(fkv_t *store)
{
    if (follow_pos(store) != store->tables->follow.complained) {
        (void) follow_start(store);
    }
}
