/*
 * extensions_installed.c - records of the catalog: what they hold, that they
 * are these bytes, and that other bytes do no harm.
 */

#include "check.h"
#include "extensions/installed.h"

#define assert_str_equal(str, text)  assert_true(str_is(str, text))

static ferrokv_type  types[] = {
    { FERROKV_TYPE, 0, "geo.point", 2, 0, NULL, NULL, NULL, NULL, NULL, NULL },
    { FERROKV_TYPE, 0, "geo.area", 0, 0, NULL, NULL, NULL, NULL, NULL, NULL }
};


static bool
str_is(fkv_str_t str, const char *text)
{
    return str.len == strlen(text) && memcmp(str.data, text, str.len) == 0;
}


static void
extension_init(fkv_extension_t *ext, fkv_extension_type_t *list,
    ferrokv_hook *hook)
{
    memset(ext, 0, sizeof(*ext));
    strcpy(ext->name, "geo");
    strcpy(ext->version, "1.0");
    ext->file = (char *) "/lib/geo-1.0.so";
    list[0] = (fkv_extension_type_t) { .def = &types[0], .type = types[0] };
    list[1] = (fkv_extension_type_t) { .def = &types[1], .type = types[1] };
    ext->types = list;
    ext->types_n = 2;
    *hook = (ferrokv_hook) { FERROKV_HOOK, FERROKV_REQUIRED, "geo.check",
                             FERROKV_ON_WRITE, FERROKV_CHECK, "map:", NULL };
    ext->hooks = hook;
    ext->hooks_n = 1;
}


static fkv_str_t
put(const fkv_installed_t *in, fkv__buf_t *buf)
{
    buf->len = 0;
    assert_int_equal(fkv_installed_put(in, buf), FKV_OK);

    return fkv__buf_str(buf);
}


static void
a_record_comes_back_as_it_was(void **state)
{
    fkv_extension_t       ext;
    fkv_extension_type_t  list[2];
    ferrokv_hook          hook;
    fkv_installed_t       in = { .name = FKV_STR("geo"),
                                 .state = FKV_UPDATING, .schema = 3,
                                 .cursor = 700, .absent = 9, .cascade = true,
                                 .problem = FKV_STR("no") }, back;
    fkv__buf_t            buf = { NULL, 0, 0 };
    uint64_t              next = 5;

    (void) state;

    extension_init(&ext, list, &hook);
    assert_int_equal(fkv_installed_take(&in, &ext, &next), FKV_OK);
    assert_int_equal(next, 7);
    assert_int_equal(fkv_installed_parse(&back, in.name, put(&in, &buf)),
                     FKV_OK);

    assert_int_equal(back.state, FKV_UPDATING);
    assert_int_equal(back.schema, 3);
    assert_int_equal(back.cursor, 700);
    assert_int_equal(back.absent, 9);
    assert_true(back.cascade);
    assert_str_equal(back.version, "1.0");
    assert_str_equal(back.file, "/lib/geo-1.0.so");
    assert_str_equal(back.problem, "no");
    assert_int_equal(back.defs_n, 3);
    assert_str_equal(back.defs[0].name, "geo.point");
    assert_int_equal(back.defs[0].id, 5);
    assert_int_equal(back.defs[0].encver, 2);
    assert_int_equal(back.defs[1].id, 6);
    assert_int_equal(back.defs[2].kind, FERROKV_KIND_HOOK);
    assert_str_equal(back.defs[2].prefix, "map:");
    assert_int_equal(back.defs[2].flags, FERROKV_REQUIRED);
    assert_true(fkv_installed_same(&back, &ext));

    fkv_installed_done(&back);
    fkv_installed_done(&in);
    fkv__buf_done(&buf);
}


static void
a_record_is_these_bytes(void **state)
{
    static const uint8_t   golden[] = {
        1,                              /* the form */
        2, 1, 1,                        /* installed */
        4, 1, '2',
        6, 1, 1,
        9, 2, '/', 'x',
        12, 6, 2, 1, 2, 4, 1, 'g',      /* a type without its id: below */
    };
    fkv_installed_def_t    def = { .kind = FERROKV_KIND_MERGE,
                                   .name = FKV_STR("g") };
    const fkv_installed_t  in = { .name = FKV_STR("g"),
                                  .state = FKV_INSTALLED,
                                  .version = FKV_STR("2"), .schema = 1,
                                  .file = FKV_STR("/x"),
                                  .defs = &def, .defs_n = 1 };
    fkv_installed_t        back;
    fkv__buf_t             buf = { NULL, 0, 0 };
    uint8_t                wanted[sizeof(golden)];

    (void) state;

    memcpy(wanted, golden, sizeof(golden));
    wanted[sizeof(golden) - 4] = FERROKV_KIND_MERGE;
    (void) put(&in, &buf);
    assert_int_equal(buf.len, sizeof(wanted));
    assert_memory_equal(buf.data, wanted, sizeof(wanted));

    /* a type needs an id, and nothing else has one */
    assert_int_equal(fkv_installed_parse(&back, in.name,
                     (fkv_str_t) { golden, sizeof(golden) }), FKV_ECORRUPT);
    fkv_installed_done(&back);
    fkv__buf_done(&buf);
}


static void
what_is_not_known_is_passed_over_or_refused(void **state)
{
    static const uint8_t  odd[] = { 1, 2, 1, 1, 101, 2, 'a', 'b' };
    static const uint8_t  even[] = { 1, 2, 1, 1, 102, 2, 'a', 'b' };
    static const uint8_t  form[] = { 2, 2, 1, 1 };
    fkv_installed_t       in;
    fkv_str_t             name = FKV_STR("geo");

    (void) state;

    assert_int_equal(fkv_installed_parse(&in, name, (fkv_str_t) { odd, 8 }),
                     FKV_OK);
    assert_int_equal(fkv_installed_parse(&in, name, (fkv_str_t) { even, 8 }),
                     FKV_EVERSION);
    assert_int_equal(fkv_installed_parse(&in, name, (fkv_str_t) { form, 4 }),
                     FKV_EVERSION);
    assert_int_equal(fkv_installed_parse(&in, name, FKV_STR_NULL),
                     FKV_ECORRUPT);
    assert_int_equal(fkv_installed_parse(&in, FKV_STR("Geo"),
                                         (fkv_str_t) { odd, 8 }),
                     FKV_ECORRUPT);
}


static void
types_keep_their_ids(void **state)
{
    fkv_extension_t       ext;
    fkv_extension_type_t  list[2];
    ferrokv_hook          hook;
    fkv_installed_t       in = { .name = FKV_STR("geo"),
                                 .state = FKV_INSTALLED };
    uint64_t              next = 1;

    (void) state;

    extension_init(&ext, list, &hook);
    ext.types_n = 1;
    assert_int_equal(fkv_installed_take(&in, &ext, &next), FKV_OK);
    assert_int_equal(in.defs[0].id, 1);

    /* a later library has one more, and an older one hides none */
    ext.types_n = 2;
    assert_false(fkv_installed_same(&in, &ext));
    next = 40;
    assert_int_equal(fkv_installed_take(&in, &ext, &next), FKV_OK);
    assert_int_equal(next, 41);
    assert_int_equal(in.defs[0].id, 1);
    assert_int_equal(in.defs[1].id, 40);
    assert_true(fkv_installed_same(&in, &ext));

    ext.types_n = 0;
    ext.hooks_n = 0;
    assert_int_equal(fkv_installed_take(&in, &ext, &next), FKV_OK);
    assert_int_equal(in.defs_n, 2);
    assert_int_equal(in.defs[1].id, 40);

    /* all ids are given out */
    ext.types_n = 2;
    fkv_installed_done(&in);
    next = UINT16_MAX;
    assert_int_equal(fkv_installed_take(&in, &ext, &next), FKV_EFULL);
    fkv_installed_done(&in);
}


static void
the_head_counts_ids(void **state)
{
    fkv__buf_t  buf = { NULL, 0, 0 };
    uint64_t    next = 0;

    (void) state;

    assert_int_equal(fkv_installed_head_parse(FKV_STR_NULL, &next), FKV_OK);
    assert_int_equal(next, 1);
    assert_int_equal(fkv_installed_head_put(300, &buf), FKV_OK);
    assert_int_equal(buf.len, 5);
    assert_memory_equal(buf.data, "\1\2\2\xac\2", 5);
    assert_int_equal(fkv_installed_head_parse(fkv__buf_str(&buf), &next),
                     FKV_OK);
    assert_int_equal(next, 300);
    fkv__buf_done(&buf);
}


/* Bytes by chance, and a record with some of them changed. */
static void
no_bytes_do_harm(void **state)
{
    fkv_extension_t       ext;
    fkv_extension_type_t  list[2];
    ferrokv_hook          hook;
    fkv_installed_t       in = { .name = FKV_STR("geo"),
                                 .state = FKV_INSTALLED };
    fkv__buf_t            buf = { NULL, 0, 0 };
    uint64_t              next = 1;
    uint64_t              seed = 6;
    unsigned              ok = 0;

    (void) state;

    extension_init(&ext, list, &hook);
    assert_int_equal(fkv_installed_take(&in, &ext, &next), FKV_OK);
    (void) put(&in, &buf);

    for (unsigned i = 0; i < 50000; i++) {
        size_t           len = (size_t) check_random(&seed) % (buf.len + 1);
        uint8_t         *bytes = malloc(len + 1);
        fkv_installed_t  back;
        uint64_t         head;

        memcpy(bytes, buf.data, len);

        for (unsigned j = 0; j < len && (i % 2 == 0 || j < 3); j++) {
            size_t  at = (i % 2 == 0) ? j : (size_t) check_random(&seed) % len;

            bytes[at] = (uint8_t) (check_random(&seed) >> 32);
        }

        if (len > 0 && check_random(&seed) % 4 != 0) {
            bytes[0] = 1;
        }

        ok += (fkv_installed_parse(&back, FKV_STR("geo"),
                                   (fkv_str_t) { bytes, len }) == FKV_OK);
        fkv_installed_done(&back);
        (void) fkv_installed_head_parse((fkv_str_t) { bytes, len }, &head);
        free(bytes);
    }

    assert_true(ok > 0);
    fkv_installed_done(&in);
    fkv__buf_done(&buf);
}


static void
keys_name_their_extension(void **state)
{
    uint8_t    key[FKV_INSTALLED_KEY_BYTES];
    fkv_str_t  name;
    size_t     len = fkv_installed_key(key, FKV_STR("geo"));

    (void) state;

    assert_int_equal(len, 5);
    assert_memory_equal(key, "e/geo", 5);
    assert_true(fkv_installed_key_is((fkv_str_t) { key, len }, &name));
    assert_str_equal(name, "geo");
    assert_false(fkv_installed_key_is(FKV_STR("e/"), &name));
    assert_false(fkv_installed_key_is(FKV_STR("c"), &name));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(a_record_comes_back_as_it_was),
        cmocka_unit_test(a_record_is_these_bytes),
        cmocka_unit_test(what_is_not_known_is_passed_over_or_refused),
        cmocka_unit_test(types_keep_their_ids),
        cmocka_unit_test(the_head_counts_ids),
        cmocka_unit_test(no_bytes_do_harm),
        cmocka_unit_test(keys_name_their_extension),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
