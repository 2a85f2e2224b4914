/*
 * shared_sketch.c - what was used lately or often is known, of the best keys.
 */

#include "check.h"
#include "base/hash.h"
#include "shared/sketch.h"

#define MEMORY   (16 * 1024 * 1024)
#define NOW_MS   (1700000000ull * 1000)
#define MINUTE   60000ull
#define HOUR     (60 * MINUTE)

static fkv__segment_shm_t  *seg;
static uint64_t             chance;


static int
sketch_setup(void **state)
{
    (void) state;
    chance = 1;

    return fkv__segment_create(MEMORY, &seg);
}


static int
sketch_teardown(void **state)
{
    (void) state;
    fkv__segment_unmap(seg);

    return 0;
}


static uint64_t
hash_of(uint64_t key)
{
    return fkv__hash((fkv_str_t) { (uint8_t *) &key, sizeof(key) });
}


static void
use(fkv__sketch_e what, uint64_t key, uint64_t now_ms)
{
    chance = chance * 6364136223846793005ull + 1442695040888963407ull;
    fkv__sketch_touch(seg, what, hash_of(key), now_ms, chance);
}


static uint32_t
worth(fkv__sketch_e what, uint64_t key, uint64_t now_ms)
{
    return fkv__sketch_worth(seg, what, hash_of(key), now_ms);
}


static void
it_is_a_small_share_of_the_segment(void **state)
{
    (void) state;

    assert_true(seg->sketch_lines * FKV__CACHE_LINE
                <= MEMORY / FKV__SKETCH_SHARE);
    assert_true(seg->sketch_lines * FKV__CACHE_LINE
                > MEMORY / FKV__SKETCH_SHARE / 2);
    assert_int_equal(seg->sketch_lines & (seg->sketch_lines - 1), 0);
}


static void
what_was_used_later_is_worth_more(void **state)
{
    (void) state;

    assert_int_equal(worth(FKV__SKETCH_LRU, 1, NOW_MS), 0);

    use(FKV__SKETCH_LRU, 1, NOW_MS);
    use(FKV__SKETCH_LRU, 2, NOW_MS + 1000);
    use(FKV__SKETCH_LRU, 3, NOW_MS + HOUR);
    assert_true(worth(FKV__SKETCH_LRU, 1, NOW_MS + HOUR) > 0);
    assert_true(worth(FKV__SKETCH_LRU, 1, NOW_MS + HOUR)
                < worth(FKV__SKETCH_LRU, 2, NOW_MS + HOUR));
    assert_true(worth(FKV__SKETCH_LRU, 2, NOW_MS + HOUR)
                < worth(FKV__SKETCH_LRU, 3, NOW_MS + HOUR));

    use(FKV__SKETCH_LRU, 1, NOW_MS + 2 * HOUR);
    assert_true(worth(FKV__SKETCH_LRU, 1, NOW_MS + 2 * HOUR)
                > worth(FKV__SKETCH_LRU, 3, NOW_MS + 2 * HOUR));

    /* Another process's clock is a little ahead. */
    assert_int_equal(worth(FKV__SKETCH_LRU, 1, NOW_MS + 2 * HOUR - 500),
                     worth(FKV__SKETCH_LRU, 1, NOW_MS + 2 * HOUR));
}


static void
what_is_used_more_often_is_worth_more_and_that_decays(void **state)
{
    uint32_t  few, many, most;

    (void) state;

    use(FKV__SKETCH_LFU, 1, NOW_MS);

    for (unsigned i = 0; i < 100; i++) {
        use(FKV__SKETCH_LFU, 2, NOW_MS);
    }

    for (unsigned i = 0; i < 100000; i++) {
        use(FKV__SKETCH_LFU, 3, NOW_MS);
    }

    few = worth(FKV__SKETCH_LFU, 1, NOW_MS);
    many = worth(FKV__SKETCH_LFU, 2, NOW_MS);
    most = worth(FKV__SKETCH_LFU, 3, NOW_MS);
    assert_int_equal(few, FKV__SKETCH_NEW + 1);
    assert_true(many > few + 2);
    assert_true(most > many + 50);
    assert_true(most <= 256);

    assert_int_equal(worth(FKV__SKETCH_LFU, 3, NOW_MS + 10 * MINUTE),
                     most - 10);
    assert_int_equal(worth(FKV__SKETCH_LFU, 3, NOW_MS + 10 * HOUR), 1);
    use(FKV__SKETCH_LFU, 3, NOW_MS + 10 * HOUR);
    assert_true(worth(FKV__SKETCH_LFU, 3, NOW_MS + 10 * HOUR) <= 2);
}


/* Ten times as many keys come by as there are cells, a few of them often. */
static void
much_that_comes_once_does_not_wash_out_what_comes_often(void **state)
{
    uint64_t  cells = seg->sketch_lines * FKV__SKETCH_WAYS, hot = cells / 8;
    unsigned  known[2] = { 0 };

    (void) state;

    for (unsigned what = 0; what < 2; what++) {
        uint64_t  now = NOW_MS + what * HOUR;

        fkv__sketch_clear(seg);

        for (unsigned round = 0; round < 40; round++) {
            for (uint64_t key = 0; key < hot; key++) {
                use(what, key, now);
            }

            for (uint64_t key = 0; key < cells / 4; key++) {
                use(what, (round + 1) * cells + key, now);
            }

            now += 1000;
        }

        for (uint64_t key = 0; key < hot; key++) {
            known[what] += (worth(what, key, now)
                            > worth(what, 39 * cells + key, now));
        }
    }

    assert_true(known[FKV__SKETCH_LRU] > hot * 9 / 10);
    assert_true(known[FKV__SKETCH_LFU] > hot * 9 / 10);
}


static void
values_are_cleared_before_they_wrap_around(void **state)
{
    (void) state;

    use(FKV__SKETCH_LRU, 1, NOW_MS);
    use(FKV__SKETCH_LRU, 2, NOW_MS + 18 * HOUR);
    fkv__sketch_sweep(seg, FKV__SKETCH_LRU, 5, seg->sketch_lines,
                      NOW_MS + 20 * HOUR);
    assert_int_equal(worth(FKV__SKETCH_LRU, 1, NOW_MS + 20 * HOUR), 0);
    assert_true(worth(FKV__SKETCH_LRU, 2, NOW_MS + 20 * HOUR) > 0);

    fkv__sketch_clear(seg);
    use(FKV__SKETCH_LFU, 1, NOW_MS);
    use(FKV__SKETCH_LFU, 2, NOW_MS + 38 * HOUR);
    fkv__sketch_sweep(seg, FKV__SKETCH_LFU, 0, seg->sketch_lines,
                      NOW_MS + 38 * HOUR);
    assert_int_equal(worth(FKV__SKETCH_LFU, 1, NOW_MS + 38 * HOUR), 0);
    assert_true(worth(FKV__SKETCH_LFU, 2, NOW_MS + 38 * HOUR) > 0);
}


/* Whatever stands there, it is an order of eviction and nothing worse. */
static void
no_bytes_do_harm(void **state)
{
    uint8_t  *at = (uint8_t *) seg + seg->sketch_at;

    (void) state;

    for (uint64_t i = 0; i < seg->sketch_lines * FKV__CACHE_LINE; i++) {
        chance = chance * 6364136223846793005ull + 1;
        at[i] = (uint8_t) (chance >> 56);
    }

    for (uint64_t key = 0; key < 10000; key++) {
        use(key & 1, key, NOW_MS);
        assert_true(worth(key & 1, key, NOW_MS) > 0);
    }

    fkv__sketch_sweep(seg, FKV__SKETCH_LFU, UINT64_MAX - 3, 10, NOW_MS);
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, sketch_setup,       \
                                                    sketch_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(it_is_a_small_share_of_the_segment),
        TEST(what_was_used_later_is_worth_more),
        TEST(what_is_used_more_often_is_worth_more_and_that_decays),
        TEST(much_that_comes_once_does_not_wash_out_what_comes_often),
        TEST(values_are_cleared_before_they_wrap_around),
        TEST(no_bytes_do_harm),
    };

#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
