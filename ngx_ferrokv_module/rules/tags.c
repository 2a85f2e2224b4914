/*
 * tags.c - tags cut out of values at blanks and commas.
 */

#include "rules/tags.h"
#include "base/bytes.h"


static bool
between(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == ',';
}


bool
fkv_rules_tag(fkv_str_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f
            || text.data[i] == ',')
        {
            return false;
        }
    }

    return text.len > 0 && text.len <= FKV_RULES_TAG_BYTES_MAX;
}


static bool
has(const fkv_rules_tags_t *tags, fkv_str_t tag)
{
    for (size_t i = 0; i < tags->n; i++) {
        if (fkv__str_eq(tags->tag[i], tag)) {
            return true;
        }
    }

    return false;
}


int
fkv_rules_tags_add(fkv_rules_tags_t *tags, fkv_str_t value)
{
    size_t  i = 0;

    for ( ;; ) {
        fkv_str_t  tag;

        while (i < value.len && between(value.data[i])) {
            i++;
        }

        if (i == value.len) {
            return FKV_OK;
        }

        tag = (fkv_str_t) { value.data + i, 0 };

        while (i < value.len && !between(value.data[i])) {
            tag.len++;
            i++;
        }

        if (!fkv_rules_tag(tag)) {
            return FKV_EINVAL;
        }

        if (has(tags, tag)) {
            continue;
        }

        if (tags->n == FKV_RULES_TAGS_MAX) {
            return FKV_ETOOBIG;
        }

        tags->tag[tags->n++] = tag;
    }
}
