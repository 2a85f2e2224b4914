/*
 * field.h - tagged fields: how table properties and manifest edits can grow.
 *
 *     tag, varint | length, varint | that many bytes
 *
 * A number is a varint within the bytes and is left out when it is 0.  A
 * reader that does not know a tag ignores the field if the tag is odd and
 * refuses the whole if it is even: the writer decides what may be missed.
 */

#ifndef FKV_FORMAT_FIELD_H
#define FKV_FORMAT_FIELD_H

#include "base/buf.h"
#include "base/bytes.h"

typedef struct {
    uint64_t   tag;
    fkv_str_t  value;
} fkv__field_t;


/* FKV_OK or FKV_ENOMEM. */
static inline int
fkv__field_put(fkv__buf_t *buf, uint64_t tag, fkv_str_t value)
{
    uint8_t  head[2 * FKV__VARINT_MAX], *p;

    p = fkv__put_varint(head, tag);
    p = fkv__put_varint(p, value.len);

    if (fkv__buf_reserve(buf, sizeof(head) + value.len) != FKV_OK) {
        return FKV_ENOMEM;
    }

    (void) fkv__buf_append(buf, head, (size_t) (p - head));

    return fkv__buf_append(buf, value.data, value.len);
}


static inline int
fkv__field_put_number(fkv__buf_t *buf, uint64_t tag, uint64_t number)
{
    uint8_t  bytes[FKV__VARINT_MAX], *p;

    if (number == 0) {
        return FKV_OK;
    }

    p = fkv__put_varint(bytes, number);

    return fkv__field_put(buf, tag,
                          (fkv_str_t) { bytes, (size_t) (p - bytes) });
}


/*
 * Takes the next field off the front of fields.
 * FKV_OK · FKV_END there is none · FKV_ECORRUPT
 */
static inline int
fkv__field_get(fkv_str_t *fields, fkv__field_t *field)
{
    const uint8_t  *p = fields->data, *end = p + fields->len;
    uint64_t        len;

    if (fields->len == 0) {
        return FKV_END;
    }

    p = fkv__get_varint(p, end, &field->tag);

    if (p == NULL
        || (p = fkv__get_varint(p, end, &len)) == NULL
        || len > (uint64_t) (end - p))
    {
        return FKV_ECORRUPT;
    }

    field->value = (fkv_str_t) { p, len };

    p += len;
    *fields = (fkv_str_t) { p, (size_t) (end - p) };

    return FKV_OK;
}


/* FKV_OK or FKV_ECORRUPT if the bytes are not exactly one varint. */
static inline int
fkv__field_number(const fkv__field_t *field, uint64_t *number)
{
    const uint8_t  *p = field->value.data, *end = p + field->value.len;

    p = fkv__get_varint(p, end, number);

    return (p != NULL && p == end) ? FKV_OK : FKV_ECORRUPT;
}


/* What to answer to a tag that is not known. */
static inline int
fkv__field_unknown(const fkv__field_t *field)
{
    return (field->tag & 1) ? FKV_OK : FKV_EVERSION;
}


#endif /* FKV_FORMAT_FIELD_H */
