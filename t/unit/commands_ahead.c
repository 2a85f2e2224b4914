/*
 * commands_ahead.c - keys of requests that are still bytes.
 */

#include "check.h"
#include "commands/ahead.h"


/* In memory of their own, so that a byte too far is noticed. */
static void
look(fkv_ahead_t *ahead, const char *text, size_t len)
{
    static uint8_t  *bytes;

    free(bytes);
    bytes = malloc(len > 0 ? len : 1);
    memcpy(bytes, text, len);
    fkv_ahead_look(ahead, bytes, len);
}


static const char  pipeline[] =
    "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"
    "*3\r\n$3\r\nset\r\n$2\r\nbb\r\n$5\r\nv\r\nlu\r\n"
    "*1\r\n$6\r\nDBSIZE\r\n"
    "*5\r\n$5\r\nBITOP\r\n$2\r\nor\r\n$1\r\nd\r\n$1\r\ne\r\n$1\r\nf\r\n"
    "*2\r\n$3\r\nTTL\r\n$0\r\n\r\n";


static void
the_first_key_of_each(void **state)
{
    fkv_ahead_t  ahead;

    (void) state;

    look(&ahead, pipeline, sizeof(pipeline) - 1);

    assert_int_equal(ahead.requests, 5);
    assert_int_equal(ahead.read.n, 2);
    check_str(ahead.read.keys[0], FKV_STR("a"));
    check_str(ahead.read.keys[1], FKV_STR(""));
    assert_int_equal(ahead.put.n, 2);
    check_str(ahead.put.keys[0], FKV_STR("bb"));
    check_str(ahead.put.keys[1], FKV_STR("d"));
}


/* Commands that know more: of their names, which have one letter. */
static int
no_call(fkv_call_t *call)
{
    (void) call;
    abort();
}


static void
who_knows_more_is_kept_whole(void **state)
{
    static const char  some[] =
        "*3\r\n$1\r\nL\r\n$1\r\nk\r\n$2\r\ne1\r\n"
        "*3\r\n$1\r\nL\r\n$1\r\nk\r\n$2\r\ne2\r\n"
        "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
        "*1\r\n$1\r\nL\r\n"
        "*4\r\n$1\r\nW\r\n$1\r\nj\r\n$1\r\na\r\n$1\r\nb\r\n";
    static const fkv_command_t  look_at = {
        .name = "L", .arity = -2, .first_key = 1, .last_key = 1,
        .key_step = 1, .flags = FKV_COMMAND_READ | FKV_COMMAND_AHEAD,
        .call = no_call, .group = "x"
    };
    static const fkv_command_t  write_at = {
        .name = "W", .arity = -2, .first_key = 1, .last_key = 1,
        .key_step = 1, .flags = FKV_COMMAND_WRITE | FKV_COMMAND_AHEAD,
        .call = no_call, .group = "x"
    };
    static const fkv_command_t *const  added[] = { &look_at, &write_at };
    fkv_ahead_t  ahead;

    (void) state;

    fkv_command_use(added, 2);
    look(&ahead, some, sizeof(some) - 1);

    assert_int_equal(ahead.requests, 5);
    assert_int_equal(ahead.read.n, 1);
    check_str(ahead.read.keys[0], FKV_STR("k"));

    assert_int_equal(ahead.elements_read.keys.n, 2);
    assert_ptr_equal(ahead.elements_read.requests[0].command, &look_at);
    check_str(ahead.elements_read.keys.keys[1], FKV_STR("k"));
    check_str(ahead.elements_read.requests[1].argv[2], FKV_STR("e2"));

    assert_int_equal(ahead.elements_put.keys.n, 1);
    assert_int_equal(ahead.elements_put.requests[0].argc, 4);
    check_str(ahead.elements_put.requests[0].argv[3], FKV_STR("b"));

    fkv_command_use(NULL, 0);
}


static void
what_is_cut_or_strange_ends_the_look(void **state)
{
    static const char *const  strange[] = {
        "GET a\r\n", "*\r\n", "*0\r\n", "*-1\r\n", "*2\r\nGET\r\n",
        "*2\r\n$3\r\nGET\r\n$-1\r\n", "*2\r\n$3\r\nGET\r\n$9999999999\r\na",
        "*2\r\n$3\r\nGET\r\n$999999999\r\na\r\n", "*2 \r\n$3\r\nGET\r\n",
        "*2\r\n$4\r\nNONE\r\n$1\r\na\r\n", "*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n",
        "*9\r\n$4\r\nMGET\r\n$1\r\na\r\n", "$3\r\nGET\r\n",
        "*99999999999999999999\r\n$3\r\nGET\r\n",
    };
    fkv_ahead_t   ahead;
    unsigned      most = 0;
    uint64_t      seed = 1;

    (void) state;

    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        look(&ahead, strange[i], strlen(strange[i]));
        assert_int_equal(ahead.requests, 0);
        assert_int_equal(ahead.read.n + ahead.put.n, 0);
    }

    for (size_t len = 0; len < sizeof(pipeline); len++) {
        look(&ahead, pipeline, len);
        assert_in_range(ahead.requests, most, 5);
        most = ahead.requests;
    }

    for (int i = 0; i < 20000; i++) {
        char  bytes[sizeof(pipeline)];

        memcpy(bytes, pipeline, sizeof(pipeline));

        for (int k = 0; k < 3; k++) {
            bytes[check_random(&seed) % (sizeof(bytes) - 1)] =
                "*$\r\n019x\xff"[check_random(&seed) % 9];
        }

        look(&ahead, bytes, check_random(&seed) % sizeof(bytes));
        assert_in_range(ahead.requests, 0, FKV_AHEAD_MAX);
    }
}


static void
no_more_than_go_together(void **state)
{
    static const char  get[] = "*2\r\n$3\r\nGET\r\n$1\r\na\r\n";
    char               many[40 * sizeof(get)];
    size_t             len = 0;
    fkv_ahead_t        ahead;

    (void) state;

    for (int i = 0; i < 40; i++) {
        memcpy(many + len, get, sizeof(get) - 1);
        len += sizeof(get) - 1;
        many[len - 3] = (char) ('a' + i % 2);
    }

    look(&ahead, many, len);
    assert_int_equal(ahead.requests, FKV_AHEAD_MAX);
    assert_int_equal(ahead.read.n, FKV_AHEAD_MAX);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(the_first_key_of_each),
        cmocka_unit_test(who_knows_more_is_kept_whole),
        cmocka_unit_test(what_is_cut_or_strange_ends_the_look),
        cmocka_unit_test(no_more_than_go_together),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
