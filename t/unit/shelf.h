/*
 * shelf.h - tables and a manifest made by hand, and a worker that reads them:
 * the read side of a store without the rest of an engine.
 */

#ifndef FKV_T_SHELF_H
#define FKV_T_SHELF_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "check.h"
#include "forget.h"
#include "base/hash.h"
#include "shared/arena.h"
#include "store/catalog.h"
#include "store/table_file.h"
#include "store/tables.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#define SHELF_VISIBLE  1000000

typedef struct {
    char                    dir[64];
    fkv_t                   store;
    fkv__catalog_t          catalog;
    fkv_log_t               log;
    unsigned                logs;           /* messages of WARN and worse */
    char                    logged[1024];   /* the last one */
} shelf_t;


static inline void
shelf_log(void *data, fkv_log_level_e level, const char *text)
{
    shelf_t  *shelf = data;

    if (level <= FKV_LOG_WARN) {
        shelf->logs++;
        (void) snprintf(shelf->logged, sizeof(shelf->logged), "%s", text);
    }
}


static inline void
shelf_on_turn(void *data)
{
    (void) data;
}


static inline void
shelf_announce(shelf_t *shelf)
{
    fkv__state_shm_t  *state = &shelf->store.seg->state;

    state->manifest = fkv__manifest_pos(shelf->catalog.number,
                                        shelf->catalog.len);
    state->edit = shelf->catalog.version->edit;
}


/* A directory with an empty store. */
static inline void
shelf_make(shelf_t *shelf)
{
    fkv_t           *store = &shelf->store;
    fkv__version_t  *version = fkv__version_new();

    memset(shelf, 0, sizeof(*shelf));
    strcpy(shelf->dir, "/var/tmp/fkv-unit-XXXXXX");
    assert_non_null(mkdtemp(shelf->dir));
    shelf->log = (fkv_log_t) { shelf_log, shelf };

    store->path = shelf->dir;
    store->log = &shelf->log;
    store->fs = &fkv__fs_linux;
    store->clock = &fkv__clock_linux;
    store->options.sync = FKV_SYNC_ALWAYS;
    store->options.compression = FKV_COMPRESSION_NONE;
    store->on_turn = shelf_on_turn;
    store->dir = open(shelf->dir, O_RDONLY | O_DIRECTORY);
    assert_int_equal(mkdirat(store->dir, "sst", 0700), 0);
    store->sst_dir = openat(store->dir, "sst", O_RDONLY | O_DIRECTORY);
    store->eventfds[0] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    fkv__list_init(&store->durable_waiters);
    fkv__list_init(&store->retry);
    fkv__list_init(&store->runnable);
    fkv__list_init(&store->uploads);

    assert_int_equal(fkv__segment_create(FKV_MEMORY_MIN, &store->seg), FKV_OK);
    fkv__arena_reset(&store->seg->arenas[0],
                     (uint32_t) store->seg->arena_bytes);
    store->seg->arenas[0].base = SHELF_VISIBLE;
    store->seg->state.memtables = fkv__set_make(0, 1, 1);
    store->seg->log.ready = SHELF_VISIBLE;
    store->seg->log.durable = SHELF_VISIBLE;
    store->own = &store->seg->slots[0];

    version->edit = 1;
    shelf->catalog = (fkv__catalog_t) {
        .fs = &fkv__fs_linux, .dir = store->dir,
        .uid = (uid_t) -1, .gid = (gid_t) -1
    };
    assert_int_equal(fkv__catalog_rotate(&shelf->catalog, version), FKV_OK);
    shelf_announce(shelf);
}


/* A worker attaches to it. */
static inline int
shelf_open(shelf_t *shelf, const fkv__io_ops_t *ops)
{
    fkv_t  *store = &shelf->store;

    assert_int_equal(fkv__io_open(&store->io, ops, 64, store->eventfds[0],
                                  store->log), FKV_OK);

    return fkv__tables_open(store);
}


static inline void
shelf_close(shelf_t *shelf)
{
    fkv__io_close(&shelf->store.io);
    fkv__tables_close(&shelf->store);
}


static inline int
shelf_unlink(const char *path, const struct stat *st, int flag,
    struct FTW *ftw)
{
    (void) st;
    (void) flag;
    (void) ftw;

    return remove(path);
}


static inline void
shelf_remove(shelf_t *shelf)
{
    fkv__catalog_close(&shelf->catalog);
    fkv__segment_unmap(shelf->store.seg);

    (void) close(shelf->store.eventfds[0]);
    (void) close(shelf->store.sst_dir);
    (void) close(shelf->store.dir);
    (void) nftw(shelf->dir, shelf_unlink, 16, FTW_DEPTH | FTW_PHYS);
}


/* One turn of the event loop. */
static inline void
shelf_loop(shelf_t *shelf)
{
    fkv_t          *store = &shelf->store;
    struct pollfd   pfd = { store->eventfds[0], POLLIN, 0 };
    fkv_link_t      ops;

    fkv__io_flush(&store->io);

    if (poll(&pfd, 1, 5000) == 0) {
        fail_msg("nothing happens");
    }

    store->turn_wanted = false;
    (void) fkv__io_reap(&store->io);
    fkv__tables_poll(store);

    fkv__list_take(&ops, &store->runnable);

    while (!fkv__list_empty(&ops)) {
        fkv_op_t  *op = fkv__container(ops.next, fkv_op_t, link);

        fkv__list_remove(&op->link);
        fkv__op_run(op);
    }
}


static inline uint64_t
shelf_stat(const shelf_t *shelf, unsigned which)
{
    return shelf->store.own->stats[which];
}


/* The internal key of a number, in the order of numbers. */
static inline fkv_str_t
shelf_key(unsigned number, uint8_t room[32])
{
    char    text[16];
    size_t  len = (size_t) sprintf(text, "key%06u", number);

    len = fkv__key_encode(room, 0, (fkv_str_t) { (uint8_t *) text, len });

    return (fkv_str_t) { room, len };
}


/* One table under construction. */
typedef struct {
    fkv__table_file_t  file;
} shelf_table_t;


static inline void
shelf_table(shelf_t *shelf, shelf_table_t *table, uint64_t id)
{
    fkv__table_options_t  options;

    fkv__table_options(&shelf->store.options, &options);
    assert_int_equal(fkv__table_file_open(&table->file, &fkv__fs_linux,
                                          shelf->store.sst_dir, id,
                                          (uid_t) -1, (gid_t) -1, &options),
                     FKV_OK);
}


/* value NULL: a tombstone. */
static inline void
shelf_record(shelf_table_t *table, unsigned number, uint64_t version,
    const char *value)
{
    uint8_t        room[32];
    fkv__record_t  rec = { .kind = FKV__RECORD_TOMBSTONE };

    rec.key = shelf_key(number, room);
    rec.version = version;

    if (value != NULL) {
        rec.kind = FKV__RECORD_VALUE;
        rec.value = (fkv_str_t) { (const uint8_t *) value, strlen(value) };
    }

    assert_int_equal(fkv__table_file_add(&table->file, &rec), FKV_OK);
}


static inline void
shelf_put(shelf_table_t *table, fkv__edit_t *edit, unsigned level)
{
    fkv__table_info_t  info;

    assert_int_equal(fkv__table_file_finish(&table->file, &info), FKV_OK);
    assert_int_equal(fkv__edit_add(edit, level, &info), FKV_OK);
    fkv__table_info_done(&info);
}


/* Appends and announces the edit, which is empty again afterwards. */
static inline void
shelf_edit(shelf_t *shelf, fkv__edit_t *edit)
{
    assert_int_equal(fkv__catalog_append(&shelf->catalog, edit), FKV_OK);
    fkv__edit_done(edit);
    shelf_announce(shelf);
}


/* A table of its own with n keys from first on, each so many versions. */
static inline void
shelf_add(shelf_t *shelf, uint64_t id, unsigned level, unsigned first,
    unsigned n, uint64_t version, const char *value)
{
    shelf_table_t  table;
    fkv__edit_t    edit;

    fkv__edit_init(&edit);
    shelf_table(shelf, &table, id);

    for (unsigned i = 0; i < n; i++) {
        shelf_record(&table, first + i, version + i, value);
    }

    shelf_put(&table, &edit, level);
    shelf_edit(shelf, &edit);
}


static inline void
shelf_drop(shelf_t *shelf, uint64_t id)
{
    fkv__edit_t  edit;

    fkv__edit_init(&edit);
    assert_int_equal(fkv__edit_drop(&edit, id), FKV_OK);
    shelf_edit(shelf, &edit);
}


/* Changes one byte of sst/ID.sst. */
static inline void
shelf_flip(shelf_t *shelf, uint64_t id, uint64_t offset)
{
    char     name[40];
    uint8_t  byte;
    int      fd;

    fkv__table_name(name, id);
    fd = openat(shelf->store.sst_dir, name, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t) offset), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t) offset), 1);
    (void) close(fd);
}


static inline void
shelf_unlink_table(shelf_t *shelf, uint64_t id)
{
    char  name[40];

    fkv__table_name(name, id);
    assert_int_equal(unlinkat(shelf->store.sst_dir, name, 0), 0);
}


/* A point read as an operation of its own. */
typedef struct {
    fkv_op_t       op;
    fkv__lookup_t  lookup;
    uint8_t        room[32];
    bool           ended;
} shelf_read_t;


static inline fkv__turn_e
shelf_read_step(fkv_op_t *op)
{
    shelf_read_t  *read = fkv__container(op, shelf_read_t, op);

    if (op->state == 0) {
        op->state = 1;

        if (fkv__lookup_start(&read->lookup) == FKV_AGAIN) {
            return FKV__TURN_WAIT;
        }
    }

    return fkv__op_end(op, read->lookup.rc);
}


static inline void
shelf_read_done(fkv_op_t *op)
{
    fkv__container(op, shelf_read_t, op)->ended = true;
}


/* FKV_AGAIN: wait for it. */
static inline int
shelf_read(shelf_t *shelf, shelf_read_t *read, unsigned number,
    uint64_t below)
{
    int  rc;

    memset(read, 0, sizeof(*read));
    read->op.on_done = shelf_read_done;
    read->lookup.store = &shelf->store;
    read->lookup.op = &read->op;
    read->lookup.ikey = shelf_key(number, read->room);
    read->lookup.hash = fkv__hash(read->lookup.ikey);
    read->lookup.below = below;

    rc = fkv__op_start(&read->op, "read", shelf_read_step, 0);
    read->ended = (rc != FKV_AGAIN);

    return rc;
}


static inline int
shelf_wait(shelf_t *shelf, shelf_read_t *read)
{
    while (!read->ended) {
        shelf_loop(shelf);
    }

    return read->op.rc;
}


/* The whole of it; version and value are what is expected with FKV_OK. */
static inline void
shelf_check(shelf_t *shelf, unsigned number, uint64_t below, int rc,
    uint64_t version, const char *value)
{
    shelf_read_t  read;

    (void) shelf_read(shelf, &read, number, below);
    assert_int_equal(shelf_wait(shelf, &read), rc);

    if (rc == FKV_OK) {
        assert_int_equal(read.lookup.rec.version, version);
        check_str(read.lookup.rec.value,
                  (fkv_str_t) { (const uint8_t *) value, strlen(value) });
    }

    fkv__lookup_done(&read.lookup);
}


#endif /* FKV_T_SHELF_H */
