/*
 * extensions_poison.c - values that kill: the second death puts one aside, an
 * answer or another version of the key brings it back, others do not notice.
 */

#include "check.h"
#include "extensions/poison.h"

static fkv_poison_shm_t  table;
static uint64_t          now;


static int
setup(void **state)
{
    (void) state;
    memset(&table, 0, sizeof(table));

    return 0;
}


static fkv_poison_ask_t
ask_of(fkv_poison_fn_e fn, const char *key, uint64_t oldest, uint64_t newest)
{
    return (fkv_poison_ask_t) {
        fn, { 3, { (const uint8_t *) key, strlen(key) }, oldest, newest }
    };
}


/* Of extension 5: what it leaves behind is counted. */
static uint64_t
dies(fkv_poison_ask_t ask)
{
    fkv_poison_note_shm_t  note;
    uint64_t               before, deaths;

    fkv_poison_note(&note, 5, &ask);
    deaths = fkv_poison_died(&table, 5, &note, ++now, &before);
    assert_true((before != 0) == (deaths > 1));
    assert_true(before < now);

    return deaths;
}


static bool
is_aside(fkv_poison_ask_t ask)
{
    return fkv_poison_is(&table, 5, &ask);
}


static void
answers(fkv_poison_ask_t ask)
{
    fkv_poison_answered(&table, 5, &ask);
}


#define FULL(key, oldest, newest)                                             \
    ask_of(FKV_POISON_FULL, key, oldest, newest)
#define PARTIAL(key, oldest, newest)                                          \
    ask_of(FKV_POISON_PARTIAL, key, oldest, newest)
#define OUTPUT(key, version)                                                  \
    ask_of(FKV_POISON_OUTPUT, key, version, version)


static void
two_deaths_put_a_value_aside(void **state)
{
    fkv_poison_said_t  said;
    fkv_poison_ask_t   ask = FULL("k", 10, 20);

    (void) state;

    assert_false(is_aside(ask));
    assert_int_equal(dies(ask), 1);
    assert_false(is_aside(ask));
    assert_int_equal(fkv_poison_n(&table, 5), 0);
    assert_false(fkv_poison_at(&table, 5, 0, &said));
    assert_int_equal(dies(ask), 2);
    assert_true(is_aside(ask));
    assert_int_equal(fkv_poison_n(&table, 5), 1);
    assert_int_equal(fkv_poison_n(&table, 4), 0);
    assert_false(fkv_poison_at(&table, 4, 0, &said));
    assert_true(fkv_poison_at(&table, 5, 0, &said));
    assert_string_equal(said.fn, "full");
    assert_int_equal(said.ns, 3);
    assert_int_equal(said.deaths, 2);
    assert_int_equal(said.len, 1);
    assert_int_equal(said.text[0], 'k');
}


static void
others_are_not_concerned(void **state)
{
    fkv_poison_ask_t  ask = FULL("k", 10, 20), other = ask;

    (void) state;

    (void) dies(ask);
    (void) dies(ask);
    assert_false(is_aside(FULL("l", 10, 20)));
    assert_false(is_aside(PARTIAL("k", 10, 20)));
    assert_false(is_aside(OUTPUT("k", 20)));
    assert_false(fkv_poison_is(&table, 6, &ask));
    other.chain.ns = 4;
    assert_false(is_aside(other));
    assert_true(is_aside(ask));
}


static void
versions_around_it_are_asked(void **state)
{
    (void) state;

    (void) dies(FULL("k", 10, 20));
    (void) dies(FULL("k", 10, 30));
    assert_true(is_aside(FULL("k", 10, 20)));
    assert_true(is_aside(FULL("k", 30, 40)));
    assert_true(is_aside(FULL("k", 1, 10)));
    assert_false(is_aside(FULL("k", 31, 40)));
    assert_false(is_aside(FULL("k", 1, 9)));

    /* A death of what is newer has nothing to do with the older ones. */
    assert_int_equal(dies(FULL("k", 50, 60)), 1);
    assert_false(is_aside(FULL("k", 50, 60)));
}


static void
an_answer_is_a_proof(void **state)
{
    fkv_poison_ask_t  part = PARTIAL("k", 10, 20);

    (void) state;

    (void) dies(FULL("k", 10, 20));
    answers(FULL("k", 10, 19));
    assert_int_equal(dies(FULL("k", 10, 20)), 2);
    answers(FULL("k", 12, 21));
    assert_false(is_aside(FULL("k", 10, 20)));
    assert_int_equal(dies(FULL("k", 10, 20)), 1);

    (void) dies(OUTPUT("k", 20));
    answers(OUTPUT("k", 21));
    assert_int_equal(dies(OUTPUT("k", 20)), 1);

    /* It says nothing of what lay below what it was asked about. */
    (void) dies(part);
    answers(PARTIAL("k", 11, 21));
    assert_int_equal(dies(part), 2);
    answers(PARTIAL("k", 9, 20));
    assert_false(is_aside(part));
}


static void
what_is_not_in_the_store_is_not_blamed(void **state)
{
    fkv_poison_note_shm_t  note = { .hash = 7 };
    uint64_t               before;

    (void) state;

    assert_int_equal(dies(FULL("k", 0, 0)), 0);
    assert_int_equal(dies(FULL("k", 0, 0)), 0);
    assert_false(is_aside(FULL("k", 0, 0)));
    fkv_poison_note(&note, 5, NULL);
    assert_int_equal(fkv_poison_died(&table, 5, &note, 1, &before), 0);
    assert_int_equal(table.n, 0);
}


static void
forgiving_is_for_one_extension(void **state)
{
    fkv_poison_ask_t       ask = FULL("k", 10, 20);
    fkv_poison_note_shm_t  note;
    uint64_t               before;

    (void) state;

    (void) dies(ask);
    (void) dies(ask);
    (void) dies(FULL("l", 10, 20));
    fkv_poison_note(&note, 6, &ask);
    (void) fkv_poison_died(&table, 6, &note, 1, &before);
    (void) fkv_poison_died(&table, 6, &note, 1, &before);

    assert_int_equal(fkv_poison_forgive(&table, 5), 1);
    assert_false(is_aside(ask));
    assert_int_equal(dies(FULL("l", 10, 20)), 1);
    assert_true(fkv_poison_is(&table, 6, &ask));
    assert_int_equal(fkv_poison_forgive(&table, 5), 0);
}


static void
who_has_died_once_gives_way(void **state)
{
    char  key[16];

    (void) state;

    for (unsigned i = 0; i < FKV_POISON_ROWS; i++) {
        (void) sprintf(key, "k%u", i);
        assert_int_equal(dies(FULL(key, 10, 20)), 1);

        if (i % 2) {
            assert_int_equal(dies(FULL(key, 10, 20)), 2);
        }
    }

    for (unsigned i = 0; i < FKV_POISON_ROWS / 2; i++) {
        (void) sprintf(key, "n%u", i);
        assert_int_equal(dies(FULL(key, 10, 20)), 1);
        assert_int_equal(dies(FULL(key, 10, 20)), 2);
    }

    assert_int_equal(dies(FULL("more", 10, 20)), 0);
    assert_int_equal(fkv_poison_n(&table, 5), FKV_POISON_ROWS);
    assert_true(is_aside(FULL("k1", 10, 20)));
    assert_false(is_aside(FULL("k0", 10, 20)));
}


static void
a_key_is_shown_as_it_begins(void **state)
{
    fkv_poison_said_t  said;
    char               text[FKV_POISON_KEY_BYTES], key[101];

    (void) state;

    memset(key, '\x01', 100);
    key[100] = '\0';
    (void) dies(OUTPUT(key, 1));
    (void) dies(OUTPUT(key, 1));
    assert_true(fkv_poison_at(&table, 5, 0, &said));
    assert_string_equal(said.fn, "output");
    assert_int_equal(said.len, 100);
    fkv_poison_key(&said, text);
    assert_int_equal(strlen(text), FKV_POISON_TEXT * 4 + 3);
    assert_string_equal(text + FKV_POISON_TEXT * 4, "...");

    /* Nothing in shared memory is believed. */
    memset(&table, 0xff, sizeof(table));
    table.rows[0].at = 5;
    assert_true(fkv_poison_at(&table, 5, 0, &said));
    assert_string_equal(said.fn, "?");
    fkv_poison_key(&said, text);
    assert_int_equal(dies(OUTPUT(key, 1)), 0);
}


int
main(void)
{
#define TEST(f)  cmocka_unit_test_setup(f, setup)
    const struct CMUnitTest  tests[] = {
        TEST(two_deaths_put_a_value_aside),
        TEST(others_are_not_concerned),
        TEST(versions_around_it_are_asked),
        TEST(an_answer_is_a_proof),
        TEST(what_is_not_in_the_store_is_not_blamed),
        TEST(forgiving_is_for_one_extension),
        TEST(who_has_died_once_gives_way),
        TEST(a_key_is_shown_as_it_begins)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
