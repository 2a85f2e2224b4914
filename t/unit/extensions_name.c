/*
 * extensions_name.c - names and versions.
 */

#include "check.h"
#include "extensions/name.h"


static fkv_str_t
text(const char *literal)
{
    return fkv_extension_text(literal, 4096);
}


static void
names_of_extensions_are_short_words(void **state)
{
    (void) state;

    assert_true(fkv_extension_name_ok(text("a")));
    assert_true(fkv_extension_name_ok(text("json_2")));
    assert_true(fkv_extension_name_ok(
                    text("a1234567890123456789012345678901")));

    assert_false(fkv_extension_name_ok(text("")));
    assert_false(fkv_extension_name_ok(
                     text("a12345678901234567890123456789012")));
    assert_false(fkv_extension_name_ok(text("2json")));
    assert_false(fkv_extension_name_ok(text("_json")));
    assert_false(fkv_extension_name_ok(text("Json")));
    assert_false(fkv_extension_name_ok(text("js-on")));
    assert_false(fkv_extension_name_ok(text("../json")));
    assert_false(fkv_extension_name_ok(FKV_STR("js\0on")));
}


static void
definitions_are_called_as_their_extension(void **state)
{
    fkv_str_t  json = FKV_STR("json");

    (void) state;

    assert_true(fkv_extension_definition_name_ok(text("json"), json));
    assert_true(fkv_extension_definition_name_ok(text("json.max_depth"),
                                                 json));
    assert_true(fkv_extension_definition_name_ok(text("json.2"), json));

    assert_false(fkv_extension_definition_name_ok(text(""), json));
    assert_false(fkv_extension_definition_name_ok(text("jso"), json));
    assert_false(fkv_extension_definition_name_ok(text("json."), json));
    assert_false(fkv_extension_definition_name_ok(text("jsonb"), json));
    assert_false(fkv_extension_definition_name_ok(text("json_b"), json));
    assert_false(fkv_extension_definition_name_ok(text("hash.json"), json));
    assert_false(fkv_extension_definition_name_ok(text("json.A"), json));
    assert_false(fkv_extension_definition_name_ok(text("json.a.b"), json));
    assert_false(fkv_extension_definition_name_ok(
                     text("json.23456789012345678901234567890123456789012345"
                          "6789012345678901234"), json));
}


static void
commands_are_upper_case(void **state)
{
    (void) state;

    assert_true(fkv_extension_command_name_ok(text("HSET")));
    assert_true(fkv_extension_command_name_ok(text("CL.THROTTLE")));
    assert_true(fkv_extension_command_name_ok(text("X-2_B")));

    assert_false(fkv_extension_command_name_ok(text("")));
    assert_false(fkv_extension_command_name_ok(text("hset")));
    assert_false(fkv_extension_command_name_ok(text("2SET")));
    assert_false(fkv_extension_command_name_ok(text("H SET")));
    assert_false(fkv_extension_command_name_ok(text("H|SET")));
    assert_false(fkv_extension_command_name_ok(text("H\xc3\xa4")));
    assert_false(fkv_extension_command_name_ok(
                     text("A12345678901234567890123456789012")));
}


static void
versions_are_part_of_a_file_name(void **state)
{
    (void) state;

    assert_true(fkv_extension_version_ok(text("1")));
    assert_true(fkv_extension_version_ok(text("1.2.0-rc1+b~3")));

    assert_false(fkv_extension_version_ok(text("")));
    assert_false(fkv_extension_version_ok(text(".1")));
    assert_false(fkv_extension_version_ok(text("-1")));
    assert_false(fkv_extension_version_ok(text("1/2")));
    assert_false(fkv_extension_version_ok(text("1 2")));
    assert_false(fkv_extension_version_ok(FKV_STR("1\0")));
}


static void
versions_are_ordered_by_their_numbers(void **state)
{
    static const char *const  rising[] = {
        "0.9", "0.10", "1", "1.0", "1.2", "1.2.0", "1.2.1", "1.10",
        "1.010.1", "2a", "2b", "10", "99999999999999999999999999999998",
        "99999999999999999999999999999999",
    };
    size_t  n = sizeof(rising) / sizeof(rising[0]);

    (void) state;

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            int  order = fkv_extension_version_order(text(rising[i]),
                                                     text(rising[j]));

            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }

    assert_int_equal(fkv_extension_version_order(text("1.02"), text("1.2")),
                     0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(names_of_extensions_are_short_words),
        cmocka_unit_test(definitions_are_called_as_their_extension),
        cmocka_unit_test(commands_are_upper_case),
        cmocka_unit_test(versions_are_part_of_a_file_name),
        cmocka_unit_test(versions_are_ordered_by_their_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
