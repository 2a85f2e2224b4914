/*
 * store_keep.c - which versions survive a rewrite.
 */

#include "check.h"
#include "store/expire.h"
#include "store/keep.h"

#define NOW  5000

static fkv__segment_shm_t   seg;
static fkv_t                store;
static fkv__table_t         below;
static fkv__table_t        *below_list[1] = { &below };
static fkv__version_t       version;
static fkv__keep_t          keep;


static uint64_t
clock_now(const fkv__clock_t *c)
{
    (void) c;

    return NOW;
}


static const fkv__clock_t  fake = { clock_now, clock_now, NULL };


static int
keep_setup(void **state)
{
    (void) state;

    memset(&seg, 0, sizeof(seg));
    memset(&store, 0, sizeof(store));
    memset(&version, 0, sizeof(version));

    store.seg = &seg;
    store.clock = &fake;
    store.options.sync = FKV_SYNC_ALWAYS;
    seg.log.durable = 100;
    fkv__clock_init(&store, 0);

    /* Level 3 holds keys b to d; compaction writes level 2. */

    below.info.smallest.data = (uint8_t *) (uintptr_t) "b";
    below.info.smallest.len = 1;
    below.info.largest.data = (uint8_t *) (uintptr_t) "d";
    below.info.largest.len = 1;

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        version.levels[level] = below_list;
    }

    version.n[3] = 1;
    assert_int_equal(fkv__keep_init(&keep, &store, &version, 3), FKV_OK);
    assert_int_equal(fkv__keep_above(&keep, NOW, NULL, 0), FKV_OK);

    return 0;
}


static int
keep_teardown(void **state)
{
    (void) state;
    fkv__keep_done(&keep);

    return 0;
}


/* Anew, with what the slots now say. */
static void
keep_again(void)
{
    fkv__keep_done(&keep);
    assert_int_equal(fkv__keep_init(&keep, &store, &version, 3), FKV_OK);
    assert_int_equal(fkv__keep_above(&keep, NOW, NULL, 0), FKV_OK);
}


/* "keep", "drop", "bury", or "stub": with its expiry. */
static const char *
decide(const char *key, uint64_t at, fkv__record_kind_e kind,
    uint64_t expire_at)
{
    fkv__record_t  rec = { .kind = kind, .version = at,
                           .expire_at = expire_at,
                           .meta = FKV_STR("text"), .value = FKV_STR("v"),
                           .key = { (const uint8_t *) key, strlen(key) } };

    if (!fkv__keep(&keep, &rec)) {
        return "drop";
    }

    assert_int_equal(rec.version, at);
    check_str(rec.key, (fkv_str_t) { (const uint8_t *) key, strlen(key) });

    if (rec.kind == kind && rec.expire_at == expire_at) {
        return "keep";
    }

    assert_int_equal(rec.kind, FKV__RECORD_TOMBSTONE);
    assert_int_equal(rec.value.len, 0);
    assert_int_equal(rec.meta.len, 0);

    if (rec.expire_at != 0) {
        assert_int_equal(rec.expire_at, expire_at);
        return "stub";
    }

    return "bury";
}


#define VALUE      FKV__RECORD_VALUE
#define TOMBSTONE  FKV__RECORD_TOMBSTONE
#define CHECK(key, at, kind, expire_at, want)                                 \
    assert_string_equal(decide(key, at, kind, expire_at), want)


static void
versions_from_the_floor_on_and_one_below_survive(void **state)
{
    (void) state;

    CHECK("a", 150, VALUE, 0, "keep");
    CHECK("a", 100, TOMBSTONE, 0, "keep");
    CHECK("a", 99, VALUE, 0, "keep");
    CHECK("a", 98, VALUE, 0, "drop");
    CHECK("a", 97, TOMBSTONE, 0, "drop");

    fkv__keep_next_key(&keep);
    CHECK("b", 50, VALUE, 0, "keep");
    CHECK("b", 40, VALUE, 0, "drop");
}


static void
a_tombstone_goes_where_nothing_older_can_lie(void **state)
{
    (void) state;

    CHECK("a", 50, TOMBSTONE, 0, "drop");
    CHECK("a", 40, VALUE, 0, "drop");       /* must not come back */

    fkv__keep_next_key(&keep);
    CHECK("c", 50, TOMBSTONE, 0, "keep");
    CHECK("c", 40, VALUE, 0, "drop");

    fkv__keep_next_key(&keep);
    CHECK("e", 50, TOMBSTONE, 0, "drop");
}


static void
a_tombstone_that_a_snapshot_sees_stays(void **state)
{
    (void) state;

    CHECK("a", 120, TOMBSTONE, 0, "keep");
    CHECK("a", 50, VALUE, 0, "keep");
    CHECK("a", 40, VALUE, 0, "drop");
}


static void
what_has_expired_is_a_tombstone(void **state)
{
    (void) state;

    CHECK("a", 50, VALUE, NOW, "drop");
    CHECK("a", 40, VALUE, 0, "drop");

    fkv__keep_next_key(&keep);
    CHECK("c", 50, VALUE, NOW, "bury");
    CHECK("c", 40, VALUE, 0, "drop");

    fkv__keep_next_key(&keep);
    CHECK("c", 50, VALUE, NOW + 1, "keep");
    assert_int_equal(keep.expired, 2);

    fkv__keep_next_key(&keep);
    CHECK("a", 100, VALUE, NOW, "keep");
    assert_int_equal(keep.expired, 2);
}


static void
a_stub_stays_while_older_operands_may_lie_above(void **state)
{
    fkv__table_t   above = { .info.operands = 0 }, *both[2] = { &above, NULL };
    fkv__table_t  *list[1] = { &above };

    (void) state;

    above.info.smallest = below.info.smallest;              /* b to d */
    above.info.largest = below.info.largest;
    version.levels[2] = both;
    version.n[2] = 1;
    keep_again();

    CHECK("b", 50, VALUE, NOW, "bury");     /* no operands in the table */
    fkv__keep_next_key(&keep);

    above.info.operands = 1;
    fkv__keep_done(&keep);
    assert_int_equal(fkv__keep_init(&keep, &store, &version, 3), FKV_OK);
    assert_int_equal(fkv__keep_above(&keep, NOW - 10, NULL, 0), FKV_OK);

    CHECK("a", 50, VALUE, NOW - 10, "drop");
    fkv__keep_next_key(&keep);
    CHECK("a", 50, VALUE, NOW - 9, "stub"); /* memtables may have some */
    fkv__keep_next_key(&keep);
    CHECK("a", 50, TOMBSTONE, NOW - 9, "keep");
    fkv__keep_next_key(&keep);
    CHECK("a", 50, TOMBSTONE, NOW - 10, "drop");
    fkv__keep_next_key(&keep);
    CHECK("b", 50, VALUE, NOW - 10, "stub");
    fkv__keep_next_key(&keep);
    CHECK("d", 50, TOMBSTONE, NOW - 10, "keep");
    fkv__keep_next_key(&keep);
    CHECK("e", 50, VALUE, NOW - 10, "drop");
    assert_int_equal(keep.expired, 4);

    /* One of the inputs is not above. */

    fkv__keep_done(&keep);
    assert_int_equal(fkv__keep_init(&keep, &store, &version, 3), FKV_OK);
    assert_int_equal(fkv__keep_above(&keep, NOW, list, 1), FKV_OK);
    fkv__keep_next_key(&keep);
    CHECK("d", 50, TOMBSTONE, NOW - 10, "bury");
    fkv__keep_next_key(&keep);
    CHECK("a", 60, FKV__RECORD_MERGE, 0, "keep");
    CHECK("a", 50, TOMBSTONE, NOW - 10, "keep");    /* their base */
}


static void
nothing_expires_while_drops_wait(void **state)
{
    (void) state;

    seg.state.drops_after_ms = NOW + 1;
    keep_again();

    CHECK("a", 50, VALUE, NOW, "keep");
    CHECK("a", 40, VALUE, 0, "drop");
    assert_int_equal(keep.expired, 0);
}


static void
between_two_snapshots_only_the_newest_survives(void **state)
{
    (void) state;

    seg.slots[3].snapshots[0] = 70;
    seg.slots[9].snapshots[FKV__SLOT_SNAPSHOTS - 1] = 40;
    seg.slots[9].snapshots[2] = 70;
    seg.slots[4].snapshots[1] = 130;        /* above the floor: as any */
    keep_again();

    CHECK("a", 120, VALUE, 0, "keep");
    CHECK("a", 90, VALUE, 0, "keep");       /* seen at the floor */
    CHECK("a", 80, VALUE, 0, "drop");
    CHECK("a", 70, VALUE, 0, "drop");
    CHECK("a", 69, VALUE, 0, "keep");       /* seen at 70 */
    CHECK("a", 50, VALUE, 0, "drop");
    CHECK("a", 40, VALUE, 0, "drop");
    CHECK("a", 30, VALUE, 0, "keep");       /* seen at 40 */
    CHECK("a", 20, VALUE, 0, "drop");

    /* One version may answer several. */

    fkv__keep_next_key(&keep);
    CHECK("b", 60, VALUE, 0, "keep");
    CHECK("b", 50, VALUE, 0, "drop");
    CHECK("b", 39, VALUE, 0, "keep");
    CHECK("b", 38, VALUE, 0, "drop");

    fkv__keep_next_key(&keep);
    CHECK("c", 10, VALUE, 0, "keep");
    CHECK("c", 9, VALUE, 0, "drop");
}


static void
a_tombstone_does_not_uncover_what_a_snapshot_keeps(void **state)
{
    (void) state;

    seg.slots[3].snapshots[0] = 45;
    keep_again();

    CHECK("a", 50, TOMBSTONE, 0, "keep");   /* else the floor would see 40 */
    CHECK("a", 40, VALUE, 0, "keep");

    fkv__keep_next_key(&keep);
    CHECK("b", 60, VALUE, NOW, "bury");
    CHECK("b", 40, VALUE, 0, "keep");

    fkv__keep_next_key(&keep);
    CHECK("e", 44, TOMBSTONE, 0, "drop");   /* all see it, nothing is older */
    CHECK("e", 40, VALUE, 0, "drop");
}


/* Of [b, d), with these versions. */
static void
ranges_are(fkv__ranges_t **ranges, uint64_t first, uint64_t second)
{
    fkv__range_t  list[2] = {
        { FKV_STR("b"), FKV_STR("d"), first },
        { FKV_STR("b"), FKV_STR("d"), second }
    };

    fkv__ranges_unpin(*ranges);
    assert_int_equal(fkv__ranges_new(ranges, list, second != 0 ? 2 : 1),
                     FKV_OK);
    keep.ranges = *ranges;
}


static void
what_a_range_hides_goes_and_uncovers_nothing(void **state)
{
    fkv__ranges_t  *ranges = NULL;

    (void) state;

    ranges_are(&ranges, 60, 0);

    CHECK("b", 70, VALUE, 0, "keep");       /* put after it */
    CHECK("b", 50, VALUE, 0, "drop");

    fkv__keep_next_key(&keep);
    CHECK("c", 59, VALUE, 0, "drop");
    CHECK("c", 40, VALUE, 0, "drop");
    assert_int_equal(keep.covered, 1);      /* 40 is simply not the newest */

    /* Its own tombstone need not hide what the range hides below. */

    fkv__keep_next_key(&keep);
    CHECK("c", 50, TOMBSTONE, 0, "drop");

    fkv__keep_next_key(&keep);
    CHECK("c", 50, VALUE, NOW, "drop");
    assert_int_equal(keep.expired, 0);

    /* Keys beside it. */

    fkv__keep_next_key(&keep);
    CHECK("a", 50, VALUE, 0, "keep");
    fkv__keep_next_key(&keep);
    CHECK("d", 50, VALUE, 0, "keep");

    fkv__ranges_unpin(ranges);
}


static void
a_range_from_the_floor_on_hides_nothing_yet(void **state)
{
    fkv__ranges_t  *ranges = NULL;

    (void) state;

    ranges_are(&ranges, 100, 0);            /* the floor sees what is below */
    CHECK("b", 50, VALUE, 0, "keep");

    fkv__keep_next_key(&keep);
    ranges_are(&ranges, 99, 0);
    CHECK("b", 50, VALUE, 0, "drop");

    fkv__ranges_unpin(ranges);
}


static void
a_range_hides_from_the_snapshots_above_it_only(void **state)
{
    fkv__ranges_t  *ranges = NULL;

    (void) state;

    seg.slots[3].snapshots[0] = 45;
    seg.slots[3].snapshots[1] = 75;
    keep_again();
    ranges_are(&ranges, 60, 0);

    CHECK("b", 50, VALUE, 0, "drop");       /* 75 and the floor are above */
    CHECK("b", 44, VALUE, 0, "keep");       /* 45 sees it */
    CHECK("b", 43, VALUE, 0, "drop");

    fkv__keep_next_key(&keep);
    CHECK("c", 40, VALUE, 0, "keep");       /* all see it, but 45 only counts */

    /* The older of two is the one that 75 is above. */

    fkv__keep_next_key(&keep);
    ranges_are(&ranges, 80, 60);
    CHECK("c", 50, VALUE, 0, "drop");
    fkv__keep_next_key(&keep);
    CHECK("c", 70, VALUE, 0, "keep");       /* hidden by 80, 75 sees it */
    CHECK("c", 50, VALUE, 0, "drop");

    fkv__ranges_unpin(ranges);
}


static void
a_crowd_keeps_all_from_its_lowest_on(void **state)
{
    (void) state;

    seg.slots[3].snapshot = 70;
    seg.slots[3].snapshots[1] = 80;
    seg.slots[5].snapshots[1] = 30;
    keep_again();

    CHECK("a", 79, VALUE, 0, "keep");
    CHECK("a", 78, VALUE, 0, "keep");
    CHECK("a", 70, VALUE, 0, "keep");
    CHECK("a", 69, VALUE, 0, "keep");
    CHECK("a", 68, VALUE, 0, "drop");
    CHECK("a", 29, VALUE, 0, "keep");
    CHECK("a", 28, VALUE, 0, "drop");
}


static void
the_floor_is_what_is_visible_or_the_lowest_snapshot(void **state)
{
    (void) state;

    assert_int_equal(keep.floor, 100);
    assert_int_equal(seg.state.gc_floor, 100);

    seg.slots[3].snapshots[7] = 70;
    seg.slots[FKV__SLOTS_MAX - 1].snapshot = 60;
    seg.slots[5].snapshots[0] = 130;

    seg.log.durable = 110;
    assert_int_equal(fkv__keep_floor_now(&store), 60);
    assert_int_equal(seg.state.gc_floor, 100);

    keep_again();
    assert_int_equal(keep.floor, 60);
    assert_int_equal(seg.state.gc_floor, 110);

    store.options.sync = FKV_SYNC_EVERYSEC;
    seg.log.ready = 90;
    seg.slots[FKV__SLOTS_MAX - 1].snapshot = 0;
    assert_int_equal(fkv__keep_floor_now(&store), 70);

    seg.slots[3].snapshots[7] = 0;
    keep_again();
    assert_int_equal(keep.floor, 90);
    assert_int_equal(seg.state.gc_floor, 110);
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, keep_setup, keep_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(versions_from_the_floor_on_and_one_below_survive),
        TEST(a_tombstone_goes_where_nothing_older_can_lie),
        TEST(a_tombstone_that_a_snapshot_sees_stays),
        TEST(what_has_expired_is_a_tombstone),
        TEST(a_stub_stays_while_older_operands_may_lie_above),
        TEST(nothing_expires_while_drops_wait),
        TEST(between_two_snapshots_only_the_newest_survives),
        TEST(a_tombstone_does_not_uncover_what_a_snapshot_keeps),
        TEST(what_a_range_hides_goes_and_uncovers_nothing),
        TEST(a_range_from_the_floor_on_hides_nothing_yet),
        TEST(a_range_hides_from_the_snapshots_above_it_only),
        TEST(a_crowd_keeps_all_from_its_lowest_on),
        TEST(the_floor_is_what_is_visible_or_the_lowest_snapshot),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
