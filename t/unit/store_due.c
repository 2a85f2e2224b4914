/*
 * store_due.c - the heap of what expires soonest, against a list of all.
 */

#include "check.h"
#include "base/hash.h"
#include "store/due.h"

#define KEYS  2000

static fkv__due_t     due;
static fkv__moment_t  model[KEYS];      /* at_ms 0: it does not expire */
static uint64_t       random_state, version;


static int
due_setup(void **state)
{
    (void) state;

    fkv__due_init(&due, 10 * 1024 * 1024);
    memset(model, 0, sizeof(model));
    random_state = 88172645463325252ull;
    version = 1;

    return 0;
}


static int
due_teardown(void **state)
{
    (void) state;
    fkv__due_done(&due);

    return 0;
}


static fkv_str_t
key_of(unsigned i)
{
    static char  text[16];

    return (fkv_str_t) { (uint8_t *) text, (size_t) sprintf(text, "%05u", i) };
}


static void
put(unsigned i, uint64_t at_ms)
{
    fkv__due_entry_t  entry = {
        .moment = { at_ms, fkv__hash(key_of(i)) },
        .version = ++version
    };

    model[i] = entry.moment;
    fkv__due_put(&due, key_of(i), &entry);
}


static void
drop(unsigned i)
{
    model[i].at_ms = 0;
    fkv__due_remove(&due, key_of(i), fkv__hash(key_of(i)));
}


static int
compare(const void *a, const void *b)
{
    const fkv__moment_t  *x = a, *y = b;

    return fkv__moment_after(*x, *y) - fkv__moment_after(*y, *x);
}


/* All that the model has up to the bound comes out, in order. */
static void
check_all(void)
{
    static fkv__moment_t  want[KEYS];
    size_t                n = 0;

    for (unsigned i = 0; i < KEYS; i++) {
        if (model[i].at_ms != 0 && !fkv__moment_after(model[i], due.bound)) {
            want[n++] = model[i];
        }
    }

    qsort(want, n, sizeof(want[0]), compare);
    assert_int_equal(due.n, n);

    for (size_t i = 0; i < n; i++) {
        const fkv__due_entry_t  *first = fkv__due_first(&due);

        assert_int_equal(first->moment.at_ms, want[i].at_ms);
        assert_int_equal(first->moment.hash, want[i].hash);
        fkv__due_drop_first(&due);
    }

    assert_null(fkv__due_first(&due));
}


static void
churn(unsigned n, uint64_t times)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned  key = (unsigned) (check_random(&random_state) % KEYS);

        if (check_random(&random_state) % 4 == 0) {
            drop(key);

        } else {
            put(key, 1 + check_random(&random_state) % times);
        }
    }
}


static void
keys_come_out_in_the_order_of_their_expiry(void **state)
{
    (void) state;

    churn(20000, 1000000);
    assert_false(fkv__moment_after(FKV__MOMENT_NEVER, due.bound));
    check_all();
    assert_true(due.bytes <= due.bytes_max);
}


static void
a_full_heap_keeps_the_soonest_also_of_one_millisecond(void **state)
{
    static const uint64_t  times[] = { 1000000, 10, 1 };

    (void) state;

    for (unsigned i = 0; i < 3; i++) {
        fkv__due_done(&due);
        fkv__due_init(&due, 100 * 1024);
        memset(model, 0, sizeof(model));

        for (unsigned round = 0; round < 20; round++) {
            churn(1000, times[i]);
            assert_true(due.bytes <= due.bytes_max);
        }

        assert_true(fkv__moment_after(FKV__MOMENT_NEVER, due.bound));
        assert_true(due.n > 200);
        check_all();
    }
}


static void
an_older_version_changes_nothing(void **state)
{
    fkv__due_entry_t  old = { .moment = { 5, fkv__hash(key_of(1)) },
                              .version = 1 };

    (void) state;

    put(1, 100);
    fkv__due_put(&due, key_of(1), &old);
    assert_int_equal(fkv__due_first(&due)->moment.at_ms, 100);

    /* A newer one behind the bound drives it out. */

    due.bound = (fkv__moment_t) { 200, 0 };
    put(1, 201);
    assert_null(fkv__due_first(&due));
}


static void
a_range_takes_out_what_lies_in_it(void **state)
{
    (void) state;

    for (unsigned round = 0; round < 20; round++) {
        unsigned  from, n;
        char      begin[16], end[16];

        churn(2000, 1 + check_random(&random_state) % 5000);
        from = (unsigned) (check_random(&random_state) % KEYS);
        n = (unsigned) (check_random(&random_state) % 500);
        (void) sprintf(begin, "%05u", from);
        (void) sprintf(end, "%05u", from + n);

        fkv__due_remove_range(&due, &(fkv__range_t) {
            .begin = { (uint8_t *) begin, 5 }, .end = { (uint8_t *) end, 5 } });

        for (unsigned i = from; i < from + n && i < KEYS; i++) {
            model[i].at_ms = 0;
        }
    }

    check_all();
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, due_setup, due_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(keys_come_out_in_the_order_of_their_expiry),
        TEST(a_full_heap_keeps_the_soonest_also_of_one_millisecond),
        TEST(an_older_version_changes_nothing),
        TEST(a_range_takes_out_what_lies_in_it),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
