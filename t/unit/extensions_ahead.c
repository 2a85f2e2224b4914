/*
 * extensions_ahead.c - who is asked what a command will look at, and what
 * becomes of the answer.
 */

#include "extensions_test.h"
#include "extensions/ahead.h"
#include "commands/types.h"

static live_t            live;
static perform_t         p;
static test_extension_t  x;
static unsigned          asked;

static const ferrokv_type  x_type = {
    FERROKV_TYPE, 0, "x", 1, 0, NULL, NULL, NULL, NULL, NULL, NULL
};


static int
no_command(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) ctx;
    (void) argc;
    (void) argv;
    abort();
}


/* As many as the value says, of memory that alloc gave. */
static size_t
names_of(ferrokv_ctx *ctx, const ferrokv_value *head, size_t argc,
    const ferrokv_str *argv, ferrokv_str *names, size_t max)
{
    const char  *text = head->data.data;
    size_t       n = (size_t) (text[0] - '0');

    asked++;
    assert_int_equal(ctx->place, FERROKV_IN_PURE);
    assert_ptr_equal(head->type, &x_type);
    assert_int_equal(max, FKV_PREFETCH_NAMES);
    assert_int_equal(argc, 2);

    if (text[0] == '!') {
        (void) ctx->api->alloc(ctx, FKV_HOST_ALLOC_MAX + 1);
    }

    for (size_t i = 0; i < n && i < max; i++) {
        char  *name = ctx->api->alloc(ctx, argv[1].len);

        memcpy(name, argv[1].data, argv[1].len);
        names[i] = (ferrokv_str) { name, argv[1].len };
    }

    return n;
}


static const ferrokv_command  x_look = {
    FERROKV_COMMAND, FERROKV_READ, "X.LOOK", 2, 1, 1, 1, no_command, "key",
    "Looks."
};

static const ferrokv_ahead  x_ahead = {
    FERROKV_AHEAD, 0, "X.LOOK", names_of
};

static const void *const  x_provides[] = { &x_look, &x_type, NULL };

static const ferrokv_extension  x_library = {
    sizeof(ferrokv_extension), 0, "x", "1.0", x_provides, NULL, 0, 0, NULL,
    NULL
};


static int
setup(void **state)
{
    fkv_type_t  type = { .id = 7, .encver = 1, .name = "x", .extension = "x",
                         .owner = &x.extension, .def = &x_type };

    (void) state;

    perform_open(&p, &live);
    test_extension(&x, &x_library);
    x.commands[0].ahead = &x_ahead;
    assert_int_equal(fkv_types_set(live.store, &type), FKV_OK);

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


static unsigned
ask(fkv_value_t value, fkv_str_t *names)
{
    static const fkv_str_t  argv[] = { FKV_STR("X.LOOK"), FKV_STR("key") };
    static fkv__memory_t    memory;
    unsigned                n;

    asked = 0;
    fkv__memory_done(&memory);
    n = fkv_extension_ahead(&x.commands[0].command, live.store, &value, 2,
                            argv, &memory, names);

    for (unsigned i = 0; i < n; i++) {
        check_str(names[i], FKV_STR("key"));
    }

    return n;
}


static void
it_names_elements(void **state)
{
    fkv_str_t    names[FKV_PREFETCH_NAMES];
    fkv_value_t  value = { .data = FKV_STR("3"), .type = 7, .encver = 1 };

    (void) state;

    assert_int_equal(ask(value, names), 3);

    value.data = FKV_STR("8");
    assert_int_equal(ask(value, names), 8);

    value.data = FKV_STR("0");
    assert_int_equal(ask(value, names), 0);
    assert_int_equal(asked, 1);
}


static void
what_it_cannot_mean_is_nothing(void **state)
{
    fkv_str_t    names[FKV_PREFETCH_NAMES];
    fkv_value_t  value = { .data = FKV_STR("9"), .type = 7, .encver = 1 };

    (void) state;

    assert_int_equal(ask(value, names), 0);

    value.data = FKV_STR("!");
    assert_int_equal(ask(value, names), 0);
    assert_int_equal(asked, 1);
}


static void
of_other_values_it_is_not_asked(void **state)
{
    fkv_str_t    names[FKV_PREFETCH_NAMES];
    fkv_value_t  value = { .data = FKV_STR("3"), .type = 7, .encver = 0 };

    (void) state;

    assert_int_equal(ask(value, names), 0);         /* an older encoding */
    assert_int_equal(asked, 0);

    value.encver = 1;
    value.type = 8;
    assert_int_equal(ask(value, names), 0);
    assert_int_equal(asked, 0);

    value.type = 7;
    value.data = FKV_STR_NULL;                      /* a large one */
    assert_int_equal(ask(value, names), 0);
    assert_int_equal(asked, 0);

    value.data = FKV_STR("3");
    assert_int_equal(fkv_host_set(&x.extension, live.store, FKV_HOST_DORMANT,
                                  1), FKV_OK);
    assert_int_equal(ask(value, names), 0);
    assert_int_equal(asked, 0);
    fkv_host_done(&x.extension);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(it_names_elements, setup, teardown),
        cmocka_unit_test_setup_teardown(what_it_cannot_mean_is_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(of_other_values_it_is_not_asked,
                                        setup, teardown),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
