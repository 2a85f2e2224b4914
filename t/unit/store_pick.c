/*
 * store_pick.c - which tables are chosen, over versions made by hand.
 */

#include "check.h"
#include "store/pick.h"

#define MB     (1024 * 1024ull)
#define NOW    1000000
#define FLOOR  1000000
#define MAX    64

static fkv__version_t   version;
static fkv__table_t     tables[MAX];
static fkv__table_t    *order[FKV__LEVELS][MAX];
static unsigned         n_tables;
static fkv__pick_t      pick;


static int
pick_setup(void **state)
{
    (void) state;

    memset(&version, 0, sizeof(version));
    memset(tables, 0, sizeof(tables));
    n_tables = 0;

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        version.levels[level] = order[level];
    }

    fkv__pick_init(&pick);

    return 0;
}


static int
pick_teardown(void **state)
{
    (void) state;
    fkv__pick_done(&pick);

    return 0;
}


/* Behind all others of its level: level 0 newest first, others by key. */
static fkv__table_info_t *
add(unsigned level, const char *from, const char *to, uint64_t bytes)
{
    fkv__table_t  *table = &tables[n_tables++];

    table->level = level;
    table->info.id = n_tables;
    table->info.bytes = bytes;
    table->info.entries = 100;
    table->info.keys = 100;
    table->info.version_min = 10;
    table->info.version_max = 20;
    table->info.smallest.data = (uint8_t *) (uintptr_t) from;
    table->info.smallest.len = strlen(from);
    table->info.largest.data = (uint8_t *) (uintptr_t) to;
    table->info.largest.len = strlen(to);

    order[level][version.n[level]++] = table;
    version.bytes[level] += bytes;

    return &table->info;
}


static void
expire(fkv__table_info_t *info, uint64_t n, uint64_t min, uint64_t max)
{
    info->expiring = n;
    info->expire_at_min = min;
    info->expire_at_max = max;
}


/* ids, a string: of level from, "|", of level to. */
static void
check_pick(fkv__pick_e what, unsigned from, unsigned to, const char *ids)
{
    char  got[256] = "", *p = got;

    assert_int_equal(fkv__pick(&pick, &version, FLOOR, NOW), FKV_OK);

    for (unsigned i = 0; i < pick.n; i++) {
        if (what != FKV__PICK_DROP && i == pick.n_from) {
            p += sprintf(p, "| ");
        }

        p += sprintf(p, "%u ", (unsigned) pick.tables[i]->info.id);
    }

    assert_string_equal(got, ids);
    assert_int_equal(pick.what, what);

    if (what != FKV__PICK_DROP) {
        assert_int_equal(pick.from, from);
        assert_int_equal(pick.to, to);
    }
}


static void
check_nothing(void)
{
    assert_int_equal(fkv__pick(&pick, &version, FLOOR, NOW), FKV_END);
}


static void
nothing_is_due_in_a_small_store(void **state)
{
    (void) state;

    check_nothing();

    for (unsigned i = 0; i < FKV__PICK_L0 - 1; i++) {
        (void) add(0, "a", "z", 50 * MB);
    }

    (void) add(5, "a", "z", 99 * MB);
    (void) add(6, "a", "z", 1000 * MB);
    check_nothing();
}


static void
level_0_goes_when_half_of_it_has_expired(void **state)
{
    fkv__table_info_t  *info;

    (void) state;

    (void) add(0, "a", "z", 20 * MB);
    info = add(0, "b", "y", 20 * MB);
    (void) add(6, "a", "z", 400 * MB);
    check_nothing();

    expire(info, info->entries, 1, NOW + 1);
    check_nothing();

    expire(info, info->entries, 1, NOW);
    check_pick(FKV__PICK_MERGE, 0, 6, "2 1 | 3 ");

    /* Not if somebody may still read it, nor if it costs too much. */

    info->version_max = FLOOR;
    check_nothing();
    info->version_max = FLOOR - 1;

    version.bytes[6] = 401 * MB;
    check_nothing();
    version.bytes[6] = 400 * MB;

    expire(info, info->entries - 1, 1, NOW);
    check_nothing();
}


static void
level_0_takes_what_the_base_has_between_its_keys(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 3; i++) {
        (void) add(0, "h", "k", MB);
    }

    (void) add(0, "d", "e", MB);

    (void) add(6, "a", "c", MB);
    (void) add(6, "cc", "d", MB);
    (void) add(6, "f", "g", MB);        /* in the gap of level 0 */
    (void) add(6, "k", "l", MB);
    (void) add(6, "m", "n", MB);

    check_pick(FKV__PICK_MERGE, 0, 6, "4 3 2 1 | 6 7 8 ");
}


static void
the_base_rises_as_the_store_grows(void **state)
{
    (void) state;

    assert_int_equal(fkv__pick_base(&pick, &version), 6);

    version.bytes[6] = FKV__PICK_BATCHES * FKV__PICK_BASE_BYTES - 1;
    assert_int_equal(fkv__pick_base(&pick, &version), 6);

    version.bytes[6] *= 2;
    assert_int_equal(fkv__pick_base(&pick, &version), 5);
    assert_true(fkv__pick_target(&version, 5) - version.bytes[6] / 10 <= 1);

    version.bytes[6] *= 10;
    assert_int_equal(fkv__pick_base(&pick, &version), 4);

    version.bytes[6] = 1ull << 60;
    assert_int_equal(fkv__pick_base(&pick, &version), 1);

    /* It does not sink below what still holds something. */

    version.bytes[6] = 0;
    (void) add(3, "a", "b", MB);
    assert_int_equal(fkv__pick_base(&pick, &version), 3);
}


static void
a_merge_of_level_0_that_has_begun_goes_on_with_its_tables(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 3; i++) {
        (void) add(0, "a", "z", 50 * MB);
    }

    add(0, "m", "z", 50 * MB)->merging = 5;
    add(0, "n", "z", 50 * MB)->merging = 5;
    (void) add(6, "a", "k", MB);
    (void) add(6, "l", "p", MB);

    check_pick(FKV__PICK_MERGE, 0, 6, "5 4 | 7 ");
}


static void
tables_without_neighbours_change_the_level_as_they_are(void **state)
{
    (void) state;

    (void) add(0, "g", "h", 10 * MB);
    (void) add(0, "e", "f", 10 * MB);
    (void) add(0, "c", "d", 10 * MB);
    (void) add(0, "a", "b", 10 * MB);
    (void) add(6, "x", "z", 10 * MB);

    check_pick(FKV__PICK_MOVE, 0, 6, "4 3 2 1 ");

    /* Those that have some do not keep the others. */

    (void) add(6, "zz", "zzz", 10 * MB);
    version.levels[6][0]->info.smallest = tables[2].info.smallest;
    version.levels[6][0]->info.largest = tables[2].info.largest;
    check_pick(FKV__PICK_MOVE, 0, 6, "4 2 1 ");
}


static void
small_tables_are_merged_rather_than_moved(void **state)
{
    (void) state;

    (void) add(0, "g", "h", MB);
    (void) add(0, "e", "f", MB);
    (void) add(0, "c", "d", MB);
    (void) add(0, "a", "b", MB);

    check_pick(FKV__PICK_MERGE, 0, 6, "4 3 2 1 ");
}


static void
what_would_lose_something_is_not_moved(void **state)
{
    fkv__table_info_t  *info;

    (void) state;

    info = add(5, "a", "b", 70 * MB);
    (void) add(6, "m", "n", 100 * MB);
    check_pick(FKV__PICK_MOVE, 5, 6, "1 ");

    info->tombstones = 1;
    check_pick(FKV__PICK_MERGE, 5, 6, "1 ");
    info->tombstones = 0;

    expire(info, 1, NOW, NOW);
    check_pick(FKV__PICK_MERGE, 5, 6, "1 ");

    expire(info, 1, NOW + 1, NOW + 1);
    check_pick(FKV__PICK_MOVE, 5, 6, "1 ");

    info->entries = 101;
    check_pick(FKV__PICK_MERGE, 5, 6, "1 ");

    info->version_min = FLOOR;
    check_pick(FKV__PICK_MOVE, 5, 6, "1 ");
}


static void
a_tombstone_that_hides_something_goes_down_as_it_is(void **state)
{
    (void) state;

    add(4, "a", "b", 70 * MB)->tombstones = 1;
    (void) add(6, "a", "n", 100 * MB);
    check_pick(FKV__PICK_MOVE, 4, 5, "1 ");
}


static void
of_a_level_the_table_goes_that_overlaps_least(void **state)
{
    (void) state;

    (void) add(5, "a", "b", 30 * MB);
    (void) add(5, "c", "d", 30 * MB);
    (void) add(5, "e", "f", 30 * MB);
    (void) add(6, "a", "b", 40 * MB);
    (void) add(6, "c", "e", 20 * MB);
    (void) add(6, "ee", "g", 40 * MB);

    check_pick(FKV__PICK_MERGE, 5, 6, "2 | 5 ");

    tables[1].info.bytes = 15 * MB;             /* for its size */
    tables[0].info.bytes = 55 * MB;
    check_pick(FKV__PICK_MERGE, 5, 6, "1 | 4 ");
}


static void
the_level_that_exceeds_most_goes_first(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 5; i++) {
        (void) add(0, "a", "z", MB);
    }

    (void) add(5, "a", "b", 100 * MB);
    (void) add(6, "m", "n", 100 * MB);
    check_pick(FKV__PICK_MOVE, 5, 6, "6 ");

    version.bytes[5] = 11 * MB;
    check_pick(FKV__PICK_MERGE, 0, 5, "5 4 3 2 1 | 6 ");
}


static void
the_last_level_is_never_due(void **state)
{
    (void) state;

    (void) add(6, "a", "z", 1ull << 50);
    check_nothing();
}


static void
leave_alone(uint64_t id)
{
    assert_int_equal(fkv__pick_leave_alone(&pick, id), FKV_OK);
}


static void
nothing_passes_a_damaged_table_of_level_0(void **state)
{
    (void) state;

    (void) add(0, "a", "d", MB);        /* overlaps 2, which waits for 3 */
    (void) add(0, "c", "f", MB);
    (void) add(0, "e", "h", MB);        /* damaged */
    (void) add(0, "g", "z", MB);        /* older */
    (void) add(0, "x", "z", MB);
    (void) add(6, "a", "z", MB);

    leave_alone(3);
    check_pick(FKV__PICK_MERGE, 0, 6, "5 4 | 6 ");

    /* When it is the oldest it makes way, downwards. */

    version.n[0] = 3;
    check_pick(FKV__PICK_MOVE, 0, 5, "3 ");
}


static void
nothing_is_merged_into_a_damaged_table(void **state)
{
    (void) state;

    (void) add(5, "a", "c", 30 * MB);
    (void) add(5, "d", "f", 30 * MB);
    (void) add(6, "a", "b", 10 * MB);
    (void) add(6, "d", "e", 90 * MB);

    leave_alone(3);
    check_pick(FKV__PICK_MERGE, 5, 6, "2 | 4 ");
    leave_alone(4);
    check_nothing();

    /* Above a level with damage there is another base. */

    for (unsigned i = 0; i < FKV__PICK_L0; i++) {
        (void) add(0, "a", "z", MB);
    }

    check_pick(FKV__PICK_MERGE, 0, 5, "8 7 6 5 | 1 2 ");
    leave_alone(1);
    check_pick(FKV__PICK_MERGE, 0, 4, "8 7 6 5 ");
}


static void
what_has_wholly_expired_is_dropped_unless_it_hides_something(void **state)
{
    (void) state;

    expire(add(0, "a", "c", MB), 100, 1, NOW);          /* hides 2 */
    (void) add(0, "c", "d", MB);
    expire(add(1, "m", "n", MB), 100, 1, NOW);          /* 3 */
    expire(add(1, "o", "p", MB), 100, 1, NOW + 1);      /* not yet */
    expire(add(1, "q", "r", MB), 99, 1, NOW);           /* not all */
    expire(add(2, "a", "b", MB), 100, 1, NOW);          /* 6 */
    expire(add(2, "x", "z", MB), 100, 1, NOW);          /* hides 8 */
    (void) add(3, "w", "y", MB);

    check_pick(FKV__PICK_DROP, 0, 0, "3 6 ");

    tables[0].info.largest.data = (uint8_t *) (uintptr_t) "b";
    tables[0].info.largest.len = 1;
    check_pick(FKV__PICK_DROP, 0, 0, "3 6 ");              /* 6 is below 1 */

    order[2][0] = order[2][1];
    version.n[2] = 1;
    check_pick(FKV__PICK_DROP, 0, 0, "1 3 ");

    tables[2].info.tombstones = 1;
    check_pick(FKV__PICK_DROP, 0, 0, "1 ");
}


/* Nor as long as older operands may lie in what is newer. */
static void
what_has_wholly_expired_waits_for_older_operands(void **state)
{
    fkv__table_info_t  *newer;

    (void) state;

    newer = add(0, "a", "c", MB);
    expire(add(6, "c", "e", MB), 100, 1, NOW - 10);         /* 2 */
    expire(add(6, "f", "h", MB), 100, 1, NOW);              /* 3 */

    pick.since_ms = NOW - 1;
    check_pick(FKV__PICK_DROP, 0, 0, "2 ");
    pick.since_ms = NOW;
    check_pick(FKV__PICK_DROP, 0, 0, "2 3 ");

    newer->operands = 1;
    check_pick(FKV__PICK_DROP, 0, 0, "3 ");

    version.n[6] = 1;
    check_pick(FKV__PICK_MERGE, 6, 6, "2 ");        /* but stubs may stay */
}


/* A table of stubs that nobody may take out yet is not written anew. */
static void
stubs_are_dead_once_nothing_needs_them(void **state)
{
    fkv__table_info_t  *info, *newer;

    (void) state;

    newer = add(0, "a", "c", MB);
    info = add(6, "b", "d", MB);
    info->tombstones = 90;
    info->stubs = 80;
    info->stub_at_max = NOW - 10;
    pick.since_ms = NOW - 11;
    check_nothing();

    pick.since_ms = NOW - 10;
    newer->operands = 1;
    check_nothing();

    newer->operands = 0;
    check_pick(FKV__PICK_MERGE, 6, 6, "2 ");

    info->stubs = 1;
    pick.since_ms = 0;
    check_pick(FKV__PICK_MERGE, 6, 6, "2 ");
}


static void
nothing_expires_while_drops_wait(void **state)
{
    (void) state;

    expire(add(6, "m", "n", MB), 100, 1, 2);
    assert_int_equal(fkv__pick(&pick, &version, FLOOR, 0), FKV_END);
}


static void
a_table_that_is_mostly_dead_is_written_anew_or_goes_down(void **state)
{
    fkv__table_info_t  *info;

    (void) state;

    add(5, "a", "b", MB)->tombstones = 24;
    info = add(5, "c", "d", MB);
    (void) add(6, "c", "e", 100 * MB);
    check_nothing();

    info->tombstones = 25;
    check_pick(FKV__PICK_MERGE, 5, 6, "2 | 3 ");

    info->tombstones = 5;
    expire(info, 20, 1, NOW);
    check_pick(FKV__PICK_MERGE, 5, 6, "2 | 3 ");

    info->version_max = FLOOR;          /* somebody may read it */
    check_nothing();

    tables[0].info.tombstones = 25;     /* nothing lies below it */
    check_pick(FKV__PICK_MERGE, 5, 5, "1 ");
}


/* Of 100 records so many have expired, the others will in a while. */
static void
expire_partly(fkv__table_info_t *info, unsigned gone, fkv__buf_t *room)
{
    fkv__expiry_t  expiry = { .n = { 0 } };

    info->created_ms = NOW - 10000;
    expire(info, 100, NOW - 9000, NOW + 1000000);

    for (unsigned i = 0; i < 100; i++) {
        fkv__expiry_add(&expiry, info->created_ms,
                        (i < gone) ? NOW - 9000 : NOW + 1000000);
    }

    assert_int_equal(fkv__expiry_put(&expiry, room), FKV_OK);
    info->expiry = *room;
}


static void
small_neighbours_become_one_with_it(void **state)
{
    (void) state;

    add(6, "a", "b", 9 * MB)->tombstones = 24;  /* neither small nor dead */
    add(6, "c", "d", 9 * MB)->tombstones = 25;  /* dead */
    (void) add(6, "e", "f", 7 * MB);            /* small */
    add(6, "g", "h", 9 * MB)->tombstones = 50;
    (void) add(6, "i", "j", 7 * MB);
    (void) add(6, "k", "l", 9 * MB);

    check_pick(FKV__PICK_MERGE, 6, 6, "2 3 4 5 ");

    tables[3].info.bytes = 60 * MB;             /* with one more it is enough */
    check_pick(FKV__PICK_MERGE, 6, 6, "3 4 ");
}


static void
the_table_of_which_most_has_expired_comes_first(void **state)
{
    fkv__buf_t  room[3] = { { 0 } };

    (void) state;

    for (unsigned i = 0; i < FKV__PICK_L0; i++) {
        (void) add(0, "a", "z", MB);
    }

    expire_partly(add(6, "a", "b", 70 * MB), 49, &room[0]);
    expire_partly(add(6, "c", "d", 70 * MB), 60, &room[1]);
    expire_partly(add(6, "e", "f", 70 * MB), 55, &room[2]);

    check_pick(FKV__PICK_MERGE, 6, 6, "6 ");

    /* Unless level 0 cannot wait; and with less than half it can. */

    for (unsigned i = 0; i < FKV__PICK_L0; i++) {
        (void) add(0, "a", "z", MB);
    }

    check_pick(FKV__PICK_MERGE, 0, 6, "11 10 9 8 4 3 2 1 | 5 6 7 ");

    version.n[0] = FKV__PICK_L0;
    version.n[6] = 1;
    check_pick(FKV__PICK_MERGE, 0, 6, "4 3 2 1 | 5 ");
    version.n[0] = 0;
    check_pick(FKV__PICK_MERGE, 6, 6, "5 ");

    for (unsigned i = 0; i < 3; i++) {
        fkv__buf_done(&room[i]);
    }
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, pick_setup, pick_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(nothing_is_due_in_a_small_store),
        TEST(level_0_goes_when_half_of_it_has_expired),
        TEST(level_0_takes_what_the_base_has_between_its_keys),
        TEST(the_base_rises_as_the_store_grows),
        TEST(a_merge_of_level_0_that_has_begun_goes_on_with_its_tables),
        TEST(tables_without_neighbours_change_the_level_as_they_are),
        TEST(small_tables_are_merged_rather_than_moved),
        TEST(what_would_lose_something_is_not_moved),
        TEST(a_tombstone_that_hides_something_goes_down_as_it_is),
        TEST(of_a_level_the_table_goes_that_overlaps_least),
        TEST(the_level_that_exceeds_most_goes_first),
        TEST(the_last_level_is_never_due),
        TEST(nothing_passes_a_damaged_table_of_level_0),
        TEST(nothing_is_merged_into_a_damaged_table),
        TEST(what_has_wholly_expired_is_dropped_unless_it_hides_something),
        TEST(what_has_wholly_expired_waits_for_older_operands),
        TEST(stubs_are_dead_once_nothing_needs_them),
        TEST(nothing_expires_while_drops_wait),
        TEST(a_table_that_is_mostly_dead_is_written_anew_or_goes_down),
        TEST(small_neighbours_become_one_with_it),
        TEST(the_table_of_which_most_has_expired_comes_first),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
