/*
 * commands_types.c - values that are no strings, and commands that meet them.
 */

#include "perform.h"
#include "commands/document.h"
#include "commands/types.h"

#define NIL    "$-1\r\n"
#define OK     "+OK\r\n"
#define NOW    2000000000000ull     /* far from any clock's */
#define WRONG                                                                 \
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
#define MISSING                                                               \
    "-EXTMISSING extension \"json\" 1.2.0 is needed for the key\r\n"

#define HASH   1
#define DOC    2
#define GONE   3
#define NOBODY 9

static live_t     live;
static perform_t  p;


/* PUT key type value */
static int
put(fkv_call_t *call)
{
    int64_t  type = 0;
    int      rc = fkv_call_int(call, 2, &type);

    if (rc == FKV_OK) {
        rc = fkv_call_put_typed(call, call->ns, call->argv[1], call->argv[3],
                                (unsigned) type, 7, 0);
    }

    if (rc == FKV_OK) {
        fkv_reply_ok(call->reply);
    }

    return rc;
}


/* ANY key: its type, encver and data */
static int
any(fkv_call_t *call)
{
    fkv_call_value_t  value;
    int               rc = fkv_call_get_any(call, call->ns, call->argv[1],
                                            &value);

    if (rc == FKV_OK) {
        fkv_reply_array(call->reply, 3);
        fkv_reply_int(call->reply, value.type);
        fkv_reply_int(call->reply, value.encver);
        fkv_reply_str(call->reply, value.data);
    }

    return rc;
}


static const fkv_command_t  own_commands[] = {
    { .name = "PUT", .arity = 4, .flags = FKV_COMMAND_WRITE, .first_key = 1,
      .last_key = 1, .key_step = 1, .call = put },
    { .name = "ANY", .arity = 2, .flags = FKV_COMMAND_READ, .first_key = 1,
      .last_key = 1, .key_step = 1, .call = any },
    { .name = NULL }
};


static int
doc_output(const fkv_type_t *type, fkv_call_t *call, fkv_str_t key,
    const fkv_call_value_t *value)
{
    assert_int_equal(type->id, DOC);
    assert_true(key.len > 0 && value->version > 0);
    fkv_reply_array(call->reply, 1);
    fkv_reply_str(call->reply, value->data);

    return FKV_OK;
}


static uint64_t
doc_weight(const fkv_type_t *type, const fkv_call_t *call, fkv_str_t key,
    const fkv_call_value_t *value)
{
    (void) type;
    assert_true(call->ns == 0 && key.len > 0);

    return 1000 * value->data.len;
}


static int
setup(void **state)
{
    static const fkv_type_t  types[] = {
        { .id = HASH, .name = "hash", .label = "hash", .owner = &live },
        { .id = DOC, .name = "geo.doc", .label = "doc", .owner = &live,
          .output = doc_output, .weight = doc_weight },
        { .id = GONE, .name = "json", .extension = "json",
          .version = "1.2.0" },
    };

    (void) state;
    perform_open(&p, &live);
    p.own = own_commands;
    p.now_ms = NOW;

    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fkv_types_set(live.store, &types[i]), FKV_OK);
    }

    perform_expect(&p, "PUT h 1 one", OK);
    perform_expect(&p, "PUT d 2 two", OK);
    perform_expect(&p, "PUT g 3 three", OK);
    perform_expect(&p, "PUT n 9 nine", OK);
    perform_expect(&p, "SET s string", OK);

    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    fkv_types_done(live.store);
    perform_remove(&p);

    return 0;
}


static void
what_is_for_strings_says_so(void **state)
{
    static const char *const  lines[] = {
        "GET h", "GETSET h x", "GETDEL h", "GETEX h", "GETRANGE h 0 -1",
        "SUBSTR h 0 1", "SETRANGE h 1 x", "STRLEN h", "APPEND h x", "INCR h",
        "DECR h", "INCRBY h 2", "INCRBYFLOAT h 1.5", "SET h x GET",
        "SET h x NX GET", "SETBIT h 1 1", "GETBIT h 1", "BITCOUNT h",
        "BITPOS h 1", "BITFIELD h GET u8 0", "BITFIELD_RO h GET u8 0",
        "BITOP AND x h s", "BITOP NOT x h"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        perform_expect(&p, lines[i], WRONG);
    }

    perform_expect(&p, "LCS h s", "-ERR The specified keys must contain "
                   "string values\r\n");
    perform_expect(&p, "ANY h", "*3\r\n:1\r\n:7\r\n$3\r\none\r\n");
}


static void
what_is_for_all_goes_on(void **state)
{
    (void) state;

    perform_expect(&p, "MGET h s g none", "*4\r\n" NIL "$6\r\nstring\r\n" NIL
                   NIL);
    perform_expect(&p, "EXISTS h d g n", ":4\r\n");
    perform_expect(&p, "TOUCH h g", ":2\r\n");
    perform_expect(&p, "TYPE h", "+hash\r\n");
    perform_expect(&p, "TYPE d", "+doc\r\n");
    perform_expect(&p, "TYPE g", "+json\r\n");
    perform_expect(&p, "TYPE n", "+unknown\r\n");
    perform_expect(&p, "TTL h", ":-1\r\n");
    perform_expect(&p, "PEXPIRE h 5000", ":1\r\n");
    perform_expect(&p, "PTTL h", ":5000\r\n");
    perform_expect(&p, "PERSIST h", ":1\r\n");
    perform_expect(&p, "ANY h", "*3\r\n:1\r\n:7\r\n$3\r\none\r\n");
    perform_expect(&p, "RENAME h r", OK);
    perform_expect(&p, "COPY r h", ":1\r\n");
    perform_expect(&p, "ANY h", "*3\r\n:1\r\n:7\r\n$3\r\none\r\n");
    perform_expect(&p, "MOVE r 2", ":1\r\n");
    p.ns = 2;
    perform_expect(&p, "ANY r", "*3\r\n:1\r\n:7\r\n$3\r\none\r\n");
    p.ns = 0;
    perform_expect(&p, "OBJECT ENCODING h", "$4\r\nhash\r\n");
    perform_expect(&p, "OBJECT REFCOUNT h", ":1\r\n");
    perform_expect(&p, "SETNX h x", ":0\r\n");
    perform_expect(&p, "MSETNX x 1 h 1", ":0\r\n");
    perform_expect(&p, "SET h x NX", NIL);
    perform_expect(&p, "SET h x XX", OK);
    perform_expect(&p, "TYPE h", "+string\r\n");
    perform_expect(&p, "SET d x", OK);
    perform_expect(&p, "TYPE d", "+string\r\n");
    perform_expect(&p, "DEL g n", ":2\r\n");
    perform_expect(&p, "EXISTS g n", ":0\r\n");
}


static void
a_type_says_what_its_values_are(void **state)
{
    (void) state;

    perform_expect(&p, "GET d", "*1\r\n$3\r\ntwo\r\n");
    perform_expect(&p, "STRLEN d", WRONG);
    assert_true(atoi(perform(&p, "MEMORY USAGE d") + 1) > 3000);
    assert_true(atoi(perform(&p, "MEMORY USAGE h") + 1) < 100);
}


static void
a_missing_extension_is_named(void **state)
{
    (void) state;

    perform_expect(&p, "GET g", MISSING);
    perform_expect(&p, "STRLEN g", MISSING);
    perform_expect(&p, "APPEND g x", MISSING);
    assert_non_null(strstr(perform(&p, "GET n"), "-EXTMISSING an extension is "
                           "needed for the key that is not known here: type "
                           "9\r\n"));
    perform_expect(&p, "SET g x", OK);
    perform_expect(&p, "GET g", "$1\r\nx\r\n");
}


static void
keys_of_a_type_are_listed(void **state)
{
    (void) state;

    perform_expect(&p, "SCAN 0 TYPE hash", "*2\r\n$1\r\n0\r\n*1\r\n"
                   "$1\r\nh\r\n");
    perform_expect(&p, "SCAN 0 TYPE STRING", "*2\r\n$1\r\n0\r\n*1\r\n"
                   "$1\r\ns\r\n");
    perform_expect(&p, "SCAN 0 TYPE json MATCH g*", "*2\r\n$1\r\n0\r\n*1\r\n"
                   "$1\r\ng\r\n");
    perform_expect(&p, "SCAN 0 TYPE json MATCH h*", "*2\r\n$1\r\n0\r\n"
                   "*0\r\n");
    perform_expect(&p, "SCAN 0 TYPE list", "*2\r\n$1\r\n0\r\n*0\r\n");
    assert_string_equal(perform_multi(&p, "DEL h;SCAN 0 TYPE hash;"
                                      "PUT x 1 y;SCAN 0 TYPE hash", NULL, 0),
                        "*4\r\n:1\r\n*2\r\n$1\r\n0\r\n*0\r\n" OK
                        "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nx\r\n");
}


/* As REST asks for it. */
static void
documents_are_json(void **state)
{
    char         error[FKV_DOCUMENT_ERROR];
    fkv__buf_t   out = { NULL, 0, 0 };
    fkv_get_t    get = {
        .store = live.store, .key = FKV_STR("k"), .now_ms = NOW,
        .value = { .data = FKV_STR("d\"oc"), .size = 4, .type = DOC,
                   .version = 1 }
    };

    (void) state;

    assert_int_equal(fkv_document_get(&get, &out, error),
                     FKV_OK);
    assert_int_equal(out.len, 9);
    assert_memory_equal(out.data, "[\"d\\\"oc\"]", 9);
    out.len = 0;

    get.value.type = HASH;
    assert_int_equal(fkv_document_get(&get, &out, error),
                     FKV_WRONGTYPE);
    assert_string_equal(error, "the key holds a value of type \"hash\"");
    get.value.type = GONE;
    assert_int_equal(fkv_document_get(&get, &out, error),
                     FKV_EMISSING);
    assert_string_equal(error, "extension \"json\" 1.2.0 is needed for the "
                        "key");
    get.value.type = NOBODY;
    assert_int_equal(fkv_document_get(&get, &out, error),
                     FKV_EMISSING);
    assert_int_equal(out.len, 0);
    fkv__buf_done(&out);
}


int
main(void)
{
#define TEST(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest  tests[] = {
        TEST(what_is_for_strings_says_so),
        TEST(what_is_for_all_goes_on),
        TEST(a_type_says_what_its_values_are),
        TEST(a_missing_extension_is_named),
        TEST(keys_of_a_type_are_listed),
        TEST(documents_are_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
