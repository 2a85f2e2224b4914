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
    fkv__keep_init(&keep, &store, &version, 3);

    return 0;
}


/* "keep", "drop" or "bury". */
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

    if (rec.kind == kind) {
        assert_int_equal(rec.expire_at, expire_at);
        return "keep";
    }

    assert_int_equal(rec.kind, FKV__RECORD_TOMBSTONE);
    assert_int_equal(rec.expire_at, 0);
    assert_int_equal(rec.value.len, 0);
    assert_int_equal(rec.meta.len, 0);

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
nothing_expires_while_drops_wait(void **state)
{
    (void) state;

    seg.state.drops_after_ms = NOW + 1;
    fkv__keep_init(&keep, &store, &version, 3);

    CHECK("a", 50, VALUE, NOW, "keep");
    CHECK("a", 40, VALUE, 0, "drop");
    assert_int_equal(keep.expired, 0);
}


static void
the_floor_is_what_is_visible_or_the_lowest_snapshot(void **state)
{
    (void) state;

    assert_int_equal(fkv__keep_floor(&store), 100);
    assert_int_equal(seg.state.gc_floor, 100);

    seg.slots[3].snapshot = 70;
    seg.slots[FKV__SLOTS_MAX - 1].snapshot = 60;
    seg.slots[5].snapshot = 130;

    seg.log.durable = 110;
    assert_int_equal(fkv__keep_floor_now(&store), 60);
    assert_int_equal(seg.state.gc_floor, 100);
    assert_int_equal(fkv__keep_floor(&store), 60);
    assert_int_equal(seg.state.gc_floor, 110);

    store.options.sync = FKV_SYNC_EVERYSEC;
    seg.log.ready = 90;
    seg.slots[FKV__SLOTS_MAX - 1].snapshot = 0;
    seg.slots[3].snapshot = 0;
    assert_int_equal(fkv__keep_floor(&store), 90);
    assert_int_equal(seg.state.gc_floor, 110);
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup(name, keep_setup)

    const struct CMUnitTest  tests[] = {
        TEST(versions_from_the_floor_on_and_one_below_survive),
        TEST(a_tombstone_goes_where_nothing_older_can_lie),
        TEST(a_tombstone_that_a_snapshot_sees_stays),
        TEST(what_has_expired_is_a_tombstone),
        TEST(nothing_expires_while_drops_wait),
        TEST(the_floor_is_what_is_visible_or_the_lowest_snapshot),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
