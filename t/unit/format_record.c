/*
 * format_record.c - records: every combination of fields, and damage.
 */

#include "check.h"
#include "format/record.h"


/* Bit i of fields says whether the i-th optional field is there. */
static fkv__record_t
record_with(unsigned fields)
{
    fkv__record_t  rec = { 0 };

    rec.kind = FKV__RECORD_VALUE;
    rec.expire_at = (fields & 1) ? 0x0102030405060708 : 0;
    rec.type = (fields & 2) ? 0x1112 : 0;
    rec.encver = (fields & 4) ? 0x2122 : 0;
    rec.stamp = (fields & 8) ? 0x3132 : 0;
    rec.meta = (fields & 16) ? FKV_STR("text/plain") : FKV_STR_NULL;
    rec.version = (fields & 32) ? UINT64_MAX : 0;
    rec.shared = (fields & 64) ? 300 : 0;
    rec.key = (fields & 128) ? FKV_STR("key") : FKV_STR_NULL;
    rec.value = (fields & 256) ? FKV_STR("value") : FKV_STR_NULL;

    return rec;
}


/* malloc'ed, exactly as long as the record. */
static uint8_t *
record_encode(const fkv__record_t *rec, size_t *len)
{
    uint8_t  *bytes, *value;

    *len = fkv__record_size(rec);
    bytes = malloc(*len);
    value = fkv__record_put(bytes, rec);

    assert_int_equal(value - bytes, *len - rec->value.len);

    if (rec->value.len > 0) {
        memcpy(value, rec->value.data, rec->value.len);
    }

    return bytes;
}


static void
records_have_these_bytes(void **state)
{
    fkv__record_t  rec = record_with(511);
    uint8_t       *bytes;
    size_t         len;

    (void) state;

    bytes = record_encode(&rec, &len);
    check_hex(bytes, len,
              "f9 0807060504030201 1211 2221 b262 0a ac02 03 05"
              " ffffffffffffffffff01 746578742f706c61696e 6b6579 76616c7565");
    free(bytes);

    rec = record_with(128);
    rec.kind = FKV__RECORD_TOMBSTONE;
    bytes = record_encode(&rec, &len);
    check_hex(bytes, len, "02 00 03 00 6b6579");
    free(bytes);

    /* An operand, written at 300 ms. */

    rec = (fkv__record_t) { .kind = FKV__RECORD_MERGE };
    rec.type = 0x0102;
    rec.stamp = 300;
    rec.key = FKV_STR("key");
    rec.value = FKV_STR("+1");
    bytes = record_encode(&rec, &len);
    check_hex(bytes, len, "33 0201 0000 ac02 00 03 02 6b6579 2b31");
    free(bytes);

    /* All of a namespace that begins with k. */

    rec = (fkv__record_t) { .kind = FKV__RECORD_RANGE_TOMBSTONE };
    rec.key = FKV_STR("\0k");
    rec.value = FKV_STR("\0l");
    bytes = record_encode(&rec, &len);
    check_hex(bytes, len, "04 00 02 02 006b 006c");
    free(bytes);
}


static void
every_combination_of_fields_survives_the_round_trip(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 512 * 5; i++) {
        fkv__record_t   rec = record_with(i % 512), got;
        const uint8_t  *next;
        uint8_t        *bytes;
        size_t          len;

        rec.kind = FKV__RECORD_VALUE + i / 512;
        bytes = record_encode(&rec, &len);

        assert_true(len - rec.meta.len - rec.key.len - rec.value.len
                    <= FKV__RECORD_HEAD_MAX);
        assert_int_equal(fkv__record_get(bytes, bytes + len, &got, &next),
                         FKV_OK);
        assert_ptr_equal(next, bytes + len);
        assert_int_equal(got.kind, rec.kind);
        assert_int_equal(got.expire_at, rec.expire_at);
        assert_int_equal(got.type, rec.type);
        assert_int_equal(got.encver, rec.encver);
        assert_int_equal(got.stamp, rec.stamp);
        assert_int_equal(got.version, rec.version);
        assert_int_equal(got.shared, rec.shared);
        check_str(got.meta, rec.meta);
        check_str(got.key, rec.key);
        check_str(got.value, rec.value);

        free(bytes);
    }
}


static void
record_that_is_cut_anywhere_is_corrupt(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 512; i++) {
        fkv__record_t  rec = record_with(i);
        uint8_t       *bytes;
        size_t         len;

        bytes = record_encode(&rec, &len);

        for (size_t cut = 0; cut < len; cut++) {
            uint8_t        *part = check_copy(bytes, cut);
            const uint8_t  *next;
            fkv__record_t   got;

            assert_int_equal(fkv__record_get(part, part + cut, &got, &next),
                             cut == 0 ? FKV_END : FKV_ECORRUPT);
            free(part);
        }

        free(bytes);
    }
}


static void
zero_bytes_end_the_records(void **state)
{
    static const uint8_t  zero[8];
    fkv__record_t         rec;
    const uint8_t        *next;

    (void) state;

    assert_int_equal(fkv__record_get(zero, zero + 8, &rec, &next), FKV_END);
    assert_int_equal(fkv__record_get(zero, zero, &rec, &next), FKV_END);
}


static void
unknown_kinds_and_impossible_lengths_are_corrupt(void **state)
{
    static const struct {
        size_t       len;
        const char  *bytes;
    } bad[] = {
        { 4,  "\x06\x00\x00\x00" },
        { 4,  "\x07\x00\x00\x00" },
        { 5,  "\x01\x00\x02\x00k" },
        { 5,  "\x01\x00\x01\x02k" },
        { 13, "\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00" },
        { 22, "\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
              "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" },
        { 14, "\x41\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x01\x00" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t        *bytes = check_copy(bad[i].bytes, bad[i].len);
        const uint8_t  *next;
        fkv__record_t   rec;

        assert_int_equal(fkv__record_get(bytes, bytes + bad[i].len, &rec,
                                         &next),
                         FKV_ECORRUPT);
        free(bytes);
    }
}


static void
garbage_never_reaches_outside(void **state)
{
    uint64_t  random = 9;

    (void) state;

    for (int i = 0; i < 300000; i++) {
        uint8_t         bytes[40], *copy;
        size_t          len = check_random(&random) % (sizeof(bytes) + 1);
        const uint8_t  *next;
        fkv__record_t   rec;

        check_random_bytes(&random, bytes, len);

        for (size_t j = 1; j < len; j++) {
            bytes[j] &= (check_random(&random) & 3) ? 0x0f : 0xff;
        }

        copy = check_copy(bytes, len);

        if (fkv__record_get(copy, copy + len, &rec, &next) == FKV_OK) {
            assert_true(next > copy);
            assert_true(next <= copy + len);
            assert_ptr_equal(rec.value.data + rec.value.len, next);
            assert_ptr_equal(rec.key.data + rec.key.len, rec.value.data);
            assert_ptr_equal(rec.meta.data + rec.meta.len, rec.key.data);
        }

        free(copy);
    }
}


static void
record_expires_at_its_millisecond(void **state)
{
    fkv__record_t  rec = { .expire_at = 1000 };

    (void) state;

    assert_false(fkv__record_expired(&rec, 999));
    assert_true(fkv__record_expired(&rec, 1000));

    rec.expire_at = 0;
    assert_false(fkv__record_expired(&rec, UINT64_MAX));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(records_have_these_bytes),
        cmocka_unit_test(every_combination_of_fields_survives_the_round_trip),
        cmocka_unit_test(record_that_is_cut_anywhere_is_corrupt),
        cmocka_unit_test(zero_bytes_end_the_records),
        cmocka_unit_test(unknown_kinds_and_impossible_lengths_are_corrupt),
        cmocka_unit_test(garbage_never_reaches_outside),
        cmocka_unit_test(record_expires_at_its_millisecond),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
