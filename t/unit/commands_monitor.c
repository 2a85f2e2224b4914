/*
 * commands_monitor.c - requests as MONITOR shows them.
 */

#include "check.h"
#include "commands/monitor.h"

#define ARGS_MAX  8


static fkv_command_t
command_of(const char *name, unsigned flags)
{
    return (fkv_command_t) { .name = name, .flags = flags };
}


static size_t
line_of(char out[FKV_MONITOR_LINE_MAX], const fkv_command_t *command,
    unsigned argc, const fkv_str_t *argv)
{
    fkv_monitor_t  monitor = {
        .now_us = 1339518083107412, .ns = 3, .addr = "127.0.0.1:60866",
        .command = command, .argv = argv, .argc = argc
    };
    size_t         len = fkv_monitor_line(out, &monitor);

    assert_in_range(len, 1, FKV_MONITOR_LINE_MAX);

    return len;
}


static void
expect(const fkv_command_t *command, unsigned argc, const fkv_str_t *argv,
    const char *expected)
{
    char         out[FKV_MONITOR_LINE_MAX];
    size_t       len = line_of(out, command, argc, argv);
    static char  head[] = "1339518083.107412 [3 127.0.0.1:60866]";

    assert_int_equal(len, sizeof(head) - 1 + strlen(expected));
    assert_memory_equal(out, head, sizeof(head) - 1);
    assert_memory_equal(out + sizeof(head) - 1, expected, strlen(expected));
}


static void
arguments_are_quoted(void **state)
{
    fkv_str_t  argv[ARGS_MAX] = {
        FKV_STR("set"), FKV_STR("k \"\\"), FKV_STR("\r\n\t\a\b"),
        FKV_STR(""), FKV_STR("\0\x7f\xff")
    };

    (void) state;

    expect(NULL, 5, argv, " \"set\" \"k \\\"\\\\\" \"\\r\\n\\t\\a\\b\" \"\""
           " \"\\x00\\x7f\\xff\"");
}


static void
passwords_are_not_shown(void **state)
{
    fkv_command_t  auth = command_of("AUTH", 0), hello = command_of("HELLO", 0);
    fkv_str_t      one[ARGS_MAX] = { FKV_STR("auth"), FKV_STR("me"),
                                     FKV_STR("secret") };
    fkv_str_t      two[ARGS_MAX] = {
        FKV_STR("hello"), FKV_STR("3"), FKV_STR("Auth"), FKV_STR("me"),
        FKV_STR("secret"), FKV_STR("SETNAME"), FKV_STR("x")
    };

    (void) state;

    expect(&auth, 2, one, " \"auth\" \"(redacted)\"");
    expect(&auth, 3, one, " \"auth\" \"(redacted)\" \"(redacted)\"");
    expect(&hello, 7, two, " \"hello\" \"3\" \"Auth\" \"(redacted)\""
           " \"(redacted)\" \"SETNAME\" \"x\"");
}


static void
administration_is_not_shown(void **state)
{
    fkv_command_t  admin = command_of("CONFIG", FKV_COMMAND_ADMIN);
    fkv_command_t  other = command_of("GET", FKV_COMMAND_READ);

    (void) state;

    assert_false(fkv_monitor_shown(&admin));
    assert_true(fkv_monitor_shown(&other));
    assert_true(fkv_monitor_shown(NULL));
}


/* Every length around the bound, of bytes that become one, two and four. */
static void
long_requests_are_cut(void **state)
{
    static const char  fill[] = { 'x', '\n', '\0' };
    char               out[FKV_MONITOR_LINE_MAX];
    uint8_t           *value = malloc(2 * FKV_MONITOR_LINE_MAX);

    (void) state;

    for (size_t kind = 0; kind < sizeof(fill); kind++) {
        memset(value, fill[kind], 2 * FKV_MONITOR_LINE_MAX);

        for (size_t len = 500; len < 2 * FKV_MONITOR_LINE_MAX; len++) {
            fkv_str_t  argv[] = { FKV_STR("set"), { value, len },
                                  { value, 3 } };
            size_t     got = line_of(out, NULL, 3, argv);

            assert_int_equal(out[got - 1], '"');
        }
    }

    free(value);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(arguments_are_quoted),
        cmocka_unit_test(passwords_are_not_shown),
        cmocka_unit_test(administration_is_not_shown),
        cmocka_unit_test(long_requests_are_cut),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
