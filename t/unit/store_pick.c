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
check_pick(fkv__pick_e what, unsigned from, const char *ids)
{
    char  got[256] = "", *p = got;

    assert_int_equal(fkv__pick(&pick, &version, FLOOR, NOW), FKV_OK);
    assert_int_equal(pick.what, what);

    for (unsigned i = 0; i < pick.n; i++) {
        if (what != FKV__PICK_DROP && i == pick.n_from) {
            p += sprintf(p, "| ");
        }

        p += sprintf(p, "%u ", (unsigned) pick.tables[i]->info.id);
    }

    assert_string_equal(got, ids);

    if (what != FKV__PICK_DROP) {
        assert_int_equal(pick.from, from);
        assert_int_equal(pick.to, from + 1);
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

    (void) add(1, "a", "z", FKV__PICK_L1_BYTES);
    check_nothing();
}


static void
level_0_takes_what_level_1_has_between_its_keys(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 3; i++) {
        (void) add(0, "h", "k", MB);
    }

    (void) add(0, "d", "e", MB);

    (void) add(1, "a", "c", MB);
    (void) add(1, "cc", "d", MB);
    (void) add(1, "f", "g", MB);        /* in the gap of level 0 */
    (void) add(1, "k", "l", MB);
    (void) add(1, "m", "n", MB);

    check_pick(FKV__PICK_MERGE, 0, "4 3 2 1 | 6 7 8 ");
}


static void
of_a_long_level_0_the_oldest_go_first(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 6; i++) {
        (void) add(0, "a", "z", 50 * MB);
    }

    check_pick(FKV__PICK_MERGE, 0, "6 5 ");
}


static void
one_large_table_is_work_too(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 4; i++) {
        (void) add(0, "a", "z", 500 * MB);
    }

    check_pick(FKV__PICK_MOVE, 0, "4 ");
}


static void
tables_without_neighbours_change_the_level_as_they_are(void **state)
{
    (void) state;

    (void) add(0, "g", "h", 10 * MB);
    (void) add(0, "e", "f", 10 * MB);
    (void) add(0, "c", "d", 10 * MB);
    (void) add(0, "a", "b", 10 * MB);
    (void) add(1, "x", "z", 10 * MB);

    check_pick(FKV__PICK_MOVE, 0, "4 3 2 1 ");
}


static void
small_tables_are_merged_rather_than_moved(void **state)
{
    (void) state;

    (void) add(0, "g", "h", MB);
    (void) add(0, "e", "f", MB);
    (void) add(0, "c", "d", MB);
    (void) add(0, "a", "b", MB);

    check_pick(FKV__PICK_MERGE, 0, "4 3 2 1 ");
}


static void
what_would_lose_something_is_not_moved(void **state)
{
    fkv__table_info_t  *info;

    (void) state;

    info = add(1, "a", "b", 70 * MB);
    check_pick(FKV__PICK_MOVE, 1, "1 ");

    info->tombstones = 1;
    check_pick(FKV__PICK_MERGE, 1, "1 ");

    /* A tombstone that still hides something goes down as it is. */
    (void) add(3, "a", "c", MB);
    check_pick(FKV__PICK_MOVE, 1, "1 ");

    expire(info, 1, NOW, NOW);
    check_pick(FKV__PICK_MERGE, 1, "1 ");

    expire(info, 1, NOW + 1, NOW + 1);
    check_pick(FKV__PICK_MOVE, 1, "1 ");

    info->entries = 101;
    check_pick(FKV__PICK_MERGE, 1, "1 ");

    info->version_min = FLOOR;
    check_pick(FKV__PICK_MOVE, 1, "1 ");
}


static void
a_level_is_worked_off_key_by_key_and_begins_again(void **state)
{
    (void) state;

    (void) add(1, "a", "b", 30 * MB);
    (void) add(1, "c", "d", 30 * MB);
    (void) add(1, "e", "f", 30 * MB);
    (void) add(2, "a", "d", 10 * MB);
    (void) add(2, "e", "g", 10 * MB);

    check_pick(FKV__PICK_MERGE, 1, "1 | 4 ");
    fkv__pick_advance(&pick);
    check_pick(FKV__PICK_MERGE, 1, "2 | 4 ");
    fkv__pick_advance(&pick);
    check_pick(FKV__PICK_MERGE, 1, "3 | 5 ");
    fkv__pick_advance(&pick);
    check_pick(FKV__PICK_MERGE, 1, "1 | 4 ");
}


static void
the_level_that_exceeds_most_goes_first(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 5; i++) {
        (void) add(0, "a", "z", MB);
    }

    (void) add(1, "a", "b", 100 * MB);
    check_pick(FKV__PICK_MOVE, 1, "6 ");
}


static void
the_last_level_is_never_due(void **state)
{
    (void) state;

    add(6, "a", "z", 1ull << 50)->tombstones = 100;
    check_nothing();
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

    check_pick(FKV__PICK_DROP, 0, "3 6 ");

    tables[0].info.largest.data = (uint8_t *) (uintptr_t) "b";
    tables[0].info.largest.len = 1;
    check_pick(FKV__PICK_DROP, 0, "3 6 ");              /* 6 is below 1 */

    order[2][0] = order[2][1];
    version.n[2] = 1;
    check_pick(FKV__PICK_DROP, 0, "1 3 ");

    tables[2].info.tombstones = 1;
    check_pick(FKV__PICK_DROP, 0, "1 ");
}


static void
nothing_expires_while_drops_wait(void **state)
{
    (void) state;

    expire(add(1, "m", "n", MB), 100, 1, 2);
    assert_int_equal(fkv__pick(&pick, &version, FLOOR, 0), FKV_END);
}


static void
in_idle_times_dead_tables_are_pushed_down(void **state)
{
    fkv__table_info_t  *info;

    (void) state;

    add(1, "a", "b", MB)->tombstones = 49;
    info = add(1, "c", "d", MB);
    (void) add(2, "c", "e", MB);
    check_nothing();

    info->tombstones = 30;
    expire(info, 20, 1, NOW);
    check_pick(FKV__PICK_MERGE, 1, "2 | 3 ");

    info->version_max = FLOOR;          /* somebody may read it */
    check_nothing();
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, pick_setup, pick_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(nothing_is_due_in_a_small_store),
        TEST(level_0_takes_what_level_1_has_between_its_keys),
        TEST(of_a_long_level_0_the_oldest_go_first),
        TEST(one_large_table_is_work_too),
        TEST(tables_without_neighbours_change_the_level_as_they_are),
        TEST(small_tables_are_merged_rather_than_moved),
        TEST(what_would_lose_something_is_not_moved),
        TEST(a_level_is_worked_off_key_by_key_and_begins_again),
        TEST(the_level_that_exceeds_most_goes_first),
        TEST(the_last_level_is_never_due),
        TEST(what_has_wholly_expired_is_dropped_unless_it_hides_something),
        TEST(nothing_expires_while_drops_wait),
        TEST(in_idle_times_dead_tables_are_pushed_down),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
