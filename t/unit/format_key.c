/*
 * format_key.c - internal keys: their bytes, their order, damage to them.
 */

#include "check.h"
#include "format/key.h"

#define KEY_MAX  24


/* Short keys of few different bytes, so that prefixes and zeros abound. */
static fkv_str_t
random_key(uint64_t *random, uint8_t *out)
{
    static const uint8_t  some[] = { 0, 0, 0xff, 0xff, 1, 'a', 0xfe };
    size_t                len = check_random(random) % (KEY_MAX + 1);

    len >>= check_random(random) % 4;

    for (size_t i = 0; i < len; i++) {
        out[i] = some[check_random(random) % sizeof(some)];
    }

    return (fkv_str_t) { out, len };
}


static int
sign(int n)
{
    return (n > 0) - (n < 0);
}


static void
keys_have_these_bytes(void **state)
{
    uint8_t  out[FKV__KEY_SIZE(16)];

    (void) state;

    check_hex(out, fkv__key_encode(out, 0, FKV_STR("")), "00 0000");
    check_hex(out, fkv__key_encode(out, 0, FKV_STR("abc")), "00 616263 0000");
    check_hex(out, fkv__key_encode(out, 255, FKV_STR("a\0b")),
              "ff 61 00ff 62 0000");
    check_hex(out, fkv__key_encode(out, 7, FKV_STR("\0\0\xff")),
              "07 00ff 00ff ff 0000");
    check_hex(out, fkv__key_encode_prefix(out, 7, FKV_STR("a\0")),
              "07 61 00ff");
}


static void
elements_have_these_bytes(void **state)
{
    uint8_t       out[FKV__KEY_SIZE(16) + FKV__KEY_STAMP_BYTES + 8], head[32];
    fkv__space_t  space = { 0, FKV_STR("a\0b"), 0x0102030405060708 };
    fkv_str_t     ikey = { out, 0 };
    uint64_t      stamp;
    size_t        n;

    (void) state;

    ikey.len = fkv__space_encode(out, &space, FKV_STR("x\0"));
    check_hex(out, ikey.len, "20 61 00ff 62 0000 0102030405060708 78 00");

    n = fkv__key_group(ikey);
    assert_int_equal(n, ikey.len - 2);
    n = fkv__key_head(head, (fkv_str_t) { out, n }, &stamp);
    check_hex(head, n, "00 61 00ff 62 0000");
    assert_true(stamp == space.stamp);

    space.ns = FKV_NAMESPACE_USERS - 1;
    check_hex(out, fkv__space_encode_prefix(out, &space, FKV_STR_NULL),
              "2f 61 00ff 62 0000 0102030405060708");

    space.stamp = 0;
    check_hex(out, fkv__space_encode(out, &space, FKV_STR("a")),
              "0f 61 0000");
    check_hex(out, fkv__space_encode_prefix(out, &space, FKV_STR("a")),
              "0f 61");
}


static void
elements_lie_together_in_order_and_name_their_key(void **state)
{
    uint64_t  random = 11;

    (void) state;

    for (int i = 0; i < 50000; i++) {
        uint8_t       raw[4][KEY_MAX], head[FKV__KEY_SIZE(KEY_MAX) + 8];
        uint8_t       want[FKV__KEY_SIZE(KEY_MAX)];
        uint8_t       out[2][FKV__KEY_SIZE(KEY_MAX) + 8 + KEY_MAX], *copy;
        fkv_str_t     name[2], ikey[2];
        fkv__space_t  space[2];
        uint64_t      stamp;
        size_t        group;
        int           order;

        for (int k = 0; k < 2; k++) {
            space[k].ns = check_random(&random) % 2;
            space[k].key = random_key(&random, raw[k]);
            space[k].stamp = 1 + check_random(&random) % 2;
            name[k] = random_key(&random, raw[2 + k]);
            ikey[k] = (fkv_str_t) {
                out[k], fkv__space_encode(out[k], &space[k], name[k])
            };
            assert_true(ikey[k].len
                        <= fkv__space_size(&space[k], name[k].len));
        }

        order = (int) space[0].ns - (int) space[1].ns;
        order = (order != 0) ? order
                             : fkv__str_cmp(space[0].key, space[1].key);
        order = (order != 0) ? order
                             : (space[0].stamp > space[1].stamp)
                               - (space[0].stamp < space[1].stamp);
        order = (order != 0) ? order : fkv__str_cmp(name[0], name[1]);
        assert_int_equal(sign(fkv__str_cmp(ikey[0], ikey[1])), sign(order));

        copy = check_copy(ikey[0].data, ikey[0].len);
        group = fkv__key_group((fkv_str_t) { copy, ikey[0].len });
        check_str(fkv__str_from(ikey[0], group), name[0]);
        group = fkv__key_head(head, (fkv_str_t) { copy, group }, &stamp);
        check_str((fkv_str_t) { head, group }, (fkv_str_t) {
                      want, fkv__key_encode(want, space[0].ns, space[0].key) });
        assert_true(stamp == space[0].stamp);
        free(copy);
    }
}


static void
what_is_no_element_has_no_group(void **state)
{
    static const fkv_str_t  cases[] = {
        FKV_STR(""), FKV_STR("\x20"), FKV_STR("\x20\0\0"),
        FKV_STR("\x20" "a\0\0" "1234567"), FKV_STR("\x20" "abcdefghijkl"),
        FKV_STR("\x1f" "a\0\0" "12345678"),
        FKV_STR("\x30" "a\0\0" "12345678"),
        FKV_STR("\x20" "a\0\xff" "12345678\0\0"),
        FKV_STR("\0" "a\0\0" "12345678")
    };

    (void) state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t  *copy = check_copy(cases[i].data, cases[i].len);

        assert_int_equal(fkv__key_group((fkv_str_t) { copy, cases[i].len }),
                         0);
        free(copy);
    }
}


static void
keys_survive_the_round_trip_within_their_bound(void **state)
{
    uint64_t  random = 4;

    (void) state;

    for (int i = 0; i < 20000; i++) {
        uint8_t    raw[KEY_MAX], back[FKV__KEY_SIZE(KEY_MAX)], *bytes;
        uint8_t    room[FKV__KEY_SIZE(KEY_MAX)];
        fkv_str_t  key = random_key(&random, raw);
        unsigned   ns = check_random(&random) % 256, ns_back;
        size_t     n = fkv__key_encode(room, ns, key), len;

        assert_true(n <= FKV__KEY_SIZE(key.len));

        bytes = check_copy(room, n);
        assert_int_equal(fkv__key_decode((fkv_str_t) { bytes, n }, &ns_back,
                                         back, &len), FKV_OK);
        assert_int_equal(ns_back, ns);
        check_str((fkv_str_t) { back, len }, key);
        free(bytes);
    }
}


static void
longest_key_of_zeros_needs_the_whole_bound(void **state)
{
    uint8_t  *raw = calloc(1, FKV_KEY_BYTES_MAX);
    uint8_t  *out = malloc(FKV__KEY_SIZE(FKV_KEY_BYTES_MAX));
    size_t    n;

    (void) state;

    n = fkv__key_encode(out, 3, (fkv_str_t) { raw, FKV_KEY_BYTES_MAX });
    assert_int_equal(n, FKV__KEY_SIZE(FKV_KEY_BYTES_MAX));

    free(raw);
    free(out);
}


static void
internal_order_is_namespace_then_key(void **state)
{
    uint64_t  random = 5;

    (void) state;

    for (int i = 0; i < 100000; i++) {
        uint8_t    raw1[KEY_MAX], raw2[KEY_MAX];
        uint8_t    out1[FKV__KEY_SIZE(KEY_MAX)], out2[FKV__KEY_SIZE(KEY_MAX)];
        fkv_str_t  key1 = random_key(&random, raw1);
        fkv_str_t  key2 = random_key(&random, raw2);
        unsigned   ns1 = check_random(&random) % 2;
        unsigned   ns2 = check_random(&random) % 2;
        fkv_str_t  ikey1 = { out1, fkv__key_encode(out1, ns1, key1) };
        fkv_str_t  ikey2 = { out2, fkv__key_encode(out2, ns2, key2) };
        int        want = (ns1 != ns2) ? (int) ns1 - (int) ns2
                                       : fkv__str_cmp(key1, key2);

        assert_int_equal(sign(fkv__str_cmp(ikey1, ikey2)), sign(want));
    }
}


static void
keys_lie_between_prefix_and_its_end_if_they_begin_so(void **state)
{
    uint64_t  random = 7;

    (void) state;

    for (int i = 0; i < 100000; i++) {
        uint8_t    raw1[KEY_MAX], raw2[KEY_MAX];
        uint8_t    out1[FKV__KEY_SIZE(KEY_MAX)], out2[FKV__KEY_SIZE(KEY_MAX)];
        uint8_t    out3[FKV__KEY_SIZE(KEY_MAX)];
        fkv_str_t  prefix = random_key(&random, raw1);
        fkv_str_t  key = random_key(&random, raw2);
        unsigned   ns1 = check_random(&random) % 2;
        unsigned   ns2 = check_random(&random) % 2;
        fkv_str_t  begin = { out1, fkv__key_encode_prefix(out1, ns1, prefix) };
        fkv_str_t  end = { out3, fkv__key_encode_prefix_end(out3, ns1,
                                                            prefix) };
        fkv_str_t  ikey = { out2, fkv__key_encode(out2, ns2, key) };
        bool       want = ns1 == ns2 && key.len >= prefix.len
                          && fkv__str_eq((fkv_str_t) { key.data, prefix.len },
                                         prefix);

        assert_int_equal(fkv__str_cmp(begin, ikey) <= 0
                         && fkv__str_cmp(ikey, end) < 0, want);
    }
}


static void
encoded_prefix_begins_exactly_the_keys_with_that_prefix(void **state)
{
    uint64_t  random = 6;

    (void) state;

    for (int i = 0; i < 100000; i++) {
        uint8_t    raw1[KEY_MAX], raw2[KEY_MAX];
        uint8_t    out1[FKV__KEY_SIZE(KEY_MAX)], out2[FKV__KEY_SIZE(KEY_MAX)];
        fkv_str_t  prefix = random_key(&random, raw1);
        fkv_str_t  key = random_key(&random, raw2);
        size_t     n = fkv__key_encode_prefix(out1, 9, prefix);
        size_t     m = fkv__key_encode(out2, 9, key);
        bool       begins, want;

        want = key.len >= prefix.len
               && (prefix.len == 0
                   || memcmp(key.data, prefix.data, prefix.len) == 0);
        begins = m >= n && memcmp(out1, out2, n) == 0;

        assert_int_equal(begins, want);
    }
}


static int
decode_exact(const void *data, size_t len)
{
    uint8_t   *bytes = check_copy(data, len), *out = malloc(len + 1);
    unsigned   ns;
    size_t     n;
    int        rc;

    rc = fkv__key_decode((fkv_str_t) { bytes, len }, &ns, out, &n);
    assert_true(rc != FKV_OK || n <= len);

    free(bytes);
    free(out);

    return rc;
}


static void
cut_or_continued_keys_are_refused(void **state)
{
    uint64_t  random = 7;

    (void) state;

    for (int i = 0; i < 2000; i++) {
        uint8_t    raw[KEY_MAX], out[FKV__KEY_SIZE(KEY_MAX) + 1];
        fkv_str_t  key = random_key(&random, raw);
        size_t     n = fkv__key_encode(out, 1, key);

        assert_int_equal(decode_exact(out, n), FKV_OK);

        for (size_t cut = 0; cut < n; cut++) {
            assert_int_equal(decode_exact(out, cut), FKV_ECORRUPT);
        }

        out[n] = (uint8_t) check_random(&random);
        assert_int_equal(decode_exact(out, n + 1), FKV_ECORRUPT);
    }
}


static void
empty_and_wrongly_escaped_keys_are_refused(void **state)
{
    unsigned  ns;
    uint8_t   out[1];
    size_t    n;

    (void) state;

    assert_int_equal(fkv__key_decode(FKV_STR_NULL, &ns, out, &n),
                     FKV_ECORRUPT);
    assert_int_equal(decode_exact("\0a\0\1\0\0", 6), FKV_ECORRUPT);
    assert_int_equal(decode_exact("\0a\0\xfe\0\0", 6), FKV_ECORRUPT);
}


static void
what_garbage_decodes_to_encodes_to_that_garbage(void **state)
{
    uint64_t  random = 8;

    (void) state;

    for (int i = 0; i < 200000; i++) {
        uint8_t   bytes[12], out[12], again[FKV__KEY_SIZE(12)];
        size_t    len = check_random(&random) % (sizeof(bytes) + 1), n;
        unsigned  ns;

        for (size_t j = 0; j < len; j++) {
            static const uint8_t  some[] = { 0, 0, 0xff, 'a' };

            bytes[j] = some[check_random(&random) % sizeof(some)];
        }

        if (fkv__key_decode((fkv_str_t) { bytes, len }, &ns, out, &n)
            == FKV_OK)
        {
            fkv_str_t  key = { out, n };
            size_t     m = fkv__key_encode(again, ns, key);

            check_str((fkv_str_t) { again, m }, (fkv_str_t) { bytes, len });
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(keys_have_these_bytes),
        cmocka_unit_test(elements_have_these_bytes),
        cmocka_unit_test(elements_lie_together_in_order_and_name_their_key),
        cmocka_unit_test(what_is_no_element_has_no_group),
        cmocka_unit_test(keys_survive_the_round_trip_within_their_bound),
        cmocka_unit_test(keys_lie_between_prefix_and_its_end_if_they_begin_so),
        cmocka_unit_test(longest_key_of_zeros_needs_the_whole_bound),
        cmocka_unit_test(internal_order_is_namespace_then_key),
        cmocka_unit_test(
            encoded_prefix_begins_exactly_the_keys_with_that_prefix),
        cmocka_unit_test(cut_or_continued_keys_are_refused),
        cmocka_unit_test(empty_and_wrongly_escaped_keys_are_refused),
        cmocka_unit_test(what_garbage_decodes_to_encodes_to_that_garbage),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
