/*
 * extensions_param.c - settings.
 */

#include "check.h"
#include "extensions/param.h"


static int
define(fkv_extension_param_t *value, ferrokv_param def, char *error)
{
    memset(value, 0, sizeof(*value));
    def.kind = FERROKV_KIND_PARAM;
    def.size = sizeof(def);
    def.name = "x.p";
    value->param = def;

    return fkv_param_define(value, &def, error);
}


static int
set(fkv_extension_param_t *value, const char *text, char *error)
{
    return fkv_param_set(value, (fkv_str_t) { (const uint8_t *) text,
                                              strlen(text) }, error);
}


static void
takes(ferrokv_param def, const char *text, int64_t expected)
{
    char                   error[FKV_ERROR_BYTES];
    fkv_extension_param_t  value;

    assert_int_equal(define(&value, def, error), FKV_OK);
    assert_false(value.given);
    assert_int_equal(set(&value, text, error), FKV_OK);
    assert_true(value.given);
    assert_int_equal(value.number, expected);
    fkv_param_done(&value);
}


static void
refuses(ferrokv_param def, const char *text, const char *expected)
{
    char                   error[FKV_ERROR_BYTES];
    fkv_extension_param_t  value;

    assert_int_equal(define(&value, def, error), FKV_OK);
    assert_int_equal(set(&value, text, error), FKV_EINVAL);
    assert_string_equal(error, expected);
    assert_false(value.given);
    fkv_param_done(&value);
}


static const ferrokv_param  flag = { .form = FERROKV_FLAG, .dflt = "off" };
static const ferrokv_param  number = { .form = FERROKV_NUMBER, .dflt = "0",
                                       .min = INT64_MIN, .max = INT64_MAX };
static const ferrokv_param  size = { .form = FERROKV_SIZE, .dflt = "1",
                                     .min = 1, .max = INT64_MAX };
static const ferrokv_param  duration = { .form = FERROKV_TIME, .dflt = "1s",
                                         .min = 0, .max = 3600 * 1000 };
static const ferrokv_param  choice = { .form = FERROKV_CHOICE, .dflt = "b",
                                       .values = "a|b|cc" };
static const ferrokv_param  string = { .form = FERROKV_TEXT };


static void
values_have_the_form_of_the_definition(void **state)
{
    (void) state;

    takes(flag, "on", 1);
    takes(flag, "off", 0);
    takes(number, "-9223372036854775808", INT64_MIN);
    takes(number, "9223372036854775807", INT64_MAX);
    takes(number, "-0", 0);
    takes(size, "64k", 65536);
    takes(size, "3M", 3 << 20);
    takes(size, "2g", 2LL << 30);
    takes(size, "7", 7);
    takes(duration, "500ms", 500);
    takes(duration, "10", 10000);
    takes(duration, "1h", 3600 * 1000);
    takes(duration, "0", 0);
    takes(choice, "a", 0);
    takes(choice, "cc", 2);
    takes(string, "any\ttext", 0);
    takes(string, "", 0);
}


static void
what_has_not_is_refused(void **state)
{
    (void) state;

    refuses(flag, "yes", "is on or off");
    refuses(flag, "", "is on or off");
    refuses(number, "", "is a whole number");
    refuses(number, "-", "is a whole number");
    refuses(number, "1.5", "is a whole number");
    refuses(number, "1k", "is a whole number");
    refuses(number, "9223372036854775808", "is a whole number");
    refuses(number, "-9223372036854775809", "is a whole number");
    refuses(size, "9223372036854775807k",
            "is a number of bytes, such as 64k");
    refuses(size, "k", "is a number of bytes, such as 64k");
    refuses(size, "1s", "is a number of bytes, such as 64k");
    refuses(size, "0", "is 1 to 9223372036854775807");
    refuses(duration, "1k", "is a time, such as 500ms or 10s");
    refuses(duration, "2h", "is 0 to 3600000 ms");
    refuses(duration, "-1s", "is 0 to 3600000 ms");
    refuses(choice, "c", "is one of \"a|b|cc\"");
    refuses(choice, "", "is one of \"a|b|cc\"");
    refuses(choice, "a|b", "is one of \"a|b|cc\"");
}


static void
a_text_is_kept(void **state)
{
    char                   error[FKV_ERROR_BYTES], text[] = "first";
    fkv_extension_param_t  value;
    ferrokv_param          def = string;

    (void) state;
    def.dflt = "default";

    assert_int_equal(define(&value, def, error), FKV_OK);
    assert_int_equal(value.text.len, 7);
    assert_memory_equal(value.text.data, "default", 8);

    assert_int_equal(set(&value, text, error), FKV_OK);
    memset(text, 'x', 5);
    assert_int_equal(value.text.len, 5);
    assert_memory_equal(value.text.data, "first", 6);

    assert_int_equal(set(&value, "second", error), FKV_OK);
    assert_memory_equal(value.text.data, "second", 7);
    fkv_param_done(&value);
}


static void
wrong(ferrokv_param def, const char *expected)
{
    char                   error[FKV_ERROR_BYTES];
    fkv_extension_param_t  value;

    assert_int_equal(define(&value, def, error), FKV_EINVAL);
    assert_string_equal(error, expected);
    fkv_param_done(&value);
}


static void
a_definition_must_make_sense(void **state)
{
    ferrokv_param  def;

    (void) state;

#define WRONG(of, change, expected)                                           \
    do { def = of; change; wrong(def, expected); } while (0)

    WRONG(flag, def.form = 0, "has the unknown form 0");
    WRONG(flag, def.form = 7, "has the unknown form 7");
    WRONG(flag, def.dflt = NULL, "has no default");
    WRONG(flag, def.dflt = "1",
          "has the default \"1\", but it is on or off");
    WRONG(duration, def.min = 1 << 30,
          "has a minimum, 1073741824, above its maximum, 3600000");
    WRONG(duration, def.dflt = "1d",
          "has the default \"1d\", but it is 0 to 3600000 ms");
    WRONG(choice, def.values = NULL, "is a choice without values");
    WRONG(choice, def.values = "",
          "has an empty value among \"\"");
    WRONG(choice, def.values = "a||b",
          "has an empty value among \"a||b\"");
    WRONG(choice, def.values = "a|b|",
          "has an empty value among \"a|b|\"");
    WRONG(choice, def.dflt = "d",
          "has the default \"d\", but it is one of \"a|b|cc\"");

#undef WRONG
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(values_have_the_form_of_the_definition),
        cmocka_unit_test(what_has_not_is_refused),
        cmocka_unit_test(a_text_is_kept),
        cmocka_unit_test(a_definition_must_make_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
