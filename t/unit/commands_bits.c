/*
 * commands_bits.c - bytes as a row of bits, against a row of bools.
 */

#include "check.h"
#include "commands/bits.h"

#define ROW  70


static uint64_t  seed = 1;


static uint64_t
up_to(uint64_t n)
{
    return check_random(&seed) % (n + 1);
}


/* Long stretches of equal bits, so that whole words are passed. */
static void
make(uint8_t *row, size_t len)
{
    check_random_bytes(&seed, row, len);

    for (int i = 0; len > 0 && i < 4; i++) {
        size_t  from = up_to(len - 1);

        memset(row + from, up_to(1) ? 0xff : 0, up_to(len - from));
    }
}


static unsigned
bit_of(const uint8_t *row, uint64_t at)
{
    return (row[at / 8] >> (7 - at % 8)) & 1;
}


static void
bits_count_from_the_highest(void **state)
{
    uint8_t    row[2] = { 0x80, 0x01 };
    fkv_str_t  str = { row, sizeof(row) };

    (void) state;

    assert_int_equal(fkv_bits_get(str, 0), 1);
    assert_int_equal(fkv_bits_get(str, 1), 0);
    assert_int_equal(fkv_bits_get(str, 15), 1);
    assert_int_equal(fkv_bits_get(str, 16), 0);
    assert_int_equal(fkv_bits_get(str, UINT64_MAX), 0);
    assert_int_equal(fkv_bits_get(FKV_STR_NULL, 0), 0);

    fkv_bits_put(row, 9, 1);
    fkv_bits_put(row, 0, 0);
    assert_int_equal(row[0], 0x00);
    assert_int_equal(row[1], 0x41);
}


static void
count_and_find_as_bit_by_bit(void **state)
{
    uint8_t  row[ROW];

    (void) state;

    for (int i = 0; i < 20000; i++) {
        size_t     len = up_to(ROW);
        fkv_str_t  str = { row, len };
        uint64_t   from = up_to(len * 8), to = from + up_to(len * 8 - from);
        uint64_t   first[2] = { to, to }, ones = 0;

        make(row, len);

        for (uint64_t at = to; at-- > from; ) {
            ones += bit_of(row, at);
            first[bit_of(row, at)] = at;
        }

        assert_int_equal(fkv_bits_count(str, from, to), ones);
        assert_int_equal(fkv_bits_find(str, 0, from, to), first[0]);
        assert_int_equal(fkv_bits_find(str, 1, from, to), first[1]);
    }
}


static void
rows_of_different_lengths_combine(void **state)
{
    uint8_t    bytes[3][ROW], into[ROW];
    fkv_str_t  rows[3];

    (void) state;

    for (int i = 0; i < 5000; i++) {
        fkv_bits_op_e  op = (fkv_bits_op_e) up_to(3);
        unsigned       n = (op == FKV_BITS_NOT) ? 1 : 1 + (unsigned) up_to(2);
        size_t         len = 0;

        for (unsigned k = 0; k < n; k++) {
            rows[k] = (fkv_str_t) { bytes[k], up_to(ROW) };
            make(bytes[k], rows[k].len);
            len = fkv__max(len, rows[k].len);
        }

        fkv_bits_combine(op, rows, n, into, len);

        for (uint64_t at = 0; at < len * 8; at++) {
            unsigned  bit = fkv_bits_get(rows[0], at) ^ (op == FKV_BITS_NOT);

            for (unsigned k = 1; k < n; k++) {
                unsigned  other = fkv_bits_get(rows[k], at);

                bit = (op == FKV_BITS_AND) ? bit & other
                      : (op == FKV_BITS_OR) ? bit | other : bit ^ other;
            }

            assert_int_equal(bit_of(into, at), bit);
        }
    }
}


static void
numbers_of_any_width_at_any_place(void **state)
{
    uint8_t  row[ROW], was[ROW];

    (void) state;

    for (int i = 0; i < 20000; i++) {
        unsigned   width = 1 + (unsigned) up_to(63);
        uint64_t   at = up_to(ROW * 8 - 64);
        uint64_t   number = check_random(&seed) >> (64 - width);
        fkv_str_t  str = { row, ROW };

        make(row, ROW);
        memcpy(was, row, ROW);
        fkv_bits_number_put(row, at, width, number);

        assert_true(fkv_bits_number(str, at, width) == number);
        assert_int_equal(bit_of(row, at), number >> (width - 1));

        for (uint64_t k = 0; k < ROW * 8; k++) {
            if (k < at || k >= at + width) {
                assert_int_equal(bit_of(row, k), bit_of(was, k));
            }
        }
    }

    memset(row, 0xff, ROW);
    assert_int_equal(fkv_bits_number((fkv_str_t) { row, ROW }, ROW * 8 - 3, 8),
                     0xe0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(bits_count_from_the_highest),
        cmocka_unit_test(count_and_find_as_bit_by_bit),
        cmocka_unit_test(rows_of_different_lengths_combine),
        cmocka_unit_test(numbers_of_any_width_at_any_place),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
