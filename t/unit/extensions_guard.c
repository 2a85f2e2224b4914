/*
 * extensions_guard.c - writes under the prefix of a hook that is missing.
 */

#include "check.h"
#include "extensions/guard.h"

static fkv_installed_def_t  defs[] = {
    { .kind = FERROKV_KIND_HOOK, .name = FKV_STR("quota.see"),
      .event = FERROKV_ON_WRITE, .phase = FERROKV_OBSERVE,
      .prefix = FKV_STR("other:") },
    { .kind = FERROKV_KIND_HOOK, .name = FKV_STR("quota.check"),
      .event = FERROKV_ON_WRITE, .phase = FERROKV_CHECK,
      .prefix = FKV_STR("user:"), .flags = FERROKV_REQUIRED }
};


static int
write_of(fkv_catalog_t *catalog, unsigned ns, const char *key, bool prefix,
    fkv_action_e action)
{
    fkv_change_t  change = { .ns = ns, .prefix = prefix, .action = action,
                             .key = { (const uint8_t *) key, strlen(key) } };
    fkv_update_t  update = { .changes = &change, .n = 1 };
    int           rc = fkv_guard_write(catalog, &update);

    assert_true((rc == FKV_OK) == (update.refusal.len == 0));

    if (rc != FKV_OK) {
        assert_memory_equal(update.refusal.data, "extension \"quota\" 1.0 is",
                            24);
    }

    return rc;
}


static void
what_nobody_may_check_is_refused(void **state)
{
    fkv_catalog_entry_t  entry = {
        .in = { .name = FKV_STR("quota"), .version = FKV_STR("1.0"),
                .state = FKV_INSTALLED, .defs = defs, .defs_n = 2 },
        .stands = FKV_STANDS_ABSENT
    };
    fkv_catalog_t        catalog = { .records = { .entries = &entry, .n = 1 } };

    (void) state;

    assert_true(fkv_guard_needed(&catalog));
    assert_int_equal(write_of(&catalog, 0, "user:1", false, FKV_PUT),
                     FKV_EMISSING);
    assert_int_equal(write_of(&catalog, 3, "user:", false, FKV_DELETE),
                     FKV_EMISSING);
    assert_int_equal(write_of(&catalog, 0, "user:1", false, FKV_KEEP), FKV_OK);
    assert_int_equal(write_of(&catalog, 0, "user", false, FKV_PUT), FKV_OK);
    assert_int_equal(write_of(&catalog, 0, "other:1", false, FKV_PUT), FKV_OK);

    /* a prefix that reaches there */
    assert_int_equal(write_of(&catalog, 0, "", true, FKV_DELETE),
                     FKV_EMISSING);
    assert_int_equal(write_of(&catalog, 0, "us", true, FKV_DELETE),
                     FKV_EMISSING);
    assert_int_equal(write_of(&catalog, 0, "user:1", true, FKV_DELETE),
                     FKV_EMISSING);
    assert_int_equal(write_of(&catalog, 0, "x", true, FKV_DELETE), FKV_OK);

    /* what is not the users' */
    assert_int_equal(write_of(&catalog, FKV_NAMESPACE_CACHE, "user:1", false,
                              FKV_PUT), FKV_OK);

    entry.in.state = FKV_DROPPING;
    assert_false(fkv_guard_needed(&catalog));
    assert_int_equal(write_of(&catalog, 0, "user:1", false, FKV_PUT), FKV_OK);

    entry.in.state = FKV_INSTALLED;
    entry.stands = FKV_STANDS_READY;
    assert_false(fkv_guard_needed(&catalog));
    assert_int_equal(write_of(&catalog, 0, "user:1", false, FKV_PUT), FKV_OK);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(what_nobody_may_check_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
