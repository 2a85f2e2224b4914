/*
 * format_filter.c - filters: no false "no", few false "perhaps".
 */

#include "check.h"
#include "base/hash.h"
#include "format/block.h"
#include "format/filter.h"

#define FILE_ID  7
#define OFFSET   40960
#define PAGE     FKV__FILTER_PAGE_BYTES


static uint64_t
hash_of(uint64_t i)
{
    uint8_t  bytes[8];

    fkv__put_le64(bytes, i);

    return fkv__hash((fkv_str_t) { bytes, sizeof(bytes) });
}


/* Keys 0 to n - 1. */
static void
filter_make(fkv__buf_t *out, uint64_t n, unsigned bits_per_key,
    uint64_t *pages)
{
    fkv__filter_builder_t  builder = { 0 };

    for (uint64_t i = 0; i < n; i++) {
        assert_int_equal(fkv__filter_builder_add(&builder, hash_of(i)),
                         FKV_OK);
    }

    *pages = fkv__filter_builder_pages(&builder, bits_per_key);
    assert_int_equal(fkv__filter_builder_finish(&builder, out, bits_per_key,
                                                FILE_ID, OFFSET),
                     FKV_OK);
    assert_int_equal(out->len, *pages * PAGE);
    assert_int_equal(fkv__filter_builder_pages(&builder, bits_per_key), 0);

    fkv__filter_builder_done(&builder);
}


/* Asks as a reader does: one page, verified alone. */
static bool
filter_ask(const fkv__buf_t *filter, uint64_t hash, uint64_t pages)
{
    uint64_t   page = fkv__filter_page(hash, pages);
    fkv_str_t  payload;

    assert_true(page < pages);
    assert_int_equal(fkv__block_check(filter->data + page * PAGE, PAGE,
                                      FILE_ID, OFFSET + page * PAGE,
                                      &payload),
                     FKV_OK);

    return fkv__filter_maybe(payload, hash, pages);
}


static void
page_has_these_bytes(void **state)
{
    fkv__filter_builder_t  builder = { 0 };
    fkv__buf_t             out = { 0 };
    uint8_t                page[PAGE] = { 0 };
    uint64_t               hash = fkv__hash(FKV_STR("\0apple\0\0"));

    (void) state;

    assert_int_equal(hash, 0xed1db3232494fa39);
    assert_int_equal(fkv__filter_builder_add(&builder, hash), FKV_OK);
    assert_int_equal(fkv__filter_builder_finish(&builder, &out, 10, 5, 4096),
                     FKV_OK);
    assert_int_equal(out.len, PAGE);

    check_hex(out.data + 64 * 58, 64,
              "000000000000000000000000000000000000001000000080000000000000"
              "000000000000000000000000000000000000000100000080800000000010"
              "00000000");
    check_hex(out.data + PAGE - 5, 5, "00 dbcd04ab");

    memset(out.data + 64 * 58, 0, 64);
    assert_memory_equal(out.data, page, PAGE - 5);

    fkv__buf_done(&out);
    fkv__filter_builder_done(&builder);
}


static void
every_key_is_found_and_strangers_seldom(void **state)
{
    static const uint64_t  counts[] = { 1, 100, 3000, 3225, 3226, 300000 };

    (void) state;

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        fkv__buf_t  filter = { 0 };
        uint64_t    n = counts[i], pages, wrong = 0;

        filter_make(&filter, n, 10, &pages);

        for (uint64_t key = 0; key < n; key += 1 + n / 10000) {
            assert_true(filter_ask(&filter, hash_of(key), pages));
        }

        for (uint64_t key = n; key < n + 20000; key++) {
            wrong += filter_ask(&filter, hash_of(key), pages);
        }

        assert_true(wrong < 20000 * 2 / 100);
        fkv__buf_done(&filter);
    }
}


static void
bits_per_key_decide_the_number_of_pages(void **state)
{
    fkv__buf_t  filter = { 0 };
    uint64_t    pages;

    (void) state;

    /* A page has 63 * 512 = 32256 bits. */
    filter_make(&filter, 3225, 10, &pages);
    assert_int_equal(pages, 1);
    fkv__buf_done(&filter);

    filter_make(&filter, 3226, 10, &pages);
    assert_int_equal(pages, 2);
    fkv__buf_done(&filter);

    filter_make(&filter, 1000, 0, &pages);
    assert_int_equal(pages, 0);
    fkv__buf_done(&filter);

    filter_make(&filter, 0, 10, &pages);
    assert_int_equal(pages, 0);
    fkv__buf_done(&filter);
}


static void
hashes_spread_over_all_pages(void **state)
{
    uint64_t  hits[10] = { 0 };

    (void) state;

    for (uint64_t i = 0; i < 100000; i++) {
        hits[fkv__filter_page(hash_of(i), 10)]++;
    }

    for (int i = 0; i < 10; i++) {
        assert_in_range(hits[i], 9500, 10500);
    }

    assert_int_equal(fkv__filter_page(0, 10), 0);
    assert_int_equal(fkv__filter_page(UINT64_MAX, 10), 9);
}


static void
damaged_page_is_found_and_another_is_not_mistaken_for_it(void **state)
{
    fkv__buf_t  filter = { 0 };
    fkv_str_t   payload;
    uint64_t    pages;

    (void) state;

    filter_make(&filter, 5000, 10, &pages);
    assert_int_equal(pages, 2);

    for (size_t bit = 0; bit < 8 * PAGE; bit += 13) {
        filter.data[bit / 8] ^= (uint8_t) (1 << bit % 8);
        assert_int_equal(fkv__block_check(filter.data, PAGE, FILE_ID, OFFSET,
                                          &payload),
                         FKV_ECORRUPT);
        filter.data[bit / 8] ^= (uint8_t) (1 << bit % 8);
    }

    assert_int_equal(fkv__block_check(filter.data + PAGE, PAGE, FILE_ID,
                                      OFFSET, &payload),
                     FKV_ECORRUPT);
    fkv__buf_done(&filter);
}


static void
page_that_is_too_short_says_perhaps(void **state)
{
    uint8_t  *page = calloc(1, 4031);

    (void) state;

    for (uint64_t i = 0; i < 1000; i++) {
        assert_true(fkv__filter_maybe((fkv_str_t) { page, 4031 }, hash_of(i),
                                      1));
    }

    free(page);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(page_has_these_bytes),
        cmocka_unit_test(every_key_is_found_and_strangers_seldom),
        cmocka_unit_test(bits_per_key_decide_the_number_of_pages),
        cmocka_unit_test(hashes_spread_over_all_pages),
        cmocka_unit_test(
            damaged_page_is_found_and_another_is_not_mistaken_for_it),
        cmocka_unit_test(page_that_is_too_short_says_perhaps),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
