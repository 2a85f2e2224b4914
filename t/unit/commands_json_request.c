/*
 * commands_json_request.c - commands as JSON text.
 */

#include "check.h"
#include "commands/json_request.h"


/* Parses a copy, of exactly the text's bytes. */
static int
parse(fkv_json_request_t *json, uint8_t **copy, const char *text, size_t len,
    bool many)
{
    *copy = malloc(len);
    memcpy(*copy, text, len);

    return fkv_json_request_parse(json, *copy, len, many);
}


static void
expect(const char *text, unsigned argc, const char *const *argv)
{
    fkv_json_request_t  json;
    uint8_t             *copy;

    assert_int_equal(parse(&json, &copy, text, strlen(text), false), FKV_OK);
    assert_int_equal(json.n, 1);
    assert_int_equal(json.requests[0].argc, argc);

    for (unsigned i = 0; i < argc; i++) {
        assert_int_equal(json.requests[0].argv[i].len, strlen(argv[i]));
        assert_memory_equal(json.requests[0].argv[i].data, argv[i],
                            strlen(argv[i]));
    }

    fkv_json_request_done(&json);
    free(copy);
}


#define EXPECT(text, ...)                                                     \
    do {                                                                      \
        const char *const  argv[] = { __VA_ARGS__ };                          \
        expect(text, sizeof(argv) / sizeof(argv[0]), argv);                   \
    } while (0)


static void
arguments_are_strings_numbers_and_booleans(void **state)
{
    (void) state;

    EXPECT("[\"PING\"]", "PING");
    EXPECT(" [ \"SET\" ,\t\"k\",\r\n\"\" , \"EX\", 100 ] ",
           "SET", "k", "", "EX", "100");
    EXPECT("[\"a\",-0,0.10,1e21,-12.5E-3,true,false]",
           "a", "-0", "0.10", "1e21", "-12.5E-3", "true", "false");
    EXPECT("[\"12345678901234567890123\",12345678901234567890123]",
           "12345678901234567890123", "12345678901234567890123");
}


static void
escapes_are_decoded_in_place(void **state)
{
    (void) state;

    EXPECT("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"z\"]", "\"\\/\b\f\n\r\t", "z");
    EXPECT("[\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00!\",\"z\"]",
           "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!", "z");
    EXPECT("[\"\xc3\xa9 \xff\xfe\"]", "\xc3\xa9 \xff\xfe");
}


static void
nul_is_a_byte_like_others(void **state)
{
    fkv_json_request_t  json;
    uint8_t             *copy;
    const char           text[] = "[\"a\\u0000b\"]";

    (void) state;

    assert_int_equal(parse(&json, &copy, text, sizeof(text) - 1, false),
                     FKV_OK);
    assert_int_equal(json.requests[0].argv[0].len, 3);
    assert_memory_equal(json.requests[0].argv[0].data, "a\0b", 3);
    fkv_json_request_done(&json);
    free(copy);
}


static void
many_commands_have_arguments_of_their_own(void **state)
{
    fkv_json_request_t  json;
    uint8_t             *copy;
    const char          *text = "[[\"SET\",\"k\",1], [\"GET\",\"k\"],"
                                "[\"PING\"]]";

    (void) state;

    assert_int_equal(parse(&json, &copy, text, strlen(text), true), FKV_OK);
    assert_int_equal(json.n, 3);
    assert_int_equal(json.requests[0].argc, 3);
    assert_int_equal(json.requests[1].argc, 2);
    assert_memory_equal(json.requests[1].argv[0].data, "GET", 3);
    assert_memory_equal(json.requests[2].argv[0].data, "PING", 4);
    fkv_json_request_done(&json);
    free(copy);

    assert_int_equal(parse(&json, &copy, "[ ]", 3, true), FKV_OK);
    assert_int_equal(json.n, 0);
    fkv_json_request_done(&json);
    free(copy);
}


static void
what_is_wrong_is_said_with_its_place(void **state)
{
    static const struct {
        const char  *text, *error;
        size_t       at;
        bool         many;
    } wrong[] = {
        { "", "expected an array", 0, false },
        { "{\"a\":1}", "expected an array", 0, false },
        { "\"PING\"", "expected an array", 0, true },
        { "[]", "a command needs a name", 1, false },
        { "[[]]", "a command needs a name", 2, true },
        { "[\"a\"", "expected , or ]", 4, false },
        { "[\"a\" \"b\"]", "expected , or ]", 5, false },
        { "[\"a\",]", "an argument is a string, a number, true or false", 5,
          false },
        { "[\"a\",null]", "an argument is a string, a number, true or false",
          5, false },
        { "[\"a\",[1]]", "an argument is a string, a number, true or false",
          5, false },
        { "[\"a\",{}]", "an argument is a string, a number, true or false", 5,
          false },
        { "[\"a\"]x", "something follows the array", 5, false },
        { "[[\"a\"],[\"b\"]]", "an argument is a string, a number, true or "
          "false", 1, false },
        { "[\"a\"]", "a command is an array", 1, true },
        { "[[\"a\"]", "expected , or ]", 6, true },
        { "[\"a", "a string does not end", 3, false },
        { "[\"a\\", "a string does not end", 4, false },
        { "[\"a\nb\"]", "a control character in a string", 3, false },
        { "[\"\\x\"]", "unknown escape in a string", 4, false },
        { "[\"\\u12\"]", "\\u needs four hexadecimal digits", 4, false },
        { "[\"\\u12g4\"]", "\\u needs four hexadecimal digits", 4, false },
        { "[\"\\ud800\"]", "half a surrogate pair", 8, false },
        { "[\"\\ud800\\u0041\"]", "half a surrogate pair", 14, false },
        { "[\"\\udc00\"]", "half a surrogate pair", 8, false },
        { "[01]", "a malformed number", 3, false },
        { "[-]", "a malformed number", 2, false },
        { "[1.]", "a malformed number", 3, false },
        { "[1e]", "a malformed number", 3, false },
        { "[1e+", "a malformed number", 4, false },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        fkv_json_request_t  json;
        uint8_t             *copy;

        assert_int_equal(parse(&json, &copy, wrong[i].text,
                               strlen(wrong[i].text), wrong[i].many),
                         FKV_EINVAL);
        assert_string_equal(json.error, wrong[i].error);
        assert_int_equal(json.at, wrong[i].at);
        fkv_json_request_done(&json);
        free(copy);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(arguments_are_strings_numbers_and_booleans),
        cmocka_unit_test(escapes_are_decoded_in_place),
        cmocka_unit_test(nul_is_a_byte_like_others),
        cmocka_unit_test(many_commands_have_arguments_of_their_own),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
