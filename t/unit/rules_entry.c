/*
 * rules_entry.c - metadata of entries: there and back, golden, damaged.
 */

#include "message.h"
#include "base/crc32c.h"
#include "rules/entry.h"

static message_t          m;
static fkv_rules_tags_t   tags;
static fkv_rules_entry_t  entry;
static uint8_t           *bytes;
static size_t             len;


static int
entry_setup(void **state)
{
    (void) state;

    memset(&tags, 0, sizeof(tags));
    (void) message_read(&m, "Content-Type: a/b\nX-A: c\nETag: \"e\"");
    assert_int_equal(fkv_rules_tags_add(&tags, str("t1 tag2")), FKV_OK);

    entry = (fkv_rules_entry_t) {
        .kind = FKV_RULES_ENTRY_RESPONSE,
        .status = 200,
        .body_len = 1234,
        .stamp = 0x1122334455667788,
        .request_ms = 1700000000100,
        .date_s = 1700000000,
        .last_modified_s = FKV_RULES_NO_TIME,
        .fresh = {
            .source = FKV_RULES_BY_MAX_AGE,
            .flags = FKV_RULES_NEVER_STALE,
            .response_ms = 1700000000200,
            .initial_age_ms = 100,
            .lifetime_ms = 60000,
            .while_revalidate_s = 5,
            .if_error_s = FKV_RULES_SECONDS_MAX
        },
        .key = str("k"),
        .etag = str("\"e\""),
        .names = str("cookie"),
        .variant = str("cookie!\n")
    };

    return 0;
}


static int
entry_teardown(void **state)
{
    (void) state;

    message_done(&m);
    free(bytes);
    bytes = NULL;

    return 0;
}


static void
pack(void)
{
    assert_int_equal(fkv_rules_entry_size(&entry, m.fields, &tags, &len),
                     FKV_OK);
    bytes = malloc(len);
    fkv_rules_entry_pack(&entry, m.fields, &tags, bytes);
}


static int
unpack(const uint8_t *data, size_t n, fkv_rules_entry_t *got)
{
    uint8_t  *copy = check_copy(data, n);
    int       rc = fkv_rules_entry_unpack(got, (fkv_str_t) { copy, n });

    free(copy);
    return rc;
}


static void
what_is_packed_is_unpacked(void **state)
{
    fkv_rules_entry_t  got;
    fkv_rules_field_t  field;
    fkv_str_t          tag;
    uint32_t           meta_len;

    (void) state;

    pack();
    assert_int_equal(fkv_rules_entry_peek((fkv_str_t) {
        bytes, FKV_RULES_ENTRY_HEAD_BYTES }, &meta_len), FKV_OK);
    assert_int_equal(meta_len, len);
    assert_int_equal(fkv_rules_entry_unpack(&got, (fkv_str_t) { bytes, len }),
                     FKV_OK);

    assert_int_equal(got.kind, FKV_RULES_ENTRY_RESPONSE);
    assert_int_equal(got.status, 200);
    assert_int_equal(got.body_len, 1234);
    assert_int_equal(got.stamp, 0x1122334455667788);
    assert_int_equal(got.request_ms, entry.request_ms);
    assert_int_equal(got.date_s, entry.date_s);
    assert_true(got.last_modified_s == FKV_RULES_NO_TIME);
    assert_int_equal(got.fresh.source, entry.fresh.source);
    assert_int_equal(got.fresh.flags, entry.fresh.flags);
    assert_int_equal(got.fresh.response_ms, entry.fresh.response_ms);
    assert_int_equal(got.fresh.initial_age_ms, 100);
    assert_int_equal(got.fresh.lifetime_ms, 60000);
    assert_int_equal(got.fresh.while_revalidate_s, 5);
    assert_int_equal(got.fresh.if_error_s, FKV_RULES_SECONDS_MAX);
    check_str(got.key, entry.key);
    check_str(got.etag, entry.etag);
    check_str(got.names, entry.names);
    check_str(got.variant, entry.variant);
    assert_int_equal(got.n_fields, 3);
    assert_int_equal(got.n_tags, 2);
    assert_int_equal(got.meta_len, len);

    for (size_t i = 0; i < 3; i++) {
        assert_true(fkv_rules_entry_field(&got.fields, &field));
        check_str(field.name, m.field[i].name);
        check_str(field.value, m.field[i].value);
        assert_int_equal(field.id, fkv_rules_name(field.name));
    }

    assert_false(fkv_rules_entry_field(&got.fields, &field));

    for (size_t i = 0; i < 2; i++) {
        assert_true(fkv_rules_entry_tag(&got.tags, &tag));
        check_str(tag, tags.tag[i]);
    }

    assert_false(fkv_rules_entry_tag(&got.tags, &tag));
}


static void
an_entry_has_these_bytes(void **state)
{
    (void) state;

    pack();
    check_hex(bytes, len,
              "ffc13b79 01 00 c800 b1000000 0200 03 00 "
              "d204000000000000 6468e5cf8b010000 c868e5cf8b010000 "
              "6400000000000000 60ea000000000000 00f1536500000000 "
              "0000000000000080 05000000 00000080 8877665544332211 "
              "0300 0200 01000000 03000000 06000000 08000000 "
              "08000000 23000000 6b 226522 636f6f6b6965 "
              "636f6f6b6965210a 027431 0474616732 "
              "0b 0c 03 436f6e74656e742d54797065 612f62 "
              "00 03 01 582d41 63 0d 04 03 45546167 226522");
}


static void
the_list_of_names_is_an_entry_too(void **state)
{
    fkv_rules_entry_t   got;
    fkv_rules_fields_t  none = { NULL, 0 };

    (void) state;

    memset(&tags, 0, sizeof(tags));
    entry = (fkv_rules_entry_t) {
        .kind = FKV_RULES_ENTRY_VARIES, .names = str("accept,cookie"),
        .last_modified_s = FKV_RULES_NO_TIME
    };

    assert_int_equal(fkv_rules_entry_size(&entry, none, &tags, &len), FKV_OK);
    assert_int_equal(len, FKV_RULES_ENTRY_HEAD_BYTES + 13);
    bytes = malloc(len);
    fkv_rules_entry_pack(&entry, none, &tags, bytes);

    assert_int_equal(fkv_rules_entry_unpack(&got, (fkv_str_t) { bytes, len }),
                     FKV_OK);
    assert_int_equal(got.kind, FKV_RULES_ENTRY_VARIES);
    check_str(got.names, str("accept,cookie"));
}


static void
a_body_behind_it_is_not_looked_at(void **state)
{
    fkv_rules_entry_t   got;
    uint8_t            *more;

    (void) state;

    pack();
    more = malloc(len + 100);
    memset(more, 0xee, len + 100);
    memcpy(more, bytes, len);
    assert_int_equal(unpack(more, len + 100, &got), FKV_OK);
    assert_int_equal(got.meta_len, len);
    free(more);
}


static void
every_cut_and_every_flip_is_an_error(void **state)
{
    fkv_rules_entry_t  got;

    (void) state;

    pack();

    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(unpack(bytes, cut, &got), FKV_ECORRUPT);
    }

    for (size_t bit = 0; bit < 8 * len; bit++) {
        bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
        assert_int_equal(unpack(bytes, len, &got),
                         bit / 8 == 4 ? FKV_EVERSION : FKV_ECORRUPT);
        bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
    }

    assert_int_equal(unpack(bytes, len, &got), FKV_OK);
}


/* As if a checksum were no proof. */
static void
what_is_wrong_beneath_a_right_checksum_is_an_error_too(void **state)
{
    uint64_t  random = 3;
    unsigned  right = 0;

    (void) state;

    pack();

    for (unsigned i = 0; i < 300000; i++) {
        fkv_rules_entry_t   got;
        fkv_rules_field_t   field;
        fkv_str_t           tag;
        uint8_t            *copy = check_copy(bytes, len);
        unsigned            changes = 1 + check_random(&random) % 3;

        while (changes-- > 0) {
            copy[5 + check_random(&random) % (len - 5)]
                = (uint8_t) (check_random(&random) >> 24);
        }

        fkv__put_le32(copy, fkv__crc32c(0, copy + 4, len - 4));

        if (fkv_rules_entry_unpack(&got, (fkv_str_t) { copy, len })
            == FKV_OK)
        {
            right++;

            while (fkv_rules_entry_field(&got.fields, &field)) {
                assert_true(field.value.data + field.value.len <= copy + len);
            }

            while (fkv_rules_entry_tag(&got.tags, &tag)) {
                assert_true(tag.data + tag.len <= copy + len);
            }

            (void) fkv_rules_useless_at_ms(&got.fresh);
        }

        free(copy);
    }

    assert_true(right > 1000);
}


static void
nothing_is_packed_that_is_not_safe_to_send(void **state)
{
    (void) state;

    m.field[1].value = str("c\r\nX: y");
    assert_int_equal(fkv_rules_entry_size(&entry, m.fields, &tags, &len),
                     FKV_EINVAL);
    m.field[1].value = str("c");

    m.field[1].name = str("X A");
    assert_int_equal(fkv_rules_entry_size(&entry, m.fields, &tags, &len),
                     FKV_EINVAL);
    m.field[1].name = str("X-A");

    tags.tag[1] = str("a\nb");
    assert_int_equal(fkv_rules_entry_size(&entry, m.fields, &tags, &len),
                     FKV_EINVAL);
    tags.tag[1] = str("a");

    entry.etag = str("\"a\r\n\"");
    assert_int_equal(fkv_rules_entry_size(&entry, m.fields, &tags, &len),
                     FKV_EINVAL);
    entry.etag = str("");

    entry.names = str("b,a");
    assert_int_equal(fkv_rules_entry_size(&entry, m.fields, &tags, &len),
                     FKV_EINVAL);
    entry.names = str("a,b");

    entry.status = 103;
    assert_int_equal(fkv_rules_entry_size(&entry, m.fields, &tags, &len),
                     FKV_EINVAL);
    entry.status = 200;

    entry.fresh.lifetime_ms = -1;
    assert_int_equal(fkv_rules_entry_size(&entry, m.fields, &tags, &len),
                     FKV_EINVAL);
    entry.fresh.lifetime_ms = 0;

    assert_int_equal(fkv_rules_entry_size(&entry, m.fields, &tags, &len),
                     FKV_OK);
}


static void
what_is_too_big_is_refused(void **state)
{
    static char  big[FKV_RULES_ENTRY_BYTES_MAX];

    (void) state;

    memset(big, 'x', sizeof(big));
    m.field[1].value = (fkv_str_t) { (uint8_t *) big, sizeof(big) };
    assert_int_equal(fkv_rules_entry_size(&entry, m.fields, &tags, &len),
                     FKV_ETOOBIG);

    m.field[1].value.len = 200000;
    pack();
    assert_int_equal(unpack(bytes, len, &entry), FKV_OK);
}


int
main(void)
{
#define ENTRY_TEST(name)                                                      \
    cmocka_unit_test_setup_teardown(name, entry_setup, entry_teardown)
    const struct CMUnitTest  tests[] = {
        ENTRY_TEST(what_is_packed_is_unpacked),
        ENTRY_TEST(an_entry_has_these_bytes),
        ENTRY_TEST(the_list_of_names_is_an_entry_too),
        ENTRY_TEST(a_body_behind_it_is_not_looked_at),
        ENTRY_TEST(every_cut_and_every_flip_is_an_error),
        ENTRY_TEST(what_is_wrong_beneath_a_right_checksum_is_an_error_too),
        ENTRY_TEST(nothing_is_packed_that_is_not_safe_to_send),
        ENTRY_TEST(what_is_too_big_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
