/*
 * store_blob.c - large values on a live store: written, read in pieces,
 * collected, moved, damaged.
 */

#include "disk.h"

#include "format/blob.h"
#include "store/blob_collect.h"
#include "store/blob_move.h"
#include "store/blob_read.h"
#include "store/blob_write.h"

#include <fcntl.h>
#include <sys/stat.h>

#define MEMORY  (8 * 1024 * 1024)
#define LARGE   200000
#define MANY    40

static disk_t   disk;
static uint8_t  bytes[4 * 1024 * 1024];
static uint8_t  copy[4 * 1024 * 1024];


static int
setup(void **state)
{
    (void) state;
    disk_begin(&disk, MEMORY);

    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    disk_end(&disk);

    return 0;
}


/* Bytes that tell which value they are of, and which place of it. */
static fkv_str_t
large(unsigned seed, size_t len)
{
    uint64_t  random = seed * 2654435761ull + 1;

    for (size_t i = 0; i < len; i += 8) {
        uint64_t  n = check_random(&random);

        memcpy(bytes + i, &n, 8);
    }

    return (fkv_str_t) { bytes, len };
}


static int
put_at(const char *key, unsigned seed, size_t len, uint64_t expire_at)
{
    return live_put_at(&disk.live, key, large(seed, len), expire_at, 0);
}


static void
put(const char *key, unsigned seed, size_t len)
{
    assert_int_equal(put_at(key, seed, len, 0), FKV_OK);
}


/* Reads [from, to) in pieces into copy, closes the blob. */
static int
stream(fkv_blob_t *blob, uint64_t from, uint64_t to, uint64_t *got)
{
    bool             done = false;
    fkv_blob_read_t  read = { .blob = blob, .from = from, .to = to,
                              .op = { .on_done = live_done, .data = &done } };
    int              rc;

    *got = 0;

    for ( ;; ) {
        rc = fkv_blob_read(&read);
        assert_int_equal(fkv_in_flight(disk.store), rc == FKV_AGAIN);
        rc = live_wait(&disk.live, &read.op, rc, &done);
        assert_int_equal(fkv_in_flight(disk.store), 0);

        if (rc != FKV_OK) {
            break;
        }

        assert_true(read.piece.len > 0);
        assert_true(read.piece.len <= FKV__BLOB_PIECE_BYTES);
        memcpy(copy + *got, read.piece.data, read.piece.len);
        *got += read.piece.len;
        assert_int_equal(read.from, from + *got);
        done = false;
    }

    fkv_blob_close(blob);

    return rc;
}


/* Takes the blob out of the value. */
static int
open_blob(const char *key, uint64_t snapshot, fkv_blob_t **blob,
    uint64_t *size, uint64_t *version)
{
    bool       done = false;
    fkv_get_t  get = { .store = disk.store, .key = live_str(key),
                       .now_ms = fkv_now_ms(disk.store), .snapshot = snapshot,
                       .op = { .on_done = live_done, .data = &done } };
    int        rc = live_wait(&disk.live, &get.op, fkv_get(&get), &done);

    *blob = NULL;

    if (rc == FKV_OK) {
        assert_null(get.value.data.data);
        *blob = get.value.blob;
        *size = get.value.size;
        *version = get.value.version;
        get.value.blob = NULL;
    }

    fkv_get_done(&get);

    return rc;
}


static uint64_t
expect_at(const char *key, uint64_t snapshot, unsigned seed, size_t len)
{
    fkv_blob_t  *blob;
    uint64_t     size, version, got;

    assert_int_equal(open_blob(key, snapshot, &blob, &size, &version), FKV_OK);
    assert_non_null(blob);
    assert_int_equal(size, len);

    assert_int_equal(stream(blob, 0, UINT64_MAX, &got), FKV_END);
    assert_int_equal(got, len);
    assert_memory_equal(copy, large(seed, len).data, len);

    return version;
}


static uint64_t
expect(const char *key, unsigned seed, size_t len)
{
    return expect_at(key, 0, seed, len);
}


static int
get_code(const char *key)
{
    char  text[8];

    return live_get(&disk.live, key, text, sizeof(text));
}


static unsigned
blob_count(void)
{
    char            path[100];
    unsigned        n = 0;
    DIR            *dir;
    struct dirent  *entry;

    (void) sprintf(path, "%s/blob", disk.live.dir);
    dir = opendir(path);
    assert_non_null(dir);

    while ((entry = readdir(dir)) != NULL) {
        n += (entry->d_name[0] != '.');
    }

    (void) closedir(dir);

    return n;
}


/* What the helper does until it has nothing more to do. */
static void
collect(void)
{
    int  rc, turns = 0;

    do {
        disk_pass(&disk, FKV__BLOB_LOOK_MS);
        rc = fkv__blob_collect(disk.helper);
        assert_true(++turns < 1000);
    } while (rc == FKV_OK);

    assert_int_equal(rc, FKV_END);
    live_loop(&disk.live, 0);
}


/* Nothing is appended to any more. */
static void
idle(void)
{
    disk_pass(&disk, FKV__BLOB_IDLE_MS + 1);
    live_loop(&disk.live, 0);
}


/* Everything in tables, every file settled. */
static void
settle(void)
{
    idle();
    collect();
    (void) live_put(&disk.live, "~", "~");
    disk_flush(&disk);
}


/* What was overwritten or deleted leaves the tables. */
static void
compact(void)
{
    for (unsigned i = 0; i < 4; i++) {
        (void) live_put(&disk.live, "!", "!");
        (void) live_put(&disk.live, "~", "~");
        disk_flush(&disk);
    }

    (void) disk_compact(&disk);
}


static void
reopen(void)
{
    disk_close(&disk);
    disk_open(&disk, MEMORY);
    disk_attach(&disk);
}


static void
large_value_is_read_from_memtable_table_and_after_a_restart(void **state)
{
    static const size_t  lens[] = { 65536, 65532, 131064, LARGE, 1000000 };
    uint64_t             version[5];

    (void) state;
    assert_int_equal(disk.store->options.blob_min, 65536);

    for (unsigned i = 0; i < 5; i++) {
        char  key[2] = { (char) ('a' + i), 0 };

        if (lens[i] >= 65536) {
            put(key, i, lens[i]);
            version[i] = expect(key, i, lens[i]);
        }
    }

    assert_int_equal(disk_count(&disk, FKV__STAT_blob_writes), 4);
    assert_int_equal(blob_count(), 1);

    /* The log holds references only. */
    assert_true(disk.store->seg->log.ready - disk.store->seg->arenas[0].base
                < 1000);

    disk_flush(&disk);
    disk_seal(&disk);
    expect("e", 4, lens[4]);

    for (unsigned round = 0; round < 2; round++) {
        reopen();
        assert_int_equal(expect("a", 0, lens[0]), version[0]);
        assert_int_equal(expect("c", 2, lens[2]), version[2]);
        assert_int_equal(expect("d", 3, lens[3]), version[3]);
        assert_int_equal(expect("e", 4, lens[4]), version[4]);
    }

    assert_int_equal(blob_count(), 1);
}


static void
any_range_is_read_alone(void **state)
{
    uint64_t  random = 7;

    (void) state;
    put("k", 1, 1000000);

    for (unsigned i = 0; i < 100; i++) {
        uint64_t     from = check_random(&random) % 1000000, got;
        uint64_t     to = from + check_random(&random) % (1000100 - from);
        uint64_t     size, version, reads;
        fkv_blob_t  *blob;

        assert_int_equal(open_blob("k", 0, &blob, &size, &version), FKV_OK);
        reads = disk_count(&disk, FKV__STAT_blob_reads);

        assert_int_equal(stream(blob, from, to, &got), FKV_END);
        to = fkv__min(to, 1000000);
        assert_int_equal(got, to - from);
        assert_memory_equal(copy, large(1, 1000000).data + from, got);

        /* And no other piece was read. */
        reads = disk_count(&disk, FKV__STAT_blob_reads) - reads;
        assert_true(reads <= got / FKV__BLOB_PIECE_BYTES + 2);
    }
}


/* As one client may ask for. */
static void
many_loads_at_once_take_turns(void **state)
{
    enum { N = 2 * FKV__BLOB_LOADING_MAX / LARGE };

    static fkv_get_t          gets[N];
    static bool               done[N];
    const fkv__blob_files_t  *files = disk.store->blob_files;
    unsigned                  left = 0;
    bool                      waited = false;
    uint64_t                  until = live_ms() + 60000;

    (void) state;
    put("k", 1, LARGE);

    for (unsigned i = 0; i < N; i++) {
        done[i] = false;
        gets[i] = (fkv_get_t) {
            .store = disk.store, .key = FKV_STR("k"),
            .now_ms = fkv_now_ms(disk.store), .load_max = LARGE,
            .op = { .on_done = live_done, .data = &done[i] }
        };

        assert_int_equal(fkv_get(&gets[i]), FKV_AGAIN);
        left++;
    }

    while (left > 0) {
        live_loop(&disk.live, 100);
        waited |= !fkv__list_empty(&files->loads);
        assert_in_range(files->loading, 0, FKV__BLOB_LOADING_MAX);
        assert_true(live_ms() < until);

        for (unsigned i = 0; i < N; i++) {
            if (done[i]) {
                assert_int_equal(gets[i].op.rc, FKV_OK);
                assert_memory_equal(gets[i].value.data.data,
                                    large(1, LARGE).data, LARGE);
                fkv_get_done(&gets[i]);
                done[i] = false;
                left--;
            }
        }
    }

    assert_true(waited);
    assert_int_equal(files->loading, 0);
    assert_true(fkv__list_empty(&files->loads));
}


static void
get_loads_or_opens_or_does_neither(void **state)
{
    bool       done = false;
    fkv_get_t  get = { .store = disk.store, .key = FKV_STR("k"),
                       .now_ms = fkv_now_ms(disk.store),
                       .op = { .on_done = live_done, .data = &done } };

    (void) state;
    put("k", 1, LARGE);

    for (unsigned flushed = 0; flushed < 2; flushed++) {
        done = false;
        get.load_max = LARGE;
        assert_int_equal(live_wait(&disk.live, &get.op, fkv_get(&get), &done),
                         FKV_OK);
        assert_int_equal(get.value.data.len, LARGE);
        assert_null(get.value.blob);
        assert_memory_equal(get.value.data.data, large(1, LARGE).data, LARGE);
        fkv_get_done(&get);

        done = false;
        get.load_max = LARGE - 1;
        get.head = true;
        assert_int_equal(live_wait(&disk.live, &get.op, fkv_get(&get), &done),
                         FKV_OK);
        assert_int_equal(get.value.size, LARGE);
        assert_null(get.value.blob);
        assert_null(get.value.data.data);
        fkv_get_done(&get);

        /* A blob that is not taken is closed by done. */
        done = false;
        get.head = false;
        assert_int_equal(live_wait(&disk.live, &get.op, fkv_get(&get), &done),
                         FKV_OK);
        assert_non_null(get.value.blob);
        fkv_get_done(&get);

        disk_flush(&disk);
    }
}


typedef struct {
    bool      done;
    unsigned  entries;
    unsigned  loaded;
} scanned_t;


static int
on_entry(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    scanned_t  *scanned = scan->op.data;

    scanned->entries++;
    assert_int_equal(value->size, LARGE + (key.data[1] - '0') * 1000);

    if (value->data.data != NULL) {
        unsigned  seed = (unsigned) (key.data[1] - '0');

        scanned->loaded++;
        assert_int_equal(value->data.len, value->size);
        assert_memory_equal(value->data.data,
                            large(seed, value->size).data, value->size);
    }

    return FKV_OK;
}


static void
on_scanned(fkv_op_t *op)
{
    ((scanned_t *) op->data)->done = true;
}


static void
scan_loads_what_is_not_too_large(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 10; i++) {
        char  key[] = { 'k', (char) ('0' + i), 0 };

        put(key, i, LARGE + i * 1000);

        if (i == 4) {
            disk_flush(&disk);
        }
    }

    for (unsigned round = 0; round < 2; round++) {
        scanned_t   scanned = { 0 };
        fkv_scan_t  scan = { .store = disk.store, .on_entry = on_entry,
                             .now_ms = fkv_now_ms(disk.store),
                             .load_max = round * (LARGE + 5000),
                             .op = { .on_done = on_scanned,
                                     .data = &scanned } };

        assert_int_equal(live_wait(&disk.live, &scan.op, fkv_scan(&scan),
                                   &scanned.done), FKV_OK);
        assert_true(scan.complete);
        assert_int_equal(scanned.entries, 10);
        assert_int_equal(scanned.loaded, round * 6);
    }
}


static int
append_decide(fkv_update_t *u)
{
    static uint8_t  out[1000000];
    fkv_change_t   *change = u->changes;
    fkv_str_t       old = change->current.data;

    assert_true(change->exists);
    assert_int_equal(old.len, change->current.size);

    memcpy(out, old.data, old.len);
    memset(out + old.len, 'z', 10);

    change->action = FKV_PUT;
    change->value = (fkv_str_t) { out, old.len + 10 };

    return FKV_OK;
}


static void
decide_sees_the_bytes_that_it_asks_for(void **state)
{
    uint64_t     size, version, got;
    fkv_blob_t  *blob;

    (void) state;
    put("k", 1, LARGE);

    for (unsigned i = 1; i <= 3; i++) {
        bool          done = false;
        fkv_change_t  change = { .key = FKV_STR("k"), .load = true };
        fkv_update_t  u = { .store = disk.store, .changes = &change, .n = 1,
                            .now_ms = fkv_now_ms(disk.store),
                            .decide = append_decide,
                            .op = { .on_done = live_done, .data = &done } };

        assert_int_equal(live_wait(&disk.live, &u.op, fkv_update(&u), &done),
                         FKV_OK);

        assert_int_equal(open_blob("k", 0, &blob, &size, &version), FKV_OK);
        assert_int_equal(version, change.version);
        assert_int_equal(stream(blob, 0, size, &got), FKV_END);
        assert_int_equal(got, LARGE + 10 * i);
        assert_memory_equal(copy, large(1, LARGE).data, LARGE);
        assert_int_equal(copy[got - 1], 'z');

        disk_flush(&disk);
    }
}


static void
several_large_values_of_one_update_are_all_or_nothing(void **state)
{
    static uint8_t  values[3][LARGE];
    bool            done = false;
    fkv_change_t    changes[3] = {
        { .key = FKV_STR("a"), .blind = true, .action = FKV_PUT },
        { .key = FKV_STR("b"), .blind = true, .action = FKV_PUT,
          .value = FKV_STR("small") },
        { .key = FKV_STR("c"), .blind = true, .action = FKV_PUT }
    };
    fkv_update_t    u = { .store = disk.store, .changes = changes, .n = 3,
                          .now_ms = fkv_now_ms(disk.store),
                          .op = { .on_done = live_done, .data = &done } };

    (void) state;

    memcpy(values[0], large(1, LARGE).data, LARGE);
    memcpy(values[2], large(3, LARGE).data, LARGE);
    changes[0].value = (fkv_str_t) { values[0], LARGE };
    changes[2].value = (fkv_str_t) { values[2], LARGE };

    assert_int_equal(live_wait(&disk.live, &u.op, fkv_update(&u), &done),
                     FKV_OK);
    expect("a", 1, LARGE);
    expect("c", 3, LARGE);
    assert_int_equal(get_code("b"), FKV_OK);
}


/* Feeds [from, to) of a value in pieces of odd sizes. */
static int
feed(fkv_upload_t *up, const uint8_t *value, size_t from, size_t to)
{
    static const size_t  steps[] = { 1, 16384, 70001, 3, 300000, 65532 };
    int                  rc = FKV_OK;

    for (unsigned i = 0; from < to && rc == FKV_OK; i++) {
        size_t  n = fkv__min(steps[i % 6], to - from);
        bool    done = false;

        up->data = (fkv_str_t) { value + from, n };
        up->op.on_done = live_done;
        up->op.data = &done;

        rc = live_wait(&disk.live, &up->op, fkv_upload(up), &done);
        from += n;
    }

    return rc;
}


static int
put_upload(fkv_upload_t *up, const char *key, uint64_t expire_at)
{
    bool          done = false;
    fkv_change_t  change = {
        .key = live_str(key), .blind = true, .action = FKV_PUT,
        .value = { NULL, up->size }, .upload = up, .expire_at = expire_at
    };
    fkv_update_t  u = { .store = disk.store, .changes = &change, .n = 1,
                        .now_ms = fkv_now_ms(disk.store),
                        .op = { .on_done = live_done, .data = &done } };

    return live_wait(&disk.live, &u.op, fkv_update(&u), &done);
}


static void
upload_takes_a_value_as_it_comes(void **state)
{
    static const size_t  sizes[] = { 65536, 65532 * 4, 65532 * 4 + 1, 1000000 };
    static uint8_t       value[1000000];
    fkv_upload_t         up[4] = { { .store = NULL } };
    char                 key[2] = "a";

    (void) state;

    /* Side by side, half of each, then the rest. */
    for (unsigned half = 0; half < 2; half++) {
        for (unsigned i = 0; i < 4; i++) {
            memcpy(value, large(i, sizes[i]).data, sizes[i]);
            key[0] = (char) ('a' + i);

            up[i].store = disk.store;
            up[i].key = live_str(key);
            up[i].size = sizes[i];
            up[i].now_ms = fkv_now_ms(disk.store);

            assert_int_equal(feed(&up[i], value, half ? sizes[i] / 2 : 0,
                                  half ? sizes[i] : sizes[i] / 2), FKV_OK);
            assert_int_equal(get_code(key), FKV_NOTFOUND);
        }
    }

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 4; i++) {
            key[0] = (char) ('a' + i);

            if (round == 0) {
                assert_int_equal(put_upload(&up[i], key, 0), FKV_OK);
                fkv_upload_close(&up[i]);
            }

            expect(key, i, sizes[i]);
        }

        reopen();
    }
}


static void
upload_that_is_closed_or_fails_leaves_dead_bytes(void **state)
{
    static uint8_t  value[1000000];
    fkv_upload_t    up = { .store = disk.store, .key = FKV_STR("k"),
                           .size = sizeof(value) };
    bool            done = false;

    (void) state;
    memcpy(value, large(1, sizeof(value)).data, sizeof(value));

    /* Closed before the file is there, between calls, and during one. */
    assert_int_equal(feed(&up, value, 0, 10), FKV_OK);
    fkv_upload_close(&up);
    fkv_upload_close(&up);

    assert_int_equal(feed(&up, value, 0, 500000), FKV_OK);
    fkv_upload_close(&up);

    up.data = (fkv_str_t) { value, sizeof(value) };
    up.op.on_done = live_done;
    up.op.data = &done;
    assert_int_equal(fkv_upload(&up), FKV_AGAIN);
    live_loop(&disk.live, 10);
    fkv_upload_close(&up);
    assert_int_equal(fkv_in_flight(disk.store), 0);

    for (unsigned i = 0; i < 20; i++) {
        live_loop(&disk.live, 10);
    }

    assert_false(done);

    /* And one that the process's end finds half done. */
    assert_int_equal(feed(&up, value, 0, 400000), FKV_OK);
    reopen();
    up.own = NULL;

    assert_int_equal(get_code("k"), FKV_NOTFOUND);
    collect();
    assert_int_equal(blob_count(), 0);

    up.store = disk.store;
    up.size = fkv_options(disk.store)->value_max + 1;
    assert_int_equal(fkv_upload(&up), FKV_ETOOBIG);
    fkv_upload_close(&up);
}


static void
file_goes_when_nothing_refers_to_it(void **state)
{
    fkv_stats_t  stats;

    (void) state;

    put("a", 1, LARGE);
    put("b", 2, LARGE);
    idle();
    put("c", 3, LARGE);
    assert_int_equal(blob_count(), 2);

    /* Of the first file nothing is left, but the log does not know it yet. */
    assert_int_equal(live_delete(&disk.live, "a"), FKV_OK);
    put("b", 4, 70000);
    collect();
    assert_int_equal(blob_count(), 2);

    (void) disk_compact(&disk);
    disk_flush(&disk);
    (void) disk_compact(&disk);
    collect();
    assert_int_equal(blob_count(), 1);

    expect("b", 4, 70000);
    expect("c", 3, LARGE);

    fkv_stats(disk.store, &stats);
    assert_int_equal(stats.blob_files, 1);
    assert_int_equal(stats.blob_live, fkv__blob_entry_bytes(70000)
                                      + fkv__blob_entry_bytes(LARGE));
    assert_int_equal(stats.blob_missing, 0);
    assert_int_equal(stats.blob_drops, 1);
}


static void
file_that_is_appended_to_or_not_flushed_stays(void **state)
{
    (void) state;

    put("a", 1, LARGE);
    put("a", 2, LARGE);
    disk_flush(&disk);
    collect();
    assert_int_equal(blob_count(), 1);
    expect("a", 2, LARGE);

    /* Sealed, but what names it is in the log only. */
    idle();
    put("b", 3, LARGE);
    idle();
    collect();
    collect();
    expect("b", 3, LARGE);

    reopen();
    collect();
    expect("a", 2, LARGE);
    expect("b", 3, LARGE);
}


static void
file_that_no_record_names_goes(void **state)
{
    char  path[120];
    int   fd;

    (void) state;

    (void) sprintf(path, "%s/blob/000077.blob", disk.live.dir);
    put("a", 1, LARGE);
    disk_close(&disk);

    fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    (void) close(fd);

    disk_open(&disk, MEMORY);
    disk_attach(&disk);

    /* Its number is not given out again. */
    assert_true(disk_state(&disk)->next_blob == 78);
    collect();
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(blob_count(), 1);
    expect("a", 1, LARGE);
}


/* Half of the values die; those that are left move, and keep their version. */
static void
mostly_dead_file_is_emptied_and_versions_stay(void **state)
{
    uint64_t     version[MANY], moved, got, size, v;
    fkv_blob_t  *blob;

    (void) state;

    for (unsigned i = 0; i < MANY; i++) {
        char  key[16];

        (void) sprintf(key, "k%u", i);
        put(key, i, LARGE);
    }

    for (unsigned i = 0; i < MANY; i++) {
        char  key[16];

        (void) sprintf(key, "k%u", i);
        version[i] = expect(key, i, LARGE);
    }

    settle();
    collect();
    assert_int_equal(disk_count(&disk, FKV__STAT_blob_moved_bytes), 0);

    /* Who reads it now goes on reading whatever happens. */
    assert_int_equal(open_blob("k3", 0, &blob, &size, &v), FKV_OK);

    for (unsigned i = 0; i < MANY; i++) {
        char  key[16];

        (void) sprintf(key, "k%u", i);

        if (i % 4 != 3) {
            assert_int_equal(live_delete(&disk.live, key), FKV_OK);
        }
    }

    compact();
    settle();
    collect();

    moved = disk_count(&disk, FKV__STAT_blob_moved_bytes);
    assert_int_equal(moved, MANY / 4 * fkv__blob_entry_bytes(LARGE));

    /* The memtables still say where the values were. */
    settle();
    collect();
    assert_int_equal(blob_count(), 1);

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            char  key[16];

            (void) sprintf(key, "k%u", i);

            if (i % 4 == 3) {
                assert_int_equal(expect(key, i, LARGE), version[i]);

            } else {
                assert_int_equal(get_code(key), FKV_NOTFOUND);
            }
        }

        if (round == 0) {
            assert_int_equal(stream(blob, 0, size, &got), FKV_END);
            assert_int_equal(got, LARGE);
            assert_memory_equal(copy, large(3, LARGE).data, LARGE);
            reopen();
        }
    }
}


static void
expired_bucket_goes_without_being_read(void **state)
{
    uint64_t  now = fkv_now_ms(disk.store), reads;

    (void) state;

    assert_int_equal(put_at("a", 1, LARGE, now + 100000), FKV_OK);
    assert_int_equal(put_at("b", 2, LARGE, now + 110000), FKV_OK);
    put("c", 3, LARGE);
    assert_int_equal(blob_count(), 2);

    settle();
    collect();
    assert_int_equal(blob_count(), 2);
    expect("a", 1, LARGE);

    disk_pass(&disk, 120000);
    reads = disk_count(&disk, FKV__STAT_compaction_read);
    disk_state(&disk)->drops_after_ms = fkv_now_ms(disk.store) + 3600 * 1000;
    collect();
    assert_int_equal(blob_count(), 2);

    disk_state(&disk)->drops_after_ms = 0;
    collect();
    assert_int_equal(blob_count(), 1);
    assert_int_equal(disk_count(&disk, FKV__STAT_compaction_read), reads);

    assert_int_equal(get_code("a"), FKV_NOTFOUND);
    assert_int_equal(get_code("b"), FKV_NOTFOUND);
    expect("c", 3, LARGE);
    assert_int_equal(disk_state(&disk)->blob_missing, 0);
}


static void
damage(uint64_t id, off_t at)
{
    char     path[120];
    uint8_t  byte;
    int      fd;

    (void) sprintf(path, "%s/blob/%06llu.blob", disk.live.dir,
                   (unsigned long long) id);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void) close(fd);
}


static void
flipped_byte_ends_the_stream_before_its_piece(void **state)
{
    fkv_blob_t  *blob;
    uint64_t     size, version, got, corrupt;

    (void) state;

    put("k", 1, LARGE);
    put("l", 2, LARGE);
    damage(1, 64 + 32 + 65536 + 7);
    corrupt = disk_count(&disk, FKV__STAT_errors_corrupt);

    assert_int_equal(open_blob("k", 0, &blob, &size, &version), FKV_OK);
    assert_int_equal(stream(blob, 0, size, &got), FKV_ECORRUPT);
    assert_int_equal(got, FKV__BLOB_PIECE_BYTES);
    assert_memory_equal(copy, large(1, LARGE).data, got);
    assert_non_null(strstr(disk.live.logged, "blob/000001.blob: damaged piece "
                           "at offset 65632"));
    assert_int_equal(disk_count(&disk, FKV__STAT_errors_corrupt), corrupt + 1);

    /* What lies behind it, and its neighbour, can be read. */
    assert_int_equal(open_blob("k", 0, &blob, &size, &version), FKV_OK);
    assert_int_equal(stream(blob, 2 * FKV__BLOB_PIECE_BYTES, size, &got),
                     FKV_END);
    expect("l", 2, LARGE);
}


static void
missing_file_is_named_and_all_else_goes_on(void **state)
{
    char      path[120];
    uint64_t  version;

    (void) state;

    put("a", 1, LARGE);
    idle();
    put("b", 2, LARGE);
    put("c", 3, LARGE);
    assert_int_equal(live_put(&disk.live, "s", "small"), FKV_OK);
    settle();
    collect();

    (void) sprintf(path, "%s/blob/000001.blob", disk.live.dir);
    assert_int_equal(unlink(path), 0);
    version = expect("b", 2, LARGE);

    assert_int_equal(get_code("a"), FKV_ECORRUPT);
    assert_non_null(strstr(disk.live.logged, "blob/000001.blob is missing"));

    collect();
    assert_int_equal(disk_state(&disk)->blob_missing, 1);
    (void) disk_compact(&disk);

    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(get_code("a"), FKV_ECORRUPT);
        assert_int_equal(get_code("s"), FKV_OK);
        assert_int_equal(expect("b", 2, LARGE), version);
        expect("c", 3, LARGE);
        reopen();
        collect();
    }

    /* It can be overwritten, and then nothing is missing. */
    put("a", 4, LARGE);
    settle();
    compact();
    collect();
    expect("a", 4, LARGE);
    assert_int_equal(disk_state(&disk)->blob_missing, 0);
}


/* A value that cannot be read stays where it is, those beside it move. */
static void
damaged_value_is_not_moved(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 10; i++) {
        char  key[16];

        (void) sprintf(key, "k%u", i);
        put(key, i, LARGE);
    }

    damage(1, (off_t) (64 + 9 * fkv__blob_entry_bytes(LARGE) + 40));

    for (unsigned i = 0; i < 8; i++) {
        char  key[16];

        (void) sprintf(key, "k%u", i);
        assert_int_equal(live_delete(&disk.live, key), FKV_OK);
    }

    settle();
    compact();
    collect();
    assert_non_null(strstr(disk.live.logged, "left as it is"));
    settle();
    collect();
    assert_int_equal(blob_count(), 2);

    expect("k8", 8, LARGE);
    assert_int_equal(get_code("k9"), FKV_OK);

    for (unsigned i = 0; i < 2; i++) {
        fkv_blob_t  *blob;
        uint64_t     size, version, got;

        assert_int_equal(open_blob("k9", 0, &blob, &size, &version), FKV_OK);
        assert_int_equal(stream(blob, 0, size, &got), FKV_ECORRUPT);
        reopen();
        collect();
    }
}


/* Whatever call fails, nothing is lost, and the next try does it. */
static void
moving_survives_every_failing_call(void **state)
{
    static const char *const  calls[] = { "open", "pwrite", "pread",
                                          "fdatasync" };

    (void) state;

    for (unsigned c = 0; c < 4; c++) {
        for (unsigned after = 0; after < 40; after++) {
            int   rc;
            bool  hit;

            for (unsigned i = 0; i < 4; i++) {
                char  key[16];

                (void) sprintf(key, "k%u", i);
                put(key, c * 1000 + after * 10 + i, LARGE);
            }

            for (unsigned i = 0; i < 3; i++) {
                char  key[16];

                (void) sprintf(key, "k%u", i);
                assert_int_equal(live_delete(&disk.live, key), FKV_OK);
            }

            settle();
            compact();
            disk_pass(&disk, FKV__BLOB_LOOK_MS);

            disk_break(&disk, calls[c], after % 2 ? EIO : ENOSPC, after);
            rc = fkv__blob_collect(disk.helper);
            hit = (disk.fail_after == 0);
            disk_mend(&disk);

            assert_true(rc == FKV_OK || rc == FKV_END || rc == FKV_EIO
                        || rc == FKV_EFULL);
            expect("k3", c * 1000 + after * 10 + 3, LARGE);

            collect();
            assert_int_equal(blob_count(), 1);
            expect("k3", c * 1000 + after * 10 + 3, LARGE);

            if (!hit) {
                break;
            }
        }
    }

    compact();
    settle();
    collect();
    settle();
    collect();
    assert_int_equal(blob_count(), 1);
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

    const struct CMUnitTest  tests[] = {
        TEST(large_value_is_read_from_memtable_table_and_after_a_restart),
        TEST(any_range_is_read_alone),
        TEST(get_loads_or_opens_or_does_neither),
        TEST(many_loads_at_once_take_turns),
        TEST(scan_loads_what_is_not_too_large),
        TEST(decide_sees_the_bytes_that_it_asks_for),
        TEST(several_large_values_of_one_update_are_all_or_nothing),
        TEST(upload_takes_a_value_as_it_comes),
        TEST(upload_that_is_closed_or_fails_leaves_dead_bytes),
        TEST(file_goes_when_nothing_refers_to_it),
        TEST(file_that_is_appended_to_or_not_flushed_stays),
        TEST(file_that_no_record_names_goes),
        TEST(mostly_dead_file_is_emptied_and_versions_stay),
        TEST(expired_bucket_goes_without_being_read),
        TEST(flipped_byte_ends_the_stream_before_its_piece),
        TEST(missing_file_is_named_and_all_else_goes_on),
        TEST(damaged_value_is_not_moved),
        TEST(moving_survives_every_failing_call),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
