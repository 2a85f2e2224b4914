/*
 * base_alloc.c - private memory and its count.
 */

#include "check.h"


static void
memory_is_counted_and_uncounted(void **state)
{
    size_t  before = fkv_alloc_bytes();
    void   *p = fkv__alloc(1000);

    (void) state;

    assert_non_null(p);
    assert_true(fkv_alloc_bytes() >= before + 1000);

    p = fkv__realloc(p, 100000);
    assert_non_null(p);
    assert_true(fkv_alloc_bytes() >= before + 100000);

    p = fkv__realloc(p, 10);
    assert_non_null(p);

    fkv__free(p);
    assert_int_equal(fkv_alloc_bytes(), before);
}


static void
zalloc_clears(void **state)
{
    static const uint8_t  zero[777];
    void                 *p = fkv__alloc(sizeof(zero));

    (void) state;

    memset(p, 0xee, sizeof(zero));
    fkv__free(p);

    p = fkv__zalloc(sizeof(zero));
    assert_memory_equal(p, zero, sizeof(zero));
    fkv__free(p);
}


static void
pages_are_aligned(void **state)
{
    size_t  before = fkv_alloc_bytes();

    (void) state;

    for (size_t size = 1; size < 100000; size = size * 3 + 1) {
        void  *p = fkv__alloc_pages(size);

        assert_non_null(p);
        assert_int_equal((uintptr_t) p % 4096, 0);
        memset(p, 1, size);
        fkv__free(p);
    }

    assert_int_equal(fkv_alloc_bytes(), before);
}


static void
realloc_keeps_the_bytes_and_takes_null(void **state)
{
    char  *p = fkv__realloc(NULL, 4);

    (void) state;

    memcpy(p, "abc", 4);
    p = fkv__realloc(p, 1 << 20);
    assert_string_equal(p, "abc");

    fkv__free(p);
    fkv__free(NULL);
}


static void
allocator_has_a_name(void **state)
{
    const char  *name = fkv_alloc_name();

    (void) state;

    assert_true(strcmp(name, "libc") == 0 || strcmp(name, "jemalloc") == 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(memory_is_counted_and_uncounted),
        cmocka_unit_test(zalloc_clears),
        cmocka_unit_test(pages_are_aligned),
        cmocka_unit_test(realloc_keeps_the_bytes_and_takes_null),
        cmocka_unit_test(allocator_has_a_name),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
