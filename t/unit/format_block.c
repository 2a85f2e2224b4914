/*
 * format_block.c - blocks: bytes, walking, seeking, damage.
 */

#include "check.h"
#include "base/crc32c.h"
#include "base/hash.h"
#include "format/block.h"

#define FILE_ID  7
#define OFFSET   8192

typedef struct {
    uint8_t        bytes[700];
    fkv__record_t  rec;
} row_t;


static int
row_cmp(const void *a, const void *b)
{
    const row_t  *x = a, *y = b;

    return fkv__block_cmp((fkv_str_t) { x->bytes, x->rec.key.len },
                          x->rec.version,
                          (fkv_str_t) { y->bytes, y->rec.key.len },
                          y->rec.version);
}


/* Up to n rows in order, without twins; returns how many. */
static size_t
rows_make(row_t *rows, size_t n, size_t key_max, uint64_t *random)
{
    size_t  m = 0;

    for (size_t i = 0; i < n; i++) {
        row_t   *row = &rows[i];
        size_t   len = 1 + check_random(random) % key_max;

        memset(row, 0, sizeof(*row));
        memset(row->bytes, 'a', sizeof(row->bytes));

        for (size_t j = len - fkv__min(len, 3); j < len; j++) {
            row->bytes[j] = "ab\0\xff"[check_random(random) % 4];
        }

        row->rec.kind = FKV__RECORD_VALUE + check_random(random) % 2;
        row->rec.version = 1 + check_random(random) % 5;
        row->rec.expire_at = check_random(random) % 2 * 1234;
        row->rec.key.len = len;
        row->rec.value.len = check_random(random) % 30;
    }

    qsort(rows, n, sizeof(*rows), row_cmp);

    for (size_t i = 0; i < n; i++) {
        if (m == 0 || row_cmp(&rows[m - 1], &rows[i]) != 0) {
            rows[m++] = rows[i];
        }
    }

    for (size_t i = 0; i < m; i++) {
        rows[i].rec.key.data = rows[i].bytes;
        rows[i].rec.value.data = rows[i].bytes + rows[i].rec.key.len / 2;
    }

    return m;
}


/* Keys' hashes: with some of these bits only, many are alike. */
static uint64_t  hash_bits = UINT64_MAX;


static uint64_t
row_hash(fkv_str_t key)
{
    return fkv__hash(key) & hash_bits;
}


/* malloc'ed, exactly as long as payload and trailer. */
static uint8_t *
block_make_with(const row_t *rows, size_t n, bool fingers, size_t *len)
{
    fkv__block_builder_t  builder;
    fkv__block_place_t    place;
    fkv__buf_t            out = { 0 };
    uint8_t              *raw;

    fkv__block_builder_init(&builder);
    assert_int_equal(fkv__block_builder_bytes(&builder), 0);

    for (size_t i = 0; i < n; i++) {
        uint64_t  hash = row_hash(rows[i].rec.key);

        assert_int_equal(fkv__block_builder_add(&builder, &rows[i].rec,
                                                fingers ? &hash : NULL, 0),
                         FKV_OK);
    }

    *len = fkv__block_builder_bytes(&builder);
    assert_int_equal(fkv__block_builder_finish(&builder, &out, FILE_ID,
                                               OFFSET, &place),
                     FKV_OK);
    assert_int_equal(out.len, *len);
    assert_int_equal(place.offset, OFFSET);
    assert_int_equal(place.bytes, *len - FKV__BLOCK_TRAILER_BYTES);
    assert_int_equal(fkv__block_builder_bytes(&builder), 0);

    raw = check_copy(out.data, out.len);
    fkv__buf_done(&out);
    fkv__block_builder_done(&builder);

    return raw;
}


static uint8_t *
block_make(const row_t *rows, size_t n, size_t *len)
{
    return block_make_with(rows, n, false, len);
}


static fkv_str_t
block_payload(const uint8_t *raw, size_t len)
{
    fkv_str_t  payload;

    assert_int_equal(fkv__block_check(raw, len, FILE_ID, OFFSET, &payload),
                     FKV_OK);
    assert_int_equal(payload.len, len - FKV__BLOCK_TRAILER_BYTES);

    return payload;
}


static void
row_is(const fkv__block_iter_t *it, const row_t *row)
{
    assert_true(it->valid);
    assert_int_equal(it->rec.kind, row->rec.kind);
    assert_int_equal(it->rec.version, row->rec.version);
    assert_int_equal(it->rec.expire_at, row->rec.expire_at);
    assert_int_equal(it->rec.shared, 0);
    check_str(it->rec.key, row->rec.key);
    check_str(it->rec.value, row->rec.value);
}


static void
block_has_these_bytes(void **state)
{
    fkv__block_builder_t  builder;
    fkv__block_place_t    place;
    fkv__buf_t            out = { 0 };
    fkv__record_t         rec = { 0 };

    (void) state;

    fkv__block_builder_init(&builder);

    rec.kind = FKV__RECORD_VALUE;
    rec.version = 9;
    rec.key = FKV_STR("\0apple\0\0");
    rec.value = FKV_STR("red");
    assert_int_equal(fkv__block_builder_add(&builder, &rec, NULL, 0), FKV_OK);

    rec.kind = FKV__RECORD_TOMBSTONE;
    rec.version = 8;
    rec.value = FKV_STR_NULL;
    assert_int_equal(fkv__block_builder_add(&builder, &rec, NULL, 0), FKV_OK);

    rec.kind = FKV__RECORD_VALUE;
    rec.version = 300;
    rec.expire_at = 1000;
    rec.key = FKV_STR("\0apricot\0\0");
    rec.value = FKV_STR("x");
    assert_int_equal(fkv__block_builder_add(&builder, &rec, NULL, 0), FKV_OK);

    assert_int_equal(fkv__block_builder_finish(&builder, &out, 5, 4096,
                                               &place),
                     FKV_OK);
    check_hex(out.data, out.len,
              "8100080309006170706c650000726564 "
              "8208000008 "
              "89e803000000000000030701ac027269636f74000078 "
              "0000 1000 1500 03000000 00 c02a16b2");

    fkv__buf_done(&out);
    fkv__block_builder_done(&builder);
}


/*
 * Three stored blocks of one payload.  What a packer makes may differ from
 * version to version; that it is read does not.
 */
static void
blocks_of_each_type_are_read(void **state)
{
    static const struct {
        const char  *bytes;
        size_t       len;
    } stored[] = {
        { "\x81\x00\x05\x10\xe9\x07\x6b\x65\x79\x30\x30\x61\x61\x61\x61\x61"
          "\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61\x81\x04\x01\x10\xea"
          "\x07\x31\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61"
          "\x61\x61\x81\x04\x01\x10\xeb\x07\x32\x61\x61\x61\x61\x61\x61\x61"
          "\x61\x61\x61\x61\x61\x61\x61\x61\x61\x81\x04\x01\x10\xec\x07\x33"
          "\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61"
          "\x81\x04\x01\x10\xed\x07\x34\x61\x61\x61\x61\x61\x61\x61\x61\x61"
          "\x61\x61\x61\x61\x61\x61\x61\x81\x04\x01\x10\xee\x07\x35\x61\x61"
          "\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61\x61\x00\x00"
          "\x1b\x00\x32\x00\x49\x00\x60\x00\x77\x00\xc7\x4c\xa0\x50\xa3\xcb"
          "\x06\x00\x00\x02\x00\x91\xe2\x2c\xb6", 169 },
        { "\xa4\x01\xcb\x81\x00\x05\x10\xe9\x07\x6b\x65\x79\x30\x30\x61\x01"
          "\x00\x7b\x81\x04\x01\x10\xea\x07\x31\x16\x00\x8f\x61\x81\x04\x01"
          "\x10\xeb\x07\x32\x17\x00\x01\x3f\xec\x07\x33\x17\x00\x01\x3f\xed"
          "\x07\x34\x17\x00\x01\x3c\xee\x07\x35\x17\x00\xf0\x07\x00\x00\x1b"
          "\x00\x32\x00\x49\x00\x60\x00\x77\x00\xc7\x4c\xa0\x50\xa3\xcb\x06"
          "\x00\x00\x02\x01\x39\xd2\x65\xbf", 88 },
        { "\xa4\x01\x28\xb5\x2f\xfd\x20\xa4\xa5\x02\x00\xa4\x04\x81\x00\x05"
          "\x10\xe9\x07\x6b\x65\x79\x30\x30\x61\x81\x04\x01\x10\xea\x07\x31"
          "\x61\x81\x04\x01\x10\xeb\x07\x32\x61\x81\x04\x01\x10\xec\x07\x33"
          "\x61\x81\x04\x01\x10\xed\x07\x34\x61\x81\x04\x01\x10\xee\x07\x35"
          "\x61\x00\x00\x1b\x00\x32\x00\x49\x00\x60\x00\x77\x00\xc7\x4c\xa0"
          "\x50\xa3\xcb\x06\x00\x00\x02\x06\x14\x00\x0c\x9c\x73\xce\x93\x02"
          "\x5e\xac\xc4\xc0", 100 }
    };
    fkv__buf_t  room = { 0 };

    (void) state;

    for (size_t i = 0; i < 3; i++) {
        uint8_t            *raw = check_copy(stored[i].bytes, stored[i].len);
        fkv__record_t       rec;
        fkv_str_t           payload;
        fkv__block_iter_t   it;
        uint64_t            n = 0;

        assert_int_equal(fkv__block_open(raw, stored[i].len, 5, 4096, &room,
                                         &payload),
                         FKV_OK);
        assert_int_equal(fkv__block_iter_init(&it, payload), FKV_OK);

        while (fkv__block_iter_next(&it) == FKV_OK) {
            char  key[16];

            (void) sprintf(key, "key%02u", (unsigned) n++);
            check_str(it.rec.key, (fkv_str_t) { (uint8_t *) key, 5 });
            check_str(it.rec.value, FKV_STR("aaaaaaaaaaaaaaaa"));
            assert_int_equal(fkv__block_find(payload, it.rec.key,
                                             fkv__hash(it.rec.key),
                                             UINT64_MAX, &rec),
                             FKV_OK);
            assert_int_equal(rec.version, 1000 + n);
        }

        assert_int_equal(n, 6);
        fkv__block_iter_done(&it);
        free(raw);
    }

    fkv__buf_done(&room);
}


static void
every_16th_record_has_its_key_whole(void **state)
{
    uint64_t   random = 11;
    row_t     *rows = calloc(300, sizeof(row_t));
    size_t     n = rows_make(rows, 300, 40, &random), len;
    fkv_str_t  payload;

    (void) state;

    assert_true(n > 50);

    for (size_t m = 1; m <= 50; m++) {
        uint8_t        *raw = block_make_with(rows, m, m % 2, &len);
        const uint8_t  *offsets;

        payload = block_payload(raw, len);
        offsets = payload.data + payload.len - 4 - m * (2 + m % 2);

        assert_int_equal(fkv__get_le32(payload.data + payload.len - 4),
                         m | (m % 2) << 25);

        for (size_t i = 0; i < m; i++) {
            fkv__record_t   rec;
            const uint8_t  *next;

            assert_int_equal(fkv__record_get(payload.data
                                             + fkv__get_le16(offsets + 2 * i),
                                             offsets, &rec, &next),
                             FKV_OK);
            assert_int_equal(rec.version, rows[i].rec.version);
            assert_int_equal(rec.shared,
                             i % 16 == 0 ? 0
                             : fkv__str_common(rows[i].rec.key,
                                               rows[i - i % 16].rec.key));
        }

        free(raw);
    }

    free(rows);
}


static void
walk_gives_back_every_record(void **state)
{
    uint64_t  random = 12;
    row_t    *rows = calloc(500, sizeof(row_t));

    (void) state;

    for (int round = 0; round < 60; round++) {
        size_t              n = 1 + check_random(&random) % 200, len;
        uint8_t            *raw;
        fkv__block_iter_t   it;

        /* Keys longer than the iterator's own room in every other round. */
        n = rows_make(rows, n, (round & 1) ? 690 : 20, &random);
        raw = block_make(rows, n, &len);

        assert_int_equal(fkv__block_iter_init(&it, block_payload(raw, len)),
                         FKV_OK);
        assert_false(it.valid);

        for (int again = 0; again < 2; again++) {
            assert_int_equal(fkv__block_iter_first(&it), FKV_OK);

            for (size_t i = 0; i < n; i++) {
                row_is(&it, &rows[i]);
                assert_int_equal(fkv__block_iter_next(&it),
                                 i + 1 < n ? FKV_OK : FKV_END);
            }

            assert_false(it.valid);
            assert_int_equal(fkv__block_iter_next(&it), FKV_END);
        }

        fkv__block_iter_done(&it);
        free(raw);
    }

    free(rows);
}


static void
seek_as(fkv__block_iter_t *it, const row_t *rows, size_t n, fkv_str_t key,
    uint64_t version)
{
    size_t  i = 0;
    int     rc;

    while (i < n
           && fkv__block_cmp(rows[i].rec.key, rows[i].rec.version, key,
                             version) < 0)
    {
        i++;
    }

    rc = fkv__block_iter_seek(it, key, version);

    if (i == n) {
        assert_int_equal(rc, FKV_END);
        assert_false(it->valid);
        return;
    }

    assert_int_equal(rc, FKV_OK);
    row_is(it, &rows[i]);

    /* Seeking leaves it able to go on. */
    assert_int_equal(fkv__block_iter_next(it), i + 1 < n ? FKV_OK : FKV_END);

    if (i + 1 < n) {
        row_is(it, &rows[i + 1]);
    }
}


static void
seek_finds_the_first_at_or_behind_key_and_version(void **state)
{
    uint64_t  random = 13;
    row_t    *rows = calloc(500, sizeof(row_t));

    (void) state;

    for (int round = 0; round < 40; round++) {
        size_t              n = 1 + check_random(&random) % 200, len;
        uint8_t            *raw;
        row_t               other[20];
        fkv__block_iter_t   it;

        n = rows_make(rows, n, (round & 1) ? 400 : 6, &random);
        raw = block_make(rows, n, &len);
        assert_int_equal(fkv__block_iter_init(&it, block_payload(raw, len)),
                         FKV_OK);

        for (size_t i = 0; i < n; i++) {
            for (uint64_t version = 0; version < 7; version++) {
                seek_as(&it, rows, n, rows[i].rec.key, version);
            }
        }

        for (int i = 0; i < 20; i++) {
            size_t  m = rows_make(other, 20, 6, &random);

            seek_as(&it, rows, n, other[0].rec.key, 3);
            seek_as(&it, rows, n, other[m - 1].rec.key, UINT64_MAX);
        }

        seek_as(&it, rows, n, FKV_STR(""), UINT64_MAX);
        seek_as(&it, rows, n, FKV_STR("\xff\xff\xff\xff"), 0);

        fkv__block_iter_done(&it);
        free(raw);
    }

    free(rows);
}


static void
find_as(fkv_str_t payload, const row_t *rows, size_t n, fkv_str_t key,
    uint64_t version)
{
    fkv__record_t  rec;
    size_t         i = 0;
    int            rc;

    while (i < n && (!fkv__str_eq(rows[i].rec.key, key)
                     || rows[i].rec.version > version))
    {
        i++;
    }

    rc = fkv__block_find(payload, key, row_hash(key), version, &rec);

    assert_int_equal(rc, i < n ? FKV_OK : FKV_NOTFOUND);

    if (rc == FKV_OK) {
        assert_int_equal(rec.version, rows[i].rec.version);
        assert_int_equal(rec.kind, rows[i].rec.kind);
        assert_int_equal(rec.expire_at, rows[i].rec.expire_at);
        check_str(rec.key, rows[i].rec.key);
        check_str(rec.value, rows[i].rec.value);
    }
}


static void
find_gives_the_newest_wanted_version_or_none(void **state)
{
    uint64_t  random = 19;
    row_t    *rows = calloc(500, sizeof(row_t));

    (void) state;

    for (int round = 0; round < 60; round++) {
        size_t      n = 1 + check_random(&random) % 300, len;
        uint8_t    *raw;
        fkv_str_t   payload;
        row_t       other[20];

        n = rows_make(rows, n, (round % 4 < 2) ? 60 : 6, &random);
        raw = block_make_with(rows, n, round % 2, &len);
        payload = block_payload(raw, len);

        for (size_t i = 0; i < n; i++) {
            for (uint64_t version = 0; version < 7; version++) {
                find_as(payload, rows, n, rows[i].rec.key, version);
            }
        }

        for (size_t m = rows_make(other, 20, 70, &random); m > 0; m--) {
            find_as(payload, rows, n, other[m - 1].rec.key, 5);
        }

        free(raw);
    }

    free(rows);
}


/* All fingerprints alike, or four kinds of them; half of the keys absent. */
static void
fingers_that_collide_do_not_change_the_answer(void **state)
{
    static const uint64_t  bits[] = { 0, 3, 0x55 };
    uint64_t               random = 29;
    row_t                 *rows = calloc(500, sizeof(row_t));
    row_t                 *others = calloc(500, sizeof(row_t));

    (void) state;

    for (unsigned round = 0; round < 30; round++) {
        size_t      n, m, len;
        uint8_t    *raw;
        fkv_str_t   payload;

        hash_bits = bits[round % 3];
        n = rows_make(rows, 1 + check_random(&random) % 400, 80, &random);
        m = rows_make(others, 200, 80, &random);
        raw = block_make_with(rows, n, true, &len);
        payload = block_payload(raw, len);

        for (size_t i = 0; i < n; i++) {
            find_as(payload, rows, n, rows[i].rec.key, rows[i].rec.version);
            find_as(payload, rows, n, rows[i].rec.key, UINT64_MAX);
        }

        for (size_t i = 0; i < m; i++) {
            find_as(payload, rows, n, others[i].rec.key, 3);
        }

        free(raw);
    }

    hash_bits = UINT64_MAX;
    free(others);
    free(rows);
}


static void
block_over_64_kib_has_wide_offsets(void **state)
{
    uint64_t            random = 20;
    size_t              n, len;
    row_t              *rows = calloc(3000, sizeof(row_t));
    fkv_str_t           payload;
    fkv__block_iter_t   it;
    uint8_t            *raw;

    (void) state;

    n = rows_make(rows, 3000, 690, &random);
    assert_true(n > 1000);
    raw = block_make_with(rows, n, true, &len);
    payload = block_payload(raw, len);

    assert_true(payload.len > 70000);
    assert_int_equal(fkv__get_le32(payload.data + payload.len - 4),
                     n | 3 << 24);

    for (size_t i = 0; i < n; i += 7) {
        find_as(payload, rows, n, rows[i].rec.key, rows[i].rec.version);
    }

    assert_int_equal(fkv__block_iter_init(&it, payload), FKV_OK);

    for (size_t i = 0; i < n; i += 7) {
        assert_int_equal(fkv__block_iter_seek(&it, rows[i].rec.key,
                                              rows[i].rec.version),
                         FKV_OK);
        row_is(&it, &rows[i]);
    }

    fkv__block_iter_done(&it);
    free(raw);
    free(rows);
}


static void
full_block_takes_no_more_unless_it_is_empty(void **state)
{
    fkv__block_builder_t  builder;
    fkv__block_place_t    place;
    fkv__buf_t            out = { 0 };
    fkv__record_t         rec = { 0 };
    uint8_t               value[500] = { 0 };
    size_t                before;

    (void) state;

    fkv__block_builder_init(&builder);

    rec.kind = FKV__RECORD_VALUE;
    rec.version = 1;
    rec.value = (fkv_str_t) { value, sizeof(value) };

    rec.key = FKV_STR("a");
    assert_int_equal(fkv__block_builder_add(&builder, &rec, NULL, 100), FKV_OK);

    before = fkv__block_builder_bytes(&builder);
    rec.key = FKV_STR("b");
    rec.value.len = 0;
    assert_int_equal(fkv__block_builder_add(&builder, &rec, NULL, before),
                     FKV_EFULL);
    assert_int_equal(fkv__block_builder_bytes(&builder), before);

    /* flags, shared, key length, value length, version, key: 6 bytes; offset:
       2 bytes. */
    assert_int_equal(fkv__block_builder_add(&builder, &rec, NULL, before + 7),
                     FKV_EFULL);
    assert_int_equal(fkv__block_builder_add(&builder, &rec, NULL, before + 8),
                     FKV_OK);
    assert_int_equal(fkv__block_builder_bytes(&builder), before + 8);

    assert_int_equal(fkv__block_builder_finish(&builder, &out, 1, 0, &place),
                     FKV_OK);

    rec.key = FKV_STR("c");
    rec.value.len = sizeof(value);
    assert_int_equal(fkv__block_builder_add(&builder, &rec, NULL, 1), FKV_OK);

    fkv__buf_done(&out);
    fkv__block_builder_done(&builder);
}


typedef struct {
    fkv_str_t  key1;
    uint64_t   version1;
    fkv_str_t  key2;
    uint64_t   version2;
    bool       cut;             /* into two blocks */
} pair_t;


static void
pair_add(void *data)
{
    pair_t               *pair = data;
    fkv__block_builder_t  builder;
    fkv__block_place_t    place;
    fkv__buf_t            out = { 0 };
    fkv__record_t         rec = { 0 };

    fkv__block_builder_init(&builder);

    rec.kind = FKV__RECORD_VALUE;
    rec.key = pair->key1;
    rec.version = pair->version1;
    (void) fkv__block_builder_add(&builder, &rec, NULL, 0);

    if (pair->cut) {
        (void) fkv__block_builder_finish(&builder, &out, 1, 0, &place);
    }

    rec.key = pair->key2;
    rec.version = pair->version2;
    (void) fkv__block_builder_add(&builder, &rec, NULL, 0);

    fkv__buf_done(&out);
    fkv__block_builder_done(&builder);
}


/*
 * Two records, the second with a whole key though it shares a byte with the
 * head's: a search takes it for one behind what it looks for.
 */
static void
a_record_that_shares_too_little_is_not_found_newer(void **state)
{
    static const uint8_t  tail[] = { 0, 0, 7, 0, 2, 0, 0, 0 };
    uint8_t               payload[32];
    fkv__record_t         rec = { .kind = FKV__RECORD_VALUE, .version = 9 };
    uint8_t              *p = payload;
    fkv_str_t             block = { payload, 0 };

    (void) state;

    rec.key = FKV_STR("k0");
    p = fkv__record_put(p, &rec);
    assert_int_equal(p - payload, 7);
    rec.key = FKV_STR("k1");
    p = fkv__record_put(p, &rec);
    memcpy(p, tail, sizeof(tail));
    block.len = (size_t) (p - payload) + sizeof(tail);

    assert_int_equal(fkv__block_find(block, FKV_STR("k1"), 0, 9, &rec),
                     FKV_OK);
    assert_int_equal(fkv__block_find(block, FKV_STR("k1"), 0, 3, &rec),
                     FKV_ECORRUPT);
}


static void
records_out_of_order_are_a_programmers_error(void **state)
{
    static const pair_t  good[] = {
        { FKV_STR("a"), 1, FKV_STR("b"), 1, false },
        { FKV_STR("a"), 1, FKV_STR("ab"), 1, false },
        { FKV_STR("a"), 2, FKV_STR("a"), 1, false },
        { FKV_STR("a"), 2, FKV_STR("a"), 1, true },
        { FKV_STR("aaaaaaaaab"), 2, FKV_STR("aaaaaaaaac"), 2, false },
    };
    static const pair_t  bad[] = {
        { FKV_STR("b"), 1, FKV_STR("a"), 1, false },
        { FKV_STR("ab"), 1, FKV_STR("a"), 1, false },
        { FKV_STR("a"), 1, FKV_STR("a"), 1, false },
        { FKV_STR("a"), 1, FKV_STR("a"), 2, false },
        { FKV_STR("a"), 1, FKV_STR("a"), 2, true },
        { FKV_STR("b"), 1, FKV_STR("a"), 1, true },
        { FKV_STR("a"), 1, FKV_STR("b"), 0, false },
        { FKV_STR("aaaaaaaaac"), 2, FKV_STR("aaaaaaaaab"), 2, false },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        pair_t  pair = good[i];

        assert_false(check_aborts(pair_add, &pair));
    }

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        pair_t  pair = bad[i];

        assert_true(check_aborts(pair_add, &pair));
    }
}


static void
every_flipped_bit_is_found(void **state)
{
    uint64_t   random = 14;
    row_t      rows[40];
    size_t     n = rows_make(rows, 40, 20, &random), len;
    uint8_t   *raw = block_make(rows, n, &len);
    fkv_str_t  payload;

    (void) state;

    for (size_t bit = 0; bit < 8 * len; bit++) {
        raw[bit / 8] ^= (uint8_t) (1 << bit % 8);
        assert_int_equal(fkv__block_check(raw, len, FILE_ID, OFFSET,
                                          &payload),
                         FKV_ECORRUPT);
        raw[bit / 8] ^= (uint8_t) (1 << bit % 8);
    }

    free(raw);
}


static void
block_that_is_cut_anywhere_is_corrupt(void **state)
{
    uint64_t   random = 15;
    row_t      rows[20];
    size_t     n = rows_make(rows, 20, 20, &random), len;
    uint8_t   *raw = block_make(rows, n, &len);
    fkv_str_t  payload;

    (void) state;

    for (size_t cut = 0; cut < len; cut++) {
        uint8_t  *part = check_copy(raw, cut);

        assert_int_equal(fkv__block_check(part, cut, FILE_ID, OFFSET,
                                          &payload),
                         FKV_ECORRUPT);
        free(part);
    }

    free(raw);
}


static void
block_counts_only_at_its_place_in_its_file(void **state)
{
    uint64_t   random = 16;
    row_t      rows[5];
    size_t     n = rows_make(rows, 5, 20, &random), len;
    uint8_t   *raw = block_make(rows, n, &len);
    fkv_str_t  payload;

    (void) state;

    for (int bit = 0; bit < 64; bit++) {
        uint64_t  flip = (uint64_t) 1 << bit;

        assert_int_equal(fkv__block_check(raw, len, FILE_ID ^ flip, OFFSET,
                                          &payload),
                         FKV_ECORRUPT);
        assert_int_equal(fkv__block_check(raw, len, FILE_ID, OFFSET ^ flip,
                                          &payload),
                         FKV_ECORRUPT);
    }

    free(raw);
}


/* malloc'ed: any bytes as a block of a type, with the right sum. */
static uint8_t *
block_forge(uint8_t type, const void *stored, size_t n)
{
    uint8_t  *bytes = malloc(16 + n + 1), *raw;

    fkv__put_le64(bytes, FILE_ID);
    fkv__put_le64(bytes + 8, OFFSET);
    memcpy(bytes + 16, stored, n);
    bytes[16 + n] = type;

    raw = malloc(n + FKV__BLOCK_TRAILER_BYTES);
    memcpy(raw, stored, n);
    raw[n] = type;
    fkv__put_le32(raw + n + 1, fkv__crc32c(0, bytes, 16 + n + 1));
    free(bytes);

    return raw;
}


static void
block_of_an_unknown_type_is_refused_as_newer(void **state)
{
    uint8_t     *raw = block_forge(200, "packed", 6);
    fkv_str_t    payload;
    fkv__buf_t   room = { 0 };

    (void) state;

    assert_int_equal(fkv__block_open(raw, 6 + FKV__BLOCK_TRAILER_BYTES,
                                     FILE_ID, OFFSET, &room, &payload),
                     FKV_EVERSION);
    raw[6]++;
    assert_int_equal(fkv__block_open(raw, 6 + FKV__BLOCK_TRAILER_BYTES,
                                     FILE_ID, OFFSET, &room, &payload),
                     FKV_ECORRUPT);
    free(raw);
    fkv__buf_done(&room);
}


static void
packed_block_is_refused_where_none_may_be(void **state)
{
    uint8_t    *raw = block_forge(FKV__BLOCK_LZ4, "packed", 6);
    fkv_str_t   payload;

    (void) state;

    assert_int_equal(fkv__block_check(raw, 6 + FKV__BLOCK_TRAILER_BYTES,
                                      FILE_ID, OFFSET, &payload),
                     FKV_EVERSION);
    free(raw);
}


/* Whatever the bytes are: answers, order, and no step outside. */
static void
walk_bytes(const uint8_t *data, size_t len)
{
    uint8_t            *copy = check_copy(data, len);
    fkv_str_t           payload = { copy, len };
    uint8_t             last[1024];
    size_t              last_len = 0, n = 0;
    uint64_t            last_version = 0;
    fkv__block_iter_t   it;
    int                 rc;

    if (fkv__block_iter_init(&it, payload) == FKV_OK) {
        rc = fkv__block_iter_first(&it);

        for ( ; rc == FKV_OK; rc = fkv__block_iter_next(&it)) {
            fkv_str_t  value = it.rec.value;

            assert_true(value.data >= copy);
            assert_true(value.data + value.len <= copy + len);
            assert_true(it.rec.key.len <= len);
            assert_true(it.rec.key.len <= sizeof(last));
            assert_true(n++ <= len);

            assert_true(last_version == 0
                        || fkv__block_cmp((fkv_str_t) { last, last_len },
                                          last_version, it.rec.key,
                                          it.rec.version) < 0);

            last_len = it.rec.key.len;
            last_version = it.rec.version;

            if (last_len > 0) {
                memcpy(last, it.rec.key.data, last_len);
            }
        }

        assert_true(rc == FKV_END || rc == FKV_ECORRUPT);
        assert_false(it.valid);

        rc = fkv__block_iter_seek(&it, FKV_STR("aab"), 3);
        assert_true(rc == FKV_OK || rc == FKV_END || rc == FKV_ECORRUPT);
        assert_int_equal(it.valid, rc == FKV_OK);
        assert_true(rc != FKV_OK
                    || fkv__block_cmp(it.rec.key, it.rec.version,
                                      FKV_STR("aab"), 3) >= 0);

        rc = fkv__block_find(payload, FKV_STR("aab"), 0x61, 3, &it.rec);
        assert_true(rc == FKV_OK || rc == FKV_NOTFOUND || rc == FKV_ECORRUPT);
        assert_true(rc != FKV_OK || it.rec.version <= 3);

    } else {
        assert_int_equal(fkv__block_iter_first(&it), FKV_END);
        assert_int_equal(fkv__block_iter_seek(&it, FKV_STR("a"), 1), FKV_END);
    }

    fkv__block_iter_done(&it);
    free(copy);
}


static void
damaged_payload_never_leads_outside(void **state)
{
    uint64_t   random = 17;
    row_t      rows[60];

    (void) state;

    for (int round = 0; round < 400; round++) {
        size_t    n = 1 + check_random(&random) % 60, len;
        uint8_t  *raw;

        n = rows_make(rows, n, (round & 1) ? 300 : 8, &random);
        raw = block_make_with(rows, fkv__min(n, 30), round % 3 == 0, &len);
        len -= FKV__BLOCK_TRAILER_BYTES;

        if (len > 1024) {
            memmove(raw, raw + len - 1024, 1024);
            len = 1024;
        }

        for (int i = 0; i < 100; i++) {
            size_t   at = check_random(&random) % len;
            uint8_t  was = raw[at];

            raw[at] = (uint8_t) (check_random(&random) >> 8);
            walk_bytes(raw, len);
            walk_bytes(raw, check_random(&random) % (len + 1));

            if (i % 3 != 0) {
                raw[at] = was;
            }
        }

        free(raw);
    }
}


static void
garbage_never_leads_outside(void **state)
{
    uint64_t  random = 18;

    (void) state;

    for (int i = 0; i < 100000; i++) {
        uint8_t  bytes[64];
        size_t   len = check_random(&random) % (sizeof(bytes) + 1);

        check_random_bytes(&random, bytes, len);

        for (size_t j = 0; j < len; j++) {
            bytes[j] &= (check_random(&random) & 3) ? 0x87 : 0xff;
        }

        if (len >= 8 && (i & 3) != 0) {
            bytes[0] = FKV__RECORD_VALUE | FKV__RECORD_VERSION;
            fkv__put_le32(bytes + len - 4, 1 + (uint32_t) (i & 8) / 8);
            fkv__put_le16(bytes + len - ((i & 8) ? 8 : 6), 0);
        }

        walk_bytes(bytes, len);
    }
}


static void
impossible_tails_are_corrupt(void **state)
{
    static const struct {
        size_t       len;
        const char  *bytes;
    } bad[] = {
        { 0, "" },
        { 3, "\0\0\0" },
        { 4, "\1\0\0\0" },                      /* no room for an offset */
        { 6, "\0\0\0\0\0\0" },                  /* no record */
        { 6, "\0\0\1\0\0\0" },                  /* at the end of nothing */
        { 8, "\0\0\0\0\3\0\0\0" },              /* more than there are bytes */
        { 8, "\0\0\0\0\xff\xff\xff\0" },
        { 9, "xxx\0\0\1\0\0\4" },               /* a shape nobody knows */
        { 7, "x\1\0\1\0\0\0" },                 /* the first is not at 0 */
        { 9, "x\0\0\1\0\2\0\0\0" },             /* the last is outside */
        { 8, "xx\0\0\1\0\0\1" },                /* no room for wide ones */
        { 6, "\0\0\1\0\0\2" },                  /* or for a fingerprint */
    };

    (void) state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t            *copy = check_copy(bad[i].bytes, bad[i].len);
        fkv_str_t           payload = { copy, bad[i].len };
        fkv__record_t       rec;
        fkv__block_iter_t   it;

        assert_int_equal(fkv__block_iter_init(&it, payload), FKV_ECORRUPT);
        assert_int_equal(fkv__block_iter_next(&it), FKV_END);
        assert_int_equal(fkv__block_find(payload, FKV_STR("a"), 0, 1, &rec),
                         FKV_ECORRUPT);
        fkv__block_iter_done(&it);
        free(copy);
    }
}


/* Three records; seeking "ac" looks at the second one first. */
static void
record_that_seek_cannot_use_is_corrupt(void **state)
{
    static const uint8_t  bytes[] =
        "\x81\0\2\0\1aa" "\x81\1\1\0\1b" "\x81\1\1\0\1c"
        "\0\0" "\7\0" "\15\0" "\3\0\0";
    static const struct {
        size_t   at;
        uint8_t  byte;
    } bad[] = {
        { 1, 1 },               /* the head shares */
        { 8, 3 },               /* shares more than the head has */
        { 21, 19 },             /* outside of the records */
        { 22, 0x80 },           /* far outside */
        { 21, 8 },              /* not at a record */
        { 7, 1 },               /* no version */
    };

    (void) state;

    for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t            *copy = check_copy(bytes, sizeof(bytes));
        fkv_str_t           payload = { copy, sizeof(bytes) };
        fkv__record_t       rec;
        fkv__block_iter_t   it;

        if (i > 0) {
            copy[bad[i - 1].at] = bad[i - 1].byte;
        }

        assert_int_equal(fkv__block_iter_init(&it, payload), FKV_OK);
        assert_int_equal(fkv__block_iter_seek(&it, FKV_STR("ac"), 1),
                         i == 0 ? FKV_OK : FKV_ECORRUPT);
        assert_int_equal(it.valid, i == 0);
        assert_int_equal(fkv__block_find(payload, FKV_STR("ac"), 0, 1, &rec),
                         i == 0 ? FKV_OK : FKV_ECORRUPT);

        fkv__block_iter_done(&it);
        free(copy);
    }
}


static void
records_that_break_a_rule_are_corrupt(void **state)
{
    static const struct {
        size_t       len;
        const char  *second;
    } bad[] = {
        { 6, "\x81\0\1\0\1a" },         /* descends */
        { 5, "\x81\2\0\0\2" },          /* twins */
        { 5, "\x81\2\0\0\3" },          /* newer version behind */
        { 5, "\x81\3\0\0\1" },          /* shares more than is there */
        { 6, "\x81\1\1\0\1b" },         /* shares less than it could */
        { 5, "\x81\1\0\0\1" },          /* a beginning of the one before */
        { 6, "\x01\2\1\0c!" },          /* no version */
        { 6, "\0\0\0\0\0\0" },          /* padding among them */
    };

    (void) state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        size_t              len = 7 + bad[i].len + 8;
        uint8_t            *copy = calloc(1, len);
        fkv__block_iter_t   it;

        memcpy(copy, "\x81\0\2\0\2bb", 7);
        memcpy(copy + 7, bad[i].second, bad[i].len);
        copy[len - 6] = 7;
        copy[len - 4] = 2;

        assert_int_equal(fkv__block_iter_init(&it, (fkv_str_t) { copy, len }),
                         FKV_OK);
        assert_int_equal(fkv__block_iter_first(&it), FKV_OK);
        assert_int_equal(fkv__block_iter_next(&it), FKV_ECORRUPT);
        assert_false(it.valid);

        fkv__block_iter_done(&it);
        free(copy);
    }
}


static void
first_record_that_shares_is_corrupt(void **state)
{
    static const uint8_t  bytes[] = "\x81\1\1\0\1a" "\0\0\1\0\0";
    fkv__block_iter_t     it;

    (void) state;

    assert_int_equal(fkv__block_iter_init(&it, (fkv_str_t) { bytes, 12 }),
                     FKV_OK);
    assert_int_equal(fkv__block_iter_first(&it), FKV_ECORRUPT);
    fkv__block_iter_done(&it);
}


/* More bytes than the records that are counted, or fewer. */
static void
records_and_their_number_must_agree(void **state)
{
    static const uint8_t  more[] = "\x81\0\1\0\1a" "\x81\0\1\0\1b"
                                   "\0\0\1\0\0";
    fkv__block_iter_t     it;

    (void) state;

    assert_int_equal(fkv__block_iter_init(&it, (fkv_str_t) { more, 18 }),
                     FKV_OK);
    assert_int_equal(fkv__block_iter_first(&it), FKV_OK);
    assert_int_equal(fkv__block_iter_next(&it), FKV_ECORRUPT);
    fkv__block_iter_done(&it);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(block_has_these_bytes),
        cmocka_unit_test(blocks_of_each_type_are_read),
        cmocka_unit_test(every_16th_record_has_its_key_whole),
        cmocka_unit_test(walk_gives_back_every_record),
        cmocka_unit_test(seek_finds_the_first_at_or_behind_key_and_version),
        cmocka_unit_test(find_gives_the_newest_wanted_version_or_none),
        cmocka_unit_test(fingers_that_collide_do_not_change_the_answer),
        cmocka_unit_test(block_over_64_kib_has_wide_offsets),
        cmocka_unit_test(full_block_takes_no_more_unless_it_is_empty),
        cmocka_unit_test(a_record_that_shares_too_little_is_not_found_newer),
        cmocka_unit_test(records_out_of_order_are_a_programmers_error),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(block_that_is_cut_anywhere_is_corrupt),
        cmocka_unit_test(block_counts_only_at_its_place_in_its_file),
        cmocka_unit_test(block_of_an_unknown_type_is_refused_as_newer),
        cmocka_unit_test(packed_block_is_refused_where_none_may_be),
        cmocka_unit_test(damaged_payload_never_leads_outside),
        cmocka_unit_test(garbage_never_leads_outside),
        cmocka_unit_test(impossible_tails_are_corrupt),
        cmocka_unit_test(record_that_seek_cannot_use_is_corrupt),
        cmocka_unit_test(records_that_break_a_rule_are_corrupt),
        cmocka_unit_test(first_record_that_shares_is_corrupt),
        cmocka_unit_test(records_and_their_number_must_agree),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
