/*
 * field.c - tokens, lists and numbers of fields.
 */

#include "rules/field.h"

#include "base/bytes.h"

#include <string.h>


/* Eight bytes at once; sums of seven bits do not carry into the next byte. */
static uint64_t
lower_eight(uint64_t bytes)
{
    const uint64_t  each = 0x0101010101010101;
    uint64_t        seven = bytes & each * 0x7f;
    uint64_t        from_a = seven + each * (0x80 - 'A');
    uint64_t        behind_z = seven + each * (0x80 - 'Z' - 1);
    uint64_t        capital = from_a & ~behind_z & ~bytes & each * 0x80;

    return bytes | capital >> 2;
}


static bool
same_eight(uint64_t a, uint64_t b)
{
    return a == b || lower_eight(a) == lower_eight(b);
}


/* Of 4 to 8 bytes; those in the middle may be in it twice. */
static uint64_t
ends(fkv_str_t text)
{
    return (uint64_t) fkv__get_le32(text.data) << 32
           | fkv__get_le32(text.data + text.len - 4);
}


bool
fkv_rules_same(fkv_str_t a, fkv_str_t b)
{
    size_t  i = 0;

    if (a.len != b.len) {
        return false;
    }

    for ( ; a.len - i > 8; i += 8) {
        if (!same_eight(fkv__get_le64(a.data + i), fkv__get_le64(b.data + i))) {
            return false;
        }
    }

    if (a.len >= 8) {
        return same_eight(fkv__get_le64(a.data + a.len - 8),
                          fkv__get_le64(b.data + b.len - 8));
    }

    if (a.len >= 4) {
        return same_eight(ends(a), ends(b));
    }

    for ( ; i < a.len; i++) {
        if (fkv_rules_lower(a.data[i]) != fkv_rules_lower(b.data[i])) {
            return false;
        }
    }

    return true;
}


bool
fkv_rules_token_byte(uint8_t byte)
{
    /* visible ASCII but "(),/:;<=>?@[\]{} and the quote itself */
    static const uint32_t  token[8] = {
        0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff
    };

    return token[byte >> 5] >> (byte & 31) & 1;
}


bool
fkv_rules_token(fkv_str_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!fkv_rules_token_byte(text.data[i])) {
            return false;
        }
    }

    return text.len > 0;
}


bool
fkv_rules_field_safe(fkv_rules_field_t field)
{
    for (size_t i = 0; i < field.value.len; i++) {
        uint8_t  byte = field.value.data[i];

        if (byte == '\r' || byte == '\n' || byte == '\0') {
            return false;
        }
    }

    return fkv_rules_token(field.name);
}


static bool
blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}


fkv_str_t
fkv_rules_trim(fkv_str_t text)
{
    while (text.len > 0 && blank(text.data[0])) {
        text.data++;
        text.len--;
    }

    while (text.len > 0 && blank(text.data[text.len - 1])) {
        text.len--;
    }

    return text;
}


size_t
fkv_rules_quoted(fkv_str_t text)
{
    for (size_t i = 1; i < text.len; i++) {
        if (text.data[i] == '\\') {
            i++;

        } else if (text.data[i] == '"') {
            return i + 1;
        }
    }

    return 0;
}


bool
fkv_rules_list_next(fkv_str_t *rest, fkv_str_t *member)
{
    while (rest->len > 0) {
        const uint8_t  *comma = memchr(rest->data, ',', rest->len);
        size_t          len = comma ? (size_t) (comma - rest->data)
                                    : rest->len;
        size_t          step = len + (comma != NULL);

        *member = fkv_rules_trim((fkv_str_t) { rest->data, len });
        *rest = (fkv_str_t) { rest->data + step, rest->len - step };

        if (member->len > 0) {
            return true;
        }
    }

    return false;
}


int
fkv_rules_seconds(fkv_str_t text, int64_t *seconds)
{
    int64_t  value = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return FKV_EINVAL;
        }

        value = fkv__min(value * 10 + (text.data[i] - '0'),
                         FKV_RULES_SECONDS_MAX);
    }

    if (text.len == 0) {
        return FKV_EINVAL;
    }

    *seconds = value;

    return FKV_OK;
}
