/*
 * commands_reply.c - replies, and how RESP2, RESP3 and JSON have them.
 */

#include "check.h"
#include "commands/json.h"
#include "commands/resp.h"

#include <math.h>


static void
check(const fkv__buf_t *out, const char *expected, size_t len)
{
    if (out->len != len || memcmp(out->data, expected, len) != 0) {
        fail_msg("got %zu bytes %.*s, not %zu bytes %s", out->len,
                 (int) out->len, (const char *) out->data, len, expected);
    }
}


#define check_resp(reply, protocol, text)                                     \
    do {                                                                      \
        fkv__buf_t  out_ = { NULL, 0, 0 };                                    \
                                                                              \
        assert_int_equal(fkv_resp_put(&out_, reply, protocol), FKV_OK);       \
        check(&out_, text, sizeof(text) - 1);                                 \
        fkv__buf_done(&out_);                                                 \
    } while (0)

#define check_json(put, reply, base64, text)                                  \
    do {                                                                      \
        fkv__buf_t  out_ = { NULL, 0, 0 };                                    \
                                                                              \
        assert_int_equal(put(&out_, reply, base64), FKV_OK);                  \
        check(&out_, text, sizeof(text) - 1);                                 \
        fkv__buf_done(&out_);                                                 \
    } while (0)


/* One of each kind. */
static void
all_kinds(fkv_reply_t *reply)
{
    size_t  begin = fkv_reply_array_begin(reply);

    fkv_reply_null(reply);
    fkv_reply_null_array(reply);
    fkv_reply_int(reply, INT64_MIN);
    fkv_reply_real(reply, 0.5);
    fkv_reply_bool(reply, true);
    fkv_reply_ok(reply);
    fkv_reply_status(reply, "PONG");
    fkv_reply_str(reply, FKV_STR("a\0\r\n\xff\""));
    fkv_reply_str(reply, FKV_STR_NULL);
    fkv_reply_text(reply, FKV_STR("x:1"));
    fkv_reply_error(reply, "ERR no\r\n%d", 7);
    fkv_reply_map(reply, 1);
    fkv_reply_cstr(reply, "k");
    fkv_reply_array(reply, 0);
    fkv_reply_set(reply, 1);
    fkv_reply_int(reply, 3);
    fkv_reply_pairs(reply, 2);
    fkv_reply_cstr(reply, "a");
    fkv_reply_int(reply, 1);
    fkv_reply_cstr(reply, "b");
    fkv_reply_int(reply, 2);
    fkv_reply_array_end(reply, begin, 14);
}


static void
every_kind_in_every_protocol(void **state)
{
    fkv_reply_t  reply = { .rc = FKV_OK };

    (void) state;

    all_kinds(&reply);

    check_resp(&reply, 2,
               "*14\r\n$-1\r\n*-1\r\n:-9223372036854775808\r\n$3\r\n0.5\r\n"
               ":1\r\n+OK\r\n+PONG\r\n$6\r\na\0\r\n\xff\"\r\n$0\r\n\r\n"
               "$3\r\nx:1\r\n-ERR no  7\r\n*2\r\n$1\r\nk\r\n*0\r\n"
               "*1\r\n:3\r\n"
               "*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n:2\r\n");
    check_resp(&reply, 3,
               "*14\r\n_\r\n_\r\n:-9223372036854775808\r\n,0.5\r\n"
               "#t\r\n+OK\r\n+PONG\r\n$6\r\na\0\r\n\xff\"\r\n$0\r\n\r\n"
               "=7\r\ntxt:x:1\r\n-ERR no  7\r\n%1\r\n$1\r\nk\r\n*0\r\n"
               "~1\r\n:3\r\n"
               "*2\r\n*2\r\n$1\r\na\r\n:1\r\n"
               "*2\r\n$1\r\nb\r\n:2\r\n");
    check_json(fkv_json_put, &reply, false,
               "{\"result\":[null,null,-9223372036854775808,0.5,1,\"OK\","
               "\"PONG\",\"a\\u0000\\r\\n\xef\xbf\xbd\\\"\",\"\",\"x:1\","
               "\"ERR no  7\",[\"k\",[]],[3],[\"a\",1,\"b\",2]]}");
    check_json(fkv_json_put, &reply, true,
               "{\"result\":[null,null,-9223372036854775808,0.5,1,\"OK\","
               "\"UE9ORw==\",\"YQANCv8i\",\"\",\"eDox\","
               "\"ERR no  7\",[\"aw==\",[]],[3],"
               "[\"YQ==\",1,\"Yg==\",2]]}");

    fkv_reply_done(&reply);
}


static void
envelopes_of_a_transaction(void **state)
{
    fkv_reply_t  reply = { .rc = FKV_OK };
    fkv__buf_t   out = { NULL, 0, 0 };

    (void) state;

    fkv_reply_array(&reply, 3);
    fkv_reply_ok(&reply);
    fkv_reply_error(&reply, "ERR \"x\"");
    fkv_reply_array(&reply, 1);
    fkv_reply_null(&reply);

    check_json(fkv_json_put_all, &reply, false,
               "[{\"result\":\"OK\"},{\"error\":\"ERR \\\"x\\\"\"},"
               "{\"result\":[null]}]");

    fkv_reply_cut(&reply, 0);
    fkv_reply_error(&reply, "EXECABORT no");
    check_json(fkv_json_put_all, &reply, true, "{\"error\":\"EXECABORT no\"}");
    check_json(fkv_json_put, &reply, true, "{\"error\":\"EXECABORT no\"}");

    assert_int_equal(fkv_json_put_error(&out, FKV_STR("ERR 1")), FKV_OK);
    check(&out, "{\"error\":\"ERR 1\"}", 17);
    fkv__buf_done(&out);
    fkv_reply_done(&reply);
}


static void
numbers_that_are_none(void **state)
{
    fkv_reply_t  reply = { .rc = FKV_OK };

    (void) state;

    fkv_reply_array(&reply, 4);
    fkv_reply_real(&reply, INFINITY);
    fkv_reply_real(&reply, -INFINITY);
    fkv_reply_real(&reply, NAN);
    fkv_reply_real(&reply, 0.1);

    check_resp(&reply, 3,
               "*4\r\n,inf\r\n,-inf\r\n,nan\r\n,0.10000000000000001\r\n");
    check_resp(&reply, 2,
               "*4\r\n$3\r\ninf\r\n$4\r\n-inf\r\n$3\r\nnan\r\n"
               "$19\r\n0.10000000000000001\r\n");
    check_json(fkv_json_put, &reply, false,
               "{\"result\":[\"inf\",\"-inf\",\"nan\",0.10000000000000001]}");
    fkv_reply_done(&reply);
}


/* A long string of every character, cut where a character may be cut. */
static void
long_strings_as_json(void **state)
{
    fkv__buf_t   text = { NULL, 0, 0 }, out = { NULL, 0, 0 };
    fkv_reply_t  reply = { .rc = FKV_OK };

    (void) state;

    for (unsigned i = 0; i < 10000; i++) {
        assert_int_equal(fkv__buf_append(&text, "\xf0\x9f\x98\x80z", 5),
                         FKV_OK);
    }

    fkv_reply_str(&reply, fkv__buf_str(&text));
    assert_int_equal(fkv_json_put(&out, &reply, false), FKV_OK);
    assert_int_equal(out.len, text.len + 13);
    assert_memory_equal(out.data + 11, text.data, text.len);

    fkv__buf_done(&text);
    fkv__buf_done(&out);
    fkv_reply_done(&reply);
}


static void
cut_back(void **state)
{
    fkv_reply_t  reply = { .rc = FKV_OK };
    size_t       len;

    (void) state;

    fkv_reply_int(&reply, 1);
    len = reply.bytes.len;
    fkv_reply_cstr(&reply, "gone");
    fkv_reply_cut(&reply, len);
    check_resp(&reply, 2, ":1\r\n");
    fkv_reply_done(&reply);
}


/* Out of memory once is out of memory until the end. */
static void
memory_is_short(void **state)
{
    fkv_reply_t  reply = { .rc = FKV_OK };
    fkv__buf_t   out = { NULL, 0, 0 };

    (void) state;

    fkv_reply_str(&reply, (fkv_str_t) { (uint8_t *) "", (size_t) 1 << 62 });
    assert_int_equal(reply.rc, FKV_ENOMEM);
    fkv_reply_int(&reply, 1);
    assert_int_equal(fkv_resp_put(&out, &reply, 2), FKV_ENOMEM);
    assert_int_equal(fkv_json_put(&out, &reply, false), FKV_ENOMEM);
    assert_int_equal(out.len, 0);
    fkv_reply_done(&reply);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(every_kind_in_every_protocol),
        cmocka_unit_test(envelopes_of_a_transaction),
        cmocka_unit_test(numbers_that_are_none),
        cmocka_unit_test(long_strings_as_json),
        cmocka_unit_test(cut_back),
        cmocka_unit_test(memory_is_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
