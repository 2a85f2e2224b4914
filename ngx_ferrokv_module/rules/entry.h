/*
 * entry.h - a cached response's metadata as bytes; its body follows them.
 *
 * Shape, little-endian
 *
 *     0   4  CRC-32C of all that follows up to meta_len
 *     4   1  version, 1
 *     5   1  kind: 0 a response, 1 the list of names its variants vary on
 *     6   2  status, 100 .. 999; 0 in kind 1
 *     8   4  meta_len, of all of this: where the body begins
 *    12   2  flags of fresh.h          14   1  source          15   1  0
 *    16   8  body_len
 *    24   8  request_ms                32   8  response_ms
 *    40   8  initial_age_ms            48   8  lifetime_ms
 *    56   8  date_s                    64   8  last_modified_s, or the least
 *    72   4  while_revalidate_s        76   4  if_error_s
 *    80   8  stamp: the caller's, as it likes
 *    88   2  n_fields                  90   2  n_tags
 *    92  24  six lengths of 4: key, etag, names, variant, tags, fields
 *   116      the six, one behind the other:
 *            key       whatever the caller wants to compare, may be empty
 *            etag      as it came
 *            names     of Vary (vary.h)
 *            variant   of the request that it answers (vary.h)
 *            tags      each: length 1 | bytes
 *            fields    each: id of the name 1 | length v and length v of name
 *                      and value | name | value
 *
 * Versioned and checked: another version is FKV_EVERSION, any other flipped bit
 * and every cut FKV_ECORRUPT.  Only what is safe to send can be packed: names
 * are tokens, values have no CR, LF or NUL, tags are tags.  Unpacking copies
 * nothing, the entry points into the bytes.
 */

#ifndef FKV_RULES_ENTRY_H
#define FKV_RULES_ENTRY_H

#include "rules/fresh.h"
#include "rules/tags.h"
#include "rules/validator.h"

#define FKV_RULES_ENTRY_HEAD_BYTES  116
#define FKV_RULES_ENTRY_BYTES_MAX   (1 << 20)   /* of metadata */

typedef enum {                          /* on disk, do not change */
    FKV_RULES_ENTRY_RESPONSE = 0,
    FKV_RULES_ENTRY_VARIES   = 1
} fkv_rules_entry_e;

typedef struct {
    fkv_rules_entry_e  kind;
    unsigned           status;
    uint64_t           body_len;
    uint64_t           stamp;
    int64_t            request_ms;
    int64_t            date_s;
    int64_t            last_modified_s; /* FKV_RULES_NO_TIME: none */
    fkv_rules_fresh_t  fresh;
    fkv_str_t          key;
    fkv_str_t          etag;
    fkv_str_t          names;
    fkv_str_t          variant;
    fkv_str_t          tags;            /* packed, as unpacking finds them */
    fkv_str_t          fields;
    unsigned           n_tags;
    unsigned           n_fields;
    uint32_t           meta_len;
} fkv_rules_entry_t;


/*
 * The bytes of an entry whose tags and fields are given aside; entry->tags,
 * fields, n_tags, n_fields and meta_len are not looked at.
 * FKV_OK, *len · FKV_EINVAL not safe to send
 * FKV_ETOOBIG over FKV_RULES_ENTRY_BYTES_MAX
 */
int fkv_rules_entry_size(const fkv_rules_entry_t *entry,
    fkv_rules_fields_t fields, const fkv_rules_tags_t *tags, size_t *len);

/* Into out[that many]; only after the former said FKV_OK to the same. */
void fkv_rules_entry_pack(const fkv_rules_entry_t *entry,
    fkv_rules_fields_t fields, const fkv_rules_tags_t *tags, uint8_t *out);

/*
 * How many bytes of metadata there are, from the first
 * FKV_RULES_ENTRY_HEAD_BYTES of a value; nothing else is checked yet.
 * FKV_OK · FKV_ECORRUPT · FKV_EVERSION
 */
int fkv_rules_entry_peek(fkv_str_t bytes, uint32_t *meta_len);

/*
 * bytes: the metadata, with or without some of the body behind it
 * FKV_OK · FKV_ECORRUPT · FKV_EVERSION
 */
int fkv_rules_entry_unpack(fkv_rules_entry_t *entry, fkv_str_t bytes);

/*
 * Take the next one off the front of entry.fields or entry.tags, whose form
 * unpacking has checked.
 * false: there is none
 */
bool fkv_rules_entry_field(fkv_str_t *fields, fkv_rules_field_t *field);
bool fkv_rules_entry_tag(fkv_str_t *tags, fkv_str_t *tag);


#endif /* FKV_RULES_ENTRY_H */
