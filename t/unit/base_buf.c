/*
 * base_buf.c - growable buffers.
 */

#include "check.h"


static void
zero_initialized_buffer_is_empty_and_valid(void **state)
{
    fkv__buf_t  buf = { 0 };

    (void) state;

    assert_int_equal(fkv__buf_append(&buf, NULL, 0), FKV_OK);
    assert_int_equal(buf.len, 0);
    assert_int_equal(fkv__buf_str(&buf).len, 0);

    fkv__buf_done(&buf);
}


static void
appended_bytes_stay_while_it_grows(void **state)
{
    size_t      before = fkv_alloc_bytes();
    fkv__buf_t  buf = { 0 };

    (void) state;

    for (uint32_t i = 0; i < 10000; i++) {
        assert_int_equal(fkv__buf_append(&buf, &i, sizeof(i)), FKV_OK);
        assert_true(buf.cap >= buf.len);
    }

    for (uint32_t i = 0; i < 10000; i++) {
        assert_int_equal(fkv__get_le32(buf.data + i * sizeof(i)), i);
    }

    fkv__buf_done(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.len, 0);
    assert_int_equal(buf.cap, 0);
    assert_int_equal(fkv_alloc_bytes(), before);
}


static void
reserve_makes_room_and_changes_no_length(void **state)
{
    fkv__buf_t  buf = { 0 };
    uint8_t    *data;

    (void) state;

    assert_int_equal(fkv__buf_append(&buf, "abc", 3), FKV_OK);
    assert_int_equal(fkv__buf_reserve(&buf, 1000), FKV_OK);
    assert_int_equal(buf.len, 3);
    assert_true(buf.cap - buf.len >= 1000);

    data = buf.data;
    memset(buf.data + 3, 'x', 1000);
    buf.len += 1000;
    assert_int_equal(fkv__buf_reserve(&buf, 0), FKV_OK);
    assert_ptr_equal(buf.data, data);

    fkv__buf_done(&buf);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(zero_initialized_buffer_is_empty_and_valid),
        cmocka_unit_test(appended_bytes_stay_while_it_grows),
        cmocka_unit_test(reserve_makes_room_and_changes_no_length),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
