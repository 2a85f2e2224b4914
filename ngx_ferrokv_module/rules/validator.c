/*
 * validator.c - entity tags and the conditions made of them.
 */

#include "rules/validator.h"
#include "base/bytes.h"


/* Behind the tag that text begins with, or 0. */
static size_t
etag_len(fkv_str_t text)
{
    size_t  i = 0;

    if (text.len >= 2 && text.data[0] == 'W' && text.data[1] == '/') {
        i = 2;
    }

    if (i == text.len || text.data[i] != '"') {
        return 0;
    }

    for (i++; i < text.len; i++) {
        uint8_t  byte = text.data[i];

        if (byte == '"') {
            return i + 1;
        }

        if (byte < 0x21 || byte == 0x7f) {
            return 0;
        }
    }

    return 0;
}


bool
fkv_rules_etag(fkv_str_t text)
{
    return text.len > 0 && etag_len(text) == text.len;
}


static bool
weak(fkv_str_t etag)
{
    return etag.data[0] == 'W';
}


static fkv_str_t
opaque(fkv_str_t etag)
{
    size_t  n = weak(etag) ? 2 : 0;

    return (fkv_str_t) { etag.data + n, etag.len - n };
}


bool
fkv_rules_etag_same_weak(fkv_str_t a, fkv_str_t b)
{
    return a.len > 0 && b.len > 0 && fkv__str_eq(opaque(a), opaque(b));
}


bool
fkv_rules_etag_same_strong(fkv_str_t a, fkv_str_t b)
{
    return a.len > 0 && b.len > 0 && !weak(a) && !weak(b)
           && fkv__str_eq(a, b);
}


static bool
between(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == ',';
}


int
fkv_rules_etag_next(fkv_str_t *rest, fkv_str_t *etag)
{
    size_t  len;

    while (rest->len > 0 && between(rest->data[0])) {
        rest->data++;
        rest->len--;
    }

    if (rest->len == 0) {
        return FKV_END;
    }

    len = etag_len(*rest);

    if (len == 0 || (len < rest->len && !between(rest->data[len]))) {
        return FKV_EINVAL;
    }

    *etag = (fkv_str_t) { rest->data, len };
    *rest = (fkv_str_t) { rest->data + len, rest->len - len };

    return FKV_OK;
}


static bool
listed(fkv_str_t value, fkv_str_t stored)
{
    fkv_str_t  etag;

    if (value.len == 1 && value.data[0] == '*') {
        return true;
    }

    while (fkv_rules_etag_next(&value, &etag) == FKV_OK) {
        if (fkv_rules_etag_same_weak(etag, stored)) {
            return true;
        }
    }

    return false;
}


bool
fkv_rules_not_modified(fkv_rules_fields_t request,
    const fkv_rules_validators_t *stored, int64_t date_s, int64_t now_s)
{
    int64_t    changed_s = stored->last_modified_s, since_s;
    fkv_str_t  since = FKV_STR_NULL;
    unsigned   tags = 0, dates = 0;
    bool       match = false;

    for (size_t i = 0; i < request.n; i++) {
        switch (request.field[i].id) {

        case FKV_RULES_IF_NONE_MATCH:
            match |= listed(request.field[i].value, stored->etag);
            tags++;
            break;

        case FKV_RULES_IF_MODIFIED_SINCE:
            since = request.field[i].value;
            dates++;
            break;

        default:
            break;
        }
    }

    if (tags > 0) {
        return match;
    }

    if (dates != 1 || fkv_rules_date_parse(since, now_s, &since_s) != FKV_OK) {
        return false;
    }

    if (changed_s == FKV_RULES_NO_TIME) {
        changed_s = date_s;
    }

    return changed_s <= since_s;
}


bool
fkv_rules_validates(const fkv_rules_validators_t *stored,
    const fkv_rules_validators_t *answer)
{
    if (answer->etag.len > 0 && !weak(answer->etag)) {
        return fkv_rules_etag_same_strong(answer->etag, stored->etag);
    }

    if (answer->etag.len > 0 && stored->etag.len > 0) {
        return fkv_rules_etag_same_weak(answer->etag, stored->etag);
    }

    return answer->last_modified_s == FKV_RULES_NO_TIME
           || stored->last_modified_s == FKV_RULES_NO_TIME
           || answer->last_modified_s == stored->last_modified_s;
}
