/*
 * rules_tags.c - tags: what is one, and what never becomes one.
 */

#include "message.h"
#include "rules/tags.h"

static fkv_rules_tags_t  tags;


static int
tags_setup(void **state)
{
    (void) state;
    memset(&tags, 0, sizeof(tags));

    return 0;
}


static void
values_are_cut_at_blanks_and_commas(void **state)
{
    static const char *const  expected[] = { "a", "B", "b", "c:1/%0d%0a" };

    (void) state;

    assert_int_equal(fkv_rules_tags_add(&tags, str("  a, B\ta,,b ")), FKV_OK);
    assert_int_equal(fkv_rules_tags_add(&tags, str("")), FKV_OK);
    assert_int_equal(fkv_rules_tags_add(&tags, str(" ,")), FKV_OK);
    assert_int_equal(fkv_rules_tags_add(&tags, str("b c:1/%0d%0a")), FKV_OK);
    assert_int_equal(tags.n, 4);

    for (size_t i = 0; i < 4; i++) {
        check_str(tags.tag[i], str(expected[i]));
    }
}


static void
nothing_but_visible_bytes_is_a_tag(void **state)
{
    char  longest[FKV_RULES_TAG_BYTES_MAX + 2];

    (void) state;

    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t  one = (uint8_t) byte;
        bool     right = byte > 0x20 && byte < 0x7f && byte != ',';

        assert_int_equal(fkv_rules_tag((fkv_str_t) { &one, 1 }), right);
    }

    memset(longest, 'x', sizeof(longest));
    assert_true(fkv_rules_tag((fkv_str_t) { (uint8_t *) longest,
                                            FKV_RULES_TAG_BYTES_MAX }));
    assert_false(fkv_rules_tag((fkv_str_t) { (uint8_t *) longest,
                                             FKV_RULES_TAG_BYTES_MAX + 1 }));
    assert_false(fkv_rules_tag(str("")));

    assert_int_equal(fkv_rules_tags_add(&tags, str("a b\r\nX: c")),
                     FKV_EINVAL);
    assert_int_equal(fkv_rules_tags_add(&tags, FKV_STR("a\0b")), FKV_EINVAL);
    assert_int_equal(fkv_rules_tags_add(&tags, str("\xc3\xa4")), FKV_EINVAL);
    assert_int_equal(fkv_rules_tags_add(&tags, (fkv_str_t) {
        (uint8_t *) longest, sizeof(longest) }), FKV_EINVAL);
}


static void
too_many_are_refused_twins_are_not(void **state)
{
    char  name[FKV_RULES_TAGS_MAX + 1][8];

    (void) state;

    for (unsigned i = 0; i <= FKV_RULES_TAGS_MAX; i++) {
        (void) snprintf(name[i], sizeof(name[i]), "t%u", i);
        assert_int_equal(fkv_rules_tags_add(&tags, str(name[i])),
                         i < FKV_RULES_TAGS_MAX ? FKV_OK : FKV_ETOOBIG);
    }

    assert_int_equal(fkv_rules_tags_add(&tags, str("t0 t1")), FKV_OK);
    assert_int_equal(tags.n, FKV_RULES_TAGS_MAX);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(values_are_cut_at_blanks_and_commas,
                               tags_setup),
        cmocka_unit_test_setup(nothing_but_visible_bytes_is_a_tag, tags_setup),
        cmocka_unit_test_setup(too_many_are_refused_twins_are_not, tags_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
