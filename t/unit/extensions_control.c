/*
 * extensions_control.c - control files.
 */

#include "check.h"
#include "extensions/control.h"

#define ROUNDS  50000


/* Parses a copy of exactly these bytes. */
static int
parse(fkv_control_t *control, fkv_str_t text, char *error)
{
    uint8_t  *copy = malloc(text.len + (text.len == 0));
    int       rc;

    memcpy(copy, text.data, text.len);
    rc = fkv_control_parse(control, (fkv_str_t) { copy, text.len }, "f",
                           error);
    free(copy);

    return rc;
}


static void
accept_text(fkv_control_t *control, const char *text)
{
    char  error[FKV_ERROR_BYTES] = "";
    int   rc = parse(control, (fkv_str_t) { (const uint8_t *) text,
                                            strlen(text) }, error);

    if (rc != FKV_OK) {
        print_error("%s\n", error);
    }

    assert_int_equal(rc, FKV_OK);
}


static void
refuse(fkv_str_t text, const char *expected)
{
    fkv_control_t  control;
    char           error[FKV_ERROR_BYTES];

    assert_int_equal(parse(&control, text, error), FKV_EINVAL);
    assert_string_equal(error, expected);
}


#define REFUSE(literal, expected)  refuse(FKV_STR(literal), expected)


static void
a_file_says_what_an_extension_is(void **state)
{
    fkv_control_t  c;

    (void) state;

    accept_text(&c, "# the first\n"
                    "comment = 'It''s JSON' # the rest\r\n"
                    "\n"
                    "  default_version='1.2.0'\n"
                    "requires = 'hash >= 1.0,set , zset>=2'\n"
                    "api\t=\t'0.1'\n"
                    "trusted = true");

    assert_string_equal(c.comment, "It's JSON");
    assert_string_equal(c.default_version, "1.2.0");
    assert_int_equal(c.api, 0x0001);
    assert_true(c.trusted);
    assert_int_equal(c.requires_n, 3);
    assert_string_equal(c.requires[0].name, "hash");
    assert_string_equal(c.requires[0].version, "1.0");
    assert_string_equal(c.requires[1].name, "set");
    assert_string_equal(c.requires[1].version, "");
    assert_string_equal(c.requires[2].name, "zset");
    assert_string_equal(c.requires[2].version, "2");
}


static void
a_file_may_say_nothing(void **state)
{
    fkv_control_t  c;

    (void) state;

    accept_text(&c, "");
    accept_text(&c, "# only this");
    assert_string_equal(c.default_version, "");
    assert_int_equal(c.api, 0);
    assert_false(c.trusted);

    accept_text(&c, "trusted = 'false'\nrequires = ''\ncomment=''\n");
    assert_false(c.trusted);
    assert_int_equal(c.requires_n, 0);
}


static void
the_fault_is_named_with_its_line(void **state)
{
    (void) state;

    REFUSE("\n\nversion = '1'",
           "f:3: \"version\" is unknown; a control file knows \"comment\", "
           "\"default_version\", \"requires\", \"api\" and \"trusted\"");
    REFUSE("comment = 'a'\ncomment = 'b'", "f:2: \"comment\" is there twice");
    REFUSE("comment = 'a", "f:1: a quote is missing at the end of the line");
    REFUSE("comment = 'a''\n'",
           "f:1: a quote is missing at the end of the line");
    REFUSE("comment = a", "f:1: the value of \"comment\" is not in quotes");
    REFUSE("default_version = 1.0",
           "f:1: the value of \"default_version\" is not in quotes");
    REFUSE("comment 'a'", "f:1: a line is NAME = 'VALUE'");
    REFUSE("comment", "f:1: a line is NAME = 'VALUE'");
    REFUSE("= 'a'", "f:1: a line is NAME = 'VALUE'");
    REFUSE("comment = 'a' 'b'", "f:1: there is something behind the value");
    REFUSE("comment = 'a';", "f:1: there is something behind the value");
    REFUSE("\ncomment = 'a\0b'", "f:2: there is a NUL byte in it");
    REFUSE("comment = 'a'\n# \0", "f:2: there is a NUL byte in it");
    REFUSE("trusted = yes", "f:1: \"trusted\" is true or false, not \"yes\"");
    REFUSE("trusted =", "f:1: \"trusted\" is true or false, not \"\"");
    REFUSE("default_version = '../1'",
           "f:1: \"../1\" is no version: letters, digits and \"._+~-\", at "
           "most 32 bytes");
}


static void
versions_of_the_api_have_two_numbers(void **state)
{
    static const char *const  wrong[] = {
        "", "1", "1.", ".1", "1.0.0", "a.b", "256.0", "1.256", "-1.0",
        "1.1000"
    };
    fkv_control_t  c;
    char           text[64], expected[128], api[FKV_API_BYTES];

    (void) state;

    accept_text(&c, "api = '12.255'");
    assert_int_equal(c.api, 12 << 8 | 255);
    assert_string_equal(fkv_api_text(api, c.api), "12.255");

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        (void) snprintf(text, sizeof(text), "api = '%s'", wrong[i]);
        (void) snprintf(expected, sizeof(expected), "f:1: \"%s\" is no version "
                        "of the API, such as '0.1'", wrong[i]);
        refuse((fkv_str_t) { (uint8_t *) text, strlen(text) }, expected);
    }
}


static void
requirements_are_names_and_versions(void **state)
{
    (void) state;

    REFUSE("requires = 'a b'", "f:1: \"requires\" is \"NAME\" or \"NAME >= "
           "VERSION\", with commas between");
    REFUSE("requires = 'a > 1'", "f:1: \"requires\" is \"NAME\" or \"NAME >= "
           "VERSION\", with commas between");
    REFUSE("requires = 'a,'", "f:1: \"requires\" ends with a comma");
    REFUSE("requires = ',a'",
           "f:1: \"\" in \"requires\" is no extension's name");
    REFUSE("requires = 'A'",
           "f:1: \"A\" in \"requires\" is no extension's name");
    REFUSE("requires = 'a >='",
           "f:1: \"requires\" has no version behind \"a >=\"");
    REFUSE("requires = 'a, b, a >= 1'",
           "f:1: \"requires\" names \"a\" twice");
    REFUSE("requires = 'a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q'",
           "f:1: \"requires\" names more than 16 extensions");
}


static void
what_is_too_long_is_refused(void **state)
{
    static char    text[FKV_CONTROL_BYTES_MAX + 2];
    fkv_control_t  c;
    size_t         len;

    (void) state;

    memset(text, '#', sizeof(text));
    refuse((fkv_str_t) { (uint8_t *) text, FKV_CONTROL_BYTES_MAX + 1 },
           "f: longer than 4096 bytes");

    len = (size_t) sprintf(text, "comment = '%0*d'", FKV_CONTROL_COMMENT_MAX,
                           0);
    accept_text(&c, text);
    assert_int_equal(strlen(c.comment), FKV_CONTROL_COMMENT_MAX);

    len = (size_t) sprintf(text, "comment = '%0*d'",
                           FKV_CONTROL_COMMENT_MAX + 1, 0);
    refuse((fkv_str_t) { (uint8_t *) text, len },
           "f:1: the comment is longer than 255 bytes");

    len = (size_t) sprintf(text, "comment = '%02000d'", 0);
    refuse((fkv_str_t) { (uint8_t *) text, len },
           "f:1: the value is longer than 1023 bytes");
}


/* Pieces of the grammar in any order, with some bytes changed. */
static size_t
random_text(uint64_t *random, char *out, size_t room)
{
    static const char *const  pieces[] = {
        "comment", "default_version", "requires", "api", "trusted", " = ",
        "=", "'", "''", "'1.0'", "'a >= 1, b'", "true", "#", "\n", "\r\n",
        " ", "\t", "'0.1'", ",", ">=", "1.2.3-x", "relocatable"
    };
    size_t  len = 0, n = check_random(random) % 40;

    for (size_t i = 0; i < n; i++) {
        const char  *piece = pieces[check_random(random)
                                    % (sizeof(pieces) / sizeof(pieces[0]))];
        size_t       bytes = strlen(piece);

        if (len + bytes > room) {
            break;
        }

        memcpy(out + len, piece, bytes);
        len += bytes;
    }

    if (len > 0 && check_random(random) % 4 == 0) {
        out[check_random(random) % len] = (char) check_random(random);
    }

    return len;
}


static void
any_bytes_are_a_file_or_a_sentence(void **state)
{
    uint64_t       random = 20261122;
    unsigned       accepted = 0;
    char           text[1024], error[FKV_ERROR_BYTES];
    fkv_control_t  c;

    (void) state;

    for (unsigned i = 0; i < ROUNDS; i++) {
        size_t  len = random_text(&random, text, sizeof(text));
        int     rc;

        if (i % 4 == 0) {
            len = check_random(&random) % 64;
            check_random_bytes(&random, text, len);
        }

        error[0] = '\0';
        rc = parse(&c, (fkv_str_t) { (uint8_t *) text, len }, error);
        accepted += (rc == FKV_OK);

        if (rc != FKV_OK) {
            assert_int_equal(rc, FKV_EINVAL);
            assert_int_equal(strncmp(error, "f:", 2), 0);
            continue;
        }

        assert_true(c.requires_n <= FKV_CONTROL_REQUIRES_MAX);
        assert_true(c.api <= 0xffff);
        assert_true(c.default_version[0] == '\0'
                    || fkv_extension_version_ok(fkv_extension_text(
                           c.default_version, sizeof(c.default_version))));
    }

    assert_true(accepted > ROUNDS / 100);
    assert_true(accepted < ROUNDS);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(a_file_says_what_an_extension_is),
        cmocka_unit_test(a_file_may_say_nothing),
        cmocka_unit_test(the_fault_is_named_with_its_line),
        cmocka_unit_test(versions_of_the_api_have_two_numbers),
        cmocka_unit_test(requirements_are_names_and_versions),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(any_bytes_are_a_file_or_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
