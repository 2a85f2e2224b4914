/*
 * extensions_host.c - calls into an extension: what it may do, what becomes of
 * its answers, and of its mistakes.
 */

#include "extensions_test.h"

#define OK   "+OK\r\n"
#define NIL  "$-1\r\n"

#define NO_STR  ((ferrokv_str) { NULL, 0 })

static live_t            live;
static perform_t         p;
static test_extension_t  t;
static void             *kept;


static ferrokv_str
str_of(const char *text)
{
    return (ferrokv_str) { text, strlen(text) };
}


static int
x_get(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_value  v;
    int            rc = ctx->api->get(ctx, argv[1], NO_STR, &v);

    assert_int_equal(argc, 2);
    assert_int_equal(ctx->place, FERROKV_IN_COMMAND);

    if (rc == FERROKV_NONE) {
        return ctx->api->say_null(ctx);
    }

    return (rc == FERROKV_OK) ? ctx->api->say_str(ctx, v.data) : rc;
}


static int
x_set(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    char           buf[64];
    ferrokv_value  v = { .data = { buf, argv[2].len } };
    int            rc;

    (void) argc;
    assert_true(argv[2].len <= sizeof(buf));
    memcpy(buf, argv[2].data, argv[2].len);

    rc = ctx->api->put(ctx, argv[1], NO_STR, &v);
    memset(buf, '?', sizeof(buf));          /* it was copied */

    return (rc == FERROKV_OK) ? ctx->api->say_status(ctx, "OK") : rc;
}


static int
x_del(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    int  rc = ctx->api->del(ctx, argv[1], NO_STR);

    (void) argc;

    return (rc < 0) ? rc : ctx->api->say_int(ctx, rc == FERROKV_OK);
}


/* X.MAP PUT element value | GET element | DEL element */
static int
x_map(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_value  v = { .type = NULL };
    int            rc;

    switch (*(const char *) argv[1].data) {

    case 'P':
        v.data = argv[3];
        rc = ctx->api->put(ctx, NO_STR, argv[2], &v);
        return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");

    case 'G':
        rc = ctx->api->get(ctx, NO_STR, argv[2], &v);
        return (rc == FERROKV_OK) ? ctx->api->say_str(ctx, v.data) : rc;
    }

    assert_int_equal(argc, 3);
    rc = ctx->api->del(ctx, NO_STR, argv[2]);

    return (rc < 0) ? rc : ctx->api->say_int(ctx, rc == FERROKV_OK);
}


static int
row_say(ferrokv_ctx *ctx, void *data, ferrokv_str key,
    const ferrokv_value *val)
{
    size_t  *n = data;

    ctx->api->say_str(ctx, key);
    (*n)++;

    if (val != NULL) {
        ctx->api->say_str(ctx, val->data);
        (*n)++;
    }

    return FERROKV_OK;
}


static ferrokv_str
word(ferrokv_str arg)
{
    return (arg.len == 1 && *(const char *) arg.data == '-') ? NO_STR : arg;
}


static uint64_t
number(ferrokv_str arg)
{
    return (uint64_t) (*(const char *) arg.data - '0');
}


/* X.SCAN from to n, of the own map */
static int
x_scan(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    size_t  begin = ctx->api->say_begin(ctx), n = 0;
    int     rc;

    (void) argc;
    rc = ctx->api->scan(ctx, NO_STR, word(argv[1]), word(argv[2]),
                        number(argv[3]), row_say, &n);

    return (rc < 0) ? rc : ctx->api->say_end(ctx, begin, n);
}


/* X.KEYS prefix after n */
static int
x_keys(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    size_t  begin = ctx->api->say_begin(ctx), n = 0;
    int     rc;

    (void) argc;
    rc = ctx->api->keys(ctx, word(argv[1]), word(argv[2]), number(argv[3]),
                        row_say, &n);

    return (rc < 0) ? rc : ctx->api->say_end(ctx, begin, n);
}


/*
 * X.SAY digits and letters: each says something; it is wrong if that is not one
 * value.
 */
static int
x_say(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    const ferrokv_api  *api = ctx->api;
    size_t              begins[64], n = 0;

    (void) argc;

    for (size_t i = 0; i < argv[1].len; i++) {
        char  c = ((const char *) argv[1].data)[i];

        switch (c) {
        case 'i': api->say_int(ctx, -7); break;
        case 'r': api->say_real(ctx, 1.5); break;
        case 'b': api->say_bool(ctx, 5); break;
        case 's': api->say_status(ctx, "one\r\ntwo"); break;
        case 't': api->say_str(ctx, str_of("text")); break;
        case 'n': api->say_null(ctx); break;
        case 'm': api->say_map(ctx, 1); break;
        case 'p': api->say_pairs(ctx, 1); break;
        case 'N': api->say_null_array(ctx); break;
        case 'u': api->say_set(ctx, 1); break;
        case 'z': api->say_str(ctx, (ferrokv_str) { NULL, 3 }); break;
        case 'H': api->say_array(ctx, SIZE_MAX); break;
        case 'M': api->say_map(ctx, SIZE_MAX / 2 + 1); break;
        case '(': begins[n++ % 64] = api->say_begin(ctx); break;
        case ')': api->say_end(ctx, begins[--n % 64], 2); break;
        case '!': api->say_end(ctx, 12345, 2); break;
        default: api->say_array(ctx, (size_t) (c - '0'));
        }
    }

    return FERROKV_OK;
}


/* X.FAIL code text: what fail() makes of it; without a text only the code. */
static int
x_fail(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    int   rc = -(int) (((const char *) argv[1].data)[0] - 'a' + 1);
    char  text[128] = "";

    if (argc == 2) {
        return rc;
    }

    for (size_t i = 2; i < argc; i++) {
        strncat(text, argv[i].data, argv[i].len);
        strcat(text, i + 1 < argc ? " " : "");
    }

    ctx->api->say_array(ctx, 3);
    assert_int_equal((ctx->api->fail)(ctx, rc, "%s", text), rc);
    ctx->api->say_int(ctx, 1);              /* too late */

    return (argv[1].len > 1) ? FERROKV_OK : rc;
}


static int
x_return(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) ctx;
    (void) argc;

    return (int) strtol(argv[1].data, NULL, 10);
}


static int
x_eat(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) argc;
    (void) argv;

    for (unsigned i = 0; i < 1000; i++) {
        memset(ctx->api->alloc(ctx, 1 << 20), 1, 1 << 20);
    }

    return ctx->api->say_int(ctx, 1);
}


static int
x_keep(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) argc;
    (void) argv;

    if (kept != NULL) {
        ctx->api->drop(ctx, kept);
        kept = NULL;
        return ctx->api->say_int(ctx, 0);
    }

    assert_null(ctx->api->keep(ctx, FKV_HOST_KEEP_MAX + 1));
    kept = ctx->api->keep(ctx, FKV_HOST_KEEP_MAX);
    assert_null(ctx->api->keep(ctx, 1));
    ctx->api->log(ctx, 4, "kept\n%d", 7);

    return ctx->api->say_int(ctx, kept != NULL);
}


static const ferrokv_param  depth = {
    FERROKV_PARAM, 0, "x.depth", FERROKV_NUMBER, 0, 0, 9, "3", NULL, "depth"
};

static const ferrokv_param  title = {
    FERROKV_PARAM, 0, "x.title", FERROKV_TEXT, 0, 0, 0, "", NULL, "title"
};


static int
x_param(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_str    text;
    int64_t        n;
    ferrokv_param  other = depth;

    (void) argc;
    (void) argv;
    assert_int_equal(ctx->api->param(ctx, &depth, &n), FERROKV_OK);
    assert_int_equal(ctx->api->param(ctx, &title, &text), FERROKV_OK);
    assert_int_equal(ctx->api->param(ctx, &other, &n), FERROKV_NONE);

    ctx->api->say_array(ctx, 2);
    ctx->api->say_int(ctx, n);

    return ctx->api->say_str(ctx, text);
}


#define CMD(name, flags, arity, keys, fn)                                     \
    { FERROKV_COMMAND, flags, name, arity, keys, keys, keys, fn, "", "" }

static const ferrokv_command  commands[] = {
    CMD("X.GET", FERROKV_READ, 2, 1, x_get),
    CMD("X.SET", FERROKV_WRITE, 3, 1, x_set),
    CMD("X.PEEKSET", FERROKV_READ, 3, 1, x_set),
    CMD("X.DEL", FERROKV_WRITE, 2, 1, x_del),
    CMD("X.MAP", FERROKV_WRITE, -3, 0, x_map),
    CMD("X.SCAN", FERROKV_READ, 4, 0, x_scan),
    CMD("X.WSCAN", FERROKV_WRITE, 4, 0, x_scan),
    CMD("X.KEYS", FERROKV_READ, 4, 0, x_keys),
    CMD("X.SAY", FERROKV_READ, 2, 0, x_say),
    CMD("X.FAIL", FERROKV_READ, -2, 0, x_fail),
    CMD("X.RETURN", FERROKV_READ, 2, 0, x_return),
    CMD("X.EAT", FERROKV_READ, 1, 0, x_eat),
    CMD("X.KEEP", FERROKV_READ, 1, 0, x_keep),
    CMD("X.PARAM", FERROKV_READ, 1, 0, x_param),
};

static const void *const  provides[] = {
    &commands[0], &commands[1], &commands[2], &commands[3], &commands[4],
    &commands[5], &commands[6], &commands[7], &commands[8], &commands[9],
    &commands[10], &commands[11], &commands[12], &commands[13],
    &depth, &title, NULL
};

static const ferrokv_extension  library = {
    sizeof(ferrokv_extension), 0, "x", "1.0", provides, NULL, 0, 0, NULL, NULL
};


static int
setup(void **state)
{
    (void) state;

    perform_open(&p, &live);
    test_extension(&t, &library);
    fkv_host_log(&live.log);
    t.params[0].number = 3;
    t.params[1].text = FKV_STR("my title");

    return 0;
}


static int
teardown(void **state)
{
    (void) state;

    fkv_host_log(NULL);
    fkv_command_use(NULL, 0);
    perform_remove(&p);

    return 0;
}


static void
keys_are_read_and_written(void **state)
{
    (void) state;

    perform_expect(&p, "X.GET a", NIL);
    perform_expect(&p, "X.SET a one", OK);
    perform_expect(&p, "X.GET a", "$3\r\none\r\n");
    perform_expect(&p, "GET a", "$3\r\none\r\n");
    perform_expect(&p, "X.DEL a", ":1\r\n");
    perform_expect(&p, "X.DEL a", ":0\r\n");
    perform_expect(&p, "X.GET a", NIL);
    assert_string_equal(perform_multi(&p, "X.SET a 1;X.GET a;X.DEL a;X.GET a",
                                      NULL, 0),
                        "*4\r\n" OK "$1\r\n1\r\n:1\r\n" NIL);
}


static void
what_only_reads_does_not_write(void **state)
{
    (void) state;

    perform_expect(&p, "X.PEEKSET a 1",
                   "-ERR extension \"x\" failed: it called what is not for "
                   "this place\r\n");
    perform_expect(&p, "GET a", NIL);
}


/* A client's empty argument must not be taken for the own map. */
static void
an_empty_key_is_nobodys(void **state)
{
    (void) state;

    perform_expect(&p, "X.MAP PUT \"\" secret", OK);
    perform_expect(&p, "X.MAP GET \"\"", "$6\r\nsecret\r\n");
    perform_expect(&p, "X.GET \"\"", NIL);
    perform_expect(&p, "X.DEL \"\"", ":0\r\n");
    perform_expect(&p, "X.SET \"\" 1", "-ERR a key has 1 to 65536 bytes\r\n");
    perform_expect(&p, "X.MAP GET \"\"", "$6\r\nsecret\r\n");
}


static void
the_own_map_is_apart_and_in_order(void **state)
{
    (void) state;

    perform_expect(&p, "X.MAP PUT b 2", OK);
    perform_expect(&p, "X.MAP PUT a 1", OK);
    perform_expect(&p, "X.MAP PUT ab 12", OK);
    perform_expect(&p, "X.MAP PUT c 3", OK);
    perform_expect(&p, "X.MAP GET ab", "$2\r\n12\r\n");
    perform_expect(&p, "X.MAP GET d", NIL);
    perform_expect(&p, "KEYS *", "*0\r\n");

    perform_expect(&p, "X.SCAN - - 0",
                   "*8\r\n$1\r\na\r\n$1\r\n1\r\n$2\r\nab\r\n$2\r\n12\r\n"
                   "$1\r\nb\r\n$1\r\n2\r\n$1\r\nc\r\n$1\r\n3\r\n");
    perform_expect(&p, "X.SCAN a b 0",
                   "*4\r\n$1\r\na\r\n$1\r\n1\r\n$2\r\nab\r\n$2\r\n12\r\n");
    perform_expect(&p, "X.WSCAN aa - 2",
                   "*4\r\n$2\r\nab\r\n$2\r\n12\r\n$1\r\nb\r\n$1\r\n2\r\n");
    perform_expect(&p, "X.SCAN c - 5", "*2\r\n$1\r\nc\r\n$1\r\n3\r\n");
    perform_expect(&p, "X.SCAN d - 5", "*0\r\n");
    perform_expect(&p, "X.SCAN b a 5", "*0\r\n");
    perform_expect(&p, "X.MAP DEL ab", ":1\r\n");
    perform_expect(&p, "X.SCAN a b 0", "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
    assert_string_equal(perform_multi(&p, "X.MAP PUT aa 5;X.SCAN a b 0",
                                      NULL, 0),
                        "*2\r\n" OK
                        "*4\r\n$1\r\na\r\n$1\r\n1\r\n$2\r\naa\r\n"
                        "$1\r\n5\r\n");
}


static void
keys_are_listed_behind_a_key(void **state)
{
    (void) state;

    perform_expect(&p, "MSET k1 a k2 b k3 c other d", OK);
    perform_expect(&p, "X.KEYS k - 0",
                   "*3\r\n$2\r\nk1\r\n$2\r\nk2\r\n$2\r\nk3\r\n");
    perform_expect(&p, "X.KEYS k k1 1", "*1\r\n$2\r\nk2\r\n");
    perform_expect(&p, "X.KEYS - k3 0", "*1\r\n$5\r\nother\r\n");
}


static void
an_answer_is_one_value(void **state)
{
    static const char *const  wrong[] = {
        "2i", "2iii", "ii", "i1", "3", "1", "(i", "i(ii)", ")", "!", "(i2)",
        "(ii)i", "2(ii)", "z", "H", "M", "mi", "(i!)", "u",
        "(((((((((((((((((((((((((((((((((ii", "pi", "pi1i", "pi(ii)", "(p)i",
    };

    (void) state;

    perform_expect(&p, "X.SAY i", ":-7\r\n");
    perform_expect(&p, "X.SAY s", "+one  two\r\n");
    perform_expect(&p, "X.SAY 0", "*0\r\n");
    perform_expect(&p, "X.SAY 3ir2bn",
                   "*3\r\n:-7\r\n$3\r\n1.5\r\n*2\r\n:1\r\n$-1\r\n");
    perform_expect(&p, "X.SAY N", "*-1\r\n");
    perform_expect(&p, "X.SAY 2pitn",
                   "*2\r\n*2\r\n:-7\r\n$4\r\ntext\r\n$-1\r\n");
    perform_expect(&p, "X.SAY mit", "*2\r\n:-7\r\n$4\r\ntext\r\n");
    perform_expect(&p, "X.SAY (i2ii)", "*2\r\n:-7\r\n*2\r\n:-7\r\n:-7\r\n");
    perform_expect(&p, "X.SAY 2(ii)i",
                   "*2\r\n*2\r\n:-7\r\n:-7\r\n:-7\r\n");
    perform_expect(&p, "X.SAY ((ii)un)",
                   "*2\r\n*2\r\n:-7\r\n:-7\r\n*1\r\n$-1\r\n");

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char  line[128];

        (void) snprintf(line, sizeof(line), "X.SAY %s", wrong[i]);
        perform_expect(&p, line, "-ERR extension \"x\" failed: its answer is "
                                 "not one value\r\n");
    }
}


static void
codes_have_their_sentences(void **state)
{
    (void) state;

    perform_expect(&p, "X.FAIL c syntax error", "-ERR syntax error\r\n");
    perform_expect(&p, "X.FAIL c WRONG size", "-WRONG size\r\n");
    perform_expect(&p, "X.FAIL d not a list", "-WRONGTYPE not a list\r\n");
    perform_expect(&p, "X.FAIL e I say no", "-NOPERM I say no\r\n");
    perform_expect(&p, "X.FAIL d",
                   "-WRONGTYPE Operation against a key holding the wrong kind "
                   "of value\r\n");
    perform_expect(&p, "X.FAIL h", "-ERR timeout\r\n");
    perform_expect(&p, "X.FAIL i", "-ERR backend failed\r\n");
    perform_expect(&p, "X.FAIL a",
                   "-ERR extension \"x\" failed: it does not say why\r\n");
    perform_expect(&p, "X.RETURN -77",
                   "-ERR extension \"x\" failed: it does not say why\r\n");
    perform_expect(&p, "X.RETURN 1", "-ERR extension \"x\" failed: it "
                                     "returned 1\r\n");
    perform_expect(&p, "X.RETURN 2", NIL);
    perform_expect(&p, "X.RETURN 0", "-ERR extension \"x\" failed: its answer "
                                     "is not one value\r\n");

    /* who has failed has failed, whatever is returned */
    perform_expect(&p, "X.FAIL cc syntax error", "-ERR syntax error\r\n");
}


static void
memory_has_a_bound(void **state)
{
    (void) state;

    perform_expect(&p, "X.EAT", "-ERR extension \"x\" failed: it wants more "
                                "than 64 MiB of memory\r\n");
    assert_string_equal(perform_multi(&p, "SET a 1;X.EAT;GET a", NULL, 0),
                        "*3\r\n" OK "-ERR extension \"x\" failed: it wants "
                        "more than 64 MiB of memory\r\n$1\r\n1\r\n");

    live.quiet = true;
    perform_expect(&p, "X.KEEP", ":1\r\n");
    assert_string_equal(live.logged, "extension \"x\": kept 7");
    assert_int_equal(t.extension.host.kept, FKV_HOST_KEEP_MAX);
    perform_expect(&p, "X.KEEP", ":0\r\n");
    assert_int_equal(t.extension.host.kept, 0);
}


static void
parameters_are_known_by_their_address(void **state)
{
    (void) state;

    perform_expect(&p, "X.PARAM", "*2\r\n:3\r\n$8\r\nmy title\r\n");
}


/* Everything it asks for lies in a table: nothing is in memory at first. */
static void
what_is_on_disk_is_waited_for(void **state)
{
    (void) state;

    for (char c = 'a'; c <= 'f'; c++) {
        char  line[64];

        (void) snprintf(line, sizeof(line), "X.MAP PUT %c %c%c", c, c, c);
        perform_expect(&p, line, OK);
        (void) snprintf(line, sizeof(line), "SET k%c v", c);
        perform_expect(&p, line, OK);
    }

    perform_expect(&p, "X.SCAN c e 0",
                   "*4\r\n$1\r\nc\r\n$2\r\ncc\r\n$1\r\nd\r\n$2\r\ndd\r\n");
    live_detach_close(&live);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_ALWAYS);
    live_attach(&live, FKV_WORKER);
    perform_expect(&p, "X.SCAN c e 0",
                   "*4\r\n$1\r\nc\r\n$2\r\ncc\r\n$1\r\nd\r\n$2\r\ndd\r\n");
    perform_expect(&p, "X.WSCAN - c 3",
                   "*4\r\n$1\r\na\r\n$2\r\naa\r\n$1\r\nb\r\n$2\r\nbb\r\n");
    perform_expect(&p, "X.GET ka", "$1\r\nv\r\n");
    perform_expect(&p, "X.KEYS k ke 0", "*1\r\n$2\r\nkf\r\n");
}


static void
a_state_refuses_its_commands(void **state)
{
    static const struct {
        fkv_host_state_e   state;
        const char        *reply;
    } states[] = {
        { FKV_HOST_LOADING, "-LOADING extension \"x\" is not ready yet\r\n" },
        { FKV_HOST_ABSENT, "-EXTMISSING extension \"x\" is not installed in "
                           "this store\r\n" },
        { FKV_HOST_DORMANT, "-EXTMISSING extension \"x\" 1.0 is older than "
                            "its data in this store\r\n" },
        { FKV_HOST_QUARANTINED, "-EXTMISSING extension \"x\" has crashed too "
                                "often and sleeps until the next reload\r\n" },
        { FKV_HOST_FAILED, "-EXTMISSING extension \"x\" could not start, see "
                           "the error log\r\n" },
        { FKV_HOST_READY, ":-7\r\n" }
    };

    (void) state;

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        assert_int_equal(fkv_host_set(&t.extension, live.store,
                                      states[i].state, 0), FKV_OK);
        perform_expect(&p, "X.SAY i", states[i].reply);
    }
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest  tests[] = {
        TEST(keys_are_read_and_written),
        TEST(what_only_reads_does_not_write),
        TEST(an_empty_key_is_nobodys),
        TEST(the_own_map_is_apart_and_in_order),
        TEST(keys_are_listed_behind_a_key),
        TEST(an_answer_is_one_value),
        TEST(codes_have_their_sentences),
        TEST(memory_has_a_bound),
        TEST(parameters_are_known_by_their_address),
        TEST(what_is_on_disk_is_waited_for),
        TEST(a_state_refuses_its_commands),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
