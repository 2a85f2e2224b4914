/*
 * extensions_type.c - values of an extension's types: who may see them, older
 * encodings, elements, and functions that make garbage.
 */

#include "extensions_test.h"
#include "extensions/type.h"

#include <ctype.h>

#define OK     "+OK\r\n"
#define NIL    "$-1\r\n"
#define WRONG  "-WRONGTYPE Operation against a key holding the wrong kind of "\
               "value\r\n"

#define NO_STR  ((ferrokv_str) { NULL, 0 })

static live_t            live;
static perform_t         p;
static test_extension_t  x, y;


/* Text in lower case; upper case in encoding 1, which is today's. */
static int
text_input(ferrokv_ctx *ctx, ferrokv_str text, ferrokv_value *out)
{
    const char  *from = text.data;
    char        *to = ctx->api->alloc(ctx, text.len);

    if (text.len > 0 && from[0] == '!') {
        return (ctx->api->fail)(ctx, FERROKV_EARG, "that is no text");
    }

    if (text.len > 0 && from[0] == '?') {
        out->data = (ferrokv_str) { NULL, 100 };
        return FERROKV_OK;
    }

    if (text.len > 0 && from[0] == '2') {
        return FERROKV_NONE;
    }

    for (size_t i = 0; i < text.len; i++) {
        to[i] = (char) toupper((unsigned char) from[i]);
    }

    out->data = (ferrokv_str) { to, text.len };

    return FERROKV_OK;
}


static int
text_output(ferrokv_ctx *ctx, const ferrokv_value *val)
{
    const char  *text = val->data.data;

    if (text[0] == 'Z') {
        return FERROKV_OK;                  /* says nothing */
    }

    return ctx->api->say_str(ctx, val->data);
}


static int
text_recode(ferrokv_ctx *ctx, uint32_t encver, ferrokv_str old,
    ferrokv_value *out)
{
    if (encver != 0) {
        return FERROKV_ECORRUPT;
    }

    return text_input(ctx, old, out);
}


static uint64_t
text_weight(const ferrokv_value *val)
{
    return 1000 + val->data.len;
}


static int
text_full(ferrokv_ctx *ctx, ferrokv_str key, const ferrokv_value *base,
    const ferrokv_str *ops, size_t n, ferrokv_value *out)
{
    size_t   len = base ? base->data.len : 0;
    char    *to = ctx->api->alloc(ctx, 1000);

    (void) key;

    if (base != NULL) {
        memcpy(to, base->data.data, len);
    }

    for (size_t i = 0; i < n; i++) {

        if (ops[i].len == 1 && *(const char *) ops[i].data == '?') {
            out->data = (ferrokv_str) { NULL, 9 };
            return FERROKV_OK;
        }

        memcpy(to + len, ops[i].data, ops[i].len);
        len += ops[i].len;
    }

    out->data = (ferrokv_str) { to, len };

    return FERROKV_OK;
}


static const ferrokv_merge  text_merge = {
    FERROKV_MERGE, 0, "x.text", text_full, NULL
};

static const ferrokv_type  text_type = {
    FERROKV_TYPE, 0, "x.text", 1, 0, "x.text", text_input, text_output,
    text_recode, NULL, text_weight
};

static const ferrokv_type  other_type = {
    FERROKV_TYPE, 0, "y.other", 0, 0, NULL, NULL, NULL, NULL, NULL, NULL
};


/* X.PUT key value, X.GET key */
static int
x_put(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_value  v = { .data = argv[2], .type = &text_type };
    int            rc = ctx->api->put(ctx, argv[1], NO_STR, &v);

    (void) argc;

    return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");
}


static int
x_get(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_value  v;
    int            rc = ctx->api->get(ctx, argv[1], NO_STR, &v);

    (void) argc;

    if (rc != FERROKV_OK) {
        return rc;
    }

    ctx->api->say_array(ctx, 2);
    ctx->api->say_int(ctx, v.type == &text_type);

    return ctx->api->say_str(ctx, v.data);
}


/* Y.PUT key value, of a type that is not its own if that is "x" */
static int
y_put(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_value  v = { .data = argv[2], .type = &other_type };
    int            rc;

    (void) argc;

    if (argv[2].len == 1 && *(const char *) argv[2].data == 'x') {
        v.type = &text_type;
    }

    rc = ctx->api->put(ctx, argv[1], NO_STR, &v);

    return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");
}


/* X.ESET key element value, X.EGET key element, X.EDEL key element */
static int
x_eset(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_value  v = { .data = argv[3] };
    int            rc = ctx->api->put(ctx, argv[1], argv[2], &v);

    (void) argc;

    return (rc != FERROKV_OK) ? rc : ctx->api->say_status(ctx, "OK");
}


static int
x_eget(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_value  v;
    int            rc = ctx->api->get(ctx, argv[1], argv[2], &v);

    (void) argc;

    return (rc != FERROKV_OK) ? rc : ctx->api->say_str(ctx, v.data);
}


static int
x_edel(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    int  rc = ctx->api->del(ctx, argv[1], argv[2]);

    (void) argc;

    return (rc < 0) ? rc : ctx->api->say_int(ctx, rc == FERROKV_OK);
}


static int
row_say(ferrokv_ctx *ctx, void *data, ferrokv_str key,
    const ferrokv_value *val)
{
    size_t  *n = data;

    ctx->api->say_str(ctx, key);
    ctx->api->say_str(ctx, val->data);
    *n += 2;

    return FERROKV_OK;
}


static int
x_all(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    size_t  begin = ctx->api->say_begin(ctx), n = 0;
    int     rc = ctx->api->scan(ctx, argv[1], NO_STR, NO_STR, 0, row_say, &n);

    (void) argc;

    return (rc < 0) ? rc : ctx->api->say_end(ctx, begin, n);
}


#define CMD(name, flags, arity, keys, fn)                                     \
    { FERROKV_COMMAND, flags, name, arity, keys, keys, keys, fn, "", "" }

static const ferrokv_command  commands[] = {
    CMD("X.PUT", FERROKV_WRITE, 3, 1, x_put),
    CMD("X.GET", FERROKV_READ, 2, 1, x_get),
    CMD("X.ESET", FERROKV_WRITE | FERROKV_ELEMENTS, 4, 1, x_eset),
    CMD("X.EGET", FERROKV_READ | FERROKV_ELEMENTS, 3, 1, x_eget),
    CMD("X.EDEL", FERROKV_WRITE | FERROKV_ELEMENTS, 3, 1, x_edel),
    CMD("X.ALL", FERROKV_READ | FERROKV_ELEMENTS, 2, 1, x_all),
    CMD("Y.PUT", FERROKV_WRITE, 3, 1, y_put),
};

static const void *const  x_provides[] = {
    &text_merge, &text_type, &commands[0], &commands[1], &commands[2],
    &commands[3], &commands[4], &commands[5], NULL
};

static const void *const  y_provides[] = { &other_type, &commands[6], NULL };

static const ferrokv_extension  x_library = {
    sizeof(ferrokv_extension), 0, "x", "1.0", x_provides, NULL, 0, 0, NULL,
    NULL
};

static const ferrokv_extension  y_library = {
    sizeof(ferrokv_extension), 0, "y", "1.0", y_provides, NULL, 0, 0, NULL,
    NULL
};


static void
type_set(unsigned id, fkv_extension_t *extension)
{
    fkv_type_t  type = { .id = (uint16_t) id };

    (void) snprintf(type.name, sizeof(type.name), "%s",
                    extension->types[0].type.name);
    fkv_type_is(&type, extension, &extension->types[0]);
    assert_int_equal(fkv_types_set(live.store, &type), FKV_OK);
}


/* OLD key value: as encoding 0 wrote it.  NEWER: as one to come will. */
static int
t_old(fkv_call_t *call)
{
    int  rc = fkv_call_put_typed(call, call->ns, call->argv[1], call->argv[2],
                                 7, call->argv[0].data[0] == 'O' ? 0 : 2, 0);

    if (rc == FKV_OK) {
        fkv_reply_ok(call->reply);
    }

    return rc;
}


/* INPUT text: what input() makes of it. */
static int
t_input(fkv_call_t *call)
{
    const fkv_type_t  *type = fkv_types_by_id(fkv_types_of(call->store), 7);
    fkv_str_t          data;
    int                rc = type->input(type, call, call->argv[1], &data);

    if (rc == FKV_OK) {
        fkv_reply_str(call->reply, data);
    }

    return rc;
}


static const fkv_command_t  own[] = {
    { .name = "OLD", .arity = 3, .flags = FKV_COMMAND_WRITE, .first_key = 1,
      .last_key = 1, .key_step = 1, .call = t_old },
    { .name = "NEWER", .arity = 3, .flags = FKV_COMMAND_WRITE, .first_key = 1,
      .last_key = 1, .key_step = 1, .call = t_old },
    { .name = "INPUT", .arity = 2, .flags = FKV_COMMAND_READ,
      .call = t_input },
    { .name = NULL }
};


static int
setup(void **state)
{
    static const fkv_command_t  *table[2 * TEST_EXTENSION_MAX];
    unsigned                     n = 0;

    (void) state;

    perform_open(&p, &live);
    p.own = own;
    test_extension(&x, &x_library);
    test_extension(&y, &y_library);
    y.extension.index = 1;
    x.types[0].merge = &x.merges[0];

    for (unsigned i = 0; i < x.extension.commands_n; i++) {
        table[n++] = x.table[i];
    }

    table[n++] = y.table[0];
    fkv_command_use(table, n);

    type_set(7, &x.extension);
    type_set(8, &y.extension);

    return 0;
}


static int
teardown(void **state)
{
    (void) state;

    fkv_command_use(NULL, 0);
    fkv_types_done(live.store);
    perform_remove(&p);

    return 0;
}


static void
an_extension_sees_its_own_and_bytes(void **state)
{
    (void) state;

    perform_expect(&p, "X.PUT a TEXT", OK);
    perform_expect(&p, "SET b bytes", OK);
    perform_expect(&p, "Y.PUT c other", OK);
    perform_expect(&p, "X.GET a", "*2\r\n:1\r\n$4\r\nTEXT\r\n");
    perform_expect(&p, "X.GET b", "*2\r\n:0\r\n$5\r\nbytes\r\n");
    perform_expect(&p, "X.GET c", WRONG);
    perform_expect(&p, "X.GET d", NIL);
    perform_expect(&p, "TYPE a", "+text\r\n");
    perform_expect(&p, "APPEND a x", WRONG);
    perform_expect(&p, "Y.PUT d x", "-ERR extension \"y\" failed: it puts a "
                                    "value of a type that is not its own\r\n");
    perform_expect(&p, "EXISTS d", ":0\r\n");
}


static void
an_older_encoding_is_recoded(void **state)
{
    (void) state;

    perform_expect(&p, "OLD a text", OK);
    perform_expect(&p, "X.GET a", "*2\r\n:1\r\n$4\r\nTEXT\r\n");
    perform_expect(&p, "OLD a ?", OK);
    perform_expect(&p, "X.GET a", "-ERR extension \"x\" failed: recode() of "
                                  "its type \"x.text\" made what is no "
                                  "value\r\n");
    perform_expect(&p, "NEWER a text", OK);
    perform_expect(&p, "X.GET a", "-ERR corrupt data, see the error log\r\n");
    perform_expect(&p, "DEL a", ":1\r\n");
}


static void
output_is_what_get_replies(void **state)
{
    (void) state;

    perform_expect(&p, "X.PUT a TEXT", OK);
    perform_expect(&p, "GET a", "$4\r\nTEXT\r\n");
    perform_expect(&p, "X.PUT a Z", OK);
    perform_expect(&p, "GET a", "-ERR extension \"x\" failed: its answer is "
                                "not one value\r\n");
    perform_expect(&p, "Y.PUT a b", OK);
    perform_expect(&p, "GET a", WRONG);
}


static void
input_is_not_believed(void **state)
{
    static const char  made[] = "-ERR extension \"x\" failed: input() of its "
                                "type \"x.text\" made what is no value\r\n";

    (void) state;

    perform_expect(&p, "INPUT text", "$4\r\nTEXT\r\n");
    perform_expect(&p, "INPUT !", "-ERR that is no text\r\n");
    perform_expect(&p, "INPUT ?", made);
    perform_expect(&p, "INPUT 2", made);
}


static void
operands_are_put_together_or_refused(void **state)
{
    const fkv_type_t  *type = fkv_types_by_id(fkv_types_of(live.store), 7);
    fkv_str_t          ops[] = { FKV_STR("B"), FKV_STR("C") };
    fkv_call_value_t   base = { .data = FKV_STR("A"), .type = 7 };
    fkv_chain_t        chain = { .key = FKV_STR("k") };
    fkv_call_t         call = { .store = live.store };
    fkv_str_t          data;

    (void) state;

    assert_int_equal(type->full(type, live.store, &chain, &base, ops, 2, &data),
                     FKV_OK);
    assert_int_equal(data.len, 3);
    assert_memory_equal(data.data, "ABC", 3);
    fkv__free((void *) (uintptr_t) data.data);

    assert_int_equal(type->full(type, live.store, &chain, NULL, ops, 1, &data),
                     FKV_OK);
    assert_int_equal(data.len, 1);
    fkv__free((void *) (uintptr_t) data.data);

    ops[1] = FKV_STR("?");
    assert_int_equal(type->full(type, live.store, &chain, &base, ops, 2, &data),
                     FKV_ECORRUPT);
    assert_int_equal(type->weight(type, &call, FKV_STR("k"), &base), 1001);
}


static void
elements_need_a_head_of_ones_own(void **state)
{
    (void) state;

    perform_expect(&p, "X.ESET a f v", NIL);
    perform_expect(&p, "SET b bytes", OK);
    perform_expect(&p, "X.ESET b f v", WRONG);
    perform_expect(&p, "Y.PUT c other", OK);
    perform_expect(&p, "X.ESET c f v", WRONG);
    perform_expect(&p, "X.EGET c f", WRONG);

    perform_expect(&p, "X.PUT a HEAD", OK);
    perform_expect(&p, "X.ESET a f 1", OK);
    perform_expect(&p, "X.ESET a e 2", OK);
    perform_expect(&p, "X.ESET a \"\" 3",
                   "-ERR an element has a name of 1 to 65535 bytes\r\n");
    perform_expect(&p, "X.EGET a f", "$1\r\n1\r\n");
    perform_expect(&p, "X.EGET a g", NIL);
    perform_expect(&p, "X.ALL a",
                   "*4\r\n$1\r\ne\r\n$1\r\n2\r\n"
                   "$1\r\nf\r\n$1\r\n1\r\n");
    perform_expect(&p, "X.EDEL a e", ":1\r\n");
    perform_expect(&p, "X.EDEL a e", ":0\r\n");
    perform_expect(&p, "X.GET a", "*2\r\n:1\r\n$4\r\nHEAD\r\n");
    perform_expect(&p, "DEL a", ":1\r\n");
    perform_expect(&p, "X.EGET a f", NIL);
    perform_expect(&p, "X.PUT a AGAIN", OK);
    perform_expect(&p, "X.ALL a", "*0\r\n");
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest  tests[] = {
        TEST(an_extension_sees_its_own_and_bytes),
        TEST(an_older_encoding_is_recoded),
        TEST(output_is_what_get_replies),
        TEST(input_is_not_believed),
        TEST(operands_are_put_together_or_refused),
        TEST(elements_need_a_head_of_ones_own),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
