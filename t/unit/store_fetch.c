/*
 * store_fetch.c - reads from disk: many at once, ahead of their need, failing,
 * and with nothing kept.
 */

#include "shelf.h"
#include "disk.h"
#include "store/update.h"

#define MEMORY  FKV_MEMORY_MIN
#define BATCH   100

static shelf_t  shelf;
static disk_t   disk;


/* Io_uring or threads, but the n-th read fails, and every n-th after it. */
static const fkv__io_ops_t  *failing_io;
static unsigned              fail_every;    /* 0 = none */
static unsigned              reads_n;
static unsigned              failed_n;


static void
failing_submit(fkv__io_t *io, fkv__io_req_t *req)
{
    if (req->kind == FKV__IO_READ && fail_every != 0
        && ++reads_n % fail_every == 0)
    {
        failed_n++;
        req->fd = -1;
    }

    failing_io->submit(io, req);
}


/* A slow disk: of the reads that wait one begins each time we look. */
static fkv_link_t  slow_reads;


static void
slow_submit(fkv__io_t *io, fkv__io_req_t *req)
{
    if (req->kind != FKV__IO_READ) {
        fkv__io_pool.submit(io, req);
        return;
    }

    fkv__list_append(&slow_reads, &req->link);
    fkv__io_signal(io->eventfd);
}


static unsigned
slow_reap(fkv__io_t *io)
{
    unsigned     n = fkv__io_pool.reap(io);
    fkv_link_t  *link = slow_reads.next;

    if (link != &slow_reads) {
        fkv__list_remove(link);
        fkv__io_pool.submit(io, fkv__container(link, fkv__io_req_t, link));
        fkv__io_pool.flush(io);
    }

    if (!fkv__list_empty(&slow_reads)) {
        fkv__io_signal(io->eventfd);
    }

    return n;
}


static fkv__io_ops_t *
slow_ops(void)
{
    static fkv__io_ops_t  slow;

    fkv__list_init(&slow_reads);
    slow = fkv__io_pool;
    slow.submit = slow_submit;
    slow.reap = slow_reap;

    return &slow;
}


static fkv__io_ops_t *
failing_ops(const fkv__io_ops_t *ops)
{
    static fkv__io_ops_t  failing;

    failing_io = ops;
    fail_every = 0;
    reads_n = 0;
    failed_n = 0;
    failing = *ops;
    failing.submit = failing_submit;

    return &failing;
}


static int
setup(void **state)
{
    (void) state;
    shelf_make(&shelf);
    return shelf_open(&shelf, NULL);
}


static int
setup_pool(void **state)
{
    (void) state;
    shelf_make(&shelf);
    return shelf_open(&shelf, &fkv__io_pool);
}


static int
setup_slow(void **state)
{
    (void) state;
    shelf_make(&shelf);
    return shelf_open(&shelf, slow_ops());
}


static int
setup_failing(void **state)
{
    (void) state;
    shelf_make(&shelf);
    return shelf_open(&shelf, failing_ops(&fkv__io_pool));
}


static int
teardown(void **state)
{
    (void) state;
    shelf_close(&shelf);
    shelf_remove(&shelf);
    return 0;
}


static int
disk_setup(void **state)
{
    (void) state;
    disk_begin(&disk, MEMORY);
    return 0;
}


static int
disk_teardown(void **state)
{
    (void) state;
    disk_end(&disk);
    return 0;
}


/* What was written is in several tables, and none of it in memory. */
static void
disk_write_and_reopen(void)
{
    for (unsigned i = 0; i < 4; i++) {
        disk_churn(&disk, 500, false);
        disk_flush(&disk);
    }

    disk_close(&disk);
    disk_open(&disk, MEMORY);
    disk_attach(&disk);
}


static bool
filter_is_asked(const fkv__table_t *table, const shelf_read_t *read)
{
    uint64_t  page = fkv__filter_page(read->lookup.hash,
                                      table->info.filter_pages);

    return fkv__fetch_find(&shelf.store.tables->fetches, table->info.id,
                           table->info.filter_offset
                           + page * FKV__FILTER_PAGE_BYTES) != NULL;
}


static void
filters_of_all_levels_are_read_at_once(void **state)
{
    shelf_read_t           read;
    const fkv__version_t  *version;

    (void) state;

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        shelf_add(&shelf, level + 1, level, 0, 100, 9000 - 1000 * level, "v");
    }

    shelf_add(&shelf, 50, 0, 0, 100, 9500, "newest");
    shelf_add(&shelf, 51, 0, 500, 100, 9700, "elsewhere");

    fkv__tables_poll(&shelf.store);
    shelf_loop(&shelf);

    assert_int_equal(shelf_read(&shelf, &read, 5, UINT64_MAX), FKV_AGAIN);
    version = shelf.store.tables->version;
    assert_int_equal(version->n[0], 3);

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        for (unsigned i = 0; i < version->n[level]; i++) {
            const fkv__table_t  *table = version->levels[level][i];

            assert_int_equal(filter_is_asked(table, &read),
                             table->info.id != 51);
        }
    }

    assert_int_equal(shelf_wait(&shelf, &read), FKV_OK);
    assert_int_equal(read.lookup.rec.version, 9505);
    fkv__lookup_done(&read.lookup);
}


typedef struct {
    fkv_scan_t  scan;
    unsigned    entries;
    bool        ended;
} walk_t;


static int
on_entry(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    walk_t  *walk = fkv__container(scan, walk_t, scan);
    char     text[16];

    (void) sprintf(text, "key%06u", walk->entries);
    check_str(key, live_str(text));
    assert_int_equal(value->version, 100 + walk->entries);
    walk->entries++;

    return FKV_OK;
}


static void
on_walked(fkv_op_t *op)
{
    fkv__container(fkv__container(op, fkv_scan_t, op), walk_t, scan)->ended
        = true;
}


/* All of table 1; the most reads that were in flight at once. */
static int
walk_all(unsigned limit, unsigned *in_flight)
{
    int     rc;
    walk_t  walk = { .scan = { .store = &shelf.store, .now_ms = 1000,
                               .limit = limit, .on_entry = on_entry,
                               .op = { .on_done = on_walked } } };

    *in_flight = 0;
    rc = fkv_scan(&walk.scan);

    while (rc == FKV_AGAIN && !walk.ended) {
        shelf_loop(&shelf);
        *in_flight = fkv__max(*in_flight, shelf.store.io.in_flight);
    }

    if (rc == FKV_AGAIN) {
        rc = walk.scan.op.rc;
    }

    if (rc == FKV_OK) {
        assert_int_equal(walk.entries, limit != 0 ? limit : 20000);
    }

    while (shelf.store.io.in_flight > 0) {
        shelf_loop(&shelf);
    }

    return rc;
}


static void
a_scan_reads_ahead_when_it_goes_on(void **state)
{
    unsigned  in_flight;

    (void) state;

    shelf_add(&shelf, 1, 3, 0, 20000, 100, "value");

    assert_int_equal(walk_all(0, &in_flight), FKV_OK);
    assert_in_range(in_flight, 8, FKV__ITER_AHEAD_BYTES / 2048);

    /* A short one reads its own block and nothing more. */
    forget_blocks(shelf.store.seg);
    assert_int_equal(walk_all(10, &in_flight), FKV_OK);
    assert_true(in_flight <= 1);
}


static void
a_scan_of_cached_blocks_reads_nothing(void **state)
{
    unsigned  in_flight;
    uint64_t  reads;

    (void) state;

    shelf_add(&shelf, 1, 3, 0, 20000, 100, "v");

    for (unsigned i = 0; i < 2; i++) {
        reads = shelf_stat(&shelf, FKV__STAT_block_reads);
        assert_int_equal(walk_all(3000, &in_flight), FKV_OK);
    }

    assert_int_equal(in_flight, 0);
    assert_int_equal(shelf_stat(&shelf, FKV__STAT_block_reads), reads);
}


static void
any_read_may_fail(void **state)
{
    enum { N = 20 };
    unsigned  in_flight, answers[2] = { 0, 0 };

    (void) state;

    shelf_add(&shelf, 1, 3, 0, 20000, 100, "value");
    shelf_check(&shelf, 5, UINT64_MAX, FKV_OK, 105, "value");

    for (fail_every = 1; fail_every < 40; fail_every++) {
        shelf_read_t  reads[N];
        int           rc;

        forget_blocks(shelf.store.seg);

        for (unsigned i = 0; i < N; i++) {
            (void) shelf_read(&shelf, &reads[i], 900 * i, UINT64_MAX);
        }

        for (unsigned i = 0; i < N; i++) {
            rc = shelf_wait(&shelf, &reads[i]);
            assert_true(rc == FKV_OK || rc == FKV_EIO);
            answers[rc == FKV_OK]++;

            if (rc == FKV_OK) {
                assert_int_equal(reads[i].lookup.rec.version, 100 + 900 * i);
            }

            fkv__lookup_done(&reads[i].lookup);
        }

        rc = walk_all(0, &in_flight);
        assert_true(rc == FKV_OK || rc == FKV_EIO);
    }

    assert_true(answers[0] > N);
    assert_true(answers[1] > N);
    assert_int_equal(shelf_stat(&shelf, FKV__STAT_errors_io), failed_n);
    assert_int_equal(shelf.store.own->reading, 0);

    fail_every = 0;
    assert_int_equal(walk_all(0, &in_flight), FKV_OK);
}


static int
decide_nothing(fkv_update_t *u)
{
    (void) u;
    return FKV_OK;
}


static void
keys_of_one_update_are_read_at_once(void **state)
{
    static fkv_change_t  changes[BATCH];
    static char          names[BATCH][16];
    bool                 done = false;
    int                  rc;
    fkv_update_t         u = { .changes = changes, .n = BATCH,
                               .decide = decide_nothing,
                               .op = { .on_done = live_done,
                                       .data = &done } };

    (void) state;

    disk_write_and_reopen();

    memset(changes, 0, sizeof(changes));
    u.store = disk.store;
    u.now_ms = fkv_now_ms(disk.store);

    for (unsigned i = 0; i < BATCH; i++) {
        disk_key(3 * i, names[i]);
        changes[i].key = live_str(names[i]);
    }

    rc = fkv_update(&u);
    assert_int_equal(rc, FKV_AGAIN);
    assert_true(u.own->looking > 20);
    assert_int_equal(live_wait(&disk.live, &u.op, rc, &done), FKV_OK);

    for (unsigned i = 0; i < BATCH; i++) {
        assert_int_equal(changes[i].exists,
                         disk_expected(&disk, 3 * i, UINT64_MAX, u.now_ms)
                         != 0);
    }
}


/* Somebody who stands still in the middle of an eviction. */
static void
all_can_be_read_though_nothing_is_kept(void **state)
{
    uint64_t  fills;

    (void) state;

    disk_write_and_reopen();
    fkv__blocks(disk.store->seg)->evictor = 100;

    for (unsigned round = 0; round < 2; round++) {
        disk_check_gets(&disk);
        (void) disk_churn(&disk, 200, false);
    }

    fills = disk_count(&disk, FKV__STAT_block_fills);
    assert_int_equal(fills, 0);
    assert_true(disk_count(&disk, FKV__STAT_block_reads) > DISK_KEYS);
    fkv__blocks(disk.store->seg)->evictor = FKV__NOBODY;
}


static void
all_can_be_read_while_somebody_reads_for_ever(void **state)
{
    (void) state;

    disk_write_and_reopen();
    disk.store->seg->slots[100].reading = 1;

    for (unsigned round = 0; round < 4; round++) {
        disk_check_gets(&disk);
    }

    disk.store->seg->slots[100].reading = 0;
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)
#define POOL(name)                                                            \
    { #name "_with_threads", name, setup_pool, teardown, NULL }
#define DISK(name)                                                            \
    cmocka_unit_test_setup_teardown(name, disk_setup, disk_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(filters_of_all_levels_are_read_at_once),
        cmocka_unit_test_setup_teardown(a_scan_reads_ahead_when_it_goes_on,
                                        setup_slow, teardown),
        TEST(a_scan_of_cached_blocks_reads_nothing),
        POOL(filters_of_all_levels_are_read_at_once),
        cmocka_unit_test_setup_teardown(any_read_may_fail, setup_failing,
                                        teardown),
        DISK(keys_of_one_update_are_read_at_once),
        DISK(all_can_be_read_though_nothing_is_kept),
        DISK(all_can_be_read_while_somebody_reads_for_ever),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
