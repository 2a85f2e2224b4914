/*
 * commands_string.c - commands over values, on a real store: what they answer,
 * and what they leave.  (t/stream/resp_strings.t compares them with Redis.)
 */

#include "perform.h"

#define NIL      "$-1\r\n"
#define OK       "+OK\r\n"
#define SYNTAX   "-ERR syntax error\r\n"
#define NOT_INT  "-ERR value is not an integer or out of range\r\n"
#define TOO_BIG  "-ERR string exceeds maximum allowed size "                  \
                 "(proto-max-bulk-len)\r\n"
#define NOW      1700000000000ull

static live_t     live;
static perform_t  p;


static int
setup(void **state)
{
    (void) state;

    perform_open(&p, &live);
    p.now_ms = NOW;

    return 0;
}


static int
teardown(void **state)
{
    (void) state;

    perform_remove(&p);

    return 0;
}


static void
set_on_conditions(void **state)
{
    (void) state;

    perform_expect(&p, "SET a 1 XX", NIL);
    perform_expect(&p, "SET a 1 NX", OK);
    perform_expect(&p, "SET a 2 NX", NIL);
    perform_expect(&p, "SET a 2 NX GET", "$1\r\n1\r\n");
    perform_expect(&p, "SET a 3 XX GET", "$1\r\n1\r\n");
    perform_expect(&p, "SET b 1 XX GET", NIL);
    perform_expect(&p, "GET b", NIL);
    perform_expect(&p, "SET b 1 GET", NIL);
    perform_expect(&p, "SETNX b 2", ":0\r\n");
    perform_expect(&p, "SETNX c 2", ":1\r\n");
    perform_expect(&p, "GETSET c 3", "$1\r\n2\r\n");
    perform_expect(&p, "MGET a b c d",
                   "*4\r\n$1\r\n3\r\n$1\r\n1\r\n$1\r\n3\r\n$-1\r\n");
    perform_expect(&p, "GETDEL c", "$1\r\n3\r\n");
    perform_expect(&p, "GETDEL c", NIL);
}


static void
options_that_exclude_each_other(void **state)
{
    static const char *const  wrong[] = {
        "SET a 1 NX XX", "SET a 1 XX NX", "SET a 1 EX 1 PX 1",
        "SET a 1 PXAT 1 EXAT 1", "SET a 1 EX 1 KEEPTTL",
        "SET a 1 KEEPTTL EX 1", "SET a 1 EX", "SET a 1 PERSIST",
        "SET a 1 2", "GETEX a KEEPTTL", "GETEX a NX", "GETEX a EX 1 PERSIST",
        "GETEX a PERSIST PX 1", "GETEX a EX",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        perform_expect(&p, wrong[i], SYNTAX);
    }

    perform_expect(&p, "SET a 1 EX x", NOT_INT);
    perform_expect(&p, "SET a 1 EX 0",
                   "-ERR invalid expire time in 'set' command\r\n");
    perform_expect(&p, "SETEX a -1 1",
                   "-ERR invalid expire time in 'setex' command\r\n");
    perform_expect(&p, "PSETEX a 9223372036854775807 1",
                   "-ERR invalid expire time in 'psetex' command\r\n");
    perform_expect(&p, "GET a", NIL);
}


/* Is it there until then, and not afterwards? */
static void
expect_until(const char *key, uint64_t until)
{
    char  line[64];

    (void) snprintf(line, sizeof(line), "STRLEN %s", key);

    p.now_ms = until - 1;
    perform_expect(&p, line, ":1\r\n");
    p.now_ms = until + 1;
    perform_expect(&p, line, ":0\r\n");
    p.now_ms = NOW;
}


static void
times_to_live(void **state)
{
    (void) state;

    perform_expect(&p, "SET a 1 EX 10 NX", OK);
    expect_until("a", NOW + 10000);
    perform_expect(&p, "SET a 2 PX 10", OK);
    expect_until("a", NOW + 10);
    perform_expect(&p, "SET a 2 EXAT 1700000007", OK);
    expect_until("a", NOW + 7000);
    perform_expect(&p, "SET a 2 PXAT 1700000000008", OK);
    expect_until("a", NOW + 8);

    perform_expect(&p, "SET a 3 KEEPTTL", OK);
    expect_until("a", NOW + 8);
    perform_expect(&p, "INCR a", ":4\r\n");
    expect_until("a", NOW + 8);
    perform_expect(&p, "SETRANGE a 0 5", ":1\r\n");
    expect_until("a", NOW + 8);
    perform_expect(&p, "SETBIT a 7 0", ":1\r\n");
    expect_until("a", NOW + 8);
    perform_expect(&p, "BITFIELD a SET u8 0 49", "*1\r\n:52\r\n");
    expect_until("a", NOW + 8);
    perform_expect(&p, "INCRBYFLOAT a 1", "$1\r\n2\r\n");
    expect_until("a", NOW + 8);
    perform_expect(&p, "GETEX a EX 1", "$1\r\n2\r\n");
    expect_until("a", NOW + 1000);

    perform_expect(&p, "GETEX a PERSIST", "$1\r\n2\r\n");
    p.now_ms = NOW * 2;
    perform_expect(&p, "STRLEN a", ":1\r\n");
    p.now_ms = NOW;

    perform_expect(&p, "SETEX a 1 x", OK);
    expect_until("a", NOW + 1000);
    perform_expect(&p, "GETSET a y", "$1\r\nx\r\n");
    p.now_ms = NOW * 2;
    perform_expect(&p, "STRLEN a", ":1\r\n");
    p.now_ms = NOW;

    perform_expect(&p, "SET a 1 PXAT 5", OK);
    perform_expect(&p, "GET a", NIL);
    perform_expect(&p, "SET a 1", OK);
    perform_expect(&p, "GETEX a EXAT 5", "$1\r\n1\r\n");
    perform_expect(&p, "GET a", NIL);
}


static void
several_keys_at_once(void **state)
{
    (void) state;

    perform_expect(&p, "MSET a 1 b 2 a 3", OK);
    perform_expect(&p, "MGET a b", "*2\r\n$1\r\n3\r\n$1\r\n2\r\n");
    perform_expect(&p, "MSETNX c 1 b 2", ":0\r\n");
    perform_expect(&p, "GET c", NIL);
    perform_expect(&p, "MSETNX c 1 d 2", ":1\r\n");
    perform_expect(&p, "MGET c d", "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    perform_expect(&p, "MSET a 1 b", "-ERR wrong number of arguments for "
                   "'mset' command\r\n");
}


static void
parts_of_values(void **state)
{
    (void) state;

    perform_expect(&p, "APPEND a foo", ":3\r\n");
    perform_expect(&p, "APPEND a bar", ":6\r\n");
    perform_expect(&p, "GETRANGE a -3 -1", "$3\r\nbar\r\n");
    perform_expect(&p, "SUBSTR a 1 2", "$2\r\noo\r\n");
    perform_expect(&p, "GETRANGE a 9 12", "$0\r\n\r\n");
    perform_expect(&p, "SETRANGE a 7 x", ":8\r\n");
    perform_expect(&p, "BITCOUNT a 6 6", ":0\r\n");
    perform_expect(&p, "SETRANGE none 5 \"\"", ":0\r\n");
    perform_expect(&p, "GET none", NIL);
    perform_expect(&p, "SETRANGE a -1 x", "-ERR offset is out of range\r\n");
    perform_expect(&p, "LCS a none", "$0\r\n\r\n");
}


static void
values_end_at_max_value(void **state)
{
    char  line[64];

    (void) state;

    (void) snprintf(line, sizeof(line), "SETRANGE a %llu x",
                    (unsigned long long) fkv_options(live.store)->value_max);
    perform_expect(&p, line, TOO_BIG);
    perform_expect(&p, "SETRANGE a 9223372036854775807 x", TOO_BIG);

    (void) snprintf(line, sizeof(line), "SETBIT a %llu 1",
                    (unsigned long long) fkv_options(live.store)->value_max
                    * 8);
    perform_expect(&p, line,
                   "-ERR bit offset is not an integer or out of range\r\n");
    (void) snprintf(line, sizeof(line), "BITFIELD a SET u16 %llu 1",
                    (unsigned long long) fkv_options(live.store)->value_max
                    * 8 - 1);
    perform_expect(&p, line, TOO_BIG);

    perform_expect(&p, "GETBIT a 4294967295", ":0\r\n");
    perform_expect(&p, "GETBIT a 4294967296",
                   "-ERR bit offset is not an integer or out of range\r\n");
    perform_expect(&p, "GET a", NIL);
}


/* One sees what those before it wrote; one that fails stops no other. */
static void
inside_a_transaction(void **state)
{
    (void) state;

    assert_string_equal(perform_multi(&p, "SET n 1;INCR n;APPEND n x;INCR n;"
                                      "GETDEL n;SETNX n 7;INCRBY n 3", NULL, 0),
                        "*7\r\n+OK\r\n:2\r\n:2\r\n" NOT_INT
                        "$2\r\n2x\r\n:1\r\n:10\r\n");
    perform_expect(&p, "GET n", "$2\r\n10\r\n");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(set_on_conditions, setup, teardown),
        cmocka_unit_test_setup_teardown(options_that_exclude_each_other,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(times_to_live, setup, teardown),
        cmocka_unit_test_setup_teardown(several_keys_at_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(parts_of_values, setup, teardown),
        cmocka_unit_test_setup_teardown(values_end_at_max_value, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(inside_a_transaction, setup,
                                        teardown),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
