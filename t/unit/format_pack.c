/*
 * format_pack.c - compression of blocks: round trips, what does not shrink,
 * damage.
 */

#include "check.h"
#include "base/bytes.h"
#include "format/block.h"

static const fkv__block_type_e  types[] = { FKV__BLOCK_LZ4, FKV__BLOCK_ZSTD };


/* Of n bytes, share of eight are noise. */
static void
fill(uint64_t *random, uint8_t *bytes, size_t n, unsigned share)
{
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (i / 16 % 8 < share) ? (uint8_t) check_random(random)
                                        : (uint8_t) ('a' + i % 16);
    }
}


static void
what_was_packed_comes_back(void **state)
{
    uint64_t       random = 71;
    fkv__packer_t  packer = { 0 };
    fkv__buf_t     room = { 0 };

    (void) state;

    for (unsigned i = 0; i < 400; i++) {
        size_t             n = 1 + check_random(&random)
                               % ((i % 20 == 0) ? 300000 : 9000);
        uint8_t           *bytes = malloc(n);
        fkv__buf_t         buf = { 0 };
        fkv_str_t          payload, stored;
        fkv__block_type_e  type;

        fill(&random, bytes, n, i % 9);
        assert_int_equal(fkv__buf_append(&buf, "before", 6), FKV_OK);
        assert_int_equal(fkv__buf_append(&buf, bytes, n), FKV_OK);

        type = fkv__pack(&packer, types[i % 2], &buf, n);
        assert_memory_equal(buf.data, "before", 6);

        stored = (fkv_str_t) { buf.data + 6, buf.len - 6 };

        if (type == FKV__BLOCK_PLAIN) {
            assert_int_equal(stored.len, n);

        } else {
            assert_int_equal(type, types[i % 2]);
            assert_true(stored.len <= n - n / 8);
        }

        assert_true(type != FKV__BLOCK_PLAIN || n < 300 || i % 9 > 4);

        assert_int_equal(fkv__unpack(type, stored, &room, &payload), FKV_OK);
        check_str(payload, (fkv_str_t) { bytes, n });

        free(bytes);
        fkv__buf_done(&buf);
    }

    fkv__buf_done(&room);
    fkv__packer_done(&packer);
}


static void
packed_bytes_are_these(void **state)
{
    static const struct {
        const char  *bytes;
        size_t       len;
    } packed[] = {
        { "\x64\x1f\x61\x01\x00\x4b\x50\x61\x61\x61\x61\x61", 12 },
        { "\x64\x28\xb5\x2f\xfd\x20\x64\x45\x00"
          "\x00\x10\x61\x61\x01\x00\x3f\x01\x2c", 18 }
    };
    uint8_t     want[100];
    fkv__buf_t  room = { 0 };
    fkv_str_t   payload;

    (void) state;

    memset(want, 'a', sizeof(want));

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(fkv__unpack((uint8_t) types[i],
                                     (fkv_str_t) {
                                         (const uint8_t *) packed[i].bytes,
                                         packed[i].len },
                                     &room, &payload),
                         FKV_OK);
        check_str(payload, (fkv_str_t) { want, sizeof(want) });
    }

    fkv__buf_done(&room);
}


static void
noise_and_what_asks_for_nothing_stay_plain(void **state)
{
    uint8_t        bytes[4096];
    uint64_t       random = 72;
    fkv__packer_t  packer = { 0 };
    fkv__buf_t     buf = { 0 };

    (void) state;

    check_random_bytes(&random, bytes, sizeof(bytes));
    assert_int_equal(fkv__buf_append(&buf, bytes, sizeof(bytes)), FKV_OK);

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(fkv__pack(&packer, types[i], &buf, buf.len),
                         FKV__BLOCK_PLAIN);
        assert_int_equal(buf.len, sizeof(bytes));
        assert_memory_equal(buf.data, bytes, sizeof(bytes));
    }

    memset(buf.data, 0, buf.len);
    assert_int_equal(fkv__pack(&packer, FKV__BLOCK_PLAIN, &buf, buf.len),
                     FKV__BLOCK_PLAIN);
    assert_int_equal(buf.len, sizeof(bytes));

    fkv__buf_done(&buf);
    fkv__packer_done(&packer);
}


static void
length_that_nobody_wrote_is_corrupt_and_not_allocated(void **state)
{
    static const uint64_t  odd[] = {
        0, 1, FKV__PACK_BYTES_MAX + 1, UINT32_MAX, UINT64_MAX
    };

    (void) state;

    for (size_t i = 0; i < 2 * sizeof(odd) / sizeof(odd[0]); i++) {
        uint8_t     stored[FKV__VARINT_MAX + 5], *end;
        fkv__buf_t  room = { 0 };
        fkv_str_t   payload;

        end = fkv__put_varint(stored, odd[i / 2]);
        memcpy(end, "abcde", 5);

        assert_int_equal(fkv__unpack((uint8_t) types[i % 2],
                                     (fkv_str_t) { stored, (size_t)
                                                   (end + 5 - stored) },
                                     &room, &payload),
                         FKV_ECORRUPT);
        assert_int_equal(room.cap, 0);
    }
}


/* As if the sum were right: no step outside, no wrong length. */
static void
damaged_bytes_are_corrupt_or_of_the_length_they_claim(void **state)
{
    uint64_t       random = 73;
    fkv__packer_t  packer = { 0 };
    fkv__buf_t     room = { 0 };

    (void) state;

    for (unsigned i = 0; i < 3000; i++) {
        size_t      n = 100 + check_random(&random) % 5000, len;
        uint8_t    *copy;
        uint64_t    claimed;
        fkv__buf_t  buf = { 0 };
        fkv_str_t   payload;
        int         rc;

        assert_int_equal(fkv__buf_reserve(&buf, n), FKV_OK);
        fill(&random, buf.data, n, 2);
        buf.len = n;
        assert_int_equal(fkv__pack(&packer, types[i % 2], &buf, n),
                         types[i % 2]);

        len = (i % 3 == 0) ? check_random(&random) % buf.len : buf.len;
        copy = check_copy(buf.data, len);

        for (unsigned j = 0; i % 3 != 0 && j < 1 + i % 4; j++) {
            copy[check_random(&random) % len] ^=
                (uint8_t) (1 + check_random(&random) % 255);
        }

        rc = fkv__unpack((uint8_t) types[i % 2], (fkv_str_t) { copy, len },
                         &room, &payload);

        if (rc == FKV_OK) {
            assert_non_null(fkv__get_varint(copy, copy + len, &claimed));
            assert_int_equal(payload.len, claimed);

        } else {
            assert_int_equal(rc, FKV_ECORRUPT);
        }

        free(copy);
        fkv__buf_done(&buf);
    }

    fkv__buf_done(&room);
    fkv__packer_done(&packer);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(what_was_packed_comes_back),
        cmocka_unit_test(packed_bytes_are_these),
        cmocka_unit_test(noise_and_what_asks_for_nothing_stay_plain),
        cmocka_unit_test(length_that_nobody_wrote_is_corrupt_and_not_allocated),
        cmocka_unit_test(damaged_bytes_are_corrupt_or_of_the_length_they_claim),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
