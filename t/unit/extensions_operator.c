/*
 * extensions_operator.c - merge operators of extensions, as the engine finds
 * them: what is written blindly, older encodings, garbage, and what is missing.
 * The operator appends.
 */

#include "extensions_test.h"
#include "extensions/operator.h"
#include "extensions/type.h"

#include <pthread.h>

#define OK       "+OK\r\n"
#define TYPE     7
#define OTHER    8
#define MISSING  "-EXTMISSING extension \"x\" 1.0 is needed for the key\r\n"
#define WRONGTYPE                                                             \
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
#define CORRUPT  "-ERR corrupt data, see the error log\r\n"

#define NO_STR  ((ferrokv_str) { NULL, 0 })

static live_t            live;
static perform_t         p;
static test_extension_t  x;
static fkv_operators_t  *operators;
static unsigned          reads;         /* calls of full() */

/* Nothing of it is in a store. */
static const fkv_chain_t  chain = { .key = { (const uint8_t *) "k", 1 } };


/* "?": no bytes; "!": it fails; "<": it wants more memory than there is */
static int
log_add(ferrokv_ctx *ctx, ferrokv_str base, const ferrokv_str *ops, size_t n,
    ferrokv_str *out)
{
    char    *to = ctx->api->alloc(ctx, 4096);
    size_t   len = base.len;

    if (ctx->self != NULL || ctx->place != FERROKV_IN_PURE) {
        return FERROKV_ERROR;
    }

    if (len > 0) {
        memcpy(to, base.data, len);
    }

    for (size_t i = 0; i < n; i++) {

        char  c = (ops[i].len == 1) ? *(const char *) ops[i].data : 'a';

        if (c == '?') {
            *out = (ferrokv_str) { NULL, 9 };
            return FERROKV_OK;
        }

        if (c == '!') {
            return FERROKV_NONE;
        }

        if (c == '<') {
            (void) ctx->api->alloc(ctx, (size_t) 1 << 40);
        }

        memcpy(to + len, ops[i].data, ops[i].len);
        len += ops[i].len;
    }

    *out = (ferrokv_str) { to, len };

    return FERROKV_OK;
}


static int
log_full(ferrokv_ctx *ctx, ferrokv_str key, const ferrokv_value *base,
    const ferrokv_str *ops, size_t n, ferrokv_value *out)
{
    (void) key;
    __atomic_fetch_add(&reads, 1, __ATOMIC_RELAXED);

    return log_add(ctx, (base != NULL) ? base->data : NO_STR, ops, n,
                   &out->data);
}


static int
log_partial(ferrokv_ctx *ctx, ferrokv_str key, const ferrokv_str *ops,
    size_t n, ferrokv_str *out)
{
    (void) key;

    return log_add(ctx, NO_STR, ops, n, out);
}


/* Encoding 0 wrote something in front. */
static int
log_recode(ferrokv_ctx *ctx, uint32_t encver, ferrokv_str old,
    ferrokv_value *out)
{
    (void) ctx;
    out->data = (ferrokv_str) { (const char *) old.data + 1, old.len - 1 };

    return (encver == 0) ? FERROKV_OK : FERROKV_ECORRUPT;
}


static const ferrokv_merge  log_merge = {
    FERROKV_MERGE, 0, "x.log", log_full, log_partial
};

static const ferrokv_type  log_type = {
    FERROKV_TYPE, 0, "x.log", 1, 0, "x.log", NULL, NULL, log_recode, NULL,
    NULL
};

static const ferrokv_type  unknown_type = {
    FERROKV_TYPE, 0, "x.unknown", 0, 0, NULL, NULL, NULL, NULL, NULL, NULL
};


/* X.ADD, X.ADDSEEN and X.ADDNOT key operand */
static int
x_add(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    char  *copy = ctx->api->alloc(ctx, argv[2].len);
    int    rc;

    (void) argc;
    memcpy(copy, argv[2].data, argv[2].len);
    rc = ctx->api->merge(ctx, argv[1], NO_STR, &log_type,
                         (ferrokv_str) { copy, argv[2].len });
    memset(copy, 'X', argv[2].len);     /* what is handed over is copied */

    return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");
}


static int
x_wrong(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_str  nothing = { NULL, 5 };

    (void) argc;
    ctx->api->say_array(ctx, 3);
    ctx->api->say_int(ctx, ctx->api->merge(ctx, argv[1], NO_STR,
                                           &unknown_type, argv[1]));
    ctx->api->say_int(ctx, ctx->api->merge(ctx, argv[1], argv[1], &log_type,
                                           argv[1]));

    return ctx->api->say_int(ctx, ctx->api->merge(ctx, argv[1], NO_STR,
                                                  &log_type, nothing));
}


/* X.OWN element operand */
static int
x_own(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    int  rc = ctx->api->merge(ctx, NO_STR, argv[1], &log_type, argv[2]);

    (void) argc;

    return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");
}


/* X.GET key, X.OWNGET element */
static int
x_say(ferrokv_ctx *ctx, ferrokv_str key, ferrokv_str elem)
{
    ferrokv_value  v;
    int            rc = ctx->api->get(ctx, key, elem, &v);

    if (rc != FERROKV_OK) {
        return rc;
    }

    return (v.type == &log_type) ? ctx->api->say_str(ctx, v.data)
                                 : FERROKV_ECORRUPT;
}


static int
x_get(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) argc;

    return x_say(ctx, argv[1], NO_STR);
}


static int
x_ownget(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) argc;

    return x_say(ctx, NO_STR, argv[1]);
}


#define CMD(name, flags, arity, keys, fn)                                     \
    { FERROKV_COMMAND, flags, name, arity, keys, keys, keys, fn, "", "" }

static const ferrokv_command  commands[] = {
    CMD("X.ADD", FERROKV_WRITE | FERROKV_BLIND, 3, 1, x_add),
    CMD("X.ADDSEEN", FERROKV_WRITE, 3, 1, x_add),
    CMD("X.ADDNOT", FERROKV_READ, 3, 1, x_add),
    CMD("X.WRONG", FERROKV_WRITE | FERROKV_BLIND, 2, 1, x_wrong),
    CMD("X.OWN", FERROKV_WRITE, 3, 0, x_own),
    CMD("X.GET", FERROKV_READ, 2, 1, x_get),
    CMD("X.OWNGET", FERROKV_READ, 2, 0, x_ownget),
};

static const void *const  x_provides[] = {
    &log_merge, &log_type, &commands[0], &commands[1], &commands[2],
    &commands[3], &commands[4], &commands[5], &commands[6], NULL
};

static const ferrokv_extension  x_library = {
    sizeof(ferrokv_extension), 0, "x", "1.0", x_provides, NULL, 0, 0, NULL,
    NULL
};


/* As the catalog has read it. */
static void
type_set(bool is_here)
{
    fkv_type_t  type = { .id = TYPE, .name = "x.log", .extension = "x",
                         .version = "1.0" };

    if (is_here) {
        fkv_type_is(&type, &x.extension, &x.extension.types[0]);
    }

    assert_int_equal(fkv_types_set(live.store, &type), FKV_OK);
    assert_int_equal(fkv_operators_set(operators, &type, NULL), FKV_OK);
}


/* OLD key value: as encoding 0 wrote it.  FOREIGN: of another type */
static int
t_put(fkv_call_t *call)
{
    bool  old = (call->argv[0].data[0] == 'O');
    int   rc = fkv_call_put_typed(call, call->ns, call->argv[1], call->argv[2],
                                  old ? TYPE : OTHER, 0, 0);

    if (rc == FKV_OK) {
        fkv_reply_ok(call->reply);
    }

    return rc;
}


static const fkv_command_t  own[] = {
    { .name = "OLD", .arity = 3, .flags = FKV_COMMAND_WRITE, .first_key = 1,
      .last_key = 1, .key_step = 1, .call = t_put },
    { .name = "FOREIGN", .arity = 3, .flags = FKV_COMMAND_WRITE,
      .first_key = 1, .last_key = 1, .key_step = 1, .call = t_put },
    { .name = NULL }
};


static int
setup(void **state)
{
    (void) state;

    operators = fkv_operators_new();
    assert_non_null(operators);

    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_ALWAYS);
    fkv_merge_set(live.store, &fkv_operators_merge, operators);
    live_attach(&live, FKV_WORKER);

    p = (perform_t) { .live = &live, .own = own };
    test_extension(&x, &x_library);
    x.types[0].merge = &x.merges[0];
    x.extension.self = &x;
    type_set(true);
    reads = 0;

    return 0;
}


static int
teardown(void **state)
{
    (void) state;

    fkv_command_use(NULL, 0);
    fkv_types_done(live.store);
    perform_remove(&p);
    fkv_operators_free(operators);

    return 0;
}


static void
operands_are_written_without_being_read(void **state)
{
    (void) state;

    perform_expect(&p, "X.ADD k a", OK);
    perform_expect(&p, "X.ADD k bc", OK);
    assert_int_equal(reads, 0);
    perform_expect(&p, "X.GET k", "$3\r\nabc\r\n");
    assert_true(reads > 0);
    perform_expect(&p, "TYPE k", "+log\r\n");
    perform_expect(&p, "X.ADDSEEN k d", OK);
    perform_expect(&p, "X.GET k", "$4\r\nabcd\r\n");
    perform_expect(&p, "DEL k", ":1\r\n");
    perform_expect(&p, "X.ADD k e", OK);
    perform_expect(&p, "X.GET k", "$1\r\ne\r\n");
}


static void
the_own_map_has_operands_too(void **state)
{
    (void) state;

    perform_expect(&p, "X.OWN e a", OK);
    perform_expect(&p, "X.OWN e b", OK);
    assert_int_equal(reads, 0);
    perform_expect(&p, "X.OWNGET e", "$2\r\nab\r\n");
    perform_expect(&p, "EXISTS e", ":0\r\n");
}


static void
only_own_types_where_writing_is_allowed(void **state)
{
    (void) state;

    perform_expect(&p, "X.WRONG k", "*3\r\n:-3\r\n:-3\r\n:-3\r\n");
    perform_expect(&p, "EXISTS k", ":0\r\n");
    perform_expect(&p, "X.ADDNOT k a", "-ERR extension \"x\" failed: it "
                                       "called what is not for this place"
                                       "\r\n");
}


static void
what_an_operator_makes_is_not_believed(void **state)
{
    static const char *const  bad[] = { "?", "!", "<" };

    (void) state;

    for (unsigned i = 0; i < 3; i++) {

        char  line[32];

        perform_expect(&p, "X.ADD k a", OK);
        (void) snprintf(line, sizeof(line), "X.ADD k %s", bad[i]);
        perform_expect(&p, line, OK);
        perform_expect(&p, "X.GET k", CORRUPT);
        perform_expect(&p, "SET k v", OK);
        perform_expect(&p, "GET k", "$1\r\nv\r\n");
        perform_expect(&p, "DEL k", ":1\r\n");
    }
}


static void
an_older_base_is_recoded(void **state)
{
    (void) state;

    perform_expect(&p, "OLD k -ab", OK);
    perform_expect(&p, "X.ADD k c", OK);
    perform_expect(&p, "X.GET k", "$3\r\nabc\r\n");
    perform_expect(&p, "OLD k -ab", OK);
    perform_expect(&p, "X.ADDSEEN k d", OK);
    perform_expect(&p, "X.GET k", "$3\r\nabd\r\n");
}


static void
neither_bytes_nor_another_type_are_a_base(void **state)
{
    (void) state;

    perform_expect(&p, "SET k ab", OK);
    perform_expect(&p, "X.ADD k c", WRONGTYPE);
    perform_expect(&p, "GET k", "$2\r\nab\r\n");
    perform_expect(&p, "FOREIGN k ab", OK);
    perform_expect(&p, "X.ADD k c", WRONGTYPE);
    perform_expect(&p, "DEL k", ":1\r\n");
}


static void
without_an_operator_nothing_is_lost(void **state)
{
    (void) state;

    perform_expect(&p, "X.ADD k a", OK);
    perform_expect(&p, "X.ADD k b", OK);
    type_set(false);
    perform_expect(&p, "GET k", MISSING);
    perform_expect(&p, "EXISTS k", ":1\r\n");
    type_set(true);
    perform_expect(&p, "X.GET k", "$2\r\nab\r\n");
    fkv_operators_clear(operators);
    perform_expect(&p, "X.ADD k c", OK);
    type_set(true);
    perform_expect(&p, "X.GET k", "$3\r\nabc\r\n");
}


static void
several_become_one(void **state)
{
    fkv_str_t     ops[] = { FKV_STR("a"), FKV_STR("b") }, out;
    fkv_merged_t  merged;

    (void) state;

    assert_int_equal(fkv_operators_merge.partial(operators, TYPE,
                                                 &chain, ops, 2, &out),
                     FKV_OK);
    assert_int_equal(out.len, 2);
    assert_memory_equal(out.data, "ab", 2);

    ops[0] = FKV_STR("?");
    assert_int_equal(fkv_operators_merge.partial(operators, TYPE,
                                                 &chain, ops, 2, &out),
                     FKV_ECORRUPT);
    assert_int_equal(fkv_operators_merge.partial(operators, OTHER,
                                                 &chain, ops, 2, &out),
                     FKV_EMISSING);
    assert_int_equal(fkv_operators_merge.full(operators, OTHER, &chain, NULL,
                                              ops, 2, &merged),
                     FKV_EMISSING);
}


static void *
ask_again_and_again(void *data)
{
    fkv_str_t     ops[] = { FKV_STR("a"), FKV_STR("b") };
    fkv_merged_t  merged;

    for (unsigned i = 0; i < 20000; i++) {

        int  rc = fkv_operators_merge.full(operators, TYPE, &chain, NULL,
                                           ops, 2, &merged);

        if (rc == FKV_OK && (merged.data.len != 2 || merged.encver != 1
                             || memcmp(merged.data.data, "ab", 2) != 0))
        {
            return data;
        }

        if (rc != FKV_OK && rc != FKV_EMISSING) {
            return data;
        }
    }

    return NULL;
}


static void
threads_ask_while_the_catalog_changes(void **state)
{
    pthread_t   threads[2];
    void       *wrong;

    (void) state;

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL,
                                        ask_again_and_again, &live), 0);
    }

    for (unsigned i = 0; i < 500; i++) {
        type_set(i % 2 != 0);
    }

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest  tests[] = {
        TEST(operands_are_written_without_being_read),
        TEST(the_own_map_has_operands_too),
        TEST(only_own_types_where_writing_is_allowed),
        TEST(what_an_operator_makes_is_not_believed),
        TEST(an_older_base_is_recoded),
        TEST(neither_bytes_nor_another_type_are_a_base),
        TEST(without_an_operator_nothing_is_lost),
        TEST(several_become_one),
        TEST(threads_ask_while_the_catalog_changes),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
