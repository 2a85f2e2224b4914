/*
 * format_field.c - tagged fields.
 */

#include "check.h"
#include "format/field.h"


static void
fields_have_these_bytes(void **state)
{
    fkv__buf_t  buf = { 0 };

    (void) state;

    assert_int_equal(fkv__field_put(&buf, 30, FKV_STR("key")), FKV_OK);
    assert_int_equal(fkv__field_put_number(&buf, 200, 300), FKV_OK);
    assert_int_equal(fkv__field_put(&buf, 1, FKV_STR_NULL), FKV_OK);
    check_hex(buf.data, buf.len, "1e 03 6b6579 c801 02 ac02 01 00");

    fkv__buf_done(&buf);
}


static void
number_zero_is_left_out(void **state)
{
    fkv__buf_t  buf = { 0 };

    (void) state;

    assert_int_equal(fkv__field_put_number(&buf, 2, 0), FKV_OK);
    assert_int_equal(buf.len, 0);
}


static void
fields_survive_the_round_trip_and_not_their_truncation(void **state)
{
    fkv__buf_t     buf = { 0 };
    fkv__field_t   field = { 0 };
    uint64_t       number;
    fkv_str_t      rest;

    (void) state;

    assert_int_equal(fkv__field_put(&buf, 2, FKV_STR("abc")), FKV_OK);
    assert_int_equal(fkv__field_put_number(&buf, UINT64_MAX, UINT64_MAX),
                     FKV_OK);

    rest = fkv__buf_str(&buf);
    assert_int_equal(fkv__field_get(&rest, &field), FKV_OK);
    assert_int_equal(field.tag, 2);
    check_str(field.value, FKV_STR("abc"));
    assert_int_equal(fkv__field_number(&field, &number), FKV_ECORRUPT);
    assert_int_equal(fkv__field_get(&rest, &field), FKV_OK);
    assert_int_equal(field.tag, UINT64_MAX);
    assert_int_equal(fkv__field_number(&field, &number), FKV_OK);
    assert_int_equal(number, UINT64_MAX);
    assert_int_equal(fkv__field_get(&rest, &field), FKV_END);

    for (size_t cut = 1; cut < buf.len; cut++) {
        uint8_t  *part = check_copy(buf.data, cut);
        int       rc;

        rest = (fkv_str_t) { part, cut };

        do {
            rc = fkv__field_get(&rest, &field);
        } while (rc == FKV_OK);

        /* The first field takes five bytes. */
        assert_int_equal(rc, cut == 5 ? FKV_END : FKV_ECORRUPT);
        free(part);
    }

    fkv__buf_done(&buf);
}


static void
number_fills_its_field_exactly(void **state)
{
    fkv__field_t  field = { 2, FKV_STR("") };
    uint64_t      number;

    (void) state;

    assert_int_equal(fkv__field_number(&field, &number), FKV_ECORRUPT);
    field.value = FKV_STR("\x01\x01");
    assert_int_equal(fkv__field_number(&field, &number), FKV_ECORRUPT);
    field.value = FKV_STR("\x81");
    assert_int_equal(fkv__field_number(&field, &number), FKV_ECORRUPT);
    field.value = FKV_STR("\x81\x01");
    assert_int_equal(fkv__field_number(&field, &number), FKV_OK);
    assert_int_equal(number, 129);
}


static void
unknown_odd_tags_may_be_ignored_and_even_ones_not(void **state)
{
    fkv__field_t  odd = { 1001, FKV_STR("") }, even = { 1000, FKV_STR("") };

    (void) state;

    assert_int_equal(fkv__field_unknown(&odd), FKV_OK);
    assert_int_equal(fkv__field_unknown(&even), FKV_EVERSION);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(fields_have_these_bytes),
        cmocka_unit_test(number_zero_is_left_out),
        cmocka_unit_test(
            fields_survive_the_round_trip_and_not_their_truncation),
        cmocka_unit_test(number_fills_its_field_exactly),
        cmocka_unit_test(unknown_odd_tags_may_be_ignored_and_even_ones_not),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
