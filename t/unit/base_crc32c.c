/*
 * base_crc32c.c - the sum's check values, and that both ways agree.
 */

#include "check.h"
#include "base/crc32c.h"


static void
sums_are_those_of_the_standard(void **state)
{
    uint8_t  bytes[32];

    (void) state;

    assert_int_equal(fkv__crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(fkv__crc32c(0, "", 0), 0);

    /* RFC 3720, B.4 */
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(fkv__crc32c(0, bytes, sizeof(bytes)), 0x8a9136aa);

    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(fkv__crc32c(0, bytes, sizeof(bytes)), 0x62a8ab43);

    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) i;
    }

    assert_int_equal(fkv__crc32c(0, bytes, sizeof(bytes)), 0x46dd794e);
}


static void
instruction_and_table_agree_at_every_length_and_place(void **state)
{
    uint64_t  random = 2;
    uint8_t   bytes[300];

    (void) state;

    check_random_bytes(&random, bytes, sizeof(bytes));

    for (size_t at = 0; at < 16; at++) {
        for (size_t len = 0; len < 256; len++) {
            uint32_t  seed = (uint32_t) check_random(&random);

            assert_int_equal(fkv__crc32c(seed, bytes + at, len),
                             fkv__crc32c_table(seed, bytes + at, len));
        }
    }
}


static void
a_sum_can_be_continued(void **state)
{
    uint64_t  random = 3;
    uint8_t   bytes[100];
    uint32_t  whole;

    (void) state;

    check_random_bytes(&random, bytes, sizeof(bytes));
    whole = fkv__crc32c(0, bytes, sizeof(bytes));

    for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
        uint32_t  first = fkv__crc32c(0, bytes, cut);

        assert_int_equal(fkv__crc32c(first, bytes + cut, sizeof(bytes) - cut),
                         whole);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(sums_are_those_of_the_standard),
        cmocka_unit_test(instruction_and_table_agree_at_every_length_and_place),
        cmocka_unit_test(a_sum_can_be_continued),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
