/*
 * format_expiry.c - how many have expired: never too many, soon enough.
 */

#include "check.h"
#include "format/expiry.h"

#define N      5000
#define BEGUN  1700000000000ull

static uint64_t       times[N];
static fkv__expiry_t  expiry;
static fkv__buf_t     bytes;


static int
expiry_setup(void **state)
{
    (void) state;

    memset(&expiry, 0, sizeof(expiry));
    memset(&bytes, 0, sizeof(bytes));

    return 0;
}


static int
expiry_teardown(void **state)
{
    (void) state;
    fkv__buf_done(&bytes);

    return 0;
}


/* Times left from nothing to centuries, as likely short as long. */
static void
make(uint64_t seed)
{
    uint64_t  random = seed;

    for (unsigned i = 0; i < N; i++) {
        uint64_t  left = check_random(&random) >> 21
                         >> check_random(&random) % 43;

        times[i] = (i % 50 == 0) ? BEGUN - left / 2 : BEGUN + left;
        fkv__expiry_add(&expiry, BEGUN, times[i]);
    }

    assert_int_equal(fkv__expiry_put(&expiry, &bytes), FKV_OK);
    assert_true(bytes.len <= FKV__EXPIRY_BYTES_MAX);
}


static uint64_t
expired(uint64_t now_ms)
{
    uint64_t  n = 0;

    for (unsigned i = 0; i < N; i++) {
        n += (times[i] <= now_ms);
    }

    return n;
}


static void
what_has_passed_is_never_too_much_and_late_by_a_quarter(void **state)
{
    (void) state;

    make(88172645463325252ull);
    assert_int_equal(fkv__expiry_check(fkv__buf_str(&bytes), N), FKV_OK);
    assert_int_equal(fkv__expiry_passed(fkv__buf_str(&bytes), BEGUN, BEGUN),
                     0);

    for (uint64_t left = 1; left < 1ull << 40; left += left / 7 + 1) {
        uint64_t  passed = fkv__expiry_passed(fkv__buf_str(&bytes), BEGUN,
                                              BEGUN + left);

        assert_true(passed <= expired(BEGUN + left));
        assert_true(left < 1024
                    || passed >= expired(BEGUN + left - left / 4));
    }
}


static void
nothing_is_no_byte(void **state)
{
    (void) state;

    assert_int_equal(fkv__expiry_put(&expiry, &bytes), FKV_OK);
    assert_int_equal(bytes.len, 0);
    assert_int_equal(fkv__expiry_check(FKV_STR_NULL, 0), FKV_OK);
    assert_int_equal(fkv__expiry_passed(FKV_STR_NULL, BEGUN, UINT64_MAX), 0);
}


static void
one_minute_has_these_bytes(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 300; i++) {
        fkv__expiry_add(&expiry, BEGUN, BEGUN + 60000);
    }

    fkv__expiry_add(&expiry, BEGUN, BEGUN - 1);
    assert_int_equal(fkv__expiry_put(&expiry, &bytes), FKV_OK);
    check_hex(bytes.data, bytes.len, "00011aac02");

    assert_int_equal(fkv__expiry_passed(fkv__buf_str(&bytes), BEGUN,
                                        BEGUN + 60000), 1);
    assert_int_equal(fkv__expiry_passed(fkv__buf_str(&bytes), BEGUN,
                                        BEGUN + 65535), 301);
}


static void
counts_that_cannot_be_are_refused(void **state)
{
    uint64_t  random = 7;

    (void) state;

    make(99);
    assert_int_equal(fkv__expiry_check(fkv__buf_str(&bytes), N - 1),
                     FKV_ECORRUPT);
    assert_int_equal(fkv__expiry_check(FKV_STR("\x80\x01\x01"), 1),
                     FKV_ECORRUPT);             /* span 128 */
    assert_int_equal(fkv__expiry_check(FKV_STR("\x7f\x01\x01\x01"), 9),
                     FKV_ECORRUPT);
    assert_int_equal(fkv__expiry_check(FKV_STR("\x01"), 9), FKV_ECORRUPT);

    for (unsigned i = 0; i < 20000; i++) {
        uint8_t    junk[40];
        fkv_str_t  str = { junk, check_random(&random) % sizeof(junk) };

        for (size_t k = 0; k < str.len; k++) {
            junk[k] = (uint8_t) (check_random(&random)
                                 >> check_random(&random) % 8);
        }

        if (fkv__expiry_check(str, N) == FKV_OK) {
            assert_true(fkv__expiry_passed(str, BEGUN, UINT64_MAX) <= N);
        }
    }
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, expiry_setup, expiry_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(what_has_passed_is_never_too_much_and_late_by_a_quarter),
        TEST(nothing_is_no_byte),
        TEST(one_minute_has_these_bytes),
        TEST(counts_that_cannot_be_are_refused),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
