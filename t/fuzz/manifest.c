/*
 * manifest.c - a manifest, edit by edit, and CURRENT.
 *
 * An edit that can be read is the same after it has been written and read
 * again; a version that edits lead to is the same after it has been written as
 * one edit and that has been applied; what CURRENT says is what would be
 * written of it.
 *
 * Input    a file; sums of header and records are made right, so that there
 *          is something behind them to be tried
 */

#include "fuzz.h"
#include "base/crc32c.h"
#include "store/version.h"

#define NUMBER         7
#define HEADER_CRC_AT  28
#define RECORD_HEAD    8


static uint32_t
record_crc(const uint8_t *record, size_t len, uint64_t offset)
{
    uint8_t  seed[20];

    fkv__put_le64(seed, NUMBER);
    fkv__put_le64(seed + 8, offset);
    memcpy(seed + 16, record, 4);

    return fkv__crc32c(fkv__crc32c(0, seed, sizeof(seed)),
                       record + RECORD_HEAD, len);
}


/* Gives the header its number, and every record that could be one its sum. */
static void
mend(uint8_t *file, size_t size)
{
    size_t  at = FKV__MANIFEST_HEADER_BYTES;

    if (size < FKV__MANIFEST_HEADER_BYTES) {
        return;
    }

    fkv__put_le64(file + 16, NUMBER);
    fkv__put_le32(file + HEADER_CRC_AT, fkv__crc32c(0, file, HEADER_CRC_AT));

    while (size - at >= RECORD_HEAD) {
        size_t  len = fkv__get_le32(file + at);

        if (len == 0 || len > size - at - RECORD_HEAD) {
            return;
        }

        fkv__put_le32(file + at + 4, record_crc(file + at, len, at));
        at += RECORD_HEAD + len;
    }
}


static void
encode(const fkv__edit_t *edit, fkv__buf_t *out)
{
    out->len = 0;
    assert_int_equal(fkv__edit_encode(out, edit), FKV_OK);
}


/* Written, read, and written again. */
static void
edit_stays(const fkv__edit_t *edit)
{
    fkv__buf_t   first = { .data = NULL }, second = first;
    fkv__edit_t  again;
    fkv_str_t    copy;

    encode(edit, &first);
    copy = fuzz_copy(fkv__buf_str(&first));
    assert_int_equal(fkv__edit_decode(copy, &again), FKV_OK);
    assert_int_equal(again.number, edit->number);
    assert_int_equal(again.n_adds, edit->n_adds);
    assert_int_equal(again.n_drops, edit->n_drops);
    assert_int_equal(again.n_ranges, edit->n_ranges);
    assert_int_equal(again.n_range_drops, edit->n_range_drops);

    encode(&again, &second);
    check_str(fkv__buf_str(&second), fkv__buf_str(&first));

    fkv__edit_done(&again);
    fuzz_free(copy);
    fkv__buf_done(&first);
    fkv__buf_done(&second);
}


static void
version_stays(fkv__version_t *version)
{
    fkv__buf_t       first = { .data = NULL }, second = first;
    fkv__edit_t      snapshot, again;
    fkv__version_t  *empty = fkv__version_new(), *to;

    assert_int_equal(fkv__version_snapshot(version, &snapshot), FKV_OK);
    edit_stays(&snapshot);
    encode(&snapshot, &first);

    assert_int_equal(fkv__version_apply(empty, &snapshot, &to), FKV_OK);
    assert_int_equal(fkv__version_snapshot(to, &again), FKV_OK);
    encode(&again, &second);
    check_str(fkv__buf_str(&second), fkv__buf_str(&first));

    fkv__version_unpin(to);
    fkv__version_unpin(empty);
    fkv__edit_done(&snapshot);
    fkv__edit_done(&again);
    fkv__buf_done(&first);
    fkv__buf_done(&second);
}


/* All edits by themselves, then what they lead to. */
static void
manifest(fkv_str_t file)
{
    int              rc;
    uint64_t         number, at = FKV__MANIFEST_HEADER_BYTES, next, found;
    fkv__edit_t      edit;
    fkv__version_t  *version;

    if (fkv__manifest_header_get(file, &number) != FKV_OK) {
        return;
    }

    assert_int_equal(number, NUMBER);

    while ((rc = fkv__manifest_get(file, number, at, &edit, &next)) == FKV_OK)
    {
        assert_true(next > at && next <= file.len);
        edit_stays(&edit);
        fkv__edit_done(&edit);
        at = next;
    }

    assert_int_equal(edit.n_adds, 0);

    if (rc == FKV_ECORRUPT
        && fkv__manifest_find_valid_after(file, number, at, &found) == FKV_OK)
    {
        assert_true(found > at && found < file.len);
    }

    version = fkv__version_new();
    at = FKV__MANIFEST_HEADER_BYTES;
    (void) fkv__version_replay(&version, file, number, &at);
    assert_true(at <= file.len);

    if (version->edit != 0) {
        version_stays(version);
    }

    fkv__version_unpin(version);
}


static void
current(fkv_str_t text)
{
    char      again[FKV__CURRENT_BYTES_MAX];
    uint64_t  number;

    if (fkv__current_get(text, &number) == FKV_OK) {
        check_str(text, (fkv_str_t) { (uint8_t *) again,
                                      fkv__current_put(again, number) });
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fkv_str_t  file = { check_copy(data, size), size };

    current(file);
    mend((uint8_t *) (uintptr_t) file.data, size);
    manifest(file);
    fuzz_free(file);

    return 0;
}
