/*
 * shared_cursor.c - numbers that name places, of many scans and of the dead.
 */

#include "check.h"
#include "shared/cursor.h"

static fkv__segment_shm_t  *seg;
static uint64_t             chance = 88172645463325252;


static int
segment_setup(void **state)
{
    (void) state;
    return fkv__segment_create(4 * 1024 * 1024, &seg);
}


static int
segment_teardown(void **state)
{
    (void) state;
    fkv__segment_unmap(seg);
    return 0;
}


static uint64_t
put(uint64_t from, const char *place)
{
    return fkv__cursor_put(seg, from, (fkv_str_t) {
        (const uint8_t *) place, strlen(place) }, check_random(&chance));
}


static void
assert_place(uint64_t cursor, const char *place)
{
    uint8_t  got[FKV__CURSOR_BYTES];
    size_t   len;

    assert_int_equal(fkv__cursor_get(seg, cursor, got, &len), FKV_OK);
    assert_int_equal(len, strlen(place));
    assert_memory_equal(got, place, len);
}


static void
assert_gone(uint64_t cursor)
{
    uint8_t  got[FKV__CURSOR_BYTES];
    size_t   len;

    assert_int_equal(fkv__cursor_get(seg, cursor, got, &len), FKV_GONE);
}


static void
a_number_names_its_place(void **state)
{
    char      longest[FKV__CURSOR_BYTES + 1];
    uint64_t  a = put(0, "user:1"), b, c;

    (void) state;
    memset(longest, 'x', FKV__CURSOR_BYTES);
    longest[FKV__CURSOR_BYTES] = '\0';

    b = put(0, longest);
    c = put(0, "");

    assert_place(a, "user:1");
    assert_place(b, longest);
    assert_place(c, "");
    assert_true(a < (uint64_t) 1 << 53);
    assert_true(a != 0);
}


static void
the_place_before_is_remembered_too(void **state)
{
    uint64_t  a = put(0, "a"), b = put(a, "b"), c;

    (void) state;

    assert_place(a, "a");
    assert_place(b, "b");

    c = put(b, "c");

    assert_gone(a);
    assert_place(b, "b");
    assert_place(c, "c");
}


/* A client that asks again, or two of them with one number. */
static void
an_older_number_goes_on_by_itself(void **state)
{
    uint64_t  a = put(0, "a"), b = put(a, "b");
    uint64_t  again = put(a, "B");

    (void) state;

    assert_place(a, "a");
    assert_place(b, "b");
    assert_place(again, "B");

    assert_place(put(b, "c"), "c");
    assert_place(again, "B");
}


static void
numbers_that_were_never_given_are_gone(void **state)
{
    uint64_t  a = put(0, "a");

    (void) state;

    assert_gone(0);
    assert_gone(1);
    assert_gone(UINT64_MAX);
    assert_gone(a + 1);
    assert_gone(a ^ (uint64_t) 1 << 40);
    assert_gone(a | (uint64_t) 1 << 53);
}


static void
who_was_not_used_for_longest_goes_first(void **state)
{
    unsigned  n = (unsigned) seg->cursors;
    uint64_t  pauses = put(0, "pauses"), goes = put(0, "goes");

    (void) state;
    assert_true(n >= 16);

    for (unsigned i = 0; i < 3 * n; i++) {
        (void) put(0, "new");
        goes = put(goes, "goes");
    }

    assert_gone(pauses);
    assert_place(goes, "goes");
}


static void
what_has_ended_is_taken_first(void **state)
{
    uint64_t  pauses = put(0, "pauses"), ended;

    (void) state;

    for (unsigned i = 0; i < 100 * seg->cursors; i++) {
        ended = put(0, "short");
        ended = put(ended, "end");
        fkv__cursor_end(seg, ended);
    }

    assert_place(pauses, "pauses");
    fkv__cursor_end(seg, 0);
    fkv__cursor_end(seg, UINT64_MAX);
}


/* Each byte that differs from what was written makes it somebody else's. */
static void
a_place_that_is_half_anothers_is_gone(void **state)
{
    uint64_t            a = put(0, "user:12345");
    fkv__cursor_shm_t  *entry = &fkv__segment_cursors(seg)[a & 2047];

    (void) state;

    for (unsigned k = 0; k < 2; k++) {
        fkv__cursor_place_shm_t  *place = &entry->places[k];
        uint8_t                  *bytes = (uint8_t *) place->words;

        if (place->cursor != a) {
            continue;
        }

        for (unsigned i = 0; i < 10; i++) {
            bytes[i] ^= 1;
            assert_gone(a);
            bytes[i] ^= 1;
        }

        for (unsigned bit = 0; bit < 64; bit++) {
            place->sum ^= (uint64_t) 1 << bit;
            assert_gone(a);
            place->sum ^= (uint64_t) 1 << bit;
        }
    }

    assert_place(a, "user:12345");
}


/* What was told stays, what goes on from it does so somewhere. */
static void
a_death_at_each_step_is_survived(void **state)
{
    static const char *const  steps[] = { "cursor.1", "cursor.2" };

    (void) state;

    for (unsigned i = 0; i < 2; i++) {
        uint64_t  before = put(0, "before"), mine = put(before, "mine");
        int       status;
        pid_t     pid = fork();

        assert_true(pid >= 0);

        if (pid == 0) {
            (void) setenv("FKV_KILL", steps[i], 1);
            (void) put(mine, "never told");
            _exit(0);
        }

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));

        assert_place(mine, "mine");

        if (i == 0) {
            assert_place(before, "before");
        } else {
            assert_gone(before);
        }

        assert_place(put(mine, "on"), "on");
        assert_place(mine, "mine");
    }
}


/* Several processes, one of which is killed again and again. */
static void
whoever_dies_others_find_their_places(void **state)
{
    uint64_t  mine = put(0, "0");

    (void) state;

    for (unsigned round = 0; round < 50; round++) {
        pid_t  pid = fork();

        assert_true(pid >= 0);

        if (pid == 0) {
            uint64_t  its = put(0, "its");

            chance += (uint64_t) getpid();

            for ( ;; ) {
                its = put(its, "its");
            }
        }

        for (unsigned i = 0; i < 2000; i++) {
            char  place[16];

            (void) snprintf(place, sizeof(place), "%u", i);
            mine = put(mine, place);
            assert_place(mine, place);
        }

        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
    }
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, segment_setup, segment_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(a_number_names_its_place),
        TEST(the_place_before_is_remembered_too),
        TEST(an_older_number_goes_on_by_itself),
        TEST(numbers_that_were_never_given_are_gone),
        TEST(who_was_not_used_for_longest_goes_first),
        TEST(what_has_ended_is_taken_first),
        TEST(a_place_that_is_half_anothers_is_gone),
        TEST(a_death_at_each_step_is_survived),
        TEST(whoever_dies_others_find_their_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
