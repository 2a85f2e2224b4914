/*
 * extensions_hook.c - hooks of writes: their order, what they may do, and who
 * is passed over.
 */

#include "extensions_test.h"
#include "extensions/hook.h"
#include "commands/server.h"

#define OK  "+OK\r\n"

#define NO_STR  ((ferrokv_str) { NULL, 0 })

static live_t            live;
static perform_t         p;
static test_extension_t  a, b;
static fkv_hook_list_t  *list;
static fkv_extensions_t  set;
static char              seen[256];


/* What was called, in order. */
static void
see(const char *what, const ferrokv_event *ev)
{
    size_t  n = strlen(seen);

    (void) snprintf(seen + n, sizeof(seen) - n, "%s%s:%.*s=%.*s",
                    n ? " " : "", what, (int) ev->key.len,
                    (const char *) ev->key.data,
                    ev->val ? (int) ev->val->data.len : 1,
                    ev->val ? (const char *) ev->val->data.data : "-");
}


static int
is(ferrokv_str str, const char *text)
{
    return str.len == strlen(text) && memcmp(str.data, text, str.len) == 0;
}


static int
check(ferrokv_ctx *ctx, ferrokv_event *ev)
{
    ferrokv_value  v = { .data = { "x", 1 } };

    see("check", ev);
    assert_int_equal(ctx->place, FERROKV_IN_CHECK);
    assert_int_equal(ctx->api->get(ctx, ev->key, NO_STR, &v), FERROKV_EPLACE);
    assert_int_equal(ctx->api->put(ctx, NO_STR, ev->key, &v), FERROKV_EPLACE);
    assert_int_equal(ctx->api->say_int(ctx, 1), FERROKV_EPLACE);

    if (ev->val != NULL && is(ev->val->data, "bad")) {
        return (ctx->api->fail)(ctx, FERROKV_EARG, "ERR no %s here", "bad");
    }

    if (ev->val != NULL && is(ev->val->data, "worse")) {
        return FERROKV_EDENIED;
    }

    return FERROKV_OK;
}


static int
rewrite(ferrokv_ctx *ctx, ferrokv_event *ev)
{
    see("rewrite", ev);

    if (ev->val != NULL && is(ev->val->data, "small")) {

        char  *big = ctx->api->alloc(ctx, 5);

        memcpy(big, "SMALL", 5);
        ev->val->data = (ferrokv_str) { big, 5 };
        ev->val->expires = ctx->now + 1000000;
    }

    if (ev->val != NULL && is(ev->val->data, "null")) {
        ev->val->data = (ferrokv_str) { NULL, 7 };
    }

    return FERROKV_OK;
}


/* An index by value: element is value/key. */
static int
observe(ferrokv_ctx *ctx, ferrokv_event *ev)
{
    ferrokv_value  v = { .data = { "", 0 } };
    char           name[64];
    int            n;

    see("observe", ev);

    if (ev->val == NULL) {
        return FERROKV_OK;
    }

    assert_int_equal(ctx->api->put(ctx, ev->key, NO_STR, &v), FERROKV_EPLACE);
    n = snprintf(name, sizeof(name), "%.*s/%.*s", (int) ev->val->data.len,
                 (const char *) ev->val->data.data, (int) ev->key.len,
                 (const char *) ev->key.data);

    return ctx->api->put(ctx, NO_STR, (ferrokv_str) { name, (size_t) n }, &v);
}


static int
commit(ferrokv_ctx *ctx, ferrokv_event *ev)
{
    (void) ctx;
    assert_true(ev->version != 0);
    see("commit", ev);

    return FERROKV_OK;
}


static int
row_say(ferrokv_ctx *ctx, void *data, ferrokv_str key,
    const ferrokv_value *val)
{
    size_t  *n = data;

    (void) val;
    ctx->api->say_str(ctx, key);
    (*n)++;

    return FERROKV_OK;
}


static int
b_index(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    size_t  begin = ctx->api->say_begin(ctx), n = 0;
    int     rc = ctx->api->scan(ctx, NO_STR, NO_STR, NO_STR, 0, row_say, &n);

    (void) argc;
    (void) argv;

    return (rc < 0) ? rc : ctx->api->say_end(ctx, begin, n);
}


static int
call_check(ferrokv_ctx *ctx, ferrokv_event *ev)
{
    ferrokv_value  v;

    assert_int_equal(ctx->place, FERROKV_IN_CHECK);
    assert_int_equal(ctx->api->get(ctx, ev->key, NO_STR, &v), FERROKV_EPLACE);

    return (strcmp(ev->command, "APPEND") == 0)
           ? (ctx->api->fail)(ctx, FERROKV_EDENIED, "BUSY not now") : 0;
}


static int
call_observe(ferrokv_ctx *ctx, ferrokv_event *ev)
{
    (void) ctx;
    see(ev->rc == FERROKV_OK ? ev->command : "failed", ev);

    return FERROKV_OK;
}


static const ferrokv_hook  c_check = {
    FERROKV_HOOK, 0, "c.check", FERROKV_ON_CALL, FERROKV_CHECK, "c",
    call_check
};

static const ferrokv_hook  c_observe = {
    FERROKV_HOOK, 0, "c.observe", FERROKV_ON_CALL, FERROKV_OBSERVE, "c",
    call_observe
};

static const void *const  c_provides[] = { &c_check, &c_observe, NULL };

static const ferrokv_extension  c_library = {
    sizeof(ferrokv_extension), 0, "c", "1.0", c_provides, NULL, 0, 0, NULL,
    NULL
};


static const ferrokv_hook  a_observe = {
    FERROKV_HOOK, 0, "a.observe", FERROKV_ON_COMMIT, FERROKV_OBSERVE, "u",
    commit
};

static const ferrokv_hook  a_rewrite = {
    FERROKV_HOOK, 0, "a.rewrite", FERROKV_ON_WRITE, FERROKV_REWRITE, "u",
    rewrite
};

static const ferrokv_hook  b_check = {
    FERROKV_HOOK, FERROKV_REQUIRED, "b.check", FERROKV_ON_WRITE, FERROKV_CHECK,
    "u", check
};

static const ferrokv_hook  b_observe = {
    FERROKV_HOOK, 0, "b.observe", FERROKV_ON_WRITE, FERROKV_OBSERVE, "user",
    observe
};

static const ferrokv_command  b_command = {
    FERROKV_COMMAND, FERROKV_READ, "B.INDEX", 1, 0, 0, 0, b_index, "", ""
};

static const void *const  a_provides[] = { &a_observe, &a_rewrite, NULL };
static const void *const  b_provides[] = { &b_observe, &b_check, &b_command,
                                           NULL };

static const ferrokv_extension  a_library = {
    sizeof(ferrokv_extension), 0, "a", "1.0", a_provides, NULL, 0, 0, NULL,
    NULL
};

static const ferrokv_extension  b_library = {
    sizeof(ferrokv_extension), 0, "b", "1.0", b_provides, NULL, 0, 0, NULL,
    NULL
};


static int
setup(void **state)
{
    (void) state;

    perform_open(&p, &live);
    test_extension(&a, &a_library);
    test_extension(&b, &b_library);
    b.extension.index = 1;
    memset(&set, 0, sizeof(set));
    set.list[0] = &a.extension;
    set.list[1] = &b.extension;
    set.n = 2;
    (void) fkv_host_set(&a.extension, live.store, FKV_HOST_READY, 0);
    (void) fkv_host_set(&b.extension, live.store, FKV_HOST_READY, 0);
    assert_int_equal(fkv_hook_list_new(&list, live.store, live.store, &set),
                     FKV_OK);
    assert_non_null(list);
    seen[0] = '\0';

    return 0;
}


static int
teardown(void **state)
{
    (void) state;

    fkv_hook_list_free(list);
    fkv_command_use(NULL, 0);

    for (unsigned i = 0; i < set.n; i++) {
        fkv_host_done(set.list[i]);
    }

    perform_remove(&p);

    return 0;
}


static void
phases_come_before_nginx_conf(void **state)
{
    static const char *const  names[] = {
        "b.check", "a.rewrite", "a.observe", "b.observe"
    };

    (void) state;

    for (unsigned i = 0; i < 4; i++) {
        const fkv_extension_t  *of;
        const ferrokv_hook     *hook = fkv_hook_list_at(list, i, &of);

        assert_string_equal(hook->name, names[i]);
        assert_int_equal(of->name[0], names[i][0]);
    }

    perform_expect(&p, "SET user:1 x", OK);
    assert_string_equal(seen, "check:user:1=x rewrite:user:1=x "
                              "observe:user:1=x commit:user:1=x");
}


static void
a_prefix_says_who_is_concerned(void **state)
{
    (void) state;

    perform_expect(&p, "SET other 1", OK);
    assert_string_equal(seen, "");
    perform_expect(&p, "SET us 1", OK);
    assert_string_equal(seen, "check:us=1 rewrite:us=1 commit:us=1");
    seen[0] = '\0';
    perform_expect(&p, "DEL us other", ":2\r\n");
    assert_string_equal(seen, "check:us=- rewrite:us=- commit:us=-");
    seen[0] = '\0';
    perform_expect(&p, "DEL nobody", ":0\r\n");
    assert_string_equal(seen, "");
    perform_expect(&p, "FLUSHDB", OK);
    assert_string_equal(seen, "check:=- rewrite:=- observe:=- commit:=-");
}


static void
check_refuses_all_of_it(void **state)
{
    (void) state;

    perform_expect(&p, "SET user:1 bad", "-NOPERM no bad here\r\n");
    perform_expect(&p, "SET user:1 worse",
                   "-NOPERM extension \"b\" refuses it\r\n");
    perform_expect(&p, "MSET free 1 user:1 bad", "-NOPERM no bad here\r\n");
    perform_expect(&p, "GET free", "$-1\r\n");
    assert_null(strstr(seen, "commit"));
    assert_null(strstr(seen, "observe"));
    perform_expect(&p, "SET free bad", OK);
}


static void
rewrite_changes_value_and_expiry(void **state)
{
    (void) state;

    perform_expect(&p, "SET user:1 small", OK);
    perform_expect(&p, "GET user:1", "$5\r\nSMALL\r\n");
    assert_string_not_equal(perform(&p, "TTL user:1"), ":-1\r\n");
    assert_non_null(strstr(seen, "observe:user:1=SMALL commit:user:1=SMALL"));
    perform_expect(&p, "SET user:2 null",
                   "-NOPERM a hook made what is no value\r\n");
    perform_expect(&p, "GET user:2", "$-1\r\n");
}


static void
observe_writes_its_own_map_with_it(void **state)
{
    (void) state;

    perform_expect(&p, "MSET user:1 x user:2 y", OK);
    perform_expect(&p, "SET user:1 bad", "-NOPERM no bad here\r\n");
    perform_expect(&p, "SET user:1 x", OK);
    perform_expect(&p, "B.INDEX",
                   "*2\r\n$8\r\nx/user:1\r\n$8\r\ny/user:2\r\n");
}


static void
who_is_not_ready_is_passed_over_or_refuses(void **state)
{
    static const struct {
        fkv_host_state_e   state;
        bool               refuses;
    } states[] = {
        { FKV_HOST_LOADING, true }, { FKV_HOST_ABSENT, false },
        { FKV_HOST_DORMANT, true }, { FKV_HOST_QUARANTINED, true },
        { FKV_HOST_READY, false }
    };

    (void) state;

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        (void) fkv_host_set(&b.extension, live.store, states[i].state, 0);
        perform_expect(&p, "SET user:1 x", !states[i].refuses ? OK
                       : "-NOPERM extension \"b\", which has to agree, does "
                         "not work\r\n");
        perform_expect(&p, "SET elsewhere x", OK);
    }

    (void) fkv_host_set(&a.extension, live.store, FKV_HOST_QUARANTINED, 0);
    seen[0] = '\0';
    perform_expect(&p, "SET user:1 x", OK);
    assert_string_equal(seen, "check:user:1=x observe:user:1=x");
}


static void
commands_are_asked_about_and_told(void **state)
{
    static test_extension_t  c;
    const uint64_t           random[3] = { 1, 2, 3 };
    fkv_server_t             server = { .meter = fkv_meter_open(1, random) };

    (void) state;

    fkv_hook_list_free(list);
    test_extension(&c, &c_library);
    (void) fkv_host_set(&c.extension, live.store, FKV_HOST_READY, 0);
    set.list[set.n++] = &c.extension;
    c.extension.index = 2;
    assert_int_equal(fkv_hook_list_new(&list, live.store, live.store, &set),
                     FKV_OK);

    fkv_meter_attach(server.meter, fkv_slot(live.store));
    p.server = &server;
    perform_expect(&p, "SET c1 x", OK);
    perform_expect(&p, "APPEND c1 y", "-BUSY not now\r\n");
    perform_expect(&p, "APPEND d1 y", ":1\r\n");
    perform_expect(&p, "GET c1", "$1\r\nx\r\n");
    perform_expect(&p, "INCR c1",
                   "-ERR value is not an integer or out of range\r\n");
    assert_string_equal(seen, "SET:c1=- failed:c1=- GET:c1=- failed:c1=-");

    seen[0] = '\0';
    assert_string_equal(perform_multi(&p, "SET c1 1;APPEND c1 2;GET c1", NULL,
                                      0),
                        "*3\r\n" OK "-BUSY not now\r\n$1\r\n1\r\n");
    assert_string_equal(seen, "SET:c1=- failed:c1=- GET:c1=-");

    fkv_hook_list_free(list);
    list = NULL;
    perform_expect(&p, "APPEND c1 2", ":2\r\n");
    p.server = NULL;
    fkv_meter_close(server.meter);
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest  tests[] = {
        TEST(phases_come_before_nginx_conf),
        TEST(a_prefix_says_who_is_concerned),
        TEST(check_refuses_all_of_it),
        TEST(rewrite_changes_value_and_expiry),
        TEST(observe_writes_its_own_map_with_it),
        TEST(who_is_not_ready_is_passed_over_or_refuses),
        TEST(commands_are_asked_about_and_told),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
