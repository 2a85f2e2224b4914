/*
 * control.c - control files of extensions, and names and versions in them.
 *
 * A file is refused with one sentence that names it, or what was read is right
 * by itself: texts end, names are names.  Written again as a file it is read as
 * the same.  Of any three versions the order is one.
 *
 * Input    a control file
 */

#include "fuzz.h"
#include "extensions/control.h"


static fkv_str_t
text_of(const char *text, size_t room)
{
    size_t  len = strnlen(text, room);

    assert_true(len < room);

    return (fkv_str_t) { (const uint8_t *) text, len };
}

#define TEXT(field)  text_of((field), sizeof(field))


/* As a control file has it: quotes are doubled. */
static char *
put_text(char *p, const char *name, fkv_str_t text)
{
    p += sprintf(p, "%s = '", name);

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\'') {
            *p++ = '\'';
        }

        *p++ = (char) text.data[i];
    }

    return p + sprintf(p, "'\n");
}


static void
is_right(const fkv_control_t *control)
{
    (void) TEXT(control->comment);

    if (control->default_version[0] != '\0') {
        assert_true(fkv_extension_version_ok(TEXT(control->default_version)));
    }

    assert_in_range(control->requires_n, 0, FKV_CONTROL_REQUIRES_MAX);

    for (unsigned i = 0; i < control->requires_n; i++) {
        assert_true(fkv_extension_name_ok(TEXT(control->requires[i].name)));

        if (control->requires[i].version[0] != '\0') {
            assert_true(fkv_extension_version_ok(
                            TEXT(control->requires[i].version)));
        }
    }
}


static void
again(const fkv_control_t *control)
{
    char           file[8192], list[2048], api[FKV_API_BYTES];
    char           error[FKV_ERROR_BYTES], *p = file, *r = list;
    fkv_str_t      copy;
    fkv_control_t  second;

    for (unsigned i = 0; i < control->requires_n; i++) {
        const char  *version = control->requires[i].version;

        r += sprintf(r, "%s%s%s%s", i > 0 ? ", " : "",
                     control->requires[i].name, version[0] ? " >= " : "",
                     version);
    }

    *r = '\0';

    if (control->comment[0] != '\0') {
        p = put_text(p, "comment", TEXT(control->comment));
    }

    if (control->default_version[0] != '\0') {
        p = put_text(p, "default_version", TEXT(control->default_version));
    }

    if (control->requires_n > 0) {
        p = put_text(p, "requires", TEXT(list));
    }

    if (control->api != 0) {
        p += sprintf(p, "api = '%s'\n", fkv_api_text(api, control->api));
    }

    p += sprintf(p, "trusted = %s\n", control->trusted ? "true" : "false");

    if (p - file > FKV_CONTROL_BYTES_MAX) {
        return;
    }

    copy = fuzz_copy((fkv_str_t) { (uint8_t *) file, (size_t) (p - file) });

    if (fkv_control_parse(&second, copy, "again", error) != FKV_OK) {
        fail_msg("%s\n%s", error, file);
    }

    assert_string_equal(second.comment, control->comment);
    assert_string_equal(second.default_version, control->default_version);
    assert_int_equal(second.api, control->api);
    assert_int_equal(second.trusted, control->trusted);
    assert_int_equal(second.requires_n, control->requires_n);

    for (unsigned i = 0; i < control->requires_n; i++) {
        assert_string_equal(second.requires[i].name,
                            control->requires[i].name);
        assert_string_equal(second.requires[i].version,
                            control->requires[i].version);
    }

    fuzz_free(copy);
}


static int
order(fkv_str_t a, fkv_str_t b)
{
    int  ab = fkv_extension_version_order(a, b);
    int  ba = fkv_extension_version_order(b, a);

    ab = (ab > 0) - (ab < 0);
    ba = (ba > 0) - (ba < 0);
    assert_int_equal(ab, -ba);

    return ab;
}


/* The three parts of a text, in the order that they say they have. */
static void
versions(fkv_str_t text)
{
    size_t     n = text.len / 3;
    fkv_str_t  v[3] = { { text.data, n }, { text.data + n, n },
                        { text.data + 2 * n, text.len - 2 * n } };

    for (unsigned i = 0; i < 3; i++) {
        if (!fkv_extension_version_ok(v[i])) {
            return;
        }

        assert_int_equal(order(v[i], v[i]), 0);
    }

    for (unsigned i = 0; i < 3; i++) {
        fkv_str_t  a = v[i], b = v[(i + 1) % 3], c = v[(i + 2) % 3];

        if (order(a, b) <= 0 && order(b, c) <= 0) {
            assert_true(order(a, c) <= 0);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char           error[FKV_ERROR_BYTES];
    fkv_str_t      text = { check_copy(data, size), size };
    fkv_control_t  control;
    int            rc = fkv_control_parse(&control, text, "a.control", error);

    versions(text);

    if (rc == FKV_OK) {
        is_right(&control);
        again(&control);

    } else {
        assert_int_equal(rc, FKV_EINVAL);
        assert_true(TEXT(error).len > 9);
        assert_memory_equal(error, "a.control", 9);
    }

    fuzz_free(text);

    return 0;
}
