/*
 * disk.h - the helper's work done by hand on a live store, a model of what was
 * written, and the tables read back record by record.
 */

#ifndef FKV_T_DISK_H
#define FKV_T_DISK_H

#include "live.h"

#include "shared/arena.h"
#include "store/compact.h"
#include "store/expire.h"
#include "store/flush.h"
#include "store/log_sync.h"
#include "store/merge.h"
#include "store/recycle.h"
#include "store/source_file.h"
#include "store/switch.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#define DISK_KEYS      600
#define DISK_HOUR      (60 * 60 * 1000ull)
#define DISK_EPOCH_MS  (1700000000ull * 1000)

/* One write of one key. */
typedef struct {
    uint64_t  version;
    uint64_t  expire_at;
    unsigned  value;                /* 0 = deleted */
} disk_write_t;

typedef struct {
    live_t          live;
    fkv_t          *store;
    fkv__helper_t  *helper;         /* no threads */
    const char     *checkpoints;    /* directory, or NULL */
    uint64_t        blob_min;       /* 0 = as usual */
    bool            real_time;      /* else ... */
    uint64_t        passed_ms;      /* ... it stands still but for this */
    uint64_t        stepped_ms;     /* the wall alone */
    uint64_t        random;
    unsigned        values;         /* given out */

    disk_write_t   *writes[DISK_KEYS];
    unsigned        n[DISK_KEYS];

    const char     *fail;           /* name of the call that fails ... */
    int             fail_errno;
    unsigned        fail_after;     /* ... after so many that do not */
    uint64_t        capacity;       /* bytes that files may have, 0 = any */
} disk_t;


static inline uint64_t
disk_wall(const fkv__clock_t *clock)
{
    disk_t  *disk = clock->data;

    return DISK_EPOCH_MS + disk->passed_ms + disk->stepped_ms;
}


static inline uint64_t
disk_boot(const fkv__clock_t *clock)
{
    disk_t  *disk = clock->data;

    return DISK_HOUR + disk->passed_ms;
}


/* Does this call fail? */
static inline bool
disk_fails(const fkv__fs_t *fs, const char *call)
{
    disk_t      *disk = fs->data;
    const char  *fail = __atomic_load_n(&disk->fail, __ATOMIC_ACQUIRE);

    if (fail == NULL || strcmp(fail, call) != 0) {
        return false;
    }

    if (disk->fail_after > 0) {
        disk->fail_after--;
        return false;
    }

    return true;
}


/* Bytes of all files of the store. */
static inline uint64_t
disk_used(const disk_t *disk)
{
    static const char *const  dirs[] = { "", "/log", "/sst", "/blob" };
    uint64_t                  bytes = 0;

    for (unsigned i = 0; i < 4; i++) {
        char            path[100];
        DIR            *dir;
        struct dirent  *entry;
        struct stat     st;

        (void) sprintf(path, "%s%s", disk->live.dir, dirs[i]);
        dir = opendir(path);

        while (dir != NULL && (entry = readdir(dir)) != NULL) {
            if (fstatat(dirfd(dir), entry->d_name, &st, 0) == 0
                && S_ISREG(st.st_mode))
            {
                bytes += (uint64_t) st.st_size;
            }
        }

        if (dir != NULL) {
            (void) closedir(dir);
        }
    }

    return bytes;
}


/* The helper's threads may look while a test changes it. */
static inline uint64_t
disk_capacity(const disk_t *disk)
{
    return __atomic_load_n(&disk->capacity, __ATOMIC_RELAXED);
}


static inline int64_t
disk_room(const fkv__fs_t *fs, int dir)
{
    const disk_t  *disk = fs->data;
    uint64_t       used = disk_used(disk), capacity = disk_capacity(disk);

    return (capacity == 0)
           ? fkv__fs_linux.room(&fkv__fs_linux, dir)
           : (int64_t) (capacity - fkv__min(capacity, used));
}


/* Would a file of this length be too much? */
static inline bool
disk_is_full(const fkv__fs_t *fs, int fd, uint64_t len)
{
    const disk_t  *disk = fs->data;
    struct stat    st;

    return disk_capacity(disk) != 0 && fstat(fd, &st) == 0
           && len > (uint64_t) st.st_size
           && disk_used(disk) + len - (uint64_t) st.st_size
              > disk_capacity(disk);
}


static inline int
disk_allocate(const fkv__fs_t *fs, int fd, uint64_t len)
{
    if (disk_fails(fs, "allocate")) {
        return -((disk_t *) fs->data)->fail_errno;
    }

    return disk_is_full(fs, fd, len)
           ? -ENOSPC : fkv__fs_linux.allocate(&fkv__fs_linux, fd, len);
}


static inline int64_t
disk_pwrite(const fkv__fs_t *fs, int fd, const void *buf, size_t len,
    uint64_t offset)
{
    if (disk_fails(fs, "pwrite")) {
        return -((disk_t *) fs->data)->fail_errno;
    }

    return disk_is_full(fs, fd, offset + len)
           ? -ENOSPC
           : fkv__fs_linux.pwrite(&fkv__fs_linux, fd, buf, len, offset);
}


static inline int64_t
disk_pread(const fkv__fs_t *fs, int fd, void *buf, size_t len,
    uint64_t offset)
{
    if (disk_fails(fs, "pread")) {
        return -((disk_t *) fs->data)->fail_errno;
    }

    return fkv__fs_linux.pread(&fkv__fs_linux, fd, buf, len, offset);
}


/*
 * No test here cuts the power, and thousands of syncs take minutes.  For the
 * same reason the log is written when it is needed, not after each put.
 */
static inline int
disk_fdatasync(const fkv__fs_t *fs, int fd)
{
    (void) fd;

    return disk_fails(fs, "fdatasync") ? -((disk_t *) fs->data)->fail_errno
                                       : 0;
}


static inline int
disk_push(const fkv__fs_t *fs, int fd, uint64_t offset, uint64_t len,
    bool wait)
{
    (void) fd;
    (void) offset;
    (void) len;
    (void) wait;

    return disk_fails(fs, "push") ? -((disk_t *) fs->data)->fail_errno : 0;
}


static inline int
disk_fsync(const fkv__fs_t *fs, int fd)
{
    (void) fd;

    return disk_fails(fs, "fsync") ? -((disk_t *) fs->data)->fail_errno : 0;
}


static inline int
disk_open_file(const fkv__fs_t *fs, int dir, const char *path, int flags,
    mode_t mode)
{
    if (disk_fails(fs, "open")) {
        return -((disk_t *) fs->data)->fail_errno;
    }

    return fkv__fs_linux.open(&fkv__fs_linux, dir, path, flags, mode);
}


static inline int
disk_mkdir(const fkv__fs_t *fs, int dir, const char *path, mode_t mode)
{
    if (disk_fails(fs, "mkdir")) {
        return -((disk_t *) fs->data)->fail_errno;
    }

    return fkv__fs_linux.mkdir(&fkv__fs_linux, dir, path, mode);
}


static inline int
disk_link(const fkv__fs_t *fs, int dir, const char *path, int to_dir,
    const char *to)
{
    if (disk_fails(fs, "link")) {
        return -((disk_t *) fs->data)->fail_errno;
    }

    return fkv__fs_linux.link(&fkv__fs_linux, dir, path, to_dir, to);
}


static inline int
disk_rename_new(const fkv__fs_t *fs, int dir, const char *from,
    const char *to)
{
    if (disk_fails(fs, "rename_new")) {
        return -((disk_t *) fs->data)->fail_errno;
    }

    return fkv__fs_linux.rename_new(&fkv__fs_linux, dir, from, to);
}


static inline void
disk_break(disk_t *disk, const char *call, int cause, unsigned after)
{
    disk->fail_errno = cause;
    disk->fail_after = after;
    __atomic_store_n(&disk->fail, call, __ATOMIC_RELEASE);
}


static inline void
disk_mend(disk_t *disk)
{
    __atomic_store_n(&disk->fail, NULL, __ATOMIC_RELEASE);
}


static inline void
disk_open(disk_t *disk, uint64_t memory)
{
    static fkv__clock_t  clock;
    static fkv__fs_t     fs;
    int                  rc;

    clock = (fkv__clock_t) { disk_wall, disk_boot, disk };

    fs = fkv__fs_linux;
    fs.data = disk;
    fs.open = disk_open_file;
    fs.pwrite = disk_pwrite;
    fs.allocate = disk_allocate;
    fs.room = disk_room;
    fs.pread = disk_pread;
    fs.fdatasync = disk_fdatasync;
    fs.fsync = disk_fsync;
    fs.mkdir = disk_mkdir;
    fs.link = disk_link;
    fs.rename_new = disk_rename_new;
    fs.push = disk_push;

    rc = live_open_with(&disk->live, (fkv_options_t) {
                            .compression = FKV_COMPRESSION_NONE,
                            .checkpoints = disk->checkpoints,
                            .blob_min = disk->blob_min,
                            .memory = memory, .sync = FKV_SYNC_OFF,
                            .clock = disk->real_time ? NULL : &clock,
                            .fs = &fs });
    if (rc != FKV_OK) {
        fail_msg("open: %s", disk->live.error);
    }

    disk->store = disk->live.store;
}


/* This process has the role, and nothing is done that is not asked for. */
static inline void
disk_attach(disk_t *disk)
{
    live_attach(&disk->live, FKV_WORKER);

    disk->store->seg->state.helper = disk->store->slot + 1;
    disk->helper = fkv__helper_new(disk->store);
    assert_non_null(disk->helper);
    assert_int_equal(fkv__helper_open(disk->helper), FKV_OK);
}


static inline void
disk_close(disk_t *disk)
{
    if (disk->helper != NULL) {
        fkv__helper_free(disk->helper);
        disk->helper = NULL;
    }

    if (disk->store != NULL) {
        live_detach_close(&disk->live);
        disk->store = NULL;
    }
}


static inline void
disk_begin(disk_t *disk, uint64_t memory)
{
    memset(disk, 0, sizeof(*disk));
    live_dir(&disk->live);
    disk->live.quiet = true;
    disk->random = 88172645463325252ull;
    disk_open(disk, memory);
    disk_attach(disk);
}


static inline void
disk_end(disk_t *disk)
{
    disk_mend(disk);
    disk_close(disk);
    live_remove(&disk->live);

    for (unsigned i = 0; i < DISK_KEYS; i++) {
        free(disk->writes[i]);
        disk->writes[i] = NULL;
    }
}


static inline void
disk_key(unsigned i, char *out)
{
    (void) sprintf(out, "key%05u", i);
}


/* Values tell which write they are of, and are of many lengths. */
static inline fkv_str_t
disk_value(unsigned value)
{
    static char  text[1200];
    int          n = sprintf(text, "%u:", value);

    memset(text + n, 'a' + (int) (value % 26), sizeof(text) - (size_t) n);

    return (fkv_str_t) { (uint8_t *) text, (size_t) n + value * 7 % 1000 };
}


static inline void
disk_note(disk_t *disk, unsigned key, uint64_t version, unsigned value,
    uint64_t expire_at)
{
    disk_write_t  *writes;

    writes = realloc(disk->writes[key],
                     (disk->n[key] + 1) * sizeof(*writes));
    assert_non_null(writes);

    writes[disk->n[key]++] = (disk_write_t) { version, expire_at, value };
    disk->writes[key] = writes;
}


/* A put, or with value 0 a delete. */
static inline void
disk_write(disk_t *disk, unsigned key, unsigned value, uint64_t expire_at)
{
    bool           done = false;
    char           name[16];
    int            rc;
    fkv_change_t   change = { .blind = true, .expire_at = expire_at };
    fkv_update_t   u = { .store = disk->store, .changes = &change, .n = 1,
                         .now_ms = fkv_now_ms(disk->store),
                         .op = { .on_done = live_done, .data = &done } };

    disk_key(key, name);
    change.key = live_str(name);
    change.action = (value != 0) ? FKV_PUT : FKV_DELETE;
    change.value = (value != 0) ? disk_value(value) : FKV_STR_NULL;

    rc = live_wait(&disk->live, &u.op, fkv_update(&u), &done);
    assert_int_equal(rc, FKV_OK);
    assert_true(change.version != 0);

    disk_note(disk, key, change.version, value, expire_at);
}


static inline void
disk_put(disk_t *disk, unsigned key)
{
    disk_write(disk, key, ++disk->values, 0);
}


static inline void
disk_delete(disk_t *disk, unsigned key)
{
    disk_write(disk, key, 0, 0);
}


/* Of all keys whose name begins so. */
static inline void
disk_delete_prefix(disk_t *disk, const char *prefix)
{
    bool           done = false;
    char           name[16];
    int            rc;
    fkv_change_t   change = { .prefix = true, .key = live_str(prefix),
                              .action = FKV_DELETE };
    fkv_update_t   u = { .store = disk->store, .changes = &change, .n = 1,
                         .now_ms = fkv_now_ms(disk->store),
                         .op = { .on_done = live_done, .data = &done } };

    rc = live_wait(&disk->live, &u.op, fkv_update(&u), &done);
    assert_int_equal(rc, FKV_OK);
    assert_true(change.version != 0);

    for (unsigned key = 0; key < DISK_KEYS; key++) {
        disk_key(key, name);

        if (strncmp(name, prefix, strlen(prefix)) == 0) {
            disk_note(disk, key, change.version, 0, 0);
        }
    }
}


/* All that was written is in the log file. */
static inline void
disk_settle(disk_t *disk)
{
    fkv__log_shm_t  *log = &disk->store->seg->log;
    uint64_t         until = live_ms() + 10000, ready;

    while (__atomic_load_n(&log->written, __ATOMIC_ACQUIRE)
           < (ready = fkv__commit_advance(disk->store)))
    {
        disk->store->lazy_lsn = ready;
        disk->store->lazy_since_ms = 1;         /* long ago: it is due */
        fkv__want_turn(disk->store);
        live_loop(&disk->live, 10);
        assert_true(live_ms() < until);
    }
}


/* Ends the memtable and begins the next. */
static inline void
disk_seal(disk_t *disk)
{
    fkv__segment_shm_t  *seg = disk->store->seg;
    unsigned             id = fkv__set_arena(seg->state.memtables, 0);

    while (fkv__recycle(disk->helper) == FKV_OK) {
        /* go on */
    }

    fkv__arena_seal(&seg->arenas[id], fkv__segment_arena(seg, id));
    assert_int_equal(fkv__switch_arena(disk->store), FKV_OK);
}


static inline void
disk_flush_sealed(disk_t *disk)
{
    disk_settle(disk);
    (void) fkv__log_sync(disk->store);

    while (fkv__flush_wanted(disk->store)) {
        assert_int_equal(fkv__flush(disk->helper), FKV_OK);
    }
}


/* Everything into tables. */
static inline void
disk_flush(disk_t *disk)
{
    disk_flush_sealed(disk);
    disk_seal(disk);
    disk_flush_sealed(disk);
}


static inline unsigned
disk_compact(disk_t *disk)
{
    unsigned  n = 0;
    int       rc;

    while ((rc = fkv__compact(disk->helper)) == FKV_OK) {
        n++;
        assert_true(n < 10000);
    }

    assert_int_equal(rc, FKV_END);

    return n;
}


/* Files in sst/. */
static inline unsigned
disk_files(disk_t *disk)
{
    char            path[100];
    unsigned        n = 0;
    DIR            *dir;
    struct dirent  *entry;

    (void) sprintf(path, "%s/sst", disk->live.dir);
    dir = opendir(path);
    assert_non_null(dir);

    while ((entry = readdir(dir)) != NULL) {
        n += (entry->d_name[0] != '.');
    }

    (void) closedir(dir);

    return n;
}


/* All records of all tables, in order. */
typedef struct {
    fkv__version_t      *version;
    unsigned             n;
    fkv__iter_t         *iters;
    fkv__source_file_t  *sources;
    fkv__merge_t         merge;
} disk_walk_t;


static inline void
disk_walk_begin(disk_t *disk, disk_walk_t *walk)
{
    assert_int_equal(fkv__helper_version(disk->helper, &walk->version),
                     FKV_OK);
    walk->n = 0;

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        walk->n += walk->version->n[level];
    }

    walk->iters = calloc(walk->n + 1, sizeof(*walk->iters));
    walk->sources = calloc(walk->n + 1, sizeof(*walk->sources));

    for (unsigned i = 0; i < walk->n; i++) {
        fkv__source_file_init(&walk->sources[i], &fkv__fs_linux,
                              disk->store->sst_dir, &disk->live.log);
        fkv__iter_init(&walk->iters[i], &walk->sources[i].source,
                       &walk->version->levels[0][i], 1);
    }

    fkv__merge_init(&walk->merge, walk->iters, walk->n);
    fkv__merge_seek(&walk->merge, FKV_STR_NULL, UINT64_MAX);
}


static inline void
disk_walk_end(disk_walk_t *walk)
{
    for (unsigned i = 0; i < walk->n; i++) {
        fkv__iter_done(&walk->iters[i]);
        fkv__source_file_done(&walk->sources[i]);
    }

    free(walk->iters);
    free(walk->sources);
    fkv__version_unpin(walk->version);
}


/* The model's answer at a snapshot: a value, or 0. */
static inline unsigned
disk_expected(const disk_t *disk, unsigned key, uint64_t snapshot,
    uint64_t now_ms)
{
    for (unsigned i = disk->n[key]; i-- > 0; ) {
        const disk_write_t  *w = &disk->writes[key][i];

        if (w->version < snapshot) {
            return (w->expire_at != 0 && w->expire_at <= now_ms) ? 0
                                                                 : w->value;
        }
    }

    return 0;
}


/* The tables' answer to the same question; *records counts what was met. */
static inline void
disk_read(disk_t *disk, uint64_t snapshot, uint64_t now_ms, unsigned *got,
    unsigned *records)
{
    disk_walk_t  walk;
    int          rc;
    unsigned     last = UINT32_MAX, key;

    memset(got, 0, DISK_KEYS * sizeof(*got));
    *records = 0;
    disk_walk_begin(disk, &walk);

    while ((rc = fkv__merge_settle(&walk.merge)) == FKV_OK) {
        const fkv__record_t  *rec = walk.merge.rec;

        (*records)++;
        key = check_number(rec->key, 1 + strlen("key"));
        assert_true(key < DISK_KEYS);

        if (key != last && rec->version < snapshot) {
            last = key;

            if (rec->kind == FKV__RECORD_VALUE
                && !fkv__record_expired(rec, now_ms))
            {
                got[key] = check_number(rec->value, 0);
                check_str(rec->value, disk_value(got[key]));
            }
        }

        fkv__merge_next(&walk.merge);
    }

    assert_int_equal(rc, FKV_END);
    disk_walk_end(&walk);
}


/* Tables and model agree; returns how many records there are. */
static inline unsigned
disk_check(disk_t *disk, uint64_t snapshot)
{
    unsigned  got[DISK_KEYS], records;
    uint64_t  now_ms = fkv_now_ms(disk->store);

    disk_read(disk, snapshot, now_ms, got, &records);

    for (unsigned key = 0; key < DISK_KEYS; key++) {
        unsigned  want = disk_expected(disk, key, snapshot, now_ms);

        if (got[key] != want) {
            fail_msg("key %u at %llu: %u, not %u", key,
                     (unsigned long long) snapshot, got[key], want);
        }
    }

    return records;
}


/* The same through the engine's front door, memtables included. */
static inline void
disk_check_gets(disk_t *disk)
{
    char  name[16], text[1200];

    for (unsigned key = 0; key < DISK_KEYS; key++) {
        unsigned  want, got = 0;
        uint64_t  before = fkv_now_ms(disk->store), after;
        int       rc;

        disk_key(key, name);
        rc = live_get(&disk->live, name, text, sizeof(text));
        after = fkv_now_ms(disk->store);
        want = disk_expected(disk, key, UINT64_MAX, before);

        if (rc == FKV_OK) {
            assert_int_equal(sscanf(text, "%u:", &got), 1);

        } else {
            assert_int_equal(rc, FKV_NOTFOUND);
        }

        /* It may have expired between. */

        if (got != want
            && got != disk_expected(disk, key, UINT64_MAX, after))
        {
            fail_msg("get of key %u: %u, not %u", key, got, want);
        }
    }
}


/* n random writes; with expiry, some live for up to 100 s. */
static inline void
disk_churn(disk_t *disk, unsigned n, bool expiry)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned  key = (unsigned) (check_random(&disk->random) % DISK_KEYS);
        unsigned  what = (unsigned) (check_random(&disk->random) % 10);

        if (what < 3) {
            disk_delete(disk, key);

        } else if (what < 6 && expiry) {
            disk_write(disk, key, ++disk->values, fkv_now_ms(disk->store) + 1
                       + check_random(&disk->random) % 100000);

        } else {
            disk_put(disk, key);
        }
    }
}


/* The wall, and the machine, are later by this. */
static inline void
disk_pass(disk_t *disk, uint64_t ms)
{
    disk->passed_ms += ms;
}


static inline fkv__state_shm_t *
disk_state(disk_t *disk)
{
    return &disk->store->seg->state;
}


static inline uint64_t
disk_count(const disk_t *disk, unsigned counter)
{
    return __atomic_load_n(&disk->store->own->stats[counter],
                           __ATOMIC_RELAXED);
}


#endif /* FKV_T_DISK_H */
