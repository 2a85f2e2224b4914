/*
 * tags.h - tags by which entries are purged.
 *
 * Shape      values of the tag fields ("a b c", "a, b") -> tags, each once
 *
 * A tag is 1 to 255 visible ASCII bytes without a comma, upper and lower case
 * being different.  Nothing else is ever stored or compared, so a tag cannot
 * carry a blank, a line end or a NUL into a header, a log or a key.
 */

#ifndef FKV_RULES_TAGS_H
#define FKV_RULES_TAGS_H

#include "base/types.h"

#define FKV_RULES_TAG_BYTES_MAX  255
#define FKV_RULES_TAGS_MAX       128

typedef struct {
    fkv_str_t  tag[FKV_RULES_TAGS_MAX];     /* point into the values */
    size_t     n;
} fkv_rules_tags_t;


bool fkv_rules_tag(fkv_str_t text);

/*
 * One value more; tags must be zeroed before the first.
 * FKV_OK · FKV_EINVAL one of them is no tag · FKV_ETOOBIG too many.  Then the
 * response must not be stored: a purge would not find it.
 */
int fkv_rules_tags_add(fkv_rules_tags_t *tags, fkv_str_t value);


#endif /* FKV_RULES_TAGS_H */
