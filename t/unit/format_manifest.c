/*
 * format_manifest.c - manifest header, edits, records, CURRENT.
 */

#include "check.h"
#include "base/crc32c.h"
#include "format/field.h"
#include "format/manifest.h"

#define NUMBER  17


/* What fkv__table_info_check() believes; to be done by the caller. */
static fkv__table_info_t
info_make(uint64_t id)
{
    fkv__table_info_t  info;

    fkv__table_info_init(&info);

    info.id = id;
    info.bytes = 10000;
    info.index_offset = 8192;
    info.index_bytes = 100;
    info.filter_offset = 4096;
    info.filter_pages = 1;
    info.entries = 50;
    info.keys = 40;
    info.tombstones = 3;
    info.expiring = 2;
    info.version_min = 300;
    info.version_max = 700;
    info.expire_at_min = 1000;
    info.expire_at_max = 2000;
    info.key_bytes = 400;
    info.created_ms = 500;

    assert_int_equal(fkv__buf_append(&info.smallest, "\0a\0\0", 4), FKV_OK);
    assert_int_equal(fkv__buf_append(&info.largest, "\0b\0\0", 4), FKV_OK);
    assert_int_equal(fkv__buf_append(&info.expiry, "\1\2", 2), FKV_OK);

    return info;
}


static void
edit_make(fkv__edit_t *edit, uint64_t number, unsigned adds, unsigned drops)
{
    fkv__edit_init(edit);

    edit->number = number;
    edit->snapshot = (number == 1);
    edit->clock_ms = 1000000 + number;
    edit->log_floor = 4096 * number;
    edit->next_file = 100 + number;
    edit->next_incarnation = 7;
    edit->next_lsn = (number % 2 == 0) ? 0 : 8192 * number;

    for (unsigned i = 0; i < adds; i++) {
        fkv__table_info_t  info = info_make(1 + i);

        assert_int_equal(fkv__edit_add(edit, i % 7, &info), FKV_OK);
        fkv__table_info_done(&info);
    }

    for (unsigned i = 0; i < drops; i++) {
        fkv__range_t  range = { FKV_STR("\0a"), FKV_STR("\0b"), 1 + i };

        assert_int_equal(fkv__edit_drop(edit, 1000 + i), FKV_OK);
        assert_int_equal(fkv__edit_range(edit, &range), FKV_OK);
        assert_int_equal(fkv__edit_range_drop(edit, 2000 + i), FKV_OK);
    }
}


static void
edits_are_equal(const fkv__edit_t *a, const fkv__edit_t *b)
{
    assert_int_equal(a->number, b->number);

#define EDIT_EQUAL(tag, name)  assert_int_equal(a->name, b->name);
    FKV__EDIT_MAP(EDIT_EQUAL)
#undef EDIT_EQUAL

    assert_int_equal(a->n_adds, b->n_adds);
    assert_int_equal(a->n_drops, b->n_drops);

    for (size_t i = 0; i < a->n_adds; i++) {
        const fkv__table_info_t  *x = &a->adds[i].info, *y = &b->adds[i].info;

        assert_int_equal(a->adds[i].level, b->adds[i].level);

#define INFO_EQUAL(tag, name)  assert_int_equal(x->name, y->name);
        FKV__TABLE_INFO_MAP(INFO_EQUAL)
#undef INFO_EQUAL

        check_str(fkv__buf_str(&x->smallest), fkv__buf_str(&y->smallest));
        check_str(fkv__buf_str(&x->largest), fkv__buf_str(&y->largest));
        check_str(fkv__buf_str(&x->expiry), fkv__buf_str(&y->expiry));
    }

    for (size_t i = 0; i < a->n_drops; i++) {
        assert_int_equal(a->drops[i], b->drops[i]);
    }

    assert_int_equal(a->n_ranges, b->n_ranges);
    assert_int_equal(a->n_range_drops, b->n_range_drops);

    for (size_t i = 0; i < a->n_ranges; i++) {
        check_str(a->ranges[i].begin, b->ranges[i].begin);
        check_str(a->ranges[i].end, b->ranges[i].end);
        assert_int_equal(a->ranges[i].version, b->ranges[i].version);
    }

    for (size_t i = 0; i < a->n_range_drops; i++) {
        assert_int_equal(a->range_drops[i], b->range_drops[i]);
    }
}


/* Header and edits 1 to n; ends[i] is where edit i + 1 ends. */
static void
manifest_make(fkv__buf_t *file, unsigned n, uint64_t *ends)
{
    uint8_t  header[FKV__MANIFEST_HEADER_BYTES];

    memset(file, 0, sizeof(*file));
    fkv__manifest_header_put(header, NUMBER);
    assert_int_equal(fkv__buf_append(file, header, sizeof(header)), FKV_OK);

    for (unsigned i = 1; i <= n; i++) {
        fkv__edit_t  edit;

        edit_make(&edit, i, i % 3, i % 4);
        assert_int_equal(fkv__manifest_put(file, NUMBER, file->len, &edit),
                         FKV_OK);
        fkv__edit_done(&edit);
        ends[i - 1] = file->len;
    }
}


static void
header_has_these_bytes(void **state)
{
    uint8_t  header[FKV__MANIFEST_HEADER_BYTES];

    (void) state;

    fkv__manifest_header_put(header, 0x0102030405060708);
    check_hex(header, sizeof(header),
              "464b566d616e0d0a 01000000 00000000 0807060504030201"
              " 00000000 ac3173b3");
}


static void
header_gives_back_its_number_and_nothing_damaged(void **state)
{
    uint8_t    header[FKV__MANIFEST_HEADER_BYTES];
    fkv_str_t  file = { header, sizeof(header) };
    uint64_t   number;

    (void) state;

    fkv__manifest_header_put(header, NUMBER);
    assert_int_equal(fkv__manifest_header_get(file, &number), FKV_OK);
    assert_int_equal(number, NUMBER);

    for (size_t bit = 0; bit < 8 * sizeof(header); bit++) {
        header[bit / 8] ^= (uint8_t) (1 << bit % 8);
        assert_int_equal(fkv__manifest_header_get(file, &number),
                         FKV_ECORRUPT);
        header[bit / 8] ^= (uint8_t) (1 << bit % 8);
    }

    for (size_t cut = 0; cut < sizeof(header); cut++) {
        uint8_t  *part = check_copy(header, cut);

        assert_int_equal(fkv__manifest_header_get((fkv_str_t) { part, cut },
                                                  &number),
                         FKV_ECORRUPT);
        free(part);
    }

    fkv__put_le32(header + 8, FKV__MANIFEST_FORMAT + 1);
    fkv__put_le32(header + 28, fkv__crc32c(0, header, 28));
    assert_int_equal(fkv__manifest_header_get(file, &number), FKV_EVERSION);
}


static void
record_has_these_bytes(void **state)
{
    fkv__buf_t         buf = { 0 };
    fkv__edit_t        edit;
    fkv__table_info_t  info = info_make(300);

    (void) state;

    fkv__edit_init(&edit);
    edit.number = 3;
    edit.snapshot = 1;
    edit.clock_ms = 1000;
    edit.log_floor = 4096;
    edit.next_file = 301;
    edit.next_incarnation = 6;
    edit.next_lsn = 5000;
    assert_int_equal(fkv__edit_add(&edit, 2, &info), FKV_OK);
    assert_int_equal(fkv__edit_drop(&edit, 299), FKV_OK);

    assert_int_equal(fkv__manifest_put(&buf, NUMBER, 32, &edit), FKV_OK);
    check_hex(buf.data, buf.len,
              "6f000000c2e8949d03000000000000000201010402e807060280200802ad"
              "020a01060c0288270e4b020202ac020402904e060280400801640a028020"
              "0c01010e01321001281201031401021602ac021802bc051a02e8071c02d0"
              "0f010290030502f403110201021e04006100002004006200001002ab02");

    fkv__buf_done(&buf);
    fkv__edit_done(&edit);
    fkv__table_info_done(&info);
}


static void
range_tombstones_have_these_bytes(void **state)
{
    fkv__buf_t    buf = { 0 };
    fkv__edit_t   edit;
    fkv__range_t  range = { FKV_STR("\0user:"), FKV_STR("\0user;"), 300 };

    (void) state;

    fkv__edit_init(&edit);
    edit.number = 3;
    assert_int_equal(fkv__edit_range(&edit, &range), FKV_OK);
    assert_int_equal(fkv__edit_range_drop(&edit, 200), FKV_OK);

    assert_int_equal(fkv__edit_encode(&buf, &edit), FKV_OK);
    check_hex(buf.data, buf.len, "0300000000000000 1a 0f ac02 06 00757365723a"
              " 00757365723b 1c 02 c801");

    fkv__buf_done(&buf);
    fkv__edit_done(&edit);
}


/* Of a field: its length, or FKV_ECORRUPT. */
static int
decode_range(const char *bytes, size_t len)
{
    fkv__buf_t   buf = { 0 };
    fkv__edit_t  edit;
    int          rc;

    assert_int_equal(fkv__buf_append(&buf, "\3\0\0\0\0\0\0\0", 8), FKV_OK);
    assert_int_equal(fkv__field_put(&buf, FKV__EDIT_RANGE,
                                    (fkv_str_t) { (const uint8_t *) bytes,
                                                  len }), FKV_OK);

    rc = fkv__edit_decode(fkv__buf_str(&buf), &edit);

    if (rc == FKV_OK) {
        assert_int_equal(edit.n_ranges, 1);
        fkv__edit_done(&edit);
    }

    fkv__buf_done(&buf);

    return rc;
}


static void
impossible_range_tombstones_are_corrupt(void **state)
{
    (void) state;

    assert_int_equal(decode_range("\5\1ab", 4), FKV_OK);

    assert_int_equal(decode_range("\0\1ab", 4), FKV_ECORRUPT);
    assert_int_equal(decode_range("\5\1ba", 4), FKV_ECORRUPT);
    assert_int_equal(decode_range("\5\1aa", 4), FKV_ECORRUPT);
    assert_int_equal(decode_range("\5\0ab", 4), FKV_ECORRUPT);
    assert_int_equal(decode_range("\5\1a", 3), FKV_ECORRUPT);
    assert_int_equal(decode_range("\5\3ab", 4), FKV_ECORRUPT);
    assert_int_equal(decode_range("\5", 1), FKV_ECORRUPT);
    assert_int_equal(decode_range("", 0), FKV_ECORRUPT);
    assert_int_equal(decode_range("\5\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"
                                  "ab", 13), FKV_ECORRUPT);
}


static void
edits_survive_the_round_trip(void **state)
{
    static const unsigned  sizes[][2] = {
        { 0, 0 }, { 1, 0 }, { 0, 1 }, { 3, 2 }, { 100, 200 },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t       before = fkv_alloc_bytes();
        fkv__buf_t   buf = { 0 };
        fkv__edit_t  edit, back;

        edit_make(&edit, 1 + i, sizes[i][0], sizes[i][1]);
        assert_int_equal(fkv__edit_encode(&buf, &edit), FKV_OK);
        assert_int_equal(fkv__edit_decode(fkv__buf_str(&buf), &back), FKV_OK);
        edits_are_equal(&edit, &back);

        fkv__buf_done(&buf);
        fkv__edit_done(&edit);
        fkv__edit_done(&back);
        assert_int_equal(fkv_alloc_bytes(), before);
    }
}


static void
manifest_is_read_edit_by_edit(void **state)
{
    fkv__buf_t  file;
    uint64_t    ends[20], at = FKV__MANIFEST_HEADER_BYTES, next;
    fkv__edit_t edit, want;

    (void) state;

    manifest_make(&file, 20, ends);

    for (unsigned i = 1; i <= 20; i++) {
        assert_int_equal(fkv__manifest_get(fkv__buf_str(&file), NUMBER, at,
                                           &edit, &next),
                         FKV_OK);
        assert_int_equal(next, ends[i - 1]);

        edit_make(&want, i, i % 3, i % 4);
        edits_are_equal(&edit, &want);

        fkv__edit_done(&want);
        fkv__edit_done(&edit);
        at = next;
    }

    assert_int_equal(fkv__manifest_get(fkv__buf_str(&file), NUMBER, at, &edit,
                                       &next),
                     FKV_END);
    fkv__buf_done(&file);
}


static void
zeros_behind_the_last_edit_are_the_end(void **state)
{
    static const uint8_t  zero[100];
    fkv__buf_t            file;
    uint64_t              ends[2], next;
    fkv__edit_t           edit;

    (void) state;

    manifest_make(&file, 2, ends);
    assert_int_equal(fkv__buf_append(&file, zero, sizeof(zero)), FKV_OK);

    for (size_t len = ends[1]; len <= file.len; len++) {
        assert_int_equal(fkv__manifest_get((fkv_str_t) { file.data, len },
                                           NUMBER, ends[1], &edit, &next),
                         FKV_END);
    }

    file.data[file.len - 1] = 1;
    assert_int_equal(fkv__manifest_get(fkv__buf_str(&file), NUMBER, ends[1],
                                       &edit, &next),
                     FKV_ECORRUPT);
    fkv__buf_done(&file);
}


static void
torn_edit_is_corrupt_and_nothing_follows(void **state)
{
    fkv__buf_t   file;
    uint64_t     ends[2], next, found;
    fkv__edit_t  edit;

    (void) state;

    manifest_make(&file, 2, ends);

    for (size_t cut = ends[0] + 1; cut < ends[1]; cut++) {
        uint8_t    *part = check_copy(file.data, cut);
        fkv_str_t   torn = { part, cut };

        assert_int_equal(fkv__manifest_get(torn, NUMBER, ends[0], &edit,
                                           &next),
                         FKV_ECORRUPT);
        assert_int_equal(fkv__manifest_find_valid_after(torn, NUMBER, ends[0],
                                                        &found),
                         FKV_NOTFOUND);
        free(part);
    }

    fkv__buf_done(&file);
}


static void
every_flipped_bit_is_damage_before_valid_edits(void **state)
{
    fkv__buf_t   file;
    uint64_t     ends[4], next, found;
    fkv__edit_t  edit;
    fkv_str_t    str;

    (void) state;

    manifest_make(&file, 4, ends);
    str = fkv__buf_str(&file);

    for (uint64_t bit = 8 * ends[0]; bit < 8 * ends[1]; bit++) {
        file.data[bit / 8] ^= (uint8_t) (1 << bit % 8);

        assert_int_equal(fkv__manifest_get(str, NUMBER, ends[0], &edit,
                                           &next),
                         FKV_ECORRUPT);
        assert_int_equal(fkv__manifest_find_valid_after(str, NUMBER, ends[0],
                                                        &found),
                         FKV_OK);
        assert_int_equal(found, ends[1]);

        file.data[bit / 8] ^= (uint8_t) (1 << bit % 8);
    }

    fkv__buf_done(&file);
}


static void
search_begins_behind_its_offset(void **state)
{
    fkv__buf_t  file;
    uint64_t    ends[2], found;

    (void) state;

    manifest_make(&file, 2, ends);

    assert_int_equal(fkv__manifest_find_valid_after(
                         fkv__buf_str(&file), NUMBER,
                         FKV__MANIFEST_HEADER_BYTES, &found),
                     FKV_OK);
    assert_int_equal(found, ends[0]);
    assert_int_equal(fkv__manifest_find_valid_after(fkv__buf_str(&file),
                                                    NUMBER, ends[0], &found),
                     FKV_NOTFOUND);
    fkv__buf_done(&file);
}


static void
record_counts_only_at_its_place_in_its_manifest(void **state)
{
    static const uint8_t  byte[1] = { 0xee };
    fkv__buf_t            file, moved = { 0 };
    uint64_t              ends[1], next, found;
    fkv__edit_t           edit;
    uint64_t              first = FKV__MANIFEST_HEADER_BYTES;

    (void) state;

    manifest_make(&file, 1, ends);

    assert_int_equal(fkv__manifest_get(fkv__buf_str(&file), NUMBER + 1, first,
                                       &edit, &next),
                     FKV_ECORRUPT);

    assert_int_equal(fkv__buf_append(&moved, file.data, first), FKV_OK);
    assert_int_equal(fkv__buf_append(&moved, byte, 1), FKV_OK);
    assert_int_equal(fkv__buf_append(&moved, file.data + first,
                                     file.len - first),
                     FKV_OK);
    assert_int_equal(fkv__manifest_get(fkv__buf_str(&moved), NUMBER,
                                       first + 1, &edit, &next),
                     FKV_ECORRUPT);
    assert_int_equal(fkv__manifest_find_valid_after(fkv__buf_str(&moved),
                                                    NUMBER, first, &found),
                     FKV_NOTFOUND);

    fkv__buf_done(&file);
    fkv__buf_done(&moved);
}


static void
offset_behind_the_file_is_its_end(void **state)
{
    fkv__buf_t   file;
    uint64_t     ends[1], next, found;
    fkv__edit_t  edit;

    (void) state;

    manifest_make(&file, 1, ends);

    assert_int_equal(fkv__manifest_get(fkv__buf_str(&file), NUMBER,
                                       file.len + 1, &edit, &next),
                     FKV_END);
    assert_int_equal(fkv__manifest_find_valid_after(fkv__buf_str(&file),
                                                    NUMBER, file.len, &found),
                     FKV_NOTFOUND);
    fkv__buf_done(&file);
}


static int
edit_decode_with(uint64_t tag, fkv_str_t value)
{
    fkv__buf_t   buf = { 0 };
    fkv__edit_t  edit, back;
    int          rc;

    edit_make(&edit, 5, 1, 1);
    assert_int_equal(fkv__edit_encode(&buf, &edit), FKV_OK);
    assert_int_equal(fkv__field_put(&buf, tag, value), FKV_OK);

    rc = fkv__edit_decode(fkv__buf_str(&buf), &back);

    if (rc == FKV_OK) {
        assert_int_equal(back.n_adds, edit.n_adds);
        assert_int_equal(back.n_drops, edit.n_drops);
    }

    fkv__buf_done(&buf);
    fkv__edit_done(&edit);
    fkv__edit_done(&back);

    return rc;
}


static void
unknown_field_is_ignored_if_its_writer_allowed_it(void **state)
{
    (void) state;

    assert_int_equal(edit_decode_with(1001, FKV_STR("anything")), FKV_OK);
    assert_int_equal(edit_decode_with(1000, FKV_STR("anything")),
                     FKV_EVERSION);
}


static void
fields_with_impossible_content_are_corrupt(void **state)
{
    (void) state;

    assert_int_equal(edit_decode_with(2, FKV_STR("\2")), FKV_ECORRUPT);
    assert_int_equal(edit_decode_with(4, FKV_STR("")), FKV_ECORRUPT);
    assert_int_equal(edit_decode_with(4, FKV_STR("\1\1")), FKV_ECORRUPT);
    assert_int_equal(edit_decode_with(FKV__EDIT_DROP, FKV_STR("\0")),
                     FKV_ECORRUPT);
    assert_int_equal(edit_decode_with(FKV__EDIT_DROP, FKV_STR("")),
                     FKV_ECORRUPT);
    assert_int_equal(edit_decode_with(FKV__EDIT_ADD, FKV_STR("")),
                     FKV_ECORRUPT);
    assert_int_equal(edit_decode_with(FKV__EDIT_ADD, FKV_STR("\1")),
                     FKV_ECORRUPT);
    assert_int_equal(edit_decode_with(FKV__EDIT_ADD, FKV_STR("\x40")),
                     FKV_ECORRUPT);
}


static void
edit_without_a_number_is_corrupt(void **state)
{
    fkv__edit_t  edit;

    (void) state;

    assert_int_equal(fkv__edit_decode(FKV_STR(""), &edit), FKV_ECORRUPT);
    assert_int_equal(fkv__edit_decode(FKV_STR("\1\0\0\0\0\0\0"), &edit),
                     FKV_ECORRUPT);
    assert_int_equal(fkv__edit_decode(FKV_STR("\0\0\0\0\0\0\0\0"), &edit),
                     FKV_ECORRUPT);
    assert_int_equal(fkv__edit_decode(FKV_STR("\1\0\0\0\0\0\0\0"), &edit),
                     FKV_OK);
    fkv__edit_done(&edit);
}


static void
garbage_is_no_edit_and_leaves_no_memory(void **state)
{
    fkv__buf_t   buf = { 0 };
    fkv__edit_t  edit;
    uint64_t     random = 50;
    size_t       before;

    (void) state;

    edit_make(&edit, 5, 3, 3);
    assert_int_equal(fkv__edit_encode(&buf, &edit), FKV_OK);
    fkv__edit_done(&edit);
    before = fkv_alloc_bytes();

    for (int i = 0; i < 100000; i++) {
        size_t    len = check_random(&random) % (buf.len + 1);
        uint8_t  *bytes = check_copy(buf.data, len);

        for (int j = 0; j < 3 && len > 0; j++) {
            bytes[check_random(&random) % len] = (uint8_t)
                                                 check_random(&random);
        }

        if (fkv__edit_decode((fkv_str_t) { bytes, len }, &edit) == FKV_OK) {
            for (size_t j = 0; j < edit.n_adds; j++) {
                assert_int_equal(fkv__table_info_check(&edit.adds[j].info),
                                 FKV_OK);
            }

            fkv__edit_done(&edit);
        }

        assert_int_equal(fkv_alloc_bytes(), before);
        free(bytes);
    }

    fkv__buf_done(&buf);
}


static void
add_impossible(void *data)
{
    fkv__table_info_t  info = info_make(1);
    fkv__edit_t        edit;

    fkv__edit_init(&edit);
    info.entries = *(uint64_t *) data;
    (void) fkv__edit_add(&edit, 0, &info);
    fkv__edit_done(&edit);
    fkv__table_info_done(&info);
}


static void
what_could_not_be_read_again_is_not_written(void **state)
{
    uint64_t  good = 50, bad = 0;

    (void) state;

    assert_false(check_aborts(add_impossible, &good));
    assert_true(check_aborts(add_impossible, &bad));
}


static void
current_has_these_bytes(void **state)
{
    char    out[FKV__CURRENT_BYTES_MAX];
    size_t  len = fkv__current_put(out, 17);

    (void) state;

    check_str((fkv_str_t) { (uint8_t *) out, len },
              FKV_STR("MANIFEST-17\nd968067e\n"));
}


static void
current_gives_back_its_number_and_nothing_else(void **state)
{
    static const uint64_t  numbers[] = {
        1, 9, 10, 123456789, UINT32_MAX, UINT64_MAX
    };

    (void) state;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint8_t    bytes[FKV__CURRENT_BYTES_MAX + 1];
        size_t     len = fkv__current_put((char *) bytes, numbers[i]);
        uint64_t   number;
        fkv_str_t  file = { bytes, len };

        assert_true(len < FKV__CURRENT_BYTES_MAX);
        assert_int_equal(fkv__current_get(file, &number), FKV_OK);
        assert_int_equal(number, numbers[i]);

        for (size_t bit = 0; bit < 8 * len; bit++) {
            bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
            assert_int_equal(fkv__current_get(file, &number), FKV_ECORRUPT);
            bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
        }

        for (size_t cut = 0; cut < len; cut++) {
            uint8_t  *part = check_copy(bytes, cut);

            assert_int_equal(fkv__current_get((fkv_str_t) { part, cut },
                                              &number),
                             FKV_ECORRUPT);
            free(part);
        }

        bytes[len] = '\n';
        file.len++;
        assert_int_equal(fkv__current_get(file, &number), FKV_ECORRUPT);
    }
}


/* With a right sum each, so that only the spelling gives it away. */
static void
current_has_one_spelling(void **state)
{
    static const char  *bad[] = {
        "MANIFEST-0\n", "MANIFEST-017\n", "MANIFEST-+17\n", "MANIFEST-\n",
        "MANIFEST- 17\n", "MANIFEST-17 \n", "MANIFEST-17", "MANIFEST--1\n",
        "manifest-17\n", "MANIFEST-18446744073709551616\n",
        "MANIFEST-18446744073709551633\n", "MANIFEST-17\r\n",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char       file[100];
        uint64_t   number;
        int        n;

        n = snprintf(file, sizeof(file), "%s%08x\n", bad[i],
                     fkv__crc32c(0, bad[i], strlen(bad[i])));
        assert_int_equal(fkv__current_get((fkv_str_t) { (uint8_t *) file,
                                                        (size_t) n },
                                          &number),
                         FKV_ECORRUPT);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(header_has_these_bytes),
        cmocka_unit_test(header_gives_back_its_number_and_nothing_damaged),
        cmocka_unit_test(record_has_these_bytes),
        cmocka_unit_test(range_tombstones_have_these_bytes),
        cmocka_unit_test(impossible_range_tombstones_are_corrupt),
        cmocka_unit_test(edits_survive_the_round_trip),
        cmocka_unit_test(manifest_is_read_edit_by_edit),
        cmocka_unit_test(zeros_behind_the_last_edit_are_the_end),
        cmocka_unit_test(torn_edit_is_corrupt_and_nothing_follows),
        cmocka_unit_test(every_flipped_bit_is_damage_before_valid_edits),
        cmocka_unit_test(search_begins_behind_its_offset),
        cmocka_unit_test(record_counts_only_at_its_place_in_its_manifest),
        cmocka_unit_test(offset_behind_the_file_is_its_end),
        cmocka_unit_test(unknown_field_is_ignored_if_its_writer_allowed_it),
        cmocka_unit_test(fields_with_impossible_content_are_corrupt),
        cmocka_unit_test(edit_without_a_number_is_corrupt),
        cmocka_unit_test(garbage_is_no_edit_and_leaves_no_memory),
        cmocka_unit_test(what_could_not_be_read_again_is_not_written),
        cmocka_unit_test(current_has_these_bytes),
        cmocka_unit_test(current_gives_back_its_number_and_nothing_else),
        cmocka_unit_test(current_has_one_spelling),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
