/*
 * format_share.c - shares of namespaces: counted, written, read, damaged.
 */

#include "check.h"
#include "format/share.h"


static void
count(fkv__buf_t *shares, const char *key, size_t value_len,
    fkv__record_kind_e kind, bool new_key)
{
    fkv__record_t  rec = { .kind = kind, .version = 1 };

    rec.key = (fkv_str_t) { (const uint8_t *) key + 1, (size_t) key[0] };
    rec.meta = FKV_STR("text");
    rec.value = (fkv_str_t) { NULL, value_len };

    assert_int_equal(fkv__shares_count(shares, &rec, new_key), FKV_OK);
}


/* Three namespaces, of which one has only a tombstone. */
static void
some_shares(fkv__buf_t *shares)
{
    size_t         n;
    fkv__share_t  *share;

    memset(shares, 0, sizeof(*shares));

    count(shares, "\4\0a\0\0", 100, FKV__RECORD_VALUE, true);
    count(shares, "\4\0a\0\0", 50, FKV__RECORD_VALUE, false);
    count(shares, "\4\0b\0\0", 7, FKV__RECORD_VALUE, true);
    count(shares, "\4\3x\0\0", 0, FKV__RECORD_TOMBSTONE, true);
    count(shares, "\4\3x\0\0", 1000, FKV__RECORD_VALUE, false);
    count(shares, "\5\020xy\0\0", 1, FKV__RECORD_VALUE, true);

    share = fkv__shares(shares, &n);
    assert_int_equal(n, 3);
    share[1].net_keys = -1;
    share[1].net_bytes = -1008;
    share[2].net_keys = 500;
}


static void
newest_records_of_each_namespace_are_counted(void **state)
{
    fkv__buf_t     shares;
    size_t         n;
    fkv__share_t  *share;

    (void) state;

    some_shares(&shares);
    share = fkv__shares(&shares, &n);

    assert_int_equal(share[0].ns, 0);
    assert_int_equal(share[0].raw, 108 + 58 + 15);
    assert_int_equal(share[0].keys, 2);
    assert_int_equal(share[0].bytes, 108 + 15);
    assert_int_equal(share[0].net_keys, 2);
    assert_int_equal(share[0].net_bytes, 108 + 15);

    assert_int_equal(share[1].ns, 3);
    assert_int_equal(share[1].raw, 8 + 1008);
    assert_int_equal(share[1].keys, 0);
    assert_int_equal(share[1].bytes, 0);

    assert_int_equal(share[2].ns, 16);
    assert_int_equal(share[2].keys, 1);
    assert_int_equal(share[2].bytes, 10);

    fkv__buf_done(&shares);
}


static void
list_has_these_bytes_and_comes_back(void **state)
{
    fkv__buf_t     shares, bytes = { 0 }, back = { 0 };
    size_t         n;
    fkv__share_t  *share, *again;

    (void) state;

    some_shares(&shares);
    assert_int_equal(fkv__shares_put(&bytes, &shares), FKV_OK);
    check_hex(bytes.data, bytes.len,
              "00 b501 02 7b 00 00"
              "03 f807 00 00 02 e00f"
              "10 0a 01 0a e507 00");

    assert_int_equal(fkv__shares_get(fkv__buf_str(&bytes), &back), FKV_OK);
    assert_int_equal(back.len, shares.len);
    share = fkv__shares(&shares, &n);
    again = fkv__shares(&back, &n);

    for (size_t i = 0; i < n; i++) {
        assert_int_equal(again[i].ns, share[i].ns);
        assert_int_equal(again[i].raw, share[i].raw);
        assert_int_equal(again[i].keys, share[i].keys);
        assert_int_equal(again[i].bytes, share[i].bytes);
        assert_true(again[i].net_keys == share[i].net_keys);
        assert_true(again[i].net_bytes == share[i].net_bytes);
    }

    fkv__buf_done(&back);
    fkv__buf_done(&bytes);
    fkv__buf_done(&shares);
}


static void
impossible_lists_are_corrupt(void **state)
{
    const fkv_str_t  bad[] = {
        FKV_STR("\0\1\1\1\0"),                     /* cut off */
        FKV_STR("\1\1\1\1\0\0" "\1\1\1\1\0\0"),    /* twice */
        FKV_STR("\2\1\1\1\0\0" "\1\1\1\1\0\0"),    /* out of order */
        FKV_STR("\200\2\1\1\1\0\0"),               /* namespace 256 */
        FKV_STR("\1\377\377\377\377\377\377\177\1\1\0\0"),
        FKV_STR("\1\1\1\1\0\377\377\377\377\377\377\377\177"),
    };

    (void) state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        fkv__buf_t  shares = { 0 };

        assert_int_equal(fkv__shares_get(bad[i], &shares), FKV_ECORRUPT);
        fkv__buf_done(&shares);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(newest_records_of_each_namespace_are_counted),
        cmocka_unit_test(list_has_these_bytes_and_comes_back),
        cmocka_unit_test(impossible_lists_are_corrupt),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
