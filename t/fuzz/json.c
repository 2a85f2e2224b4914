/*
 * json.c - commands as JSON text.
 *
 * Arguments lie in the text; what is wrong is named, with a place in the text.
 * Requests that were read are the same after they have been written as JSON
 * and read again.
 *
 * Input    one or many 1 | the text
 */

#include "fuzz.h"
#include "commands/json_request.h"


static void
put(fkv__buf_t *out, const char *text)
{
    assert_int_equal(fkv__buf_append(out, text, strlen(text)), FKV_OK);
}


static void
put_string(fkv__buf_t *out, fkv_str_t arg)
{
    put(out, "\"");

    for (size_t i = 0; i < arg.len; i++) {
        char     text[8];
        uint8_t  c = arg.data[i];

        if (c < ' ') {
            (void) sprintf(text, "\\u%04x", c);

        } else {
            (void) sprintf(text, "%s%c", (c == '"' || c == '\\') ? "\\" : "",
                           c);
        }

        put(out, text);
    }

    put(out, "\"");
}


static void
put_request(fkv__buf_t *out, const fkv_request_t *request)
{
    put(out, "[");

    for (unsigned i = 0; i < request->argc; i++) {
        put(out, i > 0 ? "," : "");
        put_string(out, request->argv[i]);
    }

    put(out, "]");
}


static void
again(const fkv_json_request_t *json, bool many)
{
    fkv_str_t           copy;
    fkv__buf_t          out = { .data = NULL };
    fkv_json_request_t  second;

    put(&out, many ? "[" : "");

    for (unsigned i = 0; i < json->n; i++) {
        put(&out, i > 0 ? "," : "");
        put_request(&out, &json->requests[i]);
    }

    put(&out, many ? "]" : "");
    copy = fuzz_copy(fkv__buf_str(&out));

    assert_int_equal(fkv_json_request_parse(&second,
                         (uint8_t *) (uintptr_t) copy.data, copy.len, many),
                     FKV_OK);
    assert_int_equal(second.n, json->n);

    for (unsigned i = 0; i < json->n; i++) {
        assert_int_equal(second.requests[i].argc, json->requests[i].argc);

        for (unsigned k = 0; k < json->requests[i].argc; k++) {
            check_str(second.requests[i].argv[k], json->requests[i].argv[k]);
        }
    }

    fkv_json_request_done(&second);
    fkv__buf_done(&out);
    fuzz_free(copy);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                 rc;
    fuzz_t              in = { data, size };
    bool                many = fuzz_byte(&in) & 1;
    fkv_str_t           text = fuzz_copy(fuzz_rest(&in));
    fkv_json_request_t  json;

    rc = fkv_json_request_parse(&json, (uint8_t *) (uintptr_t) text.data,
                                text.len, many);

    if (rc == FKV_OK) {
        assert_true(many || json.n == 1);

        for (unsigned i = 0; i < json.n; i++) {
            assert_true(json.requests[i].argc > 0);

            for (unsigned k = 0; k < json.requests[i].argc; k++) {
                assert_true(fuzz_inside(json.requests[i].argv[k], text));
            }
        }

        again(&json, many);

    } else {
        assert_int_equal(rc, FKV_EINVAL);
        assert_true(json.error != NULL && json.error[0] != '\0');
        assert_true(json.at <= text.len);
    }

    fkv_json_request_done(&json);
    fuzz_free(text);

    return 0;
}
