/*
 * manifest.c - encoding of edits, records of the manifest, CURRENT.
 *
 * A record's sum covers {manifest number 8, offset 8, length 4, payload}.
 */

#include "format/manifest.h"
#include "format/field.h"
#include "base/crc32c.h"

#include <stdio.h>

static const uint8_t  manifest_magic[8] = {
    'F', 'K', 'V', 'm', 'a', 'n', 13, 10
};

#define FORMAT_AT     8
#define NUMBER_AT     16
#define HEADER_CRC_AT 28

#define RECORD_HEAD   8         /* length, crc */
#define EDIT_HEAD     8         /* number of the edit */


void
fkv__edit_init(fkv__edit_t *edit)
{
    memset(edit, 0, sizeof(*edit));
}


void
fkv__edit_done(fkv__edit_t *edit)
{
    for (size_t i = 0; i < edit->n_adds; i++) {
        fkv__table_info_done(&edit->adds[i].info);
    }

    for (size_t i = 0; i < edit->n_ranges; i++) {
        fkv__range_done(&edit->ranges[i]);
    }

    fkv__free(edit->adds);
    fkv__free(edit->drops);
    fkv__free(edit->ranges);
    fkv__free(edit->range_drops);
    fkv__edit_init(edit);
}


/* Room for one more of n elements: the array, perhaps moved, or NULL. */
static void *
edit_grow(void *array, size_t n, size_t *cap, size_t size)
{
    size_t  more = fkv__max(2 * n, 8);

    if (n < *cap) {
        return array;
    }

    array = fkv__realloc(array, more * size);
    if (array != NULL) {
        *cap = more;
    }

    return array;
}


/* Takes info over if it answers FKV_OK. */
static int
edit_add_own(fkv__edit_t *edit, unsigned level, fkv__table_info_t *info)
{
    fkv__edit_table_t  *adds;

    adds = edit_grow(edit->adds, edit->n_adds, &edit->adds_cap, sizeof(*adds));
    if (adds == NULL) {
        return FKV_ENOMEM;
    }

    adds[edit->n_adds++] = (fkv__edit_table_t) { level, *info };
    edit->adds = adds;

    return FKV_OK;
}


int
fkv__edit_add(fkv__edit_t *edit, unsigned level, const fkv__table_info_t *info)
{
    fkv__table_info_t  copy;

    /* What would not be read again must not be written. */
    FKV_ASSERT(level <= FKV__LEVEL_MAX);
    FKV_ASSERT(fkv__table_info_check(info) == FKV_OK);

    if (fkv__table_info_copy(&copy, info) != FKV_OK) {
        return FKV_ENOMEM;
    }

    if (edit_add_own(edit, level, &copy) != FKV_OK) {
        fkv__table_info_done(&copy);
        return FKV_ENOMEM;
    }

    return FKV_OK;
}


static int
edit_append_number(uint64_t **numbers, size_t *n, size_t *cap, uint64_t number)
{
    uint64_t  *grown;

    FKV_ASSERT(number != 0);

    grown = edit_grow(*numbers, *n, cap, sizeof(*grown));
    if (grown == NULL) {
        return FKV_ENOMEM;
    }

    grown[(*n)++] = number;
    *numbers = grown;

    return FKV_OK;
}


int
fkv__edit_drop(fkv__edit_t *edit, uint64_t file_id)
{
    return edit_append_number(&edit->drops, &edit->n_drops, &edit->drops_cap,
                              file_id);
}


int
fkv__edit_range_drop(fkv__edit_t *edit, uint64_t version)
{
    return edit_append_number(&edit->range_drops, &edit->n_range_drops,
                              &edit->range_drops_cap, version);
}


int
fkv__edit_range(fkv__edit_t *edit, const fkv__range_t *range)
{
    fkv__range_t  *ranges;

    FKV_ASSERT(fkv__range_check(range) == FKV_OK);

    ranges = edit_grow(edit->ranges, edit->n_ranges, &edit->ranges_cap,
                       sizeof(*ranges));
    if (ranges == NULL) {
        return FKV_ENOMEM;
    }

    edit->ranges = ranges;

    if (fkv__range_copy(&ranges[edit->n_ranges], range) != FKV_OK) {
        return FKV_ENOMEM;
    }

    edit->n_ranges++;

    return FKV_OK;
}


static int
edit_encode_add(fkv__buf_t *buf, const fkv__edit_table_t *add)
{
    fkv__buf_t  value = { 0 };
    uint8_t     level = (uint8_t) add->level;
    int         rc;

    rc = fkv__buf_append(&value, &level, 1);

    if (rc == FKV_OK) {
        rc = fkv__table_info_put(&value, &add->info);
    }

    if (rc == FKV_OK) {
        rc = fkv__field_put(buf, FKV__EDIT_ADD, fkv__buf_str(&value));
    }

    fkv__buf_done(&value);

    return rc;
}


static int
edit_encode_range(fkv__buf_t *buf, const fkv__range_t *range)
{
    fkv__buf_t   value = { 0 };
    uint8_t      head[2 * FKV__VARINT_MAX], *p;
    int          rc;

    p = fkv__put_varint(head, range->version);
    p = fkv__put_varint(p, range->begin.len);

    rc = fkv__buf_append(&value, head, (size_t) (p - head));

    if (rc == FKV_OK) {
        rc = fkv__buf_append(&value, range->begin.data, range->begin.len);
    }

    if (rc == FKV_OK) {
        rc = fkv__buf_append(&value, range->end.data, range->end.len);
    }

    if (rc == FKV_OK) {
        rc = fkv__field_put(buf, FKV__EDIT_RANGE, fkv__buf_str(&value));
    }

    fkv__buf_done(&value);

    return rc;
}


static int
edit_encode_ranges(fkv__buf_t *buf, const fkv__edit_t *edit)
{
    for (size_t i = 0; i < edit->n_ranges; i++) {
        if (edit_encode_range(buf, &edit->ranges[i]) != FKV_OK) {
            return FKV_ENOMEM;
        }
    }

    for (size_t i = 0; i < edit->n_range_drops; i++) {
        if (fkv__field_put_number(buf, FKV__EDIT_RANGE_DROP,
                                  edit->range_drops[i])
            != FKV_OK)
        {
            return FKV_ENOMEM;
        }
    }

    return FKV_OK;
}


int
fkv__edit_encode(fkv__buf_t *buf, const fkv__edit_t *edit)
{
    uint8_t  number[EDIT_HEAD];

    FKV_ASSERT(edit->number != 0);
    FKV_ASSERT(edit->snapshot <= 1);

    fkv__put_le64(number, edit->number);

    if (fkv__buf_append(buf, number, sizeof(number)) != FKV_OK) {
        return FKV_ENOMEM;
    }

#define EDIT_PUT(tag, name)                                                   \
    if (fkv__field_put_number(buf, tag, edit->name) != FKV_OK) {              \
        return FKV_ENOMEM;                                                    \
    }

    FKV__EDIT_MAP(EDIT_PUT)
#undef EDIT_PUT

    for (size_t i = 0; i < edit->n_adds; i++) {
        if (edit_encode_add(buf, &edit->adds[i]) != FKV_OK) {
            return FKV_ENOMEM;
        }
    }

    for (size_t i = 0; i < edit->n_drops; i++) {
        if (fkv__field_put_number(buf, FKV__EDIT_DROP, edit->drops[i])
            != FKV_OK)
        {
            return FKV_ENOMEM;
        }
    }

    return edit_encode_ranges(buf, edit);
}


static int
edit_decode_add(fkv__edit_t *edit, fkv_str_t value)
{
    const uint8_t      *p, *end = value.data + value.len;
    uint64_t            level;
    fkv__table_info_t   info;
    int                 rc;

    p = fkv__get_varint(value.data, end, &level);

    if (p == NULL || level > FKV__LEVEL_MAX) {
        return FKV_ECORRUPT;
    }

    rc = fkv__table_info_get((fkv_str_t) { p, (size_t) (end - p) }, &info);
    if (rc != FKV_OK) {
        return rc;
    }

    rc = fkv__table_info_check(&info);

    if (rc == FKV_OK) {
        rc = edit_add_own(edit, (unsigned) level, &info);
    }

    if (rc != FKV_OK) {
        fkv__table_info_done(&info);
    }

    return rc;
}


static int
edit_decode_drop(fkv__edit_t *edit, const fkv__field_t *field)
{
    uint64_t  id;

    if (fkv__field_number(field, &id) != FKV_OK || id == 0) {
        return FKV_ECORRUPT;
    }

    return fkv__edit_drop(edit, id);
}


static int
edit_decode_range(fkv__edit_t *edit, fkv_str_t value)
{
    const uint8_t  *p, *end = value.data + value.len;
    uint64_t        begin_len;
    fkv__range_t    range;

    p = fkv__get_varint(value.data, end, &range.version);

    if (p != NULL) {
        p = fkv__get_varint(p, end, &begin_len);
    }

    if (p == NULL || begin_len > (uint64_t) (end - p)) {
        return FKV_ECORRUPT;
    }

    range.begin = (fkv_str_t) { p, begin_len };
    range.end = (fkv_str_t) { p + begin_len, (size_t) (end - p) - begin_len };

    if (fkv__range_check(&range) != FKV_OK) {
        return FKV_ECORRUPT;
    }

    return fkv__edit_range(edit, &range);
}


static int
edit_decode_range_drop(fkv__edit_t *edit, const fkv__field_t *field)
{
    uint64_t  version;

    if (fkv__field_number(field, &version) != FKV_OK || version == 0) {
        return FKV_ECORRUPT;
    }

    return fkv__edit_range_drop(edit, version);
}


static int
edit_decode_field(fkv__edit_t *edit, const fkv__field_t *field)
{
    switch (field->tag) {

#define EDIT_GET(tag, name)                                                   \
    case tag:  return fkv__field_number(field, &edit->name);

    FKV__EDIT_MAP(EDIT_GET)
#undef EDIT_GET

    case FKV__EDIT_ADD:         return edit_decode_add(edit, field->value);
    case FKV__EDIT_DROP:        return edit_decode_drop(edit, field);
    case FKV__EDIT_RANGE:       return edit_decode_range(edit, field->value);
    case FKV__EDIT_RANGE_DROP:  return edit_decode_range_drop(edit, field);
    }

    return fkv__field_unknown(field);
}


int
fkv__edit_decode(fkv_str_t payload, fkv__edit_t *edit)
{
    fkv__field_t  field;
    int           rc;

    fkv__edit_init(edit);

    if (payload.len < EDIT_HEAD) {
        return FKV_ECORRUPT;
    }

    edit->number = fkv__get_le64(payload.data);

    payload.data += EDIT_HEAD;
    payload.len -= EDIT_HEAD;

    while ((rc = fkv__field_get(&payload, &field)) == FKV_OK) {
        rc = edit_decode_field(edit, &field);
        if (rc != FKV_OK) {
            break;
        }
    }

    if (rc == FKV_END && (edit->number == 0 || edit->snapshot > 1)) {
        rc = FKV_ECORRUPT;
    }

    if (rc != FKV_END) {
        fkv__edit_done(edit);
        return rc;
    }

    return FKV_OK;
}


void
fkv__manifest_header_put(uint8_t *out, uint64_t number)
{
    memset(out, 0, FKV__MANIFEST_HEADER_BYTES);
    memcpy(out, manifest_magic, sizeof(manifest_magic));

    fkv__put_le32(out + FORMAT_AT, FKV__MANIFEST_FORMAT);
    fkv__put_le64(out + NUMBER_AT, number);
    fkv__put_le32(out + HEADER_CRC_AT, fkv__crc32c(0, out, HEADER_CRC_AT));
}


int
fkv__manifest_header_get(fkv_str_t file, uint64_t *number)
{
    const uint8_t  *in = file.data;

    if (file.len < FKV__MANIFEST_HEADER_BYTES
        || memcmp(in, manifest_magic, sizeof(manifest_magic)) != 0
        || fkv__get_le32(in + HEADER_CRC_AT)
           != fkv__crc32c(0, in, HEADER_CRC_AT))
    {
        return FKV_ECORRUPT;
    }

    if (fkv__get_le32(in + FORMAT_AT) > FKV__MANIFEST_FORMAT) {
        return FKV_EVERSION;
    }

    *number = fkv__get_le64(in + NUMBER_AT);

    return FKV_OK;
}


static uint32_t
manifest_crc(fkv_str_t payload, uint64_t number, uint64_t offset)
{
    uint8_t   seed[20];
    uint32_t  crc;

    fkv__put_le64(seed, number);
    fkv__put_le64(seed + 8, offset);
    fkv__put_le32(seed + 16, (uint32_t) payload.len);

    crc = fkv__crc32c(0, seed, sizeof(seed));

    return fkv__crc32c(crc, payload.data, payload.len);
}


int
fkv__manifest_put(fkv__buf_t *buf, uint64_t number, uint64_t offset,
    const fkv__edit_t *edit)
{
    static const uint8_t  head[RECORD_HEAD];
    size_t                start = buf->len;
    fkv_str_t             payload;

    if (fkv__buf_append(buf, head, sizeof(head)) != FKV_OK
        || fkv__edit_encode(buf, edit) != FKV_OK)
    {
        buf->len = start;
        return FKV_ENOMEM;
    }

    payload.data = buf->data + start + RECORD_HEAD;
    payload.len = buf->len - start - RECORD_HEAD;

    FKV_ASSERT(payload.len <= UINT32_MAX);

    fkv__put_le32(buf->data + start, (uint32_t) payload.len);
    fkv__put_le32(buf->data + start + 4,
                  manifest_crc(payload, number, offset));

    return FKV_OK;
}


/* Whether a record with a valid sum is at offset, and its payload. */
static bool
manifest_payload(fkv_str_t file, uint64_t number, uint64_t offset,
    fkv_str_t *payload)
{
    const uint8_t  *p;
    uint32_t        len;

    if (offset > file.len || file.len - offset < RECORD_HEAD + EDIT_HEAD) {
        return false;
    }

    p = file.data + offset;
    len = fkv__get_le32(p);

    if (len < EDIT_HEAD || len > file.len - offset - RECORD_HEAD) {
        return false;
    }

    *payload = (fkv_str_t) { p + RECORD_HEAD, len };

    return fkv__get_le32(p + 4) == manifest_crc(*payload, number, offset);
}


static bool
manifest_zero(fkv_str_t file, uint64_t offset)
{
    while (offset < file.len && file.data[offset] == 0) {
        offset++;
    }

    return offset >= file.len;
}


int
fkv__manifest_get(fkv_str_t file, uint64_t number, uint64_t offset,
    fkv__edit_t *edit, uint64_t *next)
{
    fkv_str_t  payload;

    fkv__edit_init(edit);

    if (!manifest_payload(file, number, offset, &payload)) {
        return manifest_zero(file, offset) ? FKV_END : FKV_ECORRUPT;
    }

    *next = offset + RECORD_HEAD + payload.len;

    return fkv__edit_decode(payload, edit);
}


int
fkv__manifest_find_valid_after(fkv_str_t file, uint64_t number,
    uint64_t offset, uint64_t *found)
{
    fkv_str_t  payload;

    for (uint64_t at = offset + 1; at < file.len; at++) {
        if (manifest_payload(file, number, at, &payload)) {
            *found = at;
            return FKV_OK;
        }
    }

    return FKV_NOTFOUND;
}


size_t
fkv__current_put(char *out, uint64_t number)
{
    int  n, crc;

    FKV_ASSERT(number != 0);

    n = snprintf(out, FKV__CURRENT_BYTES_MAX, "MANIFEST-%llu\n",
                 (unsigned long long) number);
    crc = snprintf(out + n, FKV__CURRENT_BYTES_MAX - (size_t) n, "%08x\n",
                   fkv__crc32c(0, out, (size_t) n));

    return (size_t) (n + crc);
}


int
fkv__current_get(fkv_str_t file, uint64_t *number)
{
    static const fkv_str_t  name = { (const uint8_t *) "MANIFEST-", 9 };
    char                    again[FKV__CURRENT_BYTES_MAX];
    uint64_t                n = 0;
    size_t                  i = name.len, len;

    if (file.len <= name.len || memcmp(file.data, name.data, name.len) != 0) {
        return FKV_ECORRUPT;
    }

    while (i < file.len && file.data[i] >= '0' && file.data[i] <= '9') {
        n = n * 10 + (uint64_t) (file.data[i++] - '0');
    }

    if (n == 0) {
        return FKV_ECORRUPT;
    }

    /* One number has one spelling: this also finds zeros and overflow. */
    len = fkv__current_put(again, n);

    if (file.len != len || memcmp(file.data, again, len) != 0) {
        return FKV_ECORRUPT;
    }

    *number = n;

    return FKV_OK;
}
