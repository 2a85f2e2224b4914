/*
 * commands_subsequence.c - longest common subsequences, against the table of
 * all lengths.
 */

#include "check.h"
#include "commands/subsequence.h"

#define LEN_MAX  150


static uint64_t  seed = 1;
static size_t    lengths[LEN_MAX + 1][LEN_MAX + 1];


static void
table(fkv_str_t a, fkv_str_t b)
{
    for (size_t i = 1; i <= a.len; i++) {
        for (size_t j = 1; j <= b.len; j++) {
            lengths[i][j] = (a.data[i - 1] == b.data[j - 1])
                            ? lengths[i - 1][j - 1] + 1
                            : fkv__max(lengths[i - 1][j], lengths[i][j - 1]);
        }
    }
}


/* As the table says it: from the end, and a byte of b is left out first. */
static void
check_back(fkv_subsequence_t *lcs)
{
    size_t                 i = lcs->a.len, j = lcs->b.len, sum = 0;
    fkv_subsequence_run_t  run;

    while (fkv_subsequence_back(lcs, &run) == FKV_OK) {
        while (lcs->a.data[i - 1] != lcs->b.data[j - 1]) {
            if (lengths[i - 1][j] > lengths[i][j - 1]) {
                i--;
            } else {
                j--;
            }
        }

        assert_int_equal(run.a + run.len, i);
        assert_int_equal(run.b + run.len, j);
        assert_memory_equal(lcs->a.data + run.a, lcs->b.data + run.b, run.len);
        assert_true(run.a == 0 || run.b == 0
                    || lcs->a.data[run.a - 1] != lcs->b.data[run.b - 1]);
        i = run.a;
        j = run.b;
        sum += run.len;
    }

    assert_int_equal(sum, lcs->length);
}


static void
check(fkv_str_t a, fkv_str_t b)
{
    table(a, b);

    for (int back = 0; back < 2; back++) {
        fkv_subsequence_t   lcs = { .a = a, .b = b, .back = back };
        size_t              bytes = fkv_subsequence_memory(&lcs);
        void               *memory = malloc(bytes);

        memset(memory, 0x5a, bytes);
        fkv_subsequence_find(&lcs, memory);
        assert_int_equal(lcs.length, lengths[a.len][b.len]);

        if (back) {
            check_back(&lcs);
        }

        free(memory);
    }
}


static void
random_strings(void **state)
{
    uint8_t  a[LEN_MAX], b[LEN_MAX];

    (void) state;

    for (int i = 0; i < 3000; i++) {
        unsigned   letters = 1 + (unsigned) (check_random(&seed) % 5);
        fkv_str_t  strs[2] = {
            { a, check_random(&seed) % (LEN_MAX + 1) },
            { b, check_random(&seed) % (LEN_MAX + 1) }
        };

        if (letters == 5) {
            letters = 256;
        }

        for (size_t k = 0; k < LEN_MAX; k++) {
            a[k] = (uint8_t) (check_random(&seed) % letters);
            b[k] = (uint8_t) (check_random(&seed) % letters);
        }

        check(strs[0], strs[1]);
    }

    check(FKV_STR_NULL, FKV_STR_NULL);
    check(FKV_STR("a"), FKV_STR_NULL);
    check(FKV_STR_NULL, FKV_STR("a"));
    check(FKV_STR("ohmytext"), FKV_STR("mynewtext"));
}


static void
what_would_take_long_is_refused(void **state)
{
    size_t   most = FKV_SUBSEQUENCE_BYTES_MAX;
    uint8_t  byte = 0;

    (void) state;

    assert_int_equal(fkv_subsequence_check((fkv_str_t) { &byte, most + 1 },
                                           FKV_STR_NULL), FKV_ETOOBIG);
    assert_int_equal(fkv_subsequence_check((fkv_str_t) { &byte, most },
                                           (fkv_str_t) { &byte, 126 }),
                     FKV_OK);
    assert_int_equal(fkv_subsequence_check((fkv_str_t) { &byte, most },
                                           (fkv_str_t) { &byte, 127 }),
                     FKV_EFULL);
    assert_int_equal(fkv_subsequence_check((fkv_str_t) { &byte, most },
                                           (fkv_str_t) { &byte, most }),
                     FKV_EFULL);
}


/* The most that is allowed: a bound on memory, not on time. */
static void
the_largest_take_bounded_memory(void **state)
{
    static const size_t  lens[][2] = {
        { 5791, 5791 }, { FKV_SUBSEQUENCE_BYTES_MAX, 126 },
        { 126, FKV_SUBSEQUENCE_BYTES_MAX }
    };
    uint8_t  *bytes = malloc(FKV_SUBSEQUENCE_BYTES_MAX);

    (void) state;

    check_random_bytes(&seed, bytes, FKV_SUBSEQUENCE_BYTES_MAX);

    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        fkv_subsequence_t       lcs = { .a = { bytes, lens[i][0] },
                                        .b = { bytes, lens[i][1] },
                                        .back = true };
        fkv_subsequence_run_t   run;
        void                   *memory;

        assert_int_equal(fkv_subsequence_check(lcs.a, lcs.b), FKV_OK);
        assert_true(fkv_subsequence_memory(&lcs) <= 8 * 1024 * 1024);

        memory = malloc(fkv_subsequence_memory(&lcs));
        fkv_subsequence_find(&lcs, memory);
        assert_int_equal(lcs.length, fkv__min(lens[i][0], lens[i][1]));

        while (fkv_subsequence_back(&lcs, &run) == FKV_OK) {
            assert_memory_equal(bytes + run.a, bytes + run.b, run.len);
        }

        free(memory);
    }

    free(bytes);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(random_strings),
        cmocka_unit_test(what_would_take_long_is_refused),
        cmocka_unit_test(the_largest_take_bounded_memory),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
