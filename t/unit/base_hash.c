/*
 * base_hash.c - the hash is on disk, so it must stay what it is.
 */

#include "check.h"
#include "base/hash.h"


static void
hash_is_xxh3_with_seed_zero(void **state)
{
    uint8_t  bytes[1000];

    (void) state;

    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) i;
    }

    assert_int_equal(fkv__hash(FKV_STR("")), 0x2d06800538d394c2);
    assert_int_equal(fkv__hash(FKV_STR("a")), 0xe6c632b61e964e1f);
    assert_int_equal(fkv__hash(FKV_STR("abc")), 0x78af5f94892f3950);

    /* Lengths with code of their own in the library. */
    assert_int_equal(fkv__hash((fkv_str_t) { bytes, 12 }),
                     0x5ace6a511c10894b);
    assert_int_equal(fkv__hash((fkv_str_t) { bytes, 100 }),
                     0x004e4f921a64bd1c);
    assert_int_equal(fkv__hash((fkv_str_t) { bytes, 200 }),
                     0xf42a8864feaf0703);
    assert_int_equal(fkv__hash((fkv_str_t) { bytes, 1000 }),
                     0xd33dd80b46f60e50);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(hash_is_xxh3_with_seed_zero),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
