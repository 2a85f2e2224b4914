/*
 * base_types.c - codes and their texts, the log callback, assertions.
 */

#include "check.h"

typedef struct {
    fkv_log_level_e  level;
    char             text[2048];
    unsigned         calls;
} heard_t;


static void
heard_write(void *data, fkv_log_level_e level, const char *text)
{
    heard_t  *heard = data;

    heard->level = level;
    heard->calls++;
    (void) snprintf(heard->text, sizeof(heard->text), "%s", text);
}


static void
every_code_has_a_name_and_a_sentence(void **state)
{
    (void) state;

#define CODE_CHECK(code, value, sentence)                                     \
    assert_int_equal(code, value);                                            \
    assert_string_equal(fkv_code_name(code), #code);                          \
    assert_string_equal(fkv_code_text(code), sentence);

    FKV_CODE_MAP(CODE_CHECK)
#undef CODE_CHECK

    assert_string_equal(fkv_code_name(12345), "FKV_UNKNOWN");
    assert_string_equal(fkv_code_text(-12345), "unknown code");
}


static void
answers_are_positive_and_failures_negative(void **state)
{
    (void) state;

#define CODE_SIGN(code, value, sentence)                                      \
    assert_true(code == FKV_OK || (code < 0) == (#code[4] == 'E'              \
                && code != FKV_EXISTS && code != FKV_END));

    FKV_CODE_MAP(CODE_SIGN)
#undef CODE_SIGN
}


static void
log_formats_one_sentence(void **state)
{
    heard_t    heard = { 0 };
    fkv_log_t  log = { heard_write, &heard };

    (void) state;

    fkv__log(&log, FKV_LOG_WARN, "%s at %d", "block", 17);

    assert_int_equal(heard.calls, 1);
    assert_int_equal(heard.level, FKV_LOG_WARN);
    assert_string_equal(heard.text, "block at 17");
}


static void
log_cuts_what_is_too_long(void **state)
{
    heard_t    heard = { 0 };
    fkv_log_t  log = { heard_write, &heard };
    char       text[3000];

    (void) state;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';

    fkv__log(&log, FKV_LOG_INFO, "%s", text);

    assert_int_equal(strlen(heard.text), 1023);
}


static void
log_may_be_missing(void **state)
{
    fkv_log_t  log = { NULL, NULL };

    (void) state;

    fkv__log(NULL, FKV_LOG_ALERT, "nobody hears %d", 1);
    fkv__log(&log, FKV_LOG_ALERT, "nobody hears %d", 2);
}


static void
assert_zero(void *data)
{
    FKV_ASSERT(*(int *) data == 0);
}


static void
failed_assertion_aborts_and_a_true_one_does_not(void **state)
{
    int  zero = 0, one = 1;

    (void) state;

    assert_false(check_aborts(assert_zero, &zero));
    assert_true(check_aborts(assert_zero, &one));
}


static void
alignment_goes_to_the_next_multiple(void **state)
{
    (void) state;

    assert_int_equal(fkv__align(0, 8), 0);
    assert_int_equal(fkv__align(1, 8), 8);
    assert_int_equal(fkv__align(8, 8), 8);
    assert_int_equal(fkv__align(4097, 4096), 8192);
    assert_int_equal(fkv__align_down(4097, 4096), 4096);
    assert_int_equal(fkv__align((uint64_t) 1 << 40 | 1, 4096),
                     ((uint64_t) 1 << 40) + 4096);
    assert_int_equal(fkv__align_down((uint64_t) 1 << 40 | 1, 4096),
                     (uint64_t) 1 << 40);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(every_code_has_a_name_and_a_sentence),
        cmocka_unit_test(answers_are_positive_and_failures_negative),
        cmocka_unit_test(log_formats_one_sentence),
        cmocka_unit_test(log_cuts_what_is_too_long),
        cmocka_unit_test(log_may_be_missing),
        cmocka_unit_test(failed_assertion_aborts_and_a_true_one_does_not),
        cmocka_unit_test(alignment_goes_to_the_next_multiple),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
