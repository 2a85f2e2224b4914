/*
 * commands_payload.c - what DUMP gives and RESTORE takes.  The bytes of strings
 * marked as golden were dumped by Redis 7.0.
 */

#include "check.h"
#include "commands/payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES(literal)  { (const uint8_t *) literal, sizeof(literal) - 1 }

typedef struct {
    fkv_str_t  value, golden;
} golden_t;

static const golden_t  plain[] = {
    { BYTES(""), BYTES("\x00\x00\x0a\x00\x5d\x9b\x5c\x40\x0f\x7f\xa2\xda") },
    { BYTES("1"),
      BYTES("\x00\xc0\x01\x0a\x00\x26\x78\xe7\xb6\xd1\x01\x11\xfc") },
    { BYTES("-129"),
      BYTES("\x00\xc1\x7f\xff\x0a\x00\x17\x60\x82\x28\x54\x80\x84\x80") },
    { BYTES("70000"), BYTES("\x00\xc2\x70\x11\x01\x00\x0a\x00\x01\xa4\x08\xfe"
                            "\x95\x30\x95\xa5") },
    { BYTES("2147483648"),
      BYTES("\x00\x0a\x32\x31\x34\x37\x34\x38\x33\x36\x34\x38\x0a\x00\xe7\xb1"
            "\x29\xa3\x4c\x1d\x76\xee") },
    { BYTES("hello"), BYTES("\x00\x05\x68\x65\x6c\x6c\x6f\x0a\x00\x63\x72\xdf"
                            "\x76\x65\x34\x20\x0a") },
    { BYTES("01"), BYTES("\x00\x02\x30\x31\x0a\x00\x6c\xdd\xc4\x41\x14\x4c"
                         "\x7d\xa4") },
};

static const golden_t  packed[] = {
    { BYTES("the quick the quick the quick brown fox"),
      BYTES("\x00\xc3\x19\x27\x0a\x74\x68\x65\x20\x71\x75\x69\x63\x6b\x20\x74"
            "\xe0\x0a\x09\x08\x62\x72\x6f\x77\x6e\x20\x66\x6f\x78\x0a\x00\x7e"
            "\x29\x85\x52\x3c\xbb\x5f\x74") },
};

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))


/* Opens and unpacks: the value in out, or a failure. */
static int
restore(fkv_str_t in, uint8_t *out, size_t room, size_t *len)
{
    fkv_payload_t  payload;
    int            rc = fkv_payload_get(in, &payload);

    if (rc != FKV_OK) {
        return rc;
    }

    assert_true(payload.len <= room);
    *len = payload.len;

    return fkv_payload_value(&payload, out);
}


static void
assert_restores(const golden_t *golden)
{
    uint8_t  out[256];
    size_t   len;

    assert_int_equal(restore(golden->golden, out, sizeof(out), &len), FKV_OK);
    assert_int_equal(len, golden->value.len);
    assert_memory_equal(out, golden->value.data, len);
}


static void
short_strings_and_numbers_are_written_as_redis_does(void **state)
{
    uint8_t  out[256];

    (void) state;

    for (size_t i = 0; i < COUNT(plain); i++) {
        size_t  n = fkv_payload_put(out, plain[i].value);

        assert_int_equal(n, plain[i].golden.len);
        assert_memory_equal(out, plain[i].golden.data, n);
    }
}


static void
what_redis_dumps_is_read(void **state)
{
    (void) state;

    for (size_t i = 0; i < COUNT(plain); i++) {
        assert_restores(&plain[i]);
    }

    for (size_t i = 0; i < COUNT(packed); i++) {
        assert_restores(&packed[i]);
    }
}


static void
any_length_comes_back(void **state)
{
    static const size_t  lengths[] = {
        0, 1, 63, 64, 65, 16383, 16384, 16385, 100000
    };
    uint8_t  *in = malloc(100000), *back = malloc(100000);
    uint8_t  *out = malloc(FKV_PAYLOAD_SIZE(100000));

    (void) state;

    for (size_t i = 0; i < COUNT(lengths); i++) {
        size_t  n, len;

        for (size_t k = 0; k < lengths[i]; k++) {
            in[k] = (uint8_t) (k * 7 + i);
        }

        n = fkv_payload_put(out, (fkv_str_t) { in, lengths[i] });
        assert_true(n <= FKV_PAYLOAD_SIZE(lengths[i]));
        assert_int_equal(restore((fkv_str_t) { out, n }, back, 100000, &len),
                         FKV_OK);
        assert_int_equal(len, lengths[i]);
        assert_memory_equal(back, in, len);
    }

    free(in);
    free(out);
    free(back);
}


static void
a_changed_byte_is_noticed(void **state)
{
    fkv_payload_t  payload;
    uint8_t        bytes[64];

    (void) state;

    for (size_t i = 0; i < packed[0].golden.len; i++) {
        memcpy(bytes, packed[0].golden.data, packed[0].golden.len);
        bytes[i] ^= 0x10;
        assert_int_equal(fkv_payload_get((fkv_str_t) {
            bytes, packed[0].golden.len }, &payload), FKV_EVERSION);
    }

    for (size_t n = 0; n < packed[0].golden.len; n++) {
        assert_int_equal(fkv_payload_get((fkv_str_t) {
            packed[0].golden.data, n }, &payload), FKV_EVERSION);
    }
}


/* The same sum, made here by what it is: a polynomial's remainder. */
static uint64_t
sum_of(const uint8_t *bytes, size_t len)
{
    uint64_t  sum = 0;

    for (size_t i = 0; i < len; i++) {
        sum ^= bytes[i];

        for (unsigned bit = 0; bit < 8; bit++) {
            sum = (sum >> 1) ^ ((sum & 1) ? 0x95ac9329ac4bc9b5 : 0);
        }
    }

    return sum;
}


/* A payload of any body, with a sum that is right. */
static fkv_str_t
sealed(uint8_t *room, const uint8_t *body, size_t len, uint8_t version)
{
    uint64_t  sum;

    memcpy(room, body, len);
    room[len] = version;
    room[len + 1] = 0;
    sum = sum_of(room, len + 2);

    for (unsigned i = 0; i < 8; i++) {
        room[len + 2 + i] = (uint8_t) (sum >> 8 * i);
    }

    return (fkv_str_t) { room, len + 10 };
}


static void
what_holds_no_string_is_refused(void **state)
{
    static const fkv_str_t  bodies[] = {
        BYTES(""),                                  /* no type */
        BYTES("\x01\x00"),                          /* a list */
        BYTES("\x00"),                              /* no length */
        BYTES("\x00\x05" "abcd"),                   /* shorter than it says */
        BYTES("\x00\x03" "abcd"),                   /* longer */
        BYTES("\x00\x41"),                          /* half a length */
        BYTES("\x00\x80\x00\x00\x00"),
        BYTES("\x00\x80\xff\xff\xff\xff" "a"),
        BYTES("\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff" "a"),
        BYTES("\x00\x82\x00\x00\x00\x01" "a"),      /* no such length */
        BYTES("\x00\xc0"), BYTES("\x00\xc1\x01"), BYTES("\x00\xc2\x01\x01\x01"),
        BYTES("\x00\xc4\x01"),                      /* nothing special */
        BYTES("\x00\xc3\x01"),
        BYTES("\x00\xc3\xc3\x01\x01"),
        BYTES("\x00\xc3\x05\x02\x01" "ab"),         /* packed, cut */
        BYTES("\x00\xc3\x02\x05\x05" "a"),          /* a run too long */
        BYTES("\x00\xc3\x02\x03\x20\x00"),          /* from before all */
        BYTES("\x00\xc3\x04\x03\x00" "a\x20\x01"),
        BYTES("\x00\xc3\x04\x03\x00" "a\x20\x00"),  /* longer than it says */
        BYTES("\x00\xc3\x04\x05\x00" "a\x20\x00"),  /* shorter */
        BYTES("\x00\xc3\x03\x05\x00" "a\x20"),      /* half a reference */
        BYTES("\x00\xc3\x04\x0c\x00" "a\xe0\x00"),
        BYTES("\x00\xc3\x02\x80\x40\x00\x00\x00\x00" "a"),  /* a bomb */
    };
    uint8_t  room[128], out[1024];
    size_t   len;

    (void) state;

    for (size_t i = 0; i < COUNT(bodies); i++) {
        fkv_str_t  in = sealed(room, bodies[i].data, bodies[i].len, 10);

        if (restore(in, out, sizeof(out), &len) != FKV_ECORRUPT) {
            fail_msg("body %zu", i);
        }
    }

    assert_int_equal(restore(sealed(room, (const uint8_t *) "\x00\xc3\x04\x04"
                                    "\x00" "a\x20\x00", 8, 10),
                             out, sizeof(out), &len), FKV_OK);
    assert_int_equal(len, 4);
    assert_memory_equal(out, "aaaa", 4);
}


static void
older_versions_are_read_and_later_ones_refused(void **state)
{
    uint8_t  room[64], out[64];
    size_t   len;

    (void) state;

    assert_int_equal(restore(sealed(room, (const uint8_t *) "\x00\x01x", 3, 6),
                             out, sizeof(out), &len), FKV_OK);
    assert_int_equal(restore(sealed(room, (const uint8_t *) "\x00\x01x", 3,
                                    11),
                             out, sizeof(out), &len), FKV_EVERSION);
}


/* Whatever comes, nothing is read or written where nothing is. */
static void
random_bodies_do_no_harm(void **state)
{
    uint8_t   body[40], room[64];
    unsigned  right = 0;

    (void) state;
    srandom(3);

    for (unsigned round = 0; round < 200000; round++) {
        static const uint8_t  heads[] = { 0xc3, 0xc3, 0x05, 0x41, 0x80, 0xc2 };
        size_t                n = 3 + (size_t) random() % (sizeof(body) - 3);
        fkv_payload_t         payload;
        uint8_t              *value;
        fkv_str_t             in;

        for (size_t i = 0; i < n; i++) {
            body[i] = (uint8_t) (random() % ((random() & 1) ? 256 : 40));
        }

        body[0] = 0;
        body[1] = heads[random() % sizeof(heads)];
        body[2] = (body[1] == 0xc3 && n > 4) ? (uint8_t) (n - 4) : body[2];

        in = sealed(room, body, n, 10);

        if (fkv_payload_get(in, &payload) == FKV_OK) {
            value = malloc(payload.len + 1);
            right += (fkv_payload_value(&payload, value) == FKV_OK);
            free(value);
        }
    }

    assert_true(right > 10);
}


/* One with n elements; returns its length. */
static size_t
typed_make(uint8_t *out, unsigned n)
{
    uint8_t   *p = out;
    fkv_str_t  name = FKV_STR("geo.map"), value = FKV_STR("head");

    p += fkv_payload_put_typed(p, name, 513, value, n);

    for (unsigned i = 0; i < n; i++) {
        char  text[16];

        (void) snprintf(text, sizeof(text), "name%u", i);
        p += fkv_payload_put_element(p,
                                     (fkv_str_t) { (uint8_t *) text,
                                                   strlen(text) },
                                     (fkv_str_t) { (uint8_t *) text, i % 5 },
                                     i * 1000);
    }

    return (size_t) (p + fkv_payload_put_end(out, p) - out);
}


/* FKV_OK all its elements were there, *n of them · a failure */
static int
typed_read(fkv_str_t in, unsigned *n)
{
    fkv_payload_t  payload;
    fkv_str_t      name, value;
    uint64_t       until;
    int            rc = fkv_payload_get(in, &payload);

    *n = 0;

    while (rc == FKV_OK) {
        rc = fkv_payload_element(&payload, &name, &value, &until);

        if (rc == FKV_OK) {
            assert_true(name.data >= in.data && value.data >= in.data);
            assert_true(value.data + value.len <= in.data + in.len);
            (*n)++;
        }
    }

    return (rc == FKV_END) ? FKV_OK : rc;
}


static void
values_of_other_types_come_back(void **state)
{
    static const uint8_t  golden[] =
        "\xc8\x07geo.map\x01\x02\x04head\x02"
        "\x05name0\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        "\x05name1\x01n\xe8\x03\x00\x00\x00\x00\x00\x00\x0a\x00";
    uint8_t        out[4096];
    fkv_payload_t  payload;
    unsigned       n;
    size_t         len = typed_make(out, 2);

    (void) state;

    assert_int_equal(len, sizeof(golden) - 1 + 8);
    assert_memory_equal(out, golden, sizeof(golden) - 1);
    assert_int_equal(fkv_payload_get((fkv_str_t) { out, len }, &payload),
                     FKV_OK);
    assert_int_equal(payload.type.len, 7);
    assert_memory_equal(payload.type.data, "geo.map", 7);
    assert_int_equal(payload.encver, 513);
    assert_int_equal(payload.len, 4);
    assert_int_equal(payload.elements, 2);

    for (unsigned count = 0; count < 100; count += 9) {
        len = typed_make(out, count);
        assert_int_equal(typed_read((fkv_str_t) { out, len }, &n), FKV_OK);
        assert_int_equal(n, count);
    }
}


/* A body cut anywhere, or with a byte changed, under a sum that is right. */
static void
typed_bodies_that_are_wrong_do_no_harm(void **state)
{
    uint8_t   whole[4096], *out;
    size_t    len = typed_make(whole, 9) - 10;
    unsigned  n;

    (void) state;
    srandom(5);

    for (size_t i = 1; i < len; i++) {
        out = malloc(i + 10);               /* tools see who reads behind it */
        memcpy(out, whole, i);
        (void) fkv_payload_put_end(out, out + i);
        assert_int_equal(typed_read((fkv_str_t) { out, i + 10 }, &n),
                         FKV_ECORRUPT);
        free(out);
    }

    for (unsigned i = 0; i < 20000; i++) {
        out = malloc(len + 10);
        memcpy(out, whole, len);
        out[(size_t) random() % len] = (uint8_t) random();
        (void) fkv_payload_put_end(out, out + len);
        (void) typed_read((fkv_str_t) { out, len + 10 }, &n);
        free(out);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(short_strings_and_numbers_are_written_as_redis_does),
        cmocka_unit_test(what_redis_dumps_is_read),
        cmocka_unit_test(any_length_comes_back),
        cmocka_unit_test(a_changed_byte_is_noticed),
        cmocka_unit_test(what_holds_no_string_is_refused),
        cmocka_unit_test(older_versions_are_read_and_later_ones_refused),
        cmocka_unit_test(random_bodies_do_no_harm),
        cmocka_unit_test(values_of_other_types_come_back),
        cmocka_unit_test(typed_bodies_that_are_wrong_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
