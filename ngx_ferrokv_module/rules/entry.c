/*
 * entry.c - the head by offsets, then six sections.
 */

#include "rules/entry.h"
#include "rules/vary.h"
#include "base/bytes.h"
#include "base/crc32c.h"

#include <string.h>

#define VERSION   1
#define SECTIONS  6
#define KNOWN_FLAGS  (FKV_RULES_ALWAYS_VALIDATE | FKV_RULES_NEVER_STALE       \
                      | FKV_RULES_NOT_BY_CONFIG)

/* Any time or span: sums of a few of them stay far from overflowing. */
#define MS_MAX  ((int64_t) 1 << 60)

enum {                                  /* on disk, do not change */
    AT_CRC          = 0,
    AT_VERSION      = 4,
    AT_KIND         = 5,
    AT_STATUS       = 6,
    AT_META_LEN     = 8,
    AT_FLAGS        = 12,
    AT_SOURCE       = 14,
    AT_RESERVED     = 15,
    AT_BODY_LEN     = 16,
    AT_REQUEST      = 24,
    AT_RESPONSE     = 32,
    AT_INITIAL_AGE  = 40,
    AT_LIFETIME     = 48,
    AT_DATE         = 56,
    AT_MODIFIED     = 64,
    AT_REVALIDATE   = 72,
    AT_IF_ERROR     = 76,
    AT_STAMP        = 80,
    AT_N_FIELDS     = 88,
    AT_N_TAGS       = 90,
    AT_LENGTHS      = 92
};

_Static_assert(AT_LENGTHS + 4 * SECTIONS == FKV_RULES_ENTRY_HEAD_BYTES,
               "the head ends where the sections begin");


static size_t
field_bytes(fkv_rules_field_t field)
{
    return 1 + fkv__varint_size(field.name.len)
           + fkv__varint_size(field.value.len) + field.name.len
           + field.value.len;
}


static size_t
fields_bytes(fkv_rules_fields_t fields)
{
    size_t  len = 0;

    for (size_t i = 0; i < fields.n; i++) {
        len += field_bytes(fields.field[i]);
    }

    return len;
}


static size_t
tags_bytes(const fkv_rules_tags_t *tags)
{
    size_t  len = 0;

    for (size_t i = 0; i < tags->n; i++) {
        len += 1 + tags->tag[i].len;
    }

    return len;
}


static size_t
entry_bytes(const fkv_rules_entry_t *entry, fkv_rules_fields_t fields,
    const fkv_rules_tags_t *tags)
{
    return FKV_RULES_ENTRY_HEAD_BYTES + entry->key.len + entry->etag.len
           + entry->names.len + entry->variant.len + tags_bytes(tags)
           + fields_bytes(fields);
}


static bool
span_right(int64_t ms)
{
    return ms >= 0 && ms <= MS_MAX;
}


static bool
window_right(int64_t seconds)
{
    return seconds >= 0 && seconds <= FKV_RULES_SECONDS_MAX;
}


/* What must hold when packing, and holds when unpacked. */
static bool
numbers_right(const fkv_rules_entry_t *entry)
{
    const fkv_rules_fresh_t  *fresh = &entry->fresh;
    bool                      response;

    response = (entry->kind == FKV_RULES_ENTRY_RESPONSE);

    return (response ? entry->status >= 200 && entry->status <= 999
                     : entry->status == 0)
           && entry->body_len <= (uint64_t) MS_MAX
           && fresh->source <= FKV_RULES_BY_HEURISTIC
           && (fresh->flags & ~KNOWN_FLAGS) == 0
           && span_right(entry->request_ms)
           && span_right(fresh->response_ms)
           && span_right(fresh->initial_age_ms)
           && span_right(fresh->lifetime_ms)
           && window_right(fresh->while_revalidate_s)
           && window_right(fresh->if_error_s)
           && entry->date_s <= FKV_RULES_DATE_MAX
           && entry->last_modified_s <= FKV_RULES_DATE_MAX;
}


static bool
safe(const fkv_rules_entry_t *entry, fkv_rules_fields_t fields,
    const fkv_rules_tags_t *tags)
{
    for (size_t i = 0; i < fields.n; i++) {
        if (!fkv_rules_field_safe(fields.field[i])) {
            return false;
        }
    }

    for (size_t i = 0; i < tags->n; i++) {
        if (!fkv_rules_tag(tags->tag[i])) {
            return false;
        }
    }

    return fields.n <= UINT16_MAX && tags->n <= FKV_RULES_TAGS_MAX
           && numbers_right(entry)
           && (entry->etag.len == 0 || fkv_rules_etag(entry->etag))
           && fkv_rules_vary_names_right(entry->names);
}


int
fkv_rules_entry_size(const fkv_rules_entry_t *entry,
    fkv_rules_fields_t fields, const fkv_rules_tags_t *tags, size_t *len)
{
    if (!safe(entry, fields, tags)) {
        return FKV_EINVAL;
    }

    *len = entry_bytes(entry, fields, tags);

    return (*len <= FKV_RULES_ENTRY_BYTES_MAX) ? FKV_OK : FKV_ETOOBIG;
}


static uint8_t *
bytes(uint8_t *p, fkv_str_t s)
{
    if (s.len > 0) {
        memcpy(p, s.data, s.len);
    }

    return p + s.len;
}


static uint8_t *
tags_pack(uint8_t *p, const fkv_rules_tags_t *tags)
{
    for (size_t i = 0; i < tags->n; i++) {
        *p++ = (uint8_t) tags->tag[i].len;
        p = bytes(p, tags->tag[i]);
    }

    return p;
}


static uint8_t *
fields_pack(uint8_t *p, fkv_rules_fields_t fields)
{
    for (size_t i = 0; i < fields.n; i++) {
        fkv_rules_field_t  field = fields.field[i];

        *p++ = (uint8_t) field.id;
        p = fkv__put_varint(p, field.name.len);
        p = fkv__put_varint(p, field.value.len);
        p = bytes(p, field.name);
        p = bytes(p, field.value);
    }

    return p;
}


static void
numbers_pack(uint8_t *p, const fkv_rules_entry_t *entry)
{
    const fkv_rules_fresh_t  *fresh = &entry->fresh;

    p[AT_VERSION] = VERSION;
    p[AT_KIND] = (uint8_t) entry->kind;
    fkv__put_le16(p + AT_STATUS, (uint16_t) entry->status);
    fkv__put_le16(p + AT_FLAGS, (uint16_t) fresh->flags);
    p[AT_SOURCE] = (uint8_t) fresh->source;
    p[AT_RESERVED] = 0;
    fkv__put_le64(p + AT_BODY_LEN, entry->body_len);
    fkv__put_le64(p + AT_REQUEST, (uint64_t) entry->request_ms);
    fkv__put_le64(p + AT_RESPONSE, (uint64_t) fresh->response_ms);
    fkv__put_le64(p + AT_INITIAL_AGE, (uint64_t) fresh->initial_age_ms);
    fkv__put_le64(p + AT_LIFETIME, (uint64_t) fresh->lifetime_ms);
    fkv__put_le64(p + AT_DATE, (uint64_t) entry->date_s);
    fkv__put_le64(p + AT_MODIFIED, (uint64_t) entry->last_modified_s);
    fkv__put_le32(p + AT_REVALIDATE, (uint32_t) fresh->while_revalidate_s);
    fkv__put_le32(p + AT_IF_ERROR, (uint32_t) fresh->if_error_s);
    fkv__put_le64(p + AT_STAMP, entry->stamp);
}


void
fkv_rules_entry_pack(const fkv_rules_entry_t *entry,
    fkv_rules_fields_t fields, const fkv_rules_tags_t *tags, uint8_t *out)
{
    size_t         meta_len = entry_bytes(entry, fields, tags);
    const size_t   lengths[SECTIONS] = {
        entry->key.len, entry->etag.len, entry->names.len,
        entry->variant.len, tags_bytes(tags), fields_bytes(fields)
    };
    uint8_t       *p = out + FKV_RULES_ENTRY_HEAD_BYTES;

    FKV_ASSERT(meta_len <= FKV_RULES_ENTRY_BYTES_MAX);
    FKV_DEBUG_ASSERT(safe(entry, fields, tags));

    numbers_pack(out, entry);
    fkv__put_le32(out + AT_META_LEN, (uint32_t) meta_len);
    fkv__put_le16(out + AT_N_FIELDS, (uint16_t) fields.n);
    fkv__put_le16(out + AT_N_TAGS, (uint16_t) tags->n);

    for (unsigned i = 0; i < SECTIONS; i++) {
        fkv__put_le32(out + AT_LENGTHS + 4 * i, (uint32_t) lengths[i]);
    }

    p = bytes(p, entry->key);
    p = bytes(p, entry->etag);
    p = bytes(p, entry->names);
    p = bytes(p, entry->variant);
    p = tags_pack(p, tags);
    p = fields_pack(p, fields);

    FKV_ASSERT(p == out + meta_len);

    fkv__put_le32(out + AT_CRC, fkv__crc32c(0, out + AT_VERSION,
                                            meta_len - AT_VERSION));
}


int
fkv_rules_entry_peek(fkv_str_t head, uint32_t *meta_len)
{
    if (head.len < FKV_RULES_ENTRY_HEAD_BYTES) {
        return FKV_ECORRUPT;
    }

    if (head.data[AT_VERSION] != VERSION) {
        return FKV_EVERSION;
    }

    *meta_len = fkv__get_le32(head.data + AT_META_LEN);

    return (*meta_len >= FKV_RULES_ENTRY_HEAD_BYTES
            && *meta_len <= FKV_RULES_ENTRY_BYTES_MAX) ? FKV_OK
                                                       : FKV_ECORRUPT;
}


static void
numbers_unpack(fkv_rules_entry_t *entry, const uint8_t *p)
{
    fkv_rules_fresh_t  *fresh = &entry->fresh;

    entry->kind = (fkv_rules_entry_e) p[AT_KIND];
    entry->status = fkv__get_le16(p + AT_STATUS);
    fresh->flags = fkv__get_le16(p + AT_FLAGS);
    fresh->source = (fkv_rules_source_e) p[AT_SOURCE];
    entry->body_len = fkv__get_le64(p + AT_BODY_LEN);
    entry->request_ms = (int64_t) fkv__get_le64(p + AT_REQUEST);
    fresh->response_ms = (int64_t) fkv__get_le64(p + AT_RESPONSE);
    fresh->initial_age_ms = (int64_t) fkv__get_le64(p + AT_INITIAL_AGE);
    fresh->lifetime_ms = (int64_t) fkv__get_le64(p + AT_LIFETIME);
    entry->date_s = (int64_t) fkv__get_le64(p + AT_DATE);
    entry->last_modified_s = (int64_t) fkv__get_le64(p + AT_MODIFIED);
    fresh->while_revalidate_s = fkv__get_le32(p + AT_REVALIDATE);
    fresh->if_error_s = fkv__get_le32(p + AT_IF_ERROR);
    entry->stamp = fkv__get_le64(p + AT_STAMP);
    entry->n_fields = fkv__get_le16(p + AT_N_FIELDS);
    entry->n_tags = fkv__get_le16(p + AT_N_TAGS);
}


static bool
sections_unpack(fkv_rules_entry_t *entry, const uint8_t *head)
{
    const uint8_t    *p = head + FKV_RULES_ENTRY_HEAD_BYTES;
    uint64_t          left = entry->meta_len - FKV_RULES_ENTRY_HEAD_BYTES;
    fkv_str_t *const  sections[SECTIONS] = {
        &entry->key, &entry->etag, &entry->names, &entry->variant,
        &entry->tags, &entry->fields
    };

    for (unsigned i = 0; i < SECTIONS; i++) {
        uint32_t  len = fkv__get_le32(head + AT_LENGTHS + 4 * i);

        if (len > left) {
            return false;
        }

        *sections[i] = (fkv_str_t) { p, len };
        p += len;
        left -= len;
    }

    return left == 0;
}


/* FKV_OK · FKV_END · FKV_ECORRUPT */
static int
field_next(fkv_str_t *fields, fkv_rules_field_t *field)
{
    const uint8_t  *p = fields->data, *end = p + fields->len;
    uint64_t        name_len, value_len;

    if (fields->len == 0) {
        return FKV_END;
    }

    field->id = (fkv_rules_name_e) *p++;

    if ((p = fkv__get_varint(p, end, &name_len)) == NULL
        || (p = fkv__get_varint(p, end, &value_len)) == NULL
        || name_len > (uint64_t) (end - p)
        || value_len > (uint64_t) (end - p) - name_len)
    {
        return FKV_ECORRUPT;
    }

    field->name = (fkv_str_t) { p, name_len };
    field->value = (fkv_str_t) { p + name_len, value_len };

    p += name_len + value_len;
    *fields = (fkv_str_t) { p, (size_t) (end - p) };

    return FKV_OK;
}


/* FKV_OK · FKV_END · FKV_ECORRUPT */
static int
tag_next(fkv_str_t *tags, fkv_str_t *tag)
{
    size_t  len;

    if (tags->len == 0) {
        return FKV_END;
    }

    len = tags->data[0];

    if (len == 0 || len > tags->len - 1) {
        return FKV_ECORRUPT;
    }

    *tag = (fkv_str_t) { tags->data + 1, len };
    *tags = (fkv_str_t) { tags->data + 1 + len, tags->len - 1 - len };

    return FKV_OK;
}


/* All that the two below rely on. */
static bool
walks(const fkv_rules_entry_t *entry)
{
    fkv_str_t          fields = entry->fields, tags = entry->tags, tag;
    fkv_rules_field_t  field;
    unsigned           n = 0;
    int                rc;

    while ((rc = field_next(&fields, &field)) == FKV_OK) {
        n++;
    }

    if (rc != FKV_END || n != entry->n_fields) {
        return false;
    }

    n = 0;

    while ((rc = tag_next(&tags, &tag)) == FKV_OK) {
        n++;
    }

    return rc == FKV_END && n == entry->n_tags;
}


int
fkv_rules_entry_unpack(fkv_rules_entry_t *entry, fkv_str_t meta)
{
    const uint8_t  *p = meta.data;
    int             rc;

    memset(entry, 0, sizeof(*entry));

    rc = fkv_rules_entry_peek(meta, &entry->meta_len);
    if (rc != FKV_OK) {
        return rc;
    }

    if (entry->meta_len > meta.len
        || fkv__get_le32(p + AT_CRC)
           != fkv__crc32c(0, p + AT_VERSION, entry->meta_len - AT_VERSION)
        || p[AT_RESERVED] != 0 || p[AT_KIND] > FKV_RULES_ENTRY_VARIES)
    {
        return FKV_ECORRUPT;
    }

    numbers_unpack(entry, p);

    return (numbers_right(entry) && sections_unpack(entry, p)
            && walks(entry)) ? FKV_OK : FKV_ECORRUPT;
}


bool
fkv_rules_entry_field(fkv_str_t *fields, fkv_rules_field_t *field)
{
    return field_next(fields, field) == FKV_OK;
}


bool
fkv_rules_entry_tag(fkv_str_t *tags, fkv_str_t *tag)
{
    return tag_next(tags, tag) == FKV_OK;
}
