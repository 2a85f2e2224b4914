/*
 * extensions_set.c - the extensions of one configuration.
 */

#include "check.h"
#include "extensions/load.h"
#include "extensions/set.h"


static fkv_extension_t *
extension(const char *name, const char *version)
{
    fkv_extension_t  *ext = calloc(1, sizeof(*ext));

    (void) snprintf(ext->name, sizeof(ext->name), "%s", name);
    (void) snprintf(ext->version, sizeof(ext->version), "%s", version);

    return ext;
}


static void
require(fkv_extension_t *ext, const char *name, const char *version)
{
    fkv_control_t           *control = &ext->control;
    fkv_control_requires_t  *r = &control->requires[control->requires_n++];

    (void) snprintf(r->name, sizeof(r->name), "%s", name);
    (void) snprintf(r->version, sizeof(r->version), "%s", version);
}


static void
command(fkv_extension_t *ext, const char *name)
{
    ext->commands = calloc(1, sizeof(*ext->commands));
    ext->commands_n = 1;
    ext->commands[0].command = (fkv_command_t) {
        .name = name, .flags = FKV_COMMAND_EXTENSION, .group = ext->name
    };
}


static void
add(fkv_extensions_t *set, fkv_extension_t *ext)
{
    char  error[FKV_ERROR_BYTES];

    assert_int_equal(fkv_extensions_add(set, ext, error), FKV_OK);
}


static void
not_added(fkv_extensions_t *set, fkv_extension_t *ext, const char *expected)
{
    char  error[FKV_ERROR_BYTES];

    assert_int_equal(fkv_extensions_add(set, ext, error), FKV_EINVAL);
    assert_string_equal(error, expected);
    fkv_extension_free(ext);
}


static int
setup(void **state)
{
    fkv_extensions_t  *set = fkv_extensions_new();

    fkv_extensions_use(set);
    *state = set;

    return 0;
}


static int
teardown(void **state)
{
    fkv_extensions_use(NULL);
    fkv_extensions_free(*state);

    return 0;
}


static void
commands_are_known_while_the_set_is_in_use(void **state)
{
    fkv_extensions_t  *set = *state;
    fkv_extension_t   *ext = extension("x", "1");

    command(ext, "X.A");
    assert_null(fkv_command_find(FKV_STR("x.a")));
    add(set, ext);
    assert_ptr_equal(fkv_command_find(FKV_STR("x.a")),
                     &ext->commands[0].command);

    fkv_extensions_use(NULL);
    assert_null(fkv_command_find(FKV_STR("x.a")));
    assert_non_null(fkv_command_find(FKV_STR("get")));
}


static void
nothing_is_there_twice(void **state)
{
    fkv_extensions_t  *set = *state;
    fkv_extension_t   *ext = extension("x", "1");

    command(ext, "X.A");
    add(set, ext);

    not_added(set, extension("x", "2"), "the extension \"x\" is there already");

    ext = extension("y", "1");
    command(ext, "X.A");
    not_added(set, ext,
              "\"y\" provides the command \"X.A\", which \"x\" provides too");

    ext = extension("y", "1");
    command(ext, "SET");
    not_added(set, ext,
              "\"y\" provides the command \"SET\", which is built in");

    assert_int_equal(set->n, 1);
    assert_int_equal(set->commands_n, 1);
}


static void
there_is_room_for_so_many(void **state)
{
    fkv_extensions_t  *set = *state;
    char               name[8];

    for (unsigned i = 0; i < FKV_EXTENSIONS_MAX; i++) {
        (void) snprintf(name, sizeof(name), "x%u", i);
        add(set, extension(name, "1"));
    }

    not_added(set, extension("y", "1"), "there are more than 64 extensions");
}


static void
what_is_required_starts_first(void **state)
{
    fkv_extensions_t  *set = *state;
    fkv_extension_t   *a = extension("a", "1"), *b = extension("b", "1.10");
    fkv_extension_t   *c = extension("c", "1"), *d = extension("d", "1");
    char               error[FKV_ERROR_BYTES];

    require(a, "c", "");
    require(a, "b", "1.9");
    require(c, "b", "");
    add(set, a);
    add(set, d);
    add(set, b);
    add(set, c);

    assert_int_equal(fkv_extensions_sort(set, error), FKV_OK);

    assert_ptr_equal(set->list[set->order[0]], d);
    assert_ptr_equal(set->list[set->order[1]], b);
    assert_ptr_equal(set->list[set->order[2]], c);
    assert_ptr_equal(set->list[set->order[3]], a);
    assert_int_equal(c->index, 3);
}


static void
requirements_that_do_not_hold_are_named(void **state)
{
    fkv_extensions_t  *set = *state;
    fkv_extension_t   *a = extension("a", "1"), *b = extension("b", "1.2");
    char               error[FKV_ERROR_BYTES];

    require(a, "b", "1.10");
    add(set, a);

    assert_int_equal(fkv_extensions_sort(set, error), FKV_EINVAL);
    assert_string_equal(error, "\"a\" requires \"b\", so nginx.conf has to say "
                        "\"ferrokv_extension b\"");

    add(set, b);
    assert_int_equal(fkv_extensions_sort(set, error), FKV_EINVAL);
    assert_string_equal(error, "\"a\" requires \"b\" 1.10, but this is 1.2");

    (void) snprintf(b->version, sizeof(b->version), "1.10");
    assert_int_equal(fkv_extensions_sort(set, error), FKV_OK);
}


static void
circles_are_found(void **state)
{
    fkv_extensions_t  *set = *state;
    fkv_extension_t   *a = extension("a", "1"), *b = extension("b", "1");
    fkv_extension_t   *c = extension("c", "1"), *d = extension("d", "1");
    char               error[FKV_ERROR_BYTES];

    add(set, d);
    require(a, "b", "");
    require(b, "c", "");
    require(c, "b", "");
    add(set, a);
    add(set, b);
    add(set, c);

    assert_int_equal(fkv_extensions_sort(set, error), FKV_EINVAL);
    assert_non_null(strstr(error, "require each other"));
    assert_null(strstr(error, "\"a\""));
    assert_non_null(strstr(error, "\"b\""));
    assert_non_null(strstr(error, "\"c\""));

    c->control.requires_n = 0;
    require(c, "c", "");
    assert_int_equal(fkv_extensions_sort(set, error), FKV_EINVAL);
    assert_string_equal(error, "\"c\" requires itself");
}


static void
stores_are_all_or_those_named(void **state)
{
    fkv_extension_t  *ext = extension("a", "1");
    fkv_str_t         stores[] = { FKV_STR("main"), FKV_STR("two") };

    (void) state;

    assert_true(fkv_extension_is_for(ext, FKV_STR("any")));

    ext->stores = stores;
    ext->stores_n = 2;
    assert_true(fkv_extension_is_for(ext, FKV_STR("two")));
    assert_false(fkv_extension_is_for(ext, FKV_STR("any")));
    assert_false(fkv_extension_is_for(ext, FKV_STR("mai")));

    fkv_extension_free(ext);
}


static void
parameters_are_found_by_name(void **state)
{
    fkv_extensions_t  *set = *state;
    fkv_extension_t   *ext = extension("x", "1");
    char               error[FKV_ERROR_BYTES];
    ferrokv_param      def = { .form = FERROKV_NUMBER, .name = "x.n",
                               .dflt = "1", .max = 9 };

    ext->params = calloc(1, sizeof(*ext->params));
    ext->params_n = 1;
    ext->params[0].param = def;
    ext->params[0].number = 1;
    add(set, ext);
    add(set, extension("y", "1"));
    assert_int_equal(fkv_extensions_add_absent(set, FKV_STR("gone"), error),
                     FKV_OK);

#define WRONG(name, text, expected)                                           \
    do {                                                                      \
        assert_int_equal(fkv_extensions_param(set, FKV_STR(name),             \
                                              FKV_STR(text), error),          \
                         FKV_EINVAL);                                         \
        assert_string_equal(error, expected);                                 \
    } while (0)

    WRONG("x.n", "ten", "\"x.n\" is a whole number, not \"ten\"");
    WRONG("x.n", "10", "\"x.n\" is 0 to 9, not \"10\"");
    WRONG("x.m", "1", "\"x.m\" is unknown; \"x\" has x.n");
    WRONG("x", "1", "\"x\" is unknown; \"x\" has x.n");
    WRONG("y.n", "1", "the extension \"y\" has no parameters");
    WRONG("z.n", "1", "\"z.n\": there is no such extension, or its "
          "\"ferrokv_extension\" stands behind this");

    assert_int_equal(fkv_extensions_param(set, FKV_STR("x.n"), FKV_STR("7"),
                                          error), FKV_OK);
    assert_int_equal(ext->params[0].number, 7);
    WRONG("x.n", "8", "\"x.n\" is set twice");
    assert_int_equal(fkv_extensions_param(set, FKV_STR("gone.n"), FKV_STR("7"),
                                          error), FKV_OK);

#undef WRONG
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

    const struct CMUnitTest  tests[] = {
        TEST(commands_are_known_while_the_set_is_in_use),
        TEST(nothing_is_there_twice),
        TEST(there_is_room_for_so_many),
        TEST(what_is_required_starts_first),
        TEST(requirements_that_do_not_hold_are_named),
        TEST(circles_are_found),
        TEST(stores_are_all_or_those_named),
        TEST(parameters_are_found_by_name),
    };

#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
