/*
 * vary.h - which requests a stored response answers: RFC 9111, section 4.1.
 *
 * Shape      Vary of a response -> names, in small letters, sorted, each once,
 *            with commas between: "accept-encoding,cookie".
 *            names + a request -> its variant, the bytes that must be equal:
 *            name, `:`, the value, newline; `!` in place of `:` and value where
 *            the request has no such field.
 *            variant -> 16 bytes of digest, XXH3, to find it by
 *
 * Values are made alike only where that cannot change their meaning: lines are
 * joined by ", ", and in Accept, Accept-Charset, Accept-Encoding and
 * Accept-Language blanks around `,` and `;` go, empty members too, and letters
 * become small, except in Accept, whose parameters may tell them apart.
 *
 * The digest finds, the bytes decide: whoever can choose request fields can
 * also make two of them collide in XXH3, so an entry holds its variant
 * (entry.h) and serves only who has the same.  No value holds a newline, so no
 * two requests that differ have one variant.
 */

#ifndef FKV_RULES_VARY_H
#define FKV_RULES_VARY_H

#include "rules/field.h"

#define FKV_RULES_VARY_NAMES_MAX     32
#define FKV_RULES_VARY_BYTES_MAX     1024   /* of names */
#define FKV_RULES_VARIANT_BYTES_MAX  16384
#define FKV_RULES_DIGEST_BYTES       16


/*
 * The names of all Vary fields into out[FKV_RULES_VARY_BYTES_MAX].
 * FKV_OK, *len 0 if there are none
 * FKV_EINVAL a `*` somewhere, or something that is no name: matches nothing
 * FKV_ETOOBIG more than the two limits
 */
int fkv_rules_vary_names(fkv_rules_fields_t response, uint8_t *out,
    size_t *len);

/* The same of any bytes, for those that come from the store. */
bool fkv_rules_vary_names_right(fkv_str_t names);

/*
 * The variant of a request into out[room].
 * FKV_OK · FKV_ETOOBIG
 */
int fkv_rules_variant(fkv_str_t names, fkv_rules_fields_t request,
    uint8_t *out, size_t room, size_t *len);

void fkv_rules_variant_digest(fkv_str_t variant,
    uint8_t out[FKV_RULES_DIGEST_BYTES]);


#endif /* FKV_RULES_VARY_H */
