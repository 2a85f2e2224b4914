/*
 * field.c - tokens, lists and numbers of fields.
 */

#include "rules/field.h"

#include <string.h>


bool
fkv_rules_same(fkv_str_t a, fkv_str_t b)
{
    if (a.len != b.len) {
        return false;
    }

    for (size_t i = 0; i < a.len; i++) {
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
