/*
 * store_scan.c - ordered scans, over tables made by hand and in a living store
 * that writes, flushes and compacts under them.
 */

#include "shelf.h"
#include "live.h"
#include "store/scan.h"

static shelf_t  shelf;
static live_t   live;


static int
shelf_setup(void **state)
{
    (void) state;
    shelf_make(&shelf);
    return shelf_open(&shelf, NULL);
}


static int
shelf_teardown(void **state)
{
    (void) state;
    shelf_close(&shelf);
    shelf_remove(&shelf);
    return 0;
}


static int
live_setup(void **state)
{
    (void) state;
    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_OFF);
    live_attach(&live, FKV_WORKER);
    return 0;
}


static int
live_teardown(void **state)
{
    (void) state;
    live_detach_close(&live);
    live_remove(&live);
    return 0;
}


/* A scan that keeps what it was given as lines "key=value". */
typedef struct {
    fkv_scan_t  scan;
    bool        ended;
    fkv__buf_t  got;
    unsigned    entries;
    unsigned    stop_at;        /* on_entry answers FKV_GONE to this entry */
    unsigned    leap;           /* on_entry wants none of the next so many */
    fkv_str_t   seek;           /* what on_entry says, if not empty */
    char        to[16];         /* zeros behind it at first */
} walk_t;


static int
on_entry(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    walk_t     *walk = fkv__container(scan, walk_t, scan);
    fkv_str_t   data = value->data;

    if (walk->stop_at != 0 && walk->entries + 1 == walk->stop_at) {
        return FKV_GONE;
    }

    walk->entries++;
    assert_true(value->version != 0);

    assert_int_equal(fkv__buf_append(&walk->got, key.data, key.len), FKV_OK);
    assert_int_equal(fkv__buf_append(&walk->got, "=", 1), FKV_OK);
    assert_int_equal(fkv__buf_append(&walk->got, data.data, data.len),
                     FKV_OK);
    assert_int_equal(fkv__buf_append(&walk->got, "\n", 1), FKV_OK);

    assert_int_equal(scan->seek.len, 0);
    scan->seek = walk->seek;

    if (walk->leap != 0) {
        assert_int_equal(key.len, strlen("key000000"));
        memcpy(walk->to, key.data, key.len);
        (void) sprintf(walk->to, "key%06u", 1 + walk->leap
                       + (unsigned) atoi(walk->to + strlen("key")));
        scan->seek = live_str(walk->to);
    }

    return FKV_OK;
}


static void
on_scan_done(fkv_op_t *op)
{
    fkv__container(fkv__container(op, fkv_scan_t, op), walk_t, scan)->ended
        = true;
}


static void
walk_init(walk_t *walk, fkv_t *store)
{
    memset(walk, 0, sizeof(*walk));
    walk->scan.store = store;
    walk->scan.now_ms = 1000;
    walk->scan.on_entry = on_entry;
    walk->scan.op.on_done = on_scan_done;
}


static int
walk_start(walk_t *walk)
{
    int  rc = fkv_scan(&walk->scan);

    walk->ended = (rc != FKV_AGAIN);
    walk->scan.op.rc = rc;

    return rc;
}


/* How many positions the process publishes. */
static unsigned
held(const fkv_t *store)
{
    unsigned  n = (store->own->snapshot != 0);

    for (unsigned i = 0; i < FKV__SLOT_SNAPSHOTS; i++) {
        n += (store->own->snapshots[i] != 0);
    }

    return n;
}


static int
walk_wait(walk_t *walk)
{
    while (!walk->ended) {
        if (walk->scan.store == &shelf.store) {
            shelf_loop(&shelf);

        } else {
            live_loop(&live, 100);
        }
    }

    assert_null(walk->scan.own);
    assert_int_equal(fkv_in_flight(walk->scan.store), 0);
    assert_int_equal(held(walk->scan.store), 0);
    assert_int_equal(walk->scan.store->pins, 0);

    return walk->scan.op.rc;
}


static int
walk_run(walk_t *walk)
{
    (void) walk_start(walk);

    return walk_wait(walk);
}


/* What it got must be text; it is empty again afterwards. */
static void
check_got(walk_t *walk, const char *text, bool complete)
{
    assert_int_equal(fkv__buf_append(&walk->got, "", 1), FKV_OK);
    assert_string_equal((char *) walk->got.data, text);
    assert_int_equal(walk->scan.complete, complete);

    fkv__buf_done(&walk->got);
    walk->entries = 0;
}


static void
fruit(void)
{
    assert_int_equal(live_put(&live, "apple", "1"), FKV_OK);
    assert_int_equal(live_put(&live, "apricot", "2"), FKV_OK);
    assert_int_equal(live_put(&live, "banana", "3"), FKV_OK);
    assert_int_equal(live_put(&live, "cherry", "4"), FKV_OK);
    assert_int_equal(live_put(&live, "apple", "5"), FKV_OK);
    assert_int_equal(live_put(&live, "blackberry", "6"), FKV_OK);
    assert_int_equal(live_delete(&live, "banana"), FKV_OK);
    assert_int_equal(live_put_at(&live, "avocado", live_str("7"), 1000,
                                 FKV_SYNC_DEFAULT), FKV_OK);
    assert_int_equal(live_put_at(&live, "blueberry", live_str("8"), 1001,
                                 FKV_SYNC_DEFAULT), FKV_OK);
}


#define ALL  "apple=5\napricot=2\nblackberry=6\nblueberry=8\ncherry=4\n"

static void
what_there_is_is_walked_in_order(void **state)
{
    walk_t  walk;

    (void) state;

    walk_init(&walk, live.store);
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, "", true);

    fruit();
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, ALL, true);

    walk.scan.ns = 3;
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, "", true);
}


static void
a_range_is_what_was_asked_for(void **state)
{
    walk_t  walk;

    (void) state;

    fruit();
    walk_init(&walk, live.store);

    walk.scan.prefix = live_str("ap");
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, "apple=5\napricot=2\n", true);

    walk.scan.start = live_str("apple");
    walk.scan.after = true;
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, "apricot=2\n", true);

    walk.scan.start = live_str("aardvark");
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, "apple=5\napricot=2\n", true);

    walk.scan.start = live_str("b");
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, "", true);

    walk.scan.prefix = FKV_STR_NULL;
    walk.scan.end = live_str("cherry");
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, "blackberry=6\nblueberry=8\n", true);

    walk.scan.start = live_str("blackberry");
    walk.scan.after = false;
    walk.scan.end = live_str("blackberry");
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, "", true);
}


static void
limits_end_it_early(void **state)
{
    walk_t  walk;

    (void) state;

    fruit();
    walk_init(&walk, live.store);

    walk.scan.limit = 2;
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, "apple=5\napricot=2\n", false);

    walk.scan.limit = 6;
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, ALL, true);

    walk.scan.limit = 0;
    walk.scan.bytes_max = 14;
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, "apple=5\napricot=2\n", false);

    walk.scan.bytes_max = 1;
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, "apple=5\n", false);
}


static void
on_entry_may_end_it(void **state)
{
    walk_t  walk;

    (void) state;

    fruit();
    walk_init(&walk, live.store);

    walk.stop_at = 3;
    assert_int_equal(walk_run(&walk), FKV_GONE);
    check_got(&walk, "apple=5\napricot=2\n", false);
}


static void
on_entry_may_say_where_to_go_on(void **state)
{
    walk_t  walk;

    (void) state;

    fruit();
    walk_init(&walk, live.store);

    walk.seek = live_str("blackberry");
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, "apple=5\nblackberry=6\nblueberry=8\ncherry=4\n", true);

    walk.seek = live_str("apple");
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, ALL, true);

    walk.seek = live_str("banana");
    walk.scan.limit = 2;
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, "apple=5\nblackberry=6\n", false);

    walk.scan.limit = 0;
    walk.scan.end = live_str("blackberry");
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, "apple=5\n", true);

    walk.seek = live_str("zucchini");
    walk.scan.end = FKV_STR_NULL;
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, "apple=5\n", true);

    walk.seek = live_str("b");
    walk.scan.prefix = live_str("a");
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, "apple=5\n", true);
}


static void
keys_of_any_bytes_come_as_they_are(void **state)
{
    static const fkv_str_t  keys[] = {
        { (const uint8_t *) "\0", 1 }, { (const uint8_t *) "\0\0", 2 },
        { (const uint8_t *) "\0\xff", 2 }, { (const uint8_t *) "a", 1 },
        { (const uint8_t *) "a\0", 2 }, { (const uint8_t *) "a\0b", 3 },
        { (const uint8_t *) "ab", 2 }, { (const uint8_t *) "\xff\xff", 2 }
    };
    walk_t  walk;
    bool    done = false;

    (void) state;

    for (size_t i = 8; i-- > 0; ) {
        fkv_change_t  change = { .key = keys[i], .action = FKV_PUT,
                                 .value = FKV_STR("v") };
        fkv_update_t  u = { .store = live.store, .changes = &change, .n = 1,
                            .op = { .on_done = live_done, .data = &done } };

        done = false;
        assert_int_equal(live_wait(&live, &u.op, fkv_update(&u), &done),
                         FKV_OK);
    }

    walk_init(&walk, live.store);
    assert_int_equal(walk_run(&walk), FKV_OK);
    assert_int_equal(walk.entries, 8);

    for (size_t i = 0, at = 0; i < 8; i++) {
        assert_memory_equal(walk.got.data + at, keys[i].data, keys[i].len);
        at += keys[i].len + 3;
    }

    fkv__buf_done(&walk.got);
    walk.entries = 0;

    walk.scan.prefix = keys[3];
    assert_int_equal(walk_run(&walk), FKV_OK);
    assert_int_equal(walk.entries, 4);
    fkv__buf_done(&walk.got);
}


static void
a_snapshot_below_the_floor_is_gone(void **state)
{
    walk_t     walk;
    uint64_t   snapshot;

    (void) state;

    fruit();
    snapshot = fkv__visible(live.store);
    assert_int_equal(live_put(&live, "zebra", "9"), FKV_OK);

    walk_init(&walk, live.store);
    walk.scan.snapshot = snapshot;
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, ALL, true);

    live.store->seg->state.gc_floor = snapshot + 1;
    assert_int_equal(walk_run(&walk), FKV_GONE);
    check_got(&walk, "", false);

    walk.scan.snapshot = 0;
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, ALL "zebra=9\n", true);

    walk.scan.snapshot = UINT64_MAX;
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, ALL "zebra=9\n", true);
}


/* What is in the store, as a scan should give it. */
#define MODEL_KEYS  3000

static unsigned  model[MODEL_KEYS];         /* 0 = absent, else the value */


static void
model_text(fkv__buf_t *text, const unsigned *values, unsigned leap)
{
    char  line[32];

    for (unsigned k = 0; k < MODEL_KEYS; k++) {
        if (values[k] != 0) {
            int  n = sprintf(line, "key%06u=%u\n", k, values[k]);

            assert_int_equal(fkv__buf_append(text, line, (size_t) n), FKV_OK);
            k += leap;
        }
    }
}


static void
check_model(walk_t *walk, const unsigned *values)
{
    fkv__buf_t  text = { 0 };

    model_text(&text, values, walk->leap);
    assert_true(walk->scan.complete);
    check_str(fkv__buf_str(&walk->got), fkv__buf_str(&text));

    fkv__buf_done(&text);
    fkv__buf_done(&walk->got);
}


static void
model_write(uint64_t *random, unsigned n, const char *fill)
{
    static unsigned  value;

    for (unsigned i = 0; i < n; i++) {
        unsigned  k = (unsigned) (check_random(random) % MODEL_KEYS);
        char      key[16];

        (void) sprintf(key, "key%06u", k);

        if (check_random(random) % 4 == 0) {
            assert_int_equal(live_delete(&live, key), FKV_OK);
            model[k] = 0;

        } else {
            char  text[16];

            (void) sprintf(text, "%u", ++value);
            assert_int_equal(live_put(&live, key, text), FKV_OK);
            model[k] = value;
        }

        /* Other data between them, to fill memtables. */
        if (fill != NULL) {
            (void) sprintf(key, "z%u", k);
            assert_int_equal(live_put(&live, key, fill), FKV_OK);
        }
    }
}


static void
a_scan_sees_one_moment_while_others_write(void **state)
{
    static unsigned  before[MODEL_KEYS];
    uint64_t         random = 42;
    walk_t           walk;

    (void) state;

    memset(model, 0, sizeof(model));
    walk_init(&walk, live.store);
    walk.scan.prefix = live_str("key");

    for (unsigned round = 0; round < 4; round++) {
        model_write(&random, 4000, NULL);
        memcpy(before, model, sizeof(model));

        assert_int_equal(walk_start(&walk), FKV_AGAIN);
        assert_int_equal(held(live.store), 1);

        while (!walk.ended) {
            model_write(&random, 200, NULL);
        }

        assert_int_equal(walk_wait(&walk), FKV_OK);
        check_model(&walk, before);
    }
}


/* Memtables go to tables, tables into deeper levels, all under the scan. */
static void
flush_and_compaction_do_not_disturb_it(void **state)
{
    static unsigned  before[MODEL_KEYS];
    uint64_t         random = 4242;
    char             fill[2001];
    walk_t           walk;

    (void) state;

    memset(fill, 'f', 2000);
    fill[2000] = '\0';
    memset(model, 0, sizeof(model));

    walk_init(&walk, live.store);
    walk.scan.prefix = live_str("key");
    (void) fkv_helper(live.store);

    for (unsigned round = 0; round < 12; round++) {
        model_write(&random, 1000, fill);
        memcpy(before, model, sizeof(model));

        if (round % 3 == 0) {
            fkv_helper_stop(live.store);        /* its threads fill, too */
            forget_blocks(live.store->seg);
        }

        (void) fkv_helper(live.store);

        walk.leap = (round % 2 == 0) ? 0 : round / 2;
        assert_int_equal(walk_start(&walk), FKV_AGAIN);

        while (!walk.ended) {
            model_write(&random, 50, fill);
        }

        assert_int_equal(walk_wait(&walk), FKV_OK);
        check_model(&walk, before);
    }

    assert_true(live.store->tables->version->edit > 3);
    assert_true(live.store->own->edit > 3);

    fkv_helper_stop(live.store);
}


static void
what_was_written_is_walked_after_reopening(void **state)
{
    uint64_t  random = 7;
    walk_t    walk;

    (void) state;

    memset(model, 0, sizeof(model));

    for (unsigned round = 0; round < 4; round++) {
        live_detach_close(&live);
        live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_ALWAYS);
        live_attach(&live, FKV_WORKER);

        walk_init(&walk, live.store);
        assert_int_equal(walk_run(&walk), FKV_OK);
        check_model(&walk, model);
        model_write(&random, 2000, NULL);
    }
}


static void
every_level_is_part_of_it(void **state)
{
    enum { KEYS = MODEL_KEYS };
    uint64_t  random = 99, version = 1;
    walk_t    walk;

    (void) state;

    memset(model, 0, sizeof(model));
    walk_init(&walk, &shelf.store);

    for (unsigned t = 0; t < 20; t++) {
        shelf_table_t  table;
        fkv__edit_t    edit;
        unsigned       step = 1 + (unsigned) (check_random(&random) % 9);

        fkv__edit_init(&edit);
        shelf_table(&shelf, &table, t + 1);

        for (unsigned k = step; k < KEYS; k += step) {
            char  text[16];

            model[k] = (check_random(&random) % 4 == 0) ? 0 : t + 1;
            (void) sprintf(text, "%u", t + 1);
            shelf_record(&table, k, version++, model[k] ? text : NULL);
        }

        shelf_put(&table, &edit, t < 6 ? 6 - t : 0);
        shelf_edit(&shelf, &edit);

        for (walk.leap = 0; walk.leap < 1000; walk.leap = 4 * walk.leap + 3) {
            forget_blocks(shelf.store.seg);
            assert_int_equal(walk_run(&walk), FKV_OK);
            check_model(&walk, model);
        }
    }

    assert_int_equal(shelf.logs, 0);
}


/* A page at a time, as a client would, while tables come and go. */
static void
pages_make_up_the_whole(void **state)
{
    char    last[16] = "";
    walk_t  walk;

    (void) state;

    for (unsigned t = 0; t < 5; t++) {
        shelf_add(&shelf, t + 1, 1, t * 100, 100, 100, "v");
    }

    walk_init(&walk, &shelf.store);
    walk.scan.limit = 7;
    walk.scan.after = true;

    for (unsigned n = 0; n < 500; n += 7) {
        walk.scan.start = live_str(last);
        assert_int_equal(walk_run(&walk), FKV_OK);
        assert_int_equal(walk.entries, fkv__min(7u, 500 - n));
        assert_int_equal(walk.scan.complete, n + 7 > 500);

        (void) sprintf(last, "key%06u", n + walk.entries - 1);
        assert_memory_equal(walk.got.data + walk.got.len - 12, last, 9);
        fkv__buf_done(&walk.got);
        walk.entries = 0;
    }
}


static void
tables_may_be_replaced_under_it(void **state)
{
    walk_t  walk;

    (void) state;

    memset(model, 0, sizeof(model));

    for (unsigned t = 0; t < 30; t++) {
        shelf_add(&shelf, t + 1, 1, t * 100, 100, 100, "1");

        for (unsigned k = t * 100; k < t * 100 + 100; k++) {
            model[k] = 1;
        }
    }

    walk_init(&walk, &shelf.store);
    assert_int_equal(walk_start(&walk), FKV_AGAIN);

    for (unsigned t = 0; t < 30 && !walk.ended; t++) {
        shelf_loop(&shelf);
        shelf_drop(&shelf, t + 1);
        shelf_unlink_table(&shelf, t + 1);
        shelf_add(&shelf, t + 101, 2, t * 100, 100, 100, "1");
    }

    assert_int_equal(walk_wait(&walk), FKV_OK);
    assert_int_equal(shelf.logs, 0);

    /* Between the drop and the add one table was missing, as announced. */
    assert_true(walk.entries >= 2900);
    fkv__buf_done(&walk.got);

    assert_int_equal(walk_run(&walk), FKV_OK);
    check_model(&walk, model);
}


static void
hidden_versions_do_not_stop_it(void **state)
{
    shelf_table_t  table;
    fkv__edit_t    edit;
    walk_t         walk;

    (void) state;

    fkv__edit_init(&edit);
    shelf_table(&shelf, &table, 1);

    for (unsigned k = 0; k < 3; k++) {
        for (uint64_t v = 3000; v > 0; v--) {
            shelf_record(&table, k, v, v < 10 ? "old" : "new");
        }
    }

    shelf_put(&table, &edit, 1);
    shelf_edit(&shelf, &edit);

    walk_init(&walk, &shelf.store);
    walk.scan.snapshot = 5;
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, "key000000=old\nkey000001=old\nkey000002=old\n", true);

    walk.scan.snapshot = 1;
    assert_int_equal(walk_run(&walk), FKV_OK);
    check_got(&walk, "", true);
}


static void
damage_ends_it_with_an_error(void **state)
{
    uint64_t  random = 5;
    walk_t    walk;

    (void) state;

    shelf_add(&shelf, 1, 1, 0, 2000, 100, "1");
    walk_init(&walk, &shelf.store);

    for (unsigned i = 0; i < 100; i++) {
        uint64_t  at = check_random(&random) % 20000;

        shelf_flip(&shelf, 1, at);
        forget_blocks(shelf.store.seg);
        assert_int_equal(walk_run(&walk), FKV_ECORRUPT);
        assert_false(walk.scan.complete);

        /* What was asked for ahead. */
        while (shelf.store.io.in_flight > 0) {
            shelf_loop(&shelf);
        }

        shelf_flip(&shelf, 1, at);
        fkv__buf_done(&walk.got);
        walk.entries = 0;
    }

    shelf_unlink_table(&shelf, 1);
    assert_int_equal(walk_run(&walk), FKV_OK);          /* still open */
    fkv__buf_done(&walk.got);
}


#define WALKS  (FKV__SLOT_SNAPSHOTS + 3)

static void
every_snapshot_is_published_or_the_lowest_of_a_crowd(void **state)
{
    static walk_t    walks[WALKS];
    fkv__slot_shm_t *own = shelf.store.own;
    static uint64_t  crowd[3] = { 500, 300, 400 };

    (void) state;

    shelf_add(&shelf, 1, 1, 0, 1000, 100, "1");

    for (unsigned i = 0; i < WALKS; i++) {
        unsigned  more = i - FKV__SLOT_SNAPSHOTS;
        uint64_t  at = (i < FKV__SLOT_SNAPSHOTS) ? 200 + i : crowd[more];

        walk_init(&walks[i], &shelf.store);
        walks[i].scan.snapshot = at;
        assert_int_equal(walk_start(&walks[i]), FKV_AGAIN);
        assert_int_equal(fkv_in_flight(&shelf.store), i + 1);

        if (i < FKV__SLOT_SNAPSHOTS) {
            assert_int_equal(own->snapshots[i], at);
            assert_int_equal(own->snapshot, 0);

        } else {
            assert_int_equal(own->snapshot, more == 0 ? 500 : 300);
        }
    }

    for (unsigned i = 0; i < WALKS; i++) {
        while (!walks[i].ended) {
            shelf_loop(&shelf);
        }
    }

    for (unsigned i = 0; i < WALKS; i++) {
        assert_int_equal(walk_wait(&walks[i]), FKV_OK);
        assert_int_equal(walks[i].entries, walks[i].scan.snapshot - 100);
        fkv__buf_done(&walks[i].got);
    }
}


static void
scans_in_flight_may_be_left_behind(void **state)
{
    static walk_t  walks[5];

    (void) state;

    shelf_add(&shelf, 1, 1, 0, 1000, 100, "1");
    shelf_add(&shelf, 2, 0, 0, 1000, 5000, "2");

    for (unsigned i = 0; i < 5; i++) {
        walk_init(&walks[i], &shelf.store);
        assert_int_equal(walk_start(&walks[i]), FKV_AGAIN);
        shelf_loop(&shelf);
    }

    for (unsigned i = 0; i < 5; i++) {
        fkv__buf_done(&walks[i].got);
    }

    /* teardown closes */
}


int
main(void)
{
#define LIVE(name)                                                            \
    cmocka_unit_test_setup_teardown(name, live_setup, live_teardown)
#define SHELF(name)                                                           \
    cmocka_unit_test_setup_teardown(name, shelf_setup, shelf_teardown)

    const struct CMUnitTest  tests[] = {
        LIVE(what_there_is_is_walked_in_order),
        LIVE(a_range_is_what_was_asked_for),
        LIVE(limits_end_it_early),
        LIVE(on_entry_may_end_it),
        LIVE(on_entry_may_say_where_to_go_on),
        LIVE(keys_of_any_bytes_come_as_they_are),
        LIVE(a_snapshot_below_the_floor_is_gone),
        LIVE(a_scan_sees_one_moment_while_others_write),
        LIVE(flush_and_compaction_do_not_disturb_it),
        LIVE(what_was_written_is_walked_after_reopening),
        SHELF(every_level_is_part_of_it),
        SHELF(pages_make_up_the_whole),
        SHELF(tables_may_be_replaced_under_it),
        SHELF(hidden_versions_do_not_stop_it),
        SHELF(damage_ends_it_with_an_error),
        SHELF(every_snapshot_is_published_or_the_lowest_of_a_crowd),
        SHELF(scans_in_flight_may_be_left_behind),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
