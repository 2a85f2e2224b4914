/*
 * payload.c - what RESTORE is given.
 *
 * Parts of a payload lie in it, and a value is no longer than its bytes could
 * say; a value that can be read is the same after it has been written as DUMP
 * does and read again, with its type and its elements.
 *
 * Input    a payload without version and sum, which are put behind it
 */

#include "fuzz.h"
#include "commands/payload.h"

/* What three packed bytes stand for at most. */
#define UNPACKED_MAX  264


/* Of a value that is packed, or a number, the caller frees the bytes. */
static int
value_of(const fkv_payload_t *payload, fkv_str_t in, fkv_str_t *value)
{
    int       rc;
    uint8_t  *bytes;

    assert_true(payload->packed ? payload->len <= in.len * UNPACKED_MAX
                                : payload->len <= in.len + 20);

    bytes = malloc(payload->len + (payload->len == 0));
    rc = fkv_payload_value(payload, bytes);

    *value = (fkv_str_t) { bytes, payload->len };

    return rc;
}


static void
string_again(fkv_str_t value)
{
    size_t         len;
    uint8_t       *out = malloc(FKV_PAYLOAD_SIZE(value.len));
    fkv_str_t      copy, again;
    fkv_payload_t  payload;

    len = fkv_payload_put(out, value);
    assert_true(len <= FKV_PAYLOAD_SIZE(value.len));
    copy = fuzz_copy((fkv_str_t) { out, len });

    assert_int_equal(fkv_payload_get(copy, &payload), FKV_OK);
    assert_int_equal(payload.type.len, 0);
    assert_int_equal(value_of(&payload, copy, &again), FKV_OK);
    check_str(again, value);

    fuzz_free(again);
    fuzz_free(copy);
    free(out);
}


/* Writes what is read, element by element; then both must be alike. */
static void
typed_again(fkv_payload_t *payload, fkv_str_t in, fkv_str_t value)
{
    int            rc;
    size_t         room = FKV_PAYLOAD_TYPED_SIZE(payload->type.len, value.len);
    uint8_t       *out, *p;
    uint64_t       expire_at, again_at, n = 0;
    fkv_str_t      name, bytes, copy, again, again_name;
    fkv_payload_t  all = *payload, second;

    while ((rc = fkv_payload_element(payload, &name, &bytes, &expire_at))
           == FKV_OK)
    {
        assert_true(fuzz_inside(name, in));
        assert_true(fuzz_inside(bytes, in));
        room += FKV_PAYLOAD_ELEMENT_SIZE(name.len, bytes.len);
        n++;
    }

    if (rc != FKV_END) {
        assert_int_equal(rc, FKV_ECORRUPT);
        return;
    }

    out = malloc(room);
    p = out + fkv_payload_put_typed(out, all.type, all.encver, value, n);
    second = all;

    while (fkv_payload_element(&second, &name, &bytes, &expire_at) == FKV_OK) {
        p += fkv_payload_put_element(p, name, bytes, expire_at);
    }

    p += fkv_payload_put_end(out, p);
    assert_true((size_t) (p - out) <= room);
    copy = fuzz_copy((fkv_str_t) { out, (size_t) (p - out) });

    assert_int_equal(fkv_payload_get(copy, &second), FKV_OK);
    check_str(second.type, all.type);
    assert_int_equal(second.encver, all.encver);
    assert_int_equal(second.elements, n);
    assert_int_equal(value_of(&second, copy, &again), FKV_OK);
    check_str(again, value);
    fuzz_free(again);

    while (fkv_payload_element(&all, &name, &bytes, &expire_at) == FKV_OK) {
        assert_int_equal(fkv_payload_element(&second, &again_name, &again,
                                             &again_at), FKV_OK);
        check_str(again_name, name);
        check_str(again, bytes);
        assert_int_equal(again_at, expire_at);
    }

    assert_int_equal(fkv_payload_element(&second, &again_name, &again,
                                         &again_at), FKV_END);
    fuzz_free(copy);
    free(out);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int            rc;
    uint8_t       *room = malloc(size + FKV_PAYLOAD_SIZE(0));
    fkv_str_t      in, value;
    fkv_payload_t  payload;

    if (size > 0) {
        memcpy(room, data, size);
    }

    in.len = size + fkv_payload_put_end(room, room + size);
    in.data = check_copy(room, in.len);
    free(room);

    rc = fkv_payload_get(in, &payload);

    if (rc != FKV_OK) {
        assert_int_equal(rc, FKV_ECORRUPT);
        fuzz_free(in);
        return 0;
    }

    assert_true(fuzz_inside(payload.type, in));
    assert_true(payload.number || fuzz_inside(payload.bytes, in));
    rc = value_of(&payload, in, &value);

    if (rc == FKV_OK && payload.type.len == 0) {
        string_again(value);

    } else if (rc == FKV_OK) {
        typed_again(&payload, in, value);

    } else {
        assert_int_equal(rc, FKV_ECORRUPT);
    }

    fuzz_free(value);
    fuzz_free(in);

    return 0;
}
