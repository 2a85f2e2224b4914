/*
 * format_index.c - index pages: bytes, search in every mode, the number of
 * comparisons, damage.
 */

#include "check.h"
#include "format/index.h"

#define N  2000

/* Blocks: first and last record of each. */
typedef struct {
    uint8_t   bytes[2][64];
    size_t    len[2];
    uint64_t  version[2];
} block_t;

typedef struct {
    block_t       blocks[N];
    unsigned      n;
    fkv__buf_t    payload;
    fkv__index_t  index;
} page_t;

static page_t  page;


static fkv_str_t
block_key(const block_t *block, unsigned end)
{
    return (fkv_str_t) { block->bytes[end], block->len[end] };
}


static int
block_cmp(const block_t *block, unsigned end, fkv_str_t key, uint64_t version)
{
    return fkv__block_cmp(block_key(block, end), block->version[end], key,
                          version);
}


/* Of page.blocks. */
static void
page_build(fkv__index_kind_e kind)
{
    fkv__index_builder_t  builder;

    fkv__index_builder_init(&builder);

    for (unsigned i = 0; i < page.n; i++) {
        const block_t  *block = &page.blocks[i];
        fkv_str_t       next = (i + 1 < page.n) ? block_key(block + 1, 0)
                                                : FKV_STR_NULL;

        assert_int_equal(fkv__index_builder_add(&builder, block_key(block, 1),
                                                block->version[1], next,
                                                100 + i % 7),
                         FKV_OK);
        assert_int_equal(fkv__index_builder_n(&builder), i + 1);
    }

    page.payload.len = 0;
    assert_int_equal(fkv__index_builder_finish(&builder, kind, 5000,
                                               &page.payload),
                     FKV_OK);
    assert_int_equal(fkv__index_builder_n(&builder), 0);
    fkv__index_builder_done(&builder);

    assert_int_equal(fkv__index_open(&page.index,
                                     fkv__buf_str(&page.payload)),
                     FKV_OK);
    assert_int_equal(page.index.n, page.n);
}


/*
 * The block that a search names, or the one behind it, is the one with the
 * first record at or behind; returns the comparisons it took.
 */
static unsigned
page_check(fkv_str_t key, uint64_t version)
{
    unsigned  looks = 0, want = 0;
    uint32_t  at;

    while (want < page.n && block_cmp(&page.blocks[want], 1, key, version) < 0)
    {
        want++;
    }

    assert_int_equal(fkv__index_seek(&page.index, key, version, &at, &looks),
                     FKV_OK);

    /* In the gap before a block, or behind the last. */
    if (at + 1 == want) {
        assert_true(want == page.n
                    || block_cmp(&page.blocks[want], 0, key, version) >= 0);

    } else {
        assert_int_equal(at, want);
    }

    if (at < page.n) {
        assert_int_equal(fkv__index_covers(&page.index, at, key, version),
                         FKV_OK);
    }

    if (at > 0) {
        assert_int_equal(fkv__index_covers(&page.index, at - 1, key, version),
                         FKV_END);
    }

    return looks;
}


/* All that is in the blocks, and much that is not. */
static void
page_check_all(uint64_t *random)
{
    for (unsigned i = 0; i < page.n; i++) {
        const block_t  *block = &page.blocks[i];

        for (unsigned end = 0; end < 2; end++) {
            fkv_str_t  key = block_key(block, end);
            uint8_t    other[65];

            (void) page_check(key, block->version[end]);
            (void) page_check(key, block->version[end] + 1);
            (void) page_check(key, block->version[end] - 1);
            (void) page_check(key, UINT64_MAX);
            (void) page_check(key, 0);

            memcpy(other, key.data, key.len);
            other[key.len] = 0;
            (void) page_check((fkv_str_t) { other, key.len + 1 }, 7);
            (void) page_check((fkv_str_t) { other, key.len - 1 }, 7);
            other[check_random(random) % key.len] =
                (uint8_t) check_random(random);
            (void) page_check((fkv_str_t) { other, key.len }, 7);
        }
    }

    (void) page_check(FKV_STR_NULL, 7);
    (void) page_check(FKV_STR("\xff\xff"), 7);
}


/* Records of random keys cut into blocks of one to three. */
static void
blocks_make(uint64_t *random, unsigned n, unsigned key_max,
    const char *alphabet, unsigned letters)
{
    struct row {
        uint8_t   bytes[64];
        size_t    len;
        uint64_t  version;
    } *rows = calloc(3 * n, sizeof(*rows)), swap;
    unsigned  m = 0, i;

    for (i = 0; i < 3 * n; i++) {
        struct row  row = { .len = 1 + check_random(random) % key_max };

        memset(row.bytes, 'k', sizeof(row.bytes));
        row.version = 1 + check_random(random) % 6;

        for (size_t k = row.len - fkv__min(row.len, 5); k < row.len; k++) {
            row.bytes[k] = (uint8_t)
                           alphabet[check_random(random) % letters];
        }

        /* Insertion sort without twins. */
        unsigned  j = m;
        int       rc = 1;

        while (j > 0
               && (rc = fkv__block_cmp((fkv_str_t) { rows[j - 1].bytes,
                                                     rows[j - 1].len },
                                       rows[j - 1].version,
                                       (fkv_str_t) { row.bytes, row.len },
                                       row.version)) > 0)
        {
            j--;
        }

        if (j > 0 && rc == 0) {
            continue;
        }

        memmove(rows + j + 1, rows + j, (m - j) * sizeof(row));
        rows[j] = row;
        m++;
    }

    page.n = 0;

    for (i = 0; i < m && page.n < n; page.n++) {
        unsigned  last = i + check_random(random) % 3;
        block_t  *block = &page.blocks[page.n];

        last = fkv__min(last, m - 1);

        for (unsigned end = 0; end < 2; end++) {
            swap = rows[end ? last : i];
            memcpy(block->bytes[end], swap.bytes, swap.len);
            block->len[end] = swap.len;
            block->version[end] = swap.version;
        }

        i = last + 1;
    }

    free(rows);
}


static void
search_names_the_block_whatever_the_keys_are(void **state)
{
    static const struct {
        const char  *letters;
        unsigned     n;
    } alphabets[] = {
        { "ab\0\xff", 4 }, { "0123456789", 10 }, { "ab", 2 }, { "\0\1", 2 },
        { "abcdefghijklmnopqrstuvwxyz", 26 }
    };
    uint64_t  random = 81;

    (void) state;

    for (unsigned round = 0; round < 300; round++) {
        unsigned  which = round % 5;

        blocks_make(&random, 1 + check_random(&random) % 120,
                    1 + check_random(&random) % 60, alphabets[which].letters,
                    alphabets[which].n);
        page_build(round % 3);
        page_check_all(&random);
    }

    fkv__buf_done(&page.payload);
}


static void
places_lie_one_behind_the_other(void **state)
{
    uint64_t            random = 82, offset = 5000;
    fkv__block_place_t  place;

    (void) state;

    blocks_make(&random, 100, 20, "abcdef", 6);
    page_build(FKV__INDEX_LINEAR);

    for (unsigned i = 0; i < page.n; i++) {
        assert_int_equal(fkv__index_place(&page.index, i, &place), FKV_OK);
        assert_int_equal(place.offset, offset);
        assert_int_equal(place.bytes, 95 + i % 7);
        offset += 100 + i % 7;
    }

    fkv__buf_done(&page.payload);
}


static void
page_has_these_bytes(void **state)
{
    static const block_t  blocks[] = {
        { { "key00", "key10" }, { 5, 5 }, { 9, 8 } },
        { { "key11", "key20-a-long-tail" }, { 5, 17 }, { 7, 6 } },
        { { "key20-a-long-t=il", "key30" }, { 17, 5 }, { 5, 4 } },
        { { "key30", "key40" }, { 5, 5 }, { 3, 2 } },
    };

    (void) state;

    memcpy(page.blocks, blocks, sizeof(blocks));
    page.n = 4;
    page_build(FKV__INDEX_BINARY);
    check_hex(page.payload.data, page.payload.len,
              "04000000030000000000ff08010000008813000000000000"
              "6b657900000000000030316e6f6c2d612d30320000000000"
              "003033000000000000303464000000c90000002f01000096"
              "01000000000000060000000800000008000000000c672d74"
              "3d0402");
    fkv__buf_done(&page.payload);
}


/* Hex digits and an even step: one line meets all, over the gap. */
static void
page_with_a_line_has_these_bytes(void **state)
{
    (void) state;

    page.n = 8;

    for (unsigned i = 0; i < page.n; i++) {
        block_t  *block = &page.blocks[i];

        for (unsigned end = 0; end < 2; end++) {
            block->len[end] = (size_t) sprintf((char *) block->bytes[end],
                                               "k%08x", 0x0f1e2d3cu
                                                        * (2 * i + end));
            block->version[end] = 20 - end;
        }
    }

    page_build(FKV__INDEX_LEARNED);
    check_hex(page.payload.data, page.payload.len,
              "080000000100010000306608003a27008813000000000000"
              "6b6333643265316630346237386135643263323265363962"
              "343461633333643936633137396630383834393166623436"
              "616330633438383463343836613463326564000000c90000"
              "002f01000096010000fe01000067020000d1020000350300"
              "003c2d1e0f00000000514952120900000000000000");
    fkv__buf_done(&page.payload);
}


/* How keys lie: what they look like is up to keys_*(). */
typedef enum { EVEN, RANDOM, CLUSTERS, SKEWED, OUTLIERS } spread_e;
typedef enum { BYTES, DECIMAL, HEX } look_e;

#define SPREADS  5
#define LOOKS    3


static int
compare_numbers(const void *a, const void *b)
{
    uint64_t  x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}


/* N blocks of two records; keys as "user000123456789". */
static void
blocks_spread(spread_e spread, look_e look)
{
    static uint64_t  numbers[2 * N];
    uint64_t         random = 83;

    for (unsigned i = 0; i < 2 * N; i++) {
        uint64_t  r = check_random(&random);

        switch (spread) {
        case EVEN:      numbers[i] = i * 250000ull; break;
        case RANDOM:    numbers[i] = r % 1000000000; break;
        case CLUSTERS:  numbers[i] = r % 10 * 90000000 + (r >> 20) % 100000;
                        break;
        case SKEWED:    numbers[i] = (uint64_t) 1 << r % 29;
                        numbers[i] += (r >> 20) % numbers[i];
                        break;
        case OUTLIERS:  numbers[i] = i % (N / 2) ? 500000000 + i
                                                 : i * 250000ull;
                        break;
        }
    }

    qsort(numbers, 2 * N, sizeof(uint64_t), compare_numbers);
    page.n = N;

    for (unsigned i = 0; i < 2 * N; i++) {
        block_t  *block = &page.blocks[i / 2];
        uint8_t  *bytes = block->bytes[i % 2];

        if (look != BYTES) {
            block->len[i % 2] = (size_t) sprintf((char *) bytes,
                                                 look == HEX ? "user%012llx"
                                                             : "user%012llu",
                                                 (unsigned long long)
                                                 numbers[i]);

        } else {
            uint64_t  number = __builtin_bswap64(numbers[i] << 34);

            memcpy(bytes, "user", 4);
            memcpy(bytes + 4, &number, 8);
            memcpy(bytes + 12, &numbers[i], 8);
            block->len[i % 2] = 20;
        }

        block->version[i % 2] = 2 * N - i;
    }
}


static double
looks_a_search(fkv__index_kind_e kind)
{
    unsigned  looks = 0;

    page_build(kind);

    for (unsigned i = 0; i < page.n; i++) {
        for (unsigned end = 0; end < 2; end++) {
            looks += page_check(block_key(&page.blocks[i], end),
                                page.blocks[i].version[end]);
        }
    }

    return looks / 2.0 / page.n;
}


static void
lines_save_comparisons_and_never_cost_many(void **state)
{
    static const char  *names[] = { "even", "random", "clusters", "skewed",
                                    "outliers" };
    static const char  *looks[] = { "bytes", "decimal", "hex" };

    (void) state;

    for (unsigned i = 0; i < SPREADS * LOOKS; i++) {
        double    binary, linear, learned;
        unsigned  spread = i / LOOKS;

        blocks_spread(spread, i % LOOKS);
        binary = looks_a_search(FKV__INDEX_BINARY);
        linear = looks_a_search(FKV__INDEX_LINEAR);
        learned = looks_a_search(FKV__INDEX_LEARNED);

        print_message("%s, %s: %.1f comparisons by binary search, %.1f with "
                      "a line, %.1f with as many as it takes\n",
                      names[spread], looks[i % LOOKS], binary, linear,
                      learned);

        assert_true(linear <= binary * 1.03);
        assert_true(learned <= binary * 1.03);
        assert_true(spread > RANDOM || linear <= binary * 0.75);
        assert_true(spread > CLUSTERS || learned <= binary * 0.85);
    }

    fkv__buf_done(&page.payload);
}


/* As if the sum were right: answers, and no step outside. */
static void
damaged_page_never_leads_outside(void **state)
{
    uint64_t  random = 84;

    (void) state;

    for (unsigned round = 0; round < 3000; round++) {
        uint8_t       *copy;
        size_t         len;
        fkv__index_t   index;

        if (round % 30 == 0) {
            blocks_make(&random, 1 + check_random(&random) % 60,
                        1 + check_random(&random) % 40, "ab\0\xff", 4);
            page_build(round / 30 % 3);
        }

        len = (round % 4 == 0) ? check_random(&random) % page.payload.len
                               : page.payload.len;
        copy = check_copy(page.payload.data, len);

        for (unsigned k = 0; k < 1 + round % 3 && len > 0; k++) {
            size_t  at = check_random(&random) % len;

            /* The head decides most. */
            copy[(round % 8 < 3) ? at % 24 % len : at] =
                (uint8_t) (check_random(&random) >> 8);
        }

        if (fkv__index_open(&index, (fkv_str_t) { copy, len }) == FKV_OK) {
            for (unsigned i = 0; i < 20; i++) {
                uint32_t             at;
                int                  rc;
                fkv__block_place_t   place;
                const block_t       *block;

                block = &page.blocks[check_random(&random) % page.n];
                rc = fkv__index_seek(&index, block_key(block, i % 2), i, &at,
                                     NULL);
                assert_true(rc == FKV_OK || rc == FKV_ECORRUPT);
                assert_true(rc != FKV_OK || at <= index.n);

                at = (uint32_t) check_random(&random) % index.n;
                rc = fkv__index_place(&index, at, &place);
                assert_true(rc == FKV_OK || rc == FKV_ECORRUPT);
                rc = fkv__index_covers(&index, at, block_key(block, 0), 3);
                assert_true(rc == FKV_OK || rc == FKV_END
                            || rc == FKV_ECORRUPT);
            }
        }

        free(copy);
    }

    fkv__buf_done(&page.payload);
}


/* A line that lies costs comparisons, not the answer. */
static void
wrong_lines_do_not_change_the_answer(void **state)
{
    uint64_t  random = 85;

    (void) state;

    for (unsigned round = 0; round < 20; round++) {
        uint8_t  *lines;
        size_t    n;

        blocks_spread(round % SPREADS, round % LOOKS);
        page_build(round % 3 ? FKV__INDEX_LEARNED : FKV__INDEX_LINEAR);

        lines = page.payload.data + (page.index.lines - page.payload.data);
        n = page.index.lines_n * 20;

        if (n > 0) {
            for (unsigned k = 0; k < 5; k++) {
                lines[check_random(&random) % n] ^=
                    (uint8_t) check_random(&random);
            }

            page.payload.data[8] = (uint8_t) check_random(&random);
            page.payload.data[9] = (uint8_t) (check_random(&random) % 40);
            page.payload.data[11] = (uint8_t) (check_random(&random) % 9);
            assert_int_equal(fkv__index_open(&page.index,
                                             fkv__buf_str(&page.payload)),
                             FKV_OK);
        }

        for (unsigned i = 0; i < 300; i++) {
            const block_t  *block = &page.blocks[check_random(&random) % N];

            (void) page_check(block_key(block, i % 2), block->version[i % 2]);
        }
    }

    fkv__buf_done(&page.payload);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(page_has_these_bytes),
        cmocka_unit_test(page_with_a_line_has_these_bytes),
        cmocka_unit_test(search_names_the_block_whatever_the_keys_are),
        cmocka_unit_test(places_lie_one_behind_the_other),
        cmocka_unit_test(lines_save_comparisons_and_never_cost_many),
        cmocka_unit_test(wrong_lines_do_not_change_the_answer),
        cmocka_unit_test(damaged_page_never_leads_outside),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
